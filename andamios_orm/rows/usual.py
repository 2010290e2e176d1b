"""Encode an instance by one generated function, where nothing about it is out of the ordinary.

As in `batch`, the answer is None for everything that needs a closer look, and the general way
finds the error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ValidationError

from andamios_orm.rows.batch import open_json_type, renderer_of_one, some_fields
from andamios_orm.rows.proofs import proofs_of
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec

__all__ = ["Encoded", "UsualInstances"]

Encoded: TypeAlias = tuple[tuple[str, ...], list[object]]
"""The names of the fields that have a value, and these values, with JsonText for JSON."""

_Encode: TypeAlias = Callable[[dict[str, Any]], "list[object] | None"]


_SHAPES = 32
"""Functions at most: instances whose values were set in ever other orders are not usual."""


class UsualInstances:
    """The instances of one model whose fields are judged alone."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        # By the names that an instance has values for, in the order in which it has them.
        self._shapes: dict[tuple[str, ...], tuple[tuple[str, ...], _Encode] | None] = {}

    def encode(self, instance: BaseModel) -> Encoded | None:
        """Return what is written of an instance, None if it needs a closer look."""
        if type(instance) is not self._spec.model:
            return None
        values = instance.__dict__
        given = tuple(values)
        try:
            shape = self._shapes[given]
        except KeyError:
            shape = self._shape(given)
            if len(self._shapes) < _SHAPES:
                self._shapes[given] = shape
        if shape is None:
            return None
        names, encode = shape
        try:
            encoded = encode(values)
        except ValidationError:
            return None
        return None if encoded is None else (names, encoded)

    def _shape(self, given: tuple[str, ...]) -> tuple[tuple[str, ...], _Encode] | None:
        fields = [f for f in self._spec.fields if not f.generated or f.name in given]
        if len(fields) != len(given) or any(f.name not in given for f in fields):
            # A value is missing, or a cached_property that was read lies in the same dict.
            return None
        if len(self._shapes) >= _SHAPES:
            return None
        return tuple(f.name for f in fields), _generated(self._spec.model, fields, given)


def _generated(
    model: type[BaseModel], fields: Sequence[FieldSpec], given: tuple[str, ...]
) -> _Encode:
    """Return the function from the values of these fields, in the order `given`, to what is
    written.

    Where all values that can be proved are, the validator is asked about the others alone.
    """
    whole = some_fields(model, {f.name: f.annotation for f in fields}, {})
    proofs = proofs_of(whole)
    scope: dict[str, object] = {"validate": whole.__pydantic_validator__.validate_python}
    rendered: list[str] = []
    proved: list[str] = []
    judged: dict[str, object] = {}
    cells: list[tuple[str, str]] = []
    kinds: dict[str, type] = {}
    rules: list[str] = []
    for number, field in enumerate(fields):
        value = f"values[{field.name!r}]"
        proof = proofs.get(field.name)
        if field.storage.kind is Kind.JSON:
            scope[f"render_{number}"] = renderer_of_one(model, field)
            rendered += [
                f"    text_{number} = {value}",
                f"    if text_{number} is not None:",
                f"        text_{number} = render_{number}(text_{number})",
                f"        if text_{number} is None:",
                "            return None",
            ]
            cells.append((f"text_{number}", f"text_{number}"))
            outer = open_json_type(model, field)
            if outer is None:
                judged[field.name] = field.annotation
                continue
            kinds[field.name] = outer
            if not field.nullable:
                proved.append(f"text_{number} is not None")
        elif proof is None:
            judged[field.name] = field.annotation
            cells.append((f"valid[{field.name!r}]",) * 2)
        else:
            kinds[field.name] = proof.kind
            if proof.rule is not None:
                rules.append(proof.rule.inline(value, number, scope))
            proved.append(proof.whole().inline(value, number, scope))
            cells.append((value, f"valid[{field.name!r}]"))
    lines = ["def encode(values):", *rendered]
    if len(kinds) == len(fields):
        # One comparison of lists for all of them, and no look at the values by name.
        scope["kinds"] = [kinds[name] for name in given]
        usual = " and ".join(["[*map(type, values.values())] == kinds", *rules])
        lines += [f"    if {usual}:", f"        return [{', '.join(cell for cell, _ in cells)}]"]
    if proved:
        lines.append(f"    if {' and '.join(proved)}:")
        if judged:
            some = some_fields(model, judged, {})
            scope["validate_some"] = some.__pydantic_validator__.validate_python
            asked = ", ".join(f"{name!r}: values[{name!r}]" for name in judged)
            lines.append(f"        valid = validate_some({{{asked}}}, {_BY_NAME}).__dict__")
        lines.append(f"        return [{', '.join(cell for cell, _ in cells)}]")
    lines.append(f"    valid = validate(values, {_BY_NAME}).__dict__")
    lines.append(f"    return [{', '.join(cell for _, cell in cells)}]")
    # The only foreign text in it are field names, as literals.
    exec("\n".join(lines), scope)  # noqa: S102 - made above
    return cast("_Encode", scope["encode"])


_BY_NAME = "by_alias=False, by_name=True"
