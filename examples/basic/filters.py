"""Say which rows: conditions are Python expressions on the model, checked by your type checker."""

from collections.abc import Iterable

from andamios_orm import Col, Database, Model, Repository, field, generated, run


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(index=True, max_length=50)
    city: Col[str | None] = field(default=None)
    age: Col[int] = field(ge=0)


HEROES = [
    Hero(name="Ada", city="London", age=36),
    Hero(name="Alan", city="London", age=41),
    Hero(name="Grace", city="New York", age=85),
    Hero(name="Hedy", age=85),
]


def names(heroes: Iterable[Hero]) -> list[str]:
    return [hero.name for hero in heroes]


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        heroes = Repository(Hero, db)
        await heroes.add_all(HEROES)
        by_name = heroes.order_by(Hero.name)

        # Conditions side by side must all hold; `|` is or, `~` is not.
        old_londoners = by_name.where(Hero.city == "London", Hero.age > 40)
        assert names(await old_londoners.all()) == ["Alan"]
        either = by_name.where((Hero.name == "Ada") | (Hero.age > 80))
        assert names(await either.all()) == ["Ada", "Grace", "Hedy"]

        # Text, lists, ranges, and rows without a value.
        assert names(await by_name.where(Hero.name.startswith("A")).all()) == ["Ada", "Alan"]
        assert names(await by_name.where(Hero.name.in_(["Ada", "Hedy"])).all()) == ["Ada", "Hedy"]
        assert names(await by_name.where(Hero.age.between(36, 41)).all()) == ["Ada", "Alan"]
        assert names(await by_name.where(Hero.city.is_null()).all()) == ["Hedy"]

        # Sort, cut, and ask for less than all rows. A query is a value: keep it, refine it.
        oldest = heroes.order_by(Hero.age.desc(), Hero.name)
        print(await oldest.first())
        assert names(await oldest.offset(1).limit(2).all()) == ["Hedy", "Alan"]
        assert await old_londoners.count() == 1
        assert not await old_londoners.where(Hero.name == "Ada").exists()


if __name__ == "__main__":
    run(main())
