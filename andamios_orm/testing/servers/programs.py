"""Find the programs of a database server, and run them without the settings of the user."""

import re
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from andamios_orm.errors import AndamiosError

__all__ = [
    "ServerUnavailable",
    "environment",
    "first_complete",
    "folders_below",
    "free_port",
    "output_of",
]


class ServerUnavailable(AndamiosError, RuntimeError):
    """There is no server to test with. `tried` lists the places that were searched for one."""

    def __init__(self, problem: str, fix: str, *, tried: Sequence[str] = ()) -> None:
        super().__init__(problem, fix)
        self.tried = tuple(tried)

    def __str__(self) -> str:
        tried = "".join(f"\n  Tried: {place}" for place in self.tried)
        return f"{self.problem}{tried}\n  Fix: {self.fix}"


def first_complete(
    places: Iterable[tuple[str, Path | None]],
    missing_in: Callable[[Path], Sequence[str]],
    *,
    problem: str,
    fix: str,
) -> Path:
    """Return the first folder in which nothing is missing.

    Each place has a name, and None for a folder that is not there. Raises ServerUnavailable,
    listing all that was tried.
    """
    tried: list[str] = []
    for place, folder in places:
        if folder is None:
            tried.append(f"{place}: not there")
            continue
        missing = missing_in(folder)
        if not missing:
            return folder
        tried.append(f"{place}: {folder} has no {' and no '.join(missing)}")
    raise ServerUnavailable(problem, fix, tried=tried)


def folders_below(root: Path, patterns: Iterable[str]) -> list[Path]:
    """Return the folders that match, those with the newest version in their path first."""
    found = [folder for pattern in patterns for folder in root.glob(pattern)]
    return sorted(found, key=lambda folder: _version_in(folder.relative_to(root)), reverse=True)


def _version_in(path: Path) -> tuple[int, ...]:
    numbers = re.findall(r"\d+(?:\.\d+)*", path.as_posix())
    return tuple(int(part) for part in numbers[-1].split(".")) if numbers else ()


def output_of(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    uid: int | None = None,
    gid: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as another user if one is given, and return what it wrote."""
    return subprocess.run(  # noqa: S603 - the server's own programs; no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        cwd=folder,
        user=uid,
        group=gid,
        # Only root may drop groups, and only root changes its user.
        extra_groups=None if uid is None else [],
        check=False,
    )


def environment(ours: Mapping[str, str], foreign: tuple[str, ...]) -> dict[str, str]:
    """Return the variables for a server's programs: ours without those that begin like `foreign`.

    A LANG that the system does not have makes some of them fail.
    """
    kept = {n: ours[n] for n in ours if not n.startswith((*foreign, "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
