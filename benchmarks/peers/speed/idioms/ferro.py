"""Ferro: a session for each piece of work, without the identity map that keeps what was read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ferro import Field, Model, PoolConfig, connect, engines, reset_engine, transaction

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER"]


class Users(Model):
    """A row; the table takes its name from the class."""

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True)
    name: str
    age: int
    active: bool
    created_at: datetime
    balance: Decimal = Field(max_digits=12, decimal_places=2)
    meta: dict[str, Any]


class Teams(Model):
    """A team."""

    id: int = Field(primary_key=True)
    name: str
    city: str


class Members(Model):
    """A member of a team."""

    id: int = Field(primary_key=True)
    name: str
    age: int
    email: str
    team_id: int = Field(index=True)


class ModelsOfFerro(Peer):
    """Pydantic models that Rust fills without validating."""

    traits = Traits(
        rows="Pydantic model",
        objects=True,
        validated="no",
        keys="a count",
        updated="read, then saved: 2 statements",
        stored="the key",
        remarks="the identity map is off",
    )

    async def open(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        embedded = parts.scheme == "sqlite"
        await connect(
            f"sqlite:{parts.path.removeprefix('/')}?mode=rwc" if embedded else url,
            auto_migrate=embedded,
            pool=PoolConfig(max_connections=connections, min_connections=connections),
            identity_map=False,
        )
        self._session: Callable[[], AbstractAsyncContextManager[object]] = engines.session

    async def close(self) -> None:
        reset_engine()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with engines.session(), transaction():
            self._session = nullcontext
            try:
                yield
            finally:
                self._session = engines.session

    def new(self, number: int) -> Any:
        return Users(**payload(number))

    async def get(self, key: int) -> Any:
        async with self._session():
            return await Users.get(key)

    async def filter(self, age: int) -> list[Any]:
        asked = Users.where(lambda user: (user.age >= age) & (user.active == True))  # noqa: E712 - SQL
        ordered = asked.order_by(lambda user: user.age).order_by(lambda user: user.id)
        async with self._session():
            return await ordered.limit(FILTERED).all()

    async def read(self) -> list[Any]:
        async with self._session():
            return await Users.select().order_by(lambda user: user.id).limit(LARGE).all()

    async def eager_load(self) -> list[Any]:
        # It includes what a row refers to, not what refers to it: children are grouped by hand.
        async with self._session():
            teams = await Teams.select().order_by(lambda team: team.id).all()
            keys = [team.id for team in teams]
            asked = Members.where(lambda member: member.team_id.in_(keys))
            rows = await asked.order_by(lambda member: member.id).all()
        members: dict[int, list[Any]] = {}
        for row in rows:
            members.setdefault(row.team_id, []).append(row)
        return [(team, members.get(team.id, [])) for team in teams]

    def team(self, row: Any) -> tuple[str, list[tuple[str, int]]]:
        team, members = row
        return team.name, [(one.name, one.age) for one in members]

    async def insert(self, new: Any) -> Any:
        async with self._session():
            await new.save()
        return new

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        async with self._session():
            await Users.bulk_create(list(new))
        return []

    async def update(self, key: int, name: str) -> Any:
        async with self._session():
            row = await Users.get(key)
            row.name = name
            await row.save(only={"name"})
        return row

    async def remove_added(self) -> None:
        async with self._session():
            await Users.where(lambda user: user.id > ADDED).delete()


PEER = ModelsOfFerro
