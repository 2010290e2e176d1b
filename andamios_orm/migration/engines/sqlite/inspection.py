"""Read what is in an SQLite database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from andamios_orm.migration.engines.sqlite.definitions import (
    ReferenceDefinition,
    TableDefinition,
    read_index,
    read_table,
)
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
    UniqueState,
    is_ours,
)

__all__ = ["inspect"]


def inspect(connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
    """Return the tables of the file. SQLite has no schemas, so that any but None are empty."""
    if None not in schemas:
        return SchemaState(engine="sqlite")
    found = {row.name: row.sql for row in connection.execute(_TABLES)}
    tables = {name: sql for name, sql in found.items() if not is_ours(name)}
    read = {name.lower(): _Table(connection, name, sql) for name, sql in tables.items()}
    states = [table.state(read) for table in read.values()]
    return SchemaState(engine="sqlite", tables={state.name: state for state in states})


# Those of virtual tables are of the module that made them.
_TABLES = sa.text(
    "SELECT l.name, s.sql FROM pragma_table_list AS l JOIN main.sqlite_master AS s"
    " ON s.type = 'table' AND s.name = l.name"
    " WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    " ORDER BY s.rowid"
)


class _Table:
    """One table: what SQLite tells of it, and the text it was created with."""

    def __init__(self, connection: sa.Connection, name: str, sql: str) -> None:
        self.name = name
        self._columns = connection.execute(_COLUMNS, {"name": name}).all()
        self._kind = connection.execute(_KIND, {"name": name}).one()
        self._indexes = connection.execute(_INDEXES, {"name": name}).all()
        self.names = tuple(column.name for column in self._columns)
        self._read: TableDefinition = read_table(sql, self.names)
        keyed = sorted((c for c in self._columns if c.pk), key=lambda column: column.pk)
        self.key = tuple(column.name for column in keyed)

    def state(self, others: Mapping[str, _Table]) -> TableState:
        """Return the table, given all by their names in lower case."""
        read = self._read
        primary = next((key.name for key in read.keys if key.primary), None)
        return TableState(
            name=TableName(self.name),
            columns=tuple(self._column(position) for position in range(len(self._columns))),
            primary_key=KeyState(name=primary, columns=self.key) if self.key else None,
            uniques=_sorted(
                UniqueState(name=key.name, columns=key.columns, options=key.options)
                for key in read.keys
                if not key.primary
            ),
            checks=_sorted(CheckState(name=check.name, sql=check.sql) for check in read.checks),
            foreign_keys=_sorted(
                self._reference(key, others.get(key.target.lower())) for key in read.references
            ),
            indexes=tuple(self._index(row.name, row.sql) for row in self._indexes),
            options=tuple(self._options()),
        )

    def _column(self, position: int) -> ColumnState:
        told, read = self._columns[position], self._read.columns[position]
        sql_type = _type_text(told.type)
        # Of such a key SQLite makes the number of the row, which is never NULL.
        is_rowid = self.key == (told.name,) and sql_type == "INTEGER"
        return ColumnState(
            name=told.name,
            type=sql_type,
            nullable=not (told.notnull or is_rowid),
            default=read.default,
            computed=read.computed,
            stored=read.stored,
            collation=read.collation,
        )

    def _reference(self, key: ReferenceDefinition, target: _Table | None) -> ForeignKeyState:
        """Return a foreign key; what it refers to may not exist, as SQLite does not look."""
        declared = {name.lower(): name for name in (target.names if target else ())}
        columns = key.target_columns or (target.key if target else ())
        return ForeignKeyState(
            name=key.name,
            columns=key.columns,
            target=TableName(target.name if target else key.target),
            target_columns=tuple(declared.get(name.lower(), name) for name in columns),
            on_delete=key.on_delete,
            on_update=key.on_update,
            options=key.options,
        )

    def _index(self, name: str, sql: str) -> IndexState:
        read = read_index(sql, self.names)
        return IndexState(name=name, parts=read.parts, unique=read.unique, where=read.where)

    def _options(self) -> list[tuple[str, str]]:
        told = {
            "sqlite_autoincrement": self._read.autoincrement,
            "sqlite_strict": bool(self._kind.strict),
        }
        options = [(option, "True") for option, holds in told.items() if holds]
        return [*options, ("sqlite_with_rowid", "False")] if self._kind.wr else options


_COLUMNS = sa.text(
    "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(:name, 'main') ORDER BY cid"
)
_KIND = sa.text("SELECT wr, strict FROM pragma_table_list(:name) WHERE schema = 'main'")
_INDEXES = sa.text(
    "SELECT name, sql FROM main.sqlite_master WHERE type = 'index' AND tbl_name = :name"
    " AND sql IS NOT NULL ORDER BY name"
)


State = TypeVar("State", UniqueState, CheckState, ForeignKeyState)


def _sorted(states: Iterable[State]) -> tuple[State, ...]:
    """Return constraints in an order of their own: that in the text depends on the past."""
    return tuple(sorted(states, key=lambda state: (state.name or "", repr(state))))


def _type_text(declared: str) -> str:
    """Return the name of a type with the same case and spaces however it was written."""
    text = " ".join(declared.upper().split())
    return re.sub(r"\s*([(),])\s*", r"\1", text)
