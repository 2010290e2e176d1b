"""DuckDB's tables are made anew where they cannot be altered, with their rows and their family."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Database, MigrationError, NotSupported
from andamios_orm.migration.diff import Answers, Rename, compare
from andamios_orm.migration.engines.base import Patience, transaction
from andamios_orm.migration.engines.duckdb import DuckDBEngine
from andamios_orm.migration.operations import (
    AlterEnumOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.reading import plain_steps
from andamios_orm.migration.state import SchemaState, TableName, TableState

ENGINE = DuckDBEngine()


@pytest_asyncio.fixture
async def connection(duckdb_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(duckdb_url) as db, db.connect() as connection:
        yield connection


async def run(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.exec_driver_sql(statement)


async def rows(connection: AsyncConnection, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await connection.exec_driver_sql(sql)).all()]


async def inspected(connection: AsyncConnection, *schemas: str | None) -> SchemaState:
    return await connection.run_sync(ENGINE.inspect, schemas or (None,))


async def table(connection: AsyncConnection, name: str) -> TableState:
    return (await inspected(connection)).tables[TableName(name)]


async def do(connection: AsyncConnection, *operations: MigrateOperation) -> None:
    """Make the operations, each step in a transaction."""

    def each(connection: sa.Connection) -> None:
        for operation in operations:
            found = ENGINE.steps(operation, connection)
            steps = plain_steps(operation, connection.dialect) if found is None else found
            for step in steps:
                with transaction(connection):
                    for statement in step.statements:
                        connection.exec_driver_sql(statement)
                    if step.run is not None:
                        step.run(connection)

    await connection.run_sync(each)


async def become(
    connection: AsyncConnection, *tables: sa.Table, renames: Sequence[str] = ()
) -> list[str]:
    """Make the database what the tables are, and tell the operations."""
    metadata = sa.MetaData()
    for one in tables:
        one.to_metadata(metadata)
    before = await inspected(connection)
    after = await connection.run_sync(ENGINE.desired, metadata)
    answers = Answers(
        renames=frozenset(map(Rename.parse, renames)), dropped=frozenset({"child.parent_id"})
    )
    comparison = compare(before, after, answers)
    operations = ENGINE.operations(comparison.changes, before, after)
    await do(connection, *operations)
    assert not compare(await inspected(connection), after).changes
    return [_told(operation) for operation in operations]


def _told(operation: MigrateOperation) -> str:
    name = type(operation).__name__.removesuffix("Op")
    return f"{name} {getattr(operation, 'table_name', '')}".strip()


def new_table(*items: sa.schema.SchemaItem, name: str = "t", **options: Any) -> RebuildTableOp:
    return RebuildTableOp(name, items, **options)


def key(name: str = "id", **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False, **options)


def reference(name: str, target: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target))


# ---- a table and its family ----------------------------------------------------------------------

FAMILY = (
    "CREATE SEQUENCE team_id_seq",
    "CREATE TABLE team (id INT PRIMARY KEY DEFAULT nextval('team_id_seq'), name VARCHAR)",
    "CREATE SEQUENCE hero_id_seq INCREMENT 5",
    """
    CREATE TABLE hero (
        id INT PRIMARY KEY DEFAULT nextval('hero_id_seq'),
        team_id INT NOT NULL REFERENCES team (id),
        boss_id INT REFERENCES hero (id),
        "the name" VARCHAR COLLATE nocase DEFAULT 'it''s' CHECK ("the name" <> ')'),
        shout VARCHAR AS (upper("the name")),
        mood ENUM('good', 'bad'),
        UNIQUE (team_id, "the name")
    )""",
    "CREATE TABLE medal (hero_id INT REFERENCES hero (id), team_id INT REFERENCES team (id))",
    "CREATE TABLE alone (id INT PRIMARY KEY)",
    'CREATE UNIQUE INDEX "ix (hero)" ON hero (lower("the name"), mood)',
    "CREATE INDEX ix_medal ON medal (hero_id)",
    "COMMENT ON TABLE hero IS 'who''s who'",
    "COMMENT ON COLUMN hero.\"the name\" IS 'as told'",
    "COMMENT ON INDEX ix_medal IS 'by hero'",
    "INSERT INTO team (name) VALUES ('a'), ('b')",
    "INSERT INTO hero (team_id, \"the name\", mood) VALUES (1, 'Ada', 'good')",
    "INSERT INTO hero (team_id, boss_id, \"the name\") VALUES (2, 1, 'Bo')",
    "INSERT INTO hero (id, team_id, \"the name\") VALUES (90, 1, 'Cy')",
    "INSERT INTO hero (id, team_id, boss_id, \"the name\") VALUES (50, 1, 90, 'Di')",
    "INSERT INTO hero (id, team_id, boss_id, \"the name\") VALUES (3, 1, 1, 'E')",
    "INSERT INTO medal VALUES (1, 1), (50, 2), (50, 2)",
    "INSERT INTO alone VALUES (1)",
)
HEROES = "SELECT * FROM hero ORDER BY id"
MEDALS = "SELECT * FROM medal ORDER BY ALL"


async def test_a_table_is_made_anew_and_what_refers_to_it_stays_as_it_was(
    connection: AsyncConnection,
) -> None:
    await run(connection, *FAMILY)
    before, heroes, medals = (
        await inspected(connection),
        await rows(connection, HEROES),
        await rows(connection, MEDALS),
    )
    await do(
        connection,
        new_table(
            sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
            sa.Column("name", sa.Text, sa.CheckConstraint("name > ''"), nullable=False),
            sa.Column("rank", sa.Integer, server_default="3", comment="of all"),
            sa.Index("ix_rank", "rank"),
            name="team",
            options={"comment": "who plays"},
        ),
    )
    after = await inspected(connection)
    assert {**after.tables, TableName("team"): None} == {**before.tables, TableName("team"): None}
    assert after.sequences == before.sequences
    team = after.tables[TableName("team")]
    assert team.comment == "who plays"
    assert [c.comment for c in team.columns] == [None, None, "of all"]
    assert [index.name for index in team.indexes] == ["ix_rank"]
    assert await rows(connection, "FROM team ORDER BY id") == [(1, "a", 3), (2, "b", 3)]
    assert await rows(connection, HEROES) == heroes
    assert await rows(connection, MEDALS) == medals
    assert await rows(
        connection, "SELECT index_name, comment FROM duckdb_indexes() WHERE comment IS NOT NULL"
    ) == [("ix_medal", "by hero")]
    # Both count on, and the foreign keys hold.
    insert = "INSERT INTO team (name) VALUES ('c') RETURNING id"
    assert await rows(connection, insert) == [(3,)]
    insert = "INSERT INTO hero (team_id) VALUES (3) RETURNING id"
    assert await rows(connection, insert) == [(11,)]
    for refused in ("DELETE FROM team WHERE id = 1", "INSERT INTO medal VALUES (9, 1)"):
        with pytest.raises(sa.exc.IntegrityError):
            await run(connection, refused)
    assert await rows(connection, "SELECT * FROM duckdb_tables() WHERE temporary") == []


async def test_rows_that_refer_to_others_of_their_table_come_after_those(
    connection: AsyncConnection,
) -> None:
    await run(connection, *FAMILY)
    heroes = await rows(connection, "SELECT id, team_id, boss_id FROM hero ORDER BY id")
    medals = await rows(connection, MEDALS)
    await do(
        connection,
        new_table(
            key("number"),
            reference("team_id", "team.id"),
            reference("boss", "hero.number"),
            reference("other", "hero.number"),
            sa.Index("ix", "number", unique=True),
            name="hero",
            copy={"number": "id", "boss": "boss_id"},
        ),
    )
    told = "SELECT number, team_id, boss FROM hero ORDER BY number"
    assert await rows(connection, told) == heroes
    assert await rows(connection, MEDALS) == medals
    [to_hero, _] = (await table(connection, "medal")).foreign_keys
    assert (to_hero.target, to_hero.target_columns) == (TableName("hero"), ("number",))


async def test_a_table_that_got_columns_and_triggers_keeps_them(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE log (id INT)",
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE child (id INT REFERENCES t (id))",
        "CREATE INDEX ix ON t (name)",
        "CREATE INDEX iy ON t (id)",
        "COMMENT ON INDEX ix IS 'by name'",
        "COMMENT ON INDEX iy IS 'by id'",
        "INSERT INTO t VALUES (1, 'a')",
        "INSERT INTO child VALUES (1)",
        "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (new.id)",
        "CREATE TRIGGER tr AFTER INSERT ON child FOR EACH ROW INSERT INTO log VALUES (new.id)",
    )
    await do(connection, new_table(key(), sa.Column("name", sa.Text), sa.Index("ix", "name")))
    assert await rows(connection, "FROM log") == []
    await run(connection, "INSERT INTO t VALUES (2, 'b')", "INSERT INTO child VALUES (2)")
    assert await rows(connection, "FROM log") == [(2,), (2,)]
    assert await rows(connection, "SELECT index_name, comment FROM duckdb_indexes()") == [
        ("ix", "by name")
    ]


async def test_tables_of_other_schemas_are_made_anew_too(connection: AsyncConnection) -> None:
    await run(
        connection,
        'CREATE SCHEMA "some where"',
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "INSERT INTO t VALUES (7)",
        'CREATE SEQUENCE "some where".t_id_seq START 4',
        """CREATE TABLE "some where".t (
            id INT PRIMARY KEY DEFAULT nextval('"some where".t_id_seq'))""",
        'CREATE TABLE "some where".child (t_id INT REFERENCES "some where".t (id))',
        'INSERT INTO "some where".t VALUES (DEFAULT)',
        'INSERT INTO "some where".child VALUES (4)',
    )
    await do(
        connection,
        new_table(
            sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
            sa.Column("x", sa.Integer),
            schema="some where",
        ),
        ops.AddColumnOp("t", sa.Column("y", sa.Integer), schema="some where"),
        ops.AlterColumnOp("t", "x", schema="some where", modify_name="z"),
    )
    insert = 'INSERT INTO "some where".t VALUES (DEFAULT, 2, 3)'
    await run(connection, insert)
    assert await rows(connection, 'FROM "some where".t') == [(4, None, None), (5, 2, 3)]
    assert await rows(connection, 'FROM "some where".child') == [(4,)]
    assert await rows(connection, "FROM t") == [(7,)]


# ---- nothing is lost -----------------------------------------------------------------------------

KEPT = sa.Column("a", sa.Text)


@pytest.mark.parametrize(
    ("items", "copy", "told"),
    [
        ((key(), sa.Column("a", sa.Text, nullable=False)), {}, r"no value \(a\)"),
        ((key(), sa.Column("new", sa.Text, nullable=False)), {}, r"no value \(new\)"),
        ((key(), KEPT, sa.CheckConstraint("a <> 'secret'")), {}, "a CHECK"),
        ((key(), KEPT, sa.UniqueConstraint("a")), {}, "must be unique"),
        ((key(), KEPT, sa.Index("ix", "a", unique=True)), {}, "must be unique"),
        ((key(), sa.Column("a", sa.Integer)), {}, "none of the column's type"),
        (
            (key(), sa.Column("other", sa.Integer, sa.ForeignKey("other.id"))),
            {"other": "9"},
            "is not there",
        ),
        (
            (key(), sa.Column("boss", sa.Integer, sa.ForeignKey("t.id"))),
            {"boss": "9"},
            "is not there",
        ),
    ],
)
async def test_rows_that_do_not_fit_leave_everything_as_it_was(
    connection: AsyncConnection,
    items: Sequence[sa.schema.SchemaItem],
    copy: dict[str, str],
    told: str,
) -> None:
    await run(
        connection,
        "CREATE TABLE other (id INT PRIMARY KEY)",
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR)",
        "CREATE TABLE child (id INT REFERENCES t (id))",
        "INSERT INTO t VALUES (1, 'secret'), (2, 'secret'), (3, NULL)",
        "INSERT INTO child VALUES (1)",
    )
    before = await inspected(connection)
    with pytest.raises(MigrationError, match=told) as raised:
        await do(connection, new_table(*items, copy=copy))
    assert "secret" not in str(raised.value)
    assert await inspected(connection) == before
    assert len(await rows(connection, "FROM t")) == 3
    assert await rows(connection, "FROM child") == [(1,)]


async def test_texts_that_are_equal_by_a_collation_are_not_the_same(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a VARCHAR COLLATE nocase)",
        "CREATE UNIQUE INDEX ix ON t (a)",
        "INSERT INTO t VALUES ('A'), ('a')",
    )
    await do(connection, ops.AddColumnOp("t", sa.Column("b", sa.Integer, unique=True)))
    assert await rows(connection, "FROM t ORDER BY encode(a)") == [("A", None), ("a", None)]


async def test_a_trigger_that_adds_rows_is_of_no_harm(connection: AsyncConnection) -> None:
    """Counted are the rows that there were, before anything of the database's own runs."""
    await run(
        connection,
        "CREATE TABLE log (id INT)",
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (new.id)",
    )
    await do(connection, new_table(key(), sa.Column("a", sa.Text)))
    assert await rows(connection, "FROM t") == [(1, None)]


async def test_rows_that_a_copy_would_lose_are_missed(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)")
    with pytest.raises(MigrationError, match="t had 2 rows and would have 3"):
        await do(
            connection,
            new_table(sa.Column("id", sa.Integer), copy={"id": "unnest(range(id, 3))"}),
        )
    assert await rows(connection, "FROM t") == [(1,), (2,)]


async def test_what_the_engine_does_not_understand_is_its_own_error(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    with pytest.raises(sa.exc.ProgrammingError):
        await do(connection, new_table(sa.Column("id", sa.Integer), copy={"id": "missing"}))
    assert await rows(connection, "FROM t") == [(1,)]


async def test_a_key_that_others_refer_to_is_not_lost(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT UNIQUE)",
        "CREATE TABLE child (id INT REFERENCES t (a))",
    )
    with pytest.raises(MigrationError, match="child refers to t by a"):
        await do(connection, new_table(key(), sa.Column("a", sa.Integer)))
    await do(connection, new_table(key(), sa.Column("a", sa.Integer), sa.UniqueConstraint("a")))


# ---- counted keys --------------------------------------------------------------------------------


async def next_key(connection: AsyncConnection, name: str = "t", column: str = "id") -> Any:
    [[found]] = await rows(connection, f"INSERT INTO {name} DEFAULT VALUES RETURNING {column}")
    return found


COUNTED = ("CREATE SEQUENCE t_id_seq", "CREATE TABLE t (id INT DEFAULT nextval('t_id_seq'))")


def counted(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.Identity(**options))


async def test_a_key_that_is_counted_from_now_on_begins_after_the_highest(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7), (3)")
    await do(connection, new_table(counted("id")))
    assert await next_key(connection) == 8


async def test_a_key_that_is_no_longer_counted_leaves_no_sequence(
    connection: AsyncConnection,
) -> None:
    await run(connection, *COUNTED)
    await do(connection, new_table(sa.Column("id", sa.Integer)))
    assert (await inspected(connection)).sequences == {}


@pytest.mark.parametrize(
    ("options", "then"),
    [
        ({}, 4),
        ({"increment": 10}, 4),
        ({"maxvalue": 4}, 4),
        ({"maxvalue": 2, "cycle": True}, 1),
        ({"increment": -1, "start": -5}, -5),
        ({"increment": -1, "start": 9, "maxvalue": 9}, 2),
    ],
)
async def test_a_counter_with_other_options_goes_on_where_it_can(
    connection: AsyncConnection, options: dict[str, Any], then: int
) -> None:
    await run(connection, *COUNTED, *["INSERT INTO t VALUES (DEFAULT)"] * 3)
    if options.get("increment") == -1 and "maxvalue" in options:
        # Downwards it goes on below the least, not from where it came to on the way up.
        await run(connection, "DELETE FROM t WHERE id < 3")
    await do(connection, new_table(counted("id", **options)))
    assert await next_key(connection) == then


async def test_a_key_of_another_name_has_its_counter(connection: AsyncConnection) -> None:
    await run(connection, *COUNTED, "INSERT INTO t VALUES (DEFAULT)", "DELETE FROM t")
    await do(connection, new_table(counted("number"), copy={"number": "id"}))
    assert await next_key(connection, column="number") == 2
    assert (await table(connection, "t")).column("number").identity == "sequence"
    assert (await inspected(connection)).sequences == {}


# ---- tables --------------------------------------------------------------------------------------


async def test_a_dropped_table_takes_its_sequence_with_it(connection: AsyncConnection) -> None:
    await run(connection, *COUNTED)
    await do(connection, ops.DropTableOp("t"), ops.DropTableOp("t", if_exists=True))
    assert await inspected(connection) == SchemaState(engine="duckdb")


async def test_a_table_that_others_refer_to_is_not_dropped(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (id INT PRIMARY KEY, boss INT REFERENCES t (id))",
        "CREATE TABLE child (id INT REFERENCES t (id))",
    )
    with pytest.raises(MigrationError, match=r"child refer\(s\) to t"):
        await do(connection, ops.DropTableOp("t"))
    await do(connection, ops.DropTableOp("child"), ops.DropTableOp("t"))
    assert (await inspected(connection)).tables == {}


@pytest.mark.parametrize(
    "operation",
    [
        ops.DropTableOp("missing"),
        ops.RenameTableOp("missing", "t"),
        new_table(key(), name="missing"),
        ops.DropColumnOp("t", "missing"),
        ops.AlterColumnOp("t", "missing", modify_name="a"),
        RenameIndexOp("t", "missing", "ix"),
    ],
)
async def test_what_is_not_there_is_told(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    await run(connection, "CREATE TABLE t (id INT)")
    with pytest.raises(MigrationError, match="missing"):
        await do(connection, operation)


RENAMED = {
    "alone": ("id INT DEFAULT nextval('t_id_seq'), name VARCHAR CHECK (length(name) > 0)", ()),
    "indexed": (
        "id INT DEFAULT nextval('t_id_seq'), name VARCHAR",
        ("CREATE UNIQUE INDEX ix ON t (lower(name), id)",),
    ),
    "referred to": (
        "id INT DEFAULT nextval('t_id_seq') PRIMARY KEY, name VARCHAR",
        (
            "CREATE INDEX ix ON t (name)",
            "CREATE TABLE child (id INT REFERENCES t (id), x INT, CHECK (x <> 3))",
            "INSERT INTO child VALUES (1, 2)",
        ),
    ),
    "by itself": (
        "id INT DEFAULT nextval('t_id_seq') PRIMARY KEY, boss INT REFERENCES t (id), name VARCHAR",
        ("UPDATE t SET boss = 1 WHERE id = 2",),
    ),
}


@pytest.mark.parametrize("kind", RENAMED)
async def test_a_renamed_table_keeps_its_rows_and_counts_on(
    connection: AsyncConnection, kind: str
) -> None:
    definition, more = RENAMED[kind]
    insert = "INSERT INTO t (name) VALUES ('a'), ('b')"
    await run(connection, COUNTED[0], f"CREATE TABLE t ({definition})", insert, *more)
    before, held = await table(connection, "t"), await rows(connection, "FROM t")
    await do(connection, ops.RenameTableOp("t", "the u"))
    state = await inspected(connection)
    after = state.tables[TableName("the u")]
    assert (after.columns, after.indexes, after.checks) == (
        before.columns,
        before.indexes,
        before.checks,
    )
    assert state.sequences == {}
    assert TableName("t") not in state.tables
    assert await rows(connection, 'FROM "the u"') == held
    insert = "INSERT INTO \"the u\" (name) VALUES ('c') RETURNING id"
    assert await rows(connection, insert) == [(3,)]
    if child := state.tables.get(TableName("child")):
        assert [k.target for k in child.foreign_keys] == [TableName("the u")]
        assert await rows(connection, "FROM child") == [(1, 2)]
        with pytest.raises(sa.exc.IntegrityError):
            await run(connection, 'DELETE FROM "the u" WHERE id = 1')


async def test_a_name_changes_only_its_case(connection: AsyncConnection) -> None:
    await run(connection, *COUNTED, "INSERT INTO t VALUES (DEFAULT)")
    await do(
        connection,
        ops.RenameTableOp("t", "T"),
        ops.AlterColumnOp("T", "id", modify_name="Id"),
    )
    state = await inspected(connection)
    assert state.sequences == {}
    assert state.tables[TableName("T")].column("Id").identity == "sequence"
    assert await next_key(connection) == 2


async def test_a_table_moves_to_another_schema(connection: AsyncConnection) -> None:
    await run(connection, *COUNTED, "CREATE SCHEMA s", "INSERT INTO t VALUES (DEFAULT)")
    await do(connection, MoveTableOp("t", schema=None, to="s"))
    state = await inspected(connection, None, "s")
    assert list(state.tables) == [TableName("t", "s")]
    assert state.sequences == {}
    assert await next_key(connection, "s.t") == 2
    await do(connection, MoveTableOp("t", schema="s", to=None))
    assert await rows(connection, "FROM t") == [(1,), (2,)]


async def test_a_table_with_foreign_keys_does_not_move(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE SCHEMA s",
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "CREATE TABLE child (id INT REFERENCES t (id))",
    )
    for name in ("t", "child"):
        with pytest.raises(NotSupported, match="across schemas"):
            await do(connection, MoveTableOp(name, schema=None, to="s"))


# ---- columns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RENAMED)
@pytest.mark.parametrize("column", ["id", "name"])
async def test_a_renamed_column_is_renamed_wherever_it_is_spoken_of(
    connection: AsyncConnection, kind: str, column: str
) -> None:
    definition, more = RENAMED[kind]
    insert = "INSERT INTO t (name) VALUES ('a'), ('b')"
    await run(connection, COUNTED[0], f"CREATE TABLE t ({definition})", insert, *more)
    held = await rows(connection, "FROM t")
    new = "the new"
    await do(connection, ops.AlterColumnOp("t", column, modify_name=new))
    state = await inspected(connection)
    assert new in state.tables[TableName("t")].column_names
    assert state.sequences == {}
    assert await rows(connection, "FROM t") == held
    names = {"id": "id", "name": "name", column: '"the new"'}
    insert = f"INSERT INTO t ({names['name']}) VALUES ('c') RETURNING {names['id']}"
    assert await rows(connection, insert) == [(3,)]
    expected = "the new" if column == "id" else "id"
    for child in state.tables.values():
        for foreign in child.foreign_keys:
            assert foreign.target_columns == (expected,)


async def test_a_column_with_a_foreign_key_is_renamed(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE team (id INT PRIMARY KEY)",
        "CREATE TABLE t (team_id INT REFERENCES team (id))",
        "INSERT INTO team VALUES (1)",
        "INSERT INTO t VALUES (1)",
    )
    await do(connection, ops.AlterColumnOp("t", "team_id", modify_name="crew_id"))
    [foreign] = (await table(connection, "t")).foreign_keys
    assert foreign.columns == ("crew_id",)
    assert await rows(connection, "SELECT crew_id FROM t") == [(1,)]


COLUMNS = """
    id INT PRIMARY KEY, a VARCHAR DEFAULT '1' CHECK (a <> ''), b INT UNIQUE, c INT,
    d INT AS (c + 1), team_id INT REFERENCES team (id), UNIQUE (c, id)
"""


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            ops.AddColumnOp("t", sa.Column("x", sa.Integer, nullable=False, server_default="4")),
            "x INT NOT NULL DEFAULT '4'",
        ),
        (ops.AddColumnOp("t", sa.Column("x", sa.Integer)), "x INT"),
        (ops.AddColumnOp("t", sa.Column("x", sa.Integer, unique=True)), "x INT UNIQUE"),
        (
            ops.AddColumnOp("t", reference("x", "team.id")),
            "x INT REFERENCES team (id)",
        ),
        (
            ops.AddColumnOp("t", sa.Column("x", sa.Integer, sa.CheckConstraint("x > 1"))),
            "x INT CHECK (x > 1)",
        ),
        (
            ops.AddColumnOp("t", sa.Column("x", sa.Integer, sa.Computed("c * 2"))),
            "x INT AS (c * 2)",
        ),
        (ops.CreateUniqueConstraintOp("uq", "t", ["a", "c"]), "UNIQUE (a, c)"),
        (ops.CreateCheckConstraintOp("ck", "t", "a <> 'x\\:y'"), "CHECK (a <> 'x:y')"),
        (
            ops.CreateCheckConstraintOp("ck", "t", sa.column("c") > 0),
            "CHECK (c > 0)",
        ),
        (
            ops.CreateForeignKeyOp("fk", "t", "team", ["c"], ["id"]),
            "FOREIGN KEY (c) REFERENCES team (id)",
        ),
    ],
)
async def test_a_table_gets_what_duckdb_cannot_add(
    connection: AsyncConnection, operation: MigrateOperation, expected: str
) -> None:
    await run(
        connection,
        "CREATE TABLE team (id INT PRIMARY KEY)",
        f"CREATE TABLE wanted ({COLUMNS}, {expected})",
        f"CREATE TABLE t ({COLUMNS})",
        "CREATE INDEX ix ON t (c)",
        "INSERT INTO team VALUES (1)",
        "INSERT INTO t (id, a, b, c, team_id) VALUES (1, 'a', 2, 1, 1)",
    )
    await do(connection, operation)
    wanted, made = await table(connection, "wanted"), await table(connection, "t")
    assert (made.columns, made.primary_key, made.uniques, made.checks, made.foreign_keys) == (
        wanted.columns,
        wanted.primary_key,
        wanted.uniques,
        wanted.checks,
        wanted.foreign_keys,
    )
    assert [index.name for index in made.indexes] == ["ix"]
    kept = "SELECT id, a, b, c, d, team_id FROM t"
    assert await rows(connection, kept) == [(1, "a", 2, 1, 2, 1)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modify_type": sa.Integer()}, "a INT DEFAULT '1'"),
        ({"modify_type": sa.BigInteger, "modify_name": "x"}, "x BIGINT DEFAULT '1'"),
        ({"modify_nullable": False}, "a VARCHAR NOT NULL DEFAULT '1'"),
        ({"modify_server_default": None, "modify_name": "x"}, "x VARCHAR"),
        ({"modify_server_default": sa.text("'7'")}, "a VARCHAR DEFAULT '7'"),
        (
            {"modify_type": sa.Integer(), "modify_server_default": sa.Identity()},
            "a INT DEFAULT nextval('wanted_a_seq')",
        ),
        ({"modify_server_default": sa.Computed("upper('x')")}, "a VARCHAR AS (upper('x'))"),
        ({"modify_type": sa.Text(collation="nocase")}, "a VARCHAR COLLATE nocase DEFAULT '1'"),
    ],
)
async def test_a_column_is_altered(
    connection: AsyncConnection, changes: dict[str, Any], expected: str
) -> None:
    await run(
        connection,
        "CREATE SEQUENCE wanted_a_seq",
        f"CREATE TABLE wanted (id INT PRIMARY KEY, {expected})",
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR DEFAULT '1')",
        "CREATE TABLE child (id INT REFERENCES t (id))",
        "INSERT INTO t VALUES (1, '36')",
        "INSERT INTO child VALUES (1)",
    )
    await do(connection, ops.AlterColumnOp("t", "a", **changes))
    assert (await table(connection, "t")).columns == (await table(connection, "wanted")).columns
    assert await rows(connection, "FROM child") == [(1,)]
    [[found]] = await rows(connection, "SELECT CAST(columns('a|x') AS VARCHAR) FROM t")
    assert found == ("X" if "AS (" in expected else "36")


async def test_a_comment_is_kept_and_changed(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (id INT, a INT)",
        "COMMENT ON COLUMN t.id IS 'old'",
        "COMMENT ON TABLE t IS 'told'",
    )
    await do(
        connection,
        ops.AlterColumnOp("t", "id", modify_nullable=False),
        ops.AlterColumnOp("t", "a", modify_comment="it's :new"),
        ops.AlterColumnOp("t", "a", modify_comment="newer", modify_nullable=False),
        ops.CreateTableCommentOp("t", "also"),
    )
    found = await table(connection, "t")
    assert [c.comment for c in found.columns] == ["old", "newer"]
    assert found.comment == "also"


async def test_a_column_goes_with_what_is_made_of_it(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE team (id INT PRIMARY KEY)",
        "CREATE TABLE t (id INT, a INT REFERENCES team (id), b INT, PRIMARY KEY (id, a),"
        " UNIQUE (a, b), UNIQUE (b), CHECK (a > 0), CHECK (b > 0))",
        "CREATE INDEX ix_a ON t ((a + b))",
        "CREATE INDEX ix_b ON t (b)",
        "INSERT INTO team VALUES (1)",
        "INSERT INTO t VALUES (1, 1, 1)",
    )
    await do(connection, ops.DropColumnOp("t", "a"))
    found = await table(connection, "t")
    assert found.column_names == ("id", "b")
    assert found.primary_key is None
    assert [one.columns for one in found.uniques] == [("b",)]
    assert [one.sql for one in found.checks] == ["(b > 0)"]
    assert found.foreign_keys == ()
    assert [one.name for one in found.indexes] == ["ix_b"]
    assert await rows(connection, "FROM t") == [(1, 1)]


async def test_a_primary_key_is_added(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (a INT, b INT)", "INSERT INTO t VALUES (1, NULL)")
    await do(connection, ops.CreatePrimaryKeyOp(None, "t", ["a"]))
    found = await table(connection, "t")
    assert found.primary_key is not None
    assert [column.nullable for column in found.columns] == [False, True]


async def test_an_index_gets_another_name(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE SCHEMA s",
        "CREATE TABLE s.t (a VARCHAR)",
        "CREATE UNIQUE INDEX ix ON s.t (lower(a))",
    )
    await do(connection, RenameIndexOp("t", "ix", "the iy", schema="s"))
    [index] = (await inspected(connection, "s")).tables[TableName("t", "s")].indexes
    assert (index.name, index.unique, index.parts) == ("the iy", True, ("lower(a)",))


@pytest.mark.parametrize(
    "operation",
    [
        ops.DropConstraintOp("ck", "t"),
        RenameConstraintOp("t", "a", "b"),
        CreateEnumOp("e", ["a"]),
        DropEnumOp("e"),
        AlterEnumOp("e", before=["a"], after=["b"]),
    ],
)
async def test_what_has_no_name_cannot_be_changed_by_it(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    with pytest.raises(NotSupported, match="keeps no names"):
        await do(connection, operation)


# ---- from models to models -----------------------------------------------------------------------


def parent(*items: sa.schema.SchemaItem, name: str = "parent") -> sa.Table:
    return sa.Table(name, sa.MetaData(), *items)


def child(*items: sa.schema.SchemaItem, name: str = "child") -> sa.Table:
    return parent(*items, name=name)


def pair(primary: str, *items: sa.schema.SchemaItem) -> sa.Table:
    columns = [sa.Column(name, sa.Integer, nullable=False) for name in ("a", "b")]
    return parent(*columns, sa.PrimaryKeyConstraint(primary), *items)


def referring(target: str | None, kind: Any = sa.Integer) -> sa.Table:
    keys = [] if target is None else [sa.ForeignKey(f"parent.{target}")]
    return child(sa.Column("parent_a", kind, *keys))


async def test_a_key_changes_after_the_foreign_key_to_it_is_gone_and_back(
    connection: AsyncConnection,
) -> None:
    created = ["CreateTable parent", "CreateIndex parent", "CreateTable child"]
    index = sa.Index("ix", "b")
    assert await become(connection, pair("a", index), referring("a")) == created
    await run(connection, "INSERT INTO parent VALUES (1, 2)", "INSERT INTO child VALUES (1)")
    there = ["RebuildTable child", "RebuildTable parent"]
    assert await become(connection, pair("b"), referring(None)) == there
    assert await become(connection, pair("a"), referring("a")) == there[::-1]
    assert await rows(connection, "FROM child") == [(1,)]
    # The same with the whole table.
    assert await become(connection, pair("b")) == ["DropTable child", "RebuildTable parent"]
    back = ["RebuildTable parent", "CreateTable child"]
    assert await become(connection, pair("a"), referring("a")) == back


async def test_a_foreign_key_changes_with_the_key_that_it_refers_to(
    connection: AsyncConnection,
) -> None:
    await become(connection, pair("a"), referring("a"))
    await run(connection, "INSERT INTO parent VALUES (1, 1)", "INSERT INTO child VALUES (1)")
    told = ["RebuildTable child", "RebuildTable parent", "RebuildTable child"]
    assert await become(connection, pair("b"), referring("b")) == told
    assert await rows(connection, "FROM child") == [(1,)]


async def test_a_key_changes_its_type_with_all_that_refer_to_it(
    connection: AsyncConnection,
) -> None:
    def tables(kind: Any) -> tuple[sa.Table, ...]:
        return (
            parent(sa.Column("id", kind, primary_key=True, autoincrement=False)),
            child(
                sa.Column("the id", kind, sa.ForeignKey("parent.id"), primary_key=True),
                sa.Column("boss", kind, sa.ForeignKey("child.the id")),
                sa.Column("x", sa.Text, nullable=False),
                sa.CheckConstraint("x <> 'INTEGER'"),
            ),
            child(sa.Column("child_id", kind, sa.ForeignKey("child.the id")), name="grandchild"),
        )

    await become(connection, *tables(sa.Integer))
    await run(
        connection,
        "INSERT INTO parent VALUES (1), (2)",
        "INSERT INTO child VALUES (1, NULL, 'a')",
        "INSERT INTO child VALUES (2, 1, 'b')",
        "INSERT INTO grandchild VALUES (2)",
    )
    told = ["RebuildTable parent", "RebuildTable child", "RebuildTable grandchild"]
    for kind in (sa.BigInteger, sa.Integer):
        assert await become(connection, *tables(kind)) == told
    assert await rows(connection, "FROM child ORDER BY ALL") == [(1, None, "a"), (2, 1, "b")]
    assert await rows(connection, "FROM grandchild") == [(2,)]


async def test_a_table_that_would_have_to_be_first_and_last_is_both(
    connection: AsyncConnection,
) -> None:
    def one(name: str, *targets: str) -> sa.Table:
        keys = [reference(f"{target}_id", f"{target}.{target}") for target in targets]
        return parent(key(name), *keys, sa.Column("x", sa.Integer, unique=True), name=name)

    def other(name: str, *targets: str) -> sa.Table:
        keys = [reference(f"{target}_id", f"{target}.x") for target in targets]
        columns = [sa.Column(c, sa.Integer) for c in (name, *(f"{k}_id" for k in "abc"))]
        new = [column for column in columns if column.name not in {k.name for k in keys}]
        return parent(*new, *keys, sa.Column("x", sa.Integer, primary_key=True), name=name)

    # The foreign key of a to b goes before b changes, b's to c before c, and a's to c comes after.
    await become(connection, one("a", "b"), one("b", "c"), one("c"))
    await run(connection, *(f"INSERT INTO {name} ({name}, x) VALUES (1, 1)" for name in "cba"))
    assert await become(connection, other("a", "c"), other("b"), other("c")) == [
        *("RebuildTable a", "RebuildTable b", "RebuildTable c", "RebuildTable a")
    ]
    assert await rows(connection, "SELECT a, x FROM a") == [(1, 1)]


async def test_a_renamed_column_is_renamed_with_what_else_changes(
    connection: AsyncConnection,
) -> None:
    await become(connection, parent(key(), sa.Column("a", sa.Integer), sa.Index("ix", "a")))
    await run(connection, "INSERT INTO parent VALUES (1, 2)")
    alone = parent(key(), sa.Column("b", sa.Integer), sa.Index("ix", "b"))
    renames = ["parent.a:b"]
    assert await become(connection, alone, renames=renames) == ["AlterColumn parent"]
    required = parent(key(), sa.Column("c", sa.Integer, nullable=False), sa.Index("ix", "c"))
    renames = ["parent.b:c"]
    assert await become(connection, required, renames=renames) == ["RebuildTable parent"]
    assert await rows(connection, "SELECT c FROM parent") == [(2,)]


async def test_a_table_is_renamed_before_all_else(connection: AsyncConnection) -> None:
    other = child(reference("parent_id", "parent.id"))
    await become(connection, parent(key(), sa.Column("a", sa.Text)), other)
    await run(connection, "INSERT INTO parent VALUES (1, 'a')", "INSERT INTO child VALUES (1)")
    renamed = parent(key(), sa.Column("a", sa.Text, unique=True), name="folk")
    other = child(reference("parent_id", "folk.id"))
    told = await become(connection, renamed, other, renames=["parent:folk"])
    assert told == ["RenameTable parent", "RebuildTable folk"]
    assert await rows(connection, "FROM folk") == [(1, "a")]


async def test_what_duckdb_alters_is_not_made_anew(connection: AsyncConnection) -> None:
    other = child(reference("parent_id", "parent.id"))
    old = parent(key(), sa.Column("a", sa.Text), sa.Index("ix", "a"), sa.Index("iy", "a"))
    await become(connection, old, other)
    new = parent(
        key(),
        sa.Column("a", sa.Text, server_default="x", comment="told"),
        sa.Column("b", sa.Integer, server_default=sa.text("3")),
        sa.Index("ix", "b"),
        sa.Index("iz", "a"),
    )
    new.comment = "all"
    told = await become(connection, new, other)
    assert {one.split()[0] for one in told} == {
        *("AddColumn", "AlterColumn", "CreateTableComment", "CreateIndex", "DropIndex"),
        "RenameIndex",
    }


async def test_a_sequence_comes_and_goes_and_cannot_change(connection: AsyncConnection) -> None:
    metadata = sa.MetaData()
    sa.Sequence("ticket", start=100, metadata=metadata)
    empty = SchemaState(engine="duckdb")
    wanted = await connection.run_sync(ENGINE.desired, metadata)

    async def migrate(before: SchemaState, after: SchemaState) -> None:
        changes = compare(before, after).changes
        await do(connection, *ENGINE.operations(changes, before, after))

    await migrate(empty, wanted)
    assert await rows(connection, "SELECT nextval('ticket')") == [(100,)]
    now = await inspected(connection)
    assert not compare(now, await connection.run_sync(ENGINE.desired, metadata)).changes
    other = sa.MetaData()
    sa.Sequence("ticket", increment=2, metadata=other)
    with pytest.raises(NotSupported, match="ticket"):
        await migrate(now, await connection.run_sync(ENGINE.desired, other))
    await migrate(now, empty)
    assert await inspected(connection) == empty


async def test_a_new_schema_is_created(connection: AsyncConnection) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, key(), schema="s")
    after = await connection.run_sync(ENGINE.desired, metadata)
    before = await inspected(connection, None, "s")
    await do(connection, *ENGINE.operations(compare(before, after).changes, before, after))
    assert await inspected(connection, None, "s") == after


# ---- the rest ------------------------------------------------------------------------------------


async def test_nothing_is_waited_for(duckdb_url: str) -> None:
    async with Database(duckdb_url) as db, db.connect() as connection:

        def alone(connection: sa.Connection) -> bool:
            with ENGINE.locked(connection, 0.1):
                return ENGINE.patient(connection, Patience()) == ()

        assert await connection.run_sync(alone)


async def test_a_conflict_is_worth_another_try(tmp_path: Path) -> None:
    engine = sa.create_engine(f"duckdb+andamios:///{tmp_path / 'x'}", isolation_level="AUTOCOMMIT")
    with engine.connect() as one, engine.connect() as other:
        for statement in ("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)", "BEGIN"):
            one.exec_driver_sql(statement)
        one.exec_driver_sql("UPDATE t SET id = 2")
        with pytest.raises(sa.exc.DBAPIError) as conflict:
            other.exec_driver_sql("UPDATE t SET id = 3")
        with pytest.raises(sa.exc.DBAPIError) as mistake:
            other.exec_driver_sql("SELEC")
    engine.dispose()
    assert ENGINE.is_lock_timeout(conflict.value)
    assert not ENGINE.is_lock_timeout(mistake.value)
