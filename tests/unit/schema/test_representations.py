"""What each kind of column is on each engine, and what a driver is given for a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import NaiveDatetime
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite

from andamios_orm import Col, Model, field, generated
from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.errors import NotStorable, NotSupported, ValueOutOfRange, WrongType
from andamios_orm.schema import columns, json_values
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.json_values import JsonText, to_json_text
from andamios_orm.schema.representations.base import Expression

DIALECTS: Mapping[str, sa.Dialect] = {
    "sqlite": aiosqlite.dialect(),
    "duckdb": DuckDBDialect(),
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call] # SQLAlchemy leaves it so
    "mariadb": MySQLDialect(is_mariadb=True),
}


class Everything(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    number: Col[int]
    share: Col[float]
    any_share: Col[float] = field(allow_inf_nan=True)
    price: Col[Decimal] = field(max_digits=6, decimal_places=2)
    weight: Col[Decimal] = field(max_digits=30, decimal_places=10)
    active: Col[bool]
    name: Col[str]
    code: Col[str] = field(max_length=3)
    photo: Col[bytes]
    hash: Col[bytes] = field(max_length=4)
    day: Col[date]
    clock: Col[time]
    made: Col[datetime]
    wall: Col[NaiveDatetime]
    term: Col[timedelta]
    key: Col[UUID]
    tags: Col[list[int]]


@dataclass(frozen=True)
class Kept:
    """How an engine keeps a value; `read` is what the driver gives, if that is something else."""

    type: str
    value: object
    read: object = None


MARIADB_TEXT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
EAST = timezone(timedelta(hours=2))
NOON = datetime(2024, 2, 29, 12)
CLOCK = time(1, 2, 3, 4)
TERM = timedelta(days=1, microseconds=5)
KEY = UUID(int=255)

EXPECTED: dict[str, tuple[object, dict[str, Kept]]] = {
    "number": (
        7,
        {
            "sqlite": Kept("INTEGER", 7),
            "duckdb": Kept("BIGINT", 7),
            "postgresql": Kept("BIGINT", 7),
            "mariadb": Kept("BIGINT", 7),
        },
    ),
    "share": (
        1.5,
        {
            "sqlite": Kept("REAL", 1.5),
            "duckdb": Kept("DOUBLE", 1.5),
            "postgresql": Kept("FLOAT", 1.5),
            "mariadb": Kept("DOUBLE", 1.5),
        },
    ),
    "any_share": (
        float("inf"),
        {
            "sqlite": Kept("REAL", float("inf")),
            "duckdb": Kept("DOUBLE", float("inf")),
            "postgresql": Kept("FLOAT", float("inf")),
        },
    ),
    "price": (
        Decimal("1.5"),
        {
            "sqlite": Kept("REAL", 1.5),
            "duckdb": Kept("DECIMAL(6, 2)", Decimal("1.50")),
            "postgresql": Kept("NUMERIC(6, 2)", Decimal("1.50")),
            "mariadb": Kept("NUMERIC(6, 2)", Decimal("1.50")),
        },
    ),
    "weight": (
        Decimal("1.5"),
        {
            "sqlite": Kept("TEXT", "1.5000000000"),
            "duckdb": Kept("DECIMAL(30, 10)", Decimal("1.5000000000"), "1.5000000000"),
            "postgresql": Kept("NUMERIC(30, 10)", Decimal("1.5000000000")),
            "mariadb": Kept("NUMERIC(30, 10)", Decimal("1.5000000000")),
        },
    ),
    "active": (
        True,
        {
            "sqlite": Kept("INTEGER", 1),
            "duckdb": Kept("BOOLEAN", True),
            "postgresql": Kept("BOOLEAN", True),
            "mariadb": Kept("TINYINT(1)", 1),
        },
    ),
    "name": (
        "é",
        {
            "sqlite": Kept("TEXT", "é"),
            "duckdb": Kept("VARCHAR", "é"),
            "postgresql": Kept("VARCHAR", "é"),
            "mariadb": Kept(f"LONGTEXT {MARIADB_TEXT}", "é"),
        },
    ),
    "code": (
        "abc",
        {
            "sqlite": Kept("TEXT", "abc"),
            "duckdb": Kept("VARCHAR", "abc"),
            "postgresql": Kept("VARCHAR(3)", "abc"),
            "mariadb": Kept(f"VARCHAR(3) {MARIADB_TEXT}", "abc"),
        },
    ),
    "photo": (
        b"a",
        {
            "sqlite": Kept("BLOB", b"a"),
            "duckdb": Kept("BLOB", b"a"),
            "postgresql": Kept("BYTEA", b"a"),
            "mariadb": Kept("LONGBLOB", b"a"),
        },
    ),
    "hash": (
        b"abcd",
        {
            "sqlite": Kept("BLOB", b"abcd"),
            "duckdb": Kept("BLOB", b"abcd"),
            "postgresql": Kept("BYTEA", b"abcd"),
            "mariadb": Kept("VARBINARY(4)", b"abcd"),
        },
    ),
    "day": (
        date(2024, 2, 29),
        {
            "sqlite": Kept("TEXT", "2024-02-29"),
            "duckdb": Kept("DATE", date(2024, 2, 29)),
            "postgresql": Kept("DATE", date(2024, 2, 29)),
            "mariadb": Kept("DATE", date(2024, 2, 29)),
        },
    ),
    "clock": (
        CLOCK,
        {
            "sqlite": Kept("TEXT", "01:02:03.000004"),
            "duckdb": Kept("TIME", CLOCK),
            "postgresql": Kept("TIME WITHOUT TIME ZONE", CLOCK),
            "mariadb": Kept(
                "TIME(6)", CLOCK, timedelta(hours=1, minutes=2, seconds=3, microseconds=4)
            ),
        },
    ),
    "made": (
        NOON.replace(tzinfo=EAST),
        {
            "sqlite": Kept("TEXT", "2024-02-29 10:00:00.000000+00:00"),
            "duckdb": Kept("TIMESTAMPTZ", NOON.replace(hour=10, tzinfo=UTC), NOON.replace(hour=10)),
            "postgresql": Kept("TIMESTAMP WITH TIME ZONE", NOON.replace(hour=10, tzinfo=UTC)),
            "mariadb": Kept("DATETIME(6)", NOON.replace(hour=10)),
        },
    ),
    "wall": (
        NOON,
        {
            "sqlite": Kept("TEXT", "2024-02-29 12:00:00.000000"),
            "duckdb": Kept("TIMESTAMP", NOON),
            "postgresql": Kept("TIMESTAMP WITHOUT TIME ZONE", NOON),
            "mariadb": Kept("DATETIME(6)", NOON),
        },
    ),
    "term": (
        TERM,
        {
            "sqlite": Kept("INTEGER", 86_400_000_005),
            "duckdb": Kept("INTERVAL", TERM),
            "postgresql": Kept("INTERVAL", TERM),
            "mariadb": Kept("BIGINT", 86_400_000_005),
        },
    ),
    "key": (
        KEY,
        {
            "sqlite": Kept("TEXT", str(KEY)),
            "duckdb": Kept("UUID", KEY),
            "postgresql": Kept("UUID", KEY),
            "mariadb": Kept("BINARY(16)", KEY.bytes),
        },
    ),
    "tags": (
        [1, 2],
        {
            "sqlite": Kept("TEXT", "[1,2]"),
            "duckdb": Kept("JSON", "[1,2]"),
            "postgresql": Kept("JSONB", "[1,2]", [1, 2]),
            "mariadb": Kept(f"LONGTEXT {MARIADB_TEXT}", "[1,2]"),
        },
    ),
}


def stored(name: str) -> Stored:
    found = Everything.__table__.c[name].type
    assert isinstance(found, Stored)
    return found


def bound(name: str, value: object, engine: str) -> object:
    bind = stored(name).bind_processor(DIALECTS[engine])
    return value if bind is None else bind(value)


@pytest.mark.parametrize(
    ("name", "value", "engine", "kept"),
    [
        pytest.param(name, value, engine, kept, id=f"{name}-{engine}")
        for name, (value, engines) in EXPECTED.items()
        for engine, kept in engines.items()
    ],
)
def test_each_kind_has_a_type_and_a_value_of_the_engine(
    name: str, value: object, engine: str, kept: Kept
) -> None:
    column_type, dialect = stored(name), DIALECTS[engine]
    assert column_type.compile(dialect=dialect) == kept.type

    given = bound(name, value, engine)
    assert (type(given), given) == (type(kept.value), kept.value)

    read = given if kept.read is None else kept.read
    result = column_type.result_processor(dialect, None)
    assert (read if result is None else result(read)) == value

    load = column_type.load_processor(dialect, python_value=False)
    from_row = Everything.__pydantic_validator__.validate_assignment(
        Everything.model_construct(), name, read if load is None else load(read)
    )
    assert getattr(from_row, name) == value


@pytest.mark.parametrize("engine", DIALECTS)
def test_null_is_null_in_every_column(engine: str) -> None:
    for name in EXPECTED:
        assert bound(name, None, engine) is None
        result = stored(name).result_processor(DIALECTS[engine], None)
        assert result is None or result(None) is None


@pytest.mark.parametrize("engine", DIALECTS)
def test_a_value_of_another_type_is_named_by_its_type(engine: str) -> None:
    for name in ("number", "share", "price", "name", "code", "hash", "clock", "made", "wall"):
        with pytest.raises(WrongType, match=rf"Everything\.{name} cannot hold a object"):
            bound(name, object(), engine)


NUMBERS = "whole numbers from -2**63 to 2**63 - 1"
CALENDAR = "0001-01-01 to 9999-12-31, without the first and last microsecond, in UTC"
JSON = "JSON: text, numbers, booleans, lists and objects with simple keys"
REFUSED: list[tuple[str, object, str]] = [
    ("number", 2**63, NUMBERS),
    ("number", -(2**63) - 1, NUMBERS),
    ("share", float("nan"), "finite numbers"),
    ("share", float("-inf"), "finite numbers"),
    ("share", 2**53 + 1, "doubles"),
    ("price", Decimal("10000"), "6 digits, 2 of them after the point"),
    ("price", Decimal("0.001"), "6 digits, 2 of them after the point"),
    ("price", Decimal("NaN"), "6 digits, 2 of them after the point"),
    ("name", "a\0", "text without NUL"),
    ("name", "\ud800", "valid Unicode text"),
    ("code", "abcd", "3 characters"),
    ("hash", b"abcde", "4 bytes"),
    ("day", NOON, "dates"),
    ("day", date.min, CALENDAR),
    ("day", date.max, CALENDAR),
    ("clock", CLOCK.replace(tzinfo=UTC), "times without a zone"),
    ("made", NOON, "datetimes with a zone"),
    ("made", datetime.max.replace(tzinfo=UTC), CALENDAR),
    ("made", datetime.min.replace(tzinfo=EAST), CALENDAR),
    ("wall", NOON.replace(tzinfo=UTC), "datetimes without a zone"),
    ("wall", datetime.min, CALENDAR),
    ("tags", {float("inf")}, JSON),
]


@pytest.mark.parametrize("engine", DIALECTS)
@pytest.mark.parametrize(("name", "value", "limit"), REFUSED)
def test_what_a_column_cannot_hold_is_refused_with_its_limit(
    name: str, value: object, limit: str, engine: str
) -> None:
    with pytest.raises(NotStorable, match=rf"Everything\.{name}: ") as refused:
        bound(name, value, engine)
    assert refused.value.limit == limit


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "code",
            "abcd",
            "Everything.code: the column holds 3 characters, and the value has more\n"
            "  Fix: shorten the value, or declare a larger max_length=",
        ),
        (
            "day",
            date.max,
            "Everything.day: the datetime lies at or beyond the ends of the calendar\n"
            "  Fix: use None for an open end",
        ),
        (
            "tags",
            {float("inf")},
            "Everything.tags: the JSON column would have to hold NaN or an infinity\n"
            "  Fix: use values that JSON can express, or another column type",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(name: str, value: object, text: str) -> None:
    with pytest.raises(NotStorable) as refused:
        bound(name, value, "sqlite")
    assert str(refused.value) == text


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_an_interval_is_counted_in_64_bits(engine: str) -> None:
    most = timedelta(microseconds=2**63 - 1)
    assert bound("term", most, engine) == 2**63 - 1
    assert bound("term", timedelta(microseconds=-(2**63)), engine) == -(2**63)
    for term in (most + timedelta(microseconds=1), timedelta(microseconds=-(2**63) - 1)):
        with pytest.raises(ValueOutOfRange, match="does not fit 64 bits of microseconds"):
            bound("term", term, engine)


@pytest.mark.parametrize("engine", DIALECTS)
def test_the_ends_of_what_a_column_holds_are_held(engine: str) -> None:
    for name, value in [
        ("number", 2**63 - 1),
        ("number", -(2**63)),
        ("code", "äöü"),
        ("hash", b"\0\0\0\0"),
        ("day", date(1, 1, 2)),
        ("day", date(9999, 12, 30)),
        ("wall", datetime.max - timedelta(microseconds=1)),
        ("made", datetime.min.replace(tzinfo=UTC) + timedelta(microseconds=1)),
        ("price", Decimal("-9999.99")),
    ]:
        given = bound(name, value, engine)
        result = stored(name).result_processor(DIALECTS[engine], None)
        assert (given if result is None else result(given)) == value


@pytest.mark.parametrize("engine", DIALECTS)
def test_a_large_float_in_json_keeps_its_point_on_postgresql(engine: str) -> None:
    # Whether an exponent has its sign is pydantic's choice, and changed.
    expected = ("[10000000000000000.0]",) if engine == "postgresql" else ("[1e+16]", "[1e16]")
    assert bound("tags", [1e16], engine) in expected
    assert bound("tags", JsonText(to_json_text([1e16])), engine) in expected


def test_a_large_float_that_pydantic_writes_without_a_sign_keeps_its_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (columns, json_values):
        monkeypatch.setattr(module, "EXPONENT", "e")

    assert bound("tags", JsonText("[1e16]"), "postgresql") == "[10000000000000000.0]"


@pytest.mark.parametrize("engine", DIALECTS)
def test_zero_has_no_sign(engine: str) -> None:
    assert str(bound("share", -0.0, engine)) == "0.0"
    assert not str(bound("price", Decimal("-0.00"), engine)).startswith("-")


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_sum_of_whole_numbers_is_a_whole_number(engine: str) -> None:
    result = stored("number").result_processor(DIALECTS[engine], None)
    assert result is not None
    total = result(Decimal("3"))
    assert (type(total), total) == (int, 3)
    assert result(Decimal("1.5")) == Decimal("1.5")


def test_infinity_is_what_some_engines_have() -> None:
    assert bound("any_share", float("nan"), "postgresql") != bound(
        "any_share", float("nan"), "duckdb"
    )
    with pytest.raises(NotStorable, match="SQLite turns NaN into NULL"):
        bound("any_share", float("nan"), "sqlite")
    for value in (float("nan"), float("inf")):
        with pytest.raises(NotStorable, match="neither NaN nor infinities"):
            bound("any_share", value, "mariadb")


@pytest.mark.parametrize(
    ("engine", "digits", "places", "message"),
    [
        ("duckdb", 39, 0, "DuckDB's DECIMAL has 38 digits at most, and 39 are declared"),
        ("mariadb", 66, 0, "65 digits at most, 30 of them after the point, and 66 and 0 are"),
        ("mariadb", 65, 31, "65 digits at most, 30 of them after the point, and 65 and 31 are"),
    ],
)
def test_a_decimal_has_the_digits_of_the_engine(
    engine: str, digits: int, places: int, message: str
) -> None:
    def declared(digits: int, places: int) -> Stored:
        class Long(Model, table=True, metadata=sa.MetaData()):
            id: Col[int] = generated()
            number: Col[Decimal] = field(max_digits=digits, decimal_places=places)

        found = Long.__table__.c.number.type
        assert isinstance(found, Stored)
        return found

    with pytest.raises(NotSupported, match=rf"Long\.number: .*{message}"):
        declared(digits, places).compile(dialect=DIALECTS[engine])
    most = declared(min(digits, 38 if engine == "duckdb" else 65), min(places, 30))
    assert most.compile(dialect=DIALECTS[engine]).startswith(("DECIMAL(", "NUMERIC("))


def test_an_expression_is_compiled_for_its_first_call_and_has_nothing_else() -> None:
    doubled = Expression("{0} * {by}", by=2)

    assert doubled.call is doubled.call
    assert doubled(21) == doubled.call(21) == 42
    assert not hasattr(doubled, "calls")
