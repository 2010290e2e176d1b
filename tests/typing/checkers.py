"""The four type checkers: how each is started with nothing but our own configuration.

Every run happens in a folder that holds the cases and the configuration, so that no setting of
this project, which each checker would find by itself, takes part.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHECKERS", "Checker", "CheckerFailed", "Report"]

PYTHON_VERSION = "3.11"
"""The oldest supported one: what it cannot express, the API may not need."""


class CheckerFailed(Exception):
    """A checker did not do its work, whatever it thinks of the cases."""


@dataclass(frozen=True, slots=True)
class Report:
    """One error that a checker sees."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Checker:
    """A type checker: its configuration, its command and how to read what it prints."""

    name: str
    config: str
    """The name of its configuration file."""
    settings: Callable[[Path], str]
    """The text of that file, for a library at a path."""
    command: Callable[[Path], Sequence[str]]
    """The arguments, for a library at a path; the folder with the cases is the current one."""
    read: Callable[[str], list[Report]]
    """What standard output says. Raises ValueError for anything but a complete report."""
    hint: str = "is it installed? `make setup` does it"
    """What to do if it does not start."""

    def check(self, folder: Path, library: Path) -> list[Report]:
        """Return the errors in the folder's cases. Raises CheckerFailed if it did not run."""
        folder.joinpath(self.config).write_text(self.settings(library), encoding="utf-8")
        # -P: a case must not stand in for a module that the checker imports.
        command = [sys.executable, "-P", "-m", *self.command(library)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=_environment(),
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=300,
            )
        except subprocess.TimeoutExpired:
            raise CheckerFailed("it did not finish within five minutes") from None
        if done.returncode not in (0, 1):
            raise CheckerFailed(self._said(f"exit code {done.returncode}", done))
        try:
            return self.read(done.stdout)
        except (ValueError, KeyError):
            raise CheckerFailed(self._said("its output is no report", done)) from None

    def _said(self, problem: str, done: subprocess.CompletedProcess[str]) -> str:
        return f"{problem}; {self.hint}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def _environment() -> dict[str, str]:
    """Return the environment without what would configure a checker, and with pyright pinned."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MYPY", "TY_", "PYREFLY"))}
    # pyright's wheel otherwise asks a registry for a newer version at every start.
    return {**kept, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}


# ---- mypy --------------------------------------------------------------------------------------


def _mypy_settings(library: Path) -> str:
    return f"""\
[mypy]
strict = True
python_version = {PYTHON_VERSION}
mypy_path = {library}
# An error inside the library is the business of the project's own run of mypy.
follow_imports = silent
explicit_package_bases = True
"""


def _mypy_command(library: Path) -> list[str]:
    command = ["mypy", "--config-file", "mypy.ini", "--output", "json", "--no-error-summary"]
    # The libraries stay in the cache from run to run: reading them is most of the work.
    command += ["--cache-dir", str(library / ".mypy_cache" / "typing")]
    return [*command, "--python-executable", sys.executable, "."]


def _read_mypy(output: str) -> list[Report]:
    found = [json.loads(line) for line in output.splitlines()]
    return [
        Report(error["file"], error["line"], error["message"])
        for error in found
        if error["severity"] == "error"
    ]


# ---- pyright -----------------------------------------------------------------------------------


def _pyright_settings(library: Path) -> str:
    settings = {
        "include": ["."],
        "extraPaths": [str(library)],
        "pythonVersion": PYTHON_VERSION,
        "typeCheckingMode": "strict",
        # What these report is no error of type, and would count as catching one.
        "reportUnusedClass": False,
        "reportUnusedCoroutine": False,
        "reportUnusedExpression": False,
        "reportUnusedFunction": False,
        "reportUnusedImport": False,
        "reportUnusedVariable": False,
    }
    return json.dumps(settings)


def _pyright_command(library: Path) -> list[str]:
    command = ["pyright", "--project", "pyrightconfig.json", "--outputjson"]
    return [*command, "--pythonpath", sys.executable]


def _read_pyright(output: str) -> list[Report]:
    return [
        Report(Path(error["file"]).name, error["range"]["start"]["line"] + 1, error["message"])
        for error in json.loads(output)["generalDiagnostics"]
        if error["severity"] == "error"
    ]


# ---- ty ----------------------------------------------------------------------------------------


def _ty_settings(library: Path) -> str:
    return f"""\
[environment]
python = {json.dumps(sys.prefix)}
python-version = "{PYTHON_VERSION}"
extra-paths = [{json.dumps(str(library))}]

[terminal]
output-format = "concise"
"""


def _ty_command(library: Path) -> list[str]:
    return ["ty", "check", "--config-file", "ty.toml", "--no-progress", "."]


_TY_LINE = re.compile(r"(?P<file>\S+):(?P<line>\d+):\d+: (?P<kind>\w+)(?P<message>\[.*)")


def _read_ty(output: str) -> list[Report]:
    lines = output.splitlines()
    if not lines or not re.match(r"Found \d+ diagnostic|All checks passed", lines[-1]):
        raise ValueError("no summary")
    found = [_TY_LINE.match(line) for line in lines[:-1]]
    return [
        Report(error["file"], int(error["line"]), error["message"])
        for error in found
        if error is not None and error["kind"] == "error"
    ]


# ---- pyrefly -----------------------------------------------------------------------------------


def _pyrefly_settings(library: Path) -> str:
    return f"""\
project-includes = ["*.py"]
search-path = [".", {json.dumps(str(library))}]
python-interpreter-path = {json.dumps(sys.executable)}
python-version = "{PYTHON_VERSION}"
"""


def _pyrefly_command(library: Path) -> list[str]:
    return ["pyrefly", "check", "--config", "pyrefly.toml", "--output-format", "json"]


def _read_pyrefly(output: str) -> list[Report]:
    return [
        Report(Path(error["path"]).name, error["line"], error["description"])
        for error in json.loads(output)["errors"]
        if error["severity"] == "error"
    ]


CHECKERS = (
    Checker(
        "pyright",
        "pyrightconfig.json",
        _pyright_settings,
        _pyright_command,
        _read_pyright,
        hint="it runs on Node.js, which it downloads where there is none: install Node.js, or let"
        " it reach the network once",
    ),
    Checker("mypy", "mypy.ini", _mypy_settings, _mypy_command, _read_mypy),
    Checker("ty", "ty.toml", _ty_settings, _ty_command, _read_ty),
    Checker("pyrefly", "pyrefly.toml", _pyrefly_settings, _pyrefly_command, _read_pyrefly),
)
"""The slow ones first, so that the quick ones run beside them."""
