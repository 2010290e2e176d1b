"""How much room text and boxes take in a drawing, in pixels."""

from __future__ import annotations

from unicodedata import east_asian_width

from andamios_orm.diagrams.content import Column, Entity

__all__ = [
    "HEADER",
    "MARK",
    "PADDING",
    "ROW",
    "box_height",
    "box_width",
    "cut",
    "marks_width",
    "shown_type",
    "text_width",
]

ROW = 22
HEADER = 32
PADDING = 12
MARK = 25
"""A mark, `PK`, and the space after it."""
_CHARACTER = 7.25
"""One character of the monospaced fonts of 12 pixels that browsers have."""
_SPACE = 22
"""Between a column's name and its type."""
_BOTTOM = 6
_LONGEST = 34


def text_width(text: str) -> float:
    """Return how wide a text is; characters of East Asia count twice."""
    return _CHARACTER * sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, longest: int = _LONGEST) -> str:
    """Return a text that is not too long for a box, with dots where it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def marks_width(entity: Entity) -> float:
    """Return the room for the marks before the names of an entity's columns."""
    return MARK * max((len(column.marks) for column in entity.columns), default=0)


def box_width(entity: Entity) -> float:
    """Return how wide an entity is drawn."""
    names = max((text_width(cut(c.name)) for c in entity.columns), default=0)
    types = max((text_width(cut(shown_type(c))) for c in entity.columns), default=0)
    rows = marks_width(entity) + names + _SPACE + types
    # The title is bold, which some fonts draw wider.
    return round(2 * PADDING + max(rows, text_width(cut(entity.name)) * 1.15 + 8, 96))


def shown_type(column: Column) -> str:
    """Return a column's type as it is drawn: `?` says that the value may be missing."""
    return f"{column.short_type}?" if column.nullable else column.short_type


def box_height(entity: Entity) -> float:
    """Return how high an entity is drawn."""
    return HEADER + ROW * len(entity.columns) + _BOTTOM
