"""Rows whose changes are counted and dated, and rows that are kept when they are deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, model_validator
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm import (
    Col,
    Database,
    Model,
    Repository,
    SoftDelete,
    Timestamps,
    Versioned,
    field,
    generated,
)
from andamios_orm.errors import (
    DeclarationError,
    ForeignKeyViolation,
    NotFound,
    NotLoaded,
    StaleVersion,
    UniqueViolation,
    UsageError,
    WrongType,
)
from andamios_orm.observe import subscribe
from tests.engines import driver_url, only_on

METADATA = sa.MetaData()


class Page(Versioned, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    text: Col[str] = field(default="")


class Slot(Model, table=True, metadata=METADATA):
    """A key of two parts, and a version under another name."""

    row: Col[int] = field(primary_key=True)
    place: Col[int] = field(primary_key=True)
    changes: Col[int] = generated(role="version", column="n")


class Owned(Versioned, table=True, metadata=METADATA):
    """A row with two keys, which others refer to."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    email: Col[str] = field(unique=True, max_length=20)
    size: Col[int] = field(default=0)


class Referring(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    owned_id: Col[int] = field(foreign_key=Owned.id)


class Span(Versioned, table=True, metadata=METADATA):
    """A row that is judged as a whole."""

    name: Col[str] = field(primary_key=True, max_length=20)
    low: Col[int] = field(default=0)
    high: Col[int] = field(default=10)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low above high")
        return self


class Visit(Timestamps, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    place: Col[str] = field(default="")


class Stamp(Timestamps, table=True, metadata=METADATA):
    """Nothing but a key and the times."""

    id: Col[int] = generated()


class Letter(SoftDelete, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    text: Col[str] = field(default="")


class Reply(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    letter_id: Col[int] = field(foreign_key=Letter.id)


class All(Versioned, Timestamps, SoftDelete, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    text: Col[str] = field(default="")


class Plain(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str] = field(default="")


class TextChange(BaseModel):
    text: str | None = None


class VersionChange(BaseModel):
    text: str = ""
    version: int = 0


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def pages(db: Database) -> Repository[Page]:
    return Repository(Page, db)


@pytest.fixture
def letters(db: Database) -> Repository[Letter]:
    return Repository(Letter, db)


# ---- versions ----------------------------------------------------------------------------------


async def test_a_version_begins_at_one_and_counts_every_change(pages: Repository[Page]) -> None:
    unsaved = Page(name="a")
    with pytest.raises(NotLoaded):
        print(unsaved.version)

    page = await pages.add(unsaved)
    versions = [page.version]
    page = await pages.update(page)
    versions.append(page.version)
    page = await pages.patch(page.id, Page.text.set("b"))
    versions.append(page.version)
    assert await pages.where(Page.name == "a").update(Page.text.set("c")) == 1
    versions.append((await pages.get(page.id)).version)
    page = await pages.upsert(Page(name="a", text="d"), on=[Page.name])
    versions.append(page.version)
    [page] = await pages.upsert_all([Page(name="a", text="e")], on=[Page.name])
    versions.append(page.version)

    assert versions == [1, 2, 3, 4, 5, 6]
    assert page == await pages.get(page.id)


async def test_many_are_stored_with_the_first_version(pages: Repository[Page]) -> None:
    stored = await pages.add_all([Page(name=name) for name in "abc"])
    more = await pages.upsert_all([Page(name=name) for name in "de"], on=[Page.name])

    assert [page.version for page in (*stored, *more)] == [1] * 5


async def test_an_upsert_that_changes_nothing_counts_nothing(db: Database) -> None:
    for model in (Page, Owned):
        rows: Repository[Any] = Repository(model, db)
        made = await rows.upsert(
            model.model_validate({"name": "a", "email": "a@x"}), on=[model.name], update=[]
        )
        same = await rows.upsert(
            model.model_validate({"name": "a", "email": "b@x"}), on=[model.name], update=[]
        )
        assert made.version == same.version == 1


async def test_an_update_of_what_was_changed_since_is_refused(pages: Repository[Page]) -> None:
    mine = await pages.add(Page(name="a", text="first"))
    yours = await pages.patch(mine.id, Page.text.set("yours"))

    mine.text = "mine"
    with pytest.raises(StaleVersion) as caught:
        await pages.update(mine)

    assert (caught.value.model, caught.value.key, caught.value.transient) == (
        Page,
        (mine.id,),
        False,
    )
    assert "mine" not in str(caught.value)
    assert await pages.get(mine.id) == yours


async def test_a_delete_of_what_was_changed_since_is_refused(pages: Repository[Page]) -> None:
    mine = await pages.add(Page(name="a"))
    yours = await pages.patch(mine.id, Page.text.set("yours"))

    for remove in (pages.delete, pages.purge):
        with pytest.raises(StaleVersion):
            await remove(mine)
    assert await pages.all() == [yours]

    await pages.delete(yours)
    other = await pages.add(Page(name="b"))
    await pages.patch(other.id, Page.text.set("b"))
    await pages.delete(other.id)  # by its key it goes whatever its version
    assert await pages.count() == 0


async def test_what_is_gone_is_not_found_and_not_stale(pages: Repository[Page]) -> None:
    page = await pages.add(Page(name="a"))
    await pages.delete(page)

    with pytest.raises(NotFound):
        await pages.update(page)
    with pytest.raises(NotFound):
        await pages.delete(page)
    with pytest.raises(NotFound):
        await pages.patch(page.id, Page.text.set("b"), if_version=1)


async def test_a_patch_may_say_which_version_it_means(pages: Repository[Page]) -> None:
    page = await pages.add(Page(name="a"))

    second = await pages.patch(page.id, TextChange(text="b"), if_version=1)

    assert (second.version, second.text) == (2, "b")
    for changes in (
        (TextChange(text="c"),),
        (Page.name.set(Page.name + "x"),),
        (),
        (TextChange(),),
    ):
        with pytest.raises(StaleVersion):
            await pages.patch(page.id, *changes, if_version=1)
    assert await pages.patch(page.id, if_version=2) == second


async def test_a_version_is_not_assigned(pages: Repository[Page]) -> None:
    page = await pages.add(Page(name="a"))

    for change in (
        Page.version.set(9),
        VersionChange(version=9),
        VersionChange(version=1, text="b"),
    ):
        with pytest.raises(UsageError, match=r"Page\.version is set by the library") as caught:
            await pages.patch(page.id, change)
        assert "if_version" in caught.value.fix
    with pytest.raises(UsageError):
        await pages.where(Page.name == "a").update(Page.version.set(9))
    with pytest.raises(UsageError):
        await pages.upsert(page, on=[Page.name], update=[Page.version])
    assert await pages.get(page.id) == page


async def test_a_version_is_asked_only_where_there_is_one(db: Database) -> None:
    plain = Repository(Plain, db)
    row = await plain.add(Plain())

    with pytest.raises(UsageError, match="Plain counts no versions"):
        await plain.patch(row.id, Plain.text.set("b"), if_version=1)


async def test_an_instance_without_a_version_is_no_stored_row(pages: Repository[Page]) -> None:
    page = await pages.add(Page(name="a"))
    made = Page.model_validate({"id": page.id, "name": "b"})

    for write in (pages.update, pages.delete):
        with pytest.raises(NotLoaded):
            await write(made)


async def test_a_key_of_two_parts_and_a_version_of_another_name(db: Database) -> None:
    slots = Repository(Slot, db)
    first = await slots.add(Slot(row=1, place=2))

    second = await slots.update(first)

    assert (first.changes, second.changes) == (1, 2)
    with pytest.raises(StaleVersion) as caught:
        await slots.update(first)
    assert caught.value.key == (1, 2)
    with pytest.raises(StaleVersion):
        await slots.delete(first)
    await slots.delete((1, 2))


async def test_rows_that_others_refer_to_are_counted_too(db: Database) -> None:
    owned = Repository(Owned, db)
    row = await owned.add(Owned(name="a", email="a@x"))
    await Repository(Referring, db).add(Referring(owned_id=row.id))

    second = await owned.update(row)
    third = await owned.patch(row.id, Owned.size.set(3), Owned.name.set("a"))
    fourth = await owned.upsert(Owned(name="a", email="a@x", size=4), on=[Owned.name])

    assert [second.version, third.version, fourth.version] == [2, 3, 4]
    with pytest.raises(StaleVersion):
        await owned.update(second)
    with pytest.raises(ForeignKeyViolation):
        await owned.delete(fourth)


async def test_a_row_beside_other_keys_is_upserted_with_its_first_version(db: Database) -> None:
    owned = Repository(Owned, db)

    first = await owned.upsert(Owned(name="a", email="a@x"), on=[Owned.name])
    other = await owned.upsert(Owned(name="b", email="b@x"), on=[Owned.name])
    second = await owned.upsert(
        Owned(name="a", email="b@x", size=2), on=[Owned.name], update=[Owned.size]
    )

    assert (first.version, other.version, second.version) == (1, 1, 2)
    assert await owned.get(other.id) == other


async def test_what_its_model_refuses_keeps_its_version(db: Database) -> None:
    spans = Repository(Span, db)
    span = await spans.add(Span(name="a", low=3, high=5))

    with pytest.raises(ValueError, match="Span"):
        await spans.patch("a", Span.low.set(6))
    with pytest.raises(StaleVersion):
        await spans.patch("a", Span.low.set(4), if_version=2)

    assert await spans.get("a") == span
    assert (await spans.patch("a", Span.low.set(4), if_version=1)).version == 2


async def test_of_many_that_write_at_once_one_wins_and_nothing_is_lost(
    pages: Repository[Page],
) -> None:
    page = await pages.add(Page(name="a", text=""))

    async def append(letter: str) -> None:
        while True:
            mine = await pages.get(page.id)
            try:
                await pages.update(mine.model_copy(update={"text": mine.text + letter}))
            except StaleVersion:
                continue
            return

    await asyncio.gather(*map(append, "abcdefgh"))

    stored = await pages.get(page.id)
    assert sorted(stored.text) == list("abcdefgh")
    assert stored.version == 9


async def test_versions_count_through_sqlalchemys_connections(
    pages: Repository[Page], db: Database, database_url: str
) -> None:
    page = await pages.add(Page(name="a"))
    await db.dispose()
    engine = create_async_engine(driver_url(database_url))
    async with engine.begin() as connection:
        joined = Repository(Page, connection)
        second = await joined.update(page)
        with pytest.raises(StaleVersion):
            await joined.update(page)
    await engine.dispose()

    assert second.version == 2


# ---- times -------------------------------------------------------------------------------------


async def test_times_are_made_by_the_database_and_aware(db: Database) -> None:
    visits = Repository(Visit, db)
    before = datetime.now(UTC) - timedelta(seconds=5)

    visit = await visits.add(Visit(name="a"))

    assert visit.created_at == visit.updated_at
    assert visit.created_at.utcoffset() == timedelta(0)
    assert before < visit.created_at < datetime.now(UTC) + timedelta(seconds=5)


async def test_every_change_sets_the_time_of_the_last_one(db: Database) -> None:
    visits = Repository(Visit, db)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    given = Visit.model_validate(
        {"name": "a", "created_at": long_ago, "updated_at": long_ago, "id": 7}
    )
    changes: list[Callable[[Visit], Any]] = [
        visits.update,
        lambda v: visits.patch(v.id, Visit.place.set("b")),
        lambda v: visits.where(Visit.id == v.id).update(Visit.place.set("c")),
        lambda v: visits.upsert(Visit(name="a", place="d"), on=[Visit.name]),
        lambda v: visits.upsert_all([Visit(name="a", place="e")], on=[Visit.name]),
    ]
    for change in changes:
        visit = await visits.add(given)
        assert visit.updated_at == long_ago

        await change(visit)

        changed = await visits.get(visit.id)
        assert changed.created_at == long_ago
        assert changed.updated_at > long_ago
        await visits.delete(visit.id)


async def test_a_row_of_nothing_else_is_touched(db: Database) -> None:
    stamps = Repository(Stamp, db)
    stamp = await stamps.add(Stamp())

    touched = await stamps.update(stamp)

    assert touched.created_at == stamp.created_at
    assert touched.updated_at >= stamp.updated_at


async def test_times_are_not_assigned(db: Database) -> None:
    visits = Repository(Visit, db)
    visit = await visits.add(Visit(name="a"))

    for attr in (Visit.created_at, Visit.updated_at):
        with pytest.raises(UsageError, match="is set by the library"):
            await visits.patch(visit.id, attr.set(datetime(2020, 1, 1, tzinfo=UTC)))


# ---- kept when deleted -------------------------------------------------------------------------


async def test_a_deleted_row_is_there_for_nobody(letters: Repository[Letter]) -> None:
    letter, other = await letters.add_all([Letter(name="a"), Letter(name="b")])
    assert letter.deleted_at is None

    await letters.delete(letter)

    assert await letters.find(letter.id) is None
    assert await letters.all() == await letters.order_by(Letter.id).limit(5).all() == [other]
    assert await letters.count() == await letters.where(Letter.id > 0).count() == 1
    assert not await letters.where(Letter.name == "a").exists()
    assert await letters.where(Letter.name == "a").first() is None
    assert (await letters.order_by(Letter.id).numbered_page(1)).total == 1
    assert (await letters.order_by(Letter.id).page()).items == [other]
    assert await letters.order_by(Letter.name).select(Letter.name) == ["b"]
    assert (await letters.where(Letter.id > 0).arrow()).num_rows == 1
    assert await letters.where(Letter.id > 0).update(Letter.text.set("x")) == 1
    assert await letters.where(Letter.id > 0).delete() == 1
    for call in (
        letters.get(letter.id),
        letters.patch(letter.id, Letter.text.set("x")),
        letters.patch(letter.id),
        letters.update(letter),
        letters.delete(letter),
        letters.delete(letter.id),
    ):
        with pytest.raises(NotFound):
            await call


async def test_deleted_rows_are_there_for_who_asks(letters: Repository[Letter]) -> None:
    letter = await letters.add(Letter(name="a"))
    await letters.delete(letter.id)
    everything = letters.with_deleted()

    found = await everything.get(letter.id)

    assert found.deleted_at is not None
    assert found.deleted_at.utcoffset() == timedelta(0)
    assert await everything.all() == [found]
    assert await letters.where(Letter.name == "a").with_deleted().all() == [found]
    assert await letters.with_deleted().where(Letter.name == "a").count() == 1
    assert await letters.limit(3).with_deleted().with_deleted().one() == found
    assert (await everything.patch(letter.id, Letter.text.set("x"))).text == "x"
    assert await letters.count() == 0


@pytest.mark.parametrize("referred_to", [False, True])
async def test_with_deleted_a_marked_row_is_upserted(db: Database, referred_to: bool) -> None:
    letters = Repository(Letter, db)
    marked = await letters.add(Letter(name="a"))
    if referred_to:
        await Repository(Reply, db).add(Reply(letter_id=marked.id))
    await letters.delete(marked)
    everything = letters.with_deleted()

    one = await everything.upsert(Letter(name="a", text="b"), on=[Letter.name])
    [other] = await everything.upsert_all([Letter(name="a", text="c")], on=[Letter.name])
    same = await everything.upsert(Letter(name="a", text="d"), on=[Letter.name], update=[])
    with pytest.raises(UniqueViolation):
        await letters.upsert(Letter(name="a", text="e"), on=[Letter.name])

    assert (one.id, one.text) == (marked.id, "b")
    assert (other.id, other.text) == (marked.id, "c")
    assert same == other == await everything.get(marked.id)
    assert same.deleted_at is not None


async def test_a_deleted_row_keeps_its_mark(letters: Repository[Letter]) -> None:
    letter = await letters.add(Letter(name="a"))
    await letters.delete(letter)
    everything = letters.with_deleted()
    marked = await everything.get(letter.id)

    with pytest.raises(NotFound):
        await everything.delete(letter.id)
    assert await everything.where(Letter.id > 0).delete() == 0
    assert (await everything.update(marked)).deleted_at == marked.deleted_at

    with pytest.raises(UsageError, match=r"Letter\.deleted_at is set by the library") as caught:
        await everything.patch(letter.id, Letter.deleted_at.set(None))
    assert "restore()" in caught.value.fix


async def test_a_deleted_row_is_restored(letters: Repository[Letter]) -> None:
    letter = await letters.add(Letter(name="a"))
    await letters.delete(letter)

    assert await letters.restore(letter.id) == letter == await letters.get(letter.id)
    for key in (letter.id, letter.id + 1):
        with pytest.raises(NotFound):
            await letters.restore(key)


async def test_a_restore_that_finds_no_row_leaves_the_session_as_it_is(db: Database) -> None:
    async with db.session() as session:
        letters = Repository(Letter, session)
        letter = await letters.add(Letter(name="a"))
        with pytest.raises(NotFound):
            await letters.restore(letter.id)

    assert await Repository(Letter, db).all() == [letter]


async def test_a_purged_row_is_gone(letters: Repository[Letter]) -> None:
    first, second, third, fourth = await letters.add_all([Letter(name=name) for name in "abcd"])
    await letters.delete(first)
    await letters.delete(third)

    await letters.purge(first)
    await letters.purge(second.id)

    everything = letters.with_deleted()
    assert [row.id for row in await everything.order_by(Letter.id).all()] == [third.id, fourth.id]
    for key in (first, second.id):
        with pytest.raises(NotFound):
            await letters.purge(key)
    assert await everything.where(Letter.deleted_at != None).purge() == 1  # noqa: E711 - SQL
    assert await letters.where(Letter.id > 0).purge() == 1
    assert await everything.count() == 0


async def test_a_row_that_others_refer_to_can_be_marked_and_not_purged(db: Database) -> None:
    letters, replies = Repository(Letter, db), Repository(Reply, db)
    letter = await letters.add(Letter(name="a"))
    await replies.add(Reply(letter_id=letter.id))

    await letters.delete(letter)
    with pytest.raises(ForeignKeyViolation):
        await letters.purge(letter.id)

    assert await letters.restore(letter.id) == letter


async def test_deleting_many_still_asks_for_a_condition(letters: Repository[Letter]) -> None:
    for verb in ("delete", "purge"):
        with pytest.raises(UsageError, match="without where"):
            await getattr(letters.limit(1)._with(letters._statements.rows), verb)()
    with pytest.raises(UsageError, match="without where"):
        await letters._query().with_deleted().purge()


async def test_a_key_of_a_deleted_row_is_taken(letters: Repository[Letter]) -> None:
    letter = await letters.add(Letter(name="a", text="kept"))
    await letters.delete(letter)
    given = Letter(name="a", text="new")

    for call in (
        letters.add(given),
        letters.upsert(given, on=[Letter.name]),
        letters.upsert(given, on=[Letter.name], update=[]),
        letters.upsert_all([Letter(name="b"), given], on=[Letter.name]),
        letters.upsert_all([given], on=[Letter.name], update=[]),
    ):
        with pytest.raises(UniqueViolation):
            await call

    [kept] = await letters.with_deleted().all()
    assert (kept.id, kept.text) == (letter.id, "kept")


async def test_an_upsert_changes_a_row_that_is_not_deleted(letters: Repository[Letter]) -> None:
    letter = await letters.upsert(Letter(name="a"), on=[Letter.name])
    again = await letters.upsert(Letter(name="a", text="b"), on=[Letter.name])
    [many] = await letters.upsert_all([Letter(name="a", text="c")], on=[Letter.name])

    assert (again, many) == (
        letter.model_copy(update={"text": "b"}),
        letter.model_copy(update={"text": "c"}),
    )


class Card(SoftDelete, table=True, metadata=sa.MetaData()):
    """Unique among the rows that are not deleted."""

    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    text: Col[str] = field(default="")
    __table_args__ = (
        sa.Index(
            "card_once",
            "name",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
    )


@only_on("sqlite", "postgresql")
async def test_a_partial_index_lets_a_name_be_used_again(database_url: str) -> None:
    async with Database(database_url, metadata=Card.metadata) as db:
        await db.create_all()
        cards = Repository(Card, db)
        first = await cards.add(Card(name="a"))
        await cards.delete(first)

        second = await cards.upsert(Card(name="a"), on=[Card.name])
        third = await cards.upsert(Card(name="a", text="b"), on=[Card.name])

        assert first.id != second.id == third.id
        with pytest.raises(UniqueViolation):
            await cards.restore(first.id)


async def test_a_row_that_is_given_as_deleted_is_stored_as_such(
    letters: Repository[Letter],
) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    given = [
        Letter.model_validate({"id": n, "name": f"{n}", "deleted_at": then}) for n in (71, 72, 73)
    ]

    stored = [await letters.add(given[0]), *await letters.add_all(given[1:])]

    assert stored == given
    assert await letters.count() == 0


async def test_only_models_that_keep_deleted_rows_show_them(db: Database) -> None:
    plain = Repository(Plain, db)
    row = await plain.add(Plain())

    for call in (plain.with_deleted, plain.limit(1).with_deleted):
        with pytest.raises(UsageError, match="SoftDelete"):
            call()
    with pytest.raises(UsageError, match="SoftDelete"):
        await plain.restore(row.id)
    await plain.purge(row)
    assert await plain.count() == 0


# ---- together ----------------------------------------------------------------------------------


async def test_deleting_and_restoring_are_changes_too(db: Database) -> None:
    rows = Repository(All, db)
    row = await rows.add(All(name="a"))
    stale = row
    row = await rows.patch(row.id, All.text.set("b"))
    with pytest.raises(StaleVersion):
        await rows.delete(stale)
    with pytest.raises(WrongType):
        await rows.delete("x")

    await rows.delete(row)
    marked = await rows.with_deleted().get(row.id)
    restored = await rows.restore(row.id)

    assert (marked.version, restored.version) == (3, 4)
    assert row.updated_at <= marked.updated_at <= restored.updated_at
    assert marked.created_at == row.created_at
    assert await rows.where(All.name == "a").delete() == 1
    assert (await rows.with_deleted().get(row.id)).version == 5


async def test_a_change_is_one_statement_where_the_engine_gives_it_back(db: Database) -> None:
    rows = Repository(All, db)
    row = await rows.add(All(name="a"))
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        await rows.patch(row.id, All.text.set("b"))

    assert len(statements) == (1 if db.capabilities.update_returning else 4)


@pytest.mark.parametrize(
    ("annotation", "role"),
    [
        (Col[str], "version"),
        (Col[int | None], "version"),
        (Col[datetime | None], "updated_at"),
        (Col[datetime], "deleted_at"),
        (Col[int | None], "tenant"),
        (Col[list[int]], "tenant"),
    ],
)
def test_a_role_is_for_fields_of_its_type(annotation: Any, role: Any) -> None:
    with pytest.raises(DeclarationError, match=rf'\.made: role="{role}" on a field of another'):

        class Wrong(Model, table=True, metadata=sa.MetaData()):
            id: Col[int] = generated()
            made: annotation = generated(role=role)


def test_a_role_is_given_once() -> None:
    with pytest.raises(DeclarationError, match='`version` and `other` both have role="version"'):

        class Twice(Versioned, table=True, metadata=sa.MetaData()):
            id: Col[int] = generated()
            other: Col[int] = generated(role="version")
