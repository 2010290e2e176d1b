"""The order in which tables are made anew: none may lose the key that another one refers to."""

from __future__ import annotations

from collections.abc import Sequence

from alembic.operations import MigrateOperation, ops

from andamios_orm.backends.duckdb.type_names import to_type
from andamios_orm.errors import NotSupported
from andamios_orm.migration.changes import (
    AddColumn,
    AddEnum,
    AddIndex,
    AddSequence,
    AlterColumn,
    AlterComment,
    AlterEnum,
    AlterSequence,
    Change,
    DropEnum,
    DropIndex,
    DropSequence,
    RenameColumn,
    RenameIndex,
    RenameTable,
    ReplaceIndex,
)
from andamios_orm.migration.engines.duckdb.alterations import table_of
from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.planning import rebuilding
from andamios_orm.migration.renaming import rename_column, rename_table
from andamios_orm.migration.state import ForeignKeyState, SchemaState, TableName

__all__ = ["operations"]


def operations(
    changes: Sequence[Change], before: SchemaState, after: SchemaState
) -> Sequence[MigrateOperation]:
    """Return what a revision file does to make the changes, in order."""
    made: list[Change] = []
    for change in changes:
        if isinstance(change, ReplaceIndex):
            # Nobody reads meanwhile, so the old one need not serve until the new one is there.
            made += [DropIndex(change.table, change.before), AddIndex(change.table, change.after)]
        elif isinstance(change, AlterSequence):
            raise NotSupported(
                f"DuckDB cannot change a sequence, and {change.after.name} is declared otherwise",
                "declare it under another name, or change it with op.execute() in a revision that"
                " `andamios-orm migrate new --empty` begins",
            )
        else:
            made.append(change)
    anew = {
        change.table
        for change in made
        if not isinstance(change, RenameColumn | _OfNoTable) and not _is_in_place(change)
    }

    def in_place(change: Change) -> bool:
        # A column gets its new name together with whatever else makes its table anew.
        if isinstance(change, RenameColumn):
            return change.table not in anew
        return _is_in_place(change)

    found = rebuilding(made, before, after, in_place=in_place, column_type=to_type)
    return _ordered(found, _renamed(made, before), after)


def _is_in_place(change: Change) -> bool:
    """Whether DuckDB does this to a table, whatever refers to it."""
    match change:
        case AddColumn(_, column):
            made = column.identity is not None or column.computed is not None
            return column.nullable and column.collation is None and not made
        case AlterColumn():
            return set(change.aspects) <= {"default", "comment"}
        case AlterComment() | AddIndex() | DropIndex() | RenameIndex() | RenameTable():
            return True
        case _:
            return False


def _renamed(changes: Sequence[Change], before: SchemaState) -> SchemaState:
    """Return the state before under the names after."""
    for change in changes:
        if isinstance(change, RenameTable):
            before = rename_table(before, change.old, change.table)
    for change in changes:
        if isinstance(change, RenameColumn):
            before = rename_column(before, change.table, change.old, change.new)
    return before


_OfNoTable = AddEnum | DropEnum | AlterEnum | AddSequence | AlterSequence | DropSequence
_OfTable = ops.CreateTableOp | ops.DropTableOp | RebuildTableOp


def _ordered(
    made: Sequence[MigrateOperation], before: SchemaState, after: SchemaState
) -> Sequence[MigrateOperation]:
    """Return the operations with each foreign key gone before its target, and added after it."""
    groups: list[list[MigrateOperation]] = []
    places: dict[TableName, int] = {}
    for operation in made:
        if isinstance(operation, _OfTable):
            places[table_of(operation)] = len(groups)
        elif groups and isinstance(operation, ops.CreateIndexOp):
            place = places.get(table_of(operation))
            if place is not None and isinstance(groups[place][0], ops.CreateTableOp):
                groups[place].append(operation)
                continue
        groups.append([operation])
    first: dict[int, set[int]] = {place: set() for place in range(len(groups))}
    for name, place in places.items():
        old, new = _keys(before, name), _keys(after, name)
        for key in new - old:
            if key.target in places and key.target != name:
                first[place].add(places[key.target])
        for key in old - new:
            if key.target in places and key.target != name:
                first[places[key.target]].add(place)
    done: list[int] = []
    while len(done) < len(groups):
        left = [place for place in first if place not in done]
        # In a circle nothing else helps than to try.
        done.append(next((p for p in left if first[p] <= set(done)), left[0]))
    return [operation for place in done for operation in groups[place]]


def _keys(state: SchemaState, name: TableName) -> set[ForeignKeyState]:
    table = state.tables.get(name)
    return set() if table is None else set(table.foreign_keys)
