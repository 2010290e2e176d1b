"""The SQLAlchemy type that carries every column of a model, on every engine.

Every column keeps its values exactly: what an engine would round, truncate or re-zone is refused
here, before SQL, with an error that says what the column can hold. How each kind looks on each
engine is decided in `representations`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache, cached_property
from types import NoneType
from typing import Annotated, Any, cast
from uuid import UUID
from weakref import WeakSet

import sqlalchemy as sa
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import to_json
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from andamios_orm.errors import NotStorable, NotSupported, WrongType
from andamios_orm.schema import plain
from andamios_orm.schema.json_values import (
    EXPONENT,
    JsonText,
    JsonTexts,
    has_exponents,
    to_json_text,
    without_exponents,
)
from andamios_orm.schema.representations import checks, duckdb, mysql, postgresql, sqlite
from andamios_orm.schema.representations.base import (
    Converter,
    Expression,
    ManyConverter,
    Representation,
)
from andamios_orm.schema.spec import Kind, Storage

__all__ = [
    "JsonOf",
    "ManyOf",
    "Stored",
    "is_number_as_text",
    "many_processor",
    "parses_json",
    "text_json_dialects",
]


class Stored(TypeDecorator[Any]):
    """The SQLAlchemy type of every column that a model declares.

    Statements written with SQLAlchemy's own API give and take the field's Python values through
    it, whatever the engine keeps. `field` is `"Model.field"`, for messages.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(
        self,
        storage: Storage,
        info: FieldInfo | None,
        *,
        field: str,
        exact: bool = True,
        limit: int | None = None,
        strict: bool = True,
    ) -> None:
        # SQLAlchemy's own would only set `impl`, to what it is for the class.
        self.storage = storage
        self.info = _Annotation(info)
        self.field = field
        self.exact = exact
        self.limit = limit
        """The bytes that the column's indexes leave to it on MySQL and MariaDB."""
        self.strict = strict
        """Whether its table is a strict one on SQLite, which knows five names of types."""
        self.impl = _represent(storage, "").type  # type: ignore[assignment]  # per instance

    def comparable(self) -> Stored:
        """Return the type of a value compared with the column: not limited to its size.

        `price > Decimal("0.995")` is a fair question to a column with two places; rounding the
        bound first would change the answer.
        """
        if self.storage.kind in _SIZED and self.exact:
            return Stored(self.storage, None, field=self.field, exact=False)
        return self

    def without_codec(self) -> Stored:
        """Return the type of the plain values that the column holds."""
        plain = replace(self.storage, codec=None)
        return Stored(plain, None, field=self.field, exact=self.exact)

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> TypeEngine[Any]:
        """See SQLAlchemy: the type of a literal on the other side of an operator."""
        types = self.storage.python_types
        if not types or isinstance(value, types):
            return self.comparable()
        return self.impl_instance.coerce_compared_value(op, value)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See SQLAlchemy: the engine's own type."""
        found = self._representation(dialect).type
        # A driver's own form of a type has lost its name: TEXT would be created as VARCHAR.
        return found if self.storage.kind is Kind.CUSTOM else dialect.type_descriptor(found)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """See SQLAlchemy: what a SELECT reads in the place of the column."""
        if not isinstance(self.impl_instance, duckdb.Instant):
            return column
        return duckdb.in_utc(column, self)

    def bind_processor(self, dialect: Dialect) -> Converter | None:
        """Return Python value → driver value, None where the value passes as it is."""
        bind = self.direct_bind(dialect)
        return None if bind is None else _located(bind, self.field, dialect.name)

    def direct_bind(self, dialect: Dialect) -> Converter | None:
        """Return the same without care for None, and with errors that do not name the field."""
        codec = self.storage.codec
        bind = self._representation(dialect).bind
        return bind if codec is None else _both(codec.encode, bind)

    def many_processor(self, dialect: Dialect) -> Callable[[list[Any]], list[Any]] | None:
        """Return the same for lists of values, at a fraction of the cost for most kinds."""
        bind = self.bind_processor(dialect)
        if bind is None:
            return None
        many = None if self.storage.codec else self._representation(dialect).bind_many
        if many is None:
            return lambda values: [bind(value) for value in values]
        return _many(many, bind)

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter | None:
        """Return driver value → Python value, None where the value passes as it is."""
        codec = self.storage.codec
        result = self._representation(dialect, coltype).result
        return _chain(result, codec.decode if codec else None)

    def load_processor(self, dialect: Dialect, *, python_value: bool) -> Converter | None:
        """Return driver value → something pydantic turns into the field's value.

        With `python_value` the result is the field's Python value already, for fields whose
        validators look at the value before pydantic does.
        """
        codec = self.storage.codec
        if python_value or (codec is not None and codec.load):
            return self.result_processor(dialect, None)
        return _chain(self._representation(dialect).load, None)

    def plain_processor(self, dialect: Dialect) -> Converter | None:
        """Return driver value → what the column holds, as a plain Python value; JSON is text."""
        if plain.plain_storage(self.storage, self.field).kind is Kind.JSON:
            return _chain(_json_text, None) if parses_json(dialect) else None
        if self.storage.kind is Kind.CUSTOM:
            column_type = cast("TypeEngine[Any]", self.storage.column_type)
            return _chain(plain.reader(column_type, dialect), None)
        return _chain(self._representation(dialect).result, None)

    def from_plain(self, *, python_value: bool) -> Converter | None:
        """Return the way back: plain value → something pydantic turns into the field's value.

        A UUID's plain value is its text. With `python_value` the result is the field's Python
        value already, as in `load_processor`.
        """
        codec = self.storage.codec
        decode = codec.decode if codec and (python_value or codec.load) else None
        if self.storage.kind is Kind.JSON:
            # pydantic's Json[...]: its own validator parses the text
            is_text = self.storage.column_type == "text"
            return None if is_text else _chain(self.info.from_json, None)
        if self.storage.kind is Kind.CUSTOM:
            column_type = cast("TypeEngine[Any]", self.storage.column_type)
            return _chain(plain.from_plain(column_type), codec.decode if codec else None)
        if self.storage.kind is Kind.UUID and python_value:
            return _chain(UUID, decode)
        return _chain(None, decode)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str] | None:
        """Return Python value → SQL literal, for CHECK constraints."""
        bind = self.bind_processor(dialect)
        impl = self._representation(dialect).type.dialect_impl(dialect)
        render: Callable[[Any], str] | None = impl.literal_processor(dialect)
        if self.storage.kind is Kind.DECIMAL:
            render = _without_exponent(render)
        if dialect.name in ("mariadb", "mysql"):
            render = _hexadecimal(render)
        if render is None or bind is None:
            return render
        return lambda value: render(bind(value))

    def _representation(self, dialect: Dialect, coltype: object = None) -> Representation:
        if self.storage.kind is Kind.CUSTOM:
            return _custom(self.storage, dialect, coltype, strict=self.strict)
        if self.storage.kind is Kind.JSON:
            return _json(self.storage, self.info, dialect)
        try:
            found = _represent(self.storage, dialect.name, self.limit)
        except NotSupported as error:
            raise NotSupported(f"{self.field}: {error.problem}", error.fix) from None
        return found if self.exact else _unlimited(found, self.storage, dialect.name)


class ManyOf(UserDefinedType[list[Any]]):
    """The type of a parameter that carries many values of one column, as a list."""

    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        self.item = item

    def bind_processor(self, dialect: Dialect) -> Converter | None:
        """Return list of Python values → list of driver values."""
        return many_processor(self.item, dialect)


def many_processor(
    column_type: TypeEngine[Any], dialect: Dialect
) -> Callable[[list[Any]], list[Any]] | None:
    """Return list of a column's values → list of driver values, None where they pass as they are.

    It raises what the column's `bind_processor` raises for one of them.
    """
    impl = column_type.dialect_impl(dialect)
    if isinstance(impl, Stored):
        return impl.many_processor(dialect)
    bind = impl.bind_processor(dialect)
    return None if bind is None else lambda values: [bind(value) for value in values]


class JsonOf(UserDefinedType[list[Any]]):
    """The type of a parameter that carries many values of one column, as one JSON text.

    Where a driver converts the values of a list one by one, an INSERT takes a third less this way.
    """

    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        self.item = item

    def bind_processor(self, dialect: Dialect) -> Converter:
        """Return list of Python values → JSON text of a list of what the driver would take."""
        bind = many_processor(self.item, dialect)
        kind = self.item.storage.kind if isinstance(self.item, Stored) else None

        def text(values: list[Any]) -> str:
            found = values if bind is None else bind(values)
            if kind is Kind.DECIMAL:
                # DuckDB reads 1E-16 as a number that is too long.
                found = [None if value is None else format(value, "f") for value in found]
            return _json_text(found)

        return text

    @staticmethod
    def item_type(kind: Kind) -> str | None:
        """Return the type that an item of the text is read as, before it becomes the column's.

        None for a kind that JSON has no exact text for.
        """
        return _JSON_ITEMS.get(kind)


_JSON_ITEMS = {
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TEXT: "VARCHAR",
    Kind.DECIMAL: "VARCHAR",
    Kind.DATE: "VARCHAR",
    Kind.TIME: "VARCHAR",
    Kind.DATETIME: "VARCHAR",
    Kind.NAIVE_DATETIME: "VARCHAR",
    Kind.UUID: "VARCHAR",
    Kind.JSON: "VARCHAR",
}


@compiles(ManyOf)
def _render_many(many: ManyOf, compiler: Any, **kw: Any) -> str:
    return f"{compiler.process(many.item, **kw)}[]"


_SIZED = (Kind.DECIMAL, Kind.TEXT, Kind.BYTES)


class _Annotation:
    """A field's annotation inside SQLAlchemy's cache key: equal only to itself.

    The adapter is built at the first JSON value, when every forward reference is known.
    """

    def __init__(self, info: FieldInfo | None) -> None:
        self._info = info

    @cached_property
    def _adapter(self) -> TypeAdapter[object]:
        info = cast("FieldInfo", self._info)
        return TypeAdapter[object](cast("type", Annotated[info.annotation, info]))

    def from_json(self, text: str) -> object:
        # JSON mode reads what strict and bytes fields wrote, which Python mode would refuse;
        # names, never aliases, so that an API's renaming does not touch stored data.
        return self._adapter.validate_json(text, by_alias=False, by_name=True)

    def from_parsed_json(self, value: object) -> object:
        return self.from_json(_json_text(value))

    def from_parsed_text(self, value: object) -> object:
        return self.from_python(_json_text(value))

    def from_python(self, value: object) -> object:
        return self._adapter.validate_python(value)


def _chain(first: Converter | None, then: Converter | None) -> Converter | None:
    """Return both converters in order, passing None (SQL NULL) through."""
    if first is None and then is None:
        return None
    if first is None or then is None:
        only = cast("Converter", first or then)
        if isinstance(only, Expression):
            return only.or_none()
        return lambda value: None if value is None else only(value)
    return lambda value: None if value is None else then(first(value))


def _both(first: Converter, then: Converter | None) -> Converter:
    return first if then is None else lambda value: then(first(value))


def _many(many: ManyConverter, bind: Converter) -> Callable[[list[Any]], list[Any]]:
    """Return the converter of lists that asks `bind` only where `many` is not sure."""

    def convert(values: list[Any]) -> list[Any]:
        # By type: `in` compares, and a Decimal takes long to find that it is not None.
        if NoneType not in set(map(type, values)):
            found = many(values) if values else values
            return [bind(value) for value in values] if found is None else found
        found = convert(type(values)(value for value in values if value is not None))
        rest = iter(found)
        return [None if value is None else next(rest) for value in values]

    return convert


def _without_exponent(render: Callable[[Any], str] | None) -> Callable[[Any], str]:
    """Return the literal processor of decimals: with an exponent they would be read as doubles."""

    def literal(value: object) -> str:
        if isinstance(value, Decimal):
            return format(value, "f")
        return cast("Callable[[Any], str]", render)(value)

    return literal


def _hexadecimal(render: Callable[[Any], str] | None) -> Callable[[Any], str]:
    """Return the literal processor of MySQL, where bytes in quotes would be read as text."""

    def literal(value: object) -> str:
        if isinstance(value, bytes):
            return f"X'{value.hex()}'"
        return cast("Callable[[Any], str]", render)(value)

    return literal


def _located(bind: Converter, field: str, engine: str) -> Converter:
    """Return `bind` with its refusals naming the field and the engine; None passes through."""

    def convert(value: object) -> object:
        if value is None:
            return None
        try:
            return bind(value)
        except NotStorable as error:
            raise error.located(field, engine) from None
        except (TypeError, AttributeError, ValueError, ArithmeticError):
            raise WrongType(
                f"{field} cannot hold a {type(value).__name__}",
                "pass a value of the field's type",
            ) from None

    return convert


def is_number_as_text(storage: Storage, dialect_name: str) -> bool:
    """Whether a number is kept as text on this engine, so that SQL would order it wrongly."""
    return dialect_name == "sqlite" and sqlite.is_number_as_text(storage)


_Represent = Callable[[Storage], Representation]
_ENGINES: Mapping[str, _Represent] = {
    "duckdb": duckdb.represent,
    "sqlite": sqlite.represent,
}


def _represent(storage: Storage, dialect_name: str, limit: int | None = None) -> Representation:
    """Return the representation of everything but JSON and CUSTOM, which need more context.

    A dialect that is not known is taken for one that has a type for everything.
    """
    if storage.kind in (Kind.JSON, Kind.CUSTOM):
        return Representation(sa.Text())
    if dialect_name in ("mariadb", "mysql"):
        return mysql.represent(storage, limit=limit)
    return _ENGINES.get(dialect_name, postgresql.represent)(storage)


def _unlimited(found: Representation, storage: Storage, dialect_name: str) -> Representation:
    """Return the representation of a value that is compared with the column."""
    if storage.kind is Kind.TEXT:
        return replace(found, bind=checks.text())
    if storage.kind is Kind.BYTES:
        return replace(found, bind=None)
    if dialect_name == "sqlite":
        return replace(found, bind=sqlite.comparable_decimal(storage))
    bind: Converter = checks.finite_decimal
    if (most := _COMPARED.get(dialect_name)) is not None:
        bind = checks.comparable_decimal(*most, cast("int", storage.precision), storage.scale or 0)
    return replace(found, type=sa.Numeric(), bind=bind)


_COMPARED = {"duckdb": (38, 38), "mariadb": (65, 30), "mysql": (65, 30)}
"""Digits and places; beyond them engines go on with doubles, and find unequal numbers equal."""


@cache
def _json_type(dialect_name: str) -> TypeEngine[Any]:
    if dialect_name == "duckdb":
        return sa.JSON()
    if dialect_name in ("mariadb", "mysql"):
        # Their own JSON type keeps numbers as doubles (MySQL), or is this text (MariaDB).
        return mysql.ExactText()
    if dialect_name == "postgresql":
        # Loaded with the first database of its kind, not when the library is imported.
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 - its first use

        return JSONB()
    return sa.Text()


def _json(storage: Storage, annotation: _Annotation, dialect: Dialect) -> Representation:
    column_type = _json_type(dialect.name)
    parsed = parses_json(dialect)
    bind, many = _json_binders(jsonb=dialect.name == "postgresql")
    if storage.column_type == "text":  # pydantic's Json[...]: its own validator parses the text
        result = annotation.from_parsed_text if parsed else annotation.from_python
        load = _json_text if parsed else None
        return Representation(column_type, bind, result, load, many)
    typed = annotation.from_parsed_json if parsed else annotation.from_json
    return Representation(column_type, bind, typed, typed, many)


def parses_json(dialect: Dialect) -> bool:
    """Whether SQLAlchemy's adapter of the driver gives parsed JSON, as that of asyncpg does."""
    return dialect.name == "postgresql" and dialect not in text_json_dialects


def _json_binders(*, jsonb: bool) -> tuple[Converter, ManyConverter]:
    def render(value: object) -> str:
        text = value.text if type(value) is JsonText else to_json_text(value)
        return without_exponents(text) if jsonb else text

    usual = "type({0}) is {JsonText}" + (f" and {EXPONENT!r} not in {{0}}.text" if jsonb else "")
    bind = Expression(
        f"({{0}}.text if {usual} else {{render}}({{0}}))", JsonText=JsonText, render=render
    )

    def many(values: list[Any]) -> list[Any] | None:
        if type(values) is not JsonTexts:
            return None
        texts = cast("list[str]", values)
        if not jsonb or not has_exponents("".join(texts)):
            return values
        return [without_exponents(text) for text in texts]

    return bind, many


text_json_dialects: WeakSet[Dialect] = WeakSet()
"""The dialects whose connections give JSON columns as text."""


def _json_text(value: object) -> str:
    return to_json(value).decode()


def _custom(storage: Storage, dialect: Dialect, coltype: object, *, strict: bool) -> Representation:
    column_type = cast("TypeEngine[Any]", storage.column_type)
    impl = column_type.dialect_impl(dialect)
    inner = plain.plain_type(impl)
    decode = storage.codec.decode if storage.codec else None
    if coltype is None:
        # SQLAlchemy asks with the type that the cursor reported.
        coltype = plain.cursor_type(inner)
    result: Converter | None = impl.result_processor(dialect, coltype)
    if isinstance(impl, sa.JSON) and dialect in text_json_dialects:
        result = _chain(result, json.loads)
    named = dialect.name != "sqlite" or not strict
    kept = column_type if named else sqlite.storage_class(inner)
    return Representation(kept, impl.bind_processor(dialect), result, _chain(result, decode))
