"""Watch the statements that run, without touching the code that runs them.

```python
seen: list[StatementRun] = []
with subscribe(seen.append):
    await heroes.count()
assert [event.rows for event in seen] == [1]
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["StatementRun", "observers", "publish", "subscribe"]


@dataclass(frozen=True, slots=True)
class StatementRun:
    """One statement that came back from the database. Parameters are never part of it."""

    sql: str
    """The text as it was sent."""
    seconds: float
    """From handing it to the driver until the driver's answer, in seconds."""
    rows: int
    """How many rows came back, or were changed; -1 where the driver does not say."""


Observer = Callable[[StatementRun], object]

observers: list[Observer] = []
"""The current observers. Empty is the fast case: callers test it before they measure."""


@contextmanager
def subscribe(observer: Observer) -> Iterator[None]:
    """Call `observer` for every statement of this process until the block ends.

    Statements of a SQLAlchemy engine of your own are seen where a repository runs them. On SQLite
    and DuckDB a BEGIN goes to the database with the statement that follows, whose time it is part
    of.

    The observer runs in the task that ran the statement; an exception in it is that task's.
    """
    observers.append(observer)
    try:
        yield
    finally:
        observers.remove(observer)


def publish(event: StatementRun) -> None:
    """Tell every observer."""
    for observer in tuple(observers):
        observer(event)
