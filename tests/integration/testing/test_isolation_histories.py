"""Transactions side by side on every engine, and what they saw of each other."""

import asyncio
import os
from typing import Any

import pytest

from andamios_orm import Database, Repository
from andamios_orm.backends.postgresql import PostgreSQLBackend
from andamios_orm.database.connection import DriverConnection
from andamios_orm.errors import NotSupported, TransactionConflict
from andamios_orm.testing.machines import (
    Append,
    History,
    Kind,
    Read,
    Transaction,
    anomalies,
    isolation_history,
    isolation_holds,
)
from andamios_orm.testing.machines.recording import _Values as Values
from tests.engines import only_on

SEEDS = range(100 if os.environ.get("ANDAMIOS_TEST_DEEP") else 2)

LEVELS = [
    ("duckdb", "serializable"),
    ("sqlite", "serializable"),
    *(
        (engine, level)
        for engine in ("postgresql", "mariadb")
        for level in ("read committed", "repeatable read", "serializable")
    ),
]


@pytest.mark.parametrize(("database_url", "isolation"), LEVELS, indirect=["database_url"])
def test_a_level_keeps_its_promises(database_url: str, isolation: Any) -> None:
    for seed in SEEDS:
        isolation_holds(database_url, isolation, seed=seed)


@only_on("duckdb", "sqlite", "postgresql", "mariadb")
def test_serializable_work_that_is_run_again_has_no_anomaly(database_url: str) -> None:
    for seed in SEEDS:
        isolation_holds(database_url, "serializable", seed=seed, repeats=True)


@pytest.mark.parametrize("url", ["duckdb://", "sqlite://"])
def test_a_history_in_memory_is_in_order(url: str) -> None:
    history = isolation_history(url, "serializable", transactions=12)

    assert anomalies(history) == []
    assert {t.committed for t in history.transactions} == {True, False}
    assert any(history.final.values())


def test_the_same_seed_makes_the_same_transactions() -> None:
    one, two = (isolation_history("sqlite://", "serializable", seed=3) for _ in range(2))

    assert sorted(map(kinds_of, one.transactions)) == sorted(map(kinds_of, two.transactions))


def kinds_of(transaction: Transaction) -> str:
    done = ", ".join(f"{type(o).__name__} {o.key}" for o in transaction.operations)
    return f"{transaction.name}: {done}"


def test_a_level_that_an_engine_lacks_is_refused() -> None:
    with pytest.raises(NotSupported, match="serializable"):
        isolation_holds("sqlite://", "read committed")


# ---- what it finds -------------------------------------------------------------------------------


async def both_append(db: Database, **options: Any) -> History:
    """Two who read a list before either of them writes it back."""
    lists = Repository(Values, db)
    await db.create_all()
    await lists.add(Values(id=1))
    both_have_read = asyncio.Barrier(2)

    async def append(name: str, value: int) -> Transaction:
        async with db.session(**options) as session:
            inside = Repository(Values, session)
            found = await inside.get(1)
            await both_have_read.wait()
            await inside.update(found.model_copy(update={"text": f"{found.text}{value},"}))
        return Transaction(name, (Read(1, found.values), Append(1, value)))

    done = await asyncio.gather(append("one", 1), append("two", 2), return_exceptions=True)
    for error in done:
        assert isinstance(error, Transaction | TransactionConflict)
    committed = tuple(t for t in done if isinstance(t, Transaction))
    return History(committed, {1: (await lists.get(1)).values})


@only_on("postgresql", "mariadb")
async def test_an_update_is_lost_where_nobody_promises_otherwise(database_url: str) -> None:
    async with Database(database_url, metadata=Values.__table__.metadata) as db:
        history = await both_append(db, isolation="read committed")

    assert [anomaly.kind for anomaly in anomalies(history)] == [Kind.LOST_UPDATE]


@only_on("postgresql", "mariadb")
async def test_no_update_is_lost_where_that_is_promised(database_url: str) -> None:
    async with Database(database_url, metadata=Values.__table__.metadata) as db:
        history = await both_append(db, isolation="serializable")

    assert anomalies(history) == []
    assert len(history.transactions) == 1


def test_a_rollback_that_keeps_what_it_should_undo_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DriverConnection, "rollback", DriverConnection.commit)

    with pytest.raises(AssertionError, match=r"aborted read: .* rolled back"):
        isolation_holds("sqlite://", "serializable")


@only_on("postgresql")
def test_a_level_that_is_not_asked_for_is_found(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = PostgreSQLBackend.begin

    async def begin_weakly(self: Any, driver: Any, **options: Any) -> Any:
        return await begin(self, driver, **{**options, "isolation": None})

    monkeypatch.setattr(PostgreSQLBackend, "begin", begin_weakly)

    def hold() -> None:
        for seed in range(20):
            isolation_holds(database_url, "serializable", seed=seed)

    with pytest.raises(AssertionError, match="rules these out at serializable"):
        hold()
