"""Data that a migration removes, kept in tables beside until a person wants it no more.

A table is kept whole; a column with the primary keys of its rows, under names that no table has,
so that an expression over both can tell them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from andamios_orm.migration.destruction import Loss
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.journal import Direction, dropped
from andamios_orm.migration.state import TableName

__all__ = ["Aside", "Asides", "Kept"]

_ENUM_USES = """
    SELECT c.relname AS place, a.attname AS column_name
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.atttypid = to_regtype(:enum) AND c.relname LIKE 'andamios\\_dropped\\_%'
    AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept beside: `hero.email`, put aside by a revision, in a table of its own."""

    place: str
    table: TableName
    column: str | None
    revision: str
    direction: Direction

    @property
    def name(self) -> str:
        """The table or column, as permissions name it."""
        return f"{self.table}.{self.column}" if self.column else str(self.table)

    @property
    def loss(self) -> Loss:
        """What was put aside."""
        return Loss(name=self.name, table=self.table, column=self.column)


class Asides:
    """What is kept beside in one database."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> tuple[Kept, ...]:
        """Return all that is kept, the oldest first."""
        if not sa.inspect(self._connection).has_table(dropped.name):
            return ()
        rows = self._connection.execute(sa.select(dropped).order_by(dropped.c.put_at))
        return tuple(
            Kept(
                place=row.place,
                table=TableName(row.table_name, row.table_schema or None),
                column=row.column_name or None,
                revision=row.revision,
                direction=row.direction,
            )
            for row in rows
        )

    def of(self, revision: str, direction: Direction) -> tuple[Kept, ...]:
        """Return what one way of a revision has put aside."""
        return tuple(k for k in self.all() if (k.revision, k.direction) == (revision, direction))

    def remove(self, kept: Kept) -> None:
        """Remove for good what is kept."""
        quote = self._connection.dialect.identifier_preparer.quote
        self._connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote(kept.place)}")
        self._connection.execute(dropped.delete().where(dropped.c.place == kept.place))


class Aside:
    """The steps that put something aside, or bring it back, in one way of one revision.

    What is brought back stays beside until the revision has arrived.
    """

    def __init__(
        self,
        connection: sa.Connection,
        revision: str,
        direction: Direction,
        *,
        transactional: bool,
        now: str,
    ) -> None:
        self._connection = connection
        self._revision, self._direction = revision, direction
        self._transactional = transactional
        self._now = now
        self._preparer = connection.dialect.identifier_preparer

    def put(self, loss: Loss) -> Step:
        """Return the step that copies what is about to be removed."""
        table = loss.table or TableName("?")
        kept = Kept(
            place=self._place(loss.name),
            table=table,
            column=loss.column,
            revision=self._revision,
            direction=self._direction,
        )
        place = self._preparer.quote(kept.place)
        selected = "*" if loss.column is None else self._keyed(table, loss.column)
        statements = (
            f"DROP TABLE IF EXISTS {place}",
            f"CREATE TABLE {place} AS SELECT {selected} FROM {self._full(table)}",
        )

        def note(connection: sa.Connection) -> None:
            connection.execute(dropped.delete().where(dropped.c.place == kept.place))
            connection.execute(
                dropped.insert().values(
                    place=kept.place,
                    table_name=table.name,
                    table_schema=table.schema or "",
                    column_name=kept.column or "",
                    revision=kept.revision,
                    direction=kept.direction,
                    put_at=self._now,
                )
            )

        return Step(
            statements=statements,
            run=note,
            transaction=self._transactional,
            done=lambda connection: any(k.place == kept.place for k in Asides(connection).all()),
            told=f"put {loss.name} aside",
            lock=False,
        )

    def bring_rows(self, kept: Kept, columns: Sequence[sa.Column[Any]]) -> Step:
        """Return the step that fills a table, created again, with its rows."""
        quote = self._preparer.quote
        names = ", ".join(quote(column.name) for column in columns)
        values = ", ".join(self._cast(quote(column.name), column) for column in columns)
        place = quote(kept.place)
        fill = f"INSERT INTO {self._full(kept.table)} ({names}) SELECT {values} FROM {place}"
        return self._back(kept, fill, (f"DELETE FROM {self._full(kept.table)}",))

    def bring_values(self, kept: Kept, column: sa.Column[Any]) -> Step:
        """Return the step that fills a column, added again, with its values."""
        name = self._preparer.quote(column.name)
        value = self._cast(self.value(kept), column)
        return self._back(kept, f"UPDATE {self._full(kept.table)} SET {name} = {value}")

    def value(self, kept: Kept) -> str:
        """Return what a row's value was, as SQL over the row's columns."""
        keys = self._keys(kept.table)
        match = " AND ".join(
            f"kept.kept_key_{place} = {self._preparer.quote(key)}" for place, key in enumerate(keys)
        )
        place = self._preparer.quote(kept.place)
        return f"(SELECT kept.kept_value FROM {place} kept WHERE {match})"

    def loosen(self, enum: TableName) -> Step:
        """Return the step that keeps what is beside as text, so that its type can be dropped."""

        def alter(connection: sa.Connection) -> None:
            used = sa.text(_ENUM_USES)
            quote = self._preparer.quote
            for row in connection.execute(used, {"enum": self._full(enum)}).all():
                connection.exec_driver_sql(
                    f"ALTER TABLE {quote(row.place)} ALTER COLUMN {quote(row.column_name)}"
                    " TYPE text"
                )

        return Step(run=alter, told=f"keep values of {enum} as text", lock=False)

    def _cast(self, value: str, column: sa.Column[Any]) -> str:
        """Return a value as the column takes it: one of an enum may be kept as text."""
        if self._connection.dialect.name != "postgresql":
            return value
        return f"CAST({value} AS {column.type.compile(self._connection.dialect)})"

    def _back(self, kept: Kept, statement: str, undo: tuple[str, ...] = ()) -> Step:
        return Step(
            statements=(statement,),
            transaction=self._transactional,
            undo=undo,
            told=f"bring {kept.name} back",
            lock=False,
        )

    def _keyed(self, table: TableName, column: str) -> str:
        quote = self._preparer.quote
        keys = [f"{quote(key)} AS kept_key_{place}" for place, key in enumerate(self._keys(table))]
        return ", ".join([*keys, f"{quote(column)} AS kept_value"])

    def _keys(self, table: TableName) -> list[str]:
        key = sa.inspect(self._connection).get_pk_constraint(table.name, schema=table.schema)
        return list(key["constrained_columns"])

    def _full(self, table: TableName) -> str:
        name = self._preparer.quote(table.name)
        return name if table.schema is None else f"{self._preparer.quote(table.schema)}.{name}"

    def _place(self, name: str) -> str:
        digest = hashlib.sha256(f"{self._revision} {self._direction} {name}".encode())
        return f"andamios_dropped_{digest.hexdigest()[:16]}"
