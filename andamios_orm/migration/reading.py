"""A revision's functions, called: what they ask of alembic's `op` comes to one function of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from alembic.operations import BatchOperations, MigrateOperation, Operations, ops
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.migration import MigrationContext

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.revisions import Revision

__all__ = ["DeclaredImpossible", "collected", "invoking", "plain_steps"]

Invoke = Callable[[MigrateOperation], object]


@contextmanager
def invoking(bind: sa.Connection | sa.Dialect, invoke: Invoke) -> Iterator[None]:
    """Have what revision files do with `op` come to `invoke`, inside the block.

    What is asked for outside of transactions, in alembic's `autocommit_block()`, has
    `info["autocommit"]`.
    """
    if isinstance(bind, sa.Connection):
        context = _Context(bind.dialect, bind, {})
    else:
        context = _Context(bind, None, {"as_sql": True})
    operations = Operations(context)
    funnel = _Funnel(operations, context, invoke)
    for name in ("invoke", "batch_alter_table", "get_bind"):
        # A subclass would not be what `op` stands for.
        setattr(operations, name, getattr(funnel, name))
    operations._install_proxy()  # noqa: SLF001 - Operations.context() takes no Operations
    try:
        yield
    finally:
        with suppress(KeyError):
            operations._remove_proxy()  # noqa: SLF001 - as above


class _Context(MigrationContext):
    """Alembic's view of the database, whose transactions are begun and ended elsewhere."""

    autocommit = False

    @contextmanager
    def autocommit_block(self) -> Iterator[None]:
        """Mark what is asked for inside of the block."""
        self.autocommit = True
        try:
            yield
        finally:
            self.autocommit = False


class _Funnel:
    """The one place that all of `op` leads to, alembic's own operations and registered ones."""

    def __init__(self, operations: Operations, context: _Context, invoke: Invoke) -> None:
        self._operations, self._context, self._invoke = operations, context, invoke

    def invoke(self, operation: MigrateOperation) -> sa.Table | None:
        """Take an operation; return what alembic does, the table that was created."""
        if self._context.autocommit:
            operation.info = {**(operation.info or {}), "autocommit": True}
        self._invoke(operation)
        if isinstance(operation, ops.CreateTableOp):
            return operation.to_table(self._context)
        return None

    @contextmanager
    def batch_alter_table(
        self, table_name: str, schema: str | None = None, **options: object
    ) -> Iterator[BatchOperations]:
        """Take the operations of the block one by one.

        Alembic would alter or rebuild the table at its end, past everything of ours, which is
        what the other options are about.
        """
        nothing: tuple[Any, ...] = ((), {}, (), {}, None, None)
        impl = BatchOperationsImpl(  # type: ignore[no-untyped-call]  # alembic's
            self._operations, table_name, schema, "never", None, *nothing
        )
        batch = BatchOperations(self._context, impl=impl)
        setattr(batch, "invoke", self.invoke)  # noqa: B010 - checkers let no method be assigned
        yield batch

    def get_bind(self) -> sa.Connection | None:
        """Return the connection. Raises RevisionProblem while a revision is read ahead."""
        if self._context.as_sql:
            raise RevisionProblem(
                "op.get_bind() gives a connection, and a revision is read before it is applied",
                _ONLY_OP,
            )
        return self._context.connection


class DeclaredImpossible(RevisionProblem):
    """A way that the revision itself says there is not, with `raise NotImplementedError`."""


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
        except NotImplementedError:
            raise DeclaredImpossible(
                f"{revision.path.name} says that it cannot be "
                + ("undone" if direction == "down" else "applied"),
                "write a revision that leads to where you want to be: `andamios-orm migrate new`",
            ) from None
        except Exception as error:
            told = error.problem if isinstance(error, RevisionProblem) else _told(error)
            raise RevisionProblem(
                f"{revision.path.name} cannot be read ahead: {told}", _ONLY_OP
            ) from error
    return tuple(found)


_ONLY_OP = (
    "let it call `op` only; what has to ask the database is SQL in op.execute() or op.backfill()"
)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def plain_steps(operation: MigrateOperation, dialect: sa.Dialect) -> tuple[Step, ...]:
    """Return alembic's own way to make an operation, as one step.

    One of alembic's `autocommit_block()` is in no transaction.
    """
    outside = (getattr(operation, "info", None) or {}).get("autocommit", False)
    return (Step(statements=statements_of(operation, dialect), transaction=not outside),)
