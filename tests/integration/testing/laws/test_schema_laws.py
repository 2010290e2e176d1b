"""The laws about tables: random schemas keep them on every engine, and a fault breaks them."""

import os
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from andamios_orm import Col, Database, Model, Tenant, field, generated
from andamios_orm.migration import Answers, Migrator
from andamios_orm.migration.diff import Rename
from andamios_orm.migration.migrator import Migrator as Migrating
from andamios_orm.testing import strategies
from andamios_orm.testing.laws.base import Broken, LawBroken
from andamios_orm.testing.laws.ddl_reflect import ddl_reflect
from andamios_orm.testing.laws.migrate_updown import migrate_updown, revisions_updown
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.scratch import Scratch
from andamios_orm.testing.servers import PostgreSQLServer
from andamios_orm.testing.strategies.changing import SchemaChange
from andamios_orm.testing.strategies.graphs import Graph
from tests.engines import not_on, only_on
from tests.migration.revising import HERO, write_revision

DEEP = os.environ.get("ANDAMIOS_TEST_DEEP") == "1"
FOUR = not_on("mysql")


def examples(ordinary: int, deep: int) -> settings:
    return settings(
        derandomize=not DEEP,
        max_examples=deep if DEEP else ordinary,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


async def awaited(work: Awaitable[None]) -> None:
    await work


class Base(Model, metadata=sa.MetaData()):
    pass


class Crew(Base, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)


class Sailor(Base, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(index=True)
    age: Col[int | None] = field(default=None, ge=0)
    crew_id: Col[int | None] = field(default=None, foreign_key=Crew.id)


@FOUR
def test_random_tables_are_read_back_as_they_were_declared(database_url: str) -> None:
    @examples(4, 500)
    @given(strategies.schema_models(most=2 if not DEEP else 4))
    def check(models: tuple[type[Model], ...]) -> None:
        with Playground(database_url, *models) as playground:
            playground.run(awaited(ddl_reflect.holds(playground, *playground.models)))

    check()


@FOUR
def test_random_changes_are_made_and_undone(database_url: str) -> None:
    with Playground(database_url, Sailor) as playground:

        @examples(5, 100)
        @given(
            strategies.schema_models(most=2)
            .flatmap(st.sampled_from)
            .flatmap(strategies.schema_change)
            .flatmap(with_rows)
        )
        def check(example: tuple[SchemaChange, Graph]) -> None:
            playground.run(awaited(migrate_updown.holds(playground, *example)))

        def check_given() -> None:
            migrate_updown.check(playground, using=examples(3, 100))

        check_given()
        if DEEP:
            check()


def with_rows(change: SchemaChange) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(change), strategies.graph(change.before, size=2))


class Owner(Tenant, Base, table=True):
    id: Col[int] = generated()


class Pet(Base, table=True):
    """Of nobody in particular, unlike what it refers to."""

    id: Col[int] = generated()
    owner_id: Col[int] = field(foreign_key=Owner.id)


@only_on("sqlite")
def test_rows_that_refer_to_a_tenants_are_stored_on_its_behalf(database_url: str) -> None:
    with Playground(database_url, Pet) as playground:

        @examples(3, 3)
        @given(strategies.schema_change(Pet).flatmap(with_rows).filter(lambda e: e[1].instances))
        def check(example: tuple[SchemaChange, Graph]) -> None:
            playground.run(awaited(migrate_updown.holds(playground, *example)))

        check()


HARBOR = sa.MetaData()


class Buoy(Model, table=True, metadata=HARBOR):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20, index=True)


class Chart(Model, table=True, schema="sea", metadata=HARBOR):
    """What an engine without schemas cannot have."""

    id: Col[int] = generated()


@FOUR
def test_models_that_an_engine_cannot_have_do_not_matter_to_others(database_url: str) -> None:
    ddl_reflect.replay(database_url, Buoy)


# ---- faults --------------------------------------------------------------------------------------


@only_on("sqlite")
def test_a_table_that_is_not_as_declared_is_found(database_url: str) -> None:
    with Playground(database_url, Sailor) as playground:
        playground.run(run(playground.db, 'ALTER TABLE "sailor" ADD COLUMN "extra" INTEGER'))
        with pytest.raises(LawBroken, match="a migration would: drop column") as found:
            ddl_reflect.check(playground)
    assert "laws.ddl_reflect.replay(" in found.value.code


async def run(db: Database, sql: str) -> None:
    await db.execute(sa.text(sql))


def test_a_migration_that_never_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compare = Migrating.compare

    async def forgetful(migrator: Migrator, answers: Answers | None = None) -> Any:
        found = await compare(migrator, answers)
        return replace(found, changes=cast("Any", ("add column sailor.age",)))

    with Playground("sqlite://", Sailor) as playground:
        monkeypatch.setattr(Migrating, "compare", forgetful)
        with pytest.raises(Broken, match="the next one would: add column"):
            playground.run(awaited(ddl_reflect.holds(playground, *playground.models)))


def change(told: str = "renamed") -> SchemaChange:
    first, second = sa.MetaData(), sa.MetaData()

    class Boat(Model, table=True, metadata=first):
        id: Col[int] = generated()
        name: Col[str]

    class BoatAfter(Model, table="boat", metadata=second):
        id: Col[int] = generated()
        title: Col[str] = field(column="called", renamed_from="name")

    return SchemaChange(Boat, BoatAfter, told)


def test_a_rename_can_be_an_answer() -> None:
    first, second = sa.MetaData(), sa.MetaData()

    class Boat(Model, table=True, metadata=first):
        id: Col[int] = generated()
        name: Col[str]

    class BoatAfter(Model, table="boat", metadata=second):
        id: Col[int] = generated()
        title: Col[str] = field(column="called")

    answers = Answers(renames=frozenset({Rename("boat.name", "boat.called")}))
    made = SchemaChange(Boat, BoatAfter, "renamed", answers)
    migrate_updown.replay("sqlite://", made, boats(made))


def test_a_database_is_emptied_before_it_is_lent_again(postgresql_server: PostgreSQLServer) -> None:
    with Scratch() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDAMIOS_TEST_URL_POSTGRESQL", postgresql_server.address)
        assert scratch.url("postgresql") == scratch.url("postgresql")


def boats(change: SchemaChange) -> Graph:
    return Graph((change.before.model_validate({"id": 1, "name": "Ada"}),))


def test_a_change_is_replayed_as_its_code_says() -> None:
    made = change()
    migrate_updown.replay("sqlite://", made, boats(made))
    with Playground("sqlite://", made.before) as playground:
        code = migrate_updown._code(playground, (made, boats(made)))
    names: dict[str, Any] = {"__name__": "pasted"}
    exec(code, names)  # noqa: S102 - what is tested
    assert names["Boat"].__table__.c.keys() == ["id", "name"]
    assert names["BoatAfter"].__table__.c.keys() == ["id", "called"]
    assert "rename" in repr(made)
    assert "class BoatAfter(Model, table='boat', metadata=METADATA_2):" in made.code


@contextmanager
def after(name: str, times: int, sql: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do something to the database after a method of the migrator was called so many times."""
    method, calls = getattr(Migrating, name), []

    async def spoiled(migrator: Migrator, *args: Any, **kwargs: Any) -> Any:
        result = await method(migrator, *args, **kwargs)
        calls.append(name)
        if len(calls) == times:
            await run(migrator.database, sql)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(Migrating, name, spoiled)
        yield


@pytest.mark.parametrize(
    ("name", "times", "sql", "told"),
    [
        ("up", 1, "ALTER TABLE boat ADD COLUMN extra INTEGER", "that makes the tables .* drop"),
        ("up", 2, "UPDATE boat SET called = 'b'", "boat has other rows after going up"),
        ("up", 2, "ALTER TABLE boat ADD COLUMN extra INTEGER", "after going up .* drop column"),
        ("down", 1, "DELETE FROM boat", "rows differ after going down"),
        ("up", 3, "DELETE FROM boat", "rows differ after going up again"),
    ],
)
def test_what_a_migration_spoils_is_found(
    name: str, times: int, sql: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = change()
    with after(name, times, sql, monkeypatch), pytest.raises(LawBroken, match=told):
        migrate_updown.replay("sqlite://", made, boats(made))


def test_a_table_that_is_renamed_keeps_its_rows() -> None:
    changes = [c for c in every_change(Sailor) if c.told.startswith("the table is renamed")]
    for each in changes:
        migrate_updown.replay(
            "sqlite://", each, Graph((each.before.model_validate({"id": 1, "name": "a"}),))
        )
    assert len(changes) == 1


def every_change(model: type[Model]) -> list[SchemaChange]:
    found: dict[str, SchemaChange] = {}

    @settings(derandomize=True, max_examples=200, phases=[Phase.generate], database=None)
    @given(strategies.schema_change(model))
    def note(change: SchemaChange) -> None:
        found[change.told] = change

    note()
    return list(found.values())


def test_rows_in_the_way_are_told_before_anything_is_done() -> None:
    (required,) = [c for c in every_change(Sailor) if c.told == "age is required"]
    migrate_updown.replay(
        "sqlite://", required, Graph((required.before.model_validate({"id": 1, "name": "a"}),))
    )


def test_a_change_that_an_engine_does_not_see_is_none() -> None:
    first, second = sa.MetaData(), sa.MetaData()

    class Boat(Model, table=True, metadata=first):
        id: Col[int] = generated()

    class BoatAfter(Model, table="boat", metadata=second):
        id: Col[int] = generated(comment="its number")

    migrate_updown.replay("sqlite://", SchemaChange(Boat, BoatAfter, "a comment"), Graph(()))


# ---- the revisions of a project ------------------------------------------------------------------


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
def test_revisions_that_can_be_undone_are_counted(database_url: str, tmp_path: Path) -> None:
    engine = database_url.partition(":")[0]
    write_revision(tmp_path, engine, "aaa1", HERO, 'op.drop_table("hero")')
    write_revision(
        tmp_path, engine, "bbb2", 'op.drop_table("hero")', "raise NotImplementedError", down="aaa1"
    )
    assert revisions_updown(database_url, tmp_path) == 2


def test_a_revision_that_undoes_less_than_it_did_is_found(tmp_path: Path) -> None:
    add = 'op.add_column("hero", sa.Column("age", sa.Integer()))'
    write_revision(tmp_path, "sqlite", "aaa1", HERO, 'op.drop_table("hero")')
    write_revision(tmp_path, "sqlite", "bbb2", add, 'op.execute("SELECT 1")', down="aaa1")
    with pytest.raises(
        LawBroken, match="revision bbb2 leaves other tables when it is undone"
    ) as found:
        revisions_updown("sqlite://", tmp_path)
    assert found.value.engine == "sqlite"
