"""What pydantic describes as a call: its older versions do so with a named tuple."""

from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import Phase, find, settings
from pydantic import BaseModel, GetPydanticSchema
from pydantic_core import core_schema

from andamios_orm.testing import strategies
from andamios_orm.testing.strategies.problems import Undrawable


class Point(NamedTuple):
    x: int
    y: int = 1


def area(x: int, y: int) -> int:
    return x * y


def called(function: Any, *names: str) -> GetPydanticSchema:
    parameters = [core_schema.arguments_parameter(n, core_schema.int_schema(ge=3)) for n in names]
    schema = core_schema.call_schema(core_schema.arguments_schema(parameters), function)
    return GetPydanticSchema(lambda source, handler: schema)


class Place(BaseModel):
    point: Annotated[Point, called(Point, "x", "y")]


class Field(BaseModel):
    area: Annotated[int, called(area, "x", "y")]


class Nameless(BaseModel):
    point: Annotated[
        Point,
        GetPydanticSchema(
            lambda source, handler: core_schema.call_schema(
                core_schema.tuple_schema([core_schema.int_schema()]), Point
            )
        ),
    ]


def test_a_named_tuple_is_made_of_its_arguments() -> None:
    quick = settings(max_examples=500, database=None, phases=[Phase.generate, Phase.shrink])

    found = find(strategies.models(Place), lambda place: place.point.y > 3, settings=quick)

    assert found.point == Point(3, 4)


@pytest.mark.parametrize("model", [Field, Nameless])
def test_what_a_function_returns_is_not_guessed(model: type[BaseModel]) -> None:
    with pytest.raises(Undrawable, match=r"no strategy for call"):
        strategies.models(model)
