"""`Shaped`: a query whose rows are instances of any Pydantic class."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Self, TypeVar, cast

from pydantic import BaseModel
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ColumnElement

from andamios_orm.database.source import Source
from andamios_orm.errors import UsageError
from andamios_orm.queries import shape_sql
from andamios_orm.queries.keyset import place_reader
from andamios_orm.queries.loads import Load
from andamios_orm.queries.nodes import Key, Term, combined
from andamios_orm.queries.parameters import Joins, Parameters
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.shape_sql import Read, ShapedSelect
from andamios_orm.queries.shapes import Computed, ManyPart, ShapeSpec
from andamios_orm.repositories.loading import KeyRows, related_rows
from andamios_orm.repositories.paging import Placed, placed
from andamios_orm.repositories.reading import Rows
from andamios_orm.repositories.statements import ModelStatements
from andamios_orm.rows.nested import (
    Level,
    careful,
    level_maker,
    python_value,
    shape_value,
    shapes_validator,
)
from andamios_orm.rows.plan import PIECE, Plan, PlanCache, Row, compile_plan
from andamios_orm.schema.compiler import table_of

__all__ = ["Shaped"]

P = TypeVar("P", bound=BaseModel)


class Shaped(Rows[P]):
    """Some rows of one model, read as instances of a shape; made by `Query.into`.

    Immutable like every query. `all`, `first`, `one` and the others read only the columns that the
    shape has, with one more statement for each nested list.
    """

    __slots__ = ("_computed", "_spec")

    def __init__(
        self,
        statements: ModelStatements[Any],
        source: Source,
        selection: Selection,
        spec: ShapeSpec,
        computed: Computed,
    ) -> None:
        self._statements = statements
        self._source = source
        self._selection = selection
        self._spec = spec
        self._computed = computed

    def _with(self, selection: Selection) -> Self:
        return type(self)(self._statements, self._source, selection, self._spec, self._computed)

    def _plan(self) -> Plan[list[P]]:
        return _shape_plan(self._source.plans, self._selection, self._spec, self._computed)

    def _placed_plan(self, terms: Sequence[Term]) -> Plan[list[Placed[P]]]:
        self._refuse_groups("page")
        plans, spec = self._source.plans, self._spec
        return _placed_plan(plans, self._selection, spec, self._computed, terms)

    def _values(self, selection: Selection) -> list[object]:
        return [*selection.values(), *self._spec.values(self._computed)]

    def _reads_beside(self) -> bool:
        return bool(self._spec.lists)

    async def _completed(self, found: list[P], source: Source) -> list[P]:
        if not self._spec.lists:
            return found
        # Until their lists are there, the rows are no instances.
        made = await _filled(cast("list[Level]", found), self._spec, source)
        return await _validated(cast("type[P]", self._spec.shape), made)

    async def count(self) -> int:
        """Return how many rows there are, within limit and offset.

        Raises UsageError for a shape with aggregates, whose rows are groups.
        """
        self._refuse_groups("count")
        return await super().count()

    async def exists(self) -> bool:
        """Return whether there is any row. Raises what `count` raises."""
        self._refuse_groups("exists")
        return await super().exists()

    def _refuse_groups(self, verb: str) -> None:
        if self._spec.groups(self._computed):
            raise UsageError(
                f"{verb}() of {self._spec.shape.__name__}: its rows are groups of rows",
                "count the rows of the query before into(), or read the groups with all()",
            )


def _shape_plan(
    plans: PlanCache, selection: Selection, spec: ShapeSpec, computed: Computed
) -> Plan[list[Any]]:
    shape = combined("shape", spec.key(computed), selection.key())

    def build(dialect: Dialect) -> Plan[list[Any]]:
        statement, select = shape_sql.shaped(selection, spec, computed, dialect.name)
        decode = _decoder(spec, select, dialect)
        return compile_plan(statement, dialect, decode, table=table_of(spec.model), many=True)

    return plans.get(shape, build)


def _placed_plan(
    plans: PlanCache,
    selection: Selection,
    spec: ShapeSpec,
    computed: Computed,
    terms: Sequence[Term],
) -> Plan[list[Placed[Any]]]:
    keys = combined(*[term.key() for term in terms], selection.key())
    shape = combined("placed shape", spec.key(computed), keys)

    def build(dialect: Dialect) -> Plan[list[Placed[Any]]]:
        statement, select = shape_sql.shaped(selection, spec, computed, dialect.name, terms)
        width = len(select.columns)
        places = range(width - len(terms), width)
        decode = placed(_decoder(spec, select, dialect), place_reader(terms, dialect, places))
        return compile_plan(statement, dialect, decode, table=table_of(spec.model), many=True)

    return plans.get(shape, build)


def _decoder(
    spec: ShapeSpec, select: ShapedSelect, dialect: Dialect
) -> Callable[[Sequence[Row]], list[Any]]:
    made = _level_maker(select, dialect, spec.shape)
    if spec.lists:
        return made
    validate = shapes_validator(spec.shape)
    return lambda rows: validate(made(rows))


def _level_maker(
    select: ShapedSelect, dialect: Dialect, shape: type[BaseModel], owner: Sequence[int] = ()
) -> Callable[[Sequence[Row]], list[Any]]:
    converters = [
        # Keys are compared with those of other rows, so they are Python's values.
        python_value(read.type, dialect)
        if read.key
        else shape_value(read.type, dialect, read.shape, read.name)
        for read in select.reads
    ]
    names = [".".join((*read.path, read.name)) for read in select.reads]
    make = level_maker(select.cells, converters, select.keys, owner)
    return careful(make, converters, names, shape)


async def _filled(levels: Sequence[Level], spec: ShapeSpec, source: Source) -> list[Any]:
    """Return the dicts of the levels, each with its lists."""
    dicts = [level[0] for level in levels]
    for place, (path, part) in enumerate(spec.lists, 1):
        keys = [level[place] for level in levels]
        known = [
            key
            for key in dict.fromkeys(keys)
            if not (key is None or (isinstance(key, tuple) and None in key))
        ]
        lists = await _nested(part, known, source)
        *within, name = path
        into = dicts
        for step in within:
            into = [None if one is None else one[step] for one in into]
        for one, key in zip(into, keys, strict=True):
            if one is not None:
                one[name] = lists.get(key) or []
    return dicts


async def _nested(
    part: ManyPart, keys: Sequence[object], source: Source
) -> Mapping[object, list[Any]]:
    """Return the rows of a nested list as dicts, by the key of whom they belong to."""
    further = part.shape.values({})

    def plan_of(load: Load, plans: PlanCache, room: shape_sql.Room) -> Plan[KeyRows]:
        return _nested_plan(load, part.shape, plans, room)

    found = await related_rows(part.load, keys, source, plan_of, further)
    if part.shape.lists:
        dicts = await _filled([level for _, some in found for level in some], part.shape, source)
        rest = iter(dicts)
        found = [(key, list(islice(rest, len(some)))) for key, some in found]
    lists: dict[object, list[Any]] = dict(found)
    if len(lists) < len(found):
        # Many rows come in pieces, and those of one key may be in two of them.
        lists = {key: [] for key in lists}
        for key, some in found:
            lists[key] += some
    return lists


def _nested_plan(
    load: Load, spec: ShapeSpec, plans: PlanCache, room: shape_sql.Room
) -> Plan[KeyRows]:
    shape: Key = combined("nested", spec.key({}), load.key(), "-" if room is None else room)

    def build(dialect: Dialect) -> Plan[KeyRows]:
        select = ShapedSelect({}, dialect.name, nested=True)

        def what(joins: Joins, parameters: Parameters) -> Sequence[ColumnElement[Any]]:
            select.cells = select.take(spec, joins, parameters)
            return select.columns

        statement = shape_sql.related(load, dialect.name, room, what)
        width = len(select.columns)
        relation = load.relation.spec
        for (_, other), key_type in zip(relation.pairs, shape_sql.key_types(relation), strict=True):
            select.reads.append(Read(spec.shape, other.column, (), key_type, key=True))
        made = _level_maker(select, dialect, spec.shape, range(width, len(select.reads)))
        return compile_plan(statement, dialect, made, table=table_of(spec.model), many=True)

    return plans.get(shape, build)


async def _validated(shape: type[P], made: list[Any]) -> list[P]:
    validate = shapes_validator(shape)
    if len(made) <= PIECE:
        return validate(made)
    found: list[P] = []
    for start in range(0, len(made), PIECE):
        found += validate(made[start : start + PIECE])
        await asyncio.sleep(0)
    return found
