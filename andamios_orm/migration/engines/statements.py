"""The SQL that alembic itself would run for an operation, as texts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import BulkInsertOp
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
    with _typed(operation):
        Operations(context).invoke(operation)
    return tuple(written.found)


@contextmanager
def _typed(operation: MigrateOperation) -> Iterator[None]:
    """Let columns of inserted rows that were written without a type have that of their values.

    A driver would be handed the values; as SQL they need a type to be written in.
    """
    if not isinstance(operation, BulkInsertOp):
        yield
        return
    untyped = [c for c in operation.table.c if isinstance(c.type, sa.types.NullType)]
    for column in untyped:
        values = (row[column.key] for row in operation.rows if column.key in row)
        value = next((value for value in values if value is not None), None)
        column.type = sa.literal(value).type
    try:
        yield
    finally:
        for column in untyped:
            column.type = sa.types.NULLTYPE


class _Statements(io.StringIO):
    """What alembic writes to in offline mode: one call for each statement."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def write(self, text: str) -> int:
        self.found.append(text.strip().removesuffix(";"))
        return len(text)
