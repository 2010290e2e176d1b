"""What is asked of a live database before a migration does anything to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import RevisionProblem, RowsInTheWay
from andamios_orm.migration.destruction import losses, refuse_losses
from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.operations import BackfillOp, MoveTableOp, RebuildTableOp
from andamios_orm.migration.reading import collected
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["preflight"]


def preflight(
    connection: sa.Connection,
    engine: Engine,
    revisions: Sequence[Revision],
    direction: Direction,
    allow: Collection[str],
) -> None:
    """Refuse revisions that cannot go well, before the first of them begins.

    Raises DestructionRefused for data that would be removed without permission, RowsInTheWay for
    rows that a stricter rule would refuse, RevisionProblem for a value that nobody has filled in.
    """
    operations = [
        (revision, operation)
        for revision in revisions
        for operation in collected(revision, direction, connection.dialect)
    ]
    for revision, operation in operations:
        _refuse_unfinished(revision, operation)
    schemas = dict.fromkeys([None, *(getattr(op, "schema", None) for _, op in operations)])
    state = engine.inspect(connection, list(schemas))
    found = []
    now = state
    for _, operation in operations:
        found += list(losses(operation, now))
        now = _after(now, operation)
    refuse_losses(connection, found, now, allow)
    _refuse_rows(connection, engine, [operation for _, operation in operations], state)


def _refuse_unfinished(revision: Revision, operation: MigrateOperation) -> None:
    if isinstance(operation, BackfillOp):
        values = operation.values
    elif isinstance(operation, RebuildTableOp):
        values = operation.copy
    else:
        return
    for column, value in values.items():
        if not isinstance(value, str):
            raise RevisionProblem(
                f"{revision.path.name} does not say yet which value"
                f" {operation.table_name}.{column} gets",
                f"put SQL in the place of the ... in {revision.path}",
            )


def _after(state: SchemaState, operation: MigrateOperation) -> SchemaState:
    """Return the state as far as names of tables and columns go."""
    match operation:
        case ops.RenameTableOp():
            old = TableName(operation.table_name, operation.schema)
            return rename_table(state, old, replace(old, name=operation.new_table_name))
        case MoveTableOp():
            old = TableName(operation.table_name, operation.schema)
            return rename_table(state, old, replace(old, schema=operation.to))
        case ops.AlterColumnOp() if operation.modify_name is not None:
            table = TableName(operation.table_name, operation.schema)
            return rename_column(state, table, operation.column_name, operation.modify_name)
        case _:
            return state


def _refuse_rows(
    connection: sa.Connection,
    engine: Engine,
    operations: Iterable[MigrateOperation],
    state: SchemaState,
) -> None:
    counts: dict[str, int] = {}
    cures: list[str] = []
    filled: set[tuple[str, str]] = set()
    for operation in operations:
        if isinstance(operation, BackfillOp):
            filled |= {(operation.table_name, column) for column in operation.values}
        if isinstance(operation, ops.AlterColumnOp) and (
            (operation.table_name, operation.column_name) in filled
        ):
            # An earlier operation has cured them by then, and the database itself still refuses.
            continue
        for question in engine.questions(operation, state):
            count = int(connection.exec_driver_sql(question.sql).scalar_one())
            if count:
                counts[question.problem] = count
                cures.append(question.cure)
    if counts:
        told = "; ".join(f"{count} row(s) {problem}" for problem, count in counts.items())
        raise RowsInTheWay(
            f"a stricter rule meets rows that break it: {told}",
            f"change those rows first, or do so in the revision: {' '.join(dict.fromkeys(cures))}",
            counts=counts,
        )
