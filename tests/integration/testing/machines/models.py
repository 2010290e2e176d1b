"""Models of each kind that a machine tells apart, and a machine that is driven by hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cache
from typing import Any, Self

import sqlalchemy as sa
from pydantic import model_validator

from andamios_orm import (
    Col,
    Model,
    SoftDelete,
    Timestamps,
    UUIDKey,
    Versioned,
    field,
    generated,
)
from andamios_orm.testing.machines import RepositoryMachine
from andamios_orm.testing.machines.actors import Failed
from andamios_orm.testing.strategies import Filter

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)


class Hero(Model, table=True, metadata=METADATA):
    """A counted key, another key, and a row that it refers to."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    age: Col[int | None] = field(default=None, ge=0)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)


class Seat(Model, table=True, metadata=METADATA):
    """A key of two columns."""

    row: Col[int] = field(primary_key=True)
    letter: Col[str] = field(primary_key=True, max_length=2)
    guest: Col[str | None] = field(default=None, max_length=20)


class Page(SoftDelete, Versioned, Timestamps, table=True, metadata=METADATA):
    """What the library keeps."""

    id: Col[int] = generated()
    title: Col[str] = field(unique=True, max_length=20)
    text: Col[str] = field(default="", max_length=20)


class Ticket(UUIDKey, Versioned, table=True, metadata=METADATA):
    """A key that Python makes, and another that may be missing."""

    title: Col[str] = field(max_length=20)
    place: Col[int | None] = field(default=None, unique=True)


class Span(Model, table=True, metadata=METADATA):
    """A rule for the row as a whole, and a key that a program gives."""

    id: Col[int] = field(primary_key=True)
    first: Col[int]
    last: Col[int] = field(default=9)

    @model_validator(mode="after")
    def in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


class Sign(Model, table=True, metadata=METADATA):
    """A key of which only the database knows when two values are the same."""

    __table_args__ = (sa.Index("ix_sign_words", sa.text("lower(words)"), unique=True),)

    id: Col[int] = field(primary_key=True)
    words: Col[str] = field(max_length=20)


class Locker(Model, table=True, metadata=METADATA):
    """A key of some rows only, where the engine has such keys."""

    __table_args__ = (
        sa.Index(
            "ix_locker_number",
            "number",
            unique=True,
            postgresql_where=sa.text("number > 5"),
            sqlite_where=sa.text("number > 5"),
        ),
    )

    id: Col[int] = field(primary_key=True)
    number: Col[int]


class Weight(Model, table=True, metadata=METADATA):
    """Nothing by which engines sort alike, and nothing that can be changed."""

    kilos: Col[Decimal] = field(primary_key=True, max_digits=6, decimal_places=2)


_machine_of = cache(RepositoryMachine.for_model)


@contextmanager
def by_hand(
    model: type[Model], url: str = "sqlite://", *, faulty: bool = False
) -> Iterator[RepositoryMachine]:
    """A machine for steps that a test chooses; one that is not faulty is right to its end."""
    kind = _machine_of(model, url)
    with kind.playing():
        machine = kind()
        try:
            yield machine
            if not faulty:
                machine.teardown()
        finally:
            for actor in machine.actors:
                if actor.session is not None:
                    with suppress(Exception):
                        actor.lose(Failed("the test has ended"))


def condition(condition: Any, holds: Callable[[Any], bool | None]) -> Filter[Any]:
    """What a program asks for, and what it means."""
    return Filter(condition, holds, repr(condition))


def everything(model: type[Model], name: str = "id") -> Filter[Any]:
    """A condition that all rows meet."""
    return condition(getattr(model, name).is_not_null(), lambda row: True)


def committed(machine: RepositoryMachine) -> list[dict[str, Any]]:
    """What the machine holds to be in the table, of what a program gives."""
    made = {f.name for f in machine.spec.fields if f.server_made}
    return [row.model_dump(exclude=made) for row in machine.table.rows.values()]


def names(machine: RepositoryMachine) -> list[str]:
    return [row["name"] for row in committed(machine)]
