"""The databases that tests run on: one server per run, one database per worker, empty per test.

A test that asks for `database_url` or `db` runs once on every backend. A backend that is missing
is skipped with the reason; where the variable CI is "true" it is a failure instead.

"mysql" is a second MariaDB, spoken to as one speaks to MySQL, and its default character set is
latin1, as without a configuration: no test may depend on the server's.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import settings

from andamios_orm.testing.engines import unavailable
from andamios_orm.testing.plugin import run_of
from andamios_orm.testing.servers import (
    Server,
    ServerUnavailable,
    find_binaries,
    find_mariadb,
)
from andamios_orm.testing.sharing import Run
from tests.engines import ENGINES

if TYPE_CHECKING:
    from andamios_orm import Database

pytest_plugins = ["tests.ordinary", "tests.traced_threads"]

# A test does not depend on how fast the machine is.
settings.register_profile("andamios", deadline=None)
settings.load_profile("andamios")

if sys.platform == "win32":
    new_event_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"default": new_event_loop}


def run_with(config: pytest.Config, name: str) -> Run:
    """Return what the tests of this run share, with a server of this name."""
    run = run_of(config)
    try:
        run.server(name)
    except ServerUnavailable as error:
        unavailable(str(error))
    return run


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
def postgresql_server(pytestconfig: pytest.Config) -> Server:
    """The server of this run. A database made through it is dropped when the worker ends."""
    return run_with(pytestconfig, "postgresql").server("postgresql")


@pytest.fixture(scope="session")
def postgresql_database(pytestconfig: pytest.Config) -> str:
    """The name of this worker's database."""
    return run_with(pytestconfig, "postgresql").new_database("postgresql")


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: Server, postgresql_database: str) -> str:
    """The URL of this worker's database, with whatever the tests before have left in it."""
    return postgresql_server.url(postgresql_database)


@pytest.fixture
def empty_postgresql_url(
    postgresql_server: Server, postgresql_database: str, postgresql_url: str
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
def mariadb_server(pytestconfig: pytest.Config) -> Server:
    """The server of this run. A database made through it is dropped when the worker ends."""
    return run_with(pytestconfig, "mariadb").server("mariadb")


@pytest.fixture(scope="session")
def mariadb_database(pytestconfig: pytest.Config) -> str:
    """The name of this worker's database."""
    return run_with(pytestconfig, "mariadb").new_database("mariadb")


@pytest.fixture(scope="session")
def mariadb_url(mariadb_server: Server, mariadb_database: str) -> str:
    """The URL of this worker's database, with whatever the tests before have left in it."""
    return mariadb_server.url(mariadb_database)


@pytest.fixture
def empty_mariadb_url(mariadb_server: Server, mariadb_database: str, mariadb_url: str) -> str:
    """The URL of this worker's database, made empty before the test."""
    mariadb_server.clear_database(mariadb_database)
    return mariadb_url


@pytest.fixture(scope="session")
def mysql_server(pytestconfig: pytest.Config) -> Server:
    """The server of this run that is taken for a MySQL."""
    return run_with(pytestconfig, "mysql").server("mysql")


@pytest.fixture(scope="session")
def mysql_database(pytestconfig: pytest.Config) -> str:
    """The name of this worker's database."""
    return run_with(pytestconfig, "mysql").new_database("mysql")


@pytest.fixture
def empty_mysql_url(mysql_server: Server, mysql_database: str) -> str:
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
