"""What a migration would do to a live database, as far as that can be told before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from alembic.operations import MigrateOperation

from andamios_orm.errors import AndamiosError
from andamios_orm.migration.ahead import Columns
from andamios_orm.migration.backfill import backfill_step
from andamios_orm.migration.counting import state_before
from andamios_orm.migration.destruction import losses
from andamios_orm.migration.engines.base import Engine, Step
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.naming import refuse_names
from andamios_orm.migration.operations import BackfillOp
from andamios_orm.migration.reading import collected, plain_steps
from andamios_orm.migration.renaming import named_after
from andamios_orm.migration.reports import Plan, PlannedOperation, PlannedRevision
from andamios_orm.migration.revisions import Revision
from andamios_orm.migration.state import SchemaState
from andamios_orm.migration.words import in_words

__all__ = ["foreseen", "planned", "script", "sql_lines"]


def planned(
    connection: sa.Connection,
    engine: Engine,
    revisions: Sequence[Revision],
    direction: Direction,
) -> Plan:
    """Return the operations of revisions, each with its steps.

    Raises RevisionProblem, and NotSupported for names that the engine cannot have.
    """
    columns = Columns()
    return Plan(
        direction=direction,
        revisions=tuple(
            PlannedRevision(
                revision=revision,
                operations=tuple(
                    _operation(connection, engine, operation, state, columns)
                    for operation, state in _with_states(connection, engine, revision, direction)
                ),
            )
            for revision in revisions
        ),
    )


def foreseen(
    connection: sa.Connection,
    engine: Engine,
    operations: Sequence[MigrateOperation],
    state: SchemaState,
) -> Iterator[PlannedOperation]:
    """Yield operations that no revision has yet, each with its steps, on a database in `state`."""
    columns = Columns()
    for operation in operations:
        yield _operation(connection, engine, operation, state, columns)
        state = named_after(state, operation)


def _with_states(
    connection: sa.Connection, engine: Engine, revision: Revision, direction: Direction
) -> Iterator[tuple[MigrateOperation, SchemaState]]:
    """Yield each operation with what the database is then, as far as names go."""
    operations = collected(revision, direction, connection.dialect)
    state = state_before(connection, engine, operations)
    for operation in operations:
        refuse_names(revision, operation, engine.name)
        yield operation, state
        state = named_after(state, operation)


def _operation(
    connection: sa.Connection,
    engine: Engine,
    operation: MigrateOperation,
    state: SchemaState,
    columns: Columns,
) -> PlannedOperation:
    lost = list(losses(operation, state))
    steps = [f"put {loss.name} aside" for loss in lost if loss.kept]
    columns.know(state)
    spelled_out = columns.spelled_out(operation)
    steps += [_told(step) for step in _steps(connection, engine, spelled_out)]
    columns.follow(operation)
    return PlannedOperation(
        told=in_words(operation),
        steps=tuple(steps),
        destroys=tuple(loss.name for loss in lost),
    )


def _steps(
    connection: sa.Connection, engine: Engine, operation: MigrateOperation
) -> Sequence[Step]:
    if isinstance(operation, BackfillOp):
        return (backfill_step(operation),)
    try:
        found = engine.steps(operation, connection)
        return plain_steps(operation, connection.dialect) if found is None else found
    except (AndamiosError, sa.exc.SQLAlchemyError, KeyError):
        # What an earlier operation makes is not there yet.
        return (Step(told=in_words(operation)),)


def _told(step: Step) -> str:
    return ";\n".join(step.statements or step.shown) or step.told


def script(plan: Plan) -> str:
    """Return a plan as SQL, with what is no statement as comments, and first that there are any."""
    steps = [s for r in plan.revisions for operation in r.operations for s in operation.steps]
    warning = () if all(map(_is_sql, steps)) else _INCOMPLETE
    return "\n".join([*warning, *_lines(plan)])


_INCOMPLETE = (
    "-- These statements alone are not the migration: what stands in words has to be done, too,",
    "-- each in its place. `andamios-orm migrate up` does all of it.",
)


def _lines(plan: Plan) -> Iterator[str]:
    for planned_revision in plan.revisions:
        revision = planned_revision.revision
        yield f"-- {plan.direction}: {revision}"
        for operation in planned_revision.operations:
            yield from sql_lines(operation)
        reached = revision.id if plan.direction == "up" else revision.down
        yield "DELETE FROM alembic_version;"
        if reached is not None:
            yield f"INSERT INTO alembic_version (version_num) VALUES ('{reached}');"
        yield ""


def sql_lines(operation: PlannedOperation) -> Iterator[str]:
    """Yield the statements of an operation, with what is no statement as comments."""
    for step in operation.steps:
        yield f"{step};" if _is_sql(step) else f"-- {step}"


def _is_sql(step: str) -> bool:
    return step.lstrip().split(maxsplit=1)[0].isupper()
