"""Tell a load balancer whether the program runs, and whether its database answers."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from andamios_orm.database.engine import Database
from andamios_orm.errors import AndamiosError
from andamios_orm.integrations.fastapi.problems import MEDIA_TYPE, answer

__all__ = ["health_router"]


class Health(BaseModel):
    """That something works."""

    status: str = "ok"


def health_router(db: Database, *, timeout: float = 5.0) -> APIRouter:
    """Return the router with `/health/live` and `/health/ready`.

    The first is answered as long as the program runs, the second with 503 when the database does
    not answer a query within `timeout` seconds. Neither tells why: that is in the logs.

    ```python
    from fastapi import FastAPI

    from andamios_orm.integrations.fastapi import health_router

    app = FastAPI(lifespan=db.lifespan)
    app.include_router(health_router(db))
    ```
    """
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> Health:
        """Whether the program runs."""
        return Health()

    unavailable = {"description": "Service Unavailable", "content": {MEDIA_TYPE: {}}}

    @router.get("/ready", response_model=Health, responses={503: unavailable})
    async def ready() -> Response:
        """Whether the database answers."""
        try:
            async with asyncio.timeout(timeout):
                await db.execute(sa.select(sa.literal(1)))
        except (AndamiosError, TimeoutError):
            return answer(
                503, "the database does not answer", "unavailable", headers={"Retry-After": "1"}
            )
        return JSONResponse(Health().model_dump())

    return router
