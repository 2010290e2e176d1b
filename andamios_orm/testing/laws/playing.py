"""What a playground's database is: one whose sessions can be ended from outside, of some tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa

from andamios_orm.backends.base import Isolation
from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.database.source import RowStream

__all__ = ["EndingDatabase", "metadata_of"]


class EndingDatabase(Database):
    """A database that knows its sessions and streams.

    What an exception has left open holds locks, and dropping the tables would wait for them.
    """

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._sessions: list[Session] = []
        self._streams: WeakSet[RowStream] = WeakSet()

    def session(self, *, read_only: bool = False, isolation: Isolation | None = None) -> Session:
        """See Database: a transaction."""
        session = super().session(read_only=read_only, isolation=isolation)
        self._sessions[:] = [*(s for s in self._sessions if s.is_open), session]
        return session

    def stream(self) -> RowStream:
        """See Database: where rows come from."""
        stream = super().stream()
        self._streams.add(stream)
        return stream

    async def end(self) -> None:
        """Roll back what is open, as an exception does that leaves its block."""
        for stream in list(self._streams):
            await stream.close()
        for session in self._sessions:
            if session.is_open:
                await session.__aexit__(GeneratorExit, GeneratorExit(), None)


def metadata_of(tables: Iterable[sa.Table]) -> sa.MetaData:
    """Return a MetaData that has these tables, the very same, and no others."""
    found = sa.MetaData()
    for table in tables:
        # A copy, which is what the public way makes, forgets on which engines a CHECK is made.
        found._add_table(table.name, table.schema, table)  # noqa: SLF001 - as above
    return found
