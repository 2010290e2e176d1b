"""How long a migration waits for others, and how others are kept out of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import sqlalchemy as sa

from andamios_orm.migration.engines.base import Patience, locked_out

__all__ = ["is_lock_timeout", "locked", "patient"]

# lock_not_available; and deadlock_detected, where the server chose this one to give up.
_NOT_OBTAINED = {"55P03", "40P01"}
_KEY = int.from_bytes(b"andamios", "big")
"""A lock's number, which counts in one database only."""


def patient(patience: Patience) -> tuple[str, ...]:
    """Return the statements at the beginning of a transaction that limit how long it waits."""
    found = [f"SET LOCAL lock_timeout TO {round(patience.lock_timeout * 1000)}"]
    if patience.statement_timeout is not None:
        found.append(f"SET LOCAL statement_timeout TO {round(patience.statement_timeout * 1000)}")
    return tuple(found)


def is_lock_timeout(error: sa.exc.DBAPIError) -> bool:
    """Whether a step failed because others held what it needs."""
    return getattr(error.orig, "sqlstate", None) in _NOT_OBTAINED


@contextmanager
def locked(connection: sa.Connection, wait: float) -> Iterator[None]:
    """Keep other migrators out for one block.

    Raises MigrationLocked after `wait` seconds.
    """
    end = monotonic() + wait
    # A session that waits inside the server has a snapshot, which CREATE INDEX CONCURRENTLY of the
    # migrator that it waits for would wait for in turn.
    while not connection.scalar(sa.text(f"SELECT pg_try_advisory_lock({_KEY})")):
        if monotonic() >= end:
            raise locked_out()
        connection.exec_driver_sql("SELECT pg_sleep(0.1)")
    try:
        yield
    finally:
        # A connection that broke has given the lock back already.
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_KEY})")
