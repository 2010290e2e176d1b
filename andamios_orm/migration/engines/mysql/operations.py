"""What a revision file for MariaDB or MySQL does, beyond what it does on every engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from alembic.operations import MigrateOperation, ops

from andamios_orm.migration import planning
from andamios_orm.migration.changes import (
    AddColumn,
    AddConstraint,
    AddTable,
    AlterColumn,
    AlterOptions,
    Change,
    DropColumn,
    DropConstraint,
    RenameConstraint,
    ReplaceConstraint,
)
from andamios_orm.migration.engines.mysql.altering import told_table
from andamios_orm.migration.engines.mysql.types import column_type
from andamios_orm.migration.operations import MoveTableOp
from andamios_orm.migration.state import ColumnState, SchemaState, TableState

__all__ = ["operations"]


def operations(
    changes: Sequence[Change], before: SchemaState, after: SchemaState
) -> list[MigrateOperation]:
    """Return what a revision file does to make the changes, in order."""
    options = [change for change in changes if isinstance(change, AlterOptions)]
    found: list[Change] = [c for c in changes if not isinstance(c, AlterOptions)]
    for change in options:
        found += _inherited(change, after.tables[change.table], found)
    found = sorted(_without_keys(found, after), key=_dependence)
    planned = planning.direct(found, before, after, column_type=column_type)
    for operation in planned:
        if isinstance(operation, ops.CreateIndexOp):
            _name_kind(operation, after.engine)
    place = _place_of_options(planned)
    made = [ops.ExecuteSQLOp(_options(change)) for change in options]
    return [*planned[:place], *made, *planned[place:]]


def _dependence(change: Change) -> int:
    """Have columns that are computed from others come after them, and go before them."""
    if isinstance(change, AddColumn):
        return int(change.column.computed is not None)
    if isinstance(change, DropColumn):
        return int(change.column.computed is None)
    return 0


def _name_kind(operation: ops.CreateIndexOp, engine: str) -> None:
    """Have a FULLTEXT or SPATIAL index written as SQLAlchemy does."""
    kind = operation.kw.pop(f"{engine}_using", None)
    if kind is not None:
        operation.kw[f"{engine}_prefix"] = kind


# ---- foreign keys --------------------------------------------------------------------------------


def _without_keys(changes: Iterable[Change], after: SchemaState) -> Iterator[Change]:
    """Yield the changes, with no foreign key on a column while that gets another type."""
    known = list(changes)
    retyped = {
        (change.table, change.after.name)
        for change in known
        if isinstance(change, AlterColumn) and {"type", "collation"} & set(change.aspects)
    }
    new = [change.table for change in known if isinstance(change, AddTable)]
    renamed = {(c.table, c.after): c for c in known if isinstance(c, RenameConstraint)}
    coming = [
        (change.table, change.constraint if isinstance(change, AddConstraint) else change.after)
        for change in known
        if isinstance(change, AddConstraint | ReplaceConstraint)
    ]
    for table in after.tables.values():
        for key in table.foreign_keys:
            ends = {(table.name, c) for c in key.columns}
            ends |= {(key.target, c) for c in key.target_columns}
            if retyped & ends and table.name not in new and (table.name, key) not in coming:
                old = key
                if (table.name, key) in renamed:
                    change = renamed[table.name, key]
                    old = replace(key, name=change.before.name)
                    known.remove(change)
                known += [DropConstraint(table.name, old), AddConstraint(table.name, key)]
    yield from known


# ---- what is written after the columns -----------------------------------------------------------

_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")


def _inherited(
    change: AlterOptions, table: TableState, changes: Iterable[Change]
) -> Iterator[Change]:
    """Yield the columns whose collation is their table's, and would stay what it was."""
    old = _charset(change.before)
    if old == _charset(change.after):
        return
    others = {c.after.name for c in changes if isinstance(c, AlterColumn) and c.table == table.name}
    others |= {c.column.name for c in changes if isinstance(c, AddColumn) and c.table == table.name}
    for column in table.columns:
        if column.name not in others and column.collation is None and _is_text(column):
            yield AlterColumn(table.name, replace(column, collation=old[1]), column)


def _is_text(column: ColumnState) -> bool:
    return column.type.partition("(")[0] in _TEXTS


def _charset(options: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the character set that a table's options say, and a collation of it."""
    found = {name.partition("_")[2]: value for name, value in options}
    charset = found.get("charset", "utf8mb4")
    return charset, found.get("collate", f"{charset}_general_ci")


_USUAL = {"row_format": "DEFAULT", "key_block_size": "0", "checksum": "0"}


def _options(change: AlterOptions) -> str:
    before = {name.partition("_")[2]: value for name, value in change.before}
    after = {name.partition("_")[2]: value for name, value in change.after}
    words = []
    if _charset(change.before) != _charset(change.after):
        collation = f" COLLATE={after['collate']}" if "collate" in after else ""
        words.append(f"DEFAULT CHARSET={after['charset']}{collation}")
    for name in sorted(before.keys() | after.keys()):
        if name not in ("charset", "collate") and before.get(name) != after.get(name):
            value = after.get(name, _USUAL.get(name, "DEFAULT"))
            words.append(f"{name.upper()}={value}")
    return f"ALTER TABLE {told_table(change.table)} {', '.join(words)}"


def _place_of_options(planned: Sequence[MigrateOperation]) -> int:
    """Return where tables have their new names, and nothing else has happened."""
    place = 0
    for number, operation in enumerate(planned, 1):
        if isinstance(operation, ops.RenameTableOp | MoveTableOp):
            place = number
    return place
