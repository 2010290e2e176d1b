"""Find the models of an example."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from andamios_orm.models.base import Model
from andamios_orm.queries.nodes import Node
from andamios_orm.testing.strategies.conditions import Filter

__all__ = ["models_in"]


def models_in(value: object) -> tuple[type[Model], ...]:
    """Return the models of the rows, classes and conditions in an example, each once."""
    return tuple(dict.fromkeys(_models_in(value)))


def _models_in(value: object) -> Iterator[type[Model]]:
    if isinstance(value, type):
        if issubclass(value, Model):
            yield value
    elif isinstance(value, Model):
        yield type(value)
    elif isinstance(value, Filter):
        yield from _models_in(value.condition)
    elif isinstance(value, Node):
        named: set[type[BaseModel]] = set()
        value.models(named)
        yield from sorted((m for m in named if issubclass(m, Model)), key=lambda m: m.__name__)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _models_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _models_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _models_in(item)
