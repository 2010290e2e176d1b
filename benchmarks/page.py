"""The page about performance: `python -m benchmarks.page` writes the kept result into it again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.drawing import NAMES
from benchmarks.markdown import replaced, table
from benchmarks.report import PYTHON, Report, Result, loaded

__all__ = ["COMMAND", "PAGE", "RECORDED", "ratios", "with_ratios", "write"]

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
RECORDED = Path(__file__).parent / "results" / "andamios_orm.json"
COMMAND = "make bench ARGS=--record"
_MISSING = "\N{EN DASH}"
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def with_ratios(page: str, report: Report) -> str:
    """Return the text of the page with the ratios of a run in place of those that it has."""
    return replaced(page, ratios(report), command=COMMAND, source="benchmarks")


def write(report: Report) -> None:
    """Write the ratios into the documentation."""
    PAGE.write_text(with_ratios(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")


def ratios(report: Report) -> str:
    """Return the ratios of a run as tables, with what they were measured on."""
    with_database = [one for one in report.results if one.backend != PYTHON]
    alone = [one for one in report.results if one.backend == PYTHON]
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts = [_by_backend(with_database), _alone(alone)]
    parts.append(f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}. {versions}.")
    return "\n\n".join(part for part in parts if part)


def _by_backend(results: list[Result]) -> str:
    backends = list(dict.fromkeys(one.backend for one in results))
    if not backends:
        return ""
    found = {(one.title, one.backend): one for one in results}
    lines = [["", *(NAMES.get(backend, backend) for backend in backends)]]
    lines += [
        [title, *(_cell(found.get((title, backend))) for backend in backends)]
        for title in dict.fromkeys(one.title for one in results)
    ]
    return table(lines)


def _alone(results: list[Result]) -> str:
    if not results:
        return ""
    return table([["", NAMES[PYTHON]], *([one.title, _cell(one)] for one in results)])


def _cell(found: Result | None) -> str:
    if found is None:
        return _MISSING
    return f"{found.cpu.value:.2f} {_PLUS_MINUS}{found.cpu.noise:.2f}"


if __name__ == "__main__":
    write(loaded(RECORDED))
