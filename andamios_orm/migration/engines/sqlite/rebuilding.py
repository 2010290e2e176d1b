"""Make a table of SQLite anew, with its rows, and leave everything else as it was.

The way is the one that SQLite's own documentation of ALTER TABLE gives: a new table, the rows, the
old name. Foreign keys are switched off meanwhile, so that dropping the old table deletes no row
that refers to it, and checked before the commit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.sqlite.tokens import quoted
from andamios_orm.migration.operations import RebuildTableOp

__all__ = ["copied", "drop_step", "rebuild_step"]


def rebuild_step(operation: RebuildTableOp) -> Step:
    """Return the step that makes a table anew. It raises MigrationError for rows that do not fit.

    Its triggers are kept, and the counter of an AUTOINCREMENT.
    """
    return _freely(
        lambda connection: _Rebuild(connection, operation).run(),
        f"make {operation.table_name} anew, with its rows, indexes and triggers",
    )


def drop_step(table: str, *, if_exists: bool) -> Step:
    """Return the step that drops a table, and no row of another that refers to it.

    It raises MigrationError if rows, views or triggers still need the table.
    """

    def run(connection: sa.Connection) -> None:
        with _unbroken(connection, table):
            condition = "IF EXISTS " if if_exists else ""
            connection.exec_driver_sql(f"DROP TABLE {condition}{quoted(table)}")

    return _freely(run, f"drop {table}")


def _freely(run: Callable[[sa.Connection], None], told: str) -> Step:
    """Return a step that may leave references open on its way.

    With the old way of ALTER, a table gets its name although views speak of one that is not there.
    """
    return Step(
        run=run,
        before=("PRAGMA foreign_keys = OFF", "PRAGMA legacy_alter_table = ON"),
        after=("PRAGMA legacy_alter_table = OFF", "PRAGMA foreign_keys = ON"),
        told=told,
    )


def copied(operation: RebuildTableOp, old: Collection[str]) -> dict[str, str]:
    """Return the SQL over the old table, with columns `old`, for each column that takes values.

    The others are left to their default, or made by the table.
    """
    names = {name.lower(): name for name in old}
    found = {}
    for column in operation.to_table().columns:
        if column.computed is None:
            if column.name in operation.copy:
                found[column.name] = operation.copy[column.name]
            elif column.name.lower() in names:
                found[column.name] = quoted(names[column.name.lower()])
    return found


class _Rebuild:
    def __init__(self, connection: sa.Connection, operation: RebuildTableOp) -> None:
        self._connection = connection
        self._operation = operation
        self._name = operation.table_name
        self._new_name = f"andamios_new_{self._name}"

    def run(self) -> None:
        """Make the table anew, in a transaction without foreign keys."""
        connection, name = self._connection, self._name
        triggers = connection.execute(_TRIGGERS, {"name": name}).scalars().all()
        table = self._operation.to_table(self._new_name)
        with _unbroken(connection, name):
            connection.execute(CreateTable(table))
            self._copy_rows()
            self._keep_counter(table)
            connection.exec_driver_sql(f"DROP TABLE {quoted(name)}")
            connection.exec_driver_sql(
                f"ALTER TABLE {quoted(self._new_name)} RENAME TO {quoted(name)}"
            )
            self._create_indexes()
            for trigger in triggers:
                connection.exec_driver_sql(trigger)

    def _copy_rows(self) -> None:
        old = self._connection.execute(_COLUMNS, {"name": self._name}).scalars().all()
        values = copied(self._operation, old)
        before = self._count(self._name)
        if values:
            names = ", ".join(map(quoted, values))
            rows = f"SELECT {', '.join(values.values())} FROM {quoted(self._name)}"
            with self._telling_what_does_not_fit():
                self._connection.exec_driver_sql(
                    f"INSERT INTO {quoted(self._new_name)} ({names}) {rows}"
                )
        after = self._count(self._new_name)
        if before != after:
            raise MigrationError(
                f"{self._name} has {before} rows, and {after} of them would be left",
                "give the columns that are new a value with copy=, and look for ON CONFLICT in its"
                " constraints; nothing was changed",
            )

    @contextmanager
    def _telling_what_does_not_fit(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError as error:
            told = str(error.orig).replace(self._new_name, self._name)
            raise MigrationError(
                f"rows of {self._name} do not fit the new table: {told}",
                "change those rows first, or give the columns other values with copy=; nothing was"
                " changed",
            ) from error

    def _count(self, name: str) -> int:
        counted = self._connection.exec_driver_sql(f"SELECT count(*) FROM {quoted(name)}")
        return int(counted.scalar_one())

    def _keep_counter(self, table: sa.Table) -> None:
        """Go on counting where the old table did, so that no key of a deleted row comes again."""
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return
        names = {"old": self._name, "new": self._new_name}
        last = self._connection.execute(_LAST, names).scalar_one()
        self._connection.execute(_FORGET, names)
        self._connection.execute(_COUNT_ON, {"new": self._new_name, "last": last})

    def _create_indexes(self) -> None:
        for index in sorted(self._operation.to_table().indexes, key=lambda index: str(index.name)):
            with self._telling_what_does_not_fit():
                self._connection.execute(CreateIndex(index))


_TRIGGERS = sa.text(
    "SELECT sql FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name)"
)
_COLUMNS = sa.text("SELECT name FROM pragma_table_xinfo(:name, 'main')")
_LAST = sa.text("SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name IN (:old, :new)")
_FORGET = sa.text("DELETE FROM main.sqlite_sequence WHERE name = :new")
_COUNT_ON = sa.text("INSERT INTO main.sqlite_sequence (name, seq) VALUES (:new, :last)")


# ---- what must be as whole as before -------------------------------------------------------------


@contextmanager
def _unbroken(connection: sa.Connection, table: str) -> Iterator[None]:
    """Let a block change a table. Raises MigrationError for what it has broken elsewhere.

    What was broken before does not count.
    """
    references = _broken_references(connection, table)
    objects = _broken_objects(connection)
    yield
    for key, count in _broken_references(connection, table).items():
        if count > references.get(key, 0):
            child, parent = key
            told = f"{count - references.get(key, 0)} row(s) of {child} would refer to nothing in"
            raise MigrationError(
                f"{told} {parent}"
                if parent is not None
                else f"{child} would refer to columns that are not unique",
                "change the rows or the foreign key first; nothing was changed",
            )
    for name, told in _broken_objects(connection).items():
        if name not in objects:
            raise MigrationError(
                f"{name} would be broken: {told}",
                "drop it with op.execute() before, and create it as it shall be after; nothing was"
                " changed",
            )


def _broken_references(connection: sa.Connection, table: str) -> dict[tuple[str, str | None], int]:
    """Return how many rows of one table refer to nothing in another, for those near `table`."""
    near = connection.execute(_NEAR, {"name": table}).scalars().all()
    found: dict[tuple[str, str | None], int] = {}
    for child in near:
        check = f"PRAGMA main.foreign_key_check({quoted(child)})"
        try:
            broken = connection.exec_driver_sql(check).all()
        except sa.exc.OperationalError:
            # What it refers to is not unique, so that no row of it can be written.
            found[child, None] = 1
            continue
        for row in broken:
            found[child, row[2]] = found.get((child, row[2]), 0) + 1
    return found


_NEAR = sa.text(
    "SELECT DISTINCT t.name FROM main.sqlite_master t LEFT JOIN pragma_foreign_key_list(t.name) k"
    " WHERE t.type = 'table' AND lower(:name) IN (lower(t.name), lower(k.\"table\"))"
)


def _broken_objects(connection: sa.Connection) -> dict[str, str]:
    """Return the views and triggers that cannot be used, and what SQLite says of them."""
    found = {}
    for kind, name, table in connection.execute(_OBJECTS).all():
        for statement in _uses(connection, kind, name, table):
            try:
                # A text that was explained before the change would be explained as it was then.
                text = f"EXPLAIN QUERY PLAN {statement} -- {next(_numbers)}"
                connection.exec_driver_sql(text)
            except sa.exc.OperationalError as error:
                found[f"{kind} {name}"] = str(error.orig)
    return found


_numbers = itertools.count()
_OBJECTS = sa.text(
    "SELECT type, name, tbl_name FROM main.sqlite_master WHERE type IN ('view', 'trigger')"
)


def _uses(connection: sa.Connection, kind: str, name: str, table: str) -> Iterator[str]:
    """Yield statements that SQLite can only prepare if a view or trigger is whole."""
    if kind == "view":
        yield f"SELECT * FROM {quoted(name)}"
        return
    columns = connection.execute(_PLAIN_COLUMNS, {"name": table}).scalars().all()
    values = ", ".join(f"{quoted(column)} = {quoted(column)}" for column in columns)
    yield f"INSERT INTO {quoted(table)} DEFAULT VALUES"
    yield f"UPDATE {quoted(table)} SET {values}"
    yield f"DELETE FROM {quoted(table)}"


_PLAIN_COLUMNS = sa.text("SELECT name FROM pragma_table_xinfo(:name, 'main') WHERE hidden = 0")
