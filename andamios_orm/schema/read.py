"""Read a finished Pydantic class into the frozen description of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import NoneType
from typing import cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from andamios_orm.errors import (
    DeclarationError,
    ForeignKeyProblem,
    PrimaryKeyProblem,
    UnsupportedType,
)
from andamios_orm.schema.spec import (
    ColumnOptions,
    FieldSpec,
    ForeignKeySpec,
    Kind,
    ModelSpec,
    OnDelete,
    Role,
)
from andamios_orm.schema.types import Reading, read_type

__all__ = ["options_of", "read_model", "read_shape_field"]


def read_model(model: type[BaseModel], *, table: str, schema: str | None) -> ModelSpec:
    """Return the description of `model`, stored in the table `table`.

    Raises UnsupportedType, PrimaryKeyProblem or DeclarationError, each naming model and field.
    """
    if model.model_config.get("extra") == "allow":
        raise DeclarationError(
            f'{model.__name__}: extra="allow" takes values that have no column, and they would be'
            " lost",
            'use extra="ignore" or "forbid", and a field of type `dict[str, Any]` for what is open',
        )
    infos = cast("Mapping[str, FieldInfo]", model.__pydantic_fields__)
    raw = _raw_validated(model)
    fields = tuple(_read_field(model.__name__, name, info, raw) for name, info in infos.items())
    _check_columns(model.__name__, fields)
    _check_roles(model.__name__, fields)
    return ModelSpec(
        model=model,
        table=table,
        schema=schema,
        fields=_settle_primary_key(model.__name__, fields),
        table_args=_table_args(model),
        whole_row_validators=_has_row_validators(model),
    )


def read_shape_field(shape: type[BaseModel], name: str) -> Reading | None:
    """Return what a field of any Pydantic class would be as a column, None for what is none."""
    info = shape.__pydantic_fields__[name]
    try:
        found = read_type(info.annotation, info.metadata, field=f"{shape.__name__}.{name}")
    except UnsupportedType:
        return None
    raw = _raw_validated(shape)
    return replace(found, raw_validators=found.raw_validators or name in raw or "*" in raw)


def options_of(info: FieldInfo) -> ColumnOptions:
    """Return what `field()` or `generated()` said about a field; defaults for plain fields."""
    found = [mark for mark in info.metadata if isinstance(mark, ColumnOptions)]
    return found[-1] if found else _PLAIN


_PLAIN = ColumnOptions()


def _read_field(model: str, name: str, info: FieldInfo, raw_validated: set[str]) -> FieldSpec:
    where = f"{model}.{name}"
    options = options_of(info)
    if info.annotation in (None, NoneType):
        raise UnsupportedType(
            f"{where}: the annotation `None` holds nothing", "give the field a type", field=where
        )
    metadata = [mark for mark in info.metadata if not isinstance(mark, ColumnOptions)]
    reading = read_type(info.annotation, metadata, field=where, column_type=options.column_type)
    foreign_key = None
    if options.foreign_key is not None:
        _check_foreign_key(where, options)
        foreign_key = ForeignKeySpec(options.foreign_key, options.on_delete)
    spec = FieldSpec(
        name=name,
        column=options.column or name,
        info=info,
        storage=reading.storage,
        nullable=reading.nullable,
        primary_key=bool(options.primary_key),
        generated=options.generated,
        role=options.role,
        unique=options.unique,
        index=options.index,
        foreign_key=foreign_key,
        bounds=reading.bounds,
        server_default=options.server_default,
        secret=options.secret,
        read_only=options.read_only,
        comment=options.comment,
        renamed_from=options.renamed_from,
        python_rules=reading.python_rules,
        raw_validators=reading.raw_validators or name in raw_validated or "*" in raw_validated,
    )
    _check_field(where, spec, options)
    return spec


_ON_DELETE = get_args(OnDelete)


def _check_foreign_key(where: str, options: ColumnOptions) -> None:
    target = options.foreign_key
    if not isinstance(target, str) and not hasattr(target, "model"):
        raise ForeignKeyProblem(
            f"{where}: foreign_key= is a {type(target).__name__}",
            'name a field: `foreign_key=Team.id`, or "Team.id" for a class declared later',
        )
    if options.on_delete not in (None, *_ON_DELETE):
        raise DeclarationError(
            f"{where}: on_delete={options.on_delete!r}", f"use one of {', '.join(_ON_DELETE)}"
        )


def _check_field(where: str, spec: FieldSpec, options: ColumnOptions) -> None:
    if options.on_delete is not None and options.foreign_key is None:
        raise DeclarationError(
            f"{where}: on_delete without foreign_key", "add foreign_key=, or remove on_delete="
        )
    if options.on_delete == "SET NULL" and not spec.nullable:
        raise DeclarationError(
            f'{where}: on_delete="SET NULL" on a field that cannot be None',
            f"annotate it `Col[... | None]` with default=None, or choose another on_delete for"
            f" {where}",
        )
    if spec.primary_key and spec.storage.kind is Kind.JSON:
        raise PrimaryKeyProblem(
            f"{where}: a JSON column cannot be a primary key: engines disagree on when two JSON"
            " texts are equal",
            "use several primary_key=True fields, or a key of its own",
        )
    if spec.primary_key and spec.nullable:
        raise PrimaryKeyProblem(
            f"{where}: a primary key cannot be None",
            "remove `| None`; a generated key needs no default, it simply has no value yet",
        )
    if spec.counted and spec.storage.kind is not Kind.INTEGER:
        raise DeclarationError(
            f"{where}: a database counts only whole numbers by itself",
            "annotate it `Col[int]`, or pass server_default=, or make the value in Python with"
            " `field(primary_key=True, default_factory=uuid7)`",
        )


def _check_columns(model: str, fields: tuple[FieldSpec, ...]) -> None:
    by_column: dict[str, str] = {}
    for spec in fields:
        # Engines fold the case of column names, so `Name` and `name` would be one column.
        other = by_column.setdefault(spec.column.casefold(), spec.name)
        if other != spec.name:
            raise DeclarationError(
                f"{model}: the fields `{other}` and `{spec.name}` share the column `{spec.column}`",
                "give one of them another name with field(column=...)",
            )


_ROLES: Mapping[Role, tuple[Kind | None, bool, str]] = {
    "created_at": (Kind.DATETIME, False, "Col[datetime]"),
    "updated_at": (Kind.DATETIME, False, "Col[datetime]"),
    "version": (Kind.INTEGER, False, "Col[int]"),
    "deleted_at": (Kind.DATETIME, True, "Col[datetime | None]"),
    "tenant": (None, False, "with a type that is not None"),
}
"""What each role takes: a kind of column, whether it can be None, and how it is written."""


def _check_roles(model: str, fields: tuple[FieldSpec, ...]) -> None:
    by_role: dict[Role, str] = {}
    for spec in fields:
        if spec.role is None:
            continue
        kind, nullable, annotation = _ROLES[spec.role]
        fits = spec.storage.kind is kind if kind else spec.storage.kind is not Kind.JSON
        if not fits or spec.nullable is not nullable:
            raise DeclarationError(
                f'{model}.{spec.name}: role="{spec.role}" on a field of another type',
                f"annotate it {annotation}",
            )
        other = by_role.setdefault(spec.role, spec.name)
        if other != spec.name:
            raise DeclarationError(
                f'{model}: `{other}` and `{spec.name}` both have role="{spec.role}"',
                "keep one of them",
            )


def _settle_primary_key(model: str, fields: tuple[FieldSpec, ...]) -> tuple[FieldSpec, ...]:
    """Return the fields with the key decided: a counted `generated()` field is the key."""
    counted = [f for f in fields if f.counted]
    if len(counted) > 1:
        names = " and ".join(f"`{f.name}`" for f in counted)
        raise PrimaryKeyProblem(
            f"{model}: {names} are both generated() keys; a table counts one",
            "keep one generated() field; give the others server_default= or a default in Python",
        )
    declared = [f for f in fields if f.primary_key]
    if counted and any(f is not counted[0] for f in declared):
        other = next(f for f in declared if f is not counted[0])
        raise PrimaryKeyProblem(
            f"{model}: `{counted[0].name}` is a generated() key, and `{other.name}` is declared"
            " primary_key too",
            "keep one of the two; a composite key has no generated() part",
        )
    if counted:
        return tuple(replace(f, primary_key=True) if f is counted[0] else f for f in fields)
    if not declared:
        raise PrimaryKeyProblem(
            f"{model}: no primary key",
            "add `id: Col[int] = generated()`, or mark a field with field(primary_key=True); a"
            " class that is no table of its own leaves out `table=`",
        )
    return fields


def _table_args(model: type[BaseModel]) -> tuple[object, ...]:
    args = getattr(model, "__table_args__", ())
    if not isinstance(args, tuple | list):
        raise DeclarationError(
            f"{model.__name__}.__table_args__ is a {type(args).__name__}",
            "make it a tuple of SQLAlchemy constraints and indexes; mind the comma in `(x,)`",
        )
    return tuple(args)


def _raw_validated(model: type[BaseModel]) -> set[str]:
    """Return the fields whose validators see the value before pydantic; "*" means all."""
    decorators = model.__pydantic_decorators__
    names: set[str] = set()
    for validator in decorators.field_validators.values():
        if validator.info.mode != "after":
            names.update(validator.info.fields)
    if any(v.info.mode != "after" for v in decorators.model_validators.values()):
        names.add("*")
    return names


def _has_row_validators(model: type[BaseModel]) -> bool:
    decorators = model.__pydantic_decorators__
    return bool(
        decorators.field_validators or decorators.model_validators or decorators.root_validators
    )
