"""Count the rows of a live database that operations would meet, some of them under other names.

An operation speaks of tables and columns as they are called when its turn comes; the rows are
counted before the first one, in tables that still have their old names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import RowsInTheWay
from andamios_orm.migration.engines.base import Engine, Question
from andamios_orm.migration.operations import BackfillOp
from andamios_orm.migration.renaming import named_after
from andamios_orm.migration.sql_names import names_in
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["Names", "counted", "in_the_way", "state_before"]


def state_before(
    connection: sa.Connection, engine: Engine, operations: Iterable[MigrateOperation]
) -> SchemaState:
    """Return what is in the schemas that operations are about."""
    schemas = dict.fromkeys([None, *(getattr(each, "schema", None) for each in operations)])
    return engine.inspect(connection, list(schemas))


def in_the_way(counts: Mapping[Question, int], fix: str) -> RowsInTheWay:
    """Return the refusal that tells how many rows break a stricter rule."""
    told = "; ".join(f"{count} row(s) {question.problem}" for question, count in counts.items())
    return RowsInTheWay(
        f"a stricter rule meets rows that break it: {told}",
        fix,
        counts={question.problem: count for question, count in counts.items()},
    )


def counted(
    connection: sa.Connection,
    engine: Engine,
    operations: Iterable[MigrateOperation],
    state: SchemaState,
    coming_back: Collection[str] = (),
) -> dict[Question, int]:
    """Return how many rows stand in the way of operations, for each where there are any.

    Not of one whose column an earlier operation fills, or gives a type that only the server can
    read the values as, or `coming_back` names, and not of tables that a statement of a person is
    about: the database itself still refuses what is missing then.
    """
    found: dict[Question, int] = {}
    filled = set(coming_back)
    changed: set[str] = set()
    names = Names(state, connection)
    for operation in operations:
        name = _column_of(operation)
        if isinstance(operation, BackfillOp):
            table = TableName(operation.table_name, operation.schema)
            filled |= {f"{table}.{column}" for column in operation.values}
        elif isinstance(operation, ops.ExecuteSQLOp):
            tables = {table.name for table in names.now.tables}
            changed |= names_in(str(operation.sqltext)) & tables
        elif name is None or name not in filled:
            for question in engine.questions(operation, names.now):
                if question.fill not in filled and not _is_about(question, changed, filled):
                    count = names.count(question.sql)
                    if count:
                        found[question] = count
        if isinstance(operation, ops.AlterColumnOp) and not names.convert(operation, engine):
            filled.add(cast("str", name))
        filled |= _renamed(filled, operation)
        names.follow(operation)
    return found


def _renamed(columns: Collection[str], operation: MigrateOperation) -> set[str]:
    """Return what columns, as `table.column`, are called after an operation that renames them."""
    match operation:
        case ops.AlterColumnOp(modify_name=str(new)) if _column_of(operation) in columns:
            return {f"{TableName(operation.table_name, operation.schema)}.{new}"}
        case ops.RenameTableOp():
            old = f"{TableName(operation.table_name, operation.schema)}."
            new = f"{TableName(operation.new_table_name, operation.schema)}."
            return {new + name.removeprefix(old) for name in columns if name.startswith(old)}
        case _:
            return set()


def _is_about(question: Question, tables: Collection[str], columns: Collection[str]) -> bool:
    """Whether a question's rows are those of one of these tables, or of columns of a table."""
    words = names_in(question.sql)
    return bool(words & set(tables)) or any(words >= set(name.split(".")) for name in columns)


def _column_of(operation: MigrateOperation) -> str | None:
    """Return the column that an operation makes stricter, as `table.column`."""
    match operation:
        case ops.AddColumnOp():
            column = operation.column.name
        case ops.AlterColumnOp():
            column = operation.column_name
        case _:
            return None
    return f"{TableName(operation.table_name, operation.schema)}.{column}"


_LONGEST = 10_000
"""Characters of the SQL for a value at most: each change of type has it in it several times."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """A table by what it is called in the database, and its columns: new names, and SQL for what
    they hold by then, over those that there are."""

    table: TableName
    columns: dict[str, str]


def _with_type(state: SchemaState, name: TableName, column: str, type_: str) -> SchemaState:
    """Return the state with a column of another type."""
    table = state.tables[name]
    columns = tuple(
        replace(each, type=type_) if each.name == column else each for each in table.columns
    )
    return replace(state, tables={**state.tables, name: replace(table, columns=columns)})


class Names:
    """What tables and columns will be called, and what they are called in the database."""

    def __init__(self, state: SchemaState, connection: sa.Connection) -> None:
        self.now = state
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.quote
        # Where a name in a WITH could mean itself, it needs the schema to mean the table.
        self._prefix = "main." if state.engine in ("sqlite", "duckdb") else ""
        self._renamed: dict[TableName, _Origin] = {}

    def count(self, sql: str) -> int:
        """Return what a query over the names of now counts in the database."""
        return int(self._connection.exec_driver_sql(self.over(sql)).scalar_one())

    def follow(self, operation: MigrateOperation) -> None:
        """Take note of an operation that renames. Tables of other schemas are left out."""
        if getattr(operation, "schema", None) is not None:
            return
        match operation:
            case ops.RenameTableOp() if TableName(operation.table_name) in self.now.tables:
                origin = self._origin(TableName(operation.table_name))
                self._renamed.pop(TableName(operation.table_name), None)
                self._renamed[TableName(operation.new_table_name)] = origin
            case ops.AlterColumnOp(modify_name=str(new)) if self._has(operation):
                table = TableName(operation.table_name)
                origin = self._origin(table)
                columns = {
                    new if name == operation.column_name else name: value
                    for name, value in origin.columns.items()
                }
                self._renamed[table] = _Origin(origin.table, columns)
            case _:
                return
        self.now = named_after(self.now, operation)

    def convert(self, operation: ops.AlterColumnOp, engine: Engine) -> bool:
        """Take note of a column's other type, and return whether its values can be told."""
        table, type_ = TableName(operation.table_name, operation.schema), operation.modify_type
        name, found = operation.column_name, self.now.tables.get(table)
        if type_ is None or found is None or name not in found.column_names:
            return True
        if "postgresql_using" in operation.kw:
            return False
        origin = self._origin(table)
        before = origin.columns[name]
        after = engine.converted(before, found.column(name).type, sa.types.to_instance(type_))
        if after is None or (after[0] != before and table.schema is not None):
            return False
        value, told = after
        if len(value) > _LONGEST:
            return False
        if value != before:
            self._renamed[table] = _Origin(origin.table, {**origin.columns, name: value})
            self.now = _with_type(self.now, table, name, told)
        return True

    def _has(self, operation: ops.AlterColumnOp) -> bool:
        table = self.now.tables.get(TableName(operation.table_name))
        return table is not None and operation.column_name in table.column_names

    def _origin(self, table: TableName) -> _Origin:
        columns = {name: self._quote(name) for name in self.now.tables[table].column_names}
        return self._renamed.get(table) or _Origin(table, columns)

    def over(self, sql: str) -> str:
        """Return a query over new names as one over the tables that there are."""
        quote = self._quote
        views = []
        for table, origin in self._renamed.items():
            columns = [f"{value} AS {quote(new)}" for new, value in origin.columns.items()]
            source = f"{self._prefix}{quote(origin.table.name)}"
            views.append(f"{quote(table.name)} AS (SELECT {', '.join(columns)} FROM {source})")
        return f"WITH {', '.join(views)} {sql}" if views else sql
