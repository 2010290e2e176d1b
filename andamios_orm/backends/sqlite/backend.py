"""SQLite through aiosqlite: one file, one writer at a time, many readers."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from andamios_orm.backends.base import (
    Capabilities,
    EngineOptions,
    Failure,
    FailureKind,
    Isolation,
    RowCursor,
)
from andamios_orm.backends.tasks import to_its_end
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    import aiosqlite

    from andamios_orm.backends.sqlite.connection import Connection

__all__ = ["SQLiteBackend", "quote_all_words"]

R = TypeVar("R")

_WORDS = frozenset({"nothing", "returning"})
"""What SQLite reserves (lang_keywords.html) and SQLAlchemy does not quote; a test compares."""

_CONSTRAINT_DATATYPE = 3091  # Python has no name for it
_BUSY_SECONDS = 30
_BUSY_SLICE_SECONDS = 0.05

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
    "SQLITE_READONLY": "read_only",
    "SQLITE_CANTOPEN": "unavailable",
    "SQLITE_IOERR": "unavailable",
    "SQLITE_FULL": "unavailable",
    "SQLITE_NOTADB": "unavailable",
    "SQLITE_MISMATCH": "unstorable",
    "SQLITE_TOOBIG": "unstorable",
}


def quote_all_words(dialect: sa.Dialect) -> None:
    """Have a dialect quote each name that SQLite would take for a word of its own."""
    preparer = dialect.identifier_preparer
    preparer.reserved_words = preparer.reserved_words | _WORDS


class SQLiteBackend:
    """SQLite 3.37 or newer (strict tables), 2021."""

    name = "sqlite"
    driver = "aiosqlite"
    extra: ClassVar[str | None] = None
    package = "aiosqlite"
    # Each connection has a thread, and beyond a few they only wait for each other's interpreter
    # lock: ten of them need twice the time of three for short reads.
    reads_at_once: int | None = 3
    capabilities = Capabilities(
        schemas=False,
        several_programs=True,
        concurrent_writers=False,
        savepoints=True,
        isolation=("serializable",),
        for_update=False,
        transactional_ddl=True,
        on_delete=("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"),
        deferred_keys=True,
        checked_references=True,
        keys_across_schemas=False,
        circular_tables=True,
        interval_keys=True,
        mutual_inserts=True,
        referenced_updates=True,
        insert_returning=True,
        on_conflict=True,
        update_returning=True,
        column_arrays=False,
        arrow=False,
        interleaved_streams=True,
        infinite_floats=False,
        decimal_digits=15,
        # SQLITE_MAX_VARIABLE_NUMBER since SQLite 3.32.
        max_parameters=32_766,
        max_rows=1024,
        name_bytes=None,
        name_characters=None,
        name_case=False,
        any_name=True,
        shared_index_names=True,
    )

    joined_capabilities = capabilities

    def is_in_memory(self, url: URL) -> bool:
        """Whether the URL names no file."""
        file = url.database or ":memory:"
        return ":memory:" in file or url.query.get("mode") == "memory"

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the file; in memory there is one connection, which is the data."""
        size = 1 if self.is_in_memory(url) else pool_size
        return EngineOptions(url, size, {"async_creator_fn": _opened})

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Set the pragmas of every connection.

        Foreign keys are off by default for historical reasons. The write-ahead log lets readers
        work beside the writer; with it NORMAL loses no consistency, at worst the last commits
        before a power cut. A writer waits for another instead of failing at once.
        """

        quote_all_words(engine.dialect)

        def prepare(connection: DBAPIConnection, record: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA foreign_keys = ON")
            if not in_memory:
                cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = NORMAL")
            # From here on patiently() waits, in slices of this length.
            cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SLICE_SECONDS * 1000:.0f}")
            cursor.close()

        event.listen(engine, "connect", prepare)

    async def fetch(self, driver: Connection, sql: str, parameters: Sequence[object]) -> list[Row]:
        """Run a statement and return its rows."""
        try:
            return await driver.fetch(sql, parameters)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        return await self.patiently(lambda: driver.fetch(sql, parameters))

    async def run(self, driver: Connection, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        return await self.patiently(lambda: driver.run(sql, parameters))

    async def open(self, driver: Connection, sql: str, parameters: Sequence[object]) -> RowCursor:
        """Run a SELECT and return its rows, which SQLite finds as they are asked for."""
        return await self.patiently(lambda: driver.open(sql, parameters))

    async def hold_counter(self, driver: Connection, column: sa.Column[Any]) -> None:
        """There is one writer at a time."""

    async def move_counter(self, driver: Connection, column: sa.Column[Any], highest: int) -> None:
        """SQLite counts on from the highest key that there ever was."""

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Repeat a call while another writer is at work, for half a minute at most.

        SQLite would wait by itself, but in a way that a cancellation could not end.
        """
        give_up: float | None = None
        while True:
            try:
                return await call()
            except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
                if not _is_busy(getattr(error, "orig", error)):
                    raise
                now = time.monotonic()
                give_up = now + _BUSY_SECONDS if give_up is None else give_up
                if now >= give_up:
                    raise

    def writer_key(self, url: URL) -> str | None:
        """SQLite's own lock has writers wait, also those of other programs."""
        return None

    creation_lock: tuple[str, str] | None = None

    async def begin(
        self, driver: Connection, *, read_only: bool, isolation: Isolation | None, at_once: bool
    ) -> tuple[str, ...]:
        """Begin with the next statement: IMMEDIATE for writers; readers are kept from writing.

        Both are serializable: writers take turns, and a reader sees one state of the file.

        A deferred transaction that reads first and writes later loses to another writer in
        between, and its own write then fails; taking the write lock at once makes it wait.
        """
        told = driver.begin(read_only=read_only)
        if at_once:
            await self.patiently(driver.run_before)
        return told

    async def rollback(self, driver: Connection) -> None:
        """Roll back, if the transaction has begun."""
        await driver.rollback()

    async def commit(self, driver: Connection) -> bool:
        """Commit."""
        await self.patiently(driver.commit)
        return True

    async def interrupt(self, driver: Connection) -> None:
        """Stop the running statement, and return when the thread is out of it."""
        await driver.interrupt()

    def is_usable(self, driver: Connection) -> bool:
        """Whether the connection is outside a transaction, and can write."""
        return driver.is_free

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of sqlite3 means."""
        if isinstance(error, OverflowError | UnicodeEncodeError | sqlite3.DataError):
            return Failure(kind="unstorable", code="SQLITE_RANGE")
        if not isinstance(error, sqlite3.Error):
            return None
        code = _code(error)
        kind = _kind(code)
        message = str(error)
        if index := _NAMED_INDEX.fullmatch(message):
            return Failure(kind=kind, code=code, constraint=index[1])
        if named := _NAMED_COLUMNS.fullmatch(message):
            return _columns_failure(kind, code, named[1])
        if check := _NAMED_CHECK.fullmatch(message):
            return Failure(kind=kind, code=code, constraint=check[1])
        if typed := _STRICT_TYPE.fullmatch(message):
            return Failure(kind=kind, code=code, table=typed[1], columns=(typed[2],))
        if code == "SQLITE_CONSTRAINT_TRIGGER" and message != "FOREIGN KEY constraint failed":
            return Failure(kind="other", code=code)  # RAISE() in a trigger; the text is its own
        return Failure(kind=kind, code=code, summary=message if _SPEAKING.match(message) else "")

    async def explain(
        self,
        driver: aiosqlite.Connection,
        error: BaseException,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the foreign key that SQLite's error does not name.

        The statement runs again with the check put off to the commit, SQLite lists what is
        broken, and all of it is undone.
        """
        try:
            return await self._explained_by_repeating(driver, sql, parameters, table)
        except sqlite3.Error:
            # With the check put off, the statement can come as far as another failure.
            return None

    async def explain_commit(
        self, driver: aiosqlite.Connection, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the one deferred foreign key that is broken in the transaction, still open."""
        owners = {
            key.table.name
            for table in metadata.tables.values()
            for key in table.foreign_key_constraints
            if (key.initially or "").upper() == "DEFERRED"
        }
        try:
            found = {(row[0], row[3]) for row in await self._broken(driver, owners)}
            return await self._key(driver, *found.pop()) if len(found) == 1 else None
        except sqlite3.Error:
            return None

    async def _explained_by_repeating(
        self, driver: aiosqlite.Connection, sql: str, parameters: Sequence[object], table: sa.Table
    ) -> tuple[str, tuple[str, ...]] | None:
        [(deferred,)] = await self._all(driver, "PRAGMA defer_foreign_keys")
        await self._all(driver, "SAVEPOINT explain_foreign_key")
        try:
            await self._all(driver, "PRAGMA defer_foreign_keys = ON")
            near = _neighbours(table)
            before = await self._broken(driver, near)
            await self._all(driver, sql, parameters)
            broken = [row for row in await self._broken(driver, near) if row not in before]
        finally:
            await self._all(driver, "ROLLBACK TO explain_foreign_key")
            await self._all(driver, "RELEASE explain_foreign_key")
            await self._all(driver, f"PRAGMA defer_foreign_keys = {deferred}")
        # A trigger may have broken a reference between two other tables.
        return await self._key(driver, broken[0][0], broken[0][3]) if broken else None

    async def _all(
        self, driver: aiosqlite.Connection, sql: str, parameters: Sequence[object] = ()
    ) -> list[Row]:
        """Run a statement on a connection that may be of the user's own engine."""
        return list(await self.patiently(lambda: driver.execute_fetchall(sql, parameters)))

    async def _key(
        self, driver: aiosqlite.Connection, owner: str, number: int
    ) -> tuple[str, tuple[str, ...]]:
        """Return the table and columns of a foreign key, which SQLite gives by number."""
        keys = await self._all(driver, f"PRAGMA foreign_key_list({_quoted(owner)})")
        return owner, tuple(key[3] for key in keys if key[0] == number)

    async def _broken(self, driver: aiosqlite.Connection, names: set[str]) -> list[tuple[Any, ...]]:
        """Return SQLite's list of broken references from the tables."""
        found: list[tuple[Any, ...]] = []
        for name in sorted(names):
            check = f"PRAGMA foreign_key_check({_quoted(name)})"
            found += map(tuple, await self._all(driver, check))
        return found


def _neighbours(table: sa.Table) -> set[str]:
    """Return the names of the table and of those that refer to it."""
    return {table.name} | {
        other.name
        for other in table.metadata.tables.values()
        for key in other.foreign_key_constraints
        if key.referred_table is table
    }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Names may hold any character; a table's, which is found by the first point, all but points.
_NAMED_COLUMNS = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (.+)", re.DOTALL)
_NAMED_INDEX = re.compile(r"UNIQUE constraint failed: index '(.+)'", re.DOTALL)
_NAMED_CHECK = re.compile(r"CHECK constraint failed: (.+)", re.DOTALL)
_STRICT_TYPE = re.compile(r"cannot store \w+ value in \w+ column ([^.]+)\.(.+)", re.DOTALL)
# Messages that name tables and syntax. Others may quote values: a JSON path, a search term.
_SPEAKING = re.compile(
    r"no such (table|column|index|savepoint|function|collation)|near \"|ambiguous column|"
    r"(table|index) .+ already exists|.+ has no column|incomplete input|too many |"
    r"database |unable to open|disk I/O|file is not|attempt to write|cannot (start|commit|rollback)"
)


async def _opened(*args: Any, **kwargs: Any) -> Connection:
    """Open a connection to its end: a cancelled aiosqlite would forget the file it opened."""
    # Loaded when a database is opened, not when the library is imported.
    from andamios_orm.backends.sqlite.connection import opened  # noqa: PLC0415 - its first use

    connection = opened(*args, **kwargs)
    try:
        return cast("Connection", await to_its_end(connection))
    except asyncio.CancelledError:
        await to_its_end(connection.close())
        raise


def _is_busy(error: object) -> bool:
    return _code(error) == "SQLITE_BUSY"


def _code(error: object) -> str | None:
    if getattr(error, "sqlite_errorcode", None) == _CONSTRAINT_DATATYPE:
        return "SQLITE_CONSTRAINT_DATATYPE"
    return getattr(error, "sqlite_errorname", None)


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
    table, _, columns = named.partition(".")
    return Failure(kind=kind, code=code, table=table, columns=tuple(columns.split(f", {table}.")))
