"""What a relation on a class answers before anything is asked of a database."""

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.mysql import aiomysql
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm import (
    Col,
    Database,
    Model,
    Related,
    RelatedList,
    Repository,
    field,
    generated,
    relation,
)
from andamios_orm.errors import ConditionMisuse, NotSupported, UsageError, WrongType
from andamios_orm.queries import to_sql
from andamios_orm.queries.expressions import Path, ToOne
from andamios_orm.queries.loads import ModelRelation, loads_of
from andamios_orm.queries.selection import Selection

METADATA = sa.MetaData()


class City(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    size: Col[int] = field(default=0)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=30, decimal_places=10)
    notes: Col[list[int]] = field(default_factory=list)
    city_id: Col[int | None] = field(default=None, foreign_key=City.id)
    city: Related[City | None] = relation()
    heroes: RelatedList["Hero"] = relation(order_by="name")


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int] = field(default=0)
    size: Col[int] = field(default=0)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=30, decimal_places=10)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    leader_id: Col[int | None] = field(default=None, foreign_key="hero.id")
    leader: Related["Hero | None"] = relation()
    followers: RelatedList["Hero"] = relation()


LooseHero: Any = Hero
LooseTeam: Any = Team
"""For what a type checker refuses already."""


def sql(condition: Any, model: type[Model] = Hero) -> str:
    statement = to_sql.select(Selection(model).where(condition), "sqlite", [sa.literal_column("1")])
    return " ".join(str(statement.compile(dialect=aiosqlite.dialect())).split())


# ---- the object --------------------------------------------------------------------------------


def test_a_relation_is_one_object_for_each_class_and_path() -> None:
    assert LooseHero.team is LooseHero.team
    assert LooseHero.team.to.city is LooseHero.team.to.city
    assert LooseHero.team.to.city is not LooseTeam.city
    assert isinstance(LooseHero.team.to.city, ModelRelation)


def test_parameters_of_relations_in_annotations_are_for_type_checkers() -> None:
    assert ToOne[Hero, Team] is ToOne
    assert Path[Hero, Team] is Path


NODES: list[Any] = [
    LooseHero.team,
    LooseHero.team.to,
    LooseHero.team.to.name,
    LooseHero.team.to.city,
    LooseHero.team.to.city.to.name,
    LooseTeam.heroes,
    LooseHero.team.to.heroes,
]


@pytest.mark.parametrize("node", NODES, ids=repr)
def test_a_pickled_or_copied_relation_is_the_same_object(node: object) -> None:
    assert pickle.loads(pickle.dumps(node)) is node  # noqa: S301 - just dumped
    assert copy.copy(node) is node
    assert copy.deepcopy(node) is node


@pytest.mark.parametrize(
    "node",
    [
        Hero.team.has(Team.name == "a", Team.heroes.any(Hero.age > 3)),
        Hero.team.to.name == "a",
        Team.heroes.where(Hero.age > 3).count() > 3,
        Team.heroes.none(Hero.team.to.city.to.name == "a"),
    ],
    ids=repr,
)
def test_a_pickled_condition_is_the_same_condition(node: Any) -> None:
    again = pickle.loads(pickle.dumps(node))  # noqa: S301 - just dumped

    assert repr(again) == repr(node)
    assert again.key() == node.key()


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (Hero.team, "Hero.team"),
        (LooseHero.team.to, "Hero.team.to"),
        (Hero.team.to.city.to.name, "Hero.team.to.city.to.name"),
        (Hero.team.has(Team.name == "x"), "Hero.team.has(Team.name == ...)"),
        (Team.heroes.any(), "Team.heroes.any()"),
        (Team.heroes.none(Hero.age > 3), "Team.heroes.none(Hero.age > ...)"),
        (Team.heroes.count(), "Team.heroes.count()"),
        (
            Team.heroes.where(Hero.age > 3).count() > 3,
            "Team.heroes.where(Hero.age > ...).count() > ...",
        ),
    ],
)
def test_a_relation_shows_how_it_is_written_without_values(node: object, shown: str) -> None:
    assert repr(node) == shown


@pytest.mark.parametrize(
    "made",
    [
        lambda n: Hero.team.has(Team.size > n),
        lambda n: Team.heroes.any(Hero.age > n),
        lambda n: Team.heroes.none(Hero.age > n),
        lambda n: Team.heroes.where(Hero.age > n).count() > n,
        lambda n: Hero.team.to.size > n,
    ],
)
def test_conditions_of_one_shape_share_a_key(made: Callable[[int], Any]) -> None:
    assert made(1).key() == made(2).key() is not None
    values: list[object] = []
    made(1).values(values)
    assert set(values) == {1}


def test_conditions_of_different_shapes_have_different_keys() -> None:
    nodes: list[Any] = [
        Hero.team.has(),
        ~Hero.team.has(),
        Hero.team.has(Team.size > 1),
        Hero.team.has(Team.size < 1),
        Hero.leader.has(),
        Hero.followers.any(),
        Hero.followers.none(),
        Hero.team.to.heroes.any(),
        Team.heroes.any(),
        Team.heroes.count() > 1,
        Hero.followers.count() > 1,
        Team.heroes.where(Hero.age > 1).count() > 1,
        Hero.team.to.size > 1,
        Team.size > 1,
    ]

    assert len({node.key() for node in nodes}) == len(nodes)


# ---- the statement -----------------------------------------------------------------------------


def test_a_path_is_joined_once_and_a_question_is_a_subquery() -> None:
    joined = sql((Hero.team.to.name == "a") & (Hero.team.to.size > 1))

    assert joined.count("LEFT OUTER JOIN team") == 1
    assert "SELECT 1 FROM team" not in joined
    asked = sql(Hero.team.has(Team.name == "a"))
    assert "JOIN" not in asked
    assert "EXISTS (SELECT 1 FROM team WHERE hero.team_id = team.id AND team.name = ?)" in asked


async def test_fields_at_the_end_of_a_path_stand_in_sqlalchemys_statements() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        team = await Repository(Team, db).add(Team(name="A"))
        await Repository(Hero, db).add_all([Hero(name="Ada", team_id=team.id), Hero(name="Bob")])

        teams = await db.execute(sa.select(Hero.name, Hero.team.to.name).order_by(Hero.id))
        some = await db.execute(sa.select(Hero.name).where(Hero.team.has(Team.name == "A")))
        counted = await db.execute(sa.select(Team.heroes.count()).select_from(Team.__table__))

    assert teams == [("Ada", "A"), ("Bob", None)]
    assert some == [("Ada",)]
    assert counted == [(1,)]


# ---- what is refused ---------------------------------------------------------------------------


def raised(call: Callable[[], object], kind: type[Exception] = UsageError) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LooseHero.team.any(),
            "Hero.team.any: Hero.team is a relation to one row\n  Fix: use Hero.team.has",
        ),
        (
            lambda: LooseHero.team.none(),
            "Hero.team.none: Hero.team is a relation to one row\n  Fix: use ~Hero.team.has",
        ),
        (lambda: LooseHero.team.count(), "Hero.team.count: Hero.team is a relation to one row"),
        (
            lambda: LooseTeam.heroes.has(),
            "Team.heroes.has: Team.heroes is a relation to many rows\n  Fix: use Team.heroes.any",
        ),
        (lambda: LooseTeam.heroes.to, "Team.heroes.to: Team.heroes is a relation to many rows"),
        (
            lambda: LooseHero.team.where(Team.size > 1),
            "Hero.team.where(): each row has one at most\n"
            "  Fix: leave where() out; `.has(...)` chooses rows by what they are related to",
        ),
        (lambda: LooseHero.team.order_by(Team.name), "Hero.team.order_by(): each row has one"),
        (lambda: LooseHero.team.limit(3), "Hero.team.limit(): each row has one at most"),
        (
            lambda: Team.heroes.limit(3).count(),
            "Team.heroes: limit() and then() are for load()\n  Fix: use count() with where() alone",
        ),
        (lambda: Team.heroes.limit(3).any(), "Team.heroes: limit() and then() are for load()"),
        (
            lambda: Team.heroes.then(Hero.team).none(),
            "Team.heroes: limit() and then() are for load()\n  Fix: use none() with where() alone",
        ),
        (
            lambda: Hero.team.has(City.name == "x"),
            "a condition on Hero.team names a column of City\n"
            "  Fix: use the columns of Team, or its own relations",
        ),
        (
            lambda: Team.heroes.where(City.name == "x"),
            "a query of Hero names a column of City",
        ),
        (
            lambda: Hero.team.has(Team.heroes.any(Hero.leader.has(Team.size > 1))),
            "a condition on Hero.leader names a column of Team",
        ),
        (
            lambda: LooseHero.team.to.model_fields,
            "Hero.team.to.model_fields is neither a column nor a relation\n"
            "  Fix: use the fields of Team",
        ),
        (
            lambda: LooseHero.team.to.name.set("x"),
            "Hero.team.to.name is a column of Team, which an update of Hero does not write\n"
            "  Fix: update Team with its own repository",
        ),
        (
            lambda: Selection(Team).where(Hero.team.has()),
            "a query of Team names a column of Hero",
        ),
        (
            lambda: Selection(Team).order_by(Hero.team.to.name),
            "a query of Team names a column of Hero",
        ),
        (
            lambda: Selection(Hero).where(Hero.name == Team.name),
            "a query of Hero names a column of Team",
        ),
        (
            lambda: Selection(Hero).order_by(Team.heroes.count()),
            "a query of Hero names a column of Team",
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    call: Callable[[], object], message: str
) -> None:
    assert raised(call).startswith(message)


def test_a_field_that_the_related_class_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nope"):
        _ = LooseHero.team.to.nope
    with pytest.raises(AttributeError, match="_hidden"):
        _ = LooseHero.team.to._hidden


def test_a_relation_is_no_condition() -> None:
    for given in (LooseHero.team, LooseHero.team.to, LooseHero.team == Team(name="A")):
        assert "is not a condition" in raised(
            lambda given=given: Selection(Hero).where(given),  # type: ignore[misc] # bound here
            ConditionMisuse,
        )


@pytest.mark.parametrize(
    ("paths", "kind", "message"),
    [
        (
            ["team"],
            WrongType,
            "load() got a str\n  Fix: pass relations of the model's class, as in `load(Hero.team)`",
        ),
        ([LooseHero.name], WrongType, "load() got a Attr"),
        (
            [Team.heroes],
            UsageError,
            "Team.heroes is no relation of Hero\n"
            "  Fix: load relations of Hero; those of related rows come with `.then()`",
        ),
        (
            [LooseHero.team.to.city],
            UsageError,
            "load(Hero.team.to.city): `to` is for conditions and orderings\n"
            "  Fix: write `load(Hero.team.then(Team.city))`",
        ),
        (
            [LooseHero.leader.to.team.to.city],
            UsageError,
            "load(Hero.leader.to.team.to.city): `to` is for conditions and orderings\n"
            "  Fix: write `load(Hero.leader.then(Hero.team.then(Team.city)))`",
        ),
        (
            [Hero.followers, Hero.followers.limit(3)],
            UsageError,
            "Hero.followers is loaded twice with different rows\n"
            "  Fix: load it once: a row has one list of each relation",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused(
    paths: list[Any], kind: type[Exception], message: str
) -> None:
    assert raised(lambda: loads_of(paths, Hero), kind).startswith(message)


def test_a_wrong_hop_is_refused() -> None:
    heroes: Any = Team.heroes

    assert raised(lambda: heroes.then(Team.city)).startswith("Team.city is no relation of Hero")


def test_the_same_load_twice_is_one() -> None:
    some: Any = Hero.followers.where(Hero.age > 3)

    [load] = loads_of([some, some.then(Hero.team), some], Hero)

    assert load.rows == some.rows
    assert [further.relation for further in load.further] == [LooseHero.team]
    assert len(loads_of([Hero.team, Hero.team.then(Team.city), Hero.team], Hero)) == 1


# ---- order_by of a relation --------------------------------------------------------------------


def ordered(order: Any) -> tuple[Any, type[Model]]:
    metadata = sa.MetaData()

    class Club(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        members: RelatedList["Member"] = relation(order_by=order)

    class Member(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        name: Col[str]
        club_id: Col[int] = field(foreign_key=Club.id)
        club: Related[Club] = relation()

    return Club.members, Member


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        (None, []),
        ("name", ["Member.name.asc()"]),
        ("-name", ["Member.name.desc()"]),
        (["-name", "id"], ["Member.name.desc()", "Member.id.asc()"]),
        (lambda: "name", ["Member.name.asc()"]),
        (lambda: ("name", "-id"), ["Member.name.asc()", "Member.id.desc()"]),
        (sa.text("name"), ["a SQLAlchemy expression"]),
    ],
)
def test_a_relation_declares_an_order(order: object, shown: list[str]) -> None:
    members, _ = ordered(order)

    assert [repr(one) for one in members.plain_load.rows.orderings] == shown


def test_a_relation_declares_an_order_of_columns() -> None:
    later: list[Any] = []
    members, member = ordered(lambda: later)
    loose: Any = member
    later += [loose.name.desc(), loose.club.to.id]

    orderings = members.plain_load.rows.orderings

    assert [repr(one) for one in orderings] == [
        "Member.name.desc()",
        "Member.club.to.id.asc()",
    ]


@pytest.mark.parametrize("order", ["nope", "-nope", "club", "model_config"])
def test_an_order_by_no_field_is_refused(order: str) -> None:
    members, _ = ordered(order)

    assert raised(lambda: members.plain_load).startswith(
        f'Club.members: order_by="{order}" is no field of Member\n'
        "  Fix: name a field, with `-` before it for descending order"
    )


# ---- SQLAlchemy expressions inside -------------------------------------------------------------


OTHER_TABLES: list[Any] = [
    Hero.team.has(City.__table__.c.name == "x"),
    Hero.team.has(sa.func.lower(City.name) == "x"),
    Hero.team.has(Team.name == sa.func.lower(City.name)),
    Hero.team.to.heroes.any(City.__table__.c.name == "x"),
    Hero.team.has(Team.heroes.any(City.__table__.c.name == "x")),
    Hero.team.to.heroes.where(City.__table__.c.name == "x").count() > 1,
]


@pytest.mark.parametrize("condition", OTHER_TABLES, ids=repr)
def test_an_expression_on_another_table_is_refused(condition: object) -> None:
    assert raised(lambda: sql(condition)).startswith("an expression in a condition on "), (
        "every row would have met every row"
    )


def test_the_refusal_says_what_to_do() -> None:
    assert raised(lambda: sql(OTHER_TABLES[0])) == (
        "an expression in a condition on Hero.team reads a table other than Team's; without a"
        " join every row would meet every row\n"
        "  Fix: put the other table into a subquery, as in"
        " `column.in_(sqlalchemy.select(...))` or `sqlalchemy.exists(...)`"
    )


class Base(DeclarativeBase):
    metadata = METADATA


class Twin(Base):
    """A class of SQLAlchemy's own on the table of ours."""

    __table__ = Hero.__table__


LooseTwin: Any = Twin


class Elsewhere(Base):
    __tablename__ = "elsewhere"
    id: Mapped[int] = mapped_column(primary_key=True)


SECOND_TIME: list[Any] = [
    Hero.leader.has(sa.func.lower(Hero.name) == "x"),
    Hero.leader.has(Hero.age == sa.func.max(Hero.size)),
    Hero.followers.any(Hero.__table__.c.age > 3),
    Hero.leader.has(Hero.team.has(Hero.__table__.c.age > Team.__table__.c.size)),
    Hero.leader.has(Hero.age.in_(sa.select(Hero.size))),
    Hero.leader.has(Hero.name == LooseTwin.name),
    Hero.leader.has(sa.text("age > 3")),
    Hero.leader.has(Hero.age == sa.literal_column("hero.size", sa.Integer())),
]


@pytest.mark.parametrize("condition", SECOND_TIME, ids=repr)
def test_an_expression_on_a_table_that_is_there_twice_is_refused(condition: object) -> None:
    assert raised(lambda: sql(condition), NotSupported).startswith(
        "a SQLAlchemy expression inside a relation that leads to Hero a second time: it cannot"
        " tell which of the rows it means\n"
        "  Fix: write the condition with the columns of Hero and their operators"
    )


def test_an_expression_on_another_table_than_the_one_that_is_there_twice_is_taken() -> None:
    condition = Hero.leader.has(Hero.team.has(sa.func.lower(Team.name) == "x"))
    mapped = Hero.leader.has(Hero.age.in_(sa.select(Elsewhere.id)))

    text = Hero.team.has(sa.text("team.size > 3"))

    assert "AND (team.size > 3)" in sql(text)
    assert "lower(team.name) = ?" in sql(condition)
    assert "SELECT elsewhere.id" in sql(mapped)


# ---- assignments -------------------------------------------------------------------------------


def assigned(dialect_name: str, *assignments: Any) -> str:
    dialect = aiomysql.dialect() if dialect_name == "mysql" else aiosqlite.dialect()
    statement = to_sql.update(
        Selection(Hero).where(Hero.id == 1),
        assignments,
        dialect_name,
        sequential=dialect_name == "mysql",
    )
    return " ".join(str(statement.compile(dialect=dialect)).split())


def test_a_related_number_of_many_digits_is_set_as_it_is() -> None:
    statement = assigned("sqlite", LooseHero.fee.set(LooseHero.team.to.fee))

    assert "SET fee=(SELECT team.fee FROM team WHERE hero.team_id = team.id)" in statement


def test_a_related_column_of_the_same_name_is_another_column() -> None:
    statement = assigned("mysql", LooseHero.age.set(LooseHero.team.to.size), LooseHero.size.set(3))

    assert "SET age=(SELECT team.size" in statement


def test_mysql_cannot_follow_a_key_that_the_same_update_sets() -> None:
    assert "`age` is computed from `team_id`, which the same update sets" in raised(
        lambda: assigned(
            "mysql", LooseHero.age.set(LooseHero.team.to.size), LooseHero.team_id.set(3)
        ),
        NotSupported,
    )
