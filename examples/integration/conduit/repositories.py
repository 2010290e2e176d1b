"""The questions of this application, each under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from andamios_orm import NotFound, Query, Repository
from examples.integration.conduit.models import (
    Article,
    Comment,
    Favorite,
    Follow,
    Tag,
    User,
)
from examples.integration.conduit.shapes import (
    ArticleComment,
    ArticlesAnswer,
    ArticleSummary,
    Profile,
    UserChanges,
    WholeArticle,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from andamios_orm.queries.expressions import SortKey

__all__ = ["Articles", "Comments", "NotYours", "Tags", "UnknownUser", "Users"]

Viewer: TypeAlias = int | None
"""The key of the user who asks; None for somebody without one, who follows nobody."""


class UnknownUser(Exception):
    """A token is valid, and the user it was made for is not there."""


class NotYours(Exception):
    """Somebody wants to change what another one wrote."""


class Users(Repository[User]):
    async def by_email(self, email: str) -> User | None:
        return await self.where(User.email == email).first()

    async def known(self, key: int) -> User:
        """Return the user of a token. Raises UnknownUser."""
        found = await self.find(key)
        if found is None:
            raise UnknownUser
        return found

    async def change(self, key: int, data: UserChanges, password_hash: str | None) -> User:
        """Change what a user says, and the password if it is given. Raises UnknownUser."""
        more = [] if password_hash is None else [User.password_hash.set(password_hash)]
        try:
            return await self.patch(key, data, *more)
        except NotFound:
            raise UnknownUser from None

    async def by_name(self, username: str) -> User:
        """Return a user. Raises NotFound."""
        return await self.where(User.username == username).one()

    async def profile(self, username: str, viewer: Viewer) -> Profile:
        """Return what others see of a user. Raises NotFound."""
        following = User.followers.any(Follow.follower_id == viewer)
        found = self.where(User.username == username)
        return await found.into(Profile, computed={"following": following}).one()


class Articles(Repository[Article]):
    def latest(self) -> Query[Article]:
        return self.order_by(Article.created_at.desc(), Article.id.desc())

    def matching(
        self, tag: str | None, author: str | None, favorited: str | None
    ) -> Query[Article]:
        """Return the articles that have a tag, are by somebody, and that somebody likes."""
        found = self.latest()
        if tag is not None:
            found = found.where(Article.tags.any(Tag.name == tag))
        if author is not None:
            found = found.where(Article.author.has(User.username == author))
        if favorited is not None:
            found = found.where(Article.fans.any(User.username == favorited))
        return found

    def feed(self, reader: int) -> Query[Article]:
        """Return the articles of those whom somebody follows."""
        return self.latest().where(
            Article.author.has(User.followers.any(Follow.follower_id == reader))
        )

    async def page(
        self, found: Query[Article], viewer: Viewer, *, limit: int, offset: int
    ) -> ArticlesAnswer:
        """Return some articles in three statements: how many there are, the rows, their tags."""
        rows = found.limit(limit).offset(offset)
        return ArticlesAnswer(
            articles_count=await found.count(),
            articles=await rows.into(ArticleSummary, computed=_seen_by(viewer)).all(),
        )

    async def by_slug(self, slug: str) -> Article:
        """Return an article. Raises NotFound."""
        return await self.where(Article.slug == slug).one()

    async def own(self, slug: str, author: int) -> Article:
        """Return somebody's article. Raises NotFound, and NotYours for somebody else's."""
        article = await self.by_slug(slug)
        if article.author_id != author:
            raise NotYours
        return article

    async def shown(self, slug: str, viewer: Viewer) -> WholeArticle:
        """Return an article as somebody sees it. Raises NotFound."""
        found = self.where(Article.slug == slug)
        return await found.into(WholeArticle, computed=_seen_by(viewer)).one()


class Comments(Repository[Comment]):
    async def of(self, article: Article, viewer: Viewer) -> list[ArticleComment]:
        found = self.where(Comment.article_id == article.id).order_by(Comment.id)
        return await found.into(ArticleComment, computed=_written_by(viewer)).all()

    async def shown(self, key: int, viewer: Viewer) -> ArticleComment:
        found = self.where(Comment.id == key)
        return await found.into(ArticleComment, computed=_written_by(viewer)).one()

    async def remove(self, slug: str, key: int, author: int) -> None:
        """Remove a comment of an article. Raises NotFound, and NotYours for somebody else's."""
        comment = await self.where(
            Comment.id == key, Comment.article.has(Article.slug == slug)
        ).one()
        if comment.author_id != author:
            raise NotYours
        await self.delete(comment)


class Tags(Repository[Tag]):
    async def most_used(self) -> list[str]:
        used = self.where(Tag.articles.any())
        return (
            await used.order_by(Tag.articles.count().desc(), Tag.name).limit(100).select(Tag.name)
        )

    async def named(self, names: Iterable[str]) -> list[Tag]:
        """Return the tags of these names; those that are new are stored."""
        # In the same order by everybody, so that nobody waits for one who waits for him.
        wanted = [Tag(name=name) for name in sorted(set(names))]
        return await self.upsert_all(wanted, on=[Tag.name], update=[])


def _seen_by(viewer: Viewer) -> Mapping[str, SortKey]:
    return {
        "favorited": Article.favorites.any(Favorite.user_id == viewer),
        "author.following": Article.author.has(User.followers.any(Follow.follower_id == viewer)),
    }


def _written_by(viewer: Viewer) -> Mapping[str, SortKey]:
    followed = User.followers.any(Follow.follower_id == viewer)
    return {"author.following": Comment.author.has(followed)}
