"""Names in PostgreSQL's SQL: quoted, made for what only a migration needs, and replaced."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from sqlalchemy.dialects import postgresql

from andamios_orm.backends.postgresql import RESERVED

__all__ = ["literal", "names_in", "own_name", "quoted", "replaced", "settled"]

# A style of parameters in which a percent sign is nothing but one.
_preparer = postgresql.dialect(paramstyle="named").identifier_preparer  # type: ignore[no-untyped-call]  # SQLAlchemy's
_preparer.reserved_words = _preparer.reserved_words | RESERVED


def quoted(*names: str | None) -> str:
    """Return a name for SQL, quoted where it has to be; without those that are None."""
    return ".".join(_preparer.quote(name) for name in names if name is not None)


def literal(text: str) -> str:
    """Return a text as it stands in SQL."""
    return "'" + text.replace("'", "''") + "'"


def own_name(*what: str | None) -> str:
    """Return the name of something that is there only while a migration is under way.

    It is the same each time, so that a migration that goes on finds what it has made.
    """
    digest = hashlib.sha256("\0".join(one or "" for one in what).encode()).hexdigest()
    return f"andamios_new_{digest[:16]}"


_TYPE = r"""
    (?:character\ varying|double\ precision|bit\ varying
        |(?:timestamp|time)(?:\(\d+\))?\ with(?:out)?\ time\ zone
        |(?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))?)
"""
_TOKEN = re.compile(
    rf"""
    (?P<text>'(?:[^']|'')*')
    | ::(?P<type>{_TYPE})
    | (?P<collation>COLLATE\ (?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))?)
    | (?P<quoted>"(?:[^"]|"")+")
    | (?P<word>[^\W\d][\w$]*)(?P<call>\()?
    """,
    re.VERBOSE,
)


def replaced(sql: str, old: str, new: str, types: Mapping[str, str]) -> str:
    """Return a text of the catalog with another name for a column, and for types in its casts."""

    def put(found: re.Match[str]) -> str:
        if found["type"]:
            return f"::{types.get(found['type'], found['type'])}"
        name = found["word"]
        if found["quoted"]:
            name = found["quoted"][1:-1].replace('""', '"')
        return quoted(new) if name == old and not found["call"] else found.group()

    return _TOKEN.sub(put, sql)


_KEYWORDS = frozenset({"true", "false", "null", "and", "or", "not", "is", "in", "like", "between"})


def names_in(sql: str) -> set[str]:
    """Return what may be columns in a text of the catalog: not its types, calls and keywords."""
    found = set()
    for token in _TOKEN.finditer(sql):
        if token["quoted"]:
            found.add(token["quoted"][1:-1].replace('""', '"'))
        elif token["word"] and not token["call"]:
            # The catalog writes the names of columns in small letters, and keywords in large ones.
            word = token["word"]
            if word != word.upper() and word not in _KEYWORDS:
                found.add(word)
    return found


_ITEM = rf"'(?:[^']|'')*'::{_TYPE}(?:\(\d+\))?"
_CAST_ARRAY = re.compile(
    rf"\(ARRAY\[(?P<items>{_ITEM}(?:,\ {_ITEM})*)\]\)::(?P<type>{_TYPE})\[\]", re.VERBOSE
)
_ITEMS = re.compile(_ITEM, re.VERBOSE)


def settled(sql: str) -> str:
    """Return a condition of the catalog as the catalog shows it when it is read in again.

    What began as `name IN ('a', 'b')` is shown as the cast of an array, and what is created from
    that as an array of casts.
    """

    def put(found: re.Match[str]) -> str:
        items = (f"({item.group()})::{found['type']}" for item in _ITEMS.finditer(found["items"]))
        return f"ARRAY[{', '.join(items)}]"

    return _CAST_ARRAY.sub(put, sql)
