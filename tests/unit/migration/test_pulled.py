"""Small readings of a pulled schema: numbers, words, relations."""

import pytest
import sqlalchemy as sa

from andamios_orm import Col, Model, Related, field, generated, relation
from andamios_orm.migration.pulled_columns import _digits, _literal
from andamios_orm.migration.pulling import _plural, _resolves
from andamios_orm.seeding.ordering import _reachable


@pytest.mark.parametrize(
    ("default", "annotation", "python"),
    [
        ("1", "int", "1"),
        ("1.5", "int", None),
        ("1.5", "float", "1.5"),
        ("1.5", "Decimal", 'Decimal("1.5")'),
        ("1", "date", None),
        ("'a''b'::text", "str", '"a\'b"'),
    ],
)
def test_a_default_is_python_where_it_can_be(
    default: str, annotation: str, python: str | None
) -> None:
    assert _literal(default, annotation) == python


def test_a_condition_about_something_else_tells_no_digits() -> None:
    assert list(_digits("a > 1")) == []


@pytest.mark.parametrize(
    ("word", "plural"), [("city", "cities"), ("day", "days"), ("box", "boxes"), ("team", "teams")]
)
def test_several_have_a_name_of_their_own(word: str, plural: str) -> None:
    assert _plural(word) == plural


def test_what_refers_in_a_diamond_is_found_once() -> None:
    class Row(Model, metadata=sa.MetaData()):
        """What they have in common."""

    class Top(Row, table=True):
        id: Col[int] = generated()

    class Left(Row, table=True):
        id: Col[int] = generated()

    class Right(Row, table=True):
        id: Col[int] = generated()

    class Bottom(Row, table=True):
        id: Col[int] = generated()

    targets: dict[type[Model], dict[type[Model], bool]] = {
        Bottom: {Top: True, Left: True, Right: True},
        Left: {Top: True},
        Right: {Top: True},
    }

    assert _reachable(Bottom, targets) == {Bottom, Left, Right, Top}


def test_a_relation_that_could_be_two_is_left_out() -> None:
    class Row(Model, metadata=sa.MetaData()):
        """What they have in common."""

    class Team(Row, table=True):
        id: Col[int] = generated()

    class Hero(Row, table=True):
        id: Col[int] = generated()
        first_id: Col[int] = field(foreign_key=Team.id)
        second_id: Col[int] = field(foreign_key=Team.id)
        team: Related[Team] = relation()
        first: Related[Team] = relation(fk="first_id")

    assert not _resolves(Hero, "team")
    assert _resolves(Hero, "first")
