"""The validator of rows: the model's own, told that its input comes from columns.

A model takes a JSON column as Python objects, so that the text would be parsed first and the
objects be walked a second time. Here the field takes the text itself, and pydantic-core parses
and validates it in one go. What is only for instances that people make is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaError, SchemaValidator, core_schema

from andamios_orm.rows.proofs import proof_of, sized_text
from andamios_orm.schema.representations.base import Expression
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec, only_drops_unset

__all__ = ["RowsValidator", "rows_validator"]

_Schema: TypeAlias = dict[str, Any]

Validate: TypeAlias = Callable[[list[dict[str, object]]], list[Any]]


@dataclass(frozen=True, slots=True)
class RowsValidator:
    """How dicts by field name become instances of one model."""

    validate: Validate
    """Return the instances. Raises what the model's validators raise."""
    parses: frozenset[str]
    """The fields whose JSON text it takes as it is."""
    fitting: Mapping[str, Expression] = field(default_factory=dict)
    """What is true of numbers, and of texts of them, that have no more digits than their fields
    take."""
    validate_fitting: Validate | None = None
    """The same as `validate` for rows of which `fitting` is true, in less time.

    pydantic-core has Python make a named tuple of each number to count its digits.
    """


def rows_validator(spec: ModelSpec, *, json_is_text: bool) -> RowsValidator:
    """Return the validator of a model's rows.

    `json_is_text` says that the driver gives JSON columns as text.
    """
    found = _Rewriter(spec, json_is_text=json_is_text).rewritten()
    if found is not None:
        return found
    adapter = TypeAdapter[list[Any]](list[spec.model])  # type: ignore[name-defined] # made at run time
    return RowsValidator(_by_name(adapter.validate_python), frozenset())


def _by_name(validate: Callable[..., list[Any]]) -> Validate:
    # Lax, because drivers give text for what they have no type for, also where the model is
    # strict with its callers; by name, because a column has no alias.
    return partial(validate, strict=False, by_alias=False, by_name=True)


class _Unchanged(Exception):
    """The schema has a form in which it is better left as it is."""


class _Rewriter:
    """Rewrites the core schema of one model for its rows."""

    def __init__(self, spec: ModelSpec, *, json_is_text: bool) -> None:
        self._model = spec.model
        self._judges_more = spec.whole_row_validators
        self._counts_digits = True
        self._fitting: dict[str, Expression] = {}
        self._parsed = {f.name: f for f in spec.fields if json_is_text and _is_typed_json(f)}

    def rewritten(self) -> RowsValidator | None:
        """Return the validator, None for a model whose own is as good or must be kept."""
        texts = dict(self._parsed)
        try:
            validate = self._validator()
            parses = frozenset(self._parsed)
            if not self._fitting:
                return RowsValidator(validate, parses)
            self._counts_digits, self._parsed = False, texts
            return RowsValidator(validate, parses, self._fitting, self._validator())
        except (_Unchanged, KeyError, TypeError, SchemaError):
            return None

    def _validator(self) -> Validate:
        whole = cast("_Schema", self._model.__pydantic_core_schema__)
        if whole["type"] == "definitions":
            if _is_strict(whole["definitions"]):
                self._parsed = {}
            rows = core_schema.list_schema(self._row(whole["schema"]), fail_fast=True)
            schema: Any = core_schema.definitions_schema(rows, whole["definitions"])
        else:
            schema = core_schema.list_schema(self._row(whole), fail_fast=True)
        return _by_name(_built(self._model, schema).validate_python)

    def _row(self, schema: _Schema) -> Any:
        kind = schema["type"]
        if kind == "function-after":
            return {**schema, "schema": self._row(schema["schema"])}
        if kind in ("function-before", "function-wrap"):
            # The validator of a whole row sees Python values, never text.
            self._parsed = {}
            return {**schema, "schema": self._row(schema["schema"])}
        if kind != "model" or schema["cls"] is not self._model or schema.get("custom_init"):
            raise _Unchanged
        if schema["config"].get("val_json_bytes", "utf8") != "utf8":
            # How bytes look in the model's API is no matter of how its columns keep them.
            self._parsed = {}
        row = {**schema, "schema": self._fields(schema["schema"])}
        if only_drops_unset(self._model.model_post_init):
            # A row has a value for every field.
            row.pop("post_init", None)
        return row

    def _fields(self, schema: _Schema) -> _Schema:
        if schema["type"] == "model-fields":
            fields = {name: self._field(name, part) for name, part in schema["fields"].items()}
            return {**schema, "fields": fields}
        # A validator of a whole row, which sees Python values.
        self._parsed = {}
        return {**schema, "schema": self._fields(schema["schema"])}

    def _field(self, name: str, part: _Schema) -> _Schema:
        field = self._parsed.get(name)
        if field is None:
            return self._number(name, part)
        if _is_strict(part):
            # Rows are read lax, and what is in the JSON would be, too. So its text is read by the
            # field's type beforehand, which needs no second look if there are no further rules.
            del self._parsed[name]
            take = _taken if field.nullable else _given
            read = core_schema.no_info_plain_validator_function(take)
            ruled = field.python_rules or self._judges_more
            return part if ruled else {**part, "schema": read}
        text = core_schema.json_schema(part["schema"])
        # A missing value is NULL in the column, and no text at all.
        return {**part, "schema": core_schema.nullable_schema(text) if field.nullable else text}

    def _number(self, name: str, part: _Schema) -> _Schema:
        """Return the part of a field without a JSON text, which may be a number."""
        schema = part["schema"]
        number = _number_in(schema)
        proof = proof_of(schema) if number is not None else None
        # The validator of a whole row may change a number that has been looked at.
        if number is None or proof is None or self._judges_more:
            return part
        self._fitting[name] = proof.whole().or_else(sized_text(number))
        return part if self._counts_digits else {**part, "schema": _unsized(schema)}


def _number_in(schema: _Schema) -> _Schema | None:
    """Return what a field with or without a default, and with or without None, says of numbers."""
    while schema["type"] in ("default", "nullable"):
        schema = schema["schema"]
    return schema if schema["type"] == "decimal" else None


def _unsized(schema: _Schema) -> _Schema:
    if schema["type"] == "decimal":
        return {k: v for k, v in schema.items() if k not in ("max_digits", "decimal_places")}
    return {**schema, "schema": _unsized(schema["schema"])}


def _built(model: type[BaseModel], schema: Any) -> SchemaValidator:
    """Return what pydantic-core makes of a schema with a model in it.

    By itself it would take the validator that the model's class has already, in place of the one
    that is described.
    """
    if _KEYWORD:
        return SchemaValidator(schema, _use_prebuilt=False)
    # A class that is not complete has none that could be taken. One at a time, so that nobody
    # takes the False of another for what the class says.
    with _building:
        complete = model.__pydantic_complete__
        try:
            while True:
                model.__pydantic_complete__ = False
                found = SchemaValidator(schema)
                if not model.__pydantic_complete__:  # no other thread has rebuilt it meanwhile
                    return found
        finally:
            model.__pydantic_complete__ = complete


def _has_keyword() -> bool:
    # It is not public, and there since pydantic 2.13.
    try:
        SchemaValidator(core_schema.any_schema(), _use_prebuilt=False)
    except TypeError:
        return False
    return True


_KEYWORD = _has_keyword()
_building = Lock()


def _taken(value: object) -> object:
    return value


def _given(value: object) -> object:
    if value is None:
        raise ValueError
    return value


def _is_strict(schema: object) -> bool:
    """Whether a part of a core schema says that it is strict."""
    if isinstance(schema, dict):
        return schema.get("strict") is True or any(map(_is_strict, schema.values()))
    return isinstance(schema, list | tuple) and any(map(_is_strict, schema))


def _is_typed_json(field: FieldSpec) -> bool:
    """Whether the column's text becomes the field's value without code of the user's before."""
    storage = field.storage
    return (
        storage.kind is Kind.JSON
        and storage.column_type != "text"
        and storage.codec is None
        and not field.raw_validators
    )
