"""Revisions are applied and undone in their order, and the database tells where it stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import Database, NotSupported, RevisionProblem
from andamios_orm.errors import ChecksumMismatch, MigrationPending
from andamios_orm.migration import Event, Migrator
from tests.engines import only_on
from tests.migration.revising import HERO, write_revision

DROP_HERO = 'op.drop_table("hero")'
TEAM = 'op.create_table("team", sa.Column("id", sa.Integer(), primary_key=True))'
DROP_TEAM = 'op.drop_table("team")'
AGE = 'op.add_column("hero", sa.Column("age", sa.Integer(), nullable=True))'
DROP_AGE = 'op.drop_column("hero", "age")'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


@pytest.fixture
def migrator(db: Database, folder: Path) -> Migrator:
    """A migrator with three revisions that are not applied."""
    write_revision(folder, db.engine_name, "aaa1", HERO, DROP_HERO)
    write_revision(folder, db.engine_name, "bbb2", AGE, DROP_AGE, down="aaa1")
    write_revision(folder, db.engine_name, "ccc3", TEAM, DROP_TEAM, down="bbb2")
    return Migrator(db, folder)


async def tables(db: Database) -> set[str]:
    async with db.connect() as connection:
        names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    return {name for name in names if not name.startswith(("andamios_", "alembic_"))}


async def columns(db: Database, table: str) -> list[str]:
    async with db.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_columns(table))
    return [column["name"] for column in found]


async def rows(db: Database, sql: str) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    return await db.execute(sa.text(sql))


async def test_all_revisions_are_applied_in_their_order(db: Database, migrator: Migrator) -> None:
    applied = await migrator.up()

    assert [revision.id for revision in applied] == ["aaa1", "bbb2", "ccc3"]
    assert await tables(db) == {"hero", "team"}
    assert await columns(db, "hero") == ["id", "name", "age"]
    assert len(await rows(db, "SELECT id FROM hero")) == 5
    status = await migrator.status()
    assert (status.current, status.head, status.pending) == ("ccc3", "ccc3", ())
    assert status.half_done is None
    assert all(entry.applied_at for entry in status.history)


async def test_nothing_happens_where_all_is_applied(migrator: Migrator) -> None:
    await migrator.up()

    assert await migrator.up() == ()


async def test_a_database_that_was_never_migrated_is_told_of(migrator: Migrator) -> None:
    status = await migrator.status()

    assert status.current is None
    assert [revision.id for revision in status.pending] == ["aaa1", "bbb2", "ccc3"]
    assert status.changed == ()
    assert status.kept == ()
    assert status.half_done is None


async def test_a_folder_without_revisions_is_no_problem(db: Database, folder: Path) -> None:
    migrator = Migrator(db, folder)

    assert await migrator.up() == ()
    assert (await migrator.status()).head is None
    assert await migrator.sql() == ""


async def test_revisions_are_applied_and_undone_up_to_one(db: Database, migrator: Migrator) -> None:
    assert [r.id for r in await migrator.up("bbb2")] == ["aaa1", "bbb2"]
    assert [r.id for r in await migrator.up("+1")] == ["ccc3"]
    assert [r.id for r in await migrator.down(allow=["team"])] == ["ccc3"]
    assert [r.id for r in await migrator.down("aa", allow=["hero.age"])] == ["bbb2"]
    assert await columns(db, "hero") == ["id", "name"]
    assert [r.id for r in await migrator.down("base", allow=["hero"])] == ["aaa1"]
    assert await tables(db) == set()
    assert (await migrator.status()).current is None


async def test_what_goes_down_comes_up_again(db: Database, migrator: Migrator) -> None:
    await migrator.up()
    await migrator.down("base", allow=["hero", "hero.age", "team"])
    await migrator.up()

    assert await tables(db) == {"hero", "team"}
    assert len(await rows(db, "SELECT id FROM hero")) == 5


@only_on("sqlite")
@pytest.mark.parametrize("target", ["nowhere", "", "b"])
async def test_an_unknown_or_unclear_target_is_refused(
    db: Database, migrator: Migrator, folder: Path, target: str
) -> None:
    write_revision(folder, "sqlite", "bbb4", "pass", down="ccc3")

    with pytest.raises(RevisionProblem, match="begin"):
        await migrator.up(target)


@only_on("sqlite")
async def test_a_revision_without_a_file_is_named(
    db: Database, migrator: Migrator, folder: Path
) -> None:
    await migrator.up()
    (folder / "sqlite" / "ccc3_by_hand.py").unlink()

    with pytest.raises(RevisionProblem, match="ccc3, which has no file"):
        await migrator.up()


@only_on("sqlite")
async def test_two_newest_revisions_are_refused(
    db: Database, migrator: Migrator, folder: Path
) -> None:
    write_revision(folder, "sqlite", "ccc4", "pass", down="bbb2")

    with pytest.raises(RevisionProblem, match="several newest revisions: ccc3, ccc4"):
        await migrator.up()


@only_on("sqlite")
async def test_a_revision_of_another_engine_is_refused(
    db: Database, migrator: Migrator, folder: Path
) -> None:
    path = write_revision(folder, "sqlite", "ddd4", "pass", down="ccc3")
    path.write_text(path.read_text().replace('"sqlite"', '"duckdb"'))

    with pytest.raises(RevisionProblem, match="written for duckdb"):
        await migrator.up()


@only_on("sqlite")
@pytest.mark.parametrize(
    ("text", "told"),
    [("def upgrade(:", "SyntaxError"), ("down_revision = 'zzz'\nrevision = 'ddd4'", "zzz")],
)
async def test_a_file_that_cannot_be_read_is_named(
    db: Database, migrator: Migrator, folder: Path, text: str, told: str
) -> None:
    (folder / "sqlite" / "ddd4_broken.py").write_text(text)

    with pytest.raises(RevisionProblem, match=told):
        await migrator.status()


async def test_what_happens_is_told_step_by_step(migrator: Migrator) -> None:
    told: list[Event] = []

    await migrator.up("bbb2", report=told.append)

    assert {event.revision for event in told} == {"aaa1", "bbb2"}
    assert {event.direction for event in told} == {"up"}
    started = [event for event in told if event.state == "started"]
    done = [event for event in told if event.state == "done"]
    assert [(e.revision, e.operation, e.step) for e in started] == [
        (e.revision, e.operation, e.step) for e in done
    ]
    assert any("CREATE TABLE hero" in e.told or "hero" in e.told for e in done)


async def test_an_applied_file_that_was_changed_stops_everything(
    db: Database, migrator: Migrator, folder: Path
) -> None:
    await migrator.up("bbb2")
    write_revision(folder, db.engine_name, "aaa1", TEAM, DROP_TEAM)

    with pytest.raises(ChecksumMismatch, match="aaa1") as caught:
        await migrator.up()
    assert caught.value.revisions == ("aaa1",)
    assert (await migrator.status()).changed == ("aaa1",)
    assert await tables(db) == {"hero"}

    await migrator.stamp("bbb2")
    assert (await migrator.status()).changed == ()


@only_on("sqlite")
async def test_other_line_ends_are_no_change(
    db: Database, migrator: Migrator, folder: Path
) -> None:
    await migrator.up()
    path = folder / "sqlite" / "aaa1_by_hand.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert (await migrator.status()).changed == ()


async def test_a_stamp_changes_what_is_noted_and_nothing_else(
    db: Database, migrator: Migrator
) -> None:
    stamped = await migrator.stamp("bbb2")

    assert stamped is not None
    assert stamped.id == "bbb2"
    assert await tables(db) == set()
    assert [revision.id for revision in (await migrator.status()).pending] == ["ccc3"]
    assert await migrator.stamp("base") is None
    assert (await migrator.status()).current is None


async def test_a_history_of_alembic_goes_on(db: Database, migrator: Migrator) -> None:
    await db.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    await db.execute(sa.text("INSERT INTO alembic_version VALUES ('bbb2')"))

    assert [revision.id for revision in await migrator.up()] == ["ccc3"]
    assert [row[0] for row in await rows(db, "SELECT version_num FROM alembic_version")] == ["ccc3"]


async def test_the_statements_are_told_without_running_them(
    db: Database, migrator: Migrator
) -> None:
    script = await migrator.sql()

    assert "CREATE TABLE hero" in script.replace('"', "").replace("`", "")
    assert "VALUES ('ccc3')" in script
    assert await tables(db) == set()
    plan = await migrator.plan()
    assert [planned.revision.id for planned in plan.revisions] == ["aaa1", "bbb2", "ccc3"]
    assert plan.destroys == ()


async def test_a_plan_tells_what_goes(migrator: Migrator) -> None:
    await migrator.up()

    plan = await migrator.plan("base", direction="down")

    assert plan.destroys == ("team", "hero.age", "hero")
    script = await migrator.sql("base", direction="down")
    assert script.startswith("-- These statements alone are not the migration")
    assert "-- put hero.age aside" in script
    assert "DELETE FROM alembic_version;" in script


# -- what alembic's users write


async def test_a_created_table_can_be_filled(db: Database, folder: Path) -> None:
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        """
        hero = op.create_table("hero", sa.Column("id", sa.Integer(), primary_key=True))
        op.bulk_insert(hero, [{"id": 7}, {"id": 8}])
        """,
    )

    await Migrator(db, folder).up()

    assert [row.id for row in await rows(db, "SELECT id FROM hero ORDER BY id")] == [7, 8]


async def test_rows_need_no_types(db: Database, folder: Path) -> None:
    table = HERO[: HERO.index("op.bulk_insert")]
    insert = """
        hero = sa.table("hero", sa.column("id"), sa.column("name"))
        op.bulk_insert(hero, [{"id": 7, "name": None}, {"id": 8, "name": "O'Hara"}])
        op.bulk_insert(hero, [])
        """
    nullable = table.replace("sa.String(50), nullable=False", "sa.String(50), nullable=True")
    write_revision(folder, db.engine_name, "aaa1", nullable)
    write_revision(folder, db.engine_name, "bbb2", insert, down="aaa1")

    await Migrator(db, folder).up()

    found = await rows(db, "SELECT id, name FROM hero ORDER BY id")
    assert [tuple(row) for row in found] == [(7, None), (8, "O'Hara")]


async def test_a_batch_of_alembic_is_taken_apart(db: Database, folder: Path) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO)
    write_revision(
        folder,
        db.engine_name,
        "bbb2",
        """
        with op.batch_alter_table("hero") as batch:
            batch.add_column(sa.Column("age", sa.Integer(), nullable=True))
            batch.create_index("ix_hero_age", ["age"])
        """,
        'op.execute("DELETE FROM hero WHERE id = 1")',
        down="aaa1",
    )
    told: list[Event] = []

    await Migrator(db, folder).up(report=told.append)

    assert await columns(db, "hero") == ["id", "name", "age"]
    assert {event.operation for event in told if event.revision == "bbb2"} == {0, 1}


async def test_statements_may_hold_percents_and_colons(db: Database, folder: Path) -> None:
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        HERO + """op.execute("UPDATE hero SET name = '100% 12\\\\:30' WHERE name LIKE '%o 2'")""",
    )

    await Migrator(db, folder).up()

    found = await rows(db, "SELECT name FROM hero WHERE id = 2")
    assert [row.name for row in found] == ["100% 12:30"]


@only_on("postgresql")
async def test_what_stands_in_an_autocommit_block_is_in_no_transaction(
    db: Database, folder: Path
) -> None:
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        HERO
        + """
with op.get_context().autocommit_block():
    op.execute("VACUUM hero")
op.execute("SET LOCAL work_mem = '4MB'")
""",
    )

    assert len(await Migrator(db, folder).up()) == 1


@only_on("sqlite")
async def test_a_revision_that_asks_for_the_connection_is_refused(
    db: Database, folder: Path
) -> None:
    body = 'op.get_bind().execute(sa.text("DROP TABLE hero"))'
    write_revision(folder, db.engine_name, "aaa1", HERO, body)
    migrator = Migrator(db, folder)
    await migrator.up()

    with pytest.raises(RevisionProblem, match=r"op\.get_bind\(\) gives a connection"):
        await migrator.down()
    assert await tables(db) == {"hero"}


@only_on("sqlite")
async def test_a_revision_that_cannot_be_undone_says_so(db: Database, folder: Path) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO, "raise NotImplementedError")
    migrator = Migrator(db, folder)
    await migrator.up()

    with pytest.raises(RevisionProblem, match="says that it cannot be undone"):
        await migrator.down()


@only_on("sqlite")
async def test_a_revision_with_a_mistake_is_refused_before_anything_happens(
    db: Database, folder: Path
) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO)
    write_revision(folder, db.engine_name, "bbb2", "op.add_colum('hero')", down="aaa1")

    with pytest.raises(RevisionProblem, match=r"bbb2_by_hand\.py cannot be read ahead: Attr"):
        await Migrator(db, folder).up()
    assert await tables(db) == set()


@only_on("sqlite")
async def test_what_the_engine_cannot_do_is_refused_before_anything_happens(
    db: Database, folder: Path
) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO)
    write_revision(
        folder,
        db.engine_name,
        "bbb2",
        'op.alter_column("hero", "name", type_=sa.Text())',
        down="aaa1",
    )

    with pytest.raises(NotSupported):
        await Migrator(db, folder).up()
    assert await tables(db) == set()


@only_on("sqlite")
async def test_new_revisions_wait_for_those_that_are_pending(
    db: Database, migrator: Migrator
) -> None:
    with pytest.raises(MigrationPending):
        await migrator.new("more")


async def test_a_squashed_history_is_one_revision(database_url: str, tmp_path: Path) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        engine = db.engine_name
        write_revision(tmp_path, engine, "aaa1", HERO, 'op.drop_table("hero")')
        write_revision(tmp_path, engine, "bbb2", AGE, 'op.drop_column("hero", "age")', down="aaa1")
        migrator = Migrator(db, tmp_path)
        await migrator.up()

        path = await migrator.squash("all until now")

        status = await migrator.status()
        assert [entry.revision.path for entry in status.history] == [path]
        assert status.pending == ()
        assert status.current == status.head
        assert await migrator.up() == ()
        assert len(list((tmp_path / engine / "squashed").iterdir())) == 2
        assert (await migrator.verify()).revisions == 1
