"""Have a server say at once that a row is locked, where it would wait for the other session."""

from __future__ import annotations

from contextlib import AsyncExitStack

import sqlalchemy as sa

from andamios_orm.database.engine import Database

__all__ = ["lose_patience"]


async def lose_patience(db: Database, connections: int, *, milliseconds: int = 20) -> None:
    """Set the connections of a database, which are all there will be, to wait no longer for locks.

    A statement that would wait raises TransactionConflict instead. Nothing to do for the engines on
    which writers take turns.
    """
    told = _TOLD.get(db.engine_name)
    if told is None:
        return
    async with AsyncExitStack() as taken:
        for _ in range(connections):
            connection = await taken.enter_async_context(db.connect())
            await connection.execute(sa.text(told.format(milliseconds, milliseconds // 1000)))


_TOLD = {
    "postgresql": "SET lock_timeout = {0}",
    # In seconds. MariaDB takes 0 for no waiting at all, MySQL for 1.
    "mariadb": "SET SESSION innodb_lock_wait_timeout = {1}",
    "mysql": "SET SESSION innodb_lock_wait_timeout = {1}",
}
