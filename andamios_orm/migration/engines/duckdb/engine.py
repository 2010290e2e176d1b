"""DuckDB's part in migrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.operations import MigrateOperation
from sqlalchemy.types import TypeEngine

from andamios_orm.backends.duckdb.messages import failure_of
from andamios_orm.migration.changes import Change
from andamios_orm.migration.engines.base import ComparesAsItIs, Patience, Question, Step
from andamios_orm.migration.engines.duckdb import impl as impl
from andamios_orm.migration.engines.duckdb import inspection, planning, scratch, types
from andamios_orm.migration.engines.duckdb.questions import questions
from andamios_orm.migration.engines.duckdb.steps import steps
from andamios_orm.migration.state import SchemaState

__all__ = ["DuckDBEngine"]


class DuckDBEngine(ComparesAsItIs):
    """DuckDB 2.0 or newer.

    One program at a time has a file open, and in it one task at a time writes: nobody else is at
    the database while it changes.
    """

    name = "duckdb"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these schemas; None is the default one."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database, in the words of its catalog.

        Raises NotSupported for what DuckDB cannot have, such as tables that refer to each other.
        """
        return scratch.desired(connection, metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        return types.column_type(sql)

    def operations(
        self, changes: Sequence[Change], before: SchemaState, after: SchemaState
    ) -> Sequence[MigrateOperation]:
        """Return what a revision file does to make the changes, in order."""
        return planning.operations(changes, before, after)

    def questions(self, operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
        """Return what to count before an operation, on a database in `state`."""
        return questions(operation, state)

    def steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return how an operation is made on the live database; None for alembic's own SQL.

        Raises NotSupported for what DuckDB knows nothing of.
        """
        return steps(operation)

    def patient(self, connection: sa.Connection, patience: Patience) -> Sequence[str]:
        """Return nothing: DuckDB never waits for a lock."""
        return ()

    def is_lock_timeout(self, error: sa.exc.DBAPIError) -> bool:
        """Whether a step met what another connection of this program did at the same time."""
        failure = None if error.orig is None else failure_of(error.orig)
        return failure is not None and failure.kind == "conflict"

    @contextmanager
    def locked(self, connection: sa.Connection, wait: float) -> Iterator[None]:
        """Do nothing: whoever has the file open keeps other programs out, and in this one the
        connection has the turn of the writers.
        """
        yield
