"""Usual instances are encoded as all are, and what is not usual is left to the general way."""

import itertools
from decimal import Decimal
from functools import cached_property
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, field, generated
from andamios_orm.rows import usual
from andamios_orm.rows.encode import Encoder
from andamios_orm.rows.usual import UsualInstances
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.json_values import JsonText

METADATA = sa.MetaData()


class Lens(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    maker: Col[str]
    stops: Col[list[float]]
    notes: Col[dict[str, Any] | None] = field(default=None)

    @cached_property
    def widest(self) -> float:
        return min(self.stops)


class Zoom(Lens):
    """A subclass of the same table."""


SPEC = spec_of(Lens)


def lens(**more: Any) -> Lens:
    return Lens(maker="A", stops=[1.4, 2.0], **more)


def test_values_come_in_the_order_of_the_fields_with_json_rendered() -> None:
    given = lens(notes={"a": 1})

    assert UsualInstances(SPEC).encode(given) == (
        ("maker", "stops", "notes"),
        ["A", JsonText("[1.4,2.0]"), JsonText('{"a":1}')],
    )


def test_a_generated_key_is_written_where_it_is_given() -> None:
    names, values = UsualInstances(SPEC).encode(lens(id=7)) or ((), [])

    assert names == ("id", "maker", "stops", "notes")
    assert values[0] == 7


def test_a_missing_document_is_none() -> None:
    _, values = UsualInstances(SPEC).encode(lens()) or ((), [])

    assert values[-1] is None


def refused() -> dict[str, Lens]:
    looked_at = lens()
    assert looked_at.widest == 1.4
    changed = lens()
    changed.__dict__["maker"] = 3
    return {
        "another class": Zoom(maker="A", stops=[1.0]),
        "a property that was read": looked_at,
        "a value that was not validated": changed,
        "a value that is missing": Lens.model_construct(maker="A", notes=None),
        "JSON that would come back as another": lens(notes={"a": (1,)}),
        "words that may be a number JSON does not know": lens(notes={"a": "NaN"}),
        "characters JSON cannot have": lens(notes={"a": chr(0xD800)}),
    }


@pytest.mark.parametrize("what", refused())
def test_what_is_not_usual_is_left_alone(what: str) -> None:
    assert UsualInstances(SPEC).encode(refused()[what]) is None


def test_instances_of_ever_other_orders_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usual, "_SHAPES", 2)
    values = {"maker": "A", "stops": [1.0], "notes": None}
    orders = list(itertools.permutations(values))
    given = [Lens.model_construct() for _ in orders]
    for instance, order in zip(given, orders, strict=True):
        instance.__dict__.clear()
        instance.__dict__.update({name: values[name] for name in order})
    instances = UsualInstances(SPEC)

    found = [instances.encode(instance) for instance in given]

    assert [one is None for one in found] == [False, False, True, True, True, True]
    names, _ = Encoder(SPEC).rendered(given[-1])
    assert names == ("maker", "stops", "notes")


class Body(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=5, decimal_places=2)
    extra: Col[dict[str, Any]]
    label: Col[str | None] = field(default=None)


class Stops(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    values: Col[list[float]]
    short: Col[str] = field(max_length=3, default="x")


def body(**changed: Any) -> Body:
    made = Body(price=Decimal("2.50"), extra={"a": [1]}, label="x")
    made.__dict__.update(changed)
    return made


@pytest.mark.parametrize("label", ["x", None])
def test_values_that_their_types_prove_are_written_as_they_are(label: str | None) -> None:
    given = body(label=label)

    _, values = UsualInstances(spec_of(Body)).encode(given) or ((), [])

    assert values == [Decimal("2.50"), JsonText('{"a":[1]}'), label]
    assert values[0] is given.price


@pytest.mark.parametrize(
    "changed",
    [{"price": Decimal("1.001")}, {"price": Decimal("NaN")}, {"extra": None}, {"label": 3}],
    ids=str,
)
def test_a_changed_value_that_the_model_refuses_is_left_alone(changed: dict[str, Any]) -> None:
    assert UsualInstances(spec_of(Body)).encode(body(**changed)) is None


def test_what_pydantic_would_convert_is_converted() -> None:
    _, values = UsualInstances(spec_of(Body)).encode(body(price=2)) or ((), [])

    assert values[0] == Decimal(2)
    assert type(values[0]) is Decimal


def test_fields_with_rules_are_validated_where_no_type_proves_anything() -> None:
    instances = UsualInstances(spec_of(Stops))
    long = Stops(values=[1.0])
    long.__dict__["short"] = "long"

    assert instances.encode(Stops(values=[1.0])) == (("values", "short"), [JsonText("[1.0]"), "x"])
    assert instances.encode(long) is None
