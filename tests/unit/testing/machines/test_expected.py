"""What a table should hold, and what each transaction should see of it, without a database."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, SoftDelete, field, generated
from andamios_orm.schema.compiler import table_of
from andamios_orm.testing.machines.expected import (
    Locks,
    Table,
    Unique,
    View,
    differences,
    same,
)

METADATA = sa.MetaData()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    age: Col[int | None] = field(default=None)


class Page(SoftDelete, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    lang: Col[str] = field(primary_key=True, column="language")


class Odd(Model, table=True, metadata=METADATA):
    """Keys of which only the database knows what is compared."""

    __table_args__ = (
        sa.Index("folded", sa.func.lower(sa.column("name")), unique=True),
        sa.Index("some", "name", unique=True, sqlite_where=sa.text("number > 5")),
        sa.Index("plain", "number"),
    )

    id: Col[int] = field(primary_key=True)
    name: Col[str]
    number: Col[int] = field(default=0)
    data: Col[dict[str, int]] = field(default_factory=dict, unique=True)


def hero(key: int, name: str, age: int | None = None) -> Hero:
    return Hero.model_construct(id=key, name=name, age=age)


# ---- keys ----------------------------------------------------------------------------------------


def test_the_first_key_is_the_primary_one() -> None:
    assert Table(Hero, "sqlite").uniques == (Unique(("id",), True), Unique(("name",), True))
    assert Table(Page, "sqlite").uniques == (Unique(("id", "lang"), True),)


def test_a_key_that_python_cannot_compare_is_not_certain() -> None:
    table = Table(Odd, "sqlite")
    [key, *others] = table.uniques
    assert key == Unique(("id",), True)
    assert set(others) == {
        Unique((), False),  # of an expression
        Unique(("name",), False),  # of some rows
        Unique(("data",), False),  # JSON
    }
    assert not table.is_certain
    assert Table(Hero, "sqlite").is_certain


def test_a_key_of_some_rows_is_one_of_all_where_the_engine_has_no_such_keys() -> None:
    assert Unique(("name",), True) in Table(Odd, "duckdb").uniques


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": 1, "b": "x", "c": 0}, (1, "x")),
        ({"a": 1, "b": None}, None),
        ({"a": 1}, None),
        ({}, None),
    ],
)
def test_a_value_that_is_missing_equals_no_other(values: dict[str, Any], expected: Any) -> None:
    assert Unique(("a", "b"), True).of(values) == expected


def test_what_no_other_row_may_have_is_what_is_certain() -> None:
    assert Table(Hero, "sqlite").tokens({"id": 1, "name": "Ada", "age": 3}) == {
        (("id",), (1,)),
        (("name",), ("Ada",)),
    }
    assert Table(Hero, "sqlite").tokens({"name": "Ada"}) == {(("name",), ("Ada",))}
    assert Table(Odd, "sqlite").tokens({"id": 1, "name": "Ada", "data": {}}) == {(("id",), (1,))}


def test_a_row_is_known_by_its_key() -> None:
    page = Page.model_construct(id=1, lang="en", deleted_at=None)
    assert Table(Page, "sqlite").key_of(page) == (1, "en")
    assert Table(Hero, "sqlite").key_of(hero(3, "Ada")) == (3,)


def test_a_row_stands_unless_it_is_marked() -> None:
    pages = Table(Page, "sqlite")
    assert pages.is_standing(Page.model_construct(id=1, lang="en", deleted_at=None))
    marked = datetime(2024, 1, 1, tzinfo=UTC)
    assert not pages.is_standing(Page.model_construct(id=1, lang="en", deleted_at=marked))
    assert Table(Hero, "sqlite").is_standing(hero(1, "Ada"))


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        ({"name": "Ada"}, True),
        ({"id": 1, "name": "Bob"}, True),
        ({"id": 2, "name": "Bob", "age": 36}, False),
        ({"name": None}, False),
    ],
)
def test_a_value_is_taken_where_another_row_has_it(values: dict[str, Any], taken: bool) -> None:
    table, rows = Table(Hero, "sqlite"), [hero(7, "Eve"), hero(1, "Ada", 36)]
    assert table.taken(values, rows, certain=True) is taken
    assert table.taken(values, iter(rows), certain=True) is taken
    assert not table.taken(values, [], certain=True)
    assert not table.taken(values, rows, certain=False)


def test_beside_any_other_row_a_value_may_be_taken_where_only_the_database_knows() -> None:
    table = Table(Odd, "sqlite")
    other = Odd.model_construct(id=1, name="Ada", number=9, data={})
    values = {"id": 2, "name": "Bob", "number": 9, "data": {"a": 1}}
    assert table.taken(values, [other], certain=False)
    assert not table.taken(values, [], certain=False)
    assert not table.taken(values, [other], certain=True)
    assert table.taken({**values, "id": 1}, [other], certain=True)


def test_a_value_may_be_taken_where_equal_ones_are_not_always_in_the_way() -> None:
    class Numbered(Model, table=True, metadata=sa.MetaData()):
        __table_args__ = (
            sa.Index("some", "number", unique=True, sqlite_where=sa.text("number > 5")),
        )

        id: Col[int] = field(primary_key=True)
        number: Col[int]

    table, other = Table(Numbered, "sqlite"), Numbered(id=1, number=9)
    assert table.taken({"id": 2, "number": 9}, [other], certain=False)
    assert not table.taken({"id": 2, "number": 8}, [other], certain=False)
    assert not table.taken({"id": 2, "number": 9}, [other], certain=True)


# ---- what a transaction sees ---------------------------------------------------------------------


@pytest.fixture
def table() -> Table:
    table = Table(Hero, "sqlite")
    table.rows = {(1,): hero(1, "Ada"), (2,): hero(2, "Bob")}
    return table


def seen(view: View) -> dict[Any, str]:
    return {key: row.__dict__["name"] for key, row in view.visible.items()}


def test_it_sees_its_own_changes_and_others_do_not(table: Table) -> None:
    view, other = View(table), View(table)
    view.put(hero(3, "Cleo"))
    view.put(hero(1, "Eve"))
    view.remove((2,))
    assert seen(view) == {(1,): "Eve", (3,): "Cleo"}
    assert seen(other) == {(1,): "Ada", (2,): "Bob"}
    view.commit()
    assert seen(other) == {(1,): "Eve", (3,): "Cleo"}


def test_a_snapshot_stays_while_others_commit(table: Table) -> None:
    view, other = View(table), View(table)
    assert not view.is_stale((1,))
    view.snapshot = dict(table.rows)
    other.put(hero(1, "Eve"))
    other.put(hero(3, "Cleo"))
    other.commit()
    assert seen(view) == {(1,): "Ada", (2,): "Bob"}
    assert {key for key in ((1,), (2,), (3,), (4,)) if view.is_stale(key)} == {(1,), (3,)}
    # Constraints know of all rows.
    assert {key: row.__dict__["name"] for key, row in view.current.items()} == {
        (1,): "Eve",
        (2,): "Bob",
        (3,): "Cleo",
    }


def test_a_row_that_it_has_changed_itself_is_not_stale(table: Table) -> None:
    view = View(table)
    view.snapshot = dict(table.rows)
    view.put(hero(1, "Eve"))
    table.rows[1,] = hero(1, "Ida")
    assert not view.is_stale((1,))
    assert seen(view)[1,] == "Eve"


def test_it_holds_the_rows_that_it_changes_with_what_they_had_and_have(table: Table) -> None:
    view = View(table)
    view.put(hero(1, "Eve"))
    assert view.locks == Locks(
        {(1,)}, {(("id",), (1,)), (("name",), ("Ada",)), (("name",), ("Eve",))}
    )
    view.remove((2,))
    assert view.locks.rows == {(1,), (2,)}
    assert (("name",), ("Bob",)) in view.locks.tokens


def test_a_part_that_is_undone_leaves_what_was_before(table: Table) -> None:
    view = View(table)
    view.put(hero(3, "Cleo"))
    before = view.locks.copy()
    view.nest()
    view.remove((3,))
    view.put(hero(1, "Eve"))
    view.nest()
    view.remove((1,))
    view.undo()
    assert seen(view) == {(1,): "Eve", (2,): "Bob"}
    view.undo()
    assert seen(view) == {(1,): "Ada", (2,): "Bob", (3,): "Cleo"}
    assert view.locks == before


@pytest.mark.parametrize("sees_anew", [False, True])
def test_a_part_that_is_undone_may_take_its_snapshot_with_it(table: Table, sees_anew: bool) -> None:
    view = View(table)
    view.nest()
    view.snapshot = dict(table.rows)
    view.undo(sees_anew=sees_anew)
    table.rows[1,] = hero(1, "Eve")
    assert seen(view)[1,] == ("Eve" if sees_anew else "Ada")


def test_a_part_that_ends_well_is_undone_with_the_part_around_it(table: Table) -> None:
    view = View(table)
    view.nest()
    view.nest()
    view.remove((1,))
    view.leave()
    assert seen(view) == {(2,): "Bob"}
    view.undo()
    assert seen(view) == {(1,): "Ada", (2,): "Bob"}


def test_rows_that_are_marked_are_given_only_where_asked_for() -> None:
    pages = Table(Page, "sqlite")
    marked = datetime(2024, 1, 1, tzinfo=UTC)
    one = Page.model_construct(id=1, lang="en", deleted_at=None)
    two = Page.model_construct(id=2, lang="en", deleted_at=marked)
    pages.rows = {(1, "en"): one, (2, "en"): two}
    assert list(View(pages).rows()) == [one]
    assert list(View(pages).rows(deleted=True)) == [one, two]


# ---- values --------------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(1, 1, True), (1, 2, False), (NAN, float("nan"), True), (NAN, 1.0, False), (1.0, NAN, False)],
)
def test_nan_came_back_as_it_was_stored(one: object, other: object, expected: bool) -> None:
    assert same(one, other) is expected


def test_what_differs_is_told_by_field() -> None:
    row = hero(1, "Ada", 36)
    assert differences(row, {"name": "Ada", "age": 36}) == {}
    assert differences(row, {"name": "Bob", "age": 36, "size": 1}) == {
        "name": ("Ada", "Bob"),
        "size": (None, 1),
    }


def test_the_columns_of_a_key_are_told_by_their_fields() -> None:
    assert table_of(Page).primary_key.columns.keys() == ["id", "language"]
    assert Table(Page, "sqlite").uniques[0].names == ("id", "lang")
