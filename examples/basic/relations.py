"""Relate models: ask about related rows, load them, link them."""

from andamios_orm import (
    Col,
    Database,
    Model,
    NotLoaded,
    Related,
    RelatedList,
    Repository,
    field,
    generated,
    relation,
    run,
)


class Team(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    heroes: RelatedList["Hero"] = relation(order_by="name")


class HeroPower(Model, table=True):
    hero_id: Col[int] = field(primary_key=True, foreign_key="Hero.id")
    power_id: Col[int] = field(primary_key=True, foreign_key="Power.id")


class Power(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int]
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()  # follows team_id
    powers: RelatedList[Power] = relation(through=HeroPower)  # many to many


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        teams, heroes = Repository(Team, db), Repository(Hero, db)
        team = await teams.add(Team(name="Preventers"))
        ada = await heroes.add(Hero(name="Ada", age=36, team_id=team.id))
        await heroes.add(Hero(name="Grace", age=85, team_id=team.id))
        flight = await Repository(Power, db).add(Power(name="flight"))
        await heroes.link(ada, Hero.powers, flight)

        assert await teams.where(Team.heroes.any(Hero.age > 80)).count() == 1
        assert await heroes.where(Hero.team.to.name == "Preventers").count() == 2
        assert await heroes.where(Hero.powers.count() > 0).count() == 1

        try:
            _ = ada.team  # an instance never asks the database by itself
        except NotLoaded as error:
            print(error)

        [loaded] = await teams.load(Team.heroes.then(Hero.powers)).all()  # three statements
        for hero in loaded.heroes:
            print(hero.name, [power.name for power in hero.powers])


if __name__ == "__main__":
    run(main())
