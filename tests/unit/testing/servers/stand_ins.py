"""Stand-ins for the programs of a server, and ways to see whether a real one runs."""

import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit


def make_programs(folder: Path, scripts: Mapping[str, str]) -> Path:
    """Make programs that tell a version, and else do as they are told; return their folder."""
    folder.mkdir(parents=True)
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
        program.chmod(0o755)
    return folder


def accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as client:
        return client.connect_ex((parts.hostname, parts.port)) == 0


def eventually(condition: Callable[[], bool], *, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not (reached := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return reached
