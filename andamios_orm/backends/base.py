"""What a backend is: the few operations in which engines differ, and what each can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from andamios_orm.rows.plan import Row
from andamios_orm.schema.spec import OnDelete

__all__ = [
    "ArrowBackend",
    "Backend",
    "Capabilities",
    "EngineOptions",
    "Failure",
    "FailureKind",
    "Isolation",
    "RowCursor",
]

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
    "read_only",
    "other",
]


Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]
"""How far a transaction is kept from the work of others, in the words of the SQL standard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine offers; an operation it lacks raises NotSupported before any SQL."""

    schemas: bool
    """Tables can live in named schemas inside one database."""
    several_programs: bool
    """Two programs can have the same database open."""
    concurrent_writers: bool
    """Two transactions of one program can write at the same time."""
    savepoints: bool
    """A part of a transaction can fail alone."""
    isolation: tuple[Isolation, ...]
    """The levels that a session can ask for."""
    for_update: bool
    """Rows can be locked as they are read, also without waiting (`nowait`, `skip_locked`)."""
    transactional_ddl: bool
    """Creating and dropping tables is part of a transaction."""
    on_delete: tuple[OnDelete, ...]
    """What the engine itself can do to rows whose foreign key's target is deleted."""
    deferred_keys: bool
    """A foreign key can be checked as late as the commit."""
    checked_references: bool
    """A column has its CHECKs also where a foreign key sets it, as ON DELETE SET NULL does."""
    keys_across_schemas: bool
    """A foreign key can refer to a table of another schema."""
    circular_tables: bool
    """Tables can refer to each other in a circle."""
    interval_keys: bool
    """An interval can be part of a key or of an index."""
    mutual_inserts: bool
    """Rows of one INSERT can refer to each other."""
    referenced_updates: bool
    """Unique and indexed columns can be changed in a row that others refer to."""
    insert_returning: bool
    """An INSERT gives back the rows as stored, without a second statement."""
    on_conflict: bool
    """An INSERT can say which key it means when it changes the row that has its values already."""
    update_returning: bool
    """An UPDATE gives back the rows as stored, without a second statement."""
    column_arrays: bool
    """Many rows are inserted as one list per column."""
    arrow: bool
    """Results can be read as Arrow tables without going through rows."""
    interleaved_streams: bool
    """A session can run other statements while `stream()` reads rows in it."""
    infinite_floats: bool
    """A float column can hold NaN and the infinities, where the model allows them."""
    decimal_digits: int
    """The digits of an exact, ordered decimal number at most."""
    max_parameters: int
    """How many values one statement can carry."""
    max_rows: int
    """Rows of one INSERT at most. Beyond them a statement's text grows and its speed does not; and
    where values are part of the text, a server takes so many bytes only."""
    name_bytes: int | None
    """The bytes of a name at most, where the engine counts bytes."""
    name_characters: int | None
    """The characters of a name at most, where the engine counts characters."""
    name_case: bool
    """Tables and indexes whose names differ in nothing but upper and lower case are several."""
    any_name: bool
    """A name can have any character, emoji for instance, and a space at its end."""
    shared_index_names: bool
    """No two indexes of a schema can have the same name, those of different tables neither."""


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
    is the part of the driver's message that cannot hold row values, and `fix` what to do where
    this engine wants something else than all.
    """

    kind: FailureKind
    code: str | None = None
    schema: str | None = None
    table: str | None = None
    constraint: str | None = None
    columns: tuple[str, ...] = ()
    summary: str = ""
    fix: str | None = None


class RowCursor(Protocol):
    """The rows of a statement that are still in the database, or on their way."""

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows; fewer than `count` when there are no more."""
        ...

    async def close(self) -> None:
        """Leave the rest, and have the connection ready for another statement."""
        ...


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
    def package(self) -> str:
        """The Python package that must be installed to open a database."""
        ...

    @property
    def extra(self) -> str | None:
        """The extra of this package that installs the driver, None for a hard dependency."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the engine offers."""
        ...

    @property
    def reads_at_once(self) -> int | None:
        """How many plans outside of sessions read at a time at most, however large the pool is.

        None where each connection more brings more.
        """
        ...

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open `url`. Raises InvalidURL."""
        ...

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Set up every new connection of the engine."""
        ...

    @property
    def joined_capabilities(self) -> Capabilities:
        """What the engine offers on a connection that the user's own engine opened."""
        ...

    def writer_key(self, url: URL) -> str | None:
        """Return what the writers of one program take turns at: the name of the database.

        None where the engine lets them write side by side, or has them wait by itself.
        """
        ...

    def is_in_memory(self, url: URL) -> bool:
        """Whether the database lives in one connection and ends with it."""
        ...

    def fetch(self, driver: Driver, sql: str, parameters: Sequence[object]) -> Awaitable[list[Row]]:
        """Run a statement and return its rows.

        The driver's own coroutine is as good as one around it, and costs less.
        """
        ...

    async def run(self, driver: Driver, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    async def open(self, driver: Driver, sql: str, parameters: Sequence[object]) -> RowCursor:
        """Run a SELECT inside a transaction, and return its rows without reading them all."""
        ...

    async def hold_counter(self, driver: Driver, column: sa.Column[Any]) -> None:
        """Have `move_counter` not race with other writers, until the transaction ends."""
        ...

    async def move_counter(self, driver: Driver, column: sa.Column[Any], highest: int) -> None:
        """Have the counter of a generated key go on beyond `highest`, if it is not there yet.

        Only where the engine does not do so by itself when a key is given to it.
        """
        ...

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Await a call that may find the database locked, until it is free; then its result."""
        ...

    async def begin(
        self, driver: Driver, *, read_only: bool, isolation: Isolation | None, at_once: bool
    ) -> tuple[str, ...]:
        """Begin a transaction, at the engine's own level for None; return the statements for it.

        It may be begun together with the next of our statements, which saves a way to the
        database; `at_once` is for those that SQLAlchemy runs.
        """
        ...

    async def rollback(self, driver: Driver) -> None:
        """Roll back what has begun; a connection that was for reading can write again."""
        ...

    @property
    def creation_lock(self) -> tuple[str, str] | None:
        """The statements that keep other programs from creating tables, and let them again.

        None where creating tables is part of a transaction.
        """
        ...

    async def commit(self, driver: Driver) -> bool:
        """Commit; return False if the engine rolled back instead.

        A connection that was for reading can write again.
        """
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

    async def explain(
        self,
        driver: Driver,
        error: BaseException,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the key that made a statement on `table` fail.

        Only asked where `classify` did not find them, with the transaction still usable.
        """
        ...

    async def explain_commit(
        self, driver: Driver, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """Return the table and columns of the deferred foreign key that made a commit fail.

        Only asked where the engine's error does not say; None if more than one is broken.
        """
        ...


class ArrowBackend(Backend, Protocol):
    """An engine that gives its results as Arrow tables: its capabilities say `arrow`."""

    async def fetch_arrow(
        self, driver: Driver, sql: str, parameters: Sequence[object]
    ) -> list[Row]:
        """Run a SELECT and return its result as a `pyarrow.Table`.

        The signature says rows, as that of `fetch`, because a plan's decoder takes either.
        """
        ...
