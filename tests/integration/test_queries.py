"""What a query finds: the same rows on every engine, and those that Python would find."""

import functools
import operator
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from andamios_orm import Col, Database, Model, Query, Repository, field, generated
from andamios_orm.database.query_plans import read_plan
from andamios_orm.errors import (
    ConditionMisuse,
    ManyFound,
    NotFound,
    NotStorable,
    NotSupported,
    UsageError,
    ValueOutOfRange,
    WrongType,
)
from andamios_orm.observe import StatementRun, subscribe
from andamios_orm.queries.expressions import Condition
from andamios_orm.repositories.asking import statement_of_query
from tests.engines import only_on

METADATA = sa.MetaData()


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Tag(BaseModel):
    word: str


class Thing(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str | None] = field(default=None)
    color: Col[Color] = field(default=Color.RED)
    size: Col[Literal["s", "m", "l"]] = field(default="m")
    serial: Col[UUID] = field(default=UUID(int=0))
    day: Col[date] = field(default=date(2024, 2, 29))
    moment: Col[datetime] = field(default=datetime(2024, 2, 29, 12, tzinfo=UTC))
    active: Col[bool] = field(default=True)
    flag: Col[bool | None] = field(default=None)
    whole: Col[int] = field(default=0)
    part: Col[int | None] = field(default=None)
    price: Col[Decimal] = field(default=Decimal(0), max_digits=10, decimal_places=2)
    rate: Col[Decimal | None] = field(default=None, max_digits=6, decimal_places=4)
    weight: Col[float] = field(default=0.0)
    exact: Col[Decimal] = field(default=Decimal(0), max_digits=30, decimal_places=10)
    exacter: Col[Decimal] = field(default=Decimal(0), max_digits=30, decimal_places=12)
    tags: Col[list[Tag]] = field(default_factory=list)
    others: Col[list[Tag]] = field(default_factory=list)


Loose: Any = Thing
"""For what a type checker refuses already."""


class Other(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    whole: Col[int] = field(default=0)


class Fact(Model, table=True, metadata=METADATA):
    """The table of the laws below."""

    id: Col[int] = field(primary_key=True)
    a: Col[int]
    b: Col[int | None]
    word: Col[str]
    label: Col[str | None]
    price: Col[Decimal] = field(max_digits=8, decimal_places=2)
    rate: Col[Decimal | None] = field(max_digits=6, decimal_places=3)
    day: Col[date]
    until: Col[date | None]


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, metadata=METADATA) as database:
        await database.create_all()
        yield database


@pytest.fixture
def things(empty: Database) -> Repository[Thing]:
    return Repository(Thing, empty)


async def names(query: Query[Thing]) -> list[str | None]:
    return sorted((thing.name for thing in await query.all()), key=str)


# ---- laws --------------------------------------------------------------------------------------

WORDS = ["", "a", "A", "ab", "aB", "%", "a%b", "_", "\\", "a\\b", "[a]", "*", "?", "é", "É", "'\""]
FACTS = [
    Fact(
        id=n,
        a=(0, 1, -1, 7, -8, 12)[n % 6],
        b=(None, 0, 3, -2, 7)[n % 5],
        word=WORDS[n % len(WORDS)],
        label=(None, "a", "B", *WORDS)[n * 7 % (len(WORDS) + 3)],
        price=Decimal(("0.10", "0.30", "-1.25", "99.99", "3.00", "0.00", "1.01")[n % 7]),
        rate=(None, Decimal("0.100"), Decimal("3.000"), Decimal("-0.125"))[n % 4],
        day=date(2024, 1, 1) + timedelta(days=n % 9),
        until=None if n % 3 == 0 else date(2024, 1, 4) + timedelta(days=n % 5),
    )
    for n in range(1, 61)
]


@pytest.fixture
async def facts(empty: Database) -> Repository[Fact]:
    repository = Repository(Fact, empty)
    await repository.add_all(FACTS)
    return repository


Row = Fact
Value = Any
Truth = bool | None
Pair = tuple[Any, Callable[[Row], Value]]
"""A node, and the same in Python."""


def column(name: str) -> Pair:
    return getattr(Fact, name), lambda row: getattr(row, name)


def strict(function: Callable[..., Value]) -> Callable[..., Value]:
    """Null in, null out."""
    return lambda *values: None if None in values else function(*values)


def comparable(one: Value, two: Value) -> tuple[Value, Value]:
    if isinstance(one, float) or isinstance(two, float):
        return float(one), float(two)
    return one, two


def remainder(one: int, two: int) -> int | None:
    if two == 0:
        return None
    left = abs(one) % abs(two)
    return left if one >= 0 else -left


def quotient(one: Value, two: Value) -> float | None:
    return None if two == 0 else float(one) / float(two)


ARITHMETIC: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (operator.add, operator.add),
    "-": (operator.sub, operator.sub),
    "*": (operator.mul, operator.mul),
}
DIVIDING: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "/": (operator.truediv, quotient),
    "%": (operator.mod, remainder),
}


def computed(operands: st.SearchStrategy[Pair], values: st.SearchStrategy[Any]) -> Any:
    """Arithmetic of a node with another node or a value, on either side."""

    def build(name: str, left: Pair, right: Pair | None, value: Any, reflected: bool) -> Pair:
        on_nodes, in_python = ARITHMETIC[name]
        in_python = strict(in_python)
        if left[0].storage.kind == "integer":
            value = int(value)
        if right is not None:
            return (
                on_nodes(left[0], right[0]),
                lambda row: in_python(left[1](row), right[1](row)),
            )
        if reflected:
            return on_nodes(value, left[0]), lambda row: in_python(value, left[1](row))
        return on_nodes(left[0], value), lambda row: in_python(left[1](row), value)

    return st.builds(
        build,
        st.sampled_from(sorted(ARITHMETIC)),
        operands,
        st.none() | operands,
        values,
        st.booleans(),
    )


def divided(name: str, left: Pair, right: Pair | None, value: int) -> Pair:
    on_nodes, in_python = DIVIDING[name]
    in_python = strict(in_python)
    if right is None:
        return on_nodes(left[0], value), lambda row: in_python(left[1](row), value)
    return on_nodes(left[0], right[0]), lambda row: in_python(left[1](row), right[1](row))


INTEGERS = st.integers(-15, 15)
DECIMALS = st.decimals(-20, 20, places=3) | st.decimals(-3, 3, places=1) | st.integers(-5, 5)
DATES = st.dates(date(2023, 12, 30), date(2024, 1, 12))
TEXTS = st.sampled_from(WORDS) | st.text("aAbB%_\\[]*?é'", max_size=3)

integer_columns = st.sampled_from([column("a"), column("b")])
decimal_columns = st.sampled_from([column("price"), column("rate")])
integers = st.recursive(integer_columns, lambda inner: computed(inner, INTEGERS), max_leaves=3)
decimals = st.recursive(
    decimal_columns, lambda inner: computed(inner | integer_columns, DECIMALS), max_leaves=3
).filter(lambda pair: pair[0].storage.kind == "decimal")
quotients = st.builds(
    divided, st.sampled_from(["/"]), integers | decimal_columns, st.none() | integers, INTEGERS
)
remainders = st.builds(
    divided, st.sampled_from(["%"]), integers, st.none() | integer_columns, INTEGERS
)
words = st.sampled_from([column("word"), column("label")])
days = st.sampled_from([column("day"), column("until")])
operands = [
    (integers | remainders, INTEGERS),
    (decimals, DECIMALS),
    (quotients, st.sampled_from([0.5, 1.0, -2.0, 1 / 3, 3])),
    (days, DATES),
]
COMPARE: list[Callable[[Any, Any], Any]] = [
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


def compared(
    compare: Callable[[Any, Any], Any], left: Pair, right: Pair | None, value: Any
) -> Pair:
    in_python = strict(lambda one, two: compare(*comparable(one, two)))
    if right is None:
        return compare(left[0], value), lambda row: in_python(left[1](row), value)
    return compare(left[0], right[0]), lambda row: in_python(left[1](row), right[1](row))


def contained(left: Pair, values: list[Any], negated: bool) -> Pair:
    node = left[0].not_in(values) if negated else left[0].in_(values)

    def in_python(row: Row) -> Truth:
        value = left[1](row)
        found = [other for other in values if other is not None]
        if value is None:
            if None in values:
                return not negated
            return negated if not found else None
        return (value in found) != negated

    return node, in_python


def between(left: Pair, low: Any, high: Any) -> Pair:
    in_python = strict(lambda value: low <= value <= high)
    return left[0].between(low, high), lambda row: in_python(left[1](row))


def null(left: Pair, negated: bool) -> Pair:
    node = left[0].is_not_null() if negated else left[0].is_null()
    return node, lambda row: (left[1](row) is None) != negated


def matching(left: Pair, method: str, text: str) -> Pair:
    tests: dict[str, Callable[[str], bool]] = {
        "contains": lambda value: text in value,
        "startswith": lambda value: value.startswith(text),
        "endswith": lambda value: value.endswith(text),
    }
    in_python = strict(tests[method])
    return getattr(left[0], method)(text), lambda row: in_python(left[1](row))


leaves = st.one_of(
    *[
        st.builds(compared, st.sampled_from(COMPARE), nodes, st.none() | nodes, values)
        for nodes, values in operands
    ],
    *[
        st.builds(contained, nodes, st.lists(st.none() | values, max_size=5), st.booleans())
        for nodes, values in operands[:1] + operands[3:]
    ],
    *[st.builds(between, nodes, values, values) for nodes, values in operands],
    st.builds(compared, st.sampled_from(COMPARE[:2]), words, st.none() | words, TEXTS),
    st.builds(null, integers | decimals | words | days, st.booleans()),
    st.builds(matching, words, st.sampled_from(["contains", "startswith", "endswith"]), TEXTS),
)


def both(left: Pair, right: Pair) -> Pair:
    def in_python(row: Row) -> Truth:
        one, two = left[1](row), right[1](row)
        if one is False or two is False:
            return False
        return None if one is None or two is None else True

    return left[0] & right[0], in_python


def either(left: Pair, right: Pair) -> Pair:
    def in_python(row: Row) -> Truth:
        one, two = left[1](row), right[1](row)
        if one is True or two is True:
            return True
        return None if one is None or two is None else False

    return left[0] | right[0], in_python


def opposite(inner: Pair) -> Pair:
    def in_python(row: Row) -> Truth:
        value = inner[1](row)
        return None if value is None else not value

    return ~inner[0], in_python


conditions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(both, inner, inner) | st.builds(either, inner, inner) | st.builds(opposite, inner)
    ),
    max_leaves=4,
)
law = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@law
@given(condition=conditions)
async def test_the_database_finds_what_python_finds(
    facts: Repository[Fact], condition: Pair
) -> None:
    node, in_python = condition

    found = await facts.where(node).order_by(Fact.id).all()

    assert [fact.id for fact in found] == [fact.id for fact in FACTS if in_python(fact) is True]


@law
@given(condition=conditions)
async def test_a_condition_its_negation_and_its_null_part_the_table(
    facts: Repository[Fact], condition: Pair
) -> None:
    node, _ = condition
    unknown = sa.case((node, 1), (~node, 0)).is_(None)

    parts = [await facts.where(part).all() for part in (node, ~node, unknown)]

    assert sorted(fact.id for part in parts for fact in part) == [fact.id for fact in FACTS]


@law
@given(
    keys=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "price", "rate", "until", "word", "label"]),
            st.booleans(),
            st.sampled_from([None, True, False]),
        ),
        max_size=3,
    ),
    limit=st.none() | st.integers(0, 70),
    offset=st.none() | st.integers(0, 70),
)
async def test_the_database_sorts_and_cuts_as_python_does(
    facts: Repository[Fact],
    keys: list[tuple[str, bool, bool | None]],
    limit: int | None,
    offset: int | None,
) -> None:
    expected = sorted(FACTS, key=lambda fact: fact.id)
    query = facts.where(sa.true())
    for name, descending, nulls_first in keys:
        attr = getattr(Fact, name)
        order = attr.desc() if descending else attr.asc()
        if nulls_first is not None:
            order = order.nulls_first() if nulls_first else order.nulls_last()
        query = query.order_by(order)
    for name, descending, nulls_first in reversed(keys):
        first = descending if nulls_first is None else nulls_first
        with_value = [f for f in expected if getattr(f, name) is not None]
        without = [f for f in expected if getattr(f, name) is None]
        # Sorted twice in reverse keeps the order of equals.
        with_value = sorted(
            reversed(with_value) if descending else with_value,
            key=lambda fact, name=name: sortable(getattr(fact, name)),
        )
        if descending:
            with_value.reverse()
        expected = without + with_value if first else with_value + without
    query = query.order_by(Fact.id)
    if limit is not None:
        query = query.limit(limit)
    if offset is not None:
        query = query.offset(offset)
    start = offset or 0
    expected = expected[start:] if limit is None else expected[start : start + limit]

    found = await query.all()

    assert [fact.id for fact in found] == [fact.id for fact in expected]
    assert await query.count() == len(expected)
    assert await query.exists() is bool(expected)


def sortable(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


# ---- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a%", ["a*?", "abc"]),
        ("A%", ["ABC"]),
        ("_b_", ["abc"]),
        (r"50\%", ["50%"]),
        (r"\a\b\c", ["abc"]),
        ("%", ["50%", "ABC", "[x]", "a*?", "abc", "äö"]),
        ("[x]", ["[x]"]),
        ("a*?", ["a*?"]),
        ("__", ["äö"]),
    ],
)
async def test_like_minds_case_and_knows_only_its_own_wildcards(
    things: Repository[Thing], pattern: str, expected: list[str]
) -> None:
    await things.add_all(
        [Thing(name=name) for name in ("abc", "ABC", "50%", "[x]", "a*?", "äö", None)]
    )

    found = await names(things.where(Thing.name.like(pattern)))

    assert found == expected


async def test_an_index_finds_every_text_that_begins_so(database_url: str) -> None:
    metadata = sa.MetaData()

    class Word(Model, table="indexed_word", metadata=metadata):
        text: Col[str] = field(primary_key=True, max_length=50)

    last = "\U0010ffff"
    mine = {
        "a",
        "a\t",
        "ab",
        "a\ud7ff",
        "a\ue000",
        "a\uffff",
        "a\U00010000",
        "a😀b",
        "a\uffff😀",
        "a" + last * 49,
    }
    others = {"A😀", "b", last, last + "😀", "\t"}
    cases: list[tuple[Condition, set[str]]] = [
        (Word.text.startswith("a"), mine),
        (~Word.text.startswith("a"), others),
        (Word.text.startswith("a😀"), {"a😀b"}),
        (Word.text.startswith(last), {last, last + "😀"}),
        (Word.text.like("a_b"), {"a😀b"}),
    ]
    async with Database(database_url, metadata=metadata) as db:
        await db.create_all()
        words = Repository(Word, db)
        await words.add_all([Word(text=text) for text in mine | others])

        for condition, expected in cases:
            found = await words.where(condition).all()
            assert {word.text for word in found} == expected


@only_on("mariadb")
@pytest.mark.parametrize(
    ("collation", "used"),
    [
        ("utf8mb4_nopad_bin", True),
        ("utf8mb4_general_ci", True),
        ("latin1_swedish_ci", True),
        ("utf8mb4_unicode_ci", False),
        ("utf8mb4_bin", False),
    ],
)
async def test_a_text_is_looked_for_in_the_index_where_that_finds_all(
    db: Database, collation: str, used: bool
) -> None:
    class Word(Model, table="word_of_another", metadata=sa.MetaData()):
        text: Col[str] = field(primary_key=True, max_length=50)
        length: Col[int]

    characters, _, _ = collation.partition("_")
    await db.execute(
        sa.text(
            "CREATE TABLE word_of_another (text VARCHAR(50)"
            f" CHARACTER SET {characters} COLLATE {collation} PRIMARY KEY, length INT NOT NULL)"
        )
    )
    await db.execute(
        sa.text(
            "INSERT INTO word_of_another SELECT concat(char(97 + seq % 26), seq), 1"
            " FROM seq_1_to_2000"
        )
    )
    if characters == "utf8mb4":
        await db.execute(sa.text("INSERT INTO word_of_another VALUES ('b2😀', 1)"))
    await db.execute(sa.text("ANALYZE TABLE word_of_another"))
    query = Repository(Word, db).where(Word.text.startswith("b2"))

    plan = await read_plan(db, *statement_of_query(query))

    assert any(node.reads_all for node in plan.root.walk()) != used
    assert await query.count() == 5 + (characters == "utf8mb4")


async def test_ilike_ignores_the_case_of_ascii_letters(things: Repository[Thing]) -> None:
    await things.add_all([Thing(name="abc"), Thing(name="ABC"), Thing(name="50%")])

    assert await names(things.where(Thing.name.ilike("aB_"))) == ["ABC", "abc"]
    assert await names(things.where(Thing.name.ilike(r"50\%"))) == ["50%"]


async def test_a_pattern_that_ends_in_a_lone_backslash_is_refused() -> None:
    with pytest.raises(WrongType, match="lone backslash"):
        Thing.name.like("a\\")


@pytest.mark.parametrize("method", ["contains", "like", "ilike"])
async def test_a_pattern_with_a_nul_character_is_refused(
    things: Repository[Thing], method: str
) -> None:
    with pytest.raises(NotStorable, match=r"Thing\.name"):
        await things.where(getattr(Thing.name, method)("a\0")).all()


async def test_a_pattern_can_be_negated(things: Repository[Thing]) -> None:
    await things.add_all([Thing(name="abc"), Thing(name="xyz"), Thing(name=None)])

    assert await names(things.where(~Thing.name.contains("b"))) == ["xyz"]


# ---- lists -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 17, 1000, 20_000])
async def test_in_takes_lists_of_any_length(things: Repository[Thing], size: int) -> None:
    await things.add_all([Thing(whole=n) for n in (0, size - 1, size)])

    inside = await things.where(Thing.whole.in_(range(size))).order_by(Thing.id).all()
    outside = await things.where(Thing.whole.not_in(range(size))).all()

    assert {thing.whole for thing in inside} == {0, size - 1}
    assert [thing.whole for thing in outside] == [size]


async def test_an_empty_list_beside_other_conditions_matches_nothing(
    things: Repository[Thing],
) -> None:
    await things.add(Thing(whole=3))

    assert await things.where((Thing.whole == 3) & Thing.id.in_([])).count() == 0
    assert await things.where((Thing.whole == 3) & Thing.id.not_in([])).count() == 1
    assert await things.where((Thing.whole == 4) | Thing.id.not_in([])).count() == 1


async def test_true_and_false_of_sqlalchemy_stand_beside_other_conditions(
    things: Repository[Thing],
) -> None:
    await things.add(Thing(whole=3, color=Color.BLUE))

    assert await things.where(Thing.whole == 3, sa.false()).count() == 0
    assert await things.where(Thing.color == Color.BLUE, sa.false()).count() == 0
    assert await things.where((Thing.whole == 4) | sa.true(), Thing.whole > 2).count() == 1
    assert await things.where(sa.true()).count() == 1


async def test_in_takes_a_subquery(things: Repository[Thing], empty: Database) -> None:
    await things.add_all([Thing(whole=n) for n in (1, 2, 3)])
    await Repository(Other, empty).add_all([Other(whole=2), Other(whole=3)])
    few = sa.select(Other.whole).where(Other.whole.in_([2, 5]), Other.whole > 0)

    inside = await things.where(Thing.whole.in_(few), Thing.whole < 9).all()
    outside = await things.where(Thing.whole.not_in(few)).order_by(Thing.whole).all()

    assert [thing.whole for thing in inside] == [2]
    assert [thing.whole for thing in outside] == [1, 3]


@pytest.mark.parametrize("given", ["abc", b"abc", 3])
def test_in_refuses_what_is_no_list(given: Any) -> None:
    with pytest.raises(WrongType, match="pass a list"):
        Thing.whole.in_(given)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (sa.select(Thing.name), r"Thing\.name holds text"),
        (sa.select(Thing.name).union(sa.select(Thing.name)), r"Thing\.name holds text"),
        (sa.select(Thing.name).subquery(), r"Thing\.name holds text"),
        (sa.select(Thing.whole, Thing.price), r"in_?\(\) got a SELECT of 2 columns"),
    ],
)
def test_in_refuses_a_select_of_anything_but_a_column_of_its_kind(query: Any, told: str) -> None:
    for ask in (Thing.whole.in_, Thing.whole.not_in):
        with pytest.raises(WrongType, match=told):
            ask(query)


@pytest.mark.parametrize(
    "query",
    [
        sa.select(Thing.price),
        sa.select(sa.func.max(Thing.whole)),
        sa.select(sa.func.length(Thing.name)),
        sa.select(sa.cast(Thing.name, sa.Integer)),
        sa.select(sa.text("1")),
        sa.text("SELECT 1"),
    ],
)
def test_in_takes_a_select_of_numbers_or_of_what_sqlalchemy_only_guesses(query: Any) -> None:
    assert repr(Thing.whole.in_(query)) == "Thing.whole IN (SELECT ...)"


# ---- values ------------------------------------------------------------------------------------


async def test_a_decimal_is_not_rounded_before_it_is_compared(things: Repository[Thing]) -> None:
    await things.add_all(
        [Thing(name="below", price=Decimal("0.99")), Thing(name="above", price=Decimal(1))]
    )

    assert await names(things.where(Thing.price > Decimal("0.995"))) == ["above"]
    assert await names(things.where(Thing.price < Decimal("0.995"))) == ["below"]
    assert await names(things.where(Thing.price == Decimal("0.994"))) == []
    assert await names(things.where(Thing.price.in_([Decimal("0.990"), Decimal(1)]))) == [
        "above",
        "below",
    ]


async def test_values_compare_as_the_python_values_they_are(things: Repository[Thing]) -> None:
    serial = UUID("12345678-1234-5678-1234-567812345678")
    moment = datetime(2024, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    await things.add_all(
        [
            Thing(name="one"),
            Thing(
                name="two",
                color=Color.BLUE,
                size="l",
                serial=serial,
                day=date(2025, 1, 1),
                moment=moment,
                active=False,
                weight=0.1,
            ),
        ]
    )

    for condition in (
        Thing.color == Color.BLUE,
        Thing.color != Color.RED,
        Thing.size == "l",
        Thing.size.in_(["s", "l"]),
        Thing.serial == serial,
        Thing.serial > UUID(int=0),
        Thing.day >= date(2025, 1, 1),
        Thing.moment == moment.astimezone(UTC),
        Thing.moment > datetime(2024, 2, 29, 23, 29, 59, 999_999, tzinfo=UTC),
        Thing.active == False,  # noqa: E712 - builds SQL
        Thing.weight == 0.1,
    ):
        assert await names(things.where(condition)) == ["two"], repr(condition)


async def test_values_of_a_subclass_compare_like_their_base(things: Repository[Thing]) -> None:
    class Text(str):
        __slots__ = ()

    await things.add(Thing(name="Ada", whole=1))

    assert await things.where(Thing.name == Text("Ada"), Thing.whole == True).exists()  # noqa: E712 - builds SQL


async def test_boolean_columns_are_conditions(things: Repository[Thing]) -> None:
    await things.add_all(
        [
            Thing(name="on", active=True, flag=True, whole=1),
            Thing(name="off", active=False, flag=False, whole=1),
            Thing(name="unknown", active=True, flag=None),
        ]
    )

    assert await names(things.where(Thing.active)) == ["on", "unknown"]
    assert await names(things.where(~Thing.active)) == ["off"]
    assert await names(things.where(~Thing.flag)) == ["off"]
    assert await names(things.where(Thing.active & (Thing.whole == 1))) == ["on"]
    assert await names(things.where((Thing.whole == 1) & Thing.active)) == ["on"]
    assert await names(things.where(Thing.active | Thing.flag)) == ["on", "unknown"]
    assert await names(things.where(sa.not_(Thing.active) & Thing.flag.is_not_null())) == ["off"]


async def test_a_chain_of_many_conditions_does_not_nest(things: Repository[Thing]) -> None:
    await things.add(Thing(whole=899))
    chain = functools.reduce(operator.or_, [Thing.whole == n for n in range(900)])

    found = await things.where(chain).count()

    assert found == 1


# ---- arithmetic --------------------------------------------------------------------------------


async def test_whole_numbers_divide_to_a_fraction(things: Repository[Thing]) -> None:
    await things.add(Thing(whole=7, part=2))

    assert await things.where(Thing.whole / 2 == 3.5).exists()
    assert await things.where(Thing.whole / Thing.part == 3.5).exists()
    assert await things.where(Thing.whole / 3 == 7 / 3).exists()
    assert await things.where(14 / Loose.whole == 2).exists()


async def test_dividing_by_zero_gives_null(things: Repository[Thing]) -> None:
    await things.add(Thing(whole=7, part=0, price=Decimal("1.50"), weight=1.5))

    for quotient in (
        Thing.whole / Thing.part,
        Thing.whole / 0,
        Thing.price / 0,
        Thing.weight / Thing.part,
        Thing.whole % Thing.part,
    ):
        assert await things.where(quotient.is_null()).count() == 1, repr(quotient)


@pytest.mark.parametrize(("one", "two", "left"), [(7, 3, 1), (-7, 3, -1), (7, -3, 1), (-7, -3, -1)])
async def test_the_remainder_has_the_sign_of_the_dividend(
    things: Repository[Thing], one: int, two: int, left: int
) -> None:
    await things.add(Thing(whole=one, part=two))

    assert await things.where(Thing.whole % Thing.part == left).exists()
    assert await things.where(Thing.whole % two == left).exists()


async def test_sums_and_products_of_decimals_are_exact(things: Repository[Thing]) -> None:
    await things.add(Thing(price=Decimal("0.10"), whole=3, rate=Decimal("0.0005")))

    for condition in (
        Thing.price * 3 == Decimal("0.30"),
        Loose.price * Thing.whole == Decimal("0.3"),
        Loose.whole * Thing.price == Decimal("0.3"),
        Loose.price * Thing.whole - Decimal("0.3") == 0,
        Thing.price + Decimal("0.2") == Decimal("0.3"),
        Decimal("0.3") - Thing.price == Decimal("0.2"),
        Thing.price * Thing.rate == Decimal("0.00005"),
        -Thing.price == Decimal("-0.1"),
        (Thing.price * Decimal("1.1")).in_([Decimal("0.11")]),
        Thing.price * sa.literal(2) > Decimal("0.19"),
        Loose.weight + Thing.price == 0.1,
        Loose.price + Thing.weight == 0.1,
        Loose.whole + Thing.weight == 3.0,
    ):
        assert await things.where(condition).exists(), repr(condition)


async def test_plus_joins_text(things: Repository[Thing]) -> None:
    await things.add(Thing(name="Ada", size="s"))

    assert await things.where(Thing.name + "!" == "Ada!").exists()
    assert await things.where("Dr. " + Thing.name == "Dr. Ada").exists()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Loose.name * 2,
        lambda: Loose.day + timedelta(days=1),
        lambda: Loose.weight % 2,
        lambda: Loose.price % 2,
        lambda: -Loose.name,
    ],
)
def test_arithmetic_that_engines_disagree_on_is_refused(build: Callable[[], object]) -> None:
    with pytest.raises(NotSupported, match="is not defined for Thing"):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Loose.name == Thing.whole,
        lambda: Loose.day < Thing.moment,
        lambda: Loose.whole + Thing.name,
        lambda: Loose.name == 3,
        lambda: Loose.whole == 2.5,
        lambda: Loose.day == datetime(2024, 1, 1, tzinfo=UTC),
        lambda: Loose.whole < None,
        lambda: Loose.name.contains(3),
        lambda: Loose.whole.contains("3"),
    ],
)
def test_values_and_columns_of_another_type_are_refused(build: Callable[[], object]) -> None:
    with pytest.raises(WrongType):
        build()


# ---- what an engine cannot do ------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda: Thing.tags == [],
        lambda: Thing.tags == Thing.others,
        lambda: Thing.whole == Thing.tags,
        lambda: Thing.tags.in_([[]]),
        lambda: Thing.tags.in_(sa.select(Thing.others)),
        lambda: Thing.tags.asc(),
    ],
)
def test_json_columns_are_neither_compared_nor_sorted(build: Callable[[], object]) -> None:
    with pytest.raises(NotSupported, match=r"Thing\.tags is a JSON column"):
        build()


async def test_json_columns_can_be_asked_for_null(things: Repository[Thing]) -> None:
    await things.add(Thing())

    assert await things.where(Thing.tags == None).count() == 0  # noqa: E711 - builds SQL
    assert await things.where(Thing.tags != None).count() == 1  # noqa: E711 - builds SQL


ORDERED: list[Callable[[Repository[Thing]], Query[Thing]]] = [
    lambda things: things.order_by(Thing.exact),
    lambda things: things.where(Thing.exact > 1),
    lambda things: things.where(Thing.price < Thing.exact),
    lambda things: things.where(Thing.exact == Thing.exacter),
    lambda things: things.where(Thing.exact.in_(sa.select(Thing.exacter))),
    lambda things: things.where(Thing.price.not_in(sa.select(Thing.exact))),
    lambda things: things.where(Thing.exact + 1 == 2),
    lambda things: things.where(Thing.price + Thing.exact == 2),
]


@pytest.mark.parametrize("build", ORDERED)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_does_not_order_decimals_of_more_than_15_digits(
    things: Repository[Thing], build: Callable[[Repository[Thing]], Query[Thing]]
) -> None:
    with pytest.raises(NotSupported, match="15 digits"):
        await build(things).all()


@pytest.mark.parametrize("build", ORDERED)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_postgresql_orders_decimals_of_any_length(
    things: Repository[Thing], build: Callable[[Repository[Thing]], Query[Thing]]
) -> None:
    await things.add(Thing(price=Decimal("0.5"), exact=Decimal("1.5"), exacter=Decimal("1.5")))

    await build(things).all()


async def test_long_decimals_compare_for_equality(things: Repository[Thing]) -> None:
    long = Decimal("12345678901234567890.0123456789")
    await things.add(Thing(exact=long))

    assert await things.where(Thing.exact.in_(sa.select(Thing.exact))).exists()

    assert await things.where(Thing.exact == long).exists()
    assert not await things.where(Thing.exact != long).exists()
    assert await things.where(Thing.exact == Thing.exact).exists()


# ---- other tables ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda things: things.where(Other.whole == 1),
        lambda things: things.where(Thing.whole == Other.whole),
        lambda things: things.where((Thing.whole == 1) | ~(Other.whole / 2 > 1.0)),
        lambda things: things.where(Other.whole.is_null()),
        lambda things: things.where(Other.whole.in_([1])),
        lambda things: things.where(Thing.whole + Other.whole == 2),
        lambda things: things.order_by(Other.whole.desc()),
    ],
)
async def test_a_column_of_another_model_is_refused_at_once(
    things: Repository[Thing], build: Callable[[Repository[Thing]], object]
) -> None:
    with pytest.raises(UsageError, match="names a column of Other"):
        build(things)


async def test_a_sqlalchemy_expression_over_another_table_is_refused(
    things: Repository[Thing], empty: Database
) -> None:
    await things.add(Thing(whole=1))
    await Repository(Other, empty).add(Other(whole=1))
    other, itself = sa.func.abs(Other.whole) == 1, Thing.__table__.alias()

    for attempt in (
        things.where(other).all(),
        things.where(other).count(),
        things.where(other).exists(),
        things.where(other).delete(),
        things.where(other).update(Thing.whole.set(2)),
        things.where(Thing.whole == 1).update(Thing.whole.set(sa.func.abs(Other.whole))),
        things.order_by(sa.func.abs(Other.whole)).all(),
        things.where(itself.c.whole == 1).all(),
    ):
        with pytest.raises(UsageError, match="reads a table other than Thing's"):
            await attempt
    assert await things.where(Thing.whole == 1).count() == 1


async def test_another_table_may_stand_in_a_subquery(
    things: Repository[Thing], empty: Database
) -> None:
    await things.add_all([Thing(whole=1), Thing(whole=2)])
    await Repository(Other, empty).add(Other(whole=2))
    matching = sa.exists().where(Other.whole == Thing.whole)
    largest = sa.select(sa.func.max(Other.whole)).scalar_subquery()

    assert [thing.whole for thing in await things.where(matching).all()] == [2]
    assert [thing.whole for thing in await things.where(Thing.whole < largest).all()] == [1]
    assert await things.where(~matching).delete() == 1


# ---- SQLAlchemy expressions --------------------------------------------------------------------


async def test_sqlalchemy_expressions_mix_with_own_ones_everywhere(
    things: Repository[Thing],
) -> None:
    await things.add_all([Thing(name="Ada", whole=2), Thing(name="bob", whole=5)])

    assert await names(things.where(sa.func.lower(Thing.name) == "ada")) == ["Ada"]
    assert await names(things.where(Thing.name == sa.func.upper("ada"))) == []
    assert await names(things.where(Thing.whole > sa.func.length(Thing.name))) == ["bob"]
    assert await names(things.where(Thing.whole + sa.literal(1) == 3)) == ["Ada"]
    assert await names(things.where(sa.or_(Thing.whole == 5, Thing.name == "x"))) == ["bob"]
    assert await names(things.where((Thing.whole == 5) | (sa.func.abs(Thing.whole) == 2))) == [
        "Ada",
        "bob",
    ]
    assert await names(things.where(sa.literal(True) & (Thing.whole == 5))) == ["bob"]
    assert await names(things.where(sa.false() | (Thing.whole == 5))) == ["bob"]
    ordered = await things.order_by(sa.func.lower(Thing.name).desc(), Thing.id).limit(1).all()
    assert [thing.name for thing in ordered] == ["bob"]
    changed = await things.where(Thing.whole == 5).update(
        Thing.name.set(sa.func.upper(Thing.name)), Thing.whole.set(Thing.whole * 2)
    )
    assert changed == 1
    assert await names(things.where(Thing.whole == 10)) == ["BOB"]


async def test_own_nodes_stand_in_sqlalchemy_statements(
    things: Repository[Thing], empty: Database
) -> None:
    await things.add_all([Thing(name="Ada", whole=2), Thing(name="bob", whole=5)])
    statement = (
        sa.select(Thing.name, Thing.whole * 2)
        .where((Thing.whole > 1) & Thing.name.contains("d") & Thing.id.not_in([]))
        .order_by(Thing.whole.desc(), Thing.exact)
    )

    rows: Any = await empty.execute(statement)

    assert [tuple(row) for row in rows] == [("Ada", 4)]


# ---- misuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: Loose.whole > 1 and Loose.whole < 3,
        lambda: Loose.whole == 1 or Loose.whole == 3,
        lambda: not Loose.active,
        lambda: not Loose.whole > 1,
        lambda: 1 < Loose.whole < 3,
        lambda: "a" in Loose.name,
        lambda: Loose.name in ["a", "b"],
        lambda: (Loose.whole > 1) & True,
        lambda: Loose.whole & (Loose.whole > 1),
        lambda: True & (Loose.whole > 1),
        lambda: False | (Loose.whole > 1),
    ],
)
def test_python_cannot_decide_a_condition(misuse: Callable[[], object]) -> None:
    with pytest.raises(ConditionMisuse):
        misuse()


@pytest.mark.parametrize("given", [True, "age > 3", 3, None, Thing.whole, Thing.whole.asc()])
async def test_where_takes_nothing_but_conditions(things: Repository[Thing], given: Any) -> None:
    with pytest.raises(ConditionMisuse, match="is not a condition"):
        things.where(given)


@pytest.mark.parametrize("given", ["name", 3, None, Thing.whole > 3])
async def test_order_by_takes_nothing_but_columns(things: Repository[Thing], given: Any) -> None:
    with pytest.raises(WrongType, match="order_by"):
        things.order_by(given)


# ---- limit, offset, one, first -----------------------------------------------------------------


@pytest.mark.parametrize("given", [-1, True, 1.5, "3", None, 2**63])
@pytest.mark.parametrize("verb", ["limit", "offset"])
async def test_limit_and_offset_are_whole_numbers_from_zero(
    things: Repository[Thing], verb: str, given: Any
) -> None:
    with pytest.raises(WrongType, match=rf"{verb}\(\)"):
        getattr(things, verb)(given)


async def test_the_largest_limit_and_offset_are_taken(things: Repository[Thing]) -> None:
    await things.add(Thing(name="only"))

    assert await names(things.limit(2**63 - 1)) == ["only"]
    assert await names(things.offset(2**63 - 1)) == []
    assert await things.offset(2**63 - 1).limit(2**63 - 1).count() == 0


async def test_limits_hold_for_every_way_of_reading(things: Repository[Thing]) -> None:
    await things.add_all([Thing(whole=n) for n in range(3)])
    ordered = things.order_by(Thing.whole)

    assert await ordered.limit(2).count() == 2
    assert await ordered.offset(1).limit(5).count() == 2
    assert not await ordered.offset(3).exists()
    assert await ordered.offset(2).exists()
    assert not await ordered.limit(0).exists()
    assert await ordered.limit(0).first() is None
    assert (await ordered.offset(1).limit(1).one()).whole == 1
    last = await ordered.offset(2).first()
    assert last is not None
    assert last.whole == 2


async def test_one_wants_exactly_one_row(things: Repository[Thing]) -> None:
    with pytest.raises(NotFound) as absent:
        await things.one()
    await things.add_all([Thing(), Thing()])

    with pytest.raises(ManyFound) as many:
        await things.order_by(Thing.id).limit(10).one()

    assert (absent.value.model, many.value.model) == (Thing, Thing)


async def test_a_query_is_never_changed_by_refining_it(things: Repository[Thing]) -> None:
    await things.add_all([Thing(whole=n) for n in range(4)])
    base = things.where(Thing.whole > 0)

    base.where(Thing.whole > 2)
    base.order_by(Thing.whole.desc())
    base.limit(1)
    base.offset(1)

    assert await base.count() == 3
    assert await base.where(Thing.whole > 2).count() == 1
    assert await base.count() == 3


# ---- compiled once -----------------------------------------------------------------------------


async def test_equal_shapes_share_one_plan(things: Repository[Thing], empty: Database) -> None:
    query = things.where((Thing.whole > 1) & Thing.name.startswith("a")).order_by(Thing.whole)
    await query.limit(3).all()
    compiled = len(empty.plans)

    other = things.where((Thing.whole > 7) & Thing.name.startswith("b")).order_by(Thing.whole)
    await other.limit(9).all()

    assert len(empty.plans) == compiled


async def test_statements_with_sqlalchemy_expressions_are_not_kept(
    things: Repository[Thing], empty: Database
) -> None:
    compiled = len(empty.plans)

    await things.where(sa.func.abs(Thing.whole) == 1).all()
    await things.order_by(sa.func.abs(Thing.whole)).all()
    await things.where(Thing.whole == sa.literal(1)).update(Thing.whole.set(sa.literal(2)))

    assert len(empty.plans) == compiled


async def test_values_never_stand_in_the_statement(things: Repository[Thing]) -> None:
    seen: list[StatementRun] = []

    with subscribe(seen.append):
        await things.where(Thing.name == "sentinel", Thing.whole.in_([424242])).all()

    assert "sentinel" not in seen[-1].sql
    assert "424242" not in seen[-1].sql


async def test_a_selected_product_of_decimals_has_all_its_places(
    things: Repository[Thing], empty: Database
) -> None:
    await things.add(Thing(price=Decimal("0.20"), whole=3))

    rows = await empty.execute(
        sa.select(Thing.price * Decimal("0.125"), Thing.price * Thing.whole, Thing.price + 1)
    )

    assert [tuple(row) for row in rows] == [(Decimal("0.025"), Decimal("0.60"), Decimal("1.20"))]


async def test_a_sum_of_whole_numbers_is_an_int(things: Repository[Thing], empty: Database) -> None:
    await things.add_all([Thing(whole=1), Thing(whole=2)])

    [(total,)] = await empty.execute(sa.select(sa.func.sum(Thing.whole)))

    assert type(total) is int
    assert total == 3


def test_more_values_than_a_statement_carries_are_refused_before_sql() -> None:
    with pytest.raises(NotSupported, match="got 32001 values"):
        Thing.whole.in_(range(32_001))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlite_does_not_round_a_decimal_before_it_compares(
    things: Repository[Thing],
) -> None:
    close = Decimal("1.00000000000000000001")
    await things.add(Thing(price=Decimal("1.00")))

    with pytest.raises(ValueOutOfRange, match="decimals of 15 digits"):
        await things.where(Thing.price == close).all()


async def test_a_decimal_is_not_compared_with_nan(things: Repository[Thing]) -> None:
    with pytest.raises(NotStorable, match="NaN and the infinities are not compared"):
        await things.where(Thing.price < Decimal("nan")).all()
