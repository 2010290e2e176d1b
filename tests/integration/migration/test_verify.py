"""A history is tried on a database of its own, which is gone afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Repository, field, generated
from andamios_orm.migration import Answers, Migrator, Rename
from tests.engines import not_on

ROOT = Path(__file__).parents[3]


def run(folder: Path, url: str, *arguments: str) -> str:
    """What a command of the program prints, run in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "andamios_orm", *arguments],
        cwd=folder,
        env={**os.environ, "ANDAMIOS_URL": url, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("example", ["advanced.chinook", "integration.conduit"])
@not_on("mysql")
def test_the_histories_of_the_examples_hold(
    database_url: str, example: str, tmp_path: Path
) -> None:
    models = f'[tool.andamios-orm]\nmodels = ["examples.{example}.models"]\n'
    (tmp_path / "pyproject.toml").write_text(models)
    run(tmp_path, database_url, "migrate", "new", "first tables")
    run(tmp_path, database_url, "migrate", "up", "--yes")
    run(tmp_path, database_url, "migrate", "new", "a place for more", "--empty")

    result = json.loads(run(tmp_path, database_url, "migrate", "verify", "--json"))

    assert result["revisions"] == 2
    assert result["rows"] > 500
    assert (result["differences"], result["lost"]) == ([], [])


def models(metadata: sa.MetaData, *, new: bool) -> type[Model]:
    """A model, before and after a column was renamed and another became optional."""
    if new:

        class Hero(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            full_name: Col[str] = field(unique=True)
            age: Col[int | None] = None

        return Hero

    class Before(Model, table="hero", metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(unique=True)
        age: Col[int]

    return Before


def filling(values: dict[str, object]) -> Callable[[Database], Awaitable[int]]:
    """A function that stores one hero with these values."""

    async def fill(database: Database) -> int:
        (table,) = database.metadata.tables.values()
        async with database.session() as session:
            await session.execute(sa.insert(table).values(values))
        return 1

    return fill


async def written(url: str, folder: Path) -> None:
    """Write two revisions, and apply them."""
    before, after = sa.MetaData(), sa.MetaData()
    models(before, new=False)
    models(after, new=True)
    renames = frozenset({Rename("hero.name", "hero.full_name")})
    for metadata in (before, after):
        async with Database(url, metadata=metadata) as database:
            migrator = Migrator(database, folder)
            await migrator.new(
                "next", Answers(renames=renames if metadata is after else frozenset())
            )
            await migrator.up()


@not_on("mysql")
async def test_rows_come_through(database_url: str, tmp_path: Path) -> None:
    await written(database_url, tmp_path)
    metadata = sa.MetaData()
    hero = models(metadata, new=True)

    async with Database(database_url, metadata=metadata) as database:
        result = await Migrator(database, tmp_path).verify(filling({"full_name": "Ada", "age": 36}))

        assert result
        assert (result.revisions, result.rows) == (2, 1)
        assert await Repository(hero, database).count() == 0


@not_on("mysql")
async def test_rows_that_the_past_had_no_place_for_are_told(
    database_url: str, tmp_path: Path
) -> None:
    await written(database_url, tmp_path)
    metadata = sa.MetaData()
    models(metadata, new=True)

    async with Database(database_url, metadata=metadata) as database:
        result = await Migrator(database, tmp_path).verify(filling({"full_name": "Ada"}))

    assert not result
    (difference,) = result.differences
    assert difference.startswith("down: 1 row(s)")
    assert result.lost == ()


async def test_a_history_that_does_not_end_where_the_models_are_is_told(
    sqlite_url: str, tmp_path: Path
) -> None:
    await written(sqlite_url, tmp_path)
    metadata = sa.MetaData()
    models(metadata, new=False)

    async with Database(sqlite_url, metadata=metadata) as database:
        result = await Migrator(database, tmp_path).verify()

    assert not result
    assert "add column hero.name" in result.differences
    assert result.rows == 0
