"""DuckDB for asyncio: each connection has its thread, and a cancelled query really stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import duckdb

from andamios_orm.backends.duckdb import driver
from andamios_orm.backends.duckdb.driver import Config, Parameters, Result, Row
from andamios_orm.backends.duckdb.worker import Worker

if TYPE_CHECKING:
    import pyarrow

__all__ = ["AsyncConnection"]

P = ParamSpec("P")
R = TypeVar("R")


class AsyncConnection:
    """A connection whose statements run on a thread of its own.

    ```python
    from andamios_orm.backends.duckdb.aio import AsyncConnection

    connection = await AsyncConnection.connect("numbers.duckdb")
    assert await connection.fetch("SELECT $1 + 1", [1]) == [(2,)]
    await connection.close()
    ```
    A task that is cancelled leaves the connection usable: its statement was stopped, and an open
    transaction waits for ROLLBACK.
    """

    def __init__(self, connection: driver.Connection, worker: Worker) -> None:
        self._connection = connection
        self._worker = worker
        self._interrupt = connection.interrupt

    @classmethod
    async def connect(
        cls, database: str = ":memory:", read_only: bool = False, config: Config | None = None
    ) -> AsyncConnection:
        """Open a database. Raises duckdb.Error."""
        worker = Worker()
        try:
            connection = await worker.do(driver.connect, database, read_only, config)
        except BaseException:
            worker.stop()
            raise
        return cls(connection, worker)

    # -- statements

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return its rows. Raises duckdb.Error."""
        return await self._worker.do(
            self._connection.fetch, sql, parameters, interrupt=self._interrupt
        )

    async def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement and return how many rows it changed. Raises duckdb.Error."""
        return await self._worker.do(
            self._connection.run, sql, parameters, interrupt=self._interrupt
        )

    async def open(self, sql: str, parameters: Parameters = ()) -> Rows:
        """Run a statement and return its rows without reading them. Raises duckdb.Error."""
        number = await self._worker.do(
            self._connection.open, sql, parameters, interrupt=self._interrupt
        )
        return Rows(self._connection, self._worker, number)

    async def run_many(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Run a statement for each row of parameters, all or none; return how many were changed.

        Raises duckdb.Error.
        """
        return await self._worker.do(
            self._connection.run_many, sql, rows, interrupt=self._interrupt
        )

    async def result(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement for a PEP 249 cursor. Raises duckdb.Error."""
        return await self._worker.do(
            self._connection.result, sql, parameters, interrupt=self._interrupt
        )

    async def call(
        self,
        function: Callable[Concatenate[duckdb.DuckDBPyConnection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call a function with duckdb's own connection, on the thread; return its result.

        The function leaves the transaction as it is. A cancellation stops the statement that it
        runs, and waits for the function to return.
        """
        return await self._worker.do(
            lambda: self._connection.call(function, *args, **kwargs), interrupt=self._interrupt
        )

    async def arrow(self, sql: str, parameters: Parameters = ()) -> pyarrow.Table:
        """Run a SELECT and return its result as an Arrow table. Raises duckdb.Error."""
        return await self._worker.do(
            self._connection.arrow, sql, parameters, interrupt=self._interrupt
        )

    async def interrupt(self) -> None:
        """Stop what runs and skip what waits; return when the thread is out of it.

        Those who await the statements get duckdb.InterruptException. May be called from another
        event loop. COMMIT and ROLLBACK are not stopped.
        """
        await self._worker.interrupt()

    # -- transactions

    def begin(self) -> None:
        """Begin a transaction with the next statement."""
        self._connection.begin()

    async def commit(self) -> bool:
        """Commit; return False if an earlier error had ended the transaction.

        Raises duckdb.Error.
        """
        return await self._ended(self._connection.try_commit)

    async def rollback(self) -> None:
        """Roll back, if there is anything to. Raises duckdb.Error."""
        await self._ended(self._connection.rollback)

    async def _ended(self, end: Callable[[], R]) -> R:
        if not self._connection.has_begun:
            return end()  # no statement was sent, so the thread has nothing to do
        return await self._worker.do(end)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun."""
        return self._connection.in_transaction

    @property
    def aborted(self) -> bool:
        """Whether an error ended the transaction, which only ROLLBACK can follow."""
        return self._connection.aborted

    @property
    def autocommit(self) -> bool:
        """Whether SQLAlchemy leaves out `begin()`; nothing else asks."""
        return self._connection.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._connection.autocommit = value

    # -- the end

    @property
    def is_closed(self) -> bool:
        """Whether the connection was closed."""
        return self._worker.has_ended

    async def close(self) -> None:
        """Close, after the statements that wait; an open transaction is rolled back."""
        if not self._worker.has_ended:
            await self._worker.end(self._connection.close)

    def terminate(self) -> None:
        """Close without waiting, from any thread: stop the statements, and leave the rest."""
        if not self._worker.has_ended:
            self._worker.terminate(self._connection.close)


class Rows:
    """The rows of one statement, which the next statement of the connection ends."""

    def __init__(self, connection: driver.Connection, worker: Worker, number: int) -> None:
        self._connection, self._worker, self._number = connection, worker, number

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows. Raises duckdb.Error."""
        return await self._worker.do(
            self._connection.more, self._number, count, interrupt=self._connection.interrupt
        )

    async def close(self) -> None:
        """Forget the rows that are left. Raises duckdb.Error."""
        await self._worker.do(self._connection.drop, self._number)
