"""What an operation would remove, and how it is put aside first.

Nothing that held data is gone with the migration that drops it: its rows are copied into a table
beside, from which the way back takes them, and which a person removes when nobody wants them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import DestructionRefused
from andamios_orm.migration.operations import AlterEnumOp, RebuildTableOp
from andamios_orm.migration.sql_names import names_in
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["Loss", "counting", "live", "losses", "refuse_losses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Data that an operation would remove: a table, a column of it, or what SQL of a person does.

    `name` is what permission is given for, `hero` or `hero.email`.
    """

    name: str
    table: TableName | None = None
    column: str | None = None
    told: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is put aside before it is removed."""
        return self.table is not None


_DESTROYING = re.compile(
    r"\b(?:DROP\s+(?:TABLE|SCHEMA|DATABASE)|TRUNCATE|DELETE\s+FROM)\b(?:\s+TABLE)?"
    r"(?:\s+IF\s+EXISTS)?(?:\s+ONLY)?\s*(?P<name>[\w.\"`]+)?",
    re.IGNORECASE,
)

_ALTERED_TABLE = re.compile(
    r"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<name>[\w.\"`]+)(?P<how>[^;]*)",
    re.IGNORECASE,
)
_DROPPED_COLUMN = re.compile(
    r"\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?(?P<name>[\w\"`]+)", re.IGNORECASE
)


def losses(operation: MigrateOperation, state: SchemaState) -> Iterator[Loss]:
    """Yield what an operation would remove from a database in `state`."""
    match operation:
        case ops.DropTableOp():
            name = TableName(operation.table_name, operation.schema)
            yield Loss(name=str(name), table=name)
        case ops.DropColumnOp():
            name = TableName(operation.table_name, operation.schema)
            known = state.tables.get(name)
            # The values of a computed column are those of others.
            if known is None or not _is_computed(known, operation.column_name):
                yield Loss(
                    name=f"{name}.{operation.column_name}",
                    table=name,
                    column=operation.column_name,
                )
        case RebuildTableOp():
            yield from _lost_columns(operation, state)
        case AlterEnumOp():
            kept = {*operation.after, *operation.renamed, *operation.replaced}
            name = TableName(operation.name, operation.schema)
            for label in operation.before:
                if label not in kept:
                    yield Loss(name=f"{name}.{label}", told="a label of an enum")
        case ops.ExecuteSQLOp():
            yield from _lost_by(str(operation.sqltext))


def _lost_by(sql: str) -> Iterator[Loss]:
    """Yield what the statements of a person say that they remove."""
    for found in _DESTROYING.finditer(sql):
        yield Loss(name=_plain(found["name"] or "?"), told=_in_line(found.group()))
    for altered in _ALTERED_TABLE.finditer(sql):
        for found in _DROPPED_COLUMN.finditer(altered["how"]):
            name = f"{_plain(altered['name'])}.{_plain(found['name'])}"
            yield Loss(name=name, told=_in_line(found.group()))


def _plain(name: str) -> str:
    return name.replace('"', "").replace("`", "")


def _in_line(sql: str) -> str:
    return " ".join(sql.split())


def _is_computed(table: TableState, column: str) -> bool:
    return column in table.column_names and table.column(column).computed is not None


def _lost_columns(operation: RebuildTableOp, state: SchemaState) -> Iterator[Loss]:
    name = TableName(operation.table_name, operation.schema)
    table = state.tables.get(name)
    if table is None:
        return
    there = {item.name for item in operation.items if isinstance(item, sa.Column)}
    used = set[str]().union(*map(names_in, operation.copy.values()))
    for column in table.columns:
        if column.name in there | used:
            continue
        if column.computed is None:
            yield Loss(name=f"{name}.{column.name}", table=name, column=column.name)


def refuse_losses(found: Mapping[Loss, int], allow: Collection[str]) -> None:
    """Raise DestructionRefused for losses that are not allowed; `found` has how many rows each.

    A permission for a table is one for its columns.
    """
    refused = {
        loss.name: (loss, rows)
        for loss, rows in found.items()
        if loss.name not in allow and not (loss.column and str(loss.table) in allow)
    }
    if not refused:
        return
    told = "; ".join(
        f"{loss.name} ({loss.told or f'{rows} row(s) have data in it'})"
        for loss, rows in refused.values()
    )
    options = " ".join(f"--allow-destructive {name}" for name in refused)
    raise DestructionRefused(
        f"the migration would remove {told}",
        f"if that is meant, add {options}; tables and columns are put aside first, and"
        " `andamios-orm migrate purge` removes them for good",
        objects={name: rows for name, (_, rows) in refused.items()},
    )


def live(found: Iterable[Loss], state: SchemaState) -> Iterator[Loss]:
    """Yield the losses of what a database in `state` holds.

    A table or column that only an earlier operation of the same migration makes has nothing to
    lose; nor has a database that is empty, whatever the statements of a person are.
    """
    for loss in found:
        if loss.table is None:
            is_there = bool(state.tables)
        else:
            table = state.tables.get(loss.table)
            is_there = table is not None and loss.column in (None, *table.column_names)
        if is_there:
            yield loss


def counting(loss: Loss, connection: sa.Connection) -> str | None:
    """Return the query that counts the rows of a loss; None where nobody can."""
    if loss.table is None:
        return None
    table = sa.table(loss.table.name, schema=loss.table.schema)
    query = sa.select(sa.func.count()).select_from(table)
    if loss.column is not None:
        query = query.where(sa.column(loss.column).is_not(None))
    return str(query.compile(connection))
