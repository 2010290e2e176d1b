"""Names of tables, columns, indexes and constraints: all that fit work, all others are refused."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Database, Model, Related, Repository, field, generated, relation
from andamios_orm.errors import (
    CheckViolation,
    ConstraintViolation,
    ForeignKeyViolation,
    NotSupported,
    UniqueViolation,
)
from andamios_orm.migration import Migrator
from andamios_orm.observe import subscribe
from tests.engines import not_on, only_on
from tests.migration.revising import write_revision


async def refused(call: Awaitable[object]) -> tuple[type[ConstraintViolation], tuple[str, ...]]:
    """What kind of violation a call raises, and the fields that it names."""
    with pytest.raises(ConstraintViolation) as caught:
        await call
    return type(caught.value), caught.value.fields


async def refused_before_any_statement(call: Awaitable[object], said: str) -> None:
    """The call raises NotSupported that says so, and nothing was sent to the database."""
    sent: list[str] = []
    with subscribe(lambda event: sent.append(event.sql)), pytest.raises(NotSupported, match=said):
        await call
    assert sent == []


def parent_and_child(
    table: str, column: Callable[[str], str]
) -> tuple[sa.MetaData, type[Model], type[Model]]:
    """Two tables, one referring to the other, whose names begin as given."""
    metadata = sa.MetaData()

    class Parent(Model, table=f"{table}p", metadata=metadata):
        id: Col[int] = generated(column=column("i"))
        word: Col[str] = field(unique=True, max_length=20, column=column("w"))
        number: Col[int] = field(index=True, ge=0, le=9, multiple_of=2, column=column("n"))

    class Child(Model, table=f"{table}c", metadata=metadata):
        id: Col[int] = generated(column=column("i"))
        parent_id: Col[int] = field(foreign_key=Parent.id, column=column("r"))
        parent: Related[Parent] = relation()
        again_id: Col[int | None] = field(default=None, foreign_key="Child.id", column=column("s"))
        again: Related["Child | None"] = relation(fk="again_id")

    return metadata, Parent, Child


async def works(db: Database, parent: Any, child: Any) -> None:
    """Rows go in and come out, conditions find them, violations name their fields."""
    parents, children = Repository(parent, db), Repository(child, db)
    first = await parents.add(parent.model_validate({"word": "x", "number": 2}))
    key = first.model_dump()["id"]
    top = await children.add(child.model_validate({"parent_id": key}))
    below = child.model_validate({"parent_id": key, "again_id": top.model_dump()["id"]})
    await children.add(below)

    where = child.parent.has(parent.word == "x") & child.again.has(
        child.parent.has(parent.number > 1)
    )
    assert await children.where(where).load(child.again, child.parent).count() == 1
    assert await refused(parents.add(parent.model_validate({"word": "x", "number": 2}))) == (
        UniqueViolation,
        ("word",),
    )
    assert await refused(children.add(child.model_validate({"parent_id": key + 99}))) == (
        ForeignKeyViolation,
        ("parent_id",),
    )
    if db.capabilities.referenced_updates:
        number = parent.number
        assert await refused(parents.where(number > 0).update(number.set(number - 9))) == (
            CheckViolation,
            ("number",),
        )


ODD = "a.b%s:p\"q`r's ?t\nu\\v(w)[x]{y};--z/*"


@not_on("mysql")  # a MySQL writes table.key, which a MariaDB does not
async def test_names_of_any_characters_work(database_url: str) -> None:
    metadata, parent, child = parent_and_child(ODD, lambda name: f"{ODD}{name}")

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await works(db, parent, child)
        assert not await Migrator(db, "migrations").compare()
        await db.drop_all()


@pytest.mark.parametrize(("table", "column"), [("ä" * 30, "ö" * 31), ("50%s", "%%%")])
@not_on("mysql")  # as above
async def test_names_of_many_bytes_and_percent_signs_go_through_a_migration(
    database_url: str, tmp_path: Path, table: str, column: str
) -> None:
    metadata, parent, child = parent_and_child(table, lambda name: f"{column}{name}")

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        await works(db, parent, child)
        assert not await Migrator(db, tmp_path).compare()
        await db.drop_all()
        migrator = Migrator(db, tmp_path)
        assert await migrator.new("first tables") is not None
        await migrator.up()
        assert not await migrator.compare()
        await works(db, parent, child)


# From https://sqlite.org/lang_keywords.html, and the names of a row's number.
SQLITE_WORDS = """
    abort action add after all alter always analyze and as asc attach autoincrement before begin
    between by cascade case cast check collate column commit conflict constraint create cross
    current current_date current_time current_timestamp database default deferrable deferred delete
    desc detach distinct do drop each else end escape except exclude exclusive exists explain fail
    filter first following for foreign from full generated glob group groups having if ignore
    immediate in index indexed initially inner insert instead intersect into is isnull join key last
    left like limit match materialized natural no not nothing notnull null nulls of offset on or
    order others outer over partition plan pragma preceding primary query raise range recursive
    references regexp reindex release rename replace restrict returning right rollback row rows
    savepoint select set table temp temporary then ties to transaction trigger unbounded union
    unique update using vacuum values view virtual when where window with without true false rowid
    oid _rowid_
"""
WORDS = {
    "duckdb": "SELECT keyword_name FROM duckdb_keywords()",
    "mariadb": "SELECT lower(word) FROM information_schema.keywords",
    "postgresql": "SELECT word FROM pg_get_keywords()",
}


@not_on("mysql")  # as MariaDB
async def test_every_word_of_an_engine_can_be_a_name(db: Database) -> None:
    words = set(SQLITE_WORDS.split())
    if db.engine_name in WORDS:
        rows = await db.execute(sa.text(WORDS[db.engine_name]))
        words |= {word for (word,) in rows if word.isidentifier()}
    table = sa.Table(
        "words", sa.MetaData(), *(sa.Column(word, sa.SmallInteger) for word in sorted(words))
    )

    await db.execute(sa.schema.CreateTable(table))
    await db.execute(sa.insert(table).values(dict.fromkeys(words, 1)))
    await db.execute(sa.update(table).values({w: table.c[w] + 1 for w in words}))
    [row] = await db.execute(sa.select(*(table.c[w] for w in words)).where(table.c.no > 1))

    assert len(words) > 100
    assert set(row) == {2}


# The words of an INSERT, an UPDATE and a DELETE, which a table's name could be taken for.
@pytest.mark.parametrize("word", ["value", "values", "portion", "row", "set", "only", "ignore"])
async def test_a_table_may_be_called_by_a_word(database_url: str, word: str) -> None:
    metadata = sa.MetaData()

    class Word(Model, table=word, metadata=metadata):
        id: Col[int] = generated()
        value: Col[int] = field(unique=True)

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        words = Repository(Word, db)
        one = await words.add(Word(value=1))
        await words.add_all([Word(value=2), Word(value=3)])
        assert (await words.upsert(Word(value=1), on=[Word.value])).id == one.id
        await words.patch(one.id, Word.value.set(Word.value + 5))
        await words.where(Word.value < 3).delete()
        assert sorted([row.value for row in await words.all()]) == [3, 6]
        assert not await Migrator(db, "migrations").compare()


async def test_words_that_sqlalchemy_does_not_quote_on_sqlite_are_names(sqlite_url: str) -> None:
    metadata = sa.MetaData()

    class Word(Model, table="returning", metadata=metadata):
        id: Col[int] = generated()
        nothing: Col[int] = field(ge=0, unique=True)

    async with Database(sqlite_url, metadata=metadata) as db:
        await db.create_all()
        assert (await Repository(Word, db).add(Word(nothing=1))).nothing == 1
        assert not await Migrator(db, "migrations").compare()


async def test_a_foreign_key_can_be_told_by_names_with_dots(database_url: str) -> None:
    metadata = sa.MetaData()

    class Town(Model, table="old.town", metadata=metadata):
        id: Col[int] = generated(column="the.id")

    class Street(Model, table="street", metadata=metadata):
        id: Col[int] = generated()
        town_id: Col[int] = field(foreign_key="old.town.the.id", column="the.town")

    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        town = await Repository(Town, db).add(Town())
        await Repository(Street, db).add(Street(town_id=town.id))
        assert await refused(Repository(Street, db).add(Street(town_id=town.id + 1))) == (
            ForeignKeyViolation,
            ("town_id",),
        )


@only_on("sqlite", "postgresql")
async def test_a_revision_cannot_say_a_foreign_key_to_a_name_with_a_dot(
    database_url: str, tmp_path: Path
) -> None:
    metadata, _, _ = parent_and_child("old", lambda name: f"the.{name}")

    async with Database(database_url, metadata=metadata) as db:
        with pytest.raises(NotSupported, match=r"`the\.i`.*alembic takes a dot"):
            await Migrator(db, tmp_path).new("first tables")


# -- names that are too long


def too_long(what: str, name: str) -> sa.MetaData:
    metadata = sa.MetaData()

    class Short(Model, table=name if what == "table" else "short", metadata=metadata):
        id: Col[int] = generated()
        age: Col[int] = field(column=name if what == "column" else "age")
        team: Col[int | None] = field(default=None)
        __table_args__ = {
            "index": (sa.Index(name, "team"),),
            "UNIQUE": (sa.UniqueConstraint("team", name=name),),
            "foreign key": (sa.ForeignKeyConstraint(["team"], ["short.id"], name=name),),
        }.get(what, ())

    return metadata


@only_on("postgresql", "mariadb")
@pytest.mark.parametrize("what", ["table", "column", "index", "UNIQUE", "foreign key"])
async def test_a_chosen_name_that_is_too_long_is_refused(
    database_url: str, what: str, tmp_path: Path
) -> None:
    postgresql = database_url.startswith("postgresql")
    fits, name = ("ä" * 31, "ä" * 32) if postgresql else ("ä" * 64, "ä" * 65)
    limit = "63 bytes at most" if postgresql else "64 characters at most"

    async with Database(database_url, metadata=too_long(what, name)) as db:
        said = f"{limit}, and the {what} `{name}`.* has 6[45]"
        migrator = Migrator(db, tmp_path)
        await refused_before_any_statement(db.create_all(), said)
        await refused_before_any_statement(migrator.verify(), said)
        for call in (migrator.new("tables"), migrator.compare()):
            with pytest.raises(NotSupported, match=said):
                await call
    async with Database(database_url, metadata=too_long(what, fits)) as db:
        await db.create_all()
        assert not await Migrator(db, tmp_path).compare()


@only_on("sqlite", "duckdb")
async def test_engines_without_a_limit_take_names_of_any_length(
    database_url: str, tmp_path: Path
) -> None:
    for what in ("table", "column", "index"):
        metadata = too_long(what, "n" * 300)
        async with Database(database_url, metadata=metadata) as db:
            await db.create_all()
            assert not await Migrator(db, tmp_path).compare()
            await db.drop_all()


@only_on("postgresql")
async def test_a_type_and_a_schema_are_named_within_the_limit_too(database_url: str) -> None:
    typed, placed = sa.MetaData(), sa.MetaData()
    labels = sa.Enum("a", "b", name="k" * 64)

    class Typed(Model, table="typed", metadata=typed):
        id: Col[int] = generated()
        kind: Col[str] = field(column_type=labels)

    class Placed(Model, table="placed", schema="s" * 64, metadata=placed):
        id: Col[int] = generated()

    async with Database(database_url, metadata=typed) as db:
        await refused_before_any_statement(db.create_all(), "the enum `kkk")
    async with Database(database_url, metadata=placed) as db:
        await refused_before_any_statement(db.create_all(), "the schema `sss")


LONG = "n" * 64
GIVEN = [
    (f'op.create_table("{LONG}", sa.Column("id", sa.Integer()))', "table"),
    (f'op.create_table("t", sa.Column("{LONG}", sa.Integer()))', "column"),
    (f'op.create_table("t", sa.UniqueConstraint(name="{LONG}"))', "constraint"),
    (f'op.rename_table("hero", "{LONG}")', "table"),
    (f'op.add_column("hero", sa.Column("{LONG}", sa.Integer()))', "column"),
    (f'op.alter_column("hero", "name", new_column_name="{LONG}")', "column"),
    (f'op.create_index("{LONG}", "hero", ["name"])', "index"),
    (f'op.rename_index("hero", "ix", "{LONG}")', "index"),
    (f'op.create_unique_constraint("{LONG}", "hero", ["name"])', "constraint"),
    (f'op.rename_constraint("hero", "uq", "{LONG}")', "constraint"),
    (f'op.create_enum("{LONG}", ["a"])', "enum"),
    (f'op.move_table("hero", schema=None, to="{LONG}")', "schema"),
    (f'op.rebuild_table("hero", sa.Column("id", sa.Integer()), sa.Index("{LONG}", "id"))', "index"),
]


@only_on("postgresql")
async def test_a_name_in_a_revision_that_is_too_long_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    for number, (upgrade, what) in enumerate(GIVEN):
        folder = tmp_path / str(number)
        path = write_revision(folder, "postgresql", "aaa1", upgrade)
        async with Database(database_url, metadata=sa.MetaData()) as db:
            for call in (Migrator(db, folder).up(), Migrator(db, folder).plan()):
                with pytest.raises(NotSupported, match=f"the {what} `{LONG}`") as caught:
                    await call
                assert path.name in caught.value.fix


@only_on("postgresql")
async def test_a_made_up_name_in_a_revision_is_shortened_with_its_table(
    database_url: str, tmp_path: Path
) -> None:
    name = f"uq_{'ö' * 40}"
    unique = f'sa.UniqueConstraint("id", name=op.f("{name}"))'
    upgrade = f'op.create_table("hero", sa.Column("id", sa.Integer()), {unique})'
    write_revision(tmp_path, "postgresql", "aaa1", upgrade)

    async with Database(database_url, metadata=sa.MetaData()) as db:
        await Migrator(db, tmp_path).up()
        query = sa.text("SELECT indexname FROM pg_indexes WHERE tablename = 'hero'")
        [(found,)] = await db.execute(query)

    assert found == f"uq_{'ö' * 25}_{found[-8:]}"
    assert len(found.encode()) == 62


# -- names that an engine cannot tell apart, or cannot have


def columns_alike(first: str, second: str) -> sa.MetaData:
    metadata = sa.MetaData()

    class Alike(Model, table="alike", metadata=metadata):
        id: Col[int] = generated()
        one: Col[int] = field(column=first)
        other: Col[int] = field(column=second)

    return metadata


def tables_alike(first: str, second: str) -> sa.MetaData:
    metadata = sa.MetaData()

    class One(Model, table=first, metadata=metadata):
        id: Col[int] = generated()

    class Other(Model, table=second, metadata=metadata):
        id: Col[int] = generated()

    return metadata


def indexes_alike(first: str, second: str, engine: str | None = None) -> sa.MetaData:
    metadata = sa.MetaData()

    def by_age(name: str) -> sa.Index:
        index = sa.Index(name, "age")
        return index if engine is None else index.ddl_if(dialect=engine)

    class One(Model, table="one", metadata=metadata):
        id: Col[int] = generated()
        age: Col[int]
        __table_args__ = (by_age(first),)

    class Other(Model, table="other", metadata=metadata):
        id: Col[int] = generated()
        age: Col[int]
        __table_args__ = (by_age(second),)

    return metadata


async def created(url: str, metadata: sa.MetaData) -> bool:
    """Whether the tables can be created, or are refused before anything is sent."""
    async with Database(url, metadata=metadata) as db:
        try:
            await db.create_all()
        except NotSupported:
            await refused_before_any_statement(db.create_all(), "have one name")
            return False
        await db.drop_all()
        return True


@not_on("mysql")  # as MariaDB
async def test_tables_that_differ_in_case_are_refused_where_they_are_one(
    database_url: str,
) -> None:
    case = await created(database_url, tables_alike("Name", "name"))
    accents = await created(database_url, tables_alike("Élan", "élan"))

    assert case is database_url.startswith(("postgresql", "mariadb"))
    assert accents


@not_on("mysql")  # as MariaDB
async def test_indexes_of_one_name_are_refused_where_tables_share_their_names(
    database_url: str,
) -> None:
    same = await created(database_url, indexes_alike("by_age", "by_age"))
    case = await created(database_url, indexes_alike("by_age", "BY_AGE"))

    assert same is database_url.startswith("mariadb")
    assert case is database_url.startswith(("postgresql", "mariadb"))


async def test_an_index_that_only_other_engines_have_meets_none(database_url: str) -> None:
    assert await created(database_url, indexes_alike("by_age", "by_age", engine="oracle"))


async def test_made_up_names_of_indexes_that_meet_are_refused(database_url: str) -> None:
    metadata = sa.MetaData()

    class One(Model, table="team", metadata=metadata):
        id: Col[int] = generated()
        hero_name: Col[int] = field(index=True)

    class Other(Model, table="team_hero", metadata=metadata):
        id: Col[int] = generated()
        name: Col[int] = field(index=True)

    assert await created(database_url, metadata) is database_url.startswith(("mariadb", "mysql"))


@only_on("mariadb")
@pytest.mark.parametrize(
    ("name", "said"), [("duck🦆", "beyond U\\+FFFF"), ("trail ", "space at its end")]
)
async def test_characters_that_mariadb_has_not_in_names_are_refused(
    database_url: str, name: str, said: str
) -> None:
    for metadata in (tables_alike(name, "other"), columns_alike(name, "other")):
        async with Database(database_url, metadata=metadata) as db:
            await refused_before_any_statement(db.create_all(), said)


@not_on("mariadb", "mysql")
async def test_other_engines_have_these_characters_in_names(database_url: str) -> None:
    for name in ("duck🦆", "trail "):
        assert await created(database_url, tables_alike(name, f"{name}s"))
        assert await created(database_url, columns_alike(name, f"{name}s"))


@pytest.mark.parametrize(("name", "said"), [("a\0b", "NUL"), ("a\ud800", "lone surrogate")])
async def test_characters_that_no_engine_has_in_names_are_refused(
    database_url: str, name: str, said: str
) -> None:
    async with Database(database_url, metadata=columns_alike(name, "other")) as db:
        await refused_before_any_statement(db.create_all(), said)
