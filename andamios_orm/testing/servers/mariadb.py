"""A MariaDB for tests, with its data in memory where the system offers that."""

import importlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from andamios_orm.testing.servers.accounts import Account
from andamios_orm.testing.servers.base import Server, furnish, place_in
from andamios_orm.testing.servers.programs import (
    ServerUnavailable,
    first_complete,
    folders_below,
)

__all__ = ["MariaDBServer", "find_mariadb"]

_SERVER, _INSTALLER = "mariadbd", "mariadb-install-db"
# Where the installer lies, seen from the folder of the server.
_INSTALLER_FOLDERS = (".", "../bin", "../scripts")
_SUPERUSER = "root"
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 10
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it, as in any other
_MEMORY_BYTES = 1 << 30

_INSTALL = (
    "install MariaDB 10.6 or newer (for example `apt install mariadb-server` or `brew install "
    "mariadb`), or set ANDAMIOS_MARIADB_BIN to the folder that holds `mariadbd`, or set "
    "ANDAMIOS_TEST_URL_MARIADB to the URL of a running server"
)

# Only speed: the data of a test need not survive a power cut. With them, and the data in memory,
# a database with three tables is made and dropped in 2 ms instead of 9.
_SETTINGS = {
    "bind-address": "127.0.0.1",
    "max-connections": "200",
    # Values of many megabytes are a subject of tests; the default stops at 16.
    "max-allowed-packet": "64M",
    "innodb-buffer-pool-size": "32M",
    "innodb-doublewrite": "0",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-stats-persistent": "0",
    "performance-schema": "0",
    "skip-log-bin": None,
    "skip-name-resolve": None,
    # What the system allows one process is often less than what the defaults ask for.
    "table-open-cache": "400",
}
_LASTING = {"innodb-doublewrite": "1", "innodb-flush-log-at-trx-commit": "1"}
# The installer creates the file, so both must name the same size.
_LOG_SIZE = "--innodb-log-file-size=8M"

# Relative to the root of the file system; `*` stands for a version.
_DISTRIBUTION_FOLDERS = (
    "opt/homebrew/opt/mariadb@*/bin",  # Homebrew on Apple silicon
    "usr/local/opt/mariadb@*/bin",  # Homebrew on Intel
    "opt/homebrew/opt/mariadb/bin",
    "usr/local/opt/mariadb/bin",
    "usr/sbin",  # Debian, Ubuntu
    "usr/libexec",  # Fedora, Red Hat
    "usr/bin",  # Arch, Alpine
    "usr/local/libexec",  # FreeBSD
    "usr/local/mysql/bin",  # archives of mariadb.org
)


# Connections that a test left open are closed first: their locks would block the DROP. One may end
# by itself between the search and the KILL (error 1094).
_DROP = """
BEGIN NOT ATOMIC
    DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
    FOR other IN (
        SELECT id FROM information_schema.processlist
            WHERE db = {text} AND id <> connection_id()
    ) DO
        KILL other.id;
    END FOR;
    DROP DATABASE IF EXISTS {name};
END
"""


class MariaDBServer(Server):
    """A MariaDB for tests: private and temporary, or the running one whose URL is known.

    With `url`, or else with the environment variable ANDAMIOS_TEST_URL_MARIADB, that server is
    used and only the databases made through this object are dropped at the end. Without, `start`
    makes a server of its own: data in a temporary folder, in memory where /dev/shm has room for
    it, a free port on 127.0.0.1, no password, nothing flushed to disk. It ends with `stop`, and
    also when this process is killed.

    `charset` is what the private server gives to databases whose maker names none, `settings` are
    more of its variables (`{"innodb-lock-wait-timeout": "1"}`). `binaries` is the folder of the
    programs to run (default: `find_mariadb()`), `patience` how many seconds the server gets to
    start, and again to stop before it is killed.

    The methods block, for some milliseconds, and may be called where an event loop runs. What the
    server refuses is asyncmy's error.

    >>> with MariaDBServer() as server:  # doctest: +SKIP
    ...     server.create_database("shop")
    ...     server.url("shop")
    'mariadb://root@127.0.0.1:45771/shop'
    >>> with MariaDBServer("mariadb://ann:secret@db.example:3307") as running:
    ...     running.url("shop")
    'mariadb://ann:secret@db.example:3307/shop'
    """

    product = "MariaDB"
    variable = "ANDAMIOS_TEST_URL_MARIADB"
    schemes = ("mariadb", "mysql")
    users = ("mysql", "nobody")
    foreign = ("MYSQL", "MARIADB")  # MYSQL_TCP_PORT, MYSQL_UNIX_PORT and others
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    fix = (
        "if the lines above do not tell, set ANDAMIOS_MARIADB_BIN to other programs that every "
        "user may run, TMPDIR to a folder that every user may enter, or ANDAMIOS_TEST_URL_MARIADB "
        "to a running server"
    )

    def __init__(
        self,
        url: str | None = None,
        *,
        binaries: Path | None = None,
        patience: float = 30,
        data: Path | None = None,
        charset: str = "utf8mb4",
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(url, binaries=binaries, patience=patience, data=data)
        self._settings = {"character-set-server": charset, **settings}

    def _found(self) -> Path:
        return find_mariadb()

    def _parent_folder(self) -> Path | None:
        return _MEMORY if _has_room(_MEMORY) else None

    def _prepare(self, binaries: Path, folder: Path, account: Account) -> Path:
        furnish(folder, account, ("data", "socket", "temporary"))
        if any((folder / "data").iterdir()):
            return binaries
        installer = _installer_of(binaries) or binaries / _INSTALLER
        command = [
            str(installer),
            *_paths(binaries, folder),
            "--auth-root-authentication-method=normal",
            "--skip-name-resolve",
            "--skip-test-db",
            _LOG_SIZE,
        ]
        try:
            result = self._output_of(command, account=account, folder=folder)
        except OSError as error:
            raise self._failed(f"{installer} does not run", str(error)) from error
        if result.returncode != 0:
            raise self._failed(f"{_INSTALLER} failed", result.stdout)
        return binaries

    def _environment(self) -> dict[str, str]:
        # The installer makes files there, and our own folder may be closed to its user.
        temporary = {"TMPDIR": str(self._folder / "temporary")} if self._folder else {}
        return {**super()._environment(), **temporary}

    def _command(self, binaries: Path, folder: Path, port: int) -> list[str]:
        # A path beyond the 104 bytes that a kernel allows would stop the server: then no socket.
        path = folder / "socket" / "s"
        fits = len(os.fsencode(path)) < 104
        settings: dict[str, str | None] = {
            **_SETTINGS,
            **(_LASTING if self._data else {}),
            "port": str(port),
            "socket": str(path) if fits else "",
            **self._settings,
        }
        return [
            str(binaries / _SERVER),
            *_paths(binaries, folder),
            _LOG_SIZE,
            *(f"--{n}" if v is None else f"--{n}={v}" for n, v in settings.items()),
        ]

    def _is_ready(self, folder: Path) -> bool:
        return b"ready for connections" in (folder / "log").read_bytes()

    def _address_at(self, port: int) -> str:
        return f"mariadb://{_SUPERUSER}@127.0.0.1:{port}"

    async def _create(self, name: str) -> None:
        await self._administer(f"CREATE DATABASE {_quoted(name)}")

    async def _drop(self, name: str) -> None:
        await self._administer(_drop(name))

    async def _clear(self, name: str) -> None:
        await self._administer(_drop(name), f"CREATE DATABASE {_quoted(name)}")

    async def _administer(self, *statements: str) -> None:
        connection = await _connect(self.address)
        try:
            async with connection.cursor() as cursor:
                for statement in statements:
                    await cursor.execute(statement)
        finally:
            await connection.ensure_closed()


def find_mariadb() -> Path:
    """Return the folder of MariaDB's server program, `mariadbd`.

    The program `mariadb-install-db` must lie in the same folder, or in `bin` or `scripts` beside
    it. Looked for in this order: ANDAMIOS_MARIADB_BIN, the PATH, the folders of the usual
    distributions. Raises ServerUnavailable, listing all that was tried; also if
    ANDAMIOS_MARIADB_BIN is set but wrong, as testing with another version than the one asked for
    would be worse than not testing.

    >>> find_mariadb()  # doctest: +SKIP
    PosixPath('/usr/sbin')
    """
    chosen = os.environ.get("ANDAMIOS_MARIADB_BIN")
    return first_complete(
        [("ANDAMIOS_MARIADB_BIN", Path(chosen))] if chosen else _places(),
        _missing_in,
        problem="MariaDB: no server programs found",
        fix=_INSTALL,
    )


def _places() -> Iterator[tuple[str, Path | None]]:
    program = shutil.which(_SERVER)
    yield "PATH", Path(program).parent if program is not None else None
    folders = folders_below(Path("/"), _DISTRIBUTION_FOLDERS)
    for folder in folders:
        yield "distribution", folder
    if not folders:
        yield f"distribution (/{', /'.join(_DISTRIBUTION_FOLDERS)})", None


def _missing_in(folder: Path) -> list[str]:
    missing = [] if (folder / _SERVER).is_file() else [_SERVER]
    return missing if _installer_of(folder) else [*missing, _INSTALLER]


def _installer_of(folder: Path) -> Path | None:
    beside = (folder / other / _INSTALLER for other in _INSTALLER_FOLDERS)
    return next((path for path in beside if path.is_file()), None)


def _paths(binaries: Path, folder: Path) -> tuple[str, ...]:
    # --no-defaults comes first or is an error.
    return (
        "--no-defaults",
        f"--basedir={binaries.parent}",
        f"--datadir={folder / 'data'}",
        f"--tmpdir={folder / 'temporary'}",
    )


def _has_room(memory: Path) -> bool:
    # A container has 64 MB there, unless it is told otherwise.
    if not os.access(memory, os.W_OK | os.X_OK):
        return False
    disk = os.statvfs(memory)
    return disk.f_bavail * disk.f_frsize >= _MEMORY_BYTES


def _drop(name: str) -> str:
    # Inside quotes the server reads a doubled quote as one, and a backslash as an escape.
    text = "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
    return _DROP.format(text=text, name=_quoted(name))


async def _connect(url: str) -> Any:
    # Imported here, as the driver is an extra: without it, SQLite can still be tested.
    try:
        asyncmy: Any = importlib.import_module("asyncmy")
    except ModuleNotFoundError as error:
        raise ServerUnavailable(
            "MariaDB: needs an extra package", fix='pip install "andamios-orm[mysql]"'
        ) from error
    parts = urlsplit(url)
    try:
        return await asyncmy.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else "",
            connect_timeout=_CONNECT_SECONDS,
            # Notes, such as that a database to drop is not there, would be logged by the driver.
            init_command=f"SET sql_notes = 0, lock_wait_timeout = {_LOCK_SECONDS}",
        )
    except (OSError, TimeoutError, asyncmy.errors.MySQLError) as error:
        raise ServerUnavailable(
            f"MariaDB: no connection to {place_in(url, 3306)}: {error}",
            fix="start that server, or correct ANDAMIOS_TEST_URL_MARIADB, or unset it to get a "
            "private server",
        ) from error


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
