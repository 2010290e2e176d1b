"""The questions, asked through one small adapter per library; needs nothing but Pydantic.

Answers go to standard output, one JSON object per line, so that a probe which hangs or dies keeps
what it has found out before.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

RAW_SQL = Path(__file__).with_name("raw_sql.py")
TASKS = 50
ROUNDS = 3

WRONG = [
    ("name too short", "name", "Al"),
    ("name too long", "name", "A" * 51),
    ("age negative", "age", -1),
    ("age a text", "age", "many"),
    ("kind unknown", "kind", "cook"),
]
MOMENT = datetime(2024, 2, 29, 23, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
PRICES = [Decimal("0.29"), Decimal("12345678.90")]


class Power(BaseModel):
    """The nested model."""

    name: str
    level: int = 1


def good() -> dict[str, Any]:
    """Return the values of a valid hero."""
    return {
        "name": "Ada",
        "age": 36,
        "kind": "mage",
        "price": Decimal("9.90"),
        "powers": [Power(name="foresight", level=3)],
        "at": MOMENT,
    }


Make = Callable[[dict[str, Any]], Any]
Increment = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class Variant:
    """Another way to assign and save: its table, how to add a valid hero, how to change it."""

    label: str
    table: str
    add: Callable[[], Awaitable[int]]
    change: Callable[[int, str, Any], Awaitable[None]]


class Library:
    """What a probe fills in, in the idiom that its library documents."""

    table = "hero"
    """The table of Hero, as raw SQL sees it."""

    async def open(self, path: Path) -> None:
        """Connect to the file and create the tables."""
        raise NotImplementedError

    async def close(self) -> None:
        """Disconnect."""

    def make(self, values: dict[str, Any]) -> Any:
        """Return an unsaved hero, checked where the library documents a check."""
        raise NotImplementedError

    def other_ways(self) -> dict[str, Make]:
        """Return further documented ways to make a hero, by what they are called."""
        return {}

    async def add(self, hero: Any) -> int:
        """Save it and return its key."""
        raise NotImplementedError

    async def load(self, key: int) -> Any:
        """Return the hero, read from the database."""
        raise NotImplementedError

    async def change(self, key: int, name: str, value: Any) -> None:
        """Load the hero, assign to one attribute, save."""
        raise NotImplementedError

    async def increment(self, key: int) -> None:
        """In one transaction: read the hero, `work()`, save it with its age plus one."""
        raise NotImplementedError

    def careful(self) -> dict[str, Increment]:
        """Return increments by a documented option for such transactions, if there is one."""
        return {}

    async def nested(self) -> Any:
        """Return `powers` of a hero that was stored with a list of Power and read again."""
        hero = await self.load(await self.add(self.make(good())))
        return hero.powers

    async def create_checked(self) -> str | None:
        """Return a table that has `age >= 0` as a CHECK written by hand; None for no need."""
        return None

    def variants(self) -> list[Variant]:
        """Return documented options that may change what happens on assignment."""
        return []


async def work() -> None:
    """What an application does between reading and writing."""
    await asyncio.sleep(0.001)


class Probe:
    """One run of all questions against one library."""

    def __init__(self, library: Library, path: Path) -> None:
        self.library = library
        self.path = path

    async def run(self) -> None:
        """Answer every question; an error of the library is an answer too."""
        await self.library.open(self.path)
        try:
            for name in (
                "construct",
                "assign",
                "load",
                "nested",
                "constraints",
                "decimal",
                "datetime",
                "updates",
            ):
                try:
                    answer = await getattr(self, f"ask_{name}")()
                except Exception as error:
                    answer = {"error": type(error).__name__}
                print(json.dumps({"question": name, "answer": answer}), flush=True)
        finally:
            await self.library.close()

    # -- the questions

    async def ask_construct(self) -> dict[str, Any]:
        # Refusing the wrong says nothing of a probe that cannot store the right.
        await self.library.load(await self.add_good())
        found: dict[str, Any] = await self.made(self.library.make)
        for label, make in self.library.other_ways().items():
            found[label] = await self.made(make)
        return found

    async def made(self, make: Make) -> dict[str, Any]:
        found = {}
        for label, name, value in WRONG:
            try:
                hero = make({**good(), name: value})
            except Exception as error:
                found[label] = f"refused when made: {type(error).__name__}"
                continue
            before = self.count(name, value)
            try:
                key = await self.library.add(hero)
            except Exception as error:
                stored = self.count(name, value) > before
                what = "stored, then" if stored else "refused when saved:"
                found[label] = f"{what} {type(error).__name__}"
                continue
            found[label] = "stored" if self.raw(key, name) == value else "not stored, no error"
        return found

    async def ask_assign(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for label, name, value in WRONG:
            key = await self.add_good()
            found[label] = await self.changed(self.library.change, key, name, value)
        for variant in self.library.variants():
            found[variant.label] = {}
            for label, name, value in WRONG:
                key = await variant.add()
                found[variant.label][label] = await self.changed(
                    variant.change, key, name, value, variant.table
                )
        return found

    async def changed(
        self, change: Any, key: int, name: str, value: Any, table: str | None = None
    ) -> str:
        refused = None
        try:
            await change(key, name, value)
        except Exception as error:
            refused = type(error).__name__
        stored = self.raw(key, name, table) == value
        if refused:
            return f"stored, then {refused}" if stored else f"refused: {refused}"
        return "stored" if stored else "not stored, no error"

    async def ask_load(self) -> dict[str, Any]:
        found = {}
        # As if the row were older than its constraints, or written by a program past them.
        past_checks = ("PRAGMA ignore_check_constraints = ON", [])
        for label, name, value in WRONG:
            key = await self.add_good()
            try:
                self.put(key, name, value, past_checks)
            except Refused:
                found[label] = "refused: the table cannot hold it"
                continue
            try:
                await self.library.load(key)
            except Exception as error:
                found[label] = f"refused: {type(error).__name__}"
            else:
                found[label] = "handed out"
        return found

    async def ask_nested(self) -> dict[str, Any]:
        powers = await self.library.nested()
        wanted = good()["powers"]
        kind = type(powers).__name__
        if isinstance(powers, list):
            kind = f"list of {type(powers[0]).__name__}"
        return {"comes back as": kind, "equal": powers == wanted}

    async def ask_constraints(self) -> dict[str, Any]:
        key = await self.add_good()
        return {
            "age >= 0": self.enforced("age", -1, key),
            "length <= 50": self.enforced("name", "A" * 51, key),
            "age >= 0 by hand": await self.by_hand(),
        }

    async def by_hand(self) -> bool | str | None:
        try:
            table = await self.library.create_checked()
        except Exception as error:
            return f"not on SQLite: {type(error).__name__}"
        if table is None:
            return None
        try:
            self.sql((f'INSERT INTO "{table}" (age) VALUES (-1)', []))
        except Refused:
            return True
        return False

    async def ask_decimal(self) -> dict[str, Any]:
        found = {}
        for price in PRICES:
            key = await self.library.add(self.library.make({**good(), "price": price}))
            back = (await self.library.load(key)).price
            found[str(price)] = {
                "back": str(back),
                "type": type(back).__name__,
                "exact": isinstance(back, Decimal) and back == price,
                "stored as": self.storage(key, "price"),
            }
        return found

    async def ask_datetime(self) -> dict[str, Any]:
        hero = await self.library.load(await self.add_good())
        aware = hero.at.tzinfo is not None
        return {"back": hero.at.isoformat(), "aware": aware, "same": aware and hero.at == MOMENT}

    async def ask_updates(self) -> dict[str, Any]:
        found: dict[str, Any] = {"defaults": await self.race(self.library.increment)}
        for label, increment in self.library.careful().items():
            try:
                found[label] = await self.race(increment)
            except Exception as error:
                found[label] = {"error": type(error).__name__}
        return found

    async def race(self, increment: Increment) -> list[dict[str, Any]]:
        rounds = []
        for _ in range(ROUNDS):
            key = await self.library.add(self.library.make({**good(), "age": 0}))
            ends = await asyncio.gather(
                *(increment(key) for _ in range(TASKS)), return_exceptions=True
            )
            errors = Counter(type(end).__name__ for end in ends if isinstance(end, BaseException))
            kept, raised = self.raw(key, "age"), errors.total()
            lost = TASKS - kept - raised
            rounds.append({"kept": kept, "raised": raised, "lost": lost, "errors": dict(errors)})
        return rounds

    # -- past the library

    async def add_good(self) -> int:
        return await self.library.add(self.library.make(good()))

    def raw(self, key: int, column: str, table: str | None = None) -> Any:
        query = f'SELECT "{column}" FROM "{table or self.library.table}" WHERE id = ?'
        return self.sql((query, [key]))[0][0]

    def count(self, column: str, value: Any) -> int:
        query = f'SELECT count(*) FROM "{self.library.table}" WHERE "{column}" = ?'
        return int(self.sql((query, [value]))[0][0])

    def storage(self, key: int, column: str) -> str:
        query = f'SELECT typeof("{column}") FROM "{self.library.table}" WHERE id = ?'
        return str(self.sql((query, [key]))[0][0])

    def put(self, key: int, column: str, value: Any, *before: tuple[str, list[Any]]) -> None:
        """Write a value with plain SQL. Raises Refused."""
        update = f'UPDATE "{self.library.table}" SET "{column}" = ? WHERE id = ?'
        [[changed]] = self.sql(*before, (update, [value, key]))
        assert changed == 1, "the row is not there"

    def enforced(self, column: str, value: Any, key: int) -> bool:
        """Return whether the database itself refuses the value."""
        try:
            self.put(key, column, value)
        except Refused:
            return True
        return False

    def sql(self, *statements: tuple[str, list[Any]]) -> list[list[Any]]:
        """Run statements in another process and return the rows of the last one."""
        done = subprocess.run(
            [sys.executable, str(RAW_SQL), str(self.path)],
            input=json.dumps(statements),
            capture_output=True,
            check=True,
            text=True,
        )
        answer = json.loads(done.stdout)
        if answer["error"]:
            raise Refused(answer["error"])
        rows: list[list[Any]] = answer["rows"]
        return rows


class Refused(Exception):
    """The database refused the SQL."""


def main(library: Library) -> None:
    """Run the probe on the file that the first argument names."""
    asyncio.run(Probe(library, Path(sys.argv[1])).run())
