"""andamios_orm: one class is the model and the table."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from questions import Library, Power, main, work

from andamios_orm import Col, Database, Model, Repository, field, generated


class Hero(Model, table="hero"):
    id: Col[int] = generated()
    name: Col[str] = field(min_length=3, max_length=50)
    age: Col[int | None] = field(default=None, ge=0)
    kind: Col[Literal["mage", "warrior"]]
    price: Col[Decimal] = field(max_digits=10, decimal_places=2)
    powers: Col[list[Power]]
    at: Col[datetime]


class Andamios(Library):
    async def open(self, path: Path) -> None:
        self.db = Database(f"sqlite:///{path}")
        await self.db.__aenter__()
        await self.db.create_all()

    async def close(self) -> None:
        await self.db.__aexit__(None, None, None)

    def make(self, values: dict[str, Any]) -> Hero:
        return Hero(**values)

    async def add(self, hero: Hero) -> int:
        return (await Repository(Hero, self.db).add(hero)).id

    async def load(self, key: int) -> Hero:
        return await Repository(Hero, self.db).get(key)

    async def change(self, key: int, name: str, value: Any) -> None:
        heroes = Repository(Hero, self.db)
        hero = await heroes.get(key)
        setattr(hero, name, value)
        await heroes.update(hero)

    async def increment(self, key: int) -> None:
        async with self.db.session() as session:
            heroes = Repository(Hero, session)
            hero = await heroes.get(key)
            await work()
            hero.age = (hero.age or 0) + 1
            await heroes.update(hero)


if __name__ == "__main__":
    main(Andamios())
