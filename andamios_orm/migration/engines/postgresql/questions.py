"""How many rows of a live PostgreSQL database a stricter rule would refuse, as SQL that counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.engines.base import Question
from andamios_orm.migration.engines.postgresql.columns import (
    cast_sql,
    catalog_type,
    type_sql,
)
from andamios_orm.migration.engines.postgresql.names import literal, names_in, quoted
from andamios_orm.migration.operations import AlterEnumOp
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["converted", "questions"]

# Of those of PostgreSQL, one that does not write %% for %.
_DIALECT: sa.Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


def questions(operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
    """Return what to count before an operation, on a database in `state`.

    Of a table or column that is not there yet, there is nothing to count.
    """
    match operation:
        case ops.AddColumnOp():
            return list(_added(operation, state))
        case ops.AlterColumnOp():
            return list(_altered(operation, state))
        case ops.CreateCheckConstraintOp():
            return list(_checked(operation, state))
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            return list(_unique_key(operation, state))
        case ops.CreateIndexOp(unique=True):
            return list(_unique_index(operation, state))
        case ops.CreateForeignKeyOp():
            return list(_referring(operation, state))
        case AlterEnumOp():
            return list(_labelled(operation, state))
        case _:
            return []


def _table(state: SchemaState, name: str, schema: str | None, *columns: str) -> TableState | None:
    """Return the table, if it has these columns."""
    found = state.tables.get(TableName(name, schema))
    return found if found is not None and set(columns) <= set(found.column_names) else None


def _sql(name: TableName) -> str:
    return quoted(name.schema, name.name)


def _count(table: TableName, condition: str) -> str:
    return f"SELECT count(*) FROM {_sql(table)} WHERE {condition}"


def _written(condition: str | sa.ClauseElement) -> str:
    """Return a condition or expression of a revision as SQL."""
    clause = sa.text(condition) if isinstance(condition, str) else condition
    return str(clause.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


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
    if table is None or column.nullable or any(made is not None for made in makes_values):
        return
    yield Question(
        sql=_count(table.name, "true"),
        problem=f"would have no value in {table.name}.{column.name}",
        cure=_cure(table.name, column.name, f"{quoted(column.name)} IS NULL"),
        fill=f"{table.name}.{column.name}",
    )


def _altered(operation: ops.AlterColumnOp, state: SchemaState) -> Iterator[Question]:
    column = operation.column_name
    table = _table(state, operation.table_name, operation.schema, column)
    if table is None:
        return
    if operation.modify_nullable is False and table.column(column).nullable:
        condition = f"{quoted(column)} IS NULL"
        yield Question(
            sql=_count(table.name, condition),
            problem=f"have no value in {table.name}.{column}",
            cure=_cure(table.name, column, condition),
            fill=f"{table.name}.{column}",
        )
    if operation.modify_type is not None and "postgresql_using" not in operation.kw:
        new = type_sql(operation.modify_type, _DIALECT)
        yield from _retyped(table, column, table.column(column).type, new)


_TEXTS = ("text", "character varying", "character")
_LENGTH = re.compile(r"(?:VARCHAR|CHARACTER VARYING|CHAR|CHARACTER)\((\d+)\)")
_NUMERIC = re.compile(r"(?:NUMERIC|DECIMAL)\((\d+)(?:, *(-?\d+))?\)")
_RANGES = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
# What the server reads as such a value: texts that do not look so are in the way.
_WHOLE = r"^\s*[-+]?\d+\s*$"
_READABLE: Mapping[str, str] = {
    **dict.fromkeys(_RANGES, _WHOLE),
    "NUMERIC": r"^\s*([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[nN]a[nN])\s*$",
    "DOUBLE PRECISION": r"^\s*([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[nN]a[nN])\s*$",
    "BOOLEAN": r"^\s*(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)\s*$",
    "UUID": r"^(\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\}|([0-9a-f]{4}-?){7}[0-9a-f]{4})$",
}


def _retyped(table: TableState, column: str, old: str, new: str) -> Iterator[Question]:
    """Yield what counts values that the other type does not hold, or not as they are."""
    for condition, problem in _misfits(quoted(column), old, new):
        yield _refused(table.name, column, condition, problem)


def _misfits(name: str, old: str, new: str) -> Iterator[tuple[str, str]]:
    """Yield what is true of such values, and how to tell it."""
    if old.endswith("[]") or new.endswith("[]"):
        return
    family = old.partition("(")[0]
    numeric, length = _NUMERIC.fullmatch(new), _LENGTH.fullmatch(new)
    base = "NUMERIC" if numeric else new
    number = name
    if condition := _shortened(name, old, new):
        yield condition, "would lose digits in"
        return
    if length:
        text = name if family in _TEXTS else f"CAST({name} AS text)"
        yield f"length({text}) > {length[1]}", f"are longer than {length[1]} in"
    elif family in _TEXTS and base in _READABLE:
        pattern = literal(_READABLE[base])
        yield f"{name} !~* {pattern}", f"are no {new.lower()} in"
        if base == "DOUBLE PRECISION" or base not in {"NUMERIC", *_RANGES}:
            return
        number = f"CASE WHEN {name} ~* {pattern} THEN CAST({name} AS numeric) END"
    elif family not in _NUMBERS:
        return
    if base in _RANGES:
        highest = 2 ** _RANGES[base]
        # The highest itself is no double precision, but the number after it.
        condition = f"round({number}) < -{highest} OR round({number}) >= {highest}"
        yield condition, f"are beyond {new.lower()} in"
    elif numeric:
        precision, scale = int(numeric[1]), int(numeric[2] or 0)
        value = f"CAST({number} AS numeric)"
        condition = f"abs(round({value}, {scale})) >= 1e{precision - scale}"
        yield condition, f"are beyond {new.lower()} in"
    if base in _RANGES or numeric:
        places = int(numeric[2] or 0) if numeric else 0
        value = f"CAST({number} AS numeric)"
        yield f"round({value}, {places}) <> {value}", "would lose digits in"


def converted(value: str, old: str, type_: TypeEngine[object]) -> tuple[str, str] | None:
    """Return SQL for a value in another type, NULL where it does not fit, and the type.

    None for types whose values no condition tells apart before the server reads them.
    """
    after = catalog_type(type_sql(type_, _DIALECT))
    before, family = old.partition("(")[0], after.partition("(")[0]
    made = family if _NUMERIC.fullmatch(after.upper()) else after
    if "[]" in (old[-2:], after[-2:]):
        return None
    if family not in _TEXTS and made not in _MADE_OF.get(before, ()):
        return None
    misfits = [condition for condition, _ in _misfits(value, old, after.upper())]
    if before in _TEXTS and family in ("numeric", "double precision"):
        # With an exponent, a number may be beyond what the server reads at all.
        misfits.append(f"{value} ~* 'e' OR length({value}) > 300")
    elif before == "numeric" and family == "double precision":
        misfits.append(f"abs({value}) > 1e300")
    fits = [f"({condition}) IS NOT TRUE" for condition in misfits]
    cast = cast_sql(value, old, after)
    return (f"CASE WHEN {' AND '.join(fits)} THEN {cast} END" if fits else cast), after


_OF_NUMBERS = ("smallint", "integer", "bigint", "numeric", "double precision", "boolean")
_MADE_OF: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(_TEXTS, (*_OF_NUMBERS, "uuid")),
    **dict.fromkeys((*_NUMBERS, "boolean"), _OF_NUMBERS),
}
"""By the type that is: those whose misfits are told by a condition."""


def _shortened(name: str, old: str, new: str) -> str | None:
    """Return what is true of values that another type takes, but not whole; None for none."""
    family = old.partition("(")[0]
    if family.startswith("timestamp") and new.startswith("TIME") and "STAMP" not in new:
        return f"{name} IS NOT NULL"
    if family.startswith("timestamp") and new.startswith(("DATE", "TIMESTAMP(")):
        return f"CAST({name} AS {new}) <> {name}"
    if family in _NUMBERS and new == "BOOLEAN":
        return f"{name} NOT IN (0, 1)"
    if family in _NUMBERS and family != "real" and new.startswith(("DOUBLE", "FLOAT", "REAL")):
        # Of what is beyond the type, the server tells itself.
        there = f"CAST(CASE WHEN abs({name}) < 3e38 THEN {name} END AS {new})"
        return f"CAST({there} AS {old}) <> {name}"
    return None


# ---- constraints ---------------------------------------------------------------------------------


def _checked(operation: ops.CreateCheckConstraintOp, state: SchemaState) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema)
    sql = _written(operation.condition)
    if table is None or not names_in(sql) <= set(table.column_names):
        return
    told = operation.constraint_name or f"CHECK ({sql})"
    yield Question(
        sql=_count(table.name, f"NOT ({sql})"),
        problem=f"break {told} in {table.name}",
        cure=_cure(table.name, next(iter(sorted(names_in(sql))), ""), f"NOT ({sql})"),
    )


def _unique_key(
    operation: ops.CreateUniqueConstraintOp | ops.CreatePrimaryKeyOp, state: SchemaState
) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema, *operation.columns)
    if table is None:
        return
    is_key = isinstance(operation, ops.CreatePrimaryKeyOp)
    for name in operation.columns if is_key else []:
        condition = f"{quoted(name)} IS NULL"
        if table.column(name).nullable:
            yield _refused(table.name, name, condition, "have no value in")
    distinct = not (is_key or operation.kw.get("postgresql_nulls_not_distinct"))
    names = [quoted(name) for name in operation.columns]
    yield _repeated(table.name, names, None, distinct=distinct)


def _unique_index(operation: ops.CreateIndexOp, state: SchemaState) -> Iterator[Question]:
    table = _table(state, operation.table_name, operation.schema)
    names = [
        quoted(part) if isinstance(part, str) else _written(part) for part in operation.columns
    ]
    where = operation.kw.get("postgresql_where")
    condition = None if where is None else _written(where)
    used = names_in(condition or "").union(*map(names_in, names))
    if table is None or not used <= set(table.column_names):
        return
    names = [re.sub(_ORDER, "", name) for name in names]
    distinct = not operation.kw.get("postgresql_nulls_not_distinct")
    yield _repeated(table.name, names, condition, distinct=distinct)


_ORDER = re.compile(r"( \w+_ops)?( (ASC|DESC))?( NULLS (FIRST|LAST))?$", re.IGNORECASE)


def _repeated(
    table: TableName, parts: Sequence[str], where: str | None, *, distinct: bool
) -> Question:
    """Return the question for rows that are equal to an earlier one."""
    conditions = [f"({part}) IS NOT NULL" for part in parts] if distinct else []
    conditions += [f"({where})"] if where else []
    chosen = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    groups = ", ".join(f"({part})" for part in parts)
    return Question(
        sql=(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n"
            f" FROM {_sql(table)}{chosen} GROUP BY {groups} HAVING count(*) > 1) AS repeated"
        ),
        problem=f"repeat another row's ({', '.join(parts)}) in {table}",
        cure=f'op.execute("DELETE FROM {_sql(table)} WHERE ...")',
    )


def _referring(operation: ops.CreateForeignKeyOp, state: SchemaState) -> Iterator[Question]:
    own, others = operation.local_cols, operation.remote_cols
    table = _table(state, operation.source_table, operation.kw.get("source_schema"), *own)
    schema = operation.kw.get("referent_schema")
    target = _table(state, operation.referent_table, schema, *others)
    if table is None or target is None:
        return
    named = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in own)
    equal = " AND ".join(
        f"other.{quoted(theirs)} = {_sql(table.name)}.{quoted(ours)}"
        for ours, theirs in zip(own, others, strict=True)
    )
    found = f"SELECT FROM {_sql(target.name)} AS other WHERE {equal}"
    condition = f"{named} AND NOT EXISTS ({found})"
    yield Question(
        sql=_count(table.name, condition),
        problem=f"refer to no row of {target.name} in {table.name}.{', '.join(own)}",
        cure=_cure(table.name, own[0], condition),
    )


def _labelled(operation: AlterEnumOp, state: SchemaState) -> Iterator[Question]:
    kept = {*operation.after, *operation.renamed, *operation.replaced}
    removed = [label for label in operation.before if label not in kept]
    if not removed:
        return
    labels = ", ".join(map(literal, removed))
    type_ = quoted(operation.schema, operation.name)
    for table in state.tables.values():
        for column in table.columns:
            name = quoted(column.name)
            if column.type == type_:
                condition = f"{name}::text IN ({labels})"
            elif column.type == f"{type_}[]":
                condition = f"{name}::text[] && ARRAY[{labels}]"
            else:
                continue
            told = f"have a label that goes ({', '.join(removed)}) in"
            yield _refused(table.name, column.name, condition, told)
