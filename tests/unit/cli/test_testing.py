"""`test`, `test-parallel` and `benchmark`: what is run, and how it ends."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from andamios_orm.cli.exit_codes import ExitCode
from tests.command_line import CommandLine


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that would be run; each ends with 5."""
    calls: list[list[str]] = []

    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.mark.parametrize(
    ("command", "passed_on"), [("test", []), ("test-parallel", ["-n", "auto"])]
)
def test_tests_get_all_arguments_and_their_exit_code_is_kept(
    project: CommandLine, called: list[list[str]], command: str, passed_on: list[str]
) -> None:
    result = project.run(command, "tests/unit", "-k", "hero")

    assert result.code == 5
    assert called == [[sys.executable, "-m", "pytest", *passed_on, "tests/unit", "-k", "hero"]]
    project.run(command)
    assert called[1] == [sys.executable, "-m", "pytest", *passed_on]


def test_benchmarks_are_the_projects_own(project: CommandLine, called: list[list[str]]) -> None:
    missing = project.run("benchmark")
    (project.folder / "benchmarks").mkdir()
    (project.folder / "benchmarks" / "__main__.py").touch()

    assert missing.code == ExitCode.USAGE
    assert "write benchmarks/__main__.py" in missing.err
    assert project.run("benchmark", "--quick").code == 5
    assert called == [[sys.executable, "-m", "benchmarks", "--quick"]]


@pytest.mark.parametrize(
    ("command", "package"), [("test", "pytest"), ("test-parallel", "pytest-xdist")]
)
def test_a_package_that_is_missing_is_named(
    project: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    package: str,
) -> None:
    nothing: Callable[[str], None] = lambda name: None  # noqa: E731 - it is one expression
    monkeypatch.setattr("andamios_orm.cli.testing.find_spec", nothing)

    result = project.run(command)

    assert result.code == ExitCode.USAGE
    assert f"pip install {package}\n" in result.err
