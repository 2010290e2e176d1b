"""The SQLAlchemy type that stands in a revision file for a type of SQLite."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from andamios_orm.migration.operations import SqlType

__all__ = ["column_type"]

_USUAL: dict[str, TypeEngine[Any]] = {"INTEGER": sa.Integer(), "TEXT": sa.Text()}
_SIZED = re.compile(r"([A-Z]+)(?:\((\d+)(?:,(\d+))?\))?")


def column_type(sql: str) -> TypeEngine[Any]:
    """Return SQLAlchemy's type that is written just so, or one that has only the name."""
    if sql in _USUAL:
        return _USUAL[sql]
    found = _SIZED.fullmatch(sql)
    named = getattr(sa, found[1], None) if found else None
    if found is not None and isinstance(named, type) and issubclass(named, TypeEngine):
        sizes = [int(size) for size in found.groups()[1:] if size is not None]
        if len(sizes) > 1 and not issubclass(named, sa.Numeric):
            return SqlType(sql)
        try:
            made = named(*sizes)
            if made.compile(_DIALECT).replace(", ", ",") == sql:
                return made
        except (TypeError, sa.exc.CompileError):
            pass  # no such size, or a type that SQLAlchemy knows of other engines only
    return SqlType(sql)


_DIALECT = sa.create_engine("sqlite://").dialect
