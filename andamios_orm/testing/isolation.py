"""Give each test an empty database with tables, by what is quickest on its engine."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.schema.compiler import compile_all
from andamios_orm.testing.rolling_back import rolled_back

__all__ = ["CopiedFile", "EmptiedDatabase", "Isolated", "WorkerDatabase"]

_LOCK_SECONDS = 10


class WorkerDatabase(ABC):
    """A database of one worker with the tables of a metadata, which every block finds empty.

    Tables of models that are declared later are added; what else a block does to tables stays.
    """

    def __init__(self, metadata: sa.MetaData) -> None:
        self._metadata = metadata
        self._tables: frozenset[str] | None = None
        self._used = False

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Open it: whatever is stored is stored, and gone before the next block."""
        url = await self._ready()
        self._used = True
        async with Database(url, metadata=self._metadata) as db:
            yield db

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session that is rolled back, also what it commits, where there are savepoints.

        Elsewhere (DuckDB) it commits, and the next block gets another database.
        """
        url = await self._ready()
        # Until it is known that nothing was left.
        self._used = True
        async with Database(url, metadata=self._metadata, pool_size=1) as db:
            async with rolled_back(db) as block:
                yield block.session
            self._used = block.left_something

    async def _ready(self) -> str:
        tables = frozenset(compile_all(self._metadata).tables)
        if tables != self._tables:
            await self._make()
            self._tables = tables
        if self._used:
            await self._empty()
            self._used = False
        return self._url()

    @abstractmethod
    async def _make(self) -> None:
        """Create the tables that are not there."""

    @abstractmethod
    async def _empty(self) -> None:
        """Remove all rows, and have generated keys begin at 1."""

    @abstractmethod
    def _url(self) -> str: ...


class CopiedFile(WorkerDatabase):
    """A file, which is replaced by a copy of one with empty tables."""

    def __init__(self, engine: str, folder: Path, metadata: sa.MetaData) -> None:
        super().__init__(metadata)
        self._engine, self._folder = engine, folder
        self._made = self._copies = 0

    @property
    def _template(self) -> Path:
        return self._folder / f"template{self._made}.db"

    @property
    def _copy(self) -> Path:
        return self._folder / f"test{self._copies}.db"

    def _url(self) -> str:
        return f"{self._engine}:///{self._copy}"

    async def _make(self) -> None:
        self._made += 1
        url = f"{self._engine}:///{self._template}"
        async with Database(url, metadata=self._metadata) as db:
            await db.create_all()
        self._used = True

    async def _empty(self) -> None:
        # Under another name each time: a connection that a test has left open keeps its own file.
        for file in self._folder.glob(f"{self._copy.name}*"):
            file.unlink()
        self._copies += 1
        shutil.copyfile(self._template, self._copy)


class EmptiedDatabase(WorkerDatabase):
    """A database on a server, whose tables are truncated."""

    def __init__(self, url: str, metadata: sa.MetaData) -> None:
        super().__init__(metadata)
        self._at = url

    def _url(self) -> str:
        return self._at

    async def _make(self) -> None:
        async with Database(self._at, metadata=self._metadata) as db:
            await db.create_all()

    async def _empty(self) -> None:
        # In any order: truncating looks at no reference.
        tables = tuple(self._metadata.tables.values())
        async with Database(self._at, pool_size=1) as db, db.connect() as connection:
            await connection.run_sync(_truncate, tables)


def _truncate(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    if connection.dialect.name == "postgresql":
        _truncate_postgresql(connection, tables)
    else:
        _truncate_mysql(connection, tables)


def _truncate_postgresql(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    names = ", ".join(map(connection.dialect.identifier_preparer.format_table, tables))
    # A transaction that a test has left open would block this for ever.
    connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    if names:
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def _truncate_mysql(connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
    connection.exec_driver_sql(f"SET foreign_key_checks = 0, lock_wait_timeout = {_LOCK_SECONDS}")
    for table in tables:
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.exec_driver_sql(f"TRUNCATE TABLE {name}")


class Isolated:
    """Begins with an empty database as often as it is asked to, also inside one test.

    For `@given`, whose examples share the fixtures of their test:

    ```text
    @given(strategies.models(Hero))
    async def test_a_hero_comes_back(andamios_isolated, hero):
        async with andamios_isolated() as session:
            assert await Repository(Hero, session).add(hero) ...
    ```
    """

    def __init__(self, database: WorkerDatabase) -> None:
        self._database = database

    def __call__(self) -> AbstractAsyncContextManager[Session]:
        """Return a block with a session that is rolled back in its end, as `andamios_session`."""
        return self._database.session()

    def database(self) -> AbstractAsyncContextManager[Database]:
        """Return a block with a database that takes real commits, as `andamios_db`."""
        return self._database.database()
