"""Turn what a driver's exception means into the error for the person who gets it."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect

from andamios_orm.backends.base import Failure
from andamios_orm.errors import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    ForeignKeyViolation,
    NotNullViolation,
    NotStorable,
    StatementFailed,
    TransactionAborted,
    TransactionConflict,
    UniqueViolation,
)
from andamios_orm.schema.registry import declarations
from andamios_orm.schema.spec import ModelSpec

__all__ = ["to_error"]


def to_error(
    failure: Failure,
    dialect: Dialect,
    *,
    table: sa.Table | None,
    metadata: sa.MetaData | None,
    driver_error: BaseException,
    removes: bool = False,
) -> DatabaseError | NotStorable:
    """Return the error for `failure` of a statement on `table`, in the database of `metadata`.

    `removes` tells a DELETE from a statement that writes rows.
    """
    if failure.kind in _CONSTRAINTS:
        if table is not None:
            failure = _after_dots(failure, table)
        owner = _table_of(failure, table, metadata)
        violation = _violation(failure, dialect, owner, driver_error)
        if isinstance(violation, ForeignKeyViolation) and table is not None and owner is not None:
            # The constraint is the other table's where a row of this one is to go.
            violation.referenced = removes or owner is not table
        return violation
    if failure.kind == "unstorable":
        return NotStorable(
            "the database cannot hold one of the values, or not in the type of its column",
            "compare the values with the column types; `driver_error` is left out because it"
            " shows them",
            limit=failure.code or "unknown",
            engine=dialect.name,
        )
    kind, problem, fix = _OTHERS.get(failure.kind, _OTHER)
    fix = failure.fix or fix
    return kind(f"{problem}{_detail(failure)}", fix, code=failure.code, driver_error=driver_error)


def _detail(failure: Failure) -> str:
    parts = [part for part in (failure.summary, failure.code) if part]
    return f": {' '.join(parts)}" if parts else ""


_CONSTRAINTS: dict[str, tuple[type[ConstraintViolation], str, str]] = {
    "unique": (
        UniqueViolation,
        "another row already has this {what}",
        "use another value, or change the row that has it",
    ),
    "foreign_key": (
        ForeignKeyViolation,
        "the row that {what} refers to does not exist, or is still referred to",
        "add the row that is referred to first; remove the rows that refer to it before it",
    ),
    "check": (
        CheckViolation,
        "{what} breaks a rule of the table",
        "correct the value; the model states the same rule for its own fields",
    ),
    "not_null": (
        NotNullViolation,
        "{what} got no value",
        "give it one, or declare the field `| None`",
    ),
}

_OTHER: tuple[type[DatabaseError], str, str] = (
    StatementFailed,
    "the database refused the statement",
    "the code is the engine's own; `driver_error` holds the driver's exception",
)
_OTHERS: dict[str, tuple[type[DatabaseError], str, str]] = {
    "conflict": (
        TransactionConflict,
        "another transaction was in the way",
        "roll back and run the whole transaction again, from its first statement",
    ),
    "unavailable": (
        DatabaseUnavailable,
        "the database cannot be reached, or the connection was lost",
        "check that the server runs and accepts connections, then try again",
    ),
    "read_only": (
        StatementFailed,
        "this transaction, or the database, may only be read",
        "write in a session without read_only=True, to a database that is open to write",
    ),
    "aborted": (
        TransactionAborted,
        "an earlier statement of this transaction failed, so the database takes no more",
        "leave the session and begin again; put a statement that may fail into"
        " `async with session.savepoint():`",
    ),
}


def _violation(
    failure: Failure, dialect: Dialect, owner: sa.Table | None, driver_error: BaseException
) -> ConstraintViolation:
    columns = failure.columns
    if not columns and owner is not None and failure.constraint is not None:
        columns = _columns_of(owner, failure.constraint, dialect)
    model, fields = _fields(owner, columns)
    kind, problem, fix = _CONSTRAINTS[failure.kind]
    name = model.__name__ if model is not None else (failure.table or "the table")
    what = f"`{', '.join(fields)}`" if fields else "value"
    constraint = f" (constraint {failure.constraint})" if failure.constraint else ""
    return kind(
        f"{name}: {problem.format(what=what)}{constraint}",
        failure.fix or fix,
        model=model,
        fields=fields,
        constraint=failure.constraint,
        code=failure.code,
        driver_error=driver_error,
    )


def _table_of(
    failure: Failure, table: sa.Table | None, metadata: sa.MetaData | None
) -> sa.Table | None:
    """Return the table that holds the constraint: another one when a referenced row goes."""
    if failure.table is None:
        return table
    for near in (table.metadata if table is not None else None, metadata):
        # A table declared without a schema is wherever the connection's search path says.
        for name in (f"{failure.schema}.{failure.table}", failure.table):
            if near is not None and name in near.tables:
                return near.tables[name]
    found = [
        declaration.table
        for declaration in declarations()
        if declaration.table_name == failure.table and declaration.schema in (None, failure.schema)
    ]
    return found[0] if len(found) == 1 else None


def _after_dots(failure: Failure, table: sa.Table) -> Failure:
    """Return a failure told as `table.column`, of which the table's name has dots, as it is meant.

    SQLite names columns so, and without quotes.
    """
    told = [f"{failure.table}.{column}" for column in failure.columns]
    if not told or not all(name.startswith(f"{table.name}.") for name in told):
        return failure
    columns = tuple(name.removeprefix(f"{table.name}.") for name in told)
    return replace(failure, table=table.name, columns=columns)


def _columns_of(table: sa.Table, name: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the columns of a constraint or unique index, by its name in the database."""
    preparer = dialect.identifier_preparer
    candidates: list[sa.schema.ColumnCollectionConstraint | sa.Index] = [
        constraint
        for constraint in table.constraints
        if isinstance(constraint, sa.schema.ColumnCollectionConstraint)
    ]
    candidates += table.indexes
    for named in candidates:
        # The preparer knows how the dialect shortens names that are too long for it, and without
        # quotes it leaves what is in them as it is.
        if named.name and preparer.format_constraint(named, _alembic_quote=False) == name:
            return tuple(column.name for column in named.columns)
    # What PostgreSQL and MySQL call a key that was given no name.
    if name in (f"{table.name}_pkey", "PRIMARY"):
        return tuple(column.name for column in table.primary_key)
    return ()


def _fields(
    table: sa.Table | None, columns: tuple[str, ...]
) -> tuple[type[BaseModel] | None, tuple[str, ...]]:
    spec = _spec_of(table) if table is not None else None
    if spec is None:
        return None, columns
    by_column = {f.column: f.name for f in spec.fields}
    return spec.model, tuple(by_column.get(column, column) for column in columns)


def _spec_of(table: sa.Table) -> ModelSpec | None:
    for declaration in declarations(table.metadata):
        if declaration.table is table:
            return declaration.spec
    return None
