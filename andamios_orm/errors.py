"""Every error the library raises, in one tree.

```text
AndamiosError
├── DeclarationError (TypeError)        a model cannot become a table
│   ├── UnsupportedType                   no column type for an annotation
│   ├── PrimaryKeyProblem                 none, or two that contradict
│   ├── ForeignKeyProblem                 unknown target, or one that cannot be referenced
│   ├── RelationProblem                   no foreign key for a relation, or several
│   └── ReservedName                      a field named like something on Model
├── UsageError                          a call that cannot work as written
│   ├── ConditionMisuse (TypeError)       `and`, `or`, `not`, `if` on a condition
│   ├── WrongType (TypeError)             a value of another type than its column's
│   ├── NotLoaded (AttributeError)        a field or relation that has no value yet
│   ├── ShapeProblem (TypeError)          a class that the rows of a query cannot fill
│   ├── NotSupported                      the backend does not offer this
│   ├── MissingDriver (ImportError)       an extra is not installed
│   ├── MissingTenant                     a model of tenants, used without one
│   ├── InvalidURL (ValueError)           a database URL nobody can open
│   ├── InvalidCursor (ValueError)        a page's cursor, changed or of another query
│   ├── LimitExceeded (ValueError)        more rows than the database's limits let through
│   └── SessionMisuse (RuntimeError)      closed, nested, shared between tasks or event loops
├── NotFound (LookupError)              no row where one was asked for
├── ManyFound (LookupError)             several rows where one was asked for
├── StaleVersion                        a row that was changed since it was read
├── InvalidRow (ValueError)             a row that its model refuses
├── ImportRefused (ValueError)          a file with rows that their model refuses
├── FileProblem (ValueError)            a file that cannot be read or written as asked
├── MigrationError                      a migration that cannot go on as asked
│   ├── RevisionProblem                   an unknown, missing or second newest revision
│   ├── AnswerNeeded                      a rename or a deletion? a value for existing rows?
│   ├── RowsInTheWay                      rows that a stricter rule would refuse
│   ├── DestructionRefused                data would be lost, and nobody has allowed it
│   ├── WrongEnvironment                  not in production
│   ├── MigrationPending                  the database is behind its revisions
│   ├── MigrationHalfDone                 one was stopped and has to be resumed first
│   ├── ChecksumMismatch                  a revision was changed after it was applied
│   └── MigrationLocked                   another migrator is at work
├── ConfigurationProblem (ValueError)   a setting that is missing or cannot be read
├── SeedProblem (ValueError)            seeds or fixtures that cannot be stored as they are
├── NotStorable (ValueError)            a value the column cannot hold exactly
│   └── ValueOutOfRange                   too large, too long, too precise
└── DatabaseError                       the database refused
    ├── ConstraintViolation
    │   ├── UniqueViolation
    │   ├── ForeignKeyViolation
    │   ├── CheckViolation
    │   └── NotNullViolation
    ├── TransactionAborted                an earlier error ended the transaction
    ├── TransactionConflict               another transaction was in the way; try again
    ├── DatabaseUnavailable               no connection, or it was lost
    └── StatementFailed                   anything else the driver reported
```

Each error says what is wrong (`problem`) and what to do (`fix`), names what it is about in
attributes, and never carries a row's values: they would end up in logs. The driver's own
exception is kept in `DatabaseError.driver_error` for a debugger; its text may hold values.
`andamios_orm.testing.servers` adds `ServerUnavailable` for test servers that cannot start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sqlalchemy.exc import DontWrapMixin

if TYPE_CHECKING:
    from andamios_orm.reports import ImportReport

__all__ = [
    "AndamiosError",
    "AnswerNeeded",
    "CheckViolation",
    "ChecksumMismatch",
    "ConditionMisuse",
    "ConfigurationProblem",
    "ConstraintViolation",
    "DatabaseError",
    "DatabaseUnavailable",
    "DeclarationError",
    "DestructionRefused",
    "FileProblem",
    "ForeignKeyProblem",
    "ForeignKeyViolation",
    "ImportRefused",
    "InvalidCursor",
    "InvalidRow",
    "InvalidURL",
    "LimitExceeded",
    "ManyFound",
    "MigrationError",
    "MigrationHalfDone",
    "MigrationLocked",
    "MigrationPending",
    "MissingDriver",
    "MissingTenant",
    "NotFound",
    "NotLoaded",
    "NotNullViolation",
    "NotStorable",
    "NotSupported",
    "PrimaryKeyProblem",
    "RelationProblem",
    "ReservedName",
    "RevisionProblem",
    "RowsInTheWay",
    "SeedProblem",
    "SessionMisuse",
    "ShapeProblem",
    "StaleVersion",
    "StatementFailed",
    "TransactionAborted",
    "TransactionConflict",
    "UniqueViolation",
    "UnsupportedType",
    "UsageError",
    "ValueOutOfRange",
    "WrongEnvironment",
    "WrongType",
]


def _rebuild(
    kind: type[AndamiosError], problem: str, fix: str, state: dict[str, object]
) -> AndamiosError:
    error = kind.__new__(kind, problem, fix)
    error.args = (problem, fix)
    error.__dict__.update(state)
    return error


class AndamiosError(Exception):
    """The root: `except AndamiosError` catches everything this library raises.

    ```python
    try:
        await heroes.get(4711)
    except AndamiosError as error:
        print(error.problem, error.fix)
    ```
    """

    transient: ClassVar[bool] = False
    """Whether the same work, tried again from its beginning, may succeed."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  Fix: {self.fix}"

    def __reduce__(
        self,
    ) -> tuple[object, tuple[type[AndamiosError], str, str, dict[str, object]]]:
        # Exceptions are rebuilt from `args` by default, which fails for every
        # subclass with keyword parameters (process pools, test runners).
        state = {k: None if k == "driver_error" else v for k, v in self.__dict__.items()}
        return (_rebuild, (type(self), self.problem, self.fix, state))


# ---- declaring ---------------------------------------------------------------------------------


class DeclarationError(AndamiosError, TypeError):
    """A model cannot become a table; raised by the class statement or the table's first use."""


class UnsupportedType(DeclarationError):
    """A field's annotation has no column type. `field` is `"Model.field"`."""

    def __init__(self, problem: str, fix: str, *, field: str) -> None:
        super().__init__(problem, fix)
        self.field = field


class PrimaryKeyProblem(DeclarationError):
    """A table has no primary key, or two declarations of it contradict each other."""


class ForeignKeyProblem(DeclarationError):
    """A foreign key points at nothing known, or at a column that cannot be referenced."""


class RelationProblem(DeclarationError):
    """A relation to nothing known, without a foreign key, or with several to choose from."""


class ReservedName(DeclarationError):
    """A field has the name of something every model class already has."""


# ---- using -------------------------------------------------------------------------------------


class UsageError(AndamiosError):
    """A call that cannot work as it is written, whatever the data."""


class ConditionMisuse(UsageError, TypeError):
    """A condition was used where Python wants a truth value (`and`, `or`, `not`, `if`, `in`)."""


class WrongType(UsageError, DontWrapMixin, TypeError):
    """A value of another type than the column it is compared with or written to."""


class NotLoaded(UsageError, AttributeError):
    """A field or relation was read that has no value: a generated key before `add`, or rows of
    another table that no `load()` asked for."""


class ShapeProblem(UsageError, TypeError):
    """A class that `into()` was given has a field that the model's rows do not give."""


class NotSupported(UsageError):
    """The backend does not offer this; raised before any SQL.

    `column` are the class and the field whose column is not sorted or compared, if it is one.
    """

    def __init__(self, problem: str, fix: str, *, column: tuple[type, str] | None = None) -> None:
        super().__init__(problem, fix)
        self.column = column


class MissingDriver(UsageError, ImportError):
    """A database driver, or another optional package, is not installed."""


class MissingTenant(UsageError):
    """A model whose rows belong to tenants was used without one; raised before any SQL."""


class InvalidURL(UsageError, ValueError):
    """A database URL that no backend can open. The text never shows the URL's password."""


class InvalidCursor(UsageError, ValueError):
    """A cursor that this query did not give: changed, of another query, or of another program.

    The text of the cursor is not shown. An answer to whoever sent it is 400 or 422.
    """


class LimitExceeded(UsageError, ValueError):
    """More rows were asked for, or found, than `limit`, one of the limits of the `Database`."""

    def __init__(self, problem: str, fix: str, *, limit: int) -> None:
        super().__init__(problem, fix)
        self.limit = limit


class SessionMisuse(UsageError, RuntimeError):
    """A session or database used after its end, twice at once, or from another event loop."""


# ---- reading -----------------------------------------------------------------------------------


class NotFound(AndamiosError, LookupError):
    """No row where exactly one was asked for. `model` is the class that was looked up."""

    def __init__(self, problem: str, fix: str, *, model: type) -> None:
        super().__init__(problem, fix)
        self.model = model


class ManyFound(AndamiosError, LookupError):
    """Several rows where one was asked for. `model` is the class that was looked up."""

    def __init__(self, problem: str, fix: str, *, model: type) -> None:
        super().__init__(problem, fix)
        self.model = model


class StaleVersion(AndamiosError):
    """The row was changed since it was read, so writing it would undo that change.

    `model` is the class and `key` the row's primary key, in declared order.
    """

    def __init__(self, problem: str, fix: str, *, model: type, key: tuple[object, ...]) -> None:
        super().__init__(problem, fix)
        self.model = model
        self.key = key


class InvalidRow(AndamiosError, ValueError):
    """A row that its model refuses.

    Raised for a row that was read and for one about to be written. `model` is the class, `key`
    the primary key of a row that was read, in declared order, and `fields` maps each field to
    the kind of failure in pydantic's vocabulary (`"greater_than_equal"`, `"missing"`, ...). The
    values themselves are not shown.
    """

    def __init__(
        self,
        problem: str,
        fix: str,
        *,
        model: type,
        key: tuple[object, ...] | None,
        fields: dict[str, str],
    ) -> None:
        super().__init__(problem, fix)
        self.model = model
        self.key = key
        self.fields = fields


class ImportRefused(AndamiosError, ValueError):
    """A file holds rows that their model refuses, so nothing of it was stored.

    `report` tells which, and `model` is the class.
    """

    def __init__(self, problem: str, fix: str, *, model: type, report: ImportReport) -> None:
        super().__init__(problem, fix)
        self.model = model
        self.report = report


class FileProblem(AndamiosError, ValueError):
    """A file that is missing, of another format, with other columns, or cannot be written.

    `path` is the file as it was given.
    """

    def __init__(self, problem: str, fix: str, *, path: str) -> None:
        super().__init__(problem, fix)
        self.path = path


# ---- migrating and seeding ---------------------------------------------------------------------


class MigrationError(AndamiosError):
    """A migration that cannot be written, or cannot go on as asked."""


class RevisionProblem(MigrationError):
    """A revision that does not exist, cannot be read, or is one of several newest."""


class AnswerNeeded(MigrationError):
    """What models and database differ in has more than one meaning, and nothing was written.

    `questions` are the open ones, each with the option that answers it.
    """

    def __init__(self, problem: str, fix: str, *, questions: tuple[str, ...]) -> None:
        super().__init__(problem, fix)
        self.questions = questions


class RowsInTheWay(MigrationError):
    """Rows of the live database that a stricter rule would refuse; nothing was done.

    `counts` tells how many, by what they lack: `{"hero.email has no value": 12}`.
    """

    def __init__(self, problem: str, fix: str, *, counts: dict[str, int]) -> None:
        super().__init__(problem, fix)
        self.counts = counts


class DestructionRefused(MigrationError):
    """A migration would remove data, and its tables and columns were not allowed; nothing was done.

    `objects` are the tables and columns (`"hero.email"`) with how many rows have data in them.
    """

    def __init__(self, problem: str, fix: str, *, objects: dict[str, int]) -> None:
        super().__init__(problem, fix)
        self.objects = objects


class WrongEnvironment(MigrationError):
    """The database says that it belongs to another environment than this is done in or for."""


class MigrationPending(MigrationError):
    """The database has not all of its revisions yet, and this needs them."""


class MigrationHalfDone(MigrationError):
    """A migration was stopped on its way; `andamios-orm migrate resume` finishes it."""


class ChecksumMismatch(MigrationError):
    """A revision's file is no longer what was applied. `revisions` are all such."""

    def __init__(self, problem: str, fix: str, *, revisions: tuple[str, ...]) -> None:
        super().__init__(problem, fix)
        self.revisions = revisions


class MigrationLocked(MigrationError):
    """Another migrator is at work on the database, or a lock was not obtained; try again."""

    transient: ClassVar[bool] = True


class ConfigurationProblem(AndamiosError, ValueError):
    """A setting that is missing, of another type, or names what does not exist."""


class SeedProblem(AndamiosError, ValueError):
    """Seeds or fixtures that cannot be stored as they are; nothing was stored."""


# ---- writing -----------------------------------------------------------------------------------


# SQLAlchemy wraps what a column's type raises, and shows the statement's values with it.
class NotStorable(AndamiosError, ValueError, DontWrapMixin):
    """A value that the column cannot hold exactly; nothing was changed.

    Raised before SQL for the values of a repository's call. The database itself refuses what
    SQLAlchemy's own statements compute or carry past the columns' types.

    `field` is `"Model.field"` where it is known, `limit` says what the column can hold, and
    `engine` is the database's name (`"duckdb"`) where the limit was met on the way to one.
    """

    def __init__(
        self,
        problem: str,
        fix: str,
        *,
        limit: str,
        field: str | None = None,
        engine: str | None = None,
    ) -> None:
        super().__init__(problem, fix)
        self.limit = limit
        self.field = field
        self.engine = engine

    def located(self, field: str, engine: str | None = None) -> NotStorable:
        """Return the same error naming the field, for the caller who knows which it is."""
        return type(self)(
            f"{field}: {self.problem}", self.fix, limit=self.limit, field=field, engine=engine
        )


class ValueOutOfRange(NotStorable):
    """A value beyond the column's size: too large, too long or too precise."""


# ---- the database's answer ---------------------------------------------------------------------


class DatabaseError(AndamiosError):
    """The database or its driver refused.

    `code` is the engine's own code (SQLSTATE on PostgreSQL, `SQLITE_...` on SQLite, the number of
    the error on MariaDB and MySQL, the exception's name on DuckDB, which has no codes) and
    `driver_error` the driver's exception, whose text may hold row values.
    """

    def __init__(
        self,
        problem: str,
        fix: str,
        *,
        code: str | None = None,
        driver_error: BaseException | None = None,
    ) -> None:
        super().__init__(problem, fix)
        self.code = code
        self.driver_error = driver_error


class ConstraintViolation(DatabaseError):
    """A row breaks a constraint.

    `model` is the class whose table holds the constraint (None for a table that no model
    describes), `fields` the names of its fields and `constraint` the name in the database where
    the engine reports it.
    """

    def __init__(
        self,
        problem: str,
        fix: str,
        *,
        model: type | None,
        fields: tuple[str, ...],
        constraint: str | None = None,
        code: str | None = None,
        driver_error: BaseException | None = None,
    ) -> None:
        super().__init__(problem, fix, code=code, driver_error=driver_error)
        self.model = model
        self.fields = fields
        self.constraint = constraint


class UniqueViolation(ConstraintViolation):
    """Another row already has this value, or this combination of values."""


class ForeignKeyViolation(ConstraintViolation):
    """A referenced row does not exist, or a row to be removed is still referenced.

    `referenced` is False in the first case and True in the second; None where nobody knows, such
    as for a key that is checked at the commit.
    """

    referenced: bool | None = None


class CheckViolation(ConstraintViolation):
    """A value breaks a CHECK constraint."""


class NotNullViolation(ConstraintViolation):
    """A required column got no value."""


class TransactionAborted(DatabaseError):
    """An earlier error in this transaction was swallowed; nothing of it can be committed."""


class TransactionConflict(DatabaseError):
    """Another transaction was in the way (deadlock, serialization, lock time-out)."""

    transient = True


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or the connection to it was lost."""

    transient = True


class StatementFailed(DatabaseError):
    """Anything else that the driver reported; `code` tells what."""
