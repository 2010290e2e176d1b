"""`schema pull`: models written from a database that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.cli.options import AsJson, DatabaseName, NoColor, Url
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from andamios_orm.migration.pulling import Pulled

__all__ = ["pull"]


def pull(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write them to this file instead of the terminal.",
            show_default=False,
        ),
    ] = None,
    schemas: Annotated[
        list[str] | None,
        typer.Option(
            "--schema", help="Look into this schema, too; repeat it for more.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option(help="Write over a file that is there.")] = False,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Write the models of a database that is there.

    Tables, columns, keys, constraints, indexes, comments and relations become classes. What
    models cannot say is told on stderr: the next revision would change it.

    Example: andamios-orm schema pull -o app/models.py
    """
    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    _refuse_to_overwrite(output, force=force)
    pulled = _pulled(found, [None, *(schemas or [])])
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(pulled.source, encoding="utf-8")
    if as_json:
        found.output.document(
            {
                "file": output,
                "tables": pulled.tables,
                "differences": pulled.differences,
                "source": pulled.source if output is None else None,
            }
        )
    elif output is None:
        typer.echo(pulled.source, nl=False)
    for difference in pulled.differences:
        found.output.progress.print(f"  {difference}", markup=False)
    if pulled.differences:
        found.output.note("That is what models cannot say; the next revision would change it.")
    if output is not None:
        found.output.note(
            f"Wrote {pulled.tables} models to {output}. Next: name it in `models` of the settings,"
            ' then andamios-orm migrate new "as it was"'
        )


def _refuse_to_overwrite(output: Path | None, *, force: bool) -> None:
    from andamios_orm.errors import ConfigurationProblem  # noqa: PLC0415 - brings SQLAlchemy

    if output is not None and output.exists() and not force:
        raise ConfigurationProblem(
            f"there is a file {output} already", "choose another --output, or add --force"
        )


def _pulled(found: Project, schemas: list[str | None]) -> Pulled:
    from andamios_orm.database.loop import run  # noqa: PLC0415 - brings SQLAlchemy
    from andamios_orm.migration.engines.choice import engine_named  # noqa: PLC0415 - brings alembic
    from andamios_orm.migration.pulling import pull as pull_models  # noqa: PLC0415 - as above

    async def call() -> Pulled:
        async with found.database() as database, database.connect() as connection:
            engine = engine_named(database.engine_name)
            return await connection.run_sync(
                lambda sync: pull_models(sync, engine, schemas=schemas)
            )

    return run(call())
