"""Rows of other tables: conditions on them find what Python would find, and load() reads them."""

import functools
import itertools
import random
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal, NewType, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import AnyUrl, BaseModel
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

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
from andamios_orm.errors import InvalidRow, NotSupported, TransactionConflict
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.queries.expressions import Predicate, SortKey
from andamios_orm.rows import plan
from tests.engines import not_on, only_on

METADATA = sa.MetaData()
M = TypeVar("M", bound=Model)


class Power(BaseModel):
    name: str
    level: int = 1


class City(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    teams: RelatedList["Team"] = relation(order_by="-name")


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    size: Col[int] = field(default=0)
    city_id: Col[int | None] = field(default=None, foreign_key=City.id)
    city: Related[City | None] = relation()
    heroes: RelatedList["Hero"] = relation()
    home_games: RelatedList["Game"] = relation(fk="home_id")
    away_games: RelatedList["Game"] = relation(fk=("Game.away_id",))


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    age: Col[int | None] = field(default=None)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=8, decimal_places=2)
    code: Col[str] = field(default="", secret=True)
    powers: Col[list[Power]] = field(default_factory=list)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    badge: Related["Badge | None"] = relation()
    skills: RelatedList["Skill"] = relation(through="HeroSkill", order_by=lambda: Skill.name)


class Badge(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    text: Col[str]
    hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)
    hero: Related[Hero] = relation()


class Skill(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    heroes: RelatedList[Hero] = relation(through="HeroSkill", order_by=("-age", "name"))
    links: RelatedList["HeroSkill"] = relation()


class HeroSkill(Model, table=True, metadata=METADATA):
    hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)
    skill_id: Col[int] = field(primary_key=True, foreign_key=Skill.id)
    hero: Related[Hero] = relation()
    skill: Related[Skill] = relation()


class Game(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    home_id: Col[int] = field(foreign_key=Team.id)
    away_id: Col[int] = field(foreign_key=Team.id)
    goals: Col[int] = field(default=0)
    home: Related[Team] = relation(fk="home_id")
    away: Related[Team] = relation(fk="away_id")


class Person(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    age: Col[int | None] = field(default=None)
    parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
    parent: Related["Person | None"] = relation()
    children: RelatedList["Person"] = relation(order_by="name")
    likes: RelatedList["Person"] = relation(through="Liking", fk="liker_id")
    liked_by: RelatedList["Person"] = relation(through="Liking", fk="liked_id")


class Liking(Model, table=True, metadata=METADATA):
    liker_id: Col[int] = field(primary_key=True, foreign_key=Person.id)
    liked_id: Col[int] = field(primary_key=True, foreign_key=Person.id)
    since: Col[int] = field(default=0)


class Region(Model, table=True, metadata=METADATA):
    country: Col[str] = field(primary_key=True, max_length=10)
    number: Col[int] = field(primary_key=True)
    name: Col[str]
    towns: RelatedList["Town"] = relation()


class Town(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    country: Col[str | None] = field(default=None, max_length=10)
    region_number: Col[int | None] = field(default=None)
    region: Related[Region | None] = relation()
    __table_args__ = (
        sa.ForeignKeyConstraint(["country", "region_number"], ["region.country", "region.number"]),
    )


# ---- a random world, in Python and in the database -----------------------------------------------


class World:
    """Rows by chance, and what belongs to what of them."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - the same rows in each run, no secrets
        self.cities = [City(id=n, name=chance.choice("ab")) for n in range(1, 4)]
        self.teams = [
            Team(
                id=n,
                name=chance.choice("abc"),
                size=chance.randrange(4),
                city_id=chance.choice([None, 1, 2, 3]),
            )
            for n in range(1, 8)
        ]
        self.heroes = [
            Hero(
                id=n,
                name=chance.choice("abc"),
                age=chance.choice([None, 1, 2, 3, 4]),
                fee=Decimal(chance.randrange(9)),
                code=f"secret {n}",
                powers=[Power(name="p", level=n)],
                team_id=chance.choice([None, *range(1, 6)]),
            )
            for n in range(1, 25)
        ]
        with_badge = chance.sample(range(1, 25), 9)
        self.badges = [
            Badge(id=n, text=chance.choice("xy"), hero_id=hero)
            for n, hero in enumerate(with_badge, 1)
        ]
        self.skills = [Skill(id=n, name=chance.choice("st")) for n in range(1, 7)]
        self.links = [
            HeroSkill(hero_id=hero, skill_id=skill)
            for hero in range(1, 25)
            for skill in chance.sample(range(1, 6), chance.randrange(4))
        ]
        self.games = [
            Game(
                id=n,
                home_id=chance.randrange(1, 5),
                away_id=chance.randrange(1, 5),
                goals=chance.randrange(4),
            )
            for n in range(1, 9)
        ]
        self.people = [
            Person(
                id=n,
                name=chance.choice("abc"),
                age=chance.choice([None, 1, 2, 3, 4]),
                parent_id=chance.choice([None, *range(1, n)]),
            )
            for n in range(1, 20)
        ]
        self.likings = [
            Liking(liker_id=one, liked_id=other)
            for one in range(1, 20)
            for other in chance.sample(range(1, 20), chance.randrange(3))
        ]
        self.regions = [
            Region(country=country, number=n, name=chance.choice("ab"))
            for country in ("ch", "pe")
            for n in (1, 2)
        ]
        self.towns = [
            Town(
                id=n,
                name=chance.choice("ab"),
                country=chance.choice([None, "ch", "pe"]),
                region_number=chance.choice([None, 1, 2]),
            )
            for n in range(1, 13)
        ]

    async def store(self, db: Database) -> None:
        await db.create_all()
        for rows in (
            self.cities,
            self.teams,
            self.heroes,
            self.badges,
            self.skills,
            self.links,
            self.games,
            self.people,
            self.likings,
            self.regions,
            self.towns,
        ):
            repository: Repository[Any] = Repository(type(rows[0]), db)
            await repository.add_all(rows)

    def rows(self, model: type[M]) -> list[M]:
        known: list[list[Any]] = [self.heroes, self.teams, self.people, self.towns, self.regions]
        return next(rows for rows in known if type(rows[0]) is model)

    def city(self, team: Team) -> City | None:
        return only(c for c in self.cities if c.id == team.city_id)

    def team(self, hero: Hero) -> Team | None:
        return only(t for t in self.teams if t.id == hero.team_id)

    def city_of(self, hero: Hero) -> City | None:
        team = self.team(hero)
        return None if team is None else self.city(team)

    def members(self, team: Team | None) -> list[Hero]:
        return [h for h in self.heroes if team is not None and h.team_id == team.id]

    def badge(self, hero: Hero) -> Badge | None:
        return only(b for b in self.badges if b.hero_id == hero.id)

    def skills_of(self, hero: Hero) -> list[Skill]:
        return [s for s in self.skills if any(self.is_link(link, hero, s) for link in self.links)]

    def skilled(self, skill: Skill) -> list[Hero]:
        return [h for h in self.heroes if any(self.is_link(link, h, skill) for link in self.links)]

    def is_link(self, link: HeroSkill, hero: Hero, skill: Skill) -> bool:
        return link.hero_id == hero.id and link.skill_id == skill.id

    def at_home(self, team: Team) -> list[Game]:
        return [g for g in self.games if g.home_id == team.id]

    def away(self, team: Team) -> list[Game]:
        return [g for g in self.games if g.away_id == team.id]

    def guest(self, game: Game) -> Team:
        return next(t for t in self.teams if t.id == game.away_id)

    def parent(self, person: Person | None) -> Person | None:
        return only(p for p in self.people if person is not None and p.id == person.parent_id)

    def children(self, person: Person | None) -> list[Person]:
        return [p for p in self.people if person is not None and p.parent_id == person.id]

    def likes(self, person: Person | None) -> list[Person]:
        liked = {k.liked_id for k in self.likings if person is not None and k.liker_id == person.id}
        return [p for p in self.people if p.id in liked]

    def liked_by(self, person: Person) -> list[Person]:
        likers = {k.liker_id for k in self.likings if k.liked_id == person.id}
        return [p for p in self.people if p.id in likers]

    def region(self, town: Town) -> Region | None:
        key = (town.country, town.region_number)
        return only(r for r in self.regions if (r.country, r.number) == key)

    def towns_of(self, region: Region) -> list[Town]:
        return [t for t in self.towns if self.region(t) is region]


def only(found: Iterable[M]) -> M | None:
    return next(iter(found), None)


def over(value: int | None, limit: int | None) -> bool:
    """Whether a value is greater, as SQL has it: nothing is greater than a missing one."""
    return value is not None and limit is not None and value > limit


SEEDS = (1, 2)


@functools.cache
def world_of(seed: int) -> World:
    return World(seed)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        yield database


Law = tuple[Predicate, Callable[[World, Any], bool]]

HEROES: dict[str, Law] = {
    "has": (Hero.team.has(), lambda w, h: w.team(h) is not None),
    "has not": (~Hero.team.has(), lambda w, h: w.team(h) is None),
    "has with a condition": (
        Hero.team.has(Team.size > 1),
        lambda w, h: any(t.size > 1 for t in [w.team(h)] if t),
    ),
    "has with conditions that both must hold": (
        Hero.team.has(Team.size > 1, Team.name == "a"),
        lambda w, h: any(t.size > 1 and t.name == "a" for t in [w.team(h)] if t),
    ),
    "has with a condition on both models": (
        Hero.team.has(Team.size > Hero.age),
        lambda w, h: any(over(t.size, h.age) for t in [w.team(h)] if t),
    ),
    "has inside has": (
        Hero.team.has(Team.city.has(City.name == "a")),
        lambda w, h: any(c.name == "a" for c in [w.city_of(h)] if c),
    ),
    "back to its own table": (
        Hero.team.has(Team.heroes.any(Hero.age > 3)),
        lambda w, h: any(over(m.age, 3) for m in w.members(w.team(h))),
    ),
    "back to its own table, compared with what lies between": (
        Hero.team.has(Team.heroes.any(Hero.age > Team.size)),
        lambda w, h: any(over(m.age, t.size) for t in [w.team(h)] if t for m in w.members(t)),
    ),
    "count inside has": (
        Hero.team.has(Team.heroes.count() >= 4),
        lambda w, h: len(w.members(w.team(h))) >= 4,
    ),
    "count of some inside has": (
        Hero.team.has(Team.heroes.where(Hero.age > 2).count() == 1),
        lambda w, h: sum(over(m.age, 2) for m in w.members(w.team(h))) == 1,
    ),
    "a SQLAlchemy expression": (
        Hero.team.has(sa.func.lower(Team.name) == "a"),
        lambda w, h: any(t.name == "a" for t in [w.team(h)] if t),
    ),
    "a SQLAlchemy expression on both models": (
        Hero.team.has(Team.__table__.c.size > Hero.__table__.c.age),
        lambda w, h: any(over(t.size, h.age) for t in [w.team(h)] if t),
    ),
    "a SQLAlchemy expression two relations away": (
        Hero.team.has(Team.city.has(City.__table__.c.id >= Team.__table__.c.size)),
        lambda w, h: any(t.size <= c.id for t in [w.team(h)] if t for c in [w.city(t)] if c),
    ),
    "to": (Hero.team.to.name == "a", lambda w, h: any(t.name == "a" for t in [w.team(h)] if t)),
    "to and not": (
        ~(Hero.team.to.name == "a"),
        lambda w, h: any(t.name != "a" for t in [w.team(h)] if t),
    ),
    "to twice": (
        Hero.team.to.city.to.name == "a",
        lambda w, h: any(c.name == "a" for c in [w.city_of(h)] if c),
    ),
    "to a missing row": (Hero.team.to.city.to.name.is_null(), lambda w, h: w.city_of(h) is None),
    "to in a list": (
        Hero.team.to.name.in_(["a", "b"]),
        lambda w, h: any(t.name in "ab" for t in [w.team(h)] if t),
    ),
    "to in a list with None": (
        Hero.team.to.city_id.in_([1, None]),
        lambda w, h: (t := w.team(h)) is None or t.city_id in {1, None},
    ),
    "to between": (
        Hero.team.to.size.between(1, 2),
        lambda w, h: any(1 <= t.size <= 2 for t in [w.team(h)] if t),
    ),
    "to and text": (
        Hero.team.to.name.startswith("a"),
        lambda w, h: any(t.name == "a" for t in [w.team(h)] if t),
    ),
    "to in arithmetic": (
        Hero.team.to.size + 1 > Hero.age,
        lambda w, h: any(over(t.size + 1, h.age) for t in [w.team(h)] if t),
    ),
    "to on the other side": (
        Hero.age > Hero.team.to.size * 2,
        lambda w, h: any(over(h.age, t.size * 2) for t in [w.team(h)] if t),
    ),
    "to next to a column of its own": (
        Hero.name == Hero.team.to.name,
        lambda w, h: any(t.name == h.name for t in [w.team(h)] if t),
    ),
    "to and has": (
        Hero.team.to.city.has(City.name == "a"),
        lambda w, h: any(c.name == "a" for c in [w.city_of(h)] if c),
    ),
    "to and has with a condition on both models": (
        Hero.team.to.city.has(City.id > Team.size),
        lambda w, h: any(t.size < c.id for t in [w.team(h)] if t for c in [w.city(t)] if c),
    ),
    "to and any of its own table": (
        Hero.team.to.heroes.any(Hero.age > 3),
        lambda w, h: any(over(m.age, 3) for m in w.members(w.team(h))),
    ),
    "to and any with a condition on both models": (
        Hero.team.to.heroes.any(Hero.age > Team.size),
        lambda w, h: any(over(m.age, t.size) for t in [w.team(h)] if t for m in w.members(t)),
    ),
    "to and none": (
        Hero.team.to.heroes.none(Hero.age > 3),
        lambda w, h: not any(over(m.age, 3) for m in w.members(w.team(h))),
    ),
    "to and count": (
        Hero.team.to.heroes.count() > 3,
        lambda w, h: len(w.members(w.team(h))) > 3,
    ),
    "to inside has": (
        Hero.team.has(Team.city.to.name == "a"),
        lambda w, h: any(c.name == "a" for c in [w.city_of(h)] if c),
    ),
    "reverse one-to-one": (
        Hero.badge.has(Badge.text == "x"),
        lambda w, h: any(b.text == "x" for b in [w.badge(h)] if b),
    ),
    "reverse one-to-one, none": (~Hero.badge.has(), lambda w, h: w.badge(h) is None),
    "to a reverse one-to-one": (
        Hero.badge.to.text == "x",
        lambda w, h: any(b.text == "x" for b in [w.badge(h)] if b),
    ),
    "to a missing reverse one-to-one": (
        Hero.badge.to.text.is_null(),
        lambda w, h: w.badge(h) is None,
    ),
    "many to many": (
        Hero.skills.any(Skill.name == "s"),
        lambda w, h: any(s.name == "s" for s in w.skills_of(h)),
    ),
    "many to many, none": (Hero.skills.none(), lambda w, h: not w.skills_of(h)),
    "many to many, counted": (Hero.skills.count() == 2, lambda w, h: len(w.skills_of(h)) == 2),
    "many to many with a condition on both models": (
        Hero.skills.any(Skill.id == Hero.age),
        lambda w, h: any(s.id == h.age for s in w.skills_of(h)),
    ),
    "many to many and back": (
        Hero.skills.any(Skill.heroes.any(Hero.age > 3)),
        lambda w, h: any(over(m.age, 3) for s in w.skills_of(h) for m in w.skilled(s)),
    ),
    "many to many and its links": (
        Hero.skills.any(Skill.links.any(HeroSkill.hero_id < Skill.id)),
        lambda w, h: any(m.id < s.id for s in w.skills_of(h) for m in w.skilled(s)),
    ),
    "a SQLAlchemy expression on the link": (
        Hero.skills.any(HeroSkill.__table__.c.skill_id == 2),
        lambda w, h: any(s.id == 2 for s in w.skills_of(h)),
    ),
    "combined": (
        (Hero.team.has(Team.size > 2) | Hero.skills.none()) & ~Hero.badge.has(),
        lambda w, h: (
            (any(t.size > 2 for t in [w.team(h)] if t) or not w.skills_of(h)) and w.badge(h) is None
        ),
    ),
}
TEAMS: dict[str, Law] = {
    "any": (Team.heroes.any(), lambda w, t: bool(w.members(t))),
    "none": (Team.heroes.none(), lambda w, t: not w.members(t)),
    "any with a condition": (
        Team.heroes.any(Hero.age > 3),
        lambda w, t: any(over(h.age, 3) for h in w.members(t)),
    ),
    "none with a condition": (
        Team.heroes.none(Hero.age > 3),
        lambda w, t: not any(over(h.age, 3) for h in w.members(t)),
    ),
    "any with a missing value": (
        Team.heroes.any(Hero.age.is_null()),
        lambda w, t: any(h.age is None for h in w.members(t)),
    ),
    "any with a condition on both models": (
        Team.heroes.any(Hero.age > Team.size),
        lambda w, t: any(over(h.age, t.size) for h in w.members(t)),
    ),
    "no rows counted": (Team.heroes.count() == 0, lambda w, t: not w.members(t)),
    "counted in arithmetic": (
        Team.heroes.count() * 2 > Team.size + 4,
        lambda w, t: len(w.members(t)) * 2 > t.size + 4,
    ),
    "counted in a list": (
        Team.heroes.count().in_([3, 5]),
        lambda w, t: len(w.members(t)) in {3, 5},
    ),
    "some counted": (
        Team.heroes.where(Hero.age > 2).where(Hero.name == "a").count() > 0,
        lambda w, t: any(over(h.age, 2) and h.name == "a" for h in w.members(t)),
    ),
    "any of some": (
        Team.heroes.where(Hero.age > 2).any(Hero.name == "a"),
        lambda w, t: any(over(h.age, 2) and h.name == "a" for h in w.members(t)),
    ),
    "none of some": (
        Team.heroes.where(Hero.age > 2).none(),
        lambda w, t: not any(over(h.age, 2) for h in w.members(t)),
    ),
    "back to its own table": (
        Team.heroes.any(Hero.team.has(Team.size > 1)),
        lambda w, t: t.size > 1 and bool(w.members(t)),
    ),
    "to its own table": (
        Team.heroes.any(Hero.team.to.size > 1),
        lambda w, t: t.size > 1 and bool(w.members(t)),
    ),
    "several relations inside": (
        Team.heroes.any(Hero.badge.has(), Hero.skills.any(Skill.name == "s")),
        lambda w, t: any(
            w.badge(h) and any(s.name == "s" for s in w.skills_of(h)) for h in w.members(t)
        ),
    ),
    "two keys to one table": (
        Team.home_games.any(Game.goals > 1) & Team.away_games.none(),
        lambda w, t: any(g.goals > 1 for g in w.at_home(t)) and not w.away(t),
    ),
    "from one key to the other": (
        Team.home_games.any(Game.away.has(Team.name == "a")),
        lambda w, t: any(w.guest(g).name == "a" for g in w.at_home(t)),
    ),
    "to the other key": (
        Team.home_games.any(Game.away.to.name == "a"),
        lambda w, t: any(w.guest(g).name == "a" for g in w.at_home(t)),
    ),
    "two counts": (
        Team.home_games.count() > Team.away_games.count(),
        lambda w, t: len(w.at_home(t)) > len(w.away(t)),
    ),
    "a subquery of SQLAlchemy's inside": (
        Team.heroes.any(
            sa.exists(sa.select(1).where(Badge.__table__.c.hero_id == Hero.__table__.c.id))
        ),
        lambda w, t: any(w.badge(h) for h in w.members(t)),
    ),
    "a list from a subquery inside": (
        Team.heroes.any(Hero.id.in_(sa.select(Badge.hero_id))),
        lambda w, t: any(w.badge(h) for h in w.members(t)),
    ),
}
PEOPLE: dict[str, Law] = {
    "a parent": (
        Person.parent.has(Person.age > 2),
        lambda w, p: any(over(q.age, 2) for q in [w.parent(p)] if q),
    ),
    "a parent's parent": (
        Person.parent.has(Person.parent.has()),
        lambda w, p: w.parent(w.parent(p)) is not None,
    ),
    "to a parent": (
        Person.parent.to.age > Person.age,
        lambda w, p: any(over(q.age, p.age) for q in [w.parent(p)] if q),
    ),
    "to a parent's parent": (
        Person.parent.to.parent.to.name == "a",
        lambda w, p: any(q.name == "a" for q in [w.parent(w.parent(p))] if q),
    ),
    "children": (
        Person.children.any(Person.age > 2),
        lambda w, p: any(over(c.age, 2) for c in w.children(p)),
    ),
    "no children": (Person.children.none(), lambda w, p: not w.children(p)),
    "children counted": (Person.children.count() >= 2, lambda w, p: len(w.children(p)) >= 2),
    "children's children": (
        Person.children.any(Person.children.any(Person.age > 2)),
        lambda w, p: any(over(g.age, 2) for c in w.children(p) for g in w.children(c)),
    ),
    "siblings": (
        Person.parent.to.children.count() > 1,
        lambda w, p: len(w.children(w.parent(p))) > 1,
    ),
    "likes": (
        Person.likes.any(Person.name == "a"),
        lambda w, p: any(q.name == "a" for q in w.likes(p)),
    ),
    "likes of those it likes": (
        Person.likes.any(Person.likes.any(Person.age > 2)),
        lambda w, p: any(over(r.age, 2) for q in w.likes(p) for r in w.likes(q)),
    ),
    "liked by several": (Person.liked_by.count() > 1, lambda w, p: len(w.liked_by(p)) > 1),
    "likes nobody who is liked by an old one": (
        Person.likes.none(Person.liked_by.any(Person.age > 3)),
        lambda w, p: not any(over(r.age, 3) for q in w.likes(p) for r in w.liked_by(q)),
    ),
    "likes somebody with a parent": (
        Person.likes.any(Person.parent.has(Person.age > 2)),
        lambda w, p: any(over(r.age, 2) for q in w.likes(p) for r in [w.parent(q)] if r),
    ),
    "what a parent likes": (
        Person.parent.to.likes.any(Person.age > 2),
        lambda w, p: any(over(q.age, 2) for q in w.likes(w.parent(p))),
    ),
}
TOWNS: dict[str, Law] = {
    "has": (Town.region.has(), lambda w, t: w.region(t) is not None),
    "has with a condition": (
        Town.region.has(Region.name == Town.name),
        lambda w, t: any(r.name == t.name for r in [w.region(t)] if r),
    ),
    "to": (
        Town.region.to.name == "a",
        lambda w, t: any(r.name == "a" for r in [w.region(t)] if r),
    ),
}
REGIONS: dict[str, Law] = {
    "any": (
        Region.towns.any(Town.name == "a"),
        lambda w, r: any(t.name == "a" for t in w.towns_of(r)),
    ),
    "counted": (Region.towns.count() > 1, lambda w, r: len(w.towns_of(r)) > 1),
}
LAWS: list[tuple[type[Model], dict[str, Law]]] = [
    (Hero, HEROES),
    (Team, TEAMS),
    (Person, PEOPLE),
    (Town, TOWNS),
    (Region, REGIONS),
]


def key(row: Model) -> Hashable:
    return (row.country, row.number) if isinstance(row, Region) else row.__dict__["id"]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_condition_on_related_rows_finds_what_python_finds(db: Database, seed: int) -> None:
    world = world_of(seed)
    await world.store(db)

    wrong: list[tuple[str, str]] = []
    for model, laws in LAWS:
        for name, (condition, holds) in laws.items():
            expected = {key(row) for row in world.rows(model) if holds(world, row)}
            query = Repository(model, db).where(condition)
            found = [key(row) for row in await query.all()]
            if sorted(found, key=str) != sorted(expected, key=str):
                wrong.append((model.__name__, name))
            if await query.count() != len(expected) or await query.exists() != bool(expected):
                wrong.append((model.__name__, f"{name}, counted"))

    assert wrong == []


def test_no_condition_holds_always_or_never() -> None:
    for model, laws in LAWS:
        for name, (_, holds) in laws.items():
            answers = {
                holds(world, row) for world in map(world_of, SEEDS) for row in world.rows(model)
            }
            assert answers == {True, False}, (model, name)


@pytest.mark.parametrize("model", [Hero, Team, Person, Town])
async def test_rows_are_changed_by_what_they_are_related_to(db: Database, model: type[Any]) -> None:
    world = world_of(1)
    await world.store(db)
    laws = dict(LAWS)[model]

    for name, (condition, holds) in laws.items():
        expected = {key(row) for row in world.rows(model) if holds(world, row)}
        async with db.session() as session:
            inside: Repository[Any] = Repository(model, session)
            number = await inside.where(condition).update(model.name.set("changed"))
            changed = {key(row) for row in await inside.where(model.name == "changed").all()}
            await session.rollback()

        assert (changed, number) == (expected, len(expected)), name


async def test_rows_are_deleted_by_what_they_are_related_to(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    badges, towns = Repository(Badge, db), Repository(Town, db)
    likings, people = Repository(Liking, db), Repository(Person, db)
    in_teams = {b.id for b in world.badges for h in world.heroes if h.id == b.hero_id if h.team_id}

    await badges.where(Badge.hero.has(Hero.team.has())).delete()
    await towns.where(Town.region.to.name.is_not_null()).delete()
    await likings.where(sa.true()).delete()
    childless = await people.where(Person.children.none()).delete()

    assert {b.id for b in await badges.all()} == {b.id for b in world.badges} - in_teams
    assert {t.id for t in await towns.all()} == {t.id for t in world.towns if not world.region(t)}
    assert childless == sum(not world.children(p) for p in world.people)
    assert await people.count() == len(world.people) - childless


async def test_a_column_is_set_to_what_a_related_row_holds(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    heroes, teams = Repository(Hero, db), Repository(Team, db)

    await heroes.where(Hero.team.has()).update(
        Hero.name.set(Hero.team.to.name), Hero.age.set(Hero.team.to.size + 1)
    )
    await teams.where(sa.true()).update(Team.size.set(Team.heroes.count()))
    patched = await teams.patch(1, Team.name.set(Team.city.to.name + "!"))

    for hero in await heroes.where(Hero.team.has()).all():
        team = world.team(hero)
        assert team is not None
        assert (hero.name, hero.age) == (team.name, team.size + 1)
    for team in await teams.all():
        assert team.size == len(world.members(team))
    city = world.city(world.teams[0])
    assert city is not None
    assert patched.name == f"{city.name}!"


async def chain(db: Database, upwards: bool) -> list[Person]:
    """Store five people, each the child of the one before; the age is the key."""
    await db.create_all()
    people = Repository(Person, db)
    numbers = range(1, 6) if upwards else range(5, 0, -1)
    stored = [Person(id=number, name="x", age=number) for number in numbers]
    for parent, child in itertools.pairwise(stored):
        child.parent_id = parent.id
    for person in stored:  # one by one, as the foreign key looks at once
        await people.add(person)
    return stored


_OTHER = Person.__table__.alias()
_AGE = sa.select(_OTHER.c.age).where(_OTHER.c.id == Person.__table__.c.parent_id).scalar_subquery()
_AS_TEXT = "(SELECT other.age FROM person AS other WHERE other.id = person.parent_id)"
OF_THE_PARENT: dict[str, tuple[Any, Any]] = {
    "relation": (Person.parent.to.age < 4, Person.parent.to.age),
    "SQLAlchemy": (_AGE < 4, _AGE),
    "text": (sa.text(f"{_AS_TEXT} < 4"), sa.literal_column(_AS_TEXT)),
}
"""A condition on the age of the parent, and that age, by what writes them."""


async def require_ages_of_parents_before(db: Database, way: str, upwards: bool) -> None:
    condition, age = OF_THE_PARENT[way]
    people = Repository(Person, db)
    stored = await chain(db, upwards)
    expected = {
        person.id: person.parent_id if (person.parent_id or 4) < 4 else person.age
        for person in stored
    }

    changed = await people.where(condition).update(Person.age.set(age))

    assert {person.id: person.age for person in await people.all()} == expected
    assert changed == sum(person.age != expected[person.id] for person in stored)


@pytest.mark.parametrize("upwards", [True, False])
async def test_a_table_is_changed_by_what_it_held_before(db: Database, upwards: bool) -> None:
    await require_ages_of_parents_before(db, "relation", upwards)


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("way", ["SQLAlchemy", "text"])
@not_on("mariadb", "mysql")
async def test_a_table_is_changed_by_what_the_user_selects_of_it(
    db: Database, way: str, upwards: bool
) -> None:
    await require_ages_of_parents_before(db, way, upwards)


@pytest.mark.parametrize("upwards", [True, False])
async def test_leaves_are_changed_by_a_condition_on_their_table(
    db: Database, upwards: bool
) -> None:
    await require_that_one_is_changed(db, Person.children.none(Person.age > 0), upwards)


@pytest.mark.parametrize("upwards", [True, False])
@not_on("mariadb", "mysql")
async def test_leaves_are_changed_by_a_condition_that_is_text(db: Database, upwards: bool) -> None:
    child = "SELECT 1 FROM person AS child WHERE child.parent_id = person.id AND child.age > 0"
    await require_that_one_is_changed(db, sa.text(f"NOT EXISTS ({child})"), upwards)


async def require_that_one_is_changed(db: Database, condition: Any, upwards: bool) -> None:
    people = Repository(Person, db)
    await chain(db, upwards)

    changed = await people.where(condition).update(Person.age.set(0))

    assert changed == 1
    assert await people.where(Person.age == 0).count() == 1


# ---- order ---------------------------------------------------------------------------------------


def _last(value: Any) -> tuple[bool, Any]:
    return (value is None, value or 0)


ORDERS: dict[str, tuple[SortKey, Callable[[World, Hero], Any], bool]] = {
    "to": (Hero.team.to.size, lambda w, h: _last(getattr(w.team(h), "size", None)), False),
    "to, descending": (
        Hero.team.to.size.desc(),
        lambda w, h: _last(getattr(w.team(h), "size", None)),
        True,
    ),
    "to, missing ones first": (
        Hero.team.to.city.to.id.asc().nulls_first(),
        lambda w, h: getattr(w.city_of(h), "id", 0),
        False,
    ),
    "to, missing ones last": (
        Hero.team.to.city.to.id.desc().nulls_last(),
        lambda w, h: getattr(w.city_of(h), "id", 0),
        True,
    ),
    "a count": (Hero.skills.count(), lambda w, h: len(w.skills_of(h)), False),
    "a count, descending": (
        Hero.skills.where(Skill.name == "s").count().desc(),
        lambda w, h: sum(s.name == "s" for s in w.skills_of(h)),
        True,
    ),
    "computed": (
        (Hero.team.to.heroes.count() * 10 + Hero.id),
        lambda w, h: len(w.members(w.team(h))) * 10 + h.id,
        False,
    ),
}


async def test_rows_are_sorted_by_related_rows(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    heroes = Repository(Hero, db)

    for name, (order, python, reverse) in ORDERS.items():
        found = await heroes.order_by(order, Hero.id).all()
        expected = sorted(world.heroes, key=lambda h: h.id)
        expected.sort(key=lambda h: python(world, h), reverse=reverse)
        assert [h.id for h in found] == [h.id for h in expected], name
        limited = await heroes.order_by(order, Hero.id).offset(3).limit(5).all()
        assert limited == found[3:8], name


async def test_a_row_sorted_by_a_related_one_is_one_row(db: Database) -> None:
    world = world_of(1)
    await world.store(db)

    query = Repository(Hero, db).order_by(Hero.team.to.name, Hero.badge.to.text)

    assert await query.count() == len(await query.all()) == len(world.heroes)


# ---- load() --------------------------------------------------------------------------------------


def ids(rows: Iterable[Any]) -> list[Hashable]:
    return [key(row) for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
async def test_load_reads_the_rows_that_python_would_give(db: Database, seed: int) -> None:
    world = world_of(seed)
    await world.store(db)

    heroes = await Repository(Hero, db).load(Hero.team.then(Team.city), Hero.badge).all()
    teams = await Repository(Team, db).load(Team.heroes, Team.home_games, Team.city).all()
    people = (
        await Repository(Person, db)
        .load(Person.parent, Person.children, Person.likes, Person.liked_by)
        .all()
    )
    towns = await Repository(Town, db).load(Town.region).all()
    regions = await Repository(Region, db).load(Region.towns).all()

    for hero in heroes:
        assert (hero.team, hero.badge) == (world.team(hero), world.badge(hero))
        assert hero.team is None or hero.team.city == world.city(hero.team)
    for team in teams:
        assert team.heroes == world.members(team)
        assert team.home_games == world.at_home(team)
        assert team.city == world.city(team)
    for person in people:
        assert person.parent == world.parent(person)
        assert person.children == sorted(world.children(person), key=lambda p: (p.name, p.id))
        assert person.likes == world.likes(person)
        assert person.liked_by == world.liked_by(person)
    for town in towns:
        assert town.region == world.region(town)
    for region in regions:
        assert region.towns == [t for t in world.towns if world.region(t) == region]


async def test_a_loaded_list_has_the_order_that_its_relation_declares(db: Database) -> None:
    world = world_of(2)
    await world.store(db)

    cities = await Repository(City, db).load(City.teams).all()
    heroes = await Repository(Hero, db).load(Hero.skills).all()
    skills = await Repository(Skill, db).load(Skill.heroes).all()

    for city in cities:
        own = [t for t in world.teams if t.city_id == city.id]
        assert city.teams == sorted(own, key=lambda t: t.name, reverse=True)
    for hero in heroes:
        assert hero.skills == sorted(world.skills_of(hero), key=lambda s: (s.name, s.id))
    for skill in skills:
        # Missing ages come first in descending order.
        order = sorted(world.skilled(skill), key=lambda h: (h.name, h.id))
        order.sort(key=lambda h: (h.age is None, h.age or 0), reverse=True)
        assert skill.heroes == order


async def test_a_loaded_list_is_filtered_sorted_and_limited_for_each_row(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    teams = Repository(Team, db).order_by(Team.id)

    some = Team.heroes.where(Hero.age > 1).order_by(Hero.name.desc()).limit(2)
    for team in await teams.load(some).all():
        expected = [h for h in world.members(team) if over(h.age, 1)]
        # Of two with one name, the one with the smaller key comes first.
        expected.sort(key=lambda h: h.name, reverse=True)
        assert team.heroes == expected[:2]


async def test_a_limit_of_nothing_gives_empty_lists(db: Database) -> None:
    await world_of(1).store(db)

    teams = await Repository(Team, db).load(Team.heroes.limit(0)).all()

    assert [team.heroes for team in teams] == [[]] * len(teams)


async def test_a_limit_holds_for_each_row_of_many_to_many(db: Database) -> None:
    world = world_of(1)
    await world.store(db)

    heroes = await Repository(Hero, db).load(Hero.skills.order_by(Skill.id.desc()).limit(1)).all()

    for hero in heroes:
        assert hero.skills == world.skills_of(hero)[-1:]


async def test_another_order_takes_the_place_of_the_declared_one(db: Database) -> None:
    world = world_of(2)
    await world.store(db)
    cities = Repository(City, db).order_by(City.id)

    by_size = City.teams.order_by(Team.size.desc()).order_by(Team.id.desc())
    found = [city.teams for city in await cities.load(by_size).all()]
    declared = [city.teams for city in await cities.load(City.teams).all()]

    own = [[t for t in world.teams if t.city_id == city.id] for city in world.cities]
    assert found == [sorted(ts, key=lambda t: (t.size, t.id), reverse=True) for ts in own]
    assert found != declared


async def test_loaded_rows_are_sorted_and_filtered_by_what_they_are_related_to(
    db: Database,
) -> None:
    world = world_of(3)
    await world.store(db)

    some = Team.home_games.where(Game.away.to.size > 0).order_by(Game.away.to.name.desc())
    for team in await Repository(Team, db).load(some.limit(2)).all():
        expected = [g for g in world.at_home(team) if world.guest(g).size > 0]
        expected.sort(key=lambda g: world.guest(g).name, reverse=True)
        assert team.home_games == expected[:2]


async def test_a_sqlalchemy_expression_chooses_and_sorts_loaded_rows(db: Database) -> None:
    world = world_of(4)
    await world.store(db)

    some = Team.heroes.where(sa.func.lower(Hero.name) == "a").order_by(-Hero.__table__.c.id)
    for team in await Repository(Team, db).load(some.limit(2)).all():
        expected = [h for h in world.members(team) if h.name == "a"]
        assert team.heroes == expected[::-1][:2]


async def test_loaded_rows_have_all_that_rows_have(db: Database) -> None:
    await world_of(1).store(db)
    heroes, teams = Repository(Hero, db), Repository(Team, db)

    for load in (Team.heroes, Team.heroes.limit(50)):
        loaded = [hero for team in await teams.load(load).all() for hero in team.heroes]
        assert loaded
        for hero in loaded:
            assert hero == await heroes.get(hero.id)
            assert hero.powers[0] == Power(name="p", level=hero.id)
            assert hero.code not in repr(hero)


async def test_a_row_that_several_others_belong_to_is_one_object(db: Database) -> None:
    await world_of(1).store(db)

    heroes = (
        await Repository(Hero, db)
        .load(Hero.team.then(Team.heroes), Hero.skills.then(Skill.heroes))
        .all()
    )

    teams = [hero.team for hero in heroes if hero.team is not None]
    assert len({id(team) for team in teams}) == len({team.id for team in teams}) < len(teams)
    skills = [skill for hero in heroes for skill in hero.skills]
    assert len({id(skill) for skill in skills}) == len({s.id for s in skills}) < len(skills)


async def test_rows_that_share_a_list_do_not_share_the_list_itself(db: Database) -> None:
    await world_of(1).store(db)

    teams = await Repository(Team, db).load(Team.heroes.then(Hero.team.then(Team.heroes))).all()

    lists = [team.heroes for team in teams]
    lists += list({id(h.team): h.team.heroes for t in teams for h in t.heroes if h.team}.values())
    assert len({id(one) for one in lists}) == len(lists)


async def test_no_rows_are_asked_for_where_there_are_none_to_ask_for(db: Database) -> None:
    await db.create_all()
    heroes = Repository(Hero, db)

    with statements() as none:
        assert await heroes.load(Hero.team.then(Team.city), Hero.skills).all() == []
        assert await heroes.load(Hero.team).first() is None
    await heroes.add(Hero(id=1, name="Ada"))
    with statements() as some:
        [ada] = await heroes.load(Hero.team.then(Team.city), Hero.skills).all()

    assert len(none) == 2
    # Its key to a team is null.
    assert len(some) == 2
    assert (ada.team, ada.skills) == (None, [])


@contextmanager
def statements() -> Iterator[list[str]]:
    found: list[str] = []

    def see(event: object) -> None:
        if isinstance(event, StatementRun):
            found.append(event.sql)

    with subscribe(see):
        yield found


LOADS: dict[str, tuple[Any, int]] = {
    "one": (Hero.team, 2),
    "two": ((Hero.team, Hero.badge), 3),
    "nested": (Hero.team.then(Team.city, Team.heroes.then(Hero.badge)), 5),
    "many to many": (Hero.skills.then(Skill.heroes.limit(2)), 3),
    "twice": ((Hero.team, Hero.team.then(Team.city)), 3),
}


@pytest.mark.parametrize("name", LOADS)
async def test_each_relation_is_one_statement_whatever_the_number_of_rows(
    db: Database, name: str
) -> None:
    await world_of(1).store(db)
    paths, number = LOADS[name]

    query = Repository(Hero, db).load(*(paths if isinstance(paths, tuple) else (paths,)))
    with statements() as of_all:
        await query.all()
    with statements() as of_one:
        await query.where(Hero.id == world_of(1).badges[0].hero_id, Hero.team.has()).all()

    assert len(of_all) == number
    assert len(of_one) <= number


async def test_a_second_call_compiles_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world_of(1).store(db)
    teams = Repository(Team, db)

    async def read(age: int, name: str, limit: int) -> None:
        some = Team.heroes.where(Hero.age > age, Hero.badge.has(Badge.text == name))
        found = teams.where(Team.heroes.any(Hero.team.to.name == name), Team.city.to.name != name)
        found = found.order_by(Team.heroes.where(Hero.age > age).count().desc())
        await found.load(some.limit(limit).then(Hero.skills), Team.city).all()

    await read(1, "a", 1)
    monkeypatch.setattr(plan, "_compiled", refused)
    await read(2, "b", 2)


def refused(*_: object) -> None:
    pytest.fail("a statement was compiled")


async def test_loads_of_one_relation_are_put_together(db: Database) -> None:
    await world_of(1).store(db)

    [team] = await (
        Repository(Team, db)
        .load(Team.heroes.then(Hero.badge))
        .load(Team.heroes.then(Hero.skills), Team.heroes)
        .where(Team.id == 1)
        .all()
    )

    assert team.heroes
    for hero in team.heroes:
        assert isinstance(hero.skills, list)
        assert hero.badge is None or hero.badge.hero_id == hero.id


async def test_first_one_and_pages_are_loaded_too(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    teams = Repository(Team, db).order_by(Team.id).load(Team.heroes)

    first = await teams.first()
    one = await teams.where(Team.id == 1).one()
    page = await teams.page(size=2)

    assert first is not None
    for team in (first, one, *page.items):
        assert team.heroes == world.members(team)


async def test_pages_and_streams_are_sorted_and_loaded_by_relations(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    query = Repository(Hero, db).order_by(Hero.team.to.name.desc(), Hero.skills.count(), Hero.id)
    query = query.where(Hero.team.to.city.to.name.is_not_null()).load(Hero.team)
    expected = await query.all()

    paged, cursor = [], None
    while True:
        page = await query.page(size=4, after=cursor)
        paged += page.items
        if (cursor := page.next) is None:
            break
    streamed = [hero async for hero in query.stream(batch=3)]

    assert expected == paged == streamed
    for hero in (*paged, *streamed):
        assert hero.team == world.team(hero)


async def test_rows_are_loaded_inside_a_session(db: Database) -> None:
    world = world_of(1)
    await world.store(db)

    async with db.session() as session:
        inside = Repository(Hero, session)
        await inside.add(Hero(id=99, name="z", team_id=1))
        team = await Repository(Team, session).where(Team.id == 1).load(Team.heroes).one()

    assert ids(team.heroes) == [*ids(world.members(team)), 99]


async def test_rows_are_loaded_on_a_connection_of_sqlalchemys(db: Database) -> None:
    world = world_of(1)
    await world.store(db)
    engine = create_async_engine(db._pool._options.url)

    async with AsyncSession(engine) as session:
        joined = Repository(Team, await session.connection())
        teams = await joined.where(Team.heroes.any()).load(Team.heroes.limit(2)).all()
    await engine.dispose()

    assert teams
    for team in teams:
        assert team.heroes == world.members(team)[:2]


@not_on("duckdb", "sqlite")
async def test_locked_rows_are_chosen_and_loaded_by_what_they_are_related_to(
    db: Database,
) -> None:
    world = world_of(1)
    await world.store(db)

    async with db.session() as session:
        heroes = Repository(Hero, session).where(Hero.team.to.name == "a").load(Hero.team)
        found = await heroes.order_by(Hero.team.to.name, Hero.id).with_for_update().all()

    named_a = [h for h in world.heroes if any(t.name == "a" for t in [world.team(h)] if t)]
    assert found == named_a
    assert [hero.team for hero in found] == [world.team(hero) for hero in named_a]


# ---- keys ----------------------------------------------------------------------------------------


async def test_many_thousand_rows_get_theirs(db: Database) -> None:
    await db.create_all()
    number = 9000
    await Repository(City, db).add_all(City(id=n, name="c") for n in range(number))
    await Repository(Team, db).add_all(Team(id=n, name="t", city_id=n) for n in range(number))

    with statements() as run:
        teams = await Repository(Team, db).load(Team.city).all()
    cities = await Repository(City, db).load(City.teams).all()

    # MariaDB and MySQL take up to 8,192 keys in a statement, the others all of them as one list.
    assert len(run) == (3 if db._pool.backend.name in {"mariadb", "mysql"} else 2)
    assert [team.city_id for team in teams] == [team.city and team.city.id for team in teams]
    assert all(ids(city.teams) == [city.id] for city in cities)


async def test_more_composite_keys_than_a_condition_can_have_get_their_rows(
    db: Database,
) -> None:
    await db.create_all()
    number = 1200
    await Repository(Region, db).add_all(
        Region(country="ch", number=n, name="r") for n in range(number)
    )
    await Repository(Town, db).add_all(
        Town(id=n, name="t", country="ch", region_number=n) for n in range(number)
    )

    towns = await Repository(Town, db).load(Town.region).all()
    regions = await Repository(Region, db).load(Region.towns.limit(1)).all()

    assert all(t.region is not None and t.region.number == t.id for t in towns)
    assert all(ids(region.towns) == [region.number] for region in regions)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


Code = NewType("Code", str)

KINDS: dict[str, tuple[Any, Sequence[Any], dict[str, Any]]] = {
    "text": (str, ["Ä", "ä"], {"max_length": 20}),
    "enum": (Color, list(Color), {}),
    "enum of numbers": (Rank, list(Rank), {}),
    "literal": (Literal["s", "m"], ["s", "m"], {}),
    "named type": (Code, [Code("a"), Code("b")], {"max_length": 20}),
    "uuid": (UUID, [UUID(int=1), UUID(int=2)], {}),
    "date": (date, [date(2024, 1, 1), date(2024, 1, 2)], {}),
    "datetime": (
        datetime,
        [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
        {},
    ),
    "time": (time, [time(1), time(1, 2, 3, 4)], {}),
    "decimal": (
        Decimal,
        [Decimal("1.50"), Decimal("2.00")],
        {"max_digits": 8, "decimal_places": 2},
    ),
    "decimal of many digits": (
        Decimal,
        [Decimal("1.5"), Decimal(2)],
        {"max_digits": 30, "decimal_places": 10},
    ),
    "bytes": (bytes, [b"\x00", b"a"], {"max_length": 20}),
    "float": (float, [1.5, 2.0], {}),
    "bool": (bool, [True, False], {}),
    "url": (AnyUrl, [AnyUrl("http://a.example/"), AnyUrl("http://b.example/")], {"max_length": 50}),
}


async def related_by(
    database_url: str, kind: Any, values: Sequence[Any], options: dict[str, Any]
) -> None:
    """Relate two rows with keys of a kind to others, and to each other, and load all of it."""
    metadata = sa.MetaData()
    # mypy wants to see what a field is given.
    column: Any = field

    class Owner(Model, table=True, metadata=metadata):
        id: Col[kind] = column(primary_key=True, **options)
        things: RelatedList["Thing"] = relation()
        others: RelatedList["Owner"] = relation(through="Pair", fk="one")

    class Thing(Model, table=True, metadata=metadata):
        id: Col[int] = column(primary_key=True)
        owner_id: Col[kind] = column(foreign_key=Owner.id, **options)
        owner: Related[Owner] = relation()

    class Pair(Model, table=True, metadata=metadata):
        one: Col[kind] = column(primary_key=True, foreign_key=Owner.id, **options)
        other: Col[kind] = column(primary_key=True, foreign_key=Owner.id, **options)

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        owners, things = Repository(Owner, db), Repository(Thing, db)
        first, second = await owners.add_all([Owner(id=value) for value in values])
        await things.add_all(
            [
                Thing(id=1, owner_id=first.id),
                Thing(id=2, owner_id=second.id),
                Thing(id=3, owner_id=second.id),
            ]
        )
        await Repository(Pair, db).add_all(
            [Pair(one=first.id, other=second.id), Pair(one=second.id, other=second.id)]
        )

        found = {
            owner.id: owner
            for owner in await owners.load(Owner.things.limit(2), Owner.others).all()
        }
        assert ids(found[first.id].things) == [1]
        assert ids(found[second.id].things) == [2, 3]
        assert found[first.id].others == found[second.id].others == [second]
        of = [thing.owner for thing in await things.order_by(Thing.id).load(Thing.owner).all()]
        assert of == [first, second, second]
        assert await things.where(Thing.owner.to.id == first.id).count() == 1
        assert await owners.where(Owner.others.any(Owner.id == second.id)).count() == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_rows_are_related_by_keys_of_every_kind(database_url: str, kind: str) -> None:
    await related_by(database_url, *KINDS[kind])


class Shade(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(Enum):
    SMALL = 1
    LARGE = 2


URLS = ["http://a.example/", "http://b.example/"]

STORED_ALIKE: dict[str, tuple[Any, Any, Sequence[Any], Sequence[Any]]] = {
    "enum and text": (str, Color, ["red", "blue"], list(Color)),
    "text and enum": (Color, str, list(Color), ["red", "blue"]),
    "two enums": (Color, Shade, list(Color), list(Shade)),
    "enum of texts and text": (str, Shade, ["red", "blue"], list(Shade)),
    "enum and number": (int, Size, [1, 2], list(Size)),
    "number and enum": (Size, int, list(Size), [1, 2]),
    "enum of numbers and number": (int, Rank, [1, 2], list(Rank)),
    "address and text": (str, AnyUrl, URLS, [AnyUrl(url) for url in URLS]),
}
"""By name: the type of a key and that of what refers to it, each with its values."""


class ThingNumber(BaseModel):
    id: int


async def related_by_stored(
    database_url: str, own: Any, other: Any, owned: Sequence[Any], referring: Sequence[Any]
) -> None:
    """Relate two rows with keys of one type to others with keys of another, and load all of it."""
    metadata = sa.MetaData()
    # mypy wants to see what a field is given.
    column: Any = field

    def options(of: Any) -> dict[str, Any]:
        return {"max_length": 30} if of in (str, AnyUrl) else {}

    class Owner(Model, table=True, metadata=metadata):
        id: Col[own] = column(primary_key=True, **options(own))
        things: RelatedList["Thing"] = relation()
        others: RelatedList["Owner"] = relation(through="Pair", fk="one")

    class Thing(Model, table=True, metadata=metadata):
        id: Col[int] = column(primary_key=True)
        owner_id: Col[other | None] = column(foreign_key=Owner.id, default=None, **options(other))
        owner: Related[Owner | None] = relation()

    class Pair(Model, table=True, metadata=metadata):
        one: Col[other] = column(primary_key=True, foreign_key=Owner.id, **options(other))
        two: Col[other] = column(primary_key=True, foreign_key=Owner.id, **options(other))

    class OwnerId(BaseModel):
        id: own

    class OwnerOfThings(OwnerId):
        things: list[ThingNumber]
        others: list[OwnerId]

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        owners, things = Repository(Owner, db), Repository(Thing, db)
        first, second = await owners.add_all([Owner(id=value) for value in owned])
        a, b = referring
        await things.add_all(
            [
                Thing(id=1, owner_id=a),
                Thing(id=2, owner_id=b),
                Thing(id=3, owner_id=b),
                Thing(id=4),
            ]
        )
        await Repository(Pair, db).add_all([Pair(one=a, two=b), Pair(one=b, two=b)])

        rows = await owners.load(Owner.things, Owner.others).all()
        found = {row.id: (ids(row.things), row.others) for row in rows}
        assert found == {first.id: ([1], [second]), second.id: ([2, 3], [second])}
        of = [thing.owner for thing in await things.order_by(Thing.id).load(Thing.owner).all()]
        assert of == [first, second, second, None]
        shaped = await owners.into(OwnerOfThings).all()
        assert {one.id: (ids(one.things), ids(one.others)) for one in shaped} == {
            first.id: ([1], [second.id]),
            second.id: ([2, 3], [second.id]),
        }


@pytest.mark.parametrize("kind", STORED_ALIKE)
async def test_rows_are_related_by_what_is_stored(database_url: str, kind: str) -> None:
    await related_by_stored(database_url, *STORED_ALIKE[kind])


async def test_rows_are_related_by_several_keys_that_are_stored_alike(database_url: str) -> None:
    metadata = sa.MetaData()

    class Shelf(Model, table=True, metadata=metadata):
        color: Col[str] = field(primary_key=True, max_length=20)
        number: Col[int] = field(primary_key=True)
        books: RelatedList["Book"] = relation()

    class Book(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        color: Col[Color | None] = field(default=None)
        number: Col[int] = field(default=1)
        shelf: Related[Shelf | None] = relation()
        __table_args__ = (
            sa.ForeignKeyConstraint(["color", "number"], ["shelf.color", "shelf.number"]),
        )

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        shelves, books = Repository(Shelf, db), Repository(Book, db)
        shelf, _ = await shelves.add_all([Shelf(color="red", number=1), Shelf(color="x", number=1)])
        await books.add_all([Book(id=1, color=Color.RED), Book(id=2)])

        found = await shelves.order_by(Shelf.color).load(Shelf.books).all()
        assert [ids(row.books) for row in found] == [[1], []]
        of = [book.shelf for book in await books.order_by(Book.id).load(Book.shelf).all()]
        assert of == [shelf, None]


@not_on("duckdb")
async def test_rows_are_related_by_intervals(database_url: str) -> None:
    # DuckDB has no index of intervals, so it has no such keys.
    await related_by(database_url, timedelta, [timedelta(1), timedelta(2)], {})


async def test_a_key_may_point_at_a_unique_column_and_have_another_name(
    database_url: str,
) -> None:
    metadata = sa.MetaData()

    class Land(Model, table="lands", metadata=metadata):
        id: Col[int] = generated()
        code: Col[str] = field(unique=True, max_length=2, column="iso")
        places: RelatedList["Place"] = relation()

    class Place(Model, table="places", metadata=metadata):
        id: Col[int] = generated()
        land_code: Col[str] = field(foreign_key=Land.code, max_length=2, column="land")
        land: Related[Land] = relation()

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await Repository(Land, db).add_all([Land(code="ch"), Land(code="pe")])
        places = Repository(Place, db)
        await places.add_all([Place(land_code="pe"), Place(land_code="ch")])

        [lima] = await places.where(Place.land.to.code == "pe").load(Place.land).all()
        lands = await Repository(Land, db).order_by(Land.code).load(Land.places).all()

    assert lima.land.code == "pe"
    assert [[place.land_code for place in land.places] for land in lands] == [["ch"], ["pe"]]


async def test_rows_are_linked_by_composite_keys_on_both_sides(database_url: str) -> None:
    metadata = sa.MetaData()

    class Course(Model, table=True, metadata=metadata):
        year: Col[int] = field(primary_key=True)
        code: Col[UUID] = field(primary_key=True)
        rooms: RelatedList["Room"] = relation(through="Plan")

    class Room(Model, table=True, metadata=metadata):
        house: Col[str] = field(primary_key=True, max_length=9)
        number: Col[int] = field(primary_key=True)
        courses: RelatedList[Course] = relation(through="Plan")

    class Plan(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        year: Col[int]
        code: Col[UUID]
        house: Col[str] = field(max_length=9)
        number: Col[int]
        __table_args__ = (
            sa.ForeignKeyConstraint(["year", "code"], ["course.year", "course.code"]),
            sa.ForeignKeyConstraint(["house", "number"], ["room.house", "room.number"]),
        )

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        courses, rooms = Repository(Course, db), Repository(Room, db)
        one, two = UUID(int=1), UUID(int=2)
        first, second, _ = await courses.add_all(
            Course(year=year, code=code) for year, code in [(1, one), (1, two), (2, one)]
        )
        small, large = await rooms.add_all([Room(house="a", number=1), Room(house="a", number=2)])
        await Repository(Plan, db).add_all(
            Plan(year=c.year, code=c.code, house=r.house, number=r.number)
            for c, r in [(first, small), (first, large), (second, large)]
        )

        loaded = await courses.load(Course.rooms.then(Room.courses)).all()
        some = await courses.where(Course.rooms.any(Room.number == 1)).all()
        counted = await rooms.where(Room.courses.count() == 2).one()

    assert {(c.year, c.code): c.rooms for c in loaded} == {
        (1, one): [small, large],
        (1, two): [large],
        (2, one): [],
    }
    [of_first] = [course for course in loaded if course == first]
    assert [room.courses for room in of_first.rooms] == [[first], [first, second]]
    assert (some, counted) == ([first], large)


async def test_rows_of_the_same_table_as_their_link_are_asked_about_and_not_loaded(
    database_url: str,
) -> None:
    metadata = sa.MetaData()

    class Node(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        before_id: Col[int | None] = field(default=None, foreign_key="node.id")
        after_id: Col[int | None] = field(default=None, foreign_key="node.id")
        beyond: RelatedList["Node"] = relation(through="Node", fk=("before_id", "after_id"))

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        nodes = Repository(Node, db)
        await nodes.add_all([Node(id=1), Node(id=2), Node(id=3, before_id=1, after_id=2)])

        assert ids(await nodes.where(Node.beyond.any(Node.id == 2)).all()) == [1]
        with pytest.raises(NotSupported, match=r"Node\.beyond: the link is the table that it"):
            await nodes.load(Node.beyond).all()


@only_on("sqlite")
async def test_a_row_that_must_be_there_and_was_removed_is_a_conflict(db: Database) -> None:
    await world_of(1).store(db)
    badges = Repository(Badge, db)

    async with db.session() as session:
        await session.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        inside = Repository(Badge, session)
        await Repository(Hero, session).where(Hero.id == world_of(1).badges[0].hero_id).delete()
        with pytest.raises(TransactionConflict, match="the Hero of a Badge that was read"):
            await inside.load(Badge.hero).all()
        await session.rollback()

    assert all(badge.hero for badge in await badges.load(Badge.hero).all())


async def test_a_row_may_be_missing_under_a_key_that_the_engine_does_without(
    database_url: str,
) -> None:
    metadata = sa.MetaData()

    class Shop(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(max_length=20)

    class Order(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        shop_id: Col[int] = field(foreign_key=Shop.id)
        shop: Related[Shop] = relation()

    class ShopName(BaseModel):
        name: str

    class OrderOfShop(BaseModel):
        id: int
        shop: ShopName | None

    for key in Order.__table__.foreign_key_constraints:
        key.ddl_if(callable_=lambda *_args, **_more: False)
    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await Repository(Shop, db).add(Shop(id=1, name="A"))
        orders = Repository(Order, db)
        await orders.add_all([Order(id=n, shop_id=1 if n < 2 else 9) for n in range(4)])

        rows = orders.order_by(Order.shop.to.name, Order.id)
        first = await rows.page(size=2)
        second = await rows.page(size=2, after=first.next)
        assert (ids(first.items), ids(second.items)) == ([0, 1], [2, 3])
        shops = [order.shop and order.shop.name for order in await rows.into(OrderOfShop).all()]
        assert shops == ["A", "A", None, None]
        with pytest.raises(InvalidRow, match=r"Order\.shop: shop_id of a stored row refers"):
            await rows.load(Order.shop).all()
