"""The rows of a live DuckDB database that a stricter rule would refuse are counted before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Database
from andamios_orm.migration.engines.duckdb import DuckDBEngine
from andamios_orm.migration.operations import RebuildTableOp

ENGINE = DuckDBEngine()


@pytest_asyncio.fixture
async def connection(duckdb_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(duckdb_url) as db, db.connect() as connection:
        for statement in (
            "CREATE TABLE team (id INT PRIMARY KEY)",
            """
            CREATE TABLE hero (
                id INT PRIMARY KEY, name VARCHAR NOT NULL, nick VARCHAR, age INT UNIQUE,
                pay DOUBLE, team_id INT, note VARCHAR, CHECK (nick <> 'x'),
                FOREIGN KEY (team_id) REFERENCES team (id)
            )""",
            "CREATE UNIQUE INDEX ix_note ON hero (lower(note))",
            "INSERT INTO team VALUES (1)",
            """
            INSERT INTO hero VALUES
                (1, 'Ada', NULL, 36, 1.5, 1, 'a'), (2, 'Ada', 'Bo', NULL, 2, NULL, 'b'),
                (3, '77', 'Bo', 300, 'nan', 1, 'c')""",
        ):
            await connection.exec_driver_sql(statement)
        yield connection


async def asked(
    connection: AsyncConnection, operation: MigrateOperation
) -> list[tuple[int, str, str | None]]:
    """How many rows are in the way of an operation, of what, and which fill would help."""

    def count(connection: sa.Connection) -> list[tuple[int, str, str | None]]:
        state = ENGINE.inspect(connection, [None])
        return [
            (found, question.problem, question.fill)
            for question in ENGINE.questions(operation, state)
            if (found := connection.exec_driver_sql(question.sql).scalar_one())
        ]

    return await connection.run_sync(count)


def hero(*items: sa.schema.SchemaItem, **copy: str) -> RebuildTableOp:
    """The table with one key, and some items."""
    key = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    return RebuildTableOp("hero", [key, *items], copy=copy)


def text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, **options)


def number(name: str, *items: Any, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, *items, **options)


SAME = (
    text("name", nullable=False),
    text("nick"),
    number("age"),
    sa.Column("pay", sa.Double),
    number("team_id", sa.ForeignKey("team.id")),
    text("note"),
    sa.CheckConstraint("(nick != 'x')"),
    sa.UniqueConstraint("age"),
    sa.Index("ix_note", sa.text("lower(note)"), unique=True),
)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (hero(*SAME), []),
        (hero(text("nick", nullable=False)), [(1, "have no value in hero.nick", "hero.nick")]),
        (hero(text("nick", nullable=False), nick="coalesce(nick, '')"), []),
        (hero(text("new", nullable=False)), [(3, "have no value in hero.new", "hero.new")]),
        (hero(text("new", nullable=False, server_default="")), []),
        (hero(text("new", nullable=False), new="name"), []),
        (hero(sa.Column("new", sa.Integer, sa.Identity(), nullable=False)), []),
        (
            hero(text("new", nullable=False), new="nick"),
            [(1, "have no value in hero.new", "hero.new")],
        ),
        (hero(text("new", info={}), sa.Column("up", sa.Text, sa.Computed("upper(new)"))), []),
        (hero(number("name")), [(2, "are no INTEGER in hero.name", None)]),
        (hero(sa.Column("age", sa.SmallInteger)), []),
        (hero(sa.Column("age", sa.Numeric(2, 0))), [(1, "are no DECIMAL(2, 0) in hero.age", None)]),
        (
            hero(sa.Column("pay", sa.Integer)),
            [
                (1, "are no INTEGER in hero.pay", None),
                (1, "would lose digits in hero.pay", None),
            ],
        ),
        (hero(sa.Column("pay", sa.Uuid)), [(3, "are no UUID in hero.pay", None)]),
        (
            hero(number("age"), sa.CheckConstraint("age < 200")),
            [(1, "of hero break CHECK (age < 200)", None)],
        ),
        (
            hero(text("nick"), sa.CheckConstraint("(nick != 'x')"), nick="'x'"),
            [(3, "of hero break CHECK ((nick != 'x'))", None)],
        ),
        (
            hero(
                number("age"),
                sa.Column("twice", sa.Integer, sa.Computed("age * 2")),
                sa.CheckConstraint("twice < 400"),
            ),
            [(1, "of hero break CHECK (twice < 400)", None)],
        ),
        (
            hero(text("name"), sa.UniqueConstraint("name")),
            [(1, "repeat another row's (name) in hero", None)],
        ),
        (
            hero(text("name"), text("nick"), sa.UniqueConstraint("name", "nick")),
            [],
        ),
        (
            hero(number("age"), sa.UniqueConstraint("age"), age="id // 2"),
            [(1, "repeat another row's (age) in hero", None)],
        ),
        (
            hero(text("name"), sa.Index("ix", sa.text("lower(name)"), unique=True)),
            [(1, "repeat another row's (lower(name)) in hero", None)],
        ),
        (hero(text("name"), sa.Index("ix", "name")), []),
        (
            hero(text("note"), sa.Index("i", sa.text("lower(note)"), unique=True), note="'a'"),
            [(2, "repeat another row's (lower(note)) in hero", None)],
        ),
        (
            hero(number("age", sa.ForeignKey("team.id"))),
            [(2, "of hero refer to no row of team by age", None)],
        ),
        (
            hero(number("team_id", sa.ForeignKey("team.id")), team_id="team_id + 1"),
            [(2, "of hero refer to no row of team by team_id", None)],
        ),
        (
            hero(number("boss", sa.ForeignKey("hero.id")), boss="id + 1"),
            [(1, "of hero refer to no row of hero by boss", None)],
        ),
        (hero(number("age", sa.ForeignKey("later.id"))), []),
        (hero(number("age", sa.ForeignKey("team.later"))), []),
        (RebuildTableOp("later", [number("id", nullable=False)]), []),
        (
            ops.AddColumnOp("hero", text("new", nullable=False)),
            [(3, "have no value in hero.new", "hero.new")],
        ),
        (ops.AddColumnOp("hero", text("new")), []),
        (
            ops.AlterColumnOp("hero", "nick", modify_nullable=False),
            [(1, "have no value in hero.nick", "hero.nick")],
        ),
        (ops.AlterColumnOp("hero", "later", modify_nullable=False), []),
        (ops.AlterColumnOp("hero", "nick", modify_comment="x"), []),
        (
            ops.AlterColumnOp("hero", "nick", modify_name="x", modify_nullable=False),
            [(1, "have no value in hero.x", "hero.x")],
        ),
        (
            ops.CreateUniqueConstraintOp("uq", "hero", ["nick"]),
            [(1, "repeat another row's (nick) in hero", None)],
        ),
        (
            ops.CreateIndexOp("ix", "hero", ["nick"], unique=True),
            [(1, "repeat another row's (nick) in hero", None)],
        ),
        (
            ops.CreateIndexOp("ix", "hero", [sa.text("upper(nick)")], unique=True),
            [(1, "repeat another row's (upper(nick)) in hero", None)],
        ),
        (ops.CreateIndexOp("ix", "hero", ["nick"]), []),
        (ops.CreateIndexOp("ix", "hero", ["later"], unique=True), []),
        (ops.CreateIndexOp("ix", "hero", [sa.text("upper(later)")], unique=True), []),
        (ops.CreateIndexOp("ix", "later", ["id"], unique=True), []),
        (ops.DropTableOp("hero"), []),
    ],
)
async def test_rows_in_the_way_are_counted(
    connection: AsyncConnection,
    operation: MigrateOperation,
    expected: list[tuple[int, str, str | None]],
) -> None:
    assert await asked(connection, operation) == expected


async def test_texts_that_are_equal_by_a_collation_are_not_the_same(
    connection: AsyncConnection,
) -> None:
    for statement in (
        "CREATE TABLE t (id INT, old VARCHAR COLLATE nocase, new VARCHAR)",
        "INSERT INTO t VALUES (1, 'A', 'A'), (2, 'a', 'a')",
    ):
        await connection.exec_driver_sql(statement)
    nocase = sa.Text(collation="nocase")
    items: list[sa.schema.SchemaItem] = [number("id"), text("old"), sa.Column("new", nocase)]
    items += [sa.UniqueConstraint("old"), sa.Index("ix", "new", unique=True)]
    assert await asked(connection, RebuildTableOp("t", items)) == []
    assert await asked(connection, ops.CreateIndexOp("ix", "t", ["old"], unique=True)) == []


async def test_the_cure_is_a_line_of_the_revision(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("CREATE SCHEMA s")
    await connection.exec_driver_sql("CREATE TABLE s.t (id INT, a INT)")

    def cures(connection: sa.Connection) -> list[str]:
        operation = RebuildTableOp(
            "t",
            [
                number("id", nullable=False),
                number("a"),
                sa.CheckConstraint("a > 0"),
                sa.UniqueConstraint("a"),
            ],
            schema="s",
        )
        state = ENGINE.inspect(connection, ["s"])
        return [question.cure for question in ENGINE.questions(operation, state)]

    assert await connection.run_sync(cures) == [
        "copy={'id': ...}",
        "op.backfill('t', {...}, where='NOT (a > 0)', schema='s')",
        'op.execute("DELETE FROM s.t WHERE ...")',
    ]
