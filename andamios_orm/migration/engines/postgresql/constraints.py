"""CHECKs and foreign keys: they hold for new rows at once, and old rows are looked at later."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveTable
from andamios_orm.migration.engines.postgresql.names import quoted
from andamios_orm.migration.engines.statements import statements_of

__all__ = ["create_check", "create_foreign_key"]


def create_check(
    operation: ops.CreateCheckConstraintOp, connection: sa.Connection
) -> Sequence[Step] | None:
    """Return the steps to a CHECK."""
    return _in_two_steps(operation, LiveTable(operation.table_name, operation.schema), connection)


def create_foreign_key(
    operation: ops.CreateForeignKeyOp, connection: sa.Connection
) -> Sequence[Step] | None:
    """Return the steps to a foreign key."""
    table = LiveTable(operation.source_table, operation.kw.get("source_schema"))
    if table.kind(connection) == "p":
        # Those of a table in partitions are always looked at.
        return None
    return _in_two_steps(operation, table, connection)


def _in_two_steps(
    operation: ops.CreateCheckConstraintOp | ops.CreateForeignKeyOp,
    table: LiveTable,
    connection: sa.Connection,
) -> Sequence[Step] | None:
    if operation.constraint_name is None:
        return None
    name = str(operation.constraint_name)
    [statement] = statements_of(operation, connection.dialect)
    removed = f"ALTER TABLE {table.sql} DROP CONSTRAINT {quoted(name)}"

    def clear(connection: sa.Connection) -> None:
        if table.has_unvalidated(connection, name):
            connection.exec_driver_sql(removed)

    return [
        Step(run=clear, told=f"drop constraint {name} if an earlier try has left it not valid"),
        Step(statements=(f"{statement} NOT VALID",)),
        Step(
            statements=(f"ALTER TABLE {table.sql} VALIDATE CONSTRAINT {quoted(name)}",),
            lock=False,
        ),
    ]
