"""What all expression nodes share: a key, values in order, and a SQLAlchemy clause.

A node is frozen plain data. It can do three things: give the *key* of its shape (everything but
the values, so that equal shapes share one compiled statement), list its *values* in order, and
become a SQLAlchemy *clause*. Keys cost a tenth of SQLAlchemy's own cache keys.

`terms.py` has the columns and what is computed from them, `conditions.py` and `patterns.py` what
is true or false of a row, `orderings.py` the sorting. Their typed faces, for users and type
checkers, are in `expressions.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from types import NoneType
from typing import Any, Protocol, TypeAlias, TypeGuard
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.spec import FieldSpec, RelationSpec, Storage

__all__ = [
    "Binder",
    "Holder",
    "Key",
    "Node",
    "Operand",
    "Plain",
    "Term",
    "combined",
    "foreign_model",
    "is_clause",
    "literals",
    "operand_clause",
    "operand_key",
    "operand_models",
    "operand_names_only",
    "operand_values",
]

Key: TypeAlias = object
"""Hashable; equal for two nodes that differ in their values only. None: no key, do not cache."""


class Holder(Protocol):
    """What holds values of one storage, and is shown by its `repr`."""

    @property
    def storage(self) -> Storage:
        """How the values are kept."""
        ...


class Binder(Protocol):
    """Where a clause puts its values, and what the engine at hand cannot do with a column."""

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return the clause that stands for a value."""
        ...

    def require_order(self, holder: Holder) -> None:
        """Raise NotSupported if the engine cannot order or compute with what is held."""
        ...

    def column(self, model: type[BaseModel], field: FieldSpec) -> ColumnElement[Any]:
        """Return the column of a model's rows, which may have another name in a subquery."""
        ...

    def joined(self, path: Sequence[RelationSpec]) -> FromClause | None:
        """Return the rows at the other end of a path, joined; None where there are no joins."""
        ...

    def raw(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return a SQLAlchemy expression of the user's. Raises NotSupported."""
        ...

    def around(self) -> set[FromClause]:
        """Return the rows of the subqueries around this place: tables, or other names of them."""
        ...


class Plain:
    """What holds for a binder outside of subqueries: columns are those of the models' tables."""

    def column(self, model: type[BaseModel], field: FieldSpec) -> ColumnElement[Any]:
        """See Binder."""
        return table_of(model).c[field.column]

    def joined(self, path: Sequence[RelationSpec]) -> FromClause | None:
        """See Binder."""
        return None

    def raw(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """See Binder."""
        return element

    def around(self) -> set[FromClause]:
        """See Binder."""
        return set()


class _Literals(Plain):
    """Values stay in the clause: for nodes used inside SQLAlchemy's own statements."""

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        return sa.literal(value, column_type)

    def require_order(self, holder: Holder) -> None:
        """The engine is unknown until SQLAlchemy compiles the statement."""


literals = _Literals()


class Node:
    """What all nodes share: a key, values in order, a clause in the same order."""

    __slots__ = ()

    @abstractmethod
    def key(self) -> Key:
        """Return the shape of this node, None if it holds a SQLAlchemy expression."""
        ...

    @abstractmethod
    def values(self, into: list[object]) -> None:
        """Append the values, in the order in which `clause` binds them."""
        ...

    @abstractmethod
    def clause(self, binder: Binder) -> ColumnElement[Any]:
        """Return the SQLAlchemy clause with its values bound through `binder`."""
        ...

    @abstractmethod
    def models(self, into: set[type[BaseModel]]) -> None:
        """Add every model whose columns this node names."""
        ...

    def names_only(self, model: type[BaseModel]) -> bool:
        """Whether the node is known to name columns of this model only; asked before `models`."""
        return False

    def __clause_element__(self) -> ColumnElement[Any]:
        return self.clause(literals)


class Term(Node):
    """A value of a row: a column, or something computed from columns."""

    __slots__ = ("__weakref__",)

    storage: Storage
    value_type: TypeEngine[Any]
    """The type under which a value compared with this term is bound."""

    @property
    def nullable(self) -> bool:
        """Whether it can be without a value."""
        return True


Operand: TypeAlias = object
"""The other side of an operator: a plain value, a Term, or a SQLAlchemy expression."""


_PLAIN = frozenset({bool, bytes, date, datetime, Decimal, float, int, NoneType, str, time, UUID})


def is_clause(value: object) -> TypeGuard[Any]:
    """Whether `value` is a SQLAlchemy expression, or something that turns into one."""
    if type(value) in _PLAIN:
        return False
    return isinstance(value, ClauseElement) or (
        hasattr(value, "__clause_element__") and not isinstance(value, type)
    )


def operand_key(operand: Operand) -> Key:
    """Return the shape of an operand: 0 for a plain value, whatever it is."""
    if isinstance(operand, Term):
        return operand.key()
    return None if is_clause(operand) else 0


def combined(*keys: Key) -> Key:
    """Return the shape made of these, None if one of them is none."""
    return None if None in keys else keys


def operand_values(operand: Operand, into: list[object]) -> None:
    """Append the values of an operand."""
    if isinstance(operand, Term):
        operand.values(into)
    elif not is_clause(operand):
        into.append(operand)


def operand_clause(
    operand: Operand, column_type: TypeEngine[Any], binder: Binder
) -> ColumnElement[Any]:
    """Return the clause of an operand; a plain value is bound as `column_type`."""
    if isinstance(operand, Term):
        return operand.clause(binder)
    if is_clause(operand):
        return binder.raw(operand)
    return binder.bind(operand, column_type)


def operand_names_only(operand: Operand, model: type[BaseModel]) -> bool:
    """Whether an operand is known to name columns of this model only."""
    return operand.names_only(model) if isinstance(operand, Term) else not is_clause(operand)


def operand_models(operand: Operand, into: set[type[BaseModel]]) -> None:
    """Add the models whose columns an operand names."""
    if isinstance(operand, Term):
        operand.models(into)


def foreign_model(nodes: Iterable[Node], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return a model other than `model` that a node names a column of, None if there is none."""
    found: set[type[BaseModel]] = set()
    for node in nodes:
        node.models(found)
    return next((other for other in found if other is not model), None)
