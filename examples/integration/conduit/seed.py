"""Somebody to log in as, and something to read, in a database that is empty."""

from andamios_orm import Database
from examples.integration.conduit.auth import hash_password
from examples.integration.conduit.models import Article, Comment, User
from examples.integration.conduit.publishing import publish
from examples.integration.conduit.repositories import Articles, Comments, Users
from examples.integration.conduit.settings import Settings
from examples.integration.conduit.shapes import NewArticle, NewUser

__all__ = ["USERS", "seed"]

USERS = {"ada": "ada@example.com", "grace": "grace@example.com"}
PASSWORD = "correct horse"  # of both, for everybody to know

ARTICLES = [
    ("ada", "Notes on the Analytical Engine", "On weaving algebra", ["engines", "history"]),
    ("ada", "Bernoulli by Machine", "A table of what to do", ["engines", "numbers"]),
    ("grace", "The First Bug", "It had wings", ["debugging", "history"]),
]


async def seed(db: Database, settings: Settings) -> bool:
    """Store users and articles, and return True; leave a database with users as it is."""
    if await Users(db).exists():
        return False
    users: dict[str, User] = {}
    for name, email in USERS.items():
        new = NewUser.model_validate({"username": name, "email": email, "password": PASSWORD})
        hashed = await hash_password(new.password, settings.password_cost)
        users[name] = await Users(db).add(new, User.password_hash.set(hashed))
    for author, title, description, tags in ARTICLES:
        body = f"{description}. " * 3
        new_article = NewArticle.model_validate(
            {"title": title, "description": description, "body": body, "tagList": tags}
        )
        await publish(db, users[author].id, new_article)
    async with db.session() as session:
        articles = Articles(session)
        article = await articles.by_slug("the-first-bug")
        await articles.link(article, Article.fans, users["ada"])
        await Users(session).link(users["ada"], User.follows, users["grace"])
        await Comments(session).add(
            Comment(
                body="Taped into the log book.",
                article_id=article.id,
                author_id=users["ada"].id,
            )
        )
    return True
