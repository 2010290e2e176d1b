"""Write the place of a row as text that goes through a URL, and take it back only unchanged."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from hmac import compare_digest
from types import NoneType
from typing import Any, Protocol
from uuid import UUID

from andamios_orm.errors import InvalidCursor, NotSupported, WrongType

__all__ = ["CARRIED", "Signer", "context_of", "from_cursor", "to_cursor"]

_VERSION = b"\x01"
_SIGNATURE_BYTES = 16
_MICROSECOND = timedelta(microseconds=1)
_written = json.JSONEncoder(separators=(",", ":")).encode


class Signer(Protocol):
    """Who can say whether a text is one of its own."""

    def sign(self, message: bytes) -> bytes:
        """Return 16 bytes or more that nobody else can make."""
        ...


_WRITE: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    NoneType: ("n", lambda value: ""),
    bool: ("b", lambda value: str(int(value))),
    int: ("i", str),
    float: ("f", repr),
    Decimal: ("d", str),
    str: ("s", str),
    bytes: ("x", bytes.hex),
    date: ("D", date.isoformat),
    time: ("T", time.isoformat),
    datetime: ("t", datetime.isoformat),
    timedelta: ("I", lambda value: str(value // _MICROSECOND)),
    UUID: ("u", lambda value: value.hex),
}
_READ: Mapping[str, Callable[[str], object]] = {
    "n": lambda text: None,
    "b": lambda text: text == "1",
    "i": int,
    "f": float,
    "d": Decimal,
    "s": str,
    "x": bytes.fromhex,
    "D": date.fromisoformat,
    "T": time.fromisoformat,
    "t": datetime.fromisoformat,
    "I": lambda text: int(text) * _MICROSECOND,
    "u": UUID,
}
CARRIED = frozenset(_WRITE)
"""The types whose values a cursor carries, exactly."""


def context_of(sql: str, parameters: Sequence[object]) -> bytes:
    """Return what a cursor belongs to: a query's text and the values in it, as the driver gets it.

    Whatever makes a query another one (model, columns, conditions, order) changes one of the two.
    """
    text = _written([sql, *map(_described, parameters)])
    # Short, because it is signed with each cursor.
    return blake2b(text.encode(), digest_size=32).digest()


def _described(value: object) -> str:
    known = _WRITE.get(type(value))
    if known is not None:
        return known[0] + known[1](value)
    return f"{type(value).__qualname__} {value!r}"


def to_cursor(place: Sequence[object], context: bytes, signer: Signer) -> str:
    """Return a place as text that `from_cursor` takes back for the same context only.

    Raises NotSupported for a value that a cursor cannot carry.
    """
    cells: list[str] = []
    for value in place:
        known = _WRITE.get(type(value))
        if known is None:
            raise NotSupported(
                f"a cursor cannot carry the {type(value).__name__} that the rows are sorted by",
                "sort by another column, or use numbered_page()",
            )
        cells.append(known[0] + known[1](value))
    body = _VERSION + _written(cells).encode()
    signature = _signature(body, context, signer)
    return base64.urlsafe_b64encode(signature + body).rstrip(b"=").decode()


def from_cursor(text: object, context: bytes, signer: Signer) -> list[object]:
    """Return the place. Raises InvalidCursor for a text that was not made here, for this context.

    Raises WrongType for what is no text.
    """
    if not isinstance(text, str):
        raise WrongType(
            f"a cursor is a str, not a {type(text).__name__}", "pass what `page.next` gave"
        )
    try:
        given = text.encode("ascii")
        raw = base64.b64decode(given + b"=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise _invalid() from None
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    # The last character of a text has bits that say nothing, and must be as they were, too.
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != given:
        raise _invalid()
    if not compare_digest(signature, _signature(body, context, signer)):
        raise _invalid()
    return [_READ[cell[0]](cell[1:]) for cell in json.loads(body[1:])]


def _signature(body: bytes, context: bytes, signer: Signer) -> bytes:
    # The length keeps the two apart, however they are chosen.
    return signer.sign(len(context).to_bytes(8) + context + body)[:_SIGNATURE_BYTES]


def _invalid() -> InvalidCursor:
    return InvalidCursor(
        "the cursor was changed on its way, or belongs to another query",
        "begin again without a cursor; pass each one to a query with the same conditions and order,"
        " in programs with the same Database(cursor_key=...)",
    )
