"""A library that returns or stores the wrong thing is noticed before it is timed."""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.peers.speed.agreement import Disagreement, agree
from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, ROWS, new_numbers, payload

Row = dict[str, Any]


class InMemory(Peer):
    """A library that keeps its rows in a dict, and does everything right."""

    traits = Traits(rows="dict", objects=True, validated="no", keys="rows")

    def __init__(self) -> None:
        self.rows = {key: {"id": key, **payload(key)} for key in range(1, ROWS + 1)}
        self.keys = itertools.count(ROWS + 1)

    async def open(self, url: str, connections: int) -> None: ...

    async def close(self) -> None: ...

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield

    def new(self, number: int) -> Row:
        return payload(number)

    async def get(self, key: int) -> Row:
        return dict(self.rows[key])

    async def filter(self, age: int) -> list[Row]:
        found = [row for row in self.rows.values() if row["age"] >= age and row["active"]]
        return sorted(found, key=lambda row: (row["age"], row["id"]))[:FILTERED]

    async def read(self) -> list[Row]:
        return [self.rows[key] for key in range(1, LARGE + 1)]

    async def insert(self, new: Row) -> Row:
        key = next(self.keys)
        self.rows[key] = {"id": key, **new}
        return dict(self.rows[key])

    async def bulk(self, new: Sequence[Row]) -> list[Any]:
        return [(await self.insert(one))["id"] for one in new]

    async def update(self, key: int, name: str) -> Row:
        self.rows[key]["name"] = name
        return dict(self.rows[key])

    async def remove_added(self) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key <= ADDED}

    async def added(self) -> dict[str, int]:
        return {row["email"]: key for key, row in self.rows.items() if key > ADDED}

    def fields(self, row: Row) -> Row:
        return row


async def agreed(peer: InMemory) -> list[str]:
    return await agree(peer, new_numbers(), peer.added)


async def test_a_library_that_does_the_work_agrees() -> None:
    assert await agreed(InMemory()) == []


async def test_other_forms_of_equal_values_are_told() -> None:
    class Forms(InMemory):
        async def get(self, key: int) -> Row:
            row = await super().get(key)
            created, balance = row["created_at"].replace(tzinfo=None), float(row["balance"])
            return {**row, "created_at": created, "balance": balance, "meta": _JSON[key % 10]}

    assert await agreed(Forms()) == [
        "JSON as text",
        "decimals as float",
        "times without time zone",
    ]


_JSON = [f'{{"tags": ["a", "b"], "score": {score}, "nested": {{"k": "v"}}}}' for score in range(10)]


class WrongRow(InMemory):
    async def get(self, key: int) -> Row:
        return await super().get(key % ROWS + 1)


class WrongValue(InMemory):
    async def get(self, key: int) -> Row:
        return {**await super().get(key), "balance": Decimal("0.01")}


class WrongOrder(InMemory):
    async def filter(self, age: int) -> list[Row]:
        return (await super().filter(age))[::-1]


class TooFewRows(InMemory):
    async def read(self) -> list[Row]:
        return (await super().read())[1:]


class NothingStored(InMemory):
    async def insert(self, new: Row) -> Row:
        return {"id": next(self.keys), **new}


class KeysInAnotherOrder(InMemory):
    async def bulk(self, new: Sequence[Row]) -> list[Any]:
        return (await super().bulk(new))[::-1]


class NothingRemoved(InMemory):
    async def remove_added(self) -> None: ...


class OldRowFromMemory(InMemory):
    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, Row] = {}

    async def get(self, key: int) -> Row:
        return self.seen.setdefault(key, await super().get(key))


class OldRowFromUpdate(InMemory):
    async def update(self, key: int, name: str) -> Row:
        before = dict(self.rows[key])
        await super().update(key, name)
        return before


@pytest.mark.parametrize(
    "peer",
    [
        WrongRow,
        WrongValue,
        WrongOrder,
        TooFewRows,
        NothingStored,
        KeysInAnotherOrder,
        NothingRemoved,
        OldRowFromMemory,
        OldRowFromUpdate,
    ],
)
async def test_a_library_that_does_not_is_noticed(peer: type[InMemory]) -> None:
    with pytest.raises((Disagreement, KeyError)):
        await agreed(peer())
