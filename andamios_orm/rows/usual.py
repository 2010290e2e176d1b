"""Encode an instance by one generated function, where nothing about it is out of the ordinary.

As in `batch`, the answer is None for everything that needs a closer look, and the general way
finds the error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ValidationError

from andamios_orm.rows.batch import renderer_of_one, some_fields
from andamios_orm.schema.spec import Kind, ModelSpec

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
        bare = some_fields(self._spec.model, {f.name: f.annotation for f in fields}, {})
        scope: dict[str, object] = {"validate": bare.__pydantic_validator__.validate_python}
        lines: list[str] = []
        cells: list[str] = []
        for number, field in enumerate(fields):
            if field.storage.kind is not Kind.JSON:
                cells.append(f"valid[{field.name!r}]")
                continue
            scope[f"render_{number}"] = renderer_of_one(self._spec.model, field)
            lines += [
                f"    text_{number} = values[{field.name!r}]",
                f"    if text_{number} is not None:",
                f"        text_{number} = render_{number}(text_{number})",
                f"        if text_{number} is None:",
                "            return None",
            ]
            cells.append(f"text_{number}")
        source = [
            "def encode(values):",
            *lines,
            "    valid = validate(values, by_alias=False, by_name=True).__dict__",
            f"    return [{', '.join(cells)}]",
        ]
        # The only foreign text in it are field names, as literals.
        exec("\n".join(source), scope)  # noqa: S102 - made above
        return tuple(f.name for f in fields), cast("_Encode", scope["encode"])
