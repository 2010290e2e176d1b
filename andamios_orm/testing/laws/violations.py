"""Values that break exactly one of a field's rules, as the column would hold them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any, TypeAlias, cast

from andamios_orm.schema.columns import is_number_as_text
from andamios_orm.schema.spec import Bound, FieldSpec, Kind

__all__ = ["Violation", "violations_of"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A value that one row gets past the model, and the rule that it breaks."""

    row: int
    """Which of the rows."""
    field: str
    rule: str
    value: object
    """As the column would hold it: a secret is its text, an Enum's member its value."""


Found: TypeAlias = tuple[str, object]
"""A rule and a value that breaks it and no other."""


def violations_of(field: FieldSpec, engine: str) -> list[Found]:
    """Return values that the engine has to refuse, each with the only rule that it breaks.

    Those that an engine takes by design are left out: PostgreSQL, MariaDB and DuckDB round what
    has too many places, and SQLite compares a number of more than 15 digits as a double.
    """
    with localcontext(prec=_EXACT):
        return _violations_of(field, engine)


_EXACT = 200
"""More digits than a decimal column of any engine has."""


def _violations_of(field: FieldSpec, engine: str) -> list[Found]:
    rules: dict[str, Callable[[Any], bool]] = {b.kind: _keeps(b) for b in field.bounds}
    rules |= _of_storage(field, engine)
    found: list[Found] = []
    for bound in field.bounds:
        found += [(bound.kind, value) for value in _breaking(field, bound, engine)]
    found += _extreme(field, engine)
    only = [
        (rule, value)
        for rule, value in found
        if [name for name, keeps in rules.items() if not keeps(value)] == [rule]
    ]
    if not field.nullable and not field.primary_key:
        only.append(("not_null", None))
    return only


# ---- rules -------------------------------------------------------------------------------------


def _keeps(bound: Bound) -> Callable[[Any], bool]:
    limit: Any = bound.value
    return {
        "ge": lambda value: value >= limit,
        "gt": lambda value: value > limit,
        "le": lambda value: value <= limit,
        "lt": lambda value: value < limit,
        "multiple_of": lambda value: value % Decimal(str(limit)) == 0,
        "min_length": lambda value: len(value) >= limit,
        "max_length": lambda value: len(value) <= limit,
        "one_of": lambda value: value in limit,
    }[bound.kind]


_INT64 = 2**63


def _of_storage(field: FieldSpec, engine: str) -> Mapping[str, Callable[[Any], bool]]:
    """Return what the column's type asks for, whatever the field's bounds."""
    storage = field.storage
    if storage.kind is Kind.INTEGER:
        return {"range": lambda value: -_INT64 <= value < _INT64}
    if storage.kind is Kind.FLOAT and storage.finite:
        return {"finite": math.isfinite}
    if storage.kind is Kind.DECIMAL:
        digits, places = cast("int", storage.precision), cast("int", storage.scale)
        return {
            "digits": lambda value: abs(value) < Decimal(10) ** (digits - places),
            "places": lambda value: value == round(value, places),
        }
    if storage.kind is Kind.BOOLEAN:
        return {"boolean": lambda value: value in (0, 1)}
    if storage.kind in (Kind.TEXT, Kind.BYTES) and storage.length is not None:
        length = storage.length
        return {"max_length": lambda value: len(value) <= length}
    return {}


# ---- values ------------------------------------------------------------------------------------


def _breaking(field: FieldSpec, bound: Bound, engine: str) -> Iterator[object]:
    """Yield values that break a bound, and perhaps others too."""
    kind, limit = field.storage.kind, cast("Any", bound.value)
    if bound.kind in ("min_length", "max_length"):
        longer = 1 if bound.kind == "max_length" else -1
        if limit <= _LONGEST:
            yield (b"x" if kind is Kind.BYTES else "x") * (limit + longer)
            yield bytes(limit + longer) if kind is Kind.BYTES else "ñ" * (limit + longer)
    elif bound.kind == "one_of":
        yield from _others(limit)
    elif bound.kind == "multiple_of":
        yield from _between(field, limit, engine)
    else:
        yield from _beyond(field, bound, engine)


_LONGEST = 100_000


def _others(values: tuple[Any, ...]) -> Iterator[object]:
    """Yield values of the same type that are none of these."""
    for value in values:
        if isinstance(value, str):
            yield value.swapcase()
            yield f"{value[:-1]}x"
            yield value[:-1]
        elif isinstance(value, bool):
            yield not value
        else:  # a number; a column holds no others
            yield value + 1
            yield value - 1


def _between(field: FieldSpec, step: Any, engine: str) -> Iterator[object]:
    """Yield numbers that are no multiples of a step."""
    if field.storage.kind is Kind.INTEGER:
        yield from (sign * step * n + 1 for sign in (1, -1) for n in (0, 1, 1000))
        return
    unit = Decimal(1).scaleb(-cast("int", field.storage.scale))
    if is_number_as_text(field.storage, engine):
        unit = max(unit, Decimal("0.0001"))
    exact = Decimal(str(step))
    yield from (sign * (exact * n + unit) for sign in (1, -1) for n in (0, 1, 1000))


def _beyond(field: FieldSpec, bound: Bound, engine: str) -> Iterator[object]:
    """Yield values on the wrong side of a limit: next to it, and further away."""
    limit = cast("Any", bound.value)
    sign = -1 if bound.kind in ("ge", "gt") else 1
    if bound.kind in ("gt", "lt"):
        yield _as_kind(field, limit)
    for step in _steps(field, limit, engine):
        try:
            yield _as_kind(field, limit) + sign * step
        except (OverflowError, TypeError):
            yield from _earlier_or_later(limit, sign * step)
    if field.storage.kind is Kind.FLOAT:
        yield math.nextafter(limit, sign * math.inf)


def _as_kind(field: FieldSpec, limit: Any) -> Any:
    if field.storage.kind is Kind.DECIMAL:
        return Decimal(str(limit))
    return float(limit) if field.storage.kind is Kind.FLOAT else limit


def _steps(field: FieldSpec, limit: Any, engine: str) -> Iterable[Any]:
    kind = field.storage.kind
    if kind is Kind.INTEGER:
        return range(1, 20)
    if kind is Kind.DECIMAL:
        unit = Decimal(1).scaleb(-cast("int", field.storage.scale))
        if is_number_as_text(field.storage, engine):
            unit = max(unit, (abs(Decimal(str(limit))) * Decimal("1e-9")).quantize(unit))
        return (unit, max(unit, Decimal(1)), max(unit, Decimal(100)))
    if kind is Kind.DATE:
        return (timedelta(days=1), timedelta(days=400))
    if kind is Kind.FLOAT:
        return (0.5, 100.0)
    return (timedelta(microseconds=1), timedelta(hours=1))


def _earlier_or_later(limit: Any, step: Any) -> Iterator[object]:
    """Yield a time of day, for which Python has no arithmetic."""
    if isinstance(limit, time):
        moment = datetime.combine(date(2000, 1, 2), limit) + step
        if moment.date() == date(2000, 1, 2):
            yield moment.time()


def _extreme(field: FieldSpec, engine: str) -> Iterator[Found]:
    """Yield values that the column's type, or a CHECK in its place, refuses."""
    storage = field.storage
    if storage.kind is Kind.BOOLEAN and engine in ("sqlite", "mariadb", "mysql"):
        yield "boolean", 7
    elif storage.kind is Kind.FLOAT and storage.finite and engine in ("duckdb", "postgresql"):
        yield from (("finite", value) for value in (math.nan, math.inf, -math.inf))
    elif storage.kind is Kind.DECIMAL:
        digits, places = cast("int", storage.precision), cast("int", storage.scale)
        yield "digits", Decimal(10) ** (digits - places)
        yield "digits", -(Decimal(10) ** (digits - places))
        if engine == "sqlite":
            yield "places", Decimal(11).scaleb(-places - 1)
