"""Results: what they are, how they are kept, and the tables that a run prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness import Ratio, Timing, ratio

__all__ = ["METHOD", "PYTHON", "Figures", "Report", "Result", "loaded", "result", "tables"]

PYTHON = "python"
"""What stands for the backend where no database takes part."""

METHOD = (
    "Both sides run in one process and take turns in random order; after a warm-up the median of"
    " the rounds counts, and CPU is that of the process with all its threads, servers excluded."
    " The floor is the driver's own calls on a held connection with one validation by pydantic,"
    " and both sides return equal validated models."
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One side of an operation, for one call: microseconds, or bytes."""

    wall: float
    best_wall: float
    wall_noise: float
    cpu: float
    best_cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """An operation on a backend, by the library and by hand."""

    operation: str
    title: str
    backend: str
    unit: Literal["us", "bytes"]
    calls: int
    rounds: int
    ours: Figures
    floor: Figures
    cpu: Ratio
    wall: Ratio


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run found, and on what."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    method: str
    results: tuple[Result, ...]

    def text(self) -> str:
        """Return the report as JSON."""
        return json.dumps(_rounded(asdict(self)), indent=1) + "\n"


def result(
    operation: str,
    title: str,
    backend: str,
    ours: Timing,
    floor: Timing,
    *,
    calls: int,
    unit: Literal["us", "bytes"] = "us",
) -> Result:
    """Return the result of two timings, given in seconds or in bytes."""
    return Result(
        operation=operation,
        title=title,
        backend=backend,
        unit=unit,
        calls=calls,
        rounds=len(ours.samples),
        ours=_figures(ours, unit),
        floor=_figures(floor, unit),
        cpu=ratio(ours, floor, "cpu"),
        wall=ratio(ours, floor, "wall"),
    )


def _figures(timing: Timing, unit: str) -> Figures:
    factor = 1e6 if unit == "us" else 1
    return Figures(
        wall=timing.wall * factor,
        best_wall=timing.best_wall * factor,
        wall_noise=timing.noise * factor,
        cpu=timing.cpu * factor,
        best_cpu=timing.best_cpu * factor,
    )


def loaded(path: Path) -> Report:
    """Return the report that a run kept."""
    found = json.loads(path.read_text())
    return Report(
        machine=found["machine"],
        versions=found["versions"],
        method=found["method"],
        results=tuple(_result(one) for one in found["results"]),
    )


def _result(found: dict[str, Any]) -> Result:
    parts = {
        "ours": Figures(**found["ours"]),
        "floor": Figures(**found["floor"]),
        "cpu": Ratio(**found["cpu"]),
        "wall": Ratio(**found["wall"]),
    }
    return Result(**{**found, **parts})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value


# -- tables


def tables(results: Sequence[Result]) -> str:
    """Return the ratios of all operations, and what they are made of."""
    parts = [
        "client CPU next to raw driver + pydantic, in the same process (1.00 is the floor)",
        _ratios([one for one in results if one.backend != PYTHON]),
        "one call: library / floor; in wall time the median and the best, in CPU the median",
        _details(results),
    ]
    return "\n\n".join(parts)


def _ratios(results: Sequence[Result]) -> str:
    backends = list(dict.fromkeys(one.backend for one in results))
    found = {(one.title, one.backend): one.cpu for one in results}
    lines = [["", *backends]]
    for title in dict.fromkeys(one.title for one in results):
        cells = [found.get((title, backend)) for backend in backends]
        lines.append([title, *(_ratio(cell) if cell else "-" for cell in cells)])
    return _aligned(lines)


def _ratio(found: Ratio) -> str:
    return f"{found.value:.2f} ±{found.noise:.2f}"


def _details(results: Sequence[Result]) -> str:
    lines = [["", "backend", "wall", "best wall", "CPU", "CPU ratio"]]
    for one in results:
        show = _time if one.unit == "us" else _bytes
        lines.append(
            [
                one.title,
                one.backend,
                _pair(show, one.ours.wall, one.floor.wall),
                _pair(show, one.ours.best_wall, one.floor.best_wall),
                _pair(show, one.ours.cpu, one.floor.cpu),
                _ratio(one.cpu),
            ]
        )
    return _aligned(lines)


def _pair(show: Callable[[float], str], ours: float, floor: float) -> str:
    return f"{show(ours)} / {show(floor)}"


def _time(microseconds: float) -> str:
    if microseconds >= 10_000:
        return f"{microseconds / 1000:.1f} ms"
    if microseconds >= 1000:
        return f"{microseconds / 1000:.2f} ms"
    return f"{microseconds:.0f} us"


def _bytes(number: float) -> str:
    return f"{number:.0f} B"


def _aligned(lines: Iterable[Sequence[str]]) -> str:
    rows = list(lines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
