"""Relations: what they are on the class, on an instance, and in a query."""

from typing import assert_type

import sqlalchemy as sa
from models import Badge, City, Hero, HeroSkill, Skill, Team

from andamios_orm import Col, Model, Query, Related, RelatedList, Repository, field, generated
from andamios_orm import relation
from andamios_orm.queries.expressions import (
    Attr,
    Condition,
    Expr,
    Order,
    Path,
    Predicate,
    SortKey,
    ToMany,
    ToOne,
)


class Person(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
    parent: Related["Person | None"] = relation(fk="parent_id")
    children: RelatedList["Person"] = relation(fk=("Person.parent_id",), order_by=["name", "-id"])


# -- on the class
assert_type(Hero.team, ToOne[Hero, Team])
assert_type(Badge.hero, ToOne[Badge, Hero])
assert_type(Hero.badge, ToOne[Hero, Badge])
assert_type(Team.heroes, ToMany[Team, Hero])
assert_type(Hero.skills, ToMany[Hero, Skill])
assert_type(Person.parent, ToOne[Person, Person])
assert_type(Person.children, ToMany[Person, Person])

# -- conditions
assert_type(Hero.team.has(), Condition)
assert_type(Hero.team.has(Team.name == "A", Hero.age > 3), Condition)
assert_type(Team.heroes.any(Hero.age > 3, Hero.active), Condition)
assert_type(Team.heroes.none(), Condition)
assert_type(~Team.heroes.any() & Team.city.has() | (Team.name == "A"), Condition)
assert_type(Hero.team.has(sa.func.lower(Team.name) == "a"), Condition)
assert_type(Team.heroes.count(), Expr[int])
assert_type(Team.heroes.count() >= 2, Condition)
assert_type(Team.heroes.where(Hero.age > 3).count().desc(), Order)
assert_type(Team.heroes.where(Hero.age > 3).any(Hero.name == "A"), Condition)
assert_type(Hero.team.has(Team.city.has(City.teams.none(Team.heroes.any()))), Condition)

# -- paths
assert_type(Hero.team.to.name, Attr[str])
assert_type(Hero.team.to.name == "A", Condition)
assert_type(Hero.team.to.name.in_(["A", "B"]), Condition)
assert_type(Hero.team.to.city_id, Attr[int | None])
assert_type(Hero.team.to.city.to.name, Attr[str])
assert_type(Hero.team.to.city, ToOne[Team, City])
assert_type(Hero.team.to.heroes, ToMany[Team, Hero])
assert_type(Hero.team.to.heroes.count(), Expr[int])
assert_type(Hero.team.to.name.desc().nulls_last(), Order)
assert_type(Badge.hero.to.team.to.city.to.name.startswith("B"), Condition)
assert_type(Hero.name == Hero.team.to.name, Condition)
assert_type(Person.parent.to.parent.to.name, Attr[str])
assert_type(Hero.badge.to.number + 1, Expr[int])

# -- what is loaded of them
assert_type(Team.heroes.where(Hero.age > 3).order_by(Hero.name).limit(3), ToMany[Team, Hero])
assert_type(Team.heroes.then(Hero.team), ToMany[Team, Hero])
assert_type(Hero.team.then(Team.city, Team.heroes.then(Hero.skills)), Path[Hero, Team])

conditions: list[Predicate] = [Hero.team.has(), Team.heroes.any(), Hero.team.to.name == "A"]
sorts: list[SortKey] = [Hero.team.to.name, Team.heroes.count(), Hero.team.to.name.desc()]
links: list[Path[Hero, Skill]] = [Hero.skills, Hero.skills.limit(3)]


async def loaded(heroes: Repository[Hero], teams: Repository[Team]) -> None:
    assert_type(heroes.load(Hero.team), Query[Hero])
    assert_type(heroes.load(Hero.team.then(Team.city), Hero.skills, Hero.badge), Query[Hero])
    assert_type(heroes.where(Hero.team.has()).load(Hero.team), Query[Hero])
    assert_type(heroes.order_by(Hero.team.to.name, Hero.skills.count().desc()), Query[Hero])
    some = Team.heroes.where(Hero.age > 3).order_by(Hero.team.to.name).limit(3)
    assert_type(await teams.load(some.then(Hero.badge)).all(), list[Team])
    for hero in await heroes.load(Hero.team).all():
        assert_type(hero.team, Team | None)
        assert_type(hero.skills, list[Skill])
        if hero.team is not None:
            assert_type(hero.team.name, str)
            assert_type(hero.team.heroes, list[Hero])
    await heroes.where(Hero.team.has()).update(
        Hero.name.set(Hero.team.to.name), Hero.age.set(Team.heroes.count())
    )
    print(heroes.model.team, HeroSkill.hero_id)


def shown(badge: Badge, team: Team) -> list[str]:
    assert_type(badge.hero, Hero)
    assert_type(team.heroes, list[Hero])
    return [badge.hero.name, *(hero.name for hero in team.heroes)]


# -- construction: a relation is no parameter
made = [Hero(name="Ada"), Team(name="A", city_id=3), Badge(hero_id=1), Person(name="Ada")]
