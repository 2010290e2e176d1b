"""What JSON holds without a type: values of an `Any`."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.numbers import floats, integers
from andamios_orm.testing.strategies.storable import Limits
from andamios_orm.testing.strategies.texts import texts

__all__ = ["documents"]

_TRAPS: tuple[Any, ...] = (
    None, 1.0, 1, -0.0, 1e16, 5e-324, 10**25, True, "1", "", "null", [], {}, [[]], {"": None},
    {"b": [1, 2.5, None, {"é": "😀"}], "a": {}}, [1.0, 1, "1", True, None], {"a": {"a": {"a": 1}}},
    {"1": 1, "b": False}, [1e22, -1e-7], "e\u0301", "\\ ' \" %",
)  # fmt: skip
_UNSTORABLE: tuple[Any, ...] = (math.nan, math.inf, {"k": "a\0b"}, ["\ud800"], (1, 2))


def documents(limits: Limits) -> SearchStrategy[Any]:
    """Return a strategy of what JSON has itself: None, numbers, text, lists and objects."""
    inside = limits.inside_json()
    text = texts({}, inside)
    leaves = st.one_of(st.none(), st.booleans(), integers({}, inside), floats({}, inside), text)
    found = st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)
        ),
        max_leaves=5,
    )
    return mixed(found, _TRAPS if limits.storable else (*_TRAPS, *_UNSTORABLE))
