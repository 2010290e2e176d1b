"""Conduit, the application of RealWorld: its whole specification, on any engine.

python -m examples.integration.conduit
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Path, Query
from fastapi.middleware.cors import CORSMiddleware

from andamios_orm import Database
from andamios_orm.integrations.fastapi import DbId, refuse_unknown
from examples.integration.conduit import publishing
from examples.integration.conduit.auth import hash_password, password_fits, token_for
from examples.integration.conduit.dependencies import (
    OPTIONAL,
    ArticlesInSession,
    CommentsInSession,
    CurrentUser,
    Db,
    InSession,
    Installation,
    Part,
    TagsInSession,
    UserId,
    UsersInSession,
    Viewer,
    Wanted,
)
from examples.integration.conduit.errors import answers, install_errors
from examples.integration.conduit.models import METADATA, Article, Comment, User
from examples.integration.conduit.repositories import Users
from examples.integration.conduit.seed import seed
from examples.integration.conduit.settings import Settings
from examples.integration.conduit.shapes import (
    ArticleAnswer,
    ArticleChangesRequest,
    ArticlesAnswer,
    CommentAnswer,
    CommentsAnswer,
    LoggedIn,
    LoginRequest,
    NewArticleRequest,
    NewCommentRequest,
    NewUserRequest,
    ProfileAnswer,
    TagsAnswer,
    UserAnswer,
    UserChangesRequest,
)

__all__ = ["create_app"]

Slug = Annotated[str, Path(description="The part of an article's address that names it.")]
Username = Annotated[str, Path(description="Whose profile it is.")]


def create_app(settings: Settings) -> FastAPI:
    """Return the application, which opens its database when it starts."""
    db = Database(settings.url, metadata=METADATA)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with db.lifespan(app):
            await db.create_all()
            if settings.seeded:
                await seed(db, settings)
            yield

    app = FastAPI(title="Conduit", version="1.0", lifespan=lifespan)
    app.state.database, app.state.settings = db, settings
    # Clients are pages of other origins, and send their token in a header, not in a cookie.
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
    )
    install_errors(app)
    app.include_router(api, prefix="/api")
    return app


api = APIRouter(dependencies=[Depends(refuse_unknown)], responses=answers(422, 503))

# ---- users -------------------------------------------------------------------------------------
# A password takes long to hash, on purpose, so none of these keeps a transaction open meanwhile.


@api.post("/users", status_code=201, tags=["User and Authentication"])
async def register(data: NewUserRequest, db: Db, settings: Installation) -> UserAnswer:
    hashed = await hash_password(data.user.password, settings.password_cost)
    user = await Users(db).add(data.user, User.password_hash.set(hashed))
    return logged_in(user, settings)


@api.post("/users/login", tags=["User and Authentication"], responses=answers(401))
async def log_in(data: LoginRequest, db: Db, settings: Installation) -> UserAnswer:
    user = await Users(db).by_email(data.user.email)
    stored = user.password_hash if user else None
    if not await password_fits(data.user.password, stored, settings.password_cost) or not user:
        raise HTTPException(401, "no user has this email and password")
    return logged_in(user, settings)


@api.get("/user", tags=["User and Authentication"], responses=answers(401))
async def current_user(user: CurrentUser, settings: Installation) -> UserAnswer:
    return logged_in(user, settings)


@api.put("/user", tags=["User and Authentication"], responses=answers(401))
async def change_user(
    data: UserChangesRequest, key: UserId, db: Db, settings: Installation
) -> UserAnswer:
    password = data.user.password
    hashed = await hash_password(password, settings.password_cost) if password else None
    return logged_in(await Users(db).change(key, data.user, hashed), settings)


def logged_in(user: User, settings: Settings) -> UserAnswer:
    found = LoggedIn(
        email=user.email,
        username=user.username,
        bio=user.bio,
        image=user.image,
        token=token_for(user.id, settings.key),
    )
    return UserAnswer(user=found)


# ---- profiles ----------------------------------------------------------------------------------


@api.get(
    "/profiles/{username}", tags=["Profile"], responses=answers(401, 404), openapi_extra=OPTIONAL
)
async def read_profile(username: Username, users: UsersInSession, viewer: Viewer) -> ProfileAnswer:
    return ProfileAnswer(profile=await users.profile(username, viewer))


@api.post("/profiles/{username}/follow", tags=["Profile"], responses=answers(401, 404))
async def follow(username: Username, user: CurrentUser, users: UsersInSession) -> ProfileAnswer:
    await users.link(user, User.follows, await users.by_name(username))
    return ProfileAnswer(profile=await users.profile(username, user.id))


@api.delete("/profiles/{username}/follow", tags=["Profile"], responses=answers(401, 404))
async def unfollow(username: Username, user: CurrentUser, users: UsersInSession) -> ProfileAnswer:
    await users.unlink(user, User.follows, await users.by_name(username))
    return ProfileAnswer(profile=await users.profile(username, user.id))


# ---- articles ----------------------------------------------------------------------------------


@api.get("/articles", tags=["Articles"], responses=answers(401), openapi_extra=OPTIONAL)
async def list_articles(
    articles: ArticlesInSession, viewer: Viewer, wanted: Annotated[Wanted, Query()]
) -> ArticlesAnswer:
    found = articles.matching(wanted.tag, wanted.author, wanted.favorited)
    return await articles.page(found, viewer, limit=wanted.limit, offset=wanted.offset)


@api.get("/articles/feed", tags=["Articles"], responses=answers(401))
async def feed(
    articles: ArticlesInSession, user: UserId, part: Annotated[Part, Query()]
) -> ArticlesAnswer:
    return await articles.page(articles.feed(user), user, limit=part.limit, offset=part.offset)


@api.post("/articles", status_code=201, tags=["Articles"], responses=answers(401))
async def publish(data: NewArticleRequest, user: UserId, db: Db) -> ArticleAnswer:
    return ArticleAnswer(article=await publishing.publish(db, user, data.article))


@api.get("/articles/{slug}", tags=["Articles"], responses=answers(401, 404), openapi_extra=OPTIONAL)
async def read_article(slug: Slug, articles: ArticlesInSession, viewer: Viewer) -> ArticleAnswer:
    return ArticleAnswer(article=await articles.shown(slug, viewer))


@api.put("/articles/{slug}", tags=["Articles"], responses=answers(401, 403, 404))
async def change_article(
    slug: Slug, data: ArticleChangesRequest, user: UserId, db: Db
) -> ArticleAnswer:
    return ArticleAnswer(article=await publishing.change(db, slug, user, data.article))


@api.delete(
    "/articles/{slug}", status_code=204, tags=["Articles"], responses=answers(401, 403, 404)
)
async def remove_article(slug: Slug, user: UserId, session: InSession) -> None:
    await publishing.remove(session, slug, user)


# ---- comments ----------------------------------------------------------------------------------


@api.get(
    "/articles/{slug}/comments",
    tags=["Comments"],
    responses=answers(401, 404),
    openapi_extra=OPTIONAL,
)
async def list_comments(
    slug: Slug, articles: ArticlesInSession, comments: CommentsInSession, viewer: Viewer
) -> CommentsAnswer:
    article = await articles.by_slug(slug)
    return CommentsAnswer(comments=await comments.of(article, viewer))


@api.post("/articles/{slug}/comments", tags=["Comments"], responses=answers(401, 404))
async def comment(
    slug: Slug,
    data: NewCommentRequest,
    user: CurrentUser,
    articles: ArticlesInSession,
    comments: CommentsInSession,
) -> CommentAnswer:
    article = await articles.by_slug(slug)
    added = await comments.add(
        data.comment, Comment.article_id.set(article.id), Comment.author_id.set(user.id)
    )
    return CommentAnswer(comment=await comments.shown(added.id, user.id))


@api.delete(
    "/articles/{slug}/comments/{id}",
    status_code=204,
    tags=["Comments"],
    responses=answers(401, 403, 404),
)
async def remove_comment(
    slug: Slug, key: Annotated[DbId, Path(alias="id")], user: UserId, comments: CommentsInSession
) -> None:
    await comments.remove(slug, key, user)


# ---- favorites and tags ------------------------------------------------------------------------


@api.post("/articles/{slug}/favorite", tags=["Favorites"], responses=answers(401, 404))
async def favorite(slug: Slug, user: CurrentUser, articles: ArticlesInSession) -> ArticleAnswer:
    await articles.link(await articles.by_slug(slug), Article.fans, user)
    return ArticleAnswer(article=await articles.shown(slug, user.id))


@api.delete("/articles/{slug}/favorite", tags=["Favorites"], responses=answers(401, 404))
async def unfavorite(slug: Slug, user: CurrentUser, articles: ArticlesInSession) -> ArticleAnswer:
    await articles.unlink(await articles.by_slug(slug), Article.fans, user)
    return ArticleAnswer(article=await articles.shown(slug, user.id))


@api.get("/tags", tags=["Tags"])
async def list_tags(tags: TagsInSession) -> TagsAnswer:
    return TagsAnswer(tags=await tags.most_used())
