"""Classes: fields, defaults, keys, mixins, generics, and the parameters that they give."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, Self, TypeVar, assert_type
from uuid import UUID

import sqlalchemy as sa
from models import Hero, Power, Rank, Team
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, computed_field, field_validator

from andamios_orm import Col, Model, UUIDKey, field, generated, register_type, uuid7
from andamios_orm.queries.expressions import Attr, Condition

# -- construction: without the generated key, the others by name

ada = Hero(name="Ada")
Hero(name="Ada", age=36, rank=Rank.VETERAN, powers=[Power(name="foresight")], plain="p")
Hero(name="Ada", age=None, team_id=None, kind="robot", active=False)
assert_type(ada.model_copy(update={"age": 3}), Hero)
assert_type(Hero.model_validate({"id": 7, "name": "Ada"}), Hero)
assert_type(TypeAdapter(list[Hero]).validate_python([]), list[Hero])

# -- mixins and inheritance


class Named(Model, extra="forbid", str_strip_whitespace=True):
    name: Col[str] = field(max_length=50)

    @property
    def shout(self) -> str:
        return self.name.upper()


class Timestamps(Model):
    created: Col[datetime] = field(default_factory=lambda: datetime.now(UTC))
    stored: Col[datetime] = generated(server_default=sa.func.now())


class Ship(Named, Timestamps, UUIDKey, table="ships", schema="fleet"):
    model_config = ConfigDict(frozen=True)

    length: Col[Annotated[float, Field(gt=0)]]
    call_sign: Col[Annotated[str, Field(max_length=8)]]

    @computed_field
    def label(self) -> str:
        return f"{self.name} ({self.call_sign})"

    @field_validator("call_sign")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()

    @classmethod
    def small(cls) -> Condition:
        return cls.length < 10

    def renamed(self, name: str) -> Self:
        return self.model_copy(update={"name": name})


ship = Ship(name="Nautilus", length=3.5, call_sign="NT")
assert_type(Ship.id, Attr[UUID])
assert_type(Ship.name, Attr[str])
assert_type(Ship.stored > datetime(2020, 1, 1), Condition)
assert_type(Ship.call_sign.like("N%"), Condition)
assert_type(Ship.length > 3.5, Condition)
assert_type(Ship.small(), Condition)
assert_type(ship.id, UUID)
assert_type(ship.shout, str)
assert_type(ship.renamed("Argo"), Ship)
assert_type(uuid7(), UUID)


def stored(ship: Ship) -> datetime:
    return assert_type(ship.stored, datetime)


class Boat(Ship, table=True, metadata=sa.MetaData()):
    oars: Col[int] = field(default=2, gt=0, column="number_of_oars", comment="in pairs")


assert_type(Boat(name="Argo", length=2, call_sign="A", oars=4).oars, int)
assert_type(Boat.name.in_(["Argo"]), Condition)
assert_type(Boat.oars, Attr[int])

# -- keys


class Membership(Model, table=True):
    hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id, on_delete="CASCADE")
    team_id: Col[int] = field(primary_key=True, foreign_key="Team.id")
    since: Col[int | None] = field(default=None, server_default=sa.text("2020"))


assert_type(Membership(hero_id=1, team_id=2), Membership)
assert_type(Membership.hero_id == Hero.id, Condition)

# -- what a field takes


class Everything(Model, table="everything"):
    id: Col[int] = generated(primary_key=True, comment="counted", column="number")
    made: Col[datetime] = generated(server_default=sa.func.now(), index=True)
    words: Col[list[str]] = field(default_factory=list, min_length=0, max_length=9)
    slug: Col[str] = field(
        default_factory=lambda data: "-".join(data["words"]), pattern="^[a-z-]*$", unique=True
    )
    mail: Col[str] = field(alias="e-mail", title="Mail", examples=["a@example.org"], repr=False)
    code: Col[str] = field(column_type=sa.String(8), strict=True, exclude=True, secret=True)
    price: Col[float | None] = field(default=None, gt=0, le=9.5, multiple_of=0.5, frozen=True)
    paid: Col[Decimal] = field(max_digits=9, decimal_places=2, multiple_of=Decimal("0.05"))
    note: Col[str] = field(default="", json_schema_extra={"format": "text"}, deprecated="gone")
    parent: Col[int | None] = field(default=None, foreign_key="Everything.id", on_delete="SET NULL")


assert_type(Everything.price.is_null(), Condition)
assert_type(Everything.words, Attr[list[str]])

# -- generics

T = TypeVar("T")
M = TypeVar("M", bound=Model)
N = TypeVar("N", bound=Named)


class Box(Model, Generic[T]):
    content: Col[T]


class IntBox(Box[int], table=True):
    id: Col[int] = generated()
    content: Col[int] = field(default=0)


assert_type(IntBox(content=3).content, int)
assert_type(IntBox.content > 3, Condition)


def called(model: type[N], name: str) -> Condition:
    return model.name == name


def make(model: Callable[..., M], name: str) -> M:
    return model(name=name)


assert_type(called(Ship, "Argo"), Condition)
assert_type(make(Team, "Preventers"), Team)

# -- a plain schema, and a type of one's own


class Named2(BaseModel):
    name: str


Named2.model_validate(ada, from_attributes=True)


class Era:
    def __init__(self, year: int) -> None:
        self.year = year


register_type(Era, sa.Integer, encode=lambda era: era.year, decode=Era)
register_type(UUID, sa.String(36))
