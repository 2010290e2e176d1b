"""Insert many rows without reading them back: in few statements, and parents before children."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect

from andamios_orm.backends.base import Capabilities
from andamios_orm.database.session import Session
from andamios_orm.queries import to_sql
from andamios_orm.rows.decode import nothing
from andamios_orm.rows.plan import Plan, compile_plan, compile_rows
from andamios_orm.schema.compiler import spec_of, table_of

__all__ = ["BulkInsert", "ParentsFirst", "most_rows", "portions", "refers_to_itself"]

R = TypeVar("R")
Values: TypeAlias = list[object]
"""The values of one row, in the order of the model's fields."""

_BULK_VALUES = 16_384
"""Values of one INSERT at most: wide rows have long texts."""


def most_rows(width: int, capabilities: Capabilities) -> int:
    """Return how many rows of `width` values one INSERT takes at most; at least one."""
    values = min(_BULK_VALUES, capabilities.max_parameters)
    return max(1, min(capabilities.max_rows, values // width))


def portions(rows: int, most: int, *, bits: int | None = 1) -> Iterator[tuple[int, int]]:
    """Yield start and size of portions of `most` rows at most.

    Sizes have so many significant `bits`, so that few texts are compiled; None for any size.

    >>> list(portions(1037, 512))
    [(0, 512), (512, 512), (1024, 8), (1032, 4), (1036, 1)]
    >>> list(portions(1037, 512, bits=3))
    [(0, 512), (512, 512), (1024, 12), (1036, 1)]
    >>> list(portions(1037, 512, bits=None))
    [(0, 512), (512, 512), (1024, 13)]
    """
    start = 0
    while start < rows:
        size = min(most, rows - start)
        if bits is not None:
            few = max(0, size.bit_length() - bits)
            size = size >> few << few
        yield start, size
        start += size


class BulkInsert:
    """Inserts whole rows of one model in a session, as the engine takes many best."""

    def __init__(self, session: Session, model: type[BaseModel]) -> None:
        self._session = session
        self._model = model
        self._fields = spec_of(model).fields
        self._capabilities = session.capabilities
        self._table = table_of(model)
        self._refers = refers_to_itself(self._table)

    async def insert(self, rows: Sequence[Values]) -> None:
        """Store rows in this order. Raises DatabaseError."""
        if not rows:
            return
        arrays = (
            self._capabilities.column_arrays
            # All rows in one statement would let some engines take a circle of rows.
            and not self._refers
            and to_sql.takes_arrays(self._fields, self._session.plans.dialect.name)
        )
        most = len(rows)
        if not arrays:
            alone = self._refers and not self._capabilities.mutual_inserts
            most = 1 if alone else most_rows(len(self._fields), self._capabilities)
        columns = [list(column) for column in zip(*rows, strict=True)]
        for start, size in portions(len(rows), most, bits=None if arrays else 1):
            plan = self._arrays() if arrays else self._rows(size)
            await self._session.affect(plan, [c[start : start + size] for c in columns])

    def _arrays(self) -> Plan[None]:
        def build(dialect: Dialect) -> Plan[None]:
            statement = to_sql.insert_arrays(
                self._model, self._fields, dialect.name, returning=False
            )
            return compile_plan(statement, dialect, nothing, table=self._table)

        return self._session.plans.get(("import arrays", self._model), build)

    def _rows(self, number: int) -> Plan[None]:
        def build(dialect: Dialect) -> Plan[None]:
            def insert(rows: int) -> sa.Insert:
                return to_sql.bulk_insert(
                    self._model, self._fields, rows, dialect.name, returning=False
                )

            return compile_rows(insert, number, dialect, nothing, table=self._table)

        return self._session.plans.get(("import", self._model, number), build)


def refers_to_itself(table: sa.Table) -> bool:
    """Whether rows of the table can refer to others of the same table."""
    return any(key.column.table is table for key in table.foreign_keys)


class ParentsFirst:
    """Holds rows of a table back that refer to rows of the same table which come later.

    Where the table does not refer to itself nothing is kept. Else the keys that others can refer
    to are, and the rows that wait.
    """

    def __init__(self, model: type[BaseModel], dialect: Dialect) -> None:
        table = table_of(model)
        columns = {f.column: n for n, f in enumerate(spec_of(model).fields)}
        self._binds = {
            columns[c.name]: c.type.dialect_impl(dialect).bind_processor(dialect)
            for c in table.columns
            if c.name in columns
        }
        self._keys = [
            (
                tuple(columns[element.parent.name] for element in key.elements),
                tuple(columns[element.column.name] for element in key.elements),
            )
            for key in table.foreign_key_constraints
            if key.referred_table is table
        ]
        self._seen: list[set[Hashable]] = [set() for _ in self._keys]
        self._waiting: list[Values] = []

    def ready(self, rows: list[Values]) -> list[Values]:
        """Return those of the rows that can be stored now."""
        if not self._keys:
            return rows
        found: list[Values] = []
        for row in rows:
            owned = self._owned(row)
            wanted = self._wanted(row)
            if all(
                want is None or want == own or want in seen
                for want, own, seen in zip(wanted, owned, self._seen, strict=True)
            ):
                found.append(row)
                for own, seen in zip(owned, self._seen, strict=True):
                    seen.add(own)
            else:
                self._waiting.append(row)
        return found

    def rest(self) -> list[Values]:
        """Return the rows that waited, each after those of them that it refers to.

        What they refer to may also be in the database already, or nowhere. Rows that refer to
        each other in a circle come last.
        """
        waiting, self._waiting = self._waiting, []
        parents: list[dict[Hashable, int]] = [{} for _ in self._keys]
        for number, row in enumerate(waiting):
            for own, by_key in zip(self._owned(row), parents, strict=True):
                by_key[own] = number
        children: dict[int, list[int]] = {}
        missing = [0] * len(waiting)
        for number, row in enumerate(waiting):
            for want, by_key in zip(self._wanted(row), parents, strict=True):
                parent = by_key.get(want, number)
                if want is not None and parent != number:
                    children.setdefault(parent, []).append(number)
                    missing[number] += 1
        order = [number for number, count in enumerate(missing) if not count]
        for number in order:  # grows meanwhile
            for child in children.get(number, ()):
                missing[child] -= 1
                if not missing[child]:
                    order.append(child)
        order += [number for number, count in enumerate(missing) if count]
        return [waiting[number] for number in order]

    def _owned(self, row: Values) -> list[Hashable]:
        """Return, for each foreign key, what others would refer to this row by."""
        return [self._bound(row, places) for _, places in self._keys]

    def _wanted(self, row: Values) -> list[Hashable]:
        """Return, for each foreign key, what this row refers to; None for nothing."""
        return [
            None if any(row[place] is None for place in places) else self._bound(row, places)
            for places, _ in self._keys
        ]

    def _bound(self, row: Values, places: tuple[int, ...]) -> Hashable:
        # As the driver gets them: a type of the user's need not be hashable.
        return tuple(_apply(self._binds[place], row[place]) for place in places)


def _apply(bind: Any, value: object) -> object:
    return value if bind is None else bind(value)
