"""MariaDB's and MySQL's part in migrations: the catalog is read, and tables change under use."""

from collections.abc import AsyncIterator

import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Database
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
    UniqueState,
)
from tests.engines import only_on

pytestmark = only_on("mariadb", "mysql")


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(database_url, metadata=sa.MetaData()) as db, db.connect() as connection:
        yield connection


async def inspected(connection: AsyncConnection, *schemas: str | None) -> SchemaState:
    engine = engine_named(connection.dialect.name)
    return await connection.run_sync(engine.inspect, schemas or (None,))


async def desired(connection: AsyncConnection, metadata: sa.MetaData) -> SchemaState:
    return await connection.run_sync(engine_named(connection.dialect.name).desired, metadata)


async def run(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement.replace("%", "%%"))


async def table_of(connection: AsyncConnection, *statements: str) -> TableState:
    """The table `t` after some statements."""
    await run(connection, *statements)
    return (await inspected(connection)).tables[TableName("t")]


def everything() -> sa.MetaData:
    """Tables with each thing that can be declared."""
    metadata = sa.MetaData()
    sa.Table(
        "Team",
        metadata,
        sa.Column("Id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, unique=True, comment="As it's \\ said"),
        sa.Column("city", sa.String(20, collation="utf8mb4_bin")),
        sa.Column("mood", sa.Enum("good", "it's bad", name="mood"), server_default="good"),
        sa.Column("order", sa.BigInteger, unique=True),
        sa.UniqueConstraint("city", "name", name="uq"),
        comment="Who plays",
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
        mysql_row_format="COMPRESSED",
        mariadb_row_format="COMPRESSED",
    )
    sa.Table(
        "hero",
        metadata,
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        sa.Column("part", sa.SmallInteger, primary_key=True),
        sa.Column("age", mysql.INTEGER(unsigned=True)),
        sa.Column("name", sa.String(99), server_default="it's \\ 100% :name"),
        sa.Column("nick", sa.String(99), server_default=sa.text("(concat('it''s', '\\\\'))")),
        sa.Column("price", sa.Numeric(10, 2), server_default=sa.text("0.1")),
        sa.Column("size", sa.Double, server_default=sa.text("(1.5 + 2)")),
        sa.Column("at", mysql.DATETIME(fsp=6), server_default=sa.text("(utc_timestamp(6))")),
        sa.Column(
            "seen",
            mysql.TIMESTAMP(fsp=3),
            server_default=sa.text("CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"),
            nullable=False,
        ),
        sa.Column("bits", mysql.BIT(3), server_default=sa.text("b'101'")),
        sa.Column("meta", sa.JSON),
        sa.Column("tags", sa.Text),
        sa.Column("data", sa.LargeBinary),
        sa.Column("twice", sa.BigInteger, sa.Computed("age * 2", persisted=True)),
        sa.Column("more", sa.String(99), sa.Computed("concat(name, '%')", persisted=False)),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("Team.Id", ondelete="CASCADE", name="fk")),
        sa.Column("other_id", sa.ForeignKey("Team.Id", name="fk2", onupdate="SET NULL")),
        sa.Column("third_id", sa.ForeignKey("Team.Id", ondelete="RESTRICT"), index=True),
        sa.CheckConstraint("age >= 0 and age < 200", name="ck"),
        sa.CheckConstraint("name <> 'it''s'", name="ck2"),
        sa.UniqueConstraint("name", "part", name="uq2"),
        sa.Index("ix_name", "name", unique=True),
        sa.Index("ix_parts", sa.text("name(10)"), sa.desc("age")),
        sa.Index("ix_unique", sa.desc("part"), unique=True),
        sa.Index("ix_full", "tags", mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT"),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
        mariadb_collate="utf8mb4_unicode_ci",
    )
    return metadata


async def test_what_was_created_is_what_was_declared(connection: AsyncConnection) -> None:
    metadata = everything()
    wished = await desired(connection, metadata)
    assert not (await inspected(connection)).tables
    await connection.run_sync(metadata.create_all)
    found = await inspected(connection)
    for name, table in wished.tables.items():
        assert found.tables[name] == table
    assert found == wished
    # Also beside the tables of the same names.
    assert await desired(connection, metadata) == found


async def test_the_catalog_is_read_to_the_last_detail(connection: AsyncConnection) -> None:
    await connection.run_sync(everything().create_all)
    found = await inspected(connection)
    team, hero = found.tables[TableName("Team")], found.tables[TableName("hero")]
    prefix = connection.dialect.name
    assert (team.comment, team.options) == (
        "Who plays",
        (
            (f"{prefix}_engine", "InnoDB"),
            (f"{prefix}_charset", "utf8mb4"),
            (f"{prefix}_row_format", "COMPRESSED"),
        ),
    )
    assert hero.options[-1] == (f"{prefix}_collate", "utf8mb4_unicode_ci")
    assert team.columns == (
        ColumnState(name="Id", type="int(11)", nullable=False, identity="auto_increment"),
        ColumnState(name="name", type="varchar(50)", nullable=False, comment="As it's \\ said"),
        ColumnState(name="city", type="varchar(20)", collation="utf8mb4_bin"),
        ColumnState(name="mood", type="enum('good','it''s bad')", default="'good'"),
        ColumnState(name="order", type="bigint(20)"),
    )
    assert hero.columns == (
        ColumnState(name="id", type="bigint(20)", nullable=False, identity="auto_increment"),
        ColumnState(name="part", type="smallint(6)", nullable=False),
        ColumnState(name="age", type="int(10) unsigned"),
        ColumnState(name="name", type="varchar(99)", default="'it''s \\\\ 100% :name'"),
        ColumnState(name="nick", type="varchar(99)", default="concat('it''s','\\\\')"),
        ColumnState(name="price", type="decimal(10,2)", default="0.10"),
        ColumnState(name="size", type="double", default="(1.5 + 2)"),
        ColumnState(name="at", type="datetime(6)", default="utc_timestamp(6)"),
        ColumnState(
            name="seen",
            type="timestamp(3)",
            nullable=False,
            default="current_timestamp(3) ON UPDATE current_timestamp(3)",
        ),
        ColumnState(name="bits", type="bit(3)", default="b'101'"),
        ColumnState(name="meta", type="json"),
        ColumnState(name="tags", type="text"),
        ColumnState(name="data", type="blob"),
        ColumnState(name="twice", type="bigint(20)", computed="`age` * 2"),
        ColumnState(name="more", type="varchar(99)", computed="concat(`name`,'%')", stored=False),
        ColumnState(name="team_id", type="int(11)"),
        ColumnState(name="other_id", type="int(11)"),
        ColumnState(name="third_id", type="int(11)"),
    )
    assert hero.primary_key == KeyState(name=None, columns=("id", "part"))
    # The server makes no difference between a unique index and a UNIQUE.
    assert hero.uniques == (
        UniqueState(name="ix_name", columns=("name",)),
        UniqueState(name="uq2", columns=("name", "part")),
    )
    assert hero.checks == (
        CheckState(name="ck", sql="`age` >= 0 and `age` < 200"),
        CheckState(name="ck2", sql="`name` <> 'it''s'"),
    )
    assert hero.foreign_keys == tuple(
        ForeignKeyState(columns=columns, target=TableName("Team"), target_columns=("Id",), **more)
        for columns, more in [
            (("team_id",), {"name": "fk", "on_delete": "CASCADE"}),
            (("other_id",), {"name": "fk2", "on_update": "SET NULL"}),
            (("third_id",), {"name": "hero_ibfk_1"}),
        ]
    )
    # Not those that the server made for foreign keys.
    assert hero.indexes == (
        IndexState(name="ix_full", parts=("tags",), method="FULLTEXT"),
        IndexState(name="ix_hero_third_id", parts=("third_id",)),
        IndexState(name="ix_parts", parts=("`name`(10)", "age DESC")),
        IndexState(name="ix_unique", parts=("part DESC",), unique=True),
    )
