"""The rows of a session's statement that are read batch by batch."""

from __future__ import annotations

from andamios_orm.backends.base import RowCursor
from andamios_orm.errors import SessionMisuse

__all__ = ["OpenRows"]


class OpenRows:
    """The rows of one statement inside a session."""

    def __init__(self, cursor: RowCursor, depth: int) -> None:
        self.cursor = cursor
        self.depth = depth
        """How many savepoints were around the statement."""
        self.is_over = False
        """Whether its transaction, or the part of it, has ended."""
        self.is_abandoned = False
        """Whether nobody is going to read on, so that it should be closed."""

    def require_open(self) -> None:
        """Raise SessionMisuse if the transaction has ended."""
        if self.is_over:
            raise SessionMisuse(
                "the transaction whose rows this stream reads has ended",
                "read the stream to its end before commit(), rollback() or the end of the block;"
                " outside of a session a stream has a transaction of its own",
            )
