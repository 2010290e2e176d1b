"""Queries that are expected to use an index."""

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, NotSupported, Repository, field, generated
from andamios_orm.testing.query_plans import IndexNotUsed, assert_uses_index
from tests.engines import not_on, only_on


class Base(Model, metadata=sa.MetaData()):
    pass


class Order(Base, table="expected_order"):
    id: Col[int] = generated()
    customer: Col[int] = field(index=True)
    note: Col[str] = field(max_length=40)


@pytest.fixture
async def shop(db: Database) -> Database:
    async with db.session() as session:
        await session.run_sync(Base.metadata.create_all)
    # As few as a test has: a planner that is not told otherwise reads them all.
    await Repository(Order, db).add_all([Order(customer=i, note="x") for i in range(3)])
    return db


@not_on("duckdb")
async def test_an_index_that_fits_is_found_on_a_small_table(shop: Database) -> None:
    orders = Repository(Order, shop)
    query = orders.where(Order.customer == 1)

    plan = await assert_uses_index(shop, query, index="ix_expected_order_customer")
    await assert_uses_index(shop, query)
    await assert_uses_index(shop, "SELECT note FROM expected_order WHERE customer = 1")

    assert plan.engine == shop.engine_name


@not_on("duckdb")
async def test_a_query_without_an_index_is_told_with_its_plan(shop: Database) -> None:
    orders = Repository(Order, shop)

    with pytest.raises(IndexNotUsed) as told:
        await assert_uses_index(shop, orders.where(Order.note == "x"), index="ix_by_note")
    with pytest.raises(IndexNotUsed, match="does not use an index on") as other:
        await assert_uses_index(shop, orders.where(Order.note == "x"))

    shown = str(told.value)
    assert "the query does not use the index ix_by_note" in shown
    assert "it uses none" in shown
    assert "FROM expected_order" in shown
    assert "of expected_order" in shown
    assert told.value.plan.root == other.value.plan.root


@not_on("duckdb")
async def test_another_index_than_the_expected_one_is_named(shop: Database) -> None:
    query = Repository(Order, shop).where(Order.customer == 1)

    with pytest.raises(IndexNotUsed, match="it uses ix_expected_order_customer"):
        await assert_uses_index(shop, query, index="ix_by_note")


@only_on("mariadb", "mysql", "postgresql")
async def test_the_wish_for_indexes_ends_with_the_question(shop: Database) -> None:
    words = {"postgresql": "SHOW enable_seqscan"}
    asked = sa.text(words.get(shop.engine_name, "SELECT @@max_seeks_for_key"))
    async with shop.connect() as connection:
        before = (await connection.execute(asked)).scalar()

    await assert_uses_index(shop, Repository(Order, shop).where(Order.customer == 1))

    async with shop.connect() as connection:
        assert (await connection.execute(asked)).scalar() == before


@only_on("duckdb")
async def test_duckdb_tells_no_indexes(shop: Database) -> None:
    with pytest.raises(NotSupported, match="DuckDB"):
        await assert_uses_index(shop, Repository(Order, shop).where(Order.customer == 1))
