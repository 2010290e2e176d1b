"""What engines are given in place of a LIKE pattern, or beside it, finds the same texts."""

import re
from fnmatch import fnmatchcase

from hypothesis import example, given
from hypothesis import strategies as st

from andamios_orm.queries.patterns import beyond_like, escape_like, to_glob

TEXTS = st.text(r"aA%_\[]*?!^-é", max_size=6)


def like(text: str, pattern: str) -> bool:
    """LIKE, by its definition."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    regex = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(regex, text, re.DOTALL) is not None


@given(text=TEXTS, pattern=TEXTS.filter(lambda p: (len(p) - len(p.rstrip("\\"))) % 2 == 0))
def test_the_glob_pattern_matches_the_same_texts(text: str, pattern: str) -> None:
    assert fnmatchcase(text, to_glob(pattern)) == like(text, pattern)


@given(text=TEXTS, other=TEXTS)
def test_an_escaped_text_matches_itself_alone(text: str, other: str) -> None:
    assert like(text, escape_like(text))
    assert like(other, escape_like(text)) == (other == text)


FAR = st.text("a%_\\\ud7ff\uffff😀\U0010fffe\U0010ffff", max_size=5)


@given(start=FAR, end=FAR, pattern=FAR.filter(lambda p: (len(p) - len(p.rstrip("\\"))) % 2 == 0))
@example(start="\U0010ffff", end="\U0010ffff" * 700, pattern="%")
@example(start="\ud7ff", end="😀", pattern="%")
def test_what_an_index_of_mariadb_would_miss_is_between(start: str, end: str, pattern: str) -> None:
    text, pattern = start + end, escape_like(start) + pattern
    wildcard = re.fullmatch(r"(?:[^\\%_]|\\.)*?([%_]).*", pattern, re.DOTALL)
    fixed = len(re.sub(r"\\(.)", r"\1", pattern[: wildcard.start(1)])) if wildcard else 0
    low, high = beyond_like(pattern)

    if like(text, pattern) and 0 < fixed < len(text) and text[fixed] > "\uffff":
        assert low < text < high


def test_nothing_is_between_for_a_pattern_without_a_fixed_start() -> None:
    for pattern in ("", "%", "_a", "abc", r"a\%"):
        low, high = beyond_like(pattern)
        assert low >= high
