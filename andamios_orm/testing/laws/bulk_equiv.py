"""The law that many rows at once are stored as they are one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import UniqueViolation
from andamios_orm.models.base import Model
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import (
    keys_to_upsert,
    refers_to_itself,
    rows_of,
    upsertable,
    upserts,
)
from andamios_orm.testing.laws.operations import (
    REFUSALS,
    Add,
    AddAll,
    Operation,
    UpsertAll,
)
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import (
    Snapshot,
    as_code,
    key_of,
    made_then,
    require_same,
    same_row,
    snapshot,
    store,
)
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["bulk_equiv"]

Together: TypeAlias = AddAll | UpsertAll


class _Undone(Exception):
    """Leaves a session whose work is not to be kept."""


def _examples(playground: Playground) -> SearchStrategy[Example]:
    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(playground.models))
        rows = draw(rows_of(playground, model, size=6))
        mine = [row for row in rows if type(row) is model]
        # Those that come later may refer to rows that are not stored, where models form a circle.
        others = list(takewhile(lambda row: type(row) is not model, rows))
        at = draw(st.integers(0, len(mine)))
        keys = [
            on
            for on in keys_to_upsert(model, playground.engine)
            if all(upsertable(row, on) for row in mine)
        ]
        if not keys or draw(st.booleans()):
            return others + mine[:at], draw(_added(model, mine[:at], mine[at:]))
        on = draw(st.sampled_from(keys))
        values = [draw(upserts(playground, row, on)).values for row in _in_any_order(draw, mine)]
        return others + mine[:at], UpsertAll(model, values, on)

    return examples()


@st.composite
def _added(
    draw: DrawFn, model: type[Model], stored: Sequence[Model], rows: Sequence[Model]
) -> AddAll:
    """Draw the rows in any order, some of them twice, or without the key that is counted."""
    found = _in_any_order(draw, rows)
    if not stored and draw(st.booleans()) and _counts_its_key(model):
        return AddAll(model, [_uncounted(row) for row in found])
    if (stored or rows) and draw(st.integers(0, 3)) == 0:
        again = draw(st.sampled_from([*stored, *rows]))
        # A row that comes before one that it refers to breaks two rules.
        least = len(found) if refers_to_itself(model) else 0
        found.insert(draw(st.integers(least, len(found))), again)
    return AddAll(model, found)


def _in_any_order(draw: DrawFn, rows: Sequence[Model]) -> list[Model]:
    if not rows or refers_to_itself(type(rows[0])):
        return list(rows)
    return draw(st.permutations(rows))


def _counts_its_key(model: type[Model]) -> bool:
    key = spec_of(model).primary_key
    return len(key) == 1 and key[0].counted and not refers_to_itself(model)


def _uncounted(row: Model) -> Model:
    [key] = spec_of(type(row)).primary_key
    values = {name: value for name, value in row.__dict__.items() if name != key.name}
    return statements_of(type(row)).encoder.made_of(values)  # type: ignore[return-value] # the model's own encoder makes it


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of operations: an error, or what they gave back and all rows that there are."""

    error: str | None
    returned: Sequence[Model] = ()
    there: Snapshot | None = None


async def _holds(playground: Playground, rows: Sequence[Model], together: Together) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    before = await snapshot(db, playground.models)
    expected = await _outcome(db, before, _one_by_one(together), keep=False)
    found = expected
    # In a session, and on the database itself, where the call is a transaction of its own.
    for keep in (False, True):
        found = await _outcome(db, before, [together], keep=keep)
        if isinstance(together, UpsertAll) and _is_handed_on(expected, found):
            _require_handed_on(together, before, found)
        else:
            _require_same_outcome(together, expected, found)
    if found.error is not None:
        after = await snapshot(db, before)
        require_same(f"after {found.error} by {as_code(together)}", before, after)


def _is_handed_on(expected: _Outcome, found: _Outcome) -> bool:
    """Whether rows gave unique values to each other in an order that is not the given one."""
    return expected.error == UniqueViolation.__name__ and found.error is None


def _require_handed_on(together: UpsertAll, before: Snapshot, found: _Outcome) -> None:
    """Raise Broken unless each row got what it was given, and no other row was changed."""
    model, shown = together.model, as_code(together)
    there = (found.there or {})[model]
    kept = {f.name for f in spec_of(model).fields if f.primary_key or f.server_made}
    if len(found.returned) != len(together.values):
        raise Broken(
            f"the number of rows of {shown}",
            expected=len(together.values),
            found=len(found.returned),
        )
    returned = {key_of(row): row for row in found.returned}
    for row, given in zip(found.returned, together.singly(), strict=True):
        stored = there.get(key_of(row))
        if stored is None or not same_row(row, stored):
            raise Broken(f"a row of {shown} came back that is not stored", found=row)
        names = {*together.on, *(given.values.keys() - kept)}
        if not same_row(row, given.instance(), without=spec_of(model).by_name.keys() - names):
            raise Broken(f"a row of {shown}", expected=given.instance(), found=row)
    for key, row in before[model].items():
        if key not in returned and not (key in there and same_row(row, there[key])):
            raise Broken(f"{shown} changed another row", expected=row, found=there.get(key))


def _one_by_one(together: Together) -> list[Operation]:
    if isinstance(together, AddAll):
        return [Add(row) for row in together.rows]
    return [*together.singly()]


async def _outcome(
    db: Database, models: Iterable[type[Model]], operations: Sequence[Operation], *, keep: bool
) -> _Outcome:
    returned: list[Model] = []

    async def run(source: Database | Session) -> Snapshot:
        for operation in operations:
            found = await operation.run(source)
            returned.extend(found if isinstance(found, list) else [cast("Model", found)])
        return await snapshot(source, models)

    try:
        if keep:
            return _Outcome(None, returned, await run(db))
        with suppress(_Undone):
            async with db.session() as session:
                there = await run(session)
                raise _Undone
    except REFUSALS as error:
        return _Outcome(type(error).__name__)
    return _Outcome(None, returned, there)


def _require_same_outcome(together: Together, expected: _Outcome, found: _Outcome) -> None:
    if expected.error != found.error:
        raise Broken(
            f"what {as_code(together)} raises, and what its rows raise one by one",
            expected=expected.error,
            found=found.error,
        )
    if expected.there is None or found.there is None:
        return
    uncounted = _uncounted_key(together)
    for one, other in zip_longest(expected.returned, found.returned):
        if not same_row(one, other, without={*made_then(type(one)), *uncounted}):
            raise Broken(
                f"a row of {as_code(together)}, one by one and together", expected=one, found=other
            )
    if not uncounted:
        require_same(f"after {as_code(together)}", expected.there, found.there, at_once=False)


def _uncounted_key(together: Together) -> set[str]:
    """Return the fields that the database counts anew at each attempt."""
    if isinstance(together, UpsertAll):
        return set()
    return {
        field.name
        for row in together.rows
        for field in spec_of(type(row)).primary_key
        if field.name not in row.__dict__
    }


bulk_equiv = Law(
    name="bulk_equiv",
    statement=(
        "`add_all` and `upsert_all` store and give back, in the same order, what `add` and `upsert`"
        " do one by one; where one of these raises, they raise the same, and store nothing. But the"
        " rows of one `upsert_all` may give unique values to each other, in whatever order."
    ),
    examples=_examples,
    holds=_holds,
)
