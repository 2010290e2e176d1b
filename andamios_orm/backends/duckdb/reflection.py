"""What is in a database: DuckDB's catalog in the words of SQLAlchemy's Inspector."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import reflection
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import (
    ReflectedCheckConstraint,
    ReflectedColumn,
    ReflectedForeignKeyConstraint,
    ReflectedIndex,
    ReflectedPrimaryKeyConstraint,
    ReflectedTableComment,
    ReflectedUniqueConstraint,
)

from andamios_orm.backends.duckdb.ddl import sequence_name
from andamios_orm.backends.duckdb.sql_text import split_list, unquoted, within_parentheses
from andamios_orm.backends.duckdb.type_names import to_type

__all__ = ["DuckDBReflection"]

# Temporary objects are in a database of their own. Other attached databases are out of sight.
_HERE = """(
    database_name = current_database() AND schema_name = coalesce(:schema, current_schema())
    OR database_name = 'temp' AND CAST(:schema AS VARCHAR) IS NULL
)"""
_PERMANENT = (
    "database_name = current_database() AND schema_name = coalesce(:schema, current_schema())"
)


class DuckDBReflection(DefaultDialect):
    """The part of the dialect that answers `sqlalchemy.inspect(engine)`.

    DuckDB forgets some of what it is told: the names of constraints, for which it makes up
    others, the length of text, the name of an enum's type, and the direction of an index.
    """

    # -- names

    @reflection.cache
    def get_schema_names(self, connection: sa.Connection, **kw: Any) -> list[str]:
        return _column(
            connection,
            "SELECT schema_name FROM duckdb_schemas()"
            " WHERE database_name = current_database() ORDER BY schema_name",
        )

    def has_schema(self, connection: sa.Connection, schema_name: str, **kw: Any) -> bool:
        return schema_name in self.get_schema_names(connection, **kw)

    @reflection.cache
    def get_table_names(
        self, connection: sa.Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return _column(
            connection,
            f"SELECT table_name FROM duckdb_tables() WHERE {_PERMANENT} ORDER BY table_oid",
            schema=schema,
        )

    @reflection.cache
    def get_temp_table_names(
        self, connection: sa.Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return _column(connection, "SELECT table_name FROM duckdb_tables() WHERE temporary")

    @reflection.cache
    def get_view_names(
        self, connection: sa.Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return _column(
            connection,
            f"SELECT view_name FROM duckdb_views() WHERE NOT internal AND {_PERMANENT}"
            " ORDER BY view_oid",
            schema=schema,
        )

    @reflection.cache
    def get_temp_view_names(
        self, connection: sa.Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return _column(
            connection, "SELECT view_name FROM duckdb_views() WHERE NOT internal AND temporary"
        )

    @reflection.cache
    def get_sequence_names(
        self, connection: sa.Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return _column(
            connection,
            f"SELECT sequence_name FROM duckdb_sequences() WHERE {_PERMANENT}",
            schema=schema,
        )

    def has_sequence(
        self, connection: sa.Connection, sequence_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        return sequence_name in self.get_sequence_names(connection, schema, **kw)

    @reflection.cache
    def has_table(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        return bool(_relations(connection, table_name, schema))

    @reflection.cache
    def get_view_definition(
        self, connection: sa.Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        found = _column(
            connection,
            f"SELECT sql FROM duckdb_views() WHERE view_name = :name AND {_HERE}",
            name=view_name,
            schema=schema,
        )
        if not found:
            raise exc.NoSuchTableError(view_name)
        return found[0]

    # -- one table

    @reflection.cache
    def get_columns(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        rows = _rows(
            connection,
            "SELECT column_name, data_type, is_nullable, column_default, comment, is_generated,"
            " generation_expression FROM duckdb_columns()"
            f" WHERE table_name = :name AND {_HERE} ORDER BY column_index",
            name=table_name,
            schema=schema,
        )
        if not rows:
            raise _no_table(table_name, schema)
        key = self.get_pk_constraint(connection, table_name, schema, **kw)["constrained_columns"]
        return [_to_column(row, table_name, is_key=row.column_name in key) for row in rows]

    @reflection.cache
    def get_pk_constraint(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedPrimaryKeyConstraint:
        for row in _constraints(connection, "PRIMARY KEY", table_name, schema):
            return {
                "constrained_columns": list(row.constraint_column_names),
                "name": row.constraint_name,
            }
        return {"constrained_columns": [], "name": None}

    @reflection.cache
    def get_foreign_keys(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedForeignKeyConstraint]:
        return [
            {
                "name": row.constraint_name,
                "constrained_columns": list(row.constraint_column_names),
                # DuckDB has no foreign keys into another schema.
                "referred_schema": schema,
                "referred_table": row.referenced_table,
                "referred_columns": list(row.referenced_column_names),
                "options": {},
            }
            for row in _constraints(connection, "FOREIGN KEY", table_name, schema)
        ]

    @reflection.cache
    def get_unique_constraints(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedUniqueConstraint]:
        return [
            {"name": row.constraint_name, "column_names": list(row.constraint_column_names)}
            for row in _constraints(connection, "UNIQUE", table_name, schema)
        ]

    @reflection.cache
    def get_check_constraints(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedCheckConstraint]:
        return [
            {"name": row.constraint_name, "sqltext": row.expression}
            for row in _constraints(connection, "CHECK", table_name, schema)
        ]

    @reflection.cache
    def get_indexes(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedIndex]:
        columns = {
            column["name"] for column in self.get_columns(connection, table_name, schema, **kw)
        }
        rows = _rows(
            connection,
            "SELECT index_name, is_unique, sql FROM duckdb_indexes()"
            f" WHERE table_name = :name AND NOT is_primary AND {_HERE} ORDER BY index_name",
            name=table_name,
            schema=schema,
        )
        return [_to_index(row, columns) for row in rows]

    @reflection.cache
    def get_table_comment(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedTableComment:
        found = _relations(connection, table_name, schema)
        if not found:
            raise _no_table(table_name, schema)
        return {"text": found[0].comment}

    @reflection.cache
    def get_table_options(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> dict[str, Any]:
        """Return nothing: a table has no options."""
        if not _relations(connection, table_name, schema):
            raise _no_table(table_name, schema)
        return {}


def _rows(connection: sa.Connection, sql: str, **parameters: object) -> list[sa.Row[Any]]:
    return list(connection.execute(sa.text(sql), parameters))


def _column(connection: sa.Connection, sql: str, **parameters: object) -> list[str]:
    return [row[0] for row in _rows(connection, sql, **parameters)]


def _relations(connection: sa.Connection, name: str, schema: str | None) -> list[sa.Row[Any]]:
    """Return the table or view of that name, with its comment."""
    return _rows(
        connection,
        "SELECT comment FROM ("
        " SELECT database_name, schema_name, table_name AS name, comment FROM duckdb_tables()"
        " UNION ALL"
        " SELECT database_name, schema_name, view_name, comment FROM duckdb_views()"
        f") WHERE name = :name AND {_HERE}",
        name=name,
        schema=schema,
    )


def _constraints(
    connection: sa.Connection, kind: str, table_name: str, schema: str | None
) -> list[sa.Row[Any]]:
    rows = _rows(
        connection,
        "SELECT constraint_name, constraint_column_names, referenced_table,"
        " referenced_column_names, expression FROM duckdb_constraints()"
        f" WHERE table_name = :name AND constraint_type = :kind AND {_HERE}"
        " ORDER BY constraint_index",
        name=table_name,
        kind=kind,
        schema=schema,
    )
    if not rows and not _relations(connection, table_name, schema):
        raise _no_table(table_name, schema)
    return rows


def _to_column(row: sa.Row[Any], table_name: str, *, is_key: bool) -> ReflectedColumn:
    default = None if row.is_generated else row.column_default
    generated = is_key and default is not None and _is_generated(default, table_name, row)
    column: ReflectedColumn = {
        "name": row.column_name,
        "type": to_type(row.data_type),
        "nullable": row.is_nullable,
        # Its own sequence is what `autoincrement` means here: a copy of the table gets its own.
        "default": None if generated else default,
        "autoincrement": generated,
        "comment": row.comment,
    }
    if row.is_generated:
        # DuckDB adds a cast to the column's type.
        cast = re.fullmatch(
            rf"CAST\((.+) AS {re.escape(row.data_type)}\)", row.generation_expression, re.DOTALL
        )
        column["computed"] = {"sqltext": cast[1] if cast else row.generation_expression}
    return column


def _is_generated(default: str, table_name: str, row: sa.Row[Any]) -> bool:
    """Whether a default takes the next number of the sequence that the dialect makes."""
    if not default.startswith("nextval("):
        return False
    [named] = split_list(within_parentheses(default))
    path = unquoted(named)
    return unquoted(path.rpartition(".")[2]) == sequence_name(table_name, row.column_name)


def _to_index(row: sa.Row[Any], columns: set[str]) -> ReflectedIndex:
    # The catalog's own list of expressions cannot be taken apart; the statement can.
    parts = split_list(within_parentheses(row.sql))
    names = [unquoted(part) if unquoted(part) in columns else None for part in parts]
    index: ReflectedIndex = {
        "name": row.index_name,
        "column_names": names,
        "unique": row.is_unique,
        "dialect_options": {},
    }
    if None in names:
        index["expressions"] = [
            name or _without_parentheses(part) for name, part in zip(names, parts, strict=True)
        ]
    return index


def _without_parentheses(expression: str) -> str:
    inner = within_parentheses(expression)
    return inner if expression == f"({inner})" else expression


def _no_table(name: str, schema: str | None) -> exc.NoSuchTableError:
    return exc.NoSuchTableError(f"{schema}.{name}" if schema else name)
