"""A model's columns as Arrow columns: one schema on every engine, and the same values.

Imported at the first use only, because pyarrow is an extra.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from andamios_orm.errors import InvalidRow, NotSupported, ValueOutOfRange
from andamios_orm.rows.plan import Row
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.plain import plain_storage
from andamios_orm.schema.representations.base import Converter
from andamios_orm.schema.representations.duckdb import NO_MICROSECONDS
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec, Storage

__all__ = ["ArrowColumns", "arrow_type"]

_TYPES: dict[Kind, pa.DataType] = {
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.DATETIME: pa.timestamp("us", "UTC"),
    Kind.NAIVE_DATETIME: pa.timestamp("us"),
    Kind.INTERVAL: pa.duration("us"),
    # Text, because neither DataFrames nor most readers of Parquet know a type for them.
    Kind.UUID: pa.string(),
    Kind.JSON: pa.string(),
}
_DIGITS, _MAX_DIGITS = 38, 76


def arrow_type(storage: Storage, field: str) -> pa.DataType:
    """Return the Arrow type of a column, the same on every engine.

    `field` is `"Model.field"`, for messages. Raises NotSupported for what Arrow has no type for.
    """
    plain = plain_storage(storage, field)
    if plain.kind is not Kind.DECIMAL:
        return _TYPES[plain.kind]
    precision, scale = cast("int", plain.precision), cast("int", plain.scale)
    if precision > _MAX_DIGITS:
        raise NotSupported(
            f"{field} has {precision} digits, and Arrow's decimals have {_MAX_DIGITS} at most",
            "read the rows with all(), or declare fewer max_digits",
        )
    return (pa.decimal128 if precision <= _DIGITS else pa.decimal256)(precision, scale)


_Chunks: TypeAlias = "pa.ChunkedArray[Any]"
_Values: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"

# pyarrow loads pandas, if it is there, with the first array; not when an event loop waits for it.
pa.array([], pa.int64())

_NONE = pa.scalar(NO_MICROSECONDS, pa.int64())

# What pyarrow, a converter of a driver's value, or Python's calendar may raise.
_REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    where: str
    """`Model.field`, for messages."""
    kept: pa.DataType
    convert: Converter | None
    """Driver value → a value that Arrow takes exactly."""

    def from_values(self, values: list[Any], model: type) -> _Values:
        if self.convert is not None:
            try:
                values = [None if v is None else self.convert(v) for v in values]
            except _REFUSALS as error:
                kind = type(error).__name__
                raise InvalidRow(
                    f"a stored value of {self.where} does not fit its column: {kind}",
                    "find the row with all(), and correct it in the database",
                    model=model,
                    key=None,
                    fields={self.name: kind},
                ) from None
        try:
            return pa.array(values, self.kept)
        except _REFUSALS:
            raise self._too_large() from None

    def from_arrow(self, found: _Chunks) -> _Chunks:
        if found.type == self.kept:
            return found
        if pa.types.is_duration(self.kept) and pc.any(pc.equal(found, _NONE)).as_py():
            raise self._too_large()
        try:
            return found.cast(self.kept)
        except _REFUSALS:
            raise self._too_large() from None

    def _too_large(self) -> ValueOutOfRange:
        return ValueOutOfRange(
            f"a stored value of {self.where} does not fit Arrow's {self.kept}",
            "leave such rows out with where(), or read them with all()",
            limit=str(self.kept),
            field=self.where,
        )


class ArrowColumns:
    """Some fields of one model, and how an engine's answers become their Arrow columns."""

    def __init__(
        self, spec: ModelSpec, fields: Sequence[FieldSpec], table: sa.Table, dialect: Dialect
    ) -> None:
        self._model = spec.model
        self._columns = [_column(spec, field, table, dialect) for field in fields]
        self.schema = pa.schema([(column.name, column.kept) for column in self._columns])

    def to_table(self, found: Sequence[Row] | pa.Table) -> pa.Table:
        """Return a driver's rows, or the engine's own table, as the table of these columns.

        Raises InvalidRow for a stored value that is none of its column's, and ValueOutOfRange for
        one that Arrow cannot hold.
        """
        arrays: list[_Values] = []
        for number, column in enumerate(self._columns):
            if isinstance(found, pa.Table):
                arrays.append(column.from_arrow(found.column(number)))
            else:
                values = [row[number] for row in found]
                arrays.append(column.from_values(values, self._model))
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _column(spec: ModelSpec, field: FieldSpec, table: sa.Table, dialect: Dialect) -> _Column:
    where = f"{spec.name}.{field.name}"
    column_type = cast("Stored", table.c[field.column].type)
    convert = column_type.plain_processor(dialect)
    kind = plain_storage(field.storage, where).kind
    # A user's text may be a UUID on an engine that has them.
    if kind is Kind.UUID or (kind is Kind.TEXT and field.storage.kind is Kind.CUSTOM):
        convert = _to_text(convert)
    return _Column(field.name, where, arrow_type(field.storage, where), convert)


def _to_text(convert: Converter | None) -> Callable[[Any], object]:
    return str if convert is None else lambda value: str(convert(value))
