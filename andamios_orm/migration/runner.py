"""Run a revision's operations, each as the steps that its engine finds safe, each step noted."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from sqlalchemy.util import await_only

from andamios_orm.errors import MigrationHalfDone, MigrationLocked
from andamios_orm.migration.aside import Asides
from andamios_orm.migration.backfill import backfill_step
from andamios_orm.migration.engines.base import Engine, Patience, Step, transaction
from andamios_orm.migration.expanding import Expanding, OwnStep
from andamios_orm.migration.journal import Direction, Journal, Note, StepKey
from andamios_orm.migration.operations import BackfillOp
from andamios_orm.migration.reading import invoking, plain_steps
from andamios_orm.migration.render import described
from andamios_orm.migration.revisions import Revision

__all__ = ["BEGUN", "Event", "Runner", "begun", "perform"]


EventState: TypeAlias = Literal["started", "going on", "waiting", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a migration has come to: a step that starts, waits for a lock, or is done."""

    revision: str
    direction: Direction
    operation: int
    step: int
    state: EventState
    told: str


Report = Callable[[Event], object]


BEGUN = "begun"
"""The fact that tells which file a migration has begun with, after all was permitted to it."""


def begun(revision: Revision, direction: Direction) -> str:
    """Return what is kept of a migration that begins."""
    return f"{revision.id} {direction} {revision.checksum}"


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
        self.connection, self.engine = connection, engine
        self.journal = Journal(connection)
        self._patience, self._report = patience, report or _silent
        self._begin = "BEGIN IMMEDIATE" if engine.name == "sqlite" else "BEGIN"

    def apply(self, revision: Revision, direction: Direction) -> None:
        """Run a revision's upgrade or downgrade, from where it was stopped if it was.

        Raises MigrationLocked, MigrationHalfDone for a file that was changed since, and what the
        database raises.
        """
        applying = _Applying(self, revision, direction)
        if not applying.notes:
            with self.transaction():
                self.journal.keep(BEGUN, begun(revision, direction))
        with invoking(self.connection, applying.invoke):
            (revision.upgrade if direction == "up" else revision.downgrade)()
        applying.finish()
        asides = Asides(self.connection)
        other: Direction = "down" if direction == "up" else "up"
        waited = asides.of(revision.id, other)
        brought_back = [kept for kept in waited if kept.place in applying.brought_back]
        with self.transaction():
            self.journal.forget_steps(revision.id, direction)
            for kept in waited:
                if kept not in brought_back:
                    asides.keep_for_good(kept)
            if direction == "up":
                self.journal.note_applied(revision.id, revision.checksum)
                self.journal.move(revision.id)
            else:
                self.journal.forget_applied(revision.id)
                self.journal.move(revision.down)
        for kept in brought_back:
            asides.remove(kept)

    def transaction(self) -> AbstractContextManager[None]:
        """One transaction, begun as this engine's writers begin."""
        return transaction(self.connection, self._begin)

    # -- one step

    def run(self, applying: _Applying, key: StepKey, step: Step, note: Note) -> None:
        """Run one step and note it, again while a lock is not obtained in time."""
        self._tell(applying, key, "started", step)
        way = self._alone
        if step.batch is not None:
            way = self._piece
        elif step.transaction:
            way = self._at_once
        while self._patiently(applying, key, step, lambda: way(applying, key, step, note)):
            self._tell(applying, key, "going on", step)
        self._tell(applying, key, "done", step)

    def _patiently(
        self, applying: _Applying, key: StepKey, step: Step, attempt: Callable[[], bool]
    ) -> bool:
        for number in range(self._patience.retries + 1):
            try:
                return attempt()
            except sa.exc.DBAPIError as error:
                if not self.engine.is_lock_timeout(error):
                    raise
                self._tell(applying, key, "waiting", step)
                if number < self._patience.retries:
                    _pause(number)
        again = "up" if self.journal.half_done() is None else "resume"
        raise MigrationLocked(
            f"{applying.revision}: a lock was not obtained in {self._patience.retries + 1} tries,"
            f" each of {self._patience.lock_timeout:g} seconds, for: {_told(step)}",
            f"end the long transactions that hold it, then `andamios-orm migrate {again}`; or wait"
            " longer each time with --lock-timeout",
        )

    def _at_once(self, applying: _Applying, key: StepKey, step: Step, note: Note) -> bool:
        with self._set(step), self.transaction():
            self._execute(step)
            self.journal.note(*applying.at, key, note)
        return False

    @contextmanager
    def _set(self, step: Step) -> Iterator[None]:
        try:
            for statement in step.before:
                self.connection.exec_driver_sql(statement)
            yield
        finally:
            for statement in step.after:
                self.connection.exec_driver_sql(statement)

    def _piece(self, applying: _Applying, key: StepKey, step: Step, note: Note) -> bool:
        """Do the next piece; whether there may be another one."""
        batch = cast("Callable[[sa.Connection, str | None], str | None]", step.batch)
        known = applying.notes.get(key)
        with self.transaction():
            self._wait_little(step)
            position = batch(self.connection, None if known is None else known.position)
            state: Literal["started", "done"] = "done" if position is None else "started"
            noted = replace(note, state=state, position=position)
            self.journal.note(*applying.at, key, noted)
        applying.notes[key] = noted
        return position is not None

    def _alone(self, applying: _Applying, key: StepKey, step: Step, note: Note) -> bool:
        if key in applying.notes:
            if step.done is not None and step.done(self.connection):
                self._note(applying, key, note)
                return False
            for statement in step.undo:
                self.connection.exec_driver_sql(statement)
        started = replace(note, state="started")
        self._note(applying, key, started)
        applying.notes[key] = started
        self._execute(step)
        self._note(applying, key, note)
        return False

    def _note(self, applying: _Applying, key: StepKey, note: Note) -> None:
        # In one transaction: between an old note and a new one there is none.
        with self.transaction():
            self.journal.note(*applying.at, key, note)

    def _wait_little(self, step: Step) -> None:
        if step.lock:
            for statement in self.engine.patient(self.connection, self._patience):
                self.connection.exec_driver_sql(statement)

    def _execute(self, step: Step) -> None:
        self._wait_little(step)
        for statement in step.statements:
            self.connection.exec_driver_sql(statement)
        if step.run is not None:
            step.run(self.connection)

    def _tell(
        self,
        applying: _Applying,
        key: StepKey,
        state: EventState,
        step: Step,
    ) -> None:
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
        self.at: tuple[str, Direction] = (revision.id, direction)
        self.notes = runner.journal.notes(*self.at)
        self._expanding = Expanding(runner.connection, runner.engine, revision.id, direction)
        self._count = 0

    def invoke(self, operation: MigrateOperation) -> None:
        """Run what of an operation is not done."""
        for each in self._expanding.expanded(operation):
            self._run(each)

    @property
    def brought_back(self) -> Collection[str]:
        """The places of what the operations so far have brought back."""
        return self._expanding.brought_back

    def finish(self) -> None:
        """Run what no operation has asked for."""
        for each in self._expanding.at_its_end():
            self._run(each)

    def _run(self, operation: MigrateOperation) -> None:
        number, self._count = self._count, self._count + 1
        what = operation.told if isinstance(operation, OwnStep) else described(operation)
        digest = _digest(what)
        noted = {key: note for key, note in self.notes.items() if key.operation == number}
        if any(note.digest != digest for note in noted.values()):
            raise MigrationHalfDone(
                f"{self.revision.path.name} was changed since a part of it was applied: operation"
                f" {number + 1} is another one",
                "undo the change of the file, `andamios-orm migrate resume`, and write what else"
                " there is to do into a new revision",
            )
        done = [note for note in noted.values() if note.state == "done"]
        if done and len(done) == done[0].steps:
            return
        steps = self._steps(operation)
        for index, step in enumerate(steps):
            key = StepKey(number, index)
            known = noted.get(key)
            if known is None or known.state == "started":
                self._runner.run(self, key, step, Note("done", digest, len(steps)))

    def _steps(self, operation: MigrateOperation) -> Sequence[Step]:
        """Return how an operation is made on this database as it is."""
        runner = self._runner
        if isinstance(operation, OwnStep):
            return (operation.step,)
        if isinstance(operation, BackfillOp):
            return (backfill_step(operation),)
        found = runner.engine.steps(operation, runner.connection)
        return plain_steps(operation, runner.connection.dialect) if found is None else found


def perform(connection: sa.Connection, step: Step) -> None:
    """Run a step that nobody needs to remember."""
    for statement in (*step.before, *step.statements):
        connection.exec_driver_sql(statement)
    if step.run is not None:
        step.run(connection)
    for statement in step.after:
        connection.exec_driver_sql(statement)


def _silent(event: Event) -> None:
    """Tell nobody."""


def _told(step: Step) -> str:
    return step.told or "; ".join(step.statements)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _pause(attempt: int) -> None:
    """Wait a little, and longer each time, not in step with whoever else waits."""
    most = min(0.05 * 2**attempt, 2.0)
    await_only(asyncio.sleep(random.uniform(most / 2, most)))  # noqa: S311 - no secret
