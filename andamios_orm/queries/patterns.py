"""Text that fits a pattern: LIKE on every engine, minding case unless told not to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from andamios_orm.errors import WrongType
from andamios_orm.queries.conditions import Condition
from andamios_orm.queries.nodes import Binder, Key, Term, combined
from andamios_orm.schema.columns import Stored
from andamios_orm.schema.spec import Kind, Storage

__all__ = ["PatternMatch", "beyond_like", "escape_like", "to_glob"]


class PatternMatch(Condition):
    """`text LIKE pattern`, minding the case of letters or not."""

    __slots__ = ("ignore_case", "pattern", "text")

    def __init__(self, text: Term, pattern: str, *, ignore_case: bool) -> None:
        if len(pattern) - len(pattern.rstrip("\\")) & 1:
            raise WrongType(
                f"the LIKE pattern for {text!r} ends in a lone backslash, which escapes nothing",
                "double the backslash to match one, or use contains(), startswith(), endswith()",
            )
        self.text, self.pattern, self.ignore_case = text, pattern, ignore_case

    def key(self) -> Key:
        return combined("like", self.ignore_case, self.text.key())

    def values(self, into: list[object]) -> None:
        self.text.values(into)
        into += [self.pattern] * (1 if self.ignore_case else 3)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        text = self.text.clause(binder)
        kinds = (_Pattern,) if self.ignore_case else (_CasePattern, _Start, _End)
        pattern, *bounds = (binder.bind(self.pattern, kind(repr(self.text))) for kind in kinds)
        if self.ignore_case:
            return text.ilike(pattern, escape="\\")
        return _Like(text, pattern, *bounds)

    def models(self, into: set[type[BaseModel]]) -> None:
        self.text.models(into)

    def __repr__(self) -> str:
        return f"{self.text!r} {'ILIKE' if self.ignore_case else 'LIKE'} ..."


class _Pattern(Stored):
    """What a pattern is bound as: text that any text column could hold."""

    cache_ok = True

    def __init__(self, field: str) -> None:
        super().__init__(Storage(Kind.TEXT, (str,)), None, field=field)


class _CasePattern(_Pattern):
    r"""A LIKE pattern, `\` escaping; on SQLite the GLOB pattern that means the same.

    SQLite's LIKE ignores the case of ASCII letters, its GLOB does not.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], object] | None:
        """See SQLAlchemy."""
        check = cast("Callable[[str], str]", super().bind_processor(dialect))
        return (lambda value: to_glob(check(value))) if dialect.name == "sqlite" else check


class _Start(_Pattern):
    """A LIKE pattern, of which the start of `beyond_like` is bound."""

    cache_ok = True
    _side = 0

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], object] | None:
        """See SQLAlchemy."""
        check = cast("Callable[[str], str]", super().bind_processor(dialect))
        return lambda value: beyond_like(check(value))[self._side]


class _End(_Start):
    """A LIKE pattern, of which the end of `beyond_like` is bound."""

    cache_ok = True
    _side = 1


_GLOB_ESCAPES = {"*": "[*]", "?": "[?]", "[": "[[]"}


def to_glob(pattern: str) -> str:
    r"""Return the GLOB pattern that matches what the LIKE pattern matches.

    >>> to_glob(r"50\% of %")
    '50% of *'
    """
    out: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            out.append(_GLOB_ESCAPES.get(escaped, escaped))
        else:
            out.append(
                {"%": "*", "_": "?"}.get(character) or _GLOB_ESCAPES.get(character, character)
            )
    return "".join(out)


_FIXED = re.compile(r"((?:[^\\%_]|\\.)*)[%_]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LAST = "\U0010ffff"
# After all texts as an index of MariaDB has them, of 768 characters at most.
_BEYOND_ALL = _LAST * 769


def beyond_like(pattern: str) -> tuple[str, str]:
    r"""Return between which texts those are that MariaDB does not look for in an index.

    Of what matches `a%` it takes the texts from `a` to `a` and many U+FFFF. What is beyond, such as
    `a😀`, it misses (10.11; the collations of `_MISSING`). For a pattern that begins with a
    wildcard or has none it is right, and nothing is between the two.

    >>> beyond_like("ab%") == ("ab\uffff", "ac")
    True
    """
    found = _FIXED.match(pattern)
    start = _ESCAPED.sub(r"\1", found[1]) if found else ""
    if not start:
        return "", ""
    if not (kept := start.rstrip(_LAST)):
        return start + "\uffff", _BEYOND_ALL
    following = ord(kept[-1]) + 1
    # The surrogates are no characters.
    return start + "\uffff", kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def escape_like(text: str) -> str:
    r"""Return `text` as a LIKE pattern that matches exactly it.

    >>> escape_like("50%")
    '50\\%'
    """
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


class _Like(FunctionElement[bool]):
    """`text LIKE pattern`, minding case on every engine."""

    inherit_cache = True
    type = sa.Boolean()
    # Else SQLAlchemy writes `(...) = 1` on engines without booleans, which no index serves.
    _is_implicitly_boolean = True


def _infix(operator: str, element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    # The compiler binds what it is given to write, and the two bounds are not written here.
    text, pattern, *_ = element.clauses
    return f"{compiler.process(text, **kw)} {operator} {compiler.process(pattern, **kw)}"


@compiles(_Like)
def _render_like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({_infix('LIKE', element, compiler, **kw)})"


_MISSING = "^utf8mb4_([^gu]|german|unicode_[cn])"
"""The collations of MariaDB whose indexes miss what is beyond a LIKE: binary ones, as that of our
tables, and those of older versions of Unicode; all that there are in 10.11 were tried."""


@compiles(_Like, "mysql", "mariadb")
def _render_like_in_index(element: _Like, compiler: Any, **kw: Any) -> str:
    like = _infix("LIKE", element, compiler, **kw)
    column, pattern, *bounds = element.clauses
    # Nothing but a column has an index.
    if not compiler.dialect.is_mariadb or not isinstance(column, sa.ColumnClause):
        return f"({like})"
    # In our tables both halves are ranges of the index; CONCAT keeps the second LIKE from narrowing
    # its range. Before a statement runs MariaDB knows the column's collation: where it is one that
    # misses nothing, the second half is gone, and where it is none of ours, so is the index.
    start, end = (f"{compiler.process(bound, **kw)} COLLATE utf8mb4_nopad_bin" for bound in bounds)
    text, pattern = compiler.process(column, **kw), compiler.process(pattern, **kw)
    return (
        f"({like} OR COLLATION({text}) REGEXP '{_MISSING}'"
        f" AND {text} > {start} AND {text} < {end} AND CONCAT({text}) LIKE {pattern})"
    )


@compiles(_Like, "duckdb")
def _render_escaped_like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    # Without the clause nothing escapes there.
    return f"({_infix('LIKE', element, compiler, **kw)} ESCAPE '\\')"


@compiles(_Like, "sqlite")
def _render_glob(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({_infix('GLOB', element, compiler, **kw)})"
