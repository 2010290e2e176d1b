"""Fields that the library keeps: versions, times, marks of deletion, and whose a row is."""

from __future__ import annotations

from datetime import datetime

from andamios_orm.models.base import Model
from andamios_orm.models.columns import Col, generated

__all__ = ["SoftDelete", "Tenant", "Timestamps", "Versioned"]


class Versioned(Model):
    """A mixin: the field `version`, which is 1 at first and counts the changes of the row.

    `update(instance)` and `delete(instance)` raise StaleVersion if the row was changed since the
    instance was read, so that no change is overwritten unseen; `patch(key, ..., if_version=3)`
    does so where it is asked to.

    ```python
    class Page(Versioned, table=True):
        id: Col[int] = generated()
        text: Col[str]


    await db.create_all()
    pages = Repository(Page, db)
    mine = await pages.add(Page(text="a"))
    yours = await pages.patch(mine.id, Page.text.set("b"))
    assert (mine.version, yours.version) == (1, 2)
    try:
        await pages.update(mine)
    except StaleVersion:
        mine = await pages.get(mine.id)
    ```
    """

    version: Col[int] = generated(role="version")


class Timestamps(Model):
    """A mixin: the fields `created_at` and `updated_at`, in UTC, by the database's clock.

    Both are set when the row is stored, and `updated_at` by every later change of the row.

    ```python
    class Visit(Timestamps, table=True):
        id: Col[int] = generated()


    await db.create_all()
    visit = await Repository(Visit, db).add(Visit())
    assert visit.created_at == visit.updated_at
    ```
    """

    created_at: Col[datetime] = generated(role="created_at")
    updated_at: Col[datetime] = generated(role="updated_at")


class SoftDelete(Model):
    """A mixin: the field `deleted_at`. A row that is deleted is marked, and no query finds it.

    `with_deleted()` of a repository or query finds it, `restore(key)` takes the mark away, and
    `purge` removes rows for good.

    ```python
    class Letter(SoftDelete, table=True):
        id: Col[int] = generated()
        text: Col[str]


    await db.create_all()
    letters = Repository(Letter, db)
    letter = await letters.add(Letter(text="a"))
    await letters.delete(letter)
    assert await letters.find(letter.id) is None
    assert (await letters.with_deleted().get(letter.id)).deleted_at is not None
    assert await letters.restore(letter.id) == letter
    ```
    """

    deleted_at: Col[datetime | None] = generated(role="deleted_at")


class Tenant(Model):
    """A mixin: the field `tenant_id`. Each row belongs to one tenant, and no other ever meets it.

    A repository of such a model needs a database, or a session, of a tenant: `db.for_tenant(...)`.
    With any other it raises MissingTenant.

    ```python
    class Note(Tenant, table=True):
        id: Col[int] = generated()
        text: Col[str]


    await db.create_all()
    note = await Repository(Note, db.for_tenant("acme")).add(Note(text="a"))
    assert note.tenant_id == "acme"
    assert await Repository(Note, db.for_tenant("other")).find(note.id) is None
    ```
    """

    tenant_id: Col[str] = generated(role="tenant", index=True)
