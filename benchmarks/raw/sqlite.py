"""aiosqlite, one hop to its thread per statement."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import aiosqlite

from benchmarks.raw.base import CHANGED, LIST, WRITTEN, Floor, NewUser, User, json_text, user, users
from benchmarks.workload import ADDED, CONNECTIONS, FILTERED, LARGE

__all__ = ["SQLiteFloor", "opened"]

_CREATE = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    age INTEGER NOT NULL,
    active INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    balance REAL NOT NULL,
    meta TEXT NOT NULL
) STRICT
"""
_PLACES = "(?, ?, ?, ?, ?, ?, ?)"
_GET = f"SELECT {LIST} FROM users WHERE id = ?"
_FILTER = (
    f"SELECT {LIST} FROM users WHERE age >= ? AND active = ? ORDER BY age, id LIMIT {FILTERED}"
)
_BEYOND = f"SELECT {LIST} FROM users WHERE (age, id) > (?, ?) ORDER BY age, id LIMIT ?"
_READ = f"SELECT {LIST} FROM users ORDER BY id LIMIT {LARGE}"
_INSERT = f"INSERT INTO users ({WRITTEN}) VALUES {_PLACES} RETURNING {LIST}"
_UPSERT = _INSERT.replace(" RETURNING", f" ON CONFLICT (email) DO UPDATE SET {CHANGED} RETURNING")
_UPDATE = f"UPDATE users SET name = ? WHERE id = ? RETURNING {LIST}"


async def opened(url: str) -> SQLiteFloor:
    """Open the file of a URL."""
    path = url.removeprefix("sqlite:///")
    return SQLiteFloor(path, await _connected(path))


async def _connected(path: str) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None)
    for pragma in (
        "foreign_keys = ON",
        "busy_timeout = 30000",
        "journal_mode = WAL",
        "synchronous = NORMAL",
    ):
        await connection.execute_fetchall(f"PRAGMA {pragma}")
    return connection


async def _get(connection: aiosqlite.Connection, key: int) -> User:
    (row,) = await connection.execute_fetchall(_GET, (key,))
    return user(row)


class SQLiteFloor(Floor):
    """A held connection to a file."""

    def __init__(self, path: str, connection: aiosqlite.Connection) -> None:
        self._path = path
        self._connection = connection
        self._pool: asyncio.Queue[aiosqlite.Connection] | None = None

    async def create(self) -> None:
        await self._connection.execute_fetchall("DROP TABLE IF EXISTS users")
        await self._connection.execute_fetchall(_CREATE)
        await self._connection.execute_fetchall("CREATE INDEX users_age ON users (age, id)")

    async def analyze(self) -> None:
        await self._connection.execute_fetchall("ANALYZE")

    async def asked(self, sql: str) -> Sequence[Sequence[Any]]:
        return list(await self._connection.execute_fetchall(sql))

    async def of_keys(self, sql: str, keys: Sequence[int]) -> Sequence[Sequence[Any]]:
        marks = f"({', '.join('?' * len(keys))})"
        return list(await self._connection.execute_fetchall(sql.format(keys=marks), keys))

    async def version(self) -> str:
        return sqlite3.sqlite_version

    async def close(self) -> None:
        if self._pool is not None:
            for _ in range(CONNECTIONS):
                await (await self._pool.get()).close()
        await self._connection.close()

    async def get(self, key: int) -> User:
        return await _get(self._connection, key)

    async def filter(self, age: int) -> list[User]:
        return users(await self._connection.execute_fetchall(_FILTER, (age, 1)))

    async def beyond(self, age: int, key: int, limit: int) -> list[User]:
        return users(await self._connection.execute_fetchall(_BEYOND, (age, key, limit)))

    async def read(self) -> list[User]:
        return users(await self._connection.execute_fetchall(_READ))

    async def insert(self, new: NewUser) -> User:
        (row,) = await self._connection.execute_fetchall(_INSERT, _values(new))
        return user(row)

    async def bulk(self, new: Sequence[NewUser]) -> list[User]:
        places = ", ".join([_PLACES] * len(new))
        values = [value for one in new for value in _values(one)]
        rows = await self._connection.execute_fetchall(
            f"INSERT INTO users ({WRITTEN}) VALUES {places} RETURNING {LIST}", values
        )
        return users(sorted(rows))

    async def update(self, key: int, name: str) -> User:
        (row,) = await self._connection.execute_fetchall(_UPDATE, (name, key))
        return user(row)

    async def upsert(self, new: NewUser) -> User:
        (row,) = await self._connection.execute_fetchall(_UPSERT, _values(new))
        return user(row)

    async def tasks(self, wanted: Sequence[int]) -> list[User]:
        pool = await self._filled_pool()

        async def one(key: int) -> User:
            connection = await pool.get()
            try:
                return await _get(connection, key)
            finally:
                pool.put_nowait(connection)

        return await asyncio.gather(*map(one, wanted))

    async def transaction(self, key: int) -> User:
        pool = await self._filled_pool()
        connection = await pool.get()
        try:
            await connection.execute_fetchall("BEGIN IMMEDIATE")
            try:
                found = await _get(connection, key)
            except BaseException:
                await connection.execute_fetchall("ROLLBACK")
                raise
            await connection.execute_fetchall("COMMIT")
            return found
        finally:
            pool.put_nowait(connection)

    async def connect(self, key: int) -> User:
        connection = await _connected(self._path)
        try:
            return await _get(connection, key)
        finally:
            await connection.close()

    async def begin(self) -> None:
        await self._connection.execute_fetchall("BEGIN IMMEDIATE")

    async def rollback(self) -> None:
        await self._connection.execute_fetchall("ROLLBACK")

    async def remove_added(self) -> None:
        await self._connection.execute_fetchall("DELETE FROM users WHERE id > ?", (ADDED,))

    async def _filled_pool(self) -> asyncio.Queue[aiosqlite.Connection]:
        if self._pool is None:
            self._pool = asyncio.LifoQueue()
            for _ in range(CONNECTIONS):
                self._pool.put_nowait(await _connected(self._path))
        return self._pool


def _values(new: NewUser) -> tuple[Any, ...]:
    return (
        new.email,
        new.name,
        new.age,
        int(new.active),
        new.created_at.isoformat(" ", "microseconds"),
        float(new.balance),
        json_text(new.meta),
    )
