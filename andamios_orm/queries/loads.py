"""What a query reads beside its rows: `load(Hero.team, Team.heroes.limit(3))`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

from andamios_orm.errors import UsageError, WrongType
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.nodes import Key, combined
from andamios_orm.queries.orderings import Ordering
from andamios_orm.queries.relations import Relation, relation_standing
from andamios_orm.queries.selection import RawOrdering, Selection
from andamios_orm.queries.terms import Attr

if TYPE_CHECKING:
    from andamios_orm.queries.terms import Expression

__all__ = ["Load", "ModelRelation", "loads_of", "merged"]


class ModelRelation(Relation):
    """A model's relation, which can be loaded too: what `Hero.team` is."""

    def __class_getitem__(cls, item: object) -> type[ModelRelation]:
        # `ToOne[Hero, Team]` where Python evaluates it: the parameters are for type checkers.
        return cls

    def where(self, *conditions: object) -> Load:
        """Return the related rows for which the conditions hold, to load or to count."""
        return self.plain_load.where(*conditions)

    def order_by(self, *keys: object) -> Load:
        """Return the related rows in an order, to load."""
        return self.plain_load.order_by(*keys)

    def limit(self, limit: int, /) -> Load:
        """Return so many related rows at most for each row, to load."""
        return self.plain_load.limit(limit)

    def then(self, *paths: object) -> Load:
        """Return the related rows with what is read for each of them in turn."""
        return _as_load(self).then(*paths)

    @cached_property
    def plain_load(self) -> Load:
        """All related rows, in the order that the relation declares; always the same object."""
        target = self.spec.target
        return Load(self, Selection(target, relation_standing(self.spec, target), _orderings(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """The related rows to read for each row, in which order, and how many of them."""

    relation: ModelRelation
    rows: Selection
    """The related rows; its limit holds for each row they are read for."""
    further: tuple[Load, ...] = ()

    def __class_getitem__(cls, item: object) -> type[Load]:
        # `Path[Hero, Team]`, as above.
        return cls

    def where(self, *conditions: object) -> Load:
        """Return the same of the rows for which the conditions hold, too."""
        self._require_many("where")
        return replace(self, rows=self.rows.where(*conditions))

    def order_by(self, *keys: object) -> Load:
        """Return the same in another order; the one that the relation declares gives way."""
        self._require_many("order_by")
        rows = self.rows
        if rows.orderings == self.relation.plain_load.rows.orderings:
            rows = rows._replace(orderings=())
        return replace(self, rows=rows.order_by(*keys))

    def limit(self, limit: int, /) -> Load:
        """Return the same with so many related rows at most for each row."""
        self._require_many("limit")
        return replace(self, rows=self.rows.limited(limit))

    def then(self, *paths: object) -> Load:
        """Return the same with what is read for each of the related rows."""
        added = loads_of(paths, self.relation.spec.target)
        return replace(self, further=merged((*self.further, *added)))

    def count(self) -> Expression:
        """Return the number of these rows, for conditions and orderings."""
        return self.relation.counted(self._asked("count"))

    def any(self, *conditions: object) -> Condition:
        """Return the condition that there is one of these rows for which all conditions hold."""
        return self.relation.any(*self._asked("any"), *conditions)

    def none(self, *conditions: object) -> Condition:
        """Return the condition that there is none of these rows for which all conditions hold."""
        return self.relation.none(*self._asked("none"), *conditions)

    def _asked(self, verb: str) -> tuple[Condition, ...]:
        """Return the conditions of where(). Raises UsageError for what only load() heeds."""
        if self.rows.limit is not None or self.further:
            raise UsageError(
                f"{self.relation!r}: limit() and then() are for load()",
                f"use {verb}() with where() alone",
            )
        return self.rows.conditions[len(self.relation.plain_load.rows.conditions) :]

    def key(self) -> Key:
        """Return the shape of the statement that reads the rows."""
        return combined(self.relation.id, self.rows.key())

    def _require_many(self, verb: str) -> None:
        if not self.relation.spec.many:
            raise UsageError(
                f"{self.relation!r}.{verb}(): each row has one at most",
                f"leave {verb}() out; `.has(...)` chooses rows by what they are related to",
            )


def _as_load(path: object) -> Load:
    if isinstance(path, Load):
        return path
    if not isinstance(path, ModelRelation):
        raise WrongType(
            f"load() got a {type(path).__name__}",
            "pass relations of the model's class, as in `load(Hero.team)`",
        )
    if path.prefix:
        first, *rest = path.path
        hops = "".join(f".then({step.model.__name__}.{step.name}" for step in rest)
        raise UsageError(
            f"load({path!r}): `to` is for conditions and orderings",
            f"write `load({first!r}{hops}{')' * len(rest)})`",
        )
    return path.plain_load


def loads_of(paths: Iterable[object], model: type[BaseModel]) -> tuple[Load, ...]:
    """Return what `load()` was given, each relation once.

    Raises WrongType for what is no relation, UsageError for another model's.
    """
    found = tuple(_as_load(path) for path in paths)
    for load in found:
        if load.relation.model is not model:
            raise UsageError(
                f"{load.relation!r} is no relation of {model.__name__}",
                f"load relations of {model.__name__}; those of related rows come with `.then()`",
            )
    return merged(found)


def merged(loads: Sequence[Load]) -> tuple[Load, ...]:
    """Return the loads with those of one relation put together. Raises UsageError."""
    by_relation: dict[int, Load] = {}
    for load in loads:
        other = by_relation.get(load.relation.id)
        if other is None:
            by_relation[load.relation.id] = load
            continue
        if other.rows != load.rows:
            raise UsageError(
                f"{load.relation!r} is loaded twice with different rows",
                "load it once: a row has one list of each relation",
            )
        further = merged((*other.further, *load.further))
        by_relation[load.relation.id] = replace(load, further=further)
    return tuple(by_relation.values())


def _orderings(relation: Relation) -> tuple[Ordering | RawOrdering, ...]:
    """Return the order that `relation(order_by=...)` declares. Raises UsageError."""
    spec = relation.spec
    given = spec.order_by() if callable(spec.order_by) else spec.order_by
    if given is None:
        return ()
    keys: list[object] = []
    for key in cast("tuple[object, ...]", given if isinstance(given, tuple | list) else (given,)):
        if isinstance(key, str):
            column = getattr(spec.target, key.removeprefix("-"), None)
            if not isinstance(column, Attr):
                raise UsageError(
                    f'{spec.where}: order_by="{key}" is no field of {spec.target.__name__}',
                    "name a field, with `-` before it for descending order",
                )
            keys.append(column.desc() if key.startswith("-") else column)
        else:
            keys.append(key)
    return Selection(spec.target).order_by(*keys).orderings
