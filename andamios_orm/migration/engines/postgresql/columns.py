"""Columns that are added or altered while their table is read and written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveTable
from andamios_orm.migration.engines.postgresql.counting import Counting
from andamios_orm.migration.engines.postgresql.filling import filled_by_pages
from andamios_orm.migration.engines.postgresql.names import own_name, quoted
from andamios_orm.migration.engines.postgresql.required import required
from andamios_orm.migration.engines.postgresql.retyping import KEEP, Retyping
from andamios_orm.migration.engines.statements import statements_of

__all__ = ["add_column", "alter_column", "cast_sql", "catalog_type", "type_sql"]


def type_sql(type_: Any, dialect: sa.Dialect) -> str:
    """Return a type as it is written in CREATE TABLE."""
    return dialect.type_compiler_instance.process(sa.types.to_instance(type_))


_CATALOG_NAMES = {
    "varchar": "character varying",
    "char": "character",
    "decimal": "numeric",
    "float": "double precision",
}


def catalog_type(sql: str) -> str:
    """Return a type of CREATE TABLE as the catalog writes it, as far as questions look at it.

    >>> catalog_type("VARCHAR(20)"), catalog_type("NUMERIC(8, 2)"), catalog_type("BIGINT")
    ('character varying(20)', 'numeric(8,2)', 'bigint')
    """
    name, bracket, numbers = sql.lower().partition("(")
    return f"{_CATALOG_NAMES.get(name, name)}{bracket}{numbers.replace(', ', ',')}"


_NO_CAST_TO_BOOLEAN = ("smallint", "bigint", "numeric", "real", "double precision")


def cast_sql(value: str, old: str, new: str) -> str:
    """Return SQL for a value in another type; both are as a catalog or CREATE TABLE writes them.

    Of numbers, the server casts none but `integer` to and from `boolean`.
    """
    before, after = (catalog_type(name).partition("(")[0] for name in (old, new))
    if after == "boolean" and before in _NO_CAST_TO_BOOLEAN:
        return f"({value} <> 0)"
    if before == "boolean" and after in _NO_CAST_TO_BOOLEAN:
        return f"CAST(CAST({value} AS integer) AS {new})"
    return f"CAST({value} AS {new})"


def _default_sql(default: object, dialect: sa.Dialect) -> str | None:
    """Return a default as it is written in CREATE TABLE."""
    column = sa.Column("c", sa.Text(), server_default=default)  # type: ignore[arg-type]  # as alembic takes it
    compiler = dialect.ddl_compiler(dialect, sa.schema.CreateTable(sa.Table("t", sa.MetaData())))
    return compiler.get_column_default_string(column)


def _using(name: str, old: str | None, new: str) -> str | None:
    """Return what makes a column's new values where a plain CAST does not."""
    value = quoted(name)
    using = None if old is None else cast_sql(value, old, new)
    return None if using == f"CAST({value} AS {new})" else using


# ---- altered -------------------------------------------------------------------------------------


def alter_column(
    operation: ops.AlterColumnOp, connection: sa.Connection, small: int
) -> Sequence[Step]:
    """Return the steps to a column with another type, default, nullability, comment or name."""
    table, name, dialect = LiveTable.of(operation), operation.column_name, connection.dialect
    default = operation.modify_server_default
    identity = default if isinstance(default, sa.Identity) else None
    plain = None if default is False or identity else _default_sql(default, dialect)
    # Where the default is no identity, the planner says whether the column counts, or did.
    counts = operation.kw.get("autoincrement")
    if default is not False and isinstance(operation.existing_server_default, sa.Identity):
        counts = bool(counts)
    recounted = identity is not None or counts is not None
    sets = default is not False and not recounted
    steps: list[Step] = []
    if operation.modify_type is not None:
        keeps = default is False or identity is not None or counts
        old = operation.existing_type
        written = None if old is None else type_sql(old, dialect)
        type_ = type_sql(operation.modify_type, dialect)
        retyping = Retyping(
            table=table,
            column=name,
            type=type_,
            using=operation.kw.get("postgresql_using") or _using(name, written, type_),
            default=KEEP if keeps else plain,
        )
        steps += retyping.steps(connection, written, small)
        sets = False
    if operation.modify_nullable is False or (identity and operation.existing_nullable):
        steps += required(table, name)
    if recounted:
        counting = Counting(
            table=table,
            column=name,
            identity=identity,
            serial=bool(counts) and identity is None,
            default=plain,
        )
        told = "count, and go on where it is" if identity or counts else "no longer count"
        steps.append(Step(run=counting.run, told=f"have {table.sql}.{quoted(name)} {told}"))
    return [*steps, *_at_once(operation, plain, dialect, sets=sets)]


def _at_once(
    operation: ops.AlterColumnOp, default: str | None, dialect: sa.Dialect, *, sets: bool
) -> Sequence[Step]:
    """Return the step with all that takes no time."""
    table = LiveTable.of(operation)
    alter = f"ALTER TABLE {table.sql} ALTER COLUMN {quoted(operation.column_name)}"
    statements = []
    if sets:
        statements.append(f"{alter} {f'SET DEFAULT {default}' if default else 'DROP DEFAULT'}")
    if operation.modify_nullable:
        statements.append(f"{alter} DROP NOT NULL")
    if operation.modify_comment is not False or operation.modify_name is not None:
        rest = ops.AlterColumnOp(
            operation.table_name,
            operation.column_name,
            schema=operation.schema,
            modify_comment=operation.modify_comment,
            modify_name=operation.modify_name,
        )
        statements += statements_of(rest, dialect)
    return [Step(statements=tuple(statements))] if statements else []


# ---- added ---------------------------------------------------------------------------------------


def add_column(operation: ops.AddColumnOp, connection: sa.Connection) -> Sequence[Step] | None:
    """Return the steps to a column that is filled in batches; None where it is there at once."""
    table, column = LiveTable.of(operation), operation.column
    if operation.if_not_exists or (column.computed is not None and not _is_virtual(column)):
        return None
    if column.identity is not None:
        return _added_identity(operation, table, connection.dialect)
    default = _default_sql(column.server_default, connection.dialect)
    if default is None or not _is_volatile(connection, column, default):
        return None
    return _added(operation, table, default, connection.dialect)


def _is_virtual(column: sa.Column[object]) -> bool:
    return column.computed is not None and column.computed.persisted is False


def _is_volatile(connection: sa.Connection, column: sa.Column[object], default: str) -> bool:
    """Whether the server would write the table anew, with a value of its own in each row."""
    place = sa.text("SELECT pg_relation_filenode('pg_temp.andamios_new_probe')")
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql("CREATE TEMP TABLE andamios_new_probe ()")
        before = connection.scalar(place)
        connection.exec_driver_sql(
            "ALTER TABLE pg_temp.andamios_new_probe ADD COLUMN c"
            f" {type_sql(column.type, connection.dialect)} DEFAULT {default}"
        )
        return bool(connection.scalar(place) != before)
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _bare(operation: ops.AddColumnOp) -> ops.AddColumnOp:
    """Return the operation for a column without default and NOT NULL."""
    bare = operation.column._copy()  # noqa: SLF001 - what Table.to_metadata() uses
    bare.nullable, bare.server_default, bare.identity = True, None, None
    return ops.AddColumnOp(operation.table_name, bare, schema=operation.schema)


def _added(
    operation: ops.AddColumnOp, table: LiveTable, default: str, dialect: sa.Dialect
) -> list[Step]:
    name = quoted(operation.column.name)
    alter = f"ALTER TABLE {table.sql} ALTER COLUMN {name}"
    steps = [
        Step(
            statements=(
                *statements_of(_bare(operation), dialect),
                f"{alter} SET DEFAULT {default}",
            )
        ),
        Step(
            batch=partial(filled_by_pages, table, f"{name} = {default}", f"{name} IS NULL"),
            told=f"give {table.sql}.{name} its default in the rows that exist",
        ),
    ]
    if not operation.column.nullable:
        steps += required(table, operation.column.name)
    return steps


def _added_identity(
    operation: ops.AddColumnOp, table: LiveTable, dialect: sa.Dialect
) -> list[Step]:
    """Return the steps to a column that counts: first with a sequence of its own."""
    column = operation.column
    name = own_name(table.schema, table.name, column.name, "sequence")
    counting = Counting(table=table, column=column.name, identity=column.identity)
    settings = " ".join(counting.options)
    sequence = table.sibling(name)
    made = f"CREATE SEQUENCE {sequence} AS {type_sql(column.type, dialect)} {settings}".strip()
    owned = f"ALTER SEQUENCE {sequence} OWNED BY {table.sql}.{quoted(column.name)}"
    first, *rest = _added(operation, table, f"nextval('{sequence}')", dialect)
    return [
        Step(statements=(made, *first.statements, owned)),
        *rest,
        Step(
            run=counting.run,
            told=f"have {table.sql}.{quoted(column.name)} count as an identity",
        ),
    ]
