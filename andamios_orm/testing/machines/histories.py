"""What transactions read and appended, and what no isolation of them could explain.

Each transaction reads lists and appends values to them, each value once. So a list tells the order
of all who wrote it, and what a transaction read tells whom it came after. That is enough to find
the anomalies of Adya's thesis ("Weak Consistency", 1999) and of Berenson et al. ("A Critique of
ANSI SQL Isolation Levels", 1995), in the manner of Elle (Kingsbury and Alvaro, 2020).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Literal, TypeAlias

__all__ = ["Anomaly", "Append", "History", "Kind", "Operation", "Read", "Transaction", "anomalies"]


@dataclass(frozen=True, slots=True)
class Read:
    """A list as a transaction read it."""

    key: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Append:
    """A value that a transaction put at the end of a list; no other transaction has the same."""

    key: int
    value: int


Operation: TypeAlias = Read | Append


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one transaction did, in its order."""

    name: str
    operations: tuple[Operation, ...]
    committed: bool = True

    def appended(self, key: int) -> tuple[int, ...]:
        """Return what it appended to a list."""
        return tuple(o.value for o in self.operations if isinstance(o, Append) and o.key == key)


@dataclass(frozen=True, slots=True)
class History:
    """Transactions that ran at the same time, and the lists when all of them had ended."""

    transactions: tuple[Transaction, ...]
    final: Mapping[int, tuple[int, ...]]


class Kind(StrEnum):
    """An anomaly, and what Adya (G), Berenson et al. (P, A) or Elle call it."""

    DIRTY_WRITE = "dirty write"
    """G0, P0: two transactions overwrote each other."""
    ABORTED_READ = "aborted read"
    """G1a: somebody read what was rolled back."""
    INTERMEDIATE_READ = "intermediate read"
    """G1b: somebody read a part of what a transaction wrote."""
    CIRCULAR_FLOW = "circular information flow"
    """G1c: two transactions, each of which came after the other."""
    UNSEEN_OWN_WRITE = "unseen own write"
    """Elle's "internal": a transaction did not read what it had appended."""
    INCOMPATIBLE_ORDER = "incompatible order"
    """Elle's: two reads that no one order of the appends explains."""
    NON_REPEATABLE_READ = "non-repeatable read"
    """A2: a transaction read twice, and not the same."""
    LOST_UPDATE = "lost update"
    """P4: somebody wrote on the base of what another had changed meanwhile."""
    READ_SKEW = "read skew"
    """A5A, G-single: a transaction saw one write of another, and not what came before it."""
    WRITE_SKEW = "write skew"
    """A5B, G2-item: each of some transactions wrote what another had read."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that transactions which ran one after the other would not have done."""

    kind: Kind
    told: str
    """In a sentence."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.told}"


def anomalies(history: History) -> list[Anomaly]:
    """Return what is wrong with a history; nothing for one that an order of its transactions gives.

    Of a committed transaction's reads, as those of others tell nobody anything.

    ```python
    from andamios_orm.testing.machines import Append, History, Read, Transaction, anomalies

    one = Transaction("one", (Read(1, ()), Append(1, 10)))
    other = Transaction("other", (Read(1, ()), Append(1, 20)))
    [found] = anomalies(History((one, other), {1: (20,)}))
    assert str(found) == "lost update: 10, which one appended to 1, is gone"
    ```
    """
    return [
        *_of_single_reads(history),
        *_inside_transactions(history),
        *_lost(history),
        *_of_order(history),
    ]


# ---- one read at a time --------------------------------------------------------------------------


def _of_single_reads(history: History) -> Iterator[Anomaly]:
    for reader, key, values in _reads(history):
        for other in history.transactions:
            theirs = other.appended(key)
            seen = [value for value in theirs if value in values]
            if other is reader or not seen:
                continue
            if not other.committed:
                yield Anomaly(
                    Kind.ABORTED_READ,
                    f"{_name(reader)} read {seen[0]} in {key}, which {other.name} rolled back",
                )
            elif len(seen) < len(theirs):
                yield Anomaly(
                    Kind.INTERMEDIATE_READ,
                    f"{_name(reader)} read {_listed(seen)} in {key}, but not all that"
                    f" {other.name} appended",
                )


def _inside_transactions(history: History) -> Iterator[Anomaly]:
    for transaction in _committed(history):
        own: dict[int, list[int]] = {}
        last: dict[int, tuple[int, ...]] = {}
        for operation in transaction.operations:
            key = operation.key
            mine = own.setdefault(key, [])
            if isinstance(operation, Append):
                mine.append(operation.value)
                last.pop(key, None)
                continue
            read = operation.values
            if mine and list(read[-len(mine) :]) != mine:
                yield Anomaly(
                    Kind.UNSEEN_OWN_WRITE,
                    f"{transaction.name} appended {_listed(mine)} to {key}, and read"
                    f" {_listed(read)}",
                )
            elif key in last and last[key] != read:
                yield Anomaly(
                    Kind.NON_REPEATABLE_READ,
                    f"{transaction.name} read {_listed(last[key])} in {key}, and then"
                    f" {_listed(read)}",
                )
            last[key] = read


def _lost(history: History) -> Iterator[Anomaly]:
    for transaction in _committed(history):
        for operation in transaction.operations:
            if isinstance(operation, Append) and operation.value not in history.final.get(
                operation.key, ()
            ):
                yield Anomaly(
                    Kind.LOST_UPDATE,
                    f"{operation.value}, which {transaction.name} appended to {operation.key},"
                    " is gone",
                )


# ---- the order of transactions -------------------------------------------------------------------

_Edge: TypeAlias = Literal["ww", "wr", "rw"]


@dataclass(frozen=True, slots=True)
class _Dependency:
    """One transaction comes before another, because of a list."""

    before: str
    after: str
    kind: _Edge
    key: int

    def __str__(self) -> str:
        return _TOLD[self.kind].format(**{name: getattr(self, name) for name in self.__slots__})


_TOLD: Mapping[_Edge, str] = {
    "ww": "{after} appended to {key} after {before}",
    "wr": "{after} read in {key} what {before} appended",
    "rw": "{before} read {key} before {after} appended to it",
}


def _of_order(history: History) -> Iterator[Anomaly]:
    found: list[_Dependency] = []
    for key, order in history.final.items():
        yield from _incompatible(history, key, order)
        found += _dependencies(history, key, order)
    yield from _cycles(tuple(dict.fromkeys(found)))


def _incompatible(history: History, key: int, order: tuple[int, ...]) -> Iterator[Anomaly]:
    # What was lost, or rolled back, is told already, and explains reads of another order.
    gone = _lost_of(history, key) | _rolled_back(history, key)
    for reader, where, values in _reads(history):
        if where == key and not gone.intersection(values) and values != order[: len(values)]:
            yield Anomaly(
                Kind.INCOMPATIBLE_ORDER,
                f"{_name(reader)} read {_listed(values)} in {key}, which became {_listed(order)}",
            )


def _dependencies(history: History, key: int, order: tuple[int, ...]) -> Iterator[_Dependency]:
    writers = {value: t.name for t in _committed(history) for value in t.appended(key)}
    known = [value for value in order if value in writers]
    for one, other in pairwise(known):
        if writers[one] != writers[other]:
            yield _Dependency(writers[one], writers[other], "ww", key)
    places = {value: place for place, value in enumerate(known)}
    for reader, where, values in _reads(history):
        if reader is None or where != key:
            continue
        others = [v for v in values if v in places and writers[v] != reader.name]
        if others:
            yield _Dependency(writers[others[-1]], reader.name, "wr", key)
        if any(value not in places for value in values):
            continue
        following = next((v for v in known[len(values) :] if writers[v] != reader.name), None)
        if following is not None:
            yield _Dependency(reader.name, writers[following], "rw", key)


def _cycles(dependencies: tuple[_Dependency, ...]) -> Iterator[Anomaly]:
    """Yield a shortest cycle for each dependency that no simpler cycle goes through."""
    writes = [d for d in dependencies if d.kind == "ww"]
    flow = [d for d in dependencies if d.kind != "rw"]
    told: set[frozenset[str]] = set()
    for kind, firsts, rest in (
        (Kind.DIRTY_WRITE, writes, writes),
        (Kind.CIRCULAR_FLOW, [d for d in flow if d.kind == "wr"], flow),
        (Kind.READ_SKEW, [d for d in dependencies if d.kind == "rw"], flow),
        (Kind.WRITE_SKEW, [d for d in dependencies if d.kind == "rw"], list(dependencies)),
    ):
        for first in firsts:
            back = _path(first.after, first.before, rest)
            if back is None:
                continue
            cycle = [first, *back]
            names = frozenset(d.before for d in cycle)
            if names in told:
                continue
            told.add(names)
            yield Anomaly(_precisely(kind, cycle), ", and ".join(map(str, cycle)))


def _precisely(kind: Kind, cycle: list[_Dependency]) -> Kind:
    """Return LOST_UPDATE for a transaction that read a list, and wrote it after another did."""
    first, last = cycle[0], cycle[-1]
    updates = last.kind == "ww" and last.key == first.key
    return Kind.LOST_UPDATE if kind is Kind.READ_SKEW and updates else kind


def _path(start: str, end: str, dependencies: list[_Dependency]) -> list[_Dependency] | None:
    """Return a shortest way from one transaction to another."""
    ways: dict[str, list[_Dependency]] = {start: []}
    waiting = deque([start])
    while waiting:
        place = waiting.popleft()
        if place == end:
            return ways[place]
        for dependency in dependencies:
            if dependency.before == place and dependency.after not in ways:
                ways[dependency.after] = [*ways[place], dependency]
                waiting.append(dependency.after)
    return None


# ---- parts of a history --------------------------------------------------------------------------


def _committed(history: History) -> Iterator[Transaction]:
    return (t for t in history.transactions if t.committed)


def _reads(history: History) -> Iterator[tuple[Transaction | None, int, tuple[int, ...]]]:
    """Yield who read which list as what; None reads the lists in the end."""
    for transaction in _committed(history):
        for operation in transaction.operations:
            if isinstance(operation, Read):
                yield transaction, operation.key, operation.values
    for key, values in history.final.items():
        yield None, key, values


def _lost_of(history: History, key: int) -> set[int]:
    """Return the committed values that are in a list no more."""
    appended = {value for t in _committed(history) for value in t.appended(key)}
    return appended - set(history.final.get(key, ()))


def _rolled_back(history: History, key: int) -> set[int]:
    return {value for t in history.transactions if not t.committed for value in t.appended(key)}


def _name(reader: Transaction | None) -> str:
    return "the end" if reader is None else reader.name


def _listed(values: object) -> str:
    return str(list(values)) if isinstance(values, tuple) else str(values)
