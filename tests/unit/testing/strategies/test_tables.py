"""What is drawn for a table is what its columns hold, on the engines that are named."""

import os
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pydantic as p
import pytest
import sqlalchemy as sa
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, NaiveDatetime

from andamios_orm import Col, Create, Model, NotStorable, Patch, Public, field, generated
from andamios_orm.diagrams.fields import dialect_of
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.problems import Tally

DRAWS = 250 if os.environ.get("ANDAMIOS_TEST_DEEP") else 15
ENGINES = ("duckdb", "sqlite", "postgresql", "mariadb", "mysql")

quickly = settings(max_examples=DRAWS, derandomize=True, database=None, deadline=None)
unshrunk = settings(quickly, phases=[Phase.generate])
metadata = sa.MetaData()


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Address(BaseModel):
    city: str
    since: date | None = None
    bits: bytes = b""


class Everything(Model, table=True, metadata=metadata):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=10, unique=True)
    key: Col[str] = field(index=True)
    count: Col[int]
    even: Col[int | None] = field(default=None, ge=0, multiple_of=2)
    size: Col[float]
    open: Col[float] = field(allow_inf_nan=True)
    price: Col[Decimal] = field(max_digits=10, decimal_places=2)
    wide: Col[Decimal]
    flag: Col[bool]
    blob: Col[bytes] = field(max_length=3)
    day: Col[date]
    clock: Col[time]
    at: Col[datetime]
    wall: Col[NaiveDatetime]
    span: Col[timedelta]
    uid: Col[UUID]
    colour: Col[Colour]
    choice: Col[Literal["a", "b"]]
    secret: Col[p.SecretStr]
    url: Col[p.HttpUrl]
    mail: Col[p.EmailStr]
    address: Col[Address]
    anything: Col[Any]
    items: Col[list[Annotated[int, Field(gt=0)]]]
    times: Col[dict[date, datetime]]
    text: Col[p.Json[list[int]]]
    small: Col[int] = field(column_type=sa.SmallInteger())
    usual: Col[int] = field(column_type=sa.Integer())
    short: Col[str] = field(column_type=sa.String(4))
    single: Col[float] = field(column_type=sa.Float())
    money: Col[Decimal] = field(column_type=sa.Numeric(6, 2))
    moment: Col[datetime] = field(column_type=sa.DateTime())
    made: Col[datetime] = generated(role="created_at")


def refused_by(model: type[Model], values: dict[str, Any], engine: str) -> list[str]:
    dialect = dialect_of(engine)
    found = []
    for one in spec_of(model).fields:
        bind = (
            table_of(model).columns[one.column].type.dialect_impl(dialect).bind_processor(dialect)
        )
        try:
            if bind is not None and one.name in values:
                bind(values[one.name])
        except NotStorable:
            found.append(one.name)
    return found


@pytest.mark.parametrize("storable", [True, *ENGINES])
def test_the_columns_hold_every_value(storable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[tuple[str, str]] = []
    monkeypatch.setattr(
        Tally, "refuse", lambda tally, name, judge, **kw: refused.append((name, judge))
    )

    @quickly
    @given(strategies.models(Everything, storable=storable))
    def holds(row: Everything) -> None:
        for engine in ENGINES if storable is True else (storable,):
            assert refused_by(Everything, row.__dict__, engine) == []

    holds()
    assert refused == []


def test_what_no_column_holds_is_drawn_where_nobody_has_to() -> None:
    everything = strategies.models(Everything, storable=False)
    wild = settings(max_examples=2000, derandomize=True, database=None)

    for name in ("count", "key", "at", "day", "span", "anything"):
        find(
            strategies.fields(Everything, name, storable=False),
            _refuses(name),
            settings=wild,
        )
    assert everything is strategies.models(Everything, storable=False)


def _refuses(name: str) -> Callable[[Any], bool]:
    return lambda value: refused_by(Everything, {name: value}, "sqlite") != []


def test_the_database_s_own_values_are_left_out() -> None:
    row = find(strategies.models(Everything), lambda row: True, settings=unshrunk)

    assert "id" not in row.__dict__
    assert "made" not in row.__dict__
    assert isinstance(find(strategies.fields(Everything, "id"), lambda key: True), int)


def _failing() -> int:
    raise LookupError


class Ticket(Model, table=True, metadata=sa.MetaData()):
    """Fields with defaults, of which some are the same each time."""

    id: Col[UUID] = field(primary_key=True, default_factory=uuid4)
    number: Col[int] = field(default_factory=lambda: random.randrange(10**9))  # noqa: S311 - no secret
    made: Col[datetime] = field(default_factory=lambda: datetime.now(UTC))
    failing: Col[int] = field(default_factory=_failing)
    seats: Col[list[int]] = field(default_factory=list)
    title: Col[str] = field(default="")
    label: Col[str] = field(default_factory=lambda data: data["title"].upper())


@quickly
@given(strategies.models(Ticket))
def test_a_default_that_differs_each_time_is_never_left_to_its_factory(ticket: Ticket) -> None:
    assert ticket.model_fields_set >= {"id", "number", "made", "failing"}


def test_a_default_that_is_the_same_each_time_may_be_left_out() -> None:
    same = {"seats", "title", "label"}
    wild = settings(unshrunk, max_examples=2000)

    left_out = find(
        strategies.models(Ticket),
        lambda ticket: same.isdisjoint(ticket.model_fields_set),
        settings=wild,
    )

    assert (left_out.seats, left_out.title, left_out.label) == ([], "", "")


def test_an_override_may_give_what_the_database_makes() -> None:
    given_id = strategies.models(Everything, overrides={"id": st.just(7)})
    row = find(given_id, lambda row: True, settings=unshrunk)

    assert row.id == 7


@pytest.mark.parametrize("variant", [Create[Everything], Patch[Everything], Public[Everything]])
def test_variants(variant: type[BaseModel]) -> None:
    @quickly
    @given(strategies.models(variant))
    def holds(data: BaseModel) -> None:
        given = {name: data.__dict__[name] for name in data.model_fields_set}
        assert refused_by(Everything, given, "mariadb") == []

    holds()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_field_alone(engine: Any) -> None:
    everything = st.fixed_dictionaries(
        {
            name: strategies.fields(Everything, name, storable=engine)
            for name in Everything.model_fields
        }
    )

    @settings(quickly, max_examples=DRAWS // 3)
    @given(everything)
    def holds(values: dict[str, Any]) -> None:
        assert refused_by(Everything, values, engine) == []

    holds()


INFINITE = {"duckdb": "nan inf", "postgresql": "nan inf", "sqlite": "inf"}


@pytest.mark.parametrize("engine", ENGINES)
def test_nan_and_the_infinities_are_drawn_where_they_are_held(engine: Any) -> None:
    seen = set()

    @settings(quickly, max_examples=200)
    @given(strategies.fields(Everything, "open", storable=engine))
    def look(value: float) -> None:
        seen.add(repr(abs(value)))

    look()
    assert {"nan", "inf"} & seen == set(INFINITE.get(engine, "").split())
