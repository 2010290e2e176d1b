"""What `Hero.age` is to a type checker; see `expressions.py`."""

# Two overloads of an operator may overlap: SQL gives a nullable result as soon as one side is.
# mypy: disable-error-code="overload-overlap"

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Generic, TypeAlias, TypeVar, overload

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.roles import TypedColumnsClauseRole

from andamios_orm.schema.spec import FieldSpec, Storage

__all__ = [
    "AnyColumn",
    "Assignment",
    "Attr",
    "ComparisonOfDifferentTypes",
    "Condition",
    "Expr",
    "Order",
    "Path",
    "Predicate",
    "SortKey",
    "ToMany",
    "ToOne",
]

T = TypeVar("T")
O = TypeVar("O", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
O_contra = TypeVar("O_contra", bound=BaseModel, contravariant=True)
R_co = TypeVar("R_co", bound=BaseModel, covariant=True)
W = TypeVar("W")

# ty and pyrefly report `a and b` of objects whose `__bool__` cannot be called, mypy's `truthy-bool`
# that of names for objects without one; and mypy takes MYPY for True.
MYPY = False

# What SQLAlchemy calls every expression that gives a type, ours too. Covariant and without an
# operator, so that our classes have theirs only.
_SQL: TypeAlias = TypedColumnsClauseRole[T]
_Text: TypeAlias = TypedColumnsClauseRole[str | None]
_Flag: TypeAlias = TypedColumnsClauseRole[bool | None]
_Decimal: TypeAlias = TypedColumnsClauseRole[Decimal | None]
_Number: TypeAlias = TypedColumnsClauseRole[float | Decimal | None]
_Addable: TypeAlias = TypedColumnsClauseRole[float | Decimal | str | None]

_Rows: TypeAlias = sa.Select[T] | sa.CompoundSelect[T]

Predicate: TypeAlias = TypedColumnsClauseRole[bool | None]
"""What `where()` takes: a condition, a bool column, or any boolean SQLAlchemy expression."""

SortKey: TypeAlias = TypedColumnsClauseRole[Any]
"""What `order_by()` takes: a column, `.asc()`, `.desc()`, or a SQLAlchemy expression."""

AnyColumn: TypeAlias = Attr[Any]
"""A column of any type, read on a model's class."""

class ComparisonOfDifferentTypes(Generic[T, W]):
    """What `==` gives when the value cannot be of the column's type; no query takes it."""

class Condition(TypedColumnsClauseRole[bool]):
    """Something that is true, false or null of a row: what `where()` takes.

    Conditions are combined with `&`, `|` and `~`, each in parentheses. Python's `and`, `or`,
    `not` and `if` raise ConditionMisuse: a condition is decided by the database, row by row.

    ```python
    await heroes.where((Hero.age > 30) & ~Hero.name.startswith("A")).all()
    ```
    """

    if not MYPY:
        __bool__: None
    def __and__(self, other: Predicate) -> Condition:
        """Both hold."""
        ...

    def __rand__(self, other: Predicate) -> Condition: ...
    def __or__(self, other: Predicate) -> Condition:
        """One of them holds, or both."""
        ...

    def __ror__(self, other: Predicate) -> Condition: ...
    def __invert__(self) -> Condition:
        """It does not hold. What is null of a row stays null, so neither of both matches it."""
        ...

class Order(TypedColumnsClauseRole[object]):
    """A column with a direction, from `.asc()` or `.desc()`: what `order_by()` takes.

    Rows without a value come last in ascending and first in descending order, on every engine.
    """

    def nulls_first(self) -> Order:
        """Rows without a value come first."""
        ...

    def nulls_last(self) -> Order:
        """Rows without a value come last."""
        ...

class Assignment:
    """`column = value` of an UPDATE, from `.set()`: what `update()` and `patch()` take."""

    @property
    def attr(self) -> Attr[Any]:
        """The column."""
        ...

    @property
    def value(self) -> object:
        """The value, or the expression that the database computes."""
        ...

class Expr(TypedColumnsClauseRole[T]):
    """A typed value of a row: a column, or arithmetic with columns.

    `==`, `!=`, `<`, `<=`, `>`, `>=` compare it with a value of its type or with another
    expression, and give a Condition. Raises WrongType for a value of another type.
    """

    if not MYPY:
        __bool__: None
    @property
    def storage(self) -> Storage:
        """What the value is to the database."""
        ...

    def __hash__(self) -> int: ...
    @overload  # type: ignore[override]  # a condition, where `object` gives a bool
    def __eq__(self, other: T | _SQL[T | None] | None) -> Condition: ...
    @overload
    def __eq__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    @overload
    def __eq__(self, other: W) -> ComparisonOfDifferentTypes[T, W]: ...
    @overload  # type: ignore[override]  # a condition, where `object` gives a bool
    def __ne__(self, other: T | _SQL[T | None] | None) -> Condition: ...
    @overload
    def __ne__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    @overload
    def __ne__(self, other: W) -> ComparisonOfDifferentTypes[T, W]: ...
    @overload
    def __lt__(self, other: None) -> ComparisonOfDifferentTypes[T, None]: ...
    @overload
    def __lt__(self, other: T | _SQL[T | None]) -> Condition: ...
    @overload
    def __lt__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    @overload
    def __le__(self, other: None) -> ComparisonOfDifferentTypes[T, None]: ...
    @overload
    def __le__(self, other: T | _SQL[T | None]) -> Condition: ...
    @overload
    def __le__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    @overload
    def __gt__(self, other: None) -> ComparisonOfDifferentTypes[T, None]: ...
    @overload
    def __gt__(self, other: T | _SQL[T | None]) -> Condition: ...
    @overload
    def __gt__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    @overload
    def __ge__(self, other: None) -> ComparisonOfDifferentTypes[T, None]: ...
    @overload
    def __ge__(self, other: T | _SQL[T | None]) -> Condition: ...
    @overload
    def __ge__(self: _Decimal, other: int | _SQL[int | None]) -> Condition: ...
    def is_null(self) -> Condition:
        """The row has no value here; the same as `== None`."""
        ...

    def is_not_null(self) -> Condition:
        """The row has a value here; the same as `!= None`."""
        ...

    @overload
    def in_(self, other: Iterable[T] | _Rows[T] | _Rows[T | None]) -> Condition:
        """The value is one of these, or one that a SELECT of one column gives.

        An empty list matches nothing. None in a list stands for the rows without a value.

        ```python
        await heroes.where(Hero.name.in_(["Ada", "Grace"])).all()
        ```
        """
        ...

    @overload
    def in_(self: Expr[W | None], other: _Rows[W]) -> Condition: ...
    @overload
    def not_in(self, other: Iterable[T] | _Rows[T] | _Rows[T | None]) -> Condition:
        """The value is none of these; a row without a value does not match.

        An empty list matches every row. None in a list changes nothing. A SELECT that gives a
        null matches nothing at all, as in SQL.
        """
        ...

    @overload
    def not_in(self: Expr[W | None], other: _Rows[W]) -> Condition: ...
    def between(self, low: T | _SQL[T | None], high: T | _SQL[T | None]) -> Condition:
        """The value lies between both, ends included."""
        ...

    def like(self: _Text, pattern: str) -> Condition:
        r"""The text matches a pattern: `%` is any run, `_` any character, `\` escapes one.

        Case counts on every engine.
        """
        ...

    def ilike(self: _Text, pattern: str) -> Condition:
        """Like `like`, ignoring case: of ASCII letters on SQLite, of all on PostgreSQL."""
        ...

    def contains(self: _Text, text: str) -> Condition:
        """The text occurs in it, taken literally; case counts."""
        ...

    def startswith(self: _Text, text: str) -> Condition:
        """It begins with the text, taken literally; case counts."""
        ...

    def endswith(self: _Text, text: str) -> Condition:
        """It ends with the text, taken literally; case counts."""
        ...

    @overload
    def __add__(self: _Decimal, other: int | _SQL[int]) -> Expr[T]: ...
    @overload
    def __add__(self: _Decimal, other: _SQL[int | None]) -> Expr[T | None]: ...
    @overload
    def __add__(self: _Addable, other: T | _SQL[T]) -> Expr[T]: ...
    @overload
    def __add__(self: _Addable, other: _SQL[T | None]) -> Expr[T | None]: ...
    @overload
    def __radd__(self: _Decimal, other: int) -> Expr[T]: ...
    @overload
    def __radd__(self: _Addable, other: T) -> Expr[T]: ...
    @overload
    def __sub__(self: _Decimal, other: int | _SQL[int]) -> Expr[T]: ...
    @overload
    def __sub__(self: _Decimal, other: _SQL[int | None]) -> Expr[T | None]: ...
    @overload
    def __sub__(self: _Number, other: T | _SQL[T]) -> Expr[T]: ...
    @overload
    def __sub__(self: _Number, other: _SQL[T | None]) -> Expr[T | None]: ...
    @overload
    def __rsub__(self: _Decimal, other: int) -> Expr[T]: ...
    @overload
    def __rsub__(self: _Number, other: T) -> Expr[T]: ...
    @overload
    def __mul__(self: _Decimal, other: int | _SQL[int]) -> Expr[T]: ...
    @overload
    def __mul__(self: _Decimal, other: _SQL[int | None]) -> Expr[T | None]: ...
    @overload
    def __mul__(self: _Number, other: T | _SQL[T]) -> Expr[T]: ...
    @overload
    def __mul__(self: _Number, other: _SQL[T | None]) -> Expr[T | None]: ...
    @overload
    def __rmul__(self: _Decimal, other: int) -> Expr[T]: ...
    @overload
    def __rmul__(self: _Number, other: T) -> Expr[T]: ...
    # A quotient is a float, and null where the divisor is zero.
    def __truediv__(self: _Number, other: float | Decimal | _SQL[Any]) -> Expr[float | None]: ...
    def __rtruediv__(self: _Number, other: float | Decimal) -> Expr[float | None]: ...
    def __mod__(
        self: Expr[int] | Expr[int | None], other: int | _SQL[int] | _SQL[int | None]
    ) -> Expr[int | None]: ...
    def __neg__(self: _Number) -> Expr[T]: ...
    def asc(self) -> Order:
        """Smallest first; rows without a value last."""
        ...

    def desc(self) -> Order:
        """Largest first; rows without a value before them."""
        ...

class Attr(Expr[T]):
    """A model's column, read on the class: `Hero.age`.

    ```python
    await heroes.where(Hero.age > 30).order_by(Hero.name).all()
    ```
    """

    @property
    def model(self) -> type[BaseModel]:
        """The class whose column it is."""
        ...

    @property
    def name(self) -> str:
        """The field's name, which may differ from the column's."""
        ...

    @property
    def field(self) -> FieldSpec:
        """What the model's declaration says of the field."""
        ...

    @property
    def column(self) -> sa.Column[T]:
        """SQLAlchemy's own column of the model's table."""
        ...

    def __and__(self: _Flag, other: Predicate) -> Condition: ...
    def __or__(self: _Flag, other: Predicate) -> Condition: ...
    def __invert__(self: _Flag) -> Condition: ...
    @overload
    def set(self, value: T | _SQL[T]) -> Assignment:
        """Return the assignment of a value, or of what the database computes, to this column.

        ```python
        await heroes.patch(1, Hero.age.set(Hero.age + 1))
        ```
        """
        ...

    @overload
    def set(self: _Decimal, value: int) -> Assignment: ...

class Path(Generic[O_contra, R_co]):
    """Related rows to read beside those of a query: what `load()` takes."""

    def then(self, *paths: Path[R_co, Any]) -> Path[O_contra, R_co]:
        """Return the same with what is read for each of the related rows in turn.

        ```python
        await teams.load(Team.heroes.then(Hero.team)).all()
        ```
        """
        ...

class ToOne(Path[O_contra, R_co]):
    """A model's relation to one row, read on the class: `Hero.team`."""

    def has(self, *conditions: Predicate) -> Condition:
        """There is such a row, and all conditions hold for it; `~` for the opposite.

        The conditions name columns of the related model, or of both.

        ```python
        await heroes.where(Hero.team.has(Team.name == "Preventers")).all()
        ```
        """
        ...

    @property
    def to(self) -> type[R_co]:
        """The related row, whose columns and relations conditions and orderings can use.

        A column is null where there is no such row.

        ```python
        await heroes.where(Hero.team.to.name == "Preventers").order_by(Hero.team.to.name).all()
        ```
        """
        ...

class ToMany(Path[O_contra, R_co]):
    """A model's relation to many rows, read on the class: `Team.heroes`."""

    def any(self, *conditions: Predicate) -> Condition:
        """There is a related row for which all conditions hold.

        ```python
        await teams.where(Team.heroes.any(Hero.age > 80)).all()
        ```
        """
        ...

    def none(self, *conditions: Predicate) -> Condition:
        """There is no related row for which all conditions hold."""
        ...

    def count(self) -> Expr[int]:
        """The number of related rows, for conditions and orderings.

        ```python
        await teams.where(Team.heroes.count() >= 2).order_by(Team.heroes.count().desc()).all()
        ```
        """
        ...

    def where(self, *conditions: Predicate) -> ToMany[O_contra, R_co]:
        """Only the related rows for which all conditions hold, to load or to count."""
        ...

    def order_by(self, *keys: SortKey) -> ToMany[O_contra, R_co]:
        """The related rows sorted, to load."""
        ...

    def limit(self, limit: int, /) -> ToMany[O_contra, R_co]:
        """So many related rows at most for each row, to load."""
        ...

    def then(self, *paths: Path[R_co, Any]) -> ToMany[O_contra, R_co]:
        """Return the same with what is read for each of the related rows in turn."""
        ...
