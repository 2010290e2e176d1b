"""Find registered types inside annotations."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import reduce
from operator import or_
from types import GenericAlias, UnionType
from typing import Annotated, Any, NewType, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, get_type_hints

from andamios_orm.testing.strategies.registering import registry

__all__ = ["field_schema", "schema_if_registered"]

MARK = "andamios_registered"


class _Registered:
    """In the metadata of an annotation: values come from the strategy of this type."""

    def __init__(self, python_type: object) -> None:
        self.python_type = python_type

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> Any:
        return core_schema.any_schema(metadata={MARK: self.python_type})


def schema_if_registered(annotation: object, metadata: list[Any]) -> Mapping[str, Any] | None:
    """Return the core schema of an annotation, None if no registered type is inside.

    In the place of a registered type it has a mark that names the type.
    """
    if not registry:
        return None
    whole = Annotated[(annotation, *metadata)] if metadata else annotation
    if whole in registry:
        return {"type": "any", "metadata": {MARK: whole}}
    marked = _marked(annotation)
    if marked is annotation:
        return None
    whole = Annotated[(marked, *metadata)] if metadata else marked
    adapter: TypeAdapter[Any] = TypeAdapter(
        cast("Any", whole), config={"arbitrary_types_allowed": True}
    )
    found: Mapping[str, Any] = adapter.core_schema
    return found


def _marked(annotation: Any) -> Any:
    """Return the annotation with registered types replaced, itself if there are none."""
    if annotation in registry:
        return Annotated[Any, _Registered(annotation)]
    if isinstance(annotation, NewType):
        inner = _marked(annotation.__supertype__)
        return annotation if inner is annotation.__supertype__ else inner
    if isinstance(annotation, TypeAliasType):
        inner = _marked(annotation.__value__)
        return annotation if inner is annotation.__value__ else inner
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = _marked(args[0])
        return annotation if inner is args[0] else Annotated[(inner, *args[1:])]
    if origin is None or origin is typing.Literal:
        return annotation
    found = tuple(map(_marked, args))
    if all(one is other for one, other in zip(found, args, strict=True)):
        return annotation
    if origin in (Union, UnionType):
        return reduce(or_, found) if origin is UnionType else Union[found]  # noqa: UP007
    return GenericAlias(origin, found)


def field_schema(cls: Any, name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a field of a dataclass, a TypedDict or a NamedTuple."""
    if not registry:
        return schema
    infos = getattr(cls, "__pydantic_fields__", None)
    if infos and name in infos and not issubclass(cls, BaseModel):
        found = schema_if_registered(infos[name].annotation, infos[name].metadata)
    else:
        hints = get_type_hints(cls, include_extras=True)
        found = schema_if_registered(hints[name], [])
    if found is None:
        return schema
    return (
        {"type": "default", "schema": found, "default": None}
        if (schema["type"] == "default")
        else found
    )
