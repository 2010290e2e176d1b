"""The law that relations lead to the rows that their foreign keys say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.errors import ForeignKeyViolation
from andamios_orm.models.base import Model
from andamios_orm.queries.expressions import Predicate
from andamios_orm.queries.loads import ModelRelation
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import Pairs, RelationSpec
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.operations import Delete
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.stored import all_of, as_code, has_key, key_of, same_row, store
from andamios_orm.testing.laws.tenants import of_somebody
from andamios_orm.testing.strategies.graphs import graph

__all__ = ["load_parity"]

Rows: TypeAlias = Mapping[type[Model], Sequence[Model]]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    related = _related(playground)

    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(related))
        around = {model, *(step for spec in _relations(model) for step, _ in spec.steps)}
        chosen = [one for one in playground.models if one in around]
        drawn = graph(*chosen, size=4, storable=playground.engine)
        least = draw(st.sampled_from((0, 1, 2)))
        found = draw(drawn.filter(lambda found: len(found.of(model)) >= least))
        rows = list(found.instances)
        marked = [Delete(type(row), key_of(row)) for row in rows if _is_kept(row) and has_key(row)]
        gone = draw(st.lists(st.sampled_from(marked), max_size=2, unique_by=id)) if marked else []
        return model, rows, gone

    return examples()


def _is_kept(row: Model) -> bool:
    """Whether a row that is deleted is there still, for those that refer to it."""
    return "deleted_at" in spec_of(type(row)).roles


def _relations(model: type[Model]) -> list[RelationSpec]:
    return [relation_of(model, name) for name in relation_names(model)]


def _related(playground: Playground) -> list[type[Model]]:
    """Return the models whose relations lead to tables that are there."""
    there = set(playground.models)
    return [
        model
        for model in playground.models
        if _relations(model)
        and there.issuperset(step for spec in _relations(model) for step, _ in spec.steps)
    ]


async def _holds(
    playground: Playground, model: type[Model], rows: Sequence[Model], gone: Sequence[Delete]
) -> None:
    db = of_somebody(playground)
    await store(db, rows)
    for delete in gone:
        try:
            await delete.run(db)
        except ForeignKeyViolation:
            # What the library sets when a row is marked may be in an index.
            if db.capabilities.referenced_updates:
                raise
    relations = {spec.name: spec for spec in _relations(model)}
    paths: dict[str, ModelRelation] = {name: getattr(model, name) for name in relations}
    loaded = await Repository(model, db).load(*cast("Any", paths.values())).all()
    alone = {key_of(row): row for row in await Repository(model, db).all()}
    if {key_of(row) for row in loaded} != set(alone):
        raise Broken(f"the rows of {model.__name__} with load()", expected=alone, found=loaded)
    for name, spec in relations.items():
        there = await _there(db, spec, paths[name])
        for row in loaded:
            _require_related(row, spec, there)
        await _require_conditions(db, model, paths[name], loaded)


async def _there(db: Database, spec: RelationSpec, path: ModelRelation) -> Rows:
    """Return the rows of the relation's other tables, the target's in the relation's order."""
    target = cast("type[Model]", spec.target)
    order: Sequence[Any] = path.plain_load.rows.orderings
    key: list[Any] = [getattr(target, f.name) for f in spec_of(target).primary_key]
    # `order_by` takes the node of a declared order, whatever it is.
    # A row that must be there is shown, even if it is marked as deleted.
    rows = Repository(target, db) if spec.nullable else all_of(target, db)
    found: dict[type[Model], Sequence[Model]] = {target: await rows.order_by(*order, *key).all()}
    if spec.link is not None:
        link = cast("type[Model]", spec.link)
        found[link] = await Repository(link, db).all()
    return found


def _require_related(row: Model, spec: RelationSpec, there: Rows) -> None:
    target = cast("type[Model]", spec.target)
    expected = [
        other for other in there[target] for _ in range(_times_related(row, other, spec, there))
    ]
    given: Any = getattr(row, spec.name)
    found = given if spec.many else [] if given is None else [given]
    fits = len(expected) == len(found) and all(map(same_row, expected, found))
    if not fits and not (_declares_order(spec) and _same_rows(expected, found)):
        raise Broken(f"{spec.where} of {as_code(row)}", expected=expected, found=given)


def _declares_order(spec: RelationSpec) -> bool:
    """Whether rows may be equal in the order, and come in any."""
    return spec.order_by is not None


def _same_rows(expected: Sequence[Model], found: Sequence[Model]) -> bool:
    return sorted(map(repr, map(key_of, expected))) == sorted(map(repr, map(key_of, found)))


def _times_related(row: Model, other: Model, spec: RelationSpec, there: Rows) -> int:
    """Return how often a row is related to another: once for each link."""
    if spec.link is None:
        return int(_meet(row, other, spec.pairs))
    links = there[cast("type[Model]", spec.link)]
    return sum(_meet(row, link, spec.pairs) and _meet(link, other, spec.onward) for link in links)


def _meet(one: Model, other: Model, pairs: Pairs) -> bool:
    """Whether the fields of two rows are equal, and not None."""
    return all(
        getattr(one, mine.name) is not None and getattr(one, mine.name) == getattr(other, its.name)
        for mine, its in pairs
    )


async def _require_conditions(
    db: Database, model: type[Model], path: ModelRelation, loaded: Sequence[Model]
) -> None:
    """What conditions say of a relation is what was loaded."""
    name, many = path.spec.name, path.spec.many
    counts = {key_of(row): _number(getattr(row, name)) for row in loaded}
    some: Callable[[], Predicate] = cast("Any", path.any if many else path.has)
    asked: list[tuple[str, Any, Callable[[int], bool]]] = [
        ("any" if many else "has", some(), lambda number: number > 0),
        ("not", ~cast("Any", some()), lambda number: number == 0),
    ]
    if many:
        asked.append(("none", path.none(), lambda number: number == 0))
        asked += [
            (f"count {n}", path.count() == n, lambda number, n=n: number == n)  # type: ignore[misc] # a default keeps each number
            for n in {*counts.values()}
        ]
    for what, condition, holds in asked:
        found = {key_of(row) for row in await Repository(model, db).where(condition).all()}
        expected = {key for key, number in counts.items() if holds(number)}
        if found != expected:
            raise Broken(f"where {path!r}: {what}", expected=expected, found=found)


def _number(related: object) -> int:
    return len(related) if isinstance(related, list) else int(related is not None)


load_parity = Law(
    name="load_parity",
    statement=(
        "`load()` gives each row the rows whose keys equal its own, as one `get` after the other"
        " would, in the order of the relation; `has`, `any`, `none` and `count` say the same."
    ),
    examples=_examples,
    holds=_holds,
    spared=lambda playground: (
        None if _related(playground) else "no model has a relation to these models"
    ),
)
