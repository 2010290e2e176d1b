"""What the tests of one run share: a server for each engine, and databases for each worker."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from andamios_orm.testing.desk import Answer, Desk, ask
from andamios_orm.testing.servers import (
    MariaDBServer,
    PostgreSQLServer,
    Server,
    ServerUnavailable,
)

__all__ = ["SERVERS", "Run"]

SERVERS: Mapping[str, Callable[[str | None], Server]] = {
    "postgresql": PostgreSQLServer,
    "mariadb": MariaDBServer,
    # Spoken to as one speaks to MySQL. Its default character set is the one that a server without
    # a configuration has: nothing may depend on it.
    "mysql": partial(MariaDBServer, charset="latin1"),
}
"""What makes the server of an engine that has one, of its URL if it runs already."""


class Run:
    """The servers of a run, as one of its processes sees them.

    `desk` is where a worker asks; the process that starts the workers, or the only one, has none
    and starts the servers itself.
    """

    def __init__(self, desk: str | None = None) -> None:
        self._asks = desk
        self._desk: Desk | None = None
        self._found: dict[str, Server | ServerUnavailable] = {}
        self._databases: dict[str, str] = {}

    def desk(self) -> str:
        """Return where workers ask for the servers of this process."""
        if self._desk is None:
            self._desk = Desk(self._answer)
        return self._desk.address

    def server(self, engine: str) -> Server:
        """Return the server of an engine, which is started if nobody has. Raises ServerUnavailable.

        The databases made through it are dropped in the end.
        """
        found = self._found.get(engine)
        if found is None:
            try:
                found = SERVERS[engine](self._address(engine))
                found.start()
            except ServerUnavailable as error:
                found = error  # to tell it again is quicker than to look again
            self._found[engine] = found
        if isinstance(found, ServerUnavailable):
            raise found.with_traceback(None)
        return found

    def new_database(self, engine: str) -> str:
        """Return the name of a new, empty database. Raises ServerUnavailable."""
        # Two runs may share a server given by URL, and one that was killed leaves its databases.
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        name = f"andamios_{worker}_{uuid.uuid4().hex[:8]}"
        self.server(engine).create_database(name)
        return name

    def empty_database(self, engine: str) -> str:
        """Return the URL of a database of this worker, made empty. Raises ServerUnavailable."""
        name = self._databases.get(engine)
        if name is None:
            name = self._databases[engine] = self.new_database(engine)
        else:
            self.server(engine).clear_database(name)
        return self.url(engine, name)

    def url(self, engine: str, database: str) -> str:
        """Return the URL of a database on the server of an engine. Raises ServerUnavailable."""
        _, mark, rest = self.server(engine).url(database).partition("://")
        return f"{engine}{mark}{rest}"

    def stop(self) -> None:
        """Stop the servers that this process has started, and drop its databases on others."""
        if self._desk is not None:
            self._desk.close()
        for server in self._found.values():
            # A server that is gone has no databases left to drop.
            with suppress(ServerUnavailable):
                if isinstance(server, Server):
                    server.stop()
        self._found.clear()
        self._databases.clear()

    def _address(self, engine: str) -> str | None:
        """Return the URL of the run's server, None for one that is to be started here."""
        if self._asks is None:
            return None
        try:
            answer = ask(self._asks, engine)
        except (OSError, EOFError):
            return None  # a worker on another machine
        if isinstance(answer, str):
            return answer
        problem, fix, tried = answer
        raise ServerUnavailable(problem, fix, tried=tried)

    def _answer(self, engine: str) -> Answer:
        try:
            return self.server(engine).address
        except ServerUnavailable as error:
            return error.problem, error.fix, error.tried
