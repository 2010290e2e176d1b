"""What the trial of a history needs: a database of its own, and what tells its rows from others."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.errors import MigrationError
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["EVERYTHING", "contents", "scratch_database"]


class _Everything(frozenset[str]):
    """Permission for all there is."""

    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING: Collection[str] = _Everything()


@asynccontextmanager
async def scratch_database(database: Database) -> AsyncIterator[Database]:
    """An empty database beside another one, of the same engine, with its models; then removed.

    Raises MigrationError if the user may not create a database.
    """
    if database.engine_name in ("duckdb", "sqlite"):
        with TemporaryDirectory() as folder:
            url: str | sa.URL = f"{database.engine_name}:///{Path(folder, 'scratch.db')}"
            async with Database(url, metadata=database.metadata) as scratch:
                yield scratch
        return
    # The names that a user may give are sometimes those that begin with its own database's.
    name = f"{database.name[:30]}_andamios_verify_{secrets.token_hex(4)}"
    async with database.connect() as connection:
        url = connection.engine.url.set(database=name)
        quoted = connection.dialect.identifier_preparer.quote(name)
        try:
            await connection.exec_driver_sql(f"CREATE DATABASE {quoted}")
        except sa.exc.DBAPIError as error:
            raise MigrationError(
                f"a database to try the migrations on could not be created: {_kind(error)}",
                "let the user create databases, or use a server of your own with --url",
            ) from error
    try:
        async with Database(url, metadata=database.metadata) as scratch:
            yield scratch
    finally:
        async with database.connect() as connection:
            await connection.exec_driver_sql(f"DROP DATABASE {quoted}")


def _kind(error: sa.exc.DBAPIError) -> str:
    return type(error.orig).__name__


def contents(connection: sa.Connection, state: SchemaState) -> dict[TableName, tuple[int, str]]:
    """Return how many rows each table has, and what tells them from others."""
    return {
        name: _content(connection, name, table.column_names) for name, table in state.tables.items()
    }


def _content(connection: sa.Connection, name: TableName, columns: Sequence[str]) -> tuple[int, str]:
    table = sa.table(name.name, *map(sa.column, sorted(columns)), schema=name.schema)
    rows = sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()
