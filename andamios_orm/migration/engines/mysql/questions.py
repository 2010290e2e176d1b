"""How many rows of a live MariaDB or MySQL database a stricter rule would refuse, as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects import mysql

from andamios_orm.migration.engines.base import Question
from andamios_orm.migration.engines.mysql.altering import for_driver, name_of, told_table
from andamios_orm.migration.sql_names import is_name, unquoted
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["orphans", "questions"]

_DIALECT: sa.Dialect = mysql.dialect()


def questions(operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
    """Return what to count before an operation, on a database in `state`.

    Of a table or column that is not there yet, there is nothing to count.
    """
    match operation:
        case ops.AddColumnOp():
            found = _added(operation, state)
        case ops.AlterColumnOp():
            found = _altered(operation, state)
        case ops.CreateCheckConstraintOp():
            found = _checked(operation, state)
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            found = _unique_key(operation, state)
        case ops.CreateIndexOp(unique=True):
            found = _unique_index(operation, state)
        case ops.CreateForeignKeyOp():
            found = _referring(operation, state)
        case _:
            return []
    return list(found)


def _table(state: SchemaState, name: str, schema: str | None, *columns: str) -> TableState | None:
    """Return the table, if it has these columns."""
    found = state.tables.get(TableName(name, schema))
    return found if found is not None and set(columns) <= set(found.column_names) else None


def _count(table: TableName, condition: str) -> str:
    return for_driver(f"SELECT count(*) FROM {told_table(table)} WHERE {condition}")


def _cure(table: TableName, column: str, where: str) -> str:
    schema = f", schema={table.schema!r}" if table.schema else ""
    values = f"{{{column!r}: ...}}"
    return f"op.backfill({table.name!r}, {values}, where={where!r}{schema})"


def _refused(table: TableName, column: str, condition: str, problem: str) -> Question:
    """Return the question for the rows whose value in a column is in the way."""
    return Question(
        sql=_count(table, condition),
        problem=f"{problem} {table}.{column}",
        cure=_cure(table, column, condition),
    )


# ---- columns -------------------------------------------------------------------------------------


def _added(operation: ops.AddColumnOp, state: SchemaState) -> Iterator[Question]:
    column = operation.column
    table = _table(state, operation.table_name, operation.schema)
    makes_values = column.server_default, column.identity, column.computed
    counts = column.autoincrement is True
    if table is None or column.nullable or counts or any(m is not None for m in makes_values):
        return
    # The servers would give them 0, or an empty text.
    yield Question(
        sql=_count(table.name, "true"),
        problem=f"would have no value in {table.name}.{column.name}",
        cure=_cure(table.name, column.name, f"{name_of(column.name)} IS NULL"),
        fill=f"{table.name}.{column.name}",
    )


def _altered(operation: ops.AlterColumnOp, state: SchemaState) -> Iterator[Question]:
    column = operation.column_name
    table = _table(state, operation.table_name, operation.schema, column)
    if table is None:
        return
    if operation.modify_nullable is False and table.column(column).nullable:
        condition = f"{name_of(column)} IS NULL"
        yield Question(
            sql=_count(table.name, condition),
            problem=f"have no value in {table.name}.{column}",
            cure=_cure(table.name, column, condition),
            fill=f"{table.name}.{column}",
        )
    if operation.modify_type is not None and table.column(column).computed is None:
        yield from _retyped(table, column, table.column(column).type, operation.modify_type)


_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "json")
_FLOATS = ("float", "double")
_BITS = {"tinyint": 7, "smallint": 15, "mediumint": 23, "int": 31, "integer": 31, "bigint": 63}
_LIMITS = {"tinytext": 255, "text": 65_535, "mediumtext": 16_777_215}
_WHOLE = r"^[[:space:]]*[-+]?[0-9]+[[:space:]]*$"
_NUMBER = r"^[[:space:]]*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?[[:space:]]*$"
_WRITTEN = re.compile(r"(\w+)(?: precision)?(?:\((.*?)\))?( unsigned)?(?: |\Z)")


def _retyped(table: TableState, column: str, old: str, new: Any) -> Iterator[Question]:
    """Yield what counts values that the other type does not hold, or not as they are."""
    written = _DIALECT.type_compiler_instance.process(sa.types.to_instance(new)).lower()
    found, before = _WRITTEN.match(written), _WRITTEN.match(old)
    if found is None or before is None:
        return
    base, argument, unsigned = found.groups()
    name, family = name_of(column), before[1]
    is_text = family in _TEXTS
    if base in _TEXTS or base in ("binary", "varbinary"):
        yield from _shortened(table, column, base, argument, is_text=is_text)
    elif base in ("date", "datetime", "time", "timestamp"):
        yield from _timed(table, column, written, base, argument, is_text=is_text)
    elif base in _BITS or base in ("numeric", "decimal", *_FLOATS):
        number = name
        if is_text:
            pattern = _WHOLE if base in _BITS else _NUMBER
            condition = f"{name} NOT REGEXP '{pattern}'"
            yield _refused(table.name, column, condition, f"are no {written} in")
            number = f"CASE WHEN {name} REGEXP '{pattern}' THEN {name} END"
        elif family not in (*_BITS, *_FLOATS, "decimal"):
            return
        if base in _BITS:
            yield from _whole(table, column, number, base, family, unsigned=unsigned is not None)
        elif base not in _FLOATS:
            yield from _exact(table, column, number, argument)
        elif not is_text and family != base:
            cast = f"CAST({name} AS {base})"
            if family != "double":
                # Beside a floating number, one of integers or decimals would be made one, too.
                cast = f"CAST({cast} AS decimal(65, 30))"
            yield _refused(table.name, column, f"{cast} <> {name}", "would lose digits in")


def _shortened(
    table: TableState, column: str, base: str, argument: str | None, *, is_text: bool
) -> Iterator[Question]:
    name = name_of(column)
    if base == "enum":
        labels = argument or ""
        yield _refused(table.name, column, f"{name} NOT IN ({labels})", "have no such label in")
    elif base == "json":
        yield _refused(table.name, column, f"NOT json_valid({name})", "are no json in")
    elif argument is not None:
        counted = "length" if "binary" in base or not is_text else "char_length"
        condition = f"{counted}({name}) > {argument}"
        yield _refused(table.name, column, condition, f"are longer than {argument} in")
    elif base in _LIMITS:
        condition = f"length({name}) > {_LIMITS[base]}"
        yield _refused(table.name, column, condition, f"are longer than {_LIMITS[base]} bytes in")


def _timed(
    table: TableState, column: str, written: str, base: str, argument: str | None, *, is_text: bool
) -> Iterator[Question]:
    name = name_of(column)
    places = "" if argument is None else f"({argument})"
    cast = f"CAST({name} AS {'datetime' if base == 'timestamp' else base}{places})"
    if is_text:
        condition = f"{name} IS NOT NULL AND {cast} IS NULL"
        yield _refused(table.name, column, condition, f"are no {written} in")
    else:
        yield _refused(table.name, column, f"{cast} <> {name}", "would lose digits in")


def _whole(
    table: TableState, column: str, number: str, base: str, family: str, *, unsigned: bool
) -> Iterator[Question]:
    bits = _BITS[base]
    lowest, highest = (0, 2 ** (bits + 1) - 1) if unsigned else (-(2**bits), 2**bits - 1)
    value = f"CAST({number} AS decimal(65, 10))" if family not in _BITS else number
    told = f"{base} unsigned" if unsigned else base
    condition = f"round({value}) NOT BETWEEN {lowest} AND {highest}"
    yield _refused(table.name, column, condition, f"are beyond {told} in")
    if family not in _BITS:
        yield _refused(table.name, column, f"round({value}) <> {value}", "would lose digits in")


def _exact(table: TableState, column: str, number: str, argument: str | None) -> Iterator[Question]:
    precision, _, places = (argument or "10").partition(",")
    scale = int(places or 0)
    value = f"CAST({number} AS decimal(65, 30))"
    condition = f"abs(round({value}, {scale})) >= 1e{int(precision) - scale}"
    yield _refused(table.name, column, condition, f"are beyond {precision} digits in")
    yield _refused(
        table.name, column, f"round({value}, {scale}) <> {value}", "would lose digits in"
    )


# ---- constraints ---------------------------------------------------------------------------------

_TOKEN = re.compile(r"'(?:[^'\\]|''|\\.)*'|`((?:[^`]|``)+)`|([^\W\d][\w$]*)(\s*\()?", re.DOTALL)
_WORDS = frozenset(
    """
    and as between binary case cast char collate convert date datetime day decimal div else end
    escape exists false hour in integer interval is like minute mod month not null or regexp rlike
    second separator signed then time true unknown unsigned using when xor year utf8mb4 _utf8mb4
    utf8mb4_bin utf8mb4_nopad_bin utf8mb4_0900_bin
    """.split()  # noqa: SIM905 - read more easily so
)


def _names_in(sql: str) -> list[str]:
    """Return what may be columns in a piece of SQL, in order."""
    found = []
    for token in _TOKEN.finditer(sql):
        if token[1]:
            found.append(token[1].replace("``", "`"))
        elif token[2] and not token[3] and token[2].lower() not in _WORDS:
            found.append(token[2])
    return list(dict.fromkeys(found))


def _checked(operation: ops.CreateCheckConstraintOp, state: SchemaState) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema)
    condition = operation.condition
    sql = (
        condition
        if isinstance(condition, str)
        else str(condition.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))
    ).replace("%%", "%")
    names = _names_in(sql)
    if table is None or not names or not set(names) <= set(table.column_names):
        return
    told = operation.constraint_name or f"CHECK ({sql})"
    yield Question(
        sql=_count(table.name, f"NOT ({sql})"),
        problem=f"break {told} in {table.name}",
        cure=_cure(table.name, names[0], f"NOT ({sql})"),
    )


def _unique_key(
    operation: ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp, state: SchemaState
) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema, *operation.columns)
    if table is None:
        return
    for name in operation.columns if isinstance(operation, ops.CreatePrimaryKeyOp) else []:
        if table.column(name).nullable:
            yield _refused(table.name, name, f"{name_of(name)} IS NULL", "have no value in")
    yield _repeated(table.name, [name_of(name) for name in operation.columns])


_ORDER = re.compile(r" (?:ASC|DESC)\Z", re.IGNORECASE)
_PREFIX = re.compile(r"(`(?:[^`]|``)+`|\w+)\((\d+)\)\Z")


def _unique_index(operation: ops.CreateIndexOp, state: SchemaState) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema)
    parts = []
    for given in operation.columns:
        part = _ORDER.sub("", name_of(given) if isinstance(given, str) else str(given))
        if is_name(part):
            part = name_of(unquoted(part))
        parts.append(_PREFIX.sub(r"left(\1, \2)", part))
    used = {name for part in parts for name in _names_in(part)}
    if table is not None and used <= set(table.column_names):
        yield _repeated(table.name, parts)


def _repeated(table: TableName, parts: Sequence[str]) -> Question:
    """Return the question for rows that are equal to an earlier one, as their collation sees it."""
    conditions = " AND ".join(f"({part}) IS NOT NULL" for part in parts)
    groups = ", ".join(parts)
    sql = (
        f"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {told_table(table)}"
        f" WHERE {conditions} GROUP BY {groups} HAVING count(*) > 1) AS repeated"
    )
    return Question(
        sql=for_driver(sql),
        problem=f"repeat another row's ({groups.replace('`', '')}) in {table}",
        cure=f'op.execute("DELETE FROM {told_table(table)} WHERE ...")',
    )


def _orphaned(
    table: TableName, columns: Sequence[str], target: TableName, others: Sequence[str]
) -> str:
    named = " AND ".join(f"{told_table(table)}.{name_of(name)} IS NOT NULL" for name in columns)
    equal = " AND ".join(
        f"other.{name_of(theirs)} = {told_table(table)}.{name_of(ours)}"
        for ours, theirs in zip(columns, others, strict=True)
    )
    return f"{named} AND NOT EXISTS (SELECT 1 FROM {told_table(target)} AS other WHERE {equal})"


def orphans(
    table: TableName, columns: Sequence[str], target: TableName, others: Sequence[str]
) -> str:
    """Return SQL that counts the rows that refer to no row of the target."""
    return _count(table, _orphaned(table, columns, target, others))


def _referring(operation: ops.CreateForeignKeyOp, state: SchemaState) -> Iterator[Question]:
    own, others = operation.local_cols, operation.remote_cols
    table = _table(state, operation.source_table, operation.kw.get("source_schema"), *own)
    schema = operation.kw.get("referent_schema")
    target = _table(state, operation.referent_table, schema, *others)
    if table is None or target is None:
        return
    condition = _orphaned(table.name, own, target.name, others)
    yield Question(
        sql=_count(table.name, condition),
        problem=f"refer to no row of {target.name} in {table.name}.{', '.join(own)}",
        cure=_cure(table.name, own[0], condition),
    )
