"""`Session`: one transaction, from the first statement to commit or rollback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Final, Self, TypeVar, cast, overload

import sqlalchemy as sa
from typing_extensions import ParamSpec, TypeVarTuple

from andamios_orm.backends.base import Capabilities, Isolation
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.database.connection import DriverConnection, named
from andamios_orm.database.limits import Limits
from andamios_orm.database.open_rows import OpenRows
from andamios_orm.database.pool import Pool
from andamios_orm.database.source import RowStream, Source
from andamios_orm.database.sql import SQL, Named, RawQuery, statement_of
from andamios_orm.errors import (
    AndamiosError,
    DatabaseError,
    DatabaseUnavailable,
    NotSupported,
    SessionMisuse,
    TransactionAborted,
)
from andamios_orm.rows.plan import PIECE, Plan, PlanCache, Row, decoded
from andamios_orm.schema.tenants import with_tenant

if TYPE_CHECKING:
    from sqlalchemy import Executable
    from sqlalchemy import Row as SQLAlchemyRow
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.selectable import TypedReturnsRows

__all__ = ["OwnStream", "Session"]

_PATIENCE = 5.0
"""Seconds that a rollback may take; a connection that does not answer by then is given up."""

P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Session:
    """One transaction of one task. Made by `Database.session()`, used with `async with`.

    BEGIN is sent with the first statement; where writers take turns (DuckDB), the block waits for
    its turn when it is entered, unless it is read-only. The block's end commits, an exception
    rolls back. After a statement failed, the session takes no more of them and does not commit,
    whatever the engine: what should survive a failure goes into a `savepoint()`.

    A commit that has begun is not interrupted: a task that is cancelled meanwhile gets its
    CancelledError when the rows are stored.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        read_only: bool = False,
        isolation: Isolation | None = None,
        tenant: object = None,
        beside: bool = False,
    ) -> None:
        levels = pool.capabilities.isolation
        if isolation is not None and isolation not in levels:
            raise NotSupported(
                f'{pool.backend.name} has no isolation level "{isolation}" here; it has'
                f" {', '.join(levels)}",
                "ask for one of these, or for none",
            )
        self._pool = pool
        # Asked in every call, so they are no properties.
        self.plans: Final[PlanCache] = pool.plans
        """The plans compiled for this database."""
        self.capabilities: Final[Capabilities] = pool.capabilities
        """What this database offers."""
        self._tenant = tenant
        self._isolation = isolation
        self._turn = False
        self._task: asyncio.Task[Any] | None = None
        self._read_only = read_only
        self._sqlalchemy: AsyncConnection | None = None
        self._connection: DriverConnection | None = None
        self._begun = False
        self._aborted = False
        self._busy = False
        """Whether a statement of it runs."""
        self._ended_statement: asyncio.Future[None] | None = None
        """What leaving the block waits for, while a statement of another task runs."""
        self._savepoints = 0
        self._depth = 0
        self._rows: list[OpenRows] = []
        self._beside = beside
        """Whether the task may have another session: this one is a stream's."""

    # -- the block

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise SessionMisuse(
                "this session is open already",
                "join it with `async with session.session():`, or ask the database for another",
            )
        task = self._task = self._pool.enter(beside=self if self._beside else None)
        try:
            await self._take_turn()
            self._connection = await self._pool.take()
        except BaseException:
            self._give_turn_back()
            self._task = None
            self._pool.leave(task, self)
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
                with self._use() as connection:
                    await self._commit(connection)
        finally:
            # Also after a failed commit: then the transaction may still be open.
            await to_its_end(self._close(self._open()))

    async def _close(self, connection: DriverConnection) -> None:
        self._sqlalchemy = self._connection = None
        usable = False
        try:
            # From here on the session refuses statements, but another task may be in one.
            usable = await _in_time(self._statement_end()) and await self._ended(connection)
        finally:
            if usable:
                await self._pool.give_back(connection)
            else:
                # Its state is unknown, so nobody else gets it.
                await self._pool.close(connection)
            self._give_turn_back()
            task, self._task = self._task, None
            self._pool.leave(cast("asyncio.Task[Any]", task), self)

    async def _statement_end(self) -> None:
        """Wait until no statement runs; none begins, as the block has ended."""
        if self._busy:
            self._ended_statement = asyncio.get_running_loop().create_future()
            await self._ended_statement

    async def _ended(self, connection: DriverConnection) -> bool:
        """Roll back what is open; return whether the connection is as it was before."""
        await self._end_rows()
        begun, self._begun, self._aborted = self._begun, False, False
        if begun:
            # An error says that the transaction is gone already.
            with suppress(DatabaseError):
                if not await _in_time(connection.rollback()):
                    return False
        if not connection.is_usable():
            return False
        self._give_turn_back()
        return True

    # -- transactions

    async def commit(self) -> None:
        """Commit what was done so far; the next statement begins another transaction.

        Raises TransactionAborted if a statement failed before, DatabaseError, and SessionMisuse
        inside a savepoint, whose outcome is not known yet. After a commit that failed the session
        takes no statement until rollback().
        """
        with self._use() as connection:
            self._refuse_inside_savepoint("commit")
            await self._commit(connection)

    async def rollback(self) -> None:
        """Undo what was done so far; the next statement begins another transaction.

        Raises SessionMisuse inside a savepoint: an exception that leaves its block undoes it.
        """
        with self._use() as connection:
            self._refuse_inside_savepoint("rollback")
            if not await to_its_end(self._ended(connection)):
                self._aborted = True
                raise DatabaseUnavailable(
                    "the connection was lost", "leave this session and begin another"
                )

    def _refuse_inside_savepoint(self, verb: str) -> None:
        if self._depth:
            raise SessionMisuse(
                f"{verb}() inside a savepoint would end the whole transaction around it",
                f"{verb} after the block, or where the session was opened",
            )

    async def _commit(self, connection: DriverConnection) -> None:
        if self._aborted:
            raise TransactionAborted(
                "a statement of this transaction failed, and its error was caught inside the"
                " session; nothing was committed",
                "let the error leave the session, or put the statement that may fail into"
                " `async with session.savepoint():`",
            )
        if self._begun:
            await to_its_end(self._committed(connection))

    async def _committed(self, connection: DriverConnection) -> None:
        await self._end_rows()
        with self._abort_on_error():
            # Whether the transaction is over then depends on the engine: rollback() makes sure.
            committed = await connection.commit()
        self._begun = False
        self._give_turn_back()
        if not committed:
            self._aborted = True
            raise TransactionAborted(
                "the database rolled the transaction back instead of committing it",
                "run the whole transaction again",
            )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[Self]:
        """A part of the transaction that can fail alone: an exception undoes just this block.

        ```python
        async with db.session() as session:
            inside = Repository(Hero, session)
            try:
                async with session.savepoint():
                    await inside.add(Hero(name="Ada"))  # there is one already
            except UniqueViolation:
                await inside.add(Hero(name="Ada II"))
        ```

        Raises NotSupported where the engine has none (DuckDB): there a failed statement ends the
        whole transaction.
        """
        if not self.capabilities.savepoints:
            raise NotSupported(
                f"{self._pool.backend.name} has no savepoints: what fails in a transaction ends all"
                " of it",
                "check before the statement that may fail, or give it a session of its own;"
                " `session.session()` joins the transaction without a savepoint",
            )
        self._savepoints += 1
        name = f"andamios_{self._savepoints}"
        await self._command(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield self
            if self._aborted:
                raise TransactionAborted(
                    "a statement of this savepoint failed, and its error was caught inside it",
                    "let the error leave the savepoint's block",
                )
            await self._command(f"RELEASE SAVEPOINT {name}")
        except BaseException:
            await to_its_end(self._undo(name))
            raise
        finally:
            self._depth -= 1

    async def _undo(self, name: str) -> None:
        """Roll back to a savepoint; where that fails, all of the transaction is lost."""
        self._aborted = True
        with suppress(AndamiosError), self._use() as connection:
            self._aborted = not await _in_time(self._undone(connection, name))

    async def _undone(self, connection: DriverConnection, name: str) -> None:
        await self._end_rows(self._depth)
        await connection.command(f"ROLLBACK TO SAVEPOINT {name}")
        await connection.command(f"RELEASE SAVEPOINT {name}")

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Join this transaction, with a `savepoint()` where the engine has them.

        A function that opens `where.session()` works with a Database, on its own transaction, and
        with a Session, as a part of the caller's. Without savepoints an exception that leaves the
        block aborts the whole transaction, wherever it is caught.
        """
        return self.savepoint() if self.capabilities.savepoints else self._joined()

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[Self]:
        self._depth += 1
        try:
            with self._abort_on_error():
                yield self
        finally:
            self._depth -= 1

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Source]:
        """The open transaction is the unit: a failure in it aborts the session."""
        self._refuse_while_streaming()
        with self._abort_on_error():
            yield self

    # -- statements

    @property
    def limits(self) -> Limits:
        """How many rows this database gives at a time."""
        return self._pool.limits

    @property
    def tenant(self) -> object:
        """On whose behalf this session was opened, None for nobody's."""
        return self._tenant

    @property
    def in_transaction(self) -> bool:
        """Locks last until this session ends."""
        return True

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
        """Run a plan in this transaction and return its decoded result."""
        if self._tenant is not None:
            values = with_tenant(values, self._tenant)
        parameters = plan.bind(values)
        # What `_statement` does, without three context managers around a short call.
        if self._rows:
            self._refuse_while_streaming()
        connection = self._connection
        if connection is None or self._busy:
            connection = self._enter()  # which raises
        self._busy = True
        try:
            if self._rows:
                await self._end_abandoned()
            if self._aborted or not self._begun:
                await self._begin(connection)
            rows = await connection.fetch(plan, parameters)
            # A plan is one SELECT, INSERT or UPDATE, and none of them ends a transaction.
        except BaseException:
            self._aborted = True
            raise
        finally:
            self._busy = False
            if self._ended_statement is not None:
                self._leave()
        return plan.decode(rows) if len(rows) <= PIECE else await decoded(plan, rows)

    async def affect(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan in this transaction and return how many rows it changed."""
        if self._tenant is not None:
            values = with_tenant(values, self._tenant)
        parameters = plan.bind(values)
        async with self._statement() as connection:
            return await connection.run(plan, parameters)

    async def hold_counter(self, column: sa.Column[Any]) -> None:
        """Keep others from counting this column's keys until the transaction ends, if need be."""
        async with self._statement() as connection:
            await connection.hold_counter(column)

    async def move_counter(self, column: sa.Column[Any], highest: int) -> None:
        """Have the database count on beyond a key of this column that was given to it."""
        async with self._statement() as connection:
            await connection.move_counter(column, highest)

    def sql(self, text: SQL, params: Mapping[str, object] | None = None, /) -> RawQuery:
        """Return a statement of your own in this transaction; see `Database.sql`.

        ```python
        from pydantic import BaseModel


        class Name(BaseModel):
            name: str


        async with db.session() as session:
            ada = session.sql("SELECT name FROM hero WHERE name = :name", {"name": "Ada"})
            assert await ada.into(Name).one() == Name(name="Ada")
        ```
        """
        return RawQuery(self._named, statement_of(text, params))

    async def _named(self, statement: Executable) -> Named:
        async with self._statement(at_once=True) as connection:
            return await named(self._sqlalchemy_connection(), connection, statement)

    @overload
    async def execute(self, statement: TypedReturnsRows[*Ts]) -> Sequence[SQLAlchemyRow[*Ts]]: ...
    @overload
    async def execute(self, statement: Executable) -> Sequence[SQLAlchemyRow[*tuple[Any, ...]]]: ...
    async def execute(self, statement: Executable) -> Sequence[SQLAlchemyRow[*tuple[Any, ...]]]:
        """Run a SQLAlchemy statement in this transaction and return its rows, typed.

        Statements that give no rows return an empty list. Raises DatabaseError.
        """
        _, rows = await self._named(statement)
        return cast("Sequence[SQLAlchemyRow[*tuple[Any, ...]]]", rows)

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
        async with self._statement(at_once=True) as connection:
            try:
                return await self._sqlalchemy_connection().run_sync(function, *args, **kwargs)
            except sa.exc.DBAPIError as error:
                # Anything else is the function's own.
                raise connection.translated(error) from None

    async def _command(self, sql: str) -> None:
        async with self._statement() as connection:
            await connection.command(sql)

    @asynccontextmanager
    async def _statement(self, *, at_once: bool = False) -> AsyncIterator[DriverConnection]:
        """The connection for one statement of the transaction, which its failure aborts.

        `at_once` is for statements that come to the driver past our own connection.
        """
        self._refuse_while_streaming()
        with self._use() as connection, self._abort_on_error():
            await self._end_abandoned()
            await self._begin(connection, at_once=at_once)
            yield connection
            self._follow(connection)

    def _follow(self, connection: DriverConnection) -> None:
        """Take note of a statement that has ended the transaction.

        A COMMIT that somebody wrote by hand, or one that comes with a CREATE TABLE on MariaDB:
        what follows begins another transaction, or it could not be undone.
        """
        if connection.is_usable():
            self._begun = False
            self._give_turn_back()
            for rows in self._rows:
                rows.is_over = rows.is_abandoned = True

    # -- streams

    def stream(self) -> RowStream:
        """Return where a stream of rows in this transaction comes from."""
        return _SessionStream(self)

    async def open_rows(self, plan: Plan[R], values: Sequence[object]) -> OpenRows:
        """Run a plan in this transaction and return its rows, for `next_rows`."""
        if self._tenant is not None:
            values = with_tenant(values, self._tenant)
        parameters = plan.bind(values)
        async with self._statement() as connection:
            rows = OpenRows(await connection.open(plan, parameters), self._depth)
            self._rows.append(rows)
            return rows

    async def next_rows(self, rows: OpenRows, count: int) -> list[Row]:
        """Return the next rows; fewer than `count` when there are no more."""
        rows.require_open()
        with self._use(), self._abort_on_error():
            return await rows.cursor.fetch(count)

    async def close_rows(self, rows: OpenRows) -> None:
        """Leave the rows that were not read."""
        if rows in self._rows:
            with self._use():
                await to_its_end(self._end(rows))

    async def _end_rows(self, depth: int = 0) -> None:
        """Close the rows of the transaction, or of its part inside so many savepoints."""
        for rows in tuple(self._rows):
            if rows.depth >= depth:
                await self._end(rows)

    async def _end_abandoned(self) -> None:
        for rows in tuple(self._rows):
            if rows.is_abandoned:
                await to_its_end(self._end(rows))

    async def _end(self, rows: OpenRows) -> None:
        self._rows.remove(rows)
        rows.is_over = True
        # An error says that it is closed already, with the transaction or the connection.
        with suppress(DatabaseError):
            await rows.cursor.close()

    def _refuse_while_streaming(self) -> None:
        """Raise SessionMisuse where another statement would end a stream that is being read."""
        if self._rows and not self.capabilities.interleaved_streams:
            if all(rows.is_abandoned for rows in self._rows):
                return
            raise SessionMisuse(
                f"a stream of this session is being read, and {self._pool.backend.name} runs no"
                " other statement on its connection meanwhile",
                "read the stream to its end first or leave it (`contextlib.aclosing`), or use it"
                " outside of the session, where it has a connection of its own",
            )

    def end_later(self) -> None:
        """Leave the block, where nobody can wait for that."""
        gone = GeneratorExit()
        self._pool.leave_later(self)
        self._pool.later(self.__aexit__(GeneratorExit, gone, None))

    # -- one statement

    async def _begin(self, connection: DriverConnection, *, at_once: bool = False) -> None:
        if self._aborted:
            raise TransactionAborted(
                "an earlier statement of this transaction failed, so it takes no more",
                "leave the session and begin again; put a statement that may fail into"
                " `async with session.savepoint():`",
            )
        if not self._begun:
            await self._take_turn()
            # Set first: a cancelled BEGIN may have reached the database.
            self._begun = True
            await connection.begin(
                read_only=self._read_only, isolation=self._isolation, at_once=at_once
            )

    async def _take_turn(self) -> None:
        """Wait for the other writers, unless it is this one's turn already."""
        if not self._read_only and not self._turn:
            self._turn = await self._pool.take_turn()

    def _give_turn_back(self) -> None:
        """Let the next writer begin; the transaction of this one is over."""
        if self._turn:
            self._turn = False
            self._pool.give_turn_back()

    @contextmanager
    def _abort_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._aborted = True
            raise

    @property
    def is_open(self) -> bool:
        """Whether its block has begun and not ended."""
        return self._connection is not None

    def _open(self) -> DriverConnection:
        if self._connection is None:
            raise SessionMisuse(
                "this session is not open",
                "use it inside its block: `async with database.session() as session:`",
            )
        return self._connection

    def _sqlalchemy_connection(self) -> AsyncConnection:
        if self._sqlalchemy is None:
            self._sqlalchemy = self._pool.sqlalchemy(self._open())
        return self._sqlalchemy

    @contextmanager
    def _use(self) -> Iterator[DriverConnection]:
        """Hold the connection for one statement. Raises SessionMisuse if another one runs."""
        connection = self._enter()
        try:
            yield connection
        finally:
            self._leave()

    def _leave(self) -> None:
        """Let the next statement run, or the block end that waits for this one."""
        self._busy = False
        waiting, self._ended_statement = self._ended_statement, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _enter(self) -> DriverConnection:
        """Return the connection for one statement, after which `_leave` is called."""
        connection = self._open()
        if self._busy:
            raise SessionMisuse(
                "two tasks use this session at the same time, and a transaction runs one"
                " statement after the other",
                "await the calls one by one, or give each task a session of its own",
            )
        self._busy = True
        return connection


class _SessionStream:
    """Rows of one statement of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: OpenRows | None = None

    @property
    def beside(self) -> Source | None:
        """The session."""
        return self._session

    async def open(self, plan: Plan[R], values: Sequence[object]) -> None:
        """Run a plan in the session's transaction."""
        self._rows = await self._session.open_rows(plan, values)

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows."""
        return await self._session.next_rows(cast("OpenRows", self._rows), count)

    async def close(self) -> None:
        """Leave the rest."""
        if self._rows is not None:
            await self._session.close_rows(self._rows)

    def abandon(self) -> None:
        """Have the session close it before its next statement."""
        if self._rows is not None:
            self._rows.is_abandoned = True


class OwnStream(_SessionStream):
    """Rows of one statement in a transaction of its own, on a connection of its own."""

    def __init__(self, pool: Pool, tenant: object) -> None:
        super().__init__(Session(pool, read_only=True, beside=True, tenant=tenant))

    @property
    def beside(self) -> Source | None:
        """The same transaction, where the engine runs other statements in it."""
        return self._session if self._session.capabilities.interleaved_streams else None

    async def open(self, plan: Plan[R], values: Sequence[object]) -> None:
        """Begin a transaction that only reads, and run a plan in it."""
        await self._session.__aenter__()
        await super().open(plan, values)

    async def close(self) -> None:
        """End the transaction and give the connection back."""
        if self._session.is_open:
            gone = GeneratorExit()  # so that there is nothing to commit
            await self._session.__aexit__(GeneratorExit, gone, None)

    def abandon(self) -> None:
        """Do so in a task of its own."""
        if self._session.is_open:
            self._session.end_later()


async def _in_time(work: Coroutine[Any, Any, object]) -> bool:
    try:
        await asyncio.wait_for(work, timeout=_PATIENCE)
    except TimeoutError:
        return False
    return True
