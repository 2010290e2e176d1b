"""`query`: how a database finds what a query asks for."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from andamios_orm.cli.options import AsJson, DatabaseName, NoColor, Url
from andamios_orm.cli.running import Project, project

if TYPE_CHECKING:
    from andamios_orm.database.engine import Database
    from andamios_orm.database.query_plans import QueryPlan
    from andamios_orm.repositories.reading import Rows

__all__ = ["COMMANDS"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, add_completion=False)


@app.callback()
def query() -> None:
    """See how a database would find what a query asks for.

    Example: andamios-orm query explain "SELECT * FROM hero WHERE age > 40"
    """


@app.command()
def explain(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="QUERY",
            help="SQL; or module:function, which is given the database and returns a query; or"
            ' Python, such as "Repository(Hero, db).where(Hero.age > 40)".',
        ),
    ],
    analyze: Annotated[
        bool,
        typer.Option(
            "--analyze", help="Run it, and show actual numbers; for statements that only read."
        ),
    ] = False,
    url: Url = None,
    database: DatabaseName = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Draw how the database would find what a query asks for.

    Each step has the rows that come out of it, and its part of the whole. A table that is read from
    its first to its last row to find few is marked, with the index that would help.

    Example: andamios-orm query explain "SELECT * FROM hero WHERE age > 40"
    """
    from andamios_orm.database.loop import run  # noqa: PLC0415 - here only

    found = project(url=url, database=database, as_json=as_json, no_color=no_color)
    if not _SQL.match(asked):
        found.load_models()
    plan = run(_plan(found, asked, analyze=analyze))
    if as_json:
        found.output.document(plan)
        return
    from andamios_orm.cli.plan_views import drawn  # noqa: PLC0415 - brings rich

    found.output.console.print(drawn(plan))


_SQL = re.compile(
    r"[\s(]*(?:--|/\*|(?:SELECT|WITH|VALUES|TABLE|FROM|INSERT|UPDATE|DELETE|MERGE|REPLACE)\s)",
    re.IGNORECASE,
)
_PLACE = re.compile(r"(?P<module>\w+(?:\.\w+)*):(?P<name>\w+)")


async def _plan(found: Project, asked: str, *, analyze: bool) -> QueryPlan:
    import sqlalchemy as sa  # noqa: PLC0415 - here only

    from andamios_orm.database.engine import Database  # noqa: PLC0415 - here only
    from andamios_orm.database.query_plans import read_plan  # noqa: PLC0415 - here only
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only
    from andamios_orm.repositories.asking import statement_of_query  # noqa: PLC0415 - here only

    if _SQL.match(asked):
        database, sql, values = Database(found.config.url), asked, list[object]()
    else:
        database = found.database()
        sql, values = statement_of_query(_query(found, asked, database))
    async with database:
        try:
            return await read_plan(database, sql, values, analyze=analyze)
        except sa.exc.DBAPIError as error:
            told = str(error.orig).strip().splitlines()[0]
            raise UsageError(
                f"{database.engine_name} does not understand the statement: {told}",
                "correct it; `andamios-orm schema show` lists tables and columns",
            ) from None


def _query(found: Project, asked: str, database: Database) -> Rows[Any]:
    """Return the query that a text names or writes. Raises UsageError."""
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only
    from andamios_orm.repositories.reading import Rows  # noqa: PLC0415 - here only
    from andamios_orm.repositories.repository import Repository  # noqa: PLC0415 - here only

    place = _PLACE.fullmatch(asked.strip())
    result = _called(place, database) if place else _evaluated(found, asked, database)
    if isinstance(result, Repository):
        result = result.where()
    if not isinstance(result, Rows):
        raise UsageError(
            f"`{asked}` is a {type(result).__name__}, no query",
            "write SQL, or what a repository's where() returns, before .all() is called",
        )
    return result


def _called(place: re.Match[str], database: Database) -> object:
    from andamios_orm.errors import UsageError  # noqa: PLC0415 - here only

    try:
        function = getattr(import_module(place["module"]), place["name"])
    except ModuleNotFoundError as error:
        if error.name != place["module"]:
            raise
        raise UsageError(
            f"there is no module `{place['module']}`", "write module:function"
        ) from None
    except AttributeError:
        raise UsageError(
            f"module `{place['module']}` has no `{place['name']}`",
            "name a function that is given the database and returns a query",
        ) from None
    return function(database)


def _evaluated(found: Project, text: str, database: Database) -> object:
    from andamios_orm.errors import AndamiosError, UsageError  # noqa: PLC0415 - here only
    from andamios_orm.repositories.repository import Repository  # noqa: PLC0415 - here only
    from andamios_orm.schema.registry import declarations  # noqa: PLC0415 - here only

    models = {d.model.__name__: d.model for d in declarations(found.metadata())}
    names: dict[str, object] = {**models, "Repository": Repository, "db": database}
    try:
        return eval(text, names)  # noqa: S307 - what a person types at a terminal of their own
    except AndamiosError:
        raise
    except Exception as error:
        raise UsageError(
            f"`{text}` is neither SQL nor Python: {error}",
            f"write SQL, or Python with {', '.join([*sorted(models), 'Repository', 'db'])}",
        ) from None


COMMANDS = {"query": app}
