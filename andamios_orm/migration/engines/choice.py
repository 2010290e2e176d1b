"""Which engine's part in migrations a connection needs."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

import sqlalchemy as sa

from andamios_orm.errors import NotSupported
from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.state import TableName, TableState

__all__ = ["engine_named", "live_table"]

_HOMES = {
    "duckdb": ("duckdb", "DuckDBEngine"),
    "mariadb": ("mysql", "MariaDBEngine"),
    "mysql": ("mysql", "MySQLEngine"),
    "postgresql": ("postgresql", "PostgreSQLEngine"),
    "sqlite": ("sqlite", "SQLiteEngine"),
}


@cache
def engine_named(name: str) -> Engine:
    """Return the engine of a SQLAlchemy dialect's name. Raises NotSupported for any other."""
    if name not in _HOMES:
        raise NotSupported(
            f"{name} has no migrations here", f"use one of {', '.join(sorted(_HOMES))}"
        )
    package, kind = _HOMES[name]
    module = import_module(f"andamios_orm.migration.engines.{package}.engine")
    return cast("Engine", getattr(module, kind)())


def live_table(connection: sa.Connection, name: TableName) -> TableState | None:
    """Return a table as the database has it, None where there is none.

    SQLAlchemy's reflection does not read all names that a table can have.
    """
    engine = engine_named(connection.dialect.name)
    return engine.inspect(connection, [name.schema]).tables.get(name)
