"""The order of pages has no ties, and the condition for the next one is what an index serves."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect

from andamios_orm import Col, Model, field, generated
from andamios_orm.backends.duckdb.dialect import DuckDBDialect
from andamios_orm.queries import to_sql
from andamios_orm.queries.keyset import Beyond, Keyset, without_ties
from andamios_orm.queries.nodes import Node
from andamios_orm.queries.selection import Selection
from andamios_orm.queries.terms import Attr

METADATA = sa.MetaData()


class Hero(Model, table="keyset_hero", metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    age: Col[int | None] = field(default=None)


class Place(Model, table="keyset_place", metadata=METADATA):
    country: Col[str] = field(primary_key=True)
    number: Col[int] = field(primary_key=True)


Any_: Any = Hero
HERO_KEY: tuple[Attr, ...] = (Any_.id,)


def order_of(model: type[Model], key: Sequence[str], *orderings: object) -> str:
    found = without_ties(
        Selection(model).order_by(*orderings), [getattr(model, name) for name in key]
    )
    return ", ".join(map(repr, found))


def test_the_key_is_added_in_the_direction_of_the_last_column() -> None:
    assert order_of(Hero, ["id"]) == "Hero.id.asc()"
    assert order_of(Hero, ["id"], Hero.name) == "Hero.name.asc(), Hero.id.asc()"
    assert order_of(Hero, ["id"], Hero.name, Hero.age.desc()) == (
        "Hero.name.asc(), Hero.age.desc(), Hero.id.desc()"
    )
    assert order_of(Place, ["country", "number"], Place.number.desc()) == (
        "Place.number.desc(), Place.country.desc()"
    )


def test_what_cannot_change_the_order_is_left_out() -> None:
    assert order_of(Hero, ["id"], Hero.name, Hero.name.desc(), Hero.id, Hero.age) == (
        "Hero.name.asc(), Hero.id.asc()"
    )


def test_expressions_of_sqlalchemy_stay() -> None:
    assert order_of(Hero, ["id"], sa.func.now()) == "a SQLAlchemy expression, Hero.id.asc()"


def condition(dialect: Dialect, place: Sequence[object], *orderings: object) -> str:
    """The WHERE of the rows after a place."""
    selection = Selection(Hero).order_by(*orderings)
    keyset = Keyset.of(selection, HERO_KEY)
    found = selection._replace(conditions=(keyset.beyond(place),), orderings=())
    sql = str(to_sql.select(found, dialect.name, [sa.literal_column("1")]).compile(dialect=dialect))
    where = " ".join(sql.partition("WHERE ")[2].split())
    for number in range(9):
        for form in (f"%(andamios_orm_parameter_{number})s", f":andamios_orm_parameter_{number}"):
            where = where.replace(form, f"${number}")
    return where.replace("keyset_hero.", "")


POSTGRESQL = postgresql.dialect(paramstyle="pyformat")  # type: ignore[no-untyped-call] # SQLAlchemy's
MYSQL = mysql.dialect(paramstyle="pyformat")
SQLITE = sqlite.dialect(paramstyle="named")
DUCKDB = DuckDBDialect()


def test_columns_of_one_direction_are_compared_as_rows_where_an_index_serves_that() -> None:
    assert condition(POSTGRESQL, ["a", 1], Hero.name) == (
        "((name, id) > ($0::VARCHAR, $1::BIGINT))"
    )
    assert condition(SQLITE, ["a", 1], Hero.name) == "((name, id) > ($0, $1))"
    assert condition(SQLITE, ["a", 1], Hero.name.desc()) == "((name, id) < ($0, $1))"
    assert condition(MYSQL, ["a", 1], Hero.name) == (
        "(name >= $0 AND (name > $0 OR name = $0 AND id > $1))"
    )
    assert condition(MYSQL, ["a", 1], Hero.name.desc()) == (
        "(name <= $0 AND (name < $0 OR name = $0 AND id < $1))"
    )


def test_duckdb_is_not_told_what_follows_because_it_computes_all_that_is_said() -> None:
    assert condition(DUCKDB, ["a", 1], Hero.name) == "(name >= $1 AND (name > $1 OR id > $2))"
    assert condition(DUCKDB, ["a", 1], Hero.name.desc()) == (
        "(name <= $1 AND (name < $1 OR id < $2))"
    )


def test_columns_of_mixed_directions_are_compared_one_by_one() -> None:
    assert condition(SQLITE, ["a", 1], Hero.name.desc(), Hero.id) == (
        "name <= $0 AND (name < $0 OR name = $0 AND id > $1)"
    )


def test_rows_without_a_value_come_where_the_order_puts_them() -> None:
    assert condition(SQLITE, [3, 1], Hero.age) == (
        "(age >= $0 OR age IS NULL) AND (age > $0 OR age IS NULL OR age = $0 AND id > $1)"
    )
    assert condition(SQLITE, [3, 1], Hero.age.desc()) == "((age, id) < ($0, $1))"
    assert condition(SQLITE, [None, 1], Hero.age) == "age IS NULL AND age IS NULL AND id > $0"
    assert condition(SQLITE, [None, 1], Hero.age.desc()) == (
        "age IS NOT NULL OR age IS NULL AND id < $0"
    )


def test_conditions_of_one_shape_share_their_key() -> None:
    keyset = Keyset.of(Selection(Hero).order_by(Hero.age), HERO_KEY)
    one, two, three = (keyset.beyond(place) for place in ([1, 2], [3, 4], [None, 4]))
    assert one.key() == two.key()
    assert one.key() != three.key()
    assert one.key() != keyset.backwards().beyond([1, 2]).key()


def test_a_condition_tells_what_it_is_about() -> None:
    keyset = Keyset.of(Selection(Hero).order_by(Hero.age), HERO_KEY)
    condition = keyset.beyond([1, 2])
    models: set[Any] = set()
    condition.models(models)
    assert isinstance(condition, Beyond)
    assert isinstance(condition, Node)
    assert models == {Hero}
    assert repr(condition) == "beyond ... in the order of Hero.age.asc(), Hero.id.asc()"


@pytest.mark.parametrize("times", [1, 2])
def test_twice_backwards_is_forwards(times: int) -> None:
    keyset = Keyset.of(Selection(Hero).order_by(Hero.age.desc(), Hero.name), HERO_KEY)
    turned = keyset
    for _ in range(times):
        turned = turned.backwards()
    there, back = ([ordering.key() for ordering in k.orderings] for k in (keyset, turned))
    assert (there == back) == (times == 2)
