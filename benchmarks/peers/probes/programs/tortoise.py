from tortoise import fields
from tortoise.models import Model


class Hero(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
    age = fields.IntField(null=True)


async def queries() -> None:
    await Hero.filter(name__gt=3)  # wrong: a number compared with a text
    await Hero.filter(age__gt="x")  # wrong: a text compared with a number
    await Hero.filter(nmae="Ada")  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await Hero.filter(age__gt=3)  # right: a nullable number compared
    await Hero.filter(name__in=["Ada", "Bob"])  # right: one of several
    await Hero.filter(name__startswith="A")  # right: a pattern
    await Hero.all().order_by("-age")  # right: descending order
