"""Create, fill and question the record shop: `python -m examples.advanced.chinook [URL]`."""

import argparse
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from rich.console import Console
from rich.padding import Padding
from rich.tree import Tree

from andamios_orm import Database, Repository, run
from andamios_orm.errors import AndamiosError
from examples.advanced.chinook.load import Export, load, read_export
from examples.advanced.chinook.models import MODELS, Customer, Invoice, Track
from examples.advanced.chinook.questions import QUESTIONS, REVENUE, employee_tree


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.advanced.chinook",
        description="Create a record shop's database, fill it, and ask it questions.",
    )
    parser.add_argument(
        "url",
        nargs="?",
        help="where, such as duckdb:///chinook.duckdb or postgresql://user@host/empty_database;"
        " without it a temporary DuckDB file, removed in the end",
    )
    url: str | None = parser.parse_args().url
    console = Console(highlight=False)
    try:
        if url is not None:
            run(visit(url, console))
            return
        with TemporaryDirectory() as folder:
            run(visit(f"duckdb:///{Path(folder, 'chinook.duckdb').as_posix()}", console))
    except AndamiosError as error:
        raise SystemExit(str(error)) from error


async def visit(url: str, console: Console) -> None:
    """Open the shop, ask every question, and check the totals."""
    export = read_export()
    async with Database(url) as db:
        await refuse_a_database_in_use(db)
        await db.create_all()
        if not await Repository(Track, db).count():
            await load(db, export, console)
        for question in QUESTIONS:
            answer = await question(db)
            console.print(f"\n[bold cyan]{question.__doc__}[/]\n")
            console.print(Padding.indent(answer, 2))
        console.print(f"\n[bold green]checked:[/] {await check(db, export)}")


async def refuse_a_database_in_use(db: Database) -> None:
    """Leave alone a database that has tables with our names, unless it has all of them."""
    async with db.session(read_only=True) as session:
        found = await session.run_sync(lambda connection: sa.inspect(connection).get_table_names())
    names = {model.__table__.name for model in MODELS}
    taken = names.intersection(found)
    if taken and taken != names:
        raise SystemExit(
            f"This database has tables of its own called {', '.join(sorted(taken))}.\n"
            "  Fix: pass the URL of an empty one"
        )


async def check(db: Database, export: Export) -> str:
    """Return the totals, which are those of the export. Raises SystemExit where they differ."""
    revenue = sum(Decimal(str(row["Total"])) for row in export["Invoice"])
    ((billed,),) = await db.execute(sa.select(sa.func.sum(Invoice.total)))
    ((sold,),) = await db.execute(sa.select(REVENUE))
    totals = {
        "tracks": (len(export["Track"]), await Repository(Track, db).count()),
        "customers": (len(export["Customer"]), await Repository(Customer, db).count()),
        "billed": (revenue, billed),
        "sold": (revenue, sold),
        "employees": (len(export["Employee"]), size(await employee_tree(db))),
    }
    wrong = [
        f"{name}: {given:,} in the data, {found:,} in the database"
        for name, (given, found) in totals.items()
        if found != given
    ]
    if wrong:
        raise SystemExit("\n  ".join(["The totals differ.", *wrong]))
    return ", ".join(f"{found:,} {name}" for name, (_, found) in totals.items())


def size(tree: Tree) -> int:
    return sum(1 + size(branch) for branch in tree.children)


if __name__ == "__main__":
    main()
