"""Which fields are secret: what prints itself, such as a DataFrame, leaves them out."""

from __future__ import annotations

import dataclasses
from typing import Any, NewType, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from typing_extensions import TypeAliasType, is_typeddict

from andamios_orm.schema.read import options_of
from andamios_orm.schema.spec import FieldSpec, Kind

__all__ = ["is_secret"]

_SECRETS = (Secret, SecretBytes, SecretStr)


def is_secret(field: FieldSpec) -> bool:
    """Whether a field is declared secret, or its type is, or a type somewhere inside its JSON."""
    if field.secret or {SecretStr, SecretBytes}.intersection(field.storage.python_types):
        return True
    return field.storage.kind is Kind.JSON and _holds_secret(field.annotation, set())


def _holds_secret(annotation: Any, seen: set[int]) -> bool:
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if isinstance(annotation, type):
        if issubclass(annotation, _SECRETS):
            return True
        fields = annotation.__pydantic_fields__ if issubclass(annotation, BaseModel) else {}
        if any(options_of(info).secret for info in fields.values()):
            return True
    return any(_holds_secret(part, seen) for part in _parts(annotation))


def _parts(annotation: Any) -> list[Any]:
    """Return the types that a type is made of."""
    if isinstance(annotation, TypeAliasType):
        return [annotation.__value__]
    if isinstance(annotation, NewType):
        return [annotation.__supertype__]
    parts = [get_origin(annotation), *get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        parts += [field.annotation for field in annotation.__pydantic_fields__.values()]
    elif dataclasses.is_dataclass(annotation) or is_typeddict(annotation):
        parts += get_type_hints(annotation, include_extras=True).values()
    return parts
