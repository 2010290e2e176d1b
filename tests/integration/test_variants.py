"""Variants of a model go in and out of repositories."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import ConfigDict, Json, ValidationError, model_validator

from andamios_orm import (
    Col,
    Create,
    Database,
    Model,
    Patch,
    Public,
    Related,
    RelatedList,
    Repository,
    UUIDKey,
    field,
    generated,
    relation,
)
from andamios_orm.errors import InvalidRow, NotFound, NotLoaded, UsageError, WrongType
from andamios_orm.observe import subscribe

METADATA = sa.MetaData()

# To a checker these are annotations; a test looks at the classes that they are.
create: Any = Create
patch: Any = Patch
public: Any = Public


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20, alias="heroName")
    secret_name: Col[str] = field(secret=True)
    age: Col[int | None] = field(default=None, ge=0)
    tags: Col[list[str]] = field(default_factory=list)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


class Chart(Model, table=True, metadata=METADATA):
    """A value that is given as a text, and is what the text says."""

    id: Col[int] = generated()
    points: Col[Json[list[int]]]
    name: Col[str] = field(default="")


class Ticket(UUIDKey, table=True, metadata=METADATA):
    """A key that the program makes, and a value that the database does."""

    title: Col[str]
    made: Col[datetime] = generated(server_default=sa.func.now())


class Span(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    start: Col[int]
    end: Col[int]

    @model_validator(mode="after")
    def in_order(self) -> "Span":
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self


class Note(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str] = field(max_length=20)
    author: Col[str] = field(read_only=True, max_length=20)
    state: Col[str] = field(default="draft", read_only=True)


class HeroSignup(Hero, variant="create"):
    invite: Col[str]


class HeroEdit(Hero, variant="patch"):
    reason: Col[str]


class HeroCard(Hero, variant="public"):
    pass


@pytest_asyncio.fixture
async def tables(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        yield db


@pytest.fixture
def heroes(tables: Database) -> Repository[Hero]:
    return Repository(Hero, tables)


def body(**values: Any) -> Any:
    return create[Hero].model_validate({"heroName": "Ada", "secret_name": "A. L."} | values)


async def test_a_created_variant_is_stored_as_its_model(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(body(age="36", tags=["x"]))

    assert type(ada) is Hero
    assert await heroes.get(ada.id) == ada
    assert (ada.name, ada.secret_name, ada.age, ada.tags) == ("Ada", "A. L.", 36, ["x"])


async def test_many_created_variants_are_stored_beside_instances(heroes: Repository[Hero]) -> None:
    stored = await heroes.add_all(
        [body(), Hero.model_validate(body().__dict__, by_name=True), body(heroName="Bea")]
    )

    assert [type(hero) for hero in stored] == [Hero] * 3
    assert [hero.name for hero in stored] == ["Ada", "Ada", "Bea"]


async def test_more_fields_of_a_named_variant_are_not_stored(heroes: Repository[Hero]) -> None:
    signup = HeroSignup.model_validate({"heroName": "Ada", "secret_name": "x", "invite": "abc"})

    ada = await heroes.add(signup)

    assert type(ada) is Hero
    assert signup.invite == "abc"
    assert not hasattr(ada, "invite")


async def test_a_key_that_the_program_makes_is_made_when_it_is_stored(tables: Database) -> None:
    tickets = Repository(Ticket, tables)

    one, two = await tickets.add_all([create[Ticket].model_validate({"title": "x"})] * 2)

    assert one.id != two.id
    assert await tickets.get(one.id) == one


async def test_what_no_longer_fits_is_refused_before_it_is_stored(heroes: Repository[Hero]) -> None:
    changed = body()
    changed.__dict__["age"] = -1

    with pytest.raises(InvalidRow, match=r"Hero refuses to be written: age"):
        await heroes.add(changed)
    assert await heroes.count() == 0


async def test_a_patch_changes_the_fields_that_were_given(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(body(age=36, tags=["x"]))

    older = await heroes.patch(ada.id, patch[Hero].model_validate({"age": 37}))
    nameless = await heroes.patch(ada.id, patch[Hero].model_validate({"age": None, "tags": []}))
    same = await heroes.patch(ada.id, patch[Hero].model_validate({}))

    assert (older.age, older.tags, older.secret_name) == (37, ["x"], "A. L.")
    assert (nameless.age, nameless.tags) == (None, [])
    assert same == nameless
    with pytest.raises(NotFound):
        await heroes.patch(ada.id + 1, patch[Hero].model_validate({"age": 37}))


async def test_more_fields_of_a_named_patch_change_nothing(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(body())

    changed = await heroes.patch(ada.id, HeroEdit.model_validate({"age": 37, "reason": "older"}))

    assert changed.age == 37


async def test_a_patch_is_judged_with_the_rest_of_its_row(tables: Database) -> None:
    spans = Repository(Span, tables)
    span = await spans.add(Span(start=3, end=5))

    with pytest.raises(InvalidRow):
        await spans.patch(span.id, patch[Span].model_validate({"end": 2}))
    assert await spans.get(span.id) == span


async def test_a_stored_row_is_public(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(body())

    assert public[Hero].model_validate(ada).model_dump(by_alias=True) == {
        "id": ada.id,
        "heroName": "Ada",
        "age": None,
        "tags": [],
        "team_id": None,
    }


async def test_a_public_variant_names_a_row_and_is_none(heroes: Repository[Hero]) -> None:
    ada = await heroes.add(body())
    for cls in (public[Hero], HeroCard):
        shown = cls.model_validate(ada)

        with pytest.raises(WrongType, match=r"has no secret_name, so it is no whole row"):
            await heroes.update(shown)
        with pytest.raises(WrongType, match=r"has no secret_name, so it is no whole row"):
            await heroes.add(shown)

    await heroes.delete(public[Hero].model_validate(ada))
    assert await heroes.count() == 0


async def test_a_public_variant_with_all_fields_is_a_whole_row(tables: Database) -> None:
    spans = Repository(Span, tables)
    span = public[Span].model_validate(await spans.add(Span(start=3, end=5)))
    span.end = 6

    stored = await spans.update(span)

    assert type(stored) is Span
    assert stored.end == 6


async def test_variants_of_another_model_and_patches_are_not_stored(
    tables: Database, heroes: Repository[Hero]
) -> None:
    ada = await heroes.add(body())
    teams: Repository[Any] = Repository(Team, tables)

    with pytest.raises(WrongType, match="HeroCreate is a variant of Hero, not of Team"):
        await teams.add(body())
    with pytest.raises(WrongType, match="TeamPatch is a variant of Team, not of Hero"):
        await heroes.patch(ada.id, patch[Team].model_validate({"name": "x"}))
    with pytest.raises(WrongType, match="a HeroPatch was given where Hero is stored"):
        await heroes.add(patch[Hero].model_validate({}))
    with pytest.raises(NotLoaded, match="this Hero has no id yet"):
        await heroes.update(body())


# ---- mass assignment ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more", [{"id": 7}, {"is_admin": True}, {"team": {"id": 1}}, {"__dict__": {}}]
)
def test_no_body_sets_what_is_not_the_clients(more: dict[str, Any]) -> None:
    for form in (create[Hero], patch[Hero]):
        with pytest.raises(ValidationError, match="extra_forbidden"):
            form.model_validate({"heroName": "Ada", "secret_name": "x"} | more)


def test_a_model_that_ignores_what_it_does_not_know_has_variants_that_do_not() -> None:
    class Lax(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(extra="ignore")
        id: Col[int] = generated()
        name: Col[str]

    for form in (create[Lax], patch[Lax]):
        with pytest.raises(ValidationError, match="extra_forbidden"):
            form.model_validate({"name": "Ada", "nmae": "x"})


# ---- what the program says -----------------------------------------------------------------------


async def test_what_a_client_does_not_say_is_added_beside_it(tables: Database) -> None:
    notes = Repository(Note, tables)
    data: Note = create[Note].model_validate({"text": "Hi"})

    note = await notes.add(data, Note.author.set("ada"))

    assert (note.text, note.author, note.state) == ("Hi", "ada", "draft")
    assert await notes.get(note.id) == note
    assert not hasattr(data, "author")


async def test_what_is_added_beside_an_instance_stands_in_place_of_its_own(
    tables: Database,
) -> None:
    notes = Repository(Note, tables)
    given = Note(text="Hi", author="ada")

    note = await notes.add(given, Note.author.set("grace"), Note.state.set("final"))

    assert (note.text, note.author, note.state) == ("Hi", "grace", "final")
    assert (given.author, given.state) == ("ada", "draft")


async def test_what_is_added_is_judged_with_the_row_before_any_statement(
    tables: Database,
) -> None:
    notes, spans = Repository(Note, tables), Repository(Span, tables)
    data: Note = create[Note].model_validate({"text": "Hi"})
    statements: list[str] = []

    with subscribe(lambda run: statements.append(run.sql)):
        with pytest.raises(InvalidRow, match=r"author \(missing\)"):
            await notes.add(data)
        with pytest.raises(InvalidRow, match=r"author \(string_too_long\)"):
            await notes.add(data, Note.author.set("a" * 21))
        with pytest.raises(InvalidRow, match="value_error"):
            await spans.add(Span(start=1, end=2), Span.start.set(3))
        with pytest.raises(UsageError, match="is set twice"):
            await notes.add(data, Note.author.set("a"), Note.author.set("b"))
        with pytest.raises(UsageError, match="not a column of Note"):
            await notes.add(data, Team.name.set("a"))

    assert statements == []


@pytest.mark.parametrize("text", [Note.text + "!", sa.func.lower("A")])
async def test_a_row_that_is_not_there_yet_has_nothing_to_compute_with(
    tables: Database, text: Any
) -> None:
    with pytest.raises(WrongType, match=r"an expression for Note\.text"):
        await Repository(Note, tables).add(Note(text="Hi", author="ada"), Note.text.set(text))


async def test_json_that_a_variant_has_read_is_not_read_again(tables: Database) -> None:
    charts = Repository(Chart, tables)
    new: Chart = create[Chart].model_validate({"points": "[1, 2]"})
    row = Chart.model_validate({"points": "[3]"})

    assert (await charts.add(new)).points == [1, 2]
    assert [chart.points for chart in await charts.add_all([new, row])] == [[1, 2], [3]]
    named = await charts.add(new, Chart.name.set("first"), Chart.points.set([4]))
    assert (named.name, named.points) == ("first", [4])
    assert (await charts.add(row, Chart.name.set("second"))).points == [3]
    assert await charts.count() == 5
