"""The rows of an example: stored, read back as a whole, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.laws.base import Broken
from andamios_orm.testing.laws.comparing import same
from andamios_orm.testing.laws.showing import Writer
from andamios_orm.testing.strategies.graphs import Graph

__all__ = [
    "Key",
    "Snapshot",
    "all_of",
    "as_code",
    "has_key",
    "key_of",
    "key_to_get",
    "made_then",
    "require_same",
    "same_row",
    "snapshot",
    "store",
]

M = TypeVar("M", bound=Model)

Key: TypeAlias = tuple[object, ...]
Snapshot: TypeAlias = Mapping[type[Model], Mapping[Key, Model]]
"""All rows of some models, by their keys."""

# -- storing


async def store(db: Database, rows: Sequence[Model]) -> None:
    """Store the rows of an example, in one transaction."""
    await Graph(tuple(rows)).store(db)


# -- reading


def all_of(model: type[M], source: Database | Session) -> Repository[M]:
    """Return the repository of all rows, also of those that are marked as deleted."""
    found = Repository(model, source)
    return found.with_deleted() if "deleted_at" in spec_of(model).roles else found


async def snapshot(source: Database | Session, models: Iterable[type[Model]]) -> Snapshot:
    """Return all rows of the models."""
    return {
        model: {key_of(row): row for row in await all_of(model, source).all()} for model in models
    }


def has_key(row: Model) -> bool:
    """Whether all of a row's key is known before it is stored."""
    return all(field.name in row.__dict__ for field in spec_of(type(row)).primary_key)


def key_of(row: Model) -> Key:
    """Return the key of a row, as a tuple also where it is one field."""
    return tuple(_comparable(getattr(row, f.name)) for f in spec_of(type(row)).primary_key)


def key_to_get(model: type[Model], key: Key) -> object:
    """Return a key as `get` takes it."""
    return key if len(spec_of(model).primary_key) > 1 else key[0]


# -- comparing


def as_code(value: object) -> str:
    """Return a value as it is written in a program, for a message."""
    return Writer().text(value)


def _comparable(value: object) -> object:
    """Return an instant as it comes back, in UTC; and NaN as what equals itself, for keys."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return "NaN" if value != value else value


def same_row(one: Model, other: Model, *, without: Iterable[str] = ()) -> bool:
    """Whether two rows have the same values, but for some fields."""
    return type(one) is type(other) and _difference(one, other, without) is None


def made_then(model: type[Model]) -> set[str]:
    """Return the fields whose values depend on when a row is stored, and where."""
    return {
        field.name
        for field in spec_of(model).fields
        if field.role in ("created_at", "updated_at", "deleted_at")
        or (field.generated and field.role is None and field.server_default is not None)
    }


def _difference(one: Model, other: Model, without: Iterable[str]) -> str | None:
    """Return a field in which two rows differ."""
    missing = object()
    for field in spec_of(type(one)).fields:
        values = (row.__dict__.get(field.name, missing) for row in (one, other))
        if field.name not in without and not same(*map(_comparable, values)):
            return field.name
    return None


def require_same(what: str, expected: Snapshot, found: Snapshot, *, at_once: bool = True) -> None:
    """Raise Broken, which tells the first row that differs.

    Rows that were not stored `at_once` may differ in what the moment made of them.
    """
    for model, rows in expected.items():
        without = () if at_once else made_then(model)
        others = found[model]
        for key, row in rows.items():
            if key not in others:
                raise Broken(f"{what}: a {model.__name__} is gone", expected=row, found=None)
            if field := _difference(row, others[key], without):
                raise Broken(
                    f"{what}: {model.__name__}.{field} differs", expected=row, found=others[key]
                )
        for key, row in others.items():
            if key not in rows:
                raise Broken(f"{what}: a {model.__name__} is there", expected=None, found=row)
