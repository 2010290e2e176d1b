"""How much memory a stream of a million rows takes: `python -m benchmarks.streaming`.

The rows are stored by this process and read by another one, whose memory is looked at: what it has
when the first row is there, and the most that it ever had.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import perf_counter

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import Col, Database, Model, Repository, field, generated, run
from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.databases import BACKENDS, database
from benchmarks.machine import machine, versions

RESULTS = Path(__file__).parent / "results" / "streaming.json"
BOUND_MB = 60.0


class Meta(BaseModel):
    tags: list[str]


class Visit(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    at: Col[datetime]
    balance: Col[Decimal] = field(max_digits=12, decimal_places=2)
    meta: Col[Meta]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if a stream takes more memory than it should."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--only", default=",".join(BACKENDS), metavar="NAME,...")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--read", metavar="URL", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.read:
        print(json.dumps(run(read(chosen.read, chosen.batch))))
        return 0
    found: dict[str, dict[str, float]] = {}
    for backend in chosen.only.split(","):
        try:
            with database(backend) as url:
                run(store(url, chosen.rows))
                found[backend] = in_another_process(url, chosen.batch)
        except ServerUnavailable as error:
            print(f"{backend}: left out: {error}")
            continue
        print(told(backend, found[backend]), flush=True)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"machine": machine(), "versions": versions(), "bound_mb": BOUND_MB, "found": found}
    chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    return int(any(one["grown_mb"] > BOUND_MB for one in found.values()))


def told(backend: str, one: dict[str, float]) -> str:
    verdict = "too much" if one["grown_mb"] > BOUND_MB else "flat"
    return (
        f"{backend:<11} {one['rows']:>11,.0f} rows  start {one['start_mb']:6.1f} MB"
        f"  grown by {one['grown_mb']:6.1f} MB  {one['us_a_row']:6.2f} us a row  {verdict}"
    )


async def store(url: str, rows: int) -> None:
    async with Database(url, metadata=Visit.metadata) as db:
        await db.create_all()
        visits = Repository(Visit, db)
        waiting = made(rows)
        while some := list(islice(waiting, 10_000)):
            await visits.add_all(some)


def made(rows: int) -> Iterator[Visit]:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(rows):
        yield Visit(
            name=f"visitor number {number}",
            age=number % 90 if number % 7 else None,
            at=begin + timedelta(seconds=number),
            balance=Decimal(number) / 100,
            meta=Meta(tags=[f"tag{number % 10}", "common"]),
        )


def in_another_process(url: str, batch: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.streaming", "--read", url, "--batch", str(batch)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - itself
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def read(url: str, batch: int) -> dict[str, float]:
    """Read all rows, and return what that took."""
    rows, start = 0, 0.0
    async with Database(url, metadata=Visit.metadata) as db:
        begun = perf_counter()
        async for _ in Repository(Visit, db).order_by(Visit.id).stream(batch=batch):
            if not rows:
                start = now_mb()
            rows += 1
        seconds = perf_counter() - begun
    return {
        "rows": rows,
        "start_mb": round(start, 1),
        "grown_mb": round(most_mb() - start, 1),
        "us_a_row": round(seconds / rows * 1e6, 2),
    }


def now_mb() -> float:
    """Return what this process has in memory."""
    return in_status("VmRSS")


def most_mb() -> float:
    """Return the most that it ever had; getrusage would count what its parent had when it began."""
    return in_status("VmHWM")


def in_status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [one for one in lines if one.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
