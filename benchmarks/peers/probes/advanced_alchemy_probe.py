"""Advanced Alchemy: a service takes Pydantic schemas, a declarative class is the table."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from advanced_alchemy.base import BigIntBase
from advanced_alchemy.config import AsyncSessionConfig, EngineConfig, SQLAlchemyAsyncConfig
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from advanced_alchemy.service import SQLAlchemyAsyncRepositoryService
from advanced_alchemy.types import DateTimeUTC, JsonB
from pydantic import BaseModel, Field
from questions import Increment, Library, Power, main, work
from sqlalchemy import CheckConstraint, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column


class Hero(BigIntBase):
    __tablename__ = "hero"
    name: Mapped[str] = mapped_column(String(50))
    age: Mapped[int | None] = mapped_column(default=None)
    kind: Mapped[Literal["mage", "warrior"]]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    powers: Mapped[list[dict[str, Any]]] = mapped_column(JsonB)
    at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))


class Checked(BigIntBase):
    __tablename__ = "checked"
    __table_args__ = (CheckConstraint("age >= 0", name="age_not_negative"),)
    age: Mapped[int]


class HeroSchema(BaseModel):
    name: str = Field(min_length=3, max_length=50)
    age: int | None = Field(default=None, ge=0)
    kind: Literal["mage", "warrior"]
    price: Decimal = Field(max_digits=10, decimal_places=2)
    powers: list[Power]
    at: datetime


class HeroService(SQLAlchemyAsyncRepositoryService[Hero]):
    class Repo(SQLAlchemyAsyncRepository[Hero]):
        model_type = Hero

    repository_type = Repo


class AdvancedAlchemy(Library):
    async def open(self, path: Path) -> None:
        self.config = SQLAlchemyAsyncConfig(
            connection_string=f"sqlite+aiosqlite:///{path}",
            session_config=AsyncSessionConfig(expire_on_commit=False),
        )
        # What SQLAlchemy's page on SQLite recommends for transactions that begin with a read.
        self.careful_config = SQLAlchemyAsyncConfig(
            connection_string=f"sqlite+aiosqlite:///{path}",
            session_config=AsyncSessionConfig(expire_on_commit=False),
            engine_config=EngineConfig(connect_args={"autocommit": False}),
        )
        async with self.config.get_engine().begin() as connection:
            await connection.run_sync(Hero.metadata.create_all)

    async def close(self) -> None:
        await self.config.get_engine().dispose()
        await self.careful_config.get_engine().dispose()

    def make(self, values: dict[str, Any]) -> HeroSchema:
        return HeroSchema.model_validate(values)

    async def add(self, hero: HeroSchema) -> int:
        async with HeroService.new(config=self.config) as service:
            return (await service.create(hero, auto_commit=True)).id

    async def load(self, key: int) -> Hero:
        async with HeroService.new(config=self.config) as service:
            return await service.get(key)

    async def change(self, key: int, name: str, value: Any) -> None:
        async with HeroService.new(config=self.config) as service:
            hero = await service.get(key)
            setattr(hero, name, value)
            await service.update(hero, auto_commit=True)

    async def create_checked(self) -> str:
        return "checked"

    async def increment(self, key: int) -> None:
        await self.increment_on(self.config, key)

    async def increment_careful(self, key: int) -> None:
        await self.increment_on(self.careful_config, key)

    async def increment_on(self, config: SQLAlchemyAsyncConfig, key: int) -> None:
        async with config.get_session() as session, session.begin():
            service = HeroService(session=session)
            hero = await service.get(key)
            await work()
            hero.age = (hero.age or 0) + 1
            await service.update(hero)

    def careful(self) -> dict[str, Increment]:
        return {'connect_args={"autocommit": False}': self.increment_careful}


if __name__ == "__main__":
    main(AdvancedAlchemy())
