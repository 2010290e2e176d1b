"""More connections, more shapes of queries, more calls."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import sqlalchemy as sa

from andamios_orm import Database, Repository
from benchmarks.databases import database
from benchmarks.growth.declared import declare
from benchmarks.growth.series import Series, cheapest

__all__ = ["Leak", "after_calls", "by_connections", "by_shapes"]

_TASKS = 50
_GETS = 10
_FIELDS = 14
"""Each is in a query's conditions or not: 16,384 shapes."""


async def by_connections(backend: str, sizes: Sequence[int]) -> list[Series]:
    """Return what a get costs when 50 tasks share the connections."""
    points: list[tuple[int, float]] = []
    metadata = sa.MetaData()
    (model,) = declare(1, 7, metadata)
    with database(backend) as url:
        async with Database(url, metadata=metadata) as db:
            await db.create_all()
            await Repository(model, db).add(model())
        for connections in sizes:
            async with Database(url, pool_size=connections, metadata=metadata) as db:
                rows: Repository[Any] = Repository(model, db)

                async def task(rows: Repository[Any] = rows) -> None:
                    for _ in range(_GETS):
                        await rows.get(1)

                async def together(task: Any = task) -> None:
                    await asyncio.gather(*(task() for _ in range(_TASKS)))

                taken = await cheapest(together, times=5)
            points.append((connections, taken / _TASKS / _GETS * 1e6))
    name = f"get by key, {_TASKS} tasks, {backend}"
    return [Series(name, "connections", "us", tuple(points))]


async def by_shapes(sizes: Sequence[int]) -> tuple[list[Series], dict[int, int]]:
    """Return what the first query of a shape costs, and how many plans are kept after so many."""
    points: list[tuple[int, float]] = []
    kept: dict[int, int] = {}
    metadata = sa.MetaData()
    (model,) = declare(1, _FIELDS, metadata)
    for shapes in sizes:
        async with Database("sqlite:///:memory:", metadata=metadata) as db:
            await db.create_all()
            rows: Repository[Any] = Repository(model, db)
            begun = process_time()
            for number in range(1, shapes + 1):
                await _ask(rows, model, number)
            points.append((shapes, (process_time() - begun) / shapes * 1e6))
            kept[shapes] = len(db.plans)
    return [Series("first query of a shape, sqlite", "shapes", "us", tuple(points))], kept


async def _ask(rows: Repository[Any], model: Any, number: int) -> None:
    """Run a query whose conditions are the bits of a number."""
    conditions = [
        getattr(model, f"c{field}") >= number for field in range(_FIELDS) if number >> field & 1
    ]
    await rows.where(*conditions).limit(1).all()


class Leak:
    """How much memory the process has after so many calls."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []

    def note(self, calls: int) -> None:
        """Measure, in megabytes."""
        gc.collect()
        self.points.append((calls, _resident() / 1e6))

    @property
    def bytes_per_call(self) -> float:
        """What a call leaves behind, without what the first fifth of them has built up."""
        settled = self.points[len(self.points) // 5 :]
        (first, before), (last, after) = settled[0], settled[-1]
        return (after - before) * 1e6 / (last - first)


async def after_calls(calls: int) -> Leak:
    """Make that many calls: gets, queries of many shapes, changes; note the memory ten times."""
    metadata = sa.MetaData()
    (model,) = declare(1, _FIELDS, metadata)
    fields: Any = model
    found = Leak()
    async with Database("sqlite:///:memory:", metadata=metadata) as db:
        await db.create_all()
        rows: Repository[Any] = Repository(model, db)
        await rows.add(model())
        for number in range(1, calls + 1):
            if number % 200 == 0:
                # More shapes than the cache of plans holds.
                await _ask(rows, model, number // 200 % 5_000 + 1)
            elif number % 10 == 0:
                await rows.patch(1, fields.c0.set(number))
            elif number % 10 == 1:
                await rows.where(fields.c0 >= number, fields.c1 == 1).limit(1).all()
            else:
                await rows.get(1)
            if number % (calls // 10) == 0:
                found.note(number)
    return found


def _resident() -> float:
    """Return the memory of this process in bytes; where it is not told, the most there was."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
