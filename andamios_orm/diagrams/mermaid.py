"""A diagram as Mermaid text, which GitHub and most documentation tools draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from andamios_orm.diagrams.content import Column, Diagram, Entity, Relation

__all__ = ["to_mermaid"]


def to_mermaid(diagram: Diagram) -> str:
    """Return the text of an `erDiagram`, the same for the same diagram.

    Mermaid knows fewer characters in names and types than SQL does; others become `_`.
    """
    return "\n".join(["erDiagram", *_lines(diagram)]) + "\n"


def _lines(diagram: Diagram) -> Iterator[str]:
    names = _names(diagram.entities)
    for entity in diagram.entities:
        yield f"    {names[entity.name]} {{"
        for column in entity.columns:
            yield f"        {_column(column)}"
        yield "    }"
    for relation in diagram.relations:
        yield f"    {_relation(relation, names)}"


def _names(entities: tuple[Entity, ...]) -> dict[str, str]:
    """Return what each entity is called there: quoted, and no two the same."""
    found: dict[str, str] = {}
    for entity in entities:
        name = base = _text(entity.name) or "_"
        count = 1
        while f'"{name}"' in found.values():
            count += 1
            name = f"{base}_{count}"
        found[entity.name] = f'"{name}"'
    return found


def _column(column: Column) -> str:
    parts = [_word(column.short_type), _word(column.name)]
    if column.marks:
        parts.append(", ".join(column.marks))
    told = ["optional"] if column.nullable else []
    told += [_text(column.comment)] if column.comment else []
    if told:
        parts.append(f'"{"; ".join(told)}"')
    return " ".join(parts)


def _relation(relation: Relation, names: dict[str, str]) -> str:
    many = "}o" if relation.many else "|o"
    one = "o|" if relation.optional else "||"
    line = "--" if relation.enforced else ".."
    told = _text(", ".join(relation.columns))
    return f'{names[relation.child]} {many}{line}{one} {names[relation.parent]} : "{told}"'


def _word(text: str) -> str:
    """Return a text as a name of a column or type."""
    word = re.sub(r"_*[^\w()\[\]-]+_*", "_", text)
    # `pk` alone would be read as the mark.
    if re.match(r"(pk|fk|uk)\b|[^A-Za-z_\u00c0-\uffff]", word, re.IGNORECASE) or not word:
        word = f"_{word}"
    return word


def _text(text: str) -> str:
    """Return a text as it may stand between quotes."""
    text = re.sub(r"\s+", " ", text).replace('"', "'")
    text = re.sub(r"[%\\\x00-\x1f]", "_", text)
    return text.replace("#", "#35;").replace("<", "#lt;").replace(">", "#gt;").strip()
