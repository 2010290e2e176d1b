"""Which columns tables will have when the turn of a later operation comes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.migration.operations import RebuildTableOp
from andamios_orm.migration.sql_names import quoted
from andamios_orm.migration.state import SchemaState, TableName

__all__ = ["Columns"]


class Columns:
    """The columns of tables, before operations that nobody has made yet and after each of them."""

    def __init__(self) -> None:
        self._of: dict[TableName, list[str]] = {}

    def know(self, state: SchemaState) -> None:
        """Take note of tables that no operation was about so far."""
        for table in state.tables.values():
            self._of.setdefault(table.name, list(table.column_names))

    def spelled_out(self, operation: MigrateOperation) -> MigrateOperation:
        """Return a rebuild that names the source of every column that is kept.

        On the database of today, a column may still have another name.
        """
        if not isinstance(operation, RebuildTableOp):
            return operation
        known = self._of.get(TableName(operation.table_name, operation.schema), [])
        columns = [item for item in operation.items if isinstance(item, sa.Column)]
        kept = {c.name: quoted(c.name) for c in columns if c.name in known and c.computed is None}
        return RebuildTableOp(
            operation.table_name,
            operation.items,
            copy={**kept, **operation.copy},
            schema=operation.schema,
            options=operation.options,
        )

    def follow(self, operation: MigrateOperation) -> None:
        """Take note of what an operation makes of a table."""
        name = TableName(
            str(getattr(operation, "table_name", "")), getattr(operation, "schema", None)
        )
        known = self._of.get(name, [])
        match operation:
            case ops.CreateTableOp():
                self._of[name] = [c.name for c in operation.columns if isinstance(c, sa.Column)]
            case RebuildTableOp():
                self._of[name] = [c.name for c in operation.items if isinstance(c, sa.Column)]
            case ops.RenameTableOp():
                self._of[TableName(operation.new_table_name, operation.schema)] = known
            case ops.AddColumnOp():
                self._of[name] = [*known, operation.column.name]
            case ops.AlterColumnOp(modify_name=str(new)):
                self._of[name] = [new if c == operation.column_name else c for c in known]
