"""Time contenders in turn, so that a drift of the machine's speed meets all of them alike.

Only the standard library is imported, so that every library's environment can use it.
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "ROUNDS",
    "Clocks",
    "Contender",
    "Ratio",
    "Sample",
    "Timing",
    "calls_for",
    "interleaved",
    "ratio",
]

ROUNDS = 11
"""Many short rounds: two samples of one round meet the same machine. Five are the least."""

_TO_SIGMA = 1.4826
"""Makes a median absolute deviation comparable to a standard deviation."""
_OF_MEDIAN = 1.2533
"""A median's standard error is that much greater than a mean's."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where the time comes from, in seconds."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    """CPU of this process, all threads; a database server is another process and not in it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do an operation."""

    call: Callable[[], Awaitable[object]]
    before: Callable[[int], Awaitable[object]] | None = None
    """Called before each sample with the number of its calls, outside the time."""
    after: Callable[[], Awaitable[object]] | None = None
    """Called after each sample, outside the time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one call took on average over a sample, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Timing:
    """One contender's samples, in the order of the rounds; times are seconds for one call."""

    samples: tuple[Sample, ...] = field(repr=False)

    @property
    def wall(self) -> float:
        """The median wall time."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def best_wall(self) -> float:
        """The least wall time."""
        return min(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float:
        """The median CPU time."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def best_cpu(self) -> float:
        """The least CPU time."""
        return min(sample.cpu for sample in self.samples)

    @property
    def noise(self) -> float:
        """By how much `wall` may be off: two standard errors of the median."""
        return _noise([sample.wall for sample in self.samples])


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much more one contender takes than another."""

    value: float
    """The median of the rounds' ratios."""
    best: float
    """The ratio of the two best samples."""
    noise: float
    """By how much `value` may be off: two standard errors of the median."""


def ratio(timing: Timing, floor: Timing, clock: Literal["cpu", "wall"] = "cpu") -> Ratio:
    """Return how much more `timing` took than `floor`, round by round.

    The two of a round ran right after each other, so that what slows the machine down for longer
    than a sample is in both.
    """
    taken = [getattr(sample, clock) for sample in timing.samples]
    least = [getattr(sample, clock) for sample in floor.samples]
    rounds = [one / other for one, other in zip(taken, least, strict=True)]
    return Ratio(
        value=statistics.median(rounds),
        best=min(taken) / min(least),
        noise=_noise(rounds),
    )


def _noise(found: Sequence[float]) -> float:
    middle = statistics.median(found)
    # A single sample that something else disturbed says nothing about the others.
    sigma = _TO_SIGMA * statistics.median(abs(one - middle) for one in found)
    return 2 * _OF_MEDIAN * sigma / math.sqrt(len(found))


async def interleaved(
    contenders: Mapping[str, Contender],
    *,
    calls: int,
    rounds: int = ROUNDS,
    clocks: Clocks | None = None,
    shuffle: Callable[[MutableSequence[str]], object] = random.shuffle,
) -> dict[str, Timing]:
    """Return each contender's timing: every round runs all of them once, in random order.

    One round before the first is thrown away: it fills caches.
    """
    clocks = Clocks() if clocks is None else clocks
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        names = list(contenders)
        shuffle(names)
        for name in names:
            sample = await _sample(contenders[name], calls, clocks)
            if number:
                samples[name].append(sample)
    return {name: Timing(tuple(found)) for name, found in samples.items()}


async def calls_for(
    contenders: Sequence[Contender],
    *,
    seconds: float,
    most: int,
    clocks: Clocks | None = None,
) -> int:
    """Return how many calls make a sample of that length with the fastest contender."""
    clocks = Clocks() if clocks is None else clocks
    fastest = math.inf
    for contender in contenders:
        for tried in (1, 1, min(10, most)):
            taken = (await _sample(contender, tried, clocks)).wall
            fastest = min(fastest, taken)
            if taken * 10 > seconds:
                break  # long enough to be known
    return max(1, min(most, round(seconds / fastest))) if fastest > 0 else most


async def _sample(contender: Contender, calls: int, clocks: Clocks) -> Sample:
    if contender.before is not None:
        await contender.before(calls)
    call = contender.call
    gc.collect()
    cpu, wall = clocks.cpu(), clocks.wall()
    for _ in range(calls):
        await call()
    walled, computed = clocks.wall() - wall, clocks.cpu() - cpu
    if contender.after is not None:
        await contender.after()
    return Sample(wall=walled / calls, cpu=computed / calls)
