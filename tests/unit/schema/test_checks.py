"""Checks of many values at once agree with those of each, or leave the question to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.errors import NotStorable
from andamios_orm.schema.representations import checks

Many = Callable[[list[Any]], list[Any] | None]
PAIRS: dict[str, tuple[Many, Callable[[Any], object], st.SearchStrategy[Any]]] = {
    "integers": (checks.many_integers, checks.integer, st.integers() | st.booleans()),
    "booleans": (checks.many_booleans, int, st.booleans() | st.integers()),
    "floats": (checks.many_floats, checks.finite, st.floats() | st.integers(0, 9)),
    "texts": (
        checks.many_texts(3),
        checks.text(3),
        st.text(st.characters(codec=None), max_size=4),
    ),
    "decimals": (
        checks.many_decimals(6, 2),
        checks.exact_decimal(6, 2),
        st.decimals() | st.decimals(-9999, 9999, places=2) | st.integers(-9, 9),
    ),
    "instants": (
        checks.many_instants,
        checks.instant,
        st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5))])),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@given(data=st.data())
def test_many_values_are_taken_as_each_is(name: str, data: st.DataObject) -> None:
    many, one, values = PAIRS[name]
    given = data.draw(st.lists(values, min_size=1, max_size=4))

    found = many(given)

    if found is not None:
        assert [repr(value) for value in found] == [repr(one(value)) for value in given]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integers", 2**63 - 1),
        ("integers", -(2**63)),
        ("booleans", True),
        ("floats", -0.0),
        ("texts", "é\U0001f600"),
        ("decimals", Decimal("-0.1")),
        ("instants", datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_the_usual_values_are_not_left_to_the_checks_of_each(name: str, value: Any) -> None:
    many, one, _ = PAIRS[name]

    assert repr(many([value, value])) == repr([one(value)] * 2)


def test_a_number_of_another_type_is_taken_as_the_decimal_that_it_is() -> None:
    as_stored = checks.exact_decimal(6, 2)

    assert [str(as_stored(number)) for number in (0, 7, Decimal("-0"))] == ["0.00", "7.00", "0.00"]


class Text(str):
    """Not quite a string of Python's."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integers", 2**63),
        ("integers", True),
        ("booleans", 1),
        ("floats", float("nan")),
        ("floats", 1),
        ("texts", Text("a")),
        ("texts", "abcd"),
        ("texts", "\0"),
        ("texts", "\ud800"),
        ("decimals", Decimal("NaN")),
        ("decimals", Decimal("1.001")),
        ("decimals", 1),
        ("instants", datetime(2024, 1, 1)),
        ("instants", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
        ("instants", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_others_are(name: str, value: Any) -> None:
    assert PAIRS[name][0]([value]) is None


def test_what_each_refuses_is_never_taken_with_others() -> None:
    for name, value in [("integers", 2**63), ("texts", "\0"), ("instants", datetime(2024, 1, 1))]:
        many, one, _ = PAIRS[name]
        with pytest.raises(NotStorable):
            one(value)
        assert many([value]) is None
