from ferro import Field, Model


class Hero(Model):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=50)
    age: int | None = Field(default=None, ge=0)


async def queries() -> None:
    await Hero.where(lambda hero: hero.name > 3).all()  # wrong: a number compared with a text
    await Hero.where(lambda hero: hero.age > "x").all()  # wrong: a text compared with a number
    await Hero.where(lambda hero: hero.nmae == "Ada").all()  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await Hero.where(lambda hero: hero.age > 3).all()  # right: a nullable number compared
    await Hero.where(lambda hero: hero.name.in_(["Ada", "Bob"])).all()  # right: one of several
    await Hero.where(lambda hero: hero.name.like("A%")).all()  # right: a pattern
    await Hero.select().order_by(lambda hero: hero.age, "desc").all()  # right: descending order
