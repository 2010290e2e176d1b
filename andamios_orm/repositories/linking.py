"""Add and remove the rows of a link table: many to many, without naming the link."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any, cast

from pydantic import BaseModel

from andamios_orm.database.source import Source
from andamios_orm.errors import NotLoaded, UsageError, WrongType
from andamios_orm.models.base import Model
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.loads import ModelRelation
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.repositories.statements import statements_of
from andamios_orm.repositories.tenants import owned_group, require_tenant
from andamios_orm.repositories.upserting import upserter_of
from andamios_orm.repositories.writing import Writer
from andamios_orm.schema.spec import FieldSpec, RelationSpec

__all__ = ["link_rows", "linked_relation", "links_between", "store_links", "store_missing"]


def linked_relation(relation: object, model: type[BaseModel]) -> RelationSpec:
    """Return a relation through a link. Raises UsageError for any other, WrongType for none."""
    if not isinstance(relation, ModelRelation):
        raise WrongType(
            f"a {type(relation).__name__} is no relation",
            "pass a relation of the model's class, as in `link(hero, Hero.powers, power)`",
        )
    if relation.model is not model or relation.prefix:
        raise UsageError(
            f"{relation!r} is no relation of {model.__name__}",
            f"use a repository of {relation.model.__name__}",
        )
    spec = relation.spec
    if spec.link is None:
        raise UsageError(
            f"{relation!r} has no link table: a foreign key relates the rows",
            "set the foreign key's field with patch() or update()",
        )
    return spec


def link_rows(spec: RelationSpec, owner: BaseModel, others: Sequence[BaseModel]) -> list[BaseModel]:
    """Return the link's rows between one row and some others, to be stored.

    Raises NotLoaded for a row without a key, WrongType for one of another model, InvalidRow where
    the link has fields that have no value yet.
    """
    link = cast("type[BaseModel]", spec.link)
    encoder = statements_of(cast("type[Model]", link)).encoder
    _require(owner, spec.owner)
    own = {there.name: _value(owner, here) for here, there in spec.pairs}
    found: list[BaseModel] = []
    for other in others:
        _require(other, spec.target)
        theirs = {here.name: _value(other, there) for here, there in spec.onward}
        found.append(encoder.instance({**own, **theirs}))
    return found


async def store_missing(spec: RelationSpec, rows: Iterable[BaseModel], source: Source) -> None:
    """Store those rows of a link that are not there yet, whoever else links the same rows.

    Raises UsageError where nothing keeps two links of the same rows apart.
    """
    link = cast("type[Model]", spec.link)
    names = [there.name for _, there in spec.pairs] + [here.name for here, _ in spec.onward]
    # Each is an instance of the link, which is a table.
    given = cast("Iterable[Model]", rows)
    different = {tuple(row.__dict__[name] for name in names): row for row in given}
    on = [getattr(link, name) for name in names]
    await upserter_of(statements_of(link)).many(source, different.values(), on, [])


async def store_links(rows: Sequence[BaseModel], unit: Source) -> None:
    """Store rows of a link, inside a unit."""
    if not rows:
        return
    statements = statements_of(cast("type[Model]", type(rows[0])))
    require_tenant(statements, unit)
    writer: Writer[Any] = Writer(statements)
    for group in statements.encoder.rendered_all(rows):
        await writer.insert_many(unit, owned_group(statements, unit, group))


def links_between(spec: RelationSpec, owner: BaseModel, others: Sequence[BaseModel]) -> Selection:
    """Return the link's stored rows between one row and some others.

    Raises NotLoaded for a row without a key, WrongType for one of another model.
    """
    link = cast("type[BaseModel]", spec.link)
    # A key may be of another Python type there, as an Enum of texts beside a text.
    assigned = statements_of(cast("type[Model]", link)).encoder.assigned
    _require(owner, spec.owner)
    for other in others:
        _require(other, spec.target)
    selection = Selection(link, standing_conditions(link))
    for here, there in spec.pairs:
        own = assigned(there, _value(owner, here))
        selection = selection.where(_column(link, there) == own)
    if len(spec.onward) == 1:
        [(here, there)] = spec.onward
        theirs = [assigned(here, _value(other, there)) for other in others]
        return selection.where(_column(link, here).in_(theirs))
    return selection.where(
        _either(
            _both(
                _column(link, here) == assigned(here, _value(other, there))
                for here, there in spec.onward
            )
            for other in others
        )
    )


def _both(conditions: Iterable[Condition]) -> Condition:
    return reduce(operator.and_, conditions)


def _either(conditions: Iterable[Condition]) -> Condition:
    return reduce(operator.or_, conditions)


def _column(model: type[BaseModel], field: FieldSpec) -> Any:
    return getattr(model, field.name)


def _require(row: object, model: type[BaseModel]) -> None:
    if not isinstance(row, model):
        raise WrongType(
            f"a {type(row).__name__} is no {model.__name__}", f"pass stored {model.__name__} rows"
        )


def _value(row: BaseModel, field: FieldSpec) -> object:
    try:
        return row.__dict__[field.name]
    except KeyError:
        raise NotLoaded(
            f"this {type(row).__name__} has no {field.name} yet, so it is no stored row",
            "store it with add(), and go on with the instance that add() returns",
        ) from None
