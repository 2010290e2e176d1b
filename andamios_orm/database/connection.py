"""One connection, and the few ways in which plans run on it.

`DriverConnection` talks to the driver itself. `SQLAlchemyConnection` stays inside a connection or
session that a user opened with SQLAlchemy, and so inside its transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.sql.selectable import TypedReturnsRows
from typing_extensions import TypeVarTuple

from andamios_orm import observe
from andamios_orm.backends.base import Backend
from andamios_orm.backends.failures import to_error
from andamios_orm.rows.plan import Plan, Row

__all__ = [
    "Connection",
    "DriverConnection",
    "SQLAlchemyConnection",
    "executed",
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
    foreign_key: tuple[str, tuple[str, ...]] | None = None,
) -> BaseException:
    """Return the library's error for a driver's, or the exception itself if it is not one."""
    cause = _driver_error(error)
    failure = backend.classify(cause)
    if failure is None:
        return error
    if foreign_key is not None:
        failure = type(failure)(
            kind=failure.kind, code=failure.code, table=foreign_key[0], columns=foreign_key[1]
        )
    return to_error(failure, dialect, table=table, driver_error=cause)


def _driver_error(error: BaseException) -> BaseException:
    """Return the exception under SQLAlchemy's wrapper and its driver adapter's."""
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


class DriverConnection:
    """A connection of our own engine: the driver's, without anything between."""

    def __init__(self, driver: Any, backend: Backend, dialect: Dialect) -> None:
        self.driver = driver
        self._backend = backend
        self._dialect = dialect

    async def fetch(self, plan: Plan[R], parameters: Sequence[object]) -> list[Row]:
        """Run a plan and return the driver's rows. Raises DatabaseError."""
        return await self._call(self._backend.fetch, plan, parameters, len)

    async def run(self, plan: Plan[R], parameters: Sequence[object]) -> int:
        """Run a plan and return how many rows it changed. Raises DatabaseError."""
        return await self._call(self._backend.run, plan, parameters, int)

    async def command(self, sql: str) -> None:
        """Run a statement without parameters or rows: BEGIN, SAVEPOINT, ROLLBACK."""
        started = time.perf_counter()
        try:
            await self._backend.run(self.driver, sql, ())
        except Exception as error:
            raise translated(error, self._backend, self._dialect) from None
        _observed(sql, started, 0)

    async def commit(self) -> bool:
        """Commit; return False if the database rolled back instead. Raises DatabaseError."""
        started = time.perf_counter()
        try:
            committed = await self._backend.commit(self.driver)
        except Exception as error:
            raise translated(error, self._backend, self._dialect) from None
        _observed("COMMIT", started, 0)
        return committed

    async def _call(
        self,
        operation: Callable[[Any, str, Sequence[object]], Awaitable[R]],
        plan: Plan[Any],
        parameters: Sequence[object],
        size: Callable[[R], int],
    ) -> R:
        started = time.perf_counter() if observe.observers else 0.0
        try:
            result = await operation(self.driver, plan.sql, parameters)
        except asyncio.CancelledError:
            await self._backend.interrupt(self.driver)
            raise
        except Exception as error:
            raise await self._explained(error, plan, parameters) from None
        if observe.observers:
            _observed(plan.sql, started, size(result))
        return result

    async def _explained(
        self, error: Exception, plan: Plan[Any], parameters: Sequence[object]
    ) -> BaseException:
        failure = self._backend.classify(error)
        found = None
        if failure is not None and failure.kind == "foreign_key" and failure.table is None:
            found = await self._backend.explain_foreign_key(
                self.driver, plan.sql, parameters, plan.table
            )
        return translated(error, self._backend, self._dialect, table=plan.table, foreign_key=found)


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

    async def _execute(self, plan: Plan[Any], parameters: Sequence[object]) -> sa.CursorResult[Any]:
        source = self._source
        connection = source if isinstance(source, AsyncConnection) else await source.connection()
        try:
            return await connection.exec_driver_sql(plan.sql, tuple(parameters))
        except Exception as error:
            raise translated(error, self._backend, connection.dialect, table=plan.table) from None


async def executed(
    connection: AsyncConnection,
    statement: TypedReturnsRows[*Ts] | sa.Executable,
    backend: Backend,
) -> Sequence[sa.Row[*Ts]]:
    """Run a SQLAlchemy statement and return its rows. Raises DatabaseError."""
    try:
        result = await connection.execute(statement)
    except Exception as error:
        raise translated(error, backend, connection.dialect) from None
    return result.all() if result.returns_rows else []
