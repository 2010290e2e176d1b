"""Connections go from hand to hand: none is lost, none is shared, nobody waits in vain."""

import asyncio
import gc
import warnings
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.util import greenlet_spawn

from andamios_orm import Col, Database, Model, Repository, generated
from andamios_orm.errors import DatabaseUnavailable
from andamios_orm.observe import subscribe
from andamios_orm.rows.plan import PIECE
from tests.engines import only_on, server_of

METADATA = sa.MetaData()


class Buoy(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]


async def filled(url: str, *, pool_size: int, pool_timeout: float = 30.0) -> Database:
    db = Database(url, metadata=METADATA, pool_size=pool_size, pool_timeout=pool_timeout)
    await db.create_all()
    await Repository(Buoy, db).add(Buoy(name="North"))
    return db


async def turned() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_connection_is_used_again(database_url: str) -> None:
    async with await filled(database_url, pool_size=3) as db:
        first = await db._pool.take()
        await db._pool.give_back(first)
        await Repository(Buoy, db).all()
        second = await db._pool.take()
        await db._pool.give_back(second)

        assert second is first
        assert db._pool.in_use == 0


async def test_who_waits_longest_gets_the_connection_first(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        order: list[int] = []

        async def ask(number: int) -> None:
            await Repository(Buoy, db).all()
            order.append(number)

        tasks = [asyncio.ensure_future(ask(number)) for number in range(3)]
        await turned()
        assert order == []
        await db._pool.give_back(connection)
        await asyncio.gather(*tasks)

    assert order == [0, 1, 2]


async def test_who_waits_too_long_is_told(database_url: str) -> None:
    async with await filled(database_url, pool_size=1, pool_timeout=0.01) as db:
        connection = await db._pool.take()

        with pytest.raises(DatabaseUnavailable, match=r"all 1 connections .* 0\.01 seconds"):
            await Repository(Buoy, db).all()

        await db._pool.give_back(connection)
        assert await Repository(Buoy, db).count() == 1


async def test_a_connection_handed_to_a_cancelled_task_goes_on(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        tasks = [asyncio.ensure_future(Repository(Buoy, db).all()) for _ in range(2)]
        await turned()

        await db._pool.give_back(connection)
        tasks[0].cancel()

        assert len(await tasks[1]) == 1
        assert tasks[0].cancelled()
        assert db._pool.in_use == 0


async def test_a_connection_handed_to_the_last_cancelled_task_is_kept(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        task = asyncio.ensure_future(Repository(Buoy, db).all())
        await turned()

        await db._pool.give_back(connection)
        task.cancel()
        await asyncio.wait({task})

        assert db._pool.in_use == 0
        assert await db._pool.take() is connection
        await db._pool.give_back(connection)


async def test_a_task_cancelled_while_it_waits_leaves_the_queue(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        task = asyncio.ensure_future(Repository(Buoy, db).all())
        await turned()
        task.cancel()
        await asyncio.wait({task})

        await db._pool.give_back(connection)

        assert await Repository(Buoy, db).count() == 1


async def test_a_closed_connection_leaves_its_place_to_who_waits(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        task = asyncio.ensure_future(Repository(Buoy, db).all())
        await turned()

        await db._pool.close(connection)

        assert len(await task) == 1
        assert db._pool.in_use == 0


async def test_a_place_given_to_a_cancelled_task_goes_on(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        connection = await db._pool.take()
        task = asyncio.ensure_future(Repository(Buoy, db).all())
        await turned()

        await db._pool.close(connection)
        task.cancel()
        await asyncio.wait({task})

        assert db._pool.in_use == 0
        assert await Repository(Buoy, db).count() == 1


async def test_a_connection_that_cannot_be_opened_leaves_its_place() -> None:
    async with Database("postgresql://nobody@127.0.0.1:1/x", pool_size=1) as db:
        tasks = [db.execute(sa.text("SELECT 1")) for _ in range(3)]

        failures = await asyncio.gather(*tasks, return_exceptions=True)

        assert [type(failure) for failure in failures] == [DatabaseUnavailable] * 3
        assert db._pool.in_use == 0


async def test_many_tasks_share_few_connections(database_url: str) -> None:
    async with await filled(database_url, pool_size=3) as db:
        buoys = Repository(Buoy, db)

        found = await asyncio.gather(*(buoys.get(1) for _ in range(100)))

        assert {buoy.name for buoy in found} == {"North"}
        assert db._pool._open <= 3
        assert db._pool.in_use == 0


@only_on("sqlite")
async def test_few_reads_run_at_once_on_sqlite(database_url: str) -> None:
    async with await filled(database_url, pool_size=10) as db:
        await asyncio.gather(*(Repository(Buoy, db).get(1) for _ in range(50)))

        assert db._pool._open == db._pool.backend.reads_at_once == 3


@only_on("sqlite")
async def test_a_read_that_waits_too_long_for_other_reads_is_told(database_url: str) -> None:
    async with await filled(database_url, pool_size=4, pool_timeout=0.01) as db:
        few = db._pool._readers
        assert few is not None
        async with few, few, few:
            with pytest.raises(DatabaseUnavailable, match=r"3 other reads, .* took 0.01 seconds"):
                await Repository(Buoy, db).all()

        assert await Repository(Buoy, db).count() == 1


async def test_sessions_and_calls_take_from_the_same_connections(database_url: str) -> None:
    async with await filled(database_url, pool_size=2) as db:

        async def in_session() -> int:
            async with db.session(read_only=True) as session:
                return await Repository(Buoy, session).count()

        calls = [Repository(Buoy, db).count() if n % 2 else in_session() for n in range(40)]

        assert await asyncio.gather(*calls) == [1] * 40
        assert db._pool._open <= 2


async def test_a_function_that_closes_the_connection_closes_no_other(database_url: str) -> None:
    """`Connection.close()` gives it to SQLAlchemy's pool; it must not be in two hands."""
    async with await filled(database_url, pool_size=2) as db:
        async with db.session() as session:
            await session.run_sync(lambda connection: connection.close())

        assert db._pool.in_use == 0
        assert await asyncio.gather(*(Repository(Buoy, db).count() for _ in range(4))) == [1] * 4


async def test_a_database_that_nobody_disposes_of_goes_quietly(database_url: str) -> None:
    """SQLAlchemy warns of connections that are collected while they are checked out."""
    db = await filled(database_url, pool_size=2)
    idle = db._pool._idle
    assert idle

    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=sa.exc.SAWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        pool = db._pool._engine.pool
        del db
        gc.collect()

        assert idle == []
        await greenlet_spawn(pool.dispose)


async def test_warming_up_opens_connections_that_the_first_callers_get(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=3) as db:
        await db.warm_up(2)
        opened = list(db._pool._idle)
        assert len(opened) == min(2, db._pool._options.pool_size)

        await db.warm_up(10)

        assert db._pool._open == len(db._pool._idle) == db._pool._options.pool_size
        assert set(opened) <= set(db._pool._idle)


async def test_warming_up_says_that_the_server_is_not_there() -> None:
    async with Database("postgresql://nobody@127.0.0.1:1/x") as db:
        with pytest.raises(DatabaseUnavailable):
            await db.warm_up()

        assert db._pool.in_use == 0


# ---- what is sent --------------------------------------------------------------------------------


async def test_a_read_outside_a_session_is_one_statement(database_url: str) -> None:
    async with await filled(database_url, pool_size=2) as db:
        sent: list[str] = []
        with subscribe(lambda event: sent.append(getattr(event, "sql", ""))):
            await Repository(Buoy, db).get(1)

    assert len(sent) == 1
    assert sent[0].startswith("SELECT")


BEGINS = {
    "duckdb": ["BEGIN"],
    "sqlite": ["BEGIN IMMEDIATE"],
    "postgresql": ["BEGIN ISOLATION LEVEL SERIALIZABLE"],
    "mariadb": ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION"],
    "mysql": ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION"],
}


async def test_observers_see_what_begins_and_ends_a_session(database_url: str) -> None:
    async with await filled(database_url, pool_size=2) as db:
        sent: list[str] = []
        with subscribe(lambda event: sent.append(getattr(event, "sql", ""))):
            async with db.session(isolation="serializable") as session:
                await Repository(Buoy, session).get(1)

        begins = BEGINS[server_of(db)]

    assert sent[: len(begins)] == begins
    assert [sql.split()[0] for sql in sent[len(begins) :]] == ["SELECT", "COMMIT"]


async def test_a_session_without_statements_sends_nothing(database_url: str) -> None:
    async with await filled(database_url, pool_size=2) as db:
        sent: list[str] = []
        with subscribe(lambda event: sent.append(getattr(event, "sql", ""))):
            async with db.session(read_only=True):
                pass

    assert sent == []


async def test_a_session_without_a_statement_leaves_no_transaction_behind(
    database_url: str,
) -> None:
    """What came next on the connection would begin it, and nobody would commit it."""
    async with await filled(database_url, pool_size=1) as db:
        async with db.session() as session:
            await session.hold_counter(Buoy.__table__.c.id)

        await Repository(Buoy, db).add(Buoy(name="South"))

        assert await Repository(Buoy, db).count() == 2


async def test_a_read_only_session_that_was_ended_by_hand_leaves_a_connection_that_writes(
    database_url: str,
) -> None:
    async with await filled(database_url, pool_size=1) as db:
        async with db.session(read_only=True) as session:
            await Repository(Buoy, session).count()
            await session.execute(sa.text("COMMIT"))

        await Repository(Buoy, db).add(Buoy(name="South"))

        assert await Repository(Buoy, db).count() == 2


# ---- long results --------------------------------------------------------------------------------


async def test_a_long_result_lets_other_tasks_go_on(database_url: str) -> None:
    async with await filled(database_url, pool_size=1) as db:
        buoys = Repository(Buoy, db)
        await buoys.add_all(Buoy(name=f"n{number}") for number in range(1, 2_000))
        seen: list[Any] = []

        async def watch() -> None:
            while True:
                seen.append(None)
                await asyncio.sleep(0)

        task = asyncio.ensure_future(watch())
        # What went on while the database worked says nothing about what comes after it.
        with subscribe(lambda event: seen.clear()):
            found = await buoys.order_by(Buoy.id).all()
        task.cancel()

        assert len(found) == 2_000
        assert [buoy.id for buoy in found] == sorted(buoy.id for buoy in found)
    assert len(seen) >= 2_000 // PIECE
