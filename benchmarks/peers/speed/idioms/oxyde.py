"""Oxyde: Pydantic models in Python, statements and pool in Rust."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any

from oxyde import Field, Model, PoolSettings, atomic, create_tables, db, get_connection

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER"]


class User(Model):
    """A row."""

    id: int | None = Field(default=None, db_pk=True)
    email: str = Field(db_unique=True)
    name: str
    age: int
    active: bool
    created_at: datetime
    balance: Decimal = Field(max_digits=12, decimal_places=2)
    meta: dict[str, Any] = Field(db_type="JSONB")

    class Meta:
        """Where it is stored."""

        is_table = True
        table_name = "users"


class Team(Model):
    """A team."""

    id: int = Field(db_pk=True)
    name: str
    city: str
    members: list[Member] = Field(db_reverse_fk="team")

    class Meta:
        """Where it is stored."""

        is_table = True
        table_name = "teams"


class Member(Model):
    """A member of a team."""

    id: int = Field(db_pk=True)
    name: str
    age: int
    email: str
    team: Team | None = Field(default=None, db_on_delete="RESTRICT")

    class Meta:
        """Where it is stored."""

        is_table = True
        table_name = "members"


class ModelsOfOxyde(Peer):
    """Pydantic models, validated when read."""

    traits = Traits(rows="Pydantic model", objects=True, validated="yes")

    async def open(self, url: str, connections: int) -> None:
        settings = PoolSettings(
            max_connections=connections, min_connections=connections, test_before_acquire=False
        )
        await db.init(default=url, settings=settings)
        if url.startswith("sqlite"):
            await create_tables(await get_connection())

    async def close(self) -> None:
        await db.close()

    def held(self) -> AbstractAsyncContextManager[object]:
        return atomic()

    def new(self, number: int) -> Any:
        return User(**payload(number))

    async def get(self, key: int) -> Any:
        return await User.objects.get(id=key)

    async def filter(self, age: int) -> list[Any]:
        asked = User.objects.filter(age__gte=age, active=True)
        return await asked.order_by("age", "id").limit(FILTERED).all()

    async def read(self) -> list[Any]:
        return await User.objects.order_by("id").limit(LARGE).all()

    async def eager_load(self) -> list[Any]:
        return await Team.objects.order_by("id").prefetch("members").all()

    async def eager_shape(self) -> list[Any]:
        # There are no prefetched models of some columns, only dicts.
        raise NotImplementedError

    async def insert(self, new: Any) -> Any:
        return await new.save()

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        return [row.id for row in await User.objects.bulk_create(new)]

    async def update(self, key: int, name: str) -> Any:
        (row,) = await User.objects.filter(id=key).update(name=name, returning=True)
        return row

    async def remove_added(self) -> None:
        await User.objects.filter(id__gt=ADDED).delete()


PEER = ModelsOfOxyde
