"""The connections of one database, and the rules for handing them out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Dialect, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import await_only, greenlet_spawn

from andamios_orm import observe
from andamios_orm.backends.base import Backend, Capabilities
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.database.connection import DriverConnection, translated
from andamios_orm.database.writers import WriterQueue, queue_for
from andamios_orm.errors import (
    DatabaseError,
    DatabaseUnavailable,
    NotSupported,
    SessionMisuse,
    WrongType,
)
from andamios_orm.schema.columns import text_json_dialects
from andamios_orm.schema.registry import default_metadata

__all__ = ["Pool", "Writers"]

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
    ) -> None:
        self.backend = backend
        key = backend.writer_key(url)
        self._queue = None if key is None or writers == "concurrent" else queue_for(key)
        self.capabilities = _capabilities(backend, writers, queued=key is not None)
        self._metadata = metadata
        self._in_memory = backend.is_in_memory(url)
        self._options = backend.engine_options(url, size)
        self._timeout = timeout
        self._engine = self._new_engine()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owners: set[asyncio.Task[Any]] = set()

    def _new_engine(self) -> AsyncEngine:
        engine = create_async_engine(
            self._options.url,
            # Transactions are begun and ended by Session, on the driver; SQLAlchemy's own would
            # cost a BEGIN and a ROLLBACK round trip around every read.
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
            poolclass=sa.pool.AsyncAdaptedQueuePool,
            pool_size=self._options.pool_size,
            max_overflow=0,
            pool_timeout=self._timeout,
            hide_parameters=True,
            # JSON columns stay text up to pydantic, which parses and types them in one step.
            json_deserializer=str,
            connect_args=dict(self._options.connect_args),
        )
        text_json_dialects.add(engine.dialect)
        self.backend.prepare_engine(engine.sync_engine, in_memory=self._in_memory)
        event.listen(engine.sync_engine, "checkout", self._refuse_lost)
        event.listen(engine.sync_engine, "handle_error", self._stop_cancelled)
        # Plans are observed where they run; this is for statements that SQLAlchemy runs.
        event.listen(engine.sync_engine, "before_cursor_execute", _started)
        event.listen(engine.sync_engine, "after_cursor_execute", _finished)
        return engine

    def _refuse_lost(
        self, adapter: object, record: ConnectionPoolEntry, proxy: PoolProxiedConnection
    ) -> None:
        """Have the pool replace all connections when one was lost: the server restarted."""
        if not self.backend.is_usable(record.driver_connection):
            raise sa.exc.InvalidatePoolError

    def _stop_cancelled(self, context: ExceptionContext) -> None:
        """Stop a cancelled statement and keep its connection, where SQLAlchemy would drop it.

        The only connection of an in-memory database is its data.
        """
        connection = context.connection
        if isinstance(context.original_exception, asyncio.CancelledError) and connection:
            context.is_disconnect = False
            driver = connection.connection.driver_connection
            # Cancelled again: the first CancelledError is on its way.
            with suppress(asyncio.CancelledError):
                await_only(to_its_end(self.backend.interrupt(driver)))

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of this engine."""
        return self._engine.dialect

    @property
    def database_name(self) -> str:
        """The file or database, for messages; never user, password or host."""
        return self._options.url.database or "(memory)"

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
        pool = cast("sa.pool.AsyncAdaptedQueuePool", self._engine.pool)
        if busy := max(len(self._owners), pool.checkedout()):
            raise SessionMisuse(
                f"{busy} session(s) or statement(s) of this database are not finished",
                "leave every `async with database.session()` block, and await every call, before"
                " dispose()",
            )
        await to_its_end(self._engine.dispose())
        self._loop = None

    # -- one session per task

    def enter(self) -> asyncio.Task[Any]:
        """Note that the running task opens a session, and return the task.

        Raises SessionMisuse if it has one open already.
        """
        self.bind_loop()
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._refuse_second(task)
        self._owners.add(task)
        return task

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Note that the task's session is closed."""
        self._owners.discard(task)

    def refuse_waiting_for_itself(self, *, writes: bool) -> None:
        """Refuse a statement that would wait for a session of the same task: SessionMisuse."""
        self.bind_loop()
        single = self._options.pool_size == 1 or (
            writes and not self.capabilities.concurrent_writers
        )
        if self._owners and single:
            self._refuse_second(cast("asyncio.Task[Any]", asyncio.current_task()))

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

    async def connect(self) -> tuple[AsyncConnection, DriverConnection]:
        """Take a connection until it is closed: SQLAlchemy's, and the driver's inside it.

        Raises DatabaseUnavailable.
        """
        try:
            connection = await self._engine.connect()
        except Exception as error:
            raise self._unavailable(error) from None
        raw = await connection.get_raw_connection()
        return connection, self._wrapped(raw.driver_connection)

    @asynccontextmanager
    async def connected(
        self, *, writes: bool
    ) -> AsyncIterator[tuple[AsyncConnection, DriverConnection]]:
        """Take a connection for one block. Raises DatabaseUnavailable."""
        async with self.turn(writes=writes), self._connected() as connections:
            yield connections

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[AsyncConnection, DriverConnection]]:
        sqlalchemy, connection = await self.connect()
        try:
            yield sqlalchemy, connection
        finally:
            if not connection.is_usable():
                # A BEGIN written by hand, say. In memory the connection is the data.
                with suppress(DatabaseError):
                    await to_its_end(connection.command("ROLLBACK"))
            if not connection.is_usable():
                await to_its_end(sqlalchemy.invalidate())
            await to_its_end(sqlalchemy.close())

    @asynccontextmanager
    async def lease(self, *, writes: bool) -> AsyncIterator[DriverConnection]:
        """Take a connection for one statement. Raises DatabaseUnavailable, SessionMisuse."""
        self.refuse_waiting_for_itself(writes=writes)
        taken = writes and await self.take_turn()
        try:
            pooled = await self._pooled()
            connection = self._wrapped(pooled.driver_connection)
            try:
                yield connection
            finally:
                if not connection.is_usable():
                    # Closing talks to the driver, which SQLAlchemy does inside a greenlet.
                    await to_its_end(greenlet_spawn(pooled.invalidate))
                pooled.close()
        finally:
            if taken:
                self.give_turn_back()

    async def _pooled(self) -> PoolProxiedConnection:
        try:
            return await self._engine.raw_connection()
        except Exception as error:
            raise self._unavailable(error) from None

    def _wrapped(self, driver: Any) -> DriverConnection:
        return DriverConnection(driver, self.backend, self.dialect, self._metadata)

    def _unavailable(self, error: Exception) -> BaseException:
        if isinstance(error, sa.exc.TimeoutError):
            return DatabaseUnavailable(
                f"all {self._options.pool_size} connections were in use for {self._timeout:g}"
                " seconds",
                "end sessions sooner, or raise pool_size=",
            )
        return translated(error, self.backend, self.dialect)


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
