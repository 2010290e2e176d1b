"""Which changes SQLite makes in place; all others make their table anew."""

from __future__ import annotations

from andamios_orm.migration.changes import (
    AddColumn,
    AddIndex,
    Change,
    DropColumn,
    DropIndex,
    RenameColumn,
    RenameIndex,
    RenameTable,
    ReplaceIndex,
)

__all__ = ["in_place"]


def in_place(change: Change) -> bool:
    """Whether SQLite has an ALTER, or a statement on indexes, that is all of the change."""
    match change:
        case AddColumn(_, column):
            # A column that is empty breaks no rule, of an index for one. Any other has values, for
            # which the table is counted through as a whole.
            return column.nullable and column.default is None and column.computed is None
        case DropColumn(_, column):
            # SQLite does not take out of an expression what it is made of.
            return column.computed is None
        case (
            AddIndex()
            | DropIndex()
            | RenameColumn()
            | RenameIndex()
            | RenameTable()
            | ReplaceIndex()
        ):
            return True
        case _:
            return False
