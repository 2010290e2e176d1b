"""A revision's functions, called: what they ask of alembic's `op` comes to one function of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.revisions import Revision

__all__ = ["collected", "invoking", "plain_steps"]


@contextmanager
def invoking(
    bind: sa.Connection | sa.Dialect, invoke: Callable[[MigrateOperation], object]
) -> Iterator[None]:
    """Have what revision files do with `op` come to `invoke`, inside the block."""
    if isinstance(bind, sa.Connection):
        context = MigrationContext.configure(bind)
    else:
        context = MigrationContext.configure(dialect=bind, opts={"as_sql": True})
    operations = Operations(context)
    # The one place that all of `op` leads to, alembic's own operations and registered ones alike.
    setattr(operations, "invoke", invoke)  # noqa: B010 - checkers let no method be assigned
    operations._install_proxy()  # noqa: SLF001 - Operations.context() takes no Operations
    try:
        yield
    finally:
        with suppress(KeyError):
            operations._remove_proxy()  # noqa: SLF001 - as above


def collected(
    revision: Revision, direction: Direction, dialect: sa.Dialect
) -> tuple[MigrateOperation, ...]:
    """Return what a revision would do, without a database.

    Raises RevisionProblem for one that asks the database while it is read.
    """
    found: list[MigrateOperation] = []
    with invoking(dialect, found.append):
        try:
            (revision.upgrade if direction == "up" else revision.downgrade)()
        except Exception as error:
            raise RevisionProblem(
                f"{revision.path.name} cannot be read ahead: {type(error).__name__}: {error}",
                "let it call `op` only; what has to ask the database is SQL in op.execute() or"
                " op.backfill()",
            ) from error
    return tuple(found)


def plain_steps(operation: MigrateOperation, dialect: sa.Dialect) -> tuple[Step, ...]:
    """Return alembic's own way to make an operation, as one step."""
    statements: list[str] = []
    options: dict[str, Any] = {"as_sql": True, "literal_binds": True}
    context = MigrationContext.configure(dialect=dialect, opts=options)

    def take(text: str) -> None:
        statements.append(text.rstrip("; \n"))

    # Alembic would write them to a file, one after the other.
    setattr(context.impl, "static_output", take)  # noqa: B010 - checkers let no method be assigned
    Operations(context).invoke(operation)
    return (Step(statements=tuple(statements)),)
