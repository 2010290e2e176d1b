"""The shape of a query decides its statement: equal keys, equal SQL; values in the order of SQL."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite

from andamios_orm import Col, Model, field, generated
from andamios_orm.queries import to_sql
from andamios_orm.queries.selection import Selection
from andamios_orm.rows.decode import nothing
from andamios_orm.rows.plan import compile_plan

METADATA = sa.MetaData()
DIALECTS: dict[str, sa.Dialect] = {
    "sqlite": aiosqlite.dialect(),
    "postgresql": asyncpg.dialect(),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it so
}


class Hero(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str]
    alias: Col[str | None] = field(default=None)
    age: Col[int] = field(default=0)
    rank: Col[int | None] = field(default=None)
    fee: Col[Decimal] = field(default=Decimal(0), max_digits=8, decimal_places=2)
    active: Col[bool] = field(default=True)
    born: Col[datetime] = field(default=datetime(2000, 1, 1, tzinfo=UTC))


Loose: Any = Hero


class Numbered:
    """Draws values that are all different, so that their order can be seen."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.next = 0

    def number(self) -> int:
        self.next += 1
        return self.next

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def integer(self, depth: int) -> Any:
        column = self.pick(Hero.age, Hero.rank)
        if depth == 0:
            return column
        kind = self.pick("column", "+", "-", "*", "%", "reflected", "neg")
        left = self.integer(depth - 1)
        if kind == "column":
            return column
        if kind == "neg":
            return -left
        right = self.number() if self.pick(True, False) else self.integer(depth - 1)
        if kind == "reflected":
            return self.number() - left
        operations: dict[str, Callable[[], Any]] = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "%": lambda: left % right,
        }
        return operations[kind]()

    def decimal(self) -> Any:
        places = self.pick(1, 10, 1000)
        value = Decimal(self.number()) / places
        return self.pick(Loose.fee, Loose.fee + value, Loose.fee * value, value - Loose.fee)

    def condition(self, depth: int) -> Any:
        kind = self.pick("compare", "null", "in", "like", "decimal", "active", "and", "or", "not")
        if depth > 0 and kind == "and":
            return self.condition(depth - 1) & self.condition(depth - 1)
        if depth > 0 and kind == "or":
            return self.condition(depth - 1) | self.condition(depth - 1)
        if depth > 0 and kind == "not":
            return ~self.condition(depth - 1)
        if kind == "null":
            return self.pick(Hero.alias.is_null(), Hero.rank.is_not_null())
        if kind == "in":
            values = [self.number() for _ in range(self.draw(st.integers(0, 5)))]
            term = self.integer(1)
            return self.pick(term.in_(values), term.not_in(values))
        if kind == "like":
            text, column = str(self.number()), self.pick(Hero.name, Hero.alias)
            return self.pick(column.like(text), column.ilike(text), column.contains(text))
        if kind == "decimal":
            return self.decimal() >= Decimal(self.number())
        if kind == "active":
            return Hero.active & (Hero.age == self.number())
        left = self.integer(2)
        right = self.number() if self.pick(True, False) else self.integer(1)
        compared = [left == right, left != right, left < right, left <= right, left > right]
        return self.pick(*compared)

    def ordering(self) -> Any:
        order = self.pick(self.integer(1).asc(), Hero.name.desc(), Hero.name.asc(), Hero.rank.asc())
        return self.pick(order, order.nulls_first(), order.nulls_last())

    def selection(self) -> Selection:
        selection = Selection(Hero)
        for _ in range(self.draw(st.integers(0, 2))):
            selection = selection.where(self.condition(2))
        for _ in range(self.draw(st.integers(0, 2))):
            selection = selection.order_by(self.ordering())
        if self.pick(True, False):
            selection = selection.limited(self.number())
        if self.pick(True, False):
            selection = selection.skipping(self.number())
        return selection


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    return Numbered(draw).selection()


def compiled(selection: Selection, dialect: sa.Dialect) -> Any:
    statement = to_sql.select(selection, dialect.name)
    return compile_plan(statement, dialect, nothing, table=Hero.__table__)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=100, deadline=None)
@given(one=selections(), two=selections())
def test_equal_keys_mean_equal_sql(dialect: sa.Dialect, one: Selection, two: Selection) -> None:
    first, second = compiled(one, dialect).sql, compiled(two, dialect).sql

    assert one.key() is not None
    assert (one.key() != two.key()) or first == second


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_plan_of_a_shape_serves_every_selection_of_it(
    dialect: sa.Dialect, data: st.DataObject
) -> None:
    selection = data.draw(selections())
    plan = compiled(selection, dialect)

    bound = plan.bind(selection.values())

    assert not hasattr(bound, "__next__")
    assert [str(value) for value in bound] == [
        str(value) for value in literal_values(selection, dialect)
    ]


def literal_values(selection: Selection, dialect: sa.Dialect) -> list[object]:
    """Return the values in the order of the SQL, as SQLAlchemy's own literals bind them."""
    statement = sa.select(*to_sql.columns(Hero)).where(*selection.conditions)
    statement = statement.order_by(*selection.orderings)
    if selection.limit is not None:
        statement = statement.limit(sa.literal(selection.limit, sa.BigInteger()))
    if selection.offset is not None:
        statement = statement.offset(sa.literal(selection.offset, sa.BigInteger()))
    return list(compile_plan(statement, dialect, nothing, table=Hero.__table__).bind([]))


def shape(*conditions: Any) -> object:
    return Selection(Hero).where(*conditions).key()


def test_values_do_not_change_the_shape() -> None:
    assert shape((Hero.age > 3) & (Hero.name == "x")) == shape((Hero.age > 9) & (Hero.name == "y"))
    assert shape(Hero.name.contains("a")) == shape(Hero.name.startswith("%b"))
    assert shape(Hero.age.in_([1, 2, 3])) == shape(Hero.age.in_([1, 2, 3, 4]))


def test_everything_else_does() -> None:
    shapes = [
        shape(),
        shape(Hero.age > 3),
        shape(Hero.age >= 3),
        shape(Hero.rank > 3),
        shape(Hero.age > Hero.rank),
        shape(Hero.age > 3, Hero.age > 3),
        shape((Hero.age > 3) & (Hero.age > 3)),
        shape((Hero.age > 3) | (Hero.age > 3)),
        shape(~(Hero.age > 3)),
        shape(Hero.rank == None),  # noqa: E711 - builds SQL
        shape(Hero.rank != None),  # noqa: E711 - builds SQL
        shape(Hero.age.in_([])),
        shape(Hero.age.not_in([])),
        shape(Hero.age.in_([1])),
        shape(Hero.age.in_([1, 2])),
        shape(Hero.age + 1 > 3),
        shape(1 + Hero.age > 3),
        shape(Hero.name.like("x")),
        shape(Hero.name.ilike("x")),
        *[
            Selection(Hero).order_by(order).key()
            for order in (
                Hero.age.asc(),
                Hero.age.desc(),
                Hero.age.asc().nulls_first(),
                Hero.age.asc().nulls_last(),
            )
        ],
        Selection(Hero).limited(1).key(),
        Selection(Hero).skipping(1).key(),
    ]

    assert len(set(shapes)) == len(shapes)


def test_a_long_chain_is_one_flat_shape() -> None:
    one, two, three = Hero.age > 1, Hero.age > 2, Hero.age > 3

    assert shape((one | two) | three) == shape(one | (two | three))
    assert shape((one & two) & three) == shape(one & (two & three))


@pytest.mark.parametrize(
    "condition",
    [
        sa.true(),
        Hero.age > sa.literal(3),
        (Hero.age > 3) & sa.true(),
        ~(sa.literal(1) + Hero.age > 3),
        Hero.age.in_(sa.select(Hero.id)),
        (Hero.age + sa.literal(1)).in_([1]),
        (Hero.name + sa.func.lower(Hero.name)).contains("x"),
        (Hero.age + sa.literal(1)).is_null(),
    ],
)
def test_a_sqlalchemy_expression_has_no_shape(condition: Any) -> None:
    assert shape(condition) is None


def test_an_order_by_a_sqlalchemy_expression_has_no_shape() -> None:
    assert Selection(Hero).order_by(sa.func.abs(Hero.age)).key() is None
    assert Selection(Hero).order_by((Hero.age + sa.literal(1)).desc()).key() is None


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (Hero.age > 3, "Hero.age > ..."),
        (Hero.age > Hero.rank, "Hero.age > Hero.rank"),
        (Hero.rank == None, "Hero.rank IS NULL"),  # noqa: E711 - builds SQL
        (Hero.rank.is_not_null(), "Hero.rank IS NOT NULL"),
        (Hero.age.in_([1]), "Hero.age IN (...)"),
        (Hero.age.not_in([1]), "Hero.age NOT IN (...)"),
        (Hero.age.in_(sa.select(Hero.id)), "Hero.age IN (SELECT ...)"),
        (Hero.age.not_in(sa.select(Hero.id)), "Hero.age NOT IN (SELECT ...)"),
        ((Hero.age > 3) | ~(Hero.age > 9), "(Hero.age > ...) OR (NOT (Hero.age > ...))"),
        ((Hero.age > 3) & sa.true(), "(Hero.age > ...) AND (a SQLAlchemy expression)"),
        (Hero.name.like("sentinel"), "Hero.name LIKE ..."),
        (Hero.name.ilike("sentinel"), "Hero.name ILIKE ..."),
        (Hero.age + Hero.rank, "Hero.age + Hero.rank"),
        (1 - Hero.age, "... - Hero.age"),
        (Hero.age.desc(), "Hero.age.desc()"),
        (Hero.age.asc(), "Hero.age.asc()"),
        (Hero.name.set("sentinel"), "Hero.name.set(...)"),
    ],
)
def test_the_text_of_a_node_shows_no_value(node: object, text: str) -> None:
    assert repr(node) == text


def test_the_annotation_of_a_column_can_be_evaluated() -> None:
    from andamios_orm.queries.expressions import Attr  # noqa: PLC0415 - the subject

    assert Attr[int] is Attr


def test_a_pickled_condition_names_its_column_and_not_a_number_of_this_process() -> None:
    condition = pickle.loads(pickle.dumps(LOOSE.size == 9))  # noqa: S301 - our own

    assert condition.left is Pickled.size


class Pickled(Model, table=True, metadata=sa.MetaData()):
    id: Col[int] = generated()
    size: Col[int]


LOOSE: Any = Pickled


def test_an_order_is_shown_as_it_is_written() -> None:
    assert repr(Hero.age.desc()) == "Hero.age.desc()"
    assert repr(Hero.age.asc().nulls_first()) == "Hero.age.asc().nulls_first()"
    assert repr(Hero.age.desc().nulls_last()) == "Hero.age.desc().nulls_last()"
