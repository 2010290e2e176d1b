"""A Database opens, belongs to one event loop, creates its tables, and closes completely."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, field, generated, run
from andamios_orm.errors import (
    DatabaseError,
    DatabaseUnavailable,
    ForeignKeyViolation,
    NotSupported,
    SessionMisuse,
    StatementFailed,
)
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.testing.servers import PostgreSQLServer

METADATA = sa.MetaData()
SCHEMAS = sa.MetaData()
NODES = sa.MetaData()
SECRET = "secret-4711"


class Tree(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    kind: Col[str]


class Node(Model, table=True, metadata=NODES):
    id: Col[int] = field(primary_key=True)
    next_id: Col[int | None] = field(default=None, foreign_key="Node.id", on_delete="RESTRICT")


class Leaf(Model, table=True, schema="forest", metadata=SCHEMAS):
    id: Col[int] = generated()


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


async def one(db: Database) -> int:
    [(value,)] = await db.execute(sa.select(sa.literal(1)))
    return value


# -- tables


async def test_create_all_leaves_existing_tables_alone(db: Database) -> None:
    await Repository(Tree, db).add(Tree(kind="oak"))

    await db.create_all()

    assert await Repository(Tree, db).count() == 1


async def test_drop_all_drops_the_tables_and_may_be_repeated(db: Database) -> None:
    await db.drop_all()
    await db.drop_all()

    with pytest.raises(StatementFailed):
        await Repository(Tree, db).all()


async def test_drop_all_drops_tables_whose_rows_may_not_go_one_by_one(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path / 'nodes.db'}", metadata=NODES) as db:
        await db.create_all()
        await Repository(Node, db).add_all([Node(id=1), Node(id=2, next_id=1)])

        await db.drop_all()
        await db.create_all()

        assert await Repository(Node, db).count() == 0
        with pytest.raises(ForeignKeyViolation):
            await Repository(Node, db).add(Node(id=1, next_id=7))


async def test_a_file_keeps_its_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'trees.db'}"
    async with Database(url, metadata=METADATA) as db:
        await db.create_all()
        await Repository(Tree, db).add(Tree(kind="oak"))

    async with Database(url, metadata=METADATA) as db:
        assert await Repository(Tree, db).count() == 1


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:trees?mode=memory&uri=true"]
)
async def test_a_database_in_memory_is_one_for_all_tasks(url: str) -> None:
    async with Database(url, metadata=METADATA) as db:
        await db.create_all()
        trees = Repository(Tree, db)

        await asyncio.gather(*(trees.add(Tree(kind="oak")) for _ in range(10)))

        assert await trees.count() == 10


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_create_all_creates_schemas(database_url: str) -> None:
    async with Database(database_url, metadata=SCHEMAS) as db:
        await db.create_all()
        await db.create_all()

        assert (await Repository(Leaf, db).add(Leaf())).id == 1


async def test_what_the_dialect_refuses_is_not_supported() -> None:
    metadata = sa.MetaData()

    class Page(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        slug: Col[str]
        __table_args__ = (sa.Index("ux", "slug", unique=True, sqlite_where=sa.text("id > 0")),)

    async with Database("duckdb://", metadata=metadata) as db:
        with pytest.raises(NotSupported, match="no partial indexes, and index ux has"):
            await db.create_all()

        found = await db.execute(sa.text("SELECT table_name FROM information_schema.tables"))
        assert list(found) == []


async def test_schemas_are_refused_where_there_are_none() -> None:
    async with Database("sqlite://", metadata=SCHEMAS) as db:
        with pytest.raises(NotSupported, match="forest"):
            await db.create_all()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("pragma", "value"), [("foreign_keys", 1), ("journal_mode", "wal"), ("synchronous", 1)]
)
async def test_every_connection_of_a_file_is_set_up(
    db: Database, pragma: str, value: object
) -> None:
    async with db.session() as session:
        first = await session.execute(sa.text(f"PRAGMA {pragma}"))
        second = await asyncio.create_task(read_pragma(db, pragma))

    assert first == second == [(value,)]


async def read_pragma(db: Database, pragma: str) -> Any:
    return await db.execute(sa.text(f"PRAGMA {pragma}"))


# -- loops


async def test_run_returns_the_result() -> None:
    assert await asyncio.to_thread(run, answer()) == 42


async def answer() -> int:
    return 42


def test_run_uses_uvloop_where_it_is_installed() -> None:
    async def module() -> str:
        return type(asyncio.get_running_loop()).__module__

    uvloop = pytest.importorskip("uvloop")

    assert run(module()) == uvloop.Loop.__module__


def test_run_works_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andamios_orm.database.loop.find_spec", lambda name: None)

    async def module() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(module()).startswith("asyncio")


def test_a_second_event_loop_is_refused(database_url: str) -> None:
    db = Database(database_url)

    async def use_from_another_thread() -> None:
        await one(db)
        with pytest.raises(SessionMisuse, match="another event loop"):
            await asyncio.to_thread(run, one(db))
        with pytest.raises(SessionMisuse, match="another event loop"):
            await asyncio.to_thread(run, db.dispose())
        await db.dispose()

    run(use_from_another_thread())


def test_a_database_works_in_another_loop_after_dispose(database_url: str) -> None:
    db = Database(database_url)

    async def use() -> int:
        async with db:
            return await one(db)

    assert [run(use()), run(use())] == [1, 1]


def test_many_tasks_work_in_another_loop_after_dispose(database_url: str) -> None:
    db = Database(database_url, metadata=METADATA)

    async def use() -> int:
        async with db:
            await db.create_all()
            return len(await asyncio.gather(*(Repository(Tree, db).count() for _ in range(20))))

    assert [run(use()), run(use())] == [20, 20]


async def test_dispose_before_any_use_does_nothing(database_url: str) -> None:
    await Database(database_url).dispose()


async def test_a_database_is_usable_after_dispose(database_url: str) -> None:
    db = Database(database_url)
    await one(db)
    await db.dispose()

    assert await one(db) == 1

    await db.dispose()


async def test_dispose_is_refused_while_a_session_is_open(db: Database) -> None:
    async with db.session():
        with pytest.raises(SessionMisuse, match="1 session"):
            await db.dispose()


async def test_dispose_is_refused_while_a_statement_runs(db: Database) -> None:
    connection = await db._pool.take()
    with pytest.raises(SessionMisuse, match="not finished"):
        await db.dispose()
    await db._pool.give_back(connection)


async def test_a_repr_shows_the_database_and_no_password() -> None:
    db = Database(f"postgresql://ann:{SECRET}@db.example/shop")

    assert repr(db) == "<Database postgresql shop>"
    assert repr(Database("sqlite://")) == "<Database sqlite (memory)>"


# -- connections that fail


async def refused(db: Database) -> DatabaseError:
    with pytest.raises(DatabaseUnavailable) as by_statement:
        await one(db)
    with pytest.raises(DatabaseUnavailable) as by_plan:
        await Repository(Tree, db).all()
    with pytest.raises(DatabaseUnavailable) as by_session:
        await in_session(db)
    for caught in (by_statement, by_plan, by_session):
        assert SECRET not in f"{caught.value}{caught.value!r}"
        assert caught.value.transient
    return by_statement.value


async def in_session(db: Database) -> None:
    async with db.session() as session:
        await Repository(Tree, session).all()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with Database(f"postgresql://ann:{SECRET}@127.0.0.1:1/shop") as db:
        await refused(db)


async def test_a_host_that_does_not_exist_is_unavailable() -> None:
    async with Database(f"postgresql://ann:{SECRET}@no-such-host.invalid/shop") as db:
        await refused(db)


async def test_a_database_that_does_not_exist_is_unavailable(postgresql_url: str) -> None:
    url = sa.make_url(postgresql_url).set(database="no_such_database", password=SECRET)

    async with Database(url) as db:
        assert "no_such_database" in str(await refused(db))


async def test_a_user_who_is_refused_finds_the_database_unavailable(
    postgresql_url: str,
) -> None:
    url = sa.make_url(postgresql_url).set(username="nobody_here", password=SECRET)

    async with Database(url) as db:
        await refused(db)


async def test_a_file_in_a_folder_that_does_not_exist_is_unavailable(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with Database(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}") as db:
        await refused(db)
    await threads_ended(before)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database, but long enough to be one " * 100)
    before = set(threading.enumerate())

    async with Database(f"sqlite:///{tmp_path / 'x.db'}") as db:
        await refused(db)
    await threads_ended(before)


async def threads_ended(before: set[threading.Thread]) -> None:
    """aiosqlite does not wait for the thread of a connection that it could not open."""
    begun = set(threading.enumerate()) - before
    for thread in begun:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_lost_connections_are_replaced(db: Database, database_url: str) -> None:
    opened: list[Any] = []
    sa.event.listen(
        db._pool._engine.sync_engine,
        "connect",
        lambda connection, record: opened.append(record.driver_connection),
    )
    await db.dispose()
    await asyncio.gather(*(one(db) for _ in range(3)))
    kill = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with Database(database_url) as other:
        await other.execute(kill)
        while not all(connection.is_closed() for connection in opened):
            await one(other)

    assert await asyncio.gather(*(one(db) for _ in range(5))) == [1] * 5


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_connection_lost_inside_a_session_is_unavailable(
    db: Database, database_url: str
) -> None:
    async def lose() -> None:
        async with db.session() as session:
            [(pid,)] = await session.execute(sa.select(sa.func.pg_backend_pid()))
            async with Database(database_url) as other:
                await other.execute(sa.select(sa.func.pg_terminate_backend(pid)))
            async with session.savepoint():
                await Repository(Tree, session).all()

    with pytest.raises(DatabaseUnavailable):
        await lose()

    assert await one(db) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_rollback_of_a_lost_connection_says_so(db: Database, database_url: str) -> None:
    async def lose() -> None:
        async with db.session() as session:
            [(pid,)] = await session.execute(sa.select(sa.func.pg_backend_pid()))
            async with Database(database_url) as other:
                await other.execute(sa.select(sa.func.pg_terminate_backend(pid)))
            await session.rollback()

    with pytest.raises(DatabaseUnavailable):
        await lose()

    assert await one(db) == 1


async def test_a_server_that_stops_is_unavailable(postgresql_binaries: Path) -> None:
    server = PostgreSQLServer(binaries=postgresql_binaries)
    if server._given is not None:
        # ANDAMIOS_TEST_URL_POSTGRESQL names a server that runs already, and we stop only our own.
        pytest.skip("the server of this run is another's")
    await asyncio.to_thread(server.start)
    async with Database(server.address, metadata=METADATA) as db:
        await db.create_all()
        await asyncio.to_thread(server.stop)

        await refused(db)


# -- watching


async def test_an_observer_sees_every_statement_and_no_value(db: Database) -> None:
    seen: list[StatementRun] = []

    with subscribe(seen.append):
        await Repository(Tree, db).add(Tree(kind=SECRET))
        await Repository(Tree, db).all()
        await Repository(Tree, db).where(Tree.id > 0).delete()

    told = [(event.sql.partition(" ")[0], event.rows) for event in seen]
    added = [("INSERT", 1)]
    if not db.capabilities.insert_returning:
        added = [("START", 0), ("INSERT", 1), ("SELECT", 1), ("COMMIT", 0)]
    assert told == [*added, ("SELECT", 1), ("DELETE", 1)]
    assert SECRET not in repr(seen)
