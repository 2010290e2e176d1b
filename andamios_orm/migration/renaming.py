"""A state of a database after a table or column got another name: what refers to it follows."""

from __future__ import annotations

from dataclasses import replace

from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.operations import MoveTableOp
from andamios_orm.migration.sql_names import renamed_in
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    SchemaState,
    TableName,
    TableState,
)

__all__ = ["named_after", "rename_column", "rename_table"]


def named_after(state: SchemaState, operation: MigrateOperation) -> SchemaState:
    """Return the state after an operation, as far as names of tables and columns go."""
    match operation:
        case ops.RenameTableOp():
            old = TableName(operation.table_name, operation.schema)
            return rename_table(state, old, replace(old, name=operation.new_table_name))
        case MoveTableOp():
            old = TableName(operation.table_name, operation.schema)
            return rename_table(state, old, replace(old, schema=operation.to))
        case ops.AlterColumnOp() if operation.modify_name is not None:
            table = TableName(operation.table_name, operation.schema)
            return rename_column(state, table, operation.column_name, operation.modify_name)
        case _:
            return state


def rename_table(state: SchemaState, old: TableName, new: TableName) -> SchemaState:
    """Return the state with the table under its new name, also in others' foreign keys."""
    tables = {}
    for name, table in state.tables.items():
        keys = tuple(
            replace(key, target=new) if key.target == old else key for key in table.foreign_keys
        )
        moved = replace(table, name=new if name == old else name, foreign_keys=keys)
        tables[moved.name] = moved
    return replace(state, tables=tables)


def rename_column(state: SchemaState, table: TableName, old: str, new: str) -> SchemaState:
    """Return the state with the column under its new name, wherever it is spoken of."""
    tables = {
        name: _own(each, old, new) if name == table else each for name, each in state.tables.items()
    }
    for name, each in tables.items():
        keys = tuple(
            replace(key, target_columns=_names(key.target_columns, old, new))
            if key.target == table
            else key
            for key in each.foreign_keys
        )
        tables[name] = replace(each, foreign_keys=keys)
    return replace(state, tables=tables)


def _names(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _own(table: TableState, old: str, new: str) -> TableState:
    def text(sql: str | None) -> str | None:
        return None if sql is None else renamed_in(sql, old, new)

    def column(state: ColumnState) -> ColumnState:
        name = new if state.name == old else state.name
        return replace(state, name=name, computed=text(state.computed))

    def check(state: CheckState) -> CheckState:
        return replace(state, sql=renamed_in(state.sql, old, new))

    def key(state: ForeignKeyState) -> ForeignKeyState:
        return replace(state, columns=_names(state.columns, old, new))

    def index(state: IndexState) -> IndexState:
        return replace(
            state,
            parts=tuple(renamed_in(part, old, new) for part in state.parts),
            include=_names(state.include, old, new),
            where=text(state.where),
        )

    primary = table.primary_key
    return replace(
        table,
        columns=tuple(map(column, table.columns)),
        primary_key=primary and replace(primary, columns=_names(primary.columns, old, new)),
        uniques=tuple(replace(u, columns=_names(u.columns, old, new)) for u in table.uniques),
        checks=tuple(map(check, table.checks)),
        foreign_keys=tuple(map(key, table.foreign_keys)),
        indexes=tuple(map(index, table.indexes)),
    )
