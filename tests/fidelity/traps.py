"""The values that databases change in silence, each with the field that is to hold it."""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from pydantic import NaiveDatetime

__all__ = ["TRAPS", "Trap"]

INDIA = timezone(timedelta(hours=5, minutes=30))
NEW_YORK = timezone(timedelta(hours=-5))


@dataclass(frozen=True, eq=False)
class Trap:
    """One difficult value, in the words of the report."""

    kind: str
    says: str
    annotation: Any
    value: Any
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further parameters of `field()`."""

    @property
    def name(self) -> str:
        return f"{self.kind}: {self.says}"


MONEY = {"max_digits": 10, "decimal_places": 2}
ANY_FLOAT = {"allow_inf_nan": True}

TRAPS: tuple[Trap, ...] = (
    Trap("float", "0.1", float, 0.1),
    Trap("float", "1/3", float, 1 / 3),
    Trap("float", "16777217, beyond 24 bits", float, 16777217.0),
    Trap("float", "5e-324, the smallest", float, 5e-324),
    Trap("float", "1.7976931348623157e308, the largest", float, 1.7976931348623157e308),
    Trap("float", "-0.0", float, -0.0),
    Trap("float", "NaN", float, math.nan),
    Trap("float", "infinity", float, math.inf),
    Trap("float with allow_inf_nan", "NaN", float, math.nan, ANY_FLOAT),
    Trap("float with allow_inf_nan", "infinity", float, math.inf, ANY_FLOAT),
    Trap("float with allow_inf_nan", "-infinity", float, -math.inf, ANY_FLOAT),
    Trap("Decimal", "0.123456789012345678", Decimal, Decimal("0.123456789012345678")),
    Trap(
        "Decimal",
        "99999999999999999999.999999999999999999",
        Decimal,
        Decimal("9" * 20 + "." + "9" * 18),
    ),
    Trap("Decimal", "1.0000000000000000001, 19 places", Decimal, Decimal("1.0000000000000000001")),
    Trap("Decimal", "1E+3", Decimal, Decimal("1E+3")),
    Trap("Decimal", "NaN", Decimal, Decimal("NaN")),
    Trap("Decimal", "infinity", Decimal, Decimal("Infinity")),
    Trap("Decimal(10, 2)", "1.005", Decimal, Decimal("1.005"), MONEY),
    Trap("Decimal(10, 2)", "99999999.99", Decimal, Decimal("99999999.99"), MONEY),
    Trap("Decimal(10, 2)", "100000000", Decimal, Decimal(10**8), MONEY),
    Trap(
        "Decimal(38, 18)",
        "0.123456789012345678",
        Decimal,
        Decimal("0.123456789012345678"),
        {"max_digits": 38, "decimal_places": 18},
    ),
    Trap("int", "2^31", int, 2**31),
    Trap("int", "2^63 - 1", int, 2**63 - 1),
    Trap("int", "-2^63", int, -(2**63)),
    Trap("int", "2^63", int, 2**63),
    Trap("bool", "True", bool, True),
    Trap("str", "'' is not NULL", str | None, ""),
    Trap("str", "NULL is not ''", str | None, None),
    Trap("str", "trailing spaces", str, "a  "),
    Trap("str", "emoji and CJK", str, "😀 漢字"),
    Trap("str", "e with a combining accent", str, "e\u0301"),
    Trap("str", "backslash, quotes, percent", str, "\\ ' \" % %s \\' :x $1 ?"),
    Trap("str", "70 kB", str, "é" * 35_000),
    Trap("str", "NUL inside", str, "a\0b"),
    Trap("str", "lone surrogate", str, "\ud800"),
    Trap("str(5)", "'123456'", str, "123456", {"max_length": 5}),
    Trap("str(5)", "'12345 ', a space too long", str, "12345 ", {"max_length": 5}),
    Trap("str(5)", "five emoji", str, "😀😁😂🤣😃", {"max_length": 5}),
    Trap("bytes", "70 kB of every byte", bytes, bytes(range(256)) * 280),
    Trap("bytes", "NUL and quotes", bytes, b"\0'\"\\%\xff"),
    Trap("bytes(3)", "4 bytes", bytes, b"1234", {"max_length": 3}),
    Trap("date", "year 1", date, date(1, 1, 2)),
    Trap("date", "9999-12-30", date, date(9999, 12, 30)),
    Trap("date", "date.max", date, date.max),
    Trap("date", "date.min", date, date.min),
    Trap("date", "a datetime", date, datetime(2024, 2, 29, 12)),
    Trap("time", "one microsecond", time, time(0, 0, 0, 1)),
    Trap("time", "23:59:59.999999", time, time.max),
    Trap("time", "with a zone", time, time(12, tzinfo=INDIA)),
    Trap("datetime", "one microsecond", datetime, datetime(2024, 2, 29, 23, 59, 59, 1, UTC)),
    Trap("datetime", "+05:30", datetime, datetime(2024, 1, 1, 12, tzinfo=INDIA)),
    Trap(
        "datetime",
        "the second time an hour is shown (fold=1)",
        datetime,
        datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK),
    ),
    Trap("datetime", "1900, before every epoch", datetime, datetime(1900, 1, 1, tzinfo=UTC)),
    Trap("datetime", "2100, after 2038", datetime, datetime(2100, 1, 1, tzinfo=UTC)),
    Trap(
        "datetime",
        "year 1 at +05:30, before Christ in UTC",
        datetime,
        datetime(1, 1, 1, tzinfo=INDIA),
    ),
    Trap(
        "datetime",
        "9999 at -05:00, beyond it in UTC",
        datetime,
        datetime(9999, 12, 31, 23, tzinfo=NEW_YORK),
    ),
    Trap("datetime", "datetime.max in UTC", datetime, datetime.max.replace(tzinfo=UTC)),
    Trap("datetime", "datetime.min in UTC", datetime, datetime.min.replace(tzinfo=UTC)),
    Trap("datetime", "without a zone", datetime, datetime(2024, 1, 1)),
    Trap("NaiveDatetime", "one microsecond", NaiveDatetime, datetime(2024, 2, 29, 23, 59, 59, 1)),
    Trap("NaiveDatetime", "datetime.max", NaiveDatetime, datetime.max),
    Trap("NaiveDatetime", "datetime.min", NaiveDatetime, datetime.min),
    Trap("NaiveDatetime", "with a zone", NaiveDatetime, datetime(2024, 1, 1, tzinfo=INDIA)),
    Trap("timedelta", "one microsecond", timedelta, timedelta(microseconds=1)),
    Trap("timedelta", "minus one microsecond", timedelta, timedelta(microseconds=-1)),
    Trap("timedelta", "100,000 days and a bit", timedelta, timedelta(100_000, 1, 1)),
    Trap("timedelta", "3,000,000 days", timedelta, timedelta(3_000_000)),
    Trap("timedelta", "timedelta.max", timedelta, timedelta.max),
    Trap("timedelta", "timedelta.min", timedelta, timedelta.min),
    Trap("UUID", "all zeros", uuid.UUID, uuid.UUID(int=0)),
    Trap("UUID", "all ones", uuid.UUID, uuid.UUID(int=2**128 - 1)),
    Trap(
        "UUID", "bits of no version", uuid.UUID, uuid.UUID("5bc8fbbc-bde5-c099-4164-123456789abc")
    ),
    Trap("JSON", "1.0", Any, 1.0),
    Trap("JSON", "1", Any, 1),
    Trap("JSON", "-0.0", Any, -0.0),
    Trap("JSON", "1e16, a float", Any, 1e16),
    Trap("JSON", "5e-324", Any, 5e-324),
    Trap("JSON", "10^25, an int", Any, 10**25),
    Trap("JSON", "nested, with emoji", dict[str, Any], {"b": [1, 2.5, None, {"é": "😀"}], "a": {}}),
    Trap("JSON", "a list with NULL", list[int | None], [1, None]),
    Trap("JSON", "NaN", Any, math.nan),
    Trap("JSON", "NUL inside", Any, {"k": "a\0b"}),
    Trap("JSON", "lone surrogate", Any, ["\ud800"]),
    Trap("JSON", "a tuple without a type", Any, (1, 2)),
    Trap("JSON", "70 kB", list[str], ["é" * 100] * 350),
)
