"""Keys, UNIQUEs, CHECKs and foreign keys."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic.operations import ops

from andamios_orm.errors import RevisionProblem, RowsInTheWay
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.mysql.altering import (
    alone,
    already,
    altered,
    has_lead,
    index_dropped,
    listed,
    name_of,
    own_index,
    serving_index,
    table_now,
    told_table,
)
from andamios_orm.migration.engines.mysql.columns import without_check
from andamios_orm.migration.engines.mysql.inspection import LiveTable, live_table
from andamios_orm.migration.engines.mysql.questions import orphans
from andamios_orm.migration.engines.statements import statements_of
from andamios_orm.migration.operations import RenameConstraintOp
from andamios_orm.migration.sql_names import unwrapped
from andamios_orm.migration.state import CheckState, ForeignKeyState, KeyState, TableName

__all__ = [
    "create_check",
    "create_foreign_key",
    "create_primary_key",
    "create_unique",
    "drop_constraint",
    "rename_constraint",
]


def _has_index(connection: sa.Connection, table: TableName, name: str | None) -> bool:
    found = live_table(connection, table)
    return found is not None and found.index(name) is not None


def _has(connection: sa.Connection, table: TableName, name: str | None) -> bool:
    """Whether the table has a CHECK or foreign key of that name."""
    found = live_table(connection, table)
    return found is not None and _constraint(found, name) is not None


def _constraint(table: LiveTable, name: str | None) -> CheckState | ForeignKeyState | None:
    known: list[CheckState | ForeignKeyState] = [*table.state.checks, *table.state.foreign_keys]
    return next((constraint for constraint in known if constraint.name == name), None)


def _clause(statement: str) -> str:
    """Return what an ALTER TABLE of alembic does, without the driver's marks."""
    return statement[statement.index(" ADD ") + 1 :].replace("%%", "%")


# ---- keys ----------------------------------------------------------------------------------------


def create_primary_key(operation: ops.CreatePrimaryKeyOp, connection: sa.Connection) -> list[Step]:
    """Return the step to a primary key, in the place of the one that there is."""
    table = table_now(connection, operation.table_name, operation.schema)
    columns, name = tuple(operation.columns), table.state.name
    clauses = [] if table.state.primary_key is None else ["DROP PRIMARY KEY"]
    clauses.append(f"ADD PRIMARY KEY {listed(columns)}")
    own = own_index(table, columns[0])
    if table.index(own) is not None:
        clauses.append(f"DROP INDEX {name_of(own)}")

    def done(connection: sa.Connection) -> bool:
        found = live_table(connection, name)
        return found is not None and found.state.primary_key == KeyState(name=None, columns=columns)

    return [altered(table, *clauses, done=done)]


def create_unique(
    operation: ops.CreateUniqueConstraintOp, connection: sa.Connection
) -> list[Step] | None:
    """Return the step to a UNIQUE; None for one without a name, which cannot be found again."""
    if operation.constraint_name is None:
        return None
    table = table_now(connection, operation.table_name, operation.schema)
    name, own = table.state.name, str(operation.constraint_name)
    types = [table.state.column(c).type for c in operation.columns if c in table.state.column_names]
    return [
        altered(
            table,
            f"ADD CONSTRAINT {name_of(own)} UNIQUE {listed(list(operation.columns))}",
            done=lambda connection: _has_index(connection, name, own),
            # Over values without a limit MariaDB makes it of a hash.
            copies=any(type_.endswith(("text", "blob", "json")) for type_ in types),
        )
    ]


# ---- CHECKs --------------------------------------------------------------------------------------


def create_check(
    operation: ops.CreateCheckConstraintOp, connection: sa.Connection
) -> list[Step] | None:
    """Return the step to a CHECK; None for one without a name, which cannot be found again."""
    if operation.constraint_name is None:
        return None
    table = table_now(connection, operation.table_name, operation.schema)
    name, own = table.state.name, str(operation.constraint_name)
    [statement] = statements_of(operation, connection.dialect)
    return [
        altered(
            table,
            _clause(statement),
            done=lambda connection: _has(connection, name, own),
            copies=True,
        )
    ]


# ---- foreign keys --------------------------------------------------------------------------------


def _foreign_key(name: str, key: ForeignKeyState) -> str:
    actions = f" ON DELETE {key.on_delete}" if key.on_delete else ""
    actions += f" ON UPDATE {key.on_update}" if key.on_update else ""
    return (
        f"ADD CONSTRAINT {name_of(name)} FOREIGN KEY {listed(key.columns)}"
        f" REFERENCES {told_table(key.target)} {listed(key.target_columns)}{actions}"
    )


_UNCHECKED = "SET SESSION foreign_key_checks = 0"
_CHECKED = "SET SESSION foreign_key_checks = 1"


def create_foreign_key(
    operation: ops.CreateForeignKeyOp, connection: sa.Connection
) -> list[Step] | None:
    """Return the steps to a foreign key; None for one without a name, which cannot be found again.

    Where both sides fit, it holds for new rows at once, without a copy of the table; the rows that
    there are are looked at afterwards.
    """
    if operation.constraint_name is None:
        return None
    own = str(operation.constraint_name)
    table = table_now(connection, operation.source_table, operation.kw.get("source_schema"))
    target = table_now(connection, operation.referent_table, operation.kw.get("referent_schema"))
    [statement] = statements_of(operation, connection.dialect)
    clause = _clause(statement)
    name, columns, others = table.state.name, operation.local_cols, operation.remote_cols

    def done(connection: sa.Connection) -> bool:
        return _has(connection, name, own)

    if not _fits(table, columns, target, others):
        return [altered(table, clause, done=done, copies=True)]

    def look(connection: sa.Connection) -> None:
        sql = orphans(name, columns, target.state.name, others)
        count = connection.exec_driver_sql(sql).scalar()
        if count:
            raise RowsInTheWay(
                f"{count} row(s) of {name} refer to no row of {target.state.name} in"
                f" {', '.join(columns)}",
                "change those rows, then `andamios-orm migrate resume`",
                counts={f"{name}.{', '.join(columns)}": int(count)},
            )

    added = f"ALTER TABLE {table.sql} {clause}"
    return [
        alone(_UNCHECKED, added, _CHECKED, done=done),
        Step(
            run=look,
            transaction=False,
            told=f"look for rows of {name} that refer to no row of {target.state.name}",
            lock=False,
        ),
    ]


def _fits(
    table: LiveTable, columns: Sequence[str], target: LiveTable, others: Sequence[str]
) -> bool:
    """Whether the server would find nothing wrong but rows."""
    known = set(columns) <= set(table.state.column_names)
    if not known or not set(others) <= set(target.state.column_names):
        return False
    pairs = [
        (table.state.column(ours), target.state.column(theirs))
        for ours, theirs in zip(columns, others, strict=True)
    ]
    same = all(
        (a.type, a.collation) == (b.type, b.collation) and a.computed is None for a, b in pairs
    )
    alike = dict(table.state.options) == dict(target.state.options)
    return same and alike and has_lead(target, list(others))


# ---- dropped and renamed -------------------------------------------------------------------------


def drop_constraint(operation: ops.DropConstraintOp, connection: sa.Connection) -> list[Step]:
    """Return the step that drops a constraint, and the index that was there only for it."""
    table = table_now(connection, operation.table_name, operation.schema)
    name = None if operation.constraint_name is None else str(operation.constraint_name)
    of, kind = table.state.name, operation.constraint_type
    if kind == "primary" or name is None:
        return [
            altered(
                table,
                *index_dropped(table, "PRIMARY"),
                done=lambda connection: not _has_index(connection, of, "PRIMARY"),
            )
        ]
    found = _constraint(table, name)
    if kind == "unique" or (kind is None and found is None):
        return [
            altered(
                table,
                *index_dropped(table, name),
                done=lambda connection: not _has_index(connection, of, name),
            )
        ]

    def done(connection: sa.Connection) -> bool:
        return not _has(connection, of, name)

    if isinstance(found, ForeignKeyState):
        return [altered(table, *_foreign_key_dropped(table, found), done=done)]
    clause = without_check(table, name, connection) or f"DROP CONSTRAINT {name_of(name)}"
    return [altered(table, clause, done=done)]


def _foreign_key_dropped(table: LiveTable, key: ForeignKeyState) -> list[str]:
    clauses = [f"DROP FOREIGN KEY {name_of(str(key.name))}"]
    index = serving_index(table, key)
    others = [other for other in table.state.foreign_keys if other != key]
    if index is not None and not any(
        index.names[: len(other.columns)] == other.columns
        and not has_lead(table, other.columns, without=[index.name])
        for other in others
    ):
        clauses.append(f"DROP INDEX {name_of(index.name)}")
    return clauses


def rename_constraint(operation: RenameConstraintOp, connection: sa.Connection) -> list[Step]:
    """Return the step that gives a constraint another name: most are made anew for that.

    Raises RevisionProblem for one that is not there.
    """
    table = table_now(connection, operation.table_name, operation.schema)
    of, old, new = table.state.name, operation.old, operation.new
    found = _constraint(table, old)
    if found is None:
        if table.index(old) is None:
            if _constraint(table, new) is not None or table.index(new) is not None:
                return [already(f"rename constraint {old} of {of} to {new}")]
            raise RevisionProblem(
                f"{of} has no constraint {old}",
                "`andamios-orm schema show` shows which there are; correct the revision",
            )
        return [
            altered(
                table,
                f"RENAME INDEX {name_of(old)} TO {name_of(new)}",
                done=lambda connection: _has_index(connection, of, new),
            )
        ]

    def done(connection: sa.Connection) -> bool:
        return _has(connection, of, new)

    if isinstance(found, CheckState):
        dropped = without_check(table, old, connection) or f"DROP CONSTRAINT {name_of(old)}"
        made = f"ADD CONSTRAINT {name_of(new)} CHECK ({unwrapped(found.sql)})"
        return [altered(table, dropped, made, done=done, copies=True)]
    clauses = [f"DROP FOREIGN KEY {name_of(old)}"]
    index = serving_index(table, found)
    if index is not None:
        clauses.append(f"RENAME INDEX {name_of(index.name)} TO {name_of(new)}")
    clauses.append(_foreign_key(new, found))
    # It holds already, so no row has to be looked at.
    return [alone(_UNCHECKED, f"ALTER TABLE {table.sql} {', '.join(clauses)}", _CHECKED, done=done)]
