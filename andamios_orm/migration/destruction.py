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
from andamios_orm.migration.sql_names import columns_in, unquoted
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


_NAME = r"""(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\]|[\w$]+)"""
_FULL = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_SEVERAL = rf"{_FULL}(?:\s*,\s*{_FULL})*"
_DESTROYING = re.compile(
    r"\b(?:DROP\s+(?:TEMPORARY\s+)?(?:TABLE|SCHEMA|DATABASE)|TRUNCATE"
    r"|DROP\s+OWNED\s+BY|CREATE\s+OR\s+REPLACE\s+TABLE"
    rf"|DELETE(?:\s+(?:LOW_PRIORITY|QUICK|IGNORE))*(?:\s+{_SEVERAL})?\s+FROM)\b(?:\s+TABLE)?"
    rf"(?:\s+IF\s+EXISTS)?(?:\s+ONLY\b)?\s*(?P<names>{_SEVERAL})?",
    re.IGNORECASE,
)
_ALTERING = re.compile(
    rf"\bALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<table>{_FULL})(?P<actions>[^;]*)",
    re.IGNORECASE,
)
_DROPPING = re.compile(
    r"\bDROP\s+(?:COLUMN\s+|(?!(?:CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|DEFAULT|NOT|IDENTITY"
    r"|EXPRESSION)\b))"
    rf"(?:IF\s+EXISTS\s+)?(?P<column>{_NAME})",
    re.IGNORECASE,
)
_CASCADING = re.compile(
    rf"\bDROP\s+(?:TYPE|DOMAIN|EXTENSION)\s+(?:IF\s+EXISTS\s+)?(?P<names>{_SEVERAL})\s+CASCADE\b",
    re.IGNORECASE,
)
# MySQL runs what stands in /*! */.
_COMMENT = re.compile(r"--[^\n]*|/\*(?!!).*?\*/|/\*!\d*|\*/", re.DOTALL)


def _of_statement(sql: str) -> Iterator[Loss]:
    """Yield what a statement of a person removes, as far as its words tell."""
    for pattern in (_DESTROYING, _CASCADING):
        for found in pattern.finditer(sql):
            told = " ".join(found.group().split())
            names = re.findall(_FULL, found["names"] or "") or ["?"]
            yield from (Loss(name=_called(name), told=told) for name in names)
    for altered in _ALTERING.finditer(sql):
        table = _called(altered["table"])
        for found in _DROPPING.finditer(altered["actions"]):
            told = " ".join(found.group().split())
            column = _called(found["column"])
            yield Loss(name=f"{table}.{column}", column=column, told=told)


def _called(name: str) -> str:
    return ".".join(unquoted(part) for part in re.findall(_NAME, name))


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
            sql = str(operation.sqltext)
            # A comment may part words; what looks like one in a text may be none.
            found = [*_of_statement(sql), *_of_statement(_COMMENT.sub(" ", sql))]
            yield from {loss.name: loss for loss in found}.values()


def _is_computed(table: TableState, column: str) -> bool:
    return column in table.column_names and table.column(column).computed is not None


def _lost_columns(operation: RebuildTableOp, state: SchemaState) -> Iterator[Loss]:
    name = TableName(operation.table_name, operation.schema)
    table = state.tables.get(name)
    if table is None:
        return
    there = {item.name for item in operation.items if isinstance(item, sa.Column)}
    used = {name.lower() for sql in operation.copy.values() for name in columns_in(sql)}
    for column in table.columns:
        if column.name in there or column.name.lower() in used:
            continue
        if column.computed is None:
            yield Loss(name=f"{name}.{column.name}", table=name, column=column.name)


def _table_of(loss: Loss) -> str:
    return loss.name.removesuffix(f".{loss.column}")


def refuse_losses(found: Mapping[Loss, int], allow: Collection[str]) -> None:
    """Raise DestructionRefused for losses that are not allowed; `found` has how many rows each.

    A permission for a table is one for its columns.
    """
    refused = {
        loss.name: (loss, rows)
        for loss, rows in found.items()
        if loss.name not in allow and not (loss.column and _table_of(loss) in allow)
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
