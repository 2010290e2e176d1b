"""Whoever knows SQLAlchemy is at home: its tables, its statements, its transactions."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.database.url import backend_of
from andamios_orm.errors import (
    DatabaseUnavailable,
    NotSupported,
    StatementFailed,
    UniqueViolation,
    WrongType,
)
from andamios_orm.observe import StatementRun, subscribe

METADATA = sa.MetaData()


class Ship(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    tags: Col[dict[str, int]] = field(default_factory=dict)


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest_asyncio.fixture
async def engine(db: Database) -> AsyncIterator[AsyncEngine]:
    """An engine of the user's own on the same database."""
    engine = create_async_engine(db._pool._options.url)
    yield engine
    await engine.dispose()


async def names(db: Database) -> list[str]:
    return sorted(ship.name for ship in await Repository(Ship, db).all())


def test_the_table_is_sqlalchemys() -> None:
    assert isinstance(Ship.__table__, sa.Table)
    assert Ship.metadata is METADATA
    assert METADATA.tables["ship"] is Ship.__table__


async def test_fields_stand_in_a_select(db: Database) -> None:
    await Repository(Ship, db).add(Ship(name="Argo"))

    rows = await db.execute(sa.select(Ship.name).where(Ship.id > 0))

    assert rows == [("Argo",)]


async def test_a_statement_without_rows_gives_an_empty_list(db: Database) -> None:
    rows = await db.execute(sa.insert(Ship.__table__).values(name="Argo", tags={}))

    assert rows == []
    assert await names(db) == ["Argo"]


async def test_a_statement_in_a_session_gives_its_rows(db: Database) -> None:
    async with db.session() as session:
        await Repository(Ship, session).add(Ship(name="Argo"))
        rows = await session.execute(sa.select(Ship.name))

    assert rows == [("Argo",)]


async def test_a_statement_the_database_refuses_is_the_librarys_error(db: Database) -> None:
    with pytest.raises(StatementFailed, match="nowhere"):
        await db.execute(sa.text("SELECT * FROM nowhere"))


async def test_a_joined_connection_commits_what_its_owner_commits(
    db: Database, engine: AsyncEngine
) -> None:
    async with engine.begin() as connection:
        ships = Repository(Ship, connection)
        argo = await ships.add(Ship(name="Argo", tags={"oars": 50}))
        found = await ships.get(argo.id)

    assert found == argo
    assert found.tags == {"oars": 50}
    assert await names(db) == ["Argo"]


@pytest.mark.parametrize("first", ["repository", "sqlalchemy"])
async def test_nothing_survives_the_rollback_of_a_joined_connection(
    db: Database, engine: AsyncEngine, first: str
) -> None:
    async with engine.connect() as connection:
        if first == "sqlalchemy":
            _ = await connection.begin()
        ships = Repository(Ship, connection)
        argo = await ships.add(Ship(name="Argo"))
        await ships.add_all([Ship(name="Beagle"), Ship(name="Cutty Sark")])
        await ships.where(Ship.id == argo.id).update(Ship.name.set("Argo II"))
        await ships.delete(argo)
        await connection.rollback()

    assert await names(db) == []


async def test_nothing_survives_the_rollback_of_a_joined_session(
    db: Database, engine: AsyncEngine
) -> None:
    async with AsyncSession(engine) as session:
        await Repository(Ship, session).add(Ship(name="Argo"))
        await session.rollback()

    assert await names(db) == []


async def test_a_joined_session_commits_what_its_owner_commits(
    db: Database, engine: AsyncEngine
) -> None:
    async with AsyncSession(engine) as session, session.begin():
        await session.execute(sa.insert(Ship.__table__).values(name="Argo", tags={}))
        await Repository(Ship, session).add(Ship(name="Beagle"))

    assert await names(db) == ["Argo", "Beagle"]


async def test_a_violation_leaves_the_end_of_a_joined_transaction_to_its_owner(
    db: Database, engine: AsyncEngine
) -> None:
    async with engine.connect() as connection:
        ships = Repository(Ship, connection)
        await ships.add(Ship(name="Argo"))
        with pytest.raises(UniqueViolation):
            await ships.add(Ship(name="Argo"))
        await connection.rollback()
        await ships.add(Ship(name="Beagle"))
        await connection.commit()

    assert await names(db) == ["Beagle"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_lost_joined_connection_is_an_error_of_the_library(
    db: Database, engine: AsyncEngine
) -> None:
    async with engine.connect() as connection:
        [pid] = (await connection.execute(sa.text("SELECT pg_backend_pid()"))).one()
        await db.execute(sa.select(sa.func.pg_terminate_backend(pid)))

        with pytest.raises(DatabaseUnavailable):
            await Repository(Ship, connection).all()


def test_another_driver_cannot_be_joined() -> None:
    dialect = sa.create_engine("sqlite://").dialect

    with pytest.raises(NotSupported, match="sqlite\\+pysqlite"):
        backend_of(dialect)


async def test_a_function_of_the_synchronous_api_runs_in_the_session(db: Database) -> None:
    async with db.session() as session:
        columns = await session.run_sync(
            lambda connection: sa.inspect(connection).get_columns("ship")
        )

    assert [column["name"] for column in columns] == ["id", "name", "tags"]


async def test_functions_get_their_arguments(db: Database) -> None:
    def add_up(connection: sa.Connection, one: int, *, other: int) -> int:
        return one + other

    async with db.session() as session:
        assert await session.run_sync(add_up, 1, other=2) == 3


async def test_concurrent_joined_connections_do_not_mix(db: Database, engine: AsyncEngine) -> None:
    async def add(name: str, *, keep: bool) -> None:
        async with engine.connect() as connection:
            await Repository(Ship, connection).add(Ship(name=name))
            await (connection.commit() if keep else connection.rollback())

    await asyncio.gather(*(add(f"Ship {n}", keep=n % 2 == 0) for n in range(6)))

    assert await names(db) == ["Ship 0", "Ship 2", "Ship 4"]


async def test_a_value_of_another_type_is_refused_naming_the_field(db: Database) -> None:
    with pytest.raises(WrongType, match=r"Ship\.name cannot hold a int"):
        await db.execute(sa.insert(Ship.__table__).values(name=3, tags={}))


async def test_observers_see_statements_of_sqlalchemy(db: Database) -> None:
    seen: list[StatementRun] = []

    with subscribe(seen.append):
        await db.execute(sa.select(Ship.name))

    assert [event.sql.split()[0] for event in seen] == ["SELECT"]


async def test_observers_see_statements_of_a_joined_connection(
    db: Database, engine: AsyncEngine
) -> None:
    seen: list[StatementRun] = []

    async with engine.connect() as connection:
        with subscribe(seen.append):
            await Repository(Ship, connection).all()

    assert [event.sql.split()[0] for event in seen] == ["SELECT"]


async def test_an_error_of_a_function_that_runs_in_the_session_stays_its_own(db: Database) -> None:
    def fail(connection: sa.Connection) -> None:
        raise ConnectionRefusedError("the function's own")

    with pytest.raises(ConnectionRefusedError, match="the function's own"):
        async with db.session() as session:
            await session.run_sync(fail)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_error_in_a_computation_is_no_matter_of_storing(db: Database) -> None:
    with pytest.raises(StatementFailed) as caught:
        await db.execute(sa.select(sa.literal_column("1") / sa.literal_column("0")))

    assert caught.value.code == "22012"


async def test_a_begin_written_by_hand_is_rolled_back_and_loses_no_data() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        await Repository(Ship, db).add(Ship(name="Argo"))

        await db.execute(sa.text("BEGIN"))

        assert await names(db) == ["Argo"]
