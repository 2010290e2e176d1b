"""A program that ends without closing its DuckDB connections ends well."""

import subprocess
import sys
from pathlib import Path

import pytest

ABANDONED = """
import sys
from andamios_orm import Col, Database, Model, Repository, generated, run

class Entry(Model, table=True):
    id: Col[int] = generated()

db = Database(sys.argv[1])

async def entries():
    async with db.session() as session:
        yield await Repository(Entry, session).add(Entry())

async def main():
    await db.create_all()
    async for _ in entries():
        break

run(main())
"""

IN_A_LONG_QUERY = """
import asyncio, sys
import sqlalchemy as sa
from andamios_orm import Database

db = Database(sys.argv[1])

async def main():
    await db.execute(sa.text("SELECT 1"))
    endless = "SELECT count(*) FROM range(1000000000) AS a, range(1000000000) AS b"
    connection = await db._pool._engine.raw_connection()
    connection.driver_connection._worker.do(
        connection.driver_connection._connection.fetch, endless,
        interrupt=connection.driver_connection._interrupt,
    ).send(None)

loop = asyncio.new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("program", [ABANDONED, IN_A_LONG_QUERY])
def test_a_program_that_leaves_a_connection_open_is_not_aborted(
    program: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, f"duckdb:///{tmp_path / 'x.duckdb'}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "leaked" not in done.stderr
