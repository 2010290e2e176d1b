"""Whether a library really does the work: what it returns and stores is compared value by value."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchmarks.peers.speed.peer import Peer
from benchmarks.workload import (
    BULK,
    FILTERED,
    LARGE,
    ROWS,
    TASKS,
    ages,
    keys,
    payload,
    team_members,
)

__all__ = ["Added", "Disagreement", "agree"]

Added = Callable[[], Awaitable[dict[str, int]]]
"""Asks the database itself for the keys of the rows that were added, by email address."""


class Disagreement(Exception):
    """A library returned or stored something else than it was asked to."""


async def agree(peer: Peer, numbers: Iterator[int], added: Added) -> list[str]:
    """Compare all operations with the workload; return in which forms values came back.

    Raises Disagreement.
    """
    check = _Check(peer)
    wanted = keys()
    key = next(wanted)
    check.row(await peer.get(key), key)
    many = [next(wanted) for _ in range(TASKS)]
    for row, asked in zip(await peer.tasks(many), many, strict=True):
        check.row(row, asked)
    check.rows(await peer.read(), range(1, LARGE + 1))
    for age in itertools.islice(ages(), 3):
        check.rows(await peer.filter(age), _filtered(age))
    await _held(check, next(wanted))
    await _writes(check, numbers, added)
    await _update(check, key)
    await _eager(check)
    return sorted(check.forms)


async def _held(check: _Check, key: int) -> None:
    await check.peer.begin()
    try:
        check.row(await check.peer.get(key), key)
    finally:
        await check.peer.rollback()


async def _writes(check: _Check, numbers: Iterator[int], added: Added) -> None:
    peer = check.peer
    number = next(numbers)
    returned = await peer.insert(peer.new(number))
    key = (await added())[payload(number)["email"]]
    check.equal(peer.fields(returned)["id"], key)
    if peer.traits.stored == "the row":
        check.row(returned, key, number)
    check.row(await peer.get(key), key, number)
    many = [next(numbers) for _ in range(BULK)]
    told = await peer.bulk([peer.new(number) for number in many])
    stored = await added()
    check.equal(len(stored), 1 + BULK)
    by_number = {number: stored[payload(number)["email"]] for number in many}
    if peer.traits.keys != "a count":
        check.equal([getattr(one, "id", one) for one in told], list(by_number.values()))
    for number, key in itertools.islice(by_number.items(), 0, None, BULK - 1):
        check.row(await peer.get(key), key, number)
    await peer.remove_added()
    check.equal(await added(), {})


async def _update(check: _Check, key: int) -> None:
    peer = check.peer
    for name in ("Renamed", payload(key)["name"]):
        # The second name is another one, so that a row kept in memory would be noticed.
        check.row(await peer.update(key, name), key, name=name)
        check.row(await peer.get(key), key, name=name)


async def _eager(check: _Check) -> None:
    peer = check.peer
    for ask in (peer.eager_load, peer.eager_shape):
        try:
            teams = await ask()
        except NotImplementedError:
            continue
        check.equal([peer.team(one) for one in teams], team_members())


def _filtered(age: int) -> list[int]:
    """Return the keys of the rows that the filter finds, which has the workload's rows only."""
    found: list[int] = []
    for old in itertools.count(age):
        # Ages repeat every 80 rows, and every second row is active.
        if old % 2 == 0:
            found += range(old, ROWS + 1, 80)
        if len(found) >= FILTERED:
            return found[:FILTERED]
    raise AssertionError


class _Check:
    """Compares rows, and remembers in which forms equal values came back."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.forms: set[str] = set()

    def rows(self, rows: Any, expected: Any) -> None:
        self.equal(len(rows), len(expected))
        for row, key in zip(rows, expected, strict=True):
            self.row(row, key)

    def row(self, row: Any, key: int, number: int | None = None, name: str | None = None) -> None:
        found = self.peer.fields(row)
        expected = {"id": key, **payload(key if number is None else number)}
        if name is not None:
            expected["name"] = name
        self.equal({column: self._plain(column, found[column]) for column in expected}, expected)

    def equal(self, found: object, expected: object) -> None:
        if found != expected:
            raise Disagreement(f"{found!r} is not {expected!r}")

    def _plain(self, column: str, value: Any) -> Any:
        if column == "created_at" and isinstance(value, datetime) and value.tzinfo is None:
            self.forms.add("times without time zone")
            return value.replace(tzinfo=UTC)
        if column == "balance" and not isinstance(value, Decimal):
            self.forms.add(f"decimals as {type(value).__name__}")
            return Decimal(str(value))
        if column == "meta" and isinstance(value, str):
            self.forms.add("JSON as text")
            return json.loads(value)
        return value
