"""The expression classes under the names that users and type checkers know.

`expressions.pyi` beside this file says what each operator takes and gives, for mypy, pyright, ty
and pyrefly alike, without a plugin. The rules behind its shape:

* The classes inherit `SQLColumnExpression`, not `ColumnElement`, whose `__getattr__` would let
  every misspelt method pass. That makes them arguments of `sa.select` and `sa.func` as well.
* `==` takes the column's type, None, or an expression of the type with or without None, so that
  a nullable foreign key compares with its key. Anything else gives
  `ComparisonOfDifferentTypes`, a class that no `where()` accepts and whose name is the message.
* `where()` takes conditions and never `bool`: a refused operand makes Python fall back to the
  reflected `str.__eq__`, whose `bool` must not slip through.
"""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy.sql.elements import SQLColumnExpression

from andamios_orm.queries.nodes import Assignment, Attr, Condition
from andamios_orm.queries.nodes import Expression as Expr
from andamios_orm.queries.nodes import Ordering as Order

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
"""What `where()` takes: an own condition, or any boolean SQLAlchemy expression."""

SortKey: TypeAlias = SQLColumnExpression[Any]
"""What `order_by()` takes: a column, `.asc()`, `.desc()`, or a SQLAlchemy expression."""


class ComparisonOfDifferentTypes(Generic[T, W]):
    """What `==` gives a type checker when the value cannot be of the column's type."""
