"""Graphs are stored as they are drawn, and conditions find what their predicates say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import NaiveDatetime

from andamios_orm import Col, Model, Repository, field, generated
from andamios_orm.errors import CheckViolation, UniqueViolation
from andamios_orm.testing.laws import Playground
from andamios_orm.testing.strategies import Filter, Graph, filters, graph, models, updates
from andamios_orm.testing.strategies.rows import row_of, rows
from examples.advanced.chinook.models import InvoiceLine, PlaylistTrack
from examples.integration.conduit.models import ArticleTag, Comment, Favorite, Follow
from tests.engines import only_on
from tests.unit.testing.strategies import linked_models as linked
from tests.unit.testing.strategies.linked_models import (
    Bolt,
    Document,
    Folder,
    Knot,
    Loop,
    Person,
    Ring,
    Thread,
    Trip,
    made,
)

DEEP = os.environ.get("ANDAMIOS_TEST_DEEP") == "1"


def few(examples: int) -> settings:
    return settings(
        max_examples=examples * 50 if DEEP else examples,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def engine_of(url: str) -> Any:
    return url.partition(":")[0]


CIRCLES = (Loop, Ring, Thread, Knot, Bolt)
FAMILIES: dict[str, tuple[type[Model], ...]] = {
    "chinook": (InvoiceLine, PlaylistTrack),
    "conduit": (Follow, ArticleTag, Favorite, Comment),
    "linked": linked.ALL,
    "tenants": (Document,),
}


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_graph_is_stored_as_it_is(family: str, database_url: str) -> None:
    store_graphs(database_url, *FAMILIES[family])


# DuckDB has no foreign key to a table that comes later, and no row that refers to itself. SQLite
# drops tables that refer to each other in any order, as long as they are empty.
@pytest.mark.filterwarnings("ignore:Can't sort tables for DROP")
@only_on("sqlite", "postgresql", "mariadb")
def test_a_graph_with_circles_is_stored_in_two_steps(database_url: str) -> None:
    store_graphs(database_url, *CIRCLES)


def store_graphs(url: str, *chosen: type[Model]) -> None:
    with Playground(url, *chosen) as playground:

        @few(5)
        @given(graph(*chosen, storable=engine_of(url)))
        def check(found: Graph) -> None:
            stored = playground.run(kept(playground, found))
            assert list(map(type, stored)) == list(map(type, found.instances))
            for one, two in zip(found.instances, stored, strict=True):
                assert {name: getattr(two, name) for name in one.__dict__} == one.__dict__

        check()


async def kept(playground: Playground, found: Graph) -> list[Model]:
    """Store a graph for a tenant, and return what is read then."""
    async with playground.db.for_tenant("acme").session() as session:
        await found.store(session)
        read: list[Model] = []
        for instance in found.instances:
            model = type(instance)
            key = tuple(instance.__dict__[f.name] for f in model_key(model))
            read.append(await Repository(model, session).get(key if len(key) > 1 else key[0]))
        await session.rollback()
    return read


def model_key(model: type[Model]) -> Any:
    from andamios_orm.schema.compiler import spec_of  # noqa: PLC0415

    return spec_of(model).primary_key


@only_on("sqlite")
def test_a_check_that_nobody_knows_rejects_the_example(database_url: str) -> None:
    tried: list[Graph] = []
    with Playground(database_url, Trip) as playground:

        @settings(few(30), suppress_health_check=list(HealthCheck))
        @given(graph(Trip))
        def check(found: Graph) -> None:
            tried.append(found)
            playground.run(kept(playground, found))
            assert all(trip.first <= trip.last for trip in found.of(Trip))

        check()
        wrong = Graph((made(Trip, id=1, first=2, last=1),))
        with pytest.raises(CheckViolation):
            playground.run(kept(playground, wrong))
    assert any(trip.first > trip.last for found in tried for trip in found.of(Trip))


@only_on("sqlite")
def test_what_the_library_itself_should_have_refused_is_told(database_url: str) -> None:
    with Playground(database_url, Trip, Person) as playground:

        @few(1)
        @given(st.just(Graph((made(Person, id=1), made(Person, id=1)))))
        def check(found: Graph) -> None:
            playground.run(kept(playground, found))

        with pytest.raises(UniqueViolation):
            check()


@only_on("sqlite", "duckdb")
def test_a_whole_database_stores_a_graph_too(database_url: str) -> None:
    with Playground(database_url, Person) as playground:
        stored = playground.run(Graph((made(Person, id=1),)).store(playground.db))

        assert stored == [made(Person, id=1)]
        assert playground.run(Repository(Person, playground.db).count()) == 1


# ---- conditions --------------------------------------------------------------------------------


class Color(Enum):
    RED = "red"
    BLUE = "Blue"


class Fact(Model, table=True, metadata=sa.MetaData()):
    """Every kind of column, most of them twice."""

    id: Col[int] = generated()
    name: Col[str]
    label: Col[str | None] = field(max_length=20)
    n: Col[int] = field(ge=-1000, le=1000)
    m: Col[int | None]
    x: Col[float]
    y: Col[float | None]
    wild: Col[float] = field(allow_inf_nan=True)
    price: Col[Decimal] = field(max_digits=8, decimal_places=2)
    cost: Col[Decimal | None] = field(max_digits=8, decimal_places=2)
    exact: Col[Decimal | None] = field(max_digits=30, decimal_places=10)
    flag: Col[bool]
    other: Col[bool | None]
    day: Col[date]
    until: Col[date | None]
    at: Col[datetime]
    seen: Col[NaiveDatetime | None]
    clock: Col[time]
    span: Col[timedelta]
    data: Col[bytes]
    more: Col[bytes | None] = field(max_length=30)
    key: Col[UUID]
    color: Col[Color | None]
    size: Col[Literal["s", "m", "L"]]
    tags: Col[list[int] | None]


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
def test_a_condition_finds_what_its_predicate_says(database_url: str) -> None:
    with Playground(database_url, Fact) as playground:

        @few(40)
        @given(st.data(), graph(Fact, size=4, storable=engine_of(database_url)))
        def check(data: st.DataObject, found: Graph) -> None:
            facts = found.of(Fact)
            condition: Filter[Fact] = data.draw(
                filters(Fact, near=facts, storable=engine_of(database_url))
            )
            stored, true, false, null = playground.run(asked(playground, found, condition))
            said = {fact.id: condition.holds(fact) for fact in stored}
            assert true == {id for id, holds in said.items() if holds is True}
            assert false == {id for id, holds in said.items() if holds is False}
            assert null == {id for id, holds in said.items() if holds is None}

        check()


async def asked(
    playground: Playground, found: Graph, condition: Filter[Fact]
) -> tuple[list[Fact], set[int], set[int], set[int]]:
    """Store facts and return them, and those for which a condition is true, false and null."""
    node = cast("Any", condition.condition)
    async with playground.example() as session:
        stored = cast("list[Fact]", await found.store(session))
        facts = Repository(Fact, session)
        true = {fact.id for fact in await facts.where(node).all()}
        false = {fact.id for fact in await facts.where(~node).all()}
    return stored, true, false, {fact.id for fact in stored} - true - false


# ---- rows and changes --------------------------------------------------------------------------


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
def test_a_raw_insert_takes_a_row(database_url: str) -> None:
    with Playground(database_url, Fact, Folder) as playground:

        @few(5)
        @given(
            rows(Fact, storable=engine_of(database_url)),
            rows(Folder, storable=engine_of(database_url)),
        )
        def check(fact: dict[str, Any], folder: dict[str, Any]) -> None:
            found = playground.run(inserted(playground, fact, folder))
            assert told(found) == told(fact)

        check()


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with something that is equal to itself in the place of NaN."""
    return {name: value if value == value else "NaN" for name, value in values.items()}


async def inserted(
    playground: Playground, fact: dict[str, Any], folder: dict[str, Any]
) -> dict[str, Any]:
    async with playground.example() as session:
        await session.execute(sa.insert(Fact.__table__).values(fact))
        await session.execute(sa.insert(Folder.__table__).values(folder))
        (found,) = await Repository(Fact, session).all()
    return {name: value for name, value in row_of(found).items() if name != "id"}


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
def test_a_patch_takes_changes(database_url: str) -> None:
    engine = engine_of(database_url)
    with Playground(database_url, Fact) as playground:

        @few(10)
        @given(models(Fact, storable=engine), updates(Fact, storable=engine))
        def check(fact: Fact, changes: dict[str, Any]) -> None:
            before, after = playground.run(patched(playground, fact, changes))
            assert told(after.__dict__) == told({**before.__dict__, **changes})

        check()


async def patched(playground: Playground, fact: Fact, changes: dict[str, Any]) -> tuple[Fact, Fact]:
    async with playground.example() as session:
        facts = Repository(Fact, session)
        stored = await facts.add(fact)
        assignments = [getattr(Fact, name).set(value) for name, value in changes.items()]
        await facts.patch(stored.id, *assignments)
        return stored, await facts.get(stored.id)
