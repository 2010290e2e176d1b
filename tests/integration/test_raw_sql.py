"""SQL of the user's own is read into any class by the names of its columns, with bound values."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, Json

from andamios_orm import Col, Database, Model, Repository, Session, field, generated
from andamios_orm.errors import (
    InvalidRow,
    ManyFound,
    NotFound,
    SessionMisuse,
    ShapeProblem,
    StatementFailed,
    UsageError,
)
from andamios_orm.observe import StatementRun, subscribe
from tests.engines import only_on

METADATA = sa.MetaData()


class Rank(Enum):
    NOVICE = "novice"
    MASTER = "master"


class Power(BaseModel):
    name: str
    level: int


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(max_length=50)
    age: Col[int | None] = field(default=None)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=10, decimal_places=2)
    rank: Col[Rank] = field(default=Rank.NOVICE)
    serial: Col[UUID] = field(default=UUID(int=7))
    joined: Col[datetime] = field(default=datetime(2024, 2, 29, 12, tzinfo=UTC))
    powers: Col[list[Power]] = field(default_factory=list)
    note: Col[list[int] | None] = field(default=None)


class NameAge(BaseModel):
    name: str
    age: int | None


@pytest_asyncio.fixture
async def heroes(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        await Repository(Hero, db).add_all(
            [
                Hero(
                    name="Ada",
                    age=36,
                    fee=Decimal("0.30"),
                    rank=Rank.MASTER,
                    serial=UUID(int=8),
                    powers=[Power(name="foresight", level=3)],
                    note=[1],
                ),
                Hero(name="Bob", age=20),
                Hero(name="Cid"),
            ]
        )
        yield db


OLD = "SELECT name, age FROM hero WHERE age > :age ORDER BY name"


async def test_rows_of_a_text_become_instances_by_the_names_of_its_columns(
    heroes: Database,
) -> None:
    seen: list[StatementRun] = []
    with subscribe(seen.append):
        found = await heroes.sql(OLD, {"age": 10}).into(NameAge).all()
    assert found == [NameAge(name="Ada", age=36), NameAge(name="Bob", age=20)]
    assert not any("10" in event.sql for event in seen)

    reordered = "SELECT age, id, name FROM hero WHERE name = :name"
    assert await heroes.sql(reordered, {"name": "Cid"}).into(NameAge).one() == NameAge(
        name="Cid", age=None
    )


async def test_first_and_one_are_what_they_are_elsewhere(heroes: Database) -> None:
    def older(age: int) -> Any:
        return heroes.sql(OLD, {"age": age}).into(NameAge)

    assert await older(10).first() == NameAge(name="Ada", age=36)
    assert await older(30).one() == NameAge(name="Ada", age=36)
    assert await older(99).first() is None
    assert await older(99).all() == []
    with pytest.raises(NotFound, match="gives no row") as none:
        await older(99).one()
    with pytest.raises(ManyFound, match="more than one row") as many:
        await older(10).one()
    assert none.value.model is many.value.model is NameAge


async def test_rows_are_dicts_too(heroes: Database) -> None:
    assert await heroes.sql(OLD, {"age": 30}).rows() == [{"name": "Ada", "age": 36}]
    assert await heroes.sql("UPDATE hero SET age = age + 1 WHERE age IS NOT NULL").rows() == []
    assert await heroes.sql(OLD, {"age": 36}).rows() == [{"name": "Ada", "age": 37}]
    with pytest.raises(UsageError, match="two columns of the result are called `name`"):
        await heroes.sql("SELECT name, name FROM hero").rows()


async def test_values_are_bound_and_never_a_part_of_the_text(heroes: Database) -> None:
    query = "SELECT name, age FROM hero WHERE name = :name"
    for attack in ("x' OR '1'='1", "Ada'; DROP TABLE hero; --", "\\' OR 1=1 --", ":age", "%s"):
        assert await heroes.sql(query, {"name": attack}).into(NameAge).all() == []
    assert await Repository(Hero, heroes).count() == 3


async def test_a_list_fills_an_in(heroes: Database) -> None:
    query = "SELECT name, age FROM hero WHERE name IN :names ORDER BY name"

    async def named(names: object) -> list[str]:
        found = await heroes.sql(query, {"names": names}).into(NameAge).all()
        return [row.name for row in found]

    assert await named(["Ada", "Cid"]) == ["Ada", "Cid"]
    assert await named({"Bob"}) == ["Bob"]
    for empty in ((), [None]):
        with pytest.raises(UsageError, match="a list without a value for :names"):
            heroes.sql(query, {"names": empty})


async def test_a_value_finds_the_row_that_a_model_stored(heroes: Database) -> None:
    query = (
        "SELECT name, age FROM hero WHERE serial = :serial AND joined = :joined AND fee = :fee"
        " AND hero.rank = :rank AND age = :age"
    )
    ada = await Repository(Hero, heroes).where(Hero.name == "Ada").one()
    values = {"serial": ada.serial, "joined": ada.joined, "fee": ada.fee, "rank": ada.rank}
    found = await heroes.sql(query, {**values, "age": ada.age}).into(NameAge).one()
    assert found.name == "Ada"


async def test_json_of_a_text_is_read_where_the_field_holds_models(heroes: Database) -> None:
    class Card(BaseModel):
        model_config = ConfigDict(extra="forbid")
        called: str = Field(alias="named")
        powers: list[Power]
        note: list[int] | None
        fee: Decimal
        rank: Rank
        serial: UUID

    query = "SELECT name AS called, powers, note, fee, hero.rank, serial FROM hero ORDER BY name"
    ada, bob, _ = await heroes.sql(query).into(Card).all()
    assert ada.model_dump() == {
        "called": "Ada",
        "powers": [{"name": "foresight", "level": 3}],
        "note": [1],
        "fee": Decimal("0.30"),
        "rank": Rank.MASTER,
        "serial": UUID(int=8),
    }
    assert (bob.powers, bob.note) == ([], None)


async def test_text_stays_text_where_the_field_takes_text(heroes: Database) -> None:
    class Card(BaseModel):
        name: Any
        other: int | str
        powers: Json[list[Power]]

    query = "SELECT name, name AS other, powers FROM hero WHERE name = 'Ada'"
    card = await heroes.sql(query).into(Card).one()
    assert (card.name, card.other) == ("Ada", "Ada")
    assert card.powers == [Power(name="foresight", level=3)]


async def test_a_select_of_sqlalchemys_gives_values_of_its_columns_types(heroes: Database) -> None:
    class Level(BaseModel):
        level: int

    class Card(BaseModel):
        name: str
        rank: str
        joined: datetime
        fee: Decimal
        serial: UUID
        powers: list[Level]
        raw: Any
        note: list[int] | None
        place: int

    class Typed(BaseModel):
        rank: Rank
        powers: Json[list[Power]]

    ranked = sa.select(
        Hero.name,
        Hero.rank,
        Hero.joined,
        Hero.fee,
        Hero.serial,
        Hero.powers,
        Hero.powers.column.label("raw"),
        Hero.note,
        sa.func.row_number().over(order_by=sa.desc(Hero.name)).label("place"),
    ).cte("ranked")
    query = sa.select(ranked).where(ranked.c.place > 1).order_by(ranked.c.name)

    found = await heroes.sql(query).into(Card).all()
    assert [card.name for card in found] == ["Ada", "Bob"]
    assert found[0].model_dump() == {
        "name": "Ada",
        "rank": "master",
        "joined": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "fee": Decimal("0.30"),
        "serial": UUID(int=8),
        "powers": [{"level": 3}],
        "raw": [{"name": "foresight", "level": 3}],
        "note": [1],
        "place": 3,
    }
    typed = await heroes.sql(query).into(Typed).first()
    assert typed == Typed.model_construct(
        rank=Rank.MASTER, powers=[Power(name="foresight", level=3)]
    )


async def test_a_union_and_a_text_with_types_are_statements_too(heroes: Database) -> None:
    class Named(BaseModel):
        name: str

    union = sa.union_all(
        sa.select(Hero.name).where(Hero.age > 30), sa.select(Hero.name).where(Hero.age < 30)
    ).order_by("name")
    assert [row.name for row in await heroes.sql(union).into(Named).all()] == ["Ada", "Bob"]

    typed = sa.text(
        "SELECT rank AS level FROM hero WHERE name = 'Ada'".replace("rank", "hero.rank")
    )
    rows = await heroes.sql(typed.columns(sa.column("level", Hero.rank.column.type))).rows()
    assert rows == [{"level": Rank.MASTER}]


async def test_a_statement_runs_inside_a_session(heroes: Database) -> None:
    async def birthday(session: Session) -> None:
        await session.sql(
            "UPDATE hero SET age = age + :n WHERE name = :name", {"n": 1, "name": "Ada"}
        ).rows()
        assert (await session.sql(OLD, {"age": 30}).into(NameAge).one()).age == 37
        await session.rollback()

    await heroes.run(birthday)
    assert (await heroes.sql(OLD, {"age": 30}).into(NameAge).one()).age == 36


async def test_a_field_without_a_column_is_an_error_that_names_the_closest(
    heroes: Database,
) -> None:
    with pytest.raises(
        ShapeProblem,
        match=r"NameAge\.age: no column of the result is called `age`; close to it are ages",
    ):
        await heroes.sql("SELECT name, age AS ages FROM hero").into(NameAge).all()
    with pytest.raises(
        ShapeProblem, match=r"NameAge\.age: no column of the result is called `age`\n"
    ):
        await heroes.sql("SELECT name FROM hero WHERE 1 = 0").into(NameAge).all()
    with pytest.raises(ShapeProblem, match=r"NameAge\.name: two columns of the result are called"):
        await heroes.sql("SELECT name, name, age FROM hero").into(NameAge).first()
    with pytest.raises(ShapeProblem, match=r"into\(\) got str"):
        heroes.sql("SELECT name FROM hero").into(str)  # type: ignore[type-var] # what the test is about


async def test_a_row_that_does_not_fit_is_named_without_its_values(heroes: Database) -> None:
    class Wrong(BaseModel):
        name: int
        powers: list[int]

    class Card(BaseModel):
        name: int

    with pytest.raises(InvalidRow) as refused:
        await heroes.sql("SELECT name, powers FROM hero").into(Wrong).all()
    assert refused.value.fields == {"powers.0": "int_type"}
    with pytest.raises(InvalidRow) as refused:
        await heroes.sql("SELECT name FROM hero").into(Card).all()
    assert refused.value.fields == {"name": "int_parsing"}
    assert "Ada" not in str(refused.value)
    with pytest.raises(StatementFailed):
        await heroes.sql("SELECT nothing FROM hero").into(Card).all()


async def test_many_rows_come_whole(heroes: Database) -> None:
    await Repository(Hero, heroes).add_all([Hero(name=f"{n:04}", age=99) for n in range(1100)])
    found = await heroes.sql(OLD, {"age": 90}).into(NameAge).all()
    assert [row.name for row in found] == [f"{n:04}" for n in range(1100)]


@only_on("duckdb")
async def test_a_text_waits_for_its_turn_where_writers_take_turns(heroes: Database) -> None:
    async with heroes.session():
        with pytest.raises(SessionMisuse):
            await heroes.sql(OLD, {"age": 1}).rows()
        assert len(await heroes.sql(sa.select(Hero.name)).rows()) == 3
