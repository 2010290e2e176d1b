"""How each kind of column looks on each engine, and the SQLAlchemy type that carries it.

Every representation keeps its values exactly: what an engine would round, truncate or re-zone is
refused here, before SQL, with an error that says what the column can hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cached_property
from typing import Any, TypeAlias, cast
from uuid import UUID
from weakref import WeakSet

import sqlalchemy as sa
from pydantic import TypeAdapter
from pydantic_core import to_json
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from andamios_orm.errors import NotStorable, ValueOutOfRange, WrongType
from andamios_orm.schema.json_values import to_json_text
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["Stored", "is_ordered_text", "text_json_dialects"]

# The values that pass through here are what a column declares them to be; the compiler of this
# file cannot know which column, hence the one place where a converter's types are open.
Converter: TypeAlias = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Representation:
    """One kind of column on one engine."""

    type: TypeEngine[Any]
    """The type that DDL and casts are made from."""
    bind: Converter | None = None
    """Plain Python value → what the driver takes."""
    result: Converter | None = None
    """What the driver gives → plain Python value."""
    load: Converter | None = None
    """What the driver gives → something pydantic reads; None where it reads that itself."""


class Stored(TypeDecorator[Any]):
    """The SQLAlchemy type of every column that a model declares.

    Statements written with SQLAlchemy's own API give and take the field's Python values through
    it, whatever the engine keeps. `field` is `"Model.field"`, for messages.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(
        self, storage: Storage, annotation: object, *, field: str, exact: bool = True
    ) -> None:
        super().__init__()
        self.storage = storage
        self.annotation = _Annotation(annotation)
        self.field = field
        self.exact = exact
        self.impl = _represent(storage, "").type  # type: ignore[assignment]  # per instance

    def comparable(self) -> Stored:
        """Return the type of a value compared with the column: not limited to its scale.

        `price > Decimal("0.995")` is a fair question to a column with two places; rounding the
        bound first would change the answer.
        """
        if self.storage.kind is Kind.DECIMAL and self.exact:
            return Stored(self.storage, None, field=self.field, exact=False)
        return self

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> TypeEngine[Any]:
        """See SQLAlchemy: the type of a literal on the other side of an operator."""
        types = self.storage.python_types
        if not types or isinstance(value, types):
            return self.comparable()
        return self.impl_instance.coerce_compared_value(op, value)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See SQLAlchemy: the engine's own type."""
        return dialect.type_descriptor(self._representation(dialect).type)

    def bind_processor(self, dialect: Dialect) -> Converter | None:
        """Return Python value → driver value, None where the value passes as it is."""
        codec = self.storage.codec
        bind = _chain(codec.encode if codec else None, self._representation(dialect).bind)
        return None if bind is None else _located(bind, self.field)

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter | None:
        """Return driver value → Python value, None where the value passes as it is."""
        codec = self.storage.codec
        result = self._representation(dialect, coltype).result
        return _chain(result, codec.decode if codec else None)

    def load_processor(self, dialect: Dialect, *, python_value: bool) -> Converter | None:
        """Return driver value → something pydantic turns into the field's value.

        With `python_value` the result is the field's Python value already, for fields whose
        validators look at the value before pydantic does.
        """
        codec = self.storage.codec
        if python_value or (codec is not None and codec.load):
            return self.result_processor(dialect, None)
        return _chain(self._representation(dialect).load, None)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str] | None:
        """Return Python value → SQL literal, for CHECK constraints."""
        bind = self.bind_processor(dialect)
        impl = self._representation(dialect).type.dialect_impl(dialect)
        render = impl.literal_processor(dialect)
        if render is None or bind is None:
            return render
        return lambda value: render(bind(value))

    def _representation(self, dialect: Dialect, coltype: object = None) -> Representation:
        if self.storage.kind is Kind.CUSTOM:
            return _custom(self.storage, dialect, coltype)
        if self.storage.kind is Kind.JSON:
            return _json(self.storage, self.annotation, dialect)
        found = _represent(self.storage, dialect.name)
        if not self.exact:
            wide = sa.Numeric() if dialect.name != "sqlite" else found.type
            return replace(found, type=wide, bind=_wide_decimal(self.storage, dialect.name))
        return found


class _Annotation:
    """A field's annotation inside SQLAlchemy's cache key: equal only to itself.

    The adapter is built at the first JSON value, when every forward reference is known.
    """

    def __init__(self, annotation: object) -> None:
        self._annotation = annotation

    @cached_property
    def _adapter(self) -> TypeAdapter[object]:
        return TypeAdapter[object](cast("type", self._annotation))

    def from_json(self, text: str) -> object:
        # JSON mode reads what strict and bytes fields wrote, which Python mode would refuse;
        # names, never aliases, so that an API's renaming does not touch stored data.
        return self._adapter.validate_json(text, by_alias=False, by_name=True)

    def from_parsed_json(self, value: object) -> object:
        return self.from_json(_json_text(value))

    def from_parsed_text(self, value: object) -> object:
        return self.from_python(_json_text(value))

    def from_python(self, value: object) -> object:
        return self._adapter.validate_python(value)


def _chain(first: Converter | None, then: Converter | None) -> Converter | None:
    """Return both converters in order, passing None (SQL NULL) through."""
    if first is None and then is None:
        return None
    if first is None or then is None:
        only = cast("Converter", first or then)
        return lambda value: None if value is None else only(value)
    return lambda value: None if value is None else then(first(value))


def _located(bind: Converter, field: str) -> Converter:
    """Return `bind` with its refusals naming the field."""

    def convert(value: object) -> object:
        try:
            return bind(value)
        except NotStorable as error:
            raise error.located(field) from None
        except (TypeError, AttributeError, ValueError, ArithmeticError):
            raise WrongType(
                f"{field} cannot hold a {type(value).__name__}",
                "pass a value of the field's type",
            ) from None

    return convert


def is_ordered_text(storage: Storage, dialect_name: str) -> bool:
    """Whether a number is kept as text on this engine, so that SQL would order it wrongly."""
    return (
        dialect_name == "sqlite"
        and storage.kind is Kind.DECIMAL
        and cast("int", storage.precision) > _EXACT_DIGITS
    )


# ---- checks ------------------------------------------------------------------------------------

_INT64 = "whole numbers from -2**63 to 2**63 - 1"


def _integer(value: int) -> int:
    if -9223372036854775808 <= value <= 9223372036854775807:
        return value
    raise ValueOutOfRange(
        "the number does not fit a 64-bit column",
        "bound the field with ge= and le=, or store the number as Decimal or str",
        limit=_INT64,
    )


def _finite(value: float) -> float:
    if math.isfinite(value):
        return float(value)
    raise NotStorable(
        "NaN and the infinities are not stored",
        "declare the field with allow_inf_nan=True on an engine that can hold them, or use None",
        limit="finite numbers",
    )


def _not_nan(value: float) -> float:
    if value == value:
        return float(value)
    raise NotStorable(
        "SQLite turns NaN into NULL", "use None for a missing number", limit="numbers but NaN"
    )


def _text(value: str) -> str:
    if "\0" in value:
        raise NotStorable(
            "text with a NUL character is cut short or refused by databases",
            "remove the character, or store the value as bytes",
            limit="text without NUL",
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotStorable(
                "text with a lone surrogate is not valid Unicode",
                "decode the text with errors='replace' where it enters the program",
                limit="valid Unicode text",
            ) from None
    return value


def _exact_decimal(precision: int, scale: int) -> Converter:
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    unit = Decimal(1).scaleb(-scale)
    limit = f"{precision} digits, {scale} of them after the point"

    def bind(value: Decimal | int) -> Decimal:
        number = Decimal(value)
        try:
            if number.is_finite():
                return number.quantize(unit, context=context)
        except (Inexact, InvalidOperation):
            pass
        raise ValueOutOfRange(
            f"the column holds {limit}; the number would be rounded or refused",
            "quantize the number first, or declare more digits",
            limit=limit,
        )

    return bind


def _date(value: date) -> date:
    if isinstance(value, datetime):
        raise NotStorable(
            "a datetime would lose its time in a date column",
            "pass `value.date()`, or declare the field as datetime",
            limit="dates",
        )
    if value in (date.min, date.max):
        # As with datetimes, PostgreSQL's driver makes infinities of them.
        raise _beyond()
    return value


def _time(value: time) -> time:
    if value.tzinfo is not None:
        raise NotStorable(
            "a time with a zone would lose it",
            "store a datetime, or remove the zone with `.replace(tzinfo=None)`",
            limit="times without a zone",
        )
    return value


def _instant(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise NotStorable(
            "a datetime without a zone is not an instant",
            "use `datetime.now(UTC)`, or declare the field as NaiveDatetime to keep wall-clock"
            " time",
            limit="datetimes with a zone",
        )
    try:
        return _inside(value.astimezone(UTC))
    except OverflowError:
        raise _beyond() from None


def _wall_clock(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise NotStorable(
            "a datetime with a zone would lose it in a NaiveDatetime column",
            "declare the field as datetime to keep instants, or remove the zone with"
            " `.replace(tzinfo=None)`",
            limit="datetimes without a zone",
        )
    return _inside(value)


def _inside(value: datetime) -> datetime:
    # PostgreSQL's driver stores the two extremes as infinity, and they come back as another
    # value; the same rule everywhere keeps data portable.
    bare = value.replace(tzinfo=None)
    if bare in (datetime.min, datetime.max):
        raise _beyond()
    return value


def _beyond() -> ValueOutOfRange:
    return ValueOutOfRange(
        "the datetime lies at or beyond the ends of the calendar",
        "use None for an open end",
        limit="0001-01-01 to 9999-12-31, without the first and last microsecond, in UTC",
    )


# ---- engines with native types -----------------------------------------------------------------


def _native(storage: Storage) -> Representation:
    kind = storage.kind
    if kind is Kind.TEXT:
        return Representation(sa.String(storage.length) if storage.length else sa.Text(), _text)
    if kind is Kind.DECIMAL:
        precision, scale = cast("int", storage.precision), cast("int", storage.scale)
        return Representation(sa.Numeric(precision, scale), _exact_decimal(precision, scale))
    if kind is Kind.FLOAT:
        return Representation(sa.Double(), _finite if storage.finite else None)
    return _NATIVE[kind]


def _whole(value: object) -> object:
    # PostgreSQL's sum of whole numbers is a NUMERIC, which a sum of `int` should not show.
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _plain_uuid(value: UUID) -> UUID:
    # asyncpg gives its own subclass; a field that was declared UUID gets UUID.
    return UUID(int=value.int)


_NATIVE = {
    Kind.INTEGER: Representation(sa.BigInteger(), _integer, _whole),
    Kind.BOOLEAN: Representation(sa.Boolean()),
    Kind.BYTES: Representation(sa.LargeBinary()),
    Kind.DATE: Representation(sa.Date(), _date),
    Kind.TIME: Representation(sa.Time(), _time),
    Kind.DATETIME: Representation(sa.DateTime(timezone=True), _instant),
    Kind.NAIVE_DATETIME: Representation(sa.DateTime(), _wall_clock),
    Kind.INTERVAL: Representation(sa.Interval()),
    Kind.UUID: Representation(sa.Uuid(), None, _plain_uuid, _plain_uuid),
    Kind.JSON: Representation(sa.Text()),
    Kind.CUSTOM: Representation(sa.Text()),
}

# ---- SQLite ------------------------------------------------------------------------------------

_EXACT_DIGITS = 15
"""A double keeps every decimal number of 15 significant digits (IEEE 754, DBL_DIG)."""


def _sqlite(storage: Storage) -> Representation:
    kind = storage.kind
    if kind is Kind.DECIMAL:
        return _sqlite_decimal(cast("int", storage.precision), cast("int", storage.scale))
    if kind is Kind.FLOAT:
        return Representation(sa.REAL(), _finite if storage.finite else _not_nan)
    return _SQLITE[kind]


def _sqlite_decimal(precision: int, scale: int) -> Representation:
    exact = _exact_decimal(precision, scale)
    if precision > _EXACT_DIGITS:
        return Representation(sa.Text(), lambda value: format(exact(value), "f"), Decimal)

    def read(value: float) -> Decimal:
        return Decimal(f"{value:.{scale}f}")

    return Representation(sa.REAL(), lambda value: float(cast("Decimal", exact(value))), read, read)


def _wide_decimal(storage: Storage, dialect_name: str) -> Converter | None:
    if is_ordered_text(storage, dialect_name):
        return _represent(storage, dialect_name).bind
    return _comparable_double if dialect_name == "sqlite" else _finite_decimal


def _finite_decimal(value: Decimal | int) -> Decimal:
    number = Decimal(value)
    if number.is_finite():
        return number
    raise NotStorable(
        "NaN and the infinities are not compared with decimals",
        "use is_null() for missing numbers",
        limit="finite numbers",
    )


def _comparable_double(value: Decimal | int) -> float:
    number = _finite_decimal(value)
    double = float(number)
    if Decimal(repr(double)) == number:
        return double
    raise ValueOutOfRange(
        f"SQLite compares decimals of {_EXACT_DIGITS} digits; the number would be rounded first",
        "compare with a number of fewer digits",
        limit=f"{_EXACT_DIGITS} digits",
    )


def _interval(value: int) -> timedelta:
    return timedelta(microseconds=value)


_SQLITE = {
    # INTEGER, not BIGINT: only that spelling makes a primary key the row's own id.
    Kind.INTEGER: Representation(sa.Integer(), _integer),
    Kind.BOOLEAN: Representation(sa.Integer(), int, bool),
    Kind.TEXT: Representation(sa.Text(), _text),
    Kind.BYTES: Representation(sa.BLOB()),
    Kind.DATE: Representation(sa.Text(), lambda v: _date(v).isoformat(), date.fromisoformat),
    Kind.TIME: Representation(
        sa.Text(), lambda v: _time(v).isoformat(timespec="microseconds"), time.fromisoformat
    ),
    # One fixed width, so that text order is time order; the offset makes the text an instant
    # for every reader of the file.
    Kind.DATETIME: Representation(
        sa.Text(),
        lambda v: _instant(v).isoformat(" ", "microseconds"),
        datetime.fromisoformat,
    ),
    Kind.NAIVE_DATETIME: Representation(
        sa.Text(),
        lambda v: _wall_clock(v).isoformat(" ", "microseconds"),
        datetime.fromisoformat,
    ),
    Kind.INTERVAL: Representation(
        sa.Integer(), lambda v: v // timedelta(microseconds=1), _interval, _interval
    ),
    Kind.UUID: Representation(sa.Text(), str, UUID),
}


def _represent(storage: Storage, dialect_name: str) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context."""
    if dialect_name == "sqlite" and storage.kind in (*_SQLITE, Kind.DECIMAL, Kind.FLOAT):
        return _sqlite(storage)
    return _native(storage)


def _json(storage: Storage, annotation: _Annotation, dialect: Dialect) -> Representation:
    column_type = postgresql.JSONB() if dialect.name == "postgresql" else sa.Text()
    # SQLAlchemy's driver adapter parses JSONB unless the engine told it not to, as ours does.
    parsed = dialect.name == "postgresql" and dialect not in text_json_dialects
    if storage.column_type == "text":  # pydantic's Json[...]: its own validator parses the text
        if parsed:
            return Representation(
                column_type, to_json_text, annotation.from_parsed_text, _json_text
            )
        return Representation(column_type, to_json_text, annotation.from_python)
    typed = annotation.from_parsed_json if parsed else annotation.from_json
    return Representation(column_type, to_json_text, typed, typed)


text_json_dialects: WeakSet[Dialect] = WeakSet()
"""The dialects whose connections give JSON columns as text."""


def _json_text(value: object) -> str:
    return to_json(value).decode()


def _custom(storage: Storage, dialect: Dialect, coltype: object) -> Representation:
    column_type = cast("TypeEngine[Any]", storage.column_type)
    impl = column_type.dialect_impl(dialect)
    plain = _undecorated(impl)
    decode = storage.codec.decode if storage.codec else None
    if coltype is None and isinstance(plain, sa.Numeric | sa.Float):
        # SQLAlchemy asks with the type that the cursor reported; a plan has no such cursor.
        coltype = _POSTGRESQL_FLOAT if isinstance(plain, sa.Float) else _POSTGRESQL_NUMERIC
    result: Converter | None = impl.result_processor(dialect, coltype)
    if isinstance(impl, sa.JSON) and dialect in text_json_dialects:
        result = _chain(result, json.loads)
    kept = _strict(plain) if dialect.name == "sqlite" else column_type
    return Representation(kept, impl.bind_processor(dialect), result, _chain(result, decode))


# Object identifiers from PostgreSQL's catalog `pg_type`.
_POSTGRESQL_FLOAT, _POSTGRESQL_NUMERIC = 701, 1700


def _undecorated(impl: TypeEngine[Any]) -> TypeEngine[Any]:
    return _undecorated(impl.impl_instance) if isinstance(impl, TypeDecorator) else impl


def _strict(plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the storage class of a user's type: strict SQLite tables know no other names."""
    if isinstance(plain, sa.Integer | sa.Boolean):
        return sa.Integer()
    if isinstance(plain, sa.Numeric | sa.Float):
        return sa.REAL()
    if isinstance(plain, sa.LargeBinary):
        return sa.BLOB()
    return sa.Text()
