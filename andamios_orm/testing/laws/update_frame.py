"""The law that a change of a row changes what it says, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.errors import (
    AndamiosError,
    CheckViolation,
    ForeignKeyViolation,
    InvalidRow,
    UniqueViolation,
)
from andamios_orm.models.base import Model
from andamios_orm.models.variants import Patch as PatchVariant
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import changes, rows_of
from andamios_orm.testing.laws.operations import Change, Patch, PatchBody, Update, UpdateWhere
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import (
    Snapshot,
    as_code,
    has_key,
    key_of,
    key_to_get,
    require_same,
    same_row,
    snapshot,
    store,
)
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["update_frame"]

_WAYS: tuple[type[Change], ...] = (Patch, PatchBody, Update, UpdateWhere)


def _examples(playground: Playground) -> SearchStrategy[Example]:
    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(playground.models))
        rows = draw(rows_of(playground, model))
        found = [row for row in rows if type(row) is model and has_key(row)]
        if not found:
            return rows, None
        values = draw(changes(playground, model))
        way = draw(st.sampled_from(_WAYS))
        if way is PatchBody:
            public = PatchVariant[model].model_fields  # type: ignore[valid-type] # a class that is found as the program runs
            values = {name: value for name, value in values.items() if name in public}
        return rows, way(model, key_of(draw(st.sampled_from(found))), values)

    return examples()


async def _holds(playground: Playground, rows: Sequence[Model], change: Change | None) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    if change is None:
        return
    model, key = change.model, change.key
    before = await snapshot(db, playground.models)
    if key not in before[model]:  # of another tenant
        return
    await _require_nothing_written(db, before, change)
    if not change.changes:
        return
    refusals = _refusals(db, change)
    try:
        returned = await change.run(db)
    except refusals:
        require_same("after a change that was refused", before, await snapshot(db, before))
        return
    after = await snapshot(db, before)
    found = after[model].get(key)
    expected = _changed(before[model][key], change)
    if found is None or not same_row(expected, found, without=_counted_or_timed(model)):
        raise Broken(f"the row after {as_code(change)}", expected=expected, found=found)
    _require_kept_fields(change, before[model][key], found)
    if isinstance(returned, Model) and not same_row(found, returned):
        raise Broken(f"what {as_code(change)} returns", expected=found, found=returned)
    if isinstance(returned, int) and returned != 1:
        raise Broken(f"the number of rows of {as_code(change)}", expected=1, found=returned)
    others = {**before, model: {**before[model], key: found}}
    require_same(f"other rows after {as_code(change)}", others, after)


async def _require_nothing_written(db: Database, before: Snapshot, change: Change) -> None:
    """A patch that sets nothing reads the row, and that is all."""
    repository = Repository(change.model, db)
    key = key_to_get(change.model, change.key)
    body = PatchVariant[change.model].model_validate({})  # type: ignore[name-defined] # a class that is found as the program runs
    seen: list[StatementRun] = []
    with subscribe(seen.append):
        found = [await repository.patch(key), await repository.patch(key, body)]
    written = [run.sql for run in seen if not run.sql.startswith(("SELECT", "BEGIN", "COMMIT"))]
    if written:
        raise Broken("the statements of a patch that sets nothing", expected=[], found=written)
    for row in found:
        if not same_row(before[change.model][change.key], row):
            raise Broken(
                "what a patch returns that sets nothing",
                expected=before[change.model][change.key],
                found=row,
            )


def _changed(row: Model, change: Change) -> Model:
    values = {**row.__dict__, **change.changes}
    return cast("Model", statements_of(change.model).encoder.made_of(values))


def _refusals(db: Database, change: Change) -> tuple[type[AndamiosError], ...]:
    """Return the errors that may come of a change whose values are valid one by one."""
    statements = statements_of(change.model)
    found: list[type[AndamiosError]] = []
    if statements.spec.whole_row_validators:
        found.append(InvalidRow)
    if any(isinstance(arg, sa.CheckConstraint) for arg in statements.spec.table_args):
        found.append(CheckViolation)
    if not statements.indexed.isdisjoint({*change.changes, *_counted_or_timed(change.model)}):
        found.append(UniqueViolation)
        if not db.capabilities.referenced_updates and statements.is_referred_to():
            found.append(ForeignKeyViolation)
    return tuple(found)


def _counted_or_timed(model: type[Model]) -> set[str]:
    roles = spec_of(model).roles
    return {roles[role].name for role in ("version", "updated_at") if role in roles}


def _require_kept_fields(change: Change, before: Model, after: Model) -> None:
    """The version is the next one, and the time of the change is not before the last."""
    roles = spec_of(change.model).roles
    if version := roles.get("version"):
        expected, found = getattr(before, version.name) + 1, getattr(after, version.name)
        if found != expected:
            raise Broken(f"the version after {as_code(change)}", expected=expected, found=found)
    if updated := roles.get("updated_at"):
        last, found = getattr(before, updated.name), getattr(after, updated.name)
        if found < last:
            raise Broken(f"{updated.name} after {as_code(change)}", expected=last, found=found)


update_frame = Law(
    name="update_frame",
    statement=(
        "A change of some fields, by `patch`, `update` or a query's `update`, changes these fields"
        " of this row and nothing else; one that is refused, or sets nothing, changes nothing."
    ),
    examples=_examples,
    holds=_holds,
)
