"""DuckDB's part in migrations: its catalog is read, and tables are made anew with their rows."""

import enum
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, NaiveDatetime
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Col, Database, Model, NotSupported, field, generated
from andamios_orm.migration.engines.duckdb import DuckDBEngine
from andamios_orm.migration.operations import SqlType
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    SequenceState,
    TableName,
    TableState,
    UniqueState,
)
from andamios_orm.schema.compiler import compile_all

ENGINE = DuckDBEngine()


@pytest_asyncio.fixture
async def connection(duckdb_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(duckdb_url) as db, db.connect() as connection:
        yield connection


async def inspected(connection: AsyncConnection, *schemas: str | None) -> SchemaState:
    return await connection.run_sync(ENGINE.inspect, schemas or (None,))


async def desired(connection: AsyncConnection, metadata: sa.MetaData) -> SchemaState:
    return await connection.run_sync(ENGINE.desired, metadata)


async def run(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)


async def table_of(connection: AsyncConnection, *statements: str) -> TableState:
    """The table `t` after some statements."""
    await run(connection, *statements)
    return (await inspected(connection)).tables[TableName("t")]


class Mood(enum.Enum):
    good = 1
    bad = 2


def everything(metadata: sa.MetaData, schema: str | None = None) -> sa.MetaData:
    """Tables with each thing that can be declared."""
    prefix = f"{schema}." if schema else ""
    sa.Sequence("numbers", start=5, increment=2, metadata=metadata, schema=schema)
    sa.Table(
        "Team",
        metadata,
        sa.Column("Id", sa.Integer, primary_key=True),
        sa.Column("the name", sa.String(50), nullable=False, unique=True, comment="As it's said"),
        sa.Column("city", sa.Text(collation="nocase")),
        sa.Column("mood", sa.Enum(Mood, native_enum=True), server_default="good"),
        sa.Column("moods", pg.ARRAY(sa.Enum("a", "b, '", native_enum=True))),
        sa.UniqueConstraint("city", "the name"),
        comment="Who plays",
        schema=schema,
    )
    sa.Table(
        "hero",
        metadata,
        sa.Column(
            "id", sa.BigInteger, sa.Identity(start=10, increment=5, cache=3), primary_key=True
        ),
        sa.Column("part", sa.SmallInteger, primary_key=True),
        sa.Column("number", sa.Integer, server_default=sa.text("nextval('numbers')"))
        if schema is None
        else sa.Column("number", sa.Integer),
        sa.Column("age", sa.Integer, sa.CheckConstraint("age>=0 and age < 200", name="ck")),
        sa.Column("name", sa.Text, server_default="it's"),
        sa.Column("price", sa.Numeric(10, 2), server_default=sa.text("0.1 + 2")),
        sa.Column("none", sa.Integer, server_default=sa.text("NULL")),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("meta", sa.JSON, server_default=sa.text("'{}'")),
        sa.Column("tags", pg.ARRAY(sa.Text), server_default=sa.text("[]")),
        sa.Column("twice", sa.Integer, sa.Computed("age * 2")),
        sa.Column("shown", sa.Text, sa.Computed("CAST(name AS VARCHAR)")),
        sa.Column("team_id", sa.Integer, sa.ForeignKey(f"{prefix}Team.Id", name="fk")),
        sa.Column("boss", sa.BigInteger),
        sa.Column("boss part", sa.SmallInteger),
        sa.ForeignKeyConstraint(
            ["boss", "boss part"], [f"{prefix}hero.id", f"{prefix}hero.part"], name="fk2"
        ),
        sa.CheckConstraint("name <> 'a:b %(c)s'", name="ck2"),
        sa.Index("ix_name", "name", unique=True),
        sa.Index("Ix parts", sa.text("lower(name)"), sa.desc("age"), sa.text("(age + part)")),
        sa.Index("ix_cast", sa.text("CAST(age AS VARCHAR)"), sa.text("name || ',('")),
        schema=schema,
    )
    sa.Table(
        "down",
        metadata,
        sa.Column(
            "id", sa.BigInteger, sa.Identity(increment=-1, cycle=True, minvalue=-9, start=-3)
        ),
        schema=schema,
    )
    return metadata


def models() -> sa.MetaData:
    """A model with each kind of column."""
    metadata = sa.MetaData()

    class Address(BaseModel):
        street: str

    class Team(Model, table=True, metadata=metadata):
        id: Col[UUID] = field(primary_key=True)
        name: Col[str] = field(min_length=1, max_length=50, unique=True, description="Its name")

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        team_id: Col[UUID | None] = field(default=None, foreign_key=Team.id, index=True)
        boss_id: Col[int | None] = field(default=None, foreign_key="hero.id")
        age: Col[int] = field(ge=0, le=200, server_default=18)
        pay: Col[Decimal] = field(max_digits=10, decimal_places=2, multiple_of=0.25)
        height: Col[float] = field(gt=0, server_default=1.5)
        brave: Col[bool] = field(server_default=True)
        mood: Col[Mood]
        rank: Col[Literal["low", "high"]] = field(default="low", server_default="low")
        born: Col[date]
        woke: Col[time]
        since: Col[AwareDatetime] = field(server_default=sa.func.now())
        seen: Col[NaiveDatetime]
        lasts: Col[timedelta]
        photo: Col[bytes] = field(max_length=99)
        tags: Col[list[str]] = field(default_factory=list, server_default="[]")
        address: Col[Address]
        anything: Col[dict[str, Any]]

    return compile_all(metadata)


# ---- what is there, and what is declared ---------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        everything(sa.MetaData()),
        everything(sa.MetaData(), schema="Other place"),
        everything(everything(sa.MetaData()), schema="other"),
        models(),
    ],
    ids=["default", "schema", "both", "models"],
)
async def test_what_was_created_is_what_was_declared(
    duckdb_url: str, metadata: sa.MetaData
) -> None:
    schemas = {None, *(table.schema for table in metadata.tables.values())}
    async with Database(duckdb_url, metadata=metadata) as db:
        await db.create_all()
        async with db.connect() as connection:
            wished = await desired(connection, metadata)
            created = await inspected(connection, *schemas)
    assert created == wished
    assert len(created.tables) == len(metadata.tables)
    # A file that was closed is read into another catalog.
    async with Database(duckdb_url) as db, db.connect() as connection:
        assert await inspected(connection, *schemas) == wished


async def test_a_table_is_read_with_all_that_it_has(connection: AsyncConnection) -> None:
    team = "CREATE TABLE team (id INT PRIMARY KEY, a INT, b INT, UNIQUE (a, b))"
    found = await table_of(
        connection,
        team,
        "CREATE SEQUENCE t_id_seq INCREMENT 2 MINVALUE 0 MAXVALUE 99 START 4 CYCLE",
        """
        CREATE TABLE t (
            id BIGINT DEFAULT nextval('t_id_seq') PRIMARY KEY,
            "the name" VARCHAR(20) COLLATE nocase NOT NULL DEFAULT 'it''s',
            mood ENUM('good', 'b, ad'),
            twice INT GENERATED ALWAYS AS (id * 2) VIRTUAL,
            x INT, y INT,
            UNIQUE ("the name", x), UNIQUE (y), CHECK (x>0),
            FOREIGN KEY (x, y) REFERENCES team (a, b)
        )""",
        'CREATE INDEX ix ON t (x DESC, lower("the name"))',
        'CREATE UNIQUE INDEX "IX (2)" ON t (y)',
        "COMMENT ON TABLE t IS 'told'",
        "COMMENT ON COLUMN t.x IS 'of x'",
    )
    assert found == TableState(
        name=TableName("t"),
        columns=(
            ColumnState(
                name="id",
                type="BIGINT",
                nullable=False,
                identity="sequence INCREMENT BY 2 MINVALUE 0 MAXVALUE 99 CYCLE",
            ),
            ColumnState(
                name="the name",
                type="VARCHAR",
                nullable=False,
                default="'it''s'",
                collation="nocase",
            ),
            ColumnState(name="mood", type="ENUM('good', 'b, ad')"),
            ColumnState(name="twice", type="INTEGER", computed="(id * 2)", stored=False),
            ColumnState(name="x", type="INTEGER", comment="of x"),
            ColumnState(name="y", type="INTEGER"),
        ),
        primary_key=KeyState(name=None, columns=("id",)),
        uniques=(
            UniqueState(name=None, columns=("the name", "x")),
            UniqueState(name=None, columns=("y",)),
        ),
        checks=(CheckState(name=None, sql="(x > 0)"),),
        foreign_keys=(
            ForeignKeyState(
                name=None, columns=("x", "y"), target=TableName("team"), target_columns=("a", "b")
            ),
        ),
        indexes=(
            IndexState(name="IX (2)", parts=("y",), unique=True),
            IndexState(name="ix", parts=("x", 'lower("the name")')),
        ),
        comment="told",
    )
    assert not (await inspected(connection)).sequences


@pytest.mark.parametrize(
    ("aspect", "change"),
    [
        ("columns", "ALTER TABLE t ADD COLUMN c INT"),
        ("columns", "ALTER TABLE t DROP COLUMN b"),
        ("columns", "ALTER TABLE t RENAME b TO c"),
        ("columns", "ALTER TABLE t ALTER b TYPE BIGINT"),
        ("columns", "ALTER TABLE t ALTER mood TYPE ENUM('a', 'b')"),
        ("columns", "ALTER TABLE t ALTER b SET NOT NULL"),
        ("columns", "ALTER TABLE t ALTER b SET DEFAULT 2"),
        ("columns", "ALTER TABLE t ALTER id DROP DEFAULT"),
        ("columns", "COMMENT ON COLUMN t.b IS 'x'"),
        ("comment", "COMMENT ON TABLE t IS 'x'"),
        ("uniques", "ALTER TABLE t ADD UNIQUE (b)"),
        ("indexes", "CREATE INDEX iy ON t (b)"),
    ],
)
async def test_each_change_is_seen(connection: AsyncConnection, aspect: str, change: str) -> None:
    before = await table_of(
        connection,
        "CREATE SEQUENCE t_id_seq",
        "CREATE TABLE t (id INT DEFAULT nextval('t_id_seq'), b INT, mood ENUM('a'))",
    )
    after = await table_of(connection, change)
    assert [
        name
        for name in ("columns", "primary_key", "uniques", "checks", "indexes", "comment")
        if getattr(after, name) != getattr(before, name)
    ] == [aspect]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a INT PRIMARY KEY", "a INT NOT NULL"),
        ("a INT, b INT, PRIMARY KEY (a, b)", "a INT, b INT, PRIMARY KEY (b, a)"),
        ("a INT CHECK (a > 0)", "a INT CHECK (a > 1)"),
        ("a INT CHECK (a > 0)", "a INT"),
        ("a INT REFERENCES team (id)", "a INT"),
        ("a INT REFERENCES team (id)", "a INT REFERENCES team (b)"),
        ("a INT REFERENCES team (id)", "a INT REFERENCES crew (id)"),
        ("a INT UNIQUE", "a INT"),
        ("a VARCHAR COLLATE nocase", "a VARCHAR"),
        ("a VARCHAR COLLATE nocase", "a VARCHAR COLLATE nocase.noaccent"),
        ("a INT, b INT AS (a + 1)", "a INT, b INT AS (a + 2)"),
        ("a INT, b INT AS (a + 1)", "a INT, b INT"),
        ("a INT DEFAULT nextval('t_a_seq')", "a INT DEFAULT nextval('other')"),
        ("a INT DEFAULT nextval('t_a_seq')", "a INT DEFAULT 1"),
        ("a DECIMAL(10, 2)", "a DECIMAL(10, 3)"),
        ("a INT[]", "a BIGINT[]"),
        ("a STRUCT(x INT)", "a STRUCT(y INT)"),
    ],
)
async def test_what_only_a_new_table_can_have_is_seen(
    connection: AsyncConnection, one: str, other: str
) -> None:
    await run(
        connection,
        *(f"CREATE TABLE {name} (id INT PRIMARY KEY, b INT UNIQUE)" for name in ("team", "crew")),
        *(f"CREATE SEQUENCE {name}" for name in ("t_a_seq", "other")),
    )
    before = await table_of(connection, f"CREATE TABLE t ({one})")
    assert before == await table_of(connection, f"CREATE OR REPLACE TABLE t ({one})")
    assert before != await table_of(connection, f"CREATE OR REPLACE TABLE t ({other})")


async def test_a_default_of_null_is_no_default(connection: AsyncConnection) -> None:
    found = await table_of(connection, "CREATE TABLE t (a INT DEFAULT NULL)")
    assert found.columns == (ColumnState(name="a", type="INTEGER"),)


async def test_what_is_no_table_of_the_models_is_not_read(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE alembic_version (id INT)",
        "CREATE TABLE andamios_dropped_t (id INT)",
        "CREATE SEQUENCE andamios_migration_seq",
        "CREATE TEMP TABLE passing (id INT)",
        "CREATE TABLE t (id INT)",
        "CREATE INDEX andamios_new_ix ON t (id)",
        "CREATE VIEW shown AS SELECT * FROM t",
        "CREATE SCHEMA elsewhere",
        "CREATE TABLE elsewhere.u (id INT)",
        "CREATE SEQUENCE elsewhere.s",
    )
    state = await inspected(connection)
    assert state == SchemaState(
        engine="duckdb",
        tables={
            TableName("t"): TableState(
                name=TableName("t"), columns=(ColumnState(name="id", type="INTEGER"),)
            )
        },
    )
    both = await inspected(connection, None, "elsewhere", "missing")
    assert set(both.tables) == {TableName("t"), TableName("u", "elsewhere")}
    assert set(both.sequences) == {TableName("s", "elsewhere")}
    assert await inspected(connection, "main") == state


async def test_a_sequence_has_options(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE SEQUENCE plain START 7",
        "CREATE SEQUENCE back INCREMENT -2 MAXVALUE 5 CYCLE",
    )
    assert (await inspected(connection)).sequences == {
        name: SequenceState(name=name, options=options)
        for name, options in (
            (TableName("plain"), ""),
            (TableName("back"), "INCREMENT BY -2 MAXVALUE 5 CYCLE"),
        )
    }


async def test_where_a_sequence_begins_is_told_of_those_that_are_new(
    connection: AsyncConnection,
) -> None:
    metadata = sa.MetaData()
    sa.Sequence("ticket", start=100, metadata=metadata)
    sa.Sequence("known", start=100, metadata=metadata)
    sa.Table("t", metadata, sa.Column("id", sa.BigInteger, sa.Identity(start=50)))
    await run(connection, "CREATE SEQUENCE known START 3")
    wished = await desired(connection, metadata)
    assert wished.sequences[TableName("ticket")].options == "START WITH 100"
    assert wished.sequences[TableName("known")].options == ""
    assert wished.tables[TableName("t")].column("id").identity == "sequence START WITH 50"


async def test_what_duckdb_cannot_have_is_refused(connection: AsyncConnection) -> None:
    metadata = sa.MetaData()
    for name, other in (("a", "b"), ("b", "a")):
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("other", sa.ForeignKey(f"{other}.id")),
        )
    with pytest.raises(NotSupported, match="refer to each other"):
        await desired(connection, metadata)


async def test_what_is_wished_is_created_elsewhere(connection: AsyncConnection) -> None:
    await desired(connection, everything(sa.MetaData()))
    assert await inspected(connection) == SchemaState(engine="duckdb")


# ---- types ---------------------------------------------------------------------------------------


OTHER_TYPES = {
    "DECIMAL(10,2)[][]",
    "ENUM('it''s', 'b, c')[]",
    "FLOAT",
    "HUGEINT",
    "INTEGER[3]",
    "INTEGER[3][]",
    "MAP(VARCHAR, INTEGER)",
    "STRUCT(a INTEGER, b VARCHAR)",
    "STRUCT(a INTEGER, b VARCHAR)[]",
    "TIME WITH TIME ZONE",
    "UINTEGER",
    "SMALLINT",
}


async def test_every_type_of_the_catalog_is_written_as_one_that_makes_it_again(
    connection: AsyncConnection,
) -> None:
    state = await desired(connection, models())
    kinds = {column.type for table in state.tables.values() for column in table.columns}
    metadata = sa.MetaData()
    names = {f"c{number}": name for number, name in enumerate(sorted(kinds | OTHER_TYPES))}
    types = {column: ENGINE.column_type(name) for column, name in names.items()}
    sa.Table("t", metadata, *(sa.Column(column, kind) for column, kind in types.items()))
    made = (await desired(connection, metadata)).tables[TableName("t")]
    assert {column.name: column.type for column in made.columns} == names
    # A revision file can name each of them.
    assert {type(kind).__module__.split(".")[0] for kind in types.values()} == {
        "sqlalchemy",
        "andamios_orm",
    }
    assert all(
        isinstance(kind, SqlType) or hasattr(sa, type(kind).__name__) or isinstance(kind, sa.ARRAY)
        for kind in types.values()
    )
