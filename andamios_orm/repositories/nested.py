"""Store a row together with those that belong to it: one transaction, each row after those it
refers to.

What is stored comes from classes of the user's own, such as a `Create` variant with a field named
like a relation. Everything that can be checked is, before the first statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from pydantic import BaseModel

from andamios_orm.database.source import Source
from andamios_orm.errors import UsageError, WrongType
from andamios_orm.models.base import Model
from andamios_orm.models.columns import UNSET
from andamios_orm.models.deriving import variant_of
from andamios_orm.repositories.linking import link_rows, store_links
from andamios_orm.repositories.statements import ModelStatements, statements_of
from andamios_orm.repositories.tenants import owned_group, require_tenant
from andamios_orm.repositories.writing import Writer
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import RelationSpec

__all__ = ["Family", "family_of", "has_related", "store_families", "store_family"]

Statements: TypeAlias = ModelStatements[Any]


@dataclass(slots=True)
class Family:
    """A row to be stored, and the rows that belong to it."""

    model: type[BaseModel]
    values: dict[str, object]
    before: list[tuple[RelationSpec, Family]] = field(default_factory=list)
    """Rows that this one refers to."""
    after: list[tuple[RelationSpec, list[Family]]] = field(default_factory=list)
    """Rows that refer to this one, or that a link joins to it."""
    none: list[RelationSpec] = field(default_factory=list)
    """Relations to one row of which there is none."""


def has_related(shape: type[BaseModel], model: type[BaseModel]) -> bool:
    """Whether a class has fields for rows that are related to those of the model."""
    fields = shape.__pydantic_fields__
    return any(name in fields for name in relation_names(model))


def family_of(
    instance: BaseModel,
    model: type[BaseModel],
    *,
    from_parent: Iterable[str] = (),
    given: Mapping[str, object] = MappingProxyType({}),
) -> Family:
    """Return what an instance of any class says of a row and of those related to it.

    `from_parent` are the fields that the row it belongs to gives, `given` validated values that
    stand in place of the instance's own. Raises InvalidRow and NotStorable for a value that its
    field refuses, UsageError for a field that the model does not have.
    """
    shape = type(instance)
    statements = statements_of(cast("type[Model]", model))
    fields, relations = statements.spec.by_name, relation_names(model)
    found = Family(model, {})
    given_by_parent = set(from_parent)
    for name in shape.__pydantic_fields__:
        value = instance.__dict__.get(name, UNSET)
        if value is UNSET:
            continue
        if name in given_by_parent:
            _refuse_other_key(shape, name, value)
        elif name in fields:
            found.values[name] = statements.encoder.assigned(fields[name], value)
        elif name in relations:
            _take_related(found, relation_of(model, name), value, f"{shape.__name__}.{name}")
        elif variant_of(shape) is None:
            raise UsageError(
                f"{shape.__name__}.{name} is neither a field nor a relation of {model.__name__}",
                f"leave it out, or derive the class: `class {shape.__name__}({model.__name__},"
                ' variant="create")` keeps what is not stored',
            )
    found.values |= given
    of_others = {own.name for spec, _ in found.before for own, _ in spec.pairs}
    for name in of_others & found.values.keys():
        if found.values[name] is not None:
            _refuse_other_key(shape, name, found.values[name])
        del found.values[name]
    if not of_others and not given_by_parent:
        # Nothing is missing, so the row is judged as a whole before the first statement.
        found.values = dict(statements.encoder.made_of(found.values).__dict__)
    return found


def _refuse_other_key(shape: type[BaseModel], name: str, value: object) -> None:
    if value is not None:
        raise UsageError(
            f"{shape.__name__}.{name} is given, and so is the row that it would refer to",
            "give one of the two: the key of a stored row, or a row to be stored with this one",
        )


def _take_related(found: Family, spec: RelationSpec, value: object, where: str) -> None:
    if spec.many:
        if not isinstance(value, list | tuple | set | frozenset):
            raise WrongType(f"{where} is a {type(value).__name__}", "make it a list")
        others = cast("list[object]", list(cast("Iterable[object]", value)))
    else:
        others = [] if value is None else [value]
        if value is None and spec.forward:
            found.none.append(spec)
            return
    keys = () if spec.forward or spec.link is not None else [there.name for _, there in spec.pairs]
    families = [family_of(_row(where, other), spec.target, from_parent=keys) for other in others]
    if spec.forward:
        found.before.append((spec, families[0]))
    else:
        found.after.append((spec, families))


def _row(where: str, other: object) -> BaseModel:
    if not isinstance(other, BaseModel):
        raise WrongType(
            f"{where} holds a {type(other).__name__}, which is no Pydantic model",
            "give it the values of rows, as instances of a class with their fields",
        )
    return other


async def store_family(family: Family, unit: Source) -> BaseModel:
    """Store a row and those that belong to it, inside a unit; return it with them loaded.

    Raises what adding each of them raises.
    """
    [stored] = await store_families([family], unit)
    return stored


async def store_families(families: list[Family], unit: Source) -> list[BaseModel]:
    """Store families of one model, in their order; see `store_family`."""
    if not families:
        return []
    model = families[0].model
    statements = statements_of(cast("type[Model]", model))
    require_tenant(statements, unit)
    parents = [await _store_before(family, unit) for family in families]
    instances = [statements.encoder.made_of(family.values) for family in families]
    stored: list[BaseModel] = []
    writer: Writer[Any] = Writer(statements)
    for group in statements.encoder.rendered_all(instances):
        stored += await writer.insert_many(unit, owned_group(statements, unit, group))
    for row, found in zip(stored, parents, strict=True):
        row.__dict__.update(found)
    await _store_after(stored, families, unit)
    return stored


async def _store_before(family: Family, unit: Source) -> Mapping[str, object]:
    found: dict[str, object] = {spec.name: None for spec in family.none}
    for spec, parent in family.before:
        stored = await store_family(parent, unit)
        for own, other in spec.pairs:
            family.values[own.name] = stored.__dict__[other.name]
        found[spec.name] = stored
    return found


async def _store_after(stored: list[BaseModel], families: list[Family], unit: Source) -> None:
    """Store what refers to the rows, all rows of a relation at a time."""
    by_relation: dict[str, list[tuple[RelationSpec, BaseModel, list[Family]]]] = {}
    for row, family in zip(stored, families, strict=True):
        for spec, others in family.after:
            by_relation.setdefault(spec.name, []).append((spec, row, others))
    for parts in by_relation.values():
        spec = parts[0][0]
        if spec.link is None:
            for _, row, others in parts:
                for other in others:
                    other.values.update(
                        {there.name: row.__dict__[here.name] for here, there in spec.pairs}
                    )
        children = await store_families([other for _, _, others in parts for other in others], unit)
        rest = iter(children)
        links: list[BaseModel] = []
        for _, row, others in parts:
            own = [next(rest) for _ in others]
            row.__dict__[spec.name] = own if spec.many else next(iter(own), None)
            if spec.link is not None:
                links += link_rows(spec, row, own)
        await store_links(links, unit)
