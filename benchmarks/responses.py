"""What FastAPI adds to 1,000 rows that were selected into the class that it answers with.

    python -m benchmarks.responses

Each endpoint runs the query. One answers with the rows of `Public[Hero]` that it selects, one with
whole models, which FastAPI then has to validate and filter once more, and beside each of them is
one that selects the same and answers with rows of `Public[Hero]` that are there already. The
difference of the two is what the fresh rows cost more. It is printed next to the client CPU of an
endpoint that only gives the rows that are there.

The query is not measured alone: called again and again it finds its code in the processor's
caches, and takes a tenth of a millisecond less than between two requests.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from andamios_orm import Col, Database, Model, Public, Repository, field, generated

ROWS = 1_000
ROUNDS = 31
CALLS = 8
PATHS = ("ready", "public", "public-ready", "whole", "whole-ready")
METADATA = sa.MetaData()


class Hero(Model, table=True, metadata=METADATA):
    """A row with a secret, so that its public class is another one."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    email: Col[str] = field(max_length=50)
    age: Col[int | None] = field(default=None, ge=0)
    score: Col[float] = field(default=0.0)
    password: Col[str] = field(secret=True, default="x")


async def cpu(call: Callable[[], Awaitable[object]]) -> float:
    """Return the milliseconds of CPU that a call takes."""
    begin = time.process_time()
    for _ in range(CALLS):
        await call()
    return (time.process_time() - begin) / CALLS * 1e3


async def main() -> None:
    """Measure, and print the table."""
    app = FastAPI()
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        heroes = Repository(Hero, db)
        await heroes.add_all(
            [Hero(name=f"hero {n}", email=f"{n}@example.com", age=n % 80) for n in range(ROWS)]
        )
        ready = await heroes.into(Public[Hero]).all()

        @app.get("/ready")
        async def give_ready() -> list[Public[Hero]]:
            return ready

        @app.get("/public")
        async def select_public() -> list[Public[Hero]]:
            return await heroes.into(Public[Hero]).all()

        @app.get("/public-ready")
        async def select_public_give_ready() -> list[Public[Hero]]:
            await heroes.into(Public[Hero]).all()
            return ready

        @app.get("/whole")
        async def select_whole() -> list[Public[Hero]]:
            return await heroes.all()

        @app.get("/whole-ready")
        async def select_whole_give_ready() -> list[Public[Hero]]:
            await heroes.all()
            return ready

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            def request(path: str) -> Callable[[], Awaitable[httpx.Response]]:
                return lambda: client.get(path)

            contenders = {path: request(f"/{path}") for path in PATHS}
            answers = {(await call()).content for call in contenders.values()}
            assert len(answers) == 1
            found: dict[str, list[float]] = {path: [] for path in PATHS}
            for _ in range(ROUNDS):
                for path in random.sample(PATHS, len(PATHS)):
                    found[path].append(await cpu(contenders[path]))
    there = statistics.median(found["ready"])
    for path, title in (("public", "selected as Public[Hero]"), ("whole", "selected as Hero")):
        rounds = zip(found[path], found[f"{path}-ready"], found["ready"], strict=True)
        ratio = statistics.median(1 + (fresh - old) / ready for fresh, old, ready in rounds)
        print(f"{title:26} {statistics.median(found[path]):6.2f} ms with the query: {ratio:.2f}")
    print(f"{'rows that are there':26} {there:6.2f} ms without one:   1.00")


if __name__ == "__main__":
    asyncio.run(main())
