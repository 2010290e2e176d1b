"""The two engines, which differ in little more than their names."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.engines.mysql import inspection, scratch
from andamios_orm.migration.engines.mysql.types import column_type
from andamios_orm.migration.state import SchemaState

__all__ = ["MariaDBEngine", "MySQLEngine"]


class MariaDBEngine:
    """MariaDB 10.6 or newer. What it calls a schema is a database."""

    name = "mariadb"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these databases; None is the one that the connection is in."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be on this server, in the words of its catalog.

        Raises MigrationError if the user may not create a database.
        """
        return scratch.desired(connection, metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        return column_type(sql)


class MySQLEngine(MariaDBEngine):
    """MySQL 8.0.19 or newer; also MariaDB, spoken to as one speaks to MySQL."""

    name = "mysql"
