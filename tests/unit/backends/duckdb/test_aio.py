"""The async connection: its thread, and what a cancellation leaves behind."""

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import duckdb
import pytest

from andamios_orm.backends.duckdb import driver, worker
from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.worker import Worker

# Weeks, on any machine. The condition keeps DuckDB from knowing the answer.
ENDLESS = "SELECT count(*) FROM range(1_000_000_000_000_000) AS r(n) WHERE n % 7 = 3"


@pytest.fixture
async def connection() -> AsyncIterator[AsyncConnection]:
    connection = await AsyncConnection.connect()
    await connection.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    yield connection
    await connection.close()


async def begun(worker: Worker) -> None:
    """Wait until the thread has taken a call up."""
    while not any(job.begun for job in worker._pending):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "andamios-duckdb"]


def ended(thread: threading.Thread) -> bool:
    thread.join(timeout=30)
    return not thread.is_alive()


# ---- statements ----------------------------------------------------------------------------------


async def test_statements_give_what_the_driver_gives(connection: AsyncConnection) -> None:
    assert await connection.run("INSERT INTO t VALUES ($1), ($2)", [1, 2]) == 2
    assert await connection.run_many("INSERT INTO t VALUES ($1)", [(3,), (4,)]) == 2
    assert await connection.fetch("SELECT * FROM t WHERE id > $1 ORDER BY id", [2]) == [(3,), (4,)]
    count, description, rows = await connection.result("SELECT 1 AS one")
    assert (count, [column[0] for column in description or ()], rows) == (1, ["one"], [(1,)])
    assert await connection.call(lambda raw, n: raw.execute("SELECT $1", [n]).fetchall(), 5) == [
        (5,)
    ]


async def test_an_error_comes_as_duckdb_raised_it(connection: AsyncConnection) -> None:
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        await connection.fetch("SELECT * FROM nowhere")


async def test_an_iterators_end_in_a_call_does_not_block_for_ever(
    connection: AsyncConnection,
) -> None:
    def stop(raw: duckdb.DuckDBPyConnection) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await connection.call(stop)


async def test_the_event_loop_runs_on_while_a_statement_works(connection: AsyncConnection) -> None:
    working = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)

    for _ in range(100):
        await asyncio.sleep(0)

    assert not working.done()
    working.cancel()
    await asyncio.wait({working})


# ---- transactions --------------------------------------------------------------------------------


async def test_a_transaction_that_ran_nothing_does_not_trouble_the_thread(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("the thread was asked")

    monkeypatch.setattr(connection._worker, "do", refused)
    connection.begin()
    assert connection.in_transaction
    assert await connection.commit()
    connection.begin()
    await connection.rollback()

    assert not connection.in_transaction


async def test_commit_says_whether_it_did(connection: AsyncConnection) -> None:
    connection.begin()
    await connection.run("INSERT INTO t VALUES (1)")
    assert await connection.commit()

    connection.begin()
    await connection.run("INSERT INTO t VALUES (2)")
    with pytest.raises(duckdb.ConstraintException):
        await connection.run("INSERT INTO t VALUES (1)")
    assert connection.aborted
    assert not await connection.commit()

    assert (connection.in_transaction, connection.aborted) == (False, False)
    assert await connection.fetch("SELECT id FROM t") == [(1,)]


# ---- cancellation --------------------------------------------------------------------------------


async def test_a_cancelled_statement_stops_and_the_connection_goes_on(
    connection: AsyncConnection,
) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    # At once: nothing is behind it in the queue.
    assert await connection.fetch("SELECT 1") == [(1,)]


async def test_a_statement_cancelled_before_it_began_never_runs(
    connection: AsyncConnection,
) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)
    waiting = asyncio.create_task(connection.run("INSERT INTO t VALUES (1)"))
    await asyncio.sleep(0)

    waiting.cancel()
    # It does not wait for the statement before it.
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not running.done()

    running.cancel()
    await asyncio.wait({running})
    assert await connection.fetch("SELECT * FROM t") == []


async def test_a_second_cancellation_does_not_leave_the_statement_behind(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = asyncio.Event()
    loop = asyncio.get_running_loop()
    may_end = threading.Event()

    def stubborn(raw: duckdb.DuckDBPyConnection) -> str:
        loop.call_soon_threadsafe(inside.set)
        may_end.wait(30)
        return "ended"

    running = asyncio.create_task(connection.call(stubborn))
    await inside.wait()
    for _ in range(3):
        running.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not running.done()

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await connection.fetch("SELECT 1") == [(1,)]


async def test_a_cancelled_statement_of_a_transaction_ends_it(connection: AsyncConnection) -> None:
    connection.begin()
    await connection.run("INSERT INTO t VALUES (1)")
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)
    running.cancel()
    await asyncio.wait({running})

    assert connection.aborted
    assert not await connection.commit()
    assert await connection.fetch("SELECT * FROM t") == []


async def test_a_cancelled_commit_comes_to_its_end(connection: AsyncConnection) -> None:
    connection.begin()
    await connection.run("INSERT INTO t VALUES (1)")
    committing = asyncio.create_task(connection.commit())
    await asyncio.sleep(0)

    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing

    assert not connection.in_transaction
    assert await connection.fetch("SELECT * FROM t") == [(1,)]


async def test_interrupt_stops_what_runs_and_skips_what_waits(connection: AsyncConnection) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    waiting = asyncio.create_task(connection.run("INSERT INTO t VALUES (1)"))
    await begun(connection._worker)

    await connection.interrupt()

    assert not connection._worker._pending or not connection._worker._pending[0].begun
    with pytest.raises(duckdb.InterruptException):
        await running
    with pytest.raises(duckdb.InterruptException, match="before it began"):
        await waiting
    assert await connection.fetch("SELECT * FROM t") == []


async def test_interrupt_on_an_idle_connection_does_nothing(connection: AsyncConnection) -> None:
    await connection.interrupt()

    assert await connection.fetch("SELECT 1") == [(1,)]


async def test_a_cancelled_interrupt_still_waits(connection: AsyncConnection) -> None:
    inside = asyncio.Event()
    loop = asyncio.get_running_loop()
    may_end = threading.Event()

    def stubborn(raw: duckdb.DuckDBPyConnection) -> None:
        loop.call_soon_threadsafe(inside.set)
        may_end.wait(30)

    running = asyncio.create_task(connection.call(stubborn))
    await inside.wait()
    interrupting = asyncio.create_task(connection.interrupt())
    await asyncio.sleep(0)
    interrupting.cancel()
    await asyncio.sleep(0)
    assert not interrupting.done()

    may_end.set()
    await asyncio.wait({interrupting})

    assert interrupting.cancelled()
    await running


async def test_interrupt_may_come_from_another_event_loop(connection: AsyncConnection) -> None:
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)

    other = threading.Thread(target=lambda: asyncio.run(connection.interrupt()))
    other.start()

    with pytest.raises(duckdb.InterruptException):
        await running
    other.join()


class Deaf:
    """A call that only the third interrupt ends, as one does that had not really begun."""

    def __init__(self) -> None:
        self.interrupts = 0
        self._heard = threading.Event()

    def __call__(self) -> str:
        return "heard" if self._heard.wait(30) else "never heard"

    def interrupt(self) -> None:
        self.interrupts += 1
        if self.interrupts == 3:
            self._heard.set()


async def test_an_interrupt_that_was_not_heard_is_repeated() -> None:
    worker, call = Worker(), Deaf()
    running = asyncio.create_task(worker.do(call, interrupt=call.interrupt))
    await begun(worker)

    await worker.interrupt()
    worker.stop()

    assert await running == "heard"
    # Until the thread has told that the call is over there may be more.
    assert call.interrupts >= 3


async def test_the_interrupt_of_a_termination_is_repeated() -> None:
    worker, call, ended_with = Worker(), Deaf(), list[str]()
    running = asyncio.create_task(worker.do(call, interrupt=call.interrupt))
    await begun(worker)

    worker.terminate(lambda: ended_with.append("the last call"))

    assert await running == "heard"
    assert [ended(thread) for thread in threads()] == [True] * len(threads())
    assert ended_with == ["the last call"]


# ---- the ends ------------------------------------------------------------------------------------


async def test_close_ends_the_thread_and_what_comes_after_is_refused() -> None:
    before = set(threads())
    connection = await AsyncConnection.connect()
    [thread] = set(threads()) - before
    await connection.close()
    await connection.close()

    assert connection.is_closed
    assert ended(thread)
    with pytest.raises(driver.InterfaceError, match="closed"):
        await connection.fetch("SELECT 1")


async def test_close_waits_for_the_statements_before_it(connection: AsyncConnection) -> None:
    writing = asyncio.create_task(connection.run("INSERT INTO t VALUES (1)"))
    await asyncio.sleep(0)

    await connection.close()

    assert await writing == 1


async def test_terminate_stops_what_runs_without_waiting() -> None:
    before = set(threads())
    connection = await AsyncConnection.connect()
    [thread] = set(threads()) - before
    running = asyncio.create_task(connection.fetch(ENDLESS))
    await begun(connection._worker)

    connection.terminate()
    connection.terminate()

    assert connection.is_closed
    with pytest.raises(duckdb.InterruptException):
        await running
    assert ended(thread)


async def test_a_connection_that_nobody_holds_ends_its_thread_and_frees_the_file(
    tmp_path: Path,
) -> None:
    file = str(tmp_path / "t.duckdb")
    before = set(threads())
    connection = await AsyncConnection.connect(file)
    [thread] = set(threads()) - before

    del connection
    await asyncio.sleep(0)  # the event loop holds what it brought last
    gc.collect()

    assert ended(thread)
    # With another configuration it could not be opened if it still was open.
    other = await AsyncConnection.connect(file, config={"threads": "1"})
    await other.close()


async def test_what_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threads())
    with pytest.raises(duckdb.IOException):
        await AsyncConnection.connect(str(tmp_path / "nowhere" / "t.duckdb"))
    gc.collect()

    for thread in set(threads()) - before:
        assert ended(thread)


async def test_a_cancelled_opening_leaves_nothing_open(tmp_path: Path) -> None:
    file = str(tmp_path / "t.duckdb")
    before = set(threads())
    opening = asyncio.create_task(AsyncConnection.connect(file))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    del opening
    await asyncio.sleep(0)  # the event loop holds what it brought last
    gc.collect()

    for thread in set(threads()) - before:
        assert ended(thread)
    other = await AsyncConnection.connect(file, config={"threads": "1"})
    await other.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_is_gone_does_not_stop_the_thread() -> None:
    may_end = threading.Event()

    async def leave_behind() -> AsyncConnection:
        connection = await AsyncConnection.connect()
        inside = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(raw: duckdb.DuckDBPyConnection) -> None:
            loop.call_soon_threadsafe(inside.set)
            may_end.wait(30)

        left.append(asyncio.ensure_future(connection.call(slow)))
        await inside.wait()
        return connection

    left: list[asyncio.Future[None]] = []
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(leave_behind())
    loop.close()
    may_end.set()

    async def go_on() -> list[driver.Row]:
        rows = await connection.fetch("SELECT 1")
        await connection.close()
        return rows

    assert asyncio.run(go_on()) == [(1,)]


async def test_every_thread_has_left_before_the_program_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: WeakKeyDictionary[threading.Thread, Any] = WeakKeyDictionary()
    monkeypatch.setattr(worker, "_threads", threads)
    begun, stopped = threading.Event(), threading.Event()

    def busy() -> bool:
        begun.set()
        return stopped.wait(60)

    one = worker.Worker()
    running = asyncio.ensure_future(one.do(busy, interrupt=stopped.set))
    waiting = asyncio.ensure_future(one.do(int))
    await asyncio.to_thread(begun.wait, 60)

    await asyncio.to_thread(worker._let_end)

    assert await running
    assert await waiting == 0
    assert not any(thread.is_alive() for thread in threads)
