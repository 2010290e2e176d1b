"""The order in which tables are made anew: none may lose the key that another one refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alembic.operations import MigrateOperation, ops

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
from andamios_orm.migration.engines.duckdb.alterations import table_of, whole
from andamios_orm.migration.engines.duckdb.types import column_type
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

    found = rebuilding(made, before, after, in_place=in_place, column_type=column_type)
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
    return _Ordering(made, before, after).operations()


@dataclass(slots=True)
class _Group:
    """Operations that stay together, and what becomes of a table's foreign keys with them."""

    operations: list[MigrateOperation]
    table: TableName | None = None
    loses: bool = True
    gets: bool = True


class _Ordering:
    def __init__(
        self, made: Sequence[MigrateOperation], before: SchemaState, after: SchemaState
    ) -> None:
        self._made, self._before, self._after = made, before, after
        self._tables = {table_of(one) for one in made if isinstance(one, _OfTable)}
        # Tables that are made anew twice: one foreign key of theirs has to go before something
        # changes, and another can only come after it.
        self._twice: set[TableName] = set()

    def operations(self) -> Sequence[MigrateOperation]:
        """Return the operations in order."""
        while True:
            groups = self._groups()
            earlier = self._earlier(groups)
            done: list[int] = []
            while free := [p for p in earlier if p not in done and earlier[p] <= set(done)]:
                done.append(free[0])
            if len(done) == len(groups):
                return [operation for place in done for operation in groups[place].operations]
            # Without such a table there is no circle: neither state has one.
            self._twice.add(
                next(
                    group.table
                    for place, group in enumerate(groups)
                    if place not in done
                    and group.table is not None
                    and group.table not in self._twice
                    and self._gone(group.table)
                    and self._come(group.table)
                )
            )

    def _groups(self) -> Sequence[_Group]:
        """Return what stays together: a table that is created, and its indexes."""
        groups: list[_Group] = []
        created: dict[TableName, _Group] = {}
        for operation in self._made:
            if isinstance(operation, ops.CreateIndexOp) and table_of(operation) in created:
                created[table_of(operation)].operations.append(operation)
                continue
            if not isinstance(operation, _OfTable):
                groups.append(_Group([operation]))
                continue
            name = table_of(operation)
            if isinstance(operation, RebuildTableOp) and name in self._twice:
                state = self._after.tables[name]
                come = self._come(name)
                keys = tuple(key for key in state.foreign_keys if key not in come)
                first = whole(replace(state, foreign_keys=keys), operation.copy)
                groups.append(_Group([first], name, gets=False))
                groups.append(_Group([whole(state)], name, loses=False))
                continue
            groups.append(_Group([operation], name))
            if isinstance(operation, ops.CreateTableOp):
                created[name] = groups[-1]
        return groups

    def _earlier(self, groups: Sequence[_Group]) -> Mapping[int, set[int]]:
        """Return the groups that come before each."""
        losing = {group.table: place for place, group in enumerate(groups) if group.loses}
        getting = {group.table: place for place, group in enumerate(groups) if group.gets}
        found: dict[int, set[int]] = {place: set() for place in range(len(groups))}
        for name in self._tables:
            found[getting[name]] |= {losing[name]} - {getting[name]}
            found[getting[name]] |= {getting[key.target] for key in self._come(name)}
            for key in self._gone(name):
                found[losing[key.target]].add(losing[name])
        return found

    def _gone(self, name: TableName) -> set[ForeignKeyState]:
        return self._keys(self._before, name) - self._keys(self._after, name)

    def _come(self, name: TableName) -> set[ForeignKeyState]:
        """Return the foreign keys that are new, or whose target is of another type."""
        before = self._keys(self._before, name)
        return {
            key
            for key in self._keys(self._after, name)
            if key not in before or self._types(self._before, key) != self._types(self._after, key)
        }

    def _types(self, state: SchemaState, key: ForeignKeyState) -> list[str]:
        return [state.tables[key.target].column(column).type for column in key.target_columns]

    def _keys(self, state: SchemaState, name: TableName) -> set[ForeignKeyState]:
        """Return the foreign keys to other tables that change."""
        table = state.tables.get(name)
        keys = () if table is None else table.foreign_keys
        return {key for key in keys if key.target in self._tables and key.target != name}
