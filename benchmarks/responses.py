"""What FastAPI adds to 1,000 rows that were selected into the class that it answers with.

    python -m benchmarks.responses

One endpoint gives rows that are there already, one selects them as `Public[Hero]`, and one selects
whole models, which FastAPI then has to validate and filter once more. Printed is the client CPU
of a request, without that of the query, next to that of the rows that are there already.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
import sqlalchemy as sa
from fastapi import FastAPI

from andamios_orm import Col, Database, Model, Public, Repository, field, generated

ROWS = 1_000
ROUNDS = 15
CALLS = 8
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

        @app.get("/whole")
        async def select_whole() -> list[Public[Hero]]:
            return await heroes.all()

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            def request(path: str) -> Callable[[], Awaitable[object]]:
                return lambda: client.get(path)

            contenders: dict[str, Callable[[], Awaitable[object]]] = {
                "ready": request("/ready"),
                "public": request("/public"),
                "whole": request("/whole"),
                "query public": heroes.into(Public[Hero]).all,
                "query whole": heroes.all,
            }
            answers = {name: await client.get(f"/{name}") for name in ("ready", "public", "whole")}
            assert len({answer.content for answer in answers.values()}) == 1
            found: dict[str, list[float]] = {name: [] for name in contenders}
            for _ in range(ROUNDS):
                for name, call in contenders.items():
                    found[name].append(await cpu(call))
    median = {name: statistics.median(times) for name, times in found.items()}
    for name, title in (("public", "selected as Public[Hero]"), ("whole", "selected as Hero")):
        ratio = (median[name] - median[f"query {name}"]) / median["ready"]
        print(
            f"{title:26} {median[name]:6.2f} ms, {median[f'query {name}']:6.2f} of them the query:"
            f" {ratio:.2f} of rows that are there"
        )
    print(f"{'rows that are there':26} {median['ready']:6.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
