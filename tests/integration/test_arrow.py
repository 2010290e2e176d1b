"""Results as Arrow tables and DataFrames: the values of all(), in the same types everywhere."""

import asyncio
import enum
import sys
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, cast

import polars
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    Field,
    Json,
    NaiveDatetime,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    create_model,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.types import TypeDecorator

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.errors import (
    DatabaseError,
    InvalidRow,
    MissingDriver,
    NotSupported,
    TransactionAborted,
    UsageError,
    ValueOutOfRange,
)
from andamios_orm.observe import StatementRun, subscribe
from tests.engines import driver_url, only_on

METADATA = sa.MetaData()


class Color(enum.Enum):
    RED = "red"
    BLUE = "b'lue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = -2


class Point(BaseModel):
    x: int
    y: Decimal = Decimal("0.10")


Money = Annotated[Decimal, Field(max_digits=10, decimal_places=2)]
Large = Annotated[Decimal, Field(max_digits=38, decimal_places=18)]


class Sample(Model, table=True, metadata=METADATA):
    """A column of each kind, all of which may be empty."""

    id: Col[int] = generated()
    number: Col[int | None] = field(default=None)
    ratio: Col[float | None] = field(default=None)
    sure: Col[bool | None] = field(default=None)
    name: Col[str | None] = field(default=None, column="named")
    data: Col[bytes | None] = field(default=None)
    price: Col[Money | None] = field(default=None)
    total: Col[Large | None] = field(default=None)
    day: Col[date | None] = field(default=None)
    clock: Col[time | None] = field(default=None)
    at: Col[datetime | None] = field(default=None)
    local: Col[NaiveDatetime | None] = field(default=None)
    length: Col[timedelta | None] = field(default=None)
    tag: Col[uuid.UUID | None] = field(default=None)
    color: Col[Color | None] = field(default=None)
    size: Col[Size | None] = field(default=None)
    kind: Col[Literal["a", "b'"] | None] = field(default=None)
    points: Col[list[Point] | None] = field(default=None)
    counts: Col[dict[str, float] | None] = field(default=None)
    text: Col[Json[list[int]] | None] = field(default=None)
    password: Col[SecretStr | None] = field(default=None)


TYPES: dict[str, pa.DataType] = {
    "id": pa.int64(),
    "number": pa.int64(),
    "ratio": pa.float64(),
    "sure": pa.bool_(),
    "name": pa.string(),
    "data": pa.binary(),
    "price": pa.decimal128(10, 2),
    "total": pa.decimal128(38, 18),
    "day": pa.date32(),
    "clock": pa.time64("us"),
    "at": pa.timestamp("us", "UTC"),
    "local": pa.timestamp("us"),
    "length": pa.duration("us"),
    "tag": pa.string(),
    "color": pa.string(),
    "size": pa.int64(),
    "kind": pa.string(),
    "points": pa.string(),
    "counts": pa.string(),
    "text": pa.string(),
    "password": pa.string(),
}
SCHEMA = pa.schema(TYPES)
JSON: dict[str, TypeAdapter[Any]] = {
    "points": TypeAdapter(list[Point]),
    "counts": TypeAdapter(dict[str, float]),
    "text": TypeAdapter(list[int]),
}


def plain(value: Any) -> Any:
    """What a column holds of a field's value."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, uuid.UUID):
        return str(value)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def same_values(table: pa.Table, rows: list[Sample]) -> None:
    """Compare a table with all(), column by column."""
    assert table.num_rows == len(rows)
    for name in table.schema.names:
        found = table.column(name).to_pylist()
        expected = [plain(getattr(row, name)) for row in rows]
        if name in JSON:
            found = [None if text is None else JSON[name].validate_json(text) for text in found]
        assert found == expected, name
        assert [type(v) for v in found] == [type(v) for v in expected], name


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=2) as database:
        await database.create_all()
        yield database


@pytest.fixture
def samples(empty: Database) -> Repository[Sample]:
    return Repository(Sample, empty)


# ---- values --------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
ROWS = st.builds(
    Sample,
    number=st.none() | st.integers(-(2**63), 2**63 - 1),
    ratio=st.none() | FINITE,
    sure=st.none() | st.booleans(),
    name=st.none() | TEXT,
    data=st.none() | st.binary(),
    price=st.none() | st.integers(-(10**10) + 1, 10**10 - 1).map(lambda n: Decimal(n).scaleb(-2)),
    total=st.none() | st.decimals(-(10**20) + 1, 10**20 - 1, places=18),
    day=st.none() | st.dates(date(1, 1, 2), date(9999, 12, 30)),
    clock=st.none() | st.times(),
    at=st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS),
    local=st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 31)),
    length=st.none() | st.timedeltas(timedelta(days=-90000000), timedelta(days=90000000)),
    tag=st.none() | st.uuids(),
    color=st.none() | st.sampled_from(Color),
    size=st.none() | st.sampled_from(Size),
    kind=st.none() | st.sampled_from(["a", "b'"]),
    points=st.none() | st.lists(st.builds(Point, x=st.integers(), y=st.decimals(-9, 9, places=2))),
    counts=st.none() | st.dictionaries(TEXT, FINITE),
    text=st.none() | st.lists(st.integers(0, 2**53)).map(lambda numbers: str(numbers)),
    password=st.none() | TEXT.map(SecretStr),
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROWS, max_size=8))
async def test_a_table_holds_the_values_of_all(
    samples: Repository[Sample], rows: list[Sample]
) -> None:
    await samples.where(sa.true()).delete()
    await samples.add_all(rows)

    table = await samples.order_by(Sample.id).arrow(secrets=True)

    assert table.schema.equals(SCHEMA, check_metadata=True)
    same_values(table, await samples.order_by(Sample.id).all())


async def test_an_empty_result_has_typed_columns(samples: Repository[Sample]) -> None:
    table = await samples.where(Sample.number == 1).arrow(secrets=True)

    assert table.num_rows == 0
    assert table.schema.equals(SCHEMA)


async def test_more_rows_than_are_converted_on_the_event_loop(samples: Repository[Sample]) -> None:
    await samples.add_all(Sample(number=n, tag=uuid.UUID(int=n)) for n in range(1500))

    table = await samples.order_by(Sample.id).arrow()

    same_values(table, await samples.order_by(Sample.id).all())


async def test_a_dataframe_holds_the_same_values(samples: Repository[Sample]) -> None:
    moment = datetime(2024, 5, 6, 12, 30, 1, 123456, tzinfo=UTC)
    await samples.add_all(
        [
            Sample(number=2**63 - 1, total=Decimal("0.000000000000000001"), at=moment),
            Sample(length=timedelta(days=-400, microseconds=1), clock=time(1, 2, 3, 4)),
        ]
    )
    query = samples.order_by(Sample.id)

    table = await query.arrow(secrets=True)
    from_polars = await query.polars(secrets=True)
    from_pandas = await query.pandas(secrets=True)

    assert from_polars.columns == table.schema.names
    assert from_polars.rows() == [tuple(row.values()) for row in table.to_pylist()]
    assert list(from_pandas.columns) == table.schema.names
    for name in table.schema.names:
        kept: Any = from_pandas[name].array
        assert pa.array(kept, table.schema.field(name).type).equals(
            table.column(name).combine_chunks()
        )


async def test_a_dataframe_without_rows_has_typed_columns(samples: Repository[Sample]) -> None:
    from_polars = await samples.limit(1).polars()
    from_pandas = await samples.limit(1).pandas()

    assert from_polars.schema["total"] == polars.Decimal(38, 18)
    assert str(from_pandas.dtypes["at"]) == "timestamp[us, tz=UTC][pyarrow]"


# ---- which rows ----------------------------------------------------------------------------------


@pytest.fixture
async def five(samples: Repository[Sample]) -> Repository[Sample]:
    await samples.add_all(Sample(number=n, name=f"N{n}") for n in range(5))
    return samples


async def test_conditions_order_limit_and_offset_hold(five: Repository[Sample]) -> None:
    query = five.where(Sample.number > 0).order_by(Sample.number.desc()).limit(2).offset(1)

    assert (await query.arrow()).column("number").to_pylist() == [3, 2]
    # The same shape with other values.
    more = five.where(Sample.number > 1).order_by(Sample.number.desc()).limit(1).offset(2)
    assert (await more.arrow()).column("number").to_pylist() == [2]


async def test_conditions_of_sqlalchemy_work(five: Repository[Sample]) -> None:
    query = five.where(sa.func.lower(Sample.name).in_(["n1", "n4"])).order_by(
        sa.func.abs(Sample.id).desc()
    )

    assert (await query.arrow()).column("name").to_pylist() == ["N4", "N1"]


async def test_a_session_sees_its_own_rows(five: Repository[Sample], empty: Database) -> None:
    async with empty.session() as session:
        inside = Repository(Sample, session)
        await inside.add(Sample(number=9))
        found = await inside.where(Sample.number == 9).arrow()
        await session.rollback()

    assert found.num_rows == 1
    assert (await five.where(Sample.number == 9).arrow()).num_rows == 0


async def test_a_first_statement_begins_the_transaction(
    five: Repository[Sample], empty: Database
) -> None:
    async with empty.session() as session:
        inside = Repository(Sample, session)
        before = await inside.order_by(Sample.id).arrow()
        await inside.where(Sample.number == 0).delete()
        await session.rollback()

    assert before.equals(await five.order_by(Sample.id).arrow())


async def test_a_connection_of_sqlalchemy_is_joined(
    five: Repository[Sample], database_url: str
) -> None:
    await five.add(
        Sample(
            points=[Point(x=1)],
            tag=uuid.UUID(int=7),
            total=Decimal("1.5"),
            length=timedelta(hours=-1),
            text=cast("list[int]", "[1, 2]"),
        )
    )
    expected = await five.order_by(Sample.id).all()
    engine = create_async_engine(driver_url(database_url))
    try:
        async with engine.connect() as connection:
            joined = Repository(Sample, connection)
            table = await joined.order_by(Sample.id).arrow(secrets=True)
            await joined.add(Sample(number=7))
            seen = await joined.where(Sample.number == 7).arrow()
    finally:
        await engine.dispose()

    assert table.schema.equals(SCHEMA)
    same_values(table, expected)
    assert seen.num_rows == 1


@only_on("postgresql", "mariadb")
async def test_rows_can_be_locked_on_the_way(five: Repository[Sample], empty: Database) -> None:
    async with empty.session() as session:
        query = Repository(Sample, session).where(Sample.number == 1).with_for_update()

        assert (await query.arrow()).num_rows == 1


async def test_observers_see_the_statement(five: Repository[Sample]) -> None:
    seen: list[StatementRun] = []

    with subscribe(seen.append):
        await five.where(Sample.number < 3).arrow()

    [event] = seen
    assert event.sql.startswith("SELECT")
    assert event.rows == 3


@only_on("duckdb")
async def test_a_cancelled_read_stops_and_leaves_the_connection(
    five: Repository[Sample], empty: Database
) -> None:
    endless = sa.text("(SELECT count(*) FROM range(1000000000) a, range(1000000000) b) > id")
    async with empty.session() as session:
        inside = Repository(Sample, session)
        await inside.limit(1).arrow()
        worker = session._open().driver._worker
        task = asyncio.create_task(inside.where(endless).arrow())
        while not any(job.begun for job in tuple(worker._pending)):
            assert not task.done(), task.exception()
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.rollback()

        assert (await inside.limit(1).arrow()).num_rows == 1


async def test_a_failed_statement_aborts_the_session(
    five: Repository[Sample], empty: Database
) -> None:
    async def swallowing() -> None:
        async with empty.session() as session:
            with pytest.raises(DatabaseError):
                await Repository(Sample, session).where(sa.text("no_such_column = 1")).arrow()

    with pytest.raises(TransactionAborted):
        await swallowing()


# ---- secrets -------------------------------------------------------------------------------------


class Token(BaseModel):
    value: SecretStr
    next: "Token | None" = None


class Account(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    pin: Col[str] = field(secret=True)
    password: Col[SecretStr]
    key: Col[SecretBytes]
    tokens: Col[list[Token]]
    notes: Col[list[str]]


class Vault(Model, table=True, metadata=METADATA):
    code: Col[str] = field(primary_key=True, secret=True)


@only_on("duckdb", "sqlite")
async def test_secret_fields_are_read_only_when_asked_for(empty: Database) -> None:
    accounts = Repository(Account, empty)
    account = Account(
        name="Ada",
        pin="hidden",
        password=SecretStr("hidden"),
        key=SecretBytes(b"hidden"),
        tokens=[Token(value=SecretStr("hidden"))],
        notes=[],
    )
    await accounts.add(account)

    shown = (await accounts.limit(1).arrow()).to_pylist()
    all_fields = (await accounts.limit(1).arrow(secrets=True)).to_pylist()
    from_polars = await accounts.limit(1).polars()
    from_pandas = await accounts.limit(1).pandas()

    assert shown == [{"id": 1, "name": "Ada", "notes": "[]"}]
    assert all_fields == [
        {
            "id": 1,
            "name": "Ada",
            "pin": "hidden",
            "password": "hidden",
            "key": b"hidden",
            "tokens": '[{"value":"hidden","next":null}]',
            "notes": "[]",
        }
    ]
    assert "hidden" not in f"{from_polars}{from_pandas}"


@only_on("sqlite")
async def test_a_model_of_secrets_leaves_no_column(empty: Database) -> None:
    vaults = Repository(Vault, empty)
    await vaults.add(Vault(code="hidden"))

    with pytest.raises(UsageError, match="every field of Vault is secret"):
        await vaults.limit(1).arrow()

    assert (await vaults.limit(1).arrow(secrets=True)).to_pylist() == [{"code": "hidden"}]


# ---- types of the user's own ---------------------------------------------------------------------


class Halved(TypeDecorator[int]):
    """Holds half of an even number."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else value // 2

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else value * 2


CUSTOM: dict[str, tuple[Any, Any, Any, pa.DataType, Any]] = {
    "string": (str, sa.String(5), "abc", pa.string(), "abc"),
    "small integer": (int, sa.SmallInteger, 5, pa.int64(), 5),
    "numeric": (Decimal, sa.Numeric(10, 2), Decimal("1.50"), pa.decimal128(10, 2), Decimal("1.50")),
    "inexact": (float, sa.Numeric(10, 2, asdecimal=False), 1.5, pa.float64(), 1.5),
    "float": (float, sa.Float, 1.5, pa.float64(), 1.5),
    "boolean": (bool, sa.Boolean, True, pa.bool_(), True),
    "json": (dict[str, int], sa.JSON, {"a": 1}, pa.string(), {"a": 1}),
    "uuid": (uuid.UUID, sa.Uuid, uuid.UUID(int=5), pa.string(), str(uuid.UUID(int=5))),
    "date": (date, sa.Date, date(2024, 1, 1), pa.date32(), date(2024, 1, 1)),
    "time": (time, sa.Time, time(1, 2, 3), pa.time64("us"), time(1, 2, 3)),
    "datetime": (
        NaiveDatetime,
        sa.DateTime(),
        datetime(2024, 1, 1),
        pa.timestamp("us"),
        datetime(2024, 1, 1),
    ),
    "interval": (
        timedelta,
        sa.Interval(second_precision=6),
        timedelta(hours=1),
        pa.duration("us"),
        timedelta(hours=1),
    ),
    "binary": (bytes, sa.LargeBinary, b"\x00", pa.binary(), b"\x00"),
    "enum": (Color, sa.Enum(Color, native_enum=False), Color.BLUE, pa.string(), "BLUE"),
    "decorated": (int, Halved, 6, pa.int64(), 3),
}


def custom_model(annotation: Any, column_type: Any) -> Any:
    return create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field(column_type=column_type)),
        maybe=(Optional[annotation], field(default=None, column_type=column_type)),  # noqa: UP045
    )


async def create(db: Database, model: Any) -> None:
    async with db.session() as session:
        await session.run_sync(model.metadata.create_all)


@pytest.mark.parametrize("name", CUSTOM)
async def test_a_type_of_the_users_is_what_its_column_holds(db: Database, name: str) -> None:
    annotation, column_type, value, kept, expected = CUSTOM[name]
    model = custom_model(annotation, column_type)
    await create(db, model)
    await Repository(model, db).add(model(value=value))

    table = await Repository(model, db).limit(9).arrow()

    assert table.schema == pa.schema({"id": pa.int64(), "value": kept, "maybe": kept})
    found: Any = table.column("value").to_pylist()[0]
    assert (TypeAdapter(dict).validate_json(found) if name == "json" else found) == expected
    assert table.column("maybe").to_pylist() == [None]


@only_on("postgresql")
async def test_an_instant_in_a_column_type_of_the_users(db: Database) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    model = custom_model(datetime, sa.DateTime(timezone=True))
    await create(db, model)
    await Repository(model, db).add(model(value=moment))

    table = await Repository(model, db).limit(9).arrow()

    assert table.schema.field("value").type == pa.timestamp("us", "UTC")
    assert table.column("value").to_pylist() == [moment]


@only_on("postgresql")
async def test_json_of_the_users_own_engine_is_text(db: Database, database_url: str) -> None:
    model = custom_model(dict[str, int], sa.JSON)
    await create(db, model)
    await Repository(model, db).add(model(value={"a": 1}))
    engine = create_async_engine(driver_url(database_url))
    try:
        async with engine.connect() as connection:
            table = await Repository(model, connection).limit(9).arrow()
    finally:
        await engine.dispose()

    assert table.column("value").to_pylist() == ['{"a":1}']


class Wordless(sa.types.UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "TEXT"


@pytest.mark.parametrize("column_type", [Wordless(), sa.Numeric()])
@only_on("sqlite")
async def test_a_type_without_a_plain_form_is_refused_before_sql(
    db: Database, column_type: Any
) -> None:
    model = custom_model(str, column_type)
    seen: list[StatementRun] = []

    with subscribe(seen.append), pytest.raises(NotSupported, match=r"Sample\.value has the column"):
        await Repository(model, db).limit(1).arrow()

    assert seen == []


# ---- what Arrow cannot hold ----------------------------------------------------------------------


@only_on("postgresql", "mariadb")
async def test_decimals_of_more_digits_than_polars_has(db: Database) -> None:
    model: Any = custom_model(Annotated[Decimal, Field(max_digits=50, decimal_places=10)], None)
    number = Decimal("9" * 40 + "." + "1" * 10)
    await create(db, model)
    await Repository(model, db).add(model(value=number))
    query = Repository(model, db).limit(1)

    assert (await query.arrow()).column("value").to_pylist() == [number]
    assert (await query.pandas())["value"][0] == number
    with pytest.raises(NotSupported, match="Polars' decimals have 38"):
        await query.polars()


@only_on("postgresql")
async def test_decimals_of_more_digits_than_arrow_has(db: Database) -> None:
    model: Any = custom_model(Annotated[Decimal, Field(max_digits=77, decimal_places=0)], None)

    with pytest.raises(NotSupported, match=r"Sample\.value has 77 digits"):
        await Repository(model, db).limit(1).arrow()


@only_on("duckdb", "postgresql")
async def test_an_interval_that_arrow_cannot_hold(samples: Repository[Sample]) -> None:
    await samples.add(Sample(length=timedelta(days=200_000_000)))

    with pytest.raises(ValueOutOfRange, match=r"Sample\.length does not fit Arrow's duration"):
        await samples.limit(1).arrow()


class Loose(Model, table="loose", metadata=sa.MetaData()):
    id: Col[int] = generated()
    value: Col[Decimal] = field(max_digits=4, decimal_places=2)


class Dated(Model, table="dated", metadata=sa.MetaData()):
    id: Col[int] = generated()
    day: Col[date]


@only_on("duckdb")
async def test_a_table_that_has_more_digits_than_its_model(db: Database) -> None:
    await db.execute(sa.text("CREATE TABLE loose (id BIGINT, value DECIMAL(9, 4))"))
    await db.execute(sa.text("INSERT INTO loose VALUES (1, 1.5)"))
    fits = await Repository(Loose, db).limit(1).arrow()
    await db.execute(sa.text("INSERT INTO loose VALUES (2, 1.2345)"))

    assert fits.column("value").to_pylist() == [Decimal("1.50")]
    with pytest.raises(ValueOutOfRange, match=r"Loose\.value does not fit Arrow's decimal128"):
        await Repository(Loose, db).limit(2).arrow()


@only_on("sqlite")
async def test_a_stored_value_that_is_none_of_its_column(db: Database) -> None:
    await db.execute(sa.text("CREATE TABLE dated (id INTEGER, day TEXT)"))
    await db.execute(sa.text("INSERT INTO dated VALUES (1, 'hidden')"))

    with pytest.raises(InvalidRow, match=r"Dated\.day does not fit its column: ValueError") as told:
        await Repository(Dated, db).limit(1).arrow()

    assert told.value.fields == {"day": "ValueError"}
    assert "hidden" not in str(told.value)


# ---- packages that are not there -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "extra", "package"),
    [
        ("arrow", "arrow", "pyarrow"),
        ("polars", "polars", "polars"),
        ("polars", "polars", "pyarrow"),
        ("pandas", "pandas", "pandas"),
        ("pandas", "pandas", "pyarrow"),
    ],
)
@only_on("sqlite")
async def test_a_missing_package_is_named_before_any_statement(
    samples: Repository[Sample],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    extra: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    seen: list[StatementRun] = []

    with subscribe(seen.append), pytest.raises(MissingDriver) as told:
        await getattr(samples.limit(1), method)()

    assert f"`{package}`" in told.value.problem
    assert told.value.fix == f'pip install "andamios-orm[{extra}]"'
    assert seen == []
