"""The page of the documentation that a run writes: its text is kept, its tables are replaced."""

from __future__ import annotations

from pathlib import Path

from benchmarks.markdown import replaced
from benchmarks.peers.speed.answers import Answers
from benchmarks.peers.speed.drawing import drawn
from benchmarks.peers.speed.tables import backends, tables

__all__ = ["PAGE", "chart_of", "with_tables", "write"]

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "speed.md"
_COMMAND = "make bench-peers ARGS=--record"


def with_tables(page: str, answers: Answers) -> str:
    """Return the text of a page with the tables of a run in place of those that it has."""
    return replaced(page, tables(answers), command=_COMMAND, source="benchmarks/peers/speed")


def chart_of(backend: str) -> Path:
    """Return where the chart of a backend is kept."""
    return PAGE.parent / "images" / f"peers-{backend}.svg"


def write(answers: Answers) -> None:
    """Write the tables and the charts into the documentation."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), answers), encoding="utf-8")
    for backend in backends(answers):
        chart_of(backend).parent.mkdir(exist_ok=True)
        chart_of(backend).write_text(drawn(answers, backend), encoding="utf-8")
