"""`schema`: the models' tables shown, drawn, explained, and compared with a database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andamios_orm.cli import completing
from andamios_orm.cli.exit_codes import ExitCode
from andamios_orm.cli.options import AsJson, DatabaseName, NoColor, Url
from andamios_orm.cli.pull import pull
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from pydantic import BaseModel

    from andamios_orm.diagrams import Diagram
    from andamios_orm.migration import Comparison, Migrator

__all__ = ["COMMANDS"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, add_completion=False)

Live = Annotated[
    bool, typer.Option("--live", help="Look at what the database has, not at the models.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="Types of this engine, not of the database's own.", show_default=False
    ),
]


@app.callback()
def schema() -> None:
    """Show the models' tables, draw them, compare them with a database.

    Example: andamios-orm schema graph -o schema.html
    """


@app.command()
def show(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Models or tables; all in short if none.",
            autocompletion=completing.models,
        ),
    ] = None,
    live: Live = False,
    engine: Engine = None,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Show columns, types, constraints and relations.

    Without a name it lists all tables in short. The types are those of the configured database.

    Example: andamios-orm schema show Hero
    """
    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    diagram = _diagram(found, live=live, engine=engine)
    entities = [diagram.entity(name) for name in names or ()]
    if as_json:
        found.output.document({"entities": entities or diagram.entities, "engine": diagram.engine})
        return
    from andamios_orm.cli.schema_views import overview, table_in_full  # noqa: PLC0415 - bring rich

    if not entities:
        found.output.console.print(overview(diagram))
    for entity in entities:
        found.output.console.print(table_in_full(entity, diagram))


@app.command()
def explain(
    field: Annotated[str, typer.Argument(metavar="MODEL.FIELD", help="One field: Hero.age.")],
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Tell how each engine stores one field, and why.

    Example: andamios-orm schema explain Hero.age
    """
    from andamios_orm.diagrams.fields import ENGINES, stored_field  # noqa: PLC0415 - here only
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only

    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    found.load_models()
    name, dot, attribute = field.rpartition(".")
    if not dot:
        raise UsageError(f"`{field}` names no field", "write Model.field, such as Hero.age")
    model = _model(found, name)
    told = [stored_field(model, attribute, engine) for engine in ENGINES]
    if as_json:
        found.output.document({"field": field, "engines": told})
        return
    from andamios_orm.cli.schema_views import stored  # noqa: PLC0415 - brings rich

    found.output.console.print(stored(field, told))


def _model(found: Project, name: str) -> type[BaseModel]:
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only
    from andamios_orm.schema.registry import declarations  # noqa: PLC0415 - here only

    known = list(declarations(found.metadata()))
    for declaration in known:
        if name in (declaration.model.__name__, declaration.full_name):
            return declaration.model
    names = ", ".join(declaration.model.__name__ for declaration in known)
    raise UsageError(f"there is no model `{name}`", f"name one of: {names or 'none'}")


class Format(StrEnum):
    """What `schema graph` writes."""

    MERMAID = "mermaid"
    SVG = "svg"
    HTML = "html"


_BY_SUFFIX = {".svg": Format.SVG, ".html": Format.HTML, ".htm": Format.HTML}


@app.command()
def graph(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Models or tables; all of them if none.",
            autocompletion=completing.models,
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            "-f",
            help="What to write; by the ending of --output if not given, else mermaid.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file; the terminal if none.", show_default=False),
    ] = None,
    neighbours: Annotated[
        bool, typer.Option(help="With some models, also draw those that they are related to.")
    ] = True,
    title: Annotated[str | None, typer.Option(help="What is written above.")] = None,
    live: Live = False,
    engine: Engine = None,
    url: Url = None,
    database: DatabaseName = None,
) -> None:
    """Draw the tables, and what refers to what.

    It is Mermaid text, an SVG picture, or one HTML page that needs nothing else, and no network:
    search in it, click a table, move and zoom. With names it draws these and what they are related
    to.

    Example: andamios-orm schema graph -o schema.html
    """
    from andamios_orm.diagrams import to_html, to_mermaid, to_svg  # noqa: PLC0415 - here only

    found = project(url=url, database=database)
    diagram = _diagram(found, live=live, engine=engine, title=title)
    if names:
        diagram = diagram.around(names, neighbours=neighbours)
    writers = {Format.MERMAID: to_mermaid, Format.SVG: to_svg, Format.HTML: to_html}
    if form is None:
        suffix = output.suffix.lower() if output is not None else ""
        form = _BY_SUFFIX.get(suffix, Format.MERMAID)
    text = writers[form](diagram)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only

        raise UsageError(
            f"{output} cannot be written: {error.strerror}", "choose another file with --output"
        ) from None
    found.output.note(f"Wrote {output}: {len(diagram.entities)} tables")


@app.command()
def diff(
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD:NEW", help="What was renamed; repeat it for more.", show_default=False
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What was not renamed but is gone; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Also show the statements, without running them.")
    ] = False,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Compare the database with the models.

    It shows what the database would have to change to have what the models say. Nothing is
    changed. Exit code 4 if there is a difference.

    Example: andamios-orm schema diff --sql
    """
    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    comparison, statements = found.migrating(
        lambda migrator: _compared(migrator, rename or (), drop or (), sql=sql)
    )
    differs = bool(comparison.changes or comparison.questions)
    if as_json:
        found.output.document(_as_document(comparison, statements))
    else:
        _show_difference(found, comparison, statements)
    if differs:
        raise SystemExit(int(ExitCode.DIFFERENT))


async def _compared(
    migrator: Migrator, renames: list[str] | tuple[()], dropped: list[str] | tuple[()], *, sql: bool
) -> tuple[Comparison, str | None]:
    from andamios_orm.migration import Answers, Rename  # noqa: PLC0415 - brings alembic

    answers = Answers(renames=frozenset(map(Rename.parse, renames)), dropped=frozenset(dropped))
    comparison = await migrator.compare(answers)
    return comparison, await migrator.sql_of(comparison) if sql else None


def _as_document(comparison: Comparison, statements: str | None) -> dict[str, object]:
    from andamios_orm.cli.schema_views import changes_of  # noqa: PLC0415 - brings rich

    return {
        "changes": [
            {"table": table, "kind": type(change).__name__, "change": str(change)}
            for table, changes in changes_of(comparison).items()
            for change in changes
        ],
        "questions": [str(question) for question in comparison.questions],
        **({} if statements is None else {"sql": statements}),
    }


def _show_difference(found: Project, comparison: Comparison, statements: str | None) -> None:
    from rich.syntax import Syntax  # noqa: PLC0415 - here only

    from andamios_orm.cli.schema_views import difference  # noqa: PLC0415 - brings rich

    if not comparison.changes and not comparison.questions:
        found.output.console.print("No difference: the database has what the models say.")
        return
    found.output.console.print(difference(comparison))
    if statements:
        found.output.console.print()
        found.output.console.print(
            Syntax(statements, "sql", background_color="default", word_wrap=True)
        )
    found.output.note('Next: andamios-orm migrate new "what changes"')


# ---- what is shown -------------------------------------------------------------------------------


def _diagram(
    found: Project, *, live: bool, engine: str | None, title: str | None = None
) -> Diagram:
    """Return the tables of the models, or of the database."""
    if live:
        return _live(found, title)
    from andamios_orm.diagrams import diagram_of_models  # noqa: PLC0415 - here only
    from andamios_orm.diagrams.fields import ENGINES, dialect_of  # noqa: PLC0415 - here only
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only

    found.load_models()
    if engine is None:
        engine = _engine_of(found)
    if engine not in ENGINES:
        raise UsageError(f"there is no engine `{engine}`", f"name one of: {', '.join(ENGINES)}")
    return diagram_of_models(
        found.metadata(), dialect_of(engine), title=title or found.config.root.name
    )


def _engine_of(found: Project) -> str:
    """Return the engine of the configured database; DuckDB where none is configured."""
    if not found.config.settings["url"].value:
        return "duckdb"
    return found.database().engine_name


def _live(found: Project, title: str | None) -> Diagram:
    from andamios_orm.database.engine import Database  # noqa: PLC0415 - here only
    from andamios_orm.database.loop import run  # noqa: PLC0415 - here only
    from andamios_orm.diagrams import diagram_of_state  # noqa: PLC0415 - here only
    from andamios_orm.migration.engines.choice import engine_named  # noqa: PLC0415 - brings alembic

    async def read() -> Diagram:
        async with Database(found.config.url) as database, database.connect() as connection:
            engine = engine_named(database.engine_name)
            state = await connection.run_sync(engine.inspect, (None,))
            return diagram_of_state(state, title=title or database.name)

    return run(read())


app.command()(pull)

COMMANDS = {"schema": app}
