"""Refuse, before SQL, what a column would round, cut or move to another time zone.

Each check takes a value and returns it as the column keeps it, or raises an error that says what
the column can hold. `many_...` does so with a list, at a fraction of the cost, and returns None if
it is not sure of each value.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import repeat
from typing import NoReturn, cast

from andamios_orm.errors import NotStorable, ValueOutOfRange
from andamios_orm.schema.representations.base import Converter, Expression, ManyConverter

__all__ = [
    "any_float",
    "clock_time",
    "comparable_decimal",
    "data",
    "day",
    "exact_decimal",
    "finite",
    "finite_decimal",
    "instant",
    "integer",
    "many_booleans",
    "many_decimals",
    "many_floats",
    "many_instants",
    "many_integers",
    "many_texts",
    "microseconds",
    "never_infinite",
    "not_nan",
    "text",
    "wall_clock",
]

_INT64 = "whole numbers from -2**63 to 2**63 - 1"


def _too_large(value: int) -> NoReturn:
    raise ValueOutOfRange(
        "the number does not fit a 64-bit column",
        "bound the field with ge= and le=, or store the number as Decimal or str",
        limit=_INT64,
    )


integer = Expression(
    "({0} if {low} <= {0} <= {high} else {refuse}({0}))",
    low=-(2**63),
    high=2**63 - 1,
    refuse=_too_large,
)
"""A number of 64 bits."""


def many_integers(values: list[int]) -> list[int] | None:
    """Numbers of 64 bits."""
    fit = set(map(type, values)) == {int} and min(values) >= -(2**63) and max(values) < 2**63
    return values if fit else None


def many_booleans(values: list[bool]) -> list[int] | None:
    """Booleans as the numbers 0 and 1."""
    return list(map(int, values)) if set(map(type, values)) == {bool} else None


def any_float(value: float) -> float:
    """Any double. Zero has no sign: engines disagree on whether they keep it."""
    number = float(value)
    if number != value and value == value:
        raise ValueOutOfRange(
            "a double does not hold this whole number exactly",
            "pass a float, or store the number as int or Decimal",
            limit="doubles",
        )
    return number + 0.0


def finite(value: float) -> float:
    """A finite double."""
    if math.isfinite(value):
        return any_float(value)
    raise NotStorable(
        "NaN and the infinities are not stored",
        "declare the field with allow_inf_nan=True on an engine that can hold them, or use None",
        limit="finite numbers",
    )


def many_floats(values: list[float]) -> list[float] | None:
    """Finite doubles."""
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        return [value + 0.0 for value in values]
    return None


def not_nan(value: float) -> float:
    """A double on SQLite."""
    if value == value:
        return any_float(value)
    raise NotStorable(
        "SQLite turns NaN into NULL", "use None for a missing number", limit="numbers but NaN"
    )


def never_infinite(value: float) -> float:
    """A double on MySQL and MariaDB."""
    if math.isfinite(value):
        return any_float(value)
    raise NotStorable(
        "MySQL and MariaDB have neither NaN nor infinities",
        "use None for a missing number, or another engine",
        limit="finite numbers",
    )


def text(length: int | None = None) -> Converter:
    """Valid text of at most `length` characters."""

    usual = "'\\0' not in {0} and {0}.isascii()"
    if length is None:
        return Expression(f"({{0}} if {usual} else {{check}}({{0}}))", check=_valid_text)

    def check(value: str) -> str:
        if len(value) > length:
            raise _too_long(length, "characters")
        return _valid_text(value)

    return Expression(
        f"({{0}} if {usual} and len({{0}}) <= {{length}} else {{check}}({{0}}))",
        length=length,
        check=check,
    )


def many_texts(length: int | None = None) -> ManyConverter:
    """Valid texts of at most `length` characters."""

    def bind(values: list[str]) -> list[str] | None:
        if set(map(type, values)) != {str}:
            return None
        if length is not None and max(map(len, values)) > length:
            return None
        joined = "".join(values)
        if "\0" in joined:
            return None
        if not joined.isascii():
            try:
                joined.encode()
            except UnicodeEncodeError:
                return None
        return values

    return bind


def data(length: int | None = None) -> Converter | None:
    """At most `length` bytes."""

    def bind(value: bytes) -> bytes:
        if len(value) > cast("int", length):
            raise _too_long(cast("int", length), "bytes")
        return value

    return None if length is None else bind


def _too_long(length: int, unit: str) -> ValueOutOfRange:
    return ValueOutOfRange(
        f"the column holds {length} {unit}, and the value has more",
        "shorten the value, or declare a larger max_length=",
        limit=f"{length} {unit}",
    )


def _valid_text(value: str) -> str:
    if "\0" in value:
        raise NotStorable(
            "text with a NUL character is cut short or refused by databases",
            "remove the character, or store the value as bytes",
            limit="text without NUL",
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotStorable(
            "text with a lone surrogate is not valid Unicode",
            "decode the text with errors='replace' where it enters the program",
            limit="valid Unicode text",
        ) from None
    return value


def exact_decimal(precision: int, scale: int) -> Expression:
    """A number that has these digits and no more; it comes out at the column's scale."""
    limit = f"{precision} digits, {scale} of them after the point"

    def check(value: Decimal | int) -> Decimal:
        number = Decimal(value)
        if number.is_finite() and (exact := quantize(number, unit)) == number:
            return exact or zero
        raise ValueOutOfRange(
            f"the column holds {limit}; the number would be rounded or refused",
            "quantize the number first, or declare more digits",
            limit=limit,
        )

    # Without traps, what does not fit comes out as another number, or as NaN.
    quantize = Context(prec=precision, traps=[]).quantize
    unit = Decimal(1).scaleb(-scale)
    # MariaDB keeps a negative zero and finds it different from zero.
    zero = quantize(Decimal(0), unit)
    usual = "type({0}) is {Decimal} and {0}.is_finite()"
    return Expression(
        f"(({{exact}} or {{zero}}) if {usual}"
        " and ({exact} := {quantize}({0}, {unit})) == {0} else {check}({0}))",
        Decimal=Decimal,
        exact=None,
        quantize=quantize,
        unit=unit,
        zero=zero,
        check=check,
    )


def many_decimals(precision: int, scale: int) -> ManyConverter:
    """Numbers that have these digits and no more; they come out at the column's scale."""
    context = Context(prec=precision, traps=[Inexact, InvalidOperation])
    unit = Decimal(1).scaleb(-scale)

    def bind(values: list[Decimal]) -> list[Decimal] | None:
        try:
            if not all(map(Decimal.is_finite, values)):
                return None
            exact = map(context.quantize, values, repeat(unit))
            return [value or abs(value) for value in exact]
        except (Inexact, InvalidOperation, TypeError):
            return None

    return bind


def comparable_decimal(digits: int, most_places: int, precision: int, scale: int) -> Converter:
    """A number that an engine of `digits` digits compares exactly with a column of this size."""

    def bind(value: Decimal | int) -> Decimal:
        number = finite_decimal(value)
        places = max(scale, -cast("int", number.as_tuple().exponent))
        whole = max(precision - scale, number.adjusted() + 1)
        if whole + places > digits or places > most_places:
            raise ValueOutOfRange(
                f"the engine compares decimals of {digits} digits, those of the column included",
                "compare with a number of fewer digits",
                limit=f"{digits} digits",
            )
        return number

    return bind


def finite_decimal(value: Decimal | int) -> Decimal:
    """A number to compare decimals with."""
    number = Decimal(value)
    if number.is_finite():
        return number
    raise NotStorable(
        "NaN and the infinities are not compared with decimals",
        "use is_null() for missing numbers",
        limit="finite numbers",
    )


def day(value: date) -> date:
    """A date of the calendar, and nothing more."""
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


def clock_time(value: time) -> time:
    """A time of day without a zone."""
    if value.tzinfo is not None:
        raise NotStorable(
            "a time with a zone would lose it",
            "store a datetime, or remove the zone with `.replace(tzinfo=None)`",
            limit="times without a zone",
        )
    return value


def _moved_to_utc(value: datetime) -> datetime:
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


def many_instants(values: list[datetime]) -> list[datetime] | None:
    """Aware datetimes, in UTC."""
    if set(map(type, values)) != {datetime} or any(value.tzinfo is None for value in values):
        return None
    try:
        moved = [value if value.tzinfo is UTC else value.astimezone(UTC) for value in values]
    except OverflowError:
        return None
    return moved if min(moved) > _FIRST and max(moved) < _LAST else None


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

instant = Expression(
    "({0} if {0}.tzinfo is {UTC} and {first} < {0} < {last} else {move}({0}))",
    UTC=UTC,
    first=_FIRST,
    last=_LAST,
    move=_moved_to_utc,
)
"""An aware datetime, in UTC."""


def wall_clock(value: datetime) -> datetime:
    """A naive datetime."""
    if value.tzinfo is not None:
        raise NotStorable(
            "a datetime with a zone would lose it in a NaiveDatetime column",
            "declare the field as datetime to keep instants, or remove the zone with"
            " `.replace(tzinfo=None)`",
            limit="datetimes without a zone",
        )
    return _inside(value)


def microseconds(value: timedelta) -> int:
    """An interval as whole microseconds of 64 bits."""
    count = value // timedelta(microseconds=1)
    if -(2**63) <= count < 2**63:
        return count
    raise ValueOutOfRange(
        "the interval does not fit 64 bits of microseconds",
        "bound the field with ge= and le=",
        limit="292,271 years in either direction",
    )


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
