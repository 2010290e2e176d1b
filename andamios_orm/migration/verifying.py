"""A history of revisions, tried on a database of its own: up, with rows, down, and up again."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.errors import MigrationError, RowsInTheWay
from andamios_orm.migration.drafting import schemas_of
from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.state import SchemaState
from andamios_orm.schema.compiler import compile_all

__all__ = ["Fill", "everything_in", "fingerprints", "scratch", "told"]

Fill: TypeAlias = Callable[[Database], Awaitable[int]]
"""Stores made up rows in the empty tables of a database, and returns how many."""


@asynccontextmanager
async def scratch(database: Database) -> AsyncIterator[Database]:
    """Lend an empty database of the same engine, with the same models, that nobody else uses.

    Raises MigrationError where the user may not create one.
    """
    name = f"andamios_scratch_{secrets.token_hex(4)}"
    if database.engine_name in ("duckdb", "sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            async with database.beside(str(Path(folder, name))) as empty:
                yield empty
        return
    async with database.connect() as connection:
        try:
            await connection.exec_driver_sql(f"CREATE DATABASE {name}")
        except sa.exc.DBAPIError as error:
            raise MigrationError(
                "a database to verify the revisions on cannot be created:"
                f" {type(error.orig).__name__}",
                "grant the user the right to create databases, or verify with the --url of a"
                " server for development",
            ) from None
    try:
        async with database.beside(name) as empty:
            yield empty
    finally:
        async with database.connect() as connection:
            await connection.exec_driver_sql(f"DROP DATABASE {name}")


def everything_in(state: SchemaState) -> tuple[str, ...]:
    """Return the names of all that a migration could remove."""
    labels = [f"{enum.name}.{label}" for enum in state.enums.values() for label in enum.labels]
    return (*map(str, state.tables), *labels)


def fingerprints(
    connection: sa.Connection, engine: Engine, metadata: sa.MetaData
) -> dict[str, tuple[int, str]]:
    """Return how many rows each table has, and what tells them from others."""
    state = engine.inspect(connection, schemas_of(compile_all(metadata)))
    found = {}
    for name, table in state.tables.items():
        columns: list[sa.ColumnClause[Any]] = [
            sa.column(c.name) for c in sorted(table.columns, key=lambda c: c.name)
        ]
        source = sa.table(name.name, *columns, schema=name.schema)
        rows = sorted(repr(tuple(row)) for row in connection.execute(sa.select(*source.c)))
        found[str(name)] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def told(error: RowsInTheWay) -> tuple[str, ...]:
    """Return what keeps a history from going down with rows in its tables."""
    return tuple(f"down: {count} row(s) {problem}" for problem, count in error.counts.items())
