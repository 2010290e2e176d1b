"""Make up values of plain types from a source of random numbers, and nothing else.

No clock, no hash order and no list that another package may change: the same numbers make the same
values on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

__all__ = ["Bounds", "Values"]

Bounds = Mapping[str, Any]
"""`ge`, `gt`, `le`, `lt`, `multiple_of`, `min_length`, `max_length`, `max_digits`,
`decimal_places`: what pydantic calls the limits of a value."""

_FIRST = (
    "Ada", "Alan", "Barbara", "Charles", "Dorothy", "Edith", "Emmy", "Frances", "Grace", "Hedy",
    "Joan", "Katherine", "Linus", "Margaret", "Niklaus", "Radia", "Sophie", "Tim", "Vint",
    "Yukihiro",
)  # fmt: skip
_LAST = (
    "Allen", "Babbage", "Berners", "Clarke", "Hamilton", "Hopper", "Johnson", "Kernighan",
    "Lamarr", "Liskov", "Lovelace", "Matsumoto", "Noether", "Perlman", "Ritchie", "Turing",
    "Vaughan", "Wilson", "Wirth", "Zuse",
)  # fmt: skip
_WORDS = (
    "amber", "anchor", "april", "basket", "beacon", "birch", "bridge", "candle", "canyon",
    "cedar", "cloud", "copper", "coral", "delta", "ember", "falcon", "field", "forest",
    "garden", "glacier", "harbor", "hazel", "island", "ivory", "juniper", "lantern", "lemon",
    "maple", "meadow", "mirror", "north", "ocean", "olive", "orchard", "pebble", "planet",
    "prairie", "quartz", "river", "saffron", "silver", "summit", "thunder", "tulip", "valley",
    "velvet", "violet", "willow", "winter", "zephyr",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CODE = "0123456789abcdefghijklmnopqrstuvwxyz"

_DAY = date(2020, 1, 1)
_DAYS = 5 * 365


class Values:
    """Makes values, one after the other, with numbers from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.unique = False
        """Whether a value is wanted that the ones before are unlikely to equal."""

    # -- numbers

    def boolean(self) -> bool:
        """Return a bool."""
        return self.random.random() < 0.5

    def integer(self, bounds: Bounds) -> int:
        """Return an int."""
        step = int(bounds.get("multiple_of", 1))
        low, high = self._limits(bounds, Decimal(step), 1_000_000 if self.unique else 1000)
        return self.random.randint(low, high) * step

    def decimal(self, bounds: Bounds) -> Decimal:
        """Return a Decimal with two places, or as many as there may be."""
        places = min(2, bounds.get("decimal_places", 2), bounds.get("max_digits", 2))
        step = Decimal(str(bounds.get("multiple_of", Decimal(1).scaleb(-places))))
        reach = 10 ** min(bounds.get("max_digits", 6), 6) - 1
        low, high = self._limits(bounds, step, reach)
        return self.random.randint(low, high) * step

    def number(self, bounds: Bounds) -> float:
        """Return a float that is the same everywhere: no function of the platform's is asked."""
        step = Decimal(str(bounds.get("multiple_of", "0.001")))
        low, high = self._limits(bounds, step, 1_000_000)
        return float(self.random.randint(low, high) * step)

    def _limits(self, bounds: Bounds, step: Decimal, reach: int) -> tuple[int, int]:
        """Return the least and the greatest value, in steps; both are within the bounds."""
        lows = [-(-_exact(bounds["ge"]) // step)] if "ge" in bounds else []
        lows += [_exact(bounds["gt"]) // step + 1] if "gt" in bounds else []
        highs: list[Decimal] = [_exact(bounds["le"]) // step] if "le" in bounds else []
        highs += [-(-_exact(bounds["lt"]) // step) - 1] if "lt" in bounds else []
        if lows:
            low = int(max(lows))
            return low, max(low, int(min([*highs, Decimal(low + reach)])))
        if highs:
            high = int(min(highs))
            return min(0, high - reach) if high < reach else 0, high
        return 0, reach

    # -- texts

    def text(self, bounds: Bounds, name: str = "") -> str:
        """Return a text that looks like what the name of its field says."""
        least, most = bounds.get("min_length", 0), bounds.get("max_length", 10**9)
        found = self._text(name.lower())
        if self.unique and "email" not in name.lower():
            found = f"{found} {self._code()}"
        if len(found) > most:
            short = "".join(self.random.choice(_CODE) for _ in range(min(most, 12)))
            found = short if self.unique or most < 4 else found[:most].rstrip()
        if len(found) < least:
            found += "".join(self.random.choice(_LETTERS) for _ in range(least - len(found)))
        if bounds.get("upper_case"):
            return found.upper()
        return found.lower() if bounds.get("lower_case") else found

    def _text(self, name: str) -> str:
        if "email" in name:
            return self.email()
        if "url" in name or "link" in name or "website" in name:
            return self.url()
        if "phone" in name or "mobile" in name:
            return f"+1 555 {self.random.randrange(10**7):07}"
        if name in ("first_name", "firstname", "given_name"):
            return self.random.choice(_FIRST)
        if name in ("last_name", "lastname", "surname", "family_name"):
            return self.random.choice(_LAST)
        if name.endswith("name"):
            return f"{self.random.choice(_FIRST)} {self.random.choice(_LAST)}"
        if any(part in name for part in ("body", "text", "description", "comment", "content")):
            return f"{self._words(12).capitalize()}."
        if "title" in name or "subject" in name:
            return self._words(3).capitalize()
        return self._words(2)

    def _words(self, count: int) -> str:
        return " ".join(self.random.choice(_WORDS) for _ in range(count))

    def _code(self) -> str:
        return "".join(self.random.choice(_CODE) for _ in range(8))

    def word(self) -> str:
        """Return one word."""
        return self._words(1)

    def email(self) -> str:
        """Return an address of a domain that is nobody's."""
        name = f"{self.random.choice(_FIRST)}.{self.random.choice(_LAST)}".lower()
        return f"{name}.{self._code()}@example.com"

    def url(self) -> str:
        """Return an address of a domain that is nobody's."""
        return f"https://example.com/{self.word()}/{self._code()}"

    def octets(self, bounds: Bounds) -> bytes:
        """Return bytes."""
        least, most = bounds.get("min_length", 0), bounds.get("max_length", 10**9)
        size = max(least, min(most, 16 if self.unique else self.random.randint(1, 16)))
        return self.random.randbytes(size)

    # -- times

    def day(self, bounds: Bounds) -> date:
        """Return a date of the years 2020 to 2024, or within the bounds."""
        low, high = self._between(bounds, _DAY, timedelta(days=1), _DAYS)
        return _DAY + timedelta(days=self.random.randint(low, high))

    def instant(self, bounds: Bounds) -> datetime:
        """Return a moment, in UTC."""
        epoch = datetime(_DAY.year, _DAY.month, _DAY.day, tzinfo=UTC)
        low, high = self._between(bounds, epoch, timedelta(seconds=1), _DAYS * 86400)
        return epoch + timedelta(seconds=self.random.randint(low, high))

    def wall_time(self, bounds: Bounds) -> datetime:
        """Return what a calendar and a clock show."""
        epoch = datetime(_DAY.year, _DAY.month, _DAY.day)
        low, high = self._between(bounds, epoch, timedelta(seconds=1), _DAYS * 86400)
        return epoch + timedelta(seconds=self.random.randint(low, high))

    def clock(self, bounds: Bounds) -> time:
        """Return a time of day."""
        seconds = {k: timedelta(hours=v.hour, minutes=v.minute, seconds=v.second)
                   for k, v in bounds.items() if isinstance(v, time)}  # fmt: skip
        low, high = self._between(seconds, timedelta(0), timedelta(seconds=1), 86399)
        number = self.random.randint(low, high)
        return time(number // 3600, number // 60 % 60, number % 60)

    def duration(self, bounds: Bounds) -> timedelta:
        """Return a stretch of time up to thirty days."""
        low, high = self._between(bounds, timedelta(0), timedelta(seconds=1), 30 * 86400)
        return timedelta(seconds=self.random.randint(low, high))

    def past_day(self) -> date:
        """Return a date before any clock's today."""
        return self.day({})

    def future_day(self) -> date:
        """Return a date after any clock's today, for some decades."""
        found = self.day({})
        return found.replace(year=2200, day=min(found.day, 28))

    def past_instant(self) -> datetime:
        """Return a moment before any clock's now."""
        return self.instant({})

    def future_instant(self) -> datetime:
        """Return a moment after any clock's now, for some decades."""
        found = self.instant({})
        return found.replace(year=2200, day=min(found.day, 28))

    def _between(self, bounds: Bounds, start: Any, unit: timedelta, reach: int) -> tuple[int, int]:
        """Return the first and the last one, in units from a start."""
        steps: dict[str, Decimal] = {}
        for name in ("ge", "gt", "le", "lt"):
            if name in bounds:
                away = bounds[name] - start
                steps[name] = Decimal(away // unit) + (Decimal("0.5") if away % unit else 0)
        return self._limits(steps, Decimal(1), reach)

    # -- others

    def uuid(self, version: int = 4) -> UUID:
        """Return a UUID."""
        # Python itself knows not all versions that there are, so the two marks are set here.
        number = self.random.getrandbits(128)
        number = number & ~(0xF << 76) | version << 76
        return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def _exact(value: object) -> Decimal:
    return Decimal(str(value))
