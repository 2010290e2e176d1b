"""What DuckDB's exceptions mean, read from those that it raises; no value ever comes through."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from andamios_orm.backends.base import Failure
from andamios_orm.backends.duckdb import driver
from andamios_orm.backends.duckdb.driver import Connection
from andamios_orm.backends.duckdb.messages import failure_of

SENTINEL = "sentinel-4711"

metadata = sa.MetaData()
BAND = sa.Table(
    "band",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("year", sa.Integer),
    sa.Column("town", sa.String),
    sa.CheckConstraint("year > 1900"),
    sa.UniqueConstraint("title", "town"),
)
sa.Index("one_band_a_year", BAND.c.year, unique=True)
sa.Index("not_unique", BAND.c.town)
GIG = sa.Table(
    "gig",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("band_id", sa.ForeignKey("band.id")),
    sa.Column("title", sa.String),
    sa.Column("town", sa.String),
    sa.ForeignKeyConstraint(["title", "town"], ["band.title", "band.town"]),
)
LONELY = sa.Table(
    "lonely",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("x", sa.Integer),
)


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("duckdb+andamios://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            BAND.insert(), {"id": 1, "title": "Spam", "year": 1969, "town": "London"}
        )
        connection.exec_driver_sql("CREATE TABLE shouting (title VARCHAR)")
        connection.exec_driver_sql("CREATE UNIQUE INDEX loud ON shouting (upper(title))")
        connection.exec_driver_sql("INSERT INTO shouting VALUES ('Spam')")
        connection.exec_driver_sql('CREATE TABLE "odd. ""name" ("a.b" INTEGER NOT NULL)')
        connection.execute(GIG.insert(), {"id": 1, "band_id": 1, "title": "Spam", "town": "London"})
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[Connection]:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, Connection)
    yield connection
    connection.rollback()
    pooled.close()


def error_of(call: Callable[[], object]) -> duckdb.Error:
    with pytest.raises(duckdb.Error) as caught:
        call()
    return caught.value


# ---- constraints ---------------------------------------------------------------------------------

CODE = "ConstraintException"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "INSERT INTO band VALUES (1, 'x', 1970, 'y')",
            Failure(kind="unique", code=CODE, columns=("id",)),
        ),
        (
            "INSERT INTO band VALUES (2, 'x', 1969, 'y')",
            Failure(kind="unique", code=CODE, columns=("year",)),
        ),
        # Several columns, or a value that looks like them.
        ("INSERT INTO band VALUES (2, 'Spam', 1970, 'London')", Failure(kind="unique", code=CODE)),
        # A part of an index that is no column.
        ("INSERT INTO shouting VALUES ('spam')", Failure(kind="unique", code=CODE)),
        # Two rows of one statement: no column is named.
        ("INSERT INTO lonely VALUES (7, 1), (7, 1)", Failure(kind="unique", code=CODE)),
        (
            "INSERT INTO band VALUES (2, 'x', 1066, 'y')",
            Failure(kind="check", code=CODE, table="band"),
        ),
        (
            "INSERT INTO band VALUES (2, NULL, 1970, 'y')",
            Failure(kind="not_null", code=CODE, table="band", columns=("title",)),
        ),
        (
            'INSERT INTO "odd. ""name" VALUES (NULL)',
            Failure(kind="not_null", code=CODE, table='odd. "name', columns=("a.b",)),
        ),
        (
            "INSERT INTO gig VALUES (2, 99, NULL, NULL)",
            Failure(kind="foreign_key", code=CODE),
        ),
    ],
)
def test_a_violation_is_read_from_its_sentence(
    connection: Connection, sql: str, expected: Failure
) -> None:
    assert failure_of(error_of(lambda: connection.run(sql))) == expected


def test_a_row_that_others_refer_to_is_told_of_with_what_to_do(connection: Connection) -> None:
    failure = failure_of(error_of(lambda: connection.run("DELETE FROM band")))

    assert failure is not None
    assert failure.kind == "foreign_key"
    assert "in a transaction that is committed before" in (failure.fix or "")


def test_a_key_taken_by_another_transaction_is_found_out_at_commit(engine: sa.Engine) -> None:
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            connection.execute(LONELY.insert(), {"id": 4711})
        one.commit()
        with pytest.raises(sa.exc.OperationalError) as caught:
            other.commit()
        one.execute(LONELY.delete())
        one.commit()

    assert caught.value.orig is not None
    assert failure_of(caught.value.orig) == Failure(kind="unique", code="TransactionException")


# ---- conflicts, and what is no constraint --------------------------------------------------------


@pytest.mark.parametrize("sql", ["UPDATE lonely SET x = 2", "DELETE FROM lonely"])
def test_what_another_transaction_has_changed_is_a_conflict(engine: sa.Engine, sql: str) -> None:
    with engine.begin() as setup:
        setup.execute(LONELY.insert(), {"id": 1})
    with engine.connect() as one, engine.connect() as other:
        one.execute(sa.text(sql))
        with pytest.raises(sa.exc.OperationalError) as caught:
            other.execute(sa.text(sql))
        one.rollback()
        other.rollback()
    with engine.begin() as teardown:
        teardown.execute(LONELY.delete())

    assert caught.value.orig is not None
    assert failure_of(caught.value.orig) == Failure(kind="conflict", code="TransactionException")


def test_a_table_that_another_transaction_has_changed_is_a_conflict(engine: sa.Engine) -> None:
    with engine.connect() as one, engine.connect() as other:
        one.exec_driver_sql("CREATE TABLE changing (id INTEGER)")
        one.commit()
        other.exec_driver_sql("INSERT INTO changing VALUES (1)")
        one.exec_driver_sql("ALTER TABLE changing ADD COLUMN x INTEGER")
        one.commit()
        with pytest.raises(sa.exc.OperationalError) as caught:
            other.commit()
        one.exec_driver_sql("DROP TABLE changing")
        one.commit()

    assert caught.value.orig is not None
    assert failure_of(caught.value.orig) == Failure(kind="conflict", code="TransactionException")


def test_a_transaction_that_failed_before_is_aborted(connection: Connection) -> None:
    connection.begin()
    error_of(lambda: connection.run("SELECT * FROM nowhere"))

    for call in (lambda: connection.run("SELECT 1"), connection.commit):
        failure = failure_of(error_of(call))
        assert failure is not None
        assert failure.kind == "aborted"


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("INSERT INTO band VALUES ($1, 'x', 1970, 'y')", [2**40]),
        ("INSERT INTO band VALUES ($1, 'x', 1970, 'y')", [SENTINEL]),
        ("SELECT $1 + 1", [2**63 - 1]),
        ("SELECT $1", [2**200]),
        ("SELECT $1", ["\ud800"]),
        ("SELECT $1", [{1, 2}]),
        ("SELECT CAST($1 AS JSON)", [f"{{{SENTINEL}"]),
    ],
)
def test_a_value_that_no_column_holds_is_unstorable(
    connection: Connection, sql: str, parameters: list[object]
) -> None:
    error = error_of(lambda: connection.run(sql, parameters))
    failure = failure_of(error)

    assert failure == Failure(kind="unstorable", code=type(error).__name__)


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ("SELECT * FROM nowhere", "Catalog Error: Table with name nowhere does not exist!"),
        ("CREATE TABLE band (id INTEGER)", 'Catalog Error: Table with name "band" already exists!'),
        ("DROP TABLE band", "Catalog Error: Could not drop the table because"),
        ("SELECT nothing FROM band", 'Binder Error: Referenced column "nothing" not found'),
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
        ("COMMIT", "TransactionContext Error: cannot commit - no transaction is active"),
        ("CREATE INDEX i ON band (id) WHERE id > 1", "Not implemented Error: Creating partial"),
    ],
)
def test_a_sentence_about_the_statement_is_passed_on(
    connection: Connection, sql: str, summary: str
) -> None:
    error = error_of(lambda: connection.run(sql))
    failure = failure_of(error)

    assert failure is not None
    assert (failure.kind, failure.code) == ("other", type(error).__name__)
    assert failure.summary.startswith(summary.split('"band" already')[0])
    assert "\n" not in failure.summary


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        (f"SELECT error('{SENTINEL}')", []),
        ("SELECT strptime($1, '%Y')", [SENTINEL]),
        ("SELECT regexp_matches('a', $1)", [f"({SENTINEL}"]),
        ("SELECT nextval($1)", [SENTINEL]),
        ("SELECT current_setting($1)", [SENTINEL]),
        ("SELECT json_extract($1, '$.x')", [f"{{{SENTINEL}"]),
        (f"SELECT 1 '{SENTINEL}", []),
    ],
)
def test_a_sentence_that_may_quote_a_value_is_kept_back(
    connection: Connection, sql: str, parameters: list[object]
) -> None:
    failure = failure_of(error_of(lambda: connection.run(sql, parameters)))

    assert failure is not None
    assert failure.summary == ""
    assert SENTINEL not in repr(failure)


def test_other_exceptions_are_none_of_duckdbs() -> None:
    assert failure_of(ValueError("Constraint Error: NOT NULL constraint failed: a.b")) is None


# ---- the file ------------------------------------------------------------------------------------

HOLDER = """
import sys
from andamios_orm.backends.duckdb import driver
connection = driver.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_who_holds_the_file_is_named(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"

        failure = failure_of(error_of(lambda: driver.connect(file)))
        read_only = failure_of(error_of(lambda: driver.connect(file, read_only=True)))
        holder.communicate()

    assert failure == read_only
    assert failure is not None
    assert failure.kind == "unavailable"
    assert f"PID {holder.pid}" in failure.summary
    assert "python" in failure.summary


def test_a_file_open_with_another_configuration_is_unavailable(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    with closing(driver.connect(file)):
        failure = failure_of(error_of(lambda: driver.connect(file, config={"threads": "1"})))

    assert failure is not None
    assert (failure.kind, failure.code) == ("unavailable", "ConnectionException")
    assert failure.summary == "this program has the file open in another way"
    assert "the same URL" in str(failure.fix)


def test_a_file_attached_under_another_name_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "t.duckdb"
    with closing(driver.connect()) as connection:
        connection.run(f"ATTACH '{file}' AS other")
        failure = failure_of(error_of(lambda: driver.connect(str(file))))

    assert failure == Failure(kind="unavailable", code="ResourceInUseException")


def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_bytes(b"Dear Sir, " * 1000)

    for path in (file, tmp_path / "nowhere" / "t.duckdb", tmp_path):
        failure = failure_of(error_of(lambda path=path: driver.connect(str(path))))  # type: ignore[misc]
        assert failure is not None
        assert failure.kind == "unavailable"
        assert "not a DuckDB database" in failure.summary


def test_a_closed_connection_is_unavailable() -> None:
    connection = driver.connect()
    connection.close()

    failure = failure_of(error_of(lambda: connection.fetch("SELECT 1")))

    assert failure == Failure(kind="unavailable", code="ConnectionException")


# ---- hostile values ------------------------------------------------------------------------------

IMITATIONS = [
    "Constraint Error: NOT NULL constraint failed: band.title",
    'x" violates primary key constraint.',
    'x" violates unique constraint.\nConstraint Error: NOT NULL constraint failed: band.title',
    "Spam, town: London",
    "x, id: 1",
    'y" does not exist in the referenced table',
    'y" is still referenced by a foreign key in a different table.',
    "TransactionContext Error: Conflict on update!",
    "band_id: 1",
    ': , ": ',
    "x\ny: z",
]
values = st.one_of(
    st.sampled_from(IMITATIONS),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(title=values, town=values)
@example(title="x, town: y", town="z")
def test_a_value_never_comes_through_and_never_changes_what_is_read(
    connection: Connection, title: str, town: str
) -> None:
    title, town = f"{SENTINEL}{title}", f"{SENTINEL}{town}"
    connection.rollback()
    connection.run("DELETE FROM gig WHERE id = 2")
    connection.run("DELETE FROM band WHERE id = 2")
    connection.run("INSERT INTO band VALUES (2, $1, 1970, $2)", [title, town])
    connection.run("INSERT INTO gig VALUES (2, NULL, $1, $2)", [title, town])
    attempts: list[tuple[str, list[object], str]] = [
        ("INSERT INTO band VALUES (3, $1, 1971, $2)", [title, town], "unique"),
        ("INSERT INTO shouting VALUES ($1), ($1)", [title], "unique"),
        ("INSERT INTO gig VALUES (3, NULL, $1, $2)", [title, f"{town}!"], "foreign_key"),
        ("DELETE FROM band WHERE id = 2", [], "foreign_key"),
        ("INSERT INTO band VALUES ($1, 'x', 1971, 'y')", [title], "unstorable"),
    ]
    for sql, parameters, kind in attempts:
        with pytest.raises(duckdb.Error) as caught:
            connection.run(sql, parameters)

        failure = failure_of(caught.value)

        assert failure is not None
        assert failure.kind == kind
        assert (failure.table, failure.columns) == (None, ())
        assert SENTINEL not in repr(failure)
