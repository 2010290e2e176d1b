"""See what grows: `python -m benchmarks.growth`, which is `make bench-growth`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from andamios_orm import run
from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.growth.calls import Leak, after_calls, by_connections, by_shapes
from benchmarks.growth.series import Series
from benchmarks.growth.tables import by_columns, by_models, by_rows
from benchmarks.machine import machine, versions

RESULTS = Path(__file__).parents[1] / "results" / "growth.json"
ROWS = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = (5, 10, 20, 50, 100)
MODELS = (10, 100, 1_000)
CONNECTIONS = (1, 2, 5, 10, 20, 50)
SHAPES = (10, 100, 1_000, 10_000)
CALLS = 1_000_000
SUBJECTS = ("calls", "rows", "columns", "models", "connections", "shapes")
FLAT_BYTES = 4.0
"""An object that is left behind takes more; the allocator's own growth over a run takes less."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the series; return 1 if something grows that should not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--subjects", default=",".join(SUBJECTS), metavar="NAME,...")
    parser.add_argument("--most-rows", type=int, default=ROWS[-1])
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE")
    chosen = parser.parse_args(arguments)
    subjects = chosen.subjects.split(",")
    found: list[Series] = []
    kept: dict[int, int] = {}
    leak: Leak | None = None
    if "calls" in subjects:  # first, as memory that others gave back would hide a leak
        leak = run(after_calls(chosen.calls))
        print(_told(leak), flush=True)
    if "rows" in subjects:
        sizes = [rows for rows in ROWS if rows <= chosen.most_rows]
        for backend in ("sqlite", "duckdb"):
            found += _shown(run(by_rows(backend, sizes)))
    if "columns" in subjects:
        found += _shown(run(by_columns(COLUMNS)))
    if "models" in subjects:
        found += _shown(run(by_models(MODELS)))
    if "connections" in subjects:
        for backend in ("sqlite", "postgresql"):
            try:
                found += _shown(run(by_connections(backend, CONNECTIONS)))
            except ServerUnavailable as error:
                print(f"{backend}: left out: {error}")
    if "shapes" in subjects:
        series, kept = run(by_shapes(SHAPES))
        found += _shown(series)
        print(f"plans kept: {', '.join(f'{n:,} of {shapes:,}' for shapes, n in kept.items())}")
    _keep(chosen.json, found, kept, leak)
    grows = [one.name for one in found if one.verdict == "GROWS"]
    if kept and kept[SHAPES[-1]] >= SHAPES[-1]:
        grows.append("the cache of plans")
    if leak is not None and leak.bytes_per_call > FLAT_BYTES:
        grows.append("memory")
    print(f"grows: {', '.join(grows) or 'nothing'}")
    return 1 if grows else 0


def _shown(series: Sequence[Series]) -> Sequence[Series]:
    for one in series:
        print(one.text(), flush=True)
    return series


def _told(leak: Leak) -> str:
    points = "   ".join(f"{calls:,}: {size:.1f}" for calls, size in leak.points)
    return f"memory [MB] by calls\n    {points}\n    {leak.bytes_per_call:+.2f} bytes a call"


def _keep(path: Path, found: Sequence[Series], kept: dict[int, int], leak: Leak | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    series = [
        {**asdict(one), "exponent": round(one.exponent, 3), "verdict": one.verdict} for one in found
    ]
    memory = leak and {"points": leak.points, "bytes_per_call": round(leak.bytes_per_call, 3)}
    report = {
        "machine": machine(),
        "versions": versions(),
        "series": series,
        "plans_kept": kept,
        "memory": memory,
    }
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
