"""What DuckDB cannot alter, as the table that is made anew instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.engines.duckdb.names import quoted, sql
from andamios_orm.migration.engines.duckdb.types import column_type
from andamios_orm.migration.items import default_item, index_item, table_items, type_item
from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.renaming import rename_column
from andamios_orm.migration.sql_names import names_in
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
    UniqueState,
)

__all__ = ["Alteration", "altered", "is_in_place", "table_of", "whole"]

Alteration: TypeAlias = (
    RebuildTableOp
    | ops.AddColumnOp
    | ops.AlterColumnOp
    | ops.DropColumnOp
    | ops.CreatePrimaryKeyOp
    | ops.CreateUniqueConstraintOp
    | ops.CreateCheckConstraintOp
    | ops.CreateForeignKeyOp
)


def table_of(operation: MigrateOperation) -> TableName:
    """Return the table that an operation is about."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return TableName(operation.source_table, operation.kw.get("source_schema"))
    name: str = operation.table_name  # type: ignore[attr-defined] # all others have it
    return TableName(name, operation.schema)  # type: ignore[attr-defined] # as above


def is_in_place(operation: MigrateOperation) -> bool:
    """Whether DuckDB makes a change of a column itself, whatever refers to the table."""
    if isinstance(operation, ops.AlterColumnOp):
        return not (
            operation.modify_name is not None
            or operation.modify_type is not None
            or operation.modify_nullable is not None
            or isinstance(operation.modify_server_default, sa.Identity | sa.Computed)
        )
    if isinstance(operation, ops.AddColumnOp):
        column = operation.column
        bare = not (column.foreign_keys or column.constraints or column.primary_key)
        made = column.identity is not None or column.computed is not None
        return bool(column.nullable and bare and not column.unique and not made)
    return False


def altered(operation: Alteration, state: SchemaState) -> RebuildTableOp:
    """Return the table that an operation comes to. Raises KeyError for what is not there."""
    table = state.tables[table_of(operation)]
    match operation:
        case RebuildTableOp():
            return operation
        case ops.AddColumnOp(column=column):
            return whole(table, added=column._copy())  # noqa: SLF001 - what Table.to_metadata() uses
        case ops.DropColumnOp(column_name=name):
            table = _without(table, table.column(name).name)
        case ops.AlterColumnOp():
            return _altered_column(operation, state, table)
        case ops.CreatePrimaryKeyOp(columns=columns):
            key = KeyState(name=None, columns=tuple(columns))
            required = tuple(
                replace(column, nullable=column.nullable and column.name not in columns)
                for column in table.columns
            )
            table = replace(table, columns=required, primary_key=key)
        case ops.CreateUniqueConstraintOp(columns=columns):
            unique = UniqueState(name=None, columns=tuple(columns))
            table = replace(table, uniques=(*table.uniques, unique))
        case ops.CreateCheckConstraintOp(condition=condition):
            check = CheckState(name=None, sql=sql(condition))
            table = replace(table, checks=(*table.checks, check))
        case _:
            columns, others, options = operation.local_cols, operation.remote_cols, operation.kw
            schema = options.get("referent_schema", table.name.schema)
            foreign = ForeignKeyState(
                name=None,
                columns=tuple(columns),
                target=TableName(operation.referent_table, schema),
                target_columns=tuple(others),
            )
            table = replace(table, foreign_keys=(*table.foreign_keys, foreign))
    return whole(table)


def whole(
    table: TableState,
    copy: Mapping[str, str] | None = None,
    *,
    added: sa.Column[Any] | None = None,
    replaced: Mapping[str, sa.Column[Any]] | None = None,
) -> RebuildTableOp:
    """Return what makes a table as it is in a state, with another column or other columns."""
    items: list[sa.schema.SchemaItem] = []
    for item in table_items(table, column_type, "duckdb"):
        name = item.name if isinstance(item, sa.Column) else None
        items.append((replaced or {}).get(str(name), item))
    if added is not None:
        items.append(added)
    items += [index_item(index, "duckdb") for index in table.indexes]
    options = {} if table.comment is None else {"comment": table.comment}
    return RebuildTableOp(
        table.name.name, items, copy=copy, schema=table.name.schema, options=options
    )


def _altered_column(
    operation: ops.AlterColumnOp, state: SchemaState, table: TableState
) -> RebuildTableOp:
    old = table.column(operation.column_name).name
    name = operation.modify_name or old
    copy = {}
    if name != old:
        table = rename_column(state, table.name, old, name).tables[table.name]
        copy[name] = quoted(old)
    return whole(table, copy, replaced={name: _column(operation, table.column(name))})


def _column(operation: ops.AlterColumnOp, column: ColumnState) -> sa.Column[Any]:
    default = operation.modify_server_default
    if default is False:
        default = default_item(column)
    made = [default] if isinstance(default, sa.Identity | sa.Computed) else []
    nullable, comment = operation.modify_nullable, operation.modify_comment
    return sa.Column(
        column.name,
        operation.modify_type or type_item(column, column_type),
        *made,
        nullable=column.nullable if nullable is None else nullable,
        server_default=None if made else default,
        autoincrement=False if not made else "auto",
        comment=column.comment if comment is False else comment,
    )


def _without(table: TableState, column: str) -> TableState:
    """Return the table without a column and what is made of it."""
    key = table.primary_key
    return replace(
        table,
        columns=tuple(one for one in table.columns if one.name != column),
        primary_key=None if key is not None and column in key.columns else key,
        uniques=tuple(one for one in table.uniques if column not in one.columns),
        checks=tuple(one for one in table.checks if column not in names_in(one.sql)),
        foreign_keys=tuple(one for one in table.foreign_keys if column not in one.columns),
        indexes=tuple(
            one for one in table.indexes if not any(column in names_in(part) for part in one.parts)
        ),
    )
