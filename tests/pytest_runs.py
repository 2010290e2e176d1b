"""Run pytest on files as a user does, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

__all__ = ["Ran", "run_pytest"]

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ran:
    """What a run said."""

    code: int
    output: str

    def counts(self) -> dict[str, int]:
        """Return how many tests passed, failed, ..."""
        words = self.output.splitlines()[-1].strip("= ").split(" in ")[0]
        return {word: int(n) for n, word in (part.split() for part in words.split(", "))}


def run_pytest(
    folder: Path,
    *arguments: str,
    plugins: tuple[str, ...] = ("asyncio",),
    env: Mapping[str, str] | None = None,
    **files: str,
) -> Ran:
    """Write files into a folder, `test_it="..."`, and run pytest on them with our plugin.

    Besides it only those named are loaded: others cost time, and the run may be told apart.
    """
    for name, text in files.items():
        path = folder / (f"{name}.py" if name != "ini" else "pytest.ini")
        path.write_text(dedent(text), encoding="utf-8")
    if "ini" not in files:
        ini = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        (folder / "pytest.ini").write_text(ini if "asyncio" in plugins else "[pytest]\n")
    names = {"asyncio": "pytest_asyncio.plugin", "xdist": "xdist", "anyio": "anyio.pytest_plugin"}
    loaded = [part for name in plugins for part in ("-p", names.get(name, name))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "andamios_orm.testing.plugin", *loaded),
            *("-p", "no:cacheprovider", "--strict-markers", "-W", "error", *arguments),
        ],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not _is_of_outer_run(name)},
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **(env or {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr)


def _is_of_outer_run(name: str) -> bool:
    return name in ("CI", "PYTEST_ADDOPTS") or name.startswith(("PYTEST_XDIST", "PYTEST_CURRENT"))
