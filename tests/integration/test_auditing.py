"""Stored rows that their model no longer accepts."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, SecretStr, field_validator

from andamios_orm import Col, Database, Model, Repository, SoftDelete, Tenant, field, generated
from andamios_orm.auditing import AuditReport, UnfitRow, audit
from tests.engines import only_on

BEFORE, NOW = sa.MetaData(), sa.MetaData()


class Place(BaseModel):
    city: str = field(min_length=3)


class OldHero(Model, table="hero", metadata=BEFORE):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)
    home: Col[dict[str, str]] = field(default_factory=dict)


class Hero(Model, table="hero", metadata=NOW):
    id: Col[int] = generated()
    name: Col[str] = field(min_length=2)
    age: Col[int | None] = field(default=None, ge=0)
    home: Col[Place]

    @field_validator("name")
    @classmethod
    def capital(cls, name: str) -> str:
        if name.islower():
            raise ValueError("begins with a small letter")
        return name


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=BEFORE) as database:
        await database.create_all()
        yield database


GOOD = {"city": "Bern"}


async def test_rows_that_the_model_refuses_are_found_by_key_field_and_kind(db: Database) -> None:
    stored = await Repository(OldHero, db).add_all(
        [
            OldHero(name="Ada", home=GOOD),
            OldHero(name="Bob", age=-1, home=GOOD),
            OldHero(name="secret", age=-2, home=GOOD),
            OldHero(name="Dan", home={"city": "X"}),
            OldHero(name="Eve", home={}),
        ]
    )
    keys = [hero.id for hero in stored]
    told: list[int] = []

    report = await audit(db, Hero, limit=3, batch=2, progress=told.append)

    assert report == AuditReport(
        Hero,
        rows=5,
        unfit=4,
        counts={
            "age (greater_than_equal)": 2,
            "name (value_error)": 1,
            "home.city (string_too_short)": 1,
            "home.city (missing)": 1,
        },
        first=(
            UnfitRow((keys[1],), {"age": "greater_than_equal"}),
            UnfitRow((keys[2],), {"name": "value_error", "age": "greater_than_equal"}),
            UnfitRow((keys[3],), {"home.city": "string_too_short"}),
        ),
    )
    assert told == [2, 4]
    assert "secret" not in repr(report)


async def test_rows_that_fit_are_only_counted(db: Database) -> None:
    await Repository(OldHero, db).add_all(OldHero(name="Ada", home=GOOD) for _ in range(5))

    assert await audit(db, Hero) == AuditReport(Hero, 5, 0, {}, ())


@only_on("sqlite")
async def test_deleted_rows_and_those_of_all_tenants_are_looked_at(database_url: str) -> None:
    metadata = sa.MetaData()

    class Note(SoftDelete, Tenant, table=True, metadata=metadata):
        key: Col[SecretStr] = field(primary_key=True)
        text: Col[str] = field(default="")

        @field_validator("text")
        @classmethod
        def short(cls, text: str) -> str:
            if len(text) > 3:
                raise ValueError("too long")
            return text

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        for tenant in ("a", "b"):
            notes = Repository(Note, db.for_tenant(tenant))
            await notes.add(Note(key=SecretStr(tenant), text="abc"))
        await Repository(Note, db.for_tenant("a")).delete(SecretStr("a"))
        async with db.connect() as connection:
            await connection.execute(sa.text("UPDATE note SET text = 'long'"))

        report = await audit(db, Note)

    assert report.first == (UnfitRow(("(secret)",), {"text": "value_error"}),) * 2
