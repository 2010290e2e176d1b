"""Find the rows that seeds refer to by natural keys, and put the foreign keys in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any, cast

from andamios_orm.database.session import Session
from andamios_orm.errors import InvalidRow
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.repositories.statements import statements_of
from andamios_orm.repositories.writing import comparable
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.registry import declarations
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import Pairs

__all__ = ["References", "Resolved", "rows_with"]

_MANY = 500
"""Rows that are looked for in one statement."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The fields of a row, with foreign keys in place of natural ones."""

    values: Mapping[str, object]
    problems: Mapping[str, str]
    """What is wrong with its references, by field."""
    waits: bool = False
    """Whether that is only because a row of the same table is not there yet."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """A field of a seed that names another row, and what it stands for."""

    target: type[Model]
    pairs: Pairs


class References:
    """Finds what rows refer to, in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._references: dict[type[Model], Mapping[str, _Reference]] = {}

    async def resolved(
        self, model: type[Model], rows: Sequence[Mapping[str, object]]
    ) -> list[Resolved]:
        """Return rows with the fields of their foreign keys in place of natural keys."""
        values: list[dict[str, object]] = [dict(row) for row in rows]
        problems: list[dict[str, str]] = [{} for _ in rows]
        waits = [True] * len(rows)
        for name, reference in self._of(model).items():
            places = [n for n, row in enumerate(values) if self._names_row(row, name, reference)]
            if not places:
                continue
            wanted = [cast("Mapping[str, object]", values[n].pop(name)) for n in places]
            found = await self._found(reference.target, wanted)
            for place, other in zip(places, found, strict=True):
                if isinstance(other, str):
                    problems[place][name] = other
                    waits[place] &= other == "no_such_row" and reference.target is model
                else:
                    for own, theirs in reference.pairs:
                        values[place][own.name] = getattr(other, theirs.name)
        return [
            Resolved(row, wrong, bool(wrong) and wait)
            for row, wrong, wait in zip(values, problems, waits, strict=True)
        ]

    def names(self, model: type[Model]) -> frozenset[str]:
        """Return the fields that may name another row."""
        return frozenset(self._of(model))

    def _of(self, model: type[Model]) -> Mapping[str, _Reference]:
        found = self._references.get(model)
        if found is None:
            found = self._references[model] = dict(_references(model))
        return found

    def _names_row(self, row: dict[str, object], name: str, reference: _Reference) -> bool:
        value = row.get(name, row)
        if value is None and name not in row.keys() & {own.name for own, _ in reference.pairs}:
            # A relation to no row.
            del row[name]
            row.update({own.name: None for own, _ in reference.pairs})
            return False
        return value is not row and isinstance(value, Mapping)

    async def _found(
        self, target: type[Model], wanted: Sequence[Mapping[str, object]]
    ) -> list[Model | str]:
        """Return the row that each natural key means, or what is wrong with it."""
        found: dict[int, Model | str] = {}
        asked: dict[tuple[str, ...], dict[int, tuple[object, ...]]] = {}
        encoder = statements_of(target).encoder
        spec = spec_of(target)
        for place, row in enumerate(await self.resolved(target, wanted)):
            unknown = row.values.keys() - spec.by_name.keys()
            if row.problems or unknown or not row.values:
                found[place] = next(iter(row.problems.values()), "no_such_field")
                continue
            names = tuple(sorted(row.values))
            try:
                key = tuple(encoder.assigned(spec.by_name[n], row.values[n]) for n in names)
            except InvalidRow as error:
                found[place] = next(iter(error.fields.values()))
                continue
            asked.setdefault(names, {})[place] = key
        for names, keys in asked.items():
            rows = await rows_with(Repository(target, self._session), names, list(keys.values()))
            for place, key in keys.items():
                same = rows.get(comparable(key), [])
                found[place] = same[0] if len(same) == 1 else _none_or_many(same)
        return [found[place] for place in range(len(wanted))]


def _none_or_many(found: list[Model]) -> str:
    return "several_such_rows" if found else "no_such_row"


async def rows_with(
    repository: Repository[Any], names: tuple[str, ...], keys: Sequence[tuple[object, ...]]
) -> dict[tuple[object, ...], list[Model]]:
    """Return the stored rows that have one of the keys, by their values of these fields."""
    attrs = [getattr(repository.model, name) for name in names]
    encoder = statements_of(repository.model).encoder
    found: dict[tuple[object, ...], list[Model]] = {}
    different = list({comparable(key): key for key in keys}.values())
    for start in range(0, len(different), _MANY):
        some = different[start : start + _MANY]
        if len(attrs) == 1:
            condition = attrs[0].in_([key[0] for key in some])
        else:
            condition = reduce(
                or_,
                (reduce(and_, (a == v for a, v in zip(attrs, key, strict=True))) for key in some),
            )
        for row in await repository.where(condition).all():
            encoded = dict(zip(*encoder.encode(row), strict=True))
            key = comparable(tuple(encoded[name] for name in names))
            found.setdefault(key, []).append(row)
    return found


def _references(model: type[Model]) -> Iterator[tuple[str, _Reference]]:
    """Yield the fields of a model's seeds that may name another row."""
    for name in relation_names(model):
        relation = relation_of(model, name)
        if relation.forward and not relation.many and relation.link is None:
            yield name, _Reference(cast("type[Model]", relation.target), relation.pairs)
    table, spec = table_of(model), spec_of(model)
    own = {f.column: f for f in spec.fields}
    models = {d.full_name: d.model for d in declarations(table.metadata)}
    for constraint in table.foreign_key_constraints:
        if len(constraint.elements) == 1:
            key = constraint.elements[0]
            target = cast("type[Model]", models[constraint.referred_table.key])
            theirs = {f.column: f for f in spec_of(target).fields}
            field = own[key.parent.name]
            yield field.name, _Reference(target, ((field, theirs[key.column.name]),))
