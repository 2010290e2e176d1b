"""Columns, constraints and indexes of a state as SQLAlchemy's items, for revision files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.types import String, TypeEngine

from andamios_orm.errors import NotSupported
from andamios_orm.migration.sql_names import as_text, is_name, unquoted, unwrapped
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ConstraintState,
    ForeignKeyState,
    IndexState,
    KeyState,
    TableState,
    UniqueState,
)

__all__ = [
    "ColumnType",
    "column_item",
    "constraint_item",
    "default_item",
    "index_item",
    "index_options",
    "index_parts",
    "key_options",
    "refuse_dots",
    "table_items",
    "target_columns",
    "type_item",
    "unique_options",
]

ColumnType: TypeAlias = Callable[[str], TypeEngine[Any]]
"""How an engine writes a catalog's type in a revision file."""


def type_item(column: ColumnState, column_type: ColumnType) -> TypeEngine[Any]:
    """Return a column's type, with its collation where it has one of its own."""
    found = column_type(column.type)
    if column.collation is not None and isinstance(found, String):
        found = found.copy()
        found.collation = column.collation
    return found


def default_item(column: ColumnState) -> sa.Identity | sa.Computed | sa.TextClause | None:
    """Return what makes a column's value where nobody gives one."""
    if column.computed is not None:
        return sa.Computed(as_text(column.computed), persisted=column.stored)
    if column.identity is not None and (found := _identity(column.identity)) is not None:
        return found
    return None if column.default is None else sa.text(as_text(column.default))


def column_item(column: ColumnState, column_type: ColumnType) -> sa.Column[Any]:
    """Return the column without its constraints."""
    default = default_item(column)
    made = (default,) if isinstance(default, sa.Identity | sa.Computed) else ()
    counted = column.identity is not None and not isinstance(default, sa.Identity)
    return sa.Column(
        column.name,
        type_item(column, column_type),
        *made,
        nullable=column.nullable,
        server_default=default if isinstance(default, sa.TextClause) else None,
        # SQLAlchemy would count any whole number that is the primary key.
        autoincrement=counted if counted or not made else "auto",
        comment=column.comment,
    )


def constraint_item(constraint: ConstraintState, prefix: str) -> sa.Constraint:
    """Return the constraint; `prefix` is the engine's in SQLAlchemy's arguments."""
    name = None if constraint.name is None else sa.sql.elements.conv(constraint.name)
    match constraint:
        case KeyState(columns=columns):
            return sa.PrimaryKeyConstraint(*columns, name=name)
        case UniqueState(columns=columns):
            return sa.UniqueConstraint(*columns, name=name, **unique_options(constraint, prefix))
        case CheckState(sql=sql):
            return sa.CheckConstraint(as_text(unwrapped(sql)), name=name)
        case _:
            own, targets = list(constraint.columns), target_columns(constraint)
            return sa.ForeignKeyConstraint(own, targets, name=name, **key_options(constraint))


def target_columns(key: ForeignKeyState) -> list[str]:
    """Return a foreign key's target as SQLAlchemy writes it: `schema.table.column`.

    Raises NotSupported.
    """
    refuse_dots(key)
    return [f"{key.target}.{column}" for column in key.target_columns]


def refuse_dots(key: ForeignKeyState) -> None:
    """Raise NotSupported for a foreign key to a table or column with a dot in its name."""
    for name in (key.target.name, *key.target_columns):
        if "." in name:
            raise NotSupported(
                f"a foreign key refers to `{name}`, which no revision file can say: alembic takes"
                " a dot for the end of a name",
                "choose a name without a dot, or leave out the foreign key",
            )


def key_options(key: ForeignKeyState) -> dict[str, Any]:
    """Return a foreign key's actions, when it is checked, and whether it may be NULL in part."""
    options = {"ondelete": key.on_delete, "onupdate": key.on_update, **_deferred(key.options)}
    if "MATCH FULL" in (key.options or "").upper():
        options["match"] = "FULL"
    return {name: value for name, value in options.items() if value is not None}


def unique_options(unique: UniqueState, prefix: str) -> dict[str, Any]:
    """Return when a UNIQUE is checked, whether NULL equals NULL, and what its index holds too."""
    options = _deferred(unique.options)
    if include := re.search(r"INCLUDE \((.*)\)", unique.options or ""):
        names = re.findall(r'"(?:[^"]|"")+"|[^,\s]+', include.group(1))
        options[f"{prefix}_include"] = [unquoted(name) for name in names]
    if "NULLS NOT DISTINCT" in (unique.options or "").upper():
        options[f"{prefix}_nulls_not_distinct"] = True
    return options


def _deferred(options: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    words = (options or "").upper()
    if "DEFERRABLE" in words:
        found["deferrable"] = "NOT DEFERRABLE" not in words
    if initially := re.search(r"INITIALLY (DEFERRED|IMMEDIATE)", words):
        found["initially"] = initially.group(1)
    return found


def index_parts(index: IndexState) -> list[str | sa.TextClause]:
    """Return what an index is over: names of columns, and expressions as text."""
    return [unquoted(part) if is_name(part) else sa.text(as_text(part)) for part in index.parts]


def index_options(index: IndexState, prefix: str) -> dict[str, Any]:
    """Return the arguments that only this engine's indexes have."""
    options: dict[str, Any] = {}
    if index.where is not None:
        options[f"{prefix}_where"] = sa.text(as_text(index.where))
    if index.method is not None:
        options[f"{prefix}_using"] = index.method
    if index.include:
        options[f"{prefix}_include"] = list(index.include)
    if "NULLS NOT DISTINCT" in (index.options or "").upper():
        options[f"{prefix}_nulls_not_distinct"] = True
    return options


def index_item(index: IndexState, prefix: str) -> sa.Index:
    """Return the index, to be given to a Table."""
    return sa.Index(
        index.name, *index_parts(index), unique=index.unique, **index_options(index, prefix)
    )


def table_items(
    table: TableState,
    column_type: ColumnType,
    prefix: str,
    *,
    without: frozenset[str] = frozenset(),
) -> Iterator[sa.schema.SchemaItem]:
    """Yield a table's columns and constraints; not the foreign keys to the tables `without`.

    Nor what only a statement can add to a table, EXCLUDE: no item of SQLAlchemy's is made of a
    text.
    """
    for column in table.columns:
        yield column_item(column, column_type)
    for constraint in table.constraints():
        if isinstance(constraint, ForeignKeyState) and str(constraint.target) in without:
            continue
        if isinstance(constraint, CheckState) and constraint.kind != "CHECK":
            continue
        yield constraint_item(constraint, prefix)


_OPTION = re.compile(
    r"(?P<name>INCREMENT(?: BY)?|START(?: WITH)?|MINVALUE|MAXVALUE|CACHE)\s+(?P<number>-?\d+)",
    re.IGNORECASE,
)
_ARGUMENTS = {"increment": "increment", "start": "start", "cache": "cache"}


def _identity(text: str) -> sa.Identity | None:
    """Return the Identity that an engine's text stands for; None where it is no Identity."""
    lowered = text.lower()
    if not lowered.startswith(("always", "by default", "sequence")):
        return None
    options: dict[str, Any] = {}
    for found in _OPTION.finditer(text):
        name = found["name"].split()[0].lower()
        options[_ARGUMENTS.get(name, name)] = int(found["number"])
    if re.search(r"(?<!no )\bcycle\b", lowered):
        options["cycle"] = True
    if lowered.startswith("always"):
        options["always"] = True
    return sa.Identity(**options)
