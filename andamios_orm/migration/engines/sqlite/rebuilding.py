"""Make a table of SQLite anew, with its rows, and leave everything else as it was.

The way is the one that SQLite's own documentation of ALTER TABLE gives: a new table, the rows, the
old name. Foreign keys are switched off meanwhile, so that dropping the old table deletes no row
that refers to it, and checked before the commit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.sqlite.desired import read_table
from andamios_orm.migration.engines.sqlite.tokens import Token, quoted, written
from andamios_orm.migration.operations import RebuildTableOp

__all__ = ["copied", "drop_step", "rebuild_step"]


def rebuild_step(operation: RebuildTableOp, connection: sa.Connection) -> Step:
    """Return the step that makes a table anew. It raises MigrationError for rows that do not fit.

    Its triggers are kept, and the counter of an AUTOINCREMENT.
    """
    return _freely(
        lambda connection: _Rebuild(connection, operation).run(),
        _Rebuild(connection, operation).statements(),
        f"make {operation.table_name} anew, with its rows, indexes and triggers",
    )


def drop_step(table: str, *, if_exists: bool) -> Step:
    """Return the step that drops a table, and no row of another that refers to it.

    It raises MigrationError if rows, views or triggers still need the table.
    """
    drop = f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{quoted(table)}"

    def run(connection: sa.Connection) -> None:
        with _unbroken(connection, table):
            connection.exec_driver_sql(drop)

    return _freely(run, [drop], f"drop {table}")


# With the old way of ALTER, a table gets its name although views speak of one that is not there.
_FREE = ("PRAGMA foreign_keys = OFF", "PRAGMA legacy_alter_table = ON")
_BOUND = ("PRAGMA legacy_alter_table = OFF", "PRAGMA foreign_keys = ON")


def _freely(run: Callable[[sa.Connection], None], statements: Sequence[str], told: str) -> Step:
    """Return a step that may leave references open on its way."""
    transaction = ("BEGIN IMMEDIATE", *statements, "PRAGMA foreign_key_check", "COMMIT")
    shown = (*_FREE, *transaction, *_BOUND) if statements else ()
    return Step(run=run, before=_FREE, after=_BOUND, shown=shown, told=told)


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
    """The statements that make a table anew."""

    def __init__(self, connection: sa.Connection, operation: RebuildTableOp) -> None:
        self._connection = connection
        self._operation = operation
        self._name = operation.table_name
        self._new_name = f"andamios_new_{self._name}"
        self._new_table = operation.to_table(self._new_name)

    def statements(self) -> tuple[str, ...]:
        """Return all of them as they would be run now; none if there is no table to copy from."""
        if not (self._old_columns() or self._operation.copy):
            return ()
        return (self._create(), self._fill(), *self._keep_counter(), *self._put_in_place())

    def run(self) -> None:
        """Run them, in a transaction without foreign keys, and see that nothing is lost."""
        with _unbroken(self._connection, self._name), self._telling_what_does_not_fit():
            rest = self._put_in_place()
            before = self._count(self._name)
            self._execute(self._create(), self._fill())
            self._refuse_fewer(before, self._count(self._new_name))
            self._execute(*self._keep_counter(), *rest)

    def _execute(self, *statements: str) -> None:
        for statement in statements:
            self._connection.exec_driver_sql(statement)

    def _create(self) -> str:
        return self._sql(CreateTable(self._new_table))

    def _sql(self, element: sa.schema.ExecutableDDLElement) -> str:
        return str(element.compile(dialect=self._connection.dialect)).strip()

    def _fill(self) -> str:
        values = copied(self._operation, self._old_columns()) or self._some_default()
        names = ", ".join(map(quoted, values))
        rows = f"SELECT {', '.join(values.values())} FROM {quoted(self._name)}"
        return f"INSERT INTO {quoted(self._new_name)} ({names}) {rows}"

    def _old_columns(self) -> Sequence[str]:
        return self._connection.execute(_COLUMNS, {"name": self._name}).scalars().all()

    def _some_default(self) -> dict[str, str]:
        """Return what a row is made of when nothing of the old one is left in it."""
        columns = read_table(self._operation.to_table()).columns
        column = next(column for column in columns if column.computed is None)
        return {column.name: column.default or "NULL"}

    def _keep_counter(self) -> Iterator[str]:
        """Go on counting where the old table did, so that no key of a deleted row comes again."""
        if self._new_table.dialect_options["sqlite"]["autoincrement"]:
            old, new = (written(Token("text", name)) for name in (self._name, self._new_name))
            counters = "FROM main.sqlite_sequence WHERE name"
            yield (
                f"INSERT INTO main.sqlite_sequence (name, seq) SELECT {new}, 0"
                f" WHERE NOT EXISTS (SELECT 1 {counters} = {new})"
            )
            yield (
                f"UPDATE main.sqlite_sequence SET seq = (SELECT max(seq) {counters} IN"
                f" ({old}, {new})) WHERE name = {new}"
            )

    def _put_in_place(self) -> tuple[str, ...]:
        """Return what gives the new table the name, the indexes and the triggers of the old one."""
        name = quoted(self._name)
        triggers = self._connection.execute(_TRIGGERS, {"name": self._name}).scalars().all()
        indexes = self._operation.to_table().indexes
        return (
            f"DROP TABLE {name}",
            f"ALTER TABLE {quoted(self._new_name)} RENAME TO {name}",
            *sorted(self._sql(CreateIndex(index)) for index in indexes),
            *triggers,
        )

    def _count(self, name: str) -> int:
        counted = self._connection.exec_driver_sql(f"SELECT count(*) FROM {quoted(name)}")
        return int(counted.scalar_one())

    def _refuse_fewer(self, before: int, after: int) -> None:
        if before != after:
            raise MigrationError(
                f"{self._name} has {before} rows, and {after} of them would be left",
                "look for ON CONFLICT in its constraints, which leaves rows out; nothing was"
                " changed",
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


_TRIGGERS = sa.text(
    "SELECT sql FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name)"
)
_COLUMNS = sa.text("SELECT name FROM pragma_table_xinfo(:name, 'main')")


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
