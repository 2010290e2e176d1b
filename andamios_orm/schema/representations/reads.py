"""How what a driver gives is read, where several engines agree."""

from __future__ import annotations

from decimal import Decimal

from andamios_orm.schema.representations.base import Expression

__all__ = ["whole_number"]


def _whole(value: object) -> object:
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


# The sum of whole numbers is a DECIMAL on some engines, which a sum of `int` should not show.
whole_number = Expression("({0} if {0}.__class__ is int else {whole}({0}))", whole=_whole)
