"""Keep what is worked out once about a class on the class itself, so that it goes with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

__all__ = ["kept"]

R = TypeVar("R")

_KEPT = "__andamios_kept__"


def kept(cls: type, key: Hashable, make: Callable[[], R]) -> R:
    """Return what `make` gave for a class and a key the first time."""
    # In no registry: what is kept knows the class, and a WeakKeyDictionary would keep both.
    found: dict[Hashable, object] | None = vars(cls).get(_KEPT)
    if found is None:
        found = {}
        setattr(cls, _KEPT, found)
    if key not in found:
        found[key] = make()
    return cast("R", found[key])
