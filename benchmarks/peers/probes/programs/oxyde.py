from oxyde import Field, Model


class Hero(Model):
    id: int | None = Field(default=None, db_pk=True)
    name: str = Field(max_length=50)
    age: int | None = Field(default=None, ge=0)

    class Meta:
        is_table = True


async def queries() -> None:
    await Hero.objects.filter(name__gt=3).all()  # wrong: a number compared with a text
    await Hero.objects.filter(age__gt="x").all()  # wrong: a text compared with a number
    await Hero.objects.filter(nmae="Ada").all()  # wrong: no such column
    Hero(name=3)  # wrong: a number for a text
    await Hero.objects.filter(age__gt=3).all()  # right: a nullable number compared
    await Hero.objects.filter(name__in=["Ada", "Bob"]).all()  # right: one of several
    await Hero.objects.filter(name__startswith="A").all()  # right: a pattern
    await Hero.objects.order_by("-age").all()  # right: descending order
