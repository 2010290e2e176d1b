"""What the column of a field adds to the field's own constraints, and its last word on a value."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from andamios_orm.database.url import read_url
from andamios_orm.errors import DeclarationError, NotStorable, NotSupported, WrongType
from andamios_orm.models.deriving import variant_of
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.json_values import same_value, to_json_text
from andamios_orm.schema.read import read_shape_field
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec, Storage
from andamios_orm.testing.strategies.numbers import Rules
from andamios_orm.testing.strategies.storable import Limits

__all__ = ["Judge", "judge_of", "rules_of", "spec_behind", "storage_of"]

Judge: TypeAlias = Callable[[Any], bool]
"""Whether the column holds a value."""


def spec_behind(model: type[BaseModel]) -> ModelSpec | None:
    """Return the table that a class is, or is a variant of; None for any other class."""
    variant = variant_of(model)
    try:
        return spec_of(model if variant is None else variant.model)
    except DeclarationError:
        return None


def storage_of(model: type[BaseModel], name: str) -> Storage | None:
    """Return what a field's column holds, or would hold; None for what is no column."""
    spec = spec_behind(model)
    if spec is not None and name in spec.by_name:
        return spec.by_name[name].storage
    reading = read_shape_field(model, name)
    return None if reading is None else reading.storage


def rules_of(model: type[BaseModel], name: str, limits: Limits) -> Rules:
    """Return the constraints that a column adds to those of the field."""
    storage = storage_of(model, name)
    if storage is None:
        return {}
    if storage.kind is Kind.CUSTOM:
        return _of_custom(storage)
    rules = _of_kind(storage)
    length = _index_length(model, name, storage, limits)
    return rules if length is None else {**rules, "max_length": length}


def _of_kind(storage: Storage) -> dict[str, Any]:
    if storage.kind in (Kind.TEXT, Kind.BYTES):
        # A limit of the stored text, which for an Enum or a path nobody asks about.
        return {} if storage.length is None else {"max_length": storage.length}
    if storage.kind is Kind.DECIMAL:
        return {"max_digits": storage.precision, "decimal_places": storage.scale}
    if storage.kind is Kind.DATETIME:
        return {"tz_constraint": "aware"}
    if storage.kind is Kind.NAIVE_DATETIME:
        return {"tz_constraint": "naive"}
    if storage.kind is Kind.FLOAT and storage.finite:
        return {"allow_inf_nan": False}
    return {}


def _of_custom(storage: Storage) -> dict[str, Any]:
    """Return the constraints of a SQLAlchemy type of the user's choice, as far as it is known."""
    kept: Any = storage.column_type
    while isinstance(kept, sa.types.TypeDecorator):
        kept = kept.impl_instance
    if storage.codec is not None:
        return {}  # only its owner knows how values look in the column
    if isinstance(kept, sa.SmallInteger):
        return {"bits": 16}
    if isinstance(kept, sa.Integer) and not isinstance(kept, sa.BigInteger):
        return {"bits": 32}
    if isinstance(kept, sa.String | sa.LargeBinary) and kept.length is not None:
        return {"max_length": kept.length}
    if isinstance(kept, sa.Float):
        return {"allow_inf_nan": False, **({} if isinstance(kept, sa.Double) else {"width": 32})}
    if isinstance(kept, sa.Numeric) and kept.precision is not None:
        return {"max_digits": kept.precision, "decimal_places": kept.scale or 0}
    if isinstance(kept, sa.DateTime):
        return {"tz_constraint": "aware" if kept.timezone else "naive"}
    return {}


def _index_length(
    model: type[BaseModel], name: str, storage: Storage, limits: Limits
) -> int | None:
    """Return the length that an index leaves to text and bytes on MySQL and MariaDB."""
    if storage.kind not in (Kind.TEXT, Kind.BYTES) or storage.length is not None:
        return None
    if not {"mariadb", "mysql"} & set(limits.engines):
        return None
    spec = spec_behind(model)
    if spec is None or name not in spec.by_name:
        return None
    kept = _column(spec, spec.by_name[name]).type
    if not isinstance(kept, Stored) or kept.limit is None:
        return None
    return kept.limit // 4 if storage.kind is Kind.TEXT else kept.limit


def _column(spec: ModelSpec, field: FieldSpec) -> sa.Column[Any]:
    return table_of(spec.model).columns[field.column]


# ---- the last word -----------------------------------------------------------------------------


def judge_of(model: type[BaseModel], name: str, limits: Limits) -> Judge | None:
    """Return what says whether the column holds a value; None for what is no column."""
    spec = spec_behind(model)
    if spec is None or name not in spec.by_name or not limits.storable:
        return None
    field = spec.by_name[name]
    kept: sa.types.TypeEngine[Any] = _column(spec, field).type
    binders = []
    for engine in limits.engines:
        dialect = _dialect(engine)
        try:
            bind = kept.dialect_impl(dialect).bind_processor(dialect)
        except NotSupported:
            continue  # no table of the model exists there
        if bind is not None:
            binders.append(bind)
    if field.storage.kind is Kind.JSON:
        info = cast("Stored", kept).info
        is_text = field.storage.column_type == "text"  # pydantic's Json[...] parses it
        return _held(binders, info.from_python if is_text else info.from_json)
    return _held(binders, None)


@cache
def _dialect(engine: str) -> sa.Dialect:
    # That of our own driver: some types of another ask for its package.
    url, _ = read_url(f"{engine}://")
    return url.get_dialect()()


def _held(binders: list[Any], read: Callable[[str], object] | None) -> Judge:
    def held(value: Any) -> bool:
        if value is None:
            return True
        try:
            for bind in binders:
                bind(value)
            return read is None or same_value(read(to_json_text(value)), value)
        except (NotStorable, WrongType, ValidationError):
            return False

    return held
