"""Turn rows into nested dicts by name, and those into instances of a shape.

The function that names the columns is generated once per statement, like that of a model's rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar, cast, get_args

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import InvalidRow
from andamios_orm.rows.decode import REFUSALS
from andamios_orm.rows.encode import refusals
from andamios_orm.rows.plan import Row
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.json_values import to_json_text
from andamios_orm.schema.kept import kept
from andamios_orm.schema.read import read_shape_field
from andamios_orm.schema.representations.base import Converter, Expression
from andamios_orm.schema.spec import Kind
from andamios_orm.schema.types import Reading

__all__ = [
    "Layout",
    "Level",
    "careful",
    "level_maker",
    "of_python_value",
    "of_unknown_value",
    "python_value",
    "shape_value",
    "shapes_validator",
    "tuple_maker",
]

P = TypeVar("P", bound=BaseModel)


class Layout(Protocol):
    """How the columns of a row make a nested dict."""

    @property
    def items(self) -> Sequence[tuple[str, Any]]:
        """By name: the place of a column in the row, or another layout."""
        ...

    @property
    def marker(self) -> int | None:
        """The column that is NULL where there is no dict at all."""
        ...


Level: TypeAlias = tuple[Any, ...]
"""A dict, and the keys of the lists that belong into it."""


def level_maker(
    layout: Layout,
    converters: Sequence[Converter | None],
    keys: Sequence[Sequence[int]],
    owner: Sequence[int] = (),
) -> Callable[[Sequence[Row]], list[Any]]:
    """Return the function from rows to dicts, or to tuples of a dict and keys if there are any.

    A key of one column is its value alone, None where it is NULL. With an `owner`, the places of a
    key, there is a pair for each key: that, and the list of its results.
    """
    scope: dict[str, object] = {}

    def cell(place: int) -> str:
        return _cell(place, converters[place], scope)

    def key(places: Sequence[int]) -> str:
        return cell(places[0]) if len(places) == 1 else f"({', '.join(map(cell, places))},)"

    def made(part: Layout) -> str:
        items = (
            f"{name!r}: {cell(found) if isinstance(found, int) else made(found)}"
            for name, found in part.items
        )
        dict_ = f"{{{', '.join(items)}}}"
        return dict_ if part.marker is None else f"(None if c{part.marker} is None else {dict_})"

    whole = made(layout)
    if keys:
        whole = f"({whole}, {', '.join(map(key, keys))})"
    targets = "".join(f"c{place}, " for place in range(len(converters)))
    lines = ["def make(rows):"]
    if owner:
        scope["defaultdict"] = defaultdict
        lines += [
            "    found = defaultdict(list)",
            f"    for {targets}in rows:",
            f"        found[{key(owner)}].append({whole})",
            "    return list(found.items())",
        ]
    else:
        lines.append(f"    return [{whole} for {targets}in rows]")
    # The only foreign text in it are names of fields, as literals.
    exec("\n".join(lines), scope)  # noqa: S102 - see above
    return cast("Callable[[Sequence[Row]], list[Any]]", scope["make"])


def tuple_maker(converters: Sequence[Converter | None]) -> Callable[[Sequence[Row]], list[Any]]:
    """Return the function from rows to tuples, or to the values of the only column."""
    scope: dict[str, object] = {}
    cells = [_cell(place, converter, scope) for place, converter in enumerate(converters)]
    whole = cells[0] if len(cells) == 1 else f"({', '.join(cells)})"
    targets = "".join(f"c{place}, " for place in range(len(converters)))
    source = f"lambda rows: [{whole} for {targets}in rows]"
    return cast("Callable[[Sequence[Row]], list[Any]]", eval(source, scope))  # noqa: S307 - made here


def _cell(place: int, converter: Converter | None, scope: dict[str, object]) -> str:
    name = f"c{place}"
    if converter is None:
        return name
    if isinstance(converter, Expression):
        return converter.inline(name, place, scope)
    scope[f"load{place}"] = converter
    return f"load{place}({name})"


def careful(
    make: Callable[[Sequence[Row]], list[Any]],
    converters: Sequence[Converter | None],
    names: Sequence[str],
    shape: type[BaseModel],
) -> Callable[[Sequence[Row]], list[Any]]:
    """Return `make` with InvalidRow, without values, for what a converter raises.

    `names` are those of the columns, and `shape` is the class that the rows are for.
    """

    def made(rows: Sequence[Row]) -> list[Any]:
        try:
            return make(rows)
        except REFUSALS as error:
            for row in rows:
                _check(row, converters, names, shape)
            # Not from a column's value alone.
            _refuse(shape, {"(row)": type(error).__name__})

    return made


def _check(
    row: Row, converters: Sequence[Converter | None], names: Sequence[str], shape: type[BaseModel]
) -> None:
    """Raise InvalidRow for the first column that cannot be read."""
    for name, convert, value in zip(names, converters, row, strict=False):
        try:
            if convert is not None:
                convert(value)
        except ValidationError as error:
            inner = refusals(error, shape)
            _refuse(shape, {f"{name}.{path}": kind for path, kind in inner.items()})
        except REFUSALS as error:
            _refuse(shape, {name: type(error).__name__})


def _refuse(shape: type[BaseModel], fields: dict[str, str]) -> NoReturn:
    shown = ", ".join(f"{name} ({kind})" for name, kind in fields.items())
    raise InvalidRow(
        f"a row does not fit {shape.__name__}: {shown}",
        "give the fields the types of what they are read from, or correct the row",
        model=shape,
        key=None,
        fields=fields,
    ) from None


def shape_value(
    column_type: TypeEngine[Any], dialect: Dialect, shape: type[BaseModel], name: str
) -> Converter | None:
    """Return driver value → what a field of a shape takes, None where it takes that itself.

    A field of the column's own type gets what a model's would. Any other gets the plain value that
    the column holds, which is the same on every engine: that of an Enum, the Decimal of a number.
    """
    if not isinstance(column_type, Stored):
        return python_value(column_type, dialect)
    storage, field = column_type.storage, read_shape_field(shape, name)
    alike = field is not None and field.storage.kind is storage.kind
    if storage.kind is Kind.JSON:
        text = column_type.plain_processor(dialect)
        if alike and cast("Reading", field).storage.column_type == "text":
            return text
        annotation = shape.__pydantic_fields__[name].annotation if alike else object
        return _from_json(annotation, text)
    if storage.kind is Kind.CUSTOM:
        return column_type.result_processor(dialect, None)
    if field is None or not alike or field.storage.python_types != storage.python_types:
        return column_type.plain_processor(dialect)
    return column_type.load_processor(dialect, python_value=field.raw_validators)


def _from_json(annotation: object, text: Converter | None) -> Converter:
    """Return the way from a JSON column to a type; `text` gives the text where it was parsed."""
    adapter = TypeAdapter[object](cast("type", annotation))

    def read(value: object) -> object:
        if value is None:
            return None
        given = cast("str", value if text is None else text(value))
        return adapter.validate_json(given, strict=False, by_alias=False, by_name=True)

    return read


def of_python_value(
    column_type: TypeEngine[Any], shape: type[BaseModel], name: str
) -> Converter | None:
    """Return the value that SQLAlchemy gives → what a field of a shape takes; see `shape_value`."""
    if not isinstance(column_type, Stored):
        return None
    storage, field = column_type.storage, read_shape_field(shape, name)
    alike = field is not None and field.storage.kind is storage.kind
    if storage.kind is Kind.JSON:
        if alike and cast("Reading", field).storage.column_type == "text":
            return lambda value: None if value is None else to_json_text(value)
        annotation = shape.__pydantic_fields__[name].annotation if alike else object
        return _from_json(annotation, to_json_text)
    if storage.codec is None or storage.kind is Kind.CUSTOM:
        return None
    if alike and cast("Reading", field).storage.python_types == storage.python_types:
        return None
    encode = storage.codec.encode
    return lambda value: None if value is None else encode(value)


def of_unknown_value(shape: type[BaseModel], name: str) -> Converter | None:
    """Return the value of a column without a known type → what a field of a shape takes.

    Text is read as JSON by a field that holds what no column but a JSON one does, and no text.
    """
    field = read_shape_field(shape, name)
    if field is None or field.storage.kind is not Kind.JSON or field.storage.column_type == "text":
        return None
    annotation = shape.__pydantic_fields__[name].annotation
    if {str, bytes, Any, object} & {annotation, *get_args(annotation)}:
        return None
    from_json = _from_json(annotation, None)
    return lambda value: from_json(value) if isinstance(value, str) else value


def python_value(column_type: TypeEngine[Any], dialect: Dialect) -> Converter | None:
    """Return driver value → the value of a SQLAlchemy type, None where the driver gives that.

    Numbers are left as they are: the driver gives numbers, and SQLAlchemy's way to read them
    depends on what the driver says of each column.
    """
    if isinstance(column_type, sa.Numeric):
        return None
    stored_as = column_type.dialect_impl(dialect)
    return cast("Converter | None", stored_as.result_processor(dialect, None))


def shapes_validator(shape: type[P]) -> Callable[[list[Any]], list[P]]:
    """Return the function from nested dicts to instances. Raises InvalidRow, without values."""
    return kept(shape, "validator", lambda: _made_validator(shape))


def _made_validator(shape: type[P]) -> Callable[[list[Any]], list[P]]:
    adapter = TypeAdapter[list[P]](list[shape])  # type: ignore[valid-type] # made at run time

    def validate(rows: list[Any]) -> list[P]:
        try:
            # Lax, because drivers give text for what they have no type for.
            return adapter.validate_python(rows, strict=False, by_alias=False, by_name=True)
        except ValidationError as error:
            found = {
                path.partition(".")[2] or path: kind
                for path, kind in refusals(error, shape).items()
            }
        except REFUSALS as error:
            found = {"(model)": type(error).__name__}
        _refuse(shape, found)

    return validate
