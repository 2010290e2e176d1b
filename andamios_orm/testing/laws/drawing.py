"""What the laws about many rows draw their examples from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.errors import InvalidRow, UsageError
from andamios_orm.models.base import Model
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.terms import Attr
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec, Kind
from andamios_orm.seeding.ordering import referred_models
from andamios_orm.seeding.pools import groups_of
from andamios_orm.testing.laws.operations import (
    Add,
    Change,
    Delete,
    Operation,
    Patch,
    Update,
    UpdateWhere,
    Upsert,
)
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import has_key, key_of
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.strategies.graphs import graph, graph_of
from andamios_orm.testing.strategies.instances import models
from andamios_orm.testing.strategies.repeating import is_repeatable
from andamios_orm.testing.strategies.storable import Storable

__all__ = [
    "changeable",
    "changes",
    "few_rows_of",
    "in_order_of_keys",
    "is_referred_to",
    "keys_to_upsert",
    "operations",
    "orders",
    "refers_to_itself",
    "requires_itself",
    "rows_of",
    "sort_attrs",
    "sorts_by_code_point",
    "tied",
    "upsertable",
    "upserts",
]

M = TypeVar("M", bound=Model)


@st.composite
def rows_of(
    draw: DrawFn,
    playground: Playground,
    model: type[Model],
    *,
    size: int = 5,
    storable: Storable | None = None,
    alone: bool = False,
) -> list[Model]:
    """Draw rows of a model and of those it refers to, in an order in which they can be stored.

    Mostly there are several of the model, as little can be said of one. With `alone` none refers
    to itself.
    """
    on = playground.engine if storable is None else storable
    alone = alone or on == "duckdb"
    # Without a row that refers to itself there may be none at all.
    least = draw(st.sampled_from((0,) if alone and requires_itself(model) else (0, 1, 2, 2, 2)))
    drawn = graph_of([model], size=size, storable=on, alone=alone)
    return draw(drawn.filter(lambda found: len(found.of(model)) >= least)).inserts


_FEW = 3
"""What is broken is nearly always broken for two rows, and fewer rows are drawn faster."""


def few_rows_of(*models: type[Model], storable: Storable) -> SearchStrategy[list[Model]]:
    """Return a strategy of a few rows of each model, of which some may refer to later ones."""
    drawn = graph(*models, size=_FEW, storable=storable)
    return drawn.map(lambda found: list(found.instances))


# -- fields


def refers_to_itself(model: type[Model]) -> bool:
    """Whether rows of a model refer to others of it."""
    return any(group.target is model for group in groups_of(model))


def requires_itself(model: type[Model]) -> bool:
    """Whether each row of a model, or of one that it refers to, has to refer to one like it."""
    return any(
        group.target is each and not any(spec_of(each).by_name[n].nullable for n in group.names)
        for each in referred_models([model])
        for group in groups_of(each)
    )


def changeable(playground: Playground, model: type[Model]) -> list[FieldSpec]:
    """Return the fields that can be set to any value: no keys, and none that the library sets."""
    fixed = {name for group in groups_of(model) for name in group.names}
    for other in playground.models:
        for group in groups_of(other):
            fixed |= set(group.theirs) if group.target is model else set()
    return [
        field
        for field in spec_of(model).fields
        if not (field.primary_key or field.server_made or field.name in fixed)
    ]


def keys_to_upsert(model: type[Model], engine: str) -> list[tuple[str, ...]]:
    """Return the unique keys that `upsert` takes, as fields."""
    spec, table = spec_of(model), table_of(model)
    names = {field.column: field.name for field in spec.fields}
    found = [
        tuple(names[column] for column in key.columns)
        for key in unique_keys(table, engine)
        if key.exact and key.where is None and names.keys() >= set(key.columns)
    ]
    return [
        key
        for key in found
        if all(spec.by_name[name].storage.kind not in (Kind.JSON, Kind.CUSTOM) for name in key)
    ]


@st.composite
def changes(
    draw: DrawFn, playground: Playground, model: type[Model], storable: Storable | None = None
) -> Mapping[str, object]:
    """Draw new values for some fields of a row of a model; for none where there are only keys."""
    names = [field.name for field in changeable(playground, model)]
    if not names:
        return {}
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    on = playground.engine if storable is None else storable
    other = draw(models(model, storable=on))
    return {name: getattr(other, name) for name in chosen}


# -- orders


def sort_attrs(playground: Playground, model: type[Model], *, paged: bool = False) -> list[Attr]:
    """Return the columns by which the engine sorts as Python does.

    With `paged` those among them that a cursor can carry.
    """
    return playground.run(_sort_attrs(playground, model, paged=paged))


async def _sort_attrs(playground: Playground, model: type[Model], *, paged: bool) -> list[Attr]:
    repository = Repository(model, of_somebody(playground))
    by_code_point = await sorts_by_code_point(playground)
    found: list[Attr] = []
    for field in spec_of(model).fields:
        if field.storage.kind in (Kind.CUSTOM, Kind.JSON):
            continue
        if field.storage.kind is Kind.TEXT and not by_code_point:
            continue
        attr: Any = getattr(model, field.name)
        query = repository.order_by(attr)
        try:
            await (query.page(size=1) if paged else query.all())
        except UsageError:
            continue
        found.append(attr)
    return found


def in_order_of_keys(playground: Playground, *, paged: bool = False) -> list[type[Model]]:
    """Return the models whose rows the engine puts in the order of their keys.

    With `paged` those among them whose keys a cursor can carry.
    """
    return playground.run(_in_order_of_keys(playground, paged=paged))


async def _in_order_of_keys(playground: Playground, *, paged: bool) -> list[type[Model]]:
    found: list[type[Model]] = []
    for model in playground.models:
        key: list[Any] = [getattr(model, field.name) for field in spec_of(model).primary_key]
        query = Repository(model, of_somebody(playground)).order_by(*key)
        try:
            await (query.page(size=1) if paged else query.all())
        except UsageError:
            continue
        found.append(model)
    return found


async def sorts_by_code_point(playground: Playground) -> bool:
    """Whether the database's collation is that of Python; all engines but one have no other."""
    if playground.engine != "postgresql":
        return True
    [[found]] = await playground.db.execute(sa.select(sa.literal("B") < sa.literal("a")))
    return found


def orders(attrs: Sequence[Attr]) -> SearchStrategy[list[Ordering]]:
    """Return a strategy of what `order_by` is given: some columns, each in its direction."""
    if not attrs:
        return st.just([])
    each = st.sampled_from(attrs).flatmap(_order)
    return st.lists(each, min_size=1, max_size=3, unique_by=_name)


def _name(ordering: Ordering) -> str:
    return cast("Attr", ordering.term).name


def _order(attr: Attr) -> SearchStrategy[Ordering]:
    first = st.sampled_from((None, True, False)) if attr.nullable else st.none()
    return st.builds(Ordering, st.just(attr), descending=st.booleans(), first=first)


@st.composite
def tied(
    draw: DrawFn, rows: Sequence[Model], model: type[Model], order: Iterable[Ordering]
) -> list[Model]:
    """Draw the rows again, of which some have another's values in the columns of an order."""
    names = [name for name in _names(order) if name in _free_of_keys(model)]
    first: dict[str, Any] | None = None
    found: list[Model] = []
    for row in rows:
        if type(row) is not model:
            found.append(row)
            continue
        if first is None:
            first = {name: row.__dict__[name] for name in names if name in row.__dict__}
        same = {name: value for name, value in first.items() if draw(st.booleans())}
        found.append(_with(row, same))
    return found


def _names(order: Iterable[Ordering]) -> Iterator[str]:
    return map(_name, order)


def _free_of_keys(model: type[Model]) -> set[str]:
    """Return the fields that are in no key, of which two rows can have the same value."""
    table, spec = table_of(model), spec_of(model)
    keys = {column for key in unique_keys(table, "") for column in key.columns}
    keys |= {key.parent.name for key in table.foreign_keys}
    return {field.name for field in spec.fields if field.column not in keys}


def _with(row: M, values: Mapping[str, object]) -> M:
    """Return a row with other values, or the row where its model refuses them."""
    try:
        found = statements_of(type(row)).encoder.made_of({**row.__dict__, **values})
    except InvalidRow:
        return row
    return cast("M", found)


# -- operations


def is_referred_to(playground: Playground, model: type[Model]) -> bool:
    """Whether rows of other models, or of its own, refer to those of a model."""
    return any(group.target is model for other in playground.models for group in groups_of(other))


@st.composite
def upserts(
    draw: DrawFn,
    playground: Playground,
    row: Model,
    on: tuple[str, ...],
    storable: Storable | None = None,
) -> Upsert:
    """Draw an upsert of a row by a key, with other values, and without some that may be absent."""
    model = type(row)
    changed = {n: v for n, v in draw(changes(playground, model, storable)).items() if n not in on}
    values = _with(row, changed).__dict__
    absent = [
        field.name
        for field in changeable(playground, model)
        if field.name not in on and not field.info.is_required() and is_repeatable(field.info)
    ]
    left_out = draw(st.sets(st.sampled_from(absent))) if absent else set()
    unsaid = {f.name for f in spec_of(model).fields if f.server_made and not f.primary_key}
    given = {n: v for n, v in values.items() if n not in left_out | unsaid}
    return Upsert(model, given, on)


def upsertable(row: Model, on: tuple[str, ...]) -> bool:
    """Whether a row has what an upsert finds it by; the tenant is the session's."""
    by_name = spec_of(type(row)).by_name
    return all(by_name[name].role == "tenant" or row.__dict__.get(name) is not None for name in on)


@st.composite
def operations(
    draw: DrawFn,
    playground: Playground,
    stored: Sequence[Model],
    later: Sequence[Model],
    *,
    storable: Storable | None = None,
    deletable: Iterable[type[Model]] | None = None,
) -> list[Operation]:
    """Draw what is done to rows that are stored, and to others that come later.

    The later ones are added in their order. With `deletable`, no rows of other models go.
    """
    found: list[Operation] = []
    known = [row for row in stored if has_key(row)]
    waiting = list(later)
    for _ in range(draw(st.integers(0, 4)) + len(later)):
        if waiting and (not known or draw(st.booleans())):
            row = waiting.pop(0)
            found.append(Add(row))
            known += [row] if has_key(row) else []
        elif known:
            row = draw(st.sampled_from(known))
            found.append(draw(_operation(playground, row, storable, deletable)))
    return found


@st.composite
def _operation(
    draw: DrawFn,
    playground: Playground,
    row: Model,
    storable: Storable | None,
    deletable: Iterable[type[Model]] | None,
) -> Operation:
    model, key = type(row), key_of(row)
    keys = [on for on in keys_to_upsert(model, playground.engine) if upsertable(row, on)]
    ways: list[str] = ["change"]
    ways += ["delete"] if deletable is None or model in deletable else []
    ways += ["upsert"] if keys else []
    way = draw(st.sampled_from(ways))
    if way == "delete":
        return Delete(model, key)
    if way == "upsert":
        return draw(upserts(playground, row, draw(st.sampled_from(keys)), storable))
    values = draw(changes(playground, model, storable))
    # A query's update of nothing is refused before any SQL.
    kinds: list[type[Change]] = [Patch, Update, UpdateWhere] if values else [Patch, Update]
    return draw(st.sampled_from(kinds))(model, key, values)
