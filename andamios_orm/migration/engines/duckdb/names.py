"""Names, texts and types as they stand in DuckDB's SQL."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.migration.state import TableName

__all__ = ["full", "quoted", "sql", "text", "type_sql"]

_DIALECT = DuckDBDialect()


def quoted(name: str) -> str:
    """Return a name, in quotes where it needs them."""
    return str(_DIALECT.identifier_preparer.quote(name))


def full(name: TableName) -> str:
    """Return the name of a table, index or sequence, with its schema if it has one."""
    return ".".join(quoted(part) for part in (name.schema, name.name) if part is not None)


def text(value: str) -> str:
    """Return a text in quotes."""
    return "'" + value.replace("'", "''") + "'"


def sql(element: Any) -> str:
    """Return a part of a statement, or a text as `sqlalchemy.text` takes it."""
    if isinstance(element, str):
        element = sa.text(element)
    return str(element.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def type_sql(column_type: TypeEngine[Any]) -> str:
    """Return a type as it is written in a CAST, without a collation."""
    written = str(_DIALECT.type_compiler_instance.process(column_type.dialect_impl(_DIALECT)))
    return "VARCHAR" if written.startswith("VARCHAR COLLATE ") else written
