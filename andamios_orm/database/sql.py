"""Read what SQL of the user's own gives: `db.sql("SELECT ...", {...}).into(Shape)`."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, LiteralString, Protocol, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from pydantic import BaseModel, NaiveDatetime
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import (
    ManyFound,
    NotFound,
    ShapeProblem,
    UnsupportedType,
    UsageError,
    WrongType,
)
from andamios_orm.queries.shapes import close_to, require_shape
from andamios_orm.rows.nested import careful, of_python_value, of_unknown_value, shapes_validator
from andamios_orm.rows.plan import PIECE
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.spec import Storage
from andamios_orm.schema.types import read_type

if TYPE_CHECKING:
    from typing_extensions import TypeForm

if sys.version_info >= (3, 14):
    from string.templatelib import Template

    SQL: TypeAlias = "LiteralString | Template | sa.SelectBase"
else:
    SQL: TypeAlias = "LiteralString | sa.SelectBase"

__all__ = ["SQL", "Named", "RawQuery", "RawRows", "statement_of", "templated"]

P = TypeVar("P", bound=BaseModel)

Named: TypeAlias = "tuple[Sequence[str], Sequence[Sequence[Any]]]"
"""The names of a result's columns, and its rows."""


class RawQuery:
    """A statement of the user's own; made by `Database.sql` and `Session.sql`."""

    __slots__ = ("_run", "_statement")

    def __init__(
        self, run: Callable[[sa.Executable], Awaitable[Named]], statement: sa.Executable
    ) -> None:
        self._run = run
        self._statement = statement

    def into(self, shape: TypeForm[P], /) -> RawRows[P]:
        """Return the statement whose rows are instances of any Pydantic class.

        Each field is the column of its name; a column that no field has is left out. Raises
        ShapeProblem for what is no Pydantic class.
        """
        require_shape(shape)
        return RawRows(self._run, self._statement, cast("type[P]", shape))

    async def rows(self) -> list[dict[str, object]]:
        """Return the rows as dicts, with the values that the driver gives.

        Raises UsageError for two columns of one name, DatabaseError.
        """
        names, rows = await self._run(self._statement)
        for name in _repeated(names):
            raise UsageError(
                f"two columns of the result are called `{name}`", "name one of them with AS"
            )
        return [dict(zip(names, row, strict=True)) for row in rows]


class RawRows(Generic[P]):
    """The rows of a statement of the user's own as instances of a class."""

    __slots__ = ("_run", "_shape", "_statement")

    def __init__(
        self,
        run: Callable[[sa.Executable], Awaitable[Named]],
        statement: sa.Executable,
        shape: type[P],
    ) -> None:
        self._run = run
        self._statement = statement
        self._shape = shape

    async def all(self) -> list[P]:
        """Return all rows.

        Raises ShapeProblem for a field that no column, or several, have the name of, InvalidRow,
        DatabaseError.
        """
        names, rows = await self._run(self._statement)
        read = self._reader(names)
        found: list[P] = []
        for start in range(0, len(rows), PIECE):
            if start:
                await asyncio.sleep(0)
            found += read(rows[start : start + PIECE])
        return found

    async def first(self) -> P | None:
        """Return the first row, None if there is none. Raises what `all` raises."""
        names, rows = await self._run(self._statement)
        found = self._reader(names)(rows[:1])
        return found[0] if found else None

    async def one(self) -> P:
        """Return the only row. Raises NotFound for none, ManyFound, and what `all` raises."""
        names, rows = await self._run(self._statement)
        found = self._reader(names)(rows[:1])
        if not found:
            raise NotFound(
                "the statement gives no row",
                "use first() where there may be none",
                model=self._shape,
            )
        if len(rows) > 1:
            raise ManyFound(
                "the statement gives more than one row",
                "narrow it with WHERE, or use first() or all()",
                model=self._shape,
            )
        return found[0]

    def _reader(self, names: Sequence[str]) -> Callable[[Sequence[Sequence[Any]]], list[P]]:
        shape = self._shape
        fields = tuple(shape.__pydantic_fields__)
        places = [_place(shape, field, names) for field in fields]
        types: Sequence[TypeEngine[Any]] = ()
        if isinstance(self._statement, sa.SelectBase):
            types = [column.type for column in self._statement.selected_columns]
        converters = [
            of_python_value(types[place], shape, field) if types else of_unknown_value(shape, field)
            for field, place in zip(fields, places, strict=True)
        ]

        def chosen(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
            return [tuple(row[place] for place in places) for row in rows]

        def named(rows: Sequence[Sequence[Any]]) -> list[Any]:
            return [
                {
                    field: value if convert is None else convert(value)
                    for field, convert, value in zip(fields, converters, row, strict=True)
                }
                for row in rows
            ]

        made, validate = careful(named, converters, fields, shape), shapes_validator(shape)
        return lambda rows: validate(made(chosen(rows)))


def _place(shape: type[BaseModel], field: str, names: Sequence[str]) -> int:
    """Return the place of the column with a field's name. Raises ShapeProblem."""
    found = [place for place, name in enumerate(names) if name == field]
    if len(found) == 1:
        return found[0]
    where = f"{shape.__name__}.{field}"
    if found:
        raise ShapeProblem(
            f"{where}: two columns of the result are called `{field}`", "name one of them with AS"
        )
    raise ShapeProblem(
        f"{where}: no column of the result is called `{field}`{close_to(field, names)}",
        f"name one with `AS {field}`",
    )


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if list(names).count(name) > 1})


# ---- statements --------------------------------------------------------------------------------


def statement_of(sql: object, params: Mapping[str, object] | None) -> sa.Executable:
    """Return the statement with its values. Raises WrongType, UsageError, NotStorable."""
    if sys.version_info >= (3, 14):
        if isinstance(sql, Template):
            _refuse_params(params, "a template has its values inside")
            return templated(sql)
    if isinstance(sql, sa.SelectBase):
        _refuse_params(params, "a SQLAlchemy statement has its values inside")
        return cast("sa.Executable", sql)
    if not isinstance(sql, str):
        raise WrongType(
            f"sql() got a {type(sql).__name__}",
            "pass the text of a statement, or a SQLAlchemy `select()`",
        )
    return _with_values(sql, params or {})


def _refuse_params(params: Mapping[str, object] | None, why: str) -> None:
    if params is not None:
        raise UsageError(f"sql() got parameters, and {why}", "leave the second argument out")


def _with_values(sql: str, params: Mapping[str, object]) -> sa.TextClause:
    clause = sa.text(sql)
    named = clause.compile().params.keys()
    if missing := sorted(named - params.keys()):
        raise UsageError(
            f"sql() got no value for :{', :'.join(missing)}",
            "pass it in the second argument; a colon that begins no parameter is written `\\:`",
        )
    if more := sorted(params.keys() - named):
        raise UsageError(
            f"sql() got a value for {', '.join(more)}, which the statement does not name",
            f"write `:{more[0]}` where it belongs, with CAST instead of `::` after it, or leave the"
            " value out",
        )
    return clause.bindparams(*(_parameter(name, value) for name, value in params.items()))


def _parameter(name: str, value: object) -> sa.BindParameter[Any]:
    if isinstance(value, list | tuple | set | frozenset):
        items = list(cast("Iterable[object]", value))
        known = next((item for item in items if item is not None), None)
        if known is None:
            raise UsageError(
                f"sql() got a list without a value for :{name}, which has no type to compare with",
                "ask with another statement, without the condition, when the list is empty",
            )
        return sa.bindparam(name, items, type_=_type_of(name, known), expanding=True)
    return sa.bindparam(name, value, type_=_type_of(name, value))


def _type_of(name: str, value: object) -> TypeEngine[Any] | None:
    """Return the type that a value has in a column of a model, so that both compare equal."""
    if value is None:
        return None
    return Stored(_storage_of(name, value), None, field=f":{name}").comparable()


def _storage_of(name: str, value: object) -> Storage:
    if isinstance(value, datetime) and value.tzinfo is None:
        return read_type(NaiveDatetime, (), field=name).storage
    # Of a class derived from one that a column can have, the nearest.
    for known in islice(type(value).__mro__, len(type(value).__mro__) - 1):
        try:
            storage = read_type(known, (), field=name).storage
        except UnsupportedType:
            continue
        if isinstance(value, Decimal) and value.is_finite():
            _, digits, exponent = value.as_tuple()
            places = max(0, -cast("int", exponent))
            return replace(storage, precision=max(len(digits), places), scale=places)
        return storage
    raise WrongType(
        f"sql() got a {type(value).__name__} for :{name}",
        "pass a value that a model's column could hold; `register_type` adds a type",
    )


# ---- templates ---------------------------------------------------------------------------------


class _Interpolation(Protocol):
    """What stands in braces in a template; Python has the class from 3.14 on."""

    @property
    def value(self) -> object: ...
    @property
    def expression(self) -> str: ...
    @property
    def conversion(self) -> str | None: ...
    @property
    def format_spec(self) -> str: ...


# A colon that SQLAlchemy's text() would take for the beginning of a parameter.
_COLON = re.compile(r"(?<![:\w\\]):(?=\w)")


def templated(template: Iterable[object]) -> sa.TextClause:
    """Return the statement of a template, whose interpolations are its values.

    A template inside another is a part of its text. Raises UsageError for `{x!r}` and `{x:5}`.
    """
    params: dict[str, object] = {}
    return _with_values(_text_of(template, params), params)


def _text_of(template: Iterable[object], params: dict[str, object]) -> str:
    text = ""
    for part in template:
        if isinstance(part, str):
            text += _COLON.sub(r"\\:", part)
            continue
        given = cast("_Interpolation", part)
        if given.conversion is not None or given.format_spec:
            raise UsageError(
                f"`{given.expression}` has a conversion or a format",
                "leave `!` and `:` out: the database gets the value, not a text of it",
            )
        if hasattr(given.value, "interpolations"):
            text += _text_of(cast("Iterable[object]", given.value), params)
            continue
        name = f"value_{len(params)}"
        params[name] = given.value
        # Apart from what stands around it, such as `::int`.
        text += f" :{name} "
    return text
