"""SQLAlchemy Core on DuckDB: duckdb-engine has no asyncio, so each call goes to a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

import sqlalchemy as sa

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER", "InThreads"]

METADATA = sa.MetaData()
users = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.BigInteger, sa.Sequence("users_id_seq"), primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("age", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("balance", sa.Numeric(12, 2), nullable=False),
    sa.Column("meta", sa.JSON, nullable=False),
)

R = TypeVar("R")


class InThreads(Peer):
    """A synchronous engine, and as many threads as it has connections."""

    metadata = METADATA

    async def open(self, url: str, connections: int) -> None:
        self._engine = sa.create_engine(
            url, poolclass=sa.QueuePool, pool_size=connections, max_overflow=0
        )
        self._threads = ThreadPoolExecutor(connections)
        await self.do(self.metadata.create_all, self._engine)

    async def close(self) -> None:
        await self.do(self._engine.dispose)
        self._threads.shutdown()

    def do(self, function: Callable[..., R], *arguments: object) -> asyncio.Future[R]:
        """Call in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def asked(self, url: str, statement: str) -> list[Any]:
        """Run a statement as text: while the file is open, no other process can open it."""
        return await self.do(self._asked, statement)

    def _asked(self, statement: str) -> list[Any]:
        with self._engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result.all()] if statement.startswith("SELECT") else []


class CoreOnDuckDB(InThreads):
    """Rows of SQLAlchemy: named tuples."""

    traits = Traits(
        rows="row (named tuple)",
        objects=False,
        validated="no",
        remarks="through duckdb-engine in threads",
    )

    async def open(self, url: str, connections: int) -> None:
        await super().open(url, connections)
        self._reading: Callable[[], AbstractContextManager[sa.Connection]] = self._engine.connect
        self._writing: Callable[[], AbstractContextManager[sa.Connection]] = self._engine.begin

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        connection = await self.do(self._engine.connect)
        self._reading = self._writing = lambda: nullcontext(connection)
        try:
            yield
        finally:
            self._reading, self._writing = self._engine.connect, self._engine.begin
            await self.do(connection.close)

    def new(self, number: int) -> Any:
        return payload(number)

    async def get(self, key: int) -> Any:
        asked = sa.select(users).where(users.c.id == key)
        return (await self.do(self._read, asked))[0]

    async def filter(self, age: int) -> list[Any]:
        asked = (
            sa.select(users)
            .where(users.c.age >= age, users.c.active == sa.true())
            .order_by(users.c.age, users.c.id)
            .limit(FILTERED)
        )
        return await self.do(self._read, asked)

    async def read(self) -> list[Any]:
        return await self.do(self._read, sa.select(users).order_by(users.c.id).limit(LARGE))

    async def insert(self, new: Any) -> Any:
        return (await self.do(self._write, sa.insert(users).values(new).returning(users)))[0]

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        stored = sa.insert(users).returning(users.c.id, sort_by_parameter_order=True)
        return [row.id for row in await self.do(self._write, stored, new)]

    async def update(self, key: int, name: str) -> Any:
        changed = sa.update(users).where(users.c.id == key).values(name=name).returning(users)
        return (await self.do(self._write, changed))[0]

    async def remove_added(self) -> None:
        await self.do(self._delete)

    def _read(self, statement: sa.Select[Any]) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(statement).all())

    def _write(self, statement: Any, *parameters: Any) -> list[Any]:
        with self._writing() as connection:
            return list(connection.execute(statement, *parameters).all())

    def _delete(self) -> None:
        with self._writing() as connection:
            connection.execute(sa.delete(users).where(users.c.id > ADDED))


PEER = CoreOnDuckDB
