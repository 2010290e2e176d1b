"""Oxyde: a Pydantic model with `Meta.is_table` is the table."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from oxyde import Check, Field, Model, atomic, create_tables, db, get_connection
from pydantic import ConfigDict
from questions import Library, Power, Variant, good, main, work


class Kind(str, Enum):
    mage = "mage"
    warrior = "warrior"


class Hero(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Kind
    price: Decimal = Field(max_digits=10, decimal_places=2)
    at: datetime

    class Meta:
        is_table = True
        table_name = "hero"


class CheckingHero(Model):
    model_config = ConfigDict(validate_assignment=True)
    id: int | None = Field(default=None, db_pk=True)
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Kind
    price: Decimal = Field(max_digits=10, decimal_places=2)
    at: datetime

    class Meta:
        is_table = True
        table_name = "checking_hero"


class Nested(Model):
    """Alone, so that what happens to nested models does not decide the other questions."""

    id: int | None = Field(default=None, db_pk=True)
    powers: list[Power]

    class Meta:
        is_table = True
        table_name = "nested"


class Checked(Model):
    id: int | None = Field(default=None, db_pk=True)
    age: int

    class Meta:
        is_table = True
        table_name = "checked"
        constraints = [Check("age >= 0", name="age_not_negative")]


class Oxyde(Library):
    async def open(self, path: Path) -> None:
        await db.init(default=f"sqlite:///{path}")
        await create_tables(await get_connection())

    async def close(self) -> None:
        await db.close()

    def make(self, values: dict[str, Any]) -> Hero:
        return Hero(**flat(values))

    async def add(self, hero: Any) -> int:
        await hero.save()
        assert hero.id is not None
        return hero.id

    async def load(self, key: int) -> Hero:
        return await Hero.objects.get(id=key)

    async def change(self, key: int, name: str, value: Any) -> None:
        await self.change_of(Hero, key, name, value)

    async def change_of(self, model: Any, key: int, name: str, value: Any) -> None:
        hero = await model.objects.get(id=key)
        setattr(hero, name, value)
        await hero.save()

    async def change_atomic(self, key: int, name: str, value: Any) -> None:
        async with atomic():
            await self.change(key, name, value)

    def variants(self) -> list[Variant]:
        return [
            Variant(
                "with validate_assignment=True",
                "checking_hero",
                lambda: self.add(CheckingHero(**flat(good()))),
                lambda key, name, value: self.change_of(CheckingHero, key, name, value),
            ),
            Variant(
                "inside a transaction",
                "hero",
                lambda: self.add(self.make(good())),
                self.change_atomic,
            ),
        ]

    async def create_checked(self) -> str:
        return "checked"

    async def increment(self, key: int) -> None:
        async with atomic():
            hero = await Hero.objects.get(id=key)
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()

    async def nested(self) -> Any:
        stored = await Nested.objects.create(powers=good()["powers"])
        return (await Nested.objects.get(id=stored.id)).powers


def flat(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "powers"}


if __name__ == "__main__":
    main(Oxyde())
