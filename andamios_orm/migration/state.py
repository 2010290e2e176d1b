"""What is in a database, as plain values that can be compared: tables down to each constraint.

All texts are the database's own: the type, the default, the condition as its catalog shows them.
Two states are read from two databases of the same engine, one that is live and one that was just
created from the models, so that equal things have equal texts and no rule of ours decides what
`age>=0` and `((age >= 0))` have in common.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

__all__ = [
    "OURS",
    "CheckState",
    "ColumnState",
    "ConstraintState",
    "EnumState",
    "ForeignKeyState",
    "IndexState",
    "KeyState",
    "SchemaState",
    "SequenceState",
    "TableName",
    "TableState",
    "UniqueState",
    "is_ours",
]

OURS = "(andamios_(migration|database|dropped_|new_)|alembic_version$)"
"""How names begin that are the library's own or alembic's, as an expression that engines know."""


def is_ours(name: str) -> bool:
    """Whether what is called so is none of the models' affair."""
    return re.match(OURS, name) is not None


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table, and the schema it is in where that is not the default one."""

    name: str
    schema: str | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """One column. `default`, `computed` and `collation` are None where it has none of its own."""

    name: str
    type: str
    """As the catalog writes it: `character varying(50)`, `BIGINT`, `decimal(10,2)`."""
    nullable: bool = True
    default: str | None = None
    """The expression, without what only makes the values of a counted key."""
    identity: str | None = None
    """How the engine counts values: `always`, `by default`, `auto_increment`, `sequence`, and
    whatever options differ from the engine's own."""
    computed: str | None = None
    """The expression of a generated column."""
    stored: bool = True
    """Whether a generated column is kept in the table, not made when it is read."""
    collation: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """The primary key. `name` is None where the engine keeps no names of constraints."""

    name: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueState:
    """A UNIQUE constraint."""

    name: str | None
    columns: tuple[str, ...]
    options: str | None = None
    """`NULLS NOT DISTINCT`, `DEFERRABLE INITIALLY DEFERRED`, as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckState:
    """A CHECK constraint, or on PostgreSQL an EXCLUDE: `sql` is what stands after the word."""

    name: str | None
    sql: str
    kind: str = "CHECK"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeyState:
    """A foreign key; an action is None where it is the engine's own, NO ACTION."""

    name: str | None
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]
    on_delete: str | None = None
    on_update: str | None = None
    options: str | None = None
    """`DEFERRABLE INITIALLY DEFERRED`, as it is written."""


ConstraintState: TypeAlias = KeyState | UniqueState | CheckState | ForeignKeyState


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """An index that no constraint made."""

    name: str
    parts: tuple[str, ...]
    """What is indexed, in order, as it is written: `name`, `lower(name)`, `age DESC`."""
    unique: bool = False
    where: str | None = None
    method: str | None = None
    """None for the engine's usual one."""
    include: tuple[str, ...] = ()
    options: str | None = None
    """What else is written at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """One table."""

    name: TableName
    columns: tuple[ColumnState, ...]
    primary_key: KeyState | None = None
    uniques: tuple[UniqueState, ...] = ()
    checks: tuple[CheckState, ...] = ()
    foreign_keys: tuple[ForeignKeyState, ...] = ()
    indexes: tuple[IndexState, ...] = ()
    comment: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    """What is written after the columns, as SQLAlchemy's arguments of Table: `sqlite_strict`."""

    def column(self, name: str) -> ColumnState:
        """Return the column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names, in the table's order."""
        return tuple(column.name for column in self.columns)

    def constraints(self) -> Iterator[ConstraintState]:
        """Yield the primary key, then all other constraints."""
        if self.primary_key is not None:
            yield self.primary_key
        yield from self.uniques
        yield from self.checks
        yield from self.foreign_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumState:
    """A named enum type with its labels in order (PostgreSQL)."""

    name: TableName
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceState:
    """A sequence that belongs to no column; `options` as they are written in CREATE SEQUENCE."""

    name: TableName
    options: str = ""


@dataclass(frozen=True, kw_only=True)
class SchemaState:
    """All that a database holds which models can declare.

    The library's own tables, alembic's, and those put aside by a migration are not part of it.
    """

    engine: str
    tables: Mapping[TableName, TableState] = field(default_factory=dict)
    enums: Mapping[TableName, EnumState] = field(default_factory=dict)
    sequences: Mapping[TableName, SequenceState] = field(default_factory=dict)

    def with_table(self, table: TableState) -> SchemaState:
        """Return the state with one table added or replaced."""
        return replace(self, tables={**self.tables, table.name: table})

    def references(self, target: TableName) -> Iterator[tuple[TableState, ForeignKeyState]]:
        """Yield the foreign keys of other tables that refer to one."""
        for table in self.tables.values():
            for key in table.foreign_keys:
                if key.target == target and table.name != target:
                    yield table, key
