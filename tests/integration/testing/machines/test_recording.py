"""What transactions are made to do, and what is written down of them."""

from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import Database, Repository
from andamios_orm.errors import TransactionConflict
from andamios_orm.testing.laws import Playground
from andamios_orm.testing.machines import (
    Append,
    History,
    Kind,
    Read,
    Transaction,
    anomalies,
    recording,
)
from andamios_orm.testing.machines.patience import lose_patience
from andamios_orm.testing.machines.recording import (
    _record_all,
    _Script,
    _script,
    _Values,
    isolation_history,
    isolation_holds,
)
from tests.engines import only_on

# ---- what they are made to do --------------------------------------------------------------------


def test_transactions_read_and_append_and_some_give_up() -> None:
    scripts = [_script(f"T{seed}", Random(seed)) for seed in range(200)]  # noqa: S311 - it repeats
    readers = [s for s in scripts if {kind for kind, _ in s.steps} == {"read"}]
    failing = [s for s in scripts if s.fails]
    assert {s.name for s in scripts} == {f"T{seed}" for seed in range(200)}
    assert {len(s.steps) for s in scripts} == {1, 2, 3, 4, 5}
    assert {key for s in scripts for _, key in s.steps} == {1, 2, 3}
    assert {kind for s in scripts for kind, _ in s.steps} == {"read", "append", "read and append"}
    # More than a quarter, as others happen to read only as well.
    assert 40 < len(readers) < 80
    assert 15 < len(failing) < 50
    assert _script("T1", Random(1)) == _script("T1", Random(1))  # noqa: S311 - it repeats


def test_a_list_is_its_numbers() -> None:
    assert _Values(id=1).values == ()
    assert _Values(id=1, text="1,20,").values == (1, 20)


# ---- what is written down ------------------------------------------------------------------------


def recorded(*scripts: _Script, repeats: bool = False) -> History:
    """One after the other: there is one connection."""
    with Playground("sqlite://", _Values) as playground:
        return playground.run(
            _record_all(playground.db, list(scripts), "serializable", repeats=repeats)
        )


@pytest.mark.parametrize("repeats", [False, True])
def test_each_read_and_each_append_is_written_down(repeats: bool) -> None:
    history = recorded(
        _Script("T1", (("append", 1), ("read", 2)), fails=False),
        _Script("T2", (("read and append", 1), ("append", 2)), fails=False),
        _Script("T3", (("read", 1),), fails=False),
        repeats=repeats,
    )
    assert {t.name: t for t in history.transactions} == {
        "T1": Transaction("T1", (Append(1, 1), Read(1, (1,)), Read(2, ()))),
        "T2": Transaction(
            "T2", (Read(1, (1,)), Append(1, 2), Read(1, (1, 2)), Append(2, 3), Read(2, (3,)))
        ),
        "T3": Transaction("T3", (Read(1, (1, 2)),)),
    }
    assert history.final == {1: (1, 2), 2: (3,), 3: ()}


@pytest.mark.parametrize("repeats", [False, True])
def test_one_that_gives_up_is_undone_and_not_run_again(repeats: bool) -> None:
    history = recorded(_Script("T1", (("append", 1),), fails=True), repeats=repeats)
    assert history.transactions == (
        Transaction("T1", (Append(1, 1), Read(1, (1,))), committed=False),
    )
    assert history.final == {1: (), 2: (), 3: ()}


@pytest.fixture
def one_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first transaction to do its work meets a conflict then."""
    work = recording._work
    met: list[bool] = []

    async def conflict(*given: Any) -> None:
        await work(*given)
        if not met:
            met.append(True)
            raise TransactionConflict("two of one row", "try it again")

    monkeypatch.setattr(recording, "_work", conflict)


@pytest.mark.usefixtures("one_conflict")
def test_one_that_meets_a_conflict_is_run_again_where_that_is_asked_for() -> None:
    history = recorded(_Script("T1", (("append", 1),), fails=False), repeats=True)
    assert history.transactions == (
        Transaction("T1.0", (Append(1, 1), Read(1, (1,))), committed=False),
        Transaction("T1.1", (Append(1, 2), Read(1, (2,)))),
    )
    assert history.final[1] == (2,)


@pytest.mark.usefixtures("one_conflict")
def test_one_that_meets_a_conflict_is_undone_where_nothing_else_is_asked_for() -> None:
    history = recorded(_Script("T1", (("append", 1),), fails=False))
    assert history.transactions == (
        Transaction("T1", (Append(1, 1), Read(1, (1,))), committed=False),
    )
    assert history.final[1] == ()


@pytest.mark.parametrize(
    ("kind", "expected"), [("append", []), ("read and append", [Kind.LOST_UPDATE])]
)
def test_only_who_writes_back_what_it_read_can_lose_an_update(
    kind: Any, expected: list[Kind], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(lists: Repository[Any], key: int) -> _Values:
        return _Values(id=key)  # long ago

    monkeypatch.setattr(Repository, "get", get)
    scripts = (_Script(name, ((kind, 1),), fails=False) for name in ("T1", "T2"))

    assert [anomaly.kind for anomaly in anomalies(recorded(*scripts))] == expected


def test_only_who_reads_only_has_a_session_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    session, asked = Database.session, []

    def noting(db: Database, **options: Any) -> Any:
        asked.append(options)
        return session(db, **options)

    monkeypatch.setattr(Database, "session", noting)
    recorded(_Script("T1", (("read", 1), ("read", 2)), fails=False))
    recorded(_Script("T2", (("read", 1), ("append", 2)), fails=False))

    found = [options["read_only"] for options in asked if options.get("isolation")]
    assert found == [True, False]


def test_a_history_is_of_as_many_transactions_as_are_asked_for() -> None:
    history = isolation_history("sqlite://", "serializable", seed=3, transactions=3)
    dice = Random(3)  # noqa: S311 - it repeats
    scripts = [_script(name, dice) for name in ("T1", "T2", "T3")]
    kept = {t.name: t.committed for t in history.transactions}
    assert kept == {script.name: not script.fails for script in scripts}


def test_what_a_level_rules_out_is_told_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = History(
        (Transaction("one", (Append(1, 10),)), Transaction("two", (Append(1, 20),))), {1: (20,)}
    )
    monkeypatch.setattr(recording, "isolation_history", lambda *given, **named: lost)

    isolation_holds("postgresql://there", "read committed")
    with pytest.raises(AssertionError) as found:
        isolation_holds("postgresql://there", "repeatable read")

    assert str(found.value) == (
        "postgresql rules these out at repeatable read, and they came up:\n"
        "  lost update: 10, which one appended to 1, is gone\n"
        f"in {lost!r}"
    )


# ---- patience ------------------------------------------------------------------------------------


@only_on("postgresql", "mariadb", "mysql")
async def test_no_connection_waits_longer_for_a_lock(database_url: str) -> None:
    asked, expected = {
        "postgresql": ("SHOW lock_timeout", "1500ms"),
    }.get(database_url.partition(":")[0], ("SELECT @@innodb_lock_wait_timeout", 1))

    async with Database(database_url) as db:
        await lose_patience(db, 5, milliseconds=1500)
        async with AsyncExitStack() as taken:
            for _ in range(5):
                connection = await taken.enter_async_context(db.connect())
                found = await connection.execute(sa.text(asked))
                assert found.scalar() == expected


@only_on("duckdb", "sqlite")
async def test_where_writers_take_turns_nothing_is_told(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "connect", None)
    await lose_patience(db, 5)
