"""Steps of a machine that a test chooses: what the machine expects is what the database does."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from andamios_orm import Model
from andamios_orm.testing.machines import RepositoryMachine
from andamios_orm.testing.machines.repository import _there
from tests.engines import only_on
from tests.integration.testing.machines.models import (
    Hero,
    Locker,
    Page,
    Seat,
    Sign,
    Span,
    Ticket,
    Weight,
    by_hand,
    committed,
    condition,
    everything,
    names,
)

ADA, BOB, CLEO = Hero(name="Ada", age=36), Hero(name="Bob", age=5), Hero(name="Cleo")
ADULTS = condition(Hero.age >= 18, lambda hero: None if hero.age is None else hero.age >= 18)


# ---- call by call --------------------------------------------------------------------------------


def test_a_row_that_was_added_is_expected_from_then_on() -> None:
    with by_hand(Hero) as machine:
        assert machine.add(0, ADA).values == (1,)
        assert names(machine) == ["Ada"]
        assert machine.get(1, 1).name == "Ada"
        machine.find(1, 1)


def test_rows_are_added_together() -> None:
    with by_hand(Seat) as machine:
        seats = [Seat(row=1, letter="A"), Seat(row=1, letter="B", guest="Ada")]
        assert machine.add_all(0, seats).values == ((1, "A"), (1, "B"))
        assert machine.get(0, (1, "B")).guest == "Ada"


def test_no_rows_are_not_added() -> None:
    with by_hand(Hero) as machine:
        assert machine.add_all(0, []).values == ()
        assert machine.upsert_all(0, [], 0).values == ()
        assert names(machine) == []


@pytest.mark.parametrize("rows", [[ADA], [BOB, ADA], [BOB, CLEO, BOB]], ids=len)
def test_a_value_that_is_taken_is_a_failure_which_stores_nothing(rows: list[Hero]) -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        assert machine.add_all(0, rows).values == ()
        assert names(machine) == ["Ada"]


def test_a_key_that_nobody_has_is_not_found_by_any_step() -> None:
    with by_hand(Page) as machine:
        key = machine.stranger(7)
        assert key == 7
        assert machine.get(0, key).values == ()
        machine.find(0, key)
        assert machine.patch(0, key, {"text": "none"}, None).values == ()
        assert machine.patch(0, key, {"text": "none"}, 1).values == ()
        for step in (machine.delete, machine.purge, machine.restore):
            step(0, key)
        assert committed(machine) == []


def test_a_row_that_is_gone_is_neither_updated_nor_deleted() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        ada = machine.get(0, 1)
        machine.delete_seen(0, ada)
        assert machine.update(0, ada, {"age": 7}).values == ()
        machine.delete_seen(0, ada)
        assert names(machine) == []


def test_rows_that_a_condition_means_are_read_changed_and_deleted() -> None:
    with by_hand(Hero) as machine:
        machine.add_all(0, [ADA, BOB, CLEO])
        machine.list_some(0, ADULTS)
        machine.update_some(0, ADULTS, {"age": 90})
        assert {row["name"]: row["age"] for row in committed(machine)} == {
            "Ada": 90,
            "Bob": 5,
            "Cleo": None,
        }
        machine.update_some(0, ADULTS, {})
        machine.delete_some(0, ADULTS)
        assert names(machine) == ["Bob", "Cleo"]
        machine.update_some(0, ADULTS, {"age": 3})
        machine.delete_some(0, ADULTS)
        machine.list_some(0, ADULTS)
        assert names(machine) == ["Bob", "Cleo"]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_are_in_order_whether_values_are_missing_or_not(size: int, descending: bool) -> None:
    with by_hand(Hero) as machine:
        machine.read_pages(0, "age", size, descending)
        machine.add_all(0, [ADA, CLEO, BOB])
        for order in machine.sortable:
            machine.read_pages(0, order, size, descending)


def test_a_model_without_an_order_that_all_engines_share_has_no_pages() -> None:
    with by_hand(Weight) as machine:
        assert machine.sortable == []
        machine.add(0, Weight(kilos=Decimal("1.50")))
        machine.read_pages(0, None, 1, False)


def test_a_change_of_nothing_changes_nothing() -> None:
    with by_hand(Weight) as machine:
        [key] = machine.add(0, Weight(kilos=Decimal("1.50"))).values
        assert machine.patch(0, key, {}, None).kilos == key
        assert machine.update(0, machine.get(0, key), {}).kilos == key
        assert committed(machine) == [{"kilos": key}]


def test_a_change_to_a_value_that_is_taken_is_a_failure() -> None:
    with by_hand(Hero) as machine:
        machine.add_all(0, [ADA, BOB])
        ada = machine.get(0, 1)
        assert machine.update(0, ada, {"name": "Bob"}).values == ()
        assert machine.patch(0, 1, {"name": "Bob"}, None).values == ()
        assert names(machine) == ["Ada", "Bob"]
        # Its own value is nobody else's.
        assert machine.update(0, ada, {"name": "Ada", "age": 1}).age == 1


def test_a_version_counts_only_where_the_model_has_one() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        assert machine.patch(0, 1, {"age": 7}, 3).age == 7
    with by_hand(Page) as machine:
        machine.add(0, Page(title="One"))
        assert machine.patch(0, 1, {"text": "a"}, 3).values == ()
        assert machine.patch(0, 1, {"text": "b"}, 1).version == 2


def test_what_was_changed_since_it_was_read_is_stale() -> None:
    with by_hand(Page) as machine:
        machine.add(0, Page(title="One"))
        page = machine.get(0, 1)
        machine.patch(1, 1, {"text": "theirs"}, None)
        assert machine.update(0, page, {"text": "mine"}).values == ()
        machine.delete_seen(0, page)
        assert committed(machine) == [{"title": "One", "text": "theirs"}]


# ---- what the library keeps ----------------------------------------------------------------------


def test_a_row_that_is_marked_is_out_of_sight_and_can_come_back() -> None:
    with by_hand(Page) as machine:
        machine.add_all(0, [Page(title="One"), Page(title="Two")])
        machine.delete(0, 1)
        machine.delete(0, 1)
        assert machine.get(0, 1).values == ()
        machine.list_some(0, everything(Page))
        machine.read_pages(0, "title", 1, False)
        assert machine.add(0, Page(title="One")).values == ()
        machine.restore(0, 1)
        machine.restore(0, 1)
        assert machine.get(0, 1).version == 3
        machine.list_some(0, everything(Page))


def test_rows_are_marked_together_and_removed_for_good() -> None:
    with by_hand(Page) as machine:
        machine.add_all(0, [Page(title="One"), Page(title="Two")])
        machine.delete_some(0, everything(Page))
        assert len(machine.table.rows) == 2
        machine.purge(0, 1)
        machine.restore(0, 2)
        machine.purge(0, 2)
        assert machine.table.rows == {}


def test_without_marks_nothing_is_restored() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        machine.restore(0, 1)
        assert names(machine) == ["Ada"]


# ---- rules for the row as a whole ----------------------------------------------------------------


def test_a_change_that_the_model_refuses_as_a_whole_is_not_tried() -> None:
    with by_hand(Span) as machine:
        machine.add(0, Span(id=1, first=2, last=5))
        span = machine.get(0, 1)
        assert machine.update(0, span, {"first": 6}).values == ()
        assert machine.patch(0, 1, {"last": 1}, None).values == ()
        machine.update_some(0, everything(Span), {"last": 1})
        assert machine.upsert(0, Span(id=1, first=8), 0).values == ()
        assert committed(machine) == [{"id": 1, "first": 2, "last": 5}]


def test_a_change_that_the_model_takes_as_a_whole_is_made() -> None:
    with by_hand(Span) as machine:
        machine.add(0, Span(id=1, first=2, last=5))
        assert machine.update(0, machine.get(0, 1), {"first": 3}).first == 3
        assert machine.patch(0, 1, {"last": 4}, None).last == 4
        machine.update_some(0, everything(Span), {"last": 6})
        assert machine.upsert(0, Span(id=1, first=5), 0).values == (1,)
        assert committed(machine) == [{"id": 1, "first": 5, "last": 6}]


# ---- upserts -------------------------------------------------------------------------------------


def test_an_upsert_adds_or_changes_what_was_given() -> None:
    with by_hand(Hero) as machine:
        assert machine.upsert(0, ADA, 0).values == (1,)
        assert machine.upsert(0, Hero(name="Ada", age=7), 0).values == (1,)
        assert committed(machine) == [{"name": "Ada", "age": 7, "team_id": None}]
        assert machine.upsert(0, Hero(name="Ada"), 0).values == (1,)
        assert committed(machine) == [{"name": "Ada", "age": 7, "team_id": None}]


def test_an_upsert_that_gives_nothing_but_the_key_leaves_the_row() -> None:
    with by_hand(Seat) as machine:
        machine.add(0, Seat(row=1, letter="A", guest="Ada"))
        assert machine.upsert(0, Seat(row=1, letter="A"), 0).values == ((1, "A"),)
        assert committed(machine) == [{"row": 1, "letter": "A", "guest": "Ada"}]
        # A row that is left as it is keeps nobody from it.
        machine.begin(0, None, False)
        machine.upsert(0, Seat(row=1, letter="A"), 0)
        assert machine.actors[0].view.locks.rows == set()
        machine.upsert(0, Seat(row=1, letter="A", guest="Bob"), 0)
        assert machine.actors[0].view.locks.rows == {(1, "A")}


def test_upserts_add_and_change_together() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        rows = [BOB, Hero(name="Ada", age=1), CLEO]
        assert machine.upsert_all(0, rows, 0).values[1] == 1
        assert {row["name"]: row["age"] for row in committed(machine)} == {
            "Ada": 1,
            "Bob": 5,
            "Cleo": None,
        }


def test_rows_whose_keys_are_small_numbers_are_not_taken_for_places_in_a_batch() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, Hero(name="Cleo", age=40))
        # Bob is row 1 of the batch, counted from 0, and Cleo's key is 1.
        assert machine.upsert_all(0, [ADA, BOB, Hero(name="Cleo")], 0).values[2] == 1
        assert {row["name"]: row["age"] for row in committed(machine)} == {
            "Cleo": 40,
            "Ada": 36,
            "Bob": 5,
        }


def test_two_rows_of_one_key_are_refused_and_one_alone_is_not() -> None:
    with by_hand(Hero) as machine:
        assert machine.upsert_all(0, [ADA, Hero(name="Ada")], 0).values == ()
        assert names(machine) == []
        assert machine.upsert_all(0, [ADA], 0).values == (1,)


def test_an_upsert_of_a_row_that_is_marked_is_a_failure() -> None:
    with by_hand(Page) as machine:
        machine.add(0, Page(title="One"))
        machine.delete(0, 1)
        assert machine.upsert(0, Page(title="One", text="again"), 0).values == ()
        assert machine.upsert_all(0, [Page(title="One", text="again")], 0).values == ()
        assert machine.upsert_all(0, [Page(title="Two"), Page(title="One")], 0).values == ()
        assert [page["title"] for page in committed(machine)] == ["One"]


def test_an_upsert_by_one_key_may_meet_another_row_by_another() -> None:
    with by_hand(Ticket) as machine:
        [by_id, by_place] = range(2)
        assert [target.names for target in machine.targets] == [("id",), ("place",)]
        first = Ticket(title="one", place=1)
        machine.add(0, first)
        # The place is taken by a row of another id.
        assert machine.upsert(0, Ticket(title="two", place=1), by_id).values == ()
        assert machine.upsert_all(0, [Ticket(title="two", place=1)], by_id).values == ()
        assert machine.upsert(0, Ticket(title="two", place=1), by_place).values == (first.id,)
        assert [ticket["title"] for ticket in committed(machine)] == ["two"]


def test_an_upsert_by_a_key_that_is_missing_means_no_row() -> None:
    with by_hand(Ticket) as machine:
        assert machine.upsert(0, Ticket(title="one"), 1).values == ()
        assert machine.upsert_all(0, [Ticket(title="one"), Ticket(title="two", place=1)], 1)
        assert committed(machine) == []


def test_without_a_key_that_a_program_gives_there_is_no_upsert() -> None:
    with by_hand(Hero) as machine:
        assert machine.upsert(0, ADA, None).values == ()
        assert names(machine) == []


# ---- keys of which only the database knows ------------------------------------------------------


def test_where_only_the_database_knows_what_is_the_same_both_ends_are_right() -> None:
    with by_hand(Sign) as machine:
        stop, go = Sign(id=1, words="Stop"), Sign(id=2, words="Go")
        assert machine.add(0, stop).values == (1,)
        assert machine.add(0, Sign(id=3, words="STOP")).values == ()
        assert machine.add(0, go).values == (2,)
        assert machine.patch(0, 2, {"words": "sTOP"}, None).values == ()
        assert machine.patch(0, 2, {"words": "Wait"}, None).words == "Wait"
        assert machine.upsert(0, Sign(id=2, words="stop"), 0).values == ()
        assert machine.upsert(0, Sign(id=2, words="Run"), 0).values == (2,)
        assert machine.upsert(0, Sign(id=3, words="RUN"), 0).values == ()
        assert [sign["words"] for sign in committed(machine)] == ["Stop", "Run"]


def test_a_value_that_only_some_rows_must_not_share_is_taken_or_not() -> None:
    with by_hand(Locker) as machine:
        assert machine.add(0, Locker(id=1, number=3)).values == (1,)
        assert machine.add(0, Locker(id=2, number=3)).values == (2,)
        assert machine.add(0, Locker(id=3, number=8)).values == (3,)
        assert machine.add(0, Locker(id=4, number=8)).values == ()
        assert machine.patch(0, 1, {"number": 8}, None).values == ()
        assert machine.patch(0, 1, {"number": 9}, None).number == 9
        assert len(machine.targets) == 1


# ---- sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_session", [False, True])
def test_it_starts_inside_a_session_or_not(in_session: bool) -> None:
    with by_hand(Hero) as machine:
        machine.start(in_session, None)
        assert machine.actors[0].is_in_session is in_session
        assert machine.actors[0].may_write
        assert not machine.actors[1].is_in_session


def test_what_a_session_does_is_kept_by_its_commit_and_by_its_end() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        assert names(machine) == []
        machine.commit(0)
        assert names(machine) == ["Ada"]
        machine.add(0, BOB)
        machine.end(0)
        assert names(machine) == ["Ada", "Bob"]
        assert not machine.actors[0].is_in_session


def test_what_a_session_does_is_undone_by_its_rollback_and_by_a_failure() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.rollback(0)
        machine.add(0, BOB)
        machine.fail(0)
        assert names(machine) == []
        assert not machine.actors[0].is_in_session
        machine.add(0, CLEO)
        assert names(machine) == ["Cleo"]


STEPS: list[Callable[[RepositoryMachine], Any]] = [
    lambda m: m.add(0, CLEO),
    lambda m: m.add_all(0, [CLEO]),
    lambda m: m.get(0, 1),
    lambda m: m.find(0, 1),
    lambda m: m.list_some(0, ADULTS),
    lambda m: m.read_pages(0, "age", 1, False),
    lambda m: m.update(0, m.table.rows[1,], {"age": 7}),
    lambda m: m.patch(0, 1, {"age": 7}, None),
    lambda m: m.upsert(0, Hero(name="Ada", age=7), 0),
    lambda m: m.upsert_all(0, [Hero(name="Ada", age=7)], 0),
    lambda m: m.update_some(0, ADULTS, {"age": 7}),
    lambda m: m.delete(0, 1),
    lambda m: m.delete_seen(0, m.table.rows[1,]),
    lambda m: m.purge(0, 1),
    lambda m: m.delete_some(0, ADULTS),
    lambda m: m.nest(0),
    lambda m: m.commit(0),
]


@pytest.fixture(scope="module")
def aborted() -> Any:
    """A machine whose first actor is in a session in which a statement has failed."""
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        machine.begin(0, None, False)
        machine.add(0, BOB)
        machine.add(0, ADA)
        yield machine
        machine.end(0)
        assert names(machine) == ["Ada"]


@pytest.mark.parametrize("step", STEPS)
def test_after_a_failure_a_session_takes_no_step(
    step: Callable[[RepositoryMachine], Any], aborted: RepositoryMachine
) -> None:
    done = step(aborted)
    assert done is None or done.values == ()
    assert aborted.actors[0].is_aborted
    assert aborted.actors[0].depth == 0


def test_after_a_failure_a_rollback_goes_on() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add_all(0, [ADA, ADA])
        assert [actor.is_aborted for actor in machine.actors] == [True, False]
        machine.rollback(0)
        assert [actor.is_aborted for actor in machine.actors] == [False, False]
        assert machine.add(0, ADA).values != ()
        machine.end(0)
        assert names(machine) == ["Ada"]


def test_what_is_not_found_or_refused_ends_no_session() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.get(0, 7)
        machine.upsert_all(0, [BOB, BOB], 0)
        assert not machine.actors[0].is_aborted
        machine.end(0)
        assert names(machine) == ["Ada"]


# ---- parts of a transaction ----------------------------------------------------------------------


@only_on("postgresql", "mariadb")
def test_a_part_that_is_undone_goes_with_what_the_engine_saw_in_it(database_url: str) -> None:
    with by_hand(Hero, database_url) as machine:
        (key,) = machine.add(1, ADA).values
        machine.begin(0, "repeatable read", True)
        machine.nest(0)
        machine.delete(1, key)
        machine.undo(0)
        machine.end(0)


def test_a_part_that_ends_well_is_kept() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.nest(0)
        machine.add(0, ADA)
        machine.leave(0)
        machine.rollback(0)
        assert names(machine) == []
        machine.nest(0)
        machine.add(0, ADA)
        machine.leave(0)
        machine.end(0)
        assert names(machine) == ["Ada"]


def test_a_part_can_be_undone_alone() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.nest(0)
        machine.add(0, BOB)
        machine.nest(0)
        machine.add(0, CLEO)
        machine.leave(0)
        machine.undo(0)
        machine.end(0)
        assert names(machine) == ["Ada"]


def test_a_failure_in_a_part_is_over_when_the_part_is_undone() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        for end in (machine.leave, machine.undo):
            machine.nest(0)
            machine.add(0, BOB)
            machine.add(0, ADA)
            assert machine.actors[0].is_aborted
            machine.nest(0)  # is refused
            assert machine.actors[0].depth == 1
            end(0)
            assert not machine.actors[0].is_aborted
        machine.end(0)
        assert names(machine) == ["Ada"]


def test_inside_a_part_a_transaction_neither_commits_nor_rolls_back() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.add(0, ADA)
        machine.nest(0)
        machine.commit(0)
        machine.rollback(0)
        assert machine.actors[0].depth == 1
        machine.leave(0)
        assert names(machine) == []
        machine.end(0)
        assert names(machine) == ["Ada"]


def test_the_end_of_a_session_ends_its_parts() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        for hero in (ADA, BOB, CLEO):
            machine.nest(0)
            machine.add(0, hero)
        assert not machine.actors[0].may_nest
        machine.end(0)
        assert names(machine) == ["Ada", "Bob", "Cleo"]


def test_a_failure_that_leaves_a_session_undoes_its_parts() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.nest(0)
        machine.add(0, ADA)
        machine.nest(0)
        machine.add(0, BOB)
        machine.fail(0)
        assert names(machine) == []
        assert machine.actors[0].depth == 0


# ---- the machine itself --------------------------------------------------------------------------


def test_a_machine_begins_with_an_empty_table() -> None:
    with by_hand(Hero) as machine:
        machine.add(0, ADA)
        again = type(machine)()
        again.list_some(0, everything(Hero))
        again.teardown()
        machine.table.rows.clear()


def test_the_rows_that_are_there_are_those_that_either_of_them_sees(tmp_path: Path) -> None:
    with by_hand(Page, f"sqlite:///{tmp_path / 'pages.db'}") as machine:
        machine.add_all(0, [Page(title="One"), Page(title="Two")])
        machine.delete(0, 1)
        machine.begin(1, None, True)
        machine.list_some(1, everything(Page))
        machine.add(0, Page(title="Three"))
        there = [page.__dict__["title"] for page in _there(machine)]
        assert sorted(there) == ["One", "One", "Three", "Two", "Two"]


def test_what_is_open_in_the_end_is_undone() -> None:
    with by_hand(Hero) as machine:
        machine.begin(0, None, False)
        machine.nest(0)
        machine.add(0, ADA)
        machine.teardown()
        assert names(machine) == []
        machine.find(0, 1)


def test_what_is_wrong_is_told_in_the_end_at_the_latest() -> None:
    with by_hand(Hero, faulty=True) as machine:
        machine.add(0, ADA)
        machine.playground.empty()
        with pytest.raises(AssertionError, match=r"there are the rows \[\], not \[Hero"):
            machine.teardown()


@pytest.mark.parametrize("model", [Hero, Seat, Page, Ticket])
def test_a_machine_without_a_database_has_one_of_its_own(model: type[Model]) -> None:
    machine = RepositoryMachine.for_model(model, "sqlite://")()
    assert machine.shared is machine.playground
    machine.teardown()
    assert machine.shared is None
