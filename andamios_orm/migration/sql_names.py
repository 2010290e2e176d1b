"""Names inside a piece of SQL: find them without taking a word in a text for one."""

from __future__ import annotations

import re

__all__ = [
    "as_text",
    "columns_in",
    "is_name",
    "names_in",
    "quoted",
    "renamed_in",
    "unquoted",
    "unwrapped",
]

_TOKEN = re.compile(
    r"""
    (?P<text>'(?:[^']|'')*')            # a text, in which nothing is a name
    | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
    | (?P<number>\d[\w.]*)
    """,
    re.VERBOSE,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


def quoted(name: str, quote: str = '"') -> str:
    """Return a name as it may stand anywhere in SQL."""
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


def names_in(sql: str) -> set[str]:
    """Return the words and quoted names of a piece of SQL, keywords among them."""
    return {_name(found) for found in _TOKEN.finditer(sql) if _name(found)}


def columns_in(sql: str) -> set[str]:
    """Return the names in a piece of SQL that may be columns, not those of functions or types."""
    return {
        _name(found)
        for found in _TOKEN.finditer(sql)
        if _name(found) and not _is_call(found) and not _AS.search(sql, 0, found.start())
    }


_AS = re.compile(r"\bAS\s+\Z", re.IGNORECASE)


def renamed_in(sql: str, old: str, new: str) -> str:
    """Return the SQL with one name replaced, quoted or not, and texts left as they are.

    A word before a parenthesis is a function's name, and no column's.
    """

    def put(found: re.Match[str]) -> str:
        if _name(found) != old or _is_call(found):
            return found.group()
        if found.lastgroup == "word":
            return new if _PLAIN.match(new) else quoted(new)
        mark = found.group()[0]
        return f"[{new}]" if mark == "[" else quoted(new, mark)

    return _TOKEN.sub(put, sql)


def _is_call(found: re.Match[str]) -> bool:
    return found.lastgroup == "word" and found.string[found.end() :].lstrip().startswith("(")


def _name(found: re.Match[str]) -> str:
    """Return the name that a token is, empty for one that is none."""
    if found.lastgroup == "word":
        return found.group()
    if found.lastgroup == "quoted":
        mark = found.group()[0]
        inner = found.group()[1:-1]
        return inner if mark == "[" else inner.replace(mark * 2, mark)
    return ""


_NAME = re.compile(r"[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*\Z|\"(?:[^\"]|\"\")+\"\Z|`[^`]+`\Z")
_BOUND = re.compile(r"(?<![:\w\\]):(?=\w)")


def is_name(sql: str) -> bool:
    """Whether a piece of SQL is one name and nothing else."""
    return _NAME.match(sql) is not None


def unquoted(name: str) -> str:
    """Return a name as it is called, written with quotes or without."""
    found = _TOKEN.match(name)
    return name if found is None else _name(found)


def as_text(sql: str) -> str:
    """Return the SQL for SQLAlchemy's `text()`, which takes `:name` for a parameter."""
    return _BOUND.sub(r"\\:", sql)


def unwrapped(sql: str) -> str:
    """Return the SQL without the parentheses around all of it."""
    found = sql.strip()
    while found.startswith("(") and found.endswith(")") and _closes_at(found) == len(found) - 1:
        found = found[1:-1].strip()
    return found


def _closes_at(sql: str) -> int:
    """Return where the parenthesis that the text begins with is closed; -1 for nowhere."""
    depth, place = 0, 0
    while place < len(sql):
        token = _TOKEN.match(sql, place)
        if token is not None:
            place = token.end()
            continue
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return place
        place += 1
    return -1
