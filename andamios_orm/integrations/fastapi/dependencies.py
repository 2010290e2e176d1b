"""Give endpoints a session for their request, and repositories in it."""

# Without `from __future__ import annotations`: FastAPI looks for the names in the annotations of
# an object's `__call__` nowhere.
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends
from fastapi.params import Depends as Dependency
from pydantic import Field
from starlette.requests import HTTPConnection

from andamios_orm.backends.base import Isolation
from andamios_orm.database.engine import Database
from andamios_orm.database.session import Session
from andamios_orm.errors import WrongType
from andamios_orm.models.base import Model
from andamios_orm.repositories.repository import Repository

__all__ = ["METADATA", "SAFE_METHODS", "DatabaseOf", "DbId", "db_session", "repository"]

M = TypeVar("M", bound=Model)

DbId: TypeAlias = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A counted key in a path or a query: what is no key of any table is answered with 422."""

DatabaseOf: TypeAlias = Database | Callable[[HTTPConnection], Database]
"""The database of an application, or what finds that of a request.

A function serves applications that are given their database when they start, and tenants:
`lambda request: db.for_tenant(request.state.tenant)`.
"""

METADATA = "andamios_orm.metadata"
"""The key of a request's scope under which the tables of its database are."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods that change nothing (RFC 9110, section 9.2.1)."""


def db_session(
    db: DatabaseOf, *, read_only: bool | None = None, isolation: Isolation | None = None
) -> Dependency:
    """Return the dependency that is one transaction for a request.

    All that ask for it with the same options share it. It is committed after the endpoint has
    returned and before the response is sent, so a commit that fails is never answered as a
    success; an exception rolls it back. It is read-only for methods that change nothing, such as
    GET, unless `read_only` says otherwise.

    The session has ended when the response is sent: what is sent as a stream, and background
    tasks, ask the database themselves.

    ```python
    from typing import Annotated

    from fastapi import FastAPI

    from andamios_orm.integrations.fastapi import db_session

    app = FastAPI(lifespan=db.lifespan)


    @app.post("/birthdays")
    async def birthdays(session: Annotated[Session, db_session(db)]) -> int:
        return await Repository(Hero, session).where().update(Hero.age.set(Hero.age + 1))
    ```
    """
    return Depends(_SessionOf(db, read_only, isolation), scope="function")  # type: ignore[no-any-return]  # FastAPI says Any


def repository(
    kind: type[M] | type[Repository[M]],
    db: DatabaseOf,
    *,
    read_only: bool | None = None,
    isolation: Isolation | None = None,
) -> Dependency:
    """Return the dependency that is a repository in the request's session: see `db_session`.

    `kind` is a table class, or a class like `class Heroes(Repository[Hero])`. Raises WrongType
    for any other.

    ```python
    from typing import Annotated

    from fastapi import FastAPI

    from andamios_orm.integrations.fastapi import repository

    app = FastAPI(lifespan=db.lifespan)
    Heroes = Annotated[Repository[Hero], repository(Hero, db)]


    @app.post("/heroes", status_code=201)
    async def add_hero(data: Create[Hero], heroes: Heroes) -> Public[Hero]:
        return await heroes.add(data)
    ```
    """
    given: object = kind
    if not (isinstance(given, type) and issubclass(given, Model | Repository)):
        raise WrongType(
            f"{kind!r} is no repository and no model",
            "pass a table class, or a class that inherits from Repository[...] of one",
        )
    session = _SessionOf(db, read_only, isolation)
    return Depends(_RepositoryOf(kind, session), scope="function")  # type: ignore[no-any-return]  # FastAPI says Any


# Two that are equal are one dependency for FastAPI, and share their result in a request.
@dataclass(frozen=True)
class _SessionOf:
    """Opens the session of a request."""

    db: DatabaseOf
    read_only: bool | None
    isolation: Isolation | None

    async def __call__(self, connection: HTTPConnection) -> AsyncIterator[Session]:
        read_only = self.read_only
        if read_only is None:
            read_only = connection.scope.get("method") in SAFE_METHODS
        db = self.db if isinstance(self.db, Database) else self.db(connection)
        connection.scope[METADATA] = db.metadata
        async with db.session(read_only=read_only, isolation=self.isolation) as session:
            yield session


@dataclass(frozen=True)
class _RepositoryOf:
    """Makes a repository of the request's session."""

    kind: type[Any]
    session: _SessionOf

    async def __call__(self, session: Session) -> Repository[Any]:
        if issubclass(self.kind, Repository):
            return self.kind(session)
        return Repository(self.kind, session)

    @property
    def __signature__(self) -> inspect.Signature:
        """What FastAPI reads: the session is that of this repository's own dependency."""
        session = Annotated[Session, Depends(self.session, scope="function")]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter("session", kind, annotation=session)])
