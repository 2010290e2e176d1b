"""A value becomes JSON text that its own type reads back equal, whatever an API would show."""

import base64
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel, SecretBytes, SecretStr, TypeAdapter

from andamios_orm.errors import NotStorable
from andamios_orm.schema.json_values import same_value, to_json_text


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Mute:
    """Says nothing of when it is equal."""


@dataclass
class Point:
    x: int
    y: int = field(init=False, default=7)


class Base64(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64")

    raw: bytes
    parts: list[bytes] = []


class Items(RootModel[list[SecretStr]]):
    pass


PLAIN: dict[str, tuple[Any, str]] = {
    "none": (None, "null"),
    "enum": (Color.RED, '"red"'),
    "set": ({1}, "[1]"),
    "frozen set": (frozenset({1}), "[1]"),
    "secret": (SecretStr("x"), '"x"'),
    "secret bytes": (SecretBytes(b"x"), '"x"'),
    "root model": (Items([SecretStr("x")]), '["x"]'),
    "dataclass without its computed field": (Point(1), '{"x":1}'),
    "enum as key": ({Color.RED: 1}, '{"red":1}'),
    "number as key": ({1: 1, 1.5: 2}, '{"1":1,"1.5":2}'),
    "date as key": ({date(2024, 1, 2): 1}, '{"2024-01-02":1}'),
    "duration as key": ({timedelta(seconds=1): 1}, '{"PT1S":1}'),
    "bytes as key": ({b"a": 1}, '{"a":1}'),
    "secret as key": ({SecretStr("x"): 1}, '{"x":1}'),
    "address": (IPv4Address("10.0.0.1"), '"10.0.0.1"'),
    "text beyond ascii": ("é🦙", '"é🦙"'),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_value_is_written_as_its_type_reads_it(name: str) -> None:
    value, text = PLAIN[name]

    assert to_json_text(value) == text


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("a\0", "a NUL character"),
        ({"a\0": 1}, "a NUL character"),
        (float("nan"), "NaN or an infinity"),
        ({float("inf"): 1}, "NaN or an infinity"),
        (b"\xff", "bytes that are not UTF-8"),
        ({(1, 2): 3}, "a key of type tuple"),
        ({None: 3}, "a key of type NoneType"),
        ("\ud800", "a value that JSON cannot express"),
        (object(), "a value that JSON cannot express"),
        (Point, "a value that JSON cannot express"),
    ],
)
def test_what_json_cannot_express_is_refused(value: object, what: str) -> None:
    with pytest.raises(NotStorable, match=f"would have to hold {what}") as caught:
        to_json_text(value)

    assert caught.value.limit.startswith("JSON")


@pytest.mark.parametrize("depth", [300, 3000])
def test_what_is_nested_too_deep_is_refused(depth: int) -> None:
    value: object = 1
    for _ in range(depth):
        value = [value]

    with pytest.raises(NotStorable, match="or is nested too deep"):
        to_json_text(value)


@given(st.binary())
def test_bytes_follow_the_alphabet_of_their_model(raw: bytes) -> None:
    model = Base64(raw=raw, parts=[raw])

    text = to_json_text([model])

    assert base64.urlsafe_b64encode(raw).decode() in text
    assert TypeAdapter(list[Base64]).validate_json(text) == [model]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Color.RED, Color.RED, True),
        (Color.RED, Color.BLUE, False),
        ([{"a": Color.RED}], [{"a": Color.BLUE}], False),
        (1, True, False),
        ([1], (1,), False),
        ({"a": 1.0}, {"a": 1}, False),
        (Point(1), Point(1), True),
        (Point(1), Point(2), False),
        (None, None, True),
    ],
)
def test_values_are_the_same_if_they_are_equal_all_the_way_down(
    one: object, other: object, same: bool
) -> None:
    assert same_value(one, other) is same
    assert same_value(one, other, unknown=False) is same


def test_what_says_nothing_of_when_it_is_equal_is_what_the_caller_says() -> None:
    mute = Mute()

    assert same_value([Mute()], [Mute()])
    assert not same_value([Mute()], [Mute()], unknown=False)
    assert same_value([mute], [mute], unknown=False)
