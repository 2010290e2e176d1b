"""DuckDB in this process: one file, one writer at a time, and analytics at hand."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from andamios_orm.backends.base import Capabilities, EngineOptions, Failure, Isolation
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    from andamios_orm.backends.duckdb.aio import AsyncConnection

__all__ = ["DuckDBBackend"]

R = TypeVar("R")

_numbers = itertools.count(1)


class DuckDBBackend:
    """DuckDB 2.0 or newer."""

    name = "duckdb"
    driver = "andamios"
    package = "duckdb"
    extra: ClassVar[str | None] = None
    capabilities = Capabilities(
        schemas=True,
        several_programs=False,
        concurrent_writers=False,
        savepoints=False,
        # Writers take turns, and readers see one state: nothing that could happen at the same
        # time makes a difference.
        isolation=("serializable",),
        for_update=False,
        transactional_ddl=True,
        on_delete=("RESTRICT", "NO ACTION"),
        mutual_inserts=False,
        referenced_updates=False,
        insert_returning=True,
        update_returning=True,
        column_arrays=True,
        arrow=True,
        infinite_floats=True,
        decimal_digits=38,
        max_parameters=65_535,
    )

    def is_in_memory(self, url: URL) -> bool:
        """Whether the URL names no file."""
        return (url.database or ":memory:").startswith(":memory:")

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the file; in memory, all connections share one database."""
        return EngineOptions(url, pool_size, {})

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """The driver has set up a new connection already."""

    def writer_key(self, url: URL) -> str | None:
        """Return the file that the writers of this program take turns at."""
        if self.is_in_memory(url):
            return f"duckdb::memory:{next(_numbers)}"
        return f"duckdb:{Path(url.database or '').resolve()}"

    async def fetch(
        self, driver: AsyncConnection, sql: str, parameters: Sequence[object]
    ) -> list[Row]:
        """Run a statement and return its rows, in one hop to the connection's thread."""
        rows: list[Row] = list(await driver.fetch(sql, parameters))
        return rows

    async def run(self, driver: AsyncConnection, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        return await driver.run(sql, parameters)

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call: DuckDB waits for nobody, which is why writers take turns before."""
        return await call()

    after_read_only: tuple[str, ...] = ()

    def begin(self, *, read_only: bool, isolation: Isolation | None) -> tuple[str, ...]:
        """Return BEGIN; DuckDB has one level, in which a transaction sees one state."""
        return ("BEGIN TRANSACTION READ ONLY",) if read_only else ("BEGIN TRANSACTION",)

    async def commit(self, driver: AsyncConnection) -> bool:
        """Commit; False after a failed statement, where DuckDB itself would answer success."""
        return await driver.commit()

    async def interrupt(self, driver: AsyncConnection) -> None:
        """Wait until the thread has left the statement that a cancelled task left running."""
        await driver.interrupt()

    def is_usable(self, driver: AsyncConnection) -> bool:
        """Whether the connection is open and outside a transaction."""
        return not (driver.is_closed or driver.in_transaction)

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of duckdb means."""
        # A driver's exception can only come from a database that was opened.
        if not type(error).__module__.startswith(("duckdb", "_duckdb", "andamios_orm.backends")):
            return None
        from andamios_orm.backends.duckdb.messages import failure_of  # noqa: PLC0415

        return failure_of(error)

    async def explain(
        self,
        driver: AsyncConnection,
        error: BaseException,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the key that fits the message, if only one of the table's does."""
        from andamios_orm.backends.duckdb.messages import key_of  # noqa: PLC0415

        return key_of(error, table)

    async def explain_commit(
        self, driver: AsyncConnection, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """Foreign keys are never deferred."""
        return None
