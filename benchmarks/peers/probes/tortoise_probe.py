"""Tortoise ORM: fields carry validators, which run when an object is saved."""

from enum import Enum
from pathlib import Path
from typing import Any

from questions import Library, Power, main, work
from tortoise import Tortoise, connections, fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor
from tortoise.models import Model
from tortoise.transactions import in_transaction
from tortoise.validators import MinLengthValidator, MinValueValidator


class Kind(str, Enum):
    mage = "mage"
    warrior = "warrior"


class Hero(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50, validators=[MinLengthValidator(3)])
    age = fields.IntField(null=True, validators=[MinValueValidator(0)])
    kind = fields.CharEnumField(Kind)
    price = fields.DecimalField(max_digits=10, decimal_places=2)
    powers = fields.JSONField[list[dict[str, Any]]]()
    at = fields.DatetimeField()

    class Meta:
        table = "hero"


class OnePower(Model):
    """`field_type` takes one model; there is no documented form for a list of models."""

    id = fields.IntField(primary_key=True)
    power = fields.JSONField[Power](field_type=Power)


class Checked(Model):
    id = fields.IntField(primary_key=True)
    age = fields.IntField()

    class Meta:
        table = "checked"
        constraints = [CheckConstraint(check="age >= 0", name="age_not_negative")]


class TortoiseOrm(Library):
    async def open(self, path: Path) -> None:
        await Tortoise.init(db_url=f"sqlite://{path}", modules={"models": ["__main__"]})
        await Tortoise.generate_schemas()

    async def close(self) -> None:
        await Tortoise.close_connections()

    def make(self, values: dict[str, Any]) -> Hero:
        return Hero(**{**values, "powers": [power.model_dump() for power in values["powers"]]})

    async def add(self, hero: Hero) -> int:
        await hero.save()
        return hero.id

    async def load(self, key: int) -> Hero:
        return await Hero.get(id=key)

    async def change(self, key: int, name: str, value: Any) -> None:
        hero = await Hero.get(id=key)
        setattr(hero, name, value)
        await hero.save()

    async def create_checked(self) -> str:
        """Its migrations write the CHECK; `generate_schemas` leaves it out."""
        connection = connections.get("default")
        await SqliteSchemaEditor(connection).add_constraint(Checked, Checked._meta.constraints[0])
        return "checked"

    async def increment(self, key: int) -> None:
        async with in_transaction():
            hero = await Hero.get(id=key)
            await work()
            hero.age = (hero.age or 0) + 1
            await hero.save()


if __name__ == "__main__":
    main(TortoiseOrm())
