"""Databases made for laws: in memory, or on a server that ends with them."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from andamios_orm.database.url import NAMES
from andamios_orm.errors import UsageError

if TYPE_CHECKING:
    from andamios_orm.testing.sharing import Run

__all__ = ["DEFAULT_ENGINES", "Scratch", "known_engines"]

DEFAULT_ENGINES = ("duckdb", "sqlite")
"""They are in memory, and need no server."""


def known_engines(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of engines, each once. Raises UsageError for one that is not known."""
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in NAMES:
            raise UsageError(f"there is no engine `{name}`", f"engines: {', '.join(NAMES)}")
    return chosen


class Scratch:
    """Gives an empty database of each engine, and removes all in the end.

    A server is started with the first database on it: a private one, or the one that a variable
    such as ANDAMIOS_TEST_URL_POSTGRESQL names, where databases are made and dropped. `desk` is
    where a process asks that shares the servers of another one; see `Run`.

    ```python
    from andamios_orm.testing import laws

    with laws.Scratch() as scratch:
        assert scratch.url("sqlite") == "sqlite://"
    ```
    """

    def __init__(self, desk: str | None = None) -> None:
        self._desk = desk
        self._run: Run | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def url(self, engine: str) -> str:
        """Return the URL of an empty database. Raises ServerUnavailable, and UsageError."""
        (name,) = known_engines([engine])
        if name in DEFAULT_ENGINES:
            return f"{name}://"
        if self._run is None:
            # Starting servers takes modules that databases in memory do without.
            from andamios_orm.testing.sharing import Run  # noqa: PLC0415 - as said

            self._run = Run(self._desk)
        return self._run.empty_database(name)

    def close(self) -> None:
        """Stop the servers that were started, and drop the databases on others."""
        if self._run is not None:
            self._run.stop()
