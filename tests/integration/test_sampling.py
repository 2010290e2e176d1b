"""Rows made up from what models say."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
import pytest_asyncio
import sqlalchemy as sa
from pydantic import (
    AwareDatetime,
    BaseModel,
    EmailStr,
    Field,
    FutureDate,
    FutureDatetime,
    HttpUrl,
    Json,
    NaiveDatetime,
    PastDate,
    PastDatetime,
    SecretStr,
    model_validator,
)
from pydantic_core import to_json
from typing_extensions import TypedDict

from andamios_orm import (
    Col,
    Database,
    Model,
    Repository,
    Timestamps,
    UUIDKey,
    field,
    generated,
    register_type,
)
from andamios_orm.errors import SeedProblem, WrongEnvironment
from andamios_orm.seeding import SampleCount, SeedProgress, sample
from tests.engines import only_on

METADATA = sa.MetaData()


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size(TypedDict):
    width: int
    height: float


class Power(BaseModel):
    name: str
    level: int = Field(ge=1, le=10)
    since: AwareDatetime
    tags: set[str]
    next: "Power | None" = None


class Team(Timestamps, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    code: Col[str] = field(unique=True, pattern=r"^[A-Z]{3}-\d{4}$", max_length=8)
    founded: Col[date] = field(ge=date(1990, 1, 1), lt=date(2000, 1, 1))
    color: Col[Color]
    kind: Col[Literal["a", "b"]]


class Hero(UUIDKey, table=True, metadata=METADATA):
    name: Col[str] = field(max_length=20)
    email: Col[EmailStr] = field(unique=True, max_length=80)
    nick: Col[str] = field(unique=True, max_length=6)
    age: Col[int | None] = field(default=None, ge=0, le=120)
    fee: Col[Decimal] = field(max_digits=8, decimal_places=2, gt=0)
    odd: Col[Decimal] = field(max_digits=8, decimal_places=3, multiple_of=0.125, ge=-1)
    ratio: Col[float] = field(ge=0, le=1)
    dozens: Col[int] = field(multiple_of=12, gt=0, lt=1000)
    below: Col[int] = field(le=-5)
    powers: Col[list[Power]] = field(default_factory=list, max_length=2)
    size: Col[Size | None] = field(default=None)
    extra: Col[dict[str, int]] = field(default_factory=dict)
    raw: Col[bytes] = field(max_length=30, min_length=3)
    seen: Col[datetime] = field(ge=datetime.fromisoformat("2022-01-01T00:00:00+00:00"))
    wall: Col[NaiveDatetime]
    took: Col[timedelta] = field(ge=timedelta(0), le=timedelta(minutes=5))
    opens: Col[time] = field(ge=time(8), le=time(9, 30))
    before: Col[PastDate]
    after: Col[FutureDate]
    earlier: Col[PastDatetime]
    later: Col[FutureDatetime]
    token: Col[SecretStr]
    site: Col[HttpUrl]
    address: Col[IPv4Address]
    raw_json: Col[Json[list[int]]]
    short: Col[str | None] = field(default=None, min_length=3, max_length=5)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    boss_id: Col[UUID | None] = field(default=None, foreign_key="Hero.id")


class Badge(Model, table=True, metadata=METADATA):
    label: Col[str] = field(primary_key=True, max_length=10)


class HeroBadge(Model, table=True, metadata=METADATA):
    hero_id: Col[UUID] = field(primary_key=True, foreign_key=Hero.id)
    label: Col[str] = field(primary_key=True, max_length=10, foreign_key=Badge.label)


class Passport(Model, table=True, metadata=METADATA):
    hero_id: Col[UUID] = field(primary_key=True, foreign_key=Hero.id)
    number: Col[str] = field(pattern=r"^(?:[^a-z\s]{6}|x\W.)$", max_length=8)


MODELS = (Team, Hero, Badge, HeroBadge, Passport)


async def digest(db: Database) -> str:
    """What tells the made up rows of two databases apart; not the times that a database makes."""
    found: list[str] = []
    for model in MODELS:
        for row in await Repository(model, db).all():
            values = row.model_dump(exclude={"created_at", "updated_at", "token"})
            # PostgreSQL puts the keys of a JSON object in an order of its own; older pydantics
            # do not render addresses.
            plain = json.loads(to_json(values, bytes_mode="base64", fallback=str))
            found.append(json.dumps(plain, sort_keys=True))
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()


@pytest_asyncio.fixture
async def expected() -> str:
    """The digest of the rows that the usual number makes; another polyfactory makes others."""
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        await sample(db, size=60)
        return await digest(db)


async def test_made_up_rows_are_taken_by_their_models_and_the_database(
    database_url: str, expected: str
) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()

        report = await sample(db, size=60)

        assert {count.model: count.created for count in report.counts} == dict.fromkeys(MODELS, 60)
        heroes = await Repository(Hero, db).all()
        assert len({hero.email for hero in heroes}) == 60
        assert {hero.team_id is None for hero in heroes} == {True, False}
        assert {hero.boss_id is None for hero in heroes} == {True, False}
        assert {hero.age is None for hero in heroes} == {True, False}
        assert await digest(db) == expected


def test_the_same_number_makes_the_same_rows_in_each_process(expected: str) -> None:
    program = (
        "import asyncio\n"
        "from andamios_orm import Database\n"
        "from andamios_orm.seeding import sample\n"
        "from tests.integration.test_sampling import METADATA, digest\n"
        "async def main():\n"
        "    async with Database('sqlite://', metadata=METADATA) as db:\n"
        "        await db.create_all()\n"
        "        await sample(db, size=60)\n"
        "        print(await digest(db))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "17", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.strip() == expected


@pytest.mark.skipif(version("polyfactory") != "3.5.0", reason="another one makes other rows")
def test_a_number_makes_the_same_rows_from_release_to_release(expected: str) -> None:
    assert expected == "8347d4e81d7ef3cbb5548646fce2dc5d79b2630627f9437724bdb008b5a51c2f"


@only_on("sqlite")
async def test_another_number_makes_other_rows(database_url: str, expected: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        await sample(db, size=60, seed=43)

        assert await digest(db) != expected


@only_on("duckdb", "postgresql")
async def test_tables_with_rows_keep_them_and_are_referred_to(database_url: str) -> None:
    async with Database(database_url, metadata=METADATA) as db:
        await db.create_all()
        await Repository(Badge, db).add_all([Badge(label="a"), Badge(label="b")])
        told: list[SeedProgress] = []

        report = await sample(db, [HeroBadge], size=30, progress=told.append)

        assert report.counts == (
            SampleCount(Badge, 0, kept=2),
            SampleCount(Team, 30),
            SampleCount(Hero, 30),
            SampleCount(HeroBadge, 30),
        )
        assert str(report).startswith("Badge: 0 created, 2 were there already\nTeam: 30 created\n")
        assert {row.label for row in await Repository(HeroBadge, db).all()} == {"a", "b"}
        assert [p.done for p in told if p.model is Team] == [10, 20, 30]
        assert {p.total for p in told} == {30}
        again = await sample(db, [HeroBadge], size=30)
        assert {count.created for count in again.counts} == {0}


# ---- the ends of what is possible ----------------------------------------------------------------


async def filled(*models: type[Model], **options: Any) -> list[SampleCount]:
    """What became of samples of models with a metadata of their own."""
    async with Database("sqlite://", metadata=models[0].__table__.metadata) as db:
        await db.create_all()
        report = await sample(db, models, **options)
        for count in report.counts:
            assert await Repository(count.model, db).count() == count.created
        return list(report.counts)


async def test_there_are_no_more_rows_than_can_differ() -> None:
    metadata = sa.MetaData()

    class Kind(Model, table=True, metadata=metadata):
        color: Col[Color] = field(primary_key=True)

    class Pair(Model, table=True, metadata=metadata):
        one: Col[Color] = field(primary_key=True, foreign_key=Kind.color)
        other: Col[Color] = field(primary_key=True, foreign_key=Kind.color)

    counts = await filled(Kind, Pair, size=50)

    assert counts == [SampleCount(Kind, 2), SampleCount(Pair, 4)]


async def test_models_that_refer_to_each_other_are_filled() -> None:
    metadata = sa.MetaData()

    class Club(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        captain_id: Col[int | None] = field(default=None, foreign_key="Player.id")

    class Player(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        club_id: Col[int] = field(foreign_key=Club.id)

    assert await filled(Club, Player, size=20) == [SampleCount(Club, 20), SampleCount(Player, 20)]


async def test_only_what_others_refer_to_can_be_referred_to() -> None:
    metadata = sa.MetaData()

    class Alias(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str | None] = field(default=None, unique=True, max_length=20)

    class Use(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str] = field(foreign_key=Alias.name, max_length=20)

    assert await filled(Alias, Use, size=30) == [SampleCount(Alias, 30), SampleCount(Use, 30)]


async def test_rows_of_one_table_can_refer_to_themselves() -> None:
    metadata = sa.MetaData()

    class Node(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        up: Col[int] = field(foreign_key="Node.id")

    with pytest.raises(SeedProblem, match=r"Node.up needs a Node, and there is none"):
        await filled(Node, size=20)


async def test_a_key_of_several_fields_is_referred_to_as_one() -> None:
    metadata = sa.MetaData()

    class Shop(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Order(Model, table=True, metadata=metadata):
        shop_id: Col[int] = field(primary_key=True, foreign_key=Shop.id)
        number: Col[int] = field(primary_key=True, ge=1, le=1000)

    class Line(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        shop_id: Col[int] = field(foreign_key=Shop.id)
        number: Col[int]
        before: Col[int | None] = field(default=None)
        __table_args__ = (
            sa.ForeignKeyConstraint(["shop_id", "number"], ["order.shop_id", "order.number"]),
            sa.ForeignKeyConstraint(["shop_id", "before"], ["order.shop_id", "order.number"]),
        )

    counts = await filled(Line, size=40)

    assert [count.created for count in counts] == [40, 40, 40]


async def test_validators_may_refuse_some_rows() -> None:
    metadata = sa.MetaData()

    class Span(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        low: Col[int]
        high: Col[int]

        @model_validator(mode="after")
        def ordered(self) -> "Span":
            if self.low > self.high:
                raise ValueError("the wrong way round")
            return self

    assert await filled(Span, size=50) == [SampleCount(Span, 50)]


async def test_a_model_that_refuses_all_is_told_how_to_help() -> None:
    metadata = sa.MetaData()

    class Even(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        word: Col[str]

        @model_validator(mode="after")
        def known(self) -> "Even":
            if self.word != "secret":
                raise ValueError("not the word")
            return self

    with pytest.raises(SeedProblem, match=r"Even refuses each of 100 rows.*\(model\) \(value_err"):
        await filled(Even, size=5)
    counts = await filled(Even, size=5, make={Even.word: lambda random: "secret"})
    assert counts == [SampleCount(Even, 5)]


async def test_what_the_database_refuses_is_told_without_values() -> None:
    metadata = sa.MetaData()

    class Odd(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        number: Col[int]
        __table_args__ = (sa.CheckConstraint("number > 4711", name="odd"),)

    with pytest.raises(SeedProblem, match="samples of Odd: ") as caught:
        await filled(Odd, size=5)

    assert "make={Odd.field" in caught.value.fix


async def test_a_type_that_nobody_can_make_up_is_named() -> None:
    metadata = sa.MetaData()

    class Angle:
        def __init__(self, degrees: float) -> None:
            self.degrees = degrees

    register_type(Angle, sa.Double(), encode=lambda angle: angle.degrees, decode=Angle)

    class Turn(Model, table=True, metadata=metadata, arbitrary_types_allowed=True):
        id: Col[int] = generated()
        angle: Col[Angle]

    with pytest.raises(SeedProblem, match=r"no sample can be made up for Turn\.angle"):
        await filled(Turn, size=5)
    counts = await filled(Turn, size=5, make={Turn.angle: lambda random: Angle(random.random())})
    assert counts == [SampleCount(Turn, 5)]


async def test_nothing_is_made_up_in_production() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        with pytest.raises(WrongEnvironment, match="no place in production"):
            await sample(db, environment="production")


async def test_a_table_that_is_missing_leads_to_migrations() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        with pytest.raises(SeedProblem, match="no table badge, team, "):
            await sample(db)
