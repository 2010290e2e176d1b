"""What DuckDB's exceptions mean: it has no error codes, so its sentences are read.

Most of them quote values of rows, and a value may look like a sentence of DuckDB's. So a message
is only ever matched from its first word to its last, the parts that hold values are matched and
thrown away, and what is kept is a name: of a table, of a column, or of the program that has the
file open.
"""

from __future__ import annotations

import re

import duckdb

from andamios_orm.backends.base import Failure, FailureKind
from andamios_orm.backends.duckdb.driver import InterfaceError, TransactionAborted

__all__ = ["CHECK", "MISSING", "REFERENCED", "UNIQUE", "UNIQUE_UNNAMED", "failure_of", "unquoted"]

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
_NOT_NULL = re.compile(
    rf'{_PREFIX}NOT NULL constraint failed: ("(?:[^"]|"")+"|[^."]+)\.(.+)', re.DOTALL
)
CHECK = re.compile(
    rf'{_PREFIX}CHECK constraint failed on table "(.+?)" with expression (CHECK\(.+\))', re.DOTALL
)
UNIQUE = re.compile(
    rf'{_PREFIX}Duplicate key "(.*)" violates (?:unique|primary key) constraint\.', re.DOTALL
)
UNIQUE_UNNAMED = re.compile(
    rf'{_PREFIX}PRIMARY KEY or UNIQUE constraint violation: duplicate key ".*"', re.DOTALL
)
MISSING = re.compile(
    rf'{_PREFIX}Violates foreign key constraint because key "(.*)" does not exist in the'
    r" referenced table",
    re.DOTALL,
)
REFERENCED = re.compile(
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
_READ_ONLY = re.compile(
    r'TransactionContext Error: Cannot write to database ".+" - transaction is launched in'
    r' read-only|Invalid Input Error: Cannot execute statement of type "\w+" on database ".+"'
    r" which is attached in read-only mode"
)
_ABORTED = re.compile(r"TransactionContext Error: Current transaction is aborted")
_LOCKED = re.compile(
    r'IO Error: Could not set lock on file ".+": Conflicting lock is held in'
    r" (?P<program>.+) \(PID (?P<pid>\d+)\)(?: by user .+?)?\..*",
    re.DOTALL,
)
_OTHERWISE_OPEN = re.compile(
    r"Connection Error: Can't open a connection to same database file with a different"
    r" configuration than existing connections"
)
_NO_DATABASE = re.compile(
    r'IO Error: (?:Cannot open (?:file|database)|Could not read from file|The file) ".+"'
    r"(?:: .+| exists, but it is not a valid DuckDB database file!"
    r"| in read-only mode: database does not exist)",
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
    kind, summary, fix = _reading(error, message)
    return Failure(kind=kind, code=code, summary=summary, fix=fix)


def _violation(message: str, code: str) -> Failure | None:
    if named := _NOT_NULL.fullmatch(message):
        column = unquoted(named[2])
        return Failure(kind="not_null", code=code, table=unquoted(named[1]), columns=(column,))
    if check := CHECK.fullmatch(message):
        return Failure(kind="check", code=code, table=check[1])
    if unique := UNIQUE.fullmatch(message):
        return Failure(kind="unique", code=code, columns=_only_column(unique[1]))
    if UNIQUE_UNNAMED.fullmatch(message):
        return Failure(kind="unique", code=code)
    if MISSING.fullmatch(message):
        return Failure(kind="foreign_key", code=code)
    if REFERENCED.fullmatch(message):
        return Failure(kind="foreign_key", code=code, fix=_REFERENCED_FIX)
    return None


def _only_column(key: str) -> tuple[str, ...]:
    """Return the column of `name: value`; none if it may be several, or an expression.

    Whatever a value holds, it comes after the first colon.
    """
    name, _, value = key.partition(": ")
    return () if "(" in name or re.search(r", .+: ", value, re.DOTALL) else (name,)


def unquoted(name: str) -> str:
    """Return a name as it is, which DuckDB shows in quotes where it is no plain word."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


_ELSEWHERE = (
    "stop that program, or have it close the database: one process at a time has a DuckDB file open"
    " to write; several may read it with ?read_only=true in the URL"
)
_OTHER_CONFIGURATION = (
    "use the same URL, with the same options, for all databases of this program on the file"
)
_WRONG_FILE = "check the path in the URL, its rights, and that the file was made by DuckDB"


def _reading(error: duckdb.Error, message: str) -> tuple[FailureKind, str, str | None]:
    """Return the kind of any other exception, what may be told of it, and what to do."""
    if _OTHERWISE_OPEN.fullmatch(message):
        return "unavailable", "this program has the file open in another way", _OTHER_CONFIGURATION
    for exception, kind in _KINDS:
        if isinstance(error, exception):
            return kind, "", None
    if locked := _LOCKED.fullmatch(message):
        holder = f"{locked['program']}, PID {locked['pid']}"
        return "unavailable", f"another process has the file open: {holder}", _ELSEWHERE
    if _NO_DATABASE.fullmatch(message):
        problem = "the file cannot be opened, or is not a DuckDB database"
        return "unavailable", problem, _WRONG_FILE
    if _CONFLICT.match(message):
        return "conflict", "", None
    if _READ_ONLY.match(message):
        return "read_only", "", None
    if _ABORTED.match(message):
        return "aborted", "", None
    if _TOO_LARGE.match(message):
        return "unstorable", "", None
    return "other", message.partition("\n")[0] if _SPEAKING.match(message) else "", None
