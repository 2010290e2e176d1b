"""Examples that are found are small, and those that cause trouble are found."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pydantic as p
import pytest
from hypothesis import find, settings
from pydantic import BaseModel, Field, create_model

from andamios_orm.testing import strategies

many = settings(max_examples=2000, derandomize=True, database=None, deadline=None)


def smallest(annotation: Any, condition: Any = lambda value: True) -> Any:
    model = create_model("Holder", value=(annotation, ...))
    return find(strategies.fields(model, "value"), condition, settings=many)


@pytest.mark.parametrize(
    ("annotation", "simplest"),
    [
        (int, 0),
        (Annotated[int, Field(ge=18)], 18),
        (float, 0.0),
        (Decimal, Decimal(0)),
        (bool, False),
        (str, ""),
        (Annotated[str, Field(min_length=2)], "00"),
        (Annotated[str, Field(pattern="^[a-z]{2}$")], "aa"),
        (bytes, b""),
        (date, date(2000, 1, 1)),
        (datetime, datetime(2000, 1, 1, tzinfo=UTC)),
        (timedelta, timedelta(0)),
        (UUID, UUID(int=0)),
        (list[int], []),
        (dict[str, int], {}),
        (int | None, None),
        (Any, None),
        (p.EmailStr, "a@a.com"),
    ],
)
def test_the_simplest_value(annotation: Any, simplest: Any) -> None:
    assert smallest(annotation) == simplest


@pytest.mark.parametrize(
    ("annotation", "condition", "simplest"),
    [
        (int, lambda n: n > 10, 11),
        (str, lambda s: len(s) > 2, "000"),
        (list[int], lambda items: len(items) > 1, [0, 0]),
        (Decimal, lambda n: n > 3, 4),
        (date, lambda day: day > date(2000, 1, 1), date(2000, 1, 2)),
        (int | None, lambda n: n is not None, 0),
    ],
)
def test_the_smallest_that_does_something(annotation: Any, condition: Any, simplest: Any) -> None:
    found = smallest(annotation, condition)

    assert len(repr(found)) <= len(repr(simplest)) + 12
    assert condition(found)


@pytest.mark.parametrize(
    ("annotation", "condition"),
    [
        (int, lambda n: n == 2**63 - 1),
        (int, lambda n: n == -(2**63)),
        (Annotated[int, Field(ge=-17, le=12_345_678)], lambda n: n == 12_345_678),
        (p.condecimal(max_digits=5, decimal_places=3), lambda n: n == Decimal("99.999")),
        (Decimal, lambda n: n.as_tuple().exponent > 0),
        (float, lambda n: n == 0.1),
        (float, lambda n: math.copysign(1, n) < 0 and n == 0),
        (float, lambda n: n == 5e-324),
        (str, lambda s: s != s.rstrip(" ")),
        (str, lambda s: "e\u0301" in s),
        (Annotated[str, Field(max_length=7)], lambda s: s == "😀" * 7),
        (str, lambda s: "%" in s and "\\" in s),
        (datetime, lambda t: t.fold == 1),
        (datetime, lambda t: t.utcoffset() == timedelta(hours=5, minutes=30)),
        (date, lambda d: (d.month, d.day) == (2, 29)),
        (UUID, lambda u: u.int == 2**128 - 1),
        (Any, lambda v: type(v) is float and v == 1),
        (Any, lambda v: v == 10**25),
    ],
)  # fmt: skip
def test_what_causes_trouble_is_drawn(annotation: Any, condition: Any) -> None:
    assert condition(smallest(annotation, condition))


class Defaults(BaseModel):
    size: int = 5
    name: str | None = "a"


@pytest.mark.parametrize(
    "condition",
    [
        lambda row: row.size == 5 and "size" not in row.model_fields_set,
        lambda row: row.size == 6,
        lambda row: row.name is None,
        lambda row: row.name == "a",
        lambda row: row.name not in (None, "a"),
    ],
)
def test_defaults_none_and_other_values_are_drawn(condition: Any) -> None:
    assert condition(find(strategies.models(Defaults), condition, settings=many))
