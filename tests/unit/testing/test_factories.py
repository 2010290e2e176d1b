"""Factories: rows for tests, with all that they have to refer to."""

import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import sqlalchemy as sa
from pydantic import field_validator

from andamios_orm import (
    Col,
    Database,
    InvalidRow,
    MissingDriver,
    Model,
    NotLoaded,
    Related,
    RelatedList,
    Repository,
    SeedProblem,
    UniqueViolation,
    UsageError,
    field,
    generated,
    relation,
)
from andamios_orm.testing import factories as module
from andamios_orm.testing.factories import Factories, factory

METADATA = sa.MetaData()


class Base(Model, metadata=METADATA):
    pass


class City(Base, table="made_city"):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=40)


class Team(Base, table="made_team"):
    id: Col[int] = generated()
    city_id: Col[int] = field(foreign_key=City.id)
    name: Col[str] = field(max_length=40)
    city: Related[City] = relation()
    heroes: RelatedList["Hero"] = relation(order_by="id")


class Power(Base, table="made_power"):
    id: Col[int] = generated()
    name: Col[str]


class HeroPower(Base, table="made_hero_power"):
    hero_id: Col[int] = field(primary_key=True, foreign_key="Hero.id")
    power_id: Col[int] = field(primary_key=True, foreign_key=Power.id)
    strength: Col[int] = field(ge=1, le=10)


class Hero(Base, table="made_hero"):
    id: Col[int] = generated()
    name: Col[str]
    size: Col[Decimal] = field(max_digits=4, decimal_places=2)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    cape: Related["Cape | None"] = relation()
    powers: RelatedList[Power] = relation(through=HeroPower)


class Cape(Base, table="made_cape"):
    id: Col[int] = generated()
    hero_id: Col[int] = field(unique=True, foreign_key=Hero.id)


class Shift(Base, table="made_shift"):
    """A key of two columns, and a reference that shares one of them."""

    team_id: Col[int] = field(primary_key=True)
    day: Col[int] = field(primary_key=True, ge=0, le=1)


class Duty(Base, table="made_duty"):
    id: Col[int] = generated()
    team_id: Col[int]
    day: Col[int]
    other_day: Col[int]

    __table_args__ = (
        sa.ForeignKeyConstraint(["team_id", "day"], ["made_shift.team_id", "made_shift.day"]),
        sa.ForeignKeyConstraint(["team_id", "other_day"], ["made_shift.team_id", "made_shift.day"]),
    )


class Node(Base, table="made_node"):
    id: Col[int] = generated()
    above_id: Col[int] = field(foreign_key="Node.id")


class Picky(Base, table="made_picky"):
    id: Col[int] = generated()
    even: Col[int]

    @field_validator("even")
    @classmethod
    def never(cls, value: int) -> int:
        if value != 1_000_003:
            raise ValueError("another")
        return value


class Switch(Base, table="made_switch"):
    on: Col[bool] = field(primary_key=True)


@pytest.fixture
async def db() -> AsyncIterator[Database]:
    async with Database("sqlite://", metadata=METADATA) as database:
        await database.create_all()
        yield database


def test_the_same_seed_builds_the_same() -> None:
    built = [factory(Hero, seed=7).build().model_dump_json() for _ in range(2)]
    others = {factory(Hero, seed=seed).build().name for seed in range(20)}

    assert built[0] == built[1]
    assert len(others) > 1


def test_the_same_seed_builds_the_same_in_another_process() -> None:
    program = (
        "from tests.unit.testing.test_factories import *;"
        "print([factory(Hero, seed=7).build().model_dump_json() for _ in range(3)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": number, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    }

    assert len(outputs) == 1
    assert "name" in outputs.pop()


def test_an_instance_is_built_without_a_database() -> None:
    hero = factory(Hero).build(name="Ada")
    cape = factory(Cape).build()

    assert hero.name == "Ada"
    assert hero.team_id is None
    # A key of no row, so that the instance is complete.
    assert isinstance(cape.hero_id, int)
    assert factory(Cape).build(hero_id=3).hero_id == 3
    with pytest.raises(NotLoaded):
        _ = hero.id


def test_fields_are_made_as_somebody_says() -> None:
    assert factory(Picky, make={Picky.even: lambda random: 1_000_003}).build().even == 1_000_003
    assert factory(Cape, make={Cape.hero_id: lambda random: 5}).build().hero_id == 5


async def test_what_a_row_refers_to_is_created(db: Database) -> None:
    factories = Factories(db)
    cape = await factories(Cape).create()
    hero = await Repository(Hero, db).get(cape.hero_id)
    team = await factories(Team).create()

    assert hero.team_id is None
    assert (await Repository(City, db).get(team.city_id)).id == team.city_id
    # Each row that is created by itself has its own.
    assert (await factories(Team).create()).city_id != team.city_id


async def test_many_rows_share_what_they_refer_to(db: Database) -> None:
    teams = await factory(Team, db).create_many(30)
    cities = await Repository(City, db).count()

    assert len(teams) == 30
    assert {team.city_id for team in teams} <= set(range(1, cities + 1))
    assert 1 < cities < 15
    assert await Repository(Team, db).count() == 30


async def test_how_often_rows_share_can_be_said(db: Database) -> None:
    await Factories(db, reuse=0)(Team).create_many(5)
    assert await Repository(City, db).count() == 5

    await Factories(db, seed=2, reuse=1)(Team).create_many(5)
    assert await Repository(City, db).count() == 6


async def test_a_unique_reference_is_never_shared(db: Database) -> None:
    capes = await Factories(db, reuse=1)(Cape).create_many(5)
    links = await Factories(db, seed=2, reuse=1)(HeroPower).create_many(5)

    assert len({cape.hero_id for cape in capes}) == 5
    assert len({(link.hero_id, link.power_id) for link in links}) == 5


async def test_references_that_share_a_column_agree(db: Database) -> None:
    duties = await Factories(db, make={Shift.team_id: lambda random: random.randrange(50)})(
        Duty
    ).create_many(3)

    assert all(duty.day in (0, 1) and duty.other_day in (0, 1) for duty in duties)
    # SQLite has checked the keys.
    assert await Repository(Duty, db).count() == 3


async def test_a_relation_may_be_given(db: Database) -> None:
    factories = Factories(db)
    team = await factories(Team).create()

    hero = await factories(Hero).create(team=team)
    loner = await factories(Hero).create(team=None)
    heroes = await factories(Hero).create_many(3, team=team, size=Decimal("1.80"))

    assert hero.team_id == team.id
    assert loner.team_id is None
    assert {(each.team_id, each.size) for each in heroes} == {(team.id, Decimal("1.80"))}


async def test_a_graph_has_rows_at_the_ends_of_relations(db: Database) -> None:
    factories = Factories(db)
    team = await factories(Team).graph(
        2, Team.city, Team.heroes.then(Hero.cape, Hero.powers), name="Avengers"
    )

    assert team.name == "Avengers"
    assert team.city.id == team.city_id
    assert len(team.heroes) == 2
    for hero in team.heroes:
        assert hero.cape is not None
        assert hero.cape.hero_id == hero.id
        assert len(hero.powers) == 2
    assert await Repository(HeroPower, db).count() == 4

    # An optional one is there where a path asks for it, and a given one stays.
    hero = await factories(Hero).graph(1, Hero.team)
    assert hero.team is not None
    same = await factories(Hero).graph(1, Hero.team, team=team)
    assert same.team_id == team.id


async def test_rows_are_stored_in_a_session_too(db: Database) -> None:
    async with db.session() as session:
        await factory(Team, session).create()
        await session.rollback()

    assert await Repository(Team, db).count() == 0


async def test_a_key_that_is_given_is_judged_by_the_database(db: Database) -> None:
    cities = factory(City, db)
    bern = await cities.create()

    with pytest.raises(UniqueViolation):
        await cities.create(name=bern.name)


async def test_what_cannot_be_made_is_told(db: Database) -> None:
    factories = Factories(db)

    with pytest.raises(UsageError, match=r"Hero has no field `nam`") as told:
        factories(Hero).build(nam="Ada")
    assert "name, size, team_id" in str(told.value)
    with pytest.raises(UsageError, match=r"Team\.heroes are other rows"):
        factories(Team).build(heroes=[])
    with pytest.raises(UsageError, match="no database to store a Hero in"):
        await factory(Hero).create()
    with pytest.raises(InvalidRow):
        factories(Hero).build(size=Decimal("1.234"))
    with pytest.raises(SeedProblem, match="refuses each of 100 rows"):
        factories(Picky).build()
    with pytest.raises(SeedProblem, match="a Node needs another Node"):
        await factories(Node).create()
    with pytest.raises(SeedProblem, match="no other Switch that differs"):
        await factories(Switch).create_many(3)
    assert len(await factories(Switch).create_many(0)) == 0


async def test_a_failure_does_not_spoil_the_factory(db: Database) -> None:
    nodes = factory(Node, db)
    with pytest.raises(SeedProblem):
        await nodes.create()
    with pytest.raises(SeedProblem):
        await nodes.create()
    assert (await nodes.create(id=7, above_id=7)).above_id == 7


def test_a_factory_needs_polyfactory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)

    with pytest.raises(MissingDriver, match="polyfactory"):
        factory(Hero)
