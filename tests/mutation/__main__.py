"""Put small mistakes into the package, one at a time, and see whether a fast test notices.

`python -m tests.mutation [--sample N] [--seed S] [--only TEXT ...] [--list]`. What is mutated is
`MUTATED`, and the tests are `FAST`: those that need no server. They are first run once, unmeasured
by mistakes, to learn which of them runs which line; `--measure` does that again. Then each mutant
is met by the tests that run its line, a few first and all of them if it survives.

A mutant's process is forked from one that has the packages of others loaded, and nothing of ours:
declaring a model is much of what this package does, so it is imported anew with the mistake in it.
"""

import argparse
import importlib
import importlib.machinery
import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Collection, Iterator, Sequence
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Literal, TypeAlias

import coverage
import pytest

from tests.mutation.operators import Mutant, count_in, mutant_of, mutated

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutation"
MEASURED = BUILD / "coverage"

MUTATED = ("andamios_orm/schema", "andamios_orm/queries", "andamios_orm/rows")
FAST = (
    "tests/unit/schema",
    "tests/unit/queries",
    "tests/unit/rows",
    "tests/unit/models",
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            "constraints",
            "mixins",
            "paging",
            "queries",
            "raw_sql",
            "relations",
            "rows",
            "shapes",
            "types",
            "upsert",
            "variants",
        )
    ),
)
ENGINES = "not postgresql and not mariadb and not mysql and not duckdb"
FIRST = 40
"""How many tests a mutant meets first."""
SECONDS = 25
"""Of processor time, after which a mutant counts as one that never ends."""

# Loaded before anything is forked. Nothing of the package, and nothing that imports it.
PRELOADED = ("aiosqlite", "hypothesis", "pydantic", "sqlalchemy.ext.asyncio", "uvloop", "xdist")

_UNUSED = 99

Fate: TypeAlias = Literal["killed", "survived", "not run"]


# ---- which tests run which line ------------------------------------------------------------------


def measure() -> None:
    """Run the fast tests and keep which of them ran which line."""
    BUILD.mkdir(parents=True, exist_ok=True)
    settings = BUILD / "coverage.toml"
    sources = json.dumps(list(MUTATED))
    settings.write_text(
        f'[tool.coverage.run]\nsource = {sources}\nconcurrency = ["greenlet", "thread"]\n'
    )
    command = [sys.executable, "-m", "pytest", "-q", "-k", ENGINES, "-p", "no:randomly"]
    command += ["--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report=", *FAST]
    environment = {**os.environ, "COVERAGE_FILE": str(MEASURED)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


class Lines:
    """The tests that run each line."""

    def __init__(self, data: coverage.CoverageData) -> None:
        self._data = data
        self._of_file: dict[str, dict[int, list[str]]] = {}

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the ids of the tests, those of units first; for an import, all of the file's."""
        name = str(ROOT / mutant.path)
        if name not in self._of_file:
            self._of_file[name] = self._data.contexts_by_lineno(name)
        lines = self._of_file[name]
        contexts = set(lines.get(mutant.line, ()))
        if contexts == {""}:  # it runs while the module is imported, and for no test
            contexts = {context for of_line in lines.values() for context in of_line}
        found = {context.rpartition("|")[0] for context in contexts if context}
        return sorted(found, key=lambda test: ("/integration/" in test, test))


# ---- one mutant ----------------------------------------------------------------------------------


class Importing(importlib.machinery.SourceFileLoader):
    """Imports one module with a mistake in it."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        name = ".".join(mutant.path.with_suffix("").parts).removesuffix(".__init__")
        super().__init__(name, str(ROOT / mutant.path))

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        return (
            spec_from_file_location(fullname, self.path, loader=self)
            if (fullname == self.name)
            else None
        )

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text(encoding="utf-8")
        return compile(mutated(source, self._mutant.number), self.path, "exec")


class Choosing:
    """Leaves out all tests but some."""

    def __init__(self, tests: Collection[str]) -> None:
        self._tests = frozenset(tests)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._tests]


def fate_of(mutant: Mutant, tests: Sequence[str]) -> Fate:
    """Return whether one of the tests fails with the mistake in the code."""
    if not tests:
        return "not run"
    # Evenly from all that there are: neighbours are often examples of one test.
    first = tests[:: max(1, len(tests) // FIRST)]
    rounds = [first] if len(first) == len(tests) else [first, tests]
    return "survived" if all(passes(mutant, some) for some in rounds) else "killed"


def passes(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    """Run tests in a process of their own, with a mistake or without."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(_run(mutant, tests))
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) == _UNUSED:
        raise RuntimeError(f"the module was imported without the mistake: {mutant}")
    return status == 0


def _was_used(mutant: Mutant) -> bool:
    module = sys.modules.get(Importing(mutant).name)
    return module is None or isinstance(module.__loader__, Importing)


def _run(mutant: Mutant | None, tests: Sequence[str]) -> int:
    try:
        with (BUILD / "log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(10 * SECONDS)
        sys.path.insert(0, str(ROOT))
        if mutant is not None:
            sys.meta_path.insert(0, Importing(mutant))
        files = sorted({test.partition("::")[0] for test in tests})
        options = ["-x", "-q", "--tb=line", "-p", "no:randomly", "-p", "no:cacheprovider"]
        # pytest would import a package that has a plugin, as this one has, in its own way.
        options += ["--assert=plain"]
        code = int(pytest.main([*options, *files], plugins=[Choosing(tests)]))
        return code if mutant is None or _was_used(mutant) else _UNUSED
    except BaseException:  # the process ends here, whatever a mistake makes of it
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


# ---- all of them ---------------------------------------------------------------------------------


def places() -> list[tuple[Path, int]]:
    """Return the file and the number of every mutant of the package."""
    paths = [path for folder in MUTATED for path in sorted((ROOT / folder).rglob("*.py"))]
    return [
        (path, number)
        for path in paths
        for number in range(count_in(path.read_text(encoding="utf-8")))
    ]


def described(path: Path, number: int) -> Mutant:
    return mutant_of(path.relative_to(ROOT), path.read_text(encoding="utf-8"), number)


def interval(part: int, whole: int) -> tuple[float, float]:
    """Return between which shares the true one lies, in 95 of 100 samples (Wilson).

    >>> [round(share, 3) for share in interval(90, 100)]
    [0.826, 0.945]
    """
    z = 1.96
    share = part / whole
    middle = share + z * z / (2 * whole)
    margin = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    width = 1 + z * z / whole
    return (middle - margin) / width, (middle + margin) / width


def report(fates: dict[str, Fate], whole: int) -> Iterator[str]:
    """Give the lines of the summary."""
    for name, fate in fates.items():
        if fate != "killed":
            yield f"{fate}: {name}"
    killed = sum(fate == "killed" for fate in fates.values())
    low, high = interval(killed, len(fates))
    yield (
        f"{killed} of {len(fates)} mutants were noticed ({killed / len(fates):.1%}; of all {whole}"
        f" between {low:.1%} and {high:.1%})"
    )


def main() -> int:
    """Try the mutants and print those that nobody noticed; the exit code says nothing of them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, by chance")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of that chance")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="files with it in their path")
    parser.add_argument("--measure", action="store_true", help="learn anew which test runs what")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    options = parser.parse_args()
    everything = chosen = places()
    if options.only:
        chosen = [place for place in chosen if any(t in str(place[0]) for t in options.only)]
    if options.sample is not None and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)  # noqa: S311 - no secret
    mutants = [described(*place) for place in chosen]
    if options.list:
        print(*mutants, f"{len(mutants)} of {len(everything)}", sep="\n")
        return 0
    if options.measure or not MEASURED.exists():
        measure()
    return tried(mutants, len(everything))


def tried(mutants: Sequence[Mutant], whole: int) -> int:
    data = coverage.CoverageData(str(MEASURED))
    data.read()
    lines = Lines(data)
    for name in PRELOADED:
        importlib.import_module(name)
    if mutants and not passes(None, lines.tests_of(mutants[0])):
        print(f"without a mistake a test fails, see {BUILD / 'log'}")
        return 1
    fates: dict[str, Fate] = {}
    for number, mutant in enumerate(mutants, start=1):
        begun = time.perf_counter()
        fates[str(mutant)] = fate_of(mutant, lines.tests_of(mutant))
        seconds = time.perf_counter() - begun
        print(f"{number}/{len(mutants)} {fates[str(mutant)]} {seconds:.0f} s {mutant}", flush=True)
        (BUILD / "results.json").write_text(json.dumps(fates, indent=1))
    print("", *report(fates, whole), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
