"""Count the rows of a live DuckDB database that a stricter rule would refuse."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.backends.duckdb.ddl import generated_column
from andamios_orm.migration.engines.base import Question
from andamios_orm.migration.engines.duckdb.alterations import (
    Alteration,
    altered,
    is_in_place,
    table_of,
)
from andamios_orm.migration.engines.duckdb.names import full, quoted, sql, type_sql
from andamios_orm.migration.engines.duckdb.rebuild import (
    binary,
    collated_columns,
    index_parts,
    sources_of,
)
from andamios_orm.migration.engines.duckdb.types import column_type
from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.sql_names import names_in, unwrapped
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["questions"]


def questions(operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
    """Return what to count before an operation, on a database in `state`.

    Of a table or column that is not there yet, there is nothing to count.
    """
    if isinstance(operation, ops.CreateIndexOp):
        table = state.tables.get(table_of(operation))
        if not operation.unique or table is None or not _are_known(operation.columns, table):
            return []
        parts = [quoted(part) if isinstance(part, str) else sql(part) for part in operation.columns]
        return [_repeated(table, parts)]
    if not isinstance(operation, Alteration) or is_in_place(operation):
        return []
    try:
        return list(_Rebuilt(altered(operation, state), state).questions())
    except KeyError:
        return []


def _are_known(parts: Sequence[Any], table: TableState) -> bool:
    """Whether what an index is over is there; the words of an expression are not all columns."""
    columns = set(table.column_names)
    return all(
        part in columns if isinstance(part, str) else columns & names_in(sql(part))
        for part in parts
    )


class _Rebuilt:
    """A table that is made anew, with the values that its rows would have."""

    def __init__(self, operation: RebuildTableOp, state: SchemaState) -> None:
        self._state = state
        self._name = table_of(operation)
        self._old = state.tables[self._name]
        self._new = operation.to_table()
        self._copied = set(operation.copy)
        self._sources = sources_of(self._old, self._new, operation.copy)
        self._types = {column.name: type_sql(column.type) for column in self._new.columns}
        self._changed = {column.name for column in self._new.columns if self._is_changed(column)}
        self._rows = self._selected(cast=False)
        self._cast_rows = self._selected(cast=True)

    def questions(self) -> Iterator[Question]:
        """Yield what to count."""
        yield from self._unset()
        yield from self._misfits()
        yield from self._broken()
        yield from self._duplicates()
        yield from self._orphans()

    # -- the rows as they would be

    def _is_changed(self, column: sa.Column[Any]) -> bool:
        """Whether the values are not just those of the old column."""
        name = column.name
        if name in self._copied or name not in self._old.column_names:
            return True
        old = self._old.column(name)
        return type_sql(column_type(old.type)) != self._types[name] or old.computed != (
            None if column.computed is None else sql(column.computed.sqltext)
        )

    def _selected(self, *, cast: bool) -> str:
        """Return a subquery of the rows, called like the table; `cast` as the new types are."""
        selected = []
        for column in self._new.columns:
            if column.computed is None:
                value = self._sources.get(column.name) or _default(column)
                if cast and column.name in self._changed:
                    value = f"TRY_CAST({value} AS {self._types[column.name]})"
                selected.append(f"{value} AS {quoted(column.name)}")
        rows = f"SELECT {', '.join(selected)} FROM {full(self._name)}"
        for column in self._new.columns:
            if column.computed is not None:
                made = f"({sql(column.computed.sqltext)}) AS {quoted(column.name)}"
                rows = f"SELECT *, {made} FROM ({rows})"
        return f"({rows}) AS {quoted(self._name.name)}"

    # -- what would not hold

    def _unset(self) -> Iterator[Question]:
        for column in self._new.columns:
            name = column.name
            if column.nullable or column.computed is not None:
                continue
            if name in self._sources:
                if name not in self._changed and not self._old.column(name).nullable:
                    continue
            elif column.server_default is not None or column is generated_column(self._new):
                continue
            yield self._refused(
                name,
                f"SELECT count(*) FROM {self._rows} WHERE {quoted(name)} IS NULL",
                "have no value in",
                fill=True,
            )

    def _misfits(self) -> Iterator[Question]:
        for name in self._sources:
            if name not in self._changed:
                continue
            value, kind = quoted(name), self._types[name]
            fits = f"TRY_CAST({value} AS {kind})"
            count = f"SELECT count(*) FROM {self._rows} WHERE"
            yield self._refused(
                name,
                f"{count} {value} IS NOT NULL AND {fits} IS NULL",
                f"are no {kind} in",
            )
            if _EXACT.fullmatch(kind):
                yield self._refused(
                    name,
                    f"{count} TRY_CAST({value} AS DOUBLE) <> CAST({fits} AS DOUBLE)",
                    "would lose digits in",
                )
            if name in self._old.column_names and name not in self._copied:
                old = self._old.column(name).type
                if condition := _shortened(value, old, kind):
                    yield self._refused(name, f"{count} {condition}", "would lose digits in")

    def _refused(self, column: str, count: str, problem: str, *, fill: bool = False) -> Question:
        path = f"{self._name}.{column}"
        return Question(
            sql=count,
            problem=f"{problem} {path}",
            cure=f"copy={{{column!r}: ...}}",
            fill=path if fill else None,
        )

    def _broken(self) -> Iterator[Question]:
        known = {unwrapped(check.sql) for check in self._old.checks}
        for check in self._new.constraints:
            if not isinstance(check, sa.CheckConstraint):
                continue
            condition = sql(check.sqltext)
            if condition not in known or names_in(condition) & self._changed:
                yield Question(
                    sql=f"SELECT count(*) FROM {self._cast_rows} WHERE NOT ({condition})",
                    problem=f"of {self._name} break CHECK ({condition})",
                    cure=_cure(self._name, f"NOT ({condition})"),
                )

    def _duplicates(self) -> Iterator[Question]:
        known = {one.columns for one in self._old.uniques}
        if self._old.primary_key is not None:
            known.add(self._old.primary_key.columns)
        for key in self._new.constraints:
            if isinstance(key, sa.UniqueConstraint | sa.PrimaryKeyConstraint):
                columns = tuple(column.name for column in key.columns)
                if columns and (columns not in known or self._changed & set(columns)):
                    yield self._repeated([*map(quoted, columns)])
        indexes = {one.parts for one in self._old.indexes if one.unique}
        for index in self._new.indexes:
            if index.unique:
                parts = index_parts(index)
                used = set().union(*map(names_in, parts))
                if tuple(parts) not in indexes or used & self._changed:
                    yield self._repeated(parts)

    def _repeated(self, parts: Sequence[str]) -> Question:
        return _repeated(self._old, parts, self._cast_rows, collated_columns(self._new))

    def _orphans(self) -> Iterator[Question]:
        known = {(key.columns, key.target, key.target_columns) for key in self._old.foreign_keys}
        for key in self._new.foreign_key_constraints:
            columns = tuple(column.name for column in key.columns)
            paths = [element.target_fullname.rpartition(".") for element in key.elements]
            schema, _, name = paths[0][0].rpartition(".")
            target = TableName(name, schema or None)
            others = tuple(column for _, _, column in paths)
            if (columns, target, others) in known and not self._changed & set(columns):
                continue
            if target == self._name:
                rows = f"{self._cast_rows.removesuffix(quoted(target.name))}target"
            elif target in self._state.tables and set(others) <= set(
                self._state.tables[target].column_names
            ):
                rows = f"{full(target)} AS target"
            else:
                continue
            child = quoted(self._name.name)
            given = " AND ".join(f"{child}.{quoted(column)} IS NOT NULL" for column in columns)
            same = " AND ".join(
                f"target.{quoted(other)} = {child}.{quoted(column)}"
                for column, other in zip(columns, others, strict=True)
            )
            where = f"{given} AND NOT EXISTS (SELECT 1 FROM {rows} WHERE {same})"
            yield Question(
                sql=f"SELECT count(*) FROM {self._cast_rows} WHERE {where}",
                problem=f"of {self._name} refer to no row of {target} by {', '.join(columns)}",
                cure=_cure(self._name, "..."),
            )


# The types whose values are not rounded.
_EXACT = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.+\)")


_NUMBER = re.compile(rf"{_EXACT.pattern}|FLOAT|REAL|DOUBLE")


def _shortened(value: str, old: str, new: str) -> str | None:
    """Return what is true of values that another type takes, but not whole; None for none."""
    if old.startswith("TIMESTAMP") and new.startswith("TIME") and "STAMP" not in new:
        return f"{value} IS NOT NULL"
    timed = old.startswith("TIMESTAMP") and new.startswith(("DATE", "TIMESTAMP_"))
    number = _NUMBER.fullmatch(old) and new in {"BOOLEAN", "DOUBLE", "FLOAT", "REAL"}
    return f"TRY_CAST(TRY_CAST({value} AS {new}) AS {old}) <> {value}" if timed or number else None


def _default(column: sa.Column[Any]) -> str:
    default = column.server_default
    return sql(default.arg) if isinstance(default, sa.DefaultClause) else "NULL"


def _repeated(
    table: TableState,
    parts: Sequence[str],
    rows: str | None = None,
    collated: Collection[str] = (),
) -> Question:
    """Return the question for rows that are equal to an earlier one."""
    name = full(table.name)
    collated = {*collated, *(quoted(c.name) for c in table.columns if c.collation is not None)}
    compared = [binary(part, collated) for part in parts]
    given = " AND ".join(f"{part} IS NOT NULL" for part in compared)
    grouped = (
        f"SELECT count(*) AS n FROM {rows or name} WHERE {given} GROUP BY {', '.join(compared)}"
    )
    return Question(
        sql=f"SELECT coalesce(sum(n - 1), 0) FROM ({grouped}) WHERE n > 1",
        problem=f"repeat another row's ({', '.join(parts)}) in {table.name}",
        cure=f'op.execute("DELETE FROM {name} WHERE ...")',
    )


def _cure(table: TableName, where: str) -> str:
    schema = f", schema={table.schema!r}" if table.schema else ""
    return f"op.backfill({table.name!r}, {{...}}, where={where!r}{schema})"
