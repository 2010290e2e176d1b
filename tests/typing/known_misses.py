"""Errors that a type checker does not see, and why."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["KNOWN_MISSES"]

_ALL = ("mypy", "pyright", "ty", "pyrefly")

_NO_HOOK = (
    "`and`, `or` and `if` take any object, and this checker does not look at its `__bool__`; all of"
    " them raise at run time"
)
_UNUSED = "`==` takes any object; its result is wrong, but goes nowhere"
_CLASS_KEYWORDS = (
    "the metaclass of pydantic takes any keyword, so `__init_subclass__` is not asked; a plain"
    " BaseModel is the same; it raises at run time"
)
_PYDANTIC_EXTRA = (
    "its built-in support for pydantic adds a `**extra` to every constructor; a plain BaseModel"
    " is the same"
)
_PYDANTIC_SPECIFIER = (
    "its built-in support for pydantic takes what any function but `pydantic.Field` returns for a"
    " default"
)
_PYDANTIC_SET = (
    "its built-in support for pydantic takes anything for a field whose type is a descriptor, and"
    " does not look at `__set__`"
)
_ANY_SELECT = (
    "where a `Select` of another type is expected, it falls back on the overload of"
    " `sqlalchemy.select` that takes everything and promises nothing"
)
_ONE_MODEL = (
    "two arguments that must be of one model are taken for those of a base that they share, which"
    " is `Model`; a signature that tells them apart refuses a `type[Any]` as well"
)
_LITERAL = "it takes `LiteralString` for `str`"

KNOWN_MISSES: Mapping[str, Mapping[str, str]] = {
    "bare-comparison": dict.fromkeys(_ALL, _UNUSED),
    # -- Python's own logic
    "and": {"mypy": _NO_HOOK, "pyright": _NO_HOOK},
    "or": {"mypy": _NO_HOOK, "pyright": _NO_HOOK},
    "chained-comparison": {
        "mypy": _NO_HOOK,
        "pyright": _NO_HOOK,
        "pyrefly": "it sees the `and` of two comparisons only where it is written out",
    },
    "if": {"mypy": _NO_HOOK, "pyright": _NO_HOOK},
    # -- the class statement
    "misspelt-class-keyword": dict.fromkeys(_ALL, _CLASS_KEYWORDS),
    "unknown-variant": dict.fromkeys(("mypy", "pyright", "pyrefly"), _CLASS_KEYWORDS),
    "table-of-wrong-type": dict.fromkeys(("mypy", "pyright", "pyrefly"), _CLASS_KEYWORDS),
    # -- construction
    "missing-argument": {"pyrefly": _PYDANTIC_SPECIFIER},
    "argument-of-wrong-type": {"pyrefly": _PYDANTIC_SET},
    "argument-of-variant-of-wrong-type": {"pyrefly": _PYDANTIC_SET},
    "none-for-required": {"pyrefly": _PYDANTIC_SET},
    "not-of-the-literal": {"pyrefly": _PYDANTIC_SET},
    "unknown-argument": {"ty": _PYDANTIC_EXTRA, "pyrefly": _PYDANTIC_EXTRA},
    "version-given": {"ty": _PYDANTIC_EXTRA, "pyrefly": _PYDANTIC_EXTRA},
    "argument-for-generated": {"ty": _PYDANTIC_EXTRA, "pyrefly": _PYDANTIC_EXTRA},
    # -- relations
    "relation-as-argument": {"ty": _PYDANTIC_EXTRA, "pyrefly": _PYDANTIC_EXTRA},
    "related-list-as-argument": {"ty": _PYDANTIC_EXTRA, "pyrefly": _PYDANTIC_EXTRA},
    # -- SQLAlchemy
    "in-wrong-select": {"mypy": _ANY_SELECT},
    "select-of-another-type": {"mypy": _ANY_SELECT},
    "rows-of-another-type": {"mypy": _ANY_SELECT},
    # -- tests
    "filters-near-another-model": dict.fromkeys(_ALL, _ONE_MODEL),
    "updates-of-another-model": dict.fromkeys(_ALL, _ONE_MODEL),
    "register-another-type": dict.fromkeys(_ALL, _ONE_MODEL),
    "machine-of-others": dict.fromkeys(_ALL, _ONE_MODEL),
    # -- SQL of the user's own
    "sql-f-string": {"mypy": _LITERAL},
    "sql-concatenated": {"mypy": _LITERAL},
    "sql-of-any-text": {"mypy": _LITERAL},
}
"""The name of a mark: each checker that is known to miss it: the reason."""
