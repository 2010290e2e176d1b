"""`db-reset`: a database made new, for development."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from andamios_orm.cli.asking import confirmed
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, DryRun, Environment, NoColor, Url, Yes
from andamios_orm.cli.running import project

if TYPE_CHECKING:
    from andamios_orm.migration import Migrator, Status

__all__ = ["COMMANDS"]

_reset = typer.Typer(rich_markup_mode=None, add_completion=False)


@_reset.command()
def db_reset(
    url: Url = None,
    database: DatabaseName = None,
    environment: Environment = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Drop all tables with their rows, and create them again from the migrations.

    Refused on a database that is production, whatever is confirmed.

    Example: andamios-orm db-reset --yes && andamios-orm db-seed
    """
    found = project(
        url=url, database=database, environment=environment, as_json=as_json, no_color=no_color
    )
    status, tables = found.migrating(_outlook)
    output = found.output
    if not as_json:
        output.line(f"{status.database} ({status.engine}): {len(tables)} table(s)")
        for name, count in tables.items():
            output.line(f"  drop {name} with {count} row(s)")
    if dry_run:
        if as_json:
            output.document({"database": status.database, "drops": tables})
        return
    if not confirmed(output, yes, f"Drop them all in {status.database}?"):
        output.note("Nothing was done.")
        raise SystemExit(int(ExitCode.REFUSED))
    applied = found.migrating(lambda migrator: migrator.reset())
    if as_json:
        output.document({"dropped": list(tables), "applied": [r.id for r in applied]})
        return
    for revision in applied:
        output.line(f"Applied {revision}")
    output.note("Next: andamios-orm db-seed")


async def _outlook(migrator: Migrator) -> tuple[Status, dict[str, int]]:
    return await migrator.status(), await migrator.rows()


COMMANDS = {"db-reset": _reset}
