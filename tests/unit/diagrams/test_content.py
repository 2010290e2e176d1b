"""What a diagram shows: models and databases read into its entities and relations."""

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, Related, RelatedList, UsageError, field, generated, relation
from andamios_orm.diagrams import Column, Diagram, diagram_of_models, diagram_of_state
from andamios_orm.diagrams.fields import ENGINES, dialect_of
from andamios_orm.migration.state import (
    CheckState,
    ColumnState,
    ForeignKeyState,
    IndexState,
    KeyState,
    SchemaState,
    TableName,
    TableState,
    UniqueState,
)
from tests.unit.diagrams.schemas import schema


class Base(Model, metadata=sa.MetaData()):
    pass


class Team(Base, table=True):
    """A group of heroes.

    More about it.
    """

    id: Col[int] = generated()
    name: Col[str] = field(unique=True, max_length=50)
    motto: Col[str] = field(column="words", default="", comment="what they say")

    heroes: RelatedList["Hero"] = relation()


class Hero(Base, table=True, schema="story"):
    __table_args__ = (
        sa.UniqueConstraint("name", "age"),
        sa.CheckConstraint("age < id", name="young"),
        sa.Index("zz_name", sa.text("lower(name)"), unique=True),
    )

    id: Col[int] = generated()
    name: Col[str]
    age: Col[int] = field(ge=0, server_default=7)
    team_id: Col[int | None] = field(
        default=None, foreign_key=Team.id, on_delete="SET NULL", index=True
    )

    team: Related[Team | None] = relation()


class Badge(Base, table=True):
    team_id: Col[int] = field(primary_key=True, foreign_key=Team.id)


sa.Table(
    "plain",
    Base.metadata,
    sa.Column("code", sa.Integer, primary_key=True),
    sa.Column("half", sa.Integer, sa.Computed("code / 2")),
)


@pytest.fixture
def diagram() -> Diagram:
    return diagram_of_models(Base.metadata, dialect_of("postgresql"), title="heroes")


def test_a_model_is_told_with_its_types_keys_and_rules(diagram: Diagram) -> None:
    hero = diagram.entity("Hero")

    assert hero.name == "story.hero"
    assert hero.columns[2] == Column(
        name="age", type="BIGINT", default="7", rules=("CHECK (age >= 0)",)
    )
    assert [column.marks for column in hero.columns] == [("PK",), (), (), ("FK",)]
    assert hero.columns[0].default == "counted by the database"
    assert hero.columns[3].nullable
    assert hero.rules == (
        "UNIQUE (name, age)",
        "CHECK (age < id)",
        "INDEX (team_id)",
        "UNIQUE INDEX (lower(name))",
    )


def test_comments_and_other_names_of_columns_are_told(diagram: Diagram) -> None:
    team = diagram.entity("team")

    assert team.comment == "A group of heroes."
    assert team.columns[1].marks == ("UK",)
    assert (team.columns[2].name, team.columns[2].field) == ("words", "motto")
    assert team.columns[2].comment == "what they say"


def test_a_computed_column_says_how(diagram: Diagram) -> None:
    assert diagram.entity("plain").columns[1].default == "AS (code / 2)"


def test_a_table_without_a_model_comes_last(diagram: Diagram) -> None:
    last = diagram.entities[-1]

    assert (last.name, last.model, last.comment) == ("plain", None, None)


def test_foreign_keys_say_how_many_rows_they_relate(diagram: Diagram) -> None:
    found = {str(relation): relation for relation in diagram.relations}
    many = found["story.hero(team_id) -> team(id) ON DELETE SET NULL"]
    one = found["badge(team_id) -> team(id)"]

    assert len(found) == 2
    assert (many.many, many.optional, many.enforced) == (True, True, True)
    assert (one.many, one.optional) == (False, False)


@pytest.mark.parametrize("engine", ENGINES)
def test_types_and_rules_are_those_of_the_engine(engine: str) -> None:
    diagram = diagram_of_models(Base.metadata, dialect_of(engine))
    name = diagram.entity("Team").columns[1]
    texts = {
        "duckdb": ("VARCHAR", ("CHECK (length(name) <= 50)",)),
        "sqlite": ("TEXT", ("CHECK (length(name) <= 50)",)),
        "postgresql": ("VARCHAR(50)", ()),
        "mariadb": ("VARCHAR(50)", ()),
        "mysql": ("VARCHAR(50)", ()),
    }

    assert diagram.engine == engine
    assert (name.short_type, name.rules) == texts[engine]


def test_a_key_that_an_engine_does_without_is_not_enforced_there() -> None:
    class Own(Model, metadata=sa.MetaData()):
        pass

    class City(Own, table=True):
        id: Col[int] = generated()

    class House(Own, table=True):
        id: Col[int] = generated()
        city_id: Col[int] = field(foreign_key=City.id)

    first = diagram_of_models(Own.metadata, dialect_of("duckdb"))
    for key in Own.metadata.tables["house"].foreign_key_constraints:
        key.ddl_if(dialect="postgresql")
    second = diagram_of_models(Own.metadata, dialect_of("duckdb"))

    assert [relation.enforced for relation in first.relations] == [True]
    assert [relation.enforced for relation in second.relations] == [False]


def test_types_are_shortened_for_drawings() -> None:
    def short(text: str) -> str:
        return Column(name="x", type=text).short_type

    assert short("TIMESTAMP WITH TIME ZONE") == "TIMESTAMPTZ"
    assert short("TIME WITHOUT TIME ZONE") == "TIME"
    assert short("LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin") == "LONGTEXT"


# ---- parts of a diagram --------------------------------------------------------------------------


def test_some_tables_come_with_their_neighbours() -> None:
    whole = schema(city=[], team=["city"], hero=["team"], power=[])

    assert [e.name for e in whole.around(["team"]).entities] == ["city", "team", "hero"]
    assert len(whole.around(["team"]).relations) == 2


def test_some_tables_come_alone() -> None:
    part = schema(city=[], team=["city"]).around(["team"], neighbours=False)

    assert ([e.name for e in part.entities], part.relations) == (["team"], ())


def test_an_unknown_table_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no table or model `heroo`") as raised:
        schema(team=[]).around(["heroo"])
    assert raised.value.fix == "name one of: team"

    with pytest.raises(UsageError, match="name one of: none"):
        Diagram().entity("x")


# ---- a live database -----------------------------------------------------------------------------


def test_a_state_is_told_with_its_keys_and_rules() -> None:
    team = TableState(
        name=TableName("team", "story"),
        columns=(ColumnState(name="id", type="BIGINT", nullable=False, identity="always"),),
        primary_key=KeyState(name=None, columns=("id",)),
    )
    hero = TableState(
        name=TableName("hero"),
        comment="who saves",
        columns=(
            ColumnState(name="name", type="TEXT", nullable=False, default="'x'", comment="his"),
            ColumnState(name="size", type="INT", computed="length(name)"),
            ColumnState(name="team_id", type="BIGINT"),
        ),
        uniques=(
            UniqueState(name=None, columns=("name",)),
            UniqueState(name=None, columns=("name", "size")),
        ),
        checks=(CheckState(name="a", sql="(size > 0)"), CheckState(name="b", sql="size > 1")),
        foreign_keys=(
            ForeignKeyState(
                name=None,
                columns=("team_id",),
                target=TableName("team", "story"),
                target_columns=("id",),
                on_delete="CASCADE",
            ),
        ),
        indexes=(
            IndexState(name="i", parts=("lower(name)",), unique=True),
            IndexState(name="j", parts=("size",), where="size > 3"),
        ),
    )
    state = SchemaState(engine="postgresql", tables={team.name: team, hero.name: hero})

    diagram = diagram_of_state(state, title="live")
    found = diagram.entity("hero")

    assert (diagram.title, diagram.engine) == ("live", "postgresql")
    assert [entity.name for entity in diagram.entities] == ["hero", "story.team"]
    assert found.columns == (
        Column(name="name", type="TEXT", unique=True, default="'x'", comment="his"),
        Column(name="size", type="INT", nullable=True, default="AS (length(name))"),
        Column(name="team_id", type="BIGINT", nullable=True, foreign_key=True),
    )
    assert diagram.entity("story.team").columns[0].default == "counted by the database"
    assert found.rules == (
        "UNIQUE (name, size)",
        "CHECK (size > 0)",
        "CHECK (size > 1)",
        "UNIQUE INDEX (lower(name))",
        "INDEX (size) WHERE size > 3",
    )
    (relation,) = diagram.relations
    assert str(relation) == "hero(team_id) -> story.team(id) ON DELETE CASCADE"
    assert (relation.many, relation.optional) == (True, True)


def test_a_key_of_an_expression_or_of_some_rows_does_not_make_one_of_many() -> None:
    metadata = sa.MetaData()

    class Town(Model, table="town", metadata=metadata):
        name: Col[str] = field(primary_key=True)

    class House(Model, table="house", metadata=metadata):
        id: Col[int] = generated()
        first: Col[str] = field(foreign_key=Town.name)
        second: Col[str] = field(foreign_key=Town.name)
        third: Col[str] = field(foreign_key=Town.name)
        __table_args__ = (
            sa.Index("ux_first", sa.func.lower(sa.column("first")), unique=True),
            sa.Index("ux_second", "second", unique=True, postgresql_where=sa.text("id > 3")),
            sa.Index("ux_third", "third", unique=True),
        )

    relations = diagram_of_models(metadata, dialect_of("postgresql")).relations

    assert {relation.columns[0]: relation.many for relation in relations} == {
        "first": True,
        "second": True,
        "third": False,
    }
