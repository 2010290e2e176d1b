"""The settings of a sequence, of which only those are told that are not the usual ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["SETTINGS", "SequenceSettings"]

SETTINGS = """
    format_type(s.seqtypid, NULL) AS seqtype, s.seqstart, s.seqincrement,
    s.seqmin AS seqminimum, s.seqmax AS seqmaximum, s.seqcache, s.seqcycle"""
"""What to select of `pg_sequence s`."""

_BITS = {"smallint": 15, "integer": 31, "bigint": 63}


class SequenceSettings(NamedTuple):
    """The settings of a sequence."""

    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> SequenceSettings:
        """Return what was selected as SETTINGS."""
        return cls(*(row[f"seq{name}"] for name in cls._fields))

    def options(self, type_: str) -> list[str]:
        """Return those that a sequence for this type of number would not have by itself."""
        highest = 2 ** _BITS[type_]
        upwards = self.increment > 0
        usual = (1, highest - 1) if upwards else (-highest, -1)
        words = []
        if self.start != (self.minimum if upwards else self.maximum):
            words.append(f"START WITH {self.start}")
        if self.increment != 1:
            words.append(f"INCREMENT BY {self.increment}")
        if self.minimum != usual[0]:
            words.append(f"MINVALUE {self.minimum}")
        if self.maximum != usual[1]:
            words.append(f"MAXVALUE {self.maximum}")
        if self.cache != 1:
            words.append(f"CACHE {self.cache}")
        if self.cycle:
            words.append("CYCLE")
        return words
