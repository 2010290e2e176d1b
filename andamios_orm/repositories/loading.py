"""Read the rows that a query's `load()` names, one statement a relation, and hand them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias, cast

from pydantic import BaseModel
from sqlalchemy.engine import Dialect

from andamios_orm.database.inserting import portions
from andamios_orm.database.source import Source
from andamios_orm.errors import InvalidRow, TransactionConflict
from andamios_orm.queries import shape_sql
from andamios_orm.queries.loads import Load
from andamios_orm.queries.to_sql import read_columns
from andamios_orm.rows.decode import model_decoder
from andamios_orm.rows.nested import python_value
from andamios_orm.rows.plan import Plan, PlanCache, Row, compile_plan
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.spec import FieldSpec, RelationSpec

__all__ = ["KeyRows", "load_related", "related_rows"]

KeyRows: TypeAlias = list[tuple[object, Any]]
"""Related rows, each after the key of the row that it belongs to; lists of them for shapes."""

_MOST_KEYS = 8192
"""Keys of one IN list at most; SQLite and PostgreSQL take some 32,000 parameters."""

_MOST_COMPOSITE_KEYS = 512
"""Keys of several columns in one statement at most: SQLite takes an OR of 1,000 conditions, and
MariaDB's time grows with the square of their number."""


async def load_related(found: Sequence[BaseModel], loads: Iterable[Load], source: Source) -> None:
    """Give each instance the rows of its relations.

    Raises what reading rows raises, InvalidRow where a row that must be there is out of sight, and
    TransactionConflict where it was removed between the two statements.
    """
    for load in loads:
        spec = load.relation.spec
        own_key = _compared_key(spec.pairs)
        keys = list(dict.fromkeys(key for row in found if (key := own_key(row)) is not None))
        rows = await related_rows(load, keys, source, _model_plan)
        if spec.link is not None:
            rows = _one_of_each(rows, spec)
        if load.further:
            await load_related(_once(row for _, row in rows), load.further, source)
        _hand_out(spec, found, own_key, rows)


def _one_of_each(rows: KeyRows, spec: RelationSpec) -> KeyRows:
    """Return the rows with one object for each row, which a link gives once for each owner."""
    key_of_row = key_of(spec_of(spec.target).primary_key)
    known: dict[object, BaseModel] = {}
    return [(key, known.setdefault(key_of_row(row), row)) for key, row in rows]


def _once(rows: Iterable[BaseModel]) -> list[BaseModel]:
    return list({id(row): row for row in rows}.values())


def _hand_out(
    spec: RelationSpec,
    found: Sequence[BaseModel],
    own_key: Callable[[BaseModel], object],
    rows: KeyRows,
) -> None:
    # A relation is no field, so it goes where pydantic keeps what belongs to an instance alone.
    name = spec.name
    if spec.many:
        lists: dict[object, list[BaseModel]] = {}
        for key, row in rows:
            lists.setdefault(key, []).append(row)
        for instance in found:
            instance.__dict__[name] = lists.get(own_key(instance), [])
        return
    single = dict(rows)
    for instance in found:
        key = own_key(instance)
        related = None if key is None else single.get(key)
        if related is None and not spec.nullable:
            raise _out_of_sight(spec) if spec.may_be_hidden else _removed_meanwhile(spec)
        instance.__dict__[name] = related


def _out_of_sight(spec: RelationSpec) -> InvalidRow:
    """Return the error for a row whose related row, which it must have, is not there to see."""
    key, target = ", ".join(own.name for own, _ in spec.pairs), spec.target.__name__
    return InvalidRow(
        f"{spec.where}: {key} of a stored row refers to a {target} that is another tenant's, or"
        " missing",
        f"annotate the relation `Related[{target} | None]`, or correct the rows that"
        f" `where(~{spec.where}.has())` finds",
        model=spec.owner,
        key=None,
        fields={spec.name: "missing"},
    )


def _removed_meanwhile(spec: RelationSpec) -> TransactionConflict:
    """Return the error for a row whose related row, which it must have, is not there."""
    return TransactionConflict(
        f"the {spec.target.__name__} of a {spec.owner.__name__} that was read is not there:"
        " another transaction removed it between the two statements",
        'read inside `database.session(isolation="repeatable read")`, or again',
    )


def key_of(fields: Sequence[FieldSpec]) -> Callable[[BaseModel], object]:
    """Return the function from an instance to its values of some fields, None if one is missing.

    A single field's value is given alone, those of several as a tuple.
    """
    if len(fields) == 1:
        name = fields[0].name
        return lambda row: row.__dict__[name]
    get = itemgetter(*(field.name for field in fields))

    def key(row: BaseModel) -> object:
        parts: tuple[object, ...] = get(row.__dict__)
        return None if None in parts else parts

    return key


def _compared_key(pairs: Sequence[tuple[FieldSpec, FieldSpec]]) -> Callable[[BaseModel], object]:
    """Return the function from an instance to its key, as other rows have it.

    Values that are not the same in Python are given as they are stored.
    """
    values = key_of([field for field, _ in pairs])
    encoders = [field.encoder_beside(other) for field, other in pairs]
    if not any(encoders):
        return values

    def stored(row: BaseModel) -> object:
        key = values(row)
        if key is None:
            return None
        parts = (key,) if len(pairs) == 1 else cast("tuple[object, ...]", key)
        found = tuple(
            part if encode is None else encode(part)
            for encode, part in zip(encoders, parts, strict=True)
        )
        return found[0] if len(pairs) == 1 else found

    return stored


PlanOf: TypeAlias = "Callable[[Load, PlanCache, shape_sql.Room], Plan[KeyRows]]"


async def related_rows(
    load: Load,
    keys: Sequence[object],
    source: Source,
    plan_of: PlanOf,
    further: Sequence[object] = (),
) -> KeyRows:
    """Return the rows related to those with some keys; `further` are the plan's last values."""
    if not keys:
        return []
    spec, values = load.relation.spec, list[object]()
    for condition in shape_sql.link_conditions(spec):
        condition.values(values)
    values += [*load.rows.values(), *further]
    width = len(spec.pairs)
    if shape_sql.takes_key_arrays(spec, source.plans.dialect.name):
        plan = plan_of(load, source.plans, None)
        lists = [list(keys)] if width == 1 else [*map(list, zip(*cast("Any", keys), strict=True))]
        return await source.fetch(plan, [*lists, *values])
    found: KeyRows = []
    most = _MOST_KEYS if width == 1 else _MOST_COMPOSITE_KEYS
    for start, size in portions(len(keys), most, bits=None):
        some = list(keys[start : start + size])
        # A power of two, so that lists of many lengths share few statements.
        room = 1 << (size - 1).bit_length()
        some += [some[-1]] * (room - size)
        flat = some if width == 1 else [part for key in some for part in cast("tuple[Any]", key)]
        plan = plan_of(load, source.plans, room)
        rows: KeyRows = await source.fetch(plan, [*flat, *values])
        found += rows
    return found


def _model_plan(load: Load, plans: PlanCache, room: shape_sql.Room) -> Plan[KeyRows]:
    shape = load.key()
    key = None if shape is None else ("load", shape, room)
    spec = load.relation.spec

    def build(dialect: Dialect) -> Plan[KeyRows]:
        target, table = spec_of(spec.target), table_of(spec.target)
        statement = shape_sql.related(
            load,
            dialect.name,
            room,
            lambda joins, parameters: read_columns(
                joins.at((), parameters), target.fields, dialect.name
            ),
            owner=spec.link is not None,
        )
        decode = plans.decoder(spec.target, lambda d: model_decoder(target, table, d))
        if spec.link is None:
            (own, other), *more = spec.pairs
            their_key = _compared_key([(other, own) for own, other in spec.pairs])
            name, single = other.name, not more and other.encoder_beside(own) is None

            def named(rows: Sequence[Row]) -> KeyRows:
                if single:
                    # Without a call for each row.
                    return [(row.__dict__[name], row) for row in decode(rows)]
                return [(their_key(row), row) for row in decode(rows)]

            return compile_plan(statement, dialect, named, table=table, many=True)
        width = len(target.fields)
        keys = row_keys(spec, dialect, width)

        def keyed(rows: Sequence[Row]) -> KeyRows:
            return list(zip(keys(rows), decode([row[:width] for row in rows]), strict=True))

        return compile_plan(statement, dialect, keyed, table=table, many=True)

    return plans.get(key, build)


def row_keys(
    spec: RelationSpec, dialect: Dialect, start: int
) -> Callable[[Sequence[Row]], list[object]]:
    """Return the function from rows of the driver to the keys at their ends."""
    loads = [python_value(key_type, dialect) for key_type in shape_sql.key_types(spec)]
    if len(loads) == 1:
        [load] = loads
        if load is None:
            return lambda rows: [row[start] for row in rows]
        return lambda rows: [load(row[start]) for row in rows]
    places = list(enumerate(loads, start))
    return lambda rows: [
        tuple(row[place] if load is None else load(row[place]) for place, load in places)
        for row in rows
    ]
