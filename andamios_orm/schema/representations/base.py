"""What a representation is: a SQLAlchemy type, and how values pass into and out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.types import TypeEngine

__all__ = ["Converter", "ManyConverter", "Representation"]

# The values that pass through here are what a column declares them to be; the compiler of this
# folder cannot know which column, hence the one place where a converter's types are open.
Converter: TypeAlias = Callable[[Any], object]
ManyConverter: TypeAlias = Callable[[list[Any]], list[Any] | None]


@dataclass(frozen=True, slots=True)
class Representation:
    """One kind of column on one engine."""

    type: TypeEngine[Any]
    """The type that DDL and casts are made from."""
    bind: Converter | None = None
    """Plain Python value → what the driver takes."""
    result: Converter | None = None
    """What the driver gives → plain Python value."""
    load: Converter | None = None
    """What the driver gives → something pydantic reads; None where it reads that itself."""
    bind_many: ManyConverter | None = None
    """`bind` of many values without None, None for those that it wants to see one by one."""
