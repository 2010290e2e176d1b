"""Turn what is read beside rows, and what shapes ask for, into SELECTs.

Their values come in this order: keys, conditions, orderings, limit and offset, expressions of the
shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ClauseElement, ColumnClause, ColumnElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.util import ClauseAdapter
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import NotSupported, ShapeProblem, UsageError
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.loads import Load, ModelRelation
from andamios_orm.queries.nodes import Binder, Node, Term, literals
from andamios_orm.queries.parameters import Joins, Parameters
from andamios_orm.queries.relations import Scope, relation_standing
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.shapes import (
    Asked,
    Computed,
    ShapeSpec,
    has_window,
    is_aggregate,
    is_aggregate_function,
)
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.queries.terms import Attr
from andamios_orm.queries.to_sql import read_columns, refuse_other_tables
from andamios_orm.schema.columns import JsonOf, ManyOf, Stored
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.relations import relation_names
from andamios_orm.schema.spec import FieldSpec, Kind, RelationSpec

__all__ = [
    "Cells",
    "Read",
    "Room",
    "ShapedSelect",
    "key_types",
    "link_conditions",
    "owner_columns",
    "related",
    "shaped",
    "takes_key_arrays",
]

# ---- related rows ------------------------------------------------------------------------------


Room: TypeAlias = "int | None"
"""How many keys a statement has parameters for; None where parameters are lists of them."""


def takes_key_arrays(spec: RelationSpec, dialect_name: str) -> bool:
    """Whether the keys of the rows to relate go as lists, one for each of the key's columns."""
    kinds = [other.storage.kind for _, other in spec.pairs]
    if dialect_name == "sqlite":
        # JSON has an exact number for them, and text would lose its NULs.
        return kinds == [Kind.INTEGER]
    return dialect_name in ("postgresql", "duckdb") and Kind.CUSTOM not in kinds


def related(
    load: Load,
    dialect_name: str,
    room: Room,
    what: Callable[[Joins, Parameters], Sequence[ColumnElement[Any]]],
    *,
    owner: bool = True,
) -> sa.Select[Any]:
    """Return the SELECT of the rows related to some others, whose keys are the first parameters.

    With `owner` each row ends with the values of `owner_columns`, which tell whom it belongs to.
    With a limit, the last parameter, there are so many rows at most for each.
    """
    spec, selection = load.relation.spec, load.rows
    target = table_of(spec.target)
    link = target if spec.link is None else table_of(spec.link)
    if link is target and spec.link is not None:
        raise NotSupported(
            f"{spec.where}: the link is the table that it leads to", "use a table of its own"
        )
    joins = Joins(target)
    parameters = Parameters(dialect_name, joins)
    belongs = owner_columns(spec)
    keyed = _keyed(belongs, key_types(spec), room, parameters, dialect_name)
    linked = [c.clause(parameters) for c in link_conditions(spec)]
    conditions = [c.clause(parameters) for c in selection.conditions]
    orderings = [o.clause(parameters) for o in selection.orderings]
    refuse_other_tables(spec.target, [*conditions, *orderings], joins.source)
    conditions = [*linked, *conditions]
    # An order that two runs share, whatever the engine finds first.
    orderings += [target.c[part.column] for part in spec_of(spec.target).primary_key]
    if selection.limit is None:
        columns = what(joins, parameters)
        found = sa.select(*columns, *(belongs if owner else ())).select_from(
            _linked(joins.source, spec)
        )
        return found.where(keyed, *conditions).order_by(*orderings)
    place = sa.func.row_number().over(partition_by=belongs, order_by=orderings).label(_PLACE)
    owners = [c.label(f"{_OWNER}{n}") for n, c in enumerate(belongs)]
    ranked = sa.select(*target.c, *owners, place).select_from(_linked(joins.source, spec))
    rows = ranked.where(keyed, *conditions).subquery()
    limit = parameters.bind(None, sa.BigInteger())
    outer = Joins(rows)
    columns = what(outer, parameters)
    found = sa.select(*columns, *(rows.c[one.name] for one in owners if owner))
    found = found.select_from(outer.source).where(rows.c[_PLACE] <= limit)
    return found.order_by(rows.c[_PLACE])


def owner_columns(spec: RelationSpec) -> list[sa.Column[Any]]:
    """Return the columns that hold the key of the row that a related one belongs to."""
    table = table_of(spec.target if spec.link is None else spec.link)
    return [table.c[other.column] for _, other in spec.pairs]


def key_types(spec: RelationSpec) -> list[TypeEngine[Any]]:
    """Return the types of the values by which rows of a relation are found and told apart."""
    pairs = zip(owner_columns(spec), spec.pairs, strict=True)
    return [_key_type(column, other, own) for column, (own, other) in pairs]


def _key_type(column: ColumnElement[Any], field: FieldSpec, beside: FieldSpec) -> TypeEngine[Any]:
    if field.encoder_beside(beside) is None:
        return column.type
    return cast("Stored", column.type).without_codec().comparable()


def link_conditions(spec: RelationSpec) -> tuple[Condition, ...]:
    """Return what holds for the rows of the link; their values come after the keys."""
    return () if spec.link is None else standing_conditions(spec.link)


def _linked(source: FromClause, spec: RelationSpec) -> FromClause:
    if spec.link is None:
        return source
    link, target = table_of(spec.link), table_of(spec.target)
    return source.join(
        link, sa.and_(*(link.c[a.column] == target.c[b.column] for a, b in spec.onward))
    )


_PLACE = "andamios_orm_place"
_OWNER = "andamios_orm_owner_"


def _keyed(
    columns: Sequence[ColumnElement[Any]],
    types: Sequence[TypeEngine[Any]],
    room: Room,
    parameters: Parameters,
    dialect_name: str,
) -> ColumnElement[bool]:
    """Return the condition that columns hold one of the given keys."""
    if room is None and dialect_name == "sqlite":
        [column], [one] = columns, types
        keys = parameters.bind(None, JsonOf(one))
        return column.in_(sa.select(sa.func.json_each(keys).table_valued("value").c.value))
    if room is None:
        lists = [sa.cast(parameters.bind(None, many), many) for many in map(ManyOf, types)]
        if dialect_name == "postgresql" and len(columns) == 1:
            return columns[0] == sa.func.any(lists[0])
        listed = sa.select(*map(sa.func.unnest, lists))
        return columns[0].in_(listed) if len(columns) == 1 else sa.tuple_(*columns).in_(listed)
    if len(columns) == 1:
        [column], [one] = columns, types
        return column.in_([parameters.bind(None, one) for _ in range(room)])
    # MariaDB would use no index for a list of tuples.
    return sa.or_(
        *(
            sa.and_(*(c == parameters.bind(None, t) for c, t in zip(columns, types, strict=True)))
            for _ in range(room)
        )
    )


# ---- shapes ------------------------------------------------------------------------------------


class Read(NamedTuple):
    """One column of a result, and what it is read for."""

    shape: type[BaseModel]
    name: str
    """The shape's field, or the model's where it is a key."""
    path: tuple[str, ...]
    """The relations that lead to the row that it belongs to."""
    type: TypeEngine[Any]
    """SQLAlchemy's type of the value."""
    key: bool = False
    """Whether it tells rows apart, and is given to no field."""


@dataclass(frozen=True, slots=True)
class Cells:
    """How the columns of a row make a nested dict."""

    items: tuple[tuple[str, int | Cells], ...]
    """By name: the place of a column in the row, or another dict."""
    marker: int | None = None
    """The column that is NULL where there is no dict at all."""


@dataclass(slots=True)
class ShapedSelect:
    """The columns that a shape reads of some rows, while they are put together."""

    computed: Computed
    dialect_name: str
    groups: bool = False
    """Whether there are aggregates, so that the others say what the rows are grouped by."""
    nested: bool = False
    """Whether it is the SELECT of a nested list, which has one FROM."""
    columns: list[sa.Label[Any]] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    keys: list[tuple[int, ...]] = field(default_factory=list)
    """For each nested list, the places of the key of the row that it belongs to."""
    cells: Cells = Cells(())
    aggregates: list[int] = field(default_factory=list)
    """The places of the columns that are computed of several rows."""

    def take(
        self,
        spec: ShapeSpec,
        joins: Joins,
        parameters: Parameters,
        path: tuple[ModelRelation, ...] = (),
    ) -> Cells:
        """Add what a shape asks for at the end of a path, and return its cells."""
        rows = joins.at([step.spec for step in path], parameters)
        names = tuple(step.name for step in path)
        items: list[tuple[str, int | Cells]] = []
        for name, asked in spec.columns:
            if isinstance(asked, Attr):
                clause, value_type = self._column(asked.field, rows)
            else:
                clause = self._computed(spec, asked, rows, parameters, nested=bool(path))
                value_type = clause.type
            items.append((name, self.add(clause, Read(spec.shape, name, names, value_type))))
        for one in spec.ones:
            cells = self.take(one.shape, joins, parameters, (*path, one.relation))
            items.append((one.name, cells))
        for many in spec.manys:
            pairs = many.load.relation.spec.pairs
            key = (self._key(spec, own, rows, names, other) for own, other in pairs)
            self.keys.append(tuple(key))
        marker = None
        if path and path[-1].spec.may_be_absent:
            first = spec_of(spec.model).primary_key[0]
            marker = self._key(spec, first, rows, names, first)
        return Cells(tuple(items), marker)

    def _key(
        self,
        spec: ShapeSpec,
        own: FieldSpec,
        rows: FromClause,
        names: tuple[str, ...],
        beside: FieldSpec,
    ) -> int:
        column: ColumnElement[Any] = rows.c[own.column]
        key_type = _key_type(column, own, beside)
        return self.add(column, Read(spec.shape, own.name, names, key_type, key=True))

    def _column(
        self, own: FieldSpec, rows: FromClause
    ) -> tuple[ColumnElement[Any], TypeEngine[Any]]:
        column: ColumnElement[Any] = rows.c[own.column]
        if self.groups:
            # Rows are grouped and sorted by the column, not by a text of it.
            return column, column.type
        [read] = read_columns(rows, [own], self.dialect_name)
        return read, column.type

    def _computed(
        self,
        spec: ShapeSpec,
        asked: Asked,
        rows: FromClause,
        parameters: Parameters,
        *,
        nested: bool,
    ) -> ColumnElement[Any]:
        binder: Binder = parameters
        given: object = asked
        if isinstance(asked, str):
            given = self.computed[asked]
        elif not isinstance(rows, sa.Table):
            binder = _RowsOf(parameters, spec.model, rows)
        clause = (
            given.clause(binder)
            if isinstance(given, Node)
            else binder.raw(cast("ColumnElement[Any]", given))
        )
        nested = nested or self.nested
        if is_aggregate(clause):
            if nested:
                raise ShapeProblem(
                    f"{spec.name}: an aggregate in a nested shape has no group of its own",
                    "compute it in the outer shape, or with `.count()` of a relation",
                )
            self.aggregates.append(len(self.columns))
        elif nested and not isinstance(asked, str) and _others(clause, rows):
            raise ShapeProblem(
                f"{spec.name}: an expression in a nested shape reads another table than"
                f" {spec.model.__name__}'s",
                f"use `{spec.model.__name__}.relation.to.x`, nest another shape, or use a scalar"
                " subquery",
            )
        return clause

    def add(self, column: ColumnElement[Any], read: Read) -> int:
        """Add a column and return its place in the row."""
        # Without a name of its own: in an ORDER BY, an engine could take it for a table's column.
        self.columns.append(column.label(None))
        self.reads.append(read)
        return len(self.columns) - 1


class _RowsOf(Scope):
    """A binder for what a nested shape computes of its own rows, in SQLAlchemy's terms too."""

    def raw(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        if any(isinstance(part, sa.SelectBase) for part in visitors.iterate(element)):
            # Its FROM may name the same table, and mean other rows.
            return super().raw(element)
        return ClauseAdapter(self._rows).traverse(element)


def _others(clause: ColumnElement[Any], rows: FromClause) -> list[FromClause]:
    """Return what a clause reads beside some rows."""
    return [other for other in sa.select(clause).get_final_froms() if other is not rows]


def shaped(
    selection: Selection,
    spec: ShapeSpec,
    computed: Computed,
    dialect_name: str,
    places: Sequence[Term] = (),
) -> tuple[sa.Select[Any], ShapedSelect]:
    """Return the SELECT of what a shape asks for, and what its columns are.

    The last columns are `places`, by which the rows are sorted.

    Raises ShapeProblem, NotSupported, UsageError.
    """
    joins = Joins(table_of(selection.model))
    parameters = Parameters(dialect_name, joins)
    conditions = [c.clause(parameters) for c in selection.conditions]
    orderings = [o.clause(parameters) for o in selection.orderings]
    # The numbers of limit and offset come before those of the shape's own values.
    limits = [
        None if given is None else parameters.bind(None, sa.BigInteger())
        for given in (selection.limit, selection.offset)
    ]
    found = ShapedSelect(computed, dialect_name, groups=spec.groups(computed))
    found.cells = found.take(spec, joins, parameters)
    for term in places:
        found.add(
            term.clause(parameters), Read(spec.shape, repr(term), (), term.value_type, key=True)
        )
    source = _joined_by_expressions(spec, found, joins.source, [*conditions, *orderings])
    statement = sa.select(*found.columns).select_from(source).where(*conditions)
    if found.groups:
        _refuse_order_within_groups(spec, found, orderings)
        statement = statement.group_by(*_groups(found))
    statement = statement.order_by(*orderings)
    limit, offset = limits
    if limit is not None:
        statement = statement.limit(limit)
    if offset is not None:
        statement = statement.offset(offset)
    return statement, found


def _groups(found: ShapedSelect) -> list[ColumnElement[Any]]:
    """Return what the rows are grouped by: all that is neither an aggregate nor after grouping."""
    return [
        # By number, because a text with parameters would not be the same to the engine.
        column.element
        if isinstance(column.element, ColumnClause)
        else sa.literal_column(str(place))
        for place, column in enumerate(found.columns, 1)
        if place - 1 not in found.aggregates and not has_window(column)
    ]


def _refuse_order_within_groups(
    spec: ShapeSpec, found: ShapedSelect, orderings: Sequence[ColumnElement[Any]]
) -> None:
    """Raise UsageError for an order by what differs within a group.

    Some engines refuse it, and others take the value of any of its rows.
    """
    same: list[ColumnElement[Any]] = [
        column.element
        for place, column in enumerate(found.columns)
        if place not in found.aggregates
    ]

    def differs(clause: ClauseElement) -> bool:
        if any(clause is one or clause.compare(one) for one in same):
            return False
        if isinstance(clause, ColumnClause):
            return clause.table is not None
        if isinstance(clause, sa.Over | sa.SelectBase):
            return False
        if is_aggregate_function(clause):
            return False
        return any(map(differs, clause.get_children()))

    if any(map(differs, orderings)):
        raise UsageError(
            f"{spec.name}: its rows are groups of rows, and the query is sorted by what differs"
            " within a group",
            "sort by what the rows are grouped by, or by an aggregate as `sqlalchemy.func.max`",
        )


def _joined_by_expressions(
    spec: ShapeSpec,
    found: ShapedSelect,
    source: FromClause,
    others: Sequence[ColumnElement[Any]],
) -> FromClause:
    """Return the FROM with the tables that SQLAlchemy expressions of the shape name.

    Raises ShapeProblem where no relation, or several, lead to one of them.
    """
    refuse_other_tables(spec.model, others, source)
    many = False
    named = sa.select(*found.columns).select_from(source).get_final_froms()
    for table in named[1:]:
        relations = [
            cast("ModelRelation", getattr(spec.model, name)) for name in relation_names(spec.model)
        ]
        leading = [r for r in relations if table_of(r.spec.target) is table]
        if len(leading) != 1:
            shown = " or ".join(map(repr, leading)) or "no relation"
            raise ShapeProblem(
                f"{spec.name}: an expression reads the table"
                f" {getattr(table, 'name', '(a subquery)')}, to which {shown} of"
                f" {spec.model.__name__} leads",
                "use `.count()` or `.to` of the relation that is meant, or a scalar subquery",
            )
        [relation] = leading
        if relation.spec.many:
            if many or not _is_aggregated(found, table):
                raise ShapeProblem(
                    f"{spec.name}: rows would be repeated for each of {relation!r}",
                    "read them as a list of shapes, or let all aggregates be of this relation;"
                    f" `{relation!r}.count()` and scalar subqueries repeat no rows",
                )
            many = True
        source = _outer(source, relation.spec)
    return source


def _is_aggregated(found: ShapedSelect, table: FromClause) -> bool:
    """Whether all aggregates, and nothing else, read the table of a relation to many.

    Another aggregate would count or add up a row once for each of those that belong to it.
    """
    return all(
        (table in sa.select(column).get_final_froms()) is (place in found.aggregates)
        for place, column in enumerate(found.columns)
    )


def _outer(source: FromClause, spec: RelationSpec) -> FromClause:
    own = table_of(spec.owner)
    for model, pairs in spec.steps:
        table = table_of(model)
        on = [own.c[a.column] == table.c[b.column] for a, b in pairs]
        on += [_standing_clause(condition) for condition in relation_standing(spec, model)]
        source = source.outerjoin(table, sa.and_(*on))
        own = table
    return source


def _standing_clause(condition: Condition) -> ColumnElement[Any]:
    """Return a condition on the rows of a table that an expression names."""
    values: list[object] = []
    condition.values(values)
    if values:
        raise ShapeProblem(
            f"an expression reads a table whose rows belong to tenants: {condition!r}",
            "use `.count()`, `.to` or a nested shape of the relation, which know the tenant",
        )
    return condition.clause(literals)
