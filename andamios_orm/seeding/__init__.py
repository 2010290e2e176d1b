"""Fill tables: with the rows a program needs, and with samples made from its models.

```python
from andamios_orm.seeding import run_seeds, seed


@seed(Team, key="name")
def first_teams():
    return [Team(name="Avengers"), Team(name="X-Men")]


report = await run_seeds(db, [first_teams])
print(report)  # Team: 2 created, 0 updated, 0 unchanged
```
"""

from andamios_orm.seeding.declaring import Seed, seed
from andamios_orm.seeding.fixtures import fixture
from andamios_orm.seeding.reports import (
    SampleCount,
    SampleReport,
    SeedCount,
    SeedProgress,
    SeedReport,
)
from andamios_orm.seeding.running import run_seeds
from andamios_orm.seeding.sampling import sample

__all__ = [
    "SampleCount",
    "SampleReport",
    "Seed",
    "SeedCount",
    "SeedProgress",
    "SeedReport",
    "fixture",
    "run_seeds",
    "sample",
    "seed",
]
