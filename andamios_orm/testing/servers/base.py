"""What every test server is: private and temporary, or the running one whose URL is known."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self
from urllib.parse import quote, urlsplit

from andamios_orm.errors import UsageError
from andamios_orm.testing import keeper
from andamios_orm.testing.servers.accounts import Account, account_for
from andamios_orm.testing.servers.programs import (
    ServerUnavailable,
    environment,
    free_port,
    output_of,
)

__all__ = ["Server", "furnish", "place_in"]

_ATTEMPTS = 3
_KEEPER_SECONDS = 10  # beyond the patience with the server; only one that hangs needs more


class Server(ABC):
    """A database server for tests: private and temporary, or the running one whose URL is known.

    With `url`, or else with the environment variable of the product, that server is used and only
    the databases made through this object are dropped at the end. Without, `start` makes a server
    of its own: data in a temporary folder, a free port on 127.0.0.1, no password, nothing flushed
    to disk. It ends with `stop`, and also when this process is killed.

    `binaries` is the folder of the programs to run, `patience` how many seconds the server gets to
    start, and again to stop before it is killed. `data` is a folder for a server that goes on where
    it ended: its data stay there, and are flushed to disk.

    The methods block, for some milliseconds, and may be called where an event loop runs.
    """

    product: ClassVar[str]
    """The name of the product, for messages."""
    variable: ClassVar[str]
    """The environment variable that holds the URL of a running server."""
    schemes: ClassVar[tuple[str, ...]]
    """What the URL of a running server begins with."""
    fix: ClassVar[str]
    """What to do when a start fails for a reason that its output does not tell."""
    users: ClassVar[tuple[str, ...]]
    """Whom root becomes to run the server: the first of these that exists."""
    foreign: ClassVar[tuple[str, ...]]
    """How the environment variables begin that are settings of the product."""
    stop_signal: ClassVar[signal.Signals]
    """What makes the server roll back, close all connections and exit."""

    def __init__(
        self,
        url: str | None = None,
        *,
        binaries: Path | None = None,
        patience: float = 30,
        data: Path | None = None,
    ) -> None:
        self._data = data
        self._given = url or os.environ.get(self.variable) or None
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
        """The URL of the server itself: given as `url`, another process uses the server with it.

        Raises UsageError if the server was not started.
        """
        if self._url is None:
            raise UsageError(
                f"{type(self).__name__}: not started",
                fix="use it in a `with` statement, or call start()",
            )
        return self._url

    def start(self) -> None:
        """Return when the server accepts connections. Does nothing if it already runs.

        Raises ServerUnavailable, with the end of the server's log, if it cannot be started, and for
        a URL that is none of the product. A running server given by URL is not asked anything
        before it is used.
        """
        if self._url is not None:
            return
        if self._given is not None:
            self._require_readable(self._given)
            self._url = self._given
            return
        binaries = self._binaries or self._found()
        account = account_for(os.geteuid(), names=self.users)
        self._folder = Path(tempfile.mkdtemp(prefix="andamios-", dir=self._parent_folder()))
        try:
            if self._data is not None:
                _link(self._data, self._folder / "data", account)
            binaries = self._prepare(binaries, self._folder, account)
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
        """
        parts = urlsplit(self.address)
        # Users copy URLs that name a driver, such as postgresql+asyncpg://.
        scheme = parts.scheme.partition("+")[0]
        return parts._replace(scheme=scheme, path="/" + quote(database, safe="")).geturl()

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL.

        It is dropped when the server is stopped. Raises ServerUnavailable if there is no
        connection, and the driver's error if the server refuses.
        """
        _run_aside(self._create(name))
        self._created.append(name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, closing the connections to it.

        Raises ServerUnavailable if there is no connection, and the driver's error if the server
        refuses.
        """
        _run_aside(self._drop(name))
        self._created = [other for other in self._created if other != name]

    def clear_database(self, name: str) -> None:
        """Make a database as empty as a new one, in a few milliseconds instead of a re-creation.

        Other connections to the database are closed. Raises as `drop_database` does.
        """
        _run_aside(self._clear(name))

    # -- what a product adds

    @abstractmethod
    def _found(self) -> Path:
        """Return the folder of the programs. Raises ServerUnavailable."""

    @abstractmethod
    def _prepare(self, binaries: Path, folder: Path, account: Account) -> Path:
        """Create the data in `folder`, and return the folder of the programs that will run."""

    @abstractmethod
    def _command(self, binaries: Path, folder: Path, port: int) -> list[str]:
        """Return the command that runs the server until it is told to stop."""

    @abstractmethod
    def _is_ready(self, folder: Path) -> bool:
        """Whether our server accepts connections; another's may listen on the port we chose."""

    @abstractmethod
    def _address_at(self, port: int) -> str:
        """Return the URL of the private server."""

    @abstractmethod
    async def _create(self, name: str) -> None: ...

    @abstractmethod
    async def _drop(self, name: str) -> None: ...

    @abstractmethod
    async def _clear(self, name: str) -> None: ...

    def _parent_folder(self) -> Path | None:
        """Return where the private server's folder is made; None for the system's choice."""
        return None

    # -- what they share

    def _require_readable(self, url: str) -> None:
        """Raise ServerUnavailable for a URL of something else, which is not shown."""
        try:
            parts = urlsplit(url)
            readable = parts.scheme.partition("+")[0] in self.schemes and parts.port != 0
        except ValueError:  # a port that is no number, or too large
            readable = False
        if not readable:
            raise ServerUnavailable(
                f"{self.product}: the URL of the server cannot be read",
                fix=f"write {self.variable} like {self.schemes[0]}://user:password@host:port/, or"
                " unset it to get a private server",
            )

    def _environment(self) -> dict[str, str]:
        return environment(os.environ, self.foreign)

    def _output_of(
        self, command: Sequence[str], *, account: Account, folder: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return output_of(
            command,
            environment=self._environment(),
            folder=folder,
            uid=account.uid,
            gid=account.gid,
        )

    def _failed(self, problem: str, output: str) -> ServerUnavailable:
        ending = "".join(f"\n  | {line}" for line in output.splitlines()[-15:])
        return ServerUnavailable(f"{self.product}: {problem}{ending}", fix=self.fix)

    def _launch(self, binaries: Path, folder: Path, account: Account) -> str:
        # Between our finding a free port and the server's taking it, another process may have it.
        for _ in range(_ATTEMPTS):
            port = free_port()
            with (folder / "log").open("wb") as log:
                self._keeper = self._start_keeper(
                    self._command(binaries, folder, port), folder, account, log
                )
            if self._became_ready(self._keeper, folder):
                return self._address_at(port)
            self._release(self._keeper)
        raise self._failed("the server ended while starting", _log_in(folder))

    def _start_keeper(
        self, command: Sequence[str], folder: Path, account: Account, log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        who = ["" if number is None else str(number) for number in (account.uid, account.gid)]
        how = [str(folder), str(self._patience), str(int(self.stop_signal)), *who]
        return subprocess.Popen(  # noqa: S603 - this interpreter with our own program; no shell
            # -I and -S: no settings of the user, no site-packages; starts in a third of the time.
            [sys.executable, "-I", "-S", keeper.__file__, *how, *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            # Ctrl-C goes to the whole session of the terminal; the server must outlive the last
            # test.
            start_new_session=True,
        )

    def _became_ready(self, process: subprocess.Popen[bytes], folder: Path) -> bool:
        deadline = time.monotonic() + self._patience
        while process.poll() is None:
            if self._is_ready(folder):
                return True
            if time.monotonic() > deadline:
                raise self._failed(
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


def furnish(folder: Path, account: Account, names: Sequence[str]) -> None:
    """Make the folders `names` that only the account sees, in one that it may pass through."""
    # The folder and the log in it stay ours: root must not write where another user may put a link.
    folder.chmod(0o711)
    for name in names:
        if (folder / name).is_symlink():  # to data that are kept
            continue
        (folder / name).mkdir(mode=0o700)
        account.own(folder / name)


def _link(data: Path, link: Path, account: Account) -> None:
    """Have `link` lead to data that are kept. Raises ServerUnavailable if the account cannot."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data = data.resolve()
    if account.uid is not None:
        closed = [folder for folder in data.parents if not folder.stat().st_mode & 0o001]
        if closed:
            raise ServerUnavailable(
                f"a database server does not run as root, and nobody else may enter {closed[-1]}",
                fix="run this as another user, or in a folder that every user may enter",
            )
        account.own(data)
    link.symlink_to(data)


def place_in(url: str, port: int) -> str:
    """Return the host, port and database of a URL, which may hold a password besides."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or port}{parts.path}"


def _log_in(folder: Path) -> str:
    return (folder / "log").read_text(errors="replace")


def _run_aside(work: Coroutine[Any, Any, None]) -> None:
    # In a thread of its own, since the caller's may already run an event loop.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(work)).result()
