"""Turn a model into the values of its columns, validated once more on the way.

An instance may have changed since it was made: a list inside it grew, or it came from
`model_construct`. What is written is what the model accepts at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from andamios_orm.errors import InvalidRow, WrongType
from andamios_orm.schema.json_values import to_json_text
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec

__all__ = ["Encoder", "refusals"]


class Encoder:
    """The columns of one model, ready to be filled from its instances."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        # Bound per call: a class completed later gets another validator.
        self._generated = frozenset(f.name for f in spec.generated)
        self._names = tuple(f.name for f in spec.fields)
        self._ungenerated = tuple(f.name for f in spec.fields if not f.generated)
        self._json_text = tuple(
            f.name for f in spec.fields if (f.storage.kind, f.storage.column_type) == _JSON_TEXT
        )
        self._assigned: dict[str, Callable[[Any], object]] = {}

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
        """Return `value` as the field validates it. Raises InvalidRow."""
        validate = self._assigned.get(field.name)
        if validate is None:
            adapter = TypeAdapter[object](cast("type", field.annotation))
            validate = self._assigned[field.name] = adapter.validate_python
        try:
            if field.name in self._json_text:
                value = to_json_text(value)
            return validate(value)
        except ValidationError as error:
            kinds = {field.name: error.errors(include_input=False)[0]["type"]}
            raise self._refused(kinds) from None

    def _validated(self, instance: BaseModel) -> dict[str, object]:
        model = self._spec.model
        if not isinstance(instance, model):
            raise WrongType(
                f"a {type(instance).__name__} was given where {model.__name__} is stored",
                f"build one with {model.__name__}.model_validate(...)",
            )
        values: dict[str, object] = instance.__dict__
        if self._json_text:
            texts = {n: to_json_text(values[n]) for n in self._json_text if values[n] is not None}
            values = {**values, **texts}
        try:
            checked = model.__pydantic_validator__.validate_python(
                values, by_alias=False, by_name=True
            )
        except ValidationError as error:
            raise self._refused(refusals(error)) from None
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


_JSON_TEXT = (Kind.JSON, "text")


def refusals(error: ValidationError) -> dict[str, str]:
    """Return the kind of failure by field, without the values that pydantic would show."""
    found: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path: Sequence[int | str] = detail["loc"]
        found.setdefault(".".join(str(part) for part in path) or "(model)", detail["type"])
    return found
