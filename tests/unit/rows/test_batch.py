"""Encoding many instances at once gives what encoding each gives, or leaves it to that."""

import enum
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    PrivateAttr,
    ValidationError,
    field_validator,
)
from pydantic_core import CoreSchema

from andamios_orm import Col, Model, field, generated
from andamios_orm.errors import InvalidRow, NotStorable, WrongType
from andamios_orm.rows import batch
from andamios_orm.rows.batch import Columns, Group, judges_fields_alone
from andamios_orm.rows.encode import Encoder
from andamios_orm.schema.compiler import spec_of
from andamios_orm.schema.json_values import JsonText, JsonTexts, to_json_text

METADATA = sa.MetaData()


class Color(enum.IntEnum):
    RED = 1


class Note(BaseModel):
    text: str = Field(exclude=True)
    at: datetime | None = None


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Thing(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Col[str] = field(default="x", max_length=5)
    price: Col[Decimal] = field(default=Decimal("1.10"), max_digits=6, decimal_places=2)
    low: Col[Decimal] = field(default=Decimal(0), max_digits=6, decimal_places=2, ge=0)
    any: Col[Any] = field(default=None)
    mapping: Col[dict[str, Any] | None] = field(default=None)
    items: Col[list[Any]] = field(default_factory=list)
    numbers: Col[list[float]] = field(default_factory=list, max_length=3)
    few: Col[Annotated[list[int] | None, Field(fail_fast=True)]] = field(default=None)
    notes: Col[list[Note]] = field(default_factory=list)
    counts: Col[dict[int, set[int]]] = field(default_factory=dict)
    pet: Col[Cat | Dog] = field(default_factory=Cat, discriminator="kind")

    @cached_property
    def shown(self) -> str:
        return self.name


encoder = Encoder(spec_of(Thing))
columns = Columns(spec_of(Thing))


def things(*values: dict[str, Any]) -> list[Any]:
    return [Thing(**v) for v in values]


PLAIN: list[dict[str, Any]] = [
    {},
    {"any": {"a": [1, 2.5, None, True, "é\u2028", {"b": {}}]}},
    {"any": -0.0},
    {"any": 2**63 - 1},
    {"any": "a NaN is no Infinity, and \\u0000 is six characters"},
    {"mapping": {}},
    {"mapping": {"a": {"b": {"c": []}}}},
    {"items": [[], {}, "x"]},
    {"numbers": [1.0, 1e16, -0.0]},
    {"few": [1]},
    {"notes": [Note(text="NaN", at=datetime(2024, 1, 1, tzinfo=UTC))]},
    {"counts": {1: {2, 3}, 4: set()}},
    {"pet": Dog()},
    {"price": Decimal("-0.00"), "low": Decimal("9999.99")},
]


def test_columns_are_what_each_instance_gives() -> None:
    given = things(*PLAIN)
    assert given[0].shown == "x"  # lies in the instance's dict from now on

    group = columns.encode(given)

    assert group is not None
    assert group.rows() == [encoder.rendered(thing)[1] for thing in given]
    for found, thing in zip(group.rows(), given, strict=True):
        names, expected = encoder.encode(thing)
        assert group.names == names
        for value, other in zip(found, expected, strict=True):
            text = value.text if isinstance(value, JsonText) else None
            assert value == other or text == to_json_text(other)


@pytest.mark.parametrize("values", PLAIN)
def test_the_text_of_an_instance_is_that_of_a_column(values: dict[str, Any]) -> None:
    [thing] = things(values)

    names, rendered = encoder.rendered(thing)
    [group] = encoder.rendered_all([thing, thing])

    assert group.names == names
    assert group.rows() == [rendered, rendered]


HOSTILE: dict[str, Any] = {
    "an infinity": {"any": float("inf")},
    "no number in a list of numbers": {"numbers": [float("nan")]},
    "a NUL": {"any": ["a\0"]},
    "a NUL in a note": {"notes": [Note(text="a\0")]},
    "a lone surrogate": {"any": {"a": "\ud800"}},
    "a surrogate among numbers": {"counts": {"\ud800": 1}},
    "a tuple": {"any": (1,)},
    "a set": {"items": [{1}]},
    "an enum": {"any": {"a": Color.RED}},
    "a date": {"any": datetime(2024, 1, 1, tzinfo=UTC)},
    "a UUID": {"mapping": {"a": UUID(int=1)}},
    "a key that is no text": {"any": {1: 2}},
    "a key of an enum": {"mapping": {"a": {Color.RED: 1}}},
    "bytes": {"any": [b"a"]},
    "another outer type": {"mapping": []},
    "yet another": {"items": {}},
    "a whole number among floats": {"numbers": [1]},
    "a missing value": {"items": None},
    "too many": {"numbers": [1.0, 2.0, 3.0, 4.0]},
    "a broken note": {"notes": [Note.model_construct(text=3)]},
    "too many digits": {"price": Decimal("1.234")},
    "a number that is none": {"price": Decimal("NaN")},
    "a text for a Decimal": {"price": "x"},
    "too low": {"low": Decimal(-1)},
    "too long": {"name": "123456"},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_refused_is_refused_in_the_same_words(case: str) -> None:
    bad = Thing()
    bad.__dict__.update(HOSTILE[case])

    with pytest.raises((InvalidRow, NotStorable)) as alone:
        encoder.encode(bad)
    with pytest.raises((InvalidRow, NotStorable)) as among:
        encoder.rendered_all([Thing(), bad])

    assert type(among.value) is type(alone.value)
    assert str(among.value) == str(alone.value)
    assert vars(among.value) == vars(alone.value)


def test_what_pydantic_converts_is_converted_in_a_column_too() -> None:
    [whole, text] = [Thing(), Thing()]
    whole.__dict__["price"] = 1
    text.__dict__["price"] = "1.5"

    [group] = encoder.rendered_all([Thing(), whole, text])

    assert group.columns[group.names.index("price")] == [Decimal("1.10"), 1, Decimal("1.5")]


def test_a_value_too_deep_to_be_looked_into_is_read_back() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]

    [group] = encoder.rendered_all([Thing(any=deep)])

    assert group.rows()[0][group.names.index("any")] == deep


def test_whole_numbers_of_any_size_are_read_back() -> None:
    [group] = encoder.rendered_all([Thing(any=[2**63])])

    assert group.rows()[0][group.names.index("any")] == [2**63]


@pytest.mark.parametrize("rows", [1, 20])
def test_what_has_itself_in_it_is_an_error_and_no_endless_loop(rows: int) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)

    with pytest.raises(NotStorable, match=r"Thing\.any.* has itself in it"):
        encoder.rendered_all([Thing(any=cycle)] * rows)


def test_rows_with_different_fields_are_groups_in_the_same_order() -> None:
    given = [Thing(), Thing(), Thing.model_validate({"id": 1}), Thing()]

    groups = encoder.rendered_all(given)

    assert [(group.size, "id" in group.names) for group in groups] == [
        (2, False),
        (1, True),
        (1, False),
    ]


def test_generated_keys_that_all_rows_have_are_a_column() -> None:
    group = columns.encode([Thing.model_validate({"id": n}) for n in (2, 1)])

    assert group is not None
    assert group.columns[group.names.index("id")] == [2, 1]


def test_a_portion_keeps_what_its_columns_are() -> None:
    group = Group(("a", "b"), 3, [[1, 2, 3], JsonTexts(["1", None, "3"])])

    assert group.portion(0, 3) is group.columns
    numbers, texts = group.portion(1, 2)
    assert (numbers, texts, type(texts)) == ([2, 3], [None, "3"], JsonTexts)
    assert group.rows() == [[1, JsonText("1")], [2, None], [3, JsonText("3")]]
    assert Group((), 2, []).rows() == [[], []]


def test_an_instance_of_another_class_is_named() -> None:
    class More(Thing):
        more: int = 0

    class Same(Thing):
        pass

    with pytest.raises(WrongType, match="a Note was given where Thing is stored"):
        encoder.rendered_all([Thing(), Note(text="a")])
    with pytest.raises(WrongType, match="more"):
        encoder.rendered_all([Thing(), More()])
    assert len(encoder.rendered_all([Thing(), Same()])) == 1
    assert encoder.rendered(Same()) == encoder.rendered(Thing())


# ---- which models are judged field by field -----------------------------------------------------


class FieldValidator(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    tags: Col[list[str]]

    @field_validator("tags")
    @classmethod
    def sorted(cls, value: list[str]) -> list[str]:
        return sorted(value)


class Hook(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)

    def model_post_init(self, context: Any, /) -> None:
        """Runs whenever a row is validated."""


class GeneratedAndHook(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()

    def model_post_init(self, context: Any, /) -> None:
        """As above."""


class InheritedHook(GeneratedAndHook, table=True, metadata=METADATA):
    more: Col[int] = field(default=0)


class Private(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    _seen: int = PrivateAttr(default=0)


class Init(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


class Schema(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        made: CoreSchema = handler(source)
        return made


class JsonRule(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    tags: Annotated[list[str], AfterValidator(lambda value: value)] = field()


class JsonFromText(Model, table=True, metadata=METADATA):
    id: Col[int] = field(primary_key=True)
    tags: Json[list[str]] = field()


class ScalarRule(Model, table=True, metadata=METADATA):
    id: Col[int] = generated()
    name: Annotated[str, AfterValidator(str.lower)] = field()


class Inherited(ScalarRule, table=True, metadata=METADATA):
    more: Col[int] = field(default=0)


@pytest.mark.parametrize(
    "model",
    [
        FieldValidator,
        Hook,
        GeneratedAndHook,
        InheritedHook,
        Private,
        Init,
        Schema,
        JsonRule,
        JsonFromText,
    ],
)
def test_a_model_with_code_of_its_own_is_judged_row_by_row(model: Any) -> None:
    assert not judges_fields_alone(spec_of(model))


@pytest.mark.parametrize("model", [Thing, ScalarRule, Inherited])
def test_other_models_are_judged_field_by_field(model: Any) -> None:
    assert judges_fields_alone(spec_of(model))


def test_a_rule_that_changes_a_value_changes_it_in_a_column_too() -> None:
    broken = ScalarRule(name="a")
    broken.__dict__["name"] = "ABC"

    [group] = Encoder(spec_of(ScalarRule)).rendered_all([broken])

    assert group == (("name",), 1, [["abc"]])


def test_json_that_a_validator_changes_is_written_as_changed() -> None:
    changed = FieldValidator(tags=[])
    changed.__dict__["tags"] = ["b", "a"]
    rows = Encoder(spec_of(FieldValidator))

    assert rows.rendered(changed) == (("tags",), [["a", "b"]])
    assert rows.rendered(FieldValidator(tags=["a"])) == (("tags",), [JsonText('["a"]')])


def test_text_that_the_model_strips_is_read_back() -> None:
    class Stripped(Model, table=True, metadata=sa.MetaData()):
        model_config = ConfigDict(str_strip_whitespace=True)

        id: Col[int] = generated()
        data: Col[dict[str, Any]]

    rows = Encoder(spec_of(Stripped))
    padded = Stripped(data={})
    padded.__dict__["data"] = {" a": 1}

    with pytest.raises(NotStorable):
        rows.rendered_all([padded])
    assert rows.rendered_all([Stripped(data={"a": " b"})])[0].size == 1


# ---- what the shortcuts rest on -----------------------------------------------------------------


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values=st.lists(JSON, min_size=1, max_size=5))
def test_json_that_is_not_read_back_would_be_read_as_it_is(values: list[Any]) -> None:
    given = [Thing(any=value) for value in values]

    try:
        expected = [encoder.encode(thing) for thing in given]
    except NotStorable:
        with pytest.raises(NotStorable):
            encoder.rendered_all(given)
        return
    [group] = encoder.rendered_all(given)

    place = group.names.index("any")
    for found, (_, one) in zip(group.rows(), expected, strict=True):
        text = found[place]
        if isinstance(text, JsonText):
            back = Thing.__pydantic_validator__.validate_json(
                f'{{"any": {text.text}}}', by_name=True
            ).any
            assert repr(back) == repr(one[place])
        else:
            assert repr(text) == repr(one[place])


@given(number=st.decimals(allow_nan=True, allow_infinity=True) | st.decimals(-9999, 9999, places=2))
def test_a_decimal_that_fits_its_column_is_one_that_pydantic_takes(number: Decimal) -> None:
    judge = columns._judge(spec_of(Thing).by_name["price"])

    judged = judge([number])
    try:
        taken = Thing(price=number).price
    except ValidationError:
        assert judged is None
    else:
        assert judged is not None
        assert judged == [taken]


@given(values=st.lists(JSON, max_size=20))
def test_many_values_are_json_if_each_of_them_is(values: list[Any]) -> None:
    many = [*values] * (1 + batch._FEW // max(1, len(values)))

    assert batch._are_json(many) == all(map(batch._is_json, many))


def nested(depth: int, end: object = 1) -> Any:
    return [nested(depth - 1, end)] if depth else [end]


def inside_itself(times: int) -> list[Any]:
    inside: list[Any] = []
    inside += [inside] * times
    return inside


@pytest.mark.parametrize(
    ("value", "known"),
    [
        (nested(60), True),
        (nested(64), False),
        (nested(63, "a"), True),
        (nested(64, "a"), False),
        (inside_itself(1), False),
        (inside_itself(2), False),
        (inside_itself(100_000), False),
        ({"a": {1: 2}}, False),
        ({"a": [Color.RED]}, False),
        ([2**63 - 1, -(2**63)], True),
        ([2**63], False),
        ([-(2**63) - 1], False),
        ([1.5, float("nan")], False),
        ([[], {}], True),
    ],
)
def test_many_values_are_looked_into_as_far_as_one(value: Any, known: bool) -> None:
    many = [*["a", None, 1, True] * batch._FEW, value]

    assert batch._are_json(many) == known
    assert batch._is_json(value) == known


def test_equal_bytes_mean_equal_types() -> None:
    assert batch.builtin_bytes([1, "a", {"b": 1.5}]) == batch.builtin_bytes([1, "a", {"b": 1.5}])
    assert batch.builtin_bytes([1]) != batch.builtin_bytes([True])
    assert batch.builtin_bytes([1]) != batch.builtin_bytes([1.0])
    assert batch.builtin_bytes([0.0]) != batch.builtin_bytes([-0.0])
    assert batch.builtin_bytes([(1,)]) != batch.builtin_bytes([[1]])
    assert batch.builtin_bytes([Color.RED]) is None
    assert batch.builtin_bytes([timedelta(1)]) is None
