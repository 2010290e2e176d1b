"""Names and texts as they stand in DuckDB's SQL."""

from __future__ import annotations

from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.migration.state import TableName

__all__ = ["full", "quoted", "text"]


_preparer = DuckDBDialect().identifier_preparer


def quoted(name: str) -> str:
    """Return a name, in quotes where it needs them."""
    return str(_preparer.quote(name))


def full(name: TableName) -> str:
    """Return the name of a table, index or sequence, with its schema if it has one."""
    return (
        quoted(name.name) if name.schema is None else f"{quoted(name.schema)}.{quoted(name.name)}"
    )


def text(value: str) -> str:
    """Return a text in quotes."""
    return "'" + value.replace("'", "''") + "'"
