"""A counter that cannot be moved, or whose task is cancelled, leaves a clear error and no work."""

import asyncio
import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from andamios_orm.backends.sqlite import SQLiteBackend
from andamios_orm.database.connection import DriverConnection
from andamios_orm.errors import StatementFailed

COLUMN = sa.Table("hero", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True)).c.id


class Failing(SQLiteBackend):
    """A stand-in for failure: one call is refused, the other never ends."""

    def __init__(self) -> None:
        self.waits = asyncio.Event()
        self.was_interrupted = False

    async def hold_counter(self, driver: Any, column: sa.Column[Any]) -> None:
        raise sqlite3.OperationalError("no such table: hero")

    async def move_counter(self, driver: Any, column: sa.Column[Any], highest: int) -> None:
        self.waits.set()
        await asyncio.Event().wait()

    async def interrupt(self, driver: Any) -> None:
        self.was_interrupted = True


def connection(backend: Failing) -> DriverConnection:
    return DriverConnection(object(), backend, SQLiteDialect())


async def test_a_counter_that_cannot_be_moved_is_the_librarys_error() -> None:
    with pytest.raises(StatementFailed, match="no such table: hero"):
        await connection(Failing()).hold_counter(COLUMN)


async def test_a_cancelled_move_is_interrupted() -> None:
    backend = Failing()
    task = asyncio.ensure_future(connection(backend).move_counter(COLUMN, 7))
    await backend.waits.wait()

    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert backend.was_interrupted
