"""duckdb on a thread of its own, with the prepared statements kept by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from benchmarks.raw.base import CHANGED, LIST, WRITTEN, Floor, NewUser, User, json_text, user, users
from benchmarks.workload import ADDED, COLUMNS, CONNECTIONS, FILTERED, LARGE

__all__ = ["DuckDBFloor", "opened"]

R = TypeVar("R")

_CREATE = """
DROP TABLE IF EXISTS users;
DROP SEQUENCE IF EXISTS users_id_seq;
CREATE SEQUENCE users_id_seq;
CREATE TABLE users (
    id BIGINT PRIMARY KEY DEFAULT nextval('users_id_seq'),
    email VARCHAR NOT NULL UNIQUE,
    name VARCHAR NOT NULL,
    age BIGINT NOT NULL,
    active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    balance DECIMAL(12, 2) NOT NULL,
    meta JSON NOT NULL
);
CREATE INDEX users_age ON users (age, id)
"""
_GET = f"SELECT {LIST} FROM users WHERE id = $1"
_FILTER = (
    f"SELECT {LIST} FROM users WHERE age >= $1 AND active = $2 ORDER BY age, id LIMIT {FILTERED}"
)
_BEYOND = (
    f"SELECT {LIST} FROM users WHERE age >= $1 AND (age > $1 OR id > $2) ORDER BY age, id LIMIT $3"
)
_READ = f"SELECT {LIST} FROM users ORDER BY id LIMIT {LARGE}"
_INSERT = f"INSERT INTO users ({WRITTEN}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {LIST}"
_UPSERT = _INSERT.replace(" RETURNING", f" ON CONFLICT (email) DO UPDATE SET {CHANGED} RETURNING")
_BULK = f"INSERT INTO users ({WRITTEN}) SELECT {WRITTEN} FROM new_users RETURNING {LIST}"
_UPDATE = f"UPDATE users SET name = $1 WHERE id = $2 RETURNING {LIST}"
_ARROW: list[tuple[str, pa.DataType]] = [
    ("email", pa.string()),
    ("name", pa.string()),
    ("age", pa.int64()),
    ("active", pa.bool_()),
    ("created_at", pa.timestamp("us", tz="UTC")),
    ("balance", pa.decimal128(12, 2)),
    ("meta", pa.string()),
]


async def opened(url: str) -> DuckDBFloor:
    """Open the file of a URL."""
    path = url.removeprefix("duckdb:///")
    return DuckDBFloor(path, _Held(_connected(path)))


def _connected(path: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(path)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


_Call: TypeAlias = tuple[
    Callable[..., Any], tuple[object, ...], asyncio.AbstractEventLoop, "asyncio.Future[Any]"
]


class _Worker:
    """The least that lets an event loop wait for a blocking driver: a thread and a queue."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    async def do(self, function: Callable[..., R], *arguments: object) -> R:
        """Call on the thread and return the result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._calls.put((function, arguments, loop, future))
        return await future

    def end(self) -> None:
        """Let the thread end."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, arguments, loop, future = call
            try:
                result = function(*arguments)
            except BaseException as error:
                loop.call_soon_threadsafe(future.set_exception, error)
            else:
                loop.call_soon_threadsafe(future.set_result, result)


class _Held:
    """A connection, its thread and its prepared statements."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._worker = _Worker()
        self._statements: dict[str, Any] = {}

    async def fetch(self, sql: str, *parameters: object) -> list[Any]:
        """Run a statement and return its rows."""
        return await self._worker.do(self._fetch, sql, parameters)

    async def fetch_from(self, sql: str, new_users: pa.Table) -> list[Any]:
        """Run a statement that reads `new_users`, and return its rows."""
        return await self._worker.do(self._fetch_from, sql, new_users)

    async def connected_get(self, path: str, key: int) -> list[Any]:
        """Open the file once more for one statement."""
        return await self._worker.do(_connected_get, path, key)

    def close(self) -> None:
        """End the thread and close the connection."""
        self._worker.end()
        self._statements.clear()
        self.connection.close()

    def _fetch(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        statement = self._statements.get(sql)
        if statement is None:
            (statement,) = self.connection.extract_statements(sql)
            self._statements[sql] = statement
        return self.connection.execute(statement, parameters).fetchall()

    def _fetch_from(self, sql: str, new_users: pa.Table) -> list[Any]:
        self.connection.register("new_users", new_users)
        try:
            return self.connection.execute(sql).fetchall()
        finally:
            self.connection.unregister("new_users")


def _connected_get(path: str, key: int) -> list[Any]:
    connection = _connected(path)
    try:
        return connection.execute(_GET, [key]).fetchall()
    finally:
        connection.close()


async def _get(held: _Held, key: int) -> User:
    (row,) = await held.fetch(_GET, key)
    return user(row)


class DuckDBFloor(Floor):
    """A held connection to a file."""

    def __init__(self, path: str, held: _Held) -> None:
        self._path = path
        self._held = held
        self._pool: asyncio.Queue[_Held] | None = None

    async def create(self) -> None:
        for statement in _CREATE.split(";"):
            await self._held.fetch(statement)

    async def analyze(self) -> None:
        await self._held.fetch("CHECKPOINT")

    async def asked(self, sql: str) -> Sequence[Sequence[Any]]:
        return await self._held.fetch(sql)

    async def of_keys(self, sql: str, keys: Sequence[int]) -> Sequence[Sequence[Any]]:
        return await self._held.fetch(sql.format(keys="(SELECT unnest(?::BIGINT[]))"), keys)

    async def version(self) -> str:
        return duckdb.__version__

    async def close(self) -> None:
        if self._pool is not None:
            for _ in range(CONNECTIONS):
                (await self._pool.get()).close()
        self._held.close()

    async def get(self, key: int) -> User:
        return await _get(self._held, key)

    async def filter(self, age: int) -> list[User]:
        return users(await self._held.fetch(_FILTER, age, True))

    async def beyond(self, age: int, key: int, limit: int) -> list[User]:
        return users(await self._held.fetch(_BEYOND, age, key, limit))

    async def read(self) -> list[User]:
        return users(await self._held.fetch(_READ))

    async def insert(self, new: NewUser) -> User:
        (row,) = await self._held.fetch(_INSERT, *_values(new))
        return user(row)

    async def bulk(self, new: Sequence[NewUser]) -> list[User]:
        columns = map(list, zip(*map(_values, new), strict=True))
        arrays = dict(zip(COLUMNS[1:], columns, strict=True))
        table = pa.table(arrays, schema=pa.schema(_ARROW))
        return users(sorted(await self._held.fetch_from(_BULK, table)))

    async def update(self, key: int, name: str) -> User:
        (row,) = await self._held.fetch(_UPDATE, name, key)
        return user(row)

    async def upsert(self, new: NewUser) -> User:
        (row,) = await self._held.fetch(_UPSERT, *_values(new))
        return user(row)

    async def tasks(self, wanted: Sequence[int]) -> list[User]:
        pool = self._filled_pool()

        async def one(key: int) -> User:
            held = await pool.get()
            try:
                return await _get(held, key)
            finally:
                pool.put_nowait(held)

        return await asyncio.gather(*map(one, wanted))

    async def transaction(self, key: int) -> User:
        pool = self._filled_pool()
        held = await pool.get()
        try:
            await held.fetch("BEGIN")
            try:
                found = await _get(held, key)
            except BaseException:
                await held.fetch("ROLLBACK")
                raise
            await held.fetch("COMMIT")
            return found
        finally:
            pool.put_nowait(held)

    async def connect(self, key: int) -> User:
        (row,) = await self._held.connected_get(self._path, key)
        return user(row)

    async def begin(self) -> None:
        await self._held.fetch("BEGIN")

    async def rollback(self) -> None:
        await self._held.fetch("ROLLBACK")

    async def remove_added(self) -> None:
        await self._held.fetch("DELETE FROM users WHERE id > $1", ADDED)

    def _filled_pool(self) -> asyncio.Queue[_Held]:
        if self._pool is None:
            self._pool = asyncio.LifoQueue()
            for _ in range(CONNECTIONS):
                self._pool.put_nowait(_Held(self._held.connection.cursor()))
        return self._pool


def _values(new: NewUser) -> tuple[Any, ...]:
    return (
        new.email,
        new.name,
        new.age,
        new.active,
        new.created_at,
        new.balance,
        json_text(new.meta),
    )
