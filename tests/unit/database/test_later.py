"""What nobody can wait for is done by the loop, if there is one."""

import asyncio

from andamios_orm import Database
from andamios_orm.database.pool import Pool


def pool_of(db: Database) -> Pool:
    return db._pool


def test_what_comes_after_the_end_of_the_loop_is_left() -> None:
    db = Database("sqlite://")
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    async def main() -> None:
        pool_of(db).bind_loop()
        pool_of(db).later(work())
        await asyncio.to_thread(pool_of(db).later, work())
        await db.dispose()

    asyncio.run(main())
    assert done == [1, 1]
    db._pool._loop = asyncio.new_event_loop()
    db._pool._loop.close()
    pool_of(db).later(work())
    assert done == [1, 1]
