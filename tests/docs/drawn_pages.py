"""Draw the examples' tables where documentation shows them: `python -m tests.docs.drawn_pages`."""

from __future__ import annotations

import re
from pathlib import Path

from andamios_orm.diagrams import Diagram, diagram_of_models, to_mermaid, to_svg
from andamios_orm.diagrams.fields import dialect_of
from andamios_orm.schema.registry import declarations
from examples.advanced.chinook import models as chinook
from examples.integration.conduit.models import METADATA

__all__ = ["PICTURE", "README", "picture", "readme"]

_ROOT = Path(__file__).parents[2]
PICTURE = _ROOT / "docs/guides/images/chinook.svg"
README = _ROOT / "examples/integration/conduit/README.md"
_BLOCK = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def picture() -> str:
    """Return the picture of the record shop."""
    whole = diagram_of_models(chinook.Artist.metadata, dialect_of("postgresql"), title="Chinook")
    # Other tests declare models in the same place.
    names = [
        d.full_name
        for d in declarations(chinook.Artist.metadata)
        if d.model.__module__ == chinook.__name__
    ]
    return to_svg(whole.around(names, neighbours=False))


def readme() -> str:
    """Return the description of Conduit, with its tables as they are."""
    diagram: Diagram = diagram_of_models(METADATA, dialect_of("postgresql"))
    text = README.read_text(encoding="utf-8")
    return _BLOCK.sub(lambda _: f"```mermaid\n{to_mermaid(diagram)}```\n", text)


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")
