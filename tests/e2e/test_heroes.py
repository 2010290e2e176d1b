"""The service of heroes, as its clients use it, on every engine."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from andamios_orm import Database
from andamios_orm.integrations.fastapi import db_session
from examples.integration.heroes.app import Hero, app, db

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture
async def client(database_url: str) -> AsyncIterator[AsyncClient]:
    """A client of the service, whose rows are on the engine in turn."""
    async with Database(database_url, metadata=Hero.metadata) as own:
        await own.create_all()
        theirs: Any = db_session(db).dependency
        ours: Any = db_session(own).dependency
        app.dependency_overrides[theirs] = ours
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
            yield client
        app.dependency_overrides.clear()


async def test_a_team_and_its_heroes(client: AsyncClient) -> None:
    team = (await client.post("/teams", json={"name": "Preventers"})).json()
    for name, age in (("Bo", 20), ("Ada", 36)):
        body = {"name": name, "secret_name": "hush", "age": age, "team_id": team["id"]}
        assert (await client.post("/heroes", json=body)).status_code == 201

    card = (await client.get(f"/teams/{team['id']}")).json()
    page = (await client.get("/heroes?sort=-age&size=1")).json()
    rest = (await client.get(f"/heroes?sort=-age&size=1&after={page['next']}")).json()

    assert [hero["name"] for hero in card["heroes"]] == ["Ada", "Bo"]
    assert [(hero["name"], hero["team"]) for hero in page["items"]] == [("Ada", team)]
    assert [hero["name"] for hero in rest["items"]] == ["Bo"]
    assert "hush" not in json.dumps([card, page, rest])


async def test_a_hero_changes_and_goes(client: AsyncClient) -> None:
    ada = (await client.post("/heroes", json={"name": "Ada", "secret_name": "x"})).json()
    path = f"/heroes/{ada['id']}"

    assert (await client.get(path)).json() == ada | {"team": None}
    assert (await client.patch(path, json={"age": 37})).json() == ada | {"age": 37}
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_what_cannot_be_is_refused(client: AsyncClient) -> None:
    team = (await client.post("/teams", json={"name": "A"})).json()
    hero = {"name": "Ada", "secret_name": "x", "team_id": team["id"]}
    await client.post("/heroes", json=hero)

    answers = [
        await client.post("/heroes", json=hero),
        await client.delete(f"/teams/{team['id']}"),
        await client.post("/heroes", json=hero | {"name": "Bo", "team_id": 4711}),
        await client.post("/heroes", json=hero | {"id": 7}),
        await client.get("/heroes?sort=secret_name"),
        await client.get("/heroes?secret_name=x"),
        await client.get("/teams/4711"),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 422, 422, 422, 422, 404]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


def test_the_service_starts_on_a_database_of_its_own(tmp_path: Path) -> None:
    program = """if True:
        import asyncio
        from httpx import ASGITransport, AsyncClient
        from examples.integration.heroes.app import app

        async def main():
            client = AsyncClient(transport=ASGITransport(app), base_url="http://test")
            async with app.router.lifespan_context(app), client:
                print((await client.get("/health/ready")).text, (await client.get("/heroes")).text)

        asyncio.run(main())
    """
    environment = {**os.environ, "DATABASE_URL": f"duckdb:///{tmp_path / 'heroes.duckdb'}"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == '{"status":"ok"} {"items":[],"next":null,"previous":null}\n'
    assert (tmp_path / "heroes.duckdb").exists()
