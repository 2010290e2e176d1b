"""Turn a model into the values of its columns, validated once more on the way.

An instance may have changed since it was made: a list inside it grew, or it came from
`model_construct`. What is written is what the model accepts at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import signature
from itertools import groupby
from typing import Any, cast

from pydantic import BaseModel, ValidationError, field_validator
from pydantic.errors import PydanticInvalidForJsonSchema

from andamios_orm.errors import InvalidRow, NotStorable, WrongType
from andamios_orm.rows.batch import (
    Columns,
    Group,
    Render,
    builtin_bytes,
    judges_fields_alone,
    renderer,
    some_fields,
)
from andamios_orm.rows.proofs import proofs_of
from andamios_orm.rows.usual import Encoded, UsualInstances
from andamios_orm.schema.json_values import JsonText, same_value, to_json_text
from andamios_orm.schema.representations.base import Converter
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec

__all__ = ["Encoder", "refusals", "same_in_column"]


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
        # What is true of values that such a model gives back as they are.
        self._proofs: dict[str, Converter | None] = {}
        self._plain: dict[str, type[BaseModel]] = {}
        self._renders: dict[str, Render] = {}
        self._bares: dict[frozenset[str], type[BaseModel]] = {}

    def instance(self, values: dict[str, object]) -> BaseModel:
        """Return an instance with these values, by field. Raises InvalidRow."""
        return self._valid(self._spec.model, values)

    def made_of(self, values: Mapping[str, object]) -> BaseModel:
        """Return an instance with these values, as another instance has them.

        Raises InvalidRow, NotStorable.
        """
        return self.instance(self.inputs(values))

    def inputs(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return values of an instance as its model takes them. Raises NotStorable.

        Pydantic's Json[...] takes a text, and the instance has what it says.
        """
        texts = (n for n, field in self._json.items() if field.storage.column_type == "text")
        given = {name: values[name] for name in texts if values.get(name) is not None}
        return {**values, **{name: self._text(name, value) for name, value in given.items()}}

    def encode(self, instance: BaseModel) -> tuple[tuple[str, ...], list[object]]:
        """Return the names of the fields that have a value, and these values in the same order.

        Generated fields without a value are left to the database. Raises InvalidRow for what
        the model refuses, NotStorable for JSON that would come back as another value, and
        WrongType for an instance of another class.
        """
        values, _ = self._validated(instance)
        names = self._given(values)
        return names, [values[name] for name in names]

    def rendered(self, instance: BaseModel) -> Encoded:
        """Return the same as `encode`, with JsonText in place of values whose text is known."""
        usual = self._usual
        if usual is not None and (found := usual.encode(instance)) is not None:
            return found
        values, texts = self._validated(instance)
        names = self._given(values)
        return names, [texts.get(name, values[name]) for name in names]

    def rendered_all(self, instances: Sequence[BaseModel]) -> list[Group]:
        """Return `rendered` of each instance, as columns of those that follow each other and have
        values for the same fields.

        Raises what `encode` raises for the first instance that is refused.
        """
        columns = self._columns
        if columns is not None and (group := columns.encode(instances)) is not None:
            return [group]
        rows = [self.rendered(instance) for instance in instances]
        found: list[Group] = []
        for names, alike in groupby(rows, key=lambda row: row[0]):
            values = [row for _, row in alike]
            found.append(Group(names, len(values), list(map(list, zip(*values, strict=True)))))
        return found

    @cached_property
    def _columns(self) -> Columns | None:
        return Columns(self._spec) if judges_fields_alone(self._spec) else None

    @cached_property
    def _usual(self) -> UsualInstances | None:
        return None if self._columns is None else UsualInstances(self._spec)

    def _given(self, values: dict[str, object]) -> tuple[str, ...]:
        if self._generated.isdisjoint(values):
            return self._ungenerated
        return tuple(name for name in self._names if name in values)

    def assigned(self, field: FieldSpec, value: object) -> object:
        """Return `value` as the field validates it. Raises InvalidRow, NotStorable.

        A validator that looks at other fields is not asked: only a whole row answers it.
        """
        name = field.name
        alone = self._assigned.get(name)
        if alone is None:
            validators = _own_validators(self._spec.model, name)
            alone = self._assigned[name] = some_fields(
                self._spec.model, {name: field.annotation}, validators
            )
            proof = proofs_of(alone).get(name)
            self._proofs[name] = None if proof is None else proof.whole().call
        proved = self._proofs[name]
        if proved is not None and proved(value):
            return value
        values = {name: value}
        if name in self._json:
            self._rebuild_json(values)
        return self._checked(alone, values)[name]

    def _validated(self, instance: BaseModel) -> tuple[dict[str, object], dict[str, JsonText]]:
        """Return the values by field, and the texts of those of JSON columns that are known."""
        model = self._spec.model
        if type(instance) is not model:
            self._require_stored(instance)
        values = instance.__dict__.copy()
        if not values.keys() <= self._spec.by_name.keys():
            # A cached_property that was read lies in the same dict.
            values = {n: v for n, v in values.items() if n in self._spec.by_name}
        given = {name: values.get(name) for name in self._json}
        known = self._rebuild_json(values) if given else {}
        for name, value in given.items():
            # Pydantic's Json[...] takes the text itself.
            is_text = self._json[name].storage.column_type == "text"
            if not is_text and name not in known and not same_value(value, values.get(name)):
                raise NotStorable(
                    f"{self._spec.name}.{name}: JSON would give the value back as another one",
                    "give the field a type that says what it holds: JSON knows no sets, tuples,"
                    " dates or keys but text where the type does not",
                    limit="what JSON and the field's type read back equal",
                    field=f"{self._spec.name}.{name}",
                )
        if self._columns is not None:
            return self._checked(self._bare(self._generated.intersection(values)), values), known
        checked = self._checked(model, values)
        for name in list(known):
            # A user's code may have made another value of it.
            exact = builtin_bytes(given[name])
            if exact is None or builtin_bytes(checked[name]) != exact:
                del known[name]
        return checked, known

    def _bare(self, given: frozenset[str]) -> type[BaseModel]:
        """Return a model of the class's fields without its own code.

        Of the fields that the database makes it has those that are `given`.
        """
        found = self._bares.get(given)
        if found is None:
            fields = (f for f in self._spec.fields if not f.generated or f.name in given)
            annotations = {f.name: f.annotation for f in fields}
            found = self._bares[given] = some_fields(self._spec.model, annotations, {})
        return found

    def _require_stored(self, instance: BaseModel) -> None:
        """Raise WrongType for an instance of another class, or with fields without a column."""
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

    def _rebuild_json(self, values: dict[str, object]) -> dict[str, JsonText]:
        """Replace JSON values by what their text will be read as; return the texts of those that
        are the same.

        Pydantic takes a nested instance for valid, however it was changed since it was made.
        """
        known: dict[str, JsonText] = {}
        for name, field in self._json.items():
            value = values.get(name)
            if value is None:
                continue
            if field.storage.column_type == "text":  # pydantic's Json[...] takes the text itself
                values[name] = self._text(name, value)
                continue
            render = self._renders.get(name)
            if render is None:
                render = self._renders[name] = renderer(self._spec.model, field)
            texts = render([value])
            if texts is not None:
                known[name] = JsonText(texts[0].decode())
                continue
            plain = self._plain.get(name)
            if plain is None:
                plain = self._plain[name] = some_fields(
                    self._spec.model, {name: field.annotation}, {}
                )
            object_text = f"{{{to_json_text(name)}:{self._text(name, value)}}}"
            values[name] = self._read_json(plain, object_text)[name]
        return known

    def _text(self, name: str, value: object) -> str:
        try:
            return to_json_text(value)
        except NotStorable as error:
            raise error.located(f"{self._spec.name}.{name}") from None

    def _checked(self, model: type[BaseModel], values: dict[str, object]) -> dict[str, object]:
        return cast("dict[str, object]", self._valid(model, values).__dict__)

    def _valid(self, model: type[BaseModel], values: dict[str, object]) -> BaseModel:
        # Asked per call: a class completed later gets another validator.
        validator = model.__pydantic_validator__
        try:
            valid = validator.validate_python(values, by_alias=False, by_name=True)
        except ValidationError as error:
            raise self._refused(refusals(error, model)) from None
        return cast("BaseModel", valid)

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


def same_in_column(field: FieldSpec, one: object, other: object) -> bool:
    """Whether a column would hold the same for two values of its field.

    By what is written of them: a type of the user's need not say when two of its objects are equal.
    """
    codec = field.storage.codec
    if codec is not None and one is not None and other is not None:
        one, other = codec.encode(one), codec.encode(other)
    return same_value(one, other, unknown=False)
