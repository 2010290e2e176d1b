"""SQLite's GLOB pattern matches what the LIKE pattern matches."""

import re
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from andamios_orm.queries.patterns import escape_like, to_glob

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
