"""Piccolo: table objects, and RETURNING after a change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from piccolo.columns import (
    JSON,
    JSONB,
    BigInt,
    BigSerial,
    Boolean,
    Numeric,
    Serial,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table, create_db_tables
from piccolo.utils.encoding import dump_json, load_json

from benchmarks.peers.speed.peer import Peer
from benchmarks.peers.speed.traits import Traits
from benchmarks.workload import ADDED, FILTERED, LARGE, payload

__all__ = ["PEER"]


class OnPostgreSQL(Table, tablename="users"):
    """A row."""

    id = BigSerial(primary_key=True)
    email = Text(unique=True)
    name = Text()
    age = BigInt()
    active = Boolean()
    created_at = Timestamptz()
    balance = Numeric(digits=(12, 2))
    meta = JSONB()


class OnSQLite(Table, tablename="users"):
    """A row, whose key is the row's own id."""

    id: Serial
    email = Text(unique=True)
    name = Text()
    age = BigInt()
    active = Boolean()
    created_at = Timestamptz()
    balance = Numeric(digits=(12, 2))
    meta = JSON()


class Team(Table, tablename="teams"):
    """A team."""

    id = BigInt(primary_key=True)
    name = Varchar(length=50)
    city = Varchar(length=50)


class Member(Table, tablename="members"):
    """A member of a team."""

    id = BigInt(primary_key=True)
    name = Varchar(length=50)
    age = BigInt()
    email = Varchar(length=50)
    team_id = BigInt(index=True)


class TablesOfPiccolo(Peer):
    """Objects of tables, not checked."""

    traits = Traits(
        rows="table object",
        objects=True,
        validated="no",
        updated="one statement, as a dict with JSON as text",
        stored="the key",
        remarks="on SQLite every query opens a connection",
    )

    async def open(self, url: str, connections: int) -> None:
        parts = urlsplit(url)
        self._engine: Any
        self._users: Any
        if parts.scheme == "sqlite":
            self._users = OnSQLite
            self._engine = SQLiteEngine(path=parts.path.removeprefix("/"))
        else:
            self._users = OnPostgreSQL
            config = {
                "host": parts.hostname,
                "port": parts.port,
                "user": parts.username,
                "password": parts.password,
                "database": parts.path.removeprefix("/"),
            }
            self._engine = PostgresEngine(config=config)
            await self._engine.start_connection_pool(min_size=connections, max_size=connections)
        for each in (self._users, Team, Member):
            each._meta.db = self._engine  # noqa: SLF001 - as its tests and documentation do
        if parts.scheme == "sqlite":
            await create_db_tables(self._users)

    async def close(self) -> None:
        if isinstance(self._engine, PostgresEngine):
            await self._engine.close_connection_pool()

    def held(self) -> AbstractAsyncContextManager[object]:
        transaction: AbstractAsyncContextManager[object] = self._engine.transaction()
        return transaction

    def new(self, number: int) -> Any:
        values = payload(number)
        return self._users(**{**values, "meta": dump_json(values["meta"])})

    async def get(self, key: int) -> Any:
        users = self._users
        return await users.objects().get(users.id == key).output(load_json=True)

    async def filter(self, age: int) -> list[Any]:
        users = self._users
        asked = users.objects().where(users.age >= age, users.active.eq(True))
        ordered = asked.order_by(users.age, users.id).limit(FILTERED)
        return await ordered.output(load_json=True)

    async def read(self) -> list[Any]:
        users = self._users
        return await users.objects().order_by(users.id).limit(LARGE).output(load_json=True)

    # It fetches what a row refers to, not what refers to it: children are grouped by hand.

    async def eager_load(self) -> list[Any]:
        teams = await Team.objects().order_by(Team.id)
        keys = [team.id for team in teams]
        rows = await Member.objects().where(Member.team_id.is_in(keys)).order_by(Member.id)
        members: dict[int, list[Any]] = {}
        for row in rows:
            members.setdefault(row.team_id, []).append(row)
        return [(team, members.get(team.id, [])) for team in teams]

    async def eager_shape(self) -> list[Any]:
        teams = await Team.select(Team.id, Team.name).order_by(Team.id)
        keys = [team["id"] for team in teams]
        some = Member.select(Member.name, Member.age, Member.team_id)
        rows = await some.where(Member.team_id.is_in(keys)).order_by(Member.id)
        members: dict[int, list[Any]] = {}
        for row in rows:
            members.setdefault(row["team_id"], []).append(row)
        return [(team, members.get(team["id"], [])) for team in teams]

    def team(self, row: Any) -> tuple[str, list[tuple[str, int]]]:
        team, members = row
        if isinstance(team, dict):
            return team["name"], [(one["name"], one["age"]) for one in members]
        return team.name, [(one.name, one.age) for one in members]

    async def insert(self, new: Any) -> Any:
        await new.save()
        return new

    async def bulk(self, new: Sequence[Any]) -> list[Any]:
        return [row["id"] for row in await self._users.insert(*new)]

    async def update(self, key: int, name: str) -> Any:
        users = self._users
        changed = users.update({users.name: name}).where(users.id == key)
        (row,) = await changed.returning(*users.all_columns())
        return row

    async def remove_added(self) -> None:
        users = self._users
        await users.delete().where(users.id > ADDED)

    def fields(self, row: Any) -> dict[str, Any]:
        found = row if isinstance(row, dict) else super().fields(row)
        meta = found["meta"]
        return {**found, "meta": load_json(meta) if isinstance(meta, str) else meta}


PEER = TablesOfPiccolo
