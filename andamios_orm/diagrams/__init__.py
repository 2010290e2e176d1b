"""Draw what is in a database: Mermaid text, an SVG picture, a page to look around in."""

from andamios_orm.diagrams.content import Column, Diagram, Entity, Relation
from andamios_orm.diagrams.fields import dialect_of
from andamios_orm.diagrams.mermaid import to_mermaid
from andamios_orm.diagrams.models import diagram_of_models
from andamios_orm.diagrams.page import to_html
from andamios_orm.diagrams.states import diagram_of_state
from andamios_orm.diagrams.svg import to_svg

__all__ = [
    "Column",
    "Diagram",
    "Entity",
    "Relation",
    "diagram_of_models",
    "diagram_of_state",
    "dialect_of",
    "to_html",
    "to_mermaid",
    "to_svg",
]
