"""The row that is measured: the types an application meets, a nested JSON document among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import Col, Model, field, generated

__all__ = ["METADATA", "ROWS", "Account", "Settings", "account"]

METADATA = sa.MetaData()
ROWS = 1_000


class Settings(BaseModel):
    """A nested document: one JSON column."""

    tags: list[str]
    score: int


class Account(Model, table=True, metadata=METADATA):
    """Eight columns of different types."""

    id: Col[int] = generated()
    email: Col[str] = field(unique=True, max_length=100)
    name: Col[str]
    age: Col[int] = field(ge=0, index=True)
    active: Col[bool]
    created_at: Col[datetime]
    balance: Col[Decimal] = field(max_digits=12, decimal_places=2)
    settings: Col[Settings]


def account(number: int) -> Account:
    """Return the n-th account: always the same values for the same number."""
    return Account(
        email=f"user{number}@example.com",
        name=f"User Name {number}",
        age=number % 80,
        active=number % 2 == 0,
        created_at=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=37 * number),
        balance=Decimal(number * 7 % 100_000) / 100,
        settings=Settings(tags=["a", "b"], score=number % 10),
    )
