"""Indexes that come, go and are renamed while their table is read and written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.mysql.altering import (
    alone,
    altered,
    index_dropped,
    name_of,
    serving_index,
    table_now,
)
from andamios_orm.migration.engines.mysql.inspection import LiveTable, live_table
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import RenameIndexOp
from andamios_orm.migration.state import TableName

__all__ = ["create_index", "drop_index", "rename_index"]


def _has(connection: sa.Connection, table: TableName, name: str) -> bool:
    found = live_table(connection, table)
    return found is not None and found.index(name) is not None


def create_index(operation: ops.CreateIndexOp, connection: sa.Connection) -> list[Step] | None:
    """Return the steps to an index, which takes the place of one that serves a foreign key."""
    if operation.if_not_exists or operation.index_name is None:
        return None
    table = table_now(connection, operation.table_name, operation.schema)
    name, own = table.state.name, str(operation.index_name)
    [statement] = statements_of(operation, connection.dialect)
    prefix = operation.kw.get(f"{connection.dialect.name}_prefix")
    steps = [
        alone(
            statement.replace("%%", "%"),
            done=lambda connection: _has(connection, name, own),
            copies=prefix is not None,
        )
    ]
    for served in _superseded(table, operation):

        def drop(connection: sa.Connection, served: str = served) -> None:
            if _has(connection, name, served):
                connection.exec_driver_sql(
                    f"ALTER TABLE {table.sql} DROP INDEX {name_of(served)}".replace("%", "%%")
                )

        steps.append(
            Step(run=drop, transaction=False, told=f"drop index {served} of {name}, if still there")
        )
    return steps


def _superseded(table: LiveTable, operation: ops.CreateIndexOp) -> list[str]:
    """Return the indexes that were there for foreign keys only, which the new one serves too."""
    columns = tuple(column for column in operation.columns if isinstance(column, str))
    return [
        index.name
        for key in table.state.foreign_keys
        if columns == key.columns
        and (index := serving_index(table, key)) is not None
        and index.name != operation.index_name
    ]


def drop_index(operation: ops.DropIndexOp, connection: sa.Connection) -> list[Step] | None:
    """Return the step that drops an index; None where its table is not said."""
    if operation.if_exists or operation.table_name is None:
        return None
    table = table_now(connection, operation.table_name, operation.schema)
    name, own = table.state.name, str(operation.index_name)
    return [
        altered(
            table,
            *index_dropped(table, own),
            done=lambda connection: not _has(connection, name, own),
        )
    ]


def rename_index(operation: RenameIndexOp, connection: sa.Connection) -> list[Step]:
    """Return the step that gives an index another name."""
    table = table_now(connection, operation.table_name, operation.schema)
    name, new = table.state.name, operation.new
    return [
        altered(
            table,
            f"RENAME INDEX {name_of(operation.old)} TO {name_of(new)}",
            done=lambda connection: _has(connection, name, new),
        )
    ]
