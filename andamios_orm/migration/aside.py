"""Data that a migration removes, kept in tables beside until a person wants it no more.

A table is kept whole; a column with the primary keys of its rows, under names that no table has,
so that an expression over both can tell them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from andamios_orm.migration.destruction import Loss
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.choice import live_table
from andamios_orm.migration.journal import Direction, dropped
from andamios_orm.migration.state import TableName, TableState

__all__ = ["Aside", "Asides", "Kept"]

_ENUM_USES = """
    SELECT c.relname AS place, a.attname AS column_name
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.atttypid = to_regtype(:enum) AND c.relname LIKE 'andamios\\_dropped\\_%'
    AND a.attnum > 0 AND NOT a.attisdropped
"""


# What rows refer to may come back after them.
_UNCHECKED = {
    "sqlite": (("PRAGMA foreign_keys = OFF",), ("PRAGMA foreign_keys = ON",)),
    **dict.fromkeys(
        ("mariadb", "mysql"), (("SET foreign_key_checks = 0",), ("SET foreign_key_checks = 1",))
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept beside: `hero.email`, put aside by a revision, in a table of its own."""

    place: str
    table: TableName
    column: str | None
    revision: str
    direction: Direction | Literal["past"]
    """Which way removed it; "past" once the other way has passed without bringing it back."""
    operation: int
    """Which operation of the revision removed it."""

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
        rows = self._connection.execute(
            sa.select(dropped).order_by(dropped.c.put_at, dropped.c.operation)
        )
        return tuple(
            Kept(
                place=row.place,
                table=TableName(row.table_name, row.table_schema or None),
                column=row.column_name or None,
                revision=row.revision,
                direction=row.direction,
                operation=row.operation,
            )
            for row in rows
        )

    def of(self, revision: str, direction: Direction) -> tuple[Kept, ...]:
        """Return what one way of a revision has put aside."""
        return tuple(k for k in self.all() if (k.revision, k.direction) == (revision, direction))

    def keep_for_good(self, kept: Kept) -> None:
        """Keep what no way back has a place for until a person removes it."""
        here = dropped.c.place == kept.place
        self._connection.execute(dropped.update().where(here).values(direction="past"))

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

    def put(self, loss: Loss, operation: int) -> Step:
        """Return the step that copies what an operation of the revision is about to remove."""
        table = loss.table or TableName("?")
        kept = Kept(
            place=self._place(loss.name),
            table=table,
            column=loss.column,
            revision=self._revision,
            direction=self._direction,
            operation=operation,
        )
        place = self._preparer.quote(kept.place)
        selected = "*" if loss.column is None else self._keyed(table, loss.column)
        statements = (
            f"DROP TABLE IF EXISTS {place}",
            f"CREATE TABLE {place} AS SELECT {selected} FROM {self._full(table)}",
            *self._indexed(kept),
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
                    operation=kept.operation,
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

    def _indexed(self, kept: Kept) -> Iterator[str]:
        """Yield what lets values find their rows one by one, which would look at all otherwise."""
        dialect = self._connection.dialect.name
        # DuckDB joins them, and MySQL has no index of a whole text.
        if kept.column is None or dialect == "duckdb":
            return
        live = live_table(self._connection, kept.table)
        keys = _keys(live)
        if live is not None and dialect in ("mariadb", "mysql"):
            types = [live.column(key).type for key in keys]
            if any(type_.partition("(")[0].endswith(("text", "blob")) for type_ in types):
                return
        if keys:
            columns = ", ".join(f"kept_key_{place}" for place in range(len(keys)))
            quote = self._preparer.quote
            yield f"CREATE INDEX {quote(f'{kept.place}_key')} ON {quote(kept.place)} ({columns})"

    def bring_rows(self, kept: Kept, types: Mapping[str, str]) -> Step:
        """Return the step that gives a table, created again, the rows that it has not.

        `types` are those of its columns, by name.
        """
        quote = self._preparer.quote
        names = ", ".join(map(quote, types))
        values = ", ".join(self.typed(f"kept.{quote(name)}", types[name]) for name in types)
        table = self._full(kept.table)

        def bring(connection: sa.Connection) -> None:
            given = "OVERRIDING SYSTEM VALUE " if connection.dialect.name == "postgresql" else ""
            keys = [f"present.{quote(key)} = kept.{quote(key)}" for key in self.keys(kept.table)]
            present = f"SELECT 1 FROM {table} present WHERE {' AND '.join(keys)}"
            new = f" WHERE NOT EXISTS ({present})" if keys else ""
            rows = f"SELECT {values} FROM {quote(kept.place)} kept{new}"
            insert = f"INSERT INTO {table} ({names}) {given}{rows}"
            ready = self._ready(kept.table) if keys else []
            if ready and connection.dialect.name == "duckdb":
                # Each row's references are looked at when it comes, before those beside it.
                count, before = sa.text(f"SELECT count(*) FROM {table}"), -1
                while before != (before := int(connection.scalar(count) or 0)):
                    connection.exec_driver_sql(f"{insert} AND {' AND '.join(ready)}")
            connection.exec_driver_sql(insert)

        off, on = _UNCHECKED.get(self._connection.dialect.name, ((), ()))
        return Step(
            run=bring,
            # What they refer to may come back after them.
            before=off,
            after=on,
            told=f"bring {kept.name} back",
            lock=False,
        )

    def _ready(self, table: TableName) -> list[str]:
        """Return what is true of rows that refer to no row of their own table that is missing."""
        quote, found = self._preparer.quote, []
        live = live_table(self._connection, table)
        for key in live.foreign_keys if live is not None else ():
            if key.target == table:
                own = [f"kept.{quote(name)}" for name in key.columns]
                others = [f"other.{quote(name)}" for name in key.target_columns]
                empty = " OR ".join(f"{name} IS NULL" for name in own)
                same = " AND ".join(map(" = ".join, zip(others, own, strict=True)))
                there = f"SELECT 1 FROM {self._full(table)} other WHERE {same}"
                found.append(f"({empty} OR EXISTS ({there}))")
        return found

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

    def typed(self, value: str, type_: str) -> str:
        """Return a value as a column of that type takes it: one of an enum may be kept as text."""
        if self._connection.dialect.name != "postgresql":
            return value
        return f"CAST({value} AS {type_})"

    def value(self, kept: Kept) -> str:
        """Return what a row's value was, as SQL over the row's columns."""
        return f"(SELECT kept.kept_value {self._of_row(kept)})"

    def has_value(self, kept: Kept) -> str:
        """Return whether a row had a value, as SQL over the row's columns."""
        return f"EXISTS (SELECT 1 {self._of_row(kept)})"

    def _of_row(self, kept: Kept) -> str:
        quote = self._preparer.quote
        match = " AND ".join(
            f"kept.kept_key_{place} = {quote(key)}"
            for place, key in enumerate(self.keys(kept.table))
        )
        return f"FROM {quote(kept.place)} kept WHERE {match}"

    def _keyed(self, table: TableName, column: str) -> str:
        quote = self._preparer.quote
        keys = [f"{quote(key)} AS kept_key_{place}" for place, key in enumerate(self.keys(table))]
        return ", ".join([*keys, f"{quote(column)} AS kept_value"])

    def keys(self, table: TableName) -> list[str]:
        """Return a table's primary key, by which values find their rows; nothing without one."""
        return _keys(live_table(self._connection, table))

    def _full(self, table: TableName) -> str:
        name = self._preparer.quote(table.name)
        return name if table.schema is None else f"{self._preparer.quote(table.schema)}.{name}"

    def _place(self, name: str) -> str:
        told = f"{self._revision} {self._direction} {name}"
        past = [
            kept
            for kept in Asides(self._connection).all()
            if (kept.revision, kept.direction, kept.name) == (self._revision, "past", name)
        ]
        # What was put aside another time is not written over.
        digest = hashlib.sha256(f"{told} {len(past)}".encode() if past else told.encode())
        return f"andamios_dropped_{digest.hexdigest()[:16]}"


def _keys(table: TableState | None) -> list[str]:
    return [] if table is None or table.primary_key is None else [*table.primary_key.columns]
