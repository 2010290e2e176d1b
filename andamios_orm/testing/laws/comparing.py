"""Whether a value came back as it was, and where it did not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import cast

from pydantic import BaseModel, RootModel

__all__ = ["Difference", "difference", "same"]


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Where two values differ (`.born`, `.tags[0]`), and what is there in each."""

    where: str
    one: object
    other: object


def same(one: object, other: object) -> bool:
    """Whether two values are equal, of the same types, all the way down.

    Datetimes are the same if they are the same moment, with the same difference to UTC, whatever
    the name of the zone. Decimals are the same if they are the same number, and NaN is the same as
    itself.

    >>> same(1, True), same([1.0], [1]), same(float("nan"), float("nan"))
    (False, False, True)
    """
    return difference(one, other) is None


def difference(one: object, other: object) -> Difference | None:
    """Return the first place in which two values differ.

    >>> difference({"a": [1, 2]}, {"a": [1, 3]})
    Difference(where="['a'][1]", one=2, other=3)
    """
    return next(_differences(one, other, ""), None)


def _differences(one: object, other: object, where: str) -> Iterator[Difference]:
    if type(one) is not type(other):
        yield Difference(where, one, other)
    elif isinstance(one, float):
        if one != other and not (math.isnan(one) and math.isnan(cast("float", other))):
            yield Difference(where, one, other)
    elif isinstance(one, Decimal):
        if one != other and not (one.is_nan() and cast("Decimal", other).is_nan()):
            yield Difference(where, one, other)
    elif isinstance(one, datetime | time):
        if not _same_moment(one, cast("datetime | time", other)):
            yield Difference(where, one, other)
    elif isinstance(one, BaseModel):
        yield from _in_items(_fields(one), _fields(cast("BaseModel", other)), where, ".{}")
    elif isinstance(one, Mapping):
        yield from _in_mappings(one, cast("Mapping[object, object]", other), where)
    elif isinstance(one, list | tuple):
        yield from _in_sequences(one, cast("list[object]", other), where)
    elif dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [f.name for f in dataclasses.fields(one) if f.init]
        for name in names:
            yield from _differences(getattr(one, name), getattr(other, name), f"{where}.{name}")
    # The instance of a class that does not say when it is equal is taken at its word.
    elif (isinstance(one, type) or type(one).__eq__ is not object.__eq__) and one != other:
        yield Difference(where, one, other)


def _same_moment(one: datetime | time, other: datetime | time) -> bool:
    if one.utcoffset() != other.utcoffset():
        return False
    if isinstance(one, datetime) and one.tzinfo is not None:
        # Datetimes of two zones are never equal in the hour in which a clock is set back.
        return one.astimezone(UTC) == cast("datetime", other).astimezone(UTC)
    return one == other


def _in_items(
    one: Mapping[str, object], other: Mapping[str, object], where: str, shape: str
) -> Iterator[Difference]:
    for name in dict.fromkeys([*one, *other]):
        place = where + shape.format(name)
        if name in one and name in other:
            yield from _differences(one[name], other[name], place)
        else:
            yield Difference(place, one.get(name), other.get(name))


def _in_mappings(
    one: Mapping[object, object], other: Mapping[object, object], where: str
) -> Iterator[Difference]:
    # The key itself and not one that is equal to it: 1, 1.0 and True are.
    if {key: type(key) for key in one} != {key: type(key) for key in other}:
        yield Difference(where, one, other)
    else:
        for key, value in one.items():
            yield from _differences(value, other[key], f"{where}[{key!r}]")


def _in_sequences(
    one: list[object] | tuple[object, ...], other: list[object], where: str
) -> Iterator[Difference]:
    if len(one) != len(other):
        yield Difference(where, one, other)
    else:
        for place, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _differences(mine, theirs, f"{where}[{place}]")


def _fields(value: BaseModel) -> dict[str, object]:
    # A cached_property that was read lies in the same dict.
    if isinstance(value, RootModel):
        return {"root": value.root}
    declared = type(value).__pydantic_fields__
    own = {name: item for name, item in value.__dict__.items() if name in declared}
    return {**own, **(value.__pydantic_extra__ or {})}
