"""What each operation may cost, and which results cost more by more than the noise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.report import Result

__all__ = ["BUDGETS", "Budgets", "Judgement", "budgets", "judged"]

BUDGETS = Path(__file__).with_name("budgets.json")

_By: TypeAlias = dict[str, dict[str, float]]
"""Numbers by operation and backend."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The most that an operation may cost."""

    cpu_ratio: _By
    """Client CPU over the floor's."""
    wall_ms: _By
    """Milliseconds until the answer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One result next to one budget."""

    operation: str
    backend: str
    measure: str
    found: float
    noise: float
    budget: float

    @property
    def is_kept(self) -> bool:
        """Whether the budget is met, or missed by no more than the noise."""
        return self.found - self.noise <= self.budget

    def __str__(self) -> str:
        return (
            f"{self.operation} on {self.backend}: {self.measure} {self.found:.2f}"
            f" (noise {self.noise:.2f}), budget {self.budget:g}"
        )


def budgets(path: Path = BUDGETS) -> Budgets:
    """Return the budgets of a file."""
    return Budgets(**json.loads(path.read_text()))


def judged(results: Sequence[Result], limits: Budgets) -> list[Judgement]:
    """Return every result that has a budget, next to it."""
    found: list[Judgement] = []
    for one in results:
        most = limits.cpu_ratio.get(one.operation, {}).get(one.backend)
        if most is not None:
            found.append(_judgement(one, "CPU ratio", one.cpu.value, one.cpu.noise, most))
        most = limits.wall_ms.get(one.operation, {}).get(one.backend)
        if most is not None:
            wall, noise = one.ours.wall / 1000, one.ours.wall_noise / 1000
            found.append(_judgement(one, "wall ms", wall, noise, most))
    return found


def _judgement(one: Result, measure: str, found: float, noise: float, most: float) -> Judgement:
    return Judgement(one.operation, one.backend, measure, found, noise, most)
