from andamios_orm import Col, Database, Model, Repository, field, generated


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    age: Col[int | None] = field(default=None, ge=0)


async def queries(db: Database) -> None:
    heroes = Repository(Hero, db)
    await heroes.where(Hero.name > 3).all()  # wrong: a number compared with a text
    await heroes.where(Hero.age > "x").all()  # wrong: a text compared with a number
    await heroes.where(Hero.nmae == "Ada").all()  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await heroes.where(Hero.age > 3).all()  # right: a nullable number compared
    await heroes.where(Hero.name.in_(["Ada", "Bob"])).all()  # right: one of several
    await heroes.where(Hero.name.startswith("A")).all()  # right: a pattern
    await heroes.order_by(Hero.age.desc()).all()  # right: descending order
