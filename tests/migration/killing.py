"""A program that migrates up and down, and is killed at each moment at which anything is stored.

`python -m tests.migration.killing URL FOLDER` ends with 0 if each time the migration could be
finished, with the tables, indexes and rows of one that nobody stopped; it prints how often it was
killed. Each migration is a process of its own, forked before anything was opened.
"""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from andamios_orm import Database
from andamios_orm.migration import Migrator
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.state import SchemaState

Direction = Literal["up", "down"]
Found = tuple[SchemaState, list[object]]

ALLOWED = ("hero", "team")


class Killer:
    """Kills this process before the statement that would store something for the n-th time."""

    def __init__(self, at: int) -> None:
        self._at, self._stored, self._inside = at, 0, False
        sa.event.listen(sa.Engine, "before_cursor_execute", self._before)

    def _before(self, connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        word = statement.split(maxsplit=1)[0].upper()
        if word == "BEGIN":
            self._inside = True
        elif word in ("COMMIT", "ROLLBACK"):
            self._inside = False
        if word == "COMMIT" or (word in STORING and not self._inside):
            self._stored += 1
            if self._stored == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


STORING = ("ALTER", "CREATE", "DELETE", "DROP", "INSERT", "RENAME", "UPDATE")


def in_a_process(work: Coroutine[Any, Any, None]) -> bool:
    """Run something in a process of its own; whether it was killed. Ends all if it failed."""
    process = os.fork()
    if process == 0:
        try:
            asyncio.run(work)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    work.close()
    status = os.waitpid(process, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if status:
        sys.exit(1)
    return False


async def finish(url: str, folder: str, direction: Direction, expected: Path) -> None:
    """Finish what was stopped, and compare all that is there with a file, made if it is missing."""
    async with Database(url, metadata=sa.MetaData()) as db:
        await finished(db, folder, direction, expected)


async def finish_and_go_on(
    url: str, folder: str, direction: Direction, expected: Path, kill_at: int
) -> None:
    """Finish one way, and be killed on the other."""
    async with Database(url, metadata=sa.MetaData()) as db:
        await finished(db, folder, direction, expected)
        Killer(kill_at)
        await moved(Migrator(db, folder), "down" if direction == "up" else "up")


async def finished(db: Database, folder: str, direction: Direction, expected: Path) -> None:
    migrator = Migrator(db, folder)
    await migrator.resume()
    await moved(migrator, direction)
    assert (await migrator.status()).half_done is None
    found = repr(await all_of(db))
    if not expected.exists():  # noqa: ASYNC240 - nobody else is in this loop
        expected.write_text(found, encoding="utf-8")  # noqa: ASYNC240 - as above
    assert found == expected.read_text(encoding="utf-8")  # noqa: ASYNC240 - as above


async def moved(migrator: Migrator, direction: Direction) -> None:
    if direction == "up":
        await migrator.up(allow=ALLOWED)
    else:
        await migrator.down("aaa1", allow=ALLOWED)


async def all_of(db: Database) -> Found:
    async with db.connect() as connection:
        state = await connection.run_sync(engine_named(db.engine_name).inspect, [None])
    rows: list[object] = []
    for table in sorted(state.tables):
        names = ", ".join(sorted(state.tables[table].column_names))
        found = await db.execute(sa.text(f"SELECT {names} FROM {table} ORDER BY id"))
        rows.append((str(table), *map(tuple, found)))
    return state, rows


def main(url: str, folder: str) -> None:
    # What each process would import again.
    engine_named(Database(url).engine_name)
    there, back = Path(folder, "there"), Path(folder, "back")
    in_a_process(finish(url, folder, "up", there))
    in_a_process(finish(url, folder, "down", back))
    kills, number, killed = 0, 0, True
    while killed:
        number += 1
        up = in_a_process(finish_and_go_on(url, folder, "down", back, number))
        down = in_a_process(finish_and_go_on(url, folder, "up", there, number))
        kills += up + down
        killed = up or down
    print(kills)


if __name__ == "__main__":
    main(*sys.argv[1:])
