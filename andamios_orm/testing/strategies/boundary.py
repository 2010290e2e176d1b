"""Mix values that are known to cause trouble into those that are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["mixed"]

T = TypeVar("T")


def mixed(usual: SearchStrategy[T], difficult: Iterable[Any]) -> SearchStrategy[T]:
    """Return a strategy of which every fourth value is one of the difficult ones.

    Give the simplest of them first: an example that needs none of them may still shrink to it,
    where fewer choices lead to it than to a usual value.
    """
    pool = list(difficult)
    if not pool or usual.is_empty:
        return usual
    return st.one_of(usual, usual, usual, st.sampled_from(pool))
