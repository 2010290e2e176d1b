"""A plan as plain values, the same kind for every engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Advice", "PlanNode", "QueryPlan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNode:
    """One step of a plan; its children give it what it works on.

    Numbers are None where the engine does not tell them.
    """

    kind: str
    """In the engine's words: `Seq Scan`, `HASH_JOIN`, `SEARCH`."""
    table: str | None = None
    alias: str | None = None
    """The name that the statement gives the table."""
    index: str | None = None
    condition: str | None = None
    """What the rows are held against."""
    estimated: float | None = None
    """The rows that the planner expects to come out."""
    actual: float | None = None
    """The rows that came out, if the statement was run."""
    scanned: float | None = None
    """The rows that were looked at, if the statement was run."""
    cost: float | None = None
    """What the step itself costs, in the engine's unit."""
    seconds: float | None = None
    """How long the step itself took, if the statement was run."""
    reads_all: bool = False
    """Whether every row of the table is looked at."""
    children: tuple[PlanNode, ...] = ()

    def walk(self) -> Iterator[PlanNode]:
        """Yield the node, then all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A table that is read as a whole to find few rows, and the index that would spare that."""

    table: str
    rows: int
    """How many rows the table has; counted up to a limit."""
    more: bool
    """Whether it has more rows than were counted."""
    columns: tuple[str, ...]
    """The index that would help, in order."""

    def __str__(self) -> str:
        rows = f"{'more than ' if self.more else ''}{self.rows:,}"
        columns = ", ".join(self.columns)
        return f"all {rows} rows of {self.table} are read; an index on ({columns}) would find them"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlan:
    """What one engine would do, or has done, for one statement."""

    engine: str
    sql: str
    root: PlanNode
    analyzed: bool = False
    """Whether the statement was run, and actual numbers are known."""
    seconds: float | None = None
    """How long the whole statement took, if it was run."""
    advice: tuple[Advice, ...] = ()

    @property
    def measure(self) -> str | None:
        """What `share` compares: `time`, `cost` or `rows`; None where the engine tells nothing."""
        nodes = list(self.root.walk())
        for name, values in (
            ("time", [node.seconds for node in nodes]),
            ("cost", [node.cost for node in nodes]),
            ("rows", [node.estimated for node in nodes]),
        ):
            if sum(value or 0 for value in values) > 0:
                return name
        return None

    def share(self, node: PlanNode) -> float | None:
        """Return how much of the whole a node takes, from 0 to 1."""
        name = self.measure
        if name is None:
            return None

        def value(of: PlanNode) -> float:
            return {"time": of.seconds, "cost": of.cost, "rows": of.estimated}[name] or 0.0

        return value(node) / sum(map(value, self.root.walk()))
