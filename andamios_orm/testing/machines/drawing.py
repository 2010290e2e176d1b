"""What the steps of a machine are given: rows that meet those that are there, and changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.errors import InvalidRow
from andamios_orm.models.base import Model
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.spec import FieldSpec, ModelSpec
from andamios_orm.seeding.pools import Group, Pools, groups_of
from andamios_orm.testing import strategies
from andamios_orm.testing.machines.expected import Table
from andamios_orm.testing.strategies.storable import Storable

__all__ = ["Drawing"]

_MOST = 4
"""Rows in one call."""


@dataclass(frozen=True)
class Drawing:
    """Strategies for one model, made once."""

    model: type[Model]
    instances: SearchStrategy[Any]
    storable: Storable
    given_conditions: SearchStrategy[strategies.Filter[Any]] | None
    values: Mapping[str, SearchStrategy[Any]]
    """Of the fields that a patch can set."""
    groups: tuple[Group, ...]
    """The foreign keys to other models."""

    @classmethod
    def of(
        cls,
        model: type[Model],
        spec: ModelSpec,
        storable: Storable,
        instances: SearchStrategy[Any] | None,
        conditions: SearchStrategy[strategies.Filter[Any]] | None,
    ) -> Drawing:
        """Return the strategies of a model, or those that were given instead."""
        own = {n for group in groups_of(model) for n in group.names if group.target is model}
        free = [f for f in spec.fields if not (f.primary_key or f.server_made or f.name in own)]
        return cls(
            model,
            strategies.models(model, storable=storable) if instances is None else instances,
            storable,
            conditions,
            {f.name: strategies.fields(model, f.name, storable=storable) for f in free},
            tuple(group for group in groups_of(model) if group.target is not model),
        )

    # -- rows

    def rows(self, table: Table, there: Sequence[Model], pools: Pools) -> SearchStrategy[Any]:
        """Return a strategy of rows to add, some of which have the values of rows that are there.

        What they refer to is there.
        """
        return _rows(self, table, there, pools)

    def batches(self, table: Table, there: Sequence[Model], pools: Pools) -> SearchStrategy[Any]:
        """Return a strategy of lists of such rows."""
        return st.lists(self.rows(table, there, pools), max_size=_MOST)

    # -- conditions

    def conditions(self, there: Sequence[Model]) -> SearchStrategy[strategies.Filter[Any]]:
        """Return a strategy of conditions, which mean some of the rows that are there."""
        if self.given_conditions is not None:
            return self.given_conditions
        return strategies.filters(self.model, storable=self.storable, near=there)

    # -- changes

    def changes(
        self, table: Table, there: Sequence[Model], pools: Pools, *, alike: bool = False
    ) -> SearchStrategy[dict[str, Any]]:
        """Return a strategy of values for some fields; `alike` for several rows at once."""
        names = set(self.values)
        if alike:
            names -= {name for unique in table.uniques for name in unique.names}
        return _changes(self, sorted(names), there, pools)

    # -- keys

    def keys(self, spec: ModelSpec, storable: Storable) -> SearchStrategy[Any]:
        """Return a strategy of keys that no row has, most likely."""
        parts = [_key_part(self.model, field, storable) for field in spec.primary_key]
        return parts[0] if len(parts) == 1 else st.tuples(*parts)


def _key_part(model: type[Model], field: FieldSpec, storable: Storable) -> SearchStrategy[Any]:
    if field.counted:
        return st.integers(1, 9)
    return strategies.fields(model, field.name, storable=storable)


@st.composite
def _rows(
    draw: DrawFn, drawing: Drawing, table: Table, there: Sequence[Model], pools: Pools
) -> Model:
    row: Model = draw(drawing.instances)
    values: dict[str, object] = {}
    if bool(there) and draw(st.booleans()):
        like: Model = draw(st.sampled_from(there))
        unique = draw(st.sampled_from(table.uniques))
        made = {f.name for f in table.spec.fields if f.server_made}
        values = {n: getattr(like, n) for n in unique.names if n not in made}
    values |= _references(draw, drawing, table, pools, values)
    return _checked(row, values)


def _checked(row: Model, values: Mapping[str, object]) -> Model:
    """Return the row with other values, unless its model refuses that."""
    # A copy in any case: hypothesis would print how the row itself was drawn.
    changed = row.model_copy(update=values)
    try:
        statements_of(type(row)).encoder.encode(changed)
    except InvalidRow:
        assume(False)
    return changed


@st.composite
def _changes(
    draw: DrawFn, drawing: Drawing, names: list[str], there: Sequence[Model], pools: Pools
) -> dict[str, Any]:
    if not names:
        return {}
    chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=3))
    found: dict[str, Any] = {}
    for name in chosen:
        values = drawing.values[name]
        if there:
            values = st.one_of(values, st.sampled_from([getattr(row, name) for row in there]))
        found[name] = draw(values)
    for group in drawing.groups:
        if not found.keys().isdisjoint(group.names):
            found |= _reference(draw, drawing, group, pools, {})
    return {name: value for name, value in found.items() if name in drawing.values}


def _references(
    draw: DrawFn, drawing: Drawing, table: Table, pools: Pools, known: Mapping[str, object]
) -> dict[str, object]:
    found: dict[str, object] = {}
    for group in groups_of(drawing.model):
        if group.target is drawing.model:
            # A row may have no other of the same table above it.
            found |= {n: None for n in group.names if table.spec.by_name[n].nullable}
        else:
            found |= _reference(draw, drawing, group, pools, {**known, **found})
    return found


def _reference(
    draw: DrawFn, drawing: Drawing, group: Group, pools: Pools, known: Mapping[str, object]
) -> dict[str, object]:
    """Return the fields of a foreign key, with the values of a row that is there, or none."""
    fields = spec_of(drawing.model).by_name
    if all(fields[name].nullable for name in group.names) and draw(st.booleans()):
        return dict.fromkeys(group.names)
    fits = pools.matching(group, {n: known[n] for n in group.names if n in known})
    keys = list(fits) or list(pools.of(group))
    assume(keys)
    return dict(zip(group.names, draw(st.sampled_from(keys)), strict=True))
