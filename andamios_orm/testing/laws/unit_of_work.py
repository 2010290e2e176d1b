"""The law that a session's work is done as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.session import Session
from andamios_orm.models.base import Model
from andamios_orm.testing.laws.base import Example, Law
from andamios_orm.testing.laws.drawing import operations, rows_of
from andamios_orm.testing.laws.operations import REFUSALS, Operation
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import Snapshot, require_same, snapshot, store
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["unit_of_work"]

Ending: TypeAlias = Literal["commit", "exception", "savepoint", "exception in a savepoint"]
_ENDINGS: tuple[Ending, ...] = ("commit", "exception", "savepoint", "exception in a savepoint")


class _Left(Exception):
    """What leaves a block."""


def _examples(playground: Playground) -> SearchStrategy[Example]:
    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(playground.models))
        rows = draw(rows_of(playground, model))
        stored, later = _split(draw, rows)
        first = draw(operations(playground, stored, later))
        second = draw(operations(playground, stored, ()))
        endings = _ENDINGS if playground.db.capabilities.savepoints else _ENDINGS[:2]
        return stored, first, second, draw(st.sampled_from(endings))

    return examples()


def _split(draw: DrawFn, rows: Sequence[Model]) -> tuple[list[Model], list[Model]]:
    at = draw(st.integers(0, len(rows)))
    return list(rows[:at]), list(rows[at:])


async def _holds(
    playground: Playground,
    rows: Sequence[Model],
    first: Sequence[Operation],
    second: Sequence[Operation],
    ending: Ending,
) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    expected = await snapshot(db, playground.models)
    with suppress(_Left, *REFUSALS):
        async with db.session() as session:
            await _run(session, first)
            expected_inside = await _second_part(session, second, ending, expected)
        expected = expected_inside
    found = await snapshot(db, playground.models)
    require_same(f"after a session that ended with: {ending}", expected, found)


async def _second_part(
    session: Session, operations: Sequence[Operation], ending: Ending, models: Iterable[type[Model]]
) -> Snapshot:
    """Do the rest in the way that the ending says, and return what a commit would keep."""
    before = await snapshot(session, models)
    if ending in ("commit", "exception"):
        await _run(session, operations)
        if ending == "exception":
            raise _Left
        return await snapshot(session, models)
    try:
        async with session.session():
            await _run(session, operations)
            if ending == "exception in a savepoint":
                raise _Left
            inside = await snapshot(session, models)
    except (_Left, *REFUSALS):
        found = await snapshot(session, models)
        require_same("inside a session, after a savepoint that failed", before, found)
        return before
    return inside


async def _run(session: Session, operations: Sequence[Operation]) -> None:
    for operation in operations:
        await operation.run(session)


unit_of_work = Law(
    name="unit_of_work",
    statement=(
        "What a session does is there after its commit, all of it; an exception that leaves the"
        " session, or a savepoint in it, leaves the database as it was before that block."
    ),
    examples=_examples,
    holds=_holds,
)
