"""A violation names the model and the fields, on every backend, and never a value."""

import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import (
    AndamiosError,
    CheckViolation,
    ConstraintViolation,
    ForeignKeyViolation,
    NotNullViolation,
    NotStorable,
    NotSupported,
    StatementFailed,
    UniqueViolation,
)
from tests.engines import not_on, only_on, server_of

METADATA = sa.MetaData()
SENTINEL = "sentinel-4711"


class Band(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    title: Col[str] = field(unique=True, column="name of the band")
    founded: Col[int] = field(default=1990, ge=1900)


class Musician(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    seat: Col[int] = field(default=0)
    band_id: Col[int] = field(foreign_key=Band.id)
    former_id: Col[int | None] = field(foreign_key=Band.id, default=None)
    teacher_id: Col[int | None] = field(foreign_key="Musician.id", default=None)

    __table_args__ = (
        sa.UniqueConstraint("name", "seat"),
        # MariaDB has no indexes on expressions.
        sa.Index("lower_name", sa.text("lower(name)"), unique=True).ddl_if(
            callable_=lambda *args, dialect, **kw: dialect.name not in ("mariadb", "mysql")
        ),
    )


class Poster(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    band_id: Col[int] = field(foreign_key=Band.id, on_delete="RESTRICT")


LATE = sa.MetaData()


class Choir(Model, table=True, metadata=LATE):
    id: Col[int] = generated()


class Deferred(Model, table=True, metadata=LATE):
    id: Col[int] = generated()
    choir_id: Col[int]

    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["choir_id"], ["choir.id"], name="late", deferrable=True, initially="DEFERRED"
        ),
    )


class Joke(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


class Sketch(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    inspires: Col[int] = field(foreign_key=Joke.id)


class Odd(Model, table='select "it", now', metadata=METADATA):
    id: Col[int] = generated()
    one: Col[str] = field(unique=True, column='a, "b"')
    two: Col[int] = field(default=0, column="c.d: e", ge=0)
    three: Col[int] = field(default=0, column="Größe")
    parent: Col[int | None] = field(default=None, foreign_key="Odd.id", column='up "there"')

    __table_args__ = (sa.UniqueConstraint("c.d: e", "Größe"),)


class AnExtremelyLongNameForATableWhichStillFits(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    a_column_whose_name_is_itself_rather_long: Col[str] = field(unique=True)
    another_column_whose_name_is_just_as_long: Col[int] = field(default=1, ge=0)
    band_of_this_extremely_long_named_row: Col[int | None] = field(
        default=None, foreign_key=Band.id
    )


LONG = AnExtremelyLongNameForATableWhichStillFits


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


async def band(db: Database, title: str = "Spam") -> Band:
    return await Repository(Band, db).add(Band(title=title))


async def refused(call: Any) -> AndamiosError:
    with pytest.raises(AndamiosError) as caught:
        await call
    error = caught.value
    shown = [str(error), repr(error), *traceback.format_exception(error)]
    assert not any(SENTINEL in text for text in shown)
    return error


def about(error: AndamiosError) -> tuple[type, type | None, tuple[str, ...]]:
    assert isinstance(error, ConstraintViolation)
    return type(error), error.model, error.fields


# -- unique


async def test_a_unique_field_is_named_by_the_field_not_the_column(db: Database) -> None:
    await band(db, SENTINEL)

    error = await refused(Repository(Band, db).add(Band(title=SENTINEL)))

    assert about(error) == (UniqueViolation, Band, ("title",))


async def test_a_primary_key_that_exists_is_a_unique_violation(db: Database) -> None:
    spam = await band(db)

    error = await refused(Repository(Band, db).add(spam.model_copy(update={"title": "Eggs"})))

    assert about(error) == (UniqueViolation, Band, ("id",))


async def test_a_composite_constraint_names_all_its_fields(db: Database) -> None:
    spam = await band(db)
    musicians = Repository(Musician, db)
    if server_of(db) != "mariadb":
        await db.execute(sa.text("DROP INDEX lower_name"))
    await musicians.add(Musician(name=SENTINEL, band_id=spam.id))

    error = await refused(musicians.add(Musician(name=SENTINEL, band_id=spam.id)))

    assert about(error) == (UniqueViolation, Musician, ("name", "seat"))


@not_on("duckdb", "mariadb", "mysql")  # one does not name it, the other has none
async def test_an_index_on_an_expression_is_named(db: Database) -> None:
    spam = await band(db)
    musicians = Repository(Musician, db)
    await musicians.add(Musician(name=SENTINEL, band_id=spam.id))

    error = await refused(musicians.add(Musician(name=SENTINEL.upper(), seat=1, band_id=spam.id)))

    assert about(error)[:2] == (UniqueViolation, Musician)
    assert isinstance(error, UniqueViolation)
    assert error.constraint == "lower_name"


async def test_add_all_names_model_and_field(db: Database) -> None:
    bands = [Band(title=SENTINEL), Band(title="Eggs"), Band(title=SENTINEL)]

    error = await refused(Repository(Band, db).add_all(bands))

    assert about(error) == (UniqueViolation, Band, ("title",))


async def test_add_all_tells_which_of_two_keys_was_missing(database_url: str) -> None:
    class Town(Model, table="violations_town", metadata=sa.MetaData()):
        id: Col[int] = field(primary_key=True)

    class Trip(Model, table="violations_trip", metadata=Town.metadata):
        id: Col[int] = generated()
        name: Col[str] = field(default=SENTINEL)
        start: Col[int] = field(foreign_key=Town.id)
        end: Col[int] = field(foreign_key=Town.id)

    async with Database(database_url, metadata=Town.metadata) as db:
        await db.create_all()
        await Repository(Town, db).add_all([Town(id=1), Town(id=2)])
        trips = [Trip(start=1, end=2), Trip(start=2, end=1), Trip(start=1, end=4711)]

        error = await refused(Repository(Trip, db).add_all(trips))

        assert about(error) == (ForeignKeyViolation, Trip, ("end",))
        assert not await Repository(Trip, db).exists()


async def test_an_update_of_many_names_model_and_field(db: Database) -> None:
    await band(db, "Spam")
    await band(db, "Eggs")

    error = await refused(
        Repository(Band, db).where(Band.founded > 0).update(Band.title.set(SENTINEL))
    )

    assert about(error) == (UniqueViolation, Band, ("title",))


# -- check and not null


async def test_a_check_names_model_and_field(db: Database) -> None:
    await band(db)

    error = await refused(
        Repository(Band, db).where(Band.founded > 0).update(Band.founded.set(Band.founded - 1000))
    )

    assert about(error) == (CheckViolation, Band, ("founded",))


async def test_a_missing_value_names_model_and_field(db: Database) -> None:
    statement = sa.insert(Band.__table__).values({"founded": 2000, "name of the band": None})

    error = await refused(db.execute(statement))

    assert about(error) == (NotNullViolation, Band, ("title",))


# -- foreign keys


async def test_a_missing_parent_names_the_foreign_key(db: Database) -> None:
    error = await refused(Repository(Musician, db).add(Musician(name=SENTINEL, band_id=99)))

    assert about(error) == (ForeignKeyViolation, Musician, ("band_id",))


async def test_the_right_one_of_several_foreign_keys_is_named(db: Database) -> None:
    spam = await band(db)

    error = await refused(
        Repository(Musician, db).add(Musician(name="Ada", band_id=spam.id, former_id=99))
    )

    assert about(error) == (ForeignKeyViolation, Musician, ("former_id",))


async def test_a_self_reference_is_named(db: Database) -> None:
    spam = await band(db)

    error = await refused(
        Repository(Musician, db).add(Musician(name="Ada", band_id=spam.id, teacher_id=99))
    )

    assert about(error) == (ForeignKeyViolation, Musician, ("teacher_id",))


async def test_a_parent_that_is_referred_to_names_the_child(db: Database) -> None:
    spam = await band(db)
    await Repository(Musician, db).add(Musician(name=SENTINEL, band_id=spam.id))

    error = await refused(Repository(Band, db).delete(spam))

    assert about(error) == (ForeignKeyViolation, Musician, ("band_id",))


async def test_a_restricted_delete_names_the_child(db: Database) -> None:
    spam = await band(db)
    await Repository(Poster, db).add(Poster(band_id=spam.id))

    error = await refused(Repository(Band, db).delete(spam))

    assert about(error) == (ForeignKeyViolation, Poster, ("band_id",))


async def test_a_missing_parent_is_told_from_one_that_is_referred_to(db: Database) -> None:
    spam = await band(db)
    musicians = Repository(Musician, db)
    teacher = await musicians.add(Musician(name="Ada", band_id=spam.id))
    pupil = await musicians.add(Musician(name="Bo", band_id=spam.id, teacher_id=teacher.id))
    table = Musician.__table__

    missing = [
        musicians.add(Musician(name="Cy", band_id=99)),
        musicians.patch(pupil.id, Musician.band_id.set(99)),
        musicians.add(Musician(name="Cy", band_id=spam.id, teacher_id=99)),
        musicians.where(Musician.name == "Bo").update(Musician.teacher_id.set(99)),
        db.execute(sa.update(table).where(table.c.id == pupil.id).values(band_id=99)),
    ]
    kept = [
        Repository(Band, db).delete(spam),
        musicians.delete(teacher),
        db.execute(sa.delete(table).where(table.c.id == teacher.id)),
    ]

    assert [referenced(await refused(work)) for work in missing] == [False] * 5
    assert [referenced(await refused(work)) for work in kept] == [True] * 3


def referenced(error: AndamiosError) -> bool | None:
    assert isinstance(error, ForeignKeyViolation)
    return error.referenced


@not_on("duckdb")  # it has no savepoints
async def test_a_foreign_key_is_explained_inside_a_savepoint(db: Database) -> None:
    async with db.session() as session:
        musicians = Repository(Musician, session)
        async with session.savepoint():
            saved = await Repository(Band, session).add(Band(title="Spam"))
        with pytest.raises(ForeignKeyViolation) as caught:
            async with session.savepoint():
                await musicians.add(Musician(name="Ada", band_id=99))
        await musicians.add(Musician(name="Ada", band_id=saved.id))

    assert about(caught.value) == (ForeignKeyViolation, Musician, ("band_id",))
    assert await Repository(Musician, db).count() == 1


@pytest_asyncio.fixture
async def late(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=LATE) as database:
        yield database


@only_on("sqlite", "postgresql")
async def test_a_deferred_foreign_key_fails_at_the_commit(late: Database) -> None:
    await late.create_all()

    async def commit() -> None:
        async with late.session() as session:
            await Repository(Deferred, session).add(Deferred(choir_id=99))

    error = await refused(commit())

    assert referenced(error) is None
    assert await Repository(Deferred, late).count() == 0


@only_on("postgresql")
async def test_a_deferred_foreign_key_is_named_at_the_commit(late: Database) -> None:
    await late.create_all()

    async def commit() -> None:
        async with late.session() as session:
            await Repository(Deferred, session).add(Deferred(choir_id=99))

    error = await refused(commit())

    assert about(error) == (ForeignKeyViolation, Deferred, ("choir_id",))


@not_on("sqlite", "postgresql")
async def test_a_key_cannot_be_deferred_where_each_statement_is_checked(late: Database) -> None:
    with pytest.raises(NotSupported, match="checks foreign keys at each statement"):
        await late.create_all()


@only_on("sqlite")
async def test_a_key_that_a_trigger_breaks_between_other_tables_is_not_guessed(
    db: Database,
) -> None:
    await db.execute(
        sa.text(
            "CREATE TRIGGER hang AFTER INSERT ON band"
            " BEGIN INSERT INTO sketch (inspires) VALUES (99); END"
        )
    )

    error = await refused(band(db))

    assert about(error) == (ForeignKeyViolation, Band, ())


@only_on("sqlite")
async def test_a_key_is_not_guessed_where_the_statement_fails_twice(db: Database) -> None:
    first, second = await band(db, "Spam"), await band(db, "Eggs")
    await Repository(Poster, db).add(Poster(band_id=first.id))
    await db.execute(
        sa.text(
            f"CREATE TRIGGER stay BEFORE DELETE ON band WHEN old.id = {second.id}"
            " BEGIN SELECT RAISE(ABORT, 'stay'); END"
        )
    )

    error = await refused(Repository(Band, db).where(Band.founded > 0).delete())

    assert about(error) == (ForeignKeyViolation, Band, ())


@only_on("postgresql")
async def test_a_foreign_key_violation_that_a_trigger_raises_names_no_fields(db: Database) -> None:
    for statement in (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE '{SENTINEL}' USING ERRCODE = 'foreign_key_violation'; END $$",
        "CREATE TRIGGER no BEFORE INSERT ON band FOR EACH ROW EXECUTE FUNCTION refuse()",
    ):
        await db.execute(sa.text(statement))

    error = await refused(band(db))

    assert about(error) == (ForeignKeyViolation, Band, ())


# -- odd names


@not_on("mysql")  # a MySQL writes table.key, which a MariaDB does not
async def test_odd_names_are_read_right(db: Database) -> None:
    odd = Repository(Odd, db)
    await odd.add(Odd(one=SENTINEL, two=1))

    unique = await refused(odd.add(Odd(one=SENTINEL, two=2)))
    composite = await refused(odd.add(Odd(one="x", two=1)))
    check = await refused(odd.where(Odd.two > 0).update(Odd.two.set(Odd.two - 100)))
    missing = await refused(odd.add(Odd(one="y", two=5, parent=99)))

    assert about(unique) == (UniqueViolation, Odd, ("one",))
    assert about(composite) == (UniqueViolation, Odd, ("two", "three"))
    assert about(check) == (CheckViolation, Odd, ("two",))
    assert about(missing) == (ForeignKeyViolation, Odd, ("parent",))


async def test_names_that_the_database_shortens_are_read_right(db: Database) -> None:
    rows = Repository(LONG, db)
    await rows.add(LONG(a_column_whose_name_is_itself_rather_long=SENTINEL))

    unique = await refused(rows.add(LONG(a_column_whose_name_is_itself_rather_long=SENTINEL)))
    check = await refused(
        rows.where(sa.true()).update(
            LONG.another_column_whose_name_is_just_as_long.set(
                LONG.another_column_whose_name_is_just_as_long - 9
            )
        )
    )
    missing = await refused(
        rows.add(
            LONG(
                a_column_whose_name_is_itself_rather_long="x",
                band_of_this_extremely_long_named_row=99,
            )
        )
    )

    assert about(unique)[2] == ("a_column_whose_name_is_itself_rather_long",)
    assert about(check)[2] == ("another_column_whose_name_is_just_as_long",)
    assert about(missing)[2] == ("band_of_this_extremely_long_named_row",)


SCHEMAS = sa.MetaData()


class North(Model, table="branch", schema="north", metadata=SCHEMAS):
    id: Col[int] = generated()
    town: Col[str] = field(unique=True)


class South(Model, table="branch", schema="south", metadata=SCHEMAS):
    id: Col[int] = generated()
    north_id: Col[int] = field(foreign_key=North.id)


@only_on("postgresql")
async def test_tables_of_the_same_name_in_two_schemas_are_told_apart(database_url: str) -> None:
    async with Database(database_url, metadata=SCHEMAS) as db:
        await db.create_all()
        oslo = await Repository(North, db).add(North(town=SENTINEL))
        await Repository(South, db).add(South(north_id=oslo.id))

        unique = await refused(Repository(North, db).add(North(town=SENTINEL)))
        delete = await refused(Repository(North, db).delete(oslo))

    assert about(unique) == (UniqueViolation, North, ("town",))
    assert about(delete) == (ForeignKeyViolation, South, ("north_id",))


@only_on("postgresql")
async def test_tables_on_the_search_path_are_those_declared_without_a_schema(
    db: Database,
) -> None:
    async with db.session() as session:
        await session.execute(sa.text("CREATE SCHEMA tenant"))
        await session.execute(sa.text("SET LOCAL search_path TO tenant"))
        await session.run_sync(METADATA.create_all)
        bands = Repository(Band, session)
        spam = await bands.add(Band(title=SENTINEL))
        await Repository(Musician, session).add(Musician(name=SENTINEL, band_id=spam.id))

        async def unique() -> None:
            async with session.savepoint():
                await bands.add(Band(title=SENTINEL))

        async def delete() -> None:
            async with session.savepoint():
                await bands.delete(spam)

        again, referred = await refused(unique()), await refused(delete())

    assert about(again) == (UniqueViolation, Band, ("title",))
    assert about(referred) == (ForeignKeyViolation, Musician, ("band_id",))


# -- SQLAlchemy's connections and statements


@pytest_asyncio.fixture
async def engine(db: Database) -> AsyncIterator[AsyncEngine]:
    """An engine of the user's own on the same database."""
    engine = create_async_engine(db._pool._options.url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(
            engine.sync_engine,
            "connect",
            lambda connection, record: connection.execute("PRAGMA foreign_keys = ON"),
        )
    yield engine
    await engine.dispose()


async def test_a_joined_connection_names_the_same(db: Database, engine: AsyncEngine) -> None:
    await band(db, SENTINEL)
    async with engine.connect() as connection:
        unique = await refused(Repository(Band, connection).add(Band(title=SENTINEL)))
        await connection.rollback()
        missing = await refused(
            Repository(Musician, connection).add(Musician(name="Ada", band_id=99))
        )

    assert about(unique) == (UniqueViolation, Band, ("title",))
    assert about(missing) == (ForeignKeyViolation, Musician, ("band_id",))


async def test_a_joined_session_names_the_same(db: Database, engine: AsyncEngine) -> None:
    await band(db, SENTINEL)
    async with AsyncSession(engine) as session:
        error = await refused(Repository(Band, session).add(Band(title=SENTINEL)))

    assert about(error) == (UniqueViolation, Band, ("title",))


async def test_a_table_without_a_model_names_its_columns(db: Database) -> None:
    table = sa.Table("plain", sa.MetaData(), sa.Column("word", sa.Text, unique=True))
    async with db.session() as session:
        await session.run_sync(table.metadata.create_all)
    await db.execute(sa.insert(table).values(word=SENTINEL))

    error = await refused(db.execute(sa.insert(table).values(word=SENTINEL)))

    assert about(error)[:2] == (UniqueViolation, None)


async def test_a_key_without_a_name_of_its_own_names_its_columns(db: Database) -> None:
    table = sa.Table("plain", sa.MetaData(), sa.Column("word", sa.String(50), primary_key=True))
    async with db.session() as session:
        await session.run_sync(table.metadata.create_all)
    await db.execute(sa.insert(table).values(word=SENTINEL))

    error = await refused(db.execute(sa.insert(table).values(word=SENTINEL)))

    assert about(error) == (UniqueViolation, None, ("word",))


@not_on("mariadb", "mysql")  # it has no indexes on expressions
async def test_a_constraint_that_the_table_does_not_declare_names_no_fields(db: Database) -> None:
    await db.execute(sa.text('CREATE UNIQUE INDEX late ON band (lower("name of the band"))'))
    await band(db, SENTINEL)

    error = await refused(band(db, SENTINEL.upper()))

    assert about(error) == (UniqueViolation, Band, ())


@not_on("duckdb", "mariadb", "mysql")  # they do not name the table
async def test_text_sql_finds_the_model_by_the_tables_name(db: Database) -> None:
    await band(db, SENTINEL)
    column = db._pool.dialect.identifier_preparer.quote("name of the band")
    statement = sa.text(f"INSERT INTO band (founded, {column}) VALUES (2000, :title)")

    error = await refused(db.execute(statement.bindparams(title=SENTINEL)))

    assert about(error) == (UniqueViolation, Band, ("title",))


async def test_a_value_its_type_refuses_is_not_storable_through_sqlalchemy(
    db: Database,
) -> None:
    statement = sa.insert(Band.__table__).values({"founded": 2**99, "name of the band": "x"})

    assert isinstance(await refused(db.execute(statement)), NotStorable)


async def test_a_value_that_its_column_type_refuses_is_not_storable_through_sqlalchemy(
    db: Database,
) -> None:
    statement = sa.insert(Band.__table__).values({"name of the band": f"{SENTINEL}\0"})

    assert isinstance(await refused(db.execute(statement)), NotStorable)


async def test_a_message_that_may_quote_a_value_is_left_out(db: Database) -> None:
    calls = {
        "duckdb": "SELECT error(:value)",
        "mariadb": "SELECT CAST(:value AS NONSENSE)",
        "sqlite": "SELECT json_extract('{}', :value)",
        "postgresql": "SELECT to_regclass(:value || '.b.c.d.e')",
    }
    statement = sa.text(calls[server_of(db)]).bindparams(value=SENTINEL)

    assert isinstance(await refused(db.execute(statement)), StatementFailed)


@only_on("sqlite")
async def test_the_text_of_a_trigger_is_left_out(db: Database) -> None:
    await db.execute(
        sa.text(
            f"CREATE TRIGGER no BEFORE INSERT ON band BEGIN SELECT RAISE(ABORT, '{SENTINEL}'); END"
        )
    )

    assert isinstance(await refused(band(db)), StatementFailed)


@only_on("sqlite")
async def test_a_strict_column_names_model_and_field(db: Database) -> None:
    statement = sa.text('INSERT INTO band (founded, "name of the band") VALUES (:year, 1)')

    error = await refused(db.execute(statement.bindparams(year=SENTINEL)))

    assert about(error) == (CheckViolation, Band, ("founded",))
