"""Keep other migrators of an SQLite file out: one holds a lock file beside it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.util import await_only

from andamios_orm.errors import MigrationLocked

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["is_lock_timeout", "locked", "main_file"]

_PAUSE = 0.05


def is_lock_timeout(error: sa.exc.DBAPIError) -> bool:
    """Whether a statement failed because another connection was writing."""
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def main_file(connection: sa.Connection) -> str:
    """Return the path of the database, empty for one in memory."""
    path: str = connection.scalar(sa.text("SELECT file FROM pragma_database_list WHERE seq = 0"))
    return path


@contextmanager
def locked(connection: sa.Connection, wait: float) -> Iterator[None]:
    """Keep other migrators out for one block; nobody else can open a database in memory.

    The system gives the lock back when the process ends, in whatever way. Raises MigrationLocked
    after `wait` seconds.
    """
    path = main_file(connection)
    if not path:
        yield
        return
    lock = f"{path}-andamios"
    end = monotonic() + wait
    while (file := _obtained(lock)) is None:
        if monotonic() >= end:
            raise MigrationLocked(
                "another migrator is at work on this database",
                "wait until it is done; `andamios-orm migrate status` shows what is applied",
            )
        await_only(asyncio.sleep(_PAUSE))
    try:
        yield
    finally:
        _give_back(lock, file)


def _obtained(path: str) -> int | None:
    """Return the lock file, opened and locked; None if another has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    # Whoever had it may have removed the file since it was opened here.
    if _lock(file) and os.path.exists(path) and os.path.samestat(os.fstat(file), os.stat(path)):
        return file
    os.close(file)
    return None


if sys.platform == "win32":

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _give_back(path: str, file: int) -> None:
        # A file that is open cannot be removed there.
        os.close(file)

else:

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _give_back(path: str, file: int) -> None:
        os.unlink(path)
        os.close(file)
