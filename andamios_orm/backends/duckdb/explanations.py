"""Find out which key or rule a failed statement broke, where DuckDB's message leaves that open.

DuckDB forgets the names of constraints. Its messages show a key as `name: value`, for a foreign
key without its table, so the keys that the table has are held against what is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import sqlalchemy as sa

from andamios_orm.backends.duckdb.messages import (
    CHECK,
    MISSING,
    REFERENCED,
    UNIQUE,
    UNIQUE_UNNAMED,
    unquoted,
)

if TYPE_CHECKING:
    from andamios_orm.backends.duckdb.aio import AsyncConnection

__all__ = ["Key", "explained"]

Key: TypeAlias = tuple[str, tuple[str, ...]]
"""A table, and columns of it."""


async def explained(
    connection: AsyncConnection,
    error: BaseException,
    sql: str,
    parameters: Sequence[object],
    table: sa.Table,
) -> Key | None:
    """Return what a statement on `table` broke, None where several keys could be meant."""
    message = str(error)
    if not isinstance(error, duckdb.ConstraintException):
        return None
    if check := CHECK.fullmatch(message):
        return table.name, _names_in(check[2], table)
    if unique := UNIQUE.fullmatch(message):
        return _only(key for key in _unique_keys(table) if _fits(key[1], unique[1]))
    if UNIQUE_UNNAMED.fullmatch(message):
        # Two rows of one statement: a key that the statement does not write is not meant.
        written = _given(sql, parameters).keys()
        return _only(key for key in _unique_keys(table) if written & set(key[1]))
    if missing := MISSING.fullmatch(message):
        return _only(_missing(missing[1], sql, parameters, table))
    if referenced := REFERENCED.fullmatch(message):
        keys = list(_referring(referenced[1], table))
        if len(keys) > 1:
            keys = await connection.call(_with_rows, keys, referenced[1])
        return _only((key.table.name, _names(key.columns)) for key in keys)
    return None


def _only(keys: Iterable[Key]) -> Key | None:
    found = set(keys)
    return found.pop() if len(found) == 1 else None


def _names(columns: Iterable[sa.Column[Any]]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _fits(names: Sequence[str], shown: str) -> bool:
    """Whether `shown` can be the values of these columns; a value may look like a name."""
    return bool(names) and _values(names, shown) is not None


def _values(names: Sequence[str], shown: str) -> tuple[str, ...] | None:
    pattern = ", ".join(f"{re.escape(name)}: (.*)" for name in names)
    found = re.fullmatch(pattern, shown, re.DOTALL)
    return found and found.groups()


_STRING = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r'"(?:[^"]|"")+"|\w+')


def _names_in(expression: str, table: sa.Table) -> tuple[str, ...]:
    """Return the table's columns that a CHECK names."""
    words = {unquoted(word) for word in _NAME.findall(_STRING.sub("", expression))}
    return tuple(column.name for column in table.columns if column.name in words)


def _unique_keys(table: sa.Table) -> Iterator[Key]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield table.name, _names(constraint.columns)
    for index in table.indexes:
        if index.unique:
            yield table.name, _names(index.columns)


# -- a row that does not exist was referred to


def _missing(shown: str, sql: str, parameters: Sequence[object], table: sa.Table) -> Iterator[Key]:
    keys = [
        key
        for key in table.foreign_key_constraints
        if _fits([element.column.name for element in key.elements], shown)
    ]
    given = _given(sql, parameters) if len(keys) > 1 else {}
    for key in keys:
        values = _values([element.column.name for element in key.elements], shown) or ()
        columns = _names(key.columns)
        if len(keys) == 1 or all(
            value in given.get(column, ()) for column, value in zip(columns, values, strict=True)
        ):
            yield table.name, columns


_QUOTED = r'"(?:[^"]|"")+"'
_INSERT = re.compile(
    rf'INSERT INTO (?:{_QUOTED}|[^("])+ \((?P<columns>(?:{_QUOTED}|[^")])+)\) (?:VALUES|SELECT) '
)
_SET = re.compile(r'("(?:[^"]|"")+"|\w+)=\$(\d+)')


def _given(sql: str, parameters: Sequence[object]) -> dict[str, set[str]]:
    """Return what a statement of a repository writes into each column, as DuckDB shows it."""
    if insert := _INSERT.match(sql):
        names = _NAME.findall(insert["columns"])
        return {
            unquoted(name): {
                str(item) for value in parameters[first :: len(names)] for item in _each(value)
            }
            for first, name in enumerate(names)
        }
    return {
        unquoted(name): {str(parameters[int(number) - 1])}
        for name, number in _SET.findall(sql)
        if int(number) <= len(parameters)
    }


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else (value,)


# -- a row that is referred to was to go


def _referring(shown: str, table: sa.Table) -> Iterator[sa.ForeignKeyConstraint]:
    for other in table.metadata.tables.values():
        for key in other.foreign_key_constraints:
            if key.referred_table is table and _fits(_names(key.columns), shown):
                yield key


def _with_rows(
    raw: duckdb.DuckDBPyConnection, keys: list[sa.ForeignKeyConstraint], shown: str
) -> list[sa.ForeignKeyConstraint]:
    """Return the keys for which there is a row; asked beside the transaction, which has ended."""
    with raw.cursor() as beside:
        return [key for key in keys if _has_row(beside.execute, key, shown)]


def _has_row(
    execute: Callable[..., duckdb.DuckDBPyConnection], key: sa.ForeignKeyConstraint, shown: str
) -> bool:
    names = _names(key.columns)
    where = " AND ".join(f"CAST({_quoted(name)} AS VARCHAR) = ?" for name in names)
    place = ".".join(_quoted(part) for part in (key.table.schema, key.table.name) if part)
    values = list(_values(names, shown) or ())
    found = execute(f"SELECT 1 FROM {place} WHERE {where} LIMIT 1", values)  # noqa: S608 - quoted
    return found.fetchone() is not None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
