"""What `op` can do in a revision file beyond alembic's own: rebuild a table, fill it, change enums.

Everything else in a revision file is plain alembic. Importing this module is what puts the
operations on `op`; revision files do so themselves, so that they also run under plain alembic.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import Any

import sqlalchemy as sa
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.types import UserDefinedType

from andamios_orm.errors import NotSupported

__all__ = [
    "UNFINISHED",
    "AlterEnumOp",
    "BackfillOp",
    "CreateEnumOp",
    "DropEnumOp",
    "MoveTableOp",
    "RebuildTableOp",
    "RenameConstraintOp",
    "RenameIndexOp",
    "SqlType",
]


UNFINISHED = "..."
"""What stands in the place of a value that nobody has said yet, `...` in a revision file."""


def _sql_of(values: Mapping[str, str | EllipsisType]) -> dict[str, str]:
    return {name: UNFINISHED if value is ... else value for name, value in values.items()}


class SqlType(UserDefinedType[Any]):
    """A column type by its name in the database, for those that SQLAlchemy has no class for.

    ```python
    from andamios_orm.migration.operations import SqlType

    assert str(sa.Column("spot", SqlType("point")).type) == "point"
    ```
    """

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def get_col_spec(self, **kw: object) -> str:
        """Return the name as it is."""
        return self.sql

    def __repr__(self) -> str:
        return f"SqlType({self.sql!r})"


@Operations.register_operation("rebuild_table")
class RebuildTableOp(MigrateOperation):
    """Create a table anew with its rows, where the engine cannot alter it (SQLite, DuckDB)."""

    def __init__(
        self,
        table_name: str,
        items: Sequence[sa.schema.SchemaItem],
        *,
        copy: Mapping[str, str | EllipsisType] | None = None,
        schema: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.table_name = table_name
        self.items = tuple(items)
        self.copy = _sql_of(copy or {})
        self.schema = schema
        self.options = dict(options or {})

    @classmethod
    def rebuild_table(
        cls,
        operations: Operations,
        table_name: str,
        *items: sa.schema.SchemaItem,
        copy: Mapping[str, str | EllipsisType] | None = None,
        schema: str | None = None,
        **options: Any,
    ) -> None:
        """Give a table the columns, constraints and indexes of `items`, and keep its rows.

        `items` are all of them, as in `op.create_table`. A column takes the values of the old one
        of the same name; `copy` gives the others theirs, as SQL over the old columns:
        `copy={"full_name": "name", "age": "0"}`. A new column without either is left to its
        default.
        """
        operation = cls(table_name, items, copy=copy, schema=schema, options=options)
        operations.invoke(operation)

    def to_table(self, name: str | None = None) -> sa.Table:
        """Return the table as it will be, in a MetaData of its own; `name` for another name.

        Beside it are the tables that it refers to, with no more than the columns referred to.
        """
        metadata = sa.MetaData()
        # A shared item would stay attached to the first table that it was put in.
        items = [
            # A foreign key that is written in its column would be lost in a deep copy.
            item._copy() if isinstance(item, sa.Column) else copy.deepcopy(item)  # noqa: SLF001 - what Table.to_metadata() uses
            for item in self.items
        ]
        table = sa.Table(
            name or self.table_name, metadata, *items, schema=self.schema, **self.options
        )
        for key in table.foreign_keys:
            *path, column = key.target_fullname.split(".")
            if ".".join(path) != table.fullname:
                target = sa.Table(path[-1], metadata, schema=path[0] if path[1:] else None)
                if column not in target.columns:
                    target.append_column(sa.Column(column))
        return table


@Operations.register_operation("backfill")
class BackfillOp(MigrateOperation):
    """Give columns of existing rows a value, a batch at a time."""

    def __init__(
        self,
        table_name: str,
        values: Mapping[str, str | EllipsisType],
        *,
        where: str | None = None,
        batch: int = 5000,
        schema: str | None = None,
    ) -> None:
        self.table_name = table_name
        self.values = _sql_of(values)
        self.where = where
        self.batch = batch
        self.schema = schema

    @classmethod
    def backfill(
        cls,
        operations: Operations,
        table_name: str,
        values: Mapping[str, str | EllipsisType],
        *,
        where: str | None = None,
        batch: int = 5000,
        schema: str | None = None,
    ) -> None:
        """Set `values`, as SQL over the row's columns, in the rows that `where` finds.

        `batch` rows at a time, in the order of the primary key, each batch in a transaction of its
        own; a migration that was stopped goes on after the last batch.
        """
        operation = cls(table_name, values, where=where, batch=batch, schema=schema)
        operations.invoke(operation)


@Operations.register_operation("create_enum")
class CreateEnumOp(MigrateOperation):
    """Create an enum type (PostgreSQL)."""

    def __init__(self, name: str, labels: Sequence[str], *, schema: str | None = None) -> None:
        self.name, self.labels, self.schema = name, tuple(labels), schema

    @classmethod
    def create_enum(
        cls, operations: Operations, name: str, labels: Sequence[str], *, schema: str | None = None
    ) -> None:
        """Create an enum type with these labels, in this order."""
        operations.invoke(cls(name, labels, schema=schema))


@Operations.register_operation("drop_enum")
class DropEnumOp(MigrateOperation):
    """Drop an enum type (PostgreSQL)."""

    def __init__(self, name: str, *, schema: str | None = None) -> None:
        self.name, self.schema = name, schema

    @classmethod
    def drop_enum(cls, operations: Operations, name: str, *, schema: str | None = None) -> None:
        """Drop an enum type that no column uses."""
        operations.invoke(cls(name, schema=schema))


@Operations.register_operation("alter_enum")
class AlterEnumOp(MigrateOperation):
    """Change the labels of an enum type (PostgreSQL)."""

    def __init__(
        self,
        name: str,
        *,
        before: Sequence[str],
        after: Sequence[str],
        renamed: Mapping[str, str] | None = None,
        replaced: Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        self.name, self.schema = name, schema
        self.before, self.after = tuple(before), tuple(after)
        self.renamed, self.replaced = dict(renamed or {}), dict(replaced or {})

    @classmethod
    def alter_enum(
        cls,
        operations: Operations,
        name: str,
        *,
        before: Sequence[str],
        after: Sequence[str],
        renamed: Mapping[str, str] | None = None,
        replaced: Mapping[str, str] | None = None,
        schema: str | None = None,
    ) -> None:
        """Give an enum type the labels `after` instead of `before`.

        `renamed` are labels under another name. Rows that have a label which is removed get the
        one that `replaced` says for it; without one, the migration is refused while there are any.
        """
        operations.invoke(
            cls(
                name,
                before=before,
                after=after,
                renamed=renamed,
                replaced=replaced,
                schema=schema,
            )
        )


@Operations.register_operation("rename_constraint")
class RenameConstraintOp(MigrateOperation):
    """Give a constraint another name (PostgreSQL)."""

    def __init__(self, table_name: str, old: str, new: str, *, schema: str | None = None) -> None:
        self.table_name, self.old, self.new, self.schema = table_name, old, new, schema

    @classmethod
    def rename_constraint(
        cls,
        operations: Operations,
        table_name: str,
        old: str,
        new: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Give a constraint of a table another name."""
        operations.invoke(cls(table_name, old, new, schema=schema))


@Operations.register_operation("rename_index")
class RenameIndexOp(MigrateOperation):
    """Give an index another name."""

    def __init__(self, table_name: str, old: str, new: str, *, schema: str | None = None) -> None:
        self.table_name, self.old, self.new, self.schema = table_name, old, new, schema

    @classmethod
    def rename_index(
        cls,
        operations: Operations,
        table_name: str,
        old: str,
        new: str,
        *,
        schema: str | None = None,
    ) -> None:
        """Give an index of a table another name."""
        operations.invoke(cls(table_name, old, new, schema=schema))


@Operations.register_operation("move_table")
class MoveTableOp(MigrateOperation):
    """Put a table into another schema (PostgreSQL)."""

    def __init__(self, table_name: str, *, schema: str | None, to: str | None) -> None:
        self.table_name, self.schema, self.to = table_name, schema, to

    @classmethod
    def move_table(
        cls, operations: Operations, table_name: str, *, schema: str | None, to: str | None
    ) -> None:
        """Put a table of `schema` into the schema `to`; None is the default one."""
        operations.invoke(cls(table_name, schema=schema, to=to))


def _only_through_andamios(operations: Operations, operation: MigrateOperation) -> None:
    raise NotSupported(
        f"op.{type(operation).__name__} takes statements that plain alembic does not know",
        "apply the revision with `andamios-orm migrate up`, or replace the call by op.execute()"
        " with the SQL that `andamios-orm migrate sql` prints",
    )


for _operation in (
    RebuildTableOp,
    BackfillOp,
    CreateEnumOp,
    DropEnumOp,
    AlterEnumOp,
    RenameConstraintOp,
    RenameIndexOp,
    MoveTableOp,
):
    Operations.implementation_for(_operation)(_only_through_andamios)
