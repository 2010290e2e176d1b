"""An INSERT that meets a row with its key, and what it does with that row instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression

from andamios_orm.queries.to_sql import changes_of
from andamios_orm.schema.compiler import spec_of, table_of

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["Conflict", "UniqueKey", "insert_or", "unique_keys"]


class Conflict(NamedTuple):
    """A row that has the values of the fields `on` gets those of the fields `update`."""

    on: tuple[str, ...]
    update: tuple[str, ...]


class UniqueKey(NamedTuple):
    """Columns that no two rows of a table share."""

    columns: tuple[str, ...]
    exact: bool = True
    """Whether an INSERT can name it, and rows with equal values meet in it: no key of expressions
    or of the beginnings of texts, and none that is checked later."""
    where: Any = None
    """Of which rows it holds, None for all."""
    plain: bool = True
    """Whether it is of the columns' values: not of expressions, nor of the beginnings of texts."""


def unique_keys(table: sa.Table, dialect_name: str) -> Iterator[UniqueKey]:
    """Yield the keys of a table, as far as its model tells; the primary one first."""
    yield UniqueKey(tuple(column.name for column in table.primary_key))
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            columns = tuple(column.name for column in constraint.columns)
            yield UniqueKey(columns, not (constraint.deferrable or constraint.initially))
    for index in table.indexes:
        if not index.unique:
            continue
        columns = tuple(column.name for column in index.columns)
        options = index.dialect_kwargs
        plain = all(map(_is_column, index.expressions)) and not options.get(
            f"{dialect_name}_length"
        )
        yield UniqueKey(columns, plain, options.get(f"{dialect_name}_where"), plain)


def _is_column(expression: ColumnElement[Any] | str) -> bool:
    """Whether what is indexed is a column, in either order, and nothing made of one."""
    while isinstance(expression, UnaryExpression) and expression.modifier in _ORDERS:
        expression = expression.element
    return isinstance(expression, sa.Column)


_ORDERS = (operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op)


def insert_or(
    model: type[BaseModel], conflict: Conflict, dialect_name: str, *, with_deleted: bool = False
) -> sa.Insert:
    """Return an INSERT without values that changes a row it is in conflict with.

    On MariaDB and MySQL any key of the table is meant, elsewhere that of `conflict.on`. Without
    anything to update the row stays as it is, and is given back on MariaDB only. A row of another
    tenant, or that is marked as deleted unless `with_deleted`, is not changed where the key can be
    said.
    """
    table, spec = table_of(model), spec_of(model)
    names = [spec.by_name[name].column for name in conflict.update]
    changes = changes_of(spec, table) if names else {}
    if dialect_name in ("mariadb", "mysql"):
        from sqlalchemy.dialects import mysql  # noqa: PLC0415 - the engine at hand has loaded it

        into = mysql.insert(table)
        changes |= {name: into.inserted[name] for name in names}
        key = next(iter(table.primary_key))
        return into.on_duplicate_key_update(changes or {key.name: key})
    on = [spec.by_name[name].column for name in conflict.on]
    keys = [key for key in unique_keys(table, dialect_name) if set(key.columns) == set(on)]
    wheres = [key.where for key in keys if key.exact]
    # One that holds of all rows decides about each.
    where = None if any(where is None for where in wheres) else next(iter(wheres), None)
    elements = [table.c[name] for name in on]
    other = _insert(table, dialect_name)
    if not names:
        return other.on_conflict_do_nothing(index_elements=elements, index_where=where)
    standing: list[ColumnElement[bool]] = []
    if tenant := spec.roles.get("tenant"):
        standing.append(table.c[tenant.column] == other.excluded[tenant.column])
    if not with_deleted and (deleted := spec.roles.get("deleted_at")):
        standing.append(table.c[deleted.column].is_(None))
    return other.on_conflict_do_update(
        index_elements=elements,
        index_where=where,
        set_=changes | {name: other.excluded[name] for name in names},
        where=sa.and_(*standing) if standing else None,
    )


def _insert(table: sa.Table, dialect_name: str) -> postgresql.Insert | sqlite.Insert:
    if dialect_name == "sqlite":
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as above

        return sqlite.insert(table)
    # DuckDB's compiler is one of PostgreSQL.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as above

    return postgresql.insert(table)
