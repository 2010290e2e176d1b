"""Whole numbers, floats and decimals within their bounds."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.storable import Limits

__all__ = ["Rules", "decimals", "floats", "integers"]

Rules: TypeAlias = Mapping[str, Any]
"""The constraints of a value, by pydantic's names: `ge`, `multiple_of`, `max_length`, ..."""

_INT_TRAPS = (
    0, 1, -1, 127, 255, 256, 2**15 - 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**53 + 1,
    2**63 - 1, -(2**63),
)  # fmt: skip
_HUGE = (2**63, -(2**63) - 1, 2**64, 10**25, -(10**25), 10**40)


def integers(rules: Rules, limits: Limits) -> SearchStrategy[int]:
    """Return a strategy of whole numbers; a column's have 64 bits, or `bits` of them."""
    step = abs(int(rules.get("multiple_of", 1)))
    low, high = _whole_bounds(rules, step)
    traps = (*_INT_TRAPS, *_HUGE)
    if limits.column:
        reach = 2 ** (rules.get("bits", 64) - 1)
        low = max(-(reach // step), -reach if low is None else low)
        high = min((reach - 1) // step, reach if high is None else high)
    if low is not None and high is not None and low > high:
        return st.nothing()
    near = [n for end in (low, high) if end is not None for n in (end - 1, end, end + 1)]
    scaled = [trap // step for trap in traps if trap % step == 0]
    pool = sorted({n for n in (*near, *scaled) if _within(n, low, high)}, key=_simple)
    found = mixed(st.integers(low, high), pool)
    return found if step == 1 else found.map(lambda n: n * step)


def _simple(number: int) -> tuple[int, bool]:
    return abs(number), number < 0


def _within(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _whole_bounds(rules: Rules, step: Any) -> tuple[int | None, int | None]:
    """Return the least and the greatest multiple of `step` within the bounds, in steps."""
    unit = Fraction(step)
    lows = [math.ceil(Fraction(rules["ge"]) / unit)] if _finite(rules.get("ge")) else []
    lows += [math.floor(Fraction(rules["gt"]) / unit) + 1] if _finite(rules.get("gt")) else []
    highs = [math.floor(Fraction(rules["le"]) / unit)] if _finite(rules.get("le")) else []
    highs += [math.ceil(Fraction(rules["lt"]) / unit) - 1] if _finite(rules.get("lt")) else []
    return max(lows, default=None), min(highs, default=None)


def _finite(bound: Any) -> bool:
    return bound is not None and math.isfinite(bound)


# ---- floats ------------------------------------------------------------------------------------

_FLOAT_TRAPS = (
    0.0, -0.0, 1.0, 0.1, 1 / 3, 0.1 + 0.2, 16777217.0, 2.0**53, 1e16, 1e22, 5e-324,
    sys.float_info.min, sys.float_info.max, -sys.float_info.max,
)  # fmt: skip


def floats(rules: Rules, limits: Limits) -> SearchStrategy[float]:
    """Return a strategy of doubles; NaN and the infinities only where they are allowed and held."""
    if rules.get("multiple_of"):
        return _float_multiples(rules)
    low, exclude_low = _tighter(rules.get("ge"), rules.get("gt"), max)
    high, exclude_high = _tighter(rules.get("le"), rules.get("lt"), min)
    low = None if low is None else _up(low)
    high = None if high is None else _down(high)
    if exclude_low and low is not None and Fraction(low) == Fraction(rules["gt"]):
        low = math.nextafter(low, math.inf)
    if exclude_high and high is not None and Fraction(high) == Fraction(rules["lt"]):
        high = math.nextafter(high, -math.inf)
    if low is not None and high is not None and low > high:
        return st.nothing()
    allowed = rules.get("allow_inf_nan", True)
    infinite = bool(allowed) and _holds(limits, ("duckdb", "sqlite", "postgresql"))
    nan = bool(allowed) and _holds(limits, ("duckdb", "postgresql"))
    bounded = low is not None or high is not None
    usual = st.floats(
        low,
        high,
        allow_nan=nan and not bounded,
        allow_infinity=infinite and not (low is not None and high is not None),
        width=rules.get("width", 64),
    )
    pool = [f for f in (*_FLOAT_TRAPS, low, high) if f is not None and _fits(f, low, high)]
    if infinite:
        pool += [f for f in (math.inf, -math.inf) if _fits(f, low, high)]
    return mixed(usual, pool + ([math.nan] if nan and not bounded else []))


def _tighter(closed: Any, opened: Any, choose: Any) -> tuple[Any, bool]:
    """Return the bound that decides, and whether it is itself excluded."""
    given = [bound for bound in (closed, opened) if bound is not None]
    if not given:
        return None, False
    bound = choose(given)
    return bound, opened is not None and bound == opened


def _up(bound: Any) -> float:
    """Return the least double that is no less than `bound`."""
    near = float(bound)
    return near if math.isinf(near) or near >= bound else math.nextafter(near, math.inf)


def _down(bound: Any) -> float:
    near = float(bound)
    return near if math.isinf(near) or near <= bound else math.nextafter(near, -math.inf)


def _fits(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


def _holds(limits: Limits, engines: Iterable[str]) -> bool:
    """Whether all engines in question are among these, which hold something in a column."""
    return not limits.storable or (limits.column and set(limits.engines) <= set(engines))


def _float_multiples(rules: Rules) -> SearchStrategy[float]:
    unit = float(rules["multiple_of"])
    low, high = _whole_bounds(rules, unit)
    # Beyond 2**53 steps a double does not say any more which multiple it is.
    low = -(2**50) if low is None else max(low, -(2**50))
    high = 2**50 if high is None else min(high, 2**50)
    inside = _inside(rules)
    # A product is rounded, and may so fall on the other side of a bound.
    while low <= high and not inside(low * unit):
        low += 1
    while low <= high and not inside(high * unit):
        high -= 1
    if low > high:
        return st.nothing()
    pool = sorted({n for n in (low, high, 0, 1, -1, 3, 1001) if low <= n <= high}, key=_simple)
    return mixed(st.integers(low, high), pool).map(lambda n: n * unit)


def _inside(rules: Rules) -> Any:
    def inside(number: Any) -> bool:
        return (
            (rules.get("ge") is None or number >= rules["ge"])
            and (rules.get("gt") is None or number > rules["gt"])
            and (rules.get("le") is None or number <= rules["le"])
            and (rules.get("lt") is None or number < rules["lt"])
        )

    return inside


# ---- decimals ----------------------------------------------------------------------------------

_EXACT = Context(prec=2000, Emax=999_999, Emin=-999_999)


def decimals(rules: Rules, limits: Limits) -> SearchStrategy[Decimal]:
    """Return a strategy of decimals that have the digits and places, and no more."""
    digits, places = rules.get("max_digits"), rules.get("decimal_places")
    if digits is None and limits.storable:
        digits = 38 if places is None else max(38, places)
    step = rules.get("multiple_of")
    counts = _counts(rules, digits, _usual_places(rules, digits) if places is None else places)
    if counts is None:
        return st.nothing()
    low, high, unit = counts
    pool = [n for n in _decimal_pool(low, high, unit) if low <= n <= high]
    exact = mixed(st.integers(low, high), pool).map(lambda n: _EXACT.multiply(Decimal(n), unit))
    found = st.one_of(exact, exact, exact.map(_normalized))
    first, last = math.ceil(low * Fraction(unit)), math.floor(high * Fraction(unit))
    # Pydantic counts the zero of `Decimal("0")` as a digit before the point.
    if (
        step is None
        and first <= last
        and (digits is None or digits > -int(unit.as_tuple().exponent))
    ):
        # First, for the sake of examples that are easy to read.
        found = st.one_of(st.integers(first, last).map(Decimal), found)
    bounded = any(rules.get(name) is not None for name in ("ge", "gt", "le", "lt"))
    free = not (bounded or digits or places or step or limits.storable)
    if rules.get("allow_inf_nan") and free:
        return mixed(found, [Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])
    return found


def _usual_places(rules: Rules, digits: int | None) -> int:
    """Return how many places are drawn where none are given: enough for the bounds."""
    given = [rules.get(name) for name in ("ge", "gt", "le", "lt", "multiple_of")]
    bounds = [Decimal(str(bound)) for bound in given if bound is not None]
    needed = max((-int(bound.as_tuple().exponent) for bound in bounds), default=0)
    places = max(6, needed + 2)
    return places if digits is None else min(digits, places)


def _counts(rules: Rules, digits: int | None, places: int) -> tuple[int, int, Decimal] | None:
    """Return the range of steps within bounds, digits and places, and the step; None if empty."""
    # Pydantic counts the zeros behind the point as digits.
    places = places if digits is None else min(places, digits)
    tick = Decimal(1).scaleb(-places, _EXACT)
    step = rules.get("multiple_of")
    # A multiple of the step may have more places than there are: those that have not.
    unit = tick if step is None else _common(abs(Decimal(str(step))), tick)
    whole = 40 if digits is None else digits - places
    reach = int((10**whole - Fraction(tick)) / Fraction(unit))
    if step is not None:
        # Pydantic divides with the 28 digits of Python's usual context.
        reach = min(reach, int(Fraction(10**27) * Fraction(Decimal(str(step))) / Fraction(unit)))
    low, high = _whole_bounds(rules, unit)
    low = -reach if low is None else max(low, -reach)
    high = reach if high is None else min(high, reach)
    return None if low > high else (low, high, unit)


def _common(one: Decimal, other: Decimal) -> Decimal:
    """Return the least common multiple of two numbers."""
    scale = 10 ** max(-int(one.as_tuple().exponent), -int(other.as_tuple().exponent), 0)
    found = math.lcm(int(Fraction(one) * scale), int(Fraction(other) * scale))
    return _EXACT.divide(Decimal(found), Decimal(scale))


def _decimal_pool(low: int, high: int, unit: Decimal) -> list[int]:
    one = Fraction(1) / Fraction(unit)
    near = [low, high, low + 1, high - 1, 0, 1, -1, 5, 1005]
    whole = [int(one * n) for n in (1, -1, 10, 1000, 10**8) if (one * n).denominator == 1]
    return sorted({*near, *whole}, key=_simple)


def _normalized(number: Decimal) -> Decimal:
    """Return the same number in the fewest digits: `1E+3`."""
    return number.normalize(_EXACT) if number else number
