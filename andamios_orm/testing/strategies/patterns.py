"""Texts that match a regular expression, as pydantic's engines read it.

Pydantic searches with the `regex` crate of Rust: its `$` is the very end, its classes are those of
Unicode, and some of its syntax Python does not know. What is drawn is written for Python's `re`,
and each text is held against the engine itself.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from re import _constants as ops  # type: ignore[attr-defined] # noqa: PLC2701 - hypothesis too
from re import _parser as parser  # noqa: PLC2701 - as above
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic_core import SchemaValidator, ValidationError, core_schema

from andamios_orm.testing.strategies.problems import Undrawable

__all__ = ["matching"]


def matching(pattern: Any, rules: Any) -> SearchStrategy[str]:
    """Return a strategy of texts that match, within the lengths that the rules have.

    Raises Undrawable for syntax that Python has no word for.
    """
    ours = rules.get("regex_engine") == "python-re" or not isinstance(pattern, str)
    source = pattern if isinstance(pattern, str) else pattern.pattern
    flags = 0 if isinstance(pattern, str) else pattern.flags & ~re.UNICODE
    tree = parser.parse(source, flags) if ours else _parsed(source)
    least, most = rules.get("min_length") or 0, rules.get("max_length")
    if most is not None and most < tree.getwidth()[0]:
        return st.nothing()
    letters = _Letters(tree.state.flags)
    return _texts(tree, letters, least, most).filter(_accepts(pattern, rules))


def _accepts(pattern: Any, rules: Any) -> Callable[[str], bool]:
    names = ("min_length", "max_length", "strip_whitespace", "regex_engine")
    given = {name: rules[name] for name in names if rules.get(name) is not None}
    validate = SchemaValidator(core_schema.str_schema(pattern=pattern, **given)).validate_python

    def accepts(text: str) -> bool:
        try:
            validate(text)
        except ValidationError:
            return False
        return True

    return accepts


# ---- from the parsed expression to texts -------------------------------------------------------

_Node: TypeAlias = tuple[Any, Any]
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
_CHARACTERS = {ops.LITERAL, ops.NOT_LITERAL, ops.IN, ops.ANY}
_ENDLESS = 100_000
_SPARE = 8
"""Characters beyond the fewest that are drawn where no length is given."""


class _Letters:
    """The characters of the nodes of one expression, each found once."""

    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._found: dict[int, tuple[_Node, SearchStrategy[str]]] = {}

    def of(self, node: _Node) -> SearchStrategy[str]:
        """Return a strategy of what a node for a single character matches."""
        found = self._found.get(id(node))
        if found is None:
            strategy = st.sampled_from(_characters(node, self._flags))
            # With the node, whose id would else be another's once it is gone.
            found = self._found[id(node)] = (node, strategy)
        return found[1]


@dataclass
class _Drawing:
    """One text in the making."""

    draw: DrawFn
    letters: _Letters
    groups: dict[int, str] = field(default_factory=dict)

    def sequence(self, nodes: list[_Node], least: int, most: int) -> str:
        """Return text for the nodes, one after the other, of a length between the two."""
        widths = [_width(node) for node in nodes]
        parts: list[str] = []
        for place, node in enumerate(nodes):
            used = sum(map(len, parts))
            later = widths[place + 1 :]
            low = max(widths[place][0], least - used - sum(w[1] for w in later))
            high = min(widths[place][1], most - used - sum(w[0] for w in later))
            parts.append(self.node(node, low, max(low, high)))
        return "".join(parts)

    def node(self, node: _Node, least: int, most: int) -> str:
        """Return text for one node."""
        op, value = node
        if op in _CHARACTERS:
            return self.draw(self.letters.of(node))
        if op is ops.SUBPATTERN:
            group, _, _, inner = value
            text = self.sequence(list(inner), least, most)
            self.groups[group] = text
            return text
        if op is ops.BRANCH:
            fitting = [b for b in value[1] if _meets(b.getwidth(), least, most)] or value[1]
            return self.sequence(list(self.draw(st.sampled_from(fitting))), least, most)
        if op in _REPEATS:
            return self.repeat(value, least, most)
        if op is ops.ATOMIC_GROUP:
            return self.sequence(list(value), least, most)
        if op is ops.GROUPREF:
            return self.groups.get(value, "")
        if op is ops.GROUPREF_EXISTS:
            group, there, missing = value
            branch = there if group in self.groups else missing
            return self.sequence(list(branch or ()), least, most)
        return ""  # an anchor, or a look around: the expression itself judges the text

    def repeat(self, value: Any, least: int, most: int) -> str:
        """Return text for a repeated part."""
        fewest, greatest, inner = value
        low, high = inner.getwidth()
        fewest = max(fewest, -(-least // high) if high else 0)
        room = most // low if low else fewest + _SPARE
        count = self.draw(st.integers(fewest, max(fewest, min(int(greatest), room))))
        nodes = list(inner)
        if len(nodes) == 1 and nodes[0][0] in _CHARACTERS:
            letters = self.letters.of(nodes[0])
            return "".join(self.draw(st.lists(letters, min_size=count, max_size=count)))
        return self.sequence([(ops.SUBPATTERN, (None, 0, 0, inner))] * count, least, most)


@st.composite
def _texts(draw: DrawFn, tree: Any, letters: _Letters, least: int, most: int | None) -> str:
    low, high = tree.getwidth()
    end = max(least, low) + _SPARE if most is None else most
    if most is not None and least + 2 * _SPARE < most:
        # The longest now and then, and mostly short ones.
        end = draw(st.sampled_from((max(least, low) + _SPARE, most)))
    anchors = set(_anchors(tree))
    ends = draw(st.tuples(*(st.sampled_from(_AROUND) for _ in range(2))))
    before = "" if anchors & _BEGINNINGS else ends[0]
    after = "" if anchors & _ENDS else ends[1]
    spare = end - max(low, min(least, high))
    before, after = before[: max(spare, 0)], after[: max(spare - len(before), 0)]
    if not anchors & _ENDS and high < least:
        after = "a" * (least - high)
    around = len(before) + len(after)
    drawing = _Drawing(draw, letters)
    return before + drawing.sequence(list(tree), max(least - around, 0), end - around) + after


_AROUND = ("", "", "", "a", " ", "0 ", "é")
_BOUNDARIES = {ops.AT_BOUNDARY, ops.AT_NON_BOUNDARY}
_BEGINNINGS = {ops.AT_BEGINNING, ops.AT_BEGINNING_STRING, *_BOUNDARIES}
_ENDS = {ops.AT_END, ops.AT_END_STRING, *_BOUNDARIES}


def _anchors(tree: Any) -> Iterable[Any]:
    """Yield the anchors anywhere in an expression."""
    for op, value in tree:
        if op is ops.AT:
            yield value
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _anchors(branch)
        elif op is ops.SUBPATTERN or op in _REPEATS:
            yield from _anchors(value[-1])


def _width(node: _Node) -> tuple[int, int]:
    """Return the fewest and the most characters that a node takes."""
    if node[0] is ops.GROUPREF:
        return 0, _ENDLESS  # as wide as what the group took
    whole = parser.SubPattern(parser.State(), [node])
    low, high = whole.getwidth()
    return int(low), min(int(high), _ENDLESS)


def _meets(width: tuple[int, int], least: int, most: int) -> bool:
    return width[0] <= most and width[1] >= least


# ---- characters --------------------------------------------------------------------------------

# Those of which Rust and Python think alike; letters come first, for readable examples.
_POOL = (
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\t\néßñΩж中あ٣😀—\u2003"
)


def _characters(node: _Node, flags: int) -> list[str]:
    """Return characters that a node for a single one matches; not all, if there are many."""
    op, value = node
    if op is ops.LITERAL:
        return _cases(value) if flags & re.IGNORECASE else [chr(value)]
    if op is ops.ANY:
        return [c for c in _POOL if c != "\n" or flags & re.DOTALL]
    if op is ops.NOT_LITERAL:
        without = _cases(value) if flags & re.IGNORECASE else [chr(value)]
        return [c for c in _POOL if c not in without]
    members = list(value)
    if members[0][0] is ops.NEGATE:
        # Beyond, what stands for a class of Unicode has not all of its characters.
        near = [c for c in _POOL if ord(c) < _FAR]
        return [c for c in near if not any(_is_member(c, m, flags) for m in members[1:])]
    named = [c for m in members for c in _named(m)]
    classes = [m for m in members if m[0] is ops.CATEGORY]
    found = {*named, *(c for c in _POOL if any(_is_member(c, m, 0) for m in classes))}
    return [c for c in _POOL if c in found] + [c for c in named if c not in _POOL]


_FAR = 0x500


def _cases(code: int) -> list[str]:
    letter = chr(code)
    return [c for c in dict.fromkeys((letter, letter.lower(), letter.upper())) if len(c) == 1]


def _is_member(letter: str, member: _Node, flags: int) -> bool:
    op, value = member
    if op is ops.CATEGORY:
        return re.match(_SHORT[value], letter) is not None
    cases = _cases(ord(letter)) if flags & re.IGNORECASE else [letter]
    low, high = value if op is ops.RANGE else (value, value)
    return any(low <= ord(c) <= high for c in cases)


_SHORT = {
    ops.CATEGORY_DIGIT: r"\d", ops.CATEGORY_NOT_DIGIT: r"\D", ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W", ops.CATEGORY_SPACE: r"\s", ops.CATEGORY_NOT_SPACE: r"\S",
}  # fmt: skip


def _named(member: _Node) -> list[str]:
    """Return characters that a class names by themselves, some of a long range."""
    op, value = member
    if op is ops.LITERAL:
        return [chr(value)]
    if op is not ops.RANGE:
        return []
    low, high = value
    codes = {*range(low, high, max(1, (high - low) // 40)), high}
    return [chr(c) for c in sorted(codes) if not 0xD800 <= c <= 0xDFFF and c > 0]


# ---- from Rust to Python -----------------------------------------------------------------------


@cache
def _parsed(source: str) -> Any:
    """Return the expression as Python parses it. Raises Undrawable."""
    try:
        with warnings.catch_warnings():
            # Of what Rust reads as an operation on classes, and Python does not.
            warnings.simplefilter("error", FutureWarning)
            return parser.parse(_translated(source))
    except (re.error, KeyError, FutureWarning) as error:
        raise Undrawable(
            f"the pattern {source!r} has syntax that no text is drawn for ({error})",
            "say what to draw with `overrides={...}`, or register the annotated type with"
            " `strategies.register`",
        ) from None


_POSIX = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "0-9A-Za-z", "upper": "A-Z", "lower": "a-z",
    "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f", "space": r"\t\n ", "blank": r"\t ",
    "punct": r"!-/:-@\[-`{-~", "ascii": r"\x20-\x7e", "print": r"\x20-\x7e", "graph": r"!-~",
    "cntrl": r"\x01-\x1f",
}  # fmt: skip
_TOKEN = re.compile(
    r"\\(?:p|P)(?:\{(?P<long>[\w=:]+)\}|(?P<short>\w))"
    r"|\\x\{(?P<code>[0-9A-Fa-f]+)\}|\\u\{(?P<unicode>[0-9A-Fa-f]+)\}"
    r"|\[:(?P<posix>\w+):\]|(?P<name>\(\?<(?![=!]))|(?P<end>\\z)|(?P<escape>\\.)"
    r"|(?P<open>\[\^?\]?)|(?P<close>\])|(?P<dollar>\$)",
    re.DOTALL,
)


def _translated(source: str) -> str:
    """Return the same expression for Python; it may match less, and never more."""
    multiline = re.match(r"\(\?[a-z]*m", source) is not None
    inside = False

    def token(found: re.Match[str]) -> str:
        nonlocal inside
        kind = found.lastgroup
        text = found.group()
        if kind in ("long", "short"):
            members = _members(found["long"] or found["short"], negated=text[1] == "P")
            return members if inside else f"[{members}]"
        if kind in ("code", "unicode"):
            return re.escape(chr(int(found[kind], 16)))
        if kind == "posix" and inside:
            return _POSIX[found["posix"]]
        if kind == "name":
            return "(?P<"
        if kind == "end":
            return r"\Z"
        if kind == "open":
            was, inside = inside, True
            return "\\" + text if was else text
        if kind == "close":
            inside = False
        if kind == "dollar" and not inside and not multiline:
            return r"\Z"
        return text

    return _TOKEN.sub(token, source)


_SCRIPTS = {
    "Latin": "A-Za-zÀ-ÖØ-öø-ÿ", "Greek": "\u03b1-\u03c9", "Cyrillic": "\u0430-\u044f",
    "Han": "一-龥", "Hiragana": "ぁ-ゖ", "Katakana": "ァ-ヺ", "Arabic": "\u0627-\u064a",
    "Hebrew": "א-ת", "Thai": "ก-ฮ",
}  # fmt: skip
_CATEGORIES = {
    "Letter": "L", "Number": "N", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
    "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Mark": "M", "Decimal_Number": "Nd",
    "Uppercase": "Lu", "Lowercase": "Ll", "Alphabetic": "L", "White_Space": "Zs",
}  # fmt: skip


@cache
def _members(name: str, *, negated: bool) -> str:
    """Return characters of a class of Unicode, for use inside brackets."""
    name = name.rpartition("=")[2]
    if name in _SCRIPTS and not negated:
        return _SCRIPTS[name]
    category = _CATEGORIES.get(name, name)
    if category not in _KNOWN:
        raise KeyError(f"\\p{{{name}}}")
    found = [
        chr(code)
        for code in range(0x20, _FAR)
        if unicodedata.category(chr(code)).startswith(category) is not negated
        and unicodedata.category(chr(code)) != "Cn"
    ]
    return "".join(map(re.escape, found))


_KNOWN = {unicodedata.category(chr(code)) for code in range(0x3000)}
_KNOWN |= {category[0] for category in _KNOWN}
