"""Create a table anew with its rows, and with it every table that refers to it.

DuckDB alters little of a table, nothing of one that foreign keys refer to, and drops neither. So
the rows of the whole family of tables are put into temporary ones, the tables dropped, and created
and filled again: the one as it shall be, the others as they were. All of it is one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, SetColumnComment, SetTableComment

from andamios_orm.backends.duckdb.ddl import generated_column
from andamios_orm.backends.duckdb.messages import failure_of
from andamios_orm.backends.duckdb.sql_text import split_list, within_parentheses
from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.duckdb.counters import (
    continue_counter,
    counters_of,
    drop_counters,
)
from andamios_orm.migration.engines.duckdb.inspection import inspect
from andamios_orm.migration.engines.duckdb.names import full, quoted, sql, text, type_sql
from andamios_orm.migration.engines.duckdb.types import column_type
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.sql_names import is_name, unquoted
from andamios_orm.migration.state import ForeignKeyState, SchemaState, TableName, TableState

__all__ = ["binary", "collated_columns", "family_of", "index_parts", "rebuild", "sources_of"]


def family_of(state: SchemaState, table: TableName) -> list[TableState]:
    """Return a table and all that refer to it, directly or not, each after those it refers to."""
    found = {table}
    waiting = [table]
    while waiting:
        for referring, _ in state.references(waiting.pop()):
            if referring.name not in found:
                found.add(referring.name)
                waiting.append(referring.name)
    ordered: list[TableState] = []
    left = [state.tables[name] for name in sorted(found)]
    while left:
        # DuckDB has no circles.
        free = [one for one in left if not _targets(one) & {other.name for other in left}]
        ordered += free
        left = [one for one in left if one not in free]
    return ordered


def _targets(table: TableState) -> set[TableName]:
    return {key.target for key in table.foreign_keys} - {table.name}


def _renamed_columns(table: TableState, new: sa.Table, copy: Mapping[str, str]) -> dict[str, str]:
    """Return the new names of columns that are only renamed, by the old ones."""
    found = {}
    for name, source in copy.items():
        old = unquoted(source)
        if is_name(source) and old in table.column_names and old not in new.columns:
            found[old] = name
    return found


def sources_of(table: TableState, new: sa.Table, copy: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL, over the old columns, that gives those of a table made anew their values.

    Columns that are not in it are left to their default, or are made by the table.
    """
    found = {}
    for column in new.columns:
        source = copy.get(column.name)
        if source is None and column.name in table.column_names:
            source = quoted(column.name)
        if source is not None and column.computed is None:
            found[column.name] = source
    return found


def rebuild(
    connection: sa.Connection, name: TableName, new: sa.Table, copy: Mapping[str, str]
) -> None:
    """Replace a table by `new`, which has its rows, in the transaction that is open.

    A column takes the old one's values, or what `copy` says over the old columns, or its default.
    Raises MigrationError for rows that do not fit, and for a foreign key that would lose its
    target.
    """
    _Rebuilding(connection, name, new, copy).run()


@dataclass(kw_only=True)
class _Standing:
    """A table that is there, and what makes it again."""

    state: TableState
    place: str
    """The temporary table that has its rows meanwhile."""
    definition: str
    indexes: list[str] = field(default_factory=list)
    triggers: list[str] = field(default_factory=list)
    index_comments: dict[str, str] = field(default_factory=dict)
    rows: int = 0


class _Rebuilding:
    def __init__(
        self, connection: sa.Connection, name: TableName, new: sa.Table, copy: Mapping[str, str]
    ) -> None:
        self._connection = connection
        state = inspect(connection, [name.schema])
        self._family = [
            self._standing(table, number) for number, table in enumerate(family_of(state, name))
        ]
        self._old = next(one for one in self._family if one.state.name == name)
        self._others = [one for one in self._family if one is not self._old]
        self._new, self._copy = new, copy
        self._name = TableName(new.name, new.schema)
        self._renamed = _renamed_columns(self._old.state, new, copy)
        after = rename_table(state, name, self._name)
        for old_column, new_column in self._renamed.items():
            after = rename_column(after, self._name, old_column, new_column)
        self._after = after
        self._retyped = dict(self._new_types())

    def run(self) -> None:
        self._require_targets()
        counters = counters_of(self._connection, self._old.state)
        for standing in self._family:
            self._do(
                f"CREATE TEMP TABLE {standing.place} AS SELECT * FROM {full(standing.state.name)}"
            )
            standing.rows = self._count(standing.place)
        for standing in reversed(self._family):
            self._do(f"DROP TABLE {full(standing.state.name)}")
        drop_counters(self._connection, self._old.state.name, counters)
        self._create_new()
        counted = generated_column(self._new)
        if counted is not None:
            old = {new: old for old, new in self._renamed.items()}.get(counted.name, counted.name)
            continue_counter(self._connection, self._name, counted.name, counters.get(old))
        for standing in self._others:
            self._create_again(standing)
        for standing in self._family:
            self._do(f"DROP TABLE {standing.place}")

    # -- the one table

    def _create_new(self) -> None:
        standing, new = self._old, self._new
        self._connection.execute(CreateTable(new))
        sources = sources_of(standing.state, new, self._copy)
        selves = [
            (
                tuple(column.name for column in key.columns),
                tuple(element.column.name for element in key.elements),
            )
            for key in new.foreign_key_constraints
            if key.referred_table is new
        ]
        with self._telling(self._name):
            self._fill(self._name, standing, sources, selves)
        for index in sorted(new.indexes, key=lambda index: str(index.name)):
            if index.unique:
                self._require_unique(index)
            self._connection.execute(CreateIndex(index))
        kept = {index.name for index in new.indexes}
        for name, comment in standing.index_comments.items():
            if name in kept:
                self._do(comment)
        if new.comment is not None:
            self._connection.execute(SetTableComment(new))
        for column in new.columns:
            if column.comment is not None:
                self._connection.execute(SetColumnComment(column))
        for trigger in standing.triggers:
            self._do(trigger)

    def _require_targets(self) -> None:
        """Refuse to leave a foreign key without the key that it refers to."""
        keys = [
            {column.name for column in constraint.columns}
            for constraint in self._new.constraints
            if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
        ]
        for standing in self._others:
            for key in self._after.tables[standing.state.name].foreign_keys:
                if key.target == self._name and set(key.target_columns) not in keys:
                    columns = ", ".join(key.target_columns)
                    raise MigrationError(
                        f"{standing.state.name} refers to {self._name} by {columns}, which would be"
                        " no key of it any more",
                        f"let op.rebuild_table() of {standing.state.name} leave out that foreign"
                        " key before",
                    )

    # -- the tables that refer to it

    def _create_again(self, standing: _Standing) -> None:
        state = standing.state
        self._do(self._definition(standing))
        columns = [column.name for column in state.columns if column.computed is None]
        selves = [
            (key.columns, key.target_columns)
            for key in state.foreign_keys
            if key.target == state.name
        ]
        with self._telling(state.name):
            self._fill(state.name, standing, {name: quoted(name) for name in columns}, selves)
        for statement in [*standing.indexes, *standing.index_comments.values()]:
            self._do(statement)
        if state.comment is not None:
            self._do(f"COMMENT ON TABLE {full(state.name)} IS {text(state.comment)}")
        for column in state.columns:
            if column.comment is not None:
                path = f"{full(state.name)}.{quoted(column.name)}"
                self._do(f"COMMENT ON COLUMN {path} IS {text(column.comment)}")
        for trigger in standing.triggers:
            self._do(trigger)

    def _definition(self, standing: _Standing) -> str:
        """Return the CREATE TABLE, with the new names and types of what it refers to."""
        name, keys = standing.state.name, self._after.tables[standing.state.name].foreign_keys
        linked = {
            (name, own): (key.target, other)
            for key in keys
            for own, other in zip(key.columns, key.target_columns, strict=True)
        }
        types: dict[str, str] = {}
        # DuckDB wants both sides of a foreign key to be of one type.
        while found := [one for one in linked if linked[one] in self._retyped]:
            for path in found:
                types[path[1]] = self._retyped[path] = self._retyped[linked.pop(path)]
        if keys == standing.state.foreign_keys and not types:
            return standing.definition
        inside = within_parentheses(standing.definition)
        before, _, after = standing.definition.partition(inside)
        items = []
        for number, item in enumerate(split_list(inside)):
            if number < len(standing.state.columns):
                column = standing.state.columns[number]
                if column.name in types:
                    rest = item[item.index(f" {column.type}") + len(column.type) + 1 :]
                    items.append(f"{quoted(column.name)} {types[column.name]}{rest}")
                else:
                    items.append(item)
            elif not item.startswith("FOREIGN KEY ("):
                items.append(item)
        items += [_foreign_key(key) for key in keys]
        return f"{before}{', '.join(items)}{after}"

    def _new_types(self) -> Iterator[tuple[tuple[TableName, str], str]]:
        """Yield the types of columns that are of another one, by their new names."""
        old_names = {new: old for old, new in self._renamed.items()}
        for column in self._new.columns:
            old = old_names.get(column.name, column.name)
            if old in self._old.state.column_names:
                written = type_sql(column.type)
                if written != type_sql(column_type(self._old.state.column(old).type)):
                    yield (self._name, column.name), written

    # -- rows

    def _fill(
        self,
        name: TableName,
        standing: _Standing,
        sources: Mapping[str, str],
        selves: Sequence[tuple[Sequence[str], Sequence[str]]],
    ) -> None:
        """Copy the rows, those that others of the table refer to before these."""
        columns = ", ".join(map(quoted, sources))
        selected = ", ".join(sources.values())
        insert = f"INSERT INTO {full(name)} ({columns})"
        linked = [key for key in selves if {*key[0], *key[1]} <= set(sources)]
        if linked:
            self._fill_by_levels(insert, standing, sources, linked)
        else:
            self._do(f"{insert} SELECT {selected} FROM {standing.place}")
        if (found := self._count(full(name))) != standing.rows:
            raise MigrationError(
                f"{name} had {standing.rows} rows and would have {found}",
                "nothing was changed; report this as a defect, with the revision",
            )

    def _fill_by_levels(
        self,
        insert: str,
        standing: _Standing,
        sources: Mapping[str, str],
        selves: Sequence[tuple[Sequence[str], Sequence[str]]],
    ) -> None:
        # One INSERT may not have a row and the one that it refers to.
        place = f"{standing.place}_by_level"
        named = ", ".join(f"{source} AS {quoted(name)}" for name, source in sources.items())
        self._do(
            f"CREATE TEMP TABLE {place} AS SELECT {named}, CAST(NULL AS INTEGER) AS andamios_level"
            f" FROM {standing.place}"
        )
        columns = ", ".join(map(quoted, sources))
        level = 0
        while True:
            ready = " AND ".join(_is_ready(place, level, *key) for key in selves)
            found = self._connection.exec_driver_sql(
                f"UPDATE {place} SET andamios_level = {level}"
                f" WHERE andamios_level IS NULL AND {ready}"
            ).rowcount
            if not found:
                break
            self._do(f"{insert} SELECT {columns} FROM {place} WHERE andamios_level = {level}")
            level += 1
        # Those that refer to a row that is not there: DuckDB says what is wrong with them.
        self._do(f"{insert} SELECT {columns} FROM {place} WHERE andamios_level IS NULL")
        self._do(f"DROP TABLE {place}")

    @contextmanager
    def _telling(self, name: TableName) -> Iterator[None]:
        """Say without their values which rows do not fit."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            failure = failure_of(error.orig) if error.orig is not None else None
            if failure is None or failure.kind not in _TOLD:
                raise
            where = f" ({', '.join(failure.columns)})" if failure.columns else ""
            raise _misfit(name, f"{_TOLD[failure.kind]}{where}") from None

    def _require_unique(self, index: sa.Index) -> None:
        """Refuse what DuckDB itself would find only at the COMMIT."""
        collated = collated_columns(self._new)
        parts = [binary(part, collated) for part in index_parts(index)]
        given = " AND ".join(f"{part} IS NOT NULL" for part in parts)
        repeated = self._connection.exec_driver_sql(
            f"SELECT 1 FROM {full(self._name)} WHERE {given} GROUP BY {', '.join(parts)}"
            " HAVING count(*) > 1 LIMIT 1"
        ).first()
        if repeated is not None:
            raise _misfit(self._name, f"{_TOLD['unique']} ({index.name})")

    # -- the catalog

    def _standing(self, state: TableState, number: int) -> _Standing:
        def rows(function: str, columns: str) -> list[sa.Row[*tuple[Any, ...]]]:
            return list(
                self._connection.execute(
                    sa.text(
                        f"SELECT {columns} FROM duckdb_{function}()"
                        " WHERE database_name = current_database() AND table_name = :name"
                        " AND schema_name = coalesce(:schema, current_schema())"
                    ),
                    {"name": state.name.name, "schema": state.name.schema},
                )
            )

        indexes = rows("indexes", "sql, index_name, comment")
        return _Standing(
            state=state,
            place=f"andamios_saved_{number}",
            definition=rows("tables", "sql")[0][0],
            indexes=[row.sql for row in indexes],
            triggers=[row.sql for row in rows("triggers", "sql")],
            index_comments={
                name: f"COMMENT ON INDEX {full(replace(state.name, name=name))} IS {text(comment)}"
                for _, name, comment in indexes
                if comment is not None
            },
        )

    def _count(self, table: str) -> int:
        found: int = self._connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        return found

    def _do(self, sql: str) -> None:
        self._connection.exec_driver_sql(sql)


_TOLD = {
    "not_null": "a required column has no value",
    "check": "a CHECK does not hold",
    "unique": "values that must be unique are not",
    "foreign_key": "what they refer to is not there",
    "unstorable": "a value is none of the column's type",
}


def collated_columns(table: sa.Table) -> set[str]:
    """Return the columns whose texts may be equal without being the same, as they are in SQL."""
    return {
        quoted(column.name)
        for column in table.columns
        if isinstance(column.type, sa.String) and column.type.collation is not None
    }


def index_parts(index: sa.Index) -> list[str]:
    """Return what an index of a table is over, as SQL."""
    return [
        quoted(part.name) if isinstance(part, sa.Column) else sql(part)
        for part in index.expressions
    ]


def binary(part: str, collated: Collection[str]) -> str:
    """Return what is compared of a part of a unique key, which heeds no collation."""
    return f"encode({part})" if part in collated else f"({part})"


def _misfit(table: TableName, told: str) -> MigrationError:
    return MigrationError(
        f"rows of {table} do not fit in what it would be: {told}",
        "change those rows first, or say in copy= of op.rebuild_table() what they get; nothing was"
        " changed",
    )


def _is_ready(place: str, level: int, columns: Sequence[str], targets: Sequence[str]) -> str:
    """Whether a row refers to no other of its table, or to one of a level before."""
    nothing = " OR ".join(f"{quoted(column)} IS NULL" for column in columns)
    same = " AND ".join(
        f"above.{quoted(target)} = {place}.{quoted(column)}"
        for column, target in zip(columns, targets, strict=True)
    )
    above = f"SELECT 1 FROM {place} AS above WHERE above.andamios_level < {level} AND {same}"
    return f"({nothing} OR EXISTS ({above}))"


def _foreign_key(key: ForeignKeyState) -> str:
    columns, others = (", ".join(map(quoted, c)) for c in (key.columns, key.target_columns))
    return f"FOREIGN KEY ({columns}) REFERENCES {full(key.target)}({others})"
