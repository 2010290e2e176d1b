"""Read what an SQLite database would be if the models' tables were created in it."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from andamios_orm.backends.sqlite.backend import quote_all_words
from andamios_orm.migration.engines.sqlite.inspection import inspect
from andamios_orm.migration.state import SchemaState, TableState

__all__ = ["desired", "read_table"]


def desired(metadata: sa.MetaData) -> SchemaState:
    """Return the tables of `metadata`, created in memory by the same library, and read there."""
    return _read(metadata.tables.values())


def read_table(table: sa.Table) -> TableState:
    """Return one table as it would be. What it refers to need not exist."""
    (state,) = _read([table]).tables.values()
    return state


def _read(tables: Iterable[sa.Table]) -> SchemaState:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    quote_all_words(engine.dialect)
    try:
        with engine.connect() as connection:
            for table in tables:
                # One by one: SQLite takes them in any order, and they may refer to each other.
                table.create(connection, checkfirst=False)
            return inspect(connection, [None])
    finally:
        engine.dispose()
