"""`audit`: stored rows that their model no longer accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.cli import completing
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, NoColor, Url
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from andamios_orm.auditing import AuditReport

__all__ = ["COMMANDS"]

_audit = typer.Typer(rich_markup_mode=None, add_completion=False)


@_audit.command()
def audit(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Models or tables; all of them if none.",
            autocompletion=completing.models,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="ROWS", help="Show this many wrong rows of each table.")
    ] = 20,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Find stored rows that their model no longer accepts.

    Each row is read and validated, in pieces, and told by its key, the field and the kind of
    failure; values are never shown. The exit code is 4 if there is such a row.

    Example: andamios-orm audit Hero --limit 5
    """
    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    reports = _audited(found, names or [], limit)
    if as_json:
        found.output.document([_document(report) for report in reports])
    else:
        for report in reports:
            _tell(found, report)
    if any(report.unfit for report in reports):
        raise SystemExit(int(ExitCode.DIFFERENT))


def _audited(found: Project, names: list[str], limit: int) -> list[AuditReport]:
    from andamios_orm.auditing import audit as audit_rows  # noqa: PLC0415 - brings SQLAlchemy
    from andamios_orm.database.loop import run  # noqa: PLC0415 - as above
    from andamios_orm.seeding.running import models_of  # noqa: PLC0415 - as above

    found.load_models()

    async def call() -> list[AuditReport]:
        async with found.database() as database:
            return [
                await audit_rows(database, model, limit=limit)
                for model in models_of(database, names)
            ]

    return run(call())


def _document(report: AuditReport) -> dict[str, object]:
    return {
        "model": report.model.__name__,
        "rows": report.rows,
        "unfit": report.unfit,
        "counts": report.counts,
        "first": [{"key": list(row.key), "fields": row.fields} for row in report.first],
    }


def _tell(found: Project, report: AuditReport) -> None:
    output, name = found.output, report.model.__name__
    if not report.unfit:
        output.console.print(f"{name}: {report.rows:,} rows, all as the model says.", markup=False)
        return
    output.console.print(
        f"{name}: {report.unfit:,} of {report.rows:,} rows do not fit the model.", markup=False
    )
    output.table(("failure", "rows"), [(kind, f"{n:,}") for kind, n in report.counts.items()])
    output.table(
        ("key", "failures"),
        [
            (
                ", ".join(map(str, row.key)),
                ", ".join(f"{field} ({kind})" for field, kind in row.fields.items()),
            )
            for row in report.first
        ],
    )
    if report.unfit > len(report.first):
        output.note(f"{report.unfit - len(report.first):,} more; see them with --limit.")


COMMANDS = {"audit": _audit}
