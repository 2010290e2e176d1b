"""Expressions in pieces, put in one line or in several of usual width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Code", "Group", "flat", "lines_of"]

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Group:
    """A call or a container: what opens it, its items, what closes it."""

    opening: str
    items: tuple[tuple[str, Code], ...]
    """Each with what stands before it: a keyword, a key."""
    closing: str


Code: TypeAlias = str | Group


def flat(code: Code) -> str:
    """Return an expression in one line."""
    if isinstance(code, str):
        return code
    inside = ", ".join(f"{before}{flat(item)}" for before, item in code.items)
    return f"{code.opening}{inside}{code.closing}"


def lines_of(code: Code, before: str = "", indent: str = "") -> Iterator[str]:
    """Yield the lines of an expression, broken up where it is too long for one."""
    line = f"{indent}{before}{flat(code)}"
    if isinstance(code, str) or len(line) < _WIDTH or not code.items:
        yield line
        return
    yield f"{indent}{before}{code.opening}"
    for name, item in code.items:
        *lines, last = lines_of(item, name, f"{indent}    ")
        yield from lines
        yield f"{last},"
    yield f"{indent}{code.closing.lstrip(',')}"
