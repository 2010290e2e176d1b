"""Conditions: their code is what they are, their predicate what SQL says, examples small."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Any, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import find, given, settings
from pydantic import NaiveDatetime, SecretStr

from andamios_orm import Col, Model, field, generated
from andamios_orm.errors import UsageError
from andamios_orm.queries.conditions import Condition, as_condition
from andamios_orm.schema.compiler import spec_of
from andamios_orm.testing.strategies import Filter, filters
from andamios_orm.testing.strategies import conditions as written
from andamios_orm.testing.strategies.literals import literal
from tests.unit.testing.strategies.drawing import Planted, reached
from tests.unit.testing.strategies.linked_models import made

FEW = settings(max_examples=60, derandomize=True, database=None, deadline=None)
MANY = settings(FEW, max_examples=200)


class Base(Model, metadata=sa.MetaData()):
    pass


class Color(Enum):
    RED = "red"


Odd = Enum("Odd", {"class": 1, "not a name": 2})


class Can(Flag):
    READ = 1
    WRITE = 2


class Item(Base, table=True):
    id: Col[int] = generated()
    name: Col[str | None]
    title: Col[str]
    n: Col[int | None] = field(ge=-9, le=9)
    big: Col[int]
    price: Col[Decimal] = field(max_digits=8, decimal_places=2)
    exact: Col[Decimal] = field(max_digits=30, decimal_places=10)
    weight: Col[float] = field(allow_inf_nan=True)
    flag: Col[bool | None]
    color: Col[Color]
    seen: Col[NaiveDatetime]
    at: Col[datetime]
    tags: Col[list[int] | None]
    secret: Col[SecretStr]


ITEM = made(
    Item,
    id=1,
    name=None,
    title="A_b",
    n=-7,
    big=3,
    price=Decimal("1.50"),
    exact=Decimal(1),
    weight=1.5,
    flag=True,
    color=Color.RED,
    seen=datetime(2024, 1, 1, fold=1),
    at=datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))),
    tags=None,
    secret=SecretStr("x"),
)
NAMES: dict[str, Any] = {
    "Item": Item,
    "Color": Color,
    "Decimal": Decimal,
    "UUID": UUID,
    "SecretStr": SecretStr,
    **{"date": date, "datetime": datetime, "time": time, "timedelta": timedelta},
    **{"UTC": UTC, "timezone": timezone},
}


def drawn(wanted: str, **options: Any) -> Filter[Item]:
    """Return a small condition whose code matches."""
    found: Filter[Item] = find(
        filters(Item, near=[ITEM], **options),
        lambda condition: re.search(wanted, condition.code) is not None,
        settings=MANY,
    )
    return found


@FEW
@given(filters(Item, near=[ITEM], storable="sqlite"))
def test_its_code_is_the_condition(condition: Filter[Item]) -> None:
    again = eval(condition.code, dict(NAMES))  # noqa: S307 - what it printed itself
    own = as_condition(condition.condition)
    values: tuple[list[object], list[object]] = ([], [])
    as_condition(again).values(values[0])
    own.values(values[1])

    assert as_condition(again).key() == own.key()
    assert repr(values[0]) == repr(values[1])
    assert repr(condition) == condition.code
    assert isinstance(own, Condition)
    assert condition.holds(ITEM) in (True, False, None)


@pytest.mark.parametrize("wanted", ["", r"\.n "])
def test_examples_are_one_comparison(wanted: str) -> None:
    found = drawn(wanted)

    assert not re.search(r" [&|] |~", found.code)
    assert len(found.code) < 40


TEXTS = ("searched", "searched", "matched", "prolonged")
FORMS: dict[str, list[str]] = {
    "id": ["simple", "simple", "listed", "ranged", "null_tested", "paired"],
    "name": ["simple", "simple", "listed", "null_tested", "paired", *TEXTS],
    "n": ["simple", "simple", "listed", "ranged", "null_tested", "paired", "computed"],
    "price": ["simple", "simple", "listed", "ranged", "null_tested", "computed"],
    "exact": ["simple", "simple", "listed", "null_tested"],
    "flag": ["simple", "simple", "listed", "ranged", "null_tested", "bare"],
    "color": ["simple", "simple", "listed", "null_tested"],
    "at": ["simple", "simple", "listed", "ranged", "null_tested"],
    "tags": ["null_tested"],
}


@pytest.mark.parametrize("name", FORMS)
def test_what_is_asked_of_a_field(name: str) -> None:
    conditions = written._Conditions(Item, True)
    found = conditions._forms(spec_of(Item).by_name[name])

    assert [form.__name__.removeprefix("_") for form in found] == FORMS[name]


@pytest.mark.parametrize(
    ("storable", "ordered"),
    [
        (True, set()),
        ("sqlite", {"title"}),
        ("postgresql", {"exact"}),
        ("mariadb", {"title", "exact"}),
    ],
)
def test_values_are_ordered_where_an_engine_orders_them_as_python_does(
    storable: Any, ordered: set[str]
) -> None:
    conditions = written._Conditions(Item, storable)
    fields = spec_of(Item).by_name

    for name in ("title", "exact"):
        assert conditions.is_ordered(fields[name].storage) is (name in ordered)
        assert len(conditions.operators(fields[name].storage)) == (6 if name in ordered else 2)
        assert (written._ranged in conditions._forms(fields[name])) is (name in ordered)


def test_arithmetic_is_what_nothing_overflows_in() -> None:
    conditions = written._Conditions(Item, True)
    fields = spec_of(Item).by_name

    assert conditions.signs(fields["n"]) == ["+", "-", "*", "%"]
    assert conditions.signs(fields["price"]) == ["+", "-", "*"]
    assert [conditions.signs(fields[name]) for name in ("big", "exact", "weight")] == [[], [], []]


def asked(form: Any, name: str, *draws: object, storable: Any = True) -> written._Condition:
    """Return the condition of this form that is made of these draws, and of no more."""
    conditions, planted = written._Conditions(Item, storable), Planted(*draws)
    found: written._Condition = form(
        written._Drawing(cast("Any", planted), conditions, (), spec_of(Item).by_name[name])
    )
    assert planted.left == []
    return found


@pytest.mark.parametrize(
    ("form", "name", "draws", "code", "truth"),
    [
        ("simple", "big", (">", None, 5), "Item.big > 5", False),
        ("simple", "big", ("<=", ITEM), "Item.big <= 3", True),
        ("simple", "name", ("==", ITEM, "b"), 'Item.name == "b"', None),
        ("listed", "big", (0, True), "Item.big.not_in([])", True),
        (
            "listed", "big", (3, True, None, 1, False, True, ITEM, False),
            "Item.big.in_([1, None, 3])", True,
        ),
        ("ranged", "big", (None, 3, None, 5), "Item.big.between(3, 5)", True),
        ("null_tested", "name", ("is_not_null",), "Item.name.is_not_null()", False),
        ("null_tested", "name", ("== None",), "Item.name == None", True),
        ("bare", "flag", (), "Item.flag", True),
        ("searched", "title", ("endswith", True, "_b"), 'Item.title.endswith("_b")', True),
        ("searched", "title", ("contains", False, ITEM, 1, 1), 'Item.title.contains("_")', True),
        ("searched", "title", ("startswith", False, None, "xyz", 3, 0), "startswith", True),
        ("matched", "title", ("like", ["_", "%"], True, "b"), 'Item.title.like("_%b")', True),
        ("matched", "title", ("like", [], True, "A%b"), "like", False),
        ("prolonged", "title", ("%", ITEM, "=="), 'Item.title + "%" == "A_b%"', True),
        ("prolonged", "name", ("%", None, "a", "!="), 'Item.name + "%" != "a%"', None),
        ("computed", "n", ("*", -2, ">=", None, 9), "Item.n * -2 >= 9", True),
        ("computed", "n", ("%", 4, "==", ITEM), "Item.n % 4 == -7", False),
    ],
)  # fmt: skip
def test_a_condition_of_each_form(
    form: str, name: str, draws: tuple[object, ...], code: str, truth: bool | None
) -> None:
    found = asked(getattr(written, f"_{form}"), name, *draws)

    assert code in found.code
    assert found.holds(ITEM) is truth
    again = eval(found.code, dict(NAMES))  # noqa: S307 - what it printed itself
    assert as_condition(again).key() == as_condition(found.node).key()


def test_a_pattern_overlooks_case_on_sqlite_alone() -> None:
    found = asked(written._matched, "title", "ilike", [], True, "a_b", storable="sqlite")

    assert found.code == r'Item.title.ilike("a\\_b")'
    assert found.holds(ITEM) is True


def test_fields_of_one_type_are_compared() -> None:
    conditions = written._Conditions(Item, True)
    names = {name: [term.code for term in terms] for name, terms in conditions.partners.items()}

    assert names["name"] == ["Item.title"]
    assert names["big"] == ["Item.id", "Item.n"]
    assert names["price"] == names["exact"] == names["tags"] == names["color"] == []
    found = asked(written._paired, "n", conditions.terms["big"], "<")
    assert (found.code, found.holds(ITEM)) == ("Item.n < Item.big", True)


@pytest.mark.parametrize("sign", ["~", " & ", " | "])
def test_conditions_are_combined(sign: str) -> None:
    found = reached(filters(Item, near=[ITEM]), lambda condition: sign in condition.code)

    assert found.holds(ITEM) in (True, False, None)


@pytest.mark.parametrize("storable", [True, "postgresql"])
def test_texts_are_not_ordered_where_collations_differ(storable: Any) -> None:
    @FEW
    @given(filters(Item, storable=storable))
    def check(condition: Filter[Item]) -> None:
        assert not re.search(
            r"\.(title|name|color|secret) [<>]|ilike|(title|name)\.between", repr(condition)
        )
        assert not re.search(r"tags\.in_|tags ==? \[", condition.code)
        if storable is True:
            assert not re.search(r"exact [<>]|exact\.between", condition.code)

    check()


def test_a_model_of_the_librarys_fields_alone_has_no_conditions() -> None:
    class Stamp(Base, table=True):
        id: Col[int] = generated(role="version", primary_key=True)

    with pytest.raises(UsageError, match="fields that the library fills in"):
        filters(Stamp)


def test_a_program_makes_conditions_of_a_model_itself() -> None:
    condition = Filter[Item](Item.id > 1, lambda item: item.id > 1, "Item.id > 1")

    assert repr(condition) == "Item.id > 1"


# ---- what they mean ----------------------------------------------------------------------------


def term(name: str) -> Any:
    return written._conditions_of(Item, True, -1).terms[name]


def with_(**values: Any) -> Item:
    return ITEM.model_copy(update=values)


def test_null_is_neither_equal_nor_unequal() -> None:
    assert written._compared(term("name"), "==", "a").holds(ITEM) is None
    assert written._compared(term("name"), "!=", "a").holds(ITEM) is None
    assert written._null(term("name"), "== None").holds(ITEM) is True
    assert written._null(term("name"), "is_not_null").holds(ITEM) is False
    assert written._between(term("name"), "a", "b").holds(ITEM) is None


@pytest.mark.parametrize(
    ("values", "negated", "of_null", "of_a"),
    [
        ([], False, False, False),
        ([], True, True, True),
        (["a"], False, None, True),
        (["a"], True, None, False),
        (["b", None], False, True, False),
        (["b", None], True, False, True),
        ([None], False, True, False),
        ([None], True, False, True),
    ],
)
def test_none_in_a_list_means_rows_without_a_value(
    values: list[Any], negated: bool, of_null: bool | None, of_a: bool
) -> None:
    condition = written._member(term("name"), values, negated)

    assert condition.holds(ITEM) is of_null
    assert condition.holds(with_(name="a")) is of_a


def test_unknown_is_neither_true_nor_false() -> None:
    def constant(truth: bool | None) -> written._Condition:
        return written._Condition(Item.id == 1, lambda row: truth, str(truth))

    true, false, null = constant(True), constant(False), constant(None)
    both = [
        [written._both(a, b).holds(ITEM) for b in (true, false, null)] for a in (true, false, null)
    ]
    either = [
        [written._either(a, b).holds(ITEM) for b in (true, false, null)]
        for a in (true, false, null)
    ]

    assert both == [[True, False, None], [False, False, False], [None, False, None]]
    assert either == [[True, True, True], [True, False, None], [True, None, None]]
    assert [written._opposite(a).holds(ITEM) for a in (true, false, null)] == [False, True, None]


def test_nan_is_equal_to_itself_and_the_greatest() -> None:
    nan = with_(weight=math.nan)

    assert written._compared(term("weight"), "==", math.nan).holds(nan) is True
    assert written._compared(term("weight"), ">", math.inf).holds(nan) is True
    assert written._compared(term("weight"), "<", math.nan).holds(ITEM) is True


def test_values_compare_as_they_are_stored() -> None:
    assert written._compared(term("color"), "==", Color.RED).holds(ITEM) is True
    assert written._compared(term("secret"), "==", SecretStr("x")).holds(ITEM) is True
    assert written._compared(term("at"), "==", datetime(2023, 12, 31, 22, tzinfo=UTC)).holds(ITEM)
    assert written._compared(term("seen"), "==", datetime(2024, 1, 1)).holds(ITEM)
    assert written._compared_terms((term("n"), term("big")), "<").holds(ITEM) is True


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("A%", True),
        ("A_b", True),
        (r"A\_b", True),
        (r"A\%b", False),
        ("a%", False),
        ("%b\n", False),
    ],
)
def test_patterns_mind_case(pattern: str, fits: bool) -> None:
    assert written._like(term("title"), "like", pattern).holds(ITEM) is fits
    assert written._like(term("name"), "like", pattern).holds(ITEM) is None


def test_other_patterns_overlook_it_for_ascii_letters() -> None:
    condition = written._like(term("title"), "ilike", "é_a%")

    assert condition.holds(with_(title="é\nAÉ")) is True
    assert condition.holds(with_(title="É\nA")) is False


def test_texts_are_searched_literally() -> None:
    assert written._contains(term("title"), "contains", "_").holds(ITEM) is True
    assert written._contains(term("title"), "startswith", "_").holds(ITEM) is False
    assert written._contains(term("title"), "endswith", "b").holds(ITEM) is True


@pytest.mark.parametrize(
    ("sign", "number", "result"),
    [("+", 2, -5), ("-", 2, -9), ("*", 2, -14), ("%", 4, -3), ("%", 0, None)],
)
def test_a_remainder_has_the_sign_of_the_dividend(
    sign: str, number: int, result: int | None
) -> None:
    assert written._calculated(term("n"), sign, number).value(ITEM) == result
    assert written._calculated(term("n"), sign, number).value(with_(n=None)) is None
    assert written._calculated(term("n"), "%", 4).value(with_(n=7)) == 3


# ---- literals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a", '"a"'),
        ('"', "'\"'"),
        ("'", '"\'"'),
        (b"a", "b'a'"),
        (Decimal("1.0"), 'Decimal("1.0")'),
        (Color.RED, "Color.RED"),
        (Odd["class"], 'Odd["class"]'),
        (Odd["not a name"], 'Odd["not a name"]'),
        (Can.READ | Can.WRITE, "Can(3)"),
        (math.inf, 'float("inf")'),
        (1.5, "1.5"),
        (None, "None"),
        (True, "True"),
        ([1, "a"], '[1, "a"]'),
        (date(2024, 2, 29), "date(2024, 2, 29)"),
        (time(1, 2, tzinfo=UTC), "time(1, 2, tzinfo=UTC)"),
        (timedelta(days=1), "timedelta(days=1)"),
        (datetime(2024, 1, 1, tzinfo=UTC), "datetime(2024, 1, 1, 0, 0, tzinfo=UTC)"),
        (ITEM.at, "datetime(2024, 1, 1, 0, 0, tzinfo=timezone(timedelta(seconds=7200)))"),
        (UUID(int=1), 'UUID("00000000-0000-0000-0000-000000000001")'),
        (SecretStr("x"), 'SecretStr("x")'),
        (PurePosixPath("a/b"), 'Path("a/b")'),
        (IPv4Address("1.2.3.4"), 'IPv4Address("1.2.3.4")'),
    ],
)
def test_values_are_written_as_in_a_program(value: object, code: str) -> None:
    assert literal(value) == code
