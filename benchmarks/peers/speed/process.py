"""Measure one library on one database, in the library's own environment.

The floor runs in the same process and the same rounds. The last line of output is the answer as
JSON. Apart from the library, its driver and the floor's, only the standard library is imported.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.harness import calls_for, interleaved
from benchmarks.operations import contender
from benchmarks.peers.speed.agreement import Added, agree
from benchmarks.peers.speed.answers import result_to
from benchmarks.peers.speed.outside import asked
from benchmarks.peers.speed.peer import Peer
from benchmarks.raw import Floor, open_floor
from benchmarks.report import result
from benchmarks.workload import (
    ADDED,
    BULK,
    CONNECTIONS,
    OPERATIONS,
    RELATED_TABLES,
    ROWS,
    new_numbers,
    related_rows,
)

__all__ = ["measured"]


async def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Return how long each operation took the library, next to the floor."""
    module = importlib.import_module(f"benchmarks.peers.speed.idioms.{options.name}")
    peer: Peer = module.PEER()
    has_own_table = options.own != options.floor
    async with open_floor(options.floor) as floor:
        await floor.create()
        await floor.fill()
        if has_own_table and options.backend == "sqlite":
            await asked(options.own, "PRAGMA journal_mode = WAL")
        await peer.open(options.own, CONNECTIONS)
        try:
            if has_own_table:
                await _fill(peer, options.own)
            numbers = new_numbers()
            forms = await agree(peer, numbers, _added(peer, options.own))
            results, failed = await _results(peer, floor, numbers, options)
        finally:
            await peer.close()
        return {
            "engine": await floor.version(),
            "traits": dataclasses.asdict(peer.traits),
            "forms": forms,
            "results": results,
            "failed": failed,
        }


async def _results(
    peer: Peer, floor: Floor, numbers: Iterator[int], options: argparse.Namespace
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the result of each operation, and the names of those that raised an error."""
    found, failed = [], []
    for name in options.operations:
        contenders = {
            "peer": contender(name, peer, numbers),
            "floor": contender(name, floor, numbers),
        }
        most = OPERATIONS[name].most_calls
        try:
            calls = await calls_for(list(contenders.values()), seconds=options.seconds, most=most)
            timings = await interleaved(contenders, calls=calls, rounds=options.rounds)
        except NotImplementedError:
            continue
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        title, backend = OPERATIONS[name].title, options.backend
        one = result(name, title, backend, timings["peer"], timings["floor"], calls=calls)
        print(f"  {title}: {one.cpu.value:.2f} ±{one.cpu.noise:.2f}", file=sys.stderr, flush=True)
        found.append(result_to(one))
    return found, failed


async def _fill(peer: Peer, url: str) -> None:
    """Store the rows in a table that the library made, which gets the floor's index."""
    await peer.asked(url, "CREATE INDEX users_age ON users (age, id)")
    for first in range(1, ROWS + 1, BULK):
        await peer.bulk([peer.new(number) for number in range(first, first + BULK)])
    for statement in (*RELATED_TABLES, *related_rows()):
        await peer.asked(url, statement)
    await peer.asked(url, "ANALYZE")


def _added(peer: Peer, url: str) -> Added:
    """Return what asks for the keys of added rows, past the library."""

    async def added() -> dict[str, int]:
        return dict(await peer.asked(url, f"SELECT email, id FROM users WHERE id > {ADDED}"))

    return added


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the library's module in `idioms`")
    parser.add_argument("backend")
    parser.add_argument("floor", help="the URL of the floor's database")
    parser.add_argument("own", help="the URL of the library's database, which may be the same")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--operations", nargs="+", required=True, choices=OPERATIONS)
    options = parser.parse_args(words)
    import uvloop  # noqa: PLC0415 - not there on every platform

    print(json.dumps(uvloop.run(measured(options))))


if __name__ == "__main__":
    main()
