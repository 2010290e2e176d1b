"""The SQLAlchemy type that stands in a revision file for a type of DuckDB's catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from andamios_orm.backends.duckdb.sql_text import split_list, unquoted
from andamios_orm.migration.operations import SqlType

__all__ = ["column_type"]

_PLAIN: Mapping[str, Callable[[], TypeEngine[Any]]] = {
    "BIGINT": sa.BigInteger,
    "BLOB": sa.LargeBinary,
    "BOOLEAN": sa.Boolean,
    "DATE": sa.Date,
    "DOUBLE": sa.Double,
    "INTEGER": sa.Integer,
    "INTERVAL": sa.Interval,
    "JSON": sa.JSON,
    "SMALLINT": sa.SmallInteger,
    "TIME": sa.Time,
    "TIME WITH TIME ZONE": lambda: sa.Time(timezone=True),
    "TIMESTAMP": sa.DateTime,
    "TIMESTAMP WITH TIME ZONE": lambda: sa.DateTime(timezone=True),
    "UUID": sa.Uuid,
    "VARCHAR": sa.Text,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ENUM = re.compile(r"ENUM\((.*)\)", re.DOTALL)


def column_type(sql: str) -> TypeEngine[Any]:
    """Return the type that is created as `sql`, an SqlType where SQLAlchemy has none."""
    if sql in _PLAIN:
        return _PLAIN[sql]()
    if number := _DECIMAL.fullmatch(sql):
        return sa.Numeric(int(number[1]), int(number[2]))
    if labels := _ENUM.fullmatch(sql):
        return sa.Enum(*(unquoted(label) for label in split_list(labels[1])))
    if sql.endswith("[]"):
        item_sql = sql.rstrip("[]")
        dimensions, rest = divmod(len(sql) - len(item_sql), 2)
        item = column_type(item_sql)
        if not rest and not isinstance(item, SqlType):
            return postgresql.ARRAY(item, dimensions=dimensions)
    return SqlType(sql)
