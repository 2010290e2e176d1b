"""Random model classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Optional, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.models.base import Model
from andamios_orm.models.keys import UUIDKey
from andamios_orm.models.mixins import SoftDelete, Tenant, Timestamps, Versioned
from andamios_orm.schema.spec import OnDelete
from andamios_orm.testing.strategies.class_plan import (
    ClassPlan,
    FieldPlan,
    KeyPlan,
    RelationPlan,
    declare,
)
from andamios_orm.testing.strategies.field_kinds import Typed, key_types, types
from andamios_orm.testing.strategies.naming import (
    class_names,
    column_names,
    field_names,
    same_name,
    table_names,
)

__all__ = ["EngineName", "schema_models"]

EngineName: TypeAlias = Literal["duckdb", "sqlite", "postgresql", "mariadb", "mysql"]


def schema_models(
    *, most: int = 4, engine: EngineName | None = None
) -> SearchStrategy[tuple[type[Model], ...]]:
    """Return a strategy of one to `most` new table classes, with a `MetaData` of their own.

    They have columns of every kind with constraints, keys of all sorts, indexes, defaults of the
    database, comments, foreign keys to each other, relations that follow them, and the library's
    mixins: what all engines can have, or what `engine` can. It shrinks to one class with a counted
    key. A law that does not hold for them prints their class statements before its example.
    `code_of_classes(models)` writes them as Python.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.schema_models(most=2))
    def test_there_is_a_key(models: tuple[type[Model], ...]) -> None:
        assert all(model.__table__.primary_key for model in models)


    test_there_is_a_key()
    ```
    """
    return (
        st.lists(_seeds(engine), min_size=1, max_size=most)
        .map(lambda seeds: _plans(seeds, alone=engine in (None, "duckdb")))
        .map(lambda plans: declare(plans, sa.MetaData()))
    )


_EVERYWHERE: tuple[OnDelete, ...] = ("RESTRICT", "NO ACTION")
_ON_DELETE: Mapping[str | None, tuple[OnDelete, ...]] = {
    None: _EVERYWHERE,
    "duckdb": _EVERYWHERE,
    "sqlite": ("CASCADE", "SET NULL", *_EVERYWHERE),
    "postgresql": ("CASCADE", "SET NULL", *_EVERYWHERE),
    "mariadb": ("CASCADE", "SET NULL", *_EVERYWHERE),
    "mysql": ("CASCADE", "SET NULL", *_EVERYWHERE),
}
_KEY_BYTES = 3072
"""What an index of MariaDB takes in bytes, 32 of them for a column of any other kind."""


# ---- what is drawn: each part of its own, so that it can be left out when an example shrinks -----


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is wanted."""

    name: str
    column: str
    typed: Typed
    plan: FieldPlan


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key that is wanted; the numbers choose among what there is."""

    target: int
    key: int
    optional: bool
    index: bool
    on_delete: OnDelete | None
    related: bool
    """Whether the class has a relation to the other row."""
    referring: str | None
    """How the relation of the other class to these rows is sorted: None for no relation."""


@dataclass(frozen=True, slots=True)
class _Key:
    """An index or unique constraint that is wanted, over the columns of these numbers."""

    kind: type[sa.UniqueConstraint | sa.Index]
    columns: list[int]
    unique: bool


@dataclass(frozen=True, slots=True)
class _Seed:
    """A class that is wanted."""

    table: str
    key: list[_Column]
    """Without any it is counted by the database."""
    counted: str
    uuid: bool
    mixins: list[type[Model]]
    columns: list[_Column]
    references: list[_Reference]
    link: bool
    """Whether it relates the rows that it refers to, many to many."""
    keys: list[_Key]
    comment: str | None


def _seeds(engine: EngineName | None) -> SearchStrategy[_Seed]:
    numbers = st.integers(0, 11)
    mixins = st.sampled_from((Timestamps, SoftDelete, Versioned, Tenant))
    references = st.builds(
        _Reference,
        numbers,
        numbers,
        st.booleans(),
        st.booleans(),
        st.sampled_from((None, *_ON_DELETE[engine])),
        st.booleans(),
        st.sampled_from((None, "", "+", "-")),
    )
    keys = st.builds(
        _Key,
        st.sampled_from((sa.UniqueConstraint, sa.Index)),
        st.lists(numbers, min_size=2, max_size=3, unique=True),
        st.booleans(),
    )
    return st.builds(
        _Seed,
        table_names(),
        st.lists(_key_columns(), max_size=3),
        st.sampled_from(("id", "Id", "number", "id_")),
        st.booleans(),
        st.lists(mixins, max_size=2, unique=True),
        st.lists(_columns(), max_size=5),
        st.lists(references, max_size=2),
        st.booleans(),
        st.lists(keys, max_size=2),
        st.one_of(st.none(), st.sampled_from(_COMMENTS)),
    )


@st.composite
def _key_columns(draw: DrawFn) -> _Column:
    typed = draw(key_types())
    column = draw(st.sampled_from(("key", "Key of")))
    return _Column("key", column, typed, typed.plan(primary_key=True))


@st.composite
def _columns(draw: DrawFn) -> _Column:
    name = draw(field_names())
    column = draw(st.one_of(st.just(name), column_names()))
    typed = draw(types())
    return _Column(name, column, typed, draw(_fields(typed)))


@st.composite
def _fields(draw: DrawFn, typed: Typed) -> FieldPlan:
    plan = typed.plan()
    if draw(st.booleans()):
        plan = _optional(plan)
    elif typed.defaults and draw(st.integers(0, 2)) == 2:
        plan = plan.having(default=draw(st.sampled_from(typed.defaults)))
    if typed.server_defaults and draw(st.integers(0, 2)) == 2:
        plan = plan.having(server_default=draw(st.sampled_from(typed.server_defaults)))
    if _fits(typed, 1):
        way = draw(st.sampled_from(("", "unique", "index")))
        plan = plan.having(**{way: True}) if way else plan
    if draw(st.integers(0, 4)) == 4:
        plan = plan.having(comment=draw(st.sampled_from(_COMMENTS)))
    return plan


_COMMENTS = ("in words", "it's 50 %", "größe: \\ and \n a line", ":x %s", "")


def _optional(plan: FieldPlan) -> FieldPlan:
    annotation: object = Optional[plan.annotation]  # noqa: UP045 - built at run time
    arguments = {**plan.arguments, "default": None}
    return replace(plan, annotation=annotation, arguments=arguments)


def _fits(typed: Typed, count: int) -> bool:
    """Whether a column can be one of `count` in a key, on every engine."""
    return typed.keyed and typed.bytes <= (_KEY_BYTES - 32 * (count - 1)) // count


# ---- how it becomes classes ----------------------------------------------------------------------


@dataclass(slots=True)
class _Made:
    """A class on its way, and what of it others can refer to."""

    plan: ClassPlan
    types: dict[str, Typed] = field(default_factory=dict)
    """By column."""
    targets: list[tuple[str, ...]] = field(default_factory=list)
    """The keys, each by its columns."""
    taken: set[str] = field(default_factory=set)
    """Names of fields and columns, as engines tell them apart."""
    referred: list[tuple[_Made, tuple[str, ...]]] = field(default_factory=list)
    """The classes that it refers to, each with the fields that do."""

    def relate(self, word: str, relation: RelationPlan) -> None:
        """Add a relation, whose name is the word and a number."""
        known = self.plan.relations
        self.plan = replace(self.plan, relations={**known, f"{word}{len(known)}": relation})

    def put(self, name: str, plan: FieldPlan, typed: Typed) -> None:
        """Add a field."""
        self.plan = self.plan.with_fields({**self.plan.fields, name: plan})
        self.types[plan.column(name)] = typed
        self.taken |= {same_name(name), same_name(plan.column(name))}


def _plans(seeds: list[_Seed], *, alone: bool) -> tuple[ClassPlan, ...]:
    """Return the class statements, with `alone` without rows that have to refer to themselves.

    DuckDB looks for the other row before it stores the one, and has no first row then.
    """
    made: dict[str, _Made] = {}
    names: set[str] = set()
    for seed in seeds:
        if same_name(seed.table) in made:
            continue
        name = class_names(seed.table)
        while name in names:
            name += "_"
        names.add(name)
        found = made[same_name(seed.table)] = _Made(
            ClassPlan(name=name, table=seed.table, fields={})
        )
        _add_key(found, seed)
        _add_columns(found, seed)
        for reference in seed.references:
            others = list(made.values())
            target = others[-1 - reference.target % len(others)]
            if alone and target is found:
                reference = replace(reference, optional=True)
            _add_reference(found, target, reference)
        if seed.link:
            _add_link(found)
        _add_table_args(found, seed)
    return tuple(found.plan for found in made.values())


def _add_key(found: _Made, seed: _Seed) -> None:
    mixins: list[type[Model]] = list(seed.mixins)
    key = [each for each in seed.key if _fits(each.typed, len(seed.key))]
    for number, each in enumerate(key):
        column = f"{each.column}{number}"
        plan = each.plan.having(column=column if column != f"key{number}" else None)
        found.put(f"key{number}", plan, each.typed)
    if key:
        found.targets.append(tuple(found.types))
    elif seed.uuid:
        mixins.insert(0, UUIDKey)
        found.types["id"] = Typed(UUID)
        found.targets.append(("id",))
    else:
        found.put(seed.counted, FieldPlan(int, generated=True), Typed(int))
        found.targets.append((seed.counted,))
    for mixin in mixins:
        found.types |= _MIXED.get(mixin, {})
    found.taken |= {same_name(column) for column in found.types}
    found.plan = replace(found.plan, bases=tuple(mixins))


_MIXED: Mapping[type[Model], Mapping[str, Typed]] = {
    Timestamps: {"created_at": Typed(int), "updated_at": Typed(int)},
    SoftDelete: {"deleted_at": Typed(int)},
    Versioned: {"version": Typed(int)},
    Tenant: {"tenant_id": Typed(str, bytes=0)},
}
"""The columns of mixins; of their types it only matters what they take of an index."""
_MADE = {column for columns in _MIXED.values() for column in columns}


def _add_columns(found: _Made, seed: _Seed) -> None:
    for each in seed.columns:
        if found.taken & {same_name(each.name), same_name(each.column)}:
            continue
        found.put(
            each.name,
            each.plan.having(column=each.column if each.column != each.name else None),
            each.typed,
        )
        if each.plan.arguments.get("unique"):
            found.targets.append((each.column,))


def _add_reference(found: _Made, target: _Made, wanted: _Reference) -> None:
    """Add a reference to a key of `target`, which may be the class itself."""
    key = target.targets[wanted.key % len(target.targets)]
    number = sum(name.startswith("ref") for name in found.plan.fields)
    names = [f"ref{number}" if len(key) == 1 else f"ref{number}_{part}" for part in range(len(key))]
    on_delete = wanted.on_delete
    if on_delete == "SET NULL" and not wanted.optional:
        on_delete = None
    for name, column in zip(names, key, strict=True):
        typed = target.types[column]
        plan = _optional(typed.plan()) if wanted.optional else typed.plan()
        if len(key) == 1:
            plan = plan.having(
                foreign_key=f"{target.plan.table}.{column}",
                on_delete=on_delete,
                index=wanted.index or None,
            )
        found.put(name, plan, typed)
    if len(key) > 1:
        targets = tuple(f"{target.plan.table}.{column}" for column in key)
        options = {} if on_delete is None else {"ondelete": on_delete}
        reference = KeyPlan(sa.ForeignKeyConstraint, tuple(names), targets, options)
        found.plan = replace(found.plan, keys=(*found.plan.keys, reference))
    found.referred.append((target, tuple(names)))
    _add_relations(found, target, wanted, tuple(names))


def _add_relations(found: _Made, target: _Made, wanted: _Reference, names: tuple[str, ...]) -> None:
    """Add the relations that follow one foreign key, from both of its ends."""
    fk = names[0] if len(names) == 1 else names
    if wanted.related:
        to = RelationPlan(target.plan.name, False, wanted.optional, {"fk": fk})
        found.relate("related", to)
    if wanted.referring is not None:
        order = {"order_by": wanted.referring.strip("+") + names[0]} if wanted.referring else {}
        target.relate("referring", RelationPlan(found.plan.name, True, True, {"fk": fk, **order}))


def _add_link(found: _Made) -> None:
    """Relate the rows that each row of a class refers to, if these are of other classes."""
    others = [(made, names) for made, names in found.referred if made is not found]
    if len(others) < 2:
        return
    (one, names), (other, theirs) = others[:2]
    arguments = {"fk": (*names, *theirs), "through": found.plan.name}
    one.relate("linked", RelationPlan(other.plan.name, True, True, arguments))


def _add_table_args(found: _Made, seed: _Seed) -> None:
    usable = [column for column, typed in found.types.items() if _fits(typed, 3)]
    seen = set(found.targets)
    for wanted in seed.keys:
        columns = tuple(dict.fromkeys(usable[n % len(usable)] for n in wanted.columns if usable))
        options = {"unique": True} if wanted.kind is sa.Index and wanted.unique else {}
        unique = wanted.kind is sa.UniqueConstraint or bool(options)
        # Rows that are stored at once have all that the library makes in common.
        if len(columns) < 2 or columns in seen or (unique and _MADE.issuperset(columns)):
            continue
        seen.add(columns)
        key = KeyPlan(wanted.kind, columns, (), options)
        found.plan = replace(found.plan, keys=(*found.plan.keys, key))
    if seed.comment is not None:
        found.plan = replace(found.plan, options={"comment": seed.comment})
