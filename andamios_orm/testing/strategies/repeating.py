"""Tell the defaults that are the same each time: an example has to be one that can be repeated."""

from __future__ import annotations

import random
from datetime import date, time

from pydantic.fields import FieldInfo

__all__ = ["is_repeatable"]

_OF_CLOCKS = (int, float, str, date, time)
"""What a clock gives twice if it is asked twice before it has moved."""


def is_repeatable(info: FieldInfo) -> bool:
    """Whether a field that is not given has the same value each time, as far as can be seen.

    Of what its factory gives (`uuid4`, `list`) two values are compared. One that is made of the
    other fields is thought to be the same for the same fields.

    >>> from uuid import uuid4
    >>> from pydantic import Field
    >>> is_repeatable(Field(default_factory=list)), is_repeatable(Field(default_factory=uuid4))
    (True, False)
    """
    if info.default_factory is None or info.default_factory_takes_validated_data:
        return True
    # Hypothesis warns of random numbers that are taken from elsewhere while it draws.
    state = random.getstate()
    try:
        one, other = (info.get_default(call_default_factory=True) for _ in range(2))
        return bool(one == other) and not isinstance(one, _OF_CLOCKS)
    except Exception:  # whatever a factory of the user's raises
        return False
    finally:
        random.setstate(state)
