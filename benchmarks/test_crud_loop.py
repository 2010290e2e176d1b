"""The 1,000-row loop: add, get, change and delete each row, one call after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa
from pytest_benchmark.fixture import BenchmarkFixture

from andamios_orm import Database, Repository, run
from benchmarks.conftest import BULK, RATIOS
from benchmarks.harness import interleaved
from benchmarks.models import METADATA, ROWS, Account, account
from benchmarks.raw import Raw, RawDuckDB, RawMariaDB, RawPostgreSQL, RawSQLite


@asynccontextmanager
async def raw_connection(url: str) -> AsyncIterator[Raw]:
    """Hold one connection of the driver itself, set up as the library sets up its own."""
    if url.startswith("sqlite"):
        import aiosqlite  # noqa: PLC0415 - only the measured driver is loaded

        async with aiosqlite.connect(url.removeprefix("sqlite:///"), isolation_level=None) as held:
            for pragma in ("foreign_keys = ON", "busy_timeout = 30000", "synchronous = NORMAL"):
                await held.execute_fetchall(f"PRAGMA {pragma}")
            yield RawSQLite(held)
        return
    if url.startswith("duckdb"):
        import duckdb  # noqa: PLC0415 - only the measured driver is loaded

        embedded = RawDuckDB(duckdb.connect(url.removeprefix("duckdb:///")))
        try:
            yield embedded
        finally:
            embedded.close()
        return
    if url.startswith("mariadb"):
        import asyncmy  # noqa: PLC0415 - only the measured driver is loaded

        parts = sa.make_url(url)
        async with asyncmy.connect(
            host=parts.host,
            port=parts.port,
            user=parts.username,
            password=parts.password or "",
            database=parts.database,
            charset="utf8mb4",
            autocommit=True,
        ) as opened:
            yield RawMariaDB(opened)
        return
    import asyncpg  # noqa: PLC0415 - only the measured driver is loaded

    connection = await asyncpg.connect(url)
    try:
        yield RawPostgreSQL(connection)
    finally:
        await connection.close()


async def by_library(url: str) -> None:
    """Run the loop through a Repository."""
    async with Database(url, metadata=METADATA) as db:
        accounts = Repository(Account, db)
        keys = [(await accounts.add(account(number))).id for number in range(ROWS)]
        for key in keys:
            await accounts.get(key)
            await accounts.patch(key, Account.name.set("Renamed"))
            await accounts.delete(key)


async def by_hand(url: str) -> None:
    """Run the loop on the driver."""
    async with raw_connection(url) as raw:
        keys = [(await raw.add(number)).id for number in range(ROWS)]
        for key in keys:
            await raw.get(key)
            await raw.rename(key)
            await raw.delete(key)


async def create(url: str) -> None:
    """Make the table, empty."""
    async with Database(url, metadata=METADATA) as db:
        await db.drop_all()
        await db.create_all()


@pytest.mark.parametrize("loop", [by_library, by_hand], ids=["andamios", "raw"])
def test_crud_loop(
    benchmark: BenchmarkFixture, url: str, loop: Callable[[str], Awaitable[None]]
) -> None:
    """Time the whole loop: 4,000 statements."""
    run(create(url))
    benchmark.group = f"{ROWS} rows: add, get, patch, delete on {url.partition(':')[0]}"

    async def once() -> None:
        await loop(url)

    benchmark.pedantic(lambda: run(once()), rounds=3)


async def add_1000(db: Database) -> None:
    """Store 1,000 rows at once and take them away again, as part of the time."""
    async with db.session() as session:
        await Repository(Account, session).add_all(account(n) for n in range(10_000, 11_000))
        await session.rollback()


def test_one_call_next_to_the_raw_driver(
    benchmark: BenchmarkFixture, request: pytest.FixtureRequest, url: str
) -> None:
    """Time single calls against the driver with pydantic, in turn; printed at the end."""

    async def measure() -> None:
        await create(url)
        async with Database(url, metadata=METADATA) as db, raw_connection(url) as raw:
            await Repository(Account, db).add_all([account(number) for number in range(ROWS)])
            key = (await Repository(Account, db).order_by(Account.id).limit(1).one()).id
            pooled = Repository(Account, db)
            get = await interleaved(
                {"ours": lambda: pooled.get(key + 500), "raw": lambda: raw.get(key + 500)},
                calls=500,
            )
            async with db.session(read_only=True) as session:
                held = Repository(Account, session)
                get_held = await interleaved(
                    {"ours": lambda: held.get(key + 500), "raw": lambda: raw.get(key + 500)},
                    calls=500,
                )
            bulk = await interleaved({"ours": lambda: add_1000(db)}, calls=1)
            patch = await interleaved(
                {
                    "ours": lambda: pooled.patch(key, Account.name.set("Renamed")),
                    "raw": lambda: raw.rename(key),
                },
                calls=200,
            )
        backend = url.partition(":")[0]
        for operation, timing in (
            ("get, held session", get_held),
            ("get, from the pool", get),
            ("patch, from the pool", patch),
        ):
            ours, floor = timing["ours"], timing["raw"]
            request.config.stash[RATIOS].append(
                (operation, backend, ours.wall, ours.cpu, floor.wall, floor.cpu)
            )
        request.config.stash[BULK].append((backend, bulk["ours"].wall / 1000))

    benchmark.pedantic(lambda: run(measure()), rounds=1)
