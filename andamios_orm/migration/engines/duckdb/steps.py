"""How each operation is made on a live DuckDB database: in place, or with the table made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.schema import CreateIndex

from andamios_orm.errors import MigrationError, NotSupported
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.duckdb.alterations import (
    Alteration,
    altered,
    is_in_place,
    table_of,
    whole,
)
from andamios_orm.migration.engines.duckdb.counters import (
    counters_of,
    drop_counters,
    move_counter,
)
from andamios_orm.migration.engines.duckdb.inspection import inspect
from andamios_orm.migration.engines.duckdb.names import full, quoted
from andamios_orm.migration.engines.duckdb.rebuild import family_of, rebuild
from andamios_orm.migration.operations import (
    AlterEnumOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["steps"]


def steps(operation: MigrateOperation) -> Sequence[Step] | None:
    """Return how an operation is made; None for alembic's own SQL.

    Raises NotSupported for what DuckDB knows nothing of.
    """
    match operation:
        case ops.DropTableOp(table_name=name):
            return _step(f"drop {name}", lambda connection: _drop_table(connection, operation))
        case ops.RenameTableOp(table_name=name, new_table_name=new):
            old = TableName(name, operation.schema)
            return _step(
                f"rename {name} to {new}",
                lambda connection: _rename_table(connection, old, replace(old, name=new)),
            )
        case MoveTableOp(table_name=name, to=schema):
            old = TableName(name, operation.schema)
            return _step(
                f"move {name} to {schema or 'the default schema'}",
                lambda connection: _rename_table(connection, old, replace(old, schema=schema)),
            )
        case RenameIndexOp(old=old_index, new=new_index):
            return _step(
                f"rename index {old_index} to {new_index}",
                lambda connection: _rename_index(connection, operation),
            )
        case ops.AlterColumnOp(column_name=column, modify_name=str(new)) if _is_rename(operation):
            return _step(
                f"rename {operation.table_name}.{column} to {new}",
                lambda connection: _rename_column(connection, operation),
            )
        case _ if isinstance(operation, Alteration) and not is_in_place(operation):
            alteration = operation
            return _step(
                f"create {table_of(operation)} anew with its rows, and what refers to it",
                lambda connection: _alter(connection, alteration),
            )
        case (
            ops.DropConstraintOp()
            | RenameConstraintOp()
            | CreateEnumOp()
            | DropEnumOp()
            | AlterEnumOp()
        ):
            raise NotSupported(
                "DuckDB keeps no names of constraints or enums, so that none can be changed by its"
                " name",
                "write the whole table as it shall be into op.rebuild_table(), or have"
                " `andamios-orm migrate new` write it",
            )
        case _:
            return None


def _step(told: str, run: Callable[[sa.Connection], None]) -> Sequence[Step]:
    return (Step(run=run, told=told),)


def _is_rename(operation: ops.AlterColumnOp) -> bool:
    """Whether nothing but the name of a column changes."""
    return is_in_place(
        ops.AlterColumnOp(
            operation.table_name,
            operation.column_name,
            modify_type=operation.modify_type,
            modify_nullable=operation.modify_nullable,
            modify_server_default=operation.modify_server_default,
        )
    ) and (operation.modify_server_default, operation.modify_comment) == (False, False)


def _table(connection: sa.Connection, name: TableName) -> tuple[SchemaState, TableState]:
    """Return a table that is there. Raises MigrationError for one that is not."""
    state = inspect(connection, [name.schema])
    if name not in state.tables:
        raise MigrationError(
            f"there is no table {name} to change",
            "compare the database with its revisions: `andamios-orm migrate status`",
        )
    return state, state.tables[name]


def _alter(connection: sa.Connection, operation: Alteration) -> None:
    name = table_of(operation)
    state, _ = _table(connection, name)
    try:
        new = altered(operation, state)
    except KeyError as error:
        raise _no_column(name, error) from None
    rebuild(connection, name, new.to_table(), new.copy)


def _no_column(table: TableName, error: KeyError) -> MigrationError:
    return MigrationError(
        f"{table} has no column {error.args[0]}",
        "compare the database with its revisions: `andamios-orm migrate status`",
    )


def _drop_table(connection: sa.Connection, operation: ops.DropTableOp) -> None:
    name = TableName(operation.table_name, operation.schema)
    if operation.if_exists and name not in inspect(connection, [name.schema]).tables:
        return
    state, table = _table(connection, name)
    if others := sorted(str(other.name) for other, _ in state.references(name)):
        raise MigrationError(
            f"{', '.join(others)} refer(s) to {name}, which therefore cannot be dropped",
            "drop those first, or rebuild them without the foreign key",
        )
    counters = counters_of(connection, table)
    connection.exec_driver_sql(f"DROP TABLE {full(name)}")
    drop_counters(connection, name, counters)


def _rename_table(connection: sa.Connection, old: TableName, new: TableName) -> None:
    state, table = _table(connection, old)
    renamed = rename_table(state, old, new).tables[new]
    others = [other for other in family_of(state, old) if other is not table]
    if old.schema != new.schema and (others or table.foreign_keys):
        raise NotSupported(
            f"DuckDB has no foreign keys across schemas, and {old} has or is the target of one",
            "rebuild the tables without it first",
        )
    if _is_free(state, table) and old.schema == new.schema:
        _in_place(connection, table, renamed, f"RENAME TO {quoted(new.name)}")
    else:
        anew = whole(renamed)
        rebuild(connection, old, anew.to_table(), anew.copy)


def _rename_column(connection: sa.Connection, operation: ops.AlterColumnOp) -> None:
    name, column, new = table_of(operation), operation.column_name, str(operation.modify_name)
    state, table = _table(connection, name)
    if column not in table.column_names:
        raise _no_column(name, KeyError(column))
    refers = any(column in key.columns for key in table.foreign_keys)
    if _is_free(state, table) and not refers:
        renamed = rename_column(state, name, column, new).tables[name]
        _in_place(connection, table, renamed, f"RENAME COLUMN {quoted(column)} TO {quoted(new)}")
    else:
        _alter(connection, operation)


def _is_free(state: SchemaState, table: TableState) -> bool:
    """Whether no foreign key refers to a table, its own ones included."""
    return not any(
        key.target == table.name for other in state.tables.values() for key in other.foreign_keys
    )


def _in_place(connection: sa.Connection, old: TableState, new: TableState, alteration: str) -> None:
    """Alter a table of which only indexes and counters depend."""
    counters = counters_of(connection, old)
    for index in old.indexes:
        connection.exec_driver_sql(f"DROP INDEX {full(replace(old.name, name=index.name))}")
    connection.exec_driver_sql(f"ALTER TABLE {full(old.name)} {alteration}")
    for before, after in zip(old.columns, new.columns, strict=True):
        paths = (old.name, before.name), (new.name, after.name)
        if before.name in counters and paths[0] != paths[1]:
            move_counter(connection, *paths, counters[before.name])
    _create_indexes(connection, new)


def _create_indexes(connection: sa.Connection, table: TableState) -> None:
    made = whole(table).to_table()
    for index in sorted(made.indexes, key=lambda index: str(index.name)):
        connection.execute(CreateIndex(index))


def _rename_index(connection: sa.Connection, operation: RenameIndexOp) -> None:
    """Create the index under its new name: DuckDB has no other way."""
    name = TableName(operation.table_name, operation.schema)
    _, table = _table(connection, name)
    found = [index for index in table.indexes if index.name == operation.old]
    if not found:
        raise MigrationError(
            f"{name} has no index {operation.old}",
            "compare the database with its revisions: `andamios-orm migrate status`",
        )
    connection.exec_driver_sql(f"DROP INDEX {full(replace(name, name=operation.old))}")
    _create_indexes(connection, replace(table, indexes=(replace(found[0], name=operation.new),)))
