"""`Stream`: the rows of a query one by one, with a batch of them in memory at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Generic, Self, TypeVar, cast

from andamios_orm.database.limits import require_whole
from andamios_orm.database.source import RowStream
from andamios_orm.rows.plan import Plan, decoded

__all__ = ["Stream"]

T = TypeVar("T")

_END = object()


class Stream(Generic[T]):
    """Rows to go through with `async for`; made by `Query.stream`.

    The statement runs when the first row is asked for. The rows that are left are given up when
    the loop ends, however it does, or by `aclose()`.
    """

    __slots__ = (
        "_batch",
        "_completed",
        "_is_open",
        "_is_over",
        "_items",
        "_plan",
        "_rows",
        "_values",
    )

    def __init__(
        self,
        rows: RowStream,
        plan: Plan[list[Any]],
        values: Sequence[object],
        batch: int,
        completed: Callable[[list[Any]], Awaitable[list[T]]],
    ) -> None:
        self._is_over = True  # nothing to close, if the next line raises
        require_whole("batch", batch, 1)
        self._rows, self._plan, self._values = rows, plan, values
        self._batch, self._completed = batch, completed
        self._items: Iterator[T] = iter(())
        self._is_open = self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            item = next(self._items, _END)
            if item is not _END:
                return cast("T", item)
            if self._is_over:
                raise StopAsyncIteration
            self._items = iter(await self._next_batch())

    async def _next_batch(self) -> list[T]:
        try:
            if not self._is_open:
                self._is_open = True
                await self._rows.open(self._plan, self._values)
            found = await self._rows.fetch(self._batch)
            items = await self._completed(await decoded(self._plan, found))
            if len(found) < self._batch:
                # Before the last rows are gone through: what is done with them may need the
                # connection.
                await self._end()
            return items
        except BaseException:
            await self._end()
            raise

    async def aclose(self) -> None:
        """Give up the rows that are left; the connection is free when this returns."""
        self._items = iter(())
        await self._end()

    async def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            await self._rows.close()

    def __del__(self) -> None:
        if not self._is_over:
            self._rows.abandon()
