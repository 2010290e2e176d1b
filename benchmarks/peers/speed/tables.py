"""The tables of a run, in Markdown: ratios and times by backend, and what is not alike."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.markdown import table
from benchmarks.peers.speed.answers import Answers, Library
from benchmarks.peers.speed.roster import MEASURED, TITLES
from benchmarks.peers.speed.shown import MISSING, duration, multiple
from benchmarks.report import Result

__all__ = ["backends", "differences", "imports", "operations", "speeds", "tables"]


def tables(answers: Answers) -> str:
    """Return all tables, each below a line that says what it shows."""
    parts = [
        part
        for backend in backends(answers)
        for part in (
            f"{TITLES[backend]}: client CPU, as a multiple of raw driver + pydantic in the same"
            " process, and the median wall time of one call.",
            speeds(answers, backend),
        )
    ]
    parts += ["What is not alike.", differences(answers), "Import.", imports(answers)]
    parts += [
        f"{one.title} is left out: {one.left_out}." for one in answers.libraries if one.left_out
    ]
    parts += [
        f"{one.title} was not measured on {TITLES[backend]}: {reason}."
        for one in answers.libraries
        for backend, reason in one.failed.items()
    ]
    return "\n\n".join(parts)


def backends(answers: Answers) -> list[str]:
    """Return the backends that something was measured on."""
    return list(dict.fromkeys(one.backend for each in answers.libraries for one in each.results))


def operations(answers: Answers) -> list[str]:
    """Return the operations that were measured."""
    found = {one.operation for each in answers.libraries for one in each.results}
    return [operation for operation in MEASURED if operation in found]


def speeds(answers: Answers, backend: str) -> str:
    """Return one row for each library and one for the floor's own time."""
    measured = [one for one in answers.libraries if any(r.backend == backend for r in one.results)]
    shown = operations(answers)
    lines = [["", *(MEASURED[operation] for operation in shown)]]
    lines += [
        [each.title, *(_cell(each.result(backend, operation)) for operation in shown)]
        for each in measured
    ]
    floor = [_floor(measured, backend, operation) for operation in shown]
    return table([*lines, ["raw driver + pydantic", *floor]])


def differences(answers: Answers) -> str:
    """Return what each library's rows are, without which the times cannot be compared."""
    lines = [
        [
            "",
            "a row is",
            "checked when read",
            "an insert reads back",
            "a bulk insert",
            "update",
            "remarks",
        ],
    ]
    for each in answers.libraries:
        if each.traits is not None:
            traits = each.traits
            lines.append(
                [
                    f"{each.title} {each.version}",
                    traits.rows,
                    traits.validated,
                    traits.stored,
                    traits.keys,
                    traits.updated,
                    _remarks(each),
                ]
            )
    return table(lines)


def imports(answers: Answers) -> str:
    """Return what importing each library costs in CPU, next to importing pydantic."""
    lines = [["", "CPU", "of pydantic's"]]
    for each in answers.libraries:
        if each.imported is not None:
            ratio = multiple(each.imported.cpu.value)
            lines.append([each.title, duration(each.imported.ours.cpu), ratio])
    return table(lines)


def _remarks(library: Library) -> str:
    found = [library.traits.remarks] if library.traits and library.traits.remarks else []
    for backend, forms in library.forms.items():
        found += [f"{TITLES[backend]}: {form}" for form in forms]
    return "; ".join(found)


def _cell(result: Result | None) -> str:
    if result is None:
        return MISSING
    return f"{multiple(result.cpu.value)} · {duration(result.ours.wall)}"


def _floor(libraries: Iterable[Library], backend: str, operation: str) -> str:
    """Return the least of the floors that ran beside the libraries: the others had noise on top."""
    found = [each.result(backend, operation) for each in libraries]
    walls = [one.floor.wall for one in found if one is not None]
    return f"1 · {duration(min(walls))}" if walls else MISSING
