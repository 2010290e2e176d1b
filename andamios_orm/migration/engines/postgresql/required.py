"""NOT NULL, without a look at all rows while nobody else can use the table."""

from __future__ import annotations

import sqlalchemy as sa

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveTable
from andamios_orm.migration.engines.postgresql.names import own_name, quoted

__all__ = ["required"]


def required(table: LiveTable, column: str) -> list[Step]:
    """Return the steps that make a column NOT NULL; those of one that is already do nothing.

    A CHECK is added for new rows, then validated for the old ones beside readers and writers. The
    server takes it as the proof, and needs not look again.
    """
    name = own_name(table.schema, table.name, column, "required")

    def unless_it_is(*statements: str) -> Step:
        def run(connection: sa.Connection) -> None:
            found = table.column(connection, column)
            if found is None or found.nullable:
                for statement in statements:
                    connection.exec_driver_sql(statement)

        alone = statements[0].startswith(f"{alter} VALIDATE")
        return Step(run=run, told="; ".join(statements), lock=not alone)

    alter = f"ALTER TABLE {table.sql}"
    return [
        unless_it_is(
            f"{alter} DROP CONSTRAINT IF EXISTS {name}",
            f"{alter} ADD CONSTRAINT {name} CHECK ({quoted(column)} IS NOT NULL) NOT VALID",
        ),
        unless_it_is(f"{alter} VALIDATE CONSTRAINT {name}"),
        unless_it_is(
            f"{alter} ALTER COLUMN {quoted(column)} SET NOT NULL",
            f"{alter} DROP CONSTRAINT {name}",
        ),
    ]
