"""The backend of MariaDB keeps values exact, stops what is cancelled and tells no row's values."""

import asyncio
import functools
import logging
import math
import secrets
import shutil
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from asyncmy.errors import MySQLError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from andamios_orm.backends.base import Failure
from andamios_orm.backends.mysql import MariaDBBackend, MySQLBackend
from andamios_orm.backends.mysql import connection as mysql_connection
from andamios_orm.backends.mysql.connection import Connection
from andamios_orm.errors import InvalidURL, NotStorable, UsageError, ValueOutOfRange, WrongType
from andamios_orm.testing.servers import MariaDBServer

BACKEND = MariaDBBackend()
SENTINEL = "sentinel-4711"
HOSTILE = [
    "it's",
    '"',
    "`",
    "\\",
    "\\'",
    "\\\\'",
    "'' OR 1=1 -- ",
    "x'); DROP TABLE band; -- ",
    "\x00'; DROP TABLE band; #",
    "/*! DROP TABLE band */",
    "%s %% %(name)s ?",
    "\x1a\b\n\r\t",
    "¿'",
    "縗'",
    "\ufeff\u2028'",
    "é e\u0301 😀 😁",
    "trailing ",
    "",
]


def engine_for(url: str | URL, backend: MySQLBackend = BACKEND, **more: Any) -> AsyncEngine:
    """An engine opened as a Database opens its own."""
    parsed = make_url(url)
    options = backend.engine_options(
        parsed.set(drivername=f"{backend.name}+{backend.driver}"), pool_size=5
    )
    return create_async_engine(
        options.url,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
        hide_parameters=True,
        connect_args=dict(options.connect_args),
        **more,
    )


@pytest_asyncio.fixture
async def engine(empty_mariadb_url: str) -> AsyncIterator[AsyncEngine]:
    engine = engine_for(empty_mariadb_url)
    BACKEND.prepare_engine(engine.sync_engine, in_memory=False)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[Connection]:
    """The driver's connection, given up afterwards, whatever a test has done to it."""
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, Connection)
        yield driver
        await connection.invalidate()


@pytest_asyncio.fixture
async def driver(engine: AsyncEngine) -> AsyncIterator[Connection]:
    async with connected(engine) as driver:
        yield driver


@pytest_asyncio.fixture
async def onlooker(engine: AsyncEngine) -> AsyncIterator[Connection]:
    """A second connection to the same database."""
    async with connected(engine) as driver:
        yield driver


async def value(driver: Connection, sql: str, *values: object) -> object:
    [(value,)] = await BACKEND.fetch(driver, sql, values)
    return value


# ---- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_text_comes_back_as_it_was_sent(driver: Connection, text: str) -> None:
    await BACKEND.run(driver, "CREATE TABLE band (title LONGTEXT CHARACTER SET utf8mb4)", ())

    await BACKEND.run(driver, "INSERT INTO band VALUES (%s)", (text,))

    assert await value(driver, "SELECT title FROM band") == text
    assert await value(driver, "SELECT %s", text) == text
    found = "SELECT count(*) FROM band WHERE title COLLATE utf8mb4_nopad_bin = %s"
    assert await value(driver, found, text) == 1


@pytest.mark.parametrize(
    "content",
    [
        *(text.encode() for text in HOSTILE),
        bytes(range(256)),
        b"\xff'\\\xc3",
        b"\xe4\xbd\x5c'",
        b"\xbf'; DROP TABLE band; -- ",
    ],
)
async def test_bytes_come_back_as_they_were_sent(driver: Connection, content: bytes) -> None:
    await BACKEND.run(driver, "CREATE TABLE band (cover LONGBLOB)", ())

    await BACKEND.run(driver, "INSERT INTO band VALUES (%s)", (content,))

    assert await value(driver, "SELECT cover FROM band") == content
    assert await value(driver, "SELECT count(*) FROM band WHERE cover = %s", content) == 1


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("BIGINT", 2**63 - 1),
        ("BIGINT", -(2**63)),
        ("BIGINT UNSIGNED", 2**64 - 1),
        ("DOUBLE", 0.1),
        ("DOUBLE", 1 / 3),
        ("DOUBLE", 5e-324),
        ("DOUBLE", 1.7976931348623157e308),
        ("DOUBLE", 1e16),
        ("DECIMAL(38,18)", Decimal("0.123456789012345678")),
        ("DECIMAL(38,18)", Decimal("-99999999999999999999.999999999999999999")),
        ("DECIMAL(65,30)", Decimal("9" * 35 + "." + "9" * 30)),
        ("DATETIME(6)", datetime(1, 1, 1)),
        ("DATETIME(6)", datetime(9999, 12, 31, 23, 59, 59, 999999)),
        ("DATE", date(1, 1, 1)),
        ("DATE", date(9999, 12, 31)),
        ("TIME(6)", timedelta(hours=-838, minutes=-59, seconds=-59)),
        ("TIME(6)", timedelta(hours=23, microseconds=1)),
        ("BINARY(16)", bytes(range(240, 256))),
        ("BINARY(16)", b"abc " + bytes(12)),
        ("INT", None),
    ],
)
async def test_a_value_comes_back_with_its_type(
    driver: Connection, kind: str, sent: object
) -> None:
    await BACKEND.run(driver, f"CREATE TABLE t (v {kind})", ())

    await BACKEND.run(driver, "INSERT INTO t VALUES (%s)", (sent,))

    came = await value(driver, "SELECT v FROM t")
    assert (type(came), came) == (type(sent), sent)
    assert await value(driver, "SELECT v <=> %s FROM t", sent) == 1


async def test_every_finite_float_comes_back(driver: Connection) -> None:
    patterns = (struct.unpack("d", secrets.token_bytes(8))[0] for _ in range(500))
    sent = [number for number in patterns if math.isfinite(number)]
    await BACKEND.run(driver, "CREATE TABLE t (id INT, v DOUBLE)", ())

    rows = ", ".join(["(%s, %s)"] * len(sent))
    numbered = [part for pair in enumerate(sent) for part in pair]
    await BACKEND.run(driver, f"INSERT INTO t VALUES {rows}", numbered)

    assert await BACKEND.fetch(driver, "SELECT v FROM t ORDER BY id", ()) == [(v,) for v in sent]


async def test_a_time_of_day_comes_back_as_a_duration(driver: Connection) -> None:
    assert await value(driver, "SELECT %s", time(1, 2, 3, 4)) == timedelta(
        hours=1, minutes=2, seconds=3, microseconds=4
    )


async def test_a_moment_is_sent_in_utc(driver: Connection) -> None:
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)

    assert await value(driver, "SELECT unix_timestamp(%s)", noon) == noon.timestamp()


@pytest.mark.parametrize("size", [70_000, (1 << 24) - 1, 1 << 24, 20 << 20])
async def test_a_long_value_comes_back_also_as_the_first_of_its_row(
    driver: Connection, size: int
) -> None:
    content = secrets.token_bytes(size)
    await BACKEND.run(driver, "CREATE TABLE t (v LONGBLOB, n INT)", ())

    await BACKEND.run(driver, "INSERT INTO t VALUES (%s, 1)", (content,))

    assert await BACKEND.fetch(driver, "SELECT v, n FROM t", ()) == [(content, 1)]
    assert await BACKEND.fetch(driver, "SELECT n, v FROM t", ()) == [(1, content)]


async def test_a_statement_longer_than_the_server_takes_is_not_sent(driver: Connection) -> None:
    limit = await value(driver, "SELECT @@max_allowed_packet")
    assert isinstance(limit, int)

    with pytest.raises(ValueOutOfRange, match="max_allowed_packet"):
        await BACKEND.run(driver, "SELECT length(%s)", ("x" * limit,))

    assert driver.is_usable


# ---- injection -----------------------------------------------------------------------------------


async def test_no_second_statement_can_follow(driver: Connection) -> None:
    with pytest.raises(MySQLError) as caught:
        await BACKEND.fetch(driver, "SELECT 1; SELECT 2", ())

    assert caught.value.args[0] == 1064


async def test_values_are_not_sent_where_backslashes_are_no_escapes(driver: Connection) -> None:
    await BACKEND.run(driver, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", ())

    with pytest.raises(UsageError, match="NO_BACKSLASH_ESCAPES"):
        await BACKEND.fetch(driver, "SELECT %s", ("\\' OR 1=1 -- ",))


@pytest.mark.parametrize("text", HOSTILE)
async def test_values_of_sqlalchemys_statements_are_as_safe(engine: AsyncEngine, text: str) -> None:
    content = text.encode() + b"\xff'"
    statement = sa.select(sa.literal(text), sa.literal(content))

    async with engine.connect() as connection:
        [row] = await connection.execute(statement)

    assert tuple(row) == (text, content)


async def test_a_value_that_sqlalchemy_cannot_send_is_refused_and_not_shown(
    engine: AsyncEngine,
) -> None:
    async with engine.connect() as connection:
        with pytest.raises(WrongType) as wrong:
            await connection.exec_driver_sql("SELECT %s", ([SENTINEL],))
        with pytest.raises(NotStorable) as broken:
            await connection.exec_driver_sql("SELECT %s", (SENTINEL + "\udc80",))

    assert SENTINEL not in f"{wrong.value} {broken.value}"


async def test_no_warning_is_logged_with_a_rows_values(
    engine: AsyncEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="asyncmy")

    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT CAST(%s AS INT)", (SENTINEL,))

    assert SENTINEL not in caplog.text


# ---- the session ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("autocommit", 1),
        ("character_set_client", "utf8mb4"),
        ("collation_connection", "utf8mb4_nopad_bin"),
        ("time_zone", "+00:00"),
        ("tx_isolation", "READ-COMMITTED"),
        ("lc_messages", "en_US"),
        ("sql_auto_is_null", 0),
        ("group_concat_max_len", 1 << 30),
        (
            "sql_mode",
            "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
            "NO_ENGINE_SUBSTITUTION,SIMULTANEOUS_ASSIGNMENT",
        ),
    ],
)
async def test_a_session_is_set_up_whatever_the_server_says(
    driver: Connection, variable: str, expected: object
) -> None:
    found = await value(driver, f"SELECT @@{variable}")

    assert found == expected


async def test_a_key_of_zero_is_stored(driver: Connection) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY)", ())

    await BACKEND.run(driver, "INSERT INTO t VALUES (%s)", (0,))

    assert await value(driver, "SELECT id FROM t") == 0


async def test_an_update_counts_the_rows_it_found(driver: Connection) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (id INT, n INT)", ())
    await BACKEND.run(driver, "INSERT INTO t VALUES (1, 7), (2, 7), (3, 8)", ())

    assert await BACKEND.run(driver, "UPDATE t SET n = 7 WHERE id < %s", (3,)) == 2


async def test_a_statement_without_rows_returns_none(driver: Connection) -> None:
    assert await BACKEND.fetch(driver, "DO 1", ()) == []


@pytest_asyncio.fixture
async def as_mysql(empty_mariadb_url: str) -> AsyncIterator[Connection]:
    """A connection to MariaDB by a URL that says mysql://."""
    engine = engine_for(empty_mariadb_url.replace("mariadb://", "mysql://"), MySQLBackend())
    async with connected(engine) as driver:
        yield driver
    await engine.dispose()


async def test_what_mysql_offers_works_on_mariadb(as_mysql: Connection) -> None:
    assert await value(as_mysql, "SELECT 1") == 1


async def test_mariadb_is_known_by_what_it_calls_itself_and_not_by_the_url(
    as_mysql: Connection,
) -> None:
    await BACKEND.run(as_mysql, "CREATE TABLE t (n INT, CONSTRAINT `a.b` UNIQUE (n))", ())
    await BACKEND.run(as_mysql, "INSERT INTO t VALUES (1)", ())

    with pytest.raises(MySQLError) as caught:
        await BACKEND.run(as_mysql, "INSERT INTO t VALUES (1)", ())

    assert MySQLBackend().classify(caught.value) == Failure(
        kind="unique", code="1062", constraint="a.b"
    )


# ---- transactions --------------------------------------------------------------------------------


async def begin(driver: Connection, *, read_only: bool = False) -> None:
    await BACKEND.begin(driver, read_only=read_only, isolation=None, at_once=False)


async def test_a_commit_keeps_what_a_rollback_undoes(
    driver: Connection, onlooker: Connection
) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (n INT)", ())
    await begin(driver)
    await BACKEND.run(driver, "INSERT INTO t VALUES (1)", ())
    assert await BACKEND.commit(driver)
    await begin(driver)
    await BACKEND.run(driver, "INSERT INTO t VALUES (2)", ())
    await BACKEND.run(driver, "ROLLBACK", ())

    assert await BACKEND.fetch(onlooker, "SELECT n FROM t", ()) == [(1,)]


async def test_a_read_only_transaction_refuses_to_write(driver: Connection) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (n INT)", ())
    await begin(driver, read_only=True)

    failure = await failure_of(driver, "INSERT INTO t VALUES (1)")

    assert failure == Failure(
        kind="read_only", code="1792", summary="Cannot execute statement in a READ ONLY transaction"
    )


async def test_a_connection_is_usable_outside_a_transaction_only(driver: Connection) -> None:
    assert BACKEND.is_usable(driver)

    await begin(driver)
    assert not BACKEND.is_usable(driver)

    await BACKEND.run(driver, "ROLLBACK", ())
    assert BACKEND.is_usable(driver)


async def test_a_connection_that_would_begin_by_itself_is_not_usable(driver: Connection) -> None:
    await BACKEND.run(driver, "SET autocommit = 0", ())

    assert not BACKEND.is_usable(driver)


async def test_a_connection_that_the_server_closed_is_not_usable(
    driver: Connection, onlooker: Connection
) -> None:
    await BACKEND.run(onlooker, "KILL %s", (driver._number,))
    while BACKEND.is_usable(driver):
        await value(onlooker, "SELECT 1")

    assert (await failure_of(driver, "SELECT 1")).kind == "unavailable"


async def test_a_closed_connection_is_not_usable(driver: Connection) -> None:
    driver.close()

    assert not BACKEND.is_usable(driver)
    assert await failure_of(driver, "SELECT 1") == Failure(
        kind="unavailable", summary="the connection is closed"
    )


# ---- cancellation --------------------------------------------------------------------------------


async def running(onlooker: Connection) -> int:
    """How many statements the server works on for others in this database."""
    sql = (
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = database() AND id <> connection_id() AND command = 'Query'"
    )
    count = await value(onlooker, sql)
    assert isinstance(count, int)
    return count


async def works_for(driver: Connection, onlooker: Connection) -> bool:
    """Whether the server works on a statement of this connection, which may be closed."""
    sql = "SELECT count(*) FROM information_schema.processlist WHERE id = %s AND command = 'Query'"
    [(count,)] = await BACKEND.fetch(onlooker, sql, (driver._number,))
    return bool(count)


async def stopped(onlooker: Connection) -> None:
    """Return when the server works for nobody.

    A statement left to itself would take longer: one that waits for a lock gives up after 50 s.
    """
    async with asyncio.timeout(30):
        while await running(onlooker):
            pass


async def started(onlooker: Connection, task: asyncio.Future[Any]) -> None:
    while not await running(onlooker):
        assert not task.done()


async def by_sleeping(driver: Connection) -> None:
    await BACKEND.fetch(driver, "SELECT sleep(600)", ())


async def by_computing(driver: Connection) -> None:
    await BACKEND.fetch(driver, "SELECT benchmark(1000000000000, md5('x'))", ())


async def by_waiting_for_a_lock(driver: Connection) -> None:
    await BACKEND.run(driver, "UPDATE held SET n = 2", ())


@pytest_asyncio.fixture
async def held(engine: AsyncEngine) -> AsyncIterator[None]:
    """A row that another transaction has changed and does not let go."""
    async with connected(engine) as holder:
        await BACKEND.run(holder, "CREATE TABLE held (n INT)", ())
        await BACKEND.run(holder, "INSERT INTO held VALUES (0)", ())
        await begin(holder)
        await BACKEND.run(holder, "UPDATE held SET n = 1", ())
        yield
        await BACKEND.run(holder, "ROLLBACK", ())


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("cancels", [1, 2, 3])
@pytest.mark.parametrize("way", [by_sleeping, by_computing, by_waiting_for_a_lock])
async def test_a_cancelled_statement_is_stopped_and_its_transaction_goes_on(
    driver: Connection,
    onlooker: Connection,
    way: Callable[[Connection], Awaitable[None]],
    cancels: int,
) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (n INT)", ())
    await begin(driver)
    await BACKEND.run(driver, "INSERT INTO t VALUES (1)", ())
    task = asyncio.ensure_future(way(driver))
    await started(onlooker, task)

    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task})
    async with asyncio.timeout(30):
        await BACKEND.interrupt(driver)

    await stopped(onlooker)

    assert task.cancelled()
    assert await value(driver, "SELECT n FROM t") == 1
    assert await BACKEND.commit(driver)
    assert BACKEND.is_usable(driver)
    assert await value(onlooker, "SELECT n FROM t") == 1


async def test_a_statement_cancelled_before_it_was_sent_is_stopped(
    driver: Connection, onlooker: Connection
) -> None:
    task = asyncio.ensure_future(by_sleeping(driver))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await BACKEND.interrupt(driver)
    await stopped(onlooker)

    assert BACKEND.is_usable(driver)


async def test_a_connection_with_a_cancelled_statement_is_not_usable_until_it_ends(
    driver: Connection, onlooker: Connection
) -> None:
    task = asyncio.ensure_future(by_sleeping(driver))
    await started(onlooker, task)
    task.cancel()
    await asyncio.wait({task})

    assert not BACKEND.is_usable(driver)
    # The next statement ends it, if nobody has.
    assert await value(driver, "SELECT 1") == 1
    assert BACKEND.is_usable(driver)


async def test_there_is_nothing_to_interrupt_after_a_statement(driver: Connection) -> None:
    await BACKEND.interrupt(driver)
    await value(driver, "SELECT 1")
    await BACKEND.interrupt(driver)

    assert BACKEND.is_usable(driver)


async def by_sqlalchemy(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("SELECT sleep(600)")


async def test_a_statement_is_stopped_when_its_connection_is_closed(
    engine: AsyncEngine, onlooker: Connection
) -> None:
    async with engine.connect() as connection:
        task = asyncio.ensure_future(by_sqlalchemy(connection))
        await started(onlooker, task)
        task.cancel()
        # Left to itself, SQLAlchemy gives a cancelled connection up.
        await asyncio.wait({task})
        await stopped(onlooker)

        assert connection.invalidated


async def test_a_cancelled_statement_of_sqlalchemy_keeps_its_connection(
    engine: AsyncEngine, onlooker: Connection
) -> None:
    def keep(context: sa.ExceptionContext) -> None:
        context.is_disconnect = False

    sa.event.listen(engine.sync_engine, "handle_error", keep)
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        task = asyncio.ensure_future(by_sqlalchemy(connection))
        await started(onlooker, task)
        task.cancel()
        await asyncio.wait({task})

        assert isinstance(driver, Connection)
        await BACKEND.interrupt(driver)
        await stopped(onlooker)

        assert BACKEND.is_usable(driver)


async def test_the_results_of_a_procedure_are_read_one_by_one(driver: Connection) -> None:
    await BACKEND.run(driver, "CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END", ())

    async with driver.cursor() as cursor:
        await cursor.execute("CALL two()")
        first = await cursor.fetchone()
        assert await cursor.nextset()
        second = await cursor.fetchone()

    assert (first, second) == ((1,), (2,))


async def cancelled_sleep(driver: Connection, onlooker: Connection) -> None:
    task = asyncio.ensure_future(by_sleeping(driver))
    await started(onlooker, task)
    task.cancel()
    await asyncio.wait({task})


async def ended(driver: Connection, onlooker: Connection) -> None:
    """Have the server end what it works on for a connection that is closed."""
    await BACKEND.run(onlooker, "KILL %s", (driver._number,))
    await stopped(onlooker)


async def test_rows_of_a_connection_that_is_lost_are_left_with_it(
    driver: Connection, onlooker: Connection
) -> None:
    # More than the buffers between them hold, so that the server is still sending.
    rows = await driver.open("SELECT repeat('x', 1000000) FROM seq_1_to_50", ())
    await rows.fetch(1)
    await BACKEND.run(onlooker, "KILL %s", (driver._number,))

    await rows.close()

    assert not BACKEND.is_usable(driver)
    await stopped(onlooker)


async def test_without_a_second_connection_the_first_is_closed(
    driver: Connection, onlooker: Connection
) -> None:
    await cancelled_sleep(driver, onlooker)
    driver._options["user"] = "nobody at all"

    await BACKEND.interrupt(driver)

    assert not BACKEND.is_usable(driver)
    await ended(driver, onlooker)


async def test_on_another_server_of_the_same_address_nothing_is_killed(
    driver: Connection, onlooker: Connection
) -> None:
    await cancelled_sleep(driver, onlooker)
    driver._server = ("another", 3306)

    await BACKEND.interrupt(driver)

    assert await works_for(driver, onlooker)
    assert not BACKEND.is_usable(driver)
    await ended(driver, onlooker)


async def test_a_statement_that_does_not_end_in_time_is_given_up(
    driver: Connection, onlooker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_connection, "_INTERRUPT_SECONDS", 0)
    await cancelled_sleep(driver, onlooker)

    await BACKEND.interrupt(driver)

    assert not BACKEND.is_usable(driver)
    await ended(driver, onlooker)


# ---- errors --------------------------------------------------------------------------------------

TABLES = [
    "CREATE TABLE band (id INT PRIMARY KEY, title VARCHAR(20) NOT NULL, year INT, parent INT,"
    " extra JSON, genre VARCHAR(60), CONSTRAINT one_title UNIQUE (title),"
    " CONSTRAINT after_1900 CHECK (year > 1900),"
    " CONSTRAINT from_band FOREIGN KEY (parent) REFERENCES band (id)) CHARACTER SET utf8mb4",
    "INSERT INTO band (id, title, parent) VALUES (1, 'Spam', NULL), (2, 'Eggs', 1)",
]


async def failure_of(driver: Connection, statement: str, *values: object) -> Failure:
    with pytest.raises((MySQLError, OSError)) as caught:
        await BACKEND.fetch(driver, statement, values)
    failure = BACKEND.classify(caught.value)
    assert failure is not None
    assert SENTINEL not in repr(failure)
    return failure


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "INSERT INTO band (id, title) VALUES (1, 'sentinel-4711')",
            Failure(kind="unique", code="1062", constraint="PRIMARY"),
        ),
        (
            "INSERT INTO band (id, title) VALUES (3, 'Spam')",
            Failure(kind="unique", code="1062", constraint="one_title"),
        ),
        (
            "INSERT INTO band (id, title, parent) VALUES (3, 'x', 4711)",
            Failure(
                kind="foreign_key",
                code="1452",
                schema="",
                table="band",
                constraint="from_band",
                columns=("parent",),
            ),
        ),
        (
            "DELETE FROM band WHERE id = 1",
            Failure(
                kind="foreign_key",
                code="1451",
                schema="",
                table="band",
                constraint="from_band",
                columns=("parent",),
            ),
        ),
        (
            "INSERT INTO band (id, title, year) VALUES (3, 'x', 1066)",
            Failure(kind="check", code="4025", schema="", table="band", constraint="after_1900"),
        ),
        (
            "INSERT INTO band (id, title, extra) VALUES (3, 'x', 'sentinel-4711')",
            Failure(
                kind="check",
                code="4025",
                schema="",
                table="band",
                constraint="band.extra",
                columns=("extra",),
            ),
        ),
        (
            "INSERT INTO band (id, title) VALUES (3, NULL)",
            Failure(kind="not_null", code="1048", columns=("title",)),
        ),
        (
            "INSERT INTO band (id) VALUES (3)",
            Failure(kind="not_null", code="1364", columns=("title",)),
        ),
        (
            "INSERT INTO band (id, title) VALUES (3, repeat('sentinel-4711', 9))",
            Failure(kind="unstorable", code="1406"),
        ),
        (
            "INSERT INTO band (id, title) VALUES ('sentinel-4711', 'x')",
            Failure(kind="unstorable", code="1366"),
        ),
        (
            "INSERT INTO band (id, title) VALUES (99999999999, 'x')",
            Failure(kind="unstorable", code="1264"),
        ),
        ("SELECT 9223372036854775807 + 4711", Failure(kind="unstorable", code="1690")),
        (
            "SELEC 'sentinel-4711'",
            Failure(
                kind="other",
                code="1064",
                summary="You have an error in your SQL syntax at line 1",
            ),
        ),
        ("SELECT 'sentinel-4711' REGEXP '('", Failure(kind="other", code="1139")),
    ],
)
async def test_an_error_of_a_statement_is_told_without_its_values(
    driver: Connection, statement: str, expected: Failure
) -> None:
    for table in TABLES:
        await BACKEND.run(driver, table, ())
    database = await value(driver, "SELECT database()")

    failure = await failure_of(driver, statement)

    if expected.schema is not None:
        assert failure.schema == database
    assert Failure(**{**as_dict(failure), "schema": expected.schema}) == expected


def as_dict(failure: Failure) -> dict[str, Any]:
    return {name: getattr(failure, name) for name in Failure.__slots__}


@pytest.mark.parametrize("length", [5, 60, 700])
@pytest.mark.parametrize(
    "shape",
    ["{}", "{}' for key 'PRIMARY", "' for key '{}", "' for key '{}'", "{}' for key 'one_title'"],
)
async def test_a_value_that_looks_like_a_message_is_not_told(
    driver: Connection, shape: str, length: int
) -> None:
    await BACKEND.run(
        driver, f"CREATE TABLE t (v VARCHAR(900), CONSTRAINT {'k' * 64} UNIQUE (v))", ()
    )
    text = shape.format(SENTINEL).rjust(length, "x")
    await BACKEND.run(driver, "INSERT INTO t VALUES (%s)", (text,))

    failure = await failure_of(driver, "INSERT INTO t VALUES (%s)", text)

    assert failure.kind == "unique"
    assert failure.constraint in ("k" * 64, None)


async def test_names_with_any_character_are_told(driver: Connection) -> None:
    await BACKEND.run(
        driver,
        "CREATE TABLE `it's ``a`` table` (`a``b` INT PRIMARY KEY, `c, d` INT,"
        " CONSTRAINT `no. ``1``` CHECK (`a``b` > 0), CONSTRAINT `it's` UNIQUE (`c, d`),"
        " CONSTRAINT `fk ``'` FOREIGN KEY (`c, d`) REFERENCES `it's ``a`` table` (`a``b`))",
        (),
    )
    insert = "INSERT INTO `it's ``a`` table` VALUES "
    await BACKEND.run(driver, insert + "(1, 1)", ())

    unique = await failure_of(driver, insert + "(2, 1)")
    check = await failure_of(driver, insert + "(-1, NULL)")
    missing = await failure_of(driver, insert + "(2, 99)")

    assert unique.constraint == "it's"
    assert (check.table, check.constraint) == ("it's `a` table", "no. `1`")
    assert (missing.table, missing.constraint) == ("it's `a` table", "fk `'")
    assert missing.columns == ("c, d",)


async def test_a_deadlock_is_a_conflict(driver: Connection, onlooker: Connection) -> None:
    await BACKEND.run(driver, "CREATE TABLE t (id INT PRIMARY KEY, n INT)", ())
    await BACKEND.run(driver, "INSERT INTO t VALUES (1, 0), (2, 0)", ())
    for connection, first in ((driver, 1), (onlooker, 2)):
        await begin(connection)
        await BACKEND.run(connection, "UPDATE t SET n = 1 WHERE id = %s", (first,))

    results = await asyncio.gather(
        BACKEND.run(driver, "UPDATE t SET n = 1 WHERE id = 2", ()),
        BACKEND.run(onlooker, "UPDATE t SET n = 1 WHERE id = 1", ()),
        return_exceptions=True,
    )

    [error] = [result for result in results if isinstance(result, MySQLError)]
    failure = BACKEND.classify(error)
    assert failure is not None
    assert (failure.kind, failure.code) == ("conflict", "1213")
    for connection in (driver, onlooker):
        await BACKEND.run(connection, "ROLLBACK", ())


@pytest.mark.usefixtures("held")
async def test_a_lock_that_is_not_waited_for_is_a_conflict(driver: Connection) -> None:
    failure = await failure_of(driver, "SELECT n FROM held FOR UPDATE NOWAIT")

    assert (failure.kind, failure.code) == ("conflict", "1205")


# ---- opening -------------------------------------------------------------------------------------


async def refusal_of(url: URL, backend: MySQLBackend = BACKEND) -> BaseException:
    engine = engine_for(url, backend)
    try:
        async with engine.connect():
            raise AssertionError("it was opened")
    except sa.exc.DBAPIError as error:
        return error.orig or error
    except InvalidURL as error:
        return error
    finally:
        await engine.dispose()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"username": "nobody"}, "1045"), ({"database": "missing"}, "1049"), ({"port": 1}, "2003")],
)
async def test_a_database_that_cannot_be_opened_is_unavailable(
    mariadb_url: str, change: dict[str, Any], code: str
) -> None:
    error = await refusal_of(make_url(mariadb_url).set(**change))

    failure = BACKEND.classify(error)
    assert failure is not None
    assert (failure.kind, failure.code) == ("unavailable", code)


@pytest.mark.parametrize("step", range(12))
async def test_a_cancelled_opening_leaves_no_connection(
    engine: AsyncEngine, onlooker: Connection, step: int
) -> None:
    count = (
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = database() AND id <> connection_id()"
    )
    task = asyncio.ensure_future(engine.raw_connection())
    for _ in range(step):
        await value(onlooker, "SELECT 1")
    task.cancel()
    with suppress(asyncio.CancelledError):
        (await task).invalidate()

    async with asyncio.timeout(60):
        while await value(onlooker, count):
            pass


async def imitate(
    version: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Be a server that greets with a version, and answers OK to everything."""
    # Protocol 10, version, number, salt, capabilities (4.1, plugins), latin1, autocommit.
    greeting = b"\x0a" + version + b"\0" + struct.pack("<I", 1) + b"12345678\0"
    greeting += struct.pack("<HBHHB", 0x8200, 8, 2, 0x0008, 21) + bytes(10)
    greeting += b"123456789012\0mysql_native_password\0"
    writer.write(struct.pack("<I", len(greeting)) + greeting)
    answer = b"\0\0\0\x02\0\0\0"
    while header := await reader.read(4):
        await reader.readexactly(int.from_bytes(header[:3], "little"))
        writer.write(bytes([len(answer), 0, 0, header[3] + 1]) + answer)
    writer.close()


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """The port of a server that serves so."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("version", "backend", "problem"),
    [
        (b"8.4.0", MariaDBBackend(), "the server is not MariaDB"),
        (b"8.0.18", MySQLBackend(), r"calls itself 8\.0\.18, which is too old"),
        (b"5.5.5-10.5.29-MariaDB-log", MariaDBBackend(), "MariaDB-log, which is too old"),
        (b"5.5.5-10.5.29-MariaDB-log", MySQLBackend(), "MariaDB-log, which is too old"),
        (b"8.x", MySQLBackend(), r"calls itself 8\.x, which is too old or unknown"),
    ],
)
async def test_a_server_of_another_kind_or_age_is_refused(
    version: bytes, backend: MySQLBackend, problem: str
) -> None:
    async with listening(functools.partial(imitate, version)) as port:
        url = make_url(f"mariadb://ann:{SENTINEL}@127.0.0.1:{port}/shop")
        error = await refusal_of(url, backend)

    assert isinstance(error, InvalidURL)
    assert SENTINEL not in str(error)
    with pytest.raises(InvalidURL, match=problem):
        raise error


async def test_a_server_that_is_gone_before_it_greets_is_unavailable(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_socket(connection: Connection) -> None:
        raise RuntimeError("Transport does not expose socket instance")

    # What asyncmy meets then, if the server is quick enough.
    monkeypatch.setattr(Connection, "_set_keep_alive", without_socket)

    failure = BACKEND.classify(await refusal_of(make_url(mariadb_url)))

    assert failure is not None
    assert (failure.kind, failure.code) == ("unavailable", "2013")


async def test_a_server_that_hangs_up_is_unavailable() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with listening(hang_up) as port:
        error = await refusal_of(make_url(f"mariadb://ann:{SENTINEL}@127.0.0.1:{port}/shop"))

    failure = BACKEND.classify(error)
    assert failure is not None
    assert (failure.kind, failure.code) == ("unavailable", "2013")


def test_mysql_compares_texts_as_exactly() -> None:
    assert mysql_connection._collation("8.0.19", mariadb_only=False) == "utf8mb4_0900_bin"


# ---- encryption ----------------------------------------------------------------------------------


def certificate(openssl: str, folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate for 127.0.0.1 that is its own authority."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o644)
    return key, certificate


@pytest.mark.parametrize(
    ("query", "host", "opens"),
    [
        ("ssl_ca={}", "127.0.0.1", True),
        ("ssl_ca={}", "localhost", False),
        ("ssl_mode=verify_ca&ssl_ca={}", "localhost", True),
        ("ssl_mode=verify_identity", "127.0.0.1", False),
        ("ssl_mode=required", "127.0.0.1", True),
    ],
)
async def test_an_encrypted_connection_checks_what_it_was_told_to(
    encrypted: tuple[MariaDBServer, Path], query: str, host: str, opens: bool
) -> None:
    server, authority = encrypted
    url = make_url(server.url("shop")).set(host=host)
    engine = engine_for(f"{url.render_as_string()}?{query.format(authority)}")
    try:
        if opens:
            async with connected(engine) as driver:
                await BACKEND.fetch(driver, "SELECT 1", ())
                [(_, cipher)] = await BACKEND.fetch(driver, "SHOW STATUS LIKE 'Ssl_cipher'", ())
                assert cipher
        else:
            with pytest.raises(sa.exc.OperationalError, match="certificate verify failed"):
                async with engine.connect():
                    pass
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
def encrypted(openssl: str, mariadb_binaries: Path) -> Iterator[tuple[MariaDBServer, Path]]:
    """A server that speaks TLS, and the file of the authority that signed its certificate."""
    folder = Path(tempfile.mkdtemp(prefix="andamios-test-"))
    folder.chmod(0o755)
    key, authority = certificate(openssl, folder)
    settings = {"ssl-key": str(key), "ssl-cert": str(authority)}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MariaDBServer.variable, raising=False)
        with MariaDBServer(binaries=mariadb_binaries, settings=settings) as server:
            server.create_database("shop")
            yield server, authority
    shutil.rmtree(folder)
