"""Ask a database past the library that has it open."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

__all__ = ["asked"]

_CODE = """
import json, sqlite3, sys
path, statement = sys.argv[1:]
file = sqlite3.connect(path, isolation_level=None)
print(json.dumps(file.execute(statement).fetchall()))
file.close()
"""


async def asked(url: str, statement: str) -> list[Any]:
    """Run a statement on the database of a URL and return its rows."""
    if url.startswith("sqlite"):
        return await _in_file(url.removeprefix("sqlite:///"), statement)
    if url.startswith("duckdb"):
        return _in_this_process(url.removeprefix("duckdb:///"), statement)
    return await _on_server(url, statement)


async def _in_file(path: str, statement: str) -> list[Any]:
    # Another process does it: two copies of SQLite in one, Python's and a library's own, would
    # drop each other's locks on the file.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CODE, path, statement, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{statement!r} failed")
    rows: list[Any] = json.loads(output)
    return rows


def _in_this_process(path: str, statement: str) -> list[Any]:
    import duckdb  # noqa: PLC0415 - only the measured driver is loaded

    # No other process can open a file of DuckDB while this one has it.
    with duckdb.connect(path) as connection:
        return connection.execute(statement).fetchall()


async def _on_server(url: str, statement: str) -> list[Any]:
    import asyncpg  # noqa: PLC0415 - only the measured driver is loaded

    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
