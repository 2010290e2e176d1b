"""Sessions that commit, and of which nothing is left: their transactions are savepoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from andamios_orm.backends.base import Isolation
from andamios_orm.database.connection import DriverConnection
from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import DatabaseError

__all__ = ["Block", "rolled_back"]

_NAME = "andamios_test"


@dataclass(slots=True)
class Block:
    """A session that is rolled back at the end of its block."""

    session: Session
    left_something: bool = True
    """Whether something of it may still be stored; known after the block."""


@asynccontextmanager
async def rolled_back(db: Database) -> AsyncIterator[Block]:
    """Open a session on the only connection of a database, and undo in the end what it committed.

    An engine without savepoints has the session commit for good.
    """
    outer = await _held(db) if db.capabilities.savepoints else None
    block = Block(db.session())
    await block.session.__aenter__()
    try:
        yield block
    finally:
        # As an exception would leave it: a test need not commit, and may have seen a failure.
        gone = GeneratorExit()
        await block.session.__aexit__(GeneratorExit, gone, None)
        if outer is not None:
            block.left_something = not await outer.undone()


async def _held(db: Database) -> _Held:
    """Have the sessions of a database begin inside one transaction of its only connection."""
    pool = db._pool  # noqa: SLF001 - no program nests its transactions, so nothing else offers it
    pool.bind_loop()
    taken = await pool.take()
    held = _Held(taken.driver, pool.backend, pool.dialect, db.metadata, taken.pooled)
    await pool.give_back(held)
    return held


class _Held(DriverConnection):
    """A connection whose transactions are parts of one that is never committed."""

    _inside = False
    """Whether one of these parts is open."""
    _begun = 0

    async def begin(
        self, *, read_only: bool, isolation: Isolation | None, at_once: bool = False
    ) -> None:
        """Begin a part; its isolation level is the outer transaction's."""
        if self._is_outside:
            self._begun += 1
            await super().begin(read_only=False, isolation=None, at_once=True)
        await self.command(f"SAVEPOINT {_NAME}")
        self._inside = True

    async def commit(self) -> bool:
        """Keep what the part did, as long as the outer transaction lasts."""
        await self.command(f"RELEASE SAVEPOINT {_NAME}")
        self._inside = False
        return True

    async def rollback(self) -> None:
        """Undo what the part did."""
        self._inside = False
        await self.command(f"ROLLBACK TO SAVEPOINT {_NAME}")
        await self.command(f"RELEASE SAVEPOINT {_NAME}")

    def is_usable(self) -> bool:
        """Whether no part is open; also where a COMMIT written by hand has ended all of them."""
        return not self._inside or self._is_outside

    async def undone(self) -> bool:
        """Roll back all that was done; whether that is so."""
        if self._is_outside:
            return self._begun == 0
        with suppress(DatabaseError):  # where the connection is lost, the server rolls back
            await super().rollback()
        return self._begun == 1

    @property
    def _is_outside(self) -> bool:
        return self._backend.is_usable(self.driver)
