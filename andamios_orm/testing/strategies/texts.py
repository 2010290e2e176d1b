"""Text and bytes within their lengths."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from andamios_orm.testing.strategies.boundary import mixed
from andamios_orm.testing.strategies.numbers import Rules
from andamios_orm.testing.strategies.patterns import matching
from andamios_orm.testing.strategies.storable import Limits

__all__ = ["data", "texts"]

_TRAPS = (
    "", " ", "a  ", "  a", "A", "ab", "é", "e\u0301", "ß", "İ", "Ω", "😀", "😀 漢字", "👩\u200d🚀",
    "\\", "'", '"', "%", "_", "\\ ' \" % %s \\' :x $1 ?", "--", "null", "NULL", "\n", "a\tb",
    "\u200b", "\ufeff", "\x7f", "\u202e", "0", "1.0", "true", "2000-01-01", "{}", "[1]",
)  # fmt: skip
_UNSTORABLE = ("a\0b", "\0", "\ud800", "a\udfffb")
_LONGEST = 2_000
"""Texts of the greatest length are drawn up to this one."""


def texts(rules: Rules, limits: Limits) -> SearchStrategy[str]:
    """Return a strategy of texts; without NUL and lone surrogates where they are to be stored."""
    least, most = rules.get("min_length") or 0, rules.get("max_length")
    if most is not None and least > most:
        return st.nothing()
    pattern = rules.get("pattern")
    if pattern is not None:
        return matching(pattern, rules)
    found = st.text(_alphabet(rules, limits), min_size=least, max_size=most)
    pool = [text for text in _pool(rules, limits, least, most) if least <= len(text)]
    if most is not None:
        pool = [text for text in pool if len(text) <= most]
    if rules.get("strip_whitespace"):
        pool = [text for text in pool if len(text.strip()) >= least]
        return mixed(_padded(found.map(_filled)), pool)
    return mixed(found, pool)


def _alphabet(rules: Rules, limits: Limits) -> SearchStrategy[str]:
    if rules.get("ascii_only"):
        return st.characters(codec="ascii", exclude_characters="\0" if limits.storable else "")
    if rules.get("to_lower") or rules.get("to_upper"):
        # The other case of some letters takes two characters, which the length does not foresee.
        return _STEADY
    if limits.storable:
        return _STORABLE
    # Pydantic hands a text on as it is only if it need not look inside.
    looks = any(rules.get(name) is not None for name in ("min_length", "max_length", "strict"))
    return _STORABLE if looks or rules.get("strip_whitespace") else _ANY


_STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_ANY = st.characters(exclude_categories=())
_STEADY = _STORABLE.filter(lambda c: len(c.lower()) == len(c.upper()) == 1)


def _pool(rules: Rules, limits: Limits, least: int, most: int | None) -> list[str]:
    longest = [] if most is None or most > _LONGEST else ["x" * most, "😀" * most]
    shortest = ["x" * least] if least <= _LONGEST else []
    pool = [*shortest, *_TRAPS, *longest]
    if rules.get("ascii_only"):
        pool = [text for text in pool if text.isascii()]
    if rules.get("to_lower") or rules.get("to_upper"):
        pool = [text for text in pool if len(text.lower()) == len(text.upper()) == len(text)]
    if _alphabet(rules, limits) is _ANY:
        pool += _UNSTORABLE
    return pool


def _filled(text: str) -> str:
    """Return the text with what stripping would remove at its ends replaced."""
    bare = text.strip()
    left = len(text) - len(text.lstrip())
    return "0" * left + bare + "0" * (len(text) - left - len(bare))


def _padded(found: SearchStrategy[str]) -> SearchStrategy[str]:
    # The length counts after stripping.
    ends = st.sampled_from(("", "", " ", "\t"))
    return st.tuples(ends, found, ends).map("".join)


# ---- bytes -------------------------------------------------------------------------------------

_DATA_TRAPS = (
    b"", b"\0", b"\0'\"\\%\xff", b"\xff\xfe", b"a", b"a ", b"\x80", bytes(range(256)),
)  # fmt: skip


def data(rules: Rules, limits: Limits) -> SearchStrategy[bytes]:
    """Return a strategy of bytes; inside JSON those of ASCII text, which any model reads back."""
    least, most = rules.get("min_length") or 0, rules.get("max_length")
    if most is not None and least > most:
        return st.nothing()
    if limits.json and limits.storable:
        return texts({**_lengths(rules), "ascii_only": True}, limits).map(str.encode)
    pool = [b"0" * least, *_DATA_TRAPS]
    if most is not None and most <= _LONGEST:
        pool.append(b"\0" * most)
    fitting = [d for d in pool if least <= len(d) and (most is None or len(d) <= most)]
    return mixed(st.binary(min_size=least, max_size=most), fitting)


def _lengths(rules: Rules) -> dict[str, Any]:
    return {name: rules[name] for name in ("min_length", "max_length") if name in rules}
