"""The law that pages show each row once, whatever the order, also while rows are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from andamios_orm.database.engine import Database
from andamios_orm.models.base import Model
from andamios_orm.queries.orderings import Ordering
from andamios_orm.repositories.query import Query
from andamios_orm.repositories.repository import Repository
from andamios_orm.testing.laws.base import Broken, Example, Law
from andamios_orm.testing.laws.drawing import (
    in_order_of_keys,
    orders,
    rows_of,
    sort_attrs,
    tied,
)
from andamios_orm.testing.laws.playground import Playground
from andamios_orm.testing.laws.sorting import require_sorted
from andamios_orm.testing.laws.stored import Key, key_of, store
from andamios_orm.testing.laws.tenants import of_somebody

__all__ = ["page_partition"]


def _examples(playground: Playground) -> SearchStrategy[Example]:
    models = in_order_of_keys(playground, paged=True)
    attrs = {model: sort_attrs(playground, model, paged=True) for model in models}

    @st.composite
    def examples(draw: DrawFn) -> Example:
        model = draw(st.sampled_from(models))
        order = draw(orders(attrs[model]))
        rows = draw(tied(draw(rows_of(playground, model, size=8)), model, order))
        size, later = draw(st.integers(1, 4)), draw(st.integers(0, 3))
        return model, rows, later, order, size

    return examples()


async def _holds(
    playground: Playground,
    model: type[Model],
    rows: Sequence[Model],
    later: int,
    order: Sequence[Ordering],
    size: int,
) -> None:
    db = of_somebody(playground)
    at_first, added = rows[: len(rows) - later], rows[len(rows) - later :]
    await store(db, at_first)
    query = Repository(model, db).order_by(*cast("Sequence[Any]", order))
    await _require_pages(query, order, size)
    await _require_numbered_pages(query, order, size)
    await _require_stable(db, query, added, order, size)


async def _require_pages(query: Query[Model], order: Sequence[Ordering], size: int) -> None:
    """Forwards and backwards, pages are full, and have all rows in order."""
    there = await query.all()
    forwards: list[list[Model]] = []
    page = await query.page(size=size)
    forwards.append(page.items)
    if page.previous is not None:
        raise Broken("`previous` of the first page", expected=None, found=page.previous)
    while page.next is not None:
        page = await query.page(size=size, after=page.next)
        forwards.append(page.items)
    _require_each_once("pages", forwards, there, order)
    if any(len(items) != size for items in forwards[:-1]) or (there and not forwards[-1]):
        raise Broken(f"pages of {size}", expected=_sizes(len(there), size), found=forwards)
    backwards = [page.items]
    while page.previous is not None:
        page = await query.page(size=size, before=page.previous)
        backwards.insert(0, page.items)
    if _keys(backwards) != _keys(forwards):
        raise Broken("pages from the last to the first", expected=forwards, found=backwards)


async def _require_numbered_pages(
    query: Query[Model], order: Sequence[Ordering], size: int
) -> None:
    """By number, pages have all rows in order, and their number is right."""
    there = await query.all()
    sizes = _sizes(len(there), size)
    found: list[list[Model]] = []
    for number in range(1, max(len(sizes), 1) + 1):
        page = await query.numbered_page(number, size=size)
        found.append(page.items)
        if (page.total, page.pages) != (len(there), len(sizes)):
            raise Broken(
                f"total and pages of numbered_page({number}, size={size})",
                expected=(len(there), len(sizes)),
                found=(page.total, page.pages),
            )
    _require_each_once("numbered pages", found, there, order)


async def _require_stable(
    db: Database,
    query: Query[Model],
    added: Sequence[Model],
    order: Sequence[Ordering],
    size: int,
) -> None:
    """Rows that are there all along are met once, though others are added on the way."""
    there = await query.all()
    page = await query.page(size=size)
    found = [page.items]
    waiting = list(added)
    while page.next is not None:
        if waiting:
            await store(db, [waiting.pop(0)])
        page = await query.page(size=size, after=page.next)
        found.append(page.items)
    keys = {key_of(row) for row in there}
    old = [[row for row in items if key_of(row) in keys] for items in found]
    _require_each_once("the old rows of pages while others are added", old, there, order)
    require_sorted("pages while others are added", [row for page in found for row in page], order)


def _require_each_once(
    what: str, pages: list[list[Model]], there: Sequence[Model], order: Sequence[Ordering]
) -> None:
    rows = [row for page in pages for row in page]
    if sorted(_keys(pages), key=repr) != sorted(map(key_of, there), key=repr):
        raise Broken(what, expected=list(there), found=pages)
    require_sorted(what, rows, order)


def _keys(pages: list[list[Model]]) -> list[Key]:
    return [key_of(row) for page in pages for row in page]


def _sizes(rows: int, size: int) -> list[int]:
    """Return how many rows each page has."""
    return [min(size, rows - start) for start in range(0, rows, size)]


page_partition = Law(
    name="page_partition",
    statement=(
        "Pages by cursor, forwards and backwards, and by number, have each row once, in order,"
        " and are full; rows that are added between two pages move none of the others."
    ),
    examples=_examples,
    holds=_holds,
    spared=lambda playground: (
        None
        if in_order_of_keys(playground, paged=True)
        else "no model has a key that a cursor can carry"
    ),
)
