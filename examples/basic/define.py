"""Declare a model once: it is the table, its rules, and the type of what comes back."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from andamios_orm import Col, Database, Model, Repository, field, generated, run
from andamios_orm.errors import CheckViolation


class Power(BaseModel):
    name: str
    level: int = 1


class Team(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(index=True, max_length=50)
    secret_name: Col[str] = field(secret=True)
    born: Col[date | None] = field(default=None)
    salary: Col[Decimal] = field(ge=0, max_digits=10, decimal_places=2)
    powers: Col[list[Power]] = field(default_factory=list)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id, on_delete="SET NULL")


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        heroes = Repository(Hero, db)

        team = await Repository(Team, db).add(Team(name="Analysts"))
        ada = Hero(
            name="Ada",
            secret_name="Augusta King",
            born=date(1815, 12, 10),
            salary=Decimal("3600.50"),
            powers=[Power(name="foresight", level=9)],
            team_id=team.id,
        )
        ada = await heroes.add(ada)
        print(ada)

        # The database keeps the model's rules too, here `ge=0`.
        try:
            await heroes.patch(ada.id, Hero.salary.set(Hero.salary - Decimal(5000)))
        except CheckViolation as error:
            print(error)

        # What was declared is what was stored and what comes back, validated.
        found = await heroes.get(ada.id)
        assert found == ada
        assert found.salary == Decimal("3600.50")
        assert found.powers[0].level == 9
        assert "Augusta" not in repr(found)


if __name__ == "__main__":
    run(main())
