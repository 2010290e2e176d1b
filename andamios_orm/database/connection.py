"""One connection, and the few ways in which plans run on it.

`DriverConnection` talks to the driver itself. `SQLAlchemyConnection` stays inside a connection or
session that a user opened with SQLAlchemy, and so inside its transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.selectable import TypedReturnsRows
from typing_extensions import TypeVarTuple

from andamios_orm import observe
from andamios_orm.backends.base import ArrowBackend, Backend, Isolation, RowCursor
from andamios_orm.backends.failures import to_error
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.errors import InvalidRow
from andamios_orm.rows.plan import Plan, Row

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

__all__ = [
    "Connection",
    "DriverConnection",
    "DriverRows",
    "SQLAlchemyConnection",
    "SQLAlchemyRows",
    "named",
    "translated",
]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Connection(Protocol):
    """Where a plan runs."""

    async def fetch(self, plan: Plan[R], parameters: Sequence[object]) -> list[Row]:
        """Run a plan and return the driver's rows. Raises DatabaseError."""
        ...

    async def run(self, plan: Plan[R], parameters: Sequence[object]) -> int:
        """Run a plan and return how many rows it changed. Raises DatabaseError."""
        ...


def translated(
    error: BaseException,
    backend: Backend,
    dialect: Dialect,
    *,
    table: sa.Table | None = None,
    metadata: sa.MetaData | None = None,
    key: tuple[str, tuple[str, ...]] | None = None,
    removes: bool = False,
) -> BaseException:
    """Return the library's error for a driver's, or the exception itself if it is not one.

    A table that the driver names is looked for beside `table`, the statement's own, and then in
    `metadata`, the database's.
    """
    cause = _driver_error(error)
    failure = backend.classify(cause)
    if failure is None:
        return error
    if key is not None:
        failure = replace(failure, table=key[0], columns=key[1], summary="")
    return to_error(
        failure, dialect, table=table, metadata=metadata, driver_error=cause, removes=removes
    )


def _driver_error(error: BaseException) -> BaseException:
    """Return the exception under SQLAlchemy's wrapper and its driver adapter's."""
    adapted: BaseException = getattr(error, "orig", None) or error
    of_an_adapter = type(adapted).__module__.startswith("sqlalchemy.")
    return (of_an_adapter and adapted.__cause__) or adapted


class DriverConnection:
    """A connection of our own engine: the driver's, without anything between.

    `pooled` is what it goes back to SQLAlchemy's pool by.
    """

    def __init__(
        self,
        driver: Any,
        backend: Backend,
        dialect: Dialect,
        metadata: sa.MetaData | None = None,
        pooled: PoolProxiedConnection | None = None,
    ) -> None:
        self.driver = driver
        self.pooled = pooled
        self._backend = backend
        self._dialect = dialect
        self._metadata = metadata
        self._fetch = backend.fetch
        self._run = backend.run
        self._is_usable = backend.is_usable

    async def fetch(self, plan: Plan[R], parameters: Sequence[object]) -> list[Row]:
        """Run a plan and return the driver's rows. Raises DatabaseError."""
        started = time.perf_counter() if observe.observers else 0.0
        try:
            if plan.arrow:
                arrow = cast("ArrowBackend", self._backend)
                rows = await arrow.fetch_arrow(self.driver, plan.sql, parameters)
            else:
                rows = await self._fetch(self.driver, plan.sql, parameters)
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except Exception as error:
            raise await self.explained(error, plan, parameters) from None
        if observe.observers:
            # A table's length is its number of rows, too.
            _observed(plan.sql, started, len(rows))
        return rows

    async def run(self, plan: Plan[R], parameters: Sequence[object]) -> int:
        """Run a plan and return how many rows it changed. Raises DatabaseError."""
        started = time.perf_counter() if observe.observers else 0.0
        try:
            count = await self._run(self.driver, plan.sql, parameters)
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except Exception as error:
            raise await self.explained(error, plan, parameters) from None
        if observe.observers:
            _observed(plan.sql, started, count)
        return count

    async def open(self, plan: Plan[R], parameters: Sequence[object]) -> DriverRows:
        """Run a plan and return its rows without reading them. Raises DatabaseError."""
        started = time.perf_counter()
        try:
            cursor = await self._backend.open(self.driver, plan.sql, parameters)
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except Exception as error:
            raise await self.explained(error, plan, parameters) from None
        return DriverRows(self, cursor, plan, parameters, time.perf_counter() - started)

    async def interrupt(self) -> None:
        """Stop the statement that a cancelled task left running."""
        await to_its_end(self._backend.interrupt(self.driver))

    def is_usable(self) -> bool:
        """Whether the connection is open, ours still, and outside a transaction."""
        # What SQLAlchemy runs may have closed it, which gives it back to SQLAlchemy's pool.
        pooled = self.pooled
        ours = pooled is None or pooled.dbapi_connection is not None
        return ours and self._is_usable(self.driver)

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Await a call that may find the database locked, until it is free; then its result."""
        return await self._backend.patiently(call)

    def translated(
        self,
        error: Exception,
        table: sa.Table | None = None,
        key: tuple[str, tuple[str, ...]] | None = None,
        *,
        removes: bool = False,
    ) -> BaseException:
        """Return the library's error for one of this connection."""
        return translated(
            error,
            self._backend,
            self._dialect,
            table=table,
            metadata=self._metadata,
            key=key,
            removes=removes,
        )

    async def command(self, sql: str) -> None:
        """Run a statement without parameters or rows, such as SAVEPOINT. Raises DatabaseError."""

        async def told() -> tuple[str, ...]:
            await self._run(self.driver, sql, ())
            return (sql,)

        await self._step(told())

    async def begin(
        self, *, read_only: bool, isolation: Isolation | None, at_once: bool = False
    ) -> None:
        """Begin a transaction, if not `at_once` with the next plan. Raises DatabaseError."""
        await self._step(
            self._backend.begin(
                self.driver, read_only=read_only, isolation=isolation, at_once=at_once
            )
        )

    async def rollback(self) -> None:
        """Roll back what has begun. Raises DatabaseError."""

        async def told() -> tuple[str, ...]:
            await self._backend.rollback(self.driver)
            return ("ROLLBACK",)

        await self._step(told())

    async def _step(self, work: Awaitable[tuple[str, ...]]) -> None:
        """Take a step of a transaction, which gives the statements that it consists of."""
        started = time.perf_counter()
        try:
            told = await work
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except Exception as error:
            raise self.translated(error) from None
        for sql in told:
            _observed(sql, started, 0)
            started = time.perf_counter()

    async def hold_counter(self, column: sa.Column[Any]) -> None:
        """Prepare for `move_counter`, before rows are written. Raises DatabaseError."""
        await self._counting(self._backend.hold_counter(self.driver, column), column)

    async def move_counter(self, column: sa.Column[Any], highest: int) -> None:
        """Have the database count on beyond a key that was given to it. Raises DatabaseError."""
        await self._counting(self._backend.move_counter(self.driver, column, highest), column)

    async def _counting(self, work: Awaitable[None], column: sa.Column[Any]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            await self.interrupt()
            raise
        except Exception as error:
            raise self.translated(error, column.table) from None

    async def commit(self) -> bool:
        """Commit; return False if the database rolled back instead. Raises DatabaseError."""
        started = time.perf_counter()
        try:
            committed = await self._backend.commit(self.driver)
        except Exception as error:
            found = None
            if self._metadata is not None and self._is_unnamed(error):
                found = await self._backend.explain_commit(self.driver, self._metadata)
            raise self.translated(error, key=found) from None
        _observed("COMMIT", started, 0)
        return committed

    async def explained(
        self, error: Exception, plan: Plan[Any], parameters: Sequence[object]
    ) -> BaseException:
        """Return the library's error for the one that a plan met on this connection."""
        found = None
        if self._is_unnamed(error):
            found = await to_its_end(
                self._backend.explain(
                    self.driver, _driver_error(error), plan.sql, parameters, plan.table
                )
            )
        return self.translated(error, plan.table, found, removes=plan.sql.startswith("DELETE"))

    def _is_unnamed(self, error: Exception) -> bool:
        failure = self._backend.classify(_driver_error(error))
        return (
            failure is not None
            and failure.kind in ("check", "foreign_key", "unique")
            and failure.constraint is None
            and not failure.columns
        )


class DriverRows:
    """The rows of one statement, read batch by batch."""

    def __init__(
        self,
        connection: DriverConnection,
        cursor: RowCursor,
        plan: Plan[Any],
        parameters: Sequence[object],
        seconds: float,
    ) -> None:
        self._connection, self._cursor = connection, cursor
        self._plan, self._parameters = plan, parameters
        self._seconds, self._rows = seconds, 0

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows; fewer than `count` when there are no more. Raises DatabaseError."""
        started = time.perf_counter()
        try:
            rows = await self._cursor.fetch(count)
        except asyncio.CancelledError:
            await self._connection.interrupt()
            raise
        except Exception as error:
            raise await self._connection.explained(error, self._plan, self._parameters) from None
        self._seconds += time.perf_counter() - started
        self._rows += len(rows)
        return rows

    async def close(self) -> None:
        """Leave the rest. Raises DatabaseError."""
        try:
            await self._cursor.close()
        except Exception as error:
            raise self._connection.translated(error) from None
        finally:
            if observe.observers:
                run = observe.StatementRun(self._plan.sql, self._seconds, self._rows)
                observe.publish(run)


def _observed(sql: str, started: float, rows: int) -> None:
    if observe.observers:
        seconds = time.perf_counter() - started
        observe.publish(observe.StatementRun(sql=sql, seconds=seconds, rows=rows))


class SQLAlchemyConnection:
    """A connection or session of the user's own engine, with its transaction and its events.

    SQLAlchemy begins a transaction in its own first execute, so statements go through it and
    never past it: on the driver they would be outside, and survive a rollback.
    """

    def __init__(self, source: AsyncConnection | AsyncSession, backend: Backend) -> None:
        self._source = source
        self._backend = backend

    async def fetch(self, plan: Plan[R], parameters: Sequence[object]) -> list[Row]:
        """Run a plan and return the driver's rows. Raises DatabaseError."""
        result = await self._execute(plan, parameters)
        rows: list[Row] = list(result.all())
        return rows

    async def run(self, plan: Plan[R], parameters: Sequence[object]) -> int:
        """Run a plan and return how many rows it changed. Raises DatabaseError."""
        return (await self._execute(plan, parameters)).rowcount

    async def open(self, plan: Plan[R], parameters: Sequence[object]) -> SQLAlchemyRows:
        """Run a plan and return its rows without reading them. Raises DatabaseError."""
        connection = await self._connection()
        options = {"stream_results": True}
        started = time.perf_counter()
        try:
            result = await connection.run_sync(
                lambda sync: sync.exec_driver_sql(
                    plan.sql, tuple(parameters), execution_options=options
                )
            )
        except Exception as error:
            raise await self._explained(error, connection, plan, parameters) from None
        _observed(plan.sql, started, -1)
        return SQLAlchemyRows(self._backend, connection, result, plan)

    async def _connection(self) -> AsyncConnection:
        from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: PLC0415 - the caller has it

        source = self._source
        return source if isinstance(source, AsyncConnection) else await source.connection()

    async def _execute(self, plan: Plan[Any], parameters: Sequence[object]) -> sa.CursorResult[Any]:
        connection = await self._connection()
        started = time.perf_counter()
        try:
            result = await connection.exec_driver_sql(plan.sql, tuple(parameters))
        except Exception as error:
            raise await self._explained(error, connection, plan, parameters) from None
        _observed(plan.sql, started, result.rowcount)
        return result

    async def _explained(
        self,
        error: Exception,
        connection: AsyncConnection,
        plan: Plan[Any],
        parameters: Sequence[object],
    ) -> BaseException:
        if connection.invalidated:
            return translated(error, self._backend, connection.dialect, table=plan.table)
        raw = await connection.get_raw_connection()
        driver = DriverConnection(raw.driver_connection, self._backend, connection.dialect)
        return await driver.explained(error, plan, parameters)


class SQLAlchemyRows:
    """The rows of one statement on a connection of the user's own, read batch by batch."""

    def __init__(
        self,
        backend: Backend,
        connection: AsyncConnection,
        result: sa.CursorResult[Any],
        plan: Plan[Any],
    ) -> None:
        self._backend, self._connection = backend, connection
        self._result, self._plan = result, plan

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows; fewer than `count` when there are no more. Raises DatabaseError."""
        try:
            rows = await self._connection.run_sync(lambda _: self._result.fetchmany(count))
        except Exception as error:
            dialect = self._connection.dialect
            raise translated(error, self._backend, dialect, table=self._plan.table) from None
        return cast("list[Row]", rows)

    async def close(self) -> None:
        """Leave the rest."""
        await self._connection.run_sync(lambda _: self._result.close())


async def named(
    sqlalchemy: AsyncConnection,
    connection: DriverConnection,
    statement: TypedReturnsRows[*Ts] | sa.Executable,
) -> tuple[Sequence[str], Sequence[sa.Row[*Ts]]]:
    """Run a SQLAlchemy statement and return the names of its columns, and its rows.

    Raises DatabaseError, InvalidRow.
    """
    try:
        result = await connection.patiently(lambda: sqlalchemy.execute(statement))
    except Exception as error:
        removes = isinstance(statement, sa.Delete)
        raise connection.translated(error, _written_by(statement), removes=removes) from None
    try:
        return (tuple(result.keys()), result.all()) if result.returns_rows else ((), [])
    except ValidationError as error:
        kinds = ", ".join(sorted({detail["type"] for detail in error.errors()}))
        raise InvalidRow(
            f"a stored JSON value does not fit the type of its field: {kinds}",
            "correct the row in the database, or widen the model",
            model=object,
            key=None,
            fields={},
        ) from None


def _written_by(statement: object) -> sa.Table | None:
    target = statement.table if isinstance(statement, sa.UpdateBase) else None
    return target if isinstance(target, sa.Table) else None
