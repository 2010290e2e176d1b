"""What a statement collects while its clauses are made: numbered values, and joined rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.types import TypeEngine

from andamios_orm.errors import NotSupported
from andamios_orm.queries.nodes import Binder, Holder, Plain
from andamios_orm.queries.relations import join_onto
from andamios_orm.queries.terms import Attr
from andamios_orm.schema.columns import is_number_as_text
from andamios_orm.schema.spec import RelationSpec

__all__ = ["Joins", "Parameters", "parameter"]


def parameter(number: int) -> str:
    """Return the name of the n-th parameter, counted from 0."""
    return f"andamios_orm_parameter_{number}"


class Joins:
    """Rows, and what relations to one row have joined to them."""

    def __init__(self, rows: FromClause) -> None:
        self._rows = rows
        self._joined: dict[tuple[str, ...], FromClause] = {}
        self.source = rows
        """The FROM of a SELECT that reads them."""

    def at(self, path: Sequence[RelationSpec], binder: Binder) -> FromClause:
        """Return the rows at the other end of a path, joined once."""
        rows = self._rows
        names: tuple[str, ...] = ()
        for step in path:
            names = (*names, step.name)
            found = self._joined.get(names)
            if found is None:
                found, on = join_onto(step, rows, binder)
                self._joined[names] = found
                # A row without one stays; there is never more than one.
                self.source = self.source.outerjoin(found, on)
            rows = found
        return rows


class Parameters(Plain):
    """Number the values in the order in which nodes bind them; a plan fills them by number.

    Without `joins` a path is a subquery, for statements that cannot have a join.
    """

    def __init__(self, dialect_name: str, joins: Joins | None = None, *, first: int = 0) -> None:
        self._dialect_name = dialect_name
        self._joins = joins
        self._next = first

    def bind(self, value: object, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        """See Binder."""
        name = parameter(self._next)
        self._next += 1
        return sa.bindparam(name, None, type_=column_type)

    def joined(self, path: Sequence[RelationSpec]) -> FromClause | None:
        """See Binder."""
        return None if self._joins is None else self._joins.at(path, self)

    def require_order(self, holder: Holder) -> None:
        """See Binder."""
        if is_number_as_text(holder.storage, self._dialect_name):
            raise NotSupported(
                f"{holder!r}: SQLite has no number type for more than 15 digits, so the column"
                " is text there and cannot be ordered or computed with",
                "declare max_digits=15 or less, or use a database with DECIMAL",
                column=(holder.model, holder.name) if isinstance(holder, Attr) else None,
            )
