"""The SQLAlchemy type for each type that PostgreSQL's catalog writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.operations import SqlType

__all__ = ["column_type"]

_PLAIN: Mapping[str, Callable[[], TypeEngine[Any]]] = {
    "bigint": sa.BigInteger,
    "boolean": sa.Boolean,
    "bytea": sa.LargeBinary,
    "character varying": sa.String,
    "cidr": postgresql.CIDR,
    "date": sa.Date,
    "double precision": sa.Double,
    "inet": postgresql.INET,
    "integer": sa.Integer,
    "interval": sa.Interval,
    "json": sa.JSON,
    "jsonb": postgresql.JSONB,
    "macaddr": postgresql.MACADDR,
    "money": postgresql.MONEY,
    "numeric": sa.Numeric,
    "real": sa.REAL,
    "smallint": sa.SmallInteger,
    "text": sa.Text,
    "time without time zone": sa.Time,
    "time with time zone": lambda: sa.Time(timezone=True),
    "timestamp without time zone": sa.DateTime,
    "timestamp with time zone": lambda: sa.DateTime(timezone=True),
    "tsvector": postgresql.TSVECTOR,
    "uuid": sa.Uuid,
}
_WITH_NUMBERS: Mapping[str, Callable[..., TypeEngine[Any]]] = {
    "bit": postgresql.BIT,
    "bit varying": lambda length: postgresql.BIT(length, varying=True),
    "character": sa.CHAR,
    "character varying": sa.String,
    "numeric": sa.Numeric,
    "time without time zone": lambda precision: postgresql.TIME(False, precision),
    "time with time zone": lambda precision: postgresql.TIME(True, precision),
    "timestamp without time zone": lambda precision: postgresql.TIMESTAMP(False, precision),
    "timestamp with time zone": lambda precision: postgresql.TIMESTAMP(True, precision),
}
# The numbers stand in the middle: `time(3) without time zone`.
_NUMBERS = re.compile(r"\((\d+(?:,-?\d+)*)\)")


def column_type(sql: str) -> TypeEngine[Any]:
    """Return the type that is created as `sql`, an SqlType where SQLAlchemy has none."""
    if sql.endswith("[]"):
        return postgresql.ARRAY(column_type(sql.removesuffix("[]")))
    numbers = _NUMBERS.search(sql)
    if numbers is None:
        return _PLAIN.get(sql, lambda: SqlType(sql))()
    name = sql[: numbers.start()] + sql[numbers.end() :]
    if name not in _WITH_NUMBERS:
        return SqlType(sql)
    return _WITH_NUMBERS[name](*map(int, numbers[1].split(",")))
