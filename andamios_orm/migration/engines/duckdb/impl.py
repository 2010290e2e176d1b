"""What alembic must know of DuckDB to write its SQL, found by the dialect's name."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.ddl.base import ColumnComment, format_column_name, format_table_name
from alembic.ddl.impl import DefaultImpl
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import DDLCompiler

__all__ = ["DuckDBImpl"]


class DuckDBImpl(DefaultImpl):
    """DuckDB, whose ALTER TABLE is what alembic writes by itself."""

    __dialect__ = "duckdb"
    transactional_ddl = True


@compiles(ColumnComment, "duckdb")
def _column_comment(element: ColumnComment, compiler: DDLCompiler, **kw: Any) -> str:
    table = format_table_name(compiler, element.table_name, element.schema)
    column = format_column_name(compiler, element.column_name)
    comment = (
        "NULL"
        if element.comment is None
        else compiler.sql_compiler.render_literal_value(element.comment, sa.String())
    )
    return f"COMMENT ON COLUMN {table}.{column} IS {comment}"
