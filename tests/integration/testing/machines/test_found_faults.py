"""One fault of a repository or of a session at a time, and the steps of a machine that tell it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from andamios_orm import Model, Repository, Session
from andamios_orm.database.connection import DriverConnection
from andamios_orm.errors import NotFound, TransactionConflict, UniqueViolation
from andamios_orm.repositories.query import Query
from andamios_orm.testing.machines import RepositoryMachine
from andamios_orm.testing.machines.actors import Failed, Undone
from tests.integration.testing.machines.models import (
    Hero,
    Page,
    by_hand,
    condition,
)

ADA, BOB = Hero(name="Ada", age=36), Hero(name="Bob", age=5)
ADULTS = condition(Hero.age >= 18, lambda hero: hero.age >= 18)


@dataclass(frozen=True)
class Fault:
    """What `wrong` does in place of a method, which it is given as well."""

    told: str
    name: str
    wrong: Callable[..., Any]
    steps: Callable[[RepositoryMachine], object]
    model: type[Model] = Hero
    owner: type = Repository
    raises: type[Exception] = AssertionError

    def __str__(self) -> str:
        return self.wrong.__name__


def steps(*taken: Callable[[RepositoryMachine], object]) -> Callable[[RepositoryMachine], None]:
    def take(machine: RepositoryMachine) -> None:
        for step in taken:
            step(machine)

    return take


def added(*rows: Model) -> Callable[[RepositoryMachine], object]:
    return lambda machine: machine.add_all(0, list(rows))


def begun(machine: RepositoryMachine) -> None:
    machine.begin(0, None, False)


def marked(machine: RepositoryMachine) -> None:
    machine.add(0, Page(title="One"))
    machine.delete(0, 1)


async def does_nothing(right: Any, *given: Any, **named: Any) -> None:
    pass


# ---- what is stored ------------------------------------------------------------------------------


async def an_add_that_stores_nothing(right: Any, heroes: Any, hero: Hero) -> Hero:
    return hero.model_copy(update={"id": 1})


async def an_add_that_stores_another_value(right: Any, heroes: Any, hero: Hero) -> Any:
    return await right(heroes, hero.model_copy(update={"age": 3}))


async def an_add_that_hushes_a_failure(right: Any, heroes: Any, hero: Hero) -> Any:
    try:
        return await right(heroes, hero)
    except UniqueViolation:
        return hero.model_copy(update={"id": 4711})


async def a_batch_that_is_stored_one_by_one(right: Any, heroes: Any, rows: list[Hero]) -> Any:
    return [await heroes.add(row) for row in rows]


async def a_batch_that_gives_back_too_few(right: Any, heroes: Any, rows: list[Hero]) -> Any:
    return (await right(heroes, rows))[1:]


STORING = [
    Fault(
        r"there are the rows \[\], not \[Hero\(name='Ada'",
        "add",
        an_add_that_stores_nothing,
        lambda m: m.add(0, ADA),
    ),
    Fault("age is 3, not 36", "add", an_add_that_stores_another_value, lambda m: m.add(0, ADA)),
    Fault(
        r"UniqueViolation was to be raised, and \[Hero\(.*id=4711",
        "add",
        an_add_that_hushes_a_failure,
        steps(added(ADA), lambda m: m.add(0, ADA)),
    ),
    Fault(
        r"there are the rows \[Hero\(id=1, name='Bob', .*not \[\]",
        "add_all",
        a_batch_that_is_stored_one_by_one,
        added(BOB, ADA, ADA),
    ),
    Fault(
        "the number of rows is 1, not 2",
        "add_all",
        a_batch_that_gives_back_too_few,
        added(ADA, BOB),
    ),
]


# ---- what is read --------------------------------------------------------------------------------


async def a_get_of_another_row(right: Any, heroes: Any, key: int) -> Any:
    return await right(heroes, 3 - key)


async def a_get_that_finds_nothing(right: Any, heroes: Any, key: int) -> Any:
    return await right(heroes, 4711)


async def a_get_of_a_row_that_is_marked(right: Any, pages: Any, key: int) -> Any:
    return await right(pages.with_deleted(), key)


async def a_find_that_finds_nothing(right: Any, heroes: Any, key: int) -> None:
    return None


async def a_find_that_finds_any_row(right: Any, heroes: Any, key: int) -> Any:
    return await right(heroes, 1)


def a_filter_that_returns_too_much(right: Any, heroes: Any, *conditions: Any) -> Any:
    return right(heroes)


async def a_list_that_loses_a_row(right: Any, query: Any) -> Any:
    return (await right(query))[1:]


async def a_count_of_too_many(right: Any, query: Any) -> int:
    return int(await right(query)) + 1


async def nothing_that_exists(right: Any, query: Any) -> bool:
    return False


async def a_row_that_is_read_twice(right: Any, heroes: Any) -> Any:
    return (await right(heroes)) * 2


async def a_page_that_loses_a_row(right: Any, query: Any, **named: Any) -> Any:
    page = await right(query, **named)
    return replace(page, items=page.items[:1])


async def pages_that_lose_a_row_on_the_way_back(right: Any, query: Any, **named: Any) -> Any:
    page = await right(query, **named)
    return replace(page, items=page.items[:1] if "before" in named else page.items)


async def pages_that_turn_round_on_the_way_back(right: Any, query: Any, **named: Any) -> Any:
    page = await right(query, **named)
    return replace(page, items=page.items[::-1] if "before" in named else page.items)


def an_order_that_nobody_asked_for(right: Any, heroes: Any, *keys: Any) -> Any:
    return right(heroes, Hero.id)


def by_age(machine: RepositoryMachine, *, descending: bool = False) -> None:
    machine.read_pages(0, "age", 2, descending)


READING = [
    Fault(
        "id is 2, not 1",
        "get",
        a_get_of_another_row,
        steps(added(ADA, BOB), lambda m: m.get(0, 1)),
    ),
    Fault(
        "no Hero has this primary key",
        "get",
        a_get_that_finds_nothing,
        steps(added(ADA), lambda m: m.get(0, 1)),
        raises=NotFound,
    ),
    Fault(
        r"NotFound was to be raised, and Page\(",
        "get",
        a_get_of_a_row_that_is_marked,
        steps(marked, lambda m: m.get(0, 1)),
        model=Page,
    ),
    Fault(
        r"there are the rows \[None\], not \[Hero",
        "find",
        a_find_that_finds_nothing,
        steps(added(ADA), lambda m: m.find(0, 1)),
    ),
    Fault(
        r"there are the rows \[Hero\(.*\], not \[None\]",
        "find",
        a_find_that_finds_any_row,
        steps(added(ADA), lambda m: m.find(0, 2)),
    ),
    Fault(
        r"there are the rows \[Hero\(id=1.*Hero\(id=2.*\], not \[Hero\(id=1[^)]*\)\]",
        "where",
        a_filter_that_returns_too_much,
        steps(added(ADA, BOB), lambda m: m.list_some(0, ADULTS)),
    ),
    Fault(
        r"there are the rows \[\], not \[Hero\(id=1",
        "all",
        a_list_that_loses_a_row,
        steps(added(ADA), lambda m: m.list_some(0, ADULTS)),
        owner=Query,
    ),
    Fault(
        r"count\(\) is 2, not 1",
        "count",
        a_count_of_too_many,
        steps(added(ADA, BOB), lambda m: m.list_some(0, ADULTS)),
        owner=Query,
    ),
    Fault(
        r"exists\(\) is False, not True",
        "exists",
        nothing_that_exists,
        steps(added(ADA, BOB), lambda m: m.list_some(0, ADULTS)),
        owner=Query,
    ),
    Fault("the number of different keys is 1, not 2", "all", a_row_that_is_read_twice, added(ADA)),
    Fault(
        r"there are the rows \[Hero\(id=2[^)]*\), Hero\(id=3[^)]*\)\], not",
        "page",
        a_page_that_loses_a_row,
        steps(added(ADA, BOB, Hero(name="Cleo", age=40)), by_age),
        owner=Query,
    ),
    Fault(
        "the pages backwards is",
        "page",
        pages_that_lose_a_row_on_the_way_back,
        steps(added(ADA, BOB, Hero(name="Cleo", age=40)), by_age),
        owner=Query,
    ),
    Fault(
        "the pages backwards is",
        "page",
        pages_that_turn_round_on_the_way_back,
        steps(added(ADA, BOB, Hero(name="Cleo", age=40)), by_age),
        owner=Query,
    ),
    Fault(
        r"the order is \[36, 5\], not \[5, 36\]",
        "order_by",
        an_order_that_nobody_asked_for,
        steps(added(ADA, BOB), by_age),
    ),
    Fault(
        r"the order is \[5, 36\], not \[36, 5\]",
        "order_by",
        an_order_that_nobody_asked_for,
        steps(added(BOB, Hero(name="Nan"), ADA), lambda m: by_age(m, descending=True)),
    ),
]


# ---- what is changed -----------------------------------------------------------------------------


async def an_update_that_is_lost(right: Any, heroes: Any, hero: Hero) -> Any:
    stored = await right(heroes, hero.model_copy(update={"age": 3}))
    return stored.model_copy(update={"age": hero.age})


async def an_update_of_another_row_as_well(right: Any, heroes: Any, hero: Hero) -> Any:
    await heroes.patch(2, Hero.age.set(3))
    return await right(heroes, hero)


async def an_update_that_overlooks_another(right: Any, pages: Any, page: Page) -> Any:
    there = await pages.get(page.id)
    return await right(pages, page.model_copy(update={"version": there.version}))


async def an_update_that_is_not_counted(right: Any, pages: Any, page: Page) -> Any:
    stored = await right(pages, page)
    return stored.model_copy(update={"version": page.version})


async def an_update_of_what_is_marked(right: Any, pages: Any, page: Page) -> Any:
    found = await pages.with_deleted().get(page.id)
    return found.model_copy(update={"text": page.text})


async def a_patch_that_leaves_out_a_field(
    right: Any, heroes: Any, key: int, *changes: Any, if_version: Any
) -> Any:
    return await right(heroes, key, *changes[:-1], if_version=if_version)


async def a_patch_that_overlooks_the_version(
    right: Any, tickets: Any, key: object, *changes: Any, if_version: Any
) -> Any:
    return await right(tickets, key, *changes)


async def an_upsert_that_ignores_what_it_is_given(
    right: Any, heroes: Any, hero: Hero, *, on: Any
) -> Any:
    found = await heroes.where(Hero.name == hero.name).first()
    return found or await right(heroes, hero, on=on)


async def an_upsert_of_what_was_not_given(right: Any, heroes: Any, hero: Hero, *, on: Any) -> Any:
    return await right(heroes, hero, on=on, update=[Hero.age])


async def an_upsert_that_only_adds(right: Any, heroes: Any, hero: Hero, *, on: Any) -> Any:
    return await heroes.add(hero)


async def an_upsert_that_wakes_what_is_marked(
    right: Any, pages: Any, page: Page, *, on: Any
) -> Any:
    return await pages.restore(1)


async def upserts_that_leave_the_last_row(
    right: Any, heroes: Any, rows: list[Hero], *, on: Any
) -> Any:
    return await right(heroes, rows[:-1], on=on)


async def upserts_that_give_one_row_twice(
    right: Any, heroes: Any, rows: list[Hero], *, on: Any
) -> Any:
    return await right(heroes, rows[:-1], on=on) * 2


async def a_change_of_nothing_that_counts(right: Any, query: Any, *changes: Any) -> Any:
    return await query.count()


async def a_change_that_counts_too_few(right: Any, query: Any, *changes: Any) -> Any:
    return await right(query, *changes) - 1


async def a_change_that_removes_rows(right: Any, query: Any, *changes: Any) -> Any:
    return await query.delete()


CHANGING = [
    Fault(
        "age is 3, not 7",
        "update",
        an_update_that_is_lost,
        steps(added(ADA), lambda m: m.update(0, m.get(0, 1), {"age": 7})),
    ),
    Fault(
        "age is 3, not 5",
        "update",
        an_update_of_another_row_as_well,
        steps(added(ADA, BOB), lambda m: m.update(0, m.get(0, 1), {"age": 7})),
    ),
    Fault(
        r"StaleVersion was to be raised, and Page\(",
        "update",
        an_update_that_overlooks_another,
        lambda m: overtaken(m, lambda page: m.update(0, page, {"text": "mine"})),
        model=Page,
    ),
    Fault(
        "version is 1, not 2",
        "update",
        an_update_that_is_not_counted,
        steps(added(Page(title="One")), lambda m: m.update(0, m.get(0, 1), {"text": "mine"})),
        model=Page,
    ),
    Fault(
        r"NotFound was to be raised, and Page\(",
        "update",
        an_update_of_what_is_marked,
        lambda m: removed(m, lambda page: m.update(0, page, {"text": "mine"})),
        model=Page,
    ),
    Fault(
        "age is 36, not 7",
        "patch",
        a_patch_that_leaves_out_a_field,
        steps(added(ADA), lambda m: m.patch(0, 1, {"name": "Eve", "age": 7}, None)),
    ),
    Fault(
        r"StaleVersion was to be raised, and Page\(",
        "patch",
        a_patch_that_overlooks_the_version,
        steps(added(Page(title="One")), lambda m: m.patch(0, 1, {"text": "mine"}, 2)),
        model=Page,
    ),
    Fault(
        "age is 36, not 7",
        "upsert",
        an_upsert_that_ignores_what_it_is_given,
        steps(added(ADA), lambda m: m.upsert(0, Hero(name="Ada", age=7), 0)),
    ),
    Fault(
        "age is None, not 36",
        "upsert",
        an_upsert_of_what_was_not_given,
        steps(added(ADA), lambda m: m.upsert(0, Hero(name="Ada", team_id=None), 0)),
    ),
    Fault(
        "another row already has this `name`",
        "upsert",
        an_upsert_that_only_adds,
        steps(added(ADA), lambda m: m.upsert(0, Hero(name="Ada", age=7), 0)),
        raises=UniqueViolation,
    ),
    Fault(
        r"UniqueViolation was to be raised, and \[Page\(",
        "upsert",
        an_upsert_that_wakes_what_is_marked,
        steps(marked, lambda m: m.upsert(0, Page(title="One"), 0)),
        model=Page,
    ),
    Fault(
        "the number of rows is 1, not 2",
        "upsert_all",
        upserts_that_leave_the_last_row,
        lambda m: m.upsert_all(0, [ADA, BOB], 0),
    ),
    Fault(
        "name is 'Ada', not 'Bob'",
        "upsert_all",
        upserts_that_give_one_row_twice,
        lambda m: m.upsert_all(0, [ADA, BOB], 0),
    ),
    Fault(
        r"UsageError was to be raised, and \[Hero\(",
        "upsert_all",
        upserts_that_leave_the_last_row,
        lambda m: m.upsert_all(0, [ADA, ADA], 0),
    ),
    Fault(
        "age is 36, not 7",
        "update",
        a_change_of_nothing_that_counts,
        steps(added(ADA, BOB), lambda m: m.update_some(0, ADULTS, {"age": 7})),
        owner=Query,
    ),
    Fault(
        "the number of rows is 0, not 1",
        "update",
        a_change_that_counts_too_few,
        steps(added(ADA, BOB), lambda m: m.update_some(0, ADULTS, {"age": 7})),
        owner=Query,
    ),
    Fault(
        r"the rows with the keys \{\(1,\)\} are gone",
        "update",
        a_change_that_removes_rows,
        steps(added(ADA, BOB), lambda m: m.update_some(0, ADULTS, {"age": 7})),
        owner=Query,
    ),
]


def overtaken(machine: RepositoryMachine, change: Callable[[Page], object]) -> None:
    """Somebody else changes a row between reading and changing it."""
    machine.add(0, Page(title="One"))
    page = machine.get(0, 1)
    machine.patch(1, 1, {"text": "theirs"}, None)
    change(page)


def removed(machine: RepositoryMachine, change: Callable[[Page], object]) -> None:
    """The same, and it is marked as deleted."""
    machine.add(0, Page(title="One"))
    page = machine.get(0, 1)
    machine.delete(1, 1)
    change(page)


# ---- what is removed -----------------------------------------------------------------------------


async def a_delete_of_all(right: Any, heroes: Any, target: object) -> None:
    for hero in await heroes.all():
        await right(heroes, hero.id)


async def a_delete_for_good(right: Any, pages: Any, target: Any) -> None:
    await pages.purge(target)


async def a_delete_that_overlooks_another(right: Any, pages: Any, page: Page) -> None:
    await right(pages, page.id)


async def a_purge_that_marks(right: Any, pages: Any, key: object) -> None:
    await pages.delete(key)


async def a_delete_of_none_that_counts(right: Any, query: Any) -> Any:
    return await query.count()


async def a_restore_of_what_stands(right: Any, pages: Any, key: object) -> Any:
    return await pages.get(key)


async def a_restore_that_leaves_the_mark(right: Any, pages: Any, key: object) -> Any:
    return await pages.with_deleted().get(key)


REMOVING = [
    Fault(
        r"there are the rows \[Hero\(id=1.*\], not \[\]",
        "delete",
        does_nothing,
        steps(added(ADA), lambda m: m.delete(0, 1)),
    ),
    Fault(
        "NotFound was to be raised, and True came back",
        "delete",
        does_nothing,
        lambda m: m.delete(0, 1),
    ),
    Fault(
        r"there are the rows \[\], not \[Hero\(id=2",
        "delete",
        a_delete_of_all,
        steps(added(ADA, BOB), lambda m: m.delete(0, 1)),
    ),
    Fault(
        r"the rows with the keys \{\(1,\)\} are gone",
        "delete",
        a_delete_for_good,
        marked,
        model=Page,
    ),
    Fault(
        "StaleVersion was to be raised, and True came back",
        "delete",
        a_delete_that_overlooks_another,
        lambda m: overtaken(m, lambda page: m.delete_seen(0, page)),
        model=Page,
    ),
    Fault(
        r"there are the rows \[Page\(.*\], not \[\]",
        "purge",
        a_purge_that_marks,
        steps(added(Page(title="One")), lambda m: m.purge(0, 1)),
        model=Page,
    ),
    Fault(
        r"there are the rows \[Hero\(id=1.*\], not \[Hero\(id=2[^)]*\)\]",
        "delete",
        a_delete_of_none_that_counts,
        steps(added(ADA, BOB), lambda m: m.delete_some(0, ADULTS)),
        owner=Query,
    ),
    Fault(
        "NotFound was to be raised, and Page",
        "restore",
        a_restore_of_what_stands,
        steps(added(Page(title="One")), lambda m: m.restore(0, 1)),
        model=Page,
    ),
    Fault(
        "deleted_at is .*, not None",
        "restore",
        a_restore_that_leaves_the_mark,
        steps(marked, lambda m: m.restore(0, 1)),
        model=Page,
    ),
]


# ---- sessions ------------------------------------------------------------------------------------


async def a_rollback_that_keeps_a_row(right: Any, session: Session) -> None:
    await session.commit()


async def a_commit_that_keeps_nothing(right: Any, session: Session) -> None:
    await session.rollback()


async def an_end_that_keeps_nothing(right: Any, session: Session, *how: Any) -> Any:
    error = Failed("it has not")
    return await right(session, Failed, error, None)


async def an_error_that_commits(right: Any, session: Session, *how: Any) -> Any:
    return await right(session, None, None, None)


async def a_savepoint_that_leaks(
    right: Any, session: Session, connection: DriverConnection, name: str
) -> None:
    await connection.command(f"RELEASE SAVEPOINT {name}")


def anything_inside_a_savepoint(right: Any, session: Session, verb: str) -> None:
    pass


def a_savepoint_that_hides_an_error(right: Any, session: Session) -> Any:
    return hiding(right(session))


@asynccontextmanager
async def hiding(block: Any) -> AsyncIterator[Any]:
    with suppress(Undone, Failed):
        async with block as entered:
            yield entered


def a_savepoint_that_raises_another_error(right: Any, session: Session) -> Any:
    return replacing(right(session))


@asynccontextmanager
async def replacing(block: Any) -> AsyncIterator[Any]:
    try:
        async with block as entered:
            yield entered
    except Undone:
        raise Undone from None


async def a_conflict_with_nobody(right: Any, *given: Any) -> None:
    raise TransactionConflict("two of one row", "try it again")


def nested(machine: RepositoryMachine) -> None:
    begun(machine)
    machine.nest(0)


ENDING = [
    Fault(
        r"there are the rows \[Hero\(id=1.*\], not \[\]",
        "rollback",
        a_rollback_that_keeps_a_row,
        steps(begun, added(ADA), lambda m: m.rollback(0)),
        owner=Session,
    ),
    Fault(
        r"there are the rows \[\], not \[Hero\(id=1",
        "commit",
        a_commit_that_keeps_nothing,
        steps(begun, added(ADA), lambda m: m.commit(0)),
        owner=Session,
    ),
    Fault(
        r"there are the rows \[\], not \[Hero\(id=1",
        "__aexit__",
        an_end_that_keeps_nothing,
        steps(begun, added(ADA), lambda m: m.end(0)),
        owner=Session,
    ),
    Fault(
        r"there are the rows \[Hero\(id=1.*\], not \[\]",
        "__aexit__",
        an_error_that_commits,
        steps(begun, added(ADA), lambda m: m.fail(0)),
        owner=Session,
    ),
    Fault(
        r"there are the rows \[Hero\(id=1.*\], not \[\]",
        "_undone",
        a_savepoint_that_leaks,
        steps(nested, added(ADA), lambda m: m.undo(0)),
        owner=Session,
    ),
    *(
        Fault(
            "has hidden the error that it was left with",
            "savepoint",
            wrong,
            steps(nested, lambda m: m.undo(0)),
            owner=Session,
            raises=Failed,
        )
        for wrong in (a_savepoint_that_hides_an_error, a_savepoint_that_raises_another_error)
    ),
    Fault(
        "has hidden the error that it was left with",
        "savepoint",
        a_savepoint_that_hides_an_error,
        steps(nested, lambda m: m.fail(0)),
        owner=Session,
        raises=Failed,
    ),
    Fault(
        "SessionMisuse was to be raised, and was not",
        "_refuse_inside_savepoint",
        anything_inside_a_savepoint,
        steps(nested, lambda m: m.commit(0)),
        owner=Session,
        raises=Failed,
    ),
    Fault(
        "SessionMisuse was to be raised, and was not",
        "_refuse_inside_savepoint",
        anything_inside_a_savepoint,
        steps(nested, lambda m: m.rollback(0)),
        owner=Session,
        raises=Failed,
    ),
    Fault(
        "two of one row",
        "commit",
        a_conflict_with_nobody,
        steps(begun, lambda m: m.commit(0)),
        owner=Session,
        raises=TransactionConflict,
    ),
    Fault(
        "two of one row",
        "all",
        a_conflict_with_nobody,
        added(ADA),
        raises=TransactionConflict,
    ),
    Fault(
        "two of one row",
        "find",
        a_conflict_with_nobody,
        lambda m: m.find(0, 1),
        raises=TransactionConflict,
    ),
]

FAULTS = [*STORING, *READING, *CHANGING, *REMOVING, *ENDING]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_noticed_and_nothing_without_it(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(fault.owner, fault.name)
    with by_hand(fault.model) as machine:
        fault.steps(machine)
    with by_hand(fault.model, faulty=True) as machine, monkeypatch.context() as patched:
        patched.setattr(
            fault.owner, fault.name, lambda *given, **named: fault.wrong(right, *given, **named)
        )
        with pytest.raises(fault.raises, match=fault.told):
            fault.steps(machine)
