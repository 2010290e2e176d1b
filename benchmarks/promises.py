"""What the library's promises cost at least: `python -m benchmarks.promises`.

One row is inserted, and one updated, on PostgreSQL in three ways: by the driver and one validation
(the floor), by a function written for this table that keeps what the library promises of a call,
and by the library. What lies between the first two is the price of the promises, between the last
two that of a library that does it for any model.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from andamios_orm import run
from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.databases import database
from benchmarks.harness import ROUNDS, Ratio, calls_for, interleaved, ratio
from benchmarks.measuring import prepared
from benchmarks.operations import contender
from benchmarks.raw.base import LIST, WRITTEN, NewUser, User, user
from benchmarks.workload import ADDED, OPERATIONS, new_numbers, payload

__all__ = ["Promises", "compared"]

_INSERT = f"INSERT INTO users ({WRITTEN}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {LIST}"
_UPDATE = f"UPDATE users SET name = $1 WHERE id = $2 RETURNING {LIST}"


class _Name(BaseModel):
    name: str


class Refused(Exception):
    """What is to be written, or was answered, is refused."""


_validate_new = NewUser.__pydantic_validator__.validate_python
_validate_name = _Name.__pydantic_validator__.validate_python


class Promises:
    """Writes of one table, with a list of connections.

    An instance is validated once more, as it may have changed; JSON that would come back as
    another value is refused, as is what the column does not hold; a connection is taken, and goes
    back if it can serve another; an error of the driver's becomes one of ours; the row that comes
    back is validated.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._idle = [connection]

    def new(self, number: int) -> NewUser:
        return NewUser(**payload(number))

    async def remove_added(self) -> None:
        await self._idle[0].execute("DELETE FROM users WHERE id > $1", ADDED)

    async def insert(self, new: NewUser) -> User:
        valid = _validate_new(new.__dict__).__dict__
        text = to_json(valid["meta"])
        if from_json(text) != valid["meta"]:
            raise Refused("meta")
        return await self._written(
            _INSERT,
            (
                _text(valid["email"]),
                _text(valid["name"]),
                _number(valid["age"]),
                valid["active"],
                _moment(valid["created_at"]),
                valid["balance"],
                text.decode(),
            ),
        )

    async def update(self, key: int, name: str) -> User:
        if type(key) is not int:
            raise Refused("id")
        valid = _validate_name({"name": name}).__dict__
        return await self._written(_UPDATE, (_text(valid["name"]), _number(key)))

    async def _written(self, sql: str, values: Sequence[object]) -> User:
        connection = self._idle.pop()
        if connection.is_closed():
            raise Refused("the connection")
        try:
            rows = await connection.fetch(sql, *values)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise Refused(getattr(error, "sqlstate", "")) from None
        finally:
            if not (connection.is_in_transaction() or connection.is_closed()):
                self._idle.append(connection)
        if not rows:
            raise Refused("the key")
        return user(rows[0])


def _text(value: str) -> str:
    if "\0" in value or not value.isascii():
        value.encode()
    return value


def _number(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise Refused("a number")
    return value


def _moment(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise Refused("a moment")
    return value


async def compared(url: str, rounds: int, seconds: float) -> list[tuple[str, Ratio, Ratio]]:
    """Return for each operation what the promises and what the library cost over the floor."""
    connection = await asyncpg.connect(url)
    found: list[tuple[str, Ratio, Ratio]] = []
    try:
        async with prepared(url) as (ours, floor):
            sides: dict[str, Any] = {
                "floor": floor,
                "promises": Promises(connection),
                "library": ours,
            }
            for name in ("insert_pool", "update_pool"):
                numbers = new_numbers()
                contenders = {
                    title: contender(name, side, numbers) for title, side in sides.items()
                }
                calls = await calls_for(list(contenders.values()), seconds=seconds, most=500)
                timings = await interleaved(contenders, calls=calls, rounds=rounds)
                promises, library = (
                    ratio(timings[title], timings["floor"]) for title in ("promises", "library")
                )
                found.append((OPERATIONS[name].title, promises, library))
    finally:
        await connection.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the program's exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="samples of each side")
    parser.add_argument("--seconds", type=float, default=0.06, help="length of a sample")
    chosen = parser.parse_args(arguments)
    try:
        with database("postgresql") as url:
            found = run(compared(url, chosen.rounds, chosen.seconds))
    except ServerUnavailable as error:
        print(f"postgresql: left out: {error}", file=sys.stderr)
        return 1
    print("client CPU over the driver and one validation, in brackets that of the best samples\n")
    for title, promises, library in found:
        print(f"{title:28} promises {_shown(promises)}   library {_shown(library)}")
    return 0


def _shown(found: Ratio) -> str:
    return f"{found.value:.2f} ±{found.noise:.2f} ({found.best:.2f})"


if __name__ == "__main__":
    sys.exit(main())
