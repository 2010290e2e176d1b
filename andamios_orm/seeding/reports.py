"""What seeding tells: how far it has come, and what it has done."""

from __future__ import annotations

from dataclasses import dataclass, field

from andamios_orm.models.base import Model

__all__ = ["SampleCount", "SampleReport", "SeedCount", "SeedProgress", "SeedReport"]


@dataclass(frozen=True, slots=True)
class SeedProgress:
    """How far one model has come."""

    model: type[Model]
    done: int
    """Rows compared or stored so far."""
    total: int
    """Rows in all."""


@dataclass(frozen=True, slots=True)
class SeedCount:
    """What seeding did with the rows of one model."""

    model: type[Model]
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    """Rows that were there already, as the seed has them; nothing was written for these."""
    seconds: float = field(default=0.0, compare=False)

    @property
    def rows(self) -> int:
        """All rows that the seeds have."""
        return self.created + self.updated + self.unchanged

    def __add__(self, other: SeedCount) -> SeedCount:
        return SeedCount(
            self.model,
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        counts = f"{self.created:,} created, {self.updated:,} updated, {self.unchanged:,} unchanged"
        return f"{self.model.__name__}: {counts}"


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a run of seeds did, by model in the order in which they were stored."""

    counts: tuple[SeedCount, ...]
    skipped: tuple[str, ...] = ()
    """The seeds that are for other environments."""
    dry_run: bool = False
    """Whether it was only counted, and nothing stored."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.counts)) or "no seeds"


@dataclass(frozen=True, slots=True)
class SampleCount:
    """What became of the samples of one model."""

    model: type[Model]
    created: int
    kept: int = 0
    """Rows that the table had already; a table with rows gets no samples."""
    seconds: float = field(default=0.0, compare=False)

    def __str__(self) -> str:
        kept = f", {self.kept:,} were there already" if self.kept else ""
        return f"{self.model.__name__}: {self.created:,} created{kept}"


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What was made up and stored, by model in the order of storing."""

    counts: tuple[SampleCount, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.counts))
