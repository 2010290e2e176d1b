"""What an engine cannot do is refused before any SQL, and done in another way where it can be."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import (
    CheckViolation,
    DatabaseError,
    DatabaseUnavailable,
    InvalidURL,
    NotFound,
    NotStorable,
    NotSupported,
    SessionMisuse,
    StatementFailed,
    TransactionAborted,
    TransactionConflict,
    UniqueViolation,
    ValueOutOfRange,
    WrongType,
)
from tests.engines import not_on, only_on

METADATA = sa.MetaData()


class Team(Model, table="limits_team", metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    motto: Col[str] = field(default="")


class Hero(Model, table="limits_hero", metadata=METADATA):
    id: Col[int] = generated()
    one: Col[int] = field(default=1)
    two: Col[int] = field(default=2)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)


@pytest.fixture
async def teams(database_url: str) -> Any:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        yield Repository(Team, db)


async def stored(teams: Repository[Team]) -> Team:
    """Return a team that a hero refers to."""
    team = await teams.add(Team(name="X"))
    await Repository(Hero, database_of(teams)).add(Hero(team_id=team.id))
    return team


def database_of(repository: Repository[Any]) -> Database:
    source = repository._source
    assert isinstance(source, Database)
    return source


async def create(database_url: str, *models: Any) -> None:
    async with Database(database_url, metadata=models[0].metadata) as db:
        await db.create_all()


async def tables(database_url: str) -> list[str]:
    async with Database(database_url) as db, db.session() as session:
        return await session.run_sync(lambda connection: sa.inspect(connection).get_table_names())


# ---- savepoints ----------------------------------------------------------------------------------


@only_on("duckdb")
async def test_a_savepoint_is_refused_and_the_session_goes_on(teams: Repository[Team]) -> None:
    db = database_of(teams)
    async with db.session() as session:
        with pytest.raises(NotSupported, match="has no savepoints"):
            async with session.savepoint():
                pytest.fail("the savepoint was opened")
        await Repository(Team, session).add(Team(name="X"))

    assert await teams.count() == 1


@only_on("duckdb")
async def test_a_joined_session_that_fails_aborts_the_one_around_it(
    teams: Repository[Team],
) -> None:
    async def swallow() -> None:
        async with database_of(teams).session() as session:
            await Repository(Team, session).add(Team(name="X"))
            with pytest.raises(UniqueViolation):
                async with session.session() as inner:
                    await Repository(Team, inner).add(Team(name="X"))

    with pytest.raises(TransactionAborted):
        await swallow()
    assert await teams.count() == 0


@only_on("duckdb")
async def test_a_joined_session_does_not_end_the_one_around_it(teams: Repository[Team]) -> None:
    async with database_of(teams).session() as session, session.session() as inner:
        await Repository(Team, inner).add(Team(name="X"))
        with pytest.raises(SessionMisuse, match="would end the whole transaction"):
            await inner.commit()

    assert await teams.count() == 1


# ---- writers -------------------------------------------------------------------------------------


@only_on("duckdb")
async def test_a_writer_that_waits_too_long_is_told_of_the_other(
    teams: Repository[Team], database_url: str
) -> None:
    async with (
        Database(database_url, metadata=METADATA, pool_timeout=0.05) as impatient,
        database_of(teams).session() as session,
    ):
        await Repository(Team, session).add(Team(name="X"))
        waiting = asyncio.ensure_future(Repository(Team, impatient).add(Team(name="Y")))
        with pytest.raises(DatabaseUnavailable, match=r"has been writing for 0\.05 seconds"):
            await waiting

    assert [team.name for team in await teams.all()] == ["X"]


@only_on("duckdb")
async def test_readers_wait_for_no_writer(teams: Repository[Team]) -> None:
    db = database_of(teams)
    async with db.session() as session:
        await Repository(Team, session).add(Team(name="X"))

        async def read() -> int:
            async with db.session(read_only=True) as reader:
                return await Repository(Team, reader).count() + await teams.count()

        assert await asyncio.ensure_future(read()) == 0


@only_on("duckdb")
async def test_concurrent_writers_are_told_of_their_conflicts(database_url: str) -> None:
    await create(database_url, Team)
    async with Database(database_url, metadata=METADATA, writers="concurrent") as db:
        assert db.capabilities.concurrent_writers
        assert db.capabilities.isolation == ("repeatable read",)
        team = await Repository(Team, db).add(Team(name="X"))
        both_have_read = asyncio.Barrier(2)

        async def change(motto: str) -> None:
            async with db.session() as session:
                inside = Repository(Team, session)
                await inside.get(team.id)
                await both_have_read.wait()
                await inside.patch(team.id, Team.motto.set(motto))

        found = await asyncio.gather(change("a"), change("b"), return_exceptions=True)

    assert sorted(map(type, found), key=str) == [type(None), TransactionConflict]


@pytest.mark.parametrize(
    ("url", "writers"), [("sqlite://", "concurrent"), ("postgresql://nowhere/x", "serial")]
)
def test_writers_are_chosen_only_where_there_is_a_choice(url: str, writers: Any) -> None:
    with pytest.raises(NotSupported, match="leave writers= out"):
        Database(url, writers=writers)


@pytest.mark.parametrize(
    ("url", "writers"), [("sqlite://", "serial"), ("postgresql://nowhere/x", "concurrent")]
)
def test_writers_may_be_said_to_be_what_they_are(url: str, writers: Any) -> None:
    Database(url, writers=writers)


@pytest.mark.parametrize("writers", ["sreial", "", 3])
def test_writers_are_one_of_two_words(writers: Any) -> None:
    with pytest.raises(WrongType):
        Database("duckdb://", writers=writers)


@only_on("duckdb")
async def test_writers_that_wait_keep_no_connection_from_readers(
    teams: Repository[Team], database_url: str
) -> None:
    async with Database(database_url, metadata=METADATA, pool_size=2) as small:
        async with small.session() as session:
            await Repository(Team, session).add(Team(name="X"))
            waiting = [
                asyncio.ensure_future(Repository(Team, small).add(Team(name=str(n))))
                for n in range(5)
            ]
            sessions = [asyncio.ensure_future(write(small, str(n))) for n in range(5, 10)]
            await asyncio.sleep(0)
            reading = asyncio.ensure_future(Repository(Team, small).count())
            assert await reading == 0
        await asyncio.gather(*waiting, *sessions)

    assert await teams.count() == 11


async def write(db: Database, name: str) -> None:
    async with db.session() as session:
        await Repository(Team, session).add(Team(name=name))


@pytest.mark.parametrize(
    "query", ["thread=1", "threads=abc", "read_only=maybe", "threads=1&threads=2"]
)
def test_options_that_duckdb_does_not_take_are_refused_by_name(query: str) -> None:
    with pytest.raises(InvalidURL, match=query.partition("=")[0]) as refused:
        Database(f"duckdb:///nowhere.duckdb?{query}")

    assert "abc" not in str(refused.value)
    assert "maybe" not in str(refused.value)


@only_on("duckdb")
async def test_options_of_duckdb_reach_it(database_url: str) -> None:
    await create(database_url, Team)
    async with Database(f"{database_url}?threads=1&read_only=true") as db:
        assert await db.execute(sa.text("SELECT current_setting('threads')")) == [(1,)]


async def test_writing_in_a_read_only_session_says_what_to_do(teams: Repository[Team]) -> None:
    async with database_of(teams).session(read_only=True) as session:
        with pytest.raises(StatementFailed, match="may only be read") as refused:
            await Repository(Team, session).add(Team(name="X"))
        await session.rollback()

    assert "without read_only=True" in refused.value.fix
    assert await teams.count() == 0


@only_on("duckdb")
async def test_writing_to_a_file_that_is_open_to_read_says_what_to_do(database_url: str) -> None:
    await create(database_url, Team)
    async with Database(f"{database_url}?read_only=true", metadata=METADATA) as db:
        with pytest.raises(StatementFailed, match="may only be read"):
            await Repository(Team, db).add(Team(name="X"))


# ---- rows that others refer to -------------------------------------------------------------------


async def test_a_row_that_others_refer_to_is_updated(teams: Repository[Team]) -> None:
    team = await stored(teams)

    changed = await teams.update(team.model_copy(update={"motto": "Ho"}))
    patched = await teams.patch(team.id, Team.name.set("X"), Team.motto.set("Hey"))

    assert (changed.motto, patched.motto) == ("Ho", "Hey")
    assert await teams.all() == [patched]


class Note(Model, table="limits_note", metadata=METADATA):
    id: Col[int] = generated()
    key: Col[str] = field(unique=True)
    content: Col[dict[str, Any]] = field(default_factory=dict)


class Link(Model, table="limits_link", metadata=METADATA):
    id: Col[int] = generated()
    note_id: Col[int] = field(foreign_key=Note.id)


@pytest.mark.parametrize("number", [1.0, True])
async def test_json_that_python_takes_for_equal_is_written(
    teams: Repository[Team], number: object
) -> None:
    db = database_of(teams)
    notes = Repository(Note, db)
    note = await notes.add(Note(key="a", content={"x": 1}))
    await Repository(Link, db).add(Link(note_id=note.id))

    changed = await notes.update(note.model_copy(update={"content": {"x": number}}))
    again = await notes.patch(note.id, Note.key.set("a"), Note.content.set({"x": number}))

    for found in (changed, again, await notes.get(note.id)):
        assert type(found.content["x"]) is type(number)


async def test_a_row_that_refers_and_is_referred_to_is_updated(teams: Repository[Team]) -> None:
    class Node(Model, table="limits_node", metadata=sa.MetaData()):
        id: Col[int] = generated()
        parent_id: Col[int | None] = field(default=None, foreign_key="Node.id")
        name: Col[str] = field(default="")

    await create_on(database_of(teams), Node)
    nodes = Repository(Node, database_of(teams))
    root = await nodes.add(Node())
    child = await nodes.add(Node(parent_id=root.id))
    await nodes.add(Node(parent_id=child.id))

    changed = await nodes.update(child.model_copy(update={"name": "x"}))

    assert (changed.parent_id, changed.name) == (root.id, "x")


async def create_on(db: Database, model: Any) -> None:
    async with db.session() as session:
        await session.run_sync(model.metadata.create_all)


async def test_a_row_that_is_gone_is_not_found(teams: Repository[Team]) -> None:
    team = await stored(teams)
    gone = await teams.add(Team(name="Y"))
    await teams.delete(gone)

    with pytest.raises(NotFound):
        await teams.update(gone)
    with pytest.raises(NotFound):
        await teams.patch(gone.id, Team.name.set("Z"))
    assert await teams.all() == [team]


# ---- rows that are read back ---------------------------------------------------------------------


async def test_a_key_that_is_patched_is_followed(teams: Repository[Team]) -> None:
    team = await teams.add(Team(name="X"))

    moved = await teams.patch(team.id, Team.id.set(77))

    assert (moved.id, moved.name) == (77, "X")


@only_on("mariadb", "mysql")
async def test_a_key_that_the_database_would_compute_is_refused(teams: Repository[Team]) -> None:
    team = await teams.add(Team(name="X"))

    with pytest.raises(NotSupported, match=r"would compute Team\.id"):
        await teams.patch(team.id, Team.id.set(Team.id + 1))

    assert await teams.all() == [team]


@not_on("mysql")
async def test_columns_can_change_places(teams: Repository[Team]) -> None:
    heroes = Repository(Hero, database_of(teams))
    hero = await heroes.add(Hero())

    swapped = await heroes.patch(hero.id, Hero.one.set(Hero.two), Hero.two.set(Hero.one))
    await heroes.where(Hero.id == hero.id).update(Hero.one.set(Hero.two), Hero.two.set(Hero.one))

    assert (swapped.one, swapped.two) == (2, 1)
    assert await heroes.get(hero.id) == hero


@only_on("mysql")
async def test_columns_that_mysql_would_assign_one_after_the_other_are_refused(
    teams: Repository[Team],
) -> None:
    heroes = Repository(Hero, database_of(teams))
    hero = await heroes.add(Hero())

    with pytest.raises(NotSupported, match="MySQL would compute with the new value"):
        await heroes.patch(hero.id, Hero.one.set(Hero.two), Hero.two.set(Hero.one))

    assert await heroes.get(hero.id) == hero


# ---- what only looks equal -----------------------------------------------------------------------


async def test_decimals_are_compared_exactly_or_not_at_all(database_url: str) -> None:
    class Price(Model, table="limits_price", metadata=sa.MetaData()):
        id: Col[int] = generated()
        value: Col[Decimal] = field(max_digits=10, decimal_places=2)

    nearly = Decimal("0.1000000000000000000000000000000000000001")
    async with Database(database_url, metadata=Price.metadata) as db:
        await db.create_all()
        prices = Repository(Price, db)
        await prices.add(Price(value=Decimal("0.10")))
        for wrong in (Price.value == nearly, Price.value > nearly, Price.value.in_([nearly])):
            if db._pool.backend.name == "postgresql":
                assert await prices.where(wrong).count() == 0
                continue
            with pytest.raises(ValueOutOfRange) as refused:
                await prices.where(wrong).count()
            assert (refused.value.field, refused.value.engine) == (
                "Price.value",
                db._pool.backend.name,
            )


async def test_a_whole_number_that_no_double_is_equals_none(database_url: str) -> None:
    class Measure(Model, table="limits_measure", metadata=sa.MetaData()):
        id: Col[int] = generated()
        value: Col[float]

    async with Database(database_url, metadata=Measure.metadata) as db:
        await db.create_all()
        measures = Repository(Measure, db)
        await measures.add(Measure(value=2.0**53))

        assert await measures.where(Measure.value == 2**53).exists()
        with pytest.raises(ValueOutOfRange):
            await measures.where(Measure.value == 2**53 + 1).exists()


async def test_an_hour_that_a_clock_shows_twice_is_a_key_like_any_other(database_url: str) -> None:
    class Moment(Model, table="limits_moment", metadata=sa.MetaData()):
        at: Col[datetime] = field(primary_key=True)
        number: Col[int]

    twice = datetime(2025, 11, 2, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    async with Database(database_url, metadata=Moment.metadata) as db:
        await db.create_all()
        stored = await Repository(Moment, db).add_all(
            [Moment(at=twice.replace(fold=1), number=1), Moment(at=twice, number=0)]
        )

    assert [moment.number for moment in stored] == [1, 0]
    assert stored[0].at - stored[1].at == timedelta(hours=1)


@only_on("duckdb", "postgresql")
async def test_not_a_number_can_be_part_of_a_key(database_url: str) -> None:
    class Sample(Model, table="limits_sample", metadata=sa.MetaData()):
        at: Col[Annotated[float, Field(allow_inf_nan=True)]] = field(primary_key=True)
        number: Col[int] = field(primary_key=True)

    async with Database(database_url, metadata=Sample.metadata) as db:
        await db.create_all()
        samples = [Sample(at=float("nan"), number=n) for n in (2, 1)]
        assert [s.number for s in await Repository(Sample, db).add_all(samples)] == [2, 1]


async def test_what_follows_a_commit_written_by_hand_can_be_undone(
    teams: Repository[Team],
) -> None:
    async def work() -> None:
        async with database_of(teams).session() as session:
            inside = Repository(Team, session)
            await inside.add(Team(name="before"))
            await session.execute(sa.text("COMMIT"))
            await inside.add(Team(name="after"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert [team.name for team in await teams.all()] == ["before"]


@only_on("mariadb")
async def test_a_stored_row_that_is_not_found_by_its_key_is_an_error(database_url: str) -> None:
    url = sa.make_url(database_url).set(drivername="mysql+asyncmy")
    await create(database_url, Team)
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        with pytest.raises(StatementFailed, match="under another key"):
            await Repository(Team, connection).add(Team.model_validate({"id": 0, "name": "X"}))
    await engine.dispose()


# ---- tables --------------------------------------------------------------------------------------

UNABLE: list[tuple[str, str, Any, str]] = [
    ("duckdb", "DuckDB's DECIMAL has 38 digits", {"max_digits": 39, "decimal_places": 2}, "39"),
    ("mariadb", "65 digits at most, 30 of them", {"max_digits": 66, "decimal_places": 2}, "66"),
    ("mysql", "65 digits at most, 30 of them", {"max_digits": 40, "decimal_places": 31}, "31"),
]


@pytest.mark.parametrize(
    ("database_url", "problem", "options", "declared"), UNABLE, indirect=["database_url"]
)
async def test_a_decimal_of_more_digits_than_the_engine_has_is_refused_by_name(
    database_url: str, problem: str, options: Any, declared: str
) -> None:
    declaration: Any = field

    class Price(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        value: Col[Decimal] = declaration(**options)

    with pytest.raises(NotSupported, match=rf"^Price\.value: .*{problem}.*{declared}"):
        await create(database_url, Price)

    assert await tables(database_url) == []


@only_on("mariadb", "mysql")
async def test_a_delete_action_that_only_this_engine_lacks_is_refused(database_url: str) -> None:
    class Parent(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    class Child(Model, table=True, metadata=Parent.metadata):
        id: Col[int] = generated()
        parent_id: Col[int] = field(
            default=0, server_default=0, foreign_key=Parent.id, on_delete="SET DEFAULT"
        )

    with pytest.raises(NotSupported, match="has no ON DELETE SET DEFAULT, which child declares"):
        await create(database_url, Parent)

    assert Child.__table__.name == "child"
    assert await tables(database_url) == []


@only_on("duckdb")
async def test_a_foreign_key_into_another_schema_is_refused(database_url: str) -> None:
    class There(Model, table=True, schema="other", metadata=sa.MetaData()):
        id: Col[int] = generated()

    class Here(Model, table=True, metadata=There.metadata):
        id: Col[int] = generated()
        there_id: Col[int] = field(foreign_key=There.id)

    with pytest.raises(NotSupported, match=r"no foreign keys across schemas, and here refers"):
        await create(database_url, Here)


async def test_tables_are_created_all_or_none(database_url: str) -> None:
    class First(Model, table="a_first", metadata=sa.MetaData()):
        id: Col[int] = generated()

    class Second(Model, table="b_second", metadata=First.metadata):
        id: Col[int] = generated()
        first_id: Col[int] = field(foreign_key=First.id)
        __table_args__ = (sa.CheckConstraint("no such thing (", name="wrong"),)

    with pytest.raises(Exception, match="refused the statement"):
        await create(database_url, First)

    assert Second.__table__.name == "b_second"
    assert await tables(database_url) == []


@not_on("duckdb", "sqlite")  # one writer: the second finds the tables of the first
async def test_two_programs_that_start_together_keep_each_others_tables(database_url: str) -> None:
    async def start() -> object:
        try:
            async with Database(database_url, metadata=METADATA) as db:
                await db.create_all()
                return await Repository(Team, db).add(Team(name=str(id(db))))
        except DatabaseError as error:
            return error

    started = await asyncio.gather(start(), start())

    async with Database(database_url, metadata=METADATA) as db:
        stored = await Repository(Team, db).all()
    assert all(team in stored for team in started if isinstance(team, Team))
    assert stored


async def test_what_the_model_says_of_long_text_and_bytes_the_table_says_too(
    database_url: str,
) -> None:
    class Page(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        text: Col[str] = field(max_length=2000)
        data: Col[bytes] = field(max_length=4000)
        mark: Col[bytes] = field(default=b"\0'\xff", max_length=3)

    async with Database(database_url, metadata=Page.metadata) as db:
        await db.create_all()
        pages = Repository(Page, db)
        page = await pages.add(Page(text="é" * 2000, data=b"\xff" * 4000))
        assert await pages.get(page.id) == page
        longer = Page.__table__.c.text + sa.literal("!", sa.String())
        # A type that has the length says it itself.
        with pytest.raises((CheckViolation, NotStorable)):
            await db.execute(sa.update(Page.__table__).values(text=longer))
        assert await pages.get(page.id) == page
