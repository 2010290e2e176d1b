"""Fill tables: with the rows that a program needs, and with samples made from its models."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from andamios_orm import Col, Database, Model, Related, Repository, field, generated, relation, run
from andamios_orm.seeding import run_seeds, sample, seed

FIXTURE = """[
    {"name": "Ada", "age": 36, "team": {"name": "Preventers"}},
    {"name": "Grace", "age": 85, "team": {"name": "Preventers"}}
]"""


class Team(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    age: Col[int] = field(ge=0, le=120)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


@seed(Team, key=Team.name)
def teams() -> Iterator[Team]:
    yield Team(name="Preventers")
    yield Team(name="Avengers")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "hero.json").write_text(FIXTURE)
        async with Database("sqlite://") as db:
            await db.create_all()

            # The team of each hero is found by its name; teams are stored first.
            print(await run_seeds(db, [Path(folder), teams]))
            print(await run_seeds(db, [Path(folder), teams]))

            heroes = Repository(Hero, db)
            ada = await heroes.where(Hero.name == "Ada").load(Hero.team).one()
            assert ada.team is not None
            assert ada.team.name == "Preventers"

        async with Database("sqlite://") as playground:
            await playground.create_all()
            await sample(playground, [Hero], size=500, seed=42)
            made = Repository(Hero, playground)
            assert await made.where(Hero.age > 120).count() == 0
            print(await made.count(), "heroes made up")


if __name__ == "__main__":
    run(main())
