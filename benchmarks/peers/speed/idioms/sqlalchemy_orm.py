"""SQLAlchemy's ORM: a session for each piece of work, its bulk INSERT and UPDATE with RETURNING."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    load_only,
    mapped_column,
    relationship,
    selectinload,
)

from benchmarks.peers.speed.idioms.sqlalchemy_core import engine, in_transactions, prepare
from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER", "Orm"]


class Base(DeclarativeBase):
    """What the mapped classes share."""


class User(Base):
    """A row."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    # A sentinel lets SQLite, too, tell the keys of many rows in their order by one statement.
    email: Mapped[str] = mapped_column(sa.Text, unique=True, insert_sentinel=True)
    name: Mapped[str] = mapped_column(sa.Text)
    age: Mapped[int] = mapped_column(sa.BigInteger)
    active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    balance: Mapped[Decimal] = mapped_column(sa.Numeric(12, 2))
    meta: Mapped[dict[str, Any]] = mapped_column(
        sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    )


class Team(Base):
    """A team."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    city: Mapped[str] = mapped_column(sa.String(50))
    members: Mapped[list[Member]] = relationship(order_by="Member.id")


class Member(Base):
    """A member of a team."""

    __tablename__ = "members"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50))
    age: Mapped[int] = mapped_column(sa.BigInteger)
    email: Mapped[str] = mapped_column(sa.String(50))
    team_id: Mapped[int] = mapped_column(sa.ForeignKey("teams.id"), index=True)


class _New(NamedTuple):
    """A row to store, as one insert and as the bulk insert takes it."""

    values: dict[str, Any]
    row: Any


class Orm(Peer):
    """Mapped objects."""

    traits = Traits(
        rows="mapped object",
        objects=True,
        validated="no",
        stored="the key",
    )
    model: Any = User
    team_model: Any = Team
    member_model: Any = Member
    metadata = Base.metadata
    session_class: type[AsyncSession] = AsyncSession

    async def open(self, url: str, connections: int) -> None:
        self._engine = engine(url, connections)
        self._sessions = async_sessionmaker(
            self._engine, expire_on_commit=False, class_=self.session_class
        )
        self._transactions = async_sessionmaker(
            in_transactions(self._engine), expire_on_commit=False, class_=self.session_class
        )
        self._reading: Callable[[], AbstractAsyncContextManager[AsyncSession]]
        self._writing: Callable[[], AbstractAsyncContextManager[AsyncSession]]
        self._reading, self._writing = self._sessions, self._sessions.begin
        await prepare(self._engine, self.metadata)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self._transactions.begin() as session:
            self._reading = self._writing = lambda: nullcontext(session)
            try:
                yield
            finally:
                self._reading, self._writing = self._sessions, self._sessions.begin

    def new(self, number: int) -> _New:
        values = payload(number)
        return _New(values, self.model(**values))

    async def get(self, key: int) -> Any:
        async with self._reading() as session:
            return await session.get(self.model, key)

    async def filter(self, age: int) -> list[Any]:
        asked = (
            sa.select(self.model)
            .where(self.model.age >= age, self.model.active == sa.true())
            .order_by(self.model.age, self.model.id)
            .limit(FILTERED)
        )
        async with self._reading() as session:
            return list((await session.scalars(asked)).all())

    async def read(self) -> list[Any]:
        asked = sa.select(self.model).order_by(self.model.id).limit(LARGE)
        async with self._reading() as session:
            return list((await session.scalars(asked)).all())

    async def eager_load(self) -> list[Any]:
        team = self.team_model
        return await self._teams(sa.select(team).options(selectinload(team.members)))

    async def eager_shape(self) -> list[Any]:
        team, member = self.team_model, self.member_model
        members = selectinload(team.members).load_only(member.name, member.age)
        return await self._teams(sa.select(team).options(load_only(team.name), members))

    async def _teams(self, asked: sa.Select[Any]) -> list[Any]:
        async with self._reading() as session:
            return list((await session.scalars(asked.order_by(self.team_model.id))).all())

    async def insert(self, new: _New) -> Any:
        async with self._writing() as session:
            session.add(new.row)
            await session.flush()
        return new.row

    async def bulk(self, new: Sequence[_New]) -> list[Any]:
        stored = sa.insert(self.model).returning(self.model.id, sort_by_parameter_order=True)
        async with self._transactions.begin() as session:
            return list((await session.scalars(stored, [one.values for one in new])).all())

    async def update(self, key: int, name: str) -> Any:
        changed = (
            sa.update(self.model)
            .where(self.model.id == key)
            .values(name=name)
            .returning(self.model)
            .execution_options(synchronize_session=False)
        )
        async with self._writing() as session:
            return (await session.scalars(changed)).one()

    async def remove_added(self) -> None:
        async with self._sessions() as session:
            await session.execute(sa.delete(self.model).where(self.model.id > ADDED))


PEER = Orm
