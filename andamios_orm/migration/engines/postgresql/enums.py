"""Labels of enum types: added and renamed where they are, removed by way of a new type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.postgresql.catalog import LiveTable
from andamios_orm.migration.engines.postgresql.names import literal, own_name, quoted
from andamios_orm.migration.engines.postgresql.retyping import Retyping
from andamios_orm.migration.operations import AlterEnumOp, CreateEnumOp, DropEnumOp

__all__ = ["alter_enum", "create_enum", "drop_enum"]


def _labels(labels: Sequence[str]) -> str:
    return ", ".join(map(literal, labels))


def create_enum(operation: CreateEnumOp) -> Sequence[Step]:
    """Return the step that creates a type, or brings the one back whose values were put aside."""
    name = quoted(operation.schema, operation.name)
    aside = _aside(operation)
    created = f"CREATE TYPE {name} AS ENUM ({_labels(operation.labels)})"

    def run(connection: sa.Connection) -> None:
        known = connection.scalar(sa.text(_LABELS), {"type": quoted(operation.schema, aside)})
        if known == list(operation.labels):
            kept = quoted(operation.schema, aside)
            connection.exec_driver_sql(f"ALTER TYPE {kept} RENAME TO {quoted(operation.name)}")
        else:
            connection.exec_driver_sql(created)

    return [Step(run=run, told=created)]


def drop_enum(operation: DropEnumOp) -> Sequence[Step]:
    """Return the step that drops a type, or renames it while values of it are put aside."""
    name = quoted(operation.schema, operation.name)
    dropped = f"DROP TYPE {name}"

    def run(connection: sa.Connection) -> None:
        if connection.scalar(sa.text(_IS_ASIDE), {"type": name}):
            connection.exec_driver_sql(f"ALTER TYPE {name} RENAME TO {_aside(operation)}")
        else:
            connection.exec_driver_sql(dropped)

    return [Step(run=run, told=dropped)]


def _aside(operation: CreateEnumOp | DropEnumOp) -> str:
    passing = own_name(operation.schema, operation.name, "aside")
    return passing.replace("andamios_new_", "andamios_dropped_")


def alter_enum(operation: AlterEnumOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the steps to a type with other labels."""
    kept = [operation.renamed.get(label, label) for label in operation.before]
    if [label for label in operation.after if label in kept] == kept:
        return _in_place(operation, kept)
    return _by_a_new_type(operation, connection)


def _in_place(operation: AlterEnumOp, kept: Sequence[str]) -> Sequence[Step]:
    """Return a step for the renames, and one for each new label.

    A new label cannot be used in the transaction that adds it.
    """
    alter = f"ALTER TYPE {quoted(operation.schema, operation.name)}"
    renames = tuple(
        f"{alter} RENAME VALUE {literal(old)} TO {literal(new)}"
        for old, new in operation.renamed.items()
    )
    steps = [Step(statements=renames)] if renames else []
    for place, label in enumerate(operation.after):
        if label in kept:
            continue
        where = f" AFTER {literal(operation.after[place - 1])}"
        if place == 0:
            where = f" BEFORE {literal(kept[0])}" if kept else ""
        added = f"{alter} ADD VALUE IF NOT EXISTS {literal(label)}{where}"
        steps.append(Step(statements=(added,)))
    return steps


def _by_a_new_type(operation: AlterEnumOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the steps to a second type, to which each column goes, and which takes the name."""
    passing = own_name(operation.schema, operation.name)
    old, new = quoted(operation.schema, operation.name), quoted(operation.schema, passing)
    columns = connection.execute(sa.text(_COLUMNS), {"type": old}).all()
    changes = _with_shared(
        [_retyping(operation, new, column, connection) for column in columns], connection
    )
    created = f"CREATE TYPE {new} AS ENUM ({_labels(operation.after)})"
    replaced = (f"DROP TYPE {old}", f"ALTER TYPE {new} RENAME TO {quoted(operation.name)}")
    beside: list[Step] = []
    for change in changes:
        obstacle = change.obstacle(connection)
        if obstacle is None:
            beside += change.beside(connection)
    return [
        Step(statements=(f"DROP TYPE IF EXISTS {new} CASCADE", created)),
        *beside,
        Step(
            run=partial(_swap, changes, replaced),
            told=f"put the new type in the place of {old}",
        ),
    ]


def _with_shared(changes: Sequence[Retyping], connection: sa.Connection) -> list[Retyping]:
    """Return the changes without the indexes and constraints that several of them are about.

    None of them could have such a one on a second column: the other column is still of the old
    type. They are made again when all have changed.
    """
    found = [set(change.over_it(connection)) for change in changes]
    return [
        replace(
            change,
            without=frozenset(
                name
                for other, others in zip(changes, found, strict=True)
                if other is not change and other.table == change.table
                for name in names & others
            ),
        )
        for change, names in zip(changes, found, strict=True)
    ]


def _swap(
    changes: Sequence[Retyping], statements: Sequence[str], connection: sa.Connection
) -> None:
    again: dict[tuple[LiveTable, str], str] = {}
    for change in changes:
        over_all = replace(change, without=frozenset()).over_it(connection)
        again |= {(change.table, name): over_all[name] for name in change.without}
    for change in changes:
        if change.obstacle(connection) is None:
            change.swap(connection)
        else:
            for statement in change.at_once(connection):
                connection.exec_driver_sql(statement)
    for statement in (*statements, *again.values()):
        connection.exec_driver_sql(statement)


def _retyping(
    operation: AlterEnumOp, new: str, column: sa.Row[Any], connection: sa.Connection
) -> Retyping:
    """Return the change of one column, with its labels and its default as they will be."""
    labels = {**operation.renamed, **operation.replaced}
    type_ = f"{new}[]" if column.is_array else new
    return Retyping(
        table=LiveTable(column.table, column.schema),
        column=column.column,
        type=type_,
        using=_mapped(quoted(column.column), labels, new, is_array=column.is_array),
        default=_default(operation, labels, type_, column, connection),
        types={column.type.removesuffix("[]"): new},
    )


def _default(
    operation: AlterEnumOp,
    labels: Mapping[str, str],
    type_: str,
    column: sa.Row[Any],
    connection: sa.Connection,
) -> str | None:
    """Return a column's default in the new type; None for a label that goes."""
    if column.default is None or not re.fullmatch(r"'(?:[^']|'')*'::.*", column.default):
        return None
    mapped = _mapped("kept", labels, "text", is_array=column.is_array)
    value: str = connection.exec_driver_sql(
        f"SELECT CAST({mapped} AS text) FROM (SELECT {column.default} AS kept) AS one"
    ).scalar_one()
    goes = not column.is_array and value not in operation.after
    return None if goes else f"{literal(value)}::{type_}"


def _mapped(column: str, labels: Mapping[str, str], type_: str, *, is_array: bool) -> str:
    """Return a column's value in the new type."""
    value = "label" if is_array else f"{column}::text"
    cases = "".join(f" WHEN {literal(old)} THEN {literal(new)}" for old, new in labels.items())
    mapped = f"CASE {value}{cases} ELSE {value} END" if cases else value
    if not is_array:
        return f"({mapped})::{type_}"
    if not cases:
        return f"{column}::text[]::{type_}[]"
    # ARRAY() of no rows is an empty array, also where there was NULL.
    return (
        f"CASE WHEN {column} IS NOT NULL THEN ARRAY(SELECT ({mapped})::{type_}"
        f" FROM unnest({column}::text[]) WITH ORDINALITY AS one (label, place) ORDER BY place) END"
    )


_LABELS = """
SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum
WHERE enumtypid = to_regtype(:type)"""

_IS_ASIDE = """
SELECT count(*) > 0 AND bool_and(t.relname ~ '^andamios_dropped_')
FROM pg_type y
JOIN pg_attribute a ON a.atttypid = y.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_class t ON t.oid = a.attrelid
WHERE to_regtype(:type) IN (y.oid, y.typelem)"""

_COLUMNS = """
SELECT n.nspname::text AS schema, t.relname::text AS table, a.attname::text AS column,
    format_type(a.atttypid, NULL) AS type, y.typelem <> 0 AS is_array,
    pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_type y
JOIN pg_attribute a ON a.atttypid = y.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attname !~ '^andamios_new_'
JOIN pg_class t ON t.oid = a.attrelid AND t.relkind IN ('r', 'p') AND NOT t.relispartition
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
WHERE to_regtype(:type) IN (y.oid, y.typelem)
ORDER BY t.oid, a.attnum"""
