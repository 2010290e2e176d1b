"""Give an index another name, which SQLite has no statement for."""

from __future__ import annotations

import sqlalchemy as sa

from andamios_orm.errors import MigrationError
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.sqlite.inspection import inspect
from andamios_orm.migration.engines.sqlite.tokens import quoted
from andamios_orm.migration.operations import RenameIndexOp
from andamios_orm.migration.state import TableName

__all__ = ["rename_index_step"]


def rename_index_step(operation: RenameIndexOp) -> Step:
    """Return the step that creates the index under its new name, and drops the old one."""

    def run(connection: sa.Connection) -> None:
        table = inspect(connection, [None]).tables.get(TableName(operation.table_name))
        found = [i for i in (table.indexes if table else ()) if i.name == operation.old]
        if not found:
            raise MigrationError(
                f"{operation.table_name} has no index {operation.old}",
                "look at what it has with `andamios-orm schema show`; nothing was changed",
            )
        (index,) = found
        unique, where = ("UNIQUE " if index.unique else ""), f" WHERE {index.where}"
        connection.exec_driver_sql(f"DROP INDEX {quoted(operation.old)}")
        connection.exec_driver_sql(
            f"CREATE {unique}INDEX {quoted(operation.new)} ON {quoted(operation.table_name)}"
            f" ({', '.join(index.parts)}){where if index.where else ''}"
        )

    return Step(run=run, told=f"rename index {operation.old} to {operation.new}")
