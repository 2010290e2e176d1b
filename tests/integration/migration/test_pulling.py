"""Models written from a database that is there."""

import sys
from datetime import date, datetime, time, timedelta
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
    apart = apart.replace("metadata=default_metadata", "metadata=METADATA")
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
    await executed(db, (DATA / name).read_text(encoding="utf-8"))


async def executed(db: Database, text: str) -> None:
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
        await executed(db, STRANGE)

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
        await executed(db, SHOP)

        found = await pulled(db)

        assert found.differences == (
            "7 constraints without a name would get one",
            "drop foreign key (gone_id) of box",
        )
        box = loaded(found.source).Box
        assert box.model_fields["share"].default == 0.5
        assert await Repository(box, db).load(box.lid_3, box.category_2).all() == []


# ---- keys of another width than models count -----------------------------------------------------

INTEGER_KEYS = """
CREATE TABLE t (id INTEGER PRIMARY KEY);
CREATE TABLE c (id INTEGER PRIMARY KEY REFERENCES t, t_id INTEGER REFERENCES t);
CREATE TABLE d (id INTEGER PRIMARY KEY, c_id INTEGER REFERENCES c, d_id INTEGER REFERENCES d);
CREATE TABLE pair (a INTEGER, b SMALLINT, PRIMARY KEY (a, b));
CREATE TABLE half (
    id INTEGER PRIMARY KEY, a INTEGER, b SMALLINT, FOREIGN KEY (a, b) REFERENCES pair (a, b)
)
"""


@only_on("duckdb")
async def test_keys_of_small_integers_and_what_refers_to_them_are_pulled(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, INTEGER_KEYS)

        found = await pulled(db)

        assert found.differences == ()
        module = loaded(found.source)
        assert await differences(db, module) == []
        await Repository(module.T, db).add(module.T(id=1))
        await Repository(module.C, db).add(module.C(id=1, t_id=1))
        row = await Repository(module.D, db).add(module.D(id=1, c_id=1))
        assert (await Repository(module.D, db).load(module.D.c).one()).c.id == row.c_id


INT_KEYS = """
CREATE TABLE plain (id INT PRIMARY KEY);
CREATE TABLE pair (a INT, b SMALLINT UNSIGNED, PRIMARY KEY (a, b));
CREATE TABLE half (
    id INT PRIMARY KEY, plain_id INT, a INT, b SMALLINT UNSIGNED,
    CONSTRAINT fk_half_plain_id_plain FOREIGN KEY (plain_id) REFERENCES plain (id),
    CONSTRAINT fk_half_a_b_pair FOREIGN KEY (a, b) REFERENCES pair (a, b)
)
"""
COUNTED_KEYS = """
CREATE TABLE base (id INT UNSIGNED PRIMARY KEY);
CREATE TABLE t (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, t_id INT UNSIGNED,
    CONSTRAINT fk_t_id_base FOREIGN KEY (id) REFERENCES base (id),
    CONSTRAINT fk_t_t_id_t FOREIGN KEY (t_id) REFERENCES t (id)
);
CREATE TABLE c (
    id INT AUTO_INCREMENT PRIMARY KEY, t_id INT UNSIGNED NOT NULL, size INT NOT NULL,
    CONSTRAINT fk_c_t_id_t FOREIGN KEY (t_id) REFERENCES t (id)
);
CREATE TABLE d (
    c_id INT PRIMARY KEY, CONSTRAINT fk_d_c_id_c FOREIGN KEY (c_id) REFERENCES c (id)
);
CREATE TABLE e (
    id INT PRIMARY KEY, d_id INT, CONSTRAINT fk_e_d_id_d FOREIGN KEY (d_id) REFERENCES d (c_id)
)
"""


@only_on("mariadb", "mysql")
async def test_keys_of_a_servers_int_are_pulled_as_they_are(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, INT_KEYS)

        found = await pulled(db)

        assert found.differences == ()
        assert await differences(db, loaded(found.source)) == []


@only_on("mariadb", "mysql")
async def test_what_refers_to_a_counted_int_becomes_as_wide_as_models_count(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, COUNTED_KEYS)

        found = await pulled(db)

        assert [*map(changed_type, found.differences)] == [
            "base.id: int(10) unsigned -> bigint(20)",
            "c.id: int(11) -> bigint(20)",
            "c.t_id: int(10) unsigned -> bigint(20)",
            "d.c_id: int(11) -> bigint(20)",
            "e.d_id: int(11) -> bigint(20)",
            "t.id: int(10) unsigned -> bigint(20)",
            "t.t_id: int(10) unsigned -> bigint(20)",
        ]
        module = loaded(found.source)
        assert await differences(db, module) == [*found.differences]
        assert module.T.model_fields["id"].is_required() is False
        assert module.E.model_fields["id"].is_required() is True


COUNTED_SMALL_KEY = """
CREATE SEQUENCE t_id_seq;
CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT nextval('t_id_seq'));
CREATE TABLE c (t_id INTEGER PRIMARY KEY REFERENCES t, size INTEGER)
"""


@only_on("duckdb")
async def test_what_refers_to_a_counted_integer_becomes_as_wide_as_models_count(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, COUNTED_SMALL_KEY)

        found = await pulled(db)

        assert [*map(changed_type, found.differences)] == [
            "c.t_id: INTEGER -> BIGINT",
            "t.id: INTEGER -> BIGINT",
        ]
        assert await differences(db, loaded(found.source)) == [*found.differences]


KEYS_THAT_SET = sa.MetaData()


class Answer(Model, table=True, metadata=KEYS_THAT_SET):
    id: Col[int] = generated()
    good: Col[bool] = field(unique=True)


class Choice(Model, table=True, metadata=KEYS_THAT_SET):
    id: Col[int] = generated()
    good: Col[bool | None] = field(default=None, foreign_key=Answer.good, on_delete="SET NULL")


@only_on("mariadb", "mysql")
async def test_a_column_that_a_key_sets_needs_no_rule_to_be_known(database_url: str) -> None:
    async with Database(database_url, metadata=KEYS_THAT_SET) as db:
        await db.create_all()

        found = await pulled(db)

        assert found.differences == ()
        field_of_it = 'good: Col[bool | None] = field(default=None, foreign_key="Answer.good"'
        assert field_of_it in found.source


def changed_type(difference: str) -> str:
    """Where a type would be another one, and which."""
    return difference.removeprefix("alter column ").replace(": type ", ": ")


# ---- keys that may be NULL -----------------------------------------------------------------------

LOOSE_KEYS = """
CREATE TABLE badge (code TEXT PRIMARY KEY, number INT UNIQUE);
CREATE TABLE seat (a INTEGER, b TEXT NOT NULL DEFAULT 'x', PRIMARY KEY (a, b));
CREATE TABLE holder (
    id INTEGER PRIMARY KEY, code TEXT REFERENCES badge, a INTEGER, b TEXT,
    FOREIGN KEY (a, b) REFERENCES seat
)
"""


@only_on("sqlite")
async def test_a_key_that_may_be_null_is_required_in_the_model_and_told(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, LOOSE_KEYS)

        found = await pulled(db)

        assert "    code: Col[str] = field(primary_key=True)\n" in found.source
        assert "    a: Col[int] = field(primary_key=True)\n" in found.source
        assert found.differences == (
            "6 constraints without a name would get one",
            "alter column badge.code: required (the database lets NULL into this key)",
            "alter column seat.a: required (the database lets NULL into this key)",
        )
        module = loaded(found.source)
        assert [d for d in await differences(db, module) if not d.startswith("rename")] == [
            "alter column badge.code: required",
            "alter column seat.a: required",
        ]
        badge = await Repository(module.Badge, db).add(module.Badge(code="gold"))
        holder = await Repository(module.Holder, db).add(module.Holder(id=1, code="gold"))
        assert holder.code == badge.code


# ---- names that a module of models uses itself ---------------------------------------------------

SHADOWS = sa.MetaData()


class Shadow(Model, table="None", metadata=SHADOWS):
    id: Col[int] = generated()
    date_: Col[date | None] = field(default=None, column="date")
    due: Col[date | None] = field(default=None)
    time_: Col[time | None] = field(default=None, column="time")
    till: Col[time | None] = field(default=None)
    datetime_: Col[datetime | None] = field(default=None, column="datetime")
    seen: Col[datetime | None] = field(default=None)
    timedelta_: Col[timedelta | None] = field(default=None, column="timedelta")
    lasted: Col[timedelta | None] = field(default=None)
    int_: Col[int | None] = field(default=None, column="int")
    size: Col[int | None] = field(default=None)
    str_: Col[str | None] = field(default=None, column="str")
    name: Col[str | None] = field(default=None)
    float_: Col[float | None] = field(default=None, column="float")
    ratio: Col[float | None] = field(default=None)
    bool_: Col[bool | None] = field(default=None, column="bool")
    active: Col[bool | None] = field(default=None)
    bytes_: Col[bytes | None] = field(default=None, column="bytes")
    raw: Col[bytes | None] = field(default=None)
    dict_: Col[dict[str, Any] | None] = field(default=None, column="dict")
    list_: Col[list[Any] | None] = field(default=None, column="list")
    data: Col[dict[str, Any] | list[Any] | None] = field(default=None)
    sa_: Col[int | None] = field(default=None, column="sa")
    field_: Col[int | None] = field(default=None, column="field")
    relation_id: Col[int | None] = field(default=None, foreign_key="Shadow.id")
    generated_: Col[int] = field(column="generated", server_default=sa.text("7"))
    relation_: Col[int] = field(column="relation", server_default=sa.text("7"))


class MetadataRow(Model, table="METADATA", metadata=SHADOWS):
    id: Col[int] = generated()


async def test_a_column_is_not_called_as_what_the_module_uses(database_url: str) -> None:
    async with Database(database_url, metadata=SHADOWS) as db:
        await db.create_all()

        found = await pulled(db)

        assert found.differences == ()
        module = loaded(found.source)
        assert await differences(db, module) == []
        assert module.TNone.model_fields.keys() == Shadow.model_fields.keys()
        rows = Repository(module.TNone, db)
        stored = await rows.add(module.TNone(date_=date(2026, 1, 2), str_="a", relation_=1))
        assert await rows.get(stored.id) == stored


# ---- keys from a sequence ------------------------------------------------------------------------

SEQUENCES = """
CREATE SEQUENCE sq;
CREATE SEQUENCE "the steps" INCREMENT BY -2 MINVALUE -9 MAXVALUE 5 CYCLE;
CREATE SCHEMA other;
CREATE SEQUENCE other.tickets;
CREATE TABLE other.ticket (id BIGINT PRIMARY KEY DEFAULT nextval('other.tickets'));
CREATE TABLE t (id INTEGER PRIMARY KEY DEFAULT nextval('sq'));
CREATE TABLE c (
    id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t, step INTEGER DEFAULT nextval('"the steps"')
)
"""


@only_on("duckdb")
async def test_a_key_that_a_sequence_counts_is_pulled_with_it(database_url: str) -> None:
    async with Database(database_url, metadata=sa.MetaData()) as db:
        await executed(db, SEQUENCES)

        found = await pulled(db, None, "other")

        assert [*map(changed_type, found.differences)] == [
            "c.t_id: INTEGER -> BIGINT",
            "t.id: INTEGER -> BIGINT",
        ]
        module = loaded(found.source)
        assert await differences(db, module) == [*found.differences]
        assert (await Repository(module.T, db).add(module.T())).id == 1
        assert (await Repository(module.Ticket, db).add(module.Ticket())).id == 1
    async with Database("duckdb://", metadata=module.METADATA) as empty:
        await empty.create_all()
        assert (await Repository(module.T, empty).add(module.T())).id == 1
