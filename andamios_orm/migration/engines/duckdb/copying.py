"""Copy a DuckDB database into another file while it is open."""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy as sa

from andamios_orm.errors import MigrationError, NotSupported

__all__ = ["backup"]


def backup(connection: sa.Connection, path: Path) -> None:
    """Copy the database into a file that does not exist yet, on a connection that may write.

    DuckDB's own COPY FROM DATABASE gives up where rows refer to others of their table.
    Raises MigrationError if there is a file of that name, NotSupported for a database in memory.
    """
    found: str | None = connection.exec_driver_sql(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).scalar_one()
    if found is None:
        raise NotSupported(
            "a database in memory has no file to copy", "open a file to have a backup of it"
        )
    if path.exists():
        raise MigrationError(f"{path} exists already", "choose another name for the backup")
    # A CHECKPOINT would fail while somebody reads, and what it would write is in the log.
    log = Path(f"{found}.wal")
    if log.exists():
        shutil.copyfile(log, f"{path}.wal")
    shutil.copyfile(found, path)
