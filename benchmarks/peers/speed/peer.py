"""Another library as a side of the operations: what each adapter says and does."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, ClassVar

from benchmarks.operations import Side
from benchmarks.peers.speed.outside import asked
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import COLUMNS

__all__ = ["Peer"]


class Peer(Side):
    """One library, opened on a database.

    A row may come back as whatever the library makes of it; `fields` turns it into a mapping, so
    that it can be compared with what was stored.
    """

    traits: ClassVar[Traits]

    _entered: AbstractAsyncContextManager[object] | None = None

    @abstractmethod
    async def open(self, url: str, connections: int) -> None:
        """Open a pool of so many connections.

        The URL is `sqlite:///file`, where the table is made as well, or `postgresql://...`.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the pool."""

    @abstractmethod
    def held(self) -> AbstractAsyncContextManager[object]:
        """Return a transaction on one connection, for all that is done inside."""

    async def begin(self) -> None:
        """Enter a transaction that stays open."""
        entered = self.held()
        await entered.__aenter__()
        self._entered = entered

    async def rollback(self) -> None:
        """Leave it as an error does."""
        entered, self._entered = self._entered, None
        if entered is None:
            raise RuntimeError("begin first")
        with suppress(_Undone):
            await entered.__aexit__(_Undone, _Undone(), None)

    async def tasks(self, wanted: Sequence[int]) -> list[Any]:
        """Return rows by key, each from a task of its own."""
        return await asyncio.gather(*map(self.get, wanted))

    async def transaction(self, key: int) -> Any:
        """Return a row from a transaction of its own."""
        async with self.held():
            return await self.get(key)

    async def eager_load(self) -> list[Any]:
        """Not measured where the library cannot be asked for it."""
        raise NotImplementedError

    async def eager_shape(self) -> list[Any]:
        """Not measured, as above."""
        raise NotImplementedError

    async def page(self) -> list[Any]:
        """Not measured: few have pages by keys."""
        raise NotImplementedError

    async def upsert(self, new: Any) -> Any:
        """Not measured: what it changes and gives back is different everywhere."""
        raise NotImplementedError

    async def connect(self, key: int) -> Any:
        """Not measured: what belongs to a pool is configured differently everywhere."""
        raise NotImplementedError

    async def asked(self, url: str, statement: str) -> list[Any]:
        """Run a statement on the database of a URL, past the library, and return its rows."""
        return await asked(url, statement)

    def team(self, row: Any) -> tuple[str, list[tuple[str, int]]]:
        """Return a team's name with the names and ages of its members."""
        return row.name, [(one.name, one.age) for one in row.members]

    def fields(self, row: Any) -> dict[str, Any]:
        """Return a row's values by column."""
        return {name: getattr(row, name) for name in COLUMNS}


class _Undone(Exception):
    """Makes a transaction roll back."""
