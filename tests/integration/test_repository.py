"""Storing, finding, changing and removing single instances."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from andamios_orm import Col, Database, Model, Repository, UUIDKey, field, generated
from andamios_orm.errors import (
    ConstraintViolation,
    DeclarationError,
    ForeignKeyViolation,
    InvalidRow,
    NotFound,
    NotLoaded,
    NotStorable,
    UniqueViolation,
    UsageError,
    WrongType,
)
from andamios_orm.observe import subscribe
from tests.engines import driver_url
from tests.own_types import Rank, Shout

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)


class Power(BaseModel):
    level: int


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(min_length=1, max_length=20, pattern="^[A-Za-z0-9 ]+$")
    age: Col[int | None] = field(default=None, ge=0)
    half: Col[float] = field(default=0.0)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=8, decimal_places=2)
    long_fee: Col[Decimal] = field(default=Decimal(0), max_digits=20, decimal_places=2)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    powers: Col[list[Power]] = field(default_factory=list)


class Counter(Model, table=True, metadata=METADATA):
    """Nothing but a key."""

    id: Col[int] = generated()


class League(Model, table=True, metadata=METADATA):
    """Rows refer to it by a key that is not the primary one."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    number: Col[int] = field(unique=True)
    rank: Col[Rank] = field(unique=True)
    shout: Col[Shout] = field(unique=True)
    note: Col[str] = field(default="")
    above: Col[int | None] = field(default=None, foreign_key="League.number")


class Membership(Model, table=True, metadata=METADATA):
    """A key of two parts."""

    team: Col[int] = field(primary_key=True)
    person: Col[str] = field(primary_key=True)
    role: Col[str] = field(default="member")


class Pair(Model, table=True, metadata=METADATA):
    """A key of two parts, and nothing else."""

    left: Col[int] = field(primary_key=True)
    right: Col[int] = field(primary_key=True)


class Document(UUIDKey, table=True, metadata=METADATA):
    title: Col[str]


class Account(Model, table=True, metadata=METADATA):
    """A model whose validators look at one field, at two fields, and at the whole row."""

    model_config = ConfigDict(str_strip_whitespace=True)

    id: Col[int] = generated()
    email: Col[str] = field(default="a@b", alias="e-mail")
    low: Col[int] = field(default=0)
    high: Col[int] = field(default=10)
    cap: Col[int] = field(default=100)

    @field_validator("email")
    @classmethod
    def lower(cls, value: str) -> str:
        return value.lower()

    @field_validator("cap")
    @classmethod
    def above_high(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data["high"]:
            raise ValueError("too low")
        return value

    @model_validator(mode="after")
    def in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Frozen(Model, table=True, metadata=METADATA, frozen=True):
    id: Col[int] = generated()
    name: Col[str]


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def heroes(empty: Database) -> Repository[Hero]:
    return Repository(Hero, empty)


@pytest.fixture
def accounts(empty: Database) -> Repository[Account]:
    return Repository(Account, empty)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The verbs of the statements that run in the block."""
    seen: list[str] = []
    with subscribe(lambda event: seen.append(event.sql.split()[0])):
        yield seen


# ---- add ---------------------------------------------------------------------------------------


async def test_add_returns_the_row_and_leaves_the_given_instance_alone(
    heroes: Repository[Hero],
) -> None:
    given = Hero(name="Ada")

    stored = await heroes.add(given)

    assert stored == await heroes.get(stored.id)
    assert stored is not given
    with pytest.raises(NotLoaded):
        given.id  # noqa: B018 - reading is the act


async def test_add_stores_a_row_that_is_all_defaults(empty: Database) -> None:
    counters = Repository(Counter, empty)

    one, two = await counters.add(Counter()), await counters.add(Counter())

    assert [counter.id for counter in await counters.order_by(Counter.id).all()] == [one.id, two.id]


async def test_add_keeps_a_key_given_by_hand(heroes: Repository[Hero]) -> None:
    stored = await heroes.add(Hero.model_validate({"id": 7, "name": "Ada"}))

    assert stored.id == 7
    with pytest.raises(UniqueViolation):
        await heroes.add(stored)


async def test_add_stores_keys_made_in_python(empty: Database) -> None:
    documents = Repository(Document, empty)
    given = Document(title="x")

    stored = await documents.add(given)

    assert stored == given == await documents.get(given.id)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda hero: hero.powers.append("fire"), "powers.1"),
        (lambda hero: setattr(hero.powers[0], "level", "high"), "powers.0.level"),
        (lambda hero: hero.powers.append(Power.model_construct()), "powers.1.level"),
        (lambda hero: hero.__dict__.update(age=-1), "age"),
        (lambda hero: hero.__dict__.pop("name"), "name"),
    ],
)
async def test_what_an_instance_became_is_validated_before_it_is_written(
    heroes: Repository[Hero], change: Callable[[Any], object], refused: str
) -> None:
    hero = Hero(name="Ada", powers=[Power(level=1)])
    change(hero)

    with statements() as ran, pytest.raises(InvalidRow) as caught:
        await heroes.add(hero)

    assert list(caught.value.fields) == [refused]
    assert caught.value.key is None
    assert ran == []


async def test_an_instance_made_without_validation_is_validated(heroes: Repository[Hero]) -> None:
    with pytest.raises(InvalidRow, match="name"):
        await heroes.add(Hero.model_construct(age=3))


async def test_an_instance_of_another_class_is_refused(heroes: Repository[Any]) -> None:
    with pytest.raises(WrongType, match="a Team was given where Hero is stored"):
        await heroes.add(Team(name="x"))


async def test_a_value_that_no_column_holds_is_refused_before_any_sql(
    heroes: Repository[Hero],
) -> None:
    with statements() as ran, pytest.raises(NotStorable, match=r"Hero\.age"):
        await heroes.add(Hero(name="Ada", age=2**63))

    assert ran == []


# ---- get, find ---------------------------------------------------------------------------------


async def test_a_missing_row_is_an_error_to_get_and_none_to_find(heroes: Repository[Hero]) -> None:
    assert await heroes.find(1) is None
    with pytest.raises(NotFound) as caught:
        await heroes.get(1)
    assert caught.value.model is Hero


async def test_a_composite_key_is_a_tuple_in_declared_order(empty: Database) -> None:
    memberships = Repository(Membership, empty)
    stored = await memberships.add(Membership(team=1, person="Ada"))

    assert await memberships.get((1, "Ada")) == stored
    assert await memberships.find((2, "Ada")) is None


@pytest.mark.parametrize("key", [1, (1,), (1, "Ada", 2), ("Ada", 1), [1, "Ada"], (1, None)])
async def test_a_composite_key_of_another_form_is_refused(empty: Database, key: object) -> None:
    with pytest.raises(WrongType):
        await Repository(Membership, empty).get(key)


@pytest.mark.parametrize("key", [None, "1", 1.0, (1,), UUID(int=1)])
async def test_a_key_of_another_type_is_refused(heroes: Repository[Hero], key: object) -> None:
    for attempt in (heroes.get(key), heroes.find(key), heroes.delete(key), heroes.patch(key)):
        with pytest.raises(WrongType):
            await attempt


async def test_indexed_values_of_any_type_are_changed(empty: Database) -> None:
    # DuckDB cannot set an indexed column of a row that others refer to, so a value that is there
    # already is not set; another one is.
    leagues = Repository(League, empty)
    one = await leagues.add(League(number=1, rank=Rank.MINOR, shout=Shout("a")))

    patched = await leagues.patch(one.id, League.rank.set(Rank.MAJOR), League.shout.set(Shout("b")))
    assert (patched.rank, patched.shout.text) == (Rank.MAJOR, "b")
    patched.rank, patched.shout = Rank.MINOR, Shout("c")
    updated = await leagues.update(patched)
    assert (updated.rank, updated.shout.text) == (Rank.MINOR, "c")
    stored = await leagues.get(one.id)
    assert (stored.rank, stored.shout.text) == (Rank.MINOR, "c")
    await leagues.add(League(number=2, rank=Rank.MAJOR, shout=Shout("d"), above=1))
    stored.note = "another"
    assert (await leagues.update(stored)).note == "another"
    assert (await leagues.patch(one.id, League.shout.set(Shout("c")))).shout.text == "c"


async def test_a_repository_reads_all_its_rows(heroes: Repository[Hero]) -> None:
    assert (await heroes.first(), await heroes.all(), await heroes.exists()) == (None, [], False)
    ada = await heroes.add(Hero(name="Ada"))

    assert await heroes.one() == await heroes.first() == ada
    assert (
        await heroes.all() == await heroes.limit(5).all() == await heroes.offset(0).all() == [ada]
    )
    assert (await heroes.count(), await heroes.exists()) == (1, True)


# ---- update ------------------------------------------------------------------------------------


async def test_update_writes_all_fields_and_leaves_the_given_instance_alone(
    heroes: Repository[Hero],
) -> None:
    ada = await heroes.add(Hero(name="Ada", age=3))
    changed = ada.model_copy(update={"name": "Bob", "age": None})

    stored = await heroes.update(changed)

    assert stored == changed == await heroes.get(ada.id)
    assert stored is not changed


async def test_update_of_a_row_that_is_gone_is_an_error(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada"))
    await heroes.delete(ada)

    with pytest.raises(NotFound):
        await heroes.update(ada)


async def test_an_instance_that_was_never_stored_has_no_row(heroes: Repository[Hero]) -> None:
    for attempt in (heroes.update(Hero(name="Ada")), heroes.delete(Hero(name="Ada"))):
        with pytest.raises(NotLoaded, match="has no id yet"):
            await attempt


async def test_update_of_a_row_that_is_all_key_changes_nothing(empty: Database) -> None:
    counters, pairs = Repository(Counter, empty), Repository(Pair, empty)
    counter, pair = await counters.add(Counter()), await pairs.add(Pair(left=1, right=2))

    with statements() as ran:
        assert await counters.update(counter) == counter
        assert await pairs.update(pair) == pair

    assert ran == ["SELECT", "SELECT"]
    with pytest.raises(NotFound):
        await pairs.update(Pair(left=2, right=1))


async def test_update_validates_the_key_too(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada"))

    with pytest.raises(InvalidRow, match="id"):
        await heroes.update(Hero.model_construct(id="x", name="Ada"))


async def test_update_reads_a_composite_key_from_the_instance(empty: Database) -> None:
    memberships = Repository(Membership, empty)
    await memberships.add_all([Membership(team=1, person="Ada"), Membership(team=1, person="Bob")])

    await memberships.update(Membership(team=1, person="Bob", role="boss"))

    assert [m.role for m in await memberships.order_by(Membership.person).all()] == [
        "member",
        "boss",
    ]


# ---- patch -------------------------------------------------------------------------------------


class AgeOnly(BaseModel):
    age: int | None = None
    name: str = "unset"


async def test_patch_sets_what_the_model_of_changes_has_set(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=3))

    stored = await heroes.patch(ada.id, AgeOnly(age=4))

    assert stored == ada.model_copy(update={"age": 4}) == await heroes.get(ada.id)


async def test_patch_takes_assignments_and_models_together(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=3))

    stored = await heroes.patch(ada.id, AgeOnly(age=None), Hero.name.set("Bob"))

    assert (stored.name, stored.age) == ("Bob", None)


async def test_patch_computes_in_the_database(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=3))

    stored = await heroes.patch(
        ada.id, Hero.age.set(Hero.age * 2 + 1), Hero.name.set(sa.func.upper(Hero.name))
    )

    assert (stored.name, stored.age) == ("ADA", 7)


async def test_a_patch_without_changes_writes_nothing(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada"))

    with statements() as ran:
        assert await heroes.patch(ada.id, AgeOnly()) == ada
        assert await heroes.patch(ada.id) == ada

    assert ran == ["SELECT", "SELECT"]
    with pytest.raises(NotFound):
        await heroes.patch(0)


async def test_patch_of_a_row_that_is_gone_is_an_error(heroes: Repository[Hero]) -> None:
    with pytest.raises(NotFound):
        await heroes.patch(1, Hero.age.set(3))


async def test_patch_finds_a_composite_key(empty: Database) -> None:
    memberships = Repository(Membership, empty)
    await memberships.add(Membership(team=1, person="Ada"))

    stored = await memberships.patch((1, "Ada"), Membership.role.set("boss"))

    assert (stored.person, stored.role) == ("Ada", "boss")


async def test_a_misspelt_field_is_refused_with_the_right_name(heroes: Repository[Hero]) -> None:
    class Misspelt(BaseModel):
        aeg: int

    class Unknown(BaseModel):
        zzz: int

    with pytest.raises(UsageError, match=r"no field `aeg`.*did you mean `age`\?"):
        await heroes.patch(1, Misspelt(aeg=3))
    with pytest.raises(UsageError, match=r"no field `zzz`, which Unknown sets\n"):
        await heroes.patch(1, Unknown(zzz=3))


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (Hero.age.set(-1), ["age"]),
        (Hero.name.set("no!"), ["name"]),
        (AgeOnly(name=""), ["name"]),
        (Hero.powers.set([Power.model_construct()]), ["powers.0.level"]),
    ],
)
async def test_a_value_that_its_field_refuses_is_refused_before_any_sql(
    heroes: Repository[Hero], change: Any, refused: list[str]
) -> None:
    ada = await heroes.add(Hero(name="Ada"))

    with statements() as ran:
        with pytest.raises(InvalidRow) as one:
            await heroes.patch(ada.id, change)
        assignments = [change] if not isinstance(change, BaseModel) else [Hero.name.set("")]
        with pytest.raises(InvalidRow) as many:
            await heroes.where(Hero.id > 0).update(*assignments)

    assert (list(one.value.fields), list(many.value.fields)) == (refused, refused)
    assert ran == []


async def test_a_computed_value_that_the_model_refuses_undoes_the_patch(
    heroes: Repository[Hero],
) -> None:
    ada = await heroes.add(Hero(name="Ada"))

    with pytest.raises(InvalidRow) as caught:
        await heroes.patch(ada.id, Hero.name.set(Hero.name + "!"))

    assert (caught.value.key, list(caught.value.fields)) == ((ada.id,), ["name"])
    assert await heroes.get(ada.id) == ada


@pytest.mark.parametrize(
    "changes",
    [
        (Hero.age,),
        (Hero.age == 3,),
        ({"age": 3},),
    ],
)
async def test_patch_takes_assignments_and_models_only(
    heroes: Repository[Hero], changes: Any
) -> None:
    with pytest.raises(WrongType, match="is not an assignment"):
        await heroes.patch(1, *changes)


async def test_assignments_belong_to_one_model_and_name_each_column_once(
    heroes: Repository[Hero],
) -> None:
    with pytest.raises(UsageError, match=r"Team\.name is not a column of Hero"):
        await heroes.patch(1, Team.name.set("x"))
    with pytest.raises(UsageError, match=r"Hero\.age is set twice"):
        await heroes.patch(1, Hero.age.set(1), AgeOnly(age=2))
    with pytest.raises(UsageError, match=r"set to a column of Team"):
        await heroes.patch(1, Hero.age.set(Team.id))


@pytest.mark.parametrize(
    "assignment",
    [
        lambda hero: hero.age.set(hero.half),
        lambda hero: hero.age.set(hero.age / 2),
        lambda hero: hero.age.set(hero.name),
        lambda hero: hero.name.set(hero.powers),
    ],
)
async def test_a_column_is_not_set_to_what_engines_would_convert_differently(
    heroes: Repository[Hero], assignment: Callable[[Any], Any]
) -> None:
    with pytest.raises(WrongType, match=r"Hero\.(age|name) holds"):
        await heroes.patch(1, assignment(Hero))


# ---- decimals computed by the database ---------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "factor", "after"),
    [
        ("0.10", "3", "0.30"),
        ("1.00", "1.005", "1.01"),
        ("-1.00", "1.005", "-1.01"),
        ("9.99", "0.5", "5.00"),
        ("0.25", "0.1", "0.03"),
        ("0.01", "0.49999", "0.00"),
        ("123456.78", "1", "123456.78"),
    ],
)
async def test_a_computed_decimal_is_rounded_to_the_places_of_its_column(
    heroes: Repository[Hero], before: str, factor: str, after: str
) -> None:
    ada = await heroes.add(Hero(name="Ada", fee=Decimal(before)))

    stored = await heroes.patch(ada.id, Hero.fee.set(Hero.fee * Decimal(factor)))

    assert stored.fee == Decimal(after)


async def test_a_decimal_is_set_to_another_column(heroes: Repository[Any]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=3, fee=Decimal("1.50"), half=0.125))
    loose: Any = Hero

    assert (await heroes.patch(ada.id, loose.half.set(Hero.fee))).half == 1.5
    assert (await heroes.patch(ada.id, loose.fee.set(Hero.age))).fee == 3
    assert (await heroes.patch(ada.id, loose.fee.set(Hero.fee))).fee == 3
    assert (await heroes.patch(ada.id, loose.fee.set(Hero.fee / 8))).fee == Decimal("0.38")
    assert (await heroes.patch(ada.id, Hero.long_fee.set(Hero.long_fee))).long_fee == 0


# ---- validators that look further than one value -----------------------------------------------


async def test_a_patch_that_the_whole_row_refuses_is_undone(accounts: Repository[Account]) -> None:
    account = await accounts.add(Account())

    for change in (Account.low.set(11), Account.high.set(-1), Account.cap.set(5)):
        with pytest.raises(InvalidRow):
            await accounts.patch(account.id, change)
        with pytest.raises(InvalidRow):
            await accounts.where(Account.id == account.id).update(change)

    assert await accounts.get(account.id) == account


async def test_an_update_that_all_rows_take_is_counted(accounts: Repository[Account]) -> None:
    await accounts.add_all([Account(), Account(low=3), Account(low=9)])

    changed = await accounts.where(Account.low < 5).update(Account.low.set(5))

    assert changed == 2
    assert await accounts.where(Account.low == 5).count() == 2


async def test_a_patched_value_goes_through_the_fields_own_validators(
    accounts: Repository[Account],
) -> None:
    account = await accounts.add(Account())

    patched = await accounts.patch(account.id, Account.email.set("  Ada@Example.ORG "))

    assert patched.email == "ada@example.org"
    assert await accounts.where(Account.email == "ada@example.org").exists()


async def test_a_frozen_model_is_patched_like_any_other(empty: Database) -> None:
    repository = Repository(Frozen, empty)
    stored = await repository.add(Frozen(name="a"))

    patched = await repository.patch(stored.id, Frozen.name.set("b"))

    assert (stored.name, patched.name) == ("a", "b")


# ---- update and delete of many -----------------------------------------------------------------


async def test_update_and_delete_say_how_many_rows_there_were(heroes: Repository[Hero]) -> None:
    await heroes.add_all([Hero(name=f"H{n}", age=n) for n in range(5)])

    assert await heroes.where(Hero.age >= 2).update(Hero.age.set(Hero.age + 10)) == 3
    assert await heroes.where(Hero.age > 99).update(Hero.age.set(0)) == 0
    assert await heroes.where(Hero.age > 11).delete() == 3
    assert await heroes.where(Hero.age > 11).delete() == 0
    assert await heroes.where(sa.true()).update(Hero.age.set(None)) == 2
    assert await heroes.where(sa.true()).delete() == 2


@pytest.mark.parametrize(
    "refine",
    [
        lambda query: query.limit(1),
        lambda query: query.offset(1),
        lambda query: query.order_by(Hero.age),
    ],
)
async def test_sets_of_rows_have_no_order_and_no_limit(
    heroes: Repository[Hero], refine: Callable[[Any], Any]
) -> None:
    query = refine(heroes.where(Hero.age > 3))

    for attempt in (query.delete(), query.update(Hero.age.set(3))):
        with pytest.raises(UsageError, match="which have no order"):
            await attempt


async def test_changing_every_row_needs_a_condition(heroes: Repository[Hero]) -> None:
    await heroes.add(Hero(name="Ada"))

    for attempt in (heroes.where().delete(), heroes.where().update(Hero.age.set(3))):
        with pytest.raises(UsageError, match=r"every row of Hero"):
            await attempt
    assert await heroes.count() == 1


async def test_update_needs_something_to_set(heroes: Repository[Hero]) -> None:
    with pytest.raises(WrongType, match="nothing to set"):
        await heroes.where(Hero.id == 1).update()


# ---- delete ------------------------------------------------------------------------------------


async def test_delete_takes_an_instance_or_a_key(empty: Database) -> None:
    heroes, memberships = Repository(Hero, empty), Repository(Membership, empty)
    one, two = await heroes.add_all([Hero(name="Ada"), Hero(name="Bob")])
    first, _ = await memberships.add_all(
        [Membership(team=1, person="Ada"), Membership(team=1, person="Bob")]
    )

    await heroes.delete(one)
    await heroes.delete(two.id)
    await memberships.delete(first)
    await memberships.delete((1, "Bob"))

    assert (await heroes.count(), await memberships.count()) == (0, 0)
    for attempt in (heroes.delete(one), heroes.delete(two.id), memberships.delete((1, "Bob"))):
        with pytest.raises(NotFound):
            await attempt


async def test_delete_refuses_an_instance_with_a_wrong_key(heroes: Repository[Hero]) -> None:
    with pytest.raises(WrongType):
        await heroes.delete(Hero.model_construct(id="1"))


async def test_a_row_that_others_refer_to_stays(empty: Database) -> None:
    teams, heroes = Repository(Team, empty), Repository(Hero, empty)
    team = await teams.add(Team(name="Preventers"))
    hero = await heroes.add(Hero(name="Ada", team_id=team.id))

    with pytest.raises(ForeignKeyViolation) as removed:
        await teams.delete(team)
    with pytest.raises(ForeignKeyViolation) as added:
        await heroes.patch(hero.id, Hero.team_id.set(team.id + 1))

    assert (removed.value.model, removed.value.fields) == (Hero, ("team_id",))
    assert (added.value.model, added.value.fields) == (Hero, ("team_id",))
    assert await teams.count() == 1


# ---- where it works ----------------------------------------------------------------------------


async def test_a_repository_of_a_session_takes_part_in_its_transaction(empty: Database) -> None:
    async with empty.session() as session:
        heroes = Repository(Hero, session)
        ada, _ = await heroes.add_all([Hero(name="Ada"), Hero(name="Bob")])
        assert await heroes.where(Hero.name == "Ada").update(Hero.age.set(3)) == 1
        assert (await heroes.patch(ada.id, Hero.age.set(Hero.age + 1))).age == 4
        await session.rollback()

    assert await Repository(Hero, empty).count() == 0


@pytest.mark.parametrize("kind", [AsyncConnection, AsyncSession])
async def test_a_repository_joins_a_transaction_of_sqlalchemy(
    empty: Database, database_url: str, kind: type
) -> None:
    engine = create_async_engine(driver_url(database_url))

    async with AsyncConnection(engine) if kind is AsyncConnection else AsyncSession(engine) as own:
        heroes = Repository(Hero, own)
        ada, bob = await heroes.add_all([Hero(name="Ada"), Hero(name="Bob", fee=Decimal("1.10"))])
        await heroes.patch(ada.id, Hero.age.set(3), Hero.powers.set([Power(level=1)]))
        assert await heroes.where(Hero.fee == Decimal("1.1"), Hero.id.in_([bob.id])).count() == 1
        assert (await heroes.get(ada.id)).powers == [Power(level=1)]
        assert await heroes.where(Hero.name.contains("o")).delete() == 1
        await own.rollback()
        await heroes.add(Hero(name="Cleo"))
        await own.commit()
    await engine.dispose()

    assert [hero.name for hero in await Repository(Hero, empty).all()] == ["Cleo"]


async def test_a_subclass_names_its_model_once(empty: Database) -> None:
    class Heroes(Repository[Hero]):
        async def grown_ups(self) -> list[Hero]:
            return await self.where(Hero.age >= 18).all()

    heroes = Heroes(empty)
    await heroes.add_all([Hero(name="Ada", age=36), Hero(name="Bob", age=3)])

    assert [hero.name for hero in await heroes.grown_ups()] == ["Ada"]
    assert heroes.model is Hero
    assert Repository[Hero] is Repository[Hero]


def test_a_repository_without_a_model_is_refused() -> None:
    untyped: Any = Repository

    with pytest.raises(UsageError, match="needs to know one model"):
        untyped(Database("sqlite://"))


def test_a_repository_without_anything_is_refused() -> None:
    untyped: Any = Repository

    with pytest.raises(UsageError, match="needs to know one model"):
        untyped()


def test_a_repository_of_one_model_takes_no_other() -> None:
    heroes: Any = Repository[Hero]

    with pytest.raises(UsageError, match="needs to know one model"):
        heroes(Model, Database("sqlite://"))


@pytest.mark.parametrize("source", [None, "sqlite://", Hero])
def test_a_repository_needs_a_place_to_store(source: Any) -> None:
    with pytest.raises(WrongType, match="no place to store rows"):
        Repository(Hero, source)


def test_a_class_without_a_table_has_no_repository() -> None:
    class Mixin(Model):
        name: Col[str]

    with pytest.raises(DeclarationError):
        Repository(Mixin, Database("sqlite://"))


# ---- secrets -----------------------------------------------------------------------------------


async def test_no_error_shows_a_value(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(Hero(name="Ada", age=1))
    sentinel = "sentinel 424242"
    hero = Hero(name="Ada")
    hero.__dict__["age"] = sentinel
    attempts: list[Callable[[], Any]] = [
        lambda: heroes.add(hero),
        lambda: heroes.patch(ada.id, Hero.name.set(sentinel * 2)),
        lambda: heroes.where(Hero.id == ada.id).update(Hero.name.set(sentinel * 2)),
        lambda: heroes.add(Hero.model_construct(id=ada.id, name=sentinel)),
        lambda: heroes.patch(ada.id, Hero.name.set(Hero.name + sentinel + "!")),
        lambda: heroes.patch(ada.id, Hero.age.set(Hero.age - 424242)),
        lambda: heroes.patch(ada.id, Hero.team_id.set(424242)),
    ]

    for attempt in attempts:
        with pytest.raises((InvalidRow, NotStorable, ConstraintViolation)) as caught:
            await attempt()

        assert "424242" not in str(caught.value)
        assert "424242" not in repr(caught.value)
