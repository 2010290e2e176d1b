"""How many rows a database lets through at a time, and the key that its cursors are signed with."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

from pydantic import SecretStr

from andamios_orm.errors import LimitExceeded, UsageError, WrongType

__all__ = ["CURSOR_KEY_VARIABLE", "CursorKey", "Limits", "cursor_key", "require_whole"]

CURSOR_KEY_VARIABLE = "ANDAMIOS_CURSOR_KEY"
_SHORTEST_KEY = 16


class CursorKey:
    """A key for cursors, which shows itself to nobody."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes) -> None:
        # Of its own, so that no other use of the same secret can be made to sign a cursor.
        self._key = hmac.digest(secret, b"andamios_orm cursor", hashlib.sha256)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, by keyed BLAKE2b (RFC 7693, section 2.9)."""
        # It is a MAC by itself, and takes a third of the time of an HMAC.
        return hashlib.blake2b(message, digest_size=16, key=self._key).digest()

    def __repr__(self) -> str:
        return "<CursorKey>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key for cursors is not written anywhere")


def cursor_key(given: str | bytes | SecretStr | None = None) -> CursorKey:
    """Return the key that was given, or that of the environment, or this process's own.

    Raises UsageError for one that could be guessed.
    """
    secret = given.get_secret_value() if isinstance(given, SecretStr) else given
    if secret is None:
        secret = os.environ.get(CURSOR_KEY_VARIABLE) or None
    if secret is None:
        return _own_key()
    if not isinstance(secret, str | bytes):
        raise WrongType("cursor_key= is no text", "pass a str, bytes or pydantic's SecretStr")
    raw = secret.encode() if isinstance(secret, str) else secret
    if len(raw) < _SHORTEST_KEY:
        raise UsageError(
            f"the key for cursors has fewer than {_SHORTEST_KEY} bytes, and could be guessed",
            "make one with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
        )
    return CursorKey(raw)


@cache
def _own_key() -> CursorKey:
    """Return the key of a program that was given none; its cursors end with it."""
    return CursorKey(secrets.token_bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many rows at a time."""

    page_size: int = 20
    """The rows of a page for which no size was asked."""
    max_page_size: int = 1000
    """The rows of any page at most."""
    max_offset: int = 10_000
    """The rows that come before a numbered page at most; the engine reads them all."""
    max_rows: int | None = None
    """The rows that `all()` and its like give at most, None for any number."""
    cursor_key: CursorKey = field(default_factory=cursor_key)

    def __post_init__(self) -> None:
        for name, least in (("page_size", 1), ("max_page_size", 1), ("max_offset", 0)):
            require_whole(name, getattr(self, name), least)
        if self.max_rows is not None:
            require_whole("max_rows", self.max_rows, 1)
        if self.page_size > self.max_page_size:
            raise UsageError(
                "a page for which no size was asked would be larger than max_page_size",
                "lower default_page_size=, or raise max_page_size=",
            )

    def size(self, asked: int | None) -> int:
        """Return the size of a page. Raises WrongType, LimitExceeded."""
        if asked is None:
            return self.page_size
        require_whole("size", asked, 1)
        if asked > self.max_page_size:
            raise LimitExceeded(
                f"a page has {self.max_page_size} rows at most",
                "ask for fewer, or raise Database(max_page_size=...)",
                limit=self.max_page_size,
            )
        return asked

    def offset(self, number: int, size: int) -> int:
        """Return how many rows come before a page. Raises WrongType, LimitExceeded."""
        require_whole("number", number, 1)
        offset = (number - 1) * size
        if offset > self.max_offset:
            raise LimitExceeded(
                f"numbered pages begin after {self.max_offset} rows at most, because the database"
                " reads all of them",
                "go on from page to page with page(after=...), narrow the query, or raise"
                " Database(max_offset=...)",
                limit=self.max_offset,
            )
        return offset


def require_whole(name: str, value: object, least: int) -> None:
    """Raise WrongType for what is no whole number, or one below `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise WrongType(
            f"{name} is a whole number from {least} on", "check the number where it is read"
        )
