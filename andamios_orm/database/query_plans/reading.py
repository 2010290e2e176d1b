"""Ask a database for the plan of a statement, and read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from andamios_orm.database.engine import Database
from andamios_orm.database.query_plans import duckdb, mysql, postgresql, sqlite
from andamios_orm.database.query_plans.advising import advised
from andamios_orm.database.query_plans.nodes import PlanNode, QueryPlan
from andamios_orm.errors import NotSupported, UsageError

__all__ = ["read_plan"]

Read: TypeAlias = Callable[[Sequence[Sequence[Any]]], tuple[PlanNode, float | None]]


@dataclass(frozen=True, slots=True)
class _Words:
    """How one engine is asked."""

    explain: str
    analyze: str | None
    """None for an engine that tells no actual numbers."""
    read_only: str
    """What begins the transaction in which a statement is run."""
    read: Read
    prefer_indexes: tuple[str, ...] = ()
    """What has the planner take an index for a small table, too."""
    prefer_nothing: tuple[str, ...] = ()
    """What takes that back, where the end of the transaction does not."""


_SEEKS = ("SET max_seeks_for_key = 1",), ("SET max_seeks_for_key = DEFAULT",)

_ENGINES: Mapping[str, _Words] = {
    "postgresql": _Words(
        "EXPLAIN (FORMAT JSON) ",
        "EXPLAIN (ANALYZE, FORMAT JSON) ",
        "BEGIN READ ONLY",
        postgresql.read,
        ("SET LOCAL enable_seqscan = off",),
    ),
    "sqlite": _Words("EXPLAIN QUERY PLAN ", None, "", sqlite.read),
    "duckdb": _Words(
        "EXPLAIN (FORMAT json) ",
        "EXPLAIN (ANALYZE, FORMAT json) ",
        "BEGIN READ ONLY",
        duckdb.read,
    ),
    "mariadb": _Words(
        "EXPLAIN FORMAT=JSON ",
        "ANALYZE FORMAT=JSON ",
        "START TRANSACTION READ ONLY",
        mysql.read,
        *_SEEKS,
    ),
    "mysql": _Words("EXPLAIN FORMAT=JSON ", None, "", mysql.read, *_SEEKS),
}


async def read_plan(
    database: Database,
    sql: str,
    values: Sequence[object] = (),
    *,
    analyze: bool = False,
    prefer_indexes: bool = False,
) -> QueryPlan:
    """Return what a database would do for a statement, in the driver's own words for parameters.

    With `prefer_indexes` a planner that would read a small table as a whole is told to take an
    index where one fits, as it would for a large table.

    The statement is run only with `analyze`, and only if it reads: in a transaction that is read
    only and is rolled back. Raises UsageError for several statements at once and for what does not
    read, NotSupported for an engine that tells no actual numbers; what SQLAlchemy raises for a
    wrong statement is not translated.

    ```python
    from andamios_orm.database.query_plans import read_plan

    plan = await read_plan(db, "SELECT name FROM hero WHERE age > 40")
    assert [node.table for node in plan.root.walk() if node.reads_all] == ["hero"]
    ```
    """
    words = _ENGINES[database.engine_name]
    sql = _alone(sql)
    if analyze and not _READS.match(_bare(sql)):
        raise UsageError(
            "to analyze a statement is to run it, and this one does not only read",
            "ask for the plan without analyzing it, which runs nothing",
        )
    if analyze and words.analyze is None:
        raise NotSupported(
            f"{database.engine_name} tells no actual numbers of a plan",
            "ask for the plan without analyzing it, or ask PostgreSQL, MariaDB or DuckDB",
        )
    asked = (words.analyze if analyze else None) or words.explain

    def ask(connection: sa.Connection) -> QueryPlan:
        connection.exec_driver_sql(words.read_only if analyze else "BEGIN")
        try:
            for wish in words.prefer_indexes if prefer_indexes else ():
                connection.exec_driver_sql(wish)
            # An empty tuple of values would still make a driver look for `%` in the text.
            given = (tuple(values),) if values else ()
            rows = connection.exec_driver_sql(asked + sql, *given).fetchall()
        finally:
            connection.exec_driver_sql("ROLLBACK")
            for wish in words.prefer_nothing if prefer_indexes else ():
                connection.exec_driver_sql(wish)
        root, seconds = words.read(rows)
        return QueryPlan(
            engine=database.engine_name,
            sql=sql,
            root=root,
            analyzed=analyze,
            seconds=seconds,
            advice=tuple(advised(connection, root, sql)),
        )

    async with database.connect() as connection:
        return await connection.run_sync(ask)


_READS = re.compile(r"\s*\(*\s*(?:SELECT|WITH|VALUES|TABLE|FROM)\b", re.IGNORECASE)
_APART = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL
)


def _bare(sql: str) -> str:
    """Return a statement without its texts, quoted names and comments."""
    return _APART.sub(" ", sql)


def _alone(sql: str) -> str:
    """Return the one statement of a text, without the semicolon at its end."""
    sql = sql.strip().rstrip(";").rstrip()
    if not sql:
        raise UsageError("there is no statement", 'write one: "SELECT * FROM hero"')
    if ";" in _bare(sql):
        raise UsageError("there are several statements", "ask for one at a time")
    return sql
