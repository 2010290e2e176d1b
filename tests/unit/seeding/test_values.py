"""Values that are made up of random numbers and nothing else."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.seeding.values import Values

NAMES = ["email", "home_url", "phone", "first_name", "surname", "name", "body", "title", "note"]
SEEDS = st.integers(0, 2**32)


def values(seed: int, *, unique: bool = False) -> Values:
    found = Values(Random(seed))  # noqa: S311 - no secret
    found.unique = unique
    return found


@given(
    SEEDS,
    st.integers(-(10**9), 10**9),
    st.integers(0, 10**6),
    st.sampled_from(["ge", "gt"]),
    st.sampled_from(["le", "lt"]),
)
def test_a_number_lies_between_its_bounds(
    seed: int, low: int, width: int, lower: str, upper: str
) -> None:
    bounds = {lower: low, upper: low + width + 2}

    for make in (values(seed).integer, values(seed).decimal, values(seed).number):
        found: Any = make(bounds)
        assert low + (lower == "gt") <= found or (lower == "gt" and low < found)
        assert found <= low + width + 2
        assert upper == "le" or found < low + width + 2


@given(SEEDS, st.integers(-(10**9), 10**9))
def test_one_bound_is_enough(seed: int, bound: int) -> None:
    made = values(seed)

    assert made.integer({"ge": bound}) >= bound
    assert made.integer({"gt": bound}) > bound
    assert made.integer({"le": bound}) <= bound
    assert made.integer({"lt": bound}) < bound


@given(SEEDS, st.integers(1, 100), st.integers(-1000, 1000))
def test_a_number_is_a_multiple(seed: int, step: int, low: int) -> None:
    bounds = {"multiple_of": step, "ge": low}

    assert values(seed).integer(bounds) % step == 0
    assert values(seed).decimal(bounds) % step == 0
    assert values(seed).number(bounds) % step == 0


@given(SEEDS, st.integers(1, 20), st.integers(0, 10))
def test_a_decimal_has_no_more_digits_than_there_may_be(seed: int, most: int, places: int) -> None:
    places = min(places, most)
    found = values(seed).decimal({"max_digits": most, "decimal_places": places})

    digits = found.as_tuple()
    assert isinstance(digits.exponent, int)
    assert -digits.exponent <= places
    assert max(len(digits.digits), -digits.exponent) <= most


@given(
    SEEDS,
    st.integers(0, 80),
    st.integers(0, 80),
    st.booleans(),
    st.sampled_from(NAMES),
)
def test_a_text_is_as_long_as_it_may_be(
    seed: int, least: int, more: int, unique: bool, name: str
) -> None:
    bounds = {"min_length": least, "max_length": least + more}

    found = values(seed, unique=unique).text(bounds, name)

    assert least <= len(found) <= least + more


@pytest.mark.parametrize(("mark", "same"), [("upper_case", str.upper), ("lower_case", str.lower)])
def test_a_text_has_the_case_it_should(mark: str, same: Any) -> None:
    found = values(1).text({mark: True}, "name")

    assert found == same(found)


@given(SEEDS, st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_bytes_are_as_many_as_they_may_be(seed: int, least: int, more: int, unique: bool) -> None:
    found = values(seed, unique=unique).octets({"min_length": least, "max_length": least + more})

    assert least <= len(found) <= least + more


@given(SEEDS, st.dates(date(1600, 1, 1), date(2500, 1, 1)), st.integers(0, 10**5))
def test_a_date_lies_between_its_bounds(seed: int, low: date, days: int) -> None:
    high = low + timedelta(days=days)

    assert low <= values(seed).day({"ge": low, "le": high}) <= high


@given(
    SEEDS,
    st.datetimes(datetime(1600, 1, 1), datetime(2500, 1, 1)),
    st.integers(2_000_000, 10**12),
)
def test_a_moment_lies_between_its_bounds(seed: int, low: datetime, microseconds: int) -> None:
    high = low + timedelta(microseconds=microseconds)

    assert low < values(seed).wall_time({"gt": low, "lt": high}) < high
    aware = {"gt": low.replace(tzinfo=UTC), "lt": high.replace(tzinfo=UTC)}
    assert aware["gt"] < values(seed).instant(aware) < aware["lt"]


@given(SEEDS, st.times(), st.times())
def test_a_time_of_day_lies_between_its_bounds(seed: int, one: time, other: time) -> None:
    low, high = sorted((one.replace(microsecond=0), other.replace(microsecond=0)))

    assert low <= values(seed).clock({"ge": low, "le": high}) <= high


@given(SEEDS)
def test_past_and_future_are_so_for_every_clock(seed: int) -> None:
    made = values(seed)

    assert made.past_day() < date(2026, 1, 1) < date(2199, 1, 1) < made.future_day()
    assert made.past_instant() < datetime(2026, 1, 1, tzinfo=UTC)
    assert made.future_instant() > datetime(2199, 1, 1, tzinfo=UTC)


def test_a_uuid_is_one_of_its_version() -> None:
    assert values(1).uuid().version == 4
    assert values(1).uuid(7).version == 7


def test_a_duration_is_no_longer_than_a_month() -> None:
    assert timedelta(0) <= values(1).duration({}) <= timedelta(days=30)


def test_decimals_are_exact() -> None:
    assert values(1).decimal({"multiple_of": Decimal("0.1")}) % Decimal("0.1") == 0


def test_a_bool_is_one_of_two() -> None:
    made = Values(Random(1))  # noqa: S311 - no secret

    assert {made.boolean() for _ in range(50)} == {True, False}
