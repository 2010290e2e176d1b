"""`db-seed`: store the rows that the project's seeds declare, or made up ones."""

from __future__ import annotations

import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from andamios_orm.cli.config import load_modules
from andamios_orm.cli.options import AsJson, DatabaseName, DryRun, Environment, NoColor, Url
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from andamios_orm.database.engine import Database
    from andamios_orm.seeding import SampleReport, SeedProgress, SeedReport
    from andamios_orm.seeding.running import Source

__all__ = ["COMMANDS", "seed_database", "size_of"]

_seed = typer.Typer(rich_markup_mode=None, add_completion=False)

Only: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="MODEL", help="This model or table alone; repeat it.", show_default=False),
]


def size_of(text: str) -> int:
    """Return how many rows `10k` or `2M` are. Raises BadParameter."""
    found = re.fullmatch(r"(\d[\d_,]*)\s*([kM]?)", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text} is no number of rows: write 500, 10k or 2M")
    return int(re.sub("[_,]", "", found[1])) * {"": 1, "k": 1000, "M": 1_000_000}[found[2]]


@_seed.command()
def db_seed(
    only: Only = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Fill the empty tables with made up rows as well.")
    ] = False,
    size: Annotated[
        str, typer.Option(metavar="ROWS", help="Made up rows for each table: 500, 10k, 2M.")
    ] = "1k",
    number: Annotated[
        int, typer.Option("--seed", help="The same number makes the same rows, on any machine.")
    ] = 42,
    dry_run: DryRun = False,
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Store reference data, and sample data for development.

    What `seeds` of the settings name, modules with @seed functions and folders of fixture files,
    is compared with the tables, and what is missing or different is stored: all or nothing. To
    run it again changes nothing. With --sample the tables that are still empty get made up rows,
    never in production.

    Example: andamios-orm db-seed --sample --size 10k
    """
    rows = size_of(size)
    found = project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )
    seed_database(
        found, only=only or (), size=rows if sample else None, seed=number, dry_run=dry_run
    )


def seed_database(
    found: Project,
    *,
    only: list[str] | tuple[str, ...] = (),
    size: int | None = None,
    seed: int = 42,
    dry_run: bool = False,
) -> None:
    """Run the seeds of a project and tell what that changed; with a size, make up rows, too.

    Raises SeedProblem, WrongEnvironment.
    """
    from andamios_orm.database.loop import run  # noqa: PLC0415 - a command that needs one
    from andamios_orm.errors import ConfigurationProblem  # noqa: PLC0415 - as above

    found.load_models()
    sources = _sources(found)
    if not sources and size is None:
        raise ConfigurationProblem(
            "no seeds are named",
            'write seeds = ["app.seeds"], or the folder of fixtures, under [tool.andamios-orm] in'
            " pyproject.toml; or make up rows: `andamios-orm db-seed --sample`",
        )
    seeded, sampled, seconds = run(_stored(found, sources, only, size, seed, dry_run))
    _tell(found, seeded, sampled, seconds)


def _sources(found: Project) -> list[Source]:
    from importlib import import_module  # noqa: PLC0415 - beside its use

    sources: list[Source] = []
    for name in found.config.seeds:
        folder = found.config.root / name
        if folder.exists() or "/" in name:
            sources.append(_near(folder))
        else:
            load_modules(found.config, [name])
            sources.append(import_module(name))
    return sources


def _near(path: Path) -> Path:
    """Return a path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


async def _stored(
    found: Project,
    sources: list[Source],
    only: list[str] | tuple[str, ...],
    size: int | None,
    seed: int,
    dry_run: bool,
) -> tuple[SeedReport, SampleReport | None, float]:
    from andamios_orm.seeding import run_seeds, sample  # noqa: PLC0415 - with the first use
    from andamios_orm.seeding.running import models_of  # noqa: PLC0415 - as above

    started = perf_counter()
    async with found.database() as database:
        environment = await _environment(found, database)
        if size is not None:
            _refuse_in_production(environment)
        seeded = await run_seeds(
            database, sources, environment=environment, only=only, dry_run=dry_run
        )
        sampled = None
        if size is not None and not dry_run:
            models = models_of(database, only)
            with _Bars(found) as bars:
                sampled = await sample(
                    database,
                    models,
                    size=size,
                    seed=seed,
                    environment=environment,
                    progress=bars.told,
                )
    return seeded, sampled, perf_counter() - started


async def _environment(found: Project, database: Database) -> str:
    """Return what the database is. Raises WrongEnvironment if settings say otherwise."""
    from andamios_orm.migration.guards import refuse_other_environment  # noqa: PLC0415 - as above
    from andamios_orm.migration.journal import Journal  # noqa: PLC0415 - as above

    given = found.config.environment if found.config.environment_is_given else None
    async with database.connect() as connection:
        kept = await connection.run_sync(
            lambda sync: refuse_other_environment(Journal(sync), given)
        )
    return kept or found.config.environment


def _refuse_in_production(environment: str) -> None:
    from andamios_orm.migration.guards import refuse_in_production  # noqa: PLC0415 - as above

    refuse_in_production(environment, "making rows up")


class _Bars:
    """One bar for each model, with how fast its rows are stored."""

    def __init__(self, found: Project) -> None:
        from rich.progress import (  # noqa: PLC0415 - only where something is made up
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskID,
            TextColumn,
            TimeElapsedColumn,
        )

        self._tasks: dict[type, TaskID] = {}
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=found.output.progress,
        )

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def told(self, progress: SeedProgress) -> None:
        """Show how far a model has come."""
        task = self._tasks.get(progress.model)
        if task is None:
            task = self._tasks[progress.model] = self._bars.add_task(
                progress.model.__name__, rate="", total=progress.total
            )
        speed = self._bars.tasks[task].speed
        rate = f"{speed:,.0f} rows/s" if speed else ""
        self._bars.update(task, completed=progress.done, total=progress.total, rate=rate)


def _tell(found: Project, seeded: SeedReport, sampled: SampleReport | None, seconds: float) -> None:
    output = found.output
    made = sampled.counts if sampled is not None else ()
    if output.as_json:
        output.document(
            {
                "dry_run": seeded.dry_run,
                "seeds": [
                    {
                        "model": count.model.__name__,
                        "created": count.created,
                        "updated": count.updated,
                        "unchanged": count.unchanged,
                    }
                    for count in seeded.counts
                ],
                "skipped": seeded.skipped,
                "samples": [
                    {"model": c.model.__name__, "created": c.created, "kept": c.kept} for c in made
                ],
            }
        )
        return
    if seeded.counts:
        output.table(
            ("model", "created", "updated", "unchanged", "rows/s"),
            [
                (
                    count.model.__name__,
                    f"{count.created:,}",
                    f"{count.updated:,}",
                    f"{count.unchanged:,}",
                    _rate(count.rows, count.seconds),
                )
                for count in seeded.counts
            ],
        )
    if made:
        output.table(
            ("made up", "created", "there already", "rows/s"),
            [
                (
                    c.model.__name__,
                    f"{c.created:,}",
                    f"{c.kept:,}" if c.kept else "",
                    _rate(c.created, c.seconds),
                )
                for c in made
            ],
        )
    for name in seeded.skipped:
        output.note(f"Skipped {name}: it is for another environment.")
    if seeded.dry_run:
        output.note("Nothing was stored; run it without --dry-run to do so.")
    else:
        output.note(f"Done in {seconds:.1f} s.")


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f}" if rows and seconds else ""


COMMANDS = {"db-seed": _seed}
