"""Indexes, and the keys that stand on them, made while the table is written to."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveTable
from andamios_orm.migration.engines.postgresql.names import quoted
from andamios_orm.migration.engines.postgresql.required import required
from andamios_orm.migration.engines.statements import statements_of

__all__ = ["create_index", "create_key", "drop_index", "index_made"]


def create_index(operation: ops.CreateIndexOp, connection: sa.Connection) -> Sequence[Step] | None:
    """Return the steps to an index that is built beside its readers and writers."""
    table = LiveTable(operation.table_name, operation.schema)
    if operation.index_name is None or table.kind(connection) == "p":
        # An index of a table in partitions cannot be built that way.
        return None
    made = ops.CreateIndexOp(
        operation.index_name,
        operation.table_name,
        operation.columns,
        schema=operation.schema,
        unique=operation.unique,
        if_not_exists=operation.if_not_exists,
        **{**operation.kw, "postgresql_concurrently": True},
    )
    [statement] = statements_of(made, connection.dialect)
    return index_made(table, operation.index_name, statement)


def index_made(table: LiveTable, name: str, statement: str) -> list[Step]:
    """Return the steps that run a CREATE INDEX CONCURRENTLY, after what a failed one left."""

    def clear(connection: sa.Connection) -> None:
        if table.index_validity(connection, name) is False:
            connection.exec_driver_sql(dropped)

    dropped = f"DROP INDEX CONCURRENTLY IF EXISTS {table.sibling(name)}"
    return [
        Step(
            run=clear,
            transaction=False,
            lock=False,
            told=f"drop index {name} if an earlier try has left it invalid",
        ),
        Step(
            statements=(statement,),
            transaction=False,
            lock=False,
            done=lambda connection: table.index_validity(connection, name) is True,
            undo=(dropped,),
        ),
    ]


def drop_index(operation: ops.DropIndexOp, connection: sa.Connection) -> Sequence[Step] | None:
    """Return the step that drops an index without waiting behind its readers."""
    name = operation.index_name
    sql = "SELECT relkind = 'I' FROM pg_class WHERE oid = to_regclass(:index)"
    whole = quoted(operation.schema, name)
    found = connection.execute(sa.text(sql), {"index": whole}).scalar()
    if found:
        return None

    def gone(connection: sa.Connection) -> bool:
        return connection.scalar(sa.text("SELECT to_regclass(:index)"), {"index": whole}) is None

    condition = "IF EXISTS " if operation.if_exists else ""
    return [
        Step(
            statements=(f"DROP INDEX CONCURRENTLY {condition}{whole}",),
            transaction=False,
            lock=False,
            done=gone,
        )
    ]


def create_key(
    operation: ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp, connection: sa.Connection
) -> Sequence[Step] | None:
    """Return the steps to a UNIQUE or primary key: its index first, then the constraint on it."""
    table = LiveTable(operation.table_name, operation.schema)
    if operation.constraint_name is None or table.kind(connection) == "p":
        return None
    name, options = str(operation.constraint_name), dict(operation.kw)
    word, steps = "UNIQUE", []
    if isinstance(operation, ops.CreatePrimaryKeyOp):
        word = "PRIMARY KEY"
        # It would look through the whole table itself, with nobody else at it.
        steps = [step for column in operation.columns for step in required(table, column)]
    words = ["DEFERRABLE"] if options.get("deferrable") else []
    if options.get("initially"):
        words.append(f"INITIALLY {options['initially']}")
    columns = ", ".join(map(quoted, operation.columns))
    include = ", ".join(map(quoted, options.get("postgresql_include") or ()))
    statement = (
        f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(name)} ON {table.sql} ({columns})"
        + (f" INCLUDE ({include})" if include else "")
        + (" NULLS NOT DISTINCT" if options.get("postgresql_nulls_not_distinct") else "")
    )
    constraint = f"ADD CONSTRAINT {quoted(name)} {word} USING INDEX {quoted(name)}"
    added = " ".join([f"ALTER TABLE {table.sql} {constraint}", *words])
    return [*steps, *index_made(table, name, statement), Step(statements=(added,))]
