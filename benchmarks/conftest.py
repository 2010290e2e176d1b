"""The databases to measure on, and the table of ratios at the end of a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from andamios_orm.testing.servers import MariaDBServer, PostgreSQLServer, ServerUnavailable

RATIOS = pytest.StashKey[list[tuple[str, str, float, float, float, float]]]()
"""(operation, backend, our wall, our CPU, raw wall, raw CPU), microseconds for one call."""


BULK = pytest.StashKey[list[tuple[str, float]]]()
"""(backend, milliseconds for add_all of 1,000 rows)."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run without measurements."""
    config.stash[RATIOS] = []
    config.stash[BULK] = []


@pytest.fixture(scope="session", params=["duckdb", "sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give an empty database: a file, or one on a private server."""
    if request.param in ("duckdb", "sqlite"):
        with tempfile.TemporaryDirectory() as folder:
            yield f"{request.param}:///{Path(folder, 'bench.db')}"
        return
    try:
        server = PostgreSQLServer() if request.param == "postgresql" else MariaDBServer()
        server.start()
    except ServerUnavailable as error:
        # A machine without the server still measures the others; the text says what is missing.
        pytest.skip(str(error))
    try:
        yield server.create_database("andamios_bench")
    finally:
        server.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each operation costs next to the raw driver with pydantic."""
    rows = terminalreporter.config.stash[RATIOS]
    if not rows:
        return
    write = terminalreporter.write_line
    terminalreporter.section("cost of one call next to raw driver + pydantic")
    write(f"{'operation':<22}{'backend':<12}{'wall us':>18}{'CPU us':>18}{'CPU ratio':>12}")
    for operation, backend, wall, cpu, raw_wall, raw_cpu in rows:
        walls, cpus = f"{wall:.0f} / {raw_wall:.0f}", f"{cpu:.0f} / {raw_cpu:.0f}"
        write(f"{operation:<22}{backend:<12}{walls:>18}{cpus:>18}{cpu / raw_cpu:>11.2f}x")
    for backend, milliseconds in terminalreporter.config.stash[BULK]:
        write(f"{'add_all, 1,000 rows':<22}{backend:<12}{milliseconds:>15.1f} ms")
    write("median of 7 interleaved rounds in one process; ours / raw")
