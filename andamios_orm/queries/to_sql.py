"""Turn a selection into a SQLAlchemy statement whose values are numbered parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.queries.nodes import Term, is_clause
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.parameters import Joins, Parameters, parameter
from andamios_orm.queries.relations import Scope, Via
from andamios_orm.queries.returning import returned
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.terms import Assignment, Attr
from andamios_orm.schema.columns import JsonOf, ManyOf
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.plain import plain_storage
from andamios_orm.schema.representations import duckdb
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec
from andamios_orm.schema.tables import current

__all__ = [
    "Statement",
    "arrow_columns",
    "bulk_insert",
    "by_key",
    "changes_of",
    "columns_of",
    "count",
    "delete",
    "delete_by_key",
    "exists",
    "insert",
    "insert_arrays",
    "key_conditions",
    "key_page",
    "last_inserted",
    "limited",
    "place_columns",
    "read_columns",
    "refuse_other_tables",
    "select",
    "takes_arrays",
    "update",
    "update_by_key",
]

Statement: TypeAlias = "sa.Select[Any] | sa.Insert | sa.Update | sa.Delete"


# ---- reading -----------------------------------------------------------------------------------


def select(
    selection: Selection,
    dialect_name: str,
    what: Sequence[ColumnElement[Any]] | None = None,
) -> sa.Select[Any]:
    """Return the SELECT of all the model's columns, or of `what`.

    Raises NotSupported, UsageError.
    """
    if what is None:
        if _converts(selection.model, dialect_name) and _is_cut(selection):
            return _converted_when_cut(selection, dialect_name)
        table = table_of(selection.model)
        what = read_columns(table, spec_of(selection.model).fields, dialect_name)
    found = limited(_filtered(selection, what, dialect_name), selection)
    if selection.lock is None:
        return found
    return found.with_for_update(
        nowait=selection.lock == "nowait", skip_locked=selection.lock == "skip locked"
    )


def _is_cut(selection: Selection) -> bool:
    """Whether rows are sorted by columns of their own, and the first are taken."""
    return (
        selection.limit is not None
        and bool(selection.orderings)
        and all(
            isinstance(one, Ordering) and isinstance(one.term, Attr) for one in selection.orderings
        )
    )


def _converted_when_cut(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of all columns that converts values of the rows that are left only.

    DuckDB computes what is read before it sorts and cuts, so for every row that fits.
    """
    model = selection.model
    rows = limited(_filtered(selection, columns(model), dialect_name), selection).subquery()
    # Sorted again, because no engine promises the order of a subquery's rows.
    scope = Scope(Parameters(dialect_name), model, rows)
    orderings = [one.clause(scope) for one in selection.orderings]
    what = read_columns(rows, spec_of(model).fields, dialect_name)
    return sa.select(*what).order_by(*orderings)


def count(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of the number of rows; limit and offset count too."""
    if selection.limit is None and selection.offset is None:
        return _filtered(selection, [sa.func.count()], dialect_name, ordered=False)
    inner = select(selection, dialect_name, columns(selection.model)).subquery()
    return sa.select(sa.func.count()).select_from(inner)


def exists(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of one row if there is any."""
    one: list[ColumnElement[Any]] = [sa.literal_column("1")]
    return limited(_filtered(selection, one, dialect_name), selection)


def by_key(selection: Selection, dialect_name: str) -> sa.Select[Any]:
    """Return the SELECT of the row with a primary key, if it is one of the selected.

    The key's parts are the first parameters.
    """
    found = key_conditions(selection, Parameters(dialect_name))
    return sa.select(*columns(selection.model)).where(*found)


def key_page(
    selection: Selection,
    what: Sequence[ColumnElement[Any]],
    dialect_name: str,
    *,
    after: bool,
) -> sa.Select[Any]:
    """Return the SELECT of the next rows of a selection in the order of the primary key.

    With `after` the key's parts of the row before are the first parameters; the number of rows
    is the last one.
    """
    parameters = Parameters(dialect_name)
    table = table_of(selection.model)
    key = [table.c[field.column] for field in spec_of(selection.model).primary_key]
    statement = sa.select(*what).select_from(table).order_by(*key)
    if after:
        statement = statement.where(_beyond(key, [parameters.bind(None, c.type) for c in key]))
    statement = statement.where(*(c.clause(parameters) for c in selection.conditions))
    return statement.limit(parameters.bind(None, sa.BigInteger()))


def _beyond(
    key: Sequence[ColumnElement[Any]], given: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    """Return the condition that a key comes after another, part by part.

    Not as a comparison of tuples, for which MariaDB would use no index.
    """
    if len(key) == 1:
        return key[0] > given[0]
    rest = sa.and_(key[0] == given[0], _beyond(key[1:], given[1:]))
    return sa.and_(key[0] >= given[0], sa.or_(key[0] > given[0], rest))


def arrow_columns(
    model: type[BaseModel], fields: Sequence[FieldSpec], dialect_name: str
) -> list[ColumnElement[Any]]:
    """Return columns as an engine gives them to Arrow, which is microseconds for intervals.

    DuckDB's own have months and nanoseconds there, which Arrow cannot convert.
    """
    found: list[ColumnElement[Any]] = []
    for field in fields:
        column = table_of(model).c[field.column]
        storage = plain_storage(field.storage, f"{model.__name__}.{field.name}")
        if storage.kind is Kind.INTERVAL and dialect_name == "duckdb":
            found.append(duckdb.microseconds(column).label(column.name))
        else:
            found.append(column)
    return found


def place_columns(
    selection: Selection, terms: Sequence[Term], dialect_name: str
) -> list[ColumnElement[Any]]:
    """Return what a SELECT of the selection reads to know the place of a row.

    Values of the terms are the parameters after those of the selection.
    """
    parameters = Parameters(dialect_name, first=len(selection.values()))
    # Without names of their own: in an ORDER BY, an engine could take one for the column's.
    return [term.clause(parameters).label(None) for term in terms]


def read_columns(
    rows: FromClause, fields: Sequence[FieldSpec], dialect_name: str
) -> list[ColumnElement[Any]]:
    """Return columns as an engine gives many rows of them fastest.

    DuckDB's driver takes three times as long to make a Decimal as to give the text of one, which
    pydantic reads.
    """
    found: list[ColumnElement[Any]] = []
    for field in fields:
        column: ColumnElement[Any] = rows.c[field.column]
        text = field.storage.kind is Kind.DECIMAL and dialect_name == "duckdb"
        # Without a name of its own: in an ORDER BY, DuckDB would take it for the column's.
        found.append(sa.cast(column, sa.Text()).label(None) if text else column)
    return found


def _converts(model: type[BaseModel], dialect_name: str) -> bool:
    """Whether an engine computes something for what `read_columns` reads."""
    return dialect_name == "duckdb" and any(
        field.storage.kind in (Kind.DECIMAL, Kind.DATETIME) for field in spec_of(model).fields
    )


def columns(model: type[BaseModel]) -> list[sa.Column[Any]]:
    """Return the model's columns in the order of its fields."""
    return columns_of(model, spec_of(model).fields)


def columns_of(model: type[BaseModel], fields: Sequence[FieldSpec]) -> list[sa.Column[Any]]:
    """Return the columns of some fields of the model."""
    table = table_of(model)
    return [table.c[field.column] for field in fields]


def _filtered(
    selection: Selection,
    what: Sequence[ColumnElement[Any]],
    dialect_name: str,
    *,
    ordered: bool = True,
) -> sa.Select[Any]:
    table = table_of(selection.model)
    # What is locked is one table's rows, never those that a join adds.
    joins = Joins(table)
    parameters = Parameters(dialect_name, joins if selection.lock is None else None)
    conditions = [c.clause(parameters) for c in selection.conditions]
    orderings = [o.clause(parameters) for o in selection.orderings] if ordered else []
    refuse_other_tables(selection.model, [*conditions, *orderings], joins.source)
    return sa.select(*what).select_from(joins.source).where(*conditions).order_by(*orderings)


def refuse_other_tables(
    model: type[BaseModel],
    clauses: Sequence[ColumnElement[Any]],
    source: FromClause | None = None,
) -> None:
    """Raise UsageError if SQLAlchemy expressions among the clauses read another table.

    A SELECT would meet every row with every row, and so would an UPDATE or a DELETE.
    """
    rows = table_of(model) if source is None else source
    if len(sa.select(*clauses).select_from(rows).get_final_froms()) > 1:
        raise UsageError(
            f"an expression in this query reads a table other than {model.__name__}'s;"
            " without a join every row would meet every row",
            "put the other table into a subquery, as in"
            " `column.in_(sqlalchemy.select(...))` or `sqlalchemy.exists(...)`",
        )


def limited(statement: sa.Select[Any], selection: Selection) -> sa.Select[Any]:
    """Return the statement with the selection's limit and offset, its last values."""
    # The last parameters, as in Selection.values(); BIGINT because an offset may be large.
    number = (
        len(selection.values()) - (selection.limit is not None) - (selection.offset is not None)
    )
    if selection.limit is not None:
        statement = statement.limit(sa.bindparam(parameter(number), None, type_=sa.BigInteger()))
        number += 1
    if selection.offset is not None:
        statement = statement.offset(sa.bindparam(parameter(number), None, type_=sa.BigInteger()))
    return statement


def key_conditions(
    selection: Selection, parameters: Parameters, *, versioned: bool = False
) -> list[ColumnElement[bool]]:
    """Return what holds for the row with a primary key, if it is one of the selected.

    With `versioned` it also has a version, whose value comes after the key's.
    """
    spec, table = spec_of(selection.model), table_of(selection.model)
    fields = [*spec.primary_key, *([spec.roles["version"]] if versioned else ())]
    columns = [table.c[field.column] for field in fields]
    found: list[ColumnElement[bool]] = [c == parameters.bind(None, c.type) for c in columns]
    return [*found, *(c.clause(parameters) for c in selection.conditions)]


# ---- writing -----------------------------------------------------------------------------------


def insert(
    model: type[BaseModel],
    fields: Sequence[FieldSpec],
    dialect_name: str,
    *,
    returning: bool = True,
    into: sa.Insert | None = None,
) -> sa.Insert:
    """Return the INSERT of one row, which gives the whole row back if `returning`.

    `into` is an INSERT without values that knows what to do on a conflict.
    """
    # Without fields the row is all defaults, which SQLAlchemy writes as each engine wants it.
    statement = _into(model, into).values(_row(model, fields, 0))
    # inline(): else SQLAlchemy would add RETURNING for the key by itself.
    return statement.returning(*returned(model, dialect_name)) if returning else statement.inline()


def last_inserted(model: type[BaseModel]) -> sa.Select[Any]:
    """Return the SELECT of the row whose counted key MySQL made last on this connection."""
    [key] = spec_of(model).primary_key
    column = table_of(model).c[key.column]
    return sa.select(*columns(model)).where(column == sa.func.last_insert_id())


def takes_arrays(fields: Sequence[FieldSpec], dialect_name: str) -> bool:
    """Whether an engine that inserts lists of columns does so with these.

    PostgreSQL's arrays have no arrays inside, and asyncpg not the types of every extension.
    """
    return dialect_name != "postgresql" or not any(f.storage.kind is Kind.CUSTOM for f in fields)


def insert_arrays(
    model: type[BaseModel],
    fields: Sequence[FieldSpec],
    dialect_name: str,
    *,
    returning: bool = True,
    into: sa.Insert | None = None,
) -> sa.Insert:
    """Return the INSERT of many rows, which gives them back if `returning`.

    Its parameters are lists, one a field, so the text is the same for any number of rows. The
    database makes keys in their order. `into` is as for `insert`.
    """
    table = table_of(model)
    filled = [table.c[field.column] for field in fields]
    if dialect_name == "postgresql":
        rows = _unnested(filled)
    else:
        pairs = enumerate(zip(filled, fields, strict=True))
        rows = sa.select(*(_items(number, *pair) for number, pair in pairs))
    statement = _into(model, into).from_select([column.name for column in filled], rows)
    return statement.returning(*returned(model, dialect_name)) if returning else statement.inline()


def _unnested(into: Sequence[sa.Column[Any]]) -> sa.Select[Any]:
    """Return the rows of PostgreSQL's arrays, in their order.

    Defaults are computed when rows are inserted, so keys are counted in this order.
    """
    names = [f"c{number}" for number in range(len(into))]
    lists = [_list(number, column) for number, column in enumerate(into)]
    rows = sa.func.unnest(*lists).table_valued(*names, with_ordinality="place").render_derived()
    return sa.select(*(rows.c[name] for name in names)).order_by(rows.c.place)


def _list(number: int, column: sa.Column[Any]) -> ColumnElement[Any]:
    many = ManyOf(column.type)
    return sa.cast(sa.bindparam(parameter(number), None, type_=many), many)


def _items(number: int, column: sa.Column[Any], field: FieldSpec) -> ColumnElement[Any]:
    """Return what a column gets in the rows of DuckDB, which keeps the order of lists."""
    item_type = JsonOf.item_type(field.storage.kind)
    if item_type is None or column.foreign_keys:
        # What a foreign key's column was given is looked up when it is refused.
        return sa.func.unnest(_list(number, column))
    text = sa.bindparam(parameter(number), None, type_=JsonOf(column.type))
    items = sa.func.from_json_strict(text, sa.literal_column(f"'[\"{item_type}\"]'"))
    return sa.cast(sa.func.unnest(items), column.type)


def bulk_insert(
    model: type[BaseModel],
    fields: Sequence[FieldSpec],
    rows: int,
    dialect_name: str,
    *,
    returning: bool = True,
    into: sa.Insert | None = None,
) -> sa.Insert:
    """Return the INSERT of `rows` rows that gives the whole rows back if `returning`.

    `into` is as for `insert`.
    """
    values = [_row(model, fields, n * len(fields)) for n in range(rows)]
    statement = _into(model, into).values(values)
    return statement.returning(*returned(model, dialect_name)) if returning else statement.inline()


def _into(model: type[BaseModel], into: sa.Insert | None) -> sa.Insert:
    return sa.insert(table_of(model)) if into is None else into


def changes_of(spec: ModelSpec, table: sa.Table) -> dict[str, ColumnElement[Any]]:
    """Return what every change of a row sets besides: another version, and the time."""
    found: dict[str, ColumnElement[Any]] = {}
    if version := spec.roles.get("version"):
        found[version.column] = table.c[version.column] + sa.literal_column("1")
    if updated := spec.roles.get("updated_at"):
        found[updated.column] = current(updated.storage.kind)
    return found


def update_by_key(
    selection: Selection,
    fields: Sequence[FieldSpec],
    dialect_name: str,
    *,
    versioned: bool = False,
    returning: bool = True,
) -> sa.Update:
    """Return the UPDATE of the fields of one row, if it is one of the selected.

    After the fields' values come those of `key_conditions`.
    """
    model = selection.model
    table, parameters = table_of(model), Parameters(dialect_name, first=len(fields))
    statement = (
        sa.update(table)
        .values(_row(model, fields, 0) | changes_of(spec_of(model), table))
        .where(*key_conditions(selection, parameters, versioned=versioned))
    )
    return statement.returning(*returned(model, dialect_name)) if returning else statement


def delete_by_key(selection: Selection, dialect_name: str, *, versioned: bool) -> sa.Delete:
    """Return the DELETE of the row with a primary key, if it is one of the selected.

    Its parameters are those of `key_conditions`.
    """
    conditions = key_conditions(selection, Parameters(dialect_name), versioned=versioned)
    return sa.delete(table_of(selection.model)).where(*conditions)


def update(
    selection: Selection,
    assignments: Sequence[Assignment],
    dialect_name: str,
    *,
    sequential: bool = False,
    key: bool = False,
    versioned: bool = False,
    returning: bool = False,
) -> sa.Update:
    """Return the UPDATE of the selected rows, values of the assignments first.

    With `key` it is one of them, by its primary key, and with `versioned` by its version too; with
    `returning` the rows are given back. `sequential` is for engines that assign one column after
    the other.
    """
    model = selection.model
    table = table_of(model)
    parameters = Parameters(dialect_name)
    values = {a.attr.field.column: _assigned(a, parameters, dialect_name) for a in assignments}
    refuse_other_tables(model, list(values.values()))
    values |= changes_of(spec_of(model), table)
    if sequential:
        _refuse_assigned_columns(values, table)
    conditions = (
        key_conditions(selection, parameters, versioned=versioned)
        if key
        else [c.clause(parameters) for c in selection.conditions]
    )
    refuse_other_tables(model, conditions)
    statement = sa.update(table).values(values).where(*conditions)
    if dialect_name == "sqlite" and not key and _selects([*values.values(), *conditions]):
        # A SELECT of this table would read the rows that are written already. Where there is a
        # FROM, SQLite computes all rows beforehand.
        beforehand = sa.select(sa.literal_column("1").label("one")).subquery()
        statement = statement.where(beforehand.c.one == sa.literal_column("1"))
    return statement.returning(*returned(model, dialect_name)) if returning else statement


def _selects(clauses: Iterable[ColumnElement[Any]]) -> bool:
    """Whether one of the clauses has a SELECT in it."""
    return any(_is_select(part) for clause in clauses for part in visitors.iterate(clause))


def _is_select(part: visitors.ExternallyTraversible) -> bool:
    if isinstance(part, sa.TextClause):
        return "select" in part.text.lower()
    if isinstance(part, sa.ColumnClause):
        return part.is_literal and "select" in part.name.lower()
    return isinstance(part, sa.SelectBase)


def _refuse_assigned_columns(values: dict[str, ColumnElement[Any]], table: sa.Table) -> None:
    """Raise NotSupported if a value is computed from another column that is set as well.

    It would read what the assignment before it wrote.
    """
    for name, value in values.items():
        columns_read = (c for c in visitors.iterate(value) if isinstance(c, sa.Column))
        read = {c.name for c in columns_read if c.table is table}
        if shared := sorted(read & values.keys() - {name}):
            raise NotSupported(
                f"`{name}` is computed from `{shared[0]}`, which the same update sets, and"
                " MySQL would compute with the new value",
                "update in two steps, or read the rows and compute in Python",
            )


def delete(selection: Selection, dialect_name: str) -> sa.Delete:
    """Return the DELETE of the selected rows."""
    parameters = Parameters(dialect_name)
    conditions = [c.clause(parameters) for c in selection.conditions]
    refuse_other_tables(selection.model, conditions)
    return sa.delete(table_of(selection.model)).where(*conditions)


def _row(
    model: type[BaseModel], fields: Sequence[FieldSpec], first: int
) -> dict[str, ColumnElement[Any]]:
    table = table_of(model)
    return {
        field.column: sa.bindparam(parameter(first + n), None, type_=table.c[field.column].type)
        for n, field in enumerate(fields)
    }


def _assigned(
    assignment: Assignment, parameters: Parameters, dialect_name: str
) -> ColumnElement[Any]:
    attr, value = assignment.attr, assignment.value
    if not isinstance(value, Term):
        return value if is_clause(value) else parameters.bind(value, attr.column.type)
    clause = value.clause(parameters)
    if attr.storage.kind is not Kind.DECIMAL or (
        isinstance(value, Attr | Via) and value.storage == attr.storage
    ):
        return clause
    # Other engines round to the column's places by themselves.
    parameters.require_order(attr)
    parameters.require_order(value)
    if dialect_name == "sqlite":
        nudged = clause * sa.literal_column(_NUDGE, sa.Double())
        return sa.func.round(nudged, sa.literal_column(str(attr.storage.scale)))
    return clause


_NUDGE = "1.0000000000000004"
"""Lifts a double that lies just below a half, such as 1.005, over it, and no other number of 15
digits: SQLite would round it down."""
