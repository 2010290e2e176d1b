"""A constraint of the model holds twice: in Python, and in the database for every other writer."""

import enum
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types as at
import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    ByteSize,
    Field,
    NaiveDatetime,
    SecretStr,
    StringConstraints,
    ValidationError,
    create_model,
)

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import (
    CheckViolation,
    DatabaseError,
    ForeignKeyViolation,
    InvalidRow,
    NotNullViolation,
    NotStorable,
    NotSupported,
    UniqueViolation,
)
from andamios_orm.migration import Migrator
from andamios_orm.schema.compiler import table_of
from tests.engines import not_on, only_on

WITH_DELETE_ACTIONS = not_on("duckdb")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
NAIVE = datetime(2024, 5, 6, 12)
DAY = date(2024, 5, 6)

# By name: annotation, field's parameters, a value that fits, one that does not.
BOUNDS: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    "int ge": (int, {"ge": 0}, 0, -1),
    "int gt": (int, {"gt": 0}, 1, 0),
    "int le": (int, {"le": 5}, 5, 6),
    "int lt": (int, {"lt": 5}, 4, 5),
    "int multiple_of": (int, {"multiple_of": 3}, -9, 10),
    "int in an interval": (Annotated[int, at.Interval(ge=1, le=3)], {}, 3, 4),
    "optional int": (Annotated[int, Field(gt=0)] | None, {}, 1, 0),
    "outer bound of two": (Annotated[int, Field(gt=5)] | None, {"gt": 0}, 3, 0),
    "float ge": (float, {"ge": 0.1}, 0.1, 0.05),
    "float lt": (float, {"lt": 1}, 0.999, 1.0),
    "money ge": (
        Decimal,
        {"max_digits": 6, "decimal_places": 2, "ge": Decimal("0.07")},
        "0.07",
        "0.06",
    ),
    "money lt": (Decimal, {"max_digits": 6, "decimal_places": 2, "lt": 10}, "9.99", "10"),
    "money multiple_of": (
        Decimal,
        {"max_digits": 6, "decimal_places": 2, "multiple_of": Decimal("0.05")},
        "1.15",
        "1.16",
    ),
    "decimal ge": (Decimal, {"ge": 0}, "0", "-0.5"),
    "decimal gt": (Decimal, {"gt": Decimal("1.5")}, "1.6", "1.5"),
    "decimal multiple_of": (Decimal, {"multiple_of": Decimal("0.5")}, "2.5", "2.4"),
    "date ge": (date, {"ge": DAY}, DAY, DAY - timedelta(days=1)),
    "time lt": (time, {"lt": time(12)}, time(11, 59), time(12)),
    "datetime gt": (datetime, {"gt": NOON}, NOON + timedelta(microseconds=1), NOON),
    "naive datetime le": (NaiveDatetime, {"le": NAIVE}, NAIVE, NAIVE + timedelta(seconds=1)),
    "timedelta ge": (timedelta, {"ge": timedelta(0)}, timedelta(0), timedelta(seconds=-1)),
    "timedelta lt": (timedelta, {"lt": timedelta(days=2)}, timedelta(1), timedelta(2)),
    "byte size": (ByteSize, {"le": 10}, 10, 11),
    "text max_length": (str, {"max_length": 3}, "ñañ", "ñaña"),
    "text min_length": (str, {"min_length": 2}, "ñañ", "ñ"),
    "string constraints": (Annotated[str, StringConstraints(max_length=2)], {}, "ab", "abc"),
    "outer length of two": (Annotated[str, Field(max_length=2)], {"max_length": 3}, "ab", "abcd"),
    "bytes max_length": (bytes, {"max_length": 2}, b"ab", b"abc"),
    "bytes min_length": (bytes, {"min_length": 2}, b"ab", b"a"),
    "secret max_length": (SecretStr, {"max_length": 2}, SecretStr("ab"), SecretStr("abc")),
    "literal": (Literal["a", "b"], {}, "a", "c"),
    "int literal": (Literal[1, 2], {}, 1, 3),
    "bool literal": (Literal[True], {}, True, False),
    "enum": (Color, {}, Color.RED, "gray"),
    "int enum": (Size, {}, Size.SMALL, 3),
    "enum literal": (Literal[Color.RED, Color.BLUE], {}, Color.RED, "gray"),
}


def table_with(annotation: Any, **parameters: Any) -> Any:
    return create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field(**parameters)),
    )


def plain_insert(model: Any, value: object) -> sa.Insert:
    """An INSERT by someone who knows the columns and nothing of the model's rules."""
    columns = sa.table("sample", sa.column("value", model.__table__.c.value.type))
    return sa.insert(columns).values(value=value)


async def create(db: Database, model: Any) -> None:
    async with db.session() as session:
        await session.run_sync(model.metadata.create_all)


@pytest.mark.parametrize("name", BOUNDS)
async def test_a_value_outside_a_bound_is_refused_by_model_and_database(
    db: Database, name: str
) -> None:
    annotation, parameters, good, bad = BOUNDS[name]
    model = table_with(annotation, **parameters)
    repository = Repository(model, db)
    await create(db, model)

    saved: Any = await repository.add(model(value=good))
    with pytest.raises(ValidationError):
        model(value=bad)
    with pytest.raises(InvalidRow, match="Sample refuses to be written: value"):
        await repository.add(model.model_construct(value=bad))
    # PostgreSQL's VARCHAR(n) refuses as a type does, not as a constraint.
    with pytest.raises((CheckViolation, NotStorable)):
        await db.execute(plain_insert(model, Decimal(bad) if annotation is Decimal else bad))

    assert await repository.all() == [saved]


BOUNDED = {
    "int": (
        Annotated[int, Field(ge=-3, lt=7, multiple_of=2)],
        st.integers(-12, 12),
    ),
    "float": (Annotated[float, Field(gt=0.1, le=0.7)], st.floats(0, 1)),
    "money": (
        Annotated[Decimal, Field(max_digits=6, decimal_places=2, ge=Decimal("-0.3"), lt=5)],
        st.decimals(-6, 6, places=2),
    ),
    "cents": (
        Annotated[Decimal, Field(max_digits=9, decimal_places=2), at.MultipleOf(Decimal("0.07"))],
        st.integers(-99999, 99999).map(lambda n: Decimal(n) / 100),
    ),
    "large decimal": (
        Annotated[Decimal, Field(max_digits=20, decimal_places=3, gt=Decimal("-1.5"), le=3)],
        st.decimals(-4, 4, places=3),
    ),
    "text": (Annotated[str, Field(min_length=2, max_length=4)], st.text("aé🦙", max_size=6)),
    "bytes": (Annotated[bytes, Field(min_length=2, max_length=4)], st.binary(max_size=6)),
    "datetime": (
        Annotated[datetime, Field(ge=NOON, lt=NOON + timedelta(seconds=1))],
        st.timedeltas(timedelta(seconds=-2), timedelta(seconds=2)).map(lambda d: NOON + d),
    ),
}


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_database_accepts_exactly_what_the_model_accepts(
    db: Database, name: str, data: st.DataObject
) -> None:
    values = BOUNDED[name][1]
    model = BOUNDED_MODELS[name]
    await create(db, model)
    value = data.draw(values)

    try:
        model(value=value)
        accepted = True
    except ValidationError:
        accepted = False
    try:
        await db.execute(plain_insert(model, value))
        stored = True
    except (CheckViolation, NotStorable):
        stored = False

    assert stored is accepted


BOUNDED_MODELS = {name: table_with(annotation) for name, (annotation, _) in BOUNDED.items()}


# ---- keys --------------------------------------------------------------------------------------

KEYS = sa.MetaData()


class Team(Model, table=True, metadata=KEYS):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True)


class Hero(Model, table=True, metadata=KEYS):
    id: Col[int] = generated()
    name: Col[str]
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id, on_delete="SET NULL")
    boss_id: Col[int | None] = field(default=None, foreign_key="Hero.id", on_delete="CASCADE")
    rival_id: Col[int | None] = field(default=None, foreign_key="hero.id", on_delete="RESTRICT")
    __table_args__ = (sa.UniqueConstraint("name", "team_id"),)


class Seat(Model, table=True, metadata=KEYS):
    row: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)
    note: Col[str] = field(default="")


class Booking(Model, table=True, metadata=KEYS):
    id: Col[int] = generated()
    row: Col[int]
    number: Col[int]
    __table_args__ = (
        sa.ForeignKeyConstraint(["row", "number"], ["seat.row", "seat.number"]),
        sa.Index(None, "row", "number", unique=True),
    )


CIRCLE = sa.MetaData()


class Left(Model, table=True, metadata=CIRCLE):
    id: Col[int] = generated()
    right_id: Col[int | None] = field(default=None, foreign_key="Right.id")


class Right(Model, table=True, metadata=CIRCLE):
    id: Col[int] = generated()
    left_id: Col[int | None] = field(default=None, foreign_key=Left.id)


@pytest_asyncio.fixture
async def keys(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=KEYS) as db:
        await db.create_all()
        yield db


async def test_a_missing_required_value_is_refused_by_the_database(keys: Database) -> None:
    with pytest.raises(NotNullViolation) as caught:
        await keys.execute(sa.text("INSERT INTO hero (name) VALUES (NULL)"))

    assert caught.value.fields == ("name",)


async def test_a_second_equal_value_in_a_unique_field_is_refused(keys: Database) -> None:
    await Repository(Team, keys).add(Team(name="X"))

    with pytest.raises(UniqueViolation) as caught:
        await Repository(Team, keys).add(Team(name="X"))

    assert (caught.value.model, caught.value.fields) == (Team, ("name",))


async def test_a_unique_constraint_of_table_args_is_enforced(keys: Database) -> None:
    team = await Repository(Team, keys).add(Team(name="X"))
    await Repository(Hero, keys).add(Hero(name="Ada", team_id=team.id))

    with pytest.raises(UniqueViolation) as caught:
        await Repository(Hero, keys).add(Hero(name="Ada", team_id=team.id))

    assert caught.value.fields == ("name", "team_id")


async def test_a_reference_to_no_row_is_refused(keys: Database) -> None:
    with pytest.raises(ForeignKeyViolation) as caught:
        await Repository(Hero, keys).add(Hero(name="Ada", team_id=7))

    assert caught.value.fields == ("team_id",)


@WITH_DELETE_ACTIONS
async def test_on_delete_set_null_clears_the_reference(keys: Database) -> None:
    team = await Repository(Team, keys).add(Team(name="X"))
    hero = await Repository(Hero, keys).add(Hero(name="Ada", team_id=team.id))

    await Repository(Team, keys).delete(team)

    assert (await Repository(Hero, keys).get(hero.id)).team_id is None


@WITH_DELETE_ACTIONS
async def test_a_reference_that_is_cleared_has_its_checks_where_the_engine_allows_them(
    database_url: str,
) -> None:
    metadata = sa.MetaData()

    class Floor(Model, table=True, metadata=metadata):
        number: Col[int] = field(primary_key=True)

    class Room(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)
        floor: Col[int | None] = field(foreign_key=Floor.number, on_delete="SET NULL", ge=1)
        booked: Col[bool | None] = field(default=None)

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await Repository(Floor, db).add_all([Floor(number=0), Floor(number=1)])
        await Repository(Room, db).add(Room(id=1, floor=1))
        write = sa.update(table_of(Room)).values(floor=0)
        if db.capabilities.checked_references:
            with pytest.raises(CheckViolation, match="`floor`"):
                await db.execute(write)
        else:
            await db.execute(write)
            assert await db.execute(sa.select(sa.text("floor")).select_from(table_of(Room))) == [
                (0,)
            ]
            with pytest.raises(CheckViolation, match="`booked`"):
                await db.execute(sa.update(table_of(Room)).values(booked=sa.literal_column("7")))
        await Repository(Floor, db).where(Floor.number < 2).delete()
        assert (await Repository(Room, db).get(1)).floor is None


@WITH_DELETE_ACTIONS
async def test_on_delete_cascade_removes_the_referring_row(keys: Database) -> None:
    boss = await Repository(Hero, keys).add(Hero(name="Ada"))
    hero = await Repository(Hero, keys).add(Hero(name="Bob", boss_id=boss.id))

    await Repository(Hero, keys).delete(boss)

    assert await Repository(Hero, keys).find(hero.id) is None


async def test_on_delete_restrict_refuses_to_remove_the_row(keys: Database) -> None:
    rival = await Repository(Hero, keys).add(Hero(name="Ada"))
    await Repository(Hero, keys).add(Hero(name="Bob", rival_id=rival.id))

    with pytest.raises(ForeignKeyViolation):
        await Repository(Hero, keys).delete(rival)


async def test_a_composite_key_is_unique_as_a_whole(keys: Database) -> None:
    seats = Repository(Seat, keys)
    await seats.add(Seat(row=1, number=1))
    await seats.add(Seat(row=1, number=2))

    with pytest.raises(UniqueViolation):
        await seats.add(Seat(row=1, number=2, note="again"))

    assert (await seats.get((1, 2))).note == ""


async def test_a_composite_foreign_key_of_table_args_is_enforced(keys: Database) -> None:
    await Repository(Seat, keys).add(Seat(row=1, number=1))

    booking = await Repository(Booking, keys).add(Booking(row=1, number=1))
    with pytest.raises(ForeignKeyViolation):
        await Repository(Booking, keys).add(Booking(row=1, number=9))

    assert await Repository(Booking, keys).all() == [booking]


@only_on("duckdb")
@pytest.mark.parametrize("reference", ["team_id", "boss_id"])
async def test_without_delete_actions_a_row_that_is_referred_to_stays(
    keys: Database, reference: str
) -> None:
    team = await Repository(Team, keys).add(Team(name="X"))
    boss = await Repository(Hero, keys).add(Hero(name="Ada"))
    values = {"name": "Bob", "team_id": team.id, "boss_id": boss.id}
    hero = await Repository(Hero, keys).add(Hero.model_validate(values))

    with pytest.raises(ForeignKeyViolation) as caught:
        await (
            Repository(Team, keys).delete(team)
            if reference == "team_id"
            else Repository(Hero, keys).delete(boss)
        )

    assert (caught.value.model, caught.value.fields) == (Hero, (reference,))
    assert "has no ON DELETE actions" in caught.value.fix
    assert await Repository(Hero, keys).get(hero.id) == hero


@only_on("duckdb")
async def test_rows_and_those_they_refer_to_go_in_two_transactions(keys: Database) -> None:
    team = await Repository(Team, keys).add(Team(name="X"))
    hero = await Repository(Hero, keys).add(Hero(name="Ada", team_id=team.id))

    async def in_one() -> None:
        async with keys.session() as session:
            await Repository(Hero, session).delete(hero)
            await Repository(Team, session).delete(team)

    with pytest.raises(ForeignKeyViolation, match="in a transaction that is committed before"):
        await in_one()
    await Repository(Hero, keys).delete(hero)
    await Repository(Team, keys).delete(team)

    assert not await Repository(Team, keys).exists()


async def test_a_row_that_is_referred_to_can_be_updated_and_patched(keys: Database) -> None:
    teams = Repository(Team, keys)
    team = await teams.add(Team(name="X"))
    await Repository(Hero, keys).add(Hero(name="Ada", team_id=team.id))

    assert await teams.update(team) == team
    assert await teams.patch(team.id, Team.name.set("X")) == team


@pytest_asyncio.fixture
async def circle(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=CIRCLE) as db:
        yield db


@not_on("duckdb")
async def test_tables_that_refer_to_each_other_are_created_with_both_keys(
    circle: Database,
) -> None:
    await circle.create_all()
    left = await Repository(Left, circle).add(Left())
    right = await Repository(Right, circle).add(Right(left_id=left.id))

    left = await Repository(Left, circle).patch(left.id, Left.right_id.set(right.id))
    with pytest.raises(ForeignKeyViolation):
        await Repository(Left, circle).add(Left(right_id=99))
    with pytest.raises(ForeignKeyViolation):
        await Repository(Right, circle).add(Right(left_id=99))

    assert left.right_id == right.id


@not_on("duckdb")
@pytest.mark.filterwarnings("error")
async def test_tables_that_refer_to_each_other_are_dropped_with_their_rows(
    circle: Database,
) -> None:
    await circle.create_all()
    left = await Repository(Left, circle).add(Left())
    right = await Repository(Right, circle).add(Right(left_id=left.id))
    await Repository(Left, circle).patch(left.id, Left.right_id.set(right.id))

    for _ in range(2):
        await circle.drop_all()

    await circle.create_all()
    assert await Repository(Left, circle).count() == 0


@only_on("duckdb")
async def test_tables_that_refer_to_each_other_are_refused_where_they_cannot_be(
    circle: Database,
) -> None:
    with pytest.raises(NotSupported, match="left, right refer to each other"):
        await circle.create_all()


@only_on("duckdb")
async def test_a_key_of_intervals_is_refused_before_sql(database_url: str) -> None:
    metadata = sa.MetaData()

    class Lap(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        took: Col[timedelta] = field(unique=True)
        pause: Col[timedelta] = field(index=True)
        rest: Col[timedelta]

    async with Database(database_url, metadata=metadata) as db:
        with pytest.raises(NotSupported, match=r"lap\.pause, lap\.took is in one"):
            await db.create_all()


@not_on("duckdb")
async def test_an_interval_can_be_unique(database_url: str) -> None:
    metadata = sa.MetaData()

    class Lap(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        took: Col[timedelta] = field(unique=True)

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await Repository(Lap, db).add(Lap(took=timedelta(1)))
        with pytest.raises(UniqueViolation):
            await Repository(Lap, db).add(Lap(took=timedelta(1)))


# ---- server defaults ---------------------------------------------------------------------------

DEFAULTS: dict[str, tuple[Any, Any, Any]] = {
    "text": (str, "it's", "it's"),
    "number": (int, -3, -3),
    "float": (float, 1.5, 1.5),
    "decimal": (Decimal, 0.1, Decimal("0.1")),
    "money": (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], 1, Decimal("1.00")),
    "true": (bool, True, True),
    "false": (bool, False, False),
    "expression": (int, sa.text("(1 + 2)"), 3),
    "json": (list[int], "[1, 2]", [1, 2]),
    "enum": (Color, "red", Color.RED),
    "empty text": (str, "", ""),
}


@pytest.mark.parametrize("name", DEFAULTS)
async def test_the_database_fills_in_a_server_default(db: Database, name: str) -> None:
    annotation, default, expected = DEFAULTS[name]
    model: Any = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        note=(str, ""),
        value=(annotation, generated(server_default=default)),
    )
    await create(db, model)

    saved: Any = await Repository(model, db).add(model())
    await db.execute(sa.text("INSERT INTO sample (note) VALUES ('raw')"))

    assert saved.value == expected
    assert [row.value for row in await Repository(model, db).all()] == [expected, expected]


NOWS = {"now": sa.func.now(), "current_timestamp": sa.func.current_timestamp()}


@pytest.mark.parametrize("default", NOWS)
async def test_now_is_the_current_time_in_the_form_of_its_column(
    db: Database, default: str
) -> None:
    model: Any = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        note=(str, ""),
        instant=(datetime, generated(server_default=NOWS[default])),
        clock=(NaiveDatetime, generated(server_default=NOWS[default])),
        day=(date, generated(server_default=NOWS[default])),
        hour=(time, generated(server_default=NOWS[default])),
    )
    await create(db, model)
    # Both engines run on this machine; SQLite's clock has milliseconds.
    before = datetime.now(UTC) - timedelta(milliseconds=1)

    saved: Any = await Repository(model, db).add(model())

    after = datetime.now(UTC)
    assert before <= saved.instant <= after
    assert before <= saved.clock.replace(tzinfo=UTC) <= after
    assert saved.day in (before.date(), after.date())
    moment = datetime.combine(saved.day, saved.hour, tzinfo=UTC)
    assert before - timedelta(days=1) <= moment <= after + timedelta(days=1)


# ---- what strict SQLite tables refuse from other writers ---------------------------------------

SHAPES: dict[str, tuple[Any, str]] = {
    "boolean": (bool, "2"),
    "integer": (int, "'x'"),
    "text": (str, "x'00'"),
    "float": (float, "'x'"),
    "date": (date, "'2024-1-1'"),
    "time": (time, "'12:00'"),
    "datetime": (datetime, "'2024-01-01 12:00:00'"),
    "naive datetime": (NaiveDatetime, "'2024-01-01 12:00:00.000000+00:00'"),
    "uuid": (uuid.UUID, "'12345678123456781234567812345678'"),
    "json": (list[int], "'[1'"),
    "decimal": (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], "1.234"),
    "decimal before the point": (
        Annotated[Decimal, Field(max_digits=18, decimal_places=18)],
        "'1.000000000000000000'",
    ),
    "decimal digits": (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], "123.0"),
    "large decimal": (Decimal, "'1e5'"),
    "large decimal places": (Decimal, "'1.5'"),
    "large decimal without places": (
        Annotated[Decimal, Field(max_digits=20, decimal_places=0)],
        "'1.5'",
    ),
    "bytes": (bytes, "'text'"),
}


@only_on("sqlite")
@pytest.mark.parametrize("name", SHAPES)
async def test_sqlite_refuses_what_no_reader_of_the_column_understands(
    db: Database, name: str
) -> None:
    annotation, literal = SHAPES[name]
    model = table_with(annotation)
    await create(db, model)

    with pytest.raises(DatabaseError):
        await db.execute(sa.text(f"INSERT INTO sample (value) VALUES ({literal})"))

    assert await Repository(model, db).count() == 0


# ---- names -------------------------------------------------------------------------------------

NAMES = sa.MetaData()


class Stamped(Model):
    """A mixin whose constraints go to every table that inherits it."""

    code: Col[str]
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.CheckConstraint("code <> ''", name="code_given"),
        sa.Index(None, "code"),
        {"comment": "stamped"},
    )


class Letter(Stamped, table=True, metadata=NAMES):
    id: Col[int] = generated()


class Parcel(Stamped, table=True, metadata=NAMES):
    id: Col[int] = generated()


class Odd(Model, table='select "from" ORDER.by', metadata=NAMES):
    id: Col[int] = generated()
    group: Col[int] = field(column='gr"ou%p :x', ge=0, unique=True)
    user: Col[str] = field(column="Üser 'name'", max_length=3, index=True)
    parent: Col[int | None] = field(default=None, column="order", foreign_key="Odd.id")


LONG = "a_name_that_goes_on_and_on_until_it_has_sixty_characters_abc"


class Long(Model, table=LONG, metadata=NAMES):
    id: Col[int] = generated()
    first: Col[int] = field(column=f"{LONG[:-3]}one", unique=True, ge=0, le=9)
    second: Col[int] = field(column=f"{LONG[:-3]}two", unique=True, ge=0, le=9)
    parent: Col[int | None] = field(
        default=None, column=f"{LONG[:-3]}sup", foreign_key="Long.id", index=True
    )


@pytest_asyncio.fixture
async def names(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=NAMES) as db:
        await db.create_all()
        yield db


@pytest.mark.parametrize("model", [Letter, Parcel])
async def test_every_table_gets_the_constraints_of_its_mixin(
    names: Database, model: type[Letter | Parcel]
) -> None:
    await Repository[Any](model, names).add(model(code="a"))

    with pytest.raises(UniqueViolation):
        await Repository[Any](model, names).add(model(code="a"))
    with pytest.raises(CheckViolation):
        await Repository[Any](model, names).add(model(code=""))

    assert {c.name for c in model.__table__.constraints} == {
        f"pk_{model.__table__.name}",
        f"uq_{model.__table__.name}_code",
        f"ck_{model.__table__.name}_code_given",
    }


async def test_reserved_words_and_quotes_are_fine_as_names(names: Database) -> None:
    odd = Repository(Odd, names)
    first = await odd.add(Odd(group=1, user="Ada"))

    saved = await odd.add(Odd(group=2, user="Bob", parent=first.id))

    assert await odd.where(Odd.group > 1, Odd.user == "Bob").one() == saved
    assert (await odd.patch(saved.id, Odd.group.set(Odd.group + 1))).group == 3
    with pytest.raises(UniqueViolation):
        await odd.add(Odd(group=1, user="Eve"))


async def test_names_too_long_for_the_engine_stay_apart(names: Database) -> None:
    long = Repository(Long, names)
    saved = await long.add(Long(first=1, second=2))

    with pytest.raises(UniqueViolation):
        await long.add(Long(first=1, second=3))
    with pytest.raises(UniqueViolation):
        await long.add(Long(first=2, second=2))

    assert await long.all() == [saved]


FAR = sa.MetaData()


class Far(Model, table=True, metadata=FAR):
    """Bounds of more digits than some engines compare with a decimal column exactly."""

    id: Col[int] = generated()
    above: Col[Decimal] = field(max_digits=20, decimal_places=2, le=Decimal("1E+70"))
    below: Col[Decimal] = field(max_digits=38, decimal_places=0, gt=Decimal("-1E+38"))
    middle: Col[Decimal] = field(max_digits=38, decimal_places=10, lt=Decimal("1.00000000005"))
    tiny: Col[Decimal] = field(max_digits=20, decimal_places=2, gt=Decimal("1E-40"))
    empty: Col[Decimal | None] = field(max_digits=9, decimal_places=2, le=Decimal("-1E+70"))
    zero: Col[Decimal] = field(max_digits=9, decimal_places=2, multiple_of=Decimal("1E+70"))


FITS = {
    "above": Decimal("999999999999999999.99"),
    "below": Decimal(-(10**38) + 1),
    "middle": Decimal("1.0000000000"),
    "tiny": Decimal("0.01"),
    "empty": None,
    "zero": Decimal("0.00"),
}
BEYOND = {"middle": "1.0000000001", "tiny": "0.00", "empty": "-1.00", "zero": "0.01"}


@not_on("mysql")  # as MariaDB
async def test_a_bound_beyond_what_an_engine_compares_is_enforced(
    database_url: str, tmp_path: Path
) -> None:
    async with Database(database_url, metadata=FAR) as db:
        await db.create_all()
        rows = Repository(Far, db)
        await db.execute(sa.insert(table_of(Far)).values(FITS))
        assert (await rows.one()).model_dump(exclude={"id"}) == FITS
        for name, value in BEYOND.items():
            with pytest.raises(CheckViolation) as caught:
                await db.execute(sa.insert(table_of(Far)).values({**FITS, name: Decimal(value)}))
            # DuckDB forgets names, and who runs a statement of SQLAlchemy's is not told more.
            assert caught.value.fields == (() if db.engine_name == "duckdb" else (name,))
        assert not await Migrator(db, tmp_path).compare()
