"""What other libraries' environments use needs nothing that may be missing there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def run(program: str, *options: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    command = [sys.executable, *options, "-c", start + program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_method_and_the_workload_need_only_the_standard_library() -> None:
    # -S leaves installed packages out.
    modules = ", ".join(f"benchmarks.{n}" for n in ("workload", "harness", "operations", "chart"))
    run(f"import {modules}", "-I", "-S")


def test_the_floor_knows_nothing_of_the_library() -> None:
    modules = ", ".join(
        f"benchmarks.raw.{name}" for name in ("sqlite", "duckdb", "postgresql", "mariadb")
    )
    found = run(f"import {modules}\nprint('andamios_orm' in sys.modules)")

    assert found.strip() == "False"
