"""The two engines, which differ in little more than their names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.changes import Change
from andamios_orm.migration.engines.base import ComparesAsItIs, Patience, Question, Step
from andamios_orm.migration.engines.mysql import (
    columns,
    constraints,
    indexes,
    inspection,
    locking,
    scratch,
    tables,
)
from andamios_orm.migration.engines.mysql.operations import operations
from andamios_orm.migration.engines.mysql.questions import questions
from andamios_orm.migration.engines.mysql.types import column_type
from andamios_orm.migration.operations import MoveTableOp, RenameConstraintOp, RenameIndexOp
from andamios_orm.migration.state import SchemaState

__all__ = ["MariaDBEngine", "MySQLEngine"]


class MariaDBEngine(ComparesAsItIs):
    """MariaDB 10.6 or newer. What it calls a schema is a database."""

    name = "mariadb"

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these databases; None is the one that the connection is in."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be on this server, in the words of its catalog.

        Raises MigrationError if the user may not create a database.
        """
        return scratch.desired(connection, metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        return column_type(sql)

    def operations(
        self, changes: Sequence[Change], before: SchemaState, after: SchemaState
    ) -> Sequence[MigrateOperation]:
        """Return what a revision file does to make the changes, in order."""
        return operations(changes, before, after)

    def questions(self, operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
        """Return what to count before an operation, on a database in `state`."""
        return questions(operation, state)

    def steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return how an operation is made on the live database; None for alembic's own SQL.

        Raises RevisionProblem for what the revision takes to be there, and is not.
        """
        match operation:
            case ops.CreateTableOp():
                return tables.create_table(operation, connection)
            case ops.DropTableOp():
                return tables.drop_table(operation, connection)
            case ops.RenameTableOp():
                return tables.rename_table(operation, connection)
            case MoveTableOp():
                return tables.move_table(operation, connection)
            case ops.AddColumnOp():
                return columns.add_column(operation, connection)
            case ops.AlterColumnOp():
                return columns.alter_column(operation, connection)
            case ops.DropColumnOp():
                return columns.drop_column(operation, connection)
            case ops.CreateIndexOp():
                return indexes.create_index(operation, connection)
            case ops.DropIndexOp():
                return indexes.drop_index(operation, connection)
            case RenameIndexOp():
                return indexes.rename_index(operation, connection)
            case _:
                return self._constraint_steps(operation, connection)

    def _constraint_steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        match operation:
            case ops.CreatePrimaryKeyOp():
                return constraints.create_primary_key(operation, connection)
            case ops.CreateUniqueConstraintOp():
                return constraints.create_unique(operation, connection)
            case ops.CreateCheckConstraintOp():
                return constraints.create_check(operation, connection)
            case ops.CreateForeignKeyOp():
                return constraints.create_foreign_key(operation, connection)
            case ops.DropConstraintOp():
                return constraints.drop_constraint(operation, connection)
            case RenameConstraintOp():
                return constraints.rename_constraint(operation, connection)
            case _:
                return None

    def patient(self, connection: sa.Connection, patience: Patience) -> Sequence[str]:
        """Return the statements at the beginning of a step that limit how long it waits."""
        return locking.patient(connection, patience)

    def is_lock_timeout(self, error: sa.exc.DBAPIError) -> bool:
        """Whether a step failed because others held what it needs."""
        return locking.is_lock_timeout(error)

    def locked(self, connection: sa.Connection, wait: float) -> AbstractContextManager[None]:
        """Keep other migrators out for one block.

        Raises MigrationLocked after `wait` seconds.
        """
        return locking.locked(connection, wait)


class MySQLEngine(MariaDBEngine):
    """MySQL 8.0.19 or newer; also MariaDB, spoken to as one speaks to MySQL."""

    name = "mysql"
