"""SQLAlchemy's statements as SQL for DuckDB, which speaks PostgreSQL's dialect with an accent."""

from __future__ import annotations

import typing
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGTypeCompiler
from sqlalchemy.sql import elements
from sqlalchemy.sql.selectable import ForUpdateArg, Select

from andamios_orm.backends.duckdb.types import UnsignedInteger

__all__ = ["DuckDBCompiler", "DuckDBTypeCompiler"]


class DuckDBCompiler(PGCompiler):
    """Queries and changes. What DuckDB lacks is refused, never left out in silence."""

    def for_update_clause(self, select: Select[Any], **kw: Any) -> str:
        """Refuse FOR UPDATE."""
        clause = typing.cast("ForUpdateArg", select._for_update_arg)  # noqa: SLF001 - it has no public name
        raise exc.CompileError(
            f"DuckDB has no SELECT ... FOR {'SHARE' if clause.read else 'UPDATE'}: transactions"
            " never wait for each other, and the second one to change a row fails. Leave"
            " with_for_update() out, and run the transaction again when it fails"
        )

    def visit_savepoint(self, savepoint_stmt: Any, **kw: Any) -> str:
        """Refuse SAVEPOINT."""
        raise exc.CompileError(
            "DuckDB has no savepoints, so begin_nested() cannot work: an error ends the whole"
            " transaction. Check before you write, or begin a transaction for each part"
        )

    def visit_getitem_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"{self.process(binary.left, **kw)}[{self.process(binary.right, **kw)}]"

    def visit_json_getitem_op_binary(
        self, binary: Any, operator: Any, _cast_applied: bool = False, **kw: Any
    ) -> str:
        if not _cast_applied and not isinstance(binary.type, sa.JSON):
            return self.process(sa.cast(binary, binary.type), _cast_applied=True, **kw)
        arrow = "->>" if _cast_applied else "->"
        # The arrow binds weaker than a comparison.
        return f"({self.process(binary.left, **kw)} {arrow} {self.process(binary.right, **kw)})"

    visit_json_path_getitem_op_binary = visit_json_getitem_op_binary

    def visit_bitwise_xor_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"xor({self.process(binary.left, **kw)}, {self.process(binary.right, **kw)})"

    def visit_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._regexp("regexp_matches", binary, kw)

    def visit_not_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return f"NOT {self._regexp('regexp_matches', binary, kw)}"

    def visit_regexp_replace_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        return self._regexp("regexp_replace", binary, kw)

    def _regexp(self, function: str, binary: Any, kw: dict[str, Any]) -> str:
        arguments = [self.process(binary.left, **kw), self.process(binary.right, **kw)]
        flags = binary.modifiers["flags"]
        if flags is not None:
            arguments.append(self.process(sa.literal(flags), literal_execute=True, **kw))
        return f"{function}({', '.join(arguments)})"

    def visit_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        raise exc.CompileError("DuckDB has no full text search built in; use like() or a regexp")

    def visit_try_cast(self, cast: elements.TryCast[Any], **kw: Any) -> str:
        value = self.process(cast.clause, **kw)
        return f"TRY_CAST({value} AS {self.process(cast.typeclause, **kw)})"


class DuckDBTypeCompiler(PGTypeCompiler):
    """Types in CREATE TABLE and CAST."""

    def visit_FLOAT(self, type_: sa.Float[Any], **kw: Any) -> str:
        # DuckDB's FLOAT has 24 binary digits, which is less than a Python float.
        return "FLOAT" if type_.precision is not None and type_.precision <= 24 else "DOUBLE"

    def visit_DOUBLE_PRECISION(self, type_: sa.DOUBLE_PRECISION[Any], **kw: Any) -> str:
        return "DOUBLE"

    def visit_double(self, type_: sa.Double[Any], **kw: Any) -> str:
        return "DOUBLE"

    def visit_NUMERIC(self, type_: sa.Numeric[Any], **kw: Any) -> str:
        # DuckDB takes a missing precision for (18, 3), and rounds to it.
        precision = 38 if type_.precision is None else type_.precision
        scale = type_.scale
        if scale is None:
            scale = 10 if type_.precision is None else 0
        return f"DECIMAL({precision}, {scale})"

    def visit_DECIMAL(self, type_: sa.DECIMAL[Any], **kw: Any) -> str:
        return self.visit_NUMERIC(type_, **kw)

    def visit_HUGEINT(self, type_: Any, **kw: Any) -> str:
        return "HUGEINT"

    def visit_unsigned_integer(self, type_: UnsignedInteger, **kw: Any) -> str:
        return type_.name

    def _render_string_type(self, name: str, *args: Any, **kw: Any) -> str:
        # DuckDB has one text type, and ignores its length.
        collation = kw.get("collation") or (args[1] if len(args) > 1 else None)
        return super()._render_string_type("VARCHAR", None, collation)

    def visit_CLOB(self, type_: sa.CLOB, **kw: Any) -> str:
        return "VARCHAR"

    def visit_large_binary(self, type_: sa.LargeBinary, **kw: Any) -> str:
        return "BLOB"

    def visit_BYTEA(self, type_: Any, **kw: Any) -> str:
        return "BLOB"

    def visit_BINARY(self, type_: sa.BINARY, **kw: Any) -> str:
        return "BLOB"

    def visit_VARBINARY(self, type_: sa.VARBINARY, **kw: Any) -> str:
        return "BLOB"

    def visit_DATETIME(self, type_: sa.DateTime, **kw: Any) -> str:
        return self.visit_TIMESTAMP(type_, **kw)

    def visit_TIMESTAMP(self, type_: Any, **kw: Any) -> str:
        return "TIMESTAMPTZ" if type_.timezone else "TIMESTAMP"

    def visit_TIME(self, type_: Any, **kw: Any) -> str:
        return "TIMETZ" if type_.timezone else "TIME"

    def visit_INTERVAL(self, type_: Any, **kw: Any) -> str:
        return "INTERVAL"

    def visit_JSONB(self, type_: Any, **kw: Any) -> str:
        return "JSON"

    def visit_BIT(self, type_: Any, **kw: Any) -> str:
        return "BIT"

    def visit_enum(self, type_: sa.Enum, **kw: Any) -> str:
        if not type_.native_enum:
            return "VARCHAR"
        # Written in place: DuckDB forgets the name of a type that a column was made with.
        labels = ", ".join("'" + label.replace("'", "''") + "'" for label in type_.enums)
        return f"ENUM({labels})"
