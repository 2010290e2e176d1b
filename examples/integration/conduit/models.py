"""The tables: who writes, what they write, and who likes and follows whom.

`read_only` fields are what no client sends: the program knows whose an article is.
"""

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field, StringConstraints

from andamios_orm import Col, Model, Related, RelatedList, Timestamps, field, generated, relation

Email = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^@\s]+@[^@\s]+$")]
TagName = Annotated[str, Field(min_length=1, max_length=40)]


class Row(Model, metadata=sa.MetaData()):
    """What all tables have in common: the database of this program, and of no other."""


class User(Row, table="users"):
    id: Col[int] = generated()
    email: Col[Email] = field(unique=True, max_length=254)
    username: Col[str] = field(
        unique=True, min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][\w.-]*$"
    )
    password_hash: Col[str] = field(secret=True, read_only=True, max_length=200)
    bio: Col[str] = field(default="", max_length=1000)
    image: Col[str] = field(default="", max_length=500)

    follows: RelatedList["User"] = relation(through="Follow", fk="follower_id")
    followers: RelatedList["Follow"] = relation(fk="followed_id")


class Follow(Row, table=True):
    """Who reads what whom writes."""

    follower_id: Col[int] = field(primary_key=True, foreign_key=User.id, on_delete="CASCADE")
    followed_id: Col[int] = field(
        primary_key=True, foreign_key=User.id, on_delete="CASCADE", index=True
    )


class Tag(Row, table=True):
    id: Col[int] = generated()
    name: Col[TagName] = field(unique=True)

    articles: RelatedList["Article"] = relation(through="ArticleTag")


class Article(Row, Timestamps, table=True):
    id: Col[int] = generated()
    slug: Col[str] = field(unique=True, max_length=200, read_only=True)
    title: Col[str] = field(min_length=1, max_length=150)
    description: Col[str] = field(max_length=500)
    body: Col[str] = field(max_length=20_000)
    author_id: Col[int] = field(
        foreign_key=User.id, on_delete="CASCADE", index=True, read_only=True
    )

    author: Related[User] = relation()
    tags: RelatedList[Tag] = relation(through="ArticleTag", order_by="name")
    fans: RelatedList[User] = relation(through="Favorite")
    favorites: RelatedList["Favorite"] = relation()
    comments: RelatedList["Comment"] = relation()


class ArticleTag(Row, table=True):
    article_id: Col[int] = field(primary_key=True, foreign_key=Article.id, on_delete="CASCADE")
    tag_id: Col[int] = field(primary_key=True, foreign_key=Tag.id, on_delete="CASCADE", index=True)


class Favorite(Row, table=True):
    article_id: Col[int] = field(primary_key=True, foreign_key=Article.id, on_delete="CASCADE")
    user_id: Col[int] = field(
        primary_key=True, foreign_key=User.id, on_delete="CASCADE", index=True
    )


class Comment(Row, Timestamps, table=True):
    id: Col[int] = generated()
    body: Col[str] = field(max_length=20_000)
    article_id: Col[int] = field(
        foreign_key=Article.id, on_delete="CASCADE", index=True, read_only=True
    )
    author_id: Col[int] = field(foreign_key=User.id, on_delete="CASCADE", read_only=True)

    article: Related[Article] = relation()
    author: Related[User] = relation()


METADATA = Row.metadata


def _enforces_keys_well(*_: object, dialect: sa.Dialect, **__: Any) -> bool:
    return dialect.name != "duckdb"


# On DuckDB, foreign keys have no ON DELETE actions, a unique value of a row that others refer to,
# such as a username, cannot be changed, and a row cannot go with those that refer to it. Writers
# take turns there, so what a session has found is there until it ends, without a constraint too.
for _table in METADATA.tables.values():
    for _key in _table.foreign_key_constraints:
        _key.ddl_if(callable_=_enforces_keys_well)
