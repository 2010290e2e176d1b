"""A service of teams and heroes: two models, one file, and the document at `/docs`.

    uvicorn examples.integration.heroes.app:app

`DATABASE_URL` says where the rows are; without it they are in memory, and gone at the end.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI

from andamios_orm import (
    Col,
    Create,
    Database,
    Model,
    Page,
    Patch,
    Public,
    Related,
    RelatedList,
    Repository,
    field,
    generated,
    relation,
)
from andamios_orm.integrations.fastapi import (
    CursorParams,
    DbId,
    FilterParams,
    SortParams,
    health_router,
    install,
    repository,
)

__all__ = ["app", "db"]


class Team(Model, table=True):
    """Who fights together."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, min_length=1, max_length=50)
    heroes: RelatedList["Hero"] = relation(order_by="name")


class Hero(Model, table=True):
    """Somebody who helps."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, min_length=1, max_length=50)
    secret_name: Col[str] = field(secret=True, max_length=50)  # in no answer of this service
    age: Col[int | None] = field(default=None, ge=0, le=1000)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class HeroCard(Hero, variant="public"):
    """A hero with the team, read in one statement."""

    team: Public[Team] | None


class TeamCard(Team, variant="public"):
    """A team with its heroes."""

    heroes: list[Public[Hero]]


class HeroFilter(FilterParams[Hero], fields=[Hero.name, Hero.age, Hero.team_id]):
    """What heroes are looked for by."""


db = Database(os.environ.get("DATABASE_URL", "duckdb://"))
Heroes = Annotated[Repository[Hero], repository(Hero, db)]
Teams = Annotated[Repository[Team], repository(Team, db)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with db.lifespan(app):
        await db.create_all()
        yield


app = FastAPI(title="Heroes", lifespan=lifespan)
install(app)
app.include_router(health_router(db))


@app.post("/teams", status_code=201)
async def add_team(data: Create[Team], teams: Teams) -> Public[Team]:
    return await teams.add(data)


@app.get("/teams/{key}")
async def get_team(key: DbId, teams: Teams) -> TeamCard:
    return await teams.where(Team.id == key).into(TeamCard).one()


@app.delete("/teams/{key}", status_code=204)
async def delete_team(key: DbId, teams: Teams) -> None:
    await teams.delete(key)


@app.post("/heroes", status_code=201)
async def add_hero(data: Create[Hero], heroes: Heroes) -> Public[Hero]:
    return await heroes.add(data)


@app.get("/heroes")
async def list_heroes(
    heroes: Heroes,
    page: Annotated[CursorParams, Depends()],
    sort: Annotated[SortParams[Hero], Depends()],
    filters: Annotated[HeroFilter, Depends()],
) -> Page[HeroCard]:
    found = heroes.where(*filters.conditions).order_by(*sort.keys)
    return await page.read(found.into(HeroCard))


@app.get("/heroes/{key}")
async def get_hero(key: DbId, heroes: Heroes) -> HeroCard:
    return await heroes.where(Hero.id == key).into(HeroCard).one()


@app.patch("/heroes/{key}")
async def change_hero(key: DbId, data: Patch[Hero], heroes: Heroes) -> Public[Hero]:
    return await heroes.patch(key, data)


@app.delete("/heroes/{key}", status_code=204)
async def delete_hero(key: DbId, heroes: Heroes) -> None:
    await heroes.delete(key)
