"""What calls that stay close to the driver must not lose."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field, Strict, StrictInt

from andamios_orm import Col, Database, InvalidRow, Model, Repository, field, generated


class BreakRow(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    name: Col[str]


class BreakPrice(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    price: Col[Decimal] = field(max_digits=10, decimal_places=2)


class Exact(BaseModel):
    x: Annotated[int, Strict()]


class BreakStrict(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    nested: Col[Exact]


class BreakUnion(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    value: Col[list[Annotated[StrictInt | str, Field(union_mode="left_to_right")]]]


def test_a_row_stored_after_an_empty_import_is_kept(tmp_path: Path) -> None:
    """SQLite: `BEGIN IMMEDIATE` stays put off on the pooled connection and swallows the INSERT."""

    async def main() -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        async with Database(url, pool_size=1, metadata=BreakRow.metadata) as db:
            await db.create_all()
            rows = Repository(BreakRow, db)
            await db.export_parquet(BreakRow, tmp_path / "empty.parquet")
            await db.import_parquet(BreakRow, tmp_path / "empty.parquet")
            await rows.add(BreakRow(name="acknowledged"))
            assert await rows.count() == 1

    asyncio.run(main())


@pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK"])
def test_a_read_only_session_ended_by_hand_leaves_a_connection_that_writes(
    tmp_path: Path, word: str
) -> None:
    """SQLite: `query_only` stays on."""

    async def main() -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        async with Database(url, pool_size=1, metadata=BreakRow.metadata) as db:
            await db.create_all()
            async with db.session(read_only=True) as session:
                await session.execute(sa.text(word))
            await Repository(BreakRow, db).add(BreakRow(name="a"))

    asyncio.run(main())


def test_a_connection_that_run_sync_closed_is_no_other_tasks(tmp_path: Path) -> None:
    """It goes to SQLAlchemy's pool in mid-transaction, where the next caller gets it."""

    async def main() -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        async with Database(url, pool_size=3, metadata=BreakRow.metadata) as db:
            await db.create_all()
            closed, done = asyncio.Event(), asyncio.Event()

            async def closer() -> None:
                async with db.session() as session:
                    await Repository(BreakRow, session).add(BreakRow(name="ghost"))
                    await session.run_sync(lambda connection: connection.close())
                    closed.set()
                    await done.wait()
                    raise KeyError

            task = asyncio.create_task(closer())
            await closed.wait()
            rows = Repository(BreakRow, db)
            writer = asyncio.create_task(rows.add(BreakRow(name="acknowledged")))
            await asyncio.wait({writer}, timeout=1)
            done.set()
            await asyncio.gather(task, return_exceptions=True)
            await writer
            assert [row.name for row in await rows.all()] == ["acknowledged"]

    asyncio.run(main())


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_task_cancelled_while_a_hand_written_begin_is_undone_gives_its_connection_back(
    tmp_path: Path, scheme: str
) -> None:
    async def main() -> None:
        url = f"{scheme}:///{tmp_path}/a.db"
        db = Database(url, pool_size=1, pool_timeout=0.5, metadata=BreakRow.metadata)
        await db.create_all()
        for steps in range(40):
            task = asyncio.create_task(db.execute(sa.text("BEGIN")))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await Repository(BreakRow, db).count() == 0, steps
        await db.dispose()

    asyncio.run(main())


@pytest.mark.parametrize("order", [sa.text("price"), sa.literal_column("price"), sa.asc("price")])
def test_decimals_are_ordered_as_numbers_by_name(order: sa.ColumnElement[Decimal]) -> None:
    """DuckDB: the label of the text that is read hides the column in ORDER BY."""

    async def main() -> None:
        async with Database("duckdb://", metadata=BreakPrice.metadata) as db:
            await db.create_all()
            prices = Repository(BreakPrice, db)
            await prices.add_all([BreakPrice(price=Decimal(n)) for n in (9, 10, 100, -1, -2)])
            found = [row.price for row in await prices.order_by(order).all()]
            assert found == sorted(found)

    asyncio.run(main())


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_a_stored_value_that_a_strict_nested_field_refuses_is_an_invalid_row(scheme: str) -> None:
    async def main() -> None:
        async with Database(f"{scheme}://", metadata=BreakStrict.metadata) as db:
            await db.create_all()
            rows = Repository(BreakStrict, db)
            stored = await rows.add(BreakStrict(nested=Exact(x=1)))
            await db.execute(sa.text("""UPDATE break_strict SET nested = '{"x": "1"}'"""))
            with pytest.raises(InvalidRow):
                await rows.get(stored.id)

    asyncio.run(main())


@pytest.mark.parametrize("scheme", ["sqlite", "duckdb"])
def test_what_a_strict_member_of_a_union_refuses_comes_back_as_it_was(scheme: str) -> None:
    async def main() -> None:
        async with Database(f"{scheme}://", metadata=BreakUnion.metadata) as db:
            await db.create_all()
            rows = Repository(BreakUnion, db)
            stored = await rows.add(BreakUnion(value=["5", 5]))
            assert (await rows.get(stored.id)).value == ["5", 5]

    asyncio.run(main())
