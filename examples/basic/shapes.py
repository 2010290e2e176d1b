"""Ask for the class that you answer with: its fields choose the columns, joins and counts."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import (
    Col,
    Database,
    From,
    Model,
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


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int]
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class TeamName(BaseModel):
    name: str


class HeroCard(BaseModel):
    name: str
    next_age: Annotated[int, From(Hero.age + 1)]  # computed by the database
    team: TeamName | None  # by a join


class TeamPage(BaseModel):
    name: str
    size: Annotated[int, From(Team.heroes.count())]
    oldest: Annotated[list[HeroCard], From(Team.heroes.order_by(Hero.age.desc()).limit(2))]


class TeamAges(BaseModel):
    name: str  # what the rows are grouped by
    average: Annotated[float | None, From(sa.func.avg(Hero.age))]


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        teams, heroes = Repository(Team, db), Repository(Hero, db)
        team = await teams.add(Team(name="Preventers"))
        ages = {"Ada": 36, "Alan": 41, "Grace": 85}
        await heroes.add_all(Hero(name=n, age=age, team_id=team.id) for n, age in ages.items())

        card = await heroes.where(Hero.name == "Ada").into(HeroCard).one()
        assert card == HeroCard(name="Ada", next_age=37, team=TeamName(name="Preventers"))

        page = await teams.into(TeamPage).one()  # two statements, however many teams
        assert (page.size, [hero.name for hero in page.oldest]) == (3, ["Grace", "Alan"])

        assert await teams.into(TeamAges).all() == [TeamAges(name="Preventers", average=54.0)]
        assert await heroes.order_by(Hero.name).select(Hero.name) == ["Ada", "Alan", "Grace"]

        old = db.sql("SELECT name FROM hero WHERE age > :age", {"age": 80}).into(TeamName)
        assert await old.one() == TeamName(name="Grace")
        print(page.oldest[0])


if __name__ == "__main__":
    run(main())
