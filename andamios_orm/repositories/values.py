"""`Selects`: read some columns or expressions of rows as tuples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar, overload

from pydantic import BaseModel
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.roles import TypedColumnsClauseRole

from andamios_orm.database.source import Source
from andamios_orm.errors import WrongType
from andamios_orm.queries import shape_sql, shapes
from andamios_orm.queries.nodes import Node, combined
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.shapes import Asked, ShapeSpec
from andamios_orm.rows.nested import careful, python_value, tuple_maker
from andamios_orm.rows.plan import Plan, PlanCache, compile_plan
from andamios_orm.schema.compiler import table_of

__all__ = ["Selects"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")

SQL: TypeAlias = TypedColumnsClauseRole[A]
"""An expression of the library's or of SQLAlchemy's, with the type of its values."""


class Selects:
    """What reads some columns of rows: a query, and a repository of all its rows."""

    __slots__ = ()

    @abstractmethod
    def _selected(self) -> tuple[Source, Selection]:
        """Return which rows are meant, and where they are. Raises UsageError."""

    @overload
    async def select(self, one: SQL[A], /) -> list[A]: ...
    @overload
    async def select(self, one: SQL[A], two: SQL[B], /) -> list[tuple[A, B]]: ...
    @overload
    async def select(self, one: SQL[A], two: SQL[B], three: SQL[C], /) -> list[tuple[A, B, C]]: ...
    @overload
    async def select(
        self, one: SQL[A], two: SQL[B], three: SQL[C], four: SQL[D], /
    ) -> list[tuple[A, B, C, D]]: ...
    @overload
    async def select(
        self, one: SQL[A], two: SQL[B], three: SQL[C], four: SQL[D], five: SQL[E], /
    ) -> list[tuple[A, B, C, D, E]]: ...
    @overload
    async def select(
        self, one: SQL[A], two: SQL[B], three: SQL[C], four: SQL[D], five: SQL[E], six: SQL[F], /
    ) -> list[tuple[A, B, C, D, E, F]]: ...
    async def select(self, *columns: SQL[Any]) -> list[Any]:
        """Return tuples of some columns or expressions, or the values of a single one.

        Where an aggregate is among them, the others say what the rows are grouped by. Six at most
        have types of their own; for more, name them in a shape and use into().

        ```python
        assert await heroes.order_by(Hero.name).select(Hero.name, Hero.age) == [
            ("Ada", 36),
            ("Grace", 85),
        ]
        assert await heroes.where(Hero.age > 1).select(sa.func.max(Hero.age)) == [85]
        ```
        """
        if not columns:
            raise WrongType("select() got nothing to read", "pass columns, or use all()")
        source, selection = self._selected()
        asked = [shapes.read_computed("select()", column, selection.model) for column in columns]
        plan, values = values_plan(source.plans, selection, asked)
        return await source.fetch(plan, values)


def values_plan(
    plans: PlanCache, selection: Selection, asked: Sequence[Asked]
) -> tuple[Plan[list[Any]], list[object]]:
    """Return the plan that reads expressions as tuples, or one alone as it is, and its values."""
    spec = ShapeSpec(BaseModel, selection.model, tuple((str(n), a) for n, a in enumerate(asked)))
    keys = [a.key() if isinstance(a, Node) else None for a in asked]
    shape = combined("values", selection.key(), *keys)

    def build(dialect: Dialect) -> Plan[list[Any]]:
        statement, select = shape_sql.shaped(selection, spec, {}, dialect.name)
        converters = [python_value(read.type, dialect) for read in select.reads]
        names = [read.name for read in select.reads]
        made = careful(tuple_maker(converters), converters, names, spec.model)
        return compile_plan(statement, dialect, made, table=table_of(spec.model), many=True)

    return plans.get(shape, build), [*selection.values(), *spec.values({})]
