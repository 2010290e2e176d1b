"""Every declared model: its description, its table, and the name by which others refer to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm.errors import DeclarationError
from andamios_orm.schema.spec import ModelSpec, RelationDeclaration, RelationSpec

__all__ = [
    "NAMING_CONVENTION",
    "Declaration",
    "declaration_of",
    "declarations",
    "declare",
    "declared_as",
    "default_metadata",
]

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
"""Constraints are named by what they say, so that an error or a migration can name them back."""

_SQLALCHEMYS = cast("Mapping[str, Any]", sa.MetaData().naming_convention)

default_metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)
"""Where every table lands whose class names no `metadata=` of its own."""


@dataclass(eq=False)
class Declaration:
    """One table class: what its class statement said, and what was compiled of it so far."""

    model: type[BaseModel]
    table_name: str
    schema: str | None
    metadata: sa.MetaData
    spec: ModelSpec | None = None
    table: sa.Table | None = None
    relations: Mapping[str, RelationDeclaration] = field(default_factory=dict)
    resolved: dict[str, RelationSpec] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`table`, or `schema.table`; unique within one MetaData."""
        return f"{self.schema}.{self.table_name}" if self.schema else self.table_name


_by_model: dict[type[BaseModel], Declaration] = {}
_by_table: dict[tuple[sa.MetaData, str], Declaration] = {}
"""The same declarations, so that one more does not have to look at all others."""


def declare(declaration: Declaration) -> None:
    """Add a declaration. A class statement run again (a notebook cell) replaces the old class.

    Raises DeclarationError when another class already has the table.
    """
    model = declaration.model
    key = (declaration.metadata, declaration.full_name)
    other = _by_table.get(key)
    if other is not None:
        if (other.model.__module__, other.model.__qualname__) != (
            model.__module__,
            model.__qualname__,
        ):
            raise DeclarationError(
                f"{model.__name__}: the table `{declaration.full_name}` belongs to"
                f" {other.model.__module__}.{other.model.__qualname__}",
                'choose another name with table="...", or another schema=, or give the class a'
                " metadata= of its own",
            )
        del _by_model[other.model]
        if other.table is not None:
            declaration.metadata.remove(other.table)
    if declaration.metadata is not default_metadata:
        given = cast("Mapping[str, Any]", declaration.metadata.naming_convention)
        # SQLAlchemy's own name for an index has its first column only, and two indexes collide.
        chosen = {kind: name for kind, name in given.items() if _SQLALCHEMYS.get(kind) != name}
        declaration.metadata.naming_convention = cast("Any", {**NAMING_CONVENTION, **chosen})
    _by_table[key] = _by_model[model] = declaration


def declaration_of(model: type[BaseModel]) -> Declaration:
    """Return the declaration of a table class. Raises DeclarationError for any other class."""
    try:
        return _by_model[model]
    except KeyError:
        raise DeclarationError(
            f"{model.__name__} is not a table",
            f"declare it `class {model.__name__}(Model, table=True)`",
        ) from None


def declared_as(metadata: sa.MetaData, full_name: str) -> Declaration | None:
    """Return the declaration of a table, None for a name that no class has."""
    return _by_table.get((metadata, full_name))


def declarations(metadata: sa.MetaData | None = None) -> Iterator[Declaration]:
    """Yield the declarations of one MetaData, or of all, in the order of their class statements."""
    return (d for d in _by_model.values() if metadata is None or d.metadata is metadata)
