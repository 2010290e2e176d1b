"""Random fields: constraints that leave values, defaults that are among them."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import BaseModel, Field, create_model

from andamios_orm.testing.strategies import field_kinds as kinds
from andamios_orm.testing.strategies.field_kinds import Typed, key_types, types
from andamios_orm.testing.strategies.numbers import decimals, integers
from andamios_orm.testing.strategies.storable import limits_of
from tests.unit.testing.strategies.drawing import reached, some


def checked(typed: Typed) -> Typed:
    """Raise ValidationError unless the model takes what is said to be a default of it."""
    rules: dict[str, Any] = {**typed.constraints}
    model = create_model("Holder", it=(typed.annotation, Field(**rules)))
    for value in typed.defaults:
        model(it=value)
    return typed


def test_bounds_are_drawn_in_every_way_that_leaves_a_value() -> None:
    missing = {
        frozenset(bounds.items())
        for bounds in (
            {},
            *({"ge": n} for n in (0, 1, 2)),
            *({"gt": n} for n in (0, 1)),
            *({which: n} for n in (1, 2) for which in ("le", "lt")),
            *(
                {low: one, high: two}
                for one, two in ((0, 1), (0, 2), (1, 2))
                for low, high in (("ge", "le"), ("ge", "lt"), ("gt", "le"))
            ),
        )
    }
    every = set(missing)

    def is_last(bounds: dict[str, int]) -> bool:
        assert frozenset(bounds.items()) in every
        missing.discard(frozenset(bounds.items()))
        return not missing

    reached(kinds._between(st.sampled_from((0, 1, 2))), is_last)


WAYS: dict[str, tuple[SearchStrategy[Typed], Callable[[Typed], object]]] = {
    "a number": (kinds._integers(), lambda t: not t.constraints and t.server_defaults),
    "a number within bounds": (
        kinds._integers(), lambda t: t.constraints.keys() == {"ge", "le"} and not t.defaults
    ),
    "a multiple": (kinds._integers(), lambda t: t.constraints.get("multiple_of", 1) != 1),
    "a float": (kinds._floats(), lambda t: t.defaults == (0.5,)),
    "a float within bounds": (kinds._floats(), lambda t: t.constraints and not t.defaults),
    "a decimal": (kinds._decimals(), lambda t: not t.constraints and t.server_defaults),
    "a decimal of digits": (kinds._decimals(), lambda t: t.constraints.get("max_digits") == 20),
    "a decimal of places only": (
        kinds._decimals(),
        lambda t: t.constraints.get("max_digits") == t.constraints.get("decimal_places") == 30,
    ),
    "decimals without a zero": (
        kinds._decimals(),
        lambda t: t.constraints == {"max_digits": 30, "decimal_places": 30} and not t.defaults,
    ),
    "whole decimals": (
        kinds._decimals(),
        lambda t: t.constraints.get("decimal_places") == 0 and t.defaults and not t.server_defaults,
    ),
    "a multiple of a decimal": (kinds._decimals(), lambda t: "multiple_of" in t.constraints),
    "a text": (kinds._texts(), lambda t: not t.constraints and not t.bytes),
    "a text of a length": (kinds._texts(), lambda t: t.constraints == {"max_length": 50}),
    "a text of one length": (
        kinds._texts(), lambda t: t.constraints == {"max_length": 1, "min_length": 1}
    ),
    "a text of a form": (
        kinds._texts(), lambda t: t.constraints.get("pattern") == r"^\d{4}$" and not t.defaults
    ),
    "bytes": (kinds._bytes(), lambda t: not t.constraints and t.defaults),
    "a byte": (kinds._bytes(), lambda t: t.constraints.get("max_length") == 1 and not t.defaults),
    "some bytes": (kinds._bytes(), lambda t: t.constraints == {"max_length": 16, "min_length": 1}),
    "a date": (kinds._timed(date, kinds._DATES), lambda t: t.defaults and t.server_defaults),
    "a date within bounds": (
        kinds._timed(date, kinds._DATES), lambda t: t.constraints and not t.defaults
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_field_is_drawn_in_each_way(way: str) -> None:
    strategy, wanted = WAYS[way]

    checked(reached(strategy, wanted))


def test_numbers_have_values_within_their_constraints() -> None:
    def is_empty(typed: Typed) -> bool:
        values = integers if typed.annotation is int else decimals
        # What the column of a Decimal without constraints has.
        whole = {"max_digits": 38, "decimal_places": 18, **typed.constraints}
        return bool(values(whole, limits_of(storable=True)).is_empty)

    for strategy in (kinds._integers(), kinds._decimals()):
        assert not [typed.constraints for typed in some(strategy, 150) if is_empty(typed)]


@pytest.mark.parametrize("length", [1, 3, 50])
def test_a_text_of_four_digits_has_room_for_them(length: int) -> None:
    def is_digits(typed: Typed) -> bool:
        return typed.constraints.get("pattern") == r"^\d{4}$"

    found = reached(kinds._texts(most=length), is_digits).constraints
    assert int(str(found.get("min_length", 0))) <= 4 <= int(str(found.get("max_length", 4)))


def test_a_text_counts_four_bytes_of_an_index_for_a_character() -> None:
    typed = reached(kinds._texts(), lambda t: t.constraints == {"max_length": 255})

    assert typed.bytes == 4 * 255
    assert "a" in typed.server_defaults
    assert all(len(str(word)) <= 255 for word in typed.defaults)


def test_a_default_is_as_long_as_a_text_has_to_be() -> None:
    typed = reached(kinds._texts(), lambda t: t.constraints == {"min_length": 5})

    assert typed.defaults
    assert all(len(str(word)) >= 5 for word in typed.defaults)


def test_intervals_are_no_keys_and_have_no_clock() -> None:
    typed = reached(kinds._timed(timedelta, kinds._SPANS, now=False), lambda t: t.defaults)

    assert not typed.keyed
    assert not typed.server_defaults
    assert reached(kinds._timed(date, kinds._DATES), bool).keyed


@pytest.mark.parametrize(
    ("kind", "values"), [(StrEnum, ("a", "it's")), (Enum, ("a", "it's")), (IntEnum, (-7, 2**40))]
)
def test_an_enum_has_the_values_that_were_drawn(kind: type[Enum], values: Any) -> None:
    typed = reached(kinds._enum(kind, values), lambda t: len(t.annotation) == 2)

    assert issubclass(typed.annotation, kind)
    assert {member.value for member in typed.annotation} == set(values)
    assert typed.defaults == tuple(typed.annotation)
    assert typed.server_defaults == (typed.defaults[0].value,)  # type: ignore[attr-defined]  # of an Enum
    assert typed.bytes == 4 * max(len(str(value)) for value in values)


def test_literals_are_texts_or_numbers() -> None:
    for wanted in (str, int):
        typed = reached(
            kinds._literals(),
            lambda t, kind=wanted: (
                len(get_args(t.annotation)) > 1  # type: ignore[misc]  # as above
                and type(t.defaults[0]) is kind
            ),
        )
        values = get_args(checked(typed).annotation)
        assert {type(value) for value in values} == {wanted}
        assert typed.defaults == typed.server_defaults == (values[0],)
        assert typed.bytes == 4 * max(len(str(value)) for value in values)


@pytest.mark.parametrize("container", [None, list, dict])
def test_a_model_inside_is_held_by_itself_or_in_a_container(container: Any) -> None:
    typed = reached(kinds._nested(), lambda t: get_origin(t.annotation) is container)
    model = typed.annotation if container is None else get_args(typed.annotation)[-1]

    assert issubclass(model, BaseModel)
    assert 1 <= len(model.model_fields) <= 3
    assert not typed.keyed


def test_every_kind_of_column_can_be_drawn_and_some_can_be_keys() -> None:
    reached(types(), lambda t: t.annotation is Decimal)
    reached(types(), lambda t: t.annotation in kinds._JSON)
    key = reached(key_types(), lambda t: t.annotation is date)
    assert key.keyed
    plan = key.plan(primary_key=True)
    assert plan.annotation is date
    assert plan.arguments == {"primary_key": True, **key.constraints}


@given(data=st.data())
def test_a_kind_is_drawn_whoever_asks_first(data: st.DataObject) -> None:
    # Without the cache: who asked first may not have been measured.
    for made in (key_types.__wrapped__, types.__wrapped__):
        assert isinstance(data.draw(made()), Typed)
