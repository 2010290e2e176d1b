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

    `{0}` stands for the value, and `{name}` for what is given under that name; a call costs more
    than most of what converters do.

    >>> Expression("{0}.replace({old}, 'b')", old="a")("aa")
    'bb'
    """

    __slots__ = ("call", "names", "source")

    def __init__(self, source: str, /, **names: object) -> None:
        self.source = source
        self.names = names

    def __getattr__(self, name: str) -> Converter:
        if name != "call":
            raise AttributeError(name)
        # Compiled for the first call: most expressions are only ever written in line.
        scope: dict[str, object] = {}
        source = f"lambda value: {self.inline('value', 0, scope)}"
        compiled: Converter = eval(source, scope)  # noqa: S307 - this package's own, no foreign text
        self.call = compiled
        return compiled

    def __call__(self, value: Any) -> object:
        """Return the converted value; the function `call` does the same with a step less."""
        return self.call(value)

    def inline(self, cell: str, place: int, scope: dict[str, object]) -> str:
        """Return the source with `cell` for the value, and put what it refers to into `scope`.

        `place` keeps the names of several expressions in one function apart.
        """
        names = {name: f"{name}_{place}" for name in self.names}
        scope.update({names[name]: given for name, given in self.names.items()})
        return self.source.format(cell, **names)

    def then(self, source: str, /) -> Expression:
        """Return the expression `source` of this one's value, which it names once."""
        return Expression(source.format(self.source), **self.names)

    def or_none(self) -> Expression:
        """Return the expression that passes None (SQL NULL) through."""
        return Expression(f"(None if {{0}} is None else {self.source})", **self.names)

    def or_else(self, other: Expression) -> Expression:
        """Return what is true where this one is, or the other."""
        return Expression(f"({self.source} or {other.source})", **self.names, **other.names)


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
