"""A relation finds the foreign key that it follows, or says which ones there are."""

from collections.abc import Callable
from typing import Any, ForwardRef, Optional

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from andamios_orm import Col, Model, Related, RelatedList, field, generated, relation
from andamios_orm.errors import DeclarationError, RelationProblem
from andamios_orm.schema.relations import relation_names, relation_of
from andamios_orm.schema.spec import Pairs

Loose: Any = Related
LooseList: Any = RelatedList
"""For what a type checker refuses already."""


def names(pairs: Pairs) -> list[tuple[str, str]]:
    return [(one.name, other.name) for one, other in pairs]


def problem(model: type[Model], name: str) -> str:
    with pytest.raises(RelationProblem) as error:
        relation_of(model, name)
    return str(error.value)


# ---- which foreign key -------------------------------------------------------------------------


def test_a_key_is_found_from_both_of_its_sides() -> None:
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        heroes: RelatedList["Hero"] = relation()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        team_id: Col[int] = field(foreign_key=Team.id)
        team: Related[Team] = relation()

    team, heroes = relation_of(Hero, "team"), relation_of(Team, "heroes")

    assert (team.target, team.many, team.nullable) == (Team, False, False)
    assert (heroes.target, heroes.many, heroes.nullable) == (Hero, True, True)
    assert names(team.pairs) == [("team_id", "id")]
    assert names(heroes.pairs) == [("id", "team_id")]
    assert relation_of(Hero, "team") is team
    assert relation_names(Team) == ("heroes",)
    assert team.where == "Hero.team"


def test_a_link_has_a_key_to_each_side() -> None:
    metadata = sa.MetaData()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        skills: RelatedList["Skill"] = relation(through="HeroSkill")

    class Skill(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    class HeroSkill(Model, table=True, metadata=metadata):
        hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)
        skill_id: Col[int] = field(primary_key=True, foreign_key=Skill.id)

    skills = relation_of(Hero, "skills")

    assert (skills.target, skills.link) == (Skill, HeroSkill)
    assert names(skills.pairs) == [("id", "hero_id")]
    assert names(skills.onward) == [("skill_id", "id")]


def test_a_table_refers_to_itself() -> None:
    class Person(Model, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        parent_id: Col[int | None] = field(default=None, foreign_key="person.id")
        parent: Related["Person | None"] = relation()
        children: RelatedList["Person"] = relation()

    assert names(relation_of(Person, "parent").pairs) == [("parent_id", "id")]
    assert names(relation_of(Person, "children").pairs) == [("id", "parent_id")]


def liking() -> tuple[type[Model], type[Model]]:
    metadata = sa.MetaData()

    class Person(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        likes: RelatedList["Person"] = relation(through="Liking", fk="liker_id")
        liked_by: RelatedList["Person"] = relation(through="Liking", fk="Liking.liked_id")
        both: RelatedList["Person"] = relation(through="Liking", fk=("liked_id", "liker_id"))
        any_of_two: RelatedList["Person"] = relation(through="Liking")
        wrong: RelatedList["Person"] = relation(through="Liking", fk="nobody_id")
        wrong_onward: RelatedList["Person"] = relation(
            through="Liking", fk=("liker_id", "nobody_id")
        )

    class Liking(Model, table=True, metadata=metadata):
        liker_id: Col[int] = field(primary_key=True, foreign_key=Person.id)
        liked_id: Col[int] = field(primary_key=True, foreign_key=Person.id)

    return Person, Liking


@pytest.mark.parametrize(
    ("name", "first", "other"),
    [
        ("likes", "liker_id", "liked_id"),
        ("liked_by", "liked_id", "liker_id"),
        ("both", "liked_id", "liker_id"),
    ],
)
def test_fk_of_a_link_to_its_own_table_names_the_key_that_points_here(
    name: str, first: str, other: str
) -> None:
    person, _ = liking()

    found = relation_of(person, name)

    assert names(found.pairs) == [("id", first)]
    assert names(found.onward) == [(other, "id")]


def test_a_link_with_two_keys_to_one_side_is_ambiguous() -> None:
    person, _ = liking()

    assert problem(person, "any_of_two") == (
        "Person.any_of_two: Liking has several foreign keys to Person\n"
        '  Fix: say which one with relation(fk=...): "liked_id" or "liker_id"'
    )
    assert problem(person, "wrong") == (
        "Person.wrong: no foreign key of Liking to Person has the fields nobody_id\n"
        '  Fix: choose fk="liked_id" or "liker_id"'
    )
    assert problem(person, "wrong_onward") == (
        "Person.wrong_onward: no foreign key of Liking to Person has the fields nobody_id\n"
        '  Fix: choose fk=("liker_id", "liked_id")'
    )


def membership() -> tuple[type[Model], type[Model]]:
    """A link with a key to one side, and two to the other."""
    metadata = sa.MetaData()

    class Group(Model, table="groups", metadata=metadata):
        id: Col[int] = generated()
        members: RelatedList["User"] = relation(through="Member", fk=("group_id", "user_id"))
        invited: RelatedList["User"] = relation(through="Member")

    class User(Model, table="users", metadata=metadata):
        id: Col[int] = generated()
        groups: RelatedList[Group] = relation(through="Member", fk="user_id")

    class Member(Model, table=True, metadata=metadata):
        group_id: Col[int] = field(primary_key=True, foreign_key=Group.id)
        user_id: Col[int] = field(primary_key=True, foreign_key=User.id)
        inviter_id: Col[int] = field(foreign_key=User.id)

    return Group, User


def test_fk_can_name_the_keys_of_both_sides_of_a_link() -> None:
    group, user = membership()

    members, groups = relation_of(group, "members"), relation_of(user, "groups")

    assert names(members.pairs) == [("id", "group_id")]
    assert names(members.onward) == [("user_id", "id")]
    assert names(groups.pairs) == [("id", "user_id")]
    assert names(groups.onward) == [("group_id", "id")]
    assert problem(group, "invited") == (
        "Group.invited: Member has several foreign keys to User\n"
        '  Fix: say which one with relation(fk=...): ("group_id", "inviter_id")'
        ' or ("group_id", "user_id")'
    )


def test_a_composite_key_relates_rows_by_all_its_fields() -> None:
    metadata = sa.MetaData()

    class Region(Model, table=True, metadata=metadata):
        country: Col[str] = field(primary_key=True)
        number: Col[int] = field(primary_key=True)
        towns: RelatedList["Town"] = relation(fk=("number", "country"))

    class Town(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        country: Col[str | None] = field(default=None)
        number: Col[int] = field()
        region: Related[Region | None] = relation(fk=("country", "number"))
        wrong: Related[Region | None] = relation(fk="number")
        __table_args__ = (
            sa.ForeignKeyConstraint(["country", "number"], ["region.country", "region.number"]),
        )

    assert set(names(relation_of(Town, "region").pairs)) == {
        ("country", "country"),
        ("number", "number"),
    }
    assert len(relation_of(Region, "towns").pairs) == 2
    # With fk= of no key of its own, the other table's are looked at.
    assert "Region has no foreign key to Town" in problem(Town, "wrong")


def test_two_keys_to_one_table_are_told_apart_by_fk() -> None:
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        home_games: RelatedList["Game"] = relation(fk="home_id")
        games: RelatedList["Game"] = relation()
        wrong: RelatedList["Game"] = relation(fk="team_id")

    class Game(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        home_id: Col[int] = field(foreign_key=Team.id)
        away_id: Col[int] = field(foreign_key=Team.id)
        home: Related[Team] = relation(fk="home_id")
        away: Related[Team] = relation(fk=["Game.away_id"])
        team: Related[Team] = relation()

    assert names(relation_of(Game, "home").pairs) == [("home_id", "id")]
    assert names(relation_of(Game, "away").pairs) == [("away_id", "id")]
    assert names(relation_of(Team, "home_games").pairs) == [("id", "home_id")]
    several = (
        ": Game has several foreign keys to Team\n"
        '  Fix: say which one with relation(fk=...): "away_id" or "home_id"'
    )
    assert problem(Game, "team") == f"Game.team{several}"
    assert problem(Team, "games") == f"Team.games{several}"
    assert problem(Team, "wrong") == (
        "Team.wrong: no foreign key of Game to Team has the fields team_id\n"
        '  Fix: choose fk="away_id" or "home_id"'
    )


def test_fk_may_be_the_column_itself() -> None:
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Key(Model):
        team_id: Col[int] = field(foreign_key=Team.id)

    class Old(Key, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Hero(Key, table=True, metadata=metadata):
        id: Col[int] = generated()
        team: Related[Team] = relation(fk=Old.team_id)

    assert names(relation_of(Hero, "team").pairs) == [("team_id", "id")]


def test_tables_may_refer_to_each_other() -> None:
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        leader_id: Col[int | None] = field(default=None, foreign_key="hero.id", unique=True)
        leader: Related["Hero | None"] = relation()
        heroes: RelatedList["Hero"] = relation()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
        team: Related[Team | None] = relation()
        leads: Related[Team | None] = relation(fk="leader_id")

    assert names(relation_of(Team, "leader").pairs) == [("leader_id", "id")]
    assert names(relation_of(Team, "heroes").pairs) == [("id", "team_id")]
    assert names(relation_of(Hero, "team").pairs) == [("team_id", "id")]
    assert names(relation_of(Hero, "leads").pairs) == [("id", "leader_id")]


@pytest.mark.parametrize("how", ["field", "constraint", "primary key"])
def test_a_unique_key_of_the_other_table_leads_to_one_row(how: str) -> None:
    metadata = sa.MetaData()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        badge: Related["Badge | None"] = relation()

    if how == "field":

        class Badge(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)

    elif how == "constraint":

        class Badge(Model, table=True, metadata=metadata):  # type: ignore[no-redef] # one of three
            id: Col[int] = generated()
            hero_id: Col[int] = field(foreign_key=Hero.id)
            __table_args__ = (sa.UniqueConstraint("hero_id"),)

    else:

        class Badge(Model, table=True, metadata=metadata):  # type: ignore[no-redef] # as above
            hero_id: Col[int] = field(primary_key=True, foreign_key=Hero.id)

    found = relation_of(Hero, "badge")

    assert (found.many, found.nullable) == (False, True)
    assert names(found.pairs) == [("id", "hero_id")]


# ---- annotations -------------------------------------------------------------------------------


def test_a_class_may_be_named_in_every_way() -> None:
    metadata = sa.MetaData()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        team_id: Col[int | None] = field(default=None, foreign_key="team.id")
        in_quotes: Related["Team | None"] = relation()
        all_in_quotes: "Related[Team | None]" = relation()
        # What Python 3.14 makes of the names that are not there yet.
        reference: Loose[ForwardRef("Team | None")] = relation()
        optional: Related[Optional["Team"]] = relation()
        optional_in_quotes: Related["Team | None"] = relation()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        list_in_quotes: "RelatedList[Hero]" = relation()
        inside_quotes: "RelatedList['Hero']" = relation()

    found = [relation_of(Hero, name) for name in relation_names(Hero)]
    assert len(found) == 5
    assert all(one.target is Team and one.nullable for one in found)
    assert relation_of(Team, "list_in_quotes").target is Hero
    assert relation_of(Team, "inside_quotes").target is Hero


def test_a_mixin_gives_its_relations_to_each_table() -> None:
    metadata = sa.MetaData()

    class User(Model, table="users", metadata=metadata):
        id: Col[int] = generated()
        notes: RelatedList["Note"] = relation()

    class Owned(Model):
        owner_id: Col[int] = field(foreign_key=User.id)
        owner: Related[User] = relation()

    class Note(Owned, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Task(Owned, table=True, metadata=metadata):
        id: Col[int] = generated()

    assert relation_of(Note, "owner").owner is Note
    assert relation_of(Task, "owner").owner is Task
    assert relation_of(User, "notes").target is Note


def test_two_metadata_may_have_classes_of_one_name() -> None:
    def declared() -> tuple[type[Model], type[Model]]:
        metadata = sa.MetaData()

        class Team(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            heroes: RelatedList["Hero"] = relation()

        class Hero(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            team_id: Col[int] = field(foreign_key=Team.id)

        return Team, Hero

    for team, hero in (declared(), declared()):
        assert relation_of(team, "heroes").target is hero


# ---- what is wrong -----------------------------------------------------------------------------


class Plain(BaseModel):
    x: int


def wrong(annotation: Any, unique: bool = False, **options: Any) -> tuple[type[Model], type[Model]]:
    """Two tables, of which the first has a key to the other, and a relation called `it`."""
    metadata = sa.MetaData()
    made: Any = relation

    class Other(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Twin(Model, table="one_twin", metadata=metadata):
        id: Col[int] = generated()

    first = Twin

    class Twin(Model, table="other_twin", metadata=metadata):  # type: ignore[no-redef] # a twin
        id: Col[int] = generated()

    assert first is not Twin

    def owner() -> type[Model]:
        class Owner(Model, table=True, metadata=metadata):
            id: Col[int] = generated()
            other_id: Col[int | None] = field(default=None, foreign_key=Other.id)
            it: annotation = made(**options)

        return Owner

    return owner(), Other


@pytest.mark.parametrize(
    ("annotation", "options", "message"),
    [
        (
            Loose["Nobody"],
            {},
            "Owner.it: the annotation `Nobody` names no declared class\n"
            "  Fix: declare or import the class before the relation's first use; of several"
            " classes with one name, import the one that is meant",
        ),
        ("Related[", {}, "Owner.it: the annotation `Related[` names no declared class"),
        (
            int,
            {},
            "Owner.it: relation() on a field that is annotated as something else\n"
            "  Fix: annotate it `Related[Team]`, `Related[Team | None]` or `RelatedList[Hero]`",
        ),
        (Related, {}, "Owner.it: relation() on a field that is annotated as something else"),
        (
            Loose[Plain],
            {},
            "Owner.it: Plain is no table\n"
            "  Fix: relate it to a class that is declared with table=True",
        ),
        (Loose["Other | Plain"], {}, "Owner.it: that is no table"),
        (Loose[3], {}, "Owner.it: that is no table"),
        (
            Loose["Other"],
            {},
            "Owner.it: a row may have no Other, but the annotation says it has\n"
            "  Fix: annotate it `Related[Other | None]`",
        ),
        (
            LooseList["Other | None"],
            {},
            "Owner.it: a list of related rows is empty where there are none\n"
            "  Fix: leave `| None` out",
        ),
        (
            LooseList["Other"],
            {},
            "Owner.it: Other has no foreign key to Owner\n"
            "  Fix: add one with field(foreign_key=...) to Other; for many to many name the"
            " link's class with relation(through=...)",
        ),
        (
            Loose["Other | None"],
            {"through": "Link"},
            "Owner.it: through= on a relation to one row\n"
            "  Fix: annotate it `RelatedList[...]`: a link table relates many rows to many",
        ),
        (
            LooseList["Other"],
            {"through": Plain},
            "Owner.it: Plain is no table",
        ),
        (
            Loose["Other | None"],
            {"order_by": "id"},
            "Owner.it: order_by= on a relation to one row\n  Fix: leave it out: it is for lists",
        ),
        (
            Loose["Other | None"],
            {"fk": 3},
            "Owner.it: fk= is a int\n"
            '  Fix: name the foreign key\'s field: `fk="team_id"`, or several as a tuple',
        ),
        (
            Loose["Twin"],
            {},
            "Owner.it: the annotation `Twin` names no declared class",
        ),
    ],
)
def test_a_relation_that_cannot_be_says_why(
    annotation: object, options: dict[str, Any], message: str
) -> None:
    owner, _ = wrong(annotation, **options)

    assert problem(owner, "it").startswith(message)


def test_a_key_that_is_not_unique_leads_to_several_rows() -> None:
    metadata = sa.MetaData()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        badge: Related["Badge | None"] = relation()

    class Badge(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        hero_id: Col[int] = field(foreign_key=Hero.id)

    assert problem(Hero, "badge") == (
        "Hero.badge: several Badge may belong to one Hero, as Badge.hero_id is not unique\n"
        "  Fix: annotate it `RelatedList[Badge]`, or make the foreign key unique=True"
    )


def test_a_reverse_relation_to_one_row_may_have_none() -> None:
    metadata = sa.MetaData()

    class Hero(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        badge: Related["Badge"] = relation()

    class Badge(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        hero_id: Col[int] = field(foreign_key=Hero.id, unique=True)

    assert problem(Hero, "badge").startswith("Hero.badge: a row may have no Badge")


def test_a_link_without_a_key_to_the_other_side_is_none() -> None:
    metadata = sa.MetaData()

    class Person(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        likes: RelatedList["Person"] = relation(through="Liking")

    class Liking(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        person_id: Col[int] = field(foreign_key=Person.id)

    assert problem(Person, "likes").startswith(
        "Person.likes: Liking has no foreign key to Person beside person_id\n"
    )


def annotated_only() -> None:
    class Hero(Model):
        team: Related[Plain]

    del Hero


def annotated_only_in_quotes() -> None:
    class Hero(Model):
        team: "Related[Plain]"

    del Hero


def annotated_only_with_a_module() -> None:
    class Hero(Model):
        team: "andamios_orm.RelatedList[Plain]"  # type: ignore[name-defined] # noqa: F821 - never
        # evaluated

    del Hero


def without_annotation() -> None:
    class Hero(Model):
        team = relation()

    del Hero


def private() -> None:
    class Hero(Model):
        _team: Related[Plain] = relation()

    del Hero


def in_the_place_of_a_field() -> None:
    class Base(Model):
        team: Col[int]

    class Hero(Base):
        team: Related[Plain] = relation()  # type: ignore[assignment] # what is refused

    del Hero


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            annotated_only,
            "Hero.team is annotated as a relation, and is none\n"
            "  Fix: write `team: ... = relation()`",
        ),
        (annotated_only_in_quotes, "Hero.team is annotated as a relation, and is none"),
        (annotated_only_with_a_module, "Hero.team is annotated as a relation, and is none"),
        (
            without_annotation,
            "Hero.team = relation() has no annotation\n"
            "  Fix: write `team: Related[Team] = relation()`, or `RelatedList[Hero]`",
        ),
        (
            private,
            "Hero._team: names of relations do not begin with an underscore\n"
            "  Fix: choose another name",
        ),
        (
            in_the_place_of_a_field,
            "Hero.team is a field of a base class, and a relation here\n"
            "  Fix: choose another name for one of them",
        ),
    ],
)
def test_a_class_statement_that_cannot_be_is_refused(
    declare: Callable[[], None], message: str
) -> None:
    with pytest.raises(RelationProblem) as error:
        declare()

    assert str(error.value).startswith(message)


def test_a_field_may_take_the_place_of_an_inherited_relation() -> None:
    class Base(Model):
        team: Related[Plain] = relation()

    class Hero(Base, table=True, metadata=sa.MetaData()):
        id: Col[int] = generated()
        team: Col[int]  # type: ignore[assignment] # another type than the base's

    assert relation_names(Hero) == ()
    assert Hero(team=3).team == 3


def test_a_class_without_a_table_has_no_relations_to_ask() -> None:
    class Base(Model):
        team: Related[Plain] = relation()

    with pytest.raises(DeclarationError, match="Base is not a table"):
        relation_names(Base)
    with pytest.raises(AttributeError, match=r"Base\.team is a field of a class without a table"):
        _ = Base.team
