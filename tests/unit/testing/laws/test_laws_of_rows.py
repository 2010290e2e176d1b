"""The laws about many rows, each with examples made by hand and faults that these meet."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Self
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import find, given, settings
from hypothesis.errors import NoSuchExample
from pydantic import AwareDatetime, Json, SecretBytes, SecretStr, model_validator

from andamios_orm import (
    Col,
    Model,
    Query,
    Related,
    RelatedList,
    Repository,
    SoftDelete,
    Tenant,
    Timestamps,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import CheckViolation, ForeignKeyViolation, NotFound, NotStorable
from andamios_orm.queries.loads import ModelRelation
from andamios_orm.repositories.reading import Rows
from andamios_orm.schema.relations import relation_of
from andamios_orm.schema.spec import OnDelete
from andamios_orm.testing import laws
from andamios_orm.testing.laws import Broken, LawBroken, Playground, drawing
from andamios_orm.testing.laws.dialect_equiv import _goes_as_the_engine_says, equivalent_to
from andamios_orm.testing.laws.load_parity import _require_related
from andamios_orm.testing.laws.operations import (
    Add,
    AddAll,
    Change,
    Delete,
    Patch,
    PatchBody,
    Update,
    UpdateWhere,
    Upsert,
    UpsertAll,
)
from andamios_orm.testing.laws.sorting import is_sorted
from andamios_orm.testing.laws.stored import require_same
from andamios_orm.testing.laws.unit_of_work import _ENDINGS

SQLITE = "sqlite://"


class Table(Model, metadata=sa.MetaData()):
    """What they have in common: a database of their own."""


class Team(Table, table="by_hand_team"):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    heroes: RelatedList["Hero"] = relation(order_by=("age",))


class Hero(Table, table="by_hand_hero"):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    seen: Col[AwareDatetime | None] = field(default=None)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)


class Page(Versioned, Timestamps, Table, table="by_hand_page"):
    id: Col[int] = generated()
    title: Col[str]


class Harbor(Table, table="by_hand_harbor"):
    id: Col[int] = generated()
    berths: RelatedList["Berth"] = relation()
    moored: RelatedList["Berth"] = relation(through="Mooring")


class Berth(SoftDelete, Table, table="by_hand_berth"):
    id: Col[int] = generated()
    harbor_id: Col[int | None] = field(default=None, foreign_key=Harbor.id)


class Note(Tenant, Table, table="by_hand_note"):
    id: Col[int] = generated()
    name: Col[str]


class Loop(Table, table="by_hand_loop"):
    id: Col[int] = field(primary_key=True)
    next_id: Col[int] = field(foreign_key="Loop.id")


class Chart(Table, table="by_hand_chart"):
    """A value that is given as a text, and is what the text says."""

    id: Col[int] = generated()
    points: Col[Json[list[int]]]
    name: Col[str] = field(default="")


class Step(SoftDelete, Versioned, Table, table="by_hand_step"):
    """Marking a row as deleted changes a column of an index."""

    id: Col[int] = generated()
    next_id: Col[int | None] = field(default=None, foreign_key="Step.id")
    next: Related["Step | None"] = relation()
    __table_args__ = (sa.UniqueConstraint("id", "version"),)


class Mooring(Table, table="by_hand_mooring"):
    """Several of them may join the same rows."""

    id: Col[int] = generated()
    harbor_id: Col[int] = field(foreign_key=Harbor.id)
    berth_id: Col[int] = field(foreign_key=Berth.id)
    berth: Related[Berth] = relation()


class Exact(Table, table="by_hand_exact"):
    """A key that SQLite cannot order by."""

    id: Col[Decimal] = field(primary_key=True, max_digits=30, decimal_places=2)


class Hidden(Table, table="by_hand_hidden"):
    """A key that no cursor shows."""

    id: Col[SecretStr] = field(primary_key=True, max_length=20)


class Span(Table, table="by_hand_span"):
    id: Col[int] = generated()
    first: Col[int] = field(default=0)
    last: Col[int] = field(default=0)
    __table_args__ = (sa.CheckConstraint("last < 100", name="last_small"),)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


class Receipt(Table, table="by_hand_receipt"):
    id: Col[int] = generated()
    code: Col[UUID] = field(default_factory=uuid4)
    lot: Col[int] = field(default_factory=lambda: random.randrange(10**9))  # noqa: S311 - no secret
    note: Col[str] = field(default="")


class Driver(Table, table="by_hand_driver"):
    id: Col[int] = generated()
    car_id: Col[int | None] = field(default=None, foreign_key="Car.id")


class Car(Table, table="by_hand_car"):
    id: Col[int] = generated()
    driver_id: Col[int] = field(foreign_key=Driver.id)


class Ledger(Model, table="by_hand_ledger", schema="books", metadata=sa.MetaData()):
    id: Col[int] = generated()


def made(model: type[Model], **values: Any) -> Model:
    return model.model_validate(values)


BY_AGE: Any = Hero.age.asc()
TEAM = made(Team, id=1, name="a")
HEROES = [made(Hero, id=n, name=str(n), age=10 * n) for n in (1, 2, 3)]


def changed(patch: pytest.MonkeyPatch, owner: type, name: str, change: Callable[..., Any]) -> None:
    """Have what a method returns go through `change`, which gets its keyword arguments too."""
    genuine = getattr(owner, name)

    async def other(self: Any, *args: Any, **named: Any) -> Any:
        return change(await genuine(self, *args, **named), **named)

    patch.setattr(owner, name, other)


def raising(patch: pytest.MonkeyPatch, owner: type, name: str, error: Exception) -> None:
    async def other(self: Any, *args: Any, **named: Any) -> Any:
        raise error

    patch.setattr(owner, name, other)


# -- roundtrip


def test_an_instant_is_expected_as_it_is_kept() -> None:
    seen = datetime(2024, 5, 6, 12, tzinfo=UTC)

    laws.roundtrip.replay(SQLITE, [made(Hero, id=1, name="", seen=seen)])


def test_a_row_of_another_class_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, Repository, "add", lambda row: TEAM)

    with pytest.raises(LawBroken, match="add gave back"):
        laws.roundtrip.replay(SQLITE, HEROES[:1])


def test_a_refusal_after_a_statement_has_run_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Repository.add

    async def add(self: Any, row: Any) -> Any:
        await genuine(self, row)
        raise NotStorable("it is not storable", "store another", limit="none")

    monkeypatch.setattr(Repository, "add", add)

    with pytest.raises(LawBroken, match="Hero was refused after it had been sent"):
        laws.roundtrip.replay(SQLITE, HEROES[:1])


def test_a_check_that_nobody_wrote_refuses_no_valid_row(monkeypatch: pytest.MonkeyPatch) -> None:
    error = CheckViolation("it is refused", "store another", model=Hero, fields=("age",))
    raising(monkeypatch, Repository, "add", error)

    with pytest.raises(LawBroken, match="CheckViolation"):
        laws.roundtrip.replay(SQLITE, HEROES[:1])


# -- filter_parity


@pytest.mark.parametrize(
    ("said", "told"),
    [([True], "keys where"), ([None], "which of p, not p, and p is null hold")],
)
def test_what_a_condition_says_in_python_is_asked_of_the_database(
    said: list[bool | None], told: str
) -> None:
    with pytest.raises(LawBroken, match=told):
        laws.filter_parity.replay(SQLITE, Hero, HEROES[:1], Hero.age > 50, said, [])


@pytest.mark.parametrize(
    ("owner", "name", "change"),
    [
        (Rows, "count", lambda found: found + 1),
        (Rows, "exists", lambda found: not found),
        (Query, "all", lambda found: found[::-1]),
    ],
    ids=["count", "exists", "all"],
)
def test_other_answers_about_a_condition_are_found(
    owner: type, name: str, change: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (Hero, HEROES, Hero.age > 10, [False, True, True], [BY_AGE])
    laws.filter_parity.replay(SQLITE, *example)
    changed(monkeypatch, owner, name, change)

    with pytest.raises(LawBroken):
        laws.filter_parity.replay(SQLITE, *example)


# -- page_partition


def previous_of_the_first(page: Any, **named: Any) -> Any:
    return replace(page, previous=page.next)


def none_before(page: Any, **named: Any) -> Any:
    if named.get("before"):
        page.items.clear()
    return page


def none_after(page: Any, **named: Any) -> Any:
    if named.get("after"):
        page.items.clear()
    return page


def another_total(page: Any, **named: Any) -> Any:
    return replace(page, total=page.total + 1)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("page", previous_of_the_first, "`previous` of the first page"),
        ("page", none_before, "pages from the last to the first"),
        ("page", none_after, "pages"),
        ("numbered_page", another_total, "total and pages of numbered_page"),
    ],
)
def test_wrong_pages_are_found(
    name: str, change: Callable[..., Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    laws.page_partition.replay(SQLITE, Hero, HEROES, 1, [BY_AGE], 1)
    changed(monkeypatch, Rows, name, change)

    with pytest.raises(LawBroken, match=told):
        laws.page_partition.replay(SQLITE, Hero, HEROES, 0, [BY_AGE], 1)


def test_pages_that_are_not_full_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Rows.page

    async def page(self: Any, *, size: int, **named: Any) -> Any:
        return await genuine(self, size=1, **named)

    monkeypatch.setattr(Rows, "page", page)

    with pytest.raises(LawBroken, match="pages of 2"):
        laws.page_partition.replay(SQLITE, Hero, HEROES, 0, [BY_AGE], 2)


# -- update_frame


def patch_of(row: Model, **changes: Any) -> Patch:
    return Patch(type(row), (row.__dict__["id"],), changes)


PAGE = made(Page, id=1, title="a")


def test_changes_that_are_none_or_refused_change_nothing() -> None:
    span = made(Span, id=1, first=1, last=2)

    laws.update_frame.replay(SQLITE, [span], None)
    laws.update_frame.replay(SQLITE, [span], patch_of(span))
    laws.update_frame.replay(SQLITE, [span], Patch(Span, (7,), {"last": 3}))
    laws.update_frame.replay(SQLITE, [span], Update(Span, (1,), {"first": 5}))
    laws.update_frame.replay(SQLITE, [span], patch_of(span, last=100))
    laws.update_frame.replay(SQLITE, [TEAM], patch_of(TEAM, name="b"))
    laws.update_frame.replay(SQLITE, [PAGE], patch_of(PAGE, title="b"))
    laws.update_frame.replay(SQLITE, [PAGE], UpdateWhere(Page, (1,), {"title": "b"}))


@pytest.mark.parametrize("way", [Patch, PatchBody, Update, UpdateWhere])
def test_a_value_that_is_given_as_a_text_is_changed_to_what_the_text_says(
    way: type[Change],
) -> None:
    chart = made(Chart, id=1, points="[1]")

    laws.update_frame.replay(SQLITE, [chart], way(Chart, (1,), {"points": [2, 3]}))
    laws.bulk_equiv.replay(
        SQLITE,
        [chart],
        UpsertAll(Chart, [{"id": 1, "points": [4]}, {"id": 2, "points": []}], ("id",)),
    )


def test_a_change_of_what_others_refer_to_may_be_refused_where_the_engine_says_so() -> None:
    laws.update_frame.replay("duckdb://", [TEAM], patch_of(TEAM, name="b"))


def with_other_name(row: Any, **named: Any) -> Any:
    return row.model_copy(update={"name": "other"})


def test_a_patch_that_gives_back_another_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, Repository, "patch", with_other_name)

    with pytest.raises(LawBroken, match="what a patch returns that sets nothing"):
        laws.update_frame.replay(SQLITE, HEROES[:1], patch_of(HEROES[0], age=1))


def test_a_patch_that_writes_though_it_sets_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = Repository.patch

    async def patch(self: Any, key: Any, *changes: Any) -> Any:
        return await self.update(await genuine(self, key, *changes))

    monkeypatch.setattr(Repository, "patch", patch)

    with pytest.raises(LawBroken, match="the statements of a patch that sets nothing"):
        laws.update_frame.replay(SQLITE, HEROES[:1], patch_of(HEROES[0], age=1))


def test_an_update_that_gives_back_another_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, Repository, "update", with_other_name)

    with pytest.raises(LawBroken, match="returns"):
        laws.update_frame.replay(SQLITE, HEROES[:1], Update(Hero, (1,), {"age": 1}))


def test_an_update_that_is_not_made_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def update(self: Any, row: Any) -> Any:
        return row

    monkeypatch.setattr(Repository, "update", update)

    with pytest.raises(LawBroken, match="the row after"):
        laws.update_frame.replay(SQLITE, HEROES[:1], Update(Hero, (1,), {"age": 1}))


def test_a_wrong_number_of_changed_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, Query, "update", lambda number: number + 1)

    with pytest.raises(LawBroken, match="the number of rows"):
        laws.update_frame.replay(SQLITE, HEROES[:1], UpdateWhere(Hero, (1,), {"age": 1}))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE by_hand_page SET version = 7", "the version after"),
        (
            "UPDATE by_hand_page SET updated_at = replace(updated_at, '20', '19')",
            "updated_at after",
        ),
    ],
)
def test_a_wrong_version_or_time_is_found(
    sql: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Repository.update

    async def update(self: Any, row: Any) -> Any:
        await genuine(self, row)
        await self._source.execute(sa.text(sql))
        return await self.get(row.id)

    monkeypatch.setattr(Repository, "update", update)

    with pytest.raises(LawBroken, match=told):
        laws.update_frame.replay(SQLITE, [PAGE], Update(Page, (1,), {"title": "b"}))


def test_a_model_of_secrets_alone_has_nothing_public_to_read() -> None:
    class Vault(Model, metadata=sa.MetaData(), table=True):
        key: Col[SecretBytes] = field(primary_key=True)

    laws.shape_parity.replay(SQLITE, Vault, [Vault(key=SecretBytes(b"1"))], ["key"])


# -- bulk_equiv


def test_rows_at_once_are_stored_as_one_by_one() -> None:
    uncounted = [made(Hero, name="a"), made(Hero, name="b")]

    laws.bulk_equiv.replay(SQLITE, [], AddAll(Hero, uncounted))
    laws.bulk_equiv.replay(SQLITE, HEROES[:1], AddAll(Hero, HEROES))
    laws.bulk_equiv.replay(SQLITE, [TEAM], UpsertAll(Team, [{"id": 2, "name": "a"}], ("name",)))


def test_the_rows_that_are_there_first_refer_to_each_other() -> None:
    with Playground(SQLITE, Car) as playground:

        @settings(max_examples=40, derandomize=True, database=None)
        @given(laws.bulk_equiv.examples(playground))
        def are_complete(example: tuple[list[Driver | Car], object]) -> None:
            rows, _ = example
            drivers = {row.id for row in rows if isinstance(row, Driver)}
            assert drivers >= {row.driver_id for row in rows if isinstance(row, Car)}

        are_complete()


# Hypothesis warns of random numbers that are taken while it draws.
@pytest.mark.filterwarnings("error")
def test_an_upsert_leaves_out_no_value_that_its_default_would_give_differently() -> None:
    row = made(Receipt, id=1, code=UUID(int=1), lot=1)
    with Playground(SQLITE, Receipt) as playground:

        @settings(max_examples=20, derandomize=True, database=None)
        @given(drawing.upserts(playground, row, ("id",)))
        def keeps(upsert: Upsert) -> None:
            assert upsert.values.keys() >= {"code", "lot"}

        keeps()


def test_another_error_than_of_one_row_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, Repository, "add_all", NotFound("no row", "look for another", model=Team))

    with pytest.raises(LawBroken, match="and what its rows raise one by one"):
        laws.bulk_equiv.replay(SQLITE, [], AddAll(Team, [TEAM]), models=(Team,))


def test_rows_in_another_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    two = [TEAM, made(Team, id=2, name="b")]
    genuine = Repository.upsert_all

    async def upsert_all(self: Any, rows: Any, **named: Any) -> Any:
        return (await genuine(self, rows, **named))[::-1]

    monkeypatch.setattr(Repository, "upsert_all", upsert_all)
    values = [dict(row.__dict__) for row in two]

    with pytest.raises(LawBroken, match="one by one and together"):
        laws.bulk_equiv.replay(SQLITE, two, UpsertAll(Team, values, ("name",)))


class Sticker(Model, metadata=sa.MetaData(), table=True):
    """Two keys of rows that nobody refers to."""

    id: Col[int] = field(primary_key=True)
    name: Col[str] = field(unique=True)


EXCHANGED = UpsertAll(Sticker, [{"id": 2, "name": "a"}, {"id": 1, "name": "b"}], ("id",))


def test_rows_at_once_may_exchange_unique_values() -> None:
    laws.bulk_equiv.replay("duckdb://", [Sticker(id=1, name="a")], EXCHANGED)
    # One after the other they cannot, and so SQLite refuses them both ways.
    laws.bulk_equiv.replay(SQLITE, [Sticker(id=1, name="a")], EXCHANGED)


def _nothing(rows: list[Any]) -> list[Any]:
    return []


def _another_name(rows: list[Any]) -> list[Any]:
    return [rows[0].model_copy(update={"name": "z"}), *rows[1:]]


@pytest.mark.parametrize(
    ("returned", "told"),
    [(_nothing, "the number of rows"), (_another_name, "that is not stored")],
)
def test_an_exchange_that_comes_back_as_something_else_is_found(
    monkeypatch: pytest.MonkeyPatch, returned: Any, told: str
) -> None:
    genuine = Repository.upsert_all

    async def upsert_all(self: Any, rows: Any, **named: Any) -> Any:
        return returned(await genuine(self, rows, **named))

    monkeypatch.setattr(Repository, "upsert_all", upsert_all)

    with pytest.raises(LawBroken, match=told):
        laws.bulk_equiv.replay("duckdb://", [Sticker(id=1, name="a")], EXCHANGED)


@pytest.mark.parametrize("also", [False, True])
def test_an_upsert_of_a_row_that_was_not_meant_is_found(
    monkeypatch: pytest.MonkeyPatch, also: bool
) -> None:
    """As ON DUPLICATE KEY UPDATE does, which takes any key that is met."""

    async def upsert_all(self: Any, rows: Any, **named: Any) -> Any:
        met = await self.where(Sticker.name == rows[0].name).first()
        changed = await self.patch(met.id, Sticker.name.set("met"))
        stored = [await self.add(row) for row in (rows if also else rows[1:])]
        return stored if also else [changed, *stored]

    monkeypatch.setattr(Repository, "upsert_all", upsert_all)
    upserts = UpsertAll(Sticker, [{"id": 2, "name": "a"}, {"id": 3, "name": "b"}], ("id",))

    told = "changed another row" if also else "a row of UpsertAll"
    with pytest.raises(LawBroken, match=told):
        laws.bulk_equiv.replay(SQLITE, [Sticker(id=1, name="a")], upserts)


# -- dialect_equiv


def test_two_engines_are_named_by_their_urls() -> None:
    law = equivalent_to("duckdb://")

    law.replay(SQLITE, HEROES[:1], [Add(HEROES[1]), Delete(Hero, (1,)), Delete(Hero, (9,))])


def test_what_an_engine_says_that_it_cannot_do_ends_the_comparison() -> None:
    hero = made(Hero, id=1, name="", team_id=1)

    laws.dialect_equiv.replay("duckdb://", [TEAM, hero], [patch_of(TEAM, name="b")])


def test_it_is_spared_where_the_other_engine_cannot_have_the_tables() -> None:
    with Playground("duckdb://", Ledger) as playground:
        told = laws.dialect_equiv.spared(playground)

    assert told is not None
    assert told.startswith("sqlite cannot have these tables")


def test_engines_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Repository.add

    async def add(self: Any, row: Any) -> Any:
        found = await genuine(self, row)
        here = self._source.engine_name == "sqlite"
        return with_other_name(found) if here else found

    monkeypatch.setattr(Repository, "add", add)

    with pytest.raises(LawBroken, match="on sqlite and duckdb"):
        laws.dialect_equiv.replay(SQLITE, [], [Add(HEROES[0])])


def test_rows_that_have_to_refer_to_themselves_are_compared_where_both_engines_have_them() -> None:
    with Playground(SQLITE, Loop) as playground:
        laws.dialect_equiv.check(playground, using=settings(max_examples=3, derandomize=True))
        drawn = drawing.rows_of(playground, Loop, storable=True, alone=True)
        with pytest.raises(NoSuchExample):
            find(drawn, bool, settings=settings(max_examples=20, derandomize=True))
        assert find(drawing.rows_of(playground, Loop), bool)


@pytest.mark.parametrize(
    ("actions", "goes"),
    [
        (("CASCADE", "RESTRICT"), False),
        (("SET NULL", "SET NULL"), True),
        (("RESTRICT", "NO ACTION"), True),
    ],
)
def test_no_row_goes_of_which_foreign_keys_say_different_things(
    actions: tuple[OnDelete, OnDelete], goes: bool
) -> None:
    metadata = sa.MetaData()

    class Port(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)

    class Boat(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        one: Col[int | None] = field(foreign_key=Port.id, on_delete=actions[0])
        two: Col[int | None] = field(foreign_key=Port.id, on_delete=actions[1])

    playground = Playground(SQLITE, Boat, Loop)

    assert _goes_as_the_engine_says(playground, Port) is not goes
    assert not _goes_as_the_engine_says(playground, Boat)
    assert _goes_as_the_engine_says(playground, Loop)


# -- load_parity


def test_relations_are_loaded_as_keys_say() -> None:
    hero = made(Hero, id=1, name="", team_id=1)

    laws.load_parity.replay(SQLITE, Team, [TEAM, hero], [])


def test_rows_that_load_loses_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Query.all

    async def fewer(self: Any) -> Any:
        found = await genuine(self)
        return found[1:] if self._loads else found

    monkeypatch.setattr(Query, "all", fewer)

    with pytest.raises(LawBroken, match=r"the rows of Team with load\(\)"):
        laws.load_parity.replay(SQLITE, Team, [TEAM], [], models=(Hero,))


def test_rows_that_are_equal_in_a_declared_order_come_in_any() -> None:
    spec = relation_of(Team, "heroes")
    heroes = [made(Hero, id=n, name="", age=1, team_id=1) for n in (1, 2)]
    team = made(Team, id=1, name="a")
    team.__dict__["heroes"] = heroes[::-1]

    _require_related(team, spec, {Hero: heroes})
    with pytest.raises(Broken, match=r"Team\.heroes"):
        _require_related(team, spec, {Hero: heroes[:1]})


def test_relations_that_conditions_do_not_see_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelRelation, "none", ModelRelation.any)

    with pytest.raises(LawBroken, match=r"where Team\.heroes: none"):
        laws.load_parity.replay(SQLITE, Team, [TEAM], [], models=(Hero,))


def test_rows_that_are_marked_as_deleted_are_in_no_relation() -> None:
    berth = made(Berth, id=1, harbor_id=1)

    rows, gone = [made(Harbor, id=1), berth], [Delete(Berth, (1,))]
    laws.load_parity.replay(SQLITE, Harbor, rows, gone, models=(Mooring,))


def test_a_row_that_must_be_there_is_shown_although_it_is_marked_as_deleted() -> None:
    rows = [made(Harbor, id=1), made(Berth, id=1), made(Mooring, id=1, harbor_id=1, berth_id=1)]

    laws.load_parity.replay(SQLITE, Mooring, rows, [Delete(Berth, (1,))])


def test_a_row_that_two_links_join_is_there_twice() -> None:
    moorings = [made(Mooring, id=n, harbor_id=1, berth_id=1) for n in (1, 2)]

    laws.load_parity.replay(SQLITE, Harbor, [made(Harbor, id=1), made(Berth, id=1), *moorings], [])


def test_a_row_that_an_engine_cannot_mark_is_not_marked() -> None:
    steps = [made(Step, id=1), made(Step, id=2, next_id=1)]

    laws.load_parity.replay("duckdb://", Step, steps, [Delete(Step, (1,))])
    laws.load_parity.replay(SQLITE, Step, steps, [Delete(Step, (1,))])


def test_an_engine_that_can_mark_every_row_may_refuse_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = ForeignKeyViolation("it is refused", "delete others", model=Step, fields=())
    raising(monkeypatch, Repository, "delete", error)

    with pytest.raises(LawBroken, match="ForeignKeyViolation"):
        laws.load_parity.replay(SQLITE, Step, [made(Step, id=1)], [Delete(Step, (1,))])


# -- unit_of_work


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("ending", _ENDINGS)
def test_a_session_is_done_as_a_whole_or_not_at_all(ending: str, refused: bool) -> None:
    first, second = ([Add(made(Hero, id=n, name=""))] for n in (1, 1 if refused else 2))

    laws.unit_of_work.replay(SQLITE, [], first, second, ending, models=(Hero,))


# -- orders


def test_rows_without_a_value_have_a_place_in_an_order() -> None:
    row, without = made(Hero, id=1, name="", age=1), made(Hero, id=2, name="")

    assert is_sorted(without, row, [BY_AGE.nulls_first()])
    assert is_sorted(row, without, [BY_AGE.nulls_last()])
    assert not is_sorted(row, without, [BY_AGE.nulls_first()])


def test_instants_are_in_the_order_of_time() -> None:
    by_seen: Any = Hero.seen.asc()
    behind = timezone(timedelta(hours=-5))
    early = made(Hero, id=1, name="", seen=datetime(2024, 5, 6, 12, tzinfo=UTC))
    late = made(Hero, id=2, name="", seen=datetime(2024, 5, 6, 11, tzinfo=behind))

    assert is_sorted(early, late, [by_seen])
    assert not is_sorted(late, early, [by_seen])


# -- shape_parity


@pytest.mark.parametrize(
    ("law", "model", "told"),
    [
        (laws.shape_parity, Exact, "sqlite cannot order by these keys"),
        (laws.page_partition, Exact, "no model has a key that a cursor can carry"),
        (laws.page_partition, Hidden, "no model has a key that a cursor can carry"),
        (laws.shape_parity, Hidden, None),
    ],
)
def test_keys_without_an_order_spare_what_is_about_the_order(
    law: laws.Law, model: type[Model], told: str | None
) -> None:
    with Playground(SQLITE, model) as playground:
        assert law.spared(playground) == told
    with Playground(SQLITE, model, Hero) as playground:
        assert law.spared(playground) is None
        law.check(playground, using=settings(max_examples=2, derandomize=True))


def test_ways_to_read_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (Hero, HEROES, ["name", "age"])
    laws.shape_parity.replay(SQLITE, *example)
    laws.shape_parity.replay(SQLITE, Hero, HEROES, ["name"])
    faults: Sequence[tuple[type, str, Any, str]] = [
        (Rows, "count", lambda number: number + 1, r"count\(\)"),
        (Repository, "get", with_other_name, r"get\(\) of each"),
        (Query, "select", lambda rows: [row[::-1] for row in rows], r"select\(\) name, age"),
    ]
    for owner, name, change, told in faults:
        with monkeypatch.context() as patch:
            changed(patch, owner, name, change)
            with pytest.raises(LawBroken, match=told):
                laws.shape_parity.replay(SQLITE, *example)


def test_another_value_in_a_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = Query.into

    class Other:
        def __init__(self, query: Any) -> None:
            self.query = query

        async def all(self) -> Any:
            return [with_other_name(row) for row in await self.query.all()]

    monkeypatch.setattr(Query, "into", lambda self, shape: Other(genuine(self, shape)))

    with pytest.raises(LawBroken, match=r"into\(\) name, age: name"):
        laws.shape_parity.replay(SQLITE, Hero, HEROES, ["name", "age"])


# -- what they share


def test_a_row_that_is_gone_changed_or_there_too_is_told() -> None:
    one, other = HEROES[0], made(Hero, id=1, name="other")

    require_same("x", {Hero: {(1,): one}}, {Hero: {(1,): one}})
    with pytest.raises(Broken, match="x: a Hero is gone"):
        require_same("x", {Hero: {(1,): one}}, {Hero: {}})
    with pytest.raises(Broken, match=r"x: Hero\.name differs"):
        require_same("x", {Hero: {(1,): one}}, {Hero: {(1,): other}})
    with pytest.raises(Broken, match="x: a Hero is there"):
        require_same("x", {Hero: {}}, {Hero: {(1,): one}})


def test_text_is_left_out_of_orders_where_the_engine_sorts_it_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no(playground: Playground) -> bool:
        await asyncio.sleep(0)
        return False

    monkeypatch.setattr(drawing, "sorts_by_code_point", no)
    with Playground(SQLITE, Hero) as playground:
        found = drawing.sort_attrs(playground, Hero)

    assert [attr.name for attr in found] == ["id", "age", "seen", "team_id"]


def test_no_columns_make_no_order() -> None:
    assert find(drawing.orders([]), lambda found: True) == []


def test_values_that_a_model_refuses_leave_the_row_as_it_is() -> None:
    span = made(Span, id=1, first=1, last=2)

    assert drawing._with(span, {"last": 0}) is span
    assert drawing._with(span, {"last": 3}).__dict__["last"] == 3


class Draft(Versioned, metadata=sa.MetaData(), table=True):
    """Each change sets an indexed column, which DuckDB cannot where another row refers to it."""

    id: Col[int] = field(primary_key=True)
    text: Col[str]
    after_id: Col[int | None] = field(default=None, foreign_key="Draft.id")
    __table_args__ = (sa.Index(None, "version"),)


@pytest.mark.parametrize("url", [SQLITE, "duckdb://"])
def test_a_version_with_an_index_is_changed_as_far_as_the_engine_can(url: str) -> None:
    rows = [Draft(id=1, text="a"), Draft(id=2, text="b", after_id=1)]

    laws.update_frame.replay(url, rows, Update(Draft, (1,), {"text": "c"}))
    laws.update_frame.replay(url, rows, Update(Draft, (2,), {"text": "c"}))


def test_each_law_says_nothing_false_about_a_model_with_a_tenant() -> None:
    with Playground(SQLITE, Note, Span) as playground:
        for law in laws.LAWS.values():
            law.check(playground, using=settings(max_examples=2, derandomize=True, database=None))
