"""The floor: the driver's own calls with pydantic for the result, as one would write them by hand.

`open_floor(url)` gives it for the driver of a URL. Only pydantic, the driver and the workload are
imported, so that another library's environment can measure it in its own process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.raw.base import Floor

__all__ = ["Floor", "open_floor"]


@asynccontextmanager
async def open_floor(url: str) -> AsyncIterator[Floor]:
    """Hold a connection of the driver itself until the block ends.

    The URL is `sqlite:///file`, `duckdb:///file`, `postgresql://...` or `mariadb://...`.
    """
    scheme = url.partition(":")[0]
    # Only the measured driver is loaded.
    if scheme == "sqlite":
        from benchmarks.raw import sqlite  # noqa: PLC0415 - the one in use

        opened: Floor = await sqlite.opened(url)
    elif scheme == "duckdb":
        from benchmarks.raw import duckdb  # noqa: PLC0415 - the one in use

        opened = await duckdb.opened(url)
    elif scheme == "postgresql":
        from benchmarks.raw import postgresql  # noqa: PLC0415 - the one in use

        opened = await postgresql.opened(url)
    elif scheme == "mariadb":
        from benchmarks.raw import mariadb  # noqa: PLC0415 - the one in use

        opened = await mariadb.opened(url)
    else:
        raise ValueError(f"there is no floor for {scheme}")
    try:
        yield opened
    finally:
        await opened.close()
