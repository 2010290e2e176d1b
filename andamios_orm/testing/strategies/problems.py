"""What keeps a strategy from drawing, and the count of what models refuse."""

from __future__ import annotations

from collections import Counter

from hypothesis.errors import FailedHealthCheck

from andamios_orm.errors import UsageError

__all__ = ["MostlyRefused", "Tally", "Undrawable"]


class Undrawable(UsageError, TypeError):
    """No strategy is known for a type, or none of its values keeps all its constraints."""

    def located(self, where: str) -> Undrawable:
        """Return the same error naming the field."""
        return type(self)(f"{where}: {self.problem}", self.fix)


# Hypothesis stops at once for what is a failed health check; it would go on with anything else in
# search of a smaller example, and find that the same choices do not fail each time.
class MostlyRefused(UsageError, FailedHealthCheck):
    """A validator, or a column, refuses nearly all values that are drawn for a field."""


_ENOUGH = 50
"""Draws before anything is said."""
_MOST = 0.9


class Tally:
    """How many values of one model were drawn, and who refused how many of them."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.draws: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()

    def drawn(self, field: str) -> None:
        """Count a value that was drawn for a field, "" for a whole instance."""
        self.draws[field] += 1

    def refuse(self, field: str, judge: str, *, of: str | None = None) -> None:
        """Count a value that `judge` refused, among those drawn for the field or the instance.

        Raises MostlyRefused once it is clear that it refuses nearly all.
        """
        self.refused[field, judge] += 1
        draws = self.draws[field if of is None else of]
        refused = self.refused[field, judge]
        if draws < _ENOUGH or refused <= _MOST * draws:
            return
        where = f"{self.model}.{field}" if field else self.model
        name = field or "a_field"
        raise MostlyRefused(
            f"{where}: {judge} refuses {refused} of {draws} values that were drawn",
            "say what it accepts with a strategy of such values: `strategies.register` the field's"
            f" type with one, or pass `overrides={{{name!r}: ...}}` where you draw it yourself",
        )
