"""All revisions become one, which a database that has them counts as applied."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, MigrationPending, Model, RevisionProblem, field, generated
from andamios_orm.migration import Migrator


def first(metadata: sa.MetaData) -> sa.MetaData:
    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(max_length=20)

    return metadata


def second(metadata: sa.MetaData) -> sa.MetaData:
    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(max_length=20, index=True)
        age: Col[int | None] = field(default=None, ge=0)

    return metadata


async def written(url: str, folder: Path) -> None:
    """Two revisions, written and applied."""
    for models in (first, second):
        async with Database(url, metadata=models(sa.MetaData())) as db:
            migrator = Migrator(db, folder)
            await migrator.new("next")
            await migrator.up()


async def test_revisions_are_squashed_where_all_are_applied(
    database_url: str, tmp_path: Path
) -> None:
    await written(database_url, tmp_path)

    async with Database(database_url, metadata=second(sa.MetaData())) as db:
        await db.execute(sa.text("INSERT INTO hero (name) VALUES ('Ada')"))
        migrator = Migrator(db, tmp_path)
        path = await migrator.squash("all there is")
        status = await migrator.status()
        again = await migrator.up()
        comparison = await migrator.compare()
        rows = await db.execute(sa.text("SELECT name FROM hero"))

    assert [entry.revision.path for entry in status.history] == [path]
    assert (status.pending, status.changed, again) == ((), (), ())
    assert [str(change) for change in comparison.changes] == []
    assert [tuple(row) for row in rows] == [("Ada",)]
    assert len(list((path.parent / "squashed").iterdir())) == 2


async def test_another_database_that_has_all_of_them_goes_on_from_there(
    sqlite_url: str, tmp_path: Path
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    folder = tmp_path / "migrations"
    await written(sqlite_url, folder)
    async with Database(other, metadata=second(sa.MetaData())) as db:
        await Migrator(db, folder).up()
    async with Database(sqlite_url, metadata=second(sa.MetaData())) as db:
        await Migrator(db, folder).squash("all there is")

    async with Database(other, metadata=second(sa.MetaData())) as db:
        migrator = Migrator(db, folder)
        assert (await migrator.status()).pending == ()
        assert await migrator.up() == ()
        assert not await migrator.compare()
        (undone,) = await migrator.down(allow=["hero"])
        assert [revision.id for revision in (await migrator.status()).pending] == [undone.id]


async def test_a_database_that_lacks_one_is_not_squashed(sqlite_url: str, tmp_path: Path) -> None:
    await written(sqlite_url, tmp_path)

    async with Database(sqlite_url, metadata=second(sa.MetaData())) as db:
        migrator = Migrator(db, tmp_path)
        await migrator.down(allow=["hero.age"])
        with pytest.raises(MigrationPending, match="not all of its revisions"):
            await migrator.squash("all there is")


async def test_one_revision_is_nothing_to_squash(sqlite_url: str, tmp_path: Path) -> None:
    async with Database(sqlite_url, metadata=first(sa.MetaData())) as db:
        migrator = Migrator(db, tmp_path)
        await migrator.new("first")
        await migrator.up()
        with pytest.raises(RevisionProblem, match="nothing to squash"):
            await migrator.squash("all there is")
