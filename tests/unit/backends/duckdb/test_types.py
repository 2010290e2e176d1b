"""Column types: what travels to DuckDB and comes back, and what the catalog calls them."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.backends.duckdb.sql_text import split_list, unquoted, within_parentheses
from andamios_orm.backends.duckdb.type_names import to_type
from andamios_orm.backends.duckdb.types import HUGEINT, INTERVAL, DuckDBType, UnsignedInteger

TYPES = "SELECT data_type FROM duckdb_columns() WHERE NOT internal"
TOKYO = timezone(timedelta(hours=9))


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("duckdb+andamios://")
    yield engine
    engine.dispose()


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (sa.Integer(), -1),
        (sa.BigInteger(), 2**63 - 1),
        (HUGEINT(), 2**127 - 1),
        (UnsignedInteger("UBIGINT"), 2**64 - 1),
        (sa.Boolean(), True),
        (sa.Float(), 0.1 + 0.2),
        (sa.Double(), float("inf")),
        (sa.Float(24), 0.5),
        (sa.Float(asdecimal=True), Decimal("0.3000000000")),
        (sa.Numeric(38, 10), Decimal("1234567890123456789012345678.0123456789")),
        (sa.Numeric(), Decimal("1.0000000001")),
        (sa.Numeric(5), Decimal(99999)),
        (sa.Numeric(10, 2, asdecimal=False), 1.5),
        (sa.String(3), "longer than three 🐍 \0"),
        (sa.Text(), ""),
        (sa.LargeBinary(), b"\x00\xff"),
        (sa.Date(), date(1, 1, 1)),
        (sa.Time(), time(23, 59, 59, 999999)),
        (sa.Time(timezone=True), time(1, 2, tzinfo=TOKYO)),
        (sa.DateTime(), datetime(9999, 12, 31, 23, 59, 59, 999999)),
        (sa.Interval(), timedelta(days=-100_000, microseconds=1)),
        (sa.Uuid(), UUID("018f2f8e-3f6a-7b1c-9d2e-0123456789ab")),
        (sa.Uuid(as_uuid=False), "018f2f8e-3f6a-7b1c-9d2e-0123456789ab"),
        (sa.Uuid(native_uuid=False), UUID("018f2f8e-3f6a-7b1c-9d2e-0123456789ab")),
        (sa.JSON(), {"a": [1, None, {"b": "ü"}]}),
        (sa.Enum("it's", "b"), "it's"),
        (sa.Enum("a", "b", native_enum=False), "b"),
        (sa.ARRAY(sa.Integer), [1, 2, None]),
        (sa.ARRAY(sa.Uuid), [UUID(int=1)]),
        (sa.ARRAY(sa.String, dimensions=2), [["a"], []]),
        (DuckDBType("STRUCT(a INTEGER, b VARCHAR)"), {"a": 1, "b": "x"}),
        (DuckDBType("MAP(VARCHAR, INTEGER)"), {"a": 1}),
    ],
)
def test_a_value_comes_back_as_it_was(engine: sa.Engine, type_: Any, value: object) -> None:
    metadata = sa.MetaData(
        naming_convention={"ck": "ck_%(table_name)s"}  # for the Enum that is a VARCHAR
    )
    table = sa.Table("there_and_back", metadata, sa.Column("value", type_))
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.execute(table.insert(), {"value": value})
        connection.execute(table.insert(), {"value": None})

        found = connection.execute(sa.select(table.c.value)).scalars().all()

        # The condition finds the row: the value means the same there.
        assert found == [value, None]
        assert type(found[0]) is type(value)
        if not isinstance(type_, sa.JSON):
            where = sa.select(sa.func.count()).where(table.c.value == value)
            assert connection.execute(where).scalar_one() == 1


@pytest.mark.parametrize(
    "value", [datetime(2020, 5, 17, 12, tzinfo=TOKYO), datetime(1, 1, 2, tzinfo=UTC)]
)
def test_an_instant_comes_back_in_utc(engine: sa.Engine, value: datetime) -> None:
    with engine.connect() as connection:
        found = connection.execute(
            sa.select(sa.bindparam("value", value, sa.DateTime(timezone=True)))
        ).scalar_one()

    assert found == value
    assert found.tzinfo is UTC


def test_a_division_of_decimals_is_a_float_to_duckdb_and_a_decimal_to_the_program(
    engine: sa.Engine,
) -> None:
    with engine.connect() as connection:
        quotient = sa.literal(Decimal(1), sa.Numeric(10, 2)) / sa.literal(8, sa.Integer)
        found = connection.execute(sa.select(sa.type_coerce(quotient, sa.Numeric))).scalar_one()

    assert found == Decimal("0.125")


@settings(deadline=None)
@given(value=st.timedeltas())
def test_an_interval_written_into_sql_is_exact(engine: sa.Engine, value: timedelta) -> None:
    sql = sa.select(sa.literal(value, INTERVAL())).compile(
        dialect=engine.dialect, compile_kwargs={"literal_binds": True}
    )
    if abs(value) > timedelta(days=100_000_000):
        return  # DuckDB counts microseconds in 64 bits
    with engine.connect() as connection:
        assert connection.exec_driver_sql(str(sql)).scalar_one() == value


def test_an_interval_is_a_timedelta_to_sqlalchemy() -> None:
    assert INTERVAL().python_type is timedelta
    assert isinstance(INTERVAL().as_generic(), sa.Interval)
    assert isinstance(sa.Interval().dialect_impl(DuckDBDialect()), INTERVAL)


def test_an_interval_can_be_added_to_a_moment(engine: sa.Engine) -> None:
    moment = sa.literal(datetime(2020, 1, 1), sa.DateTime)
    later: Any = sa.literal(timedelta(days=1), INTERVAL()) + moment

    assert isinstance(later.type, sa.DateTime)
    with engine.connect() as connection:
        assert connection.execute(sa.select(later)).scalar_one() == datetime(2020, 1, 2)


keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@settings(deadline=None)
@given(first=keys, second=st.one_of(keys, st.integers(0, 3)))
def test_any_key_of_a_document_can_be_asked_for(
    engine: sa.Engine, first: str, second: str | int
) -> None:
    inner: Any = {second: "found"} if isinstance(second, str) else ["found"] * (second + 1)
    document = sa.bindparam("document", {first: inner}, sa.JSON())
    path = sa.cast(document, sa.JSON)[first, second]
    steps = sa.cast(document, sa.JSON)[first][second]
    with engine.connect() as connection:
        for expression in (path, steps):
            assert connection.execute(sa.select(expression)).scalar_one() == "found"
        assert connection.execute(sa.select(path.as_string())).scalar_one() == "found"


@pytest.mark.parametrize("key", ["it's", "a/b", "~0"])
def test_a_key_can_be_written_into_sql(engine: sa.Engine, key: str) -> None:
    document = sa.cast(sa.literal(json.dumps({key: [5]})), sa.JSON)
    statement = sa.select(document[key], document[key, 0].as_integer()).compile(
        dialect=engine.dialect, compile_kwargs={"literal_binds": True}
    )
    with engine.connect() as connection:
        assert connection.exec_driver_sql(str(statement)).all() == [("[5]", 5)]


# ---- the catalog's names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_",
    [
        sa.Integer(),
        sa.SmallInteger(),
        sa.BigInteger(),
        HUGEINT(),
        *(UnsignedInteger(n) for n in ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")),
        sa.Boolean(),
        sa.Float(),
        sa.REAL(),
        sa.Numeric(7, 3),
        sa.String(),
        sa.LargeBinary(),
        sa.Date(),
        sa.Time(),
        sa.Time(timezone=True),
        sa.DateTime(),
        sa.DateTime(timezone=True),
        sa.Interval(),
        sa.Uuid(),
        sa.JSON(),
        postgresql.JSONB(),
        postgresql.BIT(),
        postgresql.BYTEA(),
        postgresql.ENUM("a", name="ignored"),
        sa.Enum("a, b", "it's", ")"),
        sa.ARRAY(sa.Numeric(5, 2)),
        sa.ARRAY(sa.Integer, dimensions=3),
        sa.DOUBLE_PRECISION(),
        sa.CLOB(),
        sa.DATETIME(),
        sa.NCHAR(5),
        sa.VARBINARY(5),
        sa.BINARY(5),
        sa.NVARCHAR(5),
        DuckDBType("STRUCT(a INTEGER, b VARCHAR[])"),
        DuckDBType("UNION(num INTEGER, str VARCHAR)"),
    ],
)
def test_a_type_is_recognised_in_the_catalog(type_: Any) -> None:
    """Compared by what the dialect makes of it, in both directions."""
    dialect = DuckDBDialect()
    written = type_.compile(dialect)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (x {written})")
        [(name,)] = connection.execute(TYPES).fetchall()
        again = to_type(name).compile(dialect)
        connection.execute(f"CREATE TABLE again (x {again})")
        names = connection.execute(TYPES).fetchall()

    assert names == [(name,), (name,)]
    assert again.replace(", ", ",") == written.replace(", ", ",")


def test_a_type_without_a_word_in_sqlalchemy_keeps_its_name() -> None:
    reflected = to_type("TIMESTAMP_NS")

    assert isinstance(reflected, DuckDBType)
    assert reflected.compile(DuckDBDialect()) == "TIMESTAMP_NS"


@settings(deadline=None, max_examples=50)
@given(
    labels=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
        min_size=1,
        unique=True,
    )
)
def test_the_labels_of_an_enum_are_read_whatever_is_in_them(
    engine: sa.Engine, labels: list[str]
) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE t (x {sa.Enum(*labels).compile(DuckDBDialect())})"
        )
        name = connection.exec_driver_sql(TYPES).scalar_one()

    found = to_type(name)

    assert isinstance(found, sa.Enum)
    assert found.enums == labels


# ---- SQL taken apart -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b", ["a", "b"]),
        ("f(a, b), [1, 2], {'x': 3, 'y': 4}", ["f(a, b)", "[1, 2]", "{'x': 3, 'y': 4}"]),
        ("'it''s, (', \"a,b\"\"\"", ["'it''s, ('", '"a,b"""']),
        ("", [""]),
    ],
)
def test_a_list_is_split_where_its_commas_are(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


def test_the_first_parentheses_are_those_outside_quotes() -> None:
    assert within_parentheses("INDEX \"a(b\" ON t(x, (y + 1), ')');") == "x, (y + 1), ')'"


@pytest.mark.parametrize(
    ("name", "bare"), [("x", "x"), ('"a""b"', 'a"b'), ("'it''s'", "it's"), ("", "")]
)
def test_quotes_are_taken_off_a_name(name: str, bare: str) -> None:
    assert unquoted(name) == bare
