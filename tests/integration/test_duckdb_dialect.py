"""The DuckDB dialect in SQLAlchemy's engines, and the facts about DuckDB that it lives with."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from andamios_orm.backends.duckdb.adapter import AdaptedDuckDBConnection
from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.dialect import AsyncDuckDBDialect, DuckDBDialect
from andamios_orm.backends.duckdb.driver import Connection, InterfaceError, TransactionAborted
from andamios_orm.backends.duckdb.messages import failure_of

# Weeks, on any machine. The condition keeps DuckDB from knowing the answer.
ENDLESS = "SELECT count(*) FROM range(1_000_000_000_000_000) AS r(n) WHERE n % 7 = 3"

metadata = sa.MetaData()
PARENT = sa.Table(
    "parent",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("x", sa.Integer, server_default="0"),
    comment="those who are referred to",
)
CHILD = sa.Table(
    "child",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(start=100), primary_key=True),
    sa.Column("parent_id", sa.ForeignKey("parent.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String, index=True),
    sa.Column("double", sa.Integer, sa.Computed("parent_id * 2")),
    sa.UniqueConstraint("parent_id", "name"),
    sa.CheckConstraint("name <> ''"),
)
sa.Index("lower_name", sa.func.lower(CHILD.c.name))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "t.duckdb"


@pytest.fixture
def engine(file: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"duckdb+andamios:///{file}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def async_engine(file: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"duckdb+andamios:///{file}", pool_size=20)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield engine
    await engine.dispose()


def count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


# ---- opening -------------------------------------------------------------------------------------


def test_a_url_leads_to_the_sync_and_the_async_dialect() -> None:
    sync = sa.create_engine("duckdb+andamios://")
    asynchronous = create_async_engine("duckdb+andamios://")

    assert type(sync.dialect) is DuckDBDialect
    assert type(asynchronous.dialect) is AsyncDuckDBDialect
    assert {sync.dialect.name, asynchronous.dialect.name} == {"duckdb"}
    assert {sync.dialect.driver, asynchronous.dialect.driver} == {"andamios"}


def test_options_of_the_url_reach_duckdb(file: Path) -> None:
    duckdb.connect(str(file)).close()
    engine = sa.create_engine(f"duckdb+andamios:///{file}?threads=1&read_only=yes")

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT current_setting('threads')").scalar_one() == 1
        with pytest.raises(sa.exc.ProgrammingError, match="read-only"):
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
    engine.dispose()


def test_an_option_that_is_given_twice_is_a_list(file: Path, tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("one", "other")]
    url = sa.make_url(f"duckdb+andamios:///{file}").update_query_pairs(
        [("allowed_directories", folder) for folder in folders]
    )

    (_, options) = url.get_dialect()().create_connect_args(url)

    assert options["config"] == {"allowed_directories": folders}


def test_read_only_is_yes_or_no(file: Path) -> None:
    with pytest.raises(sa.exc.ArgumentError, match="neither true nor false"):
        sa.create_engine(f"duckdb+andamios:///{file}?read_only=perhaps")


def test_the_connections_of_a_file_can_be_of_several_engines(file: Path) -> None:
    one, other = (sa.create_engine(f"duckdb+andamios:///{file}") for _ in range(2))
    with one.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT 1 AS id")

    with other.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM t").all() == [(1,)]
    one.dispose()
    other.dispose()


def test_disposing_of_the_engine_frees_the_file(file: Path) -> None:
    engine = sa.create_engine(f"duckdb+andamios:///{file}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()

    # With another configuration it could not be opened if it still was open.
    with duckdb.connect(str(file), config={"threads": "1"}) as raw:
        assert raw.execute("SELECT 1").fetchall() == [(1,)]


# ---- in memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["duckdb+andamios://", "duckdb+andamios:///:memory:"])
def test_a_database_in_memory_belongs_to_its_engine(url: str) -> None:
    engine, other = sa.create_engine(url), sa.create_engine(url)
    metadata.create_all(engine)
    with engine.begin() as one, engine.connect() as two:
        one.execute(PARENT.insert(), {"id": 1})
        one.commit()
        assert two.execute(sa.select(PARENT.c.id)).scalars().all() == [1]

    assert sa.inspect(other).get_table_names() == []
    # It stays though no connection is left.
    engine.pool.dispose()
    assert count(engine, PARENT) == 1
    engine.dispose()
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    other.dispose()


def test_a_database_in_memory_with_a_name_is_shared() -> None:
    url = "duckdb+andamios:///:memory:shared_by_two"
    one, other = sa.create_engine(url), sa.create_engine(url)
    metadata.create_all(one)

    assert sa.inspect(other).has_table("parent")
    one.dispose()
    assert sa.inspect(other).has_table("parent")
    other.dispose()
    assert not sa.inspect(one).has_table("parent")
    one.dispose()


async def test_a_database_in_memory_belongs_to_its_async_engine() -> None:
    engine = create_async_engine("duckdb+andamios://")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    async with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            assert await connection.run_sync(lambda c: sa.inspect(c).has_table("parent"))
    await engine.dispose()

    async with engine.connect() as connection:
        assert not await connection.run_sync(lambda c: sa.inspect(c).has_table("parent"))
    await engine.dispose()


# ---- connections ---------------------------------------------------------------------------------


async def test_the_driver_connection_is_the_native_one(async_engine: AsyncEngine) -> None:
    async with async_engine.connect() as connection:
        raw = await connection.get_raw_connection()
        adapted: object = raw.dbapi_connection

        assert isinstance(adapted, AdaptedDuckDBConnection)
        assert isinstance(raw.driver_connection, AsyncConnection)
        assert raw.driver_connection is adapted.driver_connection
        assert await raw.driver_connection.fetch("SELECT 1") == [(1,)]


async def test_an_engine_can_be_given_its_connections(file: Path) -> None:
    async def opened() -> AsyncConnection:
        return await AsyncConnection.connect(str(file), config={"threads": 1})

    engine = create_async_engine("duckdb+andamios://", async_creator=opened)
    async with engine.connect() as connection:
        answer = await connection.exec_driver_sql("SELECT current_setting('threads')")
        assert answer.scalar_one() == 1
    await engine.dispose()


async def test_a_statement_can_be_run_for_many_rows(async_engine: AsyncEngine) -> None:
    async with async_engine.begin() as connection:
        await connection.execute(PARENT.insert(), [{"id": n, "x": n} for n in range(50)])
        changed = await connection.execute(
            PARENT.update().where(PARENT.c.id == sa.bindparam("key")).values(x=sa.bindparam("to")),
            [{"key": n, "to": -n} for n in range(50)],
        )
        found = await connection.execute(sa.select(PARENT.c.x).order_by(PARENT.c.id))

        assert changed.rowcount == 50
        assert found.scalars().all() == [-n for n in range(50)]


async def test_each_statement_is_its_own_transaction_with_autocommit(
    async_engine: AsyncEngine,
) -> None:
    async with async_engine.connect() as connection:
        connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
        assert (await connection.get_isolation_level()) == "AUTOCOMMIT"
        await connection.execute(PARENT.insert(), {"id": 1})
        await connection.rollback()

    async with async_engine.connect() as connection:
        assert (await connection.get_isolation_level()) == "REPEATABLE READ"
        assert (await connection.execute(sa.select(PARENT.c.id))).scalars().all() == [1]


def test_there_is_one_other_isolation_level(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.ArgumentError, match="REPEATABLE READ, AUTOCOMMIT"):
        engine.connect().execution_options(isolation_level="SERIALIZABLE")


def test_autocommit_needs_no_rollback_where_that_is_said(file: Path) -> None:
    engine = sa.create_engine(
        f"duckdb+andamios:///{file}", isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.rollback()
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        assert driver.in_transaction  # as SQLAlchemy was told to
        driver.rollback()
    engine.dispose()


def test_a_transaction_that_failed_cannot_be_committed(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.execute(PARENT.insert(), {"id": 1})
        with pytest.raises(sa.exc.ProgrammingError):
            connection.exec_driver_sql("SELECT * FROM nowhere")

        with pytest.raises(sa.exc.OperationalError) as refused:
            connection.commit()

    assert isinstance(refused.value.orig, TransactionAborted)
    assert count(engine, PARENT) == 0


async def test_an_async_transaction_that_failed_cannot_be_committed(
    async_engine: AsyncEngine,
) -> None:
    async with async_engine.connect() as connection:
        await connection.execute(PARENT.insert(), {"id": 1})
        with pytest.raises(sa.exc.IntegrityError):
            await connection.execute(PARENT.insert(), {"id": 1})

        with pytest.raises(sa.exc.OperationalError) as refused:
            await connection.commit()

        assert isinstance(refused.value.orig, TransactionAborted)
        await connection.rollback()
        assert (await connection.execute(sa.select(PARENT))).all() == []


def test_a_connection_that_was_closed_is_replaced(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        driver.close()
        with pytest.raises(sa.exc.OperationalError) as lost:
            connection.exec_driver_sql("SELECT 1")
        assert lost.value.connection_invalidated

    assert count(engine, PARENT) == 0


async def test_an_async_connection_that_was_closed_is_replaced(async_engine: AsyncEngine) -> None:
    async with async_engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert isinstance(raw.driver_connection, AsyncConnection)
        await raw.driver_connection.close()
        with pytest.raises(sa.exc.DBAPIError) as lost:
            await connection.exec_driver_sql("SELECT 1")
        assert isinstance(lost.value.orig, InterfaceError)
        assert lost.value.connection_invalidated

    async with async_engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT 1")).scalar_one() == 1


@pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up")
async def test_a_connection_that_was_forgotten_is_closed(file: Path) -> None:
    engine = create_async_engine(f"duckdb+andamios:///{file}", pool_size=1, max_overflow=0)
    connection = await engine.connect()
    raw = await connection.get_raw_connection()
    native = raw.driver_connection
    assert isinstance(native, AsyncConnection)

    del connection, raw
    gc.collect()

    assert native.is_closed
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("SELECT 1")).scalar_one() == 1
    await engine.dispose()


# ---- cancellation --------------------------------------------------------------------------------


async def begun(natives: list[AsyncConnection]) -> None:
    """Wait until each of the threads has taken a statement up."""
    while not all(  # noqa: ASYNC110 - no event
        any(job.begun for job in native._worker._pending) for native in natives
    ):
        await asyncio.sleep(0)


async def test_20_cancelled_queries_all_stop_and_the_pool_is_whole(
    async_engine: AsyncEngine,
) -> None:
    natives: list[AsyncConnection] = []
    connected = asyncio.Barrier(21)

    async def query() -> None:
        async with async_engine.connect() as connection:
            raw = await connection.get_raw_connection()
            assert isinstance(raw.driver_connection, AsyncConnection)
            natives.append(raw.driver_connection)
            await connected.wait()
            await connection.exec_driver_sql(ENDLESS)

    tasks = [asyncio.create_task(query()) for _ in range(20)]
    await connected.wait()
    await begun(natives)

    async with asyncio.timeout(60):  # measured: some milliseconds
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(isinstance(error, asyncio.CancelledError) for error in ended)
    assert not any(native._worker._pending for native in natives)
    assert isinstance(async_engine.pool, sa.pool.AsyncAdaptedQueuePool)
    assert async_engine.pool.checkedout() == 0

    async def works() -> int:
        async with async_engine.connect() as connection:
            return int((await connection.exec_driver_sql("SELECT 1")).scalar_one())

    assert await asyncio.gather(*[works() for _ in range(20)]) == [1] * 20


async def test_20_cancelled_queries_leave_their_connections_usable(file: Path) -> None:
    natives = [await AsyncConnection.connect(str(file)) for _ in range(20)]
    tasks = [asyncio.create_task(native.fetch(ENDLESS)) for native in natives]
    await begun(natives)

    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=60)

    assert all(task.cancelled() for task in tasks)
    assert [await native.fetch("SELECT 1") for native in natives] == [[(1,)]] * 20
    for native in natives:
        await native.close()


# ---- tables --------------------------------------------------------------------------------------


def test_a_database_can_be_read_and_made_again_elsewhere(engine: sa.Engine) -> None:
    read = sa.MetaData()
    read.reflect(engine)
    elsewhere = sa.create_engine("duckdb+andamios://")
    read.create_all(elsewhere)
    with elsewhere.begin() as connection:
        connection.execute(read.tables["parent"].insert(), [{}, {}])
        connection.execute(read.tables["child"].insert(), {"parent_id": 2, "name": "X"})

    child = sa.inspect(elsewhere)
    assert [c["name"] for c in child.get_columns("child")] == ["id", "parent_id", "name", "double"]
    assert child.get_columns("child")[0]["autoincrement"] is True
    assert child.get_columns("child")[3]["computed"] == {"sqltext": "(parent_id * 2)"}
    assert child.get_pk_constraint("child")["constrained_columns"] == ["id"]
    [key] = child.get_foreign_keys("child")
    assert (key["constrained_columns"], key["referred_table"]) == (["parent_id"], "parent")
    assert [c["column_names"] for c in child.get_unique_constraints("child")] == [
        ["parent_id", "name"]
    ]
    assert [c["sqltext"] for c in child.get_check_constraints("child")] == ["(\"name\" != '')"]
    assert child.get_table_comment("parent") == {"text": "those who are referred to"}
    assert {index["name"]: index.get("expressions") for index in child.get_indexes("child")} == {
        "ix_child_name": None,
        "lower_name": ['lower("name")'],
    }

    read.drop_all(elsewhere)
    assert sa.inspect(elsewhere).get_table_names() == []
    assert sa.inspect(elsewhere).get_sequence_names() == []
    elsewhere.dispose()


def test_everything_has_a_name(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE SCHEMA other")
        connection.exec_driver_sql("CREATE TABLE other.elsewhere (id INTEGER)")
        connection.exec_driver_sql("CREATE VIEW seen AS SELECT id FROM parent")
        connection.exec_driver_sql("CREATE TEMP TABLE passing (id INTEGER)")
        connection.exec_driver_sql("CREATE TEMP VIEW glimpse AS SELECT 1 AS id")
        inspector = sa.inspect(connection)

        assert inspector.get_schema_names() == ["main", "other"]
        assert inspector.has_schema("other")
        assert inspector.get_table_names() == ["parent", "child"]
        assert inspector.get_table_names("other") == ["elsewhere"]
        assert inspector.get_temp_table_names() == ["passing"]
        assert inspector.get_view_names() == ["seen"]
        assert inspector.get_temp_view_names() == ["glimpse"]
        assert inspector.get_sequence_names() == ["child_id_seq", "parent_id_seq"]
        assert inspector.get_view_definition("seen").startswith("CREATE VIEW seen AS")
        assert [inspector.has_table(name) for name in ("seen", "passing", "elsewhere")] == [
            True,
            True,
            False,
        ]
        assert inspector.has_table("elsewhere", "other")
        assert inspector.get_table_options("parent") == {}
        assert inspector.get_pk_constraint("passing") == {"constrained_columns": [], "name": None}


@pytest.mark.parametrize(
    "default",
    ["nextval('another')", "nextval('\"parent id seq\"')", "42", None],
)
def test_a_default_that_is_not_the_tables_own_sequence_is_reflected(
    engine: sa.Engine, default: str | None
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE SEQUENCE another; CREATE SEQUENCE "parent id seq"')
        clause = f"DEFAULT {default}" if default else ""
        connection.exec_driver_sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY {clause})")

    [column] = sa.inspect(engine).get_columns("t")

    assert (column["default"], column["autoincrement"]) == (default, False)


def test_a_table_that_is_not_there_is_not_reflected(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    for name in ("columns", "pk_constraint", "indexes", "table_comment", "table_options"):
        with pytest.raises(sa.exc.NoSuchTableError, match=r"main\.nowhere"):
            getattr(inspector, f"get_{name}")("nowhere", schema="main")
    with pytest.raises(sa.exc.NoSuchTableError):
        inspector.get_view_definition("nowhere")


def test_a_sequence_can_be_asked_for_its_next_number(engine: sa.Engine) -> None:
    sequence = sa.Sequence("my numbers", start=5)
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, sequence, primary_key=True))
    table.create(engine)
    with engine.begin() as connection:
        assert connection.scalar(sequence) == 5
        assert connection.execute(sa.select(sequence.next_value())).scalar_one() == 6
        assert connection.execute(table.insert()).inserted_primary_key == (7,)
    assert sa.inspect(engine).has_sequence("my numbers")


def test_making_a_table_is_part_of_the_transaction(engine: sa.Engine) -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(table.insert())
        connection.rollback()

    assert not sa.inspect(engine).has_table("t")
    assert not sa.inspect(engine).has_sequence("t_id_seq")


def test_a_table_that_cannot_be_made_leaves_no_sequence(file: Path) -> None:
    engine = sa.create_engine(f"duckdb+andamios:///{file}", isolation_level="AUTOCOMMIT")
    table = sa.Table(
        "t",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.Integer, server_default=sa.text("nothing_known()")),
    )
    with pytest.raises(sa.exc.ProgrammingError):
        table.create(engine)

    assert sa.inspect(engine).get_sequence_names() == []
    engine.dispose()


# ---- other processes -----------------------------------------------------------------------------

HOLDER = """
import sqlalchemy as sa, sys
engine = sa.create_engine(f"duckdb+andamios:///{sys.argv[1]}")
connection = engine.connect()
connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_who_has_the_file(file: Path) -> None:
    engine = sa.create_engine(f"duckdb+andamios:///{file}")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"

        with pytest.raises(sa.exc.OperationalError) as refused:
            engine.connect()
        holder.communicate()

    failure = failure_of(refused.value.orig or refused.value)
    assert failure is not None
    assert failure.kind == "unavailable"
    assert f"PID {holder.pid}" in failure.summary

    # It is free as soon as the other one has gone.
    engine.connect().close()
    engine.dispose()


WRITER = """
import itertools, sqlalchemy as sa, sys
engine = sa.create_engine(f"duckdb+andamios:///{sys.argv[1]}")
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE pair (id INTEGER PRIMARY KEY, half VARCHAR)")
for number in itertools.count():
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO pair VALUES ($1, 'left')", (2 * number,))
        connection.exec_driver_sql("INSERT INTO pair VALUES ($1, 'right')", (2 * number + 1,))
    print(number, flush=True)
"""


def test_what_was_committed_is_there_after_the_process_was_killed(file: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(200)]
        writer.kill()
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]

    engine = sa.create_engine(f"duckdb+andamios:///{file}")
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT id FROM pair ORDER BY id").scalars().all()
    engine.dispose()

    assert len(acknowledged) >= 200
    assert {n for pair in acknowledged for n in (2 * pair, 2 * pair + 1)} <= set(found)
    assert len(found) % 2 == 0  # no half of a transaction


# ---- facts about the engine ----------------------------------------------------------------------
# Each is wrong by the book, and the library works around it. Where one of these fails, DuckDB has
# mended it: the workaround can go, and docs about it as well.


@pytest.fixture
def family(engine: sa.Engine) -> sa.Engine:
    with engine.begin() as connection:
        connection.execute(PARENT.insert(), {"id": 1, "x": 0})
    return engine


def test_fact_an_update_of_a_row_deleted_meanwhile_is_lost_without_an_error(
    family: sa.Engine,
) -> None:
    with family.connect() as deleting, family.connect() as updating:
        deleting.execute(PARENT.delete())
        changed = updating.execute(PARENT.update().values(x=1)).rowcount
        deleting.commit()
        updating.commit()

    assert changed == 1
    assert count(family, PARENT) == 0


@pytest.mark.parametrize("child_first", [True, False])
def test_fact_a_child_and_the_deletion_of_its_parent_both_succeed(
    family: sa.Engine, child_first: bool
) -> None:
    with family.connect() as inserting, family.connect() as deleting:
        steps: list[tuple[sa.Connection, Any]] = [
            (inserting, CHILD.insert().values(parent_id=1, name="orphan")),
            (deleting, PARENT.delete()),
        ]
        for connection, statement in steps if child_first else reversed(steps):
            connection.execute(statement)
        inserting.commit()
        deleting.commit()

    assert (count(family, PARENT), count(family, CHILD)) == (0, 1)


def test_fact_a_child_and_its_parent_cannot_go_in_one_transaction(family: sa.Engine) -> None:
    with family.begin() as connection:
        connection.execute(CHILD.insert(), {"parent_id": 1, "name": "x"})

    with family.connect() as connection:
        connection.execute(CHILD.delete())
        with pytest.raises(sa.exc.IntegrityError, match="still referenced"):
            connection.execute(PARENT.delete())

    with family.begin() as connection:
        connection.execute(CHILD.delete())
    with family.begin() as connection:
        connection.execute(PARENT.delete())
    assert count(family, PARENT) == 0


def test_fact_rows_of_one_insert_cannot_refer_to_each_other(engine: sa.Engine) -> None:
    table = sa.Table(
        "tree",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("up", sa.ForeignKey("tree.id")),
    )
    table.create(engine)
    with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(table.insert(), [{"id": 1, "up": None}, {"id": 2, "up": 1}])


def test_fact_a_key_that_others_refer_to_cannot_be_set_even_to_itself(family: sa.Engine) -> None:
    with family.begin() as connection:
        connection.execute(CHILD.insert(), {"parent_id": 1, "name": "x"})

    with family.connect() as connection:
        assert connection.execute(PARENT.update().values(x=5)).rowcount == 1
        with pytest.raises(sa.exc.IntegrityError, match="still referenced"):
            connection.execute(PARENT.update().values(id=1))


def test_fact_two_transactions_can_each_undo_what_the_other_relied_on(family: sa.Engine) -> None:
    """Write skew: at least one of the two is to keep `x = 0`, and both see the other one do so."""
    with family.begin() as connection:
        connection.execute(PARENT.insert(), {"id": 2, "x": 0})
    zeros = sa.select(sa.func.count()).where(PARENT.c.x == 0)
    with family.connect() as one, family.connect() as other:
        for connection, key in ((one, 1), (other, 2)):
            assert connection.execute(zeros).scalar_one() == 2
            connection.execute(PARENT.update().where(PARENT.c.id == key).values(x=1))
        one.commit()
        other.commit()

    with family.connect() as connection:
        assert connection.execute(zeros).scalar_one() == 0


def test_fact_a_second_update_of_a_row_fails_at_once(family: sa.Engine) -> None:
    """This one is right, and what keeps updates from being lost."""
    with family.connect() as one, family.connect() as other:
        one.execute(PARENT.update().values(x=1))
        with pytest.raises(sa.exc.OperationalError, match="Conflict on update"):
            other.execute(PARENT.update().values(x=2))
        one.commit()


def test_fact_a_taken_key_is_found_out_only_at_commit(engine: sa.Engine) -> None:
    with engine.connect() as one, engine.connect() as other:
        one.execute(PARENT.insert(), {"id": 1})
        other.execute(PARENT.insert(), {"id": 1})
        one.commit()
        with pytest.raises(sa.exc.OperationalError, match="Failed to commit"):
            other.commit()
