"""`test`, `test-parallel` and `benchmark`: the project's own, with what is passed on to them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from andamios_orm.cli.config import load_config
from andamios_orm.errors import ConfigurationProblem

__all__ = ["COMMANDS"]

Arguments = Annotated[
    list[str] | None, typer.Argument(help="What is passed on.", show_default=False)
]
_PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True}

_test = typer.Typer(rich_markup_mode=None, add_completion=False)
_parallel = typer.Typer(rich_markup_mode=None, add_completion=False)
_benchmark = typer.Typer(rich_markup_mode=None, add_completion=False)


@_test.command(context_settings=_PASSED_ON)
def run_tests(arguments: Arguments = None) -> None:
    """Run the project's tests with pytest, which gets all arguments.

    Example: andamios-orm test tests/unit -k hero
    """
    _run("pytest", "pytest", arguments or [])


@_parallel.command(context_settings=_PASSED_ON)
def run_on_all_cores(arguments: Arguments = None) -> None:
    """Run the project's tests with pytest on all cores.

    Example: andamios-orm test-parallel -x
    """
    if find_spec("xdist") is None:
        raise ConfigurationProblem("pytest-xdist is not installed", "pip install pytest-xdist")
    _run("pytest", "pytest", ["-n", "auto", *(arguments or [])])


@_benchmark.command(context_settings=_PASSED_ON)
def benchmark(arguments: Arguments = None) -> None:
    """Run the project's benchmarks: `python -m benchmarks`, which gets all arguments.

    Example: andamios-orm benchmark
    """
    root = load_config().root
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise ConfigurationProblem(
            f"there are no benchmarks in {root}",
            "write benchmarks/__main__.py, which this command runs as `python -m benchmarks`",
        )
    _run("benchmarks", None, arguments or [])


def _run(module: str, package: str | None, arguments: list[str]) -> None:
    """Run a module in the project's folder, and end as it ends."""
    if package is not None and find_spec(package) is None:
        raise ConfigurationProblem(f"{package} is not installed", f"pip install {package}")
    done = subprocess.run(  # noqa: S603 - this interpreter, with the user's own arguments
        [sys.executable, "-m", module, *arguments], cwd=load_config().root, check=False
    )
    raise SystemExit(done.returncode)


COMMANDS = {"test": _test, "test-parallel": _parallel, "benchmark": _benchmark}
