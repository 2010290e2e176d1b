"""Which tests need no server, which of them run which line, and how long each takes.

`measure` runs them once, without a mistake. This module is also the plugin of pytest in that run.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import coverage
import pytest

from tests.mutation.operators import Mutant

__all__ = ["BUILD", "MUTATED", "ROOT", "Measured", "function_of", "measure"]

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "mutation"

MUTATED = ("andamios_orm/schema", "andamios_orm/queries", "andamios_orm/rows")
TESTS = (
    *(
        f"tests/unit/{name}"
        for name in (
            "backends",
            "database",
            "diagrams",
            "migration",
            "models",
            "queries",
            "rows",
            "schema",
            "seeding",
            "testing/laws",
        )
    ),
    *(
        f"tests/integration/test_{name}.py"
        for name in (
            "arrow",
            "bulk",
            "constraints",
            "fast_road",
            "kept_relations",
            "limits",
            "mixins",
            "nested_writing",
            "paging",
            "queries",
            "query_plans",
            "raw_sql",
            "relations",
            "repository",
            "rows",
            "shapes",
            "sqlalchemy_interop",
            "streaming",
            "tenants",
            "types",
            "upsert",
            "variants",
            "violations",
        )
    ),
)
SERVERS = ("postgresql", "mariadb", "mysql")

_LINES = BUILD / "lines"
_SECONDS = BUILD / "seconds.json"


def measure() -> None:
    """Run the tests that need no server, and keep what they run and how long they take."""
    BUILD.mkdir(parents=True, exist_ok=True)
    settings = BUILD / "settings.toml"
    sources = json.dumps(list(MUTATED))
    settings.write_text(
        f'[tool.coverage.run]\nsource = {sources}\nconcurrency = ["greenlet", "thread"]\n'
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", __name__]
    command += ["-n", "2", "--cov", f"--cov-config={settings}", "--cov-context=test"]
    command += ["--cov-report=", *TESTS]
    (BUILD / "modules.json").unlink(missing_ok=True)
    subprocess.run(command, cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(_LINES)}, check=True)


class Measured:
    """What is known of the tests. Those that failed without a mistake are left out."""

    def __init__(self) -> None:
        data = coverage.CoverageData(str(_LINES))
        data.read()
        # All of it at once: in a forked process, coverage would begin a file anew in its place.
        self._of_file = {name: data.contexts_by_lineno(name) for name in data.measured_files()}
        data.close()
        self.seconds: dict[str, float] = json.loads(_SECONDS.read_text())

    @staticmethod
    def is_there() -> bool:
        return _LINES.exists() and _SECONDS.exists()

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the ids of the tests that run the line, a short one of each function first.

        What runs while a module is imported, or a model declared, is seen by any test of the file.
        """
        lines = self._of_file.get(str(ROOT / mutant.path), {})
        contexts = {context for line in mutant.lines for context in lines.get(line, ())}
        found = self._ordered(contexts)
        if mutant.at_import or "" in contexts:
            others = {context for of_line in lines.values() for context in of_line}
            found += self._ordered(others - contexts)
        return found

    def _ordered(self, contexts: Iterable[str]) -> list[str]:
        tests = {context.rpartition("|")[0] for context in contexts if context}
        seen: set[str] = set()
        first: list[str] = []
        more: list[str] = []
        for test in sorted(tests & self.seconds.keys(), key=lambda t: (self.seconds[t], t)):
            function = function_of(test)
            (more if function in seen else first).append(test)
            seen.add(function)
        return first + more


def function_of(test: str) -> str:
    """Return the id of a test without the values that it is run with."""
    return test.partition("[")[0]


# ---- the plugin of the run that is measured ------------------------------------------------------

_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # It stops coverage in between, which cannot go on to the next test then.
    vars(sys.modules["tests.ordinary"]).update(MEASURED_ONCE=(), UNMEASURED=())
    items[:] = [item for item in items if not _needs_server(item)]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0) + report.duration
    if not report.passed:
        _failed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # one of xdist, that sees its own tests only
        passed = {test: _seconds[test] for test in sorted(_seconds.keys() - _failed)}
        _SECONDS.write_text(json.dumps(passed, indent=1))


def _needs_server(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    if callspec is not None and callspec.params.get("database_url") in SERVERS:
        return True
    names: list[str] = getattr(item, "fixturenames", [])
    return any(name.removeprefix("empty_").startswith(SERVERS) for name in names)
