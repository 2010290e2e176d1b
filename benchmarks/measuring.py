"""Measure operations on one database: the library and the driver by hand, in turn."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel

from benchmarks.harness import Timing, calls_for, interleaved
from benchmarks.operations import READS_HELD, WRITES_HELD, Side, contender
from benchmarks.ours import Ours, open_ours
from benchmarks.raw import Floor, open_floor
from benchmarks.workload import BULK, OPERATIONS, TASKS, ages, keys, new_numbers

__all__ = ["Pair", "agree", "measure", "prepared"]

Pair = dict[str, Timing]
"""The timings of one operation by contender."""


@asynccontextmanager
async def prepared(url: str, *, own_table: bool = False) -> AsyncIterator[tuple[Ours, Floor]]:
    """Make the table with its rows, and open both sides; `own_table` is as the library makes it."""
    async with open_floor(url) as floor, open_ours(url) as ours:
        await (ours if own_table else floor).create()
        await floor.fill()
        yield ours, floor


async def measure(
    name: str, ours: Ours, floor: Floor, *, rounds: int, seconds: float
) -> tuple[int, Pair]:
    """Return how many calls a sample had, and both timings of an operation."""
    if name in READS_HELD | WRITES_HELD:
        async with ours.held(read_only=name in READS_HELD) as held:
            return await _measured(name, {"ours": held, "raw": floor}, rounds, seconds)
    return await _measured(name, {"ours": ours, "raw": floor}, rounds, seconds)


async def _measured(
    name: str, sides: dict[str, Side], rounds: int, seconds: float
) -> tuple[int, Pair]:
    numbers = new_numbers()
    contenders = {title: contender(name, side, numbers) for title, side in sides.items()}
    calls = await calls_for(
        list(contenders.values()), seconds=seconds, most=OPERATIONS[name].most_calls
    )
    return calls, await interleaved(contenders, calls=calls, rounds=rounds)


async def agree(ours: Side, floor: Side) -> None:
    """Raise AssertionError unless both sides give the same results and store the same rows."""
    wanted = keys()
    key, name = next(wanted), "Renamed"
    _same(await ours.get(key), await floor.get(key))
    _same(await ours.transaction(key), await floor.transaction(key))
    _same(await ours.connect(key), await floor.connect(key))
    _same(await ours.update(key, name), await floor.update(key, name))
    for age in itertools.islice(ages(), 3):
        _same(await ours.filter(age), await floor.filter(age))
    for _ in range(3):
        _same(await ours.page(), await floor.page())
    _same(await ours.read(), await floor.read())
    loaded, expected = await ours.eager_load(), await floor.eager_load()
    _same(await ours.eager_shape(), await floor.eager_shape())
    for team, other in zip(loaded, expected, strict=True):
        assert team.name == other.name
        _same(team.members, other.members)
    many = [next(wanted) for _ in range(TASKS)]
    _same(await ours.tasks(many), await floor.tasks(many))
    numbers = new_numbers()
    for writer, reader in ((ours, floor), (floor, ours)):
        # What one side stores, the other reads as the same.
        one = await writer.insert(writer.new(next(numbers)))
        _same(one, await reader.get(one.id))
        await writer.upsert(writer.new(wanted_again := next(wanted)))
        assert (await reader.get(wanted_again)).name == writer.new(wanted_again).name
        fresh = await writer.upsert(writer.new(next(numbers)))
        _same(fresh, await reader.get(fresh.id))
        given = [writer.new(next(numbers)) for _ in range(BULK)]
        stored = await writer.bulk(given)
        assert [row.email for row in stored] == [row.email for row in given]
        for row in (stored[0], stored[-1]):
            _same(row, await reader.get(row.id))
        await writer.remove_added()


def _same(one: Any, other: Any) -> None:
    found, expected = _values(one), _values(other)
    assert found == expected, f"{found!r} is not {expected!r}"


def _values(found: BaseModel | Sequence[BaseModel]) -> object:
    if isinstance(found, BaseModel):
        return found.model_dump()
    return [one.model_dump() for one in found]
