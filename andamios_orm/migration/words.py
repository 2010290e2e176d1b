"""Operations of a revision in words, for people who decide whether to go on."""

from __future__ import annotations

from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.operations import (
    AlterEnumOp,
    BackfillOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.state import TableName

__all__ = ["in_words"]


def in_words(operation: MigrateOperation) -> str:
    """Return what an operation does, in one line."""
    schema = getattr(operation, "schema", None)
    table = str(TableName(getattr(operation, "table_name", None) or "?", schema))
    match operation:
        case ops.CreateTableOp():
            return f"create table {table}"
        case ops.DropTableOp():
            return f"drop table {table}"
        case ops.RenameTableOp():
            return f"rename table {table} to {operation.new_table_name}"
        case ops.AddColumnOp():
            return f"add column {table}.{operation.column.name}"
        case ops.DropColumnOp():
            return f"drop column {table}.{operation.column_name}"
        case ops.AlterColumnOp():
            return _altered(operation, f"{table}.{operation.column_name}")
        case ops.CreateIndexOp():
            unique = "unique " if operation.unique else ""
            return f"create {unique}index {operation.index_name} on {table}"
        case ops.DropIndexOp():
            return f"drop index {operation.index_name}"
        case ops.DropConstraintOp():
            return f"drop constraint {operation.constraint_name} of {table}"
        case ops.CreateForeignKeyOp():
            source = operation.source_table
            return f"add foreign key {operation.constraint_name} of {source}"
        case ops.AddConstraintOp():
            name = getattr(operation, "constraint_name", None)
            return f"add {operation.constraint_type} constraint {name} of {table}"
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            return f"change the comment on {table}"
        case ops.ExecuteSQLOp():
            return f"run {' '.join(str(operation.sqltext).split())}"
        case _:
            return _own(operation, table)


def _altered(operation: ops.AlterColumnOp, column: str) -> str:
    if operation.modify_name is not None:
        return f"rename column {column} to {operation.modify_name}"
    told = []
    if operation.modify_type is not None:
        told.append(f"type {operation.modify_type!r}")
    if operation.modify_nullable is not None:
        told.append("optional" if operation.modify_nullable else "required")
    if operation.modify_server_default is not False:
        nothing = operation.modify_server_default is None
        told.append("no default" if nothing else "another default")
    if operation.modify_comment is not False:
        told.append("comment")
    return f"alter column {column}: {', '.join(told)}"


def _own(operation: MigrateOperation, table: str) -> str:
    match operation:
        case RebuildTableOp():
            return f"make table {table} anew, with its rows"
        case BackfillOp():
            return f"give rows of {table} a value in {', '.join(operation.values)}"
        case CreateEnumOp():
            return f"create enum {operation.name}"
        case DropEnumOp():
            return f"drop enum {operation.name}"
        case AlterEnumOp():
            return f"change the labels of enum {operation.name}"
        case RenameConstraintOp():
            return f"rename constraint {operation.old} of {table} to {operation.new}"
        case RenameIndexOp():
            return f"rename index {operation.old} to {operation.new}"
        case MoveTableOp():
            to = f"schema {operation.to}" if operation.to else "the default schema"
            return f"move table {table} to {to}"
        case _:
            return type(operation).__name__
