"""PostgreSQL's part in migrations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.types import TypeEngine

from andamios_orm.migration import planning
from andamios_orm.migration.changes import Change
from andamios_orm.migration.engines.base import Patience, Question, Step
from andamios_orm.migration.engines.postgresql import (
    columns,
    constraints,
    enums,
    indexes,
    inspection,
    locking,
    scratch,
    tables,
)
from andamios_orm.migration.engines.postgresql.questions import converted, questions
from andamios_orm.migration.engines.postgresql.types import column_type
from andamios_orm.migration.operations import (
    AlterEnumOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.state import SchemaState

__all__ = ["PostgreSQLEngine"]


class PostgreSQLEngine:
    """PostgreSQL 13 or newer.

    A table of less than `small` bytes, with its indexes, is written anew behind a lock where a
    change asks for that: it takes less than a tenth of a second. A larger one stays in use.
    """

    name = "postgresql"

    def __init__(self, *, small: int = 1_000_000) -> None:
        self._small = small

    def inspect(self, connection: sa.Connection, schemas: Sequence[str | None]) -> SchemaState:
        """Return what is in these schemas; None is the default one."""
        return inspection.inspect(connection, schemas)

    def desired(self, connection: sa.Connection, metadata: sa.MetaData) -> SchemaState:
        """Return what `metadata` would be in this database, in the words of its catalog.

        Raises MigrationError if the user may not create a schema.
        """
        return scratch.desired(connection, metadata)

    def column_type(self, sql: str) -> TypeEngine[object]:
        """Return the SQLAlchemy type that is written in a revision file for a catalog's text."""
        return column_type(sql)

    def operations(
        self, changes: Sequence[Change], before: SchemaState, after: SchemaState
    ) -> Sequence[MigrateOperation]:
        """Return what a revision file does to make the changes, in order."""
        return planning.direct(changes, before, after, column_type=self.column_type)

    def questions(self, operation: MigrateOperation, state: SchemaState) -> Sequence[Question]:
        """Return what to count before an operation, on a database in `state`."""
        return questions(operation, state)

    def converted(self, value: str, old: str, new: TypeEngine[object]) -> tuple[str, str] | None:
        """Return SQL for a value in another type, NULL where that does not hold it, and that type.

        None where only the server can tell, by reading the values.
        """
        return converted(value, old, new)

    def steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return how an operation is made on the live database; None for alembic's own SQL."""
        match operation:
            case ops.AddColumnOp():
                return columns.add_column(operation, connection)
            case ops.AlterColumnOp():
                return columns.alter_column(operation, connection, self._small)
            case ops.CreateIndexOp():
                return indexes.create_index(operation, connection)
            case ops.DropIndexOp():
                return indexes.drop_index(operation, connection)
            case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
                return indexes.create_key(operation, connection)
            case ops.CreateCheckConstraintOp():
                return constraints.create_check(operation, connection)
            case ops.CreateForeignKeyOp():
                return constraints.create_foreign_key(operation, connection)
            case ops.CreateTableOp():
                return tables.create_table(operation, connection)
            case _:
                return self._own_steps(operation, connection)

    def _own_steps(
        self, operation: MigrateOperation, connection: sa.Connection
    ) -> Sequence[Step] | None:
        """Return the steps of an operation that alembic has not."""
        match operation:
            case CreateEnumOp():
                return enums.create_enum(operation)
            case DropEnumOp():
                return enums.drop_enum(operation)
            case AlterEnumOp():
                return enums.alter_enum(operation, connection)
            case RenameConstraintOp():
                return tables.rename_constraint(operation)
            case RenameIndexOp():
                return tables.rename_index(operation)
            case MoveTableOp():
                return tables.move_table(operation, connection)
            case _:
                return None

    def patient(self, connection: sa.Connection, patience: Patience) -> Sequence[str]:
        """Return the statements at the beginning of a transaction that limit how long it waits."""
        return locking.patient(patience)

    def is_lock_timeout(self, error: sa.exc.DBAPIError) -> bool:
        """Whether a step failed because others held what it needs."""
        return locking.is_lock_timeout(error)

    def locked(self, connection: sa.Connection, wait: float) -> AbstractContextManager[None]:
        """Keep other migrators out for one block.

        Raises MigrationLocked after `wait` seconds.
        """
        return locking.locked(connection, wait)
