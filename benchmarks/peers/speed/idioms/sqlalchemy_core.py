"""SQLAlchemy Core: single statements in autocommit, one INSERT with RETURNING for many rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER", "Core", "engine", "in_transactions", "prepare"]

METADATA = sa.MetaData()
users = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    # A sentinel lets SQLite, too, tell the keys of many rows in their order by one statement.
    sa.Column("email", sa.Text, nullable=False, unique=True, insert_sentinel=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("age", sa.BigInteger, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("balance", sa.Numeric(12, 2), nullable=False),
    sa.Column("meta", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
)


def engine(url: str, connections: int) -> AsyncEngine:
    """Return an engine in autocommit, which its documentation has for reads without BEGIN.

    Without the second option it would still send a ROLLBACK when a connection is given back.
    """
    drivers = {"postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    scheme, rest = url.split("://", 1)
    return create_async_engine(
        f"{drivers[scheme]}://{rest}",
        pool_size=connections,
        max_overflow=0,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
    )


def in_transactions(autocommitting: AsyncEngine) -> AsyncEngine:
    """Return an engine on the same pool whose connections begin a transaction."""
    on_server = autocommitting.dialect.name == "postgresql"
    level = "READ COMMITTED" if on_server else "SERIALIZABLE"
    return autocommitting.execution_options(isolation_level=level)


async def prepare(opened: AsyncEngine, metadata: sa.MetaData) -> None:
    """Make the table on SQLite, with the pragmas that the floor has on every connection."""
    if opened.dialect.name != "sqlite":
        return

    @sa.event.listens_for(opened.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    async with in_transactions(opened).begin() as connection:
        await connection.run_sync(metadata.create_all)


class Core(Peer):
    """Rows of SQLAlchemy: named tuples."""

    traits = Traits(rows="row (named tuple)", objects=False, validated="no")

    async def open(self, url: str, connections: int) -> None:
        self._engine = engine(url, connections)
        self._transactions = in_transactions(self._engine)
        self._connection: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
        self._connection = self._engine.connect
        await prepare(self._engine, METADATA)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self._transactions.begin() as connection:
            self._connection = lambda: nullcontext(connection)
            try:
                yield
            finally:
                self._connection = self._engine.connect

    def new(self, number: int) -> Any:
        return payload(number)

    async def get(self, key: int) -> Any:
        asked = sa.select(users).where(users.c.id == key)
        async with self._connection() as connection:
            return (await connection.execute(asked)).one()

    async def filter(self, age: int) -> list[Any]:
        asked = (
            sa.select(users)
            .where(users.c.age >= age, users.c.active == sa.true())
            .order_by(users.c.age, users.c.id)
            .limit(FILTERED)
        )
        async with self._connection() as connection:
            return list((await connection.execute(asked)).all())

    async def read(self) -> list[Any]:
        asked = sa.select(users).order_by(users.c.id).limit(LARGE)
        async with self._connection() as connection:
            return list((await connection.execute(asked)).all())

    async def insert(self, new: Any) -> Any:
        stored = sa.insert(users).values(new).returning(users)
        async with self._connection() as connection:
            return (await connection.execute(stored)).one()

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        stored = sa.insert(users).returning(users.c.id, sort_by_parameter_order=True)
        async with self._transactions.begin() as connection:
            return list((await connection.scalars(stored, new)).all())

    async def update(self, key: int, name: str) -> Any:
        changed = sa.update(users).where(users.c.id == key).values(name=name).returning(users)
        async with self._connection() as connection:
            return (await connection.execute(changed)).one()

    async def remove_added(self) -> None:
        async with self._engine.connect() as connection:
            await connection.execute(sa.delete(users).where(users.c.id > ADDED))


PEER = Core
