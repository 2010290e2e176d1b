"""What a database remembers of its migrations: which are applied, and how far one has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import sqlalchemy as sa

__all__ = ["Applied", "Direction", "Journal", "Note", "StepKey", "dropped"]

Direction: TypeAlias = Literal["up", "down"]

_metadata = sa.MetaData()
_version = sa.Table(
    # As alembic has it, so that its own commands find what they look for.
    "alembic_version",
    _metadata,
    sa.Column("version_num", sa.String(32), primary_key=True, nullable=False),
)
_applied = sa.Table(
    "andamios_migration_applied",
    _metadata,
    sa.Column("revision", sa.String(32), primary_key=True),
    sa.Column("checksum", sa.String(64), nullable=False),
    sa.Column("applied_at", sa.String(40), nullable=False),
)
_steps = sa.Table(
    "andamios_migration_journal",
    _metadata,
    sa.Column("revision", sa.String(32), primary_key=True),
    sa.Column("direction", sa.String(4), primary_key=True),
    sa.Column("operation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column("position", sa.Text, nullable=True),
    sa.Column("noted_at", sa.String(40), nullable=False),
)
_database = sa.Table(
    "andamios_database",
    _metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

dropped = sa.Table(
    "andamios_migration_dropped",
    _metadata,
    sa.Column("place", sa.String(60), primary_key=True),
    sa.Column("table_name", sa.String(128), nullable=False),
    sa.Column("table_schema", sa.String(128), nullable=False),
    sa.Column("column_name", sa.String(128), nullable=False),
    sa.Column("revision", sa.String(32), nullable=False),
    sa.Column("direction", sa.String(4), nullable=False),
    sa.Column("operation", sa.Integer, nullable=False),
    sa.Column("put_at", sa.String(40), nullable=False),
)


@dataclass(frozen=True, slots=True, order=True)
class StepKey:
    """Which step of which operation of a revision."""

    operation: int
    step: int


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted of a step: its operation's digest and number of steps, and how far it is.

    `position` is where a step that comes in many parts has arrived, for itself to understand.
    """

    state: Literal["started", "done"]
    digest: str
    steps: int
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A revision that is applied, with the checksum that its file had."""

    revision: str
    checksum: str
    applied_at: str


class Journal:
    """The library's own tables in a migrated database. It commits nothing itself."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def exists(self) -> bool:
        """Whether the database was ever migrated."""
        return sa.inspect(self._connection).has_table(_steps.name)

    def create(self) -> None:
        """Create the tables that are missing."""
        _metadata.create_all(self._connection)

    def drop(self) -> None:
        """Drop the tables, and with them all that is remembered."""
        _metadata.drop_all(self._connection)

    # -- which are applied

    def current(self) -> str | None:
        """Return the newest revision that is applied, None before the first."""
        if not sa.inspect(self._connection).has_table(_version.name):
            return None
        found: str | None = self._connection.scalar(sa.select(_version.c.version_num))
        return found

    def move(self, revision: str | None) -> None:
        """Note which revision is the newest that is applied."""
        self._connection.execute(_version.delete())
        if revision is not None:
            self._connection.execute(_version.insert().values(version_num=revision))

    def applied(self) -> Mapping[str, Applied]:
        """Return the applied revisions by id."""
        if not self.exists():
            return {}
        rows = self._connection.execute(sa.select(_applied))
        return {row.revision: Applied(*row) for row in rows}

    def note_applied(self, revision: str, checksum: str) -> None:
        """Note a revision as applied, with the checksum of its file."""
        self.forget_applied(revision)
        self._connection.execute(
            _applied.insert().values(revision=revision, checksum=checksum, applied_at=_now())
        )

    def forget_applied(self, revision: str) -> None:
        """Note that a revision is not applied any more."""
        self._connection.execute(_applied.delete().where(_applied.c.revision == revision))

    # -- how far one has come

    def half_done(self) -> tuple[str, Direction] | None:
        """Return the revision that was stopped on its way, and where it went; None for none."""
        if not self.exists():
            return None
        row = self._connection.execute(sa.select(_steps.c.revision, _steps.c.direction)).first()
        return None if row is None else (row.revision, row.direction)

    def notes(self, revision: str, direction: Direction) -> dict[StepKey, Note]:
        """Return what is noted of a revision's steps."""
        rows = self._connection.execute(sa.select(_steps).where(_of(revision, direction)))
        return {
            StepKey(row.operation, row.step): Note(row.state, row.digest, row.steps, row.position)
            for row in rows
        }

    def note(self, revision: str, direction: Direction, key: StepKey, note: Note) -> None:
        """Note that a step has started, or is done."""
        where = _of(revision, direction) & (_steps.c.operation == key.operation)
        self._connection.execute(_steps.delete().where(where & (_steps.c.step == key.step)))
        self._connection.execute(
            _steps.insert().values(
                revision=revision,
                direction=direction,
                operation=key.operation,
                step=key.step,
                state=note.state,
                digest=note.digest,
                steps=note.steps,
                position=note.position,
                noted_at=_now(),
            )
        )

    def forget_steps(self, revision: str, direction: Direction) -> None:
        """Forget the steps of a revision that has arrived."""
        self._connection.execute(_steps.delete().where(_of(revision, direction)))

    # -- what the database says of itself

    def fact(self, name: str) -> str | None:
        """Return what is kept under a name: `environment`."""
        if not sa.inspect(self._connection).has_table(_database.name):
            return None
        where = _database.c.name == name
        found: str | None = self._connection.scalar(sa.select(_database.c.value).where(where))
        return found

    def keep(self, name: str, value: str) -> None:
        """Keep a fact under a name."""
        self._connection.execute(_database.delete().where(_database.c.name == name))
        self._connection.execute(_database.insert().values(name=name, value=value))


def _of(revision: str, direction: Direction) -> sa.ColumnElement[bool]:
    return sa.and_(_steps.c.revision == revision, _steps.c.direction == direction)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
