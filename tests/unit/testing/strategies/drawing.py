"""Draws that a test chooses."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["Planted", "reached", "some"]

T = TypeVar("T")

UNSHRUNK = settings(
    derandomize=True,
    max_examples=5000,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def reached(strategy: SearchStrategy[T], wanted: Callable[[T], object]) -> T:
    """Return the first that is wanted. Raises NoSuchExample where none of very many is."""
    return find(strategy, lambda value: bool(wanted(value)), settings=UNSHRUNK)


def some(strategy: SearchStrategy[T], examples: int) -> list[T]:
    """Return as many as are drawn in a run of so many examples."""
    drawn: list[T] = []

    @settings(UNSHRUNK, max_examples=examples)
    @given(strategy)
    def collect(value: T) -> None:
        drawn.append(value)

    collect()
    return drawn


class Planted:
    """A `draw` that gives these values, one after the other, whatever the strategy."""

    def __init__(self, *values: object) -> None:
        self._left: Iterator[object] = iter(values)

    def __call__(self, strategy: SearchStrategy[Any], label: object = None) -> Any:
        """Return the next value. Raises StopIteration after the last."""
        return next(self._left)

    @property
    def left(self) -> list[object]:
        """What nobody has asked for."""
        return list(self._left)
