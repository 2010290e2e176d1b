"""Time contenders in turn, so that a drift of the machine's speed meets all of them alike."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

__all__ = ["Timing", "interleaved"]

Operation = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Timing:
    """The median over rounds, in microseconds for one call."""

    wall: float
    cpu: float
    """CPU of this process, all threads; a database server is another process and not in it."""


async def interleaved(
    contenders: Mapping[str, Operation], *, calls: int, rounds: int = 7
) -> dict[str, Timing]:
    """Return each contender's timing: every round runs all of them, in random order."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for operation in contenders.values():
        await _timed(operation, max(10, calls // 10))
    for _ in range(rounds):
        names = list(contenders)
        random.shuffle(names)
        for name in names:
            gc.collect()
            samples[name].append(await _timed(contenders[name], calls))
    return {
        name: Timing(
            wall=statistics.median(wall for wall, _ in found) * 1e6,
            cpu=statistics.median(cpu for _, cpu in found) * 1e6,
        )
        for name, found in samples.items()
    }


async def _timed(operation: Operation, calls: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        await operation()
    return (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls
