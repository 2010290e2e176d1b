"""Turn a model into the values of its columns, validated once more on the way.

An instance may have changed since it was made: a list inside it grew, or it came from
`model_construct`. What is written is what the model accepts at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError, create_model, field_validator
from pydantic.errors import PydanticInvalidForJsonSchema

from andamios_orm.errors import InvalidRow, NotStorable, WrongType
from andamios_orm.schema.json_values import same_value, to_json_text
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec

__all__ = ["Encoder", "refusals"]


class Encoder:
    """The columns of one model, ready to be filled from its instances."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._generated = frozenset(f.name for f in spec.generated)
        self._names = tuple(f.name for f in spec.fields)
        self._ungenerated = tuple(f.name for f in spec.fields if not f.generated)
        self._json = {f.name: f for f in spec.fields if f.storage.kind is Kind.JSON}
        # One-field models, by field: with the field's own validators, and without any.
        self._assigned: dict[str, type[BaseModel]] = {}
        self._plain: dict[str, type[BaseModel]] = {}

    def encode(self, instance: BaseModel) -> tuple[tuple[str, ...], list[object]]:
        """Return the names of the fields that have a value, and these values in the same order.

        Generated fields without a value are left to the database. Raises InvalidRow for what
        the model refuses and WrongType for an instance of another class.
        """
        values = self._validated(instance)
        if self._generated.isdisjoint(values):
            names = self._ungenerated
        else:
            names = tuple(name for name in self._names if name in values)
        return names, [values[name] for name in names]

    def assigned(self, field: FieldSpec, value: object) -> object:
        """Return `value` as the field validates it. Raises InvalidRow, NotStorable.

        A validator that looks at other fields is not asked: only a whole row answers it.
        """
        alone = self._assigned.get(field.name)
        if alone is None:
            validators = _own_validators(self._spec.model, field.name)
            alone = self._assigned[field.name] = _one_field(self._spec.model, field, validators)
        values = {field.name: value}
        self._rebuild_json(values)
        return self._checked(alone, values)[field.name]

    def _validated(self, instance: BaseModel) -> dict[str, object]:
        model = self._spec.model
        if not isinstance(instance, model):
            raise WrongType(
                f"a {type(instance).__name__} was given where {model.__name__} is stored",
                f"build one with {model.__name__}.model_validate(...)",
            )
        if more := type(instance).__pydantic_fields__.keys() - self._spec.by_name.keys():
            raise WrongType(
                f"a {type(instance).__name__} has fields that {model.__name__} has no columns for:"
                f" {', '.join(sorted(more))}",
                f"store it with a repository of {type(instance).__name__}, if that is a table, or"
                f" build a {model.__name__} of it",
            )
        # A cached_property that was read lies in the same dict.
        values = {n: v for n, v in instance.__dict__.items() if n in self._spec.by_name}
        given = {name: values.get(name) for name in self._json}
        self._rebuild_json(values)
        for name, value in given.items():
            # Pydantic's Json[...] takes the text itself.
            is_text = self._json[name].storage.column_type == "text"
            if not is_text and not same_value(value, values.get(name)):
                raise NotStorable(
                    f"{self._spec.name}.{name}: JSON would give the value back as another one",
                    "give the field a type that says what it holds: JSON knows no sets, tuples,"
                    " dates or keys but text where the type does not",
                    limit="what JSON and the field's type read back equal",
                    field=f"{self._spec.name}.{name}",
                )
        return self._checked(model, values)

    def _rebuild_json(self, values: dict[str, object]) -> None:
        """Replace JSON values by what their text will be read as.

        Pydantic takes a nested instance for valid, however it was changed since it was made.
        """
        for name, field in self._json.items():
            value = values.get(name)
            if value is None:
                continue
            try:
                text = to_json_text(value)
            except NotStorable as error:
                raise error.located(f"{self._spec.name}.{name}") from None
            if field.storage.column_type == "text":  # pydantic's Json[...] takes the text itself
                values[name] = text
                continue
            plain = self._plain.get(name)
            if plain is None:
                plain = self._plain[name] = _one_field(self._spec.model, field, {})
            values[name] = self._read_json(plain, f"{{{to_json_text(name)}:{text}}}")[name]

    def _checked(self, model: type[BaseModel], values: dict[str, object]) -> dict[str, object]:
        # Asked per call: a class completed later gets another validator.
        validator = model.__pydantic_validator__
        try:
            checked = validator.validate_python(values, by_alias=False, by_name=True)
        except ValidationError as error:
            raise self._refused(refusals(error, model)) from None
        return cast("dict[str, object]", checked.__dict__)

    def _read_json(self, model: type[BaseModel], text: str) -> dict[str, object]:
        validator = model.__pydantic_validator__
        try:
            checked = validator.validate_json(text, by_alias=False, by_name=True)
        except ValidationError as error:
            raise self._refused(refusals(error, model)) from None
        return cast("dict[str, object]", checked.__dict__)

    def _refused(self, fields: dict[str, str]) -> InvalidRow:
        shown = ", ".join(f"{name} ({kind})" for name, kind in fields.items())
        return InvalidRow(
            f"{self._spec.name} refuses to be written: {shown}",
            "correct the values; nothing was changed in the database",
            model=self._spec.model,
            key=None,
            fields=fields,
        )


def _one_field(
    model: type[BaseModel], field: FieldSpec, validators: dict[str, Any]
) -> type[BaseModel]:
    """Return a model of one field under the configuration of `model`."""
    config = {**model.model_config, "protected_namespaces": (), "defer_build": False}
    # How bytes look in the model's API is no matter of how its columns keep them.
    config.pop("val_json_bytes", None)
    fields: dict[str, Any] = {field.name: field.annotation}
    return create_model(
        model.__name__,
        __config__=cast("ConfigDict", config),
        __validators__=validators,
        **fields,
    )


def _own_validators(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return the validators of a field that look at its value only."""
    found: dict[str, Any] = {}
    for key, decorator in model.__pydantic_decorators__.field_validators.items():
        mode, fields = decorator.info.mode, decorator.info.fields
        alone = len(signature(decorator.func).parameters) == (2 if mode == "wrap" else 1)
        if alone and (name in fields or "*" in fields):
            found[key] = field_validator(name, mode=mode)(staticmethod(decorator.func))
    return found


def refusals(error: ValidationError, model: type[BaseModel]) -> dict[str, str]:
    """Return the kind of failure by field, without the values that pydantic would show.

    The keys of a dict are values too: of a path only names that the model declares are shown.
    """
    known = _names_within(model)
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path: Sequence[int | str] = detail["loc"]
        shown = (str(p) if isinstance(p, int) or p in known else "*" for p in path)
        found.setdefault(".".join(shown) or "(model)", detail["type"])
    return found


def _names_within(model: type[BaseModel]) -> set[str]:
    """Return the names of the model's fields, and of those of the models inside it."""
    names = set(model.__pydantic_fields__)
    try:
        schema = model.model_json_schema(by_alias=False)
    except PydanticInvalidForJsonSchema:
        return names
    for nested in schema.get("$defs", {}).values():
        names.update(nested.get("properties", ()))
    return names
