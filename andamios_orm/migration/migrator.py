"""`Migrator`: what a program, or the command line, does with the migrations of one database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.database.names import require_names
from andamios_orm.errors import (
    ChecksumMismatch,
    MigrationHalfDone,
    MigrationPending,
    RevisionProblem,
    RowsInTheWay,
    UsageError,
)
from andamios_orm.migration.aside import Asides
from andamios_orm.migration.diff import Answers, Comparison, compare
from andamios_orm.migration.drafting import compare_models, draft, schemas_of
from andamios_orm.migration.engines.base import Patience, transaction
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.guards import (
    refuse_in_production,
    refuse_other_environment,
    refuse_unconfirmed,
)
from andamios_orm.migration.journal import Direction, Journal
from andamios_orm.migration.lint import lint
from andamios_orm.migration.outlook import foreseen, planned, script, sql_lines
from andamios_orm.migration.preflight import preflight, refuse_lost
from andamios_orm.migration.reading import plain_steps
from andamios_orm.migration.render import render
from andamios_orm.migration.reports import Finding, HistoryEntry, Plan, Status, Verification
from andamios_orm.migration.revisions import Revision, Revisions
from andamios_orm.migration.runner import BEGUN, Event, Runner, begun, perform
from andamios_orm.migration.state import SchemaState
from andamios_orm.migration.verifying import EVERYTHING, contents, scratch_database
from andamios_orm.schema.compiler import compile_all

__all__ = ["Migrator"]

P = ParamSpec("P")
R = TypeVar("R")


class Migrator:
    """The migrations of one database: written, applied, undone, told of.

    `directory` holds a folder of revision files for each engine. `environment` is what this
    database is, or must be: "development", "production". `patience` is how long each step waits
    for a lock. Raises NotSupported for an engine that has no migrations.

    Migrations speak through a connection of SQLAlchemy's: what the database itself refuses is
    raised as SQLAlchemy raises it. Every method raises RevisionProblem for a revision file that
    cannot be read, DatabaseUnavailable, and, where it changes something, MigrationLocked while
    another migrator is at work.

    ```python
    from andamios_orm.migration import Migrator

    async with Database("sqlite:///shop.db", metadata=Hero.metadata) as shop:
        migrator = Migrator(shop, "migrations")
        await migrator.new("first tables")
        applied = await migrator.up()
        assert [revision.message for revision in applied] == ["first tables"]
        assert not (await migrator.status()).pending
    ```
    """

    def __init__(
        self,
        database: Database,
        directory: str | PathLike[str],
        *,
        environment: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._database, self._directory = database, directory
        self._patience = patience or Patience()
        self._environment = environment
        self._engine = engine_named(database.engine_name)
        self._revisions = Revisions(Path(directory) / self.engine_name, self.engine_name)

    @property
    def engine_name(self) -> str:
        """The name of the database's engine, and of the folder of its revisions."""
        return self._database.engine_name

    @property
    def database(self) -> Database:
        """The database."""
        return self._database

    async def rows(self) -> dict[str, int]:
        """Return how many rows each table has that a model or a migration has made."""
        return await self._sync(self._rows)

    def _rows(self, connection: sa.Connection) -> dict[str, int]:
        schemas = schemas_of(compile_all(self._database.metadata))
        counts = {}
        for name in self._engine.inspect(connection, schemas).tables:
            table = sa.table(name.name, schema=name.schema)
            query = sa.select(sa.func.count()).select_from(table)
            counts[str(name)] = int(connection.execute(query).scalar_one())
        return counts

    async def reset(self) -> tuple[Revision, ...]:
        """Drop all tables **with their rows**, apply all revisions, and return these.

        What migrations have put aside goes too. Raises WrongEnvironment in production, and what
        `up` raises.
        """
        await self._locked(self._drop_everything)
        return await self.up()

    def _drop_everything(self, connection: sa.Connection) -> None:
        journal = Journal(connection)
        environment = refuse_other_environment(journal, self._environment)
        refuse_in_production(environment, "dropping all tables")
        asides = Asides(connection)
        for kept in asides.all():
            asides.remove(kept)
        schemas = schemas_of(compile_all(self._database.metadata))
        state = self._engine.inspect(connection, schemas)
        nothing = SchemaState(engine=state.engine)
        operations = self._engine.operations(compare(state, nothing).changes, state, nothing)
        for operation in operations:
            found = self._engine.steps(operation, connection)
            for step in plain_steps(operation, connection.dialect) if found is None else found:
                perform(connection, step)
        journal.drop()

    # -- writing

    async def compare(self, answers: Answers | None = None) -> Comparison:
        """Return how the live database differs from the models.

        Renames that may have happened are `questions` of the comparison. Raises UsageError for an
        answer to what is not in question, NotSupported for names that the engine cannot have.
        """
        return await self._sync(compare_models, self._database.metadata, self._engine, answers)

    async def sql_of(self, comparison: Comparison) -> str:
        """Return the statements that would make the changes of a comparison, without doing it."""
        return await self._sync(self._sql_of, comparison)

    def _sql_of(self, connection: sa.Connection, comparison: Comparison) -> str:
        before, after = comparison.before, comparison.after
        operations = self._engine.operations(comparison.changes, before, after)
        found = foreseen(connection, self._engine, operations, before)
        return "\n".join(line for operation in found for line in sql_lines(operation))

    async def new(
        self,
        message: str,
        answers: Answers | None = None,
        *,
        empty: bool = False,
        unfinished: bool = False,
    ) -> Path | None:
        """Write the next revision, and return its file; None if there is nothing to change.

        With `empty` it is written in any case, for a person to fill; with `unfinished` also where
        rows need a value that nobody has said, with `...` in its place. Raises AnswerNeeded for
        renames that may have happened, RowsInTheWay for rows that a stricter rule would refuse,
        UsageError for an answer to what is not in question, NotSupported for what the engine or a
        revision file cannot have, MigrationPending for a database that has not all revisions yet,
        and MigrationHalfDone.
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
        if _known(revisions, journal.current()) != head:
            raise MigrationPending(
                "the database has not all of its revisions, so what differs is not what is new",
                "apply them with `andamios-orm migrate up`, then write the revision",
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
        """Apply the revisions up to `target`, and return those that were.

        `target` is a revision or its first letters, "head" or "+1". `allow` names the tables and
        columns that may be removed, `confirm` the database where it is production, and `report`
        is called with each Event. What can be known is refused before the first revision begins:
        raises DestructionRefused, RowsInTheWay, WrongEnvironment, ChecksumMismatch,
        RevisionProblem, NotSupported and MigrationHalfDone; on the way, MigrationLocked for a lock
        that was not obtained.
        """
        return await self._locked(self._move, "up", target, allow, confirm, report)

    async def down(
        self,
        target: str = "-1",
        *,
        allow: Collection[str] = (),
        confirm: str | None = None,
        report: Callable[[Event], object] | None = None,
    ) -> tuple[Revision, ...]:
        """Undo the revisions down to `target`, and return those that were undone.

        `target` is the revision to stay at, "base" or "-1"; the rest, and what is raised, is as in
        `up`.
        """
        return await self._locked(self._move, "down", target, allow, confirm, report)

    async def resume(
        self,
        *,
        allow: Collection[str] = (),
        confirm: str | None = None,
        report: Callable[[Event], object] | None = None,
    ) -> tuple[Revision, ...]:
        """Finish the revision that was stopped on its way, and return it; nothing if none was.

        Permissions are for what its file removes that was changed since it was stopped. Raises
        MigrationHalfDone for steps that were changed after they were done, MigrationLocked.
        """
        return await self._locked(self._resume, allow, confirm, report)

    async def purge(
        self, *, allow: Collection[str] = (), confirm: str | None = None
    ) -> tuple[str, ...]:
        """Remove for good what migrations have put aside and `allow` names; return all that is.

        Without permissions nothing is removed. Raises WrongEnvironment in production, unless the
        database's name confirms it, and UsageError for a name under which nothing is put aside.
        """
        return await self._locked(self._purge, allow, confirm)

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
        current = _known(revisions, journal.current())
        chosen = _chosen(revisions, current, direction, target)
        self._refuse_changed(journal, revisions)
        environment = refuse_other_environment(journal, self._environment)
        preflight(connection, self._engine, chosen, direction, allow)
        if allow:
            refuse_unconfirmed(environment, self._database.name, confirm)
        journal.create()
        if environment is not None:
            with transaction(connection):
                journal.keep("environment", environment)
        runner = Runner(connection, self._engine, patience=self._patience, report=report)
        for revision in chosen:
            runner.apply(revision, direction)
        return chosen

    def _resume(
        self,
        connection: sa.Connection,
        allow: Collection[str],
        confirm: str | None,
        report: Callable[[Event], object] | None,
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
        environment = refuse_other_environment(journal, self._environment)
        if journal.fact(BEGUN) != begun(revision, found[1]):
            # Nobody has permitted what this file does.
            refuse_lost(connection, self._engine, revision, found[1], allow)
            if allow:
                refuse_unconfirmed(environment, self._database.name, confirm)
            with transaction(connection):
                journal.keep(BEGUN, begun(revision, found[1]))
        runner = Runner(connection, self._engine, patience=self._patience, report=report)
        runner.apply(revision, found[1])
        return (revision,)

    def _purge(
        self, connection: sa.Connection, allow: Collection[str], confirm: str | None
    ) -> tuple[str, ...]:
        environment = refuse_other_environment(Journal(connection), self._environment)
        asides = Asides(connection)
        found = asides.all()
        if unknown := sorted(set(allow) - {kept.name for kept in found}):
            there = ", ".join(kept.name for kept in found) or "nothing"
            raise UsageError(
                f"migrations have put nothing aside as {', '.join(unknown)}",
                f"name what is there: {there}",
            )
        if allow:
            refuse_unconfirmed(environment, self._database.name, confirm)
        for kept in found:
            if kept.name in allow:
                asides.remove(kept)
        return tuple(kept.name for kept in found)

    # -- telling

    async def status(self) -> Status:
        """Return where the database stands: what is applied, pending, half done, changed."""
        return await self._sync(self._status)

    async def history(self) -> tuple[HistoryEntry, ...]:
        """Return all revisions, the oldest first, with when they were applied."""
        return (await self._sync(self._status)).history

    def _status(self, connection: sa.Connection) -> Status:
        revisions = self._revisions.all()
        journal = Journal(connection)
        applied = journal.applied()
        current = _known(revisions, journal.current())
        at = len(revisions) - len(_chosen(revisions, current, "up", "head"))
        history = tuple(
            HistoryEntry(
                revision=revision,
                applied=place < at,
                applied_at=applied[revision.id].applied_at if revision.id in applied else None,
            )
            for place, revision in enumerate(revisions)
        )
        return Status(
            engine=self.engine_name,
            database=self._database.name,
            environment=journal.fact("environment") or self._environment,
            current=current,
            head=revisions[-1].id if revisions else None,
            history=history,
            half_done=journal.half_done(),
            changed=_changed(journal, revisions),
            kept=tuple(kept.name for kept in Asides(connection).all()),
        )

    async def plan(self, target: str = "head", *, direction: Direction = "up") -> Plan:
        """Return what `up` or `down` would do, without doing anything."""
        return await self._sync(self._plan, target, direction)

    def _plan(self, connection: sa.Connection, target: str, direction: Direction) -> Plan:
        revisions = self._revisions.all()
        current = _known(revisions, Journal(connection).current())
        chosen = _chosen(revisions, current, direction, target)
        return planned(connection, self._engine, chosen, direction)

    async def sql(self, target: str = "head", *, direction: Direction = "up") -> str:
        """Return the statements of a migration as a script, for a person to run.

        What is done in batches, or looks at the database first, stands there in words.
        """
        return script(await self.plan(target, direction=direction))

    async def lint(self, *, everything: bool = False) -> tuple[Finding, ...]:
        """Return what is doubtful in the revisions that are pending, or in all of them."""
        return await self._sync(self._lint, everything)

    def _lint(self, connection: sa.Connection, everything: bool) -> tuple[Finding, ...]:
        revisions = self._revisions.all()
        if not everything:
            current = _known(revisions, Journal(connection).current())
            revisions = _chosen(revisions, current, "up", "head")
        return tuple(lint(revisions, self.engine_name, connection.dialect))

    async def verify(
        self, fill: Callable[[Database], Awaitable[object]] | None = None
    ) -> Verification:
        """Try all revisions on a database of their own, and return what became of it.

        They are applied, `fill` puts rows into the tables, and all are undone and applied again,
        with permission for everything. A history is good when the models differ in nothing from
        what it makes, and no row is lost on the way. The database that was given is not touched,
        but for a server's new one being created and dropped beside it.

        Raises MigrationError if that may not be created, NotSupported for names that the engine
        cannot have, and what `up` and `down` raise.
        """
        capabilities = self._database.capabilities
        require_names(compile_all(self._database.metadata), capabilities, self.engine_name)
        async with scratch_database(self._database) as scratch:
            migrator = Migrator(scratch, self._directory, patience=self._patience)
            applied = await migrator.up(allow=EVERYTHING)
            first = await migrator.compare()
            if fill is not None:
                await fill(scratch)
            before = await migrator._sync(contents, first.before)
            found = [str(change) for change in first.changes]
            try:
                await migrator.down("base", allow=EVERYTHING)
            except RowsInTheWay as error:
                # The past has no place for a row that the models allow.
                found += [f"down: {count} row(s) {why}" for why, count in error.counts.items()]
            await migrator.up(allow=EVERYTHING)
            second = await migrator.compare()
            after = await migrator._sync(contents, second.before)
        found += [str(change) for change in second.changes]
        return Verification(
            revisions=len(applied),
            rows=sum(rows for rows, _ in before.values()),
            differences=tuple(dict.fromkeys(found)),
            lost=tuple(str(table) for table in before if before[table] != after.get(table)),
        )

    # -- setting right

    async def stamp(self, target: str = "head") -> Revision | None:
        """Note that the database is at a revision, without running anything; return it.

        The files are taken as they are. A migration that was stopped on its way is forgotten.
        """
        return await self._locked(self._stamp, target)

    def _stamp(self, connection: sa.Connection, target: str) -> Revision | None:
        revisions = self._revisions.all()
        applied = _chosen(revisions, None, "up", target)
        journal = Journal(connection)
        journal.create()
        with transaction(connection):
            while (found := journal.half_done()) is not None:
                journal.forget_steps(*found)
            for revision in revisions:
                journal.forget_applied(revision.id)
            for revision in applied:
                journal.note_applied(revision.id, revision.checksum)
            journal.move(applied[-1].id if applied else None)
        return applied[-1] if applied else None

    async def squash(self, message: str) -> Path:
        """Replace all revisions by one that makes the tables as they are; return its file.

        The database has to have all of them, and so has every other one, before the new file is
        applied to it: to those it counts as applied. The old files are moved into a folder
        `squashed` beside. Raises MigrationPending, RevisionProblem.
        """
        return await self._locked(self._squash, message)

    def _squash(self, connection: sa.Connection, message: str) -> Path:
        revisions = self._revisions.all()
        journal = Journal(connection)
        self._refuse_half_done(journal)
        if len(revisions) < 2:
            raise RevisionProblem("there is nothing to squash", "write more revisions first")
        if _known(revisions, journal.current()) != revisions[-1].id:
            raise MigrationPending(
                "the database has not all of its revisions",
                "apply them with `andamios-orm migrate up`, then squash",
            )
        schemas = schemas_of(compile_all(self._database.metadata))
        state = self._engine.inspect(connection, schemas)
        nothing = SchemaState(engine=state.engine)
        there = self._engine.operations(compare(nothing, state).changes, nothing, state)
        back = self._engine.operations(compare(state, nothing).changes, state, nothing)
        replaced = [name for revision in revisions for name in (*revision.replaces, revision.id)]
        path = self._revisions.write(message, render(there, back), down=None, replaces=replaced)
        self._revisions.put_away(revisions)
        (squashed,) = self._revisions.all()
        with transaction(connection):
            journal.note_applied(squashed.id, squashed.checksum)
            journal.move(squashed.id)
            for revision in revisions:
                journal.forget_applied(revision.id)
        return path

    def _refuse_changed(self, journal: Journal, revisions: tuple[Revision, ...]) -> None:
        changed = _changed(journal, revisions)
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
                "finish it with `andamios-orm migrate resume`",
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


def _changed(journal: Journal, revisions: Sequence[Revision]) -> tuple[str, ...]:
    applied = journal.applied()
    return tuple(
        revision.id
        for revision in revisions
        if revision.id in applied and applied[revision.id].checksum != revision.checksum
    )


def _known(revisions: Sequence[Revision], current: str | None) -> str | None:
    """Return the revision that a database is at, as the files name it."""
    for revision in revisions:
        # A database that had all of what was squashed has what it was squashed to.
        if revision.replaces and current == revision.replaces[-1]:
            return revision.id
    return current


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
