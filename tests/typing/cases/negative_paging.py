"""Calls for pages that are wrong."""

from models import Hero, Team

from andamios_orm import Database, Page, Repository


async def paged(heroes: Repository[Hero]) -> None:
    query = heroes.order_by(Hero.name)
    await query.page(20)  # E: page-size-by-position
    await query.page(size="20")  # E: page-size-text
    await query.page(after=3)  # E: page-after-number
    await query.page(before=b"x")  # E: page-before-bytes
    await query.page(number=3)  # E: page-by-number
    await query.numbered_page()  # E: numbered-page-without-number
    await query.numbered_page("3")  # E: numbered-page-text
    await query.numbered_page(3, 20)  # E: numbered-page-size-by-position
    await query.numbered_page(3, after="x")  # E: numbered-page-after
    teams: Page[Team] = await query.page()  # E: page-of-another-model
    print(teams)
    page = await query.page()
    print(page.total)  # E: page-without-total
    page.next = None  # E: page-is-frozen
    print(len(page))  # E: page-has-no-length
    print((await query.numbered_page(1)).next)  # E: numbered-page-without-cursor
    cursor: str = page.next  # E: no-next-page
    print(cursor)


async def streamed(heroes: Repository[Hero]) -> None:
    query = heroes.order_by(Hero.name)
    query.stream(100)  # E: batch-by-position
    query.stream(batch="100")  # E: batch-text
    await query.stream()  # E: stream-awaited
    for _ in query.stream():  # E: stream-without-async
        pass
    async for team in query.stream():
        print(team.nmae)  # E: unknown-attribute-of-streamed-row
        row: Team = team  # E: stream-of-another-model
        print(row)


Database("sqlite://", max_page_size="5")  # E: max-page-size-text
Database("sqlite://", cursor_key=5)  # E: cursor-key-number
