"""What models would be in a DuckDB database: created in another one, in memory."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from andamios_orm.backends.duckdb.backend import DuckDBBackend
from andamios_orm.database.tables import create_tables, require_tables
from andamios_orm.migration.engines.duckdb.inspection import current_schema, read
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["desired"]


def desired(connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
    """Return what `metadata` would be in this database.

    Raises NotSupported for what DuckDB cannot have, such as tables that refer to each other.
    """
    require_tables(metadata, DuckDBBackend.capabilities, "DuckDB")
    live = _sequences(connection)
    # Its statements do not wait for anything, so that no event loop has to know of them.
    engine = sa.create_engine("duckdb+andamios://", poolclass=StaticPool)
    try:
        with engine.connect() as scratch:
            default = current_schema(scratch)
            create_tables(scratch, metadata, lock=None)
            schemas = {table.schema for table in metadata.tables.values()}
            schemas |= {sequence.schema for sequence in metadata._sequences.values()}  # noqa: SLF001 - there is no public list of them
            return read(
                scratch,
                {schema or default: schema for schema in {None, *schemas} - {default}},
                lambda sequence: sequence not in live,
            )
    finally:
        engine.dispose()


def _sequences(connection: sa.Connection) -> set[TableName]:
    """Return the sequences that are there already, and have begun somewhere."""
    rows = connection.exec_driver_sql(
        "SELECT sequence_name, nullif(schema_name, current_schema()) FROM duckdb_sequences()"
        " WHERE database_name = current_database()"
    )
    return {TableName(name, schema) for name, schema in rows}
