"""Models that refer to each other in every way that foreign keys allow."""

from __future__ import annotations

from datetime import date
from typing import Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import model_validator

from andamios_orm import (
    Col,
    Model,
    SoftDelete,
    Tenant,
    Timestamps,
    UUIDKey,
    Versioned,
    field,
    generated,
)

__all__ = [
    "ALL",
    "Badge",
    "Bicycle",
    "Bolt",
    "City",
    "Country",
    "Document",
    "Folder",
    "Friendship",
    "Invention",
    "Knot",
    "Loop",
    "Passport",
    "Person",
    "Remark",
    "Ring",
    "Seat",
    "Street",
    "Thread",
    "Trip",
    "made",
]


M = TypeVar("M", bound=Model)


def made(model: type[M], **values: object) -> M:
    """Return an instance with a key, which type checkers want the database to make."""
    return model.model_validate(values)


class Row(Model, metadata=sa.MetaData()):
    """What all have in common."""


class Country(Row, table=True):
    code: Col[str] = field(primary_key=True, max_length=3)


class City(Row, table=True):
    """A key of two fields, one of which refers to another table."""

    country: Col[str] = field(primary_key=True, foreign_key=Country.code, max_length=3)
    name: Col[str] = field(primary_key=True, max_length=20)


class Street(Row, table=True):
    """Two references of two fields that share one of them."""

    __table_args__ = (
        sa.ForeignKeyConstraint(["country", "city"], ["city.country", "city.name"]),
        sa.ForeignKeyConstraint(["country", "twin"], ["city.country", "city.name"]),
    )

    id: Col[int] = generated()
    country: Col[str] = field(max_length=3)
    city: Col[str] = field(max_length=20)
    twin: Col[str | None] = field(default=None, max_length=20)


class Person(Row, table=True):
    """A tree."""

    id: Col[int] = generated()
    name: Col[str | None] = field(default=None, unique=True, max_length=30)
    parent_id: Col[int | None] = field(default=None, foreign_key="Person.id")


class Passport(Row, table=True):
    """One for each person at most."""

    number: Col[UUID] = field(primary_key=True)
    person_id: Col[int] = field(foreign_key=Person.id, unique=True)


class Badge(Row, table=True):
    """Its key is the key of another row."""

    person_id: Col[int] = field(primary_key=True, foreign_key=Person.id)
    weight: Col[float | None] = field(default=None, unique=True)


class Friendship(Row, table=True):
    """A link table, to the same table twice."""

    one: Col[int] = field(primary_key=True, foreign_key=Person.id)
    other: Col[int] = field(primary_key=True, foreign_key=Person.id)
    since: Col[date]


class Seat(Row, table=True):
    """What must be unique together, some of it null, and by an index."""

    __table_args__ = (
        sa.UniqueConstraint("person_id", "row"),
        sa.Index(None, "row", "place", unique=True),
    )

    id: Col[int] = generated()
    person_id: Col[int | None] = field(default=None, foreign_key=Person.id)
    row: Col[int] = field(ge=1, le=2)
    place: Col[bool | None] = field(default=None)


class Invention(Row, UUIDKey, table=True):
    """A key that is made in Python, and a text whose collation is the server's."""

    name: Col[str] = field(unique=True, column_type=sa.String(60), max_length=60)


class Remark(Row, table=True):
    """Exactly one of two references."""

    id: Col[int] = generated()
    person_id: Col[int | None] = field(default=None, foreign_key=Person.id)
    invention_id: Col[UUID | None] = field(default=None, foreign_key=Invention.id)

    @model_validator(mode="after")
    def one_subject(self) -> Self:
        """There is one subject."""
        if (self.person_id is None) == (self.invention_id is None):
            raise ValueError("a remark is about one thing")
        return self


class Trip(Row, table=True):
    """Neither engine nor strategy knows what the CHECK asks for but the database."""

    __table_args__ = (sa.CheckConstraint("first <= last", name="in_order"),)

    id: Col[int] = generated()
    first: Col[int] = field(ge=0, le=3)
    last: Col[int] = field(ge=0, le=3)


class Folder(Row, Tenant, SoftDelete, table=True):
    """Rows of tenants."""

    __table_args__ = (sa.UniqueConstraint("tenant_id", "id"),)

    id: Col[int] = generated()


class Document(Row, Tenant, Versioned, Timestamps, table=True):
    """A reference with the tenant in it, and a name that is unique within one."""

    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "name"),
        sa.ForeignKeyConstraint(["tenant_id", "folder_id"], ["folder.tenant_id", "folder.id"]),
    )

    id: Col[int] = generated()
    folder_id: Col[int]
    name: Col[str] = field(max_length=20)


class Loop(Row, table=True):
    """It refers to a row that refers back."""

    id: Col[int] = generated()
    ring_id: Col[int | None] = field(default=None, foreign_key="Ring.id", unique=True)


class Ring(Row, table=True):
    id: Col[int] = generated()
    loop_id: Col[int | None] = field(default=None, foreign_key="Loop.id")
    other_id: Col[int | None] = field(default=None, foreign_key="Loop.id")


class Thread(Row, table=True):
    """It requires what may refer to it."""

    id: Col[int] = generated()
    knot_id: Col[int] = field(foreign_key="Knot.id")


class Knot(Row, table=True):
    id: Col[int] = generated()
    last_id: Col[int | None] = field(default=None, foreign_key="Thread.id")


class Bolt(Row, table=True):
    """The first row refers to itself."""

    id: Col[int] = generated()
    next_id: Col[int] = field(foreign_key="Bolt.id")


class Bicycle(Row, table=True):
    """A key that the database would make, which others refer to."""

    id: Col[UUID] = generated(server_default=sa.text("'0'"), primary_key=True)
    model_year: Col[int] = generated(server_default=sa.text("2000"))


ALL = (
    Badge,
    City,
    Country,
    Friendship,
    Invention,
    Passport,
    Person,
    Remark,
    Seat,
    Street,
)
"""Those that every engine can have, and whose rows need no tenant and pass every CHECK."""
