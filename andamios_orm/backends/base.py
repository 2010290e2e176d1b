"""What a backend is: the few operations in which engines differ, and what each can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from andamios_orm.rows.plan import Row

__all__ = ["Backend", "Capabilities", "EngineOptions", "Failure", "FailureKind"]

R = TypeVar("R")

Driver: TypeAlias = Any
"""A driver's own connection; each backend knows the type of its own."""

FailureKind: TypeAlias = Literal[
    "unique",
    "foreign_key",
    "check",
    "not_null",
    "conflict",
    "unavailable",
    "unstorable",
    "aborted",
    "other",
]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine offers; an operation it lacks raises NotSupported before any SQL."""

    schemas: bool
    """Tables can live in named schemas inside one database."""
    concurrent_writers: bool
    """Two transactions of one program can write at the same time."""
    max_parameters: int
    """How many values one statement can carry."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How SQLAlchemy opens the database."""

    url: URL
    pool_size: int
    connect_args: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a driver's exception means, without its text.

    `columns` are given where the engine names them, `constraint` where it names that. `summary`
    is the part of the driver's message that cannot hold row values.
    """

    kind: FailureKind
    code: str | None = None
    schema: str | None = None
    table: str | None = None
    constraint: str | None = None
    columns: tuple[str, ...] = ()
    summary: str = ""


class Backend(Protocol):
    """One database engine behind one async driver."""

    @property
    def name(self) -> str:
        """The name in a URL, and SQLAlchemy's name of the dialect."""
        ...

    @property
    def driver(self) -> str:
        """The driver's name in a SQLAlchemy URL."""
        ...

    @property
    def extra(self) -> str | None:
        """The extra of this package that installs the driver, None for a hard dependency."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the engine offers."""
        ...

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open `url`. Raises InvalidURL."""
        ...

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Set up every new connection of the engine."""
        ...

    def is_in_memory(self, url: URL) -> bool:
        """Whether the database lives in one connection and ends with it."""
        ...

    async def fetch(self, driver: Driver, sql: str, parameters: Sequence[object]) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    async def run(self, driver: Driver, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Await a call that may find the database locked, until it is free; then its result."""
        ...

    def begin(self, *, read_only: bool) -> Sequence[str]:
        """Return the statements that begin a transaction."""
        ...

    @property
    def after_read_only(self) -> Sequence[str]:
        """The statements that let the connection of a read-only transaction write again."""
        ...

    async def commit(self, driver: Driver) -> bool:
        """Commit; return False if the engine rolled back instead."""
        ...

    async def interrupt(self, driver: Driver) -> None:
        """Stop the statement that a cancelled task left running, and wait for its end."""
        ...

    def is_usable(self, driver: Driver) -> bool:
        """Whether the connection can serve another caller: open, and in no transaction."""
        ...

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of the driver means, None for one that is not the driver's."""
        ...

    async def explain_foreign_key(
        self, driver: Driver, sql: str, parameters: Sequence[object], table: sa.Table
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the foreign key that made a statement fail.

        Only asked where the engine's error does not say, with the transaction still usable.
        """
        ...

    async def explain_commit(
        self, driver: Driver, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the deferred foreign key that made a commit fail.

        Only asked where the engine's error does not say; None if more than one is broken.
        """
        ...
