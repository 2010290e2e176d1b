"""A thread that makes calls for the event loop one after the other, and can be stopped in one."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import duckdb

from andamios_orm.backends.duckdb.driver import InterfaceError

__all__ = ["Worker"]

R = TypeVar("R")

_POLL_SECONDS = 0.001


class _Job:
    """One call, and how far it has come."""

    __slots__ = ("arguments", "begun", "function", "future", "interrupt", "left", "skipped")

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        interrupt: Callable[[], None] | None,
        future: asyncio.Future[Any] | None,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.interrupt = interrupt
        self.future = future
        self.begun = self.left = self.skipped = False


_Queue: TypeAlias = "SimpleQueue[_Job | None]"


class Worker:
    """One thread. A daemon, so that a connection nobody closed does not keep the program alive."""

    def __init__(self) -> None:
        self.has_ended = False
        """Whether it takes no more calls."""
        self._queue: _Queue = SimpleQueue()
        self._pending: deque[_Job] = deque()
        self._lock = threading.Lock()
        # The thread does not know this object, so it ends when nobody holds it any more.
        thread = threading.Thread(
            target=_work,
            args=(self._queue, self._pending, self._lock),
            name="andamios-duckdb",
            daemon=True,
        )
        _threads[thread] = (self._queue, self._pending)
        thread.start()

    async def do(
        self,
        function: Callable[..., R],
        *arguments: object,
        interrupt: Callable[[], None] | None = None,
    ) -> R:
        """Call on the thread and return the result. Raises InterfaceError after the end.

        `interrupt` is how to stop the call from another thread. A cancelled task leaves only when
        its call has ended: whoever uses the connection next finds it free. A call that cannot be
        interrupted, such as a COMMIT, comes to its end.
        """
        if self.has_ended:
            raise InterfaceError("this connection is closed; take another one")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        job = _Job(function, arguments, interrupt, future)
        self._put(job)
        try:
            return await future
        except asyncio.CancelledError:
            await self._stop((job,))
            raise

    async def end(self, function: Callable[[], object]) -> None:
        """Make a last call, after those that wait, and let the thread end."""
        try:
            await self.do(function)
        finally:
            self.stop()

    def stop(self) -> None:
        """Take no more calls, and let the thread end after those that wait."""
        self.has_ended = True
        self._queue.put(None)

    async def interrupt(self) -> None:
        """Skip the calls that have not begun, interrupt the one that has, and wait for its end."""
        await self._stop(tuple(self._pending))

    def terminate(self, function: Callable[[], object]) -> None:
        """Stop the calls, make a last one and let the thread end, without waiting for it."""
        busy = self._busy_with(tuple(self._pending))
        self._put(_Job(function, (), None, None))
        self.stop()
        if busy:
            threading.Thread(
                target=self._press, args=(busy,), name="andamios-duckdb-end", daemon=True
            ).start()

    def __del__(self) -> None:
        self._queue.put(None)

    def _put(self, job: _Job) -> None:
        self._pending.append(job)
        self._queue.put(job)

    async def _stop(self, jobs: Sequence[_Job]) -> None:
        cancelled: asyncio.CancelledError | None = None
        # DuckDB forgets an interrupt that comes before its statement has begun, so it is repeated.
        while jobs := self._busy_with(jobs):
            try:
                await asyncio.sleep(_POLL_SECONDS)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _press(self, jobs: Sequence[_Job]) -> None:
        """Do the same where there is no event loop to wait in."""
        while jobs := self._busy_with(jobs):
            time.sleep(_POLL_SECONDS)

    def _busy_with(self, jobs: Sequence[_Job]) -> list[_Job]:
        return [job for job in jobs if self._is_busy_with(job)]

    def _is_busy_with(self, job: _Job) -> bool:
        """Skip or interrupt a call; return whether the thread has it still, or will have it."""
        with self._lock:  # so that no other call is hit
            if job.left or job.interrupt is None:
                return not job.left
            job.skipped = True
            if job.begun:
                job.interrupt()
            return job.begun


_threads: WeakKeyDictionary[threading.Thread, tuple[_Queue, deque[_Job]]] = WeakKeyDictionary()
_END_SECONDS = 5.0


def _let_end() -> None:
    """Have every thread leave DuckDB before the interpreter goes: torn out of it, it would abort.

    Only a statement that no interrupt ends in time is left to that.
    """
    ending = list(_threads.items())
    for _, (queue, pending) in ending:
        for job in tuple(pending):
            if job.interrupt is not None:
                job.interrupt()
        queue.put(None)
    give_up = time.monotonic() + _END_SECONDS
    for thread, _ in ending:
        thread.join(max(0.0, give_up - time.monotonic()))


atexit.register(_let_end)


def _work(queue: _Queue, pending: deque[_Job], lock: threading.Lock) -> None:
    while (job := queue.get()) is not None:
        _perform(job, pending, lock)
        del job  # it would be held until the next one comes


def _perform(job: _Job, pending: deque[_Job], lock: threading.Lock) -> None:
    result: object = None
    error: BaseException | None = None
    with lock:
        job.begun = not job.skipped
    if job.begun:
        try:
            result = job.function(*job.arguments)
        except BaseException as raised:
            error = raised
    else:
        error = duckdb.InterruptException("the statement was stopped before it began")
    with lock:
        job.left = True
        pending.remove(job)
    if job.future is not None:
        # A loop that was closed meanwhile has nobody who waits.
        with suppress(RuntimeError):
            job.future.get_loop().call_soon_threadsafe(_deliver, job.future, result, error)
    error = None  # its traceback holds this frame


def _deliver(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():
        return  # cancelled
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):
        future.set_exception(RuntimeError("the call raised StopIteration"))
    else:
        future.set_exception(error)
