"""What a representation is: a SQLAlchemy type, and how values pass into and out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.types import TypeEngine

__all__ = ["Converter", "Expression", "ManyConverter", "Representation"]

# The values that pass through here are what a column declares them to be; the compiler of this
# folder cannot know which column, hence the one place where a converter's types are open.
Converter: TypeAlias = Callable[[Any], object]
ManyConverter: TypeAlias = Callable[[list[Any]], list[Any] | None]


class Expression:
    """A converter written as a Python expression, so that generated code can hold it in line.

    `{0}` stands for the value; a call costs more than most of what converters do.

    >>> Expression("{0}.upper()")("a")
    'A'
    """

    __slots__ = ("_call", "names", "source")

    def __init__(self, source: str, /, **names: object) -> None:
        self.source = source
        self.names = names
        """What the expression refers to, by the name it has there."""
        self._call: Converter = eval(  # noqa: S307 - written in this package, without foreign text
            f"lambda value: {source.format('value')}", dict(names)
        )

    def __call__(self, value: Any) -> object:
        """Return the converted value."""
        return self._call(value)

    def or_none(self) -> Expression:
        """Return the expression that passes None (SQL NULL) through."""
        return Expression(f"(None if {{0}} is None else {self.source})", **self.names)


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
