"""A connection that cannot serve another caller is given up, and the next call gets a fresh one."""

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, generated
from andamios_orm.backends.sqlite import SQLiteBackend
from andamios_orm.database import session as session_module
from andamios_orm.errors import DatabaseUnavailable

METADATA = sa.MetaData()


class Lamp(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=1) as database:
        await database.create_all()
        await Repository(Lamp, database).add(Lamp())
        yield database


async def test_a_transaction_begun_past_the_session_ends_with_its_statement(db: Database) -> None:
    await db.execute(sa.text("BEGIN"))

    await Repository(Lamp, db).add(Lamp())

    async with Database(db._pool._options.url, metadata=METADATA) as other:
        assert await Repository(Lamp, other).count() == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_call_that_loses_its_connection_leaves_the_pool_a_place(db: Database) -> None:
    lamps = Repository(Lamp, db)

    with pytest.raises(DatabaseUnavailable):
        await lamps.where(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())).all()

    assert await lamps.count() == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_statement_that_loses_its_connection_leaves_the_pool_a_place(db: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await db.execute(sa.select(sa.func.pg_terminate_backend(sa.func.pg_backend_pid())))

    assert await Repository(Lamp, db).count() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_rollback_that_does_not_end_gives_the_connection_up(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_PATIENCE", 0.01)
    interrupted = threading.Event()
    interrupt = SQLiteBackend.interrupt

    async def interrupting(self: SQLiteBackend, driver: Any) -> None:
        interrupted.set()
        await interrupt(self, driver)

    monkeypatch.setattr(SQLiteBackend, "interrupt", interrupting)

    def hold(statement: str) -> None:
        if statement == "ROLLBACK":
            interrupted.wait()

    async def roll_back() -> None:
        async with db.session() as session:
            await Repository(Lamp, session).add(Lamp())
            await session._open().driver.set_trace_callback(hold)
            await session.rollback()

    with pytest.raises(DatabaseUnavailable):
        await roll_back()

    assert await Repository(Lamp, db).count() == 1
