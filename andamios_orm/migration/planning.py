"""Changes as operations of a revision file, in an order in which each finds what it needs.

`direct` is for engines that alter tables, `rebuilding` for those that must create most of them
anew. Both write what is meant; how it is done without harm is the engine's steps' affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.changes import (
    AddColumn,
    AddConstraint,
    AddEnum,
    AddIndex,
    AddSequence,
    AddTable,
    AlterColumn,
    AlterComment,
    AlterEnum,
    AlterSequence,
    Change,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropSequence,
    DropTable,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    ReplaceConstraint,
    ReplaceIndex,
)
from andamios_orm.migration.items import (
    ColumnType,
    column_item,
    default_item,
    index_item,
    index_options,
    index_parts,
    key_options,
    refuse_dots,
    table_items,
    type_item,
    unique_options,
)
from andamios_orm.migration.operations import (
    UNFINISHED,
    AlterEnumOp,
    BackfillOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.renaming import named_after
from andamios_orm.migration.sql_names import as_text, quoted, unwrapped
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ConstraintState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
    UniqueState,
)

__all__ = ["direct", "filled", "rebuilding"]

Operations = list[MigrateOperation]


def direct(
    changes: Sequence[Change],
    before: SchemaState,
    after: SchemaState,
    *,
    column_type: ColumnType,
) -> Operations:
    """Return the operations for an engine that can alter everything."""
    return _Planner(changes, before, after, column_type).direct()


def rebuilding(
    changes: Sequence[Change],
    before: SchemaState,
    after: SchemaState,
    *,
    in_place: Callable[[Change], bool],
    column_type: ColumnType,
) -> Operations:
    """Return the operations for an engine that alters only what `in_place` says.

    Any other change makes its table anew, with all of the table's other changes.
    """
    return _Planner(changes, before, after, column_type).rebuilding(in_place)


class _Planner:
    def __init__(
        self,
        changes: Sequence[Change],
        before: SchemaState,
        after: SchemaState,
        column_type: ColumnType,
    ) -> None:
        self._changes, self._before, self._after = changes, before, after
        self._column_type = column_type
        self._prefix = after.engine

    # -- engines that alter

    def direct(self) -> Operations:
        changes = [*self._changes, *self._keys_in_the_way()]
        phases: list[list[MigrateOperation]] = [[] for _ in range(_PHASES)]
        phases[_TYPES] += self._new_schemas()
        added = [change.state for change in changes if isinstance(change, AddTable)]
        dropped = [change.state for change in changes if isinstance(change, DropTable)]
        for change in changes:
            for phase, operation in self._operations(change):
                phases[phase].append(operation)
        for operation, phase in self._tables(added):
            phases[phase].append(operation)
        for operation, phase in self._without_tables(dropped):
            phases[phase].append(operation)
        return [operation for phase in phases for operation in phase]

    def _new_schemas(self) -> Operations:
        """Return what creates the schemas of tables where there has been no table yet."""
        known = {name.schema for name in self._before.tables}
        needed = {name.schema for name in self._after.tables if name.schema is not None}
        return [
            ops.ExecuteSQLOp(f"CREATE SCHEMA IF NOT EXISTS {self._quoted(schema)}")
            for schema in sorted(needed - known)
        ]

    def _quoted(self, name: TableName | str) -> str:
        """Return a name as it stands in SQL that is executed as it is."""
        mark = "`" if self._prefix in ("mariadb", "mysql") else '"'
        parts = (name,) if isinstance(name, str) else (name.schema, name.name)
        return ".".join(quoted(part, mark) for part in parts if part is not None)

    def _keys_in_the_way(self) -> Iterator[Change]:
        """Yield the foreign keys that must go while the key that they refer to is replaced."""
        touched = {
            (change.table, constraint.columns)
            for change in self._changes
            if isinstance(change, DropConstraint | ReplaceConstraint)
            for constraint in [_old_of(change)]
            if isinstance(constraint, KeyState | UniqueState)
        }
        if not touched:
            return
        changed = {
            (change.table, _old_of(change).name)
            for change in self._changes
            if isinstance(change, DropConstraint | ReplaceConstraint)
        }
        for table in self._after.tables.values():
            known = self._before.tables.get(table.name)
            for key in table.foreign_keys:
                if (
                    known is not None
                    and key in known.foreign_keys
                    and (table.name, key.name) not in changed
                    and any(
                        key.target == t and set(key.target_columns) == set(c) for t, c in touched
                    )
                ):
                    yield DropConstraint(table.name, key)
                    yield AddConstraint(table.name, key)

    def _operations(self, change: Change) -> Iterator[tuple[int, MigrateOperation]]:
        match change:
            case AddEnum(state):
                yield _TYPES, CreateEnumOp(state.name.name, state.labels, schema=state.name.schema)
            case AlterEnum(old, new, renamed):
                yield (
                    _TYPES,
                    AlterEnumOp(
                        new.name.name,
                        before=old.labels,
                        after=new.labels,
                        renamed=dict(renamed),
                        schema=new.name.schema,
                    ),
                )
            case DropEnum(state):
                yield _DROP_TYPES, DropEnumOp(state.name.name, schema=state.name.schema)
            case AddSequence(state):
                name = self._quoted(state.name)
                made = ops.ExecuteSQLOp(f"CREATE SEQUENCE {name} {state.options}".strip())
                yield _TYPES, made
            case AlterSequence(_, state):
                name = self._quoted(state.name)
                made = ops.ExecuteSQLOp(f"ALTER SEQUENCE {name} {state.options}".strip())
                yield _TYPES, made
            case DropSequence(state):
                yield _DROP_TYPES, ops.ExecuteSQLOp(f"DROP SEQUENCE {self._quoted(state.name)}")
            case RenameTable(old_name, new_name):
                yield from (
                    (_RENAME, operation) for operation in _renamed_table(old_name, new_name)
                )
            case RenameColumn():
                yield _RENAME, self._renamed_column(change)
            case AddColumn(table, column):
                item = column_item(column, self._column_type)
                yield _ADD, ops.AddColumnOp(table.name, item, schema=table.schema)
            case DropColumn(table, column):
                yield _DROP, ops.DropColumnOp(table.name, column.name, schema=table.schema)
            case AlterColumn():
                yield from self._altered(change)
            case AlterComment(table, old_comment, comment):
                if comment is None:
                    yield (
                        _ALTER,
                        ops.DropTableCommentOp(
                            table.name, existing_comment=old_comment, schema=table.schema
                        ),
                    )
                else:
                    yield (
                        _ALTER,
                        ops.CreateTableCommentOp(
                            table.name, comment, existing_comment=old_comment, schema=table.schema
                        ),
                    )
            case _:
                yield from self._constrained(change)

    def _constrained(self, change: Change) -> Iterator[tuple[int, MigrateOperation]]:
        match change:
            case AddConstraint(table, constraint):
                phase = _ADD_KEYS if isinstance(constraint, ForeignKeyState) else _CONSTRAIN
                yield phase, self._constraint(table, constraint)
            case DropConstraint(table, constraint):
                phase = _DROP_KEYS if isinstance(constraint, ForeignKeyState) else _RELAX
                yield phase, _dropped(table, constraint)
            case ReplaceConstraint(table, old, new):
                yield from self._replaced(table, old, new)
            case RenameConstraint(table, old, new):
                names = str(old.name), str(new.name)
                renamed = RenameConstraintOp(table.name, *names, schema=table.schema)
                yield _RENAME_CONSTRAINTS, renamed
            case AddIndex(table, index):
                yield _CONSTRAIN, self._index(table, index)
            case DropIndex(table, index):
                yield _RELAX, _dropped_index(table, index)
            case RenameIndex(table, old_index, new_index):
                yield (
                    _RENAME_CONSTRAINTS,
                    RenameIndexOp(table.name, old_index.name, new_index.name, schema=table.schema),
                )
            case ReplaceIndex(table, old_index, new_index):
                # The old one serves until the new one is there.
                made = replace(new_index, name=_passing_name(new_index.name))
                yield _CONSTRAIN, self._index(table, made)
                yield _CONSTRAIN, _dropped_index(table, old_index)
                yield (
                    _CONSTRAIN,
                    RenameIndexOp(table.name, made.name, new_index.name, schema=table.schema),
                )

    def _replaced(
        self, table: TableName, old: ConstraintState, new: ConstraintState
    ) -> Iterator[tuple[int, MigrateOperation]]:
        if (
            self._prefix == "postgresql"
            and isinstance(new, CheckState | ForeignKeyState)
            and old.name is not None
            and new.name is not None
        ):
            # The old one holds until the new one does.
            phase = _ADD_KEYS if isinstance(new, ForeignKeyState) else _CONSTRAIN
            made = replace(new, name=_passing_name(new.name))
            yield phase, self._constraint(table, made)
            yield phase, _dropped(table, old)
            yield (
                phase,
                RenameConstraintOp(table.name, str(made.name), new.name, schema=table.schema),
            )
            return
        foreign = isinstance(new, ForeignKeyState)
        yield (_DROP_KEYS if foreign else _RELAX), _dropped(table, old)
        yield (_ADD_KEYS if foreign else _CONSTRAIN), self._constraint(table, new)

    def _constraint(self, table: TableName, constraint: ConstraintState) -> MigrateOperation:
        name = constraint.name
        match constraint:
            case KeyState(columns=columns):
                return ops.CreatePrimaryKeyOp(name, table.name, list(columns), schema=table.schema)
            case UniqueState(columns=columns):
                options = unique_options(constraint, self._prefix)
                return ops.CreateUniqueConstraintOp(
                    name, table.name, list(columns), schema=table.schema, **options
                )
            case CheckState(sql=sql, kind="CHECK"):
                condition = as_text(unwrapped(sql))
                return ops.CreateCheckConstraintOp(name, table.name, condition, schema=table.schema)
            case CheckState(sql=sql, kind=kind):
                called = "" if name is None else f"CONSTRAINT {quoted(name)} "
                return ops.ExecuteSQLOp(
                    f"ALTER TABLE {self._quoted(table)} ADD {called}{kind} {sql}"
                )
            case _:
                refuse_dots(constraint)
                columns, target, others = (
                    constraint.columns,
                    constraint.target,
                    constraint.target_columns,
                )
                schemas: dict[str, Any] = {}
                if table.schema is not None:
                    schemas["source_schema"] = table.schema
                if target.schema is not None:
                    schemas["referent_schema"] = target.schema
                return ops.CreateForeignKeyOp(
                    name,
                    table.name,
                    target.name,
                    list(columns),
                    list(others),
                    **schemas,
                    **key_options(constraint),
                )

    def _index(self, table: TableName, index: IndexState) -> MigrateOperation:
        return ops.CreateIndexOp(
            index.name,
            table.name,
            index_parts(index),
            unique=index.unique,
            schema=table.schema,
            **index_options(index, self._prefix),
        )

    def _renamed_column(self, change: RenameColumn) -> MigrateOperation:
        column = self._after.tables[change.table].column(change.new)
        known = self._before.tables.get(change.table)
        if known is not None and change.old in known.column_names:
            column = known.column(change.old)
        return ops.AlterColumnOp(
            change.table.name,
            change.old,
            modify_name=change.new,
            existing_type=type_item(column, self._column_type),
            existing_nullable=column.nullable,
            existing_server_default=_existing_default(column),
            existing_comment=column.comment,
            schema=change.table.schema,
        )

    def _altered(self, change: AlterColumn) -> Iterator[tuple[int, MigrateOperation]]:
        table, old, new = change.table, change.before, change.after
        aspects = set(change.aspects)
        if "computed" in aspects:
            # No engine alters the expression of a column.
            yield _ALTER, ops.DropColumnOp(table.name, old.name, schema=table.schema)
            item = column_item(new, self._column_type)
            yield _ALTER, ops.AddColumnOp(table.name, item, schema=table.schema)
            return
        given: dict[str, Any] = {
            "existing_type": type_item(old, self._column_type),
            "existing_nullable": old.nullable,
            "existing_server_default": _existing_default(old),
        }
        if old.comment is not None:
            given["existing_comment"] = old.comment
        if aspects & {"type", "collation"}:
            given["modify_type"] = type_item(new, self._column_type)
        if "nullable" in aspects:
            given["modify_nullable"] = new.nullable
        if aspects & {"default", "identity"}:
            given["modify_server_default"] = default_item(new)
        if "comment" in aspects:
            given["modify_comment"] = new.comment
        if "identity" in aspects and self._prefix in ("mariadb", "mysql"):
            given["autoincrement"] = new.identity is not None
        if "identity" in aspects and (new.identity or "").startswith("serial"):
            # No default of SQLAlchemy's says so.
            given["autoincrement"] = True
        yield _ALTER, ops.AlterColumnOp(table.name, new.name, schema=table.schema, **given)
        if "identity" in aspects and new.identity == "serial":
            yield from ((_ALTER, ops.ExecuteSQLOp(sql)) for sql in _serial(table, new.name))

    # -- whole tables

    def _tables(self, added: Sequence[TableState]) -> Iterator[tuple[MigrateOperation, int]]:
        done: set[TableName] = set()
        waiting = {state.name for state in added}
        for state in _in_order(added):
            done.add(state.name)
            # A foreign key to a table that comes later, in a circle, is added when it is there.
            late = frozenset(
                str(key.target)
                for key in state.foreign_keys
                if key.target in waiting and key.target not in done
            )
            yield self._created(state, late), _CREATE
            for index in state.indexes:
                yield self._index(state.name, index), _CREATE
            for key in state.foreign_keys:
                if str(key.target) in late:
                    yield self._constraint(state.name, key), _ADD_KEYS
            for check in state.checks:
                if check.kind != "CHECK":
                    yield self._constraint(state.name, check), _CONSTRAIN

    def _created(self, state: TableState, late: frozenset[str]) -> MigrateOperation:
        items = list(table_items(state, self._column_type, self._prefix, without=late))
        return ops.CreateTableOp(
            state.name.name, items, schema=state.name.schema, **_options(state)
        )

    def _without_tables(
        self, dropped: Sequence[TableState]
    ) -> Iterator[tuple[MigrateOperation, int]]:
        seen: set[TableName] = set()
        for state in reversed(_in_order(dropped)):
            for key in state.foreign_keys:
                # What refers to a table that is dropped earlier, in a circle, lets go first.
                if key.target in seen and key.name is not None:
                    yield _dropped(state.name, key), _DROP_KEYS
            seen.add(state.name)
            yield ops.DropTableOp(state.name.name, schema=state.name.schema), _DROP

    # -- engines that rebuild

    def rebuilding(self, in_place: Callable[[Change], bool]) -> Operations:
        operations = self._new_schemas()
        tables: dict[TableName, list[Change]] = {}
        added: list[TableState] = []
        dropped: list[TableState] = []
        renames: dict[TableName, dict[str, str]] = {}
        for change in self._changes:
            match change:
                case AddTable(state):
                    added.append(state)
                case DropTable(state):
                    dropped.append(state)
                case RenameTable(old, new):
                    operations += _renamed_table(old, new)
                case RenameColumn() if in_place(change):
                    operations.append(self._renamed_column(change))
                case AddSequence() | AlterSequence() | DropSequence():
                    operations += [operation for _, operation in self._operations(change)]
                case AddEnum() | DropEnum() | AlterEnum():
                    # Columns hold their labels themselves.
                    continue
                case _:
                    tables.setdefault(change.table, []).append(change)
                    if isinstance(change, RenameColumn):
                        renames.setdefault(change.table, {})[change.new] = change.old
        created = [operation for operation, _ in self._tables_at_once(added)]
        altered: list[list[MigrateOperation]] = []
        for name, of_table in tables.items():
            if all(in_place(change) for change in of_table):
                phases = sorted(
                    (pair for change in of_table for pair in self._operations(change)),
                    key=lambda pair: pair[0],
                )
                altered.append([operation for _, operation in phases])
            else:
                altered.append([self._rebuilt(name, renames.get(name, {}))])
        operations += created
        operations += [operation for each in altered for operation in each]
        operations += [
            ops.DropTableOp(state.name.name, schema=state.name.schema)
            for state in reversed(_in_order(dropped))
        ]
        return operations

    def _tables_at_once(
        self, added: Sequence[TableState]
    ) -> Iterator[tuple[MigrateOperation, int]]:
        """Yield each table with all of its foreign keys: none could be added later."""
        for state in _in_order(added):
            yield self._created(state, frozenset()), _CREATE
            for index in state.indexes:
                yield self._index(state.name, index), _CREATE

    def _rebuilt(self, name: TableName, renamed: Mapping[str, str]) -> MigrateOperation:
        state = self._after.tables[name]
        items = [*table_items(state, self._column_type, self._prefix)]
        items += [index_item(index, self._prefix) for index in state.indexes]
        copy = {new: quoted(old) for new, old in renamed.items()}
        return RebuildTableOp(
            name.name, items, copy=copy, schema=name.schema, options=_options(state)
        )


# The phases of a revision, in order.
(
    _TYPES,
    _RENAME,
    _DROP_KEYS,
    _RELAX,
    _RENAME_CONSTRAINTS,
    _CREATE,
    _ADD,
    _ALTER,
    _CONSTRAIN,
    _ADD_KEYS,
    _DROP,
    _DROP_TYPES,
    _PHASES,
) = range(13)


def _old_of(change: DropConstraint | ReplaceConstraint) -> ConstraintState:
    return change.constraint if isinstance(change, DropConstraint) else change.before


def _serial(table: TableName, column: str) -> Iterator[str]:
    """Yield what counts a column as PostgreSQL's `serial` does, from its highest value on."""
    sequence = quoted(f"{table.name}_{column}_seq")
    name = quoted(table.name)
    if table.schema is not None:
        sequence, name = (f"{quoted(table.schema)}.{each}" for each in (sequence, name))
    # Under that name it may be left from the time before.
    yield f"CREATE SEQUENCE IF NOT EXISTS {sequence}"
    yield f"ALTER SEQUENCE {sequence} OWNED BY {name}.{quoted(column)}"
    counter = "'{}'::regclass".format(sequence.replace("'", "''"))
    yield f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} SET DEFAULT nextval({counter})"
    highest = f"coalesce(max({quoted(column)}), 0)"
    yield f"SELECT setval({counter}, {highest} + 1, false) FROM {name}"


def _existing_default(column: ColumnState) -> Any:
    """Return what makes a column's value, as alembic is told of it: False for nothing."""
    default = default_item(column)
    return False if default is None else default


def _options(table: TableState) -> dict[str, Any]:
    """Return what is written after a table's columns, as SQLAlchemy takes it."""
    values: dict[str, Any] = {"True": True, "False": False}
    options = {name: values.get(text, text) for name, text in table.options}
    return options if table.comment is None else {**options, "comment": table.comment}


def _passing_name(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"andamios_new_{digest}"


_NOUNS: Mapping[type[ConstraintState], str] = {
    KeyState: "primary",
    UniqueState: "unique",
    CheckState: "check",
    ForeignKeyState: "foreignkey",
}


def _dropped(table: TableName, constraint: ConstraintState) -> MigrateOperation:
    return ops.DropConstraintOp(
        constraint.name, table.name, _NOUNS[type(constraint)], schema=table.schema
    )


def _dropped_index(table: TableName, index: IndexState) -> MigrateOperation:
    return ops.DropIndexOp(index.name, table.name, schema=table.schema)


def _renamed_table(old: TableName, new: TableName) -> Operations:
    found: Operations = []
    if old.schema != new.schema:
        found.append(MoveTableOp(old.name, schema=old.schema, to=new.schema))
    if old.name != new.name:
        found.append(ops.RenameTableOp(old.name, new.name, schema=new.schema))
    return found


def _in_order(tables: Sequence[TableState]) -> list[TableState]:
    """Return the tables with each after those that it refers to, as far as that is possible."""
    waiting = {table.name: table for table in sorted(tables, key=lambda table: str(table.name))}
    done: list[TableState] = []
    while waiting:
        free = [
            table
            for table in waiting.values()
            if not any(
                key.target in waiting and key.target != table.name for key in table.foreign_keys
            )
        ]
        # In a circle, the first by name begins.
        for table in free or [next(iter(waiting.values()))]:
            done.append(table)
            del waiting[table.name]
    return done


# ---- values for existing rows --------------------------------------------------------------------


def filled(
    operations: Iterable[MigrateOperation], fills: Mapping[str, str], before: SchemaState
) -> Operations:
    """Return the operations with the rows that exist given a value before one is required.

    `fills` is SQL by `table.column`. Where a table of `before` is made anew, it is what the column
    takes in rows that have no value in it yet.
    """
    found: Operations = []
    now = before
    for operation in operations:
        match operation:
            case ops.AddColumnOp():
                found += _filled_column(operation, fills)
            case ops.AlterColumnOp() if operation.modify_nullable is False:
                value = fills.get(_path(operation, operation.column_name))
                if value is not None:
                    found.append(_backfill(operation, operation.column_name, value))
                found.append(operation)
            case RebuildTableOp():
                found.append(_filled_rebuild(operation, fills, now))
            case _:
                found.append(operation)
        now = named_after(now, operation)
    return found


def _path(operation: ops.AlterTableOp | RebuildTableOp, column: str) -> str:
    return f"{TableName(operation.table_name, operation.schema)}.{column}"


def _backfill(operation: ops.AlterTableOp, column: str, value: str) -> BackfillOp:
    return BackfillOp(
        operation.table_name,
        {column: value},
        where=f"{_quoted_if_needed(column)} IS NULL",
        schema=operation.schema,
    )


def _quoted_if_needed(name: str) -> str:
    """Return a column's name as it stands in SQL that a person may read on."""
    plain = name.isidentifier() and name == name.lower()
    return name if plain else quoted(name)


def _filled_column(operation: ops.AddColumnOp, fills: Mapping[str, str]) -> Operations:
    column = operation.column
    value = fills.get(_path(operation, column.name))
    if value is None or column.nullable:
        return [operation]
    optional = column._copy()  # noqa: SLF001 - what Table.to_metadata() uses
    optional.nullable = True
    added = ops.AddColumnOp(operation.table_name, optional, schema=operation.schema)
    required = ops.AlterColumnOp(
        operation.table_name,
        column.name,
        schema=operation.schema,
        existing_type=column.type,
        existing_server_default=False if column.server_default is None else column.server_default,
        existing_nullable=True,
        modify_nullable=False,
    )
    return [added, _backfill(operation, column.name, value), required]


def _filled_rebuild(
    operation: RebuildTableOp, fills: Mapping[str, str], now: SchemaState
) -> RebuildTableOp:
    table = now.tables.get(TableName(operation.table_name, operation.schema))
    known = table.column_names if table is not None else ()
    copy = dict(operation.copy)
    for item in operation.items:
        if isinstance(item, sa.Column):
            value = fills.get(_path(operation, item.name))
            if value is not None:
                # Only the row's old value, where it has one, is better.
                kept = quoted(item.name) if item.name in known else None
                old = copy.get(item.name, kept)
                whole = old is None or value == UNFINISHED
                copy[item.name] = value if whole else f"coalesce({old}, {value})"
    return RebuildTableOp(
        operation.table_name,
        operation.items,
        copy=copy,
        schema=operation.schema,
        options=operation.options,
    )
