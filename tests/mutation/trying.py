"""One mutant: a process that imports the package with a mistake in it and runs tests.

The process is forked from one that has the packages of others loaded, and nothing of ours:
declaring a model is much of what this package does, so it is imported anew with the mistake in it.
"""

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Literal, TypeAlias

import pytest

from tests.mutation.measuring import BUILD, ROOT, Measured, function_of
from tests.mutation.operators import Mutant, mutated

__all__ = [
    "Fate",
    "Tried",
    "fate_of",
    "modules_of",
    "of_few_files",
    "passes",
    "preload",
    "within",
]

FIRST_FILES = 3
FIRST_TESTS = 60
FIRST_SECONDS = 6.0
"""What a mutant meets first, in seconds that the tests took when they were measured."""
ALL_SECONDS = 40.0
"""What it meets in all; what is left out may make a survivor of it, and never a noticed one."""
IDLE_SECONDS = 30
"""Of processor time; a mutant that takes longer than this, and than its tests five times, hangs."""

OURS = ("andamios_orm", "tests")

_NOT_MUTATED = 99

Fate: TypeAlias = Literal["killed", "hangs", "survived", "not run"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a mutant."""

    fate: Fate
    by: str = ""
    """The test that failed."""
    tests: int = 0
    """How many were run, or would have been."""


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
    """Runs some tests, in their order, and says which of them failed."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._places = {test: place for place, test in enumerate(tests)}
        self.failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._places]
        items.sort(key=lambda item: self._places[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


# ---- loading the packages of others --------------------------------------------------------------


def modules_of(files: Sequence[str]) -> list[str]:
    """Return the modules of others that these files of tests load; asked of pytest once."""
    kept = BUILD / "modules.json"
    if not kept.exists():
        kept.write_text(json.dumps(_learned(files)))
    found: list[str] = json.loads(kept.read_text())
    return found


def _learned(files: Sequence[str]) -> list[str]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(None, ["--collect-only", *files], ())
        names = [name for name in sys.modules if name.partition(".")[0] not in OURS]
        with os.fdopen(writing, "w") as pipe:
            json.dump(names, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found: list[str] = json.load(pipe)
    os.waitpid(child, 0)
    return found


def preload(names: Sequence[str]) -> None:
    """Import them, so that each process has them already."""
    for name in names:
        with contextlib.suppress(Exception):  # some are made by others and are in no file
            importlib.import_module(name)
    if ours := [name for name in sys.modules if name.startswith("andamios_orm")]:
        raise RuntimeError(f"these have loaded the package: {ours}")
    gc.collect()
    gc.freeze()


# ---- one mutant ----------------------------------------------------------------------------------


def fate_of(mutant: Mutant, measured: Measured) -> Tried:
    """Return whether a test fails with the mistake in the code."""
    tests = measured.tests_of(mutant)
    if not tests:
        return Tried("not run")
    first = within(of_few_files(tests), FIRST_SECONDS, measured.seconds)
    done = set(first)
    most = within(tests, ALL_SECONDS, measured.seconds)
    rest = [test for test in most if test not in done]
    tried = passes(mutant, first, measured)
    if tried.fate == "survived" and rest:
        tried = passes(mutant, rest, measured)
    return Tried(tried.fate, tried.by, len(first) + len(rest))


def of_few_files(tests: Sequence[str]) -> list[str]:
    """Return those of a few files, for each takes a while to import; those of units first."""
    functions = dict.fromkeys(map(function_of, tests))
    counted = Counter(function.partition("::")[0] for function in functions)
    files = sorted(counted, key=lambda name: ("/integration/" in name, -counted[name], name))
    few = files[:FIRST_FILES]
    return [test for test in tests if test.partition("::")[0] in few][:FIRST_TESTS]


def within(tests: Iterable[str], seconds: float, of_test: Mapping[str, float]) -> list[str]:
    """Return the first tests, at least one, as far as the seconds go."""
    chosen: list[str] = []
    for test in tests:
        seconds -= of_test[test]
        if chosen and seconds < 0:
            break
        chosen.append(test)
    return chosen


def passes(mutant: Mutant | None, tests: Sequence[str], measured: Measured) -> Tried:
    """Run tests in a process of their own, with a mistake or without."""
    seconds = IDLE_SECONDS + 5 * round(sum(measured.seconds[test] for test in tests))
    folder = Path(tempfile.mkdtemp(prefix="andamios-mutant-", dir=_memory()))
    said = folder / "failed"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        signal.alarm(20 * seconds)
        functions = list(dict.fromkeys(map(function_of, tests)))
        choosing = Choosing(tests)
        code = _run(mutant, [f"--basetemp={folder / 'tests'}", *functions], (choosing,))
        said.write_text(choosing.failed)
        os._exit(code)
    _, status = os.waitpid(child, 0)
    failed = said.read_text() if said.exists() else ""
    shutil.rmtree(folder, ignore_errors=True)
    match os.waitstatus_to_exitcode(status):
        case 0:
            return Tried("survived")
        case 1 | 2 | 3 | 4:
            # 4: a module that is named cannot be imported, or makes no such test any more.
            return Tried("killed", failed or "while importing")
        case killed if killed < 0:
            return Tried("hangs")
        case code:
            raise RuntimeError(f"{mutant}: pytest ended with {code}")


def _memory() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return memory if memory.is_dir() else None


def _run(mutant: Mutant | None, arguments: Sequence[str], plugins: Sequence[object]) -> int:
    try:
        with (BUILD / f"log-{os.getppid()}").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.path.insert(0, str(ROOT))
        if mutant is not None:
            sys.meta_path.insert(0, Importing(mutant))
        options = ["-x", "-q", "--tb=short", "-p", "no:randomly", "-p", "no:cacheprovider"]
        # pytest would import a package that has a plugin, as this one has, in its own way.
        options += ["--assert=plain"]
        code = int(pytest.main([*options, *arguments], plugins=[*plugins]))
        return code if mutant is None or _was_used(mutant) else _NOT_MUTATED
    except BaseException:  # the process ends here, whatever a mistake makes of it
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _was_used(mutant: Mutant) -> bool:
    module = sys.modules.get(Importing(mutant).name)
    return module is None or isinstance(module.__loader__, Importing)
