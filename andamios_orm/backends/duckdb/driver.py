"""A PEP 249 driver over the `duckdb` package: transactions that cannot fail in silence.

What it adds to `duckdb.connect()`:

* cursors that keep their rows; DuckDB's connection has one result at a time.
* No rows for statements that have none, and a true `rowcount`.
* BEGIN goes with the first statement, so that a transaction without statements costs nothing.
* After an error DuckDB answers COMMIT with success, and rolls back. Here it raises.
* Several statements in one text are one transaction, as are the rows of `executemany`.

A connection of `duckdb.connect()` to the same file can be used beside these, because the file is
opened with the configuration that the caller gave and nothing else. What this driver wants is
set afterwards, unless the caller gave it:

* `TimeZone = 'UTC'`, for every connection.
* `python_enable_replacements = false`, or a table that does not exist would be looked for among
  the variables of the Python program, and a DataFrame of that name read instead.
* `autoinstall_known_extensions` and `autoload_known_extensions = false`: a statement never
  downloads code.
* `row_group_pruner` among the `disabled_optimizers`, whatever else the caller has there: it
  counts deleted rows, so that `ORDER BY ... LIMIT` loses others (duckdb/duckdb#22949).

`enable_external_access` stays on. Parquet files are read and written through these connections,
and the setting cannot be switched on again. Who runs SQL of strangers adds
`?enable_external_access=false` to the URL.
"""

from __future__ import annotations

import datetime
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast

import duckdb
from duckdb import (  # type: ignore[attr-defined] # its stubs leave the type objects out
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

from andamios_orm.backends.duckdb.scripts import Outcome, Script, Step, Transact, parse

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Config",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "Parameters",
    "ProgrammingError",
    "Result",
    "Row",
    "Rows",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TransactionAborted",
    "Warning",
    "apilevel",
    "connect",
    "keep_open",
    "paramstyle",
    "threadsafety",
]

apilevel = "2.0"
threadsafety = 1
paramstyle = "numeric_dollar"

Config: TypeAlias = Mapping[str, str | bool | int | float | list[str]]
Parameters: TypeAlias = Sequence[object]
Row: TypeAlias = tuple[Any, ...]
Description: TypeAlias = list[tuple[Any, ...]] | None
P = ParamSpec("P")
R = TypeVar("R")


class Result(NamedTuple):
    """What a statement left: how many rows it changed or returned, and the rows."""

    rowcount: int
    description: Description
    rows: list[Row]


Binary = bytes
Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
DateFromTicks = datetime.date.fromtimestamp
TimestampFromTicks = datetime.datetime.fromtimestamp


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802 - PEP 249 names it
    """Return the local time of day at `ticks` seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


class InterfaceError(Error):
    """A connection or cursor used after its end; duckdb has no exception of this name."""


class TransactionAborted(duckdb.TransactionException):
    """A transaction that an earlier error had ended was to be committed; it was rolled back."""

    def __init__(self) -> None:
        super().__init__(
            "an earlier statement of this transaction failed, which ended it, so nothing was"
            " committed; roll back where a statement fails, and begin again"
        )


_WANTED: Config = {
    "timezone": "UTC",
    "python_enable_replacements": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_PRUNER = "row_group_pruner"
_QUOTE = "'"
# They belong to an extension, which is there only after the database was opened.
_AFTERWARDS = {"timezone", "calendar"}


def connect(
    database: str = ":memory:", read_only: bool = False, config: Config | None = None
) -> Connection:
    """Open a database as `duckdb.connect()` does; in memory, a name after the colon is shared.

    Raises duckdb.Error.
    """
    given = {name.lower(): value for name, value in (config or {}).items()}
    if "lock_configuration" in given:
        raise NotSupportedError(
            "lock_configuration cannot be given when the database is opened, because every"
            " connection sets its time zone afterwards; leave it out, and put what you want to"
            " forbid into the URL instead, for example ?enable_external_access=false"
        )
    afterwards = {name: value for name, value in given.items() if name in _AFTERWARDS}
    wanted = {name: value for name, value in _WANTED.items() if name not in given}
    raw = duckdb.connect(database, read_only, _at_once(given))
    try:
        for name, value in (wanted | afterwards).items():
            raw.execute(f"SET {name} = '{str(value).replace(_QUOTE, _QUOTE * 2)}'")
        _switch_off_pruner(raw)
    except BaseException:
        raw.close()
        raise
    return Connection(raw)


def _switch_off_pruner(raw: duckdb.DuckDBPyConnection) -> None:
    """Have the database sort without the optimizer that loses rows, if it has that."""
    # A version that has another name for it would refuse the setting.
    found = raw.execute(
        "SELECT current_setting('disabled_optimizers') FROM duckdb_optimizers() WHERE name = ?",
        [_PRUNER],
    ).fetchone()
    if found is not None and _PRUNER not in found[0].split(","):
        disabled = ",".join(filter(None, [*found[0].split(","), _PRUNER]))
        raw.execute(f"SET disabled_optimizers = '{disabled}'")


def keep_open(
    database: str, read_only: bool = False, config: Config | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a connection whose only use is that a database in memory stays while it is open."""
    return duckdb.connect(database, read_only, _at_once(config or {}))


def _at_once(config: Config) -> dict[str, str | bool | int | float | list[str]]:
    """Return what DuckDB can be told while it opens, and compares with what it was told before."""
    return {
        name.lower(): value for name, value in config.items() if name.lower() not in _AFTERWARDS
    }


_BEGIN = "BEGIN"
_COMMIT = "COMMIT"
_ROLLBACK = "ROLLBACK"
_PROBE = "SELECT 1"


class Connection:
    """A PEP 249 connection, with `fetch` and `run` for those who need no cursor."""

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self.raw = raw
        """duckdb's connection; whoever uses it leaves the transaction as it is."""
        self.autocommit = False
        """Whether SQLAlchemy leaves out `begin()`; nothing else asks."""
        self.is_closed = False
        self.aborted = False
        """Whether an error ended the transaction, which only ROLLBACK can follow."""
        self._begin_wanted = False
        self._is_open = False
        self._results = 0
        self._gate = threading.Lock()
        self._may_be_interrupted = True

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun; BEGIN itself goes with its first statement."""
        return self._is_open or self._begin_wanted

    @property
    def has_begun(self) -> bool:
        """Whether BEGIN was sent."""
        return self._is_open

    # -- statements

    def fetch(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return its rows. Raises duckdb.Error."""
        return self._perform(sql, parameters, self._rows)

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement and return how many rows it changed. Raises duckdb.Error."""
        return self._perform(sql, parameters, self._changed)

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Run a statement for each row of parameters, all or none; return how many were changed.

        Raises duckdb.Error.
        """
        with self._as_one():
            return sum(self.run(sql, row) for row in rows)

    def open(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement and leave its rows to `more`, which takes the number that this gives.

        Raises duckdb.Error.
        """
        self._perform(sql, parameters, lambda outcome: None)
        return self._results

    def more(self, number: int, count: int) -> list[Row]:
        """Return the next rows of the statement that `open` has run last.

        Raises InterfaceError if another one has replaced its result, and duckdb.Error.
        """
        if number != self._results:
            raise InterfaceError("another statement of this connection has ended the result")
        try:
            return self.raw.fetchmany(count)
        except BaseException:
            self._after_error()
            raise

    def drop(self, number: int) -> None:
        """Forget the rows that are left. Raises duckdb.Error."""
        if number == self._results and not self.aborted:
            self._perform(_PROBE, (), self._rows)

    def result(self, sql: str, parameters: Parameters = ()) -> Result:
        """Run a statement for a cursor. Raises duckdb.Error.

        A COMMIT written as text begins anew: to PEP 249, without autocommit no statement is
        outside a transaction.
        """
        begin_wanted = self._begin_wanted
        try:
            return self._perform(sql, parameters, self._result)
        finally:
            self._begin_wanted = begin_wanted

    def call(
        self,
        function: Callable[Concatenate[duckdb.DuckDBPyConnection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call a function with duckdb's own connection, inside the transaction if there is one.

        The function leaves the transaction as it is. Raises what it raises.
        """
        self._results += 1
        try:
            if self._begin_wanted and not self._is_open:
                self._send_begin()
            return function(self.raw, *args, **kwargs)
        except BaseException:
            self._after_error()
            raise

    def arrow(self, sql: str, parameters: Parameters = ()) -> pyarrow.Table:
        """Run a SELECT and return its result as an Arrow table. Raises duckdb.Error."""
        return self.call(_arrow_table, sql, list(parameters) or None)

    def _perform(self, sql: str, parameters: Parameters, read: Callable[[Outcome], R]) -> R:
        """Run all statements of a text, and read what the last leaves in `raw`.

        The parameters are those of the last statement.
        """
        self._results += 1
        try:
            script = parse(sql)
            if self._begin_wanted and not self._is_open:
                self._begin(script)
            if script.single is not None:
                self.raw.execute(script.single.statement, parameters)
                return read(script.single.outcome)
            if script.atomic:
                with self._as_one():
                    return read(self._execute_each(script, parameters))
            return read(self._execute_each(script, parameters))
        except BaseException:
            self._after_error()
            raise

    def _execute_each(self, script: Script, parameters: Parameters) -> Outcome:
        outcome = Outcome.NOTHING
        for step in script.steps:
            values = parameters if step is script.steps[-1] else ()
            outcome = step.outcome
            if step.transact is None:
                self.raw.execute(step.statement, values)
            else:
                self._transact(step, step.transact)
        return outcome

    def _transact(self, step: Step, transact: Transact) -> None:
        """Run BEGIN, COMMIT or ROLLBACK as somebody wrote it."""
        if transact is Transact.COMMIT and self._is_open:
            self.commit()
        elif transact is Transact.ROLLBACK and self._is_open:
            self.rollback()
        else:
            with self._undisturbed():
                self.raw.execute(step.statement)
            self._is_open = transact is Transact.BEGIN

    def _has_rows(self, outcome: Outcome) -> bool:
        if outcome is Outcome.ROWS:
            return True
        return outcome is Outcome.ROWS_OR_COUNT and self.raw.rowcount < 0

    def _rows(self, outcome: Outcome) -> list[Row]:
        return self.raw.fetchall() if self._has_rows(outcome) else []

    def _changed(self, outcome: Outcome) -> int:
        if self._has_rows(outcome):
            # They are read in any case: DuckDB works while they are.
            rows = self.raw.fetchall()
            return len(rows) if outcome is Outcome.ROWS_OR_COUNT else 0
        return max(0, self._count(outcome))

    def _count(self, outcome: Outcome) -> int:
        return -1 if outcome is Outcome.NOTHING else self.raw.rowcount

    def _result(self, outcome: Outcome) -> Result:
        if not self._has_rows(outcome):
            return Result(self._count(outcome), None, [])
        description = self.raw.description
        rows = self.raw.fetchall()
        return Result(len(rows), description, rows)

    # -- transactions

    def begin(self) -> None:
        """Begin a transaction with the next statement."""
        self._begin_wanted = True

    def commit(self) -> None:
        """Commit. Raises TransactionAborted after an error, and rolls back."""
        if not self.try_commit():
            raise TransactionAborted

    def try_commit(self) -> bool:
        """Commit; return False if an earlier error had ended the transaction. Raises duckdb.Error.

        DuckDB itself would answer such a COMMIT with success.
        """
        self._results += 1
        if self.aborted:
            self.rollback()
            return False
        self._begin_wanted = False
        if self._is_open:
            try:
                with self._undisturbed():
                    self.raw.execute(parse(_COMMIT).steps[0].statement)
            except BaseException:
                # It may have ended the transaction or not, according to what failed.
                with suppress(Error):
                    self.rollback()
                raise
            self._is_open = False
        return True

    def rollback(self) -> None:
        """Roll back, if there is anything to."""
        self._results += 1
        was_open, self._is_open = self._is_open, False
        self._begin_wanted = self.aborted = False
        if was_open:
            with self._undisturbed():
                self.raw.execute(parse(_ROLLBACK).steps[0].statement)

    def _begin(self, script: Script) -> None:
        """Send the BEGIN that was put off, unless the script brings its own."""
        if script.steps and script.steps[0].transact is Transact.BEGIN:
            return
        self._send_begin()

    def _send_begin(self) -> None:
        with self._undisturbed():
            self.raw.execute(parse(_BEGIN).steps[0].statement)
        self._is_open = True

    @contextmanager
    def _as_one(self) -> Iterator[None]:
        """Make the statements of the block one transaction, unless they are part of one."""
        if self.in_transaction:
            yield
            return
        self._send_begin()
        try:
            yield
        except BaseException:
            with suppress(Error):
                self.rollback()
            raise
        self.commit()

    def _after_error(self) -> None:
        """Learn whether an error ended the transaction: most do, but not all."""
        if self._is_open and not self.aborted:
            try:
                with self._undisturbed():
                    self.raw.execute(parse(_PROBE).steps[0].statement).fetchall()
            except Error:
                self.aborted = True

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Let no interrupt in: after one, nobody knows whether a transaction has begun or ended."""
        with self._gate:
            self._may_be_interrupted = False
        try:
            yield
        finally:
            self._may_be_interrupted = True

    # -- the connection

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        return Cursor(self)

    def interrupt(self) -> None:
        """Stop the statement that another thread runs on this connection."""
        with self._gate:
            if self._may_be_interrupted:
                self.raw.interrupt()

    def close(self) -> None:
        """Close; an open transaction is rolled back."""
        self.is_closed = True
        self._is_open = self._begin_wanted = self.aborted = False
        self.raw.close()


def _arrow_table(
    raw: duckdb.DuckDBPyConnection, sql: str, parameters: list[object] | None
) -> pyarrow.Table:
    # As a relation: a result of execute() is copied once more, which duckdb warns of.
    relation = raw.sql(sql, params=parameters)
    return cast("pyarrow.Table", relation.to_arrow_table())


class Rows:
    """What a cursor keeps of its last statement: its rows, and what they are."""

    lastrowid = None

    def __init__(self) -> None:
        self.arraysize = 1
        self.rowcount = -1
        self.description: Description = None
        self._rows: Iterator[Row] = iter(())

    def _keep(self, result: Result) -> None:
        self.rowcount, self.description, rows = result
        self._rows = iter(rows)

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next rows, `arraysize` of them if no size is given."""
        return list(itertools.islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Row]:
        """Return the remaining rows."""
        return list(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def setinputsizes(self, *sizes: object) -> None:
        """Do nothing: DuckDB takes the types of the values."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())


class Cursor(Rows):
    """A PEP 249 cursor that holds all rows of its last statement."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement. Raises duckdb.Error."""
        self._keep(self.connection.result(sql, parameters or ()))

    def executemany(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run a statement for each row of parameters, all or none. Raises duckdb.Error."""
        self._keep(Result(self.connection.run_many(sql, rows), None, []))
