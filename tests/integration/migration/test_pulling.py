"""Models written from a database that is there."""

import sys
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, NaiveDatetime

from andamios_orm import Col, Database, Model, Repository, Timestamps, field, generated
from andamios_orm.migration.diff import compare
from andamios_orm.migration.drafting import schemas_of
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.pulling import Pulled, pull
from andamios_orm.schema.compiler import compile_all
from tests.engines import only_on

METADATA = sa.MetaData()
DATA = Path(__file__).parents[2] / "data" / "chinook"


class Color(Enum):
    RED = "red"
    BLUE = "it's blue"


class Place(BaseModel):
    city: str


class Team(Timestamps, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50, comment="what it is called")
    color: Col[Color]
    place: Col[Place | None] = field(default=None)
    __table_args__ = ({"comment": "Who plays together."},)


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    code: Col[UUID] = field(unique=True)
    name: Col[str] = field(index=True, max_length=50, min_length=2)
    age: Col[int | None] = field(default=None, ge=0, lt=150)
    fee: Col[Decimal] = field(max_digits=8, decimal_places=2, gt=0)
    exact: Col[Decimal]
    ratio: Col[float] = field(default=0.5, server_default=0.5)
    active: Col[bool] = field(default=True, server_default=True)
    motto: Col[str] = field(default="it's: me", server_default="it's: me", max_length=20)
    raw: Col[bytes | None] = field(default=None, max_length=30)
    born: Col[date]
    seen: Col[datetime]
    wall: Col[NaiveDatetime]
    kind: Col[Literal["a", "b"]]
    class_: Col[str] = field(column="class", max_length=5)
    unit_price: Col[int] = field(column="Unit Price")
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id, on_delete="SET NULL")
    boss_id: Col[int | None] = field(default=None, foreign_key="Hero.id")
    __table_args__ = (
        sa.UniqueConstraint("name", "team_id"),
        sa.Index("hero_by_fee", sa.text("fee DESC"), "age"),
        sa.CheckConstraint("age > fee", name="old"),
    )


class Badge(Model, table="Badge of honour", metadata=METADATA):
    label: Col[str] = field(primary_key=True, max_length=10)


class HeroBadge(Model, table=True, metadata=METADATA):
    label: Col[str] = field(
        primary_key=True, max_length=10, foreign_key=Badge.label, on_delete="CASCADE"
    )
    hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)


async def pulled(db: Database, *schemas: str | None) -> Pulled:
    async with db.connect() as connection:
        return await connection.run_sync(
            lambda sync: pull(sync, engine_named(sync.dialect.name), schemas=schemas or (None,))
        )


def loaded(source: str) -> ModuleType:
    """The module, with its models apart from those of other tests."""
    apart = source.replace("(Model, ", "(Model, metadata=METADATA, ")
    module = ModuleType(f"pulled_{abs(hash(source))}")
    module.METADATA = sa.MetaData()  # type: ignore[attr-defined] # made here
    sys.modules[module.__name__] = module
    exec(compile(apart, module.__name__, "exec"), vars(module))  # noqa: S102 - what is tested
    return module


async def differences(db: Database, module: Any) -> list[str]:
    """What the next revision would change, given these models."""
    metadata = compile_all(module.METADATA)

    def found(connection: sa.Connection) -> list[str]:
        engine = engine_named(connection.dialect.name)
        before = engine.inspect(connection, schemas_of(metadata))
        return [str(c) for c in compare(before, engine.desired(connection, metadata)).changes]

    async with db.connect() as connection:
        return await connection.run_sync(found)


async def script(db: Database, name: str) -> None:
    text = (DATA / name).read_text(encoding="utf-8")
    async with db.connect() as connection:
        for statement in text.split(";\n"):
            if statement.strip():
                await connection.exec_driver_sql(statement)


# ---- models of our own ---------------------------------------------------------------------------


async def test_models_come_back_as_what_they_make(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()

        found = await pulled(db)

        assert found.differences == ()
        assert found.tables == 4
        module = loaded(found.source)
        assert await differences(db, module) == []
        hero, team = module.Hero, module.Team
        assert {"id", "code", "class_", "unit_price"} <= hero.model_fields.keys()
        assert hero.model_fields["kind"].annotation == Literal["a", "b"]
        assert hero.model_fields["motto"].default == "it's: me"
        teams = Repository(team, db)
        await teams.add(team(name="A", color="it's blue", place={"city": "Bern"}))
        assert (await teams.load(team.heros).one()).heros == []


# ---- the record shop -----------------------------------------------------------------------------


@only_on("sqlite", "postgresql")
async def test_the_record_shop_is_pulled_from_its_own_script(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await script(db, f"{db.engine_name}.sql")

        found = await pulled(db)

        unnamed = ("11 constraints without a name would get one",)
        assert found.differences == (unnamed if db.engine_name == "sqlite" else ())
        assert found.tables == 11
        module = loaded(found.source)
        albums = Repository(module.Album, db)
        artist = await Repository(module.Artist, db).add(module.Artist(artist_id=1, name="AC/DC"))
        await albums.add(module.Album(album_id=1, title="Let There Be Rock", artist_id=1))
        album = await albums.load(module.Album.artist).one()
        assert album.artist == artist


# ---- what others have made -----------------------------------------------------------------------

STRANGE = """
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('happy', 'it''s sad');
CREATE TABLE other.author (id serial PRIMARY KEY, "from" text);
CREATE TABLE author (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_name text NOT NULL DEFAULT 'a:b',
    mood mood NOT NULL DEFAULT 'happy',
    tags text[] NOT NULL DEFAULT '{}',
    address inet,
    spot point,
    made timestamptz NOT NULL DEFAULT now(),
    token uuid NOT NULL DEFAULT gen_random_uuid(),
    price numeric(8, 2) NOT NULL DEFAULT 1.50,
    score real NOT NULL DEFAULT 0,
    data json,
    flag boolean NOT NULL DEFAULT false,
    twice bigint GENERATED ALWAYS AS (id * 2) STORED,
    other_id integer REFERENCES other.author ON UPDATE CASCADE,
    sorted text COLLATE "C",
    CONSTRAINT positive CHECK (price > 0),
    UNIQUE NULLS NOT DISTINCT (model_name, address)
);
CREATE UNIQUE INDEX by_name ON author (lower(model_name)) WHERE flag;
CREATE INDEX by_tags ON author USING gin (tags);
CREATE INDEX covering ON author (price) INCLUDE (made);
CREATE TABLE page (
    book text, number int, PRIMARY KEY (number, book),
    before_book text, before_number int,
    FOREIGN KEY (before_number, before_book) REFERENCES page DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE "model" ("1st" text, "class" text PRIMARY KEY, "Class" text);
CREATE TABLE log (line text);
COMMENT ON TABLE page IS 'It''s "one"'
"""


@only_on("postgresql")
async def test_what_models_cannot_say_is_told(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        async with db.connect() as connection:
            for statement in STRANGE.split(";\n"):
                await connection.exec_driver_sql(statement)

        found = await pulled(db, None, "other")

        assert found.differences == (
            "alter column author.id: identity always -> by default",
            "alter column author.twice: computed (id * 2) -> none",
            "drop column model.Class",
            "alter column other.author.id: type integer -> bigint, identity serial -> by default",
            "the table log has no primary key, so it can have no model",
        )
        assert await differences(db, loaded(found.source)) == [
            *found.differences[:-1],
            "drop table log",
        ]


SHOP = """
CREATE TABLE category (
    one TEXT, other TEXT, CONSTRAINT pk_category PRIMARY KEY (other, one)
) STRICT;
CREATE TABLE lid (id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE box (
    id INTEGER PRIMARY KEY,
    lid_id INTEGER REFERENCES lid REFERENCES box ON DELETE SET NULL,
    gone_id INTEGER REFERENCES gone,
    one TEXT, other TEXT, third TEXT,
    weight NUMERIC,
    share REAL NOT NULL DEFAULT (0.5),
    "Lid" TEXT CHECK ("Lid" <> ''),
    FOREIGN KEY (other, one) REFERENCES category,
    FOREIGN KEY (third, one) REFERENCES category
)
"""


@only_on("sqlite")
async def test_a_database_without_names_or_order_is_pulled_too(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        async with db.connect() as connection:
            for statement in SHOP.split(";\n"):
                await connection.exec_driver_sql(statement)

        found = await pulled(db)

        assert found.differences == (
            "7 constraints without a name would get one",
            "drop foreign key (gone_id) of box",
        )
        box = loaded(found.source).Box
        assert box.model_fields["share"].default == 0.5
        assert await Repository(box, db).load(box.lid_3, box.category_2).all() == []
