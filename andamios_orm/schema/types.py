"""Python type → what its column holds.

The mapping is a table of plain rules, tried in order; `register_type` adds to it in one line.
How a `Storage` looks on each engine is decided in `columns.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

import annotated_types as at
import sqlalchemy as sa
from pydantic import (
    AwareDatetime,
    BaseModel,
    ByteSize,
    EmailStr,
    EncodedBytes,
    EncodedStr,
    FutureDate,
    FutureDatetime,
    IPvAnyAddress,
    IPvAnyInterface,
    IPvAnyNetwork,
    Json,
    NaiveDatetime,
    NameEmail,
    PastDate,
    PastDatetime,
    SecretBytes,
    SecretStr,
    TypeAdapter,
)
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType, is_typeddict

from andamios_orm.errors import UnsupportedType
from andamios_orm.schema.json_values import ADDRESSES
from andamios_orm.schema.spec import Bound, Codec, Kind, Storage

__all__ = ["Reading", "read_type", "register_type"]

T = TypeVar("T")

_registered: dict[object, Storage] = {}

# Digits that every SQL engine's DECIMAL offers; used where the model names none.
_DEFAULT_DIGITS, _DEFAULT_PLACES = 38, 18


def register_type(
    python_type: type[T],
    column_type: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]],
    *,
    encode: Callable[[T], object] | None = None,
    decode: Callable[[Any], T] | None = None,
) -> None:
    """Store `python_type` in a column of `column_type` from now on.

    `encode` makes the value that the SQLAlchemy type takes, `decode` makes the Python value of
    what it gives; leave both out when the SQLAlchemy type speaks `python_type` itself. A model
    that uses the type must be declared after this call. Registering a type again replaces its
    rule for models declared later. Raises UnsupportedType for a type that keeps pickles.

    ```python
    class Angle:
        def __init__(self, degrees: float) -> None:
            self.degrees = degrees


    register_type(Angle, sa.Double(), encode=lambda angle: angle.degrees, decode=Angle)
    ```
    """
    codec = None
    if encode is not None or decode is not None:
        codec = Codec(
            cast("Callable[[object], object]", encode or _same),
            cast("Callable[[object], object]", decode or _same),
        )
    # What is no class (a NewType, `list[int]`) has no instances to recognise a value by.
    rule: object = python_type
    classes = (rule,) if isinstance(rule, type) else ()
    kept = _chosen(column_type, getattr(python_type, "__name__", repr(python_type)))
    _registered[python_type] = Storage(Kind.CUSTOM, classes, codec=codec, column_type=kept)


def _chosen(column_type: object, field: str) -> sa.types.TypeEngine[Any]:
    """Return a user's column type. Raises UnsupportedType for one that runs what it reads."""
    given = cast("sa.types.TypeEngine[Any]", column_type)
    layer = kept = sa.types.to_instance(given)
    while isinstance(layer, sa.types.TypeDecorator):
        if isinstance(layer, sa.PickleType):
            raise UnsupportedType(
                f"{field} would be kept as a pickle, and reading one runs whatever somebody wrote"
                " into the column",
                "give the field a type that is kept as JSON: a Pydantic model, a dataclass, a list"
                " or a dict of such",
                field=field,
            )
        layer = layer.impl_instance
    return kept


def _registration(annotation: object) -> Storage | None:
    """Return the user's rule for exactly this annotation."""
    try:
        return _registered.get(annotation)
    except TypeError:  # unhashable, as `Annotated[int, []]` is
        return None


def _same(value: object) -> object:
    return value


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What an annotation says about its column."""

    storage: Storage
    nullable: bool
    bounds: tuple[Bound, ...]
    raw_validators: bool
    python_rules: bool


def read_type(
    annotation: object, metadata: Sequence[object], *, field: str, column_type: object = None
) -> Reading:
    """Return what the column of a field annotated `annotation` holds.

    `metadata` is the field's own (`FieldInfo.metadata`); what sits in nested `Annotated` is
    found here. `field` is `"Model.field"`, for messages, and `column_type` a SQLAlchemy type that
    the user chose for this one field. Raises UnsupportedType.
    """
    if not metadata and column_type is None and type(annotation) is type:
        plain = _READINGS.get(annotation)
        if plain is not None and annotation not in _registered:
            return plain
    core, inner, nullable = _unwrap(annotation)
    # Pydantic lets the outermost of two marks of a kind decide, hence the order and the "last".
    marks = [*inner, *_flat(metadata)]
    if column_type is None:
        storage = _storage(core, marks, field)
    else:
        storage = Storage(Kind.CUSTOM, (), column_type=_chosen(column_type, field))
    # The last of each kind.
    bounds = tuple({bound.kind: bound for bound in _bounds(storage, core, marks)}.values())
    for bound in bounds:
        if bound.kind == "max_length":
            storage = dataclasses.replace(storage, length=cast("int", bound.value))
    raw = any(type(mark).__name__ in _RAW_VALIDATORS for mark in marks)
    rules = any(
        type(mark).__name__ in _PYTHON_RULES or getattr(mark, "pattern", None) is not None
        for mark in marks
    )
    return Reading(storage, nullable or core is Any, bounds, raw, rules)


_RAW_VALIDATORS = {"BeforeValidator", "WrapValidator", "PlainValidator"}
_PYTHON_RULES = {*_RAW_VALIDATORS, "AfterValidator", "Predicate", "Not"}


def _unwrap(annotation: object) -> tuple[object, list[object], bool]:
    """Return the type inside Optional, Annotated, NewType and aliases, its metadata, nullable.

    The innermost metadata comes first.
    """
    marks: list[object] = []
    nullable = False
    while True:
        origin = get_origin(annotation)
        if _registration(annotation) is not None:
            return annotation, marks, nullable
        if origin is Annotated:
            annotation, *extra = get_args(annotation)
            marks = [*_flat(extra), *marks]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        elif isinstance(origin, TypeAliasType):
            parameters = dict(zip(origin.__type_params__, get_args(annotation), strict=True))
            annotation = origin.__value__[tuple(parameters[p] for p in origin.__type_params__)]
        elif origin in (Union, UnionType):
            members = [a for a in get_args(annotation) if a is not NoneType]
            nullable = nullable or len(members) < len(get_args(annotation))
            if len(members) != 1:
                return Union[tuple(members)], marks, nullable  # noqa: UP007 - built at run time
            annotation = members[0]
        elif origin is Literal and None in get_args(annotation):
            nullable = True
            members = [a for a in get_args(annotation) if a is not None]
            annotation = Literal[tuple(members)]
        else:
            return annotation, marks, nullable


def _flat(metadata: Iterable[object]) -> Iterator[object]:
    """Yield every mark, also those inside groups and inside a nested `Field(...)`."""
    for mark in metadata:
        if isinstance(mark, FieldInfo):
            yield from _flat(mark.metadata)
        elif isinstance(mark, at.GroupedMetadata):
            yield mark
            yield from _flat(mark)
        elif mark is not None:
            yield mark


# ---- one rule per family -----------------------------------------------------------------------

_SCALARS: Mapping[type, Storage] = {
    bool: Storage(Kind.BOOLEAN, (bool,)),
    int: Storage(Kind.INTEGER, (int,)),
    ByteSize: Storage(
        Kind.INTEGER, (int,), codec=Codec(_same, cast("Callable[[object], object]", ByteSize))
    ),
    float: Storage(Kind.FLOAT, (float, int)),
    str: Storage(Kind.TEXT, (str,)),
    bytes: Storage(Kind.BYTES, (bytes,)),
    datetime: Storage(Kind.DATETIME, (datetime,)),
    AwareDatetime: Storage(Kind.DATETIME, (datetime,)),
    PastDatetime: Storage(Kind.DATETIME, (datetime,)),
    FutureDatetime: Storage(Kind.DATETIME, (datetime,)),
    NaiveDatetime: Storage(Kind.NAIVE_DATETIME, (datetime,)),
    date: Storage(Kind.DATE, (date,)),
    PastDate: Storage(Kind.DATE, (date,)),
    FutureDate: Storage(Kind.DATE, (date,)),
    time: Storage(Kind.TIME, (time,)),
    timedelta: Storage(Kind.INTERVAL, (timedelta,)),
    UUID: Storage(Kind.UUID, (UUID,)),
    EmailStr: Storage(Kind.TEXT, (str,)),
}


_READINGS = {
    python: Reading(storage, nullable=False, bounds=(), raw_validators=False, python_rules=False)
    for python, storage in _SCALARS.items()
}
"""What most fields are: a scalar without constraints."""


def _reveal(value: object) -> object:
    return cast("SecretStr | SecretBytes", value).get_secret_value()


def _text(python_type: type, *, read: Callable[[str], object] | None = None) -> Storage:
    """A value object kept as its text."""
    decode = cast("Callable[[object], object]", read or python_type)
    return Storage(Kind.TEXT, (python_type,), codec=Codec(str, decode))


@cache
def _name_email_adapter() -> TypeAdapter[NameEmail]:
    # At its first use, because it needs the optional email-validator.
    return TypeAdapter(NameEmail)


def _name_email(text: str) -> NameEmail:
    return _name_email_adapter().validate_python(text)


_ANY_ADDRESS: Mapping[object, tuple[type, ...]] = {
    IPvAnyAddress: (IPv4Address, IPv6Address),
    IPvAnyInterface: (IPv4Interface, IPv6Interface),
    IPvAnyNetwork: (IPv4Network, IPv6Network),
}
_SECRETS: Mapping[type, tuple[Kind, type]] = {
    SecretStr: (Kind.TEXT, str),
    SecretBytes: (Kind.BYTES, bytes),
}


def _storage(core: object, marks: list[object], field: str) -> Storage:
    """Return what a column of the bare type `core` holds; the rules in order."""
    if (registered := _registration(core)) is not None:
        return registered
    if core is Any:  # before the classes: since Python 3.11 it is one
        return _json()
    if core is Json or any(mark is Json or type(mark) is Json for mark in marks):
        return Storage(Kind.JSON, (), codec=None, column_type="text")
    if any(isinstance(mark, EncodedStr | EncodedBytes) for mark in marks):
        raise UnsupportedType(
            f"{field}: an encoded type decodes its input on every validation, so a stored value"
            " would be decoded again when it is read",
            "declare plain `bytes` or `str` and encode where the data enters",
            field=field,
        )
    if isinstance(core, TypeVar):
        raise UnsupportedType(
            f"{field}: the type parameter {core} has no value yet",
            "give the parameter in the table's class statement, as in `class IntBox(Box[int],"
            " table=True)`",
            field=field,
        )
    if get_origin(core) is Literal:
        return _of_values(get_args(core), None, field)
    if isinstance(core, type):
        if (found := _of_class(core, marks, field)) is not None:
            return found
    elif get_origin(core) is not None:
        return _json()
    raise UnsupportedType(
        f"{field}: no column type for {_shown(core)}",
        f"register one with `register_type({_shown(core)}, sqlalchemy.String(), encode=...,"
        " decode=...)`, or annotate the field with a type that has one",
        field=field,
    )


def _shown(core: object) -> str:
    return core.__name__ if isinstance(core, type) else str(core)


def _json() -> Storage:
    return Storage(Kind.JSON, ())


_JSON_CLASSES = (BaseModel, list, dict, tuple, set, frozenset)


def _of_class(core: type, marks: list[object], field: str) -> Storage | None:
    """Return what a column of the class `core` holds, None for a class without a rule."""
    if issubclass(core, Enum):
        return _of_values([member.value for member in core], core, field)
    if core is Decimal:
        return _decimal(marks, field)
    if core is float:
        allowed = any(getattr(mark, "allow_inf_nan", None) is True for mark in marks)
        return dataclasses.replace(_SCALARS[float], finite=not allowed)
    if core in _SCALARS:
        return _SCALARS[core]
    if core in _SECRETS:
        kind, plain = _SECRETS[core]
        decode = cast("Callable[[object], object]", core)
        return Storage(kind, (core, plain), codec=Codec(_reveal_or_same, decode))
    if core in ADDRESSES:
        return _text(core)
    if core is NameEmail:
        return _text(core, read=_name_email)
    if core in _ANY_ADDRESS:
        storage = _text(core, read=cast("Callable[[str], object]", core))
        return dataclasses.replace(storage, python_types=_ANY_ADDRESS[core])
    if issubclass(core, PurePath):
        # pydantic reads `PurePath` and `Path` alike from text.
        return dataclasses.replace(_text(Path), python_types=(PurePath,))
    if hasattr(core, "unicode_string"):  # the method that all of pydantic's URL types share
        return _text(core)
    if issubclass(core, _JSON_CLASSES) or dataclasses.is_dataclass(core) or is_typeddict(core):
        return _json()
    return None


def _reveal_or_same(value: object) -> object:
    return _reveal(value) if isinstance(value, SecretStr | SecretBytes) else value


def _of_values(values: Iterable[object], enum: type[Enum] | None, field: str) -> Storage:
    """A column for a fixed set of values: an Enum's, or those of a Literal."""
    plain = [v.value if isinstance(v, Enum) else v for v in values]
    kinds = {bool: Kind.BOOLEAN, int: Kind.INTEGER, str: Kind.TEXT, float: Kind.FLOAT}
    found = {next((k for t, k in kinds.items() if isinstance(v, t)), None) for v in plain}
    if len(found) != 1 or None in found:
        kind_names = sorted({type(v).__name__ for v in plain})
        raise UnsupportedType(
            f"{field}: its values are of the types {', '.join(kind_names) or '(none)'}; a column"
            " holds one of str, int, float or bool",
            "give all values the same type",
            field=field,
        )
    kind = cast("Kind", found.pop())
    length = max(len(v) for v in plain if isinstance(v, str)) if kind is Kind.TEXT else None
    if enum is None:
        return _of_literal(kind, tuple(values), length, field)
    codec = Codec(_value_of, cast("Callable[[object], object]", enum))
    return Storage(kind, (enum,), length=length, codec=codec)


def _of_literal(kind: Kind, values: tuple[object, ...], length: int | None, field: str) -> Storage:
    types = tuple(dict.fromkeys(type(v) for v in values))
    if not any(isinstance(v, Enum) for v in values):
        return Storage(kind, types, length=length)
    by_stored = {_value_of(v): v for v in values}
    if len(by_stored) < len(values):
        raise UnsupportedType(
            f"{field}: an Enum's member and a plain value of its Literal are stored alike",
            "name one of the two in the Literal",
            field=field,
        )
    # Pydantic's Literal takes only the member itself, not the value it is stored as.
    codec = Codec(_value_of, lambda value: by_stored.get(value, value), load=True)
    return Storage(kind, types, length=length, codec=codec)


def _value_of(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _decimal(marks: list[object], field: str) -> Storage:
    digits = _mark(marks, "max_digits")
    places = _mark(marks, "decimal_places")
    if digits is not None and places is None:
        raise UnsupportedType(
            f"{field}: max_digits without decimal_places leaves the column's scale open",
            f"add decimal_places, as in `field(max_digits={digits}, decimal_places=2)`",
            field=field,
        )
    return Storage(
        Kind.DECIMAL,
        (Decimal, int),
        precision=digits or _DEFAULT_DIGITS,
        scale=_DEFAULT_PLACES if places is None else places,
    )


def _mark(marks: list[object], name: str) -> int | None:
    found = [value for mark in marks if (value := getattr(mark, name, None)) is not None]
    return cast("int", found[-1]) if found else None


# ---- bounds ------------------------------------------------------------------------------------

_ORDERED = {
    Kind.INTEGER,
    Kind.FLOAT,
    Kind.DECIMAL,
    Kind.DATE,
    Kind.TIME,
    Kind.DATETIME,
    Kind.NAIVE_DATETIME,
    Kind.INTERVAL,
}
_SIZED = {Kind.TEXT, Kind.BYTES}


def _bounds(storage: Storage, core: object, marks: list[object]) -> Iterator[Bound]:
    """Yield what the database can enforce of the field's constraints."""
    if storage.kind is Kind.CUSTOM:
        return  # only its owner knows how values look in the column
    values: tuple[object, ...] = ()
    if get_origin(core) is Literal:
        values = get_args(core)
    elif isinstance(core, type) and issubclass(core, Enum) and not issubclass(core, Flag):
        values = tuple(core)
    if values:
        yield Bound("one_of", tuple(dict.fromkeys(_value_of(v) for v in values)))
        return
    if storage.kind in _ORDERED:
        for mark in marks:
            if isinstance(mark, at.Ge):
                yield Bound("ge", mark.ge)
            elif isinstance(mark, at.Gt):
                yield Bound("gt", mark.gt)
            elif isinstance(mark, at.Le):
                yield Bound("le", mark.le)
            elif isinstance(mark, at.Lt):
                yield Bound("lt", mark.lt)
            elif isinstance(mark, at.MultipleOf) and storage.kind is not Kind.FLOAT:
                # A float's remainder is a matter of tolerance; no engine shares pydantic's.
                yield Bound("multiple_of", mark.multiple_of)
    elif storage.kind in _SIZED:
        for mark in marks:
            if isinstance(mark, at.MaxLen):
                yield Bound("max_length", mark.max_length)
            elif isinstance(mark, at.MinLen) and mark.min_length > 0:
                yield Bound("min_length", mark.min_length)
