"""A deferred constraint that fails at the commit names the model of the database's own tables."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import sqlalchemy as sa

from andamios_orm import Col, Model, Repository, Session, field, generated
from andamios_orm.database.pool import Pool
from andamios_orm.database.url import read_url
from andamios_orm.errors import ConstraintViolation, ForeignKeyViolation
from tests.engines import only_on

WITH_DEFERRED_KEYS = only_on("sqlite", "postgresql")

LIBRARY = sa.MetaData()
TWIN = sa.MetaData()


def late(column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["shelf.id"], name=name, deferrable=True, initially="DEFERRED"
    )


class Shelf(Model, table=True, metadata=LIBRARY):
    id: Col[int] = field(primary_key=True)


class Book(Model, table=True, metadata=LIBRARY):
    id: Col[int] = generated()
    shelf: Col[int] = field(column="shelf_id")
    other: Col[int | None] = field(default=None, column="other_id")

    __table_args__ = (late("shelf_id", "on_shelf"), late("other_id", "on_other"))


class Map(Model, table=True, metadata=LIBRARY):
    id: Col[int] = generated()
    shelf_id: Col[int]

    __table_args__ = (late("shelf_id", "map_on_shelf"),)


class TwinShelf(Model, table="shelf", metadata=TWIN):
    id: Col[int] = generated()


class TwinBook(Model, table="book", metadata=TWIN):
    id: Col[int] = generated()
    place: Col[int] = field(column="shelf_id")

    __table_args__ = (late("shelf_id", "on_shelf"),)


Open = Callable[[sa.MetaData], Session]


@pytest_asyncio.fixture
async def open_session(database_url: str) -> AsyncIterator[Open]:
    """Give a session of a database that has the tables of the library, and knows some MetaData."""
    assert TwinBook.metadata is TWIN
    url, backend = read_url(database_url)
    pools: list[Pool] = []

    def opened(metadata: sa.MetaData) -> Session:
        pools.append(Pool(url, backend, size=1, timeout=30, metadata=metadata))
        return Session(pools[-1])

    async with opened(sa.MetaData()) as session:
        await session.run_sync(Book.metadata.create_all)
    yield opened
    for pool in pools:
        await pool.dispose()


async def refused(session: Session, *rows: Model) -> ConstraintViolation:
    async def commit() -> None:
        async with session:
            for row in rows:
                await Repository(type(row), session).add(row)

    with pytest.raises(ConstraintViolation) as caught:
        await commit()
    return caught.value


@WITH_DEFERRED_KEYS
async def test_the_model_is_the_one_of_the_databases_metadata(open_session: Open) -> None:
    error = await refused(open_session(LIBRARY), Book(shelf=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, Book, ("shelf",))


@WITH_DEFERRED_KEYS
async def test_a_table_of_the_same_name_in_another_metadata_is_another_model(
    open_session: Open,
) -> None:
    error = await refused(open_session(TWIN), TwinBook(place=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, TwinBook, ("place",))


@WITH_DEFERRED_KEYS
async def test_the_right_one_of_several_deferred_keys_is_named(open_session: Open) -> None:
    error = await refused(open_session(LIBRARY), Shelf(id=1), Book(shelf=1, other=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, Book, ("other",))


@only_on("postgresql")
async def test_the_only_table_of_its_name_is_found_in_any_metadata(open_session: Open) -> None:
    error = await refused(open_session(sa.MetaData()), Map(shelf_id=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, Map, ("shelf_id",))


@WITH_DEFERRED_KEYS
async def test_one_of_several_tables_of_its_name_is_not_guessed(open_session: Open) -> None:
    error = await refused(open_session(sa.MetaData()), Book(shelf=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, None, ())


@only_on("sqlite")
async def test_one_of_several_broken_keys_is_not_guessed(open_session: Open) -> None:
    error = await refused(open_session(LIBRARY), Book(shelf=99), Map(shelf_id=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, None, ())


@only_on("sqlite")
async def test_a_key_that_cannot_be_checked_leaves_the_violation_unnamed(
    open_session: Open,
) -> None:
    async with open_session(LIBRARY) as session:
        await session.execute(sa.text("DROP TABLE map"))

    error = await refused(open_session(LIBRARY), Book(shelf=99))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, None, ())


RAISES = "BEGIN RAISE 'no' USING ERRCODE = 'foreign_key_violation'; END"


@only_on("postgresql")
async def test_the_own_error_of_a_deferred_trigger_names_nothing(open_session: Open) -> None:
    async with open_session(LIBRARY) as session:
        for statement in (
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {RAISES} $$",
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON shelf DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()",
        ):
            await session.execute(sa.text(statement))

    error = await refused(open_session(LIBRARY), Shelf(id=1))

    assert (type(error), error.model, error.fields) == (ForeignKeyViolation, None, ())
