"""Keep the keys of stored rows, for others that are made up to refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.registry import declarations

__all__ = ["Group", "Pools", "groups_of"]

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A foreign key: the fields of a row that name another one."""

    names: tuple[str, ...]
    target: type[Model]
    theirs: tuple[str, ...]
    """The fields of the other row that equal them."""


def groups_of(model: type[Model]) -> list[Group]:
    """Return the foreign keys of a model, those of most fields first."""
    table = table_of(model)
    own = {f.column: f.name for f in spec_of(model).fields}
    models = {d.full_name: cast("type[Model]", d.model) for d in declarations(table.metadata)}
    found: list[Group] = []
    for constraint in table.foreign_key_constraints:
        target = models[constraint.referred_table.key]
        theirs = {f.column: f.name for f in spec_of(target).fields}
        found.append(
            Group(
                tuple(own[key.parent.name] for key in constraint.elements),
                target,
                tuple(theirs[key.column.name] for key in constraint.elements),
            )
        )
    return sorted(found, key=lambda group: (-len(group.names), group.names))


class Pools:
    """The keys of stored rows, as far as some model refers to them."""

    def __init__(self, models: Iterable[type[Model]]) -> None:
        self._rows: dict[tuple[type[Model], tuple[str, ...]], list[_Key]] = {
            (group.target, group.theirs): [] for model in models for group in groups_of(model)
        }
        self._parts: dict[tuple[Group, tuple[str, ...]], tuple[int, dict[_Key, list[_Key]]]] = {}

    def of(self, group: Group) -> Sequence[_Key]:
        """Return the keys that a foreign key may have."""
        return self._rows[group.target, group.theirs]

    def matching(self, group: Group, values: Mapping[str, object]) -> Sequence[_Key]:
        """Return those of them that have these values in the fields that are known already."""
        rows = self.of(group)
        known = tuple(name for name in group.names if name in values)
        if not known:
            return rows
        places = [group.names.index(name) for name in known]
        size, parts = self._parts.get((group, known), (0, {}))
        for row in rows[size:]:
            parts.setdefault(tuple(row[place] for place in places), []).append(row)
        self._parts[group, known] = (len(rows), parts)
        return parts.get(tuple(values[name] for name in known), [])

    def add(self, model: type[Model], stored: Iterable[Model]) -> None:
        """Keep the keys of rows that were stored."""
        wanted = [(names, rows) for (of, names), rows in self._rows.items() if of is model]
        for row in stored if wanted else ():
            for names, rows in wanted:
                key = tuple(getattr(row, name) for name in names)
                if None not in key:
                    rows.append(key)

    async def read(self, repository: Repository[Any]) -> None:
        """Keep the keys of all rows that a table has."""
        model = repository.model
        if any(of is model for of, _ in self._rows):
            order = [getattr(model, field.name) for field in spec_of(model).primary_key]
            self.add(model, await repository.order_by(*order).all())
