"""Read the answer to a query as an Arrow table, by the engine itself where it can.

Imported at the first use only, because pyarrow is an extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from andamios_orm.database.source import Source
from andamios_orm.queries.to_sql import arrow_columns, columns_of
from andamios_orm.rows.arrow import ArrowColumns
from andamios_orm.rows.plan import Plan, Row, compile_plan
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec

__all__ = ["ArrowReader", "beside"]

P = ParamSpec("P")
R = TypeVar("R")

Build = Callable[[Sequence[ColumnElement[Any]], str], sa.Select[Any]]
"""What to select, and the dialect's name → the statement."""

_FEW = 1000
"""Rows that are converted faster than a thread is asked to."""


async def beside(rows: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that works on that many rows: in a thread, if the event loop would wait."""
    if rows <= _FEW:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


class ArrowReader:
    """Reads some fields of a model as Arrow tables.

    Raises NotSupported for a field that Arrow has no type for.
    """

    def __init__(self, source: Source, model: type[BaseModel], fields: Sequence[FieldSpec]) -> None:
        self._source = source
        self._model = model
        self._fields = fields
        self._native = source.capabilities.arrow
        self._columns = ArrowColumns(spec_of(model), fields, table_of(model), source.plans.dialect)
        self.schema: pa.Schema = self._columns.schema

    async def read(self, key: Hashable, build: Build, values: Sequence[object]) -> pa.Table:
        """Run the statement of the shape `key` and return its rows.

        Raises DatabaseError, InvalidRow, and ValueOutOfRange for what Arrow cannot hold.
        """
        names = tuple(field.name for field in self._fields)
        shape = None if key is None else ("arrow", self._native, self._model, names, key)
        plan = self._source.plans.get(shape, lambda dialect: self._plan(build, dialect))
        found = await self._source.fetch(plan, values)
        return await beside(len(found), self._columns.to_table, found)

    def _plan(self, build: Build, dialect: Dialect) -> Plan[Sequence[Row]]:
        what = (
            arrow_columns(self._model, self._fields, dialect.name)
            if self._native
            else columns_of(self._model, self._fields)
        )
        return compile_plan(
            build(what, dialect.name),
            dialect,
            _as_it_is,
            table=table_of(self._model),
            arrow=self._native,
        )


def _as_it_is(rows: Sequence[Row]) -> Sequence[Row]:
    return rows
