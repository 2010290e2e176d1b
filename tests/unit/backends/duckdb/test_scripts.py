"""What DuckDB's own parser says about a text, and what is remembered of it."""

import subprocess
import sys

import duckdb
import pytest

from andamios_orm.backends.duckdb.scripts import Outcome, Transact, parse


@pytest.mark.parametrize(
    ("sql", "transact"),
    [
        ("BEGIN", Transact.BEGIN),
        ("begin transaction read only", Transact.BEGIN),
        ("START TRANSACTION", Transact.BEGIN),
        ("/* a /* comment */ in one */ -- and another\n  BeGiN;", Transact.BEGIN),
        ("/* Übung 🐍 */commit", Transact.COMMIT),
        ("END", Transact.COMMIT),
        ("rollback ;", Transact.ROLLBACK),
        ("ABORT", Transact.ROLLBACK),
        ("SELECT 'BEGIN'", None),
        ('SELECT 1 AS "commit"', None),
    ],
)
def test_what_a_statement_does_to_the_transaction_is_known_however_it_is_written(
    sql: str, transact: Transact | None
) -> None:
    [step] = parse(sql).steps

    assert step.transact is transact
    assert (parse(sql).single is None) == (transact is not None)


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("SELECT 1", Outcome.ROWS),
        ("FROM t", Outcome.ROWS),
        ("WITH a AS (SELECT 1) INSERT INTO t FROM a", Outcome.ROWS_OR_COUNT),
        ("CREATE TABLE t AS SELECT 1", Outcome.COUNT_OR_NOTHING),
        ("SET threads = 1", Outcome.NOTHING),
        ("COMMENT ON TABLE t IS 'x'", Outcome.NOTHING),
    ],
)
def test_the_kind_of_a_statement_is_what_duckdb_says(sql: str, outcome: Outcome) -> None:
    [step] = parse(sql).steps

    assert step.outcome is outcome


@pytest.mark.parametrize("sql", ["", "  ", "-- nothing", ";"])
def test_a_text_may_hold_no_statement(sql: str) -> None:
    assert parse(sql).steps == ()


@pytest.mark.parametrize(
    ("sql", "atomic"),
    [
        ("CREATE TABLE a (x INT); INSERT INTO a VALUES (1)", True),
        ("CREATE TABLE a (x INT)", False),  # it is anyway
        ("BEGIN; INSERT INTO a VALUES (1)", False),
        ("INSERT INTO a VALUES (1); CHECKPOINT", False),
    ],
)
def test_several_statements_are_one_transaction_where_they_can_be(sql: str, atomic: bool) -> None:
    assert parse(sql).atomic is atomic


def test_a_statement_seen_before_is_not_parsed_again() -> None:
    assert parse("SELECT 4711") is parse("SELECT 4711")


def test_a_very_long_text_is_not_remembered() -> None:
    sql = f"SELECT {', '.join(['4711'] * 10_000)}"

    assert parse(sql) is not parse(sql)


def test_what_duckdb_cannot_read_is_its_own_error() -> None:
    with pytest.raises(duckdb.ParserException):
        parse("SELEC 1")


def test_nothing_is_reported_as_a_leak_when_the_program_ends() -> None:
    program = (
        "import sqlalchemy as sa;"
        "engine = sa.create_engine('duckdb+andamios://');"
        "connection = engine.connect();"
        "print(connection.execute(sa.text('SELECT 4711')).scalar())"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "4711\n", "")
