"""`Session`: one transaction, from the first statement to commit or rollback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from typing_extensions import ParamSpec, TypeVarTuple

from andamios_orm.backends.base import Capabilities
from andamios_orm.database.connection import DriverConnection, executed, translated
from andamios_orm.database.pool import Pool
from andamios_orm.database.source import Source, plans_of
from andamios_orm.errors import AndamiosError, DatabaseError, SessionMisuse, TransactionAborted
from andamios_orm.rows.plan import Plan, PlanCache

if TYPE_CHECKING:
    from sqlalchemy import Executable, Row
    from sqlalchemy.sql.selectable import TypedReturnsRows

__all__ = ["Session"]

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Session:
    """One transaction of one task. Made by `Database.session()`, used with `async with`.

    BEGIN is sent with the first statement. The block's end commits, an exception rolls back.
    After a statement failed, the session takes no more of them and does not commit, whatever the
    engine: what should survive a failure goes into a `savepoint()`.
    """

    def __init__(self, pool: Pool, *, read_only: bool = False) -> None:
        self._pool = pool
        self._task: asyncio.Task[Any] | None = None
        self._read_only = read_only
        self._sqlalchemy: AsyncConnection | None = None
        self._connection: DriverConnection | None = None
        self._begun = False
        self._aborted = False
        self._busy = False
        self._savepoints = 0

    # -- the block

    async def __aenter__(self) -> Self:
        if self._connection is not None:
            raise SessionMisuse(
                "this session is open already",
                "join it with `async with session.session():`, or ask the database for another",
            )
        self._task = self._pool.enter()
        try:
            self._sqlalchemy, self._connection = await self._pool.connect()
        except BaseException:
            self._pool.leave(self._task)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self._commit()
        finally:
            # Also after a failed commit: then the transaction may still be open.
            await _to_its_end(self._close())

    async def _close(self) -> None:
        sqlalchemy, connection = self._sqlalchemy, self._connection
        self._sqlalchemy = self._connection = None
        if self._task is not None:
            self._pool.leave(self._task)
        if sqlalchemy is None or connection is None:
            return
        if self._begun and not await self._rolled_back(connection):
            # Its state is unknown, so nobody else gets it.
            await sqlalchemy.invalidate()
        await sqlalchemy.close()

    async def _rolled_back(self, connection: DriverConnection) -> bool:
        try:
            await asyncio.wait_for(connection.command("ROLLBACK"), timeout=_ROLLBACK_SECONDS)
        except (AndamiosError, TimeoutError):
            # The error that led here matters more to the caller than this one.
            return False
        finally:
            self._begun = False
        return True

    # -- transactions

    async def commit(self) -> None:
        """Commit what was done so far; the next statement begins another transaction.

        Raises TransactionAborted if a statement failed before, and DatabaseError.
        """
        with self._use():
            await self._commit()

    async def rollback(self) -> None:
        """Undo what was done so far; the next statement begins another transaction."""
        with self._use() as connection:
            if self._begun:
                await connection.command("ROLLBACK")
            self._begun = self._aborted = False

    async def _commit(self) -> None:
        connection = self._open()
        if self._aborted:
            raise TransactionAborted(
                "a statement of this transaction failed, and its error was caught inside the"
                " session; nothing was committed",
                "let the error leave the session, or put the statement that may fail into"
                " `async with session.savepoint():`",
            )
        if not self._begun:
            return
        if not await _to_its_end(connection.commit()):
            self._begun = False
            raise TransactionAborted(
                "the database rolled the transaction back instead of committing it",
                "run the whole transaction again",
            )
        self._begun = False

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Self]:
        """A part of the transaction that can fail alone: an exception undoes just this block.

        >>> async with session.savepoint():                          # doctest: +SKIP
        ...     await heroes.add(Hero(name="Ada"))
        """
        self._savepoints += 1
        name = f"andamios_{self._savepoints}"
        await self._command(f"SAVEPOINT {name}")
        try:
            yield self
            if self._aborted:
                raise TransactionAborted(
                    "a statement of this savepoint failed, and its error was caught inside it",
                    "let the error leave the savepoint's block",
                )
        except BaseException:
            if self._connection is not None and self._begun:
                self._aborted = False
                await _to_its_end(self._undo(name))
            raise
        else:
            await self._command(f"RELEASE SAVEPOINT {name}")

    async def _undo(self, name: str) -> None:
        try:
            await self._command(f"ROLLBACK TO SAVEPOINT {name}")
            await self._command(f"RELEASE SAVEPOINT {name}")
        except DatabaseError:
            # The connection is gone; the exception that is on its way says why.
            self._aborted = True

    def session(self) -> _Nested:
        """Join this transaction: the same as `savepoint()`.

        A function that opens `where.session()` works with a Database, on its own transaction, and
        with a Session, as a part of the caller's.
        """
        return _Nested(self)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Source]:
        """The open transaction is the unit: a failure in it aborts the session anyway."""
        yield self

    # -- statements

    @property
    def plans(self) -> PlanCache:
        """The plans compiled for this database."""
        return plans_of(self._pool.dialect)

    @property
    def capabilities(self) -> Capabilities:
        """What this database offers."""
        return self._pool.backend.capabilities

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
        """Run a plan in this transaction and return its decoded result."""
        parameters = plan.bind(values)
        with self._use() as connection:
            await self._begin(connection)
            with self._abort_on_error():
                rows = await connection.fetch(plan, parameters)
        return plan.decode(rows)

    async def run(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan in this transaction and return how many rows it changed."""
        parameters = plan.bind(values)
        with self._use() as connection:
            await self._begin(connection)
            with self._abort_on_error():
                return await connection.run(plan, parameters)

    async def execute(self, statement: TypedReturnsRows[*Ts] | Executable) -> Sequence[Row[*Ts]]:
        """Run a SQLAlchemy statement in this transaction and return its rows, typed.

        Statements that give no rows return an empty list. Raises DatabaseError.
        """
        with self._use() as connection:
            await self._begin(connection)
            with self._abort_on_error():
                return await executed(self._sqlalchemy_connection(), statement, self._pool.backend)

    async def run_sync(
        self,
        function: Callable[Concatenate[sa.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call a function of SQLAlchemy's synchronous API with this transaction's connection.

        For DDL and `sqlalchemy.inspect`: `await session.run_sync(metadata.create_all)`. Raises
        DatabaseError.
        """
        with self._use() as connection:
            await self._begin(connection)
            with self._abort_on_error():
                try:
                    return await self._sqlalchemy_connection().run_sync(function, *args, **kwargs)
                except Exception as error:
                    raise translated(error, self._pool.backend, self._pool.dialect) from None

    async def _command(self, sql: str) -> None:
        with self._use() as connection:
            await self._begin(connection)
            with self._abort_on_error():
                await connection.command(sql)

    async def _begin(self, connection: DriverConnection) -> None:
        if self._aborted:
            raise TransactionAborted(
                "an earlier statement of this transaction failed, so it takes no more",
                "leave the session and begin again; put a statement that may fail into"
                " `async with session.savepoint():`",
            )
        if not self._begun:
            # Set first: a cancelled BEGIN may have reached the database.
            self._begun = True
            await connection.command(self._pool.backend.begin(read_only=self._read_only))

    @contextmanager
    def _abort_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._aborted = True
            raise

    def _open(self) -> DriverConnection:
        if self._connection is None:
            raise SessionMisuse(
                "this session is not open",
                "use it inside its block: `async with database.session() as session:`",
            )
        return self._connection

    def _sqlalchemy_connection(self) -> AsyncConnection:
        assert self._sqlalchemy is not None  # noqa: S101 - set and cleared with the connection
        return self._sqlalchemy

    @contextmanager
    def _use(self) -> Iterator[DriverConnection]:
        """Hold the connection for one statement. Raises SessionMisuse if another one runs."""
        connection = self._open()
        if self._busy:
            raise SessionMisuse(
                "two tasks use this session at the same time, and a transaction runs one"
                " statement after the other",
                "await the calls one by one, or give each task a session of its own",
            )
        self._busy = True
        try:
            yield connection
        finally:
            self._busy = False


class _Nested:
    """`Session.session()`: a block inside the open transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._block: Any = None

    async def __aenter__(self) -> Session:
        self._block = self._session.savepoint()
        session: Session = await self._block.__aenter__()
        return session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._block.__aexit__(kind, error, traceback)


_ROLLBACK_SECONDS = 5.0


async def _to_its_end(work: Awaitable[R]) -> R:
    """Await `work` to its end, however often the task is cancelled meanwhile.

    A commit or a rollback that stops half-way leaves a connection nobody can use. The
    cancellation is raised afterwards.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:  # noqa: S110 - raised by task.result() below
            pass
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()
