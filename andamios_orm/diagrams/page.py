"""A diagram as one HTML page that needs nothing else: to search, to look closer, light and dark."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib.resources import files

from andamios_orm.diagrams.content import Column, Diagram, Entity
from andamios_orm.diagrams.layout import laid_out
from andamios_orm.diagrams.svg import drawn, picture_style

__all__ = ["to_html"]


def to_html(diagram: Diagram) -> str:
    """Return the page, the same for the same diagram.

    What is searched for and which table is looked at are in its address, `#q=track&table=album`, so
    that a view can be sent to somebody. No text of the schema can become a script: the page allows
    its own one only.
    """
    script, style = _read("page.js"), _style()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    values = {
        "policy": policy,
        "title": escape(diagram.title),
        "told": escape(_told(diagram)),
        "style": style,
        "picture": drawn(laid_out(diagram), title=diagram.title, style=None),
        "data": _as_json(diagram),
        "script": script,
    }
    # Each place once, from the first to the last: what stands in a value is not looked at.
    page, rest = "", _read("page.html")
    for name, value in values.items():
        before, _, rest = rest.partition(f"[[{name}]]")
        page += before + value
    return page + rest


def _read(name: str) -> str:
    return files("andamios_orm.diagrams").joinpath(name).read_text(encoding="utf-8")


def _style() -> str:
    """Return the styles of picture and page; the chosen colors come before the viewer's."""
    picture = picture_style()
    light = picture[picture.index("{") + 1 : picture.index("font:")]
    dark = picture[picture.index("{", picture.index("@media")) + 1 :]
    dark = dark[dark.index("{") + 1 : dark.index("}")]
    page = _read("page.css").replace("/* light */", light).replace("/* dark */", dark)
    return picture + page


def _told(diagram: Diagram) -> str:
    def count(number: int, noun: str) -> str:
        return f"{number} {noun}{'' if number == 1 else 's'}"

    parts = [count(len(diagram.entities), "table"), count(len(diagram.relations), "relation")]
    if diagram.engine is not None:
        parts.append(f"types of {diagram.engine}")
    return " · ".join(parts)


def _as_json(diagram: Diagram) -> str:
    found = {
        "entities": [_entity(entity) for entity in diagram.entities],
        "relations": [
            {
                "child": relation.child,
                "parent": relation.parent,
                "told": str(relation),
                "enforced": relation.enforced,
            }
            for relation in diagram.relations
        ],
    }
    # `</script>` in a name would end the element it stands in.
    return json.dumps(found).replace("<", "\\u003c").replace(">", "\\u003e")


def _entity(entity: Entity) -> dict[str, object]:
    return {
        "name": entity.name,
        "model": entity.model,
        "comment": entity.comment,
        "rules": entity.rules,
        "columns": [_column(column) for column in entity.columns],
    }


def _column(column: Column) -> dict[str, object]:
    rules = [] if column.nullable else ["NOT NULL"]
    rules += [f"DEFAULT {column.default}"] if column.default else []
    return {
        "name": column.name,
        "field": column.field,
        "type": column.type,
        "marks": column.marks,
        "rules": [*rules, *column.rules],
        "comment": column.comment,
    }
