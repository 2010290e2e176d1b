"""A cursor gives back exactly the values it was made of, and only to the query it was made for."""

import math
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.database.limits import CursorKey
from andamios_orm.errors import InvalidCursor, NotSupported
from andamios_orm.queries.cursors import context_of, from_cursor, to_cursor

KEY = CursorKey(b"a key of the tests")

VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.times().map(lambda found: found.replace(fold=0)),
    (st.datetimes() | st.datetimes(timezones=st.just(UTC))).map(
        lambda found: found.replace(fold=0)
    ),
    st.timedeltas(),
    st.uuids(),
)
PLACES = st.lists(VALUES, min_size=1, max_size=4)


@given(PLACES, st.binary())
def test_a_place_comes_back_as_it_was(place: list[Any], context: bytes) -> None:
    found = from_cursor(to_cursor(place, context, KEY), context, KEY)

    assert found == place
    assert list(map(type, found)) == list(map(type, place))
    assert list(map(repr, found)) == list(map(repr, place))


def test_what_is_not_a_number_comes_back_too() -> None:
    [found] = from_cursor(to_cursor([math.nan], b"", KEY), b"", KEY)

    assert isinstance(found, float)
    assert math.isnan(found)


@given(PLACES, st.data())
def test_a_changed_byte_is_noticed(place: list[Any], data: st.DataObject) -> None:
    cursor = to_cursor(place, b"here", KEY)
    at = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.characters().filter(lambda found: found != cursor[at]))

    with pytest.raises(InvalidCursor):
        from_cursor(cursor[:at] + character + cursor[at + 1 :], b"here", KEY)


@given(st.text())
def test_a_text_from_elsewhere_is_refused_and_never_shown(text: str) -> None:
    with pytest.raises(InvalidCursor) as caught:
        from_cursor(text, b"", KEY)
    with pytest.raises(InvalidCursor) as other:
        from_cursor("another", b"", KEY)

    assert str(caught.value) == str(other.value)


@given(PLACES, st.binary(), st.binary())
def test_another_context_is_noticed(place: list[Any], one: bytes, two: bytes) -> None:
    cursor = to_cursor(place, one, KEY)
    if one != two:
        with pytest.raises(InvalidCursor):
            from_cursor(cursor, two, KEY)


def test_what_is_no_part_of_a_cursor_is_not_read_over() -> None:
    cursor = to_cursor([7], b"", KEY)

    for text in (cursor + "!!!!", "    " + cursor, cursor[:4] + "\n\n\n\n" + cursor[4:]):
        with pytest.raises(InvalidCursor):
            from_cursor(text, b"", KEY)


def test_another_key_is_noticed() -> None:
    with pytest.raises(InvalidCursor):
        from_cursor(to_cursor([1], b"", KEY), b"", CursorKey(b"another key of the tests"))


@given(PLACES, PLACES)
def test_a_context_is_that_of_its_values_and_their_types(one: list[Any], two: list[Any]) -> None:
    same = list(map(repr, one)) == list(map(repr, two))

    assert (context_of("SELECT", one) == context_of("SELECT", two)) == same


def test_values_that_are_alike_as_text_make_different_contexts() -> None:
    contexts = {
        context_of("SELECT", values)
        for values in ([1], ["1"], [1.0], [True], [b"1"], [None], ["None"], ["a", "b"], ["a,b"])
    }

    assert len(contexts) == 9
    assert context_of("SELECT", [[1, 2]]) != context_of("SELECT", [[1, 3]])
    assert context_of("SELECT 1", []) != context_of("SELECT 2", [])


def test_other_values_are_not_carried() -> None:
    with pytest.raises(NotSupported, match="a cursor cannot carry the object"):
        to_cursor([object()], b"", KEY)


def test_a_length_of_time_is_exact() -> None:
    longest = timedelta.max

    assert from_cursor(to_cursor([longest], b"", KEY), b"", KEY) == [longest]
