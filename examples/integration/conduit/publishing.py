"""What changes several tables at once: publish an article, change it, remove it."""

import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from andamios_orm import Database, Repository, Session, UniqueViolation
from examples.integration.conduit.models import Article, ArticleTag, Comment, Favorite
from examples.integration.conduit.repositories import Articles, Comments, Tags, Users
from examples.integration.conduit.shapes import ArticleChanges, NewArticle, WholeArticle

__all__ = ["change", "publish", "remove", "slug_of"]

T = TypeVar("T")


async def publish(db: Database, author: int, data: NewArticle) -> WholeArticle:
    """Store an article with its tags, and return it. Raises UnknownUser."""

    async def store(slug: str, session: Session) -> WholeArticle:
        await Users(session).known(author)
        articles = Articles(session)
        article = await articles.add(data, Article.slug.set(slug), Article.author_id.set(author))
        await articles.link(article, Article.tags, *await Tags(session).named(data.tag_list))
        return await articles.shown(slug, author)

    return await _with_free_slug(db, data.title, store)


async def change(db: Database, slug: str, author: int, data: ArticleChanges) -> WholeArticle:
    """Change an article, whose slug follows its title, and return it.

    Raises NotFound, and NotYours for somebody else's.
    """

    async def store(wanted: str | None, session: Session) -> WholeArticle:
        articles = Articles(session)
        article = await articles.own(slug, author)
        more = []
        if wanted is not None and slug_of(data.title) != slug_of(article.title):
            more.append(Article.slug.set(wanted))
        changed = await articles.patch(article.id, data, *more)
        return await articles.shown(changed.slug, author)

    if "title" not in data.model_fields_set:
        return await db.run(partial(store, None))
    return await _with_free_slug(db, data.title, store)


async def remove(session: Session, slug: str, author: int) -> None:
    """Remove an article and all that belongs to it. Raises NotFound, NotYours."""
    article = await Articles(session).own(slug, author)
    # Where there are ON DELETE actions, the last statement would do; DuckDB has none.
    await Repository(ArticleTag, session).where(ArticleTag.article_id == article.id).delete()
    await Repository(Favorite, session).where(Favorite.article_id == article.id).delete()
    await Comments(session).where(Comment.article_id == article.id).delete()
    await Articles(session).delete(article)


async def _with_free_slug(
    db: Database, title: str, store: Callable[[str, Session], Awaitable[T]]
) -> T:
    """Store something under a slug, and under another one if somebody has that already.

    Asking first whether it is free would be no answer: another may take it meanwhile. After a
    refusal a transaction is over, so each try is one of its own.
    """
    slug = slug_of(title)
    while True:
        try:
            return await db.run(partial(store, slug))
        except UniqueViolation as error:
            if error.fields != ("slug",):
                raise
            slug = f"{slug_of(title)}-{secrets.token_hex(4)}"


def slug_of(title: str) -> str:
    """Return a title for URLs: `"Über uns!"` gives `"uber-uns"`."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", letters)) or "article"
