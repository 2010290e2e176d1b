"""Ferro: a Pydantic model is the table; the Rust engine fills instances without validating."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from ferro import Check, Field, Model, connect, engines, transaction
from pydantic import ConfigDict
from questions import Increment, Library, Power, Variant, good, main, work


class Kind(str, Enum):
    mage = "mage"
    warrior = "warrior"


class Hero(Model):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Kind
    price: Decimal = Field(max_digits=10, decimal_places=2)
    powers: list[Power]
    at: datetime


class CheckingHero(Model):
    model_config = ConfigDict(validate_assignment=True)
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Kind
    price: Decimal = Field(max_digits=10, decimal_places=2)
    powers: list[Power]
    at: datetime


class Checked(Model):
    __ferro_checks__ = (Check("age_not_negative", lambda checked: checked.age >= 0),)
    id: int | None = Field(default=None, primary_key=True)
    age: int


class Ferro(Library):
    async def open(self, path: Path) -> None:
        await connect(f"sqlite:{path}?mode=rwc", auto_migrate=True)

    def make(self, values: dict[str, Any]) -> Hero:
        return Hero(**values)

    async def add(self, hero: Any) -> int:
        async with engines.session():
            await hero.save()
            assert hero.id is not None
            return hero.id

    async def load(self, key: int) -> Hero:
        async with engines.session():
            return await Hero.get(key)

    async def change(self, key: int, name: str, value: Any) -> None:
        await self.change_of(Hero, key, name, value)

    async def change_of(self, model: Any, key: int, name: str, value: Any) -> None:
        async with engines.session():
            hero = await model.get(key)
            setattr(hero, name, value)
            await hero.save()

    def variants(self) -> list[Variant]:
        return [
            Variant(
                "with validate_assignment=True",
                "checkinghero",
                lambda: self.add(CheckingHero(**good())),
                lambda key, name, value: self.change_of(CheckingHero, key, name, value),
            )
        ]

    async def create_checked(self) -> str:
        return "checked"

    async def increment(self, key: int) -> None:
        async with engines.session(), transaction():
            hero = await Hero.get(key)
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()

    async def increment_immediate(self, key: int) -> None:
        async with engines.session(), transaction(immediate=True):
            hero = await Hero.get(key)
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()

    def careful(self) -> dict[str, Increment]:
        return {"transaction(immediate=True)": self.increment_immediate}


if __name__ == "__main__":
    main(Ferro())
