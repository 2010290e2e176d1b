"""How SQLAlchemy's column types travel to DuckDB and back, and the types only DuckDB has."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import sqltypes
from sqlalchemy.sql.type_api import NativeForEmulated, TypeEngine

__all__ = ["COLSPECS", "HUGEINT", "INTERVAL", "DuckDBType", "UnsignedInteger"]

_Processor: TypeAlias = Callable[[Any], Any] | None


class HUGEINT(sa.BigInteger):
    """A signed integer of 128 bits."""

    __visit_name__ = "HUGEINT"


class UnsignedInteger(sa.Integer):
    """An integer without a sign: `UTINYINT`, `USMALLINT`, `UINTEGER`, `UBIGINT` or `UHUGEINT`."""

    __visit_name__ = "unsigned_integer"

    def __init__(self, name: str = "UINTEGER") -> None:
        super().__init__()
        self.name = name


class DuckDBType(sa.types.UserDefinedType[Any]):
    """A type by its name in DuckDB, such as `STRUCT(a INTEGER)`; values are what DuckDB gives."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **kwargs: object) -> str:
        """Return the name."""
        return self.name


class INTERVAL(NativeForEmulated, sqltypes._AbstractInterval):  # noqa: SLF001 - its only base
    """A `datetime.timedelta`, where SQLAlchemy would store the moment so long after 1970."""

    __visit_name__ = "INTERVAL"
    native = True

    @classmethod
    def adapt_emulated_to_native(cls, impl: object, **kwargs: object) -> INTERVAL:
        """Return the type for `sqlalchemy.Interval`; DuckDB has one precision."""
        return cls()

    def as_generic(self, allow_nulltype: bool = False) -> sa.Interval:
        """Return `sqlalchemy.Interval`."""
        return sa.Interval(native=True)

    @property
    def python_type(self) -> type[datetime.timedelta]:
        """Return timedelta."""
        return datetime.timedelta

    def literal_processor(self, dialect: Dialect) -> Callable[[datetime.timedelta], str]:
        """Write a value into SQL, exactly."""

        def process(value: datetime.timedelta) -> str:
            return f"to_microseconds({value // datetime.timedelta(microseconds=1)})"

        return process


class _Numeric(sa.Numeric[Any]):
    """DuckDB answers with a Decimal, and with a float after a division or an average."""

    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> _Processor:
        return _to_decimal if self.asdecimal else _to_float


class _Float(sa.Float[Any]):
    def bind_processor(self, dialect: Dialect) -> None:
        return None

    def result_processor(self, dialect: Dialect, coltype: object) -> _Processor:
        if not self.asdecimal:
            return _to_float
        scale = self._effective_decimal_return_scale
        return lambda value: None if value is None else decimal.Decimal(f"{value:.{scale}f}")


def _to_decimal(value: object) -> decimal.Decimal | None:
    if value is None or isinstance(value, decimal.Decimal):
        return value
    return decimal.Decimal(str(value))


def _to_float(value: Any) -> float | None:
    return None if value is None else float(value)


class _DateTime(sa.DateTime):
    """An aware datetime comes back in UTC, as `datetime.UTC` and not a zone of another library."""

    def result_processor(self, dialect: Dialect, coltype: object) -> _Processor:
        return _to_utc


def _to_utc(value: datetime.datetime | None) -> datetime.datetime | None:
    if value is None or value.tzinfo is None:
        return value
    return value.astimezone(datetime.UTC)


class _StrIndex(sqltypes.JSON.JSONStrIndexType):
    """`column["key"]`, as a JSON pointer: as a plain key, `$` and `/` would have a meaning."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        return lambda key: _pointer((key,))

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        return _quoting(lambda key: _pointer((key,)))


class _Path(sqltypes.JSON.JSONPathType):
    """`column["key", 0]`, as a JSON pointer."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        return _pointer

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        return _quoting(_pointer)


def _pointer(path: Any) -> str:
    """Return the path in the notation of RFC 6901."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def _quoting(process: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "'" + process(value).replace("'", "''") + "'"


COLSPECS: dict[type[TypeEngine[Any]], type[TypeEngine[Any]]] = {
    sa.ARRAY: postgresql.ARRAY,
    sa.DateTime: _DateTime,
    sa.Float: _Float,
    sa.Interval: INTERVAL,
    sa.Numeric: _Numeric,
    sqltypes.JSON.JSONPathType: _Path,
    sqltypes.JSON.JSONStrIndexType: _StrIndex,
}
