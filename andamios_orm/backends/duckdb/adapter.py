"""The async connection in the shape of PEP 249, as SQLAlchemy's asyncio layer wants it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_module, AsyncAdapt_terminate
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util.concurrency import await_

from andamios_orm.backends.duckdb import driver
from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.driver import Parameters, Result, Rows, TransactionAborted

__all__ = ["AdaptedDuckDBConnection", "AsyncModule"]


class AsyncModule(AsyncAdapt_dbapi_module):
    """The driver's module with a `connect` that waits without blocking the event loop."""

    def __init__(self) -> None:
        super().__init__(driver)
        for name in driver.__all__:
            if name not in {"connect", "keep_open", "Connection", "Cursor"}:
                setattr(self, name, getattr(driver, name))

    def connect(
        self,
        *args: Any,
        async_creator_fn: Callable[..., Awaitable[AsyncConnection]] = AsyncConnection.connect,
        **kwargs: Any,
    ) -> AdaptedDuckDBConnection:
        """Open a connection, by `async_creator_fn` if SQLAlchemy was given one."""
        return AdaptedDuckDBConnection(await_(async_creator_fn(*args, **kwargs)))


class AdaptedDuckDBConnection(AsyncAdapt_terminate, AdaptedConnection):
    """A PEP 249 connection; each call waits in SQLAlchemy's greenlet."""

    _connection: AsyncConnection  # type: ignore[assignment] # its protocol is of async cursors

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def cursor(self, server_side: bool = False) -> AdaptedDuckDBCursor:
        """Return a new cursor."""
        return AdaptedDuckDBCursor(self._connection)

    @property
    def autocommit(self) -> bool:
        """Whether each statement is its own transaction."""
        return self._connection.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._connection.autocommit = value

    def begin(self) -> None:
        """Begin a transaction with the next statement."""
        self._connection.begin()

    def commit(self) -> None:
        """Commit. Raises TransactionAborted after an error, and rolls back."""
        if not await_(self._connection.commit()):
            raise TransactionAborted

    def rollback(self) -> None:
        """Roll back, if there is anything to."""
        await_(self._connection.rollback())

    def close(self) -> None:
        """Close; an open transaction is rolled back."""
        await_(self._connection.close())

    async def _terminate_graceful_close(self) -> None:
        await self._connection.interrupt()
        await self._connection.close()

    def _terminate_force_close(self) -> None:
        self._connection.terminate()


class AdaptedDuckDBCursor(Rows):
    """A PEP 249 cursor; its rows are there as soon as the statement has run."""

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__()
        self._connection = connection

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement. Raises duckdb.Error."""
        self._keep(await_(self._connection.result(sql, parameters or ())))

    def executemany(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run a statement for each row of parameters, all or none. Raises duckdb.Error."""
        self._keep(Result(await_(self._connection.run_many(sql, rows)), None, []))

    async def _async_soft_close(self) -> None:
        """Do nothing: no statement is open behind the rows."""
