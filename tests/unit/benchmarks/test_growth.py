"""Whether a series is told to grow."""

from __future__ import annotations

import pytest

from benchmarks.growth.calls import Leak
from benchmarks.growth.series import Series


def series(*costs: float, is_judged: bool = True) -> Series:
    points = tuple((10 ** (number + 1), cost) for number, cost in enumerate(costs))
    return Series("get", "rows", "us", points, is_judged)


@pytest.mark.parametrize(
    ("costs", "exponent", "verdict"),
    [
        ((5, 5, 5), 0, "flat"),
        ((5, 50, 500), 1, "GROWS"),
        ((500, 50, 5), -1, "falls"),
        ((100, 110, 105, 115), 0.017, "flat"),
    ],
)
def test_the_exponent_tells_growth(costs: tuple[float, ...], exponent: float, verdict: str) -> None:
    found = series(*costs)

    assert found.exponent == pytest.approx(exponent, abs=0.005)
    assert found.verdict == verdict


def test_what_is_not_judged_is_told_and_not_shouted() -> None:
    assert series(5, 50, is_judged=False).verdict == "grows"


def test_a_leak_is_counted_after_the_first_fifth() -> None:
    leak = Leak()
    leak.points = [(number * 100, 50.0 + number * 0.001) for number in range(1, 11)]
    leak.points[0] = (100, 1.0)

    assert leak.bytes_per_call == pytest.approx(10.0)
