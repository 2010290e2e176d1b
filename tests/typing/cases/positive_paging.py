"""Pages: what each call gives."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import assert_type

from models import Hero
from pydantic import SecretStr

from andamios_orm import Cursor, Database, NumberedPage, Page, Query, Repository, Stream


async def paged(heroes: Repository[Hero], cursor: Cursor | None) -> Page[Hero]:
    query = heroes.where(Hero.age > 30).order_by(Hero.name)
    page = await query.page(size=20, after=cursor)
    assert_type(page, Page[Hero])
    assert_type(page.items, list[Hero])
    assert_type(page.items[0].name, str)
    assert_type(page.next, str | None)
    assert_type(page.previous, str | None)
    text: str | None = page.next
    return await query.page(before=text)


async def numbered(heroes: Repository[Hero]) -> NumberedPage[Hero]:
    page = await heroes.order_by(Hero.name).numbered_page(3, size=20)
    assert_type(page, NumberedPage[Hero])
    assert_type(page.items, list[Hero])
    assert_type(page.total, int)
    assert_type(page.pages, int)
    return page


async def first_page(query: Query[Hero]) -> Page[Hero]:
    return await query.page()


async def streamed(query: Query[Hero]) -> list[str]:
    stream = query.stream(batch=100)
    assert_type(stream, Stream[Hero])
    assert_type(await anext(stream), Hero)
    async with aclosing(stream) as rows:
        async for hero in rows:
            assert_type(hero, Hero)
    any_iterator: AsyncIterator[Hero] = query.stream()
    await stream.aclose()
    return [hero.name async for hero in any_iterator]


Database("sqlite://", default_page_size=10, max_page_size=50, max_offset=100, max_rows=1000)
Database("sqlite://", cursor_key="a secret of sixteen bytes")
Database("sqlite://", cursor_key=b"a secret of sixteen bytes")
Database("sqlite://", cursor_key=SecretStr("a secret of sixteen bytes"))
made: Page[int] = Page([1, 2, 3], next="abc")
