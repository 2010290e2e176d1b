"""The databases that tests run on: one server per run, one database per worker, empty per test.

A test that asks for `database_url` or `db` runs once on every backend. A backend that is missing
is skipped with the reason; where the variable CI is "true" it is a failure instead.

"mysql" is a second MariaDB, spoken to as one speaks to MySQL, and its default character set is
latin1, as without a configuration: no test may depend on the server's.
"""

import asyncio
import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import pytest
import pytest_asyncio
from hypothesis import settings

from andamios_orm.testing.servers import (
    MariaDBServer,
    PostgreSQLServer,
    Server,
    ServerUnavailable,
    find_binaries,
    find_mariadb,
)
from tests.engines import ENGINES

if TYPE_CHECKING:
    from andamios_orm import Database

# A test does not depend on how fast the machine is.
settings.register_profile("andamios", deadline=None)
settings.load_profile("andamios")

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop


class Node(Protocol):
    """What we use of xdist's view of a worker; xdist itself may be switched off."""

    config: pytest.Config
    workerinput: dict[str, str]


servers_of_run = pytest.StashKey[dict[str, Server]]()


SERVERS: dict[str, Callable[[], Server]] = {
    "postgresql": PostgreSQLServer,
    "mariadb": MariaDBServer,
    "mysql": partial(MariaDBServer, charset="latin1"),
}


# The process that starts the workers owns the servers: it is the first to begin and the last to
# end, so no locks, counters or hand-overs between the workers are needed.
@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Node) -> None:
    for name in SERVERS:
        try:
            server = running_server(node.config, name)
        except ServerUnavailable as error:
            node.workerinput[f"{name}_problem"] = str(error)
        else:
            node.workerinput[name] = server.address


def pytest_unconfigure(config: pytest.Config) -> None:
    for server in config.stash.get(servers_of_run, {}).values():
        server.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"default": new_event_loop}


def running_server(config: pytest.Config, name: str) -> Server:
    servers = config.stash.setdefault(servers_of_run, {})
    if name not in servers:
        server = SERVERS[name]()
        server.start()
        servers[name] = server
    return servers[name]


def address_of(config: pytest.Config, name: str) -> str:
    """The URL of the run's server, which is started if nobody has."""
    given: Mapping[str, str] = getattr(config, "workerinput", {})
    if f"{name}_problem" in given:
        unavailable(given[f"{name}_problem"])
    try:
        # Without xdist nobody has started it: the first test that needs it does.
        return given.get(name) or running_server(config, name).address
    except ServerUnavailable as error:
        unavailable(str(error))


def database_on(server: Server) -> str:
    """The name of a new database for this worker."""
    # Two runs may share a server given by URL, and one that was killed leaves its databases there.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"andamios_{worker}_{uuid.uuid4().hex[:8]}"
    try:
        server.create_database(name)
    except ServerUnavailable as error:
        unavailable(str(error))
    return name


def unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql_binaries() -> Path:
    """The folder of PostgreSQL's programs, for tests that start a server of their own."""
    try:
        return find_binaries()
    except ServerUnavailable as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def openssl() -> str:
    """The program that makes certificates."""
    return shutil.which("openssl") or unavailable("openssl is missing, which makes certificates")


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Iterator[PostgreSQLServer]:
    """The server of this run. A database made through it is dropped when the worker ends."""
    with PostgreSQLServer(address_of(pytestconfig, "postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: PostgreSQLServer) -> str:
    """The name of this worker's database."""
    return database_on(postgresql_server)


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: PostgreSQLServer, postgresql_database: str) -> str:
    """The URL of this worker's database, with whatever the tests before have left in it."""
    return postgresql_server.url(postgresql_database)


@pytest.fixture
def empty_postgresql_url(
    postgresql_server: PostgreSQLServer, postgresql_database: str, postgresql_url: str
) -> str:
    """The URL of this worker's database, made empty before the test."""
    postgresql_server.clear_database(postgresql_database)
    return postgresql_url


@pytest.fixture(scope="session")
def mariadb_binaries() -> Path:
    """The folder of MariaDB's server, for tests that start one of their own."""
    try:
        return find_mariadb()
    except ServerUnavailable as error:
        unavailable(str(error))


@pytest.fixture(scope="session")
def mariadb_server(pytestconfig: pytest.Config) -> Iterator[MariaDBServer]:
    """The server of this run. A database made through it is dropped when the worker ends."""
    with MariaDBServer(address_of(pytestconfig, "mariadb")) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_database(mariadb_server: MariaDBServer) -> str:
    """The name of this worker's database."""
    return database_on(mariadb_server)


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server: MariaDBServer, mariadb_database: str) -> str:
    """The URL of this worker's database, with whatever the tests before have left in it."""
    return mariadb_server.url(mariadb_database)


@pytest.fixture
def empty_mariadb_url(
    mariadb_server: MariaDBServer, mariadb_database: str, mariadb_url: str
) -> str:
    """The URL of this worker's database, made empty before the test."""
    mariadb_server.clear_database(mariadb_database)
    return mariadb_url


@pytest.fixture(scope="session")
def mysql_server(pytestconfig: pytest.Config) -> Iterator[MariaDBServer]:
    """The server of this run that is taken for a MySQL."""
    with MariaDBServer(address_of(pytestconfig, "mysql")) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_database(mysql_server: MariaDBServer) -> str:
    """The name of this worker's database."""
    return database_on(mysql_server)


@pytest.fixture
def empty_mysql_url(mysql_server: MariaDBServer, mysql_database: str) -> str:
    """The URL of this worker's database, made empty before the test."""
    mysql_server.clear_database(mysql_database)
    return mysql_server.url(mysql_database).replace("mariadb://", "mysql://")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    """The URL of a DuckDB file that does not exist yet."""
    return f"duckdb:///{tmp_path / 'test.duckdb'}"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on every backend in turn.

    For some of them only: `@only_on("sqlite")` of tests.engines.
    """
    urls = {
        "duckdb": "duckdb_url",
        "sqlite": "sqlite_url",
        "postgresql": "empty_postgresql_url",
        "mariadb": "empty_mariadb_url",
        "mysql": "empty_mysql_url",
    }
    url: str = request.getfixturevalue(urls[request.param])
    return url


@pytest_asyncio.fixture
async def db(database_url: str) -> "AsyncIterator[Database]":
    """An open, empty database, on every backend in turn."""
    from andamios_orm import Database  # noqa: PLC0415 - the other fixtures work without it

    async with Database(database_url) as database:
        yield database
