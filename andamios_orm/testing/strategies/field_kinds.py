"""Random fields of random classes: a type, constraints that fit together, and a default."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import Enum, IntEnum, StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast
from uuid import UUID

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import (
    UUID4,
    AwareDatetime,
    ByteSize,
    Field,
    HttpUrl,
    IPvAnyAddress,
    Json,
    NaiveDatetime,
    SecretBytes,
    SecretStr,
    create_model,
)

from andamios_orm.testing.strategies.class_plan import FieldPlan
from andamios_orm.testing.strategies.naming import field_names
from andamios_orm.testing.strategies.numbers import Rules, decimals, integers
from andamios_orm.testing.strategies.storable import Limits, limits_of

__all__ = ["Typed", "key_types", "types"]


@dataclass(frozen=True, slots=True)
class Typed:
    """What a field holds: its type, its constraints, and values that are allowed."""

    annotation: Any
    constraints: Mapping[str, object] = field(default_factory=dict)
    defaults: tuple[object, ...] = ()
    """Values that a model takes, for a default."""
    server_defaults: tuple[object, ...] = ()
    keyed: bool = True
    """Whether it can be unique, indexed, or part of a key, on every engine."""
    bytes: int = 32
    """The bytes that it takes of an index where these are limited; 0 for what is left."""

    def plan(self, **arguments: object) -> FieldPlan:
        """Return the field that is declared so."""
        return FieldPlan(self.annotation).having(**arguments, **self.constraints)


@st.composite
def _between(draw: DrawFn, values: SearchStrategy[Any]) -> dict[str, Any]:
    """Draw none, one or both bounds, of which one of the two values drawn for them is inside."""
    low, high = sorted((draw(values), draw(values)))
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found[draw(st.sampled_from(("ge", "gt") if low < high else ("ge",)))] = low
    if low < high and draw(st.booleans()):
        found[draw(st.sampled_from(("le",) if "gt" in found else ("le", "lt")))] = high
    return found


_WORDS = (
    "",
    "a",
    "it's",
    'say "hi"',
    "50 %",
    "a\\b",
    "größe",
    ":x",
    "%s",
    "line\nline",
    "a;b",
    "--",
)


@st.composite
def _integers(draw: DrawFn) -> Typed:
    found: dict[str, object] = draw(_between(st.sampled_from((-(2**63), -5, 0, 1, 100, 2**63 - 1))))
    if draw(st.integers(0, 3)) == 3:
        steps = [
            n for n in (1, 2, 7, 1000) if _leaves_values(integers, {**found, "multiple_of": n})
        ]
        found["multiple_of"] = draw(st.sampled_from(steps))
    free = not found
    return Typed(int, found, (0, 7) if free else (), (0, -1, 2**40) if free else ())


@st.composite
def _floats(draw: DrawFn) -> Typed:
    found = draw(_between(st.sampled_from((-1e300, -0.5, 0.0, 1e-7, 0.1, 1e16, 1.5))))
    free = not found
    return Typed(float, found, (0.5,) if free else (), (0.1, -1.5, 1e20) if free else ())


def _leaves_values(values: Callable[[Rules, Limits], SearchStrategy[Any]], rules: Rules) -> bool:
    """Whether a column with these constraints can have a value."""
    return not values(rules, limits_of(storable=True)).is_empty


_WIDE = Context(prec=50)


@st.composite
def _decimals(draw: DrawFn) -> Typed:
    places = draw(st.sampled_from((2, 0, 1, 6, 18, 30)))
    digits = draw(st.integers(max(places, 1), 38))
    found: dict[str, object] = {"max_digits": digits, "decimal_places": places}
    if draw(st.integers(0, 5)) == 5:
        found, digits, places = {}, 38, 18
    if digits > places:
        unit = Decimal(1).scaleb(-places)
        bounds = (-unit, Decimal(0), unit, Decimal("9" * digits).scaleb(-places, _WIDE))
        found |= draw(_between(st.sampled_from(bounds)))
    steps = [Decimal(n).scaleb(-places) for n in (1, 5)]
    whole = {"max_digits": digits, "decimal_places": places, **found}
    steps = [n for n in steps if _leaves_values(decimals, {**whole, "multiple_of": n})]
    if steps and draw(st.integers(0, 5)) == 5:
        found["multiple_of"] = draw(st.sampled_from(steps))
    free = found.keys() <= {"max_digits", "decimal_places"}
    # Pydantic counts the zero of `Decimal("0")` as a digit before the point.
    zero = (Decimal(0),) if digits > places else ()
    return Typed(Decimal, found, zero if free else (), (0, 0.5) if places > 0 and free else ())


@st.composite
def _texts(draw: DrawFn, most: int = 768) -> Typed:
    found: dict[str, object] = {}
    longest = draw(st.sampled_from((None, 50, 1, 255, most)))
    if longest is not None:
        found["max_length"] = longest
    if draw(st.booleans()):
        found["min_length"] = draw(st.sampled_from((1, 0, longest or 5)))
    least = cast("int", found.get("min_length", 0))
    if draw(st.integers(0, 3)) == 3:
        four = (r"^\d{4}$",) if least <= 4 <= (longest or 4) else ()
        found["pattern"] = draw(st.sampled_from((r"^[a-z]+$", *four, "it's|%")))
    words = tuple(w for w in _WORDS if least <= len(w) <= (longest or 99))
    defaults = words if "pattern" not in found else ()
    return Typed(str, found, defaults, words, bytes=4 * (longest or 0))


@st.composite
def _bytes(draw: DrawFn) -> Typed:
    found: dict[str, object] = {}
    longest = draw(st.sampled_from((None, 16, 1, 255)))
    if longest is not None:
        found["max_length"] = longest
    if draw(st.booleans()):
        found["min_length"] = 1
    return Typed(bytes, found, (b"\x00a",) if longest != 1 else (), bytes=longest or 0)


_DATES = (date(2000, 1, 1), date(1, 1, 2), date(9999, 12, 30))
_TIMES = (time(0), time(12, 30), time(23, 59, 59, 999999))
_INSTANTS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=UTC))
_CLOCKS = tuple(instant.replace(tzinfo=None) for instant in _INSTANTS)
_SPANS = (timedelta(0), timedelta(days=-1), timedelta(microseconds=1), timedelta(days=40000))


def _timed(
    annotation: object, values: Sequence[object], *, now: bool = True
) -> SearchStrategy[Typed]:
    clock = (sa.func.now(),) if now else ()
    return _between(st.sampled_from(values)).map(
        lambda found: Typed(
            annotation,
            found,
            defaults=() if found else (values[0],),
            server_defaults=clock,
            keyed=annotation is not timedelta,  # DuckDB has no index of intervals
        )
    )


def _enum(kind: type[Enum], values: Sequence[object]) -> SearchStrategy[Typed]:
    @st.composite
    def drawn(draw: DrawFn) -> Typed:
        chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True))
        members = {f"M{number}": value for number, value in enumerate(chosen, start=1)}
        make = cast("Callable[..., type[Enum]]", kind)
        enum = make("Color", members, module=__name__)
        return Typed(
            enum, {}, tuple(enum), (chosen[0],), bytes=4 * max(len(str(v)) for v in chosen)
        )

    return drawn()


_TEXT_VALUES = tuple(word for word in _WORDS if word)


@st.composite
def _literals(draw: DrawFn) -> Typed:
    values = draw(st.sampled_from((_TEXT_VALUES, (1, 2, -3, 2**40))))
    chosen = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))
    size = 4 * max(len(str(value)) for value in chosen)
    literal = Literal.__getitem__(tuple(chosen))
    return Typed(literal, {}, (chosen[0],), (chosen[0],), bytes=size)


@st.composite
def _nested(draw: DrawFn) -> Typed:
    names = draw(st.lists(field_names(), min_size=1, max_size=3, unique=True))
    kinds = (
        (str, ...),
        (int, Field(ge=0)),
        (list[str], ...),
        (Decimal | None, None),
        (datetime, ...),
    )
    fields: dict[str, Any] = {name: draw(st.sampled_from(kinds)) for name in names}
    made = create_model("Detail", __module__=__name__, **fields)
    annotation = draw(st.sampled_from((made, list[made], dict[str, made])))  # type: ignore[valid-type]  # built at run time
    return Typed(annotation, keyed=False)


_JSON: tuple[object, ...] = (
    dict[str, int],
    list[str],
    set[int],
    tuple[int, str],
    tuple[float, ...],
    dict[str, list[bool | None]],
    int | str,
    Json[list[int]],
    Any,
)
_PLAIN: tuple[Typed, ...] = (
    Typed(bool, {}, (True,), (True, False)),
    Typed(UUID, {}, (UUID(int=0),)),
    Typed(UUID4),
    Typed(ByteSize),
    Typed(SecretStr, bytes=0),
    Typed(SecretBytes, bytes=0),
    Typed(HttpUrl, bytes=0),
    Typed(ipaddress.IPv4Address, bytes=0),
    Typed(ipaddress.IPv6Network, bytes=0),
    Typed(IPvAnyAddress, bytes=0),
    Typed(Path, bytes=0),
)


@cache
def key_types() -> SearchStrategy[Typed]:
    """Return what the columns of primary keys hold; all of it has limited length."""
    return st.one_of(
        st.just(Typed(int)),
        st.just(Typed(str, {"max_length": 50}, bytes=200)),
        st.just(Typed(UUID)),
        types().filter(lambda each: each.keyed),
    )


@cache
def types() -> SearchStrategy[Typed]:
    """Return every kind of column, with constraints that leave some values."""
    return st.one_of(
        st.just(Typed(int, {}, (0,), (0,))),
        st.just(Typed(str, {}, _WORDS, _WORDS, bytes=0)),
        _integers(),
        _texts(),
        _floats(),
        _decimals(),
        _bytes(),
        st.sampled_from(_PLAIN),
        _timed(date, _DATES),
        _timed(time, _TIMES),
        _timed(datetime, _INSTANTS),
        _timed(AwareDatetime, _INSTANTS),
        _timed(NaiveDatetime, _CLOCKS),
        _timed(timedelta, _SPANS, now=False),
        _enum(StrEnum, _TEXT_VALUES),
        _enum(Enum, _TEXT_VALUES),
        _enum(IntEnum, (0, 1, -7, 2**40)),
        _literals(),
        st.sampled_from(_JSON).map(lambda annotation: Typed(annotation, keyed=False)),
        _nested(),
    )
