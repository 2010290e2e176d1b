"""`field()`: pydantic's parameters arrive at pydantic, the column's at the column."""

import inspect
from typing import Any

import pytest
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

from andamios_orm import field, generated
from andamios_orm.schema.read import options_of
from andamios_orm.schema.spec import ColumnOptions

PYDANTIC: dict[str, Any] = {
    "default": 3,
    "default_factory": list,
    "alias": "a",
    "alias_priority": 1,
    "validation_alias": "v",
    "serialization_alias": "s",
    "title": "T",
    "field_title_generator": lambda name, info: name.upper(),
    "description": "d",
    "examples": [1],
    "exclude": True,
    "discriminator": "kind",
    "deprecated": "old",
    "json_schema_extra": {"x": 1},
    "frozen": True,
    "validate_default": True,
    "repr": False,
    "pattern": "^a",
    "strict": True,
    "coerce_numbers_to_str": True,
    "gt": 1,
    "ge": 1,
    "lt": 9,
    "le": 9,
    "multiple_of": 2,
    "allow_inf_nan": False,
    "max_digits": 5,
    "decimal_places": 2,
    "min_length": 1,
    "max_length": 5,
    "union_mode": "left_to_right",
    "fail_fast": True,
}
COLUMN: dict[str, Any] = {
    "primary_key": True,
    "unique": True,
    "index": True,
    "foreign_key": "team.id",
    "on_delete": "CASCADE",
    "column": "c",
    "column_type": int,
    "server_default": "x",
    "comment": "c",
    "secret": True,
    "read_only": True,
    "renamed_from": "x",
}
# Deprecated by pydantic, or without a meaning for a stored model.
LEFT_OUT = {
    "const",
    "include",
    "min_items",
    "max_items",
    "unique_items",
    "allow_mutation",
    "regex",
    "extra",
    "init",
    "init_var",
    "kw_only",
    "exclude_if",
}


@pytest.mark.parametrize("name", PYDANTIC)
def test_a_parameter_of_pydantic_means_what_it_means_there(name: str) -> None:
    given = field(**{name: PYDANTIC[name]})

    plain: FieldInfo = Field(**{name: PYDANTIC[name]})
    given.metadata.pop()
    assert repr(given) == repr(plain)
    assert given._attributes_set == plain._attributes_set


@pytest.mark.parametrize("name", COLUMN)
def test_a_parameter_of_the_column_is_kept_for_it(name: str) -> None:
    options = options_of(field(**{name: COLUMN[name]}))

    assert options == ColumnOptions(**{"primary_key": False, name: COLUMN[name]})


def test_every_parameter_of_pydantic_is_offered() -> None:
    theirs = set(inspect.signature(Field).parameters)
    ours = set(inspect.signature(field).parameters)

    assert theirs - ours <= LEFT_OUT
    assert ours == PYDANTIC.keys() | COLUMN.keys()


def test_a_field_without_a_default_is_required_and_none_is_a_default() -> None:
    model = create_model("M", a=(int, field()), b=(int | None, field(default=None)))

    assert model.model_fields["a"].is_required()
    assert model.model_validate({"a": 1}).model_dump() == {"a": 1, "b": None}


def test_a_secret_field_is_not_in_the_repr() -> None:
    class Holder(BaseModel):
        name: str = field(default="x", secret=True)

    assert repr(Holder()) == "Holder()"


def test_a_generated_field_says_so() -> None:
    options = options_of(generated(server_default="x", column="c", comment="d", renamed_from="e"))

    assert options == ColumnOptions(
        generated=True,
        primary_key=False,
        server_default="x",
        column="c",
        comment="d",
        renamed_from="e",
    )


def test_a_plain_field_has_the_options_of_a_plain_column() -> None:
    assert options_of(FieldInfo()) == ColumnOptions()
