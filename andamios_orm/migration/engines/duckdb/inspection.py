"""Read from DuckDB's catalog what a database holds, in the catalog's own texts.

DuckDB keeps no names of constraints, no lengths of texts and no directions of indexes; there is
nothing to compare of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import sqlalchemy as sa

from andamios_orm.backends.duckdb.ddl import sequence_name
from andamios_orm.backends.duckdb.sql_text import split_list, unquoted, within_parentheses
from andamios_orm.migration.sql_names import unwrapped
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

__all__ = ["Places", "counter_of", "current_schema", "inspect", "read"]

Places: TypeAlias = Mapping[str, str | None]
"""The schemas to read, by their names in the database, and what each is called in the state."""

_Row: TypeAlias = sa.RowMapping


def current_schema(connection: sa.Connection) -> str:
    """Return the schema where names without one are found."""
    return str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())


def inspect(connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
    """Return what is in these schemas; None is the one where names without a schema are found."""
    default = current_schema(connection)
    names = {schema or default for schema in schemas}
    return read(connection, {name: None if name == default else name for name in names})


def read(
    connection: sa.Connection,
    places: Places,
    begins: Callable[[TableName], bool] = lambda sequence: False,
) -> SchemaState:
    """Return what is in the schemas `places`.

    `begins` says of which sequences the state tells where they begin. DuckDB itself forgets it as
    soon as a sequence has given a number, so of those that are live it cannot be compared.
    """
    catalog = _Catalog(connection, places, begins)
    tables = {table.name: table for table in catalog.tables()}
    return SchemaState(
        engine="duckdb", tables=tables, sequences={one.name: one for one in catalog.sequences()}
    )


class _Catalog:
    """What each of the catalog's functions tells of some schemas."""

    def __init__(
        self, connection: sa.Connection, places: Places, begins: Callable[[TableName], bool]
    ) -> None:
        self._connection = connection
        self._places = places
        self._begins = begins
        self._sequences = {
            self._name(row, "sequence_name"): row for row in self._rows("sequences", "sequence_oid")
        }
        self._of_columns: set[TableName] = set()

    def tables(self) -> list[TableState]:
        """Return every table."""
        columns = self._of_tables("columns", "column_index")
        constraints = self._of_tables("constraints", "constraint_index")
        indexes = self._of_tables("indexes", "index_name")
        return [
            self._table(row, columns[oid], constraints[oid], indexes[oid])
            for row in self._rows("tables", "table_name")
            for oid in [row["table_oid"]]
            if not is_ours(row["table_name"])
        ]

    def sequences(self) -> list[SequenceState]:
        """Return every sequence that makes no key of the tables that were read."""
        return [
            SequenceState(name=name, options=" ".join(self._options(name)))
            for name in self._sequences
            if name not in self._of_columns and not is_ours(name.name)
        ]

    def _rows(self, function: str, order: str) -> list[_Row]:
        found = self._connection.exec_driver_sql(
            f"SELECT * FROM duckdb_{function}() WHERE database_name = current_database()"
            f" ORDER BY schema_name, {order}"
        ).mappings()
        return [row for row in found if row["schema_name"] in self._places]

    def _of_tables(self, function: str, order: str) -> dict[int, list[_Row]]:
        found: dict[int, list[_Row]] = defaultdict(list)
        for row in self._rows(function, order):
            found[row["table_oid"]].append(row)
        return found

    def _name(self, row: _Row, column: str) -> TableName:
        return TableName(row[column], self._places[row["schema_name"]])

    def _table(
        self,
        row: _Row,
        columns: Sequence[_Row],
        constraints: Sequence[_Row],
        indexes: Sequence[_Row],
    ) -> TableState:
        name = self._name(row, "table_name")
        kinds: dict[str, list[_Row]] = defaultdict(list)
        for constraint in constraints:
            kinds[constraint["constraint_type"]].append(constraint)
        keys = [KeyState(name=None, columns=_columns(one)) for one in kinds["PRIMARY KEY"]]
        uniques = [UniqueState(name=None, columns=_columns(one)) for one in kinds["UNIQUE"]]
        checks = [CheckState(name=None, sql=one["expression"]) for one in kinds["CHECK"]]
        foreign = [self._foreign_key(one) for one in kinds["FOREIGN KEY"]]
        written = split_list(within_parentheses(row["sql"]))
        return TableState(
            name=name,
            columns=tuple(
                self._column(name, column, text)
                for column, text in zip(columns, written, strict=False)
            ),
            primary_key=keys[0] if keys else None,
            # Their order is that in which they were declared, and of no meaning.
            uniques=tuple(sorted(uniques, key=lambda one: one.columns)),
            checks=tuple(sorted(checks, key=lambda one: one.sql)),
            foreign_keys=tuple(sorted(foreign, key=lambda one: (one.columns, one.target))),
            indexes=tuple(_index(one) for one in indexes if not is_ours(one["index_name"])),
            comment=row["comment"],
        )

    def _foreign_key(self, row: _Row) -> ForeignKeyState:
        return ForeignKeyState(
            name=None,
            columns=_columns(row),
            # No foreign key leads into another schema.
            target=self._name(row, "referenced_table"),
            target_columns=tuple(row["referenced_column_names"]),
        )

    def _column(self, table: TableName, row: _Row, written: str) -> ColumnState:
        default, identity = row["column_default"], None
        if row["is_generated"] or default == "NULL":
            default = None
        elif default is not None:
            counter = counter_of(table, row["column_name"], default)
            if counter in self._sequences:
                default, identity = None, " ".join(["sequence", *self._options(counter)])
                self._of_columns.add(counter)
        return ColumnState(
            name=row["column_name"],
            type=row["data_type"],
            nullable=row["is_nullable"],
            default=default,
            identity=identity,
            computed=_computed(row) if row["is_generated"] else None,
            stored=not row["is_generated"],
            collation=_collation(written, row["data_type"]),
            comment=row["comment"],
        )

    def _options(self, name: TableName) -> list[str]:
        """Return the settings of a sequence that are not the usual ones."""
        row = self._sequences[name]
        increment, least, greatest = row["increment_by"], row["min_value"], row["max_value"]
        usual = (1, _HIGHEST) if increment > 0 else (-_HIGHEST - 1, -1)
        words = []
        if self._begins(name) and row["start_value"] != (least if increment > 0 else greatest):
            words.append(f"START WITH {row['start_value']}")
        if increment != 1:
            words.append(f"INCREMENT BY {increment}")
        if least != usual[0]:
            words.append(f"MINVALUE {least}")
        if greatest != usual[1]:
            words.append(f"MAXVALUE {greatest}")
        if row["cycle"]:
            words.append("CYCLE")
        return words


_HIGHEST = 2**63 - 1


def _columns(row: _Row) -> tuple[str, ...]:
    return tuple(row["constraint_column_names"])


_NAME = re.compile(r'"(?:[^"]|"")*"|[^.]+')


def counter_of(table: TableName, column: str, default: str) -> TableName | None:
    """Return the sequence behind a generated key, None for any other default."""
    if not default.startswith("nextval("):
        return None
    path = _NAME.findall(unquoted(within_parentheses(default)))
    own = sequence_name(table.name, column)
    return TableName(own, table.schema) if unquoted(path[-1]) == own else None


def _computed(row: _Row) -> str:
    """Return a generated column's expression without the cast to its type that DuckDB adds."""
    expression: str = row["generation_expression"]
    return expression.removeprefix("CAST(").removesuffix(f" AS {row['data_type']})")


def _collation(written: str, data_type: str) -> str | None:
    """Return the collation, which only the table's own statement tells."""
    found = _COLLATE.search(written) if data_type == "VARCHAR" else None
    return found[1] if found else None


_COLLATE = re.compile(r'\A(?:"(?:[^"]|"")*"|\S+) VARCHAR COLLATE (\S+)')


def _index(row: _Row) -> IndexState:
    parts = split_list(within_parentheses(row["sql"]))
    return IndexState(
        name=row["index_name"],
        parts=tuple(unwrapped(part) for part in parts),
        unique=row["is_unique"],
    )
