"""Customers, what they ordered, and the lines of each order."""

from decimal import Decimal

from andamios_orm import Col, Model, Related, RelatedList, field, generated, relation


class Customer(Model, table="shop_customer"):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=80)
    email: Col[str] = field(unique=True, max_length=200)
    orders: RelatedList["Order"] = relation(order_by="id")


class Order(Model, table="shop_order"):
    id: Col[int] = generated()
    customer_id: Col[int] = field(foreign_key=Customer.id, index=True)
    paid: Col[bool] = field(default=False)
    customer: Related[Customer] = relation()
    lines: RelatedList["Line"] = relation(order_by="id")


class Line(Model, table="shop_line"):
    id: Col[int] = generated()
    order_id: Col[int] = field(foreign_key=Order.id, index=True)
    article: Col[str] = field(max_length=80)
    price: Col[Decimal] = field(ge=0, max_digits=8, decimal_places=2)
    order: Related[Order] = relation()
