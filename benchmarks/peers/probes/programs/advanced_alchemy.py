from advanced_alchemy.base import BigIntBase
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column


class Hero(BigIntBase):
    name: Mapped[str] = mapped_column(String(50))
    age: Mapped[int | None] = mapped_column(default=None)


class HeroRepository(SQLAlchemyAsyncRepository[Hero]):
    model_type = Hero


async def queries(heroes: HeroRepository) -> None:
    await heroes.get_many(Hero.name > 3)  # wrong: a number compared with a text
    await heroes.get_many(Hero.age > "x")  # wrong: a text compared with a number
    await heroes.get_many(Hero.nmae == "Ada")  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await heroes.get_many(Hero.age > 3)  # right: a nullable number compared
    await heroes.get_many(Hero.name.in_(["Ada", "Bob"]))  # right: one of several
    await heroes.get_many(Hero.name.startswith("A"))  # right: a pattern
    await heroes.get_many(order_by=Hero.age.desc())  # right: descending order
