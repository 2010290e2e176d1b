"""Mistakes in an application of FastAPI."""

from fastapi import FastAPI
from models import Hero, Power, Team

from andamios_orm import Database, Page, Repository
from andamios_orm.integrations.fastapi import (
    CursorParams,
    FilterParams,
    SortParams,
    db_session,
    etag,
    install,
    repository,
)

db = Database("sqlite://")
repository(Power, db)  # E: dependency-of-plain-model
repository(Hero)  # E: dependency-without-database
db_session("sqlite://")  # E: session-of-url
db_session(db, isolation="none")  # E: session-of-unknown-isolation
install(db)  # E: install-in-database
install(FastAPI(), retry_after="3")  # E: retry-after-text


class OfTexts(FilterParams[Hero], fields=["name"]):  # E: filter-by-text
    pass


async def listed(
    heroes: Repository[Hero],
    page: CursorParams,
    sort: SortParams[Hero],
    filters: OfTexts,
    power: Power,
) -> None:
    heroes.order_by(*sort.keys, *filters.nope)  # E: unknown-part-of-filter
    found: Page[Team] = await page.read(heroes.where())  # E: parameters-page-of-another-model
    await page.read(heroes)  # E: page-of-repository
    print(etag(power), found)  # E: tag-of-plain-model


def of_plain_model(sort: SortParams[Power]) -> None:  # E: sort-of-plain-model
    print(sort)
