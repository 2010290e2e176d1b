"""What DuckDB's exceptions mean: it has no error codes, so its sentences are read.

Most of them quote values of rows, and a value may look like a sentence of DuckDB's. So a message
is only ever matched from its first word to its last, the parts that hold values are matched and
thrown away, and what is kept is a name: of a table, of a column, or of the program that has the
file open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import duckdb
import sqlalchemy as sa

from andamios_orm.backends.base import Failure, FailureKind
from andamios_orm.backends.duckdb.driver import InterfaceError, TransactionAborted

__all__ = ["failure_of", "key_of"]

_Key: TypeAlias = tuple[str, tuple[str, ...]]
"""A table, and columns of it."""

# Kinds that the type of the exception decides.
_KINDS: tuple[tuple[type[duckdb.Error], FailureKind], ...] = (
    (TransactionAborted, "aborted"),
    (InterfaceError, "unavailable"),
    (duckdb.ConnectionException, "unavailable"),
    (duckdb.FatalException, "unavailable"),
    (duckdb.ResourceInUseException, "unavailable"),
    (duckdb.ConversionException, "unstorable"),
    (duckdb.OutOfRangeException, "unstorable"),
    (duckdb.TypeMismatchException, "unstorable"),
)

# -- ConstraintException, and TransactionException where the constraint fails at COMMIT

_PREFIX = r"(?:Constraint Error|TransactionContext Error): (?:Failed to commit: )?"
_NOT_NULL = re.compile(rf"{_PREFIX}NOT NULL constraint failed: ([^.]+)\.(.+)", re.DOTALL)
_CHECK = re.compile(
    rf'{_PREFIX}CHECK constraint failed on table "(.+?)" with expression (CHECK\(.+\))', re.DOTALL
)
_UNIQUE = re.compile(
    rf'{_PREFIX}Duplicate key "(.*)" violates (?:unique|primary key) constraint\.', re.DOTALL
)
_UNIQUE_UNNAMED = re.compile(
    rf'{_PREFIX}PRIMARY KEY or UNIQUE constraint violation: duplicate key ".*"', re.DOTALL
)
_MISSING = re.compile(
    rf'{_PREFIX}Violates foreign key constraint because key "(.*)" does not exist in the'
    r" referenced table",
    re.DOTALL,
)
_REFERENCED = re.compile(
    rf'{_PREFIX}Violates foreign key constraint because key "(.*)" is still referenced by a'
    r" foreign key in a different table\.[^\"]*",
    re.DOTALL,
)

_REFERENCED_FIX = (
    "remove the rows that refer to it, or point them elsewhere, in a transaction that is committed"
    " before: DuckDB still counts what the same transaction removed, has no ON DELETE actions, and"
    " cannot set a unique or indexed column of a row that others refer to"
)

# -- other messages without values

_CONFLICT = re.compile(
    r"TransactionContext Error: (?:Failed to commit: )?"
    r"(?:Conflict on |Transaction conflict: |Catalog write-write conflict |write-write conflict)"
)
_ABORTED = re.compile(r"TransactionContext Error: Current transaction is aborted")
_LOCKED = re.compile(
    r'IO Error: Could not set lock on file ".+": Conflicting lock is held in'
    r" (?P<program>.+) \(PID (?P<pid>\d+)\)(?: by user .+?)?\..*",
    re.DOTALL,
)
_NO_DATABASE = re.compile(
    r'IO Error: (?:Cannot open file|Could not read from file|The file) ".+"'
    r"(?:: .+| exists, but it is not a valid DuckDB database file!)",
    re.DOTALL,
)
_TOO_LARGE = re.compile(
    r"Invalid Input Error: Python (?:integer too large|Conversion Failure)"
    r"|Not implemented Error: Unable to transform python value of type"
)
# Their first line names tables, columns and words of the statement.
_SPEAKING = re.compile(
    r"Catalog Error: (?:Table|View|Schema|Type|Index|Scalar Function|Table Function|"
    r"Aggregate Function|Collation) with name .+ (?:does not exist|already exists)|"
    r'Catalog Error: (?:Table|View|Schema|Type|Index|Sequence) ".+" already exists|'
    r"Catalog Error: (?:Could not drop|Cannot drop|Cannot alter) |"
    r"Dependency Error: |"
    r'Binder Error: (?:Referenced (?:column|table) |Ambiguous reference |Table |table "|'
    r"No function matches)|"
    r"Parser Error: syntax error at or near \"[^'\"]+\"|"
    r"Parser Error: syntax error at end of input|"
    r"TransactionContext Error: (?:cannot |Cannot write to database )|"
    r'Invalid Input Error: Cannot execute statement of type "|'
    r"Invalid Input Error: The following options were not recognized: |"
    r"INTERRUPT Error: |"
    r"Not implemented Error: (?:Creating partial indexes|ALTER |No support for that ALTER)"
)


def failure_of(error: BaseException) -> Failure | None:
    """Return what an exception of DuckDB means, None for one that is not DuckDB's."""
    if not isinstance(error, duckdb.Error):
        return None
    message, code = str(error), type(error).__name__
    if isinstance(error, duckdb.ConstraintException | duckdb.TransactionException):
        violation = _violation(message, code)
        if violation is not None:
            return violation
    kind, summary = _reading(error, message)
    return Failure(kind=kind, code=code, summary=summary)


def _violation(message: str, code: str) -> Failure | None:
    if named := _NOT_NULL.fullmatch(message):
        return Failure(kind="not_null", code=code, table=named[1], columns=(named[2],))
    if check := _CHECK.fullmatch(message):
        return Failure(kind="check", code=code, table=check[1], summary=check[2])
    if unique := _UNIQUE.fullmatch(message):
        return Failure(kind="unique", code=code, columns=_only_column(unique[1]))
    if _UNIQUE_UNNAMED.fullmatch(message):
        return Failure(kind="unique", code=code)
    if _MISSING.fullmatch(message):
        return Failure(kind="foreign_key", code=code)
    if _REFERENCED.fullmatch(message):
        return Failure(kind="foreign_key", code=code, fix=_REFERENCED_FIX)
    return None


def _only_column(key: str) -> tuple[str, ...]:
    """Return the column of `name: value`; none if it may be several, or an expression.

    Whatever a value holds, it comes after the first colon.
    """
    name, _, value = key.partition(": ")
    return () if "(" in name or re.search(r", .+: ", value, re.DOTALL) else (name,)


def _reading(error: duckdb.Error, message: str) -> tuple[FailureKind, str]:
    """Return the kind of any other exception, and what may be told of it."""
    for exception, kind in _KINDS:
        if isinstance(error, exception):
            return kind, ""
    if locked := _LOCKED.fullmatch(message):
        return "unavailable", (
            f"another process has the file open: {locked['program']}, PID {locked['pid']}"
        )
    if _NO_DATABASE.fullmatch(message):
        return "unavailable", "the file cannot be opened, or is not a DuckDB database"
    if _CONFLICT.match(message):
        return "conflict", ""
    if _ABORTED.match(message):
        return "aborted", ""
    if _TOO_LARGE.match(message):
        return "unstorable", ""
    return "other", message.partition("\n")[0] if _SPEAKING.match(message) else ""


def key_of(error: BaseException, table: sa.Table) -> _Key | None:
    """Return the table and columns of the key that made a statement on `table` fail.

    DuckDB names no table, and shows a key as `name: value, other: value`, which only a list of
    the keys that there are can take apart. None if not exactly one of them fits.
    """
    if not isinstance(error, duckdb.ConstraintException):
        return None
    message = str(error)
    if unique := _UNIQUE.fullmatch(message):
        return _single(key for key in _unique_keys(table) if _fits(key[1], unique[1]))
    if _UNIQUE_UNNAMED.fullmatch(message):
        return _single(_unique_keys(table))
    if missing := _MISSING.fullmatch(message):
        return _single(
            (table.name, _names(key.columns))
            for key in table.foreign_key_constraints
            if _fits([element.column.name for element in key.elements], missing[1])
        )
    if referenced := _REFERENCED.fullmatch(message):
        return _single(
            (key.table.name, _names(key.columns))
            for other in table.metadata.tables.values()
            for key in other.foreign_key_constraints
            if key.referred_table is table and _fits(_names(key.columns), referenced[1])
        )
    return None


def _unique_keys(table: sa.Table) -> Iterator[_Key]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint):
            yield table.name, _names(constraint.columns)
    for index in table.indexes:
        if index.unique:
            yield table.name, _names(index.columns)


def _names(columns: Iterable[sa.Column[Any]]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _fits(names: Sequence[str], key: str) -> bool:
    """Whether `key` can be the values of these columns; a value may look like a name."""
    return bool(
        names
        and re.fullmatch(", ".join(f"{re.escape(name)}: .*" for name in names), key, re.DOTALL)
    )


def _single(keys: Iterable[_Key]) -> _Key | None:
    found = set(keys)
    return found.pop() if len(found) == 1 else None
