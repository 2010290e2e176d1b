"""What an installation decides: which database, which key."""

import os
import secrets
from dataclasses import dataclass, field, replace
from typing import Self

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    url: str = "duckdb://"
    """Where the rows are; by default in memory, and gone in the end."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """What tokens are signed with; by default they end with the program."""
    password_cost: int = 2**14
    """The work to hash a password, a power of two: scrypt's N."""

    seeded: bool = False
    """Whether an empty database gets a few users and articles at the start."""

    @classmethod
    def from_environment(cls) -> Self:
        """Return what DATABASE_URL and CONDUIT_KEY say. Raises ValueError for a short key."""
        given = cls(url=os.environ.get("DATABASE_URL") or cls.url)
        key = os.environ.get("CONDUIT_KEY", "").encode()
        if not key:
            return given
        if len(key) < 32:
            raise ValueError("CONDUIT_KEY has fewer than 32 bytes, and could be guessed")
        return replace(given, key=key)
