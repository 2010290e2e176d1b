"""Whether a program can import something by the name that it has."""

from __future__ import annotations

import sys

__all__ = ["is_importable"]


def is_importable(thing: object) -> bool:
    """Whether its module has it under its own name.

    >>> is_importable(int), is_importable(lambda: 0)
    (True, False)
    """
    found: object = sys.modules.get(getattr(thing, "__module__", ""))
    for name in getattr(thing, "__qualname__", "").split("."):
        found = getattr(found, name, None)
    return found is thing
