"""A transaction on SQLite begins with its first statement, and without one there is none."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from andamios_orm.backends.sqlite import SQLiteBackend
from andamios_orm.backends.sqlite.connection import Connection, opened

BACKEND = SQLiteBackend()


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[Connection]:
    connection = opened(str(folder / "some.db"), isolation_level=None, timeout=0)
    assert await connection is connection
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[Connection]:
    async with connected(tmp_path) as connection:
        await connection.run("CREATE TABLE t (x)")
        yield connection


def has_begun(driver: Connection) -> bool:
    return driver.in_transaction


async def begin(
    driver: Connection, *, read_only: bool = False, at_once: bool = False
) -> tuple[str, ...]:
    return await BACKEND.begin(driver, read_only=read_only, isolation=None, at_once=at_once)


async def test_nothing_is_sent_until_there_is_a_statement(driver: Connection) -> None:
    assert await begin(driver) == ("BEGIN IMMEDIATE",)
    assert not has_begun(driver)
    assert not BACKEND.is_usable(driver)

    await BACKEND.run(driver, "INSERT INTO t VALUES (?)", (1,))
    assert has_begun(driver)

    await BACKEND.rollback(driver)
    assert BACKEND.is_usable(driver)
    assert await BACKEND.fetch(driver, "SELECT x FROM t", ()) == []


async def test_a_statement_of_somebody_else_can_have_it_begin_at_once(driver: Connection) -> None:
    await begin(driver, at_once=True)

    assert has_begun(driver)
    await BACKEND.rollback(driver)


@pytest.mark.parametrize("end", [BACKEND.commit, BACKEND.rollback])
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_transaction_without_a_statement_is_forgotten(
    driver: Connection, read_only: bool, end: Callable[[Connection], Awaitable[object]]
) -> None:
    await begin(driver, read_only=read_only)

    await end(driver)

    assert BACKEND.is_usable(driver)
    await BACKEND.run(driver, "INSERT INTO t VALUES (?)", (1,))
    assert not has_begun(driver)


async def test_a_transaction_to_read_cannot_write_and_the_next_one_can(driver: Connection) -> None:
    await begin(driver, read_only=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await BACKEND.run(driver, "INSERT INTO t VALUES (?)", (1,))
    await BACKEND.rollback(driver)
    await begin(driver, read_only=True)
    assert await BACKEND.fetch(driver, "SELECT x FROM t", ()) == []
    await BACKEND.commit(driver)

    assert await BACKEND.run(driver, "INSERT INTO t VALUES (?)", (1,)) == 1


async def test_a_begin_that_finds_the_file_locked_is_sent_again(
    driver: Connection, tmp_path: Path
) -> None:
    async with connected(tmp_path) as other:
        await other.run("BEGIN IMMEDIATE")
        await begin(driver)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await driver.run("INSERT INTO t VALUES (?)", (1,))
        await other.run("ROLLBACK")

        assert await driver.run("INSERT INTO t VALUES (?)", (1,)) == 1

    assert has_begun(driver)
    await BACKEND.commit(driver)


async def test_a_reading_transaction_that_was_ended_by_hand_can_be_rolled_back(
    driver: Connection,
) -> None:
    await begin(driver, read_only=True, at_once=True)
    await driver.run("COMMIT")

    await driver.rollback()

    assert BACKEND.is_usable(driver)
    assert await driver.run("INSERT INTO t VALUES (1)") == 1


async def test_rows_of_a_connection_that_was_closed_are_closed_too(tmp_path: Path) -> None:
    async with connected(tmp_path) as connection:
        rows = await connection.open("SELECT 1")
        await connection.close()

        await rows.close()


async def test_the_drivers_log_shows_what_is_called_and_no_value(
    driver: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "aiosqlite"):
        await driver.execute("INSERT INTO t VALUES (?)", ("secret",))

    assert "<call of execute>" in caplog.text
    assert "secret" not in caplog.text
