"""The same work by hand: the driver's own calls, and pydantic for the result.

This is the floor that the library is measured against: text and parameters written once, one
call to the driver on a connection that is held, one validation per row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from benchmarks.models import Account, Settings, account

if TYPE_CHECKING:
    import aiosqlite
    import asyncmy
    import asyncpg
    import duckdb

__all__ = ["Raw", "RawDuckDB", "RawMariaDB", "RawPostgreSQL", "RawSQLite"]

_Call: TypeAlias = tuple[
    Callable[..., Any], tuple[object, ...], asyncio.AbstractEventLoop, "asyncio.Future[Any]"
]

COLUMNS = tuple(Account.model_fields)
LIST = ", ".join(COLUMNS)
WRITTEN = ", ".join(COLUMNS[1:])

_validate = Account.__pydantic_validator__.validate_python
_read_settings = Settings.model_validate_json


class Raw(Protocol):
    """The operations of the loop, by hand."""

    async def add(self, number: int) -> Account:
        """Insert the n-th account and return it as stored."""
        ...

    async def get(self, key: int) -> Account:
        """Return the account with this key."""
        ...

    async def rename(self, key: int) -> Account:
        """Set the name of an account and return it as stored."""
        ...

    async def delete(self, key: int) -> None:
        """Delete an account."""
        ...

    async def clear(self) -> None:
        """Delete all accounts."""
        ...


def _account(row: Sequence[Any]) -> Account:
    key, email, name, age, active, created_at, balance, settings = row
    found: Account = _validate(
        {
            "id": key,
            "email": email,
            "name": name,
            "age": age,
            "active": active,
            "created_at": created_at,
            "balance": balance,
            "settings": _read_settings(settings),
        }
    )
    return found


class RawSQLite:
    """aiosqlite, one hop to its thread per statement."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def _one(self, sql: str, *parameters: object) -> Account:
        (row,) = await self._connection.execute_fetchall(sql, parameters)
        return _account(row)

    async def add(self, number: int) -> Account:
        """Insert the n-th account and return it as stored."""
        new = account(number)
        return await self._one(
            f"INSERT INTO account ({WRITTEN}) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING {LIST}",
            new.email,
            new.name,
            new.age,
            int(new.active),
            new.created_at.isoformat(" ", "microseconds"),
            float(new.balance),
            new.settings.model_dump_json(),
        )

    async def get(self, key: int) -> Account:
        """Return the account with this key."""
        return await self._one(f"SELECT {LIST} FROM account WHERE id = ?", key)

    async def rename(self, key: int) -> Account:
        """Set the name of an account and return it as stored."""
        return await self._one(
            f"UPDATE account SET name = ? WHERE id = ? RETURNING {LIST}", "Renamed", key
        )

    async def delete(self, key: int) -> None:
        """Delete an account."""
        await self._connection.execute_fetchall("DELETE FROM account WHERE id = ?", (key,))

    async def clear(self) -> None:
        """Delete all accounts."""
        await self._connection.execute_fetchall("DELETE FROM account")


class _Worker:
    """The least that lets an event loop wait for a blocking driver: a thread and a queue."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    async def do(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Call on the thread and return the result."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._calls.put((function, arguments, loop, future))
        return await future

    def end(self) -> None:
        """Let the thread end."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            function, arguments, loop, future = call
            loop.call_soon_threadsafe(future.set_result, function(*arguments))


class RawDuckDB:
    """duckdb on a thread of its own, with the prepared statement kept by hand."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._worker = _Worker()
        self._statements: dict[str, Any] = {}

    def close(self) -> None:
        """End the thread and close the connection."""
        self._worker.end()
        self._statements.clear()
        self._connection.close()

    def _fetch(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        statement = self._statements.get(sql)
        if statement is None:
            (statement,) = self._connection.extract_statements(sql)
            self._statements[sql] = statement
        return self._connection.execute(statement, parameters).fetchall()

    async def _one(self, sql: str, *parameters: object) -> Account:
        (row,) = await self._worker.do(self._fetch, sql, parameters)
        return _account(row)

    async def add(self, number: int) -> Account:
        """Insert the n-th account and return it as stored."""
        new = account(number)
        return await self._one(
            f"INSERT INTO account ({WRITTEN}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {LIST}",
            new.email,
            new.name,
            new.age,
            new.active,
            new.created_at,
            new.balance,
            new.settings.model_dump_json(),
        )

    async def get(self, key: int) -> Account:
        """Return the account with this key."""
        return await self._one(f"SELECT {LIST} FROM account WHERE id = $1", key)

    async def rename(self, key: int) -> Account:
        """Set the name of an account and return it as stored."""
        return await self._one(
            f"UPDATE account SET name = $1 WHERE id = $2 RETURNING {LIST}", "Renamed", key
        )

    async def delete(self, key: int) -> None:
        """Delete an account."""
        await self._worker.do(self._fetch, "DELETE FROM account WHERE id = $1", (key,))

    async def clear(self) -> None:
        """Delete all accounts."""
        await self._worker.do(self._fetch, "DELETE FROM account", ())


class RawMariaDB:
    """asyncmy, whose values are written into the text; an UPDATE is read back."""

    def __init__(self, connection: asyncmy.Connection) -> None:
        self._connection = connection

    async def _fetch(self, sql: str, *parameters: object) -> Sequence[Any]:
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql, parameters)
            rows: Sequence[Any] = await cursor.fetchall()
            return rows

    async def _one(self, sql: str, *parameters: object) -> Account:
        (row,) = await self._fetch(sql, *parameters)
        key, email, name, age, active, created_at, balance, settings = row
        created = created_at.replace(tzinfo=UTC)
        return _account((key, email, name, age, active, created, balance, settings))

    async def add(self, number: int) -> Account:
        """Insert the n-th account and return it as stored."""
        new = account(number)
        return await self._one(
            f"INSERT INTO account ({WRITTEN}) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {LIST}",
            new.email,
            new.name,
            new.age,
            new.active,
            new.created_at.replace(tzinfo=None),
            new.balance,
            new.settings.model_dump_json(),
        )

    async def get(self, key: int) -> Account:
        """Return the account with this key."""
        return await self._one(f"SELECT {LIST} FROM account WHERE id = %s", key)

    async def rename(self, key: int) -> Account:
        """Set the name of an account and return it as stored."""
        await self._connection.begin()
        await self._fetch("UPDATE account SET name = %s WHERE id = %s", "Renamed", key)
        found = await self.get(key)
        await self._connection.commit()
        return found

    async def delete(self, key: int) -> None:
        """Delete an account."""
        await self._fetch("DELETE FROM account WHERE id = %s", key)

    async def clear(self) -> None:
        """Delete all accounts."""
        await self._fetch("DELETE FROM account")


class RawPostgreSQL:
    """asyncpg, with its own cache of prepared statements."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def _one(self, sql: str, *parameters: object) -> Account:
        return _account(await self._connection.fetchrow(sql, *parameters))

    async def add(self, number: int) -> Account:
        """Insert the n-th account and return it as stored."""
        new = account(number)
        return await self._one(
            f"INSERT INTO account ({WRITTEN}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {LIST}",
            new.email,
            new.name,
            new.age,
            new.active,
            new.created_at,
            new.balance,
            new.settings.model_dump_json(),
        )

    async def get(self, key: int) -> Account:
        """Return the account with this key."""
        return await self._one(f"SELECT {LIST} FROM account WHERE id = $1", key)

    async def rename(self, key: int) -> Account:
        """Set the name of an account and return it as stored."""
        return await self._one(
            f"UPDATE account SET name = $1 WHERE id = $2 RETURNING {LIST}", "Renamed", key
        )

    async def delete(self, key: int) -> None:
        """Delete an account."""
        await self._connection.execute("DELETE FROM account WHERE id = $1", key)

    async def clear(self) -> None:
        """Delete all accounts."""
        await self._connection.execute("DELETE FROM account")
