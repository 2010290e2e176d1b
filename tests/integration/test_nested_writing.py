"""Rows stored together with those that belong to them, and links between stored rows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from enum import Enum
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, Field, Json, ValidationError

from andamios_orm import (
    Col,
    Create,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    UUIDKey,
    field,
    generated,
    relation,
)
from andamios_orm.errors import (
    ForeignKeyViolation,
    InvalidRow,
    NotLoaded,
    UniqueViolation,
    UsageError,
    WrongType,
)

METADATA = sa.MetaData()


class Club(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=20)
    code: Col[str] = field(default="-", max_length=9, read_only=True)
    members: RelatedList["Member"] = relation(order_by="name")
    rules: Related["Rules | None"] = relation()


class Rules(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    text: Col[str]
    club_id: Col[int] = field(foreign_key=Club.id, unique=True)


class Hobby(UUIDKey, table=True, metadata=METADATA):
    name: Col[str] = field(max_length=20)


class MemberHobby(Model, table=True, metadata=METADATA):
    member_id: Col[int] = field(primary_key=True, foreign_key="Member.id")
    hobby_id: Col[UUID] = field(primary_key=True, foreign_key=Hobby.id)


class Membership(Model, table=True, metadata=METADATA):
    member_id: Col[int] = field(primary_key=True, foreign_key="Member.id")
    hobby_id: Col[UUID] = field(primary_key=True, foreign_key=Hobby.id)
    since: Col[int]


class Member(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=20)
    age: Col[int] = field(default=18, ge=0)
    club_id: Col[int | None] = field(default=None, foreign_key=Club.id)
    club: Related[Club | None] = relation()
    hobbies: RelatedList[Hobby] = relation(through=MemberHobby)
    dated: RelatedList[Hobby] = relation(through=Membership)


class HobbyIn(BaseModel):
    name: str


class MemberIn(BaseModel):
    name: str
    age: int = 18
    hobbies: list[HobbyIn] = Field(default_factory=list)


class RulesIn(BaseModel):
    text: str


class ClubIn(Club, variant="create"):
    members: list[MemberIn] = Field(default_factory=list)  # type: ignore[assignment] # rows to be stored, in a relation's place
    rules: RulesIn | None = None  # type: ignore[assignment] # as above


class MemberAndClub(Member, variant="create"):
    club: ClubIn | None = None


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


def club(**values: Any) -> Club:
    return ClubIn.model_validate(values)


async def rows(db: Database) -> tuple[int, int, int, int]:
    models: list[type[Model]] = [Club, Member, Hobby, MemberHobby]
    counts = [await Repository(model, db).count() for model in models]
    return (counts[0], counts[1], counts[2], counts[3])


async def test_what_the_program_says_of_a_row_is_stored_with_its_family(db: Database) -> None:
    clubs = Repository(Club, db)
    data = club(name="Chess", members=[{"name": "Ada"}])

    stored = await clubs.add(data, Club.code.set("C1"))

    assert (stored.code, [member.name for member in stored.members]) == ("C1", ["Ada"])
    assert (await clubs.get(stored.id)).code == "C1"


async def test_a_key_is_not_said_beside_the_row_that_it_would_refer_to(db: Database) -> None:
    data = MemberAndClub.model_validate({"name": "Ada", "club": {"name": "Chess"}})

    with pytest.raises(UsageError, match=r"club_id is given, and so is the row"):
        await Repository(Member, db).add(data, Member.club_id.set(3))
    assert await rows(db) == (0, 0, 0, 0)


async def test_a_row_is_stored_with_those_that_belong_to_it(db: Database) -> None:
    stored = await Repository(Club, db).add(
        club(
            name="Chess",
            rules={"text": "be quiet"},
            members=[
                {"name": "Ada", "age": 36, "hobbies": [{"name": "maths"}, {"name": "verse"}]},
                {"name": "Grace"},
            ],
        )
    )

    assert type(stored) is Club
    assert [(m.name, m.age, m.club_id) for m in stored.members] == [
        ("Ada", 36, stored.id),
        ("Grace", 18, stored.id),
    ]
    assert [h.name for h in stored.members[0].hobbies] == ["maths", "verse"]
    assert stored.members[1].hobbies == []
    assert stored.rules is not None
    assert stored.rules.club_id == stored.id
    [again] = await Repository(Club, db).load(Club.members.then(Member.hobbies), Club.rules).all()
    assert again == stored
    assert again.members == stored.members
    assert {h.id for h in again.members[0].hobbies} == {h.id for h in stored.members[0].hobbies}
    assert again.rules == stored.rules


async def test_several_rows_are_stored_with_theirs_in_their_order(db: Database) -> None:
    stored = await Repository(Club, db).add_all(
        [
            club(name="A", members=[{"name": "one"}, {"name": "two"}]),
            club(name="B"),
            club(name="C", members=[{"name": "three", "hobbies": [{"name": "go"}]}]),
        ]
    )

    assert [(c.name, [m.name for m in c.members]) for c in stored] == [
        ("A", ["one", "two"]),
        ("B", []),
        ("C", ["three"]),
    ]
    assert [c.rules for c in stored] == [None, None, None]
    assert await rows(db) == (3, 3, 1, 1)


async def test_a_row_that_it_refers_to_is_stored_first(db: Database) -> None:
    members = Repository(Member, db)

    ada = await members.add(
        MemberAndClub.model_validate({"name": "Ada", "club": {"name": "Chess"}})
    )
    grace = await members.add(MemberAndClub.model_validate({"name": "Grace"}))

    assert ada.club is not None
    assert (ada.club.name, ada.club_id) == ("Chess", ada.club.id)
    assert (grace.club, grace.club_id) == (None, None)


async def test_what_the_database_refuses_leaves_nothing_behind(db: Database) -> None:
    clubs = Repository(Club, db)
    await clubs.add(club(name="Chess"))

    with pytest.raises(UniqueViolation):
        await Repository(Member, db).add_all(
            [
                MemberAndClub.model_validate({"name": "Ada", "club": {"name": "Go"}}),
                MemberAndClub.model_validate({"name": "Grace", "club": {"name": "Chess"}}),
            ]
        )

    assert await rows(db) == (1, 0, 0, 0)


async def test_what_a_related_model_refuses_is_told_before_anything_is_stored(
    db: Database,
) -> None:
    with pytest.raises(InvalidRow) as caught:
        await Repository(Club, db).add(
            club(name="Chess", members=[{"name": "Ada", "age": 3}, {"name": "Bob", "age": -1}])
        )

    assert caught.value.model is Member
    assert caught.value.fields == {"age": "greater_than_equal"}
    assert "-1" not in str(caught.value)
    assert await rows(db) == (0, 0, 0, 0)


class Invited(Club, variant="create"):
    members: list[Member]
    invitation: str


async def test_rows_can_be_of_their_model_and_what_is_no_field_is_not_stored(
    db: Database,
) -> None:
    given = Invited.model_validate(
        {"name": "Chess", "invitation": "come", "members": [{"name": "Ada"}, {"name": "Bob"}]}
    )

    stored = await Repository(Club, db).add(given)

    assert [(m.name, m.club_id) for m in stored.members] == [
        ("Ada", stored.id),
        ("Bob", stored.id),
    ]
    assert not hasattr(stored, "invitation")


class Stray(BaseModel):
    name: str
    nickname: str = "x"


class WithStrays(Club, variant="create"):
    members: list[Stray]  # type: ignore[assignment] # rows to be stored, in a relation's place


class Keyed(BaseModel):
    name: str
    club_id: int | None = None


class WithKeyed(Club, variant="create"):
    members: list[Keyed]  # type: ignore[assignment] # as above


class WithWords(Club, variant="create"):
    members: list[str]  # type: ignore[assignment] # as above


class WithWord(Club, variant="create"):
    members: str  # type: ignore[assignment] # as above


class KeyAndClub(Member, variant="create"):
    club: HobbyIn | None  # type: ignore[assignment] # as above


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: WithStrays.model_validate({"name": "C", "members": [{"name": "a"}]}),
            UsageError,
            "Stray.nickname is neither a field nor a relation of Member",
        ),
        (
            lambda: WithKeyed.model_validate(
                {"name": "C", "members": [{"name": "a", "club_id": 3}]}
            ),
            UsageError,
            "Keyed.club_id is given, and so is the row that it would refer to",
        ),
        (
            lambda: WithWords.model_validate({"name": "C", "members": ["a"]}),
            WrongType,
            "WithWords.members holds a str, which is no Pydantic model",
        ),
        (
            lambda: WithWord.model_validate({"name": "C", "members": "a"}),
            WrongType,
            "WithWord.members is a str",
        ),
    ],
)
async def test_what_cannot_be_a_related_row_is_refused(
    db: Database, make: Callable[[], Club], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await Repository(Club, db).add(make())

    assert await rows(db) == (0, 0, 0, 0)


async def test_a_key_beside_the_row_that_it_would_refer_to_is_refused(db: Database) -> None:
    given = KeyAndClub.model_validate({"name": "Ada", "club_id": 1, "club": {"name": "Chess"}})

    with pytest.raises(UsageError, match=r"KeyAndClub\.club_id is given, and so is the row"):
        await Repository(Member, db).add(given)

    without = KeyAndClub.model_validate({"name": "Ada", "club_id": None, "club": {"name": "Go"}})
    stored = await Repository(Member, db).add(without)
    assert stored.club is not None
    assert stored.club_id == stored.club.id


async def test_an_empty_key_of_a_related_row_gives_way_to_its_parents(db: Database) -> None:
    given = WithKeyed.model_validate({"name": "C", "members": [{"name": "a", "club_id": None}]})

    stored = await Repository(Club, db).add(given)

    assert [m.club_id for m in stored.members] == [stored.id]


def test_an_api_cannot_store_related_rows_that_its_class_does_not_name() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        _ = Create[Club].model_validate({"name": "C", "members": []})


# ---- links -------------------------------------------------------------------------------------


async def stored_member(db: Database, *hobbies: str) -> tuple[Member, list[Hobby]]:
    member = await Repository(Member, db).add(Member(name="Ada"))
    found = await Repository(Hobby, db).add_all([Hobby(name=name) for name in hobbies])
    return member, found


async def names(db: Database) -> list[str]:
    [member] = await Repository(Member, db).load(Member.hobbies.order_by(Hobby.name)).all()
    return [hobby.name for hobby in member.hobbies]


async def test_linking_relates_stored_rows_and_unlinking_undoes_it(db: Database) -> None:
    members = Repository(Member, db)
    ada, [go, chess, verse] = await stored_member(db, "go", "chess", "verse")

    await members.link(ada, Member.hobbies, go, chess)
    await members.link(ada, Member.hobbies, chess, verse, verse)
    await members.link(ada, Member.hobbies)
    assert await names(db) == ["chess", "go", "verse"]

    assert await members.unlink(ada, Member.hobbies, go, verse) == 2
    assert await members.unlink(ada, Member.hobbies, go) == 0
    assert await members.unlink(ada, Member.hobbies) == 0
    assert await names(db) == ["chess"]
    assert await Repository(Hobby, db).count() == 3


async def test_a_session_that_fails_takes_its_links_back(db: Database) -> None:
    ada, [go] = await stored_member(db, "go")

    async def fail() -> None:
        async with db.session() as session:
            await Repository(Member, session).link(ada, Member.hobbies, go)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert await names(db) == []


async def test_a_link_to_a_row_that_is_gone_is_refused(db: Database) -> None:
    ada, [go, chess] = await stored_member(db, "go", "chess")
    await Repository(Hobby, db).delete(go)

    with pytest.raises(ForeignKeyViolation):
        await Repository(Member, db).link(ada, Member.hobbies, chess, go)

    assert await names(db) == []


async def test_tasks_that_link_the_same_rows_at_once_link_them_once(db: Database) -> None:
    members = Repository(Member, db)
    ada, hobbies = await stored_member(db, "go", "chess")

    await asyncio.gather(*(members.link(ada, Member.hobbies, *hobbies) for _ in range(8)))

    assert await names(db) == ["chess", "go"]


async def test_a_link_with_fields_of_its_own_is_stored_as_a_row(db: Database) -> None:
    ada, [go] = await stored_member(db, "go")

    with pytest.raises(InvalidRow) as caught:
        await Repository(Member, db).link(ada, Member.dated, go)

    assert caught.value.fields == {"since": "missing"}


async def test_only_stored_rows_of_the_right_models_are_linked(db: Database) -> None:
    members = Repository(Member, db)
    ada, [go] = await stored_member(db, "go")

    with pytest.raises(NotLoaded, match="has no id yet"):
        await members.link(Member(name="new"), Member.hobbies, go)
    for call in (members.link, members.unlink):
        with pytest.raises(WrongType, match="a Member is no Hobby"):
            await call(ada, Member.hobbies, cast("Hobby", ada))
        with pytest.raises(WrongType, match="a Hobby is no Member"):
            await call(cast("Member", go), Member.hobbies, go)
    with pytest.raises(UsageError, match="has no link table"):
        await Repository(Club, db).link(Club(name="C"), Club.members, ada)
    with pytest.raises(UsageError, match="no relation of Club"):
        await Repository(Club, db).link(Club(name="C"), cast("Any", Member.hobbies), go)
    with pytest.raises(WrongType, match="is no relation"):
        await members.link(ada, cast("Any", "hobbies"), go)


class Shelf(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    labels: Col[Json[list[str]]]
    boxes: RelatedList["Box"] = relation()


class Box(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    sizes: Col[Json[list[int]]]
    shelf_id: Col[int] = field(foreign_key=Shelf.id)


class BoxIn(BaseModel):
    sizes: Json[list[int]]


class ShelfIn(Shelf, variant="create"):
    boxes: list[BoxIn]  # type: ignore[assignment] # rows to be stored, in a relation's place


async def test_json_that_was_read_is_stored_with_the_rows_that_have_it(db: Database) -> None:
    new = ShelfIn.model_validate({"labels": '["a"]', "boxes": [{"sizes": "[1, 2]"}]})

    shelf = await Repository(Shelf, db).add(new)

    assert shelf.labels == ["a"]
    assert [box.sizes for box in await Repository(Box, db).all()] == [[1, 2]]


class Room(Model, table=True, metadata=METADATA):
    house: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)


class Guest(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    rooms: RelatedList[Room] = relation(through="Stay", order_by=("house", "number"))


class Stay(Model, table=True, metadata=METADATA):
    house: Col[int] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)
    guest_id: Col[int] = field(primary_key=True, foreign_key=Guest.id)
    __table_args__ = (sa.ForeignKeyConstraint(["house", "number"], ["room.house", "room.number"]),)


async def test_rows_with_keys_of_several_parts_are_linked_and_unlinked(db: Database) -> None:
    guests = Repository(Guest, db)
    ada = await guests.add(Guest())
    rooms = await Repository(Room, db).add_all(
        [Room(house=house, number=number) for house in (1, 2) for number in (1, 2)]
    )

    await guests.link(ada, Guest.rooms, *rooms)
    await guests.link(ada, Guest.rooms, rooms[0])

    assert await guests.unlink(ada, Guest.rooms, rooms[0], rooms[3]) == 2
    [again] = await guests.load(Guest.rooms).all()
    assert [(room.house, room.number) for room in again.rooms] == [(1, 2), (2, 1)]


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class Song(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    moods: RelatedList["Feeling"] = relation(through="SongFeeling")


class Feeling(Model, table=True, metadata=METADATA):
    name: Col[str] = field(primary_key=True, max_length=10)


class SongFeeling(Model, table=True, metadata=METADATA):
    song_id: Col[int] = field(primary_key=True, foreign_key=Song.id)
    mood: Col[Mood] = field(primary_key=True, foreign_key=Feeling.name)


async def test_rows_are_unlinked_whose_keys_are_of_another_python_type_in_the_link(
    db: Database,
) -> None:
    songs = Repository(Song, db)
    song = await songs.add(Song())
    calm, wild = await Repository(Feeling, db).add_all([Feeling(name="calm"), Feeling(name="wild")])

    await songs.link(song, Song.moods, calm, wild)

    assert await songs.unlink(song, Song.moods, calm) == 1
    assert [one.mood for one in await Repository(SongFeeling, db).all()] == [Mood.WILD]
