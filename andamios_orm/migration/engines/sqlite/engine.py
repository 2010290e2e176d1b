"""What migrations ask of SQLite."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.engines.sqlite import desired, inspection, types
from andamios_orm.migration.state import SchemaState

__all__ = ["SQLiteEngine"]


class SQLiteEngine:
    """SQLite: one file, one writer, and tables that are mostly changed by making them anew."""

    name = "sqlite"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return the tables of the file; see `Engine`."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database; see `Engine`."""
        return desired.desired(metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the type that is written in a revision file for `sql`."""
        return types.column_type(sql)
