"""Storing many instances at once: in order, and all or none."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from pydantic import create_model

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


async def test_the_database_checks_every_row(items: Repository[Item], empty: Database) -> None:
    # The model refuses it first, so the rule is asked past the model.
    with pytest.raises(CheckViolation):
        await empty.execute(sa.insert(Item.__table__).values(name="x", place=-1))

    assert await items.count() == 0
