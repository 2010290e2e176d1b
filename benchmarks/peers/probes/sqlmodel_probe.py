"""SQLModel: values are checked by `model_validate`, as its tutorial does it for requests.

Its documentation has no typed JSON column, so `powers` is SQLAlchemy's JSON with plain dicts.
"""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import ConfigDict
from questions import Increment, Library, Make, Variant, good, main, work
from sqlalchemy import CheckConstraint
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import JSON, Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


class Kind(str, Enum):
    mage = "mage"
    warrior = "warrior"


class HeroBase(SQLModel):
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Kind
    price: Decimal = Field(max_digits=10, decimal_places=2)
    powers: list[dict[str, Any]] = Field(sa_type=JSON)
    at: datetime


class Hero(HeroBase, table=True):
    id: int | None = Field(default=None, primary_key=True)


class CheckingHero(HeroBase, table=True):
    __tablename__ = "checking_hero"
    model_config = ConfigDict(validate_assignment=True)
    id: int | None = Field(default=None, primary_key=True)


class Checked(SQLModel, table=True):
    __table_args__ = (CheckConstraint("age >= 0"),)
    id: int | None = Field(default=None, primary_key=True)
    age: int


class Sqlmodel(Library):
    async def open(self, path: Path) -> None:
        url = f"sqlite+aiosqlite:///{path}"
        self.engine = create_async_engine(url)
        # What SQLAlchemy's page on SQLite recommends for transactions that begin with a read.
        self.careful_engine = create_async_engine(url, connect_args={"autocommit": False})
        async with self.engine.begin() as connection:
            await connection.run_sync(SQLModel.metadata.create_all)

    async def close(self) -> None:
        await self.engine.dispose()
        await self.careful_engine.dispose()

    def make(self, values: dict[str, Any]) -> Hero:
        return Hero.model_validate(plain(values))

    def other_ways(self) -> dict[str, Make]:
        return {"by the constructor": lambda values: Hero(**plain(values))}

    async def add(self, hero: Any) -> int:
        async with AsyncSession(self.engine) as session:
            session.add(hero)
            await session.commit()
            await session.refresh(hero)
            assert hero.id is not None
            return hero.id

    async def load(self, key: int) -> Hero:
        async with AsyncSession(self.engine) as session:
            return await session.get_one(Hero, key)

    async def change(self, key: int, name: str, value: Any) -> None:
        await self.change_of(Hero, key, name, value)

    async def change_of(self, model: Any, key: int, name: str, value: Any) -> None:
        async with AsyncSession(self.engine) as session:
            hero = await session.get_one(model, key)
            setattr(hero, name, value)
            session.add(hero)
            await session.commit()

    def variants(self) -> list[Variant]:
        return [
            Variant(
                "with validate_assignment=True",
                "checking_hero",
                lambda: self.add(CheckingHero.model_validate(plain(good()))),
                lambda key, name, value: self.change_of(CheckingHero, key, name, value),
            )
        ]

    async def create_checked(self) -> str:
        return "checked"

    async def increment(self, key: int) -> None:
        await self.increment_on(self.engine, key)

    async def increment_careful(self, key: int) -> None:
        await self.increment_on(self.careful_engine, key)

    async def increment_on(self, engine: AsyncEngine, key: int) -> None:
        async with AsyncSession(engine) as session:
            hero = await session.get_one(Hero, key)
            await work()
            hero.age = (hero.age or 0) + 1
            session.add(hero)
            await session.commit()

    def careful(self) -> dict[str, Increment]:
        return {'connect_args={"autocommit": False}': self.increment_careful}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "powers": [power.model_dump() for power in values["powers"]]}


if __name__ == "__main__":
    main(Sqlmodel())
