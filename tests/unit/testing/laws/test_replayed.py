"""The laws about storing, replayed with one example each, and several laws at once."""

import dataclasses
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from andamios_orm import Col, Model, field, generated
from andamios_orm.errors import UsageError
from andamios_orm.testing import laws
from andamios_orm.testing.laws import Broken, Law, LawBroken, Playground, Violation

METADATA = sa.MetaData()
SQLITE = "sqlite://"


class Club(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]


class Member(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    club_id: Col[int | None] = field(default=None, foreign_key=Club.id)


class Link(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    next_id: Col[int | None] = field(default=None, foreign_key="Link.id")


@dataclasses.dataclass
class Part:
    data: bytes


class Inside(BaseModel):
    shown: int
    hidden: Annotated[int, Field(exclude=True)] = 0


class Odd(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(default="x")
    data: Col[bytes] = field(default=b"")
    ratio: Col[float] = field(default=0.0)
    token: Col[SecretStr] = field(default=SecretStr(""))
    parts: Col[list[Part]] = field(default_factory=list)
    inside: Col[Inside] = field(default_factory=lambda: Inside(shown=1))
    tokens: Col[dict[str, SecretStr]] = field(default_factory=dict)


class Priced(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=6, decimal_places=2, ge=0)
    large: Col[Decimal] = field(default=Decimal(0), ge=0)
    paid: Col[bool] = field(default=False)


class Flag(Model, table=True, metadata=METADATA):
    color: Col[Literal["red", "blue"]] = field(primary_key=True)


class Mast(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    color: Col[Literal["red", "blue"]] = field(foreign_key=Flag.color)


def made(model: type[Model], **values: Any) -> Model:
    return model.model_validate(values)


def test_what_is_refused_before_sql_keeps_the_law_and_so_do_rows_that_refer_to_it() -> None:
    refused = made(Club, id=1, name="a\0b")

    laws.roundtrip.replay(SQLITE, [refused, made(Member, id=1, club_id=1)])


def test_a_row_without_the_one_it_refers_to_breaks_the_law() -> None:
    with pytest.raises(LawBroken, match="ForeignKeyViolation"):
        laws.roundtrip.replay(SQLITE, [made(Member, id=1, club_id=5)])


def test_a_reference_to_a_later_row_is_set_when_that_row_is_there() -> None:
    rows = [made(Link, id=1, next_id=2), made(Link, id=2)]

    laws.roundtrip.replay(SQLITE, rows)


def test_a_reference_to_a_later_row_that_is_refused_is_not_set() -> None:
    laws.roundtrip.replay(SQLITE, [made(Link, id=1, next_id=2**70), made(Link, id=2**70)])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"data": b"\xff"},
        {"data": b"text"},
        {"ratio": 1.5},
        {"parts": [Part(b"text")]},
        {"inside": Inside(shown=2, hidden=0)},
        {"tokens": {"a": SecretStr("b")}},
    ],
    ids=str,
)
def test_what_json_has_no_form_for_is_left_out(values: dict[str, Any]) -> None:
    laws.json_roundtrip.replay(SQLITE, [made(Odd, id=1, **values)])


@pytest.mark.parametrize(
    "violation",
    [
        Violation(0, "price", "ge", Decimal("-0.01")),
        Violation(0, "price", "places", Decimal("0.011")),
        Violation(0, "large", "ge", Decimal("-1")),
        Violation(0, "large", "not_null", None),
        Violation(0, "paid", "boolean", 7),
    ],
    ids=lambda violation: f"{violation.field}-{violation.rule}",
)
def test_a_value_that_breaks_a_rule_is_refused(violation: Violation) -> None:
    laws.constraint_parity.replay(SQLITE, [made(Priced, id=1, price="1.00")], violation)


def test_a_value_that_no_other_row_can_have_is_refused_as_a_reference_too() -> None:
    rows = [made(Flag, color="red"), made(Mast, id=1, color="red")]

    for url in (SQLITE, "duckdb://"):
        laws.constraint_parity.replay(url, rows, Violation(1, "color", "one_of", "green"))


def test_a_number_is_sent_as_the_engine_has_it() -> None:
    below = Violation(0, "price", "ge", Decimal("-0.01"))

    laws.constraint_parity.replay("duckdb://", [made(Priced, id=1, price="1.00")], below)


def test_a_value_that_breaks_no_rule_would_be_found() -> None:
    fits = Violation(0, "price", "ge", Decimal("2.00"))

    with pytest.raises(LawBroken, match="breaks the rule ge"):
        laws.constraint_parity.replay(SQLITE, [made(Priced, id=1, price="1.00")], fits)


def named(name: str, *, holds: bool = True) -> Law:
    async def check(playground: Playground, number: int) -> None:
        if not holds:
            raise Broken("it fails")

    return Law(
        name=name,
        statement="It holds.",
        examples=lambda playground: st.just((1,)),
        holds=check,
    )


def test_all_laws_that_do_not_hold_are_raised() -> None:
    good, bad, worse = named("good"), named("bad", holds=False), named("worse", holds=False)

    laws.check_all(SQLITE, Club, laws=[good])
    laws.check_all(SQLITE, Club, laws=["roundtrip"], using=settings(max_examples=1))
    with pytest.raises(LawBroken, match="bad does not hold"):
        laws.check_all(SQLITE, Club, laws=[good, bad])
    with pytest.raises(ExceptionGroup, match="2 laws do not hold"):
        laws.check_all(SQLITE, Club, laws=[bad, worse])
    with pytest.raises(UsageError, match="there is no law `gravity`"):
        laws.check_all(SQLITE, Club, laws=["gravity"])


def test_every_law_has_its_name_and_is_exported_under_it() -> None:
    for name, law in laws.LAWS.items():
        assert law.name == name
        assert getattr(laws, name) is law
