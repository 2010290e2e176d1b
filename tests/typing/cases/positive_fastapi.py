"""An application of FastAPI, to a type checker."""

from typing import Annotated, assert_type

from fastapi import Depends, FastAPI, Response
from models import Hero, Team

from andamios_orm import (
    Create,
    Database,
    NumberedPage,
    Page,
    Patch,
    Public,
    Repository,
    Session,
    Versioned,
)
from andamios_orm.integrations.fastapi import (
    CursorParams,
    DbId,
    FilterParams,
    IfMatch,
    PageParams,
    SortParams,
    db_session,
    etag,
    health_router,
    install,
    repository,
    set_etag,
)


class Heroes(Repository[Hero]):
    pass


class HeroFilter(FilterParams[Hero], fields=[Hero.name, Hero.age]):
    pass


class HeroSort(SortParams[Hero], fields=[Hero.name]):
    pass


db = Database("sqlite://")
app = FastAPI(lifespan=db.lifespan)
install(app, retry_after=3)
app.include_router(health_router(db))

HeroesDep = Annotated[Heroes, repository(Heroes, db)]
TeamsDep = Annotated[Repository[Team], repository(Team, db, read_only=True)]
SessionDep = Annotated[Session, db_session(db, isolation="serializable")]


@app.post("/heroes", status_code=201)
async def add_hero(data: Create[Hero], heroes: HeroesDep) -> Public[Hero]:
    return await heroes.add(data)


@app.patch("/heroes/{key}")
async def change_hero(
    key: DbId, data: Patch[Hero], version: IfMatch, heroes: HeroesDep
) -> Public[Hero]:
    assert_type(version, int | None)
    return await heroes.patch(key, data, if_version=version)


@app.get("/heroes")
async def list_heroes(
    heroes: HeroesDep,
    page: Annotated[CursorParams, Depends()],
    sort: Annotated[SortParams[Hero], Depends()],
    filters: Annotated[HeroFilter, Depends()],
) -> Page[Public[Hero]]:
    found = await page.read(heroes.where(*filters.conditions).order_by(*sort.keys))
    assert_type(found, Page[Hero])
    return found


@app.get("/teams")
async def list_teams(
    teams: TeamsDep, page: Annotated[PageParams, Depends()]
) -> NumberedPage[Public[Team]]:
    return await page.read(teams.where())


@app.post("/both")
async def both(session: SessionDep, teams: TeamsDep) -> int:
    return await Repository(Hero, session).count() + await teams.count()


def tagged(row: Versioned, response: Response) -> str:
    set_etag(response, row)
    return etag(row)
