"""Text that fits a pattern: LIKE on every engine, minding case unless told not to."""

from __future__ import annotations

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

__all__ = ["PatternMatch", "escape_like", "to_glob"]


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
        into.append(self.pattern)

    def clause(self, binder: Binder) -> ColumnElement[Any]:
        text = self.text.clause(binder)
        if self.ignore_case:
            return text.ilike(binder.bind(self.pattern, _Pattern(repr(self.text))), escape="\\")
        return _Like(text, binder.bind(self.pattern, _CasePattern(repr(self.text))))

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


@compiles(_Like)
def _render_like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    text, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({text} LIKE {pattern})"


@compiles(_Like, "duckdb")
def _render_escaped_like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    # Without the clause nothing escapes there.
    text, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({text} LIKE {pattern} ESCAPE '\\')"


@compiles(_Like, "sqlite")
def _render_glob(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    text, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({text} GLOB {pattern})"
