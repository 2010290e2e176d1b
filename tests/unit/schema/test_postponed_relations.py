"""Relations under `from __future__ import annotations`, where every annotation is text."""

from __future__ import annotations

import sqlalchemy as sa

import andamios_orm as orm
from andamios_orm import Col, Model, Related, RelatedList, field, generated, relation
from andamios_orm.schema.relations import relation_of

METADATA = sa.MetaData()


class Team(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    heroes: RelatedList[Hero] = relation()


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    team_id: Col[int | None] = field(default=None, foreign_key=Team.id)
    team: Related[Team | None] = relation()
    same_team: orm.Related[Team | None] = relation()


def test_classes_of_the_module_are_found() -> None:
    assert relation_of(Team, "heroes").target is Hero
    assert relation_of(Hero, "team").target is Team
    assert relation_of(Hero, "same_team").target is Team


def test_classes_of_a_function_are_found() -> None:
    metadata = sa.MetaData()

    class Club(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        members: RelatedList[Member] = relation()

    class Member(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        club_id: Col[int] = field(foreign_key=Club.id)
        club: Related[Club] = relation()

    assert relation_of(Club, "members").target is Member
    assert relation_of(Member, "club").target is Club


def test_a_name_of_a_function_goes_before_the_modules() -> None:
    metadata = sa.MetaData()

    class Team(Model, table=True, metadata=metadata):
        id: Col[int] = generated()

    class Player(Model, table=True, metadata=metadata):
        id: Col[int] = generated()
        team_id: Col[int] = field(foreign_key=Team.id)
        team: Related[Team] = relation()

    assert relation_of(Player, "team").target is Team
