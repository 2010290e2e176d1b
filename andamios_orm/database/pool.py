"""The connections of one database, and the rules for handing them out."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Dialect, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from andamios_orm import observe
from andamios_orm.backends.base import Backend, Capabilities
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.database.connection import DriverConnection, translated
from andamios_orm.database.limits import Limits
from andamios_orm.database.writers import WriterQueue, queue_for
from andamios_orm.errors import (
    DatabaseError,
    DatabaseUnavailable,
    NotSupported,
    SessionMisuse,
    WrongType,
)
from andamios_orm.rows.plan import PIECE, Plan, PlanCache, decoded, plans_of
from andamios_orm.schema.columns import text_json_dialects
from andamios_orm.schema.registry import default_metadata

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

__all__ = ["Pool", "Writers"]

R = TypeVar("R")

Writers: TypeAlias = Literal["serial", "concurrent"]
"""Whether this program's writers take turns or write at the same time."""


class Pool:
    """Owns the SQLAlchemy engine, knows which task has a session, and belongs to one loop."""

    def __init__(
        self,
        url: URL,
        backend: Backend,
        *,
        size: int,
        timeout: float,
        metadata: sa.MetaData = default_metadata,
        writers: Writers | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.backend = backend
        self.limits = limits or Limits()
        key = backend.writer_key(url)
        self._queue = None if key is None or writers == "concurrent" else queue_for(key)
        self.capabilities = _capabilities(backend, writers, queued=key is not None)
        self._metadata = metadata
        self._in_memory = backend.is_in_memory(url)
        self._options = backend.engine_options(url, size)
        self._timeout = timeout
        self._engine = self._new_engine()
        self.plans: Final[PlanCache] = plans_of(self._engine.dialect)
        """The plans compiled for this engine."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owners: set[asyncio.Task[Any]] = set()
        # By what reads them, which is kept from the garbage collector: it would take the connection
        # before the stream could give it back.
        self._streaming: dict[object, asyncio.Task[Any] | None] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._readers = self._new_readers()
        self._open = 0
        # The one that was used last is the next to go: it is the most awake.
        self._idle: list[DriverConnection] = []
        self._waiting: deque[asyncio.Future[DriverConnection | None]] = deque()
        # A database that nobody disposed of leaves its connections as SQLAlchemy wants them. They
        # know the engine, so what listens to that must not know the pool, which would never end.
        weakref.finalize(self, _return_all, self._idle)

    def _new_engine(self) -> AsyncEngine:
        # Loaded when a database is opened, not when the library is imported.
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - its first use

        engine = create_async_engine(
            self._options.url,
            # Transactions are begun and ended by Session, on the driver; SQLAlchemy's own would
            # cost a BEGIN and a ROLLBACK round trip around every read.
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
            poolclass=sa.pool.AsyncAdaptedQueuePool,
            pool_size=self._options.pool_size,
            # It only opens connections; waiting for one, and for how long, is our own affair.
            max_overflow=0,
            hide_parameters=True,
            # JSON columns stay text up to pydantic, which parses and types them in one step.
            json_deserializer=str,
            connect_args=dict(self._options.connect_args),
        )
        text_json_dialects.add(engine.dialect)
        self.backend.prepare_engine(engine.sync_engine, in_memory=self._in_memory)
        event.listen(engine.sync_engine, "handle_error", _stop_cancelled(self.backend))
        # Plans are observed where they run; this is for statements that SQLAlchemy runs.
        event.listen(engine.sync_engine, "before_cursor_execute", _started)
        event.listen(engine.sync_engine, "after_cursor_execute", _finished)
        return engine

    def _new_readers(self) -> asyncio.Semaphore | None:
        """Return what lets few reads run at once, which like the connections is of one loop."""
        most = self.backend.reads_at_once
        return None if most is None or most >= self._options.pool_size else asyncio.Semaphore(most)

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of this engine."""
        return self._engine.dialect

    @property
    def database_name(self) -> str:
        """The file or database, for messages; never user, password or host."""
        return self._options.url.database or "(memory)"

    @property
    def in_use(self) -> int:
        """How many connections are taken, or being opened."""
        return self._open - len(self._idle)

    # -- one event loop

    def bind_loop(self) -> None:
        """Remember the running loop at the first use, and refuse any other: SessionMisuse."""
        running = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = running
        elif self._loop is not running:
            raise SessionMisuse(
                "this database is in use by another event loop, and its connections work only"
                " there",
                "make one Database per event loop, or `await database.dispose()` in the first"
                " loop before the next one starts",
            )

    async def dispose(self) -> None:
        """Close all connections and forget the loop. Raises SessionMisuse."""
        if self._loop is not None:
            self.bind_loop()
        if self._later:
            await asyncio.wait(self._later)
        if busy := max(len(self._owners) + len(self._streaming), self.in_use):
            raise SessionMisuse(
                f"{busy} session(s) or statement(s) of this database are not finished",
                "leave every `async with database.session()` block, and await every call, before"
                " dispose()",
            )
        _return_all(self._idle)
        self._open = 0
        await to_its_end(self._engine.dispose())
        self._readers = self._new_readers()
        self._loop = None

    # -- one session per task

    def enter(self, *, beside: object = None) -> asyncio.Task[Any]:
        """Note that the running task opens a session, and return the task.

        Raises SessionMisuse if it has one open already; `beside` that, another may read a stream,
        if there is more than one connection.
        """
        self.bind_loop()
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        if beside is None or self._is_single:
            self._refuse_second(task)
        self._refuse_beside_stream(task)
        if beside is None:
            self._owners.add(task)
        else:
            self._streaming[beside] = task
        return task

    def leave(self, task: asyncio.Task[Any], session: object) -> None:
        """Note that the task's session is closed."""
        if session in self._streaming:
            del self._streaming[session]
        else:
            self._owners.discard(task)

    def leave_later(self, session: object) -> None:
        """Note that nobody reads an open stream any more, so its connection can be waited for."""
        self._streaming[session] = None

    @property
    def _is_single(self) -> bool:
        return self._options.pool_size == 1

    def _refuse_beside_stream(self, task: asyncio.Task[Any]) -> None:
        if self._is_single and task in self._streaming.values():
            raise SessionMisuse(
                "a stream that this task reads has the only connection of this database",
                "read it to its end first, or leave it (`contextlib.aclosing`); raise pool_size=,"
                " or stream in a session, and use that for the other statements too",
            )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Have a task of its own do what the caller cannot wait for."""
        loop = cast("asyncio.AbstractEventLoop", self._loop)

        def begin() -> None:
            task = loop.create_task(work)
            self._later.add(task)
            task.add_done_callback(self._later.discard)

        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            # At once, so that who closes the database next waits for it.
            begin()
            return
        try:
            loop.call_soon_threadsafe(begin)
        except RuntimeError:
            work.close()  # the loop is closed, and with it all that could be done

    def refuse_waiting_for_itself(self, *, writes: bool) -> None:
        """Refuse a statement that would wait for a session of the same task: SessionMisuse."""
        self.bind_loop()
        single = self._is_single or (writes and not self.capabilities.concurrent_writers)
        if self._owners and single:
            self._refuse_second(cast("asyncio.Task[Any]", asyncio.current_task()))
        if self._streaming:
            self._refuse_beside_stream(cast("asyncio.Task[Any]", asyncio.current_task()))

    def _refuse_second(self, task: asyncio.Task[Any]) -> None:
        if task in self._owners:
            raise SessionMisuse(
                "this task has a session of this database open already; a second connection could"
                " wait for the first for ever",
                "pass the open session on: `Repository(Model, session)` works inside it, and"
                " `session.session()` joins its transaction",
            )

    # -- one writer at a time

    async def take_turn(self) -> bool:
        """Wait until this program's other writers are done; whether there is a turn to give back.

        It comes before the connection: who waits for a turn must not hold one that a reader, or
        the writer whose turn it is, could use. Raises DatabaseUnavailable if it takes longer than
        the pool's time-out.
        """
        if self._queue is None:
            return False
        try:
            async with asyncio.timeout(self._timeout):
                await self._queue.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                f"another session of this program has been writing for {self._timeout:g} seconds,"
                f" and {self.backend.name} has one writer at a time",
                "end sessions sooner, open those that only read with read_only=True, or raise"
                " pool_timeout=",
            ) from None
        return True

    def give_turn_back(self) -> None:
        """Let the next writer begin, after `take_turn` has returned True."""
        cast("WriterQueue", self._queue).release()

    @asynccontextmanager
    async def turn(self, *, writes: bool) -> AsyncIterator[None]:
        """One statement's turn to write; nothing for one that reads."""
        taken = writes and await self.take_turn()
        try:
            yield
        finally:
            if taken:
                self.give_turn_back()

    # -- connections

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
        """Run a plan on a connection of its own and return its decoded result.

        Raises NotStorable before any SQL, DatabaseError, SessionMisuse, InvalidRow.
        """
        parameters = plan.bind(values)
        if self._owners or self._streaming or self._loop is not asyncio.get_running_loop():
            self.refuse_waiting_for_itself(writes=plan.writes)
        turn = plan.writes and self._queue is not None and await self.take_turn()
        # A write may have to wait for another, and must not keep reads from going on meanwhile.
        readers = None if plan.writes else self._readers
        try:
            if readers is not None:
                await self._enter_readers(readers)
            try:
                # take() and give_back() without a coroutine of their own, for the usual case.
                if self._idle and self._idle[-1].is_usable():
                    connection = self._idle.pop()
                else:
                    connection = await self.take()
                try:
                    rows = await connection.fetch(plan, parameters)
                finally:
                    if self._waiting or not connection.is_usable():
                        await self.give_back(connection)
                    else:
                        self._idle.append(connection)
            finally:
                if readers is not None:
                    readers.release()
        finally:
            if turn:
                self.give_turn_back()
        return plan.decode(rows) if len(rows) <= PIECE else await decoded(plan, rows)

    async def run(self, plan: Plan[R], parameters: Sequence[object]) -> int:
        """Run a plan on a connection of its own and return how many rows it changed.

        Raises DatabaseError, SessionMisuse.
        """
        self.refuse_waiting_for_itself(writes=plan.writes)
        turn = plan.writes and await self.take_turn()
        try:
            connection = await self.take()
            try:
                return await connection.run(plan, parameters)
            finally:
                await self.give_back(connection)
        finally:
            if turn:
                self.give_turn_back()

    async def _enter_readers(self, readers: asyncio.Semaphore) -> None:
        """Wait until fewer statements run at once. Raises DatabaseUnavailable."""
        if not readers.locked():
            await readers.acquire()
            return
        try:
            async with asyncio.timeout(self._timeout):
                await readers.acquire()
        except TimeoutError:
            raise DatabaseUnavailable(
                f"{self.backend.reads_at_once} other reads, as many as run at once on"
                f" {self.backend.name}, took {self._timeout:g} seconds",
                "ask for less at once, read inside a session, or raise pool_timeout=",
            ) from None

    async def take(self) -> DriverConnection:
        """Take a connection until it is given back. Raises DatabaseUnavailable."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable():
                return connection
            # The server was restarted, say.
            await self.close(connection)
        if self._open < self._options.pool_size:
            self._open += 1
            return await self._opened()
        return await self._handed_over() or await self._opened()

    async def warm_up(self, connections: int) -> None:
        """Have that many connections open, or as many as may be. Raises DatabaseUnavailable."""
        self.bind_loop()
        self._refuse_second(cast("asyncio.Task[Any]", asyncio.current_task()))
        async with AsyncExitStack() as taken:
            for _ in range(min(connections, self._options.pool_size)):
                taken.push_async_callback(self.give_back, await self.take())

    async def give_back(self, connection: DriverConnection) -> None:
        """Let others have the connection, or close one whose state is unknown."""
        if not connection.is_usable():
            await self.close(connection)
        elif not (self._waiting and self._hand_over(connection)):
            self._idle.append(connection)

    def sqlalchemy(self, connection: DriverConnection) -> AsyncConnection:
        """Return SQLAlchemy's connection around one that was taken; there is nothing to close."""
        from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: PLC0415 - the engine has it

        inner = _LentConnection(self._engine.sync_engine, connection=connection.pooled)
        return AsyncConnection(self._engine, inner)

    async def _opened(self) -> DriverConnection:
        """Open a connection in a place that `_open` counts already."""
        try:
            # In a greenlet, which is why it is done once per connection and not per statement.
            pooled = await self._engine.raw_connection()
        except BaseException as error:
            self._free_place()
            if isinstance(error, Exception):
                raise translated(error, self.backend, self.dialect) from None
            raise
        return DriverConnection(
            pooled.driver_connection, self.backend, self.dialect, self._metadata, pooled
        )

    async def _handed_over(self) -> DriverConnection | None:
        """Wait for another's connection, or None for its place, in which to open one.

        Raises DatabaseUnavailable if it takes longer than the pool's time-out.
        """
        future: asyncio.Future[DriverConnection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(self._timeout):
                return await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                # It came in the moment in which the wait ended.
                connection = future.result()
                if connection is None:
                    self._free_place()
                elif not self._hand_over(connection):
                    self._idle.append(connection)
            if isinstance(error, TimeoutError):
                raise DatabaseUnavailable(
                    f"all {self._options.pool_size} connections were in use for"
                    f" {self._timeout:g} seconds",
                    "end sessions sooner, or raise pool_size=",
                ) from None
            raise

    def _hand_over(self, connection: DriverConnection | None) -> bool:
        """Give a connection, or the place of one, to who waits longest; False if nobody does."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return True
        return False

    async def close(self, connection: DriverConnection) -> None:
        """Close a connection that was taken, instead of giving it back."""
        try:
            await to_its_end(_discarded(cast("PoolProxiedConnection", connection.pooled)))
        finally:
            self._free_place()

    def _free_place(self) -> None:
        """Have who waits longest open a connection, where one is gone."""
        if not self._hand_over(None):
            self._open -= 1

    @asynccontextmanager
    async def connected(
        self, *, writes: bool
    ) -> AsyncIterator[tuple[AsyncConnection, DriverConnection]]:
        """Take a connection for one block: SQLAlchemy's, and the driver's inside it.

        Raises DatabaseUnavailable.
        """
        async with self.turn(writes=writes):
            connection = await self.take()
            try:
                yield self.sqlalchemy(connection), connection
            finally:
                try:
                    if not connection.is_usable():
                        # A BEGIN written by hand, say. In memory the connection is the data.
                        with suppress(DatabaseError):
                            await to_its_end(connection.command("ROLLBACK"))
                finally:
                    await self.give_back(connection)


class _LentConnection(sa.Connection):
    """SQLAlchemy's connection around one that somebody else gives back."""

    def close(self) -> None:
        """Do nothing: SQLAlchemy would hand an open transaction to the next caller."""


def _stop_cancelled(backend: Backend) -> Callable[[ExceptionContext], None]:
    """Return what stops a cancelled statement and keeps its connection.

    SQLAlchemy would drop it. The only connection of an in-memory database is its data.
    """

    def stop(context: ExceptionContext) -> None:
        connection = context.connection
        if isinstance(context.original_exception, asyncio.CancelledError) and connection:
            context.is_disconnect = False
            driver = connection.connection.driver_connection
            # Cancelled again: the first CancelledError is on its way.
            with suppress(asyncio.CancelledError):
                await_only(to_its_end(backend.interrupt(driver)))

    return stop


async def _discarded(pooled: PoolProxiedConnection) -> None:
    # Closing talks to the driver, which SQLAlchemy does inside a greenlet.
    if pooled.is_valid:
        await greenlet_spawn(pooled.invalidate)
    pooled.close()


def _return_all(idle: list[DriverConnection]) -> None:
    """Give connections to SQLAlchemy's pool, which closes them or leaves them to their drivers."""
    while idle:
        cast("PoolProxiedConnection", idle.pop().pooled).close()


def _capabilities(backend: Backend, writers: Writers | None, *, queued: bool) -> Capabilities:
    """Return what a database offers whose writers take turns or do not. Raises NotSupported."""
    if writers not in (None, "serial", "concurrent"):
        raise WrongType(
            "writers= takes one of two words", 'pass "serial" or "concurrent", or leave it out'
        )
    found = backend.capabilities
    if writers == "concurrent" and queued:
        return backend.joined_capabilities
    if writers is not None and found.concurrent_writers != (writers == "concurrent"):
        does = (
            "keeps transactions apart by itself" if found.concurrent_writers else "has one writer"
        )
        raise NotSupported(f'{backend.name} {does}, not writers="{writers}"', "leave writers= out")
    return found


def _started(connection: sa.Connection, *statement: object) -> None:
    if observe.observers:
        connection.info["andamios_started"] = time.perf_counter()


def _finished(
    connection: sa.Connection,
    cursor: DBAPICursor,
    sql: str,
    parameters: object,
    context: object,
    many: bool,
) -> None:
    started = connection.info.pop("andamios_started", None)
    if started is not None:
        seconds = time.perf_counter() - started
        observe.publish(observe.StatementRun(sql=sql, seconds=seconds, rows=cursor.rowcount))
