"""Create, read, update and delete: a repository stores instances and gives instances back."""

from andamios_orm import Col, Database, Model, Repository, field, generated, run
from andamios_orm.errors import NotFound


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    age: Col[int] = field(ge=0)


async def main() -> None:
    async with Database("sqlite://") as db:
        await db.create_all()
        heroes = Repository(Hero, db)

        # Create. The instance that comes back has the key that the database made.
        ada = await heroes.add(Hero(name="Ada", age=36))
        await heroes.add_all([Hero(name="Grace", age=85), Hero(name="Alan", age=41)])

        # Read. `get` insists, `find` returns None for what is not there.
        assert await heroes.get(ada.id) == ada
        assert await heroes.find(99) is None

        # Update. An instance is a value: nothing is stored before you say so.
        ada.age = 37
        ada = await heroes.update(ada)
        ada = await heroes.patch(ada.id, Hero.age.set(Hero.age + 1))
        assert ada.age == 38
        assert await heroes.where(Hero.age > 40).update(Hero.age.set(40)) == 2

        # Delete.
        await heroes.delete(ada)
        try:
            await heroes.get(ada.id)
        except NotFound as error:
            print(error)

        left = await heroes.order_by(Hero.name).all()
        print(*left, sep="\n")
        assert [(hero.name, hero.age) for hero in left] == [("Alan", 40), ("Grace", 40)]


if __name__ == "__main__":
    run(main())
