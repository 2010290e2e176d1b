"""Read a Pydantic class as a question: which columns, expressions and related rows it asks for.

Each of its fields is a column or a relation of that name, or what `From(...)` in its annotation
says. Only these are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, cast, get_args, get_origin

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.fields import FieldInfo
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.functions import FunctionElement
from typing_extensions import TypeAliasType

from andamios_orm.errors import ShapeProblem
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.loads import Load, ModelRelation
from andamios_orm.queries.nodes import Key, Node, Term, combined
from andamios_orm.queries.relations import Via, path_values
from andamios_orm.queries.terms import Attr
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.kept import kept
from andamios_orm.schema.relations import relation_names

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Path, SortKey

__all__ = [
    "Asked",
    "Computed",
    "From",
    "ManyPart",
    "OnePart",
    "ShapeSpec",
    "close_to",
    "has_window",
    "is_aggregate",
    "is_aggregate_function",
    "read",
    "read_computed",
    "require_shape",
]


class From:
    """Where a field of a shape comes from, when it is no column or relation of that name.

    `From(Hero.name)` renames a column, `From(Team.name)` takes that of the related row,
    `From(Hero.age + 1)` and `From(sqlalchemy.func.count(Hero.id))` are computed by the database,
    and `From(Team.heroes.limit(3))` chooses the rows of a nested list. Where an aggregate is among
    the fields, the others say what the rows are grouped by.

    ```python
    from typing import Annotated

    from pydantic import BaseModel


    class TeamSize(BaseModel):
        name: str
        members: Annotated[int, From(Team.heroes.count())]


    await teams.order_by(Team.name).into(TeamSize).all()
    ```
    """

    __slots__ = ("source",)

    def __init__(self, source: SortKey | Path[Any, Any]) -> None:
        self.source: object = source

    def __repr__(self) -> str:
        own = isinstance(self.source, Node | ModelRelation | Load)
        shown = repr(self.source) if own else "..."
        return f"From({shown})"


Asked: TypeAlias = "Node | ColumnElement[Any] | str"
"""What gives one value: an own expression, SQLAlchemy's, or the name of a computed one."""

Computed: TypeAlias = Mapping[str, object]
"""By the path of a field in the shape (`"author.following"`): the expression it is given."""


@dataclass(frozen=True, slots=True)
class OnePart:
    """A nested shape of the row that each row belongs to."""

    name: str
    relation: ModelRelation
    shape: ShapeSpec


@dataclass(frozen=True, slots=True)
class ManyPart:
    """A list of nested shapes, of the rows that belong to each row."""

    name: str
    load: Load
    shape: ShapeSpec


@dataclass(frozen=True)
class ShapeSpec:
    """What a class asks of the rows of one model."""

    shape: type[BaseModel]
    """The class that is asked for; BaseModel itself for values without one."""
    model: type[BaseModel]
    columns: tuple[tuple[str, Asked], ...]
    ones: tuple[OnePart, ...] = ()
    manys: tuple[ManyPart, ...] = ()

    @property
    def name(self) -> str:
        """What asks, for messages."""
        return "select()" if self.shape is BaseModel else self.shape.__name__

    @cached_property
    def lists(self) -> tuple[tuple[tuple[str, ...], ManyPart], ...]:
        """Every nested list and its path in the dict of a row, in the order of their keys."""
        found: list[tuple[tuple[str, ...], ManyPart]] = []
        for one in self.ones:
            found += [((one.name, *path), part) for path, part in one.shape.lists]
        found += [((part.name,), part) for part in self.manys]
        return tuple(found)

    def groups(self, computed: Computed) -> bool:
        """Whether a row of it is a group of rows."""
        clauses = (
            c.__clause_element__() if isinstance(c, Node) else c for c in self.asked(computed)
        )
        return any(map(is_aggregate, clauses))

    def asked(self, computed: Computed) -> Iterator[object]:
        """Yield the expressions in the order in which a statement has them."""
        for _, asked in self.columns:
            yield computed[asked] if isinstance(asked, str) else asked
        for one in self.ones:
            yield from one.shape.asked(computed)

    def key(self, computed: Computed) -> Key:
        """Return the shape of the statement that reads this."""
        keys: list[Key] = [self.shape, self.model]
        for name, given in computed.items():
            keys += (name, given.key() if isinstance(given, Node) else None)
        return combined(*keys)

    def values(self, computed: Computed) -> list[object]:
        """Return the values of the expressions, in their order."""
        into: list[object] = []
        self._add_values(computed, into)
        return into

    def _add_values(self, computed: Computed, into: list[object]) -> None:
        for _, asked in self.columns:
            given = computed[asked] if isinstance(asked, str) else asked
            if isinstance(given, Node):
                given.values(into)
        for one in self.ones:
            path_values([one.relation], into)
            one.shape._add_values(computed, into)  # noqa: SLF001 - a part of the same


def require_shape(given: object) -> None:
    """Raise ShapeProblem for what is no Pydantic class, or one of unknown names."""
    if not (isinstance(given, type) and issubclass(given, BaseModel)):
        raise ShapeProblem(
            f"into() got {getattr(given, '__name__', type(given).__name__)}, which is no Pydantic"
            " model",
            "pass a class that inherits from pydantic.BaseModel",
        )
    _complete(given)


def read(
    shape: type[BaseModel], model: type[BaseModel], computed: frozenset[str] = frozenset()
) -> ShapeSpec:
    """Return what `shape` asks of `model`'s rows; the fields named in `computed` are given.

    Raises ShapeProblem for a field that nothing gives, or several things do.
    """
    require_shape(shape)
    return kept(shape, (model, computed), lambda: _Reader(shape, computed).whole(model))


def read_computed(where: str, source: object, model: type[BaseModel]) -> Node | ColumnElement[Any]:
    """Return an expression of one value for each of the model's rows. Raises ShapeProblem."""
    found = _from(where, source, model)
    if isinstance(found, ModelRelation | Load | str):
        raise ShapeProblem(
            f"{where}: {found!r} is a relation, not a value",
            "read related rows with into() and a nested shape, or with load()",
        )
    return found


class _Reader:
    """Reads one shape with all that is nested in it."""

    def __init__(self, shape: type[BaseModel], computed: frozenset[str]) -> None:
        self._shape = shape
        self._computed = computed
        self._used: set[str] = set()

    def whole(self, model: type[BaseModel]) -> ShapeSpec:
        """Return what the shape asks. Raises ShapeProblem, also for a computed field it lacks."""
        found = self._read(self._shape, model, (), ())
        for name in sorted(self._computed - self._used):
            raise ShapeProblem(
                f"{self._shape.__name__} has no field `{name}` to compute",
                "name a field of the shape, or `field.of_nested` in a shape of one related row",
            )
        return found

    def _read(
        self,
        shape: type[BaseModel],
        model: type[BaseModel],
        path: tuple[str, ...],
        within: tuple[type[BaseModel], ...],
    ) -> ShapeSpec:
        if shape in within:
            raise ShapeProblem(
                f"{shape.__name__} contains itself, so a query would have no end",
                "nest another class at the depth where it should end",
            )
        _complete(shape)
        columns: list[tuple[str, Asked]] = []
        ones: list[OnePart] = []
        manys: list[ManyPart] = []
        fields = cast("Mapping[str, FieldInfo]", shape.__pydantic_fields__)
        if not fields:
            raise ShapeProblem(f"{shape.__name__} has no fields to read", "give it some")
        for name, info in fields.items():
            where = f"{shape.__name__}.{name}"
            dotted = ".".join((*path, name))
            if dotted in self._computed:
                self._used.add(dotted)
                columns.append((name, dotted))
                continue
            source = _source(where, name, info, model)
            if isinstance(source, Load | ModelRelation):
                load = source if isinstance(source, Load) else source.plain_load
                nested = _nested(where, info, load)
                inside = (*within, shape)
                if load.relation.spec.many:
                    # The rows of a list have no place in the root's statement.
                    part = self._read(nested, load.relation.spec.target, (*path, name, "*"), inside)
                    manys.append(ManyPart(name, load, part))
                else:
                    part = self._read(nested, load.relation.spec.target, (*path, name), inside)
                    ones.append(OnePart(name, load.relation, part))
            else:
                columns.append((name, source))
        return ShapeSpec(shape, model, tuple(columns), tuple(ones), tuple(manys))


def _complete(shape: type[BaseModel]) -> None:
    """Have pydantic look up names that were unknown when the class was made."""
    try:
        if not shape.__pydantic_complete__:
            shape.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        raise ShapeProblem(
            f"{shape.__name__} names `{error.name}`, which is not defined where pydantic looks",
            f"declare it, and call `{shape.__name__}.model_rebuild()` where it is known",
        ) from None


def _source(
    where: str, name: str, info: FieldInfo, model: type[BaseModel]
) -> Asked | ModelRelation | Load:
    given = [mark for mark in info.metadata if isinstance(mark, From)]
    if given:
        return _from(where, given[-1].source, model)
    if name in spec_of(model).by_name or name in relation_names(model):
        return cast("Attr | ModelRelation", getattr(model, name))
    hint = close_to(name, [*spec_of(model).by_name, *relation_names(model)])
    raise ShapeProblem(
        f"{where} is neither a column nor a relation of {model.__name__}{hint}",
        f"name it like one, or say what it is: `{name}: Annotated[..., From({model.__name__}...)]`",
    )


def close_to(name: str, known: Sequence[str]) -> str:
    """Return the end of a message that names the closest of some names, if any is close."""
    import difflib  # noqa: PLC0415 - only for messages

    found = difflib.get_close_matches(name, known, n=3)
    return f"; close to it are {', '.join(found)}" if found else ""


def _from(where: str, source: object, model: type[BaseModel]) -> Asked | ModelRelation | Load:
    if isinstance(source, ModelRelation | Load):
        relation = source if isinstance(source, ModelRelation) else source.relation
        if relation.prefix or relation.model is not model:
            raise ShapeProblem(
                f"{where}: {relation!r} is no relation of {model.__name__}",
                f"use a relation of {model.__name__} itself, and nest the shapes in between",
            )
        if isinstance(source, Load) and source.further:
            raise ShapeProblem(
                f"{where}: `then()` is for load()", "nest a shape for what belongs to the rows"
            )
        return source
    if isinstance(source, Attr) and source.model is not model:
        return Via(_only_relation(where, source, model), source)
    if isinstance(source, Term | Condition):
        named: set[type[BaseModel]] = set()
        source.models(named)
        for other in named - {model}:
            raise ShapeProblem(
                f"{where}: {source!r} names a column of {other.__name__}",
                f"use what belongs to {model.__name__}, such as `{model.__name__}.relation.to.x`",
            )
        return source
    clause = source.__clause_element__() if hasattr(source, "__clause_element__") else source
    if not isinstance(clause, ColumnElement) or isinstance(source, Node | type):
        raise ShapeProblem(
            f"{where}: this {type(source).__name__} is not one value of each row",
            "pass a column, an expression or a relation; a `select()` of one value as"
            " `.scalar_subquery()`, SQL text as `sqlalchemy.literal_column(...)`",
        )
    return clause


def _only_relation(where: str, attr: Attr, model: type[BaseModel]) -> ModelRelation:
    """Return the only relation to one row that leads to a column's model."""
    relations = [cast("ModelRelation", getattr(model, n)) for n in relation_names(model)]
    leading = [r for r in relations if r.spec.target is attr.model]
    single = [r for r in leading if not r.spec.many]
    if len(single) == 1:
        return single[0]
    if single:
        shown = " or ".join(f"From({r!r}.to.{attr.name})" for r in single)
        raise ShapeProblem(f"{where}: {attr!r} can be reached on several ways", f"write {shown}")
    shown = ", ".join(map(repr, leading))
    raise ShapeProblem(
        f"{where}: {model.__name__} has no relation to one {attr.model.__name__}"
        + (f", only to many ({shown})" if leading else ""),
        "nest a list of shapes, or declare `Related[...]`",
    )


def _nested(where: str, info: FieldInfo, load: Load) -> type[BaseModel]:
    """Return the class of a nested shape. Raises ShapeProblem if the annotation has none."""
    spec = load.relation.spec
    annotation = _unannotated(info.annotation)
    nullable = False
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        nullable = len(parts) < len(get_args(annotation))
        annotation = _unannotated(parts[0]) if len(parts) == 1 else annotation
    items = get_args(annotation)
    many = get_origin(annotation) in _LISTS and items[1:] in {(), (Ellipsis,)}
    if many:
        annotation = _unannotated(items[0])
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        kind = "a list of Pydantic models" if spec.many else "a Pydantic model"
        raise ShapeProblem(
            f"{where} has the name of the relation {load.relation!r}, and is not {kind}",
            f"annotate it with {kind}, or say what it is with From(...)",
        )
    if many is not spec.many:
        rows = "many rows" if spec.many else "one row"
        raise ShapeProblem(
            f"{where}: {load.relation!r} leads to {rows}",
            f"annotate it `list[{annotation.__name__}]`"
            if spec.many
            else f"annotate it `{annotation.__name__}`",
        )
    if spec.nullable and not spec.many and not nullable:
        raise ShapeProblem(
            f"{where}: a {spec.owner.__name__} may have no {spec.name}",
            f"annotate it `{annotation.__name__} | None`",
        )
    return annotation


_LISTS = (list, tuple, set, frozenset, Sequence)


def _unannotated(annotation: object) -> Any:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        else:
            return annotation


# ---- aggregates --------------------------------------------------------------------------------

# As the manuals of the engines name them.
_AGGREGATES = frozenset(
    (
        *("any_value", "approx_count_distinct", "approx_quantile", "approx_top_k", "arbitrary"),
        *("arg_max", "arg_max_null", "arg_max_nulls_last", "arg_min", "arg_min_null"),
        *("arg_min_nulls_last", "argmax", "argmin", "array_agg", "avg", "bit_and", "bit_or"),
        *("bit_xor", "bitstring_agg", "bool_and", "bool_or", "corr", "count", "count_if"),
        *("countif", "count_star", "covar_pop", "covar_samp", "entropy", "every", "favg", "first"),
        *("fsum", "group_concat", "histogram", "histogram_exact", "json_agg", "json_agg_strict"),
        *("json_arrayagg", "json_group_array", "json_group_object", "json_object_agg"),
        *("json_object_agg_strict", "json_object_agg_unique", "json_object_agg_unique_strict"),
        *("json_objectagg", "jsonb_agg", "jsonb_agg_strict", "jsonb_group_array"),
        *("jsonb_group_object", "jsonb_object_agg", "jsonb_object_agg_strict"),
        *("jsonb_object_agg_unique", "jsonb_object_agg_unique_strict", "kahan_sum", "kurtosis"),
        *("kurtosis_pop", "last", "list", "listagg", "lttb", "mad", "max", "max_by", "mean"),
        *("median", "min", "min_by", "mode", "percentile_cont", "percentile_disc", "product"),
        *("quantile", "quantile_cont", "quantile_disc", "range_agg", "range_intersect_agg"),
        *("regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope"),
        *("regr_sxx", "regr_sxy", "regr_syy", "reservoir_quantile", "sem", "skewness", "std"),
        *("stddev", "stddev_pop", "stddev_samp", "string_agg", "sum", "sum_no_overflow"),
        *("sumkahan", "total", "var_pop", "var_samp", "variance", "xmlagg"),
    )
)


def is_aggregate(clause: object) -> bool:
    """Whether a SQLAlchemy expression is computed of several rows, which GROUP BY puts together.

    What is inside a window or a subquery has its own rows.
    """
    if is_aggregate_function(clause):
        return True
    if isinstance(clause, sa.Over | sa.SelectBase):
        return False
    return any(map(is_aggregate, cast("ClauseElement", clause).get_children()))


def is_aggregate_function(clause: object) -> bool:
    """Whether a SQLAlchemy expression is the call of an aggregate."""
    name = getattr(clause, "name", "") if isinstance(clause, FunctionElement) else ""
    return name.lower() in _AGGREGATES


def has_window(clause: object) -> bool:
    """Whether a SQLAlchemy expression is computed of a window, and so after any grouping."""
    if isinstance(clause, sa.Over):
        return True
    if isinstance(clause, sa.SelectBase):
        return False
    return any(map(has_window, cast("ClauseElement", clause).get_children()))
