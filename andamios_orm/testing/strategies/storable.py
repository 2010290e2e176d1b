"""Which values a strategy draws: all that a model accepts, or those that columns hold too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from andamios_orm.errors import UsageError

__all__ = ["Limits", "Storable", "limits_of"]

_Engine: TypeAlias = Literal["duckdb", "sqlite", "postgresql", "mariadb", "mysql"]
Storable: TypeAlias = bool | _Engine
"""True: what the column holds on every engine. The name of an engine: what it holds there.
False: whatever the model accepts, to see that the rest is refused and never altered."""

_ENGINES: tuple[str, ...] = get_args(_Engine)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value has to fit besides its own constraints."""

    engines: tuple[str, ...]
    """All of these hold it; empty where nobody has to."""
    json: bool = False
    """It is a part of a JSON document, and not a column's value."""

    @property
    def storable(self) -> bool:
        """Whether any engine has to hold it."""
        return bool(self.engines)

    @property
    def column(self) -> bool:
        """Whether it is kept in a column of its own."""
        return self.storable and not self.json

    def inside_json(self) -> Limits:
        """Return the limits of what is kept inside a JSON document."""
        return replace(self, json=True)


def limits_of(storable: Storable) -> Limits:
    """Return the limits that an argument stands for. Raises UsageError for an unknown engine."""
    if storable is True:
        return Limits(_ENGINES)
    if storable is False:
        return Limits(())
    if storable not in _ENGINES:
        raise UsageError(
            f"storable={storable!r} names no engine", f"use True, False, or one of {_ENGINES}"
        )
    return Limits((storable,))
