"""How columns look on DuckDB: a native type for each kind, in sizes of its own."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import NotSupported
from andamios_orm.schema.representations import checks
from andamios_orm.schema.representations.base import Expression, Representation
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["NO_MICROSECONDS", "Instant", "in_utc", "microseconds", "represent"]

_MAX_DIGITS = 38


def represent(storage: Storage) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context.

    Raises NotSupported for decimals of more digits than the engine has.
    """
    kind = storage.kind
    if kind is Kind.TEXT:
        # A VARCHAR's length would be forgotten; the table has a CHECK instead.
        many = checks.many_texts(storage.length)
        return Representation(sa.Text(), checks.text(storage.length), bind_many=many)
    if kind is Kind.BYTES:
        return Representation(sa.LargeBinary(), checks.data(storage.length))
    if kind is Kind.DECIMAL:
        return _decimal(cast("int", storage.precision), cast("int", storage.scale))
    if kind is Kind.FLOAT:
        return Representation(
            sa.Double(),
            checks.finite if storage.finite else checks.any_float,
            bind_many=checks.many_floats,
        )
    return _BY_KIND[kind]


def _decimal(precision: int, scale: int) -> Representation:
    if precision > _MAX_DIGITS:
        raise NotSupported(
            f"DuckDB's DECIMAL has {_MAX_DIGITS} digits at most, and {precision} are declared",
            f"declare max_digits={_MAX_DIGITS} or less, or use PostgreSQL",
        )
    return Representation(
        sa.Numeric(precision, scale),
        checks.exact_decimal(precision, scale),
        # Some of our statements ask for its text.
        Expression("({Decimal}({0}) if {0}.__class__ is str else {0})", Decimal=Decimal),
        bind_many=checks.many_decimals(precision, scale),
    )


NO_MICROSECONDS = -(2**63)
"""What `microseconds` gives for an interval that has more of them than 64 bits hold."""


def microseconds(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Return an interval column as whole microseconds, for readers that know no months."""
    # Without TRY the statement would fail, with an error that names no column.
    attempt: ColumnElement[int] = getattr(sa.func, "try")(sa.func.epoch_us(column))
    limit = sa.literal_column(f"CAST('{NO_MICROSECONDS}' AS BIGINT)", sa.BigInteger())
    return sa.case((column.is_not(None), sa.func.coalesce(attempt, limit)))


class Instant(sa.DateTime):
    """A TIMESTAMP WITH TIME ZONE that is read as the TIMESTAMP it is in UTC.

    DuckDB's driver makes an object of pytz for every value with a time zone, which takes seven
    times as long.
    """

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def adapt(self, cls: type[TypeEngine[Any]], **kw: Any) -> Instant:  # type: ignore[override] # it stays what it is
        """See SQLAlchemy: the dialect's own class for datetimes would replace it."""
        return Instant()


def in_utc(column: ColumnElement[Any], column_type: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return what reads an `Instant`, without its time zone."""
    return sa.func.timezone(sa.literal_column("'UTC'"), column, type_=column_type)


_read_in_utc = Expression("{0}.replace(tzinfo={UTC})", UTC=UTC)
# A text statement of the user's reads the column itself.
_utc = Expression(
    "({0}.replace(tzinfo={UTC}) if {0}.tzinfo is None else {0}.astimezone({UTC}))", UTC=UTC
)

_BY_KIND = {
    Kind.INTEGER: Representation(sa.BigInteger(), checks.integer, bind_many=checks.many_integers),
    Kind.BOOLEAN: Representation(sa.Boolean()),
    Kind.DATE: Representation(sa.Date(), checks.day),
    Kind.TIME: Representation(sa.Time(), checks.clock_time),
    Kind.DATETIME: Representation(
        Instant(), checks.instant, _utc, _read_in_utc, bind_many=checks.many_instants
    ),
    Kind.NAIVE_DATETIME: Representation(sa.DateTime(), checks.wall_clock),
    Kind.INTERVAL: Representation(sa.Interval()),
    Kind.UUID: Representation(sa.Uuid()),
}
