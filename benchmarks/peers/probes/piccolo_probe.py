"""Piccolo: `create_pydantic_model` makes the class that checks the values of a request."""

import enum
import json
from pathlib import Path
from typing import Any

from piccolo.columns import JSON, Integer, Numeric, Serial, Timestamptz, Varchar
from piccolo.constraints import Check
from piccolo.engine.sqlite import SQLiteEngine, TransactionType
from piccolo.table import Table, create_db_tables
from piccolo.utils.pydantic import create_pydantic_model
from questions import Increment, Library, main, work

DB = SQLiteEngine()


class Kind(str, enum.Enum):
    mage = "mage"
    warrior = "warrior"


class Hero(Table, db=DB):
    id: Serial
    name = Varchar(length=50)
    age = Integer(null=True, default=None)
    kind = Varchar(choices=Kind)
    price = Numeric(digits=(10, 2))
    powers = JSON()
    at = Timestamptz()


class Checked(Table, db=DB):
    id: Serial
    age = Integer()
    age_not_negative = Check(age >= 0)


HeroModel = create_pydantic_model(Hero)


class Piccolo(Library):
    async def open(self, path: Path) -> None:
        DB.path = str(path)
        await create_db_tables(Hero)

    def make(self, values: dict[str, Any]) -> Hero:
        powers = json.dumps([power.model_dump() for power in values["powers"]])
        checked = HeroModel.model_validate({**values, "powers": powers})
        return Hero(**checked.model_dump())

    async def add(self, hero: Hero) -> int:
        await hero.save()
        return hero.id

    async def load(self, key: int) -> Hero:
        hero = await Hero.objects().get(Hero.id == key).output(load_json=True)
        assert hero is not None
        return hero

    async def change(self, key: int, name: str, value: Any) -> None:
        hero = await Hero.objects().get(Hero.id == key)
        assert hero is not None
        setattr(hero, name, value)
        await hero.save()

    async def create_checked(self) -> str:
        await Checked.create_table()
        return "checked"

    async def increment(self, key: int) -> None:
        async with DB.transaction():
            hero = await Hero.objects().get(Hero.id == key)
            assert hero is not None
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()

    async def increment_immediate(self, key: int) -> None:
        async with DB.transaction(transaction_type=TransactionType.immediate):
            hero = await Hero.objects().get(Hero.id == key)
            assert hero is not None
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()

    def careful(self) -> dict[str, Increment]:
        return {"TransactionType.immediate": self.increment_immediate}


if __name__ == "__main__":
    main(Piccolo())
