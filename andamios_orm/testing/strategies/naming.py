"""Names of random tables, columns and fields: readable ones first, then what SQL must quote."""

from __future__ import annotations

import keyword
import unicodedata
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel

from andamios_orm.models.metaclass import ModelMeta

__all__ = ["class_names", "column_names", "field_names", "same_name", "table_names"]

_NOUNS = (
    "hero",
    "team",
    "city",
    "order",
    "user",
    "group",
    "select",
    "table",
    "item",
    "hero_team",
    "value",
    "index",
)
_FIELDS = (
    "name",
    "age",
    "price",
    "born",
    "order",
    "value",
    "key",
    "to",
    "rank",
    "desc",
    "user",
    "group_",
    "name_ge",
    "hero_name",
    "Total",
    "größe",
)
_ODD = (
    "Hero",
    "ORDER",
    "two words",
    "per%cent",
    'a"quote',
    "it's",
    "back`tick",
    "größe",
    "Straße",
    "naïve",
    "名前",
    "1st",
    ":name",
    "x[1]",
    "(x)",
    "$1",
    "a__b",
    "back\\slash",
)

_TAKEN = {*dir(BaseModel), *dir(ModelMeta)}


def same_name(name: str) -> str:
    """Return what two names have in common that an engine may take for one.

    MariaDB finds `größe` and `grosse` equal in case and accents, as others do in case.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def _long(word: str, most: int) -> str:
    """Return a name of about `most` bytes, and no more."""
    size = len(f"{word}_".encode())
    return f"{word}_" * ((most + 1) // size - 1) + word


@cache
def table_names() -> SearchStrategy[str]:
    """Return names of tables, at most 63 bytes long, which is what every engine keeps."""
    long = st.tuples(st.sampled_from(_NOUNS), st.integers(40, 63)).map(lambda n: _long(*n))
    return st.one_of(st.sampled_from(_NOUNS), st.sampled_from(_ODD), long)


@cache
def column_names() -> SearchStrategy[str]:
    """Return names of columns that differ from what a field could be called."""
    long = st.tuples(st.sampled_from(_FIELDS), st.integers(40, 63)).map(lambda n: _long(*n))
    return st.one_of(st.sampled_from(_ODD), st.sampled_from(_FIELDS), long)


@cache
def field_names() -> SearchStrategy[str]:
    """Return names that a field can have."""
    return st.sampled_from(_FIELDS)


def class_names(table: str) -> str:
    """Return the name of a class for a table: `HeroTeam` for `hero_team`."""
    words = "".join(c if c.isalnum() and c.isascii() else "_" for c in table).split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)[:24]
    usable = name.isidentifier() and not keyword.iskeyword(name)
    return name if usable else f"T{name}"
