"""`Rows`: what every query can do, whatever it makes of the rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from andamios_orm.database.source import Source
from andamios_orm.errors import ManyFound, NotFound, UsageError
from andamios_orm.queries.selection import Selection
from andamios_orm.repositories.statements import ModelStatements
from andamios_orm.rows.plan import Plan

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Predicate, SortKey

__all__ = ["Rows"]

T = TypeVar("T")


class Rows(Generic[T]):
    """Some rows of one model, described step by step, and read as `T`.

    Immutable: every step returns another one, so it can be kept and refined in several
    directions. Nothing is read before `all`, `first`, `one`, `count` or `exists`.
    """

    __slots__ = ("_selection", "_source", "_statements")

    _selection: Selection
    _source: Source
    _statements: ModelStatements[Any]

    @abstractmethod
    def _with(self, selection: Selection) -> Self:
        """Return the same query of other rows."""

    @abstractmethod
    def _plan(self) -> Plan[list[T]]:
        """Return the plan that reads the rows; its values are those of the selection."""

    async def _completed(self, found: list[T], source: Source) -> list[T]:
        """Return the rows with what further statements add to them."""
        return found

    # -- which

    def where(self, *conditions: Predicate) -> Self:
        """Return the query with further conditions, all of which must hold.

        Raises ConditionMisuse for what is no condition, UsageError for another model's column.
        """
        return self._with(self._selection.where(*conditions))

    def order_by(self, *keys: SortKey) -> Self:
        """Return the query sorted by columns, or by `.asc()` and `.desc()` of them.

        Repeated calls add further columns for rows that are equal so far.
        """
        return self._with(self._selection.order_by(*keys))

    def limit(self, limit: int, /) -> Self:
        """Return the query cut to that many rows. Raises WrongType for a negative number."""
        return self._with(self._selection.limited(limit))

    def offset(self, offset: int, /) -> Self:
        """Return the query without its first rows. Raises WrongType for a negative number."""
        return self._with(self._selection.skipping(offset))

    # -- reading

    async def all(self) -> list[T]:
        """Return all rows, validated. Raises InvalidRow, DatabaseError."""
        found = await self._source.fetch(self._plan(), self._selection.values())
        return await self._completed(found, self._source)

    async def first(self) -> T | None:
        """Return the first row, None if there is none. Without order_by() any row may be first."""
        found = await self._with(self._at_most(1)).all()
        return found[0] if found else None

    async def one(self) -> T:
        """Return the only row. Raises NotFound for none and ManyFound for several."""
        found = await self._with(self._at_most(2)).all()
        name = self._selection.model.__name__
        if not found:
            raise NotFound(
                f"no {name} fits the query",
                "use first() where there may be none",
                model=self._selection.model,
            )
        if len(found) > 1:
            raise ManyFound(
                f"more than one {name} fits the query",
                "narrow it with where(), or use first() or all()",
                model=self._selection.model,
            )
        return found[0]

    def _at_most(self, rows: int) -> Selection:
        limit = self._selection.limit
        return self._selection.limited(rows if limit is None else min(limit, rows))

    async def count(self) -> int:
        """Return how many rows there are, within limit and offset."""
        self._refuse_lock("count")
        plan = self._statements.count(self._source.plans, self._selection)
        values = self._selection
        if values.limit is None and values.offset is None:
            # The order does not matter, so the statement has no ORDER BY and no values of it.
            values = Selection(values.model, values.conditions)
        return await self._source.fetch(plan, values.values())

    async def exists(self) -> bool:
        """Return whether there is any row."""
        self._refuse_lock("exists")
        selection = self._at_most(1)
        plan = self._statements.exists(self._source.plans, selection)
        found: int = await self._source.fetch(plan, selection.values())
        return bool(found)

    def _refuse_lock(self, verb: str) -> None:
        if self._selection.lock is not None:
            raise UsageError(
                f"{verb}() of a query with with_for_update() reads no rows to lock",
                "leave with_for_update() out, or read the rows with all()",
            )
