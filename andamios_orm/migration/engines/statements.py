"""The SQL that alembic itself would run for an operation, as texts."""

from __future__ import annotations

import io

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext

__all__ = ["statements_of"]


def statements_of(operation: MigrateOperation, dialect: sa.Dialect) -> tuple[str, ...]:
    """Return alembic's statements for an operation, without touching a database.

    Raises what alembic raises for an operation that needs one.
    """
    written = _Statements()
    context = MigrationContext.configure(
        dialect=dialect, opts={"as_sql": True, "literal_binds": True, "output_buffer": written}
    )
    Operations(context).invoke(operation)
    return tuple(written.found)


class _Statements(io.StringIO):
    """What alembic writes to in offline mode: one call for each statement."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def write(self, text: str) -> int:
        self.found.append(text.strip().removesuffix(";"))
        return len(text)
