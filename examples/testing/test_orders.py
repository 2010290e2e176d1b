"""The shop, on an empty database for each test: `pytest examples/testing`."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andamios_orm import Database, Repository, Session, UniqueViolation
from andamios_orm.testing.factories import Factories
from andamios_orm.testing.isolation import Isolated
from andamios_orm.testing.query_plans import assert_uses_index
from andamios_orm.testing.watching import NPlusOne, SQLLog, n_plus_one, query_count
from examples.testing.shop.models import Customer, Line, Order
from examples.testing.shop.orders import place, total, turnover, turnover_slowly

PRICES = {"Tea": Decimal("4.20"), "Milk": Decimal("1.10")}


async def test_an_order_is_placed(andamios_session: Session, factories: Factories) -> None:
    ada = await factories(Customer).create(name="Ada")

    order, lines = await place(andamios_session, ada, PRICES)

    assert order.customer_id == ada.id
    assert [line.article for line in lines] == ["Tea", "Milk"]
    assert await total(andamios_session, order) == Decimal("5.30")


async def test_nothing_is_left_of_the_test_before(andamios_session: Session) -> None:
    # The code under test has committed; it was rolled back all the same.
    assert await Repository(Order, andamios_session).count() == 0


async def test_an_order_without_lines_is_refused(
    andamios_session: Session, factories: Factories
) -> None:
    with pytest.raises(ValueError, match="at least one line"):
        await place(andamios_session, await factories(Customer).create(), {})


async def test_two_customers_do_not_share_an_address(
    andamios_db: Database, factories: Factories
) -> None:
    ada = await factories(Customer).create()

    with pytest.raises(UniqueViolation):
        await factories(Customer).create(email=ada.email)


async def test_the_turnover_is_read_at_once(
    andamios_session: Session, factories: Factories, sql_log: SQLLog
) -> None:
    await factories(Customer).graph(3, Customer.orders.then(Order.lines))

    with query_count(2):
        quick = await turnover(andamios_session)
    with pytest.raises(NPlusOne, match=r"orders\.py:\d+ in total"), n_plus_one(3):
        await turnover_slowly(andamios_session)

    assert quick == await turnover_slowly(andamios_session)
    assert any("FROM shop_line" in sql for sql in sql_log)


@pytest.mark.andamios(n_plus_one=3)
async def test_the_whole_test_is_watched(andamios_session: Session, factories: Factories) -> None:
    await factories(Line).create_many(10)

    assert await turnover(andamios_session) > 0


@pytest.mark.backends("sqlite")
async def test_the_orders_of_a_customer_are_found_by_an_index(andamios_db: Database) -> None:
    orders = Repository(Order, andamios_db).where(Order.customer_id == 1)

    await assert_uses_index(andamios_db, orders, index="ix_shop_order_customer_id")


@settings(deadline=None, max_examples=10)
@given(prices=st.lists(st.decimals(0, 1000, places=2), min_size=1, max_size=3))
async def test_a_total_is_the_sum_of_the_prices(
    andamios_isolated: Isolated, prices: list[Decimal]
) -> None:
    async with andamios_isolated() as session:
        ada = await Repository(Customer, session).add(Customer(name="Ada", email="ada@example.com"))
        order, _ = await place(session, ada, {f"Tea {i}": price for i, price in enumerate(prices)})

        assert await total(session, order) == sum(prices)
        assert await Repository(Order, session).count() == 1
