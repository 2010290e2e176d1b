"""The expression classes under the names that users and type checkers know.

`expressions.pyi` beside this file says what each operator takes and gives, for mypy, pyright, ty
and pyrefly alike, without a plugin. The rules behind its shape:

* The classes inherit `TypedColumnsClauseRole`, which SQLAlchemy takes wherever it takes a column
  and which has no operators of its own. `SQLColumnExpression` would promise `label`, `is_` and
  `op`, which the nodes do not have; `ColumnElement` would let every misspelt method pass.
* `==` takes the column's type, None, or an expression of the type with or without None, so that
  a nullable foreign key compares with its key. Anything else gives
  `ComparisonOfDifferentTypes`, a class that no `where()` accepts and whose name is the message.
* `where()` takes conditions and never `bool`: a refused operand makes Python fall back to the
  reflected `str.__eq__`, whose `bool` must not slip through.
"""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy.sql.roles import TypedColumnsClauseRole

from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.loads import Load as Path
from andamios_orm.queries.loads import ModelRelation as ToMany
from andamios_orm.queries.loads import ModelRelation as ToOne
from andamios_orm.queries.orderings import Ordering as Order
from andamios_orm.queries.terms import Assignment, Attr
from andamios_orm.queries.terms import Expression as Expr

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
W = TypeVar("W")

Predicate: TypeAlias = TypedColumnsClauseRole[bool | None]
"""What `where()` takes: an own condition, or any boolean SQLAlchemy expression."""

SortKey: TypeAlias = TypedColumnsClauseRole[Any]
"""What `order_by()` takes: a column, `.asc()`, `.desc()`, or a SQLAlchemy expression."""


AnyColumn: TypeAlias = Attr
"""A column of any type, read on a model's class."""


class ComparisonOfDifferentTypes(Generic[T, W]):
    """What `==` gives a type checker when the value cannot be of the column's type."""
