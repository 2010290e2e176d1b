"""Rows of several models that refer to each other as their foreign keys say."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, Final, TypeAlias, TypeVar, cast

import hypothesis
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import CheckViolation, InvalidRow, NotStorable, UsageError
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec
from andamios_orm.seeding.ordering import in_order, referred_models
from andamios_orm.seeding.pools import groups_of
from andamios_orm.testing.strategies.columns import judge_of
from andamios_orm.testing.strategies.instances import fields
from andamios_orm.testing.strategies.instances import models as instances_of
from andamios_orm.testing.strategies.storable import Storable, limits_of
from andamios_orm.testing.strategies.uniques import Unique, uniques_of

__all__ = ["Graph", "graph", "graph_of", "is_users_own"]

M = TypeVar("M", bound=Model)

_Picks: TypeAlias = SearchStrategy[tuple[int, ...]]

_TRIES = 64
"""Ways to refer to other rows that are tried for one row before it is left out."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Rows as they are in the end, with all their keys, in an order in which they can be stored.

    A row may refer to one that comes later where models refer to each other in a circle: it is
    stored without that reference, which is set when the other row is there.
    """

    instances: tuple[Model, ...]

    def of(self, model: type[M]) -> list[M]:
        """Return the instances of one model."""
        return [instance for instance in self.instances if type(instance) is model]

    @property
    def inserts(self) -> list[Model]:
        """The rows to insert, in this order: without the references to rows that come later."""
        return [
            instance.model_copy(update=dict.fromkeys(late)) if late else instance
            for instance, late in zip(self.instances, self._late(), strict=True)
        ]

    @property
    def updates(self) -> list[tuple[Model, dict[str, object]]]:
        """The references to set afterwards: a row, and the fields that it gets then."""
        return [
            (instance, {name: getattr(instance, name) for name in late})
            for instance, late in zip(self.instances, self._late(), strict=True)
            if late
        ]

    async def store(self, source: Database | Session) -> list[Model]:
        """Store all rows, in one transaction, and return them as stored in the end.

        Instances of models with a tenant need a database or a session of one. Where a CHECK of
        the user's own refuses a row that hypothesis made up, it is told to try another one: what
        such a constraint asks for is not known when rows are drawn.

        Raises what `Repository.add_all` and `Repository.patch` raise.
        """
        if isinstance(source, Database):
            async with source.session() as session:
                return await self.store(session)
        try:
            return await self._stored(source)
        except CheckViolation as error:
            if hypothesis.currently_in_test_context() and is_users_own(error):
                hypothesis.reject()
            raise

    async def _stored(self, session: Session) -> list[Model]:
        stored: list[Model] = []
        for model, rows in groupby(self.inserts, type):
            repository: Repository[Model] = Repository(model, session)
            stored += await repository.add_all(rows)
        for place, late in enumerate(self._late()):
            if late:
                model, instance = type(stored[place]), self.instances[place]
                changes = [getattr(model, name).set(getattr(instance, name)) for name in late]
                repository = Repository(model, session)
                stored[place] = await repository.patch(_key_of(stored[place]), *changes)
        return stored

    def _late(self) -> list[list[str]]:
        """Return the fields of each row that refer to one which comes later."""
        references = {model: _references(model) for model in set(map(type, self.instances))}
        wanted = {
            (reference.target, reference.theirs)
            for found in references.values()
            for reference in found
        }
        places: dict[Hashable, int] = {}
        for place, instance in enumerate(self.instances):
            for target, theirs in wanted:
                if type(instance) is target:
                    places[target, theirs, _values(instance, theirs)] = place
        found: list[list[str]] = []
        for place, instance in enumerate(self.instances):
            late: list[str] = []
            for reference in references[type(instance)]:
                values = _values(instance, reference.names)
                # None refers to no row, though the column referred to may hold it.
                if (
                    None not in values
                    and places.get((reference.target, reference.theirs, values), -1) > place
                ):
                    late += [name for name in reference.nullable if name not in late]
            found.append(late)
        return found


def graph(*models: type[Model], size: int = 5, storable: Storable = True) -> SearchStrategy[Graph]:
    """Return a strategy of rows of these models and of those that they refer to.

    There are up to `size` rows of each, also none; examples shrink to the fewest rows, and those
    of other models are there when they are referred to. Each foreign key is None, where it can
    be, or that of a row of the graph, and what must be unique is, also where an engine finds
    more texts equal than Python does. Keys that the database would make are given: those that it
    counts are 1, 2, 3 and so on. Rows of one table refer to each other as trees. What the
    library makes, such as the tenant and times, is left to it. A row that cannot be, as all rows
    that it may refer to are taken, is left out.

    A CHECK in `__table_args__` is not known to the strategy; see `Graph.store`. Neither is a
    foreign key of the tenant's field: its row must be there.

    Raises UsageError for models of which none can be stored first, because each row requires one
    of another model; and DeclarationError for a class that is no table.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.graph(Hero))
    def test_every_team_is_there(graph: strategies.Graph) -> None:
        teams = {team.id for team in graph.of(Team)}
        assert {hero.team_id for hero in graph.of(Hero)} <= {None, *teams}


    test_every_team_is_there()
    ```
    """
    if not models or size < 1:
        raise UsageError(
            "graph() got no models" if not models else f"graph() got size={size}",
            "write `graph(User, Post, size=5)`: at least one model, and room for one row of each",
        )
    return graph_of(models, size=size, storable=storable, alone=storable == "duckdb")


def graph_of(
    models: Iterable[type[Model]], *, size: int, storable: Storable, alone: bool
) -> SearchStrategy[Graph]:
    """Return the strategy of `graph`, with `alone` of rows of which none refers to itself."""
    return _drawn(_Plan(models, size, storable, alone=alone))


@st.composite
def _drawn(draw: DrawFn, plan: _Plan) -> Graph:
    seeds: dict[type[Model], list[_Seed]] = {}
    # Those that refer to others first: where they shrink away, the others are not needed.
    for part in reversed(plan.parts):
        required = any(seeds[model] for model in plan.requiring[part.model])
        drawn = draw(part.some if required else part.any)
        seeds[part.model] = [seed for seed in drawn if seed.kept] or drawn[:required]
    return _Assembly(plan).graph(seeds)


# ---- what is drawn -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seed:
    """What one row is made of; to whom it refers is said by numbers, as the others are unknown."""

    values: Mapping[str, object]
    """By field: all but foreign keys, of which is said whether they are None."""
    picks: tuple[int, ...]
    instance: Model | None
    """One with these values, where validators of the model look at several of them."""
    kept: bool
    """False for a row that is left out: so hypothesis takes it away from between others."""


_SOMEONE: Final = object()
"""Stands for the foreign keys that a row gets when the others are there."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key, without the fields that the library fills in."""

    names: tuple[str, ...]
    target: type[Model]
    theirs: tuple[str, ...]
    nullable: tuple[str, ...]
    """Those of its fields that can be None."""


def _references(model: type[Model]) -> list[_Reference]:
    """Return the foreign keys of a model, those of most fields first."""
    found: list[_Reference] = []
    by_name = spec_of(model).by_name
    for group in groups_of(model):
        pairs = zip(group.names, group.theirs, strict=True)
        kept = [(own, theirs) for own, theirs in pairs if by_name[own].role is None]
        if kept:
            names, theirs = zip(*kept, strict=True)
            nullable = tuple(name for name in names if by_name[name].nullable)
            found.append(_Reference(names, group.target, theirs, nullable))
    return found


class _Plan:
    """The models of a graph, each with what its rows are drawn from."""

    def __init__(
        self, models: Iterable[type[Model]], size: int, storable: Storable, *, alone: bool
    ) -> None:
        order = in_order(referred_models(models))
        references = {model: _references(model) for model in order}
        referred: dict[type[Model], set[str]] = {model: set() for model in order}
        for found in references.values():
            for reference in found:
                referred[reference.target].update(reference.theirs)
        self.parts = [
            _Part(model, references[model], order, referred[model], size, storable)
            for model in order
        ]
        # DuckDB looks for the other row before it stores the one.
        self.alone = alone
        # InnoDB looks for it when it puts the reference in its index, which may be before the row
        # is in that of another key than the primary one.
        self.itself_by_primary_key = storable in ("mariadb", "mysql")
        self.requiring: dict[type[Model], list[type[Model]]] = {model: [] for model in order}
        for part in self.parts:
            for reference in part.early:
                if not reference.nullable and reference.target is not part.model:
                    self.requiring[reference.target].append(part.model)

    def finds_itself(self, reference: _Reference) -> bool:
        """Whether a row can be stored that refers to itself."""
        if self.alone:
            return False
        if not self.itself_by_primary_key:
            return True
        key = {field.name for field in spec_of(reference.target).primary_key}
        return set(reference.theirs) == key


class _Part:
    """One model of a graph."""

    def __init__(
        self,
        model: type[Model],
        references: Sequence[_Reference],
        order: Sequence[type[Model]],
        referred: set[str],
        size: int,
        storable: Storable,
    ) -> None:
        self.model = model
        self.spec = spec_of(model)
        place = order.index(model)
        self.early = [r for r in references if order.index(r.target) <= place]
        settled = {name for r in self.early for name in r.names}
        self.late = [
            replace(r, nullable=tuple(name for name in r.nullable if name not in settled))
            for r in references
            if order.index(r.target) > place
        ]
        for reference in self.late:
            if not reference.nullable:
                raise UsageError(
                    f"{model.__name__}.{reference.names[0]} requires a {reference.target.__name__},"
                    f" whose rows require others in turn, up to a {model.__name__}: none of them"
                    " can be stored first",
                    "let one of these foreign keys be None, as in"
                    " `Col[int | None] = field(default=None, foreign_key=...)`",
                )
        given = [f for f in self.spec.fields if f.primary_key or f.name in referred]
        own = [f for f in given if f.generated and f.role is None]
        self.counted = [f for f in own if f.counted]
        # A default factory makes keys that no example can be repeated with.
        own += [f for f in given if f.primary_key and f.info.default_factory is not None]
        self.made = [f.name for f in own if not f.counted]
        self.uniques = uniques_of(model)
        self.storable: Storable = storable
        referring = {name for r in references for name in r.names}
        limits = limits_of(storable)
        judges = {name: judge_of(model, name, limits) for name in referring}
        self.holds = {name: judge for name, judge in judges.items() if judge is not None}
        """Whether a foreign key holds a value: on MariaDB, less than what it refers to."""
        later = referring | {f.name for f in self.counted}
        picks = st.tuples(*[st.integers(0, size - 1) for _ in references])
        seeds = self._whole(picks) if _judges_rows(self.spec) else self._apart(picks, references)
        apart = map(_differs, (u for u in self.uniques if not u.names & later))
        differs = (_is_left_out, *apart)
        self.any = st.lists(seeds, max_size=size, unique_by=differs)
        self.some = st.lists(seeds, min_size=1, max_size=size, unique_by=differs)

    def _whole(self, picks: _Picks) -> SearchStrategy[_Seed]:
        """Return a strategy of seeds from instances that the model takes."""
        return st.builds(
            lambda kept, instance, own, picks: _Seed(
                {**instance.__dict__, **dict(zip(self.made, own, strict=True))},
                picks,
                instance,
                kept,
            ),
            _KEPT,
            instances_of(self.model, storable=self.storable),
            st.tuples(*map(self._field, self.made)),
            picks,
        )

    def _apart(self, picks: _Picks, references: Sequence[_Reference]) -> SearchStrategy[_Seed]:
        """Return a strategy of seeds from values of single fields, which shrinks sooner."""
        optional = {name for r in references for name in r.nullable}
        required = {name for r in references if not r.nullable for name in r.names}
        drawn: dict[str, SearchStrategy[object]] = {}
        for f in self.spec.fields:
            if f.name in required:
                drawn[f.name] = st.just(_SOMEONE)
            elif f.name in optional:
                drawn[f.name] = st.sampled_from([None, _SOMEONE])
            elif not f.server_made or f.name in self.made:
                drawn[f.name] = self._field(f.name)
        return st.builds(
            lambda kept, values, picks: _Seed(
                dict(zip(drawn, values, strict=True)), picks, None, kept
            ),
            _KEPT,
            st.tuples(*drawn.values()),
            picks,
        )

    def _field(self, name: str) -> SearchStrategy[Any]:
        return fields(self.model, name, storable=self.storable)

    def counts(self, number: int) -> dict[str, object]:
        """Return the counted keys of the n-th row, counted from 0."""
        return {f.name: _count(f, number) for f in self.counted}


_KEPT = st.sampled_from([False, True, True, True, True, True])


def _is_left_out(seed: _Seed) -> Hashable:
    # The second one that is left out is drawn for nothing, and hypothesis forgets it.
    return object() if seed.kept else None


def _differs(unique: Unique) -> Any:
    def key(seed: _Seed) -> Hashable:
        found = unique.of(seed.values)
        return object() if found is None else found

    return key


def _count(field: FieldSpec, number: int) -> int:
    bounds = {bound.kind: cast("int", bound.value) for bound in field.bounds}
    step = bounds.get("multiple_of", 1)
    first = max(1, bounds.get("ge", 1), bounds.get("gt", 0) + 1)
    return (-(-first // step) + number) * step


# ---- putting rows together ---------------------------------------------------------------------


class _Assembly:
    """Puts the rows of one graph together."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._rows: dict[type[Model], list[Model]] = {part.model: [] for part in plan.parts}
        self._taken: dict[type[Model], list[set[Hashable]]] = {
            part.model: [set() for _ in part.uniques] for part in plan.parts
        }
        self._holds = {part.model: part.holds for part in plan.parts}

    def graph(self, seeds: Mapping[type[Model], Sequence[_Seed]]) -> Graph:
        """Return the graph of these seeds."""
        waiting: list[tuple[_Part, int, _Seed]] = []
        for part in self._plan.parts:
            rows = self._rows[part.model]
            for seed in seeds[part.model]:
                row = self._first(part, seed)
                if row is not None:
                    rows.append(row)
                    waiting.append((part, len(rows) - 1, seed))
        for part, place, seed in waiting:
            if part.late:
                rows = self._rows[part.model]
                rows[place] = self._complete(part, rows[place], seed)
        return Graph(tuple(row for part in self._plan.parts for row in self._rows[part.model]))

    def _first(self, part: _Part, seed: _Seed) -> Model | None:
        """Return a row without its references to rows that come later, None if it cannot be."""
        base = {**seed.values, **part.counts(len(self._rows[part.model]))}
        base |= {name: None for reference in part.late for name in reference.nullable}
        picks = seed.picks[: len(part.early)]
        return self._valid(part, seed.instance, base, part.early, picks, {}, {})

    def _complete(self, part: _Part, row: Model, seed: _Seed) -> Model:
        """Return a row with its references to rows that come later."""
        found, settled = row, {name for r in part.early for name in r.names}
        for reference, pick in zip(part.late, seed.picks[len(part.early) :], strict=True):
            wanted = {name: seed.values[name] for name in reference.nullable}
            base = {**found.__dict__, **wanted}
            known = {name: found.__dict__[name] for name in settled.intersection(reference.names)}
            found = (
                self._valid(part, found, base, [reference], [pick], known, found.__dict__) or found
            )
            settled.update(reference.names)
        return found

    def _valid(
        self,
        part: _Part,
        instance: Model | None,
        base: Mapping[str, object],
        references: Sequence[_Reference],
        picks: Sequence[int],
        known: Mapping[str, object],
        before: Mapping[str, object],
    ) -> Model | None:
        """Return a row that refers to others, is valid and shares nothing that must be unique.

        `before` are its values where it is a row already.
        """
        taken = self._taken[part.model]
        for found in islice(self._choices(part.model, base, references, picks, known), _TRIES):
            row = _row(part.spec, instance, {**base, **found})
            if row is None:
                continue
            keys = [unique.of(row.__dict__) for unique in part.uniques]
            old = [unique.of(before) for unique in part.uniques]
            if not any(k in t and k != o for k, t, o in zip(keys, taken, old, strict=True)):
                for key, seen in zip(keys, taken, strict=True):
                    seen.update(() if key is None else (key,))
                return row
        return None

    def _choices(
        self,
        model: type[Model],
        base: Mapping[str, object],
        references: Sequence[_Reference],
        picks: Sequence[int],
        known: Mapping[str, object],
    ) -> Iterator[dict[str, object]]:
        """Yield the ways in which a row can refer to others, those that were picked first."""
        if not references:
            yield dict(known)
            return
        reference, pick = references[0], picks[0]
        for found in self._targets(model, base, reference, pick, known):
            chosen = {**known, **found}
            yield from self._choices(model, base, references[1:], picks[1:], chosen)

    def _targets(
        self,
        model: type[Model],
        base: Mapping[str, object],
        reference: _Reference,
        pick: int,
        known: Mapping[str, object],
    ) -> Iterator[dict[str, object]]:
        free = [name for name in reference.nullable if name not in known]
        none = dict.fromkeys(free)
        if any(base[name] is None for name in free):
            yield none
            return
        keys = [_values(row, reference.theirs) for row in self._rows[reference.target]]
        if not (keys or free) and reference.target is model and self._plan.finds_itself(reference):
            # Only a row that refers to itself can be the first one.
            keys = [tuple(base[name] for name in reference.theirs)]
        rows = [dict(zip(reference.names, key, strict=True)) for key in keys if None not in key]
        rows = [row for row in rows if all(row[n] == known[n] for n in row.keys() & known.keys())]
        holds = self._holds[model]
        rows = [row for row in rows if all(holds[n](row[n]) for n in row.keys() & holds.keys())]
        start = pick % len(rows) if rows else 0
        yield from rows[start:]
        yield from rows[:start]
        if free:
            yield none


def _row(spec: ModelSpec, instance: Model | None, values: Mapping[str, object]) -> Model | None:
    """Return an instance with these values, None if its model refuses it."""
    encoder = statements_of(cast("type[Model]", spec.model)).encoder
    # In the order of the fields, in which an instance shows them.
    ordered = {f.name: values[f.name] for f in spec.fields if f.name in values}
    try:
        if instance is None:
            return cast("Model", encoder.instance(ordered))
        row = instance.model_copy(update=ordered)
        row.__dict__.clear()
        row.__dict__.update(ordered)
        with suppress(NotStorable):  # drawn so: with storable=False
            encoder.encode(row)
    except InvalidRow:
        return None
    return row


def _judges_rows(spec: ModelSpec) -> bool:
    """Whether an instance is more than the values of its fields, each valid by itself."""
    # Pydantic's Json[...] takes a text, and is what the text says.
    texts = (f.storage.kind is Kind.JSON and f.storage.column_type == "text" for f in spec.fields)
    return spec.whole_row_validators or any(texts)


def _values(instance: Model, names: Iterable[str]) -> tuple[object, ...]:
    return tuple(instance.__dict__.get(name) for name in names)


def _key_of(instance: Model) -> object:
    key = _values(instance, (f.name for f in spec_of(type(instance)).primary_key))
    return key if len(key) > 1 else key[0]


def is_users_own(error: CheckViolation) -> bool:
    """Whether a CHECK may be one of `__table_args__`."""
    model = cast("type[Model] | None", error.model)
    if model is None:
        return False
    table = table_of(model)
    own = [item for item in spec_of(model).table_args if isinstance(item, sa.CheckConstraint)]
    # As given, and as the naming convention makes it.
    names = {name for item in own for name in (str(item.name), f"ck_{table.name}_{item.name}")}
    columns = tuple(f"ck_{table.name}_{column.name}_" for column in table.columns)
    constraint = error.constraint or ""
    return bool(own) and (constraint in names or not constraint.startswith(columns))
