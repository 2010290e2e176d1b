"""Read from MariaDB's or MySQL's catalog what databases hold, in the catalog's own texts.

The servers make no difference between a UNIQUE constraint and a unique index. What a constraint can
say is taken for one: whole columns, in ascending order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from andamios_orm.migration.engines.mysql.words import (
    CHECKS,
    MARIADB_CHECKS,
    Column,
    chosen_collations,
    column_state,
    index_part,
    with_plain_quotes,
    words_of,
)
from andamios_orm.migration.sql_names import quoted
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    SequenceState,
    TableName,
    TableState,
    UniqueState,
    is_ours,
)

__all__ = [
    "Index",
    "LiveTable",
    "Places",
    "current_database",
    "inspect",
    "is_mariadb",
    "live_table",
    "read",
]

Places: TypeAlias = Mapping[str, str | None]
"""The databases to read, by their names on the server, and what each is called in the state."""


def current_database(connection: sa.Connection) -> str:
    """Return the database that the connection is in."""
    return str(connection.exec_driver_sql("SELECT DATABASE()").scalar())


def is_mariadb(connection: sa.Connection) -> bool:
    """Whether the server is MariaDB, whatever the URL calls it."""
    return bool(connection.dialect.is_mariadb)  # type: ignore[attr-defined]  # of this dialect


def inspect(connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
    """Return what is in these databases; None is the one that the connection is in."""
    default = current_database(connection)
    names = {schema or default for schema in schemas}
    return read(connection, {name: None if name == default else name for name in sorted(names)})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTable:
    """A table as it is now, with the indexes that no model declares too."""

    place: str
    """Its database."""
    sql: str
    """Its full name, for SQL."""
    state: TableState
    indexes: tuple[Index, ...]

    def index(self, name: str | None) -> Index | None:
        """Return the index of that name."""
        return next((index for index in self.indexes if index.name == name), None)


def live_table(connection: sa.Connection, name: TableName) -> LiveTable | None:
    """Return a table as it is now, None if it is not there."""
    default = current_database(connection)
    place = name.schema or default
    schema = None if place == default else place
    catalog = Catalog(connection, {place: schema}, only=name.name)
    for state in catalog.tables(place):
        return LiveTable(
            place=place,
            sql=f"{quoted(place, '`')}.{quoted(name.name, '`')}"
            if name.schema
            else quoted(name.name, "`"),
            state=state,
            indexes=tuple(catalog.indexes(place)[name.name]),
        )
    return None


def read(connection: sa.Connection, places: Places) -> SchemaState:
    """Return what is in the databases `places`."""
    catalog = Catalog(connection, places)
    tables = [table for place in places for table in catalog.tables(place)]
    sequences = [sequence for place in places for sequence in catalog.sequences(place)]
    return SchemaState(
        engine=connection.dialect.name,
        tables={table.name: table for table in tables},
        sequences={sequence.name: sequence for sequence in sequences},
    )


class Catalog:
    """What the server tells of databases.

    Each is asked for by itself: for a list of them it would open every table that it has.
    """

    def __init__(self, connection: sa.Connection, places: Places, only: str | None = None) -> None:
        self._connection = connection
        self._only = only
        self._places = places
        self._prefix = connection.dialect.name
        self._is_mariadb = is_mariadb(connection)
        self._words = words_of(mariadb=self._is_mariadb)
        self._collations = self._usual_collations()

    def _rows(self, sql: str, **values: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(sa.text(sql), values)]

    def _of(self, sql: str, place: str, table: str) -> list[tuple[Any, ...]]:
        """Return the rows about a database, or about one of its tables; `table` is a column."""
        if self._only is None:
            return self._rows(sql.replace("{only}", ""), place=place)
        only = f"AND {table} = :only"
        return self._rows(sql.replace("{only}", only), place=place, only=self._only)

    def _usual_collations(self) -> dict[str, str]:
        """Return the collation that a table gets by a character set alone."""
        usual = {row[0]: row[1] for row in self._rows(_CHARACTER_SETS)}
        chosen = self._rows("SHOW VARIABLES LIKE 'character_set_collations'")
        return usual | chosen_collations(",".join(row[1] for row in chosen))

    def _name(self, place: str, name: str) -> TableName:
        return TableName(name, self._places.get(place, place))

    def _text(self, sql: str) -> str:
        """Return a text of the catalog, with databases called as in the state."""
        for place, schema in self._places.items():
            own = "" if schema is None else f"{quoted(schema, '`')}."
            sql = sql.replace(f"{quoted(place, '`')}.", own)
        return with_plain_quotes(self._words.unescaped(sql))

    # -- tables

    def tables(self, place: str) -> Iterator[TableState]:
        """Yield every table of one database."""
        tables = {row[0]: row[1:] for row in self._of(_TABLES, place, "table_name")}
        checks = self._checks(place)
        columns = self._columns(place, {name: row[1] for name, row in tables.items()}, checks)
        keys = self._foreign_keys(place)
        indexes = self.indexes(place)
        for name, (engine, collation, options, comment) in tables.items():
            if is_ours(name):
                continue
            found = [index for index in indexes[name] if not is_ours(index.name)]
            yield TableState(
                name=self._name(place, name),
                columns=tuple(c for c in columns[name] if not is_ours(c.name)),
                primary_key=next((i.key() for i in found if i.name == "PRIMARY"), None),
                uniques=tuple(i.constraint() for i in found if i.is_constraint),
                checks=tuple(c for c in checks[name] if not is_ours(str(c.name))),
                foreign_keys=tuple(keys[name]),
                indexes=tuple(i.state() for i in found if i.is_index and not i.serves(keys[name])),
                comment=comment or None,
                options=tuple(self._options(engine, collation, options)),
            )

    def _options(self, engine: str, collation: str, written: str) -> Iterator[tuple[str, str]]:
        yield f"{self._prefix}_engine", engine
        charset = collation.partition("_")[0]
        yield f"{self._prefix}_charset", charset
        if self._collations.get(charset) != collation:
            yield f"{self._prefix}_collate", collation
        for name, value in _OPTION.findall(written):
            yield f"{self._prefix}_{name.lower()}", value

    def _columns(
        self,
        place: str,
        tables: Mapping[str, str],
        checks: Mapping[str, list[CheckState]],
    ) -> dict[str, list[ColumnState]]:
        """Return the columns of each table; `tables` are their collations."""
        found: dict[str, list[ColumnState]] = defaultdict(list)
        for table, *values in self._of(_COLUMNS, place, "table_name"):
            if table in tables:
                column = Column(*values)
                json = CheckState(name=column.name, sql=f"json_valid({quoted(column.name, '`')})")
                is_json = column.type == "longtext" and json in checks[table]
                if is_json:
                    # What MariaDB makes of the type JSON.
                    checks[table].remove(json)
                found[table].append(
                    column_state(
                        column, tables[table], self._words, text=self._text, is_json=is_json
                    )
                )
        return found

    def _checks(self, place: str) -> dict[str, list[CheckState]]:
        """Return the CHECKs of each table; one inside a column has the column's name."""
        found: dict[str, list[CheckState]] = defaultdict(list)
        asked = (MARIADB_CHECKS, "table_name") if self._is_mariadb else (CHECKS, "t.table_name")
        for table, name, clause in self._of(asked[0], place, asked[1]):
            found[table].append(CheckState(name=name, sql=self._text(clause)))
        return found

    def _foreign_keys(self, place: str) -> dict[str, list[ForeignKeyState]]:
        parts: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
        for *key, column, target in self._of(_FOREIGN_KEYS, place, "k.table_name"):
            parts[tuple(key)].append((column, target))
        found: dict[str, list[ForeignKeyState]] = defaultdict(list)
        for (table, name, target_place, target, on_delete, on_update), columns in parts.items():
            found[table].append(
                ForeignKeyState(
                    name=name,
                    columns=tuple(column for column, _ in columns),
                    target=self._name(target_place, target),
                    target_columns=tuple(column for _, column in columns),
                    on_delete=_ACTIONS.get(on_delete, on_delete),
                    on_update=_ACTIONS.get(on_update, on_update),
                )
            )
        return found

    def indexes(self, place: str) -> dict[str, list[Index]]:
        """Return all indexes of each table, whoever made them."""
        expression = "NULL" if self._is_mariadb else "expression"
        parts: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
        for row in self._of(_INDEXES.replace("{expression}", expression), place, "table_name"):
            parts[row[0], row[1]].append(row)
        found: dict[str, list[Index]] = defaultdict(list)
        for (table, name), of_index in parts.items():
            found[table].append(
                Index(
                    name=name,
                    unique=not of_index[0][2],
                    method=of_index[0][3],
                    parts=tuple(self._part(*row[4:]) for row in of_index),
                    columns=tuple(row[4] for row in of_index),
                )
            )
        return found

    def _part(
        self, column: str | None, length: int | None, order: str | None, expression: str | None
    ) -> str:
        written = None if expression is None else self._text(expression)
        return index_part(column, length, order, written, self._connection.dialect)

    # -- sequences

    def sequences(self, place: str) -> Iterator[SequenceState]:
        """Yield every sequence of one database (MariaDB)."""
        for (name,) in self._rows(_SEQUENCES, place=place):
            if not is_ours(name):
                full = f"{quoted(place, '`')}.{quoted(name, '`')}"
                [(_, written)] = self._rows(f"SHOW CREATE SEQUENCE {full}")
                options = written.removeprefix(f"CREATE SEQUENCE {full} ").removeprefix(
                    f"CREATE SEQUENCE {quoted(name, '`')} "
                )
                yield SequenceState(
                    name=self._name(place, name), options=options.partition(" ENGINE=")[0]
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index as the catalog knows it, whoever made it."""

    name: str
    unique: bool
    method: str
    parts: tuple[str, ...]
    columns: tuple[str | None, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are indexed by themselves."""
        return tuple(column for column in self.columns if column is not None)

    @property
    def is_constraint(self) -> bool:
        """Whether a UNIQUE says the same."""
        plain = not any(part.endswith((")", " DESC")) for part in self.parts)
        return self.unique and plain and self.name != "PRIMARY"

    @property
    def is_index(self) -> bool:
        """Whether only an index says the same."""
        return self.name != "PRIMARY" and not self.is_constraint

    def serves(self, keys: Collection[ForeignKeyState]) -> bool:
        """Whether the server made it by itself, for a foreign key."""
        return not self.unique and any(
            self.names == key.columns and self.name in (key.name, key.columns[0]) for key in keys
        )

    def key(self) -> KeyState:
        """Return it as a primary key."""
        return KeyState(name=None, columns=self.names)

    def constraint(self) -> UniqueState:
        """Return it as a UNIQUE."""
        return UniqueState(name=self.name, columns=self.names)

    def state(self) -> IndexState:
        """Return it as an index that is declared."""
        method = None if self.method in ("BTREE", "HASH") else self.method
        return IndexState(name=self.name, parts=self.parts, unique=self.unique, method=method)


_ACTIONS = {"RESTRICT": None, "NO ACTION": None}
"""What is refused at once, under both names."""
_OPTION = re.compile(r"\b(row_format|key_block_size|checksum|stats_\w+)=(\w+)", re.IGNORECASE)

_CHARACTER_SETS = (
    "SELECT character_set_name, default_collate_name FROM information_schema.character_sets"
)
_TABLES = """
SELECT table_name, engine, table_collation, create_options, table_comment
FROM information_schema.tables
WHERE table_schema = :place AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') {only}
ORDER BY table_name"""
_COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable, column_default, extra,
    generation_expression, collation_name, column_comment
FROM information_schema.columns
WHERE table_schema = :place {only}
ORDER BY table_name, ordinal_position"""
_FOREIGN_KEYS = """
SELECT k.table_name, k.constraint_name, k.referenced_table_schema, k.referenced_table_name,
    r.delete_rule, r.update_rule, k.column_name, k.referenced_column_name
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.table_name = k.table_name
    AND r.constraint_name = k.constraint_name
WHERE k.table_schema = :place AND r.constraint_schema = :place
    AND k.referenced_table_name IS NOT NULL {only}
ORDER BY k.table_name, k.constraint_name, k.ordinal_position"""
_INDEXES = """
SELECT table_name, index_name, non_unique, index_type, column_name, sub_part, collation,
    {expression}
FROM information_schema.statistics WHERE table_schema = :place {only}
ORDER BY table_name, index_name, seq_in_index"""
_SEQUENCES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = :place AND table_type = 'SEQUENCE' ORDER BY table_name"""
