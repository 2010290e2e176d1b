"""Say what is wrong with rows that cannot be stored, without a value of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from andamios_orm.errors import SeedProblem

__all__ = ["Problems"]

_SHOWN = 10


class Problems:
    """What is wrong with the rows of a seed."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, where: str, fields: Mapping[str, str]) -> None:
        """Keep what is wrong with a row, by field."""
        self._found += [f"{where}: {name} ({kind})" for name, kind in fields.items()]

    def raise_if_any(self) -> None:
        """Raise SeedProblem if something was wrong."""
        if self._found:
            raise self.error()

    def error(self) -> SeedProblem:
        """Return the error that says what was wrong."""
        shown = self._found[:_SHOWN]
        more = len(self._found) - len(shown)
        lines = "\n  ".join(shown) + (f"\n  and {more:,} more" if more else "")
        return SeedProblem(
            lines if len(self._found) == 1 else f"some rows cannot be stored:\n  {lines}",
            "correct them and run `andamios-orm db-seed` again; nothing was stored",
        )
