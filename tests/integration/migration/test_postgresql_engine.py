"""PostgreSQL's part in migrations: its catalog is read, and tables change under use."""

import enum
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.errors import MigrationError, MigrationLocked, RevisionProblem
from andamios_orm.migration import Answers, Migrator
from andamios_orm.migration.diff import compare
from andamios_orm.migration.engines.base import Patience, Step, transaction
from andamios_orm.migration.engines.postgresql import PostgreSQLEngine
from andamios_orm.migration.engines.postgresql.filling import paced
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import (
    AlterEnumOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RenameConstraintOp,
    RenameIndexOp,
    SqlType,
)
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    EnumState,
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

ENGINE = PostgreSQLEngine()


@pytest_asyncio.fixture
async def connection(empty_postgresql_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(empty_postgresql_url) as db, db.connect() as connection:
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


def everything() -> sa.MetaData:
    """Tables with each thing that can be declared."""
    metadata = sa.MetaData()
    mood = sa.Enum(Mood, name="mood")
    sa.Sequence("numbers", start=5, increment=2, metadata=metadata)
    sa.Table(
        "Team",
        metadata,
        sa.Column("Id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, unique=True, comment="As it's said"),
        sa.Column("city", sa.Text(collation="C")),
        sa.Column("mood", mood, server_default="good"),
        sa.Column("moods", pg.ARRAY(mood)),
        sa.UniqueConstraint("city", "name", postgresql_nulls_not_distinct=True, name="uq"),
        comment="Who plays",
    )
    sa.Table(
        "hero",
        metadata,
        sa.Column(
            "id", sa.BigInteger, sa.Identity(start=10, increment=5, cache=3), primary_key=True
        ),
        sa.Column("part", sa.SmallInteger, primary_key=True),
        sa.Column("down", sa.Integer, sa.Identity(always=True, increment=-1, cycle=True)),
        sa.Column("number", sa.Integer, server_default=sa.text("nextval('numbers')")),
        sa.Column("age", sa.Integer, sa.CheckConstraint("age>=0 and age < 200", name="ck")),
        sa.Column("name", sa.Text, server_default="it's"),
        sa.Column("price", sa.Numeric(10, 2), server_default=sa.text("0.1")),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("during", pg.TSTZRANGE),
        sa.Column("meta", pg.JSONB, server_default=sa.text("'{}'")),
        sa.Column("tags", pg.ARRAY(sa.Text)),
        sa.Column("twice", sa.Integer, sa.Computed("age * 2", persisted=True)),
        sa.Column("team_id", sa.Integer, sa.ForeignKey("Team.Id", ondelete="CASCADE", name="fk")),
        sa.Column(
            "other_id",
            sa.ForeignKey(
                "Team.Id", name="fk2", onupdate="SET NULL", deferrable=True, initially="DEFERRED"
            ),
        ),
        sa.UniqueConstraint("name", "part", deferrable=True, initially="DEFERRED", name="uq2"),
        pg.ExcludeConstraint(("during", "&&"), name="ex", where=sa.text("age > 3")),
        sa.Index("ix_name", "name", unique=True, postgresql_where=sa.text("age>18")),
        sa.Index("ix_parts", sa.text("lower(name)"), sa.desc("age"), sa.text("(age + part)")),
        sa.Index("ix_nulls", sa.nulls_first(sa.column("part")), sa.nulls_last(sa.desc("age"))),
        sa.Index("ix_like", "name", postgresql_ops={"name": "text_pattern_ops"}),
        sa.Index("ix_collated", sa.text('name COLLATE "C"')),
        sa.Index("ix_tags", "tags", postgresql_using="gin"),
        sa.Index("ix_include", "age", postgresql_include=["name"]),
        sa.Index("ix_one", "age", unique=True, postgresql_nulls_not_distinct=True),
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
    # Also beside the tables and types of the same names.
    assert await desired(connection, metadata) == found


async def test_the_catalog_is_read_to_the_last_detail(connection: AsyncConnection) -> None:
    await connection.run_sync(everything().create_all)
    found = await inspected(connection)
    assert found.enums == {
        TableName("mood"): EnumState(name=TableName("mood"), labels=("good", "bad"))
    }
    assert found.sequences == {
        TableName("numbers"): SequenceState(
            name=TableName("numbers"), options="START WITH 5 INCREMENT BY 2"
        )
    }
    team, hero = found.tables[TableName("Team")], found.tables[TableName("hero")]
    assert team == TableState(
        name=TableName("Team"),
        columns=(
            ColumnState(name="Id", type="integer", nullable=False, identity="serial"),
            ColumnState(
                name="name", type="character varying(50)", nullable=False, comment="As it's said"
            ),
            ColumnState(name="city", type="text", collation="C"),
            ColumnState(name="mood", type="mood", default="'good'::mood"),
            ColumnState(name="moods", type="mood[]"),
        ),
        primary_key=KeyState(name="Team_pkey", columns=("Id",)),
        uniques=(
            UniqueState(name="Team_name_key", columns=("name",)),
            UniqueState(name="uq", columns=("city", "name"), options="NULLS NOT DISTINCT"),
        ),
        comment="Who plays",
    )
    columns = {column.name: column for column in hero.columns}
    assert columns["id"].identity == "by default START WITH 10 INCREMENT BY 5 CACHE 3"
    assert columns["down"].identity == "always INCREMENT BY -1 CYCLE"
    assert columns["number"].default == "nextval('numbers'::regclass)"
    assert columns["name"].default == "'it''s'::text"
    assert columns["at"].default == "now()"
    assert columns["at"].type == "timestamp with time zone"
    assert columns["twice"].computed == "(age * 2)"
    assert columns["twice"].stored
    assert hero.primary_key == KeyState(name="hero_pkey", columns=("id", "part"))
    assert hero.uniques == (
        UniqueState(name="uq2", columns=("name", "part"), options="DEFERRABLE INITIALLY DEFERRED"),
    )
    assert hero.checks == (
        CheckState(name="ck", sql="((age >= 0) AND (age < 200))"),
        CheckState(name="ex", sql="USING gist (during WITH &&) WHERE ((age > 3))", kind="EXCLUDE"),
    )
    assert hero.foreign_keys == (
        ForeignKeyState(
            name="fk",
            columns=("team_id",),
            target=TableName("Team"),
            target_columns=("Id",),
            on_delete="CASCADE",
        ),
        ForeignKeyState(
            name="fk2",
            columns=("other_id",),
            target=TableName("Team"),
            target_columns=("Id",),
            on_update="SET NULL",
            options="DEFERRABLE INITIALLY DEFERRED",
        ),
    )
    assert hero.indexes == (
        IndexState(name="ix_collated", parts=('name COLLATE "C"',)),
        IndexState(name="ix_include", parts=("age",), include=("name",)),
        IndexState(name="ix_like", parts=("name text_pattern_ops",)),
        IndexState(name="ix_name", parts=("name",), unique=True, where="(age > 18)"),
        IndexState(name="ix_nulls", parts=("part NULLS FIRST", "age DESC NULLS LAST")),
        IndexState(name="ix_one", parts=("age",), unique=True, options="NULLS NOT DISTINCT"),
        IndexState(name="ix_parts", parts=("lower(name)", "age DESC", "((age + part))")),
        IndexState(name="ix_tags", parts=("tags",), method="gin"),
    )


class Sprite(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, min_length=1, max_length=20, comment="Shown")
    age: Col[int | None] = field(default=None, ge=0, index=True)
    weight: Col[float] = field(default=0.0, server_default=0.5)
    mood: Col[str] = field(column_type=sa.Enum("good", "bad", name="mood"))
    rival_id: Col[int | None] = field(default=None, foreign_key="Sprite.id", on_delete="SET NULL")


async def test_models_are_read_as_they_are_created(connection: AsyncConnection) -> None:
    metadata = compile_all(Sprite.metadata)
    wished = await desired(connection, metadata)
    await run(connection, "CREATE TYPE mood AS ENUM ('good', 'bad')")
    await connection.run_sync(metadata.create_all)
    found = await inspected(connection)
    assert found == wished
    assert set(found.enums) == {TableName("mood")}
    assert found.tables[TableName("sprite")].checks[0].name == "ck_sprite_age_ge"


async def test_schemas_are_read_under_their_own_names(connection: AsyncConnection) -> None:
    metadata = sa.MetaData()
    numbers = sa.Sequence("numbers", schema="Other", metadata=metadata)
    sa.Table(
        "a",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer, server_default=numbers.next_value()),
        sa.Column("mood", sa.Enum("x", name="mood", schema="more")),
        sa.UniqueConstraint("n"),
        schema="Other",
    )
    sa.Table("b", metadata, sa.Column("a", sa.ForeignKey("Other.a.id")), schema="public")
    sa.Table("c", metadata, sa.Column("a", sa.ForeignKey("Other.a.id")))
    await run(connection, 'CREATE SCHEMA "Other"', "CREATE SCHEMA more")
    wished = await desired(connection, metadata)
    await connection.run_sync(metadata.create_all)
    found = await inspected(connection, None, "Other", "more")
    assert found == wished
    assert {str(name) for name in found.tables} == {"Other.a", "b", "c"}
    assert set(found.enums) == {TableName("mood", "more")}
    [key] = found.tables[TableName("c")].foreign_keys
    assert key.target == TableName("a", "Other")
    columns = {one.name: one for one in found.tables[TableName("a", "Other")].columns}
    assert columns["n"].default == "nextval('\"Other\".numbers'::regclass)"
    assert columns["mood"].type == "more.mood"
    # A schema that is not asked for can still be referred to.
    [key] = (await inspected(connection)).tables[TableName("c")].foreign_keys
    assert key.target == TableName("a", "Other")


async def test_a_type_that_the_tables_do_not_create_is_read_from_them_all_the_same(
    connection: AsyncConnection,
) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("m", pg.ENUM("a", "b", name="mood", create_type=False)))
    await run(connection, "CREATE TYPE mood AS ENUM ('a')")
    wished = await desired(connection, metadata)
    assert wished.enums[TableName("mood")].labels == ("a", "b")
    assert (await inspected(connection)).enums[TableName("mood")].labels == ("a",)


async def test_comparing_leaves_nothing_behind(connection: AsyncConnection) -> None:
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'andamios%'"
    metadata = everything()
    sa.Table("t", metadata, sa.Column("n", sa.Integer, server_default=sa.text("nonsense()")))
    with pytest.raises(sa.exc.DBAPIError):
        await desired(connection, metadata)
    await desired(connection, everything())
    assert await connection.scalar(sa.text(schemas)) == 0
    path = await connection.scalar(sa.text("SHOW search_path"))
    assert path == '"$user", public'


async def test_a_user_who_may_not_create_schemas_is_told_what_to_grant(
    connection: AsyncConnection,
) -> None:
    # Roles belong to the server, which other tests use too.
    role = f"reader_{uuid.uuid4().hex[:8]}"
    await run(connection, f"CREATE ROLE {role}", f"SET ROLE {role}")
    try:
        with pytest.raises(MigrationError, match="GRANT CREATE ON DATABASE"):
            await desired(connection, everything())
    finally:
        await run(connection, "RESET ROLE", f"DROP ROLE {role}")


async def test_what_else_the_server_refuses_is_raised_as_it_is(connection: AsyncConnection) -> None:
    await run(connection, "SET default_transaction_read_only TO on")
    with pytest.raises(sa.exc.DBAPIError, match="read-only"):
        await desired(connection, everything())


async def test_the_library_s_own_tables_are_no_part_of_it(connection: AsyncConnection) -> None:
    found = await table_of(
        connection,
        "CREATE TABLE alembic_version (n int)",
        "CREATE TABLE andamios_migration_journal (n serial)",
        "CREATE TABLE andamios_database (n int)",
        "CREATE TABLE andamios_dropped_hero (n int)",
        "CREATE TABLE andamios_new_hero (n int)",
        "CREATE SEQUENCE andamios_new_numbers",
        "CREATE TYPE andamios_new_mood AS ENUM ('a')",
        "CREATE TABLE t (n int, andamios_new_n bigint)",
        "CREATE INDEX andamios_new_ix ON t (n)",
        "ALTER TABLE t ADD CONSTRAINT andamios_new_ck CHECK (n > 0)",
    )
    assert found == TableState(
        name=TableName("t"), columns=(ColumnState(name="n", type="integer"),)
    )
    state = await inspected(connection)
    assert len(state.tables) == 1
    assert not state.enums
    assert not state.sequences


async def test_what_is_not_valid_is_as_if_it_were_not_there(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (n int)",
        "INSERT INTO t VALUES (1), (1)",
        "ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 5) NOT VALID",
    )
    with pytest.raises(sa.exc.IntegrityError):
        await run(connection, "CREATE UNIQUE INDEX CONCURRENTLY ix ON t (n)")
    found = await table_of(connection)
    assert not found.indexes
    assert not found.checks


ALTERATIONS = {
    "type": ("ALTER TABLE t ALTER n TYPE bigint", ("columns", 0, "type")),
    "length": ("ALTER TABLE t ALTER name TYPE varchar(30)", ("columns", 1, "type")),
    "nullable": ("ALTER TABLE t ALTER n SET NOT NULL", ("columns", 0, "nullable")),
    "default": ("ALTER TABLE t ALTER n SET DEFAULT 1", ("columns", 0, "default")),
    "collation": ('ALTER TABLE t ALTER name TYPE text COLLATE "C"', ("columns", 1, "collation")),
    "comment": ("COMMENT ON COLUMN t.n IS 'x'", ("columns", 0, "comment")),
    "comment on the table": ("COMMENT ON TABLE t IS 'x'", ("comment",)),
    "identity": (
        "ALTER TABLE t ALTER id SET GENERATED ALWAYS",
        ("columns", 2, "identity"),
    ),
    "identity's options": (
        "ALTER TABLE t ALTER id SET INCREMENT 2 SET MAXVALUE 99 SET MINVALUE 0",
        ("columns", 2, "identity"),
    ),
    "a serial's narrow sequence": (
        "ALTER TABLE t ALTER old TYPE bigint",
        ("columns", 3, "identity"),
    ),
    "primary key": ("ALTER TABLE t ADD PRIMARY KEY (id)", ("primary_key",)),
    "unique": ("ALTER TABLE t ADD UNIQUE (n)", ("uniques",)),
    "unique with include": ("ALTER TABLE t ADD UNIQUE (n) INCLUDE (name)", ("uniques",)),
    "check": ("ALTER TABLE t ADD CHECK (n > 0)", ("checks",)),
    "foreign key": ("ALTER TABLE t ADD FOREIGN KEY (n) REFERENCES o MATCH FULL", ("foreign_keys",)),
    "index": ("CREATE INDEX ON t (n)", ("indexes",)),
}


@pytest.mark.parametrize("name", ALTERATIONS)
async def test_a_change_of_one_thing_is_seen_as_that(
    connection: AsyncConnection, name: str
) -> None:
    statement, place = ALTERATIONS[name]
    before = await table_of(
        connection,
        "CREATE TABLE o (n int PRIMARY KEY)",
        "CREATE TABLE t (n int, name text, id int GENERATED BY DEFAULT AS IDENTITY, old serial)",
    )
    after = await table_of(connection, statement)
    differing = {
        one
        for one in ("columns", *TableState.__slots__)
        if getattr(before, one) != getattr(after, one)
    }
    # A primary key is NOT NULL as well.
    assert differing - {"columns"} == {place[0]} - {"columns"}
    assert looked_up(before, place) != looked_up(after, place)
    if place[0] == "columns":
        assert [one for one in range(4) if before.columns[one] != after.columns[one]] == [place[1]]


def looked_up(found: Any, place: tuple[Any, ...]) -> object:
    for key in place:
        found = found[key] if isinstance(key, int) else getattr(found, key)
    return found


async def test_a_partitioned_table_is_one_table(connection: AsyncConnection) -> None:
    found = await table_of(
        connection,
        "CREATE TABLE t (n int) PARTITION BY RANGE (n)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (10)",
    )
    assert found.options == (("postgresql_partition_by", "RANGE (n)"),)
    assert set((await inspected(connection)).tables) == {found.name}


async def test_a_standing_sequence_of_another_type_says_so(connection: AsyncConnection) -> None:
    await run(connection, "CREATE SEQUENCE s AS smallint MAXVALUE 9 CYCLE")
    [found] = (await inspected(connection)).sequences.values()
    assert found.options == "AS smallint MAXVALUE 9 CYCLE"


TYPES = [
    "bigint",
    "bigint[]",
    "bit varying(5)",
    "bit(3)",
    "boolean",
    "bytea",
    "character varying",
    "character varying(50)",
    "character varying(50)[]",
    "character(7)",
    "cidr",
    "date",
    "double precision",
    "inet",
    "integer",
    "interval",
    "interval(3)",
    "json",
    "jsonb",
    "macaddr",
    "money",
    "numeric",
    "numeric(10,2)",
    "numeric(3,-2)",
    "point",
    "real",
    "smallint",
    "text",
    "time with time zone",
    "time without time zone",
    "time(3) with time zone",
    "time(3) without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "timestamp(3) with time zone",
    "timestamp(3) without time zone",
    "tsvector",
    "uuid",
]


async def test_every_type_is_written_so_that_it_is_created_again(
    connection: AsyncConnection,
) -> None:
    metadata = sa.MetaData()
    columns = [sa.Column(f"c{n}", ENGINE.column_type(sql)) for n, sql in enumerate(TYPES)]
    sa.Table("t", metadata, *columns)
    [table] = (await desired(connection, metadata)).tables.values()
    assert [column.type for column in table.columns] == TYPES
    others = [sql for sql in TYPES if isinstance(ENGINE.column_type(sql), SqlType)]
    assert others == ["interval(3)", "point"]


# ---- operations ----------------------------------------------------------------------------------


async def apply(
    connection: AsyncConnection,
    operation: MigrateOperation,
    *,
    small: int = 0,
    first: int = 0,
    last: int | None = None,
) -> Sequence[Step]:
    """Do what an operation's steps say, or only some of them."""
    engine = PostgreSQLEngine(small=small)

    def run(connection: sa.Connection) -> Sequence[Step]:
        steps = engine.steps(operation, connection)
        if steps is None:
            plain = statements_of(operation, connection.dialect)
            steps = [Step(statements=plain)]
        for step in steps[first:last]:
            do(connection, step)
        return steps

    return await connection.run_sync(run)


def do(connection: sa.Connection, step: Step) -> None:
    if step.batch is not None:
        place, more = None, True
        while more:
            with transaction(connection):
                place = step.batch(connection, place)
            more = place is not None
    elif step.transaction:
        with transaction(connection):
            once(connection, step)
    else:
        once(connection, step)


def begin(connection: sa.Connection, step: Step) -> None:
    """What is left of a step when the program is killed in it."""
    if step.batch is not None:
        with transaction(connection):
            step.batch(connection, None)
    elif not step.transaction:
        once(connection, step)


def once(connection: sa.Connection, step: Step) -> None:
    if step.run is not None:
        step.run(connection)
    for statement in step.statements:
        connection.exec_driver_sql(statement)


async def resumed(connection: AsyncConnection, operation: MigrateOperation) -> None:
    """Do what an operation's steps say, killed in each of them."""
    engine = PostgreSQLEngine(small=0)
    count: int | None = None
    number = 0

    def one(connection: sa.Connection) -> int:
        steps = engine.steps(operation, connection)
        assert steps is not None
        step = steps[number]
        begin(connection, step)
        steps = engine.steps(operation, connection)
        assert steps is not None
        step = steps[number]
        if step.done is None or not step.done(connection):
            for statement in step.undo:
                connection.exec_driver_sql(statement)
            do(connection, step)
        return len(steps)

    while count is None or number < count:
        found = await connection.run_sync(one)
        assert count in (None, found)
        count = found
        number += 1


ASKED = count()


async def rows(connection: AsyncConnection, sql: str) -> list[tuple[Any, ...]]:
    # Another text each time: what was prepared does not outlive a change of type.
    found = await connection.exec_driver_sql(f"{sql} -- {next(ASKED)}")
    return [tuple(row) for row in found]


BUSY = (
    "CREATE TABLE o (id int PRIMARY KEY)",
    "INSERT INTO o SELECT generate_series(1, 3)",
    'CREATE TABLE t (id serial PRIMARY KEY, part int NOT NULL DEFAULT 7, "N" int DEFAULT 5'
    " REFERENCES o ON DELETE SET NULL, name text, parent int, UNIQUE (part, id),"
    ' CONSTRAINT ck CHECK ("N" > 0 AND id > 0), CONSTRAINT self FOREIGN KEY (parent)'
    " REFERENCES t (id) ON DELETE CASCADE DEFERRABLE)",
    "CREATE TABLE r (t_id int REFERENCES t (id) ON UPDATE CASCADE)",
    'CREATE INDEX ix ON t (part DESC, lower(name)) INCLUDE ("N") WHERE id > 1',
    "COMMENT ON COLUMN t.id IS 'it''s'",
    "INSERT INTO t (\"N\", name) SELECT 1 + n % 3, 'n' || n FROM generate_series(1, 20) n",
    "INSERT INTO r VALUES (1), (20)",
)


async def grown(connection: AsyncConnection, *statements: str) -> None:
    """A table with all that hangs on its columns."""
    await run(connection, *BUSY, *statements)


def retyped(column: str, type_: sa.types.TypeEngine[Any], **options: Any) -> ops.AlterColumnOp:
    return ops.AlterColumnOp("t", column, modify_type=type_, **options)


@pytest.mark.parametrize("column", ["id", "part", "N", "parent"])
async def test_a_column_with_all_that_hangs_on_it_gets_another_type(
    connection: AsyncConnection, column: str
) -> None:
    await grown(connection)
    before = await inspected(connection)
    values = await rows(connection, 'SELECT id, part, "N", name, parent FROM t ORDER BY id')
    steps = await apply(connection, retyped(column, sa.BigInteger(), existing_type=sa.Integer()))
    assert len(steps) >= 4
    after = await inspected(connection)
    assert only_type_differs(before, after, column, "bigint")
    assert await rows(connection, 'SELECT id, part, "N", name, parent FROM t ORDER BY id') == values
    await run(connection, "INSERT INTO o VALUES (5)", "INSERT INTO t (name) VALUES ('new')")
    assert await rows(connection, "SELECT id, part FROM t WHERE name = 'new'") == [(21, 7)]
    assert not await rows(connection, "SELECT 1 FROM pg_class WHERE relname ~ 'andamios'")
    assert not await rows(connection, "SELECT 1 FROM pg_proc WHERE proname ~ 'andamios'")
    assert not await rows(connection, "SELECT 1 FROM pg_trigger WHERE tgname ~ 'andamios'")
    assert not await rows(connection, "SELECT 1 FROM pg_constraint WHERE conname ~ 'andamios'")


def only_type_differs(before: SchemaState, after: SchemaState, column: str, type_: str) -> bool:
    """Whether all is as it was but for one column's type and place."""
    table = before.tables[TableName("t")]
    columns = [replace(one, type=type_) if one.name == column else one for one in table.columns]
    expected = before.with_table(replace(table, columns=in_order(columns)))
    found = after.tables[TableName("t")]
    assert replace(found, columns=in_order(found.columns)) == expected.tables[TableName("t")]
    return after.with_table(replace(found, columns=in_order(found.columns))) == expected


def in_order(columns: Iterable[ColumnState]) -> tuple[ColumnState, ...]:
    return tuple(sorted(columns, key=lambda column: column.name))


@pytest.mark.parametrize("column", ["id", "N"])
async def test_a_change_of_type_goes_on_where_it_was_killed(
    connection: AsyncConnection, column: str
) -> None:
    await grown(connection)
    before = await inspected(connection)
    await resumed(connection, retyped(column, sa.BigInteger(), existing_type=sa.Integer()))
    assert only_type_differs(before, await inspected(connection), column, "bigint")


async def test_an_index_that_was_killed_while_it_was_built_is_built_again(
    connection: AsyncConnection,
) -> None:
    await grown(connection)
    before = await inspected(connection)
    change = retyped("part", sa.BigInteger(), existing_type=sa.Integer())
    await apply(connection, change, last=4)
    own = "(SELECT oid FROM pg_class WHERE relname ~ '^andamios_new')"
    await run(connection, f"UPDATE pg_index SET indisvalid = false WHERE indexrelid IN {own}")
    await apply(connection, change, first=3)
    assert only_type_differs(before, await inspected(connection), "part", "bigint")


async def test_a_column_that_is_not_there_is_told_of(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)")
    for change in (
        retyped("m", sa.BigInteger()),
        ops.AlterColumnOp("t", "m", modify_server_default=sa.Identity()),
    ):
        with pytest.raises(RevisionProblem, match="t has no column m"):
            await apply(connection, change)


async def test_a_small_table_is_written_anew_at_once(connection: AsyncConnection) -> None:
    await grown(connection)
    before = await inspected(connection)
    change = retyped("id", sa.BigInteger(), existing_type=sa.Integer())
    [step] = await apply(connection, change, small=1_000_000)
    assert "the table is small" in step.told
    found = (await inspected(connection)).tables[TableName("t")]
    assert found.column_names == before.tables[TableName("t")].column_names
    assert found.column("id") == replace(
        before.tables[TableName("t")].column("id"), type="bigint", identity="serial"
    )


async def test_an_identity_goes_on_where_it_is_in_the_other_type(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 2) PRIMARY KEY,"
        " name text)",
        "INSERT INTO t (name) VALUES ('a'), ('b')",
    )
    await apply(connection, retyped("id", sa.BigInteger(), existing_type=sa.Integer()))
    await run(connection, "INSERT INTO t (name) VALUES ('c')")
    assert await rows(connection, "SELECT id FROM t ORDER BY id") == [(1,), (3,), (5,)]
    [table] = (await inspected(connection)).tables.values()
    assert table.column("id").identity == "by default INCREMENT BY 2"


async def test_writers_of_the_old_column_are_followed(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (id int, n text)")
    await run(connection, "INSERT INTO t VALUES (1, '1'), (2, '2')")
    change = retyped("n", sa.Integer(), existing_type=sa.Text())
    await apply(connection, change, last=3)
    await run(
        connection,
        "INSERT INTO t VALUES (3, '3'), (4, NULL)",
        "UPDATE t SET n = '20' WHERE id = 2",
        "UPDATE t SET n = NULL WHERE id = 1",
    )
    await apply(connection, change, first=3)
    found = await rows(connection, "SELECT id, n FROM t ORDER BY id")
    assert found == [(1, None), (2, 20), (3, 3), (4, None)]


async def test_a_type_is_reached_by_an_expression_over_the_row(connection: AsyncConnection) -> None:
    await run(
        connection, "CREATE TABLE t (id int, n text)", "INSERT INTO t VALUES (1, 'x'), (2, NULL)"
    )
    using = "coalesce(length(n), t.id * 10)"
    change = retyped("n", sa.Integer(), existing_type=sa.Text(), postgresql_using=using)
    await apply(connection, change, last=3)
    await run(connection, "INSERT INTO t VALUES (3, 'abc'), (4, NULL)")
    await apply(connection, change, first=3)
    found = await rows(connection, "SELECT id, n FROM t ORDER BY id")
    assert found == [(1, 1), (2, 20), (3, 3), (4, 40)]


async def test_an_expression_that_means_nothing_is_refused_before_anything_is_done(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (n text)")
    before = await inspected(connection)
    change = retyped("n", sa.Integer(), existing_type=sa.Text(), postgresql_using="m::int")
    with pytest.raises(sa.exc.ProgrammingError):
        await apply(connection, change)
    assert await inspected(connection) == before
    assert not await rows(connection, "SELECT 1 FROM pg_trigger WHERE tgname ~ 'andamios'")


async def test_a_default_that_does_not_fit_the_type_is_refused_at_once(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (n text DEFAULT 'x')")
    change = retyped("n", sa.Integer(), existing_type=sa.Text())
    with pytest.raises(sa.exc.DBAPIError):
        await apply(connection, change, last=2)


@pytest.mark.parametrize("small", [0, 1_000_000])
async def test_type_and_default_change_together(connection: AsyncConnection, small: int) -> None:
    await run(connection, "CREATE TABLE t (n text DEFAULT 'x')", "INSERT INTO t VALUES ('1')")
    change = retyped("n", sa.Integer(), existing_type=sa.Text(), modify_server_default=sa.text("7"))
    await apply(connection, change, small=small)
    await run(connection, "INSERT INTO t DEFAULT VALUES")
    assert await rows(connection, "SELECT n FROM t ORDER BY n") == [(1,), (7,)]
    await apply(connection, retyped("n", sa.Text(), modify_server_default=None), small=small)
    table = await table_of(connection)
    assert table.columns == (ColumnState(name="n", type="text"),)


@pytest.mark.parametrize("small", [0, 1_000_000])
async def test_a_column_that_counted_becomes_one_with_a_default(
    connection: AsyncConnection, small: int
) -> None:
    await run(
        connection,
        "CREATE TABLE t (n int GENERATED ALWAYS AS IDENTITY)",
        "INSERT INTO t DEFAULT VALUES",
    )
    change = retyped(
        "n",
        sa.Text(),
        existing_type=sa.Integer(),
        existing_server_default=sa.Identity(),
        modify_server_default="x",
    )
    await apply(connection, change, small=small)
    table = await table_of(connection)
    assert table.columns == (
        ColumnState(name="n", type="text", nullable=False, default="'x'::text"),
    )
    assert await rows(connection, "SELECT n FROM t") == [("1",)]


@pytest.mark.parametrize("small", [0, 1_000_000])
async def test_a_value_that_is_too_long_is_refused_and_never_cut(
    connection: AsyncConnection, small: int
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a text, b text, c varbit)",
        "INSERT INTO t VALUES ('abc', 'abc', B'101')",
    )
    for column, type_ in (
        ("a", sa.String(2)),
        ("b", sa.CHAR(2)),
        ("c", pg.BIT(2)),
    ):
        with pytest.raises(sa.exc.DBAPIError):
            await apply(connection, retyped(column, type_), small=small)
    assert await rows(connection, "SELECT a, b, c::text FROM t") == [("abc", "abc", "101")]
    await apply(connection, retyped("a", sa.String(3, collation="C")), small=small)
    await apply(connection, retyped("b", sa.CHAR(3)), small=small)
    await apply(connection, retyped("c", pg.BIT(3)), small=small)
    assert await rows(connection, "SELECT a, b, c::text FROM t") == [("abc", "abc", "101")]
    table = await table_of(connection)
    assert (table.column("a").type, table.column("a").collation) == ("character varying(3)", "C")


async def test_a_time_without_a_zone_is_one_in_utc(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (at timestamp, d date)",
        "INSERT INTO t VALUES ('2024-01-01 12:00', '2024-01-01')",
        "SET timezone TO 'America/New_York'",
    )
    before = await rows(connection, "SELECT pg_relation_filenode('t')")
    zoned = sa.DateTime(timezone=True)
    await apply(connection, retyped("at", zoned, existing_type=sa.DateTime()))
    assert await rows(connection, "SELECT pg_relation_filenode('t')") == before
    change = retyped("d", zoned, existing_type=sa.Date())
    await apply(connection, change, last=3)
    await run(connection, "INSERT INTO t VALUES (NULL, '2024-01-02')")
    await apply(connection, change, first=3)
    await run(connection, "SET timezone TO 'UTC'")
    found = await rows(connection, "SELECT at::text, d::text FROM t ORDER BY d")
    assert found == [
        ("2024-01-01 12:00:00+00", "2024-01-01 00:00:00+00"),
        (None, "2024-01-02 00:00:00+00"),
    ]


async def test_checks_are_not_looked_at_behind_a_lock_where_no_row_changes(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (name varchar(10) CONSTRAINT ck CHECK (name <> ''), n int CHECK (n > 0))",
        "INSERT INTO t VALUES ('a', 1)",
    )
    change = retyped("name", sa.Text(), existing_type=sa.String(10))
    first, second = await apply(connection, change)
    assert first.lock
    assert not second.lock
    table = await table_of(connection)
    assert table.column("name").type == "text"
    assert CheckState(name="ck", sql="(name <> ''::text)") in table.checks
    assert len(table.checks) == 2


OBSTACLES = {
    "it is in partitions": (
        "CREATE TABLE t (n int, m int) PARTITION BY LIST (m)",
        "CREATE TABLE t1 PARTITION OF t DEFAULT",
    ),
    "it inherits": ("CREATE TABLE t (n int)", "CREATE TABLE o () INHERITS (t)"),
    "grants of its own": ("CREATE TABLE t (n int)", "GRANT SELECT (n) ON t TO PUBLIC"),
    "never validated": (
        "CREATE TABLE t (n int)",
        "ALTER TABLE t ADD CHECK (n > 0) NOT VALID",
    ),
    "exclusion constraint": ("CREATE TABLE t (n int, EXCLUDE USING btree (n WITH =))",),
    "replica identity": (
        "CREATE TABLE t (n int NOT NULL UNIQUE)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_n_key",
    ),
}


@pytest.mark.parametrize("reason", OBSTACLES)
async def test_a_column_that_cannot_be_replaced_is_altered_behind_a_lock(
    connection: AsyncConnection, reason: str
) -> None:
    await run(connection, *OBSTACLES[reason], "INSERT INTO t (n) VALUES (1)")
    [step] = await apply(connection, retyped("n", sa.BigInteger()))
    assert "behind a lock" in step.told
    assert reason in step.told
    assert (await inspected(connection)).tables[TableName("t")].column("n").type == "bigint"


@pytest.mark.parametrize(
    "dependent",
    [
        "CREATE VIEW v AS SELECT n FROM t",
        "ALTER TABLE t ADD COLUMN twice int GENERATED ALWAYS AS (n * 2) STORED",
    ],
)
async def test_what_the_server_does_not_alter_is_told_by_the_server(
    connection: AsyncConnection, dependent: str
) -> None:
    await run(connection, "CREATE TABLE t (n int)", dependent)
    before = await inspected(connection)
    with pytest.raises(sa.exc.DBAPIError, match="cannot alter type of a column used by"):
        await apply(connection, retyped("n", sa.BigInteger()))
    assert await inspected(connection) == before


async def test_a_name_is_only_replaced_where_it_is_the_column(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (date text CHECK (date::date > '2020-01-01'::date AND date <> 'date'),"
        ' "C" text COLLATE "C" CHECK (upper("C") = "C" COLLATE "C"), up text)',
        'CREATE INDEX ix ON t (("date"::text || \'date\'), "C" COLLATE "C")',
        "INSERT INTO t VALUES ('2024-01-01', 'X')",
    )
    before = await inspected(connection)
    await apply(connection, retyped("date", SqlType("bpchar"), existing_type=sa.Text()))
    await apply(connection, retyped("C", SqlType('bpchar COLLATE "C"'), existing_type=sa.Text()))
    found = (await inspected(connection)).tables[TableName("t")]
    assert len(found.checks) == len(before.tables[TableName("t")].checks) == 2
    assert [index.name for index in found.indexes] == ["ix"]
    assert all("andamios" not in check.sql for check in found.checks)


# ---- columns -------------------------------------------------------------------------------------


async def test_a_column_is_made_required_beside_its_readers(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    change = ops.AlterColumnOp("t", "n", modify_nullable=False)
    adding, validating, setting = await apply(connection, change)
    assert "NOT VALID" in adding.told
    assert not validating.lock
    assert "SET NOT NULL" in setting.told
    table = await table_of(connection)
    assert table.columns == (ColumnState(name="n", type="integer", nullable=False),)
    # It may be asked for again.
    await apply(connection, change)
    await apply(connection, ops.AlterColumnOp("t", "n", modify_nullable=True))
    assert (await table_of(connection)).column("n").nullable


async def test_becoming_required_goes_on_where_it_was_killed(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    await resumed(connection, ops.AlterColumnOp("t", "n", modify_nullable=False))
    table = await table_of(connection)
    assert not table.column("n").nullable
    assert not table.checks


async def test_what_takes_no_time_is_done_at_once(connection: AsyncConnection) -> None:
    await run(connection, "CREATE SCHEMA s", 'CREATE TABLE s."T" ("N" int DEFAULT 1 NOT NULL)')
    change = ops.AlterColumnOp(
        "T",
        "N",
        schema="s",
        modify_server_default=sa.text("2"),
        modify_nullable=True,
        modify_comment="it's",
        modify_name="M",
    )
    [step] = await apply(connection, change)
    assert len(step.statements) == 4
    [table] = (await inspected(connection, "s")).tables.values()
    assert table.columns == (ColumnState(name="M", type="integer", default="2", comment="it's"),)
    change = ops.AlterColumnOp("T", "M", schema="s", modify_server_default=None)
    await apply(connection, change)
    [table] = (await inspected(connection, "s")).tables.values()
    assert table.column("M").default is None


COUNTING = {
    "nothing": "id int",
    "a default": "id int DEFAULT 9",
    "serial": "id serial",
    "identity": "id int GENERATED BY DEFAULT AS IDENTITY",
}


@pytest.mark.parametrize("start", COUNTING)
@pytest.mark.parametrize("target", ["serial", "identity", "nothing", "a default"])
async def test_a_column_counts_on_from_where_it_is(
    connection: AsyncConnection, start: str, target: str
) -> None:
    await run(
        connection,
        "CREATE SEQUENCE t_id_seq",
        f"CREATE TABLE t ({COUNTING[start]}, x int)",
        "INSERT INTO t (id) SELECT generate_series(1, 5)",
    )
    if start in ("serial", "identity"):
        await run(connection, "SELECT setval(pg_get_serial_sequence('t', 'id'), 5)")
    default = {"identity": sa.Identity(always=True), "a default": sa.text("9")}.get(target)
    change = ops.AlterColumnOp(
        "t",
        "id",
        existing_nullable=start in ("nothing", "a default"),
        modify_server_default=default,
        autoincrement=target in ("serial", "identity"),
    )
    await apply(connection, change)
    column = (await table_of(connection)).column("id")
    expected: dict[str, tuple[str | None, str | None]] = {
        "serial": ("serial", None),
        "identity": ("always", None),
        "nothing": (None, None),
        "a default": (None, "9"),
    }
    assert (column.identity, column.default) == expected[target]
    await run(connection, "INSERT INTO t (x) VALUES (7)") if target != "nothing" else None
    if target in ("serial", "identity"):
        assert await rows(connection, "SELECT id FROM t WHERE x = 7") == [(6,)]
    # Only the one that nobody owns is left.
    assert len((await inspected(connection)).sequences) == 1


async def test_an_identity_counts_in_another_way(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY (START WITH 5 CACHE 9 CYCLE))",
    )
    for identity, told in (
        (sa.Identity(always=True, increment=3), "always INCREMENT BY 3"),
        (
            sa.Identity(increment=-1, minvalue=-9, maxvalue=-2, cycle=True, cache=2),
            "by default INCREMENT BY -1 MINVALUE -9 MAXVALUE -2 CACHE 2 CYCLE",
        ),
        (sa.Identity(start=3), "by default START WITH 3"),
    ):
        await apply(
            connection,
            ops.AlterColumnOp(
                "t",
                "id",
                existing_server_default=sa.Identity(),
                existing_nullable=False,
                modify_server_default=identity,
            ),
        )
        assert (await table_of(connection)).column("id").identity == told


async def test_a_column_that_begins_to_count_leaves_its_values_alone(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (up int NOT NULL, down int NOT NULL, late int NOT NULL, x int)",
        "INSERT INTO t VALUES (40, -30, 3)",
    )
    for name, identity in (
        ("up", sa.Identity()),
        ("down", sa.Identity(increment=-1, cycle=True)),
        ("late", sa.Identity(start=100, minvalue=50, maxvalue=900, cache=1)),
    ):
        change = ops.AlterColumnOp("t", name, modify_server_default=identity)
        await apply(connection, change)
    await run(connection, "INSERT INTO t (x) VALUES (1)")
    assert await rows(connection, "SELECT up, down, late FROM t WHERE x = 1") == [(41, -31, 100)]


async def test_a_serial_column_counts_as_far_as_its_type(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (id serial)", "ALTER TABLE t ALTER id TYPE bigint")
    assert (await table_of(connection)).column("id").identity == "serial MAXVALUE 2147483647"
    change = ops.AlterColumnOp("t", "id", modify_server_default=None, autoincrement=True)
    await apply(connection, change)
    assert (await table_of(connection)).column("id").identity == "serial"


def added(*arguments: Any, **options: Any) -> ops.AddColumnOp:
    return ops.AddColumnOp("t", sa.Column("c", *arguments, **options))


async def test_a_column_is_filled_with_a_value_of_its_own_in_each_row(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t SELECT generate_series(1, 9)")
    uuids = sa.text("gen_random_uuid()")
    steps = await apply(connection, added(sa.Uuid(), server_default=uuids, nullable=False))
    assert len(steps) == 5
    column = (await table_of(connection)).column("c")
    assert (column.nullable, column.default) == (False, "gen_random_uuid()")
    assert await rows(connection, "SELECT count(DISTINCT c) FROM t") == [(9,)]
    await run(connection, "ALTER TABLE t DROP COLUMN c")
    steps = await apply(connection, added(sa.Uuid(), server_default=uuids, comment="Key"))
    assert len(steps) == 2
    assert (await table_of(connection)).column("c").comment == "Key"


async def test_a_column_that_counts_is_filled_in_batches(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t SELECT generate_series(1, 9)")
    change = added(sa.BigInteger(), sa.Identity(increment=2), nullable=False)
    await resumed(connection, change)
    column = (await table_of(connection)).column("c")
    assert (column.nullable, column.identity) == (False, "by default INCREMENT BY 2")
    await run(connection, "INSERT INTO t VALUES (10)")
    assert await rows(connection, "SELECT sum(c), max(c), count(DISTINCT c) FROM t") == [
        (100, 19, 10)
    ]
    assert not (await inspected(connection)).sequences


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"server_default": sa.text("7")},
        {"server_default": sa.func.now()},
        {"computed": sa.Computed("n * 2", persisted=True)},
    ],
)
async def test_a_column_that_is_there_at_once_is_alembic_s_own_affair(
    connection: AsyncConnection, arguments: dict[str, Any]
) -> None:
    await run(connection, "CREATE TABLE t (n int)")
    computed = arguments.get("computed")
    given = {key: value for key, value in arguments.items() if key != "computed"}
    type_ = sa.DateTime() if "now" in str(given) else sa.Integer()
    change = added(type_, *([computed] if computed is not None else []), **given)
    assert await connection.run_sync(lambda c: ENGINE.steps(change, c)) is None
    await apply(connection, change)
    assert (await table_of(connection)).column_names == ("n", "c")


def test_writers_wait_no_longer_than_a_moment_for_rows_that_are_filled() -> None:
    assert paced(40, 0.2) == 20
    assert paced(1, 9.0) == 1
    assert paced(40, 0.04) == 40
    assert paced(40, 0.01) == 80


async def test_a_table_that_was_written_anew_meanwhile_is_filled_again(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (n int, wide text) WITH (autovacuum_enabled = false)",
        "INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 700) i",
        "DELETE FROM t WHERE n BETWEEN 8 AND 350",
    )
    change = added(sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)
    adding, filling, *rest = await connection.run_sync(lambda c: ENGINE.steps(change, c) or [])
    batch = filling.batch
    assert batch is not None
    await connection.run_sync(do, adding)
    place = await connection.run_sync(batch, None)
    assert place is not None
    # The rows that are left come to pages that were filled already.
    await run(connection, "VACUUM FULL t")
    while place is not None:
        place = await connection.run_sync(batch, place)
    for step in rest:
        await connection.run_sync(do, step)
    assert await rows(connection, "SELECT count(*) FROM t WHERE c IS NULL") == [(0,)]


# ---- indexes and constraints ---------------------------------------------------------------------


async def test_an_index_is_built_beside_writers(connection: AsyncConnection) -> None:
    await run(connection, "CREATE SCHEMA s", "CREATE TABLE s.t (n int, m int)")
    change = ops.CreateIndexOp(
        "ix",
        "t",
        ["n", sa.text("(n + m) DESC")],
        schema="s",
        unique=True,
        postgresql_where=sa.text("n > 1"),
        postgresql_include=["m"],
    )
    clearing, creating = await apply(connection, change)
    assert not clearing.transaction
    assert "CREATE UNIQUE INDEX CONCURRENTLY" in creating.statements[0]
    [table] = (await inspected(connection, "s")).tables.values()
    assert table.indexes == (
        IndexState(
            name="ix",
            parts=("n", "((n + m)) DESC"),
            unique=True,
            where="(n > 1)",
            include=("m",),
        ),
    )
    [step] = await apply(connection, ops.DropIndexOp("ix", "t", schema="s"))
    assert step.done is not None
    assert await connection.run_sync(step.done)
    assert "CONCURRENTLY" in step.statements[0]
    await apply(connection, ops.DropIndexOp("ix", "t", schema="s", if_exists=True))
    [table] = (await inspected(connection, "s")).tables.values()
    assert not table.indexes


async def test_an_index_that_failed_is_removed_before_it_is_tried_again(
    connection: AsyncConnection,
) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (1)")
    change = ops.CreateUniqueConstraintOp("uq", "t", ["n"])
    with pytest.raises(sa.exc.IntegrityError):
        await apply(connection, change)
    left = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('uq')"
    assert await rows(connection, left) == [(False,)]
    await run(connection, "DELETE FROM t WHERE ctid = '(0,1)'")
    await apply(connection, change)
    assert (await table_of(connection)).uniques == (UniqueState(name="uq", columns=("n",)),)


@pytest.mark.parametrize(
    "change",
    [
        ops.CreateIndexOp("x", "t", ["n"]),
        ops.CreateUniqueConstraintOp(
            "x", "t", ["n", "m"], deferrable=True, initially="DEFERRED", postgresql_include=["o"]
        ),
        ops.CreateUniqueConstraintOp("x", "t", ["n"], postgresql_nulls_not_distinct=True),
        ops.CreatePrimaryKeyOp("x", "t", ["n", "m"]),
        ops.CreateCheckConstraintOp("x", "t", "n > 0"),
        ops.CreateForeignKeyOp("x", "t", "r", ["n"], ["n"], ondelete="CASCADE"),
    ],
    ids=lambda operation: type(operation).__name__,
)
async def test_what_is_added_goes_on_where_it_was_killed(
    connection: AsyncConnection, change: MigrateOperation
) -> None:
    await run(
        connection,
        "CREATE TABLE r (n int PRIMARY KEY)",
        "INSERT INTO r VALUES (1)",
        "CREATE TABLE t (n int, m int, o int)",
        "INSERT INTO t VALUES (1, 2, 3)",
    )
    before = await inspected(connection)
    await apply(connection, change)
    expected = await inspected(connection)
    assert expected != before
    await run(connection, "DROP TABLE t", "CREATE TABLE t (n int, m int, o int)")
    await run(connection, "INSERT INTO t VALUES (1, 2, 3)")
    await resumed(connection, change)
    assert await inspected(connection) == expected


async def test_a_constraint_that_was_left_not_valid_is_added_anew(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (n int)",
        "INSERT INTO t VALUES (1)",
        "ALTER TABLE t ADD CONSTRAINT ck CHECK (n > 5) NOT VALID",
    )
    await apply(connection, ops.CreateCheckConstraintOp("ck", "t", "n > 0"))
    assert (await table_of(connection)).checks == (CheckState(name="ck", sql="(n > 0)"),)
    # One that is valid is somebody's own.
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        await apply(connection, ops.CreateCheckConstraintOp("ck", "t", "n > 1"))


async def test_rows_are_looked_at_beside_writers(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    _, adding, validating = await apply(
        connection, ops.CreateCheckConstraintOp("ck", "t", sa.column("n") > 0)
    )
    assert adding.statements[0].endswith("NOT VALID")
    assert adding.lock
    assert "VALIDATE" in validating.statements[0]
    assert not validating.lock


@pytest.mark.parametrize(
    "change",
    [
        ops.CreateIndexOp("x", "t", ["n"]),
        ops.CreateUniqueConstraintOp("x", "t", ["n"]),
        ops.CreateForeignKeyOp("x", "t", "r", ["n"], ["n"]),
    ],
    ids=lambda operation: type(operation).__name__,
)
async def test_a_table_in_partitions_is_changed_in_alembic_s_own_way(
    connection: AsyncConnection, change: MigrateOperation
) -> None:
    await run(
        connection,
        "CREATE TABLE r (n int PRIMARY KEY)",
        "CREATE TABLE t (n int) PARTITION BY RANGE (n)",
        "CREATE INDEX ix ON t (n)",
    )
    assert await connection.run_sync(lambda c: ENGINE.steps(change, c)) is None
    await apply(connection, change)
    dropping = ops.DropIndexOp("ix", "t")
    assert await connection.run_sync(lambda c: ENGINE.steps(dropping, c)) is None
    await apply(connection, dropping)
    # A CHECK is added to all of them in two steps.
    await apply(connection, ops.CreateCheckConstraintOp("ck", "t", "n > 0"))
    assert (await table_of(connection)).checks == (CheckState(name="ck", sql="(n > 0)"),)


@pytest.mark.parametrize(
    "change",
    [
        ops.CreateIndexOp(None, "t", ["n"]),
        ops.CreateUniqueConstraintOp(None, "t", ["n"]),
        ops.CreateCheckConstraintOp(None, "t", "n > 0"),
    ],
    ids=lambda operation: type(operation).__name__,
)
async def test_what_has_no_name_is_alembic_s_own_affair(
    connection: AsyncConnection, change: MigrateOperation
) -> None:
    await run(connection, "CREATE TABLE t (n int)")
    assert await connection.run_sync(lambda c: ENGINE.steps(change, c)) is None


async def test_names_change_and_tables_move(connection: AsyncConnection) -> None:
    await run(connection, 'CREATE TABLE t ("N" int CONSTRAINT ck CHECK ("N" > 0))')
    await run(connection, 'CREATE INDEX ix ON t ("N")')
    await apply(connection, RenameConstraintOp("t", "ck", "Check"))
    await apply(connection, RenameIndexOp("t", "ix", "Index"))
    await apply(connection, MoveTableOp("t", schema=None, to="s"))
    state = await inspected(connection, None, "s")
    [table] = state.tables.values()
    assert table.name == TableName("t", "s")
    assert table.checks[0].name == "Check"
    assert table.indexes == (IndexState(name="Index", parts=('"N"',)),)
    await apply(connection, MoveTableOp("t", schema="s", to=None))
    assert set((await inspected(connection)).tables) == {TableName("t")}


async def test_a_table_brings_its_schema(connection: AsyncConnection) -> None:
    for name in ("a", "b"):
        await apply(connection, ops.CreateTableOp(name, [sa.Column("n", sa.Integer)], schema="s"))
    assert {str(name) for name in (await inspected(connection, "s")).tables} == {"s.a", "s.b"}
    assert await connection.run_sync(lambda c: ENGINE.steps(ops.DropTableOp("a"), c)) is None


# ---- enums ---------------------------------------------------------------------------------------


async def test_labels_are_added_and_renamed_in_place(connection: AsyncConnection) -> None:
    await apply(connection, CreateEnumOp("mood", ["b", "d"]))
    await run(connection, "CREATE TABLE t (m mood)", "INSERT INTO t VALUES ('d')")
    change = AlterEnumOp(
        "mood", before=["b", "d"], after=["a", "b", "c", "it's"], renamed={"d": "it's"}
    )
    steps = await apply(connection, change)
    assert len(steps) == 3
    assert (await inspected(connection)).enums[TableName("mood")].labels == ("a", "b", "c", "it's")
    assert await rows(connection, "SELECT m::text FROM t") == [("it's",)]


async def test_the_first_labels_of_all_are_added(connection: AsyncConnection) -> None:
    await apply(connection, CreateEnumOp("mood", []))
    await apply(connection, AlterEnumOp("mood", before=[], after=["a", "b"]))
    assert (await inspected(connection)).enums[TableName("mood")].labels == ("a", "b")


LABELLED = (
    "CREATE SCHEMA s",
    "CREATE TYPE s.mood AS ENUM ('a', 'b', 'c')",
    "CREATE TABLE t (id int PRIMARY KEY, m s.mood DEFAULT 'b' NOT NULL, n s.mood DEFAULT 'a',"
    " o s.mood, many s.mood[] DEFAULT '{a}', CONSTRAINT ck CHECK (m <> 'c' OR n IS NOT NULL))",
    "CREATE INDEX ix ON t (m) WHERE m = 'c'::s.mood",
    "CREATE INDEX two ON t (m, n)",
    "ALTER TABLE t ADD CONSTRAINT uq UNIQUE (m, n)",
    "INSERT INTO t VALUES (1, 'a', 'b', NULL, '{a,b}'), (2, 'c', 'c', 'c', NULL)",
)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_label_is_removed_by_way_of_a_new_type(
    connection: AsyncConnection, killed: bool
) -> None:
    await run(connection, *LABELLED)
    before = await inspected(connection, None, "s")
    change = AlterEnumOp(
        "mood",
        before=["a", "b", "c"],
        after=["c", "x"],
        renamed={"a": "x"},
        replaced={"b": "c"},
        schema="s",
    )
    await (resumed if killed else apply)(connection, change)
    after = await inspected(connection, None, "s")
    assert after.enums[TableName("mood", "s")].labels == ("c", "x")
    table, old = after.tables[TableName("t")], before.tables[TableName("t")]
    assert table.checks == old.checks
    assert table.indexes == old.indexes
    assert table.uniques == old.uniques
    assert {c.name: (c.type, c.default, c.nullable) for c in table.columns} == {
        "id": ("integer", None, False),
        "m": ("s.mood", "'c'::s.mood", False),
        "n": ("s.mood", "'x'::s.mood", True),
        "o": ("s.mood", None, True),
        "many": ("s.mood[]", "'{x}'::s.mood[]", True),
    }
    found = await rows(connection, "SELECT id, m::text, n::text, o::text, many::text[] FROM t")
    assert sorted(found) == [(1, "x", "c", None, ["x", "c"]), (2, "c", "c", "c", None)]
    assert not await rows(connection, "SELECT 1 FROM pg_type WHERE typname ~ 'andamios'")


async def test_a_default_that_is_removed_goes(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TYPE mood AS ENUM ('a', 'b')",
        "CREATE TABLE t (m mood DEFAULT 'a', many mood[])",
        "INSERT INTO t VALUES ('b', '{b}')",
    )
    await apply(connection, AlterEnumOp("mood", before=["a", "b"], after=["b"]))
    table = await table_of(connection)
    assert table.column("m").default is None
    assert await rows(connection, "SELECT m::text, many::text[] FROM t") == [("b", ["b"])]


async def test_a_label_that_is_used_is_not_removed(connection: AsyncConnection) -> None:
    await run(connection, *LABELLED)
    before = await inspected(connection, None, "s")
    change = AlterEnumOp("mood", before=["a", "b", "c"], after=["a", "c"], schema="s")
    with pytest.raises(sa.exc.DBAPIError):
        await apply(connection, change)
    assert await inspected(connection, None, "s") == before


async def test_a_partitioned_table_s_labels_are_changed_behind_a_lock(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TYPE mood AS ENUM ('a', 'b')",
        "CREATE TABLE t (m mood DEFAULT 'a', n int) PARTITION BY LIST (n)",
        "CREATE TABLE t1 PARTITION OF t DEFAULT",
        "INSERT INTO t VALUES ('a', 1)",
    )
    change = AlterEnumOp("mood", before=["a", "b"], after=["x"], renamed={"a": "x"})
    await apply(connection, change)
    assert await rows(connection, "SELECT m::text FROM t") == [("x",)]
    assert (await table_of(connection)).column("m").default == "'x'::mood"


async def test_a_type_goes_with_its_last_column(connection: AsyncConnection) -> None:
    await apply(connection, CreateEnumOp("mood", ["a"]))
    await apply(connection, DropEnumOp("mood"))
    assert not (await inspected(connection)).enums


async def test_a_type_whose_values_were_put_aside_comes_back_with_them(
    connection: AsyncConnection,
) -> None:
    create = CreateEnumOp("mood", ["a"])
    await apply(connection, create)
    await run(
        connection,
        "CREATE TABLE t (m mood)",
        "INSERT INTO t VALUES ('a')",
        "CREATE TABLE andamios_dropped_t AS SELECT * FROM t",
    )
    with pytest.raises(sa.exc.DBAPIError, match="depend on it"):
        await apply(connection, DropEnumOp("mood"))
    await run(connection, "DROP TABLE t")
    await apply(connection, DropEnumOp("mood"))
    assert not (await inspected(connection)).enums
    await apply(connection, create)
    assert set((await inspected(connection)).enums) == {TableName("mood")}
    await run(
        connection, "CREATE TABLE t (m mood)", "INSERT INTO t SELECT * FROM andamios_dropped_t"
    )


async def test_a_condition_reads_the_same_when_it_is_read_in_again(
    connection: AsyncConnection,
) -> None:
    first = await table_of(
        connection,
        "CREATE TABLE t (c varchar(9) CONSTRAINT ck CHECK (c IN ('a, b', 'it''s')))",
    )
    [check] = first.checks
    again = await table_of(
        connection,
        "ALTER TABLE t DROP CONSTRAINT ck",
        f"ALTER TABLE t ADD CONSTRAINT ck CHECK ({check.sql})",
    )
    assert again == first


# ---- questions -----------------------------------------------------------------------------------


async def counted(connection: AsyncConnection, operation: MigrateOperation) -> dict[str, int]:
    """What stands in the way of an operation, in words, where there is anything."""
    state = await inspected(connection, None, "s")
    found = {}
    for question in ENGINE.questions(operation, state):
        number = (await connection.exec_driver_sql(question.sql)).scalar_one()
        if number:
            found[question.problem] = int(number)
    return found


ROWS = (
    "CREATE SCHEMA s",
    "CREATE TYPE mood AS ENUM ('a', 'b')",
    'CREATE TABLE s.r ("Id" int PRIMARY KEY)',
    "INSERT INTO s.r VALUES (1)",
    "CREATE TABLE t (id int, n int, name text, price numeric, big bigint, d date, ref int,"
    ' m mood, many mood[], "Odd" text)',
    "INSERT INTO t VALUES"
    " (1, 1, 'abc', 1.234, 1, '2024-01-01', 1, 'a', '{a}', '1'),"
    " (2, 1, 'x', 12345, 3000000000, NULL, 2, 'b', '{a,b}', '2.5'),"
    " (3, NULL, '12', 5, -5, NULL, NULL, NULL, NULL, 'true'),"
    " (4, NULL, '99999999999', 6, NULL, NULL, NULL, NULL, NULL, NULL)",
)

BLOCKED: list[tuple[MigrateOperation, dict[str, int]]] = [
    (
        ops.AddColumnOp("t", sa.Column("c", sa.Integer, nullable=False)),
        {"would have no value in t.c": 4},
    ),
    (ops.AddColumnOp("t", sa.Column("c", sa.Integer)), {}),
    (ops.AddColumnOp("t", sa.Column("c", sa.Integer, sa.Identity(), nullable=False)), {}),
    (ops.AlterColumnOp("t", "n", modify_nullable=False), {"have no value in t.n": 2}),
    (ops.AlterColumnOp("t", "id", modify_nullable=False), {}),
    (ops.AlterColumnOp("t", "gone", modify_nullable=False), {}),
    (
        ops.AlterColumnOp("t", "name", modify_type=sa.String(2)),
        {"are longer than 2 in t.name": 2},
    ),
    (
        ops.AlterColumnOp("t", "name", modify_type=sa.Integer()),
        {"are no integer in t.name": 2, "are beyond integer in t.name": 1},
    ),
    (
        ops.AlterColumnOp("t", "Odd", modify_type=sa.Numeric(2, 1)),
        {"are no numeric(2, 1) in t.Odd": 1},
    ),
    (
        ops.AlterColumnOp("t", "Odd", modify_type=sa.Double()),
        {"are no double precision in t.Odd": 1},
    ),
    (ops.AlterColumnOp("t", "Odd", modify_type=sa.Boolean()), {"are no boolean in t.Odd": 1}),
    (ops.AlterColumnOp("t", "Odd", modify_type=sa.Uuid()), {"are no uuid in t.Odd": 3}),
    (ops.AlterColumnOp("t", "Odd", modify_type=sa.LargeBinary()), {}),
    (
        ops.AlterColumnOp("t", "Odd", modify_type=sa.Integer(), postgresql_using="1"),
        {},
    ),
    (ops.AlterColumnOp("t", "big", modify_type=sa.Integer()), {"are beyond integer in t.big": 1}),
    (ops.AlterColumnOp("t", "big", modify_type=sa.Double()), {}),
    (
        ops.AlterColumnOp("t", "price", modify_type=sa.Numeric(5, 2)),
        {"are beyond numeric(5, 2) in t.price": 1, "would lose digits in t.price": 1},
    ),
    (ops.AlterColumnOp("t", "d", modify_type=sa.Integer()), {}),
    (ops.CreateCheckConstraintOp("ck", "t", "n > 1"), {"break ck in t": 2}),
    (
        ops.CreateCheckConstraintOp(None, "t", sa.column("Odd") != "1"),
        {"break CHECK (\"Odd\" != '1') in t": 1},
    ),
    (ops.CreateCheckConstraintOp("ck", "t", sa.text("id % 2 = 0")), {"break ck in t": 2}),
    (ops.CreateCheckConstraintOp("ck", "t", "later > 1"), {}),
    (ops.CreateCheckConstraintOp("ck", "later", "n > 1"), {}),
    (ops.CreateUniqueConstraintOp("uq", "t", ["n"]), {"repeat another row's (n) in t": 1}),
    (ops.CreateUniqueConstraintOp("uq", "t", ["later"]), {}),
    (
        ops.CreateUniqueConstraintOp("uq", "t", ["n"], postgresql_nulls_not_distinct=True),
        {"repeat another row's (n) in t": 2},
    ),
    (
        ops.CreatePrimaryKeyOp("pk", "t", ["n"]),
        {"have no value in t.n": 2, "repeat another row's (n) in t": 2},
    ),
    (ops.CreatePrimaryKeyOp("pk", "r", ["Id"], schema="s"), {}),
    (ops.CreateIndexOp("ix", "t", ["n"]), {}),
    (
        ops.CreateIndexOp(
            "ix", "t", [sa.text("(n + 1) DESC NULLS LAST")], unique=True, postgresql_where="id < 9"
        ),
        {"repeat another row's ((n + 1)) in t": 1},
    ),
    (ops.CreateIndexOp("ix", "t", ["later"], unique=True), {}),
    (
        ops.CreateForeignKeyOp("fk", "t", "r", ["ref"], ["Id"], referent_schema="s"),
        {"refer to no row of s.r in t.ref": 1},
    ),
    (ops.CreateForeignKeyOp("fk", "t", "later", ["ref"], ["id"]), {}),
    (ops.DropTableOp("t"), {}),
    (
        AlterEnumOp("mood", before=["a", "b"], after=["a"]),
        {
            "have a label that goes (b) in t.m": 1,
            "have a label that goes (b) in t.many": 1,
        },
    ),
    (AlterEnumOp("mood", before=["a", "b"], after=["a"], replaced={"b": "a"}), {}),
]


async def test_rows_in_the_way_are_counted(connection: AsyncConnection) -> None:
    await run(connection, *ROWS)
    for operation, expected in BLOCKED:
        assert await counted(connection, operation) == expected, operation


async def test_a_question_tells_how_it_is_answered(connection: AsyncConnection) -> None:
    await run(connection, *ROWS)
    state = await inspected(connection, None, "s")
    [question] = ENGINE.questions(ops.AlterColumnOp("t", "n", modify_nullable=False), state)
    assert question.fill == "t.n"
    assert question.cure == "op.backfill('t', {'n': ...}, where='n IS NULL')"
    change = ops.CreateCheckConstraintOp("ck", "r", '"Id" > 1', schema="s")
    [question] = ENGINE.questions(change, state)
    assert question.fill is None
    assert question.cure == ("op.backfill('r', {'Id': ...}, where='NOT (\"Id\" > 1)', schema='s')")


# ---- others --------------------------------------------------------------------------------------


async def test_a_step_gives_up_soon_and_says_that_it_was_a_lock(
    connection: AsyncConnection, postgresql_url: str
) -> None:
    await run(connection, "CREATE TABLE t (n int)")
    patience = Patience(lock_timeout=0.01, statement_timeout=60)

    def attempt(connection: sa.Connection) -> None:
        with transaction(connection):
            for statement in ENGINE.patient(connection, patience):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("ALTER TABLE t ADD COLUMN m int")

    async with Database(postgresql_url) as db, db.connect() as other:
        await run(other, "BEGIN", "SELECT n FROM t")
        with pytest.raises(sa.exc.DBAPIError) as caught:
            await connection.run_sync(attempt)
        await run(other, "ROLLBACK")
    assert ENGINE.is_lock_timeout(caught.value)
    await connection.run_sync(attempt)
    with pytest.raises(sa.exc.DBAPIError) as caught:
        await connection.run_sync(attempt)
    assert not ENGINE.is_lock_timeout(caught.value)
    assert len(ENGINE.patient(connection.sync_connection, Patience())) == 1  # type: ignore[arg-type]  # it is open


async def test_one_migrator_at_a_time(connection: AsyncConnection, postgresql_url: str) -> None:
    def both(first: sa.Connection, second: sa.Connection) -> None:
        with ENGINE.locked(first, 0):
            with pytest.raises(MigrationLocked, match="another migrator"), ENGINE.locked(second, 0):
                pass
            with pytest.raises(MigrationLocked), ENGINE.locked(second, 0.05):
                pass
        with ENGINE.locked(second, 0), pytest.raises(MigrationLocked), ENGINE.locked(first, 0):
            pass

    async with Database(postgresql_url) as db, db.connect() as other:
        assert other.sync_connection is not None
        await connection.run_sync(both, other.sync_connection)


async def test_a_lock_that_went_with_its_connection_hides_no_error(
    connection: AsyncConnection,
) -> None:
    def broken(connection: sa.Connection) -> None:
        with ENGINE.locked(connection, 0), transaction(connection):
            connection.exec_driver_sql("SELECT nonsense")

    with pytest.raises(sa.exc.ProgrammingError, match="nonsense"):
        await connection.run_sync(broken)


async def test_changes_become_operations(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (n int)")
    before = await inspected(connection)
    await run(connection, "ALTER TABLE t ADD COLUMN m int", "CREATE INDEX ix ON t (m)")
    after = await inspected(connection)
    changes = compare(before, after, Answers()).changes
    adding, indexing = ENGINE.operations(changes, before, after)
    assert isinstance(adding, ops.AddColumnOp)
    assert isinstance(indexing, ops.CreateIndexOp)


async def test_what_postgresql_alone_has_goes_there_and_back(
    empty_postgresql_url: str, tmp_path: Path
) -> None:
    for new in (False, True, False):
        async with Database(empty_postgresql_url, metadata=peculiar(new=new)) as db:
            migrator = Migrator(db, tmp_path)
            await migrator.new("peculiar", Answers(dropped=frozenset({"parts"})))
            await migrator.up(allow=("parts",))
            assert (await migrator.compare()).changes == ()


async def test_a_table_is_created_with_what_postgresql_alone_has(
    empty_postgresql_url: str, tmp_path: Path
) -> None:
    async with Database(empty_postgresql_url, metadata=peculiar(new=True)) as db:
        migrator = Migrator(db, tmp_path)
        await migrator.new("peculiar")
        await migrator.up()
        assert (await migrator.compare()).changes == ()


def peculiar(*, new: bool) -> sa.MetaData:
    """Tables with what other engines lack, and without it."""
    metadata = sa.MetaData()
    sa.Table(
        "r",
        metadata,
        sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
    )
    items: list[sa.schema.SchemaItem] = [
        sa.UniqueConstraint("n", name="uq", postgresql_include=["Name", "o"]),
        sa.ForeignKeyConstraint(["n", "o"], ["r.a", "r.b"], match="FULL", name="fk"),
        sa.Index("ix", sa.text('"Name" text_pattern_ops DESC'), postgresql_include=["n"]),
        pg.ExcludeConstraint(("during", "&&"), name="ex"),
    ]
    sa.Table(
        "T",
        metadata,
        sa.Column("n", sa.Integer),
        sa.Column("o", sa.Integer),
        sa.Column("Name", sa.Text(collation="C" if new else None)),
        sa.Column("during", pg.TSTZRANGE),
        *(items if new else ()),
    )
    if new:
        sa.Table("parts", metadata, sa.Column("n", sa.Integer), postgresql_partition_by="RANGE (n)")
    return metadata
