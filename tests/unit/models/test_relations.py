"""Relations of a class and its instances: what is loaded is there, and nothing else is."""

import copy
import pickle
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

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
from andamios_orm.errors import NotLoaded, UsageError

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    heroes: RelatedList["Hero"] = relation()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    code: Col[str] = field(default="hush", secret=True)
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()


Loose: Any = Hero
LooseTeam: Any = Team
"""For what a type checker refuses already."""


async def loaded() -> Team:
    """A team with two heroes, who have their team."""
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        team = await Repository(Team, db).add(Team(name="A"))
        await Repository(Hero, db).add_all(
            [Hero(name="Ada", team_id=team.id), Hero(name="Bob", team_id=team.id)]
        )
        return await Repository(Team, db).load(Team.heroes.then(Hero.team)).one()


# ---- what is not loaded ------------------------------------------------------------------------


def test_reading_what_was_not_loaded_says_what_to_load() -> None:
    ada = Hero(name="Ada")

    with pytest.raises(NotLoaded) as error:
        _ = ada.team

    assert str(error.value) == (
        "Hero.team was not loaded, and an instance never asks the database by itself\n"
        "  Fix: read it with `.load(Hero.team)`, as in"
        " `await repository.where(...).load(Hero.team).all()`"
    )
    assert not hasattr(ada, "team")
    assert getattr(ada, "team", 3) == 3


def test_a_relation_is_no_value_of_a_new_row() -> None:
    with pytest.raises(UsageError) as error:
        Loose(name="Ada", team=Team(name="A"))

    assert str(error.value) == (
        "Hero(team=...): a relation is no value of a row\n"
        "  Fix: set the foreign key's field to the key of the other row; to store rows together"
        " with those they are related to, add() a Create variant with a field of this name"
    )


def test_what_is_neither_field_nor_relation_is_pydantics_to_judge() -> None:
    class Strict(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(extra="forbid")
        id: Col[int] = generated()
        parent_id: Col[int | None] = field(default=None, foreign_key="strict.id")
        parent: Related["Strict | None"] = relation()

    assert Loose(name="Ada", shoe=3) == Hero(name="Ada")
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Strict.model_validate({"shoe": 3})
    made: Any = Strict
    with pytest.raises(ValidationError, match="extra_forbidden"):
        made(shoe=3)


def test_a_relation_is_no_field() -> None:
    assert "team" not in Hero.model_fields
    assert "team" not in Hero.model_json_schema()["properties"]
    assert "team" in dir(Hero)
    assert "heroes" in dir(Team)


def test_a_class_makes_its_instances_as_its_base_does() -> None:
    class Counted(Model):
        made: ClassVar[list[str]] = []
        name: Col[str]

        def __init__(self, name: str = "nobody", **data: Any) -> None:
            self.made.append(name)
            BaseModel.__init__(self, name=name, **data)

    class Person(Counted, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
        parent: Related["Person | None"] = relation()

    made: Any = Person
    assert made("Ada", id=1).name == "Ada"
    assert Person.model_validate({"name": "Bob"}).name == "Bob"
    assert Counted.made == ["Ada", "Bob"]
    with pytest.raises(UsageError, match=r"Person\(parent=\.\.\.\)"):
        made("Ada", parent=None)


def test_a_class_may_take_a_relation_apart_by_itself() -> None:
    class Person(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
        parent: Related["Person | None"] = relation()

        def __init__(self, *, parent: "Person | None" = None, **data: Any) -> None:
            BaseModel.__init__(self, parent_id=parent and parent.id, **data)

    assert Person(parent=Person(id=3)).parent_id == 3


# ---- what is loaded ----------------------------------------------------------------------------


async def test_loaded_rows_are_no_part_of_the_row() -> None:
    team = await loaded()
    bare = LooseTeam(id=team.id, name="A")

    assert [hero.name for hero in team.heroes] == ["Ada", "Bob"]
    assert team == bare
    assert bare == team
    assert team != LooseTeam(id=team.id, name="B")
    assert team.heroes[0].team == team
    assert team.model_dump() == {"id": 1, "name": "A"}
    assert team.model_dump_json() == '{"id":1,"name":"A"}'
    assert repr(team) == "Team(id=1, name='A')"
    assert TypeAdapter(Hero | Team).dump_python(team) == {"id": 1, "name": "A"}
    assert team.model_fields_set == bare.model_fields_set
    assert "hush" not in repr(team.heroes)


async def test_copies_have_what_is_loaded() -> None:
    team = await loaded()

    copies = [
        team.model_copy(),
        team.model_copy(deep=True),
        copy.copy(team),
        copy.deepcopy(team),
        pickle.loads(pickle.dumps(team)),  # noqa: S301 - just dumped
    ]

    for one in copies:
        assert one == team
        assert one.heroes == team.heroes
        assert one.heroes[0].team == team
    assert copies[1].heroes is not team.heroes


async def test_an_answer_of_an_api_is_made_of_what_is_loaded() -> None:
    class HeroAnswer(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        name: str

    class TeamAnswer(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        heroes: list[HeroAnswer]

    answer = TeamAnswer.model_validate(await loaded())

    assert answer.model_dump() == {"heroes": [{"name": "Ada"}, {"name": "Bob"}]}
    with pytest.raises(ValidationError, match="missing"):
        TeamAnswer.model_validate(Team(name="A"))


async def test_a_loaded_row_is_stored_like_any_other() -> None:
    async with Database("sqlite://", metadata=METADATA) as db:
        await db.create_all()
        teams, heroes = Repository(Team, db), Repository(Hero, db)
        team = await teams.add(Team(name="A"))
        await heroes.add(Hero(name="Ada", team_id=team.id))
        ada = await heroes.load(Hero.team).one()

        ada.name = "Ada L."
        updated = await heroes.update(ada)
        copied = await heroes.add(ada.model_copy(update={"id": 7}))

    assert updated.name == copied.name == "Ada L."
    assert ada.team == team
    assert not hasattr(updated, "team")


# ---- assignment --------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [True, False])
async def test_a_relation_cannot_be_assigned(load: bool) -> None:
    ada = (await loaded()).heroes[0] if load else Hero(name="Ada")

    with pytest.raises(UsageError) as error:
        ada.team = None  # type: ignore[arg-type] # what is refused

    assert str(error.value) == (
        "Hero.team is a relation, and no value of a row to be set\n"
        "  Fix: set the foreign key's field to the key of the other row, store it, and read the"
        " relation with `.load(Hero.team)`"
    )


async def test_assigning_a_field_is_validated_beside_what_is_loaded() -> None:
    team = await loaded()

    team.name = "B"
    wrong: Any = team
    with pytest.raises(ValidationError):
        wrong.name = 3
    with pytest.raises(ValidationError):
        wrong.nmae = "B"

    assert (team.name, len(team.heroes)) == ("B", 2)


async def test_assigning_a_key_forgets_what_it_led_to() -> None:
    team = await loaded()
    [ada, _] = team.heroes

    ada.name = "Ada L."
    assert ada.team == team
    ada.team_id = 2
    assert not hasattr(ada, "team")
    team.id = 2
    assert not hasattr(team, "heroes")


async def test_a_class_may_have_a_way_of_its_own_to_assign() -> None:
    class Part(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(default="x")
        whole_id: Col[int | None] = field(default=None, foreign_key="part.id")
        whole: Related["Part | None"] = relation()

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value.strip() if isinstance(value, str) else value)

    async with Database("sqlite://", metadata=Part.metadata) as db:
        await db.create_all()
        parts = Repository(Part, db)
        await parts.add_all([Part(id=1), Part(id=2, whole_id=1)])
        part = await parts.load(Part.whole).where(Part.id == 2).one()

    part.name = " y "
    assert (part.name, part.whole) == ("y", Part(id=1))
    part.whole_id = 2
    assert not hasattr(part, "whole")
    with pytest.raises(UsageError):
        part.whole = None  # type: ignore[arg-type] # what is refused


def test_a_class_without_relations_assigns_as_pydantic_does() -> None:
    class Plain(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()

    assert Plain.__setattr__ is BaseModel.__setattr__


async def test_a_validator_of_the_whole_row_judges_it_beside_what_is_loaded() -> None:
    class Person(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = field(primary_key=True)
        name: Col[str] = field(default="x")
        parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
        children: RelatedList["Person"] = relation()

        @model_validator(mode="after")
        def judge(self) -> "Person":
            if self.name == "wrong":
                raise ValueError("wrong")
            return self

    async with Database("sqlite://", metadata=Person.metadata) as db:
        await db.create_all()
        people = Repository(Person, db)
        await people.add_all([Person(id=1), Person(id=2, parent_id=1)])
        one = await people.load(Person.children).where(Person.id == 1).one()

    one.name = "y"
    with pytest.raises(ValidationError):
        one.name = "wrong"

    assert [child.id for child in one.children] == [2]
