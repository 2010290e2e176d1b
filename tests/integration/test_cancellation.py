"""A cancelled task leaves nothing behind: no work, no lock, no open transaction, no connection."""

# ruff: noqa: PT012 - what the end of a block raises is the subject here

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from weakref import WeakSet

import pytest
import pytest_asyncio
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, Session, field, generated
from andamios_orm.backends.duckdb.worker import Worker
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.errors import TransactionAborted
from tests.engines import not_on, only_on, server_of

METADATA = sa.MetaData()


class Visit(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    place: Col[str] = field(unique=True)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=2) as database:
        if server_of(database) == "sqlite":
            sa.event.listen(database._pool._engine.sync_engine, "connect", watch_progress)
        if server_of(database) == "duckdb":
            sa.event.listen(database._pool._engine.sync_engine, "connect", watch_worker)
        await database.create_all()
        yield database


@pytest_asyncio.fixture
async def onlooker(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=1) as database:
        yield database


ENDLESS = {
    "duckdb": sa.text("SELECT count(*) FROM range(1000000000) AS a, range(1000000000) AS b"),
    "mariadb": sa.text("SELECT sleep(600)"),
    "postgresql": sa.text("SELECT pg_sleep(600)"),
    "sqlite": sa.text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    ),
}


BUSY = threading.Event()


def watch_progress(connection: Any, record: object) -> None:
    """Set BUSY when SQLite has worked on one statement for long."""
    connection.run_async(lambda driver: driver.set_progress_handler(BUSY.set, 100_000))


WORKERS: WeakSet[Worker] = WeakSet()


def watch_worker(connection: Any, record: object) -> None:
    """Remember the thread of a DuckDB connection, which knows what it does."""
    WORKERS.add(connection.driver_connection._worker)


def endless(db: Database) -> sa.TextClause:
    return ENDLESS[server_of(db)]


def checked_out(db: Database) -> int:
    return db._pool.in_use


async def started(db: Database, onlooker: Database, task: asyncio.Task[Any]) -> None:
    """Return when the endless statement of the task runs."""
    if server_of(db) == "sqlite":
        BUSY.clear()
        while not BUSY.is_set():
            assert not task.done(), task.exception()
            await asyncio.sleep(0)
        return
    if server_of(db) == "duckdb":
        while not any(
            job.begun and "range(" in str(job.arguments)
            for worker in WORKERS
            for job in tuple(worker._pending)
        ):
            assert not task.done(), task.exception()
            await asyncio.sleep(0)
        return
    while await running(onlooker) == 0:
        assert not task.done(), task.exception()


async def running(onlooker: Database) -> int:
    if server_of(onlooker) not in ACTIVE:
        return 0
    return len(await onlooker.execute(ACTIVE[server_of(onlooker)]))


ACTIVE = {
    "mariadb": sa.text(
        "SELECT id FROM information_schema.processlist WHERE db = database()"
        " AND id <> connection_id() AND command <> 'Sleep'"
    ),
    "postgresql": sa.text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state <> 'idle'"
    ),
}


async def stopped(onlooker: Database) -> None:
    """Return when the server works for nobody; it needs a moment to hear of a cancellation."""
    while await running(onlooker):
        pass


async def by_database(db: Database) -> None:
    await db.execute(endless(db))


async def by_session(db: Database) -> None:
    async with db.session() as session:
        await Repository(Visit, session).add(Visit(place="Rome"))
        await session.execute(endless(db))


async def by_joined_session(db: Database) -> None:
    async with db.session() as session, session.session():
        await Repository(Visit, session).add(Visit(place="Rome"))
        await session.execute(endless(db))


async def by_run_sync(db: Database) -> None:
    async with db.session() as session:
        await Repository(Visit, session).add(Visit(place="Rome"))
        await session.run_sync(lambda connection: connection.execute(endless(db)))


WAYS = [by_database, by_session, by_joined_session, by_run_sync]


@pytest.mark.parametrize("cancels", [1, 2, 3])
@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_statement_is_stopped_and_its_connection_usable(
    db: Database,
    onlooker: Database,
    way: Callable[[Database], Awaitable[None]],
    cancels: int,
) -> None:
    task = asyncio.ensure_future(way(db))
    await started(db, onlooker, task)

    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task})
    await stopped(onlooker)

    assert task.cancelled()
    assert checked_out(db) == 0
    assert await Repository(Visit, db).all() == []
    await Repository(Visit, db).add(Visit(place="Oslo"))


async def test_a_cancelled_statement_keeps_its_connection(db: Database, onlooker: Database) -> None:
    opened: list[object] = []
    sa.event.listen(db._pool._engine.sync_engine, "connect", lambda c, r: opened.append(c))

    for way in WAYS:
        task = asyncio.ensure_future(way(db))
        await started(db, onlooker, task)
        task.cancel()
        await asyncio.wait({task})

    assert opened == []


async def test_a_cancelled_statement_keeps_an_in_memory_database() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        sa.event.listen(db._pool._engine.sync_engine, "connect", watch_progress)
        await db.create_all()
        await Repository(Visit, db).add(Visit(place="Lima"))
        for way in (by_database, by_session):
            task = asyncio.ensure_future(way(db))
            await started(db, db, task)
            task.cancel()
            await asyncio.wait({task})

        assert [visit.place for visit in await Repository(Visit, db).all()] == ["Lima"]


@only_on("postgresql")
@pytest.mark.parametrize("cancels", [1, 2])
async def test_a_cancelled_repository_call_is_stopped(
    db: Database, onlooker: Database, cancels: int
) -> None:
    async with onlooker.session() as holder:
        await holder.execute(sa.text("LOCK TABLE visit"))
        task = asyncio.ensure_future(Repository(Visit, db).add(Visit(place="Rome")))
        while not await holder.execute(sa.text("SELECT 1 FROM pg_locks WHERE NOT granted")):
            pass

        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait({task})

    await stopped(onlooker)
    assert task.cancelled()
    assert checked_out(db) == 0
    assert await Repository(Visit, db).all() == []


async def test_a_time_limit_inside_a_session_prevents_the_commit(
    db: Database, onlooker: Database
) -> None:
    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            await Repository(Visit, session).add(Visit(place="Rome"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await session.execute(endless(db))

    await stopped(onlooker)
    assert await Repository(Visit, db).all() == []


@not_on("duckdb")  # it has no savepoints
async def test_a_savepoint_survives_a_time_limit_on_a_read(db: Database) -> None:
    async with db.session() as session:
        await Repository(Visit, session).add(Visit(place="Rome"))
        with pytest.raises(TimeoutError):
            async with session.savepoint(), asyncio.timeout(0):
                await session.execute(endless(db))
        await Repository(Visit, session).add(Visit(place="Oslo"))

    assert await Repository(Visit, db).count() == 2


@pytest.mark.parametrize("step", range(12))
async def test_a_session_cancelled_at_any_step_happened_completely_or_not_at_all(
    db: Database, onlooker: Database, step: int
) -> None:
    async def two_visits() -> None:
        async with db.session() as session:
            visits = Repository(Visit, session)
            await visits.add(Visit(place="Rome"))
            async with session.session():
                await visits.add(Visit(place="Oslo"))

    task = asyncio.ensure_future(two_visits())
    for _ in range(step):
        await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    await asyncio.wait({task})
    await stopped(onlooker)

    assert checked_out(db) == 0
    assert await Repository(Visit, db).count() in (0, 2)
    await Repository(Visit, db).add(Visit(place="Lima"))


# -- the commit


def held_commit(session: Session) -> tuple[asyncio.Event, asyncio.Event]:
    """Have the session's commit wait until it is let go; return the two events."""
    connection = session._connection
    assert connection is not None
    commit = connection.commit
    reached, let_go = asyncio.Event(), asyncio.Event()

    async def wait_then_commit() -> bool:
        reached.set()
        await let_go.wait()
        return await commit()

    connection.commit = wait_then_commit  # type: ignore[method-assign]  # a fake only for time
    return reached, let_go


@pytest.mark.parametrize("cancels", [1, 2])
async def test_a_commit_that_has_begun_is_finished(db: Database, cancels: int) -> None:
    ready: asyncio.Future[tuple[asyncio.Event, asyncio.Event]] = asyncio.Future()

    async def work() -> None:
        async with db.session() as session:
            await Repository(Visit, session).add(Visit(place="Rome"))
            ready.set_result(held_commit(session))

    task = asyncio.ensure_future(work())
    reached, let_go = await ready
    await reached.wait()
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    let_go.set()
    await asyncio.wait({task})

    assert task.cancelled()
    assert checked_out(db) == 0
    assert await Repository(Visit, db).count() == 1


async def test_a_session_goes_on_after_a_cancelled_commit(db: Database) -> None:
    async with db.session() as session:
        await Repository(Visit, session).add(Visit(place="Rome"))
        reached, let_go = held_commit(session)
        task = asyncio.ensure_future(session.commit())
        await reached.wait()
        task.cancel()
        let_go.set()
        await asyncio.wait({task})
        await Repository(Visit, session).add(Visit(place="Oslo"))

    assert task.cancelled()
    assert await Repository(Visit, db).count() == 2


async def test_work_to_its_end_returns_its_result() -> None:
    assert await to_its_end(asyncio.sleep(0, "done")) == "done"


async def test_the_failure_of_cancelled_work_is_not_lost() -> None:
    let_go = asyncio.Event()

    async def fails() -> None:
        await let_go.wait()
        raise ZeroDivisionError

    task = asyncio.ensure_future(to_its_end(fails()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    let_go.set()
    await asyncio.wait({task})

    assert isinstance(task.exception(), ZeroDivisionError)


# -- waiting


async def test_a_task_cancelled_while_it_waits_for_a_connection_takes_none(
    db: Database,
) -> None:
    async with asyncio.TaskGroup() as tasks, db.session(read_only=True), Holder(db, tasks):
        waiting = [asyncio.ensure_future(Repository(Visit, db).all()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)

    assert all(task.cancelled() for task in waiting)
    assert checked_out(db) == 0
    assert await asyncio.gather(*(Repository(Visit, db).all() for _ in range(4))) == [[]] * 4


class Holder:
    """Holds a session in a task of its own."""

    def __init__(self, db: Database, tasks: asyncio.TaskGroup) -> None:
        self._db, self._tasks = db, tasks
        self._held, self._done = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> None:
        self._tasks.create_task(self._hold())
        await self._held.wait()

    async def __aexit__(self, *error: object) -> None:
        self._done.set()

    async def _hold(self) -> None:
        async with self._db.session(read_only=True):
            self._held.set()
            await self._done.wait()


@pytest.mark.parametrize("step", range(8))
async def test_a_task_cancelled_while_it_connects_takes_no_connection(
    database_url: str, step: int
) -> None:
    async with Database(database_url, pool_size=1, pool_timeout=5) as db:
        task: asyncio.Future[Any] = asyncio.ensure_future(db.execute(sa.text("SELECT 1")))
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

        assert checked_out(db) == 0
        assert await db.execute(sa.text("SELECT 1")) == [(1,)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_task_cancelled_while_it_waits_for_the_writer_does_not_write(
    db: Database,
) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with db.session() as session:
            begun.set()
            await Repository(Visit, session).add(Visit(place="Oslo"))

    async with db.session() as session:
        await Repository(Visit, session).add(Visit(place="Rome"))
        task = asyncio.ensure_future(write())
        await begun.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        ended_while_waiting = task.done()
    await asyncio.wait({task})

    assert ended_while_waiting
    assert [visit.place for visit in await Repository(Visit, db).all()] == ["Rome"]
