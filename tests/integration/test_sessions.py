"""A session is one transaction: all of it happens, or none."""

# ruff: noqa: PT012 - what the end of a block raises is the subject here

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import model_validator

from andamios_orm import Col, Database, Model, Repository, Session, field, generated
from andamios_orm.backends.sqlite import backend as sqlite
from andamios_orm.errors import (
    ForeignKeyViolation,
    InvalidRow,
    NotFound,
    SessionMisuse,
    StatementFailed,
    TransactionAborted,
    TransactionConflict,
    UniqueViolation,
)
from andamios_orm.observe import subscribe
from tests.engines import not_on, only_on

WITH_SAVEPOINTS = not_on("duckdb")

METADATA = sa.MetaData()


class Guest(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    age: Col[int] = field(default=0)


class Span(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    start: Col[int]
    end: Col[int]

    @model_validator(mode="after")
    def in_order(self) -> "Span":
        if self.start > self.end:
            raise ValueError("start after end")
        return self


LATE = sa.MetaData()


class Pen(Model, table=True, metadata=LATE):
    id: Col[int] = field(primary_key=True)


class Pet(Model, table=True, metadata=LATE):
    """A row whose foreign key is checked at the commit."""

    id: Col[int] = field(primary_key=True)
    pen_id: Col[int]
    __table_args__ = (
        sa.ForeignKeyConstraint(["pen_id"], ["pen.id"], deferrable=True, initially="DEFERRED"),
    )


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=3) as database:
        await database.create_all()
        yield database


@pytest.fixture
def guests(db: Database) -> Repository[Guest]:
    return Repository(Guest, db)


async def add(session: Session, name: str) -> None:
    await Repository(Guest, session).add(Guest(name=name))


async def names(db: Database) -> list[str]:
    return sorted(guest.name for guest in await Repository(Guest, db).all())


# -- begin, commit, rollback


async def test_the_end_of_the_block_commits(db: Database) -> None:
    async with db.session() as session:
        await add(session, "Ada")

    assert await names(db) == ["Ada"]


async def test_an_exception_rolls_back_and_comes_through(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.session() as session:
            await add(session, "Ada")
            raise ZeroDivisionError

    assert await names(db) == []


async def test_a_session_without_statements_sends_nothing(db: Database) -> None:
    sent: list[str] = []

    with subscribe(lambda event: sent.append(event.sql)):
        async with db.session() as session:
            await session.commit()

    assert sent == []


async def test_the_first_statement_begins_the_transaction(db: Database) -> None:
    sent: list[str] = []

    with subscribe(lambda event: sent.append(event.sql.partition(" ")[0])):
        async with db.session() as session:
            await Repository(Guest, session).all()
            await add(session, "Ada")

    assert sent[0] in ("BEGIN", "START")
    read_back = ["SELECT"] * (not db.capabilities.insert_returning)
    assert sent[1:] == ["SELECT", "INSERT", *read_back, "COMMIT"]


async def test_nobody_else_sees_what_is_not_committed(db: Database) -> None:
    async with db.session() as session:
        await add(session, "Ada")
        seen = await names(db)

    assert seen == []


async def test_every_way_to_run_a_statement_is_in_the_same_transaction(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.session() as session:
            await session.execute(sa.insert(Guest.__table__).values(name="a", age=1))
            await session.run_sync(
                lambda c: c.execute(sa.insert(Guest.__table__).values(name="b", age=1))
            )
            await Repository(Guest, session).add_all([Guest(name="c"), Guest(name="d")])
            raise ZeroDivisionError

    assert await names(db) == []


async def test_commit_half_way_keeps_what_was_before(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.session() as session:
            await add(session, "Ada")
            await session.commit()
            await add(session, "Bob")
            raise ZeroDivisionError

    assert await names(db) == ["Ada"]


async def test_rollback_half_way_undoes_what_was_before(db: Database) -> None:
    async with db.session() as session:
        await add(session, "Ada")
        await session.rollback()
        await add(session, "Bob")

    assert await names(db) == ["Bob"]


async def test_rollback_makes_a_failed_session_usable(
    db: Database, guests: Repository[Guest]
) -> None:
    await guests.add(Guest(name="Ada"))

    async with db.session() as session:
        with pytest.raises(UniqueViolation):
            await add(session, "Ada")
        await session.rollback()
        await add(session, "Bob")

    assert await names(db) == ["Ada", "Bob"]


async def test_rollback_without_a_transaction_does_nothing(db: Database) -> None:
    async with db.session() as session:
        await session.rollback()
        await add(session, "Ada")

    assert await names(db) == ["Ada"]


async def test_a_session_can_be_opened_again_after_its_end(db: Database) -> None:
    session = db.session()
    with pytest.raises(StatementFailed):
        async with session:
            await session.execute(sa.text("SELECT * FROM nowhere"))

    async with session:
        await add(session, "Ada")

    assert await names(db) == ["Ada"]


# -- a failed statement


async def test_a_swallowed_error_prevents_the_commit(
    db: Database, guests: Repository[Guest]
) -> None:
    await guests.add(Guest(name="Ada"))

    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            await add(session, "Bob")
            with pytest.raises(UniqueViolation):
                await add(session, "Ada")

    assert await names(db) == ["Ada"]


async def test_a_failed_session_takes_no_more_statements(
    db: Database, guests: Repository[Guest]
) -> None:
    await guests.add(Guest(name="Ada"))

    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            with pytest.raises(UniqueViolation):
                await add(session, "Ada")
            await add(session, "Bob")

    assert await names(db) == ["Ada"]


async def test_commit_of_a_failed_session_is_refused(
    db: Database, guests: Repository[Guest]
) -> None:
    await guests.add(Guest(name="Ada"))

    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            with pytest.raises(UniqueViolation):
                await add(session, "Ada")
            await session.commit()

    assert await names(db) == ["Ada"]


async def test_an_error_in_run_sync_aborts_the_session(db: Database) -> None:
    def fails(connection: sa.Connection) -> None:
        connection.execute(sa.insert(Guest.__table__).values(name="Ada", age=1))
        raise ZeroDivisionError

    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            with pytest.raises(ZeroDivisionError):
                await session.run_sync(fails)

    assert await names(db) == []


async def test_the_database_error_of_run_sync_is_translated(db: Database) -> None:
    with pytest.raises(StatementFailed):
        async with db.session() as session:
            await session.run_sync(lambda c: c.execute(sa.text("SELECT * FROM nowhere")))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_transaction_that_the_database_rolled_back_is_not_reported_as_committed(
    db: Database,
) -> None:
    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            await add(session, "Ada")
            # Behind the session's back, so that only the database knows.
            with pytest.raises(Exception, match="nowhere"):
                await raw(session).execute("SELECT * FROM nowhere")

    assert await names(db) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_transaction_that_ended_itself_is_not_reported_as_committed(
    db: Database,
) -> None:
    with pytest.raises(StatementFailed):
        async with db.session() as session:
            await add(session, "Ada")
            await raw(session).execute("ROLLBACK")

    assert await names(db) == []


def raw(session: Session) -> Any:
    assert session._connection is not None
    return session._connection.driver


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_begin_that_fails_aborts_the_session(
    database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0)

    async with Database(database_url) as impatient, db.session() as writer:
        await add(writer, "Ada")
        with pytest.raises(TransactionAborted):
            async with impatient.session() as session:
                with pytest.raises(TransactionConflict):
                    await add(session, "Bob")
                await writer.commit()
                await add(session, "Cid")

    assert await names(db) == ["Ada"]


@only_on("postgresql", "sqlite")
async def test_a_session_whose_commit_failed_takes_no_more_until_it_is_rolled_back(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=LATE) as db:
        await db.create_all()
        async with db.session() as session:
            pets, pens = Repository(Pet, session), Repository(Pen, session)
            await pets.add(Pet(id=1, pen_id=1))
            with pytest.raises(ForeignKeyViolation):
                await session.commit()
            # On PostgreSQL the transaction is over, so this would be one of its own.
            with pytest.raises(TransactionAborted):
                await pens.add(Pen(id=1))
            await session.rollback()
            await pens.add(Pen(id=2))

        assert await Repository(Pen, db).all() == [Pen(id=2)]
        assert await Repository(Pet, db).count() == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_session_that_the_database_rolled_back_at_the_commit_takes_no_more(
    db: Database,
) -> None:
    async with db.session() as session:
        await add(session, "Ada")
        with pytest.raises(Exception, match="nowhere"):
            await raw(session).execute("SELECT * FROM nowhere")
        with pytest.raises(TransactionAborted):
            await session.commit()
        with pytest.raises(TransactionAborted):
            await add(session, "Bob")
        await session.rollback()

    assert await names(db) == []


async def test_a_patch_that_finds_no_row_leaves_the_session_as_it_is(db: Database) -> None:
    async with db.session() as session:
        await add(session, "Ada")
        with pytest.raises(NotFound):
            # The row would be judged as a whole, when it comes back.
            await Repository(Span, session).patch(4711, Span.start.set(1))

    assert await names(db) == ["Ada"]


# -- savepoints


@WITH_SAVEPOINTS
async def test_a_savepoint_fails_alone(db: Database, guests: Repository[Guest]) -> None:
    await guests.add(Guest(name="Ada"))

    async with db.session() as session:
        await add(session, "Bob")
        with pytest.raises(UniqueViolation):
            async with session.savepoint():
                await add(session, "Cid")
                await add(session, "Ada")
        await add(session, "Dora")

    assert await names(db) == ["Ada", "Bob", "Dora"]


@WITH_SAVEPOINTS
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, KeyError])
async def test_any_exception_undoes_a_savepoint(db: Database, error: type[BaseException]) -> None:
    async with db.session() as session:
        with pytest.raises(error):
            async with session.savepoint():
                await add(session, "Ada")
                raise error
        await add(session, "Bob")

    assert await names(db) == ["Bob"]


@WITH_SAVEPOINTS
async def test_savepoints_nest(db: Database) -> None:
    async with db.session() as session, session.savepoint():
        await add(session, "Ada")
        with pytest.raises(ZeroDivisionError):
            async with session.savepoint():
                await add(session, "Bob")
                raise ZeroDivisionError
        async with session.savepoint():
            await add(session, "Cid")

    assert await names(db) == ["Ada", "Cid"]


@WITH_SAVEPOINTS
async def test_an_outer_savepoint_undoes_the_inner_one(db: Database) -> None:
    async with db.session() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.savepoint():
                async with session.savepoint():
                    await add(session, "Ada")
                raise ZeroDivisionError

    assert await names(db) == []


@WITH_SAVEPOINTS
async def test_an_error_swallowed_in_a_savepoint_undoes_it(
    db: Database, guests: Repository[Guest]
) -> None:
    await guests.add(Guest(name="Ada"))

    async with db.session() as session:
        with pytest.raises(TransactionAborted):
            async with session.savepoint():
                await add(session, "Bob")
                with pytest.raises(UniqueViolation):
                    await add(session, "Ada")
        await add(session, "Cid")

    assert await names(db) == ["Ada", "Cid"]


@WITH_SAVEPOINTS
async def test_a_joined_session_fails_alone(db: Database) -> None:
    async def import_guests(where: Session) -> None:
        async with where.session() as session:
            await add(session, "Ada")
            raise ZeroDivisionError

    async with db.session() as session:
        await add(session, "Bob")
        with pytest.raises(ZeroDivisionError):
            await import_guests(session)

    assert await names(db) == ["Bob"]


async def test_a_joined_session_is_undone_with_the_outer_one(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.session() as session:
            async with session.session() as joined:
                await add(joined, "Ada")
            raise ZeroDivisionError

    assert await names(db) == []


@WITH_SAVEPOINTS
@pytest.mark.parametrize("verb", ["commit", "rollback"])
async def test_a_savepoint_cannot_end_the_transaction_around_it(db: Database, verb: str) -> None:
    with pytest.raises(SessionMisuse, match="savepoint"):
        async with db.session() as session, session.savepoint():
            await add(session, "Ada")
            await getattr(session, verb)()

    assert await names(db) == []


@WITH_SAVEPOINTS
async def test_a_savepoint_that_cannot_be_undone_ends_the_transaction(db: Database) -> None:
    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            await add(session, "Ada")
            with pytest.raises(ZeroDivisionError):
                async with session.savepoint():
                    await session._pool.backend.rollback(raw(session))
                    raise ZeroDivisionError
            await add(session, "Bob")

    assert await names(db) == []


@WITH_SAVEPOINTS
async def test_a_failed_session_opens_no_savepoint(db: Database) -> None:
    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            with pytest.raises(StatementFailed):
                await session.execute(sa.text("SELECT * FROM nowhere"))
            async with session.savepoint():
                pytest.fail("the savepoint was opened")


# -- units of several statements


async def test_a_unit_that_fails_aborts_the_session(db: Database) -> None:
    stored = await Repository(Span, db).add(Span(start=1, end=2))

    with pytest.raises(TransactionAborted):
        async with db.session() as session:
            with pytest.raises(InvalidRow):
                await Repository(Span, session).patch(stored.id, Span.start.set(3))

    assert await Repository(Span, db).one() == stored


# -- read only


async def test_a_read_only_session_reads(db: Database, guests: Repository[Guest]) -> None:
    ada = await guests.add(Guest(name="Ada"))

    async with db.session(read_only=True) as session:
        found = await Repository(Guest, session).all()

    assert found == [ada]


async def test_a_read_only_session_does_not_write(db: Database) -> None:
    with pytest.raises(StatementFailed):
        async with db.session(read_only=True) as session:
            await add(session, "Ada")

    assert await names(db) == []


async def test_the_connection_of_a_read_only_session_writes_again(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=1) as db:
        await db.create_all()
        async with db.session(read_only=True) as session:
            await Repository(Guest, session).all()

        await Repository(Guest, db).add(Guest(name="Ada"))

        assert await names(db) == ["Ada"]


async def test_a_read_only_session_does_not_wait_for_a_writer(db: Database) -> None:
    written, seen = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with db.session() as session:
            await add(session, "Ada")
            written.set()
            await seen.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        await written.wait()
        async with db.session(read_only=True) as session:
            found = await Repository(Guest, session).all()
        seen.set()

    assert found == []


# -- misuse


async def test_a_session_outside_its_block_is_refused(db: Database) -> None:
    session = db.session()

    with pytest.raises(SessionMisuse, match="not open"):
        await add(session, "Ada")


async def test_a_session_is_refused_after_its_block(db: Database) -> None:
    async with db.session() as session:
        pass

    with pytest.raises(SessionMisuse, match="not open"):
        await add(session, "Ada")


async def test_a_session_cannot_be_opened_twice(db: Database) -> None:
    async with db.session() as session:
        with pytest.raises(SessionMisuse, match="open already"):
            await session.__aenter__()


async def test_a_second_session_in_the_same_task_is_refused(db: Database) -> None:
    async with db.session() as session:
        with pytest.raises(SessionMisuse, match="this task has a session"):
            async with db.session():
                pytest.fail("the second session was opened")
        await add(session, "Ada")

    assert await names(db) == ["Ada"]


async def test_two_tasks_cannot_use_one_session_at_once(db: Database) -> None:
    with pytest.raises(SessionMisuse, match="two tasks"):
        async with db.session() as session:
            await asyncio.gather(add(session, "Ada"), add(session, "Bob"))

    assert await names(db) == []


async def test_two_tasks_may_use_one_session_in_turn(db: Database) -> None:
    async with db.session() as session:
        await asyncio.create_task(add(session, "Ada"))
        await add(session, "Bob")

    assert await names(db) == ["Ada", "Bob"]


async def test_a_block_does_not_end_while_another_task_runs_a_statement(db: Database) -> None:
    with pytest.raises(SessionMisuse, match="two tasks"):
        async with db.session() as session:
            other = asyncio.ensure_future(add(session, "Ada"))
            # One step of the other task: it sends BEGIN, and has no answer yet.
            await asyncio.sleep(0)
    await asyncio.wait({other})
    other.exception()

    assert await names(db) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_write_beside_the_own_session_is_refused_where_it_would_wait_for_it(
    db: Database, guests: Repository[Guest]
) -> None:
    async with db.session():
        with pytest.raises(SessionMisuse):
            await guests.add(Guest(name="Ada"))
        with pytest.raises(SessionMisuse):
            await db.execute(sa.insert(Guest.__table__).values(name="Bob", age=1))


async def test_a_read_beside_the_own_session_is_refused_where_it_would_wait_for_it(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=1, pool_timeout=1) as db:
        await db.create_all()
        async with db.session():
            with pytest.raises(SessionMisuse):
                await Repository(Guest, db).all()
            with pytest.raises(SessionMisuse):
                await db.execute(sa.select(Guest.name))


async def test_a_task_may_have_sessions_of_two_databases(database_url: str) -> None:
    async with (
        Database(database_url, metadata=METADATA) as one,
        Database(database_url, metadata=METADATA) as two,
    ):
        await one.create_all()

        async with one.session() as first, two.session(read_only=True) as second:
            await Repository(Guest, first).add(Guest(name="Ada"))
            found = await Repository(Guest, second).all()

    assert found == []
