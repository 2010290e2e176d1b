"""What endpoints ask for: the database, repositories in the request's session, who asks."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from andamios_orm import Database, Session
from andamios_orm.integrations.fastapi import db_session, repository
from examples.integration.conduit.auth import read_token
from examples.integration.conduit.models import User
from examples.integration.conduit.repositories import Articles, Comments, Tags, Users
from examples.integration.conduit.settings import Settings


def database(connection: HTTPConnection) -> Database:
    found: Database = connection.app.state.database
    return found


async def database_of_request(connection: HTTPConnection) -> Database:
    return database(connection)


async def settings(connection: HTTPConnection) -> Settings:
    found: Settings = connection.app.state.settings
    return found


Db = Annotated[Database, Depends(database_of_request)]
Installation = Annotated[Settings, Depends(settings)]

InSession = Annotated[Session, db_session(database)]
UsersInSession = Annotated[Users, repository(Users, database)]
ArticlesInSession = Annotated[Articles, repository(Articles, database)]
CommentsInSession = Annotated[Comments, repository(Comments, database)]
TagsInSession = Annotated[Tags, repository(Tags, database)]

# ---- who asks ----------------------------------------------------------------------------------

_TOKEN = APIKeyHeader(
    name="Authorization",
    scheme_name="Token",
    description="`Token `, and then the token that registering or logging in has given.",
    auto_error=False,
)


def unauthorized() -> HTTPException:
    return HTTPException(401, "log in first", headers={"WWW-Authenticate": "Token"})


async def viewer(
    installation: Installation, header: Annotated[str | None, Depends(_TOKEN)]
) -> int | None:
    """Return whose token was sent, None without one. A token that is not valid is answered so."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    found = read_token(token.strip(), installation.key) if scheme.lower() == "token" else None
    if found is None:
        raise unauthorized()
    return found


Viewer = Annotated[int | None, Depends(viewer)]

OPTIONAL: dict[str, Any] = {"security": [{}]}
"""What an OpenAPI document says of an endpoint that takes a token and needs none."""


async def user_id(viewer: Viewer) -> int:
    if viewer is None:
        raise unauthorized()
    return viewer


UserId = Annotated[int, Depends(user_id)]
"""Whose token was sent. That there is such a user is for whoever stores something to ask."""


async def current_user(key: UserId, users: UsersInSession) -> User:
    return await users.known(key)


CurrentUser = Annotated[User, Depends(current_user)]
"""The user who has logged in."""

# ---- what is asked -----------------------------------------------------------------------------


class Part(BaseModel):
    """Which of many articles."""

    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class Wanted(Part):
    """Which articles, and which of them."""

    tag: str | None = None
    author: str | None = None
    favorited: str | None = None
