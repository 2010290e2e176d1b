"""Numbers, texts, times and addresses: what their constraints leave, down to nothing at all."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from re import _parser as parser
from typing import Any

import pytest
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies import naming, networks, numbers, patterns, schemas, texts
from andamios_orm.testing.strategies import times as moments
from andamios_orm.testing.strategies.storable import limits_of
from tests.unit.testing.strategies.drawing import reached, some

COLUMN, FREE = limits_of(storable=True), limits_of(storable=False)
INSIDE = COLUMN.inside_json()
NINE, TEN = date(9999, 12, 30), date(9999, 12, 31)


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        (numbers.integers, {"gt": 0, "lt": 1}),
        (numbers.integers, {"ge": 2**63}),
        (numbers.integers, {"ge": 2**15, "bits": 16}),
        (numbers.floats, {"gt": 1, "lt": 1.0000000000000002}),
        (numbers.floats, {"multiple_of": 0.5, "gt": 0, "lt": 0.5}),
        (numbers.decimals, {"max_digits": 3, "decimal_places": 2, "ge": 10}),
        (numbers.decimals, {"decimal_places": 1, "gt": 0, "lt": Decimal("0.1")}),
        (texts.texts, {"min_length": 3, "max_length": 2}),
        (texts.texts, {"pattern": "^abc$", "max_length": 2}),
        (texts.data, {"min_length": 3, "max_length": 2}),
        (moments.dates, {"gt": NINE}),
        (moments.clock_times, {"gt": time.max}),
        (moments.clock_times, {"lt": time.min}),
        (moments.datetimes, {"gt": datetime.max, "tz_constraint": "naive"}),
        (moments.datetimes, {"gt": datetime.max.replace(tzinfo=UTC)}),
        (moments.intervals, {"gt": timedelta(0), "lt": timedelta(microseconds=1)}),
    ],
)
def test_what_has_no_value_draws_nothing(values: Any, rules: dict[str, Any]) -> None:
    assert values(rules, COLUMN).is_empty


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        (numbers.integers, {"gt": 0, "lt": 2}),
        (numbers.integers, {"ge": 2**15 - 1, "bits": 16}),
        (numbers.floats, {"gt": 1, "le": 1.0000000000000002}),
        (numbers.floats, {"multiple_of": 0.5, "gt": 0, "le": 0.5}),
        (numbers.decimals, {"max_digits": 3, "decimal_places": 2, "ge": Decimal("9.99")}),
        (texts.texts, {"min_length": 2, "max_length": 2}),
        (moments.dates, {"ge": NINE}),
        (moments.intervals, {"gt": timedelta(0), "lt": timedelta(microseconds=2)}),
    ],
)
def test_the_last_value_is_drawn(values: Any, rules: dict[str, Any]) -> None:
    assert not values(rules, COLUMN).is_empty


# ---- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "sign"), [("gt", 1), ("lt", -1)])
def test_a_product_that_is_rounded_to_a_bound_is_beyond_it(bound: str, sign: int) -> None:
    n = next(n for n in range(1, 100) if sign * Fraction(n * 0.1) < sign * n * Fraction(0.1))
    other = "le" if bound == "gt" else "ge"
    found = numbers.floats({"multiple_of": 0.1, bound: n * 0.1, other: (n + sign) * 0.1}, COLUMN)

    assert set(some(found, 10)) == {(n + sign) * 0.1}
    assert numbers.floats({"multiple_of": 0.1, bound: n * 0.1, other: n * 0.1}, COLUMN).is_empty


def test_decimals_without_any_bound_may_be_no_numbers() -> None:
    free = numbers.decimals({"allow_inf_nan": True}, FREE)

    assert reached(free, Decimal.is_nan)
    assert reached(free, Decimal.is_infinite)
    bounded = numbers.decimals({"allow_inf_nan": True, "le": 5}, FREE)
    assert all(value.is_finite() for value in some(bounded, 30))


@pytest.mark.parametrize(("number", "shown"), [("1000", "1E+3"), ("0.10", "0.1"), ("0.00", "0.00")])
def test_a_decimal_is_written_in_the_fewest_digits(number: str, shown: str) -> None:
    assert str(numbers._normalized(Decimal(number))) == shown


def test_a_tighter_bound_counts() -> None:
    assert schemas._merged({"ge": 1, "le": 9, "gt": None}, {"ge": 3, "le": 5, "lt": 8}) == {
        "ge": 3,
        "le": 5,
        "lt": 8,
    }
    assert schemas._merged({"ge": 3, "le": 5}, {"ge": 1, "le": 9}) == {"ge": 3, "le": 5}
    assert schemas._merged({"pattern": "a"}, {"pattern": "b"}) == {"pattern": "a"}


def test_fractions_keep_open_bounds() -> None:
    found = some(schemas._fractions({"gt": 0, "lt": 1}), 50)

    assert all(0 < value < 1 for value in found)
    assert reached(schemas._fractions({"ge": 0, "le": 1}), lambda value: value == 1) == 1


# ---- times -------------------------------------------------------------------------------------


def test_bytes_of_a_document_are_ascii() -> None:
    assert all(
        value.isascii() and len(value) <= 3
        for value in some(texts.data({"max_length": 3}, INSIDE), 30)
    )
    assert reached(texts.data({}, COLUMN), lambda value: not value.isascii())


EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("rules", "limits", "zones"),
    [
        ({"ge": time(9, tzinfo=EAST)}, FREE, {EAST}),
        ({"ge": time(9), "tz_constraint": "aware"}, FREE, {UTC}),
        ({"ge": time(9)}, FREE, {None}),
        ({"ge": time(9, tzinfo=EAST)}, COLUMN, {None}),
        ({"ge": time(9, tzinfo=EAST), "tz_constraint": "naive"}, FREE, {None}),
        ({"tz_constraint": 0}, FREE, {UTC}),
        ({"tz_constraint": 7200}, FREE, {EAST}),
        ({"tz_constraint": "naive"}, FREE, {None}),
        ({}, COLUMN, {None}),
    ],
)
def test_times_of_day_have_the_zone_that_they_are_compared_in(
    rules: dict[str, Any], limits: Any, zones: set[Any]
) -> None:
    found = some(moments.clock_times(rules, limits), 15)

    assert {value.tzinfo for value in found} == zones
    if "ge" in rules:
        assert all(value.replace(tzinfo=None) >= time(9) for value in found)


def test_times_of_day_without_rules_have_any_zone_or_none() -> None:
    free = moments.clock_times({}, FREE)
    assert reached(free, lambda value: value.tzinfo is not None) is not None
    assert reached(free, lambda value: value.tzinfo is None) is not None
    aware = some(moments.clock_times({"tz_constraint": "aware"}, FREE), 10)
    assert all(value.tzinfo is not None for value in aware)


@pytest.mark.parametrize(
    ("rules", "holds"),
    [
        ({"now_op": "past"}, lambda day: day <= date(2020, 1, 1)),
        ({"now_op": "past", "ge": date(2020, 6, 1)}, lambda day: day < datetime.now(UTC).date()),
        ({"now_op": "future"}, lambda day: day >= date(2200, 1, 1)),
        ({"now_op": "future", "le": date(2199, 1, 1)}, lambda day: day > datetime.now(UTC).date()),
    ],
)
def test_dates_are_past_or_future_whatever_the_day(
    rules: dict[str, Any], holds: Callable[[date], bool]
) -> None:
    assert all(map(holds, some(moments.dates(rules, COLUMN), 15)))


# ---- addresses and names -----------------------------------------------------------------------


def test_there_is_no_address_shorter_than_the_shortest() -> None:
    assert networks.emails({"max_length": 5}).is_empty
    assert {len(mail) for mail in some(networks.emails({"max_length": 6}), 15)} == {6}


def test_there_is_no_url_shorter_than_its_scheme() -> None:
    assert networks.urls({"allowed_schemes": ["https"], "max_length": 9}).is_empty
    short = some(networks.urls({"allowed_schemes": ["https", "ftp"], "max_length": 9}), 10)
    assert all(url.startswith("ftp://") and len(url) <= 9 for url in short)


@pytest.mark.parametrize("most", [40, 41, 62, 63])
@pytest.mark.parametrize("word", ["to", "hero_team", "größe"])
def test_long_names_are_as_long_as_an_engine_takes(word: str, most: int) -> None:
    size = len(naming._long(word, most).encode())

    assert most - len(f"{word}_".encode()) < size <= most


def test_columns_and_fields_have_names_of_all_sorts() -> None:
    assert reached(naming.column_names(), lambda name: not name.isidentifier())
    assert reached(naming.column_names(), lambda name: len(name) > 30)
    assert reached(naming.table_names(), lambda name: len(name) > 30)
    assert reached(naming.field_names(), str.isidentifier)


# ---- patterns ----------------------------------------------------------------------------------


def matched(pattern: Any, **rules: Any) -> SearchStrategy[str]:
    return patterns.matching(pattern, rules)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (r"^(a|b)\1$", {"aa", "bb"}),
        (r"^(a)?(?(1)b|c)$", {"ab", "c"}),
        (r"^(a)?(?(1)b)$", {"ab", ""}),
        (r"^(?>a|b)c$", {"ac", "bc"}),
    ],
)
def test_what_only_python_knows_is_drawn_for_its_engine(pattern: str, wanted: set[str]) -> None:
    found = matched(pattern, regex_engine="python-re")

    for text in wanted:
        reached(found, text.__eq__)
    assert set(some(found, 20)) <= wanted


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("^[^a]$", "b", "a"),
        ("(?i)^[^a]$", "b", "aA"),
        ("^[^a-y]$", "z", "ay"),
        ("(?i)^[^a-y]$", "z", "aY"),
        (r"^[^\d]$", "a", "5"),
        ("^[^ab]$", "c", "ab"),
        ("(?s)^.$", "\n", ""),
        ("^.$", "a", "\n"),
        (r"^\x{41}$", "A", "a"),
        (r"^\u{42}$", "B", "b"),
        (r"^\p{Greek}$", "\u03b1", "a"),
        (r"^\P{Lu}$", "a", "A"),
        (r"^[\p{Nd}a]$", "7", "b"),
    ],
)
def test_characters_are_those_of_the_class(pattern: str, inside: str, outside: str) -> None:
    found = matched(pattern)

    assert reached(found, lambda text: text == inside) == inside
    assert not set(some(found, 60)) & set(outside)


def test_a_long_text_is_drawn_now_and_then() -> None:
    found = matched("^[a-z]+$", max_length=200)

    assert len(reached(found, lambda text: len(text) > 100)) <= 200
    assert len(reached(found, lambda text: len(text) < 12)) >= 1


def test_what_is_beside_a_match_fills_a_text_up() -> None:
    for text in some(matched("[0-9]", min_length=30), 10):
        assert len(text) >= 30


def test_an_anchor_inside_a_branch_or_a_group_counts() -> None:
    for pattern in ("(?:^a|b)", "(a$)", "(?:a$)+"):
        tree = parser.parse(pattern)
        assert list(patterns._anchors(tree)), pattern
    assert set(some(matched("^(?:a|b)$"), 10)) <= {"a", "b"}
