"""A migration waits a little for whoever else is at work, and then leaves the others alone."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from andamios_orm import Database
from andamios_orm.errors import MigrationLocked
from andamios_orm.migration import Event, Migrator, Patience
from andamios_orm.migration.engines.choice import engine_named
from tests.engines import only_on
from tests.migration.revising import HERO, write_revision

HASTY = Patience(lock_timeout=0.02, retries=1, wait=0.05)
AGE = 'op.add_column("hero", sa.Column("age", sa.Integer(), nullable=True))'


@only_on("postgresql", "mariadb")
async def test_a_step_that_gets_no_lock_gives_up_and_goes_on_later(
    database_url: str, tmp_path: Path
) -> None:
    async with Database(database_url) as db, Database(database_url) as other:
        write_revision(tmp_path, db.engine_name, "aaa1", HERO)
        migrator = Migrator(db, tmp_path, patience=HASTY)
        await migrator.up()
        write_revision(tmp_path, db.engine_name, "bbb2", AGE, down="aaa1")
        told: list[Event] = []

        async with other.session() as session:
            await session.execute(sa.text("SELECT * FROM hero"))
            with pytest.raises(MigrationLocked, match="bbb2") as refused:
                await migrator.up(report=told.append)

        assert [event.state for event in told] == ["started", "waiting", "waiting"]
        half_done = (await migrator.status()).half_done is not None
        assert f"migrate {'resume' if half_done else 'up'}" in refused.value.fix
        await (migrator.resume() if half_done else migrator.up())
        assert (await migrator.status()).current == "bbb2"


@only_on("sqlite", "postgresql", "mariadb")
async def test_one_migrator_is_at_work_at_a_time(database_url: str, tmp_path: Path) -> None:
    async with Database(database_url) as db, Database(database_url) as other:
        write_revision(tmp_path, db.engine_name, "aaa1", HERO)
        second = Migrator(other, tmp_path, patience=HASTY)

        async with db.connect() as connection:

            def while_locked(sync: sa.Connection) -> None:
                with engine_named(db.engine_name).locked(sync, 1), pytest.raises(MigrationLocked):
                    await_only(second.up())

            await connection.run_sync(while_locked)

        assert len(await second.up()) == 1
