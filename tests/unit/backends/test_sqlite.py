"""What SQLite's exceptions mean, read from those that its driver raises."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.backends.base import Failure
from andamios_orm.backends.sqlite import SQLiteBackend

BACKEND = SQLiteBackend()
SENTINEL = "sentinel-4711"
TABLES = """
CREATE TABLE band (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    year INTEGER CONSTRAINT after_1900 CHECK (year > 1900),
    town TEXT,
    UNIQUE (title, town)
) STRICT;
CREATE UNIQUE INDEX lower_title ON band (lower(title));
CREATE TABLE gig (
    id INTEGER PRIMARY KEY,
    band_id INTEGER REFERENCES band (id),
    kept_id INTEGER REFERENCES band (id) ON DELETE RESTRICT
);
CREATE TABLE closed (id INTEGER PRIMARY KEY);
CREATE TRIGGER closed_now BEFORE INSERT ON closed
BEGIN SELECT RAISE(ABORT, 'sentinel-4711 is closed'); END;
INSERT INTO band VALUES (1, 'Spam', 1969, 'London');
INSERT INTO gig VALUES (1, NULL, 1);
"""


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(f"PRAGMA foreign_keys = ON; {TABLES}")
        yield connection


def failure_of(call: Callable[[], object]) -> Failure:
    with pytest.raises((sqlite3.Error, OverflowError, UnicodeEncodeError)) as caught:
        call()
    failure = BACKEND.classify(caught.value)
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "INSERT INTO band VALUES (1, 'x', 1970, 'y')",
            Failure(
                kind="unique", code="SQLITE_CONSTRAINT_PRIMARYKEY", table="band", columns=("id",)
            ),
        ),
        (
            "INSERT INTO band VALUES (2, NULL, 1970, 'y')",
            Failure(
                kind="not_null", code="SQLITE_CONSTRAINT_NOTNULL", table="band", columns=("title",)
            ),
        ),
        (
            "INSERT INTO band VALUES (2, 'x', 1066, 'y')",
            Failure(kind="check", code="SQLITE_CONSTRAINT_CHECK", constraint="after_1900"),
        ),
        (
            "INSERT INTO band VALUES (2, 'x', 'sentinel-4711', 'y')",
            Failure(
                kind="check", code="SQLITE_CONSTRAINT_DATATYPE", table="band", columns=("year",)
            ),
        ),
        (
            "INSERT INTO band VALUES (2, 'SPAM', 1970, 'y')",
            Failure(kind="unique", code="SQLITE_CONSTRAINT_UNIQUE", constraint="lower_title"),
        ),
        (
            "INSERT INTO gig VALUES (2, 99, NULL)",
            Failure(kind="foreign_key", code="SQLITE_CONSTRAINT_FOREIGNKEY"),
        ),
        (
            "DELETE FROM band",
            Failure(kind="foreign_key", code="SQLITE_CONSTRAINT_TRIGGER"),
        ),
        (
            "INSERT INTO closed VALUES (1)",
            Failure(kind="other", code="SQLITE_CONSTRAINT_TRIGGER"),
        ),
        (
            "INSERT INTO closed VALUES ('sentinel-4711')",
            Failure(kind="unstorable", code="SQLITE_MISMATCH"),
        ),
        (
            "SELECT zeroblob(2000000000)",
            Failure(kind="unstorable", code="SQLITE_RANGE"),
        ),
        (
            "SELECT json_extract('{}', 'sentinel-4711')",
            Failure(kind="other", code="SQLITE_ERROR"),
        ),
        (
            "SELECT * FROM nowhere",
            Failure(kind="other", code="SQLITE_ERROR", summary="no such table: nowhere"),
        ),
    ],
)
def test_an_error_of_a_statement_is_told_without_its_values(
    connection: sqlite3.Connection, statement: str, expected: Failure
) -> None:
    assert failure_of(lambda: connection.execute(statement)) == expected


@pytest.mark.parametrize("value", [2**64, "\ud800"])
def test_a_value_that_the_driver_cannot_bind_is_unstorable(
    connection: sqlite3.Connection, value: object
) -> None:
    failure = failure_of(lambda: connection.execute("SELECT ?", (value,)))

    assert failure == Failure(kind="unstorable", code="SQLITE_RANGE")


@pytest.mark.parametrize("file", ["nowhere/x.db", "text.db"])
def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path, file: str) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to be one " * 100)

    def read() -> None:
        with closing(sqlite3.connect(tmp_path / file)) as connection:
            connection.execute("SELECT * FROM band")

    assert failure_of(read).kind == "unavailable"


def test_another_writer_is_a_conflict(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as one,
        closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")

        failure = failure_of(lambda: other.execute("BEGIN IMMEDIATE"))

    assert failure == Failure(kind="conflict", code="SQLITE_BUSY", summary="database is locked")


def test_an_error_of_no_known_code_is_other(connection: sqlite3.Connection) -> None:
    connection.close()

    assert failure_of(lambda: connection.execute("SELECT 1")).kind == "other"


def test_an_exception_of_the_program_is_not_the_drivers() -> None:
    assert BACKEND.classify(ValueError(SENTINEL)) is None


NAMES = st.text(st.sampled_from("aÄ\"', :()[]"), min_size=1, max_size=5).filter(str.strip)


@given(table=NAMES, columns=st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower))
def test_the_columns_of_a_unique_constraint_are_read_whatever_their_names(
    table: str, columns: list[str]
) -> None:
    quote = sa.create_engine("sqlite://").dialect.identifier_preparer.quote_identifier
    owner, listed = quote(table), ", ".join(map(quote, columns))
    insert = f"INSERT INTO {owner} VALUES ({', '.join('1' for _ in columns)})"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE {owner} ({listed}, UNIQUE ({listed}))")
        connection.execute(insert)

        failure = failure_of(lambda: connection.execute(insert))

    assert (failure.table, failure.columns) == (table, tuple(columns))


async def test_a_call_that_finds_the_database_locked_is_repeated(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as one,
        closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None, timeout=0)) as other,
    ):
        one.execute("BEGIN IMMEDIATE")
        refused: list[sqlite3.OperationalError] = []

        async def begin() -> bool:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                refused.append(error)
                one.execute("ROLLBACK")
                raise
            return other.in_transaction

        assert await BACKEND.patiently(begin)
        assert len(refused) == 1
