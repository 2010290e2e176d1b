"""What migrations ask of SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.changes import Change
from andamios_orm.migration.engines.base import ComparesAsItIs, Patience, Question, Step
from andamios_orm.migration.engines.sqlite import desired, inspection, locking, questions, steps
from andamios_orm.migration.engines.sqlite.altering import in_place
from andamios_orm.migration.engines.sqlite.types import column_type
from andamios_orm.migration.planning import rebuilding
from andamios_orm.migration.state import SchemaState

__all__ = ["SQLiteEngine"]


class SQLiteEngine(ComparesAsItIs):
    """SQLite: one file, one writer, and tables that are mostly changed by making them anew."""

    name = "sqlite"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return the tables of the file; there are no schemas, so that any but None is empty."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database, in the words of its catalog."""
        return desired.desired(metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a type's text."""
        return column_type(sql)

    def operations(
        self, changes: Sequence[Change], before: SchemaState, after: SchemaState
    ) -> Sequence[MigrateOperation]:
        """Return what a revision file does to make the changes, in order."""
        return rebuilding(changes, before, after, in_place=in_place, column_type=column_type)

    def questions(self, operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
        """Return what to count before an operation, on a database in `state`."""
        return questions.questions(operation, state)

    def steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return how an operation is made on the live database; None for alembic's own SQL.

        Raises NotSupported for what SQLite only makes by rebuilding a table, and for what it has
        not.
        """
        return steps.steps(operation, connection)

    def patient(self, connection: sa.Connection, patience: Patience) -> Sequence[str]:
        """Return nothing: a step begins with the only lock there is, or not at all."""
        return ()

    def is_lock_timeout(self, error: sa.exc.DBAPIError) -> bool:
        """Whether a step failed because another connection was writing."""
        return locking.is_lock_timeout(error)

    def locked(self, connection: sa.Connection, wait: float) -> AbstractContextManager[None]:
        """Keep other migrators out for one block.

        Raises MigrationLocked after `wait` seconds.
        """
        return locking.locked(connection, wait)
