"""Write values as code that makes them again, with the imports that it needs."""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import math
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from keyword import iskeyword
from pathlib import PurePath
from types import MappingProxyType, ModuleType
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, BaseModel, NameEmail, RootModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from andamios_orm.models.base import Model
from andamios_orm.queries.orderings import Ordering
from andamios_orm.testing.laws.comparing import same
from andamios_orm.testing.laws.finding import models_in
from andamios_orm.testing.laws.layout import Code, Group, flat, lines_of
from andamios_orm.testing.laws.names import Names
from andamios_orm.testing.strategies.conditions import Filter

__all__ = ["Writer"]


class Writer:
    """Writes values as expressions, and collects the imports of the names that they use.

    ```python
    from datetime import timedelta

    from andamios_orm.testing.laws import Writer

    writer = Writer()
    code = writer.text([timedelta(days=1)])
    assert code == "[timedelta(days=1)]"
    assert writer.program(code) == "from datetime import timedelta\\n\\n[timedelta(days=1)]\\n"
    ```
    """

    def __init__(self, declared: Mapping[type, str] = MappingProxyType({})) -> None:
        self.names = Names(declared)

    def text(self, value: object) -> str:
        """Return an expression that makes the value, in one line."""
        return flat(_code(self.names, value))

    def call(self, function: str, arguments: Iterable[tuple[str | None, object]]) -> str:
        """Return a call, its arguments with their keywords or None, in lines of usual width."""
        items = [(f"{k}=" if k else "", _code(self.names, value)) for k, value in arguments]
        return "\n".join(lines_of(Group(f"{function}(", tuple(items), ")")))

    def program(self, code: str) -> str:
        """Return the imports, notes on what cannot be imported, and the code."""
        head = self.names.head
        return "\n".join([*head, "", code] if head else [code]) + "\n"


def _code(names: Names, value: object) -> Code:
    kind = type(value)
    if kind in (bool, int, type(None), type(Ellipsis), range, complex):
        return repr(value)
    if kind is str or kind is bytes:
        return _quoted(cast("str | bytes", value))
    if kind is float:
        return _float(cast("float", value))
    for known, write in _WRITERS:
        if isinstance(value, known):
            return write(names, value)
    if dataclasses.is_dataclass(value):
        return _dataclass(names, value)
    if hasattr(value, "unicode_string") and kind.__module__.startswith("pydantic"):
        return _from_text(names, value)  # a URL, whatever its class
    return _other(names, value)


def _class(names: Names, kind: type) -> str:
    """Return what a class is called, once it is imported or told where it is from."""
    generic = getattr(kind, "__pydantic_generic_metadata__", None)
    if generic and generic["origin"] is not None:
        arguments = ", ".join(flat(_code(names, a)) for a in generic["args"])
        return f"{_class(names, generic['origin'])}[{arguments}]"
    if kind in names.declared:
        return names.declared[kind]
    if kind.__module__ == "builtins":
        return kind.__qualname__
    outer, _, _ = kind.__qualname__.partition(".")
    if _at(kind.__module__, kind.__qualname__) is kind and kind.__module__ != "__main__":
        return names.use(kind.__module__, outer) + kind.__qualname__[len(outer) :]
    names.note(f"{kind.__name__}: {_origin(kind)}")
    return kind.__name__


def _made(names: Names, kind: type | str, /, *items: object, **named: object) -> Group:
    name = kind if isinstance(kind, str) else _class(names, kind)
    codes = [("", _code(names, item)) for item in items]
    codes += [(f"{key}=", _code(names, value)) for key, value in named.items()]
    return Group(f"{name}(", tuple(codes), ")")


def _from_text(names: Names, value: object) -> Code:
    return _made(names, type(value), str(value))


def _enum(names: Names, value: Enum) -> Code:
    kind = _class(names, type(value))
    if value.name not in type(value).__members__:
        return f"{kind}({value.value!r})"  # a combination of flags
    return f"{kind}.{value.name}" if _is_name(value.name) else f"{kind}[{_quoted(value.name)}]"


def _plain_subclass(names: Names, value: str | bytes | float) -> Code:
    base = next(base for base in (str, bytes, int, float) if isinstance(value, base))
    return _made(names, type(value), base(value))  # type: ignore[arg-type]  # it is one


def _date(names: Names, value: dt.date) -> Code:
    return f"{_class(names, type(value))}({value.year}, {value.month}, {value.day})"


def _moment(names: Names, value: dt.datetime | dt.time) -> Code:
    parts = [value.hour, value.minute, value.second, value.microsecond]
    while len(parts) > 2 and parts[-1] == 0:
        parts.pop()
    if isinstance(value, dt.datetime):
        parts = [value.year, value.month, value.day, *parts]
    items: list[tuple[str, Code]] = [("", str(part)) for part in parts]
    if value.tzinfo is not None:
        items.append(("tzinfo=", _zone(names, value.tzinfo)))
    if value.fold:
        items.append(("fold=", "1"))
    return Group(f"{_class(names, type(value))}(", tuple(items), ")")


def _zone(names: Names, zone: dt.tzinfo) -> Code:
    if isinstance(zone, ZoneInfo):
        return _made(names, ZoneInfo, zone.key)
    offset = zone.utcoffset(None)
    if offset is None:
        return _other(names, zone)
    # pydantic's own zones of a fixed offset are written as Python's.
    if not offset:
        return names.use("datetime", "UTC")
    return _made(names, dt.timezone, offset)


def _delta(names: Names, value: dt.timedelta) -> Code:
    named = {n: getattr(value, n) for n in ("days", "seconds", "microseconds")}
    return _made(names, type(value), **{n: v for n, v in named.items() if v})


def _path(names: Names, value: PurePath) -> Code:
    name = type(value).__name__
    name = "Path" if name in ("PosixPath", "WindowsPath") else name
    return _made(names, names.use("pathlib", name), str(value))


def _secret(names: Names, value: SecretStr | SecretBytes | Secret[Any]) -> Code:
    return _made(names, type(value), value.get_secret_value())


def _email(names: Names, value: NameEmail) -> Code:
    return _made(names, NameEmail, name=value.name, email=value.email)


def _pattern(names: Names, value: re.Pattern[Any]) -> Code:
    names.use("", "re")
    flags = re.RegexFlag(value.flags) & ~re.UNICODE
    return _made(names, "re.compile", value.pattern, *([int(flags)] if flags else []))


def _items(names: Names, opening: str, values: Iterable[object], closing: str) -> Group:
    return Group(opening, tuple(("", _code(names, value)) for value in values), closing)


def _list(names: Names, value: list[object]) -> Code:
    listed = _items(names, "[", value, "]")
    return listed if type(value) is list else _wrapped(names, type(value), listed)


def _tuple(names: Names, value: tuple[object, ...]) -> Code:
    kind: Any = type(value)
    if hasattr(kind, "_fields"):
        return _made(names, kind, **dict(zip(kind._fields, value, strict=True)))
    return _items(names, "(", value, ",)" if len(value) == 1 else ")")


def _set(names: Names, value: set[object] | frozenset[object]) -> Code:
    # In an order of its own, so that the same set is always told alike.
    items = [("", code) for code in sorted((_code(names, v) for v in value), key=flat)]
    if type(value) is set:
        return Group("{", tuple(items), "}") if items else "set()"
    return _wrapped(names, type(value), *([Group("{", tuple(items), "}")] if items else []))


def _mapping(names: Names, value: Mapping[object, object]) -> Code:
    items = tuple((f"{flat(_code(names, k))}: ", _code(names, v)) for k, v in value.items())
    listed = Group("{", items, "}")
    if isinstance(value, defaultdict):
        return _wrapped(names, type(value), _code(names, value.default_factory), listed)
    return listed if type(value) is dict else _wrapped(names, type(value), listed)


def _wrapped(names: Names, kind: type, *items: Code) -> Code:
    return Group(f"{_class(names, kind)}(", tuple(("", item) for item in items), ")")


def _deque(names: Names, value: deque[object]) -> Code:
    listed = _items(names, "[", value, "]")
    most: list[tuple[str, Code]] = [("maxlen=", str(value.maxlen))] if value.maxlen else []
    return Group(f"{_class(names, deque)}(", (("", listed), *most), ")")


def _dataclass(names: Names, value: Any) -> Code:
    fields = [f for f in dataclasses.fields(value) if f.init]
    return _made(names, type(value), **{f.name: getattr(value, f.name) for f in fields})


def _instance(names: Names, value: BaseModel) -> Code:
    """Write the fields that are set, and no validation where it would refuse or change them."""
    kind = type(value)
    fields = kind.__pydantic_fields__
    given = {n: v for n, v in value.__dict__.items() if n in value.model_fields_set}
    given |= value.model_extra or {}
    if isinstance(value, RootModel):
        return _made(names, kind, value.root)
    named = {_keyword(kind, fields.get(n), n): v for n, v in given.items()}
    method = ""
    if not _makes(kind, named, value):
        named, method = given, ".model_construct"
    if all(map(_is_name, named)):
        return _made(names, f"{_class(names, kind)}{method}", **named)
    return Group(f"{_class(names, kind)}{method}(", (("**", _code(names, named)),), ")")


def _filter(names: Names, value: Filter[Any]) -> Code:
    code = value.code
    _import_names(names, code, models_in(value))
    return code


def _ordering(names: Names, value: Ordering) -> Code:
    code = repr(value)
    _import_names(names, code, models_in(value))
    return code


def _import_names(names: Names, code: str, models: Iterable[type[Model]]) -> None:
    known = {model.__name__: model for model in models}
    for node in ast.walk(ast.parse(code, mode="eval")):
        if isinstance(node, ast.Name):
            if node.id in known:
                _class(names, known[node.id])
            elif node.id in _USUAL:
                names.use(_USUAL[node.id], node.id)


def _a_class(names: Names, value: type) -> Code:
    return _class(names, value)


def _other(names: Names, value: object) -> Code:
    kind = type(value)
    if isinstance(value, ModuleType):
        return names.use("", value.__name__)
    name = getattr(value, "__qualname__", None)
    module = getattr(value, "__module__", None)
    if name and module and module != "__main__" and _at(module, name) is value:
        return name if module == "builtins" else names.use(module, name)
    code = repr(value)
    if kind.__module__ != "builtins" and code.startswith(f"{kind.__name__}("):
        return code.replace(kind.__name__, _class(names, kind), 1)
    names.note(f"{' '.join(code.split())}: write how your program makes it")
    return code


_USUAL = {
    **dict.fromkeys(("date", "datetime", "time", "timedelta", "timezone", "UTC"), "datetime"),
    **dict.fromkeys(("Decimal",), "decimal"),
    **dict.fromkeys(("UUID",), "uuid"),
    **dict.fromkeys(("ZoneInfo",), "zoneinfo"),
    **dict.fromkeys(("and_", "or_", "not_"), "andamios_orm"),
}
"""Names in conditions that are no model's, and where they are imported from."""


_ADDRESSES = (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

_WRITERS: Sequence[tuple[Any, Callable[[Names, Any], Code]]] = (
    (type, _a_class),
    (Enum, _enum),
    (Filter, _filter),
    (Ordering, _ordering),
    ((str, bytes, int, float), _plain_subclass),
    (dt.datetime, _moment),
    (dt.date, _date),
    (dt.time, _moment),
    (dt.timedelta, _delta),
    (dt.tzinfo, _zone),
    ((Decimal, UUID, Fraction, *_ADDRESSES), _from_text),
    (PurePath, _path),
    ((Secret, SecretStr, SecretBytes), _secret),
    (NameEmail, _email),
    (re.Pattern, _pattern),
    (BaseModel, _instance),
    (tuple, _tuple),
    (list, _list),
    ((set, frozenset), _set),
    ((Counter, OrderedDict, Mapping), _mapping),
    (deque, _deque),
)
"""In the order in which they are asked: a datetime is a date too."""


def _quoted(value: str | bytes) -> str:
    """Write it in double quotes, as most code does, where that needs no escapes.

    >>> _quoted("a"), _quoted('"'), _quoted(b"a")
    ('"a"', '\\'"\\'', 'b"a"')
    """
    code = repr(value)
    start = code.index("'") if "'" in code else -1
    if start in (0, 1) and '"' not in code and "'" not in code[start + 1 : -1]:
        return f'{code[:start]}"{code[start + 1 : -1]}"'
    return code


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _at(module: str, qualified: str) -> object:
    """Return what a module has under a name; None where it has nothing."""
    found: object = sys.modules.get(module)
    for name in qualified.split("."):
        found = getattr(found, name, None)
    return found


def _origin(kind: type) -> str:
    where, _, _ = kind.__qualname__.rpartition(".")
    module = "the program that was run" if kind.__module__ == "__main__" else kind.__module__
    if not where:
        return f"a class of {module}"
    return f"a class in {where.removesuffix('.<locals>')} of {module}"


def _keyword(kind: type[BaseModel], info: FieldInfo | None, name: str) -> str:
    """Return the name under which the class takes a field."""
    config = kind.model_config
    if info is None or config.get("populate_by_name") or config.get("validate_by_name"):
        return name
    alias = info.validation_alias or info.alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else name


def _makes(kind: type[BaseModel], named: Mapping[str, object], value: BaseModel) -> bool:
    try:
        made = kind(**named)
    except Exception:  # whatever a validator of the user's raises
        return False
    return made.model_fields_set == value.model_fields_set and same(made, value)
