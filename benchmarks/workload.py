"""What is measured: a table of 20,000 rows, one of teams and their members, and the operations.

Only the standard library is imported, so that every library's environment can use it.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

__all__ = [
    "ADDED",
    "BULK",
    "COLUMNS",
    "CONNECTIONS",
    "FILTERED",
    "LARGE",
    "MEMBERS",
    "OPERATIONS",
    "RELATED_TABLES",
    "ROWS",
    "TABLE",
    "TASKS",
    "TEAMS",
    "Operation",
    "Payload",
    "ages",
    "keys",
    "new_numbers",
    "payload",
    "related_rows",
    "team_members",
]

Payload: TypeAlias = dict[str, Any]
"""The values of one row by column, without its key, as an application has them."""

TABLE = "users"
COLUMNS = ("id", "email", "name", "age", "active", "created_at", "balance", "meta")
ROWS = 20_000
"""Rows in the table before an operation, with the keys 1 to 20,000."""
ADDED = ROWS
"""Operations that insert make rows with greater keys, which are removed after each sample."""

FILTERED = 100
LARGE = 10_000
BULK = 1_000
TASKS = 50
TEAMS, MEMBERS = 100, 5
"""Teams, and the members of each."""
CONNECTIONS = 10

_START = datetime(2024, 1, 1, tzinfo=UTC)
_SEED = 20_240_101


def payload(number: int) -> Payload:
    """Return the values of the n-th row: always the same for the same number."""
    return {
        "email": f"user{number}@example.com",
        "name": f"User Name {number}",
        "age": number % 80,
        "active": number % 2 == 0,
        "created_at": _START + timedelta(seconds=37 * number),
        "balance": Decimal(number * 7 % 100_000) / 100,
        "meta": {"tags": ["a", "b"], "score": number % 10, "nested": {"k": "v"}},
    }


RELATED_TABLES = (
    "CREATE TABLE IF NOT EXISTS teams ("
    "id BIGINT PRIMARY KEY, name VARCHAR(50) NOT NULL, city VARCHAR(50) NOT NULL)",
    "CREATE TABLE IF NOT EXISTS members ("
    "id BIGINT PRIMARY KEY, name VARCHAR(50) NOT NULL, age BIGINT NOT NULL,"
    " email VARCHAR(50) NOT NULL, team_id BIGINT NOT NULL REFERENCES teams (id))",
    "CREATE INDEX IF NOT EXISTS ix_members_team_id ON members (team_id)",
)
"""The statements that make the tables of teams and members, unless they are there."""


def related_rows() -> Iterator[str]:
    """Yield the statements that fill them."""
    teams = (f"({n}, 'Team {n}', 'City {n % 7}')" for n in range(1, TEAMS + 1))
    yield f"INSERT INTO teams (id, name, city) VALUES {', '.join(teams)}"
    members = (
        f"({n}, 'Member {n}', {n % 80}, 'member{n}@example.com', {n % TEAMS + 1})"
        for n in range(1, TEAMS * MEMBERS + 1)
    )
    into = "INSERT INTO members (id, name, age, email, team_id)"
    yield f"{into} VALUES {', '.join(members)}"


def team_members() -> list[tuple[str, list[tuple[str, int]]]]:
    """Return the names of the teams by key, each with names and ages of its members by key."""
    found = [(f"Team {n}", list[tuple[str, int]]()) for n in range(1, TEAMS + 1)]
    for n in range(1, TEAMS * MEMBERS + 1):
        found[n % TEAMS][1].append((f"Member {n}", n % 80))
    return found


def keys() -> Iterator[int]:
    """Return all keys in an order that looks random and is the same each time, without end."""
    shuffled = list(range(1, ROWS + 1))
    random.Random(_SEED).shuffle(shuffled)
    return itertools.cycle(shuffled)


def ages() -> Iterator[int]:
    """Return ages to filter by, each of which leaves more than 100 rows, without end."""
    return itertools.cycle(range(20, 70, 2))


def new_numbers() -> Iterator[int]:
    """Return the numbers of rows that are not in the table."""
    return itertools.count(ROWS + 1)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that applications do, and how the table of results calls it."""

    name: str
    title: str
    most_calls: int
    """Calls in one sample at most, however fast they are."""


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("get", "get by key, held session", 1_000),
        Operation("get_pool", "get by key, from the pool", 1_000),
        Operation("filter", f"filter, order, limit {FILTERED}, held session", 500),
        Operation("filter_pool", f"filter, order, limit {FILTERED}, from the pool", 500),
        Operation("page", f"next page of {FILTERED} by keyset, held session", 300),
        Operation("read", f"read {LARGE:,} rows", 10),
        Operation("eager_load", f"{TEAMS} teams with {MEMBERS} members each, as models", 100),
        Operation("eager_shape", f"{TEAMS} teams with {MEMBERS} members each, some columns", 100),
        Operation("insert", "insert one, held transaction", 500),
        Operation("insert_pool", "insert one, from the pool", 500),
        Operation("bulk", f"insert {BULK:,} rows at once, with their keys", 10),
        Operation("update", "update one, held transaction", 500),
        Operation("update_pool", "update one, from the pool", 500),
        Operation("upsert", "upsert one, held transaction", 500),
        Operation("tasks", f"{TASKS} tasks get by key on {CONNECTIONS} connections", 50),
        Operation("acquire", "transaction with one get, from the pool", 500),
        Operation("connect", "new pool, one get, close", 20),
    )
}
