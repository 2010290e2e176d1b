"""Whether rows are in an order, by what Python says of their values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

from andamios_orm.models.base import Model
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.terms import Attr
from andamios_orm.testing.laws.base import Broken

__all__ = ["is_sorted", "require_sorted"]


def require_sorted(what: str, rows: Sequence[Model], order: Sequence[Ordering]) -> None:
    """Raise Broken for the first row that comes before one it should come after."""
    for row, following in pairwise(rows):
        if not is_sorted(row, following, order):
            raise Broken(
                f"{what} sorted by {', '.join(map(repr, order))}",
                expected=[following, row],
                found=[row, following],
            )


def is_sorted(row: Model, following: Model, order: Sequence[Ordering]) -> bool:
    """Whether a row may come before another one."""
    for ordering in order:
        one, other = _value(row, ordering), _value(following, ordering)
        if one == other:
            continue
        if one is None or other is None:
            return (one is None) == bool(ordering.first)
        return bool(_rank(one) < _rank(other)) is not ordering.descending
    return True


def _value(row: Model, ordering: Ordering) -> Any:
    """Return what the column holds for a row."""
    attr = cast("Attr", ordering.term)
    value, codec = getattr(row, attr.name), attr.field.storage.codec
    if value is None:
        return None
    found = value if codec is None else codec.encode(value)
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found.astimezone(UTC)
    return found


def _rank(value: Any) -> tuple[Any, ...]:
    # Engines that know NaN take it for the greatest number, and equal to itself.
    return (True,) if value != value else (False, value)
