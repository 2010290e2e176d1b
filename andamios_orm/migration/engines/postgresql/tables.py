"""Tables that come, move to another schema, and change the names of what they have."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.inspection import current_schema
from andamios_orm.migration.engines.postgresql.names import quoted
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import MoveTableOp, RenameConstraintOp, RenameIndexOp

__all__ = ["create_table", "move_table", "rename_constraint", "rename_index"]


def create_table(operation: ops.CreateTableOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the step to a table, and to its schema if that is not there yet."""
    made = statements_of(operation, connection.dialect)
    return [Step(statements=(*_schema(operation.schema, connection), *made))]


def _schema(name: str | None, connection: sa.Connection) -> list[str]:
    # Without the question, a user who may not create schemas could not even name one.
    sql = sa.text("SELECT count(*) FROM pg_namespace WHERE nspname = :name")
    if name is None or connection.scalar(sql, {"name": name}):
        return []
    return [f"CREATE SCHEMA {quoted(name)}"]


def move_table(operation: MoveTableOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the step that puts a table into another schema."""
    to = operation.to or current_schema(connection)
    table = quoted(operation.schema, operation.table_name)
    moved = f"ALTER TABLE {table} SET SCHEMA {quoted(to)}"
    return [Step(statements=(*_schema(to, connection), moved))]


def rename_constraint(operation: RenameConstraintOp) -> Sequence[Step]:
    """Return the step that gives a constraint another name."""
    table = quoted(operation.schema, operation.table_name)
    names = f"{quoted(operation.old)} TO {quoted(operation.new)}"
    return [Step(statements=(f"ALTER TABLE {table} RENAME CONSTRAINT {names}",))]


def rename_index(operation: RenameIndexOp) -> Sequence[Step]:
    """Return the step that gives an index another name."""
    old = quoted(operation.schema, operation.old)
    return [Step(statements=(f"ALTER INDEX {old} RENAME TO {quoted(operation.new)}",))]
