"""What an instance gives to its columns, validated on the way."""

from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Json, field_validator
from pydantic_core.core_schema import ValidationInfo

from andamios_orm import Col, Model, field, generated
from andamios_orm.errors import InvalidRow, NotStorable
from andamios_orm.rows.encode import Encoder
from andamios_orm.schema.compiler import spec_of

METADATA = sa.MetaData()


class Note(BaseModel):
    text: str


class Opaque:
    """A class that pydantic knows nothing about."""


class Page(Model, table=True, metadata=METADATA):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    made: Col[int] = generated(server_default="7")
    title: Col[str] = field(default="x", alias="Title")
    notes: Col[list[Note]] = field(default_factory=list, alias="Notes")
    raw: Json[list[int]] = field(default=[])
    maybe: Json[list[int]] | None = field(default=None)
    opaque: Col[Opaque | None] = field(default=None, column_type=sa.Text)
    small: Col[int] = field(default=0)
    smaller: Col[int] = field(default=0)
    model_kind: Annotated[str, BeforeValidator(str)] = field(default="")

    model_config["protected_namespaces"] = ()

    @field_validator("small", mode="wrap")
    @classmethod
    def below_ten(cls, value: Any, handler: Any) -> int:
        number: int = handler(value)
        if number >= 10:
            raise ValueError("too large")
        return number

    @field_validator("smaller")
    @classmethod
    def below_small(cls, value: int, info: ValidationInfo) -> int:
        if value > info.data["small"]:
            raise ValueError("too large")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def no_shouting(cls, value: Any) -> Any:
        if value == "LOUD":
            raise ValueError("loud")
        return value


encoder = Encoder(spec_of(Page))
FIELDS = spec_of(Page).by_name


def test_generated_fields_without_a_value_are_left_to_the_database() -> None:
    names, values = encoder.encode(Page())

    assert names == tuple(name for name in FIELDS if name not in ("id", "made"))
    assert len(values) == len(names)


def test_generated_fields_with_a_value_are_written() -> None:
    names, values = encoder.encode(Page.model_validate({"id": 3}))

    assert names == tuple(name for name in FIELDS if name != "made")
    assert values[0] == 3


def test_json_is_written_as_what_it_will_be_read_as() -> None:
    page = Page.model_validate({"Notes": [{"text": "a"}], "raw": "[1, 2]", "maybe": "[3]"})

    names, values = encoder.encode(page)

    written = dict(zip(names, values, strict=True))
    assert (written["notes"], written["raw"], written["maybe"]) == ([Note(text="a")], [1, 2], [3])


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"title": 3}, {"title": "string_type"}),
        ({"notes": [Note.model_construct(text=3)]}, {"notes.0.text": "string_type"}),
        ({"raw": ["x"]}, {"raw.0": "int_parsing"}),
        ({"smaller": 5}, {"smaller": "value_error"}),
    ],
)
def test_an_instance_that_no_longer_fits_is_refused(
    values: dict[str, Any], refused: dict[str, str]
) -> None:
    page = Page()
    page.__dict__.update(values)

    with pytest.raises(InvalidRow) as caught:
        encoder.encode(page)

    assert caught.value.fields == refused


def test_an_instance_made_without_its_json_fields_gets_their_defaults() -> None:
    names, values = encoder.encode(Page.model_construct(_fields_set=set()))
    page = Page()
    page.__dict__.clear()
    bare = encoder.encode(page)

    assert (names, values) == bare


def test_what_json_cannot_express_is_refused() -> None:
    page = Page()
    page.__dict__["notes"] = [float("nan")]

    with pytest.raises(NotStorable, match="NaN"):
        encoder.encode(page)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("title", "a", "a"),
        ("notes", [{"text": "a"}], [Note(text="a")]),
        ("raw", [1], [1]),
        ("maybe", None, None),
        ("maybe", [1], [1]),
        ("small", "9", 9),
        ("smaller", 5, 5),
        ("model_kind", 3, "3"),
    ],
)
def test_an_assigned_value_is_what_the_field_makes_of_it(
    name: str, value: object, expected: object
) -> None:
    assert encoder.assigned(FIELDS[name], value) == expected


def test_an_assigned_value_may_be_of_a_class_that_pydantic_does_not_know() -> None:
    opaque = Opaque()

    assert encoder.assigned(FIELDS["opaque"], opaque) is opaque


@pytest.mark.parametrize(
    ("name", "value", "refused"),
    [
        ("title", None, {"title": "string_type"}),
        ("title", "LOUD", {"title": "value_error"}),
        ("notes", [Note.model_construct()], {"notes.0.text": "missing"}),
        ("small", 10, {"small": "value_error"}),
    ],
)
def test_an_assigned_value_that_the_field_refuses_is_an_error(
    name: str, value: object, refused: dict[str, str]
) -> None:
    with pytest.raises(InvalidRow) as caught:
        encoder.assigned(FIELDS[name], value)

    assert caught.value.fields == refused
