"""Derive from a model the classes that an API takes and gives in its place.

A created and a public variant inherit from their model, with its methods, serializers and
computed fields: pydantic forgets an inherited field that is annotated as a `ClassVar` again. A
patch has values for some fields only, so it is no instance of its model.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from inspect import getattr_static, signature
from typing import Annotated, Any, ClassVar, ForwardRef, Literal, NoReturn, TypeAlias, TypeVar, cast

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    GetCoreSchemaHandler,
    PydanticUndefinedAnnotation,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticUndefined

from andamios_orm.errors import DeclarationError, NotLoaded, ReservedName, UsageError
from andamios_orm.models.columns import UNSET
from andamios_orm.queries.terms import Attr
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.secrets import is_secret
from andamios_orm.schema.spec import (
    ColumnOptions,
    FieldSpec,
    ModelSpec,
    RelationSpec,
)

__all__ = [
    "VARIANT",
    "Form",
    "Patch",
    "Variant",
    "VariantKind",
    "named_bases",
    "reduce_class",
    "variant_class",
    "variant_of",
]

VariantKind = Literal["create", "patch", "public"]

_Decorator: TypeAlias = Callable[[object], object]

VARIANT = "__andamios_variant__"
_MADE = "__andamios_variants__"

_KINDS: tuple[VariantKind, ...] = ("create", "patch", "public")


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """What a variant class was derived from."""

    model: type[BaseModel]
    kind: VariantKind
    left_out: Mapping[str, str]
    """The fields that it does not have: why."""


def variant_of(cls: type) -> Variant | None:
    """Return what a class was derived from, None for any other class."""
    return cast("Variant | None", getattr(cls, VARIANT, None))


# ---- finding and making ------------------------------------------------------------------------


def variant_class(
    model: type[BaseModel], kind: VariantKind, *, taken: str | None = None
) -> type[BaseModel]:
    """Return the variant of a table class, made at the first call.

    It has a name other than `taken`. Raises DeclarationError for a class that is no table.
    """
    if variant_of(model) is not None:
        raise DeclarationError(
            f"{model.__name__} is a variant itself", "derive from the table class"
        )
    spec = spec_of(model)
    made: dict[str, type[BaseModel]] | None = model.__dict__.get(_MADE)
    if made is None:
        made = {}
        type.__setattr__(model, _MADE, made)
    found = made.get(kind)
    # Two threads may make two: the first that is kept is everybody's.
    return made.setdefault(kind, _make(spec, kind, taken)) if found is None else found


def named_bases(
    name: str, bases: tuple[type, ...], tables: list[type[BaseModel]], variant: object
) -> tuple[type, ...]:
    """Return the bases of `class Name(Hero, variant=...)`, with the variant in Hero's place.

    `tables` are the table classes among the bases. Raises DeclarationError if there is not one of
    them, or for another `variant`.
    """
    kind = next((kind for kind in _KINDS if kind == variant), None)
    if kind is None:
        raise DeclarationError(
            f"{name}: variant={variant!r}", f"write one of {', '.join(map(repr, _KINDS))}"
        )
    if len(tables) != 1:
        found = ", ".join(base.__name__ for base in tables) or "none"
        raise DeclarationError(
            f"{name}: variant= derives from one table class; its bases have: {found}",
            f'write `class {name}(Hero, variant="{kind}")` with your table class for Hero',
        )
    derived = variant_class(tables[0], kind, taken=name)
    return tuple(derived if base is tables[0] else base for base in bases)


def reduce_class(cls: type[BaseModel]) -> str | tuple[object, tuple[object, ...]]:
    """Say to pickle how a class is found again: variants by their model, all others by name."""
    variant: Variant | None = cls.__dict__.get(VARIANT)
    if variant is not None:
        return (variant_class, (variant.model, variant.kind))
    return cls.__qualname__


def _make(spec: ModelSpec, kind: VariantKind, taken: str | None) -> type[BaseModel]:
    model = spec.model
    left_out = {f.name: why for f in spec.fields if (why := _why_left_out(f, kind)) is not None}
    namespace: dict[str, Any] = {
        "__module__": model.__module__,
        "__doc__": model.__doc__,
        "__annotations__": dict.fromkeys(left_out, ClassVar[Any]),
        VARIANT: Variant(model, kind, left_out),
    }
    kept = [f for f in spec.fields if f.name not in left_out]
    bases: tuple[type, ...] = (model,)
    if kind == "create":
        _fill_create(namespace, spec, kept)
    elif kind == "patch":
        bases = (Patch,)
        _fill_patch(namespace, spec, kept)
    else:
        _fill_public(namespace, spec, kept)
    name = _name_of(model, kind, taken)
    prefix = model.__qualname__.rpartition(".")[0]
    namespace["__qualname__"] = f"{prefix}.{name}" if prefix else name
    metaclass: Any = type(model)
    return cast("type[BaseModel]", metaclass(name, bases, namespace))


def _name_of(model: type[BaseModel], kind: VariantKind, taken: str | None) -> str:
    name = model.__name__ + kind.capitalize()
    other = getattr(sys.modules.get(model.__module__), name, None)
    users = isinstance(other, type) and VARIANT not in other.__dict__
    return f"{name}Variant" if users or name == taken else name


def _why_left_out(field: FieldSpec, kind: VariantKind) -> str | None:
    """Return why a variant does not have a field, None if it has it."""
    if kind == "public":
        if is_secret(field):
            return "it is secret"
        return "it has exclude=True" if field.info.exclude else None
    if field.server_made:
        return "it is made by the server"
    if field.read_only:
        return "it is read-only"
    if kind == "create":
        made = field.primary_key and field.info.default_factory is not None
        return "a key with a default_factory is made by the program" if made else None
    if field.primary_key:
        return "a row keeps its key"
    return "it has frozen=True" if field.info.frozen else None


# ---- what each kind is made of -----------------------------------------------------------------

# What was written for the model's own schema: examples may show a key, or a secret.
_OF_THE_MODEL_ONLY: Mapping[str, Any] = {"title": None, "json_schema_extra": None}


def _fill_create(namespace: dict[str, Any], spec: ModelSpec, kept: Iterable[FieldSpec]) -> None:
    namespace["model_config"] = {**_OF_THE_MODEL_ONLY, "extra": "forbid"}
    for field in kept:
        if is_secret(field) and field.info.default is not PydanticUndefined:
            # A default is shown in the schema.
            _put(namespace, field, default_factory=_factory_of(field.info.default))
    _limit_decorators(namespace, spec.model)


def _fill_public(namespace: dict[str, Any], spec: ModelSpec, kept: list[FieldSpec]) -> None:
    # Rows are read by the names of their fields. An alias is looked for as well, so that what a
    # response holds can be read again, unless an instance of the model has something of that name.
    misleading = any(hasattr(spec.model, alias) for alias in _aliases(kept))
    namespace["model_config"] = {
        **_OF_THE_MODEL_ONLY,
        "extra": "ignore",
        "from_attributes": True,
        "validate_by_name": True,
        "validate_by_alias": not misleading,
    }
    for field in kept:
        if not field.info.is_required():
            _put(namespace, field)
    # What validators say of a row was said when it was stored, and they may ask for fields that
    # are not here.
    decorators = spec.model.__pydantic_decorators__
    for name, validator in decorators.field_validators.items():
        fields = validator.info.fields
        namespace[name] = field_validator(*fields, check_fields=False)(_same_value)
    for name in decorators.model_validators:
        namespace[name] = model_validator(mode="after")(_same_instance)
    _limit_decorators(namespace, spec.model)


def _fill_patch(namespace: dict[str, Any], spec: ModelSpec, kept: list[FieldSpec]) -> None:
    namespace["__annotations__"] = {}
    namespace["model_config"] = {
        **spec.model.model_config,
        **_OF_THE_MODEL_ONLY,
        "extra": "forbid",
        "from_attributes": False,
        "json_schema_serialization_defaults_required": False,
        "validate_default": False,
    }
    for field in kept:
        if hasattr(Patch, field.name):
            raise ReservedName(
                f"{spec.name}.{field.name}: every patch has something called `{field.name}`"
                " already",
                f"name the field differently and keep the column: `{field.name}_: Col[...] ="
                f' field(column="{field.name}")`',
            )
        _put(namespace, field, default_factory=_unset)
    # A validator that looks at other fields has a whole row to judge, and finds it when it is
    # stored.
    for name, validator in spec.model.__pydantic_decorators__.field_validators.items():
        mode: Any = validator.info.mode
        alone = len(signature(validator.func).parameters) == (2 if mode == "wrap" else 1)
        judged = validator.info.fields
        names = [f.name for f in kept if "*" in judged or f.name in judged]
        if alone and names:
            input_type = validator.info.json_schema_input_type
            again: _Decorator = field_validator(
                *names, mode=mode, json_schema_input_type=input_type
            )
            namespace[name] = again(staticmethod(validator.func))


def _limit_decorators(namespace: dict[str, Any], model: type[BaseModel]) -> None:
    """Have validators and serializers pass over the fields that the variant does not have."""
    gone = namespace["__annotations__"].keys() - namespace.keys()
    decorators = model.__pydantic_decorators__
    for name, validator in decorators.field_validators.items():
        if name not in namespace and gone.intersection(validator.info.fields):
            mode: Any = validator.info.mode
            limited: _Decorator = field_validator(
                *validator.info.fields,
                mode=mode,
                check_fields=False,
                json_schema_input_type=validator.info.json_schema_input_type,
            )
            namespace[name] = limited(getattr_static(model, name))
    for name, serializer in decorators.field_serializers.items():
        if gone.intersection(serializer.info.fields):
            how: Any = serializer.info
            passing: _Decorator = field_serializer(
                *how.fields,
                mode=how.mode,
                return_type=how.return_type,
                when_used=how.when_used,
                check_fields=False,
            )
            namespace[name] = passing(getattr_static(model, name))


def _same_value(cls: object, value: object) -> object:
    return value


def _same_instance(self: object) -> object:
    return self


def _unset() -> object:
    return UNSET


def _factory_of(default: object) -> Any:
    return lambda: deepcopy(default)


def _put(
    namespace: dict[str, Any],
    field: FieldSpec,
    *,
    default_factory: Callable[[], object] | None = None,
) -> None:
    """Declare a field again, with another default or none."""
    info = copy(field.info)
    info.metadata = [
        replace(mark, generated=False) if isinstance(mark, ColumnOptions) else mark
        for mark in info.metadata
    ]
    changes: dict[str, Any] = {
        "default": PydanticUndefined,
        "default_factory": default_factory,
        "validate_default": None,
    }
    for name, value in changes.items():
        setattr(info, name, value)
    # Pydantic 2.12 looks here when a field is declared again, and not at the attributes.
    given = {n: v for n, v in info._attributes_set.items() if n not in changes}  # noqa: SLF001 - see above
    if default_factory is not None:
        given["default_factory"] = default_factory
    info._attributes_set = given  # noqa: SLF001 - see above
    namespace["__annotations__"][field.name] = info.annotation
    namespace[field.name] = info


def _aliases(fields: Iterable[FieldSpec]) -> set[str]:
    """Return the first names under which pydantic looks for the fields, where they are others."""
    found: set[str] = set()
    for field in fields:
        alias = field.info.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
        heads = (c.path[0] if isinstance(c, AliasPath) else c for c in choices)
        found.update(h for h in heads if isinstance(h, str) and h != field.name)
    return found


# ---- patches -----------------------------------------------------------------------------------


class Patch(BaseModel):
    """Some fields of a row; what is absent stays as it is. Users read it in variants.py."""

    def __class_getitem__(cls, item: Any) -> Any:
        return super().__class_getitem__(item) if cls is not Patch else subscripted("patch", item)

    def model_post_init(self, context: Any, /) -> None:
        """Take out the placeholders of fields that were not given: they have no value at all."""
        values = self.__dict__
        for name in [name for name, value in values.items() if value is UNSET]:
            del values[name]

    def __contains__(self, column: object) -> bool:
        """Whether a field was given, as in `Hero.name in data`."""
        return _name_in(self, column) in self.model_fields_set

    def __getitem__(self, column: object) -> object:
        """Return the value of a field that was given. Raises NotLoaded for one that was not."""
        return getattr(self, _name_in(self, column))

    def apply(self, instance: BaseModel, /) -> BaseModel:
        """Return the instance with the fields that were given. Raises ValidationError."""
        variant = _variant_of_patch(self)
        if not isinstance(instance, variant.model):
            raise UsageError(
                f"{type(self).__name__} is a patch of {variant.model.__name__}, not of"
                f" {type(instance).__name__}",
                f"apply it to an instance of {variant.model.__name__}",
            )
        fields = type(instance).__pydantic_fields__
        changes = {n: getattr(self, n) for n in self.model_fields_set if n in fields}
        values = {n: v for n, v in instance.__dict__.items() if n in fields} | changes
        validator = type(instance).__pydantic_validator__
        valid = validator.validate_python(values, by_alias=False, by_name=True)
        # A copy keeps what is no field: private attributes, and related rows.
        changed = instance.model_copy()
        changed.__dict__.update({n: v for n, v in valid.__dict__.items() if n in values})
        changed.model_fields_set.update(changes)
        for name in relation_names(variant.model):
            if name in changed.__dict__ and _moved(
                relation_of(variant.model, name), changed, instance
            ):
                del changed.__dict__[name]
        return changed

    def __getattr__(self, name: str) -> Any:
        cls = type(self)
        if name in cls.__pydantic_fields__:
            _not_given(cls.__name__, name)
        return super().__getattr__(name)  # type: ignore[misc]  # hidden from checkers there


def _moved(relation: RelationSpec, changed: BaseModel, instance: BaseModel) -> bool:
    """Whether the related rows are others since the fields have other values."""
    return any(
        changed.__dict__.get(own.name) != instance.__dict__.get(own.name)
        for own, _ in relation.pairs
    )


def _not_given(patch: str, name: str) -> NoReturn:
    raise NotLoaded(
        f"{patch}.{name} was not given, and keeps the value that it has in the row",
        "ask `Hero.name in patch` first, with your model and field",
    )


def _variant_of_patch(patch: Patch) -> Variant:
    variant = variant_of(type(patch))
    if variant is None:
        raise UsageError(
            f"{type(patch).__name__} is a patch of no model", "use Patch[Hero] of a table class"
        )
    return variant


def _name_in(patch: Patch, column: object) -> str:
    variant = _variant_of_patch(patch)
    if not isinstance(column, Attr) or not issubclass(variant.model, column.model):
        raise UsageError(
            f"{column!r} is no column of {variant.model.__name__}",
            f"ask with one, as in `{variant.model.__name__}.name in patch`",
        )
    if column.name not in type(patch).__pydantic_fields__:
        raise UsageError(
            f"{type(patch).__name__} has no {column.name}: {variant.left_out[column.name]}",
            'a class with variant="patch" may declare it',
        )
    return column.name


# ---- what users subscript ----------------------------------------------------------------------


class Form:
    """What `Create` and `Public` are when a program runs: `Create[Hero]` is a class."""

    __slots__ = ("_kind",)

    def __init__(self, kind: VariantKind) -> None:
        self._kind = kind

    def __getitem__(self, item: object) -> object:
        return subscripted(self._kind, item)

    def __repr__(self) -> str:
        return self._kind.capitalize()


def subscripted(kind: VariantKind, item: object) -> object:
    """Return the variant of a table class, or what pydantic asks for it once the class is known.

    Raises DeclarationError for what is no table class.
    """
    if isinstance(item, str | ForwardRef | TypeVar):
        return Annotated[cast("Any", item), _Later(kind)]
    if not (isinstance(item, type) and issubclass(item, BaseModel)):
        raise DeclarationError(
            f"{kind.capitalize()}[{item!r}] is derived from no model class",
            f"write {kind.capitalize()}[Hero] with your table class for Hero",
        )
    if item.__pydantic_complete__ or item.model_rebuild(raise_errors=False):
        return variant_class(item, kind)
    return Annotated[item, _Later(kind)]


@dataclass(frozen=True, slots=True)
class _Later:
    """Stands in an annotation for the variant of a class that is not finished yet."""

    kind: VariantKind

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        if isinstance(source, TypeVar):
            return handler.generate_schema(source)
        found = subscripted(self.kind, source)
        if not isinstance(found, type):
            name = getattr(source, "__name__", str(source))
            raise PydanticUndefinedAnnotation(name, f"`{name}` is not fully defined yet")
        return handler.generate_schema(found)
