"""Relations in queries: `Hero.team.has(...)`, `Hero.team.to.name`, `Team.heroes.count()`.

What a relation says of a row is a subquery in the place where it is said. A column at the end of
relations to one row (`to`) is read by a join where the statement can have one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, NoReturn, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement, ColumnClause
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import NotSupported, UsageError
from andamios_orm.queries.conditions import Condition, conjunction
from andamios_orm.queries.nodes import Binder, Holder, Key, Node, combined
from andamios_orm.queries.standing import standing_conditions
from andamios_orm.queries.terms import Attr, Expression
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.compiler import table_of
from andamios_orm.schema.relations import relation_of
from andamios_orm.schema.spec import FieldSpec, Kind, RelationSpec, Storage

__all__ = ["Relation", "Scope", "Via", "join_onto", "path_values", "relation_standing"]

_ids = itertools.count(1)


class Relation:
    """A model's relation, as `Hero.team` gives it: one object per relation and class.

    `prefix` are the relations to one row through which `.to` led here.
    """

    def __init__(self, model: type[BaseModel], name: str, prefix: tuple[Relation, ...] = ()):
        self.model, self.name, self.prefix = model, name, prefix
        self.id = next(_ids)

    @cached_property
    def spec(self) -> RelationSpec:
        """How the rows belong together. Raises RelationProblem."""
        return relation_of(self.model, self.name)

    @property
    def path(self) -> tuple[Relation, ...]:
        """The relations from the queried model to this one's target."""
        return (*self.prefix, self)

    @property
    def root(self) -> type[BaseModel]:
        """The model whose rows are asked."""
        return self.path[0].model

    # -- asking

    def has(self, *conditions: object) -> Condition:
        self._require(many=False, verb="has", other="{}.any")
        return RelationCondition(self, self._conditions(conditions), negated=False)

    def any(self, *conditions: object) -> Condition:
        self._require(many=True, verb="any", other="{}.has")
        return RelationCondition(self, self._conditions(conditions), negated=False)

    def none(self, *conditions: object) -> Condition:
        self._require(many=True, verb="none", other="~{}.has")
        return RelationCondition(self, self._conditions(conditions), negated=True)

    def count(self) -> Expression:
        return self.counted(())

    def counted(self, conditions: tuple[Condition, ...]) -> Expression:
        """Return the number of related rows for which the conditions hold."""
        self._require(many=True, verb="count", other="{}.has")
        return RelationCount(self, self._conditions(conditions))

    @cached_property
    def to(self) -> _Target:
        self._require(many=False, verb="to", other="{}.any")
        return _Target(self)

    def _require(self, *, many: bool, verb: str, other: str) -> None:
        if self.spec.many is not many:
            rows = "many rows" if self.spec.many else "one row"
            raise UsageError(
                f"{self!r}.{verb}: {self!r} is a relation to {rows}", f"use {other.format(self)}"
            )

    def _conditions(self, conditions: Iterable[object]) -> tuple[Condition, ...]:
        """Return conditions on the related rows. Raises UsageError for a third model's column."""
        checked = conjunction(conditions)
        named: set[type[BaseModel]] = set()
        for condition in checked:
            condition.models(named)
        strangers = named - {self.spec.target, self.model}
        if strangers:
            other = min(model.__name__ for model in strangers)
            raise UsageError(
                f"a condition on {self!r} names a column of {other}",
                f"use the columns of {self.spec.target.__name__}, or its own relations",
            )
        return checked

    def __reduce__(self) -> tuple[object, tuple[object, str]]:
        # The number is this process's own: another one finds its own object for the relation.
        owner = self.prefix[-1].to if self.prefix else self.model
        return (getattr, (owner, self.name))

    def __repr__(self) -> str:
        if not self.prefix:
            return f"{self.model.__name__}.{self.name}"
        return f"{self.prefix[-1]!r}.to.{self.name}"


class _Target:
    """What `Hero.team.to` gives: the columns and relations of the row at the other end."""

    def __init__(self, relation: Relation) -> None:
        self._relation = relation

    def __getattr__(self, name: str) -> Via | Relation:
        if name.startswith("_"):
            raise AttributeError(name)
        relation = self._relation
        found = getattr(relation.spec.target, name)
        made: Via | Relation
        if isinstance(found, Relation):
            made = type(found)(found.model, found.name, relation.path)
        elif isinstance(found, Attr):
            made = Via(relation, found)
        else:
            raise UsageError(
                f"{relation!r}.to.{name} is neither a column nor a relation",
                f"use the fields of {relation.spec.target.__name__}",
            )
        self.__dict__[name] = made
        return made

    def __reduce__(self) -> tuple[object, tuple[Relation, str]]:
        return (getattr, (self._relation, "to"))

    def __repr__(self) -> str:
        return f"{self._relation!r}.to"


# ---- subqueries --------------------------------------------------------------------------------


class Scope:
    """A binder inside a subquery: the related model's columns are those of its own rows."""

    def __init__(self, outer: Binder, model: type[BaseModel], rows: FromClause) -> None:
        self._outer, self._model, self._rows = outer, model, rows

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        return self._outer.bind(value, column_type)

    def require_order(self, holder: Holder) -> None:
        self._outer.require_order(holder)

    def column(self, model: type[BaseModel], field: FieldSpec) -> ColumnElement[Any]:
        if model is self._model:
            return self._rows.c[field.column]
        return self._outer.column(model, field)

    def joined(self, path: Sequence[RelationSpec]) -> FromClause | None:
        return None

    def raw(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        if not isinstance(self._rows, sa.Table) and _names(element, table_of(self._model)):
            raise NotSupported(
                f"a SQLAlchemy expression inside a relation that leads to {self._model.__name__} a"
                " second time: it cannot tell which of the rows it means",
                f"write the condition with the columns of {self._model.__name__} and their"
                " operators",
            )
        return self._outer.raw(element)

    def around(self) -> set[FromClause]:
        return {self._rows, *self._outer.around()}


def _names(element: ColumnElement[Any], table: sa.Table) -> bool:
    """Whether an expression, or a subquery inside it, names a table; a text may."""
    # A mapped class's attribute, for one, only turns into an expression.
    given: Any = element
    clause = given if isinstance(given, ClauseElement) else given.__clause_element__()
    return any(
        part is table
        or getattr(part, "table", None) is table
        or isinstance(part, sa.TextClause)
        or (isinstance(part, ColumnClause) and part.is_literal)
        for part in visitors.iterate(clause)
    )


class _Hops:
    """The rows at the end of a path, as the FROM of a subquery that belongs to an outer row."""

    def __init__(self, relation: Relation, binder: Binder) -> None:
        path = relation.path
        self.conditions: list[ColumnElement[bool]] = []
        self.rows: list[FromClause] = []
        source: FromClause | None = None
        left: Callable[[FieldSpec], ColumnElement[Any]] = partial(binder.column, relation.root)
        own, _ = path[0].spec.pairs[0]
        self.outside: set[FromClause] = {cast("Any", left(own)).table, *binder.around()}
        """The rows around it, which its conditions may name."""
        taken = {getattr(rows, "element", rows) for rows in self.outside}
        for step in path:
            for model, pairs in step.spec.steps:
                table = table_of(model)
                rows: FromClause = table.alias() if table in taken else table
                taken.add(table)
                on = sa.and_(*(left(own) == rows.c[other.column] for own, other in pairs))
                if source is None:
                    source = rows
                    self.conditions.append(on)
                else:
                    source = source.join(rows, on)
                scope = Scope(binder, model, rows)
                self.conditions += [c.clause(scope) for c in relation_standing(step.spec, model)]
                self.rows.append(rows)
                left = _columns_of(rows)
        self.source = cast("FromClause", source)
        self.last = self.rows[-1]

    def select(self, what: ColumnElement[Any], more: Sequence[ColumnElement[bool]]) -> Any:
        """Return the subquery of one value."""
        found = sa.select(what).select_from(self.source).where(*self.conditions, *more)
        return found.correlate_except(*self.rows)


def relation_standing(spec: RelationSpec, model: type[BaseModel]) -> tuple[Condition, ...]:
    """Return what holds for the rows of a relation without being asked.

    A row that must be there is shown, even if it is marked as deleted.
    """
    return standing_conditions(model, with_deleted=not spec.nullable)


def path_values(path: Iterable[Relation], into: list[object]) -> None:
    """Append the values that the rows along a path are found by."""
    for step in path:
        for model, _ in step.spec.steps:
            for condition in relation_standing(step.spec, model):
                condition.values(into)


def _columns_of(rows: FromClause) -> Callable[[FieldSpec], ColumnElement[Any]]:
    return lambda field: rows.c[field.column]


def _inner(
    relation: Relation, conditions: Sequence[Condition], hops: _Hops, binder: Binder
) -> list[ColumnElement[bool]]:
    outer = binder
    if relation.prefix:
        # A condition may name the row whose relation this is, which is inside the subquery too.
        before = len(relation.spec.steps) + 1
        outer = Scope(binder, relation.model, hops.rows[-before])
    scope = Scope(outer, relation.spec.target, hops.last)
    found = [condition.clause(scope) for condition in conditions]
    if not {*hops.rows, *hops.outside}.issuperset(sa.select(*found).get_final_froms()):
        raise UsageError(
            f"an expression in a condition on {relation!r} reads a table other than"
            f" {relation.spec.target.__name__}'s; without a join every row would meet every row",
            "put the other table into a subquery, as in"
            " `column.in_(sqlalchemy.select(...))` or `sqlalchemy.exists(...)`",
        )
    return found


class _OfRelatedRows(Node):
    """What is said of the rows of a relation for which conditions hold."""

    __slots__ = ()

    relation: Relation
    conditions: tuple[Condition, ...]

    def values(self, into: list[object]) -> None:
        path_values(self.relation.path, into)
        for condition in self.conditions:
            condition.values(into)

    def models(self, into: set[type[BaseModel]]) -> None:
        into.add(self.relation.root)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.relation.root is model


class RelationCondition(_OfRelatedRows, Condition):
    """There are related rows for which conditions hold, or there are none."""

    __slots__ = ("conditions", "negated", "relation")

    def __init__(
        self, relation: Relation, conditions: tuple[Condition, ...], *, negated: bool
    ) -> None:
        self.relation, self.conditions, self.negated = relation, conditions, negated

    def key(self) -> Key:
        return combined(
            "related", self.negated, self.relation.id, *[c.key() for c in self.conditions]
        )

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        hops = _Hops(self.relation, binder)
        inner = _inner(self.relation, self.conditions, hops, binder)
        found = hops.select(sa.literal_column("1"), inner).exists()
        return cast("ColumnElement[Any]", ~found if self.negated else found)

    def __repr__(self) -> str:
        verb = "none" if self.negated else "any" if self.relation.spec.many else "has"
        return f"{self.relation!r}.{verb}({', '.join(map(repr, self.conditions))})"


_COUNT = Storage(Kind.INTEGER, (int,))


class RelationCount(_OfRelatedRows, Expression):
    """How many related rows there are."""

    __slots__ = ("__dict__", "conditions", "relation", "storage")

    def __init__(self, relation: Relation, conditions: tuple[Condition, ...]) -> None:
        self.relation, self.conditions, self.storage = relation, conditions, _COUNT

    @property
    def nullable(self) -> bool:
        """There is always a number."""
        return False

    @cached_property
    def value_type(self) -> TypeEngine[Any]:  # type: ignore[override]  # computed once, not set
        return Stored(_COUNT, None, field=repr(self))

    def key(self) -> Key:
        return combined("count", self.relation.id, *[c.key() for c in self.conditions])

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        hops = _Hops(self.relation, binder)
        inner = _inner(self.relation, self.conditions, hops, binder)
        number = sa.func.count(type_=self.value_type)
        return cast("ColumnElement[Any]", hops.select(number, inner).scalar_subquery())

    def __repr__(self) -> str:
        where = f".where({', '.join(map(repr, self.conditions))})" if self.conditions else ""
        return f"{self.relation!r}{where}.count()"


# ---- columns at the end of a path --------------------------------------------------------------


class Via(Expression):
    """A column of the row at the other end of relations to one row: `Hero.team.to.name`.

    It is null where there is no such row.
    """

    __slots__ = ("__dict__", "attr", "id", "relation", "storage")

    def __init__(self, relation: Relation, attr: Attr) -> None:
        self.relation, self.attr, self.storage = relation, attr, attr.storage
        self.id = next(_ids)

    @property
    def nullable(self) -> bool:
        """Whether the row or its value may be absent."""
        return self.attr.nullable or any(step.spec.may_be_absent for step in self.relation.path)

    @cached_property
    def value_type(self) -> TypeEngine[Any]:  # type: ignore[override]  # computed once, not set
        return self.attr.value_type

    def key(self) -> Key:
        return ("via", self.id)

    def values(self, into: list[object]) -> None:
        path_values(self.relation.path, into)

    @cached_property
    def _is_valued(self) -> bool:
        values: list[object] = []
        self.values(values)
        return bool(values)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        # A join is made once for all who need it, so it would have values once for all of them.
        specs = [step.spec for step in self.relation.path]
        joined = None if self._is_valued else binder.joined(specs)
        if joined is not None:
            return joined.c[self.attr.field.column]
        hops = _Hops(self.relation, binder)
        column = hops.last.c[self.attr.field.column]
        return cast("ColumnElement[Any]", hops.select(column, ()).scalar_subquery())

    def models(self, into: set[type[BaseModel]]) -> None:
        into.add(self.relation.root)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.relation.root is model

    def set(self, value: object) -> NoReturn:
        raise UsageError(
            f"{self!r} is a column of {self.attr.model.__name__}, which an update of"
            f" {self.relation.root.__name__} does not write",
            f"update {self.attr.model.__name__} with its own repository",
        )

    def __reduce__(self) -> tuple[object, tuple[_Target, str]]:
        return (getattr, (self.relation.to, self.attr.name))

    def __repr__(self) -> str:
        return f"{self.relation!r}.to.{self.attr.name}"


def join_onto(
    spec: RelationSpec, left: FromClause, binder: Binder
) -> tuple[FromClause, ColumnElement[bool]]:
    """Return the rows at the other end of a relation to one, and the condition that joins them.

    Its values are those of `path_values`.
    """
    rows = table_of(spec.target).alias()
    on = [left.c[own.column] == rows.c[other.column] for own, other in spec.pairs]
    scope = Scope(binder, spec.target, rows)
    return rows, sa.and_(*on, *(c.clause(scope) for c in relation_standing(spec, spec.target)))
