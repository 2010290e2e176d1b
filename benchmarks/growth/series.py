"""A cost over a size, and whether it grows."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import process_time

__all__ = ["Series", "cheapest"]

_FLAT = 0.12
"""Noise makes exponents like this one; over a thousandfold size it would be a factor of 2.3."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one unit costs at each size: a row, a column, a model, a call."""

    name: str
    size: str
    """What there is more and more of."""
    unit: str
    points: tuple[tuple[int, float], ...]
    is_judged: bool = True
    """Whether it matters that it grows."""

    @property
    def exponent(self) -> float:
        """The power of the size with which the cost grows: 0 is flat, 1 doubles with the size."""
        xs = [math.log(size) for size, _ in self.points]
        ys = [math.log(cost) for _, cost in self.points]
        x, y = sum(xs) / len(xs), sum(ys) / len(ys)
        return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
            (a - x) ** 2 for a in xs
        )

    @property
    def verdict(self) -> str:
        """What becomes of all the units together, in a word or two."""
        if self.exponent < -_FLAT:
            return "falls"
        if self.exponent <= _FLAT:
            return "flat"
        return "GROWS" if self.is_judged else "grows"

    def text(self) -> str:
        """Return the series as one line."""
        costs = "   ".join(f"{size:,}: {cost:.3g}" for size, cost in self.points)
        return (
            f"{self.name} [{self.unit}] by {self.size}\n"
            f"    {costs}\n    {self.verdict} (exponent {self.exponent:+.2f})"
        )


async def cheapest(call: Callable[[], Awaitable[object]], *, times: int) -> float:
    """Return the least CPU that a call took, in seconds, after one that does not count."""
    await call()
    taken: list[float] = []
    for _ in range(times):
        begun = process_time()
        await call()
        taken.append(process_time() - begun)
    return min(taken)
