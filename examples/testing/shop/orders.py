"""What the shop does with orders; each function takes the session that it works in."""

from decimal import Decimal

from andamios_orm import Repository, Session
from examples.testing.shop.models import Customer, Line, Order


async def place(
    session: Session, customer: Customer, articles: dict[str, Decimal]
) -> tuple[Order, list[Line]]:
    """Store an order with a line for each article, and commit it."""
    if not articles:
        raise ValueError("an order has at least one line")
    order = await Repository(Order, session).add(Order(customer_id=customer.id))
    lines = await Repository(Line, session).add_all(
        [Line(order_id=order.id, article=name, price=price) for name, price in articles.items()]
    )
    await session.commit()
    return order, lines


async def total(session: Session, order: Order) -> Decimal:
    """Return the price of all lines of an order."""
    lines = await Repository(Line, session).where(Line.order_id == order.id).all()
    return sum((line.price for line in lines), Decimal(0))


async def turnover_slowly(session: Session) -> Decimal:
    """Return the price of all orders, with a statement for each of them."""
    found = Decimal(0)
    for order in await Repository(Order, session).all():
        found += await total(session, order)
    return found


async def turnover(session: Session) -> Decimal:
    """Return the price of all orders, with two statements however many there are."""
    orders = await Repository(Order, session).load(Order.lines).all()
    return sum((line.price for order in orders for line in order.lines), Decimal(0))
