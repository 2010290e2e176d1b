"""How many rows of a live SQLite database a stricter rule would refuse, as SQL that counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateIndex

from andamios_orm.migration.engines.base import Question
from andamios_orm.migration.engines.sqlite.definitions import read_index
from andamios_orm.migration.engines.sqlite.desired import read_table
from andamios_orm.migration.engines.sqlite.rebuilding import copied
from andamios_orm.migration.engines.sqlite.tokens import quoted
from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.sql_names import names_in
from andamios_orm.migration.state import (
    ColumnState,
    ForeignKeyState,
    SchemaState,
    TableName,
    TableState,
)

__all__ = ["questions"]


def questions(operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
    """Return what to count before an operation, on a database in `state`.

    Of a table that is not there yet, there is nothing to count.
    """
    match operation:
        case RebuildTableOp() if old := state.tables.get(TableName(operation.table_name)):
            return tuple(_Rebuilt(operation, old, state).questions())
        case ops.CreateIndexOp(unique=True) if old := state.tables.get(
            TableName(operation.table_name)
        ):
            return tuple(_indexed(operation, old))
        case ops.AddColumnOp() if old := state.tables.get(TableName(operation.table_name)):
            return tuple(_added(operation, old))
        case _:
            return ()


def _indexed(operation: ops.CreateIndexOp, table: TableState) -> Iterator[Question]:
    sql = str(CreateIndex(operation.to_index()).compile(dialect=_DIALECT))
    index = read_index(sql, table.column_names)
    if names_in(" ".join(index.parts)) & set(table.column_names):
        yield _repeated(index.parts, index.where, str(table.name), quoted(table.name.name))


_DIALECT = SQLiteDialect()


def _added(operation: ops.AddColumnOp, table: TableState) -> Iterator[Question]:
    column = operation.column
    if not column.nullable and column.server_default is None:
        path = f"{table.name}.{column.name}"
        yield Question(
            sql=f"SELECT count(*) FROM {quoted(table.name.name)}",
            problem=f"would have no value in {path}",
            cure="andamios-orm migrate new",
            fill=path,
        )


class _Rebuilt:
    """A table that is made anew, with the values that its rows would have."""

    def __init__(self, operation: RebuildTableOp, old: TableState, state: SchemaState) -> None:
        self._old, self._state = old, state
        self._new = read_table(operation.to_table())
        self._name = quoted(old.name.name)
        self._copy = operation.copy
        self._values = copied(operation, old.column_names)
        self._changed = frozenset(c.name for c in self._new.columns if self._is_changed(c))
        strict = ("sqlite_strict", "True")
        becomes_strict = strict in self._new.options and strict not in old.options
        self._retyped = self._new.column_names if becomes_strict else self._changed
        self._raw = self._source(cast=False)
        self._rows = self._source(cast=True)

    def questions(self) -> Iterator[Question]:
        """Yield what to count."""
        for column in self._new.columns:
            if column.computed is None:
                yield from self._of_column(column)
        yield from self._checks()
        yield from self._keys()
        for key in self._new.foreign_keys:
            if all(map(self._has_values, key.columns)) and not self._stands(key):
                yield self._referring(key)

    # -- the rows as they would be

    def _is_changed(self, column: ColumnState) -> bool:
        """Whether the column's values are not just those of the old table, equal as they were."""
        if column.name in self._copy or column.name not in self._old.column_names:
            return True
        old = self._old.column(column.name)
        return (old.type, old.collation, old.computed) != (
            column.type,
            column.collation,
            column.computed,
        )

    def _source(self, *, cast: bool) -> str:
        """Return a subquery that is called like the table; `cast` gives values their new type."""
        selected = []
        for column in self._new.columns:
            if column.computed is None:
                value = self._values.get(column.name) or column.default or "NULL"
                if cast and column.name in self._changed:
                    value = f"CAST({value} AS {column.type or 'BLOB'})"
                    if column.collation is not None:
                        value += f" COLLATE {quoted(column.collation)}"
                selected.append(f"{value} AS {quoted(column.name)}")
        rows = f"SELECT {', '.join(selected)} FROM {self._name}"
        for column in self._new.columns:
            if column.computed is not None:
                rows = f"SELECT *, ({column.computed}) AS {quoted(column.name)} FROM ({rows})"
        return f"({rows})"

    def _count(self, rows: str, condition: str) -> str:
        return f"SELECT count(*) FROM {rows} AS {self._name} WHERE {condition}"

    # -- what would not hold

    def _of_column(self, column: ColumnState) -> Iterator[Question]:
        name, path = quoted(column.name), f"{self._new.name}.{column.name}"
        cure = f'copy={{"{column.name}": ...}} in op.rebuild_table()'
        if column.name in self._values or column.default is None:
            known = column.name not in self._changed and not self._old.column(column.name).nullable
            if not (column.nullable or known or self._is_number_of_row(column)):
                yield Question(
                    sql=self._count(self._raw, f"{name} IS NULL"),
                    problem=f"have no value in {path}",
                    cure=cure,
                    fill=path,
                )
        if column.name in self._retyped and column.name in self._values and column.type in _FITS:
            fits = _FITS[column.type].format(name)
            yield Question(
                sql=self._count(self._raw, f"{name} IS NOT NULL AND NOT ({fits})"),
                problem=f"are no {column.type.lower()} in {path}",
                cure=cure,
            )

    def _is_number_of_row(self, column: ColumnState) -> bool:
        """Whether it is a key for which SQLite gives values itself."""
        key = self._new.primary_key
        return column.type == "INTEGER" and key is not None and key.columns == (column.name,)

    def _checks(self) -> Iterator[Question]:
        known = {check.sql for check in self._old.checks}
        for check in self._new.checks:
            if check.sql not in known or names_in(check.sql) & self._changed:
                yield Question(
                    sql=self._count(self._rows, f"NOT ({check.sql})"),
                    problem=f"break {check.name or f'CHECK ({check.sql})'} in {self._new.name}",
                    cure=self._cure("...", f"NOT ({check.sql})"),
                )

    def _keys(self) -> Iterator[Question]:
        old, new = (_unique_parts(table) for table in (self._old, self._new))
        for parts, where in dict.fromkeys(new):
            used = names_in(" ".join([*parts, where or ""]))
            if (parts, where) not in old or used & self._changed:
                yield _repeated(parts, where, str(self._new.name), f"{self._rows} AS {self._name}")

    def _has_values(self, name: str) -> bool:
        column = self._new.column(name)
        made = column.default is not None or column.computed is not None
        return made or name in self._values

    def _stands(self, key: ForeignKeyState) -> bool:
        known = {(k.columns, k.target, k.target_columns) for k in self._old.foreign_keys}
        same = (key.columns, key.target, key.target_columns) in known
        return same and not self._changed & set(key.columns)

    def _referring(self, key: ForeignKeyState) -> Question:
        named = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key.columns)
        condition = f"{named} AND NOT EXISTS ({self._referred(key)})"
        return Question(
            sql=self._count(self._rows, condition),
            problem=f"refer to no row of {key.target} in {self._new.name}.{', '.join(key.columns)}",
            cure=self._cure(key.columns[0], condition),
        )

    def _referred(self, key: ForeignKeyState) -> str:
        """Return the query for the row that a row refers to."""
        target = self._state.tables.get(key.target)
        if key.target == self._new.name:
            rows = self._rows
        elif target is not None and set(key.target_columns) <= set(target.column_names):
            rows = quoted(key.target.name)
        else:
            return "SELECT 1 WHERE 0"  # a table that is yet to come
        equal = " AND ".join(
            f"other.{quoted(theirs)} = {self._name}.{quoted(ours)}"
            for ours, theirs in zip(key.columns, key.target_columns, strict=True)
        )
        return f"SELECT 1 FROM {rows} AS other WHERE {equal}"

    def _cure(self, column: str, where: str) -> str:
        return f"op.backfill({self._new.name.name!r}, {{{column!r}: ...}}, where={where!r})"


_FITS: Mapping[str, str] = {
    # A text that looks like a number is taken for it when it is compared with one, and when it is
    # put into a column of that type.
    "INTEGER": "{0} = CAST({0} AS INTEGER)",
    "REAL": "{0} = CAST({0} AS REAL)",
    "TEXT": "typeof({0}) <> 'blob'",
    "BLOB": "typeof({0}) = 'blob'",
}


def _unique_parts(table: TableState) -> list[tuple[tuple[str, ...], str | None]]:
    """Return what is unique in a table: parts as SQL, and the condition of an index."""
    keys = [unique.columns for unique in table.uniques]
    if table.primary_key is not None:
        keys.append(table.primary_key.columns)
    found = [(tuple(sorted(map(quoted, key))), None) for key in keys]
    indexes = [(index.parts, index.where) for index in table.indexes if index.unique]
    return [*found, *indexes]


def _repeated(parts: Sequence[str], where: str | None, table: str, rows: str) -> Question:
    """Return the question for rows that are equal to an earlier one."""
    plain = [part.removesuffix(" DESC") for part in parts]
    conditions = [f"({part}) IS NOT NULL" for part in plain] + ([f"({where})"] if where else [])
    groups = ", ".join(f"({part})" for part in plain)
    return Question(
        sql=(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n"
            f" FROM {rows} WHERE {' AND '.join(conditions)} GROUP BY {groups} HAVING count(*) > 1)"
        ),
        problem=f"repeat another row's ({', '.join(plain)}) in {table}",
        cure=f'op.execute("DELETE FROM {table} WHERE ...")',
    )
