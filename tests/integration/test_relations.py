"""What relations ask and load: the rows that Python would find, on every engine."""

import pickle
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from andamios_orm import (
    Col,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    field,
    generated,
    relation,
)
from andamios_orm.errors import (
    NotLoaded,
    NotSupported,
    TransactionConflict,
    UsageError,
    WrongType,
)
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.queries.expressions import Condition
from andamios_orm.repositories import loading

METADATA = sa.MetaData()


class City(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    teams: RelatedList["Team"] = relation(order_by="-name")


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    rank: Col[int] = field(default=0)
    city_id: Col[int | None] = field(default=None, foreign_key=City.id)
    city: Related[City | None] = relation()
    heroes: RelatedList["Hero"] = relation(
        fk="team_id", order_by=lambda: (Hero.age.desc(), Hero.id)
    )
    fans: RelatedList["Hero"] = relation(fk="rival_id")


class HeroPower(Model, table=True, metadata=METADATA):
    hero_id: Col[int] = field(primary_key=True, foreign_key="Hero.id")
    power_id: Col[int] = field(primary_key=True, foreign_key="Power.id")


class Power(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    heroes: RelatedList["Hero"] = relation(through="HeroPower", order_by=("age", "-name"))


class Friendship(Model, table=True, metadata=METADATA):
    one_id: Col[int] = field(primary_key=True, foreign_key="Hero.id")
    other_id: Col[int] = field(primary_key=True, foreign_key="Hero.id")


class Badge(BaseModel):
    text: str


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    age: Col[int | None] = field(default=None)
    badges: Col[list[Badge]] = field(default_factory=list)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    rival_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    boss_id: Col[int | None] = field(default=None, foreign_key="Hero.id")
    team: Related[Team | None] = relation(fk="team_id")
    rival: Related[Team | None] = relation(fk="rival_id")
    boss: Related["Hero | None"] = relation()
    helpers: RelatedList["Hero"] = relation(order_by="name")
    powers: RelatedList[Power] = relation(through=HeroPower, order_by="name")
    friends: RelatedList["Hero"] = relation(through=Friendship, fk="one_id", order_by="name")
    cape: Related["Cape | None"] = relation()


class Cape(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    color: Col[str] = field(max_length=20)
    hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)
    hero: Related[Hero] = relation()


@dataclass
class World:
    """A database and the rows that it was given."""

    db: Database
    cities: list[City]
    teams: list[Team]
    heroes: list[Hero]
    powers: list[Power]
    has_power: set[tuple[int, int]]
    friends: set[tuple[int, int]]
    capes: list[Cape]

    @property
    def hero(self) -> Repository[Hero]:
        return Repository(Hero, self.db)

    @property
    def team(self) -> Repository[Team]:
        return Repository(Team, self.db)

    def team_of(self, hero: Hero) -> Team | None:
        return next((t for t in self.teams if t.id == hero.team_id), None)

    def city_of(self, team: Team | None) -> City | None:
        return next((c for c in self.cities if team is not None and c.id == team.city_id), None)

    def powers_of(self, hero: Hero) -> list[Power]:
        return [p for p in self.powers if (hero.id, p.id) in self.has_power]

    def members(self, team: Team) -> list[Hero]:
        return [h for h in self.heroes if h.team_id == team.id]


async def filled(db: Database, seed: int = 7) -> World:
    chance = random.Random(seed)  # noqa: S311 - the same rows each time
    cities = await Repository(City, db).add_all([City(name=f"city {n}") for n in range(3)])

    def some(ids: list[int]) -> int | None:
        return chance.choice([*ids, None])

    teams = await Repository(Team, db).add_all(
        [
            Team(name=f"team {n}", rank=chance.randrange(4), city_id=some([c.id for c in cities]))
            for n in range(5)
        ]
    )
    team_ids = [t.id for t in teams]
    heroes: list[Hero] = []
    for n in range(14):
        hero = Hero(
            name=f"hero {n:02}",
            age=chance.choice([None, *range(20, 26)]),
            badges=[Badge(text=f"b{n}")] if n % 3 else [],
            team_id=some(team_ids),
            rival_id=some(team_ids),
            boss_id=some([h.id for h in heroes]) if heroes else None,
        )
        heroes.append(await Repository(Hero, db).add(hero))
    powers = await Repository(Power, db).add_all([Power(name=f"power {n}") for n in range(4)])
    pairs = {(h.id, p.id) for h in heroes for p in powers if chance.random() < 0.3}
    await Repository(HeroPower, db).add_all(
        [HeroPower(hero_id=hero, power_id=power) for hero, power in sorted(pairs)]
    )
    friends = {(a.id, b.id) for a in heroes for b in heroes if a != b and chance.random() < 0.1}
    await Repository(Friendship, db).add_all(
        [Friendship(one_id=one, other_id=other) for one, other in sorted(friends)]
    )
    capes = await Repository(Cape, db).add_all(
        [Cape(color="red" if n % 2 else "blue", hero_id=h.id) for n, h in enumerate(heroes[::3])]
    )
    return World(db, cities, teams, heroes, powers, pairs, friends, capes)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        yield await filled(db)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SELECTs and other statements that are run in the block."""
    found: list[str] = []

    def note(event: object) -> None:
        if isinstance(event, StatementRun):
            found.append(event.sql)

    with subscribe(note):
        yield found


# ---- conditions --------------------------------------------------------------------------------

AGED = 23

HERO_CONDITIONS: dict[str, tuple[Callable[[], Condition], Callable[[World, Hero], bool]]] = {
    "has": (
        lambda: Hero.team.has(),
        lambda w, h: w.team_of(h) is not None,
    ),
    "has with a condition": (
        lambda: Hero.team.has(Team.rank > 1),
        lambda w, h: (t := w.team_of(h)) is not None and t.rank > 1,
    ),
    "has not": (
        lambda: ~Hero.team.has(Team.rank > 1),
        lambda w, h: not ((t := w.team_of(h)) is not None and t.rank > 1),
    ),
    "has, of both models": (
        lambda: Hero.team.has(Team.id == Hero.rival_id),
        lambda w, h: h.team_id is not None and h.team_id == h.rival_id,
    ),
    "has of has": (
        lambda: Hero.team.has(Team.city.has(City.name == "city 1")),
        lambda w, h: (c := w.city_of(w.team_of(h))) is not None and c.name == "city 1",
    ),
    "two keys to one table": (
        lambda: Hero.rival.has(Team.name < "team 3"),
        lambda w, h: any(t.id == h.rival_id and t.name < "team 3" for t in w.teams),
    ),
    "the table itself": (
        lambda: Hero.boss.has(Hero.name < "hero 05"),
        lambda w, h: any(b.id == h.boss_id and b.name < "hero 05" for b in w.heroes),
    ),
    "the table itself, many": (
        lambda: Hero.helpers.any(Hero.age > AGED),
        lambda w, h: any(
            o.boss_id == h.id and o.age is not None and o.age > AGED for o in w.heroes
        ),
    ),
    "through a link": (
        lambda: Hero.powers.any(Power.name == "power 2"),
        lambda w, h: any(p.name == "power 2" for p in w.powers_of(h)),
    ),
    "none through a link": (
        lambda: Hero.powers.none(),
        lambda w, h: not w.powers_of(h),
    ),
    "a link to the table itself": (
        lambda: Hero.friends.any(Hero.age.is_null()),
        lambda w, h: any((h.id, o.id) in w.friends and o.age is None for o in w.heroes),
    ),
    "the reverse of a unique key": (
        lambda: Hero.cape.has(Cape.color == "red"),
        lambda w, h: any(c.hero_id == h.id and c.color == "red" for c in w.capes),
    ),
    "a count": (
        lambda: Hero.powers.count() >= 2,
        lambda w, h: len(w.powers_of(h)) >= 2,
    ),
    "a count of some": (
        lambda: Hero.powers.where(Power.name != "power 0").count() == 1,
        lambda w, h: sum(p.name != "power 0" for p in w.powers_of(h)) == 1,
    ),
    "a column of the related row": (
        lambda: Hero.team.to.name == "team 1",
        lambda w, h: (t := w.team_of(h)) is not None and t.name == "team 1",
    ),
    "a column further on": (
        lambda: Hero.team.to.city.to.name.in_(["city 0", "city 2"]),
        lambda w, h: (c := w.city_of(w.team_of(h))) is not None and c.name != "city 1",
    ),
    "a missing column": (
        lambda: Hero.team.to.city.to.name.is_null(),
        lambda w, h: w.city_of(w.team_of(h)) is None,
    ),
    "arithmetic with a related column": (
        lambda: Hero.team.to.rank + Hero.rival.to.rank > 3,
        lambda w, h: (
            (t := w.team_of(h)) is not None
            and (r := next((r for r in w.teams if r.id == h.rival_id), None)) is not None
            and t.rank + r.rank > 3
        ),
    ),
    "a relation of the related row": (
        lambda: Hero.team.to.heroes.any(Hero.age == AGED),
        lambda w, h: (t := w.team_of(h)) is not None and any(o.age == AGED for o in w.members(t)),
    ),
    "a relation of the related row, with both": (
        lambda: Hero.team.to.heroes.any(Hero.rival_id == Team.id),
        lambda w, h: (
            (t := w.team_of(h)) is not None and any(o.rival_id == t.id for o in w.members(t))
        ),
    ),
    "a path inside": (
        lambda: Hero.helpers.any(Hero.team.to.rank > 1),
        lambda w, h: any(
            o.boss_id == h.id and (t := w.team_of(o)) is not None and t.rank > 1 for o in w.heroes
        ),
    ),
    "SQLAlchemy inside": (
        lambda: Hero.team.has(sa.func.lower(Team.name) == "team 2"),
        lambda w, h: (t := w.team_of(h)) is not None and t.name == "team 2",
    ),
    "combined": (
        lambda: Hero.powers.any() & (Hero.team.has() | Hero.boss.has()),
        lambda w, h: bool(w.powers_of(h)) and (h.team_id is not None or h.boss_id is not None),
    ),
}


@pytest.mark.parametrize("name", HERO_CONDITIONS)
async def test_a_condition_finds_the_rows_that_python_finds(world: World, name: str) -> None:
    condition, predicate = HERO_CONDITIONS[name]
    expected = [h.name for h in world.heroes if predicate(world, h)]

    found = await world.hero.where(condition()).order_by(Hero.name).all()
    again = await world.hero.where(condition()).count()

    assert [h.name for h in found] == expected
    assert again == len(expected)
    assert await world.hero.where(condition()).exists() is bool(expected)
    rest = await world.hero.where(~condition()).count()
    null = await world.hero.where(condition(), ~condition()).count()
    assert (rest <= len(world.heroes) - len(expected), null) == (True, 0)


async def test_a_condition_chooses_what_is_changed_and_deleted(world: World) -> None:
    chosen = Hero.team.to.rank > 1
    expected = [h for h in world.heroes if (t := world.team_of(h)) is not None and t.rank > 1]

    assert await world.hero.where(chosen).update(Hero.age.set(99)) == len(expected)
    assert await world.hero.where(Hero.age == 99).count() == len(expected)

    lonely = [t for t in world.teams if not world.members(t)]
    rivals = {h.rival_id for h in world.heroes}
    free = [t for t in lonely if t.id not in rivals]
    condition = Team.heroes.none() & Team.fans.none()
    assert await world.team.where(condition).delete() == len(free)


async def test_rows_are_sorted_by_what_they_are_related_to(world: World) -> None:
    found = await world.hero.order_by(Hero.team.to.name.desc(), Hero.powers.count(), Hero.id).all()

    def place(hero: Hero) -> tuple[bool, int, int, int]:
        team = world.team_of(hero)
        number = world.teams.index(team) if team is not None else 0
        return (team is not None, -number, len(world.powers_of(hero)), hero.id)

    assert [h.name for h in found] == [h.name for h in sorted(world.heroes, key=place)]


async def test_a_column_is_set_to_that_of_the_related_row(world: World) -> None:
    await world.hero.where(Hero.team.has()).update(Hero.age.set(Hero.team.to.rank))

    for hero in await world.hero.where(Hero.team.has()).load(Hero.team).all():
        assert hero.team is not None
        assert hero.age == hero.team.rank


async def test_a_locked_query_can_ask_about_related_rows(world: World) -> None:
    async with world.db.session() as session:
        if not session.capabilities.for_update:
            with pytest.raises(NotSupported):
                Repository(Hero, session).where(Hero.team.has()).with_for_update()
            return
        query = Repository(Hero, session).where(Hero.team.to.rank >= 0)
        locked = await query.order_by(Hero.name).with_for_update().all()

    assert [h.name for h in locked] == [h.name for h in world.heroes if h.team_id is not None]


# ---- loading -----------------------------------------------------------------------------------


async def test_each_relation_is_read_by_one_statement_more(world: World) -> None:
    query = world.hero.order_by(Hero.id).load(
        Hero.team.then(Team.city, Team.heroes.then(Hero.powers)), Hero.powers, Hero.boss
    )
    with statements() as run:
        found = await query.all()

    assert len(run) == 7
    for hero, given in zip(found, world.heroes, strict=True):
        team = world.team_of(given)
        assert hero.team == team
        assert hero.powers == sorted(world.powers_of(given), key=lambda p: p.name)
        assert hero.boss == next((b for b in world.heroes if b.id == given.boss_id), None)
        if hero.team is not None and team is not None:
            assert hero.team.city == world.city_of(team)
            members = sorted(world.members(team), key=lambda h: (-(h.age or 10**6), h.id))
            assert hero.team.heroes == members
            assert [m.powers for m in hero.team.heroes] == [
                sorted(world.powers_of(m), key=lambda p: p.name) for m in members
            ]


async def test_a_second_call_compiles_nothing(world: World) -> None:
    query = world.hero.where(Hero.team.to.rank >= 0).load(Hero.team, Hero.powers.limit(1))
    await query.all()
    # Where keys are a list of parameters, there is a statement for each power of two.
    query = world.hero.where(Hero.team.to.rank >= 1).load(Hero.team, Hero.powers.limit(1))
    await query.all()
    before = len(world.db.plans)

    with statements() as run:
        await world.hero.where(Hero.team.to.rank >= 1).load(Hero.team, Hero.powers.limit(3)).all()

    assert len(world.db.plans) == before
    assert run


async def test_many_to_many_is_loaded_from_both_ends_in_the_declared_order(world: World) -> None:
    for power in await Repository(Power, world.db).load(Power.heroes).all():
        given = [h for h in world.heroes if (h.id, power.id) in world.has_power]
        by_name = sorted(given, key=lambda h: h.name, reverse=True)
        expected = sorted(by_name, key=lambda h: (h.age is None, h.age or 0))
        assert power.heroes == expected

    for hero in await world.hero.load(Hero.friends).all():
        assert hero.friends == [o for o in world.heroes if (hero.id, o.id) in world.friends]


async def test_a_list_can_be_filtered_sorted_and_limited_for_each_row(world: World) -> None:
    load = Team.heroes.where(Hero.age > 20).order_by(Hero.name.desc()).limit(2)

    for team in await world.team.load(load, Team.fans.limit(0)).all():
        expected = [h for h in world.members(team) if h.age is not None and h.age > 20]
        assert team.heroes == expected[::-1][:2]
        assert team.fans == []

    for hero in await world.hero.load(Hero.powers.order_by(Power.name.desc()).limit(1)).all():
        assert hero.powers == world.powers_of(hero)[::-1][:1]


async def test_a_limited_list_can_be_chosen_by_what_its_rows_are_related_to(world: World) -> None:
    load = Team.heroes.where(Hero.powers.any()).order_by(Hero.boss.to.name, Hero.name).limit(1)

    for team in await world.team.load(load).all():
        able = [h for h in world.members(team) if world.powers_of(h)]

        def place(hero: Hero) -> tuple[bool, int, str]:
            return (hero.boss_id is None, hero.boss_id or 0, hero.name)

        assert team.heroes == sorted(able, key=place)[:1]


async def test_both_ends_of_one_to_one_are_loaded(world: World) -> None:
    for hero in await world.hero.load(Hero.cape).all():
        assert hero.cape == next((c for c in world.capes if c.hero_id == hero.id), None)
    for cape in await Repository(Cape, world.db).load(Cape.hero).all():
        assert cape.hero.id == cape.hero_id


async def test_loads_of_one_relation_are_put_together(world: World) -> None:
    query = world.team.load(Team.heroes.then(Hero.powers)).load(Team.heroes.then(Hero.boss))

    with statements() as run:
        found = await query.all()

    assert len(run) == 4
    heroes = [hero for team in found for hero in team.heroes]
    assert all("boss" in hero.__dict__ and "powers" in hero.__dict__ for hero in heroes)
    with pytest.raises(UsageError, match=r"Team\.heroes is loaded twice with different rows"):
        world.team.load(Team.heroes).load(Team.heroes.limit(1))


async def test_no_statement_is_run_for_relations_of_no_rows(world: World) -> None:
    with statements() as run:
        assert await world.hero.where(Hero.id < 0).load(Hero.team, Hero.powers).all() == []
        await world.hero.where(Hero.team_id == None).load(Hero.team).all()  # noqa: E711 - in SQL

    assert len(run) == 2


async def test_more_keys_than_a_list_takes_are_asked_for_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_MOST_KEYS", 4)

    for hero in await world.hero.load(Hero.powers).all():
        assert hero.powers == world.powers_of(hero)


async def test_a_session_loads_what_it_has_not_committed(world: World) -> None:
    async with world.db.session() as session:
        team = await Repository(Team, session).add(Team(name="fresh"))
        await Repository(Hero, session).add(Hero(name="fresh", team_id=team.id))
        query = Repository(Team, session).where(Team.id == team.id).load(Team.heroes)
        [found] = await query.all()

    assert [h.name for h in found.heroes] == ["fresh"]


async def test_a_row_that_must_be_there_and_is_gone_is_a_conflict(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*args: object) -> list[tuple[object, object]]:
        return []

    # Between the two statements another program could have removed it.
    monkeypatch.setattr(loading, "related_rows", nothing)

    with pytest.raises(TransactionConflict, match="the Hero of a Cape") as caught:
        await Repository(Cape, world.db).load(Cape.hero).all()
    assert caught.value.transient


# ---- instances ---------------------------------------------------------------------------------


async def test_what_was_not_loaded_is_named(world: World) -> None:
    hero = world.heroes[0]

    with pytest.raises(NotLoaded, match=r"Hero\.team was not loaded") as caught:
        _ = hero.team

    assert ".load(Hero.team)" in caught.value.fix
    assert not hasattr(hero, "powers")


async def test_a_relation_is_no_part_of_the_row(world: World) -> None:
    [hero] = await world.hero.where(Hero.id == world.heroes[0].id).load(Hero.powers).all()

    assert hero == world.heroes[0]
    assert "powers" not in hero.model_dump()
    assert "powers" not in hero.model_dump_json()
    assert "powers" not in repr(hero)
    assert "powers" not in Hero.model_json_schema()["properties"]
    for twin in (copy(hero), deepcopy(hero), hero.model_copy(), pickle.loads(pickle.dumps(hero))):  # noqa: S301 - its own
        assert twin.powers == hero.powers
    hero.name = "renamed"
    assert hero.powers == world.powers_of(world.heroes[0])
    assert (await world.hero.update(hero)).name == "renamed"


async def test_a_relation_cannot_be_assigned_nor_given_to_the_class(world: World) -> None:
    with pytest.raises(UsageError, match=r"Hero\(team=\.\.\.\): a relation is no value of a row"):
        Hero(name="x", team=world.teams[0])  # type: ignore[call-arg] # refused by checkers too
    with pytest.raises((ValidationError, ValueError, UsageError)):
        world.heroes[0].team = world.teams[0]


# ---- misuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: cast("Any", Hero.team).any(), UsageError, r"Hero\.team is a relation to one row"),
        (lambda: cast("Any", Hero.team).count(), UsageError, r"use Hero\.team\.has"),
        (lambda: cast("Any", Hero.powers).has(), UsageError, "is a relation to many rows"),
        (lambda: cast("Any", Hero.powers).to, UsageError, r"use Hero\.powers\.any"),
        (lambda: Hero.team.has(City.id == 1), UsageError, "names a column of City"),
        (lambda: cast("Any", Hero.team.to).nope, AttributeError, "nope"),
        (lambda: cast("Any", Hero.team.to).model_fields, UsageError, "neither a column nor"),
        (lambda: cast("Any", Hero.team).limit(1), UsageError, "each row has one at most"),
        (lambda: Hero.powers.limit(1).count(), UsageError, "are for load"),
        (
            lambda: Hero.team.to.name.set("x"),
            UsageError,
            r"Hero\.team\.to\.name is a column of Team",
        ),
    ],
)
def test_what_a_relation_cannot_do_is_said(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (lambda: Team.heroes, UsageError, r"Team\.heroes is no relation of Hero"),
        (lambda: Hero.name, WrongType, r"load\(\) got a Attr"),
        (lambda: "team", WrongType, r"load\(\) got a str"),
        (
            lambda: Hero.team.to.city,
            UsageError,
            r"write `load\(Hero\.team\.then\(Team\.city\)\)`",
        ),
        (
            lambda: Hero.team.then(cast("Any", Hero.team)),
            UsageError,
            r"Hero\.team is no relation of Team",
        ),
    ],
)
async def test_what_cannot_be_loaded_is_said(
    path: Callable[[], Any], error: type[Exception], message: str
) -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        with pytest.raises(error, match=message):
            Repository(Hero, db).load(path())


async def test_an_expression_cannot_mean_one_of_two_rows_of_a_table(world: World) -> None:
    with pytest.raises(NotSupported, match="it cannot tell which of the rows it means"):
        await world.hero.where(Hero.boss.has(sa.func.lower(Hero.name) == "x")).all()
    with pytest.raises(UsageError, match="reads a table other than"):
        await world.hero.where(Hero.team.has(City.__table__.c.name == "x")).all()


def test_relations_and_their_columns_can_be_pickled() -> None:
    for one in (Hero.team, Hero.team.to.name, Hero.team.to.city, Hero.team.to):
        assert pickle.loads(pickle.dumps(one)) is one  # noqa: S301 - its own
    assert repr(Hero.team.to.city.to.name) == "Hero.team.to.city.to.name"
    assert repr(Hero.team.to) == "Hero.team.to"
    assert repr(Hero.team.has(Team.rank > 1)) == "Hero.team.has(Team.rank > ...)"
    assert repr(Team.heroes.any()) == "Team.heroes.any()"
    assert repr(Team.heroes.none()) == "Team.heroes.none()"
    assert repr(Team.heroes.count()) == "Team.heroes.count()"
    assert (
        repr(Team.heroes.where(Hero.age > 1).count()) == "Team.heroes.where(Hero.age > ...).count()"
    )


# ---- keys of every kind ------------------------------------------------------------------------


class Shade(Enum):
    DARK = "dark"
    LIGHT = "light"


class Keys(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    uuid: Col[UUID] = field(unique=True)
    text: Col[str] = field(unique=True, max_length=20)
    shade: Col[Shade] = field(unique=True)
    moment: Col[datetime] = field(unique=True)
    day: Col[date] = field(unique=True)
    price: Col[Decimal] = field(unique=True, max_digits=8, decimal_places=2)
    raw: Col[bytes] = field(unique=True, max_length=8)
    by_uuid: RelatedList["Mirror"] = relation(fk="uuid")
    by_text: RelatedList["Mirror"] = relation(fk="text")
    by_shade: RelatedList["Mirror"] = relation(fk="shade")
    by_moment: RelatedList["Mirror"] = relation(fk="moment")
    by_day: RelatedList["Mirror"] = relation(fk="day")
    by_price: RelatedList["Mirror"] = relation(fk="price")
    by_raw: RelatedList["Mirror"] = relation(fk="raw")


class Mirror(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    uuid: Col[UUID] = field(foreign_key=Keys.uuid)
    text: Col[str] = field(foreign_key=Keys.text, max_length=20)
    shade: Col[Shade] = field(foreign_key=Keys.shade)
    moment: Col[datetime] = field(foreign_key=Keys.moment)
    day: Col[date] = field(foreign_key=Keys.day)
    price: Col[Decimal] = field(foreign_key=Keys.price, max_digits=8, decimal_places=2)
    raw: Col[bytes] = field(foreign_key=Keys.raw, max_length=8)
    of_uuid: Related[Keys] = relation(fk="uuid")
    of_text: Related[Keys] = relation(fk="text")
    of_shade: Related[Keys] = relation(fk="shade")
    of_moment: Related[Keys] = relation(fk="moment")
    of_day: Related[Keys] = relation(fk="day")
    of_price: Related[Keys] = relation(fk="price")
    of_raw: Related[Keys] = relation(fk="raw")


KINDS = ["uuid", "text", "shade", "moment", "day", "price", "raw"]


async def test_keys_of_every_kind_relate_rows(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        given = [
            {
                "uuid": UUID(int=n),
                "text": f"té {n}",
                "shade": shade,
                "moment": datetime(2024, 2, 29, 12, 0, n, 5, tzinfo=UTC),
                "day": date(2024, 2, 1 + n),
                "price": Decimal(n) / 4,
                "raw": bytes([n, 0]),
            }
            for n, shade in enumerate(Shade)
        ]
        keys = await Repository(Keys, db).add_all([Keys.model_validate(g) for g in given])
        mirrors = await Repository(Mirror, db).add_all(
            [Mirror.model_validate(g) for g in [*given, given[0]]]
        )
        lists = [cast("Any", getattr(Keys, f"by_{kind}")) for kind in KINDS]
        ones = [cast("Any", getattr(Mirror, f"of_{kind}")) for kind in KINDS]

        for key in await Repository(Keys, db).load(*lists).all():
            expected = [m for m in mirrors if m.uuid == key.uuid]
            assert [getattr(key, f"by_{kind}") for kind in KINDS] == [expected] * len(KINDS)
        for mirror in await Repository(Mirror, db).load(*ones).all():
            [owner] = [k for k in keys if k.uuid == mirror.uuid]
            assert [getattr(mirror, f"of_{kind}") for kind in KINDS] == [owner] * len(KINDS)


class Room(Model, table=True, metadata=METADATA):
    house: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)
    beds: RelatedList["Bed"] = relation()
    guests: RelatedList["Guest"] = relation(through="Stay")


class Bed(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    house: Col[int | None] = field(default=None)
    number: Col[int | None] = field(default=None)
    room: Related[Room | None] = relation(fk=("house", "number"))
    __table_args__ = (sa.ForeignKeyConstraint(["house", "number"], ["room.house", "room.number"]),)


class Guest(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    rooms: RelatedList[Room] = relation(through="Stay", order_by="number")


class Stay(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    house: Col[int]
    number: Col[int]
    guest_id: Col[int] = field(foreign_key=Guest.id)
    __table_args__ = (
        sa.ForeignKeyConstraint(["house", "number"], ["room.house", "room.number"]),
        sa.UniqueConstraint("house", "number", "guest_id"),
    )


async def test_composite_keys_relate_rows(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        rooms, beds, guests = Repository(Room, db), Repository(Bed, db), Repository(Guest, db)
        await rooms.add_all([Room(house=h, number=n) for h in (1, 2) for n in (1, 2, 3)])
        await beds.add_all([Bed(house=1, number=2), Bed(house=1, number=2), Bed(house=2), Bed()])
        ada = await guests.add(Guest(name="Ada"))
        some = await rooms.where(Room.number < 3).order_by(Room.house, Room.number).all()
        await guests.link(ada, Guest.rooms, *some)
        await guests.link(ada, Guest.rooms, some[0])

        assert await guests.unlink(ada, Guest.rooms, some[0], some[3]) == 2
        [again] = await guests.load(Guest.rooms).all()
        assert [(r.house, r.number) for r in again.rooms] == [(2, 1), (1, 2)]
        found = {(r.house, r.number): r for r in await rooms.load(Room.beds, Room.guests).all()}
        assert {k: len(r.beds) for k, r in found.items() if r.beds} == {(1, 2): 2}
        assert {k for k, r in found.items() if r.guests} == {(1, 2), (2, 1)}
        assert [b.room for b in await beds.order_by(Bed.id).load(Bed.room).all()] == [
            found[1, 2],
            found[1, 2],
            None,
            None,
        ]
        assert await rooms.where(Room.beds.any()).count() == 1
        assert await beds.where(Bed.room.to.number == 2).count() == 2
