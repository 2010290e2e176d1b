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
from benchmarks.workload import (
    BULK,
    COLUMNS,
    FILTERED,
    RELATED_TABLES,
    ROWS,
    payload,
    related_rows,
)

__all__ = ["CHANGED", "LIST", "WRITTEN", "Floor", "NewUser", "User", "json_text", "user", "users"]

LIST = ", ".join(COLUMNS)
WRITTEN = ", ".join(COLUMNS[1:])

CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
"""What an upsert sets in a row with the same email."""

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


class Member(BaseModel):
    """A member of a team."""

    id: int
    name: str
    age: int
    email: str
    team_id: int


class Team(BaseModel):
    """A team with its members."""

    id: int
    name: str
    city: str
    members: list[Member]


class MemberName(BaseModel):
    """What is asked of a member."""

    name: str
    age: int


class TeamName(BaseModel):
    """What is asked of a team."""

    name: str
    members: list[MemberName]


_validate_teams = TypeAdapter(list[Team]).validate_python
_validate_team_names = TypeAdapter(list[TeamName]).validate_python


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
    async def asked(self, sql: str) -> Sequence[Sequence[Any]]:
        """Run a statement without values and return its rows."""

    @abstractmethod
    async def of_keys(self, sql: str, keys: Sequence[int]) -> Sequence[Sequence[Any]]:
        """Run a statement, in which `{keys}` stands for the keys, and return its rows."""

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
        await self._fill_teams()
        await self.analyze()

    async def _fill_teams(self) -> None:
        for statement in RELATED_TABLES:
            await self.asked(statement)
        if await self.asked("SELECT id FROM teams LIMIT 1"):
            return
        for statement in related_rows():
            await self.asked(statement)

    @abstractmethod
    async def beyond(self, age: int, key: int, limit: int) -> list[User]:
        """Return rows by age and key, after those of an age and key."""

    async def page(self) -> list[User]:
        """Return the next rows, and note where they end."""
        found = await self.beyond(*self._place, FILTERED + 1)
        more = len(found) > FILTERED
        del found[FILTERED:]
        self._place = (found[-1].age, found[-1].id) if more else (-1, 0)
        return found

    _place: tuple[int, int] = (-1, 0)

    async def eager_load(self) -> list[Team]:
        """Return the teams with their members, by two statements and one call of pydantic."""
        teams = await self.asked("SELECT id, name, city FROM teams ORDER BY id")
        rows = await self.of_keys(
            "SELECT id, name, age, email, team_id FROM members WHERE team_id IN {keys} ORDER BY id",
            [key for key, _, _ in teams],
        )
        members: dict[int, list[dict[str, Any]]] = {}
        for key, name, age, email, team in rows:
            one = {"id": key, "name": name, "age": age, "email": email, "team_id": team}
            members.setdefault(team, []).append(one)
        return _validate_teams(
            [
                {"id": key, "name": name, "city": city, "members": members.get(key, [])}
                for key, name, city in teams
            ]
        )

    async def eager_shape(self) -> list[TeamName]:
        """Return some columns of them, in the same way."""
        teams = await self.asked("SELECT id, name FROM teams ORDER BY id")
        rows = await self.of_keys(
            "SELECT name, age, team_id FROM members WHERE team_id IN {keys} ORDER BY id",
            [key for key, _ in teams],
        )
        members: dict[int, list[dict[str, Any]]] = {}
        for name, age, team in rows:
            members.setdefault(team, []).append({"name": name, "age": age})
        return _validate_team_names(
            [{"name": name, "members": members.get(key, [])} for key, name in teams]
        )
