"""Cut SQL text of SQLite into words, names, strings and signs, and write it in one way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

__all__ = ["Token", "canonical", "quoted", "tokens_of", "written"]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of SQL: a `word`, a quoted `name`, a `text` in single quotes, or a `sign`.

    `value` is what stands there, of a name or text what is inside of its quotes.
    """

    kind: str
    value: str

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, in whatever case."""
        return self.kind == "word" and self.value.upper() in words

    def is_sign(self, sign: str) -> bool:
        """Whether it is this sign."""
        return self.kind == "sign" and self.value == sign


_PIECE = re.compile(
    r"""
      (?P<space> \s+ | --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<text> '(?:[^']|'')*' )
    | (?P<double> "(?:[^"]|"")*" )
    | (?P<back> `(?:[^`]|``)*` )
    | (?P<bracket> \[[^\]]*\] )
    | (?P<blob> [xX]'[0-9a-fA-F]*' )
    | (?P<number> 0[xX][0-9a-fA-F]+ | (?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<sign> \|\| | ->>? | << | >> | <= | >= | <> | == | != | . )
    """,
    re.VERBOSE | re.DOTALL,
)


def tokens_of(sql: str) -> Sequence[Token]:
    """Return the pieces of SQL that SQLite has accepted, without spaces and comments."""
    return tuple(_tokens(sql))


def _tokens(sql: str) -> Iterator[Token]:
    for found in _PIECE.finditer(sql):
        kind, piece = found.lastgroup, found[0]
        if kind == "text":
            yield Token("text", piece[1:-1].replace("''", "'"))
        elif kind == "double":
            yield Token("double", piece[1:-1].replace('""', '"'))
        elif kind == "back":
            yield Token("name", piece[1:-1].replace("``", "`"))
        elif kind == "bracket":
            yield Token("name", piece[1:-1])
        elif kind in ("blob", "number"):
            yield Token("number", piece)
        elif kind in ("word", "sign"):
            yield Token(kind, piece)


_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = SQLiteIdentifierPreparer.reserved_words | {
    *("always", "cast", "do", "filter", "generated", "nothing", "over", "returning", "window")
}


def quoted(name: str) -> str:
    """Return a name as it stands in SQL, in quotes only where it needs them."""
    if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


_SPOKEN = frozenset(
    {
        *("AND", "AS", "ASC", "BETWEEN", "CASE", "CAST", "COLLATE", "CURRENT_DATE", "CURRENT_TIME"),
        *("CURRENT_TIMESTAMP", "DESC", "DISTINCT", "ELSE", "END", "ESCAPE", "EXISTS", "FALSE"),
        *("FROM", "GLOB", "IN", "IS", "ISNULL", "LIKE", "NOT", "NOTNULL", "NULL", "OR", "THEN"),
        *("TRUE", "WHEN"),
    }
)
"""The keywords of expressions; any other word is the name of a column, function or type."""

_VALUE_WORDS = frozenset({"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "END", "NULL"})
"""Those that end a value, so that a minus after them is a subtraction."""


def canonical(tokens: Sequence[Token], columns: Collection[str] = ()) -> str:
    """Return an expression with the same spaces, quotes and case however it was written.

    A column is written as it is declared. A name in double quotes that is no column is left in
    them, as SQLite takes it for a text.
    """
    declared = {name.lower(): name for name in columns}
    pieces: list[str] = []
    glued = True  # nothing comes between what is before and the next piece
    value = False  # what is before is a value, so that a minus is between two
    for position, token in enumerate(tokens):
        piece = _piece(token, tokens[position + 1 : position + 2], declared)
        opens, word = token.is_sign("("), token.kind == "word"
        before = tokens[position - 1] if position else None
        called = opens and before is not None and _is_called(before)
        closes = token.kind == "sign" and token.value in ").,"
        if not (glued or called or closes):
            pieces.append(" ")
        pieces.append(piece)
        unary = token.kind == "sign" and token.value in "+-~" and not value
        glued = opens or unary or token.is_sign(".")
        keyword = word and piece in _SPOKEN and piece not in _VALUE_WORDS
        value = token.is_sign(")") or (token.kind != "sign" and not keyword)
    return "".join(pieces)


def _is_called(token: Token) -> bool:
    return token.kind == "word" and (token.value.upper() not in _SPOKEN or token.is_word("CAST"))


def _piece(token: Token, following: Sequence[Token], declared: dict[str, str]) -> str:
    if token.kind == "word":
        if token.value.upper() in _SPOKEN:
            return token.value.upper()
        if following and following[0].is_sign("("):
            return token.value  # a function may be called like a column
        found = declared.get(token.value.lower())
        return token.value if found is None else quoted(found)
    if token.kind == "double":
        found = declared.get(token.value.lower())
        return written(token) if found is None else quoted(found)
    return written(token)


def written(token: Token) -> str:
    """Return a piece as SQL."""
    if token.kind == "text":
        return "'" + token.value.replace("'", "''") + "'"
    if token.kind == "double":
        return '"' + token.value.replace('"', '""') + '"'
    return quoted(token.value) if token.kind == "name" else token.value
