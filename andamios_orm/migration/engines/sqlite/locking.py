"""Keep other migrators of an SQLite file out: one holds a lock on a file beside it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.util import await_only

from andamios_orm.migration.engines.base import locked_out

__all__ = ["is_lock_timeout", "locked"]

_PAUSE = 0.05


def is_lock_timeout(error: sa.exc.DBAPIError) -> bool:
    """Whether a statement failed because another connection was writing."""
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


@contextmanager
def locked(connection: sa.Connection, wait: float) -> Iterator[None]:
    """Keep other migrators out for one block; nobody else can open a database in memory.

    The system gives the lock back when the process ends, in whatever way. Raises MigrationLocked
    after `wait` seconds.
    """
    path: str = connection.scalar(sa.text("SELECT file FROM pragma_database_list WHERE seq = 0"))
    if not path:
        yield
        return
    lock = f"{path}-andamios"
    end = monotonic() + wait
    while (held := _obtained(lock)) is None:
        if monotonic() >= end:
            raise locked_out()
        await_only(asyncio.sleep(_PAUSE))
    try:
        yield
    finally:
        # Not everywhere can a file be removed that is open: then it stays.
        with suppress(OSError):
            os.unlink(lock)
        held.close()


def _obtained(path: str) -> sqlite3.Connection | None:
    """Return what holds the lock, None if another does.

    The file is a database without anything in it: SQLite locks it on every system, and between the
    threads of one process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o666))
    with suppress(FileNotFoundError, sqlite3.OperationalError), ExitStack() as opened:
        before = os.stat(path)
        held = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        opened.callback(held.close)
        held.execute("PRAGMA journal_mode = MEMORY")  # no second file
        held.execute("BEGIN EXCLUSIVE")
        # Whoever had it may have removed the file before this one had its lock.
        if os.path.samestat(before, os.stat(path)):
            opened.pop_all()
            return held
    return None
