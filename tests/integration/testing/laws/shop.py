"""Models of every kind that a law has to hold for, few fields each."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Self
from uuid import UUID

import sqlalchemy as sa
from pydantic import (
    AwareDatetime,
    BaseModel,
    NaiveDatetime,
    StringConstraints,
    model_validator,
)

from andamios_orm import (
    Col,
    Model,
    Related,
    RelatedList,
    SoftDelete,
    Tenant,
    Timestamps,
    UUIDKey,
    Versioned,
    field,
    generated,
    relation,
)


class Table(Model, metadata=sa.MetaData()):
    """What they have in common: a database of their own."""


class Team(Table, table="laws_team"):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    city: Col[str | None] = field(default=None, max_length=20)
    heroes: RelatedList["Hero"] = relation()


class Hero(Table, table="laws_hero"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    secret_name: Col[str] = field(default="", max_length=20, secret=True)
    age: Col[int | None] = field(default=None, ge=0)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id, on_delete="SET NULL")
    team: Related[Team | None] = relation()


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Part(BaseModel):
    name: str
    number: int = 1


class Lot(Table, table="laws_lot"):
    """A key of two columns, one of them with another name than its field."""

    year: Col[int] = field(primary_key=True, ge=1900, le=2100)
    number: Col[str] = field(primary_key=True, max_length=5, column="no")
    size: Col[Size] = field(default=Size.SMALL)
    weight: Col[float | None] = field(default=None)
    price: Col[Decimal] = field(default=Decimal(0), max_digits=8, decimal_places=2)


class Item(UUIDKey, Table, table="laws_item"):
    """All kinds of columns, a foreign key of two of them, and an alias."""

    lot_year: Col[int | None] = field(default=None)
    lot_number: Col[str | None] = field(default=None, max_length=5)
    label: Col[str] = field(default="", max_length=20, alias="itemLabel")
    seen: Col[AwareDatetime | None] = field(default=None)
    planned: Col[NaiveDatetime | None] = field(default=None)
    day: Col[date | None] = field(default=None)
    clock: Col[time | None] = field(default=None)
    lasts: Col[timedelta] = field(default=timedelta(0))
    code: Col[bytes] = field(default=b"", max_length=8)
    flag: Col[bool | None] = field(default=None)
    serial: Col[UUID | None] = field(default=None)
    parts: Col[list[Part]] = field(default_factory=list)
    maker: Col[str] = field(default="", read_only=True, max_length=10)
    __table_args__ = (
        sa.ForeignKeyConstraint(["lot_year", "lot_number"], ["laws_lot.year", "laws_lot.no"]),
    )


class Tag(Table, table="laws_tag"):
    word: Col[str] = field(primary_key=True, max_length=10)
    items: RelatedList[Item] = relation(through="ItemTag")


class ItemTag(Table, table="laws_item_tag"):
    """A link without fields of its own."""

    item_id: Col[UUID] = field(primary_key=True, foreign_key=Item.id)
    tag_word: Col[str] = field(primary_key=True, foreign_key=Tag.word, max_length=10)


class Node(Table, table="laws_node"):
    """Rows that refer to rows of the same table."""

    id: Col[int] = field(primary_key=True)
    rank: Col[int] = field(default=0)
    parent_id: Col[int | None] = field(default=None, foreign_key="Node.id")
    parent: Related["Node | None"] = relation()
    children: RelatedList["Node"] = relation(order_by=("rank", "-id"))


class Page(Versioned, Timestamps, SoftDelete, Table, table="laws_page"):
    id: Col[int] = generated()
    title: Col[str] = field(max_length=20)
    notes: RelatedList["Note"] = relation()


class Note(Tenant, Versioned, Table, table="laws_note"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    text: Col[Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)]] = field(
        default=""
    )
    page_id: Col[int | None] = field(default=None, foreign_key=Page.id)
    page: Related[Page | None] = relation()
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)


class Span(Table, table="laws_span"):
    """A row that is judged as a whole, and a value that the database makes."""

    id: Col[int] = generated()
    first: Col[int] = field(default=0, ge=-9, le=9)
    last: Col[int] = field(default=0, ge=-9, le=9)
    kept: Col[str] = field(default="", max_length=5, frozen=True)
    made: Col[datetime] = generated(server_default=sa.func.now())

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


HEROES: tuple[type[Model], ...] = (Team, Hero)
LOTS: tuple[type[Model], ...] = (Lot, Item, Tag, ItemTag)
KEPT: tuple[type[Model], ...] = (Node, Page, Note, Span)
