"""CREATE and DROP for DuckDB: sequences behind generated keys, and refusals of what it lacks."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.schema import (
    Constraint,
    CreateIndex,
    CreateTable,
    DropTable,
    ForeignKeyConstraint,
)
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.schema import IdentityOptions

__all__ = ["DuckDBDDLCompiler", "generated_column", "sequence_name"]


def generated_column(table: sa.Table) -> sa.Column[Any] | None:
    """Return the column whose values a sequence makes: DuckDB has no other generated keys.

    It is the one declared with Identity(), or else an integer primary key without a default.
    """
    for column in table.columns:
        if column.identity is not None:
            return column
    key = table.autoincrement_column
    if key is None or key.default is not None or key.server_default is not None:
        return None
    return key


def sequence_name(table: str, column: str) -> str:
    """Return the name of the sequence behind a generated column."""
    return f"{table}_{column}_seq"


class DuckDBDDLCompiler(DDLCompiler):
    """Tables, indexes and sequences."""

    def visit_create_table(self, create: CreateTable, **kw: Any) -> str:
        """Make the sequence of a generated key with its table."""
        table = create.element
        text: str = super().visit_create_table(create, **kw)  # type: ignore[no-untyped-call] # not annotated
        column = generated_column(table)
        if column is None:
            return text
        temporary = "TEMPORARY " if _is_temporary(table) else ""
        options = f" {self.get_identity_options(column.identity)}" if column.identity else ""
        sequence = f"CREATE {temporary}SEQUENCE IF NOT EXISTS {self._sequence(table, column)}"
        return f"\n{sequence}{options.rstrip()};\n{text.strip()}\n\n"

    def visit_drop_table(self, drop: DropTable, **kw: Any) -> str:
        """Drop the sequence of a generated key after its table."""
        table = drop.element
        text: str = super().visit_drop_table(drop, **kw)  # type: ignore[no-untyped-call] # not annotated
        column = generated_column(table)
        if column is None:
            return text
        return f"{text};\nDROP SEQUENCE IF EXISTS {self._sequence(table, column)}"

    def get_column_default_string(self, column: sa.Column[Any]) -> str | None:
        """Return the default, which is the next number of the sequence for a generated key."""
        # Alembic asks for a column that is in no table.
        table: sa.Table | None = column.table
        if table is not None and generated_column(table) is column:
            name = self._sequence(table, column).replace("'", "''")
            return f"nextval('{name}')"
        return super().get_column_default_string(column)

    def _sequence(self, table: sa.Table, column: sa.Column[Any]) -> str:
        schema = None if _is_temporary(table) else table.schema
        return self.preparer.format_sequence(
            sa.Sequence(sequence_name(table.name, column.name), schema=schema)
        )

    def get_identity_options(self, identity_options: IdentityOptions) -> str:
        """Leave out CACHE: DuckDB's sequences are in memory."""
        options = super().get_identity_options(identity_options)
        return re.sub(r"CACHE \d+ ?", "", options).strip()

    def visit_computed_column(self, generated: sa.Computed, **kw: Any) -> str:
        """Refuse a computed column that is to be stored."""
        if generated.persisted is True:
            raise exc.CompileError(
                "DuckDB computes such a column when it is read and cannot store it; leave out"
                " persisted=True"
            )
        text: str = super().visit_computed_column(generated, **kw)  # type: ignore[no-untyped-call] # not annotated
        return text

    def define_constraint_cascades(self, constraint: ForeignKeyConstraint) -> str:
        """Leave out ON DELETE and ON UPDATE: DuckDB only refuses what breaks the reference."""
        return ""

    def define_constraint_deferrability(self, constraint: Constraint) -> str:
        """Leave out DEFERRABLE: DuckDB checks at once."""
        return ""

    def define_constraint_match(self, constraint: ForeignKeyConstraint) -> str:
        """Leave out MATCH: DuckDB has one way."""
        return ""

    def visit_create_index(self, create: CreateIndex, *args: Any, **kw: Any) -> str:
        """Refuse a partial index: without its condition, a unique one would forbid other rows."""
        index: sa.Index = create.element
        if partial := [name for name in index.dialect_kwargs if name.endswith("_where")]:
            raise exc.CompileError(
                f"DuckDB has no partial indexes, and index {index.name} has {partial[0]}=; leave"
                " it out, or make the index on other databases only:"
                ' .ddl_if(dialect="postgresql")'
            )
        text: str = super().visit_create_index(create, *args, **kw)  # type: ignore[no-untyped-call] # not annotated
        return text


def _is_temporary(table: sa.Table) -> bool:
    return any("TEMP" in str(prefix).upper() for prefix in table._prefixes)  # noqa: SLF001 - it has no public name
