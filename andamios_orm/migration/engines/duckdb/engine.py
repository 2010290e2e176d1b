"""DuckDB's part in migrations."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.backends.duckdb.type_names import to_type
from andamios_orm.migration.engines.duckdb import impl as impl
from andamios_orm.migration.engines.duckdb import inspection, scratch
from andamios_orm.migration.state import SchemaState

__all__ = ["DuckDBEngine"]


class DuckDBEngine:
    """DuckDB 2.0 or newer."""

    name = "duckdb"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these schemas; None is the default one."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database, in the words of its catalog.

        Raises NotSupported for what DuckDB cannot have, such as tables that refer to each other.
        """
        return scratch.desired(connection, metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        return to_type(sql)
