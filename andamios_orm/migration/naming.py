"""The names that operations give, and whether an engine can have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import sqlalchemy as sa
from alembic.operations import MigrateOperation, ops
from sqlalchemy.sql.elements import conv

from andamios_orm.backends.base import Backend, Capabilities
from andamios_orm.database.names import Name, require_name
from andamios_orm.database.url import backend_named
from andamios_orm.migration.operations import (
    CreateEnumOp,
    MoveTableOp,
    RebuildTableOp,
    RenameConstraintOp,
    RenameIndexOp,
)
from andamios_orm.migration.revisions import Revision

__all__ = ["capabilities_of", "names_given", "refuse_names"]


def capabilities_of(engine: str) -> Capabilities:
    """Return what an engine that has migrations offers, by the name of its dialect."""
    return cast("Backend", backend_named(engine)).capabilities


def refuse_names(revision: Revision, operation: MigrateOperation, engine: str) -> None:
    """Raise NotSupported for a name that an engine would cut or refuse."""
    whole = isinstance(operation, ops.CreateTableOp | RebuildTableOp)
    for name in names_given(operation, revision.path.name):
        # In a table SQLAlchemy shortens a name in `op.f()`; alone it is looked for as it is.
        if not (whole and isinstance(name.name, conv)):
            require_name(name, capabilities_of(engine), engine)


def names_given(operation: MigrateOperation, file: str) -> Iterator[Name]:
    """Yield what an operation names: tables, columns, indexes, constraints."""
    table = getattr(operation, "table_name", None)
    for what, name in _given(operation):
        if isinstance(name, str):
            of = None if what in ("the table", "the enum", "the schema") else table
            yield Name(what, name, of, f"write it in {file}")


def _given(operation: MigrateOperation) -> Iterator[tuple[str, object]]:
    match operation:
        case ops.CreateTableOp():
            yield "the table", operation.table_name
            yield from _items(operation.columns)
        case RebuildTableOp():
            yield from _items(operation.items)
        case ops.RenameTableOp():
            yield "the table", operation.new_table_name
        case MoveTableOp():
            yield "the schema", operation.to
        case ops.AddColumnOp():
            yield from _items([operation.column])
        case ops.AlterColumnOp():
            yield "the column", operation.modify_name
        case ops.CreateIndexOp():
            yield "the index", operation.index_name
        case RenameIndexOp():
            yield "the index", operation.new
        case ops.AddConstraintOp():
            yield "the constraint", operation.constraint_name  # type: ignore[attr-defined]  # each kind has one
        case RenameConstraintOp():
            yield "the constraint", operation.new
        case CreateEnumOp():
            yield "the enum", operation.name


def _items(items: Iterable[object]) -> Iterator[tuple[str, object]]:
    for item in items:
        what = (
            "the column"
            if isinstance(item, sa.Column)
            else "the index"
            if isinstance(item, sa.Index)
            else "the constraint"
        )
        yield what, getattr(item, "name", None)
