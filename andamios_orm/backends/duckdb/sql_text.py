"""Take apart the SQL that DuckDB's catalog gives back: lists in parentheses, quoted names."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["split_list", "unquoted", "within_parentheses"]

_OPENING = "([{"
_CLOSING = ")]}"


def split_list(text: str) -> list[str]:
    """Split at the commas that are outside quotes and parentheses."""
    commas = [place for place, character, depth in _bare(text) if character == "," and not depth]
    starts = [0, *(comma + 1 for comma in commas)]
    ends = [*commas, len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def within_parentheses(text: str) -> str:
    """Return what is inside the first parentheses."""
    opening = next(place for place, character, _ in _bare(text) if character == "(")
    closing = next(
        place for place, character, depth in _bare(text) if character == ")" and not depth
    )
    return text[opening + 1 : closing]


def unquoted(name: str) -> str:
    """Return a name without the quotes it is written in."""
    quote = name[:1]
    return name[1:-1].replace(quote * 2, quote) if quote in {"'", '"'} else name


def _bare(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield place, character and depth of what is outside quotes; brackets with the outer depth."""
    depth = 0
    quote = ""
    for place, character in enumerate(text):
        if quote:
            # A doubled quote ends the quotation and begins it again, which comes to the same.
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _OPENING:
            yield place, character, depth
            depth += 1
        elif character in _CLOSING:
            depth -= 1
            yield place, character, depth
        else:
            yield place, character, depth
