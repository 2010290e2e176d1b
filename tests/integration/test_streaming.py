"""A stream reads rows batch by batch, and its connection is as good as new however it ends."""

# ruff: noqa: PT012 - what the end of a block raises is the subject here

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from andamios_orm import (
    AndamiosError,
    Col,
    Database,
    DatabaseUnavailable,
    InvalidRow,
    MissingTenant,
    Model,
    NotStorable,
    NotSupported,
    Query,
    Related,
    RelatedList,
    Repository,
    SessionMisuse,
    StatementFailed,
    Tenant,
    TransactionAborted,
    ValueOutOfRange,
    WrongType,
    field,
    generated,
    relation,
)
from andamios_orm.observe import StatementRun, subscribe
from tests.engines import driver_url, not_on, only_on, server_of

METADATA = sa.MetaData()
INTERLEAVED = ("postgresql", "sqlite")


class Team(Model, table="streaming_team", metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(default="X")
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table="streaming_hero", metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(default="")
    age: Col[int] = field(default=0, ge=0)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class HeroName(BaseModel):
    name: str


class TeamCard(BaseModel):
    name: str
    heroes: list[HeroName]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=2, pool_timeout=5) as database:
        await database.create_all()
        yield database


@pytest.fixture
async def heroes(db: Database) -> Repository[Hero]:
    """A repository of 50 heroes."""
    repository = Repository(Hero, db)
    await repository.add_all([Hero(name=f"h{n}", age=n) for n in range(50)])
    return repository


async def healthy(db: Database) -> None:
    """Nothing is left of a stream: no connection, no transaction, no task."""
    await asyncio.gather(*db._pool._later)
    assert db._pool.in_use == 0
    assert db._pool._streaming == {}
    added = await Repository(Hero, db).add(Hero(name="later"))
    await Repository(Hero, db).delete(added.id)
    assert all(connection.is_usable() for connection in db._pool._idle)


# ---- what comes --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 25, 49, 50, 51, 1000])
async def test_all_rows_come_in_their_order(
    db: Database, heroes: Repository[Hero], batch: int
) -> None:
    query = heroes.where(Hero.age > 1).order_by(Hero.age.desc())
    found = [hero async for hero in query.stream(batch=batch)]
    assert found == await query.all()
    assert len(found) == 48
    await healthy(db)


async def test_no_rows_are_no_rows(db: Database, heroes: Repository[Hero]) -> None:
    stream = heroes.where(Hero.age > 99).stream()
    assert [hero async for hero in stream] == []
    assert [hero async for hero in stream] == []  # it is over
    await healthy(db)


async def test_limits_of_a_query_are_kept(db: Database, heroes: Repository[Hero]) -> None:
    query = heroes.order_by(Hero.age).offset(3).limit(10)
    assert [hero.age async for hero in query.stream(batch=4)] == list(range(3, 13))


async def test_only_what_is_asked_for_is_read(db: Database, heroes: Repository[Hero]) -> None:
    seen: list[StatementRun] = []
    with subscribe(seen.append):
        async with aclosing(heroes.order_by(Hero.id).stream(batch=10)) as stream:
            for _ in range(11):
                await anext(stream)
    [run] = [one for one in seen if "streaming_hero" in one.sql]
    assert run.rows == 20
    await healthy(db)


async def test_a_statement_runs_when_the_first_row_is_asked_for(
    db: Database, heroes: Repository[Hero]
) -> None:
    stream = heroes.limit(99).stream()
    assert db._pool.in_use == 0
    await heroes.add(Hero(age=50))
    assert len([hero async for hero in stream]) == 51


async def test_what_is_loaded_comes_with_each_batch(db: Database) -> None:
    teams = await Repository(Team, db).add_all([Team(name=name) for name in "ABC"])
    await Repository(Hero, db).add_all(
        [Hero(name=f"h{n}", team_id=teams[n % 3].id) for n in range(9)]
    )
    query = Repository(Hero, db).order_by(Hero.id).load(Hero.team)
    found = [hero async for hero in query.stream(batch=4)]
    assert [hero.team.name for hero in found if hero.team] == list("ABC" * 3)
    shaped = Repository(Team, db).order_by(Team.id).into(TeamCard)
    cards = [card async for card in shaped.stream(batch=2)]
    assert [len(card.heroes) for card in cards] == [3, 3, 3]
    assert cards == await shaped.all()
    await healthy(db)


async def test_what_is_loaded_needs_no_second_connection_where_one_is_enough() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        [team] = await Repository(Team, db).add_all([Team(name="A")])
        await Repository(Hero, db).add_all([Hero(team_id=team.id) for _ in range(5)])
        query = Repository(Hero, db).limit(9).load(Hero.team)
        assert len([hero async for hero in query.stream(batch=2) if hero.team]) == 5
        await healthy(db)


async def test_other_tasks_have_a_turn_between_batches(
    db: Database, heroes: Repository[Hero]
) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in heroes.limit(50).stream(batch=1):
        pass
    task.cancel()
    assert turns > 50


@pytest.mark.parametrize("batch", [0, -1, True, 1.5, "1"])
async def test_a_batch_is_a_whole_number(heroes: Repository[Hero], batch: int) -> None:
    with pytest.raises(WrongType, match="batch is a whole number from 1 on"):
        heroes.limit(9).stream(batch=batch)


class Note(Tenant, table="streaming_note", metadata=METADATA):
    id: Col[int] = generated()


async def test_a_tenant_meets_its_own_rows_only(db: Database) -> None:
    for tenant in ("one", "two"):
        await Repository(Note, db.for_tenant(tenant)).add_all([Note() for _ in range(3)])
    one = db.for_tenant("one")
    found = [note async for note in Repository(Note, one).limit(9).stream(batch=2)]
    assert [note.tenant_id for note in found] == ["one"] * 3
    async with one.session() as session:
        assert found == [note async for note in Repository(Note, session).limit(9).stream()]
    with pytest.raises(MissingTenant):
        await anext(Repository(Note, db).limit(9).stream())
    await healthy(db)


# ---- how it ends -------------------------------------------------------------------------------


async def leave_by_break(heroes: Repository[Hero]) -> None:
    async for _ in heroes.limit(50).stream(batch=3):
        break


async def leave_by_error(heroes: Repository[Hero]) -> None:
    with pytest.raises(KeyError):
        async for _ in heroes.limit(50).stream(batch=3):
            raise KeyError


async def leave_by_closing(heroes: Repository[Hero]) -> None:
    async with aclosing(heroes.limit(50).stream(batch=3)) as stream:
        await anext(stream)
    assert [hero async for hero in stream] == []
    await stream.aclose()


async def leave_by_forgetting(heroes: Repository[Hero]) -> None:
    stream = heroes.limit(50).stream(batch=3)
    await anext(stream)
    circle: list[Any] = [stream]
    circle.append(circle)
    del stream, circle
    gc.collect()


async def leave_by_forgetting_elsewhere(heroes: Repository[Hero]) -> None:
    held = [heroes.limit(50).stream(batch=3)]
    await anext(held[0])
    await asyncio.to_thread(held.clear)
    await asyncio.sleep(0)


async def leave_before_the_beginning(heroes: Repository[Hero]) -> None:
    stream = heroes.limit(50).stream(batch=3)
    await stream.aclose()
    assert [hero async for hero in stream] == []
    heroes.limit(50).stream()


async def leave_by_a_row_that_is_refused(heroes: Repository[Hero]) -> None:
    stream = heroes.order_by(Hero.id).into(Picky).stream(batch=3)
    with pytest.raises(InvalidRow):
        [hero async for hero in stream]
    assert [hero async for hero in stream] == []


async def leave_by_a_statement_that_fails(heroes: Repository[Hero]) -> None:
    failing = heroes.where(sa.literal_column("no_such_column") == 1)
    with pytest.raises(StatementFailed):
        [hero async for hero in failing.stream(batch=3)]


class Picky(BaseModel):
    name: str
    age: Annotated[int, Field(le=10)]


WAYS = [
    leave_by_break,
    leave_by_error,
    leave_by_closing,
    leave_by_forgetting,
    leave_by_forgetting_elsewhere,
    leave_before_the_beginning,
    leave_by_a_row_that_is_refused,
    leave_by_a_statement_that_fails,
]


@pytest.mark.parametrize("leave", WAYS)
async def test_a_connection_comes_back_however_a_stream_is_left(
    db: Database, heroes: Repository[Hero], leave: Callable[[Repository[Hero]], Awaitable[None]]
) -> None:
    for _ in range(3):  # more often than there are connections
        await leave(heroes)
    await healthy(db)


@pytest.mark.parametrize("leave", WAYS)
async def test_a_database_waits_for_streams_that_were_just_left(
    database_url: str, leave: Callable[[Repository[Hero]], Awaitable[None]]
) -> None:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        heroes = Repository(Hero, database)
        await heroes.add_all([Hero(age=n) for n in range(50)])
        await leave(heroes)


async def test_a_cancelled_task_gives_its_connection_back(
    db: Database, heroes: Repository[Hero]
) -> None:
    async def read(begun: asyncio.Event) -> None:
        async for _ in heroes.order_by(Hero.name).stream(batch=1):
            begun.set()

    for steps in range(30):
        await cancelled(read, steps)
        await healthy(db)


async def cancelled(read: Callable[[asyncio.Event], Awaitable[None]], steps: int) -> None:
    """Cancel a task at its beginning, or some steps after it has the first row."""
    begun = asyncio.Event()
    task = asyncio.ensure_future(read(begun))
    if steps % 2:
        await begun.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# What fails at the row with the age 30.
FAILING = {
    "duckdb": "CAST(CASE WHEN age = 30 THEN 'x' ELSE '1' END AS INTEGER) = 1",
    "mariadb": "exp(CASE WHEN age = 30 THEN 1000 ELSE 1 END) > 0",
    "postgresql": "1 / (age - 30) > -2",
    "sqlite": "abs(CASE WHEN age = 30 THEN -9223372036854775808 ELSE 1 END) = 1",
}


def failing(heroes: Repository[Hero], db: Database) -> Query[Hero]:
    return heroes.where(sa.literal_column(FAILING[server_of(db)], sa.Boolean())).order_by(Hero.id)


async def test_a_statement_that_fails_in_the_middle_gives_its_connection_back(
    db: Database, heroes: Repository[Hero]
) -> None:
    for _ in range(3):
        with pytest.raises(AndamiosError) as caught:
            [hero async for hero in failing(heroes, db).stream(batch=2)]
        assert isinstance(caught.value, StatementFailed | ValueOutOfRange | NotStorable)
        await healthy(db)


async def test_a_stream_that_fails_aborts_its_session(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        await inside.add(Hero(name="ghost"))
        with pytest.raises(AndamiosError):
            [hero async for hero in failing(inside, db).stream(batch=2)]
        with pytest.raises(TransactionAborted):
            await inside.count()
        await session.rollback()
        assert await inside.count() == 50
    await healthy(db)


KILL = {
    "mariadb": ("SELECT connection_id()", "KILL CONNECTION {}"),
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
}


@only_on("postgresql", "mariadb", "mysql")
async def test_a_connection_that_is_lost_in_the_middle_is_no_other_callers(
    db: Database, heroes: Repository[Hero]
) -> None:
    await heroes.add_all([Hero(name="x" * 500_000) for _ in range(40)])
    ask, kill = KILL[server_of(db)]
    with pytest.raises(DatabaseUnavailable):
        async with db.session() as session:
            stream = Repository(Hero, session).order_by(Hero.id).stream(batch=1)
            [(number,)] = await session.execute(sa.text(ask))
            await anext(stream)
            await db.execute(sa.text(kill.format(number)))
            [hero async for hero in stream]
    await healthy(db)


@only_on("mariadb", "mysql")
async def test_a_stream_whose_connection_is_closed_gives_all_rows_or_an_error(
    db: Database, heroes: Repository[Hero]
) -> None:
    await heroes.add_all([Hero(name="x" * 500_000) for _ in range(40)])
    stream = heroes.order_by(Hero.id).stream(batch=1)
    found = [await anext(stream)]
    rows: Any = stream._rows
    rows._session._connection.driver.close()
    try:
        found += [hero async for hero in stream]
    except DatabaseUnavailable:
        found += [Hero()] * (90 - len(found))
    assert len(found) == 90
    await healthy(db)


async def test_a_stream_that_nobody_left_is_told_when_the_database_closes(
    database_url: str,
) -> None:
    database = Database(database_url, metadata=METADATA)
    await database.create_all()
    heroes = Repository(Hero, database)
    await heroes.add_all([Hero(), Hero()])
    stream = heroes.limit(9).stream(batch=1)
    await anext(stream)
    with pytest.raises(SessionMisuse, match="1 session"):
        await database.dispose()
    await stream.aclose()
    await database.dispose()


# ---- beside others -----------------------------------------------------------------------------


async def test_rows_can_be_changed_while_they_come(db: Database, heroes: Repository[Hero]) -> None:
    async for hero in heroes.order_by(Hero.id).stream(batch=10):
        await heroes.patch(hero.id, Hero.age.set(Hero.age + 1))
    assert sorted(hero.age for hero in await heroes.all()) == list(range(1, 51))
    await healthy(db)


async def test_a_session_can_be_open_beside_a_stream(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        await Repository(Hero, session).count()
        found = [hero async for hero in heroes.limit(9).stream(batch=4)]
    assert len(found) == 9
    async for hero in heroes.limit(3).stream(batch=1):
        async with db.session() as session:
            await Repository(Hero, session).patch(hero.id, Hero.name.set("seen"))
    assert await heroes.where(Hero.name == "seen").count() == 3
    await healthy(db)


async def test_a_stream_that_has_the_only_connection_keeps_its_task_from_waiting(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=1) as database:
        await database.create_all()
        heroes = Repository(Hero, database)
        await heroes.add_all([Hero() for _ in range(5)])
        async with aclosing(heroes.limit(9).stream(batch=2)) as stream:
            await anext(stream)
            for call in (heroes.count, heroes.limit(9).stream().__anext__):
                with pytest.raises(SessionMisuse, match="has the only connection"):
                    await call()
            with pytest.raises(SessionMisuse, match="has the only connection"):
                async with database.session():
                    pass
            with pytest.raises(SessionMisuse, match="has the only connection"):
                await heroes.where(Hero.id > 0).update(Hero.age.set(3))
            assert len([hero async for hero in stream]) == 4
        async with database.session():
            with pytest.raises(SessionMisuse, match="has a session of this database open"):
                await anext(heroes.limit(9).stream())
        await healthy(database)


async def test_two_streams_at_a_time_are_two_connections(
    db: Database, heroes: Repository[Hero]
) -> None:
    one, two = heroes.order_by(Hero.id).stream(batch=3), heroes.order_by(Hero.id).stream(batch=7)
    pairs = [(await anext(one), await anext(two)) for _ in range(50)]
    assert all(a == b for a, b in pairs)
    await one.aclose()
    await two.aclose()
    await healthy(db)


# ---- inside a session --------------------------------------------------------------------------


async def test_a_stream_in_a_session_sees_what_the_session_has_done(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        await inside.where(Hero.age > 9).delete()
        assert [h.age async for h in inside.order_by(Hero.age).stream(batch=3)] == list(range(10))
        await inside.add(Hero(age=10))
    assert await heroes.count() == 11
    await healthy(db)


async def test_the_only_connection_is_waited_for_after_a_stream_was_left(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=1) as database:
        await database.create_all()
        heroes = Repository(Hero, database)
        await heroes.add_all([Hero(age=n) for n in range(9)])

        async for _ in heroes.order_by(Hero.id).stream(batch=2):
            break
        assert await heroes.count() == 9

        async for _ in heroes.order_by(Hero.id).stream(batch=2):
            break
        async with database.session() as session:
            await asyncio.gather(*database._pool._later)
            assert await Repository(Hero, session).count() == 9
            with pytest.raises(SessionMisuse, match="has a session of this database open already"):
                await heroes.count()
        await healthy(database)


@pytest.mark.parametrize(
    "leave", [leave_by_break, leave_by_error, leave_by_closing, leave_before_the_beginning]
)
async def test_a_session_goes_on_when_a_stream_in_it_was_left(
    db: Database,
    heroes: Repository[Hero],
    leave: Callable[[Repository[Hero]], Awaitable[None]],
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        await leave(inside)
        assert await inside.count() == 50
        await leave(inside)
        await session.execute(sa.select(Hero.id))
        await leave(inside)
    await healthy(db)


@only_on(*INTERLEAVED)
async def test_a_session_runs_other_statements_while_it_streams(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        async for hero in inside.order_by(Hero.id).stream(batch=10):
            assert (await inside.get(hero.id)).id == hero.id
            await Repository(Team, session).add(Team(name=hero.name))
        query = inside.order_by(Hero.id).load(Hero.team)
        assert len([hero async for hero in query.stream(batch=9)]) == 50
    assert await Repository(Team, db).count() == 50
    await healthy(db)


@not_on(*INTERLEAVED)
async def test_a_session_refuses_other_statements_while_it_streams(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        async with aclosing(inside.order_by(Hero.id).stream(batch=10)) as stream:
            await anext(stream)
            for call in (
                inside.count(),
                inside.add(Hero()),
                session.execute(sa.select(Hero.id)),
                anext(inside.limit(3).stream()),
            ):
                with pytest.raises(SessionMisuse, match="a stream of this session is being read"):
                    await call
            assert len([hero async for hero in stream]) == 49
        await inside.add(Hero(name="after"))
        with pytest.raises(NotSupported, match="loaded beside the rows"):
            inside.limit(3).load(Hero.team).stream()
        with pytest.raises(NotSupported, match="loaded beside the rows"):
            Repository(Team, session).limit(3).into(TeamCard).stream()
    assert await heroes.count() == 51
    await healthy(db)


async def test_the_end_of_a_transaction_ends_its_streams(
    db: Database, heroes: Repository[Hero]
) -> None:
    over = pytest.raises(SessionMisuse, match="transaction whose rows this stream reads has ended")
    async with db.session() as session:
        inside = Repository(Hero, session)
        for end in (session.commit, session.rollback):
            stream = inside.order_by(Hero.id).stream(batch=3)
            await anext(stream)
            await end()
            with over:
                [hero async for hero in stream]
            assert await inside.count() == 50
        last = inside.order_by(Hero.id).stream(batch=3)
        await anext(last)
    with pytest.raises(SessionMisuse):
        [hero async for hero in last]
    await healthy(db)


@not_on("duckdb")  # which lets no second program in
async def test_what_held_a_stream_holds_no_moment_of_the_database(
    db: Database, heroes: Repository[Hero], database_url: str
) -> None:
    async with db.session() as session:
        held = Repository(Hero, session).order_by(Hero.id).stream(batch=3)
        await anext(held)
    async with Database(database_url, metadata=METADATA) as another:
        await Repository(Hero, another).add(Hero(age=50))
    assert await heroes.count() == 51
    await held.aclose()
    await healthy(db)


@only_on(*INTERLEAVED)
async def test_a_transaction_that_was_ended_by_hand_ends_its_streams(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        stream = inside.order_by(Hero.id).stream(batch=3)
        await anext(stream)
        await session.execute(sa.text("COMMIT"))
        with pytest.raises(SessionMisuse, match="has ended"):
            [hero async for hero in stream]
        assert await inside.count() == 50
    await healthy(db)


@only_on(*INTERLEAVED)
async def test_a_savepoint_that_is_undone_ends_the_streams_inside_it(
    db: Database, heroes: Repository[Hero]
) -> None:
    async with db.session() as session:
        inside = Repository(Hero, session)
        outer = inside.order_by(Hero.id).stream(batch=3)
        await anext(outer)
        with pytest.raises(KeyError):
            async with session.savepoint():
                inner = inside.order_by(Hero.id).stream(batch=3)
                await anext(inner)
                raise KeyError
        with pytest.raises(SessionMisuse, match="has ended"):
            [hero async for hero in inner]
        assert len([hero async for hero in outer]) == 49
        async with session.savepoint():
            kept = inside.order_by(Hero.id).stream(batch=3)
            await anext(kept)
        assert len([hero async for hero in kept]) == 49
    await healthy(db)


async def test_a_stream_whose_task_is_cancelled_aborts_its_session_only(
    db: Database, heroes: Repository[Hero]
) -> None:
    async def read(begun: asyncio.Event) -> None:
        async with db.session() as session:
            inside = Repository(Hero, session)
            await inside.add(Hero(name="ghost"))
            async for _ in inside.order_by(Hero.name).stream(batch=1):
                begun.set()
            await asyncio.sleep(9)

    for steps in range(0, 30, 3):
        await cancelled(read, steps)
        assert await heroes.where(Hero.name == "ghost").count() == 0
        await healthy(db)


# ---- on SQLAlchemy's connections ---------------------------------------------------------------


@only_on(*INTERLEAVED)
async def test_a_stream_reads_in_a_joined_transaction(
    db: Database, heroes: Repository[Hero], database_url: str
) -> None:
    engine = create_async_engine(driver_url(database_url))
    async with engine.connect() as connection, AsyncSession(engine) as orm:
        for joined in (connection, orm):
            inside = Repository(Hero, joined)
            ages = [h.age async for h in inside.order_by(Hero.age).stream(batch=7)]
            assert ages == list(range(50))
            async for _ in inside.order_by(Hero.age).load(Hero.team).stream(batch=7):
                break
            async with aclosing(inside.order_by(Hero.age).stream(batch=7)) as stream:
                await anext(stream)
            assert await inside.count() == 50
            with pytest.raises(StatementFailed):
                await anext(inside.where(sa.literal_column("no_such_column") == 1).stream())
            await joined.rollback()
            with pytest.raises(AndamiosError):
                [hero async for hero in failing(inside, db).stream(batch=2)]
            await joined.rollback()
    await engine.dispose()


@not_on(*INTERLEAVED)
async def test_a_joined_transaction_that_cannot_stream_says_so(
    db: Database, heroes: Repository[Hero], database_url: str
) -> None:
    engine = create_async_engine(driver_url(database_url))
    async with engine.connect() as connection:
        with pytest.raises(NotSupported, match="cannot be streamed"):
            Repository(Hero, connection).limit(3).stream()
    await engine.dispose()


# ---- on servers --------------------------------------------------------------------------------


@only_on("mariadb", "mysql")
async def test_the_server_stops_a_statement_whose_stream_was_left(
    db: Database, heroes: Repository[Hero]
) -> None:
    """All rows would be sent before anything else, and these are more than anybody waits for."""
    await heroes.add_all([Hero(name="x" * 500_000) for _ in range(60)])
    async with aclosing(heroes.order_by(Hero.id).stream(batch=1)) as stream:
        await anext(stream)
    await healthy(db)
