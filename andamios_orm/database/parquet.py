"""Move the rows of a model to a Parquet file and back, in pieces that fit into memory.

Imported at the first use only, because pyarrow is an extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar, cast

import pyarrow as pa
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect

from andamios_orm.backends.tasks import to_its_end
from andamios_orm.database.arrow import ArrowReader
from andamios_orm.database.files import NewFile, ReadFile
from andamios_orm.database.inserting import BulkInsert, ParentsFirst, Values
from andamios_orm.database.session import Session
from andamios_orm.errors import ImportRefused, InvalidRow, NotStorable
from andamios_orm.queries import to_sql
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.reports import ExportReport, ImportReport, Progress, RefusedRow
from andamios_orm.rows.decode import REFUSALS, Loads, judged, scalar
from andamios_orm.rows.encode import Encoder
from andamios_orm.rows.plan import compile_plan
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import FieldSpec
from andamios_orm.schema.tenants import missing_tenant

__all__ = ["OnInvalid", "Tell", "export_rows", "import_rows", "opened"]

P = ParamSpec("P")
R = TypeVar("R")

OnInvalid: TypeAlias = Literal["refuse", "skip"]
Tell: TypeAlias = Callable[[Progress], object]

_FIRST_ROWS, _MOST_ROWS = 1000, 65_536
_TARGET = 8 * 2**20
"""Bytes of a piece as Arrow has it, about; rows of a driver take several times as many."""
_MOST_REFUSED = 1000
"""Rows that a report names."""


async def _aside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call in a thread, to its end: what is cancelled meanwhile must not pull its file away."""
    return await to_its_end(asyncio.to_thread(function, *args, **kwargs))


# ---- export --------------------------------------------------------------------------------------


async def export_rows(
    session: Session, model: type[BaseModel], path: str, tell: Tell | None
) -> ExportReport:
    """Write all rows that the session sees to a file. Raises FileProblem, DatabaseError."""
    spec = spec_of(model)
    reader = ArrowReader(session, model, spec.fields)
    file = NewFile(path, spec)
    try:
        await _aside(file.open)
        total = await _count(session, model)
        done, size = 0, _FIRST_ROWS
        key: list[object] | None = None
        while True:
            table = await _page(reader, model, key, size)
            if len(table):
                await _aside(file.write, table)
                done += len(table)
                _told(tell, done, total)
            if len(table) < size:
                await asyncio.sleep(0)  # who was cancelled gets no file
                return ExportReport(done, await _aside(file.finish))
            key = _last_key(model, table)
            size = max(1, min(_MOST_ROWS, _TARGET * size // max(1, table.nbytes)))
    finally:
        await _aside(file.abandon)


async def _count(session: Session, model: type[BaseModel]) -> int:
    rows = _stored_rows(model)
    plan = session.plans.get(
        ("count all", model),
        lambda dialect: compile_plan(
            to_sql.count(rows, dialect.name), dialect, scalar, table=table_of(model)
        ),
    )
    return await session.fetch(plan, rows.values())


async def _page(
    reader: ArrowReader, model: type[BaseModel], key: list[object] | None, size: int
) -> pa.Table:
    after, rows = key is not None, _stored_rows(model)
    return await reader.read(
        ("page", after),
        lambda what, dialect_name: to_sql.key_page(rows, what, dialect_name, after=after),
        [*(key or ()), *rows.values(), size],
    )


def _stored_rows(model: type[BaseModel]) -> Selection:
    """Return the rows of the tenant at hand, also those that are marked as deleted."""
    return Selection(model, standing_conditions(model, with_deleted=True))


def _last_key(model: type[BaseModel], table: pa.Table) -> list[object]:
    key: list[object] = []
    for field in spec_of(model).primary_key:
        value = table.column(field.name)[-1].as_py()
        load = _stored(model, field).from_plain(python_value=True)
        key.append(value if load is None else load(value))
    return key


def _stored(model: type[BaseModel], field: FieldSpec) -> Stored:
    return cast("Stored", table_of(model).c[field.column].type)


def _told(tell: Tell | None, done: int, total: int) -> None:
    if tell is not None:
        tell(Progress(done, total))


# ---- import --------------------------------------------------------------------------------------


@asynccontextmanager
async def opened(path: str, model: type[BaseModel]) -> AsyncIterator[ReadFile]:
    """Open a file and compare its columns with the model's. Raises FileProblem, NotSupported."""
    file = ReadFile(path, spec_of(model))
    try:
        await _aside(file.open)
        yield file
    finally:
        await _aside(file.close)


async def import_rows(
    session: Session,
    model: type[BaseModel],
    path: str,
    file: ReadFile,
    on_invalid: OnInvalid,
    tell: Tell | None,
) -> ImportReport:
    """Store the rows of a file in the session.

    Raises ImportRefused, FileProblem for a damaged file, DatabaseError.
    """
    dialect = session.plans.dialect
    judge = _Judge(model, dialect, session.tenant)
    insert = BulkInsert(session, model).insert
    order = ParentsFirst(model, dialect)
    await judge.hold_counter(session)
    while (batch := await _aside(file.next)) is not None:
        rows = await _aside(judge.rows, batch)
        if on_invalid == "skip" or not judge.refused:
            await insert(order.ready(rows))
        _told(tell, judge.read, file.rows)
    report = judge.report(refuse=on_invalid == "refuse")
    if judge.refused and on_invalid == "refuse":
        raise _import_refused(model, path, report)
    await insert(order.rest())
    await judge.move_counter(session)
    return report


def _import_refused(model: type[BaseModel], path: str, report: ImportReport) -> ImportRefused:
    first = report.rows[0]
    shown = ", ".join(f"{name} ({kind})" for name, kind in first.fields.items())
    return ImportRefused(
        f"{report.refused} of the {report.read} rows of {path} do not fit {model.__name__}; the"
        f" first is row {first.number}: {shown}",
        'correct the rows, which `report` lists; nothing was stored. on_invalid="skip" stores'
        " the others",
        model=model,
        report=report,
    )


class _Judge:
    """Turns the rows of a file into values to be stored, and keeps account of those refused."""

    def __init__(self, model: type[BaseModel], dialect: Dialect, tenant: object) -> None:
        self._model = model
        self._spec = spec = spec_of(model)
        owner = spec.roles.get("tenant")
        if owner is not None and tenant is None:
            raise missing_tenant(f"{spec.name}.{owner.name}")
        self._owner = owner
        self._tenant = tenant
        self._encoder = Encoder(spec)
        self._loads: Loads = {
            field.name: load
            for field in spec.fields
            if (load := _stored(model, field).from_plain(python_value=field.raw_validators))
        }
        self._binds = [
            _stored(model, field).dialect_impl(dialect).bind_processor(dialect)
            for field in spec.fields
        ]
        self._counted = [number for number, field in enumerate(spec.fields) if field.counted]
        self._hides_key = any(is_secret(part) for part in spec.primary_key)
        self._highest = 0
        self._named: list[RefusedRow] = []
        self.read = 0
        self.refused = 0

    def rows(self, batch: pa.RecordBatch) -> list[Values]:
        """Return the values of those rows that the model takes."""
        columns = [_cells(batch.column(field.name)) for field in self._spec.fields]
        found: list[Values] = []
        for cells in zip(*columns, strict=True):
            self.read += 1
            values, fields = self._judged(cells)
            if fields:
                self._refuse(cells, fields)
            else:
                found.append(values)
        return found

    def _judged(self, cells: Sequence[object]) -> tuple[Values, dict[str, str]]:
        """Return the values, or the kind of failure by field."""
        unreadable = {
            field.name: cell.kind
            for field, cell in zip(self._spec.fields, cells, strict=True)
            if isinstance(cell, _Unreadable)
        }
        if unreadable:
            return [], unreadable
        try:
            values = self._encoded(cells)
            if self._owner is not None:
                owner = values[self._spec.fields.index(self._owner)]
                return values, {} if owner == self._tenant else {self._owner.name: "other_tenant"}
            return values, {}
        except InvalidRow as error:
            return [], error.fields
        except NotStorable as error:
            name = str(error.field).rpartition(".")[2]
            return [], {name: type(error).__name__}
        except REFUSALS as error:
            return [], self._failures(cells) or {"(model)": type(error).__name__}

    def _encoded(self, cells: Sequence[object]) -> Values:
        loads = self._loads
        values = {
            field.name: loads[field.name](cell) if field.name in loads else cell
            for field, cell in zip(self._spec.fields, cells, strict=True)
        }
        validate = self._model.__pydantic_validator__.validate_python
        instance = validate(values, strict=False, by_alias=False, by_name=True)
        _, encoded = self._encoder.rendered(instance)
        # A value that its column cannot hold is met here, where its row is known.
        for bind, value in zip(self._binds, encoded, strict=True):
            if bind is not None:
                bind(value)
        for number in self._counted:
            self._highest = max(self._highest, cast("int", encoded[number]))
        return encoded

    def _failures(self, cells: Sequence[object]) -> dict[str, str]:
        try:
            return judged(self._spec, self._loads, cells)[1]
        except REFUSALS:
            return {}

    def _refuse(self, cells: Sequence[object], fields: dict[str, str]) -> None:
        self.refused += 1
        if len(self._named) < _MOST_REFUSED:
            by_name = dict(zip(self._spec.by_name, cells, strict=True))
            key = tuple(by_name[part.name] for part in self._spec.primary_key)
            hidden = self._hides_key or any(isinstance(part, _Unreadable) for part in key)
            self._named.append(RefusedRow(self.read, None if hidden else key, fields))

    def report(self, *, refuse: bool) -> ImportReport:
        """Return what happened to the rows; with `refuse` one of them keeps all from the table."""
        stored = 0 if refuse and self.refused else self.read - self.refused
        return ImportReport(self.read, stored, self.refused, tuple(self._named))

    async def hold_counter(self, session: Session) -> None:
        """Keep others from taking generated keys while rows come with theirs."""
        for column in self._counted_columns():
            await session.hold_counter(column)

    async def move_counter(self, session: Session) -> None:
        """Have the next generated key come after the highest one that was stored."""
        for column in self._counted_columns():
            await session.move_counter(column, self._highest)

    def _counted_columns(self) -> list[sa.Column[Any]]:
        table = table_of(self._model)
        return [table.c[self._spec.fields[number].column] for number in self._counted]


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A cell whose value Python has no object for, such as a moment in the year 10000."""

    kind: str


def _cells(column: pa.Array[Any]) -> list[object]:
    try:
        return cast("list[object]", column.to_pylist())
    except REFUSALS:
        return [_cell(value) for value in column]


def _cell(value: pa.Scalar[Any]) -> object:
    try:
        return value.as_py()
    except REFUSALS as error:
        return _Unreadable(type(error).__name__)
