"""Build the SQLAlchemy table of a description: columns, keys, indexes and constraints."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ForeignKeyTarget
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.errors import DeclarationError
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.constraints import checks_of
from andamios_orm.schema.representations import mysql
from andamios_orm.schema.spec import FieldSpec, Kind, ModelSpec

__all__ = ["ColumnPath", "build_table", "current"]

ColumnPath: TypeAlias = ForeignKeyTarget
"""Schema, table and column that a foreign key points at, each by itself: a name may have a dot."""


def build_table(
    spec: ModelSpec, metadata: sa.MetaData, foreign_keys: Mapping[str, ColumnPath]
) -> sa.Table:
    """Return the table of `spec`, added to `metadata`.

    `foreign_keys` gives the column that each foreign key field points at. Names of constraints
    come from the MetaData's naming convention.
    """
    args, options = _table_args(spec, metadata)
    columns = {f.name: _column(spec.name, f, foreign_keys.get(f.name)) for f in spec.fields}
    table = _ModelTable(
        spec.table,
        metadata,
        *columns.values(),
        *(sa.UniqueConstraint(f.column) for f in spec.fields if f.unique and not f.primary_key),
        *args,
        **{
            "schema": spec.schema,
            "comment": None,
            "sqlite_strict": True,
            # Without it SQLite gives the id of a deleted last row to the next one.
            "sqlite_autoincrement": any(f.counted for f in spec.fields),
            # Whatever the server's defaults are: transactions, and every character.
            **{
                f"{name}_{option}": value
                for name in ("mariadb", "mysql")
                for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
            },
            **options,
        },
    )
    for field in spec.fields:
        if field.index and not field.unique:
            sa.Index(None, columns[field.name])
    _limit_keys(table)
    for column in columns.values():
        cast("Stored", column.type).strict = table.dialect_options["sqlite"]["strict"]
    table.checks = _Checks(spec, columns)
    return table


class _Checks:
    """The CHECK constraints of one table, which cost more to make than the rest of it.

    A program that only reads and adds rows never asks for them.
    """

    _lock = threading.RLock()

    def __init__(self, spec: ModelSpec, columns: Mapping[str, sa.Column[Any]]) -> None:
        self._of = (spec, columns)
        self._making = self._made = False

    def add_to(self, constraints: set[sa.Constraint]) -> None:
        """Make them if nobody has; each adds itself to the table of its column.

        Whoever comes meanwhile waits, or would create the table without them; the constraints
        themselves, which look at the table while they are made, do not wait.
        """
        if self._made:
            return
        with self._lock:
            if self._making or self._made:
                return
            self._making = True
            others = set(constraints)
            try:
                deque(checks_of(*self._of), maxlen=0)
                self._made = True
            finally:
                self._making = False
                if not self._made:
                    constraints.intersection_update(others)


class _ModelTable(sa.Table):
    """A table like any other, whose CHECKs are made when its constraints are asked for."""

    inherit_cache = True
    checks: _Checks | None = None

    @property
    def constraints(self) -> set[sa.Constraint]:
        """See SQLAlchemy: all constraints of the table."""
        if self.checks is not None:
            self.checks.add_to(self._constraints)
        return self._constraints

    @constraints.setter
    def constraints(self, constraints: set[sa.Constraint]) -> None:
        self._constraints = constraints


def _limit_keys(table: sa.Table) -> None:
    """Tell each text how much of it an index can hold, on engines where that is limited."""
    keys = [list(index.columns) for index in table.indexes] + [
        list(constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, sa.schema.ColumnCollectionConstraint)
        and not isinstance(constraint, sa.CheckConstraint)
    ]
    for key in keys:
        types = [column.type for column in key]
        sized = [t for t in types if isinstance(t, Stored) and t.storage.kind in _SIZED]
        for kept in sized:
            limit = mysql.key_bytes(len(sized), len(types) - len(sized))
            kept.limit = limit if kept.limit is None else min(kept.limit, limit)


_SIZED = (Kind.TEXT, Kind.BYTES)


@sa.event.listens_for(_ModelTable, "before_create")
def _inline_foreign_keys(table: sa.Table, *args: object, **kw: object) -> None:
    """Undo what creating the table on another engine left behind.

    Where tables refer to each other, SQLAlchemy adds the foreign keys with ALTER and marks them,
    for good, as not part of CREATE TABLE. SQLite has no ALTER for them, so it would get none.
    """
    for key in table.foreign_key_constraints:
        key._create_rule = None  # noqa: SLF001 - the mark has no public name


def _names_checks(metadata: sa.MetaData) -> bool:
    """Whether the name of a CHECK is made from the one that it is given."""
    return "%(constraint_name)s" in str(metadata.naming_convention.get("ck", ""))


def _table_args(
    spec: ModelSpec, metadata: sa.MetaData
) -> tuple[list[sa.schema.SchemaItem], dict[str, Any]]:
    items, options = list(spec.table_args), cast("dict[str, Any]", {})
    if items and isinstance(items[-1], dict):
        options = cast("dict[str, Any]", items.pop())
    for item in items:
        if not isinstance(item, sa.schema.SchemaItem):
            raise DeclarationError(
                f"{spec.name}.__table_args__ holds a {type(item).__name__}",
                "use SQLAlchemy's constraints and indexes, and one dict of table options at the"
                " end",
            )
        if isinstance(item, sa.CheckConstraint) and item.name is None and _names_checks(metadata):
            raise DeclarationError(
                f"{spec.name}.__table_args__ has a CheckConstraint without a name",
                'give it one, as in `sa.CheckConstraint("age > 3", name="grown_up")`: errors and'
                " migrations call it by that",
            )
    # A constraint belongs to one table; a mixin's are shared by all its subclasses.
    return [copy.deepcopy(cast("sa.schema.SchemaItem", item)) for item in items], options


def _column(model: str, field: FieldSpec, target: ColumnPath | None) -> sa.Column[Any]:
    column_type = Stored(field.storage, field.info, field=f"{model}.{field.name}")
    args: list[sa.schema.SchemaItem] = []
    if field.counted:
        args.append(sa.Identity())
    if target is not None:
        on_delete = field.foreign_key.on_delete if field.foreign_key else None
        args.append(sa.ForeignKey(target, ondelete=on_delete))
    return sa.Column(
        field.column,
        column_type,
        *args,
        primary_key=field.primary_key,
        nullable=field.nullable,
        autoincrement=field.counted,
        server_default=_server_default(field, column_type),
        comment=field.comment,
    )


def _server_default(field: FieldSpec, column_type: Stored) -> Any:
    default = field.server_default
    if default is None or isinstance(default, str | sa.FetchedValue):
        return default
    if isinstance(default, _NOW) and field.storage.kind in _CURRENT:
        return current(field.storage.kind)
    if isinstance(default, sa.sql.expression.ClauseElement):
        return default
    if field.storage.kind is Kind.DECIMAL:
        # 0.1 means the decimal number that is written there, not the double next to it.
        default = Decimal(str(default))
    return sa.literal(default, column_type)


# ---- the current time, in the form the column keeps --------------------------------------------

_NOW = (type(sa.func.now()), type(sa.func.current_timestamp()))


class _Current(FunctionElement[Any]):
    """The current instant, or what a UTC calendar and clock show: the one clock servers share."""

    inherit_cache = True

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind


def current(kind: Kind) -> FunctionElement[Any]:
    """Return the database's clock, in the form that a column of this kind keeps."""
    return _Current(kind)


_CURRENT = {
    Kind.DATETIME: "now()",
    Kind.NAIVE_DATETIME: "(now() AT TIME ZONE 'UTC')",
    Kind.DATE: "(CAST(now() AT TIME ZONE 'UTC' AS DATE))",
    Kind.TIME: "(CAST(now() AT TIME ZONE 'UTC' AS TIME))",
}
# The text that a bound value becomes. SQLite's clock has milliseconds, hence the three zeros up
# to the microsecond.
_SQLITE_CURRENT = {
    Kind.DATETIME: "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')",
    Kind.NAIVE_DATETIME: "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    Kind.DATE: "(date('now'))",
    Kind.TIME: "(strftime('%H:%M:%f', 'now') || '000')",
}
_MYSQL_CURRENT = {
    Kind.DATETIME: "(utc_timestamp(6))",
    Kind.NAIVE_DATETIME: "(utc_timestamp(6))",
    Kind.DATE: "(utc_date())",
    Kind.TIME: "(utc_time(6))",
}


@compiles(_Current)
def _render_current(element: _Current, compiler: SQLCompiler, **kw: object) -> str:
    return _CURRENT[element.kind]


@compiles(_Current, "sqlite")
def _render_sqlite_current(element: _Current, compiler: SQLCompiler, **kw: object) -> str:
    return _SQLITE_CURRENT[element.kind]


@compiles(_Current, "mariadb", "mysql")
def _render_mysql_current(element: _Current, compiler: SQLCompiler, **kw: object) -> str:
    return _MYSQL_CURRENT[element.kind]
