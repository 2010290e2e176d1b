"""A playground on every engine: emptied between examples, and nothing of others is lost."""

import contextlib
import warnings
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.database.loop import run
from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.testing.laws import Playground, drawing
from andamios_orm.testing.laws.ddl_reflect import ddl_reflect
from andamios_orm.testing.strategies import Graph
from tests.engines import not_on, only_on

METADATA = sa.MetaData()
FOUR = not_on("mysql")


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


class Anchor(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    next_id: Col[int] = field(foreign_key="Anchor.id", on_delete="RESTRICT")


class Buoy(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    next_id: Col[int | None] = field(foreign_key="Buoy.id", on_delete="RESTRICT")


class Driver(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    car_id: Col[int | None] = field(default=None, foreign_key="Car.id")


class Car(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    driver_id: Col[int] = field(foreign_key="Driver.id")


class Chart(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    depth: Col[int | None] = field(default=None)
    name: Col[str] = field(default="")
    points: Col[list[int]] = field(default_factory=list)


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


@not_on("duckdb")
@pytest.mark.filterwarnings("error")
def test_rows_that_refer_to_each_other_in_a_circle_are_removed_too(database_url: str) -> None:
    circle = Graph(
        (
            Driver.model_validate({"id": 1, "car_id": 1}),
            Car.model_validate({"id": 1, "driver_id": 1}),
        )
    )
    with Playground(database_url, Driver) as playground:
        playground.run(circle.store(playground.db))
        playground.empty()
        assert playground.run(count(playground)) == 0
        playground.run(circle.store(playground.db))

    with Playground(database_url, Driver):
        """Its tables are not there any more."""


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


# Where rows may not go while others refer to them, SQLite drops no table that has such rows.
@only_on("sqlite", "postgresql")
@pytest.mark.parametrize("required", [True, False])
def test_tables_whose_rows_keep_each_other_are_emptied_and_dropped(
    database_url: str, required: bool
) -> None:
    model = Anchor if required else Buoy
    rows = [model.model_validate({"id": id_, "next_id": 1}) for id_ in (1, 2)]
    with Playground(database_url, model) as playground:
        playground.run(Graph(tuple(rows)).store(playground.db))
        playground.empty()
        assert playground.run(count(playground)) == 0
        playground.run(Graph(tuple(rows)).store(playground.db))

    assert tables(database_url) == []


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


@FOUR
def test_a_session_and_a_stream_that_were_left_open_keep_nobody_waiting(database_url: str) -> None:
    kept: list[object] = []

    async def leave_open(playground: Playground) -> None:
        session = playground.db.session()
        await session.__aenter__()
        await Repository(Harbor, session).add(Harbor.model_validate({"id": 2, "name": "Faro"}))

    async def stop_reading(playground: Playground) -> None:
        rows = aiter(Repository(Harbor, playground.db).order_by(Harbor.id).stream(batch=1))
        kept.append(rows)
        assert (await anext(rows)).name == "Cadiz"

    with contextlib.suppress(ZeroDivisionError), Playground(database_url, Boat) as playground:
        for leave in (leave_open, stop_reading):
            playground.run(Graph(tuple(ROWS)).store(playground.db))
            playground.run(leave(playground))
            playground.empty()
            assert playground.run(count(playground)) == 0
        playground.run(leave_open(playground))
        1 / 0  # noqa: B018 - it raises

    assert tables(database_url) == []


ROUND = sa.MetaData()


class Hen(Model, table=True, metadata=ROUND):
    id: Col[int] = field(primary_key=True)
    egg_id: Col[int | None] = field(default=None, foreign_key="Egg.id", on_delete="RESTRICT")


class Egg(Model, table=True, metadata=ROUND):
    id: Col[int] = field(primary_key=True)
    hen_id: Col[int] = field(foreign_key=Hen.id, on_delete="RESTRICT")


async def lay(db: Database) -> None:
    hen = await Repository(Hen, db).add(Hen(id=1))
    await Repository(Egg, db).add(Egg(id=1, hen_id=hen.id))
    await Repository(Hen, db).patch(hen.id, Hen.egg_id.set(1))


@not_on("mysql", "duckdb")
def test_tables_in_a_circle_are_dropped_with_their_rows_and_no_warning(database_url: str) -> None:
    async def drop() -> None:
        async with Database(database_url, metadata=ROUND) as db:
            await db.create_all()
            await lay(db)
            await db.drop_all()
            await db.drop_all()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Playground(database_url, Hen) as playground:
            playground.run(lay(playground.db))
        assert tables(database_url) == []
        run(drop())
    assert tables(database_url) == []


@only_on("sqlite")
def test_a_circle_that_cannot_be_dropped_stays_whole(database_url: str) -> None:
    async def drop() -> None:
        async with Database(database_url, metadata=ROUND) as db:
            await db.create_all()
            async with db.connect() as connection:
                await connection.exec_driver_sql("ALTER TABLE egg RENAME TO kept")
                await connection.exec_driver_sql("CREATE VIEW egg AS SELECT 1 AS id")
            with pytest.raises(sa.exc.OperationalError):
                await db.drop_all()
            async with db.connect() as connection:
                keys = await connection.exec_driver_sql("PRAGMA foreign_keys")
                assert keys.scalar_one() == 1

    run(drop())
    assert tables(database_url) == ["hen", "kept"]


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


@only_on("sqlite")
def test_a_law_about_tables_creates_those_of_its_models_only(database_url: str) -> None:
    ddl_reflect.replay(database_url, Boat)


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


@FOUR
def test_columns_are_sorted_by_where_the_engine_and_python_agree(database_url: str) -> None:
    with Playground(database_url, Chart) as playground:
        found = [attr.name for attr in drawing.sort_attrs(playground, Chart)]

    assert found in (["id", "depth", "name"], ["id", "depth"])
    assert "name" in found or database_url.startswith("postgresql")
