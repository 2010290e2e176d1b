"""aiosqlite's connection, with whole steps of a transaction in one hop to its thread.

The hop costs more than most statements, and a cursor of aiosqlite needs three of them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import aiosqlite

__all__ = ["Connection", "opened"]

R = TypeVar("R")
Row: TypeAlias = Sequence[Any]
Parameters: TypeAlias = Sequence[Any]

_INTERRUPT_SECONDS = 0.005
_READ_ONLY = "PRAGMA query_only = ON"


class Connection(aiosqlite.Connection):
    """A connection that begins its transaction together with the first statement."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As SQLAlchemy does: a connection that nobody closed does not keep the program alive.
        self._thread.daemon = True
        self._before: tuple[str, ...] = ()
        self._is_read_only = False

    async def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return its rows. Raises sqlite3.Error."""
        return await self._on_thread(self._fetched, sql, parameters)

    async def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement and return how many rows it changed. Raises sqlite3.Error."""
        return await self._on_thread(self._run, sql, parameters)

    async def open(self, sql: str, parameters: Parameters = ()) -> Rows:
        """Run a statement and return its rows without reading them. Raises sqlite3.Error."""
        return Rows(self, await self._on_thread(self._opened, sql, parameters))

    # -- transactions

    def begin(self, *, read_only: bool) -> tuple[str, ...]:
        """Begin with the next statement of this class; return what SQLite will be told."""
        self._before = (_READ_ONLY, "BEGIN") if read_only else ("BEGIN IMMEDIATE",)
        return self._before

    async def run_before(self) -> None:
        """Begin without a statement. Raises sqlite3.Error."""
        await self._on_thread(self._run_before)

    @property
    def is_free(self) -> bool:
        """Whether it is open and can write, and no transaction is open or about to begin."""
        return self.is_open and not (self.in_transaction or self._before or self._is_read_only)

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return self._connection is not None

    async def commit(self) -> None:
        """Commit what has begun, and let the connection write again. Raises sqlite3.Error."""
        if self._before:
            await self.rollback()  # no statement came
        else:
            await self._on_thread(self._commit)

    async def rollback(self) -> None:
        """Roll back what has begun, and let the connection write again. Raises sqlite3.Error."""
        self._before = ()
        if self.is_open and (self.in_transaction or self._is_read_only):
            await self._on_thread(self._rollback)

    async def interrupt(self) -> None:
        """Stop the running statement; without it the thread would work on to its end.

        The thread may not have taken the statement up yet, so it is stopped again until the
        thread comes to a call that is behind it.
        """
        answer = asyncio.ensure_future(self._on_thread(_nothing))
        while not answer.done():
            await super().interrupt()
            await asyncio.wait({answer}, timeout=_INTERRUPT_SECONDS)

    # -- on the thread

    def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do what aiosqlite does, whose log at the level DEBUG would show all parameters."""
        call = _Unspoken(fn, args, kwargs)
        return super()._execute(call)  # type: ignore[no-untyped-call] # aiosqlite's

    async def _on_thread(self, function: Callable[..., R], *arguments: object) -> R:
        # What aiosqlite offers its own methods; the public ones take a hop for each step.
        result: R = await self._execute(function, *arguments)
        return result

    def _fetched(self, sql: str, parameters: Parameters) -> list[Row]:
        if self._before:
            self._run_before()
        return self._conn.execute(sql, parameters).fetchall()

    def _run(self, sql: str, parameters: Parameters) -> int:
        if self._before:
            self._run_before()
        return self._conn.execute(sql, parameters).rowcount

    def _opened(self, sql: str, parameters: Parameters) -> sqlite3.Cursor:
        if self._before:
            self._run_before()
        return self._conn.execute(sql, parameters)

    def _run_before(self) -> None:
        # What has run is forgotten one by one: the rest is repeated where the file was locked.
        while self._before:
            self._is_read_only = self._is_read_only or self._before[0] == _READ_ONLY
            self._conn.execute(self._before[0])
            self._before = self._before[1:]

    def _commit(self) -> None:
        # A COMMIT of the user's may have ended a transaction that only read; nothing is lost.
        if self._conn.in_transaction or not self._is_read_only:
            self._conn.execute("COMMIT")
        self._let_write()

    def _rollback(self) -> None:
        if self._conn.in_transaction:
            self._conn.execute("ROLLBACK")
        self._let_write()

    def _let_write(self) -> None:
        if self._is_read_only:
            self._conn.execute("PRAGMA query_only = OFF")
            self._is_read_only = False


class Rows:
    """Rows that are read on the connection's thread, batch by batch."""

    def __init__(self, connection: Connection, cursor: sqlite3.Cursor) -> None:
        self._connection, self._cursor = connection, cursor

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows. Raises sqlite3.Error."""
        return await self._connection._on_thread(self._cursor.fetchmany, count)  # noqa: SLF001 - its other half

    async def close(self) -> None:
        """Let SQLite forget the statement; the snapshot that it reads would stay."""
        if self._connection.is_open:
            await self._connection._on_thread(self._cursor.close)  # noqa: SLF001 - as above


class _Unspoken:
    """A call whose arguments are in no representation of it."""

    __slots__ = ("_arguments", "_function", "_keywords")

    def __init__(
        self, function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        self._function, self._arguments, self._keywords = function, arguments, keywords

    def __call__(self) -> Any:
        return self._function(*self._arguments, **self._keywords)

    def __repr__(self) -> str:
        return f"<call of {getattr(self._function, '__name__', 'a function')}>"


def _nothing() -> None:
    """Return: the thread has come this far."""


def opened(database: str, **options: Any) -> Connection:
    """Return a connection that opens the file when it is awaited."""
    return Connection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
