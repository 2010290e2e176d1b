"""Run work again that lost to another transaction."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from andamios_orm.errors import TransactionConflict

__all__ = ["retried"]

R = TypeVar("R")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5
"""Seconds."""


async def retried(attempt: Callable[[], Awaitable[R]], retries: int) -> R:
    """Return the result of the first attempt that meets no TransactionConflict.

    The pause before the n-th repetition is random between zero and twice that before it, so that
    two that lost to each other do not meet again ("full jitter").
    """
    for number in range(retries):
        try:
            return await attempt()
        except TransactionConflict:
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number)
            await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - a pause is no secret
    return await attempt()
