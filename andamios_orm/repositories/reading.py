"""`Rows`: what every query can do, whatever it makes of the rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from andamios_orm.database.source import Source
from andamios_orm.errors import LimitExceeded, ManyFound, NotFound, NotSupported, UsageError
from andamios_orm.queries.nodes import Term
from andamios_orm.queries.selection import Selection
from andamios_orm.repositories import paging
from andamios_orm.repositories.paging import NumberedPage, Page, Placed
from andamios_orm.repositories.statements import ModelStatements
from andamios_orm.repositories.streaming import Stream
from andamios_orm.rows.plan import Plan

if TYPE_CHECKING:
    from andamios_orm.queries.expressions import Predicate, SortKey

__all__ = ["Rows"]

T = TypeVar("T")


class Rows(Generic[T]):
    """Some rows of one model, described step by step, and read as `T`.

    Immutable: every step returns another one, so it can be kept and refined in several
    directions. Nothing is read before it is asked for rows, a page, a stream or a number.
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
        """Return the plan that reads the rows; its values are those of `_values`."""

    @abstractmethod
    def _placed_plan(self, terms: Sequence[Term]) -> Plan[list[Placed[T]]]:
        """Return the plan that reads the rows with their places, which the terms make.

        Its values are those of `_values`, and then those of the terms.
        """

    def _values(self, selection: Selection) -> list[object]:
        """Return the values of the plan that reads a selection's rows."""
        return selection.values()

    @abstractmethod
    async def _completed(self, found: list[T], source: Source) -> list[T]:
        """Return the rows with what further statements add to them."""

    @abstractmethod
    def _reads_beside(self) -> bool:
        """Whether `_completed` runs statements."""

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
        """Return all rows, validated. Raises InvalidRow, DatabaseError.

        Raises LimitExceeded if there are more than `Database(max_rows=...)` lets through.
        """
        if self._source.limits.max_rows is not None:
            return await self._limited()
        found = await self._source.fetch(self._plan(), self._values(self._selection))
        return await self._completed(found, self._source)

    async def _limited(self) -> list[T]:
        query = self._with(self._within_limits())
        values = self._values(query._selection)  # noqa: SLF001 - another of the same
        found = await self._source.fetch(query._plan(), values)  # noqa: SLF001 - as above
        self._refuse_more_than_limits(len(found))
        return await self._completed(found, self._source)

    def _within_limits(self) -> Selection:
        """Return the selection, cut to one row more than the database lets through."""
        most = self._source.limits.max_rows
        return self._selection if most is None else self._at_most(most + 1)

    def _refuse_more_than_limits(self, rows: int) -> None:
        most = self._source.limits.max_rows
        if most is not None and rows > most:
            raise LimitExceeded(
                f"a query of {self._selection.model.__name__} found more than the {most} rows that"
                " this database gives at a time",
                "narrow it, use page(), limit() or stream(), or raise Database(max_rows=...)",
                limit=most,
            )

    async def page(
        self, *, size: int | None = None, after: str | None = None, before: str | None = None
    ) -> Page[T]:
        """Return some rows, and the cursors of those after and before them.

        The rows are sorted by order_by(), and by the primary key where that leaves ties. Without
        a cursor it is the first page; `after` takes the `next` of another one, and `before` its
        `previous`. A page costs the same wherever it is, and rows that others add or remove make
        no row come twice or not at all. `size` is `Database(default_page_size=...)` if it is not
        given.

        Raises InvalidCursor for a cursor that a query with the same conditions and order did not
        give, LimitExceeded for a size beyond `Database(max_page_size=...)`, NotSupported for an
        order by SQLAlchemy expressions, UsageError for one by a secret field.

        ```python
        page = await heroes.order_by(Hero.name).page(size=1)
        assert [hero.name for hero in page.items] == ["Ada"]
        page = await heroes.order_by(Hero.name).page(size=1, after=page.next)
        assert [hero.name for hero in page.items] == ["Grace"]
        assert page.next is None
        ```
        """
        return await paging.read_page(
            paging.Asked(size, after, before),
            self._selection,
            self._statements.key_attrs,
            self._source,
            self._placed_plan_of,
            self._values,
            self._completed,
        )

    def _placed_plan_of(self, selection: Selection, terms: Sequence[Term]) -> Plan[list[Placed[T]]]:
        return self._with(selection)._placed_plan(terms)  # noqa: SLF001 - another of the same

    async def numbered_page(self, number: int, *, size: int | None = None) -> NumberedPage[T]:
        """Return a page by its number, counted from 1, with the number of all rows.

        The rows are sorted as those of `page`. The database reads all rows before it, so pages
        end after `Database(max_offset=...)` rows, and a row may come twice or not at all where
        others add or remove some meanwhile. It takes two statements.

        Raises LimitExceeded for a size or a number beyond the limits.

        ```python
        page = await heroes.order_by(Hero.name).numbered_page(2, size=1)
        assert [hero.name for hero in page.items] == ["Grace"]
        assert (page.total, page.pages) == (2, 2)
        ```
        """
        return await paging.read_numbered(
            number,
            size,
            self._selection,
            self._statements.key_attrs,
            self._source,
            self.count,
            self._rows_of,
        )

    async def _rows_of(self, selection: Selection) -> list[T]:
        return await self._with(selection).all()

    def stream(self, *, batch: int = 1000) -> Stream[T]:
        """Return the rows for `async for`, of which only a batch is in memory at a time.

        Outside of a session it has a connection of its own, and reads in one transaction, until
        the loop ends. Inside one it reads in the session's transaction, and ends with it; on DuckDB
        and MySQL the session runs no other statement meanwhile. `contextlib.aclosing` says when
        it ends for a loop that may be left early; without it the connection is free a moment
        later. `Database(max_rows=...)` does not count here.

        Raises WrongType for a batch below 1, and while it is read what `all` raises, and
        SessionMisuse where the session's transaction has ended.

        ```python
        from contextlib import aclosing

        async with aclosing(heroes.order_by(Hero.age).stream()) as rows:
            async for hero in rows:
                assert hero.name == "Ada"
                break
        ```
        """
        source = self._source
        rows = source.stream()
        beside = rows.beside or source
        if (
            self._reads_beside()
            and not source.capabilities.interleaved_streams
            and source.in_transaction
        ):
            raise NotSupported(
                "what is loaded beside the rows needs other statements, and this engine runs none"
                " on the connection of a stream",
                "stream outside of the session, or leave out what is loaded",
            )
        return Stream(
            rows,
            self._plan(),
            self._values(self._selection),
            batch,
            lambda found: self._completed(found, beside),
        )

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
