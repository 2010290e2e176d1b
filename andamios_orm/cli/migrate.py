"""`migrate`: revisions written, applied, undone, told of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from andamios_orm.cli import completing
from andamios_orm.cli.asking import confirmed, named
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import (
    AllowDestructive,
    AsJson,
    Confirm,
    DatabaseName,
    DryRun,
    Environment,
    NoColor,
    Url,
    Yes,
)
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from andamios_orm.database.engine import Database
    from andamios_orm.migration import Answers, Comparison, Event, Migrator, Plan, Revision, Status
    from andamios_orm.migration.journal import Direction

__all__ = ["COMMANDS"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

Target = Annotated[
    str,
    typer.Argument(
        help="A revision, its first letters, head, base, +1 or -1.",
        autocompletion=completing.revisions,
    ),
]
Message = Annotated[str, typer.Argument(help='What it is for: "add the age of heroes".')]


class _Going(TyperCommand):
    """A command whose target may be -1, which is no option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what is a minus and digits for the target."""
        steps = [] if "--" in args else [arg for arg in args if re.fullmatch(r"-\d+", arg)]
        if steps:
            args = [*(arg for arg in args if arg not in steps), "--", *steps]
        return super().parse_args(ctx, args)


@app.callback()
def migrate(
    context: typer.Context,
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Bring the database to what the models say.

    Alone it shows what is pending, asks, and applies it: the same as `migrate up`. Options stand
    after the command that they are for.

    Example: andamios-orm migrate --yes
    """
    if context.invoked_subcommand is None:
        found = _project(url, database, environment, as_json, no_color)
        _apply(found, "up", "head", allow or (), confirm, yes=yes, dry_run=dry_run)
    elif any((allow, confirm, url, database, environment, yes, dry_run, as_json, no_color)):
        # To read them and not to use them could change another database than the one meant.
        from andamios_orm.errors import UsageError  # noqa: PLC0415 - where it is raised

        name = context.invoked_subcommand
        raise UsageError(
            f"options stand before `{name}`, which does not see them there",
            f"write them after it: andamios-orm migrate {name} ...",
        )


# ---- writing -------------------------------------------------------------------------------------


@app.command()
def new(
    message: Message,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD:NEW",
            help="What was renamed: hero:person, hero.name:full_name; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What was not renamed but is gone: hero.name; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TABLE.COLUMN=SQL",
            help="The value that rows get which have none: hero.email=\"''\"; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    empty: Annotated[bool, typer.Option(help="Write it without changes, to be filled.")] = False,
    unfinished: Annotated[
        bool, typer.Option(help="Write `...` where rows need a value that nobody has said.")
    ] = False,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Write the next revision: what the models have and the database has not.

    The database must have all revisions there are. What may be a rename is asked, or said with
    --rename and --drop. Rows that a stricter rule would refuse are counted first.

    Example: andamios-orm migrate new "add the age of heroes"
    """
    found = _project(url, database, environment, as_json, no_color)
    answers = _answers(rename or (), drop or (), fill or ())
    path, told = found.migrating(
        lambda migrator: _new(migrator, found, message, answers, empty, unfinished)
    )
    if found.output.as_json:
        found.output.document({"file": path, "changes": told})
        return
    if path is None:
        found.output.line("Nothing to do: the database has what the models say.")
        return
    for line in told:
        found.output.line(f"  {line}")
    found.output.line(f"Wrote {_shown(path, found)}")
    found.output.note("Next: read it, then andamios-orm migrate up")


async def _new(
    migrator: Migrator,
    found: Project,
    message: str,
    answers: Answers,
    empty: bool,
    unfinished: bool,
) -> tuple[Path | None, list[str]]:
    from andamios_orm.cli.asking import renames_asked  # noqa: PLC0415 - where they are asked

    if not empty:
        if found.output.asks():
            answers = await renames_asked(migrator, answers)
        changes = [str(change) for change in (await migrator.compare(answers)).changes]
    else:
        changes = []
    return await migrator.new(message, answers, empty=empty, unfinished=unfinished), changes


def _answers(renames: Sequence[str], dropped: Sequence[str], fills: Sequence[str]) -> Answers:
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - where an answer is given
    from andamios_orm.migration import Answers, Rename  # noqa: PLC0415 - as above

    values = {}
    for text in fills:
        column, equals, sql = text.partition("=")
        if not (column and equals and sql) or "." not in column:
            raise UsageError(
                f"`{column}` is given no value", "write --fill table.column=SQL, hero.age=0"
            )
        values[column] = sql
    return Answers(
        renames=frozenset(map(Rename.parse, renames)), dropped=frozenset(dropped), fills=values
    )


# ---- applying ------------------------------------------------------------------------------------


@app.command(cls=_Going)
def up(
    target: Target = "head",
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Apply the revisions that are pending, up to one of them or all.

    It shows them and asks first, unless --yes is given. Each step waits a fifth of a second at
    most for a lock, and tries again, so that readers and writers go on. What is removed is put
    aside first, and needs --allow-destructive.

    Example: andamios-orm migrate up --yes
    """
    found = _project(url, database, environment, as_json, no_color)
    _apply(found, "up", target, allow or (), confirm, yes=yes, dry_run=dry_run)


@app.command(cls=_Going)
def down(
    target: Target = "-1",
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Undo the newest revision, or all down to one of them.

    What the revision had removed comes back with its rows. What it had added is removed, which
    needs --allow-destructive.

    Example: andamios-orm migrate down base
    """
    found = _project(url, database, environment, as_json, no_color)
    _apply(found, "down", target, allow or (), confirm, yes=yes, dry_run=dry_run)


@app.command(cls=_Going)
def to(
    target: Target,
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Go to one revision, up or down, wherever the database is.

    Example: andamios-orm migrate to 3f2a --yes
    """
    found = _project(url, database, environment, as_json, no_color)
    forward = found.migrating(lambda migrator: migrator.plan(target))
    _apply(
        found,
        "up" if forward.revisions else "down",
        target,
        allow or (),
        confirm,
        yes=yes,
        dry_run=dry_run,
    )


def _apply(
    found: Project,
    direction: Direction,
    target: str,
    allow: Sequence[str],
    confirm: str | None,
    *,
    yes: bool,
    dry_run: bool,
) -> None:
    output = found.output
    plan, status, rows = found.migrating(lambda migrator: _outlook(migrator, target, direction))
    refused = status.half_done is not None or bool(status.changed)
    if not plan.revisions and not refused:
        output.say(
            f"Nothing to do: the database is at {status.current or 'its beginning'}.",
            document={"applied": []},
        )
        return
    if not output.as_json:
        _show_plan(found, plan, rows)
    if dry_run:
        if output.as_json:
            output.document(plan)
        return
    if not refused and not confirmed(output, yes, "Go on?"):
        output.note("Nothing was done.")
        raise SystemExit(int(ExitCode.REFUSED))
    if plan.destroys and allow and status.environment == "production" and confirm is None:
        confirm = named(output, status.database)
    done = found.migrating(
        lambda migrator: _move(migrator, direction, target, allow, confirm, _reporter(found))
    )
    verb = "Applied" if direction == "up" else "Undone"
    if output.as_json:
        output.document({"applied" if direction == "up" else "undone": [r.id for r in done]})
        return
    for revision in done:
        output.line(f"{verb} {revision}")


async def _outlook(
    migrator: Migrator, target: str, direction: Direction
) -> tuple[Plan, Status, dict[str, int]]:
    plan, status = await migrator.plan(target, direction=direction), await migrator.status()
    # Counting takes time on large tables; only who removes something has to know.
    return plan, status, await migrator.rows() if plan.destroys else {}


async def _move(
    migrator: Migrator,
    direction: Direction,
    target: str,
    allow: Sequence[str],
    confirm: str | None,
    report: Callable[[Event], object],
) -> tuple[Revision, ...]:
    move = migrator.up if direction == "up" else migrator.down
    return await move(target, allow=allow, confirm=confirm, report=report)


def _reporter(found: Project) -> Callable[[Event], object]:
    """Return what tells each step as it ends, with how long it took."""
    began: dict[tuple[int, int], float] = {}

    def report(event: Event) -> None:
        key = (event.operation, event.step)
        if event.state == "started":
            began[key] = time.monotonic()
        elif event.state == "waiting":
            found.output.note(f"  waiting for a lock: {_line(event.told)}")
        elif event.state == "done":
            taken = time.monotonic() - began.get(key, time.monotonic())
            found.output.note(f"  {taken:6.2f} s  {_line(event.told)}")

    return report


def _line(text: str, width: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _show_plan(found: Project, plan: Plan, rows: dict[str, int]) -> None:
    for planned in plan.revisions:
        found.output.line(f"{planned.revision}", style="bold")
        for operation in planned.operations:
            found.output.line(f"  {_line(operation.told, 76)}")
            for name in operation.destroys:
                count = rows.get(name, rows.get(name.rpartition(".")[0], 0))
                found.output.line(
                    f"    removes {name} of {count:,} row(s), which is put aside first",
                    style="red",
                )


@app.command()
def resume(
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Finish a migration that was stopped on its way, from the step that was not done.

    What a file removes that was changed since then needs --allow-destructive.

    Example: andamios-orm migrate resume
    """
    found = _project(url, database, environment, as_json, no_color)
    done = found.migrating(
        lambda migrator: migrator.resume(
            allow=allow or (), confirm=confirm, report=_reporter(found)
        )
    )
    told = ", ".join(map(str, done)) or "nothing: no migration was stopped on its way"
    found.output.say(f"Finished {told}", document={"finished": [r.id for r in done]})


# ---- telling -------------------------------------------------------------------------------------


@app.command()
def status(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Show which revisions the database has.

    Exit code 3 if some are pending, 7 if one is half done, 8 if an applied one was changed.

    Example: andamios-orm migrate status --json
    """
    found = _project(url, database, environment, as_json, no_color)
    now = found.migrating(lambda migrator: migrator.status())
    if found.output.as_json:
        found.output.document({**_as_document(now), "pending": [r.id for r in now.pending]})
    else:
        _show_status(found, now)
    _end_with_what_is_wrong(now)
    if now.pending:
        raise SystemExit(int(ExitCode.PENDING))


def _end_with_what_is_wrong(now: Status) -> None:
    """End the command for a migration that was stopped, or a file that was changed."""
    if now.half_done is not None:
        raise SystemExit(int(ExitCode.HALF_DONE))
    if now.changed:
        raise SystemExit(int(ExitCode.CHANGED))


def _as_document(now: Status) -> dict[str, object]:
    history = [
        {
            "revision": e.revision.id,
            "message": e.revision.message,
            "applied_at": e.applied_at,
            "applied": e.applied,
        }
        for e in now.history
    ]
    names = ("engine", "database", "environment", "current", "head", "half_done", "changed", "kept")
    return {**{name: getattr(now, name) for name in names}, "history": history}


def _show_status(found: Project, now: Status) -> None:
    output = found.output
    where = f"{now.database} ({now.engine}{f', {now.environment}' if now.environment else ''})"
    rows = [
        (
            "●" if entry.applied else "○",
            entry.revision.id,
            entry.revision.message,
            (entry.applied_at or "")[:16].replace("T", " "),
        )
        for entry in now.history
    ]
    output.line(where, style="bold")
    if rows:
        output.table(("", "revision", "is for", "applied (UTC)"), rows)
    else:
        output.line('No revisions yet: andamios-orm migrate new "first tables"')
    if now.half_done is not None:
        output.line(
            f"{now.half_done[0]} was stopped on its way {now.half_done[1]}:"
            " andamios-orm migrate resume",
            style="red",
        )
    for name in now.changed:
        output.line(f"{name} was changed since it was applied", style="red")
    if now.kept:
        output.line(f"Put aside by migrations: {', '.join(now.kept)} (andamios-orm migrate purge)")
    if now.pending:
        output.line(f"{len(now.pending)} pending: andamios-orm migrate up")


@app.command()
def history(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """List all revisions, the oldest first, with their files.

    Example: andamios-orm migrate history
    """
    found = _project(url, database, environment, as_json, no_color)
    now = found.migrating(lambda migrator: migrator.status())
    if found.output.as_json:
        found.output.document(_as_document(now)["history"])
        return
    rows = [
        ("●" if e.applied else "○", e.revision.id, e.revision.message, e.revision.path.name)
        for e in now.history
    ]
    found.output.table(("", "revision", "is for", "file"), rows)


@app.command(cls=_Going)
def plan(
    target: Target = "head",
    undo: Annotated[bool, typer.Option("--down", help="Show what `down` would do.")] = False,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Show what would be done, step by step with the SQL, and do nothing.

    Example: andamios-orm migrate plan --down
    """
    found = _project(url, database, environment, as_json, no_color)
    planned = found.migrating(
        lambda migrator: migrator.plan(target, direction="down" if undo else "up")
    )
    if found.output.as_json:
        found.output.document(planned)
        return
    if not planned.revisions:
        found.output.line("Nothing to do.")
    for revision in planned.revisions:
        found.output.line(f"{revision.revision}", style="bold")
        for operation in revision.operations:
            found.output.line(f"  {operation.told}", style="cyan")
            for step in operation.steps:
                found.output.line(f"    {_line(step, 200)}")


@app.command(cls=_Going)
def sql(
    target: Target = "head",
    undo: Annotated[bool, typer.Option("--down", help="Write what `down` would do.")] = False,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
) -> None:
    """Write the SQL of what is pending, for somebody else to run.

    Example: andamios-orm migrate sql > migration.sql
    """
    found = _project(url, database, environment, False, True)
    text = found.migrating(
        lambda migrator: migrator.sql(target, direction="down" if undo else "up")
    )
    typer.echo(text)


@app.command()
def check(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Tell whether database, revisions and models agree, for CI.

    Exit code 3 if revisions are pending, 4 if the models have what no revision has, 7 and 8 as
    those of `migrate status`.

    Example: andamios-orm migrate check
    """
    found = _project(url, database, environment, as_json, no_color)
    now, comparison = found.migrating(_checked)
    different = [str(change) for change in comparison.changes]
    pending = [revision.id for revision in now.pending]
    if found.output.as_json:
        found.output.document(
            {
                "pending": pending,
                "differences": different,
                "half_done": now.half_done,
                "changed": now.changed,
            }
        )
    elif now.half_done is not None or now.changed:
        _show_status(found, now)
    else:
        for line in different:
            found.output.line(f"  {line}")
        if pending:
            found.output.line(f"{len(pending)} pending: andamios-orm migrate up")
        elif different:
            found.output.line('The models have more: andamios-orm migrate new "..."')
        else:
            found.output.line("Database, revisions and models agree.")
    _end_with_what_is_wrong(now)
    if pending:
        raise SystemExit(int(ExitCode.PENDING))
    if different:
        raise SystemExit(int(ExitCode.DIFFERENT))


async def _checked(migrator: Migrator) -> tuple[Status, Comparison]:
    return await migrator.status(), await migrator.compare()


@app.command()
def lint(
    everything: Annotated[
        bool, typer.Option("--all", help="Look at all revisions, not only pending ones.")
    ] = False,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Find what is doubtful in revisions: data removed, names changed under a running program, ...

    Exit code 4 if there is anything.

    Example: andamios-orm migrate lint --all
    """
    found = _project(url, database, environment, as_json, no_color)
    findings = found.migrating(lambda migrator: migrator.lint(everything=everything))
    if found.output.as_json:
        found.output.document(findings)
    else:
        for finding in findings:
            found.output.line(f"{finding.file}: {finding.rule} {finding.problem}\n  {finding.fix}")
        if not findings:
            found.output.line("Nothing doubtful.")
    if findings:
        raise SystemExit(int(ExitCode.DIFFERENT))


@app.command()
def verify(
    rows: Annotated[int, typer.Option(help="About how many rows to make up.")] = 1000,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Try all revisions on a database of its own: up, with made up rows, down, and up again.

    Exit code 4 if it does not end where the models are, or rows are not what they were.

    Example: andamios-orm migrate verify --rows 5000
    """
    found = _project(url, database, environment, as_json, no_color)

    async def fill(empty: Database) -> int:
        from andamios_orm.seeding import sample  # noqa: PLC0415 - where rows are made up

        tables = max(len(empty.metadata.tables), 1)
        report = await sample(empty, size=max(rows // tables, 1))
        return sum(count.created for count in report.counts)

    result = found.migrating(lambda migrator: migrator.verify(fill if rows else None))
    if found.output.as_json:
        found.output.document(result)
    else:
        for line in (*result.differences, *(f"rows of {name} changed" for name in result.lost)):
            found.output.line(f"  {line}")
        verdict = "as the models say, with the same rows" if result else "not as they should"
        found.output.line(
            f"{result.revisions} revision(s) went up, down and up again with {result.rows} row(s):"
            f" {verdict}."
        )
    if not result:
        raise SystemExit(int(ExitCode.DIFFERENT))


# ---- setting right -------------------------------------------------------------------------------


@app.command(cls=_Going)
def stamp(
    target: Target = "head",
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Note that the database is at a revision, without running anything.

    For a database whose tables were made in another way, and to accept files that were changed.

    Example: andamios-orm migrate stamp head
    """
    found = _project(url, database, environment, as_json, no_color)
    if not confirmed(found.output, yes, f"Note the database as being at {target}?"):
        found.output.note("Nothing was done.")
        raise SystemExit(int(ExitCode.REFUSED))
    at = found.migrating(lambda migrator: migrator.stamp(target))
    found.output.say(
        f"The database is at {at or 'its beginning'}.", document={"current": at.id if at else None}
    )


@app.command()
def squash(
    message: Message,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Replace all revisions by one that makes the tables as they are.

    Every database has to have all of them first. The old files are moved into a folder `squashed`.

    Example: andamios-orm migrate squash "all until version 2"
    """
    found = _project(url, database, environment, as_json, no_color)
    if not confirmed(found.output, yes, "Replace all revisions by one?"):
        found.output.note("Nothing was done.")
        raise SystemExit(int(ExitCode.REFUSED))
    path = found.migrating(lambda migrator: migrator.squash(message))
    found.output.say(f"Wrote {_shown(path, found)}", document={"file": path})


@app.command()
def purge(
    allow: AllowDestructive = None,
    confirm: Confirm = None,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Remove for good what migrations have put aside; without --allow-destructive, list it.

    In production the database's name has to be given, with --confirm.

    Example: andamios-orm migrate purge --allow-destructive hero.age
    """
    found = _project(url, database, environment, as_json, no_color)
    kept = found.migrating(lambda migrator: migrator.purge(allow=allow or (), confirm=confirm))
    removed = [name for name in kept if name in (allow or ())]
    if found.output.as_json:
        found.output.document({"kept": [n for n in kept if n not in removed], "removed": removed})
        return
    for name in kept:
        found.output.line(f"removed {name}" if name in removed else f"kept {name}")
    if not kept:
        found.output.line("Nothing is put aside.")


def _project(
    url: str | None,
    database: str | None,
    environment: str | None,
    as_json: bool,
    no_color: bool,
) -> Project:
    return project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )


def _shown(path: Path, found: Project) -> Path:
    """Return a file as it is named from the project's folder."""
    root = found.config.root
    return path.relative_to(root) if path.is_relative_to(root) else path


COMMANDS = {"migrate": app}
