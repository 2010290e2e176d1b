"""Laws that a model and an engine keep together; each is checked with made up examples.

```python
from andamios_orm.testing import laws

laws.roundtrip("sqlite://", Hero)  # raises LawBroken with the smallest example
```
"""

from andamios_orm.testing.laws.base import Broken, Law, LawBroken
from andamios_orm.testing.laws.bulk_equiv import bulk_equiv
from andamios_orm.testing.laws.constraints import constraint_parity
from andamios_orm.testing.laws.ddl_reflect import ddl_reflect
from andamios_orm.testing.laws.dialect_equiv import dialect_equiv
from andamios_orm.testing.laws.every import LAWS, Verdict, check_all, law_named, verdict_of
from andamios_orm.testing.laws.filter_parity import filter_parity
from andamios_orm.testing.laws.json_round_trip import json_roundtrip
from andamios_orm.testing.laws.load_parity import load_parity
from andamios_orm.testing.laws.migrate_updown import migrate_updown
from andamios_orm.testing.laws.page_partition import page_partition
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.round_trip import roundtrip
from andamios_orm.testing.laws.scratch import DEFAULT_ENGINES, Scratch, known_engines
from andamios_orm.testing.laws.shape_parity import shape_parity
from andamios_orm.testing.laws.showing import Writer
from andamios_orm.testing.laws.unit_of_work import unit_of_work
from andamios_orm.testing.laws.update_frame import update_frame
from andamios_orm.testing.laws.violations import Violation

__all__ = [
    "DEFAULT_ENGINES",
    "LAWS",
    "Broken",
    "Law",
    "LawBroken",
    "Playground",
    "Scratch",
    "Verdict",
    "Violation",
    "Writer",
    "bulk_equiv",
    "check_all",
    "constraint_parity",
    "ddl_reflect",
    "dialect_equiv",
    "filter_parity",
    "json_roundtrip",
    "known_engines",
    "law_named",
    "load_parity",
    "migrate_updown",
    "page_partition",
    "roundtrip",
    "shape_parity",
    "unit_of_work",
    "update_frame",
    "verdict_of",
]
