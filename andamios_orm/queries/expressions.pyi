"""What `Hero.age` is to a type checker; see `expressions.py`."""

# Every operator narrows SQLAlchemy's, which takes and gives Any: that is what this file is for.
# mypy: disable-error-code="override"

from collections.abc import Iterable
from typing import Any, Generic, TypeAlias, TypeVar, overload

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.elements import SQLColumnExpression, SQLCoreOperations

from andamios_orm.schema.spec import FieldSpec, Storage

__all__ = [
    "Assignment",
    "Attr",
    "ComparisonOfDifferentTypes",
    "Condition",
    "Expr",
    "Order",
    "Predicate",
    "SortKey",
]

T = TypeVar("T")
W = TypeVar("W")

Predicate: TypeAlias = SQLColumnExpression[bool]
SortKey: TypeAlias = SQLColumnExpression[Any]

_Text: TypeAlias = Expr[str] | Expr[str | None]
_Flag: TypeAlias = Attr[bool] | Attr[bool | None]

class ComparisonOfDifferentTypes(Generic[T, W]):
    """What `==` gives when the value cannot be of the column's type; no query takes it."""

class Condition(SQLColumnExpression[bool]):
    """Something that is true, false or null of a row."""

    def __and__(self, other: Predicate) -> Condition: ...
    def __rand__(self, other: Predicate) -> Condition: ...
    def __or__(self, other: Predicate) -> Condition: ...
    def __ror__(self, other: Predicate) -> Condition: ...
    def __invert__(self) -> Condition: ...

class Order(SQLColumnExpression[Any]):
    """A column with a direction, from `.asc()` or `.desc()`."""

    def nulls_first(self) -> Order:
        """Rows without a value come first."""
        ...

    def nulls_last(self) -> Order:
        """Rows without a value come last."""
        ...

class Assignment:
    """`column = value` of an UPDATE, from `.set()`."""

    @property
    def attr(self) -> Attr[Any]: ...
    @property
    def value(self) -> object: ...

class Expr(SQLColumnExpression[T]):
    """A typed value of a row: a column, or arithmetic with columns."""

    @property
    def storage(self) -> Storage: ...
    def __hash__(self) -> int: ...
    @overload
    def __eq__(self, other: T | SQLCoreOperations[T | None] | None) -> Condition: ...
    @overload
    def __eq__(self, other: W) -> ComparisonOfDifferentTypes[T, W]: ...
    @overload
    def __ne__(self, other: T | SQLCoreOperations[T | None] | None) -> Condition: ...
    @overload
    def __ne__(self, other: W) -> ComparisonOfDifferentTypes[T, W]: ...
    def __lt__(self, other: T | SQLCoreOperations[T | None]) -> Condition: ...
    def __le__(self, other: T | SQLCoreOperations[T | None]) -> Condition: ...
    def __gt__(self, other: T | SQLCoreOperations[T | None]) -> Condition: ...
    def __ge__(self, other: T | SQLCoreOperations[T | None]) -> Condition: ...
    def is_null(self) -> Condition:
        """The row has no value here; the same as `== None`."""
        ...

    def is_not_null(self) -> Condition:
        """The row has a value here; the same as `!= None`."""
        ...

    def in_(self, other: Iterable[T] | sa.Select[T]) -> Condition:
        """The value is one of these. An empty list matches nothing; None means null rows."""
        ...

    def not_in(self, other: Iterable[T] | sa.Select[T]) -> Condition:
        """The value is none of these; rows without a value match only if None is not excluded
        and SQL's three-valued logic lets them: a null is neither in nor out of a list."""
        ...

    def between(
        self, low: T | SQLCoreOperations[T | None], high: T | SQLCoreOperations[T | None]
    ) -> Condition:
        """The value lies between both, ends included."""
        ...

    def like(self: _Text, pattern: str) -> Condition:
        r"""The text matches a pattern: `%` any run, `_` any character, `\` escapes.

        Case counts on every engine.
        """
        ...

    def ilike(self: _Text, pattern: str) -> Condition:
        """Like `like`, ignoring case: of ASCII letters on SQLite, of all on PostgreSQL."""
        ...

    def contains(self: _Text, text: str) -> Condition:
        """The text occurs in it, taken literally."""
        ...

    def startswith(self: _Text, text: str) -> Condition:
        """It begins with the text, taken literally."""
        ...

    def endswith(self: _Text, text: str) -> Condition:
        """It ends with the text, taken literally."""
        ...

    def __add__(self, other: T | SQLCoreOperations[T | None]) -> Expr[T]: ...
    def __radd__(self, other: T) -> Expr[T]: ...
    def __sub__(self, other: T | SQLCoreOperations[T | None]) -> Expr[T]: ...
    def __rsub__(self, other: T) -> Expr[T]: ...
    def __mul__(self, other: T | SQLCoreOperations[T | None]) -> Expr[T]: ...
    def __rmul__(self, other: T) -> Expr[T]: ...
    @overload
    def __truediv__(
        self: Expr[int] | Expr[int | None], other: int | SQLCoreOperations[int | None]
    ) -> Expr[float]: ...
    @overload
    def __truediv__(self, other: T | SQLCoreOperations[T | None]) -> Expr[T]: ...
    def __mod__(self, other: T | SQLCoreOperations[T | None]) -> Expr[T]: ...
    def __neg__(self) -> Expr[T]: ...
    def asc(self) -> Order:
        """Smallest first; rows without a value last."""
        ...

    def desc(self) -> Order:
        """Largest first; rows without a value before them."""
        ...

class Attr(Expr[T]):
    """A model's column, read on the class: `Hero.age`."""

    @property
    def model(self) -> type[BaseModel]: ...
    @property
    def name(self) -> str: ...
    @property
    def field(self) -> FieldSpec: ...
    @property
    def column(self) -> sa.Column[T]: ...
    def __and__(self: _Flag, other: Predicate) -> Condition: ...
    def __or__(self: _Flag, other: Predicate) -> Condition: ...
    def __invert__(self: _Flag) -> Condition: ...
    def set(self, value: T | SQLCoreOperations[T]) -> Assignment:
        """Return the assignment of a value, or of an expression, to this column."""
        ...
