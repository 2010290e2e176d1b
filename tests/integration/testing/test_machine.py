"""A repository used step by step beside a dict, on every engine."""

import asyncio
import unittest
from collections.abc import Sequence
from typing import Any, Literal
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from andamios_orm import Col, Database, Model, Repository, Session, field, generated
from andamios_orm.backends.postgresql import PostgreSQLBackend
from andamios_orm.database.connection import DriverConnection
from andamios_orm.database.loop import run
from andamios_orm.errors import AndamiosError, UniqueViolation, UsageError
from andamios_orm.testing.machines import RepositoryMachine, run_machine
from andamios_orm.testing.machines.actors import Failed
from tests.deep import DEEP
from tests.engines import only_on
from tests.integration.testing.machines.models import METADATA, Hero, Page, Seat, Ticket

WRONG = (AssertionError, AndamiosError, Failed)
deep = pytest.mark.skipif(not DEEP, reason="takes a minute: ANDAMIOS_TEST_DEEP=1")


def steps(examples: int, most: int = 25, *, shrinks: bool = DEEP > 0) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=most,
        derandomize=not DEEP,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
@pytest.mark.parametrize("model", [Hero, Seat, Page, Ticket], ids=lambda model: model.__name__)
def test_a_repository_does_what_a_dict_does(database_url: str, model: type[Model]) -> None:
    run_machine(model, database_url, steps(100 * DEEP or 3, 50 if DEEP else 25))


@pytest.mark.parametrize("url", ["duckdb://", "sqlite://"])
def test_it_does_so_in_memory(url: str) -> None:
    run_machine(Hero, url, steps(100 * DEEP or 3))


@only_on("postgresql")
async def test_texts_are_not_ordered_where_the_database_has_a_collation(database_url: str) -> None:
    name = f"machine_{uuid4().hex}"
    url = sa.make_url(database_url).set(database=name).render_as_string(hide_password=False)
    async with Database(database_url) as db, db.connect() as connection:
        await connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"
        )
        try:
            await asyncio.to_thread(run_machine, Hero, url, steps(20))
        finally:
            await connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@only_on("postgresql")
def test_a_type_that_another_table_has_as_well_stays(database_url: str) -> None:
    metadata = sa.MetaData()
    label = sa.Enum("a", "b", name="machine_label", metadata=metadata)

    class Box(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        kind: Col[Literal["a", "b"]] = field(column_type=label)

    class Thing(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        kind: Col[Literal["a", "b"]] = field(column_type=label)
        box_id: Col[int] = field(foreign_key=Box.id)

    things = st.builds(Thing, kind=st.sampled_from(["a", "b"]), box_id=st.just(1))
    run_machine(Thing, database_url, steps(2), instances=things)


def test_a_table_that_others_refer_to_is_emptied() -> None:
    metadata = sa.MetaData()

    class Captain(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        ship_id: Col[int | None] = field(default=None, foreign_key="Ship.id")

    class Ship(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        captain_id: Col[int | None] = field(default=None, foreign_key=Captain.id)

    ships = st.builds(Ship)
    run_machine(Ship, "sqlite://", steps(3), instances=ships)


# ---- what users write ----------------------------------------------------------------------------


def test_a_machine_is_a_test_case() -> None:
    case = RepositoryMachine.for_model(Seat, "sqlite://").TestCase
    case.settings = steps(3)
    result = unittest.TestResult()

    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)

    assert result.testsRun == 1
    assert result.wasSuccessful(), result.errors


def test_a_machine_makes_its_tables_where_nobody_has() -> None:
    machine = RepositoryMachine.for_model(Seat, "sqlite://")

    run_state_machine_as_test(machine, settings=steps(2))


def test_strategies_of_ones_own_take_the_place_of_the_librarys() -> None:
    names: list[str] = []

    class Noting(Repository[Hero]):
        async def add(self, instance: Any, /, *more: Any) -> Any:
            names.append(instance.name)
            return await super().add(instance, *more)

    run_machine(
        Hero,
        "sqlite://",
        steps(5),
        repository=Noting,
        instances=st.builds(Hero, name=st.sampled_from(["Ada", "Bob"])),
        conditions=st.nothing(),
    )

    assert set(names) <= {"Ada", "Bob"}


def test_a_database_that_has_the_table_is_refused(sqlite_url: str) -> None:
    async def create() -> None:
        async with Database(sqlite_url, metadata=METADATA) as db:
            await db.create_all()

    run(create())
    with pytest.raises(UsageError, match="already"):
        run_machine(Hero, sqlite_url, steps(1))


# ---- what it finds by itself; which step notices which fault: machines/test_found_faults.py ------


class Forgetful(Repository[Hero]):
    """An update that gives back what it did not store."""

    async def update(self, instance: Hero, /) -> Hero:
        stored = await super().update(instance.model_copy(update={"age": 3}))
        return stored.model_copy(update={"age": instance.age})


class Careless(Repository[Hero]):
    """An upsert that overwrites also what it was not given."""

    async def upsert(self, instance: Hero, /, *, on: Any, update: Any = None) -> Hero:
        return await super().upsert(instance, on=on, update=[Hero.age])


class Hushed(Repository[Hero]):
    """An add that says nothing of a name that is taken."""

    async def add(self, instance: Hero, /, *more: Any) -> Hero:
        try:
            return await super().add(instance, *more)
        except UniqueViolation:
            return instance.model_copy(update={"id": 4711})


class Hasty(Repository[Hero]):
    """Rows that are stored one by one, so that a failure leaves some of them."""

    async def add_all(self, instances: Any, /) -> list[Hero]:
        return [await self.add(instance) for instance in instances]


class Halved(Repository[Hero]):
    """A patch that leaves out what it is given last."""

    async def patch(self, key: object, /, *changes: Any, if_version: int | None = None) -> Hero:
        return await super().patch(key, *changes[:-1], if_version=if_version)


class Blind(Repository[Hero]):
    """A find that finds nothing."""

    async def find(self, key: object, /) -> Hero | None:
        return None


@pytest.mark.parametrize(
    "repository",
    [
        pytest.param(Forgetful, marks=deep),
        pytest.param(Careless, marks=deep),
        Hushed,
        pytest.param(Hasty, marks=deep),
        pytest.param(Halved, marks=deep),
        pytest.param(Blind, marks=deep),
    ],
)
def test_a_fault_of_a_repository_is_found(repository: type[Repository[Hero]]) -> None:
    with pytest.raises(WRONG) as found:
        run_machine(Hero, "sqlite://", steps(500), repository=repository)

    assert "state = HeroMachine()" in told(found.value)


class Stale(Repository[Page]):
    """An update that does not care who changed the row since."""

    async def update(self, instance: Page, /) -> Page:
        there = await self.find(instance.id)
        version = instance.version if there is None else there.version
        return await super().update(instance.model_copy(update={"version": version}))


class Final(Repository[Page]):
    """A delete for good, of rows that should be marked."""

    async def delete(self, target: Any, /) -> None:
        await self.get(target.id if isinstance(target, Page) else target)
        await self.purge(target)


@deep
@pytest.mark.parametrize("repository", [Stale, Final])
def test_a_fault_with_what_the_library_keeps_is_found(repository: type[Repository[Page]]) -> None:
    with pytest.raises(WRONG):
        run_machine(Page, "sqlite://", steps(500), repository=repository)


@deep
def test_a_rollback_that_does_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "rollback", Session.commit)

    with pytest.raises(WRONG) as found:
        run_machine(Seat, "sqlite://", steps(500))

    assert "state.rollback(who=" in told(found.value)


@deep
def test_a_savepoint_that_keeps_what_failed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def kept(self: Session, connection: DriverConnection, name: str) -> None:
        await connection.command(f"RELEASE SAVEPOINT {name}")

    monkeypatch.setattr(Session, "_undone", kept)

    # Of random programs one in a hundred or two undoes what another then reads.
    with pytest.raises(WRONG):
        run_machine(Hero, "sqlite://", steps(5000))


@deep
def test_a_session_that_goes_on_after_a_failure_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    always = property(lambda _: False, lambda *_: None)
    monkeypatch.setattr(Session, "_aborted", always, raising=False)

    with pytest.raises(WRONG):
        run_machine(Seat, "sqlite://", steps(500))


@deep
@only_on("postgresql")
def test_a_session_that_sees_more_than_its_level_allows_is_found(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = PostgreSQLBackend.begin

    async def begin_weakly(self: Any, driver: Any, **options: Any) -> Any:
        return await begin(self, driver, **{**options, "isolation": None})

    monkeypatch.setattr(PostgreSQLBackend, "begin", begin_weakly)

    with pytest.raises(WRONG):
        run_machine(Hero, database_url, steps(500))


def test_a_failure_is_told_as_code() -> None:
    with pytest.raises(AssertionError) as found:
        run_machine(Seat, "sqlite://", steps(500, 5), repository=Unsorted)

    lines = told(found.value).splitlines()
    begin = lines.index("state = SeatMachine()")
    code = "\n".join(lines[begin + 1 :])
    assert code.endswith("state.teardown()")
    names = {"state": Silent(), "Seat": Seat, "true": True}
    exec(code, names)  # noqa: S102 - it is what the test is about


class Unsorted(Repository[Seat]):
    """All rows, but not the first one."""

    async def all(self) -> list[Seat]:
        return (await super().all())[1:]


class Silent:
    """Takes every step, and gives as many keys as are unpacked."""

    def __getattr__(self, name: str) -> Any:
        return lambda **given: [None] * len(given.get("rows", [None]))


def told(error: BaseException) -> str:
    """What hypothesis adds to an error: the steps."""
    notes: Sequence[str] = getattr(error, "__notes__", [])
    return "\n".join(notes)
