"""The pydantic models of the floor, and how a row becomes one of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import from_json, to_json

from benchmarks.operations import Side
from benchmarks.workload import BULK, COLUMNS, ROWS, payload

__all__ = ["LIST", "WRITTEN", "Floor", "NewUser", "User", "json_text", "user", "users"]

LIST = ", ".join(COLUMNS)
WRITTEN = ", ".join(COLUMNS[1:])

Balance = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]


class User(BaseModel):
    """A row of the table."""

    id: int
    email: str
    name: str
    age: int
    active: bool
    created_at: datetime
    balance: Balance
    meta: dict[str, Any]


class NewUser(BaseModel):
    """A row that is not stored yet, so without a key."""

    email: str
    name: str
    age: int
    active: bool
    created_at: datetime
    balance: Balance
    meta: dict[str, Any]


_validate_user = User.__pydantic_validator__.validate_python
_validate_users = TypeAdapter(list[User]).validate_python


def user(row: Sequence[Any]) -> User:
    """Return a row, whose JSON is still text, as a validated model."""
    key, email, name, age, active, created_at, balance, meta = row
    found: User = _validate_user(
        {
            "id": key,
            "email": email,
            "name": name,
            "age": age,
            "active": active,
            "created_at": created_at,
            "balance": balance,
            "meta": from_json(meta),
        }
    )
    return found


def users(rows: Iterable[Sequence[Any]]) -> list[User]:
    """Return rows as validated models, all in one call of pydantic."""
    return _validate_users(
        [
            {
                "id": key,
                "email": email,
                "name": name,
                "age": age,
                "active": active,
                "created_at": created_at,
                "balance": balance,
                "meta": from_json(meta),
            }
            for key, email, name, age, active, created_at, balance, meta in rows
        ]
    )


def json_text(value: object) -> str:
    """Return a value as JSON."""
    return to_json(value).decode()


class Floor(Side, Protocol):
    """One held connection of a driver, and a pool of them for the operations that ask for one."""

    @abstractmethod
    async def create(self) -> None:
        """Make the table anew, empty, with its index."""

    @abstractmethod
    async def analyze(self) -> None:
        """Have the engine learn how the rows are distributed, where it can be asked to."""

    @abstractmethod
    async def version(self) -> str:
        """Return the engine's version."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""

    def new(self, number: int) -> NewUser:
        """Return the n-th row as it is before it is stored."""
        return NewUser(**payload(number))

    async def fill(self) -> None:
        """Store the 20,000 rows, in the order of their numbers."""
        for first in range(1, ROWS + 1, BULK):
            await self.bulk([self.new(number) for number in range(first, first + BULK)])
        await self.analyze()
