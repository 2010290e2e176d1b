"""Write a value as SQL text, so that the server reads back exactly that value and nothing else.

The text protocol has no parameters of its own: values are part of the statement. Nothing here
relies on a method that a subclass of a known type may have replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from andamios_orm.errors import NotStorable, ValueOutOfRange, WrongType

__all__ = ["filled", "literal"]

_DIGITS = 65  # of a DECIMAL, on MariaDB and MySQL
_SCALE = 38  # of a DECIMAL on MariaDB; 30 on MySQL, which refuses or rounds beyond it
_MICROSECOND = timedelta(microseconds=1)
_TOO_LONG = timedelta(hours=839) // _MICROSECOND


def filled(sql: str, values: Sequence[object]) -> bytes:
    """Return the statement with each `%s` replaced by a value, and each `%%` by `%`.

    Raises NotStorable, WrongType.
    """
    return sql.encode() % tuple(map(literal, values))


def literal(value: object) -> bytes:
    """Return a value as SQL. Raises NotStorable, and WrongType for a type that is not known.

    >>> literal("it's")
    b"'it''s'"
    >>> literal(0.1)
    b'0.1e0'
    """
    write = _WRITERS.get(type(value))
    if write is None:
        write = next((_WRITERS[kind] for kind in type(value).__mro__ if kind in _WRITERS), _unknown)
    return write(value)


def _unknown(value: object) -> bytes:
    raise WrongType(
        f"a value of type {type(value).__name__} cannot be sent to the database",
        "give the column a type that turns it into a number, a text, bytes or a time",
    )


def _uuid(value: UUID) -> bytes:
    return f"'{UUID(int=UUID.__int__(value))}'".encode()


def _null(value: None) -> bytes:
    return b"NULL"


def _int(value: int) -> bytes:
    if not -(1 << 63) <= value < 1 << 64:
        # The server would go on with a decimal or a float.
        raise ValueOutOfRange(
            "an integer is too large for the database",
            "use a Decimal, or store it as text",
            limit="-2**63 to 2**64 - 1",
        )
    return int.__repr__(value).encode()


def _bool(value: bool) -> bytes:
    return b"1" if value else b"0"


def _float(value: float) -> bytes:
    if not math.isfinite(value):
        raise NotStorable(
            "the database has no infinity and no NaN",
            "store NULL, or a number that means it",
            limit="finite numbers",
        )
    text = float.__repr__(value).encode()
    # Without an exponent it would be a decimal.
    return text if b"e" in text else text + b"e0"


def _decimal(value: Decimal) -> bytes:
    if not Decimal.is_finite(value):
        raise NotStorable(
            "the database has no infinity and no NaN",
            "store NULL, or a number that means it",
            limit="finite numbers",
        )
    # Looked at before it is written: Decimal("1E+999999") is a million digits.
    exponent = Decimal.as_tuple(value).exponent
    assert isinstance(exponent, int)  # noqa: S101 - it is a letter for infinity and NaN only
    before = max(Decimal.adjusted(value) + 1, 0)
    if -exponent > _SCALE or before + max(-exponent, 0) > _DIGITS:
        raise ValueOutOfRange(
            "a Decimal has more digits than the database can hold",
            "round it, or store it as text",
            limit=f"{_DIGITS} digits, {_SCALE} of them after the point",
        )
    return Decimal.__format__(value, "f").encode()


def _str(value: str) -> bytes:
    try:
        text = str.encode(value)
    except UnicodeEncodeError:
        raise NotStorable(
            "a text holds half of a surrogate pair, which is no character",
            "decode the bytes it came from with the encoding they have",
            limit="Unicode characters",
        ) from None
    return b"'" + _escaped(text) + b"'"


def _bytes(value: bytes) -> bytes:
    # Without the introducer, a byte that is no text would be refused or changed.
    return b"_binary'" + _escaped(value) + b"'"


def _escaped(text: bytes) -> bytes:
    # Enough only while the server takes a backslash for an escape and reads UTF-8, in which no
    # byte of a longer character looks like a quote or a backslash. `Connection` sees to both.
    return bytes.replace(bytes.replace(text, b"\\", b"\\\\"), b"'", b"''")


def _buffer(value: bytearray | memoryview[Any]) -> bytes:
    return _bytes(bytes(value))


def _datetime(value: datetime) -> bytes:
    # Typed, so that what is computed from it stays a time and does not become a text.
    # The sessions of our connections are in UTC, as a time zone is lost on the way.
    offset = datetime.utcoffset(value) or timedelta(0)
    try:
        moment = datetime.__sub__(datetime.replace(value, tzinfo=None), offset)
    except OverflowError:
        raise ValueOutOfRange(
            "a time lies outside of the years 1 to 9999 in UTC",
            "use a time within them",
            limit="years 1 to 9999, in UTC",
        ) from None
    return f"TIMESTAMP'{datetime.isoformat(moment, ' ')}'".encode()


def _date(value: date) -> bytes:
    return f"DATE'{date.isoformat(value)}'".encode()


def _time(value: time) -> bytes:
    if value.tzinfo is not None:
        raise NotStorable(
            "the database has no time of day with a time zone",
            "store a datetime, or the time zone in a field of its own",
            limit="times of day without a time zone",
        )
    return f"TIME'{time.isoformat(value)}'".encode()


def _timedelta(value: timedelta) -> bytes:
    microseconds = timedelta.__floordiv__(value, _MICROSECOND)
    if abs(microseconds) >= _TOO_LONG:
        raise ValueOutOfRange(
            "a duration is too long for a TIME of the database",
            "store it as a number of microseconds",
            limit="less than 839 hours",
        )
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    sign = "-" if microseconds < 0 else ""
    return f"TIME'{sign}{hour:02}:{minute:02}:{second:02}.{rest:06}'".encode()


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    bool: _bool,
    bytearray: _buffer,
    bytes: _bytes,
    date: _date,
    datetime: _datetime,
    Decimal: _decimal,
    float: _float,
    int: _int,
    memoryview: _buffer,
    str: _str,
    time: _time,
    timedelta: _timedelta,
    UUID: _uuid,
    type(None): _null,
}
