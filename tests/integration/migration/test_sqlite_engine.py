"""SQLite's part in migrations: the file is read, altered where it can be, and rebuilt where not."""

import enum
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from pydantic import NaiveDatetime
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.errors import MigrationError, MigrationLocked, NotSupported
from andamios_orm.migration.changes import (
    AddColumn,
    AddConstraint,
    AddIndex,
    AlterColumn,
    Change,
    DropColumn,
    DropIndex,
    RenameColumn,
    RenameIndex,
    RenameTable,
)
from andamios_orm.migration.engines.base import Patience, transaction
from andamios_orm.migration.engines.sqlite import SQLiteEngine
from andamios_orm.migration.operations import (
    CreateEnumOp,
    RebuildTableOp,
    RenameIndexOp,
    SqlType,
)
from andamios_orm.migration.reading import plain_steps
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


# ---- how changes are made ------------------------------------------------------------------------


def column(name: str, **more: Any) -> ColumnState:
    return ColumnState(name=name, **{"type": "INTEGER", **more})


def planned(*changes: Change) -> list[type[MigrateOperation]]:
    """The kinds of operation that changes of a table `t` come to."""
    before = after = SchemaState(engine="sqlite").with_table(
        TableState(name=TableName("t"), columns=(column("a"), column("b")))
    )
    return [type(operation) for operation in ENGINE.operations(changes, before, after)]


T = TableName("t")
INDEX = IndexState(name="i", parts=("a",))


@pytest.mark.parametrize(
    ("change", "operation"),
    [
        (AddColumn(T, column("b")), ops.AddColumnOp),
        (AddColumn(T, column("b", default="3")), RebuildTableOp),
        (AddColumn(T, column("b", computed="a + 1")), RebuildTableOp),
        (AddColumn(T, column("b", nullable=False)), RebuildTableOp),
        (DropColumn(T, column("b")), ops.DropColumnOp),
        (DropColumn(T, column("b", computed="a + 1")), RebuildTableOp),
        (RenameColumn(T, "c", "b"), ops.AlterColumnOp),
        (RenameTable(TableName("s"), T), ops.RenameTableOp),
        (AddIndex(T, INDEX), ops.CreateIndexOp),
        (DropIndex(T, INDEX), ops.DropIndexOp),
        (RenameIndex(T, INDEX, INDEX), RenameIndexOp),
        (AddConstraint(T, CheckState(name="c", sql="a > 1")), RebuildTableOp),
        (AlterColumn(T, column("b"), column("b", type="TEXT")), RebuildTableOp),
    ],
)
def test_what_sqlite_alters_is_altered_and_the_rest_rebuilt(
    change: Change, operation: type[MigrateOperation]
) -> None:
    assert planned(change) == [operation]


def perform(connection: sa.Connection, operation: MigrateOperation) -> None:
    """Make an operation as a migration does."""
    steps = ENGINE.steps(operation, connection)
    if steps is None:
        steps = plain_steps(operation, connection.dialect)
    for step in steps:
        for statement in step.before:
            connection.exec_driver_sql(statement)
        try:
            with transaction(connection, "BEGIN IMMEDIATE"):
                run(connection, *step.statements)
                if step.run is not None:
                    step.run(connection)
        finally:
            for statement in step.after:
                connection.exec_driver_sql(statement)


def rows(connection: sa.Connection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(sql)]


def foreign_keys_are_on(connection: sa.Connection) -> bool:
    settings = [
        connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("foreign_keys", "legacy_alter_table")
    ]
    return settings == [1, 0]


def hero(*more: sa.schema.SchemaItem, age: sa.Column[Any] | None = None, **options: Any) -> Any:
    """The operation that makes `hero` anew."""
    copy = options.pop("copy", None)
    items = (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("age", sa.Integer(), nullable=True) if age is None else age,
        sa.Column("team_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"]),
    )
    options = {"sqlite_strict": True, "sqlite_autoincrement": True, **options}
    return RebuildTableOp("hero", [*items, *more], copy=copy, options=options)


@pytest.fixture
def heroes(connection: sa.Connection) -> sa.Connection:
    """Heroes of a team, referred to by medals, with a view and triggers."""
    run(
        connection,
        "PRAGMA foreign_keys = ON",
        "CREATE TABLE team (id INTEGER PRIMARY KEY)",
        """CREATE TABLE hero (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            age INTEGER,
            team_id INTEGER REFERENCES team (id)
        ) STRICT""",
        "CREATE INDEX ix_hero_age ON hero (age)",
        "CREATE TABLE medal (hero_id INTEGER REFERENCES hero (id) ON DELETE CASCADE)",
        "CREATE TABLE log (name TEXT)",
        "CREATE VIEW named AS SELECT id, name FROM hero",
        "CREATE TRIGGER told AFTER INSERT ON hero BEGIN"
        " INSERT INTO log SELECT name FROM named WHERE id = new.id; END",
        "CREATE TRIGGER honoured AFTER INSERT ON medal BEGIN"
        " UPDATE hero SET age = age + 1 WHERE id = new.hero_id; END",
        "INSERT INTO team VALUES (7)",
        "INSERT INTO hero VALUES (1, 'Ada', 36, 7), (2, 'Grace', NULL, NULL), (9, 'Gone', 1, 7)",
        "INSERT INTO medal VALUES (1)",
        "DELETE FROM hero WHERE id = 9",
        "DELETE FROM log",
    )
    return connection


HEROES = [(1, "Ada", 37, 7), (2, "Grace", None, None)]


def test_a_rebuilt_table_keeps_its_rows_and_everything_around_it(heroes: sa.Connection) -> None:
    perform(
        heroes,
        hero(
            sa.Column("loud", sa.Text(), sa.Computed("upper(name)")),
            sa.CheckConstraint("age > 3", name="grown"),
            sa.Index("ix_hero_name", "name", sqlite_where=sa.text("age > 4")),
            sa.Index("ix_loud", sa.text("lower(loud)"), unique=True),
        ),
    )

    assert rows(heroes, "SELECT id, name, age, team_id FROM hero") == HEROES
    assert rows(heroes, "SELECT loud FROM hero") == [("ADA",), ("GRACE",)]
    assert rows(heroes, "SELECT * FROM medal") == [(1,)]
    run(heroes, "INSERT INTO hero (name) VALUES ('New')", "INSERT INTO medal VALUES (10)")
    assert rows(heroes, "SELECT * FROM log") == [("New",)]
    table = inspected(heroes).tables[TableName("hero")]
    assert [index.name for index in table.indexes] == ["ix_hero_name", "ix_loud"]
    assert [check.name for check in table.checks] == ["grown"]
    assert inspected(heroes).tables[TableName("medal")].foreign_keys[0].target == table.name
    assert foreign_keys_are_on(heroes)


def test_rows_stay_when_no_column_does(connection: sa.Connection) -> None:
    run(connection, "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1), (2)")
    made = sa.Column("b", sa.Integer(), sa.Computed("1"))
    perform(connection, RebuildTableOp("t", [made, sa.Column("c", sa.Text(), server_default="x")]))
    assert rows(connection, "SELECT * FROM t") == [(1, "x"), (1, "x")]

    perform(connection, RebuildTableOp("t", [sa.Column("d", sa.Text())]))
    assert rows(connection, "SELECT * FROM t") == [(None,), (None,)]


def test_a_rebuild_may_be_run_by_hand(heroes: sa.Connection) -> None:
    operation = hero(sa.Column("loud", sa.Text(), server_default="it's"), sa.Index("ix", "name"))
    (step,) = ENGINE.steps(operation, heroes) or ()
    run(heroes, *step.shown)

    assert rows(heroes, "SELECT id, name, age, team_id FROM hero") == HEROES
    by_hand = inspected(heroes)
    perform(heroes, operation)
    assert inspected(heroes) == by_hand
    run(heroes, "INSERT INTO hero (name) VALUES ('New')")
    assert rows(heroes, "SELECT * FROM log") == [("New",)]


def test_no_sql_is_shown_of_a_rebuild_of_what_is_not_there(connection: sa.Connection) -> None:
    (step,) = ENGINE.steps(hero(), connection) or ()

    assert step.shown == ()


def test_no_key_of_a_deleted_row_comes_again_after_a_rebuild(heroes: sa.Connection) -> None:
    perform(heroes, hero())
    run(heroes, "INSERT INTO hero (name) VALUES ('New')")

    assert rows(heroes, "SELECT max(id) FROM hero") == [(10,)]


def test_values_of_a_rebuilt_table_may_be_computed(heroes: sa.Connection) -> None:
    run(heroes, "DROP TRIGGER honoured")
    age = sa.Column("Years", sa.Integer(), nullable=False)
    more = sa.Column("rank", sa.Text(), server_default="low")
    perform(heroes, hero(more, age=age, copy={"Years": "coalesce(age, 0)"}))

    assert rows(heroes, 'SELECT id, "Years", rank FROM hero') == [(1, 37, "low"), (2, 0, "low")]


def test_a_rebuilt_table_may_refer_to_itself_and_have_no_column_of_old(
    heroes: sa.Connection,
) -> None:
    operation = RebuildTableOp(
        "team",
        [
            sa.Column("id", sa.Integer(), primary_key=True),
            sa.Column("parent_id", sa.Integer()),
            sa.ForeignKeyConstraint(["parent_id"], ["team.id"], ondelete="CASCADE"),
        ],
        copy={"parent_id": "id"},
    )
    perform(heroes, operation)

    run(heroes, "UPDATE hero SET team_id = NULL", "DELETE FROM team")
    assert rows(heroes, "SELECT count(*) FROM team") == [(0,)]


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        (hero(age=sa.Column("age", sa.Integer(), nullable=False)), "NOT NULL.*hero.age"),
        (hero(sa.CheckConstraint("age < 3", name="young")), "young"),
        (hero(age=sa.Column("age", sa.BLOB())), "INT value in BLOB column hero.age"),
        (hero(sa.Index("one", sa.text("(1)"), unique=True)), "UNIQUE.*one"),
        (hero(sa.ForeignKeyConstraint(["age"], ["team.id"])), "1 row.*hero.*nothing in team"),
        (
            hero(sa.ForeignKeyConstraint(["age"], ["team.gone"])),
            "hero would refer to columns that are not unique",
        ),
        (
            hero(
                sa.Column("one", sa.Text(), server_default="1"),
                sa.UniqueConstraint("one", sqlite_on_conflict="IGNORE"),
            ),
            "2 rows, and 1 of them",
        ),
        (hero(copy={"id": "id + 1"}), "1 row.*medal.*nothing in hero"),
        (RebuildTableOp("hero", [sa.Column("id", sa.Integer())]), "medal would refer to columns"),
        (ops.DropTableOp("hero"), "1 row.*medal.*nothing in hero"),
        (ops.DropTableOp("log"), "trigger told would be broken: no such table"),
    ],
)
def test_what_cannot_be_rebuilt_whole_is_refused_and_nothing_happens(
    heroes: sa.Connection, operation: MigrateOperation, told: str
) -> None:
    before = inspected(heroes)
    with pytest.raises(MigrationError, match=told):
        perform(heroes, operation)

    assert inspected(heroes) == before
    assert rows(heroes, "SELECT id, name, age, team_id FROM hero") == HEROES
    assert rows(heroes, "SELECT count(*) FROM medal") == [(1,)]
    assert foreign_keys_are_on(heroes)


def test_what_was_broken_before_does_not_stop_a_rebuild(heroes: sa.Connection) -> None:
    run(
        heroes,
        "CREATE VIEW old AS SELECT * FROM nowhere",
        "CREATE TABLE lost (team_id INTEGER REFERENCES hero (name))",
        "PRAGMA foreign_keys = OFF",
        "UPDATE hero SET team_id = 99",
        "PRAGMA foreign_keys = ON",
    )
    perform(heroes, hero(sa.CheckConstraint("age > 3")))

    assert rows(heroes, "SELECT count(*) FROM hero") == [(2,)]


def test_a_table_is_dropped_without_touching_others(heroes: sa.Connection) -> None:
    perform(heroes, ops.DropTableOp("medal"))
    perform(heroes, ops.DropTableOp("medal", if_exists=True))

    assert TableName("medal") not in inspected(heroes).tables
    assert rows(heroes, "SELECT count(*) FROM hero") == [(2,)]


def test_an_index_gets_another_name(heroes: sa.Connection) -> None:
    run(heroes, "CREATE UNIQUE INDEX part ON hero (lower(name) DESC, age) WHERE age > 4")
    before = {index.name: index for index in inspected(heroes).tables[TableName("hero")].indexes}

    perform(heroes, RenameIndexOp("hero", "part", "new one"))
    perform(heroes, RenameIndexOp("hero", "ix_hero_age", "ix"))

    after = {index.name: index for index in inspected(heroes).tables[TableName("hero")].indexes}
    assert after == {
        "new one": replace(before["part"], name="new one"),
        "ix": replace(before["ix_hero_age"], name="ix"),
    }


@pytest.mark.parametrize("table", ["hero", "nobody"])
def test_an_index_that_is_not_there_gets_no_other_name(heroes: sa.Connection, table: str) -> None:
    with pytest.raises(MigrationError, match=f"{table} has no index gone"):
        perform(heroes, RenameIndexOp(table, "gone", "new"))


@pytest.mark.parametrize(
    "operation",
    [
        ops.AlterColumnOp("hero", "age", modify_nullable=False),
        ops.AlterColumnOp("hero", "age", modify_name="years", modify_type=sa.Text()),
        ops.AlterColumnOp("hero", "age", modify_server_default=None),
        ops.AlterColumnOp("hero", "age", modify_comment="x"),
        ops.CreateForeignKeyOp("fk", "hero", "team", ["id"], ["id"]),
        ops.DropConstraintOp("fk", "hero"),
        CreateEnumOp("mood", ["good"]),
    ],
)
def test_what_sqlite_cannot_do_is_refused_with_the_way_that_it_can(
    heroes: sa.Connection, operation: MigrateOperation
) -> None:
    with pytest.raises(NotSupported, match=r"of hero in place|CreateEnumOp"):
        perform(heroes, operation)


def test_a_column_is_added_and_dropped_in_place(heroes: sa.Connection) -> None:
    before = inspected(heroes)
    perform(heroes, ops.AddColumnOp("hero", sa.Column("rank", sa.Text())))
    assert inspected(heroes).tables[TableName("hero")].column("rank").type == "TEXT"

    perform(heroes, ops.DropColumnOp("hero", "rank"))
    assert inspected(heroes) == before


def test_a_column_that_is_only_renamed_is_altered(heroes: sa.Connection) -> None:
    perform(heroes, ops.AlterColumnOp("hero", "age", modify_name="years"))

    assert "years" in inspected(heroes).tables[TableName("hero")].column_names


# ---- what is counted -----------------------------------------------------------------------------


def counted(connection: sa.Connection, operation: MigrateOperation) -> dict[str, int]:
    """How many rows each question about an operation counts, by its problem."""
    questions = ENGINE.questions(operation, inspected(connection))
    return {q.problem: connection.exec_driver_sql(q.sql).scalar_one() for q in questions}


def anew(*items: sa.schema.SchemaItem, copy: dict[str, str] | None = None) -> RebuildTableOp:
    return RebuildTableOp("t", items, copy=copy, options={"sqlite_strict": True})


A, B = sa.Column("a", sa.Integer()), sa.Column("b", sa.Text())
ID = sa.Column("id", sa.Integer(), primary_key=True)


@pytest.fixture
def things(connection: sa.Connection) -> sa.Connection:
    run(
        connection,
        "CREATE TABLE other (x INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, UNIQUE (b, id)) STRICT",
        "CREATE UNIQUE INDEX u ON t (b, id DESC) WHERE b <> ''",
        "INSERT INTO other VALUES (1)",
        "INSERT INTO t VALUES (1, 1, '7'), (2, 2, 'x'), (3, 2, 'X'), (4, NULL, NULL)",
    )
    return connection


@pytest.mark.parametrize(
    ("operation", "counts"),
    [
        (anew(ID, A, B), {}),
        (anew(ID, A, B, sa.Column("c", sa.Text(), nullable=False, server_default="")), {}),
        (anew(ID, A, B, sa.UniqueConstraint("id", "b")), {}),
        (
            anew(ID, A, B, sa.Index("v", "b", sa.text("id DESC"), unique=True)),
            {"repeat another row's (b, id) in t": 0},
        ),
        (anew(ID, A, B, sa.Index("w", "a", unique=False)), {}),
        (anew(ID, sa.Column("a", sa.Integer(), nullable=False), B), {"have no value in t.a": 1}),
        (
            anew(ID, sa.Column("a", sa.Integer(), nullable=False), B, copy={"a": "coalesce(a, 0)"}),
            {"have no value in t.a": 0, "are no integer in t.a": 0},
        ),
        (
            anew(ID, A, B, sa.Column("c", sa.Text(), nullable=False)),
            {"have no value in t.c": 4},
        ),
        (anew(ID, A, sa.Column("b", sa.Integer())), {"are no integer in t.b": 2}),
        (anew(ID, A, sa.Column("b", sa.REAL())), {"are no real in t.b": 2}),
        (anew(ID, A, sa.Column("b", sa.BLOB())), {"are no blob in t.b": 3}),
        (anew(ID, sa.Column("a", sa.Text()), B), {"are no text in t.a": 0}),
        (anew(ID, A, B, sa.CheckConstraint("a > 1", name="big")), {"break big in t": 1}),
        (anew(ID, A, B, sa.CheckConstraint("a > 1")), {"break CHECK (a > 1) in t": 1}),
        (
            anew(ID, A, sa.Column("b", sa.Integer()), sa.CheckConstraint("b < 10", name="small")),
            {"are no integer in t.b": 2, "break small in t": 0},
        ),
        (
            anew(
                ID,
                A,
                sa.Column("c", sa.Integer(), sa.Computed("a * 2")),
                sa.CheckConstraint("c > 2", name="double"),
            ),
            {"break double in t": 1},
        ),
        (anew(ID, A, B, sa.UniqueConstraint("a")), {"repeat another row's (a) in t": 1}),
        (
            anew(ID, A, B, sa.UniqueConstraint("a", name="u"), sa.Column("c", sa.Integer())),
            {"repeat another row's (a) in t": 1},
        ),
        (
            anew(ID, A, sa.Column("b", sa.Text(collation="NOCASE")), sa.UniqueConstraint("b")),
            {"are no text in t.b": 0, "repeat another row's (b) in t": 1},
        ),
        (
            anew(ID, A, B, sa.Index("i", sa.text("lower(b)"), unique=True)),
            {"repeat another row's (lower(b)) in t": 1},
        ),
        (
            anew(ID, A, B, sa.Index("i", "a", unique=True, sqlite_where=sa.text("id <> 2"))),
            {"repeat another row's (a) in t": 0},
        ),
        (
            anew(ID, A, B, sa.ForeignKeyConstraint(["a"], ["other.x"])),
            {"refer to no row of other in t.a": 2},
        ),
        (
            anew(ID, A, B, sa.ForeignKeyConstraint(["a"], ["t.id"])),
            {"refer to no row of t in t.a": 0},
        ),
        (
            anew(ID, A, B, sa.ForeignKeyConstraint(["a"], ["later.id"])),
            {"refer to no row of later in t.a": 3},
        ),
        (
            anew(ID, A, sa.Column("c", sa.Integer(), sa.ForeignKey("other.x"))),
            {},
        ),
        (
            anew(
                ID,
                A,
                sa.Column("c", sa.Integer(), sa.ForeignKey("other.x"), server_default="3"),
            ),
            {"refer to no row of other in t.c": 4},
        ),
        (ops.CreateIndexOp("i", "t", ["a"], unique=True), {"repeat another row's (a) in t": 1}),
        (
            ops.CreateIndexOp("i", "t", [sa.text("lower(b)")], unique=True),
            {"repeat another row's (lower(b)) in t": 1},
        ),
        (ops.CreateIndexOp("i", "t", ["new"], unique=True), {}),
        (ops.CreateIndexOp("i", "t", ["a"]), {}),
        (ops.CreateIndexOp("i", "gone", ["a"], unique=True), {}),
        (
            ops.AddColumnOp("t", sa.Column("c", sa.Text(), nullable=False)),
            {"would have no value in t.c": 4},
        ),
        (ops.AddColumnOp("t", sa.Column("c", sa.Text())), {}),
        (ops.AddColumnOp("gone", sa.Column("c", sa.Text(), nullable=False)), {}),
        (RebuildTableOp("gone", [ID]), {}),
    ],
)
def test_rows_in_the_way_are_counted(
    things: sa.Connection, operation: MigrateOperation, counts: dict[str, int]
) -> None:
    assert counted(things, operation) == counts


def test_values_that_no_strict_table_takes_are_counted(connection: sa.Connection) -> None:
    run(
        connection,
        "CREATE TABLE t (a INTEGER, b TEXT)",
        "INSERT INTO t VALUES (1, 1), ('x', 'x'), (1.5, x'00')",
    )

    assert counted(connection, anew(A, B)) == {"are no integer in t.a": 2, "are no text in t.b": 1}


def test_only_what_becomes_stricter_is_counted(connection: sa.Connection) -> None:
    run(
        connection,
        "CREATE TABLE other (x INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INTEGER REFERENCES other (x), CHECK (a > 1), UNIQUE (a)) STRICT",
        "CREATE UNIQUE INDEX u ON t (lower(a))",
    )
    items = (
        A,
        sa.ForeignKeyConstraint(["a"], ["other.x"]),
        sa.CheckConstraint("a > 1", name="named"),
        sa.UniqueConstraint("a", name="only"),
        sa.Index("u", sa.text("lower(a)"), unique=True),
    )

    assert counted(connection, anew(*items)) == {}
    assert len(counted(connection, anew(*items, copy={"a": "a + 1"}))) == 5


# ---- one at a time -------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def connections(sqlite_url: str) -> AsyncIterator[tuple[AsyncConnection, AsyncConnection]]:
    """Two connections to one file, as two programs have them."""
    async with (
        Database(sqlite_url) as one,
        Database(sqlite_url) as other,
        one.connect() as first,
        other.connect() as second,
    ):
        yield first, second


def lock_files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "andamios" in path.name]


def hold(connection: sa.Connection, wait: float = 0) -> ExitStack:
    held = ExitStack()
    held.enter_context(ENGINE.locked(connection, wait))
    return held


async def test_there_is_one_migrator_of_a_file_at_a_time(
    connections: tuple[AsyncConnection, AsyncConnection], tmp_path: Path
) -> None:
    first, second = connections
    with await first.run_sync(hold):
        with pytest.raises(MigrationLocked):
            await second.run_sync(hold, 0.01)
        assert lock_files(tmp_path) == ["test.db-andamios"]
    with await second.run_sync(hold):
        pass

    assert lock_files(tmp_path) == []


async def test_a_lock_whose_file_was_removed_is_none(
    connections: tuple[AsyncConnection, AsyncConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []

    def connect(path: str, **options: Any) -> sqlite3.Connection:
        found: sqlite3.Connection = real(path, **options)
        if len(removed) < 2:
            removed.append(path)
            Path(path).unlink()
        if len(removed) == 2:
            Path(path).touch()
        return found

    real = sqlite3.connect
    monkeypatch.setattr("andamios_orm.migration.engines.sqlite.locking.sqlite3.connect", connect)
    with await connections[0].run_sync(hold, 10):
        with pytest.raises(MigrationLocked):
            await connections[1].run_sync(hold)
        assert len(removed) == 2


def test_the_lock_of_a_killed_migrator_is_free(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from andamios_orm.migration.engines.sqlite.locking import _obtained\n"
        "held = _obtained(sys.argv[1])\n"
        "print(held is not None, flush=True)\n"
        "sys.stdin.read()\n"
    )
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "test.db-andamios")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with engine.connect() as connection, other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with pytest.raises(MigrationLocked):
            hold(connection)
        other.kill()
        other.wait()
        with hold(connection):
            pass
    engine.dispose()


def test_nobody_else_migrates_a_database_in_memory(connection: sa.Connection) -> None:
    with ENGINE.locked(connection, 0), ENGINE.locked(connection, 0):
        pass


async def test_waiting_for_another_writer_is_no_failure(
    connections: tuple[AsyncConnection, AsyncConnection],
) -> None:
    first, second = connections
    await first.exec_driver_sql("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.DBAPIError) as busy:
        await second.exec_driver_sql("BEGIN IMMEDIATE")
    with pytest.raises(sa.exc.DBAPIError) as wrong:
        await second.exec_driver_sql("BEGIN SLOWLY")
    await first.exec_driver_sql("ROLLBACK")

    assert ENGINE.is_lock_timeout(busy.value)
    assert not ENGINE.is_lock_timeout(wrong.value)
    assert await first.run_sync(ENGINE.patient, Patience()) == ()
