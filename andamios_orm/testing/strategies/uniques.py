"""What no two rows of a table may share, as the least exact engine compares it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from andamios_orm.models.base import Model
from andamios_orm.queries.upserting import unique_keys
from andamios_orm.schema.compiler import spec_of, table_of
from andamios_orm.schema.json_values import to_json_text
from andamios_orm.schema.spec import FieldSpec, Kind

__all__ = ["Unique", "uniques_of"]


@dataclass(frozen=True, slots=True)
class Unique:
    """Fields that no two rows share all of: a primary key, a unique field or a unique index."""

    fields: tuple[FieldSpec, ...]
    exact: bool
    """Whether it compares whole values, not what an expression makes of them."""

    @property
    def names(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(field.name for field in self.fields)

    def of(self, values: Mapping[str, object]) -> Hashable:
        """Return what no other row may have, None for a row that is in nobody's way.

        It is in nobody's way where a value is None, or is made by the database.
        """
        found = [values.get(field.name) for field in self.fields]
        if any(value is None for value in found):
            return None
        pairs = zip(self.fields, found, strict=True)
        return tuple(_compared(field, value, exact=self.exact) for field, value in pairs)


def uniques_of(model: type[Model]) -> list[Unique]:
    """Return what rows of a model may not share.

    Fields that the library fills in do not tell rows apart: those stored together may get the
    same tenant, version and times.
    """
    by_column = {field.column: field for field in spec_of(model).fields}
    found: list[Unique] = []
    for key in unique_keys(table_of(model), ""):
        fields = tuple(
            by_column[name]
            for name in key.columns
            if name in by_column and by_column[name].role is None
        )
        if fields:
            found.append(Unique(fields, key.exact))
    return found


def _compared(field: FieldSpec, value: object, *, exact: bool) -> Hashable:
    """Return something that is equal for values that a unique key may find equal.

    The columns that the library declares compare exactly, text by code points. What a column of
    the user's own type compares is not known: case, accents and spaces may not count there.
    """
    storage = field.storage
    plain = value if storage.codec is None else storage.codec.encode(value)
    if storage.kind is Kind.JSON:
        return _frozen(json.loads(to_json_text(plain)))
    if isinstance(plain, datetime) and plain.tzinfo is not None:
        return plain.astimezone(UTC)
    if plain != plain:
        return "NaN"
    if isinstance(plain, str) and (storage.kind is Kind.CUSTOM or not exact):
        return _folded(plain)
    try:
        hash(plain)
    except TypeError:
        return repr(plain)
    return plain


def _frozen(value: object) -> Hashable:
    if isinstance(value, dict):
        return frozenset((name, _frozen(item)) for name, item in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return value


def _folded(text: str) -> str:
    """Return what is left of a text that a collation compares at least.

    >>> _folded("Éa ") == _folded("eA")
    True
    """
    parts = unicodedata.normalize("NFKD", text.casefold())
    kept = (c for c in parts if unicodedata.category(c)[0] not in "CMZ")
    return "".join(c if c.isascii() else "?" for c in kept)
