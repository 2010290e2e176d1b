"""Where the workers of a run ask for its servers: one process owns them, and outlives the workers.

A server starts when the first worker asks for it, so that no lock and no hand-over between workers
is needed, and a run that needs none starts none.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from threading import Thread
from typing import TypeAlias

__all__ = ["Answer", "Desk", "ask"]

Answer: TypeAlias = "str | tuple[str, str, tuple[str, ...]]"
"""The URL of a server, or the problem, the fix, and what was tried."""


class Desk:
    """Answers on a port of this machine, until it is closed."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self._answer = answer
        self._key = secrets.token_bytes(32)
        self._listener = Listener(("127.0.0.1", 0), authkey=self._key)
        self._thread = Thread(target=self._work, name="andamios desk", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What a worker asks with."""
        return f"{self._listener.address[1]} {self._key.hex()}"

    def close(self) -> None:
        """Answer nobody any more."""
        ask(self.address, "")
        self._thread.join()
        self._listener.close()

    def _work(self) -> None:
        name = None
        while name != "":
            # Somebody without the key, or a worker that has ended meanwhile.
            with (
                suppress(AuthenticationError, OSError, EOFError),
                self._listener.accept() as connection,
            ):
                name = connection.recv()
                connection.send(self._answer(name) if name else "")


def ask(address: str, name: str) -> Answer:
    """Return where a server is. Raises OSError or EOFError if nobody is there."""
    port, key = address.split()
    with Client(("127.0.0.1", int(port)), authkey=bytes.fromhex(key)) as connection:
        connection.send(name)
        answer: Answer = connection.recv()
        return answer
