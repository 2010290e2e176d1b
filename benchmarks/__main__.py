"""Measure the library next to the raw driver: `python -m benchmarks`, which is `make bench`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from andamios_orm import run
from andamios_orm.testing.servers import ServerUnavailable
from benchmarks.alone import ALONE, measure_alone
from benchmarks.budgets import budgets, judged
from benchmarks.databases import BACKENDS, database
from benchmarks.drawing import drawn
from benchmarks.harness import ROUNDS
from benchmarks.machine import machine, versions
from benchmarks.measuring import agree, measure, prepared
from benchmarks.page import RECORDED, write
from benchmarks.report import METHOD, PYTHON, Report, Result, loaded, result, tables
from benchmarks.workload import OPERATIONS

RESULTS = Path(__file__).parent / "results"
CHART = Path(__file__).parents[1] / "docs/explanation/images/performance.svg"
SECONDS = 0.06
"""How long a sample is to be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, keep the results; return the program's exit code."""
    chosen = _parser().parse_args(arguments)
    results: list[Result] = []
    engines: dict[str, str] = {}
    for backend in chosen.only:
        if backend != PYTHON:
            results += _on(backend, chosen, engines)
    if PYTHON in chosen.only:
        for name in chosen.operations:
            if name in ALONE:
                _say(f"{PYTHON}: {ALONE[name]}")
                results.append(measure_alone(name, rounds=chosen.rounds))
    report = Report(machine(), {**versions(), **engines}, METHOD, tuple(results))
    _keep(chosen.json, report.text())
    if chosen.chart is not None:
        _keep(chosen.chart, drawn(report))
    if chosen.record:
        _keep(RECORDED, report.text())
        _keep(CHART, drawn(report))
        write(loaded(RECORDED))  # rounded, as it is kept
    print(tables(results))
    return checked(results) if chosen.check else 0


def _on(backend: str, chosen: argparse.Namespace, engines: dict[str, str]) -> list[Result]:
    """Return the operations on one backend; none, with a word about it, without its server."""
    names = [name for name in chosen.operations if name in OPERATIONS]
    if not names:
        return []
    try:
        with database(backend) as url:
            return run(_measured(backend, url, names, chosen, engines))
    except ServerUnavailable as error:
        _say(f"{backend}: left out: {error}")
        return []


async def _measured(
    backend: str,
    url: str,
    names: Sequence[str],
    chosen: argparse.Namespace,
    engines: dict[str, str],
) -> list[Result]:
    found: list[Result] = []
    _say(f"{backend}: {len(names)} operations")
    async with prepared(url, own_table=chosen.own_table) as (ours, floor):
        engines[f"{backend} (engine)"] = await floor.version()
        await agree(ours, floor)
        for name in names:
            calls, pair = await measure(
                name, ours, floor, rounds=chosen.rounds, seconds=chosen.seconds
            )
            title = OPERATIONS[name].title
            one = result(name, title, backend, pair["ours"], pair["raw"], calls=calls)
            _say(f"  {title}: {one.cpu.value:.2f} ±{one.cpu.noise:.2f}")
            found.append(one)
    return found


def checked(results: Sequence[Result]) -> int:
    """Print the budgets that are missed; return 1 if there are any."""
    found = judged(results, budgets())
    missed = [one for one in found if not one.is_kept]
    print(f"\n{len(found) - len(missed)} of {len(found)} budgets are kept")
    for one in missed:
        print(f"  missed: {one}")
    return 1 if missed else 0


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    backends, operations = (*BACKENDS, PYTHON), (*OPERATIONS, *ALONE)
    parser.add_argument(
        "--only",
        type=lambda text: _names(text, backends),
        default=backends,
        metavar="BACKEND,...",
        help=f"some of {', '.join(backends)}; the last is what needs no database",
    )
    parser.add_argument(
        "--operations",
        type=lambda text: _names(text, operations),
        default=operations,
        metavar="NAME,...",
        help=f"some of {', '.join(operations)}",
    )
    parser.add_argument(
        "--own-table",
        action="store_true",
        help="measure both sides on the table as the library makes it, with its CHECKs",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="samples of each side")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a sample")
    parser.add_argument(
        "--json", type=Path, default=RESULTS / "latest.json", metavar="FILE", help="where to keep"
    )
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the ratios as an SVG")
    parser.add_argument(
        "--record",
        action="store_true",
        help="also write the result, the chart and the page that are kept",
    )
    parser.add_argument(
        "--check", action="store_true", help="fail when a budget is missed by more than the noise"
    )
    return parser


def _names(text: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(known):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {known}")
    return names


if __name__ == "__main__":
    sys.exit(main())
