"""Turn a typed Python value into the JSON text of its column.

Pydantic's own serializer answers another question: how a value should look in an API. It masks
secrets, leaves out excluded fields, adds computed ones, and runs the serializers a user wrote for
display. A stored value must come back equal, so models are walked here, field by field.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from uuid import UUID

from pydantic import BaseModel, RootModel, SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_json

from andamios_orm.errors import NotStorable

__all__ = [
    "ADDRESSES",
    "EXPONENT",
    "JsonText",
    "JsonTexts",
    "has_exponents",
    "same_value",
    "to_json_text",
    "without_exponents",
]

_PLAIN = (int, bool, type(None))
_KEYS = (str, int, float, bool, date, datetime, time, timedelta, Decimal, UUID)
ADDRESSES = (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
_TOO_DEEP = "a value that has itself in it or is nested too deep"
_LIMIT = "JSON: text, numbers, booleans, lists and objects with simple keys"


@dataclasses.dataclass(slots=True)
class JsonText:
    """The text of a value of a JSON column, in place of the value: it is rendered already."""

    text: str


class JsonTexts(list["str | None"]):
    """The texts of many values of a JSON column, None for NULL."""

    def each(self) -> list[JsonText | None]:
        """Return them as values of one row each."""
        return [None if text is None else JsonText(text) for text in self]


def to_json_text(value: object) -> str:
    """Return `value` as JSON text that the field's own type reads back equal.

    Raises NotStorable for what JSON cannot express: NaN, the infinities, keys that are not
    simple values, bytes that are not UTF-8 (unless the model says `val_json_bytes="base64"`),
    characters that no database stores, what has itself in it or is nested too deep.

    >>> to_json_text({"day": {1, 2}})
    '{"day":[1,2]}'
    """
    try:
        return to_json(_plain(value, "utf8")).decode()
    except RecursionError:
        # Without its cause, whose frames are a thousand.
        raise _refused(_TOO_DEEP) from None
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        # pydantic goes less deep than Python, and says so in words alone.
        deep = "depth exceeded" in str(error)
        raise _refused(_TOO_DEEP if deep else "a value that JSON cannot express") from error


EXPONENT = "e+" if "e+" in to_json(1e16).decode() else "e"
"""What is in JSON text if a large float is in it; older pydantics write no sign."""

_EXPONENTS = re.compile(r'"(?:[^"\\]|\\.)*"|(-?\d+(?:\.\d+)?e\+?\d+)')


def has_exponents(text: str) -> bool:
    """Whether a large float may be in JSON text that pydantic has rendered, in exponents."""
    return EXPONENT in text


def without_exponents(text: str) -> str:
    """Return JSON text whose large floats are written out, as `1e+16` with sixteen zeros and `.0`.

    PostgreSQL keeps the number and its places, and would give `1e+16` back as a whole number.

    >>> without_exponents('[1e+16, "1e+16"]')
    '[10000000000000000.0, "1e+16"]'
    """
    if not has_exponents(text):
        return text
    return _EXPONENTS.sub(lambda found: f"{Decimal(found[1]):f}.0" if found[1] else found[0], text)


def _refused(what: str) -> NotStorable:
    return NotStorable(
        f"the JSON column would have to hold {what}",
        "use values that JSON can express, or another column type",
        limit=_LIMIT,
    )


def _plain(value: object, bytes_mode: str) -> object:
    """Return `value` rebuilt from what `to_json` renders without asking any model."""
    if isinstance(value, Enum):
        return _plain(value.value, bytes_mode)
    if isinstance(value, str):
        if "\0" in value:
            raise _refused("a NUL character")
        return value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refused("NaN or an infinity")
        return value
    if isinstance(value, RootModel):
        return _plain(value.root, bytes_mode)
    if isinstance(value, BaseModel):
        mode = str(type(value).model_config.get("val_json_bytes", bytes_mode))
        return {name: _plain(item, mode) for name, item in _fields(value).items()}
    if isinstance(value, Mapping):
        return {_key(key, bytes_mode): _plain(item, bytes_mode) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, bytes_mode) for item in value]
    if isinstance(value, SecretStr | SecretBytes):
        return _plain(value.get_secret_value(), bytes_mode)
    if isinstance(value, bytes):
        return _text(value, bytes_mode)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if f.init]
        return {f.name: _plain(getattr(value, f.name), bytes_mode) for f in fields}
    if isinstance(value, ADDRESSES):
        return str(value)  # pydantic 2.11 and 2.12 do not render them
    return value


def _text(value: bytes, mode: str) -> str:
    if mode == "base64":
        # pydantic-core reads the URL-safe alphabet (RFC 4648 section 5).
        return base64.urlsafe_b64encode(value).decode()
    if mode == "hex":
        return value.hex()
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise _refused("bytes that are not UTF-8") from error


def _key(key: object, bytes_mode: str) -> object:
    plain = _plain(key, bytes_mode)
    if isinstance(plain, _KEYS):
        return plain
    raise _refused(f"a key of type {type(key).__name__}")


def _fields(value: BaseModel) -> dict[str, object]:
    # A cached_property that was read lies in the same dict.
    declared = type(value).__pydantic_fields__
    own = {name: item for name, item in value.__dict__.items() if name in declared}
    return {**own, **(value.__pydantic_extra__ or {})}


def same_value(one: object, other: object, *, unknown: bool = True) -> bool:
    """Whether two values are of the same types and equal, all the way down.

    `unknown` is the answer for two objects of a class that does not say when they are equal.

    >>> same_value({1: (2,)}, {1: [2]})
    False
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseModel) and isinstance(other, BaseModel):
        return same_value(_fields(one), _fields(other), unknown=unknown)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(map(type, one)) == list(map(type, other)) and all(
            key in other and same_value(value, other[key], unknown=unknown)
            for key, value in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(
            same_value(a, b, unknown=unknown) for a, b in zip(one, other, strict=True)
        )
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [f.name for f in dataclasses.fields(one) if f.init]
        return all(same_value(getattr(one, n), getattr(other, n), unknown=unknown) for n in names)
    if type(one).__eq__ is object.__eq__ and not isinstance(one, Enum):
        return one is other or unknown
    return one == other
