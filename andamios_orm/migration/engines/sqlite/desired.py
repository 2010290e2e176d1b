"""Read what an SQLite database would be if the models' tables were created in it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from andamios_orm.migration.engines.sqlite.inspection import inspect
from andamios_orm.migration.state import SchemaState

__all__ = ["desired"]


def desired(metadata: sa.MetaData) -> SchemaState:
    """Return the tables of `metadata`, created in memory by the same library, and read there."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            for table in metadata.tables.values():
                # One by one: SQLite takes them in any order, and they may refer to each other.
                table.create(connection, checkfirst=False)
            return inspect(connection, [None])
    finally:
        engine.dispose()
