"""The models that the other programs ask about."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Literal, NewType
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import (
    Col,
    Model,
    Related,
    RelatedList,
    SoftDelete,
    Tenant,
    Timestamps,
    Versioned,
    field,
    generated,
    relation,
)

Email = NewType("Email", str)


class Rank(Enum):
    ROOKIE = 1
    VETERAN = 2


class Power(BaseModel):
    name: str
    level: int = 1


class City(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    teams: RelatedList["Team"] = relation(order_by="-name")


class Team(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    city_id: Col[int | None] = field(default=None, foreign_key=City.id)
    city: Related[City | None] = relation()
    heroes: RelatedList["Hero"] = relation(order_by=lambda: (Hero.name, Hero.age.desc()))


class Note(Tenant, Versioned, SoftDelete, Timestamps, table=True):
    id: Col[int] = generated()
    text: Col[str]


class Hero(Model, table=True):
    id: Col[int] = generated()
    name: Col[str] = field(index=True, max_length=50)
    nickname: Col[str | None] = field(default=None)
    age: Col[int | None] = field(default=None, ge=0)
    height: Col[float] = field(default=1.7)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=10, decimal_places=2)
    active: Col[bool] = field(default=True)
    retired: Col[bool | None] = field(default=None)
    email: Col[Email | None] = field(default=None)
    kind: Col[Literal["human", "robot"]] = field(default="human")
    rank: Col[Rank] = field(default=Rank.ROOKIE)
    token: Col[UUID | None] = field(default=None)
    powers: Col[list[Power]] = field(default_factory=list)
    joined: Col[datetime] = generated(server_default=sa.func.now())
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id, on_delete="SET NULL")
    team: Related[Team | None] = relation(fk="team_id")
    badge: Related["Badge | None"] = relation()
    skills: RelatedList["Skill"] = relation(through="HeroSkill")
    plain: str = "a column too, without typed operators"


class Badge(Model, table=True):
    id: Col[int] = generated()
    number: Col[int] = field(default=0)
    hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)
    hero: Related[Hero] = relation()


class Skill(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    heroes: RelatedList[Hero] = relation(through="HeroSkill", fk="skill_id")


class HeroSkill(Model, table=True):
    hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)
    skill_id: Col[int] = field(primary_key=True, foreign_key=Skill.id)
