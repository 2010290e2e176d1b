"""Values become SQL that means them, whatever their type or content tries."""

import enum
import math
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from uuid import UUID

import pytest

from andamios_orm.backends.mysql.literals import filled, literal
from andamios_orm.errors import NotStorable, ValueOutOfRange, WrongType

HOSTILE = "x', 1); DROP TABLE band; -- "


class Level(enum.IntEnum):
    HIGH = 3

    def __str__(self) -> str:
        return HOSTILE

    def __repr__(self) -> str:
        return HOSTILE


class Tricky(str):
    __slots__ = ()

    def __str__(self) -> str:
        return HOSTILE

    def encode(self, *how: object) -> bytes:
        return HOSTILE.encode()

    def replace(self, *what: object) -> str:
        return HOSTILE


class Bytes(bytes):
    def replace(self, *what: object) -> bytes:
        return HOSTILE.encode()


class Half(float):
    def __repr__(self) -> str:
        return HOSTILE


class Moment(datetime):
    def isoformat(self, *how: object) -> str:
        return HOSTILE

    def __sub__(self, other: object) -> "Moment":  # type: ignore[override]  # hostile on purpose
        return self

    def replace(self, *what: object, **more: object) -> "Moment":
        return self


class Day(date):
    def isoformat(self) -> str:
        return HOSTILE


class Clock(time):
    def isoformat(self, timespec: str = "") -> str:
        return HOSTILE


class Length(timedelta):
    @property
    def days(self) -> int:
        return 1_000_000

    def __floordiv__(self, other: object) -> int:  # type: ignore[override]  # hostile on purpose
        return 0


class Price(Decimal):
    def __format__(self, spec: str, *more: object) -> str:
        return HOSTILE

    def is_finite(self) -> bool:
        return True


class Key(UUID):
    def __str__(self) -> str:
        return HOSTILE

    def __format__(self, spec: str) -> str:
        return HOSTILE


class Nowhere(tzinfo):
    def utcoffset(self, moment: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b"NULL"),
        (UUID(int=2**128 - 1), b"'ffffffff-ffff-ffff-ffff-ffffffffffff'"),
        (True, b"1"),
        (False, b"0"),
        (0, b"0"),
        (-(2**63), b"-9223372036854775808"),
        (2**64 - 1, b"18446744073709551615"),
        (0.1, b"0.1e0"),
        (-2.0, b"-2.0e0"),
        (1e300, b"1e+300"),
        (Decimal("1.50"), b"1.50"),
        (Decimal("1E+3"), b"1000"),
        (Decimal("-1E-38"), b"-0." + b"0" * 37 + b"1"),
        (Decimal("9" * 65), b"9" * 65),
        ("", b"''"),
        ("it's", b"'it''s'"),
        ("\\' OR 1=1 -- ", b"'\\\\'' OR 1=1 -- '"),
        ('a\0\n\r\x1a"%s', b"'a\0\n\r\x1a\"%s'"),
        ("é😀", "'é😀'".encode()),
        (b"", b"_binary''"),
        (b"\xff\\'\0", b"_binary'\xff\\\\''\0'"),
        (bytearray(b"a'"), b"_binary'a'''"),
        (memoryview(b"a'"), b"_binary'a'''"),
        (date(1, 2, 3), b"DATE'0001-02-03'"),
        (datetime(2020, 1, 2, 3, 4, 5), b"TIMESTAMP'2020-01-02 03:04:05'"),
        (datetime(1, 1, 1, 0, 0, 0, 7), b"TIMESTAMP'0001-01-01 00:00:00.000007'"),
        (
            datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            b"TIMESTAMP'2020-01-01 21:34:05'",
        ),
        (datetime(2020, 1, 2, tzinfo=Nowhere()), b"TIMESTAMP'2020-01-02 00:00:00'"),
        (time(23, 59, 59, 999999), b"TIME'23:59:59.999999'"),
        (timedelta(0), b"TIME'00:00:00.000000'"),
        (timedelta(hours=838, minutes=59, seconds=59), b"TIME'838:59:59.000000'"),
        (timedelta(microseconds=-1), b"TIME'-00:00:00.000001'"),
        (timedelta(hours=-30), b"TIME'-30:00:00.000000'"),
    ],
)
def test_a_value_is_written_exactly(value: object, expected: bytes) -> None:
    assert literal(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Level.HIGH, b"3"),
        (Tricky("it's"), b"'it''s'"),
        (Bytes(b"it's"), b"_binary'it''s'"),
        (Half(0.5), b"0.5e0"),
        (Moment(2020, 1, 1), b"TIMESTAMP'2020-01-01 00:00:00'"),
        (Day(2020, 1, 1), b"DATE'2020-01-01'"),
        (Clock(1, 2, 3), b"TIME'01:02:03'"),
        (Length(hours=1), b"TIME'01:00:00.000000'"),
        (Price("1.5"), b"1.5"),
        (Key(int=1), b"'00000000-0000-0000-0000-000000000001'"),
    ],
)
def test_a_subclass_cannot_change_what_is_written(value: object, expected: bytes) -> None:
    assert literal(value) == expected


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (2**64, "-2**63 to 2**64 - 1"),
        (-(2**63) - 1, "-2**63 to 2**64 - 1"),
        (Decimal("9" * 66), "65 digits, 38 of them after the point"),
        (Decimal("1E+999999"), "65 digits, 38 of them after the point"),
        (Decimal("1E-39"), "65 digits, 38 of them after the point"),
        (Decimal("9" * 30 + "." + "9" * 36), "65 digits, 38 of them after the point"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "years 1 to 9999, in UTC"),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1))),
            "years 1 to 9999, in UTC",
        ),
        (timedelta(hours=839), "less than 839 hours"),
        (timedelta(hours=-839), "less than 839 hours"),
    ],
)
def test_a_value_too_large_is_refused(value: object, limit: str) -> None:
    with pytest.raises(ValueOutOfRange) as caught:
        literal(value)

    assert caught.value.limit == limit


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Price("NaN"),
        "\udcc3\udca9",
        "\ud83d",
        time(1, 2, tzinfo=UTC),
    ],
)
def test_a_value_that_the_database_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(NotStorable):
        literal(value)


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, {1}, object(), str, 1j, Ellipsis])
def test_a_type_that_is_not_known_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(WrongType, match=f"of type {type(value).__name__} cannot be sent"):
        literal(value)


def test_placeholders_are_filled_in_order_and_only_once() -> None:
    sql = "SELECT %s, '100%%' LIKE %s"

    assert filled(sql, ("%s", "50%")) == b"SELECT '%s', '100%' LIKE '50%'"


def test_a_statement_without_values_is_read_alike() -> None:
    assert filled("SELECT 7 %% 3", ()) == b"SELECT 7 % 3"
