"""Bounds of decimal columns, told in numbers that the column itself can hold.

An engine compares decimals of so many digits exactly (38 on DuckDB). A bound may have more of them,
or more places than the column; what it allows of the column's values can always be said with one of
these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Literal, TypeAlias, cast

__all__ = ["Comparable", "Comparison", "comparable", "within"]

Comparison: TypeAlias = Literal["ge", "gt", "le", "lt", "multiple_of"]
Comparable: TypeAlias = tuple[Comparison, Decimal] | Literal["all", "none", "only zero"]
"""The kind and value of a bound; or that all of the column's values are allowed, none, or zero."""

_EXACT = Context(prec=10_000)


def comparable(value: Decimal, digits: int, most_places: int, precision: int, scale: int) -> bool:
    """Whether an engine compares a value exactly with a column of this size."""
    places = max(scale, _places(value))
    whole = max(precision - scale, value.adjusted() + 1)
    return whole + places <= digits and places <= most_places


def within(kind: Comparison, value: Decimal, precision: int, scale: int) -> Comparable:
    """Return the bound that allows the same values of a column of this size, at its scale."""
    if kind == "multiple_of":
        return _multiple(value, precision, scale)
    upper = kind in ("le", "lt")
    at_scale = value
    if not _is_beyond(value, precision - scale):
        rounding = ROUND_FLOOR if upper else ROUND_CEILING
        at_scale = value.quantize(Decimal(1).scaleb(-scale), rounding=rounding, context=_EXACT)
    if _is_beyond(at_scale, precision - scale):
        return "all" if upper == (value > 0) else "none"
    # Between two values of the column none is equal to the bound.
    return (kind if at_scale == value else _WITH_EQUAL[kind]), at_scale


_WITH_EQUAL: Mapping[Comparison, Comparison] = {"le": "le", "lt": "le", "ge": "ge", "gt": "ge"}


def _is_beyond(value: Decimal, whole: int) -> bool:
    """Whether a number has more digits before the point than a column."""
    return bool(value) and value.adjusted() >= whole


def _multiple(value: Decimal, precision: int, scale: int) -> Comparable:
    beyond = max(0, _places(value) - scale)
    units = int(value.scaleb(scale + beyond, context=_EXACT))
    # k units of the column are a multiple where the rest of `units` divides k.
    units //= math.gcd(units, 10**beyond)
    if units >= 10**precision:
        return "only zero"
    return "multiple_of", Decimal(units).scaleb(-scale, context=_EXACT)


def _places(value: Decimal) -> int:
    return max(0, -cast("int", value.as_tuple().exponent))
