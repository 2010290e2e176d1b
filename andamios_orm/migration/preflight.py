"""What is asked of a live database before a migration does anything to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import RevisionProblem, RowsInTheWay
from andamios_orm.migration.aside import Asides
from andamios_orm.migration.destruction import losses, refuse_losses
from andamios_orm.migration.engines.base import Engine, Question
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.operations import BackfillOp, MoveTableOp, RebuildTableOp
from andamios_orm.migration.reading import collected
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["counted", "preflight"]


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
    other: Direction = "down" if direction == "up" else "up"
    asides = Asides(connection)
    back = {k.name for revision in revisions for k in asides.of(revision.id, other)}
    _refuse_rows(connection, engine, [operation for _, operation in operations], state, back)


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
    coming_back: Collection[str],
) -> None:
    counts = counted(connection, engine, operations, state, coming_back)
    if counts:
        told = "; ".join(f"{count} row(s) {q.problem}" for q, count in counts.items())
        cures = " ".join(dict.fromkeys(question.cure for question in counts))
        raise RowsInTheWay(
            f"a stricter rule meets rows that break it: {told}",
            f"change those rows first, or do so in the revision: {cures}",
            counts={question.problem: count for question, count in counts.items()},
        )


def counted(
    connection: sa.Connection,
    engine: Engine,
    operations: Iterable[MigrateOperation],
    state: SchemaState,
    coming_back: Collection[str] = (),
) -> dict[Question, int]:
    """Return how many rows stand in the way of operations, for each where there are any.

    Not of one whose column an earlier operation fills, or `coming_back` names: the database itself
    still refuses what is missing then.
    """
    found: dict[Question, int] = {}
    filled = set(coming_back)
    for operation in operations:
        name = _column_of(operation)
        if isinstance(operation, BackfillOp):
            table = TableName(operation.table_name, operation.schema)
            filled |= {f"{table}.{column}" for column in operation.values}
        elif name is None or name not in filled:
            for question in engine.questions(operation, state):
                count = int(connection.exec_driver_sql(question.sql).scalar_one())
                if count:
                    found[question] = count
    return found


def _column_of(operation: MigrateOperation) -> str | None:
    """Return the column that an operation makes stricter, as `table.column`."""
    match operation:
        case ops.AddColumnOp():
            column = operation.column.name
        case ops.AlterColumnOp():
            column = operation.column_name
        case _:
            return None
    return f"{TableName(operation.table_name, operation.schema)}.{column}"
