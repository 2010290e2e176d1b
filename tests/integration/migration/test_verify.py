"""A history is tried on a database of its own, and the one at hand is left alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.migration import Migrator
from andamios_orm.migration.reports import Verification
from andamios_orm.seeding import sample
from tests.engines import ENGINES, not_on, only_on
from tests.migration.revising import write_revision

EXAMPLES = ("advanced.chinook", "integration.conduit")
HISTORIES = [(EXAMPLES[0], "duckdb")]
if os.environ.get("ANDAMIOS_TEST_DEEP"):
    HISTORIES = [(example, engine) for example in EXAMPLES for engine in ENGINES[:4]]
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


@pytest.mark.parametrize(("example", "database_url"), HISTORIES, indirect=["database_url"])
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


def models() -> sa.MetaData:
    metadata = sa.MetaData()

    class Team(Model, table="team", metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(max_length=20, unique=True)

    class Hero(Model, table="hero", metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(max_length=20)
        age: Col[int | None] = field(default=None, ge=0)
        team_id: Col[int] = field(foreign_key=Team.id)

    return metadata


async def verified(url: str, folder: Path, *, write: bool = True) -> Verification:
    async with Database(url, metadata=models()) as db:
        migrator = Migrator(db, folder)
        if write:
            await migrator.new("first")

        async def fill(scratch: Database) -> None:
            await sample(scratch, size=50)

        found = await migrator.verify(fill)
        assert (await migrator.status()).current is None
        async with db.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert names == []
        return found


async def test_a_history_that_models_and_rows_agree_with_is_good(
    database_url: str, tmp_path: Path
) -> None:
    found = await verified(database_url, tmp_path)

    assert found == Verification(revisions=1, rows=100, differences=(), lost=())
    assert found


@only_on("sqlite")
async def test_a_history_that_makes_something_else_is_not(
    database_url: str, tmp_path: Path
) -> None:
    await verified(database_url, tmp_path)
    (file,) = (tmp_path / "sqlite").glob("*.py")
    identity = file.name.split("_")[2]
    write_revision(
        tmp_path,
        "sqlite",
        "bbb2",
        'op.execute("CREATE INDEX ix_more ON hero (age)")',
        'op.execute("DROP INDEX ix_more")\nop.execute("DELETE FROM hero WHERE id = 1")',
        down=identity,
    )

    found = await verified(database_url, tmp_path, write=False)

    assert not found
    assert found.differences == ("drop index ix_more of hero",)
    assert found.lost == ("hero",)


@not_on("mysql")
async def test_rows_that_the_past_had_no_place_for_are_told(
    database_url: str, tmp_path: Path
) -> None:
    metadata = sa.MetaData()
    for kind in (int, int | None):
        metadata = sa.MetaData()

        class Hero(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            age: kind  # type: ignore[valid-type]  # another one each time

        async with Database(database_url, metadata=metadata) as db:
            migrator = Migrator(db, tmp_path)
            await migrator.new("next")
            await migrator.up()

    async def fill(scratch: Database) -> None:
        await scratch.execute(sa.insert(Hero.__table__).values(age=None))

    async with Database(database_url, metadata=metadata) as db:
        found = await Migrator(db, tmp_path).verify(fill)

    assert not found
    (difference,) = found.differences
    assert difference.startswith("down: 1 row(s)")
    assert found.lost == ()
