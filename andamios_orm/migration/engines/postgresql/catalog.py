"""What a step of a migration has to know about one table of a live PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.postgresql.names import quoted
from andamios_orm.migration.engines.postgresql.sequences import SETTINGS, SequenceSettings

__all__ = ["LiveColumn", "LiveTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveColumn:
    """A column as it is now."""

    number: int
    type: str
    nullable: bool
    default: str | None
    identity: str | None
    """`ALWAYS` or `BY DEFAULT`."""
    sequence: str | None
    """The sequence that belongs to it, by its name for SQL."""
    settings: str
    """What is unusual about the sequence, as it is written in CREATE SEQUENCE."""
    comment: str | None

    @property
    def is_serial(self) -> bool:
        """Whether its default is its own sequence."""
        return self.sequence is not None and (self.default or "").startswith("nextval(")


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table by its name."""

    name: str
    schema: str | None = None

    @classmethod
    def of(cls, operation: ops.AlterTableOp) -> LiveTable:
        """Return the table that an operation changes."""
        return cls(operation.table_name, operation.schema)

    @property
    def sql(self) -> str:
        """The name for SQL."""
        return quoted(self.schema, self.name)

    def sibling(self, name: str) -> str:
        """Return the name for SQL of something else in the table's schema."""
        return quoted(self.schema, name)

    def rows(self, connection: sa.Connection, sql: str, **values: object) -> Sequence[Any]:
        """Return what a question finds; `:table` stands for the table in it."""
        statement = sa.text(sql.replace(":table", "to_regclass(:table_name)"))
        return connection.execute(statement, {"table_name": self.sql, **values}).all()

    def kind(self, connection: sa.Connection) -> str | None:
        """Return `r` for a table, `p` for one in partitions, None where there is none."""
        found = self.rows(connection, "SELECT relkind::text FROM pg_class WHERE oid = :table")
        return found[0][0] if found else None

    def column(self, connection: sa.Connection, name: str) -> LiveColumn | None:
        """Return a column; None if there is none of that name."""
        found = self.rows(connection, _COLUMN, column_name=name)
        if not found:
            return None
        row = found[0]._mapping
        settings = SequenceSettings.of(row) if row["sequence"] else None
        return LiveColumn(
            **{name: row[name] for name in LiveColumn.__slots__ if name != "settings"},
            settings=" ".join(settings.options(settings.type)) if settings else "",
        )

    def existing(self, connection: sa.Connection, name: str) -> LiveColumn:
        """Return a column. Raises RevisionProblem if there is none of that name."""
        found = self.column(connection, name)
        if found is None:
            raise RevisionProblem(
                f"{self.sql} has no column {quoted(name)}, which the revision changes",
                "compare the revision with what `andamios-orm schema diff` shows of the database",
            )
        return found

    def has_unvalidated(self, connection: sa.Connection, constraint: str) -> bool:
        """Whether there is a constraint of that name that was never validated."""
        sql = (
            "SELECT 1 FROM pg_constraint"
            " WHERE conrelid = :table AND conname = :constraint AND NOT convalidated"
        )
        return bool(self.rows(connection, sql, constraint=constraint))

    def index_validity(self, connection: sa.Connection, index: str) -> bool | None:
        """Return whether an index of the table is valid, None if there is none of that name."""
        sql = (
            "SELECT i.indisvalid FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
            " WHERE i.indrelid = :table AND x.relname = :index"
        )
        found = self.rows(connection, sql, index=index)
        return found[0][0] if found else None


_COLUMN = f"""
SELECT a.attnum::int AS number, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
    CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END AS identity,
    s.seqrelid::regclass::text AS sequence,
    col_description(a.attrelid, a.attnum) AS comment,{SETTINGS}
FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
    AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
    AND (SELECT relkind = 'S' FROM pg_class WHERE oid = o.objid)
LEFT JOIN pg_sequence s ON s.seqrelid = o.objid
WHERE a.attrelid = :table AND a.attname = :column_name AND a.attnum > 0 AND NOT a.attisdropped"""
