"""asyncmy, whose values are written into the text; an UPDATE is read back, as it returns no row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncmy

from benchmarks.raw.base import LIST, WRITTEN, Floor, NewUser, User, json_text, user, users
from benchmarks.workload import ADDED, COLUMNS, CONNECTIONS, FILTERED, LARGE

__all__ = ["MariaDBFloor", "opened"]

_CREATE = """
CREATE OR REPLACE TABLE users (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    email VARCHAR(200) NOT NULL UNIQUE,
    name VARCHAR(200) NOT NULL,
    age BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at DATETIME(6) NOT NULL,
    balance NUMERIC(12, 2) NOT NULL,
    meta JSON NOT NULL,
    INDEX users_age (age, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin
"""
_PLACES = "(%s, %s, %s, %s, %s, %s, %s)"
_GET = f"SELECT {LIST} FROM users WHERE id = %s"
_FILTER = (
    f"SELECT {LIST} FROM users WHERE age >= %s AND active = %s ORDER BY age, id LIMIT {FILTERED}"
)
_BEYOND = (
    f"SELECT {LIST} FROM users WHERE age >= %s AND (age > %s OR id > %s) ORDER BY age, id LIMIT %s"
)
_READ = f"SELECT {LIST} FROM users ORDER BY id LIMIT {LARGE}"
_INSERT = f"INSERT INTO users ({WRITTEN}) VALUES {_PLACES} RETURNING {LIST}"
_UPSERT = _INSERT.replace(
    " RETURNING",
    f" ON DUPLICATE KEY UPDATE {', '.join(f'{c} = VALUES({c})' for c in COLUMNS[2:])} RETURNING",
)
_UPDATE = "UPDATE users SET name = %s WHERE id = %s"


async def opened(url: str) -> MariaDBFloor:
    """Connect to the server of a URL."""
    return MariaDBFloor(url, await _connected(url))


async def _connected(url: str) -> asyncmy.Connection:
    parts = urlsplit(url)
    return await asyncmy.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        autocommit=True,
    )


async def _fetch(connection: asyncmy.Connection, sql: str, *values: object) -> Sequence[Any]:
    async with connection.cursor() as cursor:
        await cursor.execute(sql, values)
        rows: Sequence[Any] = await cursor.fetchall()
        return rows


async def _get(connection: asyncmy.Connection, key: int) -> User:
    return user(*_in_utc(await _fetch(connection, _GET, key)))


def _in_utc(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield rows with the time zone that a DATETIME does not hold."""
    for key, email, name, age, active, created_at, balance, meta in rows:
        yield key, email, name, age, active, created_at.replace(tzinfo=UTC), balance, meta


class MariaDBFloor(Floor):
    """A held connection to a server."""

    def __init__(self, url: str, connection: asyncmy.Connection) -> None:
        self._url = url
        self._connection = connection
        self._pool: asyncio.Queue[asyncmy.Connection] | None = None
        self._in_transaction = False

    async def create(self) -> None:
        await _fetch(self._connection, _CREATE)

    async def analyze(self) -> None:
        await _fetch(self._connection, "ANALYZE TABLE users")

    async def asked(self, sql: str) -> Sequence[Sequence[Any]]:
        return await _fetch(self._connection, sql)

    async def of_keys(self, sql: str, keys: Sequence[int]) -> Sequence[Sequence[Any]]:
        marks = f"({', '.join(['%s'] * len(keys))})"
        return await _fetch(self._connection, sql.format(keys=marks), *keys)

    async def version(self) -> str:
        ((version,),) = await _fetch(self._connection, "SELECT VERSION()")
        return str(version).partition("-")[0]

    async def close(self) -> None:
        if self._pool is not None:
            for _ in range(CONNECTIONS):
                await (await self._pool.get()).ensure_closed()
        await self._connection.ensure_closed()

    async def get(self, key: int) -> User:
        return await _get(self._connection, key)

    async def filter(self, age: int) -> list[User]:
        return users(_in_utc(await _fetch(self._connection, _FILTER, age, True)))

    async def beyond(self, age: int, key: int, limit: int) -> list[User]:
        return users(_in_utc(await _fetch(self._connection, _BEYOND, age, age, key, limit)))

    async def read(self) -> list[User]:
        return users(_in_utc(await _fetch(self._connection, _READ)))

    async def insert(self, new: NewUser) -> User:
        return user(*_in_utc(await _fetch(self._connection, _INSERT, *_values(new))))

    async def bulk(self, new: Sequence[NewUser]) -> list[User]:
        places = ", ".join([_PLACES] * len(new))
        values = [value for one in new for value in _values(one)]
        rows = await _fetch(
            self._connection,
            f"INSERT INTO users ({WRITTEN}) VALUES {places} RETURNING {LIST}",
            *values,
        )
        return users(_in_utc(sorted(rows)))

    async def update(self, key: int, name: str) -> User:
        if self._in_transaction:
            return await self._update(key, name)
        # Nobody else may change the row before it is read.
        await self._connection.begin()
        found = await self._update(key, name)
        await self._connection.commit()
        return found

    async def _update(self, key: int, name: str) -> User:
        await _fetch(self._connection, _UPDATE, name, key)
        return await _get(self._connection, key)

    async def upsert(self, new: NewUser) -> User:
        return user(*_in_utc(await _fetch(self._connection, _UPSERT, *_values(new))))

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
            await connection.begin()
            try:
                found = await _get(connection, key)
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()
            return found
        finally:
            pool.put_nowait(connection)

    async def connect(self, key: int) -> User:
        connection = await _connected(self._url)
        try:
            return await _get(connection, key)
        finally:
            await connection.ensure_closed()

    async def begin(self) -> None:
        await self._connection.begin()
        self._in_transaction = True

    async def rollback(self) -> None:
        await self._connection.rollback()
        self._in_transaction = False

    async def remove_added(self) -> None:
        await _fetch(self._connection, "DELETE FROM users WHERE id > %s", ADDED)

    async def _filled_pool(self) -> asyncio.Queue[asyncmy.Connection]:
        if self._pool is None:
            self._pool = asyncio.LifoQueue()
            for _ in range(CONNECTIONS):
                self._pool.put_nowait(await _connected(self._url))
        return self._pool


def _values(new: NewUser) -> tuple[Any, ...]:
    return (
        new.email,
        new.name,
        new.age,
        new.active,
        new.created_at.replace(tzinfo=None),
        new.balance,
        json_text(new.meta),
    )
