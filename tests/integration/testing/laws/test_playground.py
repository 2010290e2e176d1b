"""A playground on every engine: emptied between examples, and nothing of others is lost."""

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.database.loop import run
from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.testing.laws import Playground
from andamios_orm.testing.strategies import Graph
from tests.engines import not_on, only_on

METADATA = sa.MetaData()


class Harbor(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]


class Boat(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    harbor_id: Col[int] = field(foreign_key=Harbor.id)
    towed_by: Col[int | None] = field(default=None, foreign_key="Boat.id")


class Chain(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    next_id: Col[int] = field(foreign_key="Chain.id")


ROWS = [
    Harbor.model_validate({"id": 1, "name": "Cadiz"}),
    Boat.model_validate({"id": 1, "harbor_id": 1}),
    Boat.model_validate({"id": 2, "harbor_id": 1, "towed_by": 1}),
]


@pytest.fixture
def playground(database_url: str) -> Iterator[Playground]:
    with Playground(database_url, Boat) as playground:
        yield playground


async def count(playground: Playground) -> int:
    counts = [await Repository(model, playground.db).count() for model in playground.models]
    return sum(counts)


def test_it_has_the_tables_of_the_models_and_of_those_they_refer_to(
    playground: Playground,
) -> None:
    assert playground.models == (Harbor, Boat)
    assert playground.run(count(playground)) == 0


def test_all_rows_are_removed_in_whatever_order_they_refer_to_each_other(
    playground: Playground,
) -> None:
    for _ in range(2):
        playground.run(Graph(tuple(ROWS)).store(playground.db))
        assert playground.run(count(playground)) == 3
        playground.empty()
        assert playground.run(count(playground)) == 0


def test_an_example_in_a_transaction_leaves_nothing(playground: Playground) -> None:
    async def work() -> None:
        async with playground.example() as session:
            await Repository(Harbor, session).add(ROWS[0])  # type: ignore[arg-type]  # a Harbor

    playground.run(work())

    assert playground.run(count(playground)) == 0


def test_an_example_may_end_its_transaction_itself(playground: Playground) -> None:
    async def work() -> None:
        async with playground.example() as session:
            await session.commit()

    playground.run(work())

    assert playground.run(count(playground)) == 0


def test_tables_that_an_example_has_dropped_are_there_for_the_next(playground: Playground) -> None:
    async def work() -> None:
        async with playground.db.session() as session:
            await session.execute(sa.text("DROP TABLE boat"))

    playground.run(work())
    playground.empty()

    assert playground.run(count(playground)) == 0


# Its rows cannot be let go one after another on any engine.
@only_on("sqlite", "postgresql")
def test_rows_that_refer_to_themselves_are_removed(database_url: str) -> None:
    with Playground(database_url, Chain) as playground:
        playground.run(Repository(Chain, playground.db).add(Chain(id=1, next_id=1)))
        playground.empty()
        assert playground.run(count(playground)) == 0


def tables(url: str) -> list[str]:
    async def look() -> list[str]:
        async with Database(url) as db, db.session() as session:
            return await session.run_sync(lambda c: sa.inspect(c).get_table_names())

    return run(look())


def test_the_tables_are_gone_afterwards_also_after_an_exception(database_url: str) -> None:
    with contextlib.suppress(ZeroDivisionError), Playground(database_url, Boat) as playground:
        playground.run(Graph(tuple(ROWS)).store(playground.db))
        1 / 0  # noqa: B018 - it raises

    assert tables(database_url) == []


def test_a_database_that_has_one_of_the_tables_is_refused_and_left_as_it_is(
    database_url: str,
) -> None:
    async def make() -> None:
        async with Database(database_url, metadata=METADATA) as db:
            async with db.session() as session:
                await session.run_sync(lambda c: Harbor.__table__.create(c))
            await Repository(Harbor, db).add(Harbor(name="Cadiz"))

    async def look() -> int:
        async with Database(database_url, metadata=METADATA) as db:
            return await Repository(Harbor, db).count()

    run(make())

    with (
        pytest.raises(UsageError, match="the database has harbor already"),
        Playground(database_url, Boat),
    ):
        pass
    assert run(look()) == 1


class Ledger(Model, table=True, schema="books", metadata=METADATA):
    id: Col[int] = generated()


@only_on("duckdb", "postgresql")
def test_schemas_are_made_and_dropped_with_it(database_url: str) -> None:
    def schemas() -> list[str]:
        async def look() -> list[str]:
            async with Database(database_url) as db, db.session() as session:
                return await session.run_sync(lambda c: sa.inspect(c).get_schema_names())

        return [name for name in run(look()) if name.endswith("books")]

    with Playground(database_url, Ledger) as playground:
        assert playground.run(count(playground)) == 0
    assert schemas() == []


@only_on("sqlite")
def test_models_that_the_engine_cannot_have_are_refused(database_url: str) -> None:
    with (
        pytest.raises(NotSupported, match="sqlite has no schemas"),
        Playground(database_url, Ledger),
    ):
        pass


@not_on("duckdb", "sqlite")
def test_the_url_of_a_server_is_not_shown(database_url: str) -> None:
    engine = database_url.partition("://")[0]

    assert Playground(database_url, Boat).shown_url == f"{engine}://..."


@pytest.mark.parametrize("url", ["sqlite://", "duckdb://", "sqlite:///a/b.db"])
def test_the_url_of_a_file_is_shown(url: str) -> None:
    assert Playground(url, Boat).shown_url == url
