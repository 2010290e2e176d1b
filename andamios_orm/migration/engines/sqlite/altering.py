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
            made = column.computed is not None and column.stored
            # The rows that exist would need the value of an expression.
            asked = column.default is not None and column.default.startswith(("(", "CURRENT_"))
            return column.nullable and not made and not asked
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
