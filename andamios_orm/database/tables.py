"""Create the tables of the models: first ask whether the engine can, then all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa
from sqlalchemy.schema import CreateSchema

from andamios_orm.backends.base import Capabilities
from andamios_orm.database.names import require_names
from andamios_orm.errors import NotSupported
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.spec import Kind

__all__ = ["circle_of", "create_tables", "drop_circle", "needs_no_keys", "require_tables"]


def require_tables(metadata: sa.MetaData, capabilities: Capabilities, engine: str) -> None:
    """Raise NotSupported if the engine cannot have one of the tables as it is declared."""
    require_names(metadata, capabilities, engine)
    tables = metadata.tables.values()
    schemas = _schemas(metadata)
    if schemas and not capabilities.schemas:
        raise NotSupported(
            f"{engine} has no schemas, and tables are declared in {', '.join(schemas)}",
            "declare the models without schema=, or use one file per schema",
        )
    keys = [key for table in tables for key in table.foreign_key_constraints]
    for key in keys:
        action = (key.ondelete or "NO ACTION").upper()
        # An engine without any action refuses the deletion, and its error says so.
        if "CASCADE" in capabilities.on_delete and action not in capabilities.on_delete:
            raise NotSupported(
                f"{engine} has no ON DELETE {action}, which {key.table.name} declares",
                f"declare one of {', '.join(capabilities.on_delete)}",
            )
        if key.referred_table.schema != key.table.schema and not capabilities.keys_across_schemas:
            raise NotSupported(
                f"{engine} has no foreign keys across schemas, and {key.table.name} refers to"
                f" {key.referred_table.fullname}",
                "declare both models in the same schema",
            )
        if key.deferrable and not capabilities.deferred_keys:
            raise NotSupported(
                f"{engine} checks foreign keys at each statement, and one of {key.table.name} is"
                " declared deferrable",
                "declare it without deferrable=, and store rows after those they refer to",
            )
    if not capabilities.interval_keys and (intervals := _interval_keys(metadata)):
        raise NotSupported(
            f"{engine} has no index and no key of intervals, and {', '.join(intervals)} is in one",
            "leave out unique=, index= and primary_key=, or keep microseconds as an int",
        )
    if not capabilities.circular_tables and (circle := circle_of(tables)):
        raise NotSupported(
            f"{engine} adds no foreign key to a table that exists, and {', '.join(circle)} refer to"
            " each other",
            "leave one of the foreign keys out, or move it to a table of its own",
        )


def create_tables(
    connection: sa.Connection, metadata: sa.MetaData, *, lock: tuple[str, str] | None
) -> None:
    """Create the schemas and tables that do not exist yet.

    Where creating a table is not part of a transaction, the statements of `lock` keep others from
    doing the same meanwhile, and those that were created before an error are dropped again.
    """
    for schema in _schemas(metadata):
        connection.execute(CreateSchema(schema, if_not_exists=True))
    if lock is None:
        metadata.create_all(connection)
        return
    connection.exec_driver_sql(lock[0])
    try:
        with _noting(metadata) as created:
            try:
                metadata.create_all(connection)
            except BaseException:
                # What is raised is why they could not be created.
                with suppress(sa.exc.DBAPIError):
                    metadata.drop_all(connection, tables=created)
                raise
    finally:
        connection.exec_driver_sql(lock[1])


@contextmanager
def _noting(metadata: sa.MetaData) -> Iterator[list[sa.Table]]:
    """Collect the tables that are created in the block, and none that somebody else creates.

    One whose index fails was created, although the event that says so does not come.
    """
    created: list[sa.Table] = []

    def note(item: sa.Table | sa.Index, *args: object, **kw: object) -> None:
        table = item if isinstance(item, sa.Table) else item.table
        if table is not None and table not in created:
            created.append(table)

    noted = [(table, "after_create") for table in metadata.tables.values()] + [
        (index, "before_create") for table in metadata.tables.values() for index in table.indexes
    ]
    for item, event in noted:
        sa.event.listen(item, event, note)
    try:
        yield created
    finally:
        for item, event in noted:
            sa.event.remove(item, event, note)


def _schemas(metadata: sa.MetaData) -> list[str]:
    return sorted({t.schema for t in metadata.tables.values() if t.schema is not None})


def _interval_keys(metadata: sa.MetaData) -> list[str]:
    """Return the columns that hold intervals and are part of a key or of an index."""
    found = {
        f"{table.fullname}.{column.name}"
        for table in metadata.tables.values()
        for key in (*table.indexes, *table.constraints)
        if isinstance(key, sa.Index | sa.PrimaryKeyConstraint | sa.UniqueConstraint)
        for column in key.columns
        if isinstance(column.type, Stored) and column.type.storage.kind is Kind.INTERVAL
    }
    return sorted(found)


def circle_of(tables: Iterable[sa.Table]) -> list[str]:
    """Return the tables whose foreign keys can only be added afterwards."""
    sort = sa.schema.sort_tables_and_constraints
    found = sort(tables)  # type: ignore[no-untyped-call]  # unannotated there
    return sorted({key.table.name for table, keys in found if table is None for key in keys})


def needs_no_keys(tables: Iterable[sa.Table], dialect: sa.Dialect) -> bool:
    """Whether tables can only be dropped while nobody looks at foreign keys: `drop_circle`.

    Elsewhere those of a circle are dropped first, which SQLite cannot do. It also drops a table row
    by row, and stops at one that another of the table keeps by ON DELETE RESTRICT.
    """
    if dialect.name != "sqlite":
        return False
    found = [*tables]
    return bool(circle_of(found)) or any(
        key.referred_table is table and (key.ondelete or "").upper() == "RESTRICT"
        for table in found
        for key in table.foreign_key_constraints
    )


def drop_circle(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Drop the tables that exist, all or none, on a connection of SQLite in autocommit.

    The setting holds still inside of a transaction.
    """
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for table in tables:
            table.drop(connection, checkfirst=True)
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql("ROLLBACK")
        raise
    finally:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
