"""Check the programs in `cases/` with four type checkers: `python -m tests.typing`.

A program called `positive_*.py` must be without an error, and run; its `assert_type` calls say
what each expression is. The program of the README is one of them, under its line numbers there.
In a `negative_*.py` a line marked `# E: name` must have an error, and no other line may have one.
What a checker does not see is listed in `known_misses.py`, with the reason; what it has learnt to
see must leave that list.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.typing.checkers import CHECKERS, Checker, CheckerFailed, Report
from tests.typing.known_misses import KNOWN_MISSES

ROOT = Path(__file__).resolve().parents[2]
CASES = Path(__file__).resolve().parent / "cases"

_MARK = re.compile(r"# E: (?P<name>[a-z0-9-]+)$")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that must have an error."""

    file: str
    line: int
    name: str


def marks_of(folder: Path) -> list[Mark]:
    """Return every marked line of the negative programs. Raises ValueError for a bad one."""
    marks: list[Mark] = []
    for path in sorted(folder.glob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if "# E" in line:
                found = _MARK.search(line)
                if found is None or path.name.startswith("positive"):
                    raise ValueError(f"{path.name}:{number}: this is no mark: {line.strip()}")
                marks.append(Mark(path.name, number, found["name"]))
    names = [mark.name for mark in marks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two lines are marked {', '.join(twice)}")
    if unknown := sorted(KNOWN_MISSES.keys() - set(names)):
        raise ValueError(f"known_misses.py lists {', '.join(unknown)}, which no line is marked")
    return marks


def program_in(page: str) -> str:
    """Return the Python blocks of a page as a program with the page's line numbers.

    >>> program_in("Call\\n```python\\nrun()\\n```\\nand wait.")
    '\\n\\nrun()\\n\\n'
    """
    lines: list[str] = []
    inside = False
    for line in page.splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        if fence:
            inside = line == "```python"
    return "\n".join(lines)


def judged(checker: str, reports: Iterable[Report], marks: Iterable[Mark]) -> Iterator[str]:
    """Give one sentence for each difference between what is reported and what should be."""
    found: dict[tuple[str, int], list[str]] = {}
    for report in reports:
        found.setdefault((report.file, report.line), []).append(report.message.splitlines()[0])
    for mark in marks:
        place = f"{mark.file}:{mark.line}: {checker}"
        known = checker in KNOWN_MISSES.get(mark.name, ())
        caught = found.pop((mark.file, mark.line), None)
        if caught is None and not known:
            yield f"{place} sees no error: {mark.name}"
        elif caught is not None and known:
            yield f"{place} sees this error, so take it out of known_misses.py: {mark.name}"
    for (file, line), messages in sorted(found.items()):
        yield f"{file}:{line}: {checker} sees an error where there is none: {messages[0]}"


@contextmanager
def programs() -> Iterator[Path]:
    """Give a folder with all programs."""
    with tempfile.TemporaryDirectory(prefix="typing-") as name:
        folder = Path(name)
        for path in CASES.glob("*.py"):
            shutil.copy(path, folder)
        readme = ROOT.joinpath("README.md").read_text(encoding="utf-8")
        folder.joinpath("positive_readme.py").write_text(program_in(readme), encoding="utf-8")
        yield folder


def _ran() -> tuple[list[str], str]:
    """Run the positive programs: what a type checker is promised has to be there."""
    wrong: list[str] = []
    with programs() as folder:
        names = sorted(path.name for path in folder.glob("positive_*.py"))
        for name in names:
            command = [sys.executable, "-W", "error", name]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
            )
            if done.returncode != 0:
                wrong.append(f"{name}: it type-checks, but does not run\n{done.stderr.rstrip()}")
    return wrong, f"{'python':8} {len(names) - len(wrong)} of {len(names)} positive programs run"


def _verdict(checker: Checker, marks: list[Mark]) -> tuple[list[str], str]:
    """Return what is wrong, and a line for the summary."""
    begun = time.perf_counter()
    with programs() as folder:
        try:
            reports = checker.check(folder, ROOT)
        except CheckerFailed as failure:
            return [f"{checker.name} failed: {failure}"], f"{checker.name:8} failed"
    wrong = list(judged(checker.name, reports, marks))
    seen = {(report.file, report.line) for report in reports}
    caught = sum((mark.file, mark.line) in seen for mark in marks)
    seconds = time.perf_counter() - begun
    summary = f"{checker.name:8} {caught} of {len(marks)} errors caught"
    return wrong, f"{summary}, {len(wrong)} surprises, {seconds:.0f} s"


def main() -> int:
    """Run all checkers, print what differs from the marks, and return the exit code."""
    marks = marks_of(CASES)
    # Two at a time: more only compete for the processors of a small machine.
    with ThreadPoolExecutor(max_workers=2) as pool:
        verdicts = [pool.submit(_verdict, checker, marks) for checker in CHECKERS]
        verdicts.append(pool.submit(_ran))
    results = [verdict.result() for verdict in verdicts]
    wrong = [sentence for sentences, _ in results for sentence in sentences]
    print(*wrong, *(summary for _, summary in results), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
