"""What a statement that writes gives back of its rows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression
from sqlalchemy.sql.operators import custom_op

from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import Kind

__all__ = ["returned"]

_DOUBLE = (Kind.FLOAT, Kind.DECIMAL, Kind.CUSTOM)
"""What SQLite may keep as a double."""
_WHOLE = (Kind.INTEGER, Kind.BOOLEAN, Kind.INTERVAL, Kind.CUSTOM)
"""What it may keep as a whole number."""


def returned(model: type[BaseModel], dialect_name: str) -> list[ColumnElement[Any]]:
    """Return what stands in RETURNING for the model's fields, in their order.

    SQLite (seen in 3.40.1) gives the whole numbers of a table whose first column is REAL as
    doubles, which are exact to 2**53. An expression over the column gives what is stored.
    """
    table, fields = table_of(model), spec_of(model).fields
    columns = [table.c[field.column] for field in fields]
    # Which column of the database's table is the first one, only the database knows.
    spoiled = dialect_name == "sqlite" and any(f.storage.kind in _DOUBLE for f in fields)
    return [
        _as_stored(column) if spoiled and field.storage.kind in _WHOLE else column
        for field, column in zip(fields, columns, strict=True)
    ]


def _as_stored(column: sa.Column[Any]) -> ColumnElement[Any]:
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type).label(column.name)
