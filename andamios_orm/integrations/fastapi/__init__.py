"""Databases in FastAPI applications: sessions, errors, parameters of queries, streams, health.

```python
from typing import Annotated

from fastapi import FastAPI

from andamios_orm.integrations.fastapi import DbId, install, repository

app = FastAPI(lifespan=db.lifespan)
install(app)

Heroes = Annotated[Repository[Hero], repository(Hero, db)]


@app.get("/heroes/{key}")
async def read_hero(key: DbId, heroes: Heroes) -> Public[Hero]:
    return await heroes.get(key)
```
"""

from andamios_orm.integrations.fastapi.dependencies import DbId, db_session, repository
from andamios_orm.integrations.fastapi.filters import FilterParams
from andamios_orm.integrations.fastapi.health import health_router
from andamios_orm.integrations.fastapi.parameters import (
    CursorParams,
    PageParams,
    SortParams,
    refuse_unknown,
)
from andamios_orm.integrations.fastapi.problems import Problem, ProblemItem, install
from andamios_orm.integrations.fastapi.streaming import ndjson
from andamios_orm.integrations.fastapi.versions import IfMatch, RequiredIfMatch, etag, set_etag

__all__ = [
    "CursorParams",
    "DbId",
    "FilterParams",
    "IfMatch",
    "PageParams",
    "Problem",
    "ProblemItem",
    "RequiredIfMatch",
    "SortParams",
    "db_session",
    "etag",
    "health_router",
    "install",
    "ndjson",
    "refuse_unknown",
    "repository",
    "set_etag",
]
