"""The limits of a database are numbers that make sense, and its key shows itself to nobody."""

import pickle
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from andamios_orm import Database
from andamios_orm.database.limits import Limits, cursor_key
from andamios_orm.errors import UsageError, WrongType

SECRET = "correct horse battery staple"


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_page_size": 0},
        {"max_page_size": -1},
        {"max_offset": -1},
        {"max_rows": 0},
        {"max_rows": True},
        {"default_page_size": "20"},
    ],
)
def test_a_limit_is_a_whole_number(wrong: Mapping[str, int]) -> None:
    with pytest.raises(WrongType, match="is a whole number from"):
        Database("sqlite://", **wrong)  # type: ignore[arg-type] # names of limits


def test_a_page_of_the_usual_size_is_allowed() -> None:
    with pytest.raises(UsageError, match="larger than max_page_size"):
        Limits(page_size=10, max_page_size=9)


@pytest.mark.parametrize("given", [SECRET, SECRET.encode(), SecretStr(SECRET)])
def test_a_key_is_a_text_bytes_or_a_secret_of_pydantic(given: str | bytes | SecretStr) -> None:
    assert cursor_key(given).sign(b"x") == cursor_key(SECRET).sign(b"x")


def test_a_key_that_could_be_guessed_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError, match="fewer than 16 bytes") as caught:
        cursor_key("hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_key_of_another_type_is_refused() -> None:
    with pytest.raises(WrongType, match="cursor_key= is no text"):
        cursor_key(12345678901234567890)  # type: ignore[arg-type] # that is the point


def test_a_key_shows_itself_to_nobody() -> None:
    db = Database("sqlite://", cursor_key=SECRET)
    shown = [repr(db), repr(db.limits), str(db.limits.cursor_key), repr(vars(db))]
    assert not any(SECRET in text for text in shown)
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(db.limits.cursor_key)


def test_a_key_is_used_for_nothing_but_cursors() -> None:
    import hashlib  # noqa: PLC0415 - to compute what must not be the signature
    import hmac  # noqa: PLC0415 - as above

    assert cursor_key(SECRET).sign(b"x") != hmac.digest(SECRET.encode(), b"x", hashlib.sha256)
