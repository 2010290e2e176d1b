"""What a run says about two claims: half the CPU of the best peer, and no operation slower."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.harness import Ratio
from benchmarks.peers.speed.answers import Answers, Library
from benchmarks.peers.speed.roster import MEASURED, OURS, TITLES
from benchmarks.peers.speed.shown import multiple
from benchmarks.peers.speed.tables import backends

__all__ = ["Faster", "best_at", "faster", "judgement"]

WANTED = 2.0
"""How many times less CPU than the best peer a get from the pool is to need."""
GET = "get_pool"

Clock = Literal["cpu", "wall"]
_CLOCKS: dict[Clock, str] = {"cpu": "needs less CPU", "wall": "answers sooner"}


@dataclass(frozen=True, slots=True)
class Faster:
    """A peer that is faster than andamios_orm, as multiples of the floor beside each."""

    backend: str
    operation: str
    clock: Clock
    peer: Library
    theirs: Ratio
    ours: Ratio

    @property
    def is_certain(self) -> bool:
        """Whether the difference is greater than the noise of both."""
        return self.ours.value - self.theirs.value > math.hypot(self.ours.noise, self.theirs.noise)

    def __str__(self) -> str:
        """Say who is faster at what, and what the two do not have in common."""
        doubt = "" if self.is_certain else ", within the noise"
        return (
            f"{TITLES[self.backend]}, {MEASURED[self.operation]}: {self.peer.title}"
            f" {multiple(self.theirs.value)}, andamios_orm {multiple(self.ours.value)}{doubt}"
            f"{_unlike(self.peer, self.operation)}"
        )


def judgement(answers: Answers) -> str:
    """Return both claims, each with what was found."""
    if _ours(answers) is None:
        return "andamios_orm was not measured: nothing to judge."
    lines = [f"CPU of a get from the pool ({WANTED:g} times less than the best peer is wanted):"]
    for backend in backends(answers):
        found = best_at(answers, backend, GET, "cpu")
        if found is not None:
            times = found.theirs.value / found.ours.value
            verdict = "reached" if times >= WANTED else "not reached"
            lines.append(
                f"  {TITLES[backend]}: {times:.1f} times less than {found.peer.title}, the best"
                f" ({multiple(found.theirs.value)} of the floor, andamios_orm"
                f" {multiple(found.ours.value)}): {verdict}"
            )
    for clock, what in _CLOCKS.items():
        lines.append(f"Operations where a peer that returns objects {what}:")
        lines += [f"  {one}" for one in faster(answers, clock)] or ["  none"]
    return "\n".join(lines)


def best_at(answers: Answers, backend: str, operation: str, clock: Clock) -> Faster | None:
    """Return the peer that returns objects and needs the least of it, next to andamios_orm."""
    ours = _ours(answers)
    own = None if ours is None else ours.result(backend, operation)
    found = [
        Faster(backend, operation, clock, each, getattr(one, clock), getattr(own, clock))
        for each in answers.libraries
        if own is not None and each.name != OURS and each.traits and each.traits.objects
        if (one := each.result(backend, operation)) is not None
    ]
    return min(found, key=lambda one: one.theirs.value, default=None)


def faster(answers: Answers, clock: Clock = "cpu") -> Iterator[Faster]:
    """Return the best peer of each operation that is faster at it than andamios_orm."""
    for backend in backends(answers):
        for operation in MEASURED:
            found = best_at(answers, backend, operation, clock)
            if found is not None and found.theirs.value < found.ours.value:
                yield found


def _ours(answers: Answers) -> Library | None:
    return next((each for each in answers.libraries if each.name == OURS), None)


def _unlike(peer: Library, operation: str) -> str:
    """Return what a peer leaves out in an operation that andamios_orm does."""
    traits = peer.traits
    if traits is None:
        return ""
    if operation == "bulk":
        return "" if traits.keys == "rows" else f" (returns {traits.keys}, not the rows)"
    if operation == "insert_pool":
        return "" if traits.stored == "the row" else f" (reads back {traits.stored})"
    return "" if traits.validated == "yes" else " (does not check what it reads)"
