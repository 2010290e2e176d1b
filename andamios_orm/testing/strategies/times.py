"""Dates, times of day, datetimes and intervals."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.numbers import Rules
from andamios_orm.testing.strategies.storable import Limits

__all__ = ["clock_times", "dates", "datetimes", "intervals"]

T = TypeVar("T", date, datetime, time, timedelta)

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
# Fixed offsets: Python finds no two datetimes of different zones equal where `fold` matters.
_ZONES = (
    UTC,
    timezone(timedelta(hours=5, minutes=30)),
    timezone(timedelta(hours=-5)),
    timezone(timedelta(hours=14)),
    timezone(timedelta(hours=-12)),
)
# What is past and future without asking the clock, so that the same is drawn on every day.
_PAST = datetime(2020, 1, 1)
_FUTURE = datetime(2200, 1, 1)


def _bounds(rules: Rules, low: T, high: T, tick: Any) -> tuple[T, T]:
    """Return the least and the greatest value within the bounds."""
    lows, highs = [low], [high]
    if (bound := rules.get("ge")) is not None:
        lows.append(bound)
    if (bound := rules.get("le")) is not None:
        highs.append(bound)
    # Nothing is greater than the end of the calendar.
    if (bound := rules.get("gt")) is not None:
        lows.append(bound + tick if bound < high else high)
        highs.append(high if bound < high else low)
    if (bound := rules.get("lt")) is not None:
        highs.append(bound - tick if bound > low else low)
        lows.append(low if bound > low else high)
    return max(lows), min(highs)


# ---- dates -------------------------------------------------------------------------------------

_DATE_TRAPS = (
    date(2000, 1, 1), date(2000, 2, 29), date(2024, 2, 29), date(1900, 1, 1), date(1970, 1, 1),
    date(1969, 12, 31),
    date(2038, 1, 20), date(1582, 10, 10), date(2100, 3, 1), date(1, 1, 2), date(9999, 12, 30),
)  # fmt: skip


def dates(rules: Rules, limits: Limits) -> SearchStrategy[date]:
    """Return a strategy of dates; a column's are a day inside the ends of the calendar."""
    ends = (date.min + _DAY, date.max - _DAY) if limits.storable else (date.min, date.max)
    low, high = _bounds(rules, *ends, _DAY)
    if rules.get("now_op") == "past":
        high = min(high, _PAST.date() if low < _PAST.date() else _today() - 2 * _DAY)
    elif rules.get("now_op") == "future":
        low = max(low, _FUTURE.date() if high > _FUTURE.date() else _today() + 2 * _DAY)
    if low > high:
        return st.nothing()
    pool = [d for d in (*_DATE_TRAPS, low, high) if low <= d <= high]
    return mixed(st.dates(low, high), pool)


def _today() -> date:
    return datetime.now(UTC).date()


# ---- times of day ------------------------------------------------------------------------------

_TIME_TRAPS = (
    time(), time(0, 0, 0, 1), time(12), time(23, 59, 59), time.max, time(1, 2, 3, 100_000),
    time(1, 30, fold=1),
)  # fmt: skip


def clock_times(rules: Rules, limits: Limits) -> SearchStrategy[time]:
    """Return a strategy of times of day; a column's have no zone."""
    zone = rules.get("tz_constraint")
    bounds = [rules[name] for name in _BOUNDS if rules.get(name) is not None]
    zones = {bound.tzinfo for bound in bounds}
    naive = {name: _bare(bound) for name, bound in rules.items()}
    low, high = _time_bounds(naive)
    if low > high:
        return st.nothing()
    pool = [t for t in (*_TIME_TRAPS, low, high) if low <= t <= high]
    found = mixed(st.times(low, high), pool)
    if bounds:
        # Pydantic compares what the clocks show where one of two has no zone.
        common = next((z for z in zones if z is not None), UTC if zone == "aware" else None)
        if common is None or zone == "naive" or limits.column:
            return found
        return found.map(lambda t: t.replace(tzinfo=common))
    aware = st.builds(lambda t, z: t.replace(tzinfo=z), found, _zones(zone, limits))
    if zone == "aware" or isinstance(zone, int):
        return aware
    if limits.column or zone == "naive":
        return found
    return st.one_of(found, found, aware)


def _bare(bound: Any) -> Any:
    return bound.replace(tzinfo=None) if isinstance(bound, time | datetime) else bound


def _time_bounds(rules: Rules) -> tuple[time, time]:
    shifted = {
        name: datetime.combine(_PAST, rules[name])
        for name in _BOUNDS
        if rules.get(name) is not None
    }
    low, high = _bounds(
        shifted, datetime.combine(_PAST, time.min), datetime.combine(_PAST, time.max), _TICK
    )
    return low.time(), high.time()


def _zones(constraint: Any, limits: Limits) -> SearchStrategy[tzinfo]:
    if isinstance(constraint, int):
        return st.just(UTC if constraint == 0 else timezone(timedelta(seconds=constraint)))
    zones = st.sampled_from(_ZONES)
    if limits.storable:
        return zones
    return st.one_of(zones, st.sampled_from((ZoneInfo("America/New_York"), ZoneInfo("UTC"))))


# ---- datetimes ---------------------------------------------------------------------------------

_DATETIME_TRAPS = (
    datetime(2000, 1, 1),
    datetime(2024, 2, 29, 23, 59, 59, 1),
    datetime(2024, 11, 3, 1, 30, fold=1),
    datetime(2024, 3, 10, 2, 30),
    datetime(1900, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
    datetime(2038, 1, 19, 3, 14, 8),
    datetime(2100, 1, 1),
    datetime(2000, 1, 1, 0, 0, 0, 1),
    datetime(1, 1, 2),
    datetime(9999, 12, 30, 23, 59, 59, 999_999),
)


def datetimes(rules: Rules, limits: Limits) -> SearchStrategy[datetime]:
    """Return a strategy of datetimes; a column's are a day inside the ends of the calendar."""
    constraint = rules.get("tz_constraint")
    bounds = [rules[name] for name in _BOUNDS if rules.get(name) is not None]
    naive = [bound for bound in bounds if bound.utcoffset() is None]
    if constraint == "naive" or (constraint is None and naive and naive == bounds):
        return _naive({name: _bare(rule) for name, rule in rules.items()}, limits)
    zones = _zones(constraint, limits)
    if naive:
        # Pydantic compares what the clocks show where one of two has no zone.
        zones = st.just(UTC) if not isinstance(constraint, int) else zones
    aware = _aware(rules, zones, limits, extremes=constraint in (None, "aware") and not bounds)
    if constraint is not None or bounds:
        return aware
    return st.one_of(aware, _naive(rules, limits))


_BOUNDS = ("ge", "gt", "le", "lt")


def _naive(rules: Rules, limits: Limits) -> SearchStrategy[datetime]:
    ends = (datetime.min, datetime.max)
    if limits.storable:
        ends = (ends[0] + _DAY, ends[1] - _DAY)
    low, high = _around_now(rules, *_bounds(rules, *ends, _TICK))
    if low > high:
        return st.nothing()
    pool = [d for d in (*_DATETIME_TRAPS, low, high) if low <= d <= high]
    return mixed(st.datetimes(low, high), pool)


def _around_now(rules: Rules, low: datetime, high: datetime) -> tuple[datetime, datetime]:
    now = datetime.now(UTC).replace(tzinfo=None)
    if rules.get("now_op") == "past":
        return low, min(high, _PAST if low < _PAST else now - 2 * _DAY)
    if rules.get("now_op") == "future":
        return max(low, _FUTURE if high > _FUTURE else now + 2 * _DAY), high
    return low, high


def _aware(
    rules: Rules, zones: SearchStrategy[tzinfo], limits: Limits, *, extremes: bool
) -> SearchStrategy[datetime]:
    # Within the bounds as instants of UTC, and then shown in a zone.
    shifted = {name: _in_utc(rule) for name, rule in rules.items()}
    ends = (datetime.min + _DAY, datetime.max - _DAY)
    low, high = _around_now(rules, *_bounds(shifted, *ends, _TICK))
    if low > high:
        return st.nothing()
    pool = [d for d in (*_DATETIME_TRAPS, low, high) if low <= d <= high]
    found = st.builds(_shown_in, mixed(st.datetimes(low, high), pool), zones)
    if limits.storable or not extremes or rules.get("now_op") is not None:
        return found
    return mixed(found, [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])


def _in_utc(bound: Any) -> Any:
    if isinstance(bound, datetime) and bound.tzinfo is not None:
        return bound.astimezone(UTC).replace(tzinfo=None)
    return bound


def _shown_in(instant: datetime, zone: tzinfo) -> datetime:
    shown = instant.replace(tzinfo=UTC).astimezone(zone)
    return shown.replace(fold=instant.fold) if isinstance(zone, timezone) else shown


# ---- intervals ---------------------------------------------------------------------------------

_INTERVAL_TRAPS = (
    timedelta(), _TICK, -_TICK, timedelta(seconds=1), timedelta(days=-1), timedelta(days=1),
    timedelta(100_000, 1, 1), timedelta(milliseconds=1), timedelta(hours=25), timedelta(31),
)  # fmt: skip
_MOST = timedelta(microseconds=2**63 - 1)


def intervals(rules: Rules, limits: Limits) -> SearchStrategy[timedelta]:
    """Return a strategy of intervals; a column's have 64 bits of microseconds."""
    ends = (-_MOST, _MOST) if limits.storable else (timedelta.min, timedelta.max)
    low, high = _bounds(rules, *ends, _TICK)
    if low > high:
        return st.nothing()
    pool = [t for t in (*_INTERVAL_TRAPS, low, high) if low <= t <= high]
    return mixed(st.timedeltas(low, high), pool)
