"""Conduct a class statement to its table: read the fields, build the table, register both.

The description is read when the class is finished; the table is built at its first use, because
a foreign key may point to a class that is declared later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm.errors import DeclarationError, ForeignKeyProblem
from andamios_orm.schema import registry
from andamios_orm.schema.read import read_model
from andamios_orm.schema.registry import Declaration, declaration_of, declarations
from andamios_orm.schema.spec import FieldSpec, ForeignKeySpec, ModelSpec, RelationDeclaration
from andamios_orm.schema.tables import ColumnPath, build_table

__all__ = ["compile_all", "declare_table", "spec_of", "table_name_of", "table_of"]


def declare_table(
    model: type[BaseModel],
    *,
    table: str | None,
    schema: str | None,
    metadata: sa.MetaData | None,
    relations: Mapping[str, RelationDeclaration] = MappingProxyType({}),
) -> None:
    """Register the finished class `model` as a table.

    A class whose annotations are all known is read at once, so that a wrong declaration fails in
    its own class statement; one with forward references is read at the first use of its table.
    """
    declaration = Declaration(
        model,
        table or table_name_of(model.__name__),
        schema,
        registry.default_metadata if metadata is None else metadata,
        relations=relations,
    )
    if model.__pydantic_complete__:
        declaration.spec = read_model(model, table=declaration.table_name, schema=schema)
    registry.declare(declaration)


def table_name_of(class_name: str) -> str:
    """Return the default table name: the class name in snake_case, singular as it stands.

    >>> table_name_of("HTTPRequestLog")
    'http_request_log'
    """
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", class_name)
    return words.lower()


def spec_of(model: type[BaseModel]) -> ModelSpec:
    """Return the description of a table class, reading it if that had to wait."""
    declaration = declaration_of(model)
    if declaration.spec is None:
        if not model.__pydantic_complete__ and not model.model_rebuild(raise_errors=False):
            raise DeclarationError(
                f"{model.__name__}: an annotation names a class that does not exist yet",
                "declare or import that class before the first use of the table, or call"
                f" {model.__name__}.model_rebuild() where its names are known",
            )
        declaration.spec = read_model(
            model, table=declaration.table_name, schema=declaration.schema
        )
    return declaration.spec


def table_of(model: type[BaseModel]) -> sa.Table:
    """Return the SQLAlchemy table of a model, built at the first call with all it refers to."""
    declaration = declaration_of(model)
    if declaration.table is None:
        spec = spec_of(model)
        targets = {f.name: _target(spec, f, declaration) for f in spec.fields if f.foreign_key}
        declaration.table = build_table(spec, declaration.metadata, _column_paths(targets))
        try:
            for target, _ in targets.values():
                table_of(target.model)
            # A constraint of `__table_args__` names its table, whose class nobody may have used.
            for key in declaration.table.foreign_keys:
                name = key.target_table_key or ""
                if (other := registry.declared_as(declaration.metadata, name)) is not None:
                    table_of(other.model)
        except DeclarationError:
            declaration.metadata.remove(declaration.table)
            declaration.table = None
            raise
    return declaration.table


def compile_all(metadata: sa.MetaData) -> sa.MetaData:
    """Return `metadata` with the table of every model declared in it."""
    for declaration in list(declarations(metadata)):
        table_of(declaration.model)
    return metadata


def _column_paths(targets: dict[str, tuple[ModelSpec, FieldSpec]]) -> dict[str, ColumnPath]:
    return {
        name: ColumnPath(spec.schema, spec.table, field.column)
        for name, (spec, field) in targets.items()
    }


def _target(
    spec: ModelSpec, field: FieldSpec, declaration: Declaration
) -> tuple[ModelSpec, FieldSpec]:
    """Return the field that a foreign key points at. Raises ForeignKeyProblem."""
    foreign_key = field.foreign_key
    assert foreign_key is not None  # noqa: S101 - the caller asks only for foreign keys
    where = f"{spec.name}.{field.name}"
    target, found = _find(foreign_key, declaration, where)
    if found.storage.kind is not field.storage.kind:
        raise ForeignKeyProblem(
            f"{where} holds {field.storage.kind}, but {target.name}.{found.name} holds"
            f" {found.storage.kind}",
            "annotate both with the same type",
        )
    unique = found.unique or target.primary_key == (found,)
    if not unique:
        raise ForeignKeyProblem(
            f"{where} points at {target.name}.{found.name}, which is not unique",
            f"make {target.name}.{found.name} unique=True or the whole primary key; for a"
            " composite key use SQLAlchemy's ForeignKeyConstraint in __table_args__",
        )
    return target, found


def _find(
    foreign_key: ForeignKeySpec, declaration: Declaration, where: str
) -> tuple[ModelSpec, FieldSpec]:
    target = foreign_key.target
    if not isinstance(target, str):
        spec = spec_of(target.model)
        return spec, spec.by_name[target.name]
    known = list(declarations(declaration.metadata))
    owner, column = _owner_and_column(target, known)
    matches = [d for d in known if d.full_name == owner] or [
        d for d in known if d.model.__name__ == owner
    ]
    if len(matches) != 1:
        tables = ", ".join(sorted(d.full_name for d in known))
        problem = "is the name of several classes" if matches else "is no known table or class"
        raise ForeignKeyProblem(
            f'{where}: foreign_key="{target}": `{owner}` {problem}; known tables: {tables}',
            'write "table.column" or "Class.field" of a table that is declared or imported'
            " before the first use",
        )
    spec = spec_of(matches[0].model)
    for field in spec.fields:
        if column in (field.name, field.column):
            return spec, field
    fields = ", ".join(f.name for f in spec.fields)
    raise ForeignKeyProblem(
        f'{where}: foreign_key="{target}": {spec.name} has no field `{column}`; it has {fields}',
        "name one of these",
    )


def _owner_and_column(target: str, known: list[Declaration]) -> tuple[str, str]:
    """Return the table or class of a `"table.column"`, and the column; either may have dots."""
    names = {d.full_name for d in known} | {d.model.__name__ for d in known}
    dots = [place for place, character in enumerate(target) if character == "."]
    dot = next((dot for dot in reversed(dots) if target[:dot] in names), target.rfind("."))
    return target[: max(dot, 0)], target[dot + 1 :]
