"""Watch the statements of a test: how many, which, and those that a loop repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from andamios_orm.errors import UsageError
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.testing.call_sites import CallSite, call_site

__all__ = [
    "NPlusOne",
    "Repeated",
    "SQLLog",
    "Statement",
    "Watch",
    "WrongCount",
    "n_plus_one",
    "query_count",
    "require_no_n_plus_one",
    "watch",
]

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that was run, and from where."""

    sql: str
    seconds: float
    rows: int
    """How many rows came back, or were changed; -1 where the driver does not say."""
    site: CallSite | None
    """The line of the program that ran it; None in a task of its own, as `gather` makes them."""

    @property
    def is_query(self) -> bool:
        """Whether it is more than a step of a transaction, such as BEGIN."""
        return _STEP.match(self.sql) is None

    @property
    def reads(self) -> bool:
        """Whether it is a SELECT, but for that of the row which an INSERT has just stored."""
        return _READS.match(self.sql) is not None and "last_insert_id()" not in self.sql

    @property
    def shape(self) -> str:
        """The statement without its values, and with every list of values the same."""
        text = _VALUE.sub(lambda found: found["name"] or "?", " ".join(self.sql.split()))
        return _LIST.sub("(...)", text)


_STEP = re.compile(
    r"\s*(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|END|SET|PRAGMA)\b", re.IGNORECASE
)
_READS = re.compile(r"\s*\(*\s*(SELECT|WITH|VALUES|TABLE|FROM)\b", re.IGNORECASE)
# Quoted names stay; texts, numbers, and what drivers write for a value (%s, $1, :name) go.
_VALUE = re.compile(
    r"""(?P<name>"[^"]*"|`[^`]*`)|'(?:[^']|'')*'|(?<![\w.$])\d+(?:\.\d+)?\b|%s|\$\d+|(?<!:):\w+"""
)
_LIST = re.compile(r"\(\?(?:, ?\?)+\)")


@dataclass(frozen=True, slots=True)
class Repeated:
    """A statement that was run several times with other values, and the lines that ran it."""

    shape: str
    count: int
    sites: tuple[tuple[CallSite | None, int], ...]
    """Each line with how often it ran the statement, the most frequent first."""

    def __str__(self) -> str:
        lines = [f"{self.count} times {_short(self.shape)}"]
        for site, count in self.sites:
            lines.append(f"    {count} times from {site or 'tasks of their own (gather?)'}")
        return "\n".join(lines)


@dataclass(slots=True)
class Watch:
    """The statements that were run since it began."""

    statements: list[Statement] = field(default_factory=list)
    """All of them, with the steps of transactions."""

    @property
    def queries(self) -> list[Statement]:
        """Those that are more than a step of a transaction."""
        return [statement for statement in self.statements if statement.is_query]

    @property
    def count(self) -> int:
        """How many queries there were."""
        return len(self.queries)

    def repeated(self, at_least: int = 2) -> list[Repeated]:
        """Return the SELECTs that were run so often or more, the most frequent first."""
        shapes: dict[str, list[CallSite | None]] = {}
        for statement in self.statements:
            if statement.reads:
                shapes.setdefault(statement.shape, []).append(statement.site)
        found = [
            Repeated(shape, len(sites), tuple(Counter(sites).most_common()))
            for shape, sites in shapes.items()
            if len(sites) >= at_least
        ]
        return sorted(found, key=lambda repeated: -repeated.count)

    def reset(self) -> None:
        """Forget what was seen so far."""
        self.statements.clear()

    def _see(self, run: StatementRun) -> None:
        self.statements.append(Statement(run.sql, run.seconds, run.rows, call_site()))

    def __str__(self) -> str:
        return _listing(self.queries)


class SQLLog(Sequence[str]):
    """The SQL of the statements that a test has run, without the steps of transactions."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def __len__(self) -> int:
        return self.watch.count

    def __getitem__(self, place: int | slice) -> str | list[str]:  # type: ignore[override] # one of the two
        queries = self.watch.queries
        if isinstance(place, slice):
            return [query.sql for query in queries[place]]
        return queries[place].sql

    def __str__(self) -> str:
        return str(self.watch)


class WrongCount(AssertionError):
    """There were more statements than expected, or fewer."""


class NPlusOne(AssertionError):
    """A statement was repeated in a loop, once for each row."""


@contextmanager
def watch() -> Iterator[Watch]:
    """Watch the statements of this process until the block ends, with the lines that run them.

    ```python
    from andamios_orm.testing.watching import watch

    with watch() as seen:
        await heroes.count()
        await heroes.count()
    assert seen.count == 2
    assert [repeated.count for repeated in seen.repeated()] == [2]
    ```
    """
    found = Watch()
    with subscribe(found._see):  # noqa: SLF001 - its own
        yield found


@contextmanager
def query_count(exactly: int | None = None, *, at_most: int | None = None) -> Iterator[Watch]:
    """Expect the block to run so many statements; the steps of transactions are not counted.

    Raises WrongCount, which lists them with the lines that ran them, and UsageError for none or
    both of the numbers.

    ```python
    from andamios_orm.testing.watching import query_count

    with query_count(1):
        await heroes.load(Hero.team).all()
    ```
    """
    if (exactly is None) == (at_most is None):
        raise UsageError(
            "query_count() needs one number", "write query_count(2), or query_count(at_most=2)"
        )
    with watch() as found:
        yield found
    if exactly is not None and found.count != exactly:
        raise WrongCount(f"{found.count} statements were run, not {exactly}\n{found}")
    if at_most is not None and found.count > at_most:
        raise WrongCount(f"{found.count} statements were run, more than {at_most}\n{found}")


@contextmanager
def n_plus_one(limit: int = 5) -> Iterator[Watch]:
    """Expect the block to run no SELECT `limit` times or more with nothing but other values.

    Raises NPlusOne, which shows the SELECT and the lines of your program that ran it.

    ```python
    from andamios_orm.testing.watching import NPlusOne, n_plus_one

    try:
        with n_plus_one(2):
            for hero in await heroes.all():
                await heroes.where(Hero.team_id == hero.team_id).all()
    except NPlusOne as error:
        print(error)
    else:
        raise AssertionError
    ```
    """
    with watch() as found:
        yield found
    require_no_n_plus_one(found, limit)


def require_no_n_plus_one(seen: Watch, limit: int) -> None:
    """Raise NPlusOne for SELECTs that were run so often or more."""
    if repeated := seen.repeated(limit):
        shown = "\n".join(f"  {each}" for each in repeated)
        raise NPlusOne(
            f"the same statement was run {repeated[0].count} times, and {limit} are too many:\n"
            f"{shown}\n"
            "  Fix: read what belongs together at once, with load(), into() or in_()"
        )


def _listing(statements: Sequence[Statement]) -> str:
    lines = [
        f"  {_short(statement.sql)}\n    from {statement.site or 'a task of its own (gather?)'}"
        for statement in statements[:_SHOWN]
    ]
    if len(statements) > _SHOWN:
        lines.append(f"  and {len(statements) - _SHOWN} more")
    return "\n".join(lines)


def _short(sql: str, most: int = 300) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."
