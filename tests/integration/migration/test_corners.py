"""What happens at the edges: nothing to bring back, odd keys, files that cannot be, resets."""

import secrets
from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import (
    Col,
    Database,
    Model,
    Repository,
    RevisionProblem,
    RowsInTheWay,
    StatementFailed,
    field,
    generated,
)
from andamios_orm.errors import MigrationError
from andamios_orm.migration import Migrator
from andamios_orm.migration.aside import Aside
from andamios_orm.migration.changes import AddColumn, DropColumn, RenameColumn
from andamios_orm.migration.reading import invoking
from andamios_orm.migration.revisions import Revisions
from andamios_orm.migration.state import TableName
from tests.engines import not_on, only_on
from tests.migration.revising import HERO, write_revision

DROP_HERO = 'op.drop_table("hero")'


async def counted(db: Database, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.execute(sa.text(sql))]


async def test_a_reset_takes_also_what_was_put_aside(db: Database, tmp_path: Path) -> None:
    write_revision(tmp_path, db.engine_name, "aaa1", HERO, DROP_HERO)
    write_revision(
        tmp_path,
        db.engine_name,
        "bbb2",
        'op.create_table("team", sa.Column("id", sa.Integer(), primary_key=True))',
        'op.drop_table("team")',
        down="aaa1",
    )
    migrator = Migrator(db, tmp_path)
    await migrator.up()
    await db.execute(sa.text("INSERT INTO team (id) VALUES (1)"))
    await migrator.down(allow=["team"])
    assert (await migrator.status()).kept == ("team",)

    applied = await migrator.reset()

    assert [revision.id for revision in applied] == ["aaa1", "bbb2"]
    assert (await migrator.status()).kept == ()
    assert await migrator.rows() == {"hero": 5, "team": 0}
    assert [entry.applied for entry in await migrator.history()] == [True, True]


@only_on("sqlite")
async def test_a_way_back_after_a_purge_makes_an_empty_table(db: Database, tmp_path: Path) -> None:
    write_revision(tmp_path, "sqlite", "aaa1", HERO, DROP_HERO)
    table = HERO[: HERO.index("op.bulk_insert")]
    write_revision(tmp_path, "sqlite", "bbb2", DROP_HERO, table, down="aaa1")
    migrator = Migrator(db, tmp_path)
    await migrator.up("aaa1")
    await migrator.up(allow=["hero"])
    assert await migrator.purge(allow=["hero"]) == ("hero",)

    await migrator.down()

    assert await counted(db, "SELECT count(*) FROM hero") == [(0,)]


@only_on("sqlite")
async def test_rows_stay_beside_when_their_table_does_not_come_back(
    db: Database, tmp_path: Path
) -> None:
    write_revision(tmp_path, "sqlite", "aaa1", HERO, DROP_HERO)
    migrator = Migrator(db, tmp_path)
    await migrator.up()
    await migrator.down(allow=["hero"])
    write_revision(tmp_path, "sqlite", "aaa1", 'op.execute("SELECT 1")', "pass")

    await migrator.up()

    assert (await migrator.status()).kept == ("hero",)


@only_on("sqlite")
async def test_values_stay_beside_when_nothing_tells_whose_they_are(
    db: Database, tmp_path: Path
) -> None:
    write_revision(
        tmp_path,
        "sqlite",
        "aaa1",
        'op.create_table("note", sa.Column("text", sa.Text()))',
        'op.drop_table("note")',
    )
    write_revision(
        tmp_path,
        "sqlite",
        "bbb2",
        'op.add_column("note", sa.Column("age", sa.Integer()))',
        'op.drop_column("note", "age")',
        down="aaa1",
    )
    migrator = Migrator(db, tmp_path)
    await migrator.up()
    await db.execute(sa.text("INSERT INTO note (text, age) VALUES ('x', 1)"))
    await migrator.down(allow=["note.age"])

    await migrator.up()

    assert await counted(db, "SELECT text, age FROM note") == [("x", None)]
    assert (await migrator.status()).kept == ("note.age",)


@only_on("sqlite")
async def test_a_table_that_is_not_there_has_no_key(db: Database) -> None:
    def keys(connection: sa.Connection) -> list[str]:
        return Aside(connection, "aaa1", "up", transactional=True, now="").keys(TableName("x"))

    async with db.connect() as connection:
        assert await connection.run_sync(keys) == []


async def with_backfill(db: Database, folder: Path, created: str, filled: str) -> Migrator:
    """A migrator that has created a table, and whose next revision fills it."""
    nothing = 'op.execute("SELECT 1")'
    write_revision(folder, db.engine_name, "aaa1", created, nothing)
    write_revision(folder, db.engine_name, "bbb2", filled, nothing, down="aaa1")
    migrator = Migrator(db, folder)
    await migrator.up("aaa1")
    return migrator


@only_on("sqlite", "postgresql")
async def test_rows_are_filled_along_a_key_of_bytes_and_numbers(
    db: Database, tmp_path: Path
) -> None:
    migrator = await with_backfill(
        db,
        tmp_path,
        """
op.create_table(
    "part",
    sa.Column("a", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("b", sa.LargeBinary(), primary_key=True),
    sa.Column("age", sa.Integer()),
)
""",
        'op.backfill("part", {"age": "a * 10"}, batch=2)',
    )
    part = sa.table("part", sa.column("a"), sa.column("b", sa.LargeBinary()))
    rows = [(1, b"x"), (1, b"y"), (1, b"z"), (2, b"a"), (3, b"\x00")]
    for a, b in rows:
        await db.execute(sa.insert(part).values(a=a, b=b))
    plan = await migrator.plan()
    assert [step for o in plan.revisions[0].operations for step in o.steps] != []

    await migrator.up()

    assert await counted(db, "SELECT count(*) FROM part WHERE age = a * 10") == [(5,)]


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("sa.Double()", (-1e300, -0.1, 1e-300, 2e-12, 0.1, 1e300)),
        ("sa.Float(24)", (-1e30, -0.1, 1e-30, 2e-12, 0.1, 1e30)),
    ],
    ids=["double", "single"],
)
async def test_a_backfill_finds_each_float_of_a_key(
    db: Database, tmp_path: Path, kind: str, sizes: tuple[float, ...]
) -> None:
    migrator = await with_backfill(
        db,
        tmp_path,
        f"""
op.create_table(
    "dose",
    sa.Column("size", {kind}, primary_key=True, autoincrement=False),
    sa.Column("age", sa.Integer()),
)
""",
        'op.backfill("dose", {"age": "7"}, batch=1)',
    )
    for size in sizes:
        await db.execute(sa.text(f"INSERT INTO dose (size) VALUES ({size!r})"))

    await migrator.up()

    assert await db.execute(sa.text("SELECT count(*) FROM dose WHERE age = 7")) == [(6,)]


@only_on("mariadb")
@pytest.mark.parametrize("kind", ["FLOAT UNSIGNED", "FLOAT(9,3)"])
async def test_a_backfill_finds_each_float_of_a_table_of_others(
    db: Database, tmp_path: Path, kind: str
) -> None:
    migrator = await with_backfill(
        db,
        tmp_path,
        f'op.execute("CREATE TABLE dose (size {kind} PRIMARY KEY, age INTEGER)")',
        'op.backfill("dose", {"age": "7"}, batch=1)',
    )
    for size in (0.1, 0.7, 3.3, 1234.567):
        await db.execute(sa.text(f"INSERT INTO dose (size) VALUES ({size!r})"))

    await migrator.up()

    assert await db.execute(sa.text("SELECT count(*) FROM dose WHERE age = 7")) == [(4,)]


async def test_a_revision_is_written_unfinished_when_that_is_asked(
    sqlite_url: str, tmp_path: Path
) -> None:
    for required in (False, True):
        metadata = sa.MetaData()

        class Hero(Model, table=True, metadata=metadata):
            id: Col[int] = field(primary_key=True)
            name: Col[str] = field(unique=required)

        if required:

            class Hero(Model, table=True, metadata=metadata):  # type: ignore[no-redef]  # with more
                id: Col[int] = field(primary_key=True)
                name: Col[str] = field(unique=True)
                age: Col[int]

        async with Database(sqlite_url, metadata=metadata) as db:
            migrator = Migrator(db, tmp_path)
            if not required:
                await migrator.new("first")
                await migrator.up()
                await db.execute(sa.text("INSERT INTO hero (id, name) VALUES (1, 'a'), (2, 'a')"))
                continue
            with pytest.raises(RowsInTheWay, match="hero"):
                await migrator.new("second")
            await db.execute(sa.text("UPDATE hero SET name = 'b' WHERE id = 2"))
            path = await migrator.new("second", unfinished=True)
            assert path is not None
            assert "..." in path.read_text()
            with pytest.raises(RevisionProblem, match=r"hero\.age"):
                await migrator.up()


async def test_rows_that_no_value_would_cure_are_told_without_one(
    sqlite_url: str, tmp_path: Path
) -> None:
    for unique in (False, True):
        metadata = sa.MetaData()

        class Hero(Model, table=True, metadata=metadata):
            id: Col[int] = field(primary_key=True)
            name: Col[str] = field(unique=unique)

        async with Database(sqlite_url, metadata=metadata) as db:
            migrator = Migrator(db, tmp_path)
            if unique:
                with pytest.raises(RowsInTheWay) as caught:
                    await migrator.new("second")
                assert caught.value.fix.startswith("change those rows first")
                continue
            await migrator.new("first")
            await migrator.up()
            await db.execute(sa.text("INSERT INTO hero (id, name) VALUES (1, 'a'), (2, 'a')"))


@only_on("sqlite")
async def test_a_revision_needs_a_message(db: Database, tmp_path: Path) -> None:
    with pytest.raises(RevisionProblem, match="needs a message"):
        await Migrator(db, tmp_path).new("  ", empty=True)


@only_on("sqlite")
async def test_a_revision_that_goes_on_from_itself_is_refused(db: Database, tmp_path: Path) -> None:
    write_revision(tmp_path, "sqlite", "aaa1", HERO, DROP_HERO, down="aaa1")

    with pytest.raises(RevisionProblem, match="cannot be put in order"):
        await Migrator(db, tmp_path).status()


@only_on("sqlite")
async def test_a_revision_that_runs_has_the_connection(db: Database) -> None:
    def bound(connection: sa.Connection) -> bool:
        with invoking(connection, lambda operation: None):
            from alembic import op  # noqa: PLC0415 - it is what a revision imports

            return op.get_bind() is connection

    async with db.connect() as connection:
        assert await connection.run_sync(bound)


@only_on("postgresql")
async def test_the_half_of_an_index_that_failed_is_removed_before_the_next_try(
    db: Database, tmp_path: Path
) -> None:
    write_revision(tmp_path, "postgresql", "aaa1", HERO, DROP_HERO)
    write_revision(
        tmp_path,
        "postgresql",
        "bbb2",
        """
op.execute("UPDATE hero SET name = 'same' WHERE id < 3")
op.create_index("ix_hero_name", "hero", ["name"], unique=True)
""",
        'op.drop_index("ix_hero_name", "hero")',
        down="aaa1",
    )
    migrator = Migrator(db, tmp_path)
    await migrator.up("aaa1")
    with pytest.raises((MigrationError, StatementFailed, sa.exc.DBAPIError)):
        await migrator.up()
    await db.execute(sa.text("UPDATE hero SET name = 'other' WHERE id = 1"))

    await migrator.resume()

    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_hero_name'::regclass"
    assert await counted(db, valid) == [(True,)]


@only_on("postgresql")
async def test_a_place_to_verify_that_cannot_be_had_is_told(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda size: "taken")
    name = f"{db.name[:30]}_andamios_verify_taken"
    async with db.connect() as connection:
        await connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    try:
        with pytest.raises(MigrationError, match="could not be created"):
            await Migrator(db, tmp_path).verify()
    finally:
        async with db.connect() as connection:
            await connection.exec_driver_sql(f'DROP DATABASE "{name}"')


@only_on("mariadb")
async def test_values_find_rows_whose_key_is_a_text(db: Database, tmp_path: Path) -> None:
    made = "CREATE TABLE note (name TEXT NOT NULL, age INT, PRIMARY KEY (name(20)))"
    write_revision(tmp_path, "mariadb", "aaa1", f'op.execute("{made}")', 'op.drop_table("note")')
    write_revision(
        tmp_path,
        "mariadb",
        "bbb2",
        'op.drop_column("note", "age")',
        'op.add_column("note", sa.Column("age", sa.Integer()))',
        down="aaa1",
    )
    migrator = Migrator(db, tmp_path)
    await migrator.up("aaa1")
    await db.execute(sa.text("INSERT INTO note VALUES ('x', 1), ('y', 2)"))
    await migrator.up(allow=["note.age"])

    await migrator.down()

    assert await counted(db, "SELECT name, age FROM note ORDER BY name") == [("x", 1), ("y", 2)]


def test_a_file_that_was_edited_at_once_is_read_again(tmp_path: Path) -> None:
    write_revision(tmp_path, "sqlite", "aaa1", "'one'")
    (first,) = Revisions(tmp_path / "sqlite", "sqlite").all()
    write_revision(tmp_path, "sqlite", "aaa1", "'two'")
    (second,) = Revisions(tmp_path / "sqlite", "sqlite").all()

    assert first.checksum != second.checksum
    assert not (tmp_path / "sqlite" / "__pycache__").exists()


async def test_values_come_back_into_a_table_with_a_counted_key(
    database_url: str, tmp_path: Path
) -> None:
    before, after = sa.MetaData(), sa.MetaData()

    class Hero(Model, table=True, metadata=before):
        id: Col[int] = generated()

    class Grown(Model, table="hero", metadata=after):
        id: Col[int] = generated()
        age: Col[int | None] = field(default=None)

    async with Database(database_url, metadata=before) as db:
        migrator = Migrator(db, tmp_path)
        await migrator.new("before")
        await migrator.up()
        db.metadata = after
        await migrator.new("after")
        await migrator.up()
        await db.execute(sa.text("INSERT INTO hero (age) VALUES (36)"))
        await migrator.down(allow=["hero.age"])
        await migrator.up()
        assert await counted(db, "SELECT id, age FROM hero") == [(1, 36)]


@not_on("mysql")  # as MariaDB
async def test_a_counted_key_that_is_renamed_goes_on_counting(
    database_url: str, tmp_path: Path
) -> None:
    old, new = sa.MetaData(), sa.MetaData()

    class Before(Model, table="hero", metadata=old):
        id: Col[int] = generated()
        name: Col[str]

    class After(Model, table="hero", metadata=new):
        number: Col[int] = generated(renamed_from="id")
        name: Col[str]

    async with Database(database_url, metadata=old) as db:
        await Migrator(db, tmp_path).new("before")
        await Migrator(db, tmp_path).up()
        first = await Repository(Before, db).add(Before(name="Ada"))
    async with Database(database_url, metadata=new) as db:
        migrator = Migrator(db, tmp_path)
        changes = (await migrator.compare()).changes
        await migrator.new("after")
        await migrator.up()
        second = await Repository(After, db).add(After(name="Grace"))
        kept = await Repository(After, db).get(first.id)

    assert RenameColumn(TableName("hero"), "id", "number") in changes
    assert not any(isinstance(change, AddColumn | DropColumn) for change in changes)
    assert (kept.name, second.number) == ("Ada", first.id + 1)
