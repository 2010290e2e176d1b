"""Nothing is lost that nobody allowed to lose, and what is lost can be brought back."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import (
    Database,
    DestructionRefused,
    RevisionProblem,
    RowsInTheWay,
    WrongEnvironment,
)
from andamios_orm.migration import Migrator
from andamios_orm.migration.guards import refuse_in_production
from tests.engines import only_on
from tests.migration.revising import HERO, write_revision

NAMES = [f"hero {number}" for number in range(1, 6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


async def migrated(db: Database, folder: Path, upgrade: str, downgrade: str = "pass") -> Migrator:
    """A migrator whose first revision is applied, and whose second one is pending."""
    write_revision(folder, db.engine_name, "aaa1", HERO, 'op.drop_table("hero")')
    migrator = Migrator(db, folder)
    await migrator.up()
    write_revision(folder, db.engine_name, "bbb2", upgrade, downgrade, down="aaa1")
    return migrator


async def names(db: Database) -> list[str]:
    return [row.name for row in await db.execute(sa.text("SELECT name FROM hero ORDER BY id"))]


async def columns(db: Database) -> list[str]:
    async with db.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_columns("hero"))
    return [column["name"] for column in found]


DROP_NAME = 'op.drop_column("hero", "name")'
ADD_NAME = 'op.add_column("hero", sa.Column("name", sa.String(50), nullable=True))'
REBUILT = """
op.rebuild_table(
    "hero",
    sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
    sa.PrimaryKeyConstraint("id", name="pk_hero"),
)
"""


@pytest.mark.parametrize(
    ("upgrade", "lost"),
    [
        (DROP_NAME, {"hero.name": 5}),
        ('op.drop_table("hero")', {"hero": 5}),
        ('op.execute("DROP TABLE IF EXISTS hero")', {"hero": 0}),
        ("op.execute('TRUNCATE TABLE \"hero\"')", {"hero": 0}),
        ('op.execute("delete from hero where id = 1")', {"hero": 0}),
        ('op.execute(sa.text("CREATE TABLE t (id INT); DROP TABLE t"))', {"t": 0}),
        ('op.execute("ALTER TABLE hero DROP COLUMN name")', {"hero.name": 0}),
        ('op.execute("alter table hero add x int, drop name")', {"hero.name": 0}),
        ('op.execute("DROP /* old */ TABLE -- it\\n hero")', {"hero": 0}),
        ('op.execute("DROP TABLE hero, team")', {"hero": 0, "team": 0}),
        ("op.execute('DROP TABLE \"my heroes\"')", {"my heroes": 0}),
        ('op.execute("CREATE OR REPLACE TABLE hero (id INTEGER)")', {"hero": 0}),
        ('op.execute("DELETE h FROM hero h")', {"hero": 0}),
    ],
    ids=[
        *("column", "table", "statement", "truncate", "delete", "second", "alter", "alter more"),
        *("comments", "two", "quoted", "replace", "join"),
    ],
)
async def test_what_would_remove_data_is_refused_with_how_much(
    db: Database, folder: Path, upgrade: str, lost: dict[str, int]
) -> None:
    migrator = await migrated(db, folder, upgrade)

    with pytest.raises(DestructionRefused) as refused:
        await migrator.up()

    assert refused.value.objects == lost
    for name in lost:
        assert f"--allow-destructive {name}" in refused.value.fix
    assert await names(db) == NAMES
    assert (await migrator.status()).half_done is None


@only_on("duckdb", "sqlite")
async def test_a_rebuild_that_leaves_a_column_out_is_refused(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, REBUILT)

    with pytest.raises(DestructionRefused) as refused:
        await migrator.up()

    assert refused.value.objects == {"hero.name": 5}
    assert (await migrator.plan()).destroys == ("hero.name",)


@only_on("duckdb", "sqlite")
async def test_a_rebuild_that_uses_a_column_for_another_loses_nothing(
    db: Database, folder: Path
) -> None:
    upgrade = """
    op.rebuild_table(
        "hero",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("title", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hero"),
        copy={"title": "upper(name)"},
    )
    """
    migrator = await migrated(db, folder, upgrade)

    await migrator.up()

    rows = await db.execute(sa.text("SELECT title FROM hero ORDER BY id"))
    assert [row.title for row in rows] == [name.upper() for name in NAMES]


async def test_a_column_that_was_removed_comes_back_with_its_values(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(db, folder, DROP_NAME, ADD_NAME)

    await migrator.up(allow=["hero.name"])
    assert await columns(db) == ["id"]
    assert (await migrator.status()).kept == ("hero.name",)
    await db.execute(sa.text("DELETE FROM hero WHERE id = 2"))
    await db.execute(sa.text("INSERT INTO hero (id) VALUES (9)"))
    await migrator.down()

    assert await names(db) == ["hero 1", "hero 3", "hero 4", "hero 5", None]
    assert (await migrator.status()).kept == ()


@only_on("duckdb", "sqlite")
async def test_a_column_that_a_rebuild_left_out_comes_back(db: Database, folder: Path) -> None:
    back = REBUILT.replace(
        "    sa.Primary", '    sa.Column("name", sa.String(50), nullable=False),\n    sa.Primary'
    )
    migrator = await migrated(db, folder, REBUILT, back)

    await migrator.up(allow=["hero"])
    assert await columns(db) == ["id"]
    await migrator.down()

    assert await names(db) == NAMES


async def test_a_table_that_was_removed_comes_back_with_its_rows(
    db: Database, folder: Path
) -> None:
    create = HERO[: HERO.index("op.bulk_insert")]
    migrator = await migrated(db, folder, 'op.drop_table("hero")', create)

    await migrator.up(allow=["hero"])
    await migrator.down()

    assert await names(db) == NAMES
    assert (await migrator.status()).kept == ()


async def test_values_of_people_outlast_those_that_the_way_up_fills_in(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(
        db,
        folder,
        """
        op.add_column("hero", sa.Column("age", sa.Integer(), nullable=True))
        op.backfill("hero", {"age": "0"})
        """,
        'op.drop_column("hero", "age")',
    )
    await migrator.up()
    await db.execute(sa.text("UPDATE hero SET age = 36 WHERE id = 1"))

    await migrator.down(allow=["hero.age"])
    await db.execute(sa.text("INSERT INTO hero (id, name) VALUES (6, 'hero 6')"))
    await migrator.up()

    rows = await db.execute(sa.text("SELECT age FROM hero ORDER BY id"))
    assert [row.age for row in rows] == [36, 0, 0, 0, 0, 0]


async def test_rows_that_the_way_up_makes_itself_are_not_brought_back_twice(
    db: Database, folder: Path
) -> None:
    write_revision(folder, db.engine_name, "aaa1", HERO, 'op.drop_table("hero")')
    migrator = Migrator(db, folder)
    await migrator.up()
    await db.execute(sa.text("INSERT INTO hero (id, name) VALUES (6, 'hero 6')"))

    await migrator.down(allow=["hero"])
    await migrator.up()

    assert await names(db) == [*NAMES, "hero 6"]


async def test_a_table_without_a_key_loses_its_column_and_stays_usable(
    db: Database, folder: Path
) -> None:
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        """
        op.create_table("hero", sa.Column("id", sa.Integer()), sa.Column("age", sa.Integer()))
        op.execute("INSERT INTO hero (id, age) VALUES (1, 36)")
        """,
    )
    write_revision(
        folder,
        db.engine_name,
        "bbb2",
        'op.drop_column("hero", "age")',
        'op.add_column("hero", sa.Column("age", sa.Integer(), nullable=True))',
        down="aaa1",
    )
    migrator = Migrator(db, folder)

    await migrator.up(allow=["hero.age"])
    await migrator.down()

    assert await columns(db) == ["id", "age"]


async def test_what_is_put_aside_is_removed_for_good_when_it_is_named(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(db, folder, DROP_NAME, ADD_NAME)
    await migrator.up(allow=["hero"])

    assert await migrator.purge() == ("hero.name",)
    assert await migrator.purge(allow=["hero.name"]) == ("hero.name",)
    assert await migrator.purge() == ()
    await migrator.down()
    assert await names(db) == [None] * 5


async def test_a_computed_column_goes_without_a_permission(db: Database, folder: Path) -> None:
    computed = 'sa.Column("twice", sa.Integer(), sa.Computed("id * 2", persisted=True))'
    if db.engine_name in ("duckdb", "sqlite"):
        computed = computed.replace(", persisted=True", "")
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        HERO.replace("    sa.Primary", f"    {computed},\n    sa.Primary"),
    )
    write_revision(folder, db.engine_name, "bbb2", 'op.drop_column("hero", "twice")', down="aaa1")
    migrator = Migrator(db, folder)

    await migrator.up()

    assert await columns(db) == ["id", "name"]
    assert (await migrator.status()).kept == ()


# -- rows in the way


async def test_a_value_that_nobody_has_chosen_is_asked_for(db: Database, folder: Path) -> None:
    migrator = await migrated(db, folder, 'op.backfill("hero", {"name": ...})')

    with pytest.raises(RevisionProblem, match=r"which value hero\.name gets"):
        await migrator.up()


@only_on("duckdb", "sqlite")
async def test_a_rebuild_asks_for_a_value_too(db: Database, folder: Path) -> None:
    rebuilt = REBUILT.replace('name="pk_hero"),', 'name="pk_hero"), copy={"id": ...},')
    migrator = await migrated(db, folder, rebuilt)

    with pytest.raises(RevisionProblem, match=r"which value hero\.id gets"):
        await migrator.up(allow=["hero"])


@only_on("postgresql", "mariadb")
async def test_rows_without_a_value_are_counted_before_anything_happens(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(
        db,
        folder,
        """
        op.create_table("team", sa.Column("id", sa.Integer(), primary_key=True))
        op.alter_column("hero", "name", nullable=False, existing_type=sa.String(50))
        """,
    )
    write_revision(
        folder,
        db.engine_name,
        "aaa1",
        HERO,
    )
    await db.execute(sa.text("ALTER TABLE hero " + _loosened(db)))
    await db.execute(sa.text("UPDATE hero SET name = NULL WHERE id > 3"))
    await migrator.stamp("aaa1")

    with pytest.raises(RowsInTheWay) as refused:
        await migrator.up()

    assert list(refused.value.counts.values()) == [2]
    assert (await migrator.status()).half_done is None


def _loosened(db: Database) -> str:
    return (
        "ALTER name DROP NOT NULL"
        if db.engine_name == "postgresql"
        else "MODIFY name VARCHAR(50) NULL"
    )


@only_on("postgresql", "mariadb")
async def test_rows_that_an_earlier_operation_changes_are_in_nobodys_way(
    db: Database, folder: Path
) -> None:
    migrator = await migrated(
        db,
        folder,
        """
        op.backfill("hero", {"id": "id + 10"})
        op.create_check_constraint("ck_hero_id", "hero", "id > 10")
        """,
    )

    assert len(await migrator.up()) == 1


# -- environments


@only_on("sqlite")
async def test_a_database_keeps_its_environment(db: Database, folder: Path) -> None:
    write_revision(folder, "sqlite", "aaa1", HERO)
    await Migrator(db, folder, environment="staging").up()

    assert (await Migrator(db, folder).status()).environment == "staging"
    with pytest.raises(WrongEnvironment, match="this database is staging"):
        await Migrator(db, folder, environment="development").up()
    await Migrator(db, folder, environment="staging").up()


async def test_data_in_production_goes_only_with_the_name_of_the_database(
    db: Database, folder: Path
) -> None:
    await migrated(db, folder, DROP_NAME)
    migrator = Migrator(db, folder, environment="production")

    for confirm in (None, "another"):
        with pytest.raises(WrongEnvironment, match="production"):
            await migrator.up(allow=["hero.name"], confirm=confirm)
    assert await names(db) == NAMES

    await migrator.up(allow=["hero.name"], confirm=db.name)
    assert await columns(db) == ["id"]


def test_nobody_resets_a_database_in_production() -> None:
    with pytest.raises(WrongEnvironment, match="db-reset is refused there"):
        refuse_in_production("production", "db-reset")
    refuse_in_production("development", "db-reset")
    refuse_in_production(None, "db-reset")
