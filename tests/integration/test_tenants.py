"""Rows of one tenant, which no other meets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import create_async_engine

from andamios_orm import (
    Col,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    SoftDelete,
    Tenant,
    Versioned,
    field,
    generated,
    relation,
)
from andamios_orm.errors import (
    ImportRefused,
    InvalidCursor,
    InvalidRow,
    MissingTenant,
    NotFound,
    NotLoaded,
    StaleVersion,
    UniqueViolation,
    UsageError,
    WrongType,
)
from andamios_orm.observe import subscribe
from andamios_orm.queries.standing import standing_conditions
from tests.engines import driver_url, not_on

METADATA = sa.MetaData()


class Note(Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    text: Col[str] = field(default="")
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)


class Account(Tenant, table=True, metadata=METADATA):
    """A name that only one tenant can have."""

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    size: Col[int] = field(default=0)


class Record(Tenant, SoftDelete, Versioned, table=True, metadata=METADATA):
    """With all that the library keeps, and two keys."""

    code: Col[str] = field(primary_key=True, max_length=20)
    name: Col[str] = field(max_length=20)
    size: Col[int] = field(default=0)
    __table_args__ = (sa.UniqueConstraint("tenant_id", "name"),)


class Org(Model, table=True, metadata=METADATA):
    id: Col[UUID] = field(primary_key=True, default_factory=uuid4)


class Member(Model, table=True, metadata=METADATA):
    """A tenant of another name and type, which is a row itself, and part of the key."""

    org: Col[UUID] = generated(role="tenant", foreign_key=Org.id, primary_key=True)
    number: Col[int] = field(primary_key=True)
    name: Col[str] = field(default="", max_length=20)


class Label(Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    word: Col[str] = field(max_length=20)


class LabelledFolder(Model, table=True, metadata=METADATA):
    folder_id: Col[int] = field(primary_key=True, foreign_key="Folder.id")
    label_id: Col[int] = field(primary_key=True, foreign_key=Label.id)


class Folder(Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    labels: RelatedList[Label] = relation(through=LabelledFolder)


class Team(Tenant, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)


class Hero(Tenant, table=True, metadata=METADATA):
    """Its key may refer to a row of another tenant."""

    id: Col[int] = generated()
    number: Col[int]
    team_id: Col[int] = field(foreign_key=Team.id)
    team: Related[Team] = relation()
    known_team: Related[Team | None] = relation()


class Badge(Model, table=True, metadata=METADATA):
    """Its key says whose row it refers to."""

    org: Col[UUID] = generated(role="tenant", foreign_key=Org.id, primary_key=True)
    code: Col[int] = field(primary_key=True)
    number: Col[int]
    member: Related[Member] = relation()
    __table_args__ = (sa.ForeignKeyConstraint(["org", "number"], ["member.org", "member.number"]),)


class Plain(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str] = field(default="")


NOTES = sa.select(Note.__table__.c.id).where(*standing_conditions(Note))


class TeamName(BaseModel):
    name: str


class HeroOfTeam(BaseModel):
    number: int
    team: TeamName


class HeroWithTeam(BaseModel):
    number: int
    team: TeamName | None


class TextChange(BaseModel):
    text: str = ""
    tenant_id: str = ""


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def acme(db: Database) -> Repository[Note]:
    return Repository(Note, db.for_tenant("acme"))


@pytest.fixture
def other(db: Database) -> Repository[Note]:
    return Repository(Note, db.for_tenant("other"))


async def every_row(db: Database, model: type[Model]) -> list[tuple[Any, ...]]:
    """What is really in a table."""
    return [tuple(row) for row in await db.execute(sa.select(model.__table__))]


# ---- whose a row is ----------------------------------------------------------------------------


async def test_what_is_stored_is_the_tenants(acme: Repository[Note], db: Database) -> None:
    note = await acme.add(Note(name="a"))
    notes = await acme.add_all([Note(name="b"), Note(name="c")])
    upserted = await acme.upsert(Note(name="d"), on=[Note.tenant_id, Note.name])
    more = await acme.upsert_all([Note(name="e")], on=[Note.name, Note.tenant_id])

    assert {row.tenant_id for row in (note, *notes, upserted, *more)} == {"acme"}
    assert len(await every_row(db, Note)) == 5


async def test_a_row_of_another_tenant_is_there_for_nobody_else(
    acme: Repository[Note], other: Repository[Note], db: Database
) -> None:
    mine = await acme.add(Note(name="a", text="mine"))
    yours = await other.add(Note(name="a", text="yours"))

    assert await acme.find(yours.id) is None
    assert await acme.all() == [mine]
    assert await acme.one() == await acme.first() == mine
    assert await acme.count() == 1
    assert not await acme.where(Note.text == "yours").exists()
    assert await acme.where((Note.text == "yours") | (Note.text == "mine")).all() == [mine]
    assert await acme.where(~(Note.text == "mine")).all() == []
    assert await acme.order_by(Note.text.desc()).limit(5).offset(0).all() == [mine]
    assert (await acme.order_by(Note.name).page()).items == [mine]
    assert (await acme.order_by(Note.name).numbered_page(1)).total == 1
    assert await acme.order_by(Note.name).select(Note.text) == ["mine"]
    assert await acme.where(Note.id > 0).select(sa.func.count()) == [1]
    assert [row.text for row in await acme.into(TextChange).all()] == ["mine"]
    assert [row async for row in acme.where(Note.id > 0).stream()] == [mine]
    assert (await acme.where(Note.id > 0).arrow()).column("text").to_pylist() == ["mine"]
    for call in (
        acme.get(yours.id),
        acme.update(yours),
        acme.patch(yours.id, Note.text.set("stolen")),
        acme.patch(yours.id, Note.text.set(Note.text + "!")),
        acme.patch(yours.id),
        acme.delete(yours),
        acme.delete(yours.id),
        acme.purge(yours),
    ):
        with pytest.raises(NotFound):
            await call
    assert await acme.where(Note.id > 0).update(Note.text.set("changed")) == 1
    assert await acme.where(sa.true()).delete() == 1
    assert await other.all() == [yours]


@pytest.mark.parametrize(
    "condition",
    [
        sa.text("1 = 1 OR 1 = 1"),
        ~sa.literal_column("1 = 0 OR 1 = 0", sa.Boolean()),
        sa.literal_column("1 = 1 OR 1 = 1", sa.Boolean()),
        sa.true(),
        sa.or_(sa.true(), Note.__table__.c.id > 0),
        Note.__table__.c.id.op("> 0 OR 0 <")(1),
        (Note.name == "a") | sa.text("1 = 1 OR 1 = 1"),
    ],
)
async def test_an_expression_of_sqlalchemy_cannot_take_the_tenant_apart(
    acme: Repository[Note], other: Repository[Note], condition: Any
) -> None:
    mine = await acme.add(Note(name="a"))
    yours = await other.add(Note(name="a"))

    query = acme.where(condition)

    assert await query.all() == [mine]
    assert await query.count() == 1
    assert await query.update(Note.text.set("changed")) == 1
    assert await query.delete() == 1
    assert await other.all() == [yours]


async def test_an_upsert_changes_only_the_tenants_row(
    acme: Repository[Note], other: Repository[Note]
) -> None:
    yours = await other.add(Note(name="a", text="yours"))

    first = await acme.upsert(Note(name="a", text="1"), on=[Note.tenant_id, Note.name])
    second = await acme.upsert(Note(name="a", text="2"), on=[Note.tenant_id, Note.name])
    [third] = await acme.upsert_all([Note(name="a")], on=[Note.tenant_id, Note.name], update=[])

    assert first.id == second.id == third.id
    assert third.text == "2"
    assert await other.all() == [yours]


async def test_a_key_that_another_tenant_has_is_taken(db: Database) -> None:
    acme, other = (Repository(Account, db.for_tenant(name)) for name in ("acme", "other"))
    yours = await other.add(Account(name="a", size=1))

    for call in (
        acme.add(Account(name="a")),
        acme.upsert(Account(name="a", size=2), on=[Account.name]),
        acme.upsert(Account(name="a", size=2), on=[Account.name], update=[]),
        acme.upsert_all([Account(name="b"), Account(name="a", size=2)], on=[Account.name]),
        acme.upsert_all([Account(name="a", size=2)], on=[Account.name], update=[]),
    ):
        with pytest.raises(UniqueViolation):
            await call

    assert await other.all() == [yours]
    assert await acme.all() == []
    assert (await acme.upsert(Account(name="b", size=1), on=[Account.name])).size == 1
    assert (await acme.upsert(Account(name="b", size=2), on=[Account.name])).size == 2


async def test_an_instance_of_another_tenant_is_not_stored(
    acme: Repository[Note], other: Repository[Note], db: Database
) -> None:
    yours = Note.model_validate({"name": "a", "tenant_id": "other"})
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        for call in (
            acme.add(yours),
            acme.add_all([Note(name="b"), yours]),
            acme.add_all([yours]),
            acme.upsert(yours, on=[Note.tenant_id, Note.name]),
            acme.upsert_all([yours], on=[Note.tenant_id, Note.name]),
        ):
            with pytest.raises(UsageError, match=r"Note\.tenant_id of an instance") as caught:
                await call
            assert "other" not in str(caught.value).replace("another", "")
    assert not statements
    stored = await other.add(yours)
    assert await other.add_all([yours.model_copy(update={"name": "b"})]) != [stored]
    assert len(await every_row(db, Note)) == 2


async def test_rows_of_another_tenant_are_neither_linked_nor_unlinked(db: Database) -> None:
    acme, other = db.for_tenant("acme"), db.for_tenant("other")
    folders, theirs = Repository(Folder, acme), Repository(Folder, other)
    mine = await folders.add(Folder(name="mine"))
    label = await Repository(Label, acme).add(Label(word="own"))
    their_folder = await theirs.add(Folder(name="theirs"))
    their_label = await Repository(Label, other).add(Label(word="theirs"))
    await theirs.link(their_folder, Folder.labels, their_label)
    await folders.link(mine, Folder.labels, label)
    links = Repository(LabelledFolder, db)
    before = await links.all()

    for folder, word in [(their_folder, their_label), (mine, their_label), (their_folder, label)]:
        with pytest.raises(UsageError, match="tenant_id of an instance is not the tenant"):
            await folders.unlink(folder, Folder.labels, word)
        with pytest.raises(UsageError, match="tenant_id of an instance is not the tenant"):
            await folders.link(folder, Folder.labels, word)
    with pytest.raises(NotLoaded, match="has no tenant_id yet"):
        await folders.unlink(
            Folder.model_validate({"id": their_folder.id, "name": "x"}), Folder.labels, label
        )

    assert await links.all() == before
    assert await folders.unlink(mine, Folder.labels, label) == 1


async def test_whose_a_row_is_is_not_assigned(
    acme: Repository[Note], other: Repository[Note]
) -> None:
    note = await acme.add(Note(name="a"))

    for change in (Note.tenant_id.set("other"), TextChange(tenant_id="other")):
        with pytest.raises(UsageError, match=r"Note\.tenant_id is set by the library"):
            await acme.patch(note.id, change)
    with pytest.raises(UsageError, match="is set by the library"):
        await acme.where(Note.id > 0).update(Note.tenant_id.set("other"))
    moved = note.model_copy(update={"tenant_id": "other", "text": "b"})
    assert (await acme.update(moved)).tenant_id == "acme"
    with pytest.raises(NotFound):
        await other.update(moved)


# ---- what refers to another tenant's row -------------------------------------------------------


@pytest.fixture
async def heroes(db: Database) -> Repository[Hero]:
    """Six heroes, of whom those with an even number are in a team of another tenant."""
    acme, other = db.for_tenant("acme"), db.for_tenant("other")
    theirs = await Repository(Team, other).add(Team(name="A"))
    ours = await Repository(Team, acme).add(Team(name="B"))
    found = Repository(Hero, acme)
    await found.add_all([Hero(number=n, team_id=ours.id if n % 2 else theirs.id) for n in range(6)])
    return found


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_have_each_row_that_refers_to_another_tenants(
    heroes: Repository[Hero], *, descending: bool
) -> None:
    name = Hero.team.to.name
    rows = heroes.order_by(name.desc() if descending else name, Hero.number)
    odd, even = [1, 3, 5], [0, 2, 4]

    numbers: list[int] = []
    page = await rows.page(size=2)
    numbers += [hero.number for hero in page.items]
    while page.next is not None:
        page = await rows.page(size=2, after=page.next)
        numbers += [hero.number for hero in page.items]

    assert numbers == [*even, *odd] if descending else [*odd, *even]
    assert [hero.number for hero in await rows.all()] == numbers


async def test_a_required_row_of_another_tenant_is_not_there_to_load(
    heroes: Repository[Hero],
) -> None:
    with pytest.raises(InvalidRow, match=r"Hero\.team: team_id of a stored row refers") as caught:
        await heroes.load(Hero.team).all()

    assert "another tenant's, or missing" in str(caught.value)
    assert (caught.value.model, caught.value.fields) == (Hero, {"team": "missing"})
    assert not caught.value.transient
    assert await heroes.where(~Hero.team.has()).count() == 3
    known = await heroes.order_by(Hero.number).load(Hero.known_team).all()
    assert [hero.known_team and hero.known_team.name for hero in known] == [None, "B"] * 3


async def test_a_shape_has_none_for_a_row_of_another_tenant(heroes: Repository[Hero]) -> None:
    rows = heroes.order_by(Hero.number)

    found = await rows.into(HeroWithTeam).all()
    with pytest.raises(InvalidRow) as caught:
        await rows.into(HeroOfTeam).all()

    assert [hero.team and hero.team.name for hero in found] == [None, "B"] * 3
    assert caught.value.fields == {"team": "model_type"}
    ours = await rows.where(Hero.team.has()).into(HeroOfTeam).all()
    assert [hero.team.name for hero in ours] == ["B"] * 3


async def test_a_key_that_says_whose_row_it_refers_to_leads_to_a_row(db: Database) -> None:
    org = await Repository(Org, db).add(Org())
    ours = db.for_tenant(org.id)
    await Repository(Member, ours).add(Member(number=1, name="A"))
    badges = Repository(Badge, ours)
    await badges.add(Badge(code=2, number=1))

    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        [badge] = await badges.order_by(Badge.member.to.name).load(Badge.member).all()

    assert badge.member.name == "A"
    assert "NULL" not in statements[0]


# ---- without a tenant --------------------------------------------------------------------------


async def test_a_model_of_tenants_is_not_used_without_one(db: Database, database_url: str) -> None:
    statements: list[str] = []
    with subscribe(lambda run: statements.append(run.sql)):
        with pytest.raises(MissingTenant) as caught:
            Repository(Note, db)
        with pytest.raises(MissingTenant):
            Repository[Note](db)
        async with db.session() as session:
            with pytest.raises(MissingTenant):
                Repository(Note, session)
        with pytest.raises(MissingTenant):
            # As a condition on related rows does, for which no repository is made.
            await Repository(Plain, db).where(Plain.id.in_(NOTES)).all()
    assert not statements
    assert "for_tenant" in caught.value.fix
    assert caught.value.problem.startswith("Note.tenant_id")
    engine = create_async_engine(driver_url(database_url))
    async with engine.connect() as connection:
        with pytest.raises(MissingTenant):
            Repository(Note, connection)
    await engine.dispose()


async def test_nobody_is_no_tenant(db: Database) -> None:
    with pytest.raises(WrongType):
        db.for_tenant(None)
    for wrong in (3, b"acme", ["acme"]):
        with pytest.raises(WrongType, match=r"Note\.tenant_id holds str"):
            Repository(Note, db.for_tenant(wrong))


async def test_other_models_do_not_care_for_tenants(db: Database) -> None:
    plain, acme = Repository(Plain, db), Repository(Plain, db.for_tenant("acme"))

    row = await acme.add(Plain(text="a"))

    assert await plain.all() == await acme.all() == [row]


async def test_whoever_is_a_tenant_is_bound_and_never_text(db: Database) -> None:
    for tenant in ("' OR 1=1 --", 'x"; DROP TABLE note; --', "%", "", "é😀"):
        notes = Repository(Note, db.for_tenant(tenant))
        note = await notes.add(Note(name="a"))
        assert note.tenant_id == tenant
        assert await notes.all() == [note]
    assert len(await every_row(db, Note)) == 5


# ---- where a tenant goes -----------------------------------------------------------------------


async def test_a_handle_is_the_same_database(db: Database) -> None:
    acme = db.for_tenant("acme")
    notes = Repository(Note, acme)
    await notes.add(Note(name="a"))
    plans = len(db.plans)
    others = Repository(Note, db.for_tenant("other"))
    await others.add(Note(name="a"))
    await others.all()
    await notes.all()

    assert (db.tenant, acme.tenant, acme.for_tenant("x").tenant) == (None, "acme", "x")
    assert acme.plans is db.plans
    assert len(db.plans) == plans + 1


async def test_sessions_carry_their_tenant(db: Database) -> None:
    acme = db.for_tenant("acme")
    async with acme.session() as session:
        inside = Repository(Note, session)
        mine = await inside.add(Note(name="a"))
        async with session.session() as joined:
            await Repository(Note, joined).add_all([Note(name="b")])
        assert await inside.count() == 2

    async def counted(session: Any) -> int:
        return await Repository(Note, session).count()

    assert await acme.run(counted) == 2
    assert await db.for_tenant("other").run(counted) == 0
    assert mine.tenant_id == "acme"


async def test_tasks_of_two_tenants_do_not_mix(db: Database) -> None:
    async def work(tenant: str) -> None:
        notes = Repository(Note, db.for_tenant(tenant))
        for n in range(5):
            await notes.add(Note(name=f"{n}"))
            assert {row.tenant_id for row in await notes.all()} == {tenant}

    await asyncio.gather(*map(work, "abcd"))


async def test_a_cursor_is_of_one_tenant(acme: Repository[Note], other: Repository[Note]) -> None:
    await acme.add_all([Note(name=name) for name in "abc"])
    await other.add_all([Note(name=name) for name in "abc"])

    page = await acme.order_by(Note.name).page(size=1)
    again = await acme.order_by(Note.name).page(size=1, after=page.next)

    assert [note.name for note in again.items] == ["b"]
    with pytest.raises(InvalidCursor):
        await other.order_by(Note.name).page(size=1, after=page.next)


async def test_a_tenant_of_another_type_can_be_part_of_the_key(db: Database) -> None:
    one, two = await Repository(Org, db).add_all([Org(), Org()])
    ours, theirs = (Repository(Member, db.for_tenant(org.id)) for org in (one, two))

    mine = await ours.add(Member(number=1, name="a"))
    await theirs.add(Member(number=1, name="b"))
    again = await ours.upsert(Member(number=1, name="c"), on=[Member.org, Member.number])

    assert (mine.org, again.name) == (one.id, "c")
    assert await ours.get((one.id, 1)) == again
    assert await ours.find((two.id, 1)) is None
    with pytest.raises(WrongType):
        Repository(Member, db.for_tenant("acme"))


async def test_files_hold_the_rows_of_one_tenant(
    db: Database, acme: Repository[Note], other: Repository[Note], tmp_path: Path
) -> None:
    await acme.add_all([Note(name="a"), Note(name="b")])
    await other.add(Note(name="c"))
    file = tmp_path / "notes.parquet"

    with pytest.raises(MissingTenant):
        await db.export_parquet(Note, file)
    report = await db.for_tenant("acme").export_parquet(Note, file)

    assert report.rows == 2
    await acme.where(Note.id > 0).delete()
    with pytest.raises(MissingTenant):
        await db.import_parquet(Note, file)
    with pytest.raises(ImportRefused) as caught:
        await db.for_tenant("other").import_parquet(Note, file)
    assert caught.value.report.rows[0].fields == {"tenant_id": "other_tenant"}
    assert (await db.for_tenant("acme").import_parquet(Note, file)).stored == 2
    assert await acme.count() == 2
    assert await other.count() == 1


async def test_files_hold_rows_that_are_marked_as_deleted_too(db: Database, tmp_path: Path) -> None:
    acme = db.for_tenant("acme")
    records = Repository(Record, acme)
    await records.add_all([Record(code="1", name="a"), Record(code="2", name="b")])
    await records.delete("1")

    report = await acme.export_parquet(Record, tmp_path / "records.parquet")
    await records.with_deleted().where(sa.true()).purge()
    await acme.import_parquet(Record, tmp_path / "records.parquet")

    assert report.rows == 2
    assert [row.code for row in await records.all()] == ["2"]
    assert await records.with_deleted().count() == 2


# ---- never a foreign row -----------------------------------------------------------------------

CODES, NAMES = ["1", "2", "3"], ["a", "b"]
OPERATIONS = st.tuples(
    st.sampled_from(
        [
            "add",
            "add_all",
            "upsert",
            "upsert_code",
            "upsert_all",
            "find_or_make",
            "update",
            "patch",
            "compute",
            "update_many",
            "delete",
            "delete_instance",
            "delete_many",
            "restore",
            "purge",
            "purge_many",
            "purge_deleted",
        ]
    ),
    st.sampled_from(["acme", "other"]),
    st.sampled_from(CODES),
    st.sampled_from(NAMES),
    st.booleans(),
)


async def operated(records: Repository[Record], operation: str, code: str, name: str) -> None:
    given = Record(code=code, name=name, size=len(code))
    both = [Record.tenant_id, Record.name]
    rows = records.where((Record.code == code) | (Record.name == name))
    calls: dict[str, Callable[[], Any]] = {
        "add": lambda: records.add(given),
        "add_all": lambda: records.add_all([given]),
        "upsert": lambda: records.upsert(given, on=both),
        "upsert_code": lambda: records.upsert(given, on=[Record.code]),
        "upsert_all": lambda: records.upsert_all([given], on=both),
        "find_or_make": lambda: records.upsert(given, on=both, update=[]),
        "update": lambda: records.update(
            Record.model_validate({**given.model_dump(), "version": 1})
        ),
        "patch": lambda: records.patch(code, Record.size.set(7), Record.name.set(name)),
        "compute": lambda: records.patch(code, Record.size.set(Record.size + 1)),
        "update_many": lambda: rows.update(Record.size.set(9)),
        "delete": lambda: records.delete(code),
        "delete_instance": lambda: records.delete(
            Record.model_validate({**given.model_dump(), "version": 1})
        ),
        "delete_many": rows.delete,
        "restore": lambda: records.restore(code),
        "purge": lambda: records.purge(code),
        "purge_many": rows.purge,
        "purge_deleted": lambda: rows.with_deleted().purge(),
    }
    try:
        found = await calls[operation]()
    except (NotFound, UniqueViolation, StaleVersion):
        return
    shown = found if isinstance(found, list) else [found]
    assert {row.tenant_id for row in shown if isinstance(row, Record)} <= {records._source.tenant}


@given(st.lists(OPERATIONS, max_size=12))
@settings(max_examples=25)
def test_no_order_of_operations_meets_a_row_of_another_tenant(
    steps: list[tuple[str, str, str, str, bool]],
) -> None:
    asyncio.run(two_tenants("sqlite://", steps))


@not_on("sqlite")
async def test_every_operation_leaves_the_rows_of_another_tenant_alone(
    db: Database,
) -> None:
    names = [
        "upsert",
        "upsert_code",
        "upsert_all",
        "find_or_make",
        "add",
        "add_all",
        "update",
        "patch",
        "compute",
        "update_many",
        "delete_instance",
        "restore",
        "delete",
        "delete_many",
        "restore",
        "purge",
        "purge_many",
        "upsert",
        "delete",
        "purge_deleted",
    ]
    steps = [
        (name, tenant, code, letter, with_deleted)
        for n, name in enumerate(names)
        for tenant, code, letter, with_deleted in [
            ("acme", CODES[n % 3], NAMES[n % 2], False),
            ("other", CODES[n // 2 % 3], NAMES[n // 3 % 2], n % 2 == 0),
        ]
    ]
    await operate(db, steps)


async def two_tenants(url: str, steps: list[tuple[str, str, str, str, bool]]) -> None:
    async with Database(url, metadata=METADATA) as db:
        await db.create_all()
        await operate(db, steps)


async def operate(db: Database, steps: list[tuple[str, str, str, str, bool]]) -> None:
    """Work for two tenants in turn; what one does never changes what the other has."""
    table = Record.__table__

    async def rows_of(tenant: str) -> list[tuple[Any, ...]]:
        statement = sa.select(table).where(table.c.tenant_id == tenant).order_by(table.c.code)
        return [tuple(row) for row in await db.execute(statement)]

    for operation, tenant, code, name, with_deleted in steps:
        bystander = "other" if tenant == "acme" else "acme"
        before = await rows_of(bystander)
        records = Repository(Record, db.for_tenant(tenant))
        await operated(records.with_deleted() if with_deleted else records, operation, code, name)
        assert await rows_of(bystander) == before
        mine = await rows_of(tenant)
        seen = await records.with_deleted().order_by(Record.code).all()
        assert [row.code for row in seen] == [row[table.c.keys().index("code")] for row in mine]
        everything = records.where(sa.true()).with_deleted().order_by(Record.code)
        assert await everything.all() == seen
        alive: list[datetime | None] = [row.deleted_at for row in await records.all()]
        assert not any(alive)
