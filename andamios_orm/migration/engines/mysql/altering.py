"""One ALTER TABLE as a step that recognises its own work.

Every such statement commits by itself, and is done as a whole or not at all. The server takes the
way that holds up others least: at once, else beside readers and writers, else by copying the table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.mysql.inspection import Index, LiveTable, live_table
from andamios_orm.migration.sql_names import quoted
from andamios_orm.migration.state import ForeignKeyState, TableName

__all__ = [
    "Done",
    "alone",
    "already",
    "altered",
    "for_driver",
    "has_lead",
    "index_dropped",
    "listed",
    "name_of",
    "own_index",
    "serving_index",
    "table_now",
    "told_table",
]

Done = Callable[[sa.Connection], bool]

_COPIES = " /* copies the table: writers wait meanwhile */"


def name_of(name: str) -> str:
    """Return a name for SQL."""
    return quoted(name, "`")


def listed(names: Sequence[str]) -> str:
    """Return names in parentheses, for SQL."""
    return f"({', '.join(map(name_of, names))})"


def for_driver(sql: str) -> str:
    """Return SQL for a driver that takes % for the place of a value."""
    return sql.replace("%", "%%")


def table_now(connection: sa.Connection, name: str, schema: str | None) -> LiveTable:
    """Return a table as it is. Raises RevisionProblem."""
    found = live_table(connection, TableName(name, schema))
    if found is None:
        raise RevisionProblem(
            f"there is no table {TableName(name, schema)}",
            "`andamios-orm schema show` shows which there are; correct the revision",
        )
    return found


def told_table(name: TableName) -> str:
    """Return a table's name for SQL."""
    own = name_of(name.name)
    return own if name.schema is None else f"{name_of(name.schema)}.{own}"


def alone(*statements: str, done: Done | None, copies: bool = False) -> Step:
    """Return a step of statements that commit by themselves."""
    return Step(
        statements=tuple(for_driver(sql) + (_COPIES if copies else "") for sql in statements),
        transaction=False,
        done=done,
    )


def already(told: str) -> Step:
    """Return the step that a migration has done before it was killed, when it is asked again."""
    return Step(transaction=False, done=lambda connection: True, told=told)


def altered(
    table: LiveTable, *clauses: str, done: Done | None = None, copies: bool = False
) -> Step:
    """Return the step that makes all of it in one ALTER TABLE."""
    return alone(f"ALTER TABLE {table.sql} {', '.join(clauses)}", done=done, copies=copies)


# ---- indexes that others rely on -----------------------------------------------------------------


def own_index(table: LiveTable, column: str) -> str:
    """Return the name of the index that a counted column has while nothing else is over it."""
    digest = hashlib.sha256(f"{table.state.name}\0{column}".encode()).hexdigest()
    return f"andamios_new_{digest[:16]}"


def has_lead(table: LiveTable, columns: Sequence[str], *, without: Sequence[str] = ()) -> bool:
    """Whether an index begins with these columns."""
    return any(
        index.names[: len(columns)] == tuple(columns)
        for index in table.indexes
        if index.name not in without
    )


def serving_index(table: LiveTable, key: ForeignKeyState) -> Index | None:
    """Return the index that the server has made for a foreign key, and for nothing else."""
    return next((index for index in table.indexes if index.serves([key])), None)


def index_dropped(table: LiveTable, name: str) -> list[str]:
    """Return the clauses that drop an index, and make others for what relies on it."""
    gone = table.index(name)
    clauses = ["DROP PRIMARY KEY" if name == "PRIMARY" else f"DROP INDEX {name_of(name)}"]
    if gone is None:
        return clauses
    for key in table.state.foreign_keys:
        leads = gone.names[: len(key.columns)] == key.columns
        if leads and not has_lead(table, key.columns, without=[name]):
            clauses.append(f"ADD INDEX {name_of(str(key.name))} {listed(key.columns)}")
    first = gone.names[:1]
    counted = [c.name for c in table.state.columns if c.identity is not None]
    if first and first[0] in counted and not has_lead(table, first, without=[name]):
        clauses.append(f"ADD UNIQUE INDEX {name_of(own_index(table, first[0]))} {listed(first)}")
    return clauses
