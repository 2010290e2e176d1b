"""SQLAlchemy's ORM on DuckDB: a synchronous session in a thread for each piece of work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from benchmarks.peers.speed.idioms.sqlalchemy_core_duckdb import InThreads
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER"]


class Base(DeclarativeBase):
    """What the mapped classes share."""


class User(Base):
    """A row."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Sequence("users_id_seq"), primary_key=True)
    email: Mapped[str] = mapped_column(sa.Text, unique=True)
    name: Mapped[str] = mapped_column(sa.Text)
    age: Mapped[int] = mapped_column(sa.BigInteger)
    active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    balance: Mapped[Decimal] = mapped_column(sa.Numeric(12, 2))
    meta: Mapped[dict[str, Any]] = mapped_column(sa.JSON)


class _New(NamedTuple):
    """A row to store, as one insert and as the bulk insert takes it."""

    values: dict[str, Any]
    row: User


class OrmOnDuckDB(InThreads):
    """Mapped objects."""

    traits = Traits(
        rows="mapped object",
        objects=True,
        validated="no",
        stored="the key",
        remarks="through duckdb-engine in threads",
    )
    metadata = Base.metadata

    async def open(self, url: str, connections: int) -> None:
        await super().open(url, connections)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._reading: Callable[[], AbstractContextManager[Session]] = self._sessions
        self._writing: Callable[[], AbstractContextManager[Session]] = self._sessions.begin

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        session = self._sessions()
        self._reading = self._writing = lambda: nullcontext(session)
        try:
            yield
        finally:
            self._reading, self._writing = self._sessions, self._sessions.begin
            await self.do(session.close)

    def new(self, number: int) -> _New:
        values = payload(number)
        return _New(values, User(**values))

    async def get(self, key: int) -> Any:
        return await self.do(self._get, key)

    async def filter(self, age: int) -> list[Any]:
        asked = (
            sa.select(User)
            .where(User.age >= age, User.active == sa.true())
            .order_by(User.age, User.id)
            .limit(FILTERED)
        )
        return await self.do(self._read, asked)

    async def read(self) -> list[Any]:
        return await self.do(self._read, sa.select(User).order_by(User.id).limit(LARGE))

    async def insert(self, new: _New) -> Any:
        await self.do(self._add, new.row)
        return new.row

    async def bulk(self, new: Sequence[_New]) -> list[Any]:
        stored = sa.insert(User).returning(User.id, sort_by_parameter_order=True)
        return await self.do(self._write, stored, [one.values for one in new])

    async def update(self, key: int, name: str) -> Any:
        changed = sa.update(User).where(User.id == key).values(name=name).returning(User)
        unsynchronized = changed.execution_options(synchronize_session=False)
        return (await self.do(self._write, unsynchronized))[0]

    async def remove_added(self) -> None:
        await self.do(self._delete)

    def _get(self, key: int) -> Any:
        with self._reading() as session:
            return session.get(User, key)

    def _read(self, statement: Any) -> list[Any]:
        with self._reading() as session:
            return list(session.scalars(statement).all())

    def _write(self, statement: Any, *parameters: Any) -> list[Any]:
        with self._writing() as session:
            return list(session.scalars(statement, *parameters).all())

    def _add(self, row: User) -> None:
        with self._writing() as session:
            session.add(row)
            session.flush()

    def _delete(self) -> None:
        with self._writing() as session:
            session.execute(sa.delete(User).where(User.id > ADDED))


PEER = OrmOnDuckDB
