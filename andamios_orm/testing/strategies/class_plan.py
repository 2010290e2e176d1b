"""A class statement of a table as a value: read from a class, changed, and made a class again."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeGuard, cast

import annotated_types as at
import sqlalchemy as sa
from pydantic.fields import FieldInfo
from pydantic.types import Strict
from pydantic_core import PydanticUndefined

from andamios_orm.models import columns
from andamios_orm.models.annotations import annotations_in
from andamios_orm.models.base import Model
from andamios_orm.models.relations import relation
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.read import options_of
from andamios_orm.schema.registry import declaration_of, declarations
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import ColumnOptions, FieldSpec, RelatedTo, RelationSpec
from andamios_orm.testing.strategies.importable import is_importable

__all__ = [
    "ClassPlan",
    "FieldPlan",
    "KeyPlan",
    "RelationPlan",
    "arguments_of",
    "declare",
    "is_made_up",
    "plan_of",
    "relations_of",
]


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field: `name: Col[annotation] = field(**arguments)`."""

    annotation: object
    arguments: Mapping[str, object] = field(default_factory=dict)
    """What `field()` or `generated()` is given; a foreign key is `"table.column"`."""
    generated: bool = False
    marks: tuple[object, ...] = ()
    """What else the annotation carries, in an Annotated."""

    def column(self, name: str) -> str:
        """Return the column's name; `name` is the field's."""
        return cast("str", self.arguments.get("column", name))

    def having(self, **arguments: object) -> FieldPlan:
        """Return the field with other arguments; without those that are None, but the default."""
        given = {**self.arguments, **arguments}
        kept = {n: v for n, v in given.items() if v is not None or n == "default"}
        return replace(self, arguments=kept)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """What stands in `__table_args__`: a unique constraint, an index, or a foreign key."""

    kind: type[sa.UniqueConstraint | sa.Index | sa.ForeignKeyConstraint]
    columns: tuple[str, ...]
    targets: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)

    def item(self) -> sa.schema.SchemaItem:
        """Return it as SQLAlchemy's."""
        options = cast("dict[str, Any]", dict(self.options))
        if self.kind is sa.ForeignKeyConstraint:
            return sa.ForeignKeyConstraint(list(self.columns), list(self.targets), **options)
        if self.kind is sa.Index:
            return sa.Index(options.pop("name", None), *self.columns, **options)
        return sa.UniqueConstraint(*self.columns, **options)


@dataclass(frozen=True, slots=True)
class RelationPlan:
    """A relation: `name: Related["Target | None"] = relation(**arguments)`."""

    target: str
    """The name of a class of the same `MetaData`, as the one of a link."""
    many: bool
    nullable: bool = False
    arguments: Mapping[str, object] = field(default_factory=dict)
    """What `relation()` is given: `fk` and `through` as text."""

    @property
    def item(self) -> str:
        """What it is a relation to, as the text inside the brackets."""
        return f"{self.target} | None" if self.nullable and not self.many else self.target

    @property
    def classes(self) -> set[object]:
        """The names of the classes that have to be there: the target's and the link's."""
        return {self.target, self.arguments.get("through", self.target)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPlan:
    """One table class: `class Name(*bases, table=..., metadata=...)` and its body."""

    name: str
    table: str
    schema: str | None = None
    bases: tuple[type[Model], ...] = ()
    """Mixins, whose fields come before its own."""
    fields: Mapping[str, FieldPlan]
    relations: Mapping[str, RelationPlan] = field(default_factory=dict)
    keys: tuple[KeyPlan | sa.schema.SchemaItem, ...] = ()
    """`__table_args__`; an item of SQLAlchemy's is one that is not read further."""
    options: Mapping[str, object] = field(default_factory=dict)
    """The dict at the end of `__table_args__`."""
    config: Mapping[str, object] = field(default_factory=dict)
    """`model_config`."""

    @property
    def full_name(self) -> str:
        """`table`, or `schema.table`."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    def with_fields(self, fields: Mapping[str, FieldPlan]) -> ClassPlan:
        """Return the class with other fields of its own."""
        return replace(self, fields=dict(fields))


# ---- to a class --------------------------------------------------------------------------------


def declare(plans: Iterable[ClassPlan], metadata: sa.MetaData) -> tuple[type[Model], ...]:
    """Return new table classes; their tables are in `metadata`."""
    return tuple(_declared(plan, metadata) for plan in plans)


def is_made_up(model: type[Model]) -> bool:
    """Whether it is a class that `declare` has made, of which a plan says all."""
    return model.__module__ == __name__


def _declared(plan: ClassPlan, metadata: sa.MetaData) -> type[Model]:
    namespace: dict[str, object] = {
        "__module__": __name__,
        "__qualname__": plan.name,
        **{name: _value(each) for name, each in plan.fields.items()},
        **{name: _relation(each) for name, each in plan.relations.items()},
    }
    namespace["__annotations__"] = {
        **{name: _annotation(each) for name, each in plan.fields.items()},
        **{name: RelatedTo(each.item, each.many) for name, each in plan.relations.items()},
    }
    if plan.keys or plan.options:
        items = [key.item() if isinstance(key, KeyPlan) else key for key in plan.keys]
        namespace["__table_args__"] = (*items, dict(plan.options))
    if plan.config:
        namespace["model_config"] = dict(plan.config)
    keywords = {"table": plan.table, "schema": plan.schema, "metadata": metadata}
    bases = plan.bases or (Model,)
    made = types.new_class(plan.name, bases, keywords, lambda body: body.update(namespace))
    return cast("type[Model]", made)


def _annotation(plan: FieldPlan) -> object:
    found: Any = plan.annotation
    for mark in plan.marks:
        found = Annotated[found, mark]
    return found


def _value(plan: FieldPlan) -> object:
    arguments = cast("dict[str, Any]", plan.arguments)
    return columns.generated(**arguments) if plan.generated else columns.field(**arguments)


def _relation(plan: RelationPlan) -> object:
    return relation(**cast("dict[str, Any]", plan.arguments))


# ---- from a class ------------------------------------------------------------------------------


def plan_of(model: type[Model]) -> ClassPlan:
    """Return the class statement of a table class.

    Mixins that can be imported stay its bases; what it has from other classes is its own. Rules
    that are written in Python, validators, stay behind: no table knows them. So do relations; see
    `relations_of`.
    """
    declaration, spec = declaration_of(model), spec_of(model)
    bases = tuple(base for base in model.__bases__ if _is_mixin(base))
    inherited = {name for base in bases for name in base.__pydantic_fields__}
    own = inherited & annotations_in(vars(model)).keys()
    fields = {
        name: _field_plan(model, spec.by_name[name], info)
        for name, info in model.__pydantic_fields__.items()
        if name not in inherited or name in own
    }
    args = list(spec.table_args)
    options = args.pop() if args and isinstance(args[-1], dict) else {}
    return ClassPlan(
        name=model.__name__,
        table=declaration.table_name,
        schema=declaration.schema,
        bases=bases,
        fields=fields,
        keys=tuple(_key_plan(cast("sa.schema.SchemaItem", item)) for item in args),
        options=cast("dict[str, object]", options),
        config=_config(model, bases),
    )


def relations_of(model: type[Model]) -> dict[str, RelationPlan]:
    """Return the relations of a table class. Raises RelationProblem for one that is none."""
    return {name: _relation_plan(relation_of(model, name)) for name in relation_names(model)}


def _relation_plan(spec: RelationSpec) -> RelationPlan:
    arguments: dict[str, object] = {}
    owns = [mine.name if spec.forward else theirs.name for mine, theirs in spec.pairs]
    names = (*owns, *(mine.name for mine, _ in spec.onward))
    arguments["fk"] = names[0] if len(names) == 1 else names
    if spec.link is not None:
        arguments["through"] = spec.link.__name__
    if spec.order_by is not None:
        arguments["order_by"] = spec.order_by
    return RelationPlan(spec.target.__name__, spec.many, spec.nullable, arguments)


def _is_mixin(base: type) -> TypeGuard[type[Model]]:
    return (
        base is not Model
        and issubclass(base, Model)
        and is_importable(base)
        and not any(d.model is base for d in declarations())
    )


def _config(model: type[Model], bases: Sequence[type[Model]]) -> dict[str, object]:
    given = {key: value for base in bases or (Model,) for key, value in base.model_config.items()}
    # The metaclass adds that to classes with secrets.
    given["hide_input_in_errors"] = model.model_config.get("hide_input_in_errors", False)
    return {k: v for k, v in model.model_config.items() if k not in given or given[k] != v}


def _field_plan(model: type[Model], spec: FieldSpec, info: FieldInfo) -> FieldPlan:
    options = options_of(info)
    arguments = dict(_column_arguments(model, spec, options))
    marks = []
    for mark in info.metadata:
        if isinstance(mark, ColumnOptions):
            continue
        given = arguments_of(mark)
        if given is None or options.generated:
            marks.append(mark)
        else:
            arguments |= given
    if not options.generated:
        arguments |= dict(_pydantic_arguments(info))
    return FieldPlan(info.annotation, arguments, options.generated, tuple(marks))


_MADE_BY_ROLE = ("created_at", "updated_at", "version")


def _column_arguments(
    model: type[Model], spec: FieldSpec, options: ColumnOptions
) -> Iterator[tuple[str, object]]:
    for name in (
        "column",
        "primary_key",
        "role",
        "unique",
        "index",
        "on_delete",
        "secret",
        "read_only",
        "comment",
        "renamed_from",
    ):
        if (value := getattr(options, name)) not in (None, False):
            yield name, value
    if options.foreign_key is not None:
        keys = table_of(model).c[spec.column].foreign_keys
        # One of a composite key is another one.
        found = (k for k in keys if k.constraint is not None and len(k.constraint.elements) == 1)
        yield "foreign_key", next(found).target_fullname
    if options.server_default is not None and options.role not in _MADE_BY_ROLE:
        yield "server_default", options.server_default


def arguments_of(mark: object) -> dict[str, object] | None:
    """Return what `field()` would be given for a constraint; None for what it has no name for."""
    match mark:
        case at.Ge(ge=value):
            return {"ge": value}
        case at.Gt(gt=value):
            return {"gt": value}
        case at.Le(le=value):
            return {"le": value}
        case at.Lt(lt=value):
            return {"lt": value}
        case at.MultipleOf(multiple_of=value):
            return {"multiple_of": value}
        case at.MinLen(min_length=value):
            return {"min_length": value}
        case at.MaxLen(max_length=value):
            return {"max_length": value}
        case Strict(strict=value):
            return {"strict": value}
        case at.BaseMetadata(__dict__=given) if given and given.keys() <= _GENERAL:
            # Pydantic keeps what annotated-types has no class for in one of its own.
            return dict(given)
        case _:
            return None


_GENERAL = {
    "pattern",
    "allow_inf_nan",
    "max_digits",
    "decimal_places",
    "coerce_numbers_to_str",
    "union_mode",
    "fail_fast",
}


def _pydantic_arguments(info: FieldInfo) -> Iterator[tuple[str, object]]:
    if info.default is not PydanticUndefined:
        yield "default", info.default
    for name in (
        "default_factory",
        "alias",
        "title",
        "description",
        "examples",
        "exclude",
        "discriminator",
        "deprecated",
        "json_schema_extra",
        "frozen",
        "validate_default",
    ):
        if (value := getattr(info, name)) is not None:
            yield name, value
    for name in ("validation_alias", "serialization_alias"):
        # An alias is both of these too.
        if (value := getattr(info, name)) not in (None, info.alias):
            yield name, value
    if not info.repr:
        yield "repr", False


def _key_plan(item: sa.schema.SchemaItem) -> KeyPlan | sa.schema.SchemaItem:
    """Return a key that is over columns by their names; anything else as it is."""
    kind = type(item)
    if kind is sa.ForeignKeyConstraint:
        key = cast("sa.ForeignKeyConstraint", item)
        options = {"name": key.name, "ondelete": key.ondelete, "onupdate": key.onupdate}
        targets = tuple(element.target_fullname for element in key.elements)
        plan = KeyPlan(kind, tuple(key.column_keys), targets, _given(options))
    elif kind in (sa.UniqueConstraint, sa.Index):
        over = cast("sa.UniqueConstraint | sa.Index", item)._pending_colargs  # noqa: SLF001 - there is no public list before there is a table
        if not all(isinstance(column, str) for column in over):
            return item
        name = cast("sa.UniqueConstraint | sa.Index", item).name
        options = {"name": name, "unique": getattr(item, "unique", None) or None}
        plan = KeyPlan(kind, tuple(cast("Sequence[str]", over)), (), _given(options))
    else:
        return item
    # With options that only one engine has, or deferred, it is more than the plan says.
    same = _told(plan.item()) == _told(item)
    return plan if same else item


def _told(item: sa.schema.SchemaItem) -> list[tuple[str, str]]:
    own = ("_creation_order", "_columns")
    return sorted((k, repr(v)) for k, v in vars(item).items() if v and k not in own)


def _given(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
