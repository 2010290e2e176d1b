"""Make values for any type a model may have: polyfactory, with plain values that never vary.

Polyfactory takes types apart: unions, literals, collections and models in models. What it makes of
plain types comes from a clock, and from word lists that change with the version of a package.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePath, PurePosixPath
from random import Random
from string import ascii_letters, digits
from typing import Any, ClassVar, cast, get_origin
from uuid import UUID

import pydantic
from polyfactory.exceptions import ParameterException
from polyfactory.factories import DataclassFactory, TypedDictFactory
from polyfactory.factories.base import BaseFactory
from polyfactory.factories.pydantic_factory import ModelFactory, PydanticFieldMeta
from polyfactory.field_meta import FieldMeta
from polyfactory.value_generators.regex import RegexFactory
from pydantic_core import to_json

from andamios_orm.errors import SeedProblem
from andamios_orm.schema.spec import ColumnOptions, FieldSpec, ModelSpec
from andamios_orm.seeding.values import Bounds, Values

__all__ = ["maker_of"]

_Provider = Callable[[], Any]


def maker_of(spec: ModelSpec, field: FieldSpec, values: Values) -> _Provider:
    """Return what makes values for a field. Raises SeedProblem for a type nobody can make up."""
    info = copy.copy(field.info)
    info.metadata = [m for m in info.metadata if not isinstance(m, ColumnOptions)]
    meta = PydanticFieldMeta.from_field_info(field.name, info, use_alias=False)
    factory = _factory_of(spec.model, values)

    def make() -> Any:
        try:
            return factory.get_field_value(meta)
        except ParameterException:
            raise SeedProblem(
                f"no sample can be made up for {spec.name}.{field.name}",
                f"say how with `make={{{spec.name}.{field.name}: lambda random: ...}}`",
            ) from None

    return make


def _factory_of(model: type, values: Values) -> type[BaseFactory[Any]]:
    return _Factories(values).of(model)


class _Factories:
    """The factories of one run: one for each class."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.providers = _providers(values)
        self._made: dict[type, type[BaseFactory[Any]]] = {}

    def of(self, model: type) -> type[BaseFactory[Any]]:
        """Return the factory of a class."""
        found = self._made.get(model)
        if found is None:
            base = next(b for b in _BASES if b.is_supported_type(model))
            found = self._made[model] = base.create_factory(
                model,
                bases=(cast("type[BaseFactory[Any]]", _Own),),
                factories=self,
                __random__=self.values.random,
                __check_model__=False,
            )
        return found


_BASES: tuple[type[BaseFactory[Any]], ...] = (ModelFactory, DataclassFactory, TypedDictFactory)


class _Own:
    """What is different from polyfactory's own factories."""

    factories: ClassVar[_Factories]
    __randomize_collection_length__ = True
    __min_collection_length__ = 0
    __max_collection_length__ = 3

    @classmethod
    def _get_or_create_factory(cls, model: type) -> type[BaseFactory[Any]]:
        # Polyfactory's own would make plain values its way again.
        return cls.factories.of(model)

    @classmethod
    def get_provider_map(cls) -> Mapping[Any, _Provider]:
        """Return what makes the values of plain types."""
        return cls.factories.providers

    @classmethod
    def get_constrained_field_value(
        cls, annotation: Any, field_meta: FieldMeta, *more: Any, **options: Any
    ) -> Any:
        """Return a value within bounds."""
        bounds = cast("Bounds", field_meta.constraints)
        if bounds.get("json"):
            # Polyfactory would forget that it is JSON after the first value.
            plain = copy.copy(field_meta)
            plain.constraints = cast("Any", {k: v for k, v in bounds.items() if k != "json"})
            return to_json(cls.get_field_value(plain)).decode()
        pattern = bounds.get("pattern")
        if pattern is not None and isinstance(annotation, type) and issubclass(annotation, str):
            return _matching(pattern, cls.factories.values.random)
        for python, make in _BOUNDED:
            if isinstance(annotation, type) and issubclass(annotation, python):
                return make(cls.factories.values, bounds, field_meta.name)
        provider = cls.factories.providers.get(annotation)
        if provider is not None:
            return provider()
        base = cast("Any", super())
        return base.get_constrained_field_value(annotation, field_meta, *more, **options)

    @classmethod
    def get_field_value(cls, field_meta: FieldMeta, *more: Any, **options: Any) -> Any:
        """Return a value; a plain one with the name of its field in mind."""
        if not field_meta.constraints and field_meta.annotation in _PLAIN:
            return _PLAIN[field_meta.annotation](cls.factories.values, {}, field_meta.name)
        if get_origin(field_meta.annotation) in (set, frozenset):
            # Of one item there is one order; that of several is another in each process.
            bounds = cast("Bounds", field_meta.constraints or {})
            size = max(1, bounds.get("min_length", 1))
            alone = {**bounds, "min_length": size, "max_length": size}
            field_meta.constraints = cast("Any", alone)
        return cast("Any", super()).get_field_value(field_meta, *more, **options)

    @classmethod
    def should_set_none_value(cls, field_meta: FieldMeta) -> bool:
        """Whether an optional value inside JSON is left out."""
        base = cast("Any", super())
        return bool(base.should_set_none_value(field_meta))


_BOUNDED: tuple[tuple[type, Callable[[Values, Bounds, str], Any]], ...] = (
    (bool, lambda values, bounds, name: values.boolean()),
    (int, lambda values, bounds, name: values.integer(bounds)),
    (float, lambda values, bounds, name: values.number(bounds)),
    (Decimal, lambda values, bounds, name: values.decimal(bounds)),
    (str, lambda values, bounds, name: values.text(bounds, name)),
    (bytes, lambda values, bounds, name: values.octets(bounds)),
    (datetime, lambda values, bounds, name: values.instant(bounds)),
    (date, lambda values, bounds, name: values.day(bounds)),
    (time, lambda values, bounds, name: values.clock(bounds)),
    (timedelta, lambda values, bounds, name: values.duration(bounds)),
    (UUID, lambda values, bounds, name: values.uuid(bounds.get("uuid_version", 4))),
)
_PLAIN = dict(_BOUNDED)


def _providers(values: Values) -> Mapping[Any, _Provider]:
    none: Bounds = {}
    random = values.random
    scalars = {python: partial(make, values, none, "") for python, make in _BOUNDED}
    return {
        **scalars,
        Any: values.word,
        object: values.word,
        dict: lambda: {values.word(): values.integer(none)},
        list: lambda: [values.word()],
        tuple: lambda: (values.word(),),
        set: lambda: {values.word()},
        frozenset: lambda: frozenset({values.word()}),
        Path: lambda: Path(values.word()),
        PurePath: lambda: PurePath(values.word()),
        PurePosixPath: lambda: PurePosixPath(values.word()),
        IPv4Address: lambda: IPv4Address(random.getrandbits(32)),
        IPv6Address: lambda: IPv6Address(random.getrandbits(128)),
        IPv4Interface: lambda: IPv4Interface((random.getrandbits(32), 24)),
        IPv6Interface: lambda: IPv6Interface((random.getrandbits(128), 64)),
        IPv4Network: lambda: IPv4Network((random.getrandbits(24) << 8, 24)),
        IPv6Network: lambda: IPv6Network((random.getrandbits(64) << 64, 64)),
        pydantic.ByteSize: lambda: values.integer(none),
        pydantic.EmailStr: values.email,
        pydantic.NameEmail: lambda: f"{values.text(none, 'name')} <{values.email()}>",
        pydantic.SecretStr: lambda: pydantic.SecretStr(values.word()),
        pydantic.SecretBytes: lambda: pydantic.SecretBytes(values.octets(none)),
        pydantic.AnyUrl: values.url,
        pydantic.AnyHttpUrl: values.url,
        pydantic.HttpUrl: values.url,
        pydantic.IPvAnyAddress: lambda: IPv4Address(random.getrandbits(32)),
        pydantic.IPvAnyInterface: lambda: IPv4Interface((random.getrandbits(32), 24)),
        pydantic.IPvAnyNetwork: lambda: IPv4Network((random.getrandbits(24) << 8, 24)),
        pydantic.PastDate: values.past_day,
        pydantic.FutureDate: values.future_day,
        pydantic.PastDatetime: values.past_instant,
        pydantic.FutureDatetime: values.future_instant,
        pydantic.AwareDatetime: lambda: values.instant(none),
        pydantic.NaiveDatetime: lambda: values.wall_time(none),
    }


class _Regex(RegexFactory):
    """Polyfactory's, with characters that people read, in an order that never varies."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._cases |= {
            "any": lambda value: random.choice(_PRINTABLE),
            "not_literal": lambda value: random.choice(_PRINTABLE.replace(chr(value), "")),
            "category": lambda value: _CATEGORIES[str(value).lower()],
        }

    def _handle_in(self, value: tuple[Any, ...]) -> Any:
        found = [c for part in value for c in self._handle_state(part)]
        if found[0] is False:
            found = [c for c in _PRINTABLE if c not in found[1:]]
        return self._random.choice(found)


_PRINTABLE = "".join(map(chr, range(32, 127)))
_WORD = f"{ascii_letters}{digits}_"
_CATEGORIES = {
    "category_digit": digits,
    "category_not_digit": "".join(c for c in _PRINTABLE if c not in digits),
    "category_space": " ",
    "category_not_space": _PRINTABLE.strip(),
    "category_word": _WORD,
    "category_not_word": "".join(c for c in _PRINTABLE if c not in _WORD),
}


def _matching(pattern: Any, random: Random) -> str:
    text = getattr(pattern, "pattern", pattern)
    return _Regex(random)(text)
