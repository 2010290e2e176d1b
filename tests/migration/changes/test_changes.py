"""Every change of the catalogue, made and undone on every engine that can express it.

The next comparison finds nothing, no row is lost that nobody allowed to lose, and what cannot be
known is asked.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import AnswerNeeded, Database, DestructionRefused, RowsInTheWay
from andamios_orm.migration import Answers, Migrator
from tests.migration.changes.catalogue import CHANGES, SchemaChange

# What SQLAlchemy says of computed columns is about other versions of PostgreSQL.
pytestmark = pytest.mark.filterwarnings("ignore:Computed column")

EVERYWHERE = [
    pytest.param(change, engine, id=f"{engine}-{change.name}")
    for change in CHANGES
    for engine in change.engines
]


@asynccontextmanager
async def migrating(url: str, metadata: sa.MetaData, folder: Path) -> AsyncIterator[Migrator]:
    async with Database(url, metadata=metadata) as database:
        yield Migrator(database, folder)


async def read(url: str, sql: str) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    async with Database(url, metadata=sa.MetaData()) as database:
        return await database.execute(sa.text(sql))


async def with_rows(url: str, change: SchemaChange, folder: Path) -> None:
    async with migrating(url, change.metadata(new=False), folder) as migrator:
        await migrator.new("before", Answers())
        await migrator.up()
        assert await differences(migrator) == []
    async with Database(url, metadata=sa.MetaData()) as database:
        for statement in change.rows:
            await database.execute(sa.text(statement))


@pytest.mark.parametrize(("change", "database_url"), EVERYWHERE, indirect=["database_url"])
async def test_a_change_is_made_and_undone(
    change: SchemaChange, database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    await with_rows(database_url, change, folder)
    before = await read(database_url, change.kept)

    async with migrating(database_url, change.metadata(new=True), folder) as migrator:
        comparison = await migrator.compare(change.answers)
        if migrator.engine_name in change.unchanged:
            assert [str(found) for found in comparison.changes] == []
            return
        assert comparison.changes
        await asks(migrator, change)
        await migrator.new("after", change.answers)
        if change.allow:
            with pytest.raises(DestructionRefused):
                await migrator.up()
        await migrator.up(allow=change.allow)
        assert await differences(migrator) == []
    if not change.allow:
        assert await read(database_url, change.kept_after) == before

    async with migrating(database_url, change.metadata(new=False), folder) as migrator:
        await migrator.down(allow=everything(comparison.after))
        assert await differences(migrator) == []
    assert await read(database_url, change.kept) == before

    async with migrating(database_url, change.metadata(new=True), folder) as migrator:
        await migrator.up(allow=change.allow)
        assert await differences(migrator) == []


async def differences(migrator: Migrator) -> list[str]:
    comparison = await migrator.compare()
    return [str(change) for change in comparison.changes]


async def asks(migrator: Migrator, change: SchemaChange) -> None:
    """Without the answers the change is a question, and rows in the way are counted."""
    if change.asked is not None:
        with pytest.raises(AnswerNeeded) as asked:
            await migrator.new("after", Answers())
        assert change.asked in asked.value.questions
    if change.blocked is not None:
        known = Answers(renames=change.answers.renames, dropped=change.answers.dropped)
        with pytest.raises(RowsInTheWay, match=change.blocked):
            await migrator.new("after", known)


def everything(state: Any) -> tuple[str, ...]:
    """What a way back may drop: all that the way there has made."""
    labels = [f"{enum.name}.{label}" for enum in state.enums.values() for label in enum.labels]
    return (*map(str, state.tables), *labels)


def test_there_are_at_least_sixty_changes() -> None:
    assert len(CHANGES) >= 60
    assert len({change.name for change in CHANGES}) == len(CHANGES)
