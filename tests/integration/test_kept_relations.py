"""Related rows of tenants, and rows marked as deleted, are not there for relations either."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from andamios_orm import (
    Col,
    Create,
    Database,
    From,
    Model,
    Related,
    RelatedList,
    Repository,
    SoftDelete,
    Tenant,
    Timestamps,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import MissingTenant, ShapeProblem, UsageError

METADATA = sa.MetaData()


class Folder(Model, table=True, metadata=METADATA):
    """Everybody's, with rows of tenants in it."""

    id: Col[int] = generated()
    name: Col[str]
    notes: RelatedList["Note"] = relation()
    drafts: RelatedList["Draft"] = relation()


class Draft(SoftDelete, table=True, metadata=METADATA):
    id: Col[int] = generated()
    folder_id: Col[int] = field(foreign_key=Folder.id)


class Label(Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    notes: RelatedList["Note"] = relation(through="Labelled")


class Note(Tenant, SoftDelete, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str]
    folder_id: Col[int] = field(foreign_key=Folder.id)
    parent_id: Col[int | None] = field(default=None, foreign_key="Note.id")
    folder: Related[Folder] = relation()
    parent: Related["Note | None"] = relation()
    labels: RelatedList[Label] = relation(through="Labelled")


class Labelled(Tenant, table=True, metadata=METADATA):
    note_id: Col[int] = field(primary_key=True, foreign_key=Note.id)
    label_id: Col[int] = field(primary_key=True, foreign_key=Label.id)


class Everything(Versioned, Timestamps, SoftDelete, Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(default="")


class LabelName(BaseModel):
    name: str


class NoteText(BaseModel):
    text: str
    labels: list[LabelName]
    parent_text: Annotated[str | None, From(Note.parent.to.text)]


class FolderNotes(BaseModel):
    name: str
    notes: list[NoteText]
    number: Annotated[int, From(Folder.notes.count())]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """One folder, in which two tenants have notes; each refers to one of the other's."""
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        await Repository(Folder, database).add(Folder(name="all"))
        for tenant in ("acme", "other"):
            own = database.for_tenant(tenant)
            [folder] = await Repository(Folder, database).all()
            notes = Repository(Note, own)
            first = await notes.add(Note(text=f"{tenant} first", folder_id=folder.id))
            await notes.add(Note(text=f"{tenant} second", folder_id=folder.id, parent_id=first.id))
            gone = await notes.add(Note(text=f"{tenant} gone", folder_id=folder.id))
            label = await Repository(Label, own).add(Label(name=tenant))
            await Repository(Labelled, own).add_all(
                [Labelled(note_id=note.id, label_id=label.id) for note in (first, gone)]
            )
            await notes.delete(gone)
        yield database


async def crossed(db: Database) -> None:
    """Have a note of acme's refer to rows of the other tenant, past the repositories."""
    note, label, link = Note.__table__, Label.__table__, Labelled.__table__
    [[theirs, folder]] = await db.execute(
        sa.select(note.c.id, note.c.folder_id).where(note.c.text == "other first")
    )
    values = {"text": "acme third", "parent_id": theirs, "folder_id": folder, "tenant_id": "acme"}
    await db.execute(sa.insert(note).values(values))
    [[own]] = await db.execute(sa.select(note.c.id).where(note.c.text == "acme third"))
    [[their_label]] = await db.execute(sa.select(label.c.id).where(label.c.tenant_id == "other"))
    await db.execute(sa.insert(link).values(note_id=own, label_id=their_label, tenant_id="acme"))


async def test_related_rows_are_the_tenants_and_not_deleted(db: Database) -> None:
    for tenant in ("acme", "other"):
        folders = Repository(Folder, db.for_tenant(tenant))
        texts = [f"{tenant} first", f"{tenant} second"]
        another = "other" if tenant == "acme" else "acme"

        [folder] = await folders.load(Folder.notes.order_by(Note.text).then(Note.labels)).all()

        assert [note.text for note in folder.notes] == texts
        assert [[label.name for label in note.labels] for note in folder.notes] == [[tenant], []]
        assert await folders.where(Folder.notes.any(Note.text == f"{tenant} first")).exists()
        assert not await folders.where(Folder.notes.any(Note.text == f"{tenant} gone")).exists()
        assert not await folders.where(Folder.notes.any(Note.text == f"{another} first")).exists()
        assert await folders.where(Folder.notes.none(Note.text == f"{another} first")).exists()
        assert await folders.where(Folder.notes.count() == 2).exists()
        assert await folders.order_by(Folder.notes.count()).select(Folder.notes.count()) == [2]
        shaped = await folders.into(FolderNotes).one()
        assert shaped.number == 2
        assert sorted(note.text for note in shaped.notes) == texts


async def test_what_refers_to_a_row_of_another_tenant_refers_to_nothing(db: Database) -> None:
    await crossed(db)
    notes = Repository(Note, db.for_tenant("acme"))
    crossing = notes.where(Note.text == "acme third")

    [found] = await crossing.load(Note.parent, Note.labels).all()

    assert (found.parent, found.labels) == (None, [])
    assert not await crossing.where(Note.parent.has()).exists()
    assert not await crossing.where(Note.parent.to.text.startswith("other")).exists()
    assert not await crossing.where(Note.labels.any()).exists()
    assert await crossing.where(Note.labels.none(), Note.labels.count() == 0).exists()
    assert await crossing.order_by(Note.parent.to.text).select(Note.parent.to.text) == [None]
    shaped = await crossing.into(NoteText).one()
    assert (shaped.labels, shaped.parent_text) == ([], None)
    page = await notes.order_by(Note.parent.to.text).page(size=1)
    after = await notes.order_by(Note.parent.to.text).page(size=5, after=page.next)
    assert len(after.items) == 2


async def test_relations_to_rows_of_tenants_need_one(db: Database) -> None:
    folders = Repository(Folder, db)
    calls: list[Callable[[], Any]] = [
        folders.load(Folder.notes).all,
        folders.where(Folder.notes.any()).all,
        folders.where(Folder.notes.count() > 0).count,
        folders.order_by(Folder.notes.count()).all,
        folders.into(FolderNotes).all,
        lambda: folders.limit(1).select(Folder.notes.count()),
        folders.where(Folder.notes.any()).delete,
        lambda: folders.where(Folder.notes.any()).update(Folder.name.set("x")),
    ]
    for call in calls:
        with pytest.raises(MissingTenant, match="tenant_id"):
            await call()


async def test_links_are_the_tenants(db: Database) -> None:
    acme, other = db.for_tenant("acme"), db.for_tenant("other")
    [note] = await Repository(Note, acme).where(Note.text == "acme second").all()
    [label] = await Repository(Label, acme).all()
    notes = Repository(Note, acme)

    await notes.link(note, Note.labels, label)
    await notes.link(note, Note.labels, label)

    links = Repository(Labelled, acme)
    assert await links.where(Labelled.note_id == note.id).count() == 1
    with pytest.raises(UsageError, match="is not the tenant on whose behalf"):
        await Repository(Note, other).unlink(note, Note.labels, label)
    assert await notes.unlink(note, Note.labels, label) == 1
    assert await Repository(Labelled, other).count() == 2


async def test_what_the_library_keeps_is_in_no_created_variant(db: Database) -> None:
    variant = Create[Everything]
    assert set(variant.model_fields) == {"name"}
    for name, value in (("version", 9), ("tenant_id", "other"), ("deleted_at", None)):
        with pytest.raises(ValidationError, match=name):
            variant.model_validate({"name": "a", name: value})

    stored = await Repository(Everything, db.for_tenant("acme")).add(variant(name="a"))

    assert (stored.version, stored.tenant_id, stored.deleted_at) == (1, "acme", None)


async def test_an_instance_with_another_tenant_is_stored_by_no_way(db: Database) -> None:
    rows = Repository(Everything, db.for_tenant("acme"))
    given = Everything.model_validate({"name": "a", "tenant_id": "other"})

    with pytest.raises(UsageError):
        await rows.add(given)
    assert await rows.with_deleted().count() == 0


class DraftCount(BaseModel):
    name: str
    number: Annotated[int, From(sa.func.count(Draft.id))]


class NoteCount(BaseModel):
    name: str
    number: Annotated[int, From(sa.func.count(Note.id))]


async def test_an_aggregate_counts_what_is_not_deleted_and_no_tenants_rows(db: Database) -> None:
    folders, drafts = Repository(Folder, db), Repository(Draft, db)
    [folder] = await folders.all()
    kept = await drafts.add_all([Draft(folder_id=folder.id) for _ in range(3)])
    await drafts.delete(kept[0])

    assert await folders.into(DraftCount).all() == [DraftCount(name="all", number=2)]
    with pytest.raises(ShapeProblem, match="whose rows belong to tenants"):
        await Repository(Folder, db.for_tenant("acme")).into(NoteCount).all()
