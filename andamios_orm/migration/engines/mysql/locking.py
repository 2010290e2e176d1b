"""How long a migration waits for others, and how others are kept out of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from andamios_orm.migration.engines.base import Patience, locked_out
from andamios_orm.migration.engines.mysql.inspection import is_mariadb

__all__ = ["is_lock_timeout", "locked", "patient"]

# Lock wait timeout; deadlock, where the server chose this one to give up; NOWAIT on MySQL.
_NOT_OBTAINED = {1205, 1213, 3572}


def patient(connection: sa.Connection, patience: Patience) -> tuple[str, ...]:
    """Return the statements that limit how long this session waits, in whole seconds."""
    seconds = max(1, math.ceil(patience.lock_timeout))
    found = [
        f"SET SESSION lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds},"
        " foreign_key_checks = 1"
    ]
    if patience.statement_timeout is not None:
        # MySQL's counts milliseconds, and holds for SELECT only.
        if is_mariadb(connection):
            found.append(f"SET SESSION max_statement_time = {patience.statement_timeout:g}")
        else:
            milliseconds = round(patience.statement_timeout * 1000)
            found.append(f"SET SESSION max_execution_time = {milliseconds}")
    return tuple(found)


def is_lock_timeout(error: sa.exc.DBAPIError) -> bool:
    """Whether a step failed because others held what it needs."""
    return error.orig is not None and error.orig.args[0] in _NOT_OBTAINED


_LOCK = sa.text("SELECT GET_LOCK(CONCAT('andamios migrations ', MD5(DATABASE())), :wait)")
_UNLOCK = "DO RELEASE_LOCK(CONCAT('andamios migrations ', MD5(DATABASE())))"


@contextmanager
def locked(connection: sa.Connection, wait: float) -> Iterator[None]:
    """Keep other migrators out for one block, and set the session as it was after it.

    Raises MigrationLocked after `wait` seconds.
    """
    if connection.scalar(_LOCK, {"wait": math.ceil(wait)}) != 1:
        raise locked_out()
    try:
        yield
    finally:
        # A connection that broke has given the lock back already.
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql(_UNLOCK)
            timeout = "max_statement_time" if is_mariadb(connection) else "max_execution_time"
            connection.exec_driver_sql(
                "SET SESSION lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = DEFAULT,"
                f" foreign_key_checks = DEFAULT, {timeout} = DEFAULT"
            )
