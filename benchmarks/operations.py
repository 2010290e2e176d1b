"""The operations, each as calls of a side: the library, the driver by hand, or another library.

Only the standard library is imported, so that every library's environment can use it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from benchmarks.harness import Contender
from benchmarks.workload import BULK, TASKS, ages, keys

__all__ = ["READS_HELD", "WRITES_HELD", "Side", "contender"]

READS_HELD = frozenset({"get", "filter", "page"})
"""Operations that read on a connection, or in a session, that is held."""
WRITES_HELD = frozenset({"insert", "update", "upsert"})
"""Operations inside one transaction, which is rolled back after the sample."""


class Side(Protocol):
    """Everything that is measured, done in one way."""

    @abstractmethod
    def new(self, number: int) -> Any:
        """Return the n-th row, validated, as it is before it is stored."""

    @abstractmethod
    async def get(self, key: int) -> Any:
        """Return the row with this key."""

    @abstractmethod
    async def filter(self, age: int) -> list[Any]:
        """Return the first 100 active rows of at least this age, by age and key."""

    @abstractmethod
    async def page(self) -> list[Any]:
        """Return the next 100 rows by age and key, after those of the call before."""

    @abstractmethod
    async def read(self) -> list[Any]:
        """Return the first 10,000 rows by key."""

    @abstractmethod
    async def eager_load(self) -> list[Any]:
        """Return the teams by key, each with its members by key as `members`, whole rows."""

    @abstractmethod
    async def eager_shape(self) -> list[Any]:
        """Return the names of the teams by key, with the names and ages of their members."""

    @abstractmethod
    async def insert(self, new: Any) -> Any:
        """Store a row and return it as stored."""

    @abstractmethod
    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        """Store rows, all or none, and return them as stored, in the same order."""

    @abstractmethod
    async def update(self, key: int, name: str) -> Any:
        """Set the name of a row and return it as stored."""

    @abstractmethod
    async def upsert(self, new: Any) -> Any:
        """Store a row, or change all but the key of the one with its email; return it as stored."""

    @abstractmethod
    async def tasks(self, wanted: Sequence[int]) -> list[Any]:
        """Return rows by key, each from a task of its own, on 10 connections."""

    @abstractmethod
    async def transaction(self, key: int) -> Any:
        """Take a connection, begin, return the row with this key, commit, give it back."""

    @abstractmethod
    async def connect(self, key: int) -> Any:
        """Open a connection to the database, return the row with this key, close it."""

    @abstractmethod
    async def begin(self) -> None:
        """Begin the transaction of a held connection, unless its first statement does."""

    @abstractmethod
    async def rollback(self) -> None:
        """Undo what was done since `begin`."""

    @abstractmethod
    async def remove_added(self) -> None:
        """Delete the rows that were inserted after the first 20,000."""


def contender(name: str, side: Side, numbers: Iterator[int]) -> Contender:
    """Return how a side does an operation; `numbers` are those of rows that nobody has stored."""
    return _MAKERS[name](side, numbers)


def _get(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()
    return Contender(lambda: side.get(next(wanted)))


def _get_held(side: Side, numbers: Iterator[int]) -> Contender:
    return _in_transaction(side, _get(side, numbers))


def _filter_held(side: Side, numbers: Iterator[int]) -> Contender:
    return _in_transaction(side, _filter(side, numbers))


def _in_transaction(side: Side, made: Contender) -> Contender:
    async def before(calls: int) -> None:
        await side.begin()

    return replace(made, before=before, after=side.rollback)


def _filter(side: Side, numbers: Iterator[int]) -> Contender:
    asked = ages()
    return Contender(lambda: side.filter(next(asked)))


def _page_held(side: Side, numbers: Iterator[int]) -> Contender:
    return _in_transaction(side, Contender(side.page))


def _read(side: Side, numbers: Iterator[int]) -> Contender:
    return Contender(side.read)


def _eager_load(side: Side, numbers: Iterator[int]) -> Contender:
    return Contender(side.eager_load)


def _eager_shape(side: Side, numbers: Iterator[int]) -> Contender:
    return Contender(side.eager_shape)


def _insert_held(side: Side, numbers: Iterator[int]) -> Contender:
    ready: list[Any] = []

    async def before(calls: int) -> None:
        ready[:] = [side.new(next(numbers)) for _ in range(calls)]
        await side.begin()

    return Contender(lambda: side.insert(ready.pop()), before, side.rollback)


def _insert_pooled(side: Side, numbers: Iterator[int]) -> Contender:
    ready: list[Any] = []

    async def before(calls: int) -> None:
        ready[:] = [side.new(next(numbers)) for _ in range(calls)]

    return Contender(lambda: side.insert(ready.pop()), before, side.remove_added)


def _bulk(side: Side, numbers: Iterator[int]) -> Contender:
    ready: list[list[Any]] = []

    async def before(calls: int) -> None:
        ready[:] = [[side.new(next(numbers)) for _ in range(BULK)] for _ in range(calls)]

    return Contender(lambda: side.bulk(ready.pop()), before, side.remove_added)


def _update_held(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()

    async def before(calls: int) -> None:
        await side.begin()

    def call() -> Any:
        return side.update(next(wanted), f"Renamed {next(numbers)}")

    return Contender(call, before, side.rollback)


def _update_pooled(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()
    return Contender(lambda: side.update(next(wanted), f"Renamed {next(numbers)}"))


def _upsert_held(side: Side, numbers: Iterator[int]) -> Contender:
    ready: list[Any] = []
    wanted = keys()

    async def before(calls: int) -> None:
        # Half of them are there already.
        ready[:] = [side.new(next(wanted) if n % 2 else next(numbers)) for n in range(calls)]
        await side.begin()

    return Contender(lambda: side.upsert(ready.pop()), before, side.rollback)


def _tasks(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()
    return Contender(lambda: side.tasks([next(wanted) for _ in range(TASKS)]))


def _transaction(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()
    return Contender(lambda: side.transaction(next(wanted)))


def _connect(side: Side, numbers: Iterator[int]) -> Contender:
    wanted = keys()
    return Contender(lambda: side.connect(next(wanted)))


_MAKERS: dict[str, Callable[[Side, Iterator[int]], Contender]] = {
    "get": _get_held,
    "get_pool": _get,
    "filter": _filter_held,
    "filter_pool": _filter,
    "page": _page_held,
    "read": _read,
    "eager_load": _eager_load,
    "eager_shape": _eager_shape,
    "insert": _insert_held,
    "insert_pool": _insert_pooled,
    "bulk": _bulk,
    "update": _update_held,
    "update_pool": _update_pooled,
    "upsert": _upsert_held,
    "tasks": _tasks,
    "acquire": _transaction,
    "connect": _connect,
}
