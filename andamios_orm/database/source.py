"""What a repository works on: a database, a session, or a connection of the user's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from andamios_orm.backends.base import Capabilities
from andamios_orm.database.connection import SQLAlchemyConnection, SQLAlchemyRows
from andamios_orm.database.limits import Limits
from andamios_orm.database.url import backend_of
from andamios_orm.errors import NotSupported
from andamios_orm.rows.plan import Plan, PlanCache, Row, decoded, plans_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

__all__ = ["Joined", "RowStream", "Source"]

R = TypeVar("R")


class Source(Protocol):
    """Runs plans, each in a transaction or on its own."""

    @property
    def plans(self) -> PlanCache:
        """The plans compiled for this database."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this database offers."""
        ...

    @property
    def limits(self) -> Limits:
        """How many rows it gives at a time, and how cursors are signed."""
        ...

    def fetch(self, plan: Plan[R], values: Sequence[object]) -> Awaitable[R]:
        """Run a plan with these values and return its decoded result.

        Raises NotStorable before any SQL, DatabaseError, InvalidRow.
        """
        ...

    @property
    def tenant(self) -> object:
        """On whose behalf its statements run, None for nobody's."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a lock that a statement takes lasts beyond it."""
        ...

    async def affect(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan with these values and return how many rows it changed."""
        ...

    def stream(self) -> RowStream:
        """Return where rows come from that are read batch by batch. Raises NotSupported."""
        ...

    def unit(self) -> AbstractAsyncContextManager[Source]:
        """Return a block whose statements all happen or none: the transaction that is open, or a
        new one."""
        ...


class RowStream(Protocol):
    """Where a stream of rows comes from."""

    @property
    def beside(self) -> Source | None:
        """Where other statements run that belong to the rows; None for where the query does."""
        ...

    async def open(self, plan: Plan[R], values: Sequence[object]) -> None:
        """Run a plan. Raises NotStorable, DatabaseError, SessionMisuse."""
        ...

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows; fewer than `count` when there are no more.

        Raises DatabaseError, SessionMisuse.
        """
        ...

    async def close(self) -> None:
        """Leave the rest, and give back what the rows needed."""
        ...

    def abandon(self) -> None:
        """Have it closed as soon as may be, where nobody can wait for that."""
        ...


class Joined:
    """A SQLAlchemy connection or session whose transaction a repository takes part in."""

    def __init__(self, source: AsyncConnection | AsyncSession) -> None:
        from sqlalchemy.ext.asyncio import AsyncConnection  # noqa: PLC0415 - the caller has it

        bind = source.dialect if isinstance(source, AsyncConnection) else source.get_bind().dialect
        backend = backend_of(bind)
        self._connection = SQLAlchemyConnection(source, backend)
        # An Arrow table would come past SQLAlchemy, and so from outside its transaction.
        self.capabilities = replace(backend.joined_capabilities, arrow=False)
        self.in_transaction = True
        self.tenant: object = None
        self.plans = plans_of(bind)

    @cached_property
    def limits(self) -> Limits:
        """How many rows it gives at a time: what a database does that is told nothing."""
        return Limits()

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
        """Run a plan in the joined transaction and return its decoded result."""
        return await decoded(plan, await self._connection.fetch(plan, plan.bind(values)))

    async def affect(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan in the joined transaction and return how many rows it changed."""
        return await self._connection.run(plan, plan.bind(values))

    def stream(self) -> RowStream:
        """Return where rows of the joined transaction come from. Raises NotSupported.

        SQLAlchemy reads all rows of DuckDB at once, and cannot keep other statements of MySQL's
        connection apart from those that come.
        """
        if not self.capabilities.interleaved_streams:
            raise NotSupported(
                "rows cannot be streamed on a connection of SQLAlchemy's to this engine",
                "stream with `Repository(Model, database)`, or read pages",
            )
        return _JoinedStream(self._connection)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Source]:
        """The joined transaction is the unit; its owner commits or rolls back."""
        yield self


class _JoinedStream:
    """Rows of one statement of a joined transaction."""

    def __init__(self, connection: SQLAlchemyConnection) -> None:
        self._connection = connection
        self._rows: SQLAlchemyRows | None = None

    beside: Source | None = None

    async def open(self, plan: Plan[R], values: Sequence[object]) -> None:
        """Run a plan."""
        self._rows = await self._connection.open(plan, plan.bind(values))

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows."""
        return await cast("SQLAlchemyRows", self._rows).fetch(count)

    async def close(self) -> None:
        """Leave the rest."""
        rows, self._rows = self._rows, None
        if rows is not None:
            await rows.close()

    def abandon(self) -> None:
        """Leave it to SQLAlchemy, which closes what is open when the connection is closed."""
