"""What a repository works on: a database, a session, or a connection of the user's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from andamios_orm.backends.base import Capabilities
from andamios_orm.database.connection import SQLAlchemyConnection
from andamios_orm.database.limits import Limits
from andamios_orm.database.url import backend_of
from andamios_orm.rows.plan import Plan, PlanCache, decoded, plans_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

__all__ = ["Joined", "Source"]

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

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
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

    def unit(self) -> AbstractAsyncContextManager[Source]:
        """Return a block whose statements all happen or none: the transaction that is open, or a
        new one."""
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
        self.limits = Limits()
        self.plans = plans_of(bind)

    async def fetch(self, plan: Plan[R], values: Sequence[object]) -> R:
        """Run a plan in the joined transaction and return its decoded result."""
        return await decoded(plan, await self._connection.fetch(plan, plan.bind(values)))

    async def affect(self, plan: Plan[None], values: Sequence[object]) -> int:
        """Run a plan in the joined transaction and return how many rows it changed."""
        return await self._connection.run(plan, plan.bind(values))

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Source]:
        """The joined transaction is the unit; its owner commits or rolls back."""
        yield self
