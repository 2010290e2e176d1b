"""A database of its own for laws: made for some models, emptied between examples."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema, DropSchema

from andamios_orm.database.engine import Database
from andamios_orm.database.loop import loop_factory
from andamios_orm.database.session import Session
from andamios_orm.database.tables import drop_circle, needs_no_keys, require_tables
from andamios_orm.database.url import read_url
from andamios_orm.errors import AndamiosError, UsageError
from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_of
from andamios_orm.seeding.ordering import in_order, referred_models
from andamios_orm.testing.laws.playing import EndingDatabase, metadata_of

__all__ = ["EngineName", "Playground", "drop_tables"]

T = TypeVar("T")
EngineName: TypeAlias = Literal["duckdb", "sqlite", "postgresql", "mariadb", "mysql"]


class Playground:
    """An empty database with the tables of some models, and of those that they refer to.

    Blocking, because hypothesis is: it has an event loop of its own, and `run` runs a coroutine in
    it. The tables are created at the beginning of the block and dropped at its end. Raises
    UsageError for a database that has one of the tables already: what is in it would be lost; and
    NotSupported for models that the engine cannot have.

    ```python
    from andamios_orm.testing.laws import Playground

    with Playground("sqlite://", Hero) as playground:
        assert playground.run(Repository(Hero, playground.db).count()) == 0
    ```
    """

    db: Database
    """Open inside the block."""

    def __init__(self, url: str, *models: type[Model]) -> None:
        if not models:
            raise UsageError(
                "a law needs a model", 'name some: `laws.roundtrip("sqlite://", Hero)`'
            )
        for model in models:
            if not isinstance(model, type):
                raise UsageError(
                    f"a law was given a {type(model).__name__} for a model",
                    'name the URL first and then classes: `laws.roundtrip("sqlite://", Hero)`',
                )
        self.url = url
        self.models = self.models_of(models)
        """In an order in which their rows can be stored."""
        self._tables = [table_of(model) for model in self.models]
        self._schemas: list[str] = []

    @staticmethod
    def models_of(models: Iterable[type[Model]]) -> tuple[type[Model], ...]:
        """Return models and those that they refer to, each after those that it refers to."""
        return tuple(in_order(referred_models(models)))

    @property
    def engine(self) -> EngineName:
        """The name that the URL begins with: `duckdb`, `postgresql`, ..."""
        return cast("EngineName", read_url(self.url)[1].name)

    @property
    def shown_url(self) -> str:
        """The URL for messages: without user, password, host and database of a server."""
        url, _ = read_url(self.url)
        return self.url if url.host is None and url.username is None else f"{self.engine}://..."

    def __enter__(self) -> Self:
        if _runs_a_loop():
            raise UsageError(
                "a law has an event loop of its own, and an event loop runs here already",
                "write the test as a plain function: `def test_...`, not `async def`",
            )
        self._runner = asyncio.Runner(loop_factory=loop_factory())
        try:
            self.run(self._open())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.run(self._close())
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns."""
        return self._runner.run(work)

    def empty(self) -> None:
        """Remove all rows, whatever the example before has left behind."""
        self.run(self._emptied())

    async def clear(self) -> None:
        """Remove all rows of its tables."""
        await clear_tables(self.db, self._tables)

    @asynccontextmanager
    async def example(self) -> AsyncIterator[Session]:
        """One transaction for one example: whatever it does is rolled back."""
        async with self.db.session() as session:
            try:
                yield session
            finally:
                with suppress(Exception):  # the session may have ended by itself
                    await session.rollback()

    async def _emptied(self) -> None:
        await self._own.end()
        try:
            await self.clear()
        except AndamiosError:
            # Rows in a circle, or a connection that the example has ruined.
            await self.db.dispose()
            await self._drop()
            await self._create()

    async def _open(self) -> None:
        self._own = EndingDatabase(self.url, metadata=self._tables[0].metadata)
        self.db = self._own
        try:
            # Other models do not matter.
            alone = metadata_of(self._tables)
            require_tables(alone, self.db.capabilities, self.db.engine_name)
            async with self.db.session() as session:
                there = await session.run_sync(_existing(self._tables))
            if there:
                raise UsageError(
                    f"the database has {', '.join(there)} already, and a law would empty it",
                    "give a database of its own: `sqlite://` and `duckdb://` are in memory",
                )
            await self._create()
        except BaseException:
            await self.db.dispose()
            raise

    async def _close(self) -> None:
        await self._own.end()
        try:
            await self._drop()
        finally:
            await self.db.dispose()

    async def _create(self) -> None:
        def create(connection: sa.Connection) -> None:
            there = sa.inspect(connection).get_schema_names()
            for schema in sorted({t.schema for t in self._tables if t.schema} - {*there}):
                connection.execute(CreateSchema(schema))
                self._schemas.append(schema)
            self._tables[0].metadata.create_all(connection, tables=self._tables)

        async with self.db.session() as session:
            await session.run_sync(create)

    async def _drop(self) -> None:
        def drop(connection: sa.Connection) -> None:
            while self._schemas:
                connection.execute(DropSchema(self._schemas.pop()))

        await drop_tables(self.db, self._tables)
        async with self.db.session() as session:
            await session.run_sync(drop)


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _existing(tables: list[sa.Table]) -> Callable[[sa.Connection], list[str]]:
    def existing(connection: sa.Connection) -> list[str]:
        inspector = sa.inspect(connection)
        return [t.fullname for t in tables if inspector.has_table(t.name, schema=t.schema)]

    return existing


async def clear_tables(db: Database, tables: Sequence[sa.Table]) -> None:
    """Remove all rows of tables, each of which stands after those that it refers to."""
    exists = [sa.select(sa.exists(sa.select(1).select_from(t))).scalar_subquery() for t in tables]
    (flags,) = await db.execute(sa.select(*exists))
    filled = [t for t, has_rows in zip(tables, flags, strict=True) if has_rows]
    # Each alone: DuckDB finds a deleted row still referring to its parent until the transaction
    # ends.
    for table in reversed(filled):
        if back := _back_references(table, tables):
            await db.execute(sa.update(table).values(dict.fromkeys(back)))
    for table in reversed(filled):
        await db.execute(sa.delete(table))


async def drop_tables(db: Database, tables: Sequence[sa.Table]) -> None:
    """Drop tables with all their rows."""
    if needs_no_keys(tables, db.plans.dialect):
        async with db.connect() as connection:
            await connection.run_sync(drop_circle, tables)
        return
    async with db.session() as session:
        await session.run_sync(lambda c: tables[0].metadata.drop_all(c, tables=tables))


def _back_references(table: sa.Table, tables: Sequence[sa.Table]) -> list[sa.Column[Any]]:
    """Return what may be empty and refers to the table itself, or to one that is cleared before."""
    later = tables[tables.index(table) :]
    return [
        column
        for column in table.columns
        if column.nullable and any(key.column.table in later for key in column.foreign_keys)
    ]
