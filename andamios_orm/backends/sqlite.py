"""SQLite through aiosqlite: one file, one writer at a time, many readers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from andamios_orm.backends.base import Capabilities, EngineOptions, Failure, FailureKind
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    import aiosqlite

__all__ = ["SQLiteBackend"]

_BUSY_SECONDS = 30

_KINDS: dict[str, FailureKind] = {
    "SQLITE_CONSTRAINT_UNIQUE": "unique",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_ROWID": "unique",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign_key",
    "SQLITE_CONSTRAINT_TRIGGER": "foreign_key",  # ON DELETE RESTRICT reports itself so
    "SQLITE_CONSTRAINT_CHECK": "check",
    "SQLITE_CONSTRAINT_DATATYPE": "check",
    "SQLITE_CONSTRAINT_NOTNULL": "not_null",
    "SQLITE_BUSY": "conflict",
    "SQLITE_BUSY_SNAPSHOT": "conflict",
    "SQLITE_LOCKED": "conflict",
    "SQLITE_CANTOPEN": "unavailable",
    "SQLITE_IOERR": "unavailable",
    "SQLITE_FULL": "unavailable",
    "SQLITE_NOTADB": "unavailable",
    "SQLITE_MISMATCH": "unstorable",
    "SQLITE_TOOBIG": "unstorable",
}


class SQLiteBackend:
    """SQLite 3.37 or newer (strict tables), 2021."""

    name = "sqlite"
    driver = "aiosqlite"
    extra: ClassVar[str | None] = None
    capabilities = Capabilities(
        schemas=False,
        concurrent_writers=False,
        # SQLITE_MAX_VARIABLE_NUMBER since SQLite 3.32.
        max_parameters=32_766,
    )

    def is_in_memory(self, url: URL) -> bool:
        """Whether the URL names no file."""
        return url.database in (None, "", ":memory:")

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the file; in memory there is one connection, which is the data."""
        size = 1 if self.is_in_memory(url) else pool_size
        return EngineOptions(url, size, {})

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Set the pragmas of every connection.

        Foreign keys are off by default for historical reasons. The write-ahead log lets readers
        work beside the writer; with it NORMAL loses no consistency, at worst the last commits
        before a power cut. A writer waits for another instead of failing at once.
        """

        def prepare(connection: DBAPIConnection, record: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
            if not in_memory:
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.close()

        event.listen(engine, "connect", prepare)

    async def fetch(
        self, driver: aiosqlite.Connection, sql: str, parameters: Sequence[object]
    ) -> list[Row]:
        """Run a statement and return its rows, in one hop to the connection's thread."""
        return list(await driver.execute_fetchall(sql, parameters))

    async def run(
        self, driver: aiosqlite.Connection, sql: str, parameters: Sequence[object]
    ) -> int:
        """Run a statement and return how many rows it changed."""
        async with driver.execute(sql, parameters) as cursor:
            return cursor.rowcount

    def begin(self, *, read_only: bool) -> str:
        """Return BEGIN IMMEDIATE for writers.

        A deferred transaction that reads first and writes later loses to another writer in
        between, and its own write then fails; taking the write lock at once makes it wait.
        """
        return "BEGIN" if read_only else "BEGIN IMMEDIATE"

    async def commit(self, driver: aiosqlite.Connection) -> bool:
        """Commit."""
        await self.run(driver, "COMMIT", ())
        return True

    async def interrupt(self, driver: aiosqlite.Connection) -> None:
        """Stop the running statement; without it the thread would work on to its end."""
        await driver.interrupt()

    def is_usable(self, driver: aiosqlite.Connection) -> bool:
        """Whether no transaction is open on the connection."""
        return not driver.in_transaction

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of sqlite3 means."""
        if isinstance(error, OverflowError | UnicodeEncodeError | sqlite3.DataError):
            return Failure(kind="unstorable", code="SQLITE_RANGE")
        if not isinstance(error, sqlite3.Error):
            return None
        code = getattr(error, "sqlite_errorname", None)
        kind = _kind(code)
        message = str(error)
        if kind in ("unique", "not_null") and (named := _NAMED_COLUMNS.search(message)):
            return _columns_failure(kind, code, named[1])
        if kind == "unique" and (index := _NAMED_INDEX.search(message)):
            return Failure(kind=kind, code=code, constraint=index[1])
        if kind == "check" and (check := _NAMED_CHECK.search(message)):
            return Failure(kind=kind, code=code, constraint=check[1])
        if kind == "check" and (typed := _STRICT_TYPE.search(message)):
            return Failure(kind=kind, code=code, table=typed[1], columns=(typed[2],))
        # SQLite's other messages name tables and syntax, never values.
        return Failure(kind=kind, code=code, summary=message if kind == "other" else "")

    async def explain_foreign_key(
        self,
        driver: aiosqlite.Connection,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the foreign key that SQLite's error does not name.

        The statement runs again with the check put off to the commit, SQLite lists what is
        broken, and all of it is undone.
        """
        in_transaction = driver.in_transaction
        await self.run(driver, "SAVEPOINT explain_foreign_key", ())
        try:
            await self.run(driver, "PRAGMA defer_foreign_keys = ON", ())
            before = await self._broken(driver, table)
            await self.fetch(driver, sql, parameters)
            broken = [row for row in await self._broken(driver, table) if row not in before]
        except sqlite3.IntegrityError:
            # RESTRICT does not wait for the commit.
            broken = []
        finally:
            await self.run(driver, "ROLLBACK TO explain_foreign_key", ())
            await self.run(driver, "RELEASE explain_foreign_key", ())
            if in_transaction:
                await self.run(driver, "PRAGMA defer_foreign_keys = OFF", ())
        if broken:
            owner, _, _, number = broken[0]
            keys = await self.fetch(driver, f'PRAGMA foreign_key_list("{owner}")', ())
            return owner, tuple(key[3] for key in keys if key[0] == number)
        restricting = [
            (other.name, tuple(c.name for c in key.columns))
            for other in table.metadata.tables.values()
            for key in other.foreign_key_constraints
            if key.referred_table is table and key.ondelete == "RESTRICT"
        ]
        return restricting[0] if len(restricting) == 1 else None

    async def _broken(self, driver: aiosqlite.Connection, table: sa.Table) -> list[tuple[Any, ...]]:
        """Return SQLite's list of broken references from and to the table."""
        names = {table.name} | {
            other.name
            for other in table.metadata.tables.values()
            for key in other.foreign_key_constraints
            if key.referred_table is table
        }
        found: list[tuple[Any, ...]] = []
        for name in sorted(names):
            found += map(tuple, await self.fetch(driver, f'PRAGMA foreign_key_check("{name}")', ()))
        return found


_NAMED_COLUMNS = re.compile(r"constraint failed: (\w+\.[^:]+)$")
_NAMED_INDEX = re.compile(r"constraint failed: index '(.+)'$")
_NAMED_CHECK = re.compile(r"CHECK constraint failed: (\w+)$")
_STRICT_TYPE = re.compile(r"cannot store \w+ value in \w+ column (\w+)\.(\w+)$")


def _kind(code: str | None) -> FailureKind:
    """Return the kind of an error name, which may be an extension of a general one."""
    name = code or ""
    while name:
        if name in _KINDS:
            return _KINDS[name]
        name = name.rpartition("_")[0]
    return "other"


def _columns_failure(kind: FailureKind, code: str | None, named: str) -> Failure:
    """Read `hero.name, hero.team_id`."""
    pairs = [part.partition(".") for part in named.split(", ")]
    return Failure(
        kind=kind, code=code, table=pairs[0][0], columns=tuple(column for _, _, column in pairs)
    )
