"""Parquet files: all rows of a table into one and back, on every engine and between them."""

import asyncio
import enum
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    Json,
    NaiveDatetime,
    SecretStr,
    create_model,
    model_validator,
)
from sqlalchemy.types import TypeDecorator

from andamios_orm import (
    Col,
    Database,
    ImportReport,
    Model,
    Progress,
    RefusedRow,
    Repository,
    field,
    generated,
    register_type,
)
from andamios_orm.database import parquet
from andamios_orm.database.files import NewFile
from andamios_orm.errors import (
    DatabaseError,
    FileProblem,
    ForeignKeyViolation,
    ImportRefused,
    MissingDriver,
    NotSupported,
    UniqueViolation,
    UsageError,
)
from andamios_orm.observe import StatementRun, subscribe
from tests.engines import ENGINES, not_on, only_on

METADATA = sa.MetaData()


class Color(enum.Enum):
    RED = "red"
    BLUE = "b'lue"


class Point(BaseModel):
    x: int
    y: Decimal = Decimal("0.10")


Money = Annotated[Decimal, Field(max_digits=10, decimal_places=2)]


class Sample(Model, table=True, metadata=METADATA):
    """A column of each kind, all of which may be empty."""

    id: Col[int] = generated()
    number: Col[int | None] = field(default=None, ge=-100)
    ratio: Col[float | None] = field(default=None)
    sure: Col[bool | None] = field(default=None)
    name: Col[str | None] = field(default=None, column="named", max_length=9)
    data: Col[bytes | None] = field(default=None)
    price: Col[Money | None] = field(default=None)
    total: Col[Decimal | None] = field(default=None)
    day: Col[date | None] = field(default=None)
    clock: Col[time | None] = field(default=None)
    at: Col[datetime | None] = field(default=None)
    local: Col[NaiveDatetime | None] = field(default=None)
    length: Col[timedelta | None] = field(default=None)
    tag: Col[uuid.UUID | None] = field(default=None)
    color: Col[Color | None] = field(default=None)
    kind: Col[Literal["a", "b'"] | None] = field(default=None)
    only: Col[Literal[Color.RED] | None] = field(default=None)
    points: Col[list[Point] | None] = field(default=None)
    text: Col[Json[list[int]] | None] = field(default=None)
    password: Col[SecretStr | None] = field(default=None)
    pin: Col[str | None] = field(default=None, secret=True)


def full(number: int) -> Sample:
    moment = datetime(2024, 5, 6, 12, 30, 1, 123456, tzinfo=UTC)
    return Sample(
        number=number,
        ratio=number / 7,
        sure=number % 2 == 0,
        name=f"n{number} ñ🦙",
        data=bytes([number % 256, 0]),
        price=Decimal(number).scaleb(-2),
        total=Decimal(number).scaleb(-18),
        day=date(2024, 1, 1) + timedelta(number),
        clock=time(1, 2, 3, number),
        at=moment + timedelta(microseconds=number),
        local=moment.replace(tzinfo=None) + timedelta(microseconds=number),
        length=timedelta(days=-400, microseconds=number),
        tag=uuid.UUID(int=number),
        color=Color.BLUE,
        kind="b'",
        only=Color.RED,
        points=[Point(x=number, y=Decimal("1.50"))],
        text=json.dumps([number]),  # type: ignore[arg-type] # pydantic's Json takes the text
        password=SecretStr("hidden"),
        pin="hidden",
    )


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA, pool_size=2) as database:
        await database.create_all()
        yield database


@pytest.fixture
def samples(empty: Database) -> Repository[Sample]:
    return Repository(Sample, empty)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a file may be written, in a folder with nothing else."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder / "rows.parquet"


def content(file: Path) -> bytes:
    return file.read_bytes()


def put(file: Path, text: bytes) -> None:
    file.write_bytes(text)


def small_pieces(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Have files read and written that many rows at a time."""
    monkeypatch.setattr("andamios_orm.database.parquet._FIRST_ROWS", rows)
    monkeypatch.setattr("andamios_orm.database.parquet._MOST_ROWS", rows)
    monkeypatch.setattr("andamios_orm.database.files._MOST_ROWS", rows)


# ---- there and back ------------------------------------------------------------------------------


async def test_rows_come_back_as_they_were(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    await samples.add_all([full(1), Sample(), full(2)])
    before = await samples.order_by(Sample.id).all()

    written = await empty.export_parquet(Sample, file)
    await samples.where(sa.true()).delete()
    report = await empty.import_parquet(Sample, str(file))

    assert (written.rows, written.size) == (3, len(content(file)))
    assert report == ImportReport(read=3, stored=3, refused=0, rows=())
    assert await samples.order_by(Sample.id).all() == before


async def test_a_file_without_rows_leaves_no_transaction_behind(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    await empty.export_parquet(Sample, file)
    report = await empty.import_parquet(Sample, file)

    assert report == ImportReport(read=0, stored=0, refused=0, rows=())
    await samples.add(Sample())
    assert await samples.count() == 1


@pytest.mark.parametrize("other", ENGINES)
@only_on("duckdb", "sqlite")
async def test_rows_come_back_over_another_engine(
    samples: Repository[Sample],
    empty: Database,
    file: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    other: str,
) -> None:
    await samples.add_all([full(1), Sample(), full(2)])
    before = await samples.order_by(Sample.id).all()
    urls: dict[str, Callable[[], str]] = {
        "duckdb": lambda: f"duckdb:///{tmp_path / 'other.duckdb'}",
        "sqlite": lambda: f"sqlite:///{tmp_path / 'other.db'}",
        "postgresql": lambda: request.getfixturevalue("empty_postgresql_url"),
        "mariadb": lambda: request.getfixturevalue("empty_mariadb_url"),
        "mysql": lambda: request.getfixturevalue("empty_mysql_url"),
    }

    await empty.export_parquet(Sample, file)
    async with Database(urls[other](), metadata=METADATA) as database:
        await database.create_all()
        await database.import_parquet(Sample, file)
        assert await Repository(Sample, database).order_by(Sample.id).all() == before
        await database.export_parquet(Sample, file)
    await samples.where(sa.true()).delete()
    await empty.import_parquet(Sample, file)

    assert await samples.order_by(Sample.id).all() == before


async def test_more_rows_than_one_piece(
    samples: Repository[Sample],
    empty: Database,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_pieces(monkeypatch, 10)
    await samples.add_all(Sample(number=n) for n in range(35))
    written: list[Progress] = []
    read: list[Progress] = []

    await empty.export_parquet(Sample, file, progress=written.append)
    await samples.where(sa.true()).delete()
    await empty.import_parquet(Sample, file, progress=read.append)

    steps = [Progress(10, 35), Progress(20, 35), Progress(30, 35), Progress(35, 35)]
    assert written == read == steps
    assert [s.number for s in await samples.order_by(Sample.id).all()] == list(range(35))


async def test_a_piece_is_as_large_as_its_rows_allow(
    samples: Repository[Sample], empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andamios_orm.database.parquet._FIRST_ROWS", 2)
    monkeypatch.setattr("andamios_orm.database.parquet._TARGET", 4000)
    await samples.add_all(Sample(data=bytes(n)) for n in [10, 10, *[1500] * 20])
    done: list[int] = [0]

    await empty.export_parquet(Sample, file, progress=lambda step: done.append(step.done))

    sizes = [after - before for before, after in pairwise(done)]
    assert sizes[0] == 2
    assert sizes[1] > 5
    assert set(sizes[2:]) <= {1, 2}


async def test_an_empty_table_is_a_file_of_columns(empty: Database, file: Path) -> None:
    steps: list[Progress] = []

    written = await empty.export_parquet(Sample, file, progress=steps.append)
    report = await empty.import_parquet(Sample, file, progress=steps.append)

    assert (written.rows, report.read, steps) == (0, 0, [])
    assert pq.read_schema(file).field("total").type == pa.decimal128(38, 18)


async def test_the_file_tells_of_the_model_and_holds_its_secrets(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    await samples.add(full(1))

    await empty.export_parquet(Sample, file)

    found = pq.read_schema(file)
    about = json.loads((found.metadata or {})[b"andamios_orm"])
    assert about["model"] == "Sample"
    assert list(about["columns"]) == found.names == list(Sample.model_fields)
    assert about["columns"]["price"] == "decimal"
    assert pq.read_table(file).column("pin").to_pylist() == ["hidden"]


# ---- keys ----------------------------------------------------------------------------------------


class Part(Model, table=True, metadata=METADATA):
    whole: Col[str] = field(primary_key=True, max_length=9)
    at: Col[datetime] = field(primary_key=True)
    number: Col[Money] = field(primary_key=True)


class Tagged(Model, table=True, metadata=METADATA):
    id: Col[uuid.UUID] = field(primary_key=True)
    place: Col[int]


class Painted(Model, table=True, metadata=METADATA):
    color: Col[Color] = field(primary_key=True)


async def test_rows_are_found_by_keys_of_several_parts(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 4)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    given = [
        Part(whole=whole, at=moment + timedelta(microseconds=n), number=Decimal(m).scaleb(-2))
        for whole in "aBä"
        for n in range(3)
        for m in range(-1, 2)
    ]
    await Repository(Part, empty).add_all(given)

    report = await empty.export_parquet(Part, file)

    table = pq.read_table(file)
    assert report.rows == 27
    assert set(zip(*(table.column(n).to_pylist() for n in table.column_names), strict=True)) == {
        (part.whole, part.at, part.number) for part in given
    }


async def test_rows_are_found_by_keys_of_other_types(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 1)
    tagged = [Tagged(id=uuid.uuid4(), place=n) for n in range(5)]
    await Repository(Tagged, empty).add_all(tagged)
    await Repository(Painted, empty).add_all([Painted(color=color) for color in Color])

    await empty.export_parquet(Tagged, file)
    places = pq.read_table(file).column("place").to_pylist()
    await empty.export_parquet(Painted, file)
    colors = pq.read_table(file).column("color").to_pylist()

    assert len(places) == 5
    assert set(places) == set(range(5))
    assert set(colors) == {"b'lue", "red"}


async def test_a_generated_key_comes_after_the_imported_ones(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    given = [Sample.model_validate({"id": key}) for key in (3, 70, 7)]
    await samples.add_all(given)
    await empty.export_parquet(Sample, file)
    await samples.where(sa.true()).delete()

    await empty.import_parquet(Sample, file)
    added = await samples.add_all([Sample(), Sample()])

    assert [sample.id for sample in added] == [71, 72]


@pytest.mark.parametrize("keys", [[1], [2], [1, 2, 3]])
async def test_a_counter_that_was_never_used_is_moved(
    samples: Repository[Sample], empty: Database, file: Path, keys: list[int]
) -> None:
    await write(file, *({"id": key} for key in keys))

    await empty.import_parquet(Sample, file)

    assert (await samples.add(Sample())).id == keys[-1] + 1


async def test_a_counter_is_never_moved_back(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    await samples.add_all(Sample() for _ in range(9))
    await samples.where(Sample.id < 9).delete()
    await write(file, {"id": 2}, {"id": -4})

    await empty.import_parquet(Sample, file)

    assert (await samples.add(Sample())).id == 10


class Spaced(Model, table='sp"aced', metadata=METADATA):
    id: Col[int] = generated(column='Nu"mber')


async def test_a_counter_whose_names_need_quotes_is_moved(empty: Database, file: Path) -> None:
    pq.write_table(pa.table({"id": [5]}), file)

    await empty.import_parquet(Spaced, file)

    assert (await Repository(Spaced, empty).add(Spaced())).id == 6


class InSchema(Model, table=True, schema="apart", metadata=sa.MetaData()):
    id: Col[int] = generated()


@only_on("duckdb", "postgresql")
async def test_a_counter_in_a_schema_is_moved(database_url: str, file: Path) -> None:
    pq.write_table(pa.table({"id": [5]}), file)

    async with Database(database_url, metadata=InSchema.metadata) as database:
        await database.create_all()
        await database.import_parquet(InSchema, file)

        assert (await Repository(InSchema, database).add(InSchema())).id == 6


@only_on("duckdb", "postgresql")
async def test_a_table_without_the_counter_is_left_alone(db: Database, file: Path) -> None:
    await db.execute(sa.text('CREATE TABLE "sp""aced" ("Nu""mber" BIGINT)'))
    pq.write_table(pa.table({"id": [5]}), file)

    assert (await db.import_parquet(Spaced, file)).stored == 1


async def test_two_imports_at_once_leave_one_counter_beyond_both(
    samples: Repository[Sample], empty: Database, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{n}.parquet" for n in range(2)]
    for n, path in enumerate(paths):
        await write(path, *({"id": 1 + n + 2 * m} for m in range(20)))

    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(empty.import_parquet(Sample, path))

    assert (await samples.add(Sample())).id == 41


async def test_a_table_that_is_not_there(db: Database, file: Path) -> None:
    await write(file, {"id": 1})

    with pytest.raises(DatabaseError):
        await db.import_parquet(Sample, file)
    with pytest.raises(DatabaseError):
        await db.export_parquet(Sample, file)


WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@only_on("postgresql")
async def test_an_import_that_waits_for_a_writer_can_be_cancelled(
    samples: Repository[Sample], empty: Database, file: Path, database_url: str
) -> None:
    await write(file, {"id": 1})

    async with Database(database_url) as onlooker, empty.session() as session:
        await Repository(Sample, session).add(Sample())
        task = asyncio.create_task(empty.import_parquet(Sample, file))
        while not (await onlooker.execute(WAITING))[0][0]:
            assert not task.done(), task.exception()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await session.rollback()

    assert (await empty.import_parquet(Sample, file)).stored == 1


# ---- tables that refer to themselves -------------------------------------------------------------


class Person(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=9)
    boss_id: Col[int | None] = field(default=None, foreign_key="Person.id")
    friend: Col[str | None] = field(default=None, foreign_key="Person.name", max_length=9)


def people(*rows: tuple[int, int | None, str | None]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.int64()),
            "name": [f"p{row[0]}" for row in rows],
            "boss_id": pa.array([row[1] for row in rows], pa.int64()),
            "friend": pa.array([row[2] for row in rows], pa.string()),
        }
    )


async def test_rows_may_refer_to_later_ones_of_the_same_table(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 2)
    rows = [(1, 6, "p2"), (2, 1, None), (3, 2, "p1"), (4, None, "p6"), (5, 4, None), (6, 9, None)]
    persons = Repository(Person, empty)
    await persons.add(Person.model_validate({"id": 9, "name": "p9"}))
    pq.write_table(people(*rows), file)

    # 1 needs 6 and 2, 2 needs 1: no order is right.
    with pytest.raises(ForeignKeyViolation):
        await empty.import_parquet(Person, file)
    assert await persons.count() == 1

    rows[0] = (1, 6, None)
    pq.write_table(people(*rows), file)
    report = await empty.import_parquet(Person, file)

    assert report.stored == 6
    found = await persons.where(Person.id < 9).order_by(Person.id).all()
    assert [(p.id, p.boss_id, p.friend) for p in found] == rows


@not_on("duckdb")
async def test_a_row_may_refer_to_itself(empty: Database, file: Path) -> None:
    pq.write_table(people((1, 1, "p1")), file)

    assert (await empty.import_parquet(Person, file)).stored == 1


@only_on("duckdb")
async def test_a_row_that_refers_to_itself_is_refused_by_the_engine(
    empty: Database, file: Path
) -> None:
    pq.write_table(people((1, 1, None)), file)

    with pytest.raises(ForeignKeyViolation):
        await empty.import_parquet(Person, file)


async def test_a_reference_to_nothing_undoes_the_import(empty: Database, file: Path) -> None:
    pq.write_table(people((1, None, None), (2, 77, None)), file)

    with pytest.raises(ForeignKeyViolation):
        await empty.import_parquet(Person, file)

    assert await Repository(Person, empty).count() == 0


# ---- rows that the model refuses -----------------------------------------------------------------


class Rated(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    stars: Col[int] = field(ge=1, le=5)
    note: Col[str] = field(default="")
    points: Col[list[Point]] = field(default_factory=list)
    exact: Col[Decimal] = field(default=Decimal(0), max_digits=4, decimal_places=2)

    @model_validator(mode="after")
    def _no_praise_for_one_star(self) -> "Rated":
        if self.stars == 1 and self.note == "good":
            raise ValueError("a secret of the row")
        if self.note == "crash":
            raise LookupError("a secret of the row")
        return self


def rated(*rows: dict[str, Any]) -> pa.Table:
    plain = {"id": 1, "stars": 3, "note": "", "points": "[]", "exact": Decimal("1.00")}
    types: dict[str, pa.DataType] = {
        "id": pa.int64(),
        "stars": pa.int64(),
        "note": pa.string(),
        "points": pa.string(),
        "exact": pa.decimal128(4, 2),
    }
    full_rows = [{**plain, "id": n, **row} for n, row in enumerate(rows, start=11)]
    return pa.Table.from_pylist(full_rows, schema=pa.schema(types))


MIXED = rated(
    {},
    {"stars": 9, "note": "hidden"},
    {"stars": None},
    {"points": '[{"x": "hidden"}]'},
    {"points": "hidden"},
    {"stars": 1, "note": "good"},
    {"note": "crash"},
    {"note": "a\0b"},
    {},
)
REFUSED = (
    RefusedRow(2, (12,), {"stars": "less_than_equal"}),
    RefusedRow(3, (13,), {"stars": "int_type"}),
    RefusedRow(4, (14,), {"points.0.x": "int_parsing"}),
    RefusedRow(5, (15,), {"points.(model)": "json_invalid"}),
    RefusedRow(6, (16,), {"(model)": "value_error"}),
    RefusedRow(7, (17,), {"(model)": "LookupError"}),
    RefusedRow(8, (18,), {"note": "NotStorable"}),
)


async def test_a_row_that_the_model_refuses_keeps_all_from_being_stored(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 1)
    pq.write_table(MIXED, file)

    with pytest.raises(ImportRefused) as told:
        await empty.import_parquet(Rated, file)

    assert told.value.report == ImportReport(read=9, stored=0, refused=7, rows=REFUSED)
    assert told.value.model is Rated
    assert "7 of the 9 rows" in told.value.problem
    assert "row 2: stars (less_than_equal)" in told.value.problem
    assert "hidden" not in str(told.value)
    assert await Repository(Rated, empty).count() == 0


async def test_refused_rows_can_be_skipped(empty: Database, file: Path) -> None:
    pq.write_table(MIXED, file)

    report = await empty.import_parquet(Rated, file, on_invalid="skip")

    assert report == ImportReport(read=9, stored=2, refused=7, rows=REFUSED)
    assert [r.id for r in await Repository(Rated, empty).order_by(Rated.id).all()] == [11, 19]


@only_on("sqlite")
async def test_a_report_names_a_thousand_rows_and_counts_all(empty: Database, file: Path) -> None:
    pq.write_table(rated(*({"stars": 0} for _ in range(1003))), file)

    report = await empty.import_parquet(Rated, file, on_invalid="skip")

    assert (report.refused, len(report.rows)) == (1003, 1000)


class Keyring(Model, table=True, metadata=METADATA):
    code: Col[str] = field(primary_key=True, secret=True, max_length=9)
    stars: Col[int] = field(ge=1)


@only_on("sqlite")
async def test_a_secret_key_is_not_reported(empty: Database, file: Path) -> None:
    pq.write_table(pa.table({"code": ["hidden"], "stars": [0]}), file)

    report = await empty.import_parquet(Keyring, file, on_invalid="skip")

    assert report.rows == (RefusedRow(1, None, {"stars": "greater_than_equal"}),)


async def test_what_the_database_refuses_undoes_the_import(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 2)
    await Repository(Rated, empty).add(Rated.model_validate({"id": 14, "stars": 2}))
    pq.write_table(rated({}, {}, {}, {}), file)

    with pytest.raises(UniqueViolation):
        await empty.import_parquet(Rated, file, on_invalid="skip")

    assert [r.id for r in await Repository(Rated, empty).all()] == [14]


@only_on("sqlite")
async def test_another_way_to_treat_rows_is_refused(empty: Database, file: Path) -> None:
    way: Any = "ignore"

    with pytest.raises(UsageError, match="does not know this way"):
        await empty.import_parquet(Rated, file, on_invalid=way)


class Moment(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    at: Col[NaiveDatetime]


class Dated(Model, table=True, metadata=METADATA):
    at: Col[NaiveDatetime] = field(primary_key=True)
    place: Col[int]


class Counting(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    value: Col[Annotated[int, Field(le=5), AfterValidator(lambda value: value + 1)]]


@only_on("sqlite")
async def test_a_moment_beyond_pythons_calendar_is_refused(empty: Database, file: Path) -> None:
    micros = pa.array([0, 253_402_300_800_000_000], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"id": [1, 2], "at": micros}), file)

    report = await empty.import_parquet(Moment, file, on_invalid="skip")

    [row] = report.rows
    assert (report.stored, row.number, row.key) == (1, 2, (2,))
    assert list(row.fields) == ["at"]


@only_on("sqlite")
async def test_a_key_beyond_pythons_calendar_is_not_reported(empty: Database, file: Path) -> None:
    micros = pa.array([253_402_300_800_000_000], pa.int64()).cast(pa.timestamp("us"))
    pq.write_table(pa.table({"at": micros, "place": [1]}), file)

    report = await empty.import_parquet(Dated, file, on_invalid="skip")

    assert [(row.number, row.key) for row in report.rows] == [(1, None)]


@only_on("sqlite")
async def test_a_value_that_a_validator_makes_invalid_is_refused(
    empty: Database, file: Path
) -> None:
    pq.write_table(pa.table({"id": [1], "value": [5]}), file)

    report = await empty.import_parquet(Counting, file, on_invalid="skip")

    assert report.rows == (RefusedRow(1, (1,), {"value": "less_than_equal"}),)


# ---- types of the user's own ---------------------------------------------------------------------


class Halved(TypeDecorator[int]):
    """Holds half of an even number."""

    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else value // 2

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else value * 2


class Guid(TypeDecorator[uuid.UUID]):
    """A UUID where the engine has them, else its text: the recipe of SQLAlchemy's manual."""

    impl = sa.CHAR(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return sa.Uuid() if dialect.name == "postgresql" else self.impl_instance

    def process_bind_param(self, value: uuid.UUID | None, dialect: sa.Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> uuid.UUID | None:
        return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(value)


def _parsed(value: object) -> object:
    assert isinstance(value, uuid.UUID | list), "a validator was given what no caller gives"
    return value


class Cents(int):
    """A type with a rule of its own."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(int)


register_type(Cents, sa.Integer, encode=lambda c: c + 1, decode=lambda n: Cents(n - 1))

CUSTOM: dict[str, tuple[Any, Any, Any]] = {
    "string": (str, sa.String(5), "abc"),
    "numeric": (Decimal, sa.Numeric(10, 2), Decimal("1.50")),
    "float": (float, sa.Float, 1.5),
    "boolean": (bool, sa.Boolean, True),
    "json": (dict[str, int], sa.JSON, {"a": 1}),
    "uuid": (uuid.UUID, sa.Uuid, uuid.UUID(int=5)),
    "uuid text": (str, sa.Uuid(as_uuid=False), str(uuid.UUID(int=5))),
    "datetime": (NaiveDatetime, sa.DateTime(), datetime(2024, 1, 1)),
    "interval": (timedelta, sa.Interval(second_precision=6), timedelta(hours=1)),
    "binary": (bytes, sa.LargeBinary, b"\x00"),
    "enum": (Color, sa.Enum(Color, native_enum=False), Color.BLUE),
    "decorated": (int, Halved, 6),
    "registered": (Cents, None, Cents(4)),
    "uuid seen before": (Annotated[uuid.UUID, BeforeValidator(_parsed)], None, uuid.UUID(int=5)),
    "json seen before": (Annotated[list[int], BeforeValidator(_parsed)], None, [1]),
    "uuid or text": (uuid.UUID, Guid, uuid.UUID(int=5)),
}


@pytest.mark.parametrize("name", CUSTOM)
async def test_a_type_of_the_users_comes_back(db: Database, file: Path, name: str) -> None:
    annotation, column_type, value = CUSTOM[name]
    model: Any = create_model(
        "Sample",
        __base__=Model,
        __cls_kwargs__={"table": True, "metadata": sa.MetaData()},
        id=(int, generated()),
        value=(annotation, field(column_type=column_type)),
        maybe=(Optional[annotation], field(default=None, column_type=column_type)),  # noqa: UP045
    )
    async with db.session() as session:
        await session.run_sync(model.metadata.create_all)
    rows = Repository(model, db)
    await rows.add(model.model_construct(value=value, maybe=None))

    await db.export_parquet(model, file)
    await rows.where(sa.true()).delete()
    await db.import_parquet(model, file)

    [found] = await rows.all()
    assert (found.value, found.maybe) == (value, None)


# ---- files that are not right --------------------------------------------------------------------


async def write(path: Path, *rows: dict[str, Any]) -> None:
    """Write a file of samples; what is not given is empty."""
    async with Database("sqlite://", metadata=METADATA) as database:
        await database.create_all()
        await database.export_parquet(Sample, path)
    schema = pq.read_schema(path)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


WRONG: dict[str, tuple[pa.Table, str]] = {
    "missing": (pa.table({"id": [1]}), "`stars` is missing, `note` is missing"),
    "extra": (
        rated().append_column("more", pa.array([], pa.int64())),
        "`more` is none of its fields",
    ),
    "twice": (
        rated().append_column("note", pa.array([], pa.string())),
        "`note` is there more than once",
    ),
    "wrong": (
        rated().set_column(1, "stars", pa.array([], pa.float64())),
        "`stars` is double in place of int64",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@only_on("sqlite")
async def test_a_file_with_other_columns_is_refused(empty: Database, file: Path, name: str) -> None:
    table, problem = WRONG[name]
    pq.write_table(table, file)
    seen: list[StatementRun] = []

    with subscribe(seen.append), pytest.raises(FileProblem) as told:
        await empty.import_parquet(Rated, file)

    assert problem in told.value.problem
    assert told.value.path == str(file)
    assert seen == []


ALIKE: "dict[str, tuple[str, pa.Array[Any], Any]]" = {
    "small integer": ("number", pa.array([3], pa.int8()), 3),
    "single": ("ratio", pa.array([1.5], pa.float32()), 1.5),
    "large text": ("name", pa.array(["a"], pa.large_string()), "a"),
    "category": ("name", pa.array(["a"]).dictionary_encode(), "a"),
    "large bytes": ("data", pa.array([b"a"], pa.large_binary()), b"a"),
    "fixed bytes": ("data", pa.array([b"a"], pa.binary(1)), b"a"),
    "seconds": ("clock", pa.array([time(1)], pa.time32("s")), time(1)),
    "milliseconds": (
        "at",
        pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
        datetime(2024, 1, 1, tzinfo=UTC),
    ),
    "coarse interval": ("length", pa.array([timedelta(1)], pa.duration("s")), timedelta(1)),
    "smaller decimal": (
        "price",
        pa.array([Decimal("1.5")], pa.decimal128(3, 1)),
        Decimal("1.50"),
    ),
    "nothing": ("total", pa.array([None], pa.null()), None),
}
UNLIKE: dict[str, tuple[str, pa.DataType]] = {
    "unsigned": ("number", pa.uint64()),
    "text for a number": ("number", pa.string()),
    "nanoseconds": ("at", pa.timestamp("ns", "UTC")),
    "without a zone": ("at", pa.timestamp("us")),
    "with a zone": ("local", pa.timestamp("us", "UTC")),
    "nanoseconds of a day": ("clock", pa.time64("ns")),
    "more places": ("price", pa.decimal128(10, 3)),
    "more digits": ("price", pa.decimal128(11, 2)),
    "double for a decimal": ("price", pa.float64()),
    "date for a datetime": ("at", pa.date32()),
}


async def one_row(path: Path, name: str, column: "pa.Array[Any]") -> None:
    await write(path, {"id": 1})
    table = pq.read_table(path)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, column), path)


@pytest.mark.parametrize("name", ALIKE)
@only_on("sqlite")
async def test_columns_of_other_programs_are_read(
    samples: Repository[Sample], empty: Database, file: Path, name: str
) -> None:
    column, values, expected = ALIKE[name]
    await one_row(file, column, values)

    await empty.import_parquet(Sample, file)

    assert getattr(await samples.one(), column) == expected


@pytest.mark.parametrize("name", UNLIKE)
@only_on("sqlite")
async def test_columns_that_might_lose_something_are_refused(
    empty: Database, file: Path, name: str
) -> None:
    column, kept = UNLIKE[name]
    await one_row(file, column, pa.array([None], kept))

    with pytest.raises(FileProblem, match=f"`{column}` is "):
        await empty.import_parquet(Sample, file)


@only_on("sqlite")
async def test_a_file_that_is_not_there(empty: Database, file: Path) -> None:
    with pytest.raises(FileProblem, match="there is no file"):
        await empty.import_parquet(Sample, file)


@pytest.mark.parametrize("text", [b"", b"id,name\n1,Ada\n", b"PAR1 and no more PAR1"])
@only_on("sqlite")
async def test_a_file_that_is_no_parquet(empty: Database, file: Path, text: bytes) -> None:
    put(file, text)

    with pytest.raises(FileProblem, match="it is no Parquet file, or is damaged"):
        await empty.import_parquet(Sample, file)


@only_on("sqlite")
async def test_a_damaged_file_stores_nothing(
    samples: Repository[Sample], empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch, 10)
    await samples.add_all(Sample(data=os.urandom(100)) for _ in range(40))
    await empty.export_parquet(Sample, file)
    await samples.where(sa.true()).delete()
    written = content(file)
    put(file, written[:2000] + bytes(900) + written[2900:])

    with pytest.raises(FileProblem, match="damaged"):
        await empty.import_parquet(Sample, file)

    assert await samples.count() == 0


@only_on("sqlite")
async def test_a_path_that_cannot_be_written(empty: Database, file: Path) -> None:
    seen: list[StatementRun] = []

    with subscribe(seen.append):
        with pytest.raises(FileProblem, match="cannot be written: No such file or directory"):
            await empty.export_parquet(Sample, file.parent / "none" / "rows.parquet")
        with pytest.raises(FileProblem, match="cannot be written: it is a folder"):
            await empty.export_parquet(Sample, file.parent)

    assert [event.sql for event in seen if event.sql.startswith("SELECT")] == []


# ---- failures and cancellations ------------------------------------------------------------------


@pytest.fixture
def old(file: Path) -> Path:
    """A file that was there before."""
    file.write_bytes(b"old")
    return file


def nothing_changed(file: Path) -> None:
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


@only_on("sqlite", "duckdb")
async def test_a_failed_export_leaves_the_old_file(
    samples: Repository[Sample], empty: Database, old: Path
) -> None:
    def stop(progress: Progress) -> None:
        raise ZeroDivisionError

    await samples.add(Sample())

    with pytest.raises(ZeroDivisionError):
        await empty.export_parquet(Sample, old, progress=stop)

    nothing_changed(old)


@only_on("sqlite")
async def test_a_full_disk_leaves_the_old_file(
    samples: Repository[Sample], empty: Database, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    await samples.add(Sample())
    monkeypatch.setattr(os, "fsync", full_disk)

    with pytest.raises(FileProblem, match="No space left on device"):
        await empty.export_parquet(Sample, old)

    nothing_changed(old)


@only_on("sqlite", "duckdb", "postgresql")
async def test_a_cancelled_export_leaves_the_old_file_and_no_session(
    samples: Repository[Sample], empty: Database, old: Path
) -> None:
    await samples.add(Sample())
    steps: list[Progress] = []

    def cancel(progress: Progress) -> None:
        steps.append(progress)
        task.cancel()

    task = asyncio.create_task(empty.export_parquet(Sample, old, progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(steps) == 1
    nothing_changed(old)
    assert await samples.count() == 1


@pytest.mark.parametrize("method", ["open", "finish"])
@only_on("sqlite")
async def test_an_export_that_is_cancelled_in_a_thread_leaves_no_file(
    samples: Repository[Sample],
    empty: Database,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    loop = asyncio.get_running_loop()
    original = getattr(NewFile, method)

    def cancelling(self: NewFile) -> object:
        loop.call_soon_threadsafe(task.cancel)
        return original(self)

    monkeypatch.setattr(NewFile, method, cancelling)
    task = asyncio.create_task(empty.export_parquet(Sample, file))
    with pytest.raises(asyncio.CancelledError):
        await task

    # A file that is complete may take its place.
    assert list(file.parent.iterdir()) == ([] if method == "open" else [file])


@only_on("sqlite", "duckdb", "postgresql")
async def test_a_cancelled_import_stores_nothing(
    samples: Repository[Sample], empty: Database, file: Path
) -> None:
    await write(file, {"id": 1})

    def cancel(progress: Progress) -> None:
        task.cancel()

    task = asyncio.create_task(empty.import_parquet(Sample, file, progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await samples.count() == 0


@only_on("sqlite", "duckdb", "postgresql", "mariadb")
async def test_an_export_is_one_state_of_the_table(
    samples: Repository[Sample],
    empty: Database,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small_pieces(monkeypatch, 2)
    await samples.add_all(Sample(number=n) for n in range(6))
    changes: list[asyncio.Task[Any]] = []

    async def change() -> None:
        await samples.where(Sample.number == 5).delete()
        await samples.add(Sample(number=9))

    def meanwhile(progress: Progress) -> None:
        if not changes:
            changes.append(asyncio.create_task(change()))

    original = parquet._page

    async def page(*arguments: Any) -> pa.Table:
        if changes:
            await changes[0]
        return await original(*arguments)

    monkeypatch.setattr(parquet, "_page", page)
    await empty.export_parquet(Sample, file, progress=meanwhile)

    assert pq.read_table(file).column("number").to_pylist() == list(range(6))
    assert [s.number for s in await samples.order_by(Sample.id).all()] == [0, 1, 2, 3, 4, 9]


async def test_a_link_is_followed(empty: Database, file: Path) -> None:
    link = file.with_name("link.parquet")
    link.symlink_to(file)

    await empty.export_parquet(Sample, link)

    assert link.is_symlink()
    assert pq.read_schema(file).names[0] == "id"


# ---- what is not offered -------------------------------------------------------------------------


class Huge(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    value: Col[Decimal] = field(max_digits=77, decimal_places=0)


@only_on("postgresql")
async def test_what_arrow_has_no_type_for_is_refused_before_sql(db: Database, file: Path) -> None:
    with pytest.raises(NotSupported, match=r"Huge\.value has 77 digits"):
        await db.export_parquet(Huge, file)
    with pytest.raises(NotSupported, match=r"Huge\.value has 77 digits"):
        await db.import_parquet(Huge, file)


@only_on("sqlite")
async def test_a_missing_package_is_named(
    empty: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingDriver, match="pyarrow"):
        await empty.export_parquet(Sample, file)
    with pytest.raises(MissingDriver, match="pyarrow"):
        await empty.import_parquet(Sample, file)
