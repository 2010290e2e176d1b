"""What goes over the wire. A response is a query as well: its fields say what is read.

`favorited` and `following` depend on who asks, so each query says what they are; see
`repositories.py`.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_serializer
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from andamios_orm import Col, From, field
from examples.integration.conduit.models import Article, Comment, Email, TagName, User


class Wire(BaseModel):
    """Names as JavaScript writes them; fields as Python does."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


# ---- what is answered --------------------------------------------------------------------------


class LoggedIn(Wire):
    email: str
    token: str
    username: str
    bio: str
    image: str


class Profile(Wire):
    username: str
    bio: str
    image: str
    following: bool


class Word(Wire):
    """A tag, which is only its name to a client."""

    name: str

    @model_serializer
    def plain(self) -> str:
        return self.name


class ArticleSummary(Wire):
    slug: str
    title: str
    description: str
    tag_list: Annotated[list[Word], From(Article.tags)]
    created_at: datetime
    updated_at: datetime
    favorited: bool
    favorites_count: Annotated[int, From(Article.favorites.count())]
    author: Profile


class WholeArticle(ArticleSummary):
    body: str


class ArticleComment(Wire):
    id: int
    created_at: datetime
    updated_at: datetime
    body: str
    author: Profile


class UserAnswer(Wire):
    user: LoggedIn


class ProfileAnswer(Wire):
    profile: Profile


class ArticleAnswer(Wire):
    article: WholeArticle


class ArticlesAnswer(Wire):
    articles: list[ArticleSummary]
    articles_count: int


class CommentAnswer(Wire):
    comment: ArticleComment


class CommentsAnswer(Wire):
    comments: list[ArticleComment]


class TagsAnswer(Wire):
    tags: list[str]


# ---- what is asked -----------------------------------------------------------------------------

# The specification lets clients send more than is looked at; what is not looked at changes nothing.
ASKED = ConfigDict(extra="ignore")

Password = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class Login(BaseModel):
    email: Email
    password: Password


class NewUser(User, variant="create"):
    model_config = ASKED

    password: Col[Password]


class UserChanges(User, variant="patch"):
    model_config = ASKED

    password: Col[Password | SkipJsonSchema[None]] = field(default=None)


class NewArticle(Article, variant="create"):
    model_config = ASKED

    tag_list: Col[list[TagName]] = field(default_factory=list, alias="tagList", max_length=20)


class ArticleChanges(Article, variant="patch"):
    model_config = ASKED


class NewComment(Comment, variant="create"):
    model_config = ASKED


class LoginRequest(BaseModel):
    user: Login


class NewUserRequest(BaseModel):
    user: NewUser


class UserChangesRequest(BaseModel):
    user: UserChanges


class NewArticleRequest(BaseModel):
    article: NewArticle


class ArticleChangesRequest(BaseModel):
    article: ArticleChanges


class NewCommentRequest(BaseModel):
    comment: NewComment
