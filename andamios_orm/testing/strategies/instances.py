"""Instances of models, and values of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from andamios_orm.errors import DeclarationError, UsageError
from andamios_orm.schema.spec import Kind
from andamios_orm.testing.strategies.annotations import field_schema, schema_if_registered
from andamios_orm.testing.strategies.columns import (
    Judge,
    judge_of,
    rules_of,
    spec_behind,
    storage_of,
)
from andamios_orm.testing.strategies.problems import Tally, Undrawable
from andamios_orm.testing.strategies.registering import registry
from andamios_orm.testing.strategies.repeating import is_repeatable
from andamios_orm.testing.strategies.schemas import REFUSED, Context, Schema, checker, strategy_of
from andamios_orm.testing.strategies.storable import Limits, Storable, limits_of

__all__ = ["fields", "models"]

M = TypeVar("M", bound=BaseModel)


def models(
    model: type[M],
    *,
    overrides: Mapping[str, SearchStrategy[Any]] | None = None,
    storable: Storable = True,
) -> SearchStrategy[M]:
    """Return a strategy of valid instances of a model, table or not.

    What the database makes is left out: instances are as they are before `add`. Defaults, None
    and values that are known to cause trouble are drawn often; no example could be repeated with
    a default that differs each time (`uuid4`, a clock), so such a field is always given a value.
    `overrides` names strategies for single fields; `storable` says what the values have to fit
    (see `Storable`).

    A value that a validator of the model refuses is drawn again. Raises MostlyRefused, while
    drawing, for a validator that refuses nearly all, and at once Undrawable for a field of a type
    that needs `register`, UsageError for a name in `overrides` that is no field.

    ```python
    from hypothesis import given
    from hypothesis import strategies as st

    from andamios_orm.testing import strategies


    @given(strategies.models(Hero, overrides={"age": st.integers(18, 99)}))
    def test_an_adult(hero: Hero) -> None:
        assert hero.age is not None and hero.age >= 18


    test_an_adult()
    ```
    """
    if overrides:
        return _instances(model, limits_of(storable), overrides)
    return cast("SearchStrategy[M]", _kept_instances(model, storable, registry.version))


def fields(model: type[BaseModel], name: str, *, storable: Storable = True) -> SearchStrategy[Any]:
    """Return a strategy of the values that one field of valid instances has.

    Those of a field that the database makes are values that its column holds. Raises UsageError
    for a name of no field, Undrawable like `models`.

    ```python
    from hypothesis import given

    from andamios_orm.testing import strategies


    @given(strategies.fields(Hero, "name"))
    def test_a_name_is_text(name: str) -> None:
        assert isinstance(name, str)


    test_a_name_is_text()
    ```
    """
    _check_name(model, name)
    return _kept_fields(model, name, storable, registry.version)


@lru_cache(maxsize=256)
def _kept_instances(
    model: type[BaseModel], storable: Storable, version: int
) -> SearchStrategy[Any]:
    return _instances(model, limits_of(storable), {})


@lru_cache(maxsize=1024)
def _kept_fields(
    model: type[BaseModel], name: str, storable: Storable, version: int
) -> SearchStrategy[Any]:
    limits = limits_of(storable)
    description = _described(model)
    part = description.parts[name]
    whole = description.judged_whole or (part.looks_around and not part.server_made)
    if whole and not part.server_made:
        return _instances(model, limits, {}).map(attrgetter(name))
    return _field_values(description, part, limits)


def _check_name(model: type[BaseModel], name: str) -> None:
    if name not in model.__pydantic_fields__:
        known = ", ".join(model.__pydantic_fields__)
        raise UsageError(f"{model.__name__} has no field `{name}`", f"name one of: {known}")


# ---- what a class consists of ------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """One field of a class."""

    name: str
    info: FieldInfo
    schema: Schema
    server_made: bool

    @property
    def optional(self) -> bool:
        return self.schema["type"] == "default" or not self.info.is_required()

    @property
    def looks_around(self) -> bool:
        """Whether a validator of it sees the other fields."""
        return _has_info(self.schema)


@dataclass(frozen=True)
class _Description:
    """A model class, as pydantic compiled it."""

    model: type[BaseModel]
    parts: Mapping[str, _Part]
    definitions: Mapping[str, Schema]
    root: Schema | None
    extra: Schema | None
    """What undeclared fields hold, None where there may be none."""
    judged_whole: bool
    """It has validators of whole instances."""
    config: Mapping[str, Any]
    reads_input: bool
    """One of them sees what is given, before there is an instance."""


def _described(model: type[BaseModel]) -> _Description:
    if not model.__pydantic_complete__ and model.model_rebuild(raise_errors=False) is False:
        raise DeclarationError(
            f"{model.__name__}: an annotation names a class that does not exist yet",
            f"declare that class first, or call {model.__name__}.model_rebuild() where it is known",
        )
    definitions: dict[str, Schema] = {}
    schema: Schema = model.__pydantic_core_schema__
    judged_whole = reads_input = False
    root: Schema | None = None
    config: Mapping[str, Any] = {}
    while True:
        kind = schema["type"]
        if kind == "definitions":
            definitions.update({d["ref"]: d for d in schema["definitions"]})
            schema = schema["schema"]
        elif kind == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        elif kind.startswith("function-"):
            judged_whole = True
            reads_input = reads_input or kind != "function-after"
            schema = schema["schema"]
        elif kind == "model":
            config = schema.get("config") or {}
            if schema.get("root_model"):
                root = schema["schema"]
                break
            schema = schema["schema"]
        else:
            break
    parts = {}
    extra = None
    if root is None:
        parts = {name: _part(model, name, field) for name, field in schema["fields"].items()}
        behavior = schema.get("extra_behavior") or model.model_config.get("extra")
        if behavior == "allow":
            extra = schema.get("extras_schema") or {"type": "any"}
    return _Description(model, parts, definitions, root, extra, judged_whole, config, reads_input)


def _part(model: type[BaseModel], name: str, field: Schema) -> _Part:
    info = model.__pydantic_fields__[name]
    schema = field["schema"]
    registered = schema_if_registered(info.annotation, info.metadata)
    if registered is not None:
        schema = registered
    spec = spec_behind(model)
    stored = spec.by_name.get(name) if spec is not None and spec.model is model else None
    return _Part(name, info, schema, stored is not None and stored.server_made)


def _has_info(schema: Any) -> bool:
    """Whether a user's validator in a schema asks what else there is."""
    while isinstance(schema, Mapping):
        function = schema.get("function")
        if isinstance(function, Mapping) and function["type"] == "with-info":
            module = getattr(function["function"], "__module__", "") or ""
            if not module.startswith("pydantic"):
                return True
        schema = schema.get("schema")
    return False


# ---- instances ---------------------------------------------------------------------------------


def _context(model: type[BaseModel], limits: Limits) -> Context:
    return Context(
        where=model.__name__,
        limits=limits,
        instances=_nested,
        registered=registry.get,
        field_schema=lambda cls, name, schema, context: field_schema(cls, name, schema),
        tally=Tally(model.__name__),
    )


def _instances(
    model: type[M], limits: Limits, overrides: Mapping[str, SearchStrategy[Any]]
) -> SearchStrategy[M]:
    for name in overrides:
        _check_name(model, name)
    description = _described(model)
    context = _context(model, limits).inside(model)
    assert context is not None  # noqa: S101 - the first class is not too deep
    inputs = _inputs(description, context, overrides)
    if inputs.is_empty:
        raise Undrawable(
            f"{model.__name__}: no instance keeps all its constraints",
            "look for bounds that contradict each other, or for a class that contains itself"
            " without end",
        )
    return cast("SearchStrategy[M]", _valid(description, context, inputs, given=False))


def _nested(model: type, context: Context) -> SearchStrategy[Any]:
    """Return a strategy of what a field annotated with a model is given."""
    deeper = context.inside(model)
    if deeper is None:
        return st.nothing()
    description = _described(model)
    inner = replace(deeper.bare(), tally=Tally(model.__name__), definitions=description.definitions)
    inputs = _inputs(description, inner, {})
    if inputs.is_empty:
        return inputs
    return _valid(description, inner, inputs, given=description.reads_input)


def _inputs(
    description: _Description, context: Context, overrides: Mapping[str, SearchStrategy[Any]]
) -> SearchStrategy[Any]:
    """Return a strategy of what the class is made from, by the fields' names."""
    context = replace(context, definitions=description.definitions, config=description.config)
    if description.root is not None:
        where = f"{description.model.__name__}.root"
        if "root" in overrides:
            return overrides["root"]
        return _located(description.root, replace(context, where=where, name="root"))
    required: dict[str, SearchStrategy[Any]] = {}
    optional: dict[str, SearchStrategy[Any]] = {}
    for name, part in description.parts.items():
        if name in overrides:
            required[name] = overrides[name]
            continue
        if part.server_made:
            continue
        found = _given(description, part, context)
        if not part.optional:
            required[name] = found
        elif not found.is_empty:
            (optional if is_repeatable(part.info) else required)[name] = found
    for name, found in required.items():
        if found.is_empty and len(context.path) == 1:
            raise Undrawable(
                f"{description.model.__name__}.{name}: no value keeps all its constraints",
                "look for bounds that contradict each other, or give a strategy in"
                f" `overrides={{{name!r}: ...}}`",
            )
    inputs = st.fixed_dictionaries(required, optional=optional)
    if description.extra is None:
        return inputs
    extras = st.dictionaries(
        st.text("abcxyz", min_size=1, max_size=5).filter(_is_free(description)),
        strategy_of(description.extra, context.bare()),
        max_size=2,
    )
    return st.builds(lambda known, more: {**more, **known}, inputs, extras)


def _is_free(description: _Description) -> Any:
    aliases = {
        alias
        for part in description.parts.values()
        for alias in (part.info.alias, part.info.validation_alias)
        if isinstance(alias, str)
    }

    def is_free(name: str) -> bool:
        taken = name in aliases or name in description.parts
        return not taken and not hasattr(description.model, name)

    return is_free


def _given(description: _Description, part: _Part, context: Context) -> SearchStrategy[Any]:
    """Return a strategy of what one field is given."""
    model = description.model
    inner = replace(context, where=f"{model.__name__}.{part.name}", name=part.name)
    if context.limits.storable and not context.limits.json:
        storage = storage_of(model, part.name)
        if storage is not None and storage.kind is Kind.JSON:
            inner = replace(inner, limits=context.limits.inside_json())
        else:
            inner = replace(inner, rules=rules_of(model, part.name, context.limits))
    return _located(part.schema, inner)


def _located(schema: Schema, context: Context) -> SearchStrategy[Any]:
    try:
        return strategy_of(schema, context)
    except Undrawable as error:
        raise error.located(context.where) from None


# ---- what the class and its columns say --------------------------------------------------------


def _valid(
    description: _Description, context: Context, inputs: SearchStrategy[Any], *, given: bool
) -> SearchStrategy[Any]:
    """Return a strategy of the instances that the class makes of inputs, or of these `given`."""
    model, tally = description.model, context.tally
    judges = {} if context.limits.json else _judges(description, context.limits)

    keys = {name: _usual_key(part.info) or name for name, part in description.parts.items()}

    def made(data: Any) -> Any:
        tally.drawn("")
        try:
            if model.__pydantic_custom_init__:
                # An `__init__` of the user's hands on what it is given, by the usual names.
                data = {keys.get(name, name): value for name, value in data.items()}
                instance = model(**data)
            else:
                instance = model.model_validate(data, by_alias=False, by_name=True)
        except ValidationError as error:
            for field, judge in _refusals(description, error):
                tally.refuse(field, judge, of="")
            return REFUSED
        for name, judge_value in judges.items():
            if name in instance.__dict__ and not judge_value(instance.__dict__[name]):
                tally.refuse(name, "the column", of="")
                return REFUSED
        return data if given else instance

    return inputs.map(made).filter(lambda value: value is not REFUSED)


def _usual_key(info: FieldInfo) -> str:
    """Return the name under which a program gives a field to the class."""
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else ""


def _judges(description: _Description, limits: Limits) -> dict[str, Judge]:
    found = {
        name: judge_of(description.model, name, limits)
        for name, part in description.parts.items()
        if not part.server_made
    }
    return {name: judge for name, judge in found.items() if judge is not None}


def _refusals(description: _Description, error: ValidationError) -> set[tuple[str, str]]:
    """Return which fields were refused, and by what."""
    found = set()
    for one in error.errors(include_url=False, include_input=False):
        place = one["loc"]
        field = str(place[0]) if place else ""
        cause = one.get("ctx", {}).get("error")
        frame = getattr(cause, "__traceback__", None)
        if frame is not None:
            judge = f"the validator `{_qualified(frame.tb_frame.f_code)}`"
        else:
            judge = f"a validator ({one['type']})"
        found.add((field if field in description.parts else "", judge))
    return found


def _qualified(code: Any) -> str:
    return str(getattr(code, "co_qualname", code.co_name))


# ---- values of one field -----------------------------------------------------------------------


def _field_values(description: _Description, part: _Part, limits: Limits) -> SearchStrategy[Any]:
    model = description.model
    context = _context(model, limits).inside(model)
    assert context is not None  # noqa: S101 - the first class is not too deep
    context = replace(
        context,
        definitions=description.definitions,
        config=description.config,
        name=part.name,
    )
    inputs = _given(description, part, context)
    validate = checker(part.schema, context)
    judge = judge_of(model, part.name, limits)
    tally = context.tally

    def made(value: Any) -> Any:
        tally.drawn("")
        try:
            value = validate(value)
        except ValidationError as error:
            for _, by in _refusals(description, error):
                tally.refuse(part.name, by, of="")
            return REFUSED
        if judge is not None and not judge(value):
            tally.refuse(part.name, "the column", of="")
            return REFUSED
        return value

    found = inputs.map(made).filter(lambda value: value is not REFUSED)
    default = part.info.default
    if part.server_made or default is PydanticUndefined or part.info.default_factory is not None:
        return found
    return st.one_of(found, found, st.just(default))
