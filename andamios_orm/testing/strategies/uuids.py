"""UUIDs of each version."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.numbers import Rules

__all__ = ["uuids"]

_TRAPS = (
    UUID(int=0),
    UUID(int=2**128 - 1),
    UUID("5bc8fbbc-bde5-c099-4164-123456789abc"),  # bits of no version, which MariaDB refuses
)
_RFC_4122 = 0b10 << 62


def uuids(rules: Rules) -> SearchStrategy[UUID]:
    """Return a strategy of UUIDs of the version, or of any bits."""
    version = rules.get("version")
    bits = st.integers(0, 2**128 - 1)
    if version is None:
        return mixed(bits.map(_of_bits), _TRAPS)

    def versioned(number: int) -> UUID:
        number &= ~(0xF << 76) & ~(0b11 << 62)
        return UUID(int=number | version << 76 | _RFC_4122)

    return mixed(bits.map(versioned), map(versioned, (0, 2**128 - 1)))


def _of_bits(number: int) -> UUID:
    return UUID(int=number)
