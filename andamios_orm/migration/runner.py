"""Run a revision's operations, each as the steps that its engine finds safe, each step noted."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.util import await_only

from andamios_orm.errors import MigrationHalfDone, MigrationLocked, RevisionProblem
from andamios_orm.migration.engines.base import Engine, Patience, Step, transaction
from andamios_orm.migration.journal import Direction, Journal, Note, StepKey
from andamios_orm.migration.revisions import Revision

__all__ = ["Event", "Runner", "collected", "plain_steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a migration has come to: a step that starts, waits for a lock, or is done."""

    revision: str
    direction: Direction
    operation: int
    step: int
    state: str
    told: str


Report = Callable[[Event], object]


class Runner:
    """Applies revisions on one connection in autocommit, which nobody else uses meanwhile."""

    def __init__(
        self,
        connection: sa.Connection,
        engine: Engine,
        *,
        patience: Patience,
        report: Report | None = None,
    ) -> None:
        self._connection, self._engine = connection, engine
        self._patience, self._report = patience, report or _silent
        self._journal = Journal(connection)
        self._begin = "BEGIN IMMEDIATE" if engine.name == "sqlite" else "BEGIN"

    def apply(self, revision: Revision, direction: Direction) -> None:
        """Run a revision's upgrade or downgrade, from where it was stopped if it was.

        Raises MigrationLocked, RevisionProblem, MigrationHalfDone for a file that was changed
        since, and what the database raises.
        """
        applying = _Applying(self, revision, direction)
        with _invoking(_context(self._connection), applying.invoke):
            (revision.upgrade if direction == "up" else revision.downgrade)()
        with transaction(self._connection, self._begin):
            self._journal.forget_steps(revision.id, direction)
            if direction == "up":
                self._journal.note_applied(revision.id, revision.checksum)
                self._journal.move(revision.id)
            else:
                self._journal.forget_applied(revision.id)
                self._journal.move(revision.down)

    def steps(self, operation: MigrateOperation) -> Sequence[Step]:
        """Return how an operation is made on this database as it is."""
        found = self._engine.steps(operation, self._connection)
        return plain_steps(operation, self._connection.dialect) if found is None else found

    # -- one step

    def run(self, applying: _Applying, key: StepKey, step: Step) -> None:
        """Run one step and note it, again while a lock is not obtained in time."""
        for attempt in range(self._patience.retries + 1):
            try:
                if step.transaction:
                    self._in_transaction(applying, key, step)
                else:
                    self._alone(applying, key, step)
            except sa.exc.DBAPIError as error:
                if not self._engine.is_lock_timeout(error):
                    raise
                self._tell(applying, key, "waiting", step)
                if attempt < self._patience.retries:
                    _pause(attempt)
            else:
                self._tell(applying, key, "done", step)
                return
        raise MigrationLocked(
            f"{applying.revision}: a lock was not obtained in {self._patience.retries + 1} tries,"
            f" each of {self._patience.lock_timeout:g} seconds, for: {_told(step)}",
            "end the long transactions that hold it, then `andamios-orm migrate resume`; or wait"
            " longer each time with --lock-timeout",
        )

    def _in_transaction(self, applying: _Applying, key: StepKey, step: Step) -> None:
        with transaction(self._connection, self._begin):
            self._execute(step)
            self._journal.note(*applying.at, key, Note("done", _digest(step)))

    def _alone(self, applying: _Applying, key: StepKey, step: Step) -> None:
        known = applying.notes.get(key)
        if known is not None or key in applying.tried:
            if step.done is not None and step.done(self._connection):
                self._journal.note(*applying.at, key, Note("done", _digest(step)))
                return
            for statement in step.undo:
                self._connection.exec_driver_sql(statement)
        applying.tried.add(key)
        self._journal.note(*applying.at, key, Note("started", _digest(step)))
        self._execute(step)
        self._journal.note(*applying.at, key, Note("done", _digest(step)))

    def _execute(self, step: Step) -> None:
        if step.lock:
            for statement in self._engine.patient(self._connection, self._patience):
                self._connection.exec_driver_sql(statement)
        for statement in step.statements:
            self._connection.exec_driver_sql(statement)
        if step.run is not None:
            step.run(self._connection)

    def _tell(self, applying: _Applying, key: StepKey, state: str, step: Step) -> None:
        revision, direction = applying.at
        self._report(
            Event(
                revision=revision,
                direction=direction,
                operation=key.operation,
                step=key.step,
                state=state,
                told=_told(step),
            )
        )


class _Applying:
    """One way of one revision: its operations, counted as they come."""

    def __init__(self, runner: Runner, revision: Revision, direction: Direction) -> None:
        self._runner = runner
        self.revision = revision
        self.at = (revision.id, direction)
        self.notes = runner._journal.notes(*self.at)  # noqa: SLF001 - a part of it
        self.tried: set[StepKey] = set()
        self._count = 0

    def invoke(self, operation: MigrateOperation) -> None:
        """Run the steps of an operation that are not done."""
        number, self._count = self._count, self._count + 1
        if self._is_over(number):
            return
        for index, step in enumerate(self._runner.steps(operation)):
            key = StepKey(number, index)
            known = self.notes.get(key)
            if known is not None and known.digest != _digest(step):
                raise MigrationHalfDone(
                    f"{self.revision.path.name} was changed since a part of it was applied:"
                    f" operation {number + 1} is another one",
                    "undo the change of the file, `andamios-orm migrate resume`, and write what"
                    " else there is to do into a new revision",
                )
            if known is None or known.state == "started":
                self._runner.run(self, key, step)

    def _is_over(self, number: int) -> bool:
        """Whether a later operation has begun: the steps of this one may look different now."""
        return any(key.operation > number for key in self.notes)


def _silent(event: Event) -> None:
    """Tell nobody."""


def _told(step: Step) -> str:
    return step.told or "; ".join(step.statements)


def _digest(step: Step) -> str:
    return hashlib.sha256("\0".join((*step.statements, step.told)).encode()).hexdigest()[:32]


def _pause(attempt: int) -> None:
    """Wait a little, and longer each time, not in step with whoever else waits."""
    most = min(0.05 * 2**attempt, 2.0)
    await_only(asyncio.sleep(random.uniform(most / 2, most)))  # noqa: S311 - no secret


# ---- alembic's operations ------------------------------------------------------------------------


def _context(connection: sa.Connection) -> MigrationContext:
    return MigrationContext.configure(connection)


@contextmanager
def _invoking(
    context: MigrationContext, invoke: Callable[[MigrateOperation], object]
) -> Iterator[None]:
    """Have `op.` in revision files come to `invoke`."""
    operations = Operations(context)
    # The one place that all of `op` leads to, its own and registered ones alike.
    setattr(operations, "invoke", invoke)  # noqa: B010 - a method cannot be assigned for a checker
    operations._install_proxy()  # noqa: SLF001 - Operations.context() takes no other Operations
    try:
        yield
    finally:
        with suppress(KeyError):
            operations._remove_proxy()  # noqa: SLF001 - as above


def collected(
    revision: Revision, direction: Direction, dialect: sa.Dialect
) -> tuple[MigrateOperation, ...]:
    """Return what a revision would do, without a database.

    Raises RevisionProblem for one that asks the database while it is read.
    """
    found: list[MigrateOperation] = []
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True})
    with _invoking(context, found.append):
        try:
            (revision.upgrade if direction == "up" else revision.downgrade)()
        except Exception as error:
            raise RevisionProblem(
                f"{revision.path.name} cannot be read ahead: {type(error).__name__}: {error}",
                "let it call `op` only; what has to ask the database is SQL in op.execute() or"
                " op.backfill()",
            ) from error
    return tuple(found)


def plain_steps(operation: MigrateOperation, dialect: sa.Dialect) -> tuple[Step, ...]:
    """Return alembic's own way to make an operation, as one step."""
    statements: list[str] = []
    options: dict[str, Any] = {"as_sql": True, "literal_binds": True}
    context = MigrationContext.configure(dialect=dialect, opts=options)
    # Alembic would write them to a file, one after the other.
    setattr(context.impl, "static_output", lambda text: statements.append(text.rstrip("; \n")))  # noqa: B010 - as above
    Operations(context).invoke(operation)
    return (Step(statements=tuple(statements)),)
