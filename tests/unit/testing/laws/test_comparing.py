"""What is the same, and where two values differ."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from andamios_orm.testing.laws.comparing import difference, same


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")

    x: float


class Tags(RootModel[list[int]]):
    pass


class Silent:
    """A class that does not say when it is equal."""

    def __repr__(self) -> str:
        return "Silent()"


NAN = float("nan")
MADRID = ZoneInfo("Europe/Madrid")
SUMMER = datetime(2024, 10, 27, 2, 30, tzinfo=MADRID)
SAME: list[tuple[Any, Any]] = [
    (1, 1),
    (NAN, float("nan")),
    (0.0, -0.0),
    (Decimal("1.50"), Decimal("1.5")),
    (Decimal("NaN"), Decimal("NaN")),
    (SUMMER, SUMMER.astimezone(timezone(timedelta(hours=2)))),
    (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=timezone(timedelta(0)))),
    (datetime(2024, 1, 1), datetime(2024, 1, 1, fold=1)),
    (time(1), time(1)),
    ({"a": [(NAN,)]}, {"a": [(NAN,)]}),
    (Inner(x=NAN), Inner(x=NAN)),
    (Tags([1]), Tags([1])),
    (Point(NAN), Point(NAN)),
    (Silent(), Silent()),
    ({1, 2}, {2, 1}),
    (Point, Point),
]
DIFFERENT: list[tuple[Any, Any, str]] = [
    (1, True, ""),
    (1, 1.0, ""),
    (1.0, 2.0, ""),
    (Decimal(1), Decimal(2), ""),
    (Decimal("NaN"), Decimal(2), ""),
    (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), ""),
    (SUMMER, SUMMER.astimezone(UTC), ""),
    (SUMMER, SUMMER + timedelta(microseconds=1), ""),
    (time(1), time(1, 0, 0, 1), ""),
    ({1: 1}, {True: 1}, ""),
    ({1: 1}, {1: 1, 2: 2}, ""),
    ({1: 1, 2: 2}, {1: 1}, ""),
    ({"a": [1, 2]}, {"a": [1, 3]}, "['a'][1]"),
    ([1], [1, 2], ""),
    ((1, NAN), (1, 2.0), "[1]"),
    (Inner(x=1), Inner(x=2), ".x"),
    (Inner(x=1, y=2), Inner(x=1), ".y"),  # type: ignore[call-arg]  # an extra
    (Tags([1]), Tags([2]), ".root[0]"),
    (Point(1), Point(2), ".x"),
    ({1}, {2}, ""),
    (Point, Silent, ""),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=repr)
def test_these_are_the_same(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other", "where"), DIFFERENT, ids=repr)
def test_these_differ_and_the_place_is_told(one: object, other: object, where: str) -> None:
    found = difference(one, other)

    assert found is not None
    assert found.where == where


def test_the_difference_says_what_is_in_each() -> None:
    found = difference({"a": Point(1)}, {"a": Point(2)})

    assert found is not None
    assert (found.where, found.one, found.other) == ("['a'].x", 1, 2)


def test_mappings_of_another_kind_are_compared_too() -> None:
    class Frozen(dict[str, int]):
        pass

    value: Mapping[str, int] = Frozen(a=1)
    assert same(value, Frozen(a=1))
    assert not same(value, Frozen(a=2))
