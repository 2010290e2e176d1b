"""Write the page of schema changes: `python -m tests.docs.changes_page`."""

from pathlib import Path

from tests.migration.changes.catalogue import CHANGES, ENGINES, SchemaChange

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "changes.md"

INTRODUCTION = """\
# What a migration makes of each change

Each of these is a test: the first version gets rows, the second is compared with it, the revision
that is written is applied, compared again (nothing differs), undone (the first version is there
again, with its rows) and applied once more. "asked" means that the command wants to know whether
something was renamed, "counted" that rows which have no value are counted and the command refuses
until they get one, "permission" that nothing is done without `--allow-destructive`, and that the
data is put aside first.

The last column is what alembic's autogenerate makes of the change by itself, on PostgreSQL with
all of its comparisons switched on.

| Change | Needs | DuckDB | SQLite | PostgreSQL | MariaDB | alembic alone |
|---|---|---|---|---|---|---|
"""

NOTES = """
✓ made and undone · = nothing to migrate there · n/a: the engine has no such thing

This page is written by `python -m tests.docs.changes_page`, and the tests compare it with the
changes that they make.
"""


def page() -> str:
    """The page, from the changes that the tests make."""
    return INTRODUCTION + "".join(map(_row, CHANGES)) + NOTES


def _row(change: SchemaChange) -> str:
    needs = []
    if change.asked:
        needs.append("asked")
    if change.blocked:
        needs.append("counted")
    if change.allow:
        needs.append("permission")
    cells = [change.name, ", ".join(needs)]
    cells += [_outcome(change, engine) for engine in ENGINES]
    return f"| {' | '.join([*cells, change.alembic])} |\n"


def _outcome(change: SchemaChange, engine: str) -> str:
    if engine not in change.engines:
        return "n/a"
    return "=" if engine in change.unchanged else "✓"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
