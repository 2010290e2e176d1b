"""How the numbers of a run are written."""

from __future__ import annotations

__all__ = ["MISSING", "duration", "multiple"]

MISSING = "\N{EN DASH}"
"""Stands where nothing was measured."""
_TIMES = "\N{MULTIPLICATION SIGN}"
_MICRO = "\N{MICRO SIGN}"


def multiple(value: float) -> str:
    """Return a ratio with three digits."""
    return f"{value:.1f}{_TIMES}" if value >= 10 else f"{value:.2f}{_TIMES}"


def duration(microseconds: float) -> str:
    """Return a time in the unit that keeps it short."""
    if microseconds < 1000:
        return f"{microseconds:.0f} {_MICRO}s"
    milliseconds = microseconds / 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.1f} ms"
