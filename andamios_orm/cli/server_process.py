"""A database server for development, in a process of its own: it ends when that is told to."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from andamios_orm.testing.servers import MariaDBServer, PostgreSQLServer, Server

__all__ = ["KINDS", "serve"]

KINDS: dict[str, type[Server]] = {
    "postgresql": PostgreSQLServer,
    "mariadb": MariaDBServer,
    "mysql": MariaDBServer,
}


def serve(kind: str, database: str, note: Path) -> None:
    """Run a server until SIGTERM, and write its URL and this process's id into `note`.

    Its data are kept beside the note. Raises ServerUnavailable.
    """
    signal.signal(signal.SIGTERM, _end)
    data = note.parent / kind
    new = not data.is_dir()
    # What a variable of the tests names is not to be used here.
    server_class = KINDS[kind]
    os.environ.pop(server_class.variable, None)
    try:
        with server_class(data=data) as server:
            url = server.create_database(database) if new else server.url(database)
            # MariaDB speaks for MySQL.
            url = url.replace("mariadb://", f"{kind}://", 1)
            part = note.with_suffix(".part")
            part.write_text(json.dumps({"pid": os.getpid(), "url": url, "engine": kind}))
            os.replace(part, note)
            while True:
                signal.pause()
    finally:
        # Only now: until the server has ended, no other may be started on its data.
        note.unlink(missing_ok=True)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
