"""The frames of a flame graph: functions with the time that was spent in them and below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["KINDS", "Frame", "Kind", "kind_of", "own_time"]

Kind: TypeAlias = Literal["library", "pydantic", "sqlalchemy", "driver", "loop", "python"]
"""Whose code a function is."""

KINDS: dict[Kind, str] = {
    "library": "andamios_orm",
    "pydantic": "pydantic",
    "sqlalchemy": "SQLAlchemy",
    "driver": "driver",
    "loop": "event loop",
    "python": "Python",
}
"""The kinds, and how the legend calls them."""

_PACKAGES: dict[str, Kind] = {
    "andamios_orm": "library",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic",
    "sqlalchemy": "sqlalchemy",
    "aiosqlite": "driver",
    "asyncpg": "driver",
    "duckdb": "driver",
    "sqlite3": "driver",
    "asyncio": "loop",
    "concurrent": "loop",
    "queue": "loop",
    "threading": "loop",
    "uvloop": "loop",
}


@dataclass(slots=True)
class Frame:
    """A function, below the one that called it."""

    module: str
    function: str
    kind: Kind
    seconds: float
    """The time in it and in what it called."""
    children: list[Frame] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The function with its module."""
        return f"{self.module}:{self.function}" if self.module else self.function

    def walk(self) -> Iterator[Frame]:
        """Give this frame and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def scaled(self, factor: float) -> Frame:
        """Return the same frames with their times multiplied."""
        below = [child.scaled(factor) for child in self.children]
        return Frame(self.module, self.function, self.kind, self.seconds * factor, below)

    def merged(self) -> Frame:
        """Return the same frames with one child for each function, the longest first."""
        below = _merged(self.children)
        return Frame(self.module, self.function, self.kind, self.seconds, below)


def _merged(frames: Iterable[Frame]) -> list[Frame]:
    found: dict[str, Frame] = {}
    for one in frames:
        same = found.get(one.name)
        if same is None:
            found[one.name] = Frame(
                one.module, one.function, one.kind, one.seconds, list(one.children)
            )
        else:
            same.seconds += one.seconds
            same.children += one.children
    return sorted((one.merged() for one in found.values()), key=lambda one: -one.seconds)


def kind_of(module: str) -> Kind:
    """Return whose code a module is."""
    return _PACKAGES.get(module.partition(".")[0], "python")


def own_time(root: Frame) -> dict[Kind, float]:
    """Return the time that functions of each kind spent in themselves, the greatest first."""
    found: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
    for one in root.walk():
        if one is not root:
            found[one.kind] += one.seconds - sum(child.seconds for child in one.children)
    return dict(sorted(found.items(), key=lambda item: -item[1]))
