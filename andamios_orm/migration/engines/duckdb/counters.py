"""The sequences behind generated keys: a table made anew, or renamed, counts on where it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from andamios_orm.backends.duckdb.ddl import sequence_name
from andamios_orm.migration.engines.duckdb.names import full, quoted, text
from andamios_orm.migration.state import TableName, TableState

__all__ = ["Counter", "continue_counter", "counters_of", "drop_counters", "move_counter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A sequence: its settings as they are written, and the number that comes next."""

    settings: str
    next: int
    increment: int
    least: int
    greatest: int


def counters_of(connection: sa.Connection, table: TableState) -> Mapping[str, Counter]:
    """Return the sequences of a table, by the columns that they count."""
    return {
        column.name: _read(connection, _sequence(table.name, column.name))
        for column in table.columns
        if column.identity is not None
    }


def drop_counters(
    connection: sa.Connection, table: TableName, counters: Mapping[str, Counter]
) -> None:
    """Drop the sequences of a table that is gone."""
    for column in counters:
        connection.exec_driver_sql(f"DROP SEQUENCE {full(_sequence(table, column))}")


def continue_counter(
    connection: sa.Connection, table: TableName, column: str, before: Counter | None
) -> None:
    """Have a new sequence go on after another one, and after all numbers that the table has."""
    name = _sequence(table, column)
    if before is not None:
        _set(connection, name, before.next, is_given=False)
    upwards = _read(connection, name).increment > 0
    furthest = connection.exec_driver_sql(
        f"SELECT {'max' if upwards else 'min'}({quoted(column)}) FROM {full(table)}"
    ).scalar_one()
    if furthest is not None:
        ahead = _read(connection, name).next
        if furthest >= ahead if upwards else furthest <= ahead:
            _set(connection, name, furthest, is_given=True)


def move_counter(
    connection: sa.Connection,
    old: tuple[TableName, str],
    new: tuple[TableName, str],
    counter: Counter,
) -> None:
    """Give a column that is now called `new` the sequence of its new name."""
    table, column = new
    name = full(_sequence(table, column))
    altered = f"ALTER TABLE {full(table)} ALTER COLUMN {quoted(column)}"
    # The old one goes first: both have one name where only the case of a letter changes.
    for statement in (
        f"{altered} DROP DEFAULT",
        f"DROP SEQUENCE {full(_sequence(*old))}",
        f"CREATE SEQUENCE {name} {counter.settings}",
        f"{altered} SET DEFAULT nextval({text(name)})",
    ):
        connection.exec_driver_sql(statement)


def _sequence(table: TableName, column: str) -> TableName:
    return TableName(sequence_name(table.name, column), table.schema)


# The catalog does not quote the name, so only what is after it is read: START is what comes next.
_SETTINGS = re.compile(
    r"INCREMENT BY -?\d+ MINVALUE -?\d+ MAXVALUE -?\d+ START (-?\d+) (?:NO )?CYCLE(?=;\Z)"
)


def _read(connection: sa.Connection, sequence: TableName) -> Counter:
    row = connection.execute(
        sa.text(
            "SELECT sql, increment_by, min_value, max_value FROM duckdb_sequences()"
            " WHERE database_name = current_database() AND sequence_name = :name"
            " AND schema_name = coalesce(:schema, current_schema())"
        ),
        {"name": sequence.name, "schema": sequence.schema},
    ).one()
    [settings] = _SETTINGS.finditer(row.sql)
    return Counter(
        settings=settings[0],
        next=int(settings[1]),
        increment=row.increment_by,
        least=row.min_value,
        greatest=row.max_value,
    )


def _set(connection: sa.Connection, sequence: TableName, number: int, *, is_given: bool) -> None:
    """Have a sequence give a number next, or the one after it, if it has such a number."""
    counter = _read(connection, sequence)
    if counter.least <= number <= counter.greatest:
        connection.exec_driver_sql(
            f"SELECT setval({text(full(sequence))}, {number}, {str(is_given).lower()})"
        )
