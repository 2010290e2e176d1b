"""What a run found out about each library, and how it is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Ratio
from benchmarks.peers.speed.traits import Traits
from benchmarks.report import Figures, Result

__all__ = ["Answers", "Library", "loaded", "result_from", "result_to"]


@dataclass(frozen=True, slots=True)
class Library:
    """One library: what it is, and its results, or why there are none."""

    name: str
    title: str
    version: str = ""
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    """The versions of what it works with."""
    traits: Traits | None = None
    forms: dict[str, list[str]] = field(default_factory=dict)
    """By backend, in which other form than the declared one values came back, and other notes."""
    imported: Result | None = None
    """Importing it, next to importing pydantic."""
    results: tuple[Result, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    """By backend, what kept it from being measured there."""
    left_out: str | None = None

    def result(self, backend: str, operation: str) -> Result | None:
        """Return a result, or None where nothing was measured."""
        for one in self.results:
            if (one.backend, one.operation) == (backend, operation):
                return one
        return None


@dataclass(frozen=True, slots=True)
class Answers:
    """All that one run found, and on what."""

    machine: dict[str, str | int]
    engines: dict[str, str]
    """The versions of the databases."""
    method: str
    libraries: tuple[Library, ...]

    def text(self) -> str:
        """Return the answers as JSON."""
        kept = asdict(self)
        kept["libraries"] = [_library_to(one) for one in self.libraries]
        return json.dumps(_rounded(kept), indent=1) + "\n"


def loaded(text: str | Path) -> Answers:
    """Return the answers of a file, or of its text."""
    found = json.loads(text.read_text(encoding="utf-8") if isinstance(text, Path) else text)
    libraries = tuple(map(_library_from, found["libraries"]))
    return Answers(**{**found, "libraries": libraries})


def result_to(result: Result) -> dict[str, Any]:
    """Return a result as JSON knows it, with the side that is not the floor as `library`."""
    kept = asdict(result)
    return {"library" if key == "ours" else key: value for key, value in kept.items()}


def result_from(found: dict[str, Any]) -> Result:
    """Return a result that `result_to` gave."""
    parts = {
        "ours": Figures(**found["library"]),
        "floor": Figures(**found["floor"]),
        "cpu": Ratio(**found["cpu"]),
        "wall": Ratio(**found["wall"]),
    }
    rest = {key: value for key, value in found.items() if key != "library"}
    return Result(**{**rest, **parts})


def _library_to(library: Library) -> dict[str, Any]:
    kept = asdict(library)
    kept["imported"] = None if library.imported is None else result_to(library.imported)
    kept["results"] = [result_to(one) for one in library.results]
    return {key: value for key, value in kept.items() if value not in (None, "", {}, [])}


def _library_from(found: dict[str, Any]) -> Library:
    parts: dict[str, Any] = {"results": tuple(map(result_from, found.get("results", [])))}
    if "traits" in found:
        parts["traits"] = Traits(**found["traits"])
    if "imported" in found:
        parts["imported"] = result_from(found["imported"])
    return Library(**{**found, **parts})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
