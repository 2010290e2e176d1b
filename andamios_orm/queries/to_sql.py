"""Turn a selection into a SQLAlchemy statement whose values are numbered parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ColumnClause
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.queries.nodes import Assignment, Expression, is_clause
from andamios_orm.queries.selection import Selection
from andamios_orm.schema.columns import is_ordered_text
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec

__all__ = [
    "Statement",
    "bulk_insert",
    "by_key",
    "count",
    "delete",
    "delete_by_key",
    "exists",
    "insert",
    "select",
    "update",
    "update_by_key",
]

Statement: TypeAlias = "sa.Select[Any] | sa.Insert | sa.Update | sa.Delete"


class _Parameters:
    """Number the values in the order in which nodes bind them; a plan fills them by number."""

    def __init__(self, dialect_name: str) -> None:
        self._dialect_name = dialect_name
        self._next = 0

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        name = parameter(self._next)
        self._next += 1
        return sa.bindparam(name, None, type_=column_type)

    def require_order(self, expression: Expression) -> None:
        if is_ordered_text(expression.storage, self._dialect_name):
            raise NotSupported(
                f"{expression!r}: SQLite has no number type for more than 15 digits, so the column"
                " is text there and cannot be ordered or computed with",
                "declare max_digits=15 or less, or use a database with DECIMAL",
            )


def parameter(number: int) -> str:
    """Return the name of the n-th parameter, counted from 0."""
    return f"andamios_{number}"


# ---- reading -----------------------------------------------------------------------------------


def select(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of all the model's columns. Raises NotSupported, UsageError."""
    return _limited(_filtered(selection, columns(selection.model), dialect_name), selection)


def count(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of the number of rows; limit and offset count too."""
    if selection.limit is None and selection.offset is None:
        return _filtered(selection, [sa.func.count()], dialect_name, ordered=False)
    inner = select(selection, dialect_name).subquery()
    return sa.select(sa.func.count()).select_from(inner)


def exists(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of one row if there is any."""
    one: list[ColumnElement[Any]] = [sa.literal_column("1")]
    return _limited(_filtered(selection, one, dialect_name), selection)


def by_key(model: type[BaseModel]) -> sa.Select[Any]:
    """Return the SELECT of the row with a primary key, whose parts are the parameters."""
    return sa.select(*columns(model)).where(*_key_conditions(model, 0))


def columns(model: type[BaseModel]) -> list[sa.Column[Any]]:
    """Return the model's columns in the order of its fields."""
    table = table_of(model)
    return [table.c[field.column] for field in spec_of(model).fields]


def _filtered(
    selection: Selection,
    what: Sequence[ColumnElement[Any]],
    dialect_name: str,
    *,
    ordered: bool = True,
) -> sa.Select[Any]:
    parameters = _Parameters(dialect_name)
    statement = sa.select(*what).select_from(table_of(selection.model))
    statement = statement.where(*[c.clause(parameters) for c in selection.conditions])
    if ordered:
        statement = statement.order_by(*[o.clause(parameters) for o in selection.orderings])
    if len(statement.get_final_froms()) > 1:
        raise UsageError(
            f"a condition of this query reads a table other than {selection.model.__name__}'s;"
            " without a join every row would meet every row",
            "put the other table into a subquery, as in"
            " `column.in_(sqlalchemy.select(...))` or `sqlalchemy.exists(...)`",
        )
    return statement


def _limited(statement: sa.Select[Any], selection: Selection) -> sa.Select[Any]:
    # The last parameters, as in Selection.values(); BIGINT because an offset may be large.
    number = (
        len(selection.values()) - (selection.limit is not None) - (selection.offset is not None)
    )
    if selection.limit is not None:
        statement = statement.limit(sa.bindparam(parameter(number), None, type_=sa.BigInteger()))
        number += 1
    if selection.offset is not None:
        statement = statement.offset(sa.bindparam(parameter(number), None, type_=sa.BigInteger()))
    return statement


def _key_conditions(model: type[BaseModel], first: int) -> list[ColumnElement[bool]]:
    table = table_of(model)
    return [
        table.c[field.column]
        == sa.bindparam(parameter(first + n), None, type_=table.c[field.column].type)
        for n, field in enumerate(spec_of(model).primary_key)
    ]


# ---- writing -----------------------------------------------------------------------------------


def insert(model: type[BaseModel], fields: Sequence[FieldSpec]) -> sa.Insert:
    """Return the INSERT of one row that gives the whole row back."""
    statement = sa.insert(table_of(model)).returning(*columns(model))
    # Without fields the row is all defaults, which SQLAlchemy writes as each engine wants it.
    return statement.values(_row(model, fields, 0)) if fields else statement


def bulk_insert(model: type[BaseModel], fields: Sequence[FieldSpec], rows: int) -> sa.Insert:
    """Return the INSERT of `rows` rows that gives the whole rows back."""
    values = [_row(model, fields, n * len(fields)) for n in range(rows)]
    return sa.insert(table_of(model)).values(values).returning(*columns(model))


def update_by_key(model: type[BaseModel], fields: Sequence[FieldSpec]) -> sa.Update:
    """Return the UPDATE of the fields of one row; its key's parts are the last parameters."""
    return (
        sa.update(table_of(model))
        .values(_row(model, fields, 0))
        .where(*_key_conditions(model, len(fields)))
        .returning(*columns(model))
    )


def delete_by_key(model: type[BaseModel]) -> sa.Delete:
    """Return the DELETE of the row with a primary key."""
    return sa.delete(table_of(model)).where(*_key_conditions(model, 0))


def update(
    selection: Selection,
    assignments: Sequence[Assignment],
    dialect_name: str,
    *,
    key: bool = False,
) -> sa.Update:
    """Return the UPDATE of the selected rows, values of the assignments first.

    With `key` the rows are one row, by its primary key, which is given back.
    """
    table = table_of(selection.model)
    parameters = _Parameters(dialect_name)
    values = {
        a.attr.field.column: _assigned(a, table.c[a.attr.field.column], parameters)
        for a in assignments
    }
    statement = sa.update(table).values(values)
    if key:
        conditions = [
            table.c[field.column] == parameters.bind(None, table.c[field.column].type)
            for field in spec_of(selection.model).primary_key
        ]
        return statement.where(*conditions).returning(*columns(selection.model))
    return statement.where(*[c.clause(parameters) for c in selection.conditions])


def delete(selection: Selection, dialect_name: str) -> sa.Delete:
    """Return the DELETE of the selected rows."""
    parameters = _Parameters(dialect_name)
    conditions = [c.clause(parameters) for c in selection.conditions]
    return sa.delete(table_of(selection.model)).where(*conditions)


def _row(
    model: type[BaseModel], fields: Sequence[FieldSpec], first: int
) -> dict[str, ColumnElement[Any]]:
    table = table_of(model)
    return {
        field.column: sa.bindparam(parameter(first + n), None, type_=table.c[field.column].type)
        for n, field in enumerate(fields)
    }


def _assigned(
    assignment: Assignment, column: ColumnClause[Any], parameters: _Parameters
) -> ColumnElement[Any]:
    if isinstance(assignment.value, Expression):
        return assignment.value.clause(parameters)
    if is_clause(assignment.value):
        clause: ColumnElement[Any] = assignment.value
        return clause
    return parameters.bind(assignment.value, column.type)
