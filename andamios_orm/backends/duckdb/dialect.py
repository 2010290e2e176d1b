"""The dialect behind `duckdb:///file` and `duckdb+andamios:///file`, sync and async.

`duckdb+andamios` always means this dialect. The bare name does as well, unless the package
duckdb-engine is installed, which claims it too: then SQLAlchemy takes the one it finds first.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, cast

import duckdb
import sqlalchemy as sa
from sqlalchemy import event, exc, pool
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import (
    BindTyping,
    ConnectArgsType,
    DBAPIConnection,
    DBAPICursor,
    DBAPIModule,
    IsolationLevel,
)
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.compiler import InsertmanyvaluesSentinelOpts

from andamios_orm.backends.duckdb import driver
from andamios_orm.backends.duckdb.adapter import AdaptedDuckDBConnection, AsyncModule
from andamios_orm.backends.duckdb.aio import AsyncConnection
from andamios_orm.backends.duckdb.compilers import DuckDBCompiler, DuckDBTypeCompiler
from andamios_orm.backends.duckdb.ddl import DuckDBDDLCompiler
from andamios_orm.backends.duckdb.identifiers import DuckDBIdentifierPreparer
from andamios_orm.backends.duckdb.reflection import DuckDBReflection
from andamios_orm.backends.duckdb.types import COLSPECS

__all__ = ["AsyncDuckDBDialect", "DuckDBDialect"]

_numbers = itertools.count(1)
_TRUE = {"1", "on", "true", "yes"}
_FALSE = {"0", "off", "false", "no"}


class DuckDBExecutionContext(DefaultExecutionContext):
    """How a statement runs."""

    def fire_sequence(self, seq: sa.Sequence, type_: Any) -> Any:
        """Return the next number of a sequence."""
        name = self.identifier_preparer.format_sequence(seq).replace("'", "''")
        return self._execute_scalar(f"SELECT nextval('{name}')", type_)


class DuckDBDialect(DuckDBReflection):
    """DuckDB 2.0 or newer."""

    name = "duckdb"
    driver = "andamios"
    default_paramstyle = "numeric_dollar"
    statement_compiler = DuckDBCompiler
    ddl_compiler = DuckDBDDLCompiler
    type_compiler_cls = DuckDBTypeCompiler
    preparer = DuckDBIdentifierPreparer
    execution_ctx_cls = DuckDBExecutionContext
    colspecs = COLSPECS
    bind_typing = BindTyping.NONE
    # DuckDB has no limit of its own; names that are made up end here.
    max_identifier_length = 255

    supports_statement_cache = True
    supports_alter = False  # a foreign key can only be part of CREATE TABLE
    supports_comments = True
    inline_comments = False
    supports_sequences = True
    sequences_optional = False
    preexecute_autoincrement_sequences = False
    postfetch_lastrowid = False
    supports_native_boolean = True
    supports_native_decimal = True
    supports_native_enum = True
    supports_native_uuid = True
    supports_default_values = True
    supports_default_metavalue = True
    supports_empty_insert = False
    supports_multivalues_insert = True
    supports_is_distinct_from = True
    supports_views = True
    supports_sane_rowcount = True
    supports_sane_rowcount_returning = True
    supports_sane_multi_rowcount = True
    div_is_floordiv = False
    insert_returning = True
    update_returning = True
    delete_returning = True
    update_returning_multifrom = True
    delete_returning_multifrom = True
    # One INSERT of many rows is ten times as fast as one for each of them.
    use_insertmanyvalues = True
    use_insertmanyvalues_wo_returning = True
    insertmanyvalues_max_parameters = 32_700
    insertmanyvalues_implicit_sentinel = (
        InsertmanyvaluesSentinelOpts.ANY_AUTOINCREMENT
        | InsertmanyvaluesSentinelOpts.USE_INSERT_FROM_SELECT
        | InsertmanyvaluesSentinelOpts.RENDER_SELECT_COL_CASTS
    )

    # What PostgreSQL's compilers ask of their dialect.
    _backslash_escapes = False

    def __init__(
        self,
        json_serializer: Callable[[Any], str] | None = None,
        json_deserializer: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # What SQLAlchemy's JSON type asks of its dialect.
        self._json_serializer = json_serializer
        self._json_deserializer = json_deserializer
        self._kept_open: duckdb.DuckDBPyConnection | None = None

    # -- opening

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """Return the driver."""
        return cast("DBAPIModule", driver)

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[AsyncDuckDBDialect]:
        """Return the dialect for `create_async_engine`, under the same URL."""
        return AsyncDuckDBDialect

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """Return an ordinary pool: connections to one database share it, in memory as well."""
        return pool.QueuePool

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """Let an in-memory database end with the connections of its engine."""
        dialect = engine.dialect
        if type(dialect) is cls:
            event.listen(engine, "engine_disposed", lambda _: dialect.let_go())

    def create_connect_args(self, url: URL) -> ConnectArgsType:
        """Read the URL; each option is one of DuckDB's own, such as `?threads=2`."""
        options: dict[str, Any] = {}
        config: dict[str, Any] = {
            name: value if isinstance(value, str) else list(value)
            for name, value in url.query.items()
        }
        if "read_only" in config:
            options["read_only"] = _to_bool("read_only", config.pop("read_only"))
        if config:
            options["config"] = config
        database = url.database or ":memory:"
        if database == ":memory:":
            # Connections share a named database. The name is the engine's own.
            database = f":memory:andamios-{next(_numbers)}"
        return (), {"database": database, **options}

    def connect(self, *cargs: Any, **cparams: Any) -> DBAPIConnection:
        """Open a connection; a database in memory stays as long as its engine."""
        connection = super().connect(*cargs, **cparams)
        database = cparams["database"]
        if self._kept_open is None and database.startswith(":memory:"):
            # The first connection has just opened it, so this one takes no time.
            self._kept_open = driver.keep_open(
                database, cparams.get("read_only", False), cparams.get("config")
            )
        return connection

    def let_go(self) -> None:
        """Let a database in memory end with its last connection."""
        kept, self._kept_open = self._kept_open, None
        if kept is not None:
            kept.close()

    def validate_identifier(self, ident: str) -> None:
        """Take any name that a person chose: see `max_identifier_length`."""

    # -- transactions

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Begin a transaction with the next statement, unless each is its own."""
        connection = cast("driver.Connection", dbapi_connection)
        if not connection.autocommit:
            connection.begin()

    def get_isolation_level_values(self, dbapi_conn: DBAPIConnection) -> list[IsolationLevel]:
        """Return DuckDB's only level, and AUTOCOMMIT.

        It is snapshot isolation, for which the SQL standard has no word. PostgreSQL calls its own
        REPEATABLE READ.
        """
        return ["REPEATABLE READ", "AUTOCOMMIT"]

    def get_isolation_level(self, dbapi_connection: DBAPIConnection) -> IsolationLevel:
        """Return the level of a connection."""
        return (
            "AUTOCOMMIT" if self.detect_autocommit_setting(dbapi_connection) else "REPEATABLE READ"
        )

    def set_isolation_level(self, dbapi_connection: DBAPIConnection, level: IsolationLevel) -> None:
        """Switch AUTOCOMMIT on or off."""
        cast("driver.Connection", dbapi_connection).autocommit = level == "AUTOCOMMIT"

    def detect_autocommit_setting(self, dbapi_conn: DBAPIConnection) -> bool:
        """Whether AUTOCOMMIT is on."""
        return cast("driver.Connection", dbapi_conn).autocommit

    def is_disconnect(
        self,
        e: DBAPIModule.Error,
        connection: PoolProxiedConnection | DBAPIConnection | None,
        cursor: DBAPICursor | None,
    ) -> bool:
        """Whether a connection is of no use after an error: closed, or its database broken."""
        return isinstance(
            e, driver.InterfaceError | duckdb.ConnectionException | duckdb.FatalException
        )

    # -- what SQLAlchemy asks at the first connection

    def _get_server_version_info(self, connection: sa.Connection) -> tuple[int, ...]:
        return tuple(int(part) for part in duckdb.__version__.split(".")[:2])

    def _get_default_schema_name(self, connection: sa.Connection) -> str:
        return str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())


class AsyncDuckDBDialect(DuckDBDialect):
    """DuckDB 2.0 or newer, for asyncio."""

    is_async = True
    has_terminate = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """Return the driver whose calls wait without blocking the event loop."""
        return cast("DBAPIModule", AsyncModule())

    @classmethod
    def get_pool_class(cls, url: URL) -> type[pool.Pool]:
        """Return an ordinary pool: connections to one database share it, in memory as well."""
        return pool.AsyncAdaptedQueuePool

    def get_driver_connection(self, connection: DBAPIConnection) -> AsyncConnection:
        """Return the connection that the repositories use past SQLAlchemy."""
        native: AsyncConnection = cast("AdaptedDuckDBConnection", connection).driver_connection
        return native

    def do_terminate(self, dbapi_connection: DBAPIConnection) -> None:
        """Close without waiting for what the connection does."""
        cast("AdaptedDuckDBConnection", dbapi_connection).terminate()


def _to_bool(name: str, value: Any) -> bool:
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise exc.ArgumentError(f"{name}={value} in the URL is neither true nor false")
    return word in _TRUE
