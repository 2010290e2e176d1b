from piccolo.columns import Integer, Serial, Varchar
from piccolo.table import Table


class Hero(Table):
    id: Serial
    name = Varchar(length=50)
    age = Integer(null=True)


async def queries() -> None:
    await Hero.objects().where(Hero.name > 3)  # wrong: a number compared with a text
    await Hero.objects().where(Hero.age > "x")  # wrong: a text compared with a number
    await Hero.objects().where(Hero.nmae == "Ada")  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await Hero.objects().where(Hero.age > 3)  # right: a nullable number compared
    await Hero.objects().where(Hero.name.is_in(["Ada", "Bob"]))  # right: one of several
    await Hero.objects().where(Hero.name.like("A%"))  # right: a pattern
    await Hero.objects().order_by(Hero.age, ascending=False)  # right: descending order
