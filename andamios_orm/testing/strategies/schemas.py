"""From pydantic's own description of a type to a strategy of what it accepts.

Pydantic compiles each annotation, with its `Annotated` metadata, its config and its validators,
to a core schema, which is what its validator runs. Reading that instead of the annotation leaves
no constraint to be overlooked.
"""

from __future__ import annotations

import collections.abc
import pathlib
import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, Flag
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import ByteSize, EmailStr, EncodedBytes, EncodedStr, NameEmail, ValidationError
from pydantic_core import SchemaValidator, core_schema

from andamios_orm.schema.json_values import to_json_text
from andamios_orm.testing.strategies import networks
from andamios_orm.testing.strategies.documents import documents
from andamios_orm.testing.strategies.numbers import Rules, decimals, floats, integers
from andamios_orm.testing.strategies.problems import Tally, Undrawable
from andamios_orm.testing.strategies.storable import Limits
from andamios_orm.testing.strategies.texts import data, texts
from andamios_orm.testing.strategies.times import clock_times, dates, datetimes, intervals
from andamios_orm.testing.strategies.uuids import uuids

__all__ = ["Context", "checker", "strategy_of"]

Schema: TypeAlias = Mapping[str, Any]

_DEEPEST = 3
"""How often a class may be found inside itself."""


@dataclass(frozen=True)
class Context:
    """Where in a model a schema stands, and what its values have to fit besides."""

    where: str
    """`"Hero.email"`, for messages."""
    limits: Limits
    instances: Callable[[type, Context], SearchStrategy[Any]]
    """Return a strategy of what a field annotated with this model class is given."""
    registered: Callable[[object], SearchStrategy[Any] | None]
    field_schema: Callable[[type, str, Schema, Context], Schema]
    """Return the schema of a field of a class that is no model, with registered types marked."""
    tally: Tally
    name: str = ""
    definitions: Mapping[str, Schema] = field(default_factory=dict)
    path: tuple[object, ...] = ()
    """The classes that it stands inside of."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What the class says of all its fields."""
    rules: Rules = field(default_factory=dict)
    """Constraints that were found around the schema, or that the column adds."""

    def inside(self, mark: object) -> Context | None:
        """Return the context inside a class, None if that would be too deep."""
        if self.path.count(mark) >= _DEEPEST:
            return None
        return replace(self, path=(*self.path, mark))

    def bare(self) -> Context:
        """Return the context of a part, which no constraint of the whole holds for."""
        return replace(self, rules={}, limits=self.limits.inside_json())


def strategy_of(schema: Schema, context: Context) -> SearchStrategy[Any]:
    """Return a strategy of values that the schema accepts. Raises Undrawable."""
    mark = (schema.get("metadata") or {}).get(MARK)
    if mark is not None and (known := context.registered(mark)) is not None:
        return known
    cls = schema.get("cls")
    if isinstance(cls, type) and (known := context.registered(cls)) is not None:
        return known
    kind = schema["type"]
    if kind == "any" and (skipped := (schema.get("serialization") or {}).get("schema")):
        return strategy_of(skipped, context)  # the type inside SkipValidation
    if kind == "any" and context.rules:
        kind = "str" if context.rules.keys() & _OF_LENGTH else "int"
    if _is_foreign(kind, context.rules):
        return st.nothing()
    if (leaf := _LEAVES.get(kind)) is not None:
        rules = {**_configured(kind, context.config), **schema}
        return leaf(_merged(rules, context.rules), context.limits)
    if (part := _PARTS.get(kind)) is not None:
        return part(schema, context)
    raise _undrawable(kind)


MARK = "andamios_registered"


def _undrawable(what: str) -> Undrawable:
    return Undrawable(
        f"no strategy for {what}",
        "register one with `strategies.register(TheType, strategy)`, or give one in"
        " `overrides={...}`",
    )


def _is_foreign(kind: str, rules: Rules) -> bool:
    """Whether constraints around a union say nothing of this kind, so that pydantic refuses it."""
    ordered = any(not isinstance(rules[name], str) for name in rules.keys() & _OF_ORDER)
    return (ordered and kind in _UNORDERED) or (
        bool(rules.keys() & _OF_LENGTH) and kind in _UNSIZED
    )


_OF_ORDER = {"ge", "gt", "le", "lt", "multiple_of"}
_OF_LENGTH = {"min_length", "max_length"}
_UNORDERED = {"str", "bytes", "uuid", "none", "complex"}
_UNSIZED = {"none", "bool", "int", "float", "decimal", "date", "time", "datetime", "timedelta",
            "uuid", "complex", "fraction"}  # fmt: skip


def _configured(kind: str, config: Mapping[str, Any]) -> Rules:
    """Return the constraints that a class's configuration puts on a kind of value."""
    names = _CONFIGURED.get(kind, {})
    return {rule: config[name] for name, rule in names.items() if config.get(name) is not None}


_CONFIGURED: Mapping[str, Mapping[str, str]] = {
    "float": {"allow_inf_nan": "allow_inf_nan"},
    "str": {
        "str_strip_whitespace": "strip_whitespace",
        "str_to_lower": "to_lower",
        "str_to_upper": "to_upper",
        "str_min_length": "min_length",
        "str_max_length": "max_length",
        "regex_engine": "regex_engine",
    },
}


def _merged(schema: Schema, rules: Rules) -> Rules:
    """Return the constraints of both, the tighter of each."""
    found = {name: value for name, value in schema.items() if value is not None}
    for name, value in rules.items():
        if name not in found:
            found[name] = value
        elif name in ("ge", "gt", "min_length"):
            found[name] = max(found[name], value)
        elif name in ("le", "lt", "max_length"):
            found[name] = min(found[name], value)
    return found


# ---- what has no parts -------------------------------------------------------------------------

_LEAVES: Mapping[str, Callable[[Rules, Limits], SearchStrategy[Any]]] = {
    "any": lambda rules, limits: documents(limits),
    "none": lambda rules, limits: st.none(),
    "bool": lambda rules, limits: st.booleans(),
    "int": integers,
    "float": floats,
    "decimal": decimals,
    "str": texts,
    "bytes": data,
    "date": dates,
    "time": clock_times,
    "datetime": datetimes,
    "timedelta": intervals,
    "uuid": lambda rules, limits: uuids(rules),
    "url": lambda rules, limits: networks.urls(rules),
    "multi-host-url": lambda rules, limits: networks.multi_host_urls(rules),
    "literal": lambda rules, limits: st.sampled_from(rules["expected"]),
    "enum": lambda rules, limits: _members(rules["cls"], rules["members"]),
    "complex": lambda rules, limits: st.complex_numbers(allow_nan=False, allow_infinity=False),
    "fraction": lambda rules, limits: _fractions(rules),
    "callable": lambda rules, limits: st.sampled_from((len, str.upper)),
    "is-subclass": lambda rules, limits: st.just(rules["cls"]),
    "ellipsis": lambda rules, limits: st.just(...),
    "missing-sentinel": lambda rules, limits: _missing(),
}


def _missing() -> SearchStrategy[Any]:
    from pydantic_core import MISSING  # noqa: PLC0415 - pydantic has it, and asks for it, since 2.12

    return st.just(MISSING)


def _members(cls: type[Enum], members: list[Enum]) -> SearchStrategy[Any]:
    one = st.sampled_from(members)
    if not issubclass(cls, Flag):
        return one
    union: SearchStrategy[Any] = st.sets(one, min_size=1).map(_united)
    return st.one_of(one, union)


def _united(flags: set[Any]) -> Any:
    return reduce(or_, flags)


def _fractions(rules: Rules) -> SearchStrategy[Fraction]:
    low, high = rules.get("ge", rules.get("gt")), rules.get("le", rules.get("lt"))
    found = st.fractions(low, high)
    if "gt" in rules or "lt" in rules:
        found = found.filter(lambda value: value not in (rules.get("gt"), rules.get("lt")))
    return found


# ---- what is around another --------------------------------------------------------------------


def _nullable(schema: Schema, context: Context) -> SearchStrategy[Any]:
    inner = strategy_of(schema["schema"], context)
    return st.one_of(st.none(), inner)


def _inner(schema: Schema, context: Context) -> SearchStrategy[Any]:
    return strategy_of(schema["schema"], context)


def _union(schema: Schema, context: Context) -> SearchStrategy[Any]:
    choices = [c[0] if isinstance(c, tuple) else c for c in schema["choices"]]
    if any(choice["type"] in _MADE for choice in choices):
        # A class that describes itself takes its own instances beside what it makes them of.
        choices = [c for c in choices if _instance_class(c) is None]
    return st.one_of([strategy_of(choice, context) for choice in choices])


_MADE = ("function-after", "function-plain", "function-wrap", "chain")


def _tagged_union(schema: Schema, context: Context) -> SearchStrategy[Any]:
    choices = schema["choices"]
    distinct = {id(c): c for c in choices.values() if not isinstance(c, str)}
    return st.one_of([strategy_of(choice, context) for choice in distinct.values()])


def _lax_or_strict(schema: Schema, context: Context) -> SearchStrategy[Any]:
    cls = _instance_class(schema["strict_schema"])
    if cls is not None and (known := _instances(cls)) is not None:
        return known
    return strategy_of(schema["lax_schema"], context)


def _instance_class(schema: Schema) -> type | None:
    """Return the class whose instances a schema asks for, None for another schema."""
    if schema["type"] == "json-or-python":
        return _instance_class(schema["python_schema"])
    if schema["type"] == "is-instance" and isinstance(schema["cls"], type):
        cls: type = schema["cls"]
        return cls
    return None


def _json_or_python(schema: Schema, context: Context) -> SearchStrategy[Any]:
    try:
        found = strategy_of(schema["python_schema"], context)
    except Undrawable:
        return strategy_of(schema["json_schema"], context)
    return strategy_of(schema["json_schema"], context) if found.is_empty else found


def _chain(schema: Schema, context: Context) -> SearchStrategy[Any]:
    steps = schema["steps"]
    typed = [s for s in steps if s["type"] not in ("any", "is-instance")]
    typed = [s for s in typed if _instance_class(s) is None] or steps
    found = strategy_of(typed[0], context)
    return _checked(found, schema, context, "a validator")


def _json_text(schema: Schema, context: Context) -> SearchStrategy[Any]:
    limits = replace(context.limits, engines=("postgresql",), json=True)
    if "schema" not in schema:
        return documents(limits).map(to_json_text)
    return strategy_of(schema["schema"], replace(context.bare(), limits=limits)).map(to_json_text)


def _definitions(schema: Schema, context: Context) -> SearchStrategy[Any]:
    known = {d["ref"]: d for d in schema["definitions"]}
    inner = replace(context, definitions={**context.definitions, **known})
    return strategy_of(schema["schema"], inner)


def _reference(schema: Schema, context: Context) -> SearchStrategy[Any]:
    deeper = context.inside(schema["schema_ref"])
    if deeper is None:
        return st.nothing()
    return strategy_of(context.definitions[schema["schema_ref"]], deeper)


# ---- containers --------------------------------------------------------------------------------

_USUAL_SIZE = 5
_LARGEST = 30


def _sizes(schema: Schema, context: Context) -> tuple[int, int]:
    rules = _merged(schema, context.rules)
    least, most = rules.get("min_length") or 0, rules.get("max_length")
    room = least + (_USUAL_SIZE if len(context.path) < 2 else 2)
    return least, room if most is None else most if most <= _LARGEST else min(room, most)


def _items(schema: Schema, context: Context) -> SearchStrategy[Any]:
    return strategy_of(schema.get("items_schema") or _ANYTHING, context.bare())


_ANYTHING: Schema = {"type": "any"}


def _list(schema: Schema, context: Context) -> SearchStrategy[Any]:
    least, most = _sizes(schema, context)
    return _lists(_items(schema, context), least, most)


def _lists(items: SearchStrategy[Any], least: int, most: int) -> SearchStrategy[list[Any]]:
    if least > most or (items.is_empty and least):
        return st.nothing()
    found = st.lists(items, min_size=least, max_size=0 if items.is_empty else most)
    if items.is_empty or most > _LARGEST or most == least:
        return found
    return st.one_of(found, found, found, st.lists(items, min_size=most, max_size=most))


def _of_unique(made: Callable[..., Any]) -> Callable[[Schema, Context], SearchStrategy[Any]]:
    def unique(schema: Schema, context: Context) -> SearchStrategy[Any]:
        least, most = _sizes(schema, context)
        items = _items(schema, context)
        if schema.get("items_schema") is None or items.is_empty:
            items = st.one_of(st.integers(-9, 9), st.text("abc", max_size=3))
        found = st.lists(items, min_size=least, max_size=most, unique_by=_hashed)
        return found.map(made) if least <= most else st.nothing()

    return unique


def _hashed(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def _tuple(schema: Schema, context: Context) -> SearchStrategy[Any]:
    items = schema["items_schema"]
    place = schema.get("variadic_item_index")
    inner = context.bare()
    if place is None:
        return st.tuples(*(strategy_of(item, inner) for item in items))
    before, after = items[:place], items[place + 1 :]
    least, most = _sizes(schema, context)
    fixed = len(before) + len(after)
    variadic = _lists(strategy_of(items[place], inner), max(least - fixed, 0), max(most - fixed, 0))
    parts = [st.tuples(*(strategy_of(item, inner) for item in part)) for part in (before, after)]
    return st.builds(lambda a, b, c: (*a, *b, *c), parts[0], variadic, parts[1])


def _dict(schema: Schema, context: Context) -> SearchStrategy[Any]:
    least, most = _sizes(schema, context)
    inner = context.bare()
    keys_schema = schema.get("keys_schema")
    # Of an open mapping JSON keeps the keys that are text.
    if keys_schema is None or keys_schema["type"] == "any":
        keys: SearchStrategy[Any] = texts({}, inner.limits)
    else:
        keys = strategy_of(keys_schema, inner)
    values = strategy_of(schema.get("values_schema") or _ANYTHING, inner)
    if keys.is_empty or values.is_empty:
        return st.just({}) if not least else st.nothing()
    return (
        st.dictionaries(keys, values, min_size=least, max_size=most)
        if least <= most
        else (st.nothing())
    )


def _counter(schema: Schema, context: Context) -> SearchStrategy[Any]:
    counts = {**schema, "values_schema": {"type": "int", "ge": -100, "le": 100}}
    return _dict(counts, context).map(Counter)


# ---- classes with fields -----------------------------------------------------------------------


def _model(schema: Schema, context: Context) -> SearchStrategy[Any]:
    return context.instances(schema["cls"], context)


def _typed_dict(schema: Schema, context: Context) -> SearchStrategy[Any]:
    deeper = context.inside(schema.get("cls") or schema.get("cls_name"))
    if deeper is None:
        return st.nothing()
    deeper = replace(deeper, config=schema.get("config") or deeper.config)
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for name, part in schema["fields"].items():
        inner = _field_of(schema.get("cls"), name, part["schema"], deeper)
        needed = part.get("required", schema.get("total", True))
        is_default = part["schema"]["type"] == "default"
        (required if needed and not is_default else optional)[name] = inner
    optional = {name: inner for name, inner in optional.items() if not inner.is_empty}
    return st.fixed_dictionaries(required, optional=optional)


def _field_of(cls: Any, name: str, schema: Schema, context: Context) -> SearchStrategy[Any]:
    inner = replace(context.bare(), where=f"{getattr(cls, '__name__', 'TypedDict')}.{name}")
    if cls is not None:
        schema = context.field_schema(cls, name, schema, context)
    try:
        return strategy_of(schema, inner)
    except Undrawable as error:
        raise error.located(inner.where) if inner.where not in str(error) else error from None


def _dataclass(schema: Schema, context: Context) -> SearchStrategy[Any]:
    cls = schema["cls"]
    deeper = context.inside(cls)
    if deeper is None:
        return st.nothing()
    deeper = replace(deeper, config=schema.get("config") or {})
    args = schema["schema"]
    while args["type"] != "dataclass-args":
        args = args["schema"]
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for part in args["fields"]:
        if not part.get("init", True):
            continue
        inner = _field_of(cls, part["name"], part["schema"], deeper)
        (optional if part["schema"]["type"] == "default" else required)[part["name"]] = inner
    optional = {name: inner for name, inner in optional.items() if not inner.is_empty}
    found = st.fixed_dictionaries(required, optional=optional)
    # A strict one takes instances only, which is what these become.
    config = {name: value for name, value in deeper.config.items() if name != "strict"}
    lax = {name: value for name, value in schema.items() if name not in ("strict", "config")}
    return _validated(
        found,
        {**lax, "config": config},
        replace(context, config={}),
        f"a validator of {cls.__name__}",
    )


def _named_tuple(schema: Schema, context: Context) -> SearchStrategy[Any]:
    deeper = context.inside(schema["cls"])
    if deeper is None:
        return st.nothing()
    parts = [
        _field_of(schema["cls"], part["name"], part["schema"], deeper) for part in schema["fields"]
    ]
    return st.builds(schema["cls"], *parts)


def _call(schema: Schema, context: Context) -> SearchStrategy[Any]:
    """Draw the named tuple that older pydantics describe as a call of its class."""
    arguments = schema["arguments_schema"].get("arguments_schema")
    if arguments is None or not hasattr(schema["function"], "_fields"):
        raise _undrawable("call")
    return _named_tuple({"cls": schema["function"], "fields": arguments}, context)


# ---- functions ---------------------------------------------------------------------------------


def _function(schema: Schema, context: Context) -> SearchStrategy[Any]:
    """A validator before, after or around: what is inside, if the validator takes it."""
    function = schema["function"]["function"]
    special = _special(function, schema, context)
    if special is not None:
        return special
    keywords = getattr(function, "keywords", {})
    rules = {name: value for name, value in keywords.items() if name in _CONSTRAINTS}
    inner = replace(context, rules=_merged(context.rules, rules))
    found = strategy_of(schema["schema"], inner)
    if rules:
        # Where a union has kinds that the constraint says nothing of, it is asked.
        return _checked(found, schema, context, None)
    return _judged(found, schema, context)


_CONSTRAINTS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "max_digits",
                "decimal_places")  # fmt: skip


def _judged(found: SearchStrategy[Any], schema: Schema, context: Context) -> SearchStrategy[Any]:
    function = schema["function"]
    module = getattr(function["function"], "__module__", None) or ""
    own = module.startswith("pydantic.") and "apply_known_metadata" not in _name(function)
    if own or schema["function"]["type"] == "with-info":
        # A validator that looks at other fields is heard with the whole instance.
        return found
    return _checked(found, schema, context, f"the validator `{_name(function)}`")


def _name(function: Schema) -> str:
    return getattr(function["function"], "__qualname__", repr(function["function"]))


def _plain_function(schema: Schema, context: Context) -> SearchStrategy[Any]:
    """A validator in the place of pydantic's: values of the annotated type, if it takes them."""
    special = _special(schema["function"]["function"], schema, context)
    if special is not None:
        return special
    for inner in (
        (schema.get("serialization") or {}).get("schema"),
        schema.get("json_schema_input_schema"),
    ):
        if inner is not None and inner["type"] != "any":
            return _judged(strategy_of(inner, context), schema, context)
    raise _undrawable(f"what `{_name(schema['function'])}` reads")


def _special(function: Any, schema: Schema, context: Context) -> SearchStrategy[Any] | None:
    """Return the strategy for a function of pydantic's that stands for a type, None for others."""
    owner = getattr(function, "__self__", None)
    rules = context.rules
    if isinstance(owner, EncodedBytes | EncodedStr):
        return _encoded(owner, schema["schema"]["type"], context)
    if isinstance(owner, type):
        if issubclass(owner, EmailStr):
            return networks.emails(rules)
        if issubclass(owner, NameEmail):
            return networks.name_emails()
        if issubclass(owner, ByteSize):
            return integers(_merged({"ge": 0}, rules), context.limits).map(owner)
        if owner in networks.ANY_ADDRESS:
            return networks.ANY_ADDRESS[owner]
    name = getattr(function, "__qualname__", "")
    module = getattr(function, "__module__", None) or ""
    return _NAMED.get(name) if module.startswith("pydantic") else None


def _encoded(owner: EncodedBytes | EncodedStr, kind: str, context: Context) -> SearchStrategy[Any]:
    """Return a strategy of what is decoded: of text where the result is to be text."""
    if kind == "str":
        text = texts({}, context.limits.inside_json()).filter(_is_encodable)
        return text.map(lambda text: owner.encoder.encode(text.encode()).decode())
    return data({}, context.limits).map(owner.encoder.encode)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_HERE = pathlib.Path(__file__)
_NAMED: Mapping[str, SearchStrategy[Any]] = {
    "import_string": st.sampled_from(("math.pi", "json.loads")),
    "pattern_either_validator": st.sampled_from((re.compile(""), re.compile(r"a+"))),
    "pattern_str_validator": st.sampled_from((re.compile(""), re.compile(r"a+"))),
    "pattern_bytes_validator": st.sampled_from((re.compile(b""), re.compile(rb"a+"))),
    "validate_str_is_valid_iana_tz": st.sampled_from(("UTC", "Europe/Berlin")).map(ZoneInfo),
    "PathType.validate_file": st.sampled_from((_HERE, _HERE.with_name("__init__.py"))),
    "PathType.validate_directory": st.sampled_from((_HERE.parent, _HERE.parent.parent)),
    "PathType.validate_new": st.text("abc", min_size=8).map(_HERE.with_name),
}


# ---- instances of classes ----------------------------------------------------------------------


def _is_instance(schema: Schema, context: Context) -> SearchStrategy[Any]:
    found = _instances(schema["cls"]) if isinstance(schema["cls"], type) else None
    if found is None:
        raise _undrawable(getattr(schema["cls"], "__name__", str(schema["cls"])))
    return found


def _instances(cls: type) -> SearchStrategy[Any] | None:
    if cls in networks.ADDRESSES:
        return networks.ADDRESSES[cls]
    if issubclass(cls, pathlib.PurePath):
        return _paths(cls)
    if cls is Fraction:
        return st.fractions()
    if cls is collections.abc.Hashable:
        return st.one_of(st.integers(-9, 9), st.text("abc", max_size=3), st.none())
    return None


def _paths(cls: type[pathlib.PurePath]) -> SearchStrategy[Any]:
    part = st.text(st.characters(codec="ascii", exclude_characters="/\0"), min_size=1, max_size=8)
    made = st.builds(
        lambda root, parts: cls(root + "/".join(parts)),
        st.sampled_from(("", "", "/")),
        st.lists(part, max_size=3),
    )
    traps = ("", "/", "a b", "é.txt", "..", "a/../b", "~", "a.tar.gz")
    return st.one_of(made, made, made, st.sampled_from(traps).map(cls))


# ---- what validators say -----------------------------------------------------------------------

REFUSED: Any = object()


def checker(schema: Schema, context: Context) -> Callable[[Any], Any]:
    """Return the function that validates one value of a schema."""
    whole: Any = schema
    if context.definitions:
        whole = core_schema.definitions_schema(whole, [*context.definitions.values()])
    config: Any = context.config
    validate = SchemaValidator(whole, config or None).validate_python
    return lambda value: validate(value, by_alias=False, by_name=True)


def _validated(
    found: SearchStrategy[Any], schema: Schema, context: Context, judge: str | None
) -> SearchStrategy[Any]:
    """Return a strategy of what the schema makes of what is drawn, without what it refuses."""
    return _asked(found, schema, context, judge, made=True)


def _checked(
    found: SearchStrategy[Any], schema: Schema, context: Context, judge: str | None
) -> SearchStrategy[Any]:
    """Return a strategy of what is drawn, without what the schema refuses."""
    return _asked(found, schema, context, judge, made=False)


def _asked(
    found: SearchStrategy[Any],
    schema: Schema,
    context: Context,
    judge: str | None,
    *,
    made: bool,
) -> SearchStrategy[Any]:
    validate = checker(schema, context)
    tally, name = context.tally, context.name

    def asked(value: Any) -> Any:
        key = f"{name}#{judge}"
        tally.drawn(key)
        try:
            result = validate(value)
        except ValidationError:
            tally.refuse(name, judge or "a constraint", of=key)
            return REFUSED
        return result if made else value

    return found.map(asked).filter(_is_taken)


def _is_taken(value: Any) -> bool:
    return value is not REFUSED


_PARTS: Mapping[str, Callable[[Schema, Context], SearchStrategy[Any]]] = {
    "nullable": _nullable,
    "default": _inner,
    "custom-error": _inner,
    "union": _union,
    "tagged-union": _tagged_union,
    "lax-or-strict": _lax_or_strict,
    "json-or-python": _json_or_python,
    "chain": _chain,
    "json": _json_text,
    "definitions": _definitions,
    "definition-ref": _reference,
    "list": _list,
    "generator": _list,
    "set": _of_unique(set),
    "frozenset": _of_unique(frozenset),
    "deque": lambda schema, context: _list(schema, context).map(deque),
    "tuple": _tuple,
    "dict": _dict,
    "ordered-dict": lambda schema, context: _dict(schema, context).map(collections.OrderedDict),
    "counter": _counter,
    "model": _model,
    "typed-dict": _typed_dict,
    "dataclass": _dataclass,
    "named-tuple": _named_tuple,
    "call": _call,
    "function-before": _function,
    "function-after": _function,
    "function-wrap": _function,
    "function-plain": _plain_function,
    "is-instance": _is_instance,
}
