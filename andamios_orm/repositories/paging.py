"""Pages of a query: from row to row by signed cursors, or by number with a total."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
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


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in their order, and where the rows around them are."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONVERTED

    items: list[T]
    next: Cursor | None = None
    """What `page(after=...)` takes for the rows after these; None if there were none."""
    previous: Cursor | None = None
    """What `page(before=...)` takes for the rows before these; None on the first page."""


@dataclass(frozen=True, slots=True)
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


Placed: TypeAlias = tuple[T, Row, PlaceReader]
"""A row as it is read, as the driver gave it, and what reads there by what it is sorted."""


def placed(
    decode: Callable[[Sequence[Row]], list[T]], read: PlaceReader, width: int | None = None
) -> Callable[[Sequence[Row]], list[Placed[T]]]:
    """Return the decoder of rows with their places, which few of them are ever asked for.

    `decode` gets the first `width` cells of each row, by default all.
    """

    def decode_placed(rows: Sequence[Row]) -> list[Placed[T]]:
        own = rows if width is None else [row[:width] for row in rows]
        return list(zip(decode(own), rows, repeat(read)))

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
    more: list[object] = []
    for term in keyset.terms:
        term.values(more)

    def values_of(one: Selection) -> list[object]:
        return [*values(one), *more]

    whole = keyset.applied(selection).limited(0)
    plan = plan_of(whole, keyset.terms)
    context = context_of(plan.sql, plan.bind(with_tenant(values_of(whole), source.tenant)))
    wanted = whole.limited(size + 1)
    cursor = asked.after if asked.before is None else asked.before
    if cursor is not None:
        order = keyset if asked.before is None else keyset.backwards()
        place = from_cursor(cursor, context, source.limits.cursor_key)
        wanted = order.applied(wanted)
        wanted = wanted._replace(conditions=(*wanted.conditions, order.beyond(place)))
        plan = plan_of(wanted, keyset.terms)
    found = await source.fetch(plan, values_of(wanted))
    more_follow = len(found) > size
    del found[size:]
    if asked.before is not None:
        found.reverse()
    items = await completed([row[0] for row in found], source)

    def at(row: Placed[T]) -> str:
        return to_cursor(row[2](row[1]), context, source.limits.cursor_key)

    forwards = asked.before is None
    return Page(
        items,
        next=at(found[-1]) if found and (more_follow or not forwards) else None,
        previous=at(found[0]) if found and cursor and (more_follow or forwards) else None,
    )


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
