"""The same operations through andamios_orm, as an application writes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import (
    Col,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    Session,
    field,
    generated,
    relation,
)
from benchmarks.operations import Side
from benchmarks.workload import ADDED, CONNECTIONS, FILTERED, LARGE, TABLE, payload

__all__ = ["METADATA", "Ours", "User", "open_ours"]

METADATA = sa.MetaData()


class User(Model, table=TABLE, metadata=METADATA):
    """A row of the table."""

    id: Col[int] = generated()
    email: Col[str] = field(unique=True)
    name: Col[str]
    age: Col[int]
    active: Col[bool]
    created_at: Col[datetime]
    balance: Col[Decimal] = field(max_digits=12, decimal_places=2)
    meta: Col[dict[str, Any]]

    __table_args__ = (sa.Index("users_age", "age", "id"),)


class Team(Model, table="teams", metadata=METADATA):
    """A team, to which members belong."""

    id: Col[int] = field(primary_key=True)
    name: Col[str]
    city: Col[str]
    members: RelatedList[Member] = relation(order_by="id")


class Member(Model, table="members", metadata=METADATA):
    """A member of a team."""

    id: Col[int] = field(primary_key=True)
    name: Col[str]
    age: Col[int]
    email: Col[str]
    team_id: Col[int] = field(foreign_key=Team.id, index=True)
    team: Related[Team] = relation()


class MemberName(BaseModel):
    """What is asked of a member."""

    name: str
    age: int


class TeamName(BaseModel):
    """What is asked of a team."""

    name: str
    members: list[MemberName]


class Ours(Side):
    """The library on connections of its pool, or in one session."""

    def __init__(self, url: str, db: Database, session: Session | None = None) -> None:
        self._url = url
        self._db = db
        self._session = session
        self._users = Repository(User, db if session is None else session)
        self._teams = Repository(Team, db if session is None else session)
        self._next: str | None = None

    async def create(self) -> None:
        """Make the table anew as the library declares it, with the CHECKs that its types need."""
        await self._db.drop_all()
        await self._db.create_all()

    def new(self, number: int) -> User:
        return User(**payload(number))

    async def get(self, key: int) -> User:
        return await self._users.get(key)

    async def filter(self, age: int) -> list[User]:
        query = self._users.where(User.age >= age, User.active == True)  # noqa: E712 - it is SQL
        return await query.order_by(User.age, User.id).limit(FILTERED).all()

    async def page(self) -> list[User]:
        page = await self._users.order_by(User.age, User.id).page(size=FILTERED, after=self._next)
        self._next = page.next
        return page.items

    async def read(self) -> list[User]:
        return await self._users.order_by(User.id).limit(LARGE).all()

    async def eager_load(self) -> list[Team]:
        return await self._teams.order_by(Team.id).load(Team.members).all()

    async def eager_shape(self) -> list[TeamName]:
        return await self._teams.order_by(Team.id).into(TeamName).all()

    async def insert(self, new: User) -> User:
        return await self._users.add(new)

    async def bulk(self, new: Sequence[User]) -> list[User]:
        return await self._users.add_all(new)

    async def update(self, key: int, name: str) -> User:
        return await self._users.patch(key, User.name.set(name))

    async def upsert(self, new: User) -> User:
        return await self._users.upsert(new, on=[User.email])

    async def tasks(self, wanted: Sequence[int]) -> list[User]:
        return await asyncio.gather(*map(self._users.get, wanted))

    async def transaction(self, key: int) -> User:
        async with self._db.session() as session:
            return await Repository(User, session).get(key)

    async def connect(self, key: int) -> User:
        async with Database(self._url, metadata=METADATA) as db:
            return await Repository(User, db).get(key)

    async def begin(self) -> None:
        # A session begins with its first statement, and anew after rollback().
        pass

    async def rollback(self) -> None:
        assert self._session is not None
        await self._session.rollback()

    async def remove_added(self) -> None:
        await self._users.where(User.id > ADDED).delete()

    @asynccontextmanager
    async def held(self, *, read_only: bool) -> AsyncIterator[Ours]:
        """Do the operations in one session until the block ends."""
        async with self._db.session(read_only=read_only) as session:
            yield Ours(self._url, self._db, session)


@asynccontextmanager
async def open_ours(url: str) -> AsyncIterator[Ours]:
    """Open the database with as many connections as the tasks share."""
    async with Database(url, pool_size=CONNECTIONS, metadata=METADATA) as db:
        yield Ours(url, db)
