"""Have a counted key go on after the highest key that a table has."""

from __future__ import annotations

import sqlalchemy as sa

from andamios_orm.backends.duckdb.ddl import sequence_name
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.state import TableName

__all__ = ["counter_step"]


def counter_step(connection: sa.Connection, table: TableName, column: str) -> Step:
    """Return the step that moves the counter, where keys that are given do not move it."""
    quote = connection.dialect.identifier_preparer.quote
    name = (
        quote(table.name) if table.schema is None else f"{quote(table.schema)}.{quote(table.name)}"
    )
    highest = f"SELECT max({quote(column)}) FROM {name}"
    text = name.replace("'", "''")
    statements: tuple[str, ...] = ()
    if connection.dialect.name == "postgresql":
        sequence = f"pg_get_serial_sequence('{text}', '{column.replace(chr(39), chr(39) * 2)}')"
        statements = (
            f"SELECT setval({sequence}, highest) FROM ({highest}) t (highest) WHERE highest > 0",
        )
    elif connection.dialect.name == "duckdb":
        own = quote(sequence_name(table.name, column))
        full = own if table.schema is None else f"{quote(table.schema)}.{own}"
        sequence = full.replace("'", "''")
        statements = (
            f"SELECT setval('{sequence}', highest) FROM ({highest}) t (highest) WHERE highest > 0",
        )
    return Step(statements=statements, told=f"count {table}.{column} on", lock=False)
