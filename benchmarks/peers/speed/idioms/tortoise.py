"""Tortoise ORM with its accelerators; a changed row is read and saved."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.query_utils import Prefetch
from tortoise.transactions import in_transaction

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER", "User"]


class User(Model):
    """A row."""

    id = fields.BigIntField(primary_key=True)
    email = fields.CharField(max_length=100, unique=True)
    name = fields.TextField()
    age = fields.BigIntField()
    active = fields.BooleanField()
    created_at = fields.DatetimeField()
    balance = fields.DecimalField(max_digits=12, decimal_places=2)
    meta = fields.JSONField[dict[str, Any]]()

    class Meta:
        """Where it is stored."""

        table = "users"


class Team(Model):
    """A team."""

    id = fields.BigIntField(primary_key=True, generated=False)
    name = fields.CharField(max_length=50)
    city = fields.CharField(max_length=50)
    members: fields.ReverseRelation[Any]

    class Meta:
        """Where it is stored."""

        table = "teams"


class Member(Model):
    """A member of a team."""

    id = fields.BigIntField(primary_key=True, generated=False)
    name = fields.CharField(max_length=50)
    age = fields.BigIntField()
    email = fields.CharField(max_length=50)
    team: fields.ForeignKeyRelation[Team] = fields.ForeignKeyField(
        "models.Team", related_name="members", db_index=True
    )

    class Meta:
        """Where it is stored."""

        table = "members"


class ModelsOfTortoise(Peer):
    """Objects whose values are converted, not checked."""

    traits = Traits(
        rows="model object",
        objects=True,
        validated="no",
        keys="a count",
        updated="read, then saved: 2 statements",
        stored="the key",
    )

    async def open(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        embedded = parts.scheme == "sqlite"
        if embedded:
            credentials: dict[str, Any] = {
                "file_path": parts.path.removeprefix("/"),
                "journal_mode": "WAL",
                "synchronous": "NORMAL",
            }
        else:
            credentials = {
                "host": parts.hostname,
                "port": parts.port,
                "user": parts.username,
                "password": parts.password,
                "database": parts.path.removeprefix("/"),
                "minsize": connections,
                "maxsize": connections,
            }
        engine = f"tortoise.backends.{'sqlite' if embedded else 'asyncpg'}"
        await Tortoise.init(
            config={
                "connections": {"default": {"engine": engine, "credentials": credentials}},
                "apps": {"models": {"models": [__name__], "default_connection": "default"}},
                "use_tz": True,
            }
        )
        if embedded:
            await Tortoise.generate_schemas()

    async def close(self) -> None:
        await Tortoise.close_connections()

    def held(self) -> AbstractAsyncContextManager[object]:
        return in_transaction()

    def new(self, number: int) -> Any:
        return User(**payload(number))

    async def get(self, key: int) -> Any:
        return await User.get(id=key)

    async def filter(self, age: int) -> list[Any]:
        asked = User.filter(age__gte=age, active=True)
        return await asked.order_by("age", "id").limit(FILTERED)

    async def read(self) -> list[Any]:
        return await User.all().order_by("id").limit(LARGE)

    async def eager_load(self) -> list[Any]:
        members = Prefetch("members", queryset=Member.all().order_by("id"))
        return await Team.all().order_by("id").prefetch_related(members)

    async def eager_shape(self) -> list[Any]:
        some = Member.all().only("id", "name", "age", "team_id").order_by("id")
        members = Prefetch("members", queryset=some)
        return await Team.all().only("id", "name").order_by("id").prefetch_related(members)

    async def insert(self, new: Any) -> Any:
        await new.save()
        return new

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        await User.bulk_create(new)
        return []

    async def update(self, key: int, name: str) -> Any:
        row = await User.get(id=key)
        row.name = name
        await row.save(update_fields=["name"])
        return row

    async def remove_added(self) -> None:
        await User.filter(id__gt=ADDED).delete()


PEER = ModelsOfTortoise
