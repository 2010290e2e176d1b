"""Storing an instance, or changing the row that has its key already."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, NaiveDatetime, SecretStr, model_validator
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm import Col, Database, Model, Repository, Session, UUIDKey, field, generated
from andamios_orm.errors import (
    ForeignKeyViolation,
    InvalidRow,
    NotLoaded,
    StatementFailed,
    UniqueViolation,
    UsageError,
    WrongType,
)
from andamios_orm.observe import subscribe
from andamios_orm.repositories import upserting
from andamios_orm.schema.compiler import table_of
from tests.engines import driver_url, only_on, server_of

METADATA = sa.MetaData()


class Power(BaseModel):
    level: int


class Hero(Model, table=True, metadata=METADATA):
    """A counted key, and another one."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    age: Col[int | None] = field(default=None, ge=0)
    visits: Col[int] = field(default=0)
    powers: Col[list[Power]] = field(default_factory=list)


class Seat(Model, table=True, metadata=METADATA):
    """A key of two columns, and nothing else that is unique."""

    id: Col[int] = generated()
    row: Col[int]
    letter: Col[str | None] = field(max_length=1)
    guest: Col[str] = field(default="", column="occupant")
    paid: Col[bool] = field(default=False)
    __table_args__ = (sa.UniqueConstraint("row", "letter"),)


class Place(Model, table=True, metadata=METADATA):
    """A counted key that is a part of another one."""

    id: Col[int] = generated()
    floor: Col[int]
    name: Col[str] = field(default="")
    __table_args__ = (sa.UniqueConstraint("id", "floor"),)


class Account(Model, table=True, metadata=METADATA):
    """Two keys besides a counted one."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    email: Col[str] = field(unique=True, max_length=20)
    age: Col[int | None] = field(default=None)


class Document(UUIDKey, table=True, metadata=METADATA):
    """A key from Python."""

    title: Col[str] = field(default="")
    size: Col[int] = field(default=0)


class Code(Model, table=True, metadata=METADATA):
    """A key and nothing more."""

    code: Col[str] = field(primary_key=True, max_length=10)


class Team(Model, table=True, metadata=METADATA):
    """A row that others refer to."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    city: Col[str] = field(default="", index=True, max_length=20)
    size: Col[int] = field(default=0)


class Player(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    team_id: Col[int] = field(foreign_key=Team.id)
    name: Col[str] = field(unique=True, max_length=20)


class Person(Model, table=True, metadata=METADATA):
    """A row that refers to one of the same table."""

    name: Col[str] = field(primary_key=True, max_length=20)
    parent: Col[str | None] = field(default=None, foreign_key="Person.name", max_length=20)
    age: Col[int] = field(default=0)


class Span(Model, table=True, metadata=METADATA):
    """A row that is judged as a whole."""

    name: Col[str] = field(primary_key=True, max_length=20)
    low: Col[int] = field(default=0)
    high: Col[int] = field(default=10)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low above high")
        return self


class Color(Enum):
    RED = "red"


class Keyed(Model, table=True, metadata=METADATA):
    """A column of each kind that can be a key."""

    id: Col[int] = generated()
    number: Col[int | None] = field(default=None, unique=True)
    text: Col[str | None] = field(default=None, unique=True, max_length=50)
    flag: Col[bool | None] = field(default=None, unique=True)
    price: Col[Decimal | None] = field(default=None, unique=True, max_digits=9, decimal_places=2)
    long: Col[Decimal | None] = field(default=None, unique=True, max_digits=30, decimal_places=9)
    at: Col[datetime | None] = field(default=None, unique=True)
    local: Col[NaiveDatetime | None] = field(default=None, unique=True)
    day: Col[date | None] = field(default=None, unique=True)
    data: Col[bytes | None] = field(default=None, unique=True, max_length=50)
    key: Col[UUID | None] = field(default=None, unique=True)
    color: Col[Color | None] = field(default=None, unique=True)
    secret: Col[SecretStr | None] = field(default=None, unique=True, max_length=50)
    note: Col[str] = field(default="")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=8) as database:
        await database.create_all()
        yield database


@pytest.fixture
def heroes(db: Database) -> Repository[Hero]:
    return Repository(Hero, db)


@pytest.fixture
def accounts(db: Database) -> Repository[Account]:
    return Repository(Account, db)


# ---- what is stored ----------------------------------------------------------------------------


async def test_a_row_that_is_not_there_is_stored_like_by_add(heroes: Repository[Hero]) -> None:
    given = Hero(name="Ada", age=36, powers=[Power(level=3)])

    stored = await heroes.upsert(given, on=[Hero.name])

    assert stored == await heroes.get(stored.id)
    assert stored.model_dump(exclude={"id"}) == given.model_dump(exclude={"id"})


async def test_an_existing_row_gets_the_fields_that_were_given_and_keeps_the_others(
    heroes: Repository[Hero],
) -> None:
    ada = await heroes.add(Hero(name="Ada", age=36, visits=7, powers=[Power(level=3)]))

    stored = await heroes.upsert(Hero(name="Ada", visits=8), on=[Hero.name])

    assert stored == ada.model_copy(update={"visits": 8})
    assert await heroes.all() == [stored]


async def test_a_field_that_is_given_as_none_is_overwritten(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada", age=36, visits=7))

    stored = await heroes.upsert(Hero(name="Ada", age=None), on=[Hero.name])

    assert (stored.age, stored.visits) == (None, 7)


async def test_a_field_that_was_assigned_is_a_given_one(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada", age=36, visits=7))
    given = Hero(name="Ada")
    given.visits = 0

    stored = await heroes.upsert(given, on=[Hero.name])

    assert (stored.age, stored.visits) == (36, 0)


async def test_an_instance_that_was_read_is_given_as_a_whole(heroes: Repository[Hero]) -> None:
    read = await heroes.add(Hero(name="Ada", age=36, visits=7))
    await heroes.patch(read.id, Hero.age.set(37), Hero.visits.set(8))

    assert await heroes.upsert(read, on=[Hero.name]) == read


async def test_instances_with_ever_other_fields_are_upserted_without_keeping_them_all(
    heroes: Repository[Hero], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upserting, "_SHAPES", 0)
    await heroes.upsert(Hero(name="Ada", age=36), on=[Hero.name])
    renamed = await heroes.upsert(Hero(name="Ada"), on=[Hero.name])
    aged = await heroes.upsert(Hero(name="Ada", age=37), on=[Hero.name])
    assert [renamed.age, aged.age] == [36, 37]


async def test_update_names_the_fields_that_an_existing_row_gets(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=36, visits=7))

    stored = await heroes.upsert(
        Hero(name="Ada", age=40, visits=8), on=[Hero.name], update=[Hero.age]
    )

    assert stored == ada.model_copy(update={"age": 40})


async def test_update_can_name_a_field_that_was_not_given(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada", age=36, visits=7))

    stored = await heroes.upsert(
        Hero(name="Ada", age=1), on=[Hero.name], update=[Hero.age, Hero.visits]
    )

    assert (stored.age, stored.visits) == (1, 0)


@pytest.mark.parametrize("given", [Hero(name="Ada", age=1), Hero(name="Ada")])
async def test_without_anything_to_update_the_row_stays_and_comes_back(
    heroes: Repository[Hero], given: Hero
) -> None:
    ada = await heroes.add(Hero(name="Ada", age=36, visits=7))

    assert await heroes.upsert(given, on=[Hero.name], update=[]) == ada
    assert await heroes.upsert(Hero(name="Bo", age=1), on=[Hero.name], update=[]) != ada
    assert await heroes.count() == 2


async def test_a_row_of_nothing_but_its_key_is_stored_once(db: Database) -> None:
    codes = Repository(Code, db)

    for _ in range(2):
        assert await codes.upsert(Code(code="a"), on=[Code.code]) == Code(code="a")

    assert await codes.count() == 1


async def test_a_key_of_two_columns_decides_in_any_order(db: Database) -> None:
    seats = Repository(Seat, db)
    first = await seats.upsert(Seat(row=1, letter="a", guest="Ada"), on=[Seat.row, Seat.letter])

    second = await seats.upsert(Seat(row=1, letter="a", paid=True), on=[Seat.letter, Seat.row])
    other = await seats.upsert(Seat(row=1, letter="b"), on=[Seat.row, Seat.letter])

    assert second == first.model_copy(update={"paid": True})
    assert other.id != first.id


def place(id_: int, floor: int, name: str) -> Place:
    return Place.model_validate({"id": id_, "floor": floor, "name": name})


async def test_a_key_of_which_a_counted_key_is_a_part_decides(db: Database) -> None:
    places, on = Repository(Place, db), [Place.id, Place.floor]

    for name in ("a", "b"):
        one = await places.upsert(place(1, 2, name), on=on)
        assert one == place(1, 2, name)
    many = [place(1, 2, "c"), place(2, 2, "d")]
    assert await places.upsert_all(many, on=on) == many
    with pytest.raises(UniqueViolation):
        await places.upsert(place(1, 3, "e"), on=on)
    assert await places.order_by(Place.id).all() == many


async def test_the_primary_key_decides_where_it_is_named(db: Database) -> None:
    documents = Repository(Document, db)
    first = await documents.upsert(Document(title="a", size=3), on=[Document.id])

    second = await documents.upsert(Document(id=first.id, title="b"), on=[Document.id])

    assert (second.title, second.size) == ("b", 3)
    assert await documents.all() == [second]


async def test_a_counted_key_that_was_given_decides_where_it_is_named(
    heroes: Repository[Hero],
) -> None:
    ada = await heroes.add(Hero(name="Ada", age=36))
    ada.visits = 5

    assert await heroes.upsert(ada, on=[Hero.id], update=[Hero.visits]) == ada
    assert await heroes.upsert(ada, on=[Hero.id]) == ada


async def test_the_primary_key_of_an_existing_row_stays(db: Database) -> None:
    heroes, documents = Repository(Hero, db), Repository(Document, db)
    ada = await heroes.add(Hero(name="Ada"))
    given = Hero.model_validate({"id": ada.id + 7, "name": "Ada", "age": 3})

    assert (await heroes.upsert(given, on=[Hero.name])).id == ada.id
    document = await documents.add(Document(title="a"))
    assert (await documents.upsert(document, on=[Document.id])).id == document.id


KEYS = {
    "number": -(2**63),
    "text": "é' -- \\ % ? $1 :x 😀 ",
    "flag": True,
    "price": Decimal("-1.50"),
    "long": Decimal("123456789012345678901.123456789"),
    "at": datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    "local": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "day": date(2024, 2, 29),
    "data": b"\0\xff",
    "key": uuid4(),
    "color": Color.RED,
    "secret": SecretStr("s' --"),
}


@pytest.mark.parametrize("name", KEYS)
async def test_a_value_of_every_kind_finds_its_row_again(db: Database, name: str) -> None:
    rows, on = Repository(Keyed, db), [getattr(Keyed, name)]
    made = Keyed.model_validate({name: KEYS[name], "note": "a"})
    first = await rows.upsert(made, on=on)
    again = Keyed.model_validate({name: KEYS[name], "note": "b"})

    assert (await rows.upsert(again, on=on)).id == first.id
    assert [row.id for row in await rows.upsert_all([again], on=on)] == [first.id]
    assert [row.note for row in await rows.upsert_all([made], on=on, update=[])] == ["b"]
    assert await rows.count() == 1


# ---- what is refused ---------------------------------------------------------------------------


async def test_columns_that_are_no_key_are_refused_with_those_that_are(
    accounts: Repository[Account],
) -> None:
    given = Account(name="Ada", email="a@x")
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        for on in ([Account.age], [Account.name, Account.email], []):
            with pytest.raises(UsageError) as caught:
                await accounts.upsert(given, on=on)
            for fitting in ("on=[Account.id]", "on=[Account.name]", "on=[Account.email]"):
                assert fitting in caught.value.fix
            with pytest.raises(UsageError):
                await accounts.upsert_all([given], on=on)
    assert not statements


@pytest.mark.parametrize(
    "wrong",
    [
        Hero.name,
        "name",
        ["name"],
        ["name) DO NOTHING; DROP TABLE hero --"],
        [Hero.name.asc()],
        [Hero.age + 1],
        [sa.text("1=1")],
        [sa.literal_column("name")],
        {"name": 1},
        None,
        [None],
        [{"__clause_element__": "name"}],
    ],
)
async def test_only_lists_of_columns_are_taken(heroes: Repository[Hero], wrong: Any) -> None:
    given = Hero(name="Ada")
    with pytest.raises(WrongType):
        await heroes.upsert(given, on=wrong)
    with pytest.raises(WrongType):
        await heroes.upsert_all([given], on=wrong)
    if wrong is not None:
        with pytest.raises(WrongType):
            await heroes.upsert(given, on=[Hero.name], update=wrong)
    assert await heroes.count() == 0


async def test_columns_of_another_model_are_refused(heroes: Repository[Hero]) -> None:
    with pytest.raises(UsageError, match=r"Account\.name is not a column of Hero"):
        await heroes.upsert(Hero(name="Ada"), on=[Account.name])
    with pytest.raises(UsageError, match=r"Account\.age is not a column of Hero"):
        await heroes.upsert(Hero(name="Ada"), on=[Hero.name], update=[Account.age])


async def test_update_of_a_key_is_refused(heroes: Repository[Hero]) -> None:
    for column in (Hero.id, Hero.name):
        with pytest.raises(UsageError, match=f"update= names {column!r}"):
            await heroes.upsert(Hero(name="Ada"), on=[Hero.name], update=[column])


async def test_a_key_without_a_value_is_refused(heroes: Repository[Hero]) -> None:
    with pytest.raises(NotLoaded, match=r"Hero\.id"):
        await heroes.upsert(Hero(name="Ada"), on=[Hero.id])
    with pytest.raises(NotLoaded, match=r"Hero\.id"):
        await heroes.upsert_all([Hero(name="Ada")], on=[Hero.id])


async def test_none_is_no_key(db: Database) -> None:
    seats = Repository(Seat, db)
    given = Seat(row=1, letter=None)

    with pytest.raises(UsageError, match=r"Seat\.letter is None"):
        await seats.upsert(given, on=[Seat.row, Seat.letter])
    with pytest.raises(UsageError, match=r"Seat\.letter is None"):
        await seats.upsert_all([Seat(row=1, letter="a"), given], on=[Seat.row, Seat.letter])
    assert await seats.count() == 0

    # Also after a call with the same fields, whose statement is known.
    await seats.upsert(Seat(row=1, letter="a"), on=[Seat.row, Seat.letter])
    with pytest.raises(UsageError, match=r"Seat\.letter is None"):
        await seats.upsert(given, on=[Seat.row, Seat.letter])
    assert await seats.count() == 1


async def test_a_call_is_not_taken_for_an_earlier_one(db: Database) -> None:
    accounts = Repository(Account, db)
    first = await accounts.upsert(Account(name="a", email="a@x", age=1), on=[Account.name])

    for given, on, update in (
        (Account(name="a", email="b@x", age=2), [Account.name], None),
        (Account(name="b", email="b@x", age=3), [Account.email], None),
        (Account(name="b", email="c@x"), [Account.name], None),
        (Account(name="b", email="d@x", age=9), [Account.name], [Account.email]),
        (Account(name="b", email="d@x", age=4), (Account.name,), None),
    ):
        found = await accounts.upsert(given, on=on, update=update)
        expected = first.model_dump() | (
            given.model_dump(include={"email"}) if update else given.model_dump(exclude_unset=True)
        )
        assert found.model_dump() == expected
        first = found
    assert await accounts.count() == 1


async def test_another_key_is_refused_in_every_call(db: Database) -> None:
    accounts = Repository(Account, db)
    for number in range(2):
        await accounts.upsert(Account(name=f"{number}", email=f"{number}@x"), on=[Account.name])

    async def in_a_session() -> None:
        async with db.session() as session:
            await Repository(Account, session).upsert(taken, on=[Account.name])

    taken = Account(name="0", email="1@x")
    with pytest.raises(UniqueViolation):
        await accounts.upsert(taken, on=[Account.name])
    with pytest.raises(UniqueViolation):
        await in_a_session()

    assert [one.email for one in await accounts.order_by(Account.id).all()] == ["0@x", "1@x"]


async def test_an_instance_is_validated_as_a_whole(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada", age=36))
    broken = Hero.model_construct(name="Ada", age=-1, visits=3, powers=[])

    for update in (None, [Hero.visits], []):
        with pytest.raises(InvalidRow) as caught:
            await heroes.upsert(broken, on=[Hero.name], update=update)
        assert caught.value.fields == {"age": "greater_than_equal"}
        with pytest.raises(InvalidRow):
            await heroes.upsert_all([Hero(name="Bo"), broken], on=[Hero.name], update=update)
    with pytest.raises(WrongType):
        await heroes.upsert(Account(name="a", email="b"), on=[Hero.name])  # type: ignore[arg-type] # refused
    with pytest.raises(WrongType):
        await heroes.upsert_all([3], on=[Hero.name])  # type: ignore[list-item] # refused
    assert [hero.age for hero in await heroes.all()] == [36]


async def test_a_row_that_its_model_would_refuse_afterwards_stays_as_it_is(db: Database) -> None:
    spans = Repository(Span, db)
    kept = await spans.add(Span(name="a", low=3, high=5))

    # Each is valid, and together they are not.
    with pytest.raises(InvalidRow):
        await spans.upsert(Span(name="a", low=6), on=[Span.name])
    with pytest.raises(InvalidRow):
        await spans.upsert_all([Span(name="b"), Span(name="a", low=6)], on=[Span.name])

    assert await spans.all() == [kept]
    assert (await spans.upsert(Span(name="a", low=4), on=[Span.name])).high == 5


# ---- other constraints -------------------------------------------------------------------------


async def test_another_key_that_is_taken_is_an_error(accounts: Repository[Account]) -> None:
    ada = await accounts.add(Account(name="Ada", email="a@x", age=36))

    for on, given in (
        (Account.name, Account(name="Bo", email="a@x", age=1)),
        (Account.email, Account(name="Ada", email="b@x", age=1)),
    ):
        with pytest.raises(UniqueViolation):
            await accounts.upsert(given, on=[on])
        with pytest.raises(UniqueViolation):
            await accounts.upsert_all([given], on=[on])
        with pytest.raises(UniqueViolation):
            await accounts.upsert(given, on=[on], update=[])

    assert await accounts.all() == [ada]


async def test_the_named_key_decides_where_two_rows_are_met(
    accounts: Repository[Account],
) -> None:
    ada = await accounts.add(Account(name="Ada", email="a@x", age=36))
    bo = await accounts.add(Account(name="Bo", email="b@x", age=20))
    both = Account(name="Ada", email="b@x", age=40)

    by_name = await accounts.upsert(both, on=[Account.name], update=[Account.age])
    by_email = await accounts.upsert(both, on=[Account.email], update=[Account.age])

    assert by_name == ada.model_copy(update={"age": 40})
    assert by_email == bo.model_copy(update={"age": 40})
    with pytest.raises(UniqueViolation):
        await accounts.upsert(both, on=[Account.name])
    assert [row.email for row in await accounts.order_by(Account.id).all()] == ["a@x", "b@x"]


async def test_a_given_key_that_another_row_has_is_an_error(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada"))
    given = Hero.model_validate({"id": ada.id, "name": "Bo"})

    with pytest.raises(UniqueViolation):
        await heroes.upsert(given, on=[Hero.name])

    assert await heroes.all() == [ada]


async def test_a_row_that_others_refer_to_is_changed_and_keeps_its_key(db: Database) -> None:
    teams, players = Repository(Team, db), Repository(Player, db)
    team = await teams.add(Team(name="A", city="Rome", size=1))
    await players.add(Player(team_id=team.id, name="p"))

    changed = await teams.upsert(Team(name="A", city="Rome", size=2), on=[Team.name])
    again = await teams.upsert_all([Team(name="B"), Team(name="A", size=3)], on=[Team.name])
    same = await teams.upsert(Team(name="A", size=9), on=[Team.name], update=[])

    assert changed == team.model_copy(update={"size": 2})
    assert again[1] == same == team.model_copy(update={"size": 3})


async def test_constraints_that_the_database_holds_are_errors(db: Database) -> None:
    players = Repository(Player, db)

    with pytest.raises(ForeignKeyViolation):
        await players.upsert(Player(team_id=7, name="p"), on=[Player.name])

    with pytest.raises(ForeignKeyViolation):
        await players.upsert_all([Player(team_id=7, name="p")], on=[Player.name])
    assert await players.count() == 0


# ---- many --------------------------------------------------------------------------------------


async def test_many_are_stored_or_changed_and_come_back_in_order(
    heroes: Repository[Hero],
) -> None:
    for number in (5, 2, 8):
        await heroes.add(Hero(name=f"n{number}", age=number, visits=100))
    given = [
        Hero(name=f"n{number}", age=number + 1) if number % 2 else Hero(name=f"n{number}", visits=1)
        for number in (9, 2, 5, 1, 8, 0)
    ]

    stored = await heroes.upsert_all((one for one in given), on=[Hero.name])

    assert [(row.name, row.age, row.visits) for row in stored] == [
        ("n9", 10, 0),
        ("n2", 2, 1),
        ("n5", 6, 100),
        ("n1", 2, 0),
        ("n8", 8, 1),
        ("n0", None, 1),
    ]
    assert sorted(stored, key=lambda row: row.id) == await heroes.order_by(Hero.id).all()


@pytest.mark.parametrize("count", [0, 1, 2, 513, 1300])
async def test_any_number_is_upserted(heroes: Repository[Hero], count: int) -> None:
    given = [Hero(name=f"n{n * 7919 % 2003}", age=n) for n in range(count)]
    first = await heroes.upsert_all(given[::2], on=[Hero.name])

    stored = await heroes.upsert_all(given, on=[Hero.name])

    assert stored[::2] == first
    assert [row.age for row in stored] == list(range(count))
    assert await heroes.count() == count


@pytest.mark.parametrize("count", [1, 600])
async def test_many_rows_that_are_there_are_left_alone(
    heroes: Repository[Hero], count: int
) -> None:
    given = [Hero(name=f"n{n}", age=n) for n in range(count)]
    first = await heroes.add_all(given[1:])

    stored = await heroes.upsert_all(
        [Hero(name=f"n{n}", age=0, visits=1) for n in range(count)], on=[Hero.name], update=[]
    )

    assert stored[1:] == first
    assert stored[0].visits == 1


async def test_many_rows_of_a_key_of_two_columns_are_left_alone(db: Database) -> None:
    seats = Repository(Seat, db)
    first = await seats.add(Seat(row=1, letter="b", guest="Ada"))

    stored = await seats.upsert_all(
        [Seat(row=1, letter=letter, guest="Bo") for letter in "abc"],
        on=[Seat.row, Seat.letter],
        update=[],
    )

    assert [seat.guest for seat in stored] == ["Bo", "Ada", "Bo"]
    assert stored[1] == first


async def test_keys_that_python_cannot_sort_find_their_rows(db: Database) -> None:
    rows = Repository(Keyed, db)
    given = [Keyed(secret=SecretStr(text), note=text) for text in "bca"]
    await rows.add(Keyed(secret=SecretStr("c")))

    stored = await rows.upsert_all(given, on=[Keyed.secret])

    assert [row.note for row in stored] == ["b", "c", "a"]
    assert await rows.count() == 3


async def test_two_instances_with_one_key_are_refused(heroes: Repository[Hero]) -> None:
    statements: list[str] = []
    given = [Hero(name="Ada", age=3), Hero(name="Bo"), Hero(name="Ada", visits=4)]
    with (
        subscribe(lambda run: statements.append(run.sql)),
        pytest.raises(UsageError, match=r"two of the instances have the same Hero\.name"),
    ):
        await heroes.upsert_all(given, on=[Hero.name])
    assert not statements


async def test_many_are_stored_or_none(accounts: Repository[Account]) -> None:
    ada = await accounts.add(Account(name="Ada", email="a@x", age=36))
    given = [
        Account(name="Ada", email="a@x", age=40),
        Account(name="Bo", email="b@x"),
        Account(name="Cy", email="b@x"),
    ]

    with pytest.raises(UniqueViolation):
        await accounts.upsert_all(given, on=[Account.name])

    assert await accounts.all() == [ada]


@pytest.mark.parametrize("in_session", [False, True])
async def test_a_row_gets_a_unique_value_that_one_before_it_gives_up(
    db: Database, accounts: Repository[Account], in_session: bool
) -> None:
    await accounts.add_all(
        [
            Account(name="Ada", email="a@x"),
            Account(name="Bo", email="b@x"),
            Account(name="Cy", email="c@x"),
        ]
    )

    async def upserted(*given: Account) -> dict[str, str]:
        if in_session:
            async with db.session() as session:
                rows = await Repository(Account, session).upsert_all(given, on=[Account.name])
                await Repository(Account, session).count()  # the session goes on
        else:
            rows = await accounts.upsert_all(given, on=[Account.name])
        assert [row.name for row in rows] == [one.name for one in given]
        assert sorted(rows, key=lambda r: r.id) == await accounts.order_by(Account.id).all()
        return {row.name: row.email for row in rows}

    # Neither in the order of the key, nor together with those that give the same fields.
    against_the_key = await upserted(
        Account(name="Cy", email="d@x"),
        Account(name="Bo", email="c@x"),
        Account(name="Ada", email="b@x"),
    )
    assert against_the_key == {"Ada": "b@x", "Bo": "c@x", "Cy": "d@x"}
    of_several_shapes = await upserted(
        Account(name="Ada", email="a@x"),
        Account(name="Bo", email="b@x", age=4),
        Account(name="Cy", email="c@x"),
    )
    assert of_several_shapes == {"Ada": "a@x", "Bo": "b@x", "Cy": "c@x"}


async def test_a_row_of_a_joined_connection_gets_one_that_is_given_up(
    db: Database, accounts: Repository[Account]
) -> None:
    await accounts.add_all([Account(name="Ada", email="a@x"), Account(name="Bo", email="b@x")])
    engine = create_async_engine(db._pool._options.url)
    async with engine.begin() as connection:
        given = [Account(name="Bo", email="c@x"), Account(name="Ada", email="b@x")]
        await Repository(Account, connection).upsert_all(given, on=[Account.name])
    await engine.dispose()

    found = await accounts.order_by(Account.name).all()
    assert [row.email for row in found] == ["b@x", "c@x"]


@only_on("duckdb")
async def test_concurrent_writers_upsert_many_in_a_session(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA, writers="concurrent") as db:
        await db.create_all()
        async with db.session() as session:
            inside = Repository(Account, session)
            await inside.upsert_all(
                [Account(name="Ada", email="a@x"), Account(name="Bo", email="b@x")],
                on=[Account.name],
            )
            given = [Account(name="Bo", email="c@x"), Account(name="Ada", email="b@x")]
            await inside.upsert_all(given, on=[Account.name])

        found = await Repository(Account, db).order_by(Account.name).all()
    assert [row.email for row in found] == ["b@x", "c@x"]


@pytest.mark.parametrize("hands_on", [False, True])
async def test_a_part_that_may_fail_alone_is_set_where_a_value_may_be_given_up(
    db: Database, accounts: Repository[Account], monkeypatch: pytest.MonkeyPatch, hands_on: bool
) -> None:
    entered: list[Session] = []
    genuine = Session.savepoint

    def savepoint(self: Session) -> Any:
        entered.append(self)
        return genuine(self)

    monkeypatch.setattr(Session, "savepoint", savepoint)
    given = [Account(name="Ada", email="a@x"), Account(name="Bo", email="b@x")]

    async with db.session() as session:
        update = [Account.email] if hands_on else [Account.age]
        rows = [one.model_copy(update={"age": 3}) for one in given]
        await Repository(Account, session).upsert_all(rows, on=[Account.name], update=update)

    assert bool(entered) is (hands_on and db.capabilities.savepoints)


async def test_a_unique_value_that_no_row_gives_up_is_an_error(
    db: Database, accounts: Repository[Account]
) -> None:
    there = await accounts.add_all(
        [Account(name="Ada", email="a@x"), Account(name="Bo", email="b@x")]
    )
    given = [Account(name="Cy", email="c@x"), Account(name="Ada", email="b@x")]

    with pytest.raises(UniqueViolation):
        await accounts.upsert_all(given, on=[Account.name])
    engine = create_async_engine(db._pool._options.url)
    async with engine.connect() as connection:
        with pytest.raises(UniqueViolation):
            await Repository(Account, connection).upsert_all(given, on=[Account.name])
        await connection.rollback()
    await engine.dispose()

    assert await accounts.order_by(Account.id).all() == there


async def test_a_class_is_no_instance(accounts: Repository[Account]) -> None:
    with pytest.raises(WrongType):
        await accounts.upsert_all([Account], on=[Account.name])  # type: ignore[list-item] # wrong


async def test_rows_that_refer_to_each_other_are_stored_in_the_order_given(db: Database) -> None:
    people = Repository(Person, db)
    await people.add(Person(name="c", age=3))
    given = [
        Person(name="z", age=1),
        Person(name="m", parent="z"),
        Person(name="c", parent="m", age=4),
        Person(name="a", parent="c", age=5),
    ]

    stored = await people.upsert_all(given, on=[Person.name])

    assert stored == given == await people.order_by(Person.name.desc()).all()


# ---- engines -----------------------------------------------------------------------------------


class Folded(Model, table=True, metadata=sa.MetaData()):
    """A key whose letters' case the database overlooks."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, column_type=sa.String(20))
    age: Col[int] = field(default=0)


FOLDING = {
    "sqlite": "CREATE TABLE folded (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE NOT NULL"
    " UNIQUE, age INTEGER NOT NULL)",
    "mariadb": "CREATE TABLE folded (id INTEGER AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20)"
    " COLLATE utf8mb4_general_ci NOT NULL UNIQUE, age BIGINT NOT NULL) CHARACTER SET utf8mb4",
    "postgresql": "CREATE COLLATION folding (provider = icu, deterministic = false,"
    " locale = 'und-u-ks-level2'); CREATE TABLE folded (id SERIAL PRIMARY KEY,"
    " name TEXT COLLATE folding NOT NULL UNIQUE, age BIGINT NOT NULL)",
}


class FoldedText(Model, table="folded", metadata=sa.MetaData()):
    """The same table, of which the model does not know."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    age: Col[int] = field(default=0)


@only_on("sqlite", "mariadb", "mysql", "postgresql")
@pytest.mark.parametrize("model", [Folded, FoldedText])
async def test_values_that_only_the_database_finds_equal_are_one_key(
    database_url: str, model: type[Folded]
) -> None:
    async with Database(database_url) as db:
        name = "mariadb" if database_url.startswith("mysql") else database_url.split(":")[0]
        for sql in FOLDING[name].split("; "):
            await db.execute(sa.text(sql))
        rows = Repository(model, db)
        ada = await rows.add(model(name="Ada", age=1))

        one = await rows.upsert(model(name="ADA", age=2), on=[model.name])
        many = await rows.upsert_all([model(name="aDA", age=3)], on=[model.name])
        same = await rows.upsert_all([model(name="adA", age=4)], on=[model.name], update=[])

        assert (one.id, one.name, one.age) == (ada.id, "Ada", 2)
        assert many == same == [ada.model_copy(update={"age": 3})]
        # PostgreSQL refuses it where the library does not know that values may be equal.
        unknown = model.__name__ == "FoldedText" and name == "postgresql"
        with pytest.raises(StatementFailed if unknown else UsageError):
            await rows.upsert_all([model(name="b", age=1), model(name="B", age=2)], on=[model.name])
        assert await rows.count() == 1


class Shown(Model, table=True, metadata=sa.MetaData()):
    """Unique among the rows that are shown."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    hidden: Col[bool] = field(default=False)
    age: Col[int] = field(default=0)
    __table_args__ = (
        sa.Index(
            "shown_once",
            "name",
            unique=True,
            sqlite_where=sa.text("hidden = 0"),
            postgresql_where=sa.text("NOT hidden"),
        ),
    )


@only_on("sqlite", "postgresql")
async def test_a_unique_index_of_some_rows_decides_among_them(database_url: str) -> None:
    async with Database(database_url, metadata=Shown.metadata) as db:
        await db.create_all()
        rows = Repository(Shown, db)
        hidden = await rows.add(Shown(name="a", hidden=True, age=1))

        first = await rows.upsert(Shown(name="a", age=2), on=[Shown.name])
        second = await rows.upsert(Shown(name="a", age=3), on=[Shown.name])
        many = await rows.upsert_all([Shown(name="a", age=4)], on=[Shown.name])

        assert (first.id, second.age) == (second.id, 3)
        assert many == [second.model_copy(update={"age": 4})]
        assert await rows.get(hidden.id) == hidden


class Unnamed(Model, table=True, metadata=sa.MetaData()):
    """Keys that no INSERT can name: of an expression, of a beginning, or checked later."""

    id: Col[int] = generated()
    folded: Col[str] = field(max_length=20)
    started: Col[str] = field(max_length=20)
    late: Col[str] = field(max_length=20)
    lowered: Col[str] = field(max_length=20)
    __table_args__ = (
        sa.Index("ux_folded", sa.text("lower(folded)"), unique=True),
        sa.Index("ux_lowered", sa.func.lower(sa.column("lowered")), unique=True),
        sa.Index("ux_started", "started", unique=True, mysql_length=3, mariadb_length=3),
        sa.UniqueConstraint("late", deferrable=True),
        sa.Index("ix_plain", "id", "late"),
    )


@only_on("mariadb", "mysql", "postgresql")
async def test_a_key_that_no_statement_can_name_is_refused(db: Database) -> None:
    rows = Repository(Unnamed, db)
    given = Unnamed(folded="a", started="b", late="c", lowered="d")
    wrong = [Unnamed.folded, Unnamed.late, Unnamed.lowered]
    if db.plans.dialect.name != "postgresql":
        wrong.append(Unnamed.started)

    for column in wrong:
        with pytest.raises(UsageError) as caught:
            await rows.upsert(given, on=[column])
        assert caught.value.fix.startswith("use on=[Unnamed.id]")


LOWERED = sa.MetaData()


class Lowered(Model, table=True, metadata=LOWERED):
    """Unique whatever the case: an index of an expression of a column, added to the table."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)


sa.Index("ux_lowered", sa.func.lower(table_of(Lowered).c.name), unique=True)


@only_on("sqlite", "postgresql", "duckdb")
async def test_an_index_of_an_expression_is_no_key_of_its_column(database_url: str) -> None:
    async with Database(database_url, metadata=LOWERED) as db:
        await db.create_all()
        rows = Repository(Lowered, db)
        with pytest.raises(UsageError, match=r"no unique key of Lowered consists of Lowered\.name"):
            await rows.upsert(Lowered(name="a"), on=[Lowered.name])
        given = Lowered.model_validate({"id": 1, "name": "a"})
        assert (await rows.upsert(given, on=[Lowered.id])).name == "a"


class Ordered(Model, table=True, metadata=sa.MetaData()):
    """A key whose index begins with its highest value."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    age: Col[int] = field(default=0)


sa.Index("ux_ordered", table_of(Ordered).c.name.desc(), unique=True)


@only_on("sqlite", "postgresql")
async def test_an_index_in_another_order_is_a_key_of_its_column(database_url: str) -> None:
    async with Database(database_url, metadata=Ordered.metadata) as db:
        await db.create_all()
        rows = Repository(Ordered, db)
        await rows.upsert(Ordered(name="a"), on=[Ordered.name])
        assert (await rows.upsert(Ordered(name="a", age=3), on=[Ordered.name])).age == 3
        assert await rows.count() == 1


class Halved(Model, table=True, metadata=sa.MetaData()):
    """Unique among some rows, and among others."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    age: Col[int] = field(default=0)
    town: Col[str] = field(default="", max_length=20)
    __table_args__ = (
        *(
            sa.Index(
                f"ux_{word}",
                "name",
                unique=True,
                sqlite_where=sa.text(f"age {sign} 9"),
                postgresql_where=sa.text(f"age {sign} 9"),
            )
            for word, sign in (("old", ">"), ("young", "<"))
        ),
        sa.Index("ux_town", "town", unique=True, sqlite_where=sa.text("age > 9")),
        sa.UniqueConstraint("town"),
    )


@only_on("sqlite", "postgresql")
async def test_which_of_two_conditions_is_meant_is_not_guessed(database_url: str) -> None:
    async with Database(database_url, metadata=Halved.metadata) as db:
        await db.create_all()
        rows = Repository(Halved, db)
        with pytest.raises(
            UsageError, match=r"several unique indexes of Halved are of Halved\.name"
        ):
            await rows.upsert(Halved(name="a"), on=[Halved.name])
        await rows.upsert(Halved(name="a", town="x", age=1), on=[Halved.town])
        again = await rows.upsert(Halved(name="a", town="x", age=2), on=[Halved.town])
        assert (again.age, await rows.count()) == (2, 1)


class Described(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    meta: Col[dict[str, int]] = field(default_factory=dict, unique=True)


async def test_json_is_no_key(db: Database) -> None:
    with pytest.raises(UsageError, match=r"Described\.meta holds JSON"):
        await Repository(Described, db).upsert(Described(meta={}), on=[Described.meta])


async def test_a_known_shape_is_one_statement_where_the_engine_has_it(
    heroes: Repository[Hero], db: Database
) -> None:
    await heroes.upsert(Hero(name="Ada", age=1), on=[Hero.name])
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        await heroes.upsert(Hero(name="Ada", age=2), on=[Hero.name])

    wanted = 1 if db.capabilities.insert_returning else 4
    assert len(statements) == wanted
    before = len(db.plans)
    await heroes.upsert(Hero(name="Bo", age=3), on=[Hero.name])
    assert len(db.plans) == before


async def test_hundreds_are_few_statements_where_the_engine_has_them(
    heroes: Repository[Hero], db: Database
) -> None:
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        await heroes.upsert_all([Hero(name=f"n{n}", age=n) for n in range(500)], on=[Hero.name])

    inserts = [sql for sql in statements if sql.startswith("INSERT")]
    assert len(inserts) == (1 if db.capabilities.column_arrays else 2) or not (
        db.capabilities.insert_returning
    )


async def test_an_upsert_takes_part_in_the_transaction(
    heroes: Repository[Hero], db: Database, database_url: str
) -> None:
    ada = await heroes.add(Hero(name="Ada", age=1))
    async with db.session() as session:
        inside = Repository(Hero, session)
        await inside.upsert(Hero(name="Ada", age=2), on=[Hero.name])
        await inside.upsert_all([Hero(name="Bo"), Hero(name="Ada", age=3)], on=[Hero.name])
        assert await inside.count() == 2
        await session.rollback()

    assert await heroes.all() == [ada]
    await db.dispose()
    engine = create_async_engine(driver_url(database_url))
    async with engine.begin() as connection:
        joined = Repository(Hero, connection)
        changed = await joined.upsert(Hero(name="Ada", age=2), on=[Hero.name])
        same = await joined.upsert_all([Hero(name="Ada", visits=3)], on=[Hero.name])
    await engine.dispose()
    assert changed == ada.model_copy(update={"age": 2})
    assert await heroes.all() == same


# ---- at once -----------------------------------------------------------------------------------


async def test_many_tasks_that_upsert_one_key_make_one_row(heroes: Repository[Hero]) -> None:
    stored = await asyncio.gather(
        *(heroes.upsert(Hero(name="Ada", age=n), on=[Hero.name]) for n in range(20))
    )

    [row] = await heroes.all()
    assert {one.id for one in stored} == {row.id}
    assert sorted(one.age or 0 for one in stored) == list(range(20))


async def test_many_tasks_that_upsert_one_key_beside_others_make_one_row(
    accounts: Repository[Account],
) -> None:
    stored = await asyncio.gather(
        *(
            accounts.upsert(Account(name="Ada", email="a@x", age=n), on=[Account.name])
            for n in range(20)
        )
    )

    [row] = await accounts.all()
    assert {one.id for one in stored} == {row.id}
    assert sorted(one.age or 0 for one in stored) == list(range(20))


async def test_fields_that_different_tasks_give_are_all_kept(heroes: Repository[Hero]) -> None:
    await asyncio.gather(
        *(
            heroes.upsert(
                Hero(name="Ada", age=1) if n % 2 else Hero(name="Ada", visits=2), on=[Hero.name]
            )
            for n in range(20)
        )
    )

    [row] = await heroes.all()
    assert (row.age, row.visits) == (1, 2)


async def test_many_tasks_that_find_or_make_one_row_get_the_same(
    heroes: Repository[Hero],
) -> None:
    stored = await asyncio.gather(
        *(heroes.upsert(Hero(name="Ada", age=n), on=[Hero.name], update=[]) for n in range(20))
    )

    assert await heroes.all() == stored[:1]
    assert all(one == stored[0] for one in stored)


@pytest.mark.parametrize("model", [Hero, Account])
async def test_tasks_that_upsert_the_same_keys_in_other_orders_do_not_disturb_each_other(
    db: Database, model: type[Hero] | type[Account]
) -> None:
    rows = Repository(model, db)

    def given(n: int, turned: bool) -> list[Any]:
        made = [
            model.model_validate({"name": f"n{k}", "email": f"e{k}", "age": n}) for k in range(6)
        ]
        return made[::-1] if turned else made

    await asyncio.gather(
        *(rows.upsert_all(given(n, n % 2 == 0), on=[model.name]) for n in range(20))
    )

    found = await rows.all()
    assert len(found) == 6
    assert len({row.age for row in found}) == 1


@only_on("postgresql", "mariadb")
async def test_rows_keep_the_order_of_their_key_where_another_came_between(
    accounts: Repository[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await accounts.add(Account(name="Ada", email="a@x"))
    with pytest.raises(UniqueViolation) as met:
        await accounts.add(Account(name="Ada", email="b@x"))
    tried: list[list[object]] = []
    genuine = upserting.Upserter._upsert_parts

    async def disturbed_once(self: Any, source: Any, target: Any, parts: Any, size: int) -> Any:
        tried.append([key for part in parts for key in part.keys])
        if len(tried) == 1:
            raise met.value
        return await genuine(self, source, target, parts, size)

    monkeypatch.setattr(upserting.Upserter, "_upsert_parts", disturbed_once)
    given = [Account(name=name, email=f"{name}@x") for name in ("Cy", "Bo", "Ada")]
    stored = await accounts.upsert_all(given, on=[Account.name])

    assert len(tried) == 2
    assert tried[0] == tried[1] == sorted(tried[0], key=repr)
    assert [row.name for row in stored] == ["Cy", "Bo", "Ada"]
    assert stored[2].id == ada.id


@pytest.mark.parametrize("model", [Hero, Account])
async def test_sessions_that_upsert_one_key_wait_for_each_other(
    db: Database, model: type[Hero] | type[Account]
) -> None:
    # PostgreSQL may meet the row in its other key, and a session is its owner's to run again.
    again = UniqueViolation if (server_of(db), model) == ("postgresql", Account) else ()

    async def upserted(n: int) -> int:
        given = model.model_validate({"name": "Ada", "email": "a@x", "age": n})
        while True:
            try:
                async with db.session() as session:
                    return (await Repository(model, session).upsert(given, on=[model.name])).id
            except again:
                pass

    async with asyncio.TaskGroup() as group:
        ids = [group.create_task(upserted(n)) for n in range(20)]

    assert len({one.result() for one in ids}) == await Repository(model, db).count() == 1


@only_on("postgresql")
@pytest.mark.parametrize("known", [False, True], ids=["first", "known"])
async def test_a_row_that_is_stored_while_another_is_looked_for_is_found_after_all(
    database_url: str, *, known: bool
) -> None:
    async with Database(database_url) as db:
        # The keys are filled in the order in which they were made, and the second one waits.
        for sql in (
            "CREATE TABLE account (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
            " name VARCHAR NOT NULL, email VARCHAR NOT NULL, age BIGINT)",
            "CREATE FUNCTION waiting(text) RETURNS text IMMUTABLE LANGUAGE sql AS"
            " 'SELECT $1 FROM pg_advisory_xact_lock(7)'",
            "CREATE INDEX ON account (waiting(name))",
            "CREATE UNIQUE INDEX ON account (email)",
            "CREATE UNIQUE INDEX ON account (name)",
        ):
            await db.execute(sa.text(sql))
        if known:
            bo = Account(name="Bo", email="b@x", age=3)
            await Repository(Account, db).upsert(bo, on=[Account.name])
        given = Account(name="Ada", email="a@x", age=2)
        async with db.session() as session:
            await session.execute(sa.text("SELECT pg_advisory_xact_lock(7)"))
            upserting = asyncio.create_task(
                Repository(Account, db).upsert(given, on=[Account.name])
            )
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not (await session.execute(waiting))[0][0]:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0)
            first = await Repository(Account, session).add(Account(name="Ada", email="a@x", age=1))

        assert await upserting == first.model_copy(update={"age": 2})
