"""Tables that come, go, and change their name or database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.mysql.altering import alone, name_of, told_table
from andamios_orm.migration.engines.mysql.inspection import current_database, live_table
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import MoveTableOp
from andamios_orm.migration.state import TableName

__all__ = ["create_table", "drop_table", "move_table", "rename_table"]


def _has(connection: sa.Connection, name: TableName) -> bool:
    return live_table(connection, name) is not None


def create_table(operation: ops.CreateTableOp, connection: sa.Connection) -> list[Step] | None:
    """Return the step to a table; None for one that brings indexes with it."""
    statements = statements_of(operation, connection.dialect)
    if operation.if_not_exists or len(statements) > 1:
        return None
    name = TableName(operation.table_name, operation.schema)
    return [alone(statements[0].replace("%%", "%"), done=lambda connection: _has(connection, name))]


def drop_table(operation: ops.DropTableOp, connection: sa.Connection) -> list[Step]:
    """Return the step that drops a table."""
    name = TableName(operation.table_name, operation.schema)
    exists = "IF EXISTS " if operation.if_exists else ""
    return [
        alone(
            f"DROP TABLE {exists}{told_table(name)}",
            done=lambda connection: not _has(connection, name),
        )
    ]


def rename_table(operation: ops.RenameTableOp, connection: sa.Connection) -> list[Step]:
    """Return the step that gives a table another name."""
    old = TableName(operation.table_name, operation.schema)
    new = TableName(operation.new_table_name, operation.schema)
    return [_renamed(old, new, told_table(old), told_table(new))]


def move_table(operation: MoveTableOp, connection: sa.Connection) -> list[Step]:
    """Return the steps that put a table into another database, made if it is not there."""
    old = TableName(operation.table_name, operation.schema)
    new = TableName(operation.table_name, operation.to)
    own = name_of(current_database(connection))
    places = [own if name.schema is None else name_of(name.schema) for name in (old, new)]
    table = name_of(operation.table_name)
    return [
        alone(f"CREATE DATABASE IF NOT EXISTS {places[1]}", done=None),
        _renamed(old, new, f"{places[0]}.{table}", f"{places[1]}.{table}"),
    ]


def _renamed(old: TableName, new: TableName, old_sql: str, new_sql: str) -> Step:
    return alone(
        f"RENAME TABLE {old_sql} TO {new_sql}",
        done=lambda connection: _has(connection, new) and not _has(connection, old),
    )
