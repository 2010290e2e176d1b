"""Reading rows that others have written: what the model refuses is an error, never an instance."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, ClassVar

import pytest
import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    field_validator,
)

from andamios_orm import Col, Database, Model, Repository, field, generated, register_type
from andamios_orm.errors import InvalidRow, NotStorable, WrongType

BEFORE, AFTER = sa.MetaData(), sa.MetaData()


class OldColor(Enum):
    RED = "red"
    SENTINEL = "sentinel-green"


class Color(Enum):
    RED = "red"


class Note(BaseModel):
    words: list[str]


class OldShape(Model, table="shape", metadata=BEFORE):
    """The table as it was once declared, and filled."""

    id: Col[int] = generated()
    color: Col[OldColor] = field(default=OldColor.RED)
    name: Col[str] = field(default="fine")
    notes: Col[dict[str, Any]] = field(default_factory=lambda: {"words": []})
    size: Col[int] = field(default=1)


def even(value: int) -> int:
    if value % 2:
        raise ValueError("sentinel-odd")
    return value


class Shape(Model, table="shape", metadata=AFTER):
    """The same table, as it is declared today."""

    id: Col[int] = generated()
    color: Col[Color]
    name: Col[str] = field(max_length=5, alias="Title")
    notes: Col[Note]
    size: Col[int]

    @field_validator("size")
    @classmethod
    def small(cls, value: int) -> int:
        if value > 9:
            raise ValueError(f"sentinel {value}")
        return value


class Evens(Model, table="shape", metadata=sa.MetaData()):
    id: Annotated[int, BeforeValidator(even)] = field(primary_key=True)


class Era:
    """What a user's own type reads from its column, or does not."""

    known: ClassVar[dict[str, int]] = {"fine": 1}

    def __init__(self, name: str) -> None:
        self.number = self.known[name]


register_type(Era, sa.String(20), encode=str, decode=Era)


class Eras(Model, table="shape", metadata=sa.MetaData()):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: Col[int] = generated()
    name: Col[Era]


class Fickle(Model, table="shape", metadata=sa.MetaData()):
    """Its validator changes its mind."""

    id: Col[int] = generated()

    @field_validator("id")
    @classmethod
    def every_second_time(cls, value: int) -> int:
        FICKLE.append(value)
        if len(FICKLE) % 2:
            raise ValueError("not now")
        return value


FICKLE: list[int] = []


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=BEFORE) as database:
        await database.create_all()
        yield database


@pytest.mark.parametrize(
    ("old", "fields"),
    [
        (OldShape(color=OldColor.SENTINEL), {"color": "enum"}),
        (OldShape(name="sentinel"), {"name": "string_too_long"}),
        (OldShape(notes={"sentinel": 1}), {"notes.words": "missing"}),
        (OldShape(notes={"words": ["sentinel", 2]}), {"notes.words.1": "string_type"}),
        (OldShape(size=424242), {"size": "value_error"}),
        (
            OldShape(color=OldColor.SENTINEL, name="sentinel"),
            {"color": "enum", "name": "string_too_long"},
        ),
    ],
)
async def test_a_row_that_the_model_refuses_names_model_key_and_field_and_no_value(
    empty: Database, old: OldShape, fields: dict[str, str]
) -> None:
    shapes = Repository(Shape, empty)
    olds = Repository(OldShape, empty)
    await olds.add(OldShape())
    stored = await olds.add(old)

    for attempt in (shapes.all(), shapes.get(stored.id), shapes.where(Shape.id > 1).first()):
        with pytest.raises(InvalidRow) as caught:
            await attempt
        error = caught.value
        assert (error.model, error.key, error.fields) == (Shape, (stored.id,), fields)
        assert "Shape" in str(error)
        assert f"primary key {stored.id}" in str(error)
        for name in fields:
            assert name in str(error)
        assert "sentinel" not in str(error) + repr(error.__cause__)
        assert "424242" not in str(error)
        assert error.__suppress_context__


async def test_the_rows_beside_it_can_still_be_read(empty: Database) -> None:
    olds, shapes = Repository(OldShape, empty), Repository(Shape, empty)
    fine, _ = await olds.add_all([OldShape(), OldShape(name="sentinel")])

    assert (await shapes.get(fine.id)).name == "fine"
    assert await shapes.count() == 2
    assert await shapes.where(Shape.name == "sentinel").exists()


async def test_a_bad_row_can_be_removed_through_the_model(empty: Database) -> None:
    bad = await Repository(OldShape, empty).add(OldShape(name="sentinel"))
    shapes = Repository(Shape, empty)

    await shapes.delete(bad.id)

    assert await shapes.count() == 0


async def test_a_key_that_the_model_refuses_is_reported_too(empty: Database) -> None:
    await Repository(OldShape, empty).add(OldShape())

    with pytest.raises(InvalidRow) as caught:
        await Repository(Evens, empty).all()

    assert caught.value.fields == {"id": "value_error"}
    assert "sentinel" not in str(caught.value)


async def test_what_a_users_type_cannot_read_is_reported_too(empty: Database) -> None:
    await Repository(OldShape, empty).add_all([OldShape(), OldShape(name="sentinel")])

    with pytest.raises(InvalidRow) as caught:
        await Repository(Eras, empty).all()

    assert caught.value.fields == {"name": "KeyError"}
    assert "sentinel" not in str(caught.value)


async def test_a_validator_that_changes_its_mind_shows_no_value_either(empty: Database) -> None:
    await Repository(OldShape, empty).add(OldShape())
    FICKLE.clear()

    with pytest.raises(InvalidRow, match="took it the second time") as caught:
        await Repository(Fickle, empty).all()

    assert (caught.value.model, caught.value.key, caught.value.fields) == (Fickle, None, {})


class Vault(Model, table="vault", metadata=AFTER):
    code: Col[SecretStr] = field(primary_key=True)
    size: Col[int]


class OldVault(Model, table="vault", metadata=BEFORE):
    code: Col[str] = field(primary_key=True)
    size: Col[str]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_secret_key_is_not_named(database_url: str) -> None:
    async with Database(database_url, metadata=BEFORE) as before:
        await before.create_all()
        await Repository(OldVault, before).add(OldVault(code="sentinel", size="many"))

    async with Database(database_url, metadata=AFTER) as after:
        with pytest.raises(InvalidRow) as caught:
            await Repository(Vault, after).all()

    assert "sentinel" not in str(caught.value)
    assert caught.value.key == ("(secret)",)
    assert caught.value.fields == {"size": "int_parsing"}


class Closed(Model, table=True, metadata=AFTER):
    model_config = ConfigDict(extra="forbid")

    id: Col[int] = generated()
    name: Col[str]

    @cached_property
    def upper(self) -> str:
        return self.name.upper()


async def test_a_cached_property_that_was_read_is_no_field(database_url: str) -> None:
    closed = Closed(name="ada")
    assert closed.upper == "ADA"

    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()
        stored = await Repository(Closed, db).add(closed)

    assert stored.name == "ada"


class Bag(Model, table=True, metadata=AFTER):
    id: Col[int] = generated()
    anything: Col[Any] = field(default=None)
    day: Col[date | str | None] = field(default=None)
    counts: Col[dict[str, int]] = field(default_factory=dict)


@pytest.mark.parametrize(
    "values",
    [
        {"anything": (1, 2)},
        {"anything": {1: 2}},
        {"anything": {1: 1, "1": 2}},
        {"anything": Decimal("1.1")},
        {"anything": [Color.RED]},
        {"day": "2020-01-01"},
    ],
    ids=repr,
)
async def test_json_that_would_come_back_different_is_refused_before_sql(
    database_url: str, values: dict[str, Any]
) -> None:
    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()

        with pytest.raises(NotStorable, match=r"Bag\.(anything|day): JSON would give"):
            await Repository(Bag, db).add(Bag(**values))

        assert not await Repository(Bag, db).exists()


async def test_the_keys_of_a_dict_are_not_shown(database_url: str) -> None:
    bag = Bag()
    loose: Any = bag.counts
    loose["sentinel"] = "x"

    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()
        with pytest.raises(InvalidRow) as caught:
            await Repository(Bag, db).add(bag)

    assert caught.value.fields == {"counts.*": "int_parsing"}


async def test_a_subclass_with_more_fields_is_refused(database_url: str) -> None:
    class Bigger(Bag):
        more: str = "lost"

    async with Database(database_url, metadata=AFTER) as db:
        with pytest.raises(WrongType, match="no columns for: more"):
            await Repository(Bag, db).add(Bigger())


async def test_a_selected_json_value_that_does_not_fit_is_an_error_without_it(
    database_url: str,
) -> None:
    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()
        await Repository(Bag, db).add(Bag())
        await db.execute(sa.text("""UPDATE bag SET counts = '{"sentinel": "x"}'"""))

        with pytest.raises(InvalidRow) as caught:
            await db.execute(sa.select(Bag.counts))

    assert "sentinel" not in str(caught.value)


def refuse(value: str) -> str:
    raise ValueError("no")


class Judged(Model, table=True, metadata=AFTER):
    id: Col[int] = generated()
    word: Col[Annotated[str, AfterValidator(refuse)]] = generated(server_default="zzz")


async def test_a_row_whose_default_is_refused_is_not_left_behind(database_url: str) -> None:
    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()

        with pytest.raises(InvalidRow):
            await Repository(Judged, db).add(Judged())

        assert await Repository(Judged, db).count() == 0


class Word(Model, table=True, metadata=AFTER):
    id: Col[int] = generated()
    text: Col[str] = field(pattern="^[a-z]+$")


async def test_a_computed_value_that_the_model_refuses_is_undone(database_url: str) -> None:
    async with Database(database_url, metadata=AFTER) as db:
        await db.create_all()
        words = Repository(Word, db)
        await words.add(Word(text="abc"))

        with pytest.raises(InvalidRow):
            await words.where(Word.text == "abc").update(Word.text.set(Word.text + "1"))

        assert [word.text for word in await words.all()] == ["abc"]
