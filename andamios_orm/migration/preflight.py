"""What is asked of a live database before a migration does anything to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa
from alembic.operations import MigrateOperation

from andamios_orm.errors import NotSupported, RevisionProblem
from andamios_orm.migration.aside import Asides
from andamios_orm.migration.counting import Names, counted, in_the_way, state_before
from andamios_orm.migration.destruction import Loss, counting, live, losses, refuse_losses
from andamios_orm.migration.engines.base import Engine
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.naming import refuse_names
from andamios_orm.migration.operations import UNFINISHED, BackfillOp, RebuildTableOp
from andamios_orm.migration.reading import collected
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.state import SchemaState

__all__ = ["preflight", "refuse_lost"]


def preflight(
    connection: sa.Connection,
    engine: Engine,
    revisions: Sequence[Revision],
    direction: Direction,
    allow: Collection[str],
) -> None:
    """Refuse revisions that cannot go well, before the first of them begins.

    Raises DestructionRefused for data that would be removed without permission, RowsInTheWay for
    rows that a stricter rule would refuse, RevisionProblem for a value that nobody has filled in,
    NotSupported for what the engine cannot do, and for names that it cannot have.
    """
    operations: list[MigrateOperation] = []
    for revision in revisions:
        for operation in collected(revision, direction, connection.dialect):
            _refuse_unfinished(revision, operation)
            refuse_names(revision, operation, engine.name)
            _refuse_unknown(connection, engine, operation)
            operations.append(operation)
    state = state_before(connection, engine, operations)
    refuse_losses(_lost(connection, operations, state), allow)
    other: Direction = "down" if direction == "up" else "up"
    asides = Asides(connection)
    back = {k.name for revision in revisions for k in asides.of(revision.id, other)}
    _refuse_rows(connection, engine, operations, state, back)


def refuse_lost(
    connection: sa.Connection,
    engine: Engine,
    revision: Revision,
    direction: Direction,
    allow: Collection[str],
) -> None:
    """Raise DestructionRefused for what a half-done revision removes that is still there."""
    operations = collected(revision, direction, connection.dialect)
    state = state_before(connection, engine, operations)
    refuse_losses(_lost(connection, operations, state), allow)


def _lost(
    connection: sa.Connection, operations: Iterable[MigrateOperation], state: SchemaState
) -> dict[Loss, int]:
    """Return what operations would remove of a database, and how many rows have data in it."""
    found = {}
    names = Names(state, connection)
    for operation in operations:
        for loss in live(losses(operation, names.now), names.now):
            query = counting(loss, connection)
            rows = 0 if query is None else names.count(query)
            found[loss] = rows
        names.follow(operation)
    return found


def _refuse_unknown(connection: sa.Connection, engine: Engine, operation: MigrateOperation) -> None:
    """Raise NotSupported for what the engine cannot do at all."""
    try:
        engine.steps(operation, connection)
    except NotSupported:
        raise
    except Exception:  # noqa: S110 - what an earlier operation makes is not there yet
        pass


def _refuse_unfinished(revision: Revision, operation: MigrateOperation) -> None:
    if isinstance(operation, BackfillOp):
        values = operation.values
    elif isinstance(operation, RebuildTableOp):
        values = operation.copy
    else:
        return
    for column, value in values.items():
        if not _is_sql(value):
            raise RevisionProblem(
                f"{revision.path.name} does not say yet which value"
                f" {operation.table_name}.{column} gets",
                f"put SQL, as a text, in the place of {value} in {revision.path}, then"
                " `andamios-orm migrate up`",
            )


def _is_sql(value: object) -> bool:
    """Whether it is what a signature asks for, which a person may have written otherwise."""
    return isinstance(value, str) and value != UNFINISHED


def _refuse_rows(
    connection: sa.Connection,
    engine: Engine,
    operations: Iterable[MigrateOperation],
    state: SchemaState,
    coming_back: Collection[str],
) -> None:
    counts = counted(connection, engine, operations, state, coming_back)
    if counts:
        cures = " ".join(dict.fromkeys(question.cure for question in counts))
        raise in_the_way(counts, f"change those rows first, or do so in the revision: {cures}")
