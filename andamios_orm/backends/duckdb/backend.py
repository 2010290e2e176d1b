"""DuckDB behind the repositories: one file, one program, one writer at a time."""

from __future__ import annotations

import itertools
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from andamios_orm.backends.base import (
    Capabilities,
    EngineOptions,
    Failure,
    Isolation,
    RowCursor,
)
from andamios_orm.backends.duckdb.ddl import sequence_name
from andamios_orm.errors import InvalidURL
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    from andamios_orm.backends.duckdb.aio import AsyncConnection

__all__ = ["DuckDBBackend"]

R = TypeVar("R")

_memories = itertools.count(1)


class DuckDBBackend:
    """DuckDB 2.0 or newer."""

    name = "duckdb"
    driver = "andamios"
    package = "duckdb"
    extra: ClassVar[str | None] = None
    reads_at_once: int | None = None
    capabilities = Capabilities(
        schemas=True,
        # Who has the file open to write excludes every other program, also those that read.
        several_programs=False,
        # They could, and would lose updates and leave orphans without an error.
        concurrent_writers=False,
        savepoints=False,
        # By snapshots that begin one after the other.
        isolation=("serializable",),
        for_update=False,
        transactional_ddl=True,
        on_delete=("RESTRICT", "NO ACTION"),
        deferred_keys=False,
        checked_references=True,
        keys_across_schemas=False,
        circular_tables=False,
        interval_keys=False,
        mutual_inserts=False,
        referenced_updates=False,
        insert_returning=True,
        on_conflict=True,
        update_returning=True,
        column_arrays=True,
        arrow=True,
        # A connection has one result, which the next statement replaces.
        interleaved_streams=False,
        infinite_floats=True,
        decimal_digits=38,
        # DuckDB takes more than a million. What follows is the time it needs to read them.
        max_parameters=65_535,
        max_rows=1024,
        name_bytes=None,
        name_characters=None,
        name_case=False,
        any_name=True,
        shared_index_names=True,
    )

    # Nobody takes turns there. Snapshot isolation is what PostgreSQL has under this name too.
    joined_capabilities = replace(
        capabilities, concurrent_writers=True, isolation=("repeatable read",)
    )

    def is_in_memory(self, url: URL) -> bool:
        """A database in memory is shared by the connections of its engine and outlives each."""
        return False

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the URL, whose options are settings of DuckDB. Raises InvalidURL."""
        _require_settings(url.query)
        return EngineOptions(url, pool_size, {})

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """A new connection is set up by the driver."""

    def writer_key(self, url: URL) -> str | None:
        """Return the file; DuckDB does not see everything that two writers do to each other.

        A row deleted by one and changed by the other stays deleted, and both are told of success.
        """
        file = url.database or ":memory:"
        if file == ":memory:":
            return f"duckdb:memory:{next(_memories)}"
        if not file.startswith(":memory:"):
            file = os.path.realpath(os.path.expanduser(file))
        return f"duckdb:{file}"

    def fetch(
        self, driver: AsyncConnection, sql: str, parameters: Sequence[object]
    ) -> Awaitable[list[Row]]:
        """Run a statement and return its rows."""
        return driver.fetch(sql, parameters)  # type: ignore[return-value] # tuples are rows

    async def run(self, driver: AsyncConnection, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        return await driver.run(sql, parameters)

    async def open(
        self, driver: AsyncConnection, sql: str, parameters: Sequence[object]
    ) -> RowCursor:
        """Run a SELECT and return its rows, which DuckDB makes as they are asked for."""
        return await driver.open(sql, parameters)  # type: ignore[return-value] # tuples are rows

    async def fetch_arrow(
        self, driver: AsyncConnection, sql: str, parameters: Sequence[object]
    ) -> list[Row]:
        """Run a SELECT and return its result as a `pyarrow.Table`."""
        return await driver.arrow(sql, parameters)  # type: ignore[return-value] # see ArrowBackend

    async def hold_counter(self, driver: AsyncConnection, column: sa.Column[Any]) -> None:
        """Writers take turns, unless they were told not to."""

    async def move_counter(
        self, driver: AsyncConnection, column: sa.Column[Any], highest: int
    ) -> None:
        """Move the sequence forward, never back."""
        table = column.table
        name = sequence_name(table.name, column.name)
        found = await driver.fetch(_SEQUENCE, (table.schema, name))
        if found and found[0][0] < highest:
            full = ".".join(_quoted(part) for part in (table.schema, name) if part)
            await driver.fetch("SELECT setval($1, $2)", (full, highest))

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call: DuckDB never waits, so that waiting for it would bring nothing."""
        return await call()

    creation_lock: tuple[str, str] | None = None

    async def begin(
        self,
        driver: AsyncConnection,
        *,
        read_only: bool,
        isolation: Isolation | None,
        at_once: bool,
    ) -> tuple[str, ...]:
        """Begin with the next statement, whoever runs it, or at once to read only."""
        if read_only:
            await driver.run("BEGIN READ ONLY")
            return ("BEGIN READ ONLY",)
        driver.begin()
        return ("BEGIN",)

    async def rollback(self, driver: AsyncConnection) -> None:
        """Roll back, if the transaction has begun."""
        await driver.rollback()

    async def commit(self, driver: AsyncConnection) -> bool:
        """Commit. DuckDB's own answer to the COMMIT of a failed transaction is success."""
        return await driver.commit()

    async def interrupt(self, driver: AsyncConnection) -> None:
        """Stop the running statement, if its own cancellation has not done so."""
        await driver.interrupt()

    def is_usable(self, driver: AsyncConnection) -> bool:
        """Whether the connection is open and outside a transaction."""
        return not (driver.is_closed or driver.in_transaction)

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of duckdb means."""
        # Loaded when a database is opened, not when the library is imported.
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
        """Return the key that the exception shows, if only one of the table's can be meant."""
        from andamios_orm.backends.duckdb.explanations import explained  # noqa: PLC0415 - as above

        return await explained(driver, error, sql, parameters, table)

    async def explain_commit(
        self, driver: AsyncConnection, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """The transaction is gone, and DuckDB has no deferred foreign keys."""
        return None


# Its last value is unknown after the file was opened, and its start is then where it goes on.
_SEQUENCE = """
SELECT coalesce(last_value, start_value - 1)
FROM duckdb_sequences()
WHERE schema_name = coalesce($1, current_schema()) AND sequence_name = $2
"""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _require_settings(query: Mapping[str, str | tuple[str, ...]]) -> None:
    """Raise InvalidURL for an option that DuckDB does not take, or not with its value."""
    if not query:
        return
    from andamios_orm.backends.duckdb import driver  # noqa: PLC0415 - as above

    if str(query.get("read_only", "true")).lower() not in _BOOLEANS:
        raise InvalidURL(
            "`read_only` in the URL is neither true nor false", "write ?read_only=true"
        )
    for name, value in query.items():
        # These two are about the file.
        if name in ("read_only", "access_mode"):
            continue
        given = value if isinstance(value, str) else list(value)
        try:
            driver.connect(config={name: given}).close()
        except driver.Error:
            # Its own text would show the value.
            raise InvalidURL(
                f"DuckDB has no setting `{name}`, or not with this value",
                "correct it or remove it from the URL; `SELECT name, description FROM"
                " duckdb_settings()` lists those that there are",
            ) from None


_BOOLEANS = {"1", "on", "true", "yes", "0", "off", "false", "no"}
