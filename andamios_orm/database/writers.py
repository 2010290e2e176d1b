"""Have the writers of one database take turns, where the engine does not see to it itself.

DuckDB lets transactions of one program write side by side and finds out at the end, or not at
all, that they were in each other's way. With one writer at a time nothing is lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from weakref import WeakValueDictionary

__all__ = ["WriterQueue", "queue_for"]


class WriterQueue:
    """One turn, given to those who ask in the order in which they asked.

    Databases in several event loops and threads can share a queue.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Return when it is the caller's turn."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            with self._guard:
                given = turn not in self._waiting
                if not given:
                    self._waiting.remove(turn)
            if given:
                self.release()
            raise

    def release(self) -> None:
        """Give the turn to the next who waits."""
        with self._guard:
            while self._waiting:
                turn = self._waiting.popleft()
                try:
                    turn.get_loop().call_soon_threadsafe(_give, turn)
                except RuntimeError:
                    continue  # its loop was closed while it waited
                return
            self._taken = False


def _give(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


_queues: WeakValueDictionary[str, WriterQueue] = WeakValueDictionary()
_guard = threading.Lock()


def queue_for(key: str) -> WriterQueue:
    """Return the queue of the database with this name, one for all of this process."""
    with _guard:
        queue = _queues.get(key)
        if queue is None:
            queue = _queues[key] = WriterQueue()
        return queue
