"""Applications of FastAPI on every engine, asked over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

import pytest
import pytest_asyncio
import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi import Response as HTTPResponse
from fastapi.responses import JSONResponse, StreamingResponse
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr, model_validator
from starlette.requests import ClientDisconnect, HTTPConnection

from andamios_orm import (
    Col,
    Create,
    Database,
    Model,
    NumberedPage,
    Page,
    Patch,
    Public,
    Related,
    RelatedList,
    Repository,
    Session,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import (
    DatabaseUnavailable,
    DeclarationError,
    NotStorable,
    NotSupported,
    SessionMisuse,
    StatementFailed,
    TransactionConflict,
    WrongType,
)
from andamios_orm.integrations.fastapi import (
    CursorParams,
    DbId,
    FilterParams,
    IfMatch,
    PageParams,
    Problem,
    RequiredIfMatch,
    SortParams,
    db_session,
    health_router,
    install,
    ndjson,
    refuse_unknown,
    repository,
    set_etag,
)
from andamios_orm.observe import subscribe
from tests.engines import only_on

METADATA = sa.MetaData()
M = TypeVar("M", bound=Model)


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20, alias="heroName", unique=True)
    secret_name: Col[str] = field(default="-", secret=True)
    age: Col[int | None] = field(default=None, ge=0)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=6, decimal_places=2)
    kind: Col[Literal["human", "robot"]] = field(default="human")
    tags: Col[list[str]] = field(default_factory=list)
    note: Col[str] = field(default="", exclude=True)
    pin: Col[SecretStr] = field(default=SecretStr("0000"))
    seen: Col[datetime | None] = field(default=None)
    data: Col[bytes] = field(default=b"")
    active: Col[bool] = field(default=True)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class Span(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    start: Col[int]
    end: Col[int]

    @model_validator(mode="after")
    def in_order(self) -> "Span":
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self


class Heroes(Repository[Hero]):
    async def oldest(self) -> Hero | None:
        return await self.order_by(Hero.age.desc()).first()


class HeroFilter(
    FilterParams[Hero],
    fields=[Hero.name, Hero.age, Hero.kind, Hero.seen, Hero.active, Hero.fee],
):
    pass


class HeroSort(SortParams[Hero], fields=[Hero.name, Hero.age]):
    pass


Ask = Callable[..., Awaitable[Response]]


@pytest_asyncio.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def app(db: Database) -> FastAPI:
    app = FastAPI()
    install(app, retry_after=7)
    app.include_router(health_router(db))
    heroes_of_request = Annotated[Heroes, repository(Heroes, db)]
    teams_of_request = Annotated[Repository[Team], repository(Team, db)]
    router = APIRouter(prefix="/heroes")

    @router.post("", status_code=201)
    async def add_hero(data: Create[Hero], heroes: heroes_of_request) -> Public[Hero]:
        return await heroes.add(data)

    @router.get("")
    async def list_heroes(
        heroes: heroes_of_request,
        page: Annotated[CursorParams, Depends()],
        sort: Annotated[HeroSort, Depends()],
        filters: Annotated[HeroFilter, Depends()],
    ) -> Page[Public[Hero]]:
        return await page.read(heroes.where(*filters.conditions).order_by(*sort.keys))

    @router.get("/numbered")
    async def number_heroes(
        heroes: heroes_of_request,
        page: Annotated[PageParams, Depends()],
        sort: Annotated[SortParams[Hero], Depends()],
    ) -> NumberedPage[Public[Hero]]:
        return await page.read(heroes.order_by(*sort.keys))

    @router.get("/oldest")
    async def oldest_hero(heroes: heroes_of_request) -> Public[Hero] | None:
        return await heroes.oldest()

    @router.get("/{key}")
    async def get_hero(key: DbId, heroes: heroes_of_request) -> Public[Hero]:
        return await heroes.get(key)

    @router.patch("/{key}")
    async def patch_hero(key: DbId, data: Patch[Hero], heroes: heroes_of_request) -> Public[Hero]:
        return await heroes.patch(key, data)

    @router.delete("/{key}", status_code=204)
    async def delete_hero(key: DbId, heroes: heroes_of_request) -> None:
        await heroes.delete(key)

    app.include_router(router)

    @app.post("/teams", status_code=201)
    async def add_team(data: Create[Team], teams: teams_of_request) -> Public[Team]:
        return await teams.add(data)

    @app.delete("/teams/{key}", status_code=204)
    async def delete_team(key: DbId, teams: teams_of_request) -> None:
        await teams.delete(key)

    return app


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


@asynccontextmanager
async def client_of(app: FastAPI, *, raises: bool = True) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=raises)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def made(client: AsyncClient, **values: object) -> dict[str, Any]:
    response = await client.post("/heroes", json={"heroName": "Ada"} | values)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def problem(response: Response, status: int, code: str | None) -> dict[str, Any]:
    """The problem that a response holds."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert (found["status"], found["type"], found.get("code")) == (status, "about:blank", code)
    return found


def locations(found: dict[str, Any]) -> list[list[str]]:
    return [item["loc"] for item in found["errors"]]


# ---- a resource --------------------------------------------------------------------------------


async def test_a_hero_is_added_read_changed_and_removed(client: AsyncClient) -> None:
    ada = await made(client, age=36, secret_name="A. L.", pin="1234", tags=["x"])

    assert ada["id"] == 1
    assert set(ada) == {
        "id", "heroName", "age", "fee", "kind", "tags", "seen", "data", "active", "team_id"
    }  # fmt: skip
    assert (await client.get("/heroes/1")).json() == ada
    changed = await client.patch("/heroes/1", json={"age": None})
    assert changed.json() == ada | {"age": None}
    assert (await client.delete("/heroes/1")).status_code == 204
    problem(await client.get("/heroes/1"), 404, "not_found")
    problem(await client.patch("/heroes/1", json={"age": 3}), 404, "not_found")
    problem(await client.delete("/heroes/1"), 404, "not_found")


async def test_a_repository_of_a_class_of_its_own_has_its_methods(client: AsyncClient) -> None:
    assert (await client.get("/heroes/oldest")).json() is None
    await made(client, age=36)
    assert (await client.get("/heroes/oldest")).json()["age"] == 36


@pytest.mark.parametrize("key", ["0", "-1", str(2**63), "9" * 30, "x", "1.5"])
async def test_a_key_that_no_column_holds_is_refused(client: AsyncClient, key: str) -> None:
    found = problem(await client.get(f"/heroes/{key}"), 422, "invalid")

    assert locations(found) == [["path", "key"]]


async def test_the_highest_key_is_only_not_found(client: AsyncClient) -> None:
    problem(await client.get(f"/heroes/{2**63 - 1}"), 404, "not_found")


@pytest.mark.parametrize("more", [{"id": 7}, {"is_admin": True}, {"team": None}])
async def test_a_body_sets_nothing_that_is_not_the_clients(
    client: AsyncClient, more: dict[str, Any]
) -> None:
    await made(client)
    [name] = more

    for method, path in (("POST", "/heroes"), ("PATCH", "/heroes/1")):
        answered = await client.request(method, path, json={"heroName": "Bea"} | more)
        assert locations(problem(answered, 422, "invalid")) == [["body", name]]


# ---- errors of the database --------------------------------------------------------------------


async def test_a_value_that_is_taken_is_a_conflict_at_its_field(client: AsyncClient) -> None:
    await made(client)

    found = problem(await client.post("/heroes", json={"heroName": "Ada"}), 409, "unique")

    assert found["detail"] == "another row already has this name"
    assert found["errors"] == [
        {"loc": ["body", "heroName"], "msg": found["detail"], "type": "unique"}
    ]


async def test_a_row_that_is_not_there_cannot_be_referred_to(client: AsyncClient) -> None:
    body = {"heroName": "Ada", "team_id": 4711}

    found = problem(await client.post("/heroes", json=body), 422, "foreign_key")

    assert locations(found) == [["body", "team_id"]]
    assert "4711" not in json.dumps(found)


async def test_a_row_that_others_refer_to_stays(client: AsyncClient) -> None:
    await client.post("/teams", json={"name": "A"})
    await made(client, team_id=1)

    problem(await client.delete("/teams/1"), 409, "referenced")
    assert (await client.get("/heroes/1")).json()["team_id"] == 1


async def test_a_row_that_would_refer_to_nothing_after_a_change(client: AsyncClient) -> None:
    await made(client)

    changed = await client.patch("/heroes/1", json={"team_id": 4711})

    assert locations(problem(changed, 422, "foreign_key")) == [["body", "team_id"]]


async def test_a_value_that_breaks_a_rule_of_the_table(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.post("/heroes")
    async def older(session: Annotated[Session, db_session(db)]) -> int:
        return await Repository(Hero, session).where(sa.true()).update(Hero.age.set(Hero.age - 99))

    await Repository(Hero, db).add(Hero.model_validate({"heroName": "Ada", "age": 36}))
    async with client_of(app) as client:
        found = problem(await client.post("/heroes"), 422, "check")

    assert locations(found) == [["body", "age"]]
    assert (await Repository(Hero, db).get(1)).age == 36


async def test_a_field_that_got_no_value(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.post("/heroes")
    async def nameless(session: Annotated[Session, db_session(db)]) -> None:
        await session.execute(sa.insert(Team.__table__).values(name=sa.null()))

    async with client_of(app) as client:
        found = problem(await client.post("/heroes"), 422, "not_null")

    assert locations(found) == [["body", "name"]]


async def test_a_value_that_cannot_be_stored_exactly(client: AsyncClient) -> None:
    await made(client)

    for method, path in (("POST", "/heroes"), ("PATCH", "/heroes/1")):
        answered = await client.request(method, path, json={"heroName": "a\0b"})
        found = problem(answered, 422, "not_storable")
        assert locations(found) == [["body", "heroName"]]
    too_large = await client.post("/heroes", json={"heroName": "Bea", "age": 2**63})
    assert locations(problem(too_large, 422, "not_storable")) == [["body", "age"]]


async def test_a_value_is_where_its_name_is(app: FastAPI, client: AsyncClient) -> None:
    @app.post("/countries/{code}")
    async def country(code: str, field: str | None = None) -> None:
        raise NotStorable("x", "y", limit="z", field=field)

    for query, expected in [
        ("?field=Country.code", ["path", "code"]),
        ("?field=Country.name", ["body", "name"]),
        ("?field=Country.name&name=x", ["query", "name"]),
        ("?field=Country.name&name__in=x", ["query", "name__in"]),
    ]:
        found = problem(await client.post(f"/countries/de{query}"), 422, "not_storable")
        assert locations(found) == [expected]
    assert "errors" not in problem(await client.post("/countries/de"), 422, "not_storable")


async def test_a_row_that_would_not_be_valid(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.patch("/spans/{key}")
    async def patch_span(
        key: DbId, data: Patch[Span], spans: Annotated[Repository[Span], repository(Span, db)]
    ) -> Public[Span]:
        return await spans.patch(key, data)

    @app.get("/spans/{key}")
    async def get_span(
        key: DbId, spans: Annotated[Repository[Span], repository(Span, db)]
    ) -> Public[Span]:
        return await spans.get(key)

    await Repository(Span, db).add(Span(start=3, end=5))
    async with client_of(app, raises=False) as client:
        found = problem(await client.patch("/spans/1", json={"end": 2}), 422, "invalid_row")
        assert found["errors"] == [
            {"loc": ["body"], "msg": "refused: value_error", "type": "value_error"}
        ]
        assert (await client.get("/spans/1")).json()["end"] == 5
        # What is wrong in the database is no mistake of who asks for it.
        await db.execute(sa.update(Span.__table__).values(end=1))
        assert (await client.get("/spans/1")).status_code == 500


async def test_what_is_refused_is_not_repeated(client: AsyncClient) -> None:
    body = {"heroName": 3, "secret_name": ["hush"], "pin": {"x": "hush"}, "age": "hush"}

    answered = await client.post("/heroes", json=body)

    assert len(locations(problem(answered, 422, "invalid"))) == 4
    assert "hush" not in answered.text


@pytest.mark.parametrize(
    ("error", "code"), [(DatabaseUnavailable, "unavailable"), (TransactionConflict, "conflict")]
)
async def test_a_database_in_trouble_asks_to_come_again(
    app: FastAPI, client: AsyncClient, error: Callable[..., Exception], code: str
) -> None:
    @app.get("/trouble")
    async def trouble() -> None:
        raise error("the host db.internal is down", "try again")

    answered = await client.get("/trouble")

    found = problem(answered, 503, code)
    assert answered.headers["retry-after"] == "7"
    assert "db.internal" not in json.dumps(found)


async def test_errors_of_http_are_problems_too(app: FastAPI, client: AsyncClient) -> None:
    @app.get("/private")
    async def private() -> None:
        raise HTTPException(401, "who are you?", headers={"WWW-Authenticate": "Bearer"})

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, {"spout": "short"})

    @app.get("/nothing")
    async def nothing() -> None:
        raise HTTPException(304)

    answered = await client.get("/private")
    assert problem(answered, 401, None)["detail"] == "who are you?"
    assert answered.headers["www-authenticate"] == "Bearer"
    assert "detail" not in problem(await client.get("/teapot"), 418, None)
    assert (await client.get("/nothing")).content == b""
    problem(await client.get("/nowhere"), 404, None)
    problem(await client.put("/heroes"), 405, None)


async def test_a_mistake_of_the_program_stays_one(app: FastAPI) -> None:
    @app.get("/mistake")
    async def mistake() -> None:
        raise WrongType("x", "y")

    async with client_of(app) as client:
        with pytest.raises(WrongType):
            await client.get("/mistake")


# ---- transactions ------------------------------------------------------------------------------


def late_keys() -> tuple[sa.MetaData, type[Model], type[Model]]:
    metadata = sa.MetaData()

    class Shelf(Model, table=True, metadata=metadata):
        id: Col[int] = field(primary_key=True)

    class Book(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        shelf_id: Col[int]
        __table_args__ = (
            sa.ForeignKeyConstraint(
                ["shelf_id"], ["shelf.id"], deferrable=True, initially="DEFERRED"
            ),
        )

    return metadata, Shelf, Book


@only_on("sqlite", "postgresql")
async def test_a_commit_that_fails_is_never_a_success(database_url: str) -> None:
    metadata, _, book = late_keys()
    late = Database(database_url, metadata=metadata)
    assert late.capabilities.deferred_keys
    app = FastAPI()
    install(app)

    @app.post("/books", status_code=201)
    async def add_book(books: Annotated[Repository[Any], repository(book, late)]) -> int:
        added = await books.add(book.model_validate({"shelf_id": 1}))
        return int(added.id)

    async with late:
        await late.create_all()
        async with client_of(app) as client:
            problem(await client.post("/books"), 409, "foreign_key")
        assert await Repository(book, late).count() == 0


async def test_repositories_of_a_request_share_its_transaction(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.post("/both")
    async def both(
        session: Annotated[Session, db_session(db)],
        teams: Annotated[Repository[Team], repository(Team, db)],
        heroes: Annotated[Heroes, repository(Heroes, db)],
    ) -> None:
        team = await teams.add(Team(name="A"))
        await heroes.add(Hero.model_validate({"heroName": "Ada", "team_id": team.id}))
        assert await Repository(Team, session).count() == 1
        raise HTTPException(400)

    with subscribe(lambda event: seen.append(event.sql)):
        seen: list[str] = []
        async with client_of(app) as client:
            problem(await client.post("/both"), 400, None)

    assert sum("ROLLBACK" in sql.upper() for sql in seen) == 1
    assert await Repository(Team, db).count() == 0


async def test_a_request_that_only_reads_may_not_write(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.get("/write")
    async def write(teams: Annotated[Repository[Team], repository(Team, db)]) -> Public[Team]:
        return await teams.add(Team(name="A"))

    @app.get("/write-all-the-same")
    async def write_all_the_same(
        teams: Annotated[Repository[Team], repository(Team, db, read_only=False)],
    ) -> Public[Team]:
        return await teams.add(Team(name="A"))

    async with client_of(app) as client:
        with pytest.raises(StatementFailed):
            await client.get("/write")
        assert (await client.get("/write-all-the-same")).json() == {"id": 1, "name": "A"}


async def test_tests_of_an_application_bring_their_own_database(db: Database) -> None:
    production = Database("duckdb:///never/opened.duckdb", metadata=METADATA)
    app = FastAPI()

    @app.get("/count")
    async def count(teams: Annotated[Repository[Team], repository(Team, production)]) -> int:
        return await teams.count()

    overridden, own = db_session(production).dependency, db_session(db).dependency
    assert overridden is not None
    assert own is not None
    app.dependency_overrides[overridden] = own

    async with client_of(app) as client:
        assert (await client.get("/count")).json() == 0


async def test_each_request_can_have_a_database_of_its_own(db: Database) -> None:
    def database(request: HTTPConnection) -> Database:
        found: Database = request.app.state.database
        return found

    app = FastAPI()
    app.state.database = db
    install(app)

    @app.post("/heroes")
    async def add_hero(
        data: Create[Hero],
        heroes: Annotated[Repository[Hero], repository(Hero, database)],
        session: Annotated[Session, db_session(database)],
    ) -> Public[Hero]:
        return await Repository(Hero, session).get((await heroes.add(data)).id)

    async with client_of(app) as client:
        assert (await client.post("/heroes", json={"heroName": "Ada"})).status_code == 200
        again = problem(await client.post("/heroes", json={"heroName": "Ada"}), 409, "unique")

    assert again["errors"][0]["loc"] == ["body", "heroName"]
    assert await Repository(Hero, db).count() == 1


def test_only_models_and_repositories_make_dependencies() -> None:
    with pytest.raises(WrongType, match="is no repository and no model"):
        repository(int, Database("sqlite://"))  # type: ignore[type-var]  # that is the point


# ---- the life of an application ----------------------------------------------------------------


async def test_an_application_opens_and_closes_its_database(database_url: str) -> None:
    own = Database(database_url, metadata=METADATA)
    app = FastAPI(lifespan=own.lifespan)

    @app.get("/ready")
    async def ready() -> int:
        return await Repository(Team, own).count()

    async with app.router.lifespan_context(app), client_of(app) as client:
        assert own._pool._open == 1
        await own.create_all()
        assert (await client.get("/ready")).json() == 0
    assert own._pool._open == 0


async def test_an_application_may_have_a_lifespan_of_its_own(database_url: str) -> None:
    own = Database(database_url, metadata=METADATA)
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        async with own.lifespan(app):
            steps.append("open")
            yield {"answer": 42}
        steps.append("closed")

    app = FastAPI(lifespan=lifespan)
    async with app.router.lifespan_context(app) as state:
        assert state == {"answer": 42}
        assert steps == ["open"]
    assert steps == ["open", "closed"]


async def test_an_application_does_not_start_without_its_database() -> None:
    app = FastAPI(lifespan=Database("postgresql://nobody@127.0.0.1:1/none").lifespan)

    with pytest.raises(DatabaseUnavailable):
        async with app.router.lifespan_context(app):
            raise AssertionError("it has started")


# ---- versions ----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def versions(database_url: str) -> AsyncIterator[AsyncClient]:
    metadata = sa.MetaData()

    class Note(Versioned, table=True, metadata=metadata):
        id: Col[int] = generated()
        text: Col[str]

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        app = FastAPI()
        install(app)
        notes_of_request = Annotated[Repository[Note], repository(Note, db)]

        async def answered(note: Note, response: HTTPResponse) -> Note:
            set_etag(response, note)
            return note

        @app.get("/notes/{key}")
        async def get_note(
            key: DbId, notes: notes_of_request, response: HTTPResponse
        ) -> Public[Note]:
            return await answered(await notes.get(key), response)

        @app.patch("/notes/{key}")
        async def patch_note(
            key: DbId,
            data: Patch[Note],
            version: IfMatch,
            notes: notes_of_request,
            response: HTTPResponse,
        ) -> Public[Note]:
            return await answered(await notes.patch(key, data, if_version=version), response)

        @app.put("/notes/{key}")
        async def put_note(
            key: DbId,
            data: Create[Note],
            version: RequiredIfMatch,
            notes: notes_of_request,
            response: HTTPResponse,
        ) -> Public[Note]:
            changed = await notes.patch(key, Note.text.set(data.text), if_version=version)
            return await answered(changed, response)

        @app.post("/notes/{key}")
        async def stale_note(key: DbId, notes: notes_of_request) -> Public[Note]:
            note = await notes.get(key)
            await notes.patch(key, Note.text.set("in between"))
            return await notes.update(note)

        await Repository(Note, db).add(Note(text="a"))
        async with client_of(app) as client:
            yield client


async def test_a_change_of_the_version_that_was_read_is_made(versions: AsyncClient) -> None:
    tag = (await versions.get("/notes/1")).headers["etag"]

    changed = await versions.patch("/notes/1", json={"text": "b"}, headers={"If-Match": tag})

    assert tag == '"1"'
    assert changed.json() == {"id": 1, "version": 2, "text": "b"}
    assert changed.headers["etag"] == '"2"'


@pytest.mark.parametrize(
    "tag", ['"7"', 'W/"1"', '"x"', "1", '"1", "2"', f'"{2**63}"', '"' + "9" * 30 + '"']
)
async def test_a_change_of_another_version_is_not_made(versions: AsyncClient, tag: str) -> None:
    headers = {"If-Match": tag}

    for method in ("PATCH", "PUT"):
        answered = await versions.request(method, "/notes/1", json={"text": "b"}, headers=headers)
        problem(answered, 412, "stale" if tag == '"7"' else None)
    assert (await versions.get("/notes/1")).json()["text"] == "a"


async def test_a_change_of_any_version_is_made_where_none_is_asked_for(
    versions: AsyncClient,
) -> None:
    changed = await versions.patch("/notes/1", json={"text": "b"})
    again = await versions.put("/notes/1", json={"text": "c"}, headers={"If-Match": "*"})

    assert (changed.json()["version"], again.json()["version"]) == (2, 3)
    problem(await versions.put("/notes/1", json={"text": "d"}), 428, None)


async def test_a_row_that_was_changed_meanwhile_is_a_conflict(versions: AsyncClient) -> None:
    problem(await versions.post("/notes/1"), 409, "stale")

    assert (await versions.get("/notes/1")).json() == {"id": 1, "version": 1, "text": "a"}


async def test_the_document_tells_of_versions(versions: AsyncClient) -> None:
    document = (await versions.get("/openapi.json")).json()
    operation = document["paths"]["/notes/{key}"]["patch"]

    assert "412" in operation["responses"]
    assert "412" not in document["paths"]["/notes/{key}"]["post"]["responses"]
    assert set(document["components"]["schemas"]["NotePatch"]["properties"]) == {"text"}


# ---- pages, orders and filters -----------------------------------------------------------------


@pytest_asyncio.fixture
async def three(client: AsyncClient) -> AsyncClient:
    for name, age, kind in (("Ada", 36, "human"), ("Bo", None, "robot"), ("Cy", 20, "robot")):
        await made(client, heroName=name, age=age, kind=kind, secret_name=name[::-1])
    return client


async def names(client: AsyncClient, query: str, path: str = "/heroes") -> list[str]:
    response = await client.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    return [hero["heroName"] for hero in response.json()["items"]]


async def refused(client: AsyncClient, query: str, path: str = "/heroes") -> list[list[str]]:
    return locations(problem(await client.get(f"{path}?{query}"), 422, "invalid"))


async def test_pages_follow_each_other_by_their_cursors(three: AsyncClient) -> None:
    first = (await three.get("/heroes?sort=heroName&size=2")).json()
    second = (await three.get(f"/heroes?sort=heroName&size=2&after={first['next']}")).json()
    back = (await three.get(f"/heroes?sort=heroName&size=2&before={second['previous']}")).json()

    assert [hero["heroName"] for hero in first["items"]] == ["Ada", "Bo"]
    assert [hero["heroName"] for hero in second["items"]] == ["Cy"]
    assert back["items"] == first["items"]
    assert "secret" not in json.dumps(first)


async def test_a_cursor_that_is_not_the_querys_is_refused(three: AsyncClient) -> None:
    cursor = (await three.get("/heroes?sort=heroName&size=2")).json()["next"]

    for query in (f"sort=-heroName&after={cursor}", "after=x", "before=x"):
        found = problem(await three.get(f"/heroes?{query}"), 422, "cursor")
        assert found["errors"][0]["loc"] == ["query", "before" if "before" in query else "after"]
    assert await refused(three, f"after={cursor}&before={cursor}") == [["query", "before"]]
    assert await refused(three, f"after={'x' * 9000}") == [["query", "after"]]


@pytest.mark.parametrize("size", ["0", "-1", str(2**63), "9" * 30, "x"])
async def test_a_size_that_is_none_is_refused(client: AsyncClient, size: str) -> None:
    assert await refused(client, f"size={size}") == [["query", "size"]]
    assert await refused(client, f"size={size}", "/heroes/numbered") == [["query", "size"]]
    assert await refused(client, f"page={size}", "/heroes/numbered") == [["query", "page"]]


async def test_more_rows_than_the_database_gives_are_refused(client: AsyncClient) -> None:
    problem(await client.get("/heroes?size=1001"), 422, "limit")
    problem(await client.get("/heroes/numbered?page=999999"), 422, "limit")


async def test_pages_have_numbers(three: AsyncClient) -> None:
    page = (await three.get("/heroes/numbered?sort=heroName&page=2&size=2")).json()

    assert [hero["heroName"] for hero in page["items"]] == ["Cy"]
    assert (page["total"], page["number"], page["pages"]) == (3, 2, 2)


async def test_rows_are_sorted_by_columns_that_are_named(three: AsyncClient) -> None:
    assert await names(three, "sort=-heroName") == ["Cy", "Bo", "Ada"]
    assert await names(three, "sort=kind&sort=-heroName", "/heroes/numbered") == ["Ada", "Cy", "Bo"]
    assert await names(three, "sort=heroName&sort=-heroName") == ["Ada", "Bo", "Cy"]


@pytest.mark.parametrize(
    "name", ["name", "secret_name", "pin", "note", "tags", "--age", "team", "id;drop", ""]
)
async def test_rows_are_sorted_by_no_other(client: AsyncClient, name: str) -> None:
    assert await refused(client, f"sort={name}", "/heroes/numbered") == [["query", "sort", 0]]


async def test_a_class_says_by_what_rows_are_sorted(client: AsyncClient) -> None:
    assert await refused(client, "sort=fee") == [["query", "sort", 0]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("heroName=Bo", ["Bo"]),
        ("heroName__ne=Bo", ["Ada", "Cy"]),
        ("heroName__in=Bo&heroName__in=Cy", ["Bo", "Cy"]),
        ("heroName__contains=d", ["Ada"]),
        ("heroName__startswith=C", ["Cy"]),
        ("heroName__contains=%25", []),
        ("heroName__ge=Bo", ["Bo", "Cy"]),
        ("age__ge=20&age__lt=36", ["Cy"]),
        ("age__gt=20", ["Ada"]),
        ("age__le=20", ["Cy"]),
        ("age__null=true", ["Bo"]),
        ("age__null=false", ["Ada", "Cy"]),
        ("kind=robot", ["Bo", "Cy"]),
        ("active=true&fee__le=0.00", ["Ada", "Bo", "Cy"]),
        ("seen__ge=2024-01-01T00:00:00Z", []),
        ("heroName='%20OR%201=1", []),
    ],
)
async def test_rows_are_filtered_by_columns_that_are_named(
    three: AsyncClient, query: str, expected: list[str]
) -> None:
    assert await names(three, f"{query}&sort=heroName") == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("nmae=Bo", "nmae"),
        ("name=Bo", "name"),
        ("heroName__like=Bo", "heroName__like"),
        ("secret_name=adA", "secret_name"),
        ("secret_name__startswith=a", "secret_name__startswith"),
        ("kind__ge=human", "kind__ge"),
        ("kind=alien", "kind"),
        ("age=x", "age"),
        (f"age={2**63}", "age"),
        ("age__null=perhaps", "age__null"),
        ("active__contains=t", "active__contains"),
        ("seen=2024-01-01T00:00:00", "seen"),
        ("fee=NaN", "fee"),
    ],
)
async def test_what_is_no_filter_is_refused(client: AsyncClient, query: str, name: str) -> None:
    assert (await refused(client, query))[0][:2] == ["query", name]


async def test_a_filter_has_values_in_a_number(client: AsyncClient) -> None:
    many = "&".join(f"age__in={n}" for n in range(101))

    assert await refused(client, many) == [["query", "age__in"]]


async def test_a_filter_that_no_column_holds_is_refused(client: AsyncClient) -> None:
    found = problem(await client.get("/heroes?heroName__startswith=a%00b"), 422, "not_storable")

    assert found["errors"][0]["loc"] == ["query", "heroName__startswith"]


async def test_parameters_of_a_model_are_known(db: Database) -> None:
    app = FastAPI()
    install(app)

    class More(Model):
        verbose: bool = False
        depth: int = field(default=1, alias="level")

    def more(given: Annotated[More, Query()]) -> More:
        return given

    @app.get("/heroes")
    async def heroes(
        more: Annotated[More, Depends(more)], sort: Annotated[SortParams[Hero], Depends()]
    ) -> int:
        return len(sort.sort)

    async with client_of(app) as client:
        assert (await client.get("/heroes?verbose=1&level=3&sort=age")).json() == 1
        assert await refused(client, "verbos=1") == [["query", "verbos"]]


async def test_filters_and_orders_are_objects_without_http(db: Database) -> None:
    heroes = Repository(Hero, db)
    await heroes.add_all(
        Hero.model_validate({"heroName": name, "age": age})
        for name, age in (("Ada", 36), ("Bo", 3))
    )

    found = await heroes.where(*HeroFilter(age__ge=18, name="Ada").conditions).all()
    listed = await heroes.order_by(*HeroSort(["-heroName"]).keys).all()

    assert [hero.name for hero in found] == ["Ada"]
    assert [hero.name for hero in listed] == ["Bo", "Ada"]
    with pytest.raises(ValueError, match="extra_forbidden"):
        HeroFilter(nmae="Ada")
    with pytest.raises(ValueError, match="nmae"):
        HeroSort(["nmae"])


def test_a_function_for_any_model_names_filters_and_orders_of_it() -> None:
    def described(filters: FilterParams[M], sort: SortParams[M]) -> str:
        return f"{filters} {sort}"

    assert described.__annotations__["sort"].__parameters__ == (M,)
    assert described.__annotations__["filters"].__parameters__ == (M,)


def test_a_base_for_the_filters_and_orders_of_any_model_stays_their_base() -> None:
    class Filters(FilterParams[M]):
        pass

    class Sort(SortParams[M]):
        pass

    class NameFilter(Filters[Hero], fields=[Hero.name]):
        pass

    assert issubclass(FilterParams[Hero], FilterParams)
    assert issubclass(NameFilter, Filters)
    assert NameFilter(name="Ada").conditions
    assert issubclass(SortParams[Hero], SortParams)
    assert issubclass(Sort[Hero], Sort)
    assert Sort[Hero] is Sort[Hero]
    assert Sort[Hero](["-age"]).keys
    with pytest.raises(DeclarationError, match="does not know what it sorts"):
        Sort()


async def test_numbers_of_any_kind_are_compared(database_url: str) -> None:
    metadata = sa.MetaData()

    class Point(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        x: Col[float]

    class PointFilter(FilterParams[Point], fields=[Point.id, Point.x]):
        pass

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        points = Repository(Point, db)
        await points.add_all([Point(x=0.5), Point(x=1.5)])

        found = await points.where(*PointFilter(x__gt=1, id__in=[1, 2]).conditions).all()

    assert [point.x for point in found] == [1.5]
    with pytest.raises(ValueError, match="finite_number"):
        PointFilter(x=float("nan"))


async def test_a_column_without_an_order_is_answered_as_a_mistake_of_the_request(
    database_url: str,
) -> None:
    metadata = sa.MetaData()

    class Ware(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        price: Col[Decimal] = field(alias="cost")
        options: Col[dict[str, int]] = field(column_type=sa.JSON(), default_factory=dict)

    class WareFilter(FilterParams[Ware], fields=[Ware.price]):
        pass

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        wares = Repository(Ware, db)
        app = FastAPI()
        install(app)

        @app.get("/wares")
        async def list_wares(
            sort: Annotated[SortParams[Ware], Depends()],
            filters: Annotated[WareFilter, Depends()],
        ) -> list[Public[Ware]]:
            return await wares.where(*filters.conditions).order_by(*sort.keys).all()

        @app.get("/pages")
        async def page_wares(
            page: Annotated[CursorParams, Depends()], sort: Annotated[SortParams[Ware], Depends()]
        ) -> Page[Public[Ware]]:
            return await page.read(wares.order_by(*sort.keys))

        @app.get("/sorted")
        async def sort_wares(filters: Annotated[WareFilter, Depends()]) -> Page[Public[Ware]]:
            return await wares.where(*filters.conditions).order_by(Ware.options).page()

        @app.get("/unfinished")
        async def unfinished() -> None:
            raise NotSupported("there is no such thing yet", "wait for it")

        async with client_of(app) as client:
            for asked, names in [
                ("sort=cost", ["sort"]),
                ("sort=-cost&sort=id", ["sort"]),
                ("cost__lt=1", ["cost__lt"]),
                ("cost__ge=1&cost__ne=2&sort=id&sort=cost", ["cost__ge", "sort"]),
            ]:
                answered = await client.get(f"/wares?{asked}")
                if db.engine_name == "sqlite":
                    found = problem(answered, 422, "not_supported")
                    assert locations(found) == [["query", name] for name in names]
                else:
                    assert (answered.status_code, answered.json()) == (200, [])

            found = problem(await client.get("/pages?sort=options"), 422, "not_supported")
            assert locations(found) == [["query", "sort"]]
            assert found["detail"] == "the database does not sort or compare by options"
            with pytest.raises(NotSupported, match=r"Ware\.options has a type of its own"):
                await client.get("/sorted?cost__ne=1")
            with pytest.raises(NotSupported, match="no such thing"):
                await client.get("/unfinished")


def test_filters_and_orders_are_of_public_columns() -> None:
    class Call(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        request: Col[str]

    for column, why in [
        (Hero.secret_name, "is secret"),
        (Hero.pin, "is secret"),
        (Hero.note, "has exclude=True"),
        (Hero.tags, "holds"),
        (Team.name, "is no column of Hero"),
        (Hero.age > 3, "is no column of Hero"),
    ]:
        with pytest.raises(DeclarationError, match=why):
            type("Bad", (FilterParams[Hero],), {}, fields=[column])
        with pytest.raises(DeclarationError, match=why):
            type("Bad", (SortParams[Hero],), {}, fields=[column])
    with pytest.raises(DeclarationError, match="holds bytes"):
        type("Bad", (FilterParams[Hero],), {}, fields=[Hero.data])
    with pytest.raises(DeclarationError, match="two parameters would be called name"):
        type("Bad", (FilterParams[Hero],), {}, fields=[Hero.name, Hero.name])
    with pytest.raises(DeclarationError, match="two parameters would be called request") as caught:
        type("Bad", (FilterParams[Call],), {}, fields=[Call.request])
    assert "leave out Call.request" in caught.value.fix
    with pytest.raises(DeclarationError, match="does not know what it filters"):
        FilterParams[Hero]()
    with pytest.raises(DeclarationError, match="does not know what it sorts"):
        SortParams()


async def test_a_page_of_several_kinds_shows_no_secret(db: Database) -> None:
    app = FastAPI()
    ada = Hero.model_validate({"id": 1, "heroName": "Ada", "secret_name": "hush"}, by_name=True)
    team = Team.model_validate({"id": 1, "name": "A"})

    @app.get("/mixed")
    async def mixed() -> Page[Public[Hero] | Public[Team]]:
        return Page([ada, team])

    async with client_of(app) as client:
        answered = await client.get("/mixed")

    assert "hush" not in answered.text
    assert [item["id"] for item in answered.json()["items"]] == [1, 1]


# ---- streams and health ------------------------------------------------------------------------


async def rows_of(heroes: list[Hero], closed: list[bool]) -> AsyncIterator[object]:
    try:
        for hero in heroes:
            yield hero
        yield {"count": len(heroes)}
    finally:
        closed.append(True)


async def test_rows_are_sent_as_lines_without_secrets(db: Database) -> None:
    app = FastAPI()
    closed: list[bool] = []
    ada = Hero.model_validate({"id": 1, "heroName": "Ada", "secret_name": "hush"}, by_name=True)
    many = [ada.model_copy(update={"id": number, "data": b"x" * 1000}) for number in range(200)]

    @app.get("/heroes.ndjson", response_class=StreamingResponse)
    async def export() -> StreamingResponse:
        return ndjson(rows_of(many, closed))

    async with client_of(app) as client:
        answered = await client.get("/heroes.ndjson")

    lines = [json.loads(line) for line in answered.text.splitlines()]
    assert answered.headers["content-type"] == "application/x-ndjson"
    assert [line.get("id") for line in lines] == [*range(200), None]
    assert lines[-1] == {"count": 200}
    assert "hush" not in answered.text
    assert closed == [True]


@pytest_asyncio.fixture
async def export(database_url: str) -> AsyncIterator[tuple[Database, FastAPI]]:
    """A database of one connection, and an application that sends its rows."""
    async with Database(database_url, metadata=METADATA, pool_size=1, pool_timeout=5) as db:
        await db.create_all()
        bodies = ({"heroName": f"Hero {n}", "data": "x" * 1000} for n in range(1000))
        await Repository(Hero, db).add_all(map(Hero.model_validate, bodies))
        app = FastAPI()
        install(app)

        @app.get("/heroes.ndjson", response_class=StreamingResponse)
        async def heroes() -> StreamingResponse:
            return ndjson(Repository(Hero, db).order_by(Hero.id).stream(batch=100))

        yield db, app


async def test_rows_are_sent_as_the_database_gives_them(export: tuple[Database, FastAPI]) -> None:
    db, app = export

    async with client_of(app) as client:
        answered = await client.get("/heroes.ndjson")

    ids = [json.loads(line)["id"] for line in answered.text.splitlines()]
    assert ids == [hero.id for hero in await Repository(Hero, db).order_by(Hero.id).all()]


@pytest.mark.parametrize("version", ["2.3", "2.4"])
async def test_a_client_that_goes_gives_its_connection_back(
    export: tuple[Database, FastAPI], version: str
) -> None:
    db, app = export
    sent: list[Any] = []
    begun = asyncio.Event()

    async def receive() -> Any:
        if not begun.is_set():
            await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            begun.set()
            if version == "2.4":  # where a server raises
                raise OSError
            await asyncio.Event().wait()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": version},
        "method": "GET",
        "path": "/heroes.ndjson",
        "raw_path": b"/heroes.ndjson",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [],
    }
    with suppress(ClientDisconnect):
        await app(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert await Repository(Hero, db).count() == 1000


async def test_nothing_to_send_is_an_empty_answer(db: Database) -> None:
    async def nothing() -> AsyncIterator[object]:
        for row in list[object]():
            yield row

    app = FastAPI()
    app.get("/nothing")(lambda: ndjson(nothing()))

    async with client_of(app) as client:
        assert (await client.get("/nothing")).content == b""


async def test_rows_of_any_kind_are_sent(db: Database) -> None:
    class Numbers:
        def __init__(self) -> None:
            self.left = [3, 2, 1]

        def __aiter__(self) -> "Numbers":
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop()

    app = FastAPI()
    app.get("/numbers")(lambda: ndjson(Numbers()))

    async with client_of(app) as client:
        assert (await client.get("/numbers")).text == "1\n2\n3\n"


def raised(error: Exception) -> object:
    raise error


async def test_an_error_before_the_first_row_is_answered(db: Database) -> None:
    async def broken() -> AsyncIterator[object]:
        yield raised(DatabaseUnavailable("x", "y"))

    async def breaking() -> AsyncIterator[object]:
        yield "x" * 70_000
        raise DatabaseUnavailable("x", "y")

    app = FastAPI()
    install(app)

    @app.get("/broken")
    async def before() -> StreamingResponse:
        return ndjson(broken())

    @app.get("/breaking")
    async def after() -> StreamingResponse:
        return ndjson(breaking())

    async with client_of(app) as client:
        problem(await client.get("/broken"), 503, "unavailable")
        with pytest.raises(RuntimeError, match="response already started"):
            await client.get("/breaking")


async def test_a_session_has_ended_when_the_response_is_sent(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.get("/late")
    async def late(heroes: Annotated[Repository[Hero], repository(Hero, db)]) -> StreamingResponse:
        async def rows() -> AsyncIterator[object]:
            yield await heroes.count()

        return ndjson(rows())

    async with client_of(app) as client:
        with pytest.raises(SessionMisuse):
            await client.get("/late")


async def test_health_is_told(client: AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        assert (await client.get(path)).json() == {"status": "ok"}


async def test_a_database_that_does_not_answer_is_not_ready() -> None:
    app = FastAPI()
    app.include_router(health_router(Database("postgresql://nobody@127.0.0.1:1/none")))

    async with client_of(app) as client:
        problem(await client.get("/health/ready"), 503, "unavailable")
        assert (await client.get("/health/live")).status_code == 200


# ---- errors in another form ----------------------------------------------------------------------


def in_one_line(problem: Problem) -> JSONResponse:
    status = 422 if problem.status == 409 else problem.status
    where = [item.loc[-1] for item in problem.errors or ()]
    return JSONResponse({"error": problem.detail, "where": where}, status)


async def test_an_application_answers_errors_in_its_own_form(db: Database) -> None:
    app = FastAPI()
    install(app, retry_after=7, respond=in_one_line)

    heroes_of_request = Annotated[Heroes, repository(Heroes, db)]

    @app.post("/heroes")
    async def add_hero(data: Create[Hero], heroes: heroes_of_request) -> Public[Hero]:
        return await heroes.add(data)

    @app.get("/busy")
    async def busy() -> None:
        raise TransactionConflict("in the way", "try again")

    @app.get("/away")
    async def away() -> None:
        raise HTTPException(401, "who are you", headers={"WWW-Authenticate": "Basic"})

    async with client_of(app) as client:
        refused = await client.post("/heroes", json={"heroName": "A" * 21})
        await client.post("/heroes", json={"heroName": "Ada"})
        taken = await client.post("/heroes", json={"heroName": "Ada"})
        conflict, unknown = await client.get("/busy"), await client.get("/away")

    assert (refused.status_code, refused.json()["where"]) == (422, ["heroName"])
    assert taken.status_code == 422
    assert taken.json() == {"error": "another row already has this name", "where": ["heroName"]}
    assert (conflict.status_code, conflict.headers["Retry-After"]) == (503, "7")
    assert unknown.json()["error"] == "who are you"
    assert unknown.headers["WWW-Authenticate"] == "Basic"


def test_the_document_says_nothing_of_problems_that_are_never_sent() -> None:
    app = FastAPI()
    install(app, respond=in_one_line)

    @app.get("/heroes/{key}", responses={404: {"description": "No such hero."}})
    async def hero(key: DbId) -> None: ...

    document = app.openapi()

    assert document["paths"]["/heroes/{key}"]["get"]["responses"].keys() == {"200", "404", "422"}
    assert "Problem" not in str(document)


async def test_any_endpoint_can_refuse_parameters_that_it_does_not_have() -> None:
    app = FastAPI()
    install(app)
    router = APIRouter(dependencies=[Depends(refuse_unknown)])

    @router.get("/heroes")
    async def heroes(limit: int = 5) -> int:
        return limit

    app.include_router(router)

    async with client_of(app) as client:
        assert (await client.get("/heroes?limit=3")).json() == 3
        found = problem(await client.get("/heroes?limt=3"), 422, "invalid")
    assert locations(found) == [["query", "limt"]]


# ---- the OpenAPI document ----------------------------------------------------------------------


async def test_the_document_names_every_answer(app: FastAPI, client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/heroes/{key}"]["patch"]

    assert set(operation["responses"]) == {"200", "404", "409", "422", "503", "default"}
    assert operation["responses"]["409"] == {
        "description": "Conflict",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    assert "Retry-After" in operation["responses"]["503"]["headers"]
    assert set(document["paths"]["/heroes/oldest"]["get"]["responses"]) == {"200", "503", "default"}
    assert set(document["components"]["schemas"]) == {
        "Health",
        "HeroCreate",
        "HeroOrder",
        "HeroPatch",
        "HeroPublic",
        "HeroSort",
        "NumberedPage_HeroPublic_",
        "Page_HeroPublic_",
        "Problem",
        "ProblemItem",
        "TeamCreate",
        "TeamPublic",
    }
    assert (await client.get("/openapi.json")).json() == document


async def test_the_document_keeps_what_an_endpoint_says_itself(db: Database) -> None:
    app = FastAPI()
    install(app)

    @app.post("/heroes/{key}", responses={404: {"description": "No such hero."}})
    async def hero(key: DbId, body: dict[str, int]) -> JSONResponse:
        return JSONResponse(None)

    responses = app.openapi()["paths"]["/heroes/{key}"]["post"]["responses"]

    assert responses["404"] == {"description": "No such hero."}
    assert "Problem" in str(responses["422"])
    assert "HTTPValidationError" not in app.openapi()["components"]["schemas"]


async def test_the_document_keeps_fastapis_schema_where_an_endpoint_names_it(db: Database) -> None:
    app = FastAPI()
    install(app)
    named = {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}

    @app.get("/heroes", responses={400: {"content": {"application/json": named}}})
    async def hero(size: int) -> JSONResponse:
        return JSONResponse(None)

    assert {"HTTPValidationError", "ValidationError"} <= set(app.openapi()["components"]["schemas"])


async def test_the_document_shows_what_parameters_take(app: FastAPI) -> None:
    parameters = {
        p["name"]: p["schema"] for p in app.openapi()["paths"]["/heroes"]["get"]["parameters"]
    }

    assert set(parameters) >= {"sort", "size", "after", "heroName", "age__ge", "kind__in"}
    assert "request" not in parameters
    assert not [name for name in parameters if "secret" in name]
    schemas = app.openapi()["components"]["schemas"]
    assert "secret" not in json.dumps(schemas["HeroPublic"])
    assert schemas["HeroPatch"].get("required") is None
