"""The chart of a report: `python -m benchmarks.drawing REPORT.json CHART.svg` draws one again."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.chart import Bar, Panel, chart
from benchmarks.report import PYTHON, Report, Result, loaded

__all__ = ["NAMES", "drawn"]

NAMES = {
    "sqlite": "SQLite",
    "duckdb": "DuckDB",
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
    PYTHON: "next to pydantic + SQLAlchemy",
}
"""What a chart and a table call the backends."""


def drawn(report: Report) -> str:
    """Return the SVG of a report's CPU ratios, with machine, versions and method below."""
    with_database = [one for one in report.results if one.backend != PYTHON]
    # Importing nothing costs next to nothing, and would leave the others no room on the axis.
    alone = [one for one in report.results if one.backend == PYTHON and one.operation != "import"]
    return chart(
        "andamios_orm next to the driver by hand",
        "Client CPU of one call, divided by that of raw driver + pydantic in the same process;"
        " 1 is the floor",
        [row for row in (_panels(with_database), _panels(alone)) if row],
        _caption(report),
    )


def _panels(results: list[Result]) -> list[Panel]:
    titles = list(dict.fromkeys(one.title for one in results))
    found = {(one.title, one.backend): one for one in results}
    return [
        Panel(
            NAMES.get(backend, backend),
            tuple(_bar(title, found.get((title, backend))) for title in titles),
        )
        for backend in dict.fromkeys(one.backend for one in results)
    ]


def _bar(title: str, found: Result | None) -> Bar:
    if found is None:
        return Bar(title, None)
    return Bar(title, found.cpu.value, found.cpu.noise, is_accented=True)


def _caption(report: Report) -> list[str]:
    rounds = sorted({one.rounds for one in report.results if one.unit == "us"})
    number = f"{rounds[0]}" if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]}"
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    machine = report.machine
    return [
        f"Median of {number} rounds; the thin line is two standard errors to both sides."
        f" {report.method}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}. {versions}.",
    ]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(drawn(loaded(Path(sys.argv[1]))))
