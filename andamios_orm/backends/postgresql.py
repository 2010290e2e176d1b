"""PostgreSQL through asyncpg."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL, Engine
from sqlalchemy.sql.elements import conv

from andamios_orm.backends.base import (
    Capabilities,
    EngineOptions,
    Failure,
    FailureKind,
    Isolation,
    RowCursor,
)
from andamios_orm.errors import InvalidURL
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    import asyncpg

__all__ = ["RESERVED", "PostgreSQLBackend"]

R = TypeVar("R")

RESERVED = frozenset({"collation", "concurrently", "lateral", "tablesample"})
"""What PostgreSQL reserves (`pg_get_keywords()`) and SQLAlchemy does not quote; a test compares."""

# NAMEDATALEN - 1, with which PostgreSQL is built; it cuts what is longer and says so in a notice.
_NAME_BYTES = 63

# SQLSTATE, or its first two characters (appendix A of PostgreSQL's manual).
_KINDS: dict[str, FailureKind] = {
    "23505": "unique",
    "23P01": "unique",
    "23503": "foreign_key",
    "23001": "foreign_key",
    "23514": "check",
    "23502": "not_null",
    "40001": "conflict",
    "40P01": "conflict",
    "55P03": "conflict",
    "25P02": "aborted",
    "25006": "read_only",
    "53300": "unavailable",
    "57P01": "unavailable",
    "57P02": "unavailable",
    "57P03": "unavailable",
    "3D000": "unavailable",
    "08": "unavailable",
    "28": "unavailable",
    "22000": "unstorable",  # asyncpg's own, for what it cannot encode
    "22001": "unstorable",
    "22003": "unstorable",
    "22007": "unstorable",
    "22008": "unstorable",
    "22021": "unstorable",
    "22P02": "unstorable",
    "22P05": "unstorable",
}
# Classes whose messages tell of the server and the connection, never values.
_SPEAKING = ("3D", "28", "57", "25", "53")
# What a URL can set of asyncpg.connect() and of SQLAlchemy's dialect for it.
_OPTIONS = {
    "command_timeout",
    "host",
    "krbsrvname",
    "max_cached_statement_lifetime",
    "max_cacheable_statement_size",
    "passfile",
    "password",
    "port",
    "prepared_statement_cache_size",
    "ssl",
    "statement_cache_size",
    "target_session_attrs",
    "timeout",
    "user",
}


class PostgreSQLBackend:
    """PostgreSQL 13 or newer."""

    name = "postgresql"
    driver = "asyncpg"
    extra: ClassVar[str | None] = "postgresql"
    package = "asyncpg"
    reads_at_once: int | None = None
    capabilities = Capabilities(
        schemas=True,
        several_programs=True,
        concurrent_writers=True,
        savepoints=True,
        isolation=("read committed", "repeatable read", "serializable"),
        for_update=True,
        transactional_ddl=True,
        on_delete=("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"),
        deferred_keys=True,
        checked_references=True,
        keys_across_schemas=True,
        circular_tables=True,
        interval_keys=True,
        mutual_inserts=True,
        referenced_updates=True,
        insert_returning=True,
        on_conflict=True,
        update_returning=True,
        column_arrays=True,
        arrow=False,
        interleaved_streams=True,
        infinite_floats=True,
        decimal_digits=1000,
        # The protocol counts parameters in 16 bits; asyncpg takes the signed half of it.
        max_parameters=32_767,
        max_rows=1024,
        name_bytes=_NAME_BYTES,
        name_characters=None,
        name_case=True,
        any_name=True,
        shared_index_names=True,
    )

    joined_capabilities = capabilities

    def is_in_memory(self, url: URL) -> bool:
        """A server's data outlives its connections."""
        return False

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the URL; `sslmode=` is what hosts write and asyncpg calls `ssl=`."""
        query = dict(url.query)
        if "sslmode" in query:
            query.setdefault("ssl", query.pop("sslmode"))
        if unknown := query.keys() - _OPTIONS:
            # Left in, they would fail at the first use, and not by their names.
            raise InvalidURL(
                f"asyncpg has no option {', '.join(f'`{name}`' for name in sorted(unknown))}",
                f"remove it from the URL; asyncpg knows sslmode, {', '.join(sorted(_OPTIONS))}",
            )
        return EngineOptions(url.set(query=query), pool_size, {})

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Have asyncpg itself give the text of JSON columns.

        SQLAlchemy's codec would do so too, as we tell it not to parse; but in Python, cell by cell.
        """

        # SQLAlchemy counts characters. The compilers of statements ask this one for names.
        engine.dialect.identifier_preparer = _Preparer(engine.dialect)

        def prepare(connection: Any, record: object) -> None:
            for name in ("json", "jsonb"):
                connection.run_async(
                    lambda driver, name=name: driver.reset_type_codec(name, schema="pg_catalog")
                )

        event.listen(engine, "connect", prepare)

    def fetch(
        self, driver: asyncpg.Connection, sql: str, parameters: Sequence[object]
    ) -> Awaitable[list[Row]]:
        """Run a statement and return its rows."""
        rows: Awaitable[list[Row]] = driver.fetch(sql, *parameters)
        return rows

    async def run(self, driver: asyncpg.Connection, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed."""
        status = await driver.execute(sql, *parameters)
        count = status.rpartition(" ")[2]  # "UPDATE 3"; "BEGIN" has no number
        return int(count) if count.isdigit() else 0

    async def open(
        self, driver: asyncpg.Connection, sql: str, parameters: Sequence[object]
    ) -> RowCursor:
        """Run a SELECT and return its portal."""
        return _Portal(await driver.cursor(sql, *parameters))

    async def hold_counter(self, driver: asyncpg.Connection, column: sa.Column[Any]) -> None:
        """Keep other writers of the table waiting until the transaction ends.

        They would take numbers between the moment the sequence is read and the moment it is set.
        Later it could only be asked for in a deadlock with another that holds rows already.
        """
        table = _preparer.format_table(column.table)
        await driver.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")

    async def move_counter(
        self, driver: asyncpg.Connection, column: sa.Column[Any], highest: int
    ) -> None:
        """Move the sequence forward, never back."""
        table = _preparer.format_table(column.table)
        find = "SELECT pg_get_serial_sequence($1, $2)"
        sequence = await driver.fetchval(find, table, column.name)
        if sequence is not None:
            # The name comes back quoted. A sequence that was never used has its first number too.
            move = f"SELECT setval($1::text::regclass, $2) FROM {sequence} WHERE last_value <= $2"  # noqa: S608
            await driver.execute(move, sequence, highest)

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call: the server lets a statement wait for a lock, and a cancellation ends that."""
        return await call()

    def writer_key(self, url: URL) -> str | None:
        """The server lets writers work side by side."""
        return None

    creation_lock: tuple[str, str] | None = None

    async def begin(
        self,
        driver: asyncpg.Connection,
        *,
        read_only: bool,
        isolation: Isolation | None,
        at_once: bool,
    ) -> tuple[str, ...]:
        """Begin, at the server's default isolation level for None."""
        level = f" ISOLATION LEVEL {isolation.upper()}" if isolation else ""
        sql = f"BEGIN{level}{' READ ONLY' if read_only else ''}"
        await driver.execute(sql)
        return (sql,)

    async def rollback(self, driver: asyncpg.Connection) -> None:
        """Roll back."""
        await driver.execute("ROLLBACK")

    async def commit(self, driver: asyncpg.Connection) -> bool:
        """Commit. A failed transaction answers COMMIT with ROLLBACK, and no error."""
        status: str = await driver.execute("COMMIT")
        return status != "ROLLBACK"

    async def interrupt(self, driver: asyncpg.Connection) -> None:
        """Nothing to do: asyncpg asks the server, and the next statement waits for its answer."""

    def is_usable(self, driver: asyncpg.Connection) -> bool:
        """Whether the connection is open and outside a transaction."""
        return not (driver.is_in_transaction() or driver.is_closed())

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of asyncpg, or of its socket, means."""
        code = getattr(error, "sqlstate", None)
        if isinstance(code, str):
            kind = _KINDS.get(code) or _KINDS.get(code[:2], "other")
            column = getattr(error, "column_name", None)
            return Failure(
                kind=kind,
                code=code,
                schema=getattr(error, "schema_name", None),
                table=getattr(error, "table_name", None),
                constraint=getattr(error, "constraint_name", None),
                columns=(column,) if column and kind == "not_null" else (),
                summary=_summary(error, code),
            )
        if type(error).__module__.startswith("asyncpg"):
            # What asyncpg raises by itself says how a connection was used, never a value.
            text = str(error)
            # The second is how it reports a connection that broke in the middle of an answer.
            lost = "closed" in text or "cannot switch to state" in text
            return Failure(kind="unavailable" if lost else "other", summary=text)
        if isinstance(error, OSError):
            return Failure(kind="unavailable", summary=error.strerror or "")
        return None

    async def explain(
        self,
        driver: asyncpg.Connection,
        error: BaseException,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """PostgreSQL names the constraint itself; only a trigger's own error does not."""
        return None

    async def explain_commit(
        self, driver: asyncpg.Connection, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """The same, and the transaction is gone."""
        return None


class _Preparer(postgresql.base.PGIdentifierPreparer):
    """SQLAlchemy's, which shortens the made up names that have more bytes than a name may have.

    A name that it shortens itself, or leaves as it is, and that fits stays so.
    """

    reserved_words = postgresql.base.PGIdentifierPreparer.reserved_words | RESERVED

    def truncate_and_render_index_name(self, name: str, _alembic_quote: bool = True) -> str:
        """See SQLAlchemy: the name of an index, in quotes where it needs them."""
        return super().truncate_and_render_index_name(self._fitting(name), _alembic_quote)

    def truncate_and_render_constraint_name(self, name: str, _alembic_quote: bool = True) -> str:
        """See SQLAlchemy: the name of a constraint, in quotes where it needs them."""
        return super().truncate_and_render_constraint_name(self._fitting(name), _alembic_quote)

    def _fitting(self, name: str) -> str:
        if not isinstance(name, conv):
            return name
        shown = super().truncate_and_render_constraint_name(name, False)
        if len(shown.encode()) <= _NAME_BYTES:
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        # What is left of a character that was cut in two is not one.
        begin = name.encode()[: _NAME_BYTES - 9].decode(errors="ignore")
        return conv(f"{begin}_{digest}")


_preparer = _Preparer(postgresql.dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy's


class _Portal:
    """Rows that the server makes as they are asked for."""

    def __init__(self, cursor: asyncpg.cursor.Cursor) -> None:
        self._cursor = cursor

    async def fetch(self, count: int) -> list[Row]:
        """Return the next rows."""
        rows: list[Row] = await self._cursor.fetch(count)
        return rows

    async def close(self) -> None:
        """Give the portal up; a table could not be altered in the transaction while it is open."""
        # asyncpg's own iterator does the same, and nothing public does.
        await self._cursor._close_portal(None)  # noqa: SLF001 - see above


def _summary(error: BaseException, code: str) -> str:
    # A position says that the text of the statement is wrong, and then the message is about that
    # text. Without one the same code may quote a value: `CAST($1 AS regclass)`.
    speaks = code[:2] in _SPEAKING or (code[:2] == "42" and getattr(error, "position", None))
    return str(getattr(error, "message", "")) if speaks else ""
