"""The charts of a run: one for each backend, with the libraries as bars."""

from __future__ import annotations

from benchmarks.chart import Bar, Panel, chart
from benchmarks.peers.speed.answers import Answers, Library
from benchmarks.peers.speed.roster import MEASURED, OURS, TITLES
from benchmarks.peers.speed.tables import operations

__all__ = ["drawn"]

_IN_A_ROW = 2


def drawn(answers: Answers, backend: str) -> str:
    """Return the SVG of a backend's CPU ratios, with machine, versions and method below."""
    libraries = [
        each for each in answers.libraries if any(one.backend == backend for one in each.results)
    ]
    panels = [_panel(libraries, backend, operation) for operation in operations(answers)]
    return chart(
        f"andamios_orm next to its peers on {TITLES[backend]}",
        "Client CPU of one call, divided by that of raw driver + pydantic in the same process;"
        " 1 is the floor",
        [panels[first : first + _IN_A_ROW] for first in range(0, len(panels), _IN_A_ROW)],
        _caption(answers, libraries, backend),
    )


def _panel(libraries: list[Library], backend: str, operation: str) -> Panel:
    bars = []
    for each in libraries:
        found = each.result(backend, operation)
        label = each.title + _mark(each)
        if found is None:
            bars.append(Bar(label, None))
        else:
            is_ours = each.name == OURS
            bars.append(Bar(label, found.cpu.value, found.cpu.noise, is_accented=is_ours))
    return Panel(MEASURED[operation], tuple(bars))


def _mark(library: Library) -> str:
    return "" if library.traits is None or library.traits.validated == "yes" else " *"


def _caption(answers: Answers, libraries: list[Library], backend: str) -> list[str]:
    # SQLAlchemy takes part in several ways, whose titles begin with its name.
    versions = dict.fromkeys(f"{each.title.split()[0]} {each.version}" for each in libraries)
    pythons = sorted({each.python for each in libraries})
    machine = answers.machine
    engine = answers.engines.get(backend, "")
    return [
        f"* does not check what it reads. {answers.method}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}. Python"
        f" {', '.join(pythons)}; {TITLES[backend]} {engine}; {', '.join(versions)}.",
    ]
