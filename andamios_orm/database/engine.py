"""`Database`: one per application; where sessions and repositories get their connections."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from os import PathLike, fspath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, cast, overload

import sqlalchemy as sa
from pydantic import BaseModel, SecretStr
from sqlalchemy.engine import URL
from typing_extensions import TypeVarTuple

from andamios_orm.backends.base import Capabilities, Isolation
from andamios_orm.database.connection import named
from andamios_orm.database.extras import require
from andamios_orm.database.limits import Limits
from andamios_orm.database.limits import cursor_key as key_of
from andamios_orm.database.pool import Pool, Writers
from andamios_orm.database.retry import retried
from andamios_orm.database.session import OwnStream, Session
from andamios_orm.database.source import RowStream, Source
from andamios_orm.database.sql import SQL, Named, RawQuery, statement_of
from andamios_orm.database.tables import create_tables, drop_circle, needs_no_keys, require_tables
from andamios_orm.database.url import read_url
from andamios_orm.errors import NotSupported, UsageError, WrongType
from andamios_orm.rows.plan import Plan, PlanCache
from andamios_orm.schema.compiler import compile_all
from andamios_orm.schema.registry import default_metadata
from andamios_orm.schema.tenants import with_tenant

if TYPE_CHECKING:
    from sqlalchemy import Executable, Row
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.selectable import TypedReturnsRows

    from andamios_orm.reports import ExportReport, ImportReport, Progress

__all__ = ["Database"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Database:
    """A database and its connections, for one event loop at a time.

    `url` is `duckdb:///file.duckdb`, `sqlite:///file.db`, both without a file for one in memory,
    or `postgresql://user@host/name`, `mariadb://...`, `mysql://...`; the async driver is added. No
    database is opened before the first use.

    `pool_size` connections at most are open at once, and a caller waits `pool_timeout` seconds
    for a free one. `metadata` are the tables that create_all() and drop_all() mean; by default
    all models without a metadata of their own. On DuckDB `writers="concurrent"` lets transactions
    write at the same time, with conflicts and anomalies that the guide to transactions tells;
    by default they take turns.

    A page has `default_page_size` rows if no size is asked for, and `max_page_size` at most; a
    numbered page has `max_offset` rows before it at most. With `max_rows` a query that finds more
    than that raises LimitExceeded instead of giving them all. `cursor_key` signs the cursors of
    pages: a secret of 16 bytes or more that the programs of a service share. Without it, and
    without the variable ANDAMIOS_CURSOR_KEY, each program makes one, and its cursors end with it.

    Raises InvalidURL, MissingDriver with the extra to install, and NotSupported for `writers`
    that the engine does not leave open.

    ```python
    async with Database("sqlite:///other_heroes.db") as other:
        await other.create_all()
    ```
    """

    def __init__(
        self,
        url: str | URL,
        *,
        pool_size: int = 5,
        pool_timeout: float = 30.0,
        metadata: sa.MetaData | None = None,
        writers: Writers | None = None,
        default_page_size: int = 20,
        max_page_size: int = 1000,
        max_offset: int = 10_000,
        max_rows: int | None = None,
        cursor_key: str | bytes | SecretStr | None = None,
    ) -> None:
        limits = Limits(
            page_size=default_page_size,
            max_page_size=max_page_size,
            max_offset=max_offset,
            max_rows=max_rows,
            cursor_key=key_of(cursor_key),
        )
        parsed, backend = read_url(url)
        self._tenant: object = None
        self.metadata = default_metadata if metadata is None else metadata
        self._pool = Pool(
            parsed,
            backend,
            size=pool_size,
            timeout=pool_timeout,
            metadata=self.metadata,
            writers=writers,
            limits=limits,
        )
        # Asked in every call, so they are no properties.
        self.plans: Final[PlanCache] = self._pool.plans
        """The plans compiled for this database."""
        self.capabilities: Final[Capabilities] = self._pool.capabilities
        """What this database offers."""

    def __repr__(self) -> str:
        return f"<Database {self._pool.backend.name} {self._pool.database_name}>"

    # -- the block

    async def __aenter__(self) -> Self:
        self._pool.bind_loop()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.dispose()

    @asynccontextmanager
    async def lifespan(self, app: object = None, /) -> AsyncIterator[None]:
        """Open the database around the life of an application: `FastAPI(lifespan=db.lifespan)`.

        A connection is opened before the first request, so a database that does not answer stops
        the start with DatabaseUnavailable; all are closed in the end. An application with more to
        open enters it in a lifespan of its own:

        ```python
        from contextlib import asynccontextmanager


        @asynccontextmanager
        async def lifespan(app):
            async with db.lifespan(app):
                yield
        ```
        """
        async with self:
            await self.warm_up()
            yield

    async def warm_up(self, connections: int = 1) -> None:
        """Open connections ahead of their use, so that the first callers do not wait for them.

        As many as `connections` says, and `pool_size` at most. Raises DatabaseUnavailable: at the
        start of a program, before it takes requests.

        ```python
        await db.warm_up(5)
        ```
        """
        await self._pool.warm_up(connections)

    async def dispose(self) -> None:
        """Close all connections. A later use opens new ones, also in another event loop.

        An in-memory database ends with its connection. Raises SessionMisuse while a session is
        open, because its transaction would be lost.
        """
        await self._pool.dispose()

    # -- tables

    async def create_all(self) -> None:
        """Create the tables that do not exist yet, all or none.

        A table that exists is left as it is, whatever its columns. Raises DeclarationError for a
        model that cannot become a table, and NotSupported for one that this engine cannot have.
        """
        metadata = compile_all(self.metadata)
        require_tables(metadata, self.capabilities, self._pool.backend.name)
        lock = self._pool.backend.creation_lock
        async with self.session() as session:
            try:
                await session.run_sync(create_tables, metadata, lock=lock)
            except sa.exc.CompileError as error:
                raise NotSupported(
                    f"{self.engine_name} cannot have these tables: {error}",
                    "declare it in another way, or for other engines only: `.ddl_if(dialect=...)`",
                ) from error

    async def drop_all(self) -> None:
        """Drop the tables of all models **with all their rows**, those that exist.

        All or none where `capabilities.transactional_ddl` is true; elsewhere an error leaves those
        that were not reached.
        """
        metadata = compile_all(self.metadata)
        tables = list(metadata.tables.values())
        if needs_no_keys(tables, self._pool.dialect):
            async with self.connect() as connection:
                await connection.run_sync(drop_circle, tables)
            return
        async with self.session() as session:
            await session.run_sync(metadata.drop_all)

    # -- using it

    @property
    def engine_name(self) -> str:
        """The name that its URL begins with: `duckdb`, `postgresql`, ..."""
        return self._pool.backend.name

    @property
    def name(self) -> str:
        """The file or database, for messages; never user, password or host."""
        return self._pool.database_name

    @property
    def limits(self) -> Limits:
        """How many rows this database gives at a time."""
        return self._pool.limits

    def for_tenant(self, tenant: object, /) -> Self:
        """Return this database on behalf of a tenant, for models with the `Tenant` mixin.

        It shares connections and statements with this one, and costs nothing to make. What its
        sessions and repositories read, change and delete are the tenant's rows, and what they store
        belongs to the tenant; statements of SQLAlchemy that `execute` runs are left as they are.
        Close the database itself, not this.

        Raises WrongType for None, which would be nobody.

        ```python
        acme = db.for_tenant("acme")
        async with acme.session() as session:
            assert session.tenant == "acme"
        ```
        """
        if tenant is None:
            raise WrongType("for_tenant() got None, which is nobody", "pass the tenant's id")
        found = copy.copy(self)
        found._tenant = tenant  # noqa: SLF001 - its twin
        return found

    @property
    def tenant(self) -> object:
        """On whose behalf this is done, None for nobody's."""
        return self._tenant

    @property
    def in_transaction(self) -> bool:
        """Each call is on its own, so no lock outlives it."""
        return False

    def session(self, *, read_only: bool = False, isolation: Isolation | None = None) -> Session:
        """Return a transaction: `async with database.session() as session:`.

        The block's end commits, an exception rolls back. With `read_only` it neither waits for
        writers nor may write. `isolation` is "read committed", "repeatable read" or
        "serializable"; without it the database's own default holds. In a task that has one open
        already, entering it raises SessionMisuse: `session.session()` joins that one.

        Raises NotSupported for a level that this database does not offer.
        """
        return Session(self._pool, read_only=read_only, isolation=isolation, tenant=self._tenant)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Lend one of this database's connections as SQLAlchemy's own, in autocommit.

        For what is no transaction: DDL that has to run outside of one, and tools such as
        migrations. Where writers take turns, the block is one writer's turn. A transaction that is
        still open at its end is rolled back. Raises DatabaseUnavailable, SessionMisuse; what
        SQLAlchemy raises inside is not translated.

        ```python
        async with db.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert "hero" in names
        ```
        """
        self._pool.refuse_waiting_for_itself(writes=True)
        async with self._pool.connected(writes=True) as (connection, _):
            yield connection

    async def run(
        self,
        function: Callable[[Session], Awaitable[R]],
        *,
        isolation: Isolation | None = None,
        retries: int = 10,
    ) -> R:
        """Call `function` with a session, and again from its beginning on a conflict.

        Returns its result once it is committed. Where another transaction was in the way, all
        that the function did was undone, and it is called again after a short random pause,
        `retries` times at most; it must do nothing that cannot be repeated. Raises the last
        TransactionConflict, and what the function raises.

        ```python
        async def birthday(session: Session) -> int:
            inside = Repository(Hero, session)
            hero = await inside.where(Hero.name == "Ada").one()
            return (await inside.patch(hero.id, Hero.age.set(hero.age + 1))).age


        assert await db.run(birthday, isolation="serializable") == 37
        ```
        """

        async def attempt() -> R:
            async with self.session(isolation=isolation) as session:
                return await function(session)

        return await retried(attempt, retries)

    async def export_parquet(
        self,
        model: type[BaseModel],
        path: str | PathLike[str],
        *,
        progress: Callable[[Progress], object] | None = None,
    ) -> ExportReport:
        """Write all rows of a model to a Parquet file, as they are at one moment.

        The file has one column per field, **secret ones too**, in the types of `Query.arrow`. The
        rows are read and written in pieces, in the order of the primary key, so the table may be
        larger than memory; `progress` is called after each. The file takes its name when it is
        complete: an export that fails or is cancelled leaves what was there before.

        Raises MissingDriver without pyarrow, FileProblem for a path that cannot be written,
        DatabaseError, and what `Query.arrow` raises.

        ```python
        report = await db.export_parquet(Hero, "heroes.parquet")
        assert report.rows == 2
        ```
        """
        await require("arrow", "pyarrow")
        from andamios_orm.database import parquet  # noqa: PLC0415 - needs pyarrow

        levels = self.capabilities.isolation
        isolation: Isolation = "repeatable read" if "repeatable read" in levels else levels[-1]
        async with self.session(read_only=True, isolation=isolation) as session:
            return await parquet.export_rows(session, model, fspath(path), progress)

    async def import_parquet(
        self,
        model: type[BaseModel],
        path: str | PathLike[str],
        *,
        on_invalid: Literal["refuse", "skip"] = "refuse",
        progress: Callable[[Progress], object] | None = None,
    ) -> ImportReport:
        """Store the rows of a Parquet file, all in one transaction.

        The file has the columns of the model's fields and no others. Each row is validated like a
        stored one. If the model refuses any, nothing is stored and ImportRefused tells which; with
        `on_invalid="skip"` the others are stored, and the report tells. Generated keys are stored
        as they are in the file, and later ones come after them. The file is read in pieces, so it
        may be larger than memory; `progress` is called after each.

        Raises MissingDriver without pyarrow, FileProblem for a file that is missing, no Parquet,
        or has other columns, ImportRefused, and what `Repository.add_all` raises: what the
        database refuses undoes all.

        ```python
        await db.export_parquet(Hero, "copy.parquet")
        async with Database("sqlite:///copy.db") as copy:
            await copy.create_all()
            report = await copy.import_parquet(Hero, "copy.parquet")
            assert report.stored == await Repository(Hero, copy).count() == 2
        ```
        """
        await require("arrow", "pyarrow")
        from andamios_orm.database import parquet  # noqa: PLC0415 - as above

        if on_invalid not in ("refuse", "skip"):
            raise UsageError(
                "import_parquet() does not know this way to treat invalid rows",
                'pass on_invalid="refuse" or on_invalid="skip"',
            )
        name = fspath(path)
        async with parquet.opened(name, model) as file, self.session() as session:
            return await parquet.import_rows(session, model, name, file, on_invalid, progress)

    def fetch(self, plan: Plan[R], values: Sequence[object]) -> Awaitable[R]:
        """Run a plan on its own and return its decoded result."""
        if self._tenant is not None:
            values = with_tenant(values, self._tenant)
        return self._pool.fetch(plan, values)

    async def affect(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan on its own and return how many rows it changed."""
        if self._tenant is not None:
            values = with_tenant(values, self._tenant)
        return await self._pool.run(plan, plan.bind(values))

    def stream(self) -> RowStream:
        """Return where rows come from, on a connection and in a transaction of their own."""
        return OwnStream(self._pool, self._tenant)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Source]:
        """A transaction of its own."""
        async with self.session() as session:
            yield session

    def sql(self, text: SQL, params: Mapping[str, object] | None = None, /) -> RawQuery:
        """Return a statement of your own, whose rows `.into(Shape)` reads as any Pydantic class.

        Its values are the parameters `:name`, never a part of the text, which a type checker wants
        to be a literal; a list fills `IN :names`. Python 3.14's templates need no names:
        `db.sql(t"SELECT name FROM hero WHERE age > {age}")`. A SQLAlchemy `select()`, with CTEs,
        windows and unions, is taken as well.

        Each field of the class is the column of its name. A `select()` gives the values of its
        columns' types; a text gives what the driver has, and JSON where the field holds models,
        lists or dicts. Like in `execute`, a text waits for other writers where they take turns.

        Raises UsageError for a parameter without a value, or a value without a parameter.

        ```python
        from pydantic import BaseModel


        class Age(BaseModel):
            name: str
            years: int


        old = db.sql("SELECT name, age AS years FROM hero WHERE age > :age", {"age": 80})
        assert await old.into(Age).one() == Age(name="Grace", years=85)
        ```
        """
        return RawQuery(self._named, statement_of(text, params))

    async def _named(self, statement: Executable) -> Named:
        writes = not getattr(statement, "is_select", False)
        self._pool.refuse_waiting_for_itself(writes=writes)
        async with self._pool.connected(writes=writes) as (sqlalchemy, connection):
            return await named(sqlalchemy, connection, statement)

    @overload
    async def execute(self, statement: TypedReturnsRows[*Ts]) -> Sequence[Row[*Ts]]: ...
    @overload
    async def execute(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]: ...
    async def execute(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        """Run a SQLAlchemy statement on its own and return its rows, typed.

        Statements that give no rows return an empty list. What is no `select()`, such as `text()`,
        is taken for a write: it waits for other writers where they take turns. Raises
        DatabaseError.

        ```python
        for name, age in await db.execute(sa.select(Hero.name, Hero.age)):
            print(name, age)
        ```
        """
        _, rows = await self._named(statement)
        return cast("Sequence[Row[*tuple[Any, ...]]]", rows)
