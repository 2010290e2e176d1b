"""Read the name of a type in DuckDB's catalog: `DECIMAL(10,2)[]` is a list of decimals."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.type_api import TypeEngine

from andamios_orm.backends.duckdb.sql_text import split_list, unquoted
from andamios_orm.backends.duckdb.types import HUGEINT, INTERVAL, DuckDBType, UnsignedInteger

__all__ = ["to_type"]

_SIMPLE: dict[str, type[TypeEngine[Any]]] = {
    "BIGINT": sa.BIGINT,
    "BIT": postgresql.BIT,
    "BLOB": sa.BLOB,
    "BOOLEAN": sa.BOOLEAN,
    "DATE": sa.DATE,
    "DOUBLE": sa.DOUBLE,
    "FLOAT": sa.REAL,
    "HUGEINT": HUGEINT,
    "INTEGER": sa.INTEGER,
    "INTERVAL": INTERVAL,
    "JSON": sa.JSON,
    "SMALLINT": sa.SMALLINT,
    "TIME": sa.TIME,
    "TIMESTAMP": sa.TIMESTAMP,
    "UUID": sa.UUID,
    "VARCHAR": sa.VARCHAR,
}
_UNSIGNED = {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_ENUM = re.compile(r"ENUM\((.*)\)", re.DOTALL)


def to_type(name: str) -> TypeEngine[Any]:
    """Return SQLAlchemy's type for a type of DuckDB; one it has no word for keeps its name."""
    if name.endswith("[]"):
        item = to_type(name[:-2])
        if isinstance(item, postgresql.ARRAY):
            return postgresql.ARRAY(item.item_type, dimensions=(item.dimensions or 1) + 1)
        return postgresql.ARRAY(item, dimensions=1)
    if name in _SIMPLE:
        return _SIMPLE[name]()
    if name in _UNSIGNED:
        return UnsignedInteger(name)
    if name == "TIMESTAMP WITH TIME ZONE":
        return sa.TIMESTAMP(timezone=True)
    if name == "TIME WITH TIME ZONE":
        return sa.TIME(timezone=True)
    if number := _DECIMAL.fullmatch(name):
        return sa.DECIMAL(int(number[1]), int(number[2]))
    if labels := _ENUM.fullmatch(name):
        return sa.Enum(*(unquoted(label) for label in split_list(labels[1])), native_enum=True)
    return DuckDBType(name)
