"""One virtual environment per library, made once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CACHE", "Environment", "LeftOut", "environment", "interpreter"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "peers"

# All libraries on the same Python where it can be: 3.13 is the first that every one of them takes.
PREFERRED = ("python3.13", "python3.14", "python3.12", "python3.11")

Version = tuple[int, int]


class LeftOut(Exception):
    """A library that cannot be asked on this machine; the text says why."""


@dataclass(frozen=True)
class Environment:
    """An environment that holds exactly what a requirements file pins."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        windows = self.folder / "Scripts" / "python.exe"
        return windows if windows.exists() else self.folder / "bin" / "python"

    def packages(self) -> dict[str, str]:
        """Return what is installed: version by name."""
        listed = _run([self.python, "-m", "pip", "list", "--format=json"])
        return {package["name"]: package["version"] for package in json.loads(listed)}

    def versions(self) -> dict[str, str]:
        """Return the version of its Python and of the SQLite in it."""
        code = (
            "import json, platform, sqlite3;"
            "print(json.dumps({'python': platform.python_version(),"
            " 'sqlite': sqlite3.sqlite_version}))"
        )
        found: dict[str, str] = json.loads(_run([self.python, "-c", code]))
        return found


def interpreter(minimum: Version) -> Path:
    """Return the path of a Python that is new enough. Raises LeftOut."""
    for python, version in _interpreters():
        if version >= minimum:
            return python
    wanted = ".".join(map(str, minimum))
    raise LeftOut(f"it needs Python {wanted} or newer, and none was found on the PATH or in pyenv")


def environment(name: str, minimum: Version, folder: Path) -> Environment:
    """Return the environment of a library, made in the folder if not there. Raises LeftOut."""
    requirements = HERE / "requirements" / f"{name}.txt"
    python = interpreter(minimum)
    state = hashlib.sha256(requirements.read_bytes() + str(python).encode()).hexdigest()
    made = Environment(folder / f"{name}-{state[:12]}")
    complete = made.folder / "complete"
    if not complete.exists():
        shutil.rmtree(made.folder, ignore_errors=True)
        try:
            _run([python, "-m", "venv", made.folder])
            _run([made.python, "-m", "pip", "install", "--quiet", "-r", requirements])
        except subprocess.CalledProcessError as error:
            print(error.stderr, file=sys.stderr)
            raise LeftOut("its packages could not be installed") from None
        complete.touch()
    return made


def _interpreters() -> Iterator[tuple[Path, Version]]:
    for path in [*_candidates(), sys.executable]:
        try:
            # The real path: a version manager's shim chooses by the folder it is called in.
            code = "import sys; print(*sys.version_info[:2], sys.executable)"
            major, minor, real = _run([path, "-c", code]).split(maxsplit=2)
        except (OSError, subprocess.CalledProcessError):
            continue
        yield Path(real.strip()), (int(major), int(minor))


def _candidates() -> Iterator[str | Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for name in PREFERRED:
        on_path = shutil.which(name)
        if on_path:
            yield on_path
        # pyenv puts a name on the PATH that runs only where its version is chosen.
        yield from sorted(pyenv.glob(f"*/bin/{name}"))


def _run(command: Sequence[str | Path]) -> str:
    return subprocess.run(  # noqa: S603 - our own arguments
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
