"""Pages: whatever the order, each row comes once, also while others write."""

import math
import random
import string
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter

from andamios_orm import (
    Col,
    Cursor,
    Database,
    From,
    InvalidCursor,
    LimitExceeded,
    Model,
    NotSupported,
    NumberedPage,
    Page,
    Query,
    Related,
    RelatedList,
    Repository,
    UsageError,
    WrongType,
    field,
    generated,
    register_type,
    relation,
)
from andamios_orm.repositories.reading import Rows
from andamios_orm.rows import plan as plan_module
from tests.engines import not_on, only_on

METADATA = sa.MetaData()
T = TypeVar("T")
KEY = "a key of the tests, and long enough"


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Shout:
    """Text in a type of its own."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shout) and other.text == self.text


register_type(Shout, sa.String(50), encode=lambda shout: shout.text, decode=Shout)


class Thing(Model, table="paging_thing", metadata=METADATA):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    name: Col[str | None] = field(default=None)
    word: Col[str] = field(default="", max_length=20)
    color: Col[Color] = field(default=Color.RED)
    shout: Col[Shout] = field(default_factory=lambda: Shout("hey"))
    serial: Col[UUID | None] = field(default=None)
    code: Col[bytes] = field(default=b"", max_length=20)
    day: Col[date | None] = field(default=None)
    moment: Col[datetime | None] = field(default=None)
    clock: Col[time | None] = field(default=None)
    lasts: Col[timedelta] = field(default=timedelta(0))
    active: Col[bool] = field(default=True)
    flag: Col[bool | None] = field(default=None)
    whole: Col[int] = field(default=0)
    part: Col[int | None] = field(default=None)
    price: Col[Decimal] = field(default=Decimal(0), max_digits=10, decimal_places=2)
    rate: Col[Decimal | None] = field(default=None, max_digits=9, decimal_places=6)
    weight: Col[float | None] = field(default=None)
    secret: Col[str] = field(default="", secret=True)


class Place(Model, table="paging_place", metadata=METADATA):
    """A table with a key of several columns."""

    country: Col[str] = field(primary_key=True, max_length=2)
    number: Col[int] = field(primary_key=True)
    size: Col[int | None] = field(default=None)


class Measure(Model, table="paging_measure", metadata=sa.MetaData()):
    id: Col[int] = generated()
    value: Col[float | None] = field(allow_inf_nan=True)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, cursor_key=KEY) as database:
        await database.create_all()
        yield database


def some_things(number: int) -> list[Thing]:
    """Things with few values in each column, so that many are equal."""
    chosen = random.Random(7)  # noqa: S311 - a test that can be repeated
    words = ["", "a", "A", "ä", "Ä", "z", "Z", "ß", "a ", "ab", "a'b", "%", "\\", "😀"]
    return [
        Thing(
            name=chosen.choice([None, *words]),
            word=chosen.choice(words),
            color=chosen.choice(list(Color)),
            shout=Shout(chosen.choice("abcde")),
            serial=chosen.choice([None, UUID(int=0), UUID(int=1), UUID(int=1 << 127)]),
            code=chosen.choice([b"", b"\0", b"\xff", b"a", b"A"]),
            day=chosen.choice([None, date(1000, 1, 1), date(2024, 2, 29), date(9999, 12, 30)]),
            moment=chosen.choice(
                [
                    None,
                    datetime(2024, 2, 29, 12, 0, 0, 1, UTC),
                    datetime(2024, 2, 29, 12, 0, 0, 0, UTC),
                ]
            ),
            clock=chosen.choice([None, time(0), time(23, 59, 59, 999_999)]),
            lasts=timedelta(microseconds=chosen.choice([-1, 0, 1, 86_400_000_001])),
            active=chosen.choice([True, False]),
            flag=chosen.choice([None, True, False]),
            whole=chosen.choice([-(2**63), -1, 0, 1, 2**63 - 1]),
            part=chosen.choice([None, -1, 0, 1]),
            price=chosen.choice([Decimal("0.10"), Decimal("0.30"), Decimal("-99999999.99")]),
            rate=chosen.choice([None, Decimal("0.000001"), Decimal("100.1"), Decimal(3)]),
            weight=chosen.choice([None, 0.1, 0.1 + 0.2, 0.3, -0.0, 0.0, 5e-324, 1e308]),
        )
        for _ in range(number)
    ]


async def all_pages(query: Query[Thing], size: int) -> list[list[int]]:
    """The ids of each page, from the first to the last."""
    found = []
    page = await query.page(size=size)
    while True:
        found.append([thing.id for thing in page.items])
        if page.next is None:
            return found
        page = await query.page(size=size, after=page.next)


async def all_pages_backwards(query: Query[Thing], size: int, last: str) -> list[list[int]]:
    """The ids of the pages before a cursor, from the last to the first."""
    found = []
    cursor: str | None = last
    while cursor is not None:
        page = await query.page(size=size, before=cursor)
        found.append([thing.id for thing in page.items])
        cursor = page.previous
    return found


def joined(pages: Sequence[Sequence[int]]) -> list[int]:
    return [one for page in pages for one in page]


COLUMNS = [
    "name",
    "word",
    "color",
    "shout",
    "serial",
    "code",
    "day",
    "moment",
    "clock",
    "lasts",
    "active",
    "flag",
    "whole",
    "part",
    "price",
    "rate",
    "weight",
]


async def test_pages_by_any_column_are_the_rows_in_their_order(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(60))
    for name in COLUMNS:
        column = getattr(Thing, name)
        for order, key in [
            (column.asc(), Thing.id.asc()),
            (column.desc(), Thing.id.desc()),
            (column.asc().nulls_first(), Thing.id.asc()),
            (column.desc().nulls_last(), Thing.id.desc()),
        ]:
            wanted = [thing.id for thing in await things.order_by(order, key).all()]
            pages = await all_pages(things.order_by(order), 7)
            assert joined(pages) == wanted, order
            assert [len(page) for page in pages] == [7] * 8 + [4], order


async def test_pages_go_backwards_as_well(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(40))
    for order in [
        (Thing.name.asc(),),
        (Thing.part.desc(), Thing.rate.asc().nulls_first(), Thing.word.desc()),
    ]:
        query = things.order_by(*order)
        wanted = joined(await all_pages(query, 40))
        page = await query.page(size=39)
        last = await query.page(size=39, after=page.next)
        assert [thing.id for thing in last.items] == wanted[39:]
        assert last.next is None
        assert last.previous is not None
        pages = await all_pages_backwards(query, 6, last.previous)
        assert joined(list(reversed(pages))) == wanted[:39]
        assert [len(page) for page in pages] == [6] * 6 + [3]


async def test_a_page_that_was_come_to_backwards_goes_on_forwards(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(5))
    query = things.order_by(Thing.id)
    second = await query.page(size=2, after=(await query.page(size=2)).next)
    first = await query.page(size=2, before=second.previous)
    assert first.previous is None
    assert first.next is not None
    assert (await query.page(size=2, after=first.next)).items == second.items


async def test_mixed_directions_and_computed_columns_make_pages_too(db: Database) -> None:
    things = Repository(Thing, db)
    rows = [thing for thing in some_things(50) if abs(thing.whole) < 2]
    await things.add_all(rows)
    orders: list[Any] = [
        (Thing.active, Thing.part.desc(), Thing.word, Thing.price.desc()),
        (Thing.whole * 3 + Thing.part, Thing.color.desc()),
        ((Thing.price + Thing.price).desc(), Thing.flag),
        (Thing.part / 3, Thing.name.desc().nulls_last()),
        (Thing.flag.desc(), Thing.active.desc(), Thing.id.desc(), Thing.word),
        (Thing.word, Thing.word.desc(), Thing.word),
    ]
    for order in orders:
        wanted = joined(await all_pages(things.order_by(*order), len(rows)))
        assert joined(await all_pages(things.order_by(*order), 3)) == wanted, order
        assert len(wanted) == len(rows)


async def test_a_key_of_several_columns_breaks_ties(db: Database) -> None:
    places = Repository(Place, db)
    stored = [
        Place(country=country, number=number, size=None if number % 3 else number % 2)
        for country in ("at", "ch", "de")
        for number in range(7)
    ]
    await places.add_all(stored)
    for query in [
        places.order_by(Place.size),
        places.order_by(Place.size.desc(), Place.number),
        places.order_by(Place.number, Place.country, Place.size),
    ]:
        found: list[Place] = []
        page = await query.page(size=4)
        while page.next is not None:
            found += page.items
            page = await query.page(size=4, after=page.next)
        found += page.items
        assert len(found) == len(stored)
        assert {(p.country, p.number) for p in found} == {(p.country, p.number) for p in stored}


@only_on("duckdb", "postgresql")
async def test_floats_that_are_not_finite_have_a_place(database_url: str) -> None:
    async with Database(database_url, metadata=Measure.metadata) as database:
        await database.create_all()
        measures = Repository(Measure, database)
        values = [math.nan, math.inf, -math.inf, None, 0.0, math.nan]
        await measures.add_all([Measure(value=value) for value in values])
        for order in [Measure.value.asc(), Measure.value.desc()]:
            found: list[int] = []
            cursor: str | None = None
            for _ in values:
                page = await measures.order_by(order).page(size=1, after=cursor)
                found += [measure.id for measure in page.items]
                cursor = page.next
            assert cursor is None
            assert sorted(found) == sorted(m.id for m in await measures.all())


async def test_conditions_hold_on_every_page(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(40))
    query = things.where((Thing.part > -1) | Thing.part.is_null(), Thing.active == True)  # noqa: E712 - builds SQL
    wanted = {thing.id for thing in await query.all()}
    assert set(joined(await all_pages(query.order_by(Thing.part), 3))) == wanted


async def test_each_row_comes_once_while_others_come_and_go(db: Database) -> None:
    """The law of pages: each is the beginning of what comes after the row before it."""
    things = Repository(Thing, db)
    for seed in range(6):
        chosen = random.Random(seed)  # noqa: S311 - a test that can be repeated
        await things.where(sa.true()).delete()
        parts = [None, *range(4)]

        def new(chosen: random.Random = chosen, parts: list[int | None] = parts) -> Thing:
            return Thing(part=chosen.choice(parts), whole=chosen.randrange(3))

        stored = {t.id: t for t in await things.add_all([new() for _ in range(30)])}
        stay = set(chosen.sample(sorted(stored), 15))
        query = things.order_by(Thing.part.desc().nulls_last(), Thing.whole)

        def place(thing: Thing) -> tuple[bool, int, int, int]:
            return (thing.part is None, -(thing.part or 0), thing.whole, thing.id)

        seen: list[int] = []
        last: tuple[bool, int, int, int] | None = None
        cursor: str | None = None
        while True:
            size = chosen.randrange(1, 6)
            page = await query.page(size=size, after=cursor)
            rest = sorted(
                (t for t in stored.values() if last is None or place(t) > last), key=place
            )
            assert [t.id for t in page.items] == [t.id for t in rest[:size]]
            assert (page.next is None) == (len(rest) <= size)
            seen += [t.id for t in page.items]
            if page.next is None:
                break
            cursor, last = page.next, place(page.items[-1])
            for _ in range(chosen.randrange(4)):
                removable = sorted(stored.keys() - stay)
                if removable and chosen.random() < 0.5:
                    gone = chosen.choice(removable)
                    await things.delete(gone)
                    del stored[gone]
                else:
                    added = await things.add(new())
                    stored[added.id] = added
        assert len(seen) == len(set(seen))
        assert stay <= set(seen)


# ---- what belongs to a cursor ------------------------------------------------------------------


async def one_cursor(query: Query[Thing]) -> str:
    cursor = (await query.page(size=1)).next
    assert cursor is not None
    return cursor


async def test_a_cursor_of_another_query_is_refused(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(9))
    await Repository(Place, db).add(Place(country="at", number=1))
    sa_word = sa.func.lower(Thing.word)
    query = things.where(Thing.whole > -5, sa_word != "x").order_by(Thing.part, Thing.id)
    cursor = await one_cursor(query)
    assert (await query.page(size=5, after=cursor)).items
    assert (await query.page(before=cursor)).items == []
    others = [
        things.order_by(Thing.part, Thing.id),
        things.where(Thing.whole > -5, sa_word != "x").order_by(Thing.part.desc(), Thing.id),
        things.where(Thing.whole > -5, sa_word != "x").order_by(Thing.id),
        things.where(Thing.whole > -5, sa_word != "x").order_by(Thing.whole, Thing.id),
        things.where(Thing.whole > -6, sa_word != "x").order_by(Thing.part, Thing.id),
        things.where(Thing.whole >= -5, sa_word != "x").order_by(Thing.part, Thing.id),
        things.where(Thing.whole > -5, sa_word != "y").order_by(Thing.part, Thing.id),
        things.where(Thing.part > -5, sa_word != "x").order_by(Thing.part, Thing.id),
        query.where(Thing.part == None),  # noqa: E711 - SQL's null
    ]
    for other in others:
        with pytest.raises(InvalidCursor, match="belongs to another query"):
            await other.page(after=cursor)
        with pytest.raises(InvalidCursor, match="belongs to another query"):
            await other.page(before=cursor)
    with pytest.raises(InvalidCursor):
        await Repository(Place, db).order_by(Place.size).page(after=cursor)


async def test_every_changed_character_of_a_cursor_is_noticed(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(3))
    query = things.order_by(Thing.name, Thing.price)
    cursor = await one_cursor(query)
    for place in range(len(cursor)):
        for character in ("A", "B", "-", "=", " ", "é"):
            changed = cursor[:place] + character + cursor[place + 1 :]
            if changed != cursor:
                with pytest.raises(InvalidCursor):
                    await query.page(after=changed)
    for changed in ("", cursor[:-1], cursor + "A", cursor + "=", cursor * 2, " " + cursor, "\n"):
        with pytest.raises(InvalidCursor):
            await query.page(before=changed)


async def test_a_cursor_goes_through_a_url_as_it_is(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(3))
    cursor = await one_cursor(things.order_by(Thing.word, Thing.name))
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


async def test_programs_with_one_key_take_each_others_cursors(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Repository(Thing, db).add_all(some_things(4))
    cursor = await one_cursor(Repository(Thing, db).order_by(Thing.part))
    await db.dispose()
    monkeypatch.setenv("ANDAMIOS_CURSOR_KEY", KEY)
    for key in (KEY, KEY.encode(), SecretStr(KEY), None):
        async with Database(database_url, metadata=METADATA, cursor_key=key) as other:
            page = await Repository(Thing, other).order_by(Thing.part).page(after=cursor)
            assert len(page.items) == 3
    async with Database(database_url, metadata=METADATA, cursor_key=KEY + "!") as stranger:
        with pytest.raises(InvalidCursor):
            await Repository(Thing, stranger).order_by(Thing.part).page(after=cursor)


async def test_a_session_takes_the_cursors_of_its_database(db: Database) -> None:
    await Repository(Thing, db).add_all(some_things(4))
    cursor = await one_cursor(Repository(Thing, db).order_by(Thing.part))
    async with db.session() as session:
        page = await Repository(Thing, session).order_by(Thing.part).page(after=cursor)
        assert len(page.items) == 3


@only_on("sqlite")
def test_without_a_key_a_program_makes_one(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDAMIOS_CURSOR_KEY", "")
    one, two = Database(database_url), Database(database_url)
    assert one.limits.cursor_key.sign(b"x") == two.limits.cursor_key.sign(b"x")
    other = Database(database_url, cursor_key=KEY)
    assert one.limits.cursor_key.sign(b"x") != other.limits.cursor_key.sign(b"x")


# ---- what is refused ---------------------------------------------------------------------------


async def test_what_has_no_place_is_refused_before_any_sql(db: Database) -> None:
    things = Repository(Thing, db)
    with pytest.raises(NotSupported, match="SQLAlchemy expression"):
        await things.order_by(sa.func.lower(Thing.word)).page()
    with pytest.raises(UsageError, match=r"Thing\.secret is secret"):
        await things.order_by(Thing.secret).page()
    with pytest.raises(UsageError, match=r"Thing\.secret is secret"):
        await things.order_by(Thing.word + Thing.secret).page()
    with pytest.raises(UsageError, match="not both"):
        await things.order_by(Thing.id).page(after="x", before="x")
    for part in (things.limit(3), things.offset(3)):
        with pytest.raises(UsageError, match=r"limit\(\) or offset\(\)"):
            await part.page()
        with pytest.raises(UsageError, match=r"limit\(\) or offset\(\)"):
            await part.numbered_page(1)
    with pytest.raises(WrongType, match="a cursor is a str, not a int"):
        await things.order_by(Thing.id).page(after=3)  # type: ignore[arg-type] # that is the point


class Odd(sa.types.UserDefinedType[object]):
    """A type of which nobody knows what its values are in Python."""

    cache_ok = True

    @property
    def python_type(self) -> type[Any]:
        raise NotImplementedError

    def get_col_spec(self, **kw: object) -> str:
        return "TEXT"


class Untold(sa.types.TypeDecorator[object]):
    """A type whose values are not what it says they are."""

    impl = sa.String(50)
    cache_ok = True
    python_type = str

    def process_result_value(self, value: object, dialect: object) -> object:
        return Shout(str(value))

    def process_bind_param(self, value: Any, dialect: object) -> Any:
        return value.text


class One:
    """What has the type above."""


class Two:
    """What has the other one."""


register_type(One, Odd())
register_type(Two, Untold(), encode=lambda two: Shout("two"), decode=lambda shout: Two())


class Strange(Model, table="paging_strange", metadata=sa.MetaData()):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    one: Col[One | None] = field(default=None)
    two: Col[Two | None] = field(default=None)


async def test_values_that_a_cursor_cannot_carry_are_refused(database_url: str) -> None:
    async with Database(database_url, metadata=Strange.metadata) as database:
        await database.create_all()
        rows = Repository(Strange, database)
        with pytest.raises(NotSupported, match=r"Strange\.one has a type of its own"):
            await rows.order_by(Strange.one).page()
        await rows.add_all([Strange(two=Two()), Strange(two=Two())])
        with pytest.raises(NotSupported, match="a cursor cannot carry the Shout"):
            await rows.order_by(Strange.two).page(size=1)


@not_on("sqlite")
async def test_decimals_of_many_digits_have_a_place_where_they_have_an_order(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=Long.metadata) as database:
        await database.create_all()
        rows = Repository(Long, database)
        values = [Decimal("1234567890123456789.000000000000000001"), Decimal(3), Decimal("-0.1")]
        await rows.add_all([Long(value=value) for value in values])
        query = rows.order_by(Long.value.desc())
        found: list[Decimal] = []
        cursor: str | None = None
        for _ in values:
            page = await query.page(size=1, after=cursor)
            found += [row.value for row in page.items]
            cursor = page.next
        assert found == values


@only_on("sqlite")
async def test_decimals_that_are_text_have_no_place(database_url: str) -> None:
    async with Database(database_url, metadata=Long.metadata) as database:
        await database.create_all()
        with pytest.raises(NotSupported, match="cannot be ordered"):
            await Repository(Long, database).order_by(Long.value).page()


class Long(Model, table="paging_long", metadata=sa.MetaData()):
    id: Col[int] = generated()
    value: Col[Decimal] = field(max_digits=37, decimal_places=18)


# ---- numbered pages and limits -----------------------------------------------------------------


async def test_numbered_pages_are_the_rows_in_their_order(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(23))
    query = things.where(Thing.id > 0).order_by(Thing.flag.desc(), sa.func.length(Thing.word))
    found: list[int] = []
    for number in range(1, 6):
        page = await query.numbered_page(number, size=5)
        assert (page.total, page.number, page.size, page.pages) == (23, number, 5, 5)
        found += [thing.id for thing in page.items]
    assert sorted(found) == sorted(thing.id for thing in await things.all())
    beyond = await query.numbered_page(6, size=5)
    assert (beyond.items, beyond.total) == ([], 23)
    nothing = await things.where(Thing.id < 0).numbered_page(1)
    assert (nothing.items, nothing.total, nothing.pages) == ([], 0, 0)


def test_a_program_makes_pages_of_a_type_itself() -> None:
    assert Page[int](items=[1]) == Page([1])
    assert NumberedPage[int](items=[1], total=1, number=1, size=5, pages=1).items == [1]


async def test_pages_have_the_sizes_that_the_database_says(database_url: str) -> None:
    async with Database(
        database_url, metadata=METADATA, default_page_size=3, max_page_size=5, max_offset=6
    ) as database:
        await database.create_all()
        things = Repository(Thing, database)
        await things.add_all([Thing() for _ in range(9)])
        query = things.order_by(Thing.id)
        assert len((await query.page()).items) == 3
        assert len((await query.page(size=5)).items) == 5
        with pytest.raises(LimitExceeded, match="a page has 5 rows at most") as caught:
            await query.page(size=6)
        assert caught.value.limit == 5
        with pytest.raises(LimitExceeded, match="a page has 5 rows at most"):
            await query.numbered_page(1, size=6)
        assert len((await query.numbered_page(3)).items) == 3
        with pytest.raises(LimitExceeded, match="after 6 rows at most") as caught:
            await query.numbered_page(4)
        assert caught.value.limit == 6
        for size in (0, -1, True, 1.5, "1"):
            with pytest.raises(WrongType, match="size is a whole number from 1 on"):
                await query.page(size=size)  # type: ignore[arg-type] # that is the point
            with pytest.raises(WrongType, match="number is a whole number from 1 on"):
                await query.numbered_page(size)  # type: ignore[arg-type] # that is the point


async def test_all_gives_no_more_rows_than_the_database_says(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA, max_rows=3) as database:
        await database.create_all()
        things = Repository(Thing, database)
        await things.add_all([Thing() for _ in range(3)])
        assert len(await things.all()) == 3
        assert (await things.order_by(Thing.id).arrow()).num_rows == 3
        await things.add(Thing())
        for call in (things.all, things.order_by(Thing.id).all, things.order_by(Thing.id).arrow):
            with pytest.raises(LimitExceeded, match="found more than the 3 rows") as caught:
                await call()
            assert caught.value.limit == 3
        assert len(await things.limit(3).all()) == 3
        assert len((await things.order_by(Thing.id).page(size=2)).items) == 2
        assert await things.count() == 4
        async with database.session() as session:
            with pytest.raises(LimitExceeded):
                await Repository(Thing, session).all()


async def test_a_warm_page_compiles_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    things = Repository(Thing, db)
    await things.add_all(some_things(30))

    async def pages(most: int) -> None:
        query = things.where(Thing.id < most).order_by(Thing.part, Thing.word.desc())
        page = await query.page(size=4)
        while page.next is not None:
            page = await query.page(size=4, after=page.next)
        await query.page(size=3, before=page.previous)

    await pages(100)

    def refuse(statement: object, dialect: object) -> None:
        raise AssertionError(f"compiled again: {statement}")

    monkeypatch.setattr(plan_module, "_compiled", refuse)
    await pages(101)


# ---- pages as answers --------------------------------------------------------------------------


def test_pydantic_writes_a_page_without_looking_at_its_rows_again() -> None:
    rows = [Place(country="at", number=1)]
    page = Page(rows, next="abc")
    adapter = TypeAdapter(Page[Place])
    taken = adapter.validate_python(page)
    assert taken == page
    assert taken.items[0] is rows[0]
    assert adapter.dump_python(page, mode="json") == {
        "items": [{"country": "at", "number": 1, "size": None}],
        "next": "abc",
        "previous": None,
    }
    schema = adapter.json_schema()
    assert schema["required"] == ["items"]
    assert schema["properties"]["next"]["anyOf"][0]["type"] == "string"


def test_pydantic_writes_a_numbered_page_too() -> None:
    page = NumberedPage([Place(country="at", number=1)], 1, 1, 20, 1)
    written = TypeAdapter(NumberedPage[Place]).dump_json(page)
    assert written == (
        b'{"items":[{"country":"at","number":1,"size":null}],'
        b'"total":1,"number":1,"size":20,"pages":1}'
    )


def test_a_cursor_is_a_text_to_pydantic() -> None:
    schema = TypeAdapter(Cursor).json_schema()
    assert schema["type"] == "string"
    assert TypeAdapter(Cursor).validate_python("abc") == "abc"


# ---- shapes and relations ----------------------------------------------------------------------

RELATED = sa.MetaData()


class Team(Model, table="paging_team", metadata=RELATED):
    id: Col[int] = generated()
    name: Col[str | None] = field(default=None)
    motto: Col[str] = field(default="", secret=True)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table="paging_hero", metadata=RELATED):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class HeroName(BaseModel):
    """A shape without anything that heroes are sorted by."""

    name: str


class TeamCard(BaseModel):
    name: str | None
    doubled: Annotated[int, From(Team.id * 2)]
    heroes: list[HeroName]


class Ages(BaseModel):
    age: int | None
    heroes: Annotated[int, From(sa.func.count())]


@pytest.fixture
async def related(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=RELATED) as database:
        await database.create_all()
        names = ["B", None, "A", "B"]
        teams = await Repository(Team, database).add_all([Team(name=name) for name in names])
        await Repository(Hero, database).add_all(
            [
                Hero(
                    name=f"h{n}",
                    age=None if n % 4 == 0 else n % 3,
                    team_id=None if n % 5 == 0 else teams[n % 4].id,
                )
                for n in range(20)
            ]
        )
        yield database


async def items_of(query: Rows[T], size: int) -> list[T]:
    """The items of all pages, which must be the rows of one page forwards and backwards."""
    whole = (await query.page(size=1000)).items
    page = await query.page(size=size)
    found = [*page.items]
    while page.next is not None:
        page = await query.page(size=size, after=page.next)
        found += page.items
    assert found == whole
    last = page.items
    before: list[T] = []
    while page.previous is not None:
        page = await query.page(size=size, before=page.previous)
        before = page.items + before
    assert before + last == whole
    return found


async def test_a_shape_needs_no_field_of_what_it_is_sorted_by(related: Database) -> None:
    heroes = Repository(Hero, related)
    query = heroes.where(Hero.name != "h3").order_by(Hero.age.desc(), Hero.age * 2, Hero.team_id)
    named = await items_of(query.into(HeroName), 3)
    assert [hero.name for hero in named] == [hero.name for hero in await items_of(query, 4)]
    assert len(named) == 19


async def test_a_shape_with_lists_and_values_of_its_own_makes_pages(related: Database) -> None:
    cards = await items_of(Repository(Team, related).order_by(Team.name).into(TeamCard), 1)
    assert [card.name for card in cards] == ["A", "B", "B", None]
    assert sorted(hero.name for hero in cards[0].heroes) == ["h14", "h18", "h2", "h6"]
    assert [card.doubled for card in cards] == [6, 2, 8, 4]


async def test_rows_are_sorted_by_what_they_are_related_to(related: Database) -> None:
    heroes = Repository(Hero, related).load(Hero.team)
    found = await items_of(heroes.order_by(Hero.team.to.name.desc(), Hero.age), 3)
    names = [hero.team.name if hero.team else None for hero in found]
    nothing = names.count(None)
    assert names == [None] * nothing + sorted((n for n in names if n), reverse=True)
    assert len(found) == 20
    by_number = await items_of(
        Repository(Team, related).order_by(Team.heroes.where(Hero.age > 0).count().desc()), 1
    )
    assert len(by_number) == 4
    with pytest.raises(UsageError, match=r"Hero\.team\.to\.motto is secret"):
        await heroes.order_by(Hero.team.to.motto).page()


async def test_numbered_pages_of_shapes_and_what_is_loaded(related: Database) -> None:
    heroes = Repository(Hero, related).order_by(Hero.name)
    page = await heroes.into(HeroName).numbered_page(2, size=15)
    assert (len(page.items), page.total) == (5, 20)
    loaded = await heroes.load(Hero.team).numbered_page(1, size=3)
    assert [hero.team is None for hero in loaded.items] == [True, False, True]


async def test_groups_make_no_pages(related: Database) -> None:
    groups = Repository(Hero, related).order_by(Hero.age).into(Ages)
    for call in (groups.page(), groups.numbered_page(1)):
        with pytest.raises(UsageError, match="its rows are groups of rows"):
            await call


async def test_a_shape_gives_no_more_rows_than_the_database_says(database_url: str) -> None:
    async with Database(database_url, metadata=RELATED, max_rows=2) as database:
        await database.create_all()
        teams = Repository(Team, database)
        await teams.add_all([Team(), Team()])
        assert len(await teams.order_by(Team.id).into(TeamCard).all()) == 2
        await teams.add(Team())
        with pytest.raises(LimitExceeded):
            await teams.order_by(Team.id).into(TeamCard).all()


async def test_a_page_of_more_rows_than_a_piece_is_whole_and_in_order(db: Database) -> None:
    things = Repository(Thing, db)
    await things.add_all(Thing(whole=n) for n in range(1300))
    query = things.order_by(Thing.whole)

    first = await query.page(size=600)
    second = await query.page(size=600, after=first.next)
    back = await query.page(size=600, before=second.previous)

    assert [thing.whole for thing in first.items] == list(range(600))
    assert [thing.whole for thing in second.items] == list(range(600, 1200))
    assert (back.items, back.previous) == (first.items, None)
