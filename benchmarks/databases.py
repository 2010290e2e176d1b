"""The databases to measure on: files in a temporary folder, and private servers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from andamios_orm.testing.servers import MariaDBServer, PostgreSQLServer

__all__ = ["BACKENDS", "database"]

BACKENDS = ("sqlite", "duckdb", "postgresql", "mariadb")
_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one


@contextmanager
def database(backend: str) -> Iterator[str]:
    """Give the URL of an empty database until the block ends. Raises ServerUnavailable."""
    if backend in ("sqlite", "duckdb"):
        parent = _MEMORY if _MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="andamios-bench-", dir=parent) as folder:
            yield f"{backend}:///{Path(folder, 'bench.db')}"
        return
    with PostgreSQLServer() if backend == "postgresql" else MariaDBServer() as server:
        yield server.create_database("andamios_bench")
