"""Types of a user's own, which several tests store."""

from enum import Enum

import sqlalchemy as sa

from andamios_orm import register_type

__all__ = ["Rank", "Shout"]


class Rank(Enum):
    MINOR = "minor"
    MAJOR = "major"


class Shout:
    """Text in a type that does not say when it is equal."""

    def __init__(self, text: str) -> None:
        self.text = text


register_type(Shout, sa.String(50), encode=lambda shout: shout.text, decode=Shout)
