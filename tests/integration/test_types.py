"""Every supported type: what was stored comes back equal and of its own type, on every backend."""

import enum
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePath
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypeVar, Union

import annotated_types as at
import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    IPvAnyAddress,
    IPvAnyInterface,
    IPvAnyNetwork,
    Json,
    NaiveDatetime,
    NameEmail,
    PositiveInt,
    PostgresDsn,
    PrivateAttr,
    RootModel,
    SecretBytes,
    SecretStr,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    computed_field,
    conint,
    constr,
    create_model,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema
from sqlalchemy.ext.asyncio import create_async_engine
from typing_extensions import TypeAliasType, TypedDict

from andamios_orm import Col, Database, Model, Repository, field, generated, register_type
from andamios_orm.errors import NotStorable, ValueOutOfRange
from andamios_orm.observe import subscribe
from tests.engines import driver_url, server_of


class Color(enum.Enum):
    RED = "red"
    BLUE = "b'lue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = -2


class Mood(enum.StrEnum):
    GOOD = "good"
    BAD = "bad"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class IntRight(enum.IntFlag):
    READ = 1
    WRITE = 2


class Ratio(enum.Enum):
    HALF = 0.5
    WHOLE = 1.0


class Switch(enum.Enum):
    ON = True
    OFF = False


class Point(BaseModel):
    x: int
    y: Decimal = Decimal("0.10")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    bites: bool = False


@dataclass
class Place:
    name: str
    where: Point


@dataclass(frozen=True)
class Tag:
    text: str


class Movie(TypedDict):
    title: str
    day: date


class Ids(RootModel[list[uuid.UUID]]):
    pass


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    content: T


UserId = NewType("UserId", int)
Name = TypeAliasType("Name", Annotated[str, Field(max_length=9)])
Pair = TypeAliasType("Pair", tuple[T, T], type_params=(T,))
Maybe = TypeAliasType("Maybe", Union[T, None], type_params=(T,))  # noqa: UP007 - `T | None` is no value yet
Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

NOON = datetime(2024, 5, 6, 12, 30, 1, 123456, tzinfo=UTC)
SOME_UUID = uuid.UUID("12345678-1234-5678-9234-567812345678")
EAST = timezone(timedelta(hours=5, minutes=30))

TYPES: dict[str, tuple[Any, list[Any]]] = {
    "int": (int, [0, -(2**63), 2**63 - 1]),
    "bool": (bool, [True, False]),
    "float": (float, [0.0, -1.5, 1e300, 5e-324, 3.0]),
    "str": (str, ["", "plain", "quote ' \" \\ % :x", "ñandú 🦙", "a\nb\tc"]),
    "bytes": (bytes, [b"", b"\x00\xff", b"text"]),
    "decimal": (Decimal, [Decimal("0"), Decimal("1.5"), Decimal("-99999999999999999999")]),
    "money": (
        Annotated[Decimal, Field(max_digits=10, decimal_places=2)],
        [Decimal("0.00"), Decimal("-99999999.99"), Decimal("0.07")],
    ),
    "fraction": (
        Annotated[Decimal, Field(max_digits=20, decimal_places=20)],
        [Decimal("0.5"), Decimal("-0.12345678901234567890")],
    ),
    "large decimal": (
        Annotated[Decimal, Field(max_digits=30, decimal_places=0)],
        [Decimal(10**29), Decimal(-7)],
    ),
    "date": (date, [date(1, 1, 2), date(9999, 12, 30), date(2024, 2, 29)]),
    "time": (time, [time(0), time(23, 59, 59, 999999), time(12, 30)]),
    "datetime": (datetime, [NOON, NOON.astimezone(EAST), datetime(1, 1, 1, 1, tzinfo=UTC)]),
    "aware datetime": (AwareDatetime, [NOON]),
    "naive datetime": (NaiveDatetime, [NOON.replace(tzinfo=None), datetime(2024, 1, 1)]),
    "timedelta": (
        timedelta,
        [timedelta(0), timedelta(days=-400, microseconds=1), timedelta(hours=30)],
    ),
    "uuid": (uuid.UUID, [SOME_UUID, uuid.UUID(int=0)]),
    "enum": (Color, list(Color)),
    "int enum": (Size, list(Size)),
    "str enum": (Mood, list(Mood)),
    "float enum": (Ratio, list(Ratio)),
    "bool enum": (Switch, list(Switch)),
    "flag": (Right, [Right.READ, Right.READ | Right.WRITE, Right(0)]),
    "int flag": (IntRight, [IntRight.READ, IntRight.READ | IntRight.WRITE]),
    "literal": (Literal["a", "b'"], ["a", "b'"]),
    "int literal": (Literal[1, 2], [1, 2]),
    "bool literal": (Literal[True], [True]),
    "enum literal": (Literal[Color.RED, Color.BLUE], [Color.RED, Color.BLUE]),
    "list": (list[int], [[], [1, 2]]),
    "dict": (dict[str, float], [{}, {"a": 1.5}]),
    "int keys": (dict[int, str], [{1: "a", -2: "b"}]),
    "uuid keys": (dict[uuid.UUID, int], [{SOME_UUID: 1}]),
    "enum keys": (dict[Color, int], [{Color.RED: 1}]),
    "date keys": (dict[date, int], [{date(2024, 1, 1): 1}]),
    "decimal keys": (dict[Decimal, int], [{Decimal("1.50"): 1}]),
    "tuple": (tuple[int, str], [(1, "a")]),
    "tuple of any length": (tuple[date, ...], [(), (date(2024, 1, 1),)]),
    "set": (set[int], [set(), {1, 2}]),
    "frozenset": (frozenset[str], [frozenset({"a"})]),
    "bare list": (list, [[1, "a", None]]),
    "bare dict": (dict, [{"a": [1]}]),
    "any": (Any, [1, "a", [1.5, None], {"a": {}}]),
    "model": (Point, [Point(x=1, y=Decimal("1.50"))]),
    "list of models": (list[Point], [[], [Point(x=1), Point(x=2)]]),
    "dict of models": (dict[str, Point], [{"a": Point(x=1)}]),
    "discriminated union": (Pet, [Cat(lives=3), Dog(bites=True)]),
    "list of unions": (list[Pet], [[Cat(), Dog()]]),
    "union": (int | str, [1, "1", "a"]),
    "generic model": (Box[date], [Box[date](content=date(2024, 1, 1))]),
    "root model": (Ids, [Ids([SOME_UUID])]),
    "dataclass": (Place, [Place("home", Point(x=1))]),
    "frozen dataclass": (Tag, [Tag("a")]),
    "typed dict": (Movie, [{"title": "a", "day": date(2024, 1, 1)}]),
    "datetimes in json": (list[datetime], [[NOON, NOON.replace(tzinfo=None)]]),
    "timedelta in json": (list[timedelta], [[timedelta(days=-400, microseconds=1)]]),
    "bytes in json": (list[bytes], [[b"abc"]]),
    "secrets in json": (list[SecretStr], [[SecretStr("hidden")]]),
    "email": (EmailStr, ["ada@example.com"]),
    "name and email": (NameEmail, [NameEmail("Ada L", "ada@example.com")]),
    "url": (AnyUrl, [AnyUrl("https://example.com/a?b=c#d")]),
    "http url": (HttpUrl, [HttpUrl("https://example.com/")]),
    "dsn": (PostgresDsn, [PostgresDsn("postgres://u@h:5432/d")]),
    "secret": (SecretStr, [SecretStr("hidden"), SecretStr("")]),
    "secret bytes": (SecretBytes, [SecretBytes(b"\x00hidden")]),
    "new type": (UserId, [UserId(3)]),
    "alias": (Name, ["ada"]),
    "optional alias": (Maybe[int], [1]),
    "generic alias": (Pair[int], [(1, 2)]),
    "byte size": (ByteSize, [ByteSize(1024)]),
    "ipv4": (IPv4Address, [IPv4Address("10.0.0.1")]),
    "ipv6": (IPv6Address, [IPv6Address("::1")]),
    "ipv4 interface": (IPv4Interface, [IPv4Interface("10.0.0.1/24")]),
    "ipv6 interface": (IPv6Interface, [IPv6Interface("::1/64")]),
    "ipv4 network": (IPv4Network, [IPv4Network("10.0.0.0/24")]),
    "ipv6 network": (IPv6Network, [IPv6Network("2001:db8::/32")]),
    "any address": (IPvAnyAddress, [IPv4Address("10.0.0.1"), IPv6Address("::1")]),
    "any interface": (IPvAnyInterface, [IPv4Interface("10.0.0.1/24"), IPv6Interface("::1/64")]),
    "any network": (IPvAnyNetwork, [IPv4Network("10.0.0.0/24"), IPv6Network("2001:db8::/32")]),
    "path": (Path, [Path("/a/b c.txt")]),
    "pure path": (PurePath, [Path("a")]),
    "positive int": (PositiveInt, [1]),
    "conint": (conint(ge=1, lt=5), [1, 4]),
    "constr": (constr(min_length=1, max_length=3), ["a", "abc"]),
    "lower case": (Annotated[str, StringConstraints(to_lower=True)], ["abc"]),
    "annotated interval": (Annotated[int, at.Interval(ge=0, lt=10)], [0, 9]),
    "nested annotation": (Annotated[Annotated[int, Field(gt=0)], Field(lt=10)], [1, 9]),
    "json text": (Json[list[int]], [[1, 2]]),
    "untyped json text": (Json, [{"a": 1}, [1]]),
}


def table_of(annotation: Any) -> Any:
    """Return a table class with a column of the type, and one that may be None."""
    return create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field()),
        maybe=(Optional[annotation], field(default=None)),  # noqa: UP045 - built at run time
    )


def shape_of(annotation: Any) -> Any:
    """Return a class that asks for both columns and knows nothing of the table."""
    return create_model("Shape", value=(annotation, ...), maybe=(Optional[annotation], ...))  # noqa: UP045 - built at run time


async def create(db: Database, model: Any) -> None:
    async with db.session() as session:
        await session.run_sync(model.metadata.create_all)


def build(model: Any, value: object, maybe: object = None) -> Any:
    return model.model_construct(value=value, maybe=maybe)


def alike(found: Any, expected: Any) -> None:
    assert found == expected
    assert type(found) is type(expected) or isinstance(expected, datetime | PurePath)


@pytest.mark.parametrize("name", TYPES)
async def test_a_stored_value_comes_back_equal_and_of_its_own_type(db: Database, name: str) -> None:
    annotation, values = TYPES[name]
    model = table_of(annotation)
    await create(db, model)
    repository = Repository(model, db)

    for value in values:
        saved: Any = await repository.add(build(model, value, value))
        found: Any = await repository.get(saved.id)
        rows = await db.execute(sa.select(model.value, model.maybe).where(model.id == saved.id))
        shaped: Any = await repository.where(model.id == saved.id).into(shape_of(annotation)).one()
        [both] = await repository.where(model.id == saved.id).select(model.value, model.maybe)

        for result in (saved, found, rows[0], shaped):
            alike(result.value, value)
            alike(result.maybe, value)
        for part in both:
            alike(part, value)


async def test_infinity_is_stored_where_the_model_allows_it_and_the_engine_has_it(
    db: Database,
) -> None:
    model = table_of(Annotated[float, Field(allow_inf_nan=True)])
    await create(db, model)
    samples = Repository(model, db)

    if server_of(db) == "mariadb":
        with pytest.raises(NotStorable, match="have neither NaN nor infinities") as refused:
            await samples.add(build(model, float("inf")))
        assert refused.value.field == "Sample.value"
        assert refused.value.engine == db._pool.backend.name
        return
    saved: Any = await samples.add(build(model, float("-inf")))
    assert saved.value == float("-inf")


# ---- laws over many values ---------------------------------------------------------------------

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)

LAWS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "int": (int, st.integers(-(2**63), 2**63 - 1)),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "str": (str, TEXT),
    "bytes": (bytes, st.binary()),
    "decimal": (Decimal, st.decimals(-(10**20) + 1, 10**20 - 1, places=18)),
    "money": (
        Annotated[Decimal, Field(max_digits=15, decimal_places=4)],
        st.integers(-(10**15) + 1, 10**15 - 1).map(lambda n: Decimal(n).scaleb(-4)),
    ),
    "large decimal": (
        Annotated[Decimal, Field(max_digits=16, decimal_places=16)],
        st.integers(-(10**16) + 1, 10**16 - 1).map(lambda n: Decimal(n).scaleb(-16)),
    ),
    "date": (date, st.dates(date(1, 1, 2), date(9999, 12, 30))),
    "time": (time, st.times()),
    "datetime": (
        datetime,
        st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS),
    ),
    "naive datetime": (
        NaiveDatetime,
        st.datetimes(datetime.min + timedelta(microseconds=1), datetime(9999, 12, 31)),
    ),
    "timedelta": (timedelta, st.timedeltas(timedelta(days=-90000000), timedelta(days=90000000))),
    "uuid": (uuid.UUID, st.uuids()),
    "enum": (Color, st.sampled_from(Color)),
    "flag": (IntRight, st.integers(0, 3).map(IntRight)),
    "json": (Any, JSON.filter(lambda v: v is not None)),
    "json object": (dict[str, Any], st.dictionaries(TEXT, JSON)),
    "models": (
        list[Point],
        st.lists(
            st.builds(Point, x=st.integers(), y=st.decimals(allow_nan=False, allow_infinity=False))
        ),
    ),
    "set": (set[int], st.sets(st.integers())),
    "unions": (list[Pet], st.lists(st.builds(Cat) | st.builds(Dog, bites=st.booleans()))),
    "secret": (SecretStr, TEXT.map(SecretStr)),
    "ip": (IPvAnyAddress, st.ip_addresses()),
    "literal": (Literal[1, 2, 3], st.sampled_from([1, 2, 3])),
}
LAW_MODELS = {name: table_of(annotation) for name, (annotation, _) in LAWS.items()}


# Few examples of many values each: making tables is slow, rows are not.
MANY = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", LAWS)
@MANY
@given(data=st.data())
async def test_any_value_comes_back_equal(db: Database, name: str, data: st.DataObject) -> None:
    model = LAW_MODELS[name]
    repository = Repository(model, db)
    await create(db, model)
    values = data.draw(st.lists(LAWS[name][1], min_size=1, max_size=10))

    saved: list[Any] = await repository.add_all(model(value=v, maybe=v) for v in values)
    found: list[Any] = await repository.where(model.id >= saved[0].id).order_by(model.id).all()
    query = sa.select(model.value, model.maybe).where(model.id >= saved[0].id).order_by(model.id)
    rows = await db.execute(query)
    stored = repository.where(model.id >= saved[0].id).order_by(model.id)
    shaped: list[Any] = await stored.into(shape_of(LAWS[name][0])).all()

    assert await stored.select(model.value, model.maybe) == [(v, v) for v in values]
    assert [(row.value, row.maybe) for row in shaped] == [(v, v) for v in values]
    assert [(row.value, row.maybe) for row in saved] == [(v, v) for v in values]
    assert [(row.value, row.maybe) for row in found] == [(v, v) for v in values]
    assert list(map(tuple, rows)) == [(v, v) for v in values]


COMPARABLE = [
    name for name in LAWS if name not in ("json", "json object", "models", "set", "unions")
]


@pytest.mark.parametrize("name", COMPARABLE)
@MANY
@given(data=st.data())
async def test_a_stored_value_is_found_by_comparing_with_it(
    db: Database, name: str, data: st.DataObject
) -> None:
    model = LAW_MODELS[name]
    repository = Repository(model, db)
    await create(db, model)
    value = data.draw(LAWS[name][1])
    saved: Any = await repository.add(model(value=value))

    found = await repository.where(model.value == value, model.id == saved.id).all()
    rows = await db.execute(sa.select(model.id).where(model.value == value, model.id == saved.id))

    assert found == [saved]
    assert list(map(tuple, rows)) == [(saved.id,)]


# ---- what a column refuses, before any SQL -----------------------------------------------------

REFUSED: dict[str, tuple[Any, Any, type[NotStorable]]] = {
    "int beyond 64 bits": (int, 2**63, ValueOutOfRange),
    "int below 64 bits": (int, -(2**63) - 1, ValueOutOfRange),
    "the first date": (date, date.min, ValueOutOfRange),
    "the last date": (date, date.max, ValueOutOfRange),
    "nul in text": (str, "a\0b", NotStorable),
    "lone surrogate": (str, "a\ud800", NotStorable),
    "nul in secret": (SecretStr, SecretStr("a\0"), NotStorable),
    "nan": (float, float("nan"), NotStorable),
    "infinity": (float, float("inf"), NotStorable),
    "decimal of too many places": (Decimal, Decimal("1e-19"), ValueOutOfRange),
    "decimal of too many digits": (Decimal, Decimal(10**20), ValueOutOfRange),
    "naive in datetime": (datetime, datetime(2024, 1, 1), NotStorable),
    "end of the calendar": (datetime, datetime.max.replace(tzinfo=UTC), ValueOutOfRange),
    "start of the calendar": (NaiveDatetime, datetime.min, ValueOutOfRange),
    "before the calendar in UTC": (datetime, datetime(1, 1, 1, tzinfo=EAST), ValueOutOfRange),
    "time with a zone": (time, time(12, tzinfo=UTC), NotStorable),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_a_column_cannot_hold_is_refused_naming_the_field(
    db: Database, name: str
) -> None:
    annotation, value, kind = REFUSED[name]
    model = table_of(annotation)
    statements: list[str] = []

    with subscribe(lambda event: statements.append(event.sql)), pytest.raises(kind) as caught:
        await Repository(model, db).add(build(model, value))

    assert caught.value.field == "Sample.value"
    assert str(caught.value).startswith("Sample.value: ")
    assert statements == []


JSON_REFUSED: dict[str, tuple[Any, Any, type[NotStorable]]] = {
    "nul in json": (list[str], ["a\0"], NotStorable),
    "nul in a key": (dict[str, int], {"a\0": 1}, NotStorable),
    "lone surrogate in json": (list[str], ["\ud800"], NotStorable),
    "nan in json": (list[float], [float("nan")], NotStorable),
    "bytes in json that are no text": (list[bytes], [b"\xff"], NotStorable),
    "tuple as a key": (dict[tuple[int, int], int], {(1, 2): 3}, NotStorable),
}
STATEMENT_ONLY: dict[str, tuple[Any, Any, type[NotStorable]]] = {
    "nan decimal": (Decimal, Decimal("NaN"), ValueOutOfRange),
    "infinite decimal": (Decimal, Decimal("-Infinity"), ValueOutOfRange),
    "aware in naive": (NaiveDatetime, NOON, NotStorable),
    "datetime in date": (date, NOON, NotStorable),
}
"""What a model refuses by itself, before the column is asked."""


@pytest.mark.parametrize("name", JSON_REFUSED)
async def test_what_json_cannot_hold_is_refused(db: Database, name: str) -> None:
    annotation, value, kind = JSON_REFUSED[name]
    model = table_of(annotation)
    statements: list[str] = []

    with subscribe(lambda event: statements.append(event.sql)), pytest.raises(kind):
        await Repository(model, db).add(build(model, value))

    assert statements == []


@pytest.mark.parametrize("name", [*REFUSED, *JSON_REFUSED, *STATEMENT_ONLY])
async def test_sqlalchemy_statements_refuse_the_same_values(db: Database, name: str) -> None:
    annotation, value, kind = {**REFUSED, **JSON_REFUSED, **STATEMENT_ONLY}[name]
    model = table_of(annotation)
    await create(db, model)

    with pytest.raises(kind) as caught:
        await db.execute(sa.insert(model.__table__).values(value=value))

    assert caught.value.field == "Sample.value"
    assert await Repository(model, db).count() == 0


# ---- models of every kind ----------------------------------------------------------------------

KINDS = sa.MetaData()


class Shown(BaseModel):
    """A nested model whose API face differs from what it holds, in every way pydantic has."""

    model_config = ConfigDict(extra="forbid")

    secret: SecretStr
    hidden: int = Field(exclude=True)
    renamed: int = Field(alias="RENAMED")
    by_path: int = Field(validation_alias=AliasPath("a", 0))
    masked: str
    code: bytes

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented order
    @property
    def double(self) -> int:
        return self.renamed * 2

    @field_serializer("masked")
    def mask(self, value: str) -> str:
        return "*" * len(value)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow", val_json_bytes="base64")

    raw: bytes = b""


class Hexed(BaseModel):
    model_config = ConfigDict(val_json_bytes="hex")

    raw: bytes


class Everything(Model, table=True, metadata=KINDS):
    id: Col[int] = generated()
    shown: Col[Shown]
    loose: Col[list[Loose]]
    hexed: Col[Hexed]


class Strict(Model, table=True, metadata=KINDS):
    model_config = ConfigDict(strict=True)

    id: Col[int] = generated()
    when: Col[datetime]
    ident: Col[uuid.UUID]
    color: Col[Color]
    where: Col[Path]
    tags: Col[set[int]]
    point: Col[Point]
    price: Col[Decimal]


class Aliased(Model, table=True, metadata=KINDS):
    model_config = ConfigDict(extra="forbid")

    id: Col[int] = generated()
    one: Col[int] = field(alias="ONE", column="uno")
    two: Col[int] = field(validation_alias=AliasPath("two", 0), serialization_alias="TWO")
    three: Col[int] = field(exclude=True, validation_alias=AliasChoices("x", "y"))


class Frozen(Model, table=True, metadata=KINDS, frozen=True):
    id: Col[int] = generated()
    name: Col[str]


class Seen(Model, table=True, metadata=KINDS):
    id: Col[int] = generated()
    color: Col[Color]
    when: Col[datetime]
    when_too: Col[Annotated[datetime | None, BeforeValidator(lambda v: see(v))]] = field(
        default=None
    )

    @field_validator("color", mode="before")
    @classmethod
    def look(cls, value: object) -> object:
        return see(value)

    @field_validator("when", mode="wrap")
    @classmethod
    def wrap(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        return handler(see(value))


class SeenWhole(Model, table=True, metadata=KINDS):
    id: Col[int] = generated()
    color: Col[Color]

    @model_validator(mode="before")
    @classmethod
    def look(cls, values: Any) -> Any:
        see(values["color"])
        return values


seen: list[object] = []


def see(value: object) -> object:
    seen.append(value)
    return value


class Hooked(Model, table=True, metadata=KINDS):
    id: Col[int] = generated()
    name: Col[str]
    _length: int = PrivateAttr(default=0)

    def model_post_init(self, context: Any, /) -> None:
        self._length = len(self.name) + ("id" in self.__dict__)


class Tree(Model, table=True, metadata=KINDS):
    id: Col[int] = generated()
    root: Col["Node"]


class Node(BaseModel):
    value: int
    children: list["Node"] = []


class Deferred(Model, table=True, metadata=KINDS):
    model_config = ConfigDict(defer_build=True)

    id: Col[int] = generated()
    name: Col[str]


@pytest_asyncio.fixture
async def kinds(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=KINDS) as db:
        await db.create_all()
        yield db


async def test_what_an_api_hides_of_a_nested_model_is_stored(kinds: Database) -> None:
    shown = Shown.model_validate(
        {"secret": "x", "hidden": 1, "RENAMED": 2, "a": [3], "masked": "m", "code": b"c"}
    )
    loose = Loose.model_validate({"raw": b"\x00\xff", "more": [1, {"a": None}]})
    everything = Everything(shown=shown, loose=[loose], hexed=Hexed(raw=b"\xff"))

    saved = await Repository(Everything, kinds).add(everything)
    found = await Repository(Everything, kinds).get(saved.id)
    rows = await kinds.execute(sa.select(Everything.shown, Everything.loose, Everything.hexed))

    for row in (saved, found, rows[0]):
        assert (row.shown, row.loose, row.hexed) == (shown, [loose], Hexed(raw=b"\xff"))
    assert found.shown.secret.get_secret_value() == "x"


async def test_a_strict_model_is_loaded_from_what_the_driver_gives(kinds: Database) -> None:
    strict = Strict(
        when=NOON,
        ident=SOME_UUID,
        color=Color.RED,
        where=Path("a"),
        tags={1},
        point=Point(x=1),
        price=Decimal("1.5"),
    )

    saved = await Repository(Strict, kinds).add(strict)

    assert saved == strict.model_copy(update={"id": saved.id})


async def test_aliases_are_for_callers_and_not_for_columns(kinds: Database) -> None:
    aliased = Aliased.model_validate({"ONE": 1, "two": [2], "y": 3})

    saved = await Repository(Aliased, kinds).add(aliased)
    rows = await kinds.execute(sa.text("SELECT uno, two, three FROM aliased"))

    assert (saved.one, saved.two, saved.three) == (1, 2, 3)
    assert [tuple(row) for row in rows] == [(1, 2, 3)]


async def test_a_frozen_model_gets_its_key_in_the_stored_copy(kinds: Database) -> None:
    frozen = Frozen(name="a")

    saved = await Repository(Frozen, kinds).add(frozen)

    assert saved.id == 1
    assert not hasattr(frozen, "id")
    assert hash(saved) == hash(await Repository(Frozen, kinds).get(1))


async def test_validators_before_pydantic_see_python_values(kinds: Database) -> None:
    saved = await Repository(Seen, kinds).add(Seen(color=Color.RED, when=NOON, when_too=NOON))
    whole = await Repository(SeenWhole, kinds).add(SeenWhole(color=Color.BLUE))
    seen.clear()

    await Repository(Seen, kinds).get(saved.id)
    await Repository(SeenWhole, kinds).get(whole.id)

    assert seen == [Color.RED, NOON, NOON, Color.BLUE]


async def test_a_users_post_init_runs_with_the_key_when_it_is_there(kinds: Database) -> None:
    hooked = Hooked(name="Ada")

    saved = await Repository(Hooked, kinds).add(hooked)

    assert (hooked._length, saved._length) == (3, 4)


async def test_a_recursive_model_in_a_column_comes_back_whole(kinds: Database) -> None:
    root = Node(value=1, children=[Node(value=2, children=[Node(value=3)])])

    saved = await Repository(Tree, kinds).add(Tree(root=root))

    assert saved.root == root


async def test_a_model_whose_building_is_deferred_is_stored(kinds: Database) -> None:
    saved = await Repository(Deferred, kinds).add(Deferred(name="Ada"))

    assert (saved.id, saved.name) == (1, "Ada")


async def test_none_in_a_json_column_is_null(kinds: Database) -> None:
    class Holder(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        items: Col[list[int] | None] = field(default=None)

    await create(kinds, Holder)

    saved = await Repository(Holder, kinds).add(Holder())
    rows = await kinds.execute(sa.text("SELECT id FROM holder WHERE items IS NULL"))

    assert saved.items is None
    assert [tuple(row) for row in rows] == [(saved.id,)]


# ---- types of the user's own -------------------------------------------------------------------


class Era(str):
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return core_schema.is_instance_schema(cls)


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    __hash__ = None  # type: ignore[assignment]  # on purpose: values need not be hashable


Meters = NewType("Meters", float)

register_type(Era, sa.String(20), encode=str, decode=Era)
register_type(Money, sa.Integer, encode=lambda money: money.cents, decode=Money)
register_type(
    Meters, sa.Integer, encode=lambda m: round(m * 1000), decode=lambda n: Meters(n / 1000)
)


class Own(Model, table=True, metadata=sa.MetaData()):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    era: Col[Era]
    money: Col[Money | None] = field(default=None)
    meters: Col[Meters] = field(default=Meters(0))


async def test_a_registered_type_is_stored_by_its_rule(db: Database) -> None:
    await create(db, Own)

    saved = await Repository(Own, db).add(Own(era=Era("a"), money=Money(5), meters=Meters(1.5)))
    empty = await Repository(Own, db).add(Own(era=Era("b")))
    rows = await db.execute(sa.select(Own.era, Own.money, Own.meters).where(Own.id == saved.id))
    raw = await db.execute(sa.text("SELECT era, money, meters FROM own ORDER BY id"))

    assert (saved.era, saved.money, saved.meters) == (Era("a"), Money(5), 1.5)
    assert type(saved.era) is type(rows[0].era) is Era
    assert tuple(rows[0]) == (Era("a"), Money(5), 1.5)
    assert empty.money is None
    assert [tuple(row) for row in raw] == [("a", 5, 1500), ("b", None, 0)]


async def test_a_registered_type_can_be_compared_with(db: Database) -> None:
    await create(db, Own)
    saved = await Repository(Own, db).add(Own(era=Era("a"), money=Money(5)))

    found = await Repository(Own, db).where(Own.era == Era("a"), Own.money == Money(5)).one()

    assert found == saved


COLUMN_TYPES: dict[str, tuple[Any, Any, Any]] = {
    "string": (str, sa.String(5), "abc"),
    "small integer": (int, sa.SmallInteger, 5),
    "numeric": (Decimal, sa.Numeric(10, 2), Decimal("1.50")),
    "float": (float, sa.Float, 1.5),
    "json": (dict[str, int], sa.JSON, {"a": 1}),
    "boolean": (bool, sa.Boolean, True),
    "uuid": (uuid.UUID, sa.Uuid, SOME_UUID),
    "date": (date, sa.Date, date(2024, 1, 1)),
    "datetime": (datetime, sa.DateTime(timezone=False), datetime(2024, 1, 1)),
    "interval": (timedelta, sa.Interval, timedelta(hours=1)),
    "binary": (bytes, sa.LargeBinary, b"\x00"),
    "enum": (Color, sa.Enum(Color, native_enum=False), Color.BLUE),
}


@pytest.mark.parametrize("name", COLUMN_TYPES)
async def test_a_column_takes_any_sqlalchemy_type(db: Database, name: str) -> None:
    annotation, column_type, value = COLUMN_TYPES[name]
    model: Any = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field(column_type=column_type)),
        maybe=(Optional[annotation], field(default=None, column_type=column_type)),  # noqa: UP045
    )
    await create(db, model)

    saved: Any = await Repository(model, db).add(model(value=value))
    rows = await db.execute(
        sa.select(model.value, model.maybe).where(model.value == value)
        if name != "json"
        else sa.select(model.value, model.maybe)
    )

    assert (saved.value, saved.maybe) == (value, None)
    assert [tuple(row) for row in rows] == [(value, None)]


# ---- engines that are not ours -----------------------------------------------------------------


class Noted(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    point: Col[Point]
    text: Col[Json[list[int]]]
    own: Col[dict[str, int]] = field(column_type=sa.JSON)


async def test_json_columns_work_through_an_engine_of_the_users(
    db: Database, database_url: str
) -> None:
    await create(db, Noted)
    engine = create_async_engine(driver_url(database_url))
    noted = Noted.model_validate({"point": Point(x=1), "text": "[1, 2]", "own": {"a": 1}})

    async with engine.begin() as connection:
        saved = await Repository(Noted, connection).add(noted)
        found = await Repository(Noted, connection).get(saved.id)
        rows = (await connection.execute(sa.select(Noted.point, Noted.text, Noted.own))).all()
    await engine.dispose()

    assert saved == found == noted.model_copy(update={"id": saved.id})
    assert [tuple(row) for row in rows] == [(Point(x=1), [1, 2], {"a": 1})]


LONG = timedelta(days=1_830_428, microseconds=878)
"""So long that a double would not hold its microseconds."""


class Scale(Model, table=True, metadata=sa.MetaData()):
    """A table whose first column is a double: SQLite's RETURNING takes the others for doubles."""

    weight: Col[float] = field(primary_key=True)
    count: Col[int] = field(primary_key=True)
    on: Col[bool] = field(default=True)
    price: Col[Annotated[Decimal, Field(max_digits=6, decimal_places=2)]] = field(default=Decimal())
    lasts: Col[timedelta] = field(default=LONG)


async def test_whole_numbers_are_given_back_exactly_by_what_writes_them(db: Database) -> None:
    await create(db, Scale)
    scales, most = Repository(Scale, db), 2**63 - 1
    rows = [Scale(weight=1.5, count=2**53 + 1), Scale(weight=0.0, count=most, on=False)]

    stored = await scales.add_all(rows)
    one = await scales.add(Scale(weight=2.0, count=most))
    patched = await scales.patch((2.0, most), Scale.on.set(False))
    upserted = await scales.upsert(
        Scale(weight=2.0, count=most, on=True), on=[Scale.weight, Scale.count]
    )

    given = [(row.count, row.on) for row in (*stored, one, patched, upserted)]
    assert given == [
        (2**53 + 1, True), (most, False), (most, True), (most, False), (most, True)
    ]  # fmt: skip
    assert {type(value) for pair in given for value in pair} == {int, bool}
    assert {row.lasts for row in (*stored, one, patched, upserted)} == {LONG}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_refuses_nan_also_where_the_model_allows_it(db: Database) -> None:
    model = table_of(Annotated[float, Field(allow_inf_nan=True)])

    with pytest.raises(NotStorable, match=r"^Sample\.value: SQLite turns NaN into NULL"):
        await Repository(model, db).add(model(value=float("nan")))
