"""How relations are inferred from foreign keys, and what is said when they cannot be."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, Related, RelatedList, field, generated, relation
from andamios_orm.errors import RelationProblem, ReservedName, UsageError
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import RelationSpec

METADATA = sa.MetaData()


class Author(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    books: RelatedList[Book] = relation(fk="author_id")
    edited: RelatedList[Book] = relation(fk="Book.editor_id")
    profile: Related[Profile | None] = relation()
    several: RelatedList[Book] = relation()
    unknown_key: RelatedList[Book] = relation(fk="publisher_id")
    no_key: RelatedList[Shop] = relation()
    not_unique: Related[Book | None] = relation(fk="author_id")
    must_be: Related[Profile] = relation()
    missing_class: RelatedList[Nobody] = relation()  # type: ignore[name-defined] # noqa: F821 - that is the point
    maybe_list: RelatedList[Book | None] = relation(fk="author_id")  # type: ignore[misc, type-var, unused-ignore] # refused
    no_table: Related[Plain | None] = relation()
    wrong_key: RelatedList[Book] = relation(fk=cast("Any", 3))
    plain_annotation: Author | None = relation()
    one_through: Related[Shop | None] = relation(through="Stock")


class Plain(Model):
    name: str


class Profile(Model, table=True, metadata=METADATA):
    author_id: Col[int] = field(primary_key=True, foreign_key=Author.id)
    author: Related[Author] = relation()
    maybe: Related[Author | None] = relation()


class Book(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    author_id: Col[int] = field(foreign_key=Author.id)
    editor_id: Col[int | None] = field(default=None, foreign_key=Author.id)
    author: Related[Author] = relation(fk="author_id")
    editor: Related[Author | None] = relation(fk=("editor_id",))
    must_edit: Related[Author] = relation(fk="editor_id")
    shops: RelatedList[Shop] = relation(through="Stock")
    by_class: RelatedList[Shop] = relation(through=cast("Any", Plain))


class Shop(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()


class Stock(Model, table=True, metadata=METADATA):
    book_id: Col[int] = field(primary_key=True, foreign_key=Book.id)
    shop_id: Col[int] = field(primary_key=True, foreign_key=Shop.id)


def names(spec: RelationSpec) -> list[tuple[str, str]]:
    return [(own.name, other.name) for own, other in spec.pairs]


def test_a_list_follows_the_key_of_the_other_table() -> None:
    spec = relation_of(Author, "books")

    assert (spec.where, spec.target, spec.many, spec.nullable, spec.forward) == (
        "Author.books",
        Book,
        True,
        True,
        False,
    )
    assert names(spec) == [("id", "author_id")]
    assert names(relation_of(Author, "edited")) == [("id", "editor_id")]
    assert relation_of(Author, "books") is spec


def test_a_row_follows_the_own_key_or_the_unique_one_of_the_other_table() -> None:
    author, editor = relation_of(Book, "author"), relation_of(Book, "editor")
    profile = relation_of(Author, "profile")

    assert (author.nullable, author.forward, names(author)) == (False, True, [("author_id", "id")])
    assert (editor.nullable, editor.forward) == (True, True)
    assert (profile.nullable, profile.forward) == (True, False)
    assert names(profile) == [("id", "author_id")]
    assert relation_of(Profile, "author").nullable is False
    assert relation_of(Profile, "maybe").nullable is True


def test_many_to_many_goes_through_the_link() -> None:
    spec = relation_of(Book, "shops")

    assert (spec.link, names(spec)) == (Stock, [("id", "book_id")])
    assert [(own.name, other.name) for own, other in spec.onward] == [("shop_id", "id")]


def test_the_relations_of_a_class_are_those_of_its_bases_too() -> None:
    class Owned(Model):
        owner_id: Col[int] = field(foreign_key=Author.id)
        owner: Related[Author] = relation()
        other: Related[Author] = relation()

    class Thing(Owned, table=True, metadata=METADATA):
        id: Col[int] = generated()
        other: Col[int] = field(default=0)  # type: ignore[assignment] # a field in its place

    class Local(Model, table=True, metadata=METADATA):
        id: Col[int] = generated()
        thing_id: Col[int] = field(foreign_key=Thing.id)
        thing: Related[Thing] = relation()

    assert relation_names(Thing) == ("owner",)
    assert relation_of(Thing, "owner").target is Author
    assert relation_of(Local, "thing").target is Thing
    assert "owner" in dir(Thing)
    assert "owner" not in dir(Owned)
    with pytest.raises(AttributeError, match="a class without a table of its own"):
        _ = Owned.owner


@pytest.mark.parametrize(
    ("model", "name", "message"),
    [
        (
            Author,
            "several",
            'Book has several foreign keys to Author\n.*"author_id" or "editor_id"',
        ),
        (Author, "unknown_key", 'has the fields publisher_id\n.*choose fk="author_id" or'),
        (Author, "no_key", "Shop has no foreign key to Author"),
        (Author, "not_unique", r"several Book may belong to one Author, as Book\.author_id is not"),
        (Author, "must_be", r"may have no Profile.*\n.*Related\[Profile \| None\]"),
        (Author, "missing_class", "names no declared class"),
        (Author, "maybe_list", "empty where there are none"),
        (Author, "no_table", "Plain is no table"),
        (Author, "wrong_key", "fk= is a int"),
        (Author, "plain_annotation", "annotated as something else"),
        (Author, "one_through", "through= on a relation to one row"),
        (Book, "must_edit", "may have no Author"),
        (Book, "by_class", "Plain is no table"),
    ],
)
def test_what_cannot_be_resolved_is_said(model: type[Model], name: str, message: str) -> None:
    with pytest.raises(RelationProblem, match=message):
        relation_of(model, name)


def test_the_keys_of_a_composite_one_are_named_together() -> None:
    own = sa.MetaData()

    class Room(Model, table=True, metadata=own):
        house: Col[int] = field(primary_key=True)
        number: Col[int] = field(primary_key=True)

    class Bed(Model, table=True, metadata=own):
        id: Col[int] = generated()
        house: Col[int]
        number: Col[int]
        other: Col[int]
        room: Related[Room] = relation()
        __table_args__: ClassVar[Any] = (
            sa.ForeignKeyConstraint(["house", "number"], ["room.house", "room.number"]),
            sa.ForeignKeyConstraint(["house", "other"], ["room.house", "room.number"]),
        )

    with pytest.raises(RelationProblem, match=r'\("house", "number"\) or \("house", "other"\)'):
        relation_of(Bed, "room")


def test_two_classes_of_one_name_are_not_guessed() -> None:
    def declared(metadata: sa.MetaData, table: str) -> type[Model]:
        class Twin(Model, table=table, metadata=metadata):
            id: Col[int] = generated()

        return Twin

    own = sa.MetaData()
    one = declared(own, "one")

    class Other(Model, table=True, metadata=own):
        id: Col[int] = generated()
        twin_id: Col[int] = field(foreign_key=cast("Any", one).id)
        twin: Related["Twin"] = relation()  # type: ignore[name-defined] # noqa: F821, UP037 - found by its name

    assert relation_of(Other, "twin").target is one


def test_an_annotation_without_relation_is_refused() -> None:
    with pytest.raises(RelationProblem, match=r"write `shop: \.\.\. = relation\(\)`"):

        class Forgotten(Model, table=True, metadata=METADATA):
            id: Col[int] = generated()
            shop: Related[Shop | None]

    annotations: dict[str, object] = {"shops": cast("Any", RelatedList)[Shop]}
    with pytest.raises(RelationProblem, match=r"Made\.shops is annotated as a relation"):
        cast("Any", type(Model))(
            "Made", (Model,), {"__annotations__": annotations, "__module__": __name__}
        )


def test_a_relation_cannot_have_the_name_of_something_of_the_class() -> None:
    with pytest.raises(ReservedName):

        class Reserved(Model, table=True, metadata=METADATA):
            id: Col[int] = generated()
            copy: Related[Shop | None] = relation()  # type: ignore[assignment] # refused


def test_an_init_of_the_users_own_is_left_as_it_is() -> None:
    class Own(Model, table=True, metadata=METADATA):
        id: Col[int] = generated()
        shop_id: Col[int | None] = field(default=None, foreign_key=Shop.id)
        shop: Related[Shop | None] = relation()

        def __init__(self, **data: Any) -> None:
            super().__init__(**{"shop_id": 3, **data})

    assert Own().shop_id == 3


@pytest.mark.parametrize("order", ["nope", "-nope", "author"])
def test_an_order_by_what_is_no_field_is_refused(order: str) -> None:
    own = sa.MetaData()

    class Writer(Model, table=True, metadata=own):
        id: Col[int] = generated()
        texts: RelatedList[Text] = relation(order_by=order)

    class Text(Model, table=True, metadata=own):
        id: Col[int] = generated()
        writer_id: Col[int] = field(foreign_key=Writer.id)
        author: Related[Writer] = relation()

    with pytest.raises(UsageError, match=f'order_by="{order}" is no field of Text'):
        _ = cast("Any", Writer.texts).plain_load
