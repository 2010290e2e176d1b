"""`Migrator`: what a program, or the command line, does with the migrations of one database."""

from __future__ import annotations

from collections.abc import Callable, Collection
from os import PathLike
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.errors import (
    ChecksumMismatch,
    MigrationHalfDone,
    MigrationPending,
    RevisionProblem,
)
from andamios_orm.migration.aside import Asides
from andamios_orm.migration.diff import Answers, Comparison
from andamios_orm.migration.drafting import compare_models, draft
from andamios_orm.migration.engines.base import Patience
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.guards import refuse_other_environment, refuse_unconfirmed
from andamios_orm.migration.journal import Direction, Journal
from andamios_orm.migration.preflight import preflight
from andamios_orm.migration.render import render
from andamios_orm.migration.revisions import Revision, Revisions
from andamios_orm.migration.runner import Event, Runner

__all__ = ["Migrator"]

P = ParamSpec("P")
R = TypeVar("R")


class Migrator:
    """The migrations of one database: written, applied, undone, told of.

    `directory` holds a folder of revision files for each engine. `environment` is what this
    database is, or must be: "development", "production".
    """

    def __init__(
        self,
        database: Database,
        directory: str | PathLike[str],
        *,
        environment: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database = database
        self._patience = patience or Patience()
        self._environment = environment
        self._engine = engine_named(database.engine_name)
        self._revisions = Revisions(Path(directory) / self.engine_name, self.engine_name)

    @property
    def engine_name(self) -> str:
        """The name of the database's engine, and of the folder of its revisions."""
        return self._database.engine_name

    # -- writing

    async def compare(self, answers: Answers | None = None) -> Comparison:
        """Return how the live database differs from the models."""
        return await self._sync(compare_models, self._database.metadata, self._engine, answers)

    async def new(
        self,
        message: str,
        answers: Answers | None = None,
        *,
        empty: bool = False,
        unfinished: bool = False,
    ) -> Path | None:
        """Write the next revision, and return its file; None if there is nothing to change.

        With `empty` it is written in any case, for a person to fill. Raises AnswerNeeded,
        RowsInTheWay, MigrationPending for a database that has not all revisions yet.
        """
        return await self._sync(self._new, message, answers, empty=empty, unfinished=unfinished)

    def _new(
        self,
        connection: sa.Connection,
        message: str,
        answers: Answers | None,
        *,
        empty: bool,
        unfinished: bool,
    ) -> Path | None:
        revisions = self._revisions.all()
        journal = Journal(connection)
        self._refuse_half_done(journal)
        head = revisions[-1].id if revisions else None
        if journal.current() != head:
            raise MigrationPending(
                "the database has not all of its revisions, so what differs is not what is new",
                "andamios-orm migrate up, then again",
            )
        if empty:
            return self._revisions.write(message, render((), ()), down=head)
        drafted = draft(
            connection, self._database.metadata, self._engine, answers, unfinished=unfinished
        )
        if not drafted.changes:
            return None
        rendered = render(drafted.upgrade, drafted.downgrade)
        return self._revisions.write(message, rendered, down=head)

    # -- applying

    async def up(
        self,
        target: str = "head",
        *,
        allow: Collection[str] = (),
        confirm: str | None = None,
        report: Callable[[Event], object] | None = None,
    ) -> tuple[Revision, ...]:
        """Apply the revisions up to `target`, and return those that were."""
        return await self._locked(self._move, "up", target, allow, confirm, report)

    async def down(
        self,
        target: str = "-1",
        *,
        allow: Collection[str] = (),
        confirm: str | None = None,
        report: Callable[[Event], object] | None = None,
    ) -> tuple[Revision, ...]:
        """Undo the revisions down to `target`, and return those that were undone."""
        return await self._locked(self._move, "down", target, allow, confirm, report)

    async def resume(
        self, *, report: Callable[[Event], object] | None = None
    ) -> tuple[Revision, ...]:
        """Finish the revision that was stopped on its way, and return it; nothing if none was."""
        return await self._locked(self._resume, report)

    async def purge(self, *, allow: Collection[str] = ()) -> tuple[str, ...]:
        """Remove for good what migrations have put aside and `allow` names; return all that is.

        Without permissions nothing is removed.
        """
        return await self._locked(self._purge, allow)

    def _move(
        self,
        connection: sa.Connection,
        direction: Direction,
        target: str,
        allow: Collection[str],
        confirm: str | None,
        report: Callable[[Event], object] | None,
    ) -> tuple[Revision, ...]:
        revisions = self._revisions.all()
        journal = Journal(connection)
        self._refuse_half_done(journal)
        chosen = _chosen(revisions, journal.current(), direction, target)
        self._refuse_changed(journal, revisions)
        environment = refuse_other_environment(journal, self._environment)
        preflight(connection, self._engine, chosen, direction, allow)
        if allow:
            refuse_unconfirmed(environment, self._database.name, confirm)
        journal.create()
        if environment is not None:
            journal.keep("environment", environment)
        runner = Runner(connection, self._engine, patience=self._patience, report=report)
        for revision in chosen:
            runner.apply(revision, direction)
        return chosen

    def _resume(
        self, connection: sa.Connection, report: Callable[[Event], object] | None
    ) -> tuple[Revision, ...]:
        journal = Journal(connection)
        found = journal.half_done()
        if found is None:
            return ()
        revision = next((r for r in self._revisions.all() if r.id == found[0]), None)
        if revision is None:
            raise RevisionProblem(
                f"revision {found[0]} was stopped on its way {found[1]}, and its file is missing",
                "bring the file back, then `andamios-orm migrate resume`",
            )
        runner = Runner(connection, self._engine, patience=self._patience, report=report)
        runner.apply(revision, found[1])
        return (revision,)

    def _purge(self, connection: sa.Connection, allow: Collection[str]) -> tuple[str, ...]:
        asides = Asides(connection)
        found = asides.all()
        for kept in found:
            if kept.name in allow:
                asides.remove(kept)
        return tuple(kept.name for kept in found)

    def _refuse_changed(self, journal: Journal, revisions: tuple[Revision, ...]) -> None:
        applied = journal.applied()
        changed = tuple(
            revision.id
            for revision in revisions
            if revision.id in applied and applied[revision.id].checksum != revision.checksum
        )
        if changed:
            raise ChecksumMismatch(
                f"files of applied revisions were changed: {', '.join(changed)}",
                "bring back what was applied, and write what else there is to do with"
                " `andamios-orm migrate new`; or, if the change does not matter,"
                " `andamios-orm migrate stamp` accepts the files as they are",
                revisions=changed,
            )

    def _refuse_half_done(self, journal: Journal) -> None:
        if (found := journal.half_done()) is not None:
            raise MigrationHalfDone(
                f"revision {found[0]} was stopped on its way {found[1]}",
                "andamios-orm migrate resume",
            )

    async def _locked(
        self,
        function: Callable[Concatenate[sa.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call a function while no other migrator is at work."""

        def alone(connection: sa.Connection) -> R:
            with self._engine.locked(connection, self._patience.wait):
                return function(connection, *args, **kwargs)

        return await self._sync(alone)

    async def _sync(
        self,
        function: Callable[Concatenate[sa.Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        async with self._database.connect() as connection:
            return await connection.run_sync(function, *args, **kwargs)


def _chosen(
    revisions: tuple[Revision, ...], current: str | None, direction: Direction, target: str
) -> tuple[Revision, ...]:
    """Return the revisions to apply or undo, in order. Raises RevisionProblem."""
    ids = [revision.id for revision in revisions]
    if current is not None and current not in ids:
        raise RevisionProblem(
            f"the database is at revision {current}, which has no file",
            "bring the file back, or `andamios-orm migrate stamp` what the database really is at",
        )
    at = 0 if current is None else ids.index(current) + 1
    to = _place(ids, at, target)
    if direction == "up":
        return revisions[at:to]
    return tuple(reversed(revisions[to:at]))


def _place(ids: list[str], at: int, target: str) -> int:
    """Return how many revisions are applied when the target is reached."""
    if target in ("head", "heads"):
        return len(ids)
    if target == "base":
        return 0
    if target.lstrip("+-").isdigit() and target[0] in "+-":
        return min(max(at + int(target), 0), len(ids))
    found = [place for place, name in enumerate(ids) if name.startswith(target)]
    if len(found) != 1:
        raise RevisionProblem(
            f"{'no revision begins' if not found else 'several revisions begin'} with `{target}`",
            "`andamios-orm migrate history` lists them; head, base, +1 and -1 are known too",
        )
    return found[0] + 1
