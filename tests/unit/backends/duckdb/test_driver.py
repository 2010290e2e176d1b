"""The driver alone: rows, counts, and transactions that cannot fail in silence."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from andamios_orm.backends.duckdb import driver
from andamios_orm.backends.duckdb.driver import Connection, TransactionAborted


@pytest.fixture
def connection() -> Iterator[Connection]:
    with closing(driver.connect()) as connection:
        connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER)")
        yield connection


def ids(connection: Connection) -> list[int]:
    return [row[0] for row in connection.fetch("SELECT id FROM t ORDER BY id")]


# ---- rows and counts -----------------------------------------------------------------------------


def test_fetch_returns_the_rows_of_what_has_rows(connection: Connection) -> None:
    connection.run("INSERT INTO t VALUES (1, 10), (2, 20)")

    assert connection.fetch("SELECT * FROM t ORDER BY id") == [(1, 10), (2, 20)]
    assert connection.fetch("SELECT x FROM t WHERE id = $1", [2]) == [(20,)]
    assert connection.fetch("UPDATE t SET x = 0 WHERE id = 1 RETURNING *") == [(1, 0)]
    assert connection.fetch("DELETE FROM t WHERE id = 9 RETURNING id") == []


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1, 1)",
        "CREATE TABLE u (a INT)",
        "CREATE TABLE v AS SELECT 1",
        "",
        ";",
    ],
)
def test_fetch_returns_no_rows_where_duckdb_would_show_its_count(
    connection: Connection, sql: str
) -> None:
    assert connection.fetch(sql) == []


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("INSERT INTO t VALUES (1, 1), (2, 2)", 2),
        ("INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id", 2),
        ("INSERT INTO t VALUES (7, 1) ON CONFLICT DO NOTHING", 0),
        ("UPDATE t SET x = 0", 1),
        ("DELETE FROM t WHERE id = 9", 0),
        ("CREATE TABLE u AS FROM range(5)", 5),
        ("CREATE TABLE u (a INT)", 0),
        ("SELECT * FROM range(9)", 0),
        ("SET threads = 1", 0),
        ("", 0),
    ],
)
def test_run_returns_how_many_rows_were_changed(
    connection: Connection, sql: str, changed: int
) -> None:
    connection.run("INSERT INTO t VALUES (7, 7)")

    assert connection.run(sql) == changed


def test_the_parameters_belong_to_the_last_statement_of_a_text(connection: Connection) -> None:
    rows = connection.fetch("INSERT INTO t VALUES (1, 1); SELECT x + $1 FROM t", [5])

    assert rows == [(6,)]


# ---- all or nothing ------------------------------------------------------------------------------


def test_run_many_is_all_or_nothing(connection: Connection) -> None:
    assert connection.run_many("INSERT INTO t VALUES ($1, $2)", [(1, 1), (2, 2)]) == 2

    with pytest.raises(duckdb.ConstraintException):
        connection.run_many("INSERT INTO t VALUES ($1, $2)", [(3, 3), (2, 2)])

    assert ids(connection) == [1, 2]
    assert not connection.in_transaction


def test_run_many_inside_a_transaction_is_a_part_of_it(connection: Connection) -> None:
    connection.begin()
    connection.run_many("INSERT INTO t VALUES ($1, $2)", [(1, 1), (2, 2)])
    connection.rollback()

    assert ids(connection) == []


def test_several_statements_are_all_or_nothing(connection: Connection) -> None:
    with pytest.raises(duckdb.ConstraintException):
        connection.run("INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (1, 1)")

    assert ids(connection) == []
    assert not connection.in_transaction


def test_several_statements_inside_a_transaction_leave_it_open(connection: Connection) -> None:
    connection.begin()
    connection.run("INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2)")

    assert connection.in_transaction
    connection.rollback()
    assert ids(connection) == []


# ---- transactions --------------------------------------------------------------------------------


def test_begin_is_sent_with_the_first_statement(connection: Connection) -> None:
    connection.begin()
    assert (connection.in_transaction, connection.has_begun) == (True, False)

    connection.run("INSERT INTO t VALUES (1, 1)")
    assert (connection.in_transaction, connection.has_begun) == (True, True)

    connection.commit()
    assert (connection.in_transaction, connection.has_begun) == (False, False)
    assert ids(connection) == [1]


def test_a_transaction_without_statements_is_nothing(connection: Connection) -> None:
    connection.begin()
    connection.commit()
    connection.begin()
    connection.rollback()
    connection.commit()
    connection.rollback()

    assert not connection.in_transaction


def test_begin_and_commit_may_be_written_as_text(connection: Connection) -> None:
    connection.run("/* here */ begin")
    assert connection.has_begun
    connection.run("INSERT INTO t VALUES (1, 1)")
    connection.run("Commit")
    assert not connection.in_transaction

    connection.run("BEGIN; INSERT INTO t VALUES (2, 2); ROLLBACK")
    assert not connection.in_transaction
    assert ids(connection) == [1]


def test_a_text_that_begins_by_itself_takes_the_place_of_the_begin_put_off(
    connection: Connection,
) -> None:
    connection.begin()
    connection.run("BEGIN READ ONLY")

    with pytest.raises(duckdb.TransactionException, match="read-only"):
        connection.run("INSERT INTO t VALUES (1, 1)")


def test_an_end_without_a_beginning_is_the_engines_error(connection: Connection) -> None:
    with pytest.raises(duckdb.TransactionException, match="no transaction is active"):
        connection.run("COMMIT")

    assert not connection.in_transaction


@pytest.mark.parametrize(
    "wrong",
    [
        "INSERT INTO t VALUES (1, 1)",
        "SELECT * FROM nowhere",
        "SELECT CAST('x' AS INTEGER)",
        "SELECT $1",
        "BEGIN",
    ],
)
def test_committing_after_an_error_raises_and_rolls_back(
    connection: Connection, wrong: str
) -> None:
    connection.begin()
    connection.run("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(duckdb.Error):
        connection.run(wrong)
    assert connection.aborted

    with pytest.raises(TransactionAborted, match="nothing was committed"):
        connection.commit()

    assert (connection.in_transaction, connection.aborted) == (False, False)
    assert ids(connection) == []


def test_a_commit_written_as_text_raises_as_well(connection: Connection) -> None:
    connection.run("BEGIN; INSERT INTO t VALUES (1, 1)")
    with pytest.raises(duckdb.CatalogException):
        connection.run("SELECT * FROM nowhere")

    with pytest.raises(TransactionAborted):
        connection.run("commit -- please")

    assert not connection.in_transaction
    assert ids(connection) == []


def test_the_engine_itself_answers_that_commit_with_success() -> None:
    """If this fails, DuckDB has mended it, and the driver need not keep watch any longer."""
    with duckdb.connect() as raw:
        raw.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        raw.execute("BEGIN; INSERT INTO t VALUES (1)")
        with pytest.raises(duckdb.CatalogException):
            raw.execute("SELECT * FROM nowhere")

        raw.execute("COMMIT")

        assert raw.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


@pytest.mark.parametrize(("sql", "parameters"), [("SELEC 1", ()), ("SELECT $1", [object()])])
def test_an_error_that_never_reached_the_engine_leaves_the_transaction_alone(
    connection: Connection, sql: str, parameters: list[object]
) -> None:
    connection.begin()
    connection.run("INSERT INTO t VALUES (1, 1)")
    with pytest.raises(duckdb.Error):
        connection.run(sql, parameters)
    assert not connection.aborted

    connection.commit()

    assert ids(connection) == [1]


def test_a_statement_after_the_error_does_not_hide_it(connection: Connection) -> None:
    connection.begin()
    connection.run("INSERT INTO t VALUES (1, 1)")
    for _ in range(2):
        with pytest.raises(duckdb.Error):
            connection.run("SELECT * FROM nowhere")

    assert not connection.try_commit()
    assert ids(connection) == []


def test_a_commit_that_fails_ends_the_transaction(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    with closing(driver.connect(file)) as one, closing(driver.connect(file)) as other:
        one.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        for connection in (one, other):
            connection.begin()
            connection.run("INSERT INTO t VALUES (1)")
        one.commit()

        with pytest.raises(duckdb.TransactionException, match="Failed to commit"):
            other.commit()

        assert not other.in_transaction
        assert other.fetch("SELECT * FROM t") == [(1,)]


def test_an_interrupt_never_leaves_a_transaction_half_begun_or_half_ended(
    connection: Connection,
) -> None:
    connection.run("CREATE TABLE many (round INTEGER)")
    finished = threading.Event()

    def disturb() -> None:
        while not finished.is_set():
            connection.interrupt()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    committed = []
    try:
        for number in range(100):
            connection.begin()
            with suppress(duckdb.InterruptException):
                connection.run("INSERT INTO many SELECT $1 FROM range(20_000)", [number])
            # The next BEGIN would fail if this transaction had not ended.
            if number % 2 == 0 and connection.try_commit():
                committed.append(number)
            connection.rollback()
    finally:
        finished.set()
        disturbing.join()

    found = connection.fetch("SELECT round FROM many GROUP BY round HAVING count(*) = 20_000")
    assert sorted(round for (round,) in found) == committed


def test_a_call_runs_inside_the_transaction(connection: Connection) -> None:
    connection.begin()
    connection.call(lambda raw, value: raw.execute("INSERT INTO t VALUES ($1, 1)", [value]), 1)
    connection.rollback()
    assert ids(connection) == []

    assert connection.call(lambda raw: raw.execute("SELECT 1").fetchall()) == [(1,)]


def test_an_error_of_a_call_ends_the_transaction_if_it_was_the_engines(
    connection: Connection,
) -> None:
    connection.run("BEGIN")
    with pytest.raises(ZeroDivisionError):
        connection.call(lambda raw: 1 / 0)
    assert not connection.aborted

    with pytest.raises(duckdb.CatalogException):
        connection.call(lambda raw: raw.execute("SELECT * FROM nowhere"))
    assert connection.aborted


def test_closing_rolls_back(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    with closing(driver.connect(file)) as connection:
        connection.run("CREATE TABLE t (id INTEGER)")
        connection.begin()
        connection.run("INSERT INTO t VALUES (1)")

    assert connection.is_closed
    assert not connection.in_transaction
    with closing(driver.connect(file)) as connection:
        assert connection.fetch("SELECT * FROM t") == []


# ---- cursors -------------------------------------------------------------------------------------


def test_a_cursor_keeps_its_rows_while_another_one_works(connection: Connection) -> None:
    first, second = connection.cursor(), connection.cursor()
    first.execute("SELECT * FROM range(5) AS r(n)")
    second.execute("SELECT 'other'")

    assert first.rowcount == 5
    assert [column[0] for column in first.description or ()] == ["n"]
    assert first.fetchone() == (0,)
    assert first.fetchmany() == [(1,)]
    assert first.fetchmany(2) == [(2,), (3,)]
    assert list(first) == [(4,)]
    assert first.fetchone() is None
    assert second.fetchall() == [("other",)]


def test_a_cursor_forgets_what_was_before(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.setinputsizes(int)
    cursor.setoutputsize(10)
    cursor.execute("SELECT 1")
    cursor.execute("INSERT INTO t VALUES ($1, $2)", (1, 1))
    assert (cursor.rowcount, cursor.description, cursor.fetchall()) == (1, None, [])

    cursor.execute("CREATE TABLE u (a INT)")
    assert (cursor.rowcount, cursor.description) == (-1, None)

    cursor.executemany("INSERT INTO t VALUES ($1, $2)", [(2, 2), (3, 3)])
    assert (cursor.rowcount, cursor.description, cursor.fetchall()) == (2, None, [])

    cursor.execute("SELECT * FROM t")
    cursor.close()
    assert cursor.fetchall() == []


def test_after_a_commit_written_as_text_a_cursor_is_in_a_transaction_again(
    connection: Connection,
) -> None:
    cursor = connection.cursor()
    connection.begin()
    cursor.execute("INSERT INTO t VALUES (1, 1)")
    cursor.execute("COMMIT")
    cursor.execute("INSERT INTO t VALUES (2, 2)")

    connection.rollback()

    assert ids(connection) == [1]


def test_the_module_has_the_names_of_pep_249() -> None:
    assert (driver.apilevel, driver.threadsafety, driver.paramstyle) == ("2.0", 1, "numeric_dollar")
    assert issubclass(driver.InterfaceError, driver.Error)
    assert issubclass(driver.IntegrityError, driver.DatabaseError)
    ticks = datetime(2020, 5, 17, 3, 4, 5).timestamp()
    assert driver.TimeFromTicks(ticks).isoformat() == "03:04:05"


# ---- opening -------------------------------------------------------------------------------------


def test_an_unknown_table_is_not_looked_for_among_the_programs_variables(
    connection: Connection,
) -> None:
    hero = connection.raw.sql("SELECT 1")  # a relation of this name is what DuckDB would find
    assert hero

    with pytest.raises(duckdb.CatalogException, match="hero does not exist"):
        connection.fetch("SELECT * FROM hero")


def test_instants_come_in_utc_wherever_the_program_runs(connection: Connection) -> None:
    [(instant,)] = connection.fetch("SELECT TIMESTAMPTZ '2020-05-17 12:00:00+05'")

    assert instant == datetime(2020, 5, 17, 7, tzinfo=UTC)
    assert instant.utcoffset() == datetime.now(UTC).utcoffset()


def test_a_setting_that_was_given_stays() -> None:
    config: driver.Config = {
        "timezone": "Asia/Tokyo",
        "autoload_known_extensions": True,
        "threads": "1",
    }

    with closing(driver.connect(config=config)) as connection:
        [settings] = connection.fetch(
            "SELECT current_setting('TimeZone'), current_setting('autoload_known_extensions'),"
            " current_setting('autoinstall_known_extensions'), current_setting('threads')"
        )

    assert settings == ("Asia/Tokyo", True, False, 1)


def test_the_first_row_of_an_order_is_found_however_many_were_deleted(
    connection: Connection,
) -> None:
    connection.run("CREATE TABLE emptied (id BIGINT PRIMARY KEY)")
    for _ in range(3):
        for number in range(24):
            connection.run("INSERT INTO emptied VALUES ($1)", [number])
        connection.run("DELETE FROM emptied")
    connection.run("INSERT INTO emptied VALUES (7)")

    assert connection.fetch("SELECT id FROM emptied ORDER BY id LIMIT 1") == [(7,)]


@pytest.mark.parametrize(
    ("given", "disabled"),
    [
        ("top_n", "top_n,row_group_pruner"),
        ("row_group_pruner", "row_group_pruner"),
    ],
)
def test_optimizers_that_were_switched_off_stay_so(given: str, disabled: str) -> None:
    config: driver.Config = {"disabled_optimizers": given}
    with closing(driver.connect(config=config)) as connection:
        found = connection.fetch("SELECT current_setting('disabled_optimizers')")

    assert found == [(disabled,)]


def test_a_plain_connection_of_duckdb_can_be_open_beside_ours(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    with closing(driver.connect(file)) as ours, duckdb.connect(file) as theirs:
        ours.run("CREATE TABLE t (id INTEGER)")

        assert theirs.execute("SELECT * FROM t").fetchall() == []


def test_a_locked_configuration_is_refused_with_the_reason() -> None:
    with pytest.raises(driver.NotSupportedError, match="sets its time zone"):
        driver.connect(config={"lock_configuration": "true"})


def test_nothing_stays_open_when_a_setting_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "t.duckdb")
    monkeypatch.setattr(driver, "_WANTED", {"no_such_setting": "1"})
    with pytest.raises(duckdb.CatalogException):
        driver.connect(file)
    monkeypatch.undo()

    # With another configuration it could not be opened if it still was open.
    with closing(driver.connect(file, config={"threads": "1"})) as connection:
        assert connection.fetch("SELECT 1") == [(1,)]


# ---- rows that are read later --------------------------------------------------------------------


def test_rows_come_as_they_are_asked_for(connection: Connection) -> None:
    number = connection.open("SELECT range FROM range($1)", [5])

    assert connection.more(number, 2) == [(0,), (1,)]
    assert connection.more(number, 9) == [(2,), (3,), (4,)]
    assert connection.more(number, 9) == []


@pytest.mark.parametrize(
    "between",
    [
        lambda connection: connection.fetch("SELECT 1"),
        lambda connection: connection.call(lambda raw: raw.execute("SELECT 1")),
        lambda connection: connection.commit(),
        lambda connection: connection.rollback(),
    ],
)
def test_rows_that_another_statement_has_ended_are_no_empty_rest(
    connection: Connection, between: Callable[[Connection], object]
) -> None:
    number = connection.open("SELECT range FROM range(5)")
    connection.more(number, 2)
    between(connection)

    with pytest.raises(driver.InterfaceError, match="another statement"):
        connection.more(number, 2)


def test_rows_that_fail_end_the_transaction(connection: Connection) -> None:
    connection.begin()
    sql = "SELECT CAST(if(range = 9999, 'x', '1') AS INTEGER) FROM range(10000)"
    number = connection.open(sql)

    with pytest.raises(duckdb.ConversionException):
        list(iter(lambda: connection.more(number, 100), []))

    assert connection.aborted


def test_rows_that_are_dropped_let_the_transaction_go_on(connection: Connection) -> None:
    connection.begin()
    number = connection.open("SELECT range FROM range(10000)")
    connection.more(number, 1)
    connection.drop(number)
    connection.drop(number)
    connection.run("INSERT INTO t VALUES (1, 1)")
    connection.commit()

    assert ids(connection) == [1]
