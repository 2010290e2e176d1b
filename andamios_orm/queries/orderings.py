"""How rows are sorted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.errors import NotSupported
from andamios_orm.queries.nodes import Binder, Key, Node, Term, combined
from andamios_orm.schema.spec import Kind

__all__ = ["Ordering"]


class Ordering(Node):
    """One column of an ORDER BY.

    Rows without a value come last in ascending and first in descending order, on every engine,
    unless `nulls_first()` or `nulls_last()` says otherwise.
    """

    __slots__ = ("descending", "first", "term")

    def __init__(self, term: Term, *, descending: bool, first: bool | None = None) -> None:
        if term.storage.kind is Kind.JSON:
            raise NotSupported(
                f"{term!r} is a JSON column, and engines disagree on the order of JSON texts",
                "sort by another column, or use your engine's JSON functions through"
                " sqlalchemy.func",
            )
        self.term, self.descending = term, descending
        self.first = descending if first is None and term.nullable else first

    def nulls_first(self) -> Ordering:
        return Ordering(self.term, descending=self.descending, first=True)

    def nulls_last(self) -> Ordering:
        return Ordering(self.term, descending=self.descending, first=False)

    def key(self) -> Key:
        return combined("order", self.descending, str(self.first), self.term.key())

    def values(self, into: list[object]) -> None:
        self.term.values(into)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        binder.require_order(self.term)
        clause = self.term.clause(binder)
        ordered = clause.desc() if self.descending else clause.asc()
        if self.first is None:
            return ordered
        return _NullsPlaced(clause, ordered, first=self.first)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.term.models(into)

    def names_only(self, model: type[BaseModel]) -> bool:
        return self.term.names_only(model)

    def __repr__(self) -> str:
        code = f"{self.term!r}.{'desc' if self.descending else 'asc'}()"
        if self.first is None or self.first == self.descending:
            return code
        return f"{code}.nulls_{'first' if self.first else 'last'}()"


class _NullsPlaced(FunctionElement[Any]):
    """An ordering that says where rows without a value come."""

    inherit_cache = True

    def __init__(
        self, clause: ColumnElement[Any], ordered: ColumnElement[Any], *, first: bool
    ) -> None:
        # Each is a clause of the element, so that SQLAlchemy's cache tells the orderings apart.
        super().__init__(clause, ordered, sa.literal_column("FIRST" if first else "LAST"))


@compiles(_NullsPlaced)
def _render_nulls(element: _NullsPlaced, compiler: SQLCompiler, **kw: Any) -> str:
    _, ordered, place = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{ordered} NULLS {place}"


@compiles(_NullsPlaced, "mariadb", "mysql")
def _render_nulls_by_test(element: _NullsPlaced, compiler: SQLCompiler, **kw: Any) -> str:
    # There is no such clause; true, which IS NULL gives, comes after false.
    clause, ordered, place = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({clause}) IS {'NOT NULL' if place == 'FIRST' else 'NULL'}, {ordered}"
