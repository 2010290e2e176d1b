"""Columns that are added, altered and dropped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.errors import RevisionProblem
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.mysql.altering import (
    already,
    altered,
    has_lead,
    listed,
    name_of,
    own_index,
    table_now,
)
from andamios_orm.migration.engines.mysql.inspection import LiveTable, is_mariadb, live_table
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.sql_names import as_text, renamed_in
from andamios_orm.migration.state import ColumnState, TableName, TableState

__all__ = ["add_column", "alter_column", "drop_column", "without_check"]


def _type_sql(type_: Any, dialect: sa.Dialect) -> str:
    """Return a type as it is written in CREATE TABLE."""
    return dialect.type_compiler_instance.process(sa.types.to_instance(type_))


def _default_sql(default: object, dialect: sa.Dialect) -> str | None:
    """Return a default as it is written in CREATE TABLE."""
    column = sa.Column("c", sa.Text(), server_default=default)  # type: ignore[arg-type]  # as alembic takes it
    compiler = dialect.ddl_compiler(dialect, sa.schema.CreateTable(sa.Table("t", sa.MetaData())))
    found = compiler.get_column_default_string(column)
    # As it is written with the column; the driver's own marks are put in later.
    found = None if found is None else found.replace("%%", "%")
    if found is None or re.match(r"[('\"]", found) or not re.search(r"\W", found):
        return found
    literal = re.match(r"(-?[\d.]+(e[-+]?\d+)?|b'[01]*'|x'[0-9a-f]*')\Z", found, re.IGNORECASE)
    on_update = re.search(r"\bON UPDATE\b", found, re.IGNORECASE)
    return found if literal or on_update else f"({found})"


def _text(text: str, dialect: sa.Dialect) -> str:
    """Return a text as it stands in SQL."""
    compiler = dialect.statement_compiler(dialect, None)
    return compiler.render_literal_value(text, sa.String()).replace("%%", "%")


def _has_column(connection: sa.Connection, table: TableName, column: str) -> bool:
    found = live_table(connection, table)
    return found is not None and column in found.state.column_names


# ---- added and dropped ---------------------------------------------------------------------------


def add_column(operation: ops.AddColumnOp, connection: sa.Connection) -> Sequence[Step] | None:
    """Return the step to a column; None for one that brings more with it than itself."""
    column = operation.column
    if operation.if_not_exists or column.foreign_keys or column.unique or column.index:
        return None
    table = table_now(connection, operation.table_name, operation.schema)
    [statement] = statements_of(operation, connection.dialect)
    statement = statement.replace("%%", "%")
    if column.autoincrement is True or column.identity is not None:
        # SQLAlchemy says so only of a column that is the key already.
        own = name_of(own_index(table, column.name))
        statement += f" AUTO_INCREMENT, ADD UNIQUE INDEX {own} {listed([column.name])}"
        copies = True
    else:
        copies = _fills_rows(column, connection.dialect)
    name = table.state.name
    return [
        altered(
            table,
            statement[statement.index("ADD COLUMN") :],
            done=lambda connection: _has_column(connection, name, column.name),
            copies=copies,
        )
    ]


def _fills_rows(column: sa.Column[Any], dialect: sa.Dialect) -> bool:
    """Whether the server computes a value for each row that is there."""
    if column.computed is not None:
        return column.computed.persisted is not False
    default = _default_sql(column.server_default, dialect)
    return default is not None and default.startswith("(") and not _is_constant(default)


def _is_constant(default: str) -> bool:
    return re.fullmatch(r"\((now|current_timestamp)\(\d*\)\)", default, re.IGNORECASE) is not None


def drop_column(operation: ops.DropColumnOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the step that drops a column."""
    table = table_now(connection, operation.table_name, operation.schema)
    name, column = table.state.name, operation.column_name
    return [
        altered(
            table,
            f"DROP COLUMN {name_of(column)}",
            done=lambda connection: not _has_column(connection, name, column),
        )
    ]


# ---- altered -------------------------------------------------------------------------------------


def alter_column(operation: ops.AlterColumnOp, connection: sa.Connection) -> Sequence[Step]:
    """Return the step to a column with another type, default, nullability, comment or name.

    The server takes a whole definition: what the operation does not speak of is as it is.
    """
    table = table_now(connection, operation.table_name, operation.schema)
    old, new = operation.column_name, operation.modify_name
    name = table.state.name
    done = None
    clauses: list[str] = []
    names = table.state.column_names
    if new is not None and new in names and old not in names:
        return [already(f"rename column {name}.{old} to {new}")]
    column = _column(table, old)
    if new is not None:
        clauses += [] if is_mariadb(connection) else _renamed_checks(table.state, old, new)
        done = lambda connection: _has_column(connection, name, new)  # noqa: E731 - shorter than a function
    if new is not None and not _says_more(operation):
        clauses.insert(0, f"RENAME COLUMN {name_of(old)} TO {name_of(new)}")
        return [altered(table, *clauses, done=done)]
    definition = _definition(operation, table, column, connection)
    verb = f"CHANGE {name_of(old)} {name_of(new)}" if new else f"MODIFY {name_of(old)}"
    clauses.insert(0, f"{verb} {definition}")
    own = own_index(table, old)
    counts = _counts(operation, column)
    if counts and not has_lead(table, [old]):
        clauses.append(f"ADD UNIQUE INDEX {name_of(own)} {listed([old])}")
    elif not counts and table.index(own) is not None:
        clauses.append(f"DROP INDEX {name_of(own)}")
    copies = counts > (column.identity is not None) or _copies(
        operation, column, connection.dialect
    )
    return [altered(table, *clauses, done=done, copies=copies)]


def _column(table: LiveTable, name: str) -> ColumnState:
    if name not in table.state.column_names:
        raise RevisionProblem(
            f"{table.state.name} has no column {name}",
            "`andamios-orm schema show` shows which there are; correct the revision",
        )
    return table.state.column(name)


def _says_more(operation: ops.AlterColumnOp) -> bool:
    """Whether more than the name becomes different."""
    return (
        operation.modify_type is not None
        or operation.modify_nullable is not None
        or operation.modify_server_default is not False
        or operation.modify_comment is not False
        or "autoincrement" in operation.kw
    )


def _counts(operation: ops.AlterColumnOp, column: ColumnState) -> bool:
    """Whether the column counts by itself afterwards; one that does has no default."""
    told = operation.kw.get("autoincrement")
    if told is not None:
        return bool(told)
    return column.identity is not None and operation.modify_server_default is False


def _definition(
    operation: ops.AlterColumnOp,
    table: LiveTable,
    column: ColumnState,
    connection: sa.Connection,
) -> str:
    """Return what is written after the column's name."""
    dialect = connection.dialect
    retyped = operation.modify_type is not None
    words = [_type_sql(operation.modify_type, dialect)] if retyped else _type_words(column)
    if column.computed is not None:
        words += _computed_words(column)
    else:
        nullable = operation.modify_nullable
        optional = column.nullable if nullable is None else nullable
        words.append("NULL" if optional else "NOT NULL")
        words += _extra_words(table, column, connection)
        default = operation.modify_server_default
        if _counts(operation, column):
            words.append("AUTO_INCREMENT")
        elif default is False:
            words += _default_words(column, dialect)
        elif (written := _default_sql(default, dialect)) is not None:
            words.append(f"DEFAULT {written}")
    comment = column.comment if operation.modify_comment is False else operation.modify_comment
    if comment is not None:
        words.append(f"COMMENT {_text(comment, dialect)}")
    if not retyped and (check := _own_check(table, column.name, connection)) is not None:
        words.append(f"CHECK ({check})")
    return " ".join(words)


def _type_words(column: ColumnState) -> list[str]:
    collation = [] if column.collation is None else [f"COLLATE {column.collation}"]
    return [column.type, *collation]


def _computed_words(column: ColumnState) -> list[str]:
    return [f"GENERATED ALWAYS AS ({column.computed})", "STORED" if column.stored else "VIRTUAL"]


def _default_words(column: ColumnState, dialect: sa.Dialect) -> list[str]:
    if column.default is None:
        return []
    return [f"DEFAULT {_default_sql(sa.text(as_text(column.default)), dialect)}"]


_EXTRA = sa.text("""
SELECT extra FROM information_schema.columns
WHERE table_schema = :place AND table_name = :table AND column_name = :column""")
_OWN_CHECK = sa.text("""
SELECT check_clause FROM information_schema.check_constraints
WHERE constraint_schema = :place AND table_name = :table AND constraint_name = :column
    AND level = 'Column' AND check_clause <> :json""")


def _asked(table: LiveTable, column: str) -> dict[str, str]:
    return {"place": table.place, "table": table.state.name.name, "column": column}


def _extra_words(table: LiveTable, column: ColumnState, connection: sa.Connection) -> list[str]:
    """Return what no model declares."""
    extra = str(connection.scalar(_EXTRA, _asked(table, column.name)))
    return ["INVISIBLE"] if "INVISIBLE" in extra.upper() else []


def _own_check(table: LiveTable, column: str, connection: sa.Connection) -> str | None:
    """Return the CHECK that MariaDB keeps in a column's definition, but not that of JSON."""
    if not is_mariadb(connection):
        return None
    json = f"json_valid({name_of(column)})"
    found = connection.scalar(_OWN_CHECK, {**_asked(table, column), "json": json})
    return None if found is None else str(found)


def without_check(table: LiveTable, column: str, connection: sa.Connection) -> str | None:
    """Return the clause that drops the CHECK inside a column; None where it has none."""
    if column not in table.state.column_names or _own_check(table, column, connection) is None:
        return None
    same = ops.AlterColumnOp(table.state.name.name, column)
    # What a type brings with it, its CHECK too, is written anew with it.
    state = table.state.column(column)
    definition = _definition(same, table, state, connection)
    return f"MODIFY {name_of(column)} {definition.rpartition(' CHECK (')[0]}"


def _renamed_checks(table: TableState, old: str, new: str) -> list[str]:
    """Return what has CHECKs follow a column's new name, which MySQL does not by itself."""
    clauses = []
    for check in table.checks:
        sql = renamed_in(check.sql, old, new)
        if sql != check.sql:
            name = name_of(str(check.name))
            clauses += [f"DROP CONSTRAINT {name}", f"ADD CONSTRAINT {name} CHECK ({sql})"]
    return clauses


_LENGTH = re.compile(r"varchar\((\d+)\)")


def _copies(operation: ops.AlterColumnOp, column: ColumnState, dialect: sa.Dialect) -> bool:
    """Whether the server writes the table anew, as it does for most other types."""
    if operation.modify_type is None:
        return False
    new, old = _type_sql(operation.modify_type, dialect).lower(), column.type.lower()
    longer, known = _LENGTH.match(new), _LENGTH.match(old)
    if longer and known:
        # The length of a value is kept in one byte, or in two; a character may take four. Where it
        # could not have needed two bits more, MariaDB reads both.
        before, after = int(known[1]) * 4, int(longer[1]) * 4
        crossing = before < 256 <= after and not (dialect.is_mariadb and before < 128)  # type: ignore[attr-defined]  # of this dialect
        return before > after or crossing
    if new.startswith("enum(") and old.startswith("enum("):
        return not new.replace(", ", ",").startswith(old.removesuffix(")"))
    plain = re.sub(r"\(\d+\)| collate \w+| character set \w+", "", old)
    return plain != re.sub(r"\(\d+\)| collate \w+| character set \w+", "", new).replace(
        "integer", "int"
    )
