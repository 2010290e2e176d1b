"""How operations are made on a live SQLite database."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops

from andamios_orm.errors import NotSupported
from andamios_orm.migration.engines.base import Step
from andamios_orm.migration.engines.sqlite.indexes import rename_index_step
from andamios_orm.migration.engines.sqlite.rebuilding import drop_step, rebuild_step
from andamios_orm.migration.operations import (
    AlterEnumOp,
    CreateEnumOp,
    DropEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)

__all__ = ["steps"]


def steps(operation: MigrateOperation, connection: sa.Connection) -> Sequence[Step] | None:
    """Return how an operation is made; None for alembic's own SQL.

    Raises NotSupported for what SQLite only makes by rebuilding the table, and for what it has not.
    """
    match operation:
        case RebuildTableOp():
            return [rebuild_step(operation, connection)]
        case ops.DropTableOp():
            return [drop_step(operation.table_name, if_exists=bool(operation.if_exists))]
        case RenameIndexOp():
            return [rename_index_step(operation)]
        case ops.AlterColumnOp() if _only_renames(operation):
            return None
        case _ if isinstance(operation, _REBUILT):
            raise NotSupported(
                f"SQLite changes no column or constraint of {_table(operation)} in place",
                "use op.rebuild_table(), which `andamios-orm migrate new` writes for you",
            )
        case _ if isinstance(operation, _UNKNOWN):
            raise NotSupported(
                f"SQLite has no schemas and no enum types, which {type(operation).__name__} is for",
                "remove the call from the revision",
            )
        case _:
            return None


_REBUILT = (
    ops.AlterColumnOp,
    ops.CreateCheckConstraintOp,
    ops.CreateForeignKeyOp,
    ops.CreatePrimaryKeyOp,
    ops.CreateUniqueConstraintOp,
    ops.DropConstraintOp,
    RenameConstraintOp,
)
_UNKNOWN = (AlterEnumOp, CreateEnumOp, DropEnumOp, MoveTableOp)


def _only_renames(operation: ops.AlterColumnOp) -> bool:
    return (
        operation.modify_nullable is None
        and operation.modify_type is None
        and operation.modify_server_default is False
        and operation.modify_comment is False
    )


def _table(operation: MigrateOperation) -> str:
    name = "source_table" if isinstance(operation, ops.CreateForeignKeyOp) else "table_name"
    return str(getattr(operation, name))
