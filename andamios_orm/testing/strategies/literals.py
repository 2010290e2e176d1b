"""Write values as they stand in a program."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from enum import Enum
from keyword import iskeyword
from pathlib import PurePath
from uuid import UUID

from pydantic import SecretBytes, SecretStr

__all__ = ["literal"]


def literal(value: object) -> str:
    """Return an expression for a value, its classes under their own names.

    >>> literal([dt.date(2024, 2, 29), "a"])
    '[date(2024, 2, 29), "a"]'
    """
    if isinstance(value, Enum):
        return _member(value)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if type(value) is str:
        return _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{float(value)}")'
    if isinstance(value, dt.datetime | dt.time) and value.tzinfo is not None:
        return _zoned(value)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return repr(value).removeprefix("datetime.")
    if isinstance(value, SecretStr | SecretBytes):
        return f"{type(value).__name__}({literal(value.get_secret_value())})"
    if isinstance(value, PurePath):
        return f"Path({_quoted(str(value))})"
    if isinstance(value, Decimal | UUID) or type(value).__module__ not in ("builtins", "datetime"):
        return f"{type(value).__name__}({_quoted(str(value))})"
    return repr(value)


def _quoted(text: str) -> str:
    code = repr(text)
    return code if '"' in code or "'" in code[1:-1] else f'"{code[1:-1]}"'


def _zoned(value: dt.datetime | dt.time) -> str:
    offset = value.utcoffset()
    zone = f"timezone({literal(offset)})" if offset else "UTC"
    return f"{literal(value.replace(tzinfo=None)).removesuffix(')')}, tzinfo={zone})"


def _member(value: Enum) -> str:
    kind = type(value)
    if value.name in kind.__members__:
        if value.name.isidentifier() and not iskeyword(value.name):
            return f"{kind.__qualname__}.{value.name}"
        return f"{kind.__qualname__}[{_quoted(value.name)}]"
    return f"{kind.__qualname__}({literal(value.value)})"  # a combination of flags
