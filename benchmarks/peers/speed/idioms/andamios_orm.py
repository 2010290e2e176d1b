"""andamios_orm as `benchmarks.ours` uses it, among the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.ours import open_ours
from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits

__all__ = ["PEER"]


class Ours(Peer):
    """Pydantic models, validated when made, assigned and read."""

    traits = Traits(rows="Pydantic model", objects=True, validated="yes", keys="rows")

    async def open(self, url: str, connections: int) -> None:
        self._stack = AsyncExitStack()
        self._pooled = self._side = await self._stack.enter_async_context(open_ours(url))

    async def close(self) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        async with self._pooled.held(read_only=True) as self._side:
            try:
                yield
            finally:
                self._side = self._pooled

    def new(self, number: int) -> Any:
        return self._side.new(number)

    # Handed on without a coroutine of its own, whose time would be counted.

    def get(self, key: int) -> Awaitable[Any]:
        return self._side.get(key)

    def filter(self, age: int) -> Awaitable[list[Any]]:
        return self._side.filter(age)

    def read(self) -> Awaitable[list[Any]]:
        return self._side.read()

    def eager_load(self) -> Awaitable[list[Any]]:
        return self._side.eager_load()

    def eager_shape(self) -> Awaitable[list[Any]]:
        return self._side.eager_shape()

    def insert(self, new: Any) -> Awaitable[Any]:
        return self._side.insert(new)

    def bulk(self, new: Sequence[Any]) -> Awaitable[list[Any]]:
        return self._side.bulk(new)

    def update(self, key: int, name: str) -> Awaitable[Any]:
        return self._side.update(key, name)

    def tasks(self, wanted: Sequence[int]) -> Awaitable[list[Any]]:
        return self._side.tasks(wanted)

    async def remove_added(self) -> None:
        await self._pooled.remove_added()


PEER = Ours
