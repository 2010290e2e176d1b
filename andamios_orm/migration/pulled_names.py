"""Names for Python of what a database calls as it likes."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from itertools import count, islice

from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_name_of

__all__ = ["class_name", "field_name", "unlike"]


def class_name(table: str) -> str:
    """Return the class of a table.

    >>> class_name("invoice line"), class_name("PlaylistTrack"), class_name("2fa")
    ('InvoiceLine', 'PlaylistTrack', 'T2fa')
    """
    words = [word for word in re.split(r"\W+|_+", _plain(table)) if word]
    found = "".join(word[0].upper() + word[1:] for word in words) or "Table"
    return found if found[0].isalpha() else f"T{found}"


def field_name(column: str) -> str:
    """Return the field of a column.

    >>> field_name("AlbumId"), field_name("unit price"), field_name("class"), field_name("copy")
    ('album_id', 'unit_price', 'class_', 'copy_')
    """
    found = re.sub(r"\W+|_+", "_", table_name_of(_plain(column))).strip("_") or "column"
    if not found[0].isalpha():
        found = f"c{found}"
    taken = keyword.iskeyword(found) or found.startswith("model_") or hasattr(Model, found)
    return f"{found}_" if taken else found


def unlike(name: str, taken: Collection[str], other: str) -> str:
    """Return a name that is not taken: the given one, or the other, or that with a number."""
    numbered = (f"{other}_{number}" for number in count(2))
    return next(found for found in (name, other, *islice(numbered, 1000)) if found not in taken)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
