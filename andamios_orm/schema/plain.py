"""What a column holds in plain Python values, also where a type of the user's own wraps them."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from andamios_orm.errors import NotSupported
from andamios_orm.schema.representations.base import Converter
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["cursor_type", "from_plain", "plain_storage", "plain_type", "reader"]

# The first that fits; an Enum is a String to SQLAlchemy, and a Float once was a Numeric.
_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (sa.Interval, Kind.INTERVAL),
    (sa.Boolean, Kind.BOOLEAN),
    (sa.Integer, Kind.INTEGER),
    (sa.Float, Kind.FLOAT),
    (sa.Numeric, Kind.DECIMAL),
    (sa.String, Kind.TEXT),
    (sa.LargeBinary, Kind.BYTES),
    (sa.Date, Kind.DATE),
    (sa.DateTime, Kind.NAIVE_DATETIME),
    (sa.Time, Kind.TIME),
    (sa.Uuid, Kind.UUID),
    (sa.JSON, Kind.JSON),
)


def plain_storage(storage: Storage, field: str) -> Storage:
    """Return what a column holds once a user's own type is looked through, on every engine alike.

    An Enum of SQLAlchemy holds its members' names. `field` is `"Model.field"`, for messages.
    Raises NotSupported for a column type whose values have no plain form.
    """
    if storage.kind is not Kind.CUSTOM:
        return storage
    plain = plain_type(cast("TypeEngine[Any]", storage.column_type))
    kind = next((kind for known, kind in _KINDS if isinstance(plain, known)), None)
    precision = scale = None
    if isinstance(plain, sa.DateTime) and plain.timezone:
        kind = Kind.DATETIME
    if kind is Kind.DECIMAL:
        precision, scale = plain.precision, plain.scale  # type: ignore[attr-defined] # a Numeric
        if not cast("sa.Numeric[Any]", plain).asdecimal:
            kind = Kind.FLOAT
    if kind is None or (kind is Kind.DECIMAL and None in (precision, scale)):
        raise NotSupported(
            f"{field} has the column type {plain!r}, whose values have no form outside the"
            " database",
            "read the rows with all(); a Numeric needs its precision and scale",
        )
    return Storage(kind, (), precision=precision, scale=scale)


def plain_type(column_type: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the SQLAlchemy type inside all decorators."""
    # SQLAlchemy's Interval is a decorator, of a type that is no interval.
    if isinstance(column_type, TypeDecorator) and not isinstance(column_type, sa.Interval):
        return plain_type(column_type.impl_instance)
    return column_type


def reader(column_type: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    """Return driver value → plain value, for all but JSON."""
    plain = plain_type(column_type.dialect_impl(dialect))
    if isinstance(plain, sa.Enum):
        return None
    return plain.result_processor(dialect, cursor_type(plain))


@cache
def _plain_dialect() -> Dialect:
    """Return an engine whose driver would give every plain value as it is."""
    # Loaded with the first Parquet file, not when the library is imported.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - its first use

    class PlainDialect(DefaultDialect):
        supports_native_boolean = True
        supports_native_decimal = True
        returns_native_bytes = True
        colspecs = {sa.Interval: postgresql.INTERVAL}  # noqa: RUF012 - as in all dialects

    return PlainDialect()


def from_plain(column_type: TypeEngine[Any]) -> Converter | None:
    """Return plain value → what the type gives, with JSON and UUIDs as text.

    The same on every engine, because a file does not know which one it will come to.
    """
    dialect = _plain_dialect()
    return column_type.dialect_impl(dialect).result_processor(dialect, None)


def cursor_type(plain: TypeEngine[Any]) -> object:
    """Return what SQLAlchemy's cursor on PostgreSQL reports for a type; a plan has no cursor."""
    if isinstance(plain, sa.Float):
        return _POSTGRESQL_FLOAT
    return _POSTGRESQL_NUMERIC if isinstance(plain, sa.Numeric) else None


# Object identifiers from PostgreSQL's catalog `pg_type`.
_POSTGRESQL_FLOAT, _POSTGRESQL_NUMERIC = 701, 1700
