"""Variants of a model that are used for what they are not."""

from models import Hero, Power, Team

from andamios_orm import Col, Create, Patch, Public, Repository


class HeroSignup(Hero, variant="create"):
    invite: Col[str]


class Misspelt(Hero, variant="creat"):  # E: unknown-variant
    pass


def of_plain_model(data: Patch[Power]) -> None:  # E: patch-of-plain-model
    print(data)


HeroSignup(name="Ada")  # E: missing-argument-of-variant
HeroSignup(name="Ada", invite=3)  # E: argument-of-variant-of-wrong-type


async def created(data: Create[Hero], teams: Repository[Team]) -> Public[Team]:
    await teams.add(data)  # E: add-variant-of-another-model
    await teams.add(Team(name="A"), name="B")  # E: add-value-by-name
    await teams.add(Team(name="A"), Team.name.set(3))  # E: add-value-of-wrong-type
    data.name = 3  # E: assign-wrong-type-to-variant
    print(data.nmae)  # E: unknown-attribute-of-variant
    return data  # E: return-variant-of-another-model


def patched(data: Patch[Hero], hero: Hero, team: Team) -> None:
    name: int = data[Hero.name]  # E: patch-value-of-wrong-type
    years: int = data[Hero.age]  # E: patch-value-may-be-none
    data["name"]  # E: patch-by-text
    print("name" in data)  # E: patch-contains-text
    data.name  # E: attribute-of-patch
    data.apply(team)  # E: patch-of-another-model
    changed: Team = data.apply(hero)  # E: patch-gives-another-model
    print(name, years, changed)


async def stored(data: Patch[Hero], heroes: Repository[Hero]) -> None:
    await heroes.add(data)  # E: add-patch
    await heroes.update(data)  # E: update-with-patch
