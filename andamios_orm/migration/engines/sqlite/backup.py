"""A copy of an SQLite database as it is at one moment, while others go on using it."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import sqlalchemy as sa

from andamios_orm.errors import MigrationError

__all__ = ["backup"]


def backup(connection: sa.Connection, path: str | PathLike[str]) -> None:
    """Write a copy of the whole database to a file that does not exist yet.

    `connection` is outside of a transaction. Raises MigrationError if there is such a file.
    """
    if Path(path).exists():
        raise MigrationError(
            f"{Path(path).name} exists already, and a backup overwrites nothing",
            "move it, or name another file",
        )
    connection.execute(sa.text("VACUUM INTO :path"), {"path": str(path)})
