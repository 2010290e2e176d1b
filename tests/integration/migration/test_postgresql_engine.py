"""PostgreSQL's part in migrations: its catalog is read, and tables change under use."""

import enum
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Col, Database, Model, field, generated
from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.base import Step, transaction
from andamios_orm.migration.engines.postgresql import PostgreSQLEngine
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import SqlType
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
    await run(connection, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader", "SET ROLE reader")
    with pytest.raises(MigrationError, match="GRANT CREATE ON DATABASE"):
        await desired(connection, everything())
    await run(connection, "RESET ROLE", "DROP ROLE reader")


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
    interrupted_after: int | None = None,
) -> Sequence[Step]:
    """Do what an operation's steps say, or only some of them and the first half of the next."""
    engine = PostgreSQLEngine(small=small)

    def run(connection: sa.Connection) -> Sequence[Step]:
        steps = engine.steps(operation, connection)
        if steps is None:
            plain = statements_of(operation, connection.dialect)
            steps = [Step(statements=plain)]
        for number, step in enumerate(steps):
            if number == interrupted_after:
                begin(connection, step)
                break
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
