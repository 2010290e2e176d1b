"""Await what must not stop half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["to_its_end"]

R = TypeVar("R")


async def to_its_end(work: Awaitable[R]) -> R:
    """Await `work` to its end, however often the task is cancelled meanwhile.

    A commit or a rollback that stops half-way leaves a connection nobody can use. The
    cancellation is raised afterwards, unless the work itself failed: that is raised then.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
