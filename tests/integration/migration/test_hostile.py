"""What people do to migrations that nobody has planned for: no data is lost by it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Database, DestructionRefused
from andamios_orm.migration import Migrator
from tests.engines import only_on
from tests.migration.revising import HERO, write_revision

ANONYMOUS = """
op.create_table("note", sa.Column("text", sa.String(50)), sa.Column("stars", sa.Integer()))
op.execute("INSERT INTO note VALUES ('a', 1), ('b', 2)")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


async def migrated(
    db: Database, folder: Path, upgrade: str, downgrade: str = "pass", *, first: str = HERO
) -> Migrator:
    """A migrator whose first revision is applied, and whose second one is pending."""
    write_revision(folder, db.engine_name, "aaa1", first)
    migrator = Migrator(db, folder)
    await migrator.up()
    write_revision(folder, db.engine_name, "bbb2", upgrade, downgrade, down="aaa1")
    return migrator


# ---- put aside -----------------------------------------------------------------------------------


async def test_what_the_way_down_has_no_place_for_stays_beside(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, 'op.drop_table("hero")')
    await migrator.up(allow=["hero"])

    await migrator.down()

    assert (await migrator.status()).kept == ("hero",)
    await migrator.purge(allow=["hero"])
    assert (await migrator.status()).kept == ()


async def test_values_of_rows_without_a_key_stay_beside_each_time(
    db: Database, folder: Path
) -> None:
    there = 'op.drop_column("note", "stars")'
    back = 'op.add_column("note", sa.Column("stars", sa.Integer()))'
    migrator = await migrated(db, folder, there, back, first=ANONYMOUS)

    for _ in range(2):
        await migrator.up(allow=["note.stars"])
        await migrator.down()

    assert (await migrator.status()).kept == ("note.stars", "note.stars")
    places = await db.execute(
        sa.text("SELECT place FROM andamios_migration_dropped ORDER BY put_at")
    )
    values = await db.execute(
        sa.text(f"SELECT kept_value FROM {places[0].place} ORDER BY kept_value")
    )
    assert [row.kept_value for row in values] == [1, 2]


# ---- permissions ---------------------------------------------------------------------------------


async def test_a_permission_for_a_table_is_one_for_columns_that_a_statement_drops(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(db, folder, 'op.execute("ALTER TABLE hero DROP COLUMN name")')

    assert len(await migrator.up(allow=["hero"])) == 1


@only_on("duckdb", "sqlite")
@pytest.mark.parametrize("value", ["'no name'", "name(id)", "CAST(id AS name)"])
async def test_a_word_that_is_no_column_takes_no_column_along(
    db: Database, folder: Path, value: str
) -> None:
    upgrade = f"""
    op.rebuild_table(
        "hero",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("title", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hero"),
        copy={{"title": "{value}"}},
    )
    """
    migrator = await migrated(db, folder, upgrade)

    with pytest.raises(DestructionRefused) as refused:
        await migrator.up()

    assert refused.value.objects == {"hero.name": 5}
