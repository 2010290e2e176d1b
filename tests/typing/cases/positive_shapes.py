"""Shapes, selected values and SQL of the user's own: what each of them gives."""

from decimal import Decimal
from typing import Annotated, Generic, TypeVar, assert_type

import sqlalchemy as sa
from models import Hero, Power, Rank
from pydantic import BaseModel

from andamios_orm import Col, Database, From, Model, Public, Query, Related, RelatedList
from andamios_orm import Repository, Session, Shaped, field, generated, relation

P = TypeVar("P", bound=BaseModel)
T = TypeVar("T")


class Club(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    members: RelatedList["Member"] = relation()


class Member(Model, table=True):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    club_id: Col[int] = field(foreign_key=Club.id)
    club: Related[Club] = relation()


class ClubName(BaseModel):
    name: str


class Card(BaseModel):
    called: Annotated[str, From(Member.name)]
    next_age: Annotated[int | None, From(Member.age + 1)]
    grown: Annotated[bool | None, From(Member.age >= 18)]
    of: Annotated[str, From(Club.name)]
    place: Annotated[int, From(sa.func.row_number().over(order_by=Member.name))]
    club: ClubName


class ClubCard(BaseModel):
    size: Annotated[int, From(Club.members.count())]
    grown: Annotated[int, From(Club.members.where(Member.age >= 18).count())]
    ages: Annotated[int | None, From(sa.func.sum(Member.age))]
    members: Annotated[
        list[ClubName], From(Club.members.where(Member.age > 3).order_by(Member.name).limit(3))
    ]


class Holder(BaseModel, Generic[T]):
    club: T


async def shaped(members: Repository[Member], heroes: Repository[Hero]) -> None:
    cards = members.where(Member.age > 3).into(Card)
    assert_type(cards, Shaped[Card])
    assert_type(await cards.all(), list[Card])
    assert_type(await cards.first(), Card | None)
    assert_type(await cards.one(), Card)
    assert_type(await cards.count(), int)
    assert_type(await cards.exists(), bool)
    assert_type(cards.where(Member.age < 9).order_by(Member.name).limit(1), Shaped[Card])
    assert_type((await members.into(Card).one()).club.name, str)
    assert_type(await members.into(Holder[ClubName]).all(), list[Holder[ClubName]])
    assert_type(await heroes.into(Hero).all(), list[Hero])
    assert_type(await heroes.into(Public[Hero]).all(), list[Hero])
    assert_type(
        await members.into(
            Card, computed={"grown": Member.age > 20, "club.name": sa.func.upper(Member.name)}
        ).all(),
        list[Card],
    )
    assert_type(await members.into(Card, computed={"of": Member.club.to.name}).one(), Card)


async def any_shape(query: Query[Member], shape: type[P]) -> list[P]:
    return await query.into(shape).all()


async def selected(heroes: Repository[Hero], clubs: Repository[Club]) -> None:
    assert_type(await heroes.select(Hero.name), list[str])
    assert_type(await heroes.select(Hero.age), list[int | None])
    assert_type(await heroes.select(Hero.rank), list[Rank])
    assert_type(await heroes.select(Hero.powers), list[list[Power]])
    assert_type(await heroes.select(Hero.id, sa.func.count()), list[tuple[int, int]])
    assert_type(await heroes.where(Hero.age > 3).select(Hero.fee * 2), list[Decimal])
    assert_type(await heroes.select(Hero.name, Hero.age > 3), list[tuple[str, bool]])
    assert_type(await clubs.select(Club.name, Club.members.count()), list[tuple[str, int]])
    assert_type(
        await clubs.select(Club.id, Club.name, Club.name, Club.id, Club.id),
        list[tuple[int, str, str, int, int]],
    )


async def raw(db: Database, session: Session, age: int) -> None:
    text = db.sql("SELECT name FROM club WHERE id > :id", {"id": age}).into(ClubName)
    assert_type(await text.all(), list[ClubName])
    assert_type(await text.first(), ClubName | None)
    assert_type(await text.one(), ClubName)
    assert_type(await session.sql("SELECT 1 AS one").rows(), list[dict[str, object]])
    assert_type(await session.sql(sa.select(Club.name)).into(ClubName).one(), ClubName)
    await db.sql(sa.union(sa.select(Club.name), sa.select(Member.name))).into(ClubName).all()
    await db.sql("SELECT name " + "FROM club").into(ClubName).all()
