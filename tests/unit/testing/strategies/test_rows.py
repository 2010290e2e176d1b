"""Rows by column, and changes that a row can take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Self

import pytest
import sqlalchemy as sa
from hypothesis import find, given, settings
from hypothesis.errors import Unsatisfiable
from pydantic import Json, model_validator

from andamios_orm import Col, Model, Patch, Tenant, field, generated
from andamios_orm.errors import UsageError
from andamios_orm.testing.strategies import Graph, graph, rows, updates
from andamios_orm.testing.strategies.rows import row_of
from andamios_orm.testing.strategies.uniques import uniques_of
from tests.unit.testing.strategies.linked_models import made

FEW = settings(max_examples=50, derandomize=True, database=None, deadline=None)


EAST = timezone(timedelta(hours=2))


class Base(Model, metadata=sa.MetaData()):
    pass


class Owner(Base, table=True):
    id: Col[int] = generated()


class Note(Base, Tenant, table=True):
    __table_args__ = (sa.UniqueConstraint("tenant_id", "the_word"),)

    id: Col[int] = generated()
    word: Col[str] = field(max_length=1, column="the_word")
    owner_id: Col[int] = field(foreign_key=Owner.id)
    made_by: Col[str | None] = field(default=None, read_only=True)
    at: Col[int] = generated(server_default=sa.text("1"))


class Period(Base, table=True):
    id: Col[int] = generated()
    first: Col[int] = field(ge=0, le=5)
    last: Col[int] = field(ge=0, le=5)

    @model_validator(mode="after")
    def in_order(self) -> Self:
        """The first is not after the last."""
        if self.first > self.last:
            raise ValueError("not in order")
        return self


class Pair(Base, table=True):
    one: Col[int] = field(primary_key=True)
    other: Col[int] = field(primary_key=True, foreign_key=Owner.id)


class Odd(Base, table=True):
    """What must be unique, of kinds that compare in a way of their own."""

    __table_args__ = (
        sa.UniqueConstraint("data"),
        sa.Index(None, sa.text("lower(name)"), "name", unique=True),
    )

    id: Col[int] = generated()
    data: Col[list[float] | dict[str, int]]
    text: Col[Json[list[int]] | None] = field(default=None)
    weight: Col[float] = field(unique=True, allow_inf_nan=True)
    at: Col[datetime] = field(unique=True)
    name: Col[str]
    custom: Col[list[int]] = field(unique=True, column_type=sa.JSON())


NOTE = made(Note, id=1, word="a", owner_id=1)


@FEW
@given(rows(Note))
def test_a_row_has_columns_and_nothing_that_the_database_makes(row: dict[str, Any]) -> None:
    assert (
        {"the_word", "owner_id", "tenant_id"}
        <= row.keys()
        <= {*("the_word", "owner_id", "tenant_id", "made_by")}
    )


@FEW
@given(rows(Period))
def test_a_row_without_a_tenant_has_the_columns_of_its_fields(row: dict[str, Any]) -> None:
    assert row.keys() == {"first", "last"}


def test_an_instance_gives_its_row() -> None:
    assert row_of(NOTE) == {"id": 1, "the_word": "a", "owner_id": 1, "made_by": None}


@FEW
@given(updates(Note))
def test_changes_keep_keys_and_what_others_make(changes: dict[str, Any]) -> None:
    assert changes
    assert changes.keys() <= {"word", "made_by"}


@FEW
@given(updates(Note, read_only=False))
def test_changes_of_a_client(changes: dict[str, Any]) -> None:
    assert changes.keys() == {"word"}
    assert Patch[Note](**changes).model_fields_set == {"word"}


def test_the_smallest_change_is_one_field() -> None:
    found = find(updates(Note), lambda changes: True, settings=FEW)

    assert found in ({"word": ""}, {"made_by": None})


@FEW
@given(updates(Period, of=made(Period, id=1, first=2, last=3)))
def test_a_changed_row_is_valid(changes: dict[str, Any]) -> None:
    values = {"id": 1, "first": 2, "last": 3, **changes}
    assert Period(**values).first <= values["last"]


@FEW
@given(updates(Period))
def test_without_a_row_all_that_validators_see_is_changed(changes: dict[str, Any]) -> None:
    assert changes["first"] <= changes["last"]


def test_a_row_with_validators_is_changed_in_one_field_too() -> None:
    of = made(Period, id=1, first=2, last=3)

    assert find(updates(Period, of=of), lambda changes: True, settings=FEW) == {"first": 0}


def test_a_row_that_is_wrong_already_has_no_changes() -> None:
    of = Period.model_construct(id=1, first=9, last=9)

    with pytest.raises(Unsatisfiable):
        find(updates(Period, of=of).filter(lambda changes: len(changes) == 1), bool, settings=FEW)


@FEW
@given(updates(Note, of=NOTE, among=[NOTE, made(Note, id=2, word="b", owner_id=1)]))
def test_a_change_takes_nothing_that_another_row_has(changes: dict[str, Any]) -> None:
    assert changes.get("word") != "b"


def test_a_model_of_keys_has_nothing_to_change() -> None:
    with pytest.raises(UsageError, match="only keys"):
        updates(Pair)


# ---- what is unique ----------------------------------------------------------------------------


def same(name: str, one: object, two: object) -> bool:
    (unique,) = [u for u in uniques_of(Odd) if u.names == {name}]
    keys = [unique.of({name: value}) for value in (one, two)]
    assert None not in keys
    return keys[0] == keys[1]


@pytest.mark.parametrize(
    ("name", "one", "two", "equal"),
    [
        ("data", [1.0], [1.0], True),
        ("data", {"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("data", [1.0], [2.0], False),
        ("weight", 0.0, -0.0, True),
        ("weight", float("nan"), float("nan"), True),
        ("weight", 1.0, float("nan"), False),
        ("name", "É ", "e", True),
        ("at", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 2, tzinfo=EAST), True),
        ("custom", [1], [1], True),
        ("custom", [1], [2], False),
    ],
)
def test_values_are_as_unique_as_the_least_exact_engine_says(
    name: str, one: object, two: object, equal: bool
) -> None:
    assert same(name, one, two) is equal


def test_null_is_in_nobodys_way() -> None:
    (unique,) = [u for u in uniques_of(Note) if u.names == {"word"}]

    assert unique.of({"word": None}) is None
    assert unique.of({}) is None


def test_rows_of_odd_kinds_are_drawn() -> None:
    most: list[int] = []

    @FEW
    @given(graph(Odd))
    def collect(found: Graph) -> None:
        keys = [row.id for row in found.of(Odd)]
        most[:] = keys if len(keys) > len(most) else most

    collect()
    assert most == [1, 2, 3, 4, 5]


@FEW
@given(graph(Note, storable=False))
def test_what_no_column_holds_is_drawn_if_asked_for(found: Graph) -> None:
    assert all(type(note.word) is str for note in found.of(Note))
