"""What the migrations of a database are found to be: applied, pending, planned, doubtful."""

from __future__ import annotations

from dataclasses import dataclass

from andamios_orm.migration.journal import Direction
from andamios_orm.migration.revisions import Revision

__all__ = [
    "Finding",
    "HistoryEntry",
    "Plan",
    "PlannedOperation",
    "PlannedRevision",
    "Status",
    "Verification",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One revision, and when it was applied to this database: None for not yet."""

    revision: Revision
    applied: bool
    applied_at: str | None
    """As ISO 8601 in UTC; None also for one that was applied without the library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a database stands."""

    engine: str
    database: str
    environment: str | None
    current: str | None
    head: str | None
    history: tuple[HistoryEntry, ...]
    half_done: tuple[str, Direction] | None
    """A revision that was stopped on its way, and the way."""
    changed: tuple[str, ...]
    """Applied revisions whose files were changed since."""
    kept: tuple[str, ...]
    """Tables and columns that migrations have put aside."""

    @property
    def pending(self) -> tuple[Revision, ...]:
        """The revisions that are not applied yet, the oldest first."""
        return tuple(entry.revision for entry in self.history if not entry.applied)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOperation:
    """One operation of a revision, as it would be made."""

    told: str
    """The operation, in words."""
    steps: tuple[str, ...]
    """What is done at once each, in SQL or in words."""
    destroys: tuple[str, ...] = ()
    """Tables and columns whose data goes, as permissions name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRevision:
    """One revision, as it would be applied or undone."""

    revision: Revision
    operations: tuple[PlannedOperation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a migration would do."""

    direction: Direction
    revisions: tuple[PlannedRevision, ...]

    @property
    def destroys(self) -> tuple[str, ...]:
        """All tables and columns whose data would go."""
        return tuple(
            dict.fromkeys(
                name
                for planned in self.revisions
                for operation in planned.operations
                for name in operation.destroys
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something doubtful in a revision file, by the rule that finds it."""

    rule: str
    revision: str
    file: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What became of a history on a database of its own."""

    revisions: int
    rows: int
    """How many rows were there while it went down and up again."""
    differences: tuple[str, ...]
    """What the models still differ in at its end."""
    lost: tuple[str, ...]
    """Tables whose rows are not what they were."""

    def __bool__(self) -> bool:
        return not self.differences and not self.lost
