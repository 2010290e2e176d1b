"""A value that is proved by its type is what the field's own validator gives back."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from andamios_orm.rows.proofs import proofs_of

AN_ID = uuid4()


class Plain(BaseModel):
    flag: bool
    data: bytes
    day: date
    moment: datetime
    number: float
    count: int
    text: str
    clock: time
    span: timedelta
    key: UUID
    price: Annotated[Decimal, Field(max_digits=5, decimal_places=2)]
    note: str | None = None


VALUES: dict[str, list[Any]] = {
    "flag": [True, False],
    "data": [b"", b"\x00\xff"],
    "day": [date.min, date(2024, 2, 29)],
    "moment": [datetime(2024, 1, 1, 2, 3, 4, 5, UTC), datetime(1, 1, 1), datetime.max],
    "number": [0.1, -0.0, float("inf")],
    "count": [0, -(2**70)],
    "text": ["", "a\0b", "é", chr(0xD800)],
    "clock": [time(1, 2, 3, 4), time(1, tzinfo=UTC)],
    "span": [timedelta(days=-1, microseconds=1)],
    "key": [AN_ID],
    "price": [Decimal("1.10"), Decimal("1.100"), Decimal("-0.00"), Decimal("1E+2")],
    "note": [None, "x"],
}


def asked(model: type[BaseModel], name: str, value: object) -> object:
    """Return what the field's own validator gives back."""
    return getattr(
        model.__pydantic_validator__.validate_assignment(model.model_construct(), name, value), name
    )


@pytest.mark.parametrize("name", VALUES)
def test_a_proved_value_comes_back_as_it_is(name: str) -> None:
    proof = proofs_of(Plain)[name].whole()

    for value in VALUES[name]:
        assert proof(value)
        assert asked(Plain, name, value) is value


class Text(str):
    """Not a str exactly."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", True),
        ("count", 1.0),
        ("number", 1),
        ("text", Text("x")),
        ("text", None),
        ("day", datetime(2024, 1, 1)),
        ("price", Decimal("NaN")),
        ("price", Decimal("sNaN")),
        ("price", Decimal("Infinity")),
        ("price", Decimal("1.001")),
        ("price", Decimal("1000")),
        ("price", 1),
        ("note", 3),
    ],
)
def test_what_pydantic_would_change_or_refuse_is_not_proved(name: str, value: object) -> None:
    assert not proofs_of(Plain)[name].whole()(value)


@given(st.decimals() | st.decimals(min_value=-2000, max_value=2000, places=2))
def test_a_decimal_that_is_proved_has_no_more_digits_than_the_field_takes(value: Decimal) -> None:
    if proofs_of(Plain)["price"].whole()(value):
        assert asked(Plain, "price", value) is value


class Ruled(BaseModel):
    short: str = Field(max_length=3)
    positive: int = Field(gt=0)
    whole: Annotated[Decimal, Field(max_digits=5)]
    low: Annotated[Decimal, Field(max_digits=5, decimal_places=2, lt=10)]
    checked: str
    either: int | str
    several: list[int]
    short_or_none: Annotated[str, Field(max_length=3)] | None = None

    @field_validator("checked")
    @classmethod
    def _check(cls, value: str) -> str:
        return value.upper()


def test_fields_with_rules_of_their_own_are_left_to_pydantic() -> None:
    assert proofs_of(Ruled) == {}


@pytest.mark.parametrize(
    "config", [ConfigDict(str_to_lower=True), ConfigDict(str_max_length=2)], ids=str
)
def test_rules_for_all_text_of_a_model_leave_all_to_pydantic(config: ConfigDict) -> None:
    class Configured(BaseModel):
        model_config = config
        text: str

    assert proofs_of(Configured) == {}


def test_a_model_without_infinities_is_left_to_pydantic() -> None:
    class Finite(BaseModel):
        model_config = ConfigDict(allow_inf_nan=False)
        number: float

    assert proofs_of(Finite) == {}
    with pytest.raises(ValidationError):
        Finite(number=float("inf"))


class Tree(BaseModel):
    name: str
    parent: "Tree | None" = None


class Note(BaseModel):
    text: str
    tree: Tree


def test_beside_a_recursive_model_plain_fields_are_proved() -> None:
    assert proofs_of(Note).keys() == {"text"}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "model"},
        {"type": "model", "schema": {"type": "function-after", "fields": {}}},
        {"type": "definition-ref", "schema": {"type": "model-fields", "fields": {}}},
        {"type": "definitions", "schema": {"type": "definition-ref"}},
    ],
    ids=str,
)
def test_an_unknown_form_of_schema_proves_nothing(schema: dict[str, Any]) -> None:
    model: Any = SimpleNamespace(model_config={}, __pydantic_core_schema__=schema)

    assert proofs_of(model) == {}
