"""How columns look on SQLite: five storage classes, and text for what they cannot say."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import ValueOutOfRange
from andamios_orm.schema.representations import checks
from andamios_orm.schema.representations.base import Converter, Expression, Representation
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["comparable_decimal", "is_number_as_text", "represent", "storage_class"]

_EXACT_DIGITS = 15
"""A double keeps every decimal number of 15 significant digits (IEEE 754, DBL_DIG)."""


def represent(storage: Storage) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context."""
    kind = storage.kind
    if kind is Kind.TEXT:
        many = checks.many_texts(storage.length)
        return Representation(sa.Text(), checks.text(storage.length), bind_many=many)
    if kind is Kind.BYTES:
        return Representation(sa.BLOB(), checks.data(storage.length))
    if kind is Kind.DECIMAL:
        return _decimal(cast("int", storage.precision), cast("int", storage.scale))
    if kind is Kind.FLOAT:
        return Representation(
            sa.REAL(),
            checks.finite if storage.finite else checks.not_nan,
            bind_many=checks.many_floats,
        )
    return _BY_KIND[kind]


def is_number_as_text(storage: Storage) -> bool:
    """Whether a number is kept as text, so that SQL would order it wrongly."""
    return storage.kind is Kind.DECIMAL and cast("int", storage.precision) > _EXACT_DIGITS


def comparable_decimal(storage: Storage) -> Converter:
    """Return the converter of a value compared with a decimal column, whatever its scale."""
    bind = represent(storage).bind if is_number_as_text(storage) else None
    return bind or _comparable_double


def storage_class(plain: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the storage class of a user's type: strict SQLite tables know no other names."""
    if isinstance(plain, sa.Integer | sa.Boolean):
        return sa.Integer()
    if isinstance(plain, sa.Numeric | sa.Float):
        return sa.REAL()
    if isinstance(plain, sa.LargeBinary):
        return sa.BLOB()
    return sa.Text(collation=plain.collation if isinstance(plain, sa.String) else None)


def _decimal(precision: int, scale: int) -> Representation:
    exact = checks.exact_decimal(precision, scale)
    if precision > _EXACT_DIGITS:
        return Representation(sa.Text(), exact.then("format({}, 'f')"), Decimal)

    many_exact = checks.many_decimals(precision, scale)
    text = f"'%.{scale}f' % {{0}}"

    def many(values: list[Decimal]) -> list[float] | None:
        found = many_exact(values)
        return None if found is None else list(map(float, found))

    return Representation(
        sa.REAL(),
        exact.then("float({})"),
        Expression(f"{{Decimal}}({text})", Decimal=Decimal),
        Expression(f"({text})"),
        bind_many=many,
    )


def _comparable_double(value: Decimal | int) -> float:
    number = checks.finite_decimal(value)
    double = float(number)
    if Decimal(repr(double)) == number:
        return double
    raise ValueOutOfRange(
        f"SQLite compares decimals of {_EXACT_DIGITS} digits; the number would be rounded first",
        "compare with a number of fewer digits",
        limit=f"{_EXACT_DIGITS} digits",
    )


def _instants(values: list[datetime]) -> list[str] | None:
    found = checks.many_instants(values)
    return None if found is None else [v.isoformat(" ", "microseconds") for v in found]


_interval = Expression("{timedelta}(microseconds={0})", timedelta=timedelta)

_BY_KIND = {
    # INTEGER, not BIGINT: only that spelling makes a primary key the row's own id.
    Kind.INTEGER: Representation(sa.Integer(), checks.integer, bind_many=checks.many_integers),
    Kind.BOOLEAN: Representation(sa.Integer(), int, bool, bind_many=checks.many_booleans),
    Kind.DATE: Representation(sa.Text(), lambda v: checks.day(v).isoformat(), date.fromisoformat),
    Kind.TIME: Representation(
        sa.Text(),
        lambda v: checks.clock_time(v).isoformat(timespec="microseconds"),
        time.fromisoformat,
    ),
    # One fixed width, so that text order is time order; the offset makes the text an instant
    # for every reader of the file.
    Kind.DATETIME: Representation(
        sa.Text(),
        checks.instant.then("{0}.isoformat(' ', 'microseconds')"),
        datetime.fromisoformat,
        bind_many=_instants,
    ),
    Kind.NAIVE_DATETIME: Representation(
        sa.Text(),
        lambda v: checks.wall_clock(v).isoformat(" ", "microseconds"),
        datetime.fromisoformat,
    ),
    Kind.INTERVAL: Representation(sa.Integer(), checks.microseconds, _interval, _interval),
    Kind.UUID: Representation(sa.Text(), str, UUID),
}
