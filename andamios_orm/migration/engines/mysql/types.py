"""The SQLAlchemy type for each type that the catalogs of MariaDB and MySQL write."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.operations import SqlType

__all__ = ["column_type"]

# MariaDB writes the width at which a program once showed a number, MySQL no longer does.
_PLAIN: Mapping[str, Callable[[], TypeEngine[Any]]] = {
    "bigint": sa.BigInteger,
    "bigint(20)": sa.BigInteger,
    "blob": sa.LargeBinary,
    "date": sa.Date,
    "datetime": sa.DateTime,
    "double": sa.Double,
    "float": sa.Float,
    "int": sa.Integer,
    "int(11)": sa.Integer,
    "json": sa.JSON,
    "longblob": mysql.LONGBLOB,
    "longtext": mysql.LONGTEXT,
    "mediumblob": mysql.MEDIUMBLOB,
    "mediumtext": mysql.MEDIUMTEXT,
    "smallint": sa.SmallInteger,
    "smallint(6)": sa.SmallInteger,
    "text": sa.Text,
    "time": sa.Time,
    "timestamp": mysql.TIMESTAMP,
    "tinyblob": mysql.TINYBLOB,
    "tinytext": mysql.TINYTEXT,
    "tinyint(1)": lambda: mysql.TINYINT(1),
}
_WITH_NUMBERS: Mapping[str, Callable[..., TypeEngine[Any]]] = {
    "binary": sa.BINARY,
    "bit": mysql.BIT,
    "char": sa.CHAR,
    "datetime": lambda fsp: mysql.DATETIME(fsp=fsp),
    "decimal": sa.Numeric,
    "time": lambda fsp: mysql.TIME(fsp=fsp),
    "timestamp": lambda fsp: mysql.TIMESTAMP(fsp=fsp),
    "varbinary": sa.VARBINARY,
    "varchar": sa.String,
}
_NUMBERS: Mapping[str, Callable[..., TypeEngine[Any]]] = {
    "bigint": mysql.BIGINT,
    "int": mysql.INTEGER,
    "mediumint": mysql.MEDIUMINT,
    "smallint": mysql.SMALLINT,
    "tinyint": mysql.TINYINT,
}
_WRITTEN = re.compile(
    r"(?P<name>\w+)(?:\((?P<numbers>\d+(?:,\d+)*)\))?(?P<unsigned> unsigned)?\Z",
)
_LABELS = re.compile(r"'((?:[^']|'')*)'")


def column_type(sql: str) -> TypeEngine[Any]:
    """Return the type that is created as `sql`, an SqlType where SQLAlchemy has none."""
    if sql in _PLAIN:
        return _PLAIN[sql]()
    if sql.startswith(("enum(", "set(")):
        labels = [found.replace("''", "'") for found in _LABELS.findall(sql)]
        return mysql.ENUM(*labels) if sql.startswith("enum(") else mysql.SET(*labels)
    found = _WRITTEN.match(sql)
    if found is None:
        return SqlType(sql)
    name, unsigned = found["name"], found["unsigned"] is not None
    numbers = tuple(map(int, (found["numbers"] or "").split(","))) if found["numbers"] else ()
    if name in _NUMBERS:
        return _NUMBERS[name](unsigned=unsigned)
    if name in _WITH_NUMBERS and numbers and not unsigned:
        return _WITH_NUMBERS[name](*numbers)
    return SqlType(sql)
