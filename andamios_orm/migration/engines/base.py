"""What migrations need of an engine: read it, say how a change is made, and make it safely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import MigrationLocked
from andamios_orm.migration.changes import Change
from andamios_orm.migration.state import SchemaState

__all__ = [
    "ComparesAsItIs",
    "Engine",
    "Patience",
    "Question",
    "Step",
    "locked_out",
    "transaction",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a migration does at once: all of it happens, or none, where the engine can do that.

    Each step is noted in the database before and after, so that a migration that was killed goes
    on with the step that was not done. `statements` are run as they are; a part that needs to look
    at the database first is `run`, which is called with the connection, inside the transaction if
    there is one.
    """

    statements: tuple[str, ...] = ()
    run: Callable[[sa.Connection], None] | None = None
    batch: Callable[[sa.Connection, str | None], str | None] | None = None
    """One piece of a change that takes long. It is called again and again, each time in a
    transaction of its own, with what it returned before, None at first, until it returns None. The
    note of what it returned is part of that transaction, so that a migration that was killed goes
    on after the last piece. A step has either this or the other two."""
    transaction: bool = True
    """Whether it happens in one transaction, together with the note that it has."""
    done: Callable[[sa.Connection], bool] | None = None
    """Where there is no transaction: whether the step has happened, although nobody noted so.
    None for a step that may be done twice."""
    undo: tuple[str, ...] = ()
    """What removes the half of a step that failed or was killed, before it is tried again."""
    before: tuple[str, ...] = ()
    """Statements ahead of the transaction, for settings that hold still inside of one."""
    after: tuple[str, ...] = ()
    """Statements that take the settings back, whether the step happened or failed."""
    shown: tuple[str, ...] = ()
    """What `run` comes to as statements, as far as that can be told, for people to read or run."""
    told: str = ""
    """In words, where the statements do not speak for themselves."""
    lock: bool = True
    """Whether it takes a lock that readers or writers would wait behind, so that it must give up
    quickly and try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a step waits for a lock, and how often it tries.

    ```python
    from andamios_orm.migration import Migrator, Patience

    migrator = Migrator(db, "migrations", patience=Patience(lock_timeout=0.05, retries=100))
    ```
    """

    lock_timeout: float = 0.2
    """Seconds that readers and writers may have to wait behind one try."""
    retries: int = 30
    statement_timeout: float | None = None
    """Seconds that a statement may take in all, on servers; None for as long as it takes."""
    wait: float = 10.0
    """Seconds to wait for another migrator to finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How many rows stand in the way of an operation, asked before anything is done.

    `sql` counts them; `problem` tells of them, as in "have no value in hero.email"; `cure` is the
    line for the revision file that would change them, with `...` where a value is to be chosen.
    `fill` is the `table.column` that such a value would be for, None where none would help.
    """

    sql: str
    problem: str
    cure: str
    fill: str | None = None


class Engine(Protocol):
    """One engine's part in migrations. `connection` is always one in autocommit."""

    @property
    def name(self) -> str:
        """The name of SQLAlchemy's dialect."""
        ...

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these schemas; None is the default one."""
        ...

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database, in the words of its catalog.

        The tables are created in a place of their own, read like those that are live, and removed.
        """
        ...

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        ...

    def operations(
        self, changes: Sequence[Change], before: SchemaState, after: SchemaState
    ) -> Sequence[MigrateOperation]:
        """Return what a revision file does to make the changes, in order."""
        ...

    def questions(self, operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
        """Return what to count before an operation, on a database in `state`."""
        ...

    def converted(self, value: str, old: str, new: TypeEngine[object]) -> tuple[str, str] | None:
        """Return SQL for what a column's value is after another type, and that type, so that
        questions about it can be asked before; `old` and the type are as the catalog writes them.

        None where that cannot be told beforehand.
        """
        ...

    def steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return how an operation is made on the live database; None for alembic's own SQL.

        Asked again after a kill, in the middle of the steps, it must return the same list: it may
        look at nothing that its own steps change before the last one.
        """
        ...

    def patient(self, connection: sa.Connection, patience: Patience) -> Sequence[str]:
        """Return the statements at the beginning of a step that limit how long it waits."""
        ...

    def is_lock_timeout(self, error: sa.exc.DBAPIError) -> bool:
        """Whether a step failed because it did not get a lock in time."""
        ...

    def locked(self, connection: sa.Connection, wait: float) -> AbstractContextManager[None]:
        """Keep other migrators out for one block, which does its work on the same connection.

        Raises MigrationLocked after `wait` seconds.
        """
        ...


class ComparesAsItIs:
    """An engine that compares a value with those of another type without a CAST."""

    def converted(self, value: str, old: str, new: TypeEngine[object]) -> tuple[str, str] | None:
        """Return value and type as they are."""
        return value, old


def locked_out() -> MigrationLocked:
    """Return the error for a migrator that waited for another one long enough."""
    return MigrationLocked(
        "another migrator is at work on this database",
        "wait until it is done; `andamios-orm migrate status` shows what is applied",
    )


@contextmanager
def transaction(connection: sa.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """One transaction on a connection in autocommit: committed at the end, or rolled back."""
    connection.exec_driver_sql(begin)
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        # After a COMMIT that failed, SQLite is still inside and others are not.
        with suppress(sa.exc.DBAPIError):
            connection.exec_driver_sql("ROLLBACK")
        raise
