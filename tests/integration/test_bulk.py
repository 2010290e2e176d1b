"""Storing many instances at once: in order, and all or none."""

import enum
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, NaiveDatetime, SecretStr, create_model, model_validator
from sqlalchemy.dialects import postgresql

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import (
    CheckViolation,
    InvalidRow,
    NotStorable,
    NotSupported,
    TransactionAborted,
    UniqueViolation,
)
from andamios_orm.observe import subscribe
from tests.engines import not_on, only_on

METADATA = sa.MetaData()


class Item(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)
    place: Col[int] = field(default=0, ge=0)


class Counter(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


class Keyed(Model, table=True, metadata=METADATA):
    id: Col[UUID] = field(primary_key=True)
    place: Col[int]


class Part(Model, table=True, metadata=METADATA):
    whole: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)


class MarkedOnSQLite(Model, table="marked", metadata=sa.MetaData()):
    """The database makes the key, and does not count."""

    id: Col[str] = generated(primary_key=True, server_default=sa.func.hex(sa.func.randomblob(8)))
    place: Col[int]


class MarkedOnPostgreSQL(Model, table="marked", metadata=sa.MetaData()):
    """The same there."""

    id: Col[UUID] = generated(primary_key=True, server_default=sa.func.gen_random_uuid())
    place: Col[int]


class MarkedOnMariaDB(Model, table="marked", metadata=sa.MetaData()):
    """The same there."""

    id: Col[str] = generated(primary_key=True, server_default=sa.func.uuid())
    place: Col[int]


class Wide(Model):
    """Inherited by a table of 80 columns."""

    id: Col[int] = generated()


class Color(enum.Enum):
    RED = "red"
    BLUE = "b'lue"


class Point(BaseModel):
    x: int


class Everything(Model, table=True, metadata=METADATA):
    """A column of each kind, all of which can be NULL, under names that SQL keeps for itself."""

    id: Col[int] = generated()
    order: Col[int | None] = field(default=None)
    select: Col[str | None] = field(default=None, max_length=20)
    group: Col[bool | None] = field(default=None)
    table: Col[float | None] = field(default=None)
    price: Col[Decimal | None] = field(default=None, max_digits=12, decimal_places=2)
    long: Col[Decimal | None] = field(default=None, max_digits=30, decimal_places=9)
    at: Col[datetime | None] = field(default=None)
    local: Col[NaiveDatetime | None] = field(default=None)
    day: Col[date | None] = field(default=None)
    clock: Col[time | None] = field(default=None)
    wait: Col[timedelta | None] = field(default=None)
    data: Col[bytes | None] = field(default=None)
    key: Col[UUID | None] = field(default=None)
    color: Col[Color | None] = field(default=None)
    secret: Col[SecretStr | None] = field(default=None)
    path: Col[PurePath | None] = field(default=None)
    meta: Col[dict[str, Any] | None] = field(default=None)
    any: Col[Any] = field(default=None)
    tags: Col[list[str] | None] = field(default=None)
    points: Col[list[Point] | None] = field(default=None)
    days: Col[dict[date, set[int]] | None] = field(default=None)


TWICE = datetime(2025, 11, 2, 1, 30, tzinfo=ZoneInfo("America/New_York"))
FULL: dict[str, list[Any]] = {
    "order": [0, -(2**63), 2**63 - 1],
    "select": ["", "' -- \\ % ? $1 :x", "é\u2028😀"],
    "group": [True, False],
    "table": [-0.0, 5e-324, 1.7976931348623157e308],
    "price": [Decimal("-0.00"), Decimal("9999999999.99"), Decimal("1E+3")],
    "long": [Decimal("123456789012345678901.123456789"), Decimal(0)],
    "at": [TWICE, TWICE.replace(fold=1), datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
    "local": [datetime(2024, 2, 29, 23, 59, 59, 999999)],
    "day": [date(9999, 12, 30), date(1, 1, 2)],
    "clock": [time(0), time(23, 59, 59, 999999)],
    "wait": [timedelta(0), timedelta(days=-3, microseconds=1)],
    "data": [b"", b"\0\xff{}[],\"'"],
    "key": [UUID(int=0), UUID(int=2**128 - 1)],
    "color": [Color.BLUE, Color.RED],
    "secret": [SecretStr("a"), SecretStr("")],
    "path": [PurePath("a/b"), PurePath("é")],
    "meta": [{}, {"a": {"b": [1, 2.5, 1e16, None, True, "é"]}, "'": "\\"}],
    "any": [[], {}, 0, "null", False, [[1], [2, [3]]], -0.0],
    "tags": [[], ["a", "b,{}"], ["null"]],
    "points": [[], [Point(x=1), Point(x=2)]],
    "days": [{}, {date(2024, 1, 1): {1, 2}}],
}


def everything(number: int) -> Everything:
    """One of a hundred and more different rows; each field is NULL in some of them."""
    return Everything(
        **{
            name: None if (number + place) % 5 == 0 else values[(number + place) % len(values)]
            for place, (name, values) in enumerate(FULL.items())
        }
    )


columns: dict[str, Any] = {f"c{n:02}": (int, n) for n in range(80)}
Wider: Any = create_model(
    "Wider",
    __base__=Wide,
    __cls_kwargs__={"table": True, "metadata": METADATA},
    **columns,
)


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def items(empty: Database) -> Repository[Item]:
    return Repository(Item, empty)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 512, 513, 2000])
async def test_rows_come_back_in_the_order_in_which_they_were_given(
    items: Repository[Item], count: int
) -> None:
    given = [Item(name=f"n{n * 7919 % 2003}", place=n) for n in range(count)]

    stored = await items.add_all(item for item in given)

    assert [item.place for item in stored] == list(range(count))
    assert stored == await items.order_by(Item.place).all()


@pytest.mark.parametrize("count", [1, 2, 21, 600])
async def test_values_of_every_kind_come_back_as_if_added_one_by_one(
    empty: Database, count: int
) -> None:
    rows = Repository(Everything, empty)
    given = [everything(n) for n in range(count)]

    stored = await rows.add_all(given)
    alone = [await rows.add(one) for one in given[:30]]

    for one, row in zip(given, stored, strict=True):
        for name in FULL:
            found, expected = getattr(row, name), getattr(one, name)
            assert found == expected or found == expected.astimezone(UTC)
            assert type(found) is type(expected)
    ids = {row.id: row for row in await rows.all()}
    assert [ids[row.id] for row in stored] == stored
    for row, single in zip(stored, alone, strict=False):
        assert row.model_copy(update={"id": single.id}) == single


async def test_columns_of_nothing_but_null(empty: Database) -> None:
    stored = await Repository(Everything, empty).add_all([Everything() for _ in range(3)])

    assert [row.model_dump(exclude={"id"}) for row in stored] == [dict.fromkeys(FULL)] * 3


async def test_rows_by_the_ten_thousand_keep_their_order(items: Repository[Item]) -> None:
    given = [Item(name=f"n{n * 7919 % 10_007}", place=n) for n in range(10_001)]

    stored = await items.add_all(given)

    assert [item.place for item in stored] == list(range(10_001))
    assert [item.id for item in stored] == sorted({item.id for item in stored})
    assert [item.name for item in stored] == [item.name for item in given]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("order", 2**63),
        ("select", "x" * 21),
        ("select", "a\0"),
        ("select", "\ud800"),
        ("table", float("nan")),
        ("price", Decimal("1.001")),
        ("price", 1e30),
        ("at", datetime(2024, 1, 1)),
        ("at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        ("any", {1: 2}),
        ("tags", [1]),
        ("meta", []),
    ],
)
async def test_one_value_among_many_is_refused_as_if_it_were_alone(
    empty: Database, name: str, value: Any
) -> None:
    rows = Repository(Everything, empty)
    bad = Everything()
    bad.__dict__[name] = value

    with pytest.raises((InvalidRow, NotStorable)) as alone:
        await rows.add(bad)
    with pytest.raises((InvalidRow, NotStorable)) as among:
        await rows.add_all([*map(everything, range(50)), bad])

    assert (type(among.value), str(among.value)) == (type(alone.value), str(alone.value))
    assert not await rows.exists()


@only_on("postgresql")
async def test_columns_that_no_array_can_carry_are_stored_all_the_same(database_url: str) -> None:
    class Listed(Model, table="bulk_listed", metadata=sa.MetaData()):
        id: Col[int] = generated()
        tags: Col[list[str]] = field(column_type=postgresql.ARRAY(sa.Text()))
        number: Col[int]

    async with Database(database_url, metadata=Listed.metadata) as database:
        await database.create_all()
        given = [Listed(tags=[str(n)] * (n % 3), number=n) for n in range(700)]
        stored = await Repository(Listed, database).add_all(given)

    assert [(row.tags, row.number) for row in stored] == [(r.tags, r.number) for r in given]


@only_on("postgresql")
async def test_one_text_takes_any_number_of_rows(items: Repository[Item]) -> None:
    seen: set[str] = set()

    with subscribe(lambda event: seen.add(event.sql)):
        for count in (1, 2, 700):
            await items.add_all(Item(name=f"{count} {n}") for n in range(count))

    assert len([sql for sql in seen if sql.startswith("INSERT")]) == 1


async def test_nothing_to_add_runs_nothing(items: Repository[Item]) -> None:
    seen: list[str] = []

    with subscribe(lambda event: seen.append(event.sql)):
        assert await items.add_all([]) == []

    assert seen == []


async def test_the_given_instances_are_left_alone(items: Repository[Item]) -> None:
    given = [Item(name="a"), Item(name="b")]

    await items.add_all(given)

    assert given == [Item(name="a"), Item(name="b")]


async def test_rows_with_and_without_a_key_mix(items: Repository[Item]) -> None:
    given = [
        Item(name="a"),
        Item(name="b"),
        Item.model_validate({"id": 901, "name": "c"}),
        Item.model_validate({"id": 900, "name": "d"}),
        Item(name="e"),
    ]

    stored = await items.add_all(given)

    assert [item.name for item in stored] == ["a", "b", "c", "d", "e"]
    assert [item.id for item in stored[2:4]] == [901, 900]
    assert len({item.id for item in stored}) == 5


async def test_keys_made_in_python_keep_the_order(empty: Database) -> None:
    given = [Keyed(id=uuid4(), place=n) for n in range(9)]

    assert await Repository(Keyed, empty).add_all(given) == given


async def test_composite_keys_keep_the_order(empty: Database) -> None:
    given = [Part(whole=n % 3, number=9 - n) for n in range(9)]

    assert await Repository(Part, empty).add_all(given) == given


@only_on("mysql")
async def test_keys_that_nobody_gives_back_are_refused_before_any_sql(database_url: str) -> None:
    async with Database(database_url, metadata=MarkedOnMariaDB.metadata) as database:
        await database.create_all()
        marked = Repository(MarkedOnMariaDB, database)

        with pytest.raises(NotSupported, match="gives no key back but a counted one"):
            await marked.add(MarkedOnMariaDB(place=1))
        with pytest.raises(NotSupported, match="gives no key back but a counted one"):
            await marked.add_all([MarkedOnMariaDB(place=1)])

        assert not await marked.exists()


@not_on("mysql")
async def test_keys_that_the_database_makes_but_does_not_count_keep_the_order(
    database_url: str,
) -> None:
    models = {"sqlite": MarkedOnSQLite, "mariadb": MarkedOnMariaDB}
    model: Any = models.get(database_url.partition(":")[0], MarkedOnPostgreSQL)

    async with Database(database_url, metadata=model.metadata) as database:
        await database.create_all()
        stored = await Repository(model, database).add_all([model(place=n) for n in range(20)])

    assert [marked.place for marked in stored] == list(range(20))
    assert len({marked.id for marked in stored}) == 20


async def test_rows_that_are_all_defaults(empty: Database) -> None:
    counters = Repository(Counter, empty)

    stored = await counters.add_all([Counter() for _ in range(3)])

    assert stored == await counters.order_by(Counter.id).all()
    assert len(stored) == 3


async def test_more_values_than_one_statement_can_carry(empty: Database) -> None:
    wide: Repository[Any] = Repository(Wider, empty)

    stored = await wide.add_all(Wider(c00=n) for n in range(2000))

    assert [row.c00 for row in stored] == list(range(2000))
    assert await wide.where(Wider.c79 == 79).count() == 2000


@not_on("mysql")  # it gives no rows back, so each is read after it was inserted
async def test_few_statements_carry_many_rows(items: Repository[Item]) -> None:
    seen: list[str] = []

    with subscribe(lambda event: seen.append(event.sql)):
        await items.add_all(Item(name=str(n)) for n in range(1000))

    assert len([sql for sql in seen if sql.startswith("INSERT")]) < 10


def rows(last: Callable[[], Item]) -> Iterator[Item]:
    yield from (Item(name=str(n)) for n in range(600))
    yield last()


def invalid() -> Item:
    return Item.model_construct(name="x", place="there")


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (lambda: Item(name="0"), UniqueViolation),
        (lambda: Item(name="a\0"), NotStorable),
        (invalid, InvalidRow),
        (lambda: 1 / 0, ZeroDivisionError),
    ],
)
async def test_one_refused_row_stores_none(
    items: Repository[Item], last: Callable[[], Item], error: type[Exception]
) -> None:
    await items.add(Item(name="before"))

    with pytest.raises(error):
        await items.add_all(rows(last))

    assert [item.name for item in await items.all()] == ["before"]


@pytest.mark.parametrize("last", [Item(name="0"), Item(name="a\0")])
async def test_a_session_that_swallows_the_refusal_stores_none_either(
    items: Repository[Item], empty: Database, last: Item
) -> None:
    async def swallowing() -> None:
        async with empty.session() as session:
            with pytest.raises((UniqueViolation, NotStorable)):
                await Repository(Item, session).add_all(rows(lambda: last))

    with pytest.raises(TransactionAborted):
        await swallowing()

    assert await items.count() == 0


class Few(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]

    @model_validator(mode="after")
    def check(self) -> Self:
        if self.__dict__.get("id", 0) > 2:
            raise ValueError
        return self


async def test_rows_that_the_model_refuses_as_they_come_back_are_not_stored(
    empty: Database,
) -> None:
    few = Repository(Few, empty)

    with pytest.raises(InvalidRow):
        await few.add_all([Few(name=name) for name in "abc"])

    assert await few.count() == 0


class Replaced(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = field(primary_key=True)
    name: Col[str]
    __table_args__ = (sa.UniqueConstraint("name", sqlite_on_conflict="REPLACE"),)


@only_on("sqlite")
async def test_what_a_table_and_its_triggers_do_in_a_conflict_is_done(
    items: Repository[Item], empty: Database
) -> None:
    # An OR of the INSERT itself would be put in the place of theirs.
    for statement in (
        "CREATE TABLE tag (name TEXT UNIQUE)",
        "CREATE TRIGGER tagged AFTER INSERT ON item"
        " BEGIN INSERT OR IGNORE INTO tag VALUES (new.place); END",
    ):
        await empty.execute(sa.text(statement))
    await items.add_all([Item(name="a"), Item(name="b")])
    assert await items.count() == 2


@only_on("sqlite")
async def test_a_constraint_that_replaces_rows_does_so(database_url: str) -> None:
    async with Database(database_url, metadata=Replaced.__table__.metadata) as db:
        await db.create_all()
        rows = Repository(Replaced, db)
        await rows.add_all([Replaced(id=1, name="x"), Replaced(id=2, name="y")])
        await rows.add_all([Replaced(id=3, name="x"), Replaced(id=4, name="z")])
        assert [row.id for row in await rows.order_by(Replaced.id).all()] == [2, 3, 4]


@not_on("duckdb")
async def test_a_refusal_in_a_savepoint_keeps_what_the_session_did_before(
    items: Repository[Item], empty: Database
) -> None:
    async with empty.session() as session:
        inside = Repository(Item, session)
        await inside.add_all([Item(name="a"), Item(name="b")])
        with pytest.raises(UniqueViolation):
            async with session.savepoint():
                await inside.add_all([Item(name="c"), Item(name="a")])
        await inside.add(Item(name="d"))

    assert sorted(item.name for item in await items.all()) == ["a", "b", "d"]


async def test_the_database_checks_every_row(items: Repository[Item], empty: Database) -> None:
    # The model refuses it first, so the rule is asked past the model.
    with pytest.raises(CheckViolation):
        await empty.execute(sa.insert(Item.__table__).values(name="x", place=-1))

    assert await items.count() == 0
