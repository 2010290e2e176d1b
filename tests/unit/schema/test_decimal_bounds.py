"""A bound is told in numbers that its column can hold, and allows the same values."""

from decimal import Decimal

import pytest

from andamios_orm.schema.decimal_bounds import Comparable, Comparison, comparable, within

PRECISION, SCALE = 3, 1
VALUES = [Decimal(units).scaleb(-SCALE) for units in range(-999, 1000)]
COMPARISONS = {
    "le": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
    "ge": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "multiple_of": lambda value, bound: value % bound == 0,
}
LIMITS = ["0", "1", "1.5", "1.25", "1.2500", "99.9", "99.95", "100", "1E+50", "1E-40", "0.05"]
STEPS = ["0.1", "0.5", "0.25", "0.03", "0.015", "0.0001", "3", "99.9", "100", "1E+20", "1E-25"]
BOUNDS = [
    *(
        (kind, sign * Decimal(n))
        for kind in ("le", "lt", "ge", "gt")
        for n in LIMITS
        for sign in (1, -1)
    ),
    *(("multiple_of", Decimal(step)) for step in STEPS),
]


def allows(found: Comparable, value: Decimal) -> bool:
    if isinstance(found, str):
        return {"all": True, "none": False, "only zero": value == 0}[found]
    kind, bound = found
    return bool(COMPARISONS[kind](value, bound))


@pytest.mark.parametrize(("kind", "bound"), BOUNDS)
def test_the_bound_allows_the_same_values(kind: Comparison, bound: Decimal) -> None:
    found = within(kind, bound, PRECISION, SCALE)

    assert [v for v in VALUES if allows(found, v)] == [
        v for v in VALUES if COMPARISONS[kind](v, bound)
    ]
    if not isinstance(found, str):
        assert comparable(found[1], PRECISION, SCALE, PRECISION, SCALE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1E+37", True), ("1E+38", False), ("1E-18", True), ("1E-19", False), ("-1E+38", False)],
)
def test_an_engine_compares_so_many_digits(value: str, expected: bool) -> None:
    assert comparable(Decimal(value), 38, 38, 20, 0) is expected


def test_places_are_limited_by_themselves() -> None:
    assert comparable(Decimal("1E-30"), 65, 30, 10, 2)
    assert not comparable(Decimal("1E-31"), 65, 30, 10, 2)
