"""MariaDB and MySQL through asyncmy."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLIdentifierPreparer
from sqlalchemy.engine import URL, Engine

from andamios_orm.backends.base import (
    Capabilities,
    EngineOptions,
    Failure,
    Isolation,
    RowCursor,
)
from andamios_orm.backends.mysql.messages import failure_of
from andamios_orm.errors import InvalidURL
from andamios_orm.rows.plan import Row

if TYPE_CHECKING:
    from andamios_orm.backends.mysql.connection import Connection

__all__ = ["MariaDBBackend", "MySQLBackend"]

R = TypeVar("R")

# What a URL can set of asyncmy.connect(); those of TLS are ours.
_OPTIONS = {"connect_timeout", "read_timeout", "unix_socket"}
_TLS_FILES = ("ssl_ca", "ssl_cert", "ssl_key")
_TLS_MODES = ("disabled", "required", "verify_ca", "verify_identity")


class MySQLBackend:
    """MySQL 8.0.19 or newer; also MariaDB, without what only MariaDB offers.

    Every session is set up alike, whatever the server's configuration: UTF-8, the time zone UTC,
    a strict `sql_mode`, READ COMMITTED as on PostgreSQL. A statement waits for a lock as long as
    the server is told to (`innodb_lock_wait_timeout`, 50 seconds by default).
    """

    name = "mysql"
    driver = "asyncmy"
    extra: ClassVar[str | None] = "mysql"
    package = "asyncmy"
    reads_at_once: int | None = None
    capabilities = Capabilities(
        # What MySQL calls so is a database of its own, shared with everybody on the server.
        schemas=False,
        several_programs=True,
        concurrent_writers=True,
        savepoints=True,
        isolation=("read committed", "repeatable read", "serializable"),
        for_update=True,
        # CREATE TABLE commits what was done so far.
        transactional_ddl=False,
        on_delete=("CASCADE", "SET NULL", "RESTRICT", "NO ACTION"),
        deferred_keys=False,
        checked_references=False,
        keys_across_schemas=False,
        circular_tables=True,
        interval_keys=True,
        mutual_inserts=False,
        referenced_updates=True,
        insert_returning=False,
        on_conflict=False,
        update_returning=False,
        column_arrays=False,
        arrow=False,
        # The server sends all rows before it takes another statement.
        interleaved_streams=False,
        infinite_floats=False,
        decimal_digits=65,
        # Parameters are not counted, as values are a part of the statement; its size is limited.
        max_parameters=65_535,
        max_rows=512,
        name_bytes=None,
        name_characters=64,
        # On a file system that tells case apart, as Linux's does (`lower_case_table_names`).
        name_case=True,
        any_name=False,
        shared_index_names=False,
    )
    joined_capabilities = capabilities
    _mariadb_only = False

    def is_in_memory(self, url: URL) -> bool:
        """A server's data outlives its connections."""
        return False

    def engine_options(self, url: URL, pool_size: int) -> EngineOptions:
        """Return how to open the URL, with the options of TLS read as MySQL's programs do.

        `ssl_mode` is `disabled`, `required` (encrypted, but the server may be anyone),
        `verify_ca` or `verify_identity` (its certificate is checked, and belongs to the host).
        `ssl_ca`, `ssl_cert` and `ssl_key` are files; with `ssl_ca` alone the mode is
        `verify_identity`. `charset=utf8mb4` may be said, and nothing else.
        """
        if not url.database:
            raise InvalidURL(
                "the URL names no database", f"write {self.name}://user:password@host/database"
            )
        # Hosts write ssl-mode=REQUIRED.
        query = {name.replace("-", "_"): value for name, value in url.query.items()}
        charset = query.pop("charset", "utf8mb4")
        if charset != "utf8mb4":
            raise InvalidURL(
                "connections use the character set utf8mb4, which holds all of Unicode",
                "remove `charset` from the URL; tables may have any other",
            )
        tls = _tls_context({name: query.pop(name) for name in _TLS_NAMES if name in query})
        if unknown := query.keys() - _OPTIONS:
            # Left in, they would fail at the first use, and not by their names.
            raise InvalidURL(
                f"asyncmy has no option {', '.join(f'`{name}`' for name in sorted(unknown))}",
                "remove it from the URL; known are"
                f" {', '.join(sorted({'charset', *_OPTIONS, *_TLS_NAMES}))}",
            )
        arguments: dict[str, object] = {
            "async_creator_fn": functools.partial(_opened, mariadb_only=self._mariadb_only),
            "autocommit": True,
            "charset": "utf8mb4",
        }
        if tls is not None:
            arguments["ssl"] = tls
        return EngineOptions(url.set(query=query), pool_size, arguments)

    def prepare_engine(self, engine: Engine, *, in_memory: bool) -> None:
        """Have names quoted that SQLAlchemy takes for no words; connections set themselves up."""
        dialect: Any = engine.dialect
        # SQLAlchemy makes another one when it sees a MariaDB.
        dialect.preparer = _Preparer
        dialect.identifier_preparer = _Preparer(dialect)

    def fetch(
        self, driver: Connection, sql: str, parameters: Sequence[object]
    ) -> Awaitable[list[Row]]:
        """Run a statement and return its rows."""
        return driver.fetch(sql, parameters)

    async def run(self, driver: Connection, sql: str, parameters: Sequence[object]) -> int:
        """Run a statement and return how many rows it changed, or found and left as they were."""
        return await driver.run(sql, parameters)

    async def open(self, driver: Connection, sql: str, parameters: Sequence[object]) -> RowCursor:
        """Run a SELECT and return its rows, which the server sends as they are taken.

        It waits for a client `net_write_timeout` seconds, 60 by default, and then hangs up.
        """
        return await driver.open(sql, parameters)

    async def hold_counter(self, driver: Connection, column: sa.Column[Any]) -> None:
        """The counter moves by itself."""

    async def move_counter(self, driver: Connection, column: sa.Column[Any], highest: int) -> None:
        """InnoDB counts on from the highest key that was given to it."""

    async def patiently(self, call: Callable[[], Awaitable[R]]) -> R:
        """Call: the server lets a statement wait for a lock."""
        return await call()

    def writer_key(self, url: URL) -> str | None:
        """The server lets writers work side by side."""
        return None

    creation_lock: tuple[str, str] | None = (
        "SELECT GET_LOCK(CONCAT('andamios ', MD5(DATABASE())), 60)",
        "SELECT RELEASE_LOCK(CONCAT('andamios ', MD5(DATABASE())))",
    )

    async def begin(
        self, driver: Connection, *, read_only: bool, isolation: Isolation | None, at_once: bool
    ) -> tuple[str, ...]:
        """Begin, at the isolation level of our sessions for None."""
        # The level holds for the next transaction only.
        level = f"SET TRANSACTION ISOLATION LEVEL {isolation.upper()}" if isolation else None
        start = "START TRANSACTION READ ONLY" if read_only else "START TRANSACTION"
        told = (start,) if level is None else (level, start)
        for sql in told:
            await driver.run(sql, ())
        return told

    async def rollback(self, driver: Connection) -> None:
        """Roll back."""
        await driver.run("ROLLBACK", ())

    async def commit(self, driver: Connection) -> bool:
        """Commit. What cannot be committed is an error, never a silent rollback."""
        await driver.run("COMMIT", ())
        return True

    async def interrupt(self, driver: Connection) -> None:
        """Stop the statement on the server, through a second connection."""
        await driver.interrupt()

    def is_usable(self, driver: Connection) -> bool:
        """Whether the connection is open, idle, and outside a transaction."""
        return driver.is_usable

    def classify(self, error: BaseException) -> Failure | None:
        """Return what an exception of asyncmy, or of its socket, means."""
        if type(error).__module__.startswith("asyncmy"):
            number, *rest = error.args or (None,)
            # By itself asyncmy raises 0, or a text alone, when a connection cannot go on.
            if not isinstance(number, int) or not number:
                return Failure(kind="unavailable", summary="the connection is closed")
            cause = error.__cause__
            if isinstance(cause, OSError):
                # Its own text would name the host.
                return Failure(kind="unavailable", code=str(number), summary=_reason(cause))
            message = str(rest[0]) if rest else ""
            # Where another's connection does not say, the URL does.
            from_mariadb = getattr(error, "from_mariadb", self._mariadb_only)
            return failure_of(number, message, qualified_keys=not from_mariadb)
        if isinstance(error, OSError):
            return Failure(kind="unavailable", summary=_reason(error))
        return None

    async def explain(
        self,
        driver: Connection,
        error: BaseException,
        sql: str,
        parameters: Sequence[object],
        table: sa.Table,
    ) -> tuple[str, tuple[str, ...]] | None:
        """The server names the constraint itself, to those who may see both tables."""
        return None

    async def explain_commit(
        self, driver: Connection, metadata: sa.MetaData
    ) -> tuple[str, tuple[str, ...]] | None:
        """Foreign keys are never deferred."""
        return None


class MariaDBBackend(MySQLBackend):
    """MariaDB 10.6 or newer, which returns the rows that an INSERT or a DELETE touched."""

    name = "mariadb"
    capabilities = replace(MySQLBackend.capabilities, insert_returning=True)
    joined_capabilities = capabilities
    _mariadb_only = True


class _Preparer(MySQLIdentifierPreparer):
    """Quotes words that MariaDB or MySQL takes for its own, and SQLAlchemy for names."""

    def quote(self, ident: str) -> str:
        """Return a name for SQL."""
        if ident.lower() in _WORDS:
            return self.quote_identifier(ident)
        return super().quote(ident)


# INSERT INTO value (...) would be one of values without a table.
_WORDS = {
    "delete_domain_id",
    "master_demote_to_replica",
    "master_demote_to_slave",
    "portion",
    "value",
}

_TLS_NAMES = ("ssl_mode", *_TLS_FILES)


def _tls_context(options: Mapping[str, object]) -> ssl.SSLContext | None:
    """Return how to encrypt, None for not at all. Raises InvalidURL."""
    if not options:
        return None
    files = {name: str(options[name]) for name in _TLS_FILES if name in options}
    mode = str(options.get("ssl_mode", "verify_identity")).lower()
    if mode not in _TLS_MODES:
        raise InvalidURL("the URL has an unknown ssl_mode", f"write one of {', '.join(_TLS_MODES)}")
    if mode == "disabled":
        return None
    try:
        context = ssl.create_default_context(cafile=files.get("ssl_ca"))
        if "ssl_cert" in files:
            context.load_cert_chain(files["ssl_cert"], files.get("ssl_key"))
    except OSError as error:
        raise InvalidURL(
            f"the files of {', '.join(sorted(files))} cannot be read: {_reason(error)}",
            "correct the paths in the URL; the files are in PEM format",
        ) from None
    if mode != "verify_identity":
        context.check_hostname = False
    if mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


async def _opened(*, mariadb_only: bool, **options: Any) -> Connection:
    # Loaded when a database is opened: asyncmy is an extra.
    from andamios_orm.backends.mysql.connection import opened  # noqa: PLC0415

    return await opened(mariadb_only=mariadb_only, **options)
