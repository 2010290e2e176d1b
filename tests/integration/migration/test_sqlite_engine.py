"""SQLite's part in migrations: the file is read, altered where it can be, and rebuilt where not."""

import enum
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from pydantic import NaiveDatetime

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.migration.engines.sqlite import SQLiteEngine
from andamios_orm.migration.operations import SqlType
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
from andamios_orm.schema.compiler import compile_all

ENGINE = SQLiteEngine()


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def run(connection: sa.Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def inspected(connection: sa.Connection, *statements: str) -> SchemaState:
    run(connection, *statements)
    return ENGINE.inspect(connection, [None])


def table_of(connection: sa.Connection, *statements: str, name: str = "t") -> TableState:
    return inspected(connection, *statements).tables[TableName(name)]


def same_table(*definitions: str) -> bool:
    """Whether all definitions of a table `t` mean the same one."""
    states = []
    for definition in definitions:
        engine = sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            states.append(table_of(connection, *definition.split(";")))
        engine.dispose()
    return all(state == states[0] for state in states)


# ---- what models declare -------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"
    BLUE = "b'lue, (light"


def declared() -> sa.MetaData:
    """Models with every kind of column, constraint and index."""
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(unique=True, max_length=20)

    class Hero(Model, table=True, metadata=metadata):
        __table_args__ = (
            sa.UniqueConstraint("name", "age"),
            sa.CheckConstraint("age > 3 /* ) */ OR name = '--,('", name="own"),
            sa.Index("ix_text", sa.text("lower(name)"), sa.text("age DESC"), unique=True),
            sa.Index("ix_part", "age", sqlite_where=sa.text("age > 4 AND name <> ')'")),
        )
        id: Col[int] = generated()
        name: Col[str] = field(index=True, pattern="a")
        age: Col[int] = field(ge=0, default=3, server_default="3")
        color: Col[Color]
        word: Col[Literal["a", "b"]]
        weight: Col[float] = field(lt=3.5)
        data: Col[bytes] = field(max_length=4)
        price: Col[Decimal] = field(max_digits=10, decimal_places=2, multiple_of=0.5)
        debt: Col[Decimal] = field(max_digits=30, decimal_places=2, gt=Decimal("-0.1"))
        day: Col[date] = field(server_default=sa.func.now())
        at: Col[datetime] = field(server_default=sa.func.now())
        clock: Col[time]
        wall: Col[NaiveDatetime | None]
        key: Col[uuid.UUID]
        long: Col[timedelta]
        ok: Col[bool] = field(server_default=True)
        said: Col[dict[str, Any] | None] = field(column="json")
        order: Col[int | None]
        CamelCase: Col[str]
        team_id: Col[int | None] = field(foreign_key=Team.id, on_delete="SET NULL")

    class Part(Model, table="part of", metadata=metadata):
        __table_args__ = (
            sa.ForeignKeyConstraint(
                ["a", "b"], ["part of.a", "part of.b"], deferrable=True, initially="DEFERRED"
            ),
        )
        a: Col[int] = field(primary_key=True)
        b: Col[str] = field(primary_key=True)

    return compile_all(metadata)


async def test_tables_of_models_are_what_was_desired(sqlite_url: str) -> None:
    metadata = declared()
    async with Database(sqlite_url, metadata=metadata) as db:
        await db.create_all()
        async with db.connect() as connection:
            live = await connection.run_sync(ENGINE.inspect, [None])
            desired = await connection.run_sync(ENGINE.desired, metadata)

    assert live == desired
    assert len(live.tables) == 3


def test_tables_may_refer_to_each_other_and_have_any_name(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    sa.Table(
        "order",
        metadata,
        sa.Column("Select", sa.Integer, primary_key=True),
        sa.Column("a, (b", sa.ForeignKey('x"y.z')),
        sa.Index("ix, (1", "a, (b"),
    )
    sa.Table(
        'x"y', metadata, sa.Column("z", sa.Integer, sa.ForeignKey("order.Select"), unique=True)
    )

    desired = ENGINE.desired(connection, metadata)

    order, other = desired.tables[TableName("order")], desired.tables[TableName('x"y')]
    assert order.primary_key == KeyState(name=None, columns=("Select",))
    assert order.foreign_keys[0].target == other.name
    assert other.foreign_keys[0].target_columns == ("Select",)
    assert order.indexes == (IndexState(name="ix, (1", parts=('"a, (b"',)),)
    assert inspected(connection).tables == {}


# ---- what is read of a table ---------------------------------------------------------------------


def test_every_aspect_of_a_table_is_read(connection: sa.Connection) -> None:
    table = table_of(
        connection,
        "CREATE TABLE other (a INTEGER, b TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        """CREATE TABLE t (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name VARCHAR( 20 ) NOT NULL DEFAULT 'x' COLLATE NOCASE,
            size DECIMAL(10, 2) CONSTRAINT sized CHECK (size > 0),
            twice AS (size*2),
            thrice INT GENERATED ALWAYS AS (size * 3) STORED,
            other TEXT REFERENCES other ON DELETE SET NULL ON UPDATE NO ACTION MATCH FULL,
            CONSTRAINT named UNIQUE (name, size) ON CONFLICT IGNORE,
            CHECK (name != ''),
            CONSTRAINT fk FOREIGN KEY (id, name) REFERENCES other (a, b)
                ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED
        )""",
        "CREATE UNIQUE INDEX ix ON t (lower(name) DESC, size ASC) WHERE size>1",
    )

    assert table == TableState(
        name=TableName("t"),
        columns=(
            ColumnState(name="id", type="INTEGER", nullable=False),
            ColumnState(
                name="name",
                type="VARCHAR(20)",
                nullable=False,
                default="'x'",
                collation="NOCASE",
            ),
            ColumnState(name="size", type="DECIMAL(10,2)"),
            ColumnState(name="twice", type="", computed="size * 2", stored=False),
            ColumnState(name="thrice", type="INT", computed="size * 3"),
            ColumnState(name="other", type="TEXT"),
        ),
        primary_key=KeyState(name=None, columns=("id",)),
        uniques=(
            UniqueState(name="named", columns=("name", "size"), options="ON CONFLICT IGNORE"),
        ),
        checks=(
            CheckState(name=None, sql="name != ''"),
            CheckState(name="sized", sql="size > 0"),
        ),
        foreign_keys=(
            ForeignKeyState(
                name=None,
                columns=("other",),
                target=TableName("other"),
                target_columns=("a", "b"),
                on_delete="SET NULL",
            ),
            ForeignKeyState(
                name="fk",
                columns=("id", "name"),
                target=TableName("other"),
                target_columns=("a", "b"),
                on_update="CASCADE",
                options="DEFERRABLE INITIALLY DEFERRED",
            ),
        ),
        indexes=(
            IndexState(
                name="ix", parts=("lower(name) DESC", "size"), unique=True, where="size > 1"
            ),
        ),
        options=(("sqlite_autoincrement", "True"),),
    )


def test_options_of_a_table_are_read(connection: sa.Connection) -> None:
    tables = inspected(
        connection,
        "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT",
        "CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID",
    ).tables

    assert tables[TableName("a")].options == (("sqlite_strict", "True"),)
    assert tables[TableName("b")].options == (
        ("sqlite_strict", "True"),
        ("sqlite_with_rowid", "False"),
    )


def test_other_objects_and_our_own_tables_are_not_read(connection: sa.Connection) -> None:
    tables = inspected(
        connection,
        "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "CREATE TABLE andamios_migration_journal (a)",
        "CREATE TABLE andamios_database (a)",
        "CREATE TABLE andamios_dropped_t (a)",
        "CREATE TABLE andamios_new_t (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE words USING fts5 (a)",
        "CREATE TEMP TABLE u (a)",
        "ANALYZE",
    ).tables

    assert set(tables) == {TableName("t")}
    assert ENGINE.inspect(connection, ["sales"]).tables == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a INT", "a TEXT"),
        ("a INT", "a INT NOT NULL"),
        ("a INT", "a INT DEFAULT 1"),
        ("a INT", "a INT UNIQUE"),
        ("a INT", "a INT COLLATE NOCASE"),
        ("a INT, b INT", "a INT, b INT AS (1)"),
        ("a INT, b INT AS (1)", "a INT, b INT AS (1) STORED"),
        ("a INT, b INT AS (1)", "a INT, b INT AS (2)"),
        ("a INT CHECK (a > 1)", "a INT CHECK (a > 2)"),
        ("a INT CHECK (a = 'X')", "a INT CHECK (a = 'x')"),
        ("a INT, CONSTRAINT x CHECK (a)", "a INT, CONSTRAINT y CHECK (a)"),
        ("a INT PRIMARY KEY, b INT", "a INT, b INT, PRIMARY KEY (a, b)"),
        ("a INT, b INT, PRIMARY KEY (b, a)", "a INT, b INT, PRIMARY KEY (a, b)"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("a INT REFERENCES t (a)", "a INT REFERENCES t (a) ON DELETE CASCADE"),
        ("a INT REFERENCES t (a)", "a INT REFERENCES u (a)"),
        ("a INT, UNIQUE (a)", "a INT, UNIQUE (a COLLATE NOCASE)"),
        ("a INT, UNIQUE (a) ON CONFLICT FAIL", "a INT, UNIQUE (a COLLATE NOCASE) ON CONFLICT FAIL"),
    ],
)
def test_every_difference_between_tables_is_seen(one: str, other: str) -> None:
    assert not same_table(f"CREATE TABLE t ({one})", f"CREATE TABLE t ({other})")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a INT, UNIQUE (a), CHECK (a > 1)", "a INT CHECK(a>1)UNIQUE"),
        ("a INT, CONSTRAINT x UNIQUE (a), CHECK (1)", "a INT, CONSTRAINT x UNIQUE (a) CHECK (1)"),
        (
            "a integer, check (a  >  -1 and not a is null)",
            "a INTEGER, CHECK(A>-1 AND NOT A IS NULL)",
        ),
        ("a INT NULL ON CONFLICT ABORT", "a INT DEFAULT NULL"),
        ("a INT DEFAULT -1", "a INT DEFAULT (- 1)"),
        ("a INT DEFAULT +1", "a INT DEFAULT 1"),
        ("a INT DEFAULT 'x'", 'a INT DEFAULT "x"'),
        ("a INT DEFAULT x", "a INT DEFAULT ('x')"),
        ("a INT DEFAULT true", "a INT DEFAULT TRUE"),
        ("a INT DEFAULT current_timestamp", "a INT DEFAULT (CURRENT_TIMESTAMP)"),
        ("a INT DEFAULT (1+2)", "a INT DEFAULT ( 1 + 2 )"),
        ("a INT DEFAULT (-abs(1))", "a INT DEFAULT ( - abs (1) )"),
        ("a INT COLLATE binary", "a INT"),
        ("a TEXT COLLATE nocase", 'a TEXT COLLATE "NOCASE"'),
        ("a INT, b INT GENERATED ALWAYS AS (1) VIRTUAL", "a INT, b INT AS ( 1 )"),
        ("a INT -- b, (\n, b INT /* ) */", "[a] INT, `b` INT"),
        ("a INT, b INT UNIQUE", "'a' INT, \"b\" INT, UNIQUE (b ASC)"),
        ("a INT CHECK (coalesce(a,1)-1>2)", 'a INT CHECK (coalesce("A", 1) - 1 > 2)'),
        ("a INT CHECK (a IN (1,2))", "a INT CHECK (a in(1, 2))"),
        ("a INT CHECK (t.a > CAST(a AS REAL))", "a INT CHECK ([t] . a > cast (a as REAL))"),
        ("a INT NOT NULL REFERENCES t (a)", "a INT REFERENCES T (A) NOT DEFERRABLE NOT NULL"),
        ("a INT REFERENCES t (a)", "a INT REFERENCES t (a) DEFERRABLE INITIALLY IMMEDIATE"),
        ("a INT REFERENCES t (a)", "a INT REFERENCES t (a) DEFERRABLE"),
        ("a INT REFERENCES t (a) UNIQUE", "a INT REFERENCES t (a) UNIQUE NOT DEFERRABLE"),
        ("a INT, PRIMARY KEY (a)", "a INT PRIMARY KEY DESC ON CONFLICT REPLACE"),
        ("a INTEGER PRIMARY KEY AUTOINCREMENT", "a INTEGER, PRIMARY KEY (a AUTOINCREMENT)"),
        ("a INTEGER PRIMARY KEY", "a INTEGER NOT NULL, PRIMARY KEY (a)"),
    ],
)
def test_one_table_may_be_written_in_many_ways(one: str, other: str) -> None:
    assert same_table(f"CREATE TABLE t ({one})", f"create table if not exists [t]({other})")


def test_a_text_in_double_quotes_is_no_column(connection: sa.Connection) -> None:
    table = table_of(connection, 'CREATE TABLE t (a TEXT, CHECK ("a" <> "b""c"))')

    assert table.checks[0].sql == 'a <> "b""c"'


def test_an_altered_table_reads_like_a_new_one() -> None:
    assert same_table(
        "CREATE TABLE t (a INTEGER, CHECK (a > 1)); ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'x'",
        "CREATE TABLE t (a INTEGER, b TEXT DEFAULT 'x', CHECK (a > 1))",
    )
    assert same_table(
        "CREATE TABLE t (b INTEGER, CHECK (b > 1)); CREATE INDEX i ON t (lower(b), b) WHERE b;"
        'ALTER TABLE t RENAME COLUMN b TO "Odd name"',
        'CREATE TABLE t ("Odd name" INTEGER, CHECK ("Odd name" > 1));'
        'CREATE INDEX i ON t (lower("Odd name"), "Odd name") WHERE "Odd name"',
    )
    assert same_table(
        "CREATE TABLE u (b INTEGER REFERENCES u (b)); ALTER TABLE u RENAME TO t",
        "CREATE TABLE t (b INTEGER REFERENCES t (b))",
    )


def test_a_foreign_key_may_refer_to_nothing(connection: sa.Connection) -> None:
    (key,) = table_of(connection, "CREATE TABLE t (a INT REFERENCES Gone)").foreign_keys

    assert (key.target, key.target_columns) == (TableName("Gone"), ())


# ---- types ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INTEGER", sa.Integer),
        ("TEXT", sa.Text),
        ("REAL", sa.REAL),
        ("BLOB", sa.BLOB),
        ("VARCHAR(20)", sa.VARCHAR),
        ("NUMERIC(10,2)", sa.NUMERIC),
        ("BIGINT", sa.BIGINT),
        ("DOUBLE PRECISION", SqlType),
        ("ARRAY", SqlType),
        ("INTERVAL", SqlType),
        ("TEXT(1,2)", SqlType),
        ("DOUBLE", sa.DOUBLE),
        ("FLOAT(5)", SqlType),
        ("", SqlType),
    ],
)
def test_a_type_is_written_as_it_is(
    connection: sa.Connection, text: str, kind: type[sa.types.TypeEngine[Any]]
) -> None:
    column = sa.Column("a", ENGINE.column_type(text))
    metadata = sa.MetaData()
    sa.Table("t", metadata, column)

    assert isinstance(column.type, kind)
    desired = ENGINE.desired(connection, metadata)
    assert desired.tables[TableName("t")].column("a").type == text
