"""A migration that was stopped, at whatever moment, is finished as if nobody had stopped it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Database, MigrationHalfDone, RevisionProblem
from andamios_orm.migration import Event, Migrator
from tests.engines import only_on
from tests.migration.revising import HERO, write_revision

TEAM = 'op.create_table("team", sa.Column("id", sa.Integer(), primary_key=True))'
FIVE_TEAMS = 'op.execute("INSERT INTO team (id) VALUES (1), (2), (3), (4), (5)")'
AGED = """
op.add_column("hero", sa.Column("age", sa.Integer(), nullable=True))
op.backfill("hero", {"age": "id * 2"}, batch=3)
"""
NOT_AGED = 'op.drop_column("hero", "age")'
INDEXED = 'op.create_index("ix_hero_age", "hero", ["age"])'
ALTERED = """
op.alter_column("hero", "age", nullable=False, existing_type=sa.Integer())
op.drop_column("hero", "name")
"""
NOT_ALTERED = """
op.add_column("hero", sa.Column("name", sa.String(50), nullable=False))
"""
REBUILT = """
op.rebuild_table(
    "hero",
    sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
    sa.Column("age", sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_hero"),
)
"""
NOT_REBUILT = """
op.rebuild_table(
    "hero",
    sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
    sa.Column("age", sa.Integer(), nullable=True),
    sa.Column("name", sa.String(50), nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_hero"),
)
"""

# Dozens of processes each; the others' steps are stopped one by one in tests/migration/changes.
KILLED = ["sqlite"]
if os.environ.get("ANDAMIOS_TEST_DEEP"):
    KILLED += ["duckdb", "postgresql", "mariadb"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed by signals")
@only_on(*KILLED)
def test_a_migration_that_is_killed_anywhere_is_finished(database_url: str, folder: Path) -> None:
    engine = database_url.partition(":")[0]
    altering = engine in ("postgresql", "mariadb")
    there, back = (ALTERED, NOT_ALTERED) if altering else (REBUILT, NOT_REBUILT)
    write_revision(folder, engine, "aaa1", HERO)
    write_revision(
        folder,
        engine,
        "bbb2",
        f"{TEAM}\n{AGED}{there}",
        f"{back}{NOT_AGED}\nop.drop_table('team')",
        down="aaa1",
    )

    program = subprocess.run(
        [sys.executable, "-m", "tests.migration.killing", database_url, str(folder)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )

    assert program.returncode == 0, program.stderr
    assert int(program.stdout) > 20


class Stopped(Exception):
    """What stops a migration in the tests below."""


def stop_at(revision: str, operation: int) -> object:
    def report(event: Event) -> None:
        if (event.revision, event.operation, event.state) == (revision, operation, "started"):
            raise Stopped

    return report


async def half_done(db: Database, folder: Path) -> Migrator:
    """A migrator whose second revision was stopped before its last operation."""
    write_revision(folder, db.engine_name, "aaa1", HERO)
    write_revision(
        folder, db.engine_name, "bbb2", f"{TEAM}\n{FIVE_TEAMS}\n{AGED}{INDEXED}", down="aaa1"
    )
    migrator = Migrator(db, folder)
    with pytest.raises(Stopped):
        await migrator.up(report=stop_at("bbb2", 4))  # type: ignore[arg-type]  # a closure
    return migrator


async def test_what_was_stopped_is_told_and_resumed(db: Database, folder: Path) -> None:
    migrator = await half_done(db, folder)

    status = await migrator.status()
    assert status.half_done == ("bbb2", "up")
    assert status.current == "aaa1"
    for move in (migrator.up, migrator.down):
        with pytest.raises(MigrationHalfDone, match="bbb2 was stopped on its way up"):
            await move()
    with pytest.raises(MigrationHalfDone):
        await migrator.new("more")

    told: list[Event] = []
    (revision,) = await migrator.resume(report=told.append)

    assert revision.id == "bbb2"
    assert {event.operation for event in told} == {4}
    assert (await migrator.status()).half_done is None
    assert (await migrator.status()).current == "bbb2"
    ages = await db.execute(sa.text("SELECT age FROM hero ORDER BY id"))
    assert [row.age for row in ages] == [2, 4, 6, 8, 10]


async def test_there_is_nothing_to_resume_where_nothing_was_stopped(
    db: Database, folder: Path
) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO)
    migrator = Migrator(db, folder)

    assert await migrator.resume() == ()
    await migrator.up()
    assert await migrator.resume() == ()


async def test_a_backfill_goes_on_after_its_last_batch(db: Database, folder: Path) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO)
    write_revision(folder, db.engine_name, "bbb2", AGED, down="aaa1")
    migrator = Migrator(db, folder)

    def report(event: Event) -> None:
        if event.state == "going on":
            raise Stopped

    with pytest.raises(Stopped):
        await migrator.up(report=report)
    ages = await db.execute(sa.text("SELECT age FROM hero ORDER BY id"))
    assert [row.age for row in ages] == [2, 4, 6, None, None]
    await db.execute(sa.text("UPDATE hero SET age = 77 WHERE id = 1"))

    await migrator.resume()

    ages = await db.execute(sa.text("SELECT age FROM hero ORDER BY id"))
    assert [row.age for row in ages] == [77, 4, 6, 8, 10]


@only_on("sqlite")
async def test_a_part_that_was_applied_may_not_be_changed(db: Database, folder: Path) -> None:
    migrator = await half_done(db, folder)
    more_teams = FIVE_TEAMS.replace("(5)", "(6)")
    write_revision(folder, "sqlite", "bbb2", f"{TEAM}\n{more_teams}\n{AGED}{INDEXED}", down="aaa1")

    with pytest.raises(MigrationHalfDone, match="operation 2 is another one"):
        await migrator.resume()

    write_revision(folder, "sqlite", "bbb2", f"{TEAM}\n{FIVE_TEAMS}\n{AGED}{INDEXED}", down="aaa1")
    assert len(await migrator.resume()) == 1


@only_on("sqlite")
async def test_a_part_that_failed_may_be_corrected(db: Database, folder: Path) -> None:
    wrong = 'op.execute("INSERT INTO nowhere VALUES (1)")'
    write_revision(folder, "sqlite", "aaa1", f"{TEAM}\n{wrong}")
    migrator = Migrator(db, folder)
    with pytest.raises(sa.exc.OperationalError):
        await migrator.up()
    write_revision(folder, "sqlite", "aaa1", f"{TEAM}\n{FIVE_TEAMS}")

    await migrator.resume()

    assert len(await db.execute(sa.text("SELECT id FROM team"))) == 5
    assert (await migrator.status()).changed == ()


@only_on("sqlite")
async def test_what_was_stopped_cannot_go_on_without_its_file(db: Database, folder: Path) -> None:
    migrator = await half_done(db, folder)
    (folder / "sqlite" / "bbb2_by_hand.py").unlink()

    with pytest.raises(RevisionProblem, match="bbb2 was stopped on its way up, and its file is"):
        await migrator.resume()

    await migrator.stamp("aaa1")
    assert (await migrator.status()).half_done is None


@only_on("sqlite")
async def test_a_computed_column_that_is_gone_is_not_put_aside_later(
    db: Database, folder: Path
) -> None:
    twice = '    sa.Column("twice", sa.Integer(), sa.Computed("id * 2")),\n    sa.Primary'
    write_revision(folder, "sqlite", "aaa1", HERO.replace("    sa.Primary", twice))
    write_revision(
        folder, "sqlite", "bbb2", f'op.drop_column("hero", "twice")\n{TEAM}', down="aaa1"
    )
    migrator = Migrator(db, folder)
    with pytest.raises(Stopped):
        await migrator.up(report=stop_at("bbb2", 1))  # type: ignore[arg-type]  # a closure

    assert len(await migrator.resume()) == 1
