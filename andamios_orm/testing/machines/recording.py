"""Run transactions at the same time on a real database, and write down what each one saw."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal, TypeAlias

import sqlalchemy as sa

from andamios_orm.backends.base import Isolation
from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import TransactionConflict
from andamios_orm.models.base import Model
from andamios_orm.models.columns import Col, field
from andamios_orm.repositories.repository import Repository
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.machines.histories import (
    Append,
    History,
    Operation,
    Read,
    Transaction,
    anomalies,
)
from andamios_orm.testing.machines.levels import forbidden
from andamios_orm.testing.machines.patience import lose_patience

__all__ = ["isolation_history", "isolation_holds"]

_KEYS, _TASKS = 3, 4
_READERS, _FAILURES = 0.25, 0.2
"""How many transactions only read, and how many of the others give up."""
_CONNECTIONS = 5
"""Those of a playground."""


class _Values(Model, table="andamios_list", metadata=sa.MetaData()):
    """A list, as text: numbers, each with a comma behind it."""

    id: Col[int] = field(primary_key=True)
    text: Col[str] = field(default="")

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(map(int, self.text.split(",")[:-1]))


Kind: TypeAlias = Literal["read", "append", "read and append"]
"""What a transaction does with a list.

"append" has the database append, in one statement; "read and append" writes back what it read.
"""


@dataclass(frozen=True, slots=True)
class _Script:
    name: str
    steps: tuple[tuple[Kind, int], ...]
    fails: bool
    """Whether it gives up in the end, with all that it did."""


class _GivesUp(Exception):
    """A transaction that rolls back though nothing is wrong."""


def isolation_history(
    url: str, isolation: Isolation, *, seed: int = 0, transactions: int = 40, repeats: bool = False
) -> History:
    """Return what transactions of several tasks saw of each other in a database of their own.

    The same `seed` makes the same transactions; in which order their statements run is the
    engine's and the operating system's affair. One that meets a TransactionConflict is rolled back;
    with `repeats` it is run again, by `Database.run`. Raises UsageError for a database that is in
    use, NotSupported for a level that the engine does not have.
    """
    dice = Random(seed)  # noqa: S311 - a seed that repeats is the point
    scripts = [_script(f"T{number}", dice) for number in range(1, transactions + 1)]
    with Playground(url, _Values) as playground:
        return playground.run(_record_all(playground.db, scripts, isolation, repeats=repeats))


def isolation_holds(
    url: str, isolation: Isolation, *, seed: int = 0, transactions: int = 40, repeats: bool = False
) -> None:
    """Check that an engine keeps transactions apart as far as an isolation level promises.

    Raises AssertionError with the anomalies that `forbidden` rules out, and the history.

    ```python
    from andamios_orm.testing.machines import isolation_holds

    isolation_holds("duckdb://", "serializable")
    ```
    """
    history = isolation_history(
        url, isolation, seed=seed, transactions=transactions, repeats=repeats
    )
    name = sa.make_url(url).get_backend_name()
    ruled_out = forbidden(name, isolation)
    if found := [anomaly for anomaly in anomalies(history) if anomaly.kind in ruled_out]:
        told = "\n".join(f"  {anomaly}" for anomaly in found)
        raise AssertionError(
            f"{name} rules these out at {isolation}, and they came up:\n{told}\nin {history!r}"
        )


def _script(name: str, dice: Random) -> _Script:
    only_reads = dice.random() < _READERS
    kinds: tuple[Kind, ...] = ("read",) if only_reads else ("read", "append", "read and append")
    steps = [(dice.choice(kinds), dice.randint(1, _KEYS)) for _ in range(dice.randint(1, 5))]
    return _Script(name, tuple(steps), fails=not only_reads and dice.random() < _FAILURES)


async def _record_all(
    db: Database, scripts: list[_Script], isolation: Isolation, *, repeats: bool
) -> History:
    await lose_patience(db, _CONNECTIONS, milliseconds=200)
    lists = Repository(_Values, db)
    await lists.add_all([_Values(id=key) for key in range(1, _KEYS + 1)])
    values = count(1)
    done: list[Transaction] = []
    waiting = iter(scripts)

    async def work() -> None:
        for script in waiting:
            done.extend(await _run(db, script, isolation, values, repeats=repeats))

    await asyncio.gather(*(work() for _ in range(_TASKS)))
    final = {found.id: found.values for found in await lists.order_by(_Values.id).all()}
    return History(tuple(done), final)


async def _run(
    db: Database, script: _Script, isolation: Isolation, values: count[int], *, repeats: bool
) -> list[Transaction]:
    """Run one transaction, as often as it takes; return what each attempt saw."""
    attempts: list[list[Operation]] = []

    async def attempt(session: Session) -> None:
        attempts.append([])
        await _work(session, script, values, attempts[-1])

    read_only = all(kind == "read" for kind, _ in script.steps)
    try:
        if repeats:
            await db.run(attempt, isolation=isolation, retries=100)
        else:
            async with db.session(isolation=isolation, read_only=read_only) as session:
                await attempt(session)
        committed = True
    except (_GivesUp, TransactionConflict):
        committed = False
    last = len(attempts) - 1
    return [
        Transaction(
            f"{script.name}.{number}" if last else script.name,
            tuple(seen),
            committed and number == last,
        )
        for number, seen in enumerate(attempts)
    ]


async def _work(
    session: Session, script: _Script, values: count[int], seen: list[Operation]
) -> None:
    lists = Repository(_Values, session)
    for kind, key in script.steps:
        text = None
        if kind != "append":
            found = await lists.get(key)
            seen.append(Read(key, found.values))
            text = found.text
        if kind == "read":
            continue
        value = next(values)
        # Noted first: what fails on the way to us may have been done.
        seen.append(Append(key, value))
        longer = f"{value}," if text is None else f"{text}{value},"
        stored = await lists.patch(
            key, _Values.text.set(_Values.text + longer if text is None else longer)
        )
        seen.append(Read(key, stored.values))
    if script.fails:
        raise _GivesUp
