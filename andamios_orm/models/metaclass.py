"""Finish a model class: keep its columns off the class, and register it as a table.

The only file that touches `pydantic._internal`. The rules, each found by what breaks without it:

* The expression for a column never sits on the class: pydantic reads class attributes of bases
  as defaults of inherited fields. The metaclass finds it in `__getattr__`, per class.
* While a class is being built, columns of its bases are not found at all: pydantic asks for them
  to warn about shadowed attributes.
* Pydantic looks for the names in annotations where its metaclass was called, which would be here:
  the caller of the class statement is looked up before.
* Everything else happens after `super().__new__`; the table is compiled at its first use.
"""

from __future__ import annotations

import copyreg
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from pydantic import BaseModel, Field, PrivateAttr
from pydantic._internal._model_construction import (
    ModelMetaclass,
    build_lenient_weakvaluedict,
    unpack_lenient_weakvaluedict,
)
from pydantic._internal._typing_extra import parent_frame_namespace
from pydantic.fields import FieldInfo
from typing_extensions import dataclass_transform

from andamios_orm.errors import DeclarationError, RelationProblem, ReservedName, UsageError
from andamios_orm.models.annotations import annotations_in, take_annotations
from andamios_orm.models.columns import UNSET, field, generated
from andamios_orm.models.deriving import VARIANT, named_bases, reduce_class, variant_of
from andamios_orm.models.relations import relation
from andamios_orm.queries.loads import ModelRelation
from andamios_orm.queries.terms import Attr
from andamios_orm.schema import registry
from andamios_orm.schema.compiler import compile_all, declare_table, spec_of, table_of
from andamios_orm.schema.read import options_of
from andamios_orm.schema.registry import declaration_of
from andamios_orm.schema.relations import relation_of
from andamios_orm.schema.spec import (
    ONLY_DROPS_UNSET,
    ColumnOptions,
    RelatedTo,
    RelationDeclaration,
    RelationOptions,
    only_drops_unset,
)

__all__ = ["ModelMeta", "is_relation"]

_building: ContextVar[bool] = ContextVar("_building", default=False)

_ATTRS = "__andamios_attrs__"
_METADATA = "__andamios_metadata__"
_GENERATED = "__andamios_generated__"
_RELATIONS = "__andamios_relations__"
_RESET = "__pydantic_reset_parent_namespace__"

_NOTHING: dict[str, Attr | ModelRelation] = {}


@dataclass_transform(
    kw_only_default=True, field_specifiers=(field, generated, relation, Field, PrivateAttr)
)
class ModelMeta(ModelMetaclass):
    """The class of every model class."""

    if not TYPE_CHECKING:
        # Checkers take the class statement's keywords from Model.__init_subclass__; a signature
        # here would hide those of pydantic's configuration.
        def __new__(
            mcs,
            name,
            bases,
            namespace,
            *,
            table=False,
            schema=None,
            metadata=None,
            variant=None,
            **kwargs,
        ):
            if variant is not None:
                tables = [base for base in bases if _ATTRS in base.__dict__]
                bases = named_bases(name, bases, tables, variant)
            if VARIANT in namespace:  # the names around its model are inherited
                kwargs[_RESET] = False
            if kwargs.get(_RESET, True):
                found = parent_frame_namespace(parent_depth=2)
                namespace["__pydantic_parent_namespace__"] = build_lenient_weakvaluedict(found)
                kwargs[_RESET] = False
            return _new_class(
                super().__new__, mcs, name, bases, namespace, table, schema, metadata, kwargs
            )

        # Hidden from checkers: with it every misspelt column would be Any.
        def __getattr__(cls, name):
            # Every query asks for columns, so one that was asked for before comes first.
            found = cls.__dict__.get(_ATTRS, _NOTHING).get(name)
            if found is not None and not _building.get():
                return found
            found = _find(cls, name)
            return super().__getattr__(name) if found is None else found

    @property
    def metadata(cls) -> sa.MetaData:
        """The MetaData with the tables of all models declared so far, compiled."""
        return compile_all(_metadata_of(cls))

    def __dir__(cls) -> list[str]:
        if _ATTRS not in cls.__dict__:
            return sorted(super().__dir__())
        fields = cls.__dict__.get("__pydantic_fields__", ())
        return sorted({*super().__dir__(), *fields, *_relations(cls)})


# Pickle finds a class by its name, and no module has the name of a variant like Create[Hero].
copyreg.pickle(ModelMeta, cast("Any", reduce_class))


def _as_model(cls: type) -> type[BaseModel]:
    return cast("type[BaseModel]", cls)


def _find(cls: type, name: str) -> Attr | ModelRelation | sa.Table | None:
    """Return what a name that no class of the MRO has stands for: a column, or the table."""
    if name != "__table__" and (name.startswith("_") or _building.get()):
        return None
    attrs = cls.__dict__.get(_ATTRS)
    if name == "__table__":
        return None if attrs is None else table_of(_as_model(cls))
    if attrs is None:
        derived = variant_of(cls)
        if derived is not None and name in derived.left_out | cls.__dict__["__pydantic_fields__"]:
            raise AttributeError(
                f"{cls.__name__}.{name}: a variant has no columns\n"
                f"  Fix: use {derived.model.__name__}.{name}"
            )
        if name in cls.__dict__.get("__pydantic_fields__", ()) or name in _relations(cls):
            raise AttributeError(
                f"{cls.__name__}.{name} is a field of a class without a table of its own\n"
                f"  Fix: declare `class {cls.__name__}(Model, table=True)`, or use a table"
                " class that inherits from it"
            )
        return None
    found: Attr | ModelRelation | None = attrs.get(name)
    # Compared with None: a column has no truth value.
    return _find_attr(cls, attrs, name) if found is None else found


def _find_attr(
    cls: type, attrs: dict[str, Attr | ModelRelation], name: str
) -> Attr | ModelRelation | None:
    model = _as_model(cls)
    if name in declaration_of(model).relations:
        return attrs.setdefault(name, ModelRelation(model, name))
    found = spec_of(model).by_name.get(name)
    if found is None:
        return None
    return attrs.setdefault(name, Attr(model, found))


def _metadata_of(cls: type) -> sa.MetaData:
    for base in cls.__mro__:
        if _METADATA in base.__dict__:
            return cast("sa.MetaData", base.__dict__[_METADATA])
    return registry.default_metadata


def _new_class(
    new: Callable[..., type],
    mcs: type[ModelMeta],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    table: bool | str,
    schema: str | None,
    metadata: sa.MetaData | None,
    kwargs: dict[str, Any],
) -> type:
    if schema is not None and not table:
        raise DeclarationError(
            f"{name}: schema= on a class without a table", "add table=True, or remove schema="
        )
    if table and any(variant_of(base) is not None for base in bases):
        raise DeclarationError(
            f"{name}: a variant of a model cannot be a table",
            "inherit from the model itself, or leave out table=",
        )
    if not isinstance(table, bool | str):
        raise DeclarationError(
            f"{name}: table={table!r}", 'write table=True, or the name: table="heroes"'
        )
    model = next((b for b in bases if isinstance(b, ModelMeta)), None)
    if model is not None:
        _check_names(name, annotations_in(namespace), mcs)
    relations = _take_relations(name, namespace)
    declared = [options_of(v) for v in namespace.values() if isinstance(v, FieldInfo)]
    if _is_variant(namespace, bases):
        _init_only_by_users(namespace, bases)
    elif _has_generated(bases, declared):
        _drop_unset_after_init(namespace, bases)
    if any(options.secret for options in declared):
        _hide_input(namespace)
    building = _building.set(True)
    try:
        cls = new(mcs, name, bases, namespace, **kwargs)
    finally:
        _building.reset(building)
    fields = cls.__dict__.get("__pydantic_fields__", {})
    if model is not None:
        # Once more for fields of plain pydantic bases, which no class statement of ours declared.
        _check_names(name, fields, mcs)
    if variant_of(cls) is not None:
        # A named variant may declare again what its base has left out.
        _as_model(cls).__class_vars__.difference_update(fields)
    type.__setattr__(
        cls, _GENERATED, frozenset(n for n, f in fields.items() if options_of(f).generated)
    )
    if relations:
        _refuse_inherited_fields(name, relations, fields)
        type.__setattr__(cls, _RELATIONS, relations)
        _refuse_relations_in_init(cls)
        _guard_assignment(cls)
    if metadata is not None:
        type.__setattr__(cls, _METADATA, metadata)
    if table:
        declare_table(
            _as_model(cls),
            table=table if isinstance(table, str) else None,
            schema=schema,
            metadata=_metadata_of(cls),
            relations=_relations(cls),
        )
        type.__setattr__(cls, _ATTRS, {})
    return cls


# ---- relations ---------------------------------------------------------------------------------

_RELATED = re.compile(r"(\w+\.)*Related(List)?\[")


def _take_relations(name: str, namespace: dict[str, Any]) -> dict[str, RelationDeclaration]:
    """Take the relations out of a class body: to pydantic they are no fields."""
    annotations = annotations_in(namespace)
    local_names = namespace.get("__pydantic_parent_namespace__")
    found: dict[str, RelationDeclaration] = {}
    for field_name, value in namespace.items():
        if isinstance(value, RelationOptions):
            _check_declared(name, field_name, annotations)
    for field_name, annotation in annotations.items():
        options = namespace.get(field_name)
        if isinstance(options, RelationOptions):
            found[field_name] = RelationDeclaration(
                annotation,
                options,
                namespace["__module__"],
                lambda: unpack_lenient_weakvaluedict(local_names),
            )
        elif isinstance(annotation, RelatedTo) or (
            isinstance(annotation, str) and _RELATED.match(annotation)
        ):
            raise RelationProblem(
                f"{name}.{field_name} is annotated as a relation, and is none",
                f"write `{field_name}: ... = relation()`",
            )
    take_annotations(namespace, found)
    for field_name in found:
        del namespace[field_name]
    return found


def _relations(cls: type) -> dict[str, RelationDeclaration]:
    """Return the relations of a class and its bases; a field of the same name takes its place."""
    found: dict[str, RelationDeclaration] = {}
    for base in reversed(cls.__mro__):
        found |= base.__dict__.get(_RELATIONS, {})
    fields = cls.__dict__.get("__pydantic_fields__", {})
    return {name: declared for name, declared in found.items() if name not in fields}


def is_relation(cls: type, name: str) -> bool:
    """Whether a class or one of its bases declares a relation of this name."""
    return name in _relations(cls)


def _check_declared(name: str, relation_name: str, annotations: Mapping[str, object]) -> None:
    """Raise RelationProblem for a relation without an annotation, or with a private name."""
    if relation_name not in annotations:
        raise RelationProblem(
            f"{name}.{relation_name} = relation() has no annotation",
            f"write `{relation_name}: Related[Team] = relation()`, or `RelatedList[Hero]`",
        )
    if relation_name.startswith("_"):
        raise RelationProblem(
            f"{name}.{relation_name}: names of relations do not begin with an underscore",
            "choose another name",
        )


def _refuse_inherited_fields(
    name: str, relations: Iterable[str], fields: Mapping[str, object]
) -> None:
    """Raise RelationProblem for a relation in the place of a field, which would still be one."""
    for relation_name in relations:
        if relation_name in fields:
            raise RelationProblem(
                f"{name}.{relation_name} is a field of a base class, and a relation here",
                "choose another name for one of them",
            )


def _refuse_relations(cls: type, data: Mapping[str, object]) -> None:
    given = _relations(cls).keys() & data.keys()
    if given:
        name = min(given)
        raise UsageError(
            f"{cls.__name__}({name}=...): a relation is no value of a row",
            "set the foreign key's field to the key of the other row; to store rows together with"
            " those they are related to, add() a Create variant with a field of this name",
        )


def _refuse_relations_in_init(cls: type) -> None:
    """Have `Hero(team=...)` raise: pydantic would leave out what is no field, without a word."""
    if "__init__" in cls.__dict__:
        return
    above: Any = super
    parent = above(cls, cls).__init__

    def __init__(self: BaseModel, /, *args: Any, **data: Any) -> None:  # noqa: N807 - put on the class
        if not type(self).__pydantic_fields__.keys() >= data.keys():
            _refuse_relations(type(self), data)
        above(cls, self).__init__(*args, **data)

    # With the mark, pydantic does not call it for each row that it validates.
    marked = getattr(parent, "__pydantic_base_init__", False)
    cast("Any", __init__).__pydantic_base_init__ = marked
    type.__setattr__(cls, "__init__", __init__)


def _guard_assignment(cls: type) -> None:
    """Have `hero.team = ...` raise, and a field let go of the rows that its value has led to.

    Only on classes with relations: every other assignment costs what it costs in pydantic.
    """
    above: Any = super
    own: Any = cls.__dict__.get("__setattr__")

    def __setattr__(self: BaseModel, name: str, value: Any) -> None:  # noqa: N807 - put on the class
        model = type(self)
        fields = model.__pydantic_fields__
        if name not in fields and not name.startswith("_") and is_relation(model, name):
            raise UsageError(
                f"{model.__name__}.{name} is a relation, and no value of a row to be set",
                "set the foreign key's field to the key of the other row, store it, and read the"
                f" relation with `.load({model.__name__}.{name})`",
            )
        if own is None:
            above(cls, self).__setattr__(name, value)
        else:
            own(self, name, value)
        if len(self.__dict__) > len(fields):
            _forget(self, name)

    type.__setattr__(cls, "__setattr__", __setattr__)


def _forget(instance: BaseModel, name: str) -> None:
    """Drop loaded rows that were found by a field's value, which is another one after all."""
    model = type(instance)
    for loaded in instance.__dict__.keys() - model.__pydantic_fields__.keys():
        if is_relation(model, loaded) and any(
            own.name == name for own, _ in relation_of(model, loaded).pairs
        ):
            del instance.__dict__[loaded]


def _check_names(name: str, fields: Iterable[str], mcs: type[ModelMeta]) -> None:
    metaclass: type = mcs
    reserved = _reserved(metaclass)
    for field_name in fields:
        if field_name in reserved:
            raise ReservedName(
                f"{name}.{field_name}: every model class has something called `{field_name}`"
                " already",
                f"name the field differently and keep the column: `{field_name}_: Col[...] ="
                f' field(column="{field_name}")`',
            )


@cache
def _reserved(mcs: type) -> frozenset[str]:
    return frozenset(n for n in {*dir(BaseModel), *dir(mcs)} if not n.startswith("_"))


def _has_generated(bases: tuple[type, ...], declared: list[ColumnOptions]) -> bool:
    inherited = any(getattr(base, _GENERATED, ()) for base in bases)
    return inherited or any(options.generated for options in declared)


def _hide_input(namespace: dict[str, Any]) -> None:
    """Keep the values out of pydantic's own errors: one of them is a secret."""
    given = namespace.get("model_config", {})
    namespace["model_config"] = {"hide_input_in_errors": True, **given}


def _drop_unset_after_init(namespace: dict[str, Any], bases: tuple[type, ...]) -> None:
    """Take the placeholder of generated fields out again, so that they have no value at all.

    Only classes with such fields pay for the hook; a `model_post_init` of the user's runs after.
    """
    users = namespace.get("model_post_init")
    if users is None:
        hooks = (getattr(base, "model_post_init", None) for base in bases)
        users = next((h for h in hooks if _does_something(h)), None)

    def model_post_init(self: BaseModel, context: Any, /) -> None:
        values = self.__dict__
        for name in getattr(type(self), _GENERATED):
            if values.get(name) is UNSET:
                del values[name]
        if users is not None:
            users(self, context)

    if users is None:
        setattr(model_post_init, ONLY_DROPS_UNSET, model_post_init)
    namespace["model_post_init"] = model_post_init


def _is_variant(namespace: dict[str, Any], bases: tuple[type, ...]) -> bool:
    """Whether a class is derived from a model; what the database makes is given to it or absent."""
    return VARIANT in namespace or any(variant_of(base) is not None for base in bases)


def _init_only_by_users(namespace: dict[str, Any], bases: tuple[type, ...]) -> None:
    """Leave out the hook that the class would inherit, unless it is the user's: it is for each
    row of an answer."""
    if "model_post_init" not in namespace:
        hooks = (getattr(base, "model_post_init", None) for base in bases)
        users = next((h for h in hooks if _does_something(h)), None)
        namespace["model_post_init"] = users or BaseModel.model_post_init


def _does_something(hook: object) -> bool:
    return hook not in (None, BaseModel.model_post_init) and not only_drops_unset(hook)
