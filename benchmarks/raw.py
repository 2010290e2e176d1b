"""The same work by hand: the driver's own calls, and pydantic for the result.

This is the floor that the library is measured against: text and parameters written once, one
call to the driver on a connection that is held, one validation per row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.models import Account, Settings, account

if TYPE_CHECKING:
    import aiosqlite
    import asyncpg

__all__ = ["Raw", "RawPostgreSQL", "RawSQLite"]

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
