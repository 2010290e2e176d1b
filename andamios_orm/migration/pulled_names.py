"""Names for Python of what a database calls as it likes."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from itertools import count, islice

from andamios_orm.models.base import Model
from andamios_orm.schema.compiler import table_name_of

__all__ = ["IMPORTS", "TRIAL", "USED", "class_name", "field_name", "unlike"]

IMPORTS = (
    ("datetime", ("date", "datetime", "time", "timedelta")),
    ("decimal", ("Decimal",)),
    ("typing", ("Any", "Literal")),
    ("uuid", ("UUID",)),
    ("", ()),
    ("pydantic", ("NaiveDatetime",)),
    ("sqlalchemy.dialects", ("mysql", "postgresql", "sqlite")),
    ("sqlalchemy.schema", ("conv",)),
    ("", ()),
    (
        "andamios_orm",
        ("Col", "Model", "Related", "RelatedList", "field", "generated", "relation"),
    ),
    ("andamios_orm.migration.operations", ("SqlType",)),
    ("andamios_orm.schema.registry", ("default_metadata",)),
)
"""What a module of models imports, if it uses it: the names of each module, and blank lines."""
TRIAL = "METADATA"
"""The MetaData of models that are only tried."""
USED = frozenset(
    {"bool", "bytes", "dict", "float", "int", "list", "sa", "str", TRIAL}.union(
        *(names for _, names in IMPORTS)
    )
)
"""What the module means by a name, which no class and no field may take from it."""


def class_name(table: str) -> str:
    """Return the class of a table.

    >>> class_name("invoice line"), class_name("PlaylistTrack"), class_name("2fa")
    ('InvoiceLine', 'PlaylistTrack', 'T2fa')
    >>> class_name("None")
    'TNone'
    """
    words = [word for word in re.split(r"\W+|_+", _plain(table)) if word]
    found = "".join(word[0].upper() + word[1:] for word in words) or "Table"
    return found if found[0].isalpha() and not keyword.iskeyword(found) else f"T{found}"


def field_name(column: str) -> str:
    """Return the field of a column.

    >>> field_name("AlbumId"), field_name("unit price"), field_name("class"), field_name("copy")
    ('album_id', 'unit_price', 'class_', 'copy_')
    >>> field_name("date")
    'date_'
    """
    found = re.sub(r"\W+|_+", "_", table_name_of(_plain(column))).strip("_") or "column"
    if not found[0].isalpha():
        found = f"c{found}"
    taken = (
        keyword.iskeyword(found)
        or found in USED
        or found.startswith("model_")
        or hasattr(Model, found)
    )
    return f"{found}_" if taken else found


def unlike(name: str, taken: Collection[str], other: str) -> str:
    """Return a name that is not taken: the given one, or the other, or that with a number."""
    numbered = (f"{other}_{number}" for number in count(2))
    return next(found for found in (name, other, *islice(numbered, 1000)) if found not in taken)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
