"""Pages of a query: from row to row by signed cursors, or by number with a total."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import ConfigDict, Field

from andamios_orm.database.source import Source
from andamios_orm.errors import UsageError
from andamios_orm.queries.cursors import context_of, from_cursor, to_cursor
from andamios_orm.queries.keyset import Keyset, PlaceReader, without_ties
from andamios_orm.queries.nodes import Term
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.terms import Attr
from andamios_orm.rows.plan import Plan, Row
from andamios_orm.schema.tenants import with_tenant

__all__ = [
    "Asked",
    "Cursor",
    "NumberedPage",
    "Page",
    "Placed",
    "placed",
    "read_numbered",
    "read_page",
]

T = TypeVar("T")

Cursor: TypeAlias = Annotated[
    str, Field(description="Where a page goes on; from `next` or `previous` of another page.")
]
"""Where a page goes on: a text for `page(after=...)` or `page(before=...)`, fit for a URL.

It is signed and belongs to one query: its model, conditions, values and order. It is not
encrypted: it holds the values by which the page's last row is sorted.
"""


# Else a page of heroes would be taken for one of Public[Hero] as it is.
_CONVERTED = ConfigDict(revalidate_instances="always")


# Both without slots, beside which Python 3.11 refuses to make a Page[Hero](...).
@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows in their order, and where the rows around them are."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONVERTED

    items: list[T]
    next: Cursor | None = None
    """What `page(after=...)` takes for the rows after these; None if there were none."""
    previous: Cursor | None = None
    """What `page(before=...)` takes for the rows before these; None on the first page."""


@dataclass(frozen=True)
class NumberedPage(Generic[T]):
    """Some rows in their order, and how many there are in all."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONVERTED

    items: list[T]
    total: int
    """The rows of all pages."""
    number: int
    """Which page this is, counted from 1."""
    size: int
    """The rows of a page that is full."""
    pages: int
    """How many pages there are."""


class Placed(NamedTuple, Generic[T]):
    """Rows as they are read, and as the driver gave them: few are asked for their place."""

    items: list[T]
    rows: Sequence[Row]
    read_place: PlaceReader
    """What reads the values by which a row is sorted."""


def placed(
    decode: Callable[[Sequence[Row]], list[T]], read: PlaceReader, width: int | None = None
) -> Callable[[Sequence[Row]], list[Placed[T]]]:
    """Return the decoder of rows with their places.

    It gives a list of one, because many rows are decoded in pieces whose lists are joined.
    `decode` gets the first `width` cells of each row, by default all.
    """

    def decode_placed(rows: Sequence[Row]) -> list[Placed[T]]:
        own = rows if width is None else [row[:width] for row in rows]
        return [Placed(decode(own), rows, read)]

    return decode_placed


class Asked(NamedTuple):
    """What a caller wants of `page`."""

    size: int | None
    after: str | None
    before: str | None


async def read_page(
    asked: Asked,
    selection: Selection,
    key: Sequence[Attr],
    source: Source,
    plan_of: Callable[[Selection, tuple[Term, ...]], Plan[list[Placed[T]]]],
    values: Callable[[Selection], list[object]],
    completed: Callable[[list[T], Source], Awaitable[list[T]]],
) -> Page[T]:
    """Return the page of a selection. Raises InvalidCursor, LimitExceeded, and what `all` raises.

    `plan_of` gives the plan of rows with their places; a place has the values of the terms. The
    statement's values are what `values` gives, and then those in the terms.
    """
    _refuse_part(selection, "page")
    if asked.after is not None and asked.before is not None:
        raise UsageError(
            "a page comes after one row or before another, not both", "pass one of the two"
        )
    size = source.limits.size(asked.size)
    keyset = Keyset.of(selection, key)
    terms = keyset.terms
    more: list[object] = []
    for term in terms:
        term.values(more)

    def values_of(one: Selection) -> list[object]:
        return [*values(one), *more]

    whole = selection._replace(orderings=keyset.orderings, limit=0)
    plan = plan_of(whole, terms)
    context = context_of(plan.sql, plan.bind(with_tenant(values_of(whole), source.tenant)))
    cursor = asked.after if asked.before is None else asked.before
    if cursor is None:
        wanted = whole._replace(limit=size + 1)
    else:
        order = keyset if asked.before is None else keyset.backwards()
        place = from_cursor(cursor, context, source.limits.cursor_key)
        wanted = selection._replace(
            conditions=(*selection.conditions, order.beyond(place)),
            orderings=order.orderings,
            limit=size + 1,
        )
        plan = plan_of(wanted, terms)
    found = await source.fetch(plan, values_of(wanted))
    items, rows, read_place = found[0] if len(found) == 1 else _joined(found)
    more_follow = len(items) > size
    del items[size:]
    ends = (rows[0], rows[len(items) - 1]) if items else None
    forwards = asked.before is None
    if not forwards:
        items.reverse()
    items = await completed(items, source)
    if ends is None:
        return Page(items)
    first, last = ends if forwards else ends[::-1]

    def at(row: Row) -> str:
        return to_cursor(read_place(row), context, source.limits.cursor_key)

    return Page(
        items,
        next=at(last) if more_follow or not forwards else None,
        previous=at(first) if cursor and (more_follow or forwards) else None,
    )


def _joined(found: Sequence[Placed[T]]) -> Placed[T]:
    """Return the pieces of a page of many rows as one."""
    items = [item for piece in found for item in piece.items]
    return Placed(items, [row for piece in found for row in piece.rows], found[0].read_place)


async def read_numbered(
    number: int,
    asked_size: int | None,
    selection: Selection,
    key: Sequence[Attr],
    source: Source,
    count: Callable[[], Awaitable[int]],
    rows_of: Callable[[Selection], Awaitable[list[T]]],
) -> NumberedPage[T]:
    """Return a page by its number. Raises LimitExceeded, and what `count` and `all` raise."""
    _refuse_part(selection, "numbered_page")
    size = source.limits.size(asked_size)
    offset = source.limits.offset(number, size)
    ordered = selection._replace(orderings=without_ties(selection, key))
    total = await count()
    items = await rows_of(ordered.limited(size).skipping(offset))
    return NumberedPage(items, total, number, size, -(-total // size))


def _refuse_part(selection: Selection, verb: str) -> None:
    if selection.limit is not None or selection.offset is not None:
        raise UsageError(
            f"{verb}() of a query with limit() or offset(): a page is a part of all its rows",
            "leave them out, and pass size= instead",
        )
