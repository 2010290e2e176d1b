"""DuckDB as a backend of the repositories."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.backend import DuckDBBackend
from andamios_orm.errors import InvalidURL

BACKEND = DuckDBBackend()


@pytest.fixture
async def driver() -> AsyncIterator[AsyncConnection]:
    connection = await AsyncConnection.connect()
    await connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    yield connection
    await connection.close()


def has_begun(driver: AsyncConnection) -> bool:
    return driver._connection.has_begun


def test_the_options_of_a_url_are_duckdbs_settings() -> None:
    url = sa.make_url("duckdb:///x.duckdb?threads=2&read_only=true&access_mode=read_only")

    assert BACKEND.engine_options(url, 3).pool_size == 3
    assert BACKEND.engine_options(url.set(query={}), 3).url.query == {}

    with pytest.raises(InvalidURL, match="no setting `thread`"):
        BACKEND.engine_options(sa.make_url("duckdb:///x.duckdb?thread=2&nonsense=1"), 3)

    with pytest.raises(InvalidURL, match="neither true nor false"):
        BACKEND.engine_options(sa.make_url("duckdb:///x.duckdb?read_only=perhaps"), 3)
    # It belongs to an extension of DuckDB's, which is not loaded when a file is opened.
    zoned = sa.make_url("duckdb:///x.duckdb?timezone=Asia/Tokyo")
    assert BACKEND.engine_options(zoned, 3).url == zoned


def test_writers_of_one_file_take_turns_whatever_they_call_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    if os.name == "posix":
        (tmp_path / "link").symlink_to(tmp_path / "folder")

    names = ["folder/x.duckdb", str(tmp_path / "folder" / "x.duckdb"), "folder/../folder/x.duckdb"]
    names += ["link/x.duckdb"] if os.name == "posix" else []

    keys = {BACKEND.writer_key(sa.make_url(f"duckdb:///{name}")) for name in names}
    assert len(keys) == 1
    assert BACKEND.writer_key(sa.make_url("duckdb:///other.duckdb")) not in keys


def test_writers_of_one_memory_take_turns() -> None:
    own = {BACKEND.writer_key(sa.make_url(url)) for url in ("duckdb://", "duckdb:///:memory:")}
    named = {BACKEND.writer_key(sa.make_url("duckdb:///:memory:x")) for _ in range(2)}

    assert (len(own), len(named)) == (2, 1)
    assert not BACKEND.is_in_memory(sa.make_url("duckdb://"))


async def test_a_transaction_begins_without_asking_the_thread(driver: AsyncConnection) -> None:
    await BACKEND.begin(driver, read_only=False, isolation="serializable", at_once=False)
    assert not has_begun(driver)
    assert not BACKEND.is_usable(driver)

    assert await BACKEND.run(driver, "INSERT INTO t VALUES ($1)", [1]) == 1
    assert has_begun(driver)
    await BACKEND.rollback(driver)

    assert BACKEND.is_usable(driver)
    assert await BACKEND.fetch(driver, "SELECT * FROM t", ()) == []


async def test_a_commit_says_whether_it_did(driver: AsyncConnection) -> None:
    await BACKEND.begin(driver, read_only=False, isolation=None, at_once=False)
    await BACKEND.run(driver, "INSERT INTO t VALUES ($1)", [1])
    assert await BACKEND.commit(driver)

    await BACKEND.begin(driver, read_only=False, isolation=None, at_once=False)
    for _ in range(2):
        with pytest.raises(Exception, match=r"violates|aborted"):
            await BACKEND.run(driver, "INSERT INTO t VALUES ($1)", [1])
    assert not await BACKEND.commit(driver)


async def test_a_read_only_transaction_cannot_write(driver: AsyncConnection) -> None:
    await BACKEND.begin(driver, read_only=True, isolation=None, at_once=False)

    with pytest.raises(Exception, match="read-only") as refused:
        await BACKEND.run(driver, "INSERT INTO t VALUES (1)", ())

    failure = BACKEND.classify(refused.value)
    assert failure is not None
    assert failure.kind == "read_only"
    await BACKEND.run(driver, "ROLLBACK", ())
    assert await BACKEND.run(driver, "INSERT INTO t VALUES (1)", ()) == 1


@pytest.mark.parametrize("schema", [None, "a schema"])
async def test_a_counter_moves_forward_and_never_back(
    driver: AsyncConnection, schema: str | None
) -> None:
    table = sa.Table(
        "my table", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), schema=schema
    )
    place = f'"{schema}"."my table_id_seq"' if schema else '"my table_id_seq"'
    if schema:
        await driver.run(f'CREATE SCHEMA "{schema}"')
    await driver.run(f"CREATE SEQUENCE {place}")

    for highest in (10, 3):
        await BACKEND.move_counter(driver, table.c.id, highest)

    assert await driver.fetch("SELECT nextval($1)", [place]) == [(11,)]


async def test_a_column_that_nothing_counts_is_left_alone(driver: AsyncConnection) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))

    await BACKEND.move_counter(driver, table.c.id, 10)


async def test_a_result_can_be_an_arrow_table(driver: AsyncConnection) -> None:
    await driver.run("INSERT INTO t VALUES (1), (2)")

    found: Any = await BACKEND.fetch_arrow(driver, "SELECT id FROM t WHERE id > $1", [1])
    assert found.to_pydict() == {"id": [2]}
    everything: Any = await BACKEND.fetch_arrow(driver, "SELECT id FROM t ORDER BY id", ())
    assert everything.to_pydict() == {"id": [1, 2]}


async def test_a_closed_connection_is_not_usable(driver: AsyncConnection) -> None:
    async def call() -> str:
        return "called"

    assert BACKEND.is_usable(driver)
    assert await BACKEND.patiently(call) == "called"
    await BACKEND.interrupt(driver)
    await driver.close()

    assert not BACKEND.is_usable(driver)


async def test_an_exception_is_explained_by_itself(driver: AsyncConnection) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    sql = "INSERT INTO t (id) VALUES ($1)"
    await driver.run(sql, [1])
    with pytest.raises(Exception, match="Duplicate") as caught:
        await driver.run(sql, [1])

    assert await BACKEND.explain(driver, caught.value, sql, [1], table) == ("t", ("id",))
    assert await BACKEND.explain_commit(driver, table.metadata) is None


def test_an_engine_needs_no_preparation() -> None:
    engine = sa.create_engine("duckdb+andamios://")
    BACKEND.prepare_engine(engine, in_memory=False)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()
