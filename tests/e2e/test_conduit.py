"""Conduit, as its clients use it: every operation and every status, on every engine."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
import yaml
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from andamios_orm import observe
from examples.integration.conduit.app import create_app
from examples.integration.conduit.auth import hash_password, password_fits, read_token, token_for
from examples.integration.conduit.publishing import slug_of
from examples.integration.conduit.settings import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "integration" / "conduit"
KEY = b"of this test, and of nobody else"
PASSWORD = "correct horse"
HUGE = 10**30

# What an API needs and the specification does not name.
FURTHER = {"401", "403", "404", "503"}


# ---- the specification -------------------------------------------------------------------------


def read_specification() -> dict[str, Any]:
    text = (FOLDER / "specification" / "conduit-openapi.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


SPECIFICATION = read_specification()


def resolved(document: Mapping[str, Any], part: Any) -> Any:
    """Return what a `$ref` refers to."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def operations(document: Mapping[str, Any], prefix: str = "") -> dict[tuple[str, str], Any]:
    return {
        (method, path.removeprefix(prefix)): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def schema_of(document: Mapping[str, Any], holder: Any) -> Any:
    """Return the schema of a response or a body, None for one without content."""
    content = resolved(document, holder).get("content") or {}
    return content.get("application/json", {}).get("schema")


KINDS: Mapping[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def problems(value: Any, schema: Any, where: str = "$") -> Iterator[str]:
    """Yield in what a value differs from its schema in the specification."""
    schema = resolved(SPECIFICATION, schema)
    fits = type(value) is KINDS[schema["type"]]
    if not fits:
        yield f"{where} is {value!r}, and no {schema['type']}"
    elif schema["type"] == "object":
        known = schema["properties"]
        yield from (f"{where}.{name} is missing" for name in set(schema["required"]) - value.keys())
        yield from (f"{where}.{name} is not specified" for name in value.keys() - known.keys())
        for name in value.keys() & known.keys():
            yield from problems(value[name], known[name], f"{where}.{name}")
    elif schema["type"] == "array":
        for place, item in enumerate(value):
            yield from problems(item, schema["items"], f"{where}[{place}]")
    elif schema.get("format") == "date-time" and datetime.fromisoformat(value).tzinfo is None:
        yield f"{where} has no time zone"


class Api:
    """Asks the application, and holds each answer against the specification."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.seen: set[tuple[str, str, str]] = set()

    async def __call__(
        self,
        status: int,
        call: str,
        body: object = None,
        *,
        token: str | None = None,
        **parameters: Any,
    ) -> Any:
        """Return the answer to `"GET /articles/{slug}"`, which must have this status.

        Parameters that the path does not name are those of the query.
        """
        method, _, path = call.partition(" ")
        operation = operations(SPECIFICATION)[method.lower(), path]
        query = {n: v for n, v in parameters.items() if f"{{{n}}}" not in path}
        response = await self.client.request(
            method,
            "/api" + path.format(**parameters),
            json=body,
            params=query,
            headers={} if token is None else {"Authorization": f"Token {token}"},
        )
        assert response.status_code == status, f"{call}: {response.status_code} {response.text}"
        self.seen.add((method.lower(), path, str(status)))
        specified = operation["responses"].get(str(status))
        schema = None if specified is None else schema_of(SPECIFICATION, specified)
        if schema is None:
            assert specified is not None or str(status) in FURTHER
            schema = schema_of(
                SPECIFICATION, SPECIFICATION["components"]["responses"]["GenericError"]
            )
        if status == 204:
            assert response.content == b""
            return None
        assert list(problems(response.json(), schema)) == []
        return response.json()

    async def register(self, name: str) -> str:
        """Return the token of a new user."""
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
        answer = await self(201, "POST /users", {"user": user})
        token: str = answer["user"]["token"]
        return token

    async def publish(self, token: str, title: str, *tags: str) -> str:
        """Return the slug of a new article."""
        article = {"title": title, "description": "d", "body": "b", "tagList": tags}
        answer = await self(201, "POST /articles", {"article": article}, token=token)
        slug: str = answer["article"]["slug"]
        return slug

    async def titles(self, call: str = "GET /articles", **parameters: Any) -> list[str]:
        answer = await self(200, call, **parameters)
        return [article["title"] for article in answer["articles"]]


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest_asyncio.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The application with an empty database, on every engine in turn."""
    # Passwords are hashed with next to no work: these tests are about everything else.
    async with (
        started(Settings(url=database_url, key=KEY, password_cost=2)) as app,
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        yield Api(client)


# ---- all of it ---------------------------------------------------------------------------------


async def test_every_operation_answers_with_every_status_of_the_specification(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    await every_user_operation(api, ada)
    await every_profile_operation(api, ada)
    await every_article_operation(api, ada, grace)

    expected = {
        (method, path, status)
        for (method, path), operation in operations(SPECIFICATION).items()
        for status in operation["responses"]
    }
    assert expected - api.seen == set()
    assert {status for _, _, status in api.seen - expected} <= FURTHER


async def every_user_operation(api: Api, ada: str) -> None:
    login = {"email": "ada@example.com", "password": PASSWORD}
    user = (await api(200, "POST /users/login", {"user": login}))["user"]
    assert (user["username"], user["email"], user["bio"]) == ("ada", "ada@example.com", "")
    await api(401, "POST /users/login", {"user": login | {"password": "wrong"}})
    await api(401, "POST /users/login", {"user": login | {"email": "nobody@example.com"}})
    await api(422, "POST /users/login", {"user": {"email": "ada@example.com"}})
    await api(422, "POST /users", {"user": {"username": "x"}})

    assert (await api(200, "GET /user", token=ada))["user"] == user | {"token": ANY}
    await api(401, "GET /user")
    await api(422, "GET /user", token=ada, unknown="x")

    changed = await api(200, "PUT /user", {"user": {"bio": "Countess"}}, token=ada)
    assert changed["user"] == user | {"bio": "Countess", "token": ANY}
    await api(401, "PUT /user", {"user": {"bio": ""}})
    await api(422, "PUT /user", {"user": {"bio": None}}, token=ada)


async def every_profile_operation(api: Api, ada: str) -> None:
    one = "/profiles/{username}"
    for call, following in (
        (f"GET {one}", False),
        (f"POST {one}/follow", True),
        (f"GET {one}", True),
        (f"DELETE {one}/follow", False),
    ):
        profile = (await api(200, call, username="grace", token=ada))["profile"]
        assert profile == {"username": "grace", "bio": "", "image": "", "following": following}
        await api(404, call, username="nobody", token=ada)
        await api(401, call, username="grace", token="wrong")
        await api(422, call, username="grace", token=ada, unknown="x")
    assert not (await api(200, f"GET {one}", username="grace"))["profile"]["following"]
    await api(401, f"POST {one}/follow", username="grace")


async def every_article_operation(api: Api, ada: str, grace: str) -> None:
    one = "/articles/{slug}"
    given = {"title": "On Engines", "description": "Weaving", "body": "Once", "tagList": ["b", "a"]}
    article = (await api(201, "POST /articles", {"article": given}, token=ada))["article"]
    assert article | given == article | {"tagList": ["b", "a"]}
    assert (article["slug"], article["tagList"]) == ("on-engines", ["a", "b"])
    await api(401, "POST /articles", {"article": given})
    await api(422, "POST /articles", {"article": {}}, token=ada)

    slug = article["slug"]
    await api(200, "GET /articles")
    await api(401, "GET /articles", token="wrong")
    await api(422, "GET /articles", limit=0)
    await api(200, "GET /articles/feed", token=ada)
    await api(401, "GET /articles/feed")
    await api(422, "GET /articles/feed", token=ada, offset=-1)
    assert (await api(200, f"GET {one}", slug=slug, token=ada))["article"] == article
    await api(404, f"GET {one}", slug="nothing")
    await api(401, f"GET {one}", slug=slug, token="wrong")
    await api(422, f"GET {one}", slug=slug, unknown="x")

    change = {"article": {"body": "Twice"}}
    changed = (await api(200, f"PUT {one}", change, slug=slug, token=ada))["article"]
    assert changed == article | {"body": "Twice", "updatedAt": changed["updatedAt"]}
    await api(401, f"PUT {one}", change, slug=slug)
    await api(403, f"PUT {one}", change, slug=slug, token=grace)
    await api(404, f"PUT {one}", change, slug="nothing", token=ada)
    await api(422, f"PUT {one}", {"article": {"body": None}}, slug=slug, token=ada)

    for call, count in ((f"POST {one}/favorite", 1), (f"DELETE {one}/favorite", 0)):
        found = (await api(200, call, slug=slug, token=grace))["article"]
        assert (found["favorited"], found["favoritesCount"]) == (bool(count), count)
        await api(401, call, slug=slug)
        await api(404, call, slug="nothing", token=grace)
        await api(422, call, slug=slug, token=grace, unknown="x")

    await every_comment_operation(api, ada, grace, slug)

    await api(401, f"DELETE {one}", slug=slug)
    await api(403, f"DELETE {one}", slug=slug, token=grace)
    await api(422, f"DELETE {one}", slug=slug, token=ada, unknown="x")
    assert (await api(200, "GET /tags"))["tags"] == ["a", "b"]
    await api(422, "GET /tags", unknown="x")
    await api(204, f"DELETE {one}", slug=slug, token=ada)
    await api(404, f"DELETE {one}", slug=slug, token=ada)


async def every_comment_operation(api: Api, ada: str, grace: str, slug: str) -> None:
    all_, one = "/articles/{slug}/comments", "/articles/{slug}/comments/{id}"
    said = {"comment": {"body": "Hear, hear"}}
    comment = (await api(200, f"POST {all_}", said, slug=slug, token=grace))["comment"]
    assert (comment["body"], comment["author"]["username"]) == ("Hear, hear", "grace")
    await api(401, f"POST {all_}", said, slug=slug)
    await api(404, f"POST {all_}", said, slug="nothing", token=grace)
    await api(422, f"POST {all_}", {"comment": {}}, slug=slug, token=grace)

    assert await api(200, f"GET {all_}", slug=slug) == {"comments": [comment]}
    await api(401, f"GET {all_}", slug=slug, token="wrong")
    await api(404, f"GET {all_}", slug="nothing")
    await api(422, f"GET {all_}", slug=slug, unknown="x")

    await api(401, f"DELETE {one}", slug=slug, id=comment["id"])
    await api(403, f"DELETE {one}", slug=slug, id=comment["id"], token=ada)
    await api(422, f"DELETE {one}", slug=slug, id=HUGE, token=grace)
    await api(404, f"DELETE {one}", slug="nothing", id=comment["id"], token=grace)
    await api(204, f"DELETE {one}", slug=slug, id=comment["id"], token=grace)
    await api(404, f"DELETE {one}", slug=slug, id=comment["id"], token=grace)


class _Any:
    """Equals everything: what differs from answer to answer."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ANY = _Any()


# ---- the application's own document ------------------------------------------------------------


def test_the_document_has_the_operations_and_statuses_of_the_specification() -> None:
    specified = operations(SPECIFICATION)
    own = operations(create_app(Settings()).openapi(), "/api")

    assert own.keys() == specified.keys()
    for name, operation in specified.items():
        statuses = own[name]["responses"].keys()
        assert operation["responses"].keys() - statuses == set(), name
        assert statuses - operation["responses"].keys() <= FURTHER, name
        assert own[name]["tags"] == operation["tags"]


def test_the_document_says_of_bodies_and_answers_what_the_specification_says() -> None:
    document = create_app(Settings()).openapi()
    own = operations(document, "/api")

    for name, operation in operations(SPECIFICATION).items():
        for status, response in operation["responses"].items():
            expected = schema_of(SPECIFICATION, response)
            if expected is not None:
                found = schema_of(document, own[name]["responses"][status])
                assert outline(document, found) == outline(SPECIFICATION, expected), (name, status)
        if "requestBody" in operation:
            expected = schema_of(SPECIFICATION, operation["requestBody"])
            required, optional = members(SPECIFICATION, expected)
            found = schema_of(document, own[name]["requestBody"])
            own_required, own_optional = members(document, found)
            assert own_required == required, name
            # A client may also say at once what it would change next.
            assert own_optional >= optional, name


def outline(document: Mapping[str, Any], schema: Any) -> Any:
    """Return the names and types in a schema, without how they are called and described."""
    schema = resolved(document, schema)
    if schema["type"] == "array":
        return [outline(document, schema["items"])]
    if schema["type"] == "object":
        assert set(schema["required"]) == schema["properties"].keys()
        return {n: outline(document, part) for n, part in schema["properties"].items()}
    return schema["type"], schema.get("format")


def members(document: Mapping[str, Any], schema: Any) -> tuple[set[str], set[str]]:
    """Return the names that the only object inside a body must and may have."""
    (inner,) = resolved(document, schema)["properties"].values()
    inner = resolved(document, inner)
    required = set(inner.get("required", ()))
    return required, inner["properties"].keys() - required


def test_the_document_bounds_every_number_that_clients_send() -> None:
    for name, operation in operations(create_app(Settings()).openapi()).items():
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            if schema.get("type") == "integer":
                assert {"minimum", "maximum"} <= schema.keys(), (name, parameter["name"])


# ---- lists -------------------------------------------------------------------------------------


async def test_articles_are_found_by_tag_author_and_whose_favorite_they_are(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    await api.publish(ada, "One", "x", "y")
    two = await api.publish(grace, "Two", "x")
    await api.publish(grace, "Three")
    await api(200, "POST /articles/{slug}/favorite", slug=two, token=ada)

    assert await api.titles() == ["Three", "Two", "One"]
    assert await api.titles(tag="x") == ["Two", "One"]
    assert await api.titles(author="grace") == ["Three", "Two"]
    assert await api.titles(favorited="ada") == ["Two"]
    assert await api.titles(tag="x", author="ada") == ["One"]
    assert await api.titles(tag="y", favorited="ada") == []
    assert await api.titles(author="nobody") == []


async def test_a_part_of_the_articles_comes_with_the_number_of_all(api: Api) -> None:
    ada = await api.register("ada")
    for number in range(5):
        await api.publish(ada, f"Article {number}")

    answer = await api(200, "GET /articles", limit=2, offset=1)
    past_the_end = await api(200, "GET /articles", offset=7)

    assert [article["title"] for article in answer["articles"]] == ["Article 3", "Article 2"]
    assert answer["articlesCount"] == 5
    assert past_the_end == {"articles": [], "articlesCount": 5}


async def test_the_feed_has_the_articles_of_those_whom_one_follows(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    await api.publish(ada, "Mine")
    await api.publish(grace, "Hers")

    assert await api.titles("GET /articles/feed", token=ada) == []
    await api(200, "POST /profiles/{username}/follow", username="grace", token=ada)
    answer = await api(200, "GET /articles/feed", token=ada)

    assert [article["title"] for article in answer["articles"]] == ["Hers"]
    assert answer["articles"][0]["author"]["following"]
    assert answer["articlesCount"] == 1
    assert await api.titles("GET /articles/feed", token=grace) == []


async def test_everybody_sees_their_own_favorites_and_whom_they_follow(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    slug = await api.publish(ada, "One")
    await api(200, "POST /articles/{slug}/favorite", slug=slug, token=grace)
    await api(200, "POST /profiles/{username}/follow", username="ada", token=grace)

    for token, own in ((grace, True), (ada, False), (None, False)):
        listed = (await api(200, "GET /articles", token=token))["articles"][0]
        whole = (await api(200, "GET /articles/{slug}", slug=slug, token=token))["article"]

        assert (listed["favorited"], listed["author"]["following"]) == (own, own)
        assert (whole["favorited"], whole["author"]["following"]) == (own, own)
        assert listed["favoritesCount"] == 1


@pytest.mark.parametrize("call", ["GET /articles", "GET /articles/feed"])
async def test_a_page_takes_three_statements_whatever_its_size(api: Api, call: str) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    await api(200, "POST /profiles/{username}/follow", username="grace", token=ada)
    for number in range(12):
        slug = await api.publish(grace, f"Article {number}", "x", f"tag {number}")
        await api(200, "POST /articles/{slug}/favorite", slug=slug, token=ada)

    for limit in (1, 12):
        statements: list[observe.StatementRun] = []
        with observe.subscribe(statements.append):
            answer = await api(200, call, limit=limit, token=ada)

        assert [len(article["tagList"]) for article in answer["articles"]] == [2] * limit
        asked = [run.sql for run in statements if run.sql.startswith("SELECT")]
        assert len(asked) == 3
        assert len([run for run in statements if "FROM" in run.sql]) == 3


async def test_comments_come_in_their_order_with_their_authors(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    slug, other = await api.publish(ada, "One"), await api.publish(ada, "Other")
    for token, body in ((ada, "first"), (grace, "second"), (ada, "third")):
        said = {"comment": {"body": body}}
        await api(200, "POST /articles/{slug}/comments", said, slug=slug, token=token)

    comments = (await api(200, "GET /articles/{slug}/comments", slug=slug))["comments"]

    assert [(c["body"], c["author"]["username"]) for c in comments] == [
        ("first", "ada"),
        ("second", "grace"),
        ("third", "ada"),
    ]
    assert (await api(200, "GET /articles/{slug}/comments", slug=other))["comments"] == []
    one = comments[0]["id"]
    await api(404, "DELETE /articles/{slug}/comments/{id}", slug=other, id=one, token=ada)


async def test_tags_are_those_in_use_the_most_used_first(api: Api) -> None:
    ada = await api.register("ada")
    await api.publish(ada, "One", "rare", "common", "common")
    slug = await api.publish(ada, "Two", "common", "gone")
    await api.publish(ada, "Three", "common")

    await api(204, "DELETE /articles/{slug}", slug=slug, token=ada)

    assert await api(200, "GET /tags") == {"tags": ["common", "rare"]}


# ---- changing ----------------------------------------------------------------------------------


async def test_users_change_what_others_refer_to_them_by(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    slug = await api.publish(ada, "One")
    await api(200, "POST /profiles/{username}/follow", username="ada", token=grace)

    changes = {"username": "lovelace", "email": "L@example.com", "password": "another"}
    user = (await api(200, "PUT /user", {"user": changes}, token=ada))["user"]

    assert (user["username"], user["email"]) == ("lovelace", "l@example.com")
    article = (await api(200, "GET /articles/{slug}", slug=slug, token=grace))["article"]
    assert (article["author"]["username"], article["author"]["following"]) == ("lovelace", True)
    old = {"email": "ada@example.com", "password": PASSWORD}
    await api(401, "POST /users/login", {"user": old})
    await api(401, "POST /users/login", {"user": old | {"email": "l@example.com"}})
    new = {"email": "l@EXAMPLE.com", "password": "another"}
    await api(200, "POST /users/login", {"user": new})


@pytest.mark.parametrize("taken", [{"username": "ada"}, {"email": "Ada@example.com"}])
async def test_names_and_addresses_belong_to_one_user(api: Api, taken: dict[str, str]) -> None:
    await api.register("ada")
    grace = await api.register("grace")
    free = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}

    for answer in (
        await api(422, "POST /users", {"user": free | taken}),
        await api(422, "PUT /user", {"user": taken}, token=grace),
    ):
        (message,) = answer["errors"]["body"]
        assert message == f"{next(iter(taken))}: another row already has this {next(iter(taken))}"
    await api.register("bob")


async def test_an_article_goes_with_all_that_belongs_to_it(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    slug, other = await api.publish(ada, "One", "x"), await api.publish(ada, "Other", "x")
    for each in (slug, other):
        said = {"comment": {"body": "Hear"}}
        await api(200, "POST /articles/{slug}/favorite", slug=each, token=grace)
        await api(200, "POST /articles/{slug}/comments", said, slug=each, token=grace)

    await api(204, "DELETE /articles/{slug}", slug=slug, token=ada)

    assert await api.titles(favorited="grace") == ["Other"]
    assert await api.titles(tag="x") == ["Other"]
    assert len((await api(200, "GET /articles/{slug}/comments", slug=other))["comments"]) == 1
    again = await api.publish(ada, "One")
    assert again == slug
    assert (await api(200, "GET /articles/{slug}/comments", slug=again))["comments"] == []


async def test_two_articles_of_one_title_have_slugs_of_their_own(api: Api) -> None:
    ada = await api.register("ada")

    slugs = [await api.publish(ada, "Über  uns!") for _ in range(3)]

    assert slugs[0] == "uber-uns"
    assert len(set(slugs)) == 3
    assert all(slug.startswith("uber-uns-") for slug in slugs[1:])
    assert (await api(200, "GET /articles"))["articlesCount"] == 3


async def test_a_slug_follows_its_title(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    await api.publish(grace, "Taken")
    slug = await api.publish(ada, "Old")
    said = {"comment": {"body": "Hear"}}
    await api(200, "POST /articles/{slug}/comments", said, slug=slug, token=grace)

    async def renamed(slug: str, title: str) -> str:
        body = {"article": {"title": title}}
        answer = await api(200, "PUT /articles/{slug}", body, slug=slug, token=ada)
        assert answer["article"]["title"] == title
        found: str = answer["article"]["slug"]
        return found

    assert await renamed(slug, "New") == "new"
    await api(404, "GET /articles/{slug}", slug=slug)
    assert len((await api(200, "GET /articles/{slug}/comments", slug="new"))["comments"]) == 1
    second = await renamed("new", "Taken")
    assert second.startswith("taken-")
    assert await renamed(second, "Taken!") == second
    assert await renamed(second, "Old") == "old"


async def test_what_the_program_keeps_is_not_for_clients_to_say(api: Api) -> None:
    ada, grace = await api.register("ada"), await api.register("grace")
    hashed = await hash_password(SecretStr("mine"), 2)
    more = {"id": 7, "password_hash": hashed, "passwordHash": hashed}
    user = {"username": "eve", "email": "eve@example.com", "password": "e"}
    eve = (await api(201, "POST /users", {"user": user | more}))["user"]["token"]
    await api(200, "PUT /user", {"user": more}, token=eve)

    wrong = {"email": "eve@example.com", "password": "mine"}
    await api(401, "POST /users/login", {"user": wrong})
    assert (await api(200, "GET /user", token=ada))["user"]["username"] == "ada"

    slug = await api.publish(ada, "Mine")
    more = {"slug": "hers", "author_id": 2, "authorId": 2, "createdAt": "2000-01-01T00:00:00Z"}
    body = {"article": {"body": "B"} | more}
    changed = (await api(200, "PUT /articles/{slug}", body, slug=slug, token=ada))["article"]
    assert (changed["slug"], changed["author"]["username"]) == (slug, "ada")
    assert changed["createdAt"] > "2000-01-02"
    await api(403, "DELETE /articles/{slug}", slug=slug, token=grace)


# ---- who asks ----------------------------------------------------------------------------------


def forged(**changes: object) -> str:
    now = datetime.now(UTC)
    claims = {"sub": "1", "iat": now, "exp": now + timedelta(hours=1)} | changes
    kept = {name: claim for name, claim in claims.items() if claim is not None}
    return jwt.encode(kept, KEY, algorithm="HS256")


async def test_only_the_program_makes_tokens(api: Api) -> None:
    await api.register("ada")
    assert (await api(200, "GET /user", token=forged()))["user"]["username"] == "ada"

    header, claims, signature = forged().split(".")
    unsigned = jwt.encode({"sub": "1", "exp": datetime.now(UTC) + timedelta(hours=1)}, None, "none")
    for token in (
        "",
        "nonsense",
        unsigned,
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature[::-1]}",
        token_for(1, b"another key, as long as the other"),
        forged(exp=datetime.now(UTC) - timedelta(minutes=1)),
        forged(exp=None),
        forged(sub=None),
        forged(sub="ada"),
        forged(sub="4711"),
    ):
        await api(401, "GET /user", token=token)


async def test_a_token_outlives_its_user_to_no_use(api: Api) -> None:
    slug = await api.publish(await api.register("ada"), "One")
    gone = token_for(4711, KEY)
    one = {"slug": slug, "token": gone}
    article = {"title": "t", "description": "d", "body": "b"}

    await api(401, "GET /user", token=gone)
    await api(401, "PUT /user", {"user": {"bio": "x"}}, token=gone)
    await api(401, "POST /articles", {"article": article}, token=gone)
    await api(401, "POST /articles/{slug}/comments", {"comment": {"body": "x"}}, **one)
    await api(401, "POST /articles/{slug}/favorite", **one)
    await api(401, "POST /profiles/{username}/follow", username="ada", token=gone)
    await api(403, "DELETE /articles/{slug}", **one)
    assert await api.titles(token=gone) == ["One"]


async def test_a_token_has_the_scheme_of_the_specification(api: Api) -> None:
    token = await api.register("ada")

    for scheme, status in (("Token ", 200), ("token ", 200), ("Bearer ", 401), ("", 401)):
        headers = {"Authorization": f"{scheme}{token}"}
        response = await api.client.get("/api/user", headers=headers)

        assert response.status_code == status
        if status == 401:
            assert response.headers["WWW-Authenticate"] == "Token"


async def test_no_answer_holds_a_password_or_its_hash(api: Api) -> None:
    token = await api.register("ada")
    slug = await api.publish(token, "One")
    await api(200, "POST /articles/{slug}/favorite", slug=slug, token=token)
    texts = [
        json.dumps(await api(200, call, token=token, **parameters))
        for call, parameters in (
            ("GET /user", {}),
            ("GET /profiles/{username}", {"username": "ada"}),
            ("GET /articles", {}),
            ("GET /articles/{slug}", {"slug": slug}),
        )
    ]
    refused = {"username": "", "email": "no", "password": PASSWORD * 100}
    texts.append(json.dumps(await api(422, "POST /users", {"user": refused})))

    assert not [text for text in texts if PASSWORD in text or "hash" in text.lower()]


async def test_a_stored_password_is_salted_and_fits_only_itself() -> None:
    one, two = [await hash_password(SecretStr("ä"), 4) for _ in range(2)]

    assert one != two
    assert await password_fits(SecretStr("ä"), one, 2)
    assert not await password_fits(SecretStr("a"), one, 2)
    assert not await password_fits(SecretStr(""), None, 2)


def test_a_token_lasts_a_week() -> None:
    claims = jwt.decode(token_for(3, KEY), KEY, algorithms=["HS256"])

    assert claims["exp"] - claims["iat"] == 7 * 24 * 60 * 60
    assert read_token(token_for(3, KEY), KEY) == 3


# ---- what is refused ---------------------------------------------------------------------------


WRONG_VALUES: Mapping[str, Sequence[object]] = {
    "username": ("", "a b", "a/b", "..", "a" * 41, 1),
    "email": ("nobody", "a b@c", "a@b\0", "a" * 254 + "@b", None),
    "password": ("", "p" * 201, HUGE),
    "bio": ("\0", "b" * 1001, []),
}


async def test_a_body_that_cannot_be_stored_is_refused(api: Api) -> None:
    user: dict[str, object] = {"username": "a", "email": "a@b", "password": "p"}
    wrong: list[object] = [
        {},
        {"user": None},
        *[
            {"user": user | {name: value}}
            for name, values in WRONG_VALUES.items()
            for value in values
        ],
    ]
    for body in wrong:
        await api(422, "POST /users", body)
    await api(201, "POST /users", {"user": user})


async def test_what_is_no_json_is_refused_in_the_same_form(api: Api) -> None:
    for content in (b"{", b"\xff\xfe", b"[" * 100_000):
        response = await api.client.post(
            "/api/users/login", content=content, headers={"Content-Type": "application/json"}
        )

        assert response.status_code == 422
        assert response.json()["errors"]["body"]


async def test_a_filter_may_be_any_text(api: Api) -> None:
    await api.publish(await api.register("ada"), "One", "x")

    for name in ("tag", "author", "favorited"):
        for text in ("", "x" * 5000, "'; DROP TABLE users; --", "%", "ß漢🦆"):
            assert await api.titles(**{name: text}) == []


async def test_a_part_is_of_a_size_that_can_be(api: Api) -> None:
    for name in ("limit", "offset"):
        for number in ("-1", str(HUGE), str(-HUGE), "1.5", "x", ""):
            await api(422, "GET /articles", **{name: number})


# ---- at the same time --------------------------------------------------------------------------


async def test_articles_of_one_title_published_at_once_are_all_there(api: Api) -> None:
    tokens = [await api.register(name) for name in ("ada", "grace", "mary")]

    slugs = await asyncio.gather(*[api.publish(t, "Same", "x", "y") for t in tokens * 2])

    assert len(set(slugs)) == 6
    assert "same" in slugs
    assert (await api(200, "GET /articles"))["articlesCount"] == 6
    assert sorted((await api(200, "GET /tags"))["tags"]) == ["x", "y"]


async def test_an_article_liked_by_two_at_once_several_times_has_two_favorites(api: Api) -> None:
    tokens = [await api.register(name) for name in ("ada", "grace")]
    slug = await api.publish(tokens[0], "One")

    await asyncio.gather(
        *[api(200, "POST /articles/{slug}/favorite", slug=slug, token=t) for t in tokens * 3]
    )

    article = (await api(200, "GET /articles/{slug}", slug=slug))["article"]
    assert article["favoritesCount"] == 2


async def test_two_who_follow_each_other_at_once_do(api: Api) -> None:
    tokens = {name: await api.register(name) for name in ("ada", "grace")}
    pairs = [("ada", "grace"), ("grace", "ada")] * 3

    await asyncio.gather(
        *[
            api(200, "POST /profiles/{username}/follow", username=whom, token=tokens[who])
            for who, whom in pairs
        ]
    )

    for who, whom in pairs[:2]:
        answer = await api(200, "GET /profiles/{username}", username=whom, token=tokens[who])
        assert answer["profile"]["following"]


async def test_one_of_several_who_want_a_name_at_once_gets_it(api: Api) -> None:
    async def sign_up(number: int) -> int:
        user = {"username": "ada", "email": f"{number}@example.com", "password": PASSWORD}
        response = await api.client.post("/api/users", json={"user": user})
        return response.status_code

    statuses = await asyncio.gather(*map(sign_up, range(5)))

    assert sorted(statuses) == [201, 422, 422, 422, 422]


# ---- the program -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("On Engines", "on-engines"),
        ("  Über   uns!  ", "uber-uns"),
        ("C++ & Rust: 2-0", "c-rust-2-0"),
        ("漢字", "article"),
    ],
)
def test_a_slug_is_fit_for_an_address(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("CONDUIT_KEY", raising=False)
    one, two = Settings.from_environment(), Settings.from_environment()
    assert one.url == "duckdb://"
    assert len(one.key) == 32
    assert one.key != two.key

    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("CONDUIT_KEY", "k" * 32)
    given = Settings.from_environment()
    assert (given.url, given.key) == ("sqlite://", b"k" * 32)
    assert "kkk" not in repr(given)

    monkeypatch.setenv("CONDUIT_KEY", "short")
    with pytest.raises(ValueError, match="fewer than 32 bytes"):
        Settings.from_environment()


def test_it_is_served_with_something_to_read() -> None:
    command = [sys.executable, "-W", "error", "-m", "examples.integration.conduit", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, encoding="utf-8"
    ) as server:
        try:
            assert server.stdout is not None
            *_, address = server.stdout.readline().split()
            base = address.removesuffix("/docs") + "/api"
            articles = httpx.get(f"{base}/articles", timeout=30).json()
            login = {"email": "ada@example.com", "password": PASSWORD}
            user = httpx.post(f"{base}/users/login", json={"user": login}, timeout=30).json()
        finally:
            server.terminate()

    assert articles["articles"][0]["title"] == "The First Bug"
    assert articles["articlesCount"] == 3
    assert user["user"]["username"] == "ada"


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["oracle://somewhere"], {}, "no backend for `oracle`"),
        ([], {"CONDUIT_KEY": "short"}, "CONDUIT_KEY has fewer than 32 bytes"),
    ],
)
def test_it_says_why_it_cannot_be_served(
    arguments: list[str], variables: dict[str, str], message: str
) -> None:
    done = serve(*arguments, **variables)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_it_is_not_served_without_its_database() -> None:
    done = serve("sqlite:////nowhere/at/all.db", "--port", "0")

    assert done.returncode == 3
    assert "DatabaseUnavailable" in done.stderr
    assert done.stdout == ""


def serve(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "examples.integration.conduit", *arguments],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}
