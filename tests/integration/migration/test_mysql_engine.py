"""MariaDB's and MySQL's part in migrations: the catalog is read, and tables change under use."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection

from andamios_orm import Database, MigrationError, MigrationLocked, RevisionProblem, RowsInTheWay
from andamios_orm.migration.diff import Answers, Rename, compare
from andamios_orm.migration.engines.base import Engine, Patience, Step
from andamios_orm.migration.engines.choice import engine_named
from andamios_orm.migration.operations import (
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
    SqlType,
)
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
from tests.engines import only_on

pytestmark = only_on("mariadb", "mysql")


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with Database(database_url, metadata=sa.MetaData()) as db, db.connect() as connection:
        yield connection


def engine_of(connection: AsyncConnection) -> Engine:
    return engine_named(connection.dialect.name)


async def inspected(connection: AsyncConnection, *schemas: str | None) -> SchemaState:
    return await connection.run_sync(engine_of(connection).inspect, schemas or (None,))


async def desired(connection: AsyncConnection, metadata: sa.MetaData) -> SchemaState:
    return await connection.run_sync(engine_of(connection).desired, metadata)


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


TABLE = """
CREATE TABLE t (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, b varchar(20) DEFAULT 'x', p int,
    g int AS (a * 2) STORED, CONSTRAINT ck CHECK (a > 0), CONSTRAINT uq UNIQUE (b),
    CONSTRAINT fk FOREIGN KEY (p) REFERENCES t (id), KEY ix (a, b)) CHARSET utf8mb4"""


@pytest.mark.parametrize(
    "clause",
    [
        "ADD x int",
        "DROP CONSTRAINT ck, DROP g, DROP INDEX ix, DROP a",
        "MODIFY a bigint",
        "MODIFY a int unsigned",
        "MODIFY a int NOT NULL",
        "MODIFY a int DEFAULT 1",
        "MODIFY a int COMMENT 'x'",
        "MODIFY b varchar(20) DEFAULT 'y'",
        "MODIFY b varchar(20) COLLATE utf8mb4_bin DEFAULT 'x'",
        "MODIFY g int AS (a * 3) STORED",
        "DROP g, ADD g int AS (a * 2) VIRTUAL",
        "MODIFY id int NOT NULL",
        "DROP INDEX uq",
        "DROP INDEX uq, ADD CONSTRAINT uq UNIQUE (b, a)",
        "RENAME INDEX uq TO uq2",
        "DROP CONSTRAINT ck",
        "ADD CONSTRAINT ck2 CHECK (a > 0)",
        "ADD CHECK (a > 0)",
        "DROP FOREIGN KEY fk",
        "DROP FOREIGN KEY fk, ADD CONSTRAINT fk2 FOREIGN KEY (p) REFERENCES t (id)"
        " ON DELETE SET NULL",
        "DROP INDEX ix",
        "DROP INDEX ix, ADD INDEX ix (b, a)",
        "DROP INDEX ix, ADD INDEX ix (a, b DESC)",
        "DROP INDEX ix, ADD INDEX ix (a, b(3))",
        "DROP INDEX ix, ADD FULLTEXT INDEX ix (b)",
        "DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)",
        "COMMENT 'x'",
        "CHARSET latin1",
        "COLLATE utf8mb4_bin",
        "ROW_FORMAT COMPRESSED",
    ],
)
async def test_whatever_changes_is_seen(connection: AsyncConnection, clause: str) -> None:
    before = await table_of(connection, TABLE)
    assert await table_of(connection, f"ALTER TABLE t {clause}") != before


async def test_what_the_library_keeps_for_itself_is_not_seen(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE alembic_version (a int)",
        "CREATE TABLE andamios_dropped_x (a int)",
        "CREATE TABLE t (a int, andamios_new_x int, INDEX andamios_new_y (a),"
        " CONSTRAINT andamios_new_z CHECK (a > 0))",
        "CREATE VIEW v AS SELECT * FROM t",
    )
    found = await inspected(connection)
    assert list(found.tables) == [TableName("t")]
    table = found.tables[TableName("t")]
    assert (table.column_names, table.indexes, table.checks) == (("a",), (), ())


async def test_a_check_inside_a_column_has_the_name_of_the_column(
    connection: AsyncConnection,
) -> None:
    table = await table_of(connection, "CREATE TABLE t (a int CHECK (a > 0))")
    assert table.checks == (CheckState(name="a", sql="`a` > 0"),)


async def test_sequences_are_read_with_their_options(connection: AsyncConnection) -> None:
    metadata = sa.MetaData()
    sequence = sa.Sequence("numbers", start=5, metadata=metadata)
    sa.Table("t", metadata, sa.Column("a", sa.BigInteger, server_default=sequence.next_value()))
    if connection.dialect.name == "mysql":
        # SQLAlchemy knows none on MySQL.
        await run(connection, "CREATE SEQUENCE andamios_new_x", "CREATE SEQUENCE numbers START 5")
    else:
        wished = await desired(connection, metadata)
        await connection.run_sync(metadata.create_all)
        found = await inspected(connection)
        assert found == wished
        # Without the name of the database.
        [column] = found.tables[TableName("t")].columns
        assert column.default == "nextval(`numbers`)"
    [sequence_state] = (await inspected(connection)).sequences.values()
    assert sequence_state == SequenceState(
        name=TableName("numbers"),
        options="start with 5 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000"
        " nocycle",
    )


TYPES = [
    "bigint",
    "bigint unsigned",
    "binary(16)",
    "bit(5)",
    "blob",
    "char(3)",
    "date",
    "datetime",
    "datetime(6)",
    "decimal(10,2)",
    "decimal(10,2) unsigned",
    "double",
    "double unsigned",
    "enum('a','it''s, b')",
    "float",
    "geometry",
    "int",
    "int unsigned",
    "longblob",
    "longtext",
    "mediumblob",
    "mediumint",
    "mediumtext",
    "set('a','b')",
    "smallint",
    "smallint unsigned",
    "int zerofill",
    "text",
    "time",
    "time(3)",
    "timestamp NULL",
    "timestamp(3) NULL",
    "tinyblob",
    "tinyint",
    "tinyint(1)",
    "tinyint unsigned",
    "tinytext",
    "varbinary(9)",
    "varchar(9)",
    "year",
    "json",
]


async def test_every_type_is_written_as_one_that_creates_it(connection: AsyncConnection) -> None:
    columns = ", ".join(f"c{number} {sql}" for number, sql in enumerate(TYPES))
    before = await table_of(connection, f"CREATE TABLE t ({columns})")
    engine = engine_of(connection)
    again = [sa.Column(c.name, engine.column_type(c.type)) for c in before.columns]
    metadata = sa.MetaData()
    sa.Table("t", metadata, *again)
    assert (await desired(connection, metadata)).tables[TableName("t")].columns == before.columns
    unknown = [c.type for c, made in zip(before.columns, again, strict=True) if _is_sql(made)]
    assert unknown == [
        "decimal(10,2) unsigned",
        "double unsigned",
        "geometry",
        "int(10) unsigned zerofill",
        "year(4)",
    ]


def _is_sql(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, SqlType)


# ---- other databases -----------------------------------------------------------------------------


@pytest_asyncio.fixture
async def other(connection: AsyncConnection) -> AsyncIterator[str]:
    """The name of a second database, which is not there yet."""
    name = f"{await connection.scalar(sa.text('SELECT DATABASE()'))}_other%"
    yield name
    await run(connection, "DROP TABLE IF EXISTS hero", f"DROP DATABASE IF EXISTS `{name}`")


async def test_tables_of_other_databases_are_found_there(
    connection: AsyncConnection, other: str
) -> None:
    metadata = sa.MetaData()
    sa.Table("team", metadata, sa.Column("id", sa.Integer, primary_key=True), schema=other)
    sa.Table(
        "hero",
        metadata,
        sa.Column("team_id", sa.ForeignKey(metadata.tables[f"{other}.team"].c.id, name="fk")),
    )
    wished = await desired(connection, metadata)
    await run(connection, f"CREATE DATABASE `{other}` CHARSET latin1")
    assert list(wished.tables) == [TableName("hero"), TableName("team", other)]
    assert wished.tables[TableName("hero")].foreign_keys[0].target == TableName("team", other)
    await run(
        connection,
        f"CREATE TABLE `{other}`.team (id int NOT NULL AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE hero (team_id int,"
        f" CONSTRAINT fk FOREIGN KEY (team_id) REFERENCES `{other}`.team (id))",
    )
    wished = await desired(connection, metadata)
    assert await inspected(connection, None, other) == wished
    charsets = [
        dict(table.options)[f"{connection.dialect.name}_charset"]
        for table in wished.tables.values()
    ]
    assert charsets[1] == "latin1"


async def databases(connection: AsyncConnection, beginning: str) -> list[str]:
    rows = await connection.exec_driver_sql("SHOW DATABASES")
    return [name for (name,) in rows if name.startswith(beginning)]


async def test_what_a_killed_comparison_left_is_removed_but_not_what_is_in_use(
    connection: AsyncConnection, database_url: str
) -> None:
    own = await connection.scalar(sa.text("SELECT DATABASE()"))
    left, used = (f"{own[:30]}_andamios_scratch_{mark * 8}" for mark in "ab")
    await run(connection, f"CREATE DATABASE {left}_0", f"CREATE DATABASE {used}_0")
    async with Database(database_url, metadata=sa.MetaData()) as db, db.connect() as beside:
        await beside.exec_driver_sql(f"DO GET_LOCK('{used}', 0)")
        await desired(connection, sa.MetaData())
        assert await databases(connection, f"{own[:30]}_andamios_scratch_") == [f"{used}_0"]
        await beside.exec_driver_sql(f"DO RELEASE_LOCK('{used}')")
    await desired(connection, sa.MetaData())
    assert await databases(connection, f"{own[:30]}_andamios_scratch_") == []


async def test_a_comparison_that_fails_leaves_nothing(connection: AsyncConnection) -> None:
    own = await connection.scalar(sa.text("SELECT DATABASE()"))
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", SqlType("nonsense")))
    with pytest.raises(sa.exc.DBAPIError):
        await desired(connection, metadata)
    assert await databases(connection, f"{own[:30]}_andamios_scratch_") == []
    # Names go where they went before.
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("a", sa.Integer))
    await connection.run_sync(metadata.create_all)
    assert list((await inspected(connection)).tables) == [TableName("t")]


async def test_who_may_create_no_database_is_told_what_to_grant(
    connection: AsyncConnection, database_url: str
) -> None:
    own = await connection.scalar(sa.text("SELECT DATABASE()"))
    user = f"u_{own[-8:]}"
    await run(
        connection,
        f"CREATE USER {user} IDENTIFIED BY 'secret'",
        f"GRANT ALL ON `{own}`.* TO {user}",
    )
    try:
        url = sa.make_url(database_url).set(username=user, password="secret")
        async with (
            Database(url.render_as_string(hide_password=False), metadata=sa.MetaData()) as db,
            db.connect() as limited,
        ):
            with pytest.raises(MigrationError, match="scratch database") as refused:
                await desired(limited, sa.MetaData())
            assert f"GRANT ALL ON `{own[:30]}_andamios_scratch_%`.*" in refused.value.fix
            await run(connection, f"GRANT ALL ON `{own[:30]}_andamios_scratch_%`.* TO {user}")
        async with (
            Database(url.render_as_string(hide_password=False), metadata=sa.MetaData()) as db,
            db.connect() as enough,
        ):
            assert (await desired(enough, everything())).tables
    finally:
        await run(connection, f"DROP USER {user}")


async def test_another_error_of_a_comparison_is_no_question_of_rights(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andamios_orm.migration.engines.mysql.scratch._charset", _nonsense)
    with pytest.raises(sa.exc.DBAPIError):
        await desired(connection, sa.MetaData())


def _nonsense(*args: object) -> list[tuple[str, str]]:
    return [("nonsense", "nonsense")]


# ---- changes -------------------------------------------------------------------------------------


async def steps_of(connection: AsyncConnection, operation: MigrateOperation) -> Sequence[Step]:
    found = await connection.run_sync(lambda c: engine_of(connection).steps(operation, c))
    assert found is not None
    return found


async def apply(connection: AsyncConnection, operation: MigrateOperation) -> Sequence[Step]:
    """Make an operation, each step of which is recognised when it is done, and not before."""
    steps = await steps_of(connection, operation)
    for step in steps:
        assert not step.transaction
        if step.done is not None:
            assert not await connection.run_sync(step.done)
        for statement in step.statements:
            await connection.exec_driver_sql(statement)
        if step.run is not None:
            await connection.run_sync(step.run)
        if step.done is not None:
            assert await connection.run_sync(step.done)
    return steps


async def migrated(
    connection: AsyncConnection, metadata: sa.MetaData, *renames: str
) -> list[MigrateOperation]:
    """Bring the database to what `metadata` says, and return the operations."""
    engine = engine_of(connection)
    before, after = await inspected(connection), await desired(connection, metadata)
    answers = Answers(renames=frozenset(map(Rename.parse, renames)))
    comparison = compare(before, after, answers)
    operations = list(engine.operations(comparison.changes, before, after))
    for operation in operations:
        if isinstance(operation, ops.ExecuteSQLOp):
            await run(connection, str(operation.sqltext))
        else:
            await apply(connection, operation)
    # All but the order of columns is the same.
    assert compare(await inspected(connection), after).changes == ()
    return operations


def heroes(*items: Any, **options: Any) -> sa.MetaData:
    """A table `hero` with an id and other items."""
    metadata = sa.MetaData()
    for prefix in ("mariadb", "mysql"):
        options.setdefault(f"{prefix}_charset", "utf8mb4")
    sa.Table("hero", metadata, sa.Column("id", sa.Integer, primary_key=True), *items, **options)
    return metadata


def teams_and_heroes(
    *, id_type: Any = sa.Integer, name: str = "fk", column: str = "team_id"
) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("team", metadata, sa.Column("id", id_type, primary_key=True))
    key = sa.ForeignKey("team.id", name=name, ondelete="CASCADE", onupdate="CASCADE")
    sa.Table(
        "hero",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(column, id_type, key),
        sa.Column("captain_id", sa.ForeignKey("hero.id", name="captain")),
    )
    return metadata


async def test_columns_of_a_foreign_key_get_another_type_together(
    connection: AsyncConnection,
) -> None:
    await migrated(connection, teams_and_heroes())
    await run(
        connection, "INSERT INTO team VALUES (1)", "INSERT INTO hero (id, team_id) VALUES (1, 1)"
    )
    await migrated(connection, teams_and_heroes(id_type=sa.BigInteger))
    # Also when the key gets another name at the same time.
    await migrated(
        connection,
        teams_and_heroes(name="fk2", column="its_team_id"),
        "hero.team_id:hero.its_team_id",
    )
    rows = await connection.exec_driver_sql("SELECT id, its_team_id FROM hero")
    assert [tuple(row) for row in rows] == [(1, 1)]


async def test_a_foreign_key_is_renamed_with_the_index_that_serves_it(
    connection: AsyncConnection,
) -> None:
    await migrated(connection, teams_and_heroes())
    await migrated(connection, teams_and_heroes(name="fk2"))
    # Nothing is left that would be an index of its own.
    metadata = teams_and_heroes(name="fk3")
    sa.Index("ix", metadata.tables["hero"].c.team_id)
    await migrated(connection, metadata)
    await migrated(connection, teams_and_heroes(name="fk4"))


async def test_a_table_gets_another_character_set_with_its_columns(
    connection: AsyncConnection,
) -> None:
    def texts(charset: str, *, longer: bool = False, **options: str) -> sa.MetaData:
        given = {f"{p}_{n}": v for p in ("mariadb", "mysql") for n, v in options.items()}
        for prefix in ("mariadb", "mysql"):
            given[f"{prefix}_charset"] = charset
        more = (sa.Column("new", sa.String(9)),) if longer else ()
        return heroes(
            sa.Column("name", sa.String(20), nullable=False, unique=True),
            sa.Column("kind", sa.Enum("a", "b")),
            sa.Column("nick", sa.String(20 + longer)),
            sa.Column("own", sa.String(20, collation="utf8mb4_bin")),
            sa.Column("age", sa.Integer),
            *more,
            **given,
        )

    await migrated(connection, texts("latin1", row_format="COMPRESSED"))
    await run(connection, "INSERT INTO hero (name, nick) VALUES ('é', 'ü')")
    await migrated(connection, texts("utf8mb4", longer=True))
    await migrated(connection, texts("utf8mb4", collate="utf8mb4_unicode_ci"))
    await migrated(connection, texts("utf8mb4", row_format="DYNAMIC", collate="utf8mb4_unicode_ci"))
    rows = await connection.exec_driver_sql("SELECT name, nick FROM hero")
    assert [tuple(row) for row in rows] == [("é", "ü")]


async def test_computed_columns_come_last_and_go_first(connection: AsyncConnection) -> None:
    both = heroes(
        sa.Column("twice", sa.Integer, sa.Computed("age * 2", persisted=True)),
        sa.Column("age", sa.Integer),
    )
    both.tables["hero"].c.age.comment = "100%"
    await migrated(connection, heroes())
    await migrated(connection, both)
    both.tables["hero"].c.twice.type = sa.BigInteger()
    both.tables["hero"].c.twice.comment = "50% 'more'"
    await migrated(connection, both)
    await migrated(connection, heroes())


async def test_indexes_of_words_are_made(connection: AsyncConnection) -> None:
    await migrated(connection, heroes(sa.Column("name", sa.Text)))
    kinds: dict[str, Any] = {f"{p}_prefix": "FULLTEXT" for p in ("mariadb", "mysql")}
    await migrated(connection, heroes(sa.Column("name", sa.Text), sa.Index("ix", "name", **kinds)))
    await migrated(
        connection, heroes(sa.Column("name", sa.Text), sa.Index("ix", sa.text("name(9)")))
    )


async def test_a_table_gets_another_primary_key_that_counts(connection: AsyncConnection) -> None:
    def keyed(*keys: str, counted: bool) -> sa.MetaData:
        metadata = sa.MetaData()
        number = sa.Column("number", sa.Integer, autoincrement=counted, nullable=False)
        sa.Table(
            "hero",
            metadata,
            sa.Column("name", sa.String(20), nullable=False),
            *([number] if counted or "number" in keys else []),
            sa.PrimaryKeyConstraint(*keys),
        )
        return metadata

    await migrated(connection, keyed("name", counted=False))
    await run(connection, "INSERT INTO hero VALUES ('Ada'), ('Grace')")
    await migrated(connection, keyed("number", counted=True))
    rows = await connection.exec_driver_sql("SELECT number, name FROM hero ORDER BY number")
    assert [tuple(row) for row in rows] == [(1, "Ada"), (2, "Grace")]
    await migrated(connection, keyed("number", "name", counted=False))
    await migrated(connection, keyed("number", counted=True))
    await migrated(connection, keyed("name", counted=False))
    found = await connection.exec_driver_sql("SHOW INDEX FROM hero")
    assert [row.Key_name for row in found] == ["PRIMARY"]


async def test_a_column_begins_to_count_and_stops(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (id int, a int NOT NULL)", "INSERT INTO t VALUES (1, 7)")
    await apply(connection, ops.AlterColumnOp("t", "a", autoincrement=True))
    await run(connection, "INSERT INTO t (id) VALUES (2)")
    assert (await table_of(connection)).column("a").identity == "auto_increment"
    # The planner's way to say that it counts no more.
    await apply(connection, ops.AlterColumnOp("t", "a", modify_server_default=None))
    table = await table_of(connection)
    assert (table.column("a").identity, table.uniques, table.indexes) == (None, (), ())
    rows = await connection.exec_driver_sql("SELECT a FROM t ORDER BY a")
    assert [row.a for row in rows] == [7, 8]


async def test_what_an_operation_does_not_speak_of_stays_as_it_is(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a varchar(20) COLLATE utf8mb4_bin INVISIBLE DEFAULT (concat('100%', 'x'))"
        " COMMENT 'it''s 50%' CHECK (a <> '%'), b timestamp(3) NOT NULL DEFAULT"
        " current_timestamp(3) ON UPDATE current_timestamp(3), c json, d int DEFAULT 0,"
        " e bit(3) DEFAULT b'101', f timestamp NULL ON UPDATE current_timestamp) CHARSET utf8mb4",
    )

    async def written() -> str:
        _, text = tuple((await connection.exec_driver_sql("SHOW CREATE TABLE t")).all()[0])
        return str(text)

    before = await written()
    for name in "abcdef":
        await apply(connection, ops.AlterColumnOp("t", name, modify_comment="x%"))
    assert await written() != before
    comments = {**dict.fromkeys("abcdef"), "a": "it's 50%"}
    for name, comment in comments.items():
        await apply(connection, ops.AlterColumnOp("t", name, modify_comment=comment))
    assert await written() == before
    await apply(connection, ops.AlterColumnOp("t", "d", modify_name="n"))
    await apply(
        connection,
        ops.AlterColumnOp(
            "t", "n", modify_name="d", modify_nullable=False, modify_type=sa.BigInteger()
        ),
    )
    assert (await table_of(connection)).column("d") == ColumnState(
        name="d", type="bigint(20)", nullable=False, default="0"
    )
    await apply(connection, ops.AlterColumnOp("t", "c", modify_type=sa.Text()))
    assert (await table_of(connection)).column("c").type == "text"
    assert len((await table_of(connection)).checks) == 1


@pytest.mark.parametrize(
    ("default", "kept"),
    [
        ("it's", "'it''s'"),
        ("5%", "'5%'"),
        (sa.text("-1.5"), "'-1.5'"),
        (sa.text("(1 + 2)"), "(1 + 2)"),
        (sa.text("concat('a', '\\:b')"), "concat('a',':b')"),
        (sa.text("NULL"), None),
        (None, None),
    ],
)
async def test_a_default_is_what_was_said(
    connection: AsyncConnection, default: Any, kept: str | None
) -> None:
    await run(connection, "CREATE TABLE t (a varchar(20) DEFAULT 'z')")
    await apply(connection, ops.AlterColumnOp("t", "a", modify_server_default=default))
    column = (await table_of(connection)).column("a")
    assert column.default == kept
    if kept is not None:
        await apply(
            connection, ops.AddColumnOp("t", sa.Column("b", sa.String(20), server_default=default))
        )
        assert (await table_of(connection)).column("b").default == column.default


async def test_renamed_moved_and_dropped_tables_are_known_again(
    connection: AsyncConnection, other: str
) -> None:
    await run(connection, "CREATE TABLE hero (a int)")
    await apply(connection, ops.RenameTableOp("hero", "person"))
    await apply(connection, MoveTableOp("person", schema=None, to=other))
    assert list((await inspected(connection, other)).tables) == [TableName("person", other)]
    await apply(connection, ops.AddColumnOp("person", sa.Column("b", sa.Integer), schema=other))
    await apply(connection, MoveTableOp("person", schema=other, to=None))
    await apply(connection, ops.DropTableOp("person"))
    for step in await steps_of(connection, ops.DropTableOp("person", if_exists=True)):
        await connection.exec_driver_sql(step.statements[0])
    assert not (await inspected(connection)).tables


async def test_a_check_inside_a_column_goes_without_the_column(connection: AsyncConnection) -> None:
    await run(connection, "CREATE TABLE t (a int COMMENT '(' CHECK (a > 0), b int CHECK (b > 0))")
    await apply(connection, ops.DropConstraintOp("a", "t", "check"))
    await apply(connection, RenameConstraintOp("t", "b", "ck"))
    table = await table_of(connection)
    assert table.checks == (CheckState(name="ck", sql="`b` > 0"),)
    assert table.column("a").comment == "("


async def test_constraints_are_dropped_by_their_names_alone(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a), CONSTRAINT uq UNIQUE (b),"
        " CONSTRAINT ck CHECK (c > 0), CONSTRAINT fk FOREIGN KEY (c) REFERENCES t (a))",
    )
    for name in ("fk", "ck", "uq", None):
        await apply(connection, ops.DropConstraintOp(name, "t"))
    assert list((await table_of(connection)).constraints()) == []


async def test_an_index_that_foreign_keys_need_is_replaced(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (a int NOT NULL, b int, c int, PRIMARY KEY (a), UNIQUE uq (b),"
        " INDEX ix (c, b), CONSTRAINT fk FOREIGN KEY (b) REFERENCES t (a),"
        " CONSTRAINT fk2 FOREIGN KEY (c) REFERENCES t (a),"
        " CONSTRAINT fk3 FOREIGN KEY (c, b) REFERENCES t (c, b))",
    )
    await apply(connection, ops.DropConstraintOp("uq", "t", "unique"))
    await apply(connection, ops.DropConstraintOp("fk3", "t", "foreignkey"))
    await apply(connection, ops.DropIndexOp("ix", "t"))
    assert (await table_of(connection)).indexes == ()
    await apply(connection, ops.CreateIndexOp("ix", "t", ["c", "a"]))
    await apply(connection, ops.DropConstraintOp("fk2", "t", "foreignkey"))
    await apply(connection, RenameIndexOp("t", "ix", "ix2"))
    assert (await table_of(connection)).indexes == (IndexState(name="ix2", parts=("c", "a")),)


async def test_an_index_takes_the_place_of_what_served_a_foreign_key(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a int PRIMARY KEY, b int, CONSTRAINT fk FOREIGN KEY (b) REFERENCES t (a))",
    )
    # The server takes away what it has made by itself, and keeps what others have.
    await apply(connection, ops.CreateIndexOp("ix", "t", ["b"]))
    await apply(connection, ops.DropIndexOp("ix", "t"))
    await apply(connection, ops.CreateIndexOp("ix", "t", ["b"]))
    rows = await connection.exec_driver_sql("SHOW INDEX FROM t")
    assert [row.Key_name for row in rows] == ["PRIMARY", "ix"]
    [step] = await steps_of(connection, ops.DropIndexOp("missing", "t"))
    with pytest.raises(sa.exc.DBAPIError):
        await connection.exec_driver_sql(step.statements[0])


async def test_checks_follow_a_column_to_its_new_name_on_mysql(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("andamios_orm.migration.engines.mysql.columns.is_mariadb", _never)
    await run(
        connection,
        "CREATE TABLE t (a int, b int, CONSTRAINT ck CHECK (a > 0), CONSTRAINT ck2 CHECK (b > 0))",
    )
    await apply(connection, altering("a", name="c"))
    assert (await table_of(connection)).checks == (
        CheckState(name="ck", sql="`c` > 0"),
        CheckState(name="ck2", sql="`b` > 0"),
    )
    await apply(connection, altering("c", nullable=False))


def _never(connection: sa.Connection) -> bool:
    return False


async def test_a_table_is_renamed_before_its_options_change(connection: AsyncConnection) -> None:
    def named(name: str, row_format: str) -> sa.MetaData:
        metadata = sa.MetaData()
        options: dict[str, Any] = {f"{p}_row_format": row_format for p in ("mariadb", "mysql")}
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), **options)
        return metadata

    await migrated(connection, named("hero", "COMPRESSED"))
    await migrated(connection, named("person", "DYNAMIC"), "hero:person")


async def test_an_index_that_serves_two_foreign_keys_stays_for_the_second(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a int PRIMARY KEY, b int, CONSTRAINT fk FOREIGN KEY (b) REFERENCES t (a),"
        " CONSTRAINT fk2 FOREIGN KEY (b) REFERENCES t (a))",
    )
    await apply(connection, ops.DropConstraintOp("fk", "t", "foreignkey"))
    await apply(connection, ops.DropConstraintOp("fk2", "t", "foreignkey"))
    table = await table_of(connection)
    assert table.foreign_keys == ()


async def test_a_new_foreign_key_looks_at_the_rows_that_there_are(
    connection: AsyncConnection,
) -> None:
    await run(
        connection,
        "CREATE TABLE team (id int PRIMARY KEY, name varchar(9))",
        "CREATE TABLE t (id int PRIMARY KEY, a int, w varchar(9) COLLATE utf8mb4_bin)",
        "INSERT INTO t VALUES (1, 7, NULL)",
    )
    operation = ops.CreateForeignKeyOp("fk", "t", "team", ["a"], ["id"], ondelete="CASCADE")
    with pytest.raises(RowsInTheWay, match=r"1 row\(s\) of t refer to no row of team in a"):
        await apply(connection, operation)
    # New rows are refused already, and what was refused is looked at again.
    with pytest.raises(sa.exc.IntegrityError):
        await run(connection, "INSERT INTO t VALUES (2, 8, NULL)")
    await run(connection, "INSERT INTO team VALUES (7, 'x')")
    *_, look = await steps_of(connection, operation)
    assert look.run is not None
    await connection.run_sync(look.run)


@pytest.mark.parametrize(
    ("own", "target"),
    [(["a"], ["name"]), (["w"], ["word"]), (["a"], ["missing"]), (["missing"], ["id"])],
)
async def test_a_foreign_key_that_does_not_fit_is_left_to_the_server(
    connection: AsyncConnection, own: list[str], target: list[str]
) -> None:
    await run(
        connection,
        "CREATE TABLE team (id int PRIMARY KEY, name int, word varchar(9) UNIQUE)",
        "CREATE TABLE t (id int PRIMARY KEY, a int, w varchar(9) COLLATE utf8mb4_bin)",
    )
    operation = ops.CreateForeignKeyOp("fk", "t", "team", own, target)
    [step] = await steps_of(connection, operation)
    with pytest.raises(sa.exc.DBAPIError):
        await connection.exec_driver_sql(step.statements[0])


@pytest.mark.parametrize(
    "operation",
    [
        ops.AlterColumnOp("t", "a", modify_name="z"),
        RenameConstraintOp("t", "ck", "z"),
        RenameConstraintOp("t", "uq", "z"),
    ],
    ids=["column", "check", "unique"],
)
async def test_a_new_name_is_known_again_when_the_old_one_is_gone(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    await run(
        connection,
        "CREATE TABLE t (a int, b int, CONSTRAINT ck CHECK (b > 0), CONSTRAINT uq UNIQUE (b))",
    )
    await apply(connection, operation)
    [step] = await steps_of(connection, operation)
    assert step.statements == ()
    assert step.done is not None
    assert await connection.run_sync(step.done)


async def test_what_is_not_there_is_named(connection: AsyncConnection) -> None:
    with pytest.raises(RevisionProblem, match="there is no table t"):
        await steps_of(connection, ops.DropColumnOp("t", "a"))
    await run(connection, "CREATE TABLE t (a int)")
    with pytest.raises(RevisionProblem, match="t has no column b"):
        await steps_of(connection, ops.AlterColumnOp("t", "b", modify_nullable=False))
    with pytest.raises(RevisionProblem, match="t has no constraint ck"):
        await steps_of(connection, RenameConstraintOp("t", "ck", "ck2"))


@pytest.mark.parametrize(
    "operation",
    [
        ops.AddColumnOp("t", sa.Column("b", sa.Integer), if_not_exists=True),
        ops.AddColumnOp("t", sa.Column("b", sa.Integer, unique=True)),
        ops.CreateIndexOp("ix", "t", ["a"], if_not_exists=True),
        ops.DropIndexOp("ix"),
        ops.CreateUniqueConstraintOp(None, "t", ["a"]),
        ops.CreateCheckConstraintOp(None, "t", "a > 0"),
        ops.CreateForeignKeyOp(None, "t", "t", ["a"], ["a"]),
        ops.CreateTableOp("u", [sa.Column("b", sa.Integer, index=True)]),
        ops.CreateTableCommentOp("t", "x"),
    ],
    ids=lambda operation: type(operation).__name__,
)
async def test_what_cannot_be_known_again_is_left_to_alembic(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    await run(connection, "CREATE TABLE t (a int)")
    assert await connection.run_sync(lambda c: engine_of(connection).steps(operation, c)) is None


# ---- how much others are held up -----------------------------------------------------------------

IN_USE = """
CREATE TABLE t (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, b varchar(20),
    b2 varchar(50), c varchar(80), e enum('a','b'), f int, l longtext, d datetime(6),
    INDEX ix (f), CONSTRAINT uq UNIQUE (b),
    CONSTRAINT ck CHECK (a > 0), CONSTRAINT fk FOREIGN KEY (f) REFERENCES t (id)) CHARSET utf8mb4"""


def altering(column: str, **changes: Any) -> ops.AlterColumnOp:
    return ops.AlterColumnOp("t", column, **{f"modify_{name}": v for name, v in changes.items()})


BESIDE_OTHERS: list[MigrateOperation] = [
    ops.AddColumnOp("t", sa.Column("x", sa.Integer, comment="5%")),
    ops.AddColumnOp("t", sa.Column("x", sa.Integer, nullable=False, server_default="5")),
    ops.AddColumnOp("t", sa.Column("x", sa.Numeric(5, 2), server_default=sa.text("1.5"))),
    ops.AddColumnOp("t", sa.Column("x", sa.Integer, sa.Computed("a % 2", persisted=False))),
    ops.AddColumnOp("t", sa.Column("x", mysql.DATETIME(fsp=6), server_default=sa.func.now(6))),
    ops.DropColumnOp("t", "l"),
    altering("l", name="m"),
    altering("a", nullable=False),
    altering("a", server_default="5"),
    altering("a", comment="x"),
    altering("b", type=sa.String(40)),
    altering("b", type=sa.String(200)),
    altering("c", type=sa.String(200)),
    altering("e", type=mysql.ENUM("a", "b", "c")),
    altering("a", type=sa.Integer()),
    ops.CreateIndexOp("ix2", "t", ["a", sa.text("c DESC")]),
    ops.CreateUniqueConstraintOp("uq2", "t", ["a", "d"]),
    ops.DropIndexOp("ix", "t"),
    RenameIndexOp("t", "ix", "ix2"),
    ops.DropConstraintOp("uq", "t", "unique"),
    RenameConstraintOp("t", "uq", "uq2"),
    ops.DropConstraintOp("ck", "t", "check"),
    ops.CreateForeignKeyOp("fk2", "t", "t", ["a"], ["id"]),
    RenameConstraintOp("t", "fk", "fk2"),
    ops.DropConstraintOp("fk", "t", "foreignkey"),
    ops.CreatePrimaryKeyOp(None, "t", ["id", "b"]),
]
BY_COPYING: list[MigrateOperation] = [
    ops.AddColumnOp("t", sa.Column("x", sa.Integer, sa.Computed("a % 2", persisted=True))),
    ops.AddColumnOp(
        "t", sa.Column("x", mysql.DATETIME(), server_default=sa.text("(utc_timestamp())"))
    ),
    altering("a", type=sa.BigInteger()),
    altering("b", type=sa.String(10)),
    altering("b2", type=sa.String(200)),
    altering("b", type=mysql.LONGTEXT()),
    altering("e", type=mysql.ENUM("b")),
    ops.CreateUniqueConstraintOp("uq2", "t", ["l"]),
    ops.CreateIndexOp("ix2", "t", ["l"], mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT"),
    ops.CreateCheckConstraintOp("ck2", "t", "a < 300 and b <> '%'"),
    RenameConstraintOp("t", "ck", "ck2"),
]


async def in_use(connection: AsyncConnection, operation: MigrateOperation) -> str:
    """The statement that makes an operation, with nobody held up."""
    await run(connection, IN_USE)
    steps = await steps_of(connection, operation)
    for statement in steps[0].statements:
        if not statement.startswith(("ALTER", "CREATE")):
            await connection.exec_driver_sql(statement)
    [found] = [s for s in steps[0].statements if s.startswith(("ALTER", "CREATE"))]
    if "FOREIGN KEY" in found and "ADD" in found:
        await connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
    return f"{found}{' ' if found.startswith('CREATE') else ', '}LOCK=NONE"


def described(operation: MigrateOperation) -> str:
    return type(operation).__name__


@pytest.mark.parametrize("operation", BESIDE_OTHERS, ids=described)
async def test_what_is_made_beside_others_holds_nobody_up(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    statement = await in_use(connection, operation)
    assert "copies the table" not in statement
    await connection.exec_driver_sql(statement)


@pytest.mark.parametrize("operation", BY_COPYING, ids=described)
async def test_what_is_made_by_copying_says_so(
    connection: AsyncConnection, operation: MigrateOperation
) -> None:
    statement = await in_use(connection, operation)
    assert "/* copies the table: writers wait meanwhile */" in statement
    with pytest.raises(sa.exc.DBAPIError, match=r"184[56]"):
        await connection.exec_driver_sql(statement)
    await apply(connection, operation)


# ---- rows in the way -----------------------------------------------------------------------------

ROWS = """
INSERT INTO t VALUES (1, 'Ada', 1.5, '2026-01-02 03:04:05.6', 'a', 300, 1),
    (2, 'ada', 2.25, '2026-01-02 03:04:05', 'b', -1, 1),
    (3, NULL, NULL, NULL, NULL, NULL, 9), (4, '12', 3, '2026-01-02 00:00:00', 'b', 4, NULL)"""
COUNTS: list[tuple[MigrateOperation, dict[str, int]]] = [
    (ops.AddColumnOp("t", sa.Column("x", sa.Integer)), {}),
    (ops.AddColumnOp("t", sa.Column("x", sa.Integer, nullable=False, server_default="5")), {}),
    (ops.AddColumnOp("t", sa.Column("x", sa.Integer, nullable=False, autoincrement=True)), {}),
    (ops.AddColumnOp("u", sa.Column("x", sa.Integer, nullable=False)), {}),
    (
        ops.AddColumnOp("t", sa.Column("x", sa.Integer, nullable=False)),
        {"would have no value in t.x": 4},
    ),
    (altering("name", nullable=False), {"have no value in t.name": 1}),
    (altering("id", nullable=False), {}),
    (altering("missing", nullable=False), {}),
    (altering("twice", type=sa.SmallInteger()), {}),
    (altering("name", type=sa.String(2)), {"are longer than 2 in t.name": 2}),
    (altering("name", type=sa.VARBINARY(2)), {"are longer than 2 in t.name": 2}),
    (altering("name", type=mysql.TINYTEXT()), {"are longer than 255 bytes in t.name": 0}),
    (altering("name", type=mysql.LONGTEXT()), {}),
    (altering("name", type=mysql.ENUM("12", "x%")), {"have no such label in t.name": 2}),
    (altering("name", type=sa.JSON()), {"are no json in t.name": 2}),
    (
        altering("name", type=sa.SmallInteger()),
        {
            "are no smallint in t.name": 2,
            "are beyond smallint in t.name": 0,
            "would lose digits in t.name": 0,
        },
    ),
    (altering("name", type=sa.Double()), {"are no double in t.name": 2}),
    (altering("name", type=sa.Date()), {"are no date in t.name": 3}),
    (altering("name", type=SqlType("geometry")), {}),
    (altering("name", type=SqlType("?")), {}),
    (altering("price", type=sa.String(3)), {"are longer than 3 in t.price": 3}),
    (
        altering("price", type=sa.Integer()),
        {"are beyond integer in t.price": 0, "would lose digits in t.price": 2},
    ),
    (
        altering("price", type=sa.Numeric(2, 1)),
        {"are beyond 2 digits in t.price": 0, "would lose digits in t.price": 1},
    ),
    (
        altering("price", type=sa.Numeric()),
        {"are beyond 10 digits in t.price": 0, "would lose digits in t.price": 2},
    ),
    (altering("price", type=sa.Double()), {"would lose digits in t.price": 0}),
    (altering("born", type=mysql.DATETIME()), {"would lose digits in t.born": 1}),
    (altering("born", type=mysql.TIMESTAMP(fsp=6)), {"would lose digits in t.born": 0}),
    (altering("born", type=sa.Date()), {"would lose digits in t.born": 2}),
    (altering("born", type=sa.Integer()), {}),
    (altering("age", type=mysql.TINYINT()), {"are beyond tinyint in t.age": 1}),
    (
        altering("age", type=mysql.SMALLINT(unsigned=True)),
        {"are beyond smallint unsigned in t.age": 1},
    ),
    (
        ops.CreateCheckConstraintOp("ck", "t", "`age` > 0 and name not like 'x%'"),
        {"break ck in t": 1},
    ),
    (
        ops.CreateCheckConstraintOp(None, "t", sa.column("age") % 2 == 0),
        {"break CHECK (age % 2 = 0) in t": 1},
    ),
    (ops.CreateCheckConstraintOp("ck", "t", "missing > 0"), {}),
    (ops.CreateCheckConstraintOp("ck", "t", "1 > 0"), {}),
    (ops.CreateUniqueConstraintOp("uq", "t", ["name"]), {"repeat another row's (name) in t": 1}),
    (
        ops.CreateUniqueConstraintOp("uq", "t", ["name", "id"]),
        {"repeat another row's (name, id) in t": 0},
    ),
    (ops.CreateUniqueConstraintOp("uq", "t", ["missing"]), {}),
    (
        ops.CreatePrimaryKeyOp(None, "t", ["id", "kind"]),
        {"have no value in t.kind": 1, "repeat another row's (id, kind) in t": 0},
    ),
    (
        ops.CreateIndexOp("ix", "t", [sa.text("`name`(1)"), sa.text("kind DESC")], unique=True),
        {"repeat another row's (left(name, 1), kind) in t": 0},
    ),
    (ops.CreateIndexOp("ix", "t", ["missing"], unique=True), {}),
    (ops.CreateIndexOp("ix", "t", ["name"]), {}),
    (
        ops.CreateForeignKeyOp("fk", "t", "t", ["other"], ["id"]),
        {"refer to no row of t in t.other": 1},
    ),
    (ops.CreateForeignKeyOp("fk", "t", "u", ["other"], ["id"]), {}),
    (RebuildTableOp("t", ()), {}),
]


async def test_rows_in_the_way_are_counted(connection: AsyncConnection) -> None:
    await run(
        connection,
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20), price decimal(10,2),"
        " born datetime(6), kind enum('a','b'), age int, other int) CHARSET utf8mb4",
        ROWS,
        "ALTER TABLE t ADD twice int AS (age * 2) VIRTUAL",
    )
    engine, state = engine_of(connection), await inspected(connection)
    for operation, expected in COUNTS:
        counts = {
            question.problem: await connection.scalar(sa.text("SELECT 1"))
            and (await connection.exec_driver_sql(question.sql)).scalar_one()
            for question in engine.questions(operation, state)
        }
        assert counts == expected, operation


async def test_the_cure_names_the_database_of_the_table(
    connection: AsyncConnection, other: str
) -> None:
    await run(connection, f"CREATE DATABASE `{other}`", f"CREATE TABLE `{other}`.t (a int)")
    state = await inspected(connection, other)
    operation = ops.AlterColumnOp("t", "a", modify_nullable=False, schema=other)
    [question] = engine_of(connection).questions(operation, state)
    assert question.cure == f"op.backfill('t', {{'a': ...}}, where='`a` IS NULL', schema='{other}')"
    assert question.fill == f"{other}.t.a"
    assert (await connection.exec_driver_sql(question.sql)).scalar_one() == 0


# ---- waiting -------------------------------------------------------------------------------------


async def test_one_migrator_keeps_others_out(
    connection: AsyncConnection, database_url: str
) -> None:
    engine = engine_of(connection)

    def hold(connection: sa.Connection, wait: float) -> None:
        with engine.locked(connection, wait):
            connection.exec_driver_sql("SET SESSION lock_wait_timeout = 7")

    async with Database(database_url, metadata=sa.MetaData()) as db, db.connect() as beside:
        lock = "andamios migrations "
        await beside.exec_driver_sql(f"DO GET_LOCK(CONCAT('{lock}', MD5(DATABASE())), 0)")
        with pytest.raises(MigrationLocked, match="another migrator"):
            await connection.run_sync(hold, 0)
        await beside.exec_driver_sql(f"DO RELEASE_LOCK(CONCAT('{lock}', MD5(DATABASE())))")
    await connection.run_sync(hold, 0)
    await connection.run_sync(hold, 0)
    # Others use the connection afterwards.
    assert await connection.scalar(sa.text("SELECT @@lock_wait_timeout > 7"))


async def test_a_step_gives_up_soon_behind_an_open_transaction(
    connection: AsyncConnection, database_url: str
) -> None:
    engine = engine_of(connection)
    await run(connection, "CREATE TABLE t (a int)")
    async with Database(database_url, metadata=sa.MetaData()) as db, db.connect() as beside:
        await run(beside, "BEGIN", "SELECT * FROM t")
        for statement in await connection.run_sync(engine.patient, Patience(lock_timeout=0.1)):
            await connection.exec_driver_sql(statement)
        with pytest.raises(sa.exc.DBAPIError) as refused:
            await run(connection, "ALTER TABLE t ADD b int")
        await run(beside, "ROLLBACK")
    assert engine.is_lock_timeout(refused.value)
    with pytest.raises(sa.exc.DBAPIError) as wrong:
        await run(connection, "ALTER TABLE t ADD a int")
    assert not engine.is_lock_timeout(wrong.value)


async def test_a_statement_may_be_given_a_limit(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = Patience(lock_timeout=2.5, statement_timeout=0.25)
    statements = await connection.run_sync(engine_of(connection).patient, patience)
    for statement in statements:
        await connection.exec_driver_sql(statement)
    assert await connection.scalar(sa.text("SELECT @@lock_wait_timeout")) == 3
    assert await connection.scalar(sa.text("SELECT @@max_statement_time")) == 0.25
    # MySQL knows that of questions only, in milliseconds.
    monkeypatch.setattr("andamios_orm.migration.engines.mysql.locking.is_mariadb", _never)
    statements = await connection.run_sync(engine_of(connection).patient, patience)
    assert statements[-1] == "SET SESSION max_execution_time = 250"
