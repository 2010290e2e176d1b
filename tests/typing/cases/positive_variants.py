"""Variants of a model: what an API takes and gives, to a type checker."""

from typing import Generic, TypeVar, assert_type

from models import Hero, Team
from pydantic import BaseModel, TypeAdapter

from andamios_orm import Col, Create, Model, Patch, Public, Repository, field

M = TypeVar("M", bound=Model)


class HeroSignup(Hero, variant="create"):
    invite: Col[str]


class HeroEdit(Hero, variant="patch"):
    reason: Col[str] = field(default="")


class HeroCard(Hero, variant="public"):
    fans: Col[int]


class Envelope(BaseModel, Generic[M]):
    data: Create[M]


async def created(data: Create[Hero], heroes: Repository[Hero]) -> Public[Hero]:
    assert_type(data, Hero)
    assert_type(data.name, str)
    assert_type(data.age, int | None)
    assert_type(await heroes.add(data), Hero)
    assert_type(await heroes.add_all([data, data]), list[Hero])
    return await heroes.add(data)


async def created_by(who: int, data: Create[Hero], heroes: Repository[Hero]) -> Public[Hero]:
    return await heroes.add(data, Hero.team_id.set(who), Hero.name.set("Ada"))


async def signed_up(data: HeroSignup, heroes: Repository[Hero]) -> Public[Hero]:
    assert_type(data.invite, str)
    assert_type(data.name, str)
    return await heroes.add(data)


async def patched(key: int, data: Patch[Hero], heroes: Repository[Hero]) -> Public[Hero]:
    assert_type(data[Hero.name], str)
    assert_type(data[Hero.age], int | None)
    assert_type(Hero.name in data, bool)
    assert_type(data.apply(await heroes.get(key)), Hero)
    return await heroes.patch(key, data)


async def edited(key: int, data: HeroEdit, heroes: Repository[Hero]) -> Hero:
    return await heroes.patch(key, data)


async def listed(heroes: Repository[Hero]) -> list[Public[Hero]]:
    return await heroes.all()


async def found(heroes: Repository[Hero]) -> Public[Hero] | None:
    return await heroes.first()


def shown(card: HeroCard, hero: Public[Hero]) -> str:
    assert_type(card.fans, int)
    assert_type(hero, Hero)
    return f"{card.name} {hero.name}"


async def stored_by(repository: Repository[M], data: Create[M]) -> M:
    return await repository.add(data)


async def changed_by(repository: Repository[M], key: int, data: Patch[M]) -> M:
    return data.apply(await repository.get(key))


async def used(heroes: Repository[Hero], teams: Repository[Team], data: Create[Team]) -> None:
    assert_type(await stored_by(heroes, Hero(name="Ada")), Hero)
    assert_type(await stored_by(teams, data), Team)


HeroSignup(name="Ada", invite="abc", age=3)
TypeAdapter(list[Public[Hero]])
Envelope[Hero].model_validate({"data": {"name": "Ada"}})
