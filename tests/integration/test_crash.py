"""What was acknowledged is stored, whatever happens to the program afterwards."""

import os
import subprocess
import sys
from pathlib import Path

from andamios_orm import Col, Database, Model, Repository, field, generated
from tests.engines import only_on

WRITER = """
import sys
from andamios_orm import Database, Repository, run
from tests.integration.test_crash import Entry

async def main():
    async with Database(sys.argv[1]) as db:
        entries = Repository(Entry, db)
        number = await entries.count()
        while True:
            async with db.session() as session:  # two rows that belong together
                inside = Repository(Entry, session)
                await inside.add(Entry(number=number, half=1))
                await inside.add(Entry(number=number, half=2))
            print(number, flush=True)
            number += 2

run(main())
"""

KILLS = 12 if os.environ.get("ANDAMIOS_TEST_DEEP") else 5
ACKNOWLEDGED = 20  # before each kill


class Entry(Model, table="crash_entry"):
    id: Col[int] = generated()
    number: Col[int] = field(index=True)
    half: Col[int]


@only_on("duckdb", "sqlite")
async def test_a_program_that_is_killed_loses_nothing_that_was_acknowledged(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=Entry.metadata) as db, db.session() as session:
        await session.run_sync(Entry.__table__.create)

    told: set[int] = set()
    for _ in range(KILLS):
        told |= killed_while_writing(database_url)
        async with Database(database_url) as db:
            stored = await Repository(Entry, db).all()
        halves = {(entry.number, entry.half) for entry in stored}
        assert told <= {number for number, _ in halves}
        assert {number for number, half in halves if half == 1} == {
            number for number, half in halves if half == 2
        }
    assert len(told) >= KILLS * ACKNOWLEDGED


def killed_while_writing(database_url: str) -> set[int]:
    """Return the numbers that the program had acknowledged when it was killed."""
    told: set[int] = set()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, database_url],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            told.add(int(line))
            if len(told) == ACKNOWLEDGED:
                program.kill()
    return told
