"""Two who use one table, on each engine: what each of them sees, may do, and is kept from."""

from collections.abc import Callable
from typing import Any

import pytest

from andamios_orm import Session
from andamios_orm.backends.base import Isolation
from andamios_orm.backends.postgresql import PostgreSQLBackend
from andamios_orm.testing.machines import RepositoryMachine
from tests.engines import not_on, only_on
from tests.integration.testing.machines.models import (
    Hero,
    Locker,
    Sign,
    by_hand,
    condition,
    everything,
    names,
)

ADA, BOB, CLEO = Hero(name="Ada", age=36), Hero(name="Bob", age=5), Hero(name="Cleo")
ALL = everything(Hero)


LEVELS: list[Isolation] = ["read committed", "repeatable read", "serializable"]


def keys_of_two(machine: RepositoryMachine) -> list[Any]:
    keys: tuple[Any, ...] = machine.add_all(0, [ADA, BOB]).values
    return list(keys)


def ages(machine: RepositoryMachine) -> list[int | None]:
    return [row.__dict__["age"] for row in machine.table.rows.values()]


def is_kept_out(machine: RepositoryMachine, step: Callable[[], Any]) -> bool:
    """Whether a step of the second actor's session meets a conflict, which ends the session."""
    assert machine.actors[1].is_in_session
    step()
    return not machine.actors[1].is_in_session


# ---- what each of them sees ----------------------------------------------------------------------


def test_what_a_session_does_is_its_own_affair_until_it_commits(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.begin(0, None, False)
        [ada] = machine.add(0, ADA).values
        machine.find(1, ada)
        machine.list_some(1, ALL)
        machine.commit(0)
        machine.find(1, ada)
        machine.list_some(1, ALL)
        assert names(machine) == ["Ada"]


@only_on("sqlite", "postgresql")
def test_a_commit_of_which_others_see_nothing_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def commit(session: Session) -> None:
        pass

    with by_hand(Hero, database_url, faulty=True) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        with monkeypatch.context() as patched:
            patched.setattr(Session, "commit", commit)
            with pytest.raises(AssertionError, match=r"there are the rows \[\], not \[Hero"):
                machine.commit(0)


@pytest.mark.parametrize(
    ("database_url", "isolation"),
    [
        ("duckdb", None),
        ("sqlite", None),
        ("postgresql", "repeatable read"),
        ("mariadb", "serializable"),
        ("mariadb", "repeatable read"),
    ],
    indirect=["database_url"],
)
def test_a_snapshot_stays_as_it_was_until_its_transaction_ends(
    database_url: str, isolation: Any
) -> None:
    # InnoDB takes no snapshot under serializable: it keeps others from what was read.
    locks = isolation == "serializable"
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        machine.begin(1, isolation, True)
        machine.list_some(1, ALL)
        machine.patch(0, ada, {"age": 7}, None)
        assert ages(machine) == [36 if locks else 7, 5]
        machine.find(1, ada)
        machine.list_some(1, ALL)
        assert machine.actors[1].view.is_stale((ada,)) is not locks
        machine.rollback(1)
        machine.find(1, ada)
        assert not machine.actors[1].view.is_stale((ada,))


@only_on("postgresql", "mariadb")
def test_a_row_that_came_after_the_snapshot_may_be_changed(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        keys_of_two(machine)
        machine.begin(1, "repeatable read", False)
        machine.list_some(1, ALL)
        eve, joe = (
            machine.add(0, Hero(name=name, age=None, team_id=None)).values[0]
            for name in ("Eve", "Joe")
        )
        # There for InnoDB, which changes the newest rows, and not for PostgreSQL.
        machine.patch(1, eve, {"age": 3}, None)
        machine.purge(1, joe)
        machine.rollback(1)


@only_on("postgresql", "mariadb")
def test_without_a_snapshot_it_sees_what_was_committed_meanwhile(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        machine.begin(1, "read committed", False)
        machine.list_some(1, ALL)
        machine.patch(0, ada, {"age": 7}, None)
        machine.list_some(1, ALL)
        assert machine.patch(1, ada, {"name": "Eve"}, None).age == 7
        machine.end(1)
        assert ages(machine) == [7, 5]


@only_on("postgresql")
def test_a_session_that_sees_more_than_its_level_allows_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = PostgreSQLBackend.begin

    async def begin_weakly(self: Any, driver: Any, **options: Any) -> Any:
        return await begin(self, driver, **{**options, "isolation": None})

    with by_hand(Hero, database_url, faulty=True) as machine, monkeypatch.context() as patched:
        patched.setattr(PostgreSQLBackend, "begin", begin_weakly)
        machine.begin(0, "repeatable read", True)
        machine.list_some(0, ALL)
        machine.add(1, ADA)
        with pytest.raises(AssertionError, match=r"there are the rows \[Hero.*\], not \[\]"):
            machine.list_some(0, ALL)


@not_on("duckdb", "sqlite", "mysql")
def test_a_call_that_never_comes_to_the_database_begins_no_snapshot(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.begin(0, "repeatable read", False)
        machine.upsert_all(0, [BOB, BOB], 0)
        machine.add(1, ADA)
        machine.list_some(0, ALL)


# ---- where writers take turns --------------------------------------------------------------------


@only_on("duckdb", "sqlite")
def test_while_one_writes_the_other_only_reads(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        _, other = machine.actors
        machine.begin(0, None, False)
        machine.add(0, ADA)
        assert (other.may_act, other.may_begin, other.may_write) == (True, True, False)
        machine.begin(1, None, False)
        assert other.is_read_only
        machine.list_some(1, ALL)
        machine.commit(0)
        machine.list_some(1, ALL)
        machine.end(0)
        assert [actor.may_write for actor in machine.actors] == [True, False]
        machine.add(0, BOB)
        machine.end(1)
        assert [actor.may_write for actor in machine.actors] == [True, True]
        machine.add(1, CLEO)


@only_on("duckdb", "sqlite")
def test_while_one_only_reads_the_other_writes(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        one, other = machine.actors
        machine.begin(0, None, True)
        assert not one.may_write
        assert other.may_write
        machine.begin(1, None, False)
        assert not other.is_read_only
        machine.add(1, ADA)
        machine.list_some(0, ALL)


def test_in_memory_sqlite_has_one_connection_and_they_take_turns() -> None:
    with by_hand(Hero, "sqlite://") as machine:
        machine.begin(0, None, False)
        assert [actor.may_act for actor in machine.actors] == [True, False]
        assert [actor.may_begin for actor in machine.actors] == [False, False]
        assert [actor.may_write for actor in machine.actors] == [True, False]
        machine.add(0, ADA)
        machine.end(0)
        assert [actor.may_begin for actor in machine.actors] == [True, True]
        machine.list_some(1, ALL)


def test_in_memory_duckdb_has_a_connection_for_each() -> None:
    with by_hand(Hero, "duckdb://") as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        assert machine.actors[1].may_act
        machine.list_some(1, ALL)


@only_on("postgresql", "mariadb", "sqlite", "duckdb")
def test_a_row_that_gets_its_own_values_again_may_be_kept_from_others(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [by_name] = [n for n, key in enumerate(machine.targets) if key.names == ("name",)]
        machine.upsert(0, ADA, by_name)
        machine.begin(0, None, False)
        machine.upsert_all(0, [ADA, BOB], by_name)
        if machine.actors[1].may_write:
            machine.update_some(1, ALL, {"age": None})
        machine.end(0)
        assert names(machine) == ["Ada", "Bob"]


# ---- without savepoints --------------------------------------------------------------------------


@only_on("duckdb")
def test_without_savepoints_a_part_that_fails_ends_all(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [actor, _] = machine.actors
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.nest(0)
        machine.add(0, BOB)
        machine.undo(0)
        assert actor.is_aborted
        machine.add(0, CLEO)
        machine.nest(0)
        machine.leave(0)
        assert actor.is_aborted
        machine.rollback(0)
        machine.add(0, CLEO)
        machine.end(0)
        assert names(machine) == ["Cleo"]


@only_on("duckdb")
def test_without_savepoints_a_part_that_ends_well_is_kept(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.begin(0, None, False)
        machine.nest(0)
        machine.add(0, ADA)
        machine.leave(0)
        machine.add(0, BOB)
        machine.nest(0)
        machine.end(0)
        assert names(machine) == ["Ada", "Bob"]


# ---- what keeps the other one out ----------------------------------------------------------------


@only_on("postgresql", "mariadb")
def test_a_row_that_another_changes_cannot_be_changed(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, bob] = keys_of_two(machine)
        machine.begin(0, None, False)
        machine.patch(0, ada, {"age": 7}, None)
        machine.delete(1, ada)
        machine.begin(1, None, False)
        assert machine.patch(1, bob, {"age": 8}, None).age == 8
        assert is_kept_out(machine, lambda: machine.patch(1, ada, {"age": 9}, None))
        machine.end(0)
        machine.patch(1, ada, {"age": 9}, None)
        assert ages(machine) == [9, 5]


@only_on("postgresql", "mariadb")
def test_a_value_that_another_has_taken_cannot_be_taken(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.begin(1, None, False)
        assert is_kept_out(machine, lambda: machine.add(1, ADA))
        machine.rollback(0)
        machine.add(1, ADA)
        assert names(machine) == ["Ada"]


@only_on("postgresql", "mariadb")
def test_a_failed_part_keeps_what_was_done_before_from_others(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        machine.begin(0, None, False)
        machine.patch(0, ada, {"age": 7}, None)
        machine.nest(0)
        machine.add(0, BOB)
        assert machine.actors[0].is_aborted
        machine.begin(1, None, False)
        assert is_kept_out(machine, lambda: machine.patch(1, ada, {"age": 9}, None))
        machine.undo(0)
        machine.begin(1, None, False)
        assert is_kept_out(machine, lambda: machine.patch(1, ada, {"age": 9}, None))
        machine.end(0)
        assert ages(machine) == [7, 5]


@only_on("postgresql", "mariadb")
def test_what_an_undone_part_has_done_may_keep_others_out(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        machine.begin(0, None, False)
        machine.nest(0)
        machine.patch(0, ada, {"age": 7}, None)
        machine.undo(0)
        machine.patch(1, ada, {"age": 9}, None)  # whether it succeeds is the engine's affair
        machine.rollback(0)
        machine.patch(1, ada, {"age": 10}, None)
        assert ages(machine) == [10, 5]


# ---- what a snapshot keeps out -------------------------------------------------------------------


SINCE: list[Callable[[RepositoryMachine, Any], Any]] = [
    lambda m, ada: m.patch(1, ada, {"age": 9}, None),
    lambda m, ada: m.delete(1, ada),
    lambda m, ada: m.upsert(1, Hero(name="Ada", age=9), 0),
    lambda m, ada: m.upsert(1, Hero(name="Cleo", age=9), 0),
]


@only_on("postgresql")
def test_what_was_stored_since_a_snapshot_cannot_be_changed(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        for step in SINCE:
            machine.begin(1, "repeatable read", False)
            machine.list_some(1, ALL)
            machine.patch(0, ada, {"age": 7}, None)
            [cleo] = machine.upsert(0, CLEO, 0).values
            assert is_kept_out(machine, lambda step=step: step(machine, ada))  # type: ignore[misc] # mypy cannot infer it
            machine.delete(0, cleo)
        assert ages(machine) == [7, 5]


@only_on("mariadb")
def test_innodb_changes_newer_rows_than_it_sees_so_it_is_not_asked_to(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, bob] = keys_of_two(machine)
        machine.begin(1, "repeatable read", False)
        machine.list_some(1, ALL)
        machine.patch(0, ada, {"age": 7}, None)
        machine.upsert(0, CLEO, 0)
        for step in SINCE:
            done = step(machine, ada)
            assert done is None or done.values == ()
        assert machine.patch(1, bob, {"age": 8}, None).age == 8
        machine.end(1)
        assert ages(machine) == [7, 8, None]


@only_on("postgresql", "mariadb")
def test_a_condition_is_not_tried_where_it_could_meet_what_the_actor_does_not_see(
    database_url: str,
) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, _] = keys_of_two(machine)
        machine.begin(1, "repeatable read", False)
        machine.update_some(1, ALL, {"age": 1})
        machine.commit(1)
        machine.list_some(1, ALL)
        machine.patch(0, ada, {"age": 7}, None)
        machine.update_some(1, ALL, {"age": 3})
        machine.delete_some(1, ALL)
        machine.end(1)
        assert ages(machine) == [7, 1]


@only_on("mariadb")
def test_innodb_begins_to_look_with_what_it_reads_and_not_with_what_fails(
    database_url: str,
) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.add(0, ADA)
        machine.begin(1, "repeatable read", False)
        # The step `nest` would look at the table.
        machine.actors[1].nest()
        machine.add(1, ADA)
        assert machine.actors[1].view.snapshot is None
        machine.add(0, BOB)
        machine.undo(1)
        machine.list_some(1, ALL)


@only_on("postgresql")
def test_postgresql_begins_to_look_also_with_what_fails(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.add(0, ADA)
        machine.begin(1, "repeatable read", False)
        machine.actors[1].nest()
        machine.add(1, ADA)
        assert machine.actors[1].view.snapshot is not None
        machine.add(0, BOB)
        machine.undo(1)
        machine.list_some(1, ALL)


# ---- serializable --------------------------------------------------------------------------------


@only_on("postgresql")
@pytest.mark.parametrize("ends", [RepositoryMachine.commit, RepositoryMachine.end])
def test_of_two_who_wrote_what_the_other_had_read_one_is_lost(
    database_url: str, ends: Callable[..., Any]
) -> None:
    with by_hand(Hero, database_url) as machine:
        for number in range(2):
            machine.begin(number, "serializable", False)
            machine.list_some(number, ALL)
        machine.add(0, ADA)
        machine.add(1, BOB)
        machine.end(0)
        ends(machine, 1)
        assert not machine.actors[1].is_in_session
        assert names(machine) == ["Ada"]


@only_on("mariadb")
def test_a_serializable_reader_is_kept_from_what_another_changes(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        [ada, bob] = keys_of_two(machine)
        machine.begin(0, None, False)
        machine.patch(0, ada, {"age": 7}, None)
        its_own = condition(Hero.id == bob, lambda hero: hero.id == bob)
        for step in (
            lambda: machine.list_some(1, ALL),
            # These do not meet the other's row; the look at the table after them does.
            lambda: machine.patch(1, bob, {"age": 8}, None),
            lambda: machine.update_some(1, its_own, {"age": 8}),
        ):
            machine.begin(1, "serializable", False)
            assert is_kept_out(machine, step)
        machine.end(0)
        assert ages(machine) == [7, 5]


# ---- where a conflict may be, and where not ------------------------------------------------------


@only_on("duckdb", "postgresql", "mariadb")
def test_a_conflict_may_be_where_another_has_been_meanwhile(database_url: str) -> None:
    engine = database_url.partition(":")[0]
    with by_hand(Hero, database_url) as machine:
        actor = machine.actors[0]
        for isolation in [None] if engine == "duckdb" else LEVELS:
            snapshot = isolation in LEVELS[1:]
            expected = {
                "duckdb": (False, False, False),
                # Also with one who has gone again; of a snapshot only.
                "postgresql": (False, snapshot, snapshot),
                # Also without a snapshot; of one who is there only.
                "mariadb": (False, True, False),
            }[engine]
            machine.begin(0, isolation, False)
            alone = actor.may_meet_conflict()
            machine.begin(1, None, True)
            beside = actor.may_meet_conflict()
            machine.end(1)
            afterwards = actor.may_meet_conflict()
            assert (alone, beside, afterwards) == expected
            machine.end(0)
            assert not actor.may_meet_conflict()


@only_on("postgresql")
def test_a_call_of_another_counts_as_a_transaction(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        machine.begin(0, "repeatable read", False)
        machine.find(1, 1)
        assert not machine.actors[0].may_meet_conflict()
        machine.add(1, ADA)
        assert machine.actors[0].may_meet_conflict()
        machine.rollback(0)
        assert not machine.actors[0].may_meet_conflict()


@only_on("postgresql")
def test_where_only_the_database_knows_what_is_the_same_the_other_may_be_in_the_way(
    database_url: str,
) -> None:
    with by_hand(Sign, database_url) as machine:
        machine.begin(0, None, False)
        machine.add(0, Sign(id=1, words="Stop"))
        machine.begin(1, None, False)
        assert machine.add(1, Sign(id=2, words="Go")).values == (2,)
        assert is_kept_out(machine, lambda: machine.add(1, Sign(id=3, words="STOP")))
        machine.end(0)
        assert [row.__dict__["words"] for row in machine.table.rows.values()] == ["Stop"]


@only_on("postgresql")
def test_two_may_have_a_value_that_only_some_rows_must_not_share(database_url: str) -> None:
    with by_hand(Locker, database_url) as machine:
        machine.begin(0, None, False)
        machine.add(0, Locker(id=1, number=3))
        machine.add(0, Locker(id=2, number=8))
        machine.begin(1, None, False)
        assert machine.add(1, Locker(id=3, number=3)).values == (3,)
        assert machine.patch(1, 3, {"number": 4}, None).number == 4
        assert is_kept_out(machine, lambda: machine.add(1, Locker(id=4, number=8)))
        machine.end(0)
