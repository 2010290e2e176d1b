"""Find tables that are read as a whole to find few rows, and the index that would spare that."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from andamios_orm.database.query_plans.nodes import Advice, PlanNode

__all__ = ["advised", "index_for"]

MANY = 1000
"""Fewer rows are read as quickly as an index is."""
_MOST = 100_000
"""Rows that are counted to tell how large a table is; a larger one is not counted to its end."""
_FEW = 0.2
"""Where more of a table is wanted, reading all of it is right."""
_FEW_IN_COLUMNS = 0.001
"""DuckDB reads columns fast: only a single row in thousands is found faster with an index."""


def advised(connection: sa.Connection, root: PlanNode, sql: str) -> Iterator[Advice]:
    """Yield advice on the tables of a plan, one for each table at most."""
    inspector = sa.inspect(connection)
    known = set(inspector.get_table_names())
    seen: set[str] = set()
    for node in root.walk():
        table = _table(node, known, sql)
        if not node.reads_all or table is None or table in seen:
            continue
        condition = node.condition if connection.dialect.name != "sqlite" else _where(sql)
        columns = [column["name"] for column in inspector.get_columns(table)]
        wanted = index_for(condition or "", columns)
        if not wanted or wanted[0] in _indexed(inspector, table):
            continue
        seen.add(table)
        rows = _count(connection, table)
        if rows >= MANY and _finds_few(connection.dialect.name, node, rows):
            yield Advice(
                table=table, rows=min(rows, _MOST), more=rows > _MOST, columns=tuple(wanted)
            )


def _indexed(inspector: sa.Inspector, table: str) -> set[str | None]:
    """Return the columns that an index or a key begins with."""
    keys = [index["column_names"] for index in inspector.get_indexes(table)]
    keys += [list(unique["column_names"]) for unique in inspector.get_unique_constraints(table)]
    keys.append(list(inspector.get_pk_constraint(table)["constrained_columns"]))
    return {columns[0] for columns in keys if columns}


def _table(node: PlanNode, known: Collection[str], sql: str) -> str | None:
    """Return the table that a node reads; some engines only tell the statement's name for it."""
    if node.table is None or node.table in known:
        return node.table
    alias = re.escape(node.table)
    pattern = rf"[\"`]?(\w+)[\"`]?\s+(?:AS\s+)?[\"`]?{alias}\b"
    found = re.findall(pattern, sql, re.IGNORECASE)
    return next((name for name in found if name in known), None)


def _where(sql: str) -> str:
    """Return the conditions of a statement, for an engine that does not tell them."""
    found = re.search(
        r"\bWHERE\b(.*?)(?:\bGROUP BY\b|\bORDER BY\b|\bLIMIT\b|$)", sql, re.IGNORECASE | re.DOTALL
    )
    return found[1] if found else ""


def _count(connection: sa.Connection, table: str) -> int:
    some = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(_MOST + 1).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _finds_few(engine: str, node: PlanNode, rows: int) -> bool:
    kept = node.actual
    if kept is None and engine in ("duckdb", "postgresql"):
        kept = node.estimated
    # The others' planners have no better idea of a column without an index than we have.
    share = 0.0 if kept is None else kept / rows
    return share <= (_FEW_IN_COLUMNS if engine == "duckdb" else _FEW)


def index_for(condition: str, columns: Sequence[str]) -> list[str]:
    """Return the columns of an index for a condition: those with one value first, then a range.

    Nothing for conditions of which only one has to hold. Columns inside of functions do not count,
    nor do those that are compared with other columns.
    """
    if re.search(r"\bor\b", condition, re.IGNORECASE):
        return []
    equal = [name for name in columns if _compared(name, r"(?:=|\bin\b|\bis\b)", condition)]
    ranges = [name for name in columns if _compared(name, r"(?:[<>]=?|\bbetween\b)", condition)]
    return equal + [name for name in ranges if name not in equal][:1]


_VALUE = r"(?:[?$%:'(\d-]|null\b|any\b|cast\b|true\b|false\b)"


def _compared(column: str, comparison: str, condition: str) -> bool:
    name = re.escape(column)
    cast = r"(?:\)?::[\w ]+)?"
    pattern = rf"(?<!\w\()(?<!\w\(\()\b{name}\b[\"`]?\)?{cast}\s*{comparison}\s*{_VALUE}"
    return re.search(pattern, condition, re.IGNORECASE) is not None
