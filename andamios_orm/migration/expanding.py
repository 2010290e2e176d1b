"""What an operation of a revision comes to on a live database: data put aside, and brought back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.aside import Aside, Asides, Kept
from andamios_orm.migration.counters import counter_step
from andamios_orm.migration.destruction import Loss, losses
from andamios_orm.migration.engines.base import Engine, Step
from andamios_orm.migration.journal import Direction
from andamios_orm.migration.operations import BackfillOp, DropEnumOp, RebuildTableOp
from andamios_orm.migration.state import SchemaState, TableName, TableState

__all__ = ["Expanding", "OwnStep"]


class OwnStep(MigrateOperation):
    """A step that no revision file has written."""

    def __init__(self, step: Step) -> None:
        self.step = step

    @property
    def told(self) -> str:
        """What it does, in words."""
        return self.step.told


class Expanding:
    """What comes before and after the operations of one way of one revision.

    It is the same after a part of it was done: what was put aside, or is to be brought back, stays
    beside until the revision has arrived.
    """

    def __init__(
        self, connection: sa.Connection, engine: Engine, revision: str, direction: Direction
    ) -> None:
        self._connection, self._engine, self._direction = connection, engine, direction
        asides = Asides(connection)
        other: Direction = "down" if direction == "up" else "up"
        self._put = asides.of(revision, direction)
        self._number = -1
        self._waiting = {(k.table, k.column): k for k in asides.of(revision, other)}
        self.brought_back: set[str] = set()
        """The places of what the operations so far bring back."""
        self._aside = Aside(
            connection,
            revision,
            direction,
            transactional=connection.dialect.name not in ("mariadb", "mysql"),
            now=datetime.now(UTC).isoformat(timespec="microseconds"),
        )

    def expanded(self, operation: MigrateOperation) -> Iterator[MigrateOperation]:
        """Yield the operation, or what takes its place."""
        self._number += 1
        match operation:
            case ops.DropTableOp() | ops.DropColumnOp():
                yield from self._putting(operation, operation.table_name, operation.schema)
                yield operation
            case RebuildTableOp():
                yield from self._putting(operation, operation.table_name, operation.schema)
                yield self._with_values(operation)
            case ops.CreateTableOp() if self._direction == "down":
                yield operation
                yield from self._with_rows(operation)
            case ops.AddColumnOp():
                yield from self._with_column(operation)
            case DropEnumOp():
                yield OwnStep(self._aside.loosen(TableName(operation.name, operation.schema)))
                yield operation
            case _:
                yield operation

    def _putting(
        self, operation: MigrateOperation, table_name: str, schema: str | None
    ) -> Iterator[MigrateOperation]:
        table = TableName(table_name, schema)
        state = self._state(table)
        found = {
            loss.name: loss
            for loss in losses(operation, state)
            if loss.kept and self._is_there(loss, state)
        }
        # What it has put aside before it was stopped may be gone by now.
        found |= {kept.name: kept.loss for kept in self._put if kept.operation == self._number}
        for name in sorted(found):
            yield OwnStep(self._aside.put(found[name], self._number))

    def _is_there(self, loss: Loss, state: SchemaState) -> bool:
        """Whether there is still something to put aside."""
        known = state.tables.get(loss.table or TableName(""))
        return known is not None and (loss.column is None or loss.column in known.column_names)

    def _state(self, table: TableName) -> SchemaState:
        return self._engine.inspect(self._connection, [table.schema])

    def _with_values(self, operation: RebuildTableOp) -> RebuildTableOp:
        """Return the rebuild with the values of columns that come back."""
        table = TableName(operation.table_name, operation.schema)
        copy = dict(operation.copy)
        for item in operation.items:
            if isinstance(item, sa.Column) and item.name not in copy:
                kept = self._values_of(table, item.name)
                if kept is not None:
                    self.brought_back.add(kept.place)
                    copy[item.name] = self._aside.value(kept)
        return RebuildTableOp(
            operation.table_name,
            operation.items,
            copy=copy,
            schema=operation.schema,
            options=operation.options,
        )

    def _values_of(self, table: TableName, column: str) -> Kept | None:
        """Return where a column's values are, if there are rows that they can be told to be of."""
        kept = self._waiting.get((table, column))
        return kept if kept is not None and self._aside.keys(table) else None

    def at_its_end(self) -> Iterator[MigrateOperation]:
        """Yield what brings back, after all operations of the way up, what the way down removed.

        Not before, because the way up has no such rows and values the first time: those that it
        makes itself would meet them, or take their place.
        """
        if self._direction == "down":
            return
        # What refers to others was put aside before them.
        for kept in reversed(self._waiting.values()):
            state = self._state(kept.table)
            if not self._is_there(kept.loss, state):
                continue
            if kept.column is None:
                yield from self._rows_at_end(kept, state.tables[kept.table])
            elif self._aside.keys(kept.table):
                type_ = state.tables[kept.table].column(kept.column).type
                yield self._filling(kept, kept.column, type_)

    def _rows_at_end(self, kept: Kept, table: TableState) -> Iterator[MigrateOperation]:
        types = {column.name: column.type for column in table.columns if column.computed is None}
        counted = [column.name for column in table.columns if column.identity is not None]
        yield from self._bringing(kept, types, counted)

    def _with_rows(self, operation: ops.CreateTableOp) -> Iterator[MigrateOperation]:
        kept = self._waiting.get((TableName(operation.table_name, operation.schema), None))
        if kept is not None:
            columns = [item for item in operation.columns if isinstance(item, sa.Column)]
            given = [column for column in columns if column.computed is None]
            types = {column.name: self._type_of(column) for column in given}
            counted = [column.name for column in columns if column.identity is not None]
            yield from self._bringing(kept, types, counted)

    def _bringing(
        self, kept: Kept, types: Mapping[str, str], counted: Sequence[str]
    ) -> Iterator[MigrateOperation]:
        self.brought_back.add(kept.place)
        yield OwnStep(self._aside.bring_rows(kept, types))
        for name in counted:
            yield OwnStep(counter_step(self._connection, kept.table, name))

    def _type_of(self, column: sa.Column[Any]) -> str:
        return column.type.compile(self._connection.dialect)

    def _filling(self, kept: Kept, column: str, type_: str) -> BackfillOp:
        self.brought_back.add(kept.place)
        return BackfillOp(
            kept.table.name,
            {column: self._aside.typed(self._aside.value(kept), type_)},
            where=self._aside.has_value(kept),
            schema=kept.table.schema,
        )

    def _with_column(self, operation: ops.AddColumnOp) -> Iterator[MigrateOperation]:
        table = TableName(operation.table_name, operation.schema)
        column = operation.column
        kept = self._values_of(table, column.name)
        if kept is None or column.computed is not None:
            yield operation
            return
        optional = column._copy()  # noqa: SLF001 - what Table.to_metadata() uses
        optional.nullable = True
        yield ops.AddColumnOp(operation.table_name, optional, schema=operation.schema)
        yield self._filling(kept, column.name, self._type_of(column))
        if not column.nullable:
            yield ops.AlterColumnOp(
                operation.table_name,
                column.name,
                schema=operation.schema,
                existing_type=column.type,
                existing_nullable=True,
                modify_nullable=False,
            )
